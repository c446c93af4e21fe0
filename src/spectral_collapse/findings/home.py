"""What the book found, in five sentences, and the fine detail of every image, for its first page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import results, statistics
from spectral_collapse.findings import collapse, decomposition, fine_detail, verdicts
from spectral_collapse.findings.benchmark import called
from spectral_collapse.findings.claims import Claim
from spectral_collapse.findings.latents import Found
from spectral_collapse.findings.measured import label
from spectral_collapse.statistics import text

_UNCURED = " Adding this noise does not bring the detail back."


CURES = ("dpm_solver", "taba", "ovg")
"""What the sentences compare with the standard inversion."""


def details(found: Found) -> pd.DataFrame:
    """`fine_detail.ratio` of every image, and per method its geometric mean with a 95 % interval over pictures.

    Columns panel (the data set), method, image and ratio; mean, low and high are the same for all images of a method.
    """
    rows = []
    for study in found.values():
        for method in (name for name in fine_detail.METHODS if name in study["point"]):
            ratios, mean = fine_detail.ratio(study, method), fine_detail.energy(study, method)
            frame = pd.DataFrame({"image": ratios["sample"].to_numpy().astype(str), "ratio": ratios.to_numpy()})
            rows.append(frame.assign(panel=label(study), method=called(method), **mean._asdict()))
    return pd.concat(rows, ignore_index=True)


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
    misses = {name: fine_detail.miss(study, name) for name in ("standard", *CURES)}
    (solver, _), (taba, _), (ovg, farther) = (fine_detail.nearer(found, name) for name in CURES)
    noise = fine_detail.gap(study, "noise_floor") if "noise_floor" in study["point"] else None
    lacks = decomposition.split(decomposed).sel(measure="high_power", denoiser="network")
    entry, all_causes = (statistics.interval(lacks.sel(part=name)) for name in ("entry", "total"))
    total = verdicts.tally(one for made in claims.values() for one in made)
    price = float(study["inversion_cost"].sel(point="ovg"))
    counts = sorted({one.sizes["sample"] for one in found.values()})
    first, *others = collapsed.values()
    beside = " and ".join(f"{collapse.energy(one).mean:.2f} ({label(one)})" for one in others)
    best = fine_detail.best(found)
    better, usual = (fine_detail.average(found, name) for name in (best, "standard"))
    return (
        f"{warning(study)}"
        f"1. **What happens.** Images of {label(first)} translated with the standard inversion have "
        f"{text(collapse.energy(first), 2)} times the fine detail of their true targets"
        f"{f'; on the data of the paper {beside}' if beside else ''}.\n"
        f"2. **Why.** Their latents lack {all_causes.mean:.2f} of white noise's power at high frequencies, "
        f"{text(entry, 2)} of it because the image starts without the noise of the first level."
        f"{_UNCURED if noise and not noise.high < 0 else ''}\n"
        f"3. **What helps.** The standard inversion gives {text(misses['standard'], 1)} times too "
        f"little or too much fine detail, DPM-Solver++ (second order) {misses['dpm_solver'].mean:.1f} at no further "
        "cost. "
        f"It is significantly nearer to the targets on {solver} of {len(found)} data sets and TABA on {taba}; "
        f"OVG, at {price:.0f} times the cost, is nearer on {ovg} and farther on {farther}.\n"
        f"4. **What to do.** Start with {called(best)}: over all data sets its detail misses the "
        f"target's by a factor of {better:.2f}, the standard inversion's by {usual:.2f}. Of the equally cheap methods "
        "that are significantly farther on no data set, it misses least ([other tasks and "
        "budgets](notebooks/choose.ipynb)).\n"
        f"5. **How sure.** Of {sum(total.values())} checks of the papers' claims and our goals {total['holds']} hold, "
        f"{total['fails']} fail and {total['mixed']} differ between data sets; the others are clear on one family at "
        "most. Networks are small, data sets have "
        f"{' to '.join(map(str, dict.fromkeys([counts[0], counts[-1]])))} test images, and no interval covers "
        "[another training](notebooks/networks.ipynb)."
    )


def warning(study: xr.Dataset) -> str:
    """A warning above numbers of the profile smoke, '' at the others."""
    if results.parameters(study.attrs).get("profile") != "smoke":
        return ""
    return (
        "**This copy of the book shows that everything runs, and no more:** it was made at the profile `smoke`, with "
        "few images and few steps. `make book PROFILE=quick` has numbers to read.\n\n"
    )
