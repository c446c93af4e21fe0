from __future__ import annotations

import json
import re

import pytest

from spectral_collapse import paths, results
from spectral_collapse.findings import footer
from spectral_collapse.store.shipping import SHOWN, State
from spectral_collapse.store.withheld import SENTENCE
from spectral_collapse.studies import ledger
from tests.store.test_results import make
from tests.studies.test_study import STUDY

pytestmark = pytest.mark.usefixtures("home")


def test_a_page_without_studies_has_no_footer() -> None:
    assert footer.html() == footer.sentence() == ""


def test_every_result_is_named_with_where_it_comes_from() -> None:
    results.ship(STUDY.run(executor="here", base=3.0))
    ledger.USED.clear()
    STUDY.run(executor="here", base=3.0)
    STUDY.run(executor="here")
    STUDY.run(executor="here")  # the second time it is loaded, and this page has computed it all the same
    assert footer.table()["Here"].tolist() == ["loaded", "computed here"]
    assert footer.sentence() == (
        "This page shows 2 results, 1 loaded, 1 computed here. 1 of them is not included with the book."
    )
    for line, base in zip(footer.table()["In Python"], (3, 2), strict=True):
        assert eval(line, {"results": results})["value"].values.tolist() == [1, base, base**2, base**3]
    page = footer.html()
    assert page.count("<tr") == 3
    assert "results.load(&quot;powers&quot;" in page
    assert re.search(r"<td>[0-9a-f]{7}\+?</td>", page)


def test_a_page_of_many_results_does_not_list_them() -> None:
    for number in range(footer.MANY + 1):
        ledger.note(make(seeds=number).assign_attrs(data_source="real", title="Photos"), "loaded", State("stored"))
    assert f"{footer.MANY + 1} results: <code>spectral-collapse results status</code>" in footer.html()
    assert "<tr" not in footer.html()
    assert 'class="spectral-collapse-results"' in footer.html()


def test_a_page_says_once_that_pictures_are_left_out() -> None:
    for seeds in (1, 2, 3):
        result = make(seeds=seeds).assign_attrs(data_source="real", title="Photos")
        ledger.note(result.assign_attrs({"withheld": SENTENCE} if seeds > 1 else {}), "loaded", State("stored"))
    assert footer.sentence() == f"This page shows 3 results, all loaded. {SENTENCE}"
    assert SENTENCE in footer.html()


def test_what_ships_can_be_downloaded_where_a_repository_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = paths.pages()[0].parents[1] / "data" / "results" / "shipped" / "powers-smoke-12345678.nc"
    result = make().assign_attrs(data_source="real", title="Photos")
    ledger.note(result, "loaded", State("stored", "", shipped))
    monkeypatch.setenv(paths.REPOSITORY, "")
    assert "netCDF" not in footer.html()
    for address, raw in (("https://github.com/a/b/", "raw"), ("https://gitlab.com/a/b", "-/raw")):
        monkeypatch.setenv(paths.REPOSITORY, address)
        file = f"{address.rstrip('/')}/{raw}/main/data/results/shipped/{shipped.name}"
        assert f'<td><a href="{file}">netCDF</a></td>' in footer.html()
    monkeypatch.setenv(paths.REPOSITORY, "https://git.example.org/a/b")  # who knows how its files are called
    assert "netCDF" not in footer.html()


def test_a_page_says_that_what_ships_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    results.ship(STUDY.run(executor="here"))
    ledger.USED.clear()
    monkeypatch.setattr("spectral_collapse.store.keys.code_hash", lambda *roots: "edited")
    STUDY.run(executor="here")
    assert footer.sentence() == "This page shows 1 result, computed here."
    ledger.USED.clear()
    for file in paths.results().glob("*.nc"):
        file.unlink()
    monkeypatch.setenv(SHOWN, "show")
    STUDY.run(executor="here")
    assert footer.sentence().endswith("1 of them was made by an earlier version of the code.")


def test_a_page_says_where_s_lf_compares_outlines() -> None:
    for number, (dataset, structure) in enumerate(
        (("edges2shoes", ""), ("edges2shoes", "silhouette"), ("photos_x8", ""))
    ):
        parameters = json.dumps({"dataset": dataset, "number": number})
        attrs = {"parameters": parameters, "title": f"Title {number}", "structure": structure}
        ledger.note(make().assign(s_lf=make()["s_hf"]).assign_attrs(attrs), "loaded", State("stored"))
    assert "In older results of Title 0, S_LF compares outlines" in footer.sentence()


def test_images_are_counted_with_the_pictures_they_are_of() -> None:
    result = (
        make()
        .assign_attrs(data_source="real", title="<Photos>")
        .assign_coords(sample_group=("sample", ["one", "one", "two"]))
    )
    ledger.note(result, "loaded", State("stored"))
    [row] = footer.table().to_dict("records")
    assert row["Images"] == "3 of 2 pictures"
    assert row["Date"] == result.attrs["created"][:10]
    assert "&lt;Photos&gt;" in footer.html()
