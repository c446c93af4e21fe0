from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from spectral_collapse import cli, metrics
from spectral_collapse.datasets import folders
from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.metrics import evaluate_folders

COUNT, SIZE = 6, 32


def fill(folder: Path, names: list[str], seed: int, smooth: bool = False, size: int = SIZE) -> Path:
    generator = np.random.default_rng(seed)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (4, 4, 3) if smooth else (size, size, 3)).astype(np.uint8)
        Image.fromarray(pixels).resize((size, size)).save(folder / name)
    return folder


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return fill(tmp_path / "made", [f"sub/{n}.png" for n in range(COUNT)], 0, smooth=True)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return fill(tmp_path / "target", [f"sub/{n}.bmp" for n in range(COUNT)], 1)


def test_scores_are_those_of_the_images_themselves(made: Path, target: Path, tmp_path: Path) -> None:
    source = fill(tmp_path / "source", [f"sub/{n}.png" for n in range(2, COUNT)], 2)
    found = evaluate_folders(made, source, target)
    names = [f"sub/{n}" for n in range(2, COUNT)]
    assert found["sample"].values.tolist() == names
    images, targets, sources = (
        folders.stack({name: where / f"{name}{ending}" for name in names}, "images")
        for where, ending in ((made, ".png"), (target, ".bmp"), (source, ".png"))
    )
    everything = folders.stack(folders.find(target, "target"), "target")
    np.testing.assert_allclose(found["psnr"], metrics.psnr(images, targets))
    np.testing.assert_allclose(found["s_hf"], metrics.s_hf(images, everything))
    np.testing.assert_allclose(found["s_lf"], metrics.s_lf(images, sources, 2 * 7.7 / SIZE))
    assert found["s_dc"].attrs["missing"] == "needs latents beside the images (translate --latents)"
    assert "2 images have no source of their name" in found.attrs["notes"]


def test_sets_without_common_names_are_sets(made: Path, tmp_path: Path) -> None:
    found = evaluate_folders(made, target=fill(tmp_path / "others", ["a.png", "b.png", "c.png"], 3))
    assert found["s_hf"].notnull().all()
    assert found["psnr"].attrs["missing"] == "needs --target with files of the same names"
    assert found["s_lf"].attrs["missing"] == "needs --source with files of the same names"
    assert "no target has the name of an image" in found.attrs["notes"]


def test_latents_beside_the_images_are_scored(made: Path) -> None:
    latents = torch.randn(COUNT, 4, 16, 16)
    for number, latent in enumerate(latents):
        np.save(made / "sub" / f"{number}.npy", latent[None].numpy())
    np.testing.assert_allclose(evaluate_folders(made)["s_dc"], metrics.s_dc(latents))
    np.save(made / "sub" / "0.npy", np.zeros((1, 4, 8, 8), np.float32))
    with pytest.raises(InvalidParameterError, match="no latents of one shape"):
        evaluate_folders(made)


def test_the_command_writes_what_it_prints(
    made: Path, target: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--csv", str(tmp_path / "s.csv"), "--json", str(tmp_path / "s.json")]
    assert cli.main(["score", str(made), "--target", str(target), *files]) == 0
    lines = capsys.readouterr().out.splitlines()
    table = pd.read_csv(tmp_path / "s.csv").set_index("score")
    row = table.loc["psnr"]
    assert row["low"] < row["mean"] < row["high"]
    assert any(line.startswith("psnr ") and f"{row['mean']:.3f}" in line for line in lines)
    assert any(line.startswith("not measured, needs --source") and "s_lf" in line for line in lines)
    content = json.loads((tmp_path / "s.json").read_text())
    assert np.mean(content["values"]["psnr"]) == pytest.approx(row["mean"])


def test_folders_that_cannot_be_scored_are_named(made: Path, tmp_path: Path) -> None:
    larger = fill(tmp_path / "larger", ["sub/0.png"], 0, size=48)
    with pytest.raises(DataError, match="several sizes"):
        evaluate_folders(made, target=larger)
    assert evaluate_folders(made, target=larger, size=32)["psnr"].sizes["sample"] == 1
    for size in (0, 1_000_000, 2.5):
        with pytest.raises(InvalidParameterError, match="size must be"):
            evaluate_folders(made, target=larger, size=size)
    fill(made, ["sub/0.jpg"], 0)
    with pytest.raises(DataError, match="differ in their ending alone"):
        evaluate_folders(made)
