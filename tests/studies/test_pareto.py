from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import xarray as xr

from spectral_collapse import datasets, inversion, metrics, paths, results
from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import (
    CheckpointError,
    DataError,
    InvalidParameterError,
    NotFiniteError,
    SpectralCollapseError,
)
from spectral_collapse.inversion import InversionMethod, InversionState
from spectral_collapse.sampling import ode_step
from spectral_collapse.studies import pareto
from spectral_collapse.studies.profiles import PROFILES
from tests.pareto_model import model

SMALL = {
    "profile": "smoke",
    "eta_hf": [0, 1000],
    "eta_lf": [1e-4],
    "fractions": [0.2],
    "methods": [],
    "progress": False,
}


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))


@pytest.fixture
def translations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the methods that were run, in order."""
    seen: list[str] = []
    original = pareto.translate

    def counting(of: object, method: object, *args: object, **kwargs: object) -> object:
        seen.append(method.name)
        return original(of, method, *args, **kwargs)

    monkeypatch.setattr(pareto, "translate", counting)
    return seen


def run(**changed: object) -> xr.Dataset:
    return pareto.run(**{**SMALL, "checkpoint": model(), **changed})


def test_the_result_follows_the_schema() -> None:
    study = run()
    assert study["point"].to_numpy().tolist() == [
        "standard",
        "TABA 0.2",
        "OVG (0, 0.0001)",
        "OVG (1000, 0.0001)",
        "OVG (1000, 0.0001) + TABA 0.2",
    ]
    assert study["s_hf"].dims == ("point", "seed", "sample")
    assert study["s_hf"].shape == (5, 2, 4)
    assert set(study.dims) <= set(study.coords)
    assert all({"long_name", "units"} <= variable.attrs.keys() for variable in study.data_vars.values())
    assert study["psnr"].attrs["units"] == "dB"
    for score in ("s_hf", "s_lf", "s_dc", "psnr", "s_g", "s_g_pvalue", "network_calls"):
        assert np.isfinite(study[score]).all()
    assert study["image"].dtype == np.uint8
    parameters = json.loads(study.attrs["parameters"])
    assert parameters["checkpoint"] == "closed-form"
    assert parameters["source"] == study.attrs["data_source"] == "real"
    assert parameters["guidance"] == datasets.info("photos_x8").guidance
    # 5 steps up and 5 down; the step that TABA replaces asks no network
    assert study["network_calls"].sel(seed=0).to_numpy().tolist() == [10, 9, 10, 10, 9]
    xr.testing.assert_identical(results.load("pareto", dataset="photos_x8", profile="smoke"), study)


def test_further_methods_join_by_name_or_with_parameters() -> None:
    study = run(methods={"noise_floor": {}, "nullspace": {"k": 1, "projector": 0.1}})
    assert study["point"].to_numpy()[-2:].tolist() == ["noise_floor", "nullspace (k 1, projector 0.1)"]
    assert study["method"].to_numpy()[-2:].tolist() == ["noise_floor", "nullspace"]
    assert study["stochastic"].to_numpy()[-2:].all()
    assert study["network_calls"].sel(seed=0).to_numpy()[-2:].tolist() == [10, 9]
    # 1/16 cycle per pixel is the band of an x8 source; this model inverts pixels, so it is not widened.
    default = run(methods=None)
    assert default["point"].to_numpy()[-2] == "nullspace (k 1, projector 0.0625)"


def scaled(factor: float) -> type[InversionMethod]:
    """A method of one's own, always of the same name, as a cell of a notebook that is edited and run again."""

    @dataclass(frozen=True)
    class Mine(InversionMethod):
        name = "mine"

        def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
            prediction = run.denoiser(x, run.level, run.labels)
            return ode_step(prediction._replace(noise=factor * prediction.noise), run.following), prediction

    return Mine


def test_an_edited_method_is_run_again(monkeypatch: pytest.MonkeyPatch, translations: list[str]) -> None:
    found = []
    for factor in (1.0, 0.5, 1.0):
        monkeypatch.setitem(inversion.METHODS, "mine", scaled(factor))
        found.append(run(methods=["mine"])["s_dc"].sel(point="mine"))
    assert translations.count("mine") == 2  # and the third is the first one's
    assert not np.array_equal(found[0], found[1])
    xr.testing.assert_identical(found[0], found[2])


def test_two_lambdas_are_two_methods(translations: list[str]) -> None:
    projectors = [lambda x: x, lambda x: 0 * x]
    studies = [run(methods={"nullspace": {"k": 1, "projector": one}}) for one in projectors]
    assert translations.count("nullspace") == 4  # two seeds each
    white, nothing = (study["s_dc"].sel(point="nullspace (k 1, projector <lambda>)") for study in studies)
    assert not np.array_equal(white, nothing)


def test_parameters_that_print_alike_are_two_methods(translations: list[str]) -> None:
    for cutoff in (0.123456701, 0.123456702):
        run(methods={"nullspace": {"k": 1, "projector": cutoff}})
    assert translations.count("nullspace") == 4


def test_what_has_no_code_is_computed_and_not_stored(translations: list[str]) -> None:
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"'nullspace \(k 1, projector relu\)' cannot be told .* not stored"):
            study = run(methods={"nullspace": {"k": 1, "projector": torch.relu}})
    assert translations.count("nullspace") == 4
    assert study["s_hf"].notnull().all()
    assert study.attrs["study"] == "pareto"
    assert not paths.results().exists()


def test_the_paper_profile_has_all_of_the_papers_baselines() -> None:
    methods = pareto.GRIDS["paper"].methods
    assert {"null_class", "direct", "renoise"} <= set(methods) <= inversion.METHODS.keys()
    given = default_setting("edges2shoes")
    found = pareto._default_methods(given, pareto.GRIDS["paper"], pareto.PUBLISHED["edges2shoes"], 50, 7.5)
    assert found["null_class"] == {"guidance": 7.5}


def default_setting(dataset: str) -> SimpleNamespace:
    images, latents = torch.zeros(1, 3, 64, 64), torch.zeros(1, 4, 16, 16)
    return SimpleNamespace(
        info=datasets.info(dataset), size=PROFILES["quick"], pair=datasets.Pair(images, images), encoded=latents
    )


def test_nullspace_is_told_the_band_of_the_source_and_not_the_cutoff_of_the_score() -> None:
    grid, published = pareto.GRIDS["quick"], pareto.PUBLISHED["edges2shoes"]
    for name, band in (("photos_x8", 1 / 16), ("bbbc021_x16", 1 / 32), ("edges2shoes", 0.1)):
        given = default_setting(name)
        assert given.info.source_band(64) == band
        given.info = replace(given.info, structure_cutoff=lambda size: 0.9)
        found = pareto._default_methods(given, grid, published, 50, 1.0)["nullspace"]["projector"]
        assert found == pytest.approx(4 * band)  # a latent's pixel is four wide


def test_images_of_one_picture_are_one_group() -> None:
    study = run()
    test = datasets.load("photos_x8", "test", 64)
    clusters = dict(zip(test.ids, test.clusters, strict=True))
    assert study["sample_group"].to_numpy().tolist() == [clusters[name] for name in study["sample"].to_numpy()]
    assert set(test.clusters) == {name.partition("/")[0] for name in test.ids}


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        (["ddim"], "unknown inversion method 'ddim'"),
        ({"edict": {"p": 1}}, "known are: mixing"),
        ("edict", "must be a list of names"),
        (["taba"], "is in the study anyway"),
    ],
)
def test_methods_that_cannot_be_run_are_refused(methods: object, message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        run(methods=methods)


def test_the_scores_are_those_of_the_images_and_latents() -> None:
    study = run()
    test = datasets.load("photos_x8", "test", 64)
    ids = [test.ids.index(name) for name in study["sample"].to_numpy()]
    source, target = test.stack(ids)
    info, of = datasets.info("photos_x8"), model()
    method = pareto.inversion.create("taba", fraction=0.2)
    translation = pareto.translate(of, method, source, 0, 1, num_steps=5, generator=torch.Generator().manual_seed(1))
    here = study.sel(point="TABA 0.2", seed=1)
    np.testing.assert_array_equal(here["psnr"], metrics.psnr(translation.images, target))
    np.testing.assert_array_equal(here["s_dc"], metrics.s_dc(translation.latents))
    np.testing.assert_array_equal(
        here["s_lf"], metrics.s_lf(translation.images, source, info.structure_cutoff(64), info.structure)
    )
    np.testing.assert_array_equal(
        study["reference_s_lf"].sel(reference="target"),
        metrics.s_lf(target, source, info.structure_cutoff(64), info.structure),
    )
    reference = metrics.HFReference(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in json.loads(study.attrs["s_hf_reference"]).items()
        }
    )
    assert reference.count == 32
    np.testing.assert_array_equal(here["s_hf"], metrics.s_hf(translation.images, reference))
    shown = study["target_image"].sel(shown=study["shown"].to_numpy()[1]).to_numpy()
    index = study["sample"].to_numpy().tolist().index(study["shown"].to_numpy()[1])
    np.testing.assert_array_equal(shown, ((target[index] + 1) * 127.5).round().byte().permute(1, 2, 0))


def test_methods_that_draw_nothing_run_once_and_are_repeated(translations: list[str]) -> None:
    study = run(seeds=3)
    assert translations == ["standard", "taba", "taba", "taba", "ovg", "ovg", "ovg", "ovg", "ovg"]
    varies = (study["s_hf"] != study["s_hf"].isel(seed=0)).any(("seed", "sample"))
    np.testing.assert_array_equal(varies, study["stochastic"])
    assert study["stochastic"].to_numpy().tolist() == [False, True, False, False, True]


def test_a_finished_study_is_loaded_and_a_changed_one_is_run(translations: list[str]) -> None:
    first = run()
    done = len(translations)
    # as a kill between storing the result and clearing its parts leaves them
    results.parts("pareto", results.key("pareto", json.loads(first.attrs["parameters"]))).put("one", {"a": np.zeros(1)})
    xr.testing.assert_identical(run(), first)
    assert len(translations) == done
    assert not (paths.results() / "parts").exists()
    run(checkpoint=model("other weights"))
    assert len(translations) == 2 * done


def test_an_interrupted_study_goes_on_where_it_stopped(
    monkeypatch: pytest.MonkeyPatch, translations: list[str]
) -> None:
    counting, calls = pareto.translate, iter(range(100))

    def interrupted(*args: object, **kwargs: object) -> object:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return counting(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(pareto, "translate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert translations == ["standard", "taba", "taba"]
    stored = sorted((paths.results() / "parts").rglob("*.npz"))
    assert len(stored) == 4
    stored[1].write_bytes(b"damaged")
    study = run()
    assert translations == ["standard", "taba", "taba", "taba", "ovg", "ovg", "ovg", "ovg"]
    translations.clear()
    results.path("pareto", json.loads(study.attrs["parameters"])).unlink()
    uninterrupted = run()
    xr.testing.assert_equal(study, uninterrupted)


def test_two_runs_at_once_do_not_spoil_each_other() -> None:
    with ThreadPoolExecutor(2) as pool:
        one, other = (future.result() for future in [pool.submit(run), pool.submit(run)])
    xr.testing.assert_equal(one, other)
    (stored,) = paths.results().glob("*.nc")
    xr.testing.assert_equal(results.read(stored), one)
    assert list(paths.results().rglob("*.tmp")) == []


def test_a_full_disk_while_a_part_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(results.os, "fsync", full)
        with pytest.raises(DataError, match=r"could not write .*\.npz': No space left on device$"):
            run()
    assert [path for path in paths.results().rglob("*") if path.is_file()] == []


def test_a_seed_gives_the_same_whatever_the_others() -> None:
    few, more = run(seeds=1), run(seeds=2)
    xr.testing.assert_equal(few["s_hf"], more["s_hf"].isel(seed=[0]))
    for score in ("s_hf", "s_dc"):
        assert not np.array_equal(more[score].sel(point="TABA 0.2", seed=0), more[score].sel(point="TABA 0.2", seed=1))


def test_nan_is_named_with_its_method_and_step() -> None:
    broken = model()
    broken = type(broken)(_NaNAfter(broken.denoiser, 2), None, broken.card, "broken")
    with pytest.raises(NotFiniteError, match="standard inversion: NaN or infinity at step 3 of 5"):
        run(checkpoint=broken)


class _NaNAfter:
    def __init__(self, denoiser: Callable, calls: int) -> None:
        self.denoiser, self.left, self.process = denoiser, calls, denoiser.process

    def __call__(self, x: torch.Tensor, level: object, label: torch.Tensor) -> object:
        prediction = self.denoiser(x, level, label)
        self.left -= 1
        return prediction if self.left >= 0 else type(prediction)(*(part * float("nan") for part in prediction))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"dataset": "photos_x9"}, "unknown data set 'photos_x9'; known are: bbbc021_x8, "),
        ({"profile": "fast"}, "unknown profile 'fast'; known are: smoke, quick, paper"),
        ({"profile": ["quick"]}, r"unknown profile \['quick'\]; known are: smoke, quick, paper"),
        ({"seeds": 0}, "seeds must be a whole number of at least 1; 0 was given"),
        ({"seeds": "3"}, "seeds must be a whole number of at least 1; '3' was given"),
        ({"seeds": True}, "seeds must be a whole number of at least 1; True was given"),
        ({"num_steps": 0}, "num_steps must be a whole number of at least 1; 0 was given"),
        ({"num_steps": 2.5}, "num_steps must be a whole number of at least 1; 2.5 was given"),
        ({"images": 1}, "images must be a whole number of at least 2; 1 was given"),
        ({"images": 10**6}, "images must be at most [0-9]+, all that 'photos_x8' has; 1000000 was given"),
        ({"eta_hf": [-1]}, "eta_hf must be at least 0 and finite; -1 was given"),
        ({"eta_lf": [float("nan")]}, "eta_lf must be at least 0 and finite; nan was given"),
        ({"eta_hf": 1000}, "eta_hf must be a list of numbers; 1000 was given"),
        ({"eta_hf": ["a"]}, "eta_hf must be a number; 'a' was given"),
        ({"eta_hf": [0], "eta_lf": [0]}, "eta_hf and eta_lf must give OVG a point"),
        ({"fractions": [1.5]}, "fractions must be from 0 to 1; 1.5 was given"),
        ({"fractions": [0.01]}, "TABA with the fraction 0.01 replaces none of 5 steps; use 0.2 or more"),
        ({"guidance": -1}, "guidance must be at least 0 and finite; -1 was given"),
        ({"guidance": "high"}, "guidance must be a number; 'high' was given"),
        ({"source": "web"}, "unknown source 'web'; known are: auto, real, rendered"),
    ],
)
def test_bad_parameters_get_one_sentence(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidParameterError, match=f"^{message}"):
        run(**parameters)
    assert not paths.results().exists()


def test_a_model_for_other_data_or_another_size_is_refused() -> None:
    with pytest.raises(CheckpointError, match="for image_size 64, but 'photos_x8' at this profile needs 256"):
        run(profile="paper", images=2)
    other = model()
    other.card["family"] = "bbbc021"
    with pytest.raises(CheckpointError, match="for family 'bbbc021', but 'photos_x8' at this profile needs 'photos'"):
        run(checkpoint=other)
    with pytest.raises(SpectralCollapseError, match="no checkpoint 'nowhere'"):
        run(checkpoint="nowhere")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("family", ["photos", "bbbc021", "edges2shoes"])
def test_every_profile_holds_the_published_setting_and_both_axes(profile: str, family: str) -> None:
    published = pareto.PUBLISHED.get(family, pareto.PUBLISHED["bbbc021"])
    size = PROFILES[profile]
    points = pareto._points(published, pareto.GRIDS[profile], size.num_steps, None, None, None)
    grid = {(point.eta_hf, point.eta_lf) for point in points if point.kind == "ovg"}
    assert (published.eta_hf, published.eta_lf) in grid
    assert (0, published.eta_lf) in grid
    assert (published.eta_hf, 0) in grid
    assert (0, 0) not in grid
    assert len({point.label for point in points}) == len(points)


@pytest.mark.parametrize("profile", PROFILES)
def test_pictures_stay_under_10_megabytes(profile: str) -> None:
    size = PROFILES[profile]
    points = pareto._points(pareto.PUBLISHED["bbbc021"], pareto.GRIDS[profile], size.num_steps, None, None, None)
    assert (len(points) + 2) * size.shown * size.size**2 * 3 < 10e6
