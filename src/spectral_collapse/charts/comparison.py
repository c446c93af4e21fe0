"""Methods against a baseline, scores against each other, and the table of what was scored."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts.lines import described, panels, tips, width, x_axis, y_axis
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.benchmark import title
from spectral_collapse.findings.comparison import LEVEL
from spectral_collapse.metrics import SCORES, ScoreInfo

_VERDICTS = {
    "better": ("better", PALETTE[0], "+"),
    "worse": ("worse", PALETTE[1], "\u2212"),
    "open": ("no significant difference", "#eeeeee", ""),
    "higher": ("higher", PALETTE[3], "+"),
    "lower": ("lower", PALETTE[4], "\u2212"),
}
"""What a difference's interval says, its colour and its sign; the last two where a score has no direction."""

_CELL, _ROW = 62, 20
"""Side of a cell of the matrix and height of a point's row in pixels."""


@described
def correlation(matrix: xr.Dataset) -> alt.LayerChart:
    """How scores go together, Fig. 14 of Spectral Collapse: a result of `findings.comparison.correlation`.

    Blue goes together, orange against each other. A value in brackets has a 95 % interval that contains 0;
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
    bare = {"domain": False, "ticks": False}
    kind = "Spearman correlation"
    base = alt.Chart(table).encode(
        x_axis("column:N", sort=[symbols[name] for name in names[:-1]]).axis(**bare, labelAngle=-35),
        y_axis("row:N", sort=[symbols[name] for name in names[1:]]).axis(**bare),
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
    ).properties(
        width=side, height=side, description=f"{kind} between scores, in brackets where its interval contains 0"
    )


@described
def differences(found: Mapping[str, xr.Dataset]) -> alt.FacetChart:
    """Whether each point differs from the baseline on each data set, a panel per score.

    found: title of a data set -> a result of `findings.comparison.paired`. The colour says whether the interval leaves
    0 out, and to which side; of `findings.comparison.corrected`, whether the correction leaves the difference
    significant. Hover for the difference and the share of images that are better.
    """
    table = pd.concat([_told(pairs).assign(data=title) for title, pairs in found.items()], ignore_index=True)
    domain, colors, _ = zip(*(look for look in _VERDICTS.values() if look[0] in set(table["verdict"])), strict=True)
    x = x_axis("data:N", sort=list(found), labelAngle=-50, ticks=False, labelLimit=140)
    y = y_axis("point:N", sort=list(table["point"].unique()), ticks=False, labelLimit=200)
    legend = alt.Legend(title=None, orient="bottom", labelLimit=300)
    titles = {"point:N": "point", "data:N": "data", "difference:Q": "difference", "difference_low:Q": "95 % from"}
    titles |= {"difference_high:Q": "to", "share:N": "images improved", "bounds:N": "95 %"}
    base = alt.Chart().encode(x, y, tooltip=tips(titles, ".3f"))
    cell = base.mark_rect(stroke="white").encode(
        alt.Color("verdict:N", legend=legend).scale(domain=domain, range=colors)
    )
    sign = base.mark_text(fontSize=13, color="white").encode(text="sign:N")
    scores = table["panel"].nunique()
    size = {"width": width(scores, 130 / scores, free=True), "height": _ROW * table["point"].nunique()}
    return panels(alt.layer(cell, sign).properties(**size), table, columns=scores)


def _told(pairs: xr.Dataset) -> pd.DataFrame:
    """A row per point and score, with what its difference says."""
    table = pairs.to_dataframe().reset_index()
    kinds = [_verdict(SCORES[row.score], row.difference_low, row.difference_high) for row in table.itertuples()]
    if "adjusted" in pairs:
        kinds = [kind if p < LEVEL else "open" for kind, p in zip(kinds, table["adjusted"], strict=True)]
    table["verdict"], table["sign"] = ([_VERDICTS[kind][part] for kind in kinds] for part in (0, 2))
    table["panel"] = table["score"].map(title)
    table["share"] = table["improved"].map("{:.0%}".format, na_action="ignore").fillna("-")
    ends = [table[f"improved_{end}"].map("{:.0%}".format, na_action="ignore") for end in ("low", "high")]
    return table.assign(bounds=(ends[0] + " to " + ends[1]).fillna("-"))


def _verdict(card: ScoreInfo, low: float, high: float) -> str:
    if not (low > 0 or high < 0):  # NaN is open too
        return "open"
    if card.higher_is_better is None:
        return "higher" if low > 0 else "lower"
    return "better" if (low > 0) == card.higher_is_better else "worse"
