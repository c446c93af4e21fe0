"""The Pareto study: what each inversion method changes in texture and in structure.

Every method inverts the same source images and samples them in the target domain; a point is a method with its
parameters, its place is (S_LF, S_HF). OVG's points are a grid over (eta_HF, eta_LF); the standard inversion and TABA
with several fractions are the baselines (Spectral Collapse in Diffusion Inversion, Sec. 5.2 and Fig. 6). Any other
method of `inversion.METHODS`, including your own, can be added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from typing import Annotated, Any, Self

import numpy as np
import pydantic
import xarray as xr
from pydantic import Field

from spectral_collapse import inversion, metrics, results
from spectral_collapse.checks import described
from spectral_collapse.executors import Arrays
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.studies import common, published
from spectral_collapse.studies import image_scores as scored
from spectral_collapse.studies.layout import Layout, sides
from spectral_collapse.studies.parameters import Count, NetworkParameters, Number, by_profile
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study


@dataclass(frozen=True)
class Grid:
    """The default points of a profile.

    eta_hf: values between 0 and the published one, which are always there. At the published one every
    correction is as long as the clip allows. On validation images of textures_x8 and of edges2shoes S_HF goes from
    that of 0 to that of the published one between 1e-10 and 1e-8 (`benchmarks/pareto_grid.py`); 1e-9 is the middle.
    eta_lf: multiples of the published one, of which the same script says what they change.
    replaced: steps that TABA replaces, of every 50 (the papers count in fractions of 50 steps; at
    least one step is replaced). methods: names of further methods; 'nullspace' enters where TABA with
    the published fraction does, with noise above the source's band.
    """

    eta_hf: tuple[float, ...]
    eta_lf: tuple[float, ...]
    replaced: tuple[int, ...]
    methods: tuple[str, ...] = ("noise_floor", "nullspace", "white_norm")


GRIDS = {
    "smoke": Grid(eta_hf=(), eta_lf=(0, 1), replaced=(2, 20)),
    "quick": Grid(eta_hf=(1e-9,), eta_lf=(0, 0.1, 0.3, 1), replaced=(1, 2, 10)),
    "paper": Grid(
        eta_hf=(1e-10, 1e-9),
        eta_lf=(0, 0.1, 0.3, 1),
        replaced=(1, 2, 3, 5, 10, 20),
        methods=(
            "noise_floor",
            "nullspace",
            "white_norm",
            "negative_prompt",
            "direct",
            "fixed_point",
            "renoise",
            "edict",
            "bdia",
            "sdedit",
            "null_class",
            "cycle_diffusion",
            "ddpm_friendly",
            "spectral_swap",
        ),
    ),
}

LAYOUT = Layout(
    **{
        name: (dims, *titles)
        for score, titles in scored.SCORES.items()
        for name, dims in ((score, "point seed sample"), (f"reference_{score}", "reference sample"))
    },
    **{name: ("point seed sample", *titles) for name, titles in scored.LATENT_SCORES.items()},
    s_g=("point seed", "Gaussianity of the latents S_G, 1 minus the Kolmogorov-Smirnov statistic"),
    s_g_pvalue=("point seed", "p-value of the Kolmogorov-Smirnov test of S_G"),
    conflict=("point seed", "share of OVG's steps whose two gradients conflict"),
    clipped_hf=("point seed", "share of OVG's steps whose variance correction is clipped"),
    clipped_lf=("point seed", "share of OVG's steps whose structure correction is clipped"),
    network_calls=("point seed", "network calls per image, inversion and sampling"),
    image=("point shown row col rgb", "translated picture, seed 0"),
    source_image=("shown row col rgb", "picture"),
    target_image=("shown row col rgb", "picture"),
)


@dataclass(frozen=True)
class Point:
    """A method with its parameters, as it appears in a result.

    kind: 'standard', 'taba', 'ovg', 'ovg+taba', or the name of another method with its `params`.
    """

    kind: str
    eta_hf: float = float("nan")
    eta_lf: float = float("nan")
    fraction: float = float("nan")
    params: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def method(self) -> InversionMethod:
        if self.kind == "taba":
            return inversion.create("taba", fraction=self.fraction)
        if self.kind in ("ovg", "ovg+taba"):
            fraction = self.fraction if self.kind == "ovg+taba" else 0.0
            return inversion.create("ovg", eta_hf=self.eta_hf, eta_lf=self.eta_lf, forward_fraction=fraction)
        return inversion.create(self.kind, **self.params)

    @property
    def label(self) -> str:
        if self.kind == "taba":
            return f"TABA {self.fraction:g}"
        etas = f"OVG ({self.eta_hf:g}, {self.eta_lf:g})"
        if self.kind in ("ovg", "ovg+taba"):
            return etas if self.kind == "ovg" else f"{etas} + TABA {self.fraction:g}"
        params = ", ".join(f"{name} {_written(value)}" for name, value in self.params.items())
        return f"{self.kind} ({params})" if params else self.kind


def _written(value: object) -> str:
    """A parameter in a label: short, and the same in every process."""
    return f"{value:g}" if isinstance(value, float) else str(getattr(value, "__name__", value))


def _distinct(numbers: Iterable[float]) -> tuple[float, ...]:
    """In order, each once, to the six digits that labels have."""
    return tuple(sorted({float(f"{number:g}") for number in numbers}))


def _by_name(methods: Any) -> Any:
    """A list of names as a mapping from names to no parameters."""
    if isinstance(methods, Sequence) and not isinstance(methods, str):
        methods = {name if isinstance(name, str) else repr(name): {} for name in methods}
    if not isinstance(methods, Mapping | None):
        raise ValueError(
            f"a list of names or a mapping from names to parameters is needed; {described(methods)} was given"
        )
    return methods


Distinct = pydantic.AfterValidator(_distinct)
Etas = Annotated[tuple[Annotated[Number, Field(ge=0)], ...], Field(min_length=1), Distinct]
Shares = Annotated[tuple[Annotated[Number, Field(ge=0, le=1)], ...], Distinct]


class ParetoParameters(NetworkParameters):
    """Test images of one data set, a network to invert them with, and the points."""

    images: Count | None = Field(None, ge=2, description="test images, from as many pictures as possible")
    shown: Count = by_profile(2, 3, 2, ge=1, description="how many of the images are stored as pictures")
    seeds: Count = by_profile(2, 3, 3, ge=1, description="draws (seeds 0, 1, ...) of the stochastic methods")
    eta_hf: Etas | None = Field(
        None,
        description="OVG's step sizes for texture, run with each of eta_lf but as (0, 0), which is the standard "
        "inversion (default: 0, the published one and some between)",
    )
    eta_lf: Etas | None = Field(
        None, description="OVG's step sizes for structure (default: 0, the published one and some between)"
    )
    fractions: Shares | None = Field(
        None, description="shares of the steps that TABA replaces, one step at least (default: the profile's)"
    )
    methods: Annotated[dict[str, dict[str, Any]] | None, pydantic.BeforeValidator(_by_name)] = Field(
        None,
        description="further methods of inversion.METHODS: names, or names with parameters (default: the profile's)",
    )

    @pydantic.field_validator("methods")
    @classmethod
    def _further_methods_that_there_are(cls, methods: dict[str, dict[str, Any]] | None) -> Any:
        for name, params in (methods or {}).items():
            if name in ("standard", "taba", "ovg"):
                raise ValueError(f"{name!r} is in the study anyway; its parameters are eta_hf, eta_lf and fractions")
            _ = Point(name, params=params).method
        return methods

    @pydantic.field_serializer("methods")
    def _labels(self, methods: dict[str, dict[str, Any]] | None) -> list[str] | None:
        """Their labels, in order; the key tells the methods themselves apart by `uses`."""
        return None if methods is None else [Point(name, params=params).label for name, params in methods.items()]

    @pydantic.model_validator(mode="after")
    def _points_that_there_are(self) -> Self:
        if self.eta_hf == self.eta_lf == (0,):
            raise ValueError("eta_hf and eta_lf must give OVG a point; (0, 0) alone is the standard inversion")
        for fraction in self.fractions or ():
            Point("taba", fraction=fraction).method.replaced_steps(self.num_steps)
        return self


Given = Request[ParetoParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per point and seed (one for all seeds of a point without random noise), and one for the references."""
    found: dict[str, Job] = {"references": partial(references, request)}
    for names, point in zip(_names(request), points(request), strict=True):
        found |= {name: partial(measure, request, point, seed) for seed, name in enumerate(dict.fromkeys(names))}
    return found


def uses(request: Given) -> Iterable[InversionMethod]:
    """The methods of all points."""
    return [point.method for point in points(request)]


def points(request: Given) -> list[Point]:
    """The baselines, OVG's grid without (0, 0), OVG + TABA as published, and further methods."""
    given, grid, papers = request.parameters, GRIDS[request.parameters.profile], request.info.published
    least = 1 / given.num_steps
    etas_hf = given.eta_hf or _distinct([0, *grid.eta_hf, papers.eta_hf])
    etas_lf = given.eta_lf or _distinct(papers.eta_lf * factor for factor in grid.eta_lf)
    shares = given.fractions
    if shares is None:
        shares = _distinct(max(steps / 50, least) for steps in grid.replaced)
    further = default_methods(request) if given.methods is None else given.methods
    return [
        Point("standard"),
        *(Point("taba", fraction=share) for share in shares),
        *(Point("ovg", hf, lf) for hf in etas_hf for lf in etas_lf if hf or lf),
        Point("ovg+taba", papers.eta_hf, papers.eta_lf, max(papers.fraction, least)),
        *(Point(name, params=params) for name, params in further.items()),
    ]


def default_methods(request: Given) -> dict[str, dict[str, Any]]:
    """The profile's further methods, with the parameters that depend on the study."""
    return {name: published.settings(request, name) for name in GRIDS[request.parameters.profile].methods}


def references(request: Given) -> Arrays:
    """Scores of the true targets and, in latent space, after the autoencoder, (1 or 2, N); the reference of S_HF."""
    compared = [request.pair.target, *([] if request.model.autoencoder is None else [scored.rebuilt(request)])]
    scores = [scored.image_scores(request, images, request.pair) for images in compared]
    found = {name: np.stack([score[name] for score in scores]) for name in scored.SCORES}
    return found | {
        "psnr": scored.finite(found["psnr"]),
        "hf_reference": np.array(results.canonical(asdict(request.hf_reference))),
        "channels": np.int64(request.encoded.shape[1]),
    }


def measure(request: Given, point: Point, seed: int) -> Arrays:
    """Everything that is stored for one point at one seed."""
    translation = request.translated(point.method, seed)
    gaussianity = metrics.s_g(translation.latents)
    shares = {name: float(values.nanmean()) for name, values in translation.diagnostics.items()}
    return scored.translation_scores(request, translation) | {
        "s_g": np.float64(gaussianity.score),
        "s_g_pvalue": np.float64(gaussianity.pvalue),
        **{name: np.float64(shares.get(name, np.nan)) for name in ("conflict", "clipped_hf", "clipped_lf")},
        "network_calls": np.float64(translation.network_calls),
    }


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """The scores of all points.

    Methods without random noise (`stochastic` False) are repeated along seed; pictures are at seed 0. `reference_*`:
    the same scores for the true targets and, in latent space, for these after the autoencoder. Latents and outputs are
    those of `translation.translated`, of half precision and 256 levels.
    """
    runs, found = [[parts[name] for name in names] for names in _names(request)], points(request)
    beside, names = parts["references"], np.array(request.images.names)

    def setting(name: str, long_name: str) -> common.Variable:
        return common.variable("point", [getattr(point, name) for point in found], long_name)

    arrays = {
        **LAYOUT.stacked("point seed", runs),
        **{f"reference_{name}": beside[name] for name in scored.SCORES},
        "image": np.stack([seeds[0]["image"] for seeds in runs]),
        **sides(request),
    }
    coordinates = {
        "point": [point.label for point in found],
        "method": ("point", [point.kind for point in found]),
        "eta_hf": setting("eta_hf", "OVG's eta_HF"),
        "eta_lf": setting("eta_lf", "OVG's eta_LF"),
        "fraction": setting("fraction", "share of steps replaced by forward diffusion"),
        "stochastic": ("point", [point.method.stochastic for point in found]),
        "sample": names,
        "reference": ["target", "autoencoder"][: len(beside["s_hf"])],
        "shown": names[request.shown],
    }
    attrs = {
        "structure": request.info.structure,
        "s_hf_reference": str(beside["hf_reference"]),
        "s_lf_cutoff": request.info.structure_cutoff(request.parameters.size),
        "white_s_dc": metrics.white_noise_level(int(beside["channels"])),
    }
    return LAYOUT.dataset(arrays, coordinates, attrs)


def _names(request: Given) -> list[list[str]]:
    """The job of each point at each seed."""
    numbered = {f"{number:02d} {point.label}": point.method for number, point in enumerate(points(request))}
    return list(scored.by_seed(numbered, request.parameters.seeds).values())


STUDY = Study(
    "pareto",
    "What does each method change in texture and in structure?",
    ParetoParameters,
    jobs,
    combine,
    uses,
    made={"image": {}},
)
