from __future__ import annotations

import copy
import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file

from spectral_collapse import networks
from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.networks import checkpoints, own
from spectral_collapse.networks.unet import label_arguments
from spectral_collapse.processes import VarianceExploding
from spectral_collapse.store.identity import identity
from tests.each import each
from tests.training.test_states import Hostile

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


def test_saving_and_loading_keeps_the_weights_to_half_precision_in_any_memory_layout(folder: Path) -> None:
    network = networks.small_unet(16, 4, 5, (16, 32))
    networks.save_network(network, folder, CARD)
    loaded = networks.load_model("photos").denoiser.network
    assert loaded.dtype == torch.float32
    for name, weight in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], weight.half().float(), rtol=0, atol=0)
        torch.testing.assert_close(loaded.state_dict()[name], weight, rtol=2**-11, atol=2**-25)  # of 11 bits
    network = networks.small_unet(16, 4, 5, (16, 32)).to(memory_format=torch.channels_last)
    networks.save_network(network, folder, CARD)
    loaded = networks.load_model("photos").denoiser.network.state_dict()
    assert all(torch.equal(loaded[name], weight.half().float()) for name, weight in network.state_dict().items())


def test_the_hash_covers_weights_and_configuration(folder: Path) -> None:
    before = networks.load_model("photos").hash
    assert networks.load_model(folder).hash == before
    networks.save_network(networks.small_autoencoder((16, 16)), folder.parent / "autoencoder", {"autoencoder": None})
    first = networks.load_model("photos").hash
    assert first != before
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


def test_weights_that_are_changed_in_place_have_another_hash(folder: Path) -> None:
    """Nothing that the weights as loaded made stands for what they make now, in copies and in other processes too."""
    model = networks.load_model("photos")
    weights = next(iter(model.denoiser.network.parameters()))
    assert own.current_hash(networks.load_model("photos").to("cpu")) == own.current_hash(model) == model.hash
    copied = copy.deepcopy(model)
    for one in (model, copied):
        with torch.no_grad():
            next(iter(one.denoiser.network.parameters())).zero_()
    zeroed = own.current_hash(model)
    assert model.hash != zeroed == own.current_hash(copied) == own.current_hash(pickle.loads(pickle.dumps(model)))
    with torch.no_grad():
        weights.add_(1)
    assert own.current_hash(model) not in (model.hash, zeroed)


def test_what_is_no_model_is_named_with_what_makes_one(folder: Path) -> None:
    denoiser = networks.load_model("photos").denoiser
    for call, said in (
        (lambda: networks.two_models(denoiser, denoiser), "source must be a Model"),
        (lambda: networks.open_model(denoiser), r"was given: give networks\.Model\(denoiser, None"),
        (lambda: networks.Model(denoiser, torch.nn.Conv2d(3, 3, 1), {}, ""), "has a config; a Conv2d was given"),
    ):
        with pytest.raises(InvalidParameterError, match=said):
            call()
    assert networks.GreyModel(denoiser, None, {}, "").encode(torch.zeros(1, 3, 16, 16)).shape == (1, 1, 16, 16)
    with pytest.raises(CheckpointError, match="needs 64; name another checkpoint, or give the size that it is for, as"):
        checkpoints.check_made_for(networks.load_model("photos").card, "photos_x8", "photos", 64)


def test_names_and_devices_that_there_are_not_are_refused(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint 'cats'; shipped are: autoencoder, photos"):
        networks.load_model("cats")
    for load in (networks.load_model, networks.load_autoencoder):
        for name in (None, 5, b"photos", ["photos"]):
            with pytest.raises(InvalidParameterError, match="a checkpoint must be a path"):
                load(name)
    for name, words in (("~nobody-of-this-name/photos", "no such home folder"), ("x" * 5000, "too long for a path")):
        with pytest.raises(InvalidParameterError, match=words):
            networks.load_model(name)
    for load, name in ((networks.load_model, "photos"), (networks.load_autoencoder, "autoencoder")):
        with pytest.raises(InvalidParameterError, match="device"):
            load(name, "cuda:99")
    with pytest.raises(CheckpointError, match="holds a UNet2DModel, not an autoencoder"):
        networks.load_autoencoder(folder)


def _with_state(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        state = load_file(folder / WEIGHTS)
        change(state)
        save_file(state, folder / WEIGHTS, {"format": "pt"})

    return write


def _with_weights_of(network: Callable[[], torch.nn.Module]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        networks.save_network(network(), folder.parent / "other", CARD)
        (folder / WEIGHTS).write_bytes((folder.parent / "other" / WEIGHTS).read_bytes())

    return write


def _with_card(**changed: object) -> Callable[[Path], object]:
    return lambda folder: (folder / "card.json").write_text(json.dumps({**CARD, **changed}))


def _with_config(**changed: object) -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changed))

    return write


def _truncated(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])


def _with_a_folder_for_a_card(folder: Path) -> None:
    (folder / "card.json").unlink()
    (folder / "card.json").mkdir()


def _text(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


def _missing(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


VP, VE = CARD["process"], {"kind": "variance_exploding"}
DEEP = 100_000 * "["
ZEROS, ONES = [0] * 4, [1] * 4
UNFIT = "does not hold the weights that config.json describes"
INFINITE = json.dumps({**CARD, "latents_mean": ZEROS, "latents_std": ONES}).replace('n": [0,', 'n": [1e400,')
FAULTS: list[tuple[Callable[[Path], object], str]] = [
    (_missing(WEIGHTS), f"{WEIGHTS}' is missing"),
    (_text(WEIGHTS, ""), f"{WEIGHTS}' is empty"),
    (_truncated, UNFIT),
    (_with_state(lambda state: state["conv_in.bias"].fill_(float("nan"))), "NaN or infinity in 'conv_in.bias'"),
    (_with_state(lambda state: state.pop("conv_out.bias")), f"{UNFIT} .it lacks 'conv_out.bias'."),
    (_with_state(lambda state: state.update(another=torch.zeros(4))), f"{UNFIT} .it has 'another'."),
    (_with_weights_of(lambda: networks.small_unet(16, 4, 5, (32, 48))), UNFIT),
    (
        _with_weights_of(lambda: networks.small_dit(16, 4, 5, width=16, depth=1, heads=2)),
        f"{UNFIT} .it lacks .* and others.",
    ),
    (_missing("card.json"), "card.json' is missing"),
    (_missing("config.json"), "has no config.json"),
    (_missing("../autoencoder/config.json"), "config.json"),
    (_with_a_folder_for_a_card, "card.json' cannot be read"),
    (_text("card.json", "{"), "card.json' is not JSON"),
    (_text("card.json", DEEP), "card.json' is not JSON"),
    (_text("card.json", "[1]"), "holds no JSON object"),
    (_text("card.json", INFINITE), "latents_mean.0 must be a finite number"),
    (_text("card.json", json.dumps({key: CARD[key] for key in CARD if key != "process"})), "lacks process"),
    (_with_card(process="edm"), "process must be a valid dictionary; 'edm' was given"),
    (_with_card(process={"kind": "rectified flow"}), "known kinds are variance_preserving, variance_exploding"),
    (_with_card(process={"kind": ["variance_exploding"]}), "known kinds are variance_preserving"),
    (_with_card(process={**VP, "num_train_steps": 10**12}), "num_train_steps must be less than or equal"),
    (_with_card(process={**VP, "num_train_steps": "a"}), "num_train_steps must be a valid integer; 'a'"),
    (_with_card(process={**VE, "rho": float("nan")}), "rho must be a finite number; nan was given"),
    (_with_card(process={**VE, "sigma_max": 1e-9}), "an impossible process"),
    (_with_card(process={**VE, "beta": 1}), "unknown key 'beta'; known are: sigma_min, sigma_max"),
    (_with_card(process=None), "is of an autoencoder, not of a denoiser"),
    (_with_card(image_size="64"), "image_size must be a valid integer; '64' was given"),
    (_with_card(prediction="edm", sigma_data="a"), "sigma_data must be a valid number; 'a' was given"),
    (_with_card(prediction="edm", sigma_data=float("inf")), "sigma_data must be a finite number"),
    (_with_card(prediction="score"), "does not fit its network: unknown prediction type 'score'"),
    (_with_card(prediction=["edm"]), r"prediction must be a valid string; \['edm'\] was given"),
    (_with_card(latents_mean=ZEROS), "has latents_std = None; its autoencoder needs 4 numbers there"),
    (_with_card(latents_mean=[0] * 3, latents_std=[1] * 3), "its autoencoder needs 4 numbers there"),
    (_with_card(latents_mean=ZEROS, latents_std=[0, 1, 1, 1]), "latents_std.0 must be greater than 0"),
    (_with_card(latents_mean=[10**400, 0, 0, 0], latents_std=ONES), "latents_mean.0 must be"),
    (_with_card(autoencoder=3), "autoencoder must be a valid string; 3 was given"),
    (_with_card(autoencoder="~nobody-of-this-name/x"), "there is no such home folder"),
    (_with_card(autoencoder="x" * 5000), r"xx\.\.\.xx.*, which is too long for a path here"),
    *(
        (_with_config(**{name: value}), rf"'{name}' in .* must be of type \w+; .* was read")
        for name, value in (("norm_eps", "x"), ("norm_eps", [1e-5]), ("norm_eps", True), ("act_fn", 5))
    ),
    *(
        (_text("config.json", text), rf"config.json' is not JSON|names no network class|{UNFIT}")
        for text in (
            DEEP,
            "{}",
            *(json.dumps({"_class_name": name}) for name in ("DDIMScheduler", "models", "StableDiffusionPipeline")),
            *(json.dumps({"_class_name": name}) for name in ("os.system", ["UNet2DModel"])),
            *(json.dumps({"_class_name": "UNet2DModel", "block_out_channels": w}) for w in ([1048576] * 4, "abc")),
        )
    ),
]


def test_a_broken_checkpoint_is_named_in_one_sentence(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = shutil.copytree(folder.parent, tmp_path / "whole")
    for damage, words in FAULTS:
        shutil.rmtree(folder.parent)
        shutil.copytree(whole, folder.parent)
        damage(folder)
        capfd.readouterr()
        with pytest.raises(CheckpointError, match=words):
            networks.load_model("photos")
        assert capfd.readouterr() == ("", ""), words  # and nothing of diffusers' own


@each("failing", [(os, "replace"), (Path, "write_text")])
def test_a_failed_write_or_exchange_leaves_the_old_checkpoint(
    folder: Path, failing: tuple[object, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of the two renamings fails: tests/test_disk.py."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    before = (folder / WEIGHTS).read_bytes()
    monkeypatch.setattr(*failing, full)
    with pytest.raises(CheckpointError, match=r"could not be written \(No space left on device\); make room"):
        networks.save_network(networks.small_unet(16, 4, 5, (16, 32)), folder, CARD)
    assert (folder / WEIGHTS).read_bytes() == before
    assert [p.name for p in folder.parent.iterdir() if p.name.startswith(".")] == []


def test_a_checkpoint_replaces_nothing_but_a_checkpoint(folder: Path) -> None:
    network = networks.small_unet(16, 4, 5, (16, 32))
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(
        CheckpointError, match=r"holds 'notes.txt', which a checkpoint written there would delete; name"
    ):
        networks.save_network(network, folder, CARD)
    assert (folder / "notes.txt").read_text() == "mine"
    with pytest.raises(CheckpointError, match="is a file; name a folder"):
        networks.save_network(network, folder / "notes.txt", CARD)
    (folder / "notes.txt").unlink()
    for _ in range(2):
        networks.save_network(network, folder, CARD, {"extra.txt": b"the checkpoint's own"})


def test_the_card_gets_the_hash_and_the_folder_its_files_which_replace_nothing_of_the_network(
    folder: Path, tmp_path: Path
) -> None:
    networks.save_network(networks.small_unet(16, 4, 5, (16, 32)), folder, CARD, {"samples.png": b"a picture"})
    card = json.loads((folder / "card.json").read_text())
    assert card["hash"] == hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()[:12]
    assert (folder / "samples.png").read_bytes() == b"a picture"
    assert "_name_or_path" not in json.loads((folder / "config.json").read_text())
    assert [p.name for p in folder.parent.iterdir() if p.name.startswith(".")] == []
    network = networks.small_unet(16, 4, 5, (16, 32))
    for name in ("../evil.txt", "/tmp/evil.txt", "a/b", "a\\b", "", ".", "..", "config.json", "card.json"):
        with pytest.raises(InvalidParameterError, match="files must have names of their own"):
            networks.save_network(network, tmp_path / "deep" / "own", CARD, {name: b""})
    assert not (tmp_path / "deep").exists()


@each("kind", ["small_unet", "paper_unet", "patched_unet", "small_dit", "gained_dit", "spectral_unet"])
def test_every_kind_of_network_comes_back_with_its_labels(folder: Path, kind: str) -> None:
    small = {"paper_unet": {"widths": (32, 32), "layers": 1, "states": 8}, "small_unet": {"widths": (16, 32)}}
    small["spectral_unet"] = small["patched_unet"] = {"widths": (16, 32), "attention": 0}
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


def test_a_stable_diffusion_folder_gives_its_autoencoder_and_a_whole_pipeline_is_sent_elsewhere(tmp_path: Path) -> None:
    autoencoder = networks.small_autoencoder((16, 16))
    autoencoder.save_pretrained(tmp_path / "stable-diffusion" / "vae")
    loaded = networks.load_autoencoder(tmp_path / "stable-diffusion").state_dict()
    assert all(torch.equal(loaded[name], weight) for name, weight in autoencoder.state_dict().items())
    networks.save_network(networks.small_autoencoder((16, 16)), tmp_path / "sd" / "vae", {})
    (tmp_path / "sd" / "vae" / "card.json").unlink()
    (tmp_path / "sd" / "model_index.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"whole pipeline of diffusers; .* networks\.model_from_pipeline"):
        networks.load_model(tmp_path / "sd")
    networks.load_autoencoder(tmp_path / "sd")


def test_a_hub_autoencoder_is_asked_for_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    autoencoder = networks.small_autoencoder((16, 16))
    asked: list[str] = []

    def from_pretrained(name: str, use_safetensors: bool, **_: object) -> object:
        asked.append(name)
        assert use_safetensors
        if name == "somebody/nothing":
            raise OSError("somebody/nothing is not cached\nand there is no network")
        return autoencoder

    monkeypatch.setattr(diffusers.AutoencoderKL, "from_pretrained", from_pretrained)
    assert networks.load_autoencoder("stabilityai/sd-vae-ft-mse") is autoencoder
    assert asked == ["stabilityai/sd-vae-ft-mse"]
    with pytest.raises(CheckpointError, match=r"'somebody/nothing' could not be had .* name its folder"):
        networks.load_autoencoder("somebody/nothing")


def test_no_weights_are_read_but_those_that_were_hashed(folder: Path, tmp_path: Path) -> None:
    """Neither an index of shards beside them nor a pickle changes what is loaded, and no pickle is opened."""
    before = networks.load_model(folder)
    zeros = {key: torch.zeros_like(weight) for key, weight in load_file(folder / WEIGHTS).items()}
    save_file(zeros, folder / "zeros.safetensors", {"format": "pt"})
    for name in ("diffusion_pytorch_model.bin", "pytorch_model.bin", "zeros.bin"):
        (folder / name).write_bytes(pickle.dumps(Hostile(tmp_path / "mark")))
    for shard in ("zeros.safetensors", "zeros.bin"):
        index = {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(zeros, shard)}
        for name in ("diffusion_pytorch_model.safetensors.index.json", "diffusion_pytorch_model.bin.index.json"):
            (folder / name).write_text(json.dumps(index))
        again = networks.load_model(folder)
        assert again.hash == before.hash
        for one, other in zip(before.denoiser.network.parameters(), again.denoiser.network.parameters(), strict=True):
            assert torch.equal(one, other)
    (folder / WEIGHTS).write_bytes(pickle.dumps(Hostile(tmp_path / "mark")))
    with pytest.raises(CheckpointError, match=r"does not hold the weights that config\.json describes"):
        networks.load_model(folder)
    (folder / WEIGHTS).unlink()
    with pytest.raises(CheckpointError, match=f"no {WEIGHTS}, but pickled weights"):
        networks.load_model(folder)
    assert not (tmp_path / "mark").exists()


def test_weights_of_old_names_are_read_as_diffusers_reads_them(tmp_path: Path) -> None:
    """As in Stable Diffusion's autoencoder, whose attention has query, key, value and proj_attn."""
    autoencoder = networks.small_autoencoder((16, 16))
    autoencoder.save_pretrained(tmp_path / "vae")
    weights = load_file(tmp_path / "vae" / WEIGHTS)
    names = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    for new, old in names.items():
        weights = {key.replace(new, old): weight for key, weight in weights.items()}
    assert any(".proj_attn." in key for key in weights)
    save_file(weights, tmp_path / "vae" / WEIGHTS, {"format": "pt"})
    loaded = networks.load_autoencoder(tmp_path).state_dict()
    theirs = diffusers.AutoencoderKL.from_pretrained(tmp_path / "vae").state_dict()
    assert loaded.keys() == theirs.keys()
    assert all(torch.equal(loaded[key], weight) for key, weight in theirs.items())


def test_what_is_loaded_is_what_diffusers_loads(folder: Path) -> None:
    """Weights, buffers and configuration."""
    for kind, size in (("small_unet", {"widths": (16, 32)}), ("gained_dit", {"width": 16, "depth": 2, "heads": 2})):
        networks.save_network(networks.create(kind, 16, 4, 5, **size), folder, CARD)
        network = networks.load_model(folder).denoiser.network
        theirs = type(network).from_pretrained(folder, torch_dtype=torch.float32, low_cpu_mem_usage=False)
        for mine, other in (
            (network.named_parameters(), theirs.named_parameters()),
            (network.named_buffers(), theirs.named_buffers()),
        ):
            mine, other = dict(mine), dict(other)
            assert mine.keys() == other.keys()
            assert all(torch.equal(mine[key], value) and mine[key].dtype == value.dtype for key, value in other.items())
        assert {key: value for key, value in network.config.items() if key != "_name_or_path"} == {
            key: value for key, value in theirs.config.items() if key != "_name_or_path"
        }


def test_loading_draws_no_random_numbers(folder: Path) -> None:
    """What is trained after a network was loaded depends on the seed alone."""
    torch.manual_seed(0)
    expected = torch.randn(3)
    torch.manual_seed(0)
    networks.load_model(folder)
    assert torch.equal(torch.randn(3), expected)


def test_images_and_latents_that_are_none_are_refused(folder: Path) -> None:
    model = networks.load_model(folder)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    torch.testing.assert_close(model.encode(images.double()), model.encode(images))
    for given, words in (
        ((images + 1) * 127.5, r"images span \[.*\], but must lie in \[-1, 1\]"),
        (images.clone().index_fill_(0, torch.tensor([1]), torch.nan), r"images span \[nan, nan\]"),
        (images[:0], "no images were given"),
        # two pixels to a latent, and a U-Net that halves latents once
        (images[..., :30, :], r"multiples of 4; \(2, 3, 30, 32\) was given"),
        (images[:, :1], r"images N x 3 x H x W .*\(2, 1, 32, 32\) was given"),
        (images[..., :0, :0], r"images N x 3 x H x W .*\(2, 3, 0, 0\) was given"),
        (images.mul(127).byte(), "images must be a floating-point tensor .*; torch.uint8 of shape"),
        (images.numpy(), "images must be a floating-point tensor .*; an array of shape .* was given"),
        (None, "images must be a floating-point tensor .*; None was given"),
    ):
        with pytest.raises(InvalidParameterError, match=words):
            model.encode(given)
    latents = torch.zeros(1, 4, 16, 16)
    for given, words in (
        (torch.full_like(latents, torch.inf), "latents hold NaN or infinity"),
        (latents[:, :3], r"takes latents N x 4 x h x w; \(1, 3, 16, 16\) was given"),
        (latents[:0], r"takes latents N x 4 x h x w; \(0, 4, 16, 16\) was given"),
        (latents.int(), "latents must be a floating-point tensor .*; torch.int32 of shape"),
    ):
        with pytest.raises(InvalidParameterError, match=words):
            model.decode(given)
    torch.testing.assert_close(model.decode(latents.double()), model.decode(latents))


def test_weights_under_another_name_are_read_or_named(folder: Path) -> None:
    first = networks.load_model(folder).hash
    (folder / WEIGHTS).rename(folder / "diffusion_pytorch_model.fp16.safetensors")
    assert networks.load_model(folder).hash == first
    shard = folder / "diffusion_pytorch_model-00001-of-00002.safetensors"
    for name, words in (
        ("diffusion_pytorch_model.bf16.safetensors", "but 2 variants of it .* leave one of them there"),
        (shard.name, r"but shards .* max_shard_size='100GB'"),
        ("diffusion_pytorch_model.bin", "but pickled weights .* safe_serialization=True"),
    ):
        (folder / name).write_bytes(b"weights")
        if name != "diffusion_pytorch_model.bf16.safetensors":
            (folder / "diffusion_pytorch_model.fp16.safetensors").unlink(missing_ok=True)
        with pytest.raises(CheckpointError, match=words):
            networks.load_model(folder)
        (folder / name).unlink()
    (folder / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(CheckpointError, match="pointer of Git LFS and no weights; run 'git lfs pull'"):
        networks.load_model(folder)


def test_a_wrapped_network_is_saved_without_its_wrapper(folder: Path) -> None:
    network = networks.small_unet(16, 4, 5, (16, 32))
    networks.save_network(network, folder, CARD)
    first = networks.load_model(folder).hash
    networks.save_network(torch.nn.DataParallel(network), folder, CARD)
    assert networks.load_model(folder).hash == first
    network.peft_config = {"style": None}
    for given, words in ((network, "a UNet2DModel with adapters was given"), (torch.nn.Linear(1, 1), "a Linear was")):
        with pytest.raises(InvalidParameterError, match=words):
            networks.save_network(given, folder, CARD)


def test_files_say_of_a_model_what_the_loaded_one_does() -> None:
    """Keys of results are made of the one, and what is computed anew runs the other."""
    cards = {name: checkpoints.read_card(folder) for name, folder in checkpoints.available("card.json").items()}
    names = [name for name, card in cards.items() if card.get("process")]
    assert {"photos", "bbbc021-dit", "bbbc021-rendered", "edges2shoes-rendered", "textures", "textures-flow"} <= {
        *names
    }
    for name in names:
        said, model = checkpoints.facts(name), checkpoints.load_model(name)
        assert said[:3] == (model.card, model.hash, model.denoiser.process)
        classes = {type(model.denoiser), type(model.denoiser.process), type(model.denoiser.network)}
        assert sorted(map(str, map(identity, said.classes))) == sorted(map(str, map(identity, classes)))
        assert said.downsampling == model.downsampling
        channels, side = model.denoiser.network.config.in_channels, 64 // said.downsampling
        assert model.encode(torch.zeros(1, 3, 64, 64)).shape == (1, channels, side, side)
        assert model.denoiser.num_labels == 5


def test_a_network_whose_weights_are_not_included_is_known_by_its_record(folder: Path) -> None:
    """The record's card has the hash that the model had, so results on it are found; loading says what to do."""
    whole = checkpoints.facts("photos")
    record = folder.parents[1] / "records" / "gone"
    record.mkdir(parents=True)
    card = json.loads((folder / "card.json").read_text()) | {"model_hash": whole.hash}
    (record / "card.json").write_text(json.dumps(card))
    (record / "config.json").write_bytes((folder / "config.json").read_bytes())
    found = checkpoints.facts("gone")
    assert (found.hash, found.process, found.downsampling) == (whole.hash, whole.process, whole.downsampling)
    assert found.classes == whole.classes
    with pytest.raises(CheckpointError, match=r"weights of 'gone' are not included.*'spectral-collapse train gone'"):
        networks.load_model("gone")
    with pytest.raises(CheckpointError, match="no checkpoint 'elsewhere'"):
        checkpoints.facts("elsewhere")
    with pytest.raises(CheckpointError, match=r"the folder '.*' has no config\.json, so there is no network in it"):
        checkpoints.facts(folder.parents[1])
