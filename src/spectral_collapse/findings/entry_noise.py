"""What noise that enters with the image does to Gaussian data: tables for charts, tables to show, numbers to tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.findings.claims import Claim, Rule, is_above, judge
from spectral_collapse.findings.gaussian import orders, own_band
from spectral_collapse.findings.intervals import ENDS, beside, concat, means
from spectral_collapse.findings.measured import exact
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.statistics import interval, text
from spectral_collapse.studies.entry_noise import ABOVE, EULER, EVERYWHERE, FINE, LOG_SNR, NOWHERE, TIME, WIENER

PUBLISHED = 0.04
"""The share of the steps that TABA replaces."""
NEAR = 0.1
"""An error this close to its floor, relative to it, gains nothing from more steps."""
EXACT, FLOOR = "exact flow", "lower bound: exact flow of the wrong network"
PLACES = {EVERYWHERE: "noise everywhere", ABOVE: "noise above the source's band"}
CARRIED, ADDED, TOTAL = "from the source", "from the noise", "both together"
ORDERS = ("order 1", "order 2")


def law(study: xr.Dataset) -> pd.DataFrame:
    """Power and squared correlation of latents, a row per way to enter and power of the data. Columns series, ratio (S
    / s_0^2), power and kept, each with _low and _high, 95 % bootstrap intervals over draws."""
    places = ["entering", "ratio"]
    tables = [beside(means(study[f"law_{of}"], "draw").set_index(places)[ENDS], of) for of in ("power", "kept")]
    return pd.concat(tables, axis=1).reset_index(names=["series", "ratio"])


def hyperbolas(study: xr.Dataset) -> pd.DataFrame:
    """Where the law lets latents lie: both ends of a line for each S / s_k^2 that was measured. Columns ratio (S /
    s_k^2), series (at which level), kept and power: all of the source and no noise, and all of both."""
    rows = []
    for level in np.unique(study["level_ratio"]):
        for ratio in study["ratio"].to_numpy() / level:
            product, series = ratio / (1 + ratio), "later level" if level > 1.5 else "entry level"
            rows += [(ratio, series, 1.0, product), (ratio, series, product, 1.0)]
    return pd.DataFrame(rows, columns=["ratio", "series", "kept", "power"])


def law_gap(study: xr.Dataset) -> float:
    """The largest relative difference of power times squared correlation, drawn, from S / (S + s_k^2); Wiener's entry,
    to which the law does not apply, left out."""
    drawn = (study["law_power"].mean("draw") * study["law_kept"].mean("draw")).drop_sel(entering=WIENER)
    ratio = study["ratio"] / study["level_ratio"].drop_sel(entering=WIENER)
    return float(abs(drawn * (1 + ratio) / ratio - 1).max())


def parts(study: xr.Dataset) -> pd.DataFrame:
    """What the exact flow makes translations of, over the target's power, as areas on top of each other. Columns place,
    level, series (`CARRIED` or `ADDED`), frequency, low, high. Attr cutoff: where the source's band ends."""
    lower, upper = study["carried_expected"], study["power_expected"]
    ends = {CARRIED: (xr.zeros_like(lower), lower), ADDED: (lower, upper)}
    areas = {name: xr.Dataset({"low": low, "high": high}).to_dataframe() for name, (low, high) in ends.items()}
    return _placed(pd.concat(areas, names=["series"]).reset_index(), study)


def parts_drawn(study: xr.Dataset) -> pd.DataFrame:
    """The same of drawn images at few frequencies: series `CARRIED` and `TOTAL`, with mean, low and high."""
    few = np.unique(np.geomspace(1, study.sizes["frequency"], 12).round().astype(int)) - 1
    at = study.sel(walk=FINE).isel(frequency=few)
    tables = [means(at[name], "draw").assign(series=title) for name, title in (("carried", CARRIED), ("power", TOTAL))]
    return _placed(pd.concat(tables), study)


def trade(study: xr.Dataset) -> pd.DataFrame:
    """S_LF against the power of fine detail: first without noise at the entry level, then with it at each level k.
    Columns place, series (`EXACT` or the walk), turn (0, 1, ...), label (what enters); s_lf and detail (natural
    logarithm of the power above half the Nyquist frequency over the target's), each with _low and _high, NaN where
    nothing is drawn."""
    drawn = {"s_lf": study["s_lf"], "detail": np.log(study["detail"])}
    exact = {"s_lf": study["s_lf_expected"], "detail": np.log(study["detail_expected"])}
    tables, levels = [], study["replaced"].to_numpy()
    for place, shown in PLACES.items():
        for turn, (noise, k) in enumerate([(NOWHERE, levels[0]), *((place, k) for k in levels)]):
            at, columns = {"noise": noise, "replaced": k}, {"series": [EXACT, *study["walk"].to_numpy()]}
            for name, values in drawn.items():
                mean, low, high = interval(values.sel(at), "draw")
                columns[name] = [float(exact[name].sel(at)), *mean]
                columns |= {f"{name}_low": [np.nan, *low], f"{name}_high": [np.nan, *high]}
            label = f"k = {k}" if turn else "no noise"
            tables.append(pd.DataFrame(columns).assign(place=shown, turn=turn, label=label))
    return pd.concat(tables, ignore_index=True)


def convergence(study: xr.Dataset) -> pd.DataFrame:
    """Error of the latent against network calls, a panel per placing of the levels and per wrong network. Columns
    panel, series (the walk, `FLOOR`, or one of `ORDERS`, which stand beside the perfect network), calls, mean."""
    tables, steps = [], study["steps"].to_numpy()
    for process in study["process"].to_numpy():
        for wrong in study["spectral_error"].to_numpy():
            at = study.sel(process=process, spectral_error=wrong)
            network, beside = f"spectrum wrong by {wrong:.0%}", {FLOOR: at["floor"].to_numpy()}
            if not wrong:
                network, first = "ideal denoiser", at["error"].isel(steps=0)
                beside = {
                    name: float(first.sel(solver=walk)) * (steps[0] / steps) ** power
                    for power, name, walk in zip((1, 2), ORDERS, ("Euler", "2M"), strict=True)
                }
            curves = [at[["error", "calls"]].to_dataframe().reset_index()]
            curves += [pd.DataFrame({"solver": name, "calls": steps, "error": line}) for name, line in beside.items()]
            tables.append(pd.concat(curves).assign(panel=f"levels {process}|{network}"))
    found = pd.concat(tables, ignore_index=True).rename(columns={"solver": "series", "error": "mean"})
    return found[["panel", "series", "calls", "mean"]]


def perfect_orders(study: xr.Dataset) -> xr.DataArray:
    """The orders of the perfect network, of the last two runs."""
    return orders(study["error"].sel(spectral_error=0.0), runs=2)


def enough(study: xr.Dataset) -> xr.DataArray:
    """Network calls from which the error stays within `NEAR` of its floor; NaN for never, and where there is none."""
    close = (study["error"] <= (1 + NEAR) * study["floor"]) & (study["floor"] > 0)
    stays = close.isel(steps=slice(None, None, -1)).cumprod("steps").isel(steps=slice(None, None, -1)) > 0
    return study["calls"].where(stays).min("steps").transpose("process", "solver", ...)


def orders_table(study: xr.Dataset) -> pd.DataFrame:
    """A row per placing of the levels and walk: order, and for each wrong network the calls that are `enough`."""
    order, calls = perfect_orders(study), enough(study)
    columns = {"Order": order.to_series().map("{:.2f}".format)}
    for wrong in filter(None, study["spectral_error"].to_numpy()):
        floor = float(study["floor"].sel(spectral_error=wrong, process=TIME)[-1])
        needed = _written(calls.sel(spectral_error=wrong))
        columns[f"Calls until within {NEAR:.0%} of the lower bound {floor:.3f}, delta = {wrong:g}"] = needed
    return pd.DataFrame(columns).rename_axis(["Levels", "Solver"])


def cost_table(study: xr.Dataset) -> pd.DataFrame:
    """A row per place and level: what the exact flow adds in each band, what it keeps, S_LF and detail."""
    added = study["power_expected"] - study["carried_expected"]
    band = {name: (added["frequency"] > low) & (added["frequency"] <= high) for name, (low, high) in BANDS.items()}
    columns = {f"Added, {name} band": added.where(inside).mean("frequency") for name, inside in band.items()}
    kept = study["carried_expected"] / study["power_expected"]
    columns["Squared coherence, source's band"] = own_band(study, kept)
    columns["Power above half the Nyquist frequency"] = study["detail_expected"]
    columns["S_LF, expected"] = study["s_lf_expected"]
    table = xr.Dataset(columns).sel(noise=list(PLACES)).to_dataframe().map("{:.3f}".format)
    drawn = means(study["s_lf"].sel(walk=FINE, noise=list(PLACES)), "draw")
    table["S_LF, measured"] = list(map(text, drawn.itertuples()))
    return table.rename_axis(["Noise is added", "k"])


def walk_table(study: xr.Dataset) -> pd.DataFrame:
    """Relative error of the latent that the steps from level k on leave, a perfect network's: a row per k."""
    return study["walk_error"].transpose("replaced", "walk").to_pandas().map("{:.4f}".format).rename_axis("k")


def first_steps(study: xr.Dataset) -> float:
    """The share of the squared error of Euler's latents that is gone where TABA's published share of the steps is
    replaced; NaN where that level, or the first, was not looked at."""
    k, error = round(PUBLISHED * study.attrs["num_steps"]), study["walk_error"].sel(walk=EULER)
    at_start, later = error.reindex(replaced=[0, k]).to_numpy()
    return float(1 - (later / at_start) ** 2)


def numbers(study: xr.Dataset) -> dict[str, Any]:
    """What the page says beside what is stored. Intervals are 95 % bootstrap intervals over draws."""
    ends, calls, share = study.isel(replaced=[0, -1]), enough(study).sel(process=LOG_SNR), first_steps(study)
    drawn, expected = ends["s_lf"].sel(walk=FINE), ends["s_lf_expected"].isel(replaced=0)
    wiener = study[["law_power", "law_kept"]].sel(entering=WIENER).mean("draw")
    stops = []
    for wrong in filter(None, study["spectral_error"].to_numpy()):
        needed = _written(calls.sel(spectral_error=wrong))
        stops.append(f"delta = {wrong:g}: {', '.join(f'{walk} {number}' for walk, number in needed.items())}")
    early = (
        f"\n- **First steps.** If the first {PUBLISHED:.0%} of the steps are replaced, {share:.0%} of the squared "
        "error of Euler's latents is gone."
    ) * bool(np.isfinite(share))
    return {
        "change": expected.sel(noise=EVERYWHERE) - expected.sel(noise=NOWHERE),
        "gap": law_gap(study),
        "wiener": (wiener["law_power"] * wiener["law_kept"] * (1 + 1 / study["ratio"])).max(),
        "lost": drawn.isel(replaced=1) - drawn.isel(replaced=0).sel(noise=NOWHERE),
        "apart": abs(study["s_lf"].sel(walk=FINE).mean("draw") - study["s_lf_expected"]).max(),
        "exact": study["detail_expected"].sel(noise=EVERYWHERE).min(),
        "early": early,
        "order": perfect_orders(study),
        "near": NEAR,
        "stops": "; ".join(stops) or "no wrong network was tried",
        "coarse": study["error"].sel(process=TIME, solver="2M", spectral_error=0.0).min(),
    }


def claims(found: Mapping[str, xr.Dataset]) -> list[Claim]:
    """What a perfect network says to the first steps' part in the error (`first_steps`), without an interval."""
    what = f"share of the squared error of the latent from the first {PUBLISHED:.0%} of the steps"
    words = "With an ideal denoiser for Gaussian data, the error of Euler's method occurs in its first steps"
    share = Rule(words, "our reading of There and Back Again", what, lambda one: exact(first_steps(one)), is_above(0.5),
                 "fig-entry-trade", 2)  # fmt: skip
    return judge([share], found)


def _placed(table: pd.DataFrame, study: xr.Dataset) -> pd.DataFrame:
    """The rows where noise enters, with the columns place and level."""
    found = table[table["noise"] != NOWHERE]
    found = found.assign(place=found["noise"].map(PLACES), level=found["replaced"].map("k = {}".format))
    return concat([found], cutoff=study.attrs["cutoff"])


def _written(calls: xr.DataArray) -> pd.Series:
    """Numbers of network calls; '-' where none was enough."""
    return calls.to_series().map(lambda number: "-" if np.isnan(number) else f"{number:.0f}")
