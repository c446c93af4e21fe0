from __future__ import annotations

import importlib
import sys

import pytest
import skimage.data
import torch

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics.st_lpips import st_lpips, st_lpips_features, st_lpips_vgg
from spectral_collapse.metrics.weights import MissingWeightsError

from .case import Case

CASES = {
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
