"""Every figure of made-up results is drawn whole: it names its panels and series, says in words what it shows, and has
no more rows than Altair takes. What else a chart must do is in the file of its module."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import altair as alt
import pytest
import xarray as xr

from spectral_collapse.findings import appendix_c, cheap_guidance, choose, entry_noise, gaussian, plain_areas, tuning
from spectral_collapse.findings.decomposition import ENTRIES
from spectral_collapse.findings.intervals import BAND_TITLES
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
LATENTS = ["white norm", "closed form", "white noise", "real, 16 latents, 8 pictures", *BOTH]
COMPARED = ["TABA", "OVG", "standard", "deterministic", "real, 12 latents, 12 pictures", *BOTH]
MEASURES = ["High frequencies", "Neighbouring values, S_DC"]
NORMALITY = ["norms", "distances", "pvalues", "energies", "band_distances", "rejections", "divergences", "moments"]
PLACES = list(entry_noise.PLACES.values())


def two(study: xr.Dataset, other: xr.Dataset | None = None) -> dict[str, xr.Dataset]:
    return {"one": study, "two": study.assign_attrs(title="Another") if other is None else other}


def series_of_latents() -> dict[str, Any]:
    white, low_pass = latents_study.white(16), latents_study.low_pass
    return {"standard": low_pass(white, 0.3), "white_norm": white, "closed form": low_pass(white)}


@cache
def made(name: str) -> Any:
    """A made-up result of the study behind a module of figures, or two of them by their data sets."""
    if name == "decorrelation":
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("SPECTRAL_COLLAPSE_DATA", raising=False)
            return two(decorrelation_study.made_study(patch))
    makers = {
        "appendix_c": decomposition_study.appendix_c,
        "benchmark": lambda: two(benchmark_study.made(METHODS)),
        "cheap_guidance": lambda: two(
            cheap_guidance_study.cheap_guidance("One, x8"), cheap_guidance_study.cheap_guidance("Two, x8", seed=1)
        ),
        "choose": lambda: two(
            benchmark_study.made(test_choose.SHIFTS),
            benchmark_study.made(test_choose.SHIFTS, title="Drawings", structure="silhouette"),
        ),
        "correlations": lambda: two(correlations_study.made_study(), correlations_study.made_study(-1, 1)),
        "decomposition": decomposition_study.decomposition,
        "entry_noise": entry_noise_study.made_up,
        "gaussian": gaussian_study.made_up,
        "gaussianity": lambda: two(latents_study.made(gaussianity, series_of_latents())),
        "our_method": lambda: two(test_our_method.study()),
        "pca": lambda: two(latents_study.made(pca, series_of_latents())),
        "plain_areas": lambda: two(plain_areas_study.plain_areas("One, x8"), plain_areas_study.plain_areas("Two, x8")),
        "trajectories": lambda: two(
            trajectories_study.trajectories("One, x8"), trajectories_study.trajectories("Two, x8", seed=1)
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
    ("cheap_guidance", "per_step", "high_shares", (), ("share", 0.3), ["exact", "spectral"]),
    ("cheap_guidance", "front", "", (), (), ["One, x8 (rendered)", "free HF", "standard"]),
    ("cheap_guidance", "costs", "", (), ((cheap_guidance.CHEAP, 1.05),), ["Two, x8", "every 5"]),
    ("cheap_guidance", "differences", "", ("hf_excess",), ("energy",), ["free LF", "Two, x8"]),
    ("choose", "gains", "", (), (), [*choose.TASKS, choose.AMONG, choose.APART, "OVG", "BDIA", "Made up", "Drawings"]),
    ("correlations", "method_means", "latent_means", ("s_hf",), ("s_hf",), ["Made up"]),
    ("correlations", "method_means", "latent_means", ("s_lf",), ("s_lf",), ["Made up"]),
    ("correlations", "single_images", "", (), (), ["Made up"]),
    ("correlations", "correlations", "", (), (), ["Made up"]),
    ("correlations", "experiment", "", (), (), ["Made up"]),
    ("decomposition", "parts", "", (), (), [*MEASURES, "Other areas"]),
    ("decomposition", "true_first_steps", "left_after_true_steps", (), (), MEASURES),
    ("decomposition", "other_levels", "", (), (), MEASURES),
    ("decomposition", "noise_error", "by_level", ("error",), (), [*BAND_TITLES.values()]),
    ("decomposition", "area_error", "by_level", ("area_error",), (), ["other areas"]),
    ("decomposition", "noise_norm", "by_level", ("noise_norm",), (), [*ENTRIES.values()]),
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
    *(("gaussianity", name, "", (), (), LATENTS) for name in ("norms", "distances", "pvalues", "energies")),
    *(
        ("gaussianity", name, "", (), (), LATENTS)
        for name in ("band_distances", "rejections", "divergences", "moments")
    ),
    ("our_method", "areas", "", (), (), ["Another", "OVG + TABA", "ours"]),
    ("pca", "cumulative", "", ("set",), (), LATENTS),
    ("pca", "cumulative", "", ("map",), (), LATENTS),
    ("pca", "relative_ranks", "", (), (), LATENTS[:2] + LATENTS[3:]),
    ("pca", "growth", "", (), (), LATENTS),
    ("plain_areas", "per_step", "", (), ("error",), ["One, x8", "plain areas", "other areas"]),
    ("plain_areas", "per_step", "", (), ("spread",), ["inversion, plain areas", "Two, x8"]),
    ("plain_areas", "sweep", "", (), (), ["S_DC of the latent", "One, x8", "100%"]),
    ("plain_areas", "geometry", "", (), (), ["another noise", "TABA", plain_areas.NEAREST]),
    ("plain_areas", "path", "", (), (), ["the true noise", "Two, x8"]),
    ("plain_areas", "edits", "", (), (), ["plain areas", "One, x8", "standard inversion"]),
    (
        "trajectories",
        "per_step",
        "high_energy",
        ("sampling",),
        ("energy", "sampling", 0),
        ["one white noise", "step of the sampling"],
    ),
    ("trajectories", "per_step", "noise_norm", (), ("norm",), ["One, x8", "Two, x8", "standard", "TABA"]),
    ("trajectories", "clean_error", "", (), (), ["high: 0.25 to 0.5 cycles/px", "Two, x8"]),
    ("solvers", "told", "", ("hf_ratio",), ("log energy", 0), ["OVG", "told the next timestep", *BOTH]),
    ("solvers", "gains", "", (), (), ["entry and solver", "TABA", *BOTH]),
    ("solvers", "detail", "", (), (), ["null-space noise", "second order", *BOTH]),
    ("tuning", "areas", "", (), (), ["TABA: fraction 0.04", tuning.PUBLISHED, *BOTH]),
]


def charted(module: str, name: str, finding: str = "", asked: Any = (), given: Any = ()) -> alt.TopLevelMixin:
    findings = import_module(f"spectral_collapse.findings.{module}")
    if isinstance(given, str):  # a second table
        given = (getattr(findings, given)(made(module)),)
    table = getattr(findings, finding or name)(made(module), *asked)
    return getattr(import_module(f"spectral_collapse.charts.{module}"), name)(table, *given)


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


def test_what_diverges_leaves_the_picture() -> None:
    assert "clip-path" in drawn(charted("gaussian", "convergence"))


def test_the_law_has_a_point_per_entry_and_power_and_a_line_per_ratio() -> None:
    svg = drawn(charted("entry_noise", "law", given="hyperbolas"))
    assert svg.count('aria-roledescription="point"') == 3 * len(LAW)
    assert svg.count('aria-roledescription="line mark"') == 6


def test_a_method_beyond_the_budget_has_no_row() -> None:
    assert ">costly<" not in drawn(charted("choose", "gains"))
