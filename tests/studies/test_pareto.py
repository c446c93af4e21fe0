from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import xarray as xr

from spectral_collapse import datasets, inversion, metrics, results
from spectral_collapse.errors import CheckpointError, NotFiniteError, SpectralCollapseError
from spectral_collapse.inversion import Inversion, InversionMethod
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.store import keys
from spectral_collapse.studies import pareto
from spectral_collapse.studies.image_scores import image_scores
from spectral_collapse.studies.parameters import PROFILES
from spectral_collapse.studies.pareto import ParetoParameters
from spectral_collapse.studies.request import Request
from spectral_collapse.translation import translate
from tests.gaussian import Counting
from tests.pareto_model import model

pytestmark = pytest.mark.usefixtures("home")

SMALL = {"profile": "smoke", "eta_hf": [0, 1000], "eta_lf": [1e-4], "fractions": [0.2], "methods": []}


@pytest.fixture
def inversions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the methods that were run, in order."""
    seen: list[str] = []
    original = InversionMethod.invert

    def counting(method: InversionMethod, *args: object, **kwargs: object) -> Inversion:
        seen.append(method.name)
        return original(method, *args, **kwargs)

    monkeypatch.setattr(InversionMethod, "invert", counting)
    return seen


def run(**changed: object) -> xr.Dataset:
    return pareto.STUDY.run(progress=False, **{**SMALL, "checkpoint": model(), **changed})


def test_the_result_follows_the_schema_and_images_of_one_picture_are_one_group() -> None:
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
    test = datasets.load("photos_x8", "test", 64)
    clusters = dict(zip(test.ids, test.clusters, strict=True))
    assert study["sample_group"].to_numpy().tolist() == [clusters[name] for name in study["sample"].to_numpy()]
    assert set(test.clusters) == {name.partition("/")[0] for name in test.ids}


def test_further_methods_join_by_name_or_with_parameters() -> None:
    study = run(methods={"noise_floor": {}, "nullspace": {"k": 1, "projector": 0.1}})
    assert study["point"].to_numpy()[-2:].tolist() == ["noise_floor", "nullspace (k 1, projector 0.1)"]
    assert json.loads(study.attrs["parameters"])["methods"] == study["point"].to_numpy()[-2:].tolist()
    assert study["method"].to_numpy()[-2:].tolist() == ["noise_floor", "nullspace"]
    assert study["stochastic"].to_numpy()[-2:].all()
    assert study["network_calls"].sel(seed=0).to_numpy()[-2:].tolist() == [10, 9]
    # 1/16 cycle per pixel is the band of an x8 source; this model inverts pixels, so it is not widened.
    default = run(methods=None)
    assert default["point"].to_numpy()[-2] == "nullspace (k 1, projector 0.0625)"


def request(dataset: str, latent: int = 64, **given: object) -> Request[ParetoParameters]:
    """A request without images or a network, whose latents are of this width."""
    found = Request(ParetoParameters.checked(dataset=dataset, **given))
    vars(found).update(images=SimpleNamespace(info=datasets.info(dataset)), downsampling=64 // latent)
    return found


def test_the_paper_profile_has_all_baselines_and_nullspace_the_band_of_the_source() -> None:
    methods = pareto.GRIDS["paper"].methods
    assert {"null_class", "direct", "renoise"} <= set(methods) <= inversion.METHODS.keys()
    found = pareto.default_methods(request("edges2shoes", profile="paper", guidance=7.5))
    assert found["null_class"] == {"guidance": 7.5}
    for name, band in (("photos_x8", 1 / 16), ("bbbc021_x16", 1 / 32), ("edges2shoes", 0.1)):
        given = request(name, latent=16)
        assert given.info.source_band(64) == band
        given.images.info = replace(given.info, structure_cutoff=lambda size: 0.9)
        found = pareto.default_methods(given)["nullspace"]["projector"]
        assert found == pytest.approx(4 * band)  # a latent's pixel is four wide


def levels(images: torch.Tensor) -> torch.Tensor:
    """Images at 256 levels."""
    return ((images + 1) * 127.5).round() / 127.5 - 1


def test_the_scores_are_those_of_the_images_and_latents_that_are_kept() -> None:
    study = run()
    test = datasets.load("photos_x8", "test", 64)
    ids = [test.ids.index(name) for name in study["sample"].to_numpy()]
    source, target = test.stack(ids)
    info, of = datasets.info("photos_x8"), model()
    method = inversion.create("taba", fraction=0.2)
    translation = translate(of, method, source, 0, 1, num_steps=5, generator=torch.Generator().manual_seed(1))
    images, latents = levels(translation.images), translation.latents.half().float()
    here = study.sel(point="TABA 0.2", seed=1)
    np.testing.assert_array_equal(here["psnr"], metrics.psnr(images, target))
    np.testing.assert_array_equal(here["s_dc"], metrics.s_dc(latents))
    np.testing.assert_array_equal(here["s_g"], metrics.s_g(latents).score)
    np.testing.assert_array_equal(here["s_lf"], metrics.s_lf(images, source, info.structure_cutoff(64), info.structure))
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
    np.testing.assert_array_equal(here["s_hf"], metrics.s_hf(images, reference))
    shown = study["target_image"].sel(shown=study["shown"].to_numpy()[1]).to_numpy()
    index = study["sample"].to_numpy().tolist().index(study["shown"].to_numpy()[1])
    np.testing.assert_array_equal(shown, ((target[index] + 1) * 127.5).round().byte().permute(1, 2, 0))


def test_outputs_and_references_have_the_same_256_levels() -> None:
    class Soft(Model):
        """Its autoencoder writes what lies between the levels."""

        def encode(self, images: torch.Tensor) -> torch.Tensor:
            return images

        def decode(self, latents: torch.Tensor) -> torch.Tensor:
            return 0.9 * latents.clamp(-1, 1)

    one = model()
    soft = Soft(one.denoiser, torch.nn.Identity(), one.card, "soft")
    given = Request(ParetoParameters.checked(checkpoint=soft, profile="smoke"))
    seen = pareto.references(given)
    rounded, rough = (image_scores(given, of(0.9 * given.pair.target), given.pair) for of in (levels, torch.clone))
    np.testing.assert_array_equal(seen["psnr"][1], rounded["psnr"])
    assert not np.array_equal(rough["psnr"], rounded["psnr"])


def test_methods_that_draw_nothing_run_once_and_a_seed_gives_the_same_whatever_the_others(
    inversions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_CACHE_GB", "0")
    few = run(seeds=1)
    inversions.clear()
    study = run(seeds=3)
    xr.testing.assert_equal(few["s_hf"], study["s_hf"].isel(seed=[0]))
    names = list(pareto.jobs(request("photos_x8", **SMALL, seeds=3)))
    assert len(set(names)) == len(names) == 1 + len(inversions)
    assert inversions == ["standard", "taba", "taba", "taba", "ovg", "ovg", "ovg", "ovg", "ovg"]
    varies = (study["s_hf"] != study["s_hf"].isel(seed=0)).any(("seed", "sample"))
    np.testing.assert_array_equal(varies, study["stochastic"])
    assert study["stochastic"].to_numpy().tolist() == [False, True, False, False, True]


def test_another_score_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    one = model()
    counting = Counting(one.denoiser)
    given = {"checkpoint": Model(counting, None, one.card, one.hash), "methods": ["nullspace", "noise_floor"]}
    first = run(**given)
    # per image, of 4 images that the denoiser is given at once, and of two seeds unless it is the same at both
    once = first["network_calls"].where(first["stochastic"] | (first["seed"] == 0), 0)
    assert counting.calls == once.sum() > 0
    sources, file = keys.installed().sources, "spectral_collapse/metrics/s_hf.py"
    text = sources[file].replace("def s_hf(", "def before(") + "\n\ndef s_hf(images, reference):\n    return images\n"
    edited = keys.Package({**sources, file: text})
    monkeypatch.setattr(keys, "_definitions_hash", lambda names, files: keys.digest(edited.reached(names)))
    monkeypatch.setattr(metrics, "s_hf", lambda images, reference: images.mean((1, 2, 3)))
    counting.calls = 0
    second = run(**given)
    assert counting.calls == 0
    assert second.attrs["parameters"] != first.attrs["parameters"]
    assert not np.array_equal(second["s_hf"], first["s_hf"])
    scored = ["s_hf", "reference_s_hf"]
    xr.testing.assert_equal(second.drop_vars(scored), first.drop_vars(scored))


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


def test_a_model_for_other_data_or_another_size_is_refused() -> None:
    with pytest.raises(CheckpointError, match="for image_size 64, but 'photos_x8' at this profile needs 256"):
        run(profile="paper", images=2)
    other = model()
    other.card["family"] = "bbbc021"
    with pytest.raises(CheckpointError, match="for family 'bbbc021', but 'photos_x8' at this profile needs 'photos'"):
        run(checkpoint=other)
    with pytest.raises(SpectralCollapseError, match="no checkpoint 'nowhere'"):
        run(checkpoint="nowhere")


def test_every_profile_holds_the_published_setting_and_both_axes() -> None:
    for dataset, profile in itertools.product(("photos_x8", "bbbc021_x8", "edges2shoes"), PROFILES):
        published = datasets.info(dataset).published
        points = pareto.points(request(dataset, profile=profile))
        grid = {(point.eta_hf, point.eta_lf) for point in points if point.kind == "ovg"}
        assert {(published.eta_hf, published.eta_lf), (0, published.eta_lf), (published.eta_hf, 0)} <= grid
        assert (0, 0) not in grid
        assert len({point.label for point in points}) == len(points)


def test_profiles_have_the_papers_sizes_and_pictures_stay_under_10_megabytes() -> None:
    sizes = {"smoke": (64, 4, 2, 5, 32, 2), "quick": (64, 64, 3, 50, 512, 3), "paper": (256, 64, 3, 50, 2048, 2)}
    for profile, expected in sizes.items():
        given = ParetoParameters.checked(profile=profile)
        found = (given.size, given.default_images[profile], given.seeds, given.num_steps, given.reference, given.shown)
        assert found == expected
        points = len(pareto.points(request("bbbc021_x8", profile=profile, methods=[])))
        assert (points + 2) * given.shown * given.size**2 * 3 < 10e6
