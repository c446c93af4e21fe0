"""The Pareto study: what each inversion method changes in texture and in structure.

Every method inverts the same source images and samples them in the target domain; a point is a
method with its parameters, its place is (S_LF, S_HF). OVG's points are a grid over (eta_HF, eta_LF);
the standard inversion and TABA with several fractions are the baselines (Spectral Collapse in
Diffusion Inversion, Sec. 5.2 and Fig. 6). Any other method of `inversion.METHODS`, among them one's
own, can stand beside them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr

from spectral_collapse import datasets, inversion, metrics, results
from spectral_collapse.checks import check_number
from spectral_collapse.datasets import TARGET
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.identity import UnidentifiedError, identity
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.studies.common import PIXELS, norms, pictures, real_targets, spread
from spectral_collapse.studies.profiles import count, numbers
from spectral_collapse.studies.profiles import profile as profile_named
from spectral_collapse.studies.setting import Setting, finish, total_seconds
from spectral_collapse.translation import translate

STUDY = "pareto"


@dataclass(frozen=True)
class Published:
    """The papers' settings on one family of data: OVG's step sizes and the share of replaced steps."""

    eta_hf: float
    eta_lf: float
    fraction: float


PUBLISHED = {
    "bbbc021": Published(eta_hf=1000.0, eta_lf=1e-4, fraction=0.04),
    "edges2shoes": Published(eta_hf=1e9, eta_lf=7.08e-5, fraction=0.02),
}
_SUPER_RESOLUTION = PUBLISHED["bbbc021"]  # for families that the papers do not know


@dataclass(frozen=True)
class Grid:
    """The default points of a profile.

    eta_hf: values between 0 and the published one, which are always there. At the published one every
    correction is as long as the clip allows; on the shipped 64-px networks its effect is saturated from
    about 1e-6 on, without the clip, and 1e-7 lies half way.
    eta_lf: multiples of the published one. Above it nearly nothing changes; below it lies the trade.
    replaced: steps that TABA replaces, of every 50 (the papers count in fractions of 50 steps; at
    least one step is replaced). methods: names of further methods; 'nullspace' enters where TABA with
    the published fraction does, with noise above the source's band.

    OVG's values were chosen after trial runs on 8 test images of photos_x8 and of edges2shoes, so its
    points are not blind to the images that they are judged on.
    """

    eta_hf: tuple[float, ...]
    eta_lf: tuple[float, ...]
    replaced: tuple[int, ...]
    methods: tuple[str, ...] = ("noise_floor", "nullspace", "white_norm")


GRIDS = {
    "smoke": Grid(eta_hf=(), eta_lf=(0, 1), replaced=(2, 20)),
    "quick": Grid(eta_hf=(1e-7,), eta_lf=(0, 0.1, 0.3, 1), replaced=(1, 2, 10)),
    "paper": Grid(
        eta_hf=(1e-8, 1e-7),
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

_CODE = ("metrics", "identity", "studies.pareto", "translation")
"""What computes the stored values; a data set's own code is part of its fingerprint."""

SAMPLE_SCORES = {
    "s_hf": ("high-frequency realism S_HF", "1"),
    "hf_excess": ("log high-frequency energy over the usual of training targets", "1"),
    "s_lf": ("low-frequency structural fidelity S_LF", "1"),
    "s_dc": ("decorrelation of the latent S_DC", "1"),
    "norm": ("norm of the latent over the square root of d", "1"),
    "psnr": ("peak signal-to-noise ratio against the true target", "dB"),
}
SET_SCORES = {
    "s_g": ("Gaussianity of the latents S_G, 1 minus the Kolmogorov-Smirnov statistic", "1"),
    "s_g_pvalue": ("p-value of the Kolmogorov-Smirnov test of S_G", "1"),
    "conflict": ("share of OVG's steps whose two gradients conflict", "1"),
    "clipped_hf": ("share of OVG's steps whose variance correction is clipped", "1"),
    "clipped_lf": ("share of OVG's steps whose structure correction is clipped", "1"),
    "network_calls": ("network calls per image, inversion and sampling", "1"),
}
REFERENCE_SCORES = ("s_hf", "hf_excess", "s_lf", "psnr")


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


def run(
    dataset: str = "photos_x8",
    profile: str = "quick",
    seeds: int | None = None,
    *,
    images: int | None = None,
    num_steps: int | None = None,
    eta_hf: Sequence[float] | None = None,
    eta_lf: Sequence[float] | None = None,
    fractions: Sequence[float] | None = None,
    methods: Mapping[str, Mapping[str, Any]] | Sequence[str] | None = None,
    guidance: float | None = None,
    checkpoint: str | Path | Model | None = None,
    source: Literal["auto", "real", "rendered"] = "auto",
    root: str | Path | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Runs the Pareto study, or goes on with an interrupted one, or loads a finished one from the store.

    Args:
        dataset: a name of `datasets.DATASETS`.
        profile: 'smoke', 'quick' or 'paper' (see `profiles`); None below means the profile's value.
        seeds: how many draws (seeds 0, 1, ...) of the stochastic methods.
        images: how many test images, spread evenly over the test split; the profile's number shrinks
            to the split's size, a number given here does not.
        num_steps: steps of inversion and of sampling.
        eta_hf, eta_lf: OVG's step sizes, all pairs of which are run but (0, 0), which is the standard
            inversion. Without them: 0, the published ones and some between (`PUBLISHED`, `GRIDS`).
        fractions: shares of the steps that TABA replaces; each must replace at least one step.
        methods: further methods of `inversion.METHODS`, by name with their defaults, or name ->
            parameters; without it the profile's (`GRIDS`).
        guidance: guidance scale in sampling; without it the published one of this data set.
        checkpoint: name or folder of a network, or a loaded Model; without it the one shipped for
            this family of data sets.
        source, root: as in `datasets.load`.
        progress: whether to show a progress bar, a tick for each point and seed.

    Returns:
        The result, also stored (`results`) unless a method has no code by which it could be told from another
        of its name, of which a warning tells: dims point, seed, sample; per sample s_hf, s_lf, s_dc, psnr,
        hf_excess (`metrics.hf_excess`, S_HF with its sign) and norm, ||latent|| / sqrt(d); per set of images
        s_g with the p-value of its test, OVG's shares of conflicting and clipped steps, network calls;
        `reference_*`: the same scores for the true targets and for their way through the autoencoder, which
        all outputs take; pictures (image, source_image, target_image) of some of the samples (`shown`),
        at seed 0. Methods that draw nothing (`stochastic` False) are computed once and repeated along seed.

    Raises:
        InvalidParameterError, DataError, CheckpointError, NotFiniteError: one sentence each.
    """
    info, size = datasets.info(dataset), profile_named(profile)
    grid, published = GRIDS[profile], PUBLISHED.get(info.family, _SUPER_RESOLUTION)
    seeds, num_steps = count("seeds", seeds, size.seeds), count("num_steps", num_steps, size.num_steps)
    count("images", images, 2, least=2)  # S_G is a score of a set
    guidance = info.guidance if guidance is None else guidance
    check_number("guidance", guidance, 0)
    points = _points(published, grid, num_steps, eta_hf, eta_lf, fractions)
    given = Setting.load(dataset, profile, checkpoint, source, root, _CODE, images)
    points += _further(_default_methods(given, grid, published, num_steps, guidance) if methods is None else methods)
    told_apart = _identities(points)
    given.parameters.update(
        seeds=seeds,
        num_steps=num_steps,
        guidance=float(guidance),
        points=[point.label for point in points],
        methods=told_apart,
    )
    task = _Task(given, points, seeds, num_steps, guidance)
    if told_apart is None:
        return task.assemble(None, progress)
    stored = given.stored(STUDY)
    if stored is not None:
        return stored
    parts = given.parts(STUDY)
    result = task.assemble(parts, progress)
    parts.clear()
    return result


def _identities(points: Sequence[Point]) -> dict[str, Any] | None:
    """What each point computes, for the key; None, with a warning, where a result could be taken for another's."""
    found = {}
    for point in points:
        try:
            found[point.label] = identity(point.method)
        except UnidentifiedError as error:
            warnings.warn(
                f"{point.label!r} cannot be told from another method of that name, so the study is computed and not "
                f"stored: it uses {error}; write it as Python code to have its results kept",
                stacklevel=3,
            )
            return None
    return found


@dataclass(frozen=True)
class _Task:
    """A setting and the points to be run on it."""

    given: Setting
    points: tuple[Point, ...]
    seeds: int
    num_steps: int
    guidance: float

    @property
    def shown(self) -> list[int]:
        """Which of the images are stored as pictures."""
        chosen = self.given.chosen
        return spread(len(chosen), min(self.given.size.shown, len(chosen)))

    @cached_property
    def hf_reference(self) -> metrics.HFReference:
        return metrics.hf_reference(real_targets(self.given.train, self.given.size.reference))

    def assemble(self, parts: results.Parts | None, progress: bool) -> xr.Dataset:
        """The result from its parts, those that are missing computed now; without any, nothing is stored."""
        jobs: dict[str, Callable[[], dict[str, np.ndarray]]] = {"references": self.references}
        for p, point in enumerate(self.points):
            for s in range(self.seeds if point.method.stochastic else 1):
                jobs[_job(p, point, s)] = lambda point=point, s=s: self.measure(point, s)
        done = finish(parts, jobs, "Pareto study", progress)
        finished = self.given.described if parts is None else self.given.save
        return finished(STUDY, self.dataset(done), total_seconds(done), **self.attrs())

    def references(self) -> dict[str, np.ndarray]:
        """Scores of the true targets and of their reconstruction by the autoencoder, (2, N) each."""
        target = self.given.pair.target
        rebuilt = self.given.model.decode(self.given.model.encode(target)).cpu()
        scores = [self.image_scores(images) for images in (target, rebuilt)]
        found = {name: np.stack([score[name] for score in scores]) for name in REFERENCE_SCORES}
        found["psnr"][np.isinf(found["psnr"])] = np.nan  # an image against itself has no finite PSNR
        return found

    def measure(self, point: Point, seed: int) -> dict[str, np.ndarray]:
        """Everything that is stored of one point at one seed."""
        translation = translate(
            self.given.model,
            point.method,
            self.given.pair.source,
            self.given.info.source_label,
            TARGET,
            num_steps=self.num_steps,
            guidance=self.guidance,
            generator=torch.Generator().manual_seed(seed),
        )
        gaussianity = metrics.s_g(translation.latents)
        shares = {name: float(values.nanmean()) for name, values in translation.diagnostics.items()}
        return {
            **self.image_scores(translation.images),
            "s_dc": _numpy(metrics.s_dc(translation.latents)),
            "norm": norms(translation.latents),
            "s_g": np.float64(gaussianity.score),
            "s_g_pvalue": np.float64(gaussianity.pvalue),
            **{name: np.float64(shares.get(name, np.nan)) for name in ("conflict", "clipped_hf", "clipped_lf")},
            "network_calls": np.float64(translation.network_calls),
            "image": pictures(translation.images[self.shown]),
        }

    def image_scores(self, images: torch.Tensor) -> dict[str, np.ndarray]:
        """The `REFERENCE_SCORES` of N images, (N,) each."""
        cutoff = self.given.info.structure_cutoff(self.given.size.size)
        return {
            "s_hf": _numpy(metrics.s_hf(images, self.hf_reference)),
            "hf_excess": _numpy(metrics.hf_excess(images, self.hf_reference)),
            "s_lf": _numpy(
                metrics.s_lf(images, self.given.pair.source, cutoff=cutoff, structure=self.given.info.structure)
            ),
            "psnr": _numpy(metrics.psnr(images, self.given.pair.target)),
        }

    def dataset(self, done: Mapping[str, Mapping[str, np.ndarray]]) -> xr.Dataset:
        """The parts as one Dataset, as the schema in `results` says."""

        # what draws nothing was run once
        runs = [
            [done.get(_job(p, point, s), done[_job(p, point, 0)]) for s in range(self.seeds)]
            for p, point in enumerate(self.points)
        ]

        def gather(name: str) -> np.ndarray:
            return np.stack([[part[name] for part in parts] for parts in runs])

        def images(of: torch.Tensor) -> tuple[tuple[str, ...], np.ndarray, dict[str, str]]:
            return ("shown", *PIXELS), pictures(of[self.shown]), {"long_name": "picture", "units": "1"}

        variables: dict[str, object] = {}
        for name, (long_name, units) in SAMPLE_SCORES.items():
            described = {"long_name": long_name, "units": units}
            variables[name] = (("point", "seed", "sample"), gather(name), described)
            if name in REFERENCE_SCORES:
                variables[f"reference_{name}"] = (("reference", "sample"), done["references"][name], described)
        for name, (long_name, units) in SET_SCORES.items():
            variables[name] = (("point", "seed"), gather(name), {"long_name": long_name, "units": units})
        variables["image"] = (
            ("point", "shown", *PIXELS),
            np.stack([parts[0]["image"] for parts in runs]),
            {"long_name": "translated picture, seed 0", "units": "1"},
        )
        variables["source_image"], variables["target_image"] = (
            images(self.given.pair.source),
            images(self.given.pair.target),
        )
        names = np.array(self.given.names)
        coords = {
            "point": [point.label for point in self.points],
            "method": ("point", [point.kind for point in self.points]),
            "eta_hf": ("point", [point.eta_hf for point in self.points], {"long_name": "OVG's eta_HF", "units": "1"}),
            "eta_lf": ("point", [point.eta_lf for point in self.points], {"long_name": "OVG's eta_LF", "units": "1"}),
            "fraction": (
                "point",
                [point.fraction for point in self.points],
                {"long_name": "share of steps replaced by forward diffusion", "units": "1"},
            ),
            "stochastic": ("point", [point.method.stochastic for point in self.points]),
            "seed": np.arange(self.seeds),
            "sample": names,
            "reference": ["target", "autoencoder"],
            "shown": names[self.shown],
            "row": np.arange(self.given.size.size),
            "col": np.arange(self.given.size.size),
            "rgb": ["red", "green", "blue"],
        }
        return xr.Dataset(variables, coords)

    def attrs(self) -> dict[str, str | float]:
        """What the result says beside its provenance."""
        info = self.given.info
        return {
            "structure": info.structure,
            "s_hf_reference": results.canonical(asdict(self.hf_reference)),
            "s_lf_cutoff": info.structure_cutoff(self.given.size.size),
            "white_s_dc": metrics.white_noise_level(self.given.encoded.shape[1]),
        }


def _job(number: int, point: Point, seed: int) -> str:
    """The name of a part, and what the progress bar says."""
    return f"{number:02d} {point.label}, seed {seed}"


def _points(
    published: Published,
    grid: Grid,
    num_steps: int,
    eta_hf: Sequence[float] | None,
    eta_lf: Sequence[float] | None,
    fractions: Sequence[float] | None,
) -> tuple[Point, ...]:
    """The baselines, OVG's grid without (0, 0), and OVG + TABA as published."""
    least = 1 / num_steps
    etas_hf = numbers("eta_hf", eta_hf, [0, *grid.eta_hf, published.eta_hf])
    etas_lf = numbers("eta_lf", eta_lf, [published.eta_lf * factor for factor in grid.eta_lf])
    shares = numbers("fractions", fractions, [max(steps / 50, least) for steps in grid.replaced], high=1)
    taba = [Point("taba", fraction=share) for share in shares]
    for point in taba:
        if not point.method.replaced_steps(num_steps):
            raise InvalidParameterError(
                f"TABA with the fraction {point.fraction:g} replaces none of {num_steps} steps; use {least:g} or more"
            )
    ovg = [Point("ovg", hf, lf) for hf in etas_hf for lf in etas_lf if hf or lf]
    if not ovg:
        raise InvalidParameterError("eta_hf and eta_lf must give OVG a point; (0, 0) alone is the standard inversion")
    both = Point("ovg+taba", published.eta_hf, published.eta_lf, max(published.fraction, least))
    return (Point("standard"), *taba, *ovg, both)


def _default_methods(
    given: Setting, grid: Grid, published: Published, num_steps: int, guidance: float
) -> dict[str, dict[str, Any]]:
    """The profile's further methods, with the parameters that depend on the study."""
    image = given.pair.source
    band = given.info.source_band(given.size.size)  # of the data, not S_LF's cutoff, by which the method is judged
    # What is inverted may be smaller than the image: its pixels are wider, and hold as many cycles more.
    wider = image.shape[-1] / given.encoded.shape[-1]
    own: dict[str, dict[str, Any]] = {
        "nullspace": {
            "k": max(1, round(num_steps * published.fraction)),
            "projector": float(f"{min(band * wider, 0.5):g}"),
        },
        "null_class": {"guidance": float(guidance)},
    }
    return {name: own.get(name, {}) for name in grid.methods}


def _further(methods: Mapping[str, Mapping[str, Any]] | Sequence[str]) -> tuple[Point, ...]:
    """Points of methods by name; those that have points of their own are refused."""
    if isinstance(methods, str) or not isinstance(methods, Mapping | Sequence):
        raise InvalidParameterError(
            f"methods must be a list of names or a mapping from names to parameters; {methods!r} was given"
        )
    named = methods if isinstance(methods, Mapping) else {name: {} for name in methods}
    for name in named:
        if name in ("standard", "taba", "ovg"):
            raise InvalidParameterError(
                f"{name!r} is in the study anyway; its parameters are eta_hf, eta_lf and fractions"
            )
    points = tuple(Point(name, params=dict(params)) for name, params in named.items())
    for point in points:
        _ = point.method  # an unknown name or parameter is refused before anything is computed
    return points


def _numpy(values: torch.Tensor) -> np.ndarray:
    return values.detach().cpu().numpy().astype(np.float64)
