from __future__ import annotations

import pandas as pd

from spectral_collapse.charts import verdicts as charts
from tests.charts.test_lines import drawn


def test_every_question_has_its_bar_and_every_verdict_its_number() -> None:
    rows = [("Why?|(Paper)", "holds", 12), ("Why?|(Paper)", "fails", 3), ("How?", "mixed", 1)]
    svg = drawn(charts.counts(pd.DataFrame(rows, columns=["question", "verdict", "count"])))
    for text in ("Why?", "(Paper)", "How?", "holds", "fails", "mixed", "12", "3", "1"):
        assert f">{text}<" in svg
    assert ">open<" not in svg  # no claim has it
