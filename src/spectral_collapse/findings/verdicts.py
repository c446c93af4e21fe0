"""All claims of all chapters on one page.

A findings module that has `claims`, a function of {data set: result} of the study of its name, is a chapter here; no
list knows them. A further argument of `claims` has the name of a study whose results it takes too. A chapter that is a
selection of the benchmark has a `SELECTION` (`studies.benchmark.Selection`); its `claims` takes what that selects, by
network where it names networks. `PICTURES` is its page's `shown`, where that is not the profile's. A chapter whose
notebook has another name than its module says so in `PAGE`.
"""

from __future__ import annotations

import html
import inspect
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, get_args

import pandas as pd
import xarray as xr

from spectral_collapse import discovery, recording
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.findings.claims import CONCLUDED, QUESTION, Claim, Verdict, head, itemized, told
from spectral_collapse.findings.decomposition import ordinary_network
from spectral_collapse.findings.selections import with_records
from spectral_collapse.findings.tidy import does, enumerated
from spectral_collapse.studies import STUDIES, benchmark
from spectral_collapse.studies.request import loading_once

Found = dict[str, xr.Dataset]

ORDINARY = {"appendix_c": "textures_x8"}
"""Chapters about ordinary networks -> the data set on whose such network they are, if its result is stored."""

_SPECTRAL, _BACK = "Spectral Collapse", "There and Back Again"
QUESTIONS = {
    f"What is the collapse, and what follows from it? ({_SPECTRAL}, Sec. 1 to 4)":
        ("Sec. 1", "Sec. 3", "Sec. 4", "Fig. 1", "Fig. 3", "Fig. 4", "Fig. 15", "Fig. 16", "Table 1"),
    f"Do the cures work, and what do they cost? ({_SPECTRAL}, Sec. 5 to 6.2 and App. E)":
        ("Sec. 5", "Sec. 6", "Fig. 2", "Fig. 6", "Table 2", "Table 8", "App. E"),
    f"Do network, space, factor or prediction target matter? ({_SPECTRAL}, Sec. 6.3)":
        ("Sec. 6.3", "Table 3", "Table 4", "Table 5", "Table 6"),
    f"Do data and scores behave as described? ({_SPECTRAL}, App. B)": ("App. B", "Fig. 7", "Fig. 12", "Fig. 14"),
    f"Does the theory hold? ({_SPECTRAL}, App. C)": ("App. C",),
    f"Are the first steps to blame? ({_BACK})": (_BACK,),
}  # fmt: skip
"""The groups of the table, and the places of the papers that belong to them."""
ELSEWHERE = "Goals and questions of this project"


def question(claim: Claim) -> str:
    """The group that a claim belongs to: that of the first place which it names, or of the section that this is in."""
    named = [_BACK] if _BACK in claim.where else []
    place = re.search(r"(Sec|App|Fig|Table)[a-z]*\.? (\w+(?:\.\d)?)", claim.where)
    if not named and place and _SPECTRAL in claim.where:
        kind, number = place.groups()
        number = re.sub(r"(?<=\d)[a-z]$", "", number)  # Fig. 4a
        named = [f"{kind}{'.' * (kind != 'Table')} {one}" for one in (number, number.partition(".")[0])]
    asked = [words for one in named for words, places in QUESTIONS.items() if one in places]
    return asked[0] if asked else ELSEWHERE


def chapters() -> dict[str, ModuleType]:
    """Name -> findings module, of all that claim something."""
    modules = {module.__name__.rpartition(".")[2]: module for module in discovery.modules("spectral_collapse.findings")}
    return {
        name: module
        for name, module in modules.items()
        if inspect.isfunction(getattr(module, "claims", None))  # a module may also have imported one of that name
        and (name in STUDIES or hasattr(module, "SELECTION"))
    }


def page(chapter: str) -> str:
    """The name of a chapter's notebook: its module's, unless that says otherwise."""
    return getattr(chapters()[chapter], "PAGE", chapter)


@loading_once()
def collected(datasets: Sequence[str], profile: str = "quick") -> dict[str, list[Claim]]:
    """The claims of all chapters, by their names, from the stored results of these data sets: those of default
    parameters at a profile, or of the chapter's selection. Of a chapter without any, one is computed for the first data
    set. Raises InvalidParameterError for no data set, and what `Study.run` raises."""
    if not datasets:
        raise InvalidParameterError("datasets must name at least one data set; none was given")
    known: dict[str, Found] = {}
    taken: dict[str, list[Any]] = {}
    for name, module in chapters().items():
        if hasattr(module, "SELECTION"):
            if found := selected(module.SELECTION, datasets, profile, getattr(module, "PICTURES", None)):
                taken[name] = [found]
            continue
        needed = [name, *list(inspect.signature(module.claims).parameters)[1:]]
        network = ordinary_network(ORDINARY[name]) if ORDINARY.get(name) in datasets else ""
        found = [stored(study, [ORDINARY[name]], profile, checkpoint=network) for study in needed if network]
        if found and all(found):
            taken[name] = found
            continue
        for study in needed:
            known.setdefault(study, stored(study, datasets, profile))
        shared = [one for one in datasets if all(one in known[study] for study in needed)]
        if not shared:
            shared = list(datasets[:1])
            for study in needed:
                known[study] |= STUDIES[study].each(shared, profile=profile)
        taken[name] = [{one: known[study][one] for one in shared} for study in needed]
    return once({name: chapters()[name].claims(*found) for name, found in taken.items()})


def once(claims: Mapping[str, Sequence[Claim]]) -> dict[str, list[Claim]]:
    """Each measurement once, although two chapters have it; questions that no paper asks stand on their pages alone."""
    seen: set[tuple[str, ...]] = set()
    found: dict[str, list[Claim]] = {}
    for name, made in claims.items():
        for one in made:
            side, numbers = re.findall(r"above|below", one.measured)[:1], re.findall(r"-?\d+\.\d+", one.measured)
            alike = (one.verdict, *side, *numbers)
            if one.where == QUESTION or (len(numbers) > 2 and alike in seen):
                continue
            seen.add(alike)
            found.setdefault(name, []).append(one)
    return found


def selected(
    selection: benchmark.Selection, datasets: Iterable[str], profile: str, shown: int | None = None
) -> Found | dict[str, Found]:
    """What a selection of the benchmark takes, of stored results or of one that is computed; empty where no data set
    counts.

    Of several networks, a data set counts for which two of them ship or have a record, and is stored where the results
    of all that ship are. Where none is, the first is computed of which two ship: records are of one profile.
    """
    names = [one for one in datasets if one in selection.datasets or not selection.datasets]
    given = {"profile": profile, "methods": selection.methods, "shown": shown}
    if not selection.networks:
        kept = stored("benchmark", names, **given)
        return kept or (benchmark.STUDY.each(names[:1], **given) if names else {})
    absent = {*benchmark.not_shipped(selection.networks, names, **given)}
    recorded = recording.recorded("benchmark")
    networks = {name: {benchmark.checkpoint(one, name) for one in selection.networks} for name in names}
    names = [name for name in names if len(networks[name] - (absent - recorded.keys())) > 1]
    ships = {name: networks[name] - absent for name in names}
    whole = [name for name in names if all(stored("benchmark", [name], checkpoint=one, **given) for one in ships[name])]
    names = whole or [name for name in names if len(ships[name]) > 1][:1]
    if not names:
        return {}
    shipped = [name for name in names if ships[name]]
    found = benchmark.by_network(selection.networks, shipped, **given) if shipped else {}
    return with_records({network: found.get(network, {}) for network in selection.networks}, names, recorded)


def stored(name: str, datasets: Iterable[str], profile: str, **given: Any) -> Found:
    """The results of a study that are in the store, made by the present code, by data set."""
    found = {dataset: STUDIES[name].stored(dataset=dataset, profile=profile, **given) for dataset in datasets}
    return {dataset: result for dataset, result in found.items() if result is not None}


def grouped(claims: Mapping[str, Sequence[Claim]]) -> dict[str, list[tuple[str, Claim]]]:
    """Question -> (chapter, claim), in the order of the papers; questions that no claim asks are left out."""
    pairs = [(name, one) for name, made in claims.items() for one in made]
    found = {words: [pair for pair in pairs if question(pair[1]) == words] for words in (*QUESTIONS, ELSEWHERE)}
    return {words: rows for words, rows in found.items() if rows}


def tally(claims: Iterable[Claim]) -> dict[str, int]:
    """Verdict -> how many claims have it."""
    return dict.fromkeys(get_args(Verdict), 0) | Counter(one.verdict for one in claims)


_SHORT = {f"{side} on one family only": f"{side} on one family" for side in ("holds", "fails")}
_SHORT |= {"too few data": "open"}
"""Verdicts as columns of a table."""
_OTHERS = {
    "mixed": "differ between data sets",
    "one family only": "have a clear result on one family of data sets only",
    "too few data": "are undecided",
    "not measured": "are not measured here",
}


def counts(claims: Mapping[str, Sequence[Claim]], of: str) -> pd.DataFrame:
    """How many claims of each group, and of all, have which verdict, by `Claim.words`. of: what a group is."""
    groups = {**claims, "All": [one for made in claims.values() for one in made]}
    rows = {name: [sum(one.words == words for one in made) for words in CONCLUDED] for name, made in groups.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(CONCLUDED)).rename_axis(of)
    return table.loc[:, table.loc["All"] > 0].rename(columns=_SHORT)


def _by_paper(claims: Mapping[str, Sequence[Claim]]) -> dict[str, list[Claim]]:
    every = [one for made in claims.values() for one in made]
    found = {paper: [one for one in every if paper in one.where] for paper in (_SPECTRAL, _BACK)}
    return {paper: own for paper, own in found.items() if own}


def sentence(claims: Mapping[str, Sequence[Claim]], said: Mapping[str, Sequence[str]]) -> str:
    """What is `said` of some claims (`claims.told`), and how many of each paper's hold and fail."""
    found = {paper: (len(own), tally(own)) for paper, own in _by_paper(claims).items()}
    counted = "; ".join(
        f"of {count} claims of *{paper}*, {does(own['holds'], 'hold')} and {does(own['fails'], 'fail')}"
        for paper, (count, own) in found.items()
    )
    parts = [told([one for made in claims.values() for one in made], said), f"{counted[:1].upper()}{counted[1:]}."]
    return f"**Answer.** {' '.join(filter(None, parts[: 1 + bool(found)]))}"


def others(claims: Mapping[str, Sequence[Claim]]) -> str:
    """What became of the papers' claims that neither hold nor fail, as a sentence; '' where there are none."""
    found = tally(one for own in _by_paper(claims).values() for one in own)
    left = [f"{words} ({found[verdict]})" for verdict, words in _OTHERS.items() if found[verdict]]
    return f"The claims that neither hold nor fail {enumerated(left, 'or')}." * bool(left)


def failing(claims: Mapping[str, Sequence[Claim]]) -> dict[str, list[Claim]]:
    """The papers' claims that fail, by chapter."""
    fail = [one for own in _by_paper(claims).values() for one in own if one.words == "fails"]
    found = {name: [one for one in made if one in fail] for name, made in claims.items()}
    return {name: made for name, made in found.items() if made}


def by_question(claims: Mapping[str, Sequence[Claim]]) -> pd.DataFrame:
    """How many claims of each question have which verdict: question (in two lines, parted by '|'), verdict, count."""
    found = counts({words: [one for _, one in rows] for words, rows in grouped(claims).items()}, "question")
    rows = found.drop("All").rename_axis(columns="verdict").stack().rename("count").reset_index()
    return rows[rows["count"] > 0].assign(question=rows["question"].str.replace(" (", "|(", regex=False))


def of_abstracts(claims: Mapping[str, Sequence[Claim]]) -> dict[str, list[Claim]]:
    """The claims that a paper's abstract makes, by chapter."""
    found = {name: [one for one in made if "abstract" in one.where] for name, made in claims.items()}
    return {name: made for name, made in found.items() if made}


def table(claims: Mapping[str, Sequence[Claim]]) -> str:
    """All claims as HTML, rows grouped by question: claim, where, what was measured, verdict, link to its figure."""
    heads, bodies = ("Claim", "Where", "We measured", "Verdict", "Page"), []
    for words, rows in grouped(claims).items():
        found = counts({words: [one for _, one in rows]}, "Question").loc[words]
        counted = " · ".join(f"{verdict} {count}" for verdict, count in found.items())
        lines = [f'<th colspan="{len(heads)}" scope="rowgroup">{html.escape(words)}: {counted}</th>']
        for name, one in rows:
            link = f'<a href="{page(name)}.html{"#" * bool(one.figure)}{one.figure}">{name.replace("_", " ")}</a>'
            row = [html.escape(one.claim), html.escape(one.where), itemized(one.measured, 1), one.told, link]
            lines.append("".join(f"<td>{cell}</td>" for cell in row))
        bodies.append(f"<tbody>{''.join(f'<tr>{line}</tr>' for line in lines)}</tbody>")
    return f'<table class="dataframe claims">{head(*heads)}{"".join(bodies)}</table>'
