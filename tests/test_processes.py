from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import stats

from spectral_collapse.processes import BetaSchedule, FlowMatching, VarianceExploding, VariancePreserving


def test_variance_preserving_visits_the_published_timesteps_and_keeps_the_variance() -> None:
    levels = VariancePreserving().levels(50)
    assert [level.time for level in levels] == [0, *range(1, 1000, 20)]
    assert all(level.norm == pytest.approx(1, abs=1e-12) for level in levels)


@pytest.mark.parametrize(("schedule", "start", "end"), [("scaled_linear", 0.00085, 0.012), ("linear", 1e-4, 0.02)])
def test_variance_preserving_equals_diffusers_schedule(schedule: BetaSchedule, start: float, end: float) -> None:
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(beta_start=start, beta_end=end, beta_schedule=schedule)
    ours = VariancePreserving(beta_start=start, beta_end=end, schedule=schedule).alpha_bars
    # diffusers multiplies 1000 factors in float32: relative error up to 1000 * 2^-24.
    np.testing.assert_allclose(ours, scheduler.alphas_cumprod.numpy(), rtol=1000 * 2**-24)
    assert ours[0] == pytest.approx(1 - start, abs=1e-15)


def test_levels_even_in_log_snr_are_those_of_a_logistic_schedule() -> None:
    process, num_steps = VariancePreserving(spacing="log_snr"), 50
    levels, usual = process.levels(num_steps), VariancePreserving().levels(num_steps)
    for index in (0, -1):  # the ends are those of the even timesteps
        assert levels[index].ratio == pytest.approx(usual[index].ratio, rel=1e-12)
        assert levels[index].time == pytest.approx(usual[index].time, abs=1e-6)
    # alpha_bar = 1 / (1 + exp(k (i - i0))) over the steps i, with k and i0 from both ends
    start, end = (2 * math.log(levels[index].ratio) for index in (0, -1))
    k = (end - start) / num_steps
    logistic = 1 / (1 + np.exp(k * (np.arange(num_steps + 1) + start / k)))
    np.testing.assert_allclose([level.alpha**2 for level in levels], logistic, rtol=1e-9)
    # what the network is told is where the training's own alpha_bar is the level's
    told = np.interp([level.time for level in levels], np.arange(1000), np.log(process.alpha_bars))
    np.testing.assert_allclose(told, [math.log(level.alpha**2) for level in levels], rtol=1e-9)
    assert levels[25].time < 300  # half of the steps lie in the cleaner third


@pytest.mark.parametrize(
    "process", [VariancePreserving(), VariancePreserving(spacing="log_snr"), VarianceExploding(), FlowMatching()]
)
@pytest.mark.parametrize("num_steps", [1, 7, 50, 999])
def test_levels_rise_from_clean_to_noise(process: VariancePreserving | VarianceExploding, num_steps: int) -> None:
    levels = process.levels(num_steps)
    assert len(levels) == num_steps + 1
    ratios = [level.ratio for level in levels]
    assert all(low < high for low, high in pairwise(ratios))
    assert all(process.interval(low, high) > 0 for low, high in pairwise(levels))


def test_karras_levels_end_at_the_extremes_and_are_even_in_the_seventh_root() -> None:
    sigmas = np.array([level.sigma for level in VarianceExploding().levels(18)])
    assert sigmas[0] == pytest.approx(0.002)
    assert sigmas[-1] == pytest.approx(80)
    np.testing.assert_allclose(np.diff(sigmas ** (1 / 7)), (80 ** (1 / 7) - 0.002 ** (1 / 7)) / 18, rtol=1e-9)


def test_step_lengths_are_timesteps_and_log_sigma_ratios() -> None:
    low, high = VariancePreserving().levels(50)[5:7]
    assert VariancePreserving().interval(low, high) == 20
    low, high = VarianceExploding().levels(50)[5:7]
    assert VarianceExploding().interval(low, high) == pytest.approx(math.log(high.sigma / low.sigma))


def test_training_draws_the_levels_that_it_names(generator: torch.Generator) -> None:
    alpha, sigma, time = VariancePreserving().draw(256, generator)
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones(256))
    assert set(time.tolist()) <= set(range(1000))
    process = VarianceExploding(log_mean=-0.4, log_std=1.2)
    _, sigma, time = process.draw(20000, generator)
    torch.testing.assert_close(time, sigma.log() / 4)
    # Mean and deviation of 20000 normal draws: standard errors 1.2 / sqrt(20000) = 0.0085 and 0.006.
    assert sigma.log().mean().item() == pytest.approx(-0.4, abs=5 * 0.0085)
    assert sigma.log().std().item() == pytest.approx(1.2, abs=5 * 0.006)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow_matching_walks_the_sigmas_of_diffusers_scheduler(shift: float) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler

    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / 20, 20).tolist())
    levels = FlowMatching(shift=shift).levels(20)
    # diffusers keeps sigmas in float32, and its last one is 0 where an image enters here
    np.testing.assert_allclose([level.sigma for level in levels[:0:-1]], scheduler.sigmas[:-1], rtol=1e-6)
    np.testing.assert_allclose([level.time for level in levels[:0:-1]], scheduler.timesteps, rtol=1e-6)
    assert levels[0].sigma == pytest.approx(shift * 0.001 / (1 + (shift - 1) * 0.001))
    assert all(level.alpha + level.sigma == pytest.approx(1) for level in levels)
    assert levels[-1].alpha == 0
    assert levels[-1].ratio == math.inf


def test_flow_matching_draws_times_evenly_before_the_shift(generator: torch.Generator) -> None:
    alpha, sigma, time = FlowMatching(shift=3.0).draw(20_000, generator)
    even = sigma / (3 - 2 * sigma)  # the shift, solved for t
    # the Kolmogorov-Smirnov distance of 20,000 draws exceeds 0.014 once in a thousand times
    assert stats.kstest(even.numpy(), "uniform").statistic < 0.014
    torch.testing.assert_close(alpha + sigma, torch.ones(20_000))
    torch.testing.assert_close(time, 1000 * sigma)
