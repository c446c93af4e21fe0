"""Trains a tiny recipe and prints the number of processes; started by `accelerate launch`.

Arguments: the data folder, the name of the run, images on a device at once.
"""

from __future__ import annotations

import os
import sys

import accelerate


def main(home: str, name: str, device_batch: str) -> None:
    os.environ["SPECTRAL_COLLAPSE_HOME"] = home
    from spectral_collapse.training import tasks, train
    from tests.training.tiny import tiny_held_out, tiny_pool, tiny_recipe

    tasks.load_pool, tasks.held_out = tiny_pool, tiny_held_out
    settings = {"batch_size": 8, "device_batch": int(device_batch), "validate_every": 4}
    train(tiny_recipe("photos-edm", 4, **settings), name=name)
    print(accelerate.PartialState().num_processes, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
