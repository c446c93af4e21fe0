"""What the book found, in five sentences, and the fine detail of every image, for its first page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import results, statistics
from spectral_collapse.findings import choose, collapse, decomposition, verdicts
from spectral_collapse.findings.benchmark import called
from spectral_collapse.findings.claims import Claim
from spectral_collapse.findings.latents import Found
from spectral_collapse.findings.measured import label
from spectral_collapse.statistics import Interval, text
from spectral_collapse.studies.benchmark import TARGET

METHODS = ("standard", "dpm_solver", "nullspace", "taba", "ovg")
"""What the chart shows, as far as the benchmark has it: the standard inversion, what costs no more, and the papers'
cures."""

CURES = ("dpm_solver", "taba", "ovg")
"""What the sentences compare with the standard inversion."""


def detail(study: xr.Dataset, method: str) -> xr.DataArray:
    """The energy at high frequencies of each image of a method over its own true target's, along `sample`."""
    own = study["hf_excess"].sel(point=method, drop=True)
    own = own.mean("seed") if "seed" in own.dims else own
    return np.exp(own - study["reference_hf_excess"].sel(reference=TARGET, drop=True)).rename("ratio")


def energy(study: xr.Dataset, method: str) -> Interval:
    """The geometric mean of `detail` over images, with its interval."""
    return statistics.geometric_mean(np.log(detail(study, method)))


def distance(study: xr.Dataset, method: str) -> xr.DataArray:
    """How far the fine detail of each image is from its own target's: |log of `detail`|, the registered outcome."""
    return np.abs(np.log(detail(study, method)))


def miss(study: xr.Dataset, method: str) -> Interval:
    """By which factor fine detail misses its target's, too little or too much alike: exp of the mean `distance`."""
    return Interval(*np.exp(statistics.interval(distance(study, method), bounds=statistics.POSITIVE)))


def nearer(found: Found, method: str) -> tuple[int, int]:
    """On how many data sets a method's fine detail is significantly nearer to the targets' than the standard
    inversion's, image by image, and on how many it is farther."""
    gaps = [
        statistics.interval(distance(study, method) - distance(study, "standard"))
        for study in found.values()
        if method in study["point"]
    ]
    return sum(bool(gap.high < 0) for gap in gaps), sum(bool(gap.low > 0) for gap in gaps)


def details(found: Found) -> pd.DataFrame:
    """`detail` of every image, and per method its geometric mean with a 95 % interval over independent pictures.

    Columns panel (the data set), method, image and ratio; mean, low and high are the same for all images of a method.
    """
    rows = []
    for study in found.values():
        for method in (name for name in METHODS if name in study["point"]):
            ratios, mean = detail(study, method), energy(study, method)
            frame = pd.DataFrame({"image": ratios["sample"].to_numpy().astype(str), "ratio": ratios.to_numpy()})
            rows.append(frame.assign(panel=label(study), method=called(method), **mean._asdict()))
    return pd.concat(rows, ignore_index=True)


def table(
    found: Found, measure: Callable[[xr.Dataset, str], Interval], methods: Sequence[str] = METHODS
) -> pd.DataFrame:
    """`miss` or `energy` of methods (rows) on data sets (columns), as texts."""
    columns = {
        label(study): {called(name): text(measure(study, name), 2) for name in methods if name in study["point"]}
        for study in found.values()
    }
    return pd.DataFrame(columns).rename_axis("Method").fillna("-")


def median(study: xr.Dataset) -> xr.Dataset:
    """A result of `studies.collapse` with the pictures of two images alone: of those that are kept, the two around the
    median loss of fine detail by the standard inversion."""
    excess = study["image_excess"].sel(sample=study["shown"].to_numpy())
    loss = (excess.sel(image_series="standard") - excess.sel(image_series="target")).to_numpy()
    first = max(len(loss) - 1, 0) // 2
    return study.isel(shown=np.argsort(loss)[first : first + 2])


def answer(
    found: Found, decomposed: xr.Dataset, claims: Mapping[str, Sequence[Claim]], collapsed: Mapping[str, xr.Dataset]
) -> str:
    """What happens, why, what helps, what to do, and how sure that is, a sentence each, as Markdown.

    found: of the benchmark, the data set that the page speaks of first. decomposed: of `studies.decomposition`, of that
    data set. claims: of `verdicts.collected`. collapsed: of `studies.collapse`, that data set first.
    """
    study = next(iter(found.values()))
    misses = {name: miss(study, name) for name in ("standard", *CURES)}
    solver, taba, ovg = (nearer(found, name)[0] for name in CURES)
    lacks = decomposition.split(decomposed).sel(measure="high_power", denoiser="network")
    entry, all_causes = (statistics.interval(lacks.sel(part=name)) for name in ("entry", "total"))
    total = verdicts.tally(one for made in claims.values() for one in made)
    price = float(study["inversion_cost"].sel(point="ovg"))
    counts = sorted({one.sizes["sample"] for one in found.values()})
    first, *others = collapsed.values()
    beside = " and ".join(f"{collapse.energy(one).mean:.2f} ({label(one)})" for one in others)
    best, suited = choose.pick(found, "editing", 1), choose.suited(found, "editing")
    leads = choose.leading(found, "editing", 1)[best]
    return (
        f"{warning(study)}"
        f"1. **What happens.** Images of {label(first)} translated with the standard inversion have "
        f"{text(collapse.energy(first), 2)} times the fine detail of their true targets"
        f"{f'; on data of the paper {beside}' if beside else ''}.\n"
        f"2. **Why.** Their latents lack {all_causes.mean:.2f} of white noise's power at high frequencies. Of this, "
        f"{text(entry, 2)} is lost because the image starts without the noise of the first level; coarse steps and "
        "the network take the rest.\n"
        f"3. **What helps.** Fine detail misses its target's by a factor of {text(misses['standard'], 1)} with the "
        f"standard inversion, too little or too much. A second-order solver costs nothing more and misses by "
        f"{misses['dpm_solver'].mean:.1f}, TABA by {misses['taba'].mean:.1f}, OVG by {misses['ovg'].mean:.1f} at "
        f"{price:.1f} times the cost. Significantly nearer to the targets are the solver on {solver} of {len(found)} "
        f"data sets, TABA on {taba}, OVG on {ovg}.\n"
        f"4. **What to do.** To edit images at the cost of the standard inversion, start with {called(best)}: it is "
        f"among the best on {leads} of {len(suited)} data sets ([other tasks and budgets](notebooks/choose.ipynb)).\n"
        f"5. **How sure.** Of {sum(total.values())} checks of the papers' claims and our goals, {total['holds']} hold "
        f"and {total['fails']} fail; {total['mixed']} differ between data sets, and the others are clear on one family "
        f"of data at most. Networks are small, and each data set has "
        f"{' to '.join(map(str, dict.fromkeys([counts[0], counts[-1]])))} test images."
    )


def warning(study: xr.Dataset) -> str:
    """A warning above numbers of the profile smoke, '' at the others."""
    if results.parameters(study.attrs).get("profile") != "smoke":
        return ""
    return (
        "**This copy of the book shows that everything runs, and no more:** it was made at the profile `smoke`, with "
        "few images and few steps. `make book PROFILE=quick` has numbers to read.\n\n"
    )
