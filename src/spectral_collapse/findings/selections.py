"""Selections of the benchmark with several networks, network -> data set -> result as `benchmark.by_network` gives
them: what the pages on Tables 3, 4 and 6 of Spectral Collapse share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import results
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.findings import benchmark as benchmark_page
from spectral_collapse.findings import cells, comparison, fine_detail, paper_tables
from spectral_collapse.findings.benchmark import called, difference, points, scores_at, title, value
from spectral_collapse.findings.cells import Cell, Cells
from spectral_collapse.findings.claims import Claim, Rule, Test, is_higher, is_lower, is_restored, judge
from spectral_collapse.findings.fine_detail import DETAIL
from spectral_collapse.findings.intervals import bounds_of, means, stored
from spectral_collapse.findings.latents import Found, counted
from spectral_collapse.findings.measured import Measured, title_of
from spectral_collapse.findings.tidy import enumerated
from spectral_collapse.metrics import SCORES
from spectral_collapse.statistics import Interval
from spectral_collapse.studies import benchmark
from spectral_collapse.studies.benchmark import AUTOENCODER, TARGET
from spectral_collapse.studies.latents import WHITE

Networks = Mapping[str, Found]
"""Network -> data set -> result."""

_NAMES = {
    "U-Net": "the U-Net",
    "DiT": "the DiT",
    "latent": "networks on latents",
    "pixel": "networks on pixels",
    "epsilon": "noise prediction",
    "x0": "prediction of the clean image",
}
"""Networks in a sentence."""
SHOWN = ("psnr", "s_hf", "s_lf", "s_dc", "high_frequency_deficit")
"""Scores that figures of networks and factors have."""


def joined(found: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Results of several networks on the same images as one (else InvalidParameterError), points 'network: method'."""
    parts, first = [], next(iter(found.values()))
    for network, study in found.items():
        if list(study["sample"].to_numpy()) != list(first["sample"].to_numpy()):
            raise InvalidParameterError(
                "networks are compared on the same images; run all of them with the same 'images'"
            )
        names = [f"{network}: {point}" for point in points(study)]
        parts.append(study[comparison.scores_of(study)].assign_coords(point=names, method=("point", names)))
    return xr.concat(parts, "point").assign_attrs(first.attrs)


def per_data_set(found: Networks) -> dict[str, dict[str, xr.Dataset]]:
    """Data set -> network -> result, of the networks that there are, `on_shared_images`."""
    names = dict.fromkeys(name for studies in found.values() for name in studies)
    grouped = {name: {key: studies[name] for key, studies in found.items() if name in studies} for name in names}
    return {name: on_shared_images(studies) for name, studies in grouped.items()}


def on_shared_images(found: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """Results on the images that all of them have; as they are if there is none. Scores of a set are NaN where it had
    more images."""
    names = [one["sample"].to_numpy().tolist() for one in found.values()]
    shared = [name for name in names[0] if all(name in others for others in names)]
    return {name: _of_some(one, shared) if shared else one for name, one in found.items()}


def _of_some(study: xr.Dataset, shared: list[str]) -> xr.Dataset:
    """A result on some of its images."""
    sets = [name for name, card in SCORES.items() if card.per == "set" and len(shared) < study.sizes["sample"]]
    ofs = [of for name in sets for of in (name, f"reference_{name}", f"known_{name}") if of in study]
    return study.sel(sample=shared).assign({of: study[of] * np.nan for of in ofs})


def with_records(
    found: Networks,
    datasets: Sequence[str],
    recorded: Mapping[str, xr.Dataset],
    named: Callable[[str, str], str] = benchmark.checkpoint,
) -> dict[str, dict[str, xr.Dataset]]:
    """Results of several networks, with those of records (`recording.recorded`) where a network does not ship for one
    of `datasets`. named: the name of a network for a data set.

    A data set that records complete has two networks or more, `on_shared_images`, each with the methods that all of
    them have, of those that `found` has where it has any.
    """
    joint = {network: dict(studies) for network, studies in found.items()}
    known = {(name, results.parameters(study.attrs)["dataset"]): study for name, study in recorded.items()}
    asked = {point for studies in found.values() for study in studies.values() for point in points(study)}
    for dataset in datasets:
        names = {network: named(network, dataset) for network in joint}
        both = {one: studies.get(dataset, known.get((names[one], dataset))) for one, studies in joint.items()}
        both = {network: study for network, study in both.items() if study is not None}
        present = [network for network in both if dataset in joint[network]]
        if len(both) == 1 or len(present) == len(both):
            continue
        first = both[(present or list(both))[0]]
        alike = {one: study for one, study in both.items() if study["sample"].isin(first["sample"]).any()}
        both = on_shared_images(alike)
        first = both[(present or list(both))[0]]
        wanted = set.intersection(*(set(points(study)) for study in both.values()))
        wanted = [point for point in points(first) if point in wanted and (point in asked or not asked)]
        for network, study in both.items():
            title = title_of(study).removesuffix(f", {names[network]}")
            joint[network][dataset] = study.sel(point=wanted).assign_attrs(title=title)
    return joint


def of_methods(found: Found, methods: Sequence[str]) -> Found:
    """Results with those of the methods that they have; at the profile smoke they have few."""
    return {name: study.sel(point=study["point"].isin(list(methods))) for name, study in found.items()}


def by_title(found: Networks) -> dict[str, xr.Dataset]:
    """The results of all networks in one mapping, each with its network in its title: for pictures of them."""
    return {
        f"{name}, {network}": study.assign_attrs(title=f"{title_of(study)}, {network}")
        for name, studies in per_data_set(found).items()
        for network, study in studies.items()
    }


def absent(checkpoints: Sequence[str], recorded: Collection[str] = ()) -> str:
    """Sentences on the networks that do not ship: those whose record the page reads, and the others."""
    if not checkpoints:
        return "All networks of this page are included with their weights."
    told = []
    if read := [f"`{name}`" for name in checkpoints if name in recorded]:
        told.append(
            f"**Stored results only:** {', '.join(read)}. To save space, the weights of these networks are not "
            "included, but their results are. [The networks](networks.ipynb) shows which quality thresholds they pass."
        )
    if others := [f"`{name}`" for name in checkpoints if name not in recorded]:
        told.append(
            f"**Not measured here:** {', '.join(others)}. After `spectral-collapse train NAME --output "
            "data/checkpoints/NAME` this page includes such a network, too."
        )
    return "\n\n".join(told)


def levels(found: Networks, scores: Sequence[str] = SHOWN) -> pd.DataFrame:
    """Means of scores, or of DETAIL: columns panel (data set and score), network, method, and those of `means`."""
    tables = []
    for name, studies in per_data_set(found).items():
        for score, (network, study) in itertools.product(scores, studies.items()):
            if score == DETAIL:
                rows = [{"point": one, **fine_detail.energy(study, one)._asdict()} for one in points(study)]
                rows, words = pd.DataFrame(rows), "fine detail"
            else:
                rows, words = means(study[score].mean("seed"), bounds=bounds_of(score)), title(score)
            panel, names = f"{title_of(study).replace(' (', '|(')}|{words}", rows["point"].map(called)
            tables.append(rows.assign(network=network, panel=panel, method=names, dataset=name))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def table(found: Networks, printed: Mapping[str, tuple[int, str]] | None = None) -> Cells:
    """All scores, a row per data set, network and method; in latent space with a row for the autoencoder's ceiling.
    printed: network -> the paper's table and its condition there: rows on cells at x16 have ours / paper."""
    rows = []
    for name, studies in per_data_set(found).items():
        for network, study in studies.items():
            for point in (*points(study), *[AUTOENCODER] * (AUTOENCODER in study["reference"])):
                about = {"Method": called(point), "Network": network, "Data": title_of(study)}
                row = cells.row(about | scores_at(study, point))
                if printed and name == "bbbc021_x16":
                    row |= printed_row(study, point, *printed[network], row["Method"])
                rows.append(row)
    return pd.DataFrame(rows)


def printed_row(study: xr.Dataset, point: str, number: int, condition: str, name: Cell) -> dict[str, Cell]:
    """The cells of a row that one of Tables 3 to 5 has a line for: ours / the paper's, and what it contradicts."""
    lines = paper_tables.ablations()
    lines = lines[(lines["table"] == number) & (lines["condition"] == condition) & (lines["method"] == point)]
    if lines.empty:
        return {}
    method = name._replace(note=paper_tables.note(number, condition, point))
    return {"Method": method} | benchmark_page.paper_cells(study, point, lines.iloc[0])


def against(found: Networks, baseline: str) -> Cells:
    """Every network against one, method by method on the same images: mean difference, share of images improved."""
    rows = []
    for _, studies, network, point in _pairs(found, baseline):
        pairs = comparison.paired(joined(studies), f"{baseline}: {point}", [f"{network}: {point}"], list(SHOWN))
        row = {"Method": called(point), "Network": f"{network} - {baseline}", "Data": title_of(studies[network])}
        for score in SHOWN:
            gap, share = (stored(pairs, name, score=score) for name in ("difference", "improved"))
            row[f"Δ {title(score)}"] = gap, benchmark_page.COLUMNS.get(score, 3)
            row[f"% improved, {title(score, False)}"] = Interval(*(100 * end for end in share)), 0
        rows.append(cells.row(row))
    return pd.DataFrame(rows)


def networks_answer(found: Networks) -> str:
    """On how many data sets latents and images of the standard inversion fall short with each network, and by how much
    on the first data set."""
    short: list[list[str]] = [[], []]
    for network, studies in found.items():
        lacking = [value(study, "high_frequency_deficit", "standard").low > 0 for study in studies.values()]
        smooth = [difference(study, "standard", TARGET, "hf_excess").high < 0 for study in studies.values()]
        for said, held in zip(short, (lacking, smooth), strict=True):
            said.append(f"{sum(held)} of {len(held)}{' data sets' * (not said)} with {_NAMES.get(network, network)}")
    first = next(iter(per_data_set(found).values()))
    levels = [
        f"{value(study, 'high_frequency_deficit', 'standard').mean:.2f} and "
        f"{fine_detail.energy(study, 'standard').mean:.2f} with {_NAMES.get(network, network)}"
        for network, study in first.items()
    ]
    return (
        f"**Answer.** With the standard inversion, latents have less power at high frequencies than white noise on "
        f"{enumerated(short[0])}. Images have less fine detail than their targets on {enumerated(short[1])}. On "
        f"{counted(next(iter(first.values())))}, the share of power that latents lack and the share of detail that "
        f"images keep are {'; '.join(levels)}."
    )


def networks_claims(
    found: Networks, baseline: str, rules: Sequence[tuple[str, str, str, str, Test]], where: str, figure: str
) -> list[Claim]:
    """Claims on two networks. rules: (claim, network, method, score, what network minus baseline has to be)."""
    rows = []
    for words, network, point, score, side in rules:
        gaps = {
            counted(studies[network]): _gap(studies, network, baseline, point, score)
            for _, studies, one, method in _pairs(found, baseline)
            if (one, method) == (network, point)
        }
        what = f"{title(score, False)} with {network} minus that with {baseline}, method {called(point)}"
        rows.append(Rule(words, where, what, Measured(gaps), side, figure))
    return judge(rows)


def collapse_claims(found: Networks, network: str, where: str, words: str, figure: str) -> list[Claim]:
    """With a network that the benchmark's claims do not speak of: S_DC of the standard inversion is below white
    noise's, OVG's is white noise's, and S_HF of OVG is above the standard inversion's."""

    rows = [
        ("standard latents have an S_DC below that of white noise", "standard", WHITE, "s_dc", is_lower),
        ("OVG makes latents white, with the S_DC of white noise", "ovg", WHITE, "s_dc", is_restored),
        ("OVG restores texture, with a higher S_HF than the standard inversion", "ovg", "standard", "s_hf", is_higher),
    ]
    rules = []
    for claim, point, other, score, side in rows:
        there = {name: study for name, study in found[network].items() if point in study["point"]}
        gaps = Measured.of(there, lambda study, row=(point, other, score): difference(study, *row), counted)
        what = f"{title(score, False)} of {called(point)} minus that of {called(other)}"
        rules.append(Rule(f"{words}: {claim}", where, what, gaps, side(score), figure))
    return judge(rules)


def _gap(studies: Mapping[str, xr.Dataset], network: str, baseline: str, point: str, score: str) -> Interval:
    return difference(joined(studies), f"{network}: {point}", f"{baseline}: {point}", score)


def _pairs(found: Networks, baseline: str) -> list[tuple[str, dict[str, xr.Dataset], str, str]]:
    """(data set, its networks, network, method) of all that can be compared with the baseline."""
    return [
        (name, studies, network, point)
        for name, studies in per_data_set(found).items()
        if baseline in studies
        for network in studies
        if network != baseline
        for point in shared(studies, network, baseline)
    ]


def shared(studies: Mapping[str, xr.Dataset], network: str, baseline: str) -> list[str]:
    """The methods that both networks were run with."""
    return [point for point in points(studies[network]) if point in studies[baseline]["point"]]
