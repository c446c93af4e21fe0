"""Base classes of rules that work alike up and down, and of methods that keep a pair of states."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionMethod, InversionState
from spectral_collapse.later import torch
from spectral_collapse.processes import Level
from spectral_collapse.sampling import SamplingState, plain_step


@dataclass(frozen=True)
class Move:
    """A step from one level to another, up or down, and the denoiser that it calls.

    memory: of earlier steps in this direction. asked: `level` with the time that the network receives there.
    """

    denoiser: Denoiser
    labels: torch.Tensor
    level: Level
    following: Level
    memory: dict[str, Any]
    asked: Level

    def ask(self, x: torch.Tensor, level: Level | None = None) -> Prediction:
        """The denoiser's prediction for a state, N x C x H x W, at a level, by default where the step begins."""
        return self.denoiser(x, self.asked if level is None else level, self.labels)

    @property
    def half(self) -> Level:
        """The level half way."""
        return self.denoiser.process.between(self.level, self.following)


@dataclass(frozen=True)
class BothWays(InversionMethod, ABC):
    """A rule from one level to another that is the same in both directions."""

    @abstractmethod
    def rule(self, x: torch.Tensor, move: Move) -> tuple[torch.Tensor, Prediction]:
        """The state at `move.following` from x at `move.level`, and a prediction."""

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        return self.rule(x, Move(run.denoiser, run.labels, run.level, run.following, run.scratch, run.asked))

    def step_back(self, run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        memory = run.memory.setdefault("down", {})
        return self.rule(x, Move(run.guided, run.labels, run.level, run.following, memory, run.level))


@dataclass(frozen=True)
class Paired(InversionMethod, ABC):
    """A rule over three levels that can be solved for the state at either end.

    So the round trip is exact but for rounding. The latent is a pair of states, and the first step is a standard one:
    at least two steps are needed.
    """

    remembers = True

    @abstractmethod
    def across(
        self, before: torch.Tensor, x: torch.Tensor, prediction: Prediction, levels: list[Level], up: bool
    ) -> torch.Tensor:
        """The state at the last of three levels from those at the first two."""

    def prepare(self, run: InversionState) -> None:
        if len(run.levels) < 3:
            raise InvalidParameterError(
                f"{self.name} needs num_steps of at least 2; "
                "with the 1 that was given it would return the image as it is"
            )

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        following_x, prediction = super().step(run, x)
        if run.position:
            levels = run.levels[run.position - 1 : run.position + 2]
            following_x = self.across(run.memory["below"], x, prediction, levels, up=True)
        run.memory["below"] = x
        return following_x, prediction

    def step_back(self, run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction | None]:
        if "above" not in run.memory:  # the inversion ends with two states, and sampling begins with them
            run.memory["above"] = x
            return run.memory["below"], None
        _, prediction = plain_step(run, x)
        levels = run.levels[run.position : run.position + 3][::-1]
        following_x = self.across(run.memory["above"], x, prediction, levels, up=False)
        run.memory["above"] = x
        return following_x, prediction
