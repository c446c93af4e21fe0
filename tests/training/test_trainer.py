from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import accelerate
import pytest
import torch

from spectral_collapse import memory, networks, results
from spectral_collapse.errors import CheckpointError, InvalidParameterError, NotFiniteError
from spectral_collapse.processes import VarianceExploding
from spectral_collapse.training import precision, recipes, states, tasks, trainer
from spectral_collapse.training.objectives import denoising_loss
from tests.training.tiny import tiny_pool, tiny_recipe

pytestmark = pytest.mark.usefixtures("home")
WEIGHTS = "diffusion_pytorch_model.safetensors"


def _images() -> torch.Tensor:
    """What the tiny recipes are trained on."""
    return tiny_pool(recipes.get("photos", "smoke"), "auto", None).take(torch.arange(16))


def _weights(folder: Path) -> bytes:
    return (folder / WEIGHTS).read_bytes()


class PowerCutError(Exception):
    """The end of a training, as far as it is concerned."""


def _cut_power(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Makes training fail right after it saved the state of a step, before it writes anything else."""
    save = states.save

    def save_and_fail(run: Path, trained: states.Trained, **progress: object) -> None:
        save(run, trained, **progress)
        if progress["step"] == after:
            raise PowerCutError

    monkeypatch.setattr(states, "save", save_and_fail)


def _interrupted(monkeypatch: pytest.MonkeyPatch, recipe: recipes.Recipe, after: int) -> Path:
    """The folder of a run called 'parts' that was cut off after a step."""
    with monkeypatch.context() as patch:
        _cut_power(patch, after)
        with pytest.raises(PowerCutError):
            trainer.train(recipe, name="parts")
    return trainer.paths.runs() / "parts"


@pytest.mark.parametrize("name", ["photos", "photos-edm", "photos-dit-sample", "photos-pixel"])
def test_a_trained_checkpoint_loads_as_a_model(name: str) -> None:
    folder = trainer.train(tiny_recipe(name, 2, validate_every=2))
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


def test_a_training_begins_with_the_weights_of_another_and_its_card_says_so() -> None:
    first = networks.load_model(trainer.train(tiny_recipe("photos-pixel", 2), name="first"))
    folder = str(trainer.paths.runs() / "first" / "model")
    still = tiny_recipe("photos-pixel", 1, start=folder, learning_rate=1e-12, seed=1)
    again = networks.load_model(trainer.train(still, name="again"))
    # the first step is of the warm-up, with a rate of 0, and the average is a copy
    for name, weight in first.denoiser.network.state_dict().items():
        torch.testing.assert_close(again.denoiser.network.state_dict()[name], weight, rtol=0, atol=1e-9)
    assert again.card["start_hash"] == first.hash
    assert again.card["process"]["beta_end"] == 0.02
    other = still.replace(architecture={"patch": 2, "widths": [16, 16], "attention": 0})
    with pytest.raises(CheckpointError, match=r"starts from '.*model', whose network has other weights than its own"):
        trainer.train(other, name="other")


def test_the_papers_unet_is_told_its_labels_after_a_round_trip() -> None:
    """Its table of labels is trained, saved and read back: each label gives another answer."""
    small = {"widths": (32, 32), "layers": 1, "states": 8}
    recipe = tiny_recipe("photos", 3, network="paper_unet", architecture=small, gradient_checkpointing=True)
    model = networks.load_model(trainer.train(recipe))
    assert model.denoiser.context.shape == (5, 1, 8)
    x, level = torch.randn(1, 4, 8, 8).expand(5, -1, -1, -1), model.denoiser.process.levels(5)[2]
    noise = model.denoiser(x, level, torch.arange(5)).noise
    assert all(not torch.allclose(noise[i], noise[j], atol=1e-6) for i in range(5) for j in range(i))
    fresh = networks.paper_unet(8, 4, 5, **small)
    assert not torch.allclose(fresh.encoder_hid_proj.weight.T[:, None], model.denoiser.context)


def test_an_autoencoders_latents_are_measured() -> None:
    recipe = tiny_recipe("photos", 1).replace(measure_latents=True)
    folder = trainer.paths.checkpoints() / "autoencoder"
    published = networks.small_autoencoder((16, 16, 16))  # as Stable Diffusion's: with a scaling_factor only
    networks.save_network(published, folder, {})
    model = networks.load_model(trainer.train(recipe))
    latents = model.encode(_images())
    # 2048 draws from the sixteen images, both domains alike
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(4), rtol=0, atol=0.1)
    assert latents.square().mean().item() == pytest.approx(1, rel=0.05)
    kept = networks.load_model(trainer.train(recipe.replace(measure_latents=False), name="kept"))
    assert "latents_mean" not in kept.card
    torch.testing.assert_close(kept.encode(_images()), 0.18215 * kept.autoencoder.encode(_images()).latent_dist.mean)


def test_dropout_is_drawn_anew_in_every_step_and_again_after_a_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its numbers are the global generator's, whose state is not saved."""
    dropping = {"network": "patched_unet", "architecture": {"widths": [16, 16], "dropout": 0.5}}
    recipe = tiny_recipe("photos-pixel", 4, **dropping)
    whole = trainer.train(recipe, name="whole")
    _interrupted(monkeypatch, recipe, after=2)
    assert _weights(trainer.train(recipe, name="parts", resume=True)) == _weights(whole)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "manual_seed", lambda seed: None)
        _interrupted(monkeypatch, recipe.replace(save_every=1), after=1)
        other = trainer.train(recipe, name="parts", resume=True)
    assert _weights(other) != _weights(whole)


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
    assert results.read(whole / "training.nc").equals(results.read(parts / "training.nc"))
    assert histories[0].sizes["iteration"] == 5
    assert histories[0]["step"].values.tolist() == [1, 2, 4, 5]  # early looks halve the interval


def test_a_state_that_is_unreadable_of_another_recipe_or_beyond_the_steps_is_not_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = tiny_recipe("photos", 6)
    with pytest.raises(CheckpointError, match="no readable saved state"):
        trainer.train(recipe, resume=True)
    run = _interrupted(monkeypatch, recipe, after=2)
    with pytest.raises(CheckpointError, match=r"was trained with learning_rate 0\.0005, but the recipe now has 0\.1"):
        trainer.train(recipe.replace(learning_rate=0.1), name="parts", resume=True)
    with pytest.raises(CheckpointError, match=r"is of step 2, beyond the 1 steps asked for; ask for more"):
        trainer.train(recipe.replace(steps=1), name="parts", resume=True)
    (run / "step-0000002" / "progress.json").write_text("{")
    with pytest.warns(UserWarning, match="cannot be read"), pytest.raises(CheckpointError, match="no readable saved"):
        trainer.train(recipe, name="parts", resume=True)


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
    replace = os.replace

    def full(source: Path, target: Path) -> None:
        if target.name == "step-0000004":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        sentence = r"the state of step 4 could not be written \(No space left on device\); the last saved state is"
        with pytest.raises(CheckpointError, match=sentence):
            trainer.train(recipe, name="run")
    run = trainer.paths.runs() / "run"
    assert sorted(entry.name for entry in run.iterdir()) == [".lock", "step-0000002", "training.nc"]
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
    monkeypatch.setattr(trainer, "_step_seed", lambda seed, step: 1)
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


def test_bad_arguments_are_refused_in_one_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidParameterError, match=r"a batch of 5 .* shared out evenly among 1 devices, at most 2 at"):
        trainer.train(tiny_recipe("photos", 1, batch_size=5, device_batch=2))
    with pytest.raises(InvalidParameterError, match="source must be 'auto', 'real' or 'rendered'; 'both' was given"):
        trainer.train("photos", source="both")
    monkeypatch.setattr(tasks, "load_pool", _never)  # what follows is refused before the images
    for name, changed, words in (
        ("photos", {"architecture": {"depth": 3}}, "unknown argument 'depth' of the network 'patched_unet'"),
        ("photos", {"size": 66}, r"size in the recipe 'photos' must be a multiple of 4, .*; 66 was"),
        ("autoencoder", {"network": "small_unet"}, "unknown autoencoder 'small_unet'; known are: patched"),
        ("autoencoder", {"architecture": {"depth": 3}}, "unknown argument 'depth' of the autoencoder 'patched_autoenc"),
    ):
        with pytest.raises(InvalidParameterError, match=words):
            trainer.train(tiny_recipe(name, 1, **changed))
    shutil.rmtree(home / "checkpoints")
    with pytest.raises(CheckpointError, match="no checkpoint 'autoencoder'"):
        trainer.train(tiny_recipe("photos", 2))


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


def _holding(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _never(*_: object) -> None:
    raise AssertionError("nothing may be prepared or trained")


def test_what_else_is_in_the_output_folder_is_never_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny_recipe("photos", 1)
    monkeypatch.setattr(tasks, "prepare", _never)  # refused before, not after hours
    checkpoint = networks.small_unet(8, 4, 5, (16, 32))
    networks.save_network(checkpoint, tmp_path / "other", {"recipe": {"name": "photos-edm", "profile": "smoke"}})
    networks.save_network(checkpoint, tmp_path / "quick", {"recipe": {"name": "photos", "profile": "quick"}})
    networks.save_network(checkpoint, tmp_path / "unknown", {})
    networks.save_network(checkpoint, tmp_path / "mixed", {"recipe": {"name": "photos", "profile": "smoke"}})
    for folder, words in (
        (_holding(tmp_path / "thesis", "thesis.tex", "figures/one.png"), "holds 'figures' and 1 more"),
        (_holding(tmp_path / "hidden", ".git/HEAD"), "holds '.git', which"),
        (_holding(tmp_path / "folder", "card.json/mine"), "holds 'card.json', which"),
        (_holding(tmp_path / "mixed", "notes.txt"), "holds 'notes.txt', which"),
        (_holding(tmp_path, "file") / "file", "is a file; name a folder"),
        (tmp_path / "other", "of the recipe 'photos-edm' at 'smoke', not of 'photos' at 'smoke'"),
        (tmp_path / "quick", "of the recipe 'photos' at 'quick', not of 'photos' at 'smoke'"),
        (tmp_path / "unknown", "of the recipe None"),
        (trainer.paths.runs() / "run", "is where the run itself is kept"),
        (trainer.paths.runs(), "is where the run itself is kept"),
        (Path("/"), "is where the run itself is kept"),
    ):
        before = _files(tmp_path)
        with pytest.raises(CheckpointError, match=words):
            trainer.train(recipe, name="run", output=folder)
        assert _files(tmp_path) == before
    for wrong, words in ((5, "output must be a path; 5 was given"), ("~nobody-of-this-name/x", "no such home folder")):
        with pytest.raises(InvalidParameterError, match=words):
            trainer.train(recipe, output=wrong)


def test_a_checkpoint_of_the_same_recipe_is_replaced_and_so_is_an_empty_folder(tmp_path: Path) -> None:
    recipe, folder = tiny_recipe("photos", 1), tmp_path / "there"
    folder.mkdir()
    assert trainer.train(recipe, output=folder) == folder
    first = _weights(folder)
    assert _weights(trainer.train(recipe.replace(seed=1), output=folder)) != first
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_run_stays_in_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "prepare", _never)
    for name in ("../x", "..", ".", "", "/tmp/x", "a/b", "a\0b", ".hidden", "a" * 101, 5):
        with pytest.raises(InvalidParameterError, match="a name must begin with a letter or digit"):
            trainer.train(tiny_recipe("photos", 1), name=name)


def test_two_trainings_do_not_share_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = tasks.prepare

    def second(*arguments: object) -> tasks.Task:
        with pytest.raises(CheckpointError, match=r"another training is under way in .*runs/run'"):
            trainer.train(tiny_recipe("photos", 1), name="run")
        return prepare(*arguments)

    monkeypatch.setattr(tasks, "prepare", second)
    trainer.train(tiny_recipe("photos", 1), name="run")


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_the_learning_rate_is_a_function_of_the_step_and_the_steps(
    schedule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a run is resumed with other steps: from there on it has the rates of a run of so many steps."""
    rates: list[float] = []
    step = trainer._step

    def noting(*arguments: object) -> object:
        rates.append(arguments[4].param_groups[0]["lr"])
        return step(*arguments)

    monkeypatch.setattr(trainer, "_step", noting)
    recipe = tiny_recipe("photos", 4, schedule=schedule, warmup=1, learning_rate=0.01)

    def expected(at: int, steps: int) -> float:
        share = (at - 1) / (steps - 1)
        shapes = {"cosine": (1 + math.cos(math.pi * share)) / 2, "linear": 1 - share, "constant": 1.0}
        return 0.0 if at == 0 else 0.01 * shapes[schedule]

    _interrupted(monkeypatch, recipe, after=2)
    assert rates == pytest.approx([expected(at, 4) for at in range(2)])
    said = pytest.warns(UserWarning, match=r"with 8 steps in place of 4, .* goes on from step 2 at 0.0")
    with contextlib.nullcontext() if schedule == "constant" else said:
        trainer.train(recipe.replace(steps=8), name="parts", resume=True)
    assert rates[2:] == pytest.approx([expected(at, 8) for at in range(2, 8)])


@pytest.fixture
def minute_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step takes a minute, and nothing else takes any time."""
    clock, step = SimpleNamespace(now=0.0), trainer._step

    def slow(*arguments: object) -> object:
        clock.now += 60
        return step(*arguments)

    monkeypatch.setattr(trainer, "_step", slow)
    monkeypatch.setattr(trainer, "time", SimpleNamespace(monotonic=lambda: clock.now))


@pytest.mark.usefixtures("minute_steps")
@pytest.mark.parametrize(("minutes", "made"), [(0.001, 1), (2.5, 3), (3, 3), (100, 6)])
def test_minutes_end_a_training_as_so_many_steps_would(minutes: float, made: int) -> None:
    recipe = tiny_recipe("photos", 6, schedule="constant", validate_every=4)
    limited = trainer.train(recipe, name="limited", minutes=minutes)
    whole = trainer.train(recipe.replace(steps=made), name="whole")
    assert _weights(limited) == _weights(whole)
    assert results.read(limited / "training.nc").equals(results.read(whole / "training.nc"))
    cards = [json.loads((folder / "card.json").read_text()) for folder in (limited, whole)]
    assert cards[0] == cards[1]
    assert cards[0]["recipe"]["steps"] == made
    assert sorted(path.name for path in limited.parent.iterdir()) == [".lock", "model", "training.nc"]


@pytest.mark.usefixtures("minute_steps")
def test_minutes_count_from_the_call_that_resumes(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny_recipe("photos", 9, schedule="constant", warmup=2)
    _interrupted(monkeypatch, recipe, after=4)
    parts = trainer.train(recipe, name="parts", resume=True, minutes=2)
    assert _weights(parts) == _weights(trainer.train(recipe.replace(steps=6), name="whole"))


def test_minutes_that_are_none_or_would_cut_off_a_falling_rate_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "prepare", _never)
    for minutes in (0, -1.5, math.nan, math.inf, "5", True):
        with pytest.raises(InvalidParameterError, match=f"^minutes must be .*; {minutes!r} was given$"):
            trainer.train(tiny_recipe("photos", 1, schedule="constant"), minutes=minutes)
    for schedule in ("cosine", "linear"):
        with pytest.raises(InvalidParameterError, match=rf"\(schedule '{schedule}'\), .* cut off"):
            trainer.train(tiny_recipe("photos", 1, schedule=schedule), minutes=1)


def test_training_in_another_thread_leaves_the_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with ThreadPoolExecutor(1) as pool:
        folder = pool.submit(trainer.train, tiny_recipe("photos", 1), name="run").result()
    assert (folder / WEIGHTS).is_file()
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_accelerator_of_mixed_precision_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(**_: object) -> None:
        raise ValueError("AcceleratorState has already been initialized and cannot be changed")

    monkeypatch.setattr(accelerate, "Accelerator", taken)
    with pytest.raises(InvalidParameterError, match=r"has an accelerate\.Accelerator of mixed precision already"):
        trainer.train(tiny_recipe("photos", 1))


def test_a_training_runs_where_it_is_asked_to_or_says_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trainer.train(tiny_recipe("photos", 1), name="here", device="cpu").is_dir()
    with pytest.raises(InvalidParameterError, match=r"'cuda:99' is not here .*'cpu' always is"):
        trainer.train(tiny_recipe("photos", 1), name="there", device="cuda:99")
    monkeypatch.setattr(trainer, "check_device", torch.device)
    with pytest.raises(InvalidParameterError, match=r"Accelerator on 'cpu' already, so 'cuda:99' cannot be had"):
        trainer.train(tiny_recipe("photos", 1), name="there", device="cuda:99")


def test_the_card_and_the_bar_say_the_precision(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for has, chosen, called in ((True, "bf16", "bfloat16"), (False, "no", "float32")):
        monkeypatch.setattr(precision, "computes_in_bfloat16", lambda _, has=has: has)
        folder = trainer.train(tiny_recipe("photos", 1, precision="auto"), name=called)
        assert json.loads((folder / "card.json").read_text())["recipe"]["precision"] == chosen
        assert f"photos, {called}:" in capfd.readouterr().err


def test_a_resumed_run_keeps_the_precision_of_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny_recipe("photos", 4, precision="auto")
    monkeypatch.setattr(precision, "computes_in_bfloat16", lambda _: True)
    whole = trainer.train(recipe, name="whole")
    _interrupted(monkeypatch, recipe, after=2)
    monkeypatch.setattr(precision, "computes_in_bfloat16", lambda _: False)
    with pytest.raises(CheckpointError, match="was trained with precision 'bf16', but the recipe now has 'no'"):
        trainer.train(recipe.replace(precision="no"), name="parts", resume=True)
    with pytest.warns(UserWarning, match="only imitates bfloat16, .* the saved state was trained in it"):
        parts = trainer.train(recipe, name="parts", resume=True)
    assert _weights(whole) == _weights(parts)


def test_what_does_not_fit_into_memory_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidParameterError, match=r"a batch of 2000000000 .* needs at least [0-9.]+e\+03 GB"):
        trainer.train(tiny_recipe("photos", 1, batch_size=2_000_000_000))
    with monkeypatch.context() as patch:
        patch.setattr(memory, "total", lambda: 1e6)
        with pytest.raises(InvalidParameterError, match=r"needs at least .* and this machine has 0.001 GB"):
            trainer.train(tiny_recipe("photos", 1))

    def full(*_: object) -> torch.Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8000000000 bytes")

    monkeypatch.setattr(tasks, "denoising_loss", full)
    with pytest.raises(InvalidParameterError, match="does not suffice for the recipe 'photos'"):
        trainer.train(tiny_recipe("photos", 1))
