"""What pyproject.toml cannot say: the wheel gets its checkpoints from data/checkpoints."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("textures", "edges2shoes")
"""The default networks in a wheel; the others are found in a checkout."""


class BuildWithCheckpoints(build_py):
    """`build_py`, and the folders of `SHIPPED` as data of the package, which an editable install has beside it."""

    def run(self) -> None:
        package = Path(self.build_lib) / "spectral_collapse"
        if not self.editable_mode:
            shutil.rmtree(package, ignore_errors=True)  # what an earlier build left may be there no more
        super().run()
        if not self.editable_mode:
            for name in SHIPPED:
                shutil.copytree(Path("data/checkpoints") / name, package / "checkpoints" / name)


setup(cmdclass={"build_py": BuildWithCheckpoints})
