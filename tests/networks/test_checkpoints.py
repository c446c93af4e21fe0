from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from spectral_collapse import networks
from spectral_collapse.compat import ensure_torchvision
from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.networks import autoencoder as autoencoders
from spectral_collapse.networks.unet import label_arguments
from spectral_collapse.processes import VarianceExploding

ensure_torchvision()
import diffusers  # noqa: E402

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


def test_the_hash_covers_the_configuration(folder: Path) -> None:
    first = networks.load_model("photos").hash
    for file, key in (
        (folder / "config.json", "norm_num_groups"),
        (folder.parent / "autoencoder" / "config.json", "act_fn"),
    ):
        before = file.read_text()
        config = json.loads(before)
        file.write_text(json.dumps({**config, "_diffusers_version": "0"}))
        assert networks.load_model("photos").hash == first
        file.write_text(json.dumps({**config, key: 4 if key == "norm_num_groups" else "gelu"}))
        assert networks.load_model("photos").hash != first
        file.write_text(before)


def test_images_of_another_precision_are_taken_and_of_another_range_refused(folder: Path) -> None:
    model = networks.load_model("photos")
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    torch.testing.assert_close(model.encode(images.double()), model.encode(images))
    with pytest.raises(InvalidParameterError, match=r"images span \[.*\], but must lie in \[-1, 1\]; rescale or clamp"):
        model.encode((images + 1) * 127.5)
    for wrong, given in ((images.mul(127).byte(), "torch.uint8"), (images.numpy(), "ndarray")):
        with pytest.raises(InvalidParameterError, match=f"must be a floating-point tensor .*; {given} was given"):
            model.encode(wrong)


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
    elif fault in ("a weight less", "a weight more"):
        state = load_file(weights)
        if fault == "a weight more":
            state["another"] = torch.zeros(4)
        else:
            del state["conv_out.bias"]
        save_file(state, weights, {"format": "pt"})
    elif fault == "another architecture":
        networks.save_network(networks.small_dit(16, 4, 5, width=16, depth=1, heads=2), folder.parent / "other", CARD)
        weights.write_bytes((folder.parent / "other" / WEIGHTS).read_bytes())
    elif fault == "card is a folder":
        card.unlink()
        card.mkdir()
    elif fault == "a number for an autoencoder":
        card.write_text(json.dumps({**CARD, "autoencoder": 3}))
    elif fault == "means without deviations":
        card.write_text(json.dumps({**CARD, "latents_mean": [0, 0, 0, 0]}))
    elif fault == "a word for sigma_data":
        card.write_text(json.dumps({**CARD, "prediction": "edm", "sigma_data": "a"}))
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
        ("a weight less", "does not hold the weights that config.json describes .it lacks 'conv_out.bias'."),
        ("a weight more", "does not hold the weights that config.json describes .it has 'another'."),
        ("another architecture", "does not hold the weights that config.json describes .it lacks .* and others."),
        ("missing card", "card.json' is missing"),
        ("card is a folder", "card.json' cannot be read .Is a directory.; mend it"),
        ("a number for an autoencoder", "names the autoencoder 3; a name or null is allowed"),
        ("means without deviations", "has latents_std = None; its autoencoder needs 4 numbers there"),
        ("a word for sigma_data", "card.json' does not fit its network"),
        ("card without process", "lacks process"),
        ("unknown process", "known kinds are variance_preserving, variance_exploding"),
        ("card is not JSON", "is not JSON"),
        ("missing config", "has no config.json"),
        ("missing autoencoder", "config.json"),
    ],
)
def test_a_broken_checkpoint_is_named_in_one_sentence(
    folder: Path, fault: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    _break(folder, fault)
    capfd.readouterr()
    with pytest.raises(CheckpointError, match=words) as error:
        networks.load_model("photos")
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")  # and nothing of diffusers' own


def test_a_failed_write_leaves_the_old_checkpoint(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (folder / WEIGHTS).read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(CheckpointError, match=r"photos' could not be written \(No space left on device\); make room"):
        networks.save_network(networks.small_unet(16, 4, 5, (16, 32)), folder, CARD)
    assert (folder / WEIGHTS).read_bytes() == before
    assert [p.name for p in folder.parent.iterdir() if p.name.startswith(".")] == []


def test_weights_in_another_memory_layout_are_saved(folder: Path) -> None:
    network = networks.small_unet(16, 4, 5, (16, 32)).to(memory_format=torch.channels_last)
    networks.save_network(network, folder, CARD)
    loaded = networks.load_model("photos").denoiser.network.state_dict()
    assert all(torch.equal(loaded[name], weight.half().float()) for name, weight in network.state_dict().items())


def test_the_card_gets_the_hash_and_the_folder_its_files(folder: Path) -> None:
    networks.save_network(networks.small_unet(16, 4, 5, (16, 32)), folder, CARD, {"samples.png": b"a picture"})
    card = json.loads((folder / "card.json").read_text())
    assert card["hash"] == hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()[:12]
    assert (folder / "samples.png").read_bytes() == b"a picture"
    assert "_name_or_path" not in json.loads((folder / "config.json").read_text())
    assert [p.name for p in folder.parent.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("kind", ["small_unet", "paper_unet", "small_dit"])
def test_every_kind_of_network_comes_back_with_its_labels(folder: Path, kind: str) -> None:
    small = {"paper_unet": {"widths": (32, 32), "layers": 1, "states": 8}, "small_unet": {"widths": (16, 32)}}
    network = networks.create(kind, 16, 4, 5, **small.get(kind, {"width": 16, "depth": 2, "heads": 2}))
    for weight in network.parameters():  # a fresh DiT answers with zero; weights are stored in half precision
        weight.data = (0.1 * torch.randn(weight.shape)).half().float()
    x, label = torch.randn(5, 4, 16, 16), torch.arange(5)
    with torch.no_grad():
        expected = network(x, torch.full((5,), 261.0), **label_arguments(network, label)).sample
    networks.save_network(network, folder, CARD)
    model = networks.load_model("photos")
    assert model.denoiser.num_labels == 5
    found = model.denoiser(x, model.denoiser.process.level(261), label).noise
    # the same weights; a U-Net's label state is looked up rather than multiplied out
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(InvalidParameterError, match=r"domain labels \[7\] .* has 0 to 4"):
        model.denoiser(x, model.denoiser.process.level(261), torch.full((5,), 7))


def test_the_card_has_the_process_and_the_scale_of_the_latents(folder: Path) -> None:
    process = {"kind": "variance_exploding", "sigma_max": 60.0, "log_mean": -0.4, "log_std": 1.2}
    statistics = {"latents_mean": [1.0, 0.0, 0.0, 0.0], "latents_std": [2.0] * 4}
    card = {**CARD, "prediction": "edm", "process": process, "sigma_data": 0.7, **statistics}
    networks.save_network(networks.small_unet(16, 4, 5, (16, 32)), folder, card)
    model = networks.load_model("photos")
    assert model.denoiser.process == VarianceExploding(sigma_max=60.0, log_mean=-0.4)
    assert (model.denoiser.prediction, model.denoiser.sigma_data) == ("edm", 0.7)
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    raw = model.autoencoder.encode(images).latent_dist.mean
    expected = (raw - torch.tensor([1.0, 0, 0, 0]).view(1, 4, 1, 1)) / 2
    torch.testing.assert_close(model.encode(images), expected)


@pytest.mark.parametrize("shape", [(2, 3, 30, 32), (2, 1, 32, 32), (3, 32, 32), (2, 3, 0, 0)])
def test_images_that_the_networks_cannot_take_are_refused(folder: Path, shape: tuple[int, ...]) -> None:
    """Two pixels to a latent, and a U-Net that halves latents once."""
    with pytest.raises(InvalidParameterError, match=r"images N x 3 x H x W with H and W multiples of 4; .* was given"):
        networks.load_model("photos").encode(torch.zeros(shape))


def test_a_stable_diffusion_folder_gives_its_autoencoder(tmp_path: Path) -> None:
    autoencoder = networks.small_autoencoder((16, 16))
    autoencoder.save_pretrained(tmp_path / "stable-diffusion" / "vae")
    loaded = networks.load_autoencoder(tmp_path / "stable-diffusion").state_dict()
    assert all(torch.equal(loaded[name], weight) for name, weight in autoencoder.state_dict().items())


def test_a_hub_autoencoder_is_asked_for_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    autoencoder = networks.small_autoencoder((16, 16))
    asked: list[str] = []

    def from_pretrained(name: str, **_: object) -> object:
        asked.append(name)
        if name == "somebody/nothing":
            raise OSError("somebody/nothing is not cached\nand there is no network")
        return autoencoder

    monkeypatch.setattr(diffusers.AutoencoderKL, "from_pretrained", from_pretrained)
    assert networks.load_autoencoder("stabilityai/sd-vae-ft-mse") is autoencoder
    assert asked == ["stabilityai/sd-vae-ft-mse"]
    with pytest.raises(CheckpointError, match=r"'somebody/nothing' could not be had .* name its folder") as error:
        networks.load_autoencoder("somebody/nothing")
    assert "\n" not in str(error.value)


def test_a_denoiser_is_no_autoencoder(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="holds a UNet2DModel, not an autoencoder"):
        networks.load_autoencoder(folder)


def test_the_shipped_checkpoints_load() -> None:
    for name in ("photos", "bbbc021", "edges2shoes"):
        model = networks.load_model(name)
        assert model.encode(torch.zeros(1, 3, 64, 64)).shape == (1, 4, 16, 16)
        assert model.denoiser.num_labels == 5
