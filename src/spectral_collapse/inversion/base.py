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
    described,
)
from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.denoisers.base import check_denoiser, check_states
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.labels import NULL
from spectral_collapse.later import torch
from spectral_collapse.processes import Level, check_levels, check_trajectory
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
"""Which timestep a network receives in an inversion step: that of the state's own level or that of the next level."""


@dataclass(frozen=True)
class Inversion:
    """The result of an inversion.

    latent: N x C x H x W, the terminal state divided by the last level's norm sqrt(alpha^2 + sigma^2) (1 for
    variance-preserving processes), so that a perfect latent is white noise of unit variance whatever the process.
    levels: the levels passed, cleanest first; all N + 1 of them unless the method stops below the noisiest one.
    network_calls: forward passes per image, rounded up where images differ. trajectory: len(levels) x N x C x H x W
    states in the process's own scale, if it was recorded. diagnostics: name -> one value per step and sample, (steps,
    N). memory: what the method's own sampling (`InversionMethod.sample`) needs besides the latent; a 'null_label' in it
    is what sampling is guided away from.
    """

    latent: torch.Tensor
    levels: list[Level]
    network_calls: int
    trajectory: torch.Tensor | None = None
    diagnostics: dict[str, torch.Tensor] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)


class ForwardNoise:
    """White noise of N images, `draws` maps each: `torch.randn(draws, C, H, W)` for one image after the other.

    There is one call per image, in their order. An image's noise therefore does not depend on how a batch is split, on
    any generator. It does depend on how many images come before it.
    """

    def __init__(self, like: torch.Tensor, draws: int, generator: torch.Generator | None) -> None:
        options = {"dtype": like.dtype, "device": "cpu" if generator is None else generator.device}
        drawn = [torch.randn(draws, *like.shape[1:], generator=generator, **options) for _ in like]
        self._draws = torch.stack(drawn).to(like.device)

    def __getitem__(self, index: int) -> torch.Tensor:
        count = self._draws.shape[1]
        if not -count <= index < count:
            raise InvalidParameterError(
                f"run.noise[{index}] was asked for, and each image has {count} noise maps; say how many there are by "
                "the method's draws or entry_noise"
            )
        return self._draws[:, index]


@dataclass
class InversionState:
    """The current position of an inversion, and everything that a step may use.

    labels: N domain labels to invert under. levels: all of them, cleanest first. clean: the encoded input. noise: the
    method's noise maps, `noise[0]` and on, N x C x H x W each. told: which timestep the network receives (`ask`).
    memory: what the sampling will need; scratch: what only later steps need, dropped at the end. diagnostics: a dict
    per step, name -> N values.
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
        """The level of the state with the time that the network receives: its own or, for told='next', the next."""
        return self.level if self.told == "own" else dataclasses.replace(self.level, time=self.following.time)

    def ask(self, x: torch.Tensor) -> Prediction:
        """The denoiser's prediction for a state x (N x C x H x W) at `level`, with the time of `asked`."""
        return self.denoiser(x, self.asked, self.labels)


@dataclass(frozen=True)
class InversionMethod:
    """A way from an image to a latent; subclasses define what they change.

    The shared loop (`invert`) goes up the process's levels. Noise can be added where the image enters (`entry_noise`),
    and forward diffusion can replace the first steps (`replaced_steps`). All other steps call `step`. `sample` goes
    back down with `step_back`.

    entry_noise: the image enters as alpha_0 * x0 + sigma_0 * noise, not as it is. fresh: each replaced step has new
    noise; otherwise all of them share one noise map. keeps_states: `finish` receives the states of all levels.
    replaced_by: the name of the parameter that sets the share of the steps to replace, if there is one. told: which
    timestep the network receives (`StandardSteps`). remembers: whether sampling uses more of the image than the latent;
    if not, `Inversion.memory` holds nothing of the image.
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
        """The method's parameters, given or default."""
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
        """How many of the process's steps the method takes; the latent lies at the level that they reach."""
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
        """How many random noise maps each image needs."""
        replaced = self.replaced_steps(num_steps)
        return replaced + self.entry_noise if self.fresh else int(replaced > 0 or self.entry_noise)

    def enter(self, clean: torch.Tensor, noise: torch.Tensor, level: Level) -> torch.Tensor:
        """The state of images (N x C x H x W) that enter at a level with noise: their forward diffusion."""
        check_states(clean=clean, noise=noise)
        check_levels(level)
        return level.alpha * clean + level.sigma * noise

    def prepare(self, run: InversionState) -> None:
        """Called before the first step; raises where the method can't work with this denoiser."""

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction | None]:
        """One inversion step from x at `run.level`: the state at `run.following` and the denoiser's answer for x."""
        prediction = run.ask(x)
        return ode_step(prediction, run.following), prediction

    def finish(self, run: InversionState, states: list[torch.Tensor]) -> torch.Tensor:
        """The terminal state. states: those of all levels with `keeps_states`, else the last one alone."""
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
        check_trajectory(denoiser.process, num_steps)
        levels = denoiser.process.levels(num_steps)[: self.walked_steps(num_steps) + 1]
        replaced, steps, what = self.replaced_steps(num_steps), len(levels) - 1, f"{self.name} inversion"
        check_count(f"{self.name}: draws({num_steps})", self.draws(num_steps), 0)
        if self.draws(num_steps) and not self.stochastic:
            raise InvalidParameterError(
                f"{self.name} draws random noise and says that it is not stochastic, so that all seeds would stand for "
                "one; give it stochastic = True"
            )
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
                changes = None if x.is_inference() else x._version
                if index < replaced:
                    following_x = self.enter(clean, noise[index if self.fresh else 0], run.following)
                else:
                    following_x, prediction = self.step(run, x)
                    if not x.is_inference() and x._version != changes:
                        raise InvalidParameterError(
                            f"{what}: step {index + 1} of {steps} wrote into the state that it was given; return a new "
                            "one, as x = x * 2 makes it and x.mul_(2) does not"
                        )
                x = look(Step(index, run.level, run.following, x, prediction, following_x), what, steps, callback)
                states = [*states, x] if record or self.keeps_states else [x]
            x = states[-1] = self.finish(run, states)
            if not isinstance(x, torch.Tensor) or x.shape != clean.shape or not x.is_floating_point():
                raise InvalidParameterError(
                    f"{what}: finish must return the terminal state, a floating-point tensor of shape "
                    f"{tuple(clean.shape)}; {described(x)} was returned"
                )
        check_finite(x, f"{what}: NaN or infinity in the latent")
        _check_seen(run.diagnostics, len(clean), what)
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
        """Samples an image, N x C x H x W, from the method's latent, in any domain.

        Args as in `sampling.sample`, and `inversion`, what `invert` returned. Methods without a way back of their own
        use `sampling.sample` from the latent.

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
    """Methods whose inversion steps call the network at the state that they start from, as the standard one does.

    told: the timestep that the network then receives, 'own' of the state's level or 'next' of the level that the step
    leads to. 'own' is DDIM's (Song et al. 2020; paper, Eq. 13). 'next' is what diffusers' DDIMInverseScheduler uses,
    and the code of prompt-to-prompt and its successors: it is the timestep that the network will receive in sampling.
    The level's alpha and sigma do not change, and in sampling the network always receives its own timestep. 'own' is
    the default, so that methods differ only in what their papers differ in.
    """

    told: Told = field(default="own", kw_only=True)

    def __post_init__(self) -> None:
        check_name("told", self.told, ("own", "next"))


def share_of(num_steps: int, share: float, what: str, name: str) -> int:
    """How many of the steps a share is: round(num_steps * share), half to even as Python rounds.

    what: what happens to the steps, for the message; name: of the parameter. Raises InvalidParameterError, with the
    smallest share that works, if a share above 0 rounds to no step.
    """
    check_count("num_steps", num_steps, 1)
    count = round(num_steps * share)
    if share and not count:
        least = least_share(0.5 / num_steps, lambda given: round(num_steps * given))
        raise InvalidParameterError(f"{what} none of {num_steps} steps with {name} {share:g}; use {least:g} or more")
    return count


def least_share(near: float, works: Callable[[float], object]) -> float:
    """The smallest number of two digits, from a positive one upwards, for which `works` is true."""
    digits = 1 - math.floor(math.log10(near))
    shares = (place / 10**digits for place in itertools.count(math.floor(near * 10**digits)))
    return next(filter(works, shares))


def _check_seen(steps: list[dict[str, torch.Tensor]], count: int, what: str) -> None:
    """Raises InvalidParameterError unless all diagnostics have a value for each sample."""
    for name, value in ((name, value) for step in steps for name, value in step.items()):
        if not isinstance(value, torch.Tensor) or value.shape != (count,):
            raise InvalidParameterError(
                f"{what}: run.seen[{name!r}] must be a tensor of one value for each of {count} images; "
                f"{described(value)} was given"
            )


def _stack_steps(steps: list[dict[str, torch.Tensor]], x: torch.Tensor) -> dict[str, torch.Tensor]:
    """One (num_steps, N) tensor per name; NaN where a step left none."""
    missing = torch.full((len(x),), float("nan"), device=x.device)
    names = dict.fromkeys(name for step in steps for name in step)
    return {name: torch.stack([step.get(name, missing).float() for step in steps]) for name in names}
