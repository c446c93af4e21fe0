from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spectral_collapse import kernels_for_pages as forked

linux = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forks on Linux only")

SCRIPT = """\
import json, os, sys
import nbformat
from nbclient import NotebookClient
from spectral_collapse import kernels_for_pages

json.mark = "of the parent"
os.environ[kernels_for_pages.VARIABLE] = kernels_for_pages.NAME

def run(*sources, **options):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    book = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(book, resources={"metadata": {"path": sys.argv[1]}}, **options)
    try:
        client.execute(env=os.environ | {"OF_KERNEL": "yes"})
    except Exception as error:
        return type(error).__name__
    return [output["text"].strip() for cell in cells for output in cell.outputs if output["output_type"] == "stream"]

look = "import json, os, sys; mine = 1; json.mark += '!'; print(os.getcwd(), os.environ['OF_KERNEL'], os.getppid())"
first = run(look, "print(json.mark, os.getpid() == os.getsid(0))", "import asyncio; await asyncio.sleep(0); print(2)")
second = run("import json; print('mine' in globals(), json.mark)")
slow = run("import time; time.sleep(60)", timeout=1, interrupt_on_timeout=True)
dead = run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
print(json.dumps({"first": first, "second": second, "slow": slow, "dead": dead, "pid": os.getpid(), "mark": json.mark}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("pages")
    done = subprocess.run([sys.executable, "-c", SCRIPT, folder], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1]) | {"folder": folder}


@linux
def test_a_kernel_has_what_its_parent_imported_and_a_process_of_its_own(found: dict[str, Any]) -> None:
    where, mark, last = found["first"]
    assert where == f"{found['folder']} yes {found['pid']}"
    assert mark == "of the parent! True"
    assert last == "2"  # the event loop is the kernel's


@linux
def test_kernels_share_nothing_that_they_do(found: dict[str, Any]) -> None:
    assert found["second"] == ["False of the parent"]
    assert found["mark"] == "of the parent"


@linux
def test_a_page_can_be_interrupted_and_a_kernel_that_dies_is_noticed(found: dict[str, Any]) -> None:
    assert found["slow"] == "CellExecutionError"  # the KeyboardInterrupt of the cell
    assert found["dead"] == "DeadKernelError"


@linux
def test_a_fork_ends_as_a_process_does(tmp_path: Path) -> None:
    fork = forked.Fork(["--IPKernelApp.no_such=1", "-f", str(tmp_path / "connection.json")], tmp_path, {})
    assert fork.poll() is None
    fork.kill()
    assert fork.wait() == fork.poll() == -9
    fork.terminate()  # of one that has ended: nothing


def test_a_kernel_of_another_language_is_started_as_always(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    async def launch(self: object, cmd: list[str], **kwargs: Any) -> None:
        asked.append(cmd)

    monkeypatch.setattr(forked.LocalProvisioner, "launch_kernel", launch)
    coroutine = forked.ForkedProvisioner().launch_kernel(["R", "--slave"], env={})
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert asked == [["R", "--slave"]]
