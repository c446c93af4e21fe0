"""Trains a tiny recipe twice and prints the number of processes; started by `accelerate launch`.

The second time it trains until a deadline, which only the last process sees pass, after two steps.
Arguments: the data folder, the name of the run, images on a device at once.
"""

from __future__ import annotations

import itertools
import os
import sys
from types import SimpleNamespace

import accelerate

_LOOKS = 3
"""At the clock in time: when the deadline is set, when the steps begin, and after the first of them."""


def main(home: str, name: str, device_batch: str) -> None:
    os.environ["SPECTRAL_COLLAPSE_HOME"] = home
    from spectral_collapse.training import tasks, train, trainer
    from tests.training.tiny import tiny_held_out, tiny_pool, tiny_recipe

    tasks.load_pool, tasks.held_out = tiny_pool, tiny_held_out
    settings = {"batch_size": 8, "device_batch": int(device_batch), "validate_every": 4}
    train(tiny_recipe("photos-edm", 4, **settings), name=name)
    last = accelerate.PartialState().is_last_process
    looks = itertools.count()
    trainer.time = SimpleNamespace(monotonic=lambda: 99.0 if last and next(looks) >= _LOOKS else 0.0)
    train(tiny_recipe("photos-edm", 6, schedule="constant", batch_size=8), name=f"{name}-limited", minutes=1)
    print(accelerate.PartialState().num_processes, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
    accelerate.PartialState().destroy_process_group()  # else its threads may abort a process that ends
