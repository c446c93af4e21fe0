"""ReNoise: the inversion step repeated at its own result, and its noise kept noise-like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from spectral_collapse.checks import check_count, check_number
from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionState, StandardSteps, Told
from spectral_collapse.later import F, torch
from spectral_collapse.sampling import noise_step

_ROUNDS = 4  # of gradient steps on a predicted noise (authors' configuration)
_PAIR_STEPS = 5  # in each round, on the pair loss (authors' configuration)
_STEEPEST = 100  # each value of the patch loss's gradient is clipped to this (authors' code)
_PATCH = 4  # side of the patches whose statistics are compared, in pixels (authors' code)
_TINY = 1e-6  # added to the patches' variances (authors' code)
SMALLEST = 8  # pixels: the pyramid of the pair loss ends here (Parmar et al. 2023)


@dataclass(frozen=True)
class ReNoise(StandardSteps):
    """Renoising iterations (Garibi et al. 2024, Alg. 1).

    A step begins as the standard one, but gives the network the next timestep (`told`; paper and authors' code); then
    the noise is predicted at the state that was reached, and the step repeated from its beginning with that noise,
    `iterations` times: a fixed-point iteration for the step that sampling will take. Finally the step is made with the
    mean of the last `averaged` predictions.

    Args:
        iterations: renoising iterations per step, one network call each; with 0 this is the standard inversion with
            the same `told`.
        averaged: how many of the last predictions are averaged, 1 to iterations; 1 averages nothing.
        lambda_pair: weight of the pair loss, the squared correlation of neighbouring pixels on a
            pyramid of half sizes; 0 switches it off.
        lambda_patch: weight of the patch loss, the Kullback-Leibler divergence of the Gaussian
            statistics of 4 x 4 patches from those of the prediction at the truly noised image; 0
            switches it off, and with it one network call per step and all randomness.

    The losses correct the predicted noise in 4 rounds: a gradient step on the patch loss, its gradient clipped at 100,
    then 5 on the pair loss (authors' code). The authors shift the pair loss by a random distance, which can be 0; here
    it is one pixel, so that a run can be repeated and the loss never penalises the variance itself. Their number of
    iterations differs between the first levels and the others; here it is the same.
    Diagnostics: 'residual', how far the last iteration moved the state, relative to its norm.
    """

    iterations: int = 4
    averaged: int = 1
    lambda_pair: float = 20.0
    lambda_patch: float = 0.065
    told: Told = field(default="next", kw_only=True)

    name = "renoise"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("iterations", self.iterations, 0)
        check_count("averaged", self.averaged, 1)
        check_number("lambda_pair", self.lambda_pair, 0)
        check_number("lambda_patch", self.lambda_patch, 0)
        if self.averaged > max(self.iterations, 1):
            raise InvalidParameterError(
                f"renoise can't average {self.averaged} predictions of {self.iterations} iterations; "
                "averaged must not be above iterations"
            )

    @property
    def stochastic(self) -> bool:
        return bool(self.iterations and self.lambda_patch)

    def draws(self, num_steps: int) -> int:
        return int(self.stochastic)

    def prepare(self, run: InversionState) -> None:
        if (self.lambda_pair or self.lambda_patch) and min(run.clean.shape[-2:]) < SMALLEST:
            raise InvalidParameterError(
                f"renoise's losses compare pixels of images of at least {SMALLEST} x {SMALLEST}; "
                f"{tuple(run.clean.shape[-2:])} was given; set lambda_pair and lambda_patch to 0"
            )

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        following_x, prediction = super().step(run, x)
        if not self.iterations:
            return following_x, prediction
        reference = None
        if self.lambda_patch:
            noised = run.following.alpha * run.clean + run.following.sigma * run.noise[0]
            reference = run.denoiser(noised, run.following, run.labels).noise
        noises: list[torch.Tensor] = []
        for iteration in range(1, self.iterations + 1):
            noises.append(run.denoiser(following_x, run.following, run.labels).noise)
            # Where predictions are averaged, those that are not among them are taken as they are (authors' code).
            used = self.averaged == 1 or iteration > self.iterations - self.averaged
            noise = self._regularised(noises[-1], reference) if used else noises[-1]
            before, following_x = following_x, noise_step(x, noise, run.level, run.following)
        moved = (following_x - before).flatten(1).norm(dim=1) / following_x.flatten(1).norm(dim=1)
        run.seen["residual"] = moved
        if self.averaged > 1:
            mean = self._regularised(torch.stack(noises[-self.averaged :]).mean(0), reference)
            following_x = noise_step(x, mean, run.level, run.following)
        return following_x, prediction

    def _regularised(self, noise: torch.Tensor, reference: torch.Tensor | None) -> torch.Tensor:
        for _ in range(_ROUNDS):
            if reference is not None:
                steep = gradient(lambda free: patch_loss(free, reference), noise)
                noise = noise - self.lambda_patch * steep.clamp(-_STEEPEST, _STEEPEST)
            for _ in range(_PAIR_STEPS if self.lambda_pair else 0):
                noise = noise - self.lambda_pair / _PAIR_STEPS * gradient(pair_loss, noise)
        return noise


def gradient(loss: Callable[[torch.Tensor], torch.Tensor], noise: torch.Tensor) -> torch.Tensor:
    """The gradient of a loss per sample, N x C x H x W -> (N,), at a noise."""
    with torch.enable_grad():
        free = noise.detach().requires_grad_(True)
        return torch.autograd.grad(loss(free).sum(), free)[0]


def pair_loss(noise: torch.Tensor, shift: int = 1) -> torch.Tensor:
    """Squared mean products of pixels `shift` apart, right and below, per sample (N,), of noise N x C x H x W.

    Summed over channels and over a pyramid of half sizes down to 8 pixels (Parmar et al. 2023, Eq. 3).
    """
    loss = noise.new_zeros(len(noise))
    while True:
        for dim in (-1, -2):
            loss = loss + (noise * noise.roll(shift, dim)).mean((2, 3)).square().sum(1)
        if min(noise.shape[-2:]) <= SMALLEST:
            return loss
        noise = F.avg_pool2d(noise, 2)


def patch_loss(noise: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Twice the divergence of the patches' Gaussian statistics from the reference's, summed, per sample (N,).

    As the authors' code has it, without the divergence's factor 1/2, for which their weight is meant.
    """

    def statistics(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        patches = x.unfold(2, _PATCH, _PATCH).unfold(3, _PATCH, _PATCH).flatten(4)
        return patches.mean(-1), patches.var(-1)

    (mean, variance), (mean_0, variance_0) = statistics(noise), statistics(reference)
    divergence = ((variance_0 + _TINY) / (variance + _TINY)).log() - 1
    divergence = divergence + (variance + (mean - mean_0).square()) / (variance_0 + _TINY)
    return divergence.abs().sum((1, 2, 3))
