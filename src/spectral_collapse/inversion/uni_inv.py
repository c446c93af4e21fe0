"""UniInv: the implicit step, guessed from the step before."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from spectral_collapse.denoisers import Prediction
from spectral_collapse.inversion.base import InversionMethod, InversionState
from spectral_collapse.sampling import increment


@dataclass(frozen=True)
class UniInv(InversionMethod):
    """One iteration of the step that sampling will take, from a guess with the last step's slope (UniEdit-Flow, Jiao et
    al. 2025).

    The network is asked at the level that a step leads to, as sampling will ask it there. One call per step, and one
    more at the start. It is `fixed_point` with a warm start and a single iteration.
    """

    name = "uni_inv"

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        slope = run.memory.pop("slope", None)
        if slope is None:
            slope = run.denoiser(x, run.level, run.labels)
        guess = x + increment(slope, run.level, run.following)
        prediction = run.denoiser(guess, run.following, run.labels)
        run.memory["slope"] = prediction
        return x + increment(prediction, run.level, run.following), prediction
