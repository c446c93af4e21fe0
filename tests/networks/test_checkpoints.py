from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from spectral_collapse import networks
from spectral_collapse.errors import CheckpointError
from spectral_collapse.networks import autoencoder as autoencoders

CARD = {
    "family": "photos",
    "image_size": 32,
    "prediction": "epsilon",
    "process": {"kind": "variance_preserving", "num_train_steps": 1000, "beta_start": 0.00085, "beta_end": 0.012},
    "autoencoder": "autoencoder",
}
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint store with one model and its autoencoder; returns the model's folder."""
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    store = tmp_path / "checkpoints"
    networks.save_network(networks.small_autoencoder((16, 16)), store / "autoencoder", {"autoencoder": None})
    networks.save_network(networks.small_unet(16, 4, 5, (16, 32)), store / "photos", CARD)
    return store / "photos"


def test_saving_and_loading_keeps_the_weights_to_half_precision(folder: Path) -> None:
    network = networks.small_unet(16, 4, 5, (16, 32))
    networks.save_network(network, folder, CARD)
    loaded = networks.load_model("photos").denoiser.network
    assert loaded.dtype == torch.float32
    for name, weight in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], weight.half().float(), rtol=0, atol=0)


@pytest.mark.usefixtures("folder")
def test_the_hash_tells_two_models_apart(folder: Path) -> None:
    first = networks.load_model("photos").hash
    assert networks.load_model(folder).hash == first
    networks.save_network(networks.small_autoencoder((16, 16)), folder.parent / "autoencoder", {"autoencoder": None})
    assert networks.load_model("photos").hash != first


def test_encoding_and_decoding_use_the_measured_statistics() -> None:
    autoencoder = networks.small_autoencoder((16, 16))
    images = torch.rand(70, 3, 32, 32) * 2 - 1
    autoencoders.measure_latents(autoencoder, images)
    latents = autoencoders.encode(autoencoder, images)
    assert latents.shape == (70, 4, 16, 16)
    with torch.no_grad():
        expected = autoencoder.decode(autoencoder.encode(images).latent_dist.mean).sample.clamp(-1, 1)
    # Batches of 64 and of 70 round differently in the last bits.
    torch.testing.assert_close(autoencoders.decode(autoencoder, latents), expected, rtol=0, atol=1e-4)


def test_an_unknown_model_is_answered_with_the_shipped_ones(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint 'cats'; shipped are: autoencoder, photos"):
        networks.load_model("cats")


def _break(folder: Path, fault: str) -> None:
    weights, card = folder / WEIGHTS, folder / "card.json"
    if fault == "missing weights":
        weights.unlink()
    elif fault == "empty weights":
        weights.write_bytes(b"")
    elif fault == "truncated weights":
        weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    elif fault == "NaN":
        state = load_file(weights)
        state["conv_in.bias"][0] = float("nan")
        save_file(state, weights, {"format": "pt"})
    elif fault == "other shapes":
        networks.save_network(networks.small_unet(16, 4, 5, (32, 48)), folder.parent / "other", CARD)
        weights.write_bytes((folder.parent / "other" / WEIGHTS).read_bytes())
    elif fault == "missing card":
        card.unlink()
    elif fault == "card without process":
        card.write_text(json.dumps({key: value for key, value in CARD.items() if key != "process"}))
    elif fault == "unknown process":
        card.write_text(json.dumps({**CARD, "process": {"kind": "rectified flow"}}))
    elif fault == "card is not JSON":
        card.write_text("{")
    elif fault == "missing config":
        (folder / "config.json").unlink()
    elif fault == "missing autoencoder":
        (folder.parent / "autoencoder" / "config.json").unlink()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("missing weights", f"{WEIGHTS}' is missing"),
        ("empty weights", f"{WEIGHTS}' is empty"),
        ("truncated weights", "does not hold the weights that config.json describes"),
        ("NaN", "NaN or infinity in 'conv_in.bias'"),
        ("other shapes", "does not hold the weights that config.json describes"),
        ("missing card", "card.json' is missing"),
        ("card without process", "lacks process"),
        ("unknown process", "known kinds are variance_preserving, variance_exploding"),
        ("card is not JSON", "is not JSON"),
        ("missing config", "has no config.json"),
        ("missing autoencoder", "config.json"),
    ],
)
def test_a_broken_checkpoint_is_named_in_one_sentence(folder: Path, fault: str, words: str) -> None:
    _break(folder, fault)
    with pytest.raises(CheckpointError, match=words) as error:
        networks.load_model("photos")
    assert "\n" not in str(error.value)


def test_a_failed_write_leaves_the_old_checkpoint(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (folder / WEIGHTS).read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        networks.save_network(networks.small_unet(16, 4, 5, (16, 32)), folder, CARD)
    assert (folder / WEIGHTS).read_bytes() == before
    assert [p.name for p in folder.parent.iterdir() if p.name.startswith(".")] == []
