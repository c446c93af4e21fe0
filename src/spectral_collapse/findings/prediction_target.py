"""Table 6 of Spectral Collapse in Diffusion Inversion: what a network predicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import metrics
from spectral_collapse.findings import cells, comparison, paper_tables
from spectral_collapse.findings.benchmark import title
from spectral_collapse.findings.cells import Cell, Cells
from spectral_collapse.findings.claims import Claim
from spectral_collapse.findings.selections import SHOWN, Networks, joined, networks_claims, per_data_set, shared
from spectral_collapse.statistics import Interval, groups_of, wilson
from spectral_collapse.studies.benchmark import Selection

SELECTION = Selection(("standard", "taba", "ovg"), ("epsilon", "x0", "EDM"))
PICTURES = 1
"""How many pictures its results hold: its gallery shows one of each data set."""


def improved(found: Networks, baseline: str, scores: Sequence[str] = SHOWN) -> pd.DataFrame:
    """Table 6: the share of images that another network improves, all methods of a data set together.

    Columns panel, series (network), score, mean, low, high: Wilson's interval, which counts independent pictures; and
    the paper's
    shares for 'x0', which count settings.
    """
    rows = []
    for name, studies in per_data_set(found).items():
        for network in studies:
            if network == baseline or baseline not in studies:
                continue
            study, joint = studies[network], joined(studies)
            points = shared(studies, network, baseline)
            pairs = [
                comparison.paired(joint, f"{baseline}: {point}", [f"{network}: {point}"], list(scores))
                for point in points
            ]
            for score in scores:
                share = float(np.mean([one["improved"].sel(score=score).item() for one in pairs]))
                low, high = wilson(np.asarray(share), len(set(groups_of(study))))
                row = {"series": f"{network} - {baseline}", "score": title(score), "mean": share}
                rows.append(row | {"low": float(low), "high": float(high), "panel": study.attrs["title"]})
        if "x0" in studies and name.startswith("bbbc021"):
            printed = paper_tables.counts()
            for score in scores:
                share = paper_tables.value(printed, "improved", table=6, score=paper_tables.printed_name(score))
                if share is not None:
                    row = {
                        "series": "the paper, Table 6",
                        "score": title(score),
                        "mean": share,
                        "low": share,
                        "high": share,
                    }
                    rows.append(row | {"panel": next(iter(studies.values())).attrs["title"]})
    return pd.DataFrame(rows, columns=["panel", "series", "score", "mean", "low", "high"])


def counts(found: Networks) -> Cells:
    """Table 6 as the paper counts it: in how many cases, a data set, method and seed each, the mean over images is
    better with x0 than with epsilon; the mean difference over cases; and the paper's share.

    Cases share images and networks: their interval, Wilson's, is that of as many independent ones, so too narrow.
    """
    pairs = [
        (studies["x0"].sel(point=point), studies["epsilon"].sel(point=point))
        for studies in per_data_set(found).values()
        if {"x0", "epsilon"} <= set(studies)
        for point in shared(studies, "x0", "epsilon")
    ]
    rows, printed = [], paper_tables.counts()
    for theirs in printed.loc[printed["table"] == 6, "score"]:
        score = paper_tables.OURS.get(theirs, theirs)
        gaps = np.concatenate([np.zeros(0), *(_by_seed(one[score] - other[score]) for one, other in pairs)])
        gaps = gaps[np.isfinite(gaps)]
        better = int((metrics.SCORES[score].goodness(gaps) > 0).sum())
        row = {"Score": cells.label(title(score)), "Cases": Cell(str(len(gaps)), len(gaps))}
        low, high = wilson(np.asarray(better / max(len(gaps), 1)), len(gaps)) if len(gaps) else (np.nan, np.nan)
        share = Interval(100 * better / len(gaps) if len(gaps) else np.nan, 100 * float(low), 100 * float(high))
        row["% improved"] = cells.number(share, 1)
        row["Mean difference"] = cells.number(float(gaps.mean()) if len(gaps) else np.nan, 3)
        paper = 100 * paper_tables.value(printed, "improved", table=6, score=theirs)
        row["% improved, the paper"] = Cell(f"{paper:.1f}", paper, note=paper_tables.note(6, theirs))
        rows.append(row)
    return pd.DataFrame(rows)


def _by_seed(gap: xr.DataArray) -> np.ndarray:
    """Means over images, one per seed."""
    return (gap.mean("sample") if "sample" in gap.dims else gap).to_numpy()


def claims(found: Networks) -> list[Claim]:
    """Claims of Sec. 4 and 6.3 and of Table 6, for the standard inversion with x0, and the same questions of EDM, which
    the papers do not answer (`networks_claims`)."""
    made = []
    for network, subject, where in (
        ("x0", "x0-prediction", "Spectral Collapse, Sec. 6.3 and Table 6"),
        ("EDM", "EDM's mixture", "a question of this book"),
    ):
        rules = [
            (f"{subject} {words}", network, "standard", score, sign)
            for words, score, sign in (
                ("whitens latents: S_DC is higher than with epsilon", "s_dc", 1),
                ("restores texture: S_HF is higher", "s_hf", 1),
                ("costs structure, as the text on x0 has it: S_LF is lower", "s_lf", -1),
                ("costs accuracy, as the text on x0 has it: PSNR is lower", "psnr", -1),
            )
        ]
        made += networks_claims(found, "epsilon", rules, where, "fig-targets-levels")
    return made
