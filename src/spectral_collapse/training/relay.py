"""Trainings in turn: the next unfinished one of a list starts whenever there is room, at low priority.

    spectral-collapse relay autoencoder photos bbbc021 --together 2

trains two of these recipes at a time, each in a process of its own with one thread. What they leave:

    data/checkpoints/photos/    the checkpoint of a recipe; with its size in the name at other profiles than quick
    data/runs/photos/           its saved states, as long as it is not done
    data/runs/photos.log        what its process said

Started again, whatever ended it, the relay goes on where it stopped: finished trainings are left alone, others resume
from their last state.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from spectral_collapse import paths, results
from spectral_collapse.checks import check_count, check_number
from spectral_collapse.errors import DataError
from spectral_collapse.networks.checkpoints import check_free
from spectral_collapse.training import history, recipes, states
from spectral_collapse.training.recipes import Recipe

_REPORT_SECONDS = 600.0
_NOISE = {"low": (0, 0.3), "middle": (0.3, 3), "high": (3, np.inf)}
"""Bands of the noise-to-signal ratio, in which the held-out loss is reported."""


@dataclass(frozen=True, eq=False)
class Training:
    """A recipe in a relay.

    asked: the recipe's name, or its file. output: the checkpoint's folder, None where another recipe of the list
    starts from this one: it stays with the run then.
    """

    asked: str | Path
    recipe: Recipe
    output: Path | None

    @property
    def run(self) -> Path:
        """The folder of its states and curves."""
        quick = self.recipe.profile == "quick"
        return paths.runs() / (self.recipe.name if quick else f"{self.recipe.name}-{self.recipe.profile}")

    @property
    def checkpoint(self) -> Path:
        """The folder of its checkpoint."""
        return self.output or self.run / "model"

    @property
    def done(self) -> bool:
        """Whether its checkpoint is there, and no state to go on from."""
        return (self.checkpoint / "card.json").is_file() and not states.saved(self.run)

    @property
    def busy(self) -> bool:
        """Whether another process trains it: one that a killed relay left, say."""
        with contextlib.suppress(FileNotFoundError):  # no run yet
            try:
                with FileLock(self.run / ".lock", timeout=0):
                    pass
            except Timeout:
                return True
        return False

    def needs(self, other: Training) -> bool:
        """Whether it cannot begin before another one is done."""
        return other is not self and (
            other.checkpoint.name == self.recipe.autoencoder or other.recipe.name == self.recipe.start
        )

    def start(self, nice: int) -> subprocess.Popen[bytes]:
        """Starts its process, which goes on from the last state, if there is one. nice: as of `relay`."""
        command = [sys.executable, "-m", "spectral_collapse.cli", "train", str(self.asked)]
        command += ["--profile", self.recipe.profile, "--name", self.run.name]
        command += [] if self.output is None else ["--output", str(self.output)]
        command += ["--resume"] if states.saved(self.run) else []
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as said:
            # a session of its own: Ctrl-C in a terminal goes to all of a session's processes, and would come twice
            process = subprocess.Popen(
                command, stdout=said, stderr=said, env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True
            )
        with contextlib.suppress(AttributeError, OSError):  # no such call on this system, or the process has ended
            os.setpriority(os.PRIO_PROCESS, process.pid, nice)
        with contextlib.suppress(OSError):  # Linux weighs sessions by a number of their own, and this is a new session
            Path(f"/proc/{process.pid}/autogroup").write_text(str(nice), encoding="ascii")
        return process

    @property
    def log(self) -> Path:
        """What its process said."""
        return self.run.with_name(f"{self.run.name}.log")

    def last_words(self) -> str:
        """The last line of its log."""
        said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return (said[-1].split("\r")[-1].removeprefix("spectral-collapse: ") if said else "it said nothing")[:300]

    def told(self) -> str:
        """One line: images seen, hours, and the last validation's held-out loss by noise and S_HF of samples."""
        file = self.checkpoint / history.FILE if self.done else self.run / history.FILE
        try:
            curves = results.read(file)
        except (DataError, FileNotFoundError):
            return f"{self.recipe.name}: not begun"
        steps = curves.sizes["iteration"]
        line = f"{self.recipe.name}: {'done, ' if self.done else ''}{steps * self.recipe.batch_size:,} images seen"
        line += f" in {float(curves.attrs['seconds']) / 3600:.1f} hours"
        if not curves.sizes.get("step"):
            return line
        last = curves.isel(step=-1)
        if "loss" in last:
            ratio = last["sigma_over_alpha"]
            bands = {
                name: float(last["loss"].where((low <= ratio) & (ratio < high)).mean())
                for name, (low, high) in _NOISE.items()
            }
            line += "; held-out loss by noise: " + ", ".join(f"{name} {loss:.4f}" for name, loss in bands.items())
        return f"{line}; S_HF of samples {float(last['s_hf'].mean()):.3f} at step {int(last['step']):,}"


def relay(
    names: Sequence[str | Path],
    profile: str = "quick",
    together: int = 1,
    minutes: float | None = None,
    nice: int = 10,
    interrupted: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = lambda line: print(line, flush=True),
) -> list[str]:
    """Trains recipes until all are done; returns which of them failed, each with the reason.

    One that fails does not stop the others. A recipe waits for the autoencoder that it uses, and for the network that
    it starts from, where these are among `names` and not done.

    Args:
        names: recipes, or TOML files, in the order in which they begin.
        profile: of all of them.
        together: how many are trained at a time: processes of one thread each, and on a GPU beside each other.
        minutes: after which those under way save their states and end; without it they all finish.
        nice: by how much their priority is lowered, from 0 to 19 as of the command of that name.
        interrupted: called all the time; when it is true, the same happens.
        say: receives a line on each training at the beginning, every ten minutes, and when it ends.

    Raises:
        InvalidParameterError: a recipe that is unknown or impossible, together below 1, minutes that are not above 0.
        CheckpointError: where a checkpoint would lie is something else.
    """
    check_count("together", together, 1)
    check_count("nice", nice, 0, 19)
    if minutes is not None:
        check_number("minutes", minutes, 0, exclude=(0,))
    end = None if minutes is None else time.monotonic() + 60 * minutes
    waiting = listed(names, profile)
    running: dict[Training, subprocess.Popen[bytes]] = {}
    failures: list[str] = []
    for training in waiting:
        say(training.told())
    waiting = [training for training in waiting if not training.done]
    reported = time.monotonic()
    try:
        while (waiting or running) and not interrupted() and (end is None or time.monotonic() < end):
            unfinished = [*waiting, *running]
            ready = [one for one in waiting if not any(map(one.needs, unfinished))]
            for training in [one for one in ready if not one.busy][: max(together - len(running), 0)]:
                waiting.remove(training)
                running[training] = training.start(nice)
            time.sleep(0.2)
            for training, process in [*running.items()]:
                if process.poll() is not None:
                    del running[training]
                    failures += [f"{training.recipe.name} ({training.last_words()})"] if process.returncode else []
                    say(f"failed: {failures[-1]}" if process.returncode else training.told())
            if time.monotonic() - reported > _REPORT_SECONDS:
                reported = time.monotonic()
                for training in running:
                    say(training.told())
    finally:
        for process in running.values():
            process.terminate()
        for training, process in running.items():
            process.wait()
            say(training.told())
    return failures


def listed(names: Sequence[str | Path], profile: str) -> list[Training]:
    """The trainings of some recipes at a profile. Raises as `relay` does."""
    found = {name: recipes.get(name, profile) for name in names}
    starts = {recipe.start for recipe in found.values()}
    trainings = []
    for name, recipe in found.items():
        size = "" if profile == "quick" else f"-{recipe.size}"
        output = paths.checkpoints() / f"{recipe.name.removesuffix(size)}{size}"
        if recipe.name not in starts:
            check_free(output, recipe=recipe.model_dump())
        trainings.append(Training(name, recipe, None if recipe.name in starts else output))
    return trainings
