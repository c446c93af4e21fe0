"""What the exact inversion of Gaussian data says: tables for charts, tables to show, and computed sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import inversion
from spectral_collapse.findings.claims import Case, Claim, from_cases
from spectral_collapse.findings.intervals import ENDS, concat, high_mean, means
from spectral_collapse.findings.measured import title_of
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.statistics import POSITIVE
from spectral_collapse.studies.gaussian import EXPLODING, PRESERVING, PROCESSES, emptied_rings, entry, ladder

DDPM = VariancePreserving(beta_start=1e-4, beta_end=0.02, schedule="linear")
"""The noise process of the book's networks that predict noise."""
COLLAPSED = 0.9
"""A variance below this is a collapse."""
LAW = "power law of the targets"
LIMIT = "limit of many steps"
STANDARD = "standard inversion"
ENTRIES = {False: "no noise", True: "entry noise"}
ENTERING = {
    "everywhere": "noise everywhere (noise floor, TABA)",
    "empty band": "noise in the empty band (null-space noise)",
}
"""What tables call series."""


def spectra(study: xr.Dataset) -> pd.DataFrame:
    """Power of sources and targets, and the targets' power law, without a width: columns series, frequency, and those
    of `intervals.means`; attr entry, s_0^2 of either process."""
    law = {"series": LAW, "frequency": study["frequency"], **dict.fromkeys(ENDS, study["power_law"])}
    tables = [means(study["power"].rename(domain="series"), bounds=POSITIVE), pd.DataFrame(law)]
    return concat(tables, title=title_of(study), entry=study["entry"].to_series().to_dict())


def terminal_variance(study: xr.Dataset) -> pd.DataFrame:
    """Variance of the latent against that of the data, of each deterministic method and of the limit of many steps:
    columns panel (the process), series, variance, mean, and entry, its s_0^2."""
    limit = _tidy(study["limit"]).assign(series=LIMIT)
    found = concat([limit, _tidy(study["terminal"], method="series")])
    return found.assign(entry=found["process"].map(study["entry"].to_series())).rename(columns={"process": "panel"})


def closed_form(num_steps: Sequence[int] = (50, 500)) -> pd.DataFrame:
    """Variance of the latent of a standard inversion against that of the data, its limit beside it.

    DDIM inversion with the optimal noise predictor of Gaussian data is linear in each frequency. Its limit of many
    steps is S / (S + s_0^2), s_0 = sigma / alpha at the level where the image enters; beside it stands what the
    inversion makes in `num_steps` steps of data of powers S from 10 down to 1e-6.

    Columns series, variance, mean, entry as in `terminal_variance`, of the variance-preserving process.
    """
    (data, powers), process, standard = ladder(-6.0), PROCESSES[PRESERVING], inversion.create("standard")
    gains = {f"{steps} steps, exact": data.mean(data.gain(standard, process, steps)).numpy() for steps in num_steps}
    found = {LIMIT: powers / (powers + entry(process))} | {name: gain**2 * powers for name, gain in gains.items()}
    tables = [pd.DataFrame({"series": name, "variance": powers, "mean": values}) for name, values in found.items()]
    return concat(tables).assign(entry=entry(process))


def convergence(study: xr.Dataset) -> pd.DataFrame:
    """Error of the gain against the number of steps, with lines of order 1 and 2 to compare slopes with. Columns panel
    (the process), series, steps, mean, and order, the fitted one; runs that overflowed are left out."""
    slopes = xr.DataArray([1.0, 2.0], {"method": ["order 1", "order 2"]}, ["method"])
    slopes = slopes.expand_dims(process=study["process"])
    guides = (float(study["steps"][0]) / study["steps"]) ** slopes
    mean, order = (xr.concat(pair, "method") for pair in ((study["error"], guides), (orders(study["error"]), slopes)))
    table = xr.Dataset({"mean": mean, "order": order}).to_dataframe().reset_index().dropna(subset="mean")
    return table.rename(columns={"process": "panel", "method": "series"})


def entry_noise(study: xr.Dataset) -> pd.DataFrame:
    """The expected variance of EDM's latents with and without the noise of the entry level, and the limit without.
    Columns series, variance, mean, entry as in `terminal_variance`, of the variance-exploding process."""
    found, exploding = _tidy(study["edm_variance"]), study.sel(process=EXPLODING)
    found["series"] = found["entry_noise"].map(ENTRIES) + found["edm_steps"].map(", {} steps".format)
    limit = _tidy(exploding["limit"]).assign(series=LIMIT)
    return concat([limit, found]).assign(entry=float(exploding["entry"]))


def entry_noise_drawn(study: xr.Dataset) -> pd.DataFrame:
    """The same of drawn images, in the fewest steps: columns series, variance, and those of `intervals.means`."""
    found = means(study["edm_drawn"], "draw")
    return found.assign(series=found["entry_noise"].map(ENTRIES) + f", {study['edm_steps'].data[0]} steps")


def guided(study: xr.Dataset) -> pd.DataFrame:
    """Power of latents of an image with an emptied band, and OVG's over the standard one's."""
    power = study["ovg_power"]
    there = power.where(~emptied_rings(study["frequency"]))
    ratio = there.sel(ovg_series=["OVG", "OVG, variance gradient alone"]) / there.sel(ovg_series="standard", drop=True)
    shown = {"power of the latent (white noise = 1)": power, "OVG / standard": ratio}
    return pd.concat([_tidy(values, ovg_series="series").assign(panel=panel) for panel, values in shown.items()])


def noise_at_level(study: xr.Dataset) -> pd.DataFrame:
    """Variance of the latent and its correlation with the source where noise enters at level k. Columns quantity,
    level, series, frequency; mean, the expectation; low and high, the 95 % bootstrap interval of the mean over draws,
    which the standard inversion does not have. Attr cutoff: where the source's own band ends."""
    standard = study["standard_variance"].expand_dims(replaced=study["replaced"])
    tables = []
    for quantity, title, reference in (
        ("variance", "power of the latent", standard),
        ("correlation", "correlation with source", xr.ones_like(standard)),
    ):
        drawn = means(study[f"{quantity}_drawn"], "draw")
        drawn = drawn.assign(mean=_tidy(study[f"{quantity}_expected"])["mean"], series=drawn["noise"].map(ENTERING))
        tables += [one.assign(quantity=title) for one in (_tidy(reference).assign(series=STANDARD), drawn)]
    found = concat(tables, cutoff=study.attrs["cutoff"])
    return found.assign(level=found["replaced"].map("k = {}".format))


def methods_table(study: xr.Dataset) -> pd.DataFrame:
    """A row per method: fitted order, network calls of an inversion, and the error of the round trip, by process."""
    order = orders(study["error"]).rename(method="trip").reindex(trip=study["trip"])
    shown = {"Order": order.to_pandas().map(_order), "Round trip": study["round_trip"].to_pandas().map("{:.0e}".format)}
    columns = {f"{title}, {name}": table.loc[name] for title, table in shown.items() for name in table.index}
    columns["Network calls"] = study["calls"].sel(process=PRESERVING).to_series()
    return pd.DataFrame(columns, study["trip"]).rename_axis("Method")


def noise_table(study: xr.Dataset) -> pd.DataFrame:
    """A row per noise and level k: the latent at high frequencies, and how much of the source it keeps."""
    variance, correlation = study["variance_expected"], study["correlation_expected"]
    half = study["frequency"].where(correlation**2 < 0.5).min("frequency")
    columns = {
        "Variance, high frequencies": high_mean(variance),
        "Correlation, source's own band": own_band(study, correlation),
        "Correlation, high frequencies": high_mean(correlation),
        "Less than half of the power from the source, above (cycles per pixel)": half,
    }
    found = xr.Dataset(columns).to_dataframe().rename_axis(["Noise", "k"])
    return found.map(lambda value: "-" if np.isnan(value) else f"{value:.3f}")


def orders(error: xr.DataArray, runs: int = 3) -> xr.DataArray:
    """Minus the slope of log error against log steps of the finest runs; NaN if one overflowed."""
    finest = np.log(error.isel(steps=slice(-runs, None)))
    distance = np.log(finest["steps"]) - np.log(finest["steps"]).mean()
    return -(finest * distance).sum("steps", skipna=False) / (distance**2).sum()


def own_band(study: xr.Dataset, values: xr.DataArray) -> xr.DataArray:
    """The mean over the frequencies that the source can hold, up to its own Nyquist frequency."""
    return values.where(values["frequency"] <= study.attrs["cutoff"], drop=True).mean("frequency")


def numbers(study: xr.Dataset) -> dict[str, Any]:
    """What the page says beside what is stored: on what a perfect network loses and what brings it back."""
    preserving, last, entries = study.sel(process=PRESERVING), study.isel(replaced=-1), study["entry"].to_series()
    faint = study.sel(variance=entries[EXPLODING] / 10, method="nearest")
    order = orders(study["error"]).sel(process=EXPLODING).to_series()
    wild = study["error"].max("steps").to_series().unstack("method").max()
    return {
        "faint": preserving["terminal"].sel(variance=entries[PRESERVING] / 10, method="nearest").max(),
        "left": high_mean(study["standard_variance"]),
        "limit": high_mean(preserving["data_limit"]),
        "noised": high_mean(study["variance_expected"]),
        "weak": weak(study),
        "filled": filled(study),
        "ddpm": entry(DDPM),
        "at_entry": _highest(preserving, entries[PRESERVING]),
        "below_it": _highest(preserving, entries[PRESERVING] * 0.1),
        "orders": ", ".join(f"{name} {value:.2f}" for name, value in order.items() if value > 0),
        "unstable": ", ".join(f"{name} (up to {value:.0e})" for name, value in wild.items() if not value < 1) or "none",
        "faintest": faint["variance"],
        "edm": faint["edm_variance"].isel(edm_steps=0),
        "added": faint["edm_drawn"].sel(entry_noise=True),
        "kept": own_band(study, last["correlation_expected"]),
        "lowest": last["variance_expected"].min("frequency"),
    }


def claims(found: Mapping[str, xr.Dataset]) -> list[Claim]:
    """What closed forms say to the paper's explanation; numbers of exact calculations have no interval. The network's
    bias as the cause: open where a perfect network's latents have at least `COLLAPSED` of white noise's variance at
    high frequencies, else it fails: they collapse without any bias. Nearer to white noise: by distance to 1. An emptied
    band counts as filled from half of white noise's power on, and as empty below a hundredth."""

    causes, nearer, supplied = dict[str, Case](), dict[str, Case](), dict[str, Case]()
    for study in found.values():
        name, left = title_of(study), float(high_mean(study["standard_variance"]))
        causes[name] = f"{left:.2f}", None if left >= COLLAPSED else False
        standard, ovg = (float(weak(study).sel(ovg_series=name)) for name in ("standard", "OVG"))
        nearer[name] = f"{standard:.2f} to {ovg:.2f}", abs(ovg - 1) < abs(standard - 1)
        power = float(filled(study).sel(ovg_series="OVG"))
        supplied[name] = f"{power:.0e}", True if power > 0.5 else False if power < 0.01 else None
    paper, figure = "Spectral Collapse", "fig-gaussian-ovg"
    return [
        from_cases("A collapse needs a network that is biased towards low frequencies", f"{paper}, App. C", causes,
                   "variance of latents at high frequencies with an ideal denoiser (white noise: 1)",
                   "fig-gaussian-terminal"),
        from_cases("OVG brings the high frequencies of a latent nearer to white noise", f"{paper}, Sec. 5.1", nearer,
                   "power of the latent with an ideal denoiser, from the standard inversion to OVG", figure),
        from_cases("OVG supplies energy where the source has none", f"{paper}, Sec. 5.1", supplied,
                   "highest power in an emptied band (white noise: 1)", figure),
    ]  # fmt: skip


def weak(study: xr.Dataset) -> xr.DataArray:
    """Power of each latent of the image with an emptied band at its other high frequencies."""
    return high_mean(study["ovg_power"].where(~emptied_rings(study["frequency"])))


def filled(study: xr.Dataset) -> xr.DataArray:
    """The highest power of each latent of that image inside the emptied band."""
    return study["ovg_power"].where(emptied_rings(study["frequency"])).max("frequency")


def _highest(study: xr.Dataset, variance: float) -> str:
    """The most variance that a method without noise reaches where the data has about this one, beside the limit."""
    at = study[["terminal", "limit"]].sel(variance=variance, method="nearest")
    return (
        f"{float(at['terminal'].max('method')):.2f} ({at['terminal'].idxmax('method').item()}) where $S$ = "
        f"{float(at['variance']):.1e}, with a limit of {float(at['limit']):.2f}"
    )


def _tidy(values: xr.DataArray, **names: str) -> pd.DataFrame:
    """A row per value, in the column mean; names: of dimensions, what their columns are called."""
    return values.rename(names).to_dataframe("mean").reset_index()


def _order(value: float) -> str:
    """An order of convergence; '-' where it was not measured."""
    return "-" if np.isnan(value) else f"{value:.2f}" if value > 0 else "diverges"
