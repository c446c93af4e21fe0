from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics.ssim import ssim


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 11, 25), (3, 40, 33)])
def test_agrees_with_scikit_image(shape: tuple[int, int, int], generator: torch.Generator) -> None:
    x = torch.rand(4, *shape, generator=generator, dtype=torch.float64)
    y = (x + 0.3 * torch.randn(x.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = [
        structural_similarity(a, b, data_range=1.0, channel_axis=0, **options)
        for a, b in zip(x.numpy(), y.numpy(), strict=True)
    ]
    np.testing.assert_allclose(ssim(x, y), expected, atol=1e-10)
    # The inputs rounded to float32 lose 6e-8, divided by at least C2 = 9e-4.
    np.testing.assert_allclose(ssim(x.float(), y.float()), expected, atol=1e-4)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_flat_images_are_like_themselves(level: float) -> None:
    flat = torch.full((2, 3, 16, 16), level)
    # Variances are differences of squares: 1e-16, divided by C2 = 9e-4, over 121 pixels.
    assert ssim(flat, flat).tolist() == pytest.approx([1, 1], abs=1e-10)


def test_is_symmetric(generator: torch.Generator) -> None:
    x, y = torch.rand(2, 4, 3, 20, 20, generator=generator)
    torch.testing.assert_close(ssim(x, y), ssim(y, x))


def test_needs_a_window() -> None:
    with pytest.raises(InvalidParameterError, match="11 x 11"):
        ssim(torch.rand(1, 3, 10, 32), torch.rand(1, 3, 10, 32))
