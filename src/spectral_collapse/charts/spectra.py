"""Charts of radial spectra: images, latents, the closed form, and the two domains of a data set."""

from __future__ import annotations

from typing import Literal

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.charts import pictures
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.studies.common import text
from spectral_collapse.studies.front import Interval, bootstrap_mean

_IMAGES = {
    "source": ("source", PALETTE[0], [1, 0]),
    "target": ("true target", PALETTE[2], [6, 3]),
    "output": ("standard inversion, then sampling", PALETTE[1], [1, 0]),
}
_LATENTS = {
    "white noise": ("white noise, drawn", PALETTE[6], [2, 2]),
    "source, network": ("sources, our network", PALETTE[1], [1, 0]),
    "source, closed form": ("sources, perfect network (Gaussian data)", PALETTE[0], [6, 3]),
    "target, network": ("targets, our network", PALETTE[2], [1, 0]),
}
_DOMAINS = {name: _IMAGES[name] for name in ("source", "target")}
"""What each series is called, its colour and its dashes; colour is never the only difference."""

_LINES = {"orient": "bottom", "columns": 2, "symbolType": "stroke", "symbolOpacity": 1, "symbolSize": 300}
_CYCLES = "spatial frequency (cycles per pixel)"


def image_spectra(study: xr.Dataset) -> alt.LayerChart:
    """Power against frequency of sources, true targets and outputs, a result of `studies.collapse.run`.

    Lines are means over images, bands their 95 % bootstrap intervals.
    """
    return _spectra(
        study["image_power"].rename(image_series="series", image_frequency="frequency"), _IMAGES, "power (log scale)"
    ).properties(description=f"Radial spectra of sources, targets and outputs, {study.attrs['title']}")


def latent_spectra(study: xr.Dataset) -> alt.LayerChart:
    """Power against frequency of inverted latents beside white noise's, a result of `studies.collapse.run`.

    Lines are means over images, bands their 95 % bootstrap intervals.
    """
    return _spectra(
        study["latent_power"].rename(latent_series="series", latent_frequency="frequency"),
        _LATENTS,
        "power of the latent, white noise = 1 (log scale)",
    ).properties(description=f"Radial spectra of inverted latents, {study.attrs['title']}")


def method_spectra(study: xr.Dataset) -> alt.LayerChart:
    """Power against frequency of several methods' latents, a result of `studies.own_method.compare`.

    Lines are means over images, bands their 95 % bootstrap intervals. At most six methods.
    """
    names = [str(name) for name in study["series"].to_numpy()]
    looks = zip(
        [PALETTE[6], *PALETTE[:6]], [[2, 2], [1, 0], [6, 3], [8, 2, 2, 2], [4, 4], [10, 4], [1, 3]], strict=True
    )
    series = {name: (name, color, dashes) for name, (color, dashes) in zip(names, looks, strict=False)}
    return _spectra(study["power"], series, "power of the latent (white noise = 1)", scale="linear").properties(
        description=f"Radial spectra of inverted latents per method, {study.attrs['title']}"
    )


def collapse_pictures(study: xr.Dataset, rows: int = 4) -> alt.Chart:
    """Sources, what standard inversion and sampling make of them, and the true targets."""
    image = study["image"].isel(shown=slice(rows))
    titles = {"source": "Source", "output": "Standard|inversion", "target": "True target"}
    return pictures.grid(
        {title: image.sel(image_series=series).to_numpy() for series, title in titles.items()},
        list(image["shown"].to_numpy()),
        side=124,
        description=f"Sources, outputs of the standard inversion and true targets, {study.attrs['title']}",
    )


def closed_form(result: xr.Dataset) -> alt.LayerChart:
    """Variance of the latent against variance of the data, a result of `studies.collapse.closed_form`."""
    limit = result["limit"].to_dataframe("value").reset_index()
    limit["kind"] = "limit of many steps"
    measured = result["measured"].to_dataframe("value").reset_index()
    measured["kind"] = measured["num_steps"].map("{} steps, measured".format)
    kinds = ["limit of many steps", *measured["kind"].unique()]
    x = alt.X("variance:Q", title="variance S of the data at a frequency").scale(type="log").axis(format="~e")
    y = alt.Y("value:Q", title="variance of the latent there (white noise = 1)")
    legend = alt.Legend(title=None, orient="bottom")
    color = alt.Color("kind:N", legend=legend).scale(domain=kinds, range=[PALETTE[6], PALETTE[1], PALETTE[0]])
    shape = alt.Shape("kind:N", legend=legend).scale(domain=kinds, range=["stroke", "circle", "triangle-up"])
    tooltip = [
        alt.Tooltip("kind:N", title=" "),
        alt.Tooltip("variance:Q", title="S", format=".2~e"),
        alt.Tooltip("value:Q", title="variance of the latent", format=".3f"),
    ]
    entry = alt.Chart(pd.DataFrame({"variance": [result.attrs["entry"]], "text": ["s₀²"]}))
    return alt.layer(
        entry.mark_rule(strokeDash=[4, 4], color="#555555").encode(alt.X("variance:Q")),
        entry.mark_text(align="left", dx=5, y=10, color="#555555").encode(alt.X("variance:Q"), text="text:N"),
        alt.Chart(limit).mark_line().encode(x, y, color, tooltip=tooltip),
        alt.Chart(measured).mark_point().encode(x, y, color, shape, tooltip=tooltip),
    ).properties(description="Variance of the inverted latent against the variance of the data, per frequency")


def domains_overview(domains: list[xr.Dataset]) -> alt.VConcatChart:
    """Of each data set some pairs and the spectra of both domains; results of `studies.domains.run`."""
    rows = [alt.hconcat(_pairs(one), _domain_spectra(one), spacing=30, title=one.attrs["title"]) for one in domains]
    titles = ", ".join(one.attrs["title"] for one in domains)
    return alt.vconcat(*rows, spacing=30).properties(description=f"Pairs and radial spectra of {titles}")


def _pairs(domains: xr.Dataset, count: int = 3) -> alt.Chart:
    """Sources above their targets."""
    image = domains["image"].isel(shown=slice(count)).sel(domain=["source", "target"])
    columns = {str(number + 1): image.isel(shown=number).to_numpy() for number in range(image.sizes["shown"])}
    return pictures.grid(columns, ["source", "target"], side=80)


def _domain_spectra(domains: xr.Dataset) -> alt.LayerChart:
    return _spectra(domains["power"].rename(domain="series"), _DOMAINS, "power (log scale)", width=220, height=160)


def domains_table(domains: list[xr.Dataset]) -> pd.DataFrame:
    """A row per data set: kind and number of images, and how their spectra fall, with 95 % intervals.

    The ratio is that of the mean powers above half the Nyquist frequency (geometric mean over images).
    """
    rows = []
    for one in domains:
        high = np.log(one["power"].where(one["frequency"] > 0.25, drop=True).mean("frequency"))
        ratio = bootstrap_mean((high.sel(domain="source") - high.sel(domain="target")).to_numpy())
        rows.append(
            {
                "Data set": one.attrs["dataset"],
                "Images": one.attrs["data_source"],
                "Train": one.attrs["train_images"],
                "Test": one.attrs["test_images"],
                "Measured": one.sizes["sample"],
                "Slope of the targets": text(bootstrap_mean(one["slope"].to_numpy()), 2),
                "High frequencies, source / target": text(Interval(*np.exp(ratio)), 2),
            }
        )
    return pd.DataFrame(rows).set_index("Data set")


def _spectra(
    power: xr.DataArray,
    series: dict[str, tuple[str, str, list[int]]],
    title: str,
    width: int = 440,
    height: int = 300,
    scale: Literal["log", "linear"] = "log",
) -> alt.LayerChart:
    """Mean power (series, sample, frequency) over samples as lines with their intervals as bands.

    A mean power within rounding error of 0 is not drawn: the logarithm has no place for it.
    """
    tables = []
    for name, (label, _, _) in series.items():
        interval = bootstrap_mean(power.sel(series=name).transpose("frequency", "sample").to_numpy())
        columns = {"series": label, "frequency": power["frequency"].to_numpy(), **interval._asdict()}
        tables.append(pd.DataFrame(columns))
    table = pd.concat(tables)
    table = table[table["low"] > 1e-9]
    labels, colors, dashes = zip(*series.values(), strict=True)
    base = alt.Chart(table).encode(
        alt.X("frequency:Q", title=_CYCLES).scale(type="log", nice=False).axis(format="~g"),
        alt.Color("series:N", title=None).scale(domain=labels, range=colors).legend(**_LINES),
    )
    y = alt.Y("mean:Q", title=title).scale(type=scale).axis(format="~g", tickCount=6)
    tooltip = [
        alt.Tooltip("series:N", title=" "),
        alt.Tooltip("frequency:Q", title=_CYCLES, format=".3f"),
        alt.Tooltip("mean:Q", title="mean power", format=".3~g"),
        alt.Tooltip("low:Q", title="95 % from", format=".3~g"),
        alt.Tooltip("high:Q", title="to", format=".3~g"),
    ]
    return alt.layer(
        base.mark_area(opacity=0.2).encode(alt.Y("low:Q").scale(type=scale), alt.Y2("high:Q")),
        base.mark_line().encode(
            y,
            alt.StrokeDash("series:N", title=None).scale(domain=labels, range=dashes).legend(**_LINES),
            tooltip=tooltip,
        ),
    ).properties(width=width, height=height)
