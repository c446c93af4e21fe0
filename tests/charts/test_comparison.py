from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.charts import comparison as charts
from spectral_collapse.findings import comparison
from tests.charts.test_lines import drawn


@pytest.fixture
def study() -> xr.Dataset:
    rng = np.random.default_rng(0)
    s_hf = 0.5 + 0.1 * rng.random((4, 12))
    values = {
        "s_hf": s_hf + np.array([0, 0.2, 0, -0.2])[:, None],
        "psnr": 20 - 9 * s_hf + np.array([0, 5, -0.1, -3])[:, None],
        "s_lf": rng.random((4, 12)),
        "angle_at_image": 40 + np.array([0, 9, 0, -9])[:, None] + rng.random((4, 12)),
    }
    return xr.Dataset(
        {name: (("point", "sample"), value) for name, value in values.items()},
        {"point": ["standard", "up", "same", "down"]},
    )


def test_the_matrix_shows_each_pair_once_and_marks_the_uncertain(study: xr.Dataset) -> None:
    matrix = comparison.correlation(study)
    matrix["r_low"].loc[{"score": "s_lf", "other": "psnr"}] = -0.9
    matrix["r_high"].loc[{"score": "s_lf", "other": "psnr"}] = 0.9
    svg = drawn(charts.correlation(matrix))
    rows = charts.correlation(matrix).to_dict()["datasets"].popitem()[1]
    assert len(rows) == 6
    for row in rows:
        held = row["r_low"] <= 0 <= row["r_high"]
        assert row["label"].startswith("(") == held
        assert f">{row['label']}</text>" in svg
        assert row["interval"] == f"[{row['r_low']:.2f}, {row['r_high']:.2f}]"
    assert any(row["label"].startswith("(") for row in rows)
    assert not all(row["label"].startswith("(") for row in rows)
    assert "Spearman correlation" in svg


def test_differences_have_a_panel_per_score_and_correlations_are_centred_at_zero(study: xr.Dataset) -> None:
    pairs = comparison.paired(study)
    chart = charts.differences({"One": pairs, "Two": pairs})
    svg = drawn(chart)
    for title in ("S_HF ↑", "PSNR (dB) ↑", "S_LF ↑", "∠ image (°)", "One", "Two"):
        assert f">{title}</text>" in svg
    for look in ("better", "worse", "no significant difference", "higher", "lower"):
        assert f">{look}</text>" in svg
    rows = [row for table in chart.to_dict()["datasets"].values() for row in table if row["data"] == "One"]
    shares = [f"{share:.0%}" for share in pairs["improved"].sel(score="s_hf").to_numpy()]
    assert [row["share"] for row in rows if row["score"] == "s_hf"] == shares
    assert "nan" not in svg.lower()
    [scale] = [
        layer["encoding"]["color"]["scale"]
        for layer in charts.correlation(comparison.correlation(study)).to_dict()["layer"]
        if "scale" in layer["encoding"]["color"]
    ]
    assert scale["domain"] == [-1, 0, 1]
