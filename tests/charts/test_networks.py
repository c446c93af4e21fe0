from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from spectral_collapse.charts import networks as charts
from spectral_collapse.findings import networks as findings
from spectral_collapse.studies import networks

from ..networks_study import MODELS, made_up


@pytest.fixture
def study() -> xr.Dataset:
    return made_up()


def rows(chart: object) -> pd.DataFrame:
    """All data that a chart carries."""
    return pd.concat([pd.DataFrame(values) for values in chart.to_dict()["datasets"].values()])


def test_charts_carry_their_tables(study: xr.Dataset) -> None:
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


def test_the_filter_comes_last_in_the_legend(study: xr.Dataset) -> None:
    assert f'"domain": {[*MODELS, findings.FILTER]}'.replace("'", '"') in charts.errors(findings.errors(study)).to_json(
        indent=None
    )


def test_what_there_is_no_record_of_is_a_sentence() -> None:
    nothing = xr.Dataset(coords={"model": np.array([], str)})
    sentence = charts.learning(findings.learning(nothing, "c"))
    assert rows(sentence)["words"].tolist() == ["this network has no record of its errors per frequency"]
    assert sentence.to_dict()["description"] == "this network has no record of its errors per frequency"
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
    assert nothing["words"].tolist() == ["there is no record of a network that shares and of one that does not"]


def test_samples_stand_beside_targets_that_are_called_what_they_are(study: xr.Dataset) -> None:
    for kind in ("real", "rendered"):
        table = rows(charts.samples(study.assign_attrs(data_source=kind)))
        assert len(table) == (len(MODELS) + 1) * 2
        assert table["column"].iloc[0].startswith(f"{kind} targets")


def test_other_families_show_some_samples_each(study: xr.Dataset) -> None:
    other = study.isel(model=[0, 1], shown=[0])
    found = charts.others_samples([study, other])
    assert [len(set(rows(one)["column"])) for one in found.vconcat] == [1 + len(MODELS), 3]
    sentence = rows(charts.others_samples([]))["words"].tolist()
    assert sentence == ["no other family of data sets has networks for images of this size"]


def test_every_network_has_its_own_samples(study: xr.Dataset) -> None:
    random = np.random.default_rng(0)
    for name in ("image", "real_image"):
        study[name] = study[name].dims, random.integers(0, 256, study[name].shape, np.uint8)
    table = rows(charts.samples(study)).set_index(["column", "row"])["url"]
    for row in range(2):
        assert table[f"{study.attrs['data_source']} targets|(not the same)", row] == charts.pictures.data_uri(
            study["real_image"][row].to_numpy()
        )
        for model in MODELS:
            expected = charts.pictures.data_uri(study["image"].sel(model=model)[row].to_numpy())
            assert table[model.replace("-", "-|", 1), row] == expected
