"""UniInv: the implicit step, guessed from the step before."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.denoisers import Prediction
from spectral_collapse.inversion.base import InversionMethod, InversionState
from spectral_collapse.later import torch
from spectral_collapse.sampling import step_with


@dataclass(frozen=True)
class UniInv(InversionMethod):
    """One iteration of the step that sampling will take, from a guess with the last step's slope.

    Source: UniEdit-Flow (Jiao et al. 2025). The network is called at the level that a step leads to, as sampling will
    call it there. One call per step, and one more at the start. On a variance-preserving process it is the authors'
    version for DDIM, whose steps use only the noise of both predictions (`sampling.step_with`); elsewhere it is
    `fixed_point` with a warm start and one iteration.
    """

    name = "uni_inv"

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        slope = run.scratch.get("slope") or run.ask(x)
        guess = step_with(slope, x, run.level, run.following)
        prediction = run.scratch["slope"] = run.denoiser(guess, run.following, run.labels)
        return step_with(prediction, x, run.level, run.following), prediction
