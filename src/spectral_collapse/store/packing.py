"""Results as the bytes of netCDF files, and back: such a file is data, and nothing that it holds leads out of it.

A file has its SHA-256 behind it, in `SIGNATURE` bytes that readers of netCDF pass over, so that a changed bit is
noticed; files of earlier versions end where their HDF5 ends. What is packed by xz has the checksum of xz.

HDF5 can do more than a result needs: take values from other files (external storage, virtual datasets, links), load
filters from a folder of libraries, hold references and types of any kind, unpack to any size. `encode` writes none of
it, and a file that has any of it is refused before a value is read.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np
import xarray as xr

from spectral_collapse import disk, paths
from spectral_collapse.checks import check_is
from spectral_collapse.errors import DataError, InvalidParameterError, first_line, shown

LIMIT = 2**30
"""Bytes that a result may have, packed, unpacked and as arrays: 300 times the largest that ships, and what a laptop has
memory for."""
_FILE = LIMIT + LIMIT // 8
"""Bytes of a file: its arrays, and what says what they are."""
_MARK = b"\nSHA-256"
SIGNATURE = len(_MARK) + hashlib.sha256().digest_size
_CHUNK = 2**21
"""Bytes of a compressed piece of an array; h5py makes them of 1 MiB at most. zlib unpacks to 1032 times as many."""
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}
_HIDDEN = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties"}
"""How netCDF says in HDF5 which dimensions a variable has."""
_NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"
_PRECISION = 20
"""Significant bits of the values that ship: one part in a million; the range stays that of double."""
_LZMA = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "pb": 0}
_XZ = [_LZMA], [{"id": lzma.FILTER_DELTA, "dist": 3}, _LZMA]
"""How xz packs a file: as it is, or each byte less that of the neighbouring pixel, which suits smooth pictures. Bytes
depend on the one before (`lc`) and not on their place in a word (`pb`): 1 % smaller than by xz's own settings."""
_XZ_MEMORY = 2**27
"""Bytes that xz may use for itself; its strongest setting needs half."""
T = TypeVar("T")


class _ForeignError(Exception):
    """A file holds what `encode` never writes."""


def encode(dataset: xr.Dataset) -> bytes:
    """A dataset as the bytes of a file, its arrays compressed.

    Raises InvalidParameterError for what such a file cannot hold: numbers and texts are what it can.
    """
    plain = _encoded(dataset, complevel=4)
    return plain + _signature(plain)


def pack(dataset: xr.Dataset) -> bytes:
    """A dataset as the bytes of a file that is packed by xz, as small as it gets. Raises as `encode`.

    Floating-point variables are rounded to one part in a million, or to their attribute `significant_bits`; coordinates
    stay as they are.
    """
    check_is("a result", dataset, xr.Dataset, "an xarray.Dataset")
    rounded = {name: _rounded(values) for name, values in dataset.data_vars.items() if values.dtype.kind == "f"}
    # xz sees that pictures of different methods are alike; arrays that are compressed by themselves hide it. Values
    # have all their first bytes first, then all second ones: 6 % smaller
    plain = _encoded(dataset.assign(rounded), complevel=0)
    return min((lzma.compress(plain, filters=filters) for filters in _XZ), key=len)


def read(file: Path) -> xr.Dataset:
    """What `encode` or `pack` wrote into a file, in memory. Raises DataError naming a file that holds anything else."""
    return _read(file, _decoded)


def attributes(file: Path) -> dict[str, Any]:
    """The attrs of what `read` gives. Raises DataError naming a file that holds anything else."""

    def found(content: bytes) -> dict[str, Any]:
        with h5py.File(io.BytesIO(content), "r") as root:
            return _Contents(root, len(content)).attrs

    return {name: value for name, value in _read(file, found).items() if name != "coordinates"}  # xarray's own


def _encoded(dataset: xr.Dataset, complevel: int) -> bytes:
    check_is("a result", dataset, xr.Dataset, "an xarray.Dataset")
    numeric = [name for name, variable in dataset.variables.items() if variable.ndim and variable.dtype.kind in "iufb"]
    zlib = {"zlib": True, "complevel": complevel} if complevel else {}
    encoding = {name: zlib | {"shuffle": True} for name in numeric if complevel or dataset[name].dtype.kind == "f"}
    try:
        if dataset.nbytes > LIMIT:
            raise ValueError(f"it has {dataset.nbytes} bytes")
        # without the encoding of a file that it was read from
        content = bytes(dataset.drop_encoding().to_netcdf(engine="h5netcdf", encoding=encoding))
        _decoded(content)  # what is stored can be read again
    except Exception as error:  # xarray, h5netcdf and h5py have errors of all kinds for what they cannot write
        raise InvalidParameterError(
            f"a result holds numbers and texts, of {LIMIT} bytes at most; this one cannot be stored: "
            f"{first_line(error)}"
        ) from error
    return content


def _rounded(values: xr.DataArray) -> xr.DataArray:
    """Values to so many bits as are needed: the zeros behind them take no room."""
    bits = int(values.attrs.get("significant_bits", _PRECISION))
    fraction, exponent = np.frexp(values.values)
    kept = np.ldexp(np.round(np.ldexp(fraction, bits)), exponent - bits)
    return values.copy(data=kept.astype(values.dtype))


def _signature(content: bytes) -> bytes:
    return _MARK + hashlib.sha256(content).digest()


def _read(file: Path, look: Callable[[bytes], T]) -> T:
    file = paths.expanded(file, "file")
    packed = file.suffix == ".xz"
    try:
        content = disk.read(file, _FILE)
        content = _unpacked(content) if packed else content
        end = _end(content)
        behind = content[end:]
        if behind != (b"" if packed or not behind else _signature(content[:end])):
            raise ValueError("what lies behind its end is not its digest")
        return look(content[:end])
    except _ForeignError as error:
        raise DataError(f"{shown(file)} is refused: {error}, which no stored result has; delete it") from error
    except Exception as error:  # the layers below raise whatever the damaged bytes lead them to
        raise DataError(f"the stored result {shown(file)} is damaged; delete it and run the study again") from error


def _unpacked(content: bytes) -> bytes:
    unpacking = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    plain = unpacking.decompress(content, max_length=_FILE)
    if not unpacking.eof and len(plain) >= _FILE:
        raise _ForeignError(f"it unpacks to more than {_FILE} bytes")
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError("it is no file of xz, or there is more behind it")
    return plain


def _end(content: bytes) -> int:
    """How many bytes HDF5 says that it has written; ValueError for no HDF5."""
    if content[:8] != b"\x89HDF\r\n\x1a\n":
        raise ValueError("it is no HDF5")
    place = 40 if content[8] < 2 else 28  # by the version of its first block
    return int.from_bytes(content[place : place + 8], "little")


def _decoded(content: bytes) -> xr.Dataset:
    with h5py.File(io.BytesIO(content), "r") as root:
        contents = _Contents(root, len(content))
        found = xr.Dataset(contents.variables(), attrs=contents.attrs)
    return xr.decode_cf(found).load()


class _Contents:
    """What is in an open file of `size` bytes. Raises _ForeignError, before any value is read, for what is not ours.

    Texts are looked at most: thousands of them may be one and the same place in the file.
    """

    def __init__(self, root: h5py.File, size: int) -> None:
        self._size, self._room = size, LIMIT
        self._arrays = {name: _own(root, name, size) for name in root}
        self._spend(sum(array.size * array.dtype.itemsize for array in self._arrays.values()))
        self.attrs = self._attrs(root)

    def variables(self) -> dict[str, xr.Variable]:
        scales = {name: array for name, array in self._arrays.items() if "CLASS" in array.attrs}
        dimensions = {int(_hidden(array, "_Netcdf4Dimid")): name for name, array in scales.items()}
        found = {}
        for name, array in self._arrays.items():
            if name in scales and bytes(_hidden(array, "NAME")).startswith(_NO_VARIABLE):
                continue
            listed = array.ndim > 1  # a single one has its number alone
            numbers = _hidden(array, "_Netcdf4Coordinates" if listed else "_Netcdf4Dimid") if array.ndim else []
            dims = [dimensions[int(number)] for number in np.atleast_1d(numbers)]
            values = self._texts(array) if array.dtype.kind == "O" else array[()]
            found[name] = xr.Variable(dims, values, self._attrs(array))
        return found

    def _attrs(self, owner: h5py.File | h5py.Dataset) -> dict[str, Any]:
        found = {}
        for name in owner.attrs:
            if name in _HIDDEN:
                continue
            known = owner.attrs.get_id(name)
            texts = _is_text(known.get_type())
            if not texts and not _is_number(known.get_type()):
                raise _ForeignError(f"its attribute {shown(name)} is neither number nor text")
            if texts and (len(known.shape) > 1 or math.prod(known.shape) * self._size > 4 * LIMIT):
                raise _ForeignError(f"its attribute {shown(name)} has too many texts")
            value = owner.attrs[name]
            if isinstance(value, h5py.Empty):
                raise _ForeignError(f"its attribute {shown(name)} has nothing in it")
            self._spend(sum(len(text.encode()) for text in np.atleast_1d(value)) if texts else value.nbytes)
            one = known.shape == (1,)  # netCDF knows no others
            found[name] = value[0] if one else value.tolist() if texts and known.shape else value
        return found

    def _texts(self, array: h5py.Dataset) -> np.ndarray:
        if not array.ndim:
            return np.array(array.asstr()[()])
        most = LIMIT // (self._size * max(1, math.prod(array.shape[1:])))
        if not most:
            raise _ForeignError(f"{shown(array.name)} has too many texts")
        found = []
        for start in range(0, len(array), most):
            found.append(array.asstr()[start : start + most])
            self._spend(sum(map(len, found[-1].flat)))
        texts = np.concatenate(found) if found else np.empty(array.shape, object)
        self._spend(4 * texts.size * max(map(len, texts.flat), default=0))
        return texts.astype(str)

    def _spend(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise _ForeignError(f"it holds more than {LIMIT} bytes")


def _own(root: h5py.File, name: str, size: int) -> h5py.Dataset:
    """An array of a file, its values not read; _ForeignError unless `encode` could have written it."""
    if not isinstance(root.get(name, getlink=True), h5py.HardLink):
        raise _ForeignError(f"{shown(name)} is a link")
    array = root[name]
    if not isinstance(array, h5py.Dataset):
        raise _ForeignError(f"{shown(name)} is no array")
    made = array.id.get_create_plist()
    if made.get_external_count() or made.get_layout() not in (h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED, h5py.h5d.COMPACT):
        raise _ForeignError(f"{shown(name)} takes its values from other files")
    kind = array.id.get_type()
    if array.shape is None or not (_is_number(kind) or _is_text(kind)):
        raise _ForeignError(f"{shown(name)} has neither numbers nor texts")
    if made.get_layout() == h5py.h5d.CHUNKED:
        filters = {made.get_filter(number)[0] for number in range(made.get_nfilters())}
        piece = math.prod(made.get_chunk()) * array.dtype.itemsize
        sizes: list[int] = []
        array.id.chunk_iter(lambda stored: sizes.append(stored.size))
        # zlib makes nothing larger by more
        if filters - _FILTERS or piece > _CHUNK or max(sizes, default=0) > 1.01 * piece + 64 or sum(sizes) > size:
            raise _ForeignError(f"{shown(name)} is packed in another way")
    return array


def _is_number(kind: h5py.h5t.TypeID) -> bool:
    return kind.get_class() in (h5py.h5t.INTEGER, h5py.h5t.FLOAT)


def _is_text(kind: h5py.h5t.TypeID) -> bool:
    return kind.get_class() == h5py.h5t.STRING and kind.is_variable_str()


def _hidden(array: h5py.Dataset, name: str) -> Any:
    """One of the attributes by which netCDF says what dimensions an array has: numbers, or a text in place."""
    kind = array.attrs.get_id(name).get_type()
    if not _is_number(kind) and (kind.get_class() != h5py.h5t.STRING or kind.is_variable_str()):
        raise _ForeignError(f"its attribute {shown(name)} is of another type")
    return array.attrs[name]
