"""A wheel, built and unpacked, works outside a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from shutil import copy2, copytree, ignore_patterns

import pytest

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[1]
SHIPPED = ("edges2shoes-rendered", "textures")


EXTRAS = (
    "altair", "cleanfid", "dask", "distributed", "ipykernel", "IPython", "latex2mathml", "lpips", "nbformat",
    "papermill", "piq", "sklearn", "stlpips_pytorch", "torchmetrics", "torchsummary", "torchvision", "transformers",
    "vl_convert",
)  # fmt: skip
"""What the extras bring, as it is imported."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what a clone has, so that nothing lands in this checkout."""
    clone, built = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("built")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        copy2(ROOT / name, clone)
    copytree(ROOT / "src", clone / "src", ignore=ignore_patterns("*.egg-info", "__pycache__"))
    for name in SHIPPED:
        copytree(ROOT / "data/checkpoints" / name, clone / "data/checkpoints" / name)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(built)!r})"
    ran = subprocess.run([sys.executable, "-c", build], cwd=clone, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    [file] = built.glob("*.whl")
    return file


def test_it_holds_the_whole_package_and_the_smallest_networks(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        weights = sum(entry.file_size for entry in archive.infolist() if "/checkpoints/" in entry.filename)
    source = ROOT / "src"
    package = {str(file.relative_to(source)) for file in source.glob("spectral_collapse/**/*") if file.is_file()}
    checkpoints = {
        f"spectral_collapse/checkpoints/{file.relative_to(ROOT / 'data/checkpoints')}"
        for name in SHIPPED
        for file in (ROOT / "data/checkpoints" / name).iterdir()
    }
    assert held == {name for name in package if "__pycache__" not in name} | checkpoints
    assert weights <= 12e6
    assert wheel.stat().st_size <= 13.5e6


def test_it_works_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "empty").mkdir()
    script = """
import sys
sys.modules.update(dict.fromkeys(EXTRAS))  # as if none of them were installed
import spectral_collapse
from spectral_collapse import cli, datasets, inversion, metrics, networks, studies, translation
from spectral_collapse.errors import CheckpointError
from spectral_collapse.training import recipes
assert "site" in spectral_collapse.__file__, spectral_collapse.__file__
images = datasets.load("textures_x8", "test", 64)[0].source[None]
model = networks.load_model("textures")
translated = translation.translate(model, inversion.create("standard"), images, 0, num_steps=2).images
print(translated.shape)
found = metrics.evaluate(["psnr", "ssim"], images=translated, references=images)
print(found["psnr"].attrs.get("missing"), found["ssim"].missing)
print(networks.load_model("edges2shoes-rendered").card["family"], recipes.get("bbbc021-edm", "smoke").name)
try:
    networks.load_model("bbbc021")
except CheckpointError as error:
    print(error)
raise SystemExit(cli.main(["doctor"]))
""".replace("EXTRAS", repr(EXTRAS))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPECTRAL_COLLAPSE_")}
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path / "empty",
        env=environment | {"PYTHONPATH": str(tmp_path / "site"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    shape, measured, names, missing, *told = ran.stdout.splitlines()
    assert measured == ("None piq, which this score needs, is not installed: pip install 'spectral-collapse[scores]'")
    assert shape == "torch.Size([1, 3, 64, 64])"
    assert names == "edges2shoes bbbc021-edm"
    assert missing == (
        "no checkpoint 'bbbc021'; shipped are: edges2shoes-rendered, textures; name the folder 'data' of a checkout by "
        "SPECTRAL_COLLAPSE_HOME for more, 'spectral-collapse train' makes one, and a path to a folder with config.json "
        "works too"
    )
    assert any("installed, in" in line for line in told)
    assert any("2 networks ship: edges2shoes-rendered, textures" in line for line in told)
