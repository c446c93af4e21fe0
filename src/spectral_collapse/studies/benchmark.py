"""The tables of the papers: one data set and one network, all methods, all scores (Spectral Collapse in Diffusion
Inversion, Tables 2 and 8 to 11).

Tables 1 and 3 to 6 are selections of it: other methods, other networks of a family (`by_network`), other data sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import xarray as xr
from pydantic import AfterValidator, Field

from spectral_collapse import datasets, metrics
from spectral_collapse.errors import InvalidParameterError, unknown
from spectral_collapse.executors import Arrays
from spectral_collapse.inversion import METHODS, InversionMethod
from spectral_collapse.later import torch
from spectral_collapse.metrics import evaluate
from spectral_collapse.networks.checkpoints import ordinary, recorded, shipped
from spectral_collapse.studies import common, latents, published
from spectral_collapse.studies import image_scores as scored
from spectral_collapse.studies.layout import Layout, Row, sides
from spectral_collapse.studies.parameters import Count, NetworkParameters, by_profile, known
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

CHEAP = (
    "standard",
    "direct",
    "negative_prompt",
    "bdia",
    "easy_inv",
    "dpm_solver",
    "white_norm",
    "taba",
    "edm",
    "ovg",
    "ovg+taba",
    "noise_floor",
    "nullspace",
    "nullspace+dpm",
    "sdedit",
    "cycle_diffusion",
    "ddpm_friendly",
    "spectral_swap",
)
"""The default of the profile quick: methods that cost one call per step, or little more, the papers' first. The others
take many calls or gradients per step."""

IMAGE_SCORES = ("psnr", "ssim", "ms_ssim", "lpips_alex", "s_hf", "s_lf", "sliced_wasserstein", "fid", "kid")
LATENT_SCORES = ("s_dc", "s_g", "high_frequency_deficit")
SCORES = (*IMAGE_SCORES, *LATENT_SCORES)
"""What `metrics.evaluate` computes of outputs and of latents."""

FURTHER = {"hf_excess": scored.SCORES["hf_excess"], "norm": scored.LATENT_SCORES["norm"]}
"""What is measured per image beside the scores."""

LAYOUT = Layout(
    network_calls=("point seed", "network calls per image, both ways"),
    seconds=("point seed", "seconds of all images", "s"),
    inversion_cost=("point", "cost of the inversion over the standard one's"),
    reconstruction=("point sample", "PSNR of sources that are inverted and sampled under their own label", "dB"),
    image=("point shown row col rgb", "translated picture, seed 0"),
    source_image=("shown row col rgb", "picture"),
    target_image=("shown row col rgb", "picture"),
)
"""What is stored beside the scores."""

ROUNDED = float(10 * np.log10(12 * 255**2))
"""PSNR in dB of an image that is right up to rounding to 256 levels, and so the largest value of a reconstruction."""

TARGET, AUTOENCODER, SOURCE = "target", "autoencoder", "source"
"""Pictures that are scored beside the outputs: what should come out, the best that a latent network can give, and a
copy of what went in. Named as in the Pareto study, so that galleries show either."""

NETWORKS = {
    "U-Net": "-latent",
    "DiT": "-dit",
    "epsilon": "-latent",
    "x0": "-sample",
    "EDM": "-edm",
    "latent": "-latent",
    "pixel": "-pixel",
}
"""How tables call the networks of a family, and how their checkpoints' names end; all but the last work on latents."""

IN_PIXELS = ("bbbc021", "edges2shoes", "textures")
"""Families whose own network works on pixels. That of the others works on latents, without '-latent' in its name."""


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    return latents.with_standard(known("method", names, published.names()))


class BenchmarkParameters(NetworkParameters):
    """Test images of one data set, a network, and the methods that translate them."""

    images: Count | None = Field(None, ge=2, description="test images, from as many pictures as possible")
    shown: Count = by_profile(2, 3, 2, ge=1, description="how many of the images are stored as pictures")
    methods: Annotated[tuple[str, ...], AfterValidator(_known)] = by_profile(
        ("standard", "taba", "ovg"),
        CHEAP,
        tuple(dict.fromkeys((*CHEAP, *METHODS))),
        description="inversion methods, with the papers' settings for the data set, 'ovg+taba' and 'ovg+edm' too; "
        "'taba*' is TABA with the settings that were chosen on validation images, if any were",
    )
    seeds: Count = by_profile(2, 3, 3, ge=1, description="draws (seeds 0, 1, ...) of the methods that draw")
    real: Count = by_profile(
        16, 64, 2048, ge=2, description="at most so many of the reference are what SWD, FID and KID compare with"
    )
    weights: str | Path | None = Field(
        None, description="folder with weights of LPIPS and Inception (default: SPECTRAL_COLLAPSE_WEIGHTS)"
    )


@dataclass(frozen=True)
class Selection:
    """The part of the benchmark that a page shows, by its notebook's parameters.

    methods: by default those of the profile. networks: as `NETWORKS` calls them; by default the one that is included
    for a data set. datasets: those that the page can be about; by default all.
    """

    methods: tuple[str, ...] | None = None
    networks: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


Given = Request[BenchmarkParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per method and seed (one for all seeds without random noise), one for the references, one for the costs."""
    found: dict[str, Job] = {"references": partial(references, request), "costs": partial(costs, request)}
    for name, seeds in _names(request).items():
        found |= {job: partial(measured, request, name, seed) for seed, job in enumerate(dict.fromkeys(seeds))}
    return found


def uses(request: Given) -> Iterable[Any]:
    """The methods and the scores, for the key."""
    scores = {**metrics.SCORES}
    return [*methods(request).values(), *(scores[name] for name in SCORES)]


def methods(request: Given) -> dict[str, InversionMethod]:
    """The methods with their settings."""
    return {name: published.method(request, name) for name in request.parameters.methods}


def measured(request: Given, name: str, seed: int) -> Arrays:
    """All that is stored of one method at one seed."""
    method = published.method(request, name)
    found = request.translated(method, seed, rebuild=seed == 0)
    once = {} if found.rebuilt is None else {"reconstruction": reconstruction(request, found.rebuilt)}
    return once | {
        **_of_images(request, found.images),
        **_of_latents(request, found.latents),
        "network_calls": np.float64(found.network_calls),
        "seconds_measured": np.float64(found.seconds),
        "image": common.pictures(found.images[request.shown]),
    }


def reconstruction(request: Given, rebuilt: torch.Tensor) -> np.ndarray:
    """PSNR of the sources that were inverted and sampled under their own label, at most `ROUNDED`, (N,)."""
    return np.minimum(metrics.psnr(rebuilt, request.pair.source).numpy(), ROUNDED)


def references(request: Given) -> Arrays:
    """The scores of the references: pictures, (references, ...), and latents, (2, ...)."""
    source, target = request.pair
    pictures = {TARGET: target, SOURCE: source}
    if request.model.autoencoder is not None:
        pictures[AUTOENCODER] = scored.rebuilt(request)
    of_images = [_of_images(request, images) for images in pictures.values()]
    of_latents = [_of_latents(request, found) for found in (latents.white_noise(request), latents.closed_form(request))]
    found = {f"reference_{name}": np.stack([one[name] for one in of_images]) for name in of_images[0]}
    found |= {f"known_{name}": np.stack([one[name] for one in of_latents]) for name in of_latents[0]}
    return found | {"reference_psnr": scored.finite(found["reference_psnr"]), "reference": np.array(list(pictures))}


def costs(request: Given) -> Arrays:
    """What each inversion costs, relative to the standard one: network calls and vector-Jacobian products per step."""
    image, label, steps = request.encoded[:1], request.info.source_label, request.parameters.num_steps
    found = []
    for method in methods(request).values():
        counted = common.CountedProducts(request.model.denoiser)
        inverted = method.invert(counted, image, label, steps, torch.Generator().manual_seed(0))
        found.append((inverted.network_calls + len(counted.seen)) / steps)
    return {"inversion_cost": np.array(found)}


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """A variable per score; `missing` says why one has no values.

    Scores of methods without random noise (`stochastic` False) are repeated along seed; pictures and reconstructions
    are at seed 0. `reference_*`: the scores of true targets, of sources, and in latent space of targets after the
    autoencoder; `known_*`: those of white noise and of the closed form's latents. `inversion_cost` is that of `costs`,
    where a product takes one to two calls' time; `seconds` are as the images were first computed on this machine.
    """
    runs = [[parts[job] for job in seeds] for seeds in _names(request).values()]
    beside, names = parts["references"], request.images.names
    layout = Layout()
    for name in (*SCORES, *FURTHER):
        card = metrics.SCORES.get(name)
        title, units = (card.symbol, card.units) if card else FURTHER[name]
        last = " sample" if card is None or card.per == "sample" else ""
        kinds = [kind for kind in ("reference", "known") if f"{kind}_{name}" in beside]
        layout[name] = Row(f"point seed{last}", title, units)
        layout |= {f"{kind}_{name}": Row(f"{kind}{last}", title, units) for kind in kinds}
    layout |= LAYOUT
    arrays = {
        **layout.stacked("point seed", runs),
        **beside,
        **parts["costs"],
        "seconds": np.array([[part["seconds_measured"] for part in seeds] for seeds in runs]),
        **{name: np.stack([seeds[0][name] for seeds in runs]) for name in ("image", "reconstruction")},
        **sides(request),
    }
    made = methods(request)
    found = layout.dataset(
        arrays,
        {
            "point": list(made),
            "method": ("point", list(made)),
            "stochastic": ("point", [method.stochastic for method in made.values()]),
            "sample": names,
            "shown": [names[index] for index in request.shown],
            "reference": beside["reference"],
            "known": [latents.WHITE, latents.CLOSED],
        },
        {"real": request.parameters.real, "structure": request.info.structure},
    )
    for name in SCORES:
        if missing := str(beside.get(f"reference_{name}_missing", [""])[0]):
            found[name].attrs["missing"] = missing
    return found


def by_network(
    networks: Sequence[str], datasets: str | Sequence[str], **given: Any
) -> dict[str, dict[str, xr.Dataset]]:
    """Network, as `NETWORKS` calls it -> data set -> result, for the included networks of a data set's family.

    given: as in `Study.each`, without a checkpoint. Networks that are not included are left out: `not_shipped` names
    them.

    Raises InvalidParameterError for an unknown network and if none is included, and what `Study.each` raises.
    """
    names = [datasets] if isinstance(datasets, str) else list(datasets)
    absent = not_shipped(networks, names, **given)
    if len(absent) == len({checkpoint(network, name) for network in networks for name in names}):
        raise InvalidParameterError(
            f"none of {', '.join(absent)} ships at this size; train one, or name data sets of another family"
        )
    return {
        network: {
            name: STUDY.run(dataset=name, checkpoint=checkpoint(network, name), **given)
            for name in names
            if checkpoint(network, name) not in absent
        }
        for network in networks
    }


def not_shipped(networks: Sequence[str], datasets: str | Sequence[str], **given: Any) -> list[str]:
    """The checkpoints of these networks for these data sets that are not included at the size that is `given`.

    At profile quick, networks whose results are included count as included without their weights.
    """
    for network in networks:
        if network not in NETWORKS:
            raise unknown("network", network, NETWORKS)
    known = {name: value for name, value in given.items() if name in BenchmarkParameters.model_fields}
    asked = BenchmarkParameters.checked(**known)
    names = [datasets] if isinstance(datasets, str) else datasets
    wanted = dict.fromkeys((checkpoint(network, name), _family(name)) for network in networks for name in names)
    return [name for name, family in wanted if not has_results(name, family, asked.size, asked.profile)]


def has_results(checkpoint: str, family: str, size: int, profile: str) -> bool:
    """Whether results on a network are available: its weights are included at this size or, at quick, its results."""
    return checkpoint in shipped(family, size) or (profile == "quick" and recorded(checkpoint) is not None)


def checkpoint(network: str, dataset: str) -> str:
    """The name of the checkpoint of a network for a data set, whether it is included or not.

    If a family has two of its own, it is that of rendered images: the other networks were trained on these.
    """
    family, ending = _family(dataset), NETWORKS[network]
    own = "-pixel" if family in IN_PIXELS else "-latent"
    return ordinary(family) if ending == own else family + ending


def _family(dataset: str) -> str:
    return datasets.info(dataset).family


def _of_images(request: Given, images: torch.Tensor) -> Arrays:
    source, target = request.pair
    found = evaluate(
        IMAGE_SCORES,
        images=images,
        references=target,
        sources=source,
        hf_reference=request.hf_reference,
        reference_set=_real(request),
        cutoff=request.info.structure_cutoff(request.parameters.size),
        structure=request.info.structure,
        weights=request.parameters.weights,
        device=request.device,
    )
    excess = metrics.hf_excess(images, request.hf_reference)
    return _packed(found) | {"hf_excess": excess.cpu().numpy().astype(np.float64)}


def _of_latents(request: Given, found: torch.Tensor) -> Arrays:
    return _packed(evaluate(LATENT_SCORES, latents=found.cpu())) | {"norm": common.norms(found)}


def _packed(found: xr.Dataset) -> Arrays:
    """The values of scores, and why some are missing."""
    values = {str(name): found[name].to_numpy() for name in found}
    return values | {f"{name}_missing": np.array(found[name].attrs.get("missing", "")) for name in values}


def _real(request: Given) -> torch.Tensor:
    kept = common.spread(len(request.real_targets), min(request.parameters.real, len(request.real_targets)))
    return request.real_targets[kept]


def _names(request: Given) -> dict[str, list[str]]:
    """The job of each method at each seed."""
    return scored.by_seed(methods(request), request.parameters.seeds)


STUDY = Study(
    "benchmark",
    "Which method wins, by which score, and is the difference real?",
    BenchmarkParameters,
    jobs,
    combine,
    uses,
    made={"image": {}},
)
