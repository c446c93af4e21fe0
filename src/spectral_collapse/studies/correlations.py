"""Whether images have texture where their latents are white: scores of latents beside scores of their images.

After Figs. 4 and 14 to 16 of Spectral Collapse in Diffusion Inversion. The study scores every method's latents and
images, image by image. In an experiment it samples latents that are made white by force, and white noise that is made
smooth, as any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, ClassVar

import xarray as xr
from pydantic import AfterValidator, Field
from scipy.optimize import linear_sum_assignment

from spectral_collapse import metrics, sampling
from spectral_collapse.executors import Arrays
from spectral_collapse.inversion import Standard
from spectral_collapse.labels import TARGET
from spectral_collapse.later import torch
from spectral_collapse.metrics.evaluate import evaluate
from spectral_collapse.studies import common, latents, published
from spectral_collapse.studies.latents import WHITE, LatentParameters
from spectral_collapse.studies.layout import Layout, sides
from spectral_collapse.studies.parameters import Count, by_profile
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

SCORES = (
    "s_hf",
    "s_lf",
    "s_dc",
    "psnr",
    "ssim",
    "ms_ssim",
    "haarpsi",
    "high_frequency_deficit",
    "shapiro_wilk",
    "skewness",
    "kurtosis",
)
"""Scores of single images and latents that need no pretrained weights."""
LAYOUT = Layout(
    hf_excess=("point sample", "log high-frequency energy over the usual of training targets"),
    image=("point shown row col rgb", "sampled picture"),
    source_image=("shown row col rgb", "picture"),
    target_image=("shown row col rgb", "picture"),
)
"""What is stored beside the scores."""
PATCH = 4
"""Side of the patches of noise."""
FLAT, PATCHES, SHUFFLED = "flat spectrum", "patches of noise", "shuffled"
COLOURED, LOUD = "coloured noise", "coloured noise at norm"
FORCED = (FLAT, PATCHES, SHUFFLED)
"""Latents of the standard inversion that are made white."""
MADE = (*FORCED, COLOURED, LOUD, WHITE)
"""All latents of the experiment; the last three know nothing of the source."""

_METHODS = (
    "standard",
    "taba",
    "ovg",
    "noise_floor",
    "nullspace",
    "white_norm",
    "direct",
    "spectral_swap",
    "cycle_diffusion",
    "ddpm_friendly",
)


def _enough(methods: tuple[str, ...]) -> tuple[str, ...]:
    if "standard" not in methods or len(methods) < 3:
        raise ValueError("a correlation over methods needs three of them, 'standard' among them")
    return methods


class CorrelationParameters(LatentParameters):
    """Test images of one data set, a network, and the methods that invert and sample them."""

    default_images: ClassVar[Mapping[str, int]] = {"smoke": 6, "quick": 64, "paper": 256}

    methods: Annotated[latents.Methods, AfterValidator(_enough)] = by_profile(
        ("standard", "taba", "white_norm"),
        _METHODS,
        (*_METHODS, "null_class", "negative_prompt", "fixed_point", "renoise", "edict", "bdia"),
        description="inversion methods, with the papers' settings for the data set; three at least",
    )
    shown: Count = Field(2, ge=1, description="how many of the images are stored as pictures")


Given = Request[CorrelationParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per method and per kind of latent that is made."""
    return {
        **{name: partial(translated, request, name) for name in request.parameters.methods},
        **{name: partial(sampled, request, name) for name in MADE},
    }


def translated(request: Given, name: str) -> Arrays:
    """The scores of a method's latents and images."""
    found = request.translated(published.method(request, name))
    return measured(request, found.latents, found.images)


def sampled(request: Given, name: str) -> Arrays:
    """The scores of latents of the experiment and of what is sampled from them."""
    model, given, images = request.model, request.parameters, []
    made = made_latents(request, name)
    for batch in made.split(64):
        state = sampling.sample(
            model.denoiser, batch.to(request.device), TARGET, given.num_steps, guidance=float(request.guidance)
        )
        images.append(model.decode(state).cpu())
    return measured(request, made, torch.cat(images))


def made_latents(request: Given, name: str) -> torch.Tensor:
    """Latents of the experiment, N x c x h x w, by their name in `MADE`."""
    noise = latents.white_noise(request)
    if name == WHITE:
        return noise
    inverted = request.translated(Standard()).latents
    makers = {
        FLAT: lambda: flat_spectrum(inverted),
        PATCHES: lambda: patches_of_noise(inverted, noise),
        SHUFFLED: lambda: shuffled(inverted),
        COLOURED: lambda: coloured(noise, inverted),
        LOUD: lambda: at_norm(coloured(noise, inverted)),
    }
    return makers[name]()


def flat_spectrum(found: torch.Tensor) -> torch.Tensor:
    """Latents (N, C, H, W) with the power of white noise at every frequency of every channel, their phases kept.

    A spectrum is an average over places: what is plain in one place and rough in another stays so.
    """
    spectrum = torch.fft.fft2(found.double(), norm="ortho")
    return torch.fft.ifft2(spectrum / spectrum.abs().clamp_min(1e-12), norm="ortho").real.float()


def patches_of_noise(found: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """White noise whose patches of PATCH x PATCH are put in the order that is most like the latents, all (N, C, H, W).

    Every patch is white; only the arrangement of the patches comes from the latent: the assignment with the largest sum
    of products, for each latent by itself. Values that do not fill a patch stay as they were.
    """
    made = noise.clone()
    height, width = (side - side % PATCH for side in found.shape[-2:])
    for new, wanted in zip(made, found, strict=True):
        tiles, goal = (_tiles(x[:, :height, :width]) for x in (new, wanted))
        _, order = linear_sum_assignment((goal.flatten(1) @ tiles.flatten(1).T).numpy(), maximize=True)
        rows = tiles[torch.from_numpy(order)].unflatten(0, (height // PATCH, -1))
        new[:, :height, :width] = rows.permute(2, 0, 3, 1, 4).reshape(len(new), height, width)
    return made


def _tiles(x: torch.Tensor) -> torch.Tensor:
    """(C, H, W) -> (patches, C, PATCH, PATCH), row by row."""
    return x.unflatten(-1, (-1, PATCH)).unflatten(-3, (-1, PATCH)).permute(1, 3, 0, 2, 4).flatten(0, 1).contiguous()


def shuffled(found: torch.Tensor) -> torch.Tensor:
    """Latents (N, C, H, W) at the norm of white noise, their pixels in a random order that all channels share."""
    generator = torch.Generator().manual_seed(0)
    rows = at_norm(found).flatten(2)
    order = torch.rand(rows[:, :1].shape, generator=generator).argsort(-1)
    return rows.gather(2, order.expand_as(rows)).view_as(found)


def at_norm(found: torch.Tensor) -> torch.Tensor:
    """Latents (N, C, H, W), each at a mean square of 1."""
    return found / found.square().mean((1, 2, 3), keepdim=True).sqrt()


def coloured(noise: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """White noise with the mean power of the latents at every frequency of every channel.

    It is as weak and as smooth as they are on average, but holds nothing of an image or its smooth places.
    """
    power = torch.fft.fft2(found.double(), norm="ortho").abs().square().mean(0)
    return torch.fft.ifft2(torch.fft.fft2(noise.double()) * power.sqrt()).real.float()


def measured(request: Given, found: torch.Tensor, images: torch.Tensor) -> Arrays:
    """`SCORES` of latents and their images, the energy that S_HF is made of, and pictures."""
    source, target = request.pair
    scores = evaluate(
        SCORES,
        images=images.clamp(-1, 1),
        references=target,
        sources=source,
        hf_reference=request.hf_reference,
        latents=found,
        cutoff=request.info.structure_cutoff(request.parameters.size),
        structure=request.info.structure,
        device=request.device,
    )
    return {name: scores[name].to_numpy() for name in SCORES} | {
        "hf_excess": metrics.hf_excess(images.clamp(-1, 1), request.hf_reference).numpy(),
        "image": common.pictures(images[request.shown]),
    }


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """Scores of every point, and `made`: whether it is a latent of the experiment, not of a method."""
    points, names = [*request.parameters.methods, *MADE], request.images.names
    cards = {name: metrics.SCORES[name] for name in SCORES}
    layout = Layout(**{name: ("point sample", card.symbol, card.units) for name, card in cards.items()}, **LAYOUT)
    coordinates = {
        "point": points,
        "made": ("point", [point in MADE for point in points]),
        "sample": names,
        "shown": [names[index] for index in request.shown],
    }
    arrays = layout.stacked("point", [parts[point] for point in points]) | sides(request)
    return layout.dataset(arrays, coordinates, {"latent_channels": request.encoded.shape[1]})


STUDY = Study(
    "correlations",
    "Do images have texture where their latents are white?",
    CorrelationParameters,
    jobs,
    combine,
    uses=lambda request: [*latents.uses(request), *(metrics.SCORES[name] for name in SCORES)],
    made={"image": {}},
)
