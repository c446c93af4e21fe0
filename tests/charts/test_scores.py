from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from spectral_collapse.charts import scores as charts
from spectral_collapse.studies import score_findings

from ..scores_study import smoke


@pytest.fixture
def study() -> xr.Dataset:
    return smoke()


def rows(chart: alt.TopLevelMixin) -> pd.DataFrame:
    """All data that a chart carries."""
    return pd.concat([pd.DataFrame(values) for values in chart.to_dict()["datasets"].values()])


@pytest.mark.parametrize(
    "draw",
    [
        charts.filtered_pictures,
        charts.filtered_scores,
        charts.pipeline_pictures,
        charts.wavelet_details,
        charts.spectra_with_fits,
        charts.flag_masks,
        charts.norms_against_chi_square,
        charts.ks_against_count,
        lambda study: charts.responses(study, "image"),
        lambda study: charts.responses(study, "latent"),
    ],
)
def test_every_figure_describes_itself_and_stays_small(draw: object, study: xr.Dataset) -> None:
    chart = draw(study)
    assert len(chart.to_dict()["description"]) > 20
    assert len(rows(chart)) < 2000


def test_filter_curves_are_means_within_their_bands(study: xr.Dataset) -> None:
    table = rows(charts.filtered_scores(study))
    expected = study["filtered"].mean("sample").to_numpy()
    np.testing.assert_allclose(np.sort(table["mean"]), np.sort(expected.ravel()))
    assert ((table["low"] <= table["mean"]) & (table["mean"] <= table["high"])).all()


def test_a_pipeline_has_no_empty_stages(study: xr.Dataset) -> None:
    columns = [
        set(pd.DataFrame(part["data"] if "values" in part["data"] else values)["column"])
        for part, values in zip(
            charts.pipeline_pictures(study).to_dict()["vconcat"],
            charts.pipeline_pictures(study).to_dict()["datasets"].values(),
            strict=True,
        )
    ]
    assert columns == [{"Image", "Low-passed", "Difference"}] * 2 + [
        {"Image", "Grey", "Mask", "Low-passed", "Silhouette", "Difference"}
    ]


def test_the_fitted_lines_have_the_slopes_of_their_labels(study: xr.Dataset) -> None:
    table = rows(charts.spectra_with_fits(study))
    ends = table[table["low"].isna()]
    for label, line in ends.groupby("label"):
        slope = np.diff(np.log(line["mean"]))[0] / np.diff(np.log(line["frequency"]))[0]
        assert f"slope {slope:.2f} " in label


def test_the_density_of_norms_integrates_to_one(study: xr.Dataset) -> None:
    law = rows(charts.norms_against_chi_square(study)).dropna(subset="density")
    # all but what lies beyond four standard deviations
    assert np.trapezoid(law["density"], law["value"]) == pytest.approx(1, abs=2e-3)


def test_responses_have_a_row_per_score_with_its_arrow(study: xr.Dataset) -> None:
    table = rows(charts.responses(study, "image"))
    assert table["row"].nunique() == score_findings.normalised(study, "image")["score"].nunique()
    assert {"S_HF ↑", "PSNR (dB) ↑"} <= set(table["row"])


def test_the_table_of_readings_has_one_used_per_definition(study: xr.Dataset) -> None:
    table = charts.readings_table(study)
    used = table[table["Used"] == "yes"].index.get_level_values("Score")
    assert sorted(used) == sorted(["S_DC", "S_HF", "S_LF", "S_LF", "SSIM", "MS-SSIM"])
    assert (table["Own pair is closest"] != "").sum() == 5
