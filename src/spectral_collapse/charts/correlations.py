"""Figures of the chapter on correlations: tables of `findings.correlations`, pictures of its study's results."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines, pictures
from spectral_collapse.charts.decorrelation import GREY
from spectral_collapse.findings.correlations import READINGS
from spectral_collapse.findings.decorrelation import Found
from spectral_collapse.findings.latents import called
from spectral_collapse.findings.measured import label
from spectral_collapse.metrics import SCORES
from spectral_collapse.studies.correlations import MADE


def method_means(table: pd.DataFrame, score: str) -> alt.FacetChart:
    """A score of images against S_DC of latents, a marker per method (Figs. 4, 15, 16), of `findings.latent_means`;
    dashed, white noise and what is sampled from it."""
    table = table.assign(point=table["point"].map(called))
    symbol = SCORES[score].symbol
    look = lines.channels(lines.looks(table["point"].unique()), "point", points=True, columns=4)
    x = alt.X("mean:Q", title="S_DC of the latents").scale(zero=False, padding=8)
    y = alt.Y("score:Q", title=f"{symbol} of the images").scale(zero=False, padding=8)
    tooltip = [
        alt.Tooltip("point:N", title=" "),
        *lines.interval_tooltip("S_DC"),
        alt.Tooltip("score:Q", title=symbol, format=".3f"),
        alt.Tooltip("score_low:Q", title="95 % from", format=".3f"),
        alt.Tooltip("score_high:Q", title="to", format=".3f"),
    ]
    base = alt.Chart().encode(color=look["color"], tooltip=tooltip)
    rules = alt.Chart().transform_aggregate(groupby=["panel"], white="mean(white)", limit="mean(limit)")
    rules = rules.mark_rule(color=GREY, strokeDash=[4, 4])
    chart = alt.layer(
        rules.encode(x="white:Q"),
        rules.encode(y="limit:Q"),
        base.mark_rule().encode(alt.X("low:Q"), alt.X2("high:Q"), y),
        base.mark_rule().encode(x, alt.Y("score_low:Q"), alt.Y2("score_high:Q")),
        base.mark_point(size=65).encode(x, y, shape=look["shape"]),
    ).properties(width=215, height=190)
    return lines.panels(chart, table, x="independent", y="independent").properties(
        description=f"{symbol} against S_DC by method, {_panels(table)}"
    )


def single_images(table: pd.DataFrame, score: str = "s_hf") -> alt.FacetChart:
    """A score against S_DC, a small mark per image, with a straight line for each method and a black one for all, of
    `findings.single_images`."""
    table = table.assign(point=table["point"].map(called))
    symbol = SCORES[score].symbol
    look = lines.channels(lines.looks(table["point"].unique()), "point", points=True, columns=4)
    x = alt.X("s_dc:Q", title="S_DC of the latent").scale(zero=False)
    y = alt.Y(f"{score}:Q", title=f"{symbol} of the image").scale(zero=False)
    base = alt.Chart().encode(x, y, color=look["color"])
    tooltip = [alt.Tooltip(f"{name}:N", title=" ") for name in ("point", "sample")]
    tooltip += [alt.Tooltip(f"{name}:Q", title=SCORES[name].symbol, format=".3f") for name in ("s_dc", score)]
    chart = alt.layer(
        base.mark_point(size=14, opacity=0.5).encode(shape=look["shape"], tooltip=tooltip),
        base.transform_regression("s_dc", score, groupby=["point", "panel"])
        .mark_line(strokeWidth=2)
        .encode(strokeDash=look["strokeDash"]),
        base.transform_regression("s_dc", score, groupby=["panel"])
        .mark_line(strokeWidth=3)
        .encode(color=alt.value("black")),
    ).properties(width=215, height=190)
    return lines.panels(chart, table, x="independent", y="independent").properties(
        description=f"{symbol} against S_DC, image by image, with a line for each method, {_panels(table)}"
    )


def correlations(table: pd.DataFrame) -> alt.FacetChart:
    """Rank correlations with S_DC in four readings, of `findings.correlations`."""
    x = alt.X("mean:Q", title="rank correlation with S_DC").scale(domain=[-1, 1])
    y = alt.Y("reading:N", sort=list(READINGS), title=None)
    chart = lines.whiskers(None, x, y, lines.looks(table["score"].unique()), "score", side_by_side=True)
    chart = alt.layer(lines.rule(x=0), *chart.layer).properties(width=190, height=160)
    return lines.panels(chart, table).properties(
        description=f"Rank correlations of S_HF and S_LF with S_DC in four readings, {_panels(table)}"
    )


def experiment(table: pd.DataFrame) -> alt.FacetChart:
    """S_DC, S_HF and S_LF of latents that were made, a row of panels per data set, of `findings.experiment`."""
    table = table.assign(point=table["point"].map(called))
    points, scores, panels = (list(table[name].unique()) for name in ("point", "score", "panel"))
    x = alt.X("mean:Q", title=None).scale(zero=False, padding=8).axis(tickCount=4)
    y = alt.Y("point:N", sort=points, title=None)
    look = lines.looks(["left as it is", "made white, or noise"])
    table = table.assign(series=[list(look)[point in MADE] for point in table["point"]])
    tooltip = [alt.Tooltip(f"{name}:N", title=" ") for name in ("point", "score")] + lines.interval_tooltip("mean")
    chart = lines.whiskers(None, x, y, look, tooltip=tooltip).properties(width=150, height=22 * len(points))
    return (
        chart.facet(
            data=table,
            column=alt.Column("score:N", sort=scores, title=None),
            row=alt.Row("panel:N", sort=panels, title=None).header(
                labelAngle=0, labelAlign="left", labelExpr="split(replace(datum.label, ' (', '|('), '|')"
            ),
        )
        .resolve_scale(x="independent")
        .properties(description=f"Scores of latents that were made white, {_panels(table)}")
    )


def experiment_pictures(found: Found) -> alt.FacetChart:
    """A source of each data set, what is sampled from each latent of the experiment, and the true target."""
    studies, columns = list(found.values()), {"Source": [one["source_image"][0].to_numpy() for one in found.values()]}
    for name in ("standard", *MADE):
        columns[_wrapped(name)] = [one["image"].sel(point=name)[0].to_numpy() for one in studies]
    columns["True target"] = [one["target_image"][0].to_numpy() for one in studies]
    return pictures.grid(
        columns,
        [label(one).replace(", ", ",|") for one in studies],
        f"Images sampled from latents that were made white, {', '.join(map(label, studies))}",
        labelled=True,
    )


def _wrapped(name: str) -> str:
    return name.capitalize().replace(" noise", "|noise").replace(" of|", " of ")


def _panels(table: pd.DataFrame) -> str:
    return ", ".join(table["panel"].unique())
