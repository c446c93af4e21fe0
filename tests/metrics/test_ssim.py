from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from spectral_collapse.metrics.ssim import ssim

from .case import Case
from .images import textures

CASES = {
    "ssim": Case(
        "SSIM", lambda x: ssim(x, x.flip(-1)), images=True, compare=ssim, identity=1.0, symmetric=True, least=11
    )
}


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 11, 25), (3, 40, 33)])
def test_agrees_with_scikit_image(shape: tuple[int, int, int], generator: torch.Generator) -> None:
    x = torch.rand(4, *shape, generator=generator, dtype=torch.float64)
    y = (x + 0.3 * torch.randn(x.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = [
        structural_similarity(a, b, data_range=1.0, channel_axis=0, **options)
        for a, b in zip(x.numpy(), y.numpy(), strict=True)
    ]
    np.testing.assert_allclose(ssim(2 * x - 1, 2 * y - 1), expected, atol=1e-10)
    # float32 carries 6e-8, divided by at least C2 = 9e-4.
    np.testing.assert_allclose(ssim((2 * x - 1).float(), (2 * y - 1).float()), expected, atol=1e-4)


def test_an_image_is_exactly_like_itself(generator: torch.Generator) -> None:
    flat = [torch.full((1, 3, 16, 16), level) for level in (-1.0, -0.4, 1.0)]
    images = torch.cat((*flat, textures(1, generator, size=16)))
    assert ssim(images, images).tolist() == [1] * 4


def test_flat_images_differ_by_their_luminance() -> None:
    dark, light = torch.full((1, 1, 16, 16), -0.6), torch.full((1, 1, 16, 16), 0.2)  # 0.2 and 0.6 on 0..1
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert ssim(dark, light).item() == pytest.approx(expected, abs=1e-4)


def test_an_inverted_texture_has_negative_similarity(generator: torch.Generator) -> None:
    x = textures(2, generator, slope=0.0)
    assert (ssim(x, -x) < -0.8).all()
