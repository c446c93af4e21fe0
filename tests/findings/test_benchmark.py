from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_collapse import paths
from spectral_collapse.findings import benchmark as findings
from spectral_collapse.findings import comparison, deterministic_stochastic, paper_tables
from spectral_collapse.inversion import METHODS
from spectral_collapse.studies import published
from spectral_collapse.studies.benchmark import CHEAP, STUDY
from tests.benchmark_study import made
from tests.studies.test_collapse import thumbnails

SHIFTS = {
    "standard": {},
    "taba": {"s_hf": 0.1, "s_dc": 0.3, "s_lf": -0.1, "psnr": -1.0},
    "ovg": {"s_hf": 0.1, "s_dc": 0.2, "s_lf": 0.2, "psnr": 1.0},
    "direct": {},
}
"""Differences of ten times an image's noise and more, or none."""


@pytest.fixture
def study() -> xr.Dataset:
    return made(SHIFTS)


def test_only_what_differs_is_significant_and_four_pictures_tell_nothing(study: xr.Dataset) -> None:
    pairs = findings.differences(study)
    told = (pairs["adjusted"] < 0.05).sel(score="s_hf").to_series().to_dict()
    assert told == {"TABA": True, "OVG": True, "direct": False}
    assert "S_HF 2 (0); S_LF 1 (1); S_DC 2 (0)" in findings.significant({"": study})
    few = made(SHIFTS, pictures=4)
    assert (findings.differences(few)["adjusted"] > 0.05).all()
    assert "With 4 independent pictures no p-value is below 0.12" in findings.significant({"": few})


def test_distances_of_sets_stand_beside_that_of_the_true_targets(study: xr.Dataset) -> None:
    study["sliced_wasserstein"].loc[{"point": "taba"}] = [0.1, 0.3]
    study["reference_sliced_wasserstein"].loc[{"reference": "target"}] = 0.05
    [row] = findings.set_distances({"": study}, ["taba", "missing"]).to_numpy().tolist()
    assert row == ["0.20", "0.05"]


def test_the_correction_is_benjamini_and_hochbergs() -> None:
    study = made({name: {"s_hf": shift} for name, shift in (("standard", 0), ("a", 0.03), ("b", 0.015), ("c", 0))})
    pairs = findings.differences(study).sel(score="s_hf")
    order = np.argsort(pairs["pvalue"].to_numpy())
    raw = pairs["pvalue"].to_numpy()[order]
    assert 0 < raw[0] < raw[2]
    # p_i * m / i, and none above one that comes later
    by_hand = np.minimum.accumulate((raw * 3 / np.arange(1, 4))[::-1])[::-1]
    np.testing.assert_allclose(pairs["adjusted"].to_numpy()[order], by_hand)


def test_a_method_by_another_name_counts_once(study: xr.Dataset) -> None:
    again = study.isel(point=[0, 1, 2, 0]).assign_coords(point=["standard", "taba", "ovg", "negative_prompt"])
    assert findings.differences(again)["point"].to_numpy().tolist() == ["TABA", "OVG"]
    assert findings.ranks({"": again})["method"].tolist() == ["standard", "TABA", "OVG"]
    assert "Of 2 methods, so many are" in findings.answer({"": again})


def test_structure_beyond_the_target_is_copying_and_cut_from_front_and_ranks(study: xr.Dataset) -> None:
    limited = findings.capped(study)
    assert float(limited["s_lf"].max()) <= 0.75
    np.testing.assert_array_equal(limited["s_lf"], study["s_lf"].clip(max=0.75))
    assert float(study["s_lf"].max()) > 0.85  # the table keeps what was measured
    assert "Methods significantly above it: OVG." in findings.copying({"": study})
    table = findings.front({"": study}).set_index("method")
    assert table.loc["OVG", "s_lf"] == pytest.approx(0.75, abs=0.02)
    assert table.loc["OVG", "on_front"]
    assert not table.loc[["standard", "direct"], "on_front"].any()
    assert not table.loc["true target", "on_front"]
    ranks = findings.ranks({"": study}).set_index("method")
    expected = comparison.ranks(findings.capped(study), findings.COMPARED)["mean_rank"]
    assert ranks["mean"].to_numpy().tolist() == expected.to_numpy().tolist()
    assert ranks["mean"].idxmin() == "OVG"


def test_the_best_are_marked_where_they_are_told_apart(study: xr.Dataset) -> None:
    cells = findings.table({"": study}).set_index(findings.table({"": study})["Method"].map(lambda cell: cell.text))
    marks = cells.map(lambda cell: cell.mark)
    assert marks["S_DC ↑"].tolist()[:4] == ["", "best", "second", ""]
    assert marks["PSNR (dB) ↑"]["OVG"] == "best"
    assert set(marks["MS-SSIM ↑"]) == {""}
    assert marks["S_HF ↑"].tolist()[:4] == ["", "", "", ""]  # TABA's and OVG's are the same
    assert cells["PSNR (dB) ↑"]["OVG"].text.count("[") == 1
    assert cells["FID ↓"]["OVG"].text == "-"
    assert cells["network calls"]["OVG"].text == "100"


def test_what_is_missing_is_named(study: xr.Dataset) -> None:
    text = findings.missing({"": study})
    assert "**FID is missing**: there are no weights." in text
    assert len(findings.OTHERS) == len(set(findings.OTHERS))
    assert {*findings.OTHERS, *CHEAP} == {*METHODS, *published.COMBINED} - {"ovg+edm", "null_class"}


def test_ours_beside_the_papers(study: xr.Dataset) -> None:
    cells = findings.beside_paper({"bbbc021_x32": study, "photos_x8": study})
    assert len(cells) == 9  # Table 10
    taba = cells[cells["Method"].map(lambda cell: cell.text) == "TABA"].iloc[0]
    assert taba["PSNR (dB) ↑"].text.endswith(" / 14.2")
    assert taba["FID ↓"].text == "- / 14.41"
    edm = cells[cells["Method"].map(lambda cell: cell.text) == "EDM"].iloc[0]
    assert edm["S_HF ↑"].text == "- / 0.9"
    assert edm["Method"].note.startswith("Table 10's EDM row repeats its Standard row.")
    assert taba["S_DC ↑"].note == paper_tables.DECORRELATION
    # Table 10: TABA's PSNR 14.20 and MS-SSIM are below, S_HF and S_DC above, S_LF 0.55 below: as here, but for MS-SSIM
    text = findings.agreement({"bbbc021_x32": study.sel(point=["standard", "taba"])})
    assert text.startswith("In 4 cells a method is on the same side of the standard inversion as in the paper, in 0 on")


def test_claims_follow_the_numbers(study: xr.Dataset) -> None:
    def verdicts(**found: xr.Dataset) -> dict[str, str]:
        return {one.claim: one.side for one in findings.claims(found)}

    table = verdicts(a=study)
    assert table["TABA restores texture: S_HF is above the standard inversion's"] == "holds"
    assert table["OVG keeps more of the image than TABA: PSNR is higher"] == "holds"
    assert table["Adding noise costs structure: S_LF of TABA is below the standard inversion's"] == "holds"
    assert table["OVG keeps more structure than TABA: S_LF is higher"] == "holds"
    assert table["The standard inversion has less texture than true targets: S_HF is lower"] == "holds"
    worse = made(SHIFTS | {"ovg": {"psnr": -3.0}}, title="Another")
    both = verdicts(a=study, b=worse)
    assert both["OVG keeps more of the image than TABA: PSNR is higher"] == "mixed"
    alone = verdicts(b=worse)
    assert alone["OVG keeps more of the image than TABA: PSNR is higher"] == "fails"


def test_the_answer_counts(study: xr.Dataset) -> None:
    text, counted = (
        findings.answer({"": study}),
        "Of 3 methods, so many are significantly above the standard inversion, depending on the data set: 2 in S_HF,",
    )
    assert counted in text
    assert "OVG has the best mean rank over 5 scores" in text
    few = made(SHIFTS, pictures=4, title="Few")
    alone = findings.answer({"": few})
    assert "2 in S_HF," in alone
    assert "(by their own 95 % intervals, uncorrected)" in alone
    both = findings.answer({"few": few, "enough": study})  # answered where it can be
    assert counted in both
    for answer in (alone, both):
        assert "no corrected difference can be significant: Few." in answer


def test_numbers_of_the_tables_recompute_from_stored_values(home: Path) -> None:
    """By hand: plain sums over what the stored file has of single images."""
    found = {
        "photos_x8": STUDY.run(profile="smoke", reference=16, methods=("standard", "taba"), checkpoint=thumbnails())
    }
    [file] = paths.results().glob("benchmark-*.nc")
    with xr.open_dataset(file) as stored:
        names = stored["point"].to_numpy().tolist()
        psnr, s_dc, s_hf = (stored[name].to_numpy().tolist() for name in ("psnr", "s_dc", "s_hf"))
        reconstruction = stored["reconstruction"].to_numpy().tolist()

    def mean(values: list[list[list[float]]], method: str) -> float:
        """Over seeds within an image, then over images: [point][seed][image]."""
        seeds = values[names.index(method)]
        return sum(sum(one[image] for one in seeds) / len(seeds) for image in range(len(seeds[0]))) / len(seeds[0])

    cells = findings.table(found)
    rows = cells.set_index(cells["Method"].map(lambda cell: cell.text))
    for method, label in (("standard", "standard"), ("taba", "TABA")):
        assert rows.loc[label, "PSNR (dB) ↑"].text.startswith(f"{mean(psnr, method):.2f} [")
        assert rows.loc[label, "S_DC ↑"].text.startswith(f"{mean(s_dc, method):.3f} [")
        back = reconstruction[names.index(method)]
        assert rows.loc[label, "PSNR of reconstruction (dB) ↑"].value == pytest.approx(sum(back) / len(back))
    gap = mean(s_hf, "taba") - mean(s_hf, "standard")
    assert findings.differences(found["photos_x8"])["difference"].sel(score="s_hf").item() == pytest.approx(gap)
    wins = [
        sum(one) / len(one) > sum(other) / len(other)
        for one, other in zip(s_dc[names.index("taba")], s_dc[names.index("standard")], strict=True)
    ]
    table = deterministic_stochastic.cases(found).set_index(["series", "score"])
    share = table.loc[(deterministic_stochastic.PAPER_METHODS, "S_DC ↑"), "mean"]
    assert share == sum(wins) / len(wins)  # Table 1: a case per seed


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("5", "x16", "taba"), ("4", "Pixel", "taba")),
        (("10", "bbbc021_x32", "edm"), ("10", "bbbc021_x32", "standard")),
        (("10", "bbbc021_x32", "ovg+edm"), ("10", "bbbc021_x32", "ovg")),
        (("3", "U-Net", "ovg"), ("9", "bbbc021_x16", "ovg+taba")),
        (("4", "Latent", "ovg"), ("9", "bbbc021_x16", "ovg+taba")),
        (("5", "x8", "ovg"), ("8", "bbbc021_x8", "ovg+taba")),
        (("5", "x16", "ovg"), ("9", "bbbc021_x16", "ovg+taba")),
    ],
)
def test_the_contradictions_are_in_the_numbers(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    def row(table: str, where: str, method: str) -> list[float]:
        if int(table) < 8:
            printed, column = paper_tables.ablations(), "condition"
        else:
            printed, column = paper_tables.benchmark(), "dataset"
        match = printed[(printed["table"] == int(table)) & (printed[column] == where) & (printed["method"] == method)]
        return match.iloc[0][list(paper_tables.SCORES)].tolist()

    assert paper_tables.note(*one)
    assert row(*one) == pytest.approx(row(*other), abs=0.031)  # FID's last digit but one


def test_table_1_recounted() -> None:
    assert paper_tables.recounted("s_hf") == (24, 24)
    assert paper_tables.recounted("s_lf") == (11, 24)
    assert paper_tables.value(paper_tables.counts(), "improved", table=1, score="s_hf") == 0.938
    assert paper_tables.value(paper_tables.benchmark(), "lpips_alex", dataset="edges2shoes", method="taba") == 0.463
    assert paper_tables.value(paper_tables.benchmark(), "ssim", dataset="edges2shoes", method="taba") is None
