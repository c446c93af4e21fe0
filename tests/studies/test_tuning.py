from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.errors import DataError
from spectral_collapse.studies import chosen, published, tuning
from spectral_collapse.studies.request import Request
from tests.each import each
from tests.studies.test_collapse import thumbnails

SMALL = {"profile": "smoke", "reference": 16}


def computed() -> xr.Dataset:
    return tuning.STUDY.run(**SMALL, checkpoint=thumbnails())


@each("dataset", ["textures_x8", "bbbc021_x8", "edges2shoes"])
def test_every_method_has_as_many_tries_and_its_published_setting_is_one(dataset: str) -> None:
    request = Request(tuning.TuningParameters.checked(dataset=dataset))
    for name in tuning.METHODS:
        tries = [tuning.made(name, settings) for settings in tuning.candidates(request, name)]
        assert len(set(tries)) == tuning.TRIES
        assert published.method(request, name) in tries


def test_settings_are_tried_on_validation_images_alone(study: xr.Dataset, home: Path) -> None:
    request = Request(tuning.TuningParameters.checked(**SMALL, checkpoint=thumbnails()))
    assert request.images.test.split == "validation"
    assert study["sample"].to_numpy().tolist() == request.images.names
    one = study.isel({"try": 3})
    name, settings = tuning.tried(request)[3]
    images = request.translated(tuning.made(name, settings)).images
    np.testing.assert_allclose(one["psnr"], tuning.metrics.psnr(images, request.pair.target))
    assert dict(study.sizes) == {"try": 2 * tuning.TRIES, "sample": 4}
    assert set(study["method"].to_numpy()[study["published"]]) == {"taba", "nullspace"}


def test_the_largest_area_wins_and_copying_counts_for_nothing(study: xr.Dataset) -> None:
    made_up = study.copy(deep=True)
    made_up["target_s_lf"][:] = 0.6
    made_up["s_hf"][:], made_up["s_lf"][:] = 0.5, 0.5
    made_up["s_lf"][2] = 0.59  # better than the others
    made_up["s_lf"][3] = 0.99  # better still, up to 0.6
    made_up["s_hf"][4], made_up["s_lf"][4] = 0.51, 0.61  # beyond the target's, with more texture
    won = tuning.choices(made_up)
    assert np.flatnonzero(won).tolist() == [4, 5]  # the first of equals for the other method


def test_what_was_chosen_is_read_back_and_used(study: xr.Dataset, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chosen, "FILE", home / "chosen.toml")
    chosen._read.cache_clear()
    chosen.write({"photos_x8": study}, chosen.FILE)
    request = Request(tuning.TuningParameters.checked(**SMALL, checkpoint=thumbnails()))
    for name in ("taba", "nullspace"):
        number = int(np.flatnonzero((study["method"] == name) & study["chosen"])[0])
        assert published.method(request, f"{name}*") == tuning.made(*tuning.tried(request)[number])
    chosen.write({"bbbc021_x8": study}, chosen.FILE)  # what is there of other data sets stays
    steps = request.parameters.num_steps
    assert chosen.settings("photos_x8", "taba", steps) == chosen.settings("bbbc021_x8", "taba", steps)
    with pytest.raises(DataError, match="no settings of 'ovg' were chosen on 'photos_x8'; run the study 'tuning'"):
        published.method(request, "ovg*")
    chosen._read.cache_clear()


def test_a_choice_fits_the_number_of_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "chosen.toml"
    file.write_text(
        "[photos_x8]\nnum_steps = 50\n\n[photos_x8.settings]\n"
        "nullspace = { k = 10, projector = 0.1 }\ntaba = { fraction = 0.04 }\n"
    )
    monkeypatch.setattr(chosen, "FILE", file)
    chosen._read.cache_clear()
    for num_steps, k, fraction in ((50, 10, 0.04), (100, 20, 0.04), (5, 1, 0.2), (2, 1, 0.5)):
        assert chosen.settings("photos_x8", "nullspace", num_steps) == {"k": k, "projector": 0.1}
        assert chosen.settings("photos_x8", "taba", num_steps) == {"fraction": fraction}
    chosen._read.cache_clear()
