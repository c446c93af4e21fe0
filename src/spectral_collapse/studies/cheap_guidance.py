"""Can OVG be had at the price of the standard inversion? Its gradients, from cheaper sources.

OVG's two gradients are products with the transposed Jacobian of the predicted noise (`inversion.OVG`). Here the
products are compared with substitutes that cost none, level by level on the exact method's own trajectory; then every
variant is timed, and judged by its images.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated, Self

import numpy as np
import xarray as xr
from pydantic import AfterValidator, model_validator

from spectral_collapse import inversion
from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.executors import Arrays
from spectral_collapse.inversion import InversionMethod, jacobians
from spectral_collapse.inversion.base import CountingDenoiser
from spectral_collapse.later import torch
from spectral_collapse.metrics.radial_spectrum import BANDS, band_power
from spectral_collapse.processes import Level
from spectral_collapse.sampling import as_labels
from spectral_collapse.studies import common, published
from spectral_collapse.studies import image_scores as scored
from spectral_collapse.studies.layout import Layout, sides
from spectral_collapse.studies.parameters import Count, NetworkParameters, by_profile, known
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study
from spectral_collapse.translation import translated

STANDARD = "standard"
EXACT = "exact"
VARIANTS: dict[str, dict[str, object]] = {
    EXACT: {},
    "combined": {"gradient": "combined"},
    "every 5": {"every": 5},
    "spectral HF": {"gradient": "spectral", "gradient_lf": "exact"},
    "secant HF": {"gradient": "secant", "gradient_lf": "exact"},
    "free HF": {"gradient": "free", "gradient_lf": "exact"},
    "spectral LF": {"gradient_lf": "spectral"},
    "free LF": {"gradient_lf": "free"},
    "spectral": {"gradient": "spectral"},
    "spectral, free": {"gradient": "spectral", "gradient_lf": "free"},
    "secant": {"gradient": "secant"},
    "free": {"gradient": "free"},
}
"""Where OVG's gradients come from, as its arguments. 'free HF': that of g_HF alone, g_LF stays exact."""
STARTS = ("plain", "TABA")
"""The inversion from the image; the first steps replaced by forward diffusion, with the papers' fraction."""
KINDS = ("spectral", "secant", "free")
GRADIENTS = ("g_HF", "g_LF")
LAYOUT = Layout(
    **{name: ("variant start sample", *titles) for name, titles in (scored.SCORES | scored.LATENT_SCORES).items()},
    **{f"validation_{name}": ("variant validated", *scored.SCORES[name]) for name in ("s_hf", "s_lf")},
    target_s_lf=("sample", "S_LF of the true target"),
    validation_target_s_lf=("validated", "S_LF of the true target"),
    clipped_hf=("variant start", "share of steps whose HF correction is clipped"),
    clipped_lf=("variant start", "share of steps whose LF correction is clipped"),
    cosine=("gradient kind step followed", "cosine with the exact gradient"),
    log_length=("gradient kind step followed", "log10 of the length over the exact gradient's"),
    share=("gradient origin band step followed", "share of the gradient's energy"),
    calls=("variant", "network calls per step"),
    products=("variant", "vector-Jacobian products per step"),
    seconds=("variant repeat", "time over the standard inversion's"),
    image=("variant start shown row col rgb", "picture"),
    source_image=("shown row col rgb", "picture"),
    target_image=("shown row col rgb", "picture"),
)

_TIMED_STEPS = 10  # two turns of what is done at every fifth step


class CheapGuidanceParameters(NetworkParameters):
    """Test images of one data set, a network, and variants of OVG."""

    variants: Annotated[tuple[str, ...], AfterValidator(partial(known, "variant of OVG", among=VARIANTS))] = by_profile(
        (EXACT, "spectral", "free"), tuple(VARIANTS), tuple(VARIANTS), description="variants of OVG, 'exact' among them"
    )
    validation: Count = by_profile(2, 8, 32, ge=1, description="validation images that the best variant is chosen on")
    followed: Count = by_profile(2, 8, 32, ge=1, description="test images whose gradients are compared")
    timed: Count = by_profile(1, 2, 8, ge=1, description="test images that the variants are timed on")
    repeats: Count = by_profile(1, 3, 3, ge=1, description="how often each variant is timed")
    shown: Count = by_profile(2, 3, 2, ge=1, description="how many of the images are stored as pictures")

    @model_validator(mode="after")
    def _has_exact(self) -> Self:
        if EXACT not in self.variants:
            raise ValueError("variants must hold 'exact', which the others are compared with")
        return self


Given = Request[CheapGuidanceParameters]


def rows(request: Given) -> list[str]:
    """The standard inversion and the variants."""
    return [STANDARD, *request.parameters.variants]


def method(request: Given, variant: str, start: str = "plain") -> InversionMethod:
    """The standard inversion or a variant of OVG with the papers' step sizes; with TABA's start or without."""
    taba = published.settings(request, "taba")
    if variant == STANDARD:
        return inversion.create("taba", **taba) if start == "TABA" else inversion.create("standard")
    fraction = taba["fraction"] if start == "TABA" else 0.0
    given = published.settings(request, "ovg") | VARIANTS[variant]
    return inversion.create("ovg", forward_fraction=fraction, **given)


def uses(request: Given) -> Iterable[InversionMethod]:
    """The methods, for the key."""
    return [method(request, variant, start) for variant in rows(request) for start in STARTS]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job for the gradients, one for the times, one for the references, one per variant, start and set of images."""
    found: dict[str, Job] = {name: partial(job, request) for name, job in _COMMON.items()}
    for variant in rows(request):
        found |= {f"{variant}, {start}": partial(_tested, request, variant, start) for start in STARTS}
        found[f"{variant}, validation"] = partial(_validated, request, variant)
    return found


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """The measures of the variants, the first of which is the standard inversion, and of cheap gradients.

    Gradients are compared at the states of the exact method's trajectory; 'secant' of g_LF, which is 'free', is NaN.
    Calls, products and seconds are of the inversion. `validation_*` are without TABA's start.
    """
    names, shown = np.array(request.images.names), request.shown
    held, variants, followed = request.validation(request.parameters.validation), rows(request), _followed(request)
    gradients, timed, true = (parts[name] for name in _COMMON)
    validated = [parts[f"{variant}, validation"] for variant in variants]
    arrays = {
        **LAYOUT.stacked("variant start", [[parts[f"{variant}, {start}"] for start in STARTS] for variant in variants]),
        **{f"validation_{name}": np.stack([part[name] for part in validated]) for name in ("s_hf", "s_lf")},
        **true,
        **gradients,
        **timed,
        "seconds": timed["seconds_over"],
        **sides(request),
    }
    coordinates = {
        "variant": variants,
        "start": list(STARTS),
        "gradient": list(GRADIENTS),
        "kind": list(KINDS),
        "origin": [EXACT, *KINDS],
        "band": list(BANDS),
        "sample": names,
        "shown": names[shown],
        "followed": names[followed],
        "followed_group": ("followed", np.array(request.images.clusters)[followed]),
        "validated": held.names,
        "validated_group": ("validated", held.clusters),
        "ratio": common.variable("step", gradients["ratio"], "sigma / alpha"),
    }
    return LAYOUT.dataset(arrays, coordinates, {"space": "pixels" if request.model.autoencoder is None else "latents"})


def gradients_at(
    denoiser: Denoiser,
    x: torch.Tensor,
    level: Level,
    labels: torch.Tensor,
    clean: torch.Tensor,
    before: jacobians.Before | None,
) -> tuple[Prediction, dict[str, list[torch.Tensor]]]:
    """OVG's gradients at a state, from all origins: origin -> [g_HF, g_LF], N x C x H x W each (see `OVG`).

    before: level and noise of the step before, for the secant. The secant's g_LF is the free one.
    """
    with torch.enable_grad():
        state = x.detach().requires_grad_()
        noise, estimate = denoiser(state, level, labels)
    said = Prediction(noise.detach(), estimate.detach())
    wide = said.noise.double()
    v = ((wide.square().sum((1, 2, 3), keepdim=True) - wide[0].numel()) * wide).to(x.dtype)
    residual = said.clean - clean
    (exact_hf,) = torch.autograd.grad(noise, state, 4 * v, retain_graph=True)
    (exact_lf,) = torch.autograd.grad(estimate, state, 2 * residual)
    found = {EXACT: [exact_hf, exact_lf]}
    for kind in KINDS:
        by_noise = jacobians.spectral(residual, clean, level) if kind == "spectral" else 0.0
        g_lf = 2 / level.alpha * (residual - level.sigma * by_noise)
        found[kind] = [4 * jacobians.product(kind, v, clean, level, said.noise, before), g_lf]
    return said, found


def _followed(request: Given) -> list[int]:
    count = len(request.images.chosen)
    return common.spread(count, min(request.parameters.followed, count))


def _gradients(request: Given) -> Arrays:
    """All gradients at every state of exact OVG's walk."""
    given, denoiser = request.parameters, request.model.denoiser
    clean = request.encoded[_followed(request)]
    labels = as_labels(request.info.source_label, clean)
    walk = method(request, EXACT).invert(denoiser, clean, labels, given.num_steps, record=True)
    cosine, length, share, before = [], [], [], None
    for x, level in zip(walk.trajectory[:-1], walk.levels[:-1], strict=True):
        said, found = gradients_at(denoiser, x, level, labels, clean, before)
        before = level, said.noise
        true = torch.stack(found[EXACT]).double().flatten(2)[:, None]  # gradient, kind, N, values
        cheap = torch.stack([torch.stack(found[kind]) for kind in KINDS], 1).double().flatten(3)
        cosine.append(torch.cosine_similarity(cheap, true, -1))
        length.append((cheap.norm(dim=-1) / true.norm(dim=-1)).log10())
        share.append(torch.stack([torch.stack([_band_shares(g) for g in ones]) for ones in found.values()], 1))
    arrays = {name: torch.stack(ones, 2).cpu().numpy() for name, ones in (("cosine", cosine), ("log_length", length))}
    for values in arrays.values():
        values[1, KINDS.index("secant")] = np.nan
    # (step, gradient, origin, N, band) -> (gradient, origin, band, step, N)
    return arrays | {
        "share": torch.stack(share).permute(1, 2, 4, 0, 3).cpu().numpy(),
        "ratio": np.array([level.ratio for level in walk.levels[:-1]]),
    }


def _band_shares(gradient: torch.Tensor) -> torch.Tensor:
    """Of the mean power per ring, the share of each of `BANDS`, (N, 3). Scaled before: squares leave no range."""
    gradient = gradient.double()
    power = band_power(gradient / gradient.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-300))
    return power / power.sum(1, keepdim=True)


def _times(request: Given) -> Arrays:
    """Calls, products and time of each inversion, in turns, so that what else the machine does hits all alike."""
    variants, denoiser, label = rows(request), request.model.denoiser, request.info.source_label
    clean = request.encoded[: request.parameters.timed]
    counted = CountingDenoiser(common.CountedProducts(denoiser), len(clean))
    calls, products = [], []
    for variant in variants:
        counted.rows, counted.denoiser.seen = 0, []
        found = method(request, variant).invert(counted, clean, label, _TIMED_STEPS)
        calls.append(found.network_calls / _TIMED_STEPS)
        products.append(len(counted.denoiser.seen) / _TIMED_STEPS)
    seconds = np.empty((len(variants), request.parameters.repeats))
    for repeat in range(request.parameters.repeats):
        for index, variant in enumerate(variants):
            started = time.perf_counter()
            method(request, variant).invert(denoiser, clean, label, _TIMED_STEPS).latent.cpu()  # waits for a GPU
            seconds[index, repeat] = time.perf_counter() - started
    return {"calls": np.array(calls), "products": np.array(products), "seconds_over": seconds / seconds[:1]}


def _references(request: Given) -> Arrays:
    validation = request.validation(request.parameters.validation).pair
    pairs = {"target_s_lf": request.pair, "validation_target_s_lf": validation}
    return {name: scored.image_scores(request, pair.target, pair)["s_lf"] for name, pair in pairs.items()}


def _tested(request: Given, variant: str, start: str) -> Arrays:
    found = request.translated(method(request, variant, start))
    shares = {name: found.diagnostics.get(name, torch.tensor(np.nan)) for name in ("clipped_hf", "clipped_lf")}
    clipped = {name: np.float64(values.nanmean()) for name, values in shares.items()}
    return scored.translation_scores(request, found) | clipped


def _validated(request: Given, variant: str) -> Arrays:
    pair = request.validation(request.parameters.validation).pair
    options = {"num_steps": request.parameters.num_steps, "guidance": request.guidance}
    found = translated(request.model, method(request, variant), pair.source, request.info.source_label, **options)
    return scored.image_scores(request, found.images, pair)


_COMMON = {"gradients": _gradients, "times": _times, "references": _references}
"""Jobs that are not of one variant."""

STUDY = Study(
    "cheap_guidance",
    "Can OVG's gradients be had at the cost of the standard inversion?",
    CheapGuidanceParameters,
    jobs,
    combine,
    uses,
    made={"image": {}},
)
