"""All claims of all chapters on one page.

A findings module that has `claims`, a function of {data set: result} of the study of its name, is a chapter here; no
list knows them. A further argument of `claims` has the name of a study whose results it takes too. A chapter whose
notebook has another name than its study says so in `PAGE`.
"""

from __future__ import annotations

import html
import inspect
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import get_args

import pandas as pd
import xarray as xr

from spectral_collapse import discovery
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.findings.claims import Claim, Verdict
from spectral_collapse.studies import STUDIES
from spectral_collapse.studies.request import loading_once

VERDICTS = get_args(Verdict)
Found = dict[str, xr.Dataset]


def chapters() -> dict[str, ModuleType]:
    """Study -> its findings module, of all that claim something."""
    modules = {module.__name__.rpartition(".")[2]: module for module in discovery.modules("spectral_collapse.findings")}
    # a module may also have imported the module of that name
    claiming = {name for name, module in modules.items() if inspect.isfunction(getattr(module, "claims", None))}
    return {name: module for name, module in modules.items() if name in STUDIES and name in claiming}


def page(chapter: str) -> str:
    """The name of a chapter's notebook: its study's, unless its findings say otherwise."""
    return getattr(chapters()[chapter], "PAGE", chapter)


@loading_once()
def collected(datasets: Sequence[str], profile: str = "quick") -> dict[str, list[Claim]]:
    """The claims of all chapters, by their studies, from the stored results of these data sets.

    Results are those of default parameters at a profile. A chapter of which none is stored is computed for the first
    data set. Raises InvalidParameterError for no data set, and what `Study.run` raises.
    """
    if not datasets:
        raise InvalidParameterError("datasets must name at least one data set; none was given")
    known: dict[str, Found] = {}
    taken: dict[str, list[Found]] = {}
    for name, module in chapters().items():
        needed = [name, *list(inspect.signature(module.claims).parameters)[1:]]
        for study in needed:
            known.setdefault(study, stored(study, datasets, profile))
        shared = [one for one in datasets if all(one in known[study] for study in needed)]
        if not shared:
            shared = list(datasets[:1])
            for study in needed:
                known[study] |= STUDIES[study].each(shared, profile=profile)
        taken[name] = [{one: known[study][one] for one in shared} for study in needed]
    return {name: module.claims(*taken[name]) for name, module in chapters().items()}


def stored(name: str, datasets: Iterable[str], profile: str) -> Found:
    """The results of a study that are in the store, made by the present code, by data set."""
    found = {dataset: STUDIES[name].stored(dataset=dataset, profile=profile) for dataset in datasets}
    return {dataset: result for dataset, result in found.items() if result is not None}


def counts(claims: Mapping[str, Sequence[Claim]]) -> pd.DataFrame:
    """A row per chapter and verdict, also where there is none: columns chapter, verdict, count."""
    rows = [
        (name.replace("_", " "), verdict, sum(one.verdict == verdict for one in made))
        for name, made in claims.items()
        for verdict in VERDICTS
    ]
    return pd.DataFrame(rows, columns=["chapter", "verdict", "count"])


def sentence(claims: Mapping[str, Sequence[Claim]]) -> str:
    """How many claims there are, and how many of each verdict, as Markdown."""
    found = counts(claims).groupby("verdict", sort=False)["count"].sum()
    return (
        f"**Answer.** Of {found.sum()} claims in {len(claims)} chapters, the papers' and goals of our own, our numbers "
        f"support {found['supported']} and refute {found['refuted']}. {found['depends']} depend on the data set or are "
        f"left open by the intervals, and {found['not measured']} could not be measured with what is stored."
    )


def table(claims: Mapping[str, Sequence[Claim]]) -> str:
    """All claims as an HTML table: claim, where, what was measured, verdict, and a link to the chapter."""
    rows = [
        {
            "Claim": one.claim,
            "Where": one.where,
            "We measured": one.measured,
            "Verdict": one.verdict,
            "Chapter": name.replace("_", " "),
        }
        for name, made in claims.items()
        for one in made
    ]
    shown = pd.DataFrame(rows).map(html.escape)
    links = [page(name) for name, made in claims.items() for _ in made]
    shown["Chapter"] = [f'<a href="{link}.html">{text}</a>' for link, text in zip(links, shown["Chapter"], strict=True)]
    with pd.option_context("display.max_colwidth", None):
        return shown.to_html(index=False, escape=False, border=0)
