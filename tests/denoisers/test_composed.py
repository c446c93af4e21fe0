from __future__ import annotations

import torch

from spectral_collapse.denoisers import FromClean, Prediction, TrueBelow
from spectral_collapse.inversion import Standard
from spectral_collapse.processes import VariancePreserving
from tests.gaussian import draw, flat


def test_truth_ends_at_the_same_level_however_fine_the_steps() -> None:
    process, asked = VariancePreserving(), []

    def denoiser(x: torch.Tensor, level: object, label: torch.Tensor) -> Prediction:
        asked.append(level.time)
        return Prediction(x, x)

    denoiser.process = process
    end = process.levels(50)[2]
    for num_steps in (50, 200):
        asked.clear()
        x = torch.zeros(1, 1, 8, 8)
        walk = TrueBelow(denoiser, Prediction(x, x), end.ratio)
        Standard().invert(walk, x, 0, num_steps)
        assert min(asked) == end.time == 21


def test_the_noise_that_a_clean_image_leaves_is_the_optimal_one_where_the_clean_image_is() -> None:
    process = VariancePreserving()
    optimal, x, label = flat(process, 0.3), draw(1.0), torch.zeros(8, dtype=torch.long)
    for level in process.levels(5):
        torch.testing.assert_close(FromClean(optimal)(x, level, label), optimal(x, level, label))
