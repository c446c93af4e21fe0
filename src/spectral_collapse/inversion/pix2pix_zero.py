"""pix2pix-zero's inversion: every predicted noise is made to look like noise."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.checks import check_count, check_number
from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionState, StandardSteps
from spectral_collapse.inversion.renoise import SMALLEST, gradient, pair_loss
from spectral_collapse.later import torch
from spectral_collapse.sampling import noise_step


@dataclass(frozen=True)
class Pix2PixZero(StandardSteps):
    """Regularised DDIM inversion (Parmar et al. 2023).

    Gradient steps reduce the predicted noise's autocorrelation and its Kullback-Leibler divergence from N(0, 1) before
    the step uses it. This takes no further network call.

    iterations: rounds per step. shifts: gradient steps on the autocorrelation in each round, at distances of 1, 2, ...
    pixels (random in the authors' code; fixed here, so that a run can be repeated). lambda_pair, lambda_kl: weights, 0
    switches one off; the defaults are the authors' for latents of 16,384 values, and with a hundred values the gradient
    steps diverge.
    """

    iterations: int = 5
    shifts: int = 5
    lambda_pair: float = 20.0
    lambda_kl: float = 20.0

    name = "pix2pix_zero"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("iterations", self.iterations, 0)
        check_count("shifts", self.shifts, 1)
        check_number("lambda_pair", self.lambda_pair, 0)
        check_number("lambda_kl", self.lambda_kl, 0)

    def prepare(self, run: InversionState) -> None:
        if self.lambda_pair and min(run.clean.shape[-2:]) < max(SMALLEST, 2 * self.shifts):
            raise InvalidParameterError(
                f"pix2pix_zero compares pixels up to {self.shifts} apart, in images of at least "
                f"{max(SMALLEST, 2 * self.shifts)} x {max(SMALLEST, 2 * self.shifts)}; {tuple(run.clean.shape[-2:])} "
                "was given; use fewer shifts, or set lambda_pair to 0"
            )

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        prediction = run.ask(x)
        noise = prediction.noise
        for _ in range(self.iterations):
            for shift in range(1, self.shifts + 1) if self.lambda_pair else ():
                noise = noise - self.lambda_pair / self.shifts * gradient(lambda n, s=shift: pair_loss(n, s), noise)
            if self.lambda_kl:
                noise = noise - self.lambda_kl * gradient(kl_loss, noise)
        return noise_step(x, noise, run.level, run.following), prediction


def kl_loss(noise: torch.Tensor) -> torch.Tensor:
    """Twice the divergence of N(mean, variance), fitted to each of N x C x H x W, from N(0, 1), (N,)."""
    flat = noise.flatten(1)
    variance = flat.var(1)
    return variance + flat.mean(1).square() - 1 - (variance + 1e-7).log()
