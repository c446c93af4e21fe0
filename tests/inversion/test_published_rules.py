"""What the authors' code of each method does, as plain formulas on a closed-form network: the default here.

Both sides take the same steps in float64, so they differ by rounding alone: 1e-9 of the state leaves room for what the
unmixing of pairs and the division by small sigmas amplify. The formulas are written without the package's steps.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from itertools import pairwise

import torch

from spectral_collapse.denoisers import Prediction
from spectral_collapse.inversion import Inversion, create
from spectral_collapse.inversion.projectors import HighPass
from spectral_collapse.inversion.renoise import patch_loss
from spectral_collapse.processes import FlowMatching, Level, Process, VarianceExploding, VariancePreserving
from tests.each import each
from tests.gaussian import PROCESSES

N = 20
MIX = torch.randn(3, 3, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) / 4
X = torch.nn.functional.avg_pool2d(
    torch.randn(2, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1)), 3, 1, 1
)


def eps(x: torch.Tensor, t: float) -> torch.Tensor:
    """The network: what it says of a state and of the time that it is told."""
    told = 0.5 * x * (1 + t / 1000) + 0.2 * math.sin(t / 90)
    return torch.tanh(torch.nn.functional.conv2d(x, MIX, padding=1) + told)


class Toy:
    """It predicts the noise, and the negative velocity on a flow; labelled: how much the label matters."""

    table = torch.tensor([[0.3, -0.2], [-0.4, 0.5], [0.0, 0.1]], dtype=torch.float64)

    def __init__(self, process: Process, labelled: float = 0.0) -> None:
        self.process, self.labelled = process, labelled

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        if isinstance(self.process, FlowMatching):
            v = eps(x, level.time)
            return Prediction(x + level.alpha * v, x - level.sigma * v)
        return self.conditioned(x, level, self.embed(label))

    def embed(self, label: torch.Tensor) -> torch.Tensor:
        return self.table[label].clone()

    def conditioned(self, x: torch.Tensor, level: Level, e: torch.Tensor) -> Prediction:
        first, second = e[:, :1, None, None], e[:, 1:, None, None]
        noise = eps(x, level.time) + self.labelled * torch.tanh(x.mean(1, keepdim=True) * first + second)
        return Prediction(noise, (x - level.sigma * noise) / level.alpha)


VP = Toy(VariancePreserving())


def levels(n: int = N) -> list[Level]:
    return VP.process.levels(n)


def ddim(x: torch.Tensor, e: torch.Tensor, a: Level, b: Level) -> torch.Tensor:
    return b.alpha * (x - a.sigma * e) / a.alpha + b.sigma * e


def inverted(name: str, n: int = N, denoiser: Toy = VP, **params: object) -> Inversion:
    return create(name, **params).invert(denoiser, X, 0, n, torch.Generator().manual_seed(3))


def same(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 * expected.abs().max().item())


def draws(count: int) -> torch.Tensor:
    """What each image of X is given, N x count x C x H x W."""
    generator = torch.Generator().manual_seed(3)
    return torch.stack([torch.randn(count, *X.shape[1:], dtype=X.dtype, generator=generator) for _ in X])


def euler(told: str, x: torch.Tensor = X, start: int = 0) -> torch.Tensor:
    for a, b in list(pairwise(levels()))[start:]:
        x = ddim(x, eps(x, (a if told == "own" else b).time), a, b)
    return x


@each("told", ["own", "next"])
def test_ddim_is_told_the_states_own_timestep_or_as_diffusers_the_next(told: str) -> None:
    for name in ("standard", "direct", "negative_prompt"):
        same(inverted(name, told=told).latent, euler(told))
    same(inverted("standard").latent, euler("own"))
    entered = levels()[0].alpha * X + levels()[0].sigma * draws(1)[:, 0]
    same(inverted("noise_floor", told=told).latent, euler(told, entered))
    taba = levels()[2].alpha * X + levels()[2].sigma * draws(1)[:, 0]
    same(inverted("taba", fraction=0.1, fresh=False, told=told).latent, euler(told, taba, 2))
    same(inverted("easy_inv", eta=1.0, told=told).latent, euler(told))
    same(inverted("rf_inversion", gamma=0.0, told=told).latent, euler(told))
    same(inverted("ovg", eta_hf=0.0, eta_lf=0.0, told=told).latent, euler(told))


@each("name", ["ovg", "nullspace", "dpm_solver", "wiener", "pix2pix_zero", "spectral_swap", "null_class"])
def test_every_step_of_the_way_up_is_told_and_none_of_the_way_down(name: str) -> None:
    """By the times that the network is told: told='next' shifts those of the way up by one level."""

    class Listening(Toy):
        def conditioned(self, x: torch.Tensor, level: Level, e: torch.Tensor) -> Prediction:
            heard.append((level.sigma, level.time))
            return super().conditioned(x, level, e)

    method = create(name, told="next")
    heard: list[tuple[float, float]] = []
    following = {a.sigma: b.time for a, b in pairwise(levels(6))}
    denoiser, seen = Listening(VP.process, 0.1), 6 - method.replaced_steps(6)
    found = method.invert(denoiser, X, 0, 6, torch.Generator().manual_seed(3))
    assert [time for _, time in heard[:seen]] == [following[sigma] for sigma, _ in heard[:seen]]
    heard.clear()
    method.sample(denoiser, found, 1)
    assert {time for _, time in heard} <= {level.time for level in levels(6)}
    assert all(VP.process.level(int(time)).sigma == sigma for sigma, time in heard)


@each("steps", [5, 6])
@each("alternate", [True, False])
def test_edict_alternates_which_of_the_pair_moves_first(steps: int, alternate: bool) -> None:
    """Sampling: every other step, from the second on, moves the second state first."""
    p, up = 0.93, levels(steps)
    found = inverted("edict", steps, alternate=alternate)
    pair = [found.latent, found.memory["partner"]]
    for i, (high, low) in enumerate(pairwise(up[::-1])):
        for k in (1, 0) if alternate and i % 2 else (0, 1):
            pair[k] = ddim(pair[k], eps(pair[1 - k], high.time), high, low)
        pair[0] = p * pair[0] + (1 - p) * pair[1]
        pair[1] = p * pair[1] + (1 - p) * pair[0]
    same(create("edict", alternate=alternate).sample(VP, found, 0), pair[0])
    same(pair[0], X)
    assert alternate == create("edict").alternate or not torch.allclose(found.latent, inverted("edict", steps).latent)


@each("process", PROCESSES)
def test_newton_raphson_starts_at_the_state_before_and_solves_ddims_step(process: Process) -> None:
    denoiser, z = Toy(process), X
    for a, b in pairwise(process.levels(6)):
        guess, best, least = z, z, torch.full((2,), math.inf)
        for _ in range(2):
            guess = guess.detach().requires_grad_(True)
            e = eps(guess, b.time)
            # DDIM's step with the noise at the guess; on a flow Euler's with its velocity, here -e
            f = z - (b.sigma - a.sigma) * -e if isinstance(process, FlowMatching) else ddim(z, e, a, b)
            r = ((guess - f).abs() + 0.05 * ((f - b.alpha * X) / b.sigma) ** 2).mean((1, 2, 3))
            (slope,) = torch.autograd.grad(r.sum(), guess)
            better = r.detach() < least
            best, least = torch.where(better.view(-1, 1, 1, 1), f.detach(), best), torch.minimum(r.detach(), least)
            floor = 0.1 * slope.abs().mean((1, 2, 3), keepdim=True)
            slope = torch.where(slope < 0, -1.0, 1.0) * torch.maximum(slope.abs(), floor)
            guess = guess.detach() - r.detach().view(-1, 1, 1, 1) / (slope[0].numel() * slope)
        z = best
    same(inverted("gnri", 6, denoiser).latent, z / process.levels(6)[-1].norm)


@each(("iterations", "averaged"), [(1, 1), (4, 1), (4, 3)])
def test_renoise_predicts_first_at_the_next_timestep(iterations: int, averaged: int) -> None:
    z = X
    for a, b in pairwise(levels()):
        noises = [eps(z, b.time)]
        for _ in range(iterations):
            noises.append(eps(ddim(z, noises[-1], a, b), b.time))
        z = ddim(z, sum(noises[-averaged:]) / averaged, a, b)
    found = inverted("renoise", iterations=iterations, averaged=averaged, lambda_pair=0.0, lambda_patch=0.0)
    same(found.latent, z)


def _patches(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The authors' patchify_latents_kl_divergence."""
    a, b = (t.unfold(2, 4, 4).unfold(3, 4, 4).flatten(4) for t in (a, b))
    va, vb = a.var(-1), b.var(-1)
    kl = torch.log((vb + 1e-6) / (va + 1e-6)) + (va + (a.mean(-1) - b.mean(-1)) ** 2) / (vb + 1e-6) - 1
    return kl.abs().sum((1, 2, 3))


def _pairs(noise: torch.Tensor) -> torch.Tensor:
    """The authors' auto_corr_loss without its random shifts, of 16 x 16 pixels: two sizes."""
    half = torch.nn.functional.avg_pool2d(noise, 2)
    products = [(n * n.roll(1, dim)).mean((2, 3)).square().sum(1) for n in (noise, half) for dim in (2, 3)]
    return torch.stack(products).sum(0)


@each(("iterations", "averaged"), [(2, 1), (3, 2)])
def test_renoise_corrects_noise_as_its_authors_do(iterations: int, averaged: int) -> None:
    """noise_regularization: 4 rounds of a clipped step on the patches at the full weight, then 5 on the pairs."""

    def step(noise: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor], rate: float) -> torch.Tensor:
        free = noise.clone().requires_grad_(True)
        return noise - rate * torch.autograd.grad(loss(free).sum(), free)[0].clip(-100, 100)

    def corrected(noise: torch.Tensor) -> torch.Tensor:
        for _ in range(4):
            noise = step(noise, lambda free: _patches(free, ideal), 0.065)
            for _ in range(5):
                noise = step(noise, _pairs, 20 / 5)
        return noise

    z, drawn = X, draws(1)[:, 0]
    for a, b in pairwise(levels(4)):
        ideal = eps(b.alpha * X + b.sigma * drawn, b.time)
        noises, y = [], ddim(z, eps(z, b.time), a, b)
        for i in range(1, iterations + 1):
            noises.append(eps(y, b.time))
            last = corrected(noises[-1]) if averaged == 1 or i > iterations - averaged else noises[-1]
            y = ddim(z, last, a, b)
        z = y if averaged == 1 else ddim(z, corrected(sum(noises[-averaged:]) / averaged), a, b)
    same(inverted("renoise", 4, iterations=iterations, averaged=averaged).latent, z)
    a, b = draws(2).unbind(1)
    torch.testing.assert_close(patch_loss(a, b), _patches(a, b), rtol=1e-12, atol=0)


@each("process", PROCESSES)
def test_uni_inv_is_on_a_diffusion_its_authors_version_for_ddim(process: Process) -> None:
    denoiser, x, kept = Toy(process), X, None
    for a, b in pairwise(process.levels(10)):
        kept = eps(x, a.time) if kept is None else kept
        if isinstance(process, FlowMatching):
            kept = eps(x + (b.sigma - a.sigma) * kept, b.time)
            x = x + (b.sigma - a.sigma) * kept
        else:
            kept = eps(ddim(x, kept, a, b), b.time)
            x = ddim(x, kept, a, b)
    same(inverted("uni_inv", 10, denoiser).latent, x / process.levels(10)[-1].norm)


@each(("n", "eta", "start", "stop"), [(10, 0.5, 0.05, 0.25), (40, 0.5, 0.05, 0.25), (4, 0.3, 0.25, 0.75)])
@each("predict_first", [False, True])
def test_easy_inv_mixes_strictly_inside_its_window(
    n: int, eta: float, start: float, stop: float, predict_first: bool
) -> None:
    """example.py of the authors mixes what a step reached; the code of their experiments what the next one starts at,
    after its noise is predicted. With n = 40 and 4 the lower edge of the window is a step."""
    z = last = X
    for i, (a, b) in enumerate(pairwise(levels(n))):
        e, mixes = eps(z, a.time), start * n < i < stop * n
        if predict_first:
            last = z = eta * z + (1 - eta) * last if mixes else z
            z = ddim(z, e, a, b)
        else:
            z = ddim(z, e, a, b)
            last = z = eta * z + (1 - eta) * last if mixes else z
    same(inverted("easy_inv", n, eta=eta, start=start, stop=stop, predict_first=predict_first).latent, z)
    usual = create("easy_inv")
    assert (usual.eta, usual.start, usual.stop, usual.predict_first) == (0.5, 0.05, 0.25, False)


def test_null_text_optimises_with_its_authors_rates_and_thresholds() -> None:
    """NullInversion: Adam at 1e-2 (1 - i/100), stop at a loss below 1e-5 + 2e-5 i, looked at after the step; the
    authors take one image at a time. 8 steps of this network cannot be retraced that well: 0.025 stands for 1e-5."""
    start = 0.025
    w, n, denoiser, label = 1.2, 8, Toy(VP.process, 0.1), torch.zeros(1, dtype=torch.long)
    up, method = levels(n), create("null_class", guidance=w, tolerance=start)
    states = create("standard").invert(denoiser, X, 0, n, record=True).trajectory
    found = method.invert(denoiser, X, 0, n)
    images, used = [], []
    for image in range(2):
        z, null = states[-1][image : image + 1], denoiser.table[2:3].clone()
        for i in range(n):
            high, low, wanted = up[n - i], up[n - 1 - i], states[n - 1 - i][image : image + 1]
            null = null.clone().requires_grad_(True)
            adam, conditional = torch.optim.Adam([null], 1e-2 * (1 - i / 100)), denoiser(z, high, label).noise
            used.append(0)
            for _ in range(10):
                free = denoiser.conditioned(z, high, null).noise
                loss = (ddim(z, free + w * (conditional - free), high, low) - wanted).square().mean()
                adam.zero_grad()
                loss.backward()
                adam.step()
                used[-1] += 1
                if loss.item() < start + i * 2 * start:
                    break
            null = null.detach()
            free = denoiser.conditioned(z, high, null).noise
            z = ddim(z, free + w * (conditional - free), high, low)
        images.append(z)
    same(method.sample(denoiser, found, 0, guidance=w), torch.cat(images))
    iterations = found.diagnostics["iterations"].T.flip(1).flatten()
    assert iterations.tolist() == used
    assert (create("null_class").learning_rate, create("null_class").tolerance) == (1e-2, 1e-5)
    assert min(used) < 10 == max(used)


@each(("until", "steps"), [(0.0, 0), (0.25, 2), (0.3, 3), (1.0, 10)])
def test_rf_inversion_leads_to_the_image_for_its_share_of_the_steps_rounded_down(until: float, steps: int) -> None:
    flow = Toy(FlowMatching())
    method = create("rf_inversion", eta=0.9, until=until)
    found = method.invert(flow, X, 0, 10, torch.Generator().manual_seed(3))
    z, sigmas = found.latent, [level.sigma for level in found.levels][::-1]
    for i, (here, there) in enumerate(pairwise(sigmas)):
        v = -eps(z, 1000 * here)
        v = v + (0.9 if i < steps else 0.0) * ((X - z) / here - v)
        z = z + v * (here - there)
    same(method.sample(flow, found, 0), z)


@each(("name", "params", "eta"), [
    ("sdedit", {"strength": 0.6}, 1.0),
    ("sdedit", {"strength": 0.6, "eta": 0.0}, 0.0),
    ("ilvr", {"consistent": "state"}, 1.0),
    ("ilvr", {"consistent": "state", "eta": 0.3}, 0.3),
    ("ilvr", {"consistent": "clean"}, 0.85),
    ("ilvr", {"consistent": "clean", "eta": 0.0}, 0.0),
])  # fmt: skip
def test_the_way_down_is_stochastic_where_the_authors_is(name: str, params: dict[str, object], eta: float) -> None:
    """SDEdit's and ILVR's steps have the variance of DDPM's posterior, sigma'^2 (1 - r'^2 / r^2), r = sigma / alpha;
    DDNM draws 0.85 of sigma' whatever the step."""
    method, up = create(name, **params), levels()
    found = method.invert(VP, X, 0, N, torch.Generator().manual_seed(3))
    steps = 12 if name == "sdedit" else N
    count = steps * (eta > 0) + (1 if name == "sdedit" else N + 1)
    drawn = draws(count)
    fresh = drawn[:, count - steps :] if eta else torch.zeros(2, steps, *X.shape[1:], dtype=X.dtype)
    high_pass = HighPass(0.0625)

    def low(image: torch.Tensor) -> torch.Tensor:
        return image - high_pass(image)

    z = up[steps].alpha * X + up[steps].sigma * drawn[:, 0] if name == "sdedit" else drawn[:, N]
    same(found.latent, z)
    for i in reversed(range(steps)):
        a, b = up[i + 1], up[i]
        e = eps(z, a.time)
        clean = (z - a.sigma * e) / a.alpha
        if params.get("consistent") == "clean":
            clean, spread = clean - low(clean - X), eta * b.sigma
        else:
            spread = eta * b.sigma * math.sqrt(1 - (b.sigma / b.alpha) ** 2 / (a.sigma / a.alpha) ** 2)
        z = b.alpha * clean + math.sqrt(b.sigma**2 - spread**2) * e + spread * fresh[:, i]
        if params.get("consistent") == "state":
            z = z + low(b.alpha * X + b.sigma * drawn[:, i] - z)
    same(method.sample(VP, found, 0), z)


def test_the_last_noise_map_of_edit_friendly_ddpm_is_kept() -> None:
    """The authors' code sets it to 0. On these levels the image then does not come back: the difference is said."""
    method = create("ddpm_friendly")
    found = method.invert(VP, X, 0, N, torch.Generator().manual_seed(3))
    same(method.sample(VP, found, 0), X)
    maps = [torch.zeros_like(X), *found.memory["maps"][1:]]
    published = dataclasses.replace(found, memory={**found.memory, "maps": maps})
    assert (method.sample(VP, published, 0) - X).norm() > 0.05 * X.norm()


def test_edms_network_is_told_a_quarter_of_the_logarithm_of_sigma() -> None:
    """Karras et al. 2022, Table 1. The code of OVG's authors tells it sigma."""
    z, up = X + 0.002 * draws(1)[:, 0], VarianceExploding().levels(8)
    for a, b in pairwise(up):
        z = z + (b.sigma - a.sigma) * eps(z, math.log(a.sigma) / 4)
    same(inverted("edm", 8, Toy(VarianceExploding())).latent, z / up[-1].norm)
