"""Several trainings beside each other on one machine, as `make checkpoints PROFILE=gpu` has them on one large GPU.

    python -m spectral_collapse.training.together gpu 22 autoencoder photos bbbc021

trains these recipes at that profile, for so many minutes altogether. What they leave:

    data/checkpoints/photos-128/    the checkpoint of a recipe, with its size in the name
    data/runs/photos-gpu/           its saved states, as long as it is not done
    data/runs/photos-gpu.log        what its process said

Asked again after an interruption, they go on: finished ones are left alone, others resume from their last state.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spectral_collapse import executors, paths
from spectral_collapse.checks import check_number
from spectral_collapse.errors import SpectralCollapseError
from spectral_collapse.networks.checkpoints import check_free
from spectral_collapse.training import recipes, states
from spectral_collapse.training.recipes import Recipe

AUTOENCODER_MINUTES = 3.0
"""At most, since networks on latents wait for it."""


@dataclass(frozen=True)
class _Training:
    """A recipe with its process and the file of what this says."""

    recipe: Recipe
    process: subprocess.Popen[bytes]
    log: Path

    def failure(self) -> str | None:
        """Why it failed, in its last words; None where it did not."""
        if not self.process.returncode:
            return None
        said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = said[-1].split("\r")[-1].removeprefix("spectral-collapse: ") if said else "it said nothing"
        return f"{self.recipe.name} ({last[:300]})"


def train_together(
    names: Sequence[str | Path], profile: str, minutes: float, interrupted: Callable[[], bool] = lambda: False
) -> list[str]:
    """Trains recipes at the same time, a process each; returns which of them failed, each with the reason.

    Recipes without an autoencoder begin at once and the others when the autoencoders among `names` are done. One that
    fails does not stop the others. All recipes must have a constant learning rate, as those of profile gpu have.

    Args:
        names: recipes, or TOML files.
        profile: of all of them.
        minutes: from the call to the last step of all; to this come the seconds in which the processes begin, validate
            for the last time and write.
        interrupted: asked all the time; where it is so, the processes are told to save their states and end, and count
            among those that failed.

    Raises:
        InvalidParameterError: a recipe that is unknown or impossible, or minutes that are not above 0.
        CheckpointError: where a checkpoint would lie is something else.
    """
    end = time.monotonic() + 60 * check_number("minutes", minutes, 0, exclude=(0,))
    waiting: dict[str | Path, Recipe] = {}
    for name in names:
        recipe = recipes.get(name, profile)
        check_free(output(recipe), recipe=recipe.model_dump())
        if (output(recipe) / "card.json").is_file() and not states.saved(_run(recipe)):
            print(f"{recipe.name} is done: delete {output(recipe)} to train it anew", flush=True)
        else:
            waiting[name] = recipe
    threads = str(max(executors.cores() // max(len(waiting), 1), 1))
    running: list[_Training] = []
    failures: list[str] = []
    try:
        while waiting or running:
            unfinished = [*waiting.values(), *(training.recipe for training in running)]
            encoders = any(recipe.kind == "autoencoder" for recipe in unfinished)
            for name, recipe in list(waiting.items()):
                if not recipe.autoencoder or not encoders:
                    running.append(_start(name, waiting.pop(name), end, {"OMP_NUM_THREADS": threads}))
            time.sleep(0.2)
            for training in [one for one in running if one.process.poll() is not None]:
                running.remove(training)
                failure = training.failure()
                failures += [] if failure is None else [failure]
                print(f"{training.recipe.name} has ended" if failure is None else f"failed: {failure}", flush=True)
            if interrupted():
                failures += [f"{recipe.name} (not begun)" for recipe in waiting.values()]
                break
    finally:
        for training in running:
            training.process.terminate()
        for training in running:
            training.process.wait()
    return [*failures, *(failure for training in running if (failure := training.failure()))]


def _start(name: str | Path, recipe: Recipe, end: float, environment: Mapping[str, str]) -> _Training:
    """Starts the training of a recipe until `end`; it goes on from its last state, if there is one."""
    left = max((end - time.monotonic()) / 60, 1e-3)
    minutes = min(left, AUTOENCODER_MINUTES) if recipe.kind == "autoencoder" else left
    command = [sys.executable, "-m", "spectral_collapse.cli", "train", str(name), "--profile", recipe.profile]
    command += ["--minutes", f"{minutes:.4f}", "--name", _run(recipe).name, "--output", str(output(recipe))]
    command += ["--resume"] if states.saved(_run(recipe)) else []
    log = paths.runs() / f"{_run(recipe).name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as said:
        # a session of its own: Ctrl-C in a terminal goes to all of a session's processes, and would come twice
        process = subprocess.Popen(
            command, stdout=said, stderr=said, env={**os.environ, **environment}, start_new_session=True
        )
    print(f"{recipe.name} trains; {log} has what it says", flush=True)
    return _Training(recipe, process, log)


def output(recipe: Recipe) -> Path:
    """The folder of a recipe's checkpoint: its size tells it from the one at quick."""
    size = f"-{recipe.size}"
    return paths.checkpoints() / f"{recipe.name.removesuffix(size)}{size}"


def _run(recipe: Recipe) -> Path:
    return paths.runs() / f"{recipe.name}-{recipe.profile}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, or 2 where a training failed or was interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profile", help="such as gpu")
    parser.add_argument("minutes", type=float, help="from now to the last step of all")
    parser.add_argument("recipes", nargs="+", help="names, or TOML files")
    options = parser.parse_args(arguments)
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: asked.append(number))
    try:
        failures = train_together(options.recipes, options.profile, options.minutes, lambda: bool(asked))
    except SpectralCollapseError as error:
        print(error, file=sys.stderr)
        return 2
    if failures:
        print(
            f"{len(failures)} of {len(options.recipes)} trainings did not finish, which the same command goes on with: "
            + "; ".join(failures),
            file=sys.stderr,
        )
    return 2 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
