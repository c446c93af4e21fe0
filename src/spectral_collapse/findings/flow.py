"""Flow matching beside a network that predicts noise: the same images, methods and scores of the benchmark.

The papers do not treat it, so what is claimed here is a question of this book, and no row of the page of verdicts.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import xarray as xr

from spectral_collapse import datasets
from spectral_collapse.findings.benchmark import called, difference, value
from spectral_collapse.findings.claims import QUESTION, Claim, Rule, is_above, is_below, judge
from spectral_collapse.findings.latents import label
from spectral_collapse.findings.measured import Measured, title_of
from spectral_collapse.findings.selections import Networks, from_white, per_data_set
from spectral_collapse.processes import Process
from spectral_collapse.statistics import interval, text
from spectral_collapse.studies.benchmark import TARGET
from spectral_collapse.studies.latents import WHITE

EPSILON, FLOW = "epsilon", "flow"
"""How the page calls its networks: the one that ships for the data, and one of flow matching."""


def named(network: str, dataset: str) -> str:
    """The name of the checkpoint of a network for a data set: its family's own, or the one of flow matching."""
    family = datasets.info(dataset).family
    return f"{family}-flow" if network == FLOW else family


def entries(processes: Mapping[str, Process], num_steps: int = 50) -> str:
    """Where an image enters each process, as a list of Markdown: the noise-to-signal ratio of its first level, and the
    variance of which the closed form takes half away."""
    lines = []
    for name, process in processes.items():
        first = process.levels(num_steps)[0]
        ratio = first.sigma / first.alpha
        lines.append(
            f"- **{name}**: an image enters at $s_0 = \\sigma_0/\\alpha_0$ = {ratio:.2g}, and the closed form halves "
            f"what has a variance of {ratio**2:.1g}."
        )
    return "\n".join(lines)


def answer(found: Networks) -> str:
    """On which data sets flow matching collapses, in latents and in images; what standard inversion leaves on the first
    with either network, and whether the cures bring energy back."""
    studies = next(iter(per_data_set(found).values()))

    def each(shown: Callable[[xr.Dataset], str]) -> str:
        return " and ".join(f"{shown(study)} with {name}" for name, study in studies.items())

    def energy(point: str) -> str:
        return each(lambda study: text(difference(study, point, TARGET, "hf_excess"), 2))

    def whiteness(series: str) -> str:
        return each(lambda study: text(value(study, "s_dc", series)))

    def brought(point: str) -> str:
        gain = difference(studies[FLOW], point, "standard", "hf_excess")
        said = "brings energy back" if gain.low > 0 else "is not shown to bring energy back"
        return f"{called(point)} {said} ({text(gain, 2)})"

    def where(collapsed: Callable[[xr.Dataset], bool]) -> str:
        names = [title_of(one) for one in found[FLOW].values() if collapsed(one)]
        listed = f" ({'; '.join(names)})" if names else ""
        return f"on {len(names)} of {len(found[FLOW])} data sets{listed}"

    flow = studies[FLOW]
    latent = where(lambda one: from_white(one).high < 0)
    image = where(lambda one: difference(one, "standard", TARGET, "hf_excess").high < 0)
    return (
        f"**Answer.** Flow matching collapses in the latent {latent}, and in the image {image}. On {label(flow)}, "
        f"the log energy at high frequencies of the standard inversion's images is off that of true targets by "
        f"{energy('standard')}, with TABA by {energy('taba')}. With flow matching {brought('taba')}, "
        f"{brought('ovg')}. $S_{{DC}}$ of the "
        f"standard latents is {whiteness('standard')}, where white noise has {text(value(flow, 's_dc', WHITE))}."
    )


def claims(found: Networks) -> list[Claim]:
    """What this page asks. found: with `FLOW`, and with `EPSILON` where the two are compared."""
    pairs = {name: both for name, both in per_data_set(found).items() if len(both) == 2}

    def between(score: str) -> Measured:
        """The standard inversion's score with flow matching minus that with epsilon, image by image."""
        values = {
            label(both[FLOW]): [both[name][score].sel(point="standard", drop=True).mean("seed") for name in both]
            for both in ({name: both[name] for name in (FLOW, EPSILON)} for both in pairs.values())
        }
        return Measured({name: interval(flow - epsilon) for name, (flow, epsilon) in values.items()})

    more, less = is_above(0), is_below(0)
    rows = [
        ("Latents of flow matching are less white than white noise", "S_DC minus white noise's", from_white, less),
        *(
            (words, f"difference of {_CALLED[score]}",
             functools.partial(difference, point=point, baseline=other, score=score), side)
            for words, point, other, score, side in (
                ("Its images have less energy at high frequencies than true targets",
                 "standard", TARGET, "hf_excess", less),
                ("TABA brings energy back", "taba", "standard", "hf_excess", more),
                ("OVG brings energy back", "ovg", "standard", "hf_excess", more),
                ("TABA makes its latents whiter", "taba", "standard", "s_dc", more),
            )
        ),
        *(
            (words, f"{_CALLED[score]}, standard inversion", between(score), more)
            for words, score in (
                ("It loses less energy than a network that predicts noise", "hf_excess"),
                ("Its latents are whiter than that network's", "s_dc"),
            )
        ),
    ]  # fmt: skip
    return judge((Rule(words, QUESTION, *row, _FIGURE) for words, *row in rows), found[FLOW], label)


_CALLED = {"hf_excess": "log HF energy", "s_dc": "S_DC"}
_FIGURE = "fig-flow-levels"
