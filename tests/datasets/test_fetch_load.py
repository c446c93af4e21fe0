"""`data fetch` from a local server, then `load`, of archives in the official layout, through the command line."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spectral_collapse import cli, datasets
from spectral_collapse.datasets import bbbc021, download, edges2shoes
from spectral_collapse.datasets.base import DomainDataset
from spectral_collapse.errors import DownloadError
from tests.each import each

from .server import Server, tarred, zipped
from .test_bbbc021 import official, table


def pair_of_images(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (512, 256), (shade, shade, shade)).save(buffer, "JPEG")
    return buffer.getvalue()


@cache  # the time of day is in archives
def shoe_archives() -> dict[str, bytes]:
    """One tar with the folder `edges2shoes` at its top, as pix2pix publishes it."""
    pairs = {f"train/{i}_AB.jpg": pair_of_images(i) for i in range(1, 5)}
    pairs |= {f"val/{i}_AB.jpg": pair_of_images(200) for i in range(1, 3)}
    return {"edges2shoes.tar.gz": tarred({f"edges2shoes/{name}": each for name, each in pairs.items()}, mode="w:gz")}


@cache
def cell_archives() -> dict[str, bytes]:
    """The table, and plates with their folder at the top: two of the 55."""
    rng = np.random.default_rng(0)
    lines, files = official(
        ["Week1_22123", "Week1_22141"], 20, lambda dye: rng.integers(0, 4096, (64, 64), dtype=np.uint16)
    )
    archives = {f"BBBC021_v1_images_{plate}.zip": zipped(members) for plate, members in files.items()}
    return {bbbc021.METADATA: table(lines).encode(), **archives}


OFFICIAL: dict[str, Callable[[], dict[str, bytes]]] = {"bbbc021": cell_archives, "edges2shoes": shoe_archives}


@pytest.fixture
def published(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Has the archives of all data sets come from the local server; gives the data folder."""
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    monkeypatch.delenv("SPECTRAL_COLLAPSE_DATA", raising=False)
    monkeypatch.setattr(datasets, "_announced", set())
    for name, entry in datasets.DATASETS.items():
        if entry.download:
            archives = tuple(
                replace(archive, url=f"{server.address}/{archive.filename}") for archive in entry.download.archives
            )
            monkeypatch.setitem(
                datasets.DATASETS, name, replace(entry, download=replace(entry.download, archives=archives))
            )
    return tmp_path / "downloads"


def fetch(server: Server, family: str, *options: str) -> int:
    server.files = OFFICIAL[family]()
    return cli.main(["data", "fetch", family, "--first", str(len(server.files)), *options])


def real(name: str, split: str, root: Path | None = None) -> DomainDataset:
    data = datasets.load(name, split, 64, root=root)  # 'auto', so that nothing is found by being told to
    assert data.kind == "real"
    assert data[0][0].shape == (3, 64, 64)
    return data


def of_family(family: str) -> list[str]:
    return [name for name, entry in datasets.DATASETS.items() if entry.family == family]


def test_all_downloads_are_tried_here() -> None:
    assert {entry.family for entry in datasets.DATASETS.values() if entry.download} == set(OFFICIAL)


@pytest.mark.parametrize("family", OFFICIAL)
def test_what_was_fetched_is_what_load_finds(
    server: Server, published: Path, capsys: pytest.CaptureFixture[str], family: str
) -> None:
    assert fetch(server, family) == 0
    assert f"{family} is in {published / family}\n" in capsys.readouterr().out
    assert cli.main(["data", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    for name in of_family(family):
        lengths = [len(real(name, split)) for split in ("train", "test")]
        assert lengths == [4, 2] if name == "edges2shoes" else sum(lengths) == 40
        assert f"real, {lengths[1]} test images" in lines[name]
    asked = len(server.ranges)
    assert fetch(server, family) == 0
    assert len(server.ranges) == asked  # all of it is there


@pytest.mark.parametrize("family", OFFICIAL)
def test_a_folder_of_ones_own_is_a_root(
    server: Server, published: Path, tmp_path: Path, family: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine"
    assert fetch(server, family, "--folder", str(mine)) == 0
    assert f"SPECTRAL_COLLAPSE_DATA={mine} " in capsys.readouterr().out
    for name in of_family(family):
        real(name, "test", mine)
    assert not published.exists()


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(("family", "unpacked"), [("edges2shoes", "edges2shoes"), ("bbbc021", "bbbc021/Week1_22141")])
def test_a_folder_that_was_removed_is_fetched_again(
    server: Server, published: Path, family: str, unpacked: str, keep: bool
) -> None:
    assert fetch(server, family) == 0
    asked = len(server.ranges)
    whole = sorted(published.rglob("*"))
    shutil.rmtree(published / unpacked)
    if not keep:
        for archive in published.rglob("*.zip" if family == "bbbc021" else "*.tar.gz"):
            archive.unlink()
    assert fetch(server, family) == 0
    assert len(server.ranges) == asked + (not keep)  # the one archive whose files are not there
    if keep:
        assert sorted(published.rglob("*")) == whole
    for name in of_family(family):
        real(name, "train")


def test_an_emptied_folder_is_unpacked_again(server: Server, published: Path) -> None:
    assert fetch(server, "edges2shoes") == 0
    for image in (published / "edges2shoes" / "val").iterdir():
        image.unlink()
    assert fetch(server, "edges2shoes") == 0
    assert len(real("edges2shoes", "test")) == 2


@each(("family", "name"), [("bbbc021", "bbbc021_x8"), ("edges2shoes", "edges2shoes")])
def test_a_fetch_that_failed_leaves_the_data_set_as_it_was(
    server: Server, published: Path, monkeypatch: pytest.MonkeyPatch, family: str, name: str
) -> None:
    """Without an answer, of a damaged archive, killed while one is unpacked; the next fetch repairs it."""
    archives = OFFICIAL[family]()
    last = list(archives)[-1]

    def fails(files: dict[str, bytes]) -> None:
        server.files = files
        assert cli.main(["data", "fetch", family, "--first", str(len(archives))]) == 2
        assert datasets.load(name, "test", 64).kind == kind

    kind = "rendered"
    with pytest.warns(UserWarning, match="RENDERED"):
        fails({})
    if family == "bbbc021":  # the table alone
        fails({bbbc021.METADATA: archives[bbbc021.METADATA]})
        table, plate = list(archives)[:2]
        fails({table: archives[table], plate: archives[plate][:-50]})
        (published / family / plate).unlink()
        kind = "real"  # a whole plate, and one that is not whole
    fails({**archives, last: archives[last][: len(archives[last]) // 2]})
    archive = next(published.rglob(last))
    archive.unlink()

    def no_power(*given: object) -> None:
        raise DownloadError("no power")

    with monkeypatch.context() as patched:
        patched.setattr(download, "extract", no_power)
        fails(archives)
    assert archive.is_file()
    assert fetch(server, family) == 0
    real(name, "test")


def test_the_layout_that_an_older_version_left_is_found(tmp_path: Path) -> None:
    """The archive, unpacked inside a folder of the name that it has at its top."""
    for part in ("train", "val"):
        folder = tmp_path / "edges2shoes" / "edges2shoes" / part
        folder.mkdir(parents=True)
        (folder / "1_AB.jpg").write_bytes(pair_of_images(100))
    images = edges2shoes.open_real([tmp_path], "test", 64)
    assert images.ids == ["1_AB"]


def test_the_addresses_are_the_official_ones() -> None:
    (archive,) = edges2shoes.DOWNLOAD.archives
    assert archive.url == "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/edges2shoes.tar.gz"
    names = [archive.filename for archive in bbbc021.DOWNLOAD.archives]
    assert len(set(names)) == len(names) == 56  # 55 plates and the metadata
    assert names[:2] == ["BBBC021_v1_image.csv", "BBBC021_v1_images_Week1_22123.zip"]
    for archive in bbbc021.DOWNLOAD.archives:
        assert archive.url == f"https://data.broadinstitute.org/bbbc/BBBC021/{archive.filename}"
