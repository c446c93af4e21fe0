"""`datasets.load`: names, errors, the rule that training is unpaired, and the warning before the twin."""

from __future__ import annotations

import dataclasses
import pickle
import warnings
from pathlib import Path

import pytest
import torch

from spectral_collapse import datasets
from spectral_collapse.datasets import NULL, SOURCE, TARGET, Unpaired, bbbc021
from spectral_collapse.errors import DataError, InvalidParameterError
from tests.each import each


@pytest.fixture(autouse=True)
def _nothing_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "_announced", set())
    monkeypatch.delenv("SPECTRAL_COLLAPSE_DATA", raising=False)


def test_every_entry_is_complete_and_reaches_worker_processes() -> None:
    """A DataLoader that starts its workers afresh pickles the data set with its entry."""
    kinds = {f"{family}_x{factor}" for family in ("textures", "photos", "bbbc021") for factor in (8, 16, 32)}
    assert kinds | {"edges2shoes", "celebamask_hq"} <= set(datasets.DATASETS)
    labels: dict[str, list[int]] = {}
    for name in datasets.DATASETS:
        entry = datasets.info(name)
        assert entry.name == name
        assert name.startswith(entry.family)
        assert entry.title
        assert entry.source_label not in (TARGET, NULL)
        assert all(0 < entry.structure_cutoff(size) <= 1 for size in (32, 64, 128, 256))
        assert pickle.loads(pickle.dumps(entry)).structure_cutoff(64) == entry.structure_cutoff(64)
        labels.setdefault(entry.family, []).append(entry.source_label)
    for family, known in labels.items():
        assert len(set(known)) == len(known), family
        assert SOURCE in known


def test_structure_cutoffs() -> None:
    """The Nyquist limit of the source for photos; the paper's 7.7 cycles per image for edges."""
    assert datasets.info("photos_x16").structure_cutoff(64) == 1 / 16
    edges = datasets.info("edges2shoes").structure_cutoff
    assert edges(256) == 0.06
    assert edges(64) * 64 / 2 == pytest.approx(edges(256) * 256 / 2)


class _Mine:
    """Two images of a user's, of which the second is what is given."""

    kind, origin, fingerprint = "real", "mine", "0"

    def __init__(self, second: object, **given: object) -> None:
        self.second = second
        self.ids = self.groups = self.clusters = ["a", "b"]
        vars(self).update(given)

    def target(self, index: int) -> object:
        return self.second if index else torch.zeros(3, 8, 8)

    source = target


def test_images_that_a_data_set_of_ones_own_gives_are_looked_at() -> None:
    def stacked(second: object, **given: object) -> object:
        return datasets.DomainDataset(datasets.info("photos_x8"), "test", 8, _Mine(second, **given)).stack()

    assert stacked(torch.ones(3, 8, 8)).target.shape == (2, 3, 8, 8)
    for wrong, said in (
        (torch.full((3, 8, 8), 255.0), r"the image 'b' must be .* in \[-1, 1\]; it is .* in \[255, 255\]"),
        (torch.zeros(3, 4, 4), r"a floating-point tensor 3 x 8 x 8 .* of shape \(3, 4, 4\)"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), "the image 'b' must be a floating-point tensor"),
        (None, "it is None"),
    ):
        with pytest.raises(DataError, match=said):
            stacked(wrong)
    with pytest.raises(InvalidParameterError, match="has 2 ids, 2 groups, 1 clusters"):
        stacked(torch.ones(3, 8, 8), clusters=["a"])


@each("name", ["photos_x16", "edges2shoes"])
def test_training_items_are_unpaired(name: str) -> None:
    source = "real" if name.startswith("photos") else "rendered"
    data = datasets.load(name, "train", 64, source=source)
    chosen = range(0, len(data), len(data) // 40)
    for index in chosen:
        item = data[index]
        assert isinstance(item, Unpaired)
        assert item.label == (TARGET if data.is_target(index) else data.info.source_label)
        side = data.images.target if data.is_target(index) else data.images.source
        assert torch.equal(item.image, side(index))
    assert {data.is_target(index) for index in chosen} == {True, False}


def test_auto_warns_once_of_the_twin_and_not_of_one_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"RENDERED.*'spectral-collapse data fetch edges2shoes'"):
        data = datasets.load("edges2shoes", "test", 64, root=tmp_path)
    assert data.kind == "rendered"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        datasets.load("edges2shoes", "test", 64, root=tmp_path)
        datasets._announced.clear()
        assert datasets.load("edges2shoes", "test", 64, source="rendered", root=tmp_path).kind == "rendered"


@each("name", ["bbbc021_x32", "edges2shoes", "celebamask_hq"])
def test_twins_are_as_large_as_others_and_the_same_in_any_order(name: str) -> None:
    train, test = (datasets.load(name, split, 64, "rendered") for split in ("train", "test"))
    assert (train.kind, test.kind, len(train), len(test)) == ("rendered", "rendered", 6000, 512)
    assert "rendered" in train.origin
    assert not set(train.ids) & set(test.ids)
    assert train.fingerprint != test.fingerprint
    first, again = test.images, datasets.load(name, "test", 64, "rendered").images
    expected = [(first.source(i), first.target(i)) for i in range(8)]
    assert not torch.equal(expected[0][1], expected[1][1])
    assert not torch.equal(train.images.target(0), expected[0][1])
    bbbc021._drawer.cache_clear()
    for i in reversed(range(8)):
        assert torch.equal(again.target(i), expected[i][1])
        assert torch.equal(again.source(i), expected[i][0])


def test_photos_are_always_there_and_real_images_that_are_missing_are_said(tmp_path: Path) -> None:
    assert datasets.load("photos_x8", "test", 64, source="real", root=tmp_path).kind == "real"
    with pytest.raises(InvalidParameterError, match="'photos_x8' has real images only"):
        datasets.load("photos_x8", "test", 64, source="rendered")
    with pytest.raises(DataError, match=r"no real images of 'edges2shoes'.*data fetch edges2shoes"):
        datasets.load("edges2shoes", "test", 64, source="real", root=tmp_path)


@each("source", ["auto", "real"])
def test_a_data_set_of_ones_own_says_how_its_images_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    entry = dataclasses.replace(datasets.info("photos_x8"), name="mine", open_real=lambda *_: None)
    monkeypatch.setitem(datasets.DATASETS, "mine", entry)
    with pytest.raises(DataError, match=r"no real images of 'mine' were found in \S+; name their folder with root="):
        datasets.load("mine", source=source, root=tmp_path)


def test_a_named_folder_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"root names .*nowhere"):
        datasets.load("edges2shoes", root=tmp_path / "nowhere")
    monkeypatch.setenv("SPECTRAL_COLLAPSE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="SPECTRAL_COLLAPSE_DATA names"):
        datasets.load("edges2shoes")


@each("name", ["textures_x8", "bbbc021_x8"])
def test_validation_pairs_are_training_targets_with_sources_that_no_training_saw(name: str) -> None:
    validation, train = (datasets.load(name, split, source="auto") for split in ("validation", "train"))
    seen = {train.ids[index] for index in range(len(train)) if not train.is_target(index)}
    assert len(validation) + len(seen) == len(train)  # a half of the groups each, by a hash
    assert 0.4 < len(validation) / len(train) < 0.6
    assert not seen & set(validation.ids)
    assert not set(validation.ids) & set(datasets.load(name, "test").ids)
    index = len(validation) // 2
    pair, again = validation[index], train.ids.index(validation.ids[index])
    assert torch.equal(pair.target, train[again].image)
    assert torch.equal(pair.source, train.images.source(again))
    assert validation.clusters[index] == train.clusters[again]
    assert validation.fingerprint != train.fingerprint
    assert validation.stack([0, index]).source.shape == (2, 3, 64, 64)
    with pytest.raises(InvalidParameterError, match=f"a batch of {name} needs at least one index; none was given"):
        validation.stack([])


@each("name", datasets.DATASETS)
def test_images_that_share_pixels_are_of_one_cluster(name: str, home: Path) -> None:
    for split in ("train", "test"):
        data = datasets.load(name, split)
        assert len(data.clusters) == len(data)
        of_group: dict[str, set[str]] = {}
        for group, cluster in zip(data.images.groups, data.clusters, strict=True):
            of_group.setdefault(group, set()).add(cluster)
        assert all(len(clusters) == 1 for clusters in of_group.values())
        if data.kind == "rendered":
            assert list(data.clusters) == list(data.ids)
    assert 0 < data.info.source_band(64) < 0.5
