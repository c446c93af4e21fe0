from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from spectral_collapse.denoisers import GaussianDenoiser, NetworkDenoiser, Prediction
from spectral_collapse.inversion import OVG, create, jacobians
from spectral_collapse.processes import Level, VarianceExploding, VariancePreserving
from spectral_collapse.sampling import ode_step
from tests.each import each
from tests.gaussian import PROCESSES, FineVariancePreserving, draw, flat
from tests.inversion.steps import one_step
from tests.networks_tiny import tiny_unet


class _Counting:
    """Counts forward passes and vector-Jacobian products of a denoiser."""

    def __init__(self) -> None:
        self.inner, self.process = flat(VariancePreserving(), 0.1), VariancePreserving()
        self.forward = self.backward = 0

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        self.forward += 1
        if x.requires_grad:
            y = x.view_as(x)
            y.register_hook(lambda gradient: setattr(self, "backward", self.backward + 1))
            x = y
        return self.inner(x, level, label)


def _published(
    denoiser: NetworkDenoiser, x0: torch.Tensor, num_steps: int, eta_hf: float, eta_lf: float, clip: float = 1.0
) -> tuple[torch.Tensor, list[list[bool]]]:
    """The published rule (authors' code), one sample at a time and written out, and where gradients conflict.

    Both gradients are always computed; where they conflict each loses its component along the other; a
    step size of 0 then leaves its own correction away, and nothing else.
    """
    levels, label = denoiser.process.levels(num_steps), torch.zeros(1, dtype=torch.long)
    latents, conflicts = [], []
    for image in x0:
        x, met = image[None], []
        for level, following in pairwise(levels):
            state = x.clone().requires_grad_(True)
            eps, x0_hat = denoiser(state, level, label)
            (g_n,) = torch.autograd.grad((eps.square().sum() - eps.numel()) ** 2, state, retain_graph=True)
            (g_c,) = torch.autograd.grad((x0_hat - image).square().sum(), state)
            dot = (g_n * g_c).sum()
            met.append(bool(dot < 0))
            if dot < 0:
                g_n, g_c = (
                    g_n - dot / (g_c.square().sum() + 1e-6) * g_c,
                    g_c - dot / (g_n.square().sum() + 1e-6) * g_n,
                )
            base = (following.alpha * x0_hat + following.sigma * eps).detach()
            dt, moved = following.time - level.time, (base - x).norm()
            corrections = [-eta_hf * g_n * dt, -eta_lf * g_c * dt]
            longest = [clip * moved / correction.norm().clamp_min(1e-300) for correction in corrections]
            x = base + sum(c * most.clamp(max=1) for c, most in zip(corrections, longest, strict=True))
        latents.append(x)
        conflicts.append(met)
    return torch.cat(latents), conflicts


@each(("eta_hf", "eta_lf"), [(1000.0, 0.0), (1e-9, 0.0), (0.0, 1.0), (0.0, 1e-5), (1000.0, 1e-4), (1e-9, 1e-5)])
def test_the_published_rule_written_out(eta_hf: float, eta_lf: float) -> None:
    """At every pair of step sizes, clipped (1000, 1) and not (1e-9, 1e-5)."""
    denoiser = NetworkDenoiser(tiny_unet().double(), VariancePreserving())
    x = torch.randn(3, 4, 16, 16, dtype=torch.float64)
    expected, conflicts = _published(denoiser, x, 6, eta_hf, eta_lf)
    inverted = OVG(eta_hf, eta_lf).invert(denoiser, x, 0, 6)
    # Sums in another order, which each step's gradient of a squared norm (d = 1024) amplifies.
    torch.testing.assert_close(inverted.latent, expected, rtol=1e-8, atol=1e-8)
    assert torch.equal(inverted.diagnostics["conflict"].bool(), torch.tensor(conflicts).T)
    assert any(map(any, conflicts))
    if not (eta_hf and eta_lf):  # the other gradient plays its part though its step size is 0
        alone = OVG(eta_hf, eta_lf, project=False).invert(denoiser, x, 0, 6).latent
        assert (alone - expected).norm() > 1e-5 * expected.norm()


@each("process", PROCESSES)
def test_gradients_match_the_closed_form(process: VariancePreserving | VarianceExploding) -> None:
    """For flat Gaussian data noise = a x and clean = b x, so g_HF = 4 (a^2 |x|^2 - d) a^2 x and
    g_LF = 2 b (b x - x0); with no projection or clip the literal Eq. (14) follows by hand."""
    variance, eta_hf, eta_lf = 0.3, 1e-7, 1e-3
    denoiser, clean = flat(process, variance), draw(variance)
    level, following = process.levels(10)[4:6]
    x = level.alpha * clean + level.sigma * torch.randn_like(clean)
    label = torch.zeros(len(x), dtype=torch.long)
    total = level.alpha**2 * variance + level.sigma**2
    a, b = level.sigma / total, level.alpha * variance / total
    excess = a**2 * x.square().sum((1, 2, 3), keepdim=True) - x[0].numel()
    g_hf, g_lf = 4 * excess * a**2 * x, 2 * b * (b * x - clean)
    expected = ode_step(denoiser(x, level, label), following) - eta_hf * g_hf - eta_lf * g_lf
    method = OVG(eta_hf, eta_lf, project=False, scale="none")
    got = one_step(method, denoiser, clean, 10, 4, x)
    torch.testing.assert_close(got, expected)


def test_entry_noise_is_the_only_difference_it_makes() -> None:
    """OVG + EDM: the image enters with sigma_min noise, and all steps are OVG's."""
    process = VarianceExploding()
    denoiser, x = flat(process, 0.3), draw(0.3)
    noisy = OVG(1.0, 1e-3, entry_noise=True).invert(denoiser, x, 0, 6, torch.Generator().manual_seed(7), record=True)
    spread = (noisy.trajectory[0] - x).std().item()
    assert spread == pytest.approx(process.sigma_min, rel=5 / x.numel() ** 0.5)
    first = one_step(OVG(1.0, 1e-3), denoiser, x, 6, 0, noisy.trajectory[0])
    assert torch.equal(noisy.trajectory[1], first)


@each("eta_hf", [1e3, 1e9, 1e30])
def test_the_clip_bounds_each_correction(eta_hf: float) -> None:
    """With the published eta the variance correction is exactly as long as clip allows, also in float32."""
    process = VariancePreserving()
    denoiser, clean = flat(process, 0.01), draw(0.01).float()
    level, following = process.levels(50)[10:12]
    label = torch.zeros(len(clean), dtype=torch.long)
    base = ode_step(denoiser(clean, level, label), following)
    for clip in (0.25, 1.0):
        got = one_step(OVG(eta_hf, 0, clip=clip), denoiser, clean, 50, 10)
        ratio = (got - base).flatten(1).norm(dim=1) / (base - clean).flatten(1).norm(dim=1)
        # Differences of float32 states that are 30 times longer than the step: 30 * 2^-23 relative.
        torch.testing.assert_close(ratio, torch.full_like(ratio, clip), rtol=1e-4, atol=0)


def test_float32_and_float64_agree_on_a_step() -> None:
    """One step: over many, the published clip makes OVG overshoot ||noise||^2 = d back and forth, and
    rounding decides the side."""
    process = VariancePreserving()
    denoiser, clean = flat(process, 0.01), draw(0.01)
    double, single = (one_step(OVG(1000, 1e-4), denoiser, x, 50, 10) for x in (clean, clean.float()))
    # The gradient's outer sum cancels from d = 768 to some tens: two of float32's seven digits.
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)


@each(
    ("given", "products"),
    [
        ({"eta_hf": 0, "eta_lf": 0}, 0),
        ({"eta_lf": 0}, 2),
        ({"eta_hf": 0}, 2),
        ({}, 2),
        ({"eta_lf": 0, "project": False}, 1),
        ({"eta_hf": 0, "project": False}, 1),
        ({"project": False}, 2),
        ({"gradient": "free"}, 0),
        ({"gradient": "secant"}, 0),
        ({"gradient": "spectral"}, 0),
        ({"gradient_lf": "free"}, 1),
        ({"gradient": "free", "gradient_lf": "exact"}, 1),
        ({"gradient": "combined"}, (3 * 2 + 9) / 12),  # steps 0, 5 and 10 are exact
        ({"every": 4}, 3 * 2 / 12),
    ],
)
def test_a_step_costs_one_forward_pass_and_a_product_per_gradient_that_plays_a_part(
    given: dict[str, object], products: float
) -> None:
    denoiser, etas = _Counting(), {"eta_hf": 1.0, "eta_lf": 1e-3}
    inverted = OVG(**etas | given).invert(denoiser, draw(0.1, 2), 0, 12)
    # a combined product passes the input once, however many halves it comes from
    assert (denoiser.forward, denoiser.backward) == (12, 12 * products)
    assert inverted.network_calls == 12
    assert "ovg" not in inverted.memory
    if not given.keys() & {"gradient", "gradient_lf", "every"}:
        assert ("conflict" in inverted.diagnostics) == (products == 2)
        assert ("clipped_hf" in inverted.diagnostics) == ("eta_hf" not in given)
        assert ("clipped_lf" in inverted.diagnostics) == ("eta_lf" not in given)


@each("etas", [(1e-7, 1e-4), (1e3, 1e-4)])
def test_one_product_gives_nearly_what_two_give(etas: tuple[float, float]) -> None:
    """Between exact steps lengths and angles are scaled, and clip and conflict decided by them: near, not equal."""
    spectrum = torch.rand(16, 16, dtype=torch.float64) ** 4
    spectrum = spectrum + spectrum.flip(0, 1).roll((1, 1), (0, 1))
    denoiser = GaussianDenoiser(VariancePreserving(), {0: spectrum})
    x = torch.fft.ifft2(torch.fft.fft2(draw(1.0, 4)) * spectrum.sqrt()).real
    two, one = (OVG(*etas, gradient=kind).invert(denoiser, x, 0, 50) for kind in ("exact", "combined"))
    plain = create("standard").invert(denoiser, x, 0, 50).latent
    assert (one.latent - two.latent).norm() < 0.3 * (two.latent - plain).norm()
    # and where a step is exact it is the same step
    assert torch.equal(one.diagnostics["conflict"][0], two.diagnostics["conflict"][0])


def test_the_spectrum_of_the_image_gives_the_jacobian_of_data_like_it() -> None:
    """With an image whose power is the data's on every ring, J^T v is the closed form's, to rounding."""
    process, size = VariancePreserving(), 16
    spectrum = jacobians.radial(torch.randn(1, 64, size, size, dtype=torch.float64).cumsum(-1))[0, 0]
    full = torch.cat([spectrum, spectrum.flip(0).roll(1, 0)[:, 1:-1].flip(1)], 1)
    denoiser = GaussianDenoiser(process, {0: full})
    noise = torch.fft.fft2(torch.randn(1, 1, size, size, dtype=torch.float64), norm="ortho")
    clean = torch.fft.ifft2(full.sqrt() * noise / noise.abs(), norm="ortho").real
    torch.testing.assert_close(jacobians.radial(clean)[0, 0], spectrum, rtol=1e-9, atol=1e-12)
    level, x = process.levels(10)[4], torch.randn(1, 1, size, size, dtype=torch.float64)
    state = x.clone().requires_grad_(True)
    v = torch.randn_like(x)
    (exact,) = torch.autograd.grad(denoiser(state, level, torch.zeros(1, dtype=torch.long)).noise, state, v)
    torch.testing.assert_close(jacobians.spectral(v, clean, level), exact, rtol=1e-9, atol=1e-12)


def test_the_secant_converges_to_the_jacobian_along_the_trajectory() -> None:
    """On an exact trajectory of Gaussian data with any spectrum; the error halves with the step."""
    process, label = FineVariancePreserving(), torch.zeros(2, dtype=torch.long)
    spectrum = torch.rand(16, 16, dtype=torch.float64)
    spectrum = spectrum + spectrum.flip(0, 1).roll((1, 1), (0, 1))
    denoiser = GaussianDenoiser(process, {0: spectrum})
    errors = []
    for steps in (400, 800):
        trajectory = create("standard").invert(denoiser, draw(0.5, 2), 0, steps, record=True)
        earlier, here = steps // 2 - 1, steps // 2
        levels, states = trajectory.levels, trajectory.trajectory
        before = denoiser(states[earlier], levels[earlier], label).noise
        state = states[here].requires_grad_(True)
        noise = denoiser(state, levels[here], label).noise
        (exact,) = torch.autograd.grad(noise, state, noise.detach())
        found = jacobians.secant(noise.detach(), levels[here], noise.detach(), (levels[earlier], before))
        errors.append(((found - exact).norm() / exact.norm()).item())
    assert errors[0] < 0.05
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.3)


@each("gradient", ["exact", "combined"])
def test_float16_does_not_overflow_at_512_pixels(gradient: str) -> None:
    """v = (||noise||^2 - d) noise has 4e5 there, and float16 ends at 65504."""

    class Half:
        """A network in float16 that takes the state for noise at half its strength."""

        process = VariancePreserving()

        def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
            noise = (x.to(self.dtype) * 0.5).to(x.dtype)
            return Prediction(noise, (x - level.sigma * noise) / level.alpha)

    latents = []
    for Half.dtype in (torch.float16, torch.float32):
        generator = torch.Generator().manual_seed(0)
        images = torch.randn(1, 3, 512, 512, generator=generator)
        latents.append(OVG(1e-9, 1e-7, gradient=gradient).invert(Half(), images, 0, 3).latent)
    standard = create("standard").invert(Half(), images, 0, 3).latent
    moved = (latents[1] - standard).norm()
    assert moved > 0.01 * standard.norm()
    assert (latents[0] - latents[1]).norm() < 0.1 * moved  # an overflow raises; rounding grows from step to step
