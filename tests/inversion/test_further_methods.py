"""DPM-Solver++, pix2pix-zero, Newton-Raphson, low-pass consistency, and methods written for rectified flow."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from spectral_collapse.denoisers import Prediction
from spectral_collapse.inversion import create
from spectral_collapse.inversion.pix2pix_zero import kl_loss
from spectral_collapse.inversion.projectors import HighPass
from spectral_collapse.processes import FlowMatching, Level, Process, VariancePreserving
from tests.each import each
from tests.gaussian import PROCESSES, draw, flat


class Line:
    """A denoiser whose clean image is linear in log(alpha / sigma), whatever x."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        clean = torch.full_like(x, 0.3 - 0.1 * math.log(level.ratio))
        return Prediction((x - level.alpha * clean) / level.sigma, clean)


def test_dpm_solver_extrapolates_the_clean_image_in_log_snr() -> None:
    """For a linear clean image the last step uses its value half a step ahead: D = c + (c - c_before) / (2 r)."""
    denoiser, x = Line(VariancePreserving()), draw(0.3)
    seen = []
    create("dpm_solver").invert(denoiser, x, 0, 6, callback=seen.append)
    for step in seen[1:]:
        middle = 0.3 - 0.1 * (math.log(step.level.ratio) + math.log(step.following.ratio)) / 2
        noise = (step.x - step.level.alpha * middle) / step.level.sigma
        expected = step.following.alpha * middle + step.following.sigma * noise
        torch.testing.assert_close(step.following_x, expected, rtol=1e-10, atol=1e-10)


def test_dpm_solver_samples_as_diffusers_does() -> None:
    from diffusers import DPMSolverMultistepScheduler

    process = VariancePreserving()
    denoiser, latent = flat(process, 0.3), draw(1.0)
    method, steps = create("dpm_solver"), 8
    inverted = method.invert(denoiser, latent, 0, steps)
    levels = inverted.levels
    scheduler = DPMSolverMultistepScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        lower_order_final=False,
        final_sigmas_type="sigma_min",
    )
    scheduler.set_timesteps(timesteps=[int(level.time) for level in levels[:0:-1]])
    scheduler.sigmas[-1] = levels[0].ratio  # the image is left where it entered, not at sigma = 0
    x = inverted.latent * levels[-1].norm
    label = torch.zeros(len(x), dtype=torch.long)
    for level, time in zip(levels[:0:-1], scheduler.timesteps, strict=True):
        x = scheduler.step(denoiser(x, level, label).noise, time, x).prev_sample
    # diffusers keeps its sigmas in float32
    torch.testing.assert_close(method.sample(denoiser, inverted, 0), x, rtol=1e-4, atol=1e-5)


def test_pix2pix_zero_brings_a_collapsed_noise_to_the_normal_law() -> None:
    low = draw(0.3, 4, 3, 16).cumsum(-1) / 10  # smooth: neighbours alike, little power
    denoiser = flat(VariancePreserving(), 1e-3)
    regular = create("pix2pix_zero", iterations=20).invert(denoiser, low, 0, 10).latent
    plain = create("standard").invert(denoiser, low, 0, 10).latent
    assert kl_loss(regular).mean() < 0.5 * kl_loss(plain).mean()

    def correlation(x: torch.Tensor) -> torch.Tensor:
        return ((x * x.roll(1, -1)).mean((1, 2, 3)) / x.square().mean((1, 2, 3))).abs().mean()

    assert correlation(regular) < correlation(plain)


def test_the_divergence_of_pix2pix_zero_in_closed_form() -> None:
    values = torch.tensor([[-1.0, 1.0, 3.0, 5.0]], dtype=torch.float64).view(1, 1, 2, 2)
    variance, mean = 20 / 3, 2
    expected = variance + mean**2 - 1 - math.log(variance + 1e-7)
    assert kl_loss(values).item() == pytest.approx(expected, rel=1e-12)


def test_newton_raphson_solves_one_pixel_of_gaussian_data() -> None:
    """One element: r(z) = |z - f(z)| is linear on either side of its root, and one step of Newton's ends on it."""
    process = VariancePreserving()
    denoiser, x = flat(process, 0.3, 1), draw(0.3, 5, 1, 1)
    exact = create("fixed_point", tolerance=1e-14).invert(denoiser, x, 0, 3).latent
    found = create("gnri", iterations=2, weight=0.0).invert(denoiser, x, 0, 3)
    torch.testing.assert_close(found.latent, exact, rtol=1e-8, atol=1e-10)
    assert found.diagnostics["residual"].max() < 1e-8


@each("process", PROCESSES)
@each("consistent", ["state", "clean"])
def test_low_pass_consistency_puts_the_sources_low_band_into_the_image(process: Process, consistent: str) -> None:
    denoiser, x, cutoff = flat(process, 0.3), draw(0.3), 0.2
    method = create("ilvr", projector=cutoff, consistent=consistent)
    inverted = method.invert(denoiser, x, 0, 30, torch.Generator().manual_seed(0))
    made = method.sample(denoiser, inverted, 1)

    def low(image: torch.Tensor) -> torch.Tensor:
        return image - HighPass(cutoff)(image)

    entry = inverted.levels[0]
    # the noise of the entry level stays in the low band of 'state'; 'clean' keeps a share of what was there before
    assert (low(made) / entry.alpha - low(x)).square().mean().sqrt() < 4 * entry.ratio
    torch.testing.assert_close(inverted.latent.var(), torch.tensor(1.0, dtype=x.dtype), rtol=0.05, atol=0)
    # and the latent knows nothing of the image: 6144 pairs, five standard errors
    assert abs((inverted.latent * x).mean() / x.std()) < 5 / x.numel() ** 0.5


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
    levels = process.levels(8)
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
