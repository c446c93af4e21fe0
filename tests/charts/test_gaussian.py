from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from spectral_collapse.charts import gaussian as charts
from spectral_collapse.studies import gaussian

FREQUENCY = np.arange(1, 17) / 32
VARIANCE = np.logspace(1, -8, 7)


@pytest.fixture
def study() -> xr.Dataset:
    """A small result of `studies.gaussian.run`, made up."""
    random = np.random.default_rng(0)
    sizes = {
        "domain": ["source", "target"],
        "sample": list("abc"),
        "process": list(gaussian.PROCESSES),
        "frequency": FREQUENCY,
        "method": list(gaussian.DETERMINISTIC),
        "trip": list(gaussian.ROUND_TRIPS),
        "variance": VARIANCE,
        "steps": [16, 32, 64],
        "entry_noise": [False, True],
        "edm_steps": [10, 50],
        "draw": range(4),
        "ovg_series": list(gaussian.OVG_SERIES),
        "noise": list(gaussian.NOISES),
        "replaced": [0, 2, 5],
    }
    variables = {
        "power": ("domain", "sample", "frequency"),
        "power_law": ("frequency",),
        "entry": ("process",),
        "terminal": ("process", "method", "variance"),
        "limit": ("process", "variance"),
        "error": ("process", "method", "steps"),
        "edm_variance": ("entry_noise", "edm_steps", "variance"),
        "edm_drawn": ("entry_noise", "draw", "variance"),
        "ovg_power": ("ovg_series", "frequency"),
        "standard_variance": ("frequency",),
        "variance_expected": ("noise", "replaced", "frequency"),
        "correlation_expected": ("noise", "replaced", "frequency"),
        "variance_drawn": ("noise", "replaced", "draw", "frequency"),
        "correlation_drawn": ("noise", "replaced", "draw", "frequency"),
        "round_trip": ("process", "trip"),
        "calls": ("process", "trip"),
    }
    return xr.Dataset(
        {name: (dims, random.random([len(sizes[dim]) for dim in dims]) + 0.1) for name, dims in variables.items()},
        sizes,
        {"title": "Made up", "cutoff": 0.125},
    )


def rows(chart: alt.TopLevelMixin) -> pd.DataFrame:
    """All data that a chart carries."""
    return pd.concat([pd.DataFrame(values) for values in chart.to_dict()["datasets"].values()])


def test_spectra_are_means_within_their_bands_and_a_power_law(study: xr.Dataset) -> None:
    table = rows(charts.spectra(study))
    source = table[table["series"] == "source"]
    np.testing.assert_allclose(source["mean"], study["power"].sel(domain="source").mean("sample"))
    assert ((source["low"] <= source["mean"]) & (source["mean"] <= source["high"])).all()
    np.testing.assert_allclose(table[table["series"] == "power law of the targets"]["mean"], study["power_law"])


def test_every_method_and_process_has_its_variances(study: xr.Dataset) -> None:
    table = rows(charts.terminal_variance(study)).dropna(subset=["series"])
    counts = table.groupby(["process", "series"]).size()
    assert len(counts) == 2 * (len(gaussian.DETERMINISTIC) + 1)
    assert (counts == len(VARIANCE)).all()


def test_convergence_keeps_what_diverges(study: xr.Dataset) -> None:
    study["error"][0, 0, -1] = 1e30
    table = rows(charts.convergence(study)).dropna(subset=["process"])
    assert len(table) == study["error"].size
    assert table["value"].max() == 1e30


def test_entry_noise_has_lines_for_all_steps_and_points_for_the_fewest(study: xr.Dataset) -> None:
    table = rows(charts.entry_noise(study)).dropna(subset=["series"])
    assert (table["series"].value_counts() == [2 * len(VARIANCE)] * 2 + [len(VARIANCE)] * 2).all()
    drawn = table.dropna(subset=["low"])
    assert set(drawn["series"]) == {"no noise, 10 steps", "entry noise, 10 steps"}


def test_ovg_is_compared_only_where_there_is_power(study: xr.Dataset) -> None:
    study["ovg_power"] = study["ovg_power"].where(~gaussian.emptied_rings(study), 0)
    datasets = [pd.DataFrame(values) for values in charts.guided(study).to_dict()["datasets"].values()]
    [latents] = [table for table in datasets if "series" in table and table["series"].nunique() == 4]
    [ratios] = [table for table in datasets if "series" in table and table["series"].nunique() == 2]
    assert len(latents) == study["ovg_power"].size
    assert ratios["value"].isna().sum() == 2 * int(gaussian.emptied_rings(study).sum())


def test_noise_has_two_panels_per_level_with_all_frequencies(study: xr.Dataset) -> None:
    chart = charts.noise_at_level(study).to_dict()
    assert [[panel["title"] for panel in row["hconcat"]] for row in chart["vconcat"]] == [
        ["k = 0", "k = 2", "k = 5"]
    ] * 2
    table = rows(charts.noise_at_level(study)).dropna(subset=["series"])
    # the standard inversion's correlation is 1 at every k, one table; all others differ
    assert set(table["series"]) == set(charts._NOISES)
    drawn = table.dropna(subset=["low"])
    assert len(drawn) == 2 * study["variance_expected"].size


@pytest.mark.parametrize(
    "chart", ["spectra", "terminal_variance", "convergence", "entry_noise", "guided", "noise_at_level"]
)
def test_charts_are_described_and_within_the_row_limit(study: xr.Dataset, chart: str) -> None:
    made = getattr(charts, chart)(study)
    assert made.to_dict()["description"]
    assert len(rows(made)) < 5000


def test_the_methods_table_says_what_was_measured(study: xr.Dataset) -> None:
    study["error"][:, 0] = 1 / study["steps"]
    study["error"][:, 1] = study["steps"] ** 3.0
    table = charts.methods_table(study)
    assert list(table.index) == list(gaussian.ROUND_TRIPS)
    assert list(table["Order, variance exploding"].iloc[:2]) == ["1.00", "diverges"]
    assert table.loc["TABA", "Order, variance preserving"] == "-"


def test_the_noise_table_has_a_row_per_noise_and_level(study: xr.Dataset) -> None:
    table = charts.noise_table(study)
    assert len(table) == study["noise"].size * study["replaced"].size
    study["correlation_expected"] = xr.ones_like(study["correlation_expected"])
    assert (charts.noise_table(study).iloc[:, -1] == "-").all()
