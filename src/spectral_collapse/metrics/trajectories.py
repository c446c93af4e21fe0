"""Measures every step between an image and its latent, through the callback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from spectral_collapse.checks import check_images, check_is
from spectral_collapse.denoisers import Denoiser
from spectral_collapse.denoisers.base import check_denoiser
from spectral_collapse.errors import DataError, InvalidParameterError, shown
from spectral_collapse.later import torch
from spectral_collapse.metrics.radial_spectrum import radial_spectrum
from spectral_collapse.processes import Level
from spectral_collapse.sampling import Step, as_labels, check_label

MEASURES: dict[str, tuple[str, str]] = {
    "velocity": ("|F Δz|", "Spectral Collapse, Appendix E.2, Fig. 17"),
    "unit_velocity": ("|F Δ(z / norm)|", "as Fig. 17 of Spectral Collapse, of states of unit variance"),
    "noise_norm": ("|ε|² / d", "Spectral Collapse, Eq. (7): the norm that OVG restores"),
    "clean_error": ("|x̂0 - x0|² / d", "Spectral Collapse, Eq. (9): the distance that OVG bounds"),
    "clean_spectrum": ("|F (x̂0 - x0)|²", "ours: clean_error per frequency"),
    "label_sensitivity": ("|ε_other - ε| / |ε|", "ours: relative L2 change of the predicted noise"),
}
"""What `Trajectory` measures at each step for each sample -> symbol, source; `diagnostics` come from the methods. These
describe a run, so they are not in `metrics.SCORES`."""


@dataclass
class Trajectory:
    """A callback for `invert` and `sample` that measures each step with what the step has computed anyway.

        watch = Trajectory(clean=images)
        inverted = method.invert(denoiser, images, label=0, callback=watch)
        found = watch.dataset(inverted.diagnostics)

    clean: the encoded input, N x C x H x W; without it there is no clean_error or clean_spectrum. denoiser and
    other_label (N labels, or one): together, and only for label_sensitivity, which costs a network call per step; under
    guidance it is compared with the guided prediction. A new run (index 0) starts anew, so a second batch needs its own
    Trajectory, and `xarray.concat(..., 'sample')` joins them.

    Raises InvalidParameterError if only one of denoiser and other_label is given, or if clean is no batch or has
    another shape than the states.
    """

    clean: torch.Tensor | None = None
    denoiser: Denoiser | None = None
    other_label: torch.Tensor | int | None = None
    _levels: list[Level] = field(default_factory=list, init=False, repr=False)
    _steps: list[dict[str, np.ndarray]] = field(default_factory=list, init=False, repr=False)
    _frequencies: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if (self.denoiser is None) != (self.other_label is None):
            raise InvalidParameterError("label_sensitivity needs both denoiser and other_label; only one was given")
        if self.denoiser is not None:
            check_denoiser(self.denoiser)
            check_label("other_label", self.other_label)
        if self.clean is not None:
            check_images(self.clean, "clean")

    @torch.no_grad()
    def __call__(self, step: Step) -> None:
        check_is("step", step, Step, "a sampling.Step")
        if step.index == 0:
            self._levels.clear()
            self._steps.clear()
        x, following = step.x.double(), step.following_x.double()
        if self.clean is not None and self.clean.shape != x.shape:
            raise InvalidParameterError(
                f"clean {tuple(self.clean.shape)} must have the shape of the states, {tuple(x.shape)}"
            )
        frequencies, power = radial_spectrum(following - x)
        _, unit_power = radial_spectrum(following / step.following.norm - x / step.level.norm)
        missing = torch.full_like(power, torch.nan)  # what a step leaves that asked the denoiser nothing
        found = {"velocity": power.sqrt(), "unit_velocity": unit_power.sqrt(), **self._predicted(step, missing)}
        self._frequencies = frequencies.cpu().numpy()
        self._levels.append(step.level)
        self._steps.append({name: values.cpu().numpy() for name, values in found.items()})

    def _predicted(self, step: Step, missing: torch.Tensor) -> dict[str, torch.Tensor]:
        """What needs a prediction, each (N,) or (N, F) as `missing` is, which stands where there is none."""
        if step.prediction is None:
            return {name: missing if name == "clean_spectrum" else missing[:, 0] for name in self._names}
        noise = step.prediction.noise.double()
        found = {"noise_norm": noise.square().mean((1, 2, 3))}
        if self.clean is not None:
            wrong = step.prediction.clean.double() - self.clean
            found |= {"clean_error": wrong.square().mean((1, 2, 3)), "clean_spectrum": radial_spectrum(wrong)[1]}
        if self.denoiser is not None:
            other = self.denoiser(step.x, step.level, as_labels(self.other_label, step.x)).noise
            change = (other.double() - noise).square().mean((1, 2, 3))
            found["label_sensitivity"] = (change / found["noise_norm"]).sqrt()
        return found

    @property
    def _names(self) -> list[str]:
        """What needs a prediction and is measured."""
        errors = ("clean_error", "clean_spectrum") if self.clean is not None else ()
        return ["noise_norm", *errors, *(("label_sensitivity",) if self.denoiser is not None else ())]

    def dataset(self, diagnostics: Mapping[str, torch.Tensor] | None = None) -> xr.Dataset:
        """All steps in order: dims step, sample and, for velocities and spectrum, frequency.

        velocity is the root mean square, over each ring of width 1 / min(H, W) and over channels, of the
        orthonormal FFT of the update z_next - z, in the state's own scale. Fig. 17 shows its logarithm
        and says neither which nor how it is averaged. A variance-exploding process's states grow to
        sigma_max, and so do its updates, whatever their spectrum; unit_velocity divides each state by
        its level's norm first, and is the same on both kinds of process. noise_norm and clean_error are
        means of squares over the d elements; a white prediction has noise_norm 1. clean_spectrum is the power of that
        error per ring, as `radial_spectrum` has it.

        diagnostics: `Inversion.diagnostics`, among them OVG's 'conflict', whose mean over steps is the
        share of steps in conflict.

        Raises DataError before any step was seen, InvalidParameterError for diagnostics of another run.
        """
        if diagnostics is not None:
            check_is("diagnostics", diagnostics, Mapping, "a dict, as Inversion.diagnostics")
        if not self._steps:
            raise DataError("this Trajectory has seen no step; give it to invert or sample as callback=")
        variables: dict[str, xr.Variable] = {}
        for name in self._steps[0]:
            values = np.stack([step[name] for step in self._steps])
            dims = ("step", "sample", "frequency")[: values.ndim]
            symbol, source = MEASURES[name]
            variables[name] = xr.Variable(dims, values, {"long_name": symbol, "units": "1", "source": source})
        shape = variables["noise_norm"].shape
        for name, values in (diagnostics or {}).items():
            check_is(f"diagnostics {shown(name)}", values, torch.Tensor, "a tensor")
            if tuple(values.shape) != shape:
                raise InvalidParameterError(
                    f"diagnostics {name!r} {tuple(values.shape)} are not of this walk of {shape[0]} steps "
                    f"and {shape[1]} samples"
                )
            attrs = {"long_name": name.replace("_", " "), "units": "1"}
            variables[name] = xr.Variable(("step", "sample"), values.double().cpu().numpy(), attrs)
        coords = {
            "step": np.arange(shape[0]),
            "sample": np.arange(shape[1]),
            "frequency": ("frequency", self._frequencies, {"long_name": "frequency", "units": "cycles per pixel"}),
            **{name: ("step", [getattr(level, name) for level in self._levels]) for name in ("alpha", "sigma", "time")},
        }
        return xr.Dataset(variables, coords, {"title": "Trajectory"})
