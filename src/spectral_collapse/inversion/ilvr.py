"""Low-pass consistency: no inversion; every sampling step takes its low frequencies from the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spectral_collapse.checks import check_name, check_number
from spectral_collapse.denoisers import Prediction
from spectral_collapse.inversion.base import InversionMethod, InversionState
from spectral_collapse.inversion.noise_maps import reverse_step
from spectral_collapse.inversion.projectors import HighPass, Projector
from spectral_collapse.later import torch
from spectral_collapse.sampling import SamplingState

_PUBLISHED = {"state": 1.0, "clean": 0.85}
"""eta of ILVR's DDPM steps, and of DDNM's code."""


@dataclass(frozen=True)
class ILVR(InversionMethod):
    """Iterative latent variable refinement (Choi et al. 2021, Alg. 1), and the null-space variant of it.

    The latent is random white noise, whatever the image. Each sampling step then takes its low frequencies from the
    source.

    projector: a cutoff in cycles per pixel (of what is inverted), or a callable that keeps what is *not* taken from the
    source, as in `nullspace`. consistent: 'state' replaces the low frequencies of the state by those of the noised
    source (ILVR, with new noise in each step), 'clean' those of the predicted clean image by the source's own (DDNM,
    Wang et al. 2023). Either inserts the very structure that S_LF measures: at a cutoff above the score's, a score of 1
    says nothing.

    eta: 0 to 1, the stochasticity of the sampling steps; `invert` generates their noise. None is the authors' choice:
    1, DDPM's steps, for 'state'; for 'clean' 0.85, the random share of each level's sigma in DDNM's code. At 0 the
    steps are deterministic.
    """

    projector: float | Projector = 0.0625
    consistent: Literal["state", "clean"] = "state"
    eta: float | None = None

    name = "ilvr"
    fresh = False
    remembers = True

    def __post_init__(self) -> None:
        check_name("consistent", self.consistent, ("state", "clean"))
        if self.eta is not None:
            check_number("eta", self.eta, 0, 1)
        if not callable(self.projector):
            HighPass(self.projector)

    @property
    def replaced_share(self) -> float:
        return 1.0

    @property
    def stochasticity(self) -> float:
        """`eta`, or the published one."""
        return _PUBLISHED[self.consistent] if self.eta is None else self.eta

    def draws(self, num_steps: int) -> int:
        """One for the noised source of each level, one for the latent, and one for each stochastic step."""
        return num_steps + 1 + num_steps * (self.stochasticity > 0)

    def prepare(self, run: InversionState) -> None:
        run.memory.update(image=run.clean, noise=run.noise)

    def finish(self, run: InversionState, states: list[torch.Tensor]) -> torch.Tensor:
        return run.levels[-1].norm * run.noise[len(run.levels) - 1]

    def step_back(self, run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        prediction = run.guided(x, run.level, run.labels)
        image, noise, following = run.memory["image"], run.memory["noise"], run.following
        if self.consistent == "clean":
            x = following.alpha * self._mixed(prediction.clean, image)
            x = x + following.sigma * (1 - self.stochasticity**2) ** 0.5 * prediction.noise
            spread = self.stochasticity * following.sigma
        else:
            x, spread = reverse_step(prediction, run.level, following, self.stochasticity)
        if spread:
            x = x + spread * noise[len(run.levels) + run.position]
        if self.consistent == "state":
            x = self._mixed(x, following.alpha * image + following.sigma * noise[run.position])
        return x, prediction

    def _mixed(self, x: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        """x with the low frequencies of the source."""
        projector = self.projector if callable(self.projector) else HighPass(self.projector)
        return source + projector(x - source)
