"""The Pareto study drawn: texture against structure, and the same numbers as a table."""

from __future__ import annotations

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines
from spectral_collapse.charts.benchmark import NAMES_WIDTH, labelled, names
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings import pareto as findings
from spectral_collapse.findings.benchmark import called, capped, title
from spectral_collapse.findings.intervals import ends
from spectral_collapse.statistics import Interval, text

KINDS = {
    "standard": "Standard",
    "taba": "TABA",
    "ovg": "OVG",
    "ovg+taba": "OVG + TABA",
    "other": "Other methods",
    "target": "True target",
    "autoencoder": "Target after the autoencoder",
}
"""What each kind of point is called."""
_COLORS = [PALETTE[place] for place in (0, 1, 3, 4, 5, 2, 2)]
_SHAPES = ("circle", "triangle-up", "diamond", "cross", "triangle-left", "square", "triangle-down")
LOOKS: lines.Looks = {
    name: Look(color, shape=shape) for name, color, shape in zip(KINDS.values(), _COLORS, _SHAPES, strict=True)
}
"""Of each kind."""

TITLES = {"s_hf": "texture restored, S_HF (dimensionless) →", findings.DETAIL: "nearness in fine detail →"}
"""What is called texture -> how its axis says so."""
_DIGITS = {"s_hf": 3, findings.DETAIL: 2, "s_lf": 3, "s_dc": 3, "psnr": 2}
_WIDTH, _HEIGHT = 745, 420
"""Pixels of `front`, with the names of points at its right."""


@lines.described
def front(study: xr.Dataset, texture: str = "s_hf") -> alt.LayerChart:
    """Structure S_LF (x), capped at that of its true target, against texture (y), a key of `TITLES`: every point with
    its intervals, and two fronts.

    A marker is a mean over images (seeds averaged first), its bars the 95 % bootstrap intervals. OVG's
    points are joined along eta_HF where they share eta_LF. A menu singles out a kind of points, drag and scroll
    to move and zoom, hover for all numbers. The study is a result of `studies.pareto`.
    """
    table = findings.summary(capped(study), texture)
    table["kind"] = table["method"].map(KINDS).fillna(KINDS["other"])
    for score, digits in _DIGITS.items():
        table[f"{score}_text"] = _intervals(table, score, digits)
    written = _labels(study, findings.published(study).get("ovg"))
    table = labelled(table.assign(name=table["point"].map(written)), _HEIGHT, texture)
    looks = lines.present(LOOKS, table["kind"])
    menu = alt.binding_select(options=[None, *looks], labels=["all", *looks], name="Single out: ")
    picked = alt.selection_point(fields=["kind"], bind=menu)
    left, right, place = table["s_lf_low"].min(), table["s_lf_high"].max(), _WIDTH - NAMES_WIDTH
    room = {"domain": [left, left + (right - left) * _WIDTH / place], "nice": False}
    labels = "datum.value > 1 ? '' : datum.label"
    x = lines.x_axis("s_lf", "structure kept, S_LF, capped at its true target's →", labelExpr=labels, **room)
    y = lines.y_axis(texture, TITLES[texture], zero=False, nice=False, padding=12)
    encoded = lines.channels(looks, "kind", points=True, columns=6)
    shown = alt.condition(picked, alt.value(1.0), alt.value(0.12))
    base = alt.Chart(table).encode(color=encoded["color"], opacity=shown)
    marks = base.mark_point(filled=True, size=95, stroke="white", strokeWidth=0.8).add_params(picked)
    marks = marks.encode(x, y, shape=encoded["shape"], tooltip=_tooltips())
    bars = base.mark_rule(strokeWidth=1).encode(opacity=alt.condition(picked, alt.value(0.45), alt.value(0.06)))
    layers = [
        *_fronts(table, x, y, texture),
        _grid_lines(table, x, y),
        bars.encode(alt.X("s_lf_low:Q"), y, x2="s_lf_high:Q"),
        bars.encode(x, alt.Y(f"{texture}_low:Q"), y2=f"{texture}_high:Q"),
        marks,
        *(part.encode(opacity=shown) for part in names(x, y, place)),
    ]
    return alt.layer(*layers, data=table).properties(width=_WIDTH, height=_HEIGHT).interactive()


def table(study: xr.Dataset) -> pd.DataFrame:
    """The numbers behind `front`, a row per point and reference, '-' where there is no value.

    Scores are means over images with their 95 % intervals, the energy a geometric mean; S_G is of the
    whole set, a mean over seeds. 'Clipped steps' is the share of OVG's steps whose variance correction is as
    long as the clip allows.
    """
    rows = findings.summary(study)
    references = {kind: KINDS[kind] for kind in findings.REFERENCES}
    shown = pd.DataFrame({"Point": rows["point"].replace(references).map(findings.named)})
    for score, digits in _DIGITS.items():
        shown[title(score)] = _intervals(rows, score, digits)
        if score == "s_hf":
            shown["HF energy over that of training targets"] = _intervals(rows, "hf_energy", 2)
        elif score == "s_dc":
            shown["Norm / sqrt(d)"] = _intervals(rows, "norm", 3)
    shown[title("s_g")] = _written(rows["s_g"], "{:.3f}")
    shown["Clipped steps"] = _written(rows["clipped_hf"], "{:.0%}")
    shown["Network calls"] = _written(rows["network_calls"], "{:.0f}")
    shown["Images x seeds"] = rows["images"].map(str) + _written(rows["seeds"], " x {:.0f}", missing="")
    shown["On the front"] = rows["on_front"].map({True: "yes", False: ""})
    return shown.set_index("Point").rename_axis(index=None, columns="Point")


def _fronts(rows: pd.DataFrame, x: alt.X, y: alt.Y, texture: str) -> list[alt.Chart]:
    """The staircases of all points and of the baselines: what lies below and left of them is dominated."""
    left, floor = rows["s_lf_low"].min(), rows[f"{texture}_low"].min()
    stairs = []
    for column, dash, color in (("on_front", [1, 0], "#777777"), ("on_baseline_front", [6, 4], PALETTE[0])):
        corners = rows.loc[rows[column], ["s_lf", texture]].sort_values("s_lf")
        steps = [(left, corners[texture].max()), *corners.itertuples(index=False), (corners["s_lf"].max(), floor)]
        stairs.append(
            alt.Chart(pd.DataFrame(steps, columns=["s_lf", texture]).reset_index())
            .mark_line(interpolate="step-before", strokeDash=dash, color=color, strokeWidth=1.5, opacity=0.8)
            .encode(x, y, order="index:Q")
        )
    return stairs


def _intervals(rows: pd.DataFrame, score: str, digits: int) -> pd.Series:
    """'mean [low, high]' of a score, the interval not to be broken; '-' where it has no value."""
    found = rows[[score, *ends(score)]].to_numpy()
    return pd.Series([text(Interval(*one), digits).replace(", ", ",\u00a0") for one in found], rows.index)


def _written(values: pd.Series, form: str, missing: str = "-") -> pd.Series:
    return values.map(form.format, na_action="ignore").fillna(missing)


def _grid_lines(rows: pd.DataFrame, x: alt.X, y: alt.Y) -> alt.Chart:
    """OVG's points of equal eta_LF, joined in the order of eta_HF; the standard inversion is the point (0, 0)."""
    grid = rows[rows["method"].isin(["standard", "ovg"])].fillna({"eta_hf": 0, "eta_lf": 0})
    mark = alt.Chart(grid).mark_line(strokeWidth=1, strokeDash=[2, 2], color=LOOKS["OVG"].color, opacity=0.6)
    return mark.encode(x, y, detail="eta_lf:N", order="eta_hf:Q")


def _labels(study: xr.Dataset, published: str | None) -> dict[str | None, str]:
    """What is written for points: all but OVG's, of which the published one and the best of the grid have a name."""
    kept = ["standard", *map(str, study["point"].to_numpy()[study["method"] == "taba"])]
    own = {point: called(point.partition(" (")[0]) for point in findings.others(study)}
    best = findings.best_ovg(study)
    ovg = {best: "OVG, best of grid", published: "OVG, published" + ", best" * (best == published)}
    return dict(zip(kept, kept, strict=True)) | {"target": KINDS["target"]} | own | ovg


def _tooltips() -> list[alt.Tooltip]:
    texts = {f"{score}_text:N": f"{title(score, arrow=False)}, mean [95 %]" for score in _DIGITS}
    return [
        *lines.tips({"point:N": "Point"} | texts | {"s_g:Q": "S_G"}, ".3f"),
        *lines.tips({"clipped_hf:Q": "Steps with clipped variance correction"}, ".0%"),
        *lines.tips({"network_calls:Q": "Network calls per image", "images:Q": "Images", "seeds:Q": "Seeds"}),
    ]
