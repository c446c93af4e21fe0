"""The loop that all inversion methods share, and what an inversion returns."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar

import torch

from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.processes import Level
from spectral_collapse.sampling import (
    Callback,
    Step,
    as_labels,
    check_finite,
    check_images,
    ode_step,
    trajectory_levels,
)


@dataclass(frozen=True)
class Inversion:
    """An image's way to noise.

    latent: N x C x H x W, the terminal state divided by the last level's norm sqrt(alpha^2 + sigma^2)
    (1 for variance-preserving processes), so that a perfect latent is white noise of unit variance
    whatever the process. levels: the N + 1 levels passed, cleanest first. network_calls: forward
    passes per image. trajectory: (num_steps + 1) x N x C x H x W states in the process's own scale,
    if it was recorded. diagnostics: name -> one value per step and sample, (num_steps, N).
    """

    latent: torch.Tensor
    levels: list[Level]
    network_calls: int
    trajectory: torch.Tensor | None = None
    diagnostics: dict[str, torch.Tensor] = field(default_factory=dict)


class CountingDenoiser:
    """A denoiser that counts its calls; one call asks the network once for each image of the batch."""

    def __init__(self, denoiser: Denoiser) -> None:
        self.denoiser, self.process, self.calls = denoiser, denoiser.process, 0

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        self.calls += 1
        return self.denoiser(x, level, label)


class ForwardNoise:
    """White noise for the replaced steps: the same for an image however the batch is split.

    torch's CPU generator fills arrays in blocks of 16 numbers; drawing whole blocks for each image
    makes an image's numbers independent of how many others are drawn with it.
    """

    _BLOCK = 16

    def __init__(self, like: torch.Tensor, draws: int, generator: torch.Generator | None) -> None:
        count = draws * like[0].numel()
        padded = -(-count // self._BLOCK) * self._BLOCK
        device = generator.device if generator is not None else "cpu"
        numbers = torch.randn(len(like), padded, generator=generator, dtype=like.dtype, device=device)
        self._draws = numbers[:, :count].reshape(len(like), draws, *like.shape[1:]).to(like.device)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self._draws[:, index]


@dataclass(frozen=True)
class InversionMethod:
    """A deterministic or stochastic way from an image to a latent; subclasses say what they change.

    The shared loop walks the process's levels upwards. A share `forward_fraction` of the steps, at
    the start, may be replaced by forward diffusion (TABA); each other step is `step`.
    """

    name: ClassVar[str]

    @property
    def params(self) -> dict[str, float | bool | str]:
        """The method's parameters as they were given or defaulted."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    @property
    def replaced_share(self) -> float:
        """The share of the steps that forward diffusion replaces."""
        return 0.0

    @property
    def stochastic(self) -> bool:
        """Whether the latent depends on the generator."""
        return self.replaced_share > 0

    def replaced_steps(self, num_steps: int) -> int:
        """How many steps forward diffusion replaces: round(num_steps * share), as the papers count."""
        return round(num_steps * self.replaced_share)

    def step(
        self,
        denoiser: Denoiser,
        x: torch.Tensor,
        level: Level,
        following: Level,
        label: torch.Tensor,
        clean: torch.Tensor,
        diagnostics: dict[str, torch.Tensor],
    ) -> tuple[torch.Tensor, Prediction]:
        """One inversion step: the state at `following`, and the prediction that led there.

        clean is the encoded input, the reference of methods that guide; a method may leave one value
        per sample in `diagnostics`.
        """
        prediction = denoiser(x, level, label)
        return ode_step(prediction, following), prediction

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
            clean: N x C x H x W. It enters at the process's cleanest level as it is: no noise is added
                and it is not scaled by that level's alpha (authors' code; alpha_0 = 0.9996).
            label: the domain to invert under, N labels or one.
            num_steps: N of `process.levels(N)`.
            generator: for stochastic methods. With a CPU generator the result of an image depends
                neither on the device nor on how a batch is split.
            record: keep the states of all levels.
            callback: called with a `sampling.Step` after each step.

        Raises:
            InvalidParameterError: a parameter out of range, of the wrong type or of the wrong shape.
            NotFiniteError: NaN or infinity in the input or after a step; step and method are named.
        """
        check_images(clean, "clean")
        labels = as_labels(label, clean)
        counting = CountingDenoiser(denoiser)
        levels = denoiser.process.levels(num_steps)
        replaced = self.replaced_steps(num_steps)
        noise = ForwardNoise(clean, replaced, generator) if replaced else None
        x, states, diagnostics = clean, [clean], []
        with torch.no_grad():
            for index, level, following in trajectory_levels(denoiser.process, num_steps, descending=False):
                seen: dict[str, torch.Tensor] = {}
                if noise is not None and index < replaced:
                    following_x, prediction = following.alpha * clean + following.sigma * noise[index], None
                else:
                    following_x, prediction = self.step(counting, x, level, following, labels, clean, seen)
                check_finite(following_x, f"{self.name} inversion: NaN or infinity at step {index + 1} of {num_steps}")
                if callback is not None:
                    callback(Step(index, level, following, x, prediction, following_x))
                x = following_x
                diagnostics.append(seen)
                if record:
                    states.append(x)
        return Inversion(
            latent=x / levels[-1].norm,
            levels=levels,
            network_calls=counting.calls,
            trajectory=torch.stack(states) if record else None,
            diagnostics=_stack_steps(diagnostics, x),
        )


def _stack_steps(steps: list[dict[str, torch.Tensor]], x: torch.Tensor) -> dict[str, torch.Tensor]:
    """One (num_steps, N) tensor per name; NaN where a step left none."""
    missing = torch.full((len(x),), float("nan"), device=x.device)
    names = dict.fromkeys(name for step in steps for name in step)
    return {name: torch.stack([step.get(name, missing).float() for step in steps]) for name in names}


def check_number(name: str, value: object, low: float, high: float = float("inf")) -> None:
    """Raises InvalidParameterError unless value is a number from low to high and finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidParameterError(f"{name} must be a number; {value!r} was given")
    if not low <= value <= high or value == float("inf"):
        allowed = f"at least {low:g} and finite" if high == float("inf") else f"from {low:g} to {high:g}"
        raise InvalidParameterError(f"{name} must be {allowed}; {value!r} was given")
