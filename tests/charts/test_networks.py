from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from spectral_collapse.charts import networks as charts
from spectral_collapse.findings import networks as findings
from spectral_collapse.findings.measured import title_of
from spectral_collapse.studies import networks
from tests.charts.test_lines import rows

from ..networks_study import MODELS, made_up


@pytest.fixture
def study() -> xr.Dataset:
    return made_up()


def test_charts_carry_their_tables_and_the_filter_comes_last_in_the_legend(study: xr.Dataset) -> None:
    for draw, table in (
        (charts.errors, findings.errors(study)),
        (charts.responses, findings.responses(study)),
        (charts.norms, findings.norms(study)),
        (charts.ceiling, findings.ceiling(study)),
    ):
        pd.testing.assert_frame_equal(rows(draw(table)).dropna(how="all"), table, check_dtype=False)
    energies, decorrelation = findings.energies(study), findings.decorrelation(study)
    found = rows(charts.quality(energies, decorrelation))
    assert len(found) == len(energies) + len(decorrelation) + 1  # a rule at 1 has data of its own
    assert f'"domain": {[*MODELS, findings.FILTER]}'.replace("'", '"') in charts.errors(findings.errors(study)).to_json(
        indent=None
    )


def test_what_there_is_no_record_of_is_a_sentence() -> None:
    nothing = xr.Dataset(coords={"model": np.array([], str)})
    sentence = charts.learning(findings.learning(nothing, "c"))
    assert rows(sentence)["words"].tolist() == ["no errors per frequency are stored for this network"]
    assert sentence.to_dict()["description"] == "no errors per frequency are stored for this network"
    assert charts.losses(findings.losses(nothing)).to_dict()["hconcat"]
    words = rows(charts.ceiling(findings.ceiling(made_up().sel(model=["photos-pixel"]))))["words"].tolist()
    assert words == ["none of these networks has an autoencoder"]


def test_sharing_is_drawn_per_domain_or_said_to_be_unknown() -> None:
    columns = ["network", "alone", "domain", "ratio", "mean", "low", "high"]
    found = [("photos", "photos-x8only", domain, at, 1.1, 1.0, 1.2) for domain in networks.DOMAINS for at in (0.1, 2.0)]
    table = rows(charts.sharing(pd.DataFrame(found, columns=columns)))
    assert set(table["panel"]) == {"held-out sources", "held-out targets"}
    assert set(table["network"]) == {"photos / photos-x8only"}
    nothing = rows(charts.sharing(pd.DataFrame(columns=columns)))
    assert nothing["words"].tolist() == ["no results are stored for both a shared and a separate network"]


def test_every_network_has_its_own_samples_below_targets_that_may_be_shown(study: xr.Dataset) -> None:
    random = np.random.default_rng(0)
    for name in ("image", "real_image"):
        study[name] = study[name].dims, random.integers(0, 256, study[name].shape, np.uint8)
    hidden = study.isel(model=[0]).assign_coords(model=["hidden"]).assign_attrs(withheld="for a reason")
    table = rows(charts.samples([study.assign_attrs(data_source="rendered"), hidden])).set_index(["name", "column"])
    urls = table["url"]
    assert [name for name, column in urls.index if column == "1"] == [
        f"{title_of(study)}|test targets",
        *(model.replace("-", "-|", 1) for model in MODELS),
        "hidden",
    ]
    for row in range(2):
        target = charts.pictures.data_uri(study["real_image"][row].to_numpy())
        assert urls[f"{title_of(study)}|test targets", str(row + 1)] == target
        for model in MODELS:
            expected = charts.pictures.data_uri(study["image"].sel(model=model)[row].to_numpy())
            assert urls[model.replace("-", "-|", 1), str(row + 1)] == expected
