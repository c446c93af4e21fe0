"""What `doctor` says of an installation that is sound, and of one thing broken at a time."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
import xarray as xr

from spectral_collapse import cli, doctor, paths, results
from tests.networks_tiny import tiny_unet

SHIPPED = Path(__file__).parents[1] / "data" / "checkpoints" / "bbbc021-dit"
"""Of the smallest networks."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with one checkpoint and one result, and nothing named beside it."""
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    for name in ("SPECTRAL_COLLAPSE_DATA", "SPECTRAL_COLLAPSE_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("bbbc021-dit", "autoencoder"):
        shutil.copytree(SHIPPED.parent / name, tmp_path / "checkpoints" / name)
    attrs = results.provenance(study="pareto", parameters="{}", data_source="real", seconds=1.0)
    results.save(xr.Dataset({"a": ("x", [1.0])}, {"x": [0]}, attrs))
    return tmp_path


def test_a_sound_installation_on_one_screen_and_looking_changes_nothing(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    tiny_unet().save_pretrained(paths.runs() / "mine" / "model")
    before = sorted(home.rglob("*"))
    assert cli.main(["doctor"]) == 0
    assert sorted(home.rglob("*")) == before
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 20
    assert lines[-1] == "nothing is broken"
    assert all(line.startswith("ok ") for line in lines[:-1])
    text = "\n".join(lines)
    for part in ("2 networks ship: autoencoder, bbbc021-dit", "1 results", "real: photos_x8", str(home), "torch "):
        assert part in text
    assert "1 trained here: mine" in text


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def fails(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


WEIGHTS = "checkpoints/bbbc021-dit/diffusion_pytorch_model.safetensors"
NO_OPERATOR = RuntimeError("operator torchvision::nms does not exist")
READ_ONLY = OSError(30, "Read-only file system")
BREAKS: dict[str, tuple[Callable[[Path, pytest.MonkeyPatch], object], str, str]] = {
    "weights cut short": (lambda home, patch: truncate(home / WEIGHTS), "weights", "does not hold the weights"),
    "one bit of the weights": (lambda home, patch: flip(home / WEIGHTS), "weights", "are not those of its card"),
    "a card that is no JSON": (
        lambda home, patch: (home / "checkpoints/autoencoder/card.json").write_text("{"),
        "weights",
        "is not JSON",
    ),
    "a result cut short": (lambda home, patch: truncate(next((home / "results").glob("*.nc"))), "store", "is damaged"),
    "images that are not there": (
        lambda home, patch: (home / "downloads" / "edges2shoes").mkdir(parents=True),
        "images",
        "edges2shoes cannot be used",
    ),
    "a folder of images that is none": (
        lambda home, patch: patch.setenv("SPECTRAL_COLLAPSE_DATA", "/no/such/folder"),
        "images",
        "names '/no/such/folder', which is not a folder",
    ),
    "a file for the data folder": (
        lambda home, patch: patch.setenv("SPECTRAL_COLLAPSE_HOME", str(next((home / "results").glob("*.nc")))),
        "folder",
        "is no folder",
    ),
    "a torchvision of another torch": (
        lambda home, patch: patch.setattr(doctor, "import_module", fails(NO_OPERATOR)),
        "torchvision",
        r"torchvision \S+ was not built for torch \S+, and .* uninstall torchvision$",
    ),
    "processes that cannot start": (
        lambda home, patch: patch.setattr("loky.get_reusable_executor", fails(READ_ONLY)),
        "device",
        "/dev/shm",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_broken_is_told_in_one_line(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    act, about, sentence = BREAKS[name]
    act(home, monkeypatch)
    assert cli.main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    [broken] = [line for line in lines if line.startswith("BROKEN")]
    assert about in broken.split()[1]
    assert re.search(sentence, broken)
    assert lines[-1] == "1 broken"


def test_weights_of_half_precision_alone_are_sound(home: Path) -> None:
    (home / WEIGHTS).rename((home / WEIGHTS).with_suffix(".fp16.safetensors"))
    assert not [line for line in doctor.examine() if line.about == "weights" and line.broken]


def test_a_package_that_lacks_and_one_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        metadata, "requires", lambda name: ["numpy>=99", "no-such-package", "torch>=2", "nor-this; extra == 'book'"]
    )
    [broken] = [line for line in doctor.examine() if line.broken]
    assert broken.about == "packages"
    assert "3 needed; numpy is " in broken.text
    assert "and >=99 is needed; no-such-package is missing" in broken.text
    optional = [line.text for line in doctor.examine() if "'book'" in line.text]
    assert optional == ["extra 'book' is not complete, pip install 'spectral-collapse[book]': nor-this is missing"]
