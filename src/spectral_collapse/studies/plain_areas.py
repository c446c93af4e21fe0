"""'There and Back Again': what inversion gets wrong in plain areas, and what replacing its first steps changes.

There are two experiments. *Generated images*: the network samples an image in the source domain from random noise, and
the image is inverted again, so that the true noise of each latent is known. The study measures errors and diversity of
the predicted noise per step, the triangle of noise, image and latent, and whether a latent can be used as noise can
(bands swapped, interpolated, edited under other labels). *Test images*: forward diffusion replaces their first k
inversion steps, for k over the whole range; and their plain areas, which are true ones, step by step.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

import numpy as np
import pydantic
import xarray as xr
from pydantic import Field

from spectral_collapse import datasets, inversion, metrics, sampling
from spectral_collapse.executors import Arrays
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.inversion.projectors import HighPass
from spectral_collapse.labels import TARGET
from spectral_collapse.later import F, torch
from spectral_collapse.metrics.plain_error import area_means, plain_mask, plain_places
from spectral_collapse.sampling import Callback, Step
from spectral_collapse.studies import common, published
from spectral_collapse.studies.latents import WHITE
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.parameters import Count, NetworkParameters, by_profile
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

METHODS = ("standard", "taba")
SERIES = (WHITE, *METHODS)
"""The noise that the images were sampled from, and the latents that each method finds for them."""
AREAS = ("plain", "other")
MEASURES = {
    "s_dc": "S_DC of the latent",
    "kurtosis": "excess kurtosis of the latent",
    "plain": "latent in plain areas (std)",
    "other": "latent in other areas (std)",
    "reconstruction": "error of the reconstruction (RMSE)",
    "s_lf": "structure of the translation S_LF",
}
"""Measures of a test image whose first k steps were replaced. Reconstruction is under the label of the inversion."""
CORNERS = (
    "angle_at_noise",
    "angle_at_image",
    "angle_at_latent",
    "noise_to_image",
    "image_to_latent",
    "noise_to_latent",
)
CUTOFFS = (0.0, 0.0625, 0.125, 0.25, 0.5)
"""Where two latents' bands are swapped, in cycles per pixel: at 0 all is the second one's, at 0.5 the first one's."""
PATH = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Positions on the path from one latent to another."""
PICTURES = ("image", "plain areas", "noise", "latent", "error")
LAYOUT = Layout(
    error=("step area sample", "mean absolute error of the predicted noise"),
    spread=("walk step area sample", "standard deviation of the predicted noise"),
    drawn_error=("step area drawn", "mean absolute error of the predicted noise"),
    drawn_spread=("walk step area drawn", "standard deviation of the predicted noise"),
    geometry=("series corner drawn", "angle (degrees) or distance / sqrt(d)"),
    nearest=("series", "share of latents whose nearest noise is their own"),
    edits=("series area edited", "standard deviation over labels"),
    swapped=("series cutoff donor edited", "correlation with the donor's image"),
    path_excess=("series place edited", "log high-frequency energy over the usual of targets"),
    image=("series picture row col rgb", "picture"),
    path_image=("series place row col rgb", "picture"),
    value=("replaced measure sample", "measure of a latent or of what is sampled from it"),
)

_LEAST = 0.05  # share of the places that an area must have


class PlainAreaParameters(NetworkParameters):
    """Test images of one data set, a network, and noises to sample images from."""

    default_images: ClassVar[Mapping[str, int]] = {"smoke": 4, "quick": 64, "paper": 256}

    drawn: Count = by_profile(4, 32, 128, ge=2, description="noises from which the network draws images")
    edited: Count = by_profile(2, 6, 32, ge=2, description="drawn images that are edited, each in a pair with another")
    replaced: tuple[Annotated[Count, Field(ge=1)], ...] = by_profile(
        (1,), (1, 2, 5, 10, 25), (1, 2, 3, 5, 10, 15, 25, 40), description="how many first steps, beside none and all"
    )

    @pydantic.model_validator(mode="after")
    def _fits(self) -> Self:
        if 2 * self.edited > self.drawn:
            raise ValueError(f"edited takes a pair for each image and so at most half of drawn, {self.drawn // 2}")
        if max(self.replaced, default=0) > self.num_steps:
            raise ValueError(f"replaced must be at most num_steps, {self.num_steps}")
        return self


Given = Request[PlainAreaParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per kind of latent of generated images, one per number of replaced steps, and one for the steps."""
    return {
        "steps": functools.partial(_steps, request),
        **{f"drawn, {name}": functools.partial(_drawn, request, name) for name in SERIES},
        **{f"first {count}": functools.partial(_replaced, request, count) for count in steps_replaced(request)},
    }


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """Generated images are along `drawn`, with pictures of the first of them; test images along `sample`.

    `error`, `spread`: of the noise that the standard inversion predicts, against that of the sampling that leads back,
    and 1 for white noise; steps count from the image. `geometry`: of the triangle of noise, image and latent, the
    latter another noise in the series of the white noise. `edits`: over labels, root mean square over an area.
    `swapped`: with the images of the two latents that gave the low and the high band. `path_excess`:
    `metrics.hf_excess` of the samples between one latent and another. NaN where an area is too small.
    """
    counts, num_steps = steps_replaced(request), request.parameters.num_steps
    drawn, replaced = [parts[f"drawn, {name}"] for name in SERIES], [parts[f"first {count}"] for count in counts]
    arrays = {
        **parts["steps"],
        **{f"drawn_{name}": parts["drawn, standard"][name] for name in ("error", "spread")},
        **LAYOUT.stacked("series", drawn),
        **LAYOUT.stacked("replaced", replaced),
    }
    coordinates = {
        "series": list(SERIES),
        "walk": ["sampling", "inversion"],
        "area": list(AREAS),
        "corner": list(CORNERS),
        "donor": ["low", "high"],
        "measure": list(MEASURES),
        "picture": list(PICTURES),
        "sample": request.images.names,
        "cutoff": common.frequencies(list(CUTOFFS), "cutoff"),
        "place": common.variable("place", list(PATH), "place between two latents"),
        "replaced": common.variable("replaced", counts, "replaced first steps"),
        "share": common.variable("replaced", np.array(counts) / num_steps, "share of the steps that are replaced"),
    }
    attrs = {
        "num_steps": num_steps,
        "labels": len(labels(request)),
        "white_s_dc": metrics.white_noise_level(request.encoded.shape[1]),
    }
    return LAYOUT.dataset(arrays, coordinates, attrs)


def steps_replaced(request: Given) -> list[int]:
    """How many first steps are replaced: none, those of `replaced`, all."""
    return sorted({0, *request.parameters.replaced, request.parameters.num_steps})


def labels(request: Given) -> list[int]:
    """The labels under which generated images are edited.

    These are the targets', the data set's own, and those of all data sets in the training of the network, by its card.
    """
    trained = request.model.card.get("recipe", {}).get("datasets", [])
    others = (datasets.info(name).source_label for name in trained if name in datasets.DATASETS)
    return sorted({TARGET, request.info.source_label, *others})


def slerp(first: torch.Tensor, second: torch.Tensor, place: float) -> torch.Tensor:
    """The point at `place`, 0 to 1, of the great circle between latents (N, C, H, W); norms change linearly.

    White noise keeps its variance on this way, while it loses half of it in the middle of a straight line. Parallel
    latents are connected by the straight line.
    """
    rows = [latents.flatten(1).double() for latents in (first, second)]
    norms = [row.norm(dim=1, keepdim=True) for row in rows]
    ends = [row / norm for row, norm in zip(rows, norms, strict=True)]
    angle = (ends[0] * ends[1]).sum(1, keepdim=True).clamp(-1, 1).acos()
    weights = [torch.where(angle > 1e-6, (share * angle).sin() / angle.sin(), share) for share in (1 - place, place)]
    found = weights[0] * ends[0] + weights[1] * ends[1]
    return (torch.lerp(*norms, place) * found).reshape(first.shape).to(first.dtype)


def swap_bands(low: torch.Tensor, high: torch.Tensor, cutoff: float) -> torch.Tensor:
    """The frequencies of `low` up to a cutoff (cycles per pixel, on either axis), those of `high` above it."""
    above = HighPass(cutoff) if cutoff else torch.nn.Identity()
    return low - above(low) + above(high)


def spread(values: torch.Tensor, plain: torch.Tensor) -> torch.Tensor:
    """Standard deviation of values (N, C, H, W) over the plain and the other positions (N, H, W): (2, N).

    Of each channel about its own mean over the area; the variances are averaged over channels.
    """
    mean, square = (area_means(power, plain, _LEAST) for power in (values, values.square()))
    return (square - mean.square()).clamp_min(0).mean(-1).sqrt()


def _steps(request: Given) -> Arrays:
    """Test images, inverted and sampled back under the same label."""
    latents, said = _inverted(request, published.method(request, "standard"), request.encoded)
    _, true = _sampled(request, latents)
    return _compared(said, true, plain_places(request.pair.source.to(latents), latents.shape[-1]))


def _drawn(request: Given, name: str) -> Arrays:
    """All that is measured of one kind of latent of drawn images."""
    noise, other = (_noise(request, seed) for seed in (1, 2))
    clean, true = _sampled(request, noise)
    images, latents, found = request.model.decode(clean), noise, {}
    if name != WHITE:
        latents, said = _inverted(request, published.method(request, name), clean)
    if name == "standard":
        found = _compared(said, true, plain_places(images, noise.shape[-1]))
    third = other if name == WHITE else latents
    sides = metrics.triangle(noise, clean, third)._asdict()
    root = noise[0].numel() ** 0.5
    geometry = [sides[corner] / (1 if corner.startswith("angle") else root) for corner in CORNERS]
    return {
        **found,
        "geometry": torch.stack(geometry).cpu().numpy(),
        "nearest": np.float64(metrics.nearest_noise(noise, third).noise_of_image),
        "image": _pictures(images[:1], noise[:1], third[:1]),
        **_used(request, latents, images[: 2 * request.parameters.edited]),
    }


def _used(request: Given, latents: torch.Tensor, images: torch.Tensor) -> Arrays:
    """What is sampled from latents that are mixed with others, or edited."""
    count, label, guided = request.parameters.edited, request.info.source_label, request.guidance
    first, second = latents[:count], latents[count : 2 * count]
    path = [request.model.decode(_sample(request, slerp(first, second, place), TARGET, guided)) for place in PATH]
    mixed = [request.model.decode(_sample(request, swap_bands(first, second, cutoff), label)) for cutoff in CUTOFFS]
    edited = [request.model.decode(_sample(request, first, other, guided)) for other in labels(request)]
    deviation = torch.stack(edited).double().var(0, correction=0).mean(1)[:, :-1, :-1]
    donors = images[:count], images[count:]
    return {
        "path_excess": np.stack([metrics.hf_excess(one, request.hf_reference).cpu().numpy() for one in path]),
        "path_image": np.concatenate([common.pictures(one[:1]) for one in path]),
        "swapped": np.stack([[_correlation(one, donor).cpu().numpy() for donor in donors] for one in mixed]),
        "edits": area_means(deviation, plain_mask(donors[0]), _LEAST).sqrt().cpu().numpy(),
    }


def _replaced(request: Given, count: int) -> Arrays:
    """The measures of test images whose first steps were replaced, (measure, N)."""
    given, info = request.parameters, request.info
    fraction = {"fraction": count / given.num_steps} if count else {}
    found = request.translated(inversion.create("taba" if count else "standard", **fraction))
    latents = found.latents.to(request.encoded)
    back, whole = (request.model.decode(x) for x in (_sample(request, latents, info.source_label), request.encoded))
    areas = spread(_inner(latents), plain_places(request.pair.source.to(latents), latents.shape[-1]))
    rows = {
        "s_dc": metrics.s_dc(latents),
        "kurtosis": metrics.moments(latents).kurtosis,
        **dict(zip(AREAS, areas, strict=True)),
        "reconstruction": (back - whole).square().mean((1, 2, 3)).sqrt(),
        "s_lf": metrics.s_lf(found.images, request.pair.source, info.structure_cutoff(given.size), info.structure),
    }
    return {"value": np.stack([rows[name].double().cpu().numpy() for name in MEASURES])}


def _noise(request: Given, seed: int) -> torch.Tensor:
    shape = (request.parameters.drawn, *request.encoded.shape[1:])
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(request.encoded)


def _sample(
    request: Given, latents: torch.Tensor, label: int, guidance: float = 1.0, callback: Callback | None = None
) -> torch.Tensor:
    steps = request.parameters.num_steps
    return sampling.sample(request.model.denoiser, latents, label, steps, guidance, callback=callback)


def _sampled(request: Given, latents: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Clean images in the source domain, and the noise predicted in each step, the one next to the image first."""
    said: list[torch.Tensor] = []
    label = request.info.source_label
    clean = _sample(request, latents, label, callback=lambda step: said.append(step.prediction.noise))
    return clean, said[::-1]


def _inverted(request: Given, method: InversionMethod, clean: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Latents of drawn images, and the noise predicted in each step that asked the network."""
    said: list[torch.Tensor] = []

    def keep(step: Step) -> None:
        if step.prediction is not None:
            said.append(step.prediction.noise)

    label, steps = request.info.source_label, request.parameters.num_steps
    generator = torch.Generator().manual_seed(0)
    return method.invert(request.model.denoiser, clean, label, steps, generator, callback=keep).latent, said


def _inner(values: torch.Tensor) -> torch.Tensor:
    """Without the last row and column, which `plain_places` leaves out."""
    return values[..., :-1, :-1]


def _compared(said: list[torch.Tensor], true: list[torch.Tensor], places: torch.Tensor) -> Arrays:
    """What an inversion predicts for each step against what a sampling predicts for it: `error` (steps, 2, N), `spread`
    (sampling and inversion, steps, 2, N)."""
    wrong = [(one - right).abs().mean(1) for one, right in zip(said, true, strict=True)]
    errors = torch.stack([area_means(_inner(one), places, _LEAST) for one in wrong])
    spreads = [torch.stack([spread(_inner(one), places) for one in walk]) for walk in (true, said)]
    return {"error": errors.cpu().numpy(), "spread": torch.stack(spreads).cpu().numpy()}


def _correlation(images: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Pearson correlation of each image with another one, over all its values: (N,)."""
    rows = (x.flatten(1).double() for x in (images, others))
    return F.cosine_similarity(*(row - row.mean(1, keepdim=True) for row in rows))


def _pictures(image: torch.Tensor, noise: torch.Tensor, latent: torch.Tensor) -> np.ndarray:
    """`PICTURES` of one drawn image, all of its size: white where it is plain; first channels from -3 to 3; the error,
    mean over channels, from 0 (black) to 2."""
    plain = F.pad(plain_mask(image)[:, None].float(), (0, 1, 0, 1), mode="replicate")
    error = (latent - noise).abs().mean(1, keepdim=True) - 1
    maps = [2 * plain - 1, noise[:, :1] / 3, latent[:, :1] / 3, error]
    side = image.shape[-1]
    wide = [F.interpolate(one, side).expand_as(image) for one in maps]
    return common.pictures(torch.cat([image, *wide]))


def uses(request: Given) -> list[InversionMethod]:
    """The methods, for the key."""
    return [*(published.method(request, name) for name in METHODS), inversion.create("taba")]


STUDY = Study(
    "plain_areas",
    "What does inversion get wrong in plain areas, and what does replacing its first steps change?",
    PlainAreaParameters,
    jobs,
    combine,
    uses=uses,
    made={"image": {}, "path_image": {}},
)
