"""The loop that all inversion methods share, and what an inversion returns."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from spectral_collapse.checks import check_finite, check_flag, check_generator, check_images
from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.labels import NULL
from spectral_collapse.processes import Level
from spectral_collapse.sampling import Callback, SamplingState, as_labels, descend, ode_step, plain_step, walk


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


class CountingDenoiser:
    """A denoiser that counts how often the network is asked, per image of a batch of `images`."""

    def __init__(self, denoiser: Denoiser, images: int) -> None:
        self.denoiser, self.process, self.images, self.rows = denoiser, denoiser.process, images, 0

    @property
    def calls(self) -> int:
        """Forward passes per image, rounded up where images differ."""
        return math.ceil(self.rows / self.images)

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        self.rows += len(x)
        return self.denoiser(x, level, label)

    def embed(self, label: torch.Tensor) -> torch.Tensor:
        """The embeddings of labels; for denoisers that have them."""
        return self.denoiser.embed(label)

    def conditioned(self, x: torch.Tensor, level: Level, embedding: torch.Tensor) -> Prediction:
        """The prediction under embeddings in place of labels; for denoisers that have it."""
        self.rows += len(x)
        return self.denoiser.conditioned(x, level, embedding)


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


def _outside_inference_mode(function: Callable[..., Inversion]) -> Callable[..., Inversion]:
    """A function that may differentiate, for callers within torch.inference_mode too: no tensor from there can."""

    @functools.wraps(function)
    def wrapped(*given: Any, **named: Any) -> Inversion:
        with torch.inference_mode(False):
            return function(*map(_ordinary, given), **{name: _ordinary(value) for name, value in named.items()})

    return wrapped


def _ordinary(value: Any) -> Any:
    return value.clone() if isinstance(value, torch.Tensor) and value.is_inference() else value


@dataclass
class InversionState:
    """Where an inversion is, and all that one of its steps may use.

    labels: N domain labels to invert under. levels: all of them, cleanest first. clean: the
    encoded input. noise: the method's draws, `noise[0]` and on, N x C x H x W each. memory: what the
    sampling will need. diagnostics: a dict per step, name -> N values.
    """

    denoiser: CountingDenoiser
    labels: torch.Tensor
    levels: list[Level]
    clean: torch.Tensor
    noise: ForwardNoise
    memory: dict[str, Any] = field(default_factory=dict)
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


@dataclass(frozen=True)
class InversionMethod:
    """A way from an image to a latent; subclasses say what they change.

    The shared loop walks the process's levels upwards. It can let noise in: where the image enters
    (`entry_noise`), and by replacing the first steps by forward diffusion (`replaced_steps`). Each
    other step is `step`. `sample` is the way back, each of its steps `step_back`.

    entry_noise: the image enters as alpha_0 * x0 + sigma_0 * noise, not as it is. fresh: each replaced
    step draws noise of its own; else one draw serves them all. keeps_states: `finish` is given the
    states of all levels.
    """

    name: ClassVar[str]
    # Without annotations: an annotated one would come first among the fields of a method that makes it a field.
    entry_noise = False
    fresh = True
    keeps_states = False

    @property
    def params(self) -> dict[str, Any]:
        """The method's parameters as they were given or defaulted."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    @property
    def replaced_share(self) -> float:
        """The share of the steps that forward diffusion replaces."""
        return 0.0

    @property
    def stochastic(self) -> bool:
        """Whether the latent depends on the generator."""
        return self.replaced_share > 0 or self.entry_noise

    def replaced_steps(self, num_steps: int) -> int:
        """How many steps forward diffusion replaces: round(num_steps * share), as the papers count."""
        return round(num_steps * self.replaced_share)

    def walked_steps(self, num_steps: int) -> int:
        """How many of the process's steps are walked at all: the latent lies at that level."""
        return num_steps

    def entered_at(self, k: int, num_steps: int) -> int:
        """k, the level at which images enter. Raises InvalidParameterError for one beyond the last."""
        if k > num_steps:
            raise InvalidParameterError(f"{self.name} can't enter at level {k} of {num_steps}; use k <= num_steps")
        return k

    def draws(self, num_steps: int) -> int:
        """How many noise maps are drawn for each image."""
        replaced = self.replaced_steps(num_steps)
        return replaced + self.entry_noise if self.fresh else int(replaced > 0 or self.entry_noise)

    def enter(self, clean: torch.Tensor, noise: torch.Tensor, level: Level) -> torch.Tensor:
        """Where images (N x C x H x W) enter at a level with noise: their forward diffusion."""
        return level.alpha * clean + level.sigma * noise

    def prepare(self, run: InversionState) -> None:
        """Called before the first step; raises where the method can't work with this denoiser."""

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction | None]:
        """One inversion step from x at `run.level`: the state at `run.following`, and what the denoiser said of x."""
        prediction = run.denoiser(x, run.level, run.labels)
        return ode_step(prediction, run.following), prediction

    def finish(self, run: InversionState, states: list[torch.Tensor]) -> torch.Tensor:
        """The terminal state; states holds that of each level, or the last alone unless `keeps_states`."""
        return states[-1]

    def step_back(self, run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction | None]:
        """One sampling step from x at `run.level` to `run.following`."""
        return plain_step(run, x)

    @_outside_inference_mode
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
        check_images(clean, "clean")
        check_generator(generator)
        check_flag("record", record)
        clean = clean.detach()
        levels = denoiser.process.levels(num_steps)[: self.walked_steps(num_steps) + 1]
        replaced = self.replaced_steps(num_steps)
        noise = ForwardNoise(clean, self.draws(num_steps), generator)
        run = InversionState(CountingDenoiser(denoiser, len(clean)), as_labels(label, clean), levels, clean, noise)

        def forward(level: Level, draw: int) -> torch.Tensor:
            return self.enter(clean, noise[draw], level)

        def advance(index: int, level: Level, following: Level, x: torch.Tensor) -> tuple[torch.Tensor, Any]:
            run.position = index
            if index < replaced:
                following_x, prediction = forward(following, index if self.fresh else 0), None
            else:
                following_x, prediction = self.step(run, x)
            if not (record or self.keeps_states):
                states.clear()
            states.append(following_x)
            return following_x, prediction

        with torch.no_grad():
            states = [forward(levels[0], -1) if self.entry_noise else clean]
            self.prepare(run)
            walk(levels, states[0], advance, f"{self.name} inversion", callback)
            states[-1] = self.finish(run, states)
        check_finite(states[-1], f"{self.name} inversion: NaN or infinity in the latent")
        return Inversion(
            latent=states[-1] / levels[-1].norm,
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
        check_images(inversion.latent, "latent")
        labels = as_labels(label, inversion.latent)
        null_label = inversion.memory.get("null_label", null_label)
        run = SamplingState(denoiser, labels, inversion.levels, guidance, null_label, dict(inversion.memory))
        return descend(run, inversion.latent, self.step_back, callback)


def _stack_steps(steps: list[dict[str, torch.Tensor]], x: torch.Tensor) -> dict[str, torch.Tensor]:
    """One (num_steps, N) tensor per name; NaN where a step left none."""
    missing = torch.full((len(x),), float("nan"), device=x.device)
    names = dict.fromkeys(name for step in steps for name in step)
    return {name: torch.stack([step.get(name, missing).float() for step in steps]) for name in names}
