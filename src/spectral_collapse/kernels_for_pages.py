"""Kernels of a book's pages that start with everything imported: forks of one process that has imported it.

A page imports torch, diffusers and Altair before it shows anything, some 7 s of a core; a book has thirty pages.
`book` starts a process that imports them once (`start`) and forks for each kernel that `ForkedProvisioner` asks it for,
which jupyter_client knows by the entry point `jupyter_client.kernel_provisioners`. The process that builds the book
cannot be that one: Sphinx imports modules anew there, for the reference, as type checkers see them. Only Linux has
forks that this is safe with; elsewhere kernels start as always.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

NAME = "spectral-collapse-forked"
"""The provisioner's entry point."""

PROVISIONER = "JUPYTER_DEFAULT_PROVISIONER_NAME"
"""Environment variable of jupyter_client: the provisioner of kernels whose specification names none."""

ADDRESS = "SPECTRAL_COLLAPSE_KERNELS"
"""Environment variable: the socket of the process that forks."""

_MODULES = ("spectral_collapse.charts.verdicts", "spectral_collapse.findings.verdicts", "ipykernel.kernelapp")
"""What brings in all that pages import; kernels last, as tqdm would take this process for one."""

_LAUNCHER = "ipykernel_launcher"
_OFTEN = 0.1
"""Seconds between two looks at whether a process has ended."""


def start(modules: Sequence[str] = _MODULES) -> None:
    """Starts the process that forks and lets kernels of this process and its children be forks; only on Linux.

    It ends when this process does.
    """
    if sys.platform != "linux":
        return
    address = str(Path(tempfile.mkdtemp(prefix="kernels-")) / "socket")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    parent = os.getpid()
    if _forked() == 0:
        with _ending_here():
            try:
                _listen(listener, parent, modules)
            finally:
                shutil.rmtree(Path(address).parent)
    listener.close()
    os.environ |= {ADDRESS: address, PROVISIONER: NAME}


class ForkedProvisioner(LocalProvisioner):
    """Lets a kernel of this Python be forked, and starts any other kernel as `LocalProvisioner` does."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Starts the kernel of a command line and returns how to reach it."""
        if cmd[0] != sys.executable or _LAUNCHER not in cmd:
            return await super().launch_kernel(cmd, **kwargs)
        self.cwd = kwargs.get("cwd") or Path.cwd()
        self.process = Fork(cmd[cmd.index(_LAUNCHER) + 1 :], self.cwd, kwargs.get("env") or os.environ)
        self.pid = self.pgid = self.process.pid
        return self.connection_info


class Fork:
    """A kernel that was asked for at `ADDRESS`; what `LocalProvisioner` uses of `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, arguments: Sequence[str], cwd: str | Path, env: Mapping[str, str]) -> None:
        self.returncode: int | None = None
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(os.environ[ADDRESS])
        _send(self._connection, {"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)})
        self.pid: int = _receive(self._connection)["pid"]

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while the kernel runs."""
        return self._told(0)

    def wait(self) -> int:
        """The exit status, once the kernel has ended."""
        return self._told(None)

    def send_signal(self, number: int) -> None:
        """Sends a signal to the kernel, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Asks the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the kernel."""
        self.send_signal(signal.SIGKILL)

    def _told(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._connection], [], [], seconds)[0]:
            self.returncode = _receive(self._connection)["status"]
            self._connection.close()
        return self.returncode


def _listen(listener: socket.socket, parent: int, modules: Sequence[str]) -> None:
    """Forks for everyone who asks, while the parent lives."""
    for name in modules:
        importlib.import_module(name)
    if "altair" in sys.modules:  # its first chart reads the schema of Vega-Lite
        altair = sys.modules["altair"]
        altair.Chart(altair.Data(url="")).mark_point().encode(x="x:Q").to_dict()
    if "spectral_collapse.studies" in sys.modules:  # a result is found by code that is parsed first
        code_hash = importlib.import_module("spectral_collapse.keys").code_hash
        for study in sys.modules["spectral_collapse.studies"].STUDIES.values():
            code_hash(study.jobs, study.combine)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that watch over a kernel
    listener.settimeout(1)
    while os.getppid() == parent:
        with contextlib.suppress(TimeoutError):
            connection, _ = listener.accept()
            if _forked() == 0:
                with _ending_here():
                    _watch(connection)
            connection.close()


def _watch(connection: socket.socket) -> None:
    """Forks a kernel and tells when it has ended, or ends it where nobody is left to be told."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asked = _receive(connection)
    pid = _forked()
    if pid == 0:
        connection.close()
        with _ending_here():
            _serve(asked["arguments"], asked["cwd"], asked["env"])
    _send(connection, {"pid": pid})
    ended, status = os.waitpid(pid, os.WNOHANG)
    while not ended:
        if select.select([connection], [], [], _OFTEN)[0]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        ended, status = os.waitpid(pid, os.WNOHANG)
    with contextlib.suppress(OSError):
        _send(connection, {"status": os.waitstatus_to_exitcode(status)})


def _serve(arguments: Sequence[str], cwd: str, env: Mapping[str, str]) -> None:
    """Runs a kernel until it ends."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    asyncio.set_event_loop(asyncio.new_event_loop())
    application = importlib.import_module("ipykernel.kernelapp").IPKernelApp
    # a kernel whose parent is gone ends; the environment tells this to a process of its own only
    application.launch_instance([*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])


def _forked() -> int:
    """`os.fork`, with nothing left to be written by both."""
    sys.stdout.flush()
    sys.stderr.flush()
    return os.fork()


@contextlib.contextmanager
def _ending_here() -> Iterator[None]:
    """What a fork does ends in it, and what its parent registered for its own end is left to the parent."""
    status = 1
    try:
        atexit._clear()
        signal.set_wakeup_fd(-1)  # or its signals would wake the parent
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            yield
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 0
        atexit._run_exitfuncs()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _send(connection: socket.socket, message: Mapping[str, Any]) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def _receive(connection: socket.socket) -> Any:
    """One message. Raises ConnectionError where the other side has ended."""
    found = b""
    while not found.endswith(b"\n"):
        if not (part := connection.recv(65536)):
            raise ConnectionError("the process that starts kernels has ended")
        found += part
    return json.loads(found)
