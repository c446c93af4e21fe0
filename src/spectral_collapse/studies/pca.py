"""How many dimensions inverted latents use: principal components of sets of latents and of each latent by itself.

Fig. 3 of 'Spectral Collapse' plots 'the mean of cumulative explained variance over 2000 noise maps' and says no more;
both readings are computed (`metrics.pca`, `metrics.map_pca`). Beside them: how the effective rank grows with the
number of latents, and what the first and the last components look like.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr

from spectral_collapse import metrics
from spectral_collapse.executors import Arrays
from spectral_collapse.later import torch
from spectral_collapse.metrics.blocks import element_blocks
from spectral_collapse.studies import common, latents
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

ENDS = ("first", "last")
"""Components with the largest and with the smallest variance."""
COMPONENTS, PICTURES = 8, 3
"""At either end: components whose spectra are averaged, and those that are shown."""
SHARES = np.linspace(0, 1, 65)
"""Where curves are kept: shares of the components that there can be, so that sets of other sizes compare."""
LAYOUT = Layout(
    cumulative=("series left_out share", "cumulative explained variance"),
    effective_rank=("series left_out", "effective rank of the set"),
    components_95=("series left_out", "components for 95 % of the variance"),
    map_cumulative=("series sample share", "cumulative explained variance of a latent", "1", 12),
    map_rank=("series sample", "effective rank of a latent"),
    subset_rank=("series count draw", "effective rank of a random set"),
    component_power=("series left_out end frequency", "power of components"),
    component_image=("series end component latent_row latent_col rgb", "picture"),
)

Given = Request[latents.SetParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per series, white noise among them."""
    return {name: functools.partial(measured, request, name) for name in latents.series(request)}


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """The variables of a result.

    Measures of a set have `left_out`: of all latents, and without each of several parts of the independent pictures;
    those that need more latents than are left are NaN. `component_power`: of the mean component, 1 for white noise;
    `component_image`: the first channel of components, mid-grey at 0.

    The attribute `white_rank` is the effective rank that white noise has in the limit (`metrics.pca.white_noise_rank`),
    `possible_rank` the largest possible one; `map_white_rank` and `map_possible_rank` those of a latent by itself.
    """
    series, (channels, height, width) = list(parts.values()), request.encoded.shape[1:]
    count, dimension = len(request.encoded), channels * height * width
    coordinates = latents.coordinates(request) | {
        "share": common.variable("share", SHARES, "share of the components"),
        "end": list(ENDS),
        "frequency": common.frequencies(series[0]["frequency"]),
    }
    attrs = {
        "dimension": dimension,
        "white_rank": metrics.white_noise_rank(count, dimension),
        "possible_rank": min(count - 1, dimension),
        "map_white_rank": metrics.white_noise_rank(channels * height, width),
        "map_possible_rank": min(channels * height - 1, width),
    }
    return LAYOUT.dataset(LAYOUT.stacked("series", series), coordinates, attrs)


def measured(request: Given, name: str) -> Arrays:
    """All results of a series."""
    found = latents.latents(request, name)
    each, given = metrics.map_pca(found), compact(found)
    sets = [_of_set(given, kept) for kept in latents.left_out(request)]
    ranks = [[_rank(given.coordinates[kept]) for kept in sets] for sets in latents.subsets(request)]
    pictures = _components(given, PICTURES)
    return {
        **{key: np.stack([one[key] for one in sets]) for key in sets[0]},
        "map_cumulative": _at_shares(each.cumulative),
        "map_rank": each.effective_rank.numpy(),
        "subset_rank": np.array(ranks),
        "component_image": np.stack([common.pictures(_scaled(end)) for end in pictures]),
        "frequency": metrics.radial_spectrum(found[:1])[0][1:].numpy(),
    }


class Compact(NamedTuple):
    """A set of N latents as coordinates (N, R) float64 of an orthonormal basis (R, C, H, W), R = min(N, C H W).

    The coordinates have the same principal components as the latents, so those of a subset cost nothing in C H W.
    """

    coordinates: torch.Tensor
    basis: torch.Tensor


def compact(found: torch.Tensor) -> Compact:
    """Latents (N, C, H, W), exactly: from the N x N matrix of their products, summed in float64.

    Beside the latents it needs the basis, as large as they are (1.6 GB for N = 2000 of 256 x 256 x 3). Directions
    below rounding error are left empty.
    """
    rows = found.flatten(1)
    count, dimension = rows.shape
    if count >= dimension:
        return Compact(rows.double(), torch.eye(dimension).unflatten(1, found.shape[1:]))
    products = torch.zeros(count, count, dtype=torch.float64)
    for (block,) in element_blocks(found):
        products.addmm_(block, block.T)
    squares, vectors = torch.linalg.eigh(products)
    lengths = squares.clamp_min(0).sqrt()
    scale = torch.where(squares > 1e-12 * squares[-1], 1 / lengths, 0)
    return Compact(vectors * lengths, ((vectors * scale).T.float() @ rows).unflatten(1, found.shape[1:]))


def _of_set(given: Compact, kept: torch.Tensor) -> Arrays:
    coordinates = given.coordinates[kept]
    if len(coordinates) < 2:
        rings = min(given.basis.shape[-2:]) // 2
        nothing = {
            "cumulative": SHARES,
            "effective_rank": 0,
            "components_95": 0,
            "component_power": np.ones((2, rings)),
        }
        return {name: np.full(np.shape(value), np.nan) for name, value in nothing.items()}
    found = metrics.pca(coordinates[:, None, None])
    ends = _components(Compact(coordinates, given.basis), COMPONENTS)
    power = [metrics.radial_spectrum(end)[1][:, 1:].mean(0) * end[0].numel() for end in ends]
    return {
        "cumulative": _at_shares(found.cumulative),
        "effective_rank": found.effective_rank.numpy(),
        "components_95": found.components_95.numpy(),
        "component_power": torch.stack(power).numpy(),
    }


def _rank(coordinates: torch.Tensor) -> float:
    return float(metrics.pca(coordinates[:, None, None]).effective_rank)


def _components(given: Compact, number: int) -> list[torch.Tensor]:
    """The first and the last `number` components, largest variance first, as maps (number, C, H, W) of length 1.

    Where there are fewer components, some are in both or stand twice.
    """
    centred = given.coordinates - given.coordinates.mean(0)
    vectors = torch.linalg.eigh(centred.T @ centred)[1].flip(1).T
    possible = min(len(centred) - 1, vectors.shape[1])
    first = torch.arange(number).clamp_max(possible - 1)
    chosen = (first, possible - 1 - first.flip(0))
    return [torch.tensordot(vectors[end].float(), given.basis, 1) for end in chosen]


def _scaled(maps: torch.Tensor) -> torch.Tensor:
    """The first channels from -1 to 1, as grey images."""
    channel = maps[:, :1]
    largest = channel.abs().amax((1, 2, 3), keepdim=True)
    return (channel / largest.clamp_min(torch.finfo(channel.dtype).tiny)).expand(-1, 3, -1, -1)


def _at_shares(cumulative: torch.Tensor) -> np.ndarray:
    """Curves (..., K) at `SHARES` of K, straight between components; NaN for a constant map."""
    curves = cumulative.reshape(-1, cumulative.shape[-1]).numpy()
    places = np.linspace(0, 1, curves.shape[1] + 1)
    found = [np.interp(SHARES, places, np.concatenate([[0.0], curve])) for curve in curves]
    return np.stack(found).reshape(*cumulative.shape[:-1], len(SHARES))


STUDY = Study(
    "pca",
    "How many dimensions do inverted latents use?",
    latents.SetParameters,
    jobs,
    combine,
    uses=latents.uses,
    made={"component_image": {}},
)
