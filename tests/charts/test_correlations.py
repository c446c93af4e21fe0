from __future__ import annotations

import pytest

from spectral_collapse.charts import correlations as charts
from spectral_collapse.findings import correlations as findings

from ..correlations_study import METHODS, made_study
from .test_lines import drawn


@pytest.fixture
def found() -> dict[str, object]:
    other = made_study(-1, 1)
    other.attrs |= {"title": "Other", "data_source": "rendered"}
    return {"made": made_study(), "other": other}


def test_single_images_have_a_line_for_each_method_and_one_for_all(found: dict[str, object]) -> None:
    svg = drawn(charts.single_images(findings.single_images(found)))
    assert svg.count('aria-roledescription="line mark"') == 2 * (len(METHODS) + 1)


def test_pictures_are_those_of_the_experiment(found: dict[str, object]) -> None:
    # source, standard, six that were made, target; one example of each of two data sets
    assert drawn(charts.experiment_pictures(found)).count("<image ") == 2 * 9
