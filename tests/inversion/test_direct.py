from __future__ import annotations

import pytest
import torch

from spectral_collapse.denoisers import NetworkDenoiser, PredictionType
from spectral_collapse.inversion import create
from spectral_collapse.processes import FlowMatching, Process, VarianceExploding, VariancePreserving
from spectral_collapse.sampling import ode_step
from tests.networks_tiny import tiny_unet


@pytest.mark.parametrize(
    ("process", "prediction"),
    [(VariancePreserving(), "epsilon"), (VarianceExploding(), "epsilon"), (FlowMatching(), "flow")],
)
def test_the_source_branch_comes_back_at_any_guidance(process: Process, prediction: PredictionType) -> None:
    denoiser = NetworkDenoiser(tiny_unet().double(), process, prediction)
    x = torch.randn(2, 4, 16, 16, dtype=torch.float64)
    method = create("direct")
    inverted = method.invert(denoiser, x, 0, 5)
    back = method.sample(denoiser, inverted, 0, guidance=7.5)
    # float64's 2e-16 in the two branches, which the guided network amplifies from step to step.
    torch.testing.assert_close(back, x, rtol=0, atol=1e-11 * inverted.levels[-1].norm)
    other = method.sample(denoiser, inverted, 1, guidance=7.5)
    assert (other - x).abs().max() > 1e-2


def test_the_target_branch_keeps_its_difference_to_the_source_branch() -> None:
    """Two steps by hand: target + (recorded - source), the source branch starting from the recorded state."""
    process, x = VariancePreserving(), torch.randn(2, 4, 16, 16)
    denoiser, direct = NetworkDenoiser(tiny_unet(), process), create("direct")
    inverted = direct.invert(denoiser, x, 0, 2, record=True)
    levels, recorded, target = inverted.levels, inverted.trajectory, inverted.trajectory[2]
    label = torch.ones(2, dtype=torch.long)
    with torch.no_grad():
        for upper in (2, 1):
            level, following = levels[upper], levels[upper - 1]
            source = ode_step(denoiser(recorded[upper], level, 0 * label), following)
            target = ode_step(denoiser(target, level, label), following) + recorded[upper - 1] - source
    torch.testing.assert_close(direct.sample(denoiser, inverted, 1), target, rtol=1e-4, atol=1e-4)
