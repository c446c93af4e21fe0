"""All scores that can be computed for folders of images, whoever made them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from spectral_collapse import metrics
from spectral_collapse.datasets import folders
from spectral_collapse.errors import DataError, InvalidParameterError, first_line, listed
from spectral_collapse.later import torch
from spectral_collapse.metrics.evaluate import INPUTS, evaluate

_MEANT = {
    "references": "--target with files of the same names",
    "sources": "--source with files of the same names",
    "reference_set": "--target",
    "hf_reference": "--target",
    "latents": "latents beside the images (translate --latents)",
    "noise": "the noise that images were sampled from",
    "clean": "the images in the space of the latents",
}
"""An argument of `evaluate` -> where a user of folders gets it from."""


def evaluate_folders(
    images: str | Path,
    source: str | Path | None = None,
    target: str | Path | None = None,
    *,
    size: int | None = None,
    cutoff: float | None = None,
    weights: str | Path | None = None,
    device: str | torch.device | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Computes every score that a folder of images allows, with its sources and real targets if they are given.

    Files are matched by their place in the folder and their name without its ending. If all images have a target of
    their name, targets serve as true targets and as a set; if none has, as a set alone. Sources are always matched by
    name. If only some images have a match, those alone are scored. Latents are scored if each image has its own as
    NAME.npy beside it.

    Args:
        images: a folder of images to score, from `translation.translate_folder` or any other tool.
        source, target: folders of the source images, and of real images of the target domain.
        size: height and width that all are resized to (at most `folders.LARGEST`); without it they have one size.
        cutoff: of S_LF, as a fraction of the Nyquist frequency; by default that of `datasets.folders.CYCLES` per image.
        weights, device, progress: as in `evaluate`.

    Returns what `evaluate` does, with the names of the images along `sample`. A score that lacks something has a
    variable without values, whose attribute `missing` says what. attrs['notes'] says what was left out and paired.

    Raises DataError for an empty folder, files that cannot be read, and images of several sizes; InvalidParameterError
    for a size that images cannot be resized to; what `evaluate` does.
    """
    sides = None if size is None else (size, size)
    found = {"images": folders.by_stem(images, "images")}
    found |= {
        what: folders.by_stem(one, what) for what, one in (("source", source), ("target", target)) if one is not None
    }
    notes, paired = [], dict(found["images"])
    for what in ("source", "target"):
        common = [stem for stem in paired if stem in found.get(what, {})]
        if what in found and common:
            notes += [f"{len(paired) - len(common)} images have no {what} of their name, and are left out"] * (
                len(common) < len(paired)
            )
            paired = {stem: paired[stem] for stem in common}
    given = {"images": folders.stack(paired, "images", sides)}
    for what, argument in (("source", "sources"), ("target", "references")):
        if paired.keys() <= found.get(what, {}).keys():
            given[argument] = folders.stack({stem: found[what][stem] for stem in paired}, what, sides)
            notes.append(f"{len(paired)} images were compared with the {what} of their name")
        elif what in found:
            notes.append(f"no {what} has the name of an image, so there are no pairs")
    if "target" in found:
        given["reference_set"] = folders.stack(found["target"], "target", sides)
        notes.append(f"{len(found['target'])} targets are the set of real images")
    shapes = {name: tuple(batch.shape[1:]) for name, batch in given.items()}
    if len(set(shapes.values())) > 1:
        raise DataError(
            f"the folders hold images of several sizes ({listed(f'{n} {s[2]} x {s[1]}' for n, s in shapes.items())}); "
            "give a size that all are resized to"
        )
    latents = [path.with_suffix(".npy") for path in paired.values()]
    if all(file.is_file() for file in latents):
        given["latents"] = _latents(latents)
        notes.append("latents were found beside the images")
    given_cutoff = min(2 * folders.CYCLES / given["images"].shape[-1], 1.0) if cutoff is None else cutoff
    scored = evaluate("all", **given, cutoff=given_cutoff, weights=weights, device=device, progress=progress)
    for name, card in metrics.SCORES.items():
        if name not in scored:
            needs = [_MEANT[one[0]] for one in INPUTS[card.inputs] if not any(choice in given for choice in one)]
            scored[name] = xr.Variable((), np.nan, {"long_name": card.symbol, "missing": f"needs {listed(needs)}"})
    return scored.assign_coords(sample=list(paired)).assign_attrs(notes="; ".join(notes), cutoff=given_cutoff)


def _latents(files: list[Path]) -> torch.Tensor:
    """Latents as `translate_folder` keeps them, 1 x c x h x w each."""
    try:
        return torch.cat([torch.from_numpy(np.load(file, allow_pickle=False)).float() for file in files])
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        raise InvalidParameterError(
            f"the .npy files beside the images are no latents of one shape ({first_line(error)}); move them elsewhere"
        ) from error
