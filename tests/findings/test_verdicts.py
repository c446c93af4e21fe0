from __future__ import annotations

import ast
import inspect
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
import xarray as xr

from spectral_collapse import results
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.findings import collapse, domains, gaussian, home, verdicts
from spectral_collapse.findings.claims import QUESTION, Claim, Verdict, from_cases
from spectral_collapse.studies import benchmark
from spectral_collapse.studies.collapse import IMAGES, LATENTS
from tests import benchmark_study, gaussian_study

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
COLLAPSE, CURES, ABLATIONS, SCORES, THEORY, STEPS = verdicts.QUESTIONS
MADE = {
    "collapse": [
        Claim("a < b", "Spectral Collapse, Fig. 1", "1 & 2", "holds", "fig-latent-spectra"),
        Claim("c", "Spectral Collapse, Sec. 6.3 and Table 3", "", "mixed"),
    ],
    "cheap_guidance": [Claim("d", "", "", "fails", "fig-cheap-cost")],
    "pareto": [Claim("e", "Spectral Collapse, Sec. 4", "", "holds", "fig-pareto-front")],
}


def test_chapters_are_those_that_claim_and_each_has_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    chapters = verdicts.chapters()
    assert {"collapse", "pareto", "pca", "cheap_guidance", "appendix_c"} <= set(chapters)
    assert not {"claims", "verdicts", "intervals", "own_method"} & set(chapters)
    assert all((NOTEBOOKS / f"{verdicts.page(name)}.ipynb").is_file() for name in chapters)
    assert verdicts.page("collapse") == "introduction"
    for name, module in verdicts.chapters().items():
        named = set(re.findall(r'"(fig-[\w-]+)"', inspect.getsource(module)))
        assert named
        assert named <= set(re.findall(r'"(fig-[\w-]+)"', (NOTEBOOKS / f"{verdicts.page(name)}.ipynb").read_text()))
    from spectral_collapse.findings import claims, selections

    monkeypatch.setattr(selections, "claims", claims, raising=False)
    assert "selections" not in verdicts.chapters()


def test_selections_of_the_benchmark_are_chapters_as_their_notebooks_have_them() -> None:
    chapters = verdicts.chapters()
    selections = {name: module.SELECTION for name, module in chapters.items() if hasattr(module, "SELECTION")}
    tables = {"deterministic_stochastic", "backbone", "space", "scale_factor", "prediction_target"}
    assert set(selections) == {*tables, "our_method"}
    assert {"benchmark", *selections} <= set(chapters)
    for name, selection in selections.items():
        cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]
        [source] = ["".join(one["source"]) for one in cells if "parameters" in one["metadata"].get("tags", [])]
        given: dict[str, object] = {}
        exec(source, given)
        assert given["methods"] == (None if selection.methods is None else list(selection.methods))
        assert given.get("shown") == getattr(chapters[name], "PICTURES", None)
        assert set(given["datasets"]) <= set(selection.datasets or given["datasets"])


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Spectral Collapse, Fig. 1", COLLAPSE),
        ("Spectral Collapse, abstract and Sec. 6.2", CURES),
        ("Spectral Collapse, Sec. 4, Fig. 4a and 15", COLLAPSE),
        ("Spectral Collapse, Fig. 4b", COLLAPSE),
        ("our reading of Spectral Collapse, Sec. 4", COLLAPSE),
        ("Spectral Collapse, Fig. 16", COLLAPSE),
        ("Spectral Collapse, Sec. 5.1", CURES),
        ("Spectral Collapse, Sec. 6.2 and Tables 2, 8 to 11", CURES),
        ("Spectral Collapse, Tables 8 to 11", CURES),
        ("Spectral Collapse, Appendix E.2, Fig. 17", CURES),
        ("Spectral Collapse, Sec. 6.3 and Table 5", ABLATIONS),
        ("Spectral Collapse, Table 6", ABLATIONS),
        ("Spectral Collapse, App. B.4 and Fig. 12", SCORES),
        ("Spectral Collapse, App. C, Eq. 50, 51, 56", THEORY),
        ("There and Back Again, Fig. 4", STEPS),
        ("There and Back Again, abstract", STEPS),
        ("Earlier runs of this project, one data set", verdicts.ELSEWHERE),
    ],
)
def test_a_claim_belongs_to_the_question_of_the_first_place_it_names(where: str, expected: str) -> None:
    assert verdicts.question(Claim("", where, "", "mixed")) == expected


def test_groups_and_sentence_add_up() -> None:
    found = verdicts.grouped(MADE)
    assert list(found) == [COLLAPSE, ABLATIONS, verdicts.ELSEWHERE]  # not in the order of chapters
    assert [one.claim for _, one in found[COLLAPSE]] == ["a < b", "e"]
    assert sum(len(rows) for rows in found.values()) == 4
    counts = verdicts.tally(one for _, one in found[COLLAPSE])
    assert list(counts) == list(get_args(Verdict))
    assert {verdict: count for verdict, count in counts.items() if count} == {"holds": 2}
    assert verdicts.sentence(MADE, {}) == "**Answer.** Of 3 claims of *Spectral Collapse*, 2 hold and none fails."
    assert verdicts.others(MADE) == "The claims that neither hold nor fail differ between data sets (1)."
    table = verdicts.by_question(MADE)
    asked = COLLAPSE.replace(" (", "|(")
    assert table[table["question"] == asked][["verdict", "count"]].to_numpy().tolist() == [["holds", 2]]
    assert table["count"].sum() == 4  # no verdict that none has


def test_what_is_said_of_claims_follows_their_verdicts() -> None:
    said = {"a": ("A does", "A does not"), "b": ("B does", "B does not", "B does at times")}
    made = {"one": [Claim("a ...", "", "", "holds"), Claim("b", "", "", "one family only", of=3, fails=2)]}
    assert verdicts.sentence(made, said) == "**Answer.** A does. B does not (on 2 of 3 data sets, all of one family)."
    mixed = {"one": [Claim("a", "", "", "not measured"), Claim("b", "", "", "mixed", holds=1, fails=2, of=4)]}
    assert "B does at times (on 1 of 4, not on 2)." in verdicts.sentence(mixed, said)


@pytest.mark.parametrize(("page", "asked"), [("verdicts", "sentence"), ("depends", "told")])
def test_the_answer_of_a_page_names_claims_that_there_are(page: str, asked: str) -> None:
    sources = "".join(map(inspect.getsource, verdicts.chapters().values()))
    cells = json.loads((NOTEBOOKS / f"{page}.ipynb").read_text())["cells"]
    cell, *_ = [source for one in cells if f".{asked}(" in (source := "".join(one["source"]))]
    said = cell[cell.index("said = {") :].partition("\n}\n")[0].removeprefix("said = ") + "}"
    begun = [start.partition(" (")[0].removeprefix("x0-prediction ") for start in ast.literal_eval(said)]
    assert begun
    assert all(start in sources for start in begun)


def test_a_measurement_counts_once_and_questions_of_this_book_do_not() -> None:
    numbers, less = "above 0: Textures 0.123 [0.100, 0.200]", "below 0: Textures 0.123 [0.100, 0.200]"
    claims = {
        "one": [Claim("a", "a paper", numbers, "holds"), Claim("b", "a paper", less, "holds")],
        "two": [Claim("c", "a paper", f"the same: {numbers}", "holds"), Claim("d", QUESTION, "1.000", "holds")],
    }
    assert {name: [one.claim for one in made] for name, made in verdicts.once(claims).items()} == {"one": ["a", "b"]}


def test_the_claims_of_abstracts_are_listed_and_the_table_links_each_to_its_figure() -> None:
    said = {"plain_areas": [Claim("f", "There and Back Again, abstract and Fig. 1", "", "fails")]}
    assert verdicts.of_abstracts(MADE | said)["plain_areas"] == said["plain_areas"]
    assert verdicts.failing(MADE | said) == said
    page = verdicts.table(MADE)
    for markup in (
        '<a href="introduction.html#fig-latent-spectra">collapse</a>',
        '<a href="introduction.html">collapse</a>',  # a claim without a figure
        '<a href="cheap_guidance.html#fig-cheap-cost">cheap guidance</a>',
        "a &lt; b",
        "1 &amp; 2",
        f"{COLLAPSE}: holds 2</th>",
    ):
        assert markup in page
    assert page.count("<tbody>") == page.count('scope="rowgroup"') == 3


def test_a_selection_takes_what_is_stored_of_all_networks_that_ship(monkeypatch: pytest.MonkeyPatch) -> None:
    store = {("a_x8", "a"), ("b_x8", "b"), ("b_x8", "b-dit"), ("c_x8", "c"), ("d_x8", "d")}
    # c has a single network, d and e another by its record, f both
    shipped = {"a", "a-dit", "b", "b-dit", "c", "d", "e"}
    ran = []

    def stored(name: str, datasets: list[str], checkpoint: str = "", **given: object) -> dict[str, str]:
        return {one: "stored" for one in datasets if (one, checkpoint) in store}

    def by_network(networks: list[str], datasets: list[str], **given: object) -> dict[str, dict[str, xr.Dataset]]:
        ran.append((tuple(networks), tuple(datasets), given["methods"], given["shown"]))
        ships = {
            network: [name for name in datasets if benchmark.checkpoint(network, name) in shipped]
            for network in networks
        }
        return {network: {name: study for name in names} for network, names in ships.items()}

    def not_shipped(networks: list[str], datasets: list[str], **given: object) -> list[str]:
        wanted = [benchmark.checkpoint(network, name) for network in networks for name in datasets]
        return [one for one in wanted if one not in shipped]

    monkeypatch.setattr(verdicts, "stored", stored)
    monkeypatch.setattr(benchmark, "_family", lambda name: name.partition("_")[0])
    monkeypatch.setattr(benchmark, "by_network", by_network)
    monkeypatch.setattr(benchmark, "not_shipped", not_shipped)
    study = benchmark_study.made({"standard": {}})
    records = {
        name: study.assign_attrs(title=f"{name[0]}, {name}", parameters=results.canonical({"dataset": f"{name[0]}_x8"}))
        for name in ("d-dit", "e-dit", "f", "f-dit")
    }
    monkeypatch.setattr(verdicts.recording, "recorded", lambda name: records)
    both = benchmark.Selection(("standard",), ("U-Net", "DiT"))
    found = verdicts.selected(both, ["a_x8", "b_x8", "c_x8", "d_x8", "f_x8"], "smoke")
    assert {network: list(studies) for network, studies in found.items()} == {
        "U-Net": ["b_x8", "d_x8", "f_x8"],
        "DiT": ["b_x8", "d_x8", "f_x8"],
    }
    assert [*verdicts.selected(both, ["f_x8"], "smoke")["DiT"]] == ["f_x8"]
    verdicts.selected(both, ["c_x8", "e_x8", "a_x8"], "smoke", 1)  # nothing is whole: the first of which two ship
    assert verdicts.selected(both, ["c_x8", "e_x8"], "smoke") == {}
    networks, methods = ("U-Net", "DiT"), ("standard",)
    asked = [(("b_x8", "d_x8"), None), (("a_x8",), 1)]
    assert ran == [(networks, names, methods, shown) for names, shown in asked]
    assert verdicts.selected(both, ["c_x8"], "smoke") == {}
    alone = benchmark.Selection(("standard",), datasets=("b_x8",))
    monkeypatch.setattr(type(benchmark.STUDY), "each", lambda self, names, **given: {"computed": names})
    assert verdicts.selected(alone, ["a_x8", "b_x8"], "smoke") == {"computed": ["b_x8"]}
    assert verdicts.selected(alone, ["a_x8"], "smoke") == {}


def test_results_are_stored_ones_or_of_the_first_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored for all studies that a chapter needs is used; only without any is one computed."""
    store = {"own": {"b": "own b", "c": "own c"}, "other": {"c": "other c"}, "none": {}}
    computed = []

    def study(name: str) -> SimpleNamespace:
        def each(datasets: list[str], profile: str) -> dict[str, str]:
            computed.append((name, *datasets, profile))
            return {one: f"{name} {one}" for one in datasets}

        return SimpleNamespace(each=each)

    def claim(*found: object) -> list[Claim]:
        return [Claim(str(one), "here", "", "holds") for one in found]

    chapters = {"own": lambda found: claim(found), "none": lambda found: claim(found)}
    chapters["both"] = lambda found, other: claim(found, other)
    modules = {name: SimpleNamespace(claims=function) for name, function in chapters.items()}
    store["both"] = {"b": "both b", "c": "both c"}
    monkeypatch.setattr(verdicts, "chapters", lambda: modules)
    monkeypatch.setattr(verdicts, "STUDIES", {name: study(name) for name in store})
    monkeypatch.setattr(verdicts, "stored", lambda name, datasets, profile: dict(store[name]))
    made = verdicts.collected(["a", "b", "c"], "smoke")
    assert {name: [one.claim for one in claims] for name, claims in made.items()} == {
        "own": [str({"b": "own b", "c": "own c"})],
        "both": [str({"c": "both c"}), str({"c": "other c"})],
        "none": [str({"a": "none a"})],
    }
    assert computed == [("none", "a", "smoke")]
    with pytest.raises(InvalidParameterError, match="at least one data set"):
        verdicts.collected([])


def test_a_chapter_about_ordinary_networks_is_judged_by_their_results(monkeypatch: pytest.MonkeyPatch) -> None:
    def stored(name: str, datasets: list[str], profile: str, checkpoint: str = "its own") -> dict[str, str]:
        return {one: f"{one} with {checkpoint}" for one in datasets}

    module = SimpleNamespace(claims=lambda found: [Claim(str(found), "here", "", "holds")])
    monkeypatch.setattr(verdicts, "chapters", lambda: {"own": module})
    monkeypatch.setattr(verdicts, "ORDINARY", {"own": "b"})
    monkeypatch.setattr(verdicts, "ordinary_network", lambda name: f"{name}-plain")
    monkeypatch.setattr(verdicts, "stored", stored)
    for datasets, found in ((["a", "b"], {"b": "b with b-plain"}), (["a"], {"a": "a with its own"})):
        assert [one.claim for one in verdicts.collected(datasets, "smoke")["own"]] == [str(found)]


def test_cases_make_a_verdict() -> None:
    assert from_cases("c", "w", {}).verdict == "not measured"
    made = from_cases("c", "w", {"One": ("0.1", True), "Two": ("0.2", False), "Three": ("0.3", None)}, "power")
    assert made.verdict == "mixed"
    assert made.measured == "power: One 0.1; Two 0.2: no; Three 0.3: open"


def _collapse(power: float, s_dc: float, excess: float, title: str = "One") -> xr.Dataset:
    """The network's latents have this power and S_DC and its images this log energy; all else is white and usual."""
    series, images, noise = list(LATENTS), list(IMAGES), 0.001 * np.random.default_rng(0).standard_normal(6)
    powers, scores = np.ones((len(series), 6, 4)), np.full((len(series), 6), 0.97)
    energies = np.zeros((len(images), 6))
    network = series.index("source, network")
    powers[network], scores[network], energies[images.index("standard")] = power, s_dc, excess
    return xr.Dataset(
        {
            "latent_power": (("latent_series", "sample", "latent_frequency"), powers + noise[:, None]),
            "latent_s_dc": (("latent_series", "sample"), scores + noise * np.arange(len(series))[:, None]),
            "image_excess": (("image_series", "sample"), energies + noise * np.arange(len(images))[:, None]),
        },
        {"latent_series": series, "image_series": images, "latent_frequency": [0.1, 0.2, 0.3, 0.4], "sample": range(6)},
        {"title": title, "data_source": "real"},
    )


def test_claims_of_the_introduction_hold_where_there_is_a_collapse() -> None:
    lost, kept = _collapse(0.3, 0.4, -2.0), _collapse(1.5, 1.2, 2.0, "Two")
    assert [claim.side for claim in collapse.claims({"one": lost})] == ["holds"] * 5
    verdict = {claim.claim: claim.side for claim in collapse.claims({"two": kept})}
    assert verdict["Inverted noise maps have less high-frequency energy than white noise"] == "fails"
    assert verdict["The standard inversion gives oversmoothed images (log energy)"] == "fails"
    assert verdict["TABA raises high-frequency energy, possibly too far (log energy)"] == "fails"
    assert collapse.claims({"one": lost, "two": kept})[0].side == "mixed"


def test_the_closed_form_speaks_against_the_bias_only_where_it_collapses() -> None:
    study = gaussian_study.made_up()
    study["standard_variance"][:] = 0.2
    assert gaussian.claims({"one": study})[0].side == "fails"
    study["standard_variance"][:] = 0.95
    assert gaussian.claims({"one": study})[0].side == "too few data"
    for power, verdict in ((1e-8, "fails"), (0.2, "too few data"), (0.9, "holds")):
        study["ovg_power"][:] = power
        assert gaussian.claims({"one": study})[2].side == verdict


@pytest.mark.parametrize(("ratio", "expected"), [(0.1, "holds"), (2.0, "fails"), (1.0, "too few data")])
def test_sparsity_of_data(ratio: float, expected: str) -> None:
    spread = np.array([-0.05, 0.0, 0.05, 0.02, -0.02])
    power = np.stack([ratio * np.exp(spread), np.ones(5)])[..., None] * np.ones(4)
    study = xr.Dataset(
        {"power": (("domain", "sample", "frequency"), power)},
        {"domain": ["source", "target"], "sample": range(5), "frequency": [0.1, 0.2, 0.3, 0.4]},
        {"title": "Made up", "data_source": "real"},
    )
    assert [claim.side for claim in domains.claims({"one": study})] == [expected]
    rendered = study.assign_attrs(data_source="rendered", title="Drawn")
    [sparse] = domains.claims({"one": study, "two": rendered})
    assert "Rendered Drawn" in sparse.measured
    side = {0.1: "below 1 on", 2.0: "above 1 on", 1.0: "not significantly different from 1 on"}[ratio]
    answer = domains.answer([study.assign_attrs(title="Made up x8"), rendered])
    assert f"is {side} Made up x8 ({ratio:.2f}" in answer


def test_numbers_of_a_trial_run_are_called_that() -> None:
    for profile, warned in (("smoke", True), ("quick", False)):
        study = xr.Dataset(attrs={"parameters": json.dumps({"profile": profile})})
        assert ("shows that everything runs, and no more" in home.warning(study)) is warned
