"""Every figure of made-up results is drawn whole: it names its panels and series, says in words what it shows, and has
no more rows than Altair takes. What else a chart must do is in the file of its module."""

from __future__ import annotations

import json
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import altair as alt
import pandas as pd
import pytest
import xarray as xr

from spectral_collapse.charts import latents
from spectral_collapse.charts import our_method as our_charts
from spectral_collapse.findings import (
    appendix_c,
    benchmark,
    cheap_guidance,
    choose,
    decomposition,
    deterministic_stochastic,
    entry_noise,
    gaussian,
    plain_areas,
    scale_factor,
    selections,
    tuning,
)  # fmt: skip
from spectral_collapse.findings.gaussianity import LAW as LAW_OF_NOISE
from spectral_collapse.findings.intervals import BAND_TITLES
from spectral_collapse.findings.walks import walks
from spectral_collapse.studies import gaussianity, pca
from spectral_collapse.studies.entry_noise import FINE, LAW, TABA
from tests import (
    benchmark_study,
    cheap_guidance_study,
    correlations_study,
    decomposition_study,
    decorrelation_study,
    entry_noise_study,
    gaussian_study,
    latents_study,
    plain_areas_study,
    solvers_study,
    trajectories_study,
    tuning_study,
)
from tests.charts.test_lines import drawn
from tests.findings import test_choose, test_our_method

METHODS = {"standard": {}, "taba": {"s_hf": 0.1, "s_lf": -0.1}, "ovg": {"s_lf": 0.2, "inversion_cost": 3.0}}
BOTH = ["Made up", "Another"]
LATENTS = ["white norm", "ideal denoiser", "white noise", "16 latents, 8 pictures", *BOTH]
COMPARED = ["TABA", "OVG", "standard", "deterministic", "12 latents, 12 pictures", *BOTH]
MEASURES = ["High frequencies", "Neighbouring values, S_DC"]
NORMALITY = ["norms", "distances", "pvalues", "energies", "band_distances", "rejections", "divergences", "moments"]
SAMPLING = ["reference: one white noise", "step of the sampling"]
PLACES, DENOISERS = list(entry_noise.PLACES.values()), list(decomposition.DENOISERS.values())


def two(study: xr.Dataset, other: xr.Dataset | None = None) -> dict[str, xr.Dataset]:
    return {"one": study, "two": study.assign_attrs(title="Another") if other is None else other}


def series_of_latents() -> dict[str, Any]:
    white, low_pass = latents_study.white(16), latents_study.low_pass
    return {"standard": low_pass(white, 0.3), "white_norm": white, "closed form": low_pass(white)}


@cache
def made(name: str) -> Any:
    """A made-up result of the study behind a module of figures, or two of them by their data sets."""
    makers = {
        "appendix_c": decomposition_study.appendix_c,
        "benchmark": lambda: two(benchmark_study.made(METHODS)),
        "cheap_guidance": lambda: two(
            cheap_guidance_study.cheap_guidance("One x8"), cheap_guidance_study.cheap_guidance("Two x8", seed=1)
        ),
        "choose": lambda: two(
            benchmark_study.made(test_choose.SHIFTS),
            benchmark_study.made(test_choose.SHIFTS, title="Drawings", structure="silhouette"),
        ),
        "correlations": lambda: two(
            correlations_study.made_study(), correlations_study.made_study(-1, 1).assign_attrs(title="Another")
        ),
        "decomposition": decomposition_study.decomposition,
        "decorrelation": lambda: two(decorrelation_study.made_study()),
        "entry_noise": entry_noise_study.made_up,
        "gaussian": gaussian_study.made_up,
        "gaussianity": lambda: two(latents_study.made(gaussianity, series_of_latents())),
        "our_method": lambda: two(test_our_method.study()),
        "pca": lambda: two(latents_study.made(pca, series_of_latents())),
        "plain_areas": lambda: two(plain_areas_study.plain_areas("One x8"), plain_areas_study.plain_areas("Two x8")),
        "trajectories": lambda: two(
            trajectories_study.trajectories("One x8"), trajectories_study.trajectories("Two x8", seed=1)
        ),
        "solvers": lambda: two(solvers_study.solvers("Made up")),
        "tuning": lambda: two(tuning_study.tuning()),
    }
    return makers[name]()


FIGURES: list[tuple[Any, ...]] = [
    # module, chart, the finding's name where it is another, its arguments and the chart's, words that are shown
    ("appendix_c", "gain", "", (), (), [appendix_c.CONSTANT]),
    ("appendix_c", "entering_noise", "", (), (), MEASURES),
    ("benchmark", "front", "", (), (), [*COMPARED[:3], *BOTH]),
    ("benchmark", "ranks", "", (), (), COMPARED),
    ("cheap_guidance", "per_step", "gradients", ("cosine",), ("cosine", 1), ["cosine", "secant"]),
    ("cheap_guidance", "per_step", "gradients", ("share",), ("share", 0.3), ["exact", "spectral"]),
    ("cheap_guidance", "front", "", (), (), ["One x8", "free HF", "standard"]),
    ("cheap_guidance", "costs", "", (), ((cheap_guidance.CHEAP, 1.05),), ["Two x8", "every 5"]),
    ("cheap_guidance", "differences", "", ("hf_excess",), ("energy",), ["free LF", "Two x8"]),
    ("choose", "gains", "", (), (), [*choose.TASKS, choose.AMONG, choose.APART, "OVG", "BDIA", "Made up", "Drawings"]),
    ("correlations", "method_means", "latent_means", ("s_hf",), ("s_hf",), ["Made up"]),
    ("correlations", "method_means", "latent_means", ("s_lf",), ("s_lf",), ["Made up"]),
    ("correlations", "single_images", "", (), (), ["Made up"]),
    ("correlations", "correlations", "", (), (), ["Made up"]),
    ("correlations", "experiment", "", (), (), ["Made up"]),
    ("decomposition", "parts", "", (), (), [*MEASURES, "Other areas"]),
    ("decomposition", "true_first_steps", "left_after_true_steps", (), (), MEASURES),
    ("decomposition", "other_levels", "", (), (), MEASURES),
    ("decomposition", "noise_error", "by_level", ("error",), (), [*BAND_TITLES.values(), *DENOISERS]),
    ("decomposition", "area_error", "by_level", ("area_error",), (), ["other areas"]),
    ("decomposition", "noise_norm", "by_level", ("noise_norm",), (), [*decomposition.ENTRIES.values()]),
    ("decorrelation", "scores", "", (), (), ["standard", *BOTH]),
    ("decorrelation", "correlated_patches", "", (), (), ["standard", *BOTH]),
    ("decorrelation", "over_plain_areas", "", (), (), ["standard", *BOTH]),
    ("decorrelation", "by_distance", "", (), (), ["standard", *BOTH]),
    ("decorrelation", "by_patch", "", (), (), ["standard", *BOTH]),
    ("decorrelation", "calibration", "", (), (), ["channels of the latent"]),
    ("entry_noise", "law", "", (), "hyperbolas", [TABA, "S / s² = 0.025", "squared correlation with the source", *LAW]),
    ("entry_noise", "parts", "", (), "parts_drawn", [entry_noise.CARRIED, entry_noise.TOTAL, "k = 10", *PLACES]),
    ("entry_noise", "trade", "", (), (), [entry_noise.EXACT, FINE, "no noise", "k = 2", *PLACES]),
    ("entry_noise", "convergence", "", (), (), ["ideal denoiser", entry_noise.FLOOR, "order 1"]),
    ("gaussian", "spectra", "", (), (), ["source", "true target", gaussian.LAW, "entry noise, variance exploding"]),
    ("gaussian", "terminal_variance", "", (), (), ["variance exploding", gaussian.LIMIT, "EDICT", "s₀²"]),
    ("gaussian", "convergence", "", (), (), ["variance preserving", "order 1", "Heun (EDM)"]),
    ("gaussian", "guided", "", (), (), ["OVG / standard", "OVG + TABA"]),
    ("gaussian", "noise_at_level", "", (), (), ["k = 2", "correlation with source", *gaussian.ENTERING.values()]),
    ("gaussian", "entry_noise", "", (), "entry_noise_drawn", ["entry noise, 50 steps", gaussian.LIMIT, "s₀²"]),
    *(("gaussianity", name, "", (), (), LATENTS + [LAW_OF_NOISE] * ("distances" in name)) for name in NORMALITY),
    ("our_method", "methods", "areas", (), (our_charts.AREA,), ["Rendered Another", "OVG + TABA", "ours"]),
    ("our_method", "methods", "details", (), (our_charts.DETAIL,), ["Rendered Another", "OVG + TABA", "ours"]),
    ("pca", "cumulative", "", ("set",), (), LATENTS),
    ("pca", "cumulative", "", ("map",), (), LATENTS),
    ("pca", "relative_ranks", "", (), (), LATENTS[:2] + LATENTS[3:]),
    ("pca", "growth", "", (), (), LATENTS),
    ("plain_areas", "per_step", "", (), ("error",), ["One x8", "plain areas", "other areas"]),
    ("plain_areas", "per_step", "", (), ("spread",), ["inversion, plain areas", "Two x8"]),
    ("plain_areas", "sweep", "", (), (), ["S_DC of the latent", "One x8", "100%"]),
    ("plain_areas", "geometry", "", (), (), ["another noise", "TABA", plain_areas.NEAREST]),
    ("plain_areas", "path", "", (), (), ["the true noise", "Two x8"]),
    ("plain_areas", "edits", "", (), (), ["plain areas", "One x8", "standard inversion"]),
    ("trajectories", "per_step", "high_energy", ("sampling",), ("energy", "sampling", 0), SAMPLING),
    ("trajectories", "per_step", "noise_norm", (), ("norm",), ["One x8", "Two x8", "standard", "TABA"]),
    ("trajectories", "clean_error", "", (), (), ["high: 0.25 to 0.5 cycles/px", "Two x8"]),
    ("solvers", "told", "", ("hf_ratio",), ("log energy", 0), ["OVG", "told the next timestep", *BOTH]),
    ("solvers", "gains", "", (), (), ["entry and solver", "TABA", *BOTH]),
    ("solvers", "detail", "", (), (), ["null-space noise", "second order", *BOTH]),
    ("tuning", "areas", "", (), (), ["TABA: fraction 0.04", tuning.PUBLISHED, *BOTH]),
]


def of(module: str) -> ModuleType:
    """The figures of a page."""
    return import_module(f"spectral_collapse.charts.{module}")


def charted(module: str, name: str, finding: str = "", asked: Any = (), given: Any = ()) -> alt.TopLevelMixin:
    findings = import_module(f"spectral_collapse.findings.{module}")
    if isinstance(given, str):  # a second table
        given = (getattr(findings, given)(made(module)),)
    table = getattr(findings, finding or name)(made(module), *asked)
    return getattr(of(module), name)(table, *given)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: ".".join((*figure[:2], figure[2])))
def test_a_figure_is_drawn_whole(figure: tuple[Any, ...]) -> None:
    *made_of, shown = figure
    chart = charted(*made_of)
    specification = chart.to_dict()
    assert len(specification["description"]) > 20
    assert sum(map(len, specification["datasets"].values())) < 5000
    svg = drawn(chart)
    assert "NaN" not in svg
    for words in shown:
        assert f">{words}<" in svg, words


LINE, POINT = 'aria-roledescription="line mark"', 'aria-roledescription="point"'
COUNTED: list[tuple[tuple[Any, ...], str, int | None]] = [
    # a figure, what is in its picture, and how often where that is known
    (("appendix_c", "gain"), 'aria-roledescription="line mark container"', 4),
    (("appendix_c", "entering_noise"), ">Plain areas</text>", 0),  # a measure without a place
    (("choose", "gains"), ">costly<", 0),  # beyond the budget
    (("correlations", "single_images"), LINE, 2 * (len(correlations_study.METHODS) + 1)),  # and one for all
    (("decomposition", "parts"), ">Plain areas</text>", 0),
    (
        ("decomposition", "true_first_steps", "left_after_true_steps"),
        "sigma / alpha): 1 (0.04); remaining deficit relative to white noise: ",
        None,
    ),
    (("entry_noise", "law", "", (), "hyperbolas"), POINT, 3 * len(LAW)),
    (("entry_noise", "law", "", (), "hyperbolas"), LINE, 6),
    (("gaussian", "convergence"), "clip-path", None),  # what diverges leaves the picture
    (("gaussianity", "distances"), 'aria-roledescription="area mark container"', None),  # chance
    (("gaussianity", "band_distances"), 'aria-roledescription="rect mark container"', None),
    (("pca", "predicted"), "loss with the ideal denoiser", None),
]


@pytest.mark.parametrize(("figure", "text", "count"), COUNTED, ids=str)
def test_marks_and_words_are_there_as_often_as_they_should(
    figure: tuple[Any, ...], text: str, count: int | None
) -> None:
    found = drawn(charted(*figure)).count(text)
    assert found == count if count is not None else found


def test_series_differ_in_more_than_colour() -> None:
    methods = ("standard", "taba", "ovg", "noise_floor", "nullspace", "white_norm")
    looks = latents.looks(("white noise", *methods, "closed form"))
    assert len({(look.dash, look.shape) for look in looks.values()}) == len(looks) == 8
    assert len({look.color for look in looks.values()}) == 8
    assert len({look.shape for look in of("decomposition").LOOKS.values()}) == 3
    others = of("decorrelation").looks(["white noise", *decorrelation_study.METHODS, "nullspace", "closed form"])
    white = others.pop("white noise")
    assert all(white.dash != other.dash and white.shape != other.shape for other in others.values())


def test_maps_have_a_row_per_data_set_and_a_flagged_window_is_black() -> None:
    ours, found = of("decorrelation"), made("decorrelation")
    assert drawn(ours.flagged_maps(found)).count("<image ") == 2 * (2 + len(decorrelation_study.METHODS))
    assert drawn(ours.single_maps(found)).count("<image ") == 2 * 2 * 8
    flagged = found["one"]["flagged"].sel(series="standard").to_numpy()
    frames = ours._framed(flagged, (16, 16))
    assert (frames[:, :2] == 160).all()  # the border is grey
    assert (frames[:, 2:-2, 2:-2, 0] == 255 * ~flagged).all()


def test_parts_of_one_denoiser_have_no_legend() -> None:
    table = decomposition.parts(made("decomposition"))
    svg = drawn(of("decomposition").parts(table[table["denoiser"] == decomposition.DENOISERS["network"]]))
    assert "start without noise" in svg
    assert f">{decomposition.DENOISERS['network']}<" not in svg


def test_what_is_missing_has_no_mark() -> None:
    table = import_module("spectral_collapse.findings.pca").predicted(made("pca"))
    assert "NaN" not in drawn(of("pca").predicted(table.assign(mean=float("nan"))))
    one = made("plain_areas")["one"].copy(deep=True)
    one["error"].loc[{"area": "plain"}] = float("nan")
    svg = drawn(of("plain_areas").per_step(plain_areas.per_step({"one": one}), "error"))
    assert ">plain areas</text>" not in svg
    assert ">other areas</text>" in svg


def test_pictures_have_a_row_per_data_set_and_kind() -> None:
    areas, components = made("plain_areas"), of("pca").component_pictures(made("pca")["one"])
    for chart, count in (
        (of("plain_areas").drawn_pictures(areas), 2 * 5),
        (of("plain_areas").path_pictures(areas["one"]), 3 * 5),
        # source, standard, six that were made, target; one example of each of two data sets
        (of("correlations").experiment_pictures(made("correlations")), 2 * 9),
    ):
        assert drawn(chart).count("<image") == count
        assert chart.to_dict()["description"]
    rows = next(iter(components.to_dict()["datasets"].values()))
    shown = [name for name in of("pca").SHOWN if name in made("pca")["one"]["series"]]
    assert len(rows) == len(shown) * 2 * pca.PICTURES
    assert len({row["url"] for row in rows}) >= 2 * pca.PICTURES
    spectra = import_module("spectral_collapse.findings.pca").component_spectra(made("pca")["one"])
    assert ">first components</text>" in drawn(of("pca").component_spectra(spectra))


def test_the_slider_shows_one_step_and_holds_all_of_them() -> None:
    chart = of("trajectories").slider(made("trajectories")["one"])
    specification = chart.to_dict()
    assert drawn(chart).count("<image") == 3 * 3
    assert ">step 11 of 20, from noise ratio" in drawn(chart)
    [moved] = specification["params"]
    assert (moved["bind"]["input"], moved["bind"]["max"], moved["value"]) == ("range", 3, 2)
    assert json.dumps(specification).count("data:image/webp") == 4 * 3 * 3
    moved["value"] = 3
    assert ">step 20 of 20" in drawn(alt.Chart.from_dict(specification))
    assert "http" not in json.dumps(specification["datasets"])  # nothing is fetched


def test_differences_are_open_where_the_correction_leaves_nothing() -> None:
    shifts = METHODS | {"ovg": {"s_hf": 0.05, "s_lf": 0.2}}
    many, few = (
        drawn(
            of("comparison").differences(benchmark.all_differences({"one": benchmark_study.made(shifts, pictures=n)}))
        )
        for n in (12, 4)
    )
    assert many.count(">better<") == 1
    assert ">better<" not in few
    assert ">no significant difference<" in few


def test_networks_shares_and_factors_are_named() -> None:
    study, ours = benchmark_study.made(METHODS), of("benchmark")
    found = {network: {"bbbc021_x8": study} for network in ("U-Net", "DiT")}
    cells = {"bbbc021_x8": study, "bbbc021_x16": study}
    cases = deterministic_stochastic.cases({"one": study})
    factors = scale_factor.by_factor(cells)
    for chart, texts in (
        (ours.levels(selections.levels(found)), ["U-Net", "DiT", "TABA", "OVG", "Made up", "S_DC ↑", "PSNR (dB) ↑"]),
        (
            ours.shares(cases),
            [deterministic_stochastic.PAPER, deterministic_stochastic.ALL_METHODS, "S_HF ↑", "S_LF ↑"],
        ),
        (ours.factors(factors), ["ideal denoiser", "white noise", "standard", "HF deficit → 0", "8", "16"]),
    ):
        svg = drawn(chart)
        assert [text for text in texts if f">{text}<" not in svg] == []
        assert "NaN" not in svg


def test_every_question_has_its_bar_and_every_verdict_its_number() -> None:
    rows = [("Why?|(Paper)", "holds", 12), ("Why?|(Paper)", "fails", 3), ("How?", "mixed", 1)]
    svg = drawn(of("verdicts").counts(pd.DataFrame(rows, columns=["question", "verdict", "count"])))
    for text in ("Why?", "(Paper)", "How?", "holds", "fails", "mixed", "12", "3", "1"):
        assert f">{text}<" in svg
    assert ">open<" not in svg  # no claim has it


def test_the_schematic_has_a_row_per_method_its_calls_and_its_drawn_noise() -> None:
    table = walks(["standard", "taba", "ovg", "edict"], num_steps=25)
    svg = drawn(of("walks").schematic(table))
    for text in ("standard", "TABA", "OVG", "EDICT", "remembers", "call with a gradient", "4 or more"):
        assert f">{text}</text>" in svg
    assert svg.count(">remembers</text>") == 1
    assert svg.count(POINT) == int((table["calls"] > 0).sum())
    assert svg.count('aria-roledescription="rect mark"') == int(table["drawn"].notna().sum()) == 4 * 26
