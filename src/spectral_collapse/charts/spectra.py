"""Charts of radial spectra: images, latents."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines, pictures
from spectral_collapse.charts.lines import Look, described, tips, x_axis
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.collapse import TITLES
from spectral_collapse.studies.collapse import OUTPUTS

_OUTPUTS = lines.looks(OUTPUTS)
IMAGES = {
    "source": ("source", Look("#999999")),
    **{name: (f"{name}, then sampling", look) for name, look in _OUTPUTS.items()},
    "target": ("true target", Look(PALETTE[2], (6, 3))),
}
_WHITE = Look(lines.DASHED["color"], (12, 3))
"""Of white noise beside methods: like none of `lines.looks`."""
_LATENTS = {
    "source, network": _OUTPUTS["standard"],
    **{f"source, {name}": _OUTPUTS[name] for name in ("DPM-Solver++", "TABA", "OVG")},
    "source, closed form": Look("#777777", (6, 3)),
    "target, network": Look(PALETTE[2]),
}
"""The look of a series of latents."""

_COLUMNS = {
    "Source": "source",
    "Standard|inversion": "standard",
    "Cycle|diffusion": "cycle diffusion",
    "TABA": "TABA",
    "OVG": "OVG",
    "True target": "target",
}
"""Title of a column of pictures -> its series."""
DETAIL = ", detail"
CYCLES = "spatial frequency (cycles per pixel)"
FREQUENCY = x_axis("frequency", CYCLES, log=True, format="~g")
"""The axis of spectra."""


@described
def image_spectra(table: pd.DataFrame) -> alt.LayerChart:
    """Power against frequency of sources, true targets and outputs, of `findings.collapse.image_spectra`."""
    return radial(table, IMAGES, "power over that of true targets (log scale)")


@described
def latent_spectra(table: pd.DataFrame) -> alt.FacetChart:
    """Power against frequency of inverted latents, a panel each, of `findings.collapse.latent_spectra`: the mean, and a
    thin line per picture where there are only a few of them. The dashed line is white noise."""
    titles = {name: TITLES[name] for name in _LATENTS}
    shown = table.assign(panel=table["series"].map(titles)).dropna(subset="panel")
    y = alt.Y("mean:Q", title="power, white noise = 1 (log)")
    y = lines.log_axis(y, shown, [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30])
    color = lines.channels({titles[name]: look for name, look in _LATENTS.items()}, "panel")["color"].legend(None)
    tooltip = tips({"panel:N": " ", "picture:N": "picture", "frequency:Q": CYCLES, "mean:Q": "power"}, ".3~g")
    base = alt.Chart().encode(FREQUENCY, y, color, tooltip=tooltip)
    single = base.transform_filter("isValid(datum.picture)").mark_line(strokeWidth=1, opacity=0.6)
    mean = base.transform_filter("!isValid(datum.picture)").mark_line(strokeWidth=2.5, point="transparent")
    pictures_too = [single.encode(detail="picture:N")] if shown["picture"].notna().any() else []
    chart = alt.layer(lines.rule(y=1), *pictures_too, mean)
    return lines.panels(chart.properties(width=lines.width(3), height=170), shown)


@described
def method_spectra(table: pd.DataFrame) -> alt.LayerChart:
    """Power against frequency of several methods' latents, a table of `findings.intervals.means`.

    The first series is white noise.
    """
    white, *methods = table["series"].unique()
    looks = {white: _WHITE} | lines.looks(methods)
    series = {name: (name, look) for name, look in looks.items()}
    return radial(table, series, "power of the latent (white noise = 1)", log=False)


@pictures.explained
@described
def collapse_pictures(study: xr.Dataset, rows: int = 4, detail: int = 24) -> alt.FacetChart:
    """Sources, what the standard inversion and the cures make of them, and the true targets: of images that may not be
    published, the outputs alone.

    Below each row are the middle `detail` x `detail` pixels, enlarged, unless that is 0; hovering tells an image's own
    high-frequency energy.
    """
    names = list(study["shown"].to_numpy()[:rows])
    image = study["image"].sel(shown=names)
    series = {title: name for title, name in _COLUMNS.items() if "withheld" not in study.attrs or name in OUTPUTS}
    middle = slice(image.sizes["row"] // 2 - detail // 2, image.sizes["row"] // 2 + detail // 2)
    parts = {"": image} | ({DETAIL: image.isel(row=middle, col=middle)} if detail else {})
    columns = {
        title: [part.sel(image_series=one, shown=name) for name in names for part in parts.values()]
        for title, one in series.items()
    }

    def energy(title: str, name: str) -> dict[str, str]:
        value = float(study["image_excess"].sel(image_series=series[title], sample=name.removesuffix(DETAIL)))
        return {"High-frequency energy over that of training targets": f"{np.exp(value):.2f}"}

    rows = [name + ending for name in names for ending in parts]
    return pictures.grid(columns, rows, details=energy)


@described
def radial(
    table: pd.DataFrame,
    series: Mapping[str, tuple[str, Look]],
    title: str,
    log: bool = True,
    scale: alt.Scale | None = None,
) -> alt.LayerChart:
    """Mean power of each series with its interval. scale: of the power, without it that of the table."""
    shown = table[table["series"].isin(list(series))]
    shown = shown.assign(series=shown["series"].map({name: label for name, (label, _) in series.items()}))
    y = alt.Y("mean:Q", title=title)
    y = lines.log_axis(y, shown) if log else y.axis(format="~g", tickCount=6)
    y = y if scale is None else y.scale(scale)
    chart = lines.bands(shown, FREQUENCY, y, dict(series.values()))
    return chart.properties(width=lines.width(1), height=300)
