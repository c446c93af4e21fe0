from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics.autocorrelation import autocorrelation


def test_every_pair_counts_once_in_the_ring_of_its_distance(generator: torch.Generator) -> None:
    latents = torch.randn(2, 3, 5, 6, generator=generator, dtype=torch.float64) + 0.5
    sums, counts = np.zeros((2, 6)), np.zeros(6)
    places = list(itertools.product(range(5), range(6)))
    for (i, j), (k, m) in itertools.combinations(places, 2):
        ring = min(round(math.hypot(i - k, j - m)), 5)
        sums[:, ring] += (latents[:, :, i, j] * latents[:, :, k, m]).mean(1).numpy()
        counts[ring] += 1
    expected = sums[:, 1:3] / counts[1:3] / latents.square().mean((1, 2, 3)).numpy()[:, None]
    np.testing.assert_allclose(autocorrelation(latents), expected, rtol=1e-10)


def test_a_moving_average_correlates_its_neighbours_and_no_others(generator: torch.Generator) -> None:
    white = torch.randn(32, 4, 65, 64, generator=generator)
    latents = white[:, :, 1:] + white[:, :, :-1]
    ring = autocorrelation(latents).mean(0)
    # of the 8 places around one, with distances 1 and 1.41, the two above and below share half of the variance
    assert float(ring[0]) == pytest.approx(2 / 8 * 0.5, abs=0.004)
    assert float(ring[1:].abs().max()) < 0.004


def test_an_offset_counts_at_every_distance_and_too_small_latents_are_refused() -> None:
    torch.testing.assert_close(autocorrelation(torch.full((1, 1, 8, 8), 0.3)), torch.ones(1, 4, dtype=torch.float64))
    with pytest.raises(InvalidParameterError, match="autocorrelation: latents 1 x 8 are too small"):
        autocorrelation(torch.ones(1, 1, 1, 8))
