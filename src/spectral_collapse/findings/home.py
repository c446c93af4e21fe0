"""What the book found, in numbers, and the fine detail of every image, for its first page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import recording, results
from spectral_collapse.findings import choose, collapse, decomposition, fine_detail, networks, perception
from spectral_collapse.findings.benchmark import called
from spectral_collapse.findings.latents import Found
from spectral_collapse.findings.measured import title_of
from spectral_collapse.findings.tidy import enumerated
from spectral_collapse.statistics import text
from spectral_collapse.studies.published import CHOSEN


def details(found: Found) -> pd.DataFrame:
    """`fine_detail.ratio` of every image, and per method its geometric mean with a 95 % interval over pictures.

    Columns panel (the data set), method, image and ratio; mean, low and high are the same for all images of a method.
    """
    rows = []
    for study in found.values():
        for method in (name for name in fine_detail.METHODS if name in study["point"]):
            ratios, mean = fine_detail.ratio(study, method), fine_detail.energy(study, method)
            frame = pd.DataFrame({"image": ratios["sample"].to_numpy().astype(str), "ratio": ratios.to_numpy()})
            rows.append(frame.assign(panel=title_of(study), method=called(method), **mean._asdict()))
    return pd.concat(rows, ignore_index=True)


def median(study: xr.Dataset) -> xr.Dataset:
    """A result of `studies.collapse` with the pictures of two images alone: of those that are kept, the two around the
    median loss of fine detail by the standard inversion."""
    excess = study["image_excess"].sel(sample=study["shown"].to_numpy())
    loss = (excess.sel(image_series="standard") - excess.sel(image_series="target")).to_numpy()
    first = max(len(loss) - 1, 0) // 2
    return study.isel(shown=np.argsort(loss)[first : first + 2])


def trained_again(names: Sequence[str]) -> Sequence[xr.Dataset]:
    """The benchmark with an ordinary network and with the same trained again, on the first of these data sets that has
    both; empty without."""
    recorded = recording.recorded("benchmark", recording.AGAIN)
    for dataset in names:
        of = {name: one for name, one in recorded.items() if results.parameters(one.attrs)["dataset"] == dataset}
        for pair in networks.trainings(of).values():
            return list(pair.values())
    return []


def answer(
    found: Found,
    seen: Found,
    decomposed: Found,
    collapsed: Found,
    judged: Found,
    again: Sequence[xr.Dataset],
    ordinary: Found,
    ordinary_images: Found,
    chosen: Found,
) -> dict[str, Any]:
    """Numbers on what happens, why, what helps, what to do, and how sure that is.

    found: of the benchmark; seen, decomposed, collapsed, judged: of the studies perception, decomposition, collapse and
    fidelity; in all of them the data set that the page speaks of is the first. again: of `trained_again`.
    ordinary, ordinary_images: of decomposition and of the benchmark, with networks that are not preconditioned. chosen:
    of `tuning.ON_TEST_IMAGES`.
    """
    study = next(iter(found.values()))
    latent, plain = choose.best(found, seen, latent=True), decomposition.by_network(found, ordinary_images)["ordinary"]
    simple = fine_detail.tied(plain, choose.has_latent)[0] if plain else ""
    counts = sorted({one.sizes["sample"] for one in found.values()})
    ours = {title_of(one): collapse.loss(one) for one in collapsed.values()}
    theirs = {title_of(one): _loss(one) for one in ordinary_images.values()}
    for one in list(ordinary_images.values())[:1]:
        theirs[title_of(one)] = text(
            fine_detail.energy(one, "standard"), 2
        )  # one number of a sentence has its interval
    fewer = {one.sizes["sample"] for one in ordinary.values()} - set(counts)
    return {
        "warning": warning(study),
        "ours": enumerated(
            ours.values() if [*ours] == [*theirs] else map(" on ".join, zip(ours.values(), ours, strict=True))
        ),
        "theirs": enumerated(map(" on ".join, zip(theirs.values(), theirs, strict=True))),
        "accounts": decomposition.accounts(decomposed, ordinary),
        "either": fine_detail.ordinary(plain),
        "best": called(best := choose.best(found, seen)),
        **{name: fine_detail.average(found, name) for name in ("standard", "ovg")},
        "first": fine_detail.average(found, best),
        "noise": fine_detail.nearer(found, "noise_floor")[0],
        "total": len(found),
        "price": float(study["inversion_cost"].sel(point="ovg")),
        "lost": _families(perception.keeping(found, "ovg")[1]),
        "still": _families(perception.keeping(chosen, f"ovg{CHOSEN}")[1]),
        "latent": f"{'our ' * latent.startswith('nullspace')}{called(latent)}",
        "simple": called(simple) * (simple != latent),
        "told": networks.counted_apart(list(judged.values())),
        "again": _again(again),
        "images": " to ".join(map(str, dict.fromkeys([counts[0], counts[-1]]))),
        "fewer": min(fewer, default=0),
    }


def _loss(study: xr.Dataset) -> str:
    """The fine detail of the standard inversion's images over their targets', as `fine_detail.told` has it."""
    return fine_detail.told(np.log(fine_detail.ratio(study, "standard")))


def _families(titles: Sequence[str]) -> list[str]:
    """Titles of data sets without their factors, each once."""
    return list(dict.fromkeys(re.sub(r" x\d+$", "", title) for title in titles))


def _again(studies: Sequence[xr.Dataset]) -> str:
    if not studies:
        return ""
    first, second = (fine_detail.energy(one, "standard").mean for one in studies)
    return (
        f"Trained again, the ordinary network of {title_of(studies[0])} gave {second:.2f}, not {first:.2f} "
        f"({studies[0].sizes['sample']} images). "
    )


def warning(study: xr.Dataset) -> str:
    """A warning above numbers of the profile smoke, '' at the others."""
    if results.parameters(study.attrs).get("profile") != "smoke":
        return ""
    return (
        "**This copy of the book shows that everything runs, and no more:** it was made at the profile `smoke`, with "
        "few images and few steps. `make book PROFILE=quick` has numbers to read.\n\n"
    )
