"""Methods that were written for rectified flow, on every process."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from spectral_collapse.inversion import create
from spectral_collapse.processes import FlowMatching, Process
from tests.each import each
from tests.gaussian import PROCESSES, draw, flat


def test_rf_inversion_is_the_controlled_velocity_of_its_paper() -> None:
    """dY = [u + gamma (u(Y | z) - u)] dt with u(Y | z) = (z - Y) / (1 - t), by hand on the straight path."""
    denoiser, x, gamma = flat(FlowMatching(), 0.3), draw(0.3), 0.4
    z = torch.randn(3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    found = create("rf_inversion", gamma=gamma).invert(denoiser, x[:1], 0, 12, torch.Generator().manual_seed(5))
    y, levels = x[:1], denoiser.process.levels(12)
    for level, following in pairwise(levels):
        t, dt = level.sigma, following.sigma - level.sigma
        prediction = denoiser(y, level, torch.zeros(1, dtype=torch.long))
        u = prediction.noise - prediction.clean
        y = y + dt * (u + gamma * ((z - y) / (1 - t) - u))
    torch.testing.assert_close(found.latent, y, rtol=1e-12, atol=1e-12)


@each("process", PROCESSES)
def test_rf_inversion_at_its_end_is_the_straight_path(process: Process) -> None:
    denoiser, x = flat(process, 0.3), draw(0.3)
    full = create("rf_inversion", gamma=1.0).invert(denoiser, x, 0, 8, torch.Generator().manual_seed(0))
    levels, z = process.levels(8), full.latent.new_tensor(0)
    z = torch.stack(
        [torch.randn(3, 16, 16, dtype=x.dtype, generator=g) for g in [torch.Generator().manual_seed(0)] for _ in x]
    )
    # the straight path from x at the first level to z: what the last level keeps of the image, and the rest noise
    start = (x - levels[0].sigma * z) / levels[0].alpha
    expected = (levels[-1].alpha * start + levels[-1].sigma * z) / levels[-1].norm
    torch.testing.assert_close(full.latent, expected, rtol=1e-9, atol=1e-9)
    assert full.network_calls == 0


def test_midpoint_is_rf_solvers_taylor_step() -> None:
    """img + h v + h^2 / 2 * (v_mid - v) / (h / 2), RF-Solver's, by hand."""
    denoiser, x, label = flat(FlowMatching(), 0.3), draw(0.3), torch.zeros(8, dtype=torch.long)
    level, following = denoiser.process.levels(1)
    h, first = following.sigma - level.sigma, denoiser(x, level, label)
    v = first.noise - first.clean
    half = denoiser.process.between(level, following)
    assert half.sigma == pytest.approx((level.sigma + following.sigma) / 2)
    second = denoiser(x + h / 2 * v, half, label)
    v_mid = second.noise - second.clean
    expected = x + h * v + h**2 / 2 * (v_mid - v) / (h / 2)
    torch.testing.assert_close(create("midpoint").invert(denoiser, x, 0, 1).latent, expected, rtol=1e-12, atol=1e-12)


def test_fireflow_keeps_the_middle_slope_for_the_next_half_step() -> None:
    denoiser, x, label = flat(FlowMatching(), 0.3), draw(0.3), torch.zeros(8, dtype=torch.long)
    levels = denoiser.process.levels(2)

    def velocity(y: torch.Tensor, t: float) -> torch.Tensor:
        found = denoiser(y, denoiser.process.level(t), label)
        return found.noise - found.clean

    t = [level.sigma for level in levels]
    v = velocity(x + (t[1] - t[0]) / 2 * velocity(x, t[0]), (t[0] + t[1]) / 2)
    y = x + (t[1] - t[0]) * v
    v = velocity(y + (t[2] - t[1]) / 2 * v, (t[1] + t[2]) / 2)
    found = create("fireflow").invert(denoiser, x, 0, 2)
    torch.testing.assert_close(found.latent, y + (t[2] - t[1]) * v, rtol=1e-12, atol=1e-12)
    assert found.network_calls == 3
