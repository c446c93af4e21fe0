from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spectral_collapse import networks as library
from spectral_collapse import paths, results
from spectral_collapse.training import records

from ..networks_study import VP, checkpoint, two_checkpoints

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def two(home: Path) -> list[str]:
    return two_checkpoints()


def test_curves_of_runs_of_different_lengths_lie_side_by_side(two: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "BIN", 4)
    bare = checkpoint(paths.runs() / "mine" / "model", "epsilon", VP)
    (bare / "training.nc").unlink()
    found = records.curves([*two, "mine"])
    assert found["model"].data.tolist() == two
    # losses 0, 1, 2, ... in bins of four
    np.testing.assert_allclose(found["train_loss"], [[1.5, 5.5, np.nan, np.nan], [1.5, 5.5, 9.5, 13.5]])
    np.testing.assert_allclose(found["s_hf"].mean("sample")[0], [0.4, 0.8, np.nan, np.nan])
    assert records.curves(["mine"]).sizes["model"] == 0
    # none of these kept its errors per band
    assert not records.has_bands(found, "photos")


def test_networks_from_elsewhere_have_curves_and_loaded_ones_have_none(two: list[str], tmp_path: Path) -> None:
    checkpoint(tmp_path / "elsewhere" / "guest", "epsilon", VP)
    given = [library.load_model("photos-edm"), tmp_path / "elsewhere" / "guest", "photos"]
    assert records.curves(given)["model"].data.tolist() == ["guest", "photos"]


def test_curves_of_old_and_new_runs_lie_side_by_side(two: list[str]) -> None:
    checkpoint(paths.checkpoints() / "photos-dit", "epsilon", VP)
    errors = np.arange(4 * 3 * 3 * 2 * 5, dtype=float).reshape(4, 3, 3, 2, 5)
    for name, steps in (("photos-edm", 4), ("photos-dit", 2)):
        file = paths.checkpoints() / name / "training.nc"
        run = results.read(file)
        run["noise_error"] = ("step", "level", "band", "domain", "pair"), errors[:steps]
        file.write_bytes(bytes(run.to_netcdf(engine="h5netcdf")))
    names = ["photos-edm", "photos", "photos-dit"]
    found = records.curves(names)
    assert [records.has_bands(found, name) for name in (*names, "nobody")] == [True, False, True, False]
    np.testing.assert_array_equal(found["noise_error"].sel(model="photos-edm"), errors)
    np.testing.assert_array_equal(found["noise_error"].sel(model="photos-dit").isel(step=slice(2)), errors[:2])
    np.testing.assert_allclose(found["ratio"].sel(model="photos-edm"), run["sigma_over_alpha"])


def test_half_is_learnt_halfway_between_no_noise_and_the_end() -> None:
    steps = np.array([1.0, 10.0, 100.0, 1000.0])
    linear = 1 - 0.6 * np.log10(steps) / 3  # in the logarithm of the step, which interpolation takes it for
    late = np.array([1.5, 1.0, 1.0, 0.2])  # half is 0.6, in the middle of the last decade
    early = np.array([0.4, 0.3, 0.2, 0.2])  # there at the first look
    found = records.half_learnt(np.stack([linear, late, early], 1), steps)
    np.testing.assert_allclose(found, [10**1.5, 10**2.5, 1.0])
