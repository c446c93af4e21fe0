"""Appendix C of 'Spectral Collapse in Diffusion Inversion', each claim beside what is measured."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.findings.claims import Case, Claim, from_cases
from spectral_collapse.findings.decomposition import DENOISERS, MEASURE_TITLES
from spectral_collapse.findings.intervals import ENDS, as_table, concat, high_mean, means, of_means, titled
from spectral_collapse.findings.latents import called
from spectral_collapse.findings.measured import above, below, title_of
from spectral_collapse.findings.tidy import does, enumerated
from spectral_collapse.statistics import Interval, interval, ratio, text

CONSTANT = "Eq. 56: the input times C"
"""What a constant gain is called in `gain`."""

EXACT = 0.05
"""A relative error below this counts as none."""

_BEYOND = "beyond the ideal denoiser"
_NEARER = {"the claim": True, "the ideal denoiser": False, _BEYOND: False, "neither": None}
_RISING = {
    "both rise": True,
    "only the network rises": True,
    "only the ideal denoiser rises": False,
    "neither rises": False,
}
"""Whether a claim holds, by what the measurement is nearer to, or by whose numbers rise."""
_NO_PLACES = "not measured: these images have no such areas"
_NOT_JUDGED = ("by construction", "see the number")
_FIGURES = {"50, 51, 56": "fig-gain", "Corollary 2": "fig-entering-noise"}
"""Claims with a figure of their own; the numbers of the others stand in the chapter's table."""
_SIDES = ("network", "covariance")
"""Denoisers: the measured one, and the perfect one of Gaussian data."""


def gain(study: xr.Dataset) -> pd.DataFrame:
    """What an input coefficient is multiplied by on its way to the latent, per denoiser and frequency, and C of Eq. 56.
    Slopes of regressions over images and rings, with 95 % bootstrap intervals; C has no width."""
    found = ratio(study["cross"], study["input_power"])
    measured = titled(as_table(found, study["cross"]), denoiser=DENOISERS)
    constant = dict.fromkeys(ENDS, float(study["contraction"]))
    claimed = pd.DataFrame({"denoiser": CONSTANT, "frequency": study["frequency"].data, **constant})
    return concat([measured, claimed], title=title_of(study))


def entering_noise(study: xr.Dataset) -> pd.DataFrame:
    """Measures of the latent, per denoiser and noise that the image enters with, in units of the first level's."""
    measures = {name: MEASURE_TITLES[name] for name in ("plain", "high_power", "s_dc")}
    found = means(study["entered"], title=title_of(study))
    return titled(found, denoiser=DENOISERS, measure=measures)


class Prediction(NamedTuple):
    """A claim of Appendix C with the number it predicts, the measured one, and the ideal denoiser's.

    nearer: 'the claim', 'the ideal denoiser', 'beyond the ideal denoiser' (the whole interval is farther from the
    claim), 'neither' (it crosses the midpoint of the two, or lies far beyond the claim), or why there is no such
    comparison ('by construction').
    """

    claim: str
    equation: str
    predicted: str
    measured: str
    closed_form: str
    nearer: str


def predictions(study: xr.Dataset, decomposed: xr.Dataset) -> list[Prediction]:
    """Every claim beside its number, with 95 % bootstrap intervals. study: a result of `studies.appendix_c`.
    decomposed: that of `studies.decomposition` for the same data, profile and network. A claim that predicts a number
    is nearer to the measurement than the closed form's number where the whole interval lies on its side of the midpoint
    between the two."""
    first, contraction = decomposed.isel(step=0), float(study["contraction"])

    def at_first(name: str, **place: str) -> list[Interval]:
        return [interval(first[name].sel(denoiser=side, **place)) for side in _SIDES]

    def of_input(name: str) -> list[Interval]:
        power = high_mean(study["input_power"])
        return [ratio(high_mean(study[name]).sel(denoiser=side), power.sel(denoiser=side)) for side in _SIDES]

    rows = [
        ("At the first level the network predicts no noise at high frequencies (power of the predicted noise)", "49",
         0.0, at_first("predicted", band="high")),
        ("At the first level the network predicts no noise in plain areas (squared error of the predicted noise)", "49",
         1.0, at_first("area_error", area="plain")),
        ("High frequencies decay by the factor C (gain from input to latent)", "50, 51, 56", contraction,
         of_input("cross")),
        ("The power of high frequencies decays by the factor C squared", "51, 56", contraction**2,
         of_input("latent_power")),
    ]  # fmt: skip
    gap = "Predicting clean images instead of noise changes the latent (largest change, ideal denoiser)"
    found = [
        _spectral_bias(decomposed),
        *(compared(claim, equation, predicted, *sides) for claim, equation, predicted, sides in rows),
        Prediction(gap, "52 to 55", "> 0", f"{float(study['parameterisation_gap']):.1e}", "0", "by construction"),
        _clean_prediction(study),
    ]
    for method in study["inverse"].to_numpy():
        error, power = (
            text(interval(study[name].sel(inverse=method))) for name in ("reconstruction_error", "rebuilt_high_power")
        )
        claim = _gives_back(f"{called(method)}; power of the latent at high frequencies: {power}")
        found.append(Prediction(claim, "Corollary 1", "0", error, "0 (many steps)", "see the number"))
    plain, gammas = study["entered"].sel(measure="plain"), study["gamma"].to_numpy()
    network, closed = ([interval(plain.sel(denoiser=side, gamma=gamma)) for gamma in gammas] for side in _SIDES)
    listed = ", ".join(f"{gamma:g}" for gamma in gammas)
    claim = f"The latent's local variance in plain areas rises with the noise added at the start (gamma = {listed})"
    numbers = f"{text(network[0])} to {text(network[-1])}", f"{closed[0].mean:.3f} to {closed[-1].mean:.3f}"
    return [*found, Prediction(claim, "Corollary 2", "rises with gamma", *numbers, rising(network, closed))]


def _gives_back(method: str) -> str:
    return f"Sampling from the latent returns the image (relative error, {method})"


def claims(found: Mapping[str, xr.Dataset], decomposition: Mapping[str, xr.Dataset]) -> list[Claim]:
    """The claims of Appendix C over data sets, for the page of all claims, but for what is true by construction. A
    claim holds on a data set where the measurement is nearer to it than to the closed form, and fails where it is
    nearer to the closed form or beyond it (`compared`); what is to rise holds where the network's number rises.
    Corollary 1 holds where the relative error of the image that a latent gives back lies below `EXACT`."""
    held, cases = _NEARER | _RISING, collections.defaultdict[tuple[str, str], dict[str, Case]](dict)
    for name, study in found.items():
        title = title_of(study)
        for one in predictions(study, decomposition[name]):
            if one.nearer in _NOT_JUDGED:
                continue
            case = cases[one.claim, one.equation]
            if one.nearer in held:
                rises = f" ({one.nearer})" * (one.nearer in _RISING)
                case[title] = f"{one.measured}, ideal denoiser {one.closed_form}{rises}", held[one.nearer]
        for method in study["inverse"].to_numpy():
            error = interval(study["reconstruction_error"].sel(inverse=method))
            cases[_gives_back(called(method)), "Corollary 1"][title] = text(error), below(error, EXACT)

    made = []
    for (claim, equation), case in cases.items():
        where = f"Spectral Collapse, App. C, {'' if equation.startswith('Cor') else 'Eq. '}{equation}"
        made.append(from_cases(claim, where, case, figure=_FIGURES.get(equation, "")))
    return made


def table(found: list[Prediction]) -> pd.DataFrame:
    """The claims as a table to show."""
    rows = [
        {
            "Claim": f"{one.claim} ({'Eq. ' * one.equation[0].isdigit()}{one.equation})",
            "Nearer to": one.nearer,  # stays in sight on a narrow page
            "Predicted": one.predicted,
            "Measured": one.measured,
            "Ideal denoiser": one.closed_form,
        }
        for one in found
    ]
    return pd.DataFrame(rows).set_index("Claim")


def answer(study: xr.Dataset, decomposed: xr.Dataset) -> str:
    """Which claims that predict a number our network follows, and how the others fared, as Markdown."""
    found = [one for one in predictions(study, decomposed) if one.nearer in _NEARER]
    followed = [one.claim.partition(" (")[0] for one in found if one.nearer == "the claim"]
    others = {
        "the ideal denoiser": "nearer to the ideal denoiser for Gaussian data",
        _BEYOND: "beyond it (even farther from the paper)",
        "neither": "near neither",
    }
    counts = collections.Counter(one.nearer for one in found)
    rest = [f"{does(counts[side], 'lie')} {words}" for side, words in others.items() if counts[side]]
    which = f": {'; '.join(words[0].lower() + words[1:] for words in followed)}" if followed else ""
    return (
        f"**Answer.** On {title_of(study)}, the only data set tested, the network follows the paper in {len(followed)} "
        f"of {len(found)} testable predictions{which}.{f' Of the others, {enumerated(rest)}.' * bool(rest)}"
    )


def explained(study: xr.Dataset) -> str:
    """Which share of the network's power at high frequencies goes back to the input's own coefficients there."""
    one = study.sel(denoiser="network")
    own = (one["cross"] ** 2 / one["input_power"]).where(one["input_power"] > 0, 0.0)
    share = ratio(high_mean(own), high_mean(one["latent_power"]))
    return (
        "The gain counts only what a coefficient of the latent takes from the same coefficient of the input; the power "
        f"counts everything. With the network, a share of {text(share)} of the power at high frequencies comes from "
        f"these coefficients. The rest{', which is most of the power,' * bool(share.high < 0.5)} comes from the "
        "network."
    )


def entered_with_noise(study: xr.Dataset) -> str:
    """Where the perfect network of Gaussian data ends on these images if they enter with the first level's noise."""
    ends = study["entered"].sel(denoiser="covariance", gamma=1)
    places = {"at high frequencies": "high_power", "in plain areas": "plain"}
    found = {where: interval(ends.sel(measure=name)) for where, name in places.items()}
    return " and ".join(f"{text(one)} {where}" for where, one in found.items() if np.isfinite(one.mean))


def compared(claim: str, equation: str, predicted: float, measured: Interval, closed: Interval) -> Prediction:
    """A claim that predicts a number, with the side of the midpoint on which the whole measured interval lies. A mean
    that lies beyond the claim, and farther from it than the midpoint, is nearer to neither."""
    middle = (predicted + closed.mean) / 2
    side = above(measured, middle)
    if not np.isfinite([middle, measured.low, measured.high]).all():
        nearer = _NO_PLACES
    elif side is None:
        nearer = "neither"
    elif side == (predicted > middle):
        nearer = "the claim" if abs(measured.mean - predicted) <= abs(middle - predicted) else "neither"
    else:
        nearer = _BEYOND if above(measured, closed.mean) is side else "the ideal denoiser"
    return Prediction(claim, equation, f"{predicted:.3f}", text(measured), text(closed), nearer)


def rising(network: list[Interval], closed: list[Interval]) -> str:
    """Which of the two rise along the list."""
    means = np.array([[one.mean for one in found] for found in (network, closed)])
    if np.isnan(means).any():
        return _NO_PLACES
    ours, ideal = (np.diff(means) > 0).all(1)
    if ours:
        return "both rise" if ideal else "only the network rises"
    return "only the ideal denoiser rises" if ideal else "neither rises"


def _spectral_bias(decomposed: xr.Dataset) -> Prediction:
    """Does the network's error, in units of the closed form's, grow with frequency?"""
    error = decomposed["error"].sum("step")
    error = error.sel(denoiser=list(_SIDES)).transpose("band", "denoiser", "sample")

    def quotient(high: np.ndarray, low: np.ndarray) -> np.ndarray:
        return high[0] / high[1] / (low[0] / low[1])

    bands = error.sel(band="high"), error.sel(band="low")
    measured = of_means(quotient, *bands, groups=statistics.groups_of(error))
    nearer = {True: "the claim", False: _BEYOND, None: "neither"}[above(measured, 1)]
    claim = (
        "High frequencies are fitted worse than low ones (squared error divided by the optimum's, ratio of the high to "
        "the low band)"
    )
    return Prediction(claim, "47", "> 1", text(measured), "1", nearer)


def _clean_prediction(study: xr.Dataset) -> Prediction:
    """What can be said of Eq. 52 to 55 with the network at hand."""
    kind = study.attrs["prediction"]
    claim = "A network trained to predict clean images amplifies high frequencies (their power in the latent)"
    if kind == "epsilon":
        return Prediction(claim, "52 to 55", "1", "missing", "", "not measured")
    power, closed = (text(interval(high_mean(study["latent_power"].sel(denoiser=side)))) for side in _SIDES)
    return Prediction(claim, "52 to 55", "1", power, closed, f"prediction type: {kind}")
