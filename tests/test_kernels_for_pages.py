from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from spectral_collapse import kernels_for_pages as forked

linux = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forks on Linux only")

SCRIPT = """\
import json, os, sys
import nbformat
from nbclient import NotebookClient
from spectral_collapse import kernels_for_pages

kernels_for_pages.start(["wave"])

def run(*sources, **options):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    book = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(book, resources={"metadata": {"path": sys.argv[1]}}, **options)
    try:
        client.execute(env=os.environ | {"OF_KERNEL": "yes"})
    except Exception as error:
        return type(error).__name__
    return [output["text"].strip() for cell in cells for output in cell.outputs if output["output_type"] == "stream"]

here = "import os, sys; print(os.getcwd(), os.environ['OF_KERNEL'], os.getpid() == os.getsid(0))"
look = "print('wave' in sys.modules, 'mine' in globals(), hasattr(sys, 'mine'))"
first = run(here, look, "sys.mine = mine = 1", "import asyncio; await asyncio.sleep(0); print(2)")
second = run(here, look)
slow = run("import time; time.sleep(60)", timeout=1, interrupt_on_timeout=True)
dead = run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")

connection = ["-f", sys.argv[1] + "/connection.json"]
fork = kernels_for_pages.Fork(connection, sys.argv[1], os.environ)
ends = [fork.poll(), fork.kill(), fork.wait(), fork.poll(), fork.terminate()]
left = kernels_for_pages.Fork(connection, sys.argv[1], os.environ)
address = os.environ[kernels_for_pages.ADDRESS]
print(json.dumps({"first": first, "second": second, "slow": slow, "dead": dead, "ends": ends, "left": left.pid,
                  "address": address, "imported": "wave" in sys.modules}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What kernels saw that a process of its own had started, which has ended."""
    folder = tmp_path_factory.mktemp("pages")
    done = subprocess.run([sys.executable, "-c", SCRIPT, folder], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1]) | {"folder": str(folder)}


@linux
def test_a_kernel_has_what_was_imported_and_a_process_of_its_own(found: dict[str, Any]) -> None:
    where, seen, last = found["first"]
    assert where == f"{found['folder']} yes True"
    assert seen == "True False False"
    assert last == "2"  # the event loop is the kernel's
    assert not found["imported"]  # by the process that asks


@linux
def test_kernels_share_nothing_that_they_do(found: dict[str, Any]) -> None:
    assert found["second"] == [f"{found['folder']} yes True", "True False False"]


@linux
def test_a_page_can_be_interrupted_and_a_kernel_that_dies_is_noticed(found: dict[str, Any]) -> None:
    assert found["slow"] == "CellExecutionError"  # the KeyboardInterrupt of the cell
    assert found["dead"] == "DeadKernelError"


@linux
def test_a_fork_ends_as_a_process_does(found: dict[str, Any]) -> None:
    assert found["ends"] == [None, None, -9, -9, None]


@linux
def test_nothing_is_left_of_a_process_that_has_ended(found: dict[str, Any]) -> None:
    """Not the kernel that it did not end, and not the process that forks, which looks once a second."""
    until = time.monotonic() + 60
    while Path(found["address"]).parent.exists() or psutil.pid_exists(found["left"]):
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_kernel_of_another_language_is_started_as_always(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    async def launch(self: object, cmd: list[str], **kwargs: Any) -> None:
        asked.append(cmd)

    monkeypatch.setattr(forked.LocalProvisioner, "launch_kernel", launch)
    coroutine = forked.ForkedProvisioner().launch_kernel(["R", "--slave"], env={})
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert asked == [["R", "--slave"]]
