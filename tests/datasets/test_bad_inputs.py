"""What is refused: images, manifests, folders, and what servers send.

Not in the lists, since a programmer and not a user meets them: an index that is no integer (`data["a"]`) or beyond the
end raises Python's own TypeError or IndexError, as any sequence does.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spectral_collapse import cli, datasets
from spectral_collapse.datasets import bbbc021, download
from spectral_collapse.datasets.download import fetch
from spectral_collapse.datasets.images import read_rgb
from spectral_collapse.errors import DataError, DownloadError, InvalidParameterError
from tests.each import each

from .server import Server, special, tarred, zipped
from .test_bbbc021 import FIELDS, official, table, write_crops, write_manifest
from .test_edges2shoes import write_pairs, write_photos
from .test_images import tiff, with_pillow

LONG = "x" * 5000


# Image files


def huge_png(width: int, height: int) -> bytes:
    """A PNG that says it is huge, and holds nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(100))), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


WHITE = r"has values of type int(16|32), whose white is not known"
LARGE = "has more than 89478485 pixels, too many for one image"
IMAGES = {
    "int32 tiff": (tiff(np.full((4, 4), 100, np.int32)), WHITE),
    "int16 tiff": (tiff(np.full((4, 4), 100, np.int16)), WHITE),
    "float 0..255": (tiff(np.full((4, 4), 100, np.float32)), r"has floats outside 0\.\.1"),
    "float nan": (tiff(np.full((4, 4), np.nan, np.float32)), r"has floats outside 0\.\.1"),
    "100000 x 100000": (huge_png(100_000, 100_000), LARGE),
    "2^31-1 x 2^31-1": (huge_png(2**31 - 1, 2**31 - 1), LARGE),
    "between Pillow's two limits": (huge_png(10_000, 10_000), LARGE),
    "empty": (b"", "cannot be read as an image"),
    "text": (b"hello", "cannot be read as an image"),
    "truncated": (with_pillow(Image.new("RGB", (512, 256)), "PNG")[:200], "cannot be read as an image"),
    "promises more than it holds": (huge_png(512, 256), "cannot be read as an image"),
}


def write_both_parts(root: Path) -> None:
    for part in ("train", "val"):
        write_pairs(root / "edges2shoes" / part, 3)


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "crops": ("bbbc021_x8", lambda root: write_crops(root / "bbbc021", sizes=(64,))),
    "pairs": ("edges2shoes", write_both_parts),
    "photos": ("edges2shoes", lambda root: write_photos(root / "shoes", products=40, colors=1)),
}


def first_file(data: datasets.DomainDataset) -> Path:
    first = data.images.items[0]
    return first.path if isinstance(first, bbbc021.Crop) else first


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("reader", READERS)
def test_readers_name_a_bad_image_or_leave_it_out(tmp_path: Path, reader: str) -> None:
    name, write = READERS[reader]
    write(tmp_path)
    load = partial(datasets.load, name, "test", 64, "real", tmp_path)
    whole = load()
    path = first_file(whole)
    named, left_out = re.escape(path.name), f"1 of {len(whole)} .* left out.*{re.escape(path.name)}"
    middle = np.full(Image.open(path).size[::-1], 32768, np.uint16)  # 16 bits, by their range
    path.write_bytes(with_pillow(Image.fromarray(middle), "PNG"))
    assert load()[0].target.mean().item() == pytest.approx(0, abs=1.01 / 255)  # a grey level of 8 bits
    for content, message in IMAGES.values():
        path.write_bytes(content)
        with pytest.raises(DataError, match=rf"{named}' {message}.*skip it \(skip_corrupt=True\)"):
            load()[0]
        with pytest.warns(UserWarning, match=left_out):
            assert load(skip_corrupt=True).ids == whole.ids[1:]
    path.unlink()
    with pytest.raises(DataError, match=rf"{named}' does not exist, or is a link to nothing.*skip_corrupt=True"):
        read_rgb(path)
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match=f"{named}'.* does not exist") as caught:
        load()
    assert "skip_corrupt=True" in str(caught.value)
    with pytest.warns(UserWarning, match=f"{left_out}.*does not exist"):
        assert load(skip_corrupt=True).ids == whole.ids[1:]


# Tables

COLUMNS = "file,size,field,coverage"
CROPS = [(f"{field}_64.png", 64, field, 1.0) for field in FIELDS]
MANIFESTS: dict[str, tuple[tuple[object, ...], str]] = {
    "file ../..": (("../../secret/s.png", 64, "x", 1.0), "'../../secret/s.png', which lies outside its folder"),
    "file with .. inside": (("a/../../s.png", 64, "x", 1.0), "which lies outside its folder"),
    "file absolute": (("/secret/s.png", 64, "x", 1.0), "'/secret/s.png', which lies outside its folder"),
    "file on a drive": (("C:\\s.png", 64, "x", 1.0), "which lies outside its folder"),
    "file empty": (("", 64, "x", 1.0), "line 42 of .* has nothing in 'file'"),
    "row lacks field": (("s.png", 64), "line 42 of .* has nothing in 'field'"),
    "row lacks all": (("s.png",), "line 42 of .* has nothing in 'size'"),
    "field empty": (("s.png", 64, "", 1.0), "line 42 of .* has nothing in 'field'"),
    "size text": (("s.png", "large", "x", 1.0), "lacks the size or coverage of 's.png', in pixels and as a share"),
    "size 0": (("s.png", 0, "x", 1.0), "lacks the size or coverage of 's.png'"),
    "size -64": (("s.png", -64, "x", 1.0), "lacks the size or coverage of 's.png'"),
    "size 64.5": (("s.png", 64.5, "x", 1.0), "lacks the size or coverage of 's.png'"),
    "size of 5000 digits": (("s.png", "9" * 5000, "x", 1.0), "lacks the size or coverage of 's.png'"),
    "coverage nan": (("s.png", 64, "x", "nan"), "lacks the size or coverage of 's.png'"),
    "coverage 95": (("s.png", 64, "x", 95), "lacks the size or coverage of 's.png'"),
    "name of 300 letters": (("n" * 300, 64, FIELDS[0], 1.0), "names .*nnnn', which does not exist"),
    "name of 5000 letters": ((LONG, 64, FIELDS[0], 1.0), r"names '.*\.\.\..*xx', which does not exist"),
    "name is a folder": ((".", 64, FIELDS[0], 1.0), "names .*, which is no file"),
}


def test_a_line_of_the_manifest(tmp_path: Path) -> None:
    folder = write_crops(tmp_path / "bbbc021", sizes=(64,))
    (tmp_path / "secret").mkdir()
    split = "test" if bbbc021.held_out(FIELDS[0], bbbc021.TEST_SHARE) else "train"
    for line, message in MANIFESTS.values():
        write_manifest(folder, [*CROPS, line], COLUMNS)
        with pytest.raises(DataError, match=message):
            datasets.load("bbbc021_x8", split, 64, "real", tmp_path)


PLATE = "Week1_22123"


def write_official(root: Path, **change: str | None) -> None:
    """One plate of twenty wells; `change` sets entries of the table's last line, None ends it there."""
    folder = root / "bbbc021"
    folder.mkdir()
    lines, files = official([PLATE], 20, lambda dye: np.arange(64 * 64, dtype=np.uint16).reshape(64, 64))
    lines[-1].update(change)
    (folder / bbbc021.METADATA).write_text(table(lines))
    (folder / f"BBBC021_v1_images_{PLATE}.zip").write_bytes(zipped(files[PLATE]))


TABLES: dict[str, tuple[dict[str, str | None], str]] = {
    "short row": ({"Image_PathName_Actin": None}, "line 21 of .* has nothing in 'Image_PathName_Actin'"),
    "empty name": ({"Image_FileName_DAPI": ""}, "line 21 of .* has nothing in 'Image_FileName_DAPI'"),
    "plate ../..": ({"Image_PathName_DAPI": "../../x"}, "'../../x', which lies outside its folder"),
    "plate absolute": ({"Image_PathName_DAPI": "/x"}, "'/x', which lies outside its folder"),
    "file ../..": ({"Image_FileName_DAPI": "../../x.tif"}, "'../../x.tif', which lies outside its folder"),
    "file of 5000 letters": ({"Image_FileName_DAPI": LONG}, r"names 'xx.*\.\.\..*xx', which plate .* lacks"),
}


@each(("change", "message"), TABLES.values())
def test_a_line_of_the_official_table(tmp_path: Path, change: dict[str, str | None], message: str) -> None:
    write_official(tmp_path, **change)
    split = "test" if bbbc021.held_out(f"{PLATE}_B19_s3", bbbc021.TEST_SHARE) else "train"
    with pytest.raises(DataError, match=message):
        datasets.load("bbbc021_x8", split, 64, "real", tmp_path)


def test_tables_that_windows_saved(tmp_path: Path) -> None:
    """Its slashes are read, and what separates columns otherwise is told, not called a missing column."""
    write_official(tmp_path)
    load = partial(datasets.load, "bbbc021_x8", "train", 64, "real", tmp_path)
    file, whole = tmp_path / "bbbc021" / bbbc021.METADATA, load()
    text = file.read_text()
    for path in ("Week1\\Week1_22123", "Week1/Week1_22123/", "Week1\\Week1_22123\\", "./Week1/Week1_22123"):
        file.write_text("\ufeff" + text.replace("Week1/Week1_22123", path).replace("\n", "\r\n"), encoding="utf-8")
        assert load().ids == whole.ids
        assert load().fingerprint == whole.fingerprint
    for content, message in (
        (text.replace(",", ";").encode(), "has semicolons between its columns; save it with commas"),
        (text.replace(",", "\t").encode(), "has tabs between its columns; save it with commas"),
        (("sep=;\n" + text.replace(",", ";")).encode(), "has semicolons between its columns; save it with commas"),
        (text.encode("utf-16"), "cannot be read as a table .*; save it with commas, in UTF-8"),
        (text.lower().encode(), "lacks the column 'Image_Metadata_Plate_DAPI'"),
    ):
        file.write_bytes(content)
        with pytest.raises(DataError, match=message):
            load()
    shutil.rmtree(tmp_path / "bbbc021")
    folder = write_crops(tmp_path / "bbbc021", sizes=(64,))
    whole = load()
    write_manifest(folder, [(f".\\{line[0]}", *line[1:]) for line in CROPS], COLUMNS)
    assert load().fingerprint == whole.fingerprint


def altered(content: bytes, field: int, value: int) -> bytes:
    """A ZIP archive with another 16-bit value in each entry of its directory, `field` bytes from the entry's start,
    and at the same field of the local headers, which lie two bytes lower."""
    content = bytearray(content)
    for signature, shift in ((b"PK\1\2", field), (b"PK\3\4", field - 2)):
        for found in re.finditer(re.escape(signature), bytes(content)):
            struct.pack_into("<H", content, found.start() + shift, value)
    return bytes(content)


PLATES: dict[str, Callable[[bytes], bytes]] = {
    "unknown compression": lambda content: altered(content, 10, 99),
    "encrypted": lambda content: altered(content, 8, 1),
    "lzma that is none": lambda content: altered(content, 10, 14),
    "bzip2 that is none": lambda content: altered(content, 10, 12),
    "deflate that is none": lambda content: altered(content, 10, 8),
}


def test_a_plate_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_official(tmp_path)
    plate = tmp_path / "bbbc021" / f"BBBC021_v1_images_{PLATE}.zip"
    data, whole = datasets.load("bbbc021_x8", "train", 64, "real", tmp_path), plate.read_bytes()
    for alter in PLATES.values():
        plate.write_bytes(alter(whole))
        with pytest.raises(DataError, match=rf"{PLATE}.*_s3_.*\.tif' cannot be read as an image"):
            data[0]
    plate.write_bytes(whole)
    monkeypatch.setattr(bbbc021, "LARGEST_PLANE", 1000)
    with pytest.raises(DataError, match="bytes, too many for one plane"):
        data[0]


# Names and folders

LOADS: dict[str, tuple[dict[str, object], str]] = {
    "unknown name": ({"name": "photos_x4"}, "unknown data set 'photos_x4'; known are: bbbc021_x8"),
    "split": ({"split": "valid"}, "unknown split 'valid'; known are: train, validation, test"),
    "source": ({"source": "fake"}, "unknown source 'fake'; known are: auto, real, rendered"),
    **{f"size {size}": ({"size": size}, "size must be a whole number of at least 32") for size in (0, 64.0, True)},
    "size 50": ({"size": 50}, "size must be a multiple of 32"),
    "name list": ({"name": ["edges2shoes"]}, r"unknown data set \['edges2shoes'\]; known are"),
    "root 0": ({"root": 0}, "root must be a path; 0 was given"),
    "root list": ({"root": ["a"]}, r"root must be a path; \['a'\] was given"),
    "root ~nouser": ({"root": "~no-such-user/x"}, "root is '~no-such-user/x', and there is no such home folder"),
    "root 5000 letters": ({"root": LONG}, r"root is 'xx.*\.\.\..*xx', which is too long for a path"),
    "root with a zero byte": ({"root": "a\0b"}, r"root is 'a\\x00b', which can be no path"),
}


@each(("arguments", "message"), LOADS.values())
def test_arguments_of_load(arguments: dict[str, object], message: str) -> None:
    with pytest.raises((InvalidParameterError, DataError), match=message):
        datasets.load(**{"name": "edges2shoes", **arguments})


def test_folders_that_there_are_not(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    for folder, message in (
        ("~no-such-user", "root is '~no-such-user', and there is no such home folder"),
        (LONG, "root is 'xx.*xx', which is too long for a path here; give a shorter one"),
        (str(tmp_path / "file"), "could not write to .*file': File exists"),
    ):
        assert cli.main(["data", "fetch", "edges2shoes", "--folder", folder]) == 2
        out, err = capsys.readouterr()
        assert re.search(message, err)
        assert (out, err.count("\n")) == ("", 1)
    for variable, command in (("HOME", ["list"]), ("HOME", ["fetch", "edges2shoes"]), ("DATA", ["list"])):
        with monkeypatch.context() as patch:
            patch.setenv(f"SPECTRAL_COLLAPSE_{variable}", "~no-such-user")
            assert cli.main(["data", *command]) == 2
        assert f"{variable} is '~no-such-user', and there is no such home folder" in capsys.readouterr().err


def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the refusal is acted."""
    write_crops(tmp_path / "bbbc021", sizes=(64,))

    def refuse(*given: object) -> None:
        raise PermissionError(13, "Permission denied", "manifest.csv")

    monkeypatch.setattr(bbbc021, "_open_crops", refuse)
    with pytest.raises(DataError, match=r"'bbbc021_x8' cannot be read: Permission denied \('manifest"):
        datasets.load("bbbc021_x8", "test", 64, "real", tmp_path)


# Archives

TIFFS = {f"Week1/{i}.tif": np.random.default_rng(i).bytes(3000) for i in range(20)}


def flipped(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 1
    return bytes(changed)


DAMAGED = r"is truncated or damaged \([^\n]+\); delete it and fetch it again"
REFUSED = "was not unpacked: "


def zipped_link() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo("inside/link")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc")
    return buffer.getvalue()


def tarred_link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> bytes:
    return tarred({"there/file": b"x"}, special(name, kind, target))


def outside(member: str) -> str:
    return f"{REFUSED}its member .*{re.escape(member)}"


ARCHIVES: dict[str, tuple[str, bytes, str]] = {
    "zip, up": ("a.zip", zipped({"good": b"", "../evil": b"x"}), outside("../evil")),
    "zip, from the root": ("a.zip", zipped({"good": b"", "/evil": b"x"}), outside("/evil")),
    "zip, backslashes": ("a.zip", zipped({"good": b"", "a\\..\\..\\evil": b"x"}), outside("evil")),
    "zip, a link": ("a.zip", zipped_link(), outside("inside/link")),
    "tar, up": ("a.tar", tarred({"good": b"", "a/../../evil": b"x"}), outside("a/../../evil")),
    "tar, from the root": ("a.tar", tarred({"good": b"", "/evil": b"x"}), outside("/evil")),
    "tar, a link up": ("a.tar", tarred_link("inside/link", "../../evil"), outside("inside/link")),
    "tar, a link to the root": ("a.tar", tarred_link("inside/link", "/evil"), outside("inside/link")),
    "tar, a hard link": ("a.tar", tarred_link("inside/link", "../evil", tarfile.LNKTYPE), outside("inside/link")),
    "tar, a link inside": ("a.tar", tarred_link("there/link", "file"), outside("there/link")),
    "tar, a link that others lie behind": ("a.tar", tarred_link("there", "."), outside("there")),
    "tar, a device": ("a.tar", tarred_link("inside/device", "", tarfile.CHRTYPE), outside("inside/device")),
    "zip, drive": ("a.zip", zipped({"good": b"", "C:/evil": b"x"}), outside("C:/evil")),
    "zip drive, relative": ("a.zip", zipped({"C:x.tif": b"x"}), f"{REFUSED}its member 'C:x.tif' lies outside"),
    "tar overwrites its archive": ("a.tar", tarred({"a.tar": b"x"}), f"{REFUSED}its member 'a.tar' would replace"),
    "tar overwrites, other case": ("a.tar", tarred({"A.TAR": b"x"}), f"{REFUSED}its member 'A.TAR' would replace"),
    "tar overwrites the marker": ("a.tar", tarred({".a.tar.unpacked": b""}), f"{REFUSED}.*unpacked' would replace"),
    "zip overwrites the hash": ("a.zip", zipped({"a.zip.sha256": b""}), f"{REFUSED}.*sha256' would replace"),
    "zip overwrites the table beside it": ("a.zip", zipped({"b.csv": b""}), f"{REFUSED}.*'b.csv' would replace"),
    "gz, flipped bit": ("a.tar.gz", flipped(tarred(TIFFS, mode="w:gz"), 20_000), DAMAGED),
    "gz, wrong CRC": ("a.tar.gz", flipped(tarred(TIFFS, mode="w:gz"), -8), DAMAGED),
    "xz named gz, flipped bit": ("a.tar.gz", flipped(tarred(TIFFS, mode="w:xz"), 20_000), DAMAGED),
    "bz2 named gz, flipped bit": ("a.tar.gz", flipped(tarred(TIFFS, mode="w:bz2"), 20_000), DAMAGED),
    "zip, stored and flipped": ("a.zip", flipped(zipped(TIFFS, zipfile.ZIP_STORED), 20_000), DAMAGED),
    "zip, deflate damaged": ("a.zip", flipped(zipped(TIFFS, zipfile.ZIP_DEFLATED), 20_000), DAMAGED),
    "zip, unknown compression": ("a.zip", altered(zipped(TIFFS), 10, 99), DAMAGED),
    "zip, encrypted": ("a.zip", altered(zipped(TIFFS), 8, 1), DAMAGED),
    "tar, empty file": ("a.tar.gz", b"", DAMAGED),
    "tar is a web page": ("a.tar.gz", b"<!doctype html><p>log in" * 100, DAMAGED),
    "gz, cut": ("a.tar.gz", tarred(TIFFS, mode="w:gz")[:20_000], DAMAGED),
    "zip, cut": ("a.zip", zipped(TIFFS)[:20_000], DAMAGED),
    "tar, cut in a member": ("a.tar", tarred(TIFFS)[:20_000], DAMAGED),
    "tar, cut between members": ("a.tar", tarred(TIFFS)[: 5 * (512 + 3072)], DAMAGED),
    "tar without an end": ("a.tar", tarred(TIFFS)[:-20480], DAMAGED),
    "zip, empty file": ("a.zip", b"", DAMAGED),
    "tar without members": ("a.tar", tarred({}), f"{REFUSED}it holds no files"),
    "zip without members": ("a.zip", zipped({}), f"{REFUSED}it holds no files"),
    "tar, sparse": (
        "a.tar",
        tarred(TIFFS, special("sparse", tarfile.GNUTYPE_SPARSE)),
        f"{REFUSED}.*'sparse' is neither",
    ),
}


@each(("name", "content", "message"), ARCHIVES.values())
def test_an_archive_is_refused_and_can_be_repaired(
    server: Server, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    """Nothing of it is unpacked, no hash is written down, and what the message advises, done twice, works."""
    table, folder = server.offer("b.csv", b"a,b\n"), tmp_path / "outer" / "target"
    before = sorted([download._LOCK, "b.csv", "b.csv.sha256", name])
    for _ in range(2):
        with pytest.raises(DownloadError, match=message) as caught:
            fetch([table, server.offer(name, content)], folder, progress=False)
        assert str(folder / name) in str(caught.value)
        assert [path.name for path in (*tmp_path.iterdir(), *folder.parent.iterdir())] == ["outer", "target"]
        assert sorted(path.name for path in folder.iterdir()) == before
        assert (folder / name).read_bytes() == content
    (folder / name).unlink()
    good = zipped(TIFFS) if name.endswith("zip") else tarred(TIFFS)
    fetch([table, server.offer(name, good)], folder, progress=False)
    assert {member: (folder / member).read_bytes() for member in TIFFS} == TIFFS


def bomb_zip() -> bytes:
    return zipped({"zeros": bytes(100 << 20)}, zipfile.ZIP_DEFLATED)


def bomb_tar() -> bytes:
    return gzip.compress(tarred({"zeros": bytes(100 << 20)}), 1)


def empty_members() -> bytes:
    """Headers alone: 100 MB of folders and files without content."""
    return gzip.compress(tarfile.TarInfo("empty").tobuf() * 200_000 + bytes(1024), 1)


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "zip, one large member": ("a.zip", bomb_zip),
    "tar, one large member": ("a.tar.gz", bomb_tar),
    "tar, many empty members": ("a.tar.gz", empty_members),
}


@each(("name", "make"), BOMBS.values())
def test_a_bomb_is_refused_before_anything_is_written(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, make: Callable[[], bytes]
) -> None:
    monkeypatch.setattr(zipfile.ZipFile, "extract", None)
    monkeypatch.setattr(tarfile.TarFile, "extract", None)
    with pytest.raises(DownloadError, match=r"would grow beyond \d+ MiB, more than \d+ times its size"):
        fetch([server.offer(name, make())], tmp_path, progress=False)


# What a killed run, or a hand, left beside an archive


def test_a_record_that_is_no_hash(server: Server, tmp_path: Path) -> None:
    for record in (b" \n", b"", b"\xff\xfe\x00", b"abc  a.zip\n", b"a" * 65):
        (tmp_path / "a.zip.sha256").write_bytes(record)
        with pytest.raises(DownloadError, match=r"a.zip.sha256' does not begin with a sha256; delete it"):
            fetch([server.offer("a.zip", zipped(TIFFS))], tmp_path, progress=False)
    (tmp_path / "a.zip.sha256").unlink()
    fetch([server.offer("a.zip", zipped(TIFFS))], tmp_path, progress=False)


MARKERS = [b"\xff\xfe\x00", b"", b"hello", b"[]", b"null", b'{"sha256": ""}', b'{"sha256": "", "entries": [1]}']


def test_a_damaged_marker_means_that_it_is_unpacked_again(server: Server, tmp_path: Path) -> None:
    archive = server.offer("a.zip", zipped(TIFFS))
    for marker in (*MARKERS, b"[" * 100_000):
        shutil.rmtree(tmp_path / "Week1", ignore_errors=True)
        (tmp_path / ".a.zip.unpacked").write_bytes(marker)
        fetch([archive], tmp_path, progress=False)
        assert len(list((tmp_path / "Week1").iterdir())) == len(TIFFS)
        assert json.loads((tmp_path / ".a.zip.unpacked").read_bytes())["entries"] == ["Week1"]


PARTS = {
    "no tag": (zipped(TIFFS)[::-1][:5000], None),
    "tag binary": (zipped(TIFFS)[::-1][:5000], b"\xff\xfe\x00"),
    "tag with a new line": (zipped(TIFFS)[::-1][:5000], b'"a"\r\nX: y'),
    "tag of another version": (zipped(TIFFS)[::-1][:5000], b'"another"'),
    "longer than the file": (bytes(200_000), b'"another"'),
    "empty": (b"", b""),
}


@each(("part", "tag"), PARTS.values())
def test_a_part_of_another_file_is_not_gone_on_with(
    server: Server, tmp_path: Path, part: bytes, tag: bytes | None
) -> None:
    (tmp_path / "a.zip.part").write_bytes(part)
    if tag is not None:
        (tmp_path / "a.zip.part.tag").write_bytes(tag)
    content = zipped(TIFFS)
    [path] = fetch([server.offer("a.zip", content)], tmp_path, progress=False)
    assert path.read_bytes() == content
    assert not list(tmp_path.glob("*.part*"))


def test_leftovers_of_killed_runs_are_swept(server: Server, tmp_path: Path) -> None:
    archive = server.offer("a.zip", zipped(TIFFS))
    fetch([archive], tmp_path, progress=False)
    whole = sorted(path.name for path in tmp_path.iterdir())
    (tmp_path / ".unpacking-killed" / "Week1").mkdir(parents=True)
    (tmp_path / ".unpacking-killed/Week1/a.tif").write_bytes(b"x")
    temporary = f"-{'0' * 32}.tmp"
    for name in ("a.zip.part", "a.zip.part.tag", f".a.zip.sha256{temporary}", f"..a.zip.unpacked{temporary}"):
        (tmp_path / name).write_bytes(b"x")
    fetch([archive], tmp_path, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == whole


def test_a_run_at_work_is_left_alone(server: Server, tmp_path: Path) -> None:
    import filelock

    (tmp_path / ".unpacking-by-the-other").mkdir()
    with (
        filelock.FileLock(tmp_path / download._LOCK),
        pytest.raises(DownloadError, match=r"another download is at work in .*; wait for it"),
    ):
        fetch([server.offer("a.zip", zipped(TIFFS))], tmp_path, progress=False)
    assert (tmp_path / ".unpacking-by-the-other").is_dir()


# Servers

FILE = bytes(range(256)) * 12_000  # 3 MB


def say(**headers: str | None) -> Callable[[Server], None]:
    return lambda server: server.headers.update({name.replace("_", "-"): value for name, value in headers.items()})


SERVERS: dict[str, tuple[Callable[[Server], None], str]] = {
    "length abc": (say(Content_Length="abc"), "gives 'abc' as its length, which is no number"),
    "length negative": (say(Content_Length="-5"), "gives '-5' as its length, which is no number"),
    "a login page": (say(Content_Type="text/html; charset=utf-8"), "answered with a web page instead of the file"),
    "packed on its way": (say(Content_Encoding="gzip"), "was sent in the encoding 'gzip', which was not asked for"),
}


@each(("misbehave", "message"), SERVERS.values())
def test_a_server_that_is_not_believed(
    server: Server, tmp_path: Path, misbehave: Callable[[Server], None], message: str
) -> None:
    archive = server.offer("a.csv", FILE)
    misbehave(server)
    with pytest.raises(DownloadError, match=message):
        fetch([archive], tmp_path, progress=False)
    assert not (tmp_path / "a.csv").exists()
    assert not (tmp_path / "a.csv.sha256").exists()
    server.headers.clear()
    [path] = fetch([server.offer("a.csv", FILE)], tmp_path, progress=False)
    assert path.read_bytes() == FILE


@each("name", ["a.csv", "a.zip"])
@each("lie", [lambda server: setattr(server, "shift", -1_000_000), say(Content_Range=None)])
def test_a_range_from_another_place_is_noticed(
    server: Server, tmp_path: Path, name: str, lie: Callable[[Server], None]
) -> None:
    server.forget()
    content = FILE if name == "a.csv" else zipped({"a.tif": FILE})
    archive = server.offer(name, content)
    lie(server)
    server.break_after = [1_000_000]
    with pytest.raises(DownloadError, match=r"sent bytes from .* where those from 1000000 were asked for"):
        fetch([archive], tmp_path, progress=False)
    [path] = fetch([archive], tmp_path, progress=False)  # from the start, as the message says
    assert path.read_bytes() == content


@each("length", ["100000", None])
def test_a_first_download_that_was_cut_is_repaired_as_the_message_says(
    server: Server, tmp_path: Path, length: str | None
) -> None:
    """The length that the server tells is too small, or it tells none and the connection ends early."""
    content = zipped({"a.tif": FILE})
    archive = server.offer("a.zip", content)
    server.headers["Content-Length"] = length
    server.break_after = [100_000]
    with pytest.raises(DownloadError, match=r"a\.zip' is truncated or damaged .*; delete it and fetch it again"):
        fetch([archive], tmp_path, progress=False)
    (tmp_path / "a.zip").unlink()
    server.headers.clear()
    fetch([archive], tmp_path, progress=False)
    assert (tmp_path / "a.tif").read_bytes() == FILE


@each("headers", [{}, {"ETag": None}, {"ETag": 'W/"weak"'}])
@each("piece", [700_000, 150_000, 100])
def test_small_pieces_of_broken_connections_add_up(
    server: Server, tmp_path: Path, piece: int, headers: dict[str, str | None]
) -> None:
    server.forget()
    content = FILE[: 40 * piece] if piece == 100 else FILE
    server.headers, server.break_always = headers, piece
    [path] = fetch([server.offer("a.csv", content)], tmp_path, progress=False)
    assert path.read_bytes() == content
    assert server.ranges[1:] == [f"bytes={start}-" for start in range(piece, len(content), piece)]


def test_what_came_before_a_silence_is_kept(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_TIMEOUT", (10, 0.5))
    server.break_always, server.stall = 700_000, 60
    [path] = fetch([server.offer("a.csv", FILE)], tmp_path, progress=False)
    assert path.read_bytes() == FILE
    assert len(server.ranges) == 5  # 700 kB each


def test_a_length_or_an_encoding_that_is_not_true_does_no_harm(server: Server, tmp_path: Path) -> None:
    """Asked for the rest, the server says that the file ends there."""
    archive = server.offer("a.csv", FILE)
    server.headers["Content-Length"] = "9999999"
    [path] = fetch([archive], tmp_path, progress=False)
    assert path.read_bytes() == FILE
    content = tarred(TIFFS, mode="w:gz")
    server.headers = {"Content-Encoding": "x-gzip"}
    [path] = fetch([server.offer("a.tar.gz", content)], tmp_path, progress=False)
    assert path.read_bytes() == content
