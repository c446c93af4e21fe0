"""Figures of the chapter on correlations: tables of `findings.correlations`, pictures of its study's results."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines, pictures
from spectral_collapse.charts.latents import named
from spectral_collapse.charts.lines import tips, x_axis, y_axis
from spectral_collapse.findings.correlations import READINGS
from spectral_collapse.findings.decorrelation import Found
from spectral_collapse.findings.measured import title_of
from spectral_collapse.metrics import SCORES
from spectral_collapse.studies.correlations import MADE


@lines.described
def method_means(table: pd.DataFrame, score: str) -> alt.FacetChart:
    """A score of images against S_DC of latents, a marker per method (Figs. 4, 15, 16), of `findings.latent_means`;
    dashed, white noise and what is sampled from it."""
    table = named(table, "point")
    x = x_axis("mean", "S_DC of the latents", zero=False, padding=8)
    y = y_axis("score", f"{SCORES[score].symbol} of the images", zero=False, padding=8)
    below = [lines.of_panel(x="white"), lines.of_panel(y="limit")]
    return lines.figure(table, lines.crossed, x, y, series="point", below=below, free="xy")


@lines.described
def single_images(table: pd.DataFrame) -> alt.FacetChart:
    """A score against S_DC, a small mark per image, with a straight line for each method and a black one for all, of
    `findings.single_images`."""
    table = named(table, "point")
    look = lines.channels(lines.looks(table["point"].unique()), "point", points=True, columns=4)
    x = x_axis("s_dc", "S_DC of the latent", zero=False)
    base = alt.Chart().encode(x, y_axis("s_hf", "S_HF of the image", zero=False), color=look["color"])
    tooltip = tips({"point:N": " ", "sample:N": " ", "s_dc:Q": "S_DC", "s_hf:Q": "S_HF"}, ".3f")
    each, every = (base.transform_regression("s_dc", "s_hf", groupby=by) for by in (["point", "panel"], ["panel"]))
    marks = [
        base.mark_point(size=14, opacity=0.5).encode(shape=look["shape"], tooltip=tooltip),
        each.mark_line(strokeWidth=2).encode(strokeDash=look["strokeDash"]),
        every.mark_line(strokeWidth=3).encode(color=alt.value("black")),
    ]
    chart = alt.layer(*marks).properties(width=lines.width(3, free=True), height=190)
    return lines.panels(chart, table, x="independent", y="independent")


@lines.described
def correlations(table: pd.DataFrame) -> alt.FacetChart:
    """Rank correlations of scores with S_DC in four readings, of `findings.correlations`."""
    x = x_axis("mean", "rank correlation with S_DC", domain=[-1, 1])
    y, below = y_axis("reading:N", sort=list(READINGS)), [lines.rule(x=0)]
    return lines.figure(table, lines.whiskers, x, y, series="score", height=160, below=below, side_by_side=True)


@lines.described
def experiment(table: pd.DataFrame) -> alt.FacetChart:
    """S_DC, S_HF and S_LF of latents that were made, a row of panels per data set, of `findings.experiment`."""
    table = named(table, "point")
    points = list(table["point"].unique())
    x = x_axis("mean", zero=False, padding=8, tickCount=4)
    y = y_axis("point:N", sort=points)
    look = lines.looks(["left as it is", "made white, or noise"])
    table = table.assign(series=[list(look)[point in MADE] for point in table["point"]])
    chart = lines.whiskers(None, x, y, look, tooltip=tips({"score:N": "score"}))
    chart = chart.properties(width=150, height=22 * len(points))
    header = {"labelAngle": 0, "labelAlign": "left", "labelExpr": "split(replace(datum.label, ' (', '|('), '|')"}
    return lines.matrix(chart, table, "panel", "score", **header).resolve_scale(x="independent")


@pictures.explained
@lines.described
def experiment_pictures(found: Found) -> alt.FacetChart:
    """A source of each data set, what is sampled from each latent of the experiment, and the true target."""
    studies, columns = list(found.values()), {}
    for name in ("standard", *MADE):
        title = name.capitalize().replace(" noise", "|noise").replace(" of|", " of ")  # in two lines
        columns[title] = [one["image"].sel(point=name)[0] for one in studies]
    source, target = ([one[f"{side}_image"][0] for one in studies] for side in ("source", "target"))
    columns = {"Source": source, **columns, "True target": target}
    return pictures.grid(columns, [title_of(one).replace(", ", ",|") for one in studies], labelled=True)
