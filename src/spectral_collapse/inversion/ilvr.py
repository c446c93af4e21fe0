"""Low-pass consistency: no inversion, and the source's low frequencies put into every sampling step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from spectral_collapse.checks import check_name
from spectral_collapse.denoisers import Prediction
from spectral_collapse.inversion.base import InversionMethod, InversionState
from spectral_collapse.inversion.projectors import HighPass, Projector
from spectral_collapse.sampling import SamplingState, ode_step


@dataclass(frozen=True)
class ILVR(InversionMethod):
    """Iterative latent variable refinement (Choi et al. 2021, Alg. 1), and the null-space variant of it.

    The latent is drawn white noise, whatever the image. Each sampling step then takes its low frequencies from the
    source.

    projector: a cutoff in cycles per pixel (of what is inverted), or a callable that keeps what is *not* taken from
    the source, as in `nullspace`. consistent: 'state' replaces the low frequencies of the state by those of the
    noised source (ILVR; the noise is drawn for each step), 'clean' those of the predicted clean image by the source's
    own (DDNM, Wang et al. 2023). The structure that S_LF measures is put in by hand: at a cutoff above the score's
    the score is 1 for nothing.
    """

    projector: float | Projector = 0.0625
    consistent: Literal["state", "clean"] = "state"

    name = "ilvr"
    fresh = False

    def __post_init__(self) -> None:
        check_name("consistent", self.consistent, ("state", "clean"))
        if not callable(self.projector):
            HighPass(self.projector)

    @property
    def replaced_share(self) -> float:
        return 1.0

    def draws(self, num_steps: int) -> int:
        return num_steps + 1

    def prepare(self, run: InversionState) -> None:
        run.memory.update(image=run.clean, noise=run.noise)

    def finish(self, run: InversionState, states: list[torch.Tensor]) -> torch.Tensor:
        return run.levels[-1].norm * run.noise[-1]

    def step_back(self, run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        prediction = run.guided(x, run.level, run.labels)
        image, following = run.memory["image"], run.following
        if self.consistent == "clean":
            return ode_step(Prediction(prediction.noise, self._mixed(prediction.clean, image)), following), prediction
        source = following.alpha * image + following.sigma * run.memory["noise"][run.position]
        return self._mixed(ode_step(prediction, following), source), prediction

    def _mixed(self, x: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        """x with the low frequencies of the source."""
        projector = self.projector if callable(self.projector) else HighPass(self.projector)
        return source + projector(x - source)
