"""Flow matching beside a network that predicts noise: the same images, methods and scores of the benchmark.

The papers do not treat it, so what is claimed here is a question of this book, and no row of the page of verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import xarray as xr

from spectral_collapse import datasets
from spectral_collapse.findings.benchmark import called, difference, value
from spectral_collapse.findings.claims import Claim, of_gaps
from spectral_collapse.findings.intervals import interval
from spectral_collapse.findings.latents import Found, label
from spectral_collapse.findings.selections import Networks, from_white, per_data_set
from spectral_collapse.processes import Process
from spectral_collapse.statistics import Interval, text
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
        names = [one.attrs["title"] for one in found[FLOW].values() if collapsed(one)]
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
    """What this page asks. Each holds on a data set where the whole interval lies on its side.

    found: with `FLOW`, and with `EPSILON` where the two are compared.
    """
    flow = {label(one): one for one in found[FLOW].values()}
    pairs = {label(both[FLOW]): both for both in per_data_set(found).values() if len(both) == 2}
    white = {name: from_white(one) for name, one in flow.items()}
    made = [of_gaps("Latents of flow matching are less white than white noise", _WHERE, white, -1, "S_DC", _FIGURE)]
    rules = (
        ("Its images have less energy at high frequencies than true targets", "standard", TARGET, "hf_excess", -1),
        ("TABA brings energy back", "taba", "standard", "hf_excess", 1),
        ("OVG brings energy back", "ovg", "standard", "hf_excess", 1),
        ("TABA makes its latents whiter", "taba", "standard", "s_dc", 1),
    )
    for words, point, other, score, sign in rules:
        gaps = {name: difference(one, point, other, score) for name, one in flow.items()}
        made.append(of_gaps(words, _WHERE, gaps, sign, f"difference of {_CALLED[score]}", _FIGURE))
    for words, score in (
        ("It loses less energy than a network that predicts noise", "hf_excess"),
        ("Its latents are whiter than that network's", "s_dc"),
    ):
        gaps = {name: _between(both, score) for name, both in pairs.items()}
        made.append(of_gaps(words, _WHERE, gaps, 1, f"{_CALLED[score]}, standard inversion", _FIGURE))
    return made


def _between(both: Found, score: str) -> Interval:
    """The standard inversion's score with flow matching minus that with epsilon, image by image."""
    values = [both[name][score].sel(point="standard", drop=True).mean("seed") for name in (FLOW, EPSILON)]
    return interval(values[0] - values[1])


_CALLED = {"hf_excess": "log HF energy", "s_dc": "S_DC"}
_WHERE, _FIGURE = "a question of this book", "fig-flow-levels"
