"""Table 6 of Spectral Collapse in Diffusion Inversion: what a network predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import datasets, metrics, results
from spectral_collapse.findings import backbone, cells, comparison, paper_tables, selections
from spectral_collapse.findings.benchmark import difference, title
from spectral_collapse.findings.cells import Cells
from spectral_collapse.findings.claims import QUESTION, Claim, Test, is_below, is_higher, is_lower
from spectral_collapse.findings.latents import counted
from spectral_collapse.findings.measured import UNKNOWN, title_of
from spectral_collapse.findings.selections import SHOWN, Networks
from spectral_collapse.statistics import Interval, groups_of, text, wilson
from spectral_collapse.studies import benchmark
from spectral_collapse.studies.benchmark import Selection

SELECTION = Selection(("standard", "taba", "ovg"), ("epsilon", "x0", "EDM"))
PICTURES = 1
"""How many pictures its results hold: its gallery shows one of each data set."""

TRANSFORMERS = {"epsilon": "-dit", "x0": "-dit-sample"}
"""What a transformer predicts -> how the name of its checkpoint ends."""


def improved(found: Networks, baseline: str) -> pd.DataFrame:
    """Table 6: the share of images that another network (series) improves, all methods of a data set together, with
    Wilson's interval, which counts independent pictures; and the paper's shares for 'x0', which count settings."""
    rows, printed = [], paper_tables.counts()
    for name, studies in selections.per_data_set(found).items():
        joint, panel = selections.joined(studies), title_of(next(iter(studies.values())))
        others = [network for network in studies if network != baseline and baseline in studies]
        for network in others:
            improved = [
                comparison.paired(joint, f"{baseline}: {point}", [f"{network}: {point}"], list(SHOWN))["improved"]
                for point in selections.shared(studies, network, baseline)
            ]
            for score in SHOWN:
                share = float(np.mean([one.sel(score=score).item() for one in improved]))
                ends = map(float, wilson(np.asarray(share), len(set(groups_of(joint)))))
                rows.append((panel, f"{network} - {baseline}", title(score), share, *ends))
        for score in SHOWN if "x0" in studies and name.startswith("bbbc021") else ():
            share = paper_tables.value(printed, "improved", table=6, score=paper_tables.printed_name(score))
            if share is not None:
                rows.append((panel, "the paper, Table 6", title(score), share, share, share))
    return pd.DataFrame(rows, columns=["panel", "series", "score", "mean", "low", "high"])


def counts(found: Networks) -> Cells:
    """Table 6 as the paper counts it: in how many cases, a data set, method and seed each, the mean over images is
    better with x0 than with epsilon; the mean difference over cases; and the paper's share. Cases share images and
    networks: their interval, Wilson's, is that of as many independent ones, so too narrow."""
    pairs = [
        (studies["x0"].sel(point=point), studies["epsilon"].sel(point=point))
        for studies in selections.per_data_set(found).values()
        if {"x0", "epsilon"} <= set(studies)
        for point in selections.shared(studies, "x0", "epsilon")
    ]
    rows, printed = [], paper_tables.counts()
    for theirs in printed.loc[printed["table"] == 6, "score"]:
        score = paper_tables.OURS.get(theirs, theirs)
        each = [one[score] - other[score] for one, other in pairs]
        each = [np.ravel(gap.mean("sample") if "sample" in gap.dims else gap) for gap in each]  # one per seed
        gaps = np.concatenate([np.zeros(0), *each])
        gaps = gaps[np.isfinite(gaps)]
        share, mean = UNKNOWN, np.nan
        if len(gaps):
            better = np.mean(metrics.SCORES[score].goodness(gaps) > 0)
            share = Interval(*(100 * float(end) for end in (better, *wilson(better, len(gaps)))))
            mean = float(gaps.mean())
        paper = 100 * paper_tables.value(printed, "improved", table=6, score=theirs)
        row = {"Score": title(score), "Cases": (len(gaps), 0), "% improved": (share, 1), "Mean difference": (mean, 3)}
        rows.append(cells.row(row | {"% improved, the paper": (paper, 1, "", paper_tables.note(6, theirs))}))
    return pd.DataFrame(rows)


def claims(found: Networks) -> list[Claim]:
    """Claims of Sec. 4 and 6.3 and of Table 6, for the standard inversion with x0, and the same questions of EDM, which
    the papers do not answer (`networks_claims`)."""
    where, figure = "Spectral Collapse, Sec. 6.3 and Table 6", "fig-targets-levels"
    return [
        *selections.networks_claims(found, "epsilon", _rules("x0", "x0-prediction"), where, figure),
        *selections.networks_claims(found, "epsilon", _rules("EDM", "EDM's mixture"), QUESTION, figure),
    ]


def of_transformers(datasets: Sequence[str], recorded: Mapping[str, xr.Dataset], **given: Any) -> Networks:
    """Results of transformers that predict the noise and the clean image, for data sets on which both are known.
    recorded: name of a network -> its result of the benchmark, as of `recording.recorded`: none that predicts the clean
    image ships, and of the others those that do not are taken from there, too. given: as of `benchmark.by_network`.
    Raises what that raises."""
    methods = given.get("methods")
    if methods and set(methods) <= set(backbone.SELECTION.methods):
        given["methods"] = backbone.SELECTION.methods  # whose results are stored for the page on backbones
    of_images = (study for name, study in recorded.items() if name.endswith(TRANSFORMERS["x0"]))
    known = {results.parameters(study.attrs)["dataset"] for study in of_images}
    shipped = [name for name in datasets if name in known and not benchmark.not_shipped(["DiT"], name, **given)]
    found = benchmark.by_network(["DiT"], shipped, **given)["DiT"] if shipped else {}
    both = selections.with_records({"epsilon": found, "x0": {}}, datasets, recorded, transformer)
    pairs = {name: studies for name, studies in selections.per_data_set(both).items() if len(studies) == len(both)}
    found = {network: {name: studies[network] for name, studies in pairs.items()} for network in both}
    return {one: selections.of_methods(studies, methods) for one, studies in found.items()} if methods else found


def transformer(network: str, dataset: str) -> str:
    """The name of the checkpoint of a transformer of `TRANSFORMERS` for a data set, whether it ships or not."""
    return datasets.info(dataset).family + TRANSFORMERS[network]


def transformers_answer(found: Networks, recorded: Mapping[str, xr.Dataset]) -> dict[str, Any]:
    """On how many data sets transformers that predict the clean image restore texture, and the differences; and what is
    said of the networks that are read from their record, '' of none."""
    gaps = {
        counted(studies["x0"]): difference(selections.joined(studies), "x0: standard", "epsilon: standard", "s_hf")
        for studies in selections.per_data_set(found).values()
    }
    names = dict.fromkeys(transformer(network, name) for network, studies in found.items() for name in studies)
    read = [name for name in names if name in recorded]
    return {
        "restored": sum(gap.low > 0 for gap in gaps.values()),
        "count": len(gaps),
        "gaps": "; ".join(f"{text(gap)} on {data}" for data, gap in gaps.items()),
        "read": selections.absent(read, recorded) if read else "",
    }


def transformer_claims(found: Networks) -> list[Claim]:
    """The claims on x0 of `claims`, of transformers, and one on what latents lack, since S_DC may be 0 with both:
    questions of this book, the papers have none of these networks."""
    subject = "With a transformer too, x0-prediction"
    words = f"{subject} leaves more power at high frequencies: the deficit is smaller"
    lacking = (words, "x0", "standard", "high_frequency_deficit", is_below(0))
    rules = [*_rules("x0", subject), lacking]
    return selections.networks_claims(found, "epsilon", rules, QUESTION, "fig-targets-transformers")


def _rules(network: str, subject: str) -> list[tuple[str, str, str, str, Test]]:
    """Rules of `networks_claims` on a network against epsilon, with the standard inversion."""
    return [
        (f"{subject} {words}", network, "standard", score, side(score))
        for words, score, side in (
            ("whitens latents: S_DC is higher than with epsilon", "s_dc", is_higher),
            ("restores texture: S_HF is higher", "s_hf", is_higher),
            ("costs structure, as the paper's text says of x0: S_LF is lower", "s_lf", is_lower),
            ("costs accuracy, as the paper's text says of x0: PSNR is lower", "psnr", is_lower),
        )
    ]
