from __future__ import annotations

import pytest
import torch

from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion import create
from spectral_collapse.processes import FlowMatching, Level, Process, VariancePreserving
from spectral_collapse.sampling import GuidedDenoiser, noise_step, sample
from tests.gaussian import FINE_PROCESSES, draw, flat


class LabelledDenoiser:
    """Noise = the label, so that guidance can be read off; counts the images it was asked about."""

    process = VariancePreserving()

    def __init__(self) -> None:
        self.images = 0

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        self.images += len(x)
        noise = label.to(x).view(-1, 1, 1, 1).expand_as(x)
        return Prediction(noise, (x - level.sigma * noise) / level.alpha)


@pytest.mark.parametrize("process", FINE_PROCESSES, ids=["preserving", "exploding", "flow"])
@pytest.mark.parametrize("variance", [1e-3, 1.0])
def test_round_trip_error_shrinks_at_first_order(process: Process, variance: float) -> None:
    """Inverting and sampling with Euler steps errs by O(1/N): twice the steps, half the error."""
    denoiser, x = flat(process, variance), draw(variance)
    errors = []
    for num_steps in (250, 500):
        latent = create("standard").invert(denoiser, x, 0, num_steps).latent
        errors.append(((sample(denoiser, latent, 0, num_steps) - x).norm() / x.norm()).item())
    # 1.8 to 2.2 leaves room for the second-order term at these N; zero or second order gives 1 or 4.
    assert 1.8 < errors[0] / errors[1] < 2.2, errors
    assert errors[1] < 0.05


def test_guidance_combines_the_two_labels() -> None:
    denoiser = LabelledDenoiser()
    x, level = torch.zeros(2, 1, 4, 4), denoiser.process.levels(5)[3]
    label = torch.tensor([1, 1])
    for weight in (0.0, 0.5, 1.0, 7.5):
        noise, clean = GuidedDenoiser(denoiser, weight, null_label=2)(x, level, label)
        torch.testing.assert_close(noise, torch.full_like(x, 2 + weight * (1 - 2)))
        torch.testing.assert_close(level.alpha * clean + level.sigma * noise, x, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("weight", "passes"), [(0.0, 1), (1.0, 1), (7.5, 2)])
def test_guidance_asks_only_the_labels_that_it_needs(weight: float, passes: int) -> None:
    denoiser = LabelledDenoiser()
    sample(denoiser, torch.randn(3, 1, 4, 4), 1, num_steps=4, guidance=weight)
    assert denoiser.images == 3 * 4 * passes


def test_the_callback_sees_every_step() -> None:
    denoiser = flat(VariancePreserving(), 1.0)
    steps = []
    out = sample(denoiser, draw(1.0), 0, num_steps=4, callback=steps.append)
    assert [step.index for step in steps] == [0, 1, 2, 3]
    assert [step.level.time for step in steps] == [751, 501, 251, 1]
    torch.testing.assert_close(steps[-1].following_x, out)


def test_a_step_down_from_pure_noise_with_foreign_noise_is_refused() -> None:
    x = torch.zeros(1, 1, 4, 4)
    with pytest.raises(InvalidParameterError, match="divides by alpha, which is 0"):
        noise_step(x, x, *FlowMatching().levels(2)[:0:-1])
