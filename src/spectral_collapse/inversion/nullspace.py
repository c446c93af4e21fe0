"""Null-space noise: forward diffusion into the part of the image that the source leaves empty."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.checks import check_count, check_number
from spectral_collapse.denoisers import Prediction
from spectral_collapse.inversion.base import InversionState, StandardSteps
from spectral_collapse.inversion.dpm_solver import DPMSolver
from spectral_collapse.inversion.ovg import OVG, free_structure
from spectral_collapse.inversion.projectors import HighPass, Projector
from spectral_collapse.later import torch
from spectral_collapse.processes import Level


@dataclass(frozen=True)
class NullSpace(StandardSteps):
    """Enters the ODE at level k as alpha_k * x0 + sigma_k * P noise, P a projector (ours).

    k: the level of entry, 0 to num_steps; the steps below it are skipped. projector: a cutoff
    frequency in cycles per pixel (of what is inverted: a latent's pixel is as many image pixels wide
    as the autoencoder compresses), above which the noise lives, or a callable such as those of
    `inversion.projectors`, or your own. The band of the source that P leaves out enters without noise.

    order: 1 for standard steps, 2 for those of `DPMSolver`, in inversion only: the latent differs, sampling is plain in
    both cases.

    eta_lf: step size of OVG's structure gradient without its Jacobian, >= 0: each step is moved by
    eta_lf * dt * (2 / alpha) * (x0 - clean), by at most its own length. It costs no network call.

    With the identity and eta_lf = 0 this is TABA with one draw, at k = 0 the noise floor.
    """

    k: int = 2
    projector: float | Projector = 0.0625
    order: int = 1
    eta_lf: float = 0.0

    name = "nullspace"
    entry_noise = True
    fresh = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("k", self.k, 0)
        check_number("eta_lf", self.eta_lf, 0)
        check_count("order", self.order, 1, 2)
        if not callable(self.projector):
            HighPass(self.projector)

    def replaced_steps(self, num_steps: int) -> int:
        return self.entered_at(self.k, num_steps)

    def enter(self, clean: torch.Tensor, noise: torch.Tensor, level: Level) -> torch.Tensor:
        projector = self.projector if callable(self.projector) else HighPass(self.projector)
        return super().enter(clean, projector(noise), level)

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction | None]:
        base, prediction = super().step(run, x) if self.order == 1 else DPMSolver().step(run, x)
        if not self.eta_lf or prediction is None:
            return base, prediction
        gradient = free_structure(prediction.clean - run.clean, run.level)
        return OVG(0.0, self.eta_lf, project=False).corrected(run, x, base, None, gradient), prediction
