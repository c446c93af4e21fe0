from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch

from spectral_collapse import networks, results
from spectral_collapse.compat import ensure_torchvision
from spectral_collapse.errors import CheckpointError, InvalidParameterError, NotFiniteError
from spectral_collapse.processes import VarianceExploding
from spectral_collapse.training import recipes, tasks, trainer
from spectral_collapse.training.objectives import denoising_loss
from spectral_collapse.training.pool import Pool
from tests.training.tiny import tiny_pool, tiny_recipe

ensure_torchvision()
from diffusers.training_utils import EMAModel  # noqa: E402

pytestmark = pytest.mark.usefixtures("home")
WEIGHTS = "diffusion_pytorch_model.safetensors"


def _images() -> torch.Tensor:
    """What the tiny recipes are trained on."""
    return tiny_pool(recipes.get("photos", "smoke"), "auto", None).take(torch.arange(16))


def _weights(folder: Path) -> bytes:
    return (folder / WEIGHTS).read_bytes()


def _cut_power(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Makes training fail right after it saved the state of a step."""
    save = trainer._Saver.save

    def save_and_fail(self: trainer._Saver, step: int, seconds: float) -> None:
        save(self, step, seconds)
        if step == after:
            raise RuntimeError("power cut")

    monkeypatch.setattr(trainer._Saver, "save", save_and_fail)


def _interrupted(monkeypatch: pytest.MonkeyPatch, recipe: recipes.Recipe, after: int) -> Path:
    """The folder of a run called 'parts' that was cut off after a step."""
    with monkeypatch.context() as patch:
        _cut_power(patch, after)
        with pytest.raises(RuntimeError, match="power cut"):
            trainer.train(recipe, name="parts")
    return trainer.paths.runs() / "parts"


@pytest.mark.parametrize("name", ["photos", "photos-edm", "photos-dit-sample", "photos-pixel"])
def test_a_trained_checkpoint_loads_as_a_model(name: str) -> None:
    folder = trainer.train(
        tiny_recipe(name, 2, validate_every=2, network="small_dit" if "dit" in name else "small_unet")
    )
    assert folder == trainer.paths.runs() / f"{name}-smoke" / "model"
    model = networks.load_model(folder)
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    latents = model.encode(images)
    assert latents.shape == ((2, 3, 32, 32) if "pixel" in name else (2, 4, 8, 8))
    assert model.decode(latents).shape == images.shape
    noise, _ = model.denoiser(latents, model.denoiser.process.levels(5)[2], torch.tensor([0, 4]))
    assert noise.shape == latents.shape
    card = json.loads((folder / "card.json").read_text())
    assert (card["data"], card["data_source"], card["recipe"]["steps"]) == ("random numbers", "rendered", 2)
    assert {"s_hf", "loss"} <= set(card["scores"])
    assert {"card.json", "config.json", WEIGHTS, "samples.png", "training.nc"} == {p.name for p in folder.iterdir()}
    if name == "photos-edm":
        assert isinstance(model.denoiser.process, VarianceExploding)
        assert model.denoiser.sigma_data == card["sigma_data"]
        # the standard deviation of the latents that the network was trained on
        assert card["sigma_data"] == pytest.approx(model.encode(_images()).std().item(), rel=0.02)


def test_the_papers_unet_is_told_its_labels_after_a_round_trip() -> None:
    """Its table of labels is trained, saved and read back: each label gives another answer."""
    small = {"widths": (32, 32), "layers": 1, "states": 8}
    folder = trainer.train(
        tiny_recipe("photos", 3, network="paper_unet", architecture=small, gradient_checkpointing=True)
    )
    model = networks.load_model(folder)
    assert model.denoiser.context.shape == (5, 1, 8)
    x, level = torch.randn(1, 4, 8, 8).expand(5, -1, -1, -1), model.denoiser.process.levels(5)[2]
    noise = model.denoiser(x, level, torch.arange(5)).noise
    assert all(not torch.allclose(noise[i], noise[j], atol=1e-6) for i in range(5) for j in range(i))
    fresh = networks.paper_unet(8, 4, 5, **small)
    assert not torch.allclose(fresh.encoder_hid_proj.weight.T[:, None], model.denoiser.context)


def test_an_autoencoders_latents_are_measured() -> None:
    recipe = dataclasses.replace(tiny_recipe("photos", 1), measure_latents=True)
    folder = trainer.paths.checkpoints() / "autoencoder"
    published = networks.small_autoencoder((16, 16, 16))  # as Stable Diffusion's: with a scaling_factor only
    networks.save_network(published, folder, {})
    model = networks.load_model(trainer.train(recipe))
    latents = model.encode(_images())
    # 2048 draws from the sixteen images, both domains alike
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(4), rtol=0, atol=0.1)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(4), rtol=0.05, atol=0)
    kept = networks.load_model(trainer.train(dataclasses.replace(recipe, measure_latents=False), name="kept"))
    assert "latents_mean" not in kept.card
    torch.testing.assert_close(kept.encode(_images()), 0.18215 * kept.autoencoder.encode(_images()).latent_dist.mean)


@pytest.mark.parametrize("name", ["autoencoder", "photos-edm"])
def test_resumed_training_gives_the_same_weights_as_uninterrupted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny_recipe(name, 5, validate_every=2, device_batch=2)
    whole = trainer.train(recipe, name="whole")
    run = _interrupted(monkeypatch, recipe, after=2)
    with pytest.raises(CheckpointError, match=r"unfinished run .* step-0000002"):
        trainer.train(recipe, name="parts")
    parts = trainer.train(recipe, name="parts", resume=True)
    assert not list(run.glob("step-*"))
    assert _weights(whole) == _weights(parts)
    histories = [results.read(trainer.paths.runs() / part / "training.nc") for part in ("whole", "parts")]
    assert histories[0].equals(histories[1])
    assert histories[0].sizes["iteration"] == 5
    assert histories[0]["step"].values.tolist() == [1, 2, 4, 5]  # early looks halve the interval


@pytest.mark.parametrize("damage", ["truncated", "one bit", "a file is missing"])
def test_a_damaged_state_falls_back_to_the_one_before_it(damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny_recipe("photos", 6)
    whole = trainer.train(recipe, name="whole")
    run = _interrupted(monkeypatch, recipe, after=4)
    file = run / "step-0000004" / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    if damage == "a file is missing":
        file.unlink()
    else:
        file.write_bytes(content[:100] if damage == "truncated" else content)
    with pytest.warns(UserWarning, match=r"step-0000004' cannot be read .*; trying the one before it"):
        parts = trainer.train(recipe, name="parts", resume=True)
    assert _weights(whole) == _weights(parts)


def test_without_a_readable_state_there_is_nothing_to_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny_recipe("photos", 6)
    with pytest.raises(CheckpointError, match="no readable saved state"):
        trainer.train(recipe, resume=True)
    run = _interrupted(monkeypatch, recipe, after=2)
    (run / "step-0000002" / "progress.json").write_text("{")
    with pytest.warns(UserWarning, match="cannot be read"), pytest.raises(CheckpointError, match="no readable saved"):
        trainer.train(recipe, name="parts", resume=True)


def test_a_state_of_another_recipe_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny_recipe("photos", 4)
    _interrupted(monkeypatch, recipe, after=2)
    with pytest.raises(CheckpointError, match=r"was trained with learning_rate 0\.0005, but the recipe now has 0\.1"):
        trainer.train(dataclasses.replace(recipe, learning_rate=0.1), name="parts", resume=True)


def test_the_last_states_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    run = _interrupted(monkeypatch, tiny_recipe("photos", 9), after=8)
    assert [state.name for state in sorted(run.glob("step-*"))] == ["step-0000006", "step-0000008"]


def test_sigterm_saves_the_state_after_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny_recipe("photos", 6, save_every=100)
    whole = trainer.train(recipe, name="whole")
    step = trainer._step
    calls: list[int] = []

    def terminate(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(*arguments)

    before = signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "_step", terminate)
        with pytest.raises(KeyboardInterrupt):
            trainer.train(recipe, name="run")
    assert signal.getsignal(signal.SIGTERM) == before
    progress = json.loads((trainer.paths.runs() / "run" / "step-0000003" / "progress.json").read_text())
    assert progress["step"] == 3
    assert _weights(trainer.train(recipe, name="run", resume=True)) == _weights(whole)


def test_a_full_disk_is_one_sentence_and_leaves_the_earlier_state(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny_recipe("photos", 6)
    whole = trainer.train(recipe, name="whole")
    rename = Path.rename

    def full(self: Path, target: Path) -> Path:
        if target.name == "step-0000004":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", full)
        with pytest.raises(CheckpointError) as error:
            trainer.train(recipe, name="run")
    message = str(error.value)
    assert "\n" not in message
    assert "the state of step 4 could not be written (No space left on device); the last saved state is" in message
    run = trainer.paths.runs() / "run"
    assert sorted(entry.name for entry in run.iterdir()) == ["step-0000002", "training.nc"]
    assert _weights(trainer.train(recipe, name="run", resume=True)) == _weights(whole)


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_what_is_not_finite_stops_the_run_and_names_the_last_state(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def spoilt(*arguments: object) -> torch.Tensor:
        loss = denoising_loss(*arguments)
        calls.append(1)
        if len(calls) < 4:
            return loss
        # the root's slope at 0 is infinite
        return loss * float("nan") if where == "loss" else loss + (loss - loss.detach()).abs().sqrt()

    monkeypatch.setattr(tasks, "denoising_loss", spoilt)
    with pytest.raises(NotFiniteError, match=r"NaN or infinite at step 3; the last saved state is .*step-0000002'"):
        trainer.train(tiny_recipe("photos", 6), name="run")


def test_one_batch_can_be_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = trainer._step_generator
    monkeypatch.setattr(trainer, "_step_generator", lambda seed, step: draw(seed, 0))
    trainer.train(tiny_recipe("photos", 150, learning_rate=4e-3, ema_decay=0.9, save_every=1000), name="run")
    losses = results.read(trainer.paths.runs() / "run" / "training.nc")["train_loss"].values
    assert losses[-1] < 0.1 * losses[0]


def test_a_batch_in_parts_gives_the_same_losses() -> None:
    """Gradient accumulation, to float32's rounding, which training amplifies a little."""
    losses = []
    for device_batch in (0, 1):
        trainer.train(tiny_recipe("photos", 4, device_batch=device_batch), name=f"by-{device_batch}")
        losses.append(results.read(trainer.paths.runs() / f"by-{device_batch}" / "training.nc")["train_loss"].values)
    torch.testing.assert_close(*map(torch.from_numpy, losses), rtol=1e-5, atol=0)


def test_a_batch_that_cannot_be_shared_out_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match=r"a batch of 5 .* shared out evenly among 1 devices, at most 2 at"):
        trainer.train(tiny_recipe("photos", 1, batch_size=5, device_batch=2))


def test_the_averaged_weights_follow_the_closed_form() -> None:
    """For weights w_k = k: the sum of (1 - decay) decay^(n - k) w_k, once diffusers' own warm-up is over."""
    weight = torch.nn.Parameter(torch.zeros(1))
    average = EMAModel([weight], decay=0.5)
    values, decays = [], []
    for step in range(1, 30):
        weight.data.fill_(step)
        average.step([weight])
        values.append(step)
        decays.append(average.cur_decay_value)
    # the warm-up: (1 + k) / (10 + k) until it reaches the decay, and a copy at the first step
    assert decays[:3] == pytest.approx([0, 2 / 11, 3 / 12])
    assert decays[-1] == 0.5
    expected = sum(
        value * (1 - decay) * torch.tensor(decays[k + 1 :]).double().prod().item()
        for k, (value, decay) in enumerate(zip(values, decays, strict=True))
    )
    assert average.shadow_params[0].item() == pytest.approx(expected, rel=1e-6)


def test_the_checkpoint_holds_the_averaged_weights() -> None:
    """A decay of 1 keeps the weights of the only step that is copied, the one before averaging begins."""
    still, moving = (
        networks.load_model(trainer.train(tiny_recipe("photos", 4, ema_decay=decay, ema_start=9), name=str(decay)))
        for decay in (1.0, 0.0)
    )
    # before ema_start the average is a copy, whatever the decay
    assert still.hash == moving.hash
    late = networks.load_model(trainer.train(tiny_recipe("photos", 4, ema_decay=1.0), name="late"))
    assert late.hash != moving.hash


def test_bad_arguments_are_refused_in_one_sentence(home: Path) -> None:
    with pytest.raises(InvalidParameterError, match="unknown recipe 'cats'; known are: autoencoder, photos"):
        trainer.train("cats")
    with pytest.raises(InvalidParameterError, match="steps in the recipe 'photos' must be"):
        trainer.train("photos", steps=0)
    with pytest.raises(InvalidParameterError, match="unknown source in the recipe 'photos' 'both'"):
        trainer.train("photos", source="both")
    with pytest.raises(
        InvalidParameterError, match="unknown argument 'depth' of the network 'small_unet'; known are: wi"
    ):
        trainer.train(tiny_recipe("photos", 1, architecture={"depth": 3}))
    shutil.rmtree(home / "checkpoints")
    with pytest.raises(CheckpointError, match="no checkpoint 'autoencoder'"):
        trainer.train(tiny_recipe("photos", 2))


def test_the_profile_names_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pool, "choose", lambda self, count, generator: torch.arange(count) % len(self.labels))
    assert trainer.train("photos", profile="smoke", steps=1).parent.name == "photos-smoke"


def test_early_looks_halve_the_interval() -> None:
    recipe = tiny_recipe("photos", 1100, validate_every=500)
    looks = [step for step in range(1, 1101) if trainer._is_looked_at(step, recipe)]
    assert looks == [7, 15, 31, 62, 125, 250, 500, 1000, 1100]
