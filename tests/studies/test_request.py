"""Which images and which networks a study takes where nobody names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from spectral_collapse import paths
from spectral_collapse.networks.checkpoints import shipped, usual
from spectral_collapse.studies import benchmark, common, networks
from spectral_collapse.studies.request import Images, Request
from tests.datasets.test_bbbc021 import write_crops
from tests.each import each
from tests.networks_study import VP, checkpoint

KINDS = ("real", "rendered")


def network(name: str, kind: str, family: str = "bbbc021") -> None:
    """An untrained one, whose card says of which kind of images it is."""
    folder = paths.checkpoints() / name
    checkpoint(folder, "epsilon", VP, family=family, data_source=kind, sigma_data=1 + len(name))


@each(
    ("clusters", "wanted", "expected"),
    [
        ("aaaa", 3, [0, 1, 2]),
        ("abcdefgh", 4, [0, 2, 4, 6]),  # every image its own: spread evenly
        ("aabbccdd", 2, [0, 4]),
        ("bbaacc", 3, [0, 2, 4]),
        ("aaabbc", 5, [0, 3, 5, 1, 4]),  # the first ones, the second ones
        ("aaabbc", 6, [0, 3, 5, 1, 4, 2]),
        ("abab", 2, [0, 1]),
        ("", 0, []),
    ],
)
def test_images_are_of_as_many_clusters_as_possible(clusters: str, wanted: int, expected: list[int]) -> None:
    assert common.spread_over(clusters, wanted) == expected


def test_of_one_large_cluster_and_many_small_ones_each_gives_one() -> None:
    """As of the cells: 643 crops of 97 fields, 136 of them of one field."""
    clusters = ["large"] * 136 + [f"field {number % 96}" for number in range(507)]
    assert len(set(clusters)) == 97
    chosen = common.spread_over(clusters, 64)
    assert len({clusters[index] for index in chosen}) == len(chosen) == 64
    assert chosen == sorted(chosen)
    assert {*clusters} == {clusters[index] for index in common.spread_over(clusters, 128)}
    assert sorted(common.spread_over(clusters, 643)) == [*range(643)]


@each("count", [1, 5, 16, 64])
def test_a_study_takes_its_images_so_but_for_those_of_fixed_pictures(count: int) -> None:
    for name in ("textures_x8", "bbbc021_x8"):  # fixed, and each image its own
        images = Images(name, 64, "auto" if name == "textures_x8" else "rendered", None, count)
        assert images.chosen == common.spread(len(images.test), count)
    photos = Images("photos_x8", 64, "auto", None, count)
    assert len(photos.chosen) == count
    assert photos.chosen == sorted(set(photos.chosen))
    assert len(set(photos.clusters)) == min(count, len(set(photos.test.clusters)))


def test_the_usual_network_is_that_of_the_images(home: Path) -> None:
    assert [usual("bbbc021", kind) for kind in KINDS] == ["bbbc021"] * 2  # which is then missing
    network("bbbc021-rendered", "rendered")
    network("bbbc021-dit", "rendered")
    assert [usual("bbbc021", kind) for kind in KINDS] == ["bbbc021-rendered"] * 2
    for kind in (None, *KINDS):  # none was trained on real images
        assert shipped("bbbc021", 64, kind) == ["bbbc021-rendered", "bbbc021-dit"]
    network("bbbc021", "real")
    assert [usual("bbbc021", kind) for kind in KINDS] == ["bbbc021", "bbbc021-rendered"]
    assert shipped("bbbc021", 64, "rendered") == ["bbbc021-rendered", "bbbc021-dit"]
    assert shipped("bbbc021", 64, "real") == ["bbbc021"]
    assert shipped("bbbc021", 64) == ["bbbc021", "bbbc021-dit", "bbbc021-rendered"]
    network("photos", "real", "photos")
    assert [usual("photos", kind) for kind in KINDS] == ["photos"] * 2


def test_a_study_takes_the_networks_of_its_images(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_crops(home / "downloads" / "bbbc021")
    network("bbbc021-rendered", "rendered")

    def asked(study: object, **given: object) -> Request:
        return Request(study.parameters.checked(profile="smoke", dataset="bbbc021_x8", **given))

    def hashes() -> list[str]:
        found = [asked(benchmark.STUDY, source=kind) for kind in KINDS]
        assert [request.images.test.kind for request in found] == [*KINDS]
        assert [request.model.hash for request in found] == [request.identity()["checkpoint"] for request in found]
        return [request.identity()["checkpoint"] for request in found]

    before = hashes()
    assert before[0] == before[1]
    network("bbbc021", "real")
    real, rendered = hashes()
    assert (rendered, rendered == real) == (before[1], False)
    several = {kind: asked(networks.STUDY, source=kind) for kind in KINDS}
    assert {kind: [*request.checkpoints] for kind, request in several.items()} == {
        "real": ["bbbc021"],
        "rendered": ["bbbc021-rendered"],
    }
    for request in several.values():
        assert request.networks_for("real") == {"checkpoints": [["bbbc021", real]]}
        assert request.networks_for("rendered") == {"checkpoints": [["bbbc021-rendered", rendered]]}
    named = asked(benchmark.STUDY, source="real", checkpoint="bbbc021-rendered")
    assert {named.networks_for(kind)["checkpoint"] for kind in (None, *KINDS)} == {rendered}
