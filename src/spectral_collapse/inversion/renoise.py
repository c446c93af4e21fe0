"""ReNoise: the inversion step repeated at its own result, and its noise kept noise-like."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from spectral_collapse.checks import check_count, check_number
from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionMethod, InversionState
from spectral_collapse.sampling import noise_step

_GRADIENT_STEPS = 4  # on the predicted noise, per regularised prediction (authors' configuration)
_PATCH = 4  # side of the patches whose statistics are compared, in pixels (authors' code)
SMALLEST = 8  # pixels: the pyramid of the pair loss ends here (Parmar et al. 2023)


@dataclass(frozen=True)
class ReNoise(InversionMethod):
    """Renoising iterations (Garibi et al. 2024, Alg. 1).

    A step begins as the standard one; then the noise is predicted at the state that was reached, and
    the step repeated from its beginning with that noise, `iterations` times: a fixed-point iteration
    for the step that sampling will take. At last the step is made with the mean of the last `averaged`
    predictions.

    Args:
        iterations: renoising iterations per step, one network call each; with 0 this is the standard inversion.
        averaged: how many of the last predictions are averaged, 1 to iterations; 1 averages nothing.
        lambda_pair: weight of the pair loss, the squared correlation of neighbouring pixels on a
            pyramid of half sizes; 0 switches it off.
        lambda_patch: weight of the patch loss, the Kullback-Leibler divergence of the Gaussian
            statistics of 4 x 4 patches from those of the prediction at the truly noised image; 0
            switches it off, and with it one network call per step and all randomness.

    The losses correct each predicted noise, scaled to unit power, by 4 gradient steps. The authors
    shift the pair loss by a random distance; here it is one pixel, so that a run can be repeated.
    Diagnostics: 'residual', how far the last iteration moved the state, relative to its norm.
    """

    iterations: int = 4
    averaged: int = 1
    lambda_pair: float = 20.0
    lambda_patch: float = 0.065

    name = "renoise"

    def __post_init__(self) -> None:
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
        for _ in range(self.iterations):
            noise = run.denoiser(following_x, run.following, run.labels).noise
            noises.append(self._regularised(noise, reference))
            before, following_x = following_x, noise_step(x, noises[-1], run.level, run.following)
        moved = (following_x - before).flatten(1).norm(dim=1) / following_x.flatten(1).norm(dim=1)
        run.seen["residual"] = moved
        if self.averaged > 1:
            mean = torch.stack(noises[-self.averaged :]).mean(0)
            following_x = noise_step(x, mean, run.level, run.following)
        return following_x, prediction

    def _regularised(self, noise: torch.Tensor, reference: torch.Tensor | None) -> torch.Tensor:
        if not self.lambda_pair and reference is None:
            return noise
        # In units of the noise's own strength, so that the weights mean the same at every level.
        scale = noise.square().mean((1, 2, 3), keepdim=True).sqrt() + torch.finfo(noise.dtype).tiny
        unit = noise / scale
        for _ in range(_GRADIENT_STEPS):
            with torch.enable_grad():
                free = unit.detach().requires_grad_(True)
                loss = free.new_zeros(())
                if self.lambda_pair:
                    loss = loss + self.lambda_pair * pair_loss(free).sum()
                if reference is not None:
                    loss = loss + self.lambda_patch * patch_loss(free, reference / scale).sum()
            unit = unit - torch.autograd.grad(loss, free)[0]
        return unit * scale


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
    """Divergence of the patches' Gaussian statistics from the reference's, summed, per sample (N,)."""

    def statistics(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        patches = x.unfold(2, _PATCH, _PATCH).unfold(3, _PATCH, _PATCH).flatten(4)
        return patches.mean(-1), patches.var(-1) + 1e-6

    (mean, variance), (mean_0, variance_0) = statistics(noise), statistics(reference)
    divergence = (variance_0 / variance).log() + (variance + (mean - mean_0).square()) / variance_0 - 1
    return 0.5 * divergence.sum((1, 2, 3))
