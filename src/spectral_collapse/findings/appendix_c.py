"""Appendix C of 'Spectral Collapse in Diffusion Inversion', each claim beside what is measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.findings.claims import Case, Claim, from_cases
from spectral_collapse.findings.decomposition import DENOISERS, MEASURE_TITLES, named
from spectral_collapse.findings.intervals import as_table, high_mean, means
from spectral_collapse.findings.measured import images, title_of
from spectral_collapse.statistics import Interval, bootstrap_counts, interval, ratio, resampled

CONSTANT = "Eq. 56: the input times C"
"""What a constant gain is called in `gain`."""

EXACT = 0.05
"""A relative error below this counts as none."""

_BEYOND = "beyond the closed form"
_HELD = {
    "the claim": True,
    "the closed form": False,
    _BEYOND: False,
    "neither": None,
    "both rise": True,
    "only the network rises": True,
    "only the closed form rises": False,
    "neither rises": False,
}
"""Whether a claim holds, by what it is nearer to."""
_RISING = {
    (True, True): "both rise",
    (True, False): "only the network rises",
    (False, True): "only the closed form rises",
    (False, False): "neither rises",
}
"""What is said of the network's and the closed form's numbers, by whether each rises."""
_NOT_JUDGED = ("by construction", "see the number")


def gain(study: xr.Dataset) -> pd.DataFrame:
    """What an input coefficient is multiplied by on its way to the latent, per denoiser and frequency, and C of Eq. 56.

    Slopes of regressions over images and rings, with 95 % bootstrap intervals; C has no width.
    """
    found = ratio(study["cross"], study["input_power"])
    measured = named(as_table(found, study["cross"]), denoiser=DENOISERS)
    constant = dict.fromkeys(("mean", "low", "high"), float(study["contraction"]))
    claimed = pd.DataFrame({"denoiser": CONSTANT, "frequency": study["frequency"].data, **constant})
    table = pd.concat([measured, claimed])
    table.attrs["title"] = title_of(study)
    return table


def entering_noise(study: xr.Dataset) -> pd.DataFrame:
    """Measures of the latent, per denoiser and noise that the image enters with, in units of the first level's."""
    measures = {name: MEASURE_TITLES[name] for name in ("plain", "high_power", "s_dc")}
    found = means(study["entered"], title=title_of(study))
    return named(found, denoiser=DENOISERS, measure=measures)


class Prediction(NamedTuple):
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


def predictions(study: xr.Dataset, decomposed: xr.Dataset) -> list[Prediction]:
    """Every claim beside its number, with 95 % bootstrap intervals.

    Args:
        study: a result of `studies.appendix_c`.
        decomposed: the result of `studies.decomposition` for the same data, profile and network.

    A claim that predicts a number is nearer to the measurement than the closed form's number where
    the whole interval lies on its side of the midpoint between the two.
    """
    first = decomposed.isel(step=0)
    contraction = float(study["contraction"])
    gains, sizes = {}, {}
    for name in ("network", "covariance"):
        of = study.sel(denoiser=name)
        gains[name] = ratio(high_mean(of["cross"]), high_mean(of["input_power"]))
        sizes[name] = ratio(high_mean(of["latent_power"]), high_mean(of["input_power"]))
    found = [
        _spectral_bias(decomposed),
        compared(
            "At the first level the network predicts no noise at high frequencies (power of what it predicts)",
            "49",
            0.0,
            *(interval(first["predicted"].sel(denoiser=name, band="high")) for name in gains),
        ),
        compared(
            "In plain areas it predicts none either (squared error of what it predicts)",
            "49",
            1.0,
            *(interval(first["area_error"].sel(denoiser=name, area="plain")) for name in gains),
        ),
        compared(
            "High frequencies decay by C (gain of the latent on the input)", "50, 51, 56", contraction, *gains.values()
        ),
        compared("So does their power, by C squared", "51, 56", contraction**2, *sizes.values()),
        Prediction(
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
        power = statistics.text(interval(study["rebuilt_high_power"].sel(inverse=method)))
        found.append(
            Prediction(
                f"The latent gives the image back (relative error, {method}; the latent's power at high "
                f"frequencies is {power})",
                "Corollary 1",
                "0",
                statistics.text(error),
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
        Prediction(
            f"The latent's local variance in plain areas rises with the noise that enters (gamma = {listed})",
            "Corollary 2",
            "rises with gamma",
            "; ".join(statistics.text(one) for one in network),
            "; ".join(f"{one.mean:.3f}" for one in closed),
            rising(network, closed),
        )
    )
    return found


def claims(found: Mapping[str, xr.Dataset], decomposition: Mapping[str, xr.Dataset]) -> list[Claim]:
    """The claims of Appendix C over data sets, for the page of all claims.

    A claim holds on a data set where the measurement is nearer to it than to the closed form, and fails where it is
    nearer to the closed form or beyond it (`compared`); one that the intervals leave between both is open. What is to
    rise holds where the network's number rises. Corollary 1 holds where the 95 % interval of the relative error of the
    image that a latent gives back lies below `EXACT`, and fails where it lies above. What is true by construction is
    left out.
    """
    cases: dict[tuple[str, str], dict[str, Case]] = {}
    for name, study in found.items():
        title = title_of(study)
        for one in predictions(study, decomposition[name]):
            if one.nearer not in _NOT_JUDGED:
                case = cases.setdefault((f"{one.claim}.", _where(one.equation)), {})
                if one.nearer in _HELD:
                    rises = f" ({one.nearer})" if one.nearer in _RISING.values() else ""
                    case[title] = f"{one.measured}, closed form {one.closed_form}{rises}", _HELD[one.nearer]
        for method in study["inverse"].to_numpy():
            error = interval(study["reconstruction_error"].sel(inverse=method))
            held = True if error.high < EXACT else False if error.low > EXACT else None
            claim = f"The latent gives the image back (relative error, {method})."
            cases.setdefault((claim, _where("Corollary 1")), {})[title] = statistics.text(error), held
    return [from_cases(claim, where, case, figure=_FIGURES.get(where, "")) for (claim, where), case in cases.items()]


def _where(equation: str) -> str:
    """Of an equation or a corollary."""
    return f"Spectral Collapse, App. C, {equation if equation.startswith('Cor') else f'Eq. {equation}'}"


_FIGURES = {_where("50, 51, 56"): "fig-gain", _where("Corollary 2"): "fig-entering-noise"}
"""Claims with a figure of their own; the numbers of the others stand in the chapter's table."""


def table(found: list[Prediction]) -> pd.DataFrame:
    """The claims as a table to show."""
    columns = ["Claim", "Equation", "Predicted", "Measured", "Perfect network of Gaussian data", "Nearer to"]
    return pd.DataFrame([list(claim) for claim in found], columns=columns).set_index("Claim")


def answer(study: xr.Dataset, decomposed: xr.Dataset) -> str:
    """How the claims that predict a number or a direction fared, as Markdown."""
    compared = [claim.nearer for claim in predictions(study, decomposed)]
    counts = {name: compared.count(name) for name in ("the claim", "the closed form", _BEYOND, "neither")}
    return (
        f"**Answer.** Of {sum(counts.values())} claims that predict a number or a direction of their own, the "
        f"measurement is nearer to the paper's in {counts['the claim']} and to that of a perfect network of Gaussian "
        f"data in {counts['the closed form']}, beyond the latter in {counts[_BEYOND]}, and open in "
        f"{counts['neither']}. It is of {images(decomposed)} of {title_of(study)} and one network."
    )


def entered_with_noise(study: xr.Dataset) -> str:
    """Where the perfect network of Gaussian data ends on these images if they enter with the first level's noise."""
    ends = study["entered"].sel(denoiser="covariance", gamma=1)
    places = {"at high frequencies": "high_power", "in plain areas": "plain"}
    found = {where: interval(ends.sel(measure=name)) for where, name in places.items()}
    listed = " and ".join(f"{statistics.text(one)} {where}" for where, one in found.items() if np.isfinite(one.mean))
    return (
        f"With the noise of the first level the perfect network of Gaussian data ends at {listed}; Gaussian data would "
        f"end at 1, up to the error of the steps."
    )


def compared(claim: str, equation: str, predicted: float, measured: Interval, closed: Interval) -> Prediction:
    """A claim that predicts a number, with the side of the midpoint on which the whole measured interval lies."""
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
    return Prediction(claim, equation, f"{predicted:.3f}", statistics.text(measured), statistics.text(closed), nearer)


def rising(network: list[Interval], closed: list[Interval]) -> str:
    """Which of the two rise along the list."""
    rises = []
    for found in (network, closed):
        means = np.array([one.mean for one in found])
        if np.isnan(means).any():
            return "not measured: no such places in these images"
        rises.append(bool((np.diff(means) > 0).all()))
    return _RISING[rises[0], rises[1]]


def _spectral_bias(decomposed: xr.Dataset) -> Prediction:
    """Does the network's error, in units of the closed form's, grow with frequency?"""
    error = decomposed["error"].sum("step")
    groups = statistics.groups_of(error)
    counts = bootstrap_counts(groups)

    def over(band: str) -> tuple[np.ndarray, float]:
        network, closed = (error.sel(denoiser=name, band=band).to_numpy() for name in ("network", "covariance"))
        draws = statistics.resampled_means(network, counts) / statistics.resampled_means(closed, counts)
        return draws, network.mean() / closed.mean()

    (top, top_mean), (bottom, bottom_mean) = over("high"), over("low")
    measured = resampled(top_mean / bottom_mean, top / bottom, groups)
    nearer = "the claim" if measured.low > 1 else _BEYOND if measured.high < 1 else "neither"
    return Prediction(
        "High frequencies are fitted worse than low ones (squared error over the optimum's, high over low band)",
        "47",
        "> 1",
        statistics.text(measured),
        "1",
        nearer,
    )


def _clean_prediction(study: xr.Dataset) -> Prediction:
    """What can be said of Eq. 52 to 55 with the network at hand."""
    kind = study.attrs["prediction"]
    claim = "A network trained to predict clean images amplifies high frequencies (their power in the latent)"
    if kind == "epsilon":
        return Prediction(claim, "52 to 55", "1", "missing", "", "not measured: this network predicts noise")
    power = interval(high_mean(study["latent_power"].sel(denoiser="network")))
    closed = interval(high_mean(study["latent_power"].sel(denoiser="covariance")))
    return Prediction(
        claim, "52 to 55", "1", statistics.text(power), statistics.text(closed), f"prediction type: {kind}"
    )
