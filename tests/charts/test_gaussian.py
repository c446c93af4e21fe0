from __future__ import annotations

import altair as alt
import pandas as pd
import pytest
import vl_convert

from spectral_collapse.charts import gaussian as charts
from spectral_collapse.findings import gaussian as findings

from ..gaussian_study import made_up


@pytest.fixture(scope="module")
def made() -> dict[str, alt.TopLevelMixin]:
    study = made_up()
    names = ("spectra", "terminal_variance", "convergence", "guided", "noise_at_level")
    found = {name: getattr(charts, name)(getattr(findings, name)(study)) for name in names}
    found["entry_noise"] = charts.entry_noise(findings.entry_noise(study), findings.entry_noise_drawn(study))
    return found | {"closed_form": charts.closed_form(findings.closed_form(num_steps=(5, 10)))}


SHOWN = {
    "spectra": ["source", "true target", findings.LAW, "entry noise, variance exploding"],
    "terminal_variance": ["variance preserving", "variance exploding", findings.LIMIT, "EDICT", "s₀²"],
    "convergence": ["variance preserving", "order 1", "Heun (EDM)"],
    "guided": ["OVG / standard", "OVG + TABA"],
    "noise_at_level": ["k = 2", "correlation with source", *findings.ENTERING.values()],
    "entry_noise": ["no noise, 10 steps", "entry noise, 50 steps", findings.LIMIT, "s₀²"],
    "closed_form": [findings.LIMIT, "5 steps, measured", "10 steps, measured"],
}


@pytest.mark.parametrize("name", list(SHOWN))
def test_charts_are_described_within_the_row_limit_and_name_their_panels_and_series(
    made: dict[str, alt.TopLevelMixin], name: str
) -> None:
    chart = made[name].to_dict()
    assert chart["description"]
    assert sum(len(pd.DataFrame(rows)) for rows in chart["datasets"].values()) < 5000
    svg = vl_convert.vegalite_to_svg(chart, vl_version="_".join(alt.VEGALITE_VERSION.split(".")[:2]))
    for words in SHOWN[name]:
        assert f">{words}</text>" in svg
    assert 'aria-roledescription="line mark container"' in svg


def test_what_diverges_leaves_the_picture(made: dict[str, alt.TopLevelMixin]) -> None:
    svg = vl_convert.vegalite_to_svg(made["convergence"].to_dict())
    assert "clip-path" in svg
