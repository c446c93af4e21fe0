from __future__ import annotations

import re

import altair as alt
import pytest
import vl_convert

from spectral_collapse.charts import correlations as charts
from spectral_collapse.findings import correlations as findings

from ..correlations_study import METHODS, made_study


@pytest.fixture
def found() -> dict[str, object]:
    other = made_study(-1, 1)
    other.attrs |= {"title": "Other", "data_source": "rendered"}
    return {"made": made_study(), "other": other}


def drawn(chart: alt.TopLevelMixin) -> str:
    return vl_convert.vegalite_to_svg(chart.to_dict(), vl_version="_".join(alt.VEGALITE_VERSION.split(".")[:2]))


@pytest.mark.parametrize(
    "draw",
    [
        lambda found: charts.method_means(findings.latent_means(found, "s_hf"), "s_hf"),
        lambda found: charts.method_means(findings.latent_means(found, "s_lf"), "s_lf"),
        lambda found: charts.single_images(findings.single_images(found)),
        lambda found: charts.correlations(findings.correlations(found)),
        lambda found: charts.experiment(findings.experiment(found)),
        charts.experiment_pictures,
    ],
)
def test_every_chart_describes_itself_and_has_a_panel_per_data_set(draw: object, found: dict[str, object]) -> None:
    chart = draw(found)
    svg = drawn(chart)
    assert len(chart.to_dict()["description"]) > 20
    assert ">Made up</text>" in svg
    assert re.search(r">Other(</tspan><tspan[^>]*>| )\(rendered\)</", svg)


def test_single_images_have_a_line_for_each_method_and_one_for_all(found: dict[str, object]) -> None:
    svg = drawn(charts.single_images(findings.single_images(found)))
    assert svg.count('aria-roledescription="line mark"') == 2 * (len(METHODS) + 1)


def test_pictures_are_those_of_the_experiment(found: dict[str, object]) -> None:
    # source, standard, six that were made, target; one example of each of two data sets
    assert drawn(charts.experiment_pictures(found)).count("<image ") == 2 * 9
