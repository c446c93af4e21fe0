"""A training that is killed at any moment, and resumed, leaves what an undisturbed one leaves.

Kills are simulated at every kind of moment in which the disk changes: from a given one on, nothing is written,
renamed or removed any more, not even by what tidies up after an error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from spectral_collapse import results
from spectral_collapse.networks import Model
from spectral_collapse.training import states, tasks, trainer
from spectral_collapse.training.validation import Record
from tests.training.tiny import tiny_recipe

WEIGHTS = "diffusion_pytorch_model.safetensors"
EVENTS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "shutil.rmtree"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class KilledError(BaseException):
    """No `except Exception` sees it, as none sees SIGKILL."""


class Disk:
    """Counts what is done to the disk, and lets nothing more be done after so many times."""

    left: int | None = None
    done = 0

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.left is None or event not in EVENTS or (event == "open" and not int(arguments[2] or 0) & WRITING):
            return
        if self.done >= self.left:
            raise KilledError
        self.done += 1

    @contextmanager
    def dead_after(self, count: int) -> Iterator[None]:
        self.left, self.done = count, 0
        try:
            yield
        finally:
            self.left = None


DISK = Disk()
sys.addaudithook(DISK)  # for good: Python has no way to take a hook away; it looks at nothing until told to


def _look(model: Model, images: object) -> Record:
    """A quick look at a network, which the weights decide."""
    norms = torch.stack([weight.detach().norm() for weight in model.denoiser.network.parameters()])
    return Record(norms[:8], torch.zeros(8, 3, 16, 16), None, None, norms[:10])


@pytest.mark.usefixtures("home")
def test_a_run_that_was_killed_at_any_moment_gives_the_same_weights_and_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "validate_denoiser", _look)
    recipe = tiny_recipe("photos", 5, batch_size=2, architecture={"widths": [16]}, validate_every=4)
    whole = trainer.train(recipe, name="whole")
    with DISK.dead_after(sys.maxsize):  # a second run: the first one may write what Python and torch keep for later
        trainer.train(recipe, name="counted")
    moments = DISK.done
    assert moments > 40  # two states, of five files each, and a checkpoint
    expected = results.read(whole / "training.nc"), results.read(whole.parent / "training.nc")
    assert expected[0].sizes["iteration"] == 5
    assert expected[0]["step"].values.tolist() == [1, 2, 4, 5]
    resumed = 0
    for moment in np.linspace(1, moments - 1, 12, dtype=int):
        run = trainer.paths.runs() / f"killed-{moment}"
        with pytest.raises(KilledError), DISK.dead_after(int(moment)):
            trainer.train(recipe, name=run.name)
        there = bool(states.saved(run))
        resumed += there
        folder = trainer.train(recipe, name=run.name, resume=there)
        assert (folder / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes(), moment
        assert results.read(folder / "training.nc").equals(expected[0]), moment
        assert results.read(run / "training.nc").equals(expected[1]), moment
        assert sorted(path.name for path in run.iterdir()) == [".lock", "model", "training.nc"], moment
    assert resumed >= 6
