"""The loop that all inversion methods share, and what an inversion returns."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from spectral_collapse.checks import (
    check_callback,
    check_count,
    check_finite,
    check_flag,
    check_generator,
    check_images,
    check_is,
    check_name,
)
from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.denoisers.base import check_denoiser, check_states
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.labels import NULL
from spectral_collapse.later import torch
from spectral_collapse.processes import Level, check_levels
from spectral_collapse.sampling import (
    Callback,
    CountingDenoiser,
    SamplingState,
    Step,
    as_labels,
    descend,
    look,
    ode_step,
    plain_step,
)

Told = Literal["own", "next"]
"""Whose timestep a network is told when a step up asks it about the state that the step starts from."""


@dataclass(frozen=True)
class Inversion:
    """An image's way to noise.

    latent: N x C x H x W, the terminal state divided by the last level's norm sqrt(alpha^2 + sigma^2)
    (1 for variance-preserving processes), so that a perfect latent is white noise of unit variance
    whatever the process. levels: the levels passed, cleanest first; all N + 1 of them unless the
    method stops below the noisiest one. network_calls: forward passes per image, rounded up where
    images differ. trajectory: len(levels) x N x C x H x W states in the process's own scale, if it
    was recorded. diagnostics: name -> one value per step and sample, (steps, N). memory: what the
    method's own way back (`InversionMethod.sample`) needs beside the latent; a 'null_label' in it is
    what sampling is guided away from.
    """

    latent: torch.Tensor
    levels: list[Level]
    network_calls: int
    trajectory: torch.Tensor | None = None
    diagnostics: dict[str, torch.Tensor] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)


class ForwardNoise:
    """White noise of N images, `draws` maps of each: `torch.randn(draws, C, H, W)` for one image after the other.

    One call per image, in their order: what an image is given does not depend on how a batch is split, on any
    generator. It does depend on how many images came before it.
    """

    def __init__(self, like: torch.Tensor, draws: int, generator: torch.Generator | None) -> None:
        options = {"dtype": like.dtype, "device": "cpu" if generator is None else generator.device}
        drawn = [torch.randn(draws, *like.shape[1:], generator=generator, **options) for _ in like]
        self._draws = torch.stack(drawn).to(like.device)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self._draws[:, index]


@dataclass
class InversionState:
    """Where an inversion is, and all that one of its steps may use.

    labels: N domain labels to invert under. levels: all of them, cleanest first. clean: the
    encoded input. noise: the method's draws, `noise[0]` and on, N x C x H x W each. told: whose timestep the network
    is told (`ask`). memory: what the sampling will need; scratch: what later steps alone need, dropped at the end.
    diagnostics: a dict per step, name -> N values.
    """

    denoiser: CountingDenoiser
    labels: torch.Tensor
    levels: list[Level]
    clean: torch.Tensor
    noise: ForwardNoise
    told: Told = "own"
    memory: dict[str, Any] = field(default_factory=dict)
    scratch: dict[str, Any] = field(default_factory=dict)
    position: int = 0

    def __post_init__(self) -> None:
        self.diagnostics: list[dict[str, torch.Tensor]] = [{} for _ in self.levels[1:]]

    @property
    def seen(self) -> dict[str, torch.Tensor]:
        """The diagnostics of this step."""
        return self.diagnostics[self.position]

    @property
    def level(self) -> Level:
        """The level of the state, `levels[position]`."""
        return self.levels[self.position]

    @property
    def following(self) -> Level:
        """The level that the step leads to."""
        return self.levels[self.position + 1]

    @property
    def asked(self) -> Level:
        """The level of the state with the time that the network is told: its own, or with told='next' the following."""
        return self.level if self.told == "own" else dataclasses.replace(self.level, time=self.following.time)

    def ask(self, x: torch.Tensor) -> Prediction:
        """What the denoiser says of a state x (N x C x H x W) at `level`, told the time of `asked`."""
        return self.denoiser(x, self.asked, self.labels)


@dataclass(frozen=True)
class InversionMethod:
    """A way from an image to a latent; subclasses say what they change.

    The shared loop (`invert`) goes up the process's levels. It can let noise in: where the image enters
    (`entry_noise`), and by replacing the first steps by forward diffusion (`replaced_steps`). Each
    other step is `step`. `sample` is the way back, each of its steps `step_back`.

    entry_noise: the image enters as alpha_0 * x0 + sigma_0 * noise, not as it is. fresh: each replaced
    step draws noise of its own; else one draw serves them all. keeps_states: `finish` is given the
    states of all levels. replaced_by: the parameter that is the share of the steps to replace, if there is one. told:
    whose timestep the network is told (`StandardSteps`). remembers: whether the way back uses more of the image than
    the latent; if not, `Inversion.memory` holds nothing of it.
    """

    name: ClassVar[str]
    # Without annotations: an annotated one would come first among the fields of a method that makes it a field.
    entry_noise = False
    fresh = True
    keeps_states = False
    replaced_by = ""
    told = "own"
    remembers = False

    @property
    def params(self) -> dict[str, Any]:
        """The method's parameters as they were given or defaulted."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    @property
    def replaced_share(self) -> float:
        """The share of the steps that forward diffusion replaces."""
        return getattr(self, self.replaced_by) if self.replaced_by else 0.0

    @property
    def stochastic(self) -> bool:
        """Whether the latent depends on the generator."""
        return self.replaced_share > 0 or self.entry_noise

    def replaced_steps(self, num_steps: int) -> int:
        """How many steps forward diffusion replaces: round(num_steps * share), as the papers count.

        Raises InvalidParameterError for a share above 0 that rounds to no step.
        """
        return share_of(num_steps, self.replaced_share, f"{self.name} replaces", self.replaced_by or "the share")

    def walked_steps(self, num_steps: int) -> int:
        """How many of the process's steps are taken at all: the latent lies at that level."""
        check_count("num_steps", num_steps, 1)
        return num_steps

    def entered_at(self, k: int, num_steps: int) -> int:
        """k, the level at which images enter. Raises InvalidParameterError for one beyond the last."""
        check_count("k", k, 0)
        check_count("num_steps", num_steps, 1)
        if k > num_steps:
            raise InvalidParameterError(f"{self.name} can't enter at level {k} of {num_steps}; use k <= num_steps")
        return k

    def draws(self, num_steps: int) -> int:
        """How many noise maps are drawn for each image."""
        replaced = self.replaced_steps(num_steps)
        return replaced + self.entry_noise if self.fresh else int(replaced > 0 or self.entry_noise)

    def enter(self, clean: torch.Tensor, noise: torch.Tensor, level: Level) -> torch.Tensor:
        """Where images (N x C x H x W) enter at a level with noise: their forward diffusion."""
        check_states(clean=clean, noise=noise)
        check_levels(level)
        return level.alpha * clean + level.sigma * noise

    def prepare(self, run: InversionState) -> None:
        """Called before the first step; raises where the method can't work with this denoiser."""

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction | None]:
        """One inversion step from x at `run.level`: the state at `run.following`, and what the denoiser said of x."""
        prediction = run.ask(x)
        return ode_step(prediction, run.following), prediction

    def finish(self, run: InversionState, states: list[torch.Tensor]) -> torch.Tensor:
        """The terminal state; states holds that of each level, or the last alone unless `keeps_states`."""
        return states[-1]

    def step_back(self, run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction | None]:
        """One sampling step from x at `run.level` to `run.following`."""
        return plain_step(run, x)

    def invert(
        self,
        denoiser: Denoiser,
        clean: torch.Tensor,
        label: torch.Tensor | int,
        num_steps: int = 50,
        generator: torch.Generator | None = None,
        record: bool = False,
        callback: Callback | None = None,
    ) -> Inversion:
        """Inverts a batch of images (or encoded images) under a domain label.

        Args:
            denoiser: any callable `(x, level, label) -> Prediction` with a `.process`; it is not changed.
            clean: N x C x H x W. Unless the method says otherwise it enters at the process's cleanest
                level as it is: no noise is added and it is not scaled by that level's alpha (authors'
                code; alpha_0 = 0.9996).
            label: the domain to invert under, N labels or one.
            num_steps: N of `process.levels(N)`.
            generator: for stochastic methods, a generator of any device; the noise of each image is one
                draw from it, image after image. The result does not depend on how a batch is split, and
                with a CPU generator (or none, which is torch's own) not on the device either.
            record: keep the states of all levels.
            callback: called with a `sampling.Step` after each step.

        Raises:
            InvalidParameterError: a parameter out of range, of the wrong type or of the wrong shape,
                or a denoiser that the method can't work with.
            NotFiniteError: NaN or infinity in the input or after a step; step and method are named.
        """
        check_denoiser(denoiser)
        check_images(clean, "clean")
        check_generator(generator)
        check_flag("record", record)
        check_callback(callback)
        levels = denoiser.process.levels(num_steps)[: self.walked_steps(num_steps) + 1]
        replaced, steps, what = self.replaced_steps(num_steps), len(levels) - 1, f"{self.name} inversion"
        # Methods may differentiate, which no tensor of the caller's inference mode can be part of.
        with torch.inference_mode(False), torch.no_grad():
            clean, labels = clean.clone(), as_labels(label, clean).clone()
            noise = ForwardNoise(clean, self.draws(num_steps), generator)
            run = InversionState(CountingDenoiser(denoiser, len(clean)), labels, levels, clean, noise, self.told)
            x = self.enter(clean, noise[-1], levels[0]) if self.entry_noise else clean
            states = [x]
            self.prepare(run)
            for index in range(steps):
                run.position, prediction = index, None
                if index < replaced:
                    following_x = self.enter(clean, noise[index if self.fresh else 0], run.following)
                else:
                    following_x, prediction = self.step(run, x)
                x = look(Step(index, run.level, run.following, x, prediction, following_x), what, steps, callback)
                states = [*states, x] if record or self.keeps_states else [x]
            x = states[-1] = self.finish(run, states)
        check_finite(x, f"{what}: NaN or infinity in the latent")
        return Inversion(
            latent=x / levels[-1].norm,
            levels=levels,
            network_calls=run.denoiser.calls,
            trajectory=torch.stack(states) if record else None,
            diagnostics=_stack_steps(run.diagnostics, clean),
            memory=run.memory,
        )

    def sample(
        self,
        denoiser: Denoiser,
        inversion: Inversion,
        label: torch.Tensor | int,
        guidance: float = 1.0,
        null_label: torch.Tensor | int = NULL,
        callback: Callback | None = None,
    ) -> torch.Tensor:
        """The method's way back from its latent to an image, N x C x H x W, in any domain.

        Args as in `sampling.sample`, and `inversion`, what `invert` returned. For methods whose way
        back is plain sampling it is `sampling.sample` from the latent.

        Raises InvalidParameterError and NotFiniteError as `sampling.sample` does.
        """
        check_denoiser(denoiser)
        check_is("inversion", inversion, Inversion, "an Inversion, as invert gives it")
        check_images(inversion.latent, "latent")
        labels = as_labels(label, inversion.latent)
        null_label = inversion.memory.get("null_label", null_label)
        run = SamplingState(denoiser, labels, inversion.levels, guidance, null_label, dict(inversion.memory))
        return descend(run, inversion.latent, self.step_back, callback)


@dataclass(frozen=True)
class StandardSteps(InversionMethod):
    """Methods whose steps up ask the network about the state that they start from, as the standard one does.

    told: the timestep that the network is told then, 'own' of the state's level or 'next' of the level that the step
    leads to. 'own' is DDIM's (Song et al. 2020; paper, Eq. 13). 'next' is what diffusers' DDIMInverseScheduler does,
    and the code of prompt-to-prompt and what is built on it: the timestep that sampling will be told there. The level's
    alpha and sigma stay, and on the way down the network is told its own timestep always. 'own' is the default for all
    methods, so that they differ in nothing but what their papers differ in.
    """

    told: Told = field(default="own", kw_only=True)

    def __post_init__(self) -> None:
        check_name("told", self.told, ("own", "next"))


def share_of(num_steps: int, share: float, what: str, name: str) -> int:
    """round(num_steps * share), half to even as Python rounds: how many of the steps a share is.

    what: who does what to the steps; name: of the parameter. Raises InvalidParameterError, with the least share that
    helps, for one above 0 that rounds to no step.
    """
    check_count("num_steps", num_steps, 1)
    count = round(num_steps * share)
    if share and not count:
        least = least_share(0.5 / num_steps, lambda given: round(num_steps * given))
        raise InvalidParameterError(f"{what} none of {num_steps} steps with {name} {share:g}; use {least:g} or more")
    return count


def least_share(near: float, works: Callable[[float], object]) -> float:
    """The least number of two digits, from a positive one upwards, with which something works."""
    digits = 1 - math.floor(math.log10(near))
    shares = (place / 10**digits for place in itertools.count(math.floor(near * 10**digits)))
    return next(filter(works, shares))


def _stack_steps(steps: list[dict[str, torch.Tensor]], x: torch.Tensor) -> dict[str, torch.Tensor]:
    """One (num_steps, N) tensor per name; NaN where a step left none."""
    missing = torch.full((len(x),), float("nan"), device=x.device)
    names = dict.fromkeys(name for step in steps for name in step)
    return {name: torch.stack([step.get(name, missing).float() for step in steps]) for name in names}
