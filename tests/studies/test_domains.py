from __future__ import annotations

import numpy as np
import pytest

from spectral_collapse import datasets, metrics
from spectral_collapse.charts import domains as charts
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.findings import domains as findings
from spectral_collapse.studies import common, domains

pytestmark = pytest.mark.usefixtures("home")


def test_a_family_has_all_its_data_sets_on_the_same_images() -> None:
    photos = domains.family("photos", profile="smoke")
    assert [one.attrs["dataset"] for one in photos] == ["photos_x8", "photos_x16", "photos_x32"]
    targets = [one["image"].sel(domain="target").to_numpy() for one in photos]
    np.testing.assert_array_equal(targets[0], targets[2])
    assert float(photos[0]["power"].sel(domain="source").min()) < float(photos[0]["power"].sel(domain="target").min())
    assert -4 < float(photos[0]["slope"].mean()) < -1  # photographs: about -2


def test_a_data_set_stands_beside_one_of_each_other_family_with_the_wavelet_of_its_s_hf() -> None:
    found = domains.with_companions("photos_x16", profile="smoke", images=6, num_steps=5, checkpoint="none")
    assert [one.attrs["dataset"] for one in found] == ["photos_x16", "bbbc021_x8", "edges2shoes"]
    assert [one.sizes["sample"] for one in found] == [6, 4, 4]
    for one in found:
        reference = metrics.hf_reference(common.real_targets(datasets.load(one.attrs["dataset"], "train"), 32))
        assert one.attrs["wavelet"] == reference.wavelet
        assert one.attrs["reference_slope"] == pytest.approx(reference.slope)
    table = findings.power_laws(found)
    for label, rows in table.dropna(subset="fit").groupby("label"):
        ends = rows.sort_values("frequency").iloc[[0, -1]]
        slope = np.diff(np.log(ends["fit"]))[0] / np.diff(np.log(ends["frequency"]))[0]
        assert f"slope {slope:.2f} " in label
        assert ends["frequency"].max() <= 0.4
    assert findings.wavelets(found).count("for the training images") == 3
    chart = charts.power_laws(table).to_dict()
    assert len(chart["layer"]) == 3
    assert charts.wavelet_details(found).to_dict()["spec"]["encoding"]["y"]["field"] == "name"
    overview = charts.overview(found, findings.spectra(found)).to_dict()
    assert len(overview["vconcat"]) == 3
    assert all(len(rows) < 200 for rows in overview["datasets"].values())
    hidden = [found[0], found[1].assign_attrs(withheld="Left out."), found[2]]
    [rows] = charts.wavelet_details(hidden).to_dict()["datasets"].values()
    assert len({row["name"] for row in rows}) == 2
    overview = charts.overview(hidden, findings.spectra(hidden)).to_dict()
    assert [len(row["hconcat"]) for row in overview["vconcat"]] == [2, 1, 2]


def test_an_unknown_family_is_named_with_the_known_ones() -> None:
    with pytest.raises(InvalidParameterError, match="'faces'; known are: bbbc021, celebamask_hq, edges2shoes"):
        domains.family("faces")
