"""DirectInversion: the source branch is held on the recorded trajectory."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.denoisers import Prediction
from spectral_collapse.inversion.base import InversionState, StandardSteps
from spectral_collapse.later import torch
from spectral_collapse.sampling import SamplingState, ode_step


@dataclass(frozen=True)
class Direct(StandardSteps):
    """Standard inversion; each sampling step corrects the source branch to the inversion's own state.

    Two branches are sampled together, under the source and the target label (Ju et al. 2023, Alg. 1). The same
    correction is added to the target branch, which keeps its difference to the source branch. The paper corrects the
    source branch alone and leaves the target branch to attention control, which needs a network with text attention:
    this is not the published baseline. Under the source label the image comes back to float error, at any guidance. The
    authors' inversion gives the network the next timestep: told='next'.
    """

    name = "direct"
    keeps_states = True
    remembers = True

    def finish(self, run: InversionState, states: list[torch.Tensor]) -> torch.Tensor:
        run.memory.update(source=run.labels, states=list(states))
        return states[-1]

    def step_back(self, run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        recorded = run.memory["states"]
        branches = torch.cat([x, recorded[run.position + 1]])
        prediction = run.guided(branches, run.level, torch.cat([run.labels, run.memory["source"]]))
        target, source = ode_step(prediction, run.following).chunk(2)
        return target + (recorded[run.position] - source), Prediction(*(half.chunk(2)[0] for half in prediction))
