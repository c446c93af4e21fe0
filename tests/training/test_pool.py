from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

from spectral_collapse import datasets
from spectral_collapse.datasets.base import DomainDataset
from spectral_collapse.errors import DataError
from spectral_collapse.training import pool as pools
from spectral_collapse.training import recipes
from spectral_collapse.training.pool import Encoder, Pool, draw_flips, drop_labels, flip, load_pool


class Made:
    """`DomainImages` of constant images: source i is i / 100, target i is -i / 100."""

    kind, origin, fingerprint = "rendered", "made images", "made"

    def __init__(self, count: int) -> None:
        self.ids = self.groups = [f"made-{i}" for i in range(count)]

    def source(self, index: int) -> torch.Tensor:
        return torch.full((3, 32, 32), index / 100)

    def target(self, index: int) -> torch.Tensor:
        return torch.full((3, 32, 32), -index / 100)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Made:
    """Thirty made images instead of every data set's."""
    images = Made(30)
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    monkeypatch.setattr(
        pools,
        "open_split",
        lambda name, split, recipe, *_: DomainDataset(datasets.info(name), split, recipe.size, images),
    )
    return images


RECIPE = recipes.get("photos", "smoke").replace(images=0)


@pytest.mark.usefixtures("made")
def test_each_image_is_of_one_domain_and_the_targets_count_once() -> None:
    pool = load_pool(RECIPE, "auto", None)
    splits = [DomainDataset(datasets.info(name), "train", 32, Made(30)) for name in RECIPE.datasets]
    targets = {i for i in range(30) if splits[0].is_target(i)}
    values = (pool.take(torch.arange(len(pool.labels)))[:, 0, 0, 0] * 100).round().int().tolist()
    found: dict[int, set[int]] = {}
    for label, value in zip(pool.labels.tolist(), values, strict=True):
        found.setdefault(label, set()).add(abs(value))
    assert found == {1: targets, **{label: set(range(30)) - targets for label in (0, 3, 4)}}
    assert len(pool.labels) == len(targets) + 3 * (30 - len(targets))
    assert (pool.origin, pool.data_source) == ("made images", "rendered")
    pool = load_pool(RECIPE.replace(images=15), "auto", None)
    values = (pool.take(torch.arange(len(pool.labels)))[:, 0, 0, 0].abs() * 100).round().int().tolist()
    assert set(values) == set(range(0, 30, 2))
    encoder = Encoder(lambda images: images[:, :1], "abc")
    plain = load_pool(RECIPE, "auto", None)
    assert plain.num_images == len(plain.labels)
    for flips in ((), (-1,), (-1, -2)):
        assert load_pool(RECIPE.replace(flips=flips), "auto", None, encoder).num_images == plain.num_images


@pytest.mark.usefixtures("made")
def test_a_recipe_can_show_each_image_in_both_domains() -> None:
    pool = load_pool(RECIPE.replace(both_domains=True), "auto", None)
    values = (pool.take(torch.arange(len(pool.labels)))[:, 0, 0, 0] * 100).round().int()
    assert values[pool.labels == 1].sort().values.tolist() == list(range(-29, 1))  # targets, negative, count once
    for label in (0, 3, 4):
        assert values[pool.labels == label].tolist() == list(range(30))
    assert len(pool.labels) == 4 * 30


@pytest.mark.usefixtures("made")
def test_latents_of_every_mirror_image_are_made_once(tmp_path: Path) -> None:
    calls: list[int] = []

    def encode(images: torch.Tensor) -> torch.Tensor:
        calls.append(len(images))
        return images.mean(1, keepdim=True) + torch.arange(32.0)  # tells left from right

    recipe = RECIPE.replace(flips=(-1, -2))
    first = load_pool(recipe, "auto", None, Encoder(encode, "abc"))
    plain = load_pool(recipe, "auto", None)
    assert len(first.labels) == 4 * len(plain.labels)
    assert sum(calls) == len(first.labels)
    assert torch.equal(first.labels[::4], plain.labels)
    again = load_pool(recipe, "auto", None, Encoder(encode, "abc"))
    assert sum(calls) == len(first.labels)
    assert torch.equal(first.items, again.items)
    for other in (Encoder(encode, "another autoencoder"), None):
        assert load_pool(recipe, "auto", None, other).fingerprint != first.fingerprint
    assert load_pool(recipe.replace(flips=(-1,)), "auto", None, Encoder(encode, "abc")).fingerprint not in (
        first.fingerprint,
        plain.fingerprint,
    )
    left = [file.name for file in (tmp_path / "cache" / "training").iterdir() if file.name.startswith(".")]
    assert all(name.endswith(".npy.lock") for name in left)


def test_too_few_images_are_one_sentence(made: Made) -> None:
    made.ids = made.groups = made.ids[:1]
    with pytest.raises(
        DataError, match=r"recipe 'photos' found [13] training images in photos_x8, .* too few for both"
    ):
        load_pool(RECIPE, "auto", None)
    made.ids = made.groups = []
    with pytest.raises(DataError, match="found 0 training images"):
        load_pool(RECIPE, "auto", None)


@pytest.mark.usefixtures("made")
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_memmap = np.lib.format.open_memmap

    def full(file: Path, mode: str, *_: object) -> object:
        if mode == "c":
            return open_memmap(file, mode)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np.lib.format, "open_memmap", full)
    with pytest.raises(DataError, match=r"could not be kept in .* \(No space left on device\); make room there"):
        load_pool(RECIPE, "auto", None)
    assert [file.suffix for file in (tmp_path / "cache" / "training").iterdir()] == [".lock"]


@pytest.mark.usefixtures("made")
def test_damaged_training_images_are_made_again(tmp_path: Path) -> None:
    whole = load_pool(RECIPE, "auto", None).items.clone()
    [file] = (tmp_path / "cache" / "training").glob("*.npy")
    content = file.read_bytes()
    for damage in (
        lambda: file.write_bytes(content[:500]),
        lambda: file.write_bytes(b""),
        lambda: np.save(file, np.array([print], dtype=object), allow_pickle=True),
        lambda: np.save(file, np.zeros((3, 3, 32, 32), np.uint8)),
    ):
        damage()
        assert torch.equal(load_pool(RECIPE, "auto", None).items, whole)


@pytest.mark.usefixtures("made")
def test_what_killed_runs_left_half_made_is_removed_and_what_is_being_made_stays(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "training"
    folder.mkdir(parents=True)
    for name in ("photos-1", "photos-2"):
        (folder / f".{name}.npy.tmp").write_bytes(b"half")
    with FileLock(folder / ".photos-2.npy.lock"):
        load_pool(RECIPE, "auto", None)
        assert [file.name for file in folder.glob(".*.tmp")] == [".photos-2.npy.tmp"]


def test_a_pool_draws_both_domains_equally_drops_labels_at_their_rate_and_mirrors_whole_images(
    generator: torch.Generator,
) -> None:
    labels = torch.tensor([1] * 90 + [0] * 6 + [3] * 4)
    pool = Pool(torch.zeros(100, 1, 2, 2), labels, "", "real", "")
    drawn = labels[pool.choose(4000, generator)]
    # A share of 1/2 over 4000 draws: standard error 0.008.
    assert (drawn == 1).float().mean().item() == pytest.approx(0.5, abs=0.04)
    labels = drop_labels(torch.zeros(10000, dtype=torch.long), 0.1, generator)
    assert set(labels.tolist()) == {0, 2}
    assert (labels == 2).float().mean().item() == pytest.approx(0.1, abs=5 * (0.09 / 10000) ** 0.5)
    images = torch.arange(4.0).reshape(1, 1, 2, 2).expand(64, 1, 2, 2)
    flipped = flip(images, (-1, -2), draw_flips(64, (-1, -2), generator))
    ways = {(0, 1, 2, 3), (1, 0, 3, 2), (2, 3, 0, 1), (3, 2, 1, 0)}
    assert {tuple(image.flatten().tolist()) for image in flipped} == ways
    assert torch.equal(flip(images, (), draw_flips(64, (), generator)), images)
