"""Flow matching beside a network that predicts noise: the same images, methods and scores of the benchmark.

The papers do not treat it, so what is claimed here is a question of this book, and no row of the page of verdicts.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import xarray as xr

from spectral_collapse import datasets
from spectral_collapse.findings.benchmark import difference, per_image
from spectral_collapse.findings.claims import QUESTION, Claim, Rule, is_above, is_below, judge
from spectral_collapse.findings.latents import counted
from spectral_collapse.findings.measured import Measured, above
from spectral_collapse.findings.selections import Networks, per_data_set
from spectral_collapse.networks.checkpoints import ordinary
from spectral_collapse.processes import Process
from spectral_collapse.statistics import Interval, interval
from spectral_collapse.studies.benchmark import TARGET
from spectral_collapse.studies.latents import WHITE

EPSILON, FLOW = "epsilon", "flow"
"""How the page calls its networks: the one that ships for the data, and one of flow matching."""


def named(network: str, dataset: str) -> str:
    """The name of the checkpoint of a network for a data set: its family's ordinary one, or that of flow matching."""
    family = datasets.info(dataset).family
    return f"{family}-flow" if network == FLOW else ordinary(family)


def entries(processes: Mapping[str, Process]) -> str:
    """Where an image enters each process: sigma / alpha of its first level, and the variance that is halved there."""
    ratios = {name: process.levels(1)[0].ratio for name, process in processes.items()}
    return "\n".join(
        f"- **{name}**: the inversion starts at $s_0 = \\sigma_0/\\alpha_0$ = {ratio:.2g}. With the ideal denoiser, a "
        f"coefficient of variance {ratio**2:.1g} ends with half the power of white noise."
        for name, ratio in ratios.items()
    )


def answer(found: Networks) -> dict[str, Any]:
    """On which data sets latents of flow matching collapse, and their images lack energy; how TABA and OVG change the
    energy on the first data set, and whether that is a gain."""
    study = next(iter(per_data_set(found).values()))[FLOW]
    taba, ovg = (difference(study, point, "standard", "hf_excess") for point in ("taba", "ovg"))

    def where(gap: Callable[[xr.Dataset], Interval]) -> str:
        names = Measured.of(found[FLOW], gap).below()
        return f"{len(names)} of {len(found[FLOW])} data sets" + f" ({'; '.join(names)})" * bool(names)

    return {
        "collapse": where(_FROM_WHITE), "lack": where(_LACK), "data": counted(study),
        "taba": taba, "taba_gains": above(taba, 0), "ovg": ovg, "ovg_gains": above(ovg, 0),
    }  # fmt: skip


def _minus(point: str, baseline: str, score: str) -> Callable[[xr.Dataset], Interval]:
    return functools.partial(difference, point=point, baseline=baseline, score=score)


_FROM_WHITE, _LACK = _minus("standard", WHITE, "s_dc"), _minus("standard", TARGET, "hf_excess")
"""S_DC of the standard inversion's latents minus that of white noise, and log energy minus that of true targets."""


def claims(found: Networks) -> list[Claim]:
    """What this page asks. found: with `FLOW`, and with `EPSILON` where the two are compared."""
    pairs = [both for both in per_data_set(found).values() if len(both) == 2]

    def between(score: str) -> Measured:
        """The standard inversion's score with flow matching minus that with epsilon, image by image."""
        values = {}
        for both in pairs:
            flow, epsilon = (per_image(both[name], "standard", score) for name in (FLOW, EPSILON))
            values[counted(both[FLOW])] = interval(flow - epsilon)
        return Measured(values)

    energy, whiteness = "log HF energy", "S_DC"
    rows = [
        ("Latents of flow matching are less white than white noise", "S_DC minus white noise's", _FROM_WHITE, is_below),
        ("Images of flow matching have less energy at high frequencies than true targets", f"difference of {energy}",
         _LACK, is_below),
        ("TABA adds energy with flow matching", f"difference of {energy}",
         _minus("taba", "standard", "hf_excess"), is_above),
        ("OVG adds energy with flow matching", f"difference of {energy}",
         _minus("ovg", "standard", "hf_excess"), is_above),
        ("TABA makes latents of flow matching whiter", f"difference of {whiteness}",
         _minus("taba", "standard", "s_dc"), is_above),
        ("Flow matching loses less energy than a network that predicts noise", f"{energy}, flow matching minus epsilon",
         between("hf_excess"), is_above),
        ("Latents of flow matching are whiter than those of a network that predicts noise",
         f"{whiteness}, flow matching minus epsilon", between("s_dc"), is_above),
    ]  # fmt: skip
    rules = [Rule(words, QUESTION, what, gap, side(0), "fig-flow-levels") for words, what, gap, side in rows]
    return judge(rules, found[FLOW], counted)
