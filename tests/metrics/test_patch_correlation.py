from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import stats

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics import patch_correlation, white_noise_correlation
from spectral_collapse.metrics.patch_correlation import _calibrated

from .case import Case
from .images import towards_smooth

CASES = {"patch_correlation": Case("patch correlation", patch_correlation, per_sample=False, least=8, fewest=3)}


def test_agrees_with_numpy_patch_by_patch(generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    latents = torch.randn(30, 2, 14, 9, generator=generator)
    latents[:, 1, :, 1:] += latents[:, 0, :, :-1]
    found = []
    for i in range(0, 12, 4):
        for j in range(0, 8, 4):
            r = np.corrcoef(latents[:, :, i : i + 4, j : j + 4].reshape(30, -1).double().numpy().T)
            found.append(np.sort(np.abs(r[np.triu_indices(32, 1)]))[-5:].mean())
    expected = pytest.approx(np.mean(found), rel=1e-10)
    assert patch_correlation(latents, patch=4, top=5) == expected
    monkeypatch.setattr(sys.modules[patch_correlation.__module__], "VALUES", 1)
    assert patch_correlation(latents, patch=4, top=5) == expected


@pytest.mark.parametrize(("count", "channels"), [(20, 1), (100, 3), (400, 4)])
def test_white_noise_level_follows_from_the_law_of_r(count: int, channels: int) -> None:
    # Under the null r^2 is Beta(1/2, (n - 2) / 2), pairs are independent two by two, and the k-th largest
    # of m values lies about the quantile 1 - k / (m + 1). More than two pairs are not quite independent.
    elements = channels * 64
    pairs = elements * (elements - 1) // 2
    quantiles = 1 - np.arange(1, 21) / (pairs + 1)
    expected = np.sqrt(stats.beta(0.5, (count - 2) / 2).ppf(quantiles)).mean()
    assert white_noise_correlation(count, channels) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("count", "shape"), [(50, (1, 48, 48)), (50, (4, 32, 24)), (200, (3, 32, 32))])
def test_white_noise_scores_its_level(count: int, shape: tuple[int, int, int], generator: torch.Generator) -> None:
    score = patch_correlation(torch.randn(count, *shape, generator=generator))
    # Patches scatter by 2 to 3 %; at least 12 of them here, 64 in the calibration.
    assert score == pytest.approx(white_noise_correlation(count, shape[0]), rel=0.03)


def test_rises_with_the_collapse(generator: torch.Generator) -> None:
    scores = [patch_correlation(latents) for latents in towards_smooth(100, generator)]
    assert all(a < b for a, b in pairwise(scores))


def test_what_varies_together_counts_whatever_its_scale_mean_and_sign(generator: torch.Generator) -> None:
    one = torch.randn(20, 1, 1, 1, generator=generator)
    assert patch_correlation(one.expand(-1, 3, 8, 8)) == pytest.approx(1, abs=1e-12)
    assert patch_correlation(torch.randn(1, 3, 8, 8, generator=generator).expand(20, -1, -1, -1)) == 0
    latents = torch.randn(20, 3, 16, 16, generator=generator, dtype=torch.float64)
    factors, shifts = torch.randn(2, 3, 16, 16, generator=generator, dtype=torch.float64)
    assert patch_correlation(latents * factors + shifts) == pytest.approx(patch_correlation(latents), rel=1e-9)


def test_calibration_leaves_the_random_state_alone_and_gives_the_docstrings_number() -> None:
    _calibrated.cache_clear()
    before = torch.get_rng_state()
    white_noise_correlation(10, 1)
    assert torch.equal(torch.get_rng_state(), before)
    assert white_noise_correlation(1000, 4) == pytest.approx(0.116, abs=0.0005)


def test_bad_parameters_are_named() -> None:
    wrong = [({"patch": 0}, "patch"), ({"patch": 2.5}, "patch"), ({"patch": 9}, "fit"), ({"top": True}, "top")]
    for options, named in (*wrong, ({"patch": 2, "top": 200}, "120 pairs")):
        with pytest.raises(InvalidParameterError, match=named):
            patch_correlation(torch.zeros(5, 4, 8, 8), **options)
