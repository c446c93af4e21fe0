"""Python in processes of their own that need not import for seconds what everything here needs.

They are forked from one that has imported it and done nothing else: what one of them registers or breaks is nothing to
the next. Only the seed of hashes is the same for all.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["spectral_collapse.networks.build", "spectral_collapse.studies.study"])


def run(code: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """What a script says when it runs in a folder, and how it ends; the script itself lies elsewhere."""
    with tempfile.TemporaryDirectory() as beside:
        script, *said = (Path(beside) / name for name in ("script.py", "stdout", "stderr"))
        script.write_text(code, encoding="utf-8")
        process = PROCESSES.Process(target=_run, args=(script, said, folder, dict(environment)))
        process.start()
        process.join()
        return subprocess.CompletedProcess(code, process.exitcode, *(file.read_text("utf-8") for file in said))


def _run(script: Path, said: list[Path], folder: Path, environment: dict[str, str]) -> None:
    for number, file in enumerate(said, 1):
        os.dup2(os.open(file, os.O_CREAT | os.O_WRONLY), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    runpy.run_path(str(script), run_name="__main__")
