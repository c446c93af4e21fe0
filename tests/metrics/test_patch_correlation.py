from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from scipy import stats

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics import patch_correlation, white_noise_correlation
from tests.each import each

from .case import Case

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


@each(("count", "channels"), [(20, 1), (100, 3), (400, 4)])
def test_white_noise_level_follows_from_the_law_of_r(count: int, channels: int) -> None:
    # Under the null r^2 is Beta(1/2, (n - 2) / 2), pairs are independent two by two, and the k-th largest
    # of m values lies about the quantile 1 - k / (m + 1). More than two pairs are not quite independent.
    elements = channels * 64
    pairs = elements * (elements - 1) // 2
    quantiles = 1 - np.arange(1, 21) / (pairs + 1)
    expected = np.sqrt(stats.beta(0.5, (count - 2) / 2).ppf(quantiles)).mean()
    assert white_noise_correlation(count, channels) == pytest.approx(expected, rel=0.01)
    assert white_noise_correlation(1000, 4) == pytest.approx(0.116, abs=0.0005)  # as its docstring says


def test_what_varies_together_counts_whatever_its_scale_mean_and_sign(generator: torch.Generator) -> None:
    one = torch.randn(20, 1, 1, 1, generator=generator)
    assert patch_correlation(one.expand(-1, 3, 8, 8)) == pytest.approx(1, abs=1e-12)
    assert patch_correlation(torch.randn(1, 3, 8, 8, generator=generator).expand(20, -1, -1, -1)) == 0
    latents = torch.randn(20, 3, 16, 16, generator=generator, dtype=torch.float64)
    factors, shifts = torch.randn(2, 3, 16, 16, generator=generator, dtype=torch.float64)
    assert patch_correlation(latents * factors + shifts) == pytest.approx(patch_correlation(latents), rel=1e-9)


def test_bad_parameters_are_named() -> None:
    wrong = [({"patch": 0}, "patch"), ({"patch": 2.5}, "patch"), ({"patch": 9}, "fit"), ({"top": True}, "top")]
    for options, named in (*wrong, ({"patch": 2, "top": 200}, "120 pairs")):
        with pytest.raises(InvalidParameterError, match=named):
            patch_correlation(torch.zeros(5, 4, 8, 8), **options)
