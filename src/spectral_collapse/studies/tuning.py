"""Which settings does each method get? As many tries for each, on validation images, never on those that are reported.

A setting is judged by mean S_HF times mean S_LF, the latter only up to that of the true targets: beyond it a method
copies the source. The choices are stored in `chosen`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import xarray as xr
from pydantic import AfterValidator, Field

from spectral_collapse import inversion, metrics
from spectral_collapse.errors import unknown
from spectral_collapse.executors import Arrays
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.results import canonical
from spectral_collapse.studies import published
from spectral_collapse.studies.image_scores import SCORES, image_scores
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.parameters import NetworkParameters, by_profile, known
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

TRIES = 5
"""Settings of each method."""

LAYOUT = Layout(
    **{name: ("try sample", *titles) for name, titles in SCORES.items()},
    sliced_wasserstein=("try", "sliced Wasserstein distance to real targets"),
    target_s_lf=("sample", "S_LF of the true target"),
)

_STEPS = (1, 2, 5, 10, 20)
"""Of every 50: where forward diffusion ends, or noise enters."""
_ETAS = ((1, 1), (1, 0.1), (1, 0), (0, 1), (1e-10, 1))
"""OVG's step sizes for texture and structure, as multiples of the published ones."""
_HELD = ((5, 0), (10, 0), (5, 0.15), (10, 0.15))
"""Of 'nullspace+dpm' beside its default: of every 50 steps where noise enters, and the step size for structure, as such
a multiple."""


def candidates(request: Request[NetworkParameters], name: str) -> list[dict[str, Any]]:
    """The `TRIES` settings of a method that are tried, the papers' among them if there are some.

    Raises InvalidParameterError for a method without settings to choose.
    """
    usual, steps = published.settings(request, name), request.parameters.num_steps
    shares = [max(1, round(steps * share / 50)) for share in _STEPS]
    match name:
        case "taba":
            return [{"fraction": share / steps} for share in shares]
        case "sdedit":
            return [{"strength": share / 10} for share in (2, 4, 5, 6, 8)]
        case "ovg" | "ovg+taba":
            scaled = [{"eta_hf": usual["eta_hf"] * hf, "eta_lf": usual["eta_lf"] * lf} for hf, lf in _ETAS]
            return [usual | etas for etas in scaled]
        case "nullspace":
            return [usual | {"k": share} for share in shares]
        case "nullspace+dpm":
            eta = request.info.published.eta_lf
            return [usual, *(usual | {"k": max(1, round(steps * k / 50)), "eta_lf": eta * part} for k, part in _HELD)]
        case "rf_inversion":
            return [{"gamma": gamma} for gamma in (0.05, 0.1, 0.2, 0.35, 0.5)]
    raise unknown(_CHOICE, name, METHODS)


METHODS = ("taba", "sdedit", "ovg", "ovg+taba", "nullspace", "nullspace+dpm", "rf_inversion")
"""Methods whose settings are chosen."""
_CHOICE = "method with settings to choose"


class TuningParameters(NetworkParameters):
    """Validation images of one data set, a network, and the methods whose settings are chosen."""

    split: ClassVar[Literal["test", "validation"]] = "validation"
    default_images: ClassVar[Mapping[str, int]] = {"smoke": 4, "quick": 16, "paper": 64}

    methods: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(partial(known, _CHOICE, among=METHODS))] = (
        by_profile(("taba", "nullspace"), METHODS, METHODS, description="methods whose settings are chosen")
    )


Given = Request[TuningParameters]


def tried(request: Given) -> list[tuple[str, dict[str, Any]]]:
    """Methods with their settings, in order."""
    return [(name, settings) for name in request.parameters.methods for settings in candidates(request, name)]


def made(name: str, settings: Mapping[str, Any]) -> InversionMethod:
    """A method of `inversion.METHODS`, or of the papers' combinations."""
    return inversion.create(published.COMBINED.get(name, name), **settings)


def uses(request: Given) -> Iterable[InversionMethod]:
    """The methods, for the key."""
    return [made(name, settings) for name, settings in tried(request)]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per method and setting, and one for the true targets."""
    found: dict[str, Job] = {"targets": lambda: image_scores(request, request.pair.target, request.pair)}
    for number, (name, settings) in enumerate(tried(request)):
        found[f"{number:02d} {name}"] = partial(_measured, request, name, settings)
    return found


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """Dims try (a method with a setting), sample. Along try: `settings`, a JSON object; `published`, whether these are
    the papers' or the method's defaults; `chosen`, whether it is its method's choice."""
    found, names = tried(request), [name for name, _ in tried(request)]
    arrays = LAYOUT.stacked("try", [parts[f"{number:02d} {name}"] for number, name in enumerate(names)])
    usual = [made(name, settings) == published.method(request, name) for name, settings in found]
    coordinates = {
        "try": np.arange(len(names)),
        "method": ("try", names),
        "settings": ("try", [canonical(settings) for _, settings in found]),
        "published": ("try", usual),
        "sample": request.images.names,
    }
    result = LAYOUT.dataset(arrays | {"target_s_lf": parts["targets"]["s_lf"]}, coordinates)
    return result.assign_coords(chosen=("try", choices(result)))


def choices(found: xr.Dataset) -> np.ndarray:
    """Whether each try is its method's choice, which has the largest area, the first of equals: (try,)."""
    kept = np.minimum(found["s_lf"].mean("sample"), found["target_s_lf"].mean("sample"))
    areas, methods = (found["s_hf"].mean("sample") * kept).to_numpy(), found["method"].to_numpy()
    best = [max(np.flatnonzero(methods == name), key=areas.__getitem__) for name in dict.fromkeys(methods)]
    return np.isin(np.arange(len(methods)), best)


def _measured(request: Given, name: str, settings: Mapping[str, Any]) -> Arrays:
    images = request.translated(made(name, settings)).images
    distance = metrics.sliced_wasserstein(images, request.real_targets).score
    return image_scores(request, images, request.pair) | {"sliced_wasserstein": np.float64(distance)}


STUDY = Study(
    "tuning",
    "Which settings does each method get, chosen on images that nothing is reported on?",
    TuningParameters,
    jobs,
    combine,
    uses,
)
