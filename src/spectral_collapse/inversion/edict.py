"""EDICT: exact inversion by a pair of states that take turns."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.checks import check_flag, check_number
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionMethod, InversionState
from spectral_collapse.later import torch
from spectral_collapse.sampling import SamplingState, noise_step


@dataclass(frozen=True)
class EDICT(InversionMethod):
    """Two coupled states, each moved by the noise that the network sees in the other (Wallace et al. 2022, Eq. 14, 15).

    mixing: the paper's p, above 0, to 1; after each step the two are averaged with the weights p and
    1 - p, which keeps them together. The round trip is exact but for rounding, which the unmixing
    amplifies by 1 / p^2 per step: 1400 times in 50 steps at 0.93, so use float64 for many steps. Two
    network calls per step, up and down.

    alternate: every other step of the sampling moves the second state first, as the authors' code does by default; else
    the first state always goes first, as the equations are written.
    """

    mixing: float = 0.93
    alternate: bool = True

    name = "edict"
    remembers = True

    def __post_init__(self) -> None:
        check_number("mixing", self.mixing, 0, 1)
        if not self.mixing:
            raise InvalidParameterError("mixing must be above 0; at 0 the mixing can't be undone")
        check_flag("alternate", self.alternate)

    def prepare(self, run: InversionState) -> None:
        run.memory["partner"] = run.clean

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, None]:
        p, pair = self.mixing, [x, run.memory["partner"]]
        pair[1] = (pair[1] - (1 - p) * pair[0]) / p
        pair[0] = (pair[0] - (1 - p) * pair[1]) / p
        for moved in reversed(self._order(run)):
            noise = run.denoiser(pair[1 - moved], run.following, run.labels).noise
            pair[moved] = noise_step(pair[moved], noise, run.level, run.following)
        x, run.memory["partner"] = pair
        return x, None

    def step_back(self, run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, None]:
        p, pair = self.mixing, [x, run.memory["partner"]]
        for moved in self._order(run):
            noise = run.guided(pair[1 - moved], run.level, run.labels).noise
            pair[moved] = noise_step(pair[moved], noise, run.level, run.following)
        x = p * pair[0] + (1 - p) * pair[1]
        run.memory["partner"] = p * pair[1] + (1 - p) * x
        return x, None

    def _order(self, run: InversionState | SamplingState) -> tuple[int, int]:
        """Which of the pair the sampling step between these levels moves first, and which then."""
        done = len(run.levels) - 2 - run.position  # sampling steps before it
        return (1, 0) if self.alternate and done % 2 else (0, 1)
