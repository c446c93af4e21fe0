"""What every study keeps: whatever function of the package computes something in it is part of its key, its variables
say what they are, and no result that ships has a picture of data whose terms forbid it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType

import numpy as np
import pytest
import torch
import xarray as xr
from PIL import Image

from spectral_collapse import datasets, results
from spectral_collapse.denoisers import GaussianDenoiser
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.store import keys, withheld
from spectral_collapse.studies import STUDIES, common
from spectral_collapse.studies.request import Request
from tests.datasets.test_bbbc021 import write_manifest
from tests.studies.test_collapse import Thumbnails, thumbnails

NAME = "bbbc021_x8"
NEAR, ALIKE = 3.0, 0.99
"""A picture is one of the data's if it is nearer than so many grey levels, or a channel of it is a source's or a
target's but for brightness and contrast."""
FIELDS = [f"field {number}" for number in range(80)]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Coarse noise in the place of real images of cells; gives all of them, sources and targets, as pictures."""
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    monkeypatch.setenv("SPECTRAL_COLLAPSE_DATA", str(tmp_path))
    folder, random = tmp_path / "bbbc021", np.random.default_rng(0)
    folder.mkdir()
    for field in FIELDS:
        coarse = Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8))
        coarse.resize((64, 64), Image.Resampling.BICUBIC).save(folder / f"{field}.png")
    write_manifest(folder, [(f"{field}.png", 64, "stitched", field, "DMSO", 1.0) for field in FIELDS])
    sides = [datasets.load(NAME, split, 64, "real").stack() for split in ("test", "validation")]
    return np.concatenate([common.pictures(images) for pair in sides for images in pair])


def pictures(result: xr.Dataset) -> Iterator[tuple[str, np.ndarray]]:
    """Every picture in bytes, H x W x 3, with its variable."""
    for name, values in result.data_vars.items():
        if values.dtype == np.uint8 and "rgb" in values.dims:
            assert values.dims[-1] == "rgb"
            yield from ((str(name), one) for one in values.to_numpy().reshape(-1, *values.shape[-3:]))


def of_data(result: xr.Dataset, data: np.ndarray) -> set[str]:
    """The variables with a picture of the data."""
    return {name for name, picture in pictures(result) if picture.shape == data.shape[1:] and _known(picture, data)}


def _known(picture: np.ndarray, data: np.ndarray) -> bool:
    if np.abs(picture.astype(np.float32) - data).mean((1, 2, 3)).min() < NEAR:
        return True
    ours, theirs = (_normed(images.reshape(-1, picture[..., 0].size, 3)) for images in (picture, data))
    return bool(np.einsum("pxc,nxc->npc", ours, theirs).max() > ALIKE)


def _normed(channels: np.ndarray) -> np.ndarray:
    """Each channel, N x pixels x 3, less its mean, at length 1; 0 where it is flat."""
    centred = channels - channels.mean(1, keepdims=True, dtype=np.float32)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)


def network() -> Model:
    """One that makes of a source, whose spectrum falls, a target whose spectrum rises: nothing like the data's own."""
    axis = torch.fft.fftfreq(16, dtype=torch.float64) * 16
    ring = torch.hypot(axis[:, None], axis[None, :])
    denoiser = GaussianDenoiser(VariancePreserving(), {0: 40 / ring.clamp_min(1) ** 3, 1: ring**2 / 40})
    return Thumbnails(denoiser, None, {"family": "bbbc021", "image_size": 64, "prediction": "epsilon"}, "0" * 12)


def small(name: str, **given: object) -> dict[str, object]:
    """The least that a study can be asked for."""
    usual = {"profile": "smoke", "images": 8 if name == "fidelity" else 3, "num_steps": 13, "reference": 4, "shown": 2}
    usual |= {"dataset": NAME, "checkpoint": network(), "latents": 1}
    usual |= {"steps": (8, 16)} if name == "gaussian" else {"steps": (10, 20)}
    usual = usual | {"checkpoints": (usual["checkpoint"],)} | given
    return {key: value for key, value in usual.items() if key in STUDIES[name].parameters.model_fields}


SOURCE = Path(keys.__file__).parents[2]
REASONS = {
    "spectral_collapse.datasets.files:leaves": "refuses names of files",
    "spectral_collapse:__getattr__": "imports a module when it is named",
    "spectral_collapse.inversion.base:InversionMethod.stochastic": "for keys of cached translations, where no seed "
    "matters; keys of studies that draw several seeds have it",
    "spectral_collapse.inversion.noise_maps:NoiseMaps.stochastic": "as above",
}
"""Functions that studies run and keys do not have, and why they change no value."""


def run(name: str, **given: object) -> xr.Dataset:
    """A study's smallest result, of which no code outside its key was part."""
    study = STUDIES[name]
    request = Request(study.parameters.checked(**small(name, **given)))
    names, _ = keys.roots_of(study.roots(request))
    package = keys.installed()
    spans = {
        (str(SOURCE / package.files[unit.partition(":")[0]]), line)
        for unit in package.reached(names)
        for line in package.lines(unit)
    }
    ran: set[CodeType] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        """Called for each call of a Python function; what follows in it is not followed, which would take long."""
        if frame.f_code not in ran and frame.f_code.co_filename.startswith(str(SOURCE)) and not _checks(frame):
            ran.add(frame.f_code)

    sys.settrace(note)
    try:
        done = {job: run() | {"seconds": 0.0} for job, run in study.jobs(request).items()}
        result = study.combine(request, done)
    finally:
        sys.settrace(None)
    assert all({"long_name", "units"} <= variable.attrs.keys() for variable in result.data_vars.values())
    ours = {code for code in ran if code.co_name != "<module>"}
    outside = {
        f"{module}:{code.co_qualname}"
        for code in ours
        if (module := _module(code)) not in keys.NO_VALUES and (code.co_filename, code.co_firstlineno) not in spans
    }
    assert outside - REASONS.keys() - keys._NO_VALUES == set()
    assert f"spectral_collapse.studies.{name}" in {_module(code) for code in ours}
    identity = study.identity(request)
    return study._store(request, identity, study._combined(request, identity, done))


def _checks(frame: FrameType | None) -> bool:
    """Whether a call is part of a check, which refuses or does nothing."""
    while frame is not None:
        if frame.f_code.co_name.lstrip("_").startswith("check"):
            return True
        frame = frame.f_back
    return False


def _module(code: CodeType) -> str:
    path = Path(code.co_filename).relative_to(SOURCE).with_suffix("")
    return ".".join(path.parts).removesuffix(".__init__")


@pytest.mark.parametrize("name", STUDIES)
def test_no_code_outside_the_key_runs_and_no_picture_of_the_data_ships_but_all_others_do(
    name: str, data: np.ndarray, tmp_path: Path
) -> None:
    stored = run(name)
    shipped = results.result(results.ship(stored, tmp_path / "shipped"))
    assert of_data(shipped, data) == set()
    assert bool(of_data(stored, data)) == ("withheld" in shipped.attrs)  # the test sees them where they are
    assert shipped.attrs.get("withheld", withheld.SENTENCE) == withheld.SENTENCE
    assert {*pictured(stored)} >= STUDIES[name].made.keys()
    own = shipped.sel(pipeline=[NAME]) if "pipeline" in shipped.dims else shipped
    for variable in {*pictured(stored)} - STUDIES[name].made.keys():  # in whatever numbers
        lines = [place for place in own[variable].dims if str(place).endswith(("row", "col"))]
        others = [place for place in own[variable].dims if place not in lines]
        for one in own[variable].stack(every=others).transpose("every", *lines).to_numpy():
            assert (one == own[variable].isel(dict.fromkeys(others, 0)).to_numpy()).all()
    for variable, chosen in STUDIES[name].made.items():
        ours, theirs = (one[variable].sel(dict(chosen)).to_numpy() for one in (stored, shipped))
        np.testing.assert_allclose(ours, theirs, rtol=2**-7)  # as coarse as results ship


def pictured(result: xr.Dataset) -> list[str]:
    """The variables that are pictures in whatever numbers."""
    ends = ("row", "col")
    return [str(name) for name, one in result.items() if all(any(str(d).endswith(e) for d in one.dims) for e in ends)]


def test_each_data_set_beside_counts_by_its_own_terms(data: np.ndarray, tmp_path: Path) -> None:
    """Photos may be shown, and so may rendered shoes."""
    stored = run("scores", dataset="photos_x8", checkpoint=thumbnails(prediction="epsilon"))
    assert stored["pipeline_source"].to_series().to_dict() == {
        "photos_x8": "real", NAME: "real", "edges2shoes": "rendered"
    }  # fmt: skip
    shipped = results.result(results.ship(stored, tmp_path / "shipped"))
    assert of_data(stored, data) == {"pipeline_image"}
    assert of_data(shipped, data) == set()
    left_out = shipped["pipeline_image"].sel(pipeline=NAME).to_numpy()
    assert (left_out == withheld.placeholder(64, 64)[..., None]).all()
    kept = [one.drop_sel(pipeline=NAME).drop_attrs(deep=False) for one in (stored, shipped)]
    for variable in pictured(stored):
        xr.testing.assert_equal(*(one[variable] for one in kept))


@pytest.mark.parametrize("given", [{"source": "rendered"}, {"dataset": "photos_x8"}])
def test_pictures_that_may_be_published_ship(given: dict[str, str], data: np.ndarray, tmp_path: Path) -> None:
    stored = run("domains", **given)
    shipped = results.result(results.ship(stored, tmp_path / "shipped"))
    assert "withheld" not in shipped.attrs
    xr.testing.assert_equal(shipped[["image", "detail"]], stored[["image", "detail"]])


def test_what_nobody_speaks_of_is_left_out(data: np.ndarray, tmp_path: Path) -> None:
    """Pictures of a study, and real images of a data set, that are not known here."""
    stored = STUDIES["domains"].run("here", progress=False, **small("domains", dataset="photos_x8"))
    parameters = results.parameters(stored.attrs)
    for changed in ({"dataset": NAME}, {"dataset": "mine"}):
        text = results.canonical(parameters | changed)
        found = results.result(results.ship(stored.assign_attrs(study="mine", parameters=text), tmp_path / "shipped"))
        assert (found["image"] == found["image"][0, 0]).all()
        assert found["image"].dtype == np.uint8
        assert found["image"].dims == stored["image"].dims


def test_real_images_of_restricted_terms_have_a_grey_placeholder_with_a_cross() -> None:
    restricted = {name for name, info in datasets.DATASETS.items() if not info.publishable}
    assert restricted == {"bbbc021_x8", "bbbc021_x16", "bbbc021_x32", "edges2shoes", "celebamask_hq"}
    for height, width in ((64, 64), (3, 5), (1, 1)):
        found = withheld.placeholder(height, width)
        assert found.shape == (height, width)
        assert found[0, 0] == found[-1, 0] == found[0, -1] == found[-1, -1] == withheld.CROSS
    assert (withheld.placeholder(64, 64) == withheld.CROSS).sum() == 128
