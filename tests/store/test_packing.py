"""Files of results are data: what `encode` never writes is refused, and damage anywhere is noticed."""

from __future__ import annotations

import io
import lzma
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.store import packing
from tests.each import each

SECRET = b"the user's private key"
LISTS = np.empty(1, object)
LISTS[0] = np.arange(3.0)


def made() -> xr.Dataset:
    """Numbers of all kinds, texts, a scalar, a dimension without a variable of its own, flags."""
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {
            "score": (("point", "sample"), rng.normal(size=(2, 300)), {"long_name": "S", "units": "1"}),
            "image": (("point", "row", "rgb"), rng.integers(0, 255, (2, 5, 3)).astype(np.uint8)),
            "mean": ((), 0.5),
            "label": (("point", "side"), [["a", "ç"], ["", "longer"]]),
            "note": ((), "text"),
            "single": ("point", np.float32([np.nan, 1]), {"range": [0.0, 1.0], "levels": 3, "names": ["a", "b"]}),
        },
        {"point": ["standard", "TABA"], "stochastic": ("point", [False, True]), "sample": np.arange(300)},
        {"study": "pareto", "parameters": "{}", "created": "", "seconds": 1.5, "schema": 1},
    )


def test_what_is_encoded_is_what_is_read(tmp_path: Path) -> None:
    dataset, plain, packed = made(), tmp_path / "a.nc", tmp_path / "a.nc.xz"
    plain.write_bytes(packing.encode(dataset))
    packed.write_bytes(packing.pack(dataset[["image", "label", "note"]]))  # these are not rounded
    xr.testing.assert_identical(packing.read(plain), dataset)
    xr.testing.assert_identical(packing.read(packed), dataset[["image", "label", "note"]])
    for name, variable in packing.read(plain).variables.items():
        assert variable.dtype == dataset[name].dtype
    assert packing.attributes(plain) == dataset.attrs
    with xr.open_dataset(plain, engine="h5netcdf") as opened:  # the digest is in nobody's way
        xr.testing.assert_identical(opened.load(), dataset)


def test_no_changed_bit_and_no_lost_end_goes_unnoticed(tmp_path: Path) -> None:
    file = tmp_path / "a.nc"
    content = packing.encode(made())
    rng = np.random.default_rng(0)
    places = [*rng.integers(0, len(content), 200), *range(48), *range(len(content) - packing.SIGNATURE, len(content))]
    for place, bit in zip(places, rng.integers(0, 8, len(places)), strict=True):
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        file.write_bytes(damaged)
        with pytest.raises(DataError, match=r"a.nc' is damaged; delete it and run the study again$"):
            packing.read(file)
    zeroed = content[:-4096] + bytes(4096)  # the last block of a disk, with the digest
    for damaged in (zeroed, content[:-50], content + b"\0", b"", content[: len(content) // 2]):
        file.write_bytes(damaged)
        with pytest.raises(DataError, match="is damaged"):
            packing.attributes(file)


def _array(**created: object) -> Callable[[h5py.File, Path], None]:
    return lambda root, secret: root.create_dataset("x", **created)


def _external(root: h5py.File, secret: Path) -> None:
    root.create_dataset("x", shape=(len(SECRET),), dtype="u1", external=[(str(secret), 0, len(SECRET))])


def _virtual(root: h5py.File, secret: Path) -> None:
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource(str(secret), "x", (4,))
    root.create_virtual_dataset("x", layout)


def _attribute(value: object, **created: object) -> Callable[[h5py.File, Path], None]:
    return lambda root, secret: root.attrs.create("x", value, **created)


def _reference(root: h5py.File, secret: Path) -> None:
    root.create_dataset("y", data=1.0)
    root.create_dataset("x", (1,), h5py.ref_dtype)[0] = root["y"].ref


HOSTILE: dict[str, Callable[[h5py.File, Path], object]] = {
    "external storage": _external,
    "virtual dataset": _virtual,
    "external link": lambda root, secret: root.__setitem__("x", h5py.ExternalLink(str(secret), "/x")),
    "soft link": lambda root, secret: root.__setitem__("x", h5py.SoftLink("/elsewhere")),
    "soft link inside": lambda root, secret: (_array(data=1.0)(root, secret), root.update(y=h5py.SoftLink("/x"))),
    "group": lambda root, secret: root.create_group("x"),
    "group with external storage": lambda root, secret: _external(root.create_group("deep/deeper"), secret),
    "loop": lambda root, secret: root.__setitem__("x", root["/"]),
    "named type": lambda root, secret: root.__setitem__("x", np.dtype("f8")),
    "reference": _reference,
    "region reference": _array(shape=(1,), dtype=h5py.regionref_dtype),
    "compound": _array(shape=(2,), dtype=[("a", "f8"), ("b", "i4")]),
    "enum": _array(shape=(2,), dtype=h5py.enum_dtype({"A": 0})),
    "opaque": _array(shape=(2,), dtype="V7"),
    "array type": _array(shape=(2,), dtype="(3,)f8"),
    "lists of numbers": _array(shape=(2,), dtype=h5py.vlen_dtype("f8")),
    "complex": _array(shape=(2,), dtype="c16"),
    "bytes": _array(data=np.array([b"abc"])),
    "nothing": _array(data=h5py.Empty("f8")),
    "another filter": _array(data=np.zeros(1000), compression="lzf"),
    "checksum of HDF5": _array(data=np.zeros(1000), fletcher32=True),
    "huge": _array(shape=(2**40,), dtype="f8", chunks=(1000,)),
    "huge, not cut": _array(shape=(2**36,), dtype="f8"),
    "huge pieces": _array(shape=(1,), maxshape=(None,), dtype="u1", chunks=(2**31,), compression=9),
    "reference in an attribute": lambda root, secret: root.attrs.create("x", root.ref, dtype=h5py.ref_dtype),
    "compound in an attribute": _attribute(np.zeros(1, [("a", "f8")])),
    "lists in an attribute": _attribute(LISTS, dtype=h5py.vlen_dtype("f8")),
    "nothing in an attribute": _attribute(h5py.Empty("f8")),
}


@each("kind", HOSTILE)
def test_what_encode_never_writes_is_refused(kind: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    stream = io.BytesIO()
    with h5py.File(stream, "w") as root:
        root.attrs.update(schema=1, study="pareto", parameters="{}")
        HOSTILE[kind](root, secret)
    content = stream.getvalue()
    for file, written in ((tmp_path / "a.nc", content), (tmp_path / "a.nc.xz", lzma.compress(content))):
        file.write_bytes(written)
        for look in (packing.read, packing.attributes):
            with pytest.raises(DataError, match=r"is refused: .*, which no stored result has; delete it$"):
                look(file)


def test_many_texts_that_are_one_are_not_multiplied(tmp_path: Path) -> None:
    file = tmp_path / "a.nc"
    with h5py.File(file, "w") as root:
        root.create_dataset("x", (3000,), h5py.string_dtype(), data=["a" * 100_000] + [""] * 2999)
        scale = root["x"]
        scale.make_scale("x")
        scale.attrs["_Netcdf4Dimid"] = 0
    with pytest.raises(DataError, match="holds more than 1073741824 bytes"):  # 1.2 GB with four bytes to a letter
        packing.read(file)


@each("size", [2**19, 2**21])
def test_xz_unpacks_to_so_much_and_no_more(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_FILE", 2**20)
    file = tmp_path / "a.nc.xz"
    file.write_bytes(lzma.compress(bytes(size)))
    with pytest.raises(DataError, match="is damaged" if size < 2**20 else "is refused: it unpacks to more than"):
        packing.read(file)


def test_xz_with_more_behind_it_or_too_little_is_damaged_and_files_of_earlier_versions_are_read(tmp_path: Path) -> None:
    file = tmp_path / "a.nc.xz"
    packed = packing.pack(made())
    for damaged in (packed + b"\0", packed + packed, packed[:-1], b"", lzma.compress(b"", lzma.FORMAT_ALONE)):
        file.write_bytes(damaged)
        with pytest.raises(DataError, match="is damaged"):
            packing.read(file)
    file = tmp_path / "a.nc"
    made().to_netcdf(file, engine="h5netcdf")
    xr.testing.assert_identical(packing.read(file), made())


@each(
    "changed",
    [
        {"a": ("x", np.array([object(), None]))},
        {"a": ("x", np.array([1j]))},
        {"a": ("x", np.array([b"abc"]))},
        {"a": ((), 1.0, {"flag": {"a": 1}})},
        {"a": ((), 1.0, {"none": None})},
        {"a": ("x", np.broadcast_to(np.float64(0), (2**28,)))},
    ],
)
def test_what_could_not_be_read_again_is_not_written(changed: dict[str, object]) -> None:
    with pytest.raises(InvalidParameterError, match=r"a result holds numbers and texts, .* cannot be stored: ."):
        packing.encode(xr.Dataset(changed))
