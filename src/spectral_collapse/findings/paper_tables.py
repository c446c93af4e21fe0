"""The paper's printed numbers, and where they contradict each other (Spectral Collapse in Diffusion Inversion)."""

from __future__ import annotations

from functools import cache
from importlib import resources

import pandas as pd

OURS = {"lpips": "lpips_alex"}
"""Columns of the tables that are named differently here. The paper does not say which LPIPS it has."""

SCORES = ("psnr", "ms_ssim", "lpips", "fid", "s_hf", "s_lf", "s_dc")
"""The scores of the tables."""

SETTING = (
    "The paper's numbers are means over 3 seeds for real images at 256 px, with a latent network of the size of SD 1.5 "
    "(Table 3: DiT-L/2) and a guidance of 7.5 for drawings. Ours are for images of 64 px and networks of one to three "
    "million weights, without guidance; our LPIPS uses AlexNet. So compare which method is higher, not the values."
)

DECORRELATION = "S_DC in the tables is 1 - Eq. (36); Eq. (36) counts correlated patches."


def benchmark() -> pd.DataFrame:
    """Tables 8 to 11: table, dataset, group, method, scores, and their `_std` over seeds."""
    return _read("benchmark_tables_8_to_11.csv")


def ablations() -> pd.DataFrame:
    """Tables 3 (backbone), 4 (space) and 5 (scale factor): table, condition, method, scores. All of BBBC021."""
    return _read("ablation_tables_3_to_5.csv")


def counts() -> pd.DataFrame:
    """Tables 1 and 6, shares of cases improved: table, score, improved."""
    return _read("counts_tables_1_and_6.csv")


def note(table: object, where: str, method: str = "") -> str:
    """What the paper contradicts in a row or a cell of data set, condition or score `where`; empty where nothing."""
    known = _read("contradictions.csv").fillna("").astype(str).set_index(["table", "where", "method"])["note"]
    return known.get((str(table), where, method), "")


def value(printed: pd.DataFrame, column: str, /, **where: object) -> float | None:
    """A printed number by this project's name of the score; None where there is none. where: columns with values."""
    rows, column = printed, printed_name(column)
    for name, wanted in where.items():
        rows = rows[rows[name] == wanted]
    return float(rows[column].iloc[0]) if len(rows) and column in rows else None


def printed_name(score: str) -> str:
    """The column of the tables that a score of this project is in."""
    return next((theirs for theirs, ours in OURS.items() if ours == score), score)


def recounted(score: str) -> tuple[int, int]:
    """Table 1 from Tables 8 to 11: pairs on one data set in which the stochastic method is better, and all pairs."""
    table, sign = benchmark(), -1 if score in ("lpips", "fid") else 1
    kinds = [table[table["group"] == group][["dataset", score]] for group in ("stochastic", "deterministic")]
    pairs = kinds[0].merge(kinds[1], on="dataset")
    return int((sign * (pairs[f"{score}_x"] - pairs[f"{score}_y"]) > 0).sum()), len(pairs)


@cache
def _read(name: str) -> pd.DataFrame:
    with resources.as_file(resources.files("spectral_collapse") / "papers" / name) as file:
        return pd.read_csv(file)
