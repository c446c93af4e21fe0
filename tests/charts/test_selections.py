from __future__ import annotations

from spectral_collapse.charts import benchmark as charts
from spectral_collapse.findings import deterministic_stochastic, scale_factor
from spectral_collapse.findings import selections as findings
from tests.benchmark_study import made
from tests.charts.test_lines import drawn

SHIFTS = {"standard": {}, "taba": {"s_hf": 0.1}, "ovg": {"s_lf": 0.2}}


def test_levels_name_networks_methods_and_scores() -> None:
    found = {network: {"bbbc021_x8": made(SHIFTS)} for network in ("U-Net", "DiT")}
    svg = drawn(charts.levels(findings.levels(found)))
    for text in ("U-Net", "DiT", "TABA", "OVG", "Made up", "S_DC ↑", "PSNR (dB) ↑"):
        assert f">{text}<" in svg
    assert "NaN" not in svg


def test_shares_have_the_paper_beside_ours() -> None:
    found = {"one": made(SHIFTS)}
    svg = drawn(charts.shares(deterministic_stochastic.cases(found)))
    for text in (deterministic_stochastic.PAPER, deterministic_stochastic.ALL_METHODS, "S_HF ↑", "S_LF ↑"):
        assert f">{text}<" in svg


def test_factors_have_the_closed_form() -> None:
    found = {"bbbc021_x8": made(SHIFTS), "bbbc021_x16": made(SHIFTS)}
    svg = drawn(charts.factors(scale_factor.by_factor(found, scale_factor.factors_of(found))))
    for text in ("closed form", "white noise", "standard", "HF deficit → 0", "8", "16"):
        assert f">{text}<" in svg
