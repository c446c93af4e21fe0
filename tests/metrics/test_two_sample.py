from __future__ import annotations

import math

import pytest
import torch

from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.metrics.two_sample import c2st, classified, memorised

from .case import Case

CASES = {
    "c2st": Case(
        "C2ST",
        lambda x: c2st(torch.cat([x, x.flip(-1)]), torch.cat([x.flip(-2), 0.5 * x])),
        per_sample=False,
        images=True,
        least=None,
    )
}


def test_of_two_gaussians_it_is_the_area_in_closed_form(generator: torch.Generator) -> None:
    """One informative feature, shifted by d standard deviations: the area is Phi(d / sqrt 2)."""
    for shift in (0.0, 0.5, 1.5, 6.0):
        x, y = (torch.randn(1000, 1, generator=generator, dtype=torch.float64) for _ in range(2))
        found = classified(x, y + shift)
        expected = 0.5 * (1 + math.erf(shift / 2))
        # 0 by rounding at the largest shift; cross-validation of no difference scatters more than one classifier
        assert abs(found.score - expected) < 4 * found.standard_error + 1e-3, shift
        assert (found.n_images, found.n_references) == (1000, 1000)


def test_its_standard_error_is_that_of_ranks_where_nothing_differs() -> None:
    """At an area of 1/2, Hanley and McNeil's variance is that of the Mann-Whitney statistic, (n + m + 1) / (12 n m)."""
    from spectral_collapse.metrics.two_sample import _standard_error

    for n, m in ((16, 16), (64, 256)):
        assert _standard_error(0.5, n, m) == pytest.approx(math.sqrt((n + m + 1) / (12 * n * m)), rel=1e-12)
    assert _standard_error(1.0, 16, 16) == 0


def test_copies_are_memorised_and_other_images_of_the_same_kind_are_not(generator: torch.Generator) -> None:
    training, held_out, samples = torch.randn(3, 400, 6, generator=generator, dtype=torch.float64)
    assert memorised(training[:50], training, held_out) == 1
    assert memorised(held_out, training, held_out) == 0.5
    # a share of pairs: its standard error is at most that of ranks, 0.02
    assert memorised(samples, training, held_out) == pytest.approx(0.5, abs=0.06)
    assert memorised(samples + 20, training, held_out) == 0
    # the unit of a feature does not matter
    scale = torch.tensor([1e-3, 1, 1, 1, 1, 1e3], dtype=torch.float64)
    assert memorised(samples * scale, training * scale, held_out * scale) == memorised(samples, training, held_out)


def test_images_are_told_apart_by_what_they_show(generator: torch.Generator) -> None:
    noise = torch.rand(24, 3, 32, 32, generator=generator) * 2 - 1
    smooth = torch.nn.functional.avg_pool2d(noise, 5, 1, 2)
    assert c2st(noise[:12], smooth[12:]).score == 1
    with pytest.raises(DataError, match="at least 8 images, got 7 images"):
        c2st(noise[:7], smooth)
    with pytest.raises(InvalidParameterError, match="at least 32 x 32 pixels; 16 x 16 was given"):
        c2st(noise[..., :16, :16], smooth[..., :16, :16])
