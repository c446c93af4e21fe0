from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spectral_collapse import results
from spectral_collapse.networks.checkpoints import read_card
from tests.training import launched

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]


def test_two_processes_learn_what_one_does(home: Path) -> None:
    """A batch is the same however many processes share it: so are the losses, the schedule and the weights."""
    # With --cpu, accelerate starts one process unless MPI is there; with --multi_gpu and no GPU in sight, two on CPUs.
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    command += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    with socket.socket() as free:  # accelerate finds one itself only since 1.7
        free.bind(("127.0.0.1", 0))
        command += ["--main_process_port", str(free.getsockname()[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), "OMP_NUM_THREADS": "1"}
    environment |= {"CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        [*command, launched.__file__, str(home), "two", "2"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "".join(done.stdout.split()).endswith("22")  # two processes said so, last of all; lines may run together
    launched.main(str(home), "one", "0")
    one, two = (results.read(home / "runs" / name / "training.nc") for name in ("one", "two"))
    # Halves of a batch are summed in another order: float32's 6e-8, which four steps amplify.
    np.testing.assert_allclose(two["train_loss"], one["train_loss"], rtol=1e-5)
    np.testing.assert_allclose(two["loss"], one["loss"], rtol=1e-4)
    assert len(two["train_loss"]) == 4
    for name in ("one-limited", "two-limited"):  # where one process is late, all stop after the same step
        assert read_card(home / "runs" / name / "model")["recipe"]["steps"] == 2
