from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest
import torch

from spectral_collapse import networks
from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.networks.build import create_autoencoder
from spectral_collapse.networks.checkpoints import shipped
from spectral_collapse.training import recipes, states, train
from spectral_collapse.training.relay import Training, listed, relay

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
TINY = "size = 32\nimages = 16\nsteps = {steps}\nbatch_size = 2\n"


def tiny(folder: Path, name: str, base: str, steps: int = 3, more: str = "validate_every = 3\n") -> str:
    """A file with a recipe of profile gpu, but small; `more` are lines of that profile."""
    file = folder / f"{name}.toml"
    file.write_text(f'base = ["{base}"]\n[gpu]\n{TINY.format(steps=steps)}{more}')
    return str(file)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    return tmp_path


def test_a_trainings_process_has_a_low_priority_among_sessions_too(home: Path) -> None:
    """Linux ignores the priority of a process beside those of other sessions, if it groups them."""
    training = Training("none", recipes.get("photos"), None)
    process = training.start(nice=7)
    try:
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == 7
        grouped = Path(f"/proc/{process.pid}/autogroup")
        assert not grouped.exists() or grouped.read_text().endswith("nice 7\n")
    finally:
        process.kill()
        process.wait()


def test_what_another_needs_comes_first_and_one_that_fails_stops_none(home: Path) -> None:
    """Three steps of recipes of profile gpu; their autoencoder comes last in the list and is made first."""
    encoder = tiny(
        home, "encoder", "autoencoder", more="architecture = { patch = 4, latent_channels = 8 }\nvalidate_every = 0\n"
    )
    latent = tiny(
        home, "few", "photos", more='autoencoder = "encoder-32"\narchitecture = { widths = [16] }\nvalidate_every = 3\n'
    )
    broken = tiny(home, "broken", "photos")  # whose autoencoder is not there
    said: list[str] = []
    failures = relay([latent, broken, encoder], "gpu", together=2, nice=0, say=said.append)
    assert [failure.split(";")[0] for failure in failures] == ["broken (no checkpoint 'autoencoder-128'"], said
    made = sorted(folder.name for folder in (home / "checkpoints").iterdir())
    assert made == ["encoder-32", "few-32"]
    assert said[:3] == ["few: not begun", "broken: not begun", "encoder: not begun"]
    [line] = [line for line in said if line.startswith("few: done")]
    told = r"few: done, 6 images seen in 0\.\d hours; held-out loss by noise: low [\d.]+, middle [\d.]+, high [\d.]+; "
    assert re.match(told + r"S_HF of samples [\d.-]+ at step 3$", line), line
    assert networks.load_model("few-32").autoencoder.config.latent_channels == 8
    assert shipped("photos", 32) == ["few-32"]
    # asked again, what is done is left alone
    before = {file: file.stat().st_mtime_ns for file in (home / "checkpoints").rglob("*")}
    assert relay([latent, encoder], "gpu", nice=0, say=said.append) == []
    assert {file: file.stat().st_mtime_ns for file in (home / "checkpoints").rglob("*")} == before


def test_it_goes_on_after_a_kill_and_after_an_interrupt_as_if_there_had_been_none(home: Path) -> None:
    """40 steps in one go, and 40 with a SIGKILL and an interrupted relay in between: the same weights."""
    small = "architecture = { patch = 2, widths = [16], attention = 0 }\nsave_every = 5\nvalidate_every = 0\n"
    file = tiny(home, "broken", "textures", 40, small)
    [training] = listed([file], "gpu")

    def reached(step: int) -> bool:
        return any(int(one.name.removeprefix("step-")) >= step for one in states.saved(training.run))

    process = training.start(0)
    while not reached(5):
        assert process.poll() is None, training.last_words()
        time.sleep(0.05)
    assert training.busy  # as after a kill of the relay alone, which the process of the training outlives
    process.kill()
    process.wait()
    while training.busy:  # the lock of a killed process is free a moment later
        time.sleep(0.05)
    assert relay([file], "gpu", nice=0, interrupted=lambda: reached(15), say=lambda line: None) == []
    assert not training.done
    assert relay([file], "gpu", nice=0, say=lambda line: None) == []
    assert training.done
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the relay's processes have
    try:
        whole = train(training.recipe, name="whole")
    finally:
        torch.set_num_threads(threads)
    one, other = (networks.load_model(made).denoiser.network.state_dict() for made in (training.checkpoint, whole))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_network_that_another_starts_from_stays_with_its_run() -> None:
    first, second = listed(["textures-first", "textures"], "quick")
    assert second.recipe.start == "textures-first"
    assert (first.output, first.checkpoint) == (None, first.run / "model")
    assert second.needs(first)
    assert not first.needs(second)


def test_nothing_begins_where_something_would_be_lost_or_is_unknown(home: Path) -> None:
    mine = home / "checkpoints" / "photos-128" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(CheckpointError, match=r"photos-128' holds 'mine.txt', which"):
        relay(["textures", "photos"], "gpu")
    with pytest.raises(InvalidParameterError, match="unknown recipe 'cats'"):
        relay(["textures", "cats"], "gpu")
    with pytest.raises(InvalidParameterError, match="minutes must be above 0"):
        relay(["textures"], "gpu", minutes=float("nan"))
    with pytest.raises(InvalidParameterError, match="together must be a whole number of at least 1"):
        relay(["textures"], "gpu", together=0)
    assert not (home / "runs").exists()


def test_states_lie_where_the_user_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_RUNS", str(home / "elsewhere"))
    assert listed(["textures"], "quick")[0].run == home / "elsewhere" / "textures"


def test_what_make_trains_on_a_gpu_has_names_of_its_own_and_fits_into_60_megabytes() -> None:
    command = ["make", "--dry-run", "--always-make", "checkpoints", "PROFILE=gpu"]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    [line] = [line for line in asked.stdout.splitlines() if " relay " in line]
    names, options = line.split(" relay ")[1].split(" --", 1)
    names = names.split()
    assert options.strip() == f"profile gpu --together {len(names)}"
    trainings = listed(names, "gpu")
    folders = [training.checkpoint.name for training in trainings]
    assert folders[0] == "autoencoder-128"
    assert {*folders} & {*recipes.names()} == {"edges2shoes-256"}  # which has its size in its name
    assert len({*folders}) == len(folders)
    assert {training.recipe.autoencoder for training in trainings} == {"", folders[0]}
    weights = 0
    with torch.device("meta"):
        for recipe in (training.recipe for training in trainings):
            side, channels = (recipe.size // 4, 20) if recipe.autoencoder else (recipe.size, 3)
            network = (
                create_autoencoder(recipe.network, **recipe.architecture)
                if recipe.kind == "autoencoder"
                else networks.create(recipe.network, side, channels, 5, **recipe.architecture)
            )
            weights += sum(weight.numel() for weight in network.parameters())
    assert 2 * weights < 55.5e6  # in half precision; the rest is for cards, samples and curves
