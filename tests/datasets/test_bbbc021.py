"""BBBC021: both real layouts, the split by field, and the rendered twin."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image

from spectral_collapse import datasets
from spectral_collapse.datasets import bbbc021, cells
from spectral_collapse.datasets.resample import sparsify
from spectral_collapse.errors import DataError
from tests.each import each

from .server import zipped

NAME = "bbbc021_x8"
FIELDS = [f"B{i:02d}_s1_w1ABC" for i in range(40)]


def write_crops(folder: Path, fields: Iterable[str] = FIELDS, sizes: Iterable[int] = (64, 128)) -> Path:
    """Flat crops whose pixel (0, 0) alone differs and is their size, with a manifest."""
    folder.mkdir(parents=True)
    lines = []
    for size in sizes:
        for number, field in enumerate(fields):
            pixels = np.full((size, size, 3), number % 40, dtype=np.uint8)
            pixels[0, 0] = size
            file = f"{field}_{size}.png"
            Image.fromarray(pixels).save(folder / file)
            lines.append((file, size, "stitched", field, "DMSO", 1.0))
    write_manifest(folder, lines)
    return folder


def write_manifest(folder: Path, lines: list[tuple], columns: str = "file,size,kind,field,moa,coverage") -> None:
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns.split(","), *lines])


def read(name: str, split: str, root: Path, size: int = 64, **options: object) -> datasets.DomainDataset:
    return datasets.load(name, split, size, "real", root, **options)


# Crops with a manifest


def test_splits_share_no_field_at_any_size(tmp_path: Path) -> None:
    write_crops(tmp_path / "bbbc021", [f"field {i}" for i in range(300)], sizes=(64,))
    train, test = (set(read(NAME, split, tmp_path).images.groups) for split in ("train", "test"))
    assert train | test == {f"field {i}" for i in range(300)}
    assert not train & test
    # 300 draws of probability 0.15: mean 45, standard deviation 6.2; the bounds are 4 of them away.
    assert 20 <= len(test) <= 70


def test_a_training_field_is_shown_in_one_domain_only(tmp_path: Path) -> None:
    folder = write_crops(tmp_path / "bbbc021", sizes=(64,))
    with (folder / "manifest.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    for row in rows[:]:
        shutil.copy(folder / row[0], folder / f"again_{row[0]}")
        rows.append([f"again_{row[0]}", *row[1:]])
    write_manifest(folder, rows)
    shown: dict[str, set[bool]] = {}
    for name in ("bbbc021_x8", "bbbc021_x16", "bbbc021_x32"):
        split = read(name, "train", tmp_path)
        assert len(split) == 2 * len(set(split.images.groups))
        for index, field in enumerate(split.images.groups):
            shown.setdefault(field, set()).add(split[index].label == datasets.TARGET)
    assert all(len(sides) == 1 for sides in shown.values())
    assert {side for sides in shown.values() for side in sides} == {True, False}


def test_takes_crops_of_the_asked_size_else_the_middle_of_larger_ones(tmp_path: Path) -> None:
    write_crops(tmp_path / "bbbc021")
    exact = read(NAME, "test", tmp_path, 64)
    assert all(name.endswith("_64.png") for name in exact.ids)
    assert exact[0].target[0, 0, 0] == pytest.approx(64 / 127.5 - 1)
    between = read(NAME, "test", tmp_path, 96)
    assert all(name.endswith("_128.png") for name in between.ids)
    assert between[0].target.shape == (3, 96, 96)
    assert between[0].target.max() == between[0].target.min()  # the marked corner is cut off
    with pytest.raises(DataError, match="128 px and are not enlarged to 256 px"):
        read(NAME, "test", tmp_path, 256)


@each(("name", "factor"), [("bbbc021_x8", 8), ("bbbc021_x16", 16), ("bbbc021_x32", 32)])
def test_source_is_the_reduced_target(tmp_path: Path, name: str, factor: int) -> None:
    folder = write_crops(tmp_path / "bbbc021", sizes=(64,))
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for path in folder.glob("*.png"):
        Image.fromarray(noise).save(path)
    pair = read(name, "test", tmp_path)[0]
    assert torch.equal(pair.source, sparsify(pair.target, factor))
    assert torch.allclose(pair.target, torch.from_numpy(noise).permute(2, 0, 1) / 127.5 - 1)
    assert datasets.info(name).structure_cutoff(64) == 1 / factor


def test_low_coverage_is_left_out(tmp_path: Path) -> None:
    folder = write_crops(tmp_path / "bbbc021", sizes=(64,))
    write_manifest(
        folder, [(f"{field}_64.png", 64, "", field, "", 0.94 if i % 2 else 0.95) for i, field in enumerate(FIELDS)]
    )
    kept = {group for split in ("train", "test") for group in read(NAME, split, tmp_path).images.groups}
    assert kept == set(FIELDS[::2])


def test_manifest_errors_name_what_is_wrong(tmp_path: Path) -> None:
    folder = write_crops(tmp_path / "bbbc021", sizes=(64,))
    write_manifest(folder, [(f"{field}_64.png", 64, field) for field in FIELDS], "file,size,field")
    with pytest.raises(DataError, match="lacks the column 'coverage'"):
        read(NAME, "train", tmp_path)
    write_manifest(folder, [], "file,size,field,coverage")
    with pytest.raises(DataError, match="no crop"):
        read(NAME, "train", tmp_path)


def test_crops_of_another_size_or_without_a_file_are_named_and_skipped_only_if_asked(tmp_path: Path) -> None:
    folder = write_crops(tmp_path / "bbbc021", sizes=(64,))
    whole = read(NAME, "train", tmp_path)
    small, lost = whole.ids[:2]
    Image.new("RGB", (32, 32)).save(folder / small)
    with pytest.raises(DataError, match=f"{small}.*32 x 32 px.*64 x 64"):
        read(NAME, "train", tmp_path)[0]
    (folder / lost).unlink()
    with pytest.raises(DataError, match=f"{lost}.*does not exist"):
        read(NAME, "train", tmp_path)
    with pytest.warns(UserWarning, match=f"2 of {len(whole)} crops are left out"):
        rest = read(NAME, "train", tmp_path, skip_corrupt=True)
    assert rest.ids == whole.ids[2:]
    assert rest.fingerprint != whole.fingerprint


def test_looks_in_every_folder_and_in_the_root_itself(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    folder = write_crops(tmp_path / "crops", sizes=(64,))
    assert bbbc021.open_real(8, [empty], "test", 64) is None
    assert bbbc021.open_real(8, [empty, folder], "test", 64) is not None
    (empty / "bbbc021").mkdir()
    with pytest.raises(DataError, match=r"neither manifest\.csv nor"):
        bbbc021.open_real(8, [empty, folder], "test", 64)


# The official layout


def official(
    plates: Iterable[str], wells: int, plane: Callable[[int], NDArray[np.uint16]]
) -> tuple[list[dict[str, str | None]], dict[str, dict[str, bytes]]]:
    """The lines of the table, and the files of each plate; `plane` draws the pixels of DNA, tubulin or actin."""
    lines, files = [], {}
    for plate in plates:
        week, written = plate.partition("_")[0], files.setdefault(plate, {})
        for well in range(wells):
            line = {"Image_Metadata_Plate_DAPI": plate, "Image_Metadata_Well_DAPI": f"B{well:02d}"}
            for number, dye in enumerate(("DAPI", "Tubulin", "Actin")):
                name, stream = f"{week}_150607_B{well:02d}_s3_w{number}1A.tif", io.BytesIO()
                tifffile.imwrite(stream, plane(number))
                line |= {f"Image_FileName_{dye}": name, f"Image_PathName_{dye}": f"{week}/{plate}"}
                written[f"{plate}/{name}"] = stream.getvalue()
            lines.append(line)
    return lines, files


def table(lines: list[dict[str, str | None]]) -> str:
    text = io.StringIO()
    rows = ([cell for cell in line.values() if cell is not None] for line in lines)
    csv.writer(text).writerows([list(lines[0]), *rows])
    return text.getvalue()


PLATES = ("Week1_22123", "Week10_40111", "Week2_24121")


def write_official(folder: Path, wells: int = 30, unpacked: bool = False) -> dict[str, dict[str, bytes]]:
    """Two plates of 80 x 144 px fields, of which the table lists a third one; gives the files of all three."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)

    def plane(dye: int) -> NDArray[np.uint16]:
        level = (100, 5000, 20000)[dye]
        return rng.integers(level, level + 2000, (80, 144), dtype=np.uint16)

    lines, files = official(PLATES, wells, plane)
    (folder / bbbc021.METADATA).write_text(table(lines))
    for plate in PLATES[:2]:
        if not unpacked:
            (folder / f"BBBC021_v1_images_{plate}.zip").write_bytes(zipped(files[plate]))
            continue
        (folder / plate).mkdir()
        for file, data in files[plate].items():
            (folder / file).write_bytes(data)
    return files


@each("unpacked", [False, True])
def test_official_layout_round_trip(tmp_path: Path, unpacked: bool) -> None:
    files = write_official(tmp_path / "bbbc021", unpacked=unpacked)
    train, test = (read(NAME, split, tmp_path) for split in ("train", "test"))
    fields = [set(split.images.groups) for split in (train, test)]
    assert not fields[0] & fields[1]
    assert fields[0] | fields[1] == {f"{plate}_B{well:02d}_s3" for plate in PLATES[:2] for well in range(30)}
    # 80 x 144 px hold one row of two crops of 64 px.
    assert len(train) + len(test) == 2 * 60
    assert len({*train.ids, *test.ids}) == 120
    for index, (field, top, left, _) in enumerate(test.images.items):
        assert (top, left) == (0, 64 * (index % 2))
        plate, _, place = field.name.rpartition("_B")
        stem = f"{plate}/{plate.partition('_')[0]}_150607_B{place}"
        dna, tubulin, actin = (
            tifffile.imread(io.BytesIO(files[plate][f"{stem}_w{dye}1A.tif"])).astype(np.float64) for dye in range(3)
        )
        for channel, pixels in enumerate((actin, tubulin, dna)):
            low, high = np.percentile(pixels, (0.5, 99.8))
            expected = ((pixels - low) / (high - low)).clip(0, 1)[top : top + 64, left : left + 64]
            shown = (test[index].target[channel].numpy() + 1) / 2
            # Half a grey level of 8 bits, and float32.
            assert np.abs(shown - expected).max() < 0.5 / 255 + 1e-5


def test_official_layout_tells_what_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "bbbc021"
    write_official(folder, unpacked=True)
    lost = read(NAME, "train", tmp_path).images.items[0].field.members[1]
    (lost.container / lost.name).unlink()
    with pytest.raises(DataError, match=f"{lost.name}.*Week1/Week1_22123"):
        read(NAME, "train", tmp_path)
    for plate in ("Week1_22123", "Week10_40111"):
        shutil.rmtree(folder / plate)
    with pytest.raises(DataError, match="none of the plates"):
        read(NAME, "train", tmp_path)
    metadata = folder / bbbc021.METADATA
    metadata.write_text(metadata.read_text().replace("Image_FileName_Actin", "Actin"))
    with pytest.raises(DataError, match="lacks the column 'Image_FileName_Actin'"):
        read(NAME, "train", tmp_path)
    (folder / "BBBC021_v1_images_Week1_22123.zip").write_bytes(b"PK")
    metadata.unlink()
    with pytest.raises(DataError, match=f"no {bbbc021.METADATA}"):
        read(NAME, "train", tmp_path)


def test_a_corrupt_plane_is_named_and_skipped_only_if_asked(tmp_path: Path) -> None:
    write_official(tmp_path / "bbbc021", unpacked=True)
    whole = read(NAME, "train", tmp_path)
    broken = whole.images.items[0].field.members[2]
    path = broken.container / broken.name
    path.write_bytes(path.read_bytes()[:500])
    bbbc021._joined.cache_clear()
    split = read(NAME, "train", tmp_path)
    with pytest.raises(DataError, match=f"{broken.name}.*cannot be read"):
        split[0]
    missing = whole.images.items[2].field.members[0]
    (missing.container / missing.name).unlink()
    with pytest.warns(UserWarning, match="2 of .* fields are left out"):
        rest = read(NAME, "train", tmp_path, skip_corrupt=True)
    assert rest.ids == whole.ids[4:]


def test_a_broken_archive_and_a_small_field_are_errors(tmp_path: Path) -> None:
    folder = tmp_path / "bbbc021"
    write_official(folder)
    with pytest.raises(DataError, match="144 x 80 px, too small for images of 96 px"):
        read(NAME, "train", tmp_path, 96)
    archive = folder / "BBBC021_v1_images_Week1_22123.zip"
    archive.write_bytes(archive.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"Week1_22123.*no whole ZIP"):
        read(NAME, "train", tmp_path)


# The twin


def twin(count: int, split: str = "train", size: int = 64) -> NDArray[np.float32]:
    """Targets in [0, 1], count x 3 x size x size."""
    images = bbbc021.render(8, split, size)
    return np.stack([(images.target(i).numpy() + 1) / 2 for i in range(count)])


def test_twin_splits() -> None:
    train = datasets.load("bbbc021_x32", "train", 64, "rendered")
    assert train.ids[12] == "cells-train-00012"
    share = np.mean([train.is_target(i) for i in range(len(train))])
    assert share == pytest.approx(0.5, abs=0.03)  # standard deviation 0.0065
    source = next(train[i] for i in range(9) if not train.is_target(i))
    assert source.label == 4
    assert torch.equal(source.image, sparsify(source.image, 32))
    for factor in (8, 16):  # the same targets
        assert torch.equal(bbbc021.render(factor, "train", 64).target(2), train.images.target(2))


def test_twin_shows_no_seams_between_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = cells.draw((0, 3), 128)
    monkeypatch.setattr(cells, "_TILE", 32)
    # A cell out of reach can still be the second nearest somewhere in the background, which is black.
    assert np.abs(cells.draw((0, 3), 128) - whole).max() < 1e-3


def test_twin_has_one_nucleus_per_area_at_every_size() -> None:
    # DNA covers as much of a large picture as of a small one: more cells, not larger ones.
    small, large = twin(40)[:, 2], twin(4, size=192)[:, 2]
    assert (large > 0.15).mean() == pytest.approx((small > 0.15).mean(), rel=0.35)
    assert small[:, 24:40, 24:40].mean() > 1.5 * small.mean()  # a nucleus lies in the middle


def test_twin_is_as_bright_as_the_real_crops() -> None:
    """It is as rough as they are, too: tests/datasets/test_rendered_texture.py, without the real ones."""
    folder = os.environ.get("SPECTRAL_COLLAPSE_DATA")
    if not folder or not (Path(folder) / "bbbc021" / "manifest.csv").is_file():
        pytest.skip("SPECTRAL_COLLAPSE_DATA names no folder with bbbc021 crops to compare with")
    split = read(NAME, "train", Path(folder))
    real = np.stack([(split.images.target(i).numpy() + 1) / 2 for i in range(0, len(split), len(split) // 256)])
    drawn = twin(256)
    axes = (0, 2, 3)
    assert drawn.mean(axes) == pytest.approx(real.mean(axes), abs=0.04)
    assert drawn.std(axes) == pytest.approx(real.std(axes), rel=0.25)


def test_fibres_are_as_bright_at_the_border_as_inside() -> None:
    rng = np.random.default_rng(0)
    field = cells._field(rng)
    planes = [cells._fibres(rng, cells._cells(rng, 64, field), 64, cells._MICROTUBULES) for _ in range(40)]
    mean = np.mean(planes, axis=0)
    border = np.concatenate([mean[0], mean[-1], mean[:, 0], mean[:, -1]]).mean()
    inside = np.concatenate([mean[2], mean[-3], mean[:, 2], mean[:, -3]]).mean()
    assert border == pytest.approx(inside, rel=0.1)
