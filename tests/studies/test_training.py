from __future__ import annotations

import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import create_autospec

import numpy as np
import pytest
import torch
import xarray as xr

from spectral_collapse import datasets, metrics, networks, paths, results, sampling
from spectral_collapse.datasets import TARGET, Pair
from spectral_collapse.denoisers import GaussianDenoiser, Prediction
from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.metrics import radial_spectrum
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.metrics.s_dc import white_noise_level
from spectral_collapse.processes import Process, VarianceExploding, VariancePreserving
from spectral_collapse.studies import common, training
from spectral_collapse.studies.profiles import profile as profile_named
from spectral_collapse.training.history import FILE, History
from spectral_collapse.training.validation import Record

VP = {"kind": "variance_preserving"}
VE = {"kind": "variance_exploding"}
SOURCE = datasets.info("photos_x8").source_label


def checkpoint(
    folder: Path,
    prediction: str,
    process: dict[str, str],
    steps: int = 8,
    autoencoder: str = "",
    family: str = "photos",
) -> Path:
    """An untrained U-Net with the curves of a training that never was, in pixel space or on latents of 4 x 16 x 16."""
    torch.manual_seed(0)
    size, channels = (16, 4) if autoencoder else (64, 3)
    network = networks.create("small_unet", size, channels, 6, widths=[16, 16], attention=0)
    card = {
        "family": family,
        "image_size": 64,
        "prediction": prediction,
        "process": process,
        "autoencoder": autoencoder,
    }
    history = History(VariancePreserving().levels(2))
    history.losses = [float(step) for step in range(steps)]
    for step in range(4, steps + 1, 4):
        images = torch.zeros(8, 3, 16, 16)
        record = Record(torch.full((8,), 0.1 * step), images, None, None, torch.full((3,), 1 / step))
        history.add(step, record)
    about = {"study": "training", "parameters": json.dumps({"prediction": prediction})}
    networks.save_network(network, folder, {**card, "recipe": {"steps": steps}, "seconds": 3}, history.files(about))
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    monkeypatch.delenv("SPECTRAL_COLLAPSE_DATA", raising=False)
    return tmp_path


@pytest.fixture
def two(home: Path) -> list[str]:
    """One with a process of each kind, the second trained for longer."""
    checkpoint(paths.checkpoints() / "photos-edm", "edm", VE, 16)
    checkpoint(paths.checkpoints() / "photos", "epsilon", VP)
    return ["photos", "photos-edm"]


@pytest.mark.parametrize("process", [VariancePreserving(), VarianceExploding()])
def test_the_error_of_a_perfect_denoiser_is_the_posterior_variance(process: Process) -> None:
    variance, levels = 0.5, training.nearest_levels(process)
    denoiser = GaussianDenoiser(process, {1: torch.full((32, 32), variance)})
    clean = variance**0.5 * torch.randn(16, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    found = training.predictor_error(denoiser, clean, 1, levels, variance).mean(1)
    # var(x0 | x) = S sigma^2 / (alpha^2 S + sigma^2); 65,536 squares have a relative error of 0.6 %, 5 of them here
    expected = [level.sigma**2 / (level.alpha**2 * variance + level.sigma**2) for level in levels]
    np.testing.assert_allclose(found, expected, rtol=0.03)


@pytest.mark.parametrize("process", [VariancePreserving(), VarianceExploding()])
def test_the_optimal_denoiser_responds_as_a_wiener_filter(process: Process) -> None:
    variance, levels = 0.5, training.nearest_levels(process)
    denoiser = GaussianDenoiser(process, {1: torch.full((32, 32), variance)})
    clean = variance**0.5 * torch.randn(8, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    found = training.noise_response(denoiser, clean, 1, levels)
    # it is linear: whatever the image, the response is the factor of the noise, up to float32
    expected = [level.sigma**2 / (level.alpha**2 * variance + level.sigma**2) for level in levels]
    np.testing.assert_allclose(found, np.outer(expected, np.ones(8)), rtol=2e-3)


def test_noise_grows_in_sampling_as_the_response_says() -> None:
    """A network that notices a share m of a change, in many small steps, against the power law."""
    process, share = VarianceExploding(), 0.7
    levels = process.levels(2000)[::-1]
    noise = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    x = 1.01 * levels[0].sigma * noise
    for level, following in itertools.pairwise(levels):
        size = (x / level.sigma / noise).mean()
        predicted = (1 + share * (size - 1)) * noise
        x = sampling.ode_step(Prediction(predicted, x - level.sigma * predicted), following)
    size = (x / levels[-1].sigma / noise).mean().item()
    expected = 0.01 * (levels[0].sigma / levels[-1].sigma) ** (1 - share)
    assert size - 1 == pytest.approx(expected, rel=0.01)  # 2000 Euler steps over ten e-foldings


@pytest.mark.parametrize("process", [VariancePreserving(), VarianceExploding()])
def test_levels_have_the_noise_ratios_asked_for(process: Process) -> None:
    found = [level.sigma / level.alpha for level in training.nearest_levels(process)]
    # the first of 1000 trained timesteps has 0.029, the last 14.6; neighbours lie at most 12 % apart
    np.testing.assert_allclose(found, training.RATIOS, rtol=0.12)


def test_a_study_of_all_networks_that_ship(two: list[str], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = training.run("photos_x8", "smoke", progress=False)
    assert study["model"].data.tolist() == two
    assert study["steps"].data.tolist() == [8, 16]
    assert all(np.isfinite(study[name]).all() for name in study.data_vars if name not in ("psnr_ceiling", "kid"))
    assert study["checkpoint"].data.tolist() == [str(home / "checkpoints" / name) for name in two]
    # in pixel space nothing is lost: decoding is a clamp
    np.testing.assert_array_equal(study["s_hf_ceiling"], study["s_hf_real"].expand_dims(model=2))
    np.testing.assert_array_equal(study["excess_ceiling"], study["excess_real"].expand_dims(model=2))
    np.testing.assert_allclose(study["reconstructed_power"][0], study["target_power"])
    assert np.isnan(study["psnr_ceiling"]).all()
    draws = study["s_hf_noise"].sel(model="photos")
    assert not np.allclose(draws.sel(draw=0), draws.sel(draw=1))
    assert "4 real test images" in training.setting(study)
    lines = training.verdict(study).splitlines()
    assert [line.split("**")[1] for line in lines] == ["Test targets", *two]  # no autoencoder to speak of
    assert f"{np.exp(study['excess_real'].mean().item()):.2f} [" in lines[0]
    error = study["error"].sel(model="photos", domain="source").isel(level=-1).mean("sample")
    times = float(error.sel(predictor="network") / error.sel(predictor="closed form"))
    assert f"{times:.2f} [" in training.learnt(study).splitlines()[2].split(",")[-2]
    monkeypatch.delattr(training, "_measure")  # so the second one is read
    xr.testing.assert_identical(training.run("photos_x8", "smoke", two, progress=False), study)
    turned = training.run("photos_x8", "smoke", two[::-1], progress=False)
    xr.testing.assert_identical(turned.sel(model=two), study)
    assert turned["model"].data.tolist() == two[::-1]
    assert not (home / "results" / "parts").exists()


def test_a_network_on_latents_is_judged_through_its_autoencoder(home: Path) -> None:
    autoencoder = networks.small_autoencoder((16, 16, 16))
    with torch.no_grad():
        autoencoder.decoder.conv_out.weight.zero_()
        autoencoder.decoder.conv_out.bias.copy_(torch.tensor([0.5, 0.0, -0.5]))  # whatever it is given, one colour
    kind = {"family": "autoencoder", "image_size": 64, "prediction": None, "process": None, "autoencoder": None}
    networks.save_network(autoencoder, paths.checkpoints() / "flat", kind)
    checkpoint(paths.checkpoints() / "photos", "epsilon", VP, autoencoder="flat")
    study = training.run("photos_x8", "smoke", progress=False).isel(model=0)
    assert (study["space"].item(), study["autoencoder"].item()) == ("latents", "flat")
    for stage in ("ceiling", "translated", "noise"):
        assert not study[f"s_hf_{stage}"].any()  # no detail at all
        assert (study[f"excess_{stage}"] == -np.inf).all()
    held = study["real_image"].astype(float) / 127.5 - 1
    wrong = ((held - np.array([0.5, 0.0, -0.5])) ** 2).mean(("row", "col", "rgb"))
    # weights in half precision and pictures in bytes: 0.01 dB
    np.testing.assert_allclose(study["psnr_ceiling"][:2], 10 * np.log10(4 / wrong), atol=0.01)
    np.testing.assert_allclose(study["reconstructed_power"], 0, atol=1e-9)


def test_the_filter_is_fitted_to_the_domain_that_it_judges(two: list[str]) -> None:
    study = training.run("photos_x8", "smoke", ["photos"], progress=False).isel(model=0)
    filtered = study["error"].sel(predictor="closed form").mean("sample")
    # at much noise the mean is all there is to say: an error of about 1 for test images that are like the others
    np.testing.assert_allclose(filtered.isel(level=-1), 1, atol=0.6)
    assert (filtered.diff("level") > 0).all()
    # thumbnails are smoother than photographs, so a filter recovers them better
    assert (filtered.sel(domain="source") < filtered.sel(domain="target"))[:3].all()


def test_others_are_judged_on_a_data_set_of_their_own(two: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint(paths.checkpoints() / "bbbc021", "epsilon", VP, family="bbbc021")
    card = checkpoint(paths.checkpoints() / "bbbc021-large", "epsilon", VP, family="bbbc021") / "card.json"
    card.write_text(card.read_text().replace('"image_size": 64', '"image_size": 256'))
    (paths.checkpoints() / ".half-written").mkdir()
    (paths.checkpoints() / ".half-written" / "card.json").write_text("{")
    asked = []
    monkeypatch.setattr(training, "run", lambda *args, **named: asked.append((args, named)))
    training.others(xr.Dataset(attrs={"family": "photos"}), "smoke", "there", progress=False)
    # edges2shoes has none that ships, and one of the cells' is for larger images
    assert asked == [(("bbbc021_x8", "smoke", ["bbbc021"]), {"root": "there", "progress": False})]


def test_an_interrupted_study_goes_on(two: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    measure, seen = training._measure, []

    def once(given: training.Candidate, images: training.Images) -> dict[str, np.ndarray]:
        if seen:
            raise KeyboardInterrupt
        seen.append(given.model.card["prediction"])
        return measure(given, images)

    monkeypatch.setattr(training, "_measure", once)
    with pytest.raises(KeyboardInterrupt):
        training.run("photos_x8", "smoke", progress=False)
    seen.clear()
    training.run("photos_x8", "smoke", progress=False)
    assert seen == ["edm"]


def test_the_networks_that_ship_are_found_in_the_order_of_the_recipes(two: list[str]) -> None:
    checkpoint(paths.checkpoints() / "a-guest", "velocity", VP)
    assert training.shipped("photos") == [*two, "a-guest"]
    assert training.shipped("bbbc021") == []
    (paths.checkpoints() / "photos" / "card.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"photos/card.json' is no readable card"):
        training.shipped("photos")


def test_curves_of_runs_of_different_lengths_lie_side_by_side(two: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "BIN", 4)
    bare = checkpoint(paths.runs() / "mine" / "model", "epsilon", VP)
    (bare / "training.nc").unlink()
    study = xr.Dataset(coords={"model": [*two, "mine"], "checkpoint": ("model", [*two, str(bare)])})
    found = training.curves(study)
    assert found["model"].data.tolist() == two
    # losses 0, 1, 2, ... in bins of four
    np.testing.assert_allclose(found["train_loss"], [[1.5, 5.5, np.nan, np.nan], [1.5, 5.5, 9.5, 13.5]])
    np.testing.assert_allclose(found["s_hf"].mean("sample")[0], [0.4, 0.8, np.nan, np.nan])
    assert training.curves(study.isel(model=[2])).sizes["model"] == 0
    # none of these kept its errors per band
    assert not training.recorded(found, "photos")


def test_curves_of_old_and_new_runs_lie_side_by_side(two: list[str]) -> None:
    checkpoint(paths.checkpoints() / "photos-dit", "epsilon", VP)
    errors = np.arange(4 * 3 * 3 * 2 * 5, dtype=float).reshape(4, 3, 3, 2, 5)
    for name, steps in (("photos-edm", 4), ("photos-dit", 2)):
        file = paths.checkpoints() / name / "training.nc"
        run = results.read(file)
        run["noise_error"] = ("step", "level", "band", "domain", "pair"), errors[:steps]
        file.write_bytes(bytes(run.to_netcdf(engine="h5netcdf")))
    names = ["photos-edm", "photos", "photos-dit"]
    found = training.curves(xr.Dataset(coords={"model": names, "checkpoint": ("model", names)}))
    assert [training.recorded(found, name) for name in (*names, "nobody")] == [True, False, True, False]
    np.testing.assert_array_equal(found["noise_error"].sel(model="photos-edm"), errors)
    np.testing.assert_array_equal(found["noise_error"].sel(model="photos-dit").isel(step=slice(2)), errors[:2])
    np.testing.assert_allclose(found["ratio"].sel(model="photos-edm"), run["sigma_over_alpha"])


def test_half_is_learnt_halfway_between_no_noise_and_the_end() -> None:
    steps = np.array([1.0, 10.0, 100.0, 1000.0])
    linear = 1 - 0.6 * np.log10(steps) / 3  # in the logarithm of the step, which interpolation takes it for
    late = np.array([1.5, 1.0, 1.0, 0.2])  # half is 0.6, in the middle of the last decade
    early = np.array([0.4, 0.3, 0.2, 0.2])  # there at the first look
    found = training.half_learnt(np.stack([linear, late, early], 1), steps)
    np.testing.assert_allclose(found, [10**1.5, 10**2.5, 1.0])


def test_bands_of_which_nothing_is_learnt_are_left_out() -> None:
    random = np.random.default_rng(0)
    errors = np.empty((4, 2, 3, 2, 6))  # steps 1, 10, 100, 1000; levels; bands; domains; pairs
    errors[:] = np.array([1.0, 0.9, 0.6, 0.2]).reshape(4, 1, 1, 1, 1)  # half, 0.6, at step 100
    errors[:, 0, :2] = 1.0
    errors[:, 0, 2] = np.array([1.0, 0.6, 0.4, 0.2]).reshape(4, 1, 1)  # at step 10
    errors += random.normal(0, 1e-6, errors.shape)
    dims = ("model", "step", "level", "band", "domain", "pair")
    runs = xr.Dataset(
        {"noise_error": (dims, errors[None]), "ratio": (("model", "level"), [[0.03, 1.0]])},
        {"model": ["mine"], "step": [1, 10, 100, 1000], "band": list(BANDS), "domain": list(training.DOMAINS)},
    )
    found = training.learnt_first(runs, "mine")
    bands = [(0.03, "high"), (1.0, "low"), (1.0, "middle"), (1.0, "high"), (1.0, "high over low")]
    assert list(zip(found["ratio"], found["band"], strict=True)) == bands
    np.testing.assert_allclose(found[["mean", "low", "high"]], np.outer([10, 100, 100, 100, 1], np.ones(3)), rtol=1e-4)
    np.testing.assert_allclose(found["error"][:4], 0.2, atol=1e-5)
    assert "- sigma / alpha = 0.03: high 10 [10, 10]" in training.bias(runs, "mine")
    assert training.bias(runs, "another").startswith("another has no record of its errors per frequency")


def shared_and_alone(
    errors: dict[str, np.ndarray], s_hf: dict[str, np.ndarray], **differing: dict[str, object]
) -> None:
    """Records of `photos` and `photos-x8only` whose last errors (level, band, domain, pair) and scores are these."""
    for name, folder in (("photos", paths.checkpoints()), ("photos-x8only", paths.records())):
        values = errors[name]
        recipe = {"name": name, "recipe": name, "datasets": name, "data": name, "steps": 8} | differing.get(name, {})
        record = xr.Dataset(
            {
                "noise_error": (("step", "level", "band", "domain", "pair"), np.stack([np.ones_like(values), values])),
                "s_hf": (("step", "sample"), np.stack([np.zeros_like(s_hf[name]), s_hf[name]])),
                "train_loss": ("iteration", [1.0, 0.5]),
            },
            {"sigma_over_alpha": ("level", [0.1, 2.0]), "domain": list(training.DOMAINS)},
            results.provenance(study="training", parameters=json.dumps(recipe), data_source="real", origin="made up"),
        )
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / FILE).write_bytes(results.encode(record))
        (folder / name / "config.json").write_text("{}")


def test_sharing_costs_the_quotient_of_two_errors(home: Path) -> None:
    alone = np.random.default_rng(0).uniform(0.5, 1, (2, 3, 2, 6))
    cost = np.array([[1.5, 1.0], [1.2, 0.8]])  # level, domain
    errors = {"photos-x8only": alone, "photos": alone * cost[:, None, :, None]}
    scores = {"photos-x8only": np.full(4, 0.75), "photos": np.full(4, 0.5)}
    shared_and_alone(errors, scores)
    found = training.sharing()
    assert found[["network", "alone"]].drop_duplicates().to_numpy().tolist() == [["photos", "photos-x8only"]]
    assert list(zip(found["domain"], found["ratio"], strict=True)) == [
        ("source", 0.1),
        ("source", 2.0),
        ("target", 0.1),
        ("target", 2.0),
    ]
    # both errors of an image differ by one factor, so no draw of images changes the quotient
    np.testing.assert_allclose(found[["mean", "low", "high"]], np.outer(cost.T.ravel(), np.ones(3)))
    lines = training.sharing_verdict().splitlines()
    sums = alone.mean((1, 3))  # level, domain
    times = (sums * cost).sum(0) / sums.sum(0)
    assert f"**photos** (real images, 6 pairs) has {times[0]:.3f} [" in lines[0]
    assert f" on sources and {times[1]:.3f} [" in lines[0]
    assert "is 0.500, against 0.750: a difference of -0.250 [-0.250, -0.250]" in lines[0]
    assert lines[1] == "- **bbbc021** and bbbc021-x8only have no records that can be compared."


def test_a_trainings_pairs_are_known_by_the_photograph_that_they_were_cut_from(home: Path) -> None:
    alone = np.random.default_rng(0).uniform(0.5, 1, (2, 3, 2, 16))
    errors = {"photos-x8only": alone, "photos": alone * np.random.default_rng(1).uniform(0.9, 1.1, alone.shape)}
    scores = dict.fromkeys(errors, np.ones(4))
    photos = {"datasets": ["photos_x8"], "size": 64}
    shared_and_alone(errors, scores, **dict.fromkeys(errors, photos))
    test = datasets.load("photos_x8", "test", 64)
    clusters = [test.clusters[i * len(test) // 64] for i in range(16)]
    study = xr.Dataset(coords={"model": ["photos"], "checkpoint": ("model", [str(paths.checkpoints() / "photos")])})
    assert training.curves(study)["pair_group"].to_numpy().tolist() == clusters
    assert f"16 pairs from {len(set(clusters))} pictures" in training.sharing_verdict()
    known = training.sharing()
    # rendered pairs are independent
    cells = {"datasets": ["bbbc021_x8"], "size": 64}
    shared_and_alone(errors, scores, **dict.fromkeys(errors, cells))
    single = training.sharing()
    np.testing.assert_array_equal(known["mean"], single["mean"])
    assert (known["high"] != single["high"]).all()
    assert "16 pairs)" in training.sharing_verdict()


def test_trainings_that_differ_in_more_than_their_data_are_not_compared(home: Path) -> None:
    errors, scores = np.ones((2, 3, 2, 6)), np.ones(4)
    both = {"photos": errors, "photos-x8only": errors}
    shared_and_alone(both, dict.fromkeys(both, scores), photos={"steps": 9})
    assert training.sharing().empty
    assert training.sharing_verdict().splitlines()[0].endswith("photos-x8only have no records that can be compared.")
    shared_and_alone(both, dict.fromkeys(both, scores))
    assert len(training.sharing()) == 4


def test_a_run_is_called_by_its_name(two: list[str]) -> None:
    mine = checkpoint(paths.runs() / "mine" / "model", "epsilon", VP)
    assert list(training._chosen("photos_x8", ["photos", str(mine)])) == ["photos", "mine"]
    with pytest.raises(InvalidParameterError, match="checkpoints must have different names; photos, photos were given"):
        training.run("photos_x8", "smoke", ["photos", paths.checkpoints() / "photos"])
    for wrong in ("photos", []):
        with pytest.raises(InvalidParameterError, match="checkpoints must be a list of names or folders, one at least"):
            training.run("photos_x8", "smoke", wrong)


def test_a_network_of_another_family_is_refused(two: list[str]) -> None:
    with pytest.raises(CheckpointError, match="the checkpoint is for family 'photos'"):
        training.run("bbbc021_x8", "smoke", ["photos"])


def test_without_any_network_the_missing_one_is_named(home: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint 'photos'"):
        training.run("photos_x8", "smoke")


def grey(count: int, std: float, seed: int, mean: float = 0.3) -> torch.Tensor:
    """White images N x 3 x 64 x 64 around a grey."""
    return mean + std * torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


def candidate() -> training.Candidate:
    """Latents are images times two, decoding halves the contrast; the network thinks all images have no bound."""
    flat = torch.full((64, 64), 1e9)
    model = SimpleNamespace(
        denoiser=GaussianDenoiser(VariancePreserving(), {SOURCE: flat, TARGET: flat}),
        autoencoder=object(),
        encode=lambda images: 2 * images,
        decode=lambda latents: latents / 4,
    )
    made = training.Candidate(datasets.info("photos_x8"), model, None, None, profile_named("smoke"), [0, 1], {})
    made.__dict__["pair"] = Pair(grey(4, 0.02, 11), grey(4, 0.05, 12))
    return made


def test_draws_and_translations_have_their_labels_and_no_guidance(monkeypatch: pytest.MonkeyPatch) -> None:
    given = candidate()
    sample = create_autospec(training.sample, side_effect=lambda _, noise, *__, **___: noise)
    translate = create_autospec(training.translate, return_value=SimpleNamespace(images="images", latents="latents"))
    monkeypatch.setattr(training, "sample", sample)
    monkeypatch.setattr(training, "translate", translate)
    first, second = given.drawn(0), given.drawn(1)
    noise = torch.randn(given.encoded.shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(first, noise / 4)  # decoded
    assert not torch.allclose(first, second)
    assert sample.call_args.args[2:] == (TARGET, given.size.num_steps)
    assert not sample.call_args.kwargs
    assert given.translated == ("images", "latents")
    model, method, images, label = translate.call_args.args
    assert (model, type(method).__name__, images, label) == (given.model, "Standard", given.pair.source, SOURCE)
    assert translate.call_args.kwargs == {"num_steps": given.size.num_steps}


def test_sampling_that_is_linear_has_an_elasticity_of_two() -> None:
    random = np.random.default_rng(0)
    norms = np.exp(random.normal(0, 0.02, (2, 3, 200)))  # model, draw, drawn
    content = random.normal(0, 0.01, norms.shape)
    energies = np.array([2, -50])[:, None, None] * np.log(norms) + content
    dims = ("model", "draw", "drawn")
    study = xr.Dataset(
        {
            "norm_noise": (dims, norms),
            "excess_noise": (dims, energies),
            "response": (("model", "predictor", "level", "sample"), np.full((2, 2, 3, 4), 0.5)),
            "ratio": (("model", "level"), [[0.1, 1.0, 10.0]] * 2),
        },
        {"model": ["linear", "steep"], "predictor": ["network", "closed form"]},
    )
    found = training.norm_sensitivity(study).set_index(["network", "measure"])
    # standard error of a slope over 600: 0.01 / 0.02 / sqrt(600) = 0.02
    assert found.loc[("linear", "elasticity"), "mean"] == pytest.approx(2, abs=0.08)
    assert found.loc[("steep", "elasticity"), "mean"] == pytest.approx(-50, abs=0.08)
    wide = found["high"] - found["low"]
    assert wide["linear", "elasticity"] == pytest.approx(2 * 1.96 * 0.02, rel=0.2)
    # 2 x 0.02 of signal beside 0.01 of content
    assert found.loc[("linear", "correlation"), "mean"] == pytest.approx(0.04 / 0.0017**0.5, abs=0.01)
    assert found.loc[("steep", "correlation"), "mean"] == pytest.approx(-1, abs=1e-3)
    # half of a change is noticed, over two decades: (10 / 0.1)^(1 - 0.5)
    np.testing.assert_allclose(training.amplification(study, "linear"), [10, 10, 10])


def test_what_is_measured_of_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    given = candidate()
    held = given.pair.target
    images = training.Images(grey(8, 0.04, 2), grey(8, 0.1, 3), held, metrics.hf_reference(grey(8, 0.1, 3)))
    draws = [grey(4, 0.03, 4 + seed) for seed in range(given.size.seeds)]
    translated, latents = grey(4, 0.07, 9), torch.randn(4, 4, 16, 16, generator=torch.Generator().manual_seed(10))
    given.__dict__["translated"] = translated, latents
    monkeypatch.setattr(training.Candidate, "drawn", lambda _, seed: draws[seed])
    monkeypatch.setattr(training, "SWD_REFERENCES", 4)
    kid = create_autospec(training.evaluate, return_value={"kid": xr.DataArray(0.5)})
    monkeypatch.setattr(training, "evaluate", kid)
    found = training._measure(given, images)
    again = held / 2
    assert found["kid"] == 0.5
    torch.testing.assert_close(kid.call_args.kwargs, {"images": torch.cat(draws), "reference_set": images.targets})
    expected = {
        "s_hf_noise": torch.stack([metrics.s_hf(one, images.reference) for one in draws]),
        "s_hf_translated": metrics.s_hf(translated, images.reference),
        "s_hf_ceiling": metrics.s_hf(again, images.reference),
        "excess_noise": torch.stack([metrics.hf_excess(one, images.reference) for one in draws]),
        "excess_translated": metrics.hf_excess(translated, images.reference),
        "excess_ceiling": metrics.hf_excess(again, images.reference),
        "psnr_ceiling": metrics.psnr(again, held),
        "s_dc": metrics.s_dc(latents),
        "norm_noise": torch.stack([given.noise(seed).double().square().mean((1, 2, 3)).sqrt() for seed in (0, 1)]),
        "norm_translated": latents.double().flatten(1).norm(dim=1) / 1024**0.5,
        "white_s_dc": white_noise_level(4),
        "swd": [metrics.sliced_wasserstein(one, images.targets[[0, 2, 4, 6]]).score for one in draws],
        "reconstructed_power": radial_spectrum(again)[1][:, 1:],
        "image": common.pictures(draws[0][: given.size.shown]),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, err_msg=name)
    # the network says clean = x / alpha, so its error is (sigma / alpha)^2; the closed form shrinks towards
    # the training images' mean by k alpha, k = alpha V / (alpha^2 V + sigma^2), V their variance and W the test's
    levels = training.nearest_levels(given.model.denoiser.process)
    alpha, sigma = (np.array([getattr(level, name) for level in levels]) for name in ("alpha", "sigma"))
    for domain, known, tested in (("source", 0.04, 0.02), ("target", 0.1, 0.05)):
        v, w = (2 * known) ** 2, (2 * tested) ** 2
        k = alpha * v / (alpha**2 * v + sigma**2)
        fitted = (k**2 * sigma**2 + (1 - k * alpha) ** 2 * w) / v
        errors = found["error"][:, training.DOMAINS.index(domain)].mean(-1)
        # 8 images of 12288 numbers: 0.5 % on the variance, and the spectrum is of 24 numbers per coefficient
        np.testing.assert_allclose(errors, [(sigma / alpha) ** 2 / v, fitted], rtol=0.05)


def test_networks_are_judged_against_images_of_the_training_split() -> None:
    pattern = grey(1, 0.05, 0)[0]
    pattern = pattern - pattern.mean()

    class Tagged:
        """Image i has a mean of i / 100 as a source, of -i / 100 as a target."""

        images = SimpleNamespace(source=lambda i: pattern + i / 100, target=lambda i: pattern - i / 100)

        def __len__(self) -> int:
            return 40

        @staticmethod
        def is_target(index: int) -> bool:
            return index % 3 == 0

    given = candidate()
    given.__dict__["train"] = Tagged()
    found = training._images(given)
    assert found.held is given.pair.target
    assert {round(float(one.mean()) * 100) for one in found.sources} <= {i for i in range(40) if i % 3}
    assert {round(float(one.mean()) * -100) for one in found.targets} <= {i for i in range(40) if i % 3 == 0}
    assert len(found.sources) == given.size.reference // 2


@pytest.fixture
def result() -> xr.Dataset:
    """The part of a result that sentences are made of: one network with an autoencoder, 200 images."""
    noise = np.random.default_rng(0).normal(0, 0.01, (2, 200))
    errors = np.array([[2.0, 3.0, 4.0, 5.0], [1.0, 1.0, 1.0, 1.0]])[None, :, None, :, None]
    return xr.Dataset(
        {
            "excess_real": ("sample", -0.2 + noise[0]),
            "excess_ceiling": (("model", "sample"), -0.7 + noise[:1]),
            "psnr_ceiling": (("model", "sample"), 20 + 0 * noise[:1]),
            "excess_noise": (("model", "draw", "drawn"), -0.5 + noise[None]),
            "excess_translated": (("model", "sample"), -1.5 + noise[1:]),
            "s_dc": (("model", "sample"), 0.9 + 0 * noise[:1]),
            "white_s_dc": ("model", [0.987]),
            "error": (("model", "predictor", "domain", "level", "sample"), errors * np.ones((1, 2, 2, 4, 200))),
            "ratio": (("model", "level"), [[0.03, 0.5, 1.0, 14.0]]),
        },
        {
            "model": ["mine"],
            "autoencoder": ("model", ["small"]),
            "domain": list(training.DOMAINS),
            "predictor": ["network", "closed form"],
        },
        {"data_source": "rendered"},
    )


def test_the_verdict_says_what_is_lost_where(result: xr.Dataset) -> None:
    real, autoencoder, network = training.verdict(result).splitlines()
    # e to the power of -0.2, of -0.7 + 0.2, of -0.5, of -1.5, of -1.5 + 0.5; deviations of 0.01 in 200 to 400 images
    assert real.startswith("- **Test targets** (rendered) have 0.82 [0.82, 0.82] times the usual")
    assert "`small` leaves 0.61 [0.61, 0.61] of that of test targets, at 20.0 [20.0, 20.0] dB" in autoencoder
    assert "with 0.61 [0.61, 0.61] times the usual energy from white noise and 0.22 [0.22, 0.22] times" in network
    assert "from inverted sources, 0.37 [0.37, 0.37] times as much." in network
    assert "S_DC of 0.900 [0.900, 0.900] (white noise 0.987)" in network
    result["excess_translated"] = ("model", "sample"), result["excess_noise"].isel(draw=0).to_numpy()
    assert "not told apart" in training.verdict(result)


def test_the_network_is_compared_at_the_lowest_middle_and_highest_noise(result: xr.Dataset) -> None:
    line = training.learnt(result).splitlines()[-1]
    assert line == "- **mine**: 2.00 [2.00, 2.00] at 0.03, 4.00 [4.00, 4.00] at 1, 5.00 [5.00, 5.00] at 14"


def test_sources_and_targets_are_learnt_at_their_own_steps() -> None:
    steps, fast = [1, 10, 100, 1000], np.array([1.0, 0.5, 0.2, 0.2])
    errors = np.ones((2, 4, 2, 3, 2, 6))  # runs, steps, levels, bands, domains, pairs
    errors[0, ..., 0, :] = fast.reshape(4, 1, 1, 1)  # sources: half, 0.6, before step 10
    errors[0, :, 0, :, 1] = np.array([1.0, 0.7, 0.5, 0.9]).reshape(4, 1, 1)  # forgotten again, so not learnt
    errors[0, :, 1, :, 1] = np.array([1.0, 1.0, 0.6, 0.2]).reshape(4, 1, 1)
    errors[1] = np.nan
    errors[1, :2, :, :2] = 0.5  # a run that was looked at twice, and whose third band is missing
    runs = xr.Dataset(
        {
            "noise_error": (("model", "step", "level", "band", "domain", "pair"), errors),
            "ratio": (("model", "level"), [[0.03, 1.0], [0.1, 2.0]]),
        },
        {"model": ["mine", "short"], "step": steps, "band": list(BANDS), "domain": list(training.DOMAINS)},
    )
    found = training.learnt_first(runs, "mine")
    np.testing.assert_allclose(found["mean"], [10**0.8, 10**0.8, 10**0.8, 1] * 2)
    found = training.learnt_first(runs, "mine", "target")
    assert found["ratio"].tolist() == [1.0] * 4
    np.testing.assert_allclose(found["mean"], [100, 100, 100, 1])
    assert training.recorded(runs, "short")
    runs["noise_error"][1] = np.nan
    assert not training.recorded(runs, "short")


def test_another_network_of_the_same_name_is_another_result(two: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def stored(given: training.Candidate, study: str) -> xr.Dataset:
        seen.append(dict(given.parameters))
        return xr.Dataset(coords={"model": two})

    monkeypatch.setattr(training.Candidate, "stored", stored)
    training.run("photos_x8", "smoke", progress=False)
    card = paths.checkpoints() / "photos" / "card.json"
    card.write_text(card.read_text().replace('"epsilon"', '"velocity"'))  # the same weights, read otherwise
    training.run("photos_x8", "smoke", progress=False)
    first, second = seen
    assert list(first["checkpoint"]) == two
    assert first["checkpoint"]["photos"] != second["checkpoint"]["photos"]
    assert first | {"checkpoint": 0} == second | {"checkpoint": 0}
    assert first["checkpoint"]["photos-edm"] == second["checkpoint"]["photos-edm"]
    assert {"seeds", "weights"} <= set(first)


def test_curves_have_the_errors_of_the_noise_and_their_ratios(home: Path) -> None:
    folder = checkpoint(paths.checkpoints() / "photos", "epsilon", VP)
    levels = VariancePreserving().levels(2)
    history = History(levels)
    history.losses = [1.0] * 4
    errors = torch.arange(3.0 * 3 * 2 * 2).reshape(3, 3, 2, 2)
    history.add(4, Record(torch.zeros(8), torch.zeros(8, 3, 16, 16), None, None, torch.ones(3), errors))
    (folder / FILE).write_bytes(history.files({"study": "training", "parameters": "{}"})[FILE])
    found = training.curves(xr.Dataset(coords={"model": ["photos"], "checkpoint": ("model", ["photos"])}))
    np.testing.assert_allclose(found["ratio"].sel(model="photos"), [level.sigma / level.alpha for level in levels])
    place = {"model": "photos", "step": 4, "level": 2, "band": list(BANDS)[1], "domain": "target", "pair": 0}
    assert float(found["noise_error"].sel(place)) == errors[2, 1, 1, 0]
    assert training.recorded(found, "photos")
