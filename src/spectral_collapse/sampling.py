"""The one deterministic step, and sampling with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch

from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.errors import InvalidParameterError, NotFiniteError
from spectral_collapse.processes import Level, Process


@dataclass(frozen=True)
class Step:
    """What a callback sees after each step of an inversion or a sampling.

    x and following_x are the states before and after it, `prediction` what the denoiser said of x,
    or None where the step did not ask it.
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
    return following.alpha * prediction.clean + following.sigma * prediction.noise


def as_labels(label: torch.Tensor | int, x: torch.Tensor) -> torch.Tensor:
    """N domain labels on x's device, from a LongTensor of N labels or from one label for all.

    Raises InvalidParameterError for another number of labels, or labels that are not integers.
    """
    labels = torch.as_tensor(label, device=x.device)
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise InvalidParameterError(f"domain labels must be integers; {labels.dtype} was given")
    if labels.ndim == 0:
        labels = labels.expand(len(x))
    if labels.shape != (len(x),):
        raise InvalidParameterError(
            f"{len(x)} images need {len(x)} domain labels; labels of shape {tuple(labels.shape)} were given"
        )
    return labels.long()


def check_images(x: torch.Tensor, what: str) -> None:
    """Raises unless x is a finite floating-point tensor N x C x H x W with N >= 1."""
    if not isinstance(x, torch.Tensor) or x.ndim != 4 or not x.is_floating_point() or x.numel() == 0:
        given = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
        raise InvalidParameterError(f"{what} must be a floating-point tensor N x C x H x W; {given} was given")
    check_finite(x, f"{what}: NaN or infinity was given")


def check_finite(x: torch.Tensor, message: str) -> None:
    """Raises NotFiniteError with `message` and the samples concerned where x is not finite."""
    # The sum of a finite tensor is finite unless it overflows, which the slower look then rules out.
    if not torch.isfinite(x.sum()):
        bad = (~torch.isfinite(x).flatten(1).all(1)).nonzero().flatten().tolist()
        if bad:
            raise NotFiniteError(f"{message} (samples {bad} of the batch)")


def trajectory_levels(process: Process, num_steps: int, *, descending: bool) -> Iterator[tuple[int, Level, Level]]:
    """(index, level, following level) of each step, upwards from the image or down from the noise."""
    levels = process.levels(num_steps)
    for index, (level, following) in enumerate(pairwise(reversed(levels) if descending else levels)):
        yield index, level, following


class GuidedDenoiser:
    """Classifier-free guidance (Ho and Salimans 2022): null + weight * (conditional - null).

    weight 1 is the conditional prediction and weight 0 the null one, each for one network call; any
    other weight runs both labels as one batch. Both halves of the prediction are affine in the
    network's output with the same coefficients, so guiding both is guiding the noise.

    Raises InvalidParameterError for a weight that is negative or not finite.
    """

    def __init__(self, denoiser: Denoiser, weight: float, null_label: int = 2) -> None:
        if not 0 <= weight < float("inf"):
            raise InvalidParameterError(f"guidance must be a finite number of at least 0; {weight!r} was given")
        self.denoiser, self.weight, self.null_label, self.process = denoiser, weight, null_label, denoiser.process

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        if self.weight == 1:
            return self.denoiser(x, level, label)
        null = torch.full_like(label, self.null_label)
        if self.weight == 0:
            return self.denoiser(x, level, null)
        both = self.denoiser(torch.cat([x, x]), level, torch.cat([null, label]))
        return Prediction(*(torch.lerp(*half.chunk(2), self.weight) for half in both))


def sample(
    denoiser: Denoiser,
    latent: torch.Tensor,
    label: torch.Tensor | int,
    num_steps: int = 50,
    guidance: float = 1.0,
    null_label: int = 2,
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
        null_label: the label that training dropped labels to.
        callback: called with a `Step` after each step.

    Returns:
        N x C x H x W, the state at the process's cleanest level.

    Raises:
        InvalidParameterError: a parameter out of range or of the wrong type.
        NotFiniteError: NaN or infinity in the latent or after a step, which is named.
    """
    check_images(latent, "latent")
    labels = as_labels(label, latent)
    guided = GuidedDenoiser(denoiser, guidance, null_label)
    x = latent * denoiser.process.levels(num_steps)[-1].norm
    with torch.no_grad():
        for index, level, following in trajectory_levels(denoiser.process, num_steps, descending=True):
            prediction = guided(x, level, labels)
            following_x = ode_step(prediction, following)
            check_finite(following_x, f"sampling: NaN or infinity at step {index + 1} of {num_steps}")
            if callback is not None:
                callback(Step(index, level, following, x, prediction, following_x))
            x = following_x
    return x
