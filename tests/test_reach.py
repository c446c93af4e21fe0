"""What leaves with a page, and the script that looks at a built book: it finds what is wrong with a made-up one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import pytest
from sphinx.application import Sphinx
from sphinx.errors import ConfigError
from sphinx.util.docutils import docutils_namespace

from spectral_collapse import reach, vega
from spectral_collapse.charts import lines, theme
from spectral_collapse.charts.pictures import grid
from tests.sphinx_app import sphinx

LOOK = Path(__file__).parents[1] / ".ci" / "look_at_book.py"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)


def test_a_repository_brings_its_buttons_and_launchers() -> None:
    assert reach.buttons("") == {}
    github = reach.buttons("https://github.com/owner/name/")
    assert github["repository_url"] == "https://github.com/owner/name"
    assert github["use_repository_button"]
    assert github["use_issues_button"]
    assert set(github["launch_buttons"]) == {"binderhub_url", "colab_url", "notebook_interface"}
    elsewhere = reach.buttons("https://git.example.org/owner/name")
    assert "colab_url" not in elsewhere["launch_buttons"]
    assert not elsewhere["use_issues_button"]
    for address in ("github.com/owner/name", "https://github.com/owner", "ftp://a.b/c/d", "x"):
        with pytest.raises(ConfigError, match=r"is no address such as https://github\.com/OWNER/NAME"):
            reach.buttons(address)


def built(tmp_path: Path, **settings: object) -> Sphinx:
    (tmp_path / "index.md").write_text("# A page\n")
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "a.js.map").write_text("{}")
    for font in ("kept.woff2", "kept.ttf"):
        (tmp_path / "_static" / font).write_bytes(b"font")
    (tmp_path / "_static" / "fontawesome.js").write_text("icons")
    (tmp_path / "_static" / "locales" / "fi").mkdir(parents=True)
    (tmp_path / "_static" / "locales" / "fi" / "theme.po").write_text("")
    with docutils_namespace():  # other tests build with Sphinx in this process too
        app = sphinx(tmp_path, "reach", settings | {"html_static_path": ["_static"]})
        app.build()
    return app


def test_what_no_reader_loads_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(reach.REPOSITORY, "")
    built(tmp_path)
    static = tmp_path / "out" / "_static"
    assert [file.name for file in (*static.glob("*.ttf"), *static.glob("*.woff2"))] == ["kept.woff2"]
    assert not (static / "locales").exists()
    assert not list((tmp_path / "out").rglob("*.map"))
    assert (static / "fontawesome.js").read_bytes() == b""


def test_the_address_is_one_key_or_one_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(reach.REPOSITORY, "")  # the extension sets it for its kernels; put back afterwards
    (tmp_path / "key").mkdir()
    by_key = built(tmp_path / "key", spectral_collapse_repository="https://github.com/a/b")
    assert by_key.config.html_theme_options["repository_url"] == "https://github.com/a/b"
    assert os.environ[reach.REPOSITORY] == "https://github.com/a/b"
    monkeypatch.setenv(reach.REPOSITORY, "https://github.com/c/d")
    (tmp_path / "variable").mkdir()
    by_variable = built(tmp_path / "variable", spectral_collapse_repository="https://github.com/a/b")
    assert by_variable.config.html_theme_options["repository_url"] == "https://github.com/c/d"


PAGE = """<!DOCTYPE html><html data-theme="light"><head><meta charset="utf-8"><title>A page</title>
<script>
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {{ document.documentElement.dataset.theme = dark.matches ? "dark" : "light"; }};
  dark.addEventListener("change", follow);
  follow();
</script>
<link rel="stylesheet" href="_static/book.css">
<style>body{{margin:0;background:#fff;color:#222}} [data-theme=dark] body{{background:#121212;color:#ddd}}
[data-theme=dark] a{{color:#9cf}}</style>
</head>
<body><article>{content}</article><script src="_static/charts.js" defer></script></body></html>"""


@pytest.fixture
def chart(monkeypatch: pytest.MonkeyPatch) -> alt.Chart:
    monkeypatch.setenv(vega.IN_BOOK, "1")
    names = alt.theme.active, alt.renderers.active
    theme.enable()
    table = pd.DataFrame({"x": [1, 2, 3], "name": ["a, b", "other", "third"]})
    yield (
        alt.Chart(table).mark_point().encode(x="x", color="name")
        .properties(description="Three points in a row, as an example")
    )  # fmt: skip
    alt.theme.enable(names[0])
    alt.renderers.enable(names[1])


def book(tmp_path: Path, content: str) -> Path:
    (tmp_path / "_static").mkdir()
    shutil.copy(LOOK.parents[1] / "book" / "_static" / "book.css", tmp_path / "_static")
    (tmp_path / "_static" / "charts.js").write_text(vega.javascript(), encoding="utf-8")
    (tmp_path / "index.html").write_text(PAGE.format(content=content), encoding="utf-8")
    return tmp_path


def look(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(LOOK), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


@pytest.mark.processes
def test_what_is_wrong_with_files_needs_no_browser(tmp_path: Path) -> None:
    links = ("gone.ipynb", "index.html#here", "https://example.org/c")
    folder = book(tmp_path, "".join(f'<a href="{link}">a link</a>' for link in links))
    (folder / "_static" / "charts.js.map").write_text("{}")
    (folder / "large.html").write_text("x" * 2_100_000)
    found = look(folder, PATH="")
    assert found.returncode == 1
    assert "no Chromium or Chrome is here, so the pages were not opened" in found.stdout
    assert set(found.stderr.splitlines()) == {
        "index.html: a link to gone.ipynb, which is not there",
        "large.html: 2.1 MB, more than 2",
        "_static/charts.js.map: a source map, which no reader needs",
    }


def pictures(side: int, smooth: bool) -> alt.FacetChart:
    blank = np.zeros((8, 8, 3), np.uint8)
    chart = grid({f"column {number}": [blank] for number in range(4)}, ["row"], "Four columns of black pictures")
    chart.spec.mark.width = chart.spec.mark.height = side
    chart.spec.mark.smooth = smooth
    return chart


needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium here")


def panels(monkeypatch: pytest.MonkeyPatch, log: bool = False, **columns: list[float | None]) -> str:
    """Means with intervals in two panels, with other columns in place of the sound ones."""
    monkeypatch.setenv(vega.IN_BOOK, "1")
    sound = {"x": [1, 2, 3] * 2, "mean": [1, 2, 3, 2, 3, 4], "low": [0.5, 1, 2, 1, 2, 3], "high": [2, 3, 4, 3, 4, 5]}
    table = pd.DataFrame(sound | {"series": list("aaabbb"), "panel": list("pppqqq")} | columns)
    y = alt.Y("mean:Q", title="y").scale(type="log" if log else "linear")
    chart = lines.bands(None, alt.X("x:Q", title="x"), y, lines.looks("ab"), points=True)
    chart = lines.panels(chart.properties(width=200, height=150), table)
    return chart.properties(description="A made-up chart in two panels")._repr_mimebundle_()["text/html"]


@pytest.mark.processes
@needs_browser
@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, ""),
        ({"log": True}, ""),
        ({"log": True, "low": [0, 1, 2, 1, 2, 3]}, "warning: WARN Log scale domain includes zero"),
        ({name: [1, 2, 3, None, None, None] for name in ("mean", "low", "high")}, "plots without any mark, A made-up"),
        ({"x": [1, 2, None, 1, 2, 3]}, "rows of a chart's table that are not drawn, A made-up chart in two panels: 1"),
    ],
)
def test_empty_plots_lost_rows_and_warnings_are_found(
    tmp_path: Path, chart: alt.Chart, monkeypatch: pytest.MonkeyPatch, given: dict[str, object], wrong: str
) -> None:
    found = look(book(tmp_path, panels(monkeypatch, **given)))
    assert (found.returncode, wrong in found.stderr) == (int(bool(wrong)), True), found.stderr


@pytest.mark.processes
@needs_browser
def test_sound_pages_pass(tmp_path: Path, chart: alt.Chart) -> None:
    """Three of them, for two browsers side by side."""
    folder = book(tmp_path, chart._repr_mimebundle_()["text/html"])
    for name in ("second", "third"):
        shutil.copy(folder / "index.html", folder / f"{name}.html")
    found = look(folder)
    assert (found.returncode, found.stderr.strip()) == (0, "")
    assert "looked at 3 pages with 3 charts" in found.stdout


@pytest.mark.processes
@needs_browser
def test_charts_fit_their_place_and_pictures_keep_their_size(tmp_path: Path, chart: alt.Chart) -> None:
    """Five panels of 260 pixels have no room beside each other; four pictures have, and two on a phone."""
    table = pd.DataFrame({"x": [1, 2] * 5, "name": list("aabbccddee")})
    panels = alt.Chart(table).mark_point().encode(x="x").properties(width=260).facet("name", columns=5)
    panels = panels.properties(description="Five panels of points in a row, as an example")
    shown = [one._repr_mimebundle_()["text/html"] for one in (panels, pictures(128, smooth=False))]
    found = look(book(tmp_path, "".join(shown)))
    assert (found.returncode, found.stderr.strip()) == (0, "")


@pytest.mark.processes
@needs_browser
def test_small_or_smoothed_pictures_and_wide_charts_are_found(tmp_path: Path, chart: alt.Chart) -> None:
    wide = chart.properties(title="a title that has no end " * 40)
    shown = [one._repr_mimebundle_()["text/html"] for one in (wide, pictures(90, smooth=True))]
    found = look(book(tmp_path, "".join(shown)))
    for sentence in (
        "1 charts are wider than their place",
        "a picture has 90 pixels, less than 128",
        "4 pictures are smoothed",
    ):
        assert sentence in found.stderr


@pytest.mark.processes
@needs_browser
def test_what_a_reader_would_meet_is_found(tmp_path: Path, chart: alt.Chart) -> None:
    broken = chart.properties(description="").to_dict() | {"mark": {"type": "text", "fontSize": 6, "text": "small"}}
    faults = {
        "a request to https://example.org/x.png": '<img alt="a picture" src="https://example.org/x.png">',
        "error: ReferenceError: nothing is not defined": "<script>nothing();</script>",
        "the page is ": '<div style="width:2000px">wide</div>',
        "no description": vega.render(broken)["text/html"],
        "text in a chart has 6.0 pixels": "",
        "1 of 2 charts are drawn": vega.render({"mark": "no mark"})["text/html"],
        "text has a contrast less than 4.5: p.pale 1.6": '<p class="pale" style="color:#ccc;background:#fff">pale</p>',
        "a keyboard's focus is not seen on a.plain": '<a class="plain" style="outline:none!important" href="#">a</a>',
    }
    found = look(book(tmp_path, "".join(faults.values())))
    assert found.returncode == 1
    for sentence in faults:
        assert sentence in found.stderr
