"""The figure above the table of all claims: `findings.benchmark.relative`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.benchmark import SERIES, named_panels, names, present, series
from spectral_collapse.charts.lines import tips, with_ends, x_axis, y_axis


@lines.described
def places(table: pd.DataFrame) -> alt.FacetChart:
    """Every method in the plane of S_LF and S_HF, the standard inversion at the crossing of the dashed lines; a panel
    per data set."""
    x = x_axis("s_lf", "Δ S_LF, cut at the target's →", nice=False, padding=10, tickCount=4)
    y = y_axis("s_hf", "Δ S_HF →", nice=False, padding=10, tickCount=5)
    tooltip = tips({"method:N": " ", "kind:N": " "})
    tooltip += with_ends({"s_lf": "Δ S_LF, cut", "s_hf": "Δ S_HF"}, "+.3f") + tips({"cost:Q": "cost"}, ".2f")
    marks = lines.crossed(x, y, present(SERIES, series(table)), "series", tooltip, 75, columns=6, opacity=0.2)
    chart = alt.layer(lines.rule(x=0), lines.rule(y=0), *names(x, y), *marks)
    return named_panels(chart, table).resolve_legend(color="shared")
