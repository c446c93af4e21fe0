from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from spectral_collapse import networks
from spectral_collapse.compat import ensure_torchvision
from spectral_collapse.denoisers import PREDICTION_TYPES, PredictionType, coefficients
from spectral_collapse.errors import CheckpointError, InvalidParameterError, NotFiniteError
from spectral_collapse.networks import autoencoder as autoencoders
from spectral_collapse.processes import VarianceExploding, VariancePreserving
from spectral_collapse.training import RECIPES, recipes, trainer
from spectral_collapse.training.objectives import autoencoding_loss, denoising_loss
from spectral_collapse.training.pool import Pool, drop_labels, encode_pool, flip_randomly

ensure_torchvision()
from diffusers import AutoencoderKL, UNet2DModel  # noqa: E402


def _tiny_autoencoder() -> AutoencoderKL:
    return networks.small_autoencoder(widths=(16, 16, 16))


def _tiny_unet(*arguments: int) -> UNet2DModel:
    return networks.small_unet(*arguments, widths=(16, 32))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, small networks, and sixteen images of two domains."""
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    monkeypatch.setattr(trainer, "small_autoencoder", _tiny_autoencoder)
    monkeypatch.setattr(trainer, "small_unet", _tiny_unet)
    pool = Pool(
        torch.randint(0, 256, (16, 3, 32, 32), dtype=torch.uint8), torch.arange(16) % 2, "random numbers", "rendered"
    )
    monkeypatch.setattr(trainer, "load_pool", lambda *_: pool)
    monkeypatch.setattr(trainer, "_SAVE_EVERY", 2)
    return tmp_path


def _short(name: str, steps: int) -> recipes.Recipe:
    return dataclasses.replace(RECIPES[name], size=32, steps=steps, batch_size=4, warmup=1, precision="no")


@pytest.mark.usefixtures("home")
def test_a_trained_checkpoint_loads_as_a_model(home: Path) -> None:
    trainer.train(_short("autoencoder", 2), output=home / "checkpoints" / "autoencoder")
    folder = trainer.train(_short("photos", 2))
    assert folder == home / "runs" / "photos" / "model"
    model = networks.load_model("photos")
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    latents = model.encode(images)
    assert latents.shape == (2, 4, 8, 8)
    assert model.decode(latents).shape == images.shape
    noise, _ = model.denoiser(latents, model.denoiser.process.levels(5)[2], torch.tensor([0, 4]))
    assert noise.shape == latents.shape
    card = json.loads((folder / "card.json").read_text())
    assert (card["data"], card["data_source"], card["recipe"]["steps"]) == ("random numbers", "rendered", 2)


def test_resumed_training_gives_the_same_weights_as_uninterrupted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = _short("autoencoder", 5)
    whole = trainer.train(recipe, name="whole")
    save = trainer._save

    def interrupt_after_saving(*arguments: object) -> None:
        save(*arguments)
        if arguments[2] == 2:
            raise RuntimeError("power cut")

    monkeypatch.setattr(trainer, "_save", interrupt_after_saving)
    with pytest.raises(RuntimeError, match="power cut"):
        trainer.train(recipe, name="parts")
    with pytest.raises(CheckpointError, match=r"unfinished run .* step-0000002"):
        trainer.train(recipe, name="parts")
    parts = trainer.train(recipe, name="parts", resume=True)
    assert not list((home / "runs" / "parts").glob("step-*"))
    first, second = (networks.load_autoencoder(folder).state_dict() for folder in (whole, parts))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_an_interrupt_saves_the_state(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = _short("autoencoder", 5)
    draw, calls = Pool.draw, []

    def press_ctrl_c(self: Pool, *arguments: object) -> object:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return draw(self, *arguments)

    monkeypatch.setattr(Pool, "draw", press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        trainer.train(recipe, name="run")
    progress = json.loads((home / "runs" / "run" / "step-0000003" / "progress.json").read_text())
    assert progress["step"] == 3
    monkeypatch.undo()


def test_a_nan_loss_stops_the_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "autoencoding_loss", lambda network, *_: torch.tensor(float("nan")))
    with pytest.raises(NotFiniteError, match="the loss is nan at step 0"):
        trainer.train(_short("autoencoder", 3))


@pytest.mark.usefixtures("home")
def test_bad_arguments_are_refused_in_one_sentence() -> None:
    with pytest.raises(InvalidParameterError, match="unknown recipe 'cats'; known are: autoencoder, photos"):
        trainer.train("cats")
    with pytest.raises(InvalidParameterError, match="steps must be"):
        trainer.train("photos", steps=0)
    with pytest.raises(CheckpointError, match="no saved state"):
        trainer.train(_short("autoencoder", 2), resume=True)
    with pytest.raises(CheckpointError, match="no checkpoint 'autoencoder'"):
        trainer.train(_short("photos", 2))


@pytest.mark.parametrize("prediction", PREDICTION_TYPES)
@pytest.mark.parametrize("process", [VariancePreserving(), VarianceExploding()])
def test_the_loss_is_zero_for_the_output_that_the_denoiser_needs(
    prediction: PredictionType, process: VariancePreserving | VarianceExploding
) -> None:
    """A network that answers for a known clean image makes the denoiser exact, and costs nothing."""
    clean = torch.randn(1, 4, 8, 8, dtype=torch.float64).expand(16, -1, -1, -1)

    class Oracle(torch.nn.Module):
        def forward(self, x: torch.Tensor, time: torch.Tensor, class_labels: torch.Tensor) -> object:
            if isinstance(process, VariancePreserving):
                levels = [process.level(int(t)) for t in time]
            else:
                levels = [process.level(float((4 * t).exp())) for t in time.double()]
            alpha, sigma = (
                torch.tensor([getattr(level, part) for level in levels]).double().view(-1, 1, 1, 1)
                for part in ("alpha", "sigma")
            )
            c = coefficients(prediction, alpha, sigma)
            x = x / c.input_scale
            output = ((x - alpha * clean) / sigma - c.noise_skip * x) / c.noise_out
            return type("Output", (), {"sample": output})

    generator = torch.Generator().manual_seed(0)
    loss = denoising_loss(Oracle(), process, prediction, clean, torch.zeros(16).long(), generator)
    # float32 levels and times of up to 80 (sigma) against a target of order 1, relative 2^-24 each; squared.
    assert loss.item() < 1e-6


def test_one_batch_can_be_learnt() -> None:
    network = _tiny_unet(8, 4, 3)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    clean, label = torch.randn(4, 4, 8, 8), torch.tensor([0, 1, 0, 1])
    losses = []
    for step in range(150):
        generator = torch.Generator().manual_seed(step % 2)
        loss = denoising_loss(network, VariancePreserving(), "epsilon", clean, label, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.25 * losses[0]


def test_autoencoder_kl_term_is_the_closed_form() -> None:
    """KL(N(m, s^2) || N(0, 1)) summed over an image; the difference of two weights isolates it."""
    autoencoder, images = _tiny_autoencoder(), torch.rand(2, 3, 32, 32) * 2 - 1
    losses = [autoencoding_loss(autoencoder, images, torch.Generator().manual_seed(0), weight) for weight in (0.0, 1.0)]
    posterior = autoencoder.encode(images).latent_dist
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(posterior.mean, posterior.std), torch.distributions.Normal(0.0, 1.0)
    )
    torch.testing.assert_close(losses[1] - losses[0], expected.sum((1, 2, 3)).mean(), rtol=1e-4, atol=1e-4)


def test_measured_latents_have_zero_mean_and_unit_variance() -> None:
    autoencoder, images = _tiny_autoencoder(), torch.rand(32, 3, 32, 32) * 2 - 1
    autoencoders.measure_latents(autoencoder, images)
    latents = autoencoders.encode(autoencoder, images)
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(4), rtol=0, atol=1e-4)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(4), rtol=1e-4, atol=0)


def test_a_pool_draws_both_domains_equally(generator: torch.Generator) -> None:
    labels = torch.tensor([1] * 90 + [0] * 6 + [3] * 4)
    pool = Pool(torch.zeros(100, 1, 2, 2), labels, "", "real")
    _, drawn = pool.draw(4000, generator)
    # A share of 1/2 over 4000 draws: standard error 0.008.
    assert (drawn == 1).float().mean().item() == pytest.approx(0.5, abs=0.04)


def test_labels_are_dropped_at_their_rate(generator: torch.Generator) -> None:
    labels = drop_labels(torch.zeros(10000, dtype=torch.long), 0.1, generator)
    assert set(labels.tolist()) == {0, 2}
    assert (labels == 2).float().mean().item() == pytest.approx(0.1, abs=5 * (0.09 / 10000) ** 0.5)


def test_flips_mirror_whole_images(generator: torch.Generator) -> None:
    images = torch.arange(2.0).expand(64, 1, 1, 2)
    flipped = flip_randomly(images, (-1,), generator)[:, 0, 0]
    assert {tuple(row) for row in flipped.tolist()} == {(0.0, 1.0), (1.0, 0.0)}


def test_encoding_a_pool_adds_every_mirror_image() -> None:
    images = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 2, 2)
    views = encode_pool(Pool(images, torch.tensor([1]), "", "real"), lambda x: x, (-1, -2)).items
    assert len({tuple(view.flatten().tolist()) for view in views}) == 4
    assert torch.equal(views[3].flip(-1, -2), views[0])
