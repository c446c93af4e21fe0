from __future__ import annotations

from spectral_collapse.charts import comparison
from spectral_collapse.findings import benchmark as findings
from tests.benchmark_study import made
from tests.charts.test_lines import drawn

SHIFTS = {"standard": {}, "taba": {"s_hf": 0.1, "s_lf": -0.1}, "ovg": {"s_hf": 0.05, "s_lf": 0.2}}


def test_differences_are_open_where_the_correction_leaves_nothing() -> None:
    many, few = (
        drawn(comparison.differences(findings.all_differences({"one": made(SHIFTS, pictures=n)}))) for n in (12, 4)
    )
    assert many.count(">better<") == 1
    assert ">better<" not in few
    assert ">no significant difference<" in few
