"""Kernels of a book's pages that start with everything imported: forks of the process that builds the book.

A page imports torch, diffusers and Altair before it shows anything, some 7 s of a core; a book has thirty pages.
`book` imports them once (`preload`) and names `ForkedProvisioner` to jupyter_client, by the entry point
`jupyter_client.kernel_provisioners`. Only Linux has forks that this is safe with; elsewhere kernels start as always.
"""

from __future__ import annotations

import asyncio
import atexit
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import altair
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

NAME = "spectral-collapse-forked"
"""The provisioner's entry point."""

VARIABLE = "JUPYTER_DEFAULT_PROVISIONER_NAME"
"""Environment variable of jupyter_client: the provisioner of kernels whose specification names none."""

_MODULES = ("spectral_collapse.charts.verdicts", "spectral_collapse.findings.verdicts", "ipykernel.kernelapp")
"""What brings in all that pages import; kernels last, as tqdm would take this process for one."""
_LAUNCHER = "ipykernel_launcher"


def preload() -> None:
    """Imports what pages import and lets kernels that this process starts be forks of it; only on Linux."""
    if sys.platform != "linux":
        return
    for name in _MODULES:
        importlib.import_module(name)
    altair.Chart(altair.Data(url="")).mark_point().encode(x="x:Q").to_dict()  # the first chart reads Vega-Lite's schema
    os.environ[VARIABLE] = NAME


class ForkedProvisioner(LocalProvisioner):
    """Starts a kernel of this Python as a fork of this process, any other kernel as `LocalProvisioner` does."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Starts the kernel of a command line and returns how to reach it."""
        if cmd[0] != sys.executable or _LAUNCHER not in cmd:
            return await super().launch_kernel(cmd, **kwargs)
        self.cwd = kwargs.get("cwd") or Path.cwd()
        self.process = Fork(cmd[cmd.index(_LAUNCHER) + 1 :], self.cwd, kwargs.get("env") or os.environ)
        self.pid = self.pgid = self.process.pid
        return self.connection_info


class Fork:
    """A kernel in a fork of this process; what `LocalProvisioner` uses of `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, arguments: Sequence[str], cwd: str | Path, env: Mapping[str, str]) -> None:
        self.returncode: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _serve(arguments, cwd, env)

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while the kernel runs."""
        return self._reaped(os.WNOHANG)

    def wait(self) -> int | None:
        """The exit status, once the kernel has ended."""
        return self._reaped(0)

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

    def _reaped(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def _serve(arguments: Sequence[str], cwd: str | Path, env: Mapping[str, str]) -> NoReturn:
    """Runs a kernel in a fork until it ends. What the parent registered for its own end is left to the parent."""
    status = 1
    try:
        os.setsid()
        atexit._clear()
        signal.set_wakeup_fd(-1)  # or its signals would wake the parent
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        asyncio.set_event_loop(asyncio.new_event_loop())  # the one that runs is the parent's
        from ipykernel.kernelapp import IPKernelApp

        try:
            # a kernel whose parent is gone ends; the environment told this to a process of its own only
            IPKernelApp.launch_instance([*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 0
        atexit._run_exitfuncs()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)
