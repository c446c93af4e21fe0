from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from spectral_collapse import networks, paths, results
from spectral_collapse import networks as library
from spectral_collapse.denoisers import NetworkDenoiser
from spectral_collapse.metrics.radial_spectrum import BANDS, band_power
from spectral_collapse.networks import Model
from spectral_collapse.processes import VarianceExploding, VariancePreserving
from spectral_collapse.training import recipes, records
from spectral_collapse.training.history import FILE, History
from spectral_collapse.training.objectives import Corruption, denoising_loss
from spectral_collapse.training.validation import HeldOut, Record, levels_of, validate_denoiser
from tests.training.tiny import tiny_held_out

from ..networks_study import VP, checkpoint, two_checkpoints

ATTRS = {"study": "training", "parameters": "{}"}


def _history(levels: int = 3) -> History:
    history = History(VariancePreserving().levels(levels - 1))
    history.losses = [float(i) for i in range(10)]
    for step in (4, 8):
        images = torch.full((8, 3, 16, 16), step / 8)
        history.add(step, Record(torch.full((8,), 0.5), images, None, None, torch.full((levels,), 1 / step)))
    return history


def _silent() -> torch.nn.Module:
    """A network that answers 0 whatever it is asked."""
    network = networks.small_unet(32, 3, 5, (16, 16), attention=0)
    for weight in network.parameters():
        torch.nn.init.zeros_(weight)
    return network


def test_the_file_has_the_schema_of_results(tmp_path: Path) -> None:
    _history().save(tmp_path, ATTRS)
    found = results.read(tmp_path / FILE)
    assert set(found.dims) == set(found.indexes) == {"iteration", "step", "level", "sample", "row", "col", "rgb"}
    assert all({"long_name", "units"} <= set(variable.attrs) for variable in found.data_vars.values())
    np.testing.assert_allclose(found["loss"].sel(step=4), 1 / 4)
    assert found["sigma_over_alpha"].values[0] == pytest.approx((0.00085 / (1 - 0.00085)) ** 0.5)
    assert found["image"].dtype == np.uint8


def test_a_saved_state_holds_all_of_it_and_one_of_other_steps_is_not_taken_over() -> None:
    before, again = _history(), History(VariancePreserving().levels(2))
    before.losses[3] = 0.1 + 0.2  # no short number
    again.restore(before.tensors(), 10)
    assert again.losses == before.losses
    assert again.dataset().identical(before.dataset())
    fresh = History()
    fresh.restore(History().tensors(), 0)
    assert (fresh.losses, fresh.steps) == ([], [])
    good = _history().tensors()
    for changed in (
        {**good, "train_loss": good["train_loss"][:9]},
        {**good, "loss": good["loss"][:1]},
        {**good, "loss": good["loss"][..., None]},
        {**good, "another": torch.zeros(2)},
        {"train_loss": good["train_loss"]},
        {},
    ):
        with pytest.raises(ValueError, match="history"):
            History().restore(changed, 10)


def test_a_checkpoint_gets_the_curves_and_the_last_samples(tmp_path: Path) -> None:
    files = _history().files(ATTRS)
    (tmp_path / FILE).write_bytes(files[FILE])
    assert "image" not in results.read(tmp_path / FILE)
    (tmp_path / "samples.png").write_bytes(files["samples.png"])
    picture = np.asarray(Image.open(tmp_path / "samples.png"))
    assert picture.shape == (32, 64, 3)
    assert (picture == 255).all()
    assert _history().scores() == {"loss": 0.125, "s_hf": 0.5}


def test_a_network_that_says_nothing_costs_the_power_of_the_noise() -> None:
    """A network of zeros predicts no noise: its loss is 1 at every level; its samples are the scaled latent."""
    network = _silent()
    model = Model(NetworkDenoiser(network, VariancePreserving()), None, {}, "")
    record = validate_denoiser(model, tiny_held_out(recipes.get("photos-pixel", "smoke"), "auto", None))
    assert len(record.loss) == len(levels_of(model.denoiser)) == 10
    # 16 images of 3072 numbers: the mean square has a standard error of sqrt(2 / 49152) = 0.6 %
    torch.testing.assert_close(record.loss, torch.ones(10), rtol=0.03, atol=0)
    # in every band, too: the low one has 3 rings of 8 to 25 coefficients in each of 3 channels of 8 images, 5 %
    assert record.noise_error.shape == (10, 3, 2, 8)
    torch.testing.assert_close(record.noise_error.mean(3), torch.ones(10, 3, 2), rtol=0.2, atol=0)
    assert record.psnr is None
    assert record.images.shape == (16, 3, 32, 32)
    assert network.training


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "velocity", "edm"])
def test_the_validation_loss_is_the_training_loss(prediction: str) -> None:
    process = VarianceExploding() if prediction == "edm" else VariancePreserving()
    network = networks.small_unet(32, 3, 5, (16, 16), attention=0).eval()
    denoiser = NetworkDenoiser(network, process, prediction, sigma_data=0.5)
    held = tiny_held_out(recipes.get("photos-pixel", "smoke"), "auto", None)
    record = validate_denoiser(Model(denoiser, None, {}, ""), held)
    clean = torch.cat([held.source, held.target])
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    told = {"class_labels": torch.tensor([0] * 8 + [1] * 8)}
    for level, found in zip(levels_of(denoiser), record.loss, strict=True):
        alpha, sigma, time = (torch.full((16,), value) for value in (level.alpha, level.sigma, level.time))
        with torch.no_grad():
            expected = denoising_loss(network, prediction, clean, Corruption(noise, alpha, sigma, time), told).mean()
        # float32: the noise is what is left of x, divided by sigma, from 0.002 on for EDM
        assert float(found) == pytest.approx(float(expected), rel=2e-3)


def test_errors_are_kept_by_band_and_domain() -> None:
    """A network that answers 0 as the clean image is wrong by the image itself: alpha / sigma times it, as noise."""
    network = _silent()
    across = torch.arange(32) / 32
    waves = [torch.cos(2 * torch.pi * cycles * across).expand(4, 3, 32, 32) for cycles in (2, 12)]
    held = HeldOut(0.5 * waves[0], 0.9 * waves[1], 0)  # sources in the low band, targets in the high one
    denoiser = NetworkDenoiser(network, VariancePreserving(), "sample")
    found = validate_denoiser(Model(denoiser, None, {}, ""), held).noise_error
    assert found.shape == (10, 3, 2, 4)
    assert (found[:, 0, 0] > 100 * found[:, 1:, 0].amax(1)).all()
    assert (found[:, 2, 1] > 100 * found[:, :2, 1].amax(1)).all()
    gains = torch.tensor([(level.alpha / level.sigma) ** 2 for level in levels_of(denoiser)])
    torch.testing.assert_close(found[:, 0, 0, 0] / found[0, 0, 0, 0], gains / gains[0], rtol=1e-4, atol=0)
    assert "noise_error" not in _history().scores()


def test_each_held_out_image_has_its_label_and_its_place() -> None:
    network = _silent()
    labels = []
    network.register_forward_pre_hook(lambda _, __, given: labels.append(given["class_labels"]), with_kwargs=True)
    model = Model(NetworkDenoiser(network, VariancePreserving()), None, {}, "")
    record = validate_denoiser(model, tiny_held_out(recipes.get("photos-pixel", "smoke"), "auto", None))
    assert labels[0].tolist() == [0] * 8 + [1] * 8
    # the error of a prediction of zero is the noise itself, that of 8 sources and then of 8 targets
    noise = torch.randn((16, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    expected = band_power(noise).float().T
    torch.testing.assert_close(record.noise_error[4, :, 0], expected[:, :8])
    torch.testing.assert_close(record.noise_error[4, :, 1], expected[:, 8:])


def test_errors_of_the_noise_keep_their_places(tmp_path: Path) -> None:
    history = History(VariancePreserving().levels(9))
    history.losses = [1.0] * 4
    error = torch.arange(10.0 * 3 * 2 * 8).reshape(10, 3, 2, 8)
    images = torch.zeros(8, 3, 16, 16)
    history.add(4, Record(torch.zeros(8), images, None, None, torch.ones(10), error))
    history.save(tmp_path, ATTRS)
    found = results.read(tmp_path / FILE)["noise_error"]
    for band, domain in ((0, "source"), (2, "target")):
        place = {"step": 4, "level": 1, "band": list(BANDS)[band], "domain": domain, "pair": 5}
        # bfloat16 has 8 bits: half a unit of the last is 2^-8 of the number at most
        expected = float(error[1, band, ["source", "target"].index(domain), 5])
        assert float(found.sel(place)) == pytest.approx(expected, rel=2**-8)


@pytest.fixture
def two(home: Path) -> list[str]:
    return two_checkpoints()


def test_curves_of_runs_of_different_lengths_lie_side_by_side(two: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "BIN", 4)
    bare = checkpoint(paths.runs() / "mine" / "model", "epsilon", VP)
    (bare / "training.nc").unlink()
    found = records.curves([*two, "mine"])
    assert found["model"].data.tolist() == two
    # losses 0, 1, 2, ... in bins of four
    np.testing.assert_allclose(found["train_loss"], [[1.5, 5.5, np.nan, np.nan], [1.5, 5.5, 9.5, 13.5]])
    np.testing.assert_allclose(found["s_hf"].mean("sample")[0], [0.4, 0.8, np.nan, np.nan])
    assert records.curves(["mine"]).sizes["model"] == 0
    # none of these kept its errors per band
    assert not records.has_bands(found, "photos")


def test_networks_from_elsewhere_have_curves_and_loaded_ones_have_none(two: list[str], tmp_path: Path) -> None:
    checkpoint(tmp_path / "elsewhere" / "guest", "epsilon", VP)
    given = [library.load_model("photos-edm"), tmp_path / "elsewhere" / "guest", "photos"]
    assert records.curves(given)["model"].data.tolist() == ["guest", "photos"]


def test_curves_of_old_and_new_runs_lie_side_by_side(two: list[str]) -> None:
    checkpoint(paths.checkpoints() / "photos-dit", "epsilon", VP)
    errors = np.arange(4 * 3 * 3 * 2 * 5, dtype=float).reshape(4, 3, 3, 2, 5)
    for name, steps in (("photos-edm", 4), ("photos-dit", 2)):
        file = paths.checkpoints() / name / "training.nc"
        run = results.read(file)
        run["noise_error"] = ("step", "level", "band", "domain", "pair"), errors[:steps]
        file.write_bytes(bytes(run.to_netcdf(engine="h5netcdf")))
    names = ["photos-edm", "photos", "photos-dit"]
    found = records.curves(names)
    assert [records.has_bands(found, name) for name in (*names, "nobody")] == [True, False, True, False]
    np.testing.assert_array_equal(found["noise_error"].sel(model="photos-edm"), errors)
    np.testing.assert_array_equal(found["noise_error"].sel(model="photos-dit").isel(step=slice(2)), errors[:2])
    np.testing.assert_allclose(found["ratio"].sel(model="photos-edm"), run["sigma_over_alpha"])


def test_half_is_learnt_halfway_between_no_noise_and_the_end() -> None:
    steps = np.array([1.0, 10.0, 100.0, 1000.0])
    linear = 1 - 0.6 * np.log10(steps) / 3  # in the logarithm of the step, which interpolation takes it for
    late = np.array([1.5, 1.0, 1.0, 0.2])  # half is 0.6, in the middle of the last decade
    early = np.array([0.4, 0.3, 0.2, 0.2])  # there at the first look
    found = records.half_learnt(np.stack([linear, late, early], 1), steps)
    np.testing.assert_allclose(found, [10**1.5, 10**2.5, 1.0])
