"""Methods against a baseline, scores against each other, and the table of what was scored."""

from __future__ import annotations

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts.lines import DASHED, described, tips
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.comparison import LEVEL
from spectral_collapse.metrics import SCORES, ScoreInfo

_VERDICTS = {
    "better": ("better", PALETTE[0], "circle"),
    "worse": ("worse", PALETTE[1], "square"),
    "open": ("no significant difference", "#777777", "diamond"),
    "higher": ("higher", PALETTE[3], "triangle-up"),
    "lower": ("lower", PALETTE[4], "triangle-down"),
}
"""What a difference's interval says, its colour and its shape; the last two where a score has no direction."""

_CELL, _ROW, _WIDTH, _COLUMNS = 62, 20, 150, 2
"""Side of a cell of the matrix, height of a point's row and width of a panel in pixels; panels side by side."""


@described
def correlation(matrix: xr.Dataset) -> alt.LayerChart:
    """How scores go together, Fig. 14 of Spectral Collapse: a result of `findings.comparison.correlation`.

    Blue goes together, orange against each other. A value in brackets has a 95 % interval that holds 0;
    hover for the intervals. Each pair stands once, below the diagonal.
    """
    names = [str(name) for name in matrix["score"].to_numpy()]
    symbols = {name: SCORES[name].symbol for name in names}
    table = matrix[["r", "r_low", "r_high"]].to_dataframe().reset_index()
    place = {name: number for number, name in enumerate(names)}
    table = table[table["score"].map(place) > table["other"].map(place)]
    table["open"] = (table["r_low"] <= 0) & (table["r_high"] >= 0)
    table["label"] = ["-" if pd.isna(r) else f"{r:.2f}".replace("-", "\u2212") for r in table["r"]]
    table["label"] = table["label"].mask(table["open"], "(" + table["label"] + ")")
    table["interval"] = [f"[{low:.2f}, {high:.2f}]" for low, high in zip(table["r_low"], table["r_high"], strict=True)]
    table["row"], table["column"] = table["score"].map(symbols), table["other"].map(symbols)
    axis = {"title": None, "domain": False, "ticks": False}
    kind = matrix["r"].attrs["long_name"]
    base = alt.Chart(table).encode(
        alt.X("column:N", sort=[symbols[name] for name in names[:-1]]).axis(**axis, labelAngle=-35),
        alt.Y("row:N", sort=[symbols[name] for name in names[1:]]).axis(**axis),
        tooltip=tips({"row:N": "score", "column:N": "and", "r:Q": kind, "interval:N": "95 %"}, ".3f"),
    )
    color = (
        alt.Color("r:Q", title=kind)
        .scale(domain=[-1, 0, 1], range=[PALETTE[1], "#f7f7f7", PALETTE[0]], interpolate="lab")
        .legend(orient="right", gradientLength=160, format=".1f", values=[-1, -0.5, 0, 0.5, 1])
    )
    ink = alt.condition("abs(datum.r) > 0.6", alt.value("white"), alt.value("#222222"))
    side = _CELL * (len(names) - 1)
    return alt.layer(
        base.mark_rect(stroke="white", strokeWidth=2).encode(color),
        base.mark_text(fontSize=13).encode(text="label:N", color=ink),
    ).properties(width=side, height=side, description=f"{kind} between scores, in brackets where its interval holds 0")


@described
def differences(pairs: xr.Dataset) -> alt.ConcatChart:
    """Each point minus the baseline with its interval, a panel per score: a result of `findings.comparison.paired`.

    Markers are means over images, bars their 95 % bootstrap intervals; the colour and shape say whether
    the interval leaves 0 out, and to which side; of `findings.comparison.corrected`, whether Holm's correction
    leaves the difference significant. On the right the share of images that are better.
    """
    names = [str(name) for name in pairs["score"].to_numpy()]
    points = [str(point) for point in pairs["point"].to_numpy()]
    table = pairs.to_dataframe().reset_index()
    table["verdict"] = [
        _VERDICTS[_verdict(SCORES[row.score], row.difference_low, row.difference_high)][0] for row in table.itertuples()
    ]
    if "holm" in pairs:
        table.loc[~(table["holm"] < LEVEL), "verdict"] = _VERDICTS["open"][0]
    table["share"] = table["improved"].map("{:.0%}".format, na_action="ignore").fillna("-")
    ends = [table[f"improved_{end}"].map("{:.0%}".format, na_action="ignore") for end in ("low", "high")]
    table["bounds"] = (ends[0] + " to " + ends[1]).fillna("-")
    looks = [look for look in _VERDICTS.values() if look[0] in set(table["verdict"])]
    panels = [
        _panel(table[table["score"] == name], SCORES[name], points, looks, labels=number % _COLUMNS == 0)
        for number, name in enumerate(names)
    ]
    return alt.concat(*panels, columns=_COLUMNS, spacing=18)


def _panel(
    table: pd.DataFrame, card: ScoreInfo, points: list[str], looks: list[tuple[str, str, str]], labels: bool
) -> alt.LayerChart:
    """One score's differences; the labels of the points stand in the first column only."""
    domain, colors, shapes = zip(*looks, strict=True)
    legend = alt.Legend(title=None, orient="bottom", direction="horizontal", symbolOpacity=1)
    unit = f" ({card.units})" if card.units != "1" else ""
    y = alt.Y("point:N", sort=points, title=None)
    y = y.axis(labels=labels, ticks=False, domain=False, grid=True, labelLimit=260)
    x = alt.X("difference:Q", title=f"Δ {card.symbol}{unit} {card.arrow}".rstrip()).axis(tickCount=4)
    ends = {"difference_low:Q": "95 % from", "difference_high:Q": "to"}
    shares = {"share:N": "images improved", "bounds:N": "95 %"}
    base = alt.Chart(table).encode(
        y,
        alt.Color("verdict:N", legend=legend).scale(domain=domain, range=colors),
        tooltip=tips({"point:N": "point", "difference:Q": f"Δ {card.symbol}{unit}"} | ends | shares, ".3f"),
    )
    zero = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(**DASHED).encode(x="zero:Q")
    improved = base.mark_text(align="right", fontSize=11).encode(
        x=alt.value(_WIDTH + 36), text="share:N", color=alt.value("#222222")
    )
    head = alt.Chart(pd.DataFrame({"text": ["better"]})).mark_text(align="right", fontSize=11, fontStyle="italic")
    return alt.layer(
        zero,
        base.mark_rule(strokeWidth=1.5).encode(alt.X("difference_low:Q"), alt.X2("difference_high:Q")),
        base.mark_point(filled=True, size=55, opacity=1).encode(
            x, alt.Shape("verdict:N", legend=legend).scale(domain=domain, range=shapes)
        ),
        improved,
        head.encode(x=alt.value(_WIDTH + 36), y=alt.value(-8), text="text:N"),
    ).properties(width=_WIDTH, height=_ROW * len(points))


def _verdict(card: ScoreInfo, low: float, high: float) -> str:
    if not (low > 0 or high < 0):  # NaN is open too
        return "open"
    if card.higher_is_better is None:
        return "higher" if low > 0 else "lower"
    return "better" if (low > 0) == card.higher_is_better else "worse"
