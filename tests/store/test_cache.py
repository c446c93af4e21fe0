"""The cache keeps what was used last, within its limit, and nothing depends on it."""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from spectral_collapse import disk
from spectral_collapse.store import results
from spectral_collapse.store.cache import Cache


@pytest.fixture
def cache(home: Path) -> Cache:
    return Cache("some")


def noise(seed: int) -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(seed).normal(size=2**13)}  # 64 KiB that cannot be compressed


def age(cache: Cache, key: str, seconds: float) -> None:
    os.utime(cache.folder / f"{key}.npz", (seconds, seconds))


def test_least_recently_used_goes_first(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_CACHE_GB", str(3.5 * 2**16 / 2**30))
    for number, key in enumerate("abc"):
        cache.put(key, noise(number))
        age(cache, key, 1000 + number)
    cache.get("a")  # used now, so the oldest is b
    cache.put("d", noise(3))
    assert [key for key in "abcd" if cache.get(key) is not None] == ["a", "c", "d"]


def test_what_was_put_is_there_unless_it_is_damaged_and_reading_does_not_make_it_new(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it was written says whether it counts for a run that computes all anew."""
    cache.put("a", noise(0))
    age(cache, "a", 1000)
    cache.get("a")
    state = (cache.folder / "a.npz").stat()
    assert state.st_mtime == 1000
    assert state.st_atime > 1000
    assert cache.get("b") is None
    np.testing.assert_array_equal(cache.get("a")["x"], noise(0)["x"])
    with monkeypatch.context() as patch:
        patch.setenv(results.FRESH, str(time.time() + 1000))
        assert cache.get("a") is None
    file = cache.folder / "a.npz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert cache.get("a") is None


def test_a_limit_of_0_keeps_nothing_and_one_that_is_no_number_is_named(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_CACHE_GB", "0")
    cache.put("a", noise(0))
    assert cache.get("a") is None
    monkeypatch.setenv("SPECTRAL_COLLAPSE_CACHE_GB", "much")
    with pytest.warns(UserWarning, match="number of gigabytes; 'much' was given"):
        cache.put("a", noise(0))


def test_a_full_disk_is_told_once(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(target: Path, payload: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "write", full)
    with pytest.warns(UserWarning, match="No space left on device"):
        cache.put("a", noise(0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.put("b", noise(1))
    assert cache.get("a") is None
