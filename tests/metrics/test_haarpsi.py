from __future__ import annotations

import piq
import pytest
import torch

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics.haarpsi import haarpsi

from .case import Case

CASES = {
    "haarpsi": Case(
        "HaarPSI",
        lambda x: haarpsi(x, x.flip(-1)),
        images=True,
        compare=haarpsi,
        identity=1.0,
        symmetric=True,
        least=16,
    ),
}


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 16, 40), (3, 33, 47)])
def test_agrees_with_piq(shape: tuple[int, int, int], generator: torch.Generator) -> None:
    x = torch.rand(4, *shape, generator=generator, dtype=torch.float64)
    y = (x + 0.3 * torch.randn(x.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)
    expected = piq.haarpsi(x, y, data_range=1.0, reduction="none")
    torch.testing.assert_close(haarpsi(2 * x - 1, 2 * y - 1), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("level", [-1.0, 0.0, 1.0])
def test_flat_images_are_like_themselves(level: float) -> None:
    flat = torch.full((2, 3, 16, 16), level)
    # The inverse of the sigmoid multiplies float32's 6e-8 by 68; black has no weights at all, 0 / 0 in piq.
    assert haarpsi(flat, flat).tolist() == pytest.approx([1, 1], abs=1e-4)


def test_bad_input() -> None:
    small, four = torch.zeros(1, 3, 15, 32), torch.zeros(1, 4, 32, 32)
    with pytest.raises(InvalidParameterError, match="16 x 16"):
        haarpsi(small, small)
    with pytest.raises(InvalidParameterError, match="1 or 3 channels, got 4"):
        haarpsi(four, four)
