"""Results that ship: how they are packed, where they are looked for, and when they are stale."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_collapse import paths
from spectral_collapse.errors import DataError
from spectral_collapse.store import results, shipping
from spectral_collapse.studies import benchmark, domains, ledger, networks, scores
from spectral_collapse.studies import study as study_module
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Study
from tests.datasets.test_bbbc021 import write_crops
from tests.each import each
from tests.networks_study import VP, checkpoint
from tests.store.test_results import PARAMETERS, make
from tests.studies.test_collapse import thumbnails
from tests.studies.test_study import STUDY, Powers, ran

pytestmark = pytest.mark.usefixtures("home")


def state(**given: object) -> shipping.State:
    request = Request(Powers.checked(**given))
    return shipping.state("powers", request, STUDY.identity(request))


def shipped(**given: object) -> Path:
    """The result of these parameters in the folder that ships, and not in the store."""
    file = results.ship(STUDY.run(executor="here", progress=False, **given))
    for local in paths.results().glob("*.nc"):
        local.unlink()
    return file


def test_what_ships_is_what_was_stored_to_one_part_in_a_million() -> None:
    dataset = make(1 / 3)
    dataset["small"] = ("point", [1e-300, np.pi])  # the range stays that of double
    dataset["coarse"] = ("point", [np.pi, 1e5 + 1], {"significant_bits": 8})
    dataset = dataset.assign_coords(eta=("point", [1e-4, 1 / 3]))
    file = results.ship(dataset)
    assert file.name.endswith(".nc.xz")
    assert file.parent == paths.shipped()
    found = results.get("pareto", PARAMETERS)
    assert found["coarse"].values.tolist() == [3.140625, 2.0**9 * 195]
    xr.testing.assert_allclose(found.drop_vars("coarse"), dataset.drop_vars("coarse"), rtol=2.0**-20, atol=0)
    assert found["s_hf"].dtype == np.float64
    assert float(found["s_hf"][1, 0]) == 699051 / 2**21
    np.testing.assert_array_equal(found["eta"], dataset["eta"])  # coordinates are names: exact
    np.testing.assert_array_equal(found["image"], dataset["image"])
    assert found.attrs == dataset.attrs


def test_pictures_of_methods_that_are_alike_take_the_room_of_one() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    attrs = {"study": "pareto", "parameters": "{}"}
    one, many = (xr.Dataset({"image": (("point", "row", "col", "rgb"), [picture] * n)}, attrs=attrs) for n in (1, 20))
    sizes = [results.ship(dataset).stat().st_size for dataset in (one, many)]
    assert sizes[1] < 1.1 * sizes[0]


def test_a_result_that_ships_is_loaded_and_not_touched(tmp_path: Path) -> None:
    file = shipped(log=str(tmp_path / "log"))
    before = file.stat().st_mtime_ns
    assert STUDY.run(executor="here", log=str(tmp_path / "log"))["value"].values.tolist() == [1, 2, 4, 8]
    assert ran(tmp_path / "log") == [0, 1, 2, 3]
    assert file.stat().st_mtime_ns == before
    assert results.stored() == [file]
    assert list(results.load("powers").attrs) == list(STUDY.stored(log=str(tmp_path / "log")).attrs)
    assert STUDY.stored(base=3.0) is None


def test_a_result_is_loaded_by_the_digits_of_its_key() -> None:
    one, other = (STUDY.run(executor="here", base=base) for base in (2.0, 3.0))
    results.ship(other)
    for result in (one, other):
        key = results.key("powers", results.parameters(result.attrs))
        for digits in (key[:4], key[:8], key):
            assert results.load("powers", key=digits)["value"].values.tolist() == result["value"].values.tolist()
    with pytest.raises(DataError, match=r"no stored result of 'powers' with key='00000000'; stored are: powers-"):
        results.load("powers", key="00000000")


def test_a_study_of_lists_is_stale_too(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(benchmark.STUDY, dataset="photos_x8", checkpoint=thumbnails())
    identity = asked.identity() | {"code": "now"}
    assert isinstance(identity["methods"], tuple)
    for code, kind in (("now", "stored"), ("then", "other code")):
        results.ship(make().assign_attrs(study="benchmark", parameters=results.canonical(identity | {"code": code})))
        assert shipping.state("benchmark", asked, identity).kind == kind
        for file in results.shipped():
            file.unlink()


def test_stale_and_missing_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    assert state() == shipping.State("missing", "it does not ship")
    file = shipped()
    assert state() == shipping.State("stored", "", file)
    assert state(base=3.0).kind == "missing"
    assert state(profile="smoke").kind == "missing"
    monkeypatch.setattr("spectral_collapse.store.keys.code_hash", lambda *roots: "edited")
    assert (state().kind, state().file) == ("other code", file)
    assert STUDY.run(executor="here")["value"].values.tolist() == [1, 2, 4, 8]  # computed, as ever
    [entry] = [
        entry for entry in ledger.USED.values() if entry.how == "computed here" and entry.state.kind == "other code"
    ]
    assert results.load("powers", key=entry.key).attrs["created"] == entry.attrs["created"]
    assert file.exists()


def test_other_code_is_shown_in_the_book_alone_and_carried_over_by_the_index(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    given = {"log": str(log)}
    file = shipped(**given)
    ledger.USED.clear()
    old = state(**given).code
    objects = old.partition("-")[2]
    monkeypatch.setattr("spectral_collapse.store.keys.code_hash", lambda *roots: f"edited-{objects}")
    found = state(**given)
    assert (found.kind, found.file, found.shown) == ("other code", file, False)
    assert found.why.startswith("what ships was made by other code")
    monkeypatch.setenv(shipping.SHOWN, "show")
    assert STUDY.run(executor="here", **given)["value"].values.tolist() == [1, 2, 4, 8]
    assert ledger.USED.popitem()[1].state.kind == "other code"
    assert len(ran(log)) == 4  # and not computed
    monkeypatch.delenv(shipping.SHOWN)
    carried = {"commits": ["a" * 40, "b" * 40], "compared": "definitions"}
    shipping.carry([carried | {"files": {file.name: [old, f"edited-{objects}"], "gone.nc.xz": ["1", "2"]}}])
    assert shipping.rekeyed() == [carried | {"files": {file.name: [old, f"edited-{objects}"]}}]
    assert state(**given) == shipping.State("stored", "", file)
    assert STUDY.run(executor="here", **given)["value"].values.tolist() == [1, 2, 4, 8]
    assert len(ran(log)) == 4
    shipping.index().write_text("[")
    with pytest.raises(DataError, match=r"keys.json' cannot be read"):
        state(**given)


@each("damage", ["truncated", "schema", "other"])
def test_a_bad_file_is_named_and_computed_anew_only_on_request(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    file = shipped(log=str(log))
    if damage == "schema":
        monkeypatch.setattr(results, "SCHEMA", 2)
    elif damage == "other":
        shipped(base=3.0, log=str(log)).rename(file)
    else:
        file.write_bytes(file.read_bytes()[:-30])
    sentence = {
        "schema": "is of schema 1, and this version reads 2",
        "other": "holds another result than its name says",
    }
    jobs = len(ran(log))
    with pytest.raises(DataError, match=sentence.get(damage, "is damaged")) as raised:
        STUDY.run(executor="here", log=str(log))
    assert file.name in str(raised.value)
    assert len(ran(log)) == jobs
    if damage != "other":
        assert state(log=str(log)).kind == "damaged"
    monkeypatch.setenv(results.FRESH, str(time.time()))
    assert STUDY.run(executor="here", log=str(log))["value"].values.tolist() == [1, 2, 4, 8]
    assert len(ran(log)) == jobs + 4
    monkeypatch.delenv(results.FRESH)
    assert STUDY.run(executor="here", log=str(log))["value"].values.tolist() == [1, 2, 4, 8]  # the good file is found
    assert len(ran(log)) == jobs + 4


def network(name: str, kind: str, **card: object) -> None:
    """One that ships, untrained, of which its card says the kind of its images."""
    about = {"data_source": kind, "sigma_data": 1 if kind == "real" else 2} | card
    checkpoint(paths.checkpoints() / name, "epsilon", VP, family="bbbc021", **about)


def request(study: Study, **given: object) -> Request:
    return Request(study.parameters.checked(profile="smoke", **given))


def test_a_machine_without_images_takes_the_result_of_real_ones() -> None:
    """And only that: what it was asked for besides has to be the same."""
    asked = request(domains.STUDY, dataset="bbbc021_x8")
    wanted = asked.identity()
    assert wanted["source"] == "rendered"
    real = wanted | {"source": "real", "data": ["1", "2"], "images": 7}
    for stored in (real, wanted):
        assert shipping.answers(asked, wanted, stored)
    for stored in (real | {"size": 128}, real | {"shown": 1}, real | {"source": "rendered"}, {}):
        assert not shipping.answers(asked, wanted, stored)
    for given, answered in (({"source": "rendered"}, False), ({"images": 4}, False), ({"images": 7}, True)):
        other = request(domains.STUDY, dataset="bbbc021_x8", **given)
        assert shipping.answers(other, other.identity(), real) == answered


def test_weights_and_images_beside_may_lack_and_other_images_may_not() -> None:
    asked = request(scores.STUDY, dataset="photos_x8", checkpoint=thumbnails())
    identity = json.loads(results.canonical(asked.identity()))
    assert not shipping.answers(asked, identity, identity | {"data": ["1", "2"]})  # this machine has the photos
    others = [one | {"source": "real", "data": ["1", "2"]} for one in identity["beside"]]
    assert {one["source"] for one in identity["beside"]} == {"rendered"}
    for beside, answered in ((others, True), (others[:1], False), ([], False)):
        assert shipping.answers(asked, identity, identity | {"beside": beside}) == answered
    asked = request(benchmark.STUDY, dataset="photos_x8", checkpoint=thumbnails())
    identity = json.loads(results.canonical(asked.identity()))
    assert set(identity["weights"].values()) == {""}
    there = identity | {"weights": dict.fromkeys(identity["weights"], "1234")}
    assert shipping.answers(asked, identity, there)
    assert not shipping.answers(asked, there, identity)  # made without the weights that this machine has


@pytest.mark.parametrize("here", ["real", "rendered"])
@pytest.mark.parametrize("study", [benchmark.STUDY, networks.STUDY])
def test_the_other_kind_of_images_comes_with_its_network_of_today(study: Study, here: str, tmp_path: Path) -> None:
    """A result of an older network, or of the wrong one for its images, is stale."""
    for name, kind in (("bbbc021", "real"), ("bbbc021-rendered", "rendered")):
        network(name, kind)
    if here == "real":
        write_crops(tmp_path / "downloads" / "bbbc021")
    asked = request(study, dataset="bbbc021_x8")
    wanted = study.identity(asked)
    assert wanted["source"] == here
    there = {"real": "rendered", "rendered": "real"}[here]
    other = {"source": there, "data": ["1", "2"], "images": 7}

    def kind_of(stored: dict[str, object]) -> str:
        file = results.ship(make().assign_attrs(study=study.name, parameters=results.canonical(stored)))
        found = shipping.state(study.name, asked, wanted).kind
        file.unlink()
        return found

    theirs = asked.networks_for(there)
    assert kind_of(wanted | other | theirs) == "stored"
    assert kind_of(wanted | other | theirs | {"code": "then"}) == "other code"
    assert kind_of(wanted | other) == "stale"  # with the network of the images that are here
    assert kind_of(wanted | theirs) == "stale"
    network("bbbc021" if there == "real" else "bbbc021-rendered", there, sigma_data=0.25)  # trained anew
    assert theirs != asked.networks_for(there)
    assert kind_of(wanted | other | theirs) == "stale"


def test_where_both_kinds_ship_real_images_count_unless_rendered_ones_are_asked_for() -> None:
    asked = request(domains.STUDY, dataset="bbbc021_x8")
    wanted = json.loads(results.canonical(domains.STUDY.identity(asked)))
    assert wanted["source"] == "rendered"
    for identity in (wanted, wanted | {"source": "real", "data": ["1", "2"], "images": 7}):
        attrs = {"study": "domains", "parameters": results.canonical(identity), "data_source": identity["source"]}
        results.ship(make().assign_attrs(attrs))
    for given, kind in (({}, "real"), ({"source": "rendered"}, "rendered")):
        found = domains.STUDY.run(dataset="bbbc021_x8", profile="smoke", **given)
        assert found.attrs["data_source"] == kind


@pytest.mark.parametrize("given", [{}, {"source": "rendered"}])
def test_without_a_number_of_images_that_of_the_most_counts(given: dict[str, str]) -> None:
    asked = request(domains.STUDY, dataset="bbbc021_x8", **given)
    wanted = json.loads(results.canonical(domains.STUDY.identity(asked)))
    for images in (2, 9, 7):
        attrs = {
            "study": "domains",
            "parameters": results.canonical(wanted | {"images": images}),
            "data_source": "rendered",
            "mark": images,
        }
        results.ship(make().assign_attrs(attrs))
    found = {
        images: domains.STUDY.run(
            dataset="bbbc021_x8", profile="smoke", **given, **({"images": images} if images else {})
        )
        for images in (0, 2, 7)
    }
    assert {images: one.attrs["mark"] for images, one in found.items()} == {0: 9, 2: 2, 7: 7}
    more = request(domains.STUDY, dataset="bbbc021_x8", images=3, **given)
    assert shipping.state("domains", more, domains.STUDY.identity(more)).kind == "stale"


def test_a_network_that_was_asked_for_stays_whatever_the_images() -> None:
    for name, kind in (("bbbc021", "real"), ("bbbc021-rendered", "rendered")):
        network(name, kind)
    other = {"source": "real", "data": ["1", "2"], "images": 7}
    for study, given in ((benchmark.STUDY, "bbbc021-rendered"), (networks.STUDY, ["bbbc021-rendered"])):
        usual = request(study, dataset="bbbc021_x8")
        named = {"checkpoint" if isinstance(given, str) else "checkpoints": given}
        asked = request(study, dataset="bbbc021_x8", **named)
        wanted = json.loads(results.canonical(asked.identity()))
        assert wanted == json.loads(results.canonical(usual.identity()))
        assert shipping.answers(asked, wanted, wanted | other)
        assert not shipping.answers(asked, wanted, wanted | other | usual.networks_for("real"))


def test_a_network_of_another_size_for_the_other_images_answers_nothing() -> None:
    network("bbbc021-rendered", "rendered")
    network("bbbc021", "real", image_size=128)
    asked = request(benchmark.STUDY, dataset="bbbc021_x8")
    identity = json.loads(results.canonical(asked.identity()))
    assert shipping.answers(asked, identity, identity)
    assert not shipping.answers(asked, identity, identity | {"source": "real", "data": ["1", "2"]})


def test_a_result_of_rendered_images_is_shown_where_there_are_real_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And `source` asks for the real ones: what ships stands for no request that names its images."""
    given = {"dataset": "bbbc021_x8", "profile": "smoke", "reference": 2}
    file = results.ship(domains.STUDY.run(executor="here", **given))
    for local in paths.results().glob("*.nc"):
        local.unlink()
    write_crops(tmp_path / "bbbc021")
    monkeypatch.setenv("SPECTRAL_COLLAPSE_DATA", str(tmp_path))
    study_module._warn_once.cache_clear()
    with pytest.warns(UserWarning, match=r"real images of 'bbbc021_x8' are here, .* source=\"real\" asks for yours"):
        found = domains.STUDY.run(executor="here", **given)
    assert (found.attrs["data_source"], results.stored()) == ("rendered", [file])
    for asked in ({"source": "real"}, {"root": tmp_path}, {"images": 1}, {"reference": 3}):
        assert domains.STUDY.run(executor="here", **(given | asked)).attrs["data_source"] == "real"
