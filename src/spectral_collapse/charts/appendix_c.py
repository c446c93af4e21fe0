"""Appendix C drawn: the latent's gain on the input per frequency, and what entering noise changes.

Both take a result of `studies.appendix_c.run`.
"""

from __future__ import annotations

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts.decomposition import DENOISERS
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.studies.decomposition import interval, ratio

_CLAIM = "Eq. 56: the input times C"
_MEASURES = {"plain": "Plain areas", "high_power": "High frequencies", "s_dc": "Neighbouring places, S_DC"}
_LINES = {"orient": "bottom", "columns": 1, "symbolType": "stroke", "symbolOpacity": 1, "symbolSize": 300}


def gain(study: xr.Dataset) -> alt.LayerChart:
    """What an input coefficient is multiplied by on its way to the latent, per frequency, and C of Eq. 56.

    Slopes of regressions over images and rings, with 95 % bootstrap intervals over images as bands.
    """
    tables = []
    for name, (called, *_) in DENOISERS.items():
        of = study.sel(denoiser=name)
        found = ratio(of["cross"], of["input_power"])
        columns = {"denoiser": called, "frequency": study["frequency"].to_numpy(), **found._asdict()}
        tables.append(pd.DataFrame(columns))
    contraction = float(study["contraction"])
    constant = {"denoiser": _CLAIM, "frequency": study["frequency"].to_numpy()}
    tables.append(pd.DataFrame(constant | dict.fromkeys(("mean", "low", "high"), contraction)))
    names, colors, dashes, _ = zip(*DENOISERS.values(), strict=True)
    domain, colors, dashes = [*names, _CLAIM], [*colors, PALETTE[6]], [*dashes, [1, 3]]
    legend = alt.Legend(**_LINES | {"labelLimit": 320})
    base = alt.Chart(pd.concat(tables)).encode(
        alt.X("frequency:Q", title="spatial frequency of the latent (cycles per pixel)"),
        alt.Color("denoiser:N", title=None, legend=legend).scale(domain=domain, range=colors),
    )
    return alt.layer(
        base.mark_area(opacity=0.2).encode(alt.Y("low:Q"), alt.Y2("high:Q")),
        base.mark_line().encode(
            alt.Y("mean:Q", title="gain of the latent on the input"),
            alt.StrokeDash("denoiser:N", title=None, legend=legend).scale(domain=domain, range=dashes),
            tooltip=[alt.Tooltip("frequency:Q", format=".3f", title="cycles per pixel"), *_numbers("gain")],
        ),
    ).properties(
        width=420, height=260, description=f"Gain of the latent on the input per frequency, {study.attrs['title']}"
    )


def entering_noise(study: xr.Dataset) -> alt.FacetChart:
    """Measures of the latent against the noise that the image enters with, in units of the first level's."""
    rows = []
    for measure, title in _MEASURES.items():
        for name, (called, *_) in DENOISERS.items():
            for gamma in study["gamma"].to_numpy():
                mean, low, high = interval(study["entered"].sel(denoiser=name, measure=measure, gamma=gamma))
                rows.append(
                    {"measure": title, "denoiser": called, "gamma": gamma, "mean": mean, "low": low, "high": high}
                )
    table = pd.DataFrame(rows).dropna(subset="mean")
    names, colors, dashes, shapes = zip(*DENOISERS.values(), strict=True)
    legend = alt.Legend(orient="bottom", columns=1, symbolOpacity=1, symbolSize=90, labelLimit=320)
    base = alt.Chart().encode(
        alt.X("gamma:Q", title="entering noise, gamma (level's = 1)"),
        alt.Color("denoiser:N", title=None, legend=legend).scale(domain=names, range=colors),
        tooltip=[alt.Tooltip("gamma:Q"), *_numbers("mean")],
    )
    layers = alt.layer(
        alt.Chart().mark_rule(color="#555555", strokeDash=[4, 4]).encode(y=alt.datum(1)),
        base.mark_area(opacity=0.15).encode(alt.Y("low:Q"), alt.Y2("high:Q")),
        base.mark_line().encode(
            alt.Y("mean:Q", title="measure of the latent (white noise: 1)"),
            alt.StrokeDash("denoiser:N", title=None, legend=None).scale(domain=names, range=dashes),
        ),
        base.mark_point(size=45).encode(
            alt.Y("mean:Q"), alt.Shape("denoiser:N", title=None, legend=legend).scale(domain=names, range=shapes)
        ),
    )
    present = [title for title in _MEASURES.values() if title in set(table["measure"])]
    return (
        layers.properties(width=210, height=220)
        .facet(alt.Facet("measure:N", title=None, sort=present), data=table, columns=3)
        .resolve_scale(y="independent")
        .properties(description=f"Measures of the latent against the noise that enters, {study.attrs['title']}")
    )


def _numbers(value: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("denoiser:N", title=" "),
        alt.Tooltip("mean:Q", title=value, format=".3f"),
        alt.Tooltip("low:Q", title="95 % from", format=".3f"),
        alt.Tooltip("high:Q", title="to", format=".3f"),
    ]
