"""Negative-prompt inversion: the source's own label in place of the null label."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from spectral_collapse.denoisers import Denoiser
from spectral_collapse.inversion.base import Ascent, Inversion, InversionMethod
from spectral_collapse.sampling import Callback


@dataclass(frozen=True)
class NegativePrompt(InversionMethod):
    """Standard inversion; sampling is guided away from the source label, not from the null label.

    What `null_class` would find if the inversion could be retraced exactly, without optimising
    (Miyake et al. 2023, Sec. 3.2). Under the source label any guidance is none.
    """

    name = "negative_prompt"

    def prepare(self, run: Ascent) -> None:
        run.memory["source"] = run.labels

    def sample(
        self,
        denoiser: Denoiser,
        inversion: Inversion,
        label: torch.Tensor | int,
        guidance: float = 1.0,
        null_label: torch.Tensor | int = 2,
        callback: Callback | None = None,
    ) -> torch.Tensor:
        return super().sample(denoiser, inversion, label, guidance, inversion.memory["source"], callback)
