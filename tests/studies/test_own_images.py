"""A pair of the reader's own folders in place of a data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMPipeline, UNet2DModel
from PIL import Image

from spectral_collapse import datasets, studies
from spectral_collapse.datasets import folders
from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.networks import load_model, open_model
from spectral_collapse.studies import notebook, own_method

# results of an earlier run have the titles of its folders: keys have the images, not where they are
pytestmark = pytest.mark.usefixtures("linked")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """24 pairs of six patients, of 64 pixels."""
    images = datasets.load("textures_x8", "test", 64).stack(range(24))
    found = {}
    for name, batch in zip(("low", "high"), images, strict=True):
        found[name] = tmp_path_factory.mktemp(name)
        for number, image in enumerate(batch):
            file = found[name] / f"patient {number % 6}" / f"{number}.png"
            file.parent.mkdir(exist_ok=True)
            pixels = ((image + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
            Image.fromarray(pixels).save(file)
    return {"source_images": found["low"], "target_images": found["high"]}


def test_a_study_takes_two_folders_and_any_network(pair: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"profile": "smoke", "num_steps": 3, "methods": ["standard"], **pair}
    found = own_method.STUDY.run(checkpoint="textures", **given)
    assert found.attrs["title"] == f"{pair['source_images'].name} to {pair['target_images'].name}"
    assert found.attrs["data_source"] == "real"
    monkeypatch.setattr(studies.study.Study, "_run_jobs", None)  # what follows comes from the store
    assert own_method.STUDY.run(checkpoint=load_model("textures"), **given).equals(found)


def test_a_network_may_be_a_folder_of_diffusers_and_two_folders_replace_a_pages_data_set(
    pair: dict[str, Path], tmp_path: Path
) -> None:
    network = UNet2DModel(
        sample_size=32, block_out_channels=(8,), down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
        norm_num_groups=4, layers_per_block=1, num_class_embeds=3,
    )  # fmt: skip
    DDPMPipeline(network, DDIMScheduler()).save_pretrained(tmp_path)
    page = {"dataset": "photos_x8", "root": None, "profile": "smoke", "checkpoint": str(tmp_path), "size": 32}
    given = notebook.parameters(own_method.STUDY, page | pair | {"methods": ["standard"]}, history=[])
    found = own_method.STUDY.run(**given | {"num_steps": 2})
    assert found.attrs["checkpoint_hash"] == open_model(tmp_path).hash
    assert len(found.attrs["checkpoint_hash"]) == 12


def test_patients_are_in_one_split_and_images_are_those_of_the_files(pair: dict[str, Path]) -> None:
    info = folders.pair(*pair.values())
    test, train = (datasets.load(info, split, 64) for split in ("test", "train"))
    assert set(test.clusters) == {"patient 0", "patient 2", "patient 4"}
    assert set(train.clusters) == {"patient 1", "patient 3", "patient 5"}
    assert len(test) == len(train) == 12
    first = test.stack([0])
    written = np.asarray(Image.open(pair["target_images"] / f"{test.ids[0]}.png"))
    torch.testing.assert_close(first.target[0], torch.tensor(written).permute(2, 0, 1) / 127.5 - 1)
    assert test.fingerprint != train.fingerprint


def test_what_cannot_be_a_pair_of_folders_is_said_in_one_sentence(pair: dict[str, Path], tmp_path: Path) -> None:
    run, three = studies.run, tmp_path / "three"
    three.mkdir()
    for number in range(3):
        Image.new("RGB", (64, 64)).save(three / f"{number}.png")
    cases = [
        (InvalidParameterError, {**pair, "checkpoint": "textures", "size": 32}, "give that number as size"),
        (InvalidParameterError, {"source_images": three, "checkpoint": "textures"}, "must be given together"),
        (InvalidParameterError, {**pair, "dataset": "photos_x8"}, "in place of dataset"),
        (InvalidParameterError, pair, "name one by checkpoint"),
        (DataError, dict.fromkeys(pair, three) | {"checkpoint": "textures"}, "four pairs are needed"),
        (DataError, {**pair, "target_images": three, "checkpoint": "textures"}, "0 of 24 images"),
        (DataError, {**pair, "target_images": tmp_path / "none", "checkpoint": "textures"}, "does not exist"),
    ]
    for kind, given, said in cases:
        with pytest.raises(kind, match=said):
            run("own_method", profile="smoke", **given)
