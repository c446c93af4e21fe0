"""What a perceptual network says of translations: the study, and the sentences about it."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse import metrics, studies
from spectral_collapse.findings import perception as findings
from spectral_collapse.studies import perception, published
from spectral_collapse.studies.request import Request


@pytest.mark.usefixtures("linked")
def test_each_image_is_compared_with_its_own_target_and_all_with_all() -> None:
    given = {"profile": "smoke", "num_steps": 2, "methods": ("standard", "taba")}
    study = perception.STUDY.run(**given)
    request = Request(perception.PerceptionParameters.checked(**given))
    assert study["st_lpips"].dims == ("point", "seed", "sample")
    taba = published.method(request, "taba")
    images, target = request.translated(taba, 1).images, request.pair.target
    own = study["st_lpips"].sel(point="taba", seed=1)
    np.testing.assert_allclose(own, metrics.st_lpips(images, target), atol=1e-5)
    np.testing.assert_allclose(
        study["kernel"].sel(point="taba", seed=1), metrics.st_kernel(images, target).score, rtol=1e-3
    )
    np.testing.assert_allclose(study["source_st_lpips"], metrics.st_lpips(request.pair.source, target), atol=1e-5)
    assert not np.allclose(study["st_lpips"].sel(point="taba", seed=0), own)  # another draw
    # the standard inversion does not draw
    np.testing.assert_array_equal(*(study["st_lpips"].sel(point="standard", seed=seed) for seed in (0, 1)))


def made(gaps: dict[str, float]) -> xr.Dataset:
    """Each of 12 images of the standard inversion has its own distance, those of other methods this much more."""
    own = np.linspace(0.2, 0.4, 12)
    distances = np.stack([own + gap for gap in gaps.values()])[:, None].repeat(2, axis=1)
    return xr.Dataset(
        {
            "st_lpips": (("point", "seed", "sample"), distances),
            "source_st_lpips": ("sample", np.full(12, 0.5)),
            "kernel": (("point", "seed"), np.full((len(gaps), 2), 0.004)),
            "kernel_error": (("point", "seed"), np.full((len(gaps), 2), 0.0012)),
            "reference_kernel": ("reference", [0.01, 0.0]),
            "reference_kernel_error": ("reference", [0.001, 0.001]),
        },
        {"point": list(gaps), "sample": np.arange(12).astype(str), "reference": ["source", "training targets"]},
        {"title": "Made up", "data_source": "real"},
    )


def test_a_method_is_nearer_only_by_more_than_the_registered_margin() -> None:
    study = made({"standard": 0.0, "taba": -0.05, "ovg": 0.1, "edm": -0.01})
    assert [findings.closer(study, name) for name in ("taba", "ovg", "edm")] == [True, False, None]
    two = {"one": study, "two": study}
    assert [findings.nearer(two, name) for name in ("taba", "ovg", "edm", "none")] == [(2, 0), (0, 2), (0, 0), (0, 0)]


def test_tables_name_the_source_and_training_targets() -> None:
    found = {"": made({"standard": 0.0, "taba": -0.1})}
    table = findings.table(found, ["standard", "taba", "not measured"])
    assert list(table.columns) == ["standard", "TABA", "source"]
    assert table["TABA"].item().startswith("0.20 [")
    sets = findings.sets(found, ["taba"])
    assert sets.loc["Made up"].tolist() == ["4.0 \u00b1 1.2", "10.0 \u00b1 1.0", "0.0 \u00b1 1.0"]


def test_the_papers_claims_on_lpips_are_judged_by_st_lpips() -> None:
    study = made({"standard": 0.0, "taba": -0.05, "ovg": 0.1, "ovg+taba": -0.06})
    said = {one.claim.partition(" (")[0]: one.told.partition(",")[0] for one in findings.claims({"one": study})}
    assert said == {
        "OVG has a better LPIPS than the standard inversion": "fails on one family only",
        "TABA has a better LPIPS than the standard inversion": "holds on one family only",
        "OVG has a better LPIPS than TABA": "fails on one family only",
        "OVG + TABA has a better LPIPS than TABA": "fails on one family only",  # by less than the margin
    }


@pytest.mark.usefixtures("linked")
def test_it_says_of_each_network_whether_its_samples_are_told() -> None:
    given = {"dataset": "textures_x8", "checkpoints": ["textures", "textures-flow"], "images": 8, "num_steps": 1}
    found = studies.STUDIES["fidelity"].run(profile="smoke", size=64, progress=False, **given)
    assert found["model"].values.tolist() == ["textures", "textures-flow"]
    assert ((found["c2st"] >= 0) & (found["c2st"] <= 1)).all()
    # one step makes a blur, which nobody takes for a texture
    assert (found["c2st"] > found["c2st_training"]).all()
    assert (found["memorised"] < 0.5).all()
    assert found["image"].shape == (2, 2, 64, 64, 3)
    assert np.isfinite(found["c2st_error"]).all()
