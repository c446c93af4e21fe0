from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.charts import gallery as pictures
from spectral_collapse.charts import pareto as charts
from spectral_collapse.findings import pareto as findings
from spectral_collapse.studies import pareto
from tests.charts.test_gallery import pictured
from tests.charts.test_lines import drawn
from tests.pareto_model import model


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path_factory.mktemp("home")))
        return pareto.STUDY.run(profile="smoke", checkpoint=model(), progress=False)


def test_the_front_shows_every_point_with_its_intervals(study: xr.Dataset) -> None:
    svg = drawn(charts.front(study))
    for kind, name in charts.KINDS.items():
        assert (f">{name}</text>" in svg) == (kind != "autoencoder")  # this network works on pixels
    assert "structure kept, S_LF, capped at its true target's →" in svg
    assert "texture restored, S_HF (dimensionless) →" in svg
    rows = len(findings.summary(study))
    assert svg.count('aria-roledescription="point"') == rows
    named = ["standard", "True target", "TABA 0.2", "TABA 0.4", "noise floor", "null-space noise", "white norm"]
    lines = len(named) + sum(f">{label}" in svg for label in ("OVG, published", "OVG, best of grid"))
    assert svg.count('aria-roledescription="rule mark"') == 2 * rows + lines
    for label in (*named, "OVG, published"):
        assert f">{label}" in svg


def test_a_study_without_the_published_points_or_without_zero_is_drawn(study: xr.Dataset) -> None:
    known = findings.published(study)
    fewer = study.drop_sel(point=[known["ovg"], *study["point"].to_numpy()[study["method"] == "taba"]])
    svg = drawn(charts.front(fewer))
    assert ">OVG, published" not in svg
    assert ">TABA<" not in svg
    assert ">OVG, best of grid<" in svg
    kept = study.sel(point=(study["eta_hf"] != 0) & (study["eta_lf"] != 0))
    chart = pictures.along_etas(kept).to_dict()
    rows = [row for row in pictured(chart) if row["column"] == "OVG"]
    assert len(rows) == int((kept["method"] == "ovg").sum())


def test_the_table_has_a_row_per_point_and_reference(study: xr.Dataset) -> None:
    table = charts.table(study)
    assert table.index.tolist() == [*map(findings.named, study["point"].data), "True target"]
    mean = float(study["s_lf"].sel(point="standard").mean())
    assert table.loc["standard", "S_LF ↑"].startswith(f"{mean:.3f} [")
    size = float(study["norm"].sel(point="standard").mean())
    assert table.loc["standard", "Norm / sqrt(d)"].startswith(f"{size:.3f} [")
    assert table.loc["white norm", "Norm / sqrt(d)"].startswith("1.000 [1.000")
    energy = np.exp(float(study["reference_hf_excess"].sel(reference="target").mean()))
    assert table.loc["True target", "HF energy over that of training targets"].startswith(f"{energy:.2f} [")
    assert table.loc["True target", "PSNR (dB) ↑"] == table.loc["True target", "S_DC ↑"] == "-"
    seeds = [1, 2, 2, 1, 1, 1, 2, 2, 2, 1]
    assert table["Images x seeds"].tolist() == [*map("4 x {}".format, seeds), "4"]
    assert not table.map(lambda text: "nan" in str(text)).any(axis=None)


def test_sliders_move_both_step_sizes_of_ovg_from_the_standard_inversion_to_the_published_ones(
    study: xr.Dataset,
) -> None:
    chart = pictures.along_etas(study).to_dict()
    ovg = study.sel(point=study["method"] == "ovg")
    counts = [len({*ovg[name].to_numpy()}) for name in ("eta_hf", "eta_lf")]
    moved = [one for one in chart["params"] if one["name"].startswith("frame")]
    assert [(one["value"], one["bind"]["max"]) for one in moved] == [(count - 1, count - 1) for count in counts]
    rows = [row for row in pictured(chart) if row["column"] == "OVG"]
    assert len(rows) == len(ovg["point"]) + 1 == np.prod(counts)
    numbers = ("frame_number", "frame1_number")
    first, last = ({0: 0, 1: 0}, dict(enumerate(count - 1 for count in counts)))
    for place, point in ((first, "standard"), (last, findings.published(study)["ovg"])):
        [row] = [row for row in rows if [row[name] for name in numbers] == [place[0], place[1]]]
        image = study["image"].sel(point=point).isel(shown=0).to_numpy()
        assert row["url"] == pictures.pictures.data_uri(image)
    assert drawn(pictures.along_etas(study)).count("<image") == 3
