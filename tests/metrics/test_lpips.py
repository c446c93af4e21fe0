"""Distances of two images by the features of a network."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import skimage.data
import torch

from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.metrics.lpips_distance import SMALLEST, lpips, lpips_alex, lpips_squeeze, lpips_vgg
from spectral_collapse.metrics.st_lpips import st_lpips, st_lpips_features, st_lpips_vgg
from spectral_collapse.metrics.weights import SOURCES, MissingWeightsError, find

from .case import Case
from .images import textures
from .made_weights import made_weights

CASES = {
    f"lpips_{network}": Case(
        "LPIPS",
        lambda x, score=score, network=network: score(x, x.flip(-1), made_weights(network)),
        images=True,
        compare=lambda x, y, score=score, network=network: score(x, y, made_weights(network)),
        identity=0.0,
        symmetric=True,
        least=SMALLEST[network],
    )
    for network, score in (("alex", lpips_alex), ("vgg", lpips_vgg), ("squeeze", lpips_squeeze))
}


@pytest.mark.parametrize("network", ["alex", "vgg", "squeeze"])
def test_agrees_with_torchmetrics(network: str, generator: torch.Generator) -> None:
    from torchmetrics.functional.image import lpips as torchmetrics_lpips

    with torch.device("meta"):
        theirs = torchmetrics_lpips._LPIPS(pretrained=False, net=network, pnet_rand=True)
    heads = Path(torchmetrics_lpips.__file__).parent / "lpips_models" / f"{network}.pth"
    theirs.load_state_dict(torch.load(heads, map_location="cpu"), strict=False, assign=True)
    x, y = textures(3, generator, size=40), textures(3, generator, size=40)
    state = torch.load(made_weights(network) / SOURCES[network].filename)
    features = [value for key, value in state.items() if key.startswith("features.")]
    # The same layers in the same order, under other names.
    theirs.net.load_state_dict(dict(zip(theirs.net.state_dict(), features, strict=True)), assign=True)
    with torch.no_grad():
        expected = theirs.eval()(x, y).flatten()
    # The same operations in another package; features are sums of up to 5000 float32 products.
    torch.testing.assert_close(lpips(x, y, network, made_weights(network)).float(), expected, rtol=1e-4, atol=1e-6)


def test_published_values() -> None:
    """torchmetrics' example: two pairs of uniform noise, torch.manual_seed 42."""
    try:
        found = find("squeeze")
    except MissingWeightsError as missing:
        pytest.skip(str(missing))
    assert found.published
    generator = torch.Generator().manual_seed(42)
    x, y = (torch.rand(2, 3, 100, 100, generator=generator) * 2 - 1 for _ in range(2))
    assert lpips(x, y, "squeeze").tolist() == pytest.approx([0.1024, 0.0938], abs=1e-4)


def test_grey_counts_as_three_equal_channels_and_more_are_refused(generator: torch.Generator) -> None:
    x, y = textures(2, generator, channels=1), textures(2, generator, channels=1)
    folder = made_weights("squeeze")
    expected = lpips(x.expand(-1, 3, -1, -1), y.expand(-1, 3, -1, -1), "squeeze", folder)
    torch.testing.assert_close(lpips(x, y, "squeeze", folder), expected)
    images = torch.zeros(1, 3, 40, 40)
    with pytest.raises(InvalidParameterError, match="alex, vgg, squeeze"):
        lpips(images, images, "resnet")
    with pytest.raises(InvalidParameterError, match="1 or 3 channels, got 4"):
        lpips(torch.zeros(1, 4, 40, 40), torch.zeros(1, 4, 40, 40), "alex")


def test_a_wrong_file_is_refused(tmp_path: Path) -> None:
    path, images = tmp_path / SOURCES["alex"].filename, torch.zeros(1, 3, 40, 40)
    another = (made_weights("vgg") / SOURCES["vgg"].filename).read_bytes()
    for content in (b"", b"<html>404</html>", another):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="does not hold torchvision's features"):
            lpips(images, images, "alex", tmp_path)


CASES |= {
    score.__name__: Case(
        "ST-LPIPS",
        lambda x, score=score: score(x, x.flip(-1)),
        images=True,
        compare=score,
        identity=0.0,
        symmetric=True,
        least=32,
    )
    for score in (st_lpips, st_lpips_vgg)
}


@pytest.fixture(scope="module")
def photos() -> torch.Tensor:
    """Windows of 64 pixels of two photographs, 2 x 3 x 64 x 64."""
    windows = [getattr(skimage.data, name)()[100:164, 100:164] for name in ("astronaut", "coffee")]
    return torch.stack([torch.from_numpy(window.copy()).permute(2, 0, 1) / 127.5 - 1 for window in windows])


def test_it_grows_with_damage_and_hardly_with_a_shift(photos: torch.Tensor, generator: torch.Generator) -> None:
    noise = torch.randn(photos.shape, generator=generator)
    damaged = [st_lpips((photos + size * noise).clamp(-1, 1), photos) for size in (0.05, 0.1, 0.2, 0.4)]
    assert (torch.stack(damaged).diff(dim=0) > 0).all()
    other = st_lpips(photos.flip(0), photos)
    assert (other > damaged[1]).all()
    shifted = st_lpips(photos[..., 1:], photos[..., :-1])
    assert (shifted < other / 10).all()


def test_features_are_moments_of_five_layers_and_grey_is_three_equal_channels(photos: torch.Tensor) -> None:
    """64 + 192 + 384 + 256 + 256 channels of AlexNet, each with mean and standard deviation."""
    features = st_lpips_features(photos)
    assert features.shape == (2, 2 * 1152)
    assert (features[:, 1152:] >= 0).all()
    assert torch.allclose(features[1:], st_lpips_features(photos[1:]), atol=1e-5)
    grey = photos.mean(1, keepdim=True)
    assert torch.equal(st_lpips_features(grey), st_lpips_features(grey.expand(-1, 3, -1, -1)))


def test_what_it_cannot_do_is_said(photos: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidParameterError, match="unknown network of ST-LPIPS 'resnet'"):
        st_lpips(photos, photos, "resnet")
    with pytest.raises(InvalidParameterError, match="channels; 2 were given"):
        st_lpips_features(photos[:, :2])
    importlib.import_module("spectral_collapse.metrics.st_lpips")._model.cache_clear()
    monkeypatch.setitem(sys.modules, "stlpips_pytorch.stlpips", None)
    with pytest.raises(MissingWeightsError, match=r"pip install 'spectral-collapse\[scores\]'"):
        st_lpips(photos, photos)
