"""Methods that bring an image back: pairs of states, noise maps, fixed points, and retracing under guidance."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_collapse.denoisers import NetworkDenoiser, Prediction, PredictionType
from spectral_collapse.inversion import (
    BDIA,
    EDICT,
    OBELM,
    CycleDiffusion,
    DDPMFriendly,
    FixedPoint,
    InversionMethod,
    NullClass,
    ReNoise,
    create,
)
from spectral_collapse.inversion.fixed_point import anderson
from spectral_collapse.inversion.noise_maps import reverse_step
from spectral_collapse.processes import FlowMatching, Level, Process, VarianceExploding, VariancePreserving
from spectral_collapse.sampling import ode_step, sample
from tests.each import each
from tests.gaussian import PROCESSES, FineVariancePreserving, draw, flat
from tests.inversion.steps import EmbeddedGaussian
from tests.networks_tiny import tiny_unet

NETWORK = tiny_unet().double().requires_grad_(False)


@each("method", [EDICT(), EDICT(0.8), BDIA(), BDIA(0.9), OBELM()])
@settings(max_examples=5, deadline=None)
@given(steps=st.integers(1, 8), exploding=st.booleans(), seed=st.integers(0, 9))
def test_the_round_trip_is_exact(method: InversionMethod, steps: int, exploding: bool, seed: int) -> None:
    steps = max(steps, 2) if method.name in ("bdia", "o_belm") else steps
    process = VarianceExploding() if exploding else VariancePreserving()
    denoiser = NetworkDenoiser(NETWORK, process)
    x = torch.randn(2, 4, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    inverted = method.invert(denoiser, x, 0, steps)
    back = method.sample(denoiser, inverted, 0)
    # float64's 2e-16, times the largest state, times what solving for the way up amplifies rounding by.
    scale = inverted.latent.abs().max() * inverted.levels[-1].norm
    torch.testing.assert_close(back, x, rtol=0, atol=1e-10 * max(1, scale.item()))
    if steps > 1:
        assert not torch.allclose(method.sample(denoiser, inverted, 1), x)


def test_o_belm_with_equal_steps_is_bdia() -> None:
    """With equal steps in sigma / alpha both are the leapfrog rule."""

    class Even(VarianceExploding):
        def levels(self, num_steps: int) -> list[Level]:
            return [self.level(0.5 + i) for i in range(num_steps + 1)]

    denoiser, x = flat(Even(), 0.1), draw(0.1)
    pair = [method.invert(denoiser, x, 0, 7).latent for method in (OBELM(), BDIA())]
    torch.testing.assert_close(*pair, rtol=1e-10, atol=1e-10)


NOISE_MAPS = [
    CycleDiffusion(),
    CycleDiffusion(eta=1.0),
    CycleDiffusion(skip=0.4),
    DDPMFriendly(),
    DDPMFriendly(skip=0.36),
]


@each("method", NOISE_MAPS)
@each("process", [VariancePreserving(), VarianceExploding(), FlowMatching(last=0.98)])
@each("prediction", ["epsilon", "sample"])
def test_the_source_label_brings_the_image_back(method: InversionMethod, process: Process, prediction: str) -> None:
    denoiser = NetworkDenoiser(tiny_unet().double(), process, prediction)
    x = torch.randn(2, 4, 16, 16, dtype=torch.float64)
    inverted = method.invert(denoiser, x, 0, 6, torch.Generator().manual_seed(7))
    assert inverted.network_calls == len(inverted.levels) - 1 == 6 - round(6 * method.skip)
    back = method.sample(denoiser, inverted, 0)
    # Each step subtracts states as large as the process's level, in float64.
    torch.testing.assert_close(back, x, rtol=0, atol=1e-10)
    assert (method.sample(denoiser, inverted, 1) - x).abs().max() > 1e-3


@each("method", [CycleDiffusion(), CycleDiffusion(eta=1.0), DDPMFriendly()])
def test_every_state_of_the_path_has_the_forward_marginal(method: InversionMethod) -> None:
    process, x = VariancePreserving(), torch.zeros(8, 3, 32, 32, dtype=torch.float64)
    states = method.invert(flat(process, 1.0, 32), x, 0, 6, torch.Generator().manual_seed(7), record=True).trajectory
    for level, state in zip(process.levels(6)[1:], states[1:], strict=True):
        # 5 standard errors of a variance estimated from 24576 numbers.
        assert state.var().item() / level.sigma**2 == pytest.approx(1, abs=5 * (2 / x.numel()) ** 0.5)


def test_neighbouring_noises_are_independent_only_on_the_edit_friendly_path() -> None:
    """On the posterior's path neighbours share noise: correlation (s / s') sqrt(1 - t^2) + ... is
    sigma-weighted; for the DDPM posterior x_t = x_(t-1) a + fresh noise gives s_(t-1) / s_t."""
    process, x = VariancePreserving(), torch.zeros(8, 3, 32, 32, dtype=torch.float64)
    levels = process.levels(6)
    ratio = (levels[3].sigma / levels[3].alpha) / (levels[4].sigma / levels[4].alpha)
    for method, expected in ((CycleDiffusion(eta=1.0), ratio), (DDPMFriendly(), 0.0)):
        run = method.invert(flat(process, 1.0, 32), x, 0, 6, torch.Generator().manual_seed(7), record=True)
        pair = torch.stack([run.trajectory[3].flatten(), run.trajectory[4].flatten()])
        assert torch.corrcoef(pair)[0, 1].item() == pytest.approx(expected, abs=5 / x.numel() ** 0.5)


def test_the_reverse_step_keeps_the_marginal_and_is_the_plain_step_without_noise() -> None:
    levels = VariancePreserving().levels(10)
    prediction = Prediction(torch.randn(1, 1, 4, 4), torch.randn(1, 1, 4, 4))
    mean, spread = reverse_step(prediction, levels[5], levels[4], 0.0)
    torch.testing.assert_close(mean, ode_step(prediction, levels[4]))
    assert spread == 0
    for eta in (0.1, 1.0):
        mean, spread = reverse_step(
            Prediction(torch.ones(1, 1, 1, 1).double(), torch.zeros(1, 1, 1, 1).double()), levels[5], levels[4], eta
        )
        assert mean.item() ** 2 + spread**2 == pytest.approx(levels[4].sigma ** 2, rel=1e-12)


@each("process", PROCESSES)
@each("num_steps", [3, 50])
@each("variance", [1e-6, 1.0])
def test_plain_sampling_returns_the_image(process: Process, num_steps: int, variance: float) -> None:
    denoiser, x = flat(process, variance), draw(variance)
    inverted = FixedPoint(tolerance=1e-13).invert(denoiser, x, 0, num_steps)
    assert inverted.diagnostics["residual"].max() <= 1e-13
    back = sample(denoiser, inverted.latent, 0, num_steps)
    # float64's 2e-16 at the noisiest level, where the states are norm times as large as the data or more.
    torch.testing.assert_close(back, x, rtol=0, atol=1e-11 * max(1.0, inverted.levels[-1].norm))


@each("prediction", ["epsilon", "sample", "velocity"])
def test_networks_of_any_prediction_type_come_back(prediction: str) -> None:
    torch.manual_seed(0)
    network = tiny_unet().double()
    denoiser = NetworkDenoiser(network, VariancePreserving(), prediction)
    x = torch.randn(2, 4, 16, 16, dtype=torch.float64)
    inverted = FixedPoint(tolerance=1e-12, iterations=200).invert(denoiser, x, 0, 20)
    reached = inverted.diagnostics["residual"]
    assert reached.max() <= 1e-12
    back = sample(denoiser, inverted.latent, 0, 20)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-8)


def test_anderson_solves_a_linear_system_in_as_many_calls_as_it_has_directions(generator: torch.Generator) -> None:
    """Like GMRES: three eigenvalues other than zero need four calls and one to see it, however slowly
    plain iteration converges (0.99 here)."""
    factors = torch.tensor([0.99, -0.9, 0.5, 0.0], dtype=torch.float64)
    offset = torch.randn(2, 4, generator=generator, dtype=torch.float64)
    start = torch.zeros(2, 4, dtype=torch.float64)
    solution, residual, used = anderson(lambda y, rows: factors * y + offset[rows], start, 1e-9, 50)
    torch.testing.assert_close(solution, offset / (1 - factors), rtol=1e-6, atol=1e-6)
    assert (residual <= 1e-9).all()
    assert used.max() <= 8


def test_converged_images_are_not_asked_again_and_others_report_what_they_reached() -> None:
    asked = []

    def g(y: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        asked.append(rows.tolist())
        return torch.where(rows[:, None] == 0, torch.ones_like(y), 2 * y.roll(1, 1) + 1)

    _, residual, used = anderson(g, torch.ones(2, 3, dtype=torch.float64).cumsum(1), 1e-6, 3)
    assert asked[0] == [0, 1]
    assert asked[-1] == [1]
    assert residual[0] <= 1e-6 < residual[1]
    assert used.tolist() == [2, 3]


def test_iterations_of_renoise_contract_to_the_fixed_point() -> None:
    """On Gaussian data one contracts by 1 - s / s', 0.8 or less in each of the 50 steps; 0.8^60 = 2e-6."""
    denoiser, x, plain = flat(VariancePreserving(), 1e-3), draw(1e-3), {"lambda_pair": 0.0, "lambda_patch": 0.0}
    runs = [ReNoise(iterations=n, **plain).invert(denoiser, x, 0) for n in (1, 4, 16, 60)]
    residuals = torch.stack([run.diagnostics["residual"].amax() for run in runs])
    assert (residuals[1:] < 0.8**3 * residuals[:-1]).all(), residuals
    exact = FixedPoint(tolerance=1e-13).invert(denoiser, x, 0).latent
    torch.testing.assert_close(runs[-1].latent, exact, rtol=1e-4, atol=1e-4)


def test_guidance_does_nothing_under_the_source_label_and_leads_away_from_it_under_another() -> None:
    denoiser, x = EmbeddedGaussian(VariancePreserving(), 0.05), draw(0.05, 3, 1, 8)
    method = create("negative_prompt")
    inverted = method.invert(denoiser, x, 0, 6)
    plain = sample(denoiser, inverted.latent, 0, 6)
    torch.testing.assert_close(method.sample(denoiser, inverted, 0, guidance=7.5), plain)
    guided = sample(denoiser, inverted.latent, 1, 6, guidance=7.5, null_label=0)
    assert torch.equal(method.sample(denoiser, inverted, 1, guidance=7.5), guided)
    assert not torch.allclose(guided, sample(denoiser, inverted.latent, 1, 6, guidance=7.5))


def test_the_embedding_found_is_that_of_the_source() -> None:
    """What can be retraced exactly is so by null = source alone (negative-prompt inversion's closed form).

    With many steps the inversion nearly can; the pull of guidance, 3 times the difference of the
    embeddings, then leaves only the discretisation to be fitted.
    """
    denoiser = EmbeddedGaussian(FineVariancePreserving(), 0.05)
    x = draw(0.05, 3, 1, 8) + 0.5 * denoiser.patterns[0]
    method = NullClass(guidance=4.0, iterations=30, learning_rate=0.05, tolerance=0)
    inverted = method.invert(denoiser, x, 0, 60)
    found = torch.stack(inverted.memory["null"])
    source, null = denoiser.table[0], denoiser.table[2]
    # The lowest levels hardly depend on the embedding (sigma is small), so only the upper half must arrive.
    distance = (found[30:] - source).norm(dim=-1).mean()
    assert distance < 0.1 * (null - source).norm()
    back = method.sample(denoiser, inverted, 0, guidance=4.0)
    standard = create("standard")
    plain = standard.sample(denoiser, standard.invert(denoiser, x, 0, 60), 0, guidance=4.0)
    assert (back - x).norm() < 0.05 * (plain - x).norm()


def test_without_iterations_from_the_source_label_it_is_negative_prompt() -> None:
    denoiser, x = EmbeddedGaussian(VariancePreserving(), 0.05), draw(0.05, 3, 1, 8)
    results = []
    for method in (NullClass(iterations=0, null_label=0), create("negative_prompt")):
        inverted = method.invert(denoiser, x, 0, 6)
        results.append(method.sample(denoiser, inverted, 1, guidance=7.5))
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-12)


@each(
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
