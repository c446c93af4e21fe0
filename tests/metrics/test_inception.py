from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.metrics import inception
from spectral_collapse.metrics.weights import SOURCES

from .images import textures
from .made_weights import made_weights


def test_agrees_with_clean_fid(tmp_path: Path, generator: torch.Generator) -> None:
    from cleanfid import fid as clean
    from cleanfid.inception_torchscript import InceptionV3W
    from PIL import Image

    images, folder = textures(3, generator, size=48), made_weights("inception")
    for index, image in enumerate(((images + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()):
        Image.fromarray(image).save(tmp_path / f"{index}.png")
    network = InceptionV3W(str(folder), download=False)
    expected = clean.get_folder_features(
        str(tmp_path), network, num_workers=0, device=torch.device("cpu"), verbose=False
    )
    found, again = inception.features("FID", images, images, folder)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert again is found  # one pass for the same pixels


def test_a_batch_does_not_matter(generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    images, folder = textures(5, generator, size=20), made_weights("inception")
    whole, _ = inception.features("FID", images, images, folder)
    monkeypatch.setattr(inception, "BATCH", 2)
    inception._features.cache_clear()
    torch.testing.assert_close(inception.features("FID", images, images, folder)[0], whole, rtol=0, atol=1e-5)


def test_grey_and_other_sizes_are_taken_and_other_channels_and_files_refused(
    generator: torch.Generator, tmp_path: Path
) -> None:
    grey, folder = textures(2, generator, channels=1, size=20), made_weights("inception")
    x, y = inception.features("FID", grey, textures(3, generator, channels=1, size=33), folder)
    assert (x.shape, y.shape) == ((2, 2048), (3, 2048))
    assert torch.equal(x, inception.features("FID", *[grey.expand(-1, 3, -1, -1)] * 2, folder)[0])
    folder, images = made_weights("inception"), torch.zeros(2, 3, 20, 20)
    with pytest.raises(InvalidParameterError, match="FID takes images of 1 or 3 channels, got 4"):
        inception.features("FID", torch.zeros(2, 4, 20, 20), torch.zeros(2, 4, 20, 20), folder)
    with pytest.raises(InvalidParameterError, match="images have 3 channels and references 1"):
        inception.features("FID", images, images[:, :1], folder)
    (tmp_path / SOURCES["inception"].filename).write_bytes(b"<html>404</html>")
    with pytest.raises(CheckpointError, match="TorchScript"):
        inception.features("FID", images, images, tmp_path)
