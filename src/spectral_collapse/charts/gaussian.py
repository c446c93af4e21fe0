"""Charts of the exact inversion of Gaussian data, results of `studies.gaussian.run`."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings import gaussian as findings
from spectral_collapse.statistics import bootstrap_mean
from spectral_collapse.studies import gaussian

_Looks = Mapping[str, tuple[str, list[int]]]
"""Series -> its colour and its dashes; colour is never the only difference."""

_DOMAINS: _Looks = {
    "source": (PALETTE[0], [1, 0]),
    "target": (PALETTE[2], [6, 3]),
    "power law of the targets": (PALETTE[6], [2, 2]),
}
_METHODS: _Looks = {
    "limit of many steps": ("#aaaaaa", [1, 0]),
    "Euler (standard)": (PALETTE[1], [1, 0]),
    "Heun (EDM)": (PALETTE[0], [8, 3]),
    "fixed point": (PALETTE[2], [5, 2]),
    "ReNoise": (PALETTE[4], [2, 2]),
    "EDICT": (PALETTE[3], [8, 2, 2, 2]),
    "BDIA": (PALETTE[5], [3, 3]),
    "BDIA, gamma 0.9": (PALETTE[6], [1, 3]),
}
_OVG: _Looks = {
    "standard": (PALETTE[6], [1, 0]),
    "OVG": (PALETTE[1], [1, 0]),
    "OVG, variance gradient alone": (PALETTE[0], [6, 3]),
    "OVG + TABA": (PALETTE[2], [2, 2]),
}
_NOISES: _Looks = {
    "standard inversion": (PALETTE[6], [2, 2]),
    "noise everywhere (noise floor, TABA)": (PALETTE[1], [1, 0]),
    "noise in the empty band (nullspace)": (PALETTE[0], [6, 3]),
}
_CYCLES = "spatial frequency (cycles per pixel)"
_POWER = "variance S of the data"
_VARIANCE = "power of the latent (white noise = 1)"
_GREY = "#555555"


def spectra(study: xr.Dataset) -> alt.LayerChart:
    """Power against frequency of sources and targets, the targets' power law, and s_0^2 of either process.

    Lines are means over images, bands their 95 % bootstrap intervals.
    """
    tables = [
        _interval(study["power"].sel(domain=domain).transpose("frequency", "sample"), series=domain)
        for domain in study["domain"].to_numpy()
    ]
    law = study["power_law"].to_dataframe("mean").reset_index().assign(series="power law of the targets")
    entries = study["entry"].to_dataframe("mean").reset_index()
    entries["text"] = "entry noise, " + entries["process"]
    entries["frequency"] = float(study["frequency"].min())
    x, y = _log("frequency", _CYCLES), _log("mean", "power (log scale)")
    base = alt.Chart(pd.concat([*tables, law])).encode(x, *_looks(_DOMAINS))
    rules = alt.Chart(entries).encode(alt.Y("mean:Q"))
    return alt.layer(
        rules.mark_rule(strokeDash=[4, 4], color=_GREY),
        rules.mark_text(align="left", dx=4, dy=-7, color=_GREY).encode(alt.X("frequency:Q"), text="text:N"),
        base.mark_area().encode(alt.Y("low:Q"), alt.Y2("high:Q")),
        base.mark_line().encode(y, tooltip=_tooltip("frequency", "mean", "low", "high")),
    ).properties(
        width=440, height=300, description=f"Radial spectra of sources and targets, {study.attrs['title']}, and s_0^2"
    )


def terminal_variance(study: xr.Dataset) -> alt.HConcatChart:
    """Variance of the latent against that of the data: each deterministic method beside the closed form."""
    limit = study["limit"].to_dataframe("value").reset_index().assign(method="limit of many steps")
    table = pd.concat([limit, study["terminal"].to_dataframe("value").reset_index()]).rename(
        columns={"method": "series"}
    )
    panels = []
    for process in study["process"].to_numpy():
        base = alt.Chart(table[table["process"] == process]).encode(
            _log("variance", _POWER), alt.Y("value:Q", title=_VARIANCE), *_looks(_METHODS)
        )
        panels.append(
            alt.layer(
                *_threshold(float(study["entry"].sel(process=process)), "s₀²"),
                base.transform_filter(alt.datum.series == "limit of many steps").mark_line(strokeWidth=5),
                base.transform_filter(alt.datum.series != "limit of many steps").mark_line(
                    point=alt.OverlayMarkDef(size=18)
                ),
            )
            .encode(tooltip=_tooltip("variance", "value"))
            .properties(width=270, height=280, title=str(process))
        )
    return (
        alt.hconcat(*panels)
        .resolve_scale(y="shared")
        .properties(
            description="Variance of the latent against the variance of the data, for every deterministic method"
        )
    )


def convergence(study: xr.Dataset) -> alt.HConcatChart:
    """Error of the gain against the number of steps, with lines of order 1 and 2 to compare slopes with.

    The axis ends at an error of 10; what diverges leaves the picture there.
    """
    table = study["error"].to_dataframe("value").reset_index().rename(columns={"method": "series"}).dropna()
    fitted = findings.orders(study).to_dataframe("order").reset_index().rename(columns={"method": "series"})
    table = table.merge(fitted, on=["process", "series"])
    steps = study["steps"].to_numpy()
    guides = pd.concat(
        pd.DataFrame({"steps": steps, "value": (steps[0] / steps) ** order, "text": f"order {order}"})
        for order in (1, 2)
    )
    ends = guides[guides["steps"] == steps[-1]]
    x = alt.X("steps:Q", title="steps of the inversion").scale(type="log", nice=False).axis(values=list(steps))
    y = alt.Y("value:Q", title="largest relative error of the gain").axis(format="~g", tickCount=5)
    y = y.scale(type="log", domain=[1e-4, 10])
    panels = []
    for process in study["process"].to_numpy():
        lines = alt.Chart(table[table["process"] == process]).encode(x, y, *_looks(_without_limit()))
        panels.append(
            alt.layer(
                alt.Chart(guides).mark_line(color="#bbbbbb", strokeWidth=1).encode(x, y, detail="text:N"),
                alt.Chart(ends).mark_text(color=_GREY, align="right", dy=12).encode(x, y, text="text:N"),
                lines.mark_line(clip=True, point=alt.OverlayMarkDef(size=25)).encode(
                    tooltip=[*_tooltip("steps", "value"), alt.Tooltip("order:Q", title="fitted order", format=".2f")]
                ),
            ).properties(width=270, height=280, title=str(process))
        )
    return alt.hconcat(*panels).properties(description="Error of each deterministic method against the steps")


def entry_noise(study: xr.Dataset) -> alt.LayerChart:
    """EDM's inversion with and without the noise of the entry level, expected (lines) and drawn (points)."""
    names = {False: "no noise", True: "entry noise"}
    expected = study["edm_variance"].to_dataframe("mean").reset_index()
    expected["series"] = expected["entry_noise"].map(names) + expected["edm_steps"].map(", {} steps".format)
    steps = study["edm_steps"].to_numpy()
    drawn = pd.concat(
        _interval(
            study["edm_drawn"].sel(entry_noise=added).transpose("variance", "draw"),
            series=f"{name}, {steps[0]} steps",
        )
        for added, name in names.items()
    )
    colors = {False: PALETTE[1], True: PALETTE[0]}
    looks = {
        f"{name}, {count} steps": (colors[added], dash)
        for added, name in names.items()
        for count, dash in zip(steps, ([1, 0], [6, 3]), strict=True)
    }
    limit = study["limit"].sel(process=gaussian.EXPLODING).to_dataframe("mean").reset_index()
    x, y = _log("variance", _POWER), alt.Y("mean:Q", title=_VARIANCE)
    points = alt.Chart(drawn).encode(x, *_looks(looks)[:1])
    return alt.layer(
        *_threshold(float(study["entry"].sel(process=gaussian.EXPLODING)), "s₀²"),
        alt.Chart(limit).mark_line(color=_METHODS["limit of many steps"][0], strokeWidth=5).encode(x, y),
        points.mark_rule().encode(alt.Y("low:Q"), alt.Y2("high:Q")),
        points.mark_point(size=25).encode(y, tooltip=_tooltip("variance", "mean", "low", "high")),
        alt.Chart(expected).mark_line().encode(x, y, *_looks(looks), tooltip=_tooltip("variance", "mean")),
    ).properties(
        width=440,
        height=300,
        description="Variance of EDM's latents against the variance of the data, with and without noise",
    )


def guided(study: xr.Dataset) -> alt.VConcatChart:
    """Power of latents of one image with an emptied band: the standard inversion, OVG, its parts, OVG + TABA.

    Below, OVG's latents relative to the standard one, where that has any power.
    """
    power = study["ovg_power"]
    table = power.to_dataframe("value").reset_index().rename(columns={"ovg_series": "series"})
    there = power.where(~gaussian.emptied_rings(study))
    ratio = (there / there.sel(ovg_series="standard")).to_dataframe("value").reset_index()
    ratio = ratio.rename(columns={"ovg_series": "series"})
    ratio = ratio[ratio["series"].isin(["OVG", "OVG, variance gradient alone"])]
    band = pd.DataFrame({"low": [gaussian.EMPTIED[0]], "high": [gaussian.EMPTIED[1]], "text": ["emptied"]})
    x = alt.X("frequency:Q", title=_CYCLES).scale(domain=[0, 0.5])
    panels = []
    for data, title, height in (
        (table, _VARIANCE, 240),
        (ratio, "OVG / standard", 130),
    ):
        y = alt.Y("value:Q", title=title)
        # a gap in the data is a gap in the line
        line = alt.Chart(data).mark_line(invalid="break-paths-show-domains")
        shade = alt.Chart(band).encode(alt.X("low:Q", title=_CYCLES), alt.X2("high:Q"))
        panels.append(
            alt.layer(
                shade.mark_rect(color="#eeeeee"),
                alt.Chart(pd.DataFrame({"value": [1.0]})).mark_rule(strokeDash=[4, 4], color=_GREY).encode(y),
                line.encode(x, y, *_looks(_OVG), tooltip=_tooltip("frequency", "value")),
            ).properties(width=440, height=height)
        )
    return alt.vconcat(*panels).properties(
        description="Power of OVG's latents per frequency, of an image without power in one band"
    )


def noise_at_level(study: xr.Dataset) -> alt.VConcatChart:
    """Variance of the latent and its correlation with the source where noise enters at level k.

    Lines are expectations; the bands around them are 95 % bootstrap intervals of the mean over draws.
    """
    everywhere, empty = list(_NOISES)[1:]
    names = dict(zip(gaussian.NOISES, (everywhere, empty), strict=True))
    standard = study["standard_variance"]
    rows = []
    for quantity, title, reference, top in (
        ("variance", "power of the latent", standard, 1.25),
        ("correlation", "correlation with source", xr.ones_like(standard), 1.05),
    ):
        panels = []
        for k in study["replaced"].to_numpy():
            one = study.sel(replaced=k)
            table = pd.concat(
                [
                    reference.to_dataframe("mean").reset_index().assign(series="standard inversion"),
                    *(
                        _interval(
                            one[f"{quantity}_drawn"].sel(noise=noise).transpose("frequency", "draw"), series=name
                        ).assign(mean=one[f"{quantity}_expected"].sel(noise=noise).to_numpy())
                        for noise, name in names.items()
                    ),
                ]
            )
            x = _log("frequency", "cycles per pixel").axis(values=[0.02, 0.05, 0.1, 0.2, 0.5])
            base = alt.Chart(table).encode(x, *_looks(_NOISES))
            y = alt.Y("mean:Q", title=title if not panels else None).scale(domain=[0, top])
            panels.append(
                alt.layer(
                    *_threshold(study.attrs["cutoff"], "", field="frequency"),
                    base.mark_area().encode(alt.Y("low:Q"), alt.Y2("high:Q")),
                    base.mark_line().encode(y, tooltip=_tooltip("frequency", "mean", "low", "high")),
                ).properties(width=135, height=170, title=f"k = {k}")
            )
        rows.append(alt.hconcat(*panels, spacing=8))
    return alt.vconcat(*rows).properties(
        description="Variance of latents and their correlation with the source, for noise that enters at level k"
    )


def methods_table(study: xr.Dataset) -> pd.DataFrame:
    """A row per method: fitted order, network calls of an inversion, and the error of the round trip, by process."""
    order = findings.orders(study).rename(method="trip").reindex(trip=study["trip"])
    table = pd.DataFrame(index=pd.Index(study["trip"].to_numpy(), name="Method"))
    for process in study["process"].to_numpy():
        table[f"Order, {process}"] = [_order(value) for value in order.sel(process=process).to_numpy()]
    for process in study["process"].to_numpy():
        table[f"Round trip, {process}"] = [f"{value:.0e}" for value in study["round_trip"].sel(process=process).values]
    table["Network calls"] = study["calls"].sel(process=gaussian.PRESERVING).to_numpy()
    return table


def noise_table(study: xr.Dataset) -> pd.DataFrame:
    """A row per noise and level k: the latent at high frequencies, and how much of the source it keeps."""
    half = findings.half_power(study)
    rows = []
    for noise in study["noise"].to_numpy():
        for k in study["replaced"].to_numpy():
            here = {"noise": noise, "replaced": k}
            variance, correlation = (study[f"{name}_expected"].sel(here) for name in ("variance", "correlation"))
            rows.append(
                {
                    "Noise": noise,
                    "k": k,
                    "Variance, high frequencies": f"{float(findings.high(variance)):.3f}",
                    "Correlation, source's own band": f"{float(findings.own_band(study, correlation)):.3f}",
                    "Correlation, high frequencies": f"{float(findings.high(correlation)):.3f}",
                    "Half of the power lost from (cycles per pixel)": _frequency(float(half.sel(here))),
                }
            )
    return pd.DataFrame(rows).set_index(["Noise", "k"])


def _frequency(value: float) -> str:
    """A frequency; '-' where there is none."""
    return "-" if np.isnan(value) else f"{value:.3f}"


def _order(value: float) -> str:
    """An order of convergence; '-' where it was not measured."""
    if np.isnan(value):
        return "-"
    return f"{value:.2f}" if value > 0 else "diverges"


def _without_limit() -> _Looks:
    return {name: look for name, look in _METHODS.items() if name != "limit of many steps"}


def _interval(values: xr.DataArray, series: str) -> pd.DataFrame:
    """Means over the last dimension of values (x, samples) with their intervals, a row per x."""
    x = values.dims[0]
    return pd.DataFrame({"series": series, x: values[x].to_numpy(), **bootstrap_mean(values)._asdict()})


def _looks(looks: _Looks) -> tuple[alt.Color, alt.StrokeDash]:
    """Colours and dashes of the series, in one legend."""
    colors, dashes = zip(*looks.values(), strict=True)
    legend = alt.Legend(
        title=None,
        orient="bottom",
        columns=2,
        symbolType="stroke",
        symbolOpacity=1,
        symbolSize=300,
        symbolStrokeWidth=2,
    )
    return (
        alt.Color("series:N", legend=legend).scale(domain=list(looks), range=list(colors)),
        alt.StrokeDash("series:N", legend=legend).scale(domain=list(looks), range=list(dashes)),
    )


def _log(field: str, title: str) -> alt.X | alt.Y:
    channel = alt.Y if field == "mean" else alt.X
    form = "~e" if field == "variance" else "~g"
    return channel(f"{field}:Q", title=title).scale(type="log", nice=False).axis(format=form, tickCount=6)


def _threshold(value: float, text: str, field: str = "variance") -> tuple[alt.Chart, alt.Chart]:
    """A dashed vertical line with its name."""
    base = alt.Chart(pd.DataFrame({field: [value], "text": [text]})).encode(alt.X(f"{field}:Q"))
    return (
        base.mark_rule(strokeDash=[4, 4], color=_GREY),
        base.mark_text(align="left", dx=5, y=10, color=_GREY).encode(text="text:N"),
    )


_TITLES = {
    "frequency": (_CYCLES, ".3f"),
    "variance": ("S", ".2~e"),
    "steps": ("steps", "d"),
    "value": ("value", ".3~g"),
    "mean": ("mean", ".3~g"),
    "low": ("95 % from", ".3~g"),
    "high": ("to", ".3~g"),
}


def _tooltip(*fields: str) -> list[alt.Tooltip]:
    numbers = [alt.Tooltip(f"{field}:Q", title=_TITLES[field][0], format=_TITLES[field][1]) for field in fields]
    return [alt.Tooltip("series:N", title=" "), *numbers]
