from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.charts import scores as charts
from spectral_collapse.findings import scores as findings
from spectral_collapse.store.withheld import placeholder
from tests.charts.test_lines import rows

from ..scores_study import smoke


@pytest.fixture
def study(shared: Path) -> xr.Dataset:
    return smoke(shared)


@pytest.mark.parametrize(
    "draw",
    [
        charts.filtered_pictures,
        lambda study: charts.filtered_scores(findings.filtered(study)),
        charts.pipeline_pictures,
        lambda study: charts.flag_masks(study, findings.decorrelation(study)),
        lambda study: charts.norms_against_chi_square(study, findings.norm_law(study)),
        lambda study: charts.responses(findings.normalised(study, "image")),
        lambda study: charts.responses(findings.normalised(study, "latent")),
    ],
)
def test_every_figure_describes_itself_and_stays_small(draw: object, study: xr.Dataset) -> None:
    chart = draw(study)
    assert len(chart.to_dict()["description"]) > 20
    assert len(rows(chart)) < 2000


def test_filter_curves_are_means_within_their_bands_and_the_density_of_norms_integrates_to_one(
    study: xr.Dataset,
) -> None:
    table = rows(charts.filtered_scores(findings.filtered(study)))
    expected = study["filtered"].mean("sample").to_numpy()
    np.testing.assert_allclose(np.sort(table["mean"]), np.sort(expected.ravel()))
    assert ((table["low"] <= table["mean"]) & (table["mean"] <= table["high"])).all()
    law = rows(charts.norms_against_chi_square(study, findings.norm_law(study))).dropna(subset="density")
    # all but what lies beyond four standard deviations
    assert np.trapezoid(law["density"], law["value"]) == pytest.approx(1, abs=2e-3)


def test_a_pipeline_has_no_empty_stages_and_responses_a_row_per_score_with_its_arrow(study: xr.Dataset) -> None:
    tables = charts.pipeline_pictures(study).to_dict()["datasets"].values()
    columns = [{row["column"] for row in table} for table in tables]
    few = {"Image", "Compared", "Difference"}
    assert columns == [few, few, few | {"Grey", "Mask", "Silhouette"}]
    tile = placeholder(study.sizes["row"], study.sizes["col"])[..., None]
    study["pipeline_image"][0] = tile  # its pictures may not be shown
    assert len(charts.pipeline_pictures(study).to_dict()["vconcat"]) == len(columns) - 1
    study["pipeline_image"][:] = tile
    assert len(charts.pipeline_pictures(study).to_dict()["vconcat"]) == len(columns)
    found = findings.normalised(study, "image")
    table = rows(charts.responses(found))
    assert table["row"].nunique() == found["score"].nunique()
    assert {"S_HF ↑", "PSNR (dB) ↑"} <= set(table["row"])
