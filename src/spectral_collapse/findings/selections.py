"""Selections of the benchmark: Tables 1 and 3 to 6 of Spectral Collapse in Diffusion Inversion.

No numbers of their own: all come from results of `studies.benchmark`, of other methods, networks or data sets.
Results of several networks are network -> data set -> result, as `benchmark.by_network` gives them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.findings import cells, claims, comparison, paper_tables
from spectral_collapse.findings.benchmark import COLUMNS, called, difference, kinds, paper_cells, title, value
from spectral_collapse.findings.cells import Cell, Cells
from spectral_collapse.findings.claims import Claim
from spectral_collapse.findings.intervals import means
from spectral_collapse.findings.latents import Found, label
from spectral_collapse.statistics import Interval, groups_of, interval, text, wilson
from spectral_collapse.studies.benchmark import AUTOENCODER
from spectral_collapse.studies.latents import CLOSED, WHITE

Networks = Mapping[str, Found]
"""Network -> data set -> result."""

SHOWN = ("psnr", "s_hf", "s_lf", "s_dc", "high_frequency_deficit")
"""Scores that figures of networks and factors have."""

PAPER_DRAWS, PAPER_FIXED = ("taba", "renoise"), ("standard", "direct", "null_class")
"""The stochastic and the deterministic methods of Table 1."""

CASES = ("s_hf", "s_lf", "s_dc")
"""Scores of Table 1 that are of single images."""

PAPER, PAPER_METHODS, ALL_METHODS = "the paper, Table 1", "here, the paper's methods", "here, all methods"


def cases(found: Found) -> pd.DataFrame:
    """Table 1: shares of cases in which a method that draws is better than one that does not.

    A case is a data set, a seed and a pair of methods. Columns panel, series (the paper, our numbers for its methods
    and for all methods), score, mean, low, high, cases.
    """
    studies, rows = list(found.values()), []
    printed = paper_tables.counts()
    for score in CASES:
        share = paper_tables.value(printed, "improved", table=1, score=score)
        rows.append(
            {"series": PAPER, "score": title(score), "mean": share, "low": share, "high": share, "cases": np.nan}
        )
    drawing, fixed = ([name for study in studies for name in kinds(study)[kind]] for kind in ("draws", "draws nothing"))
    for series, ours, theirs in ((PAPER_METHODS, PAPER_DRAWS, PAPER_FIXED), (ALL_METHODS, drawing, fixed)):
        counted = comparison.cases(studies, ours, theirs, scores=CASES)
        for score in CASES:
            one = counted.sel(score=score)
            ends = {
                end: one[f"improved{tail}"].item() for end, tail in (("mean", ""), ("low", "_low"), ("high", "_high"))
            }
            rows.append({"series": series, "score": title(score), **ends, "cases": counted.attrs["cases"]})
    return pd.DataFrame(rows).assign(panel="all data sets" if len(studies) > 1 else label(studies[0]))


def recount() -> str:
    """Table 1 beside what Tables 8 to 11 of the same paper give for it."""
    printed, lines = paper_tables.counts(), []
    for score in CASES:
        won, pairs = paper_tables.recounted(score)
        share = paper_tables.value(printed, "improved", table=1, score=score)
        lines.append(f"{title(score, False)} {won} of {pairs} ({won / pairs:.1%}; printed {share:.1%})")
    return (
        "**The paper against itself.** Table 1 counts seeds too, which are not printed. The means of Tables 8 to "
        "11, one case per pair of "
        f"methods and data set, give: {'; '.join(lines)}."
    )


def cases_answer(found: Found) -> str:
    """One sentence: in how many cases methods that draw are better."""
    rows = cases(found)
    rows = rows[rows["series"] == ALL_METHODS]
    listed = ", ".join(f"{row.score} {row.mean:.0%} [{row.low:.0%}, {row.high:.0%}]" for row in rows.itertuples())
    return (
        f"**Answer.** Of {rows['cases'].iloc[0]:.0f} cases (a method that draws against one that does not, on one "
        f"data set, with one "
        f"seed; on {_sets(found)}), the method that draws is better by {listed}. The intervals resample the "
        f"images of these "
        "cases: they do not speak for other data sets or methods."
    )


def cases_claims(found: Found) -> list[Claim]:
    """Table 1's shares: a claim of more (or less) than half holds where the whole interval of our share is on its
    side."""
    rows, made = cases(found).set_index(["series", "score"]), []
    for score in CASES:
        theirs, ours = rows.loc[(PAPER, title(score)), "mean"], rows.loc[(PAPER_METHODS, title(score))]
        one = Interval(ours["mean"], ours["low"], ours["high"])
        held = (claims.above if theirs > 0.5 else claims.below)(one, 0.5)
        more = "more" if theirs > 0.5 else "less"
        made.append(
            Claim(
                f"Stochastic methods are better than deterministic ones by {title(score, False)} in {more} than "
                f"half of the cases "
                f"({theirs:.1%})",
                "Spectral Collapse, Table 1",
                f"{text(one, 2)} of {ours['cases']:.0f} cases, {_sets(found)}",
                claims.overall([held]),
            )
        )
    return made


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


def absent(checkpoints: Sequence[str]) -> str:
    """A sentence for the networks that do not ship, '' for none."""
    if not checkpoints:
        return ""
    listed = ", ".join(f"`{name}`" for name in checkpoints)
    return (
        f"**Not measured here:** {listed} does not ship with this project; `spectral-collapse train NAME --output "
        "data/checkpoints/NAME` trains it, and this page then has its rows."
    )


def levels(found: Networks, scores: Sequence[str] = SHOWN) -> pd.DataFrame:
    """Means of scores with every network: columns panel (data set and score), network, method, and those of
    `intervals.means`."""
    tables = []
    for name, studies in per_data_set(found).items():
        for score in scores:
            for network, study in studies.items():
                rows = means(study[score].mean("seed")).assign(
                    network=network, panel=f"{study.attrs['title']}|{title(score)}"
                )
                tables.append(rows.assign(method=rows["point"].map(called), dataset=name))
    return pd.concat(tables, ignore_index=True)


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
                row["Data"] = cells.label(study.attrs["title"])
                row |= {
                    title(score): cells.number(value(study, score, point), digits) for score, digits in COLUMNS.items()
                }
                if printed and name == on:
                    row |= _printed(study, point, *printed[network], row["Method"])
                rows.append(row)
    return pd.DataFrame(rows)


def _printed(study: xr.Dataset, point: str, number: int, condition: str, name: Cell) -> dict[str, Cell]:
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
        row["Data"] = cells.label(study.attrs["title"])
        for score in scores:
            one = pairs.sel(score=score)
            row[f"Δ {title(score)}"] = cells.number(_interval(one, "difference"), COLUMNS.get(score, 3))
            share = Interval(*(100 * end for end in _interval(one, "improved")))
            row[f"% improved, {title(score, False)}"] = cells.number(share, 0)
        rows.append(row)
    return pd.DataFrame(rows)


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
            points = _shared(studies, network, baseline)
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


def networks_answer(found: Networks, baseline: str, score: str = "s_dc") -> str:
    """Two sentences on the first data set: the standard inversion's score with every network, and the differences."""
    name, studies = next(iter(per_data_set(found).items()))
    listed = ", ".join(f"{text(value(study, score, 'standard'))} with {network}" for network, study in studies.items())
    gaps = [
        f"{network} minus {baseline} {text(_gap(one, network, baseline, point, score))}"
        for data, one, network, point in _pairs(found, baseline)
        if data == name and point == "standard"
    ]
    study = next(iter(studies.values()))
    compared = f" On the same images: {'; '.join(gaps)}." if gaps else " There is no second network to compare it with."
    return f"**Answer.** On {label(study)}, {title(score, False)} of the standard inversion is {listed}.{compared}"


def networks_claims(
    found: Networks, baseline: str, rules: Sequence[tuple[str, str, str, str, str, int]]
) -> list[Claim]:
    """Claims on two networks: a rule is (claim, where, network, method, score, side), and holds on a data set where
    the whole
    interval of network minus baseline is on that side of 0, -1 below and 1 above."""
    made = []
    for words, where, network, point, score, sign in rules:
        texts, held = [], []
        for _, studies, one, method in _pairs(found, baseline):
            if (one, method) == (network, point):
                gap = _gap(studies, network, baseline, point, score)
                holds = (claims.above if sign > 0 else claims.below)(gap, 0)
                held.append(holds)
                texts.append(claims.shown(f"{label(studies[network])}: {text(gap)}", holds))
        what = f"{title(score, False)} with {network} minus with {baseline}, {called(point)}: {'; '.join(texts)}"
        made.append(Claim(words, where, what if held else "-", claims.overall(held) if held else "not measured"))
    return made


def targets_claims(found: Networks) -> list[Claim]:
    """Claims of Sec. 4 and 6.3 and of Table 6, for the standard inversion with x0 and with EDM (`networks_claims`)."""
    where = "Spectral Collapse, Sec. 6.3 and Table 6"
    return networks_claims(
        found,
        "epsilon",
        [
            (f"{words} ({network})", where, network, "standard", score, sign)
            for network in ("x0", "EDM")
            for words, score, sign in (
                ("x0-prediction whitens latents: S_DC is higher than with epsilon", "s_dc", 1),
                ("x0-prediction restores texture: S_HF is higher", "s_hf", 1),
                ("x0-prediction costs structure, as the text has it: S_LF is lower", "s_lf", -1),
                ("x0-prediction costs accuracy, as the text has it: PSNR is lower", "psnr", -1),
            )
        ],
    )


def collapse_claims(found: Networks, where: str, words: str) -> list[Claim]:
    """The standard inversion collapses with each network: its S_DC is below white noise's, and OVG's is above its
    own."""
    made = []
    for network, studies in found.items():
        gaps = {
            "S_DC of the standard inversion is below white noise's": [
                (study, _from_white(study), claims.below) for study in studies.values()
            ],
            "OVG cures it, its S_DC is above the standard inversion's": [
                (study, difference(study, "ovg", "standard", "s_dc"), claims.above)
                for study in studies.values()
                if "ovg" in study["point"]
            ],
        }
        for what, cases_of in gaps.items():
            held = [side(gap, 0) for _, gap, side in cases_of]
            listed = "; ".join(
                claims.shown(f"{label(study)}: {text(gap)}", one)
                for (study, gap, _), one in zip(cases_of, held, strict=True)
            )
            verdict = claims.overall(held) if held else "not measured"
            made.append(Claim(f"{words} ({network}): {what}", where, listed or "-", verdict))
    return made


def by_factor(found: Found, factors: Mapping[str, int], scores: Sequence[str] = SHOWN) -> pd.DataFrame:
    """Table 5: scores against the scale factor: columns panel (score), series (method, closed form, white noise),
    factor, and those
    of `intervals.means`. factors: data set -> its factor."""
    tables = []
    for name, study in found.items():
        for score in scores:
            rows = means(study[score].mean("seed"))
            rows = rows.assign(series=rows["point"].map(called))
            if f"known_{score}" in study:
                known = means(study[f"known_{score}"])
                rows = pd.concat([rows, known.assign(series=known["known"])])
            tables.append(rows.assign(factor=factors[name], panel=title(score)))
    return pd.concat(tables, ignore_index=True)


def factor_table(found: Found, factors: Mapping[str, int]) -> Cells:
    """All scores at each factor, ours / the paper's where Table 5 has a row."""
    rows = []
    for name, study in found.items():
        for point in map(str, study["point"].to_numpy()):
            row = {"Method": cells.label(called(point)), "Data": cells.label(study.attrs["title"])}
            row["Factor"] = Cell(f"x{factors[name]}", factors[name])
            row |= {title(score): cells.number(value(study, score, point), digits) for score, digits in COLUMNS.items()}
            if name.startswith("bbbc021"):
                row |= _printed(study, point, 5, f"x{factors[name]}", row["Method"])
            rows.append(row)
    return pd.DataFrame(rows)


def factors_of(found: Found) -> dict[str, int]:
    """Data set -> its scale factor, from its name. Raises InvalidParameterError for one that has none in it."""
    tails = {name: name.rpartition("_x")[2] for name in found}
    wrong = [name for name, tail in tails.items() if not tail.isdecimal()]
    if wrong:
        raise InvalidParameterError(
            f"data sets must be of a scale factor, as bbbc021_x8 is; {', '.join(wrong)} was given"
        )
    return {name: int(tail) for name, tail in tails.items()}


def factors_answer(found: Found) -> str:
    """What the latents lack at each factor, with the network and in closed form."""
    parts = [
        f"x{factor}: {text(value(found[name], 'high_frequency_deficit', 'standard'), 2)} with the network, "
        f"{text(value(found[name], 'high_frequency_deficit', CLOSED), 2)} in closed form"
        for name, factor in factors_of(found).items()
    ]
    return (
        "**Answer.** The share of high-frequency power that latents of the standard inversion lack (0 for white "
        "noise, negative for an "
        f"excess) is, {'; '.join(parts)}."
    )


def factors_claims(found: Found) -> list[Claim]:
    """Claims of Sec. 6.3 and Table 5. Differences between factors are of different sources of the same images."""
    order = [name for name, _ in sorted(factors_of(found).items(), key=lambda one: one[1])]
    first, last = found[order[0]], found[order[-1]]
    where, made = "Spectral Collapse, Sec. 6.3 and Table 5", []
    same = list(first["sample"].to_numpy()) == list(last["sample"].to_numpy())
    rules = [
        ("Collapse grows with the factor: S_DC of the standard inversion falls", "s_dc", -1),
        ("Collapse grows with the factor: S_HF of the standard inversion falls", "s_hf", -1),
    ]
    for words, score, sign in rules:
        one = [study[score].sel(point="standard").mean("seed") for study in (first, last)]
        gap = interval(one[1] - one[0].assign_coords(sample=one[1]["sample"])) if same and len(order) > 1 else None
        held = None if gap is None else (claims.above if sign > 0 else claims.below)(gap, 0)
        measured = "-" if gap is None else f"{label(last)} minus {first.attrs['title']}: {text(gap)}"
        made.append(Claim(words, where, measured, "not measured" if gap is None else claims.overall([held])))
    for words, point, score, sign in (
        ("At the largest factor the standard inversion has a higher PSNR than TABA", "taba", "psnr", -1),
        ("At the largest factor the standard inversion has a higher PSNR than OVG", "ovg", "psnr", -1),
        ("At the largest factor TABA has a higher S_HF than the standard inversion", "taba", "s_hf", 1),
        ("At the largest factor OVG has a higher S_HF than the standard inversion", "ovg", "s_hf", 1),
    ):
        gap = difference(last, point, "standard", score)
        held = (claims.above if sign > 0 else claims.below)(gap, 0)
        measured = (
            f"{label(last)}, {title(score, False)} of {called(point)} minus the standard inversion's: {text(gap)}"
        )
        made.append(Claim(words, where, measured, claims.overall([held])))
    return made


def _sets(found: Found) -> str:
    return f"{len(found)} data set{'s' * (len(found) > 1)}"


def _from_white(study: xr.Dataset) -> Interval:
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
        for point in _shared(studies, network, baseline)
    ]


def _shared(studies: Mapping[str, xr.Dataset], network: str, baseline: str) -> list[str]:
    """The methods that both networks were run with."""
    known = set(studies[baseline]["point"].to_numpy())
    return [str(point) for point in studies[network]["point"].to_numpy() if point in known]


def _interval(one: xr.Dataset, name: str) -> Interval:
    return Interval(*(one[f"{name}{end}"].item() for end in ("", "_low", "_high")))
