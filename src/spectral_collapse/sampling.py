"""The deterministic step that inversion and sampling share, and sampling with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spectral_collapse.checks import (
    check_callback,
    check_count,
    check_finite,
    check_images,
    check_is,
    check_number,
    described,
)
from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.denoisers.base import check_asked, check_denoiser, check_states
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.labels import NULL
from spectral_collapse.later import torch
from spectral_collapse.processes import Level, check_levels, check_trajectory


@dataclass(frozen=True)
class Step:
    """What a callback sees after each step of an inversion or a sampling.

    x and following_x are the states before and after it. prediction: the denoiser's answer for x, or None if the step
    did not call it.
    """

    index: int
    level: Level
    following: Level
    x: torch.Tensor
    prediction: Prediction | None
    following_x: torch.Tensor


Callback = Callable[[Step], None]


def ode_step(prediction: Prediction, following: Level) -> torch.Tensor:
    """One Euler step of the probability-flow ODE, up or down, to the level `following`.

    For a variance-preserving process this is DDIM's step (paper, Eq. 23, in either direction); for a
    variance-exploding one it is EDM's Euler step (paper, Eq. 6).
    """
    _check_step(prediction, following)
    return following.alpha * prediction.clean + following.sigma * prediction.noise


def noise_step(x: torch.Tensor, noise: torch.Tensor, level: Level, following: Level) -> torch.Tensor:
    """`ode_step` from x at `level` with any given noise; the clean image is what remains of x without that noise.

    A step back from the result with the same noise undoes it. Raises InvalidParameterError at a level without signal,
    where x is pure noise and nothing would remain without it.
    """
    check_states(x=x, noise=noise)
    check_levels(level, following)
    if not level.alpha:
        raise InvalidParameterError(
            "this method's step divides by alpha, which is 0 at this process's last level; use another method, or "
            "a process that ends before it, such as FlowMatching(last=0.999)"
        )
    clean = (x - level.sigma * noise) / level.alpha
    return ode_step(Prediction(noise, clean), following)


def increment(prediction: Prediction, level: Level, following: Level) -> torch.Tensor:
    """What an Euler step from `level` adds to a state: (alpha' - alpha) * clean + (sigma' - sigma) * noise.

    With the prediction at the state itself, state + increment is `ode_step`. With a prediction from another point of
    the trajectory, it is the slope that a higher-order rule uses. On a flow-matching process it is the step's length
    times the velocity.
    """
    _check_step(prediction, level, following)
    return (following.alpha - level.alpha) * prediction.clean + (following.sigma - level.sigma) * prediction.noise


def step_with(prediction: Prediction, x: torch.Tensor, level: Level, following: Level) -> torch.Tensor:
    """The Euler step from x at `level` with a prediction made at another state, as published methods take it.

    On a variance-preserving process this is DDIM's step, which uses only the predicted noise (`noise_step`). On others
    it adds `increment`, which is EDM's step, or flow matching's with the velocity.
    """
    check_states(x=x)
    _check_step(prediction, level, following)
    if math.isclose(level.norm, 1) and math.isclose(following.norm, 1):
        return noise_step(x, prediction.noise, level, following)
    return x + increment(prediction, level, following)


def _check_step(prediction: object, *levels: object) -> None:
    check_is("prediction", prediction, Prediction, "a Prediction, as a denoiser gives it")
    check_levels(*levels)


def as_labels(label: torch.Tensor | int, x: torch.Tensor) -> torch.Tensor:
    """N domain labels on x's device, from a LongTensor of N labels or from one label for all.

    Raises InvalidParameterError for another number of labels, or labels that are not integers.
    """
    if not isinstance(x, torch.Tensor) or not x.ndim:
        raise InvalidParameterError(f"x must be a tensor of N images; {described(x)} was given")
    if isinstance(label, Sequence) and not isinstance(label, str | bytes) and len(label) != len(x):
        raise InvalidParameterError(
            f"{len(x)} images need {len(x)} domain labels; labels of shape ({len(label)},) were given"
        )
    try:
        labels = torch.as_tensor(label, device=x.device)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise InvalidParameterError(f"domain labels must be integers; {described(label)} was given") from error
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise InvalidParameterError(f"domain labels must be integers; {labels.dtype} was given")
    if labels.ndim == 0:
        labels = labels.expand(len(x))
    if labels.shape != (len(x),):
        raise InvalidParameterError(
            f"{len(x)} images need {len(x)} domain labels; labels of shape {tuple(labels.shape)} were given"
        )
    return labels.long()


def check_label(name: str, value: object) -> None:
    """Raises InvalidParameterError unless the argument is one label, or labels for any number of images."""
    several = isinstance(value, list | tuple) or (isinstance(value, torch.Tensor | np.ndarray) and value.ndim)
    try:
        as_labels(value, torch.empty(len(value) if several else 1))
    except InvalidParameterError as error:
        raise InvalidParameterError(f"{name}: {error}") from None


class CountingDenoiser:
    """A denoiser that checks another one's answers and counts its network calls per image of `images`.

    Raises InvalidParameterError if an answer is not a Prediction of two floating-point tensors of the shape of x, and
    NotFiniteError if the first answer holds NaN or infinity.
    """

    def __init__(self, denoiser: Denoiser, images: int) -> None:
        check_denoiser(denoiser)
        check_count("images", images, 1)
        self.denoiser, self.process, self.images, self.rows = denoiser, denoiser.process, images, 0

    @property
    def calls(self) -> int:
        """Forward passes per image, rounded up where images differ."""
        return math.ceil(self.rows / self.images)

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        return self._checked(self.denoiser(x, level, label), x)

    def embed(self, label: torch.Tensor) -> torch.Tensor:
        """The embeddings of labels; for denoisers that provide them."""
        return self.denoiser.embed(label)

    def conditioned(self, x: torch.Tensor, level: Level, embedding: torch.Tensor) -> Prediction:
        """The prediction under embeddings in place of labels; for denoisers that provide it."""
        return self._checked(self.denoiser.conditioned(x, level, embedding), x)

    def _checked(self, answer: Prediction, x: torch.Tensor) -> Prediction:
        first, self.rows = not self.rows, self.rows + len(x)
        if not isinstance(answer, Prediction):
            raise InvalidParameterError(
                f"a denoiser must return a Prediction(noise, clean); {described(answer)} was returned"
            )
        for name, half in zip(Prediction._fields, answer, strict=True):
            if not isinstance(half, torch.Tensor) or half.shape != x.shape or not half.is_floating_point():
                given = (
                    f"{half.dtype} of shape {tuple(half.shape)}" if isinstance(half, torch.Tensor) else described(half)
                )
                raise InvalidParameterError(
                    f"a denoiser must return noise and clean as floating-point tensors of the shape of x, "
                    f"{tuple(x.shape)}; {name} is {given}"
                )
            if first:
                check_finite(half.detach(), f"the denoiser's first answer: NaN or infinity in {name}")
        if (
            torch.is_grad_enabled()
            and x.requires_grad
            and not (answer.noise.requires_grad and answer.clean.requires_grad)
        ):
            raise InvalidParameterError(
                "this method needs the gradient of noise and clean with respect to x, and the denoiser's answer has "
                "none; compute it without torch.no_grad() and .detach(), or use a method without gradients"
            )
        return answer


def look(step: Step, what: str, steps: int, callback: Callback | None) -> torch.Tensor:
    """Checks the state that a step leads to, calls the callback, and returns the state.

    Raises InvalidParameterError if the step changed the state's shape, and NotFiniteError, with `what` and the step, if
    the state is not finite.
    """
    x = step.following_x
    if x.shape != step.x.shape:
        raise InvalidParameterError(
            f"{what}: step {step.index + 1} of {steps} turned the shape {tuple(step.x.shape)} into {tuple(x.shape)}"
        )
    check_finite(x, f"{what}: NaN or infinity at step {step.index + 1} of {steps}")
    _check_halves(step)
    if callback is not None:
        callback(step)
    return x


def _check_halves(step: Step) -> None:
    """Raises InvalidParameterError for a first answer that makes up the state only with noise and clean exchanged."""
    if step.index or step.prediction is None:
        return
    noise, clean = step.prediction
    right, exchanged = (
        float((step.x - step.level.alpha * first - step.level.sigma * second).norm())
        for first, second in ((clean, noise), (noise, clean))
    )
    if exchanged < 1e-3 * float(step.x.norm()) < 0.1 * right:
        raise InvalidParameterError(
            "the denoiser's answer makes up x = alpha * clean + sigma * noise only if its halves are exchanged; return "
            "Prediction(noise, clean), in this order or by these names"
        )


class GuidedDenoiser:
    """Classifier-free guidance (Ho and Salimans 2022): null + weight * (conditional - null).

    weight 1 is the conditional prediction and weight 0 the null one, each for one network call; any
    other weight runs both labels as one batch. Both halves of the prediction are affine in the
    network's output with the same coefficients, so guiding both is guiding the noise. null_label: one
    label, or N.

    Raises InvalidParameterError for a weight that is not a finite number of at least 0.
    """

    def __init__(self, denoiser: Denoiser, weight: float, null_label: torch.Tensor | int = NULL) -> None:
        check_denoiser(denoiser)
        check_label("null_label", null_label)
        weight = check_number("guidance", weight, 0)
        self.denoiser, self.weight, self.null_label, self.process = denoiser, weight, null_label, denoiser.process

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        check_asked(x, level, label)
        if self.weight == 1:
            return self.denoiser(x, level, label)
        null = as_labels(self.null_label, x)
        if self.weight == 0:
            return self.denoiser(x, level, null)
        both = self.denoiser(torch.cat([x, x]), level, torch.cat([null, label]))
        null_half, label_half = (Prediction(*halves) for halves in zip(*(half.chunk(2) for half in both), strict=True))
        return guide(null_half, label_half, self.weight)


def guide(null: Prediction, conditional: Prediction, weight: float) -> Prediction:
    """null + weight * (conditional - null), of both halves."""
    check_is("null", null, Prediction, "a Prediction")
    check_is("conditional", conditional, Prediction, "a Prediction")
    check_number("weight", weight)
    return Prediction(*(torch.lerp(*halves, weight) for halves in zip(null, conditional, strict=True)))


@dataclass
class SamplingState:
    """The current position of a sampling, and everything that a step may use.

    denoiser: the given one, wrapped in a `CountingDenoiser`; guided: the same under guidance. labels: N domain labels
    to sample in. levels: all of them, cleanest first. memory: what the inversion stored; steps may write to it.
    """

    denoiser: Denoiser
    labels: torch.Tensor
    levels: list[Level]
    guidance: float
    null_label: torch.Tensor | int
    memory: dict[str, Any] = field(default_factory=dict)
    position: int = -1

    def __post_init__(self) -> None:
        self.denoiser = CountingDenoiser(self.denoiser, len(self.labels))
        self.guided = GuidedDenoiser(self.denoiser, self.guidance, self.null_label)

    @property
    def level(self) -> Level:
        """The level of the state."""
        return self.levels[self.position + 1]

    @property
    def following(self) -> Level:
        """The level that the step leads to, `levels[position]`."""
        return self.levels[self.position]


def plain_step(run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
    """One step of deterministic sampling."""
    prediction = run.guided(x, run.level, run.labels)
    return ode_step(prediction, run.following), prediction


def descend(
    run: SamplingState,
    latent: torch.Tensor,
    step: Callable[[SamplingState, torch.Tensor], tuple[torch.Tensor, Prediction | None]],
    callback: Callback | None,
) -> torch.Tensor:
    """Samples from a latent of unit variance, at the last of `run.levels`, down to the first level, by `step`."""
    check_callback(callback)
    steps = len(run.levels) - 1
    with torch.no_grad():
        x = latent * run.levels[-1].norm
        for index in range(steps):
            run.position = steps - 1 - index
            following_x, prediction = step(run, x)
            x = look(Step(index, run.level, run.following, x, prediction, following_x), "sampling", steps, callback)
    return x


def sample(
    denoiser: Denoiser,
    latent: torch.Tensor,
    label: torch.Tensor | int,
    num_steps: int = 50,
    guidance: float = 1.0,
    null_label: torch.Tensor | int = NULL,
    callback: Callback | None = None,
) -> torch.Tensor:
    """Deterministic sampling: latent -> image, the way back of an inversion.

    Args:
        denoiser: any callable `(x, level, label) -> Prediction` with a `.process`.
        latent: N x C x H x W terminal noise maps of unit variance, as `Inversion.latent` or
            `torch.randn` give them; they are scaled to the process's last level here.
        label: the domain to sample in, N labels or one.
        num_steps: N of `process.levels(N)`.
        guidance: weight of classifier-free guidance, >= 0; 1 is none.
        null_label: the label that training dropped labels to, N or one.
        callback: called with a `Step` after each step.

    Returns:
        N x C x H x W, the state at the process's cleanest level.

    Raises:
        InvalidParameterError: a parameter out of range or of the wrong type.
        NotFiniteError: NaN or infinity in the latent or after a step, which is named.
    """
    check_denoiser(denoiser)
    check_images(latent, "latent")
    check_trajectory(denoiser.process, num_steps)
    levels = denoiser.process.levels(num_steps)
    run = SamplingState(denoiser, as_labels(label, latent), levels, guidance, null_label)
    return descend(run, latent, plain_step, callback)
