from __future__ import annotations

import numpy as np
import xarray as xr

from spectral_collapse.findings import tuning as findings


def made_up() -> xr.Dataset:
    """Two methods of two tries; the published one is the best of the first method alone."""
    values = np.array([[0.8], [0.7], [0.6], [0.9]]) + np.array([0.0, 0.02])
    return xr.Dataset(
        {
            "s_hf": (("try", "sample"), values),
            "s_lf": (("try", "sample"), np.full((4, 2), 0.9)),
            "psnr": (("try", "sample"), np.full((4, 2), 20.0)),
            "sliced_wasserstein": ("try", np.arange(4) / 10),
            "target_s_lf": ("sample", [0.5, 0.7]),
        },
        {
            "method": ("try", ["taba", "taba", "ovg", "ovg"]),
            "settings": ("try", ['{"fraction":0.04}', '{"fraction":0.1}', '{"eta_hf":1000.0}', '{"eta_hf":1e-07}']),
            "published": ("try", [True, False, True, False]),
            "chosen": ("try", [True, False, False, True]),
            "sample": ["a", "b"],
        },
        {"title": "Made up"},
    )


def test_a_row_per_try_with_its_area() -> None:
    table = findings.table(made_up())
    assert table["Setting"].tolist() == ["fraction 0.04", "fraction 0.1", "eta_hf 1000", "eta_hf 1e-07"]
    np.testing.assert_allclose(table["Area"], [0.81 * 0.6, 0.71 * 0.6, 0.61 * 0.6, 0.91 * 0.6], atol=5e-4)
    assert table["Chosen"].tolist() == ["yes", "", "", "yes"]
    assert table["Published"].tolist() == ["yes", "", "yes", ""]


def test_the_answer_counts_the_published_settings_that_won() -> None:
    answer = findings.answer({"one": made_up(), "two": made_up()})
    assert answer.startswith("Each of 2 methods had 2 tries on validation images (2 of Made up; 2 of Made up)")
    assert "a method's best in 2 of 4 cases" in answer
