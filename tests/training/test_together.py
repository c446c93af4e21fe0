from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from spectral_collapse import networks
from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.networks.build import create_autoencoder
from spectral_collapse.networks.checkpoints import shipped
from spectral_collapse.training import recipes, states, together

ROOT = Path(__file__).parents[2]
TINY = "size = 32\nimages = 16\nsteps = {steps}\nbatch_size = 2\nvalidate_every = 0\n"


def tiny(folder: Path, name: str, base: str, steps: int = 3, more: str = "") -> str:
    """A file with a recipe of profile gpu, but small; `more` are lines of that profile."""
    file = folder / f"{name}.toml"
    file.write_text(f'base = ["{base}"]\n[gpu]\n{TINY.format(steps=steps)}{more}')
    return str(file)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


def test_each_has_a_process_and_one_that_fails_does_not_stop_the_others(home: Path) -> None:
    """Three steps of recipes of profile gpu, whose autoencoder is made before what needs it."""
    encoder = tiny(home, "encoder", "autoencoder", more="architecture = { patch = 4, latent_channels = 8 }\n")
    latent = tiny(home, "few", "photos", more='autoencoder = "encoder-32"\narchitecture = { widths = [16] }\n')
    broken = tiny(home, "broken", "photos")  # whose autoencoder is not there
    failures = together.train_together([latent, broken, encoder], "gpu", 9)
    logs = "\n".join(log.read_text()[-1000:] for log in (home / "runs").glob("*.log"))
    assert [failure.split(";")[0] for failure in failures] == ["broken (no checkpoint 'autoencoder-128'"], logs
    made = sorted(folder.name for folder in (home / "checkpoints").iterdir())
    assert made == ["encoder-32", "few-32"], logs
    model = networks.load_model("few-32")
    assert (model.card["recipe"]["steps"], model.card["recipe"]["profile"]) == (3, "gpu")
    assert model.autoencoder.config.latent_channels == 8
    assert shipped("photos", 32) == ["few-32"]
    # asked again, what is done is left alone
    before = {file: file.stat().st_mtime_ns for file in (home / "checkpoints").rglob("*")}
    assert together.train_together([latent, encoder], "gpu", 9) == []
    assert {file: file.stat().st_mtime_ns for file in (home / "checkpoints").rglob("*")} == before


def test_an_interrupted_one_goes_on_from_its_state(home: Path) -> None:
    long = tiny(home, "long", "textures", 10**6, "architecture = { widths = [16], attention = 0 }\n")
    log, run = (home / "runs" / name for name in ("long-gpu.log", "long-gpu"))
    command = [sys.executable, "-m", together.__name__, "gpu", "9", long]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not (log.is_file() and re.search(r" [1-9]\d*/1000000", log.read_text())):
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGTERM)
        os.kill(process.pid, signal.SIGTERM)  # twice, as from make and from what ended make
        _, said = process.communicate()
    assert process.returncode == 2
    assert re.search(r"^1 of 1 trainings did not finish.*: long \(interrupted; what was finished is kept\)$", said)
    [state] = states.saved(run)
    step = int(state.name.removeprefix("step-"))
    assert together.train_together([long], "gpu", 0.1) == []
    card = json.loads((home / "checkpoints" / "long-32" / "card.json").read_text())
    assert step < card["recipe"]["steps"] < 10**6
    assert states.saved(run) == []


def test_nothing_begins_where_something_would_be_lost_or_is_unknown(home: Path) -> None:
    mine = home / "checkpoints" / "photos-128" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(CheckpointError, match=r"photos-128' holds 'mine.txt', which"):
        together.train_together(["textures", "photos"], "gpu", 1)
    with pytest.raises(InvalidParameterError, match="unknown recipe 'cats'"):
        together.train_together(["textures", "cats"], "gpu", 1)
    with pytest.raises(InvalidParameterError, match="minutes must be above 0"):
        together.train_together(["textures"], "gpu", float("nan"))
    assert not (home / "runs").exists()


def test_what_make_trains_on_a_gpu_has_names_of_its_own_and_fits_into_60_megabytes() -> None:
    asked = subprocess.run(
        ["make", "--dry-run", "--always-make", "checkpoints", "PROFILE=gpu"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    [line] = [line for line in asked.stdout.splitlines() if together.__name__ in line]
    profile, minutes, *names = line.split(together.__name__)[1].split()
    assert profile == "gpu"
    assert float(minutes) <= 23  # of 25: validations and writing come after it
    found = [recipes.get(name, "gpu") for name in names]
    folders = [together.output(recipe).name for recipe in found]
    assert folders[0] == "autoencoder-128"
    assert {*folders} & {*recipes.names()} == {"edges2shoes-256"}  # which has its size in its name
    assert len({*folders}) == len(folders)
    assert {recipe.autoencoder for recipe in found} == {"", folders[0]}
    weights = 0
    with torch.device("meta"):
        for recipe in found:
            side, channels = (recipe.size // 4, 20) if recipe.autoencoder else (recipe.size, 3)
            network = (
                create_autoencoder(recipe.network, **recipe.architecture)
                if recipe.kind == "autoencoder"
                else networks.create(recipe.network, side, channels, 5, **recipe.architecture)
            )
            weights += sum(weight.numel() for weight in network.parameters())
    assert 2 * weights < 55.5e6  # in half precision; the rest is for cards, samples and curves
