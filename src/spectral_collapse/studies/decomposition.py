"""Where the collapse comes from: the deficit of a latent split into three causes, by intervention.

Two things are wrong with a standard inversion whatever the denoiser: the image enters without the
noise of the first level, and the steps are coarse. Each can be put right alone, with the same network,
the same image and the same noise, so each one's share of the deficit can be read off; what is left when
both are right is the denoiser's own error. Where along the way that error is made shows when the first
predictions are swapped for true ones ('There and Back Again' does so for the first steps).

Two denoisers that are perfect for Gaussian data stand beside the network: one knows the spectrum of the
encoded sources, one their covariance, which a spectrum does not describe where images are not stationary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr

from spectral_collapse import inversion, metrics, results
from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics.radial_spectrum import BANDS, band_power
from spectral_collapse.metrics.s_dc import white_noise_level
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.processes import Level, Process
from spectral_collapse.sampling import Step, as_labels
from spectral_collapse.studies import common, front
from spectral_collapse.studies.collapse import gaussian_denoiser
from spectral_collapse.studies.setting import Setting, finish, total_seconds

STUDY = "decomposition"

CODE = ("metrics.radial_spectrum", "metrics.s_dc", "studies.collapse", "studies.decomposition")


@dataclass(frozen=True)
class Effort:
    """fine: steps of the refined walks; what discretisation they leave counts as the denoiser's own error.
    replaced: after how many of the profile's steps true predictions end."""

    fine: int
    replaced: tuple[int, ...]


EFFORTS = {
    "smoke": Effort(fine=20, replaced=(1, 2)),
    "quick": Effort(fine=400, replaced=(1, 2, 4)),
    "paper": Effort(fine=999, replaced=(1, 2, 3, 5, 11, 26)),
}

MEASURES = {
    "high_power": "power of the latent above half the Nyquist frequency",
    "s_dc": "decorrelation of the latent S_DC",
    "plain": "local variance of the latent in plain areas",
    "other": "local variance of the latent in the other areas",
}
"""Measures of a latent: white noise has 1; in S_DC the attr `white_s_dc`, 0.986 with four channels."""

DENOISERS = ("network", "spectrum", "covariance")
"""The trained network, and the optimal denoisers of Gaussian data with the sources' spectrum or covariance."""

PARTS = ("entry", "discretisation", "own error")

_PLAIN_DIFFERENCE = 0.025  # TABA's: of neighbouring pixels, images in [-1, 1]
_PLAIN_SHARE = 0.05  # of an image; with fewer places its local variance is mostly chance


class CovarianceDenoiser:
    """The optimal denoiser of Gaussian data with a mean and a covariance, whatever the covariance.

    The covariance has `variances` (r,) along the orthonormal `directions` (d, r) and `rest` in all
    directions orthogonal to them; d = C H W. As in `GaussianDenoiser`, along a direction of variance S
    noise = sigma * (x - alpha * mean) / (alpha^2 S + sigma^2). It knows one domain and ignores labels.
    """

    def __init__(
        self, process: Process, mean: torch.Tensor, directions: torch.Tensor, variances: torch.Tensor, rest: float
    ) -> None:
        self.process, self.mean = process, mean.double()
        self.directions, self.variances, self.rest = directions.double(), variances.double(), rest

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        """Both halves of x (N x C x H x W) at `level`."""
        outer = 1 / (level.alpha**2 * self.rest + level.sigma**2)
        inner = 1 / (level.alpha**2 * self.variances + level.sigma**2)
        residual = (x.double() - level.alpha * self.mean).flatten(1)
        along = residual @ self.directions
        # Sigma^-1 residual; clean = mean + alpha S Sigma^-1 residual follows from x = alpha clean + sigma noise
        whitened = outer * residual + ((inner - outer) * along) @ self.directions.T
        noise = level.sigma * whitened
        clean = self.mean + (residual - level.sigma * noise).view(x.shape) / level.alpha
        return Prediction(noise.view(x.shape).to(x), clean.to(x))


class TrueBelow:
    """A denoiser that knows image and noise apart below a noise ratio sigma / alpha, and asks another one above."""

    def __init__(self, denoiser: Denoiser, truth: Prediction, ratio: float) -> None:
        self.denoiser, self.truth, self.ratio, self.process = denoiser, truth, ratio, denoiser.process

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        # a level that both walks share may differ in its last bits
        known = noise_ratio(level) < self.ratio * (1 - 1e-9)
        return self.truth if known else self.denoiser(x, level, label)


def noise_ratio(level: Level) -> float:
    """sigma / alpha: the standard deviation of the noise in units of the image."""
    return level.sigma / level.alpha


class Inverted(Setting):
    """A setting with what all interventions share: one draw of noise, the plain places, the denoisers."""

    @cached_property
    def noise(self) -> torch.Tensor:
        """The one draw of white noise that every intervention shares."""
        drawn = torch.randn(self.encoded.shape, generator=torch.Generator().manual_seed(0))
        return drawn.to(self.encoded)

    @cached_property
    def plain(self) -> torch.Tensor:
        return plain_places(self.pair.source, self.encoded.shape[-1])

    @cached_property
    def denoisers(self) -> dict[str, Denoiser]:
        """By name, as in `DENOISERS`; the closed forms are fitted to training sources."""
        process, encoded = self.model.denoiser.process, self.training_sources(3 * self.size.reference)
        few = encoded[common.spread(len(encoded), min(self.size.reference, len(encoded)))]
        return {
            "network": self.model.denoiser,
            "spectrum": gaussian_denoiser(process, few, self.info.source_label),
            "covariance": covariance_denoiser(process, encoded),
        }


def run(
    dataset: str = "photos_x8",
    profile: str = "quick",
    checkpoint: str | Path | Model | None = None,
    source: Literal["auto", "real", "rendered"] = "auto",
    root: str | Path | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Runs the decomposition, goes on with an interrupted one, or loads a finished one from the store.

    Args:
        dataset: a name of `datasets.DATASETS`.
        profile: 'smoke', 'quick' or 'paper'; `EFFORTS` says how many fine steps it takes.
        checkpoint: name or folder of a network (with an autoencoder or in pixel space), or a loaded
            Model; without it the one shipped for this family of data sets.
        source, root: as in `datasets.load`.
        progress: whether to show a progress bar, a tick for each inversion.

    Returns:
        The result, also stored (`results`). Of the source images inverted under their own label:

        - `value` (denoiser, entry, resolution, measure, sample): the four combinations of entering
          without or with the noise of the first level, in the profile's steps or in fine ones;
        - `corrected` (denoiser, resolution, replaced, measure, sample): entered with the noise, and
          true predictions up to the level that `replaced` of the profile's steps reach
          (`replaced_ratio`, its sigma / alpha); replaced = 0 is the walk of the denoiser alone;
        - `ideal` (measure, sample): all predictions true, so the same noise without any deficit;
        - `noise_norm` (denoiser, entry, step, sample): ||predicted noise||^2 / d in the coarse walks;
        - of noised sources at the level of every coarse step (`level`, its sigma / alpha): `error` and
          `predicted` (denoiser, step, band, sample), mean squares of the error of the predicted noise
          and of the predicted noise itself per band; `area_error` (denoiser, step, area, sample);
        - `empty` (): share of the latent's directions in which held-out training sources have less
          variance than the first level's noise, (sigma / alpha)^2.

        Samples with too few plain places have NaN there.

    Raises:
        InvalidParameterError, DataError, CheckpointError, NotFiniteError: one sentence each.
    """
    given = Inverted.load(dataset, profile, checkpoint, source, root, CODE)
    effort = EFFORTS[profile]
    given.parameters.update(fine=effort.fine, replaced=list(effort.replaced))
    stored = given.stored(STUDY)
    if stored is not None:
        return stored
    parts = given.parts(STUDY)
    result, seconds = _Task(given, effort).assemble(parts, progress)
    result = given.save(STUDY, result, seconds, **space(given.model))
    parts.clear()
    return result


def space(model: Model) -> dict[str, str]:
    """What is inverted, and what the network predicts, as attrs of a result."""
    return {
        "prediction": model.card["prediction"],
        "space": "pixels" if model.autoencoder is None else "latents of an autoencoder",
    }


def plain_places(images: torch.Tensor, side: int) -> torch.Tensor:
    """Where images are plain, boolean N x (side - 1) x (side - 1), on the windows that `local_variance` looks at.

    A pixel is plain when it differs from its right and lower neighbour by less than 0.025 on average,
    in every channel (Staniszewski et al. 2025; images in [-1, 1]); a window of 2 x 2 latent pixels is
    when all of its pixels are.

    images: N x C x H x W with H = W a multiple of `side`. Raises InvalidParameterError otherwise.
    """
    height, width = images.shape[-2:]
    if height != width or height % side:
        raise InvalidParameterError(f"latents of side {side} do not fit images of {height} x {width}; use square ones")
    padded = F.pad(images, (0, 1, 0, 1), mode="replicate")
    right = (padded[..., :-1, 1:] - images).abs()
    below = (padded[..., 1:, :-1] - images).abs()
    uneven = ((right + below) / 2 >= _PLAIN_DIFFERENCE).any(1, keepdim=True).float()
    factor = height // side
    return F.max_pool2d(uneven, 2 * factor, factor)[:, 0] == 0


def local_variance(latents: torch.Tensor) -> torch.Tensor:
    """Half the mean squared difference of neighbours, N x (H - 1) x (W - 1): 1 on average for white noise.

    Right and lower neighbour and all channels are averaged; structure larger than a pixel cancels.
    """
    right = latents.diff(dim=-1)[..., :-1, :].square()
    below = latents.diff(dim=-2)[..., :, :-1].square()
    return ((right + below) / 4).mean(1)


def measure(latents: torch.Tensor, plain: torch.Tensor) -> np.ndarray:
    """The measures of latents N x C x H x W, in the order of `MEASURES`: (measure, N)."""
    rows = [
        band_power(latents)[:, list(BANDS).index("high")],
        metrics.s_dc(latents),
        *(_area_mean(local_variance(latents), area) for area in (plain, ~plain)),
    ]
    return np.stack([row.detach().cpu().double().numpy() for row in rows])


def covariance_denoiser(process: Process, encoded: torch.Tensor) -> CovarianceDenoiser:
    """The optimal denoiser of Gaussian data with the mean and covariance of encoded images N x C x H x W.

    Directions are the principal ones of two thirds of the images; the variances along them, and the
    mean variance in all directions beyond, are measured on the other third: along a direction that was
    fitted to them, few images always have too much or too little.
    """
    held = torch.arange(len(encoded)) % 3 == 2
    fitted, others = encoded[~held].double().flatten(1), encoded[held].double().flatten(1)
    mean = fitted.mean(0)
    # the last direction of centred data has no variance: one fewer than there are images
    directions = torch.linalg.svd(fitted - mean, full_matrices=False).Vh[: len(fitted) - 1].T
    residual = others - mean
    along = residual @ directions
    variances = along.square().mean(0)
    beyond = directions.shape[0] - directions.shape[1]
    rest = (residual.square().sum() - along.square().sum()).item() / max(beyond * len(others), 1)
    return CovarianceDenoiser(process, mean.view(encoded.shape[1:]), directions, variances, max(rest, 0.0))


def empty_share(denoiser: CovarianceDenoiser) -> float:
    """Share of all directions with less variance than the noise of the first level, (sigma / alpha)^2."""
    entry = noise_ratio(denoiser.process.levels(1)[0]) ** 2
    dimensions, known = denoiser.directions.shape
    empty = int((denoiser.variances < entry).sum()) + (dimensions - known) * (denoiser.rest < entry)
    return empty / dimensions


def enter(encoded: torch.Tensor, noise: torch.Tensor, level: Level) -> torch.Tensor:
    """The images at a level as a denoiser expects them: with the level's noise."""
    return level.alpha * encoded + level.sigma * noise


def split(study: xr.Dataset, reference: xr.DataArray | None = None) -> xr.DataArray:
    """The deficit of each latent and its parts: (part, denoiser, measure, sample); the first three add up to 'total'.

    With D the deficit of a walk, `ideal` minus its value: 'own error' is D with the noise and fine
    steps. 'entry' and 'discretisation' share the rest; what each gains is averaged over both orders of
    putting them right (Shapley's value), and 'interaction' is what the entry noise gains more in coarse
    steps than in fine ones. 'total' is the deficit of the standard inversion.

    Args:
        study: a result of `run`.
        reference: what counts as no deficit, (measure, sample); without it the study's `ideal`.
    """
    deficit = (study["ideal"] if reference is None else reference) - study["value"]
    standard, refined, entered, both = (
        deficit.sel(entry=entry, resolution=resolution, drop=True)
        for entry in ("none", "noise")
        for resolution in ("coarse", "fine")
    )
    gains = {
        "entry": (standard - entered + refined - both) / 2,
        "discretisation": (standard - refined + entered - both) / 2,
        "own error": both,
        "total": standard,
        "interaction": standard - entered - refined + both,
    }
    return xr.concat(list(gains.values()), xr.Variable("part", list(gains)), coords="minimal", compat="override")


def interval(values: xr.DataArray) -> front.Interval:
    """Mean over samples with its 95 % bootstrap interval; samples without the measure (NaN) are left out.

    All is NaN where fewer than two samples have it.
    """
    numbers = values.to_numpy()
    known = numbers[~np.isnan(numbers)]
    return front.bootstrap_mean(known) if len(known) > 1 else front.Interval(*[np.nan] * 3)


def ratio(numerator: xr.DataArray, denominator: xr.DataArray) -> front.Interval:
    """Ratio of two means over samples, with its 95 % bootstrap interval; both are resampled together."""
    top, bottom = (values.transpose(..., "sample").to_numpy() for values in (numerator, denominator))
    drawn = front.bootstrap_indices(top.shape[-1])
    draws = top[..., drawn].mean(-1) / bottom[..., drawn].mean(-1)
    low, high = np.quantile(draws, [(1 - front.COVERAGE) / 2, (1 + front.COVERAGE) / 2], axis=-1)
    return front.Interval(top.mean(-1) / bottom.mean(-1), low, high)


def summary(study: xr.Dataset) -> str:
    """What was measured, as one line of Markdown."""
    coarse, fine = study["num_steps"].to_numpy()
    return (
        f"**{study.attrs['title']}**, {study.sizes['sample']} {study.attrs['data_source']} test images: "
        f"{study.attrs['origin']}. Inverted are {study.attrs['space']}, in {coarse} and in {fine} steps, by a network "
        f"of prediction type {study.attrs['prediction']}; one draw of noise. At the first level the noise has "
        f"$\\sigma_0^2/\\alpha_0^2$ = {float(study['level'][0]) ** 2:.2g}."
    )


def verdict(study: xr.Dataset) -> str:
    """What the numbers say, as a Markdown list, with 95 % bootstrap intervals over images."""
    parts = split(study)
    lines = [
        f"- **{title}** A standard inversion lacks {_text(parts, 'total', name)} of {_ideal(study, name)}. Of this the "
        f"missing entry noise makes {_text(parts, 'entry', name)}, the coarse steps "
        f"{_text(parts, 'discretisation', name)}, and the network's own error {_text(parts, 'own error', name)}."
        for name, title in (
            ("high_power", "High frequencies."),
            ("s_dc", "Neighbouring places (S_DC)."),
            ("plain", "Plain areas."),
        )
        if np.isfinite(interval(parts.sel(denoiser="network", part="total", measure=name)).mean)
    ]
    closed = parts.sel(denoiser="covariance")
    lines.append(
        f"- **A perfect network of Gaussian data** with the sources' covariance lacks "
        f"{common.text(interval(closed.sel(part='total', measure='high_power')))} at high frequencies, of which the "
        f"entry makes {common.text(interval(closed.sel(part='entry', measure='high_power')))}; in S_DC it lacks "
        f"{common.text(interval(closed.sel(part='total', measure='s_dc')))} and "
        f"{common.text(interval(closed.sel(part='entry', measure='s_dc')))}. In {float(study['empty']):.0%} of the "
        f"latents' directions the sources have less variance than the noise that the first level asks for."
    )
    return "\n".join(lines)


def first_steps(study: xr.Dataset, measure: str = "s_dc") -> str:
    """What true predictions in the first steps change after entering with the right noise, as Markdown."""
    left = (study["ideal"] - study["corrected"]).sel(denoiser="network", measure=measure)
    coarse, fine = study["num_steps"].to_numpy()
    sentences = [
        f"- With true predictions up to step {int(count)} of {coarse} (to "
        f"sigma / alpha = {float(ratio):.2f}) it is {common.text(interval(row.sel(resolution='coarse')))}, and with "
        f"{fine} steps and true predictions up to the same level {common.text(interval(row.sel(resolution='fine')))}."
        for count, ratio, row in zip(
            left["replaced"], left["replaced_ratio"], left.transpose("replaced", ...), strict=True
        )
        if count
    ]
    start = left.sel(replaced=0)
    return (
        f"Entered with the right noise, the network's deficit of {MEASURES[measure]} is "
        f"{common.text(interval(start.sel(resolution='coarse')))} in {coarse} steps and "
        f"{common.text(interval(start.sel(resolution='fine')))} in {fine}.\n\n" + "\n".join(sentences)
    )


def bias(study: xr.Dataset) -> str:
    """The network's error of the predicted noise over the closed form's, per band, as one sentence of Markdown."""
    error = study["error"].sum("step")
    found = {
        band: common.text(ratio(*(error.sel(denoiser=name, band=band) for name in ("network", "covariance"))), 2)
        for band in BANDS
    }
    listed = ", ".join(f"{text} in the {band} band" for band, text in found.items())
    return (
        f"Summed over the levels of all steps, the network's squared error is {listed}, each time that of the perfect "
        f"denoiser of Gaussian data with the sources' covariance; below 1 it knows more of the images than a Gaussian "
        f"does."
    )


def _text(parts: xr.DataArray, part: str, name: str) -> str:
    return common.text(interval(parts.sel(denoiser="network", part=part, measure=name)))


def _ideal(study: xr.Dataset, name: str) -> str:
    known = study["ideal"].sel(measure=name)
    return f"{float(known.mean()):.3f}"


def _area_mean(values: torch.Tensor, area: torch.Tensor) -> torch.Tensor:
    """Mean of values (N, H, W) over a boolean area of each; NaN where that is too small to tell."""
    share = area.double().mean((1, 2))
    mean = torch.where(area, values, 0).double().mean((1, 2)) / share
    return torch.where(share >= _PLAIN_SHARE, mean, torch.nan)


def _bands(images: torch.Tensor) -> np.ndarray:
    """Mean power of N images per band, (band, N)."""
    return band_power(images).T.cpu().numpy()


@dataclass(frozen=True)
class _Task:
    """The walks of one request, each a part that an interrupted run does not repeat."""

    given: Inverted
    effort: Effort

    @property
    def steps(self) -> dict[str, int]:
        return {"coarse": self.given.size.num_steps, "fine": self.effort.fine}

    @cached_property
    def levels(self) -> list[Level]:
        return self.given.model.denoiser.process.levels(self.given.size.num_steps)

    @cached_property
    def start(self) -> dict[str, torch.Tensor]:
        """What enters at the first level."""
        encoded = self.given.encoded
        return {"none": encoded, "noise": enter(encoded, self.given.noise, self.levels[0])}

    def assemble(self, parts: results.Parts, progress: bool) -> tuple[xr.Dataset, float]:
        """The result from its parts, those that are missing computed now, and their seconds."""
        jobs: dict[str, Callable[[], dict[str, np.ndarray]]] = {}
        for name in DENOISERS:
            jobs[f"{name}-noised"] = lambda n=name: self.noised(n)
            for resolution in self.steps:
                for entry in self.start:
                    jobs[f"{name}-{resolution}-{entry}"] = lambda n=name, r=resolution, e=entry: self.walk(n, r, e)
                for count in self.effort.replaced:
                    jobs[f"{name}-{resolution}-{count}"] = lambda n=name, r=resolution, c=count: self.walk(
                        n, r, "noise", c
                    )
        jobs["directions"] = lambda: {"empty": np.float64(empty_share(self.given.denoisers["covariance"]))}
        done = finish(parts, jobs, "Decomposition", progress)
        return self.dataset(done), total_seconds(done)

    def walk(self, name: str, resolution: str, entry: str, replaced: int = 0) -> dict[str, np.ndarray]:
        """A standard inversion, with true predictions up to the level that `replaced` coarse steps reach."""
        given, norms = self.given, []
        truth = Prediction(given.noise, given.encoded)
        denoiser = TrueBelow(given.denoisers[name], truth, noise_ratio(self.levels[replaced]) if replaced else 0.0)

        def keep(step: Step) -> None:
            norms.append(step.prediction.noise.square().mean((1, 2, 3)).cpu().numpy())

        latent = (
            inversion.create("standard")
            .invert(denoiser, self.start[entry], given.info.source_label, self.steps[resolution], callback=keep)
            .latent
        )
        return {"value": measure(latent, given.plain), "noise_norm": np.stack(norms)}

    def noised(self, name: str) -> dict[str, np.ndarray]:
        """What a denoiser says of noised images at every level that a walk asks it at."""
        given = self.given
        labels, found = as_labels(given.info.source_label, given.encoded), []
        for level in self.levels[:-1]:
            with torch.no_grad():
                said = given.denoisers[name](enter(given.encoded, given.noise, level), level, labels).noise
            wrong = said - given.noise
            places = wrong.square().mean(1)[:, :-1, :-1]
            areas = [_area_mean(places, area).cpu().numpy() for area in (given.plain, ~given.plain)]
            found.append({"error": _bands(wrong), "predicted": _bands(said), "area_error": np.stack(areas)})
        return {key: np.stack([one[key] for one in found]) for key in found[0]}

    def ideal(self) -> np.ndarray:
        """The measures of what all true predictions lead to."""
        last = self.given.model.denoiser.process.levels(self.effort.fine)[-1]
        return measure(enter(self.given.encoded, self.given.noise, last) / last.norm, self.given.plain)

    def dataset(self, done: Mapping[str, Mapping[str, np.ndarray]]) -> xr.Dataset:
        """The parts as one Dataset, as the schema in `results` says."""
        replaced, resolutions, entries = (0, *self.effort.replaced), list(self.steps), list(self.start)

        def noised(key: str) -> np.ndarray:
            return np.stack([done[f"{name}-noised"][key] for name in DENOISERS])

        walks, one = ("measure", "sample"), {"units": "1"}
        square = {"long_name": "mean square per pixel or coefficient of the noise, white noise has 1", **one}
        value = [[[done[f"{n}-{r}-{e}"]["value"] for r in resolutions] for e in entries] for n in DENOISERS]
        corrected = [
            [[done[f"{n}-{r}-{c or 'noise'}"]["value"] for c in replaced] for r in resolutions] for n in DENOISERS
        ]
        norms = [[done[f"{n}-coarse-{e}"]["noise_norm"] for e in entries] for n in DENOISERS]
        ratios = {"long_name": "noise ratio sigma / alpha of a level", **one}
        return xr.Dataset(
            {
                "value": (
                    ("denoiser", "entry", "resolution", *walks),
                    np.array(value),
                    {"long_name": "measure of the inverted latent", **one},
                ),
                "corrected": (
                    ("denoiser", "resolution", "replaced", *walks),
                    np.array(corrected),
                    {"long_name": "measure of the latent after true predictions in the first steps", **one},
                ),
                "ideal": (walks, self.ideal(), {"long_name": "measure of the latent of true predictions", **one}),
                "noise_norm": (("denoiser", "entry", "step", "sample"), np.array(norms), square),
                "error": (("denoiser", "step", "band", "sample"), noised("error"), square),
                "predicted": (("denoiser", "step", "band", "sample"), noised("predicted"), square),
                "area_error": (("denoiser", "step", "area", "sample"), noised("area_error"), square),
                "empty": (
                    (),
                    done["directions"]["empty"],
                    {"long_name": "share of directions with less variance than the entry noise", **one},
                ),
            },
            {
                "denoiser": list(DENOISERS),
                "entry": entries,
                "resolution": resolutions,
                "num_steps": ("resolution", list(self.steps.values()), {"long_name": "inversion steps", **one}),
                "replaced": list(replaced),
                "replaced_ratio": ("replaced", [noise_ratio(self.levels[c]) for c in replaced], ratios),
                "measure": list(MEASURES),
                "sample": self.given.names,
                "step": np.arange(len(self.levels) - 1),
                "level": ("step", [noise_ratio(level) for level in self.levels[:-1]], ratios),
                "band": list(BANDS),
                "area": ["plain", "other"],
            },
            {"white_s_dc": white_noise_level(self.given.encoded.shape[1])},
        )
