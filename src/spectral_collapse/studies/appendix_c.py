"""Appendix C of 'Spectral Collapse in Diffusion Inversion', each claim beside what is measured.

The appendix derives the collapse from a network that predicts no noise where its input is smooth
(Eq. 47 to 51 and 56), argues that predicting the clean image instead amplifies what little is there
(Eq. 52 to 55), and draws two corollaries. Every claim has a number that it predicts; the closed form,
a perfect network of Gaussian data, predicts another one. Both stand beside the measured one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr

from spectral_collapse import inversion, results
from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.metrics import radial_spectrum
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.processes import Level
from spectral_collapse.studies import common, front
from spectral_collapse.studies.decomposition import (
    BANDS,
    CODE,
    DENOISERS,
    MEASURES,
    Inverted,
    enter,
    interval,
    measure,
    ratio,
    space,
)
from spectral_collapse.studies.setting import finish, total_seconds

STUDY = "appendix_c"

GAMMAS = {"smoke": (0.0, 1.0), "quick": (0.0, 0.5, 1.0, 2.0), "paper": (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)}
"""Noise that the image enters with, in units of the first level's (Corollary 2)."""

_BEYOND = "beyond the closed form"

RECONSTRUCTIONS = ("standard", "fixed_point")
"""Inversions whose way back is measured (Corollary 1): the usual one, and one that its sampling inverts exactly."""


class FromClean:
    """A denoiser of which only the clean image is believed; the noise follows from it (paper, Eq. 53)."""

    def __init__(self, denoiser: Denoiser) -> None:
        self.denoiser, self.process = denoiser, denoiser.process

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        clean = self.denoiser(x, level, label).clean
        return Prediction((x - level.alpha * clean) / level.sigma, clean)


def run(
    dataset: str = "photos_x8",
    profile: str = "quick",
    checkpoint: str | Path | Model | None = None,
    source: Literal["auto", "real", "rendered"] = "auto",
    root: str | Path | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Measures what Appendix C claims, goes on with an interrupted run, or loads a finished one from the store.

    Args: as of `decomposition.run`; `checkpoint` may predict anything.

    Returns:
        The result, also stored (`results`). Of sources inverted under their own label in the
        profile's steps:

        - `cross`, `input_power`, `latent_power` (denoiser, frequency, sample): real part of latent
          times conjugate input, and the squared magnitudes of both, averaged over the Fourier
          coefficients of a ring; `contraction` (), C of Eq. 56;
        - `entered` (denoiser, gamma, measure, sample): measures of the latent of images that enter
          with gamma times the first level's noise;
        - `reconstruction_error` (inverse, sample): ||rebuilt - encoded|| / ||encoded|| after inversion
          and sampling under the same label, and `rebuilt_high_power` (inverse, sample), of its latent;
        - `parameterisation_gap` (): largest difference between the latents of the closed form read as
          a predictor of noise and as a predictor of clean images, float64.

    Raises:
        InvalidParameterError, DataError, CheckpointError, NotFiniteError: one sentence each.
    """
    given = Inverted.load(dataset, profile, checkpoint, source, root, (*CODE, "studies.appendix_c"))
    gammas = GAMMAS[profile]
    given.parameters["gammas"] = list(gammas)
    stored = given.stored(STUDY)
    if stored is not None:
        return stored
    parts = given.parts(STUDY)
    result, seconds = _Task(given, gammas).assemble(parts, progress)
    result = given.save(STUDY, result, seconds, **space(given.model))
    parts.clear()
    return result


def high(values: xr.DataArray) -> xr.DataArray:
    """Mean over the frequencies above half the Nyquist frequency."""
    return values.where(values["frequency"] > BANDS["high"][0], drop=True).mean("frequency")


class Claim(NamedTuple):
    """A claim of Appendix C with the number it predicts, the measured one, and the closed form's.

    nearer: 'the claim', 'the closed form', 'beyond the closed form' (the whole interval is farther from the
    claim than the closed form is), 'neither' (the interval crosses the midpoint of the two), or why there
    is no such comparison: the closed form is the same either way 'by construction', say.
    """

    claim: str
    equation: str
    predicted: str
    measured: str
    closed_form: str
    nearer: str


def claims(study: xr.Dataset, decomposed: xr.Dataset) -> list[Claim]:
    """Every claim beside its number, with 95 % bootstrap intervals over images.

    Args:
        study: a result of `run`.
        decomposed: the result of `decomposition.run` for the same data, profile and network.

    A claim that predicts a number is nearer to the measurement than the closed form's number where
    the whole interval lies on its side of the midpoint between the two.
    """
    first = decomposed.isel(step=0)
    contraction = float(study["contraction"])
    gains, sizes = {}, {}
    for name in ("network", "covariance"):
        of = study.sel(denoiser=name)
        gains[name] = ratio(high(of["cross"]), high(of["input_power"]))
        sizes[name] = ratio(high(of["latent_power"]), high(of["input_power"]))
    found = [
        _spectral_bias(decomposed),
        _compared(
            "At the first level the network predicts no noise at high frequencies (power of what it predicts)",
            "49",
            0.0,
            *(interval(first["predicted"].sel(denoiser=name, band="high")) for name in gains),
        ),
        _compared(
            "In plain areas it predicts none either (squared error of what it predicts)",
            "49",
            1.0,
            *(interval(first["area_error"].sel(denoiser=name, area="plain")) for name in gains),
        ),
        _compared(
            "High frequencies decay by C (gain of the latent on the input)", "50, 51, 56", contraction, *gains.values()
        ),
        _compared("So does their power, by C squared", "51, 56", contraction**2, *sizes.values()),
        Claim(
            "Predicting clean images instead of noise changes the latent (by at most, optimal denoiser)",
            "52 to 55",
            "> 0",
            f"{float(study['parameterisation_gap']):.1e}",
            "0",
            "by construction",
        ),
        _clean_prediction(study),
    ]
    for method in study["inverse"].to_numpy():
        error = interval(study["reconstruction_error"].sel(inverse=method))
        power = common.text(interval(study["rebuilt_high_power"].sel(inverse=method)))
        found.append(
            Claim(
                f"The latent gives the image back (relative error, {method}; the latent's power at high "
                f"frequencies is {power})",
                "Corollary 1",
                "0",
                common.text(error),
                "0 in the limit of many steps",
                "see the number",
            )
        )
    plain = study["entered"].sel(measure="plain")
    network, closed = (
        [interval(plain.sel(denoiser=name, gamma=gamma)) for gamma in study["gamma"].to_numpy()]
        for name in ("network", "covariance")
    )
    listed = ", ".join(f"{gamma:g}" for gamma in study["gamma"].to_numpy())
    found.append(
        Claim(
            f"The latent is stable where noise enters (local variance in plain areas at gamma = {listed})",
            "Corollary 2",
            "rises with gamma",
            "; ".join(common.text(one) for one in network),
            "; ".join(f"{one.mean:.3f}" for one in closed),
            _rising(network, closed),
        )
    )
    return found


def table(found: list[Claim]) -> pd.DataFrame:
    """The claims as a table to show."""
    columns = ["Claim", "Equation", "Predicted", "Measured", "Perfect network of Gaussian data", "Nearer to"]
    return pd.DataFrame([list(claim) for claim in found], columns=columns).set_index("Claim")


def verdict(study: xr.Dataset, decomposed: xr.Dataset) -> str:
    """How the claims that predict a number fared, in one sentence."""
    compared = [claim.nearer for claim in claims(study, decomposed)]
    counts = {name: compared.count(name) for name in ("the claim", "the closed form", _BEYOND, "neither")}
    return (
        f"Of {sum(counts.values())} claims with a number of their own, the measurement is nearer to the claim in "
        f"{counts['the claim']}, nearer to the closed form in {counts['the closed form']}, beyond it in "
        f"{counts[_BEYOND]}, and told apart from neither in {counts['neither']}."
    )


def _compared(claim: str, equation: str, predicted: float, measured: front.Interval, closed: front.Interval) -> Claim:
    middle = (predicted + closed.mean) / 2
    sides = np.sign([measured.low - middle, measured.high - middle])
    if not np.isfinite(sides).all():
        nearer = "not measured: no such places in these images"
    elif sides[0] != sides[1]:
        nearer = "neither"
    elif sides[0] == np.sign(predicted - middle):
        nearer = "the claim"
    else:
        beyond = min(sides[0] * (end - closed.mean) for end in (measured.low, measured.high)) > 0
        nearer = _BEYOND if beyond else "the closed form"
    return Claim(claim, equation, f"{predicted:.3f}", common.text(measured), common.text(closed), nearer)


def _rising(network: list[front.Interval], closed: list[front.Interval]) -> str:
    """Which of the two rise along the list."""
    rises = []
    for found in (network, closed):
        means = np.array([one.mean for one in found])
        if np.isnan(means).any():
            return "not measured: no such places in these images"
        rises.append(bool((np.diff(means) > 0).all()))
    return {
        (True, True): "both rise",
        (True, False): "only the network rises",
        (False, True): "only the closed form rises",
        (False, False): "neither rises",
    }[rises[0], rises[1]]


def _spectral_bias(decomposed: xr.Dataset) -> Claim:
    """Does the network's error, in units of the closed form's, grow with frequency?"""
    error = decomposed["error"].sum("step")
    drawn = front.bootstrap_indices(error.sizes["sample"])

    def over(band: str) -> tuple[np.ndarray, float]:
        network, closed = (error.sel(denoiser=name, band=band).to_numpy() for name in ("network", "covariance"))
        return network[drawn].mean(1) / closed[drawn].mean(1), network.mean() / closed.mean()

    (top, top_mean), (bottom, bottom_mean) = over("high"), over("low")
    low, upper = np.quantile(top / bottom, [(1 - front.COVERAGE) / 2, (1 + front.COVERAGE) / 2])
    measured = front.Interval(top_mean / bottom_mean, low, upper)
    nearer = "the claim" if low > 1 else _BEYOND if upper < 1 else "neither"
    return Claim(
        "High frequencies are fitted worse than low ones (squared error over the optimum's, high over low band)",
        "47, 48",
        "> 1",
        common.text(measured),
        "1",
        nearer,
    )


def _clean_prediction(study: xr.Dataset) -> Claim:
    """What can be said of Eq. 52 to 55 with the network at hand."""
    kind = study.attrs["prediction"]
    claim = "A network trained to predict clean images amplifies high frequencies (their power in the latent)"
    if kind == "epsilon":
        return Claim(claim, "52 to 55", "1", "missing", "", "not measured: this network predicts noise")
    power = interval(high(study["latent_power"].sel(denoiser="network")))
    closed = interval(high(study["latent_power"].sel(denoiser="covariance")))
    return Claim(claim, "52 to 55", "1", common.text(power), common.text(closed), f"prediction type: {kind}")


def _rings(first: torch.Tensor, second: torch.Tensor) -> np.ndarray:
    """Real part of the product of two batches' Fourier coefficients, averaged over rings: (frequency, N).

    By polarisation: |a + b|^2 - |a - b|^2 is four times the real part of a times conjugate b.
    """
    first, second = first.double(), second.double()  # a weak ring must survive the difference
    (_, plus), (_, minus) = radial_spectrum(first + second), radial_spectrum(first - second)
    return ((plus - minus) / 4)[:, 1:].T.numpy()


@dataclass(frozen=True)
class _Task:
    """The measurements of one request, each a part that an interrupted run does not repeat."""

    given: Inverted
    gammas: tuple[float, ...]

    def assemble(self, parts: results.Parts, progress: bool) -> tuple[xr.Dataset, float]:
        """The result from its parts, those that are missing computed now, and their seconds."""
        jobs: dict[str, Callable[[], dict[str, np.ndarray]]] = {}
        for name in DENOISERS:
            for gamma in self.gammas:
                jobs[f"{name}-gamma-{gamma:g}"] = lambda n=name, g=gamma: self.entered(n, g)
        for method in RECONSTRUCTIONS:
            jobs[f"back-{method}"] = lambda m=method: self.back(m)
        jobs["parameterisation"] = self.parameterisation
        done = finish(parts, jobs, "Appendix C", progress)
        return self.dataset(done), total_seconds(done)

    def latent(self, denoiser: Denoiser, start: torch.Tensor) -> torch.Tensor:
        label, steps = self.given.info.source_label, self.given.size.num_steps
        return inversion.create("standard").invert(denoiser, start, label, steps).latent

    def entered(self, name: str, gamma: float) -> dict[str, np.ndarray]:
        """The latent of images that enter with gamma times the noise of the first level, and its spectra."""
        given = self.given
        level = given.model.denoiser.process.levels(given.size.num_steps)[0]
        # without noise the image enters as the standard inversion lets it in, not scaled by alpha
        start = enter(given.encoded, gamma * given.noise, level) if gamma else given.encoded
        latent = self.latent(given.denoisers[name], start)
        return {
            "entered": measure(latent, given.plain),
            "cross": _rings(latent, given.encoded),
            "input_power": _rings(given.encoded, given.encoded),
            "latent_power": _rings(latent, latent),
        }

    def back(self, method: str) -> dict[str, np.ndarray]:
        """Inversion and sampling under the same label."""
        given, label = self.given, self.given.info.source_label
        chosen = inversion.create(method)
        inverted = chosen.invert(given.model.denoiser, given.encoded, label, given.size.num_steps)
        rebuilt = chosen.sample(given.model.denoiser, inverted, label)
        error = (rebuilt - given.encoded).flatten(1).norm(dim=1) / given.encoded.flatten(1).norm(dim=1)
        return {
            "reconstruction_error": error.cpu().double().numpy(),
            "rebuilt_high_power": measure(inverted.latent, given.plain)[list(MEASURES).index("high_power")],
        }

    def parameterisation(self) -> dict[str, np.ndarray]:
        """The closed form as a predictor of noise and as one of clean images."""
        closed, start = self.given.denoisers["covariance"], self.given.encoded.double()
        gap = (self.latent(closed, start) - self.latent(FromClean(closed), start)).abs().max()
        return {"parameterisation_gap": gap.cpu().numpy()}

    def dataset(self, done: dict[str, dict[str, np.ndarray]]) -> xr.Dataset:
        """The parts as one Dataset, as the schema in `results` says."""
        one, spectral = {"units": "1"}, ("denoiser", "frequency", "sample")
        levels = self.given.model.denoiser.process.levels(self.given.size.num_steps)
        frequencies = radial_spectrum(self.given.encoded)[0][1:].numpy()

        def of_denoisers(key: str) -> np.ndarray:
            return np.stack([done[f"{name}-gamma-0"][key] for name in DENOISERS])

        def of_methods(key: str) -> np.ndarray:
            return np.stack([done[f"back-{method}"][key] for method in RECONSTRUCTIONS])

        entered = [[done[f"{name}-gamma-{gamma:g}"]["entered"] for gamma in self.gammas] for name in DENOISERS]
        return xr.Dataset(
            {
                "cross": (spectral, of_denoisers("cross"), {"long_name": "latent times conjugate input", **one}),
                "input_power": (spectral, of_denoisers("input_power"), {"long_name": "power of the input", **one}),
                "latent_power": (spectral, of_denoisers("latent_power"), {"long_name": "power of the latent", **one}),
                "entered": (
                    ("denoiser", "gamma", "measure", "sample"),
                    np.array(entered),
                    {"long_name": "measure of the latent", **one},
                ),
                "reconstruction_error": (
                    ("inverse", "sample"),
                    of_methods("reconstruction_error"),
                    {"long_name": "relative error of the image after inversion and sampling", **one},
                ),
                "rebuilt_high_power": (
                    ("inverse", "sample"),
                    of_methods("rebuilt_high_power"),
                    {"long_name": MEASURES["high_power"], **one},
                ),
                "contraction": (
                    (),
                    levels[-1].alpha / levels[0].alpha / levels[-1].norm,
                    {"long_name": "C of Eq. 56, the gain where no noise is predicted", **one},
                ),
                "parameterisation_gap": (
                    (),
                    done["parameterisation"]["parameterisation_gap"],
                    {"long_name": "largest difference between latents of both readings", **one},
                ),
            },
            {
                "denoiser": list(DENOISERS),
                "frequency": (
                    "frequency",
                    frequencies,
                    {"long_name": "spatial frequency", "units": "cycles per pixel"},
                ),
                "sample": self.given.names,
                "gamma": ("gamma", list(self.gammas), {"long_name": "entering noise over the level's", **one}),
                "measure": list(MEASURES),
                "inverse": list(RECONSTRUCTIONS),
            },
        )
