"""Scores of folders as a table with intervals."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from spectral_collapse.findings import intervals
from spectral_collapse.statistics import Interval, interval, text


def score_table(scores: xr.Dataset) -> pd.DataFrame:
    """A row per score of `metrics.evaluate_folders`, those with a value first.

    Columns: score; name, as figures write it; mean, low, high, a 95 % interval over images where the score is of each
    image (else, and for a single image, low and high are NaN); n images; better, which values are; missing, what a
    score without a value needs.
    """
    rows = []
    for name, values in scores.data_vars.items():
        found, attrs = Interval(float(values.mean()), float("nan"), float("nan")), values.attrs
        if values.dims == ("sample",) and values.size > 1 and values.notnull().any():
            found = interval(values, bounds=intervals.bounds_of(str(name)))
        rows.append(
            {
                **{"score": name, "name": attrs.get("long_name", name)},
                **{key: float(value) for key, value in found._asdict().items()},
                **{"n": attrs.get("n", 0), "better": attrs.get("direction", ""), "missing": attrs.get("missing", "")},
            }
        )
    table = pd.DataFrame(rows)
    return table.sort_values("missing", key=lambda column: column != "", kind="stable", ignore_index=True)


def printed(table: pd.DataFrame) -> str:
    """A table of `score_table` for a screen: a line per score, and one for what each group of missing ones needs."""
    lines = []
    for row in table[table["missing"] == ""].itertuples():
        value = f"{row.mean:.4g}" if pd.isna(row.low) else text(Interval(row.mean, row.low, row.high), 3)
        lines.append(f"{row.score:<24}{value:<28}{row.better}")
    for needs, rows in table[table["missing"] != ""].groupby("missing", sort=False):
        lines.append(f"not measured, {needs}: {', '.join(rows['score'])}")
    return "\n".join(lines)
