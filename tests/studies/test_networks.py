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

from spectral_collapse import datasets, metrics, paths, sampling
from spectral_collapse import networks as library
from spectral_collapse.datasets import TARGET, Pair
from spectral_collapse.denoisers import GaussianDenoiser, Prediction
from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.metrics import radial_spectrum
from spectral_collapse.metrics.s_dc import white_noise_level
from spectral_collapse.networks.checkpoints import Model, called, shipped
from spectral_collapse.processes import Process, VarianceExploding, VariancePreserving
from spectral_collapse.studies import common, networks
from spectral_collapse.studies.networks import NetworksParameters
from spectral_collapse.studies.request import Request
from tests.each import each
from tests.gaussian import PROCESSES

from ..networks_study import VP, checkpoint, two_checkpoints

pytestmark = pytest.mark.usefixtures("home")

SOURCE = datasets.info("photos_x8").source_label


def run(**given: object) -> xr.Dataset:
    return networks.STUDY.run(executor="here", progress=False, profile="smoke", **given)


@pytest.fixture
def two(home: Path) -> list[str]:
    return two_checkpoints()


@each("process", PROCESSES)
def test_a_perfect_denoiser_errs_by_the_posterior_variance_and_responds_as_a_wiener_filter(process: Process) -> None:
    variance, levels = 0.5, networks.nearest_levels(process)
    # the first of 1000 trained timesteps has 0.029, the last 14.6; neighbours lie at most 12 % apart
    np.testing.assert_allclose([level.ratio for level in levels], networks.RATIOS, rtol=0.12)
    denoiser = GaussianDenoiser(process, {1: torch.full((32, 32), variance)})
    clean = variance**0.5 * torch.randn(16, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    # var(x0 | x) = S sigma^2 / (alpha^2 S + sigma^2); 65,536 squares have a relative error of 0.6 %, 5 of them here
    expected = [level.sigma**2 / (level.alpha**2 * variance + level.sigma**2) for level in levels]
    np.testing.assert_allclose(
        networks.predictor_error(denoiser, clean, 1, levels, variance).mean(1), expected, rtol=0.03
    )
    # it is linear: whatever the image, the response is the factor of the noise, up to float32
    found = networks.noise_response(denoiser, clean, 1, levels)
    np.testing.assert_allclose(found, np.outer(expected, np.ones(16)), rtol=2e-3)


def test_what_the_noisiest_level_keeps_of_a_mean() -> None:
    images = torch.full((4, 3, 64, 64), 0.5) + torch.tensor([-0.1, 0.1, -0.1, 0.1]).view(4, 1, 1, 1)
    for betas, kept in (({}, 0.0762), ({"schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02}, 0.0077)):
        level = VariancePreserving(**betas).levels(50)[-1]
        # sqrt(3 x 64 x 64) values of 0.5, times alpha / sigma at t = 981
        assert networks.leak(images, level) == pytest.approx(55.4 * kept, rel=0.02)
    assert networks.leak(torch.zeros(2, 3, 8, 8), level) == 0


def test_from_the_marginal_a_perfect_network_samples_the_data_whatever_its_mean() -> None:
    """From white noise it misses the mean by what the last level keeps of it."""
    process, mean = VariancePreserving(), -0.6
    denoiser = GaussianDenoiser(process, {TARGET: torch.full((16, 16), 0.01)}, {TARGET: torch.tensor(mean)})
    model, images = Model(denoiser, None, {}, ""), mean + 0.1 * torch.randn(64, 3, 16, 16)
    noise = networks.white_noise(images, 0)
    right, wrong = networks._from_marginal(model, images, noise, 50), networks.drawn(model, noise, 50)
    last = process.levels(50)[-1]
    # the deterministic flow scales a shift at the end by the ratio of the standard deviations at both ends
    shift = -last.alpha * mean * (0.1 / (last.alpha**2 * 0.01 + last.sigma**2) ** 0.5)
    assert right.mean().item() == pytest.approx(mean, abs=0.003)  # 0.1 / sqrt(49,152), and 50 steps
    assert wrong.mean().item() - right.mean().item() == pytest.approx(shift, rel=0.5)


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


def test_a_study_of_all_networks_that_ship(two: list[str], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = run(num_steps=2)
    assert study["model"].data.tolist() == two
    assert study["steps"].data.tolist() == [8, 16]
    assert all(np.isfinite(study[name]).all() for name in study.data_vars if name not in ("psnr_ceiling", "kid"))
    # in pixel space nothing is lost: decoding is a clamp
    np.testing.assert_array_equal(study["s_hf_ceiling"], study["s_hf_real"].expand_dims(model=2))
    np.testing.assert_array_equal(study["excess_ceiling"], study["excess_real"].expand_dims(model=2))
    np.testing.assert_allclose(study["reconstructed_power"][0], study["target_power"])
    assert np.isnan(study["psnr_ceiling"]).all()
    draws = study["s_hf_noise"].sel(model="photos")
    assert not np.allclose(draws.sel(draw=0), draws.sel(draw=1))
    # the filter is fitted to the domain that it judges: at much noise the mean is all there is to say, an error of
    # about 1 for test images that are like the others
    filtered = study["error"].sel(model="photos", predictor="closed form").mean("sample")
    np.testing.assert_allclose(filtered.isel(level=-1), 1, atol=0.6)
    assert (filtered.diff("level") > 0).all()
    # thumbnails are smoother than photographs, so a filter recovers them better
    assert (filtered.sel(domain="source") < filtered.sel(domain="target"))[:3].all()
    monkeypatch.delattr(networks, "measured")  # so the second one is read
    xr.testing.assert_identical(run(num_steps=2), study)
    assert not (home / "results" / "parts").exists()


def test_a_network_on_latents_is_judged_through_its_autoencoder(home: Path) -> None:
    autoencoder = library.small_autoencoder((16, 16, 16))
    with torch.no_grad():
        autoencoder.decoder.conv_out.weight.zero_()
        autoencoder.decoder.conv_out.bias.copy_(torch.tensor([0.5, 0.0, -0.5]))  # whatever it is given, one colour
    kind = {"family": "autoencoder", "image_size": 64, "prediction": None, "process": None, "autoencoder": None}
    library.save_network(autoencoder, paths.checkpoints() / "flat", kind)
    checkpoint(paths.checkpoints() / "photos", "epsilon", VP, autoencoder="flat")
    study = run(num_steps=2).isel(model=0)
    assert (study["space"].item(), study["autoencoder"].item()) == ("latents", "flat")
    for stage in ("ceiling", "translated", "noise"):
        assert not study[f"s_hf_{stage}"].any()  # no detail at all
        assert (study[f"excess_{stage}"] == -np.inf).all()
    held = study["real_image"].astype(float) / 127.5 - 1
    wrong = ((held - np.array([0.5, 0.0, -0.5])) ** 2).mean(("row", "col", "rgb"))
    # weights in half precision and pictures in bytes: 0.01 dB
    np.testing.assert_allclose(study["psnr_ceiling"][:2], 10 * np.log10(4 / wrong), atol=0.01)
    np.testing.assert_allclose(study["reconstructed_power"], 0, atol=1e-9)


def test_others_are_judged_on_a_data_set_of_their_own(two: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for family in ("bbbc021", "textures"):
        checkpoint(paths.checkpoints() / family, "epsilon", VP, family=family)
    checkpoint(paths.checkpoints() / "edges2shoes", "epsilon", VP, family="edges2shoes", image_size=256)
    asked = []
    monkeypatch.setattr(networks, "STUDY", SimpleNamespace(run=lambda **named: asked.append(named)))
    for_all = {"profile": "smoke", "root": "there", "progress": False}
    networks.others(dataset="photos_x16", checkpoints=["photos"], images=2, source="real", **for_all)
    # the shoes' is for larger images
    assert asked == [{"dataset": name} | for_all for name in ("bbbc021_x8", "textures_x8")]
    networks.others(dataset="photos_x16", size=256)
    assert asked[2:] == [{"dataset": "edges2shoes", "size": 256}]


def test_the_networks_that_ship_are_found_with_the_familys_own_first(two: list[str]) -> None:
    checkpoint(paths.checkpoints() / "a-guest", "velocity", VP)
    (paths.checkpoints() / ".half-written").mkdir()
    (paths.checkpoints() / ".half-written" / "card.json").write_text("{")
    assert shipped("photos", 64) == ["photos", "a-guest", "photos-edm"]
    assert shipped("photos", 256) == shipped("bbbc021", 64) == []
    (paths.checkpoints() / "photos" / "card.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"photos/card.json' is not JSON"):
        shipped("photos", 64)


def test_networks_are_called_by_their_names_and_kept_in_their_order(two: list[str]) -> None:
    mine = checkpoint(paths.runs() / "mine" / "model", "epsilon", VP)
    given = NetworksParameters.checked(profile="smoke", checkpoints=[str(mine), "photos"])
    assert list(Request(given).checkpoints) == ["mine", "photos"]
    assert called(halving()) == "0" * 12
    with pytest.raises(InvalidParameterError, match="checkpoints must have different names; photos, photos were given"):
        run(checkpoints=["photos", paths.checkpoints() / "photos"])
    for wrong in ("photos", []):
        with pytest.raises(InvalidParameterError, match="checkpoints"):
            run(checkpoints=wrong)


def test_without_any_network_the_missing_one_is_named(home: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint 'photos'"):
        run()


def test_another_network_of_the_same_name_is_another_result(two: list[str]) -> None:
    first = json.loads(json.dumps(networks.STUDY.identity(Request(NetworksParameters.checked(profile="smoke")))))
    assert [name for name, _ in first["checkpoints"]] == two
    card = paths.checkpoints() / "photos" / "card.json"
    card.write_text(card.read_text().replace('"epsilon"', '"velocity"'))  # the same weights, read otherwise
    second = networks.STUDY.identity(Request(NetworksParameters.checked(profile="smoke")))
    assert first["checkpoints"][0] != second["checkpoints"][0]
    assert first["checkpoints"][1] == second["checkpoints"][1]
    assert first | {"checkpoints": 0} == second | {"checkpoints": 0}
    assert {"seeds", "weights", "num_steps"} <= set(first)


def test_a_patched_network_is_called_one_in_pixel_space(home: Path) -> None:
    network = library.create("patched_unet", 64, 3, 6, widths=[16, 16], attention=0)
    card = {"family": "photos", "image_size": 64, "prediction": "epsilon", "process": VP, "autoencoder": ""}
    library.save_network(network, paths.checkpoints() / "photos", card)
    about = networks._about(library.load_model("photos"))
    assert (about["network"], about["space"]) == ("U-Net, patched", "pixels")
    assert np.isnan(about["steps"])


def grey(count: int, std: float, seed: int, mean: float = 0.3) -> torch.Tensor:
    """White images N x 3 x 64 x 64 around a grey."""
    return mean + std * torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


class Halving(Model):
    """Latents are images times two, decoding halves the contrast; what cannot be told apart has one hash."""

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        return 2 * images

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return latents / 4


def halving() -> Halving:
    """Its network thinks that images have no bound."""
    flat = torch.full((64, 64), 1e9)
    denoiser = GaussianDenoiser(VariancePreserving(), {SOURCE: flat, TARGET: flat})
    return Halving(denoiser, torch.nn.Identity(), {"family": "photos", "image_size": 64}, "0" * 12)


def request_of(model: Model, **images: object) -> Request[NetworksParameters]:
    made = Request(NetworksParameters.checked(profile="smoke", checkpoints=[model]))
    pair = Pair(grey(4, 0.02, 11), grey(4, 0.05, 12))
    made.__dict__["images"] = SimpleNamespace(info=datasets.info("photos_x8"), pair=pair, **images)
    return made


def test_samples_have_the_label_of_targets_and_no_guidance(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = create_autospec(networks.sample, side_effect=lambda _, noise, *__, **___: noise)
    monkeypatch.setattr(networks, "sample", sample)
    like = torch.zeros(4, 3, 64, 64)
    first, second = (networks.white_noise(like, seed) for seed in (0, 1))
    torch.testing.assert_close(first, torch.randn(like.shape, generator=torch.Generator().manual_seed(0)))
    assert not torch.allclose(first, second)
    torch.testing.assert_close(networks.drawn(halving(), first, 7), first / 4)  # decoded
    assert sample.call_args.args[2:] == (TARGET, 7)
    assert not sample.call_args.kwargs


def test_what_is_measured_of_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    model = halving()
    request = request_of(model)
    held, reference = request.pair.target, metrics.hf_reference(grey(8, 0.1, 3))
    training = {"source": grey(8, 0.04, 2), "target": grey(8, 0.1, 3)}
    draws = [grey(4, 0.03, 4 + seed) for seed in range(request.parameters.seeds)]
    noises = [torch.randn(held.shape, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)]
    made, latents = grey(4, 0.07, 9), torch.randn(4, 4, 16, 16, generator=torch.Generator().manual_seed(10))
    translated = create_autospec(networks.translated, return_value=SimpleNamespace(images=made, latents=latents))
    kid = create_autospec(networks.evaluate, return_value={"kid": xr.DataArray(0.5)})
    request.__dict__["hf_reference"] = reference
    monkeypatch.setattr(networks, "training_images", lambda _: training)
    known = model.encode(training["target"])
    last = model.denoiser.process.levels(5)[-1]
    noised = [(last.alpha * known[[0, 2, 4, 6]] + last.sigma * noise) / last.norm for noise in noises]
    from_noised = [grey(4, 0.05, 11 + seed) for seed in (0, 1)]
    starts = [*zip((*noises, *noised), (*draws, *from_noised), strict=True)]
    monkeypatch.setattr(
        networks, "drawn", lambda _, noise, steps: next(d for n, d in starts if torch.allclose(n, noise, atol=1e-6))
    )
    monkeypatch.setattr(networks, "translated", translated)
    monkeypatch.setattr(networks, "SWD_REFERENCES", 4)
    monkeypatch.setattr(networks, "evaluate", kid)
    found = networks.measured(request, model.hash)
    wanted = ((request.pair.source, SOURCE), (request.pair.target, TARGET))
    for call, (images, label) in zip(translated.call_args_list, wanted, strict=True):
        inverted, method, given, given_label = call.args
        assert (inverted, type(method).__name__, given is images, given_label) == (model, "Standard", True, label)
        assert call.kwargs == {"num_steps": 5}  # without guidance
    asked = {name: kid.call_args.kwargs[name] for name in ("images", "reference_set")}
    torch.testing.assert_close(asked, {"images": torch.cat(draws), "reference_set": training["target"]})
    again = held / 2
    assert found["kid"] == 0.5
    expected = {
        "s_hf_noise": torch.stack([metrics.s_hf(one, reference) for one in draws]),
        "s_hf_translated": metrics.s_hf(made, reference),
        "s_hf_ceiling": metrics.s_hf(again, reference),
        "excess_noise": torch.stack([metrics.hf_excess(one, reference) for one in draws]),
        "excess_translated": metrics.hf_excess(made, reference),
        "excess_ceiling": metrics.hf_excess(again, reference),
        "psnr_ceiling": metrics.psnr(again, held),
        "psnr_own": metrics.psnr(made, held),
        "s_dc": metrics.s_dc(latents),
        "norm_noise": torch.stack([noise.double().square().mean((1, 2, 3)).sqrt() for noise in noises]),
        "norm_translated": latents.double().flatten(1).norm(dim=1) / 1024**0.5,
        "white_s_dc": white_noise_level(4),
        "swd": [metrics.sliced_wasserstein(one, training["target"][[0, 2, 4, 6]]).score for one in draws],
        "swd_marginal": [
            metrics.sliced_wasserstein(one, training["target"][[0, 2, 4, 6]]).score for one in from_noised
        ],
        "leak": known.double().mean(0).norm() * last.alpha / last.sigma,
        "reconstructed_power": radial_spectrum(again)[1][:, 1:],
        "image": common.pictures(draws[0][: request.parameters.shown]),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, err_msg=name)
    # the network says clean = x / alpha, so its error is (sigma / alpha)^2; the closed form shrinks towards
    # the training images' mean by k alpha, k = alpha V / (alpha^2 V + sigma^2), V their variance and W the test's
    levels = networks.nearest_levels(model.denoiser.process)
    alpha, sigma = (np.array([getattr(level, name) for level in levels]) for name in ("alpha", "sigma"))
    for domain, known, tested in (("source", 0.04, 0.02), ("target", 0.1, 0.05)):
        v, w = (2 * known) ** 2, (2 * tested) ** 2
        k = alpha * v / (alpha**2 * v + sigma**2)
        fitted = (k**2 * sigma**2 + (1 - k * alpha) ** 2 * w) / v
        errors = found["error"][:, networks.DOMAINS.index(domain)].mean(-1)
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

    given = request_of(halving(), train=Tagged())
    found = networks.training_images(given)
    assert {round(float(one.mean()) * 100) for one in found["source"]} <= {i for i in range(40) if i % 3}
    assert {round(float(one.mean()) * -100) for one in found["target"]} <= {i for i in range(40) if i % 3 == 0}
    assert len(found["source"]) == given.parameters.reference // 2
