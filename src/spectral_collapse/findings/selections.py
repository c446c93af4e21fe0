"""Selections of the benchmark with several networks: what the pages on Tables 3, 4 and 6 of Spectral Collapse in
Diffusion Inversion share.

No numbers of their own: all come from results of `studies.benchmark`, of other methods, networks or data sets.
Results of several networks are network -> data set -> result, as `benchmark.by_network` gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import pandas as pd
import xarray as xr

from spectral_collapse import results
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.findings import cells, comparison, paper_tables
from spectral_collapse.findings.benchmark import COLUMNS, called, difference, paper_cells, title, value
from spectral_collapse.findings.cells import Cell, Cells
from spectral_collapse.findings.claims import Claim, Rule, Test, is_above, is_below, judge
from spectral_collapse.findings.intervals import bounds_of, means
from spectral_collapse.findings.latents import Found, label
from spectral_collapse.findings.measured import Measured, title_of
from spectral_collapse.statistics import Interval, interval, text
from spectral_collapse.studies import benchmark
from spectral_collapse.studies.benchmark import AUTOENCODER, TARGET
from spectral_collapse.studies.latents import WHITE

Networks = Mapping[str, Found]
"""Network -> data set -> result."""

SHOWN = ("psnr", "s_hf", "s_lf", "s_dc", "high_frequency_deficit")
"""Scores that figures of networks and factors have."""


def joined(found: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Results of several networks on the same images as one, whose points are 'network: method'.

    Raises InvalidParameterError for other images.
    """
    parts, first = [], next(iter(found.values()))
    for network, study in found.items():
        if list(study["sample"].to_numpy()) != list(first["sample"].to_numpy()):
            raise InvalidParameterError(
                "networks are compared on the same images; run all of them with the same 'images'"
            )
        names = [f"{network}: {point}" for point in study["point"].to_numpy()]
        parts.append(study[comparison.scores_of(study)].assign_coords(point=names, method=("point", names)))
    return xr.concat(parts, "point").assign_attrs(first.attrs)


def per_data_set(found: Networks) -> dict[str, dict[str, xr.Dataset]]:
    """Data set -> network -> result, of the networks that there are."""
    names = dict.fromkeys(name for studies in found.values() for name in studies)
    return {name: {network: studies[name] for network, studies in found.items() if name in studies} for name in names}


def with_records(
    found: Networks,
    datasets: Sequence[str],
    recorded: Mapping[str, xr.Dataset],
    named: Callable[[str, str], str] = benchmark.checkpoint,
) -> dict[str, dict[str, xr.Dataset]]:
    """Results of several networks, with those of records where a network does not ship for a data set.

    datasets: those to look for. recorded: name of a network -> its result of the benchmark, as of
    `recording.recorded`. named: the name of a network for a data set, of `found`'s name and the data set.

    A data set that records complete has two networks or more, on the same images, each with the methods that all of
    them have, of those that `found` has where it has any.
    """
    joint = {network: dict(studies) for network, studies in found.items()}
    known = {(name, results.parameters(study.attrs)["dataset"]): study for name, study in recorded.items()}
    asked = {point for studies in found.values() for study in studies.values() for point in study["point"].to_numpy()}
    for dataset in datasets:
        names = {network: named(network, dataset) for network in joint}
        both = {
            network: studies.get(dataset, known.get((names[network], dataset))) for network, studies in joint.items()
        }
        both = {network: study for network, study in both.items() if study is not None}
        present = [network for network in both if dataset in joint[network]]
        if len(both) == 1 or len(present) == len(both):
            continue
        first = both[(present or list(both))[0]]
        both = {network: study for network, study in both.items() if study["sample"].equals(first["sample"])}
        wanted = [point for point in first["point"].to_numpy() if point in asked or not asked]
        points = [point for point in wanted if all(point in one["point"] for one in both.values())]
        for network, study in both.items():
            title = title_of(study).removesuffix(f", {names[network]}")
            joint[network][dataset] = study.sel(point=points).assign_attrs(title=title)
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
        return "All networks of this page ship with this project."
    said = []
    if read := [f"`{name}`" for name in checkpoints if name in recorded]:
        said.append(
            f"**By their record:** {', '.join(read)}. Their weights do not ship, for want of room; what was measured "
            "on them does, and the [networks](networks.ipynb) say which bars they clear."
        )
    if others := [f"`{name}`" for name in checkpoints if name not in recorded]:
        said.append(
            f"**Not measured here:** {', '.join(others)}. `spectral-collapse train NAME --output "
            "data/checkpoints/NAME` trains such a network, and this page then has its rows."
        )
    return "\n\n".join(said)


def levels(found: Networks, scores: Sequence[str] = SHOWN) -> pd.DataFrame:
    """Means of scores with every network: columns panel (data set and score), network, method, and those of
    `intervals.means`."""
    tables = []
    for name, studies in per_data_set(found).items():
        for score in scores:
            for network, study in studies.items():
                rows = means(study[score].mean("seed"), bounds=bounds_of(score)).assign(
                    network=network, panel=f"{title_of(study)}|{title(score)}"
                )
                tables.append(rows.assign(method=rows["point"].map(called), dataset=name))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def table(found: Networks, printed: Mapping[str, tuple[int, str]] | None = None, on: str = "bbbc021_x16") -> Cells:
    """All scores, a row per data set, network and method; in latent space with a row for the autoencoder's ceiling.

    printed: network -> number of the paper's table and its condition there; these rows then have ours / paper.
    on: the data set of these tables.
    """
    rows = []
    for name, studies in per_data_set(found).items():
        for network, study in studies.items():
            beside = [AUTOENCODER] if AUTOENCODER in study["reference"] else []
            for point in (*map(str, study["point"].to_numpy()), *beside):
                row = {"Method": cells.label(called(point)), "Network": cells.label(network)}
                row["Data"] = cells.label(title_of(study))
                row |= {
                    title(score): cells.number(value(study, score, point), digits) for score, digits in COLUMNS.items()
                }
                if printed and name == on:
                    row |= printed_row(study, point, *printed[network], row["Method"])
                rows.append(row)
    return pd.DataFrame(rows)


def printed_row(study: xr.Dataset, point: str, number: int, condition: str, name: Cell) -> dict[str, Cell]:
    """The cells of a row that one of Tables 3 to 5 has a line for: ours / the paper's, and what it contradicts."""
    lines = paper_tables.ablations()
    lines = lines[(lines["table"] == number) & (lines["condition"] == condition) & (lines["method"] == point)]
    if lines.empty:
        return {}
    return {"Method": name._replace(note=paper_tables.note(number, condition, point))} | paper_cells(
        study, point, lines.iloc[0]
    )


def against(found: Networks, baseline: str, scores: Sequence[str] = SHOWN) -> Cells:
    """Every network against one of them, method by method on the same images: the mean difference with its interval,
    and the share
    of images improved with Wilson's."""
    rows = []
    for _, studies, network, point in _pairs(found, baseline):
        pairs = comparison.paired(
            joined(studies), f"{baseline}: {point}", [f"{network}: {point}"], [name for name in scores]
        ).isel(point=0)
        study = studies[network]
        row = {"Method": cells.label(called(point)), "Network": cells.label(f"{network} - {baseline}")}
        row["Data"] = cells.label(title_of(study))
        for score in scores:
            one = pairs.sel(score=score)
            row[f"Δ {title(score)}"] = cells.number(_interval(one, "difference"), COLUMNS.get(score, 3))
            share = Interval(*(100 * end for end in _interval(one, "improved")))
            row[f"% improved, {title(score, False)}"] = cells.number(share, 0)
        rows.append(row)
    return pd.DataFrame(rows)


def networks_answer(found: Networks, baseline: str) -> str:
    """What the standard inversion is with every network, on the first data set: whether its latents are less white than
    white noise and its images poorer in detail than true targets, with the numbers, and how networks differ."""
    data, studies = next(iter(per_data_set(found).items()))
    white = {network: value(study, "s_dc", "standard") for network, study in studies.items()}
    energy = {network: difference(study, "standard", TARGET, "hf_excess") for network, study in studies.items()}
    smooth = [network for network, gap in energy.items() if gap.high < 0]
    correlated = [name for name, study in studies.items() if white[name].high < value(study, "s_dc", WHITE).mean]

    def listed(numbers: Mapping[str, Interval]) -> str:
        return ", ".join(f"{text(one)} with {network}" for network, one in numbers.items())

    def who(those: Sequence[str]) -> str:
        return "every network" if len(those) == len(studies) else ", ".join(those) or "no network"

    missing = "high_frequency_deficit"  # S_DC falls to 0 in many channels, and then tells no networks apart
    gaps = [
        f"{network} minus {baseline} {text(_gap(one, network, baseline, point, missing))}"
        for name, one, network, point in _pairs(found, baseline)
        if name == data and point == "standard"
    ]
    lacking = {network: value(study, missing, "standard") for network, study in studies.items()}
    return (
        f"**Answer.** On {label(next(iter(studies.values())))}, latents of the standard inversion are less white than "
        f"white noise with {who(correlated)}: S_DC is {listed(white)}. Its images have less energy at high frequencies "
        f"than true targets with {who(smooth)}: the log energy minus theirs is {listed(energy)}. "
        f"The latents lack {listed(lacking)} of white noise's power at high frequencies"
        + (f"; on the same images, {'; '.join(gaps)}." if gaps else ", and there is no second network to compare.")
    )


def networks_claims(
    found: Networks, baseline: str, rules: Sequence[tuple[str, str, str, str, Test]], where: str, figure: str
) -> list[Claim]:
    """Claims on two networks: a rule is (claim, network, method, score, what network minus baseline has to be)."""
    rows = []
    for words, network, point, score, side in rules:
        gaps = {
            label(studies[network]): _gap(studies, network, baseline, point, score)
            for _, studies, one, method in _pairs(found, baseline)
            if (one, method) == (network, point)
        }
        what = f"{title(score, False)} with {network} minus with {baseline}, {called(point)}"
        rows.append(Rule(words, where, what, Measured(gaps), side, figure))
    return judge(rows)


def collapse_claims(found: Networks, where: str, words: str, figure: str) -> list[Claim]:
    """The standard inversion collapses with each network: its S_DC is below white noise's, and OVG's is above its
    own."""

    def cured(study: xr.Dataset) -> Interval | None:
        return difference(study, "ovg", "standard", "s_dc") if "ovg" in study["point"] else None

    return [
        claim
        for network, studies in found.items()
        for what, gap, side in (
            ("S_DC of the standard inversion is below white noise's", from_white, is_below(0)),
            ("OVG makes its latents whiter, S_DC is above the standard inversion's", cured, is_above(0)),
        )
        for claim in judge(
            [Rule(f"{words} ({network}): {what}", where, "difference", gap, side, figure)], studies, label
        )
    ]


def from_white(study: xr.Dataset) -> Interval:
    """S_DC of the standard inversion's latents minus that of white noise."""
    known = study["known_s_dc"].sel(known=WHITE, drop=True)
    return interval(study["s_dc"].sel(point="standard", drop=True).mean("seed") - known)


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
    known = set(studies[baseline]["point"].to_numpy())
    return [str(point) for point in studies[network]["point"].to_numpy() if point in known]


def _interval(one: xr.Dataset, name: str) -> Interval:
    return Interval(*(one[f"{name}{end}"].item() for end in ("", "_low", "_high")))
