from __future__ import annotations

from math import log

from scipy import stats

from spectral_collapse import datasets, metrics
from spectral_collapse.findings.registered import margin, registered


def test_what_is_registered_is_of_scores_and_families_that_there_are_and_margins_are_what_they_say() -> None:
    found = registered()
    assert {found["outcome"]["score"], *found["margins"]} <= metrics.SCORES.keys()
    assert found["populations"].keys() == {info.family for info in datasets.DATASETS.values()}
    assert all(one["why"] and one["margin"] > 0 for one in found["margins"].values())
    assert round(log(1.25), 2) == margin("hf_ratio")
    assert 10 ** (margin("psnr") / 10) - 1 < 1 / 8 + 0.01
    assert abs(stats.kstwo.ppf(0.95, 45) - margin("s_g")) < 0.005
