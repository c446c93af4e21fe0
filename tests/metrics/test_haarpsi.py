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
    )
}


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 16, 40), (3, 33, 47)])
def test_agrees_with_piq(shape: tuple[int, int, int], generator: torch.Generator) -> None:
    x = torch.rand(4, *shape, generator=generator, dtype=torch.float64)
    y = (x + 0.3 * torch.randn(x.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)
    expected = piq.haarpsi(x, y, data_range=1.0, reduction="none")
    torch.testing.assert_close(haarpsi(2 * x - 1, 2 * y - 1), expected, rtol=0, atol=1e-10)


def test_bad_input() -> None:
    with pytest.raises(InvalidParameterError, match="channels"):
        haarpsi(*[torch.zeros(1, 4, 32, 32)] * 2)
