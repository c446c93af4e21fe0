"""Cumulative explained variance by PCA: how many dimensions a set of latents uses."""

from __future__ import annotations

import math
from typing import NamedTuple

from spectral_collapse import memory
from spectral_collapse.checks import check_count
from spectral_collapse.errors import DataError
from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.blocks import BLOCK, element_blocks
from spectral_collapse.metrics.ranges import check_latents, pieces

SHARE = 0.95
"""Share of the variance that `components_95` components hold."""


class PCA(NamedTuple):
    """variances: of the components, largest first; cumulative: their running share of the total, up to
    1; effective_rank: exp of the entropy of the shares; components_95: how many components hold 95 %.
    """

    variances: torch.Tensor
    cumulative: torch.Tensor
    effective_rank: torch.Tensor
    components_95: torch.Tensor


def pca(latents: torch.Tensor) -> PCA:
    """Principal components of a set of latents (N, C, H, W): each latent is one observation of C H W numbers.

    variances and cumulative are float64 (K,), K = min(N - 1, C H W); the two ranks are float64 scalars.
    This is our reading of Fig. 3 of 'Spectral Collapse', which plots 'the mean of cumulative explained
    variance over 2000 noise maps' and says nothing of channels or centring: channels are flattened
    into one vector and the mean over maps is taken away, as PCA does. `map_pca` is the other reading.

    Exact: with fewer latents than elements by the N x N Gram matrix, which has the covariance's
    eigenvalues, summed in float64 over blocks of elements (N = 2000 of 256 x 256 x 3 needs 0.5 GB
    beside the latents). The ranks can't exceed K, so compare sets of equal N, and see
    `white_noise_rank`.

    Raises DataError (fewer than two latents, or all the same), InvalidParameterError (not a batch),
    NotFiniteError.
    """
    latents = check_latents("PCA", latents)
    count, dimension = len(latents), latents[0].numel()
    if count < 2:
        raise DataError("PCA is of a set and got 1 latent; give at least 2, better 100")
    result = _explained(torch.linalg.eigvalsh(_scatter(latents))[-min(count - 1, dimension) :] / (count - 1))
    if not result.variances.any():
        raise DataError("PCA: all latents are the same, so there is no variance to explain")
    return result


def map_pca(latents: torch.Tensor) -> PCA:
    """Principal components of each map by itself: the rows of all its channels are observations of W numbers.

    The other reading of Fig. 3's 'mean of cumulative explained variance over 2000 noise maps': one curve
    per map of latents (N, C, H, W), to be averaged. variances and cumulative are float64 (N, K),
    K = min(C H - 1, W), the ranks (N,). A constant map has no components: 0 variances, NaN for the rest.

    Raises InvalidParameterError (not a batch), DataError (empty), NotFiniteError.
    """
    latents = check_latents("PCA", latents)
    rows, width = latents.shape[1] * latents.shape[2], latents.shape[3]
    parts = []
    for (piece,) in pieces(latents):
        # Without its first value a constant map is 0 to the last bit.
        maps = piece.flatten(1, 2).double() - piece[:, :1, 0, :1].double()
        maps = maps - maps.mean(1, keepdim=True)
        parts.append(torch.linalg.eigvalsh(maps.mT @ maps))
    return _explained(torch.cat(parts)[:, -max(1, min(rows - 1, width)) :] / max(1, rows - 1))


def white_noise_rank(count: int, dimension: int) -> float:
    """The effective rank of `count` white latents of `dimension` elements, in the limit of both large.

    With m = min(N - 1, d) and n the larger of the two, the Marchenko-Pastur law of ratio m / n has
    entropy log m - m / (2 n) (Page, 1993). The same holds for a map with N = C H rows and d = W.
    """
    smaller, larger = sorted((check_count("count", count, 2) - 1, check_count("dimension", dimension, 1)))
    return smaller * math.exp(-smaller / (2 * larger))


def _explained(ascending: torch.Tensor) -> PCA:
    """From eigenvalues (..., K), smallest first."""
    variances = ascending.flip(-1).clamp_min(0)
    shares = variances / variances.sum(-1, keepdim=True)
    cumulative = shares.cumsum(-1)
    rank = torch.special.entr(shares).sum(-1).exp()
    # Rounding must not ask for one component more.
    needed = 1 + (cumulative < SHARE - 1e-12).sum(-1)
    return PCA(variances, cumulative, rank, torch.where(rank.isnan(), rank, needed.double()))


def _scatter(latents: torch.Tensor) -> torch.Tensor:
    """The smaller of the centred Gram matrix (N, N) and scatter matrix (d, d), in float64."""
    count, dimension = len(latents), latents[0].numel()
    memory.check(8 * min(count, dimension) ** 2, f"PCA of {count} latents", "give fewer", latents.device)
    total = torch.zeros(2 * [min(count, dimension)], dtype=torch.float64, device=latents.device)
    if count <= dimension:
        for (block,) in element_blocks(latents):
            centred = block - block.mean(0)
            total.addmm_(centred, centred.T)
        return total
    rows = latents.flatten(1)
    mean = rows.mean(0, dtype=torch.float64)
    for block in rows.split(max(1, BLOCK // dimension)):
        centred = block - mean
        total.addmm_(centred.T, centred)
    return total


def _set_notes(shape: torch.Size) -> dict[str, object]:
    return {"white_noise": white_noise_rank(shape[0], math.prod(shape[1:]))}


def _map_notes(shape: torch.Size) -> dict[str, object]:
    return {"white_noise": white_noise_rank(shape[1] * shape[2], shape[3])}


SCORES = (
    ScoreInfo(
        name="effective_rank",
        function=pca,
        symbol="Effective rank",
        higher_is_better=True,
        range=(1.0, math.inf),
        inputs="latent",
        per="set",
        source="spectrum of Fig. 3 of Spectral Collapse; Roy & Vetterli, 2007",
        field="effective_rank",
        notes=_set_notes,
    ),
    ScoreInfo(
        name="components_95",
        function=pca,
        symbol="Components for 95 %",
        higher_is_better=True,
        range=(1.0, math.inf),
        inputs="latent",
        per="set",
        source="Spectral Collapse, Fig. 3",
        field="components_95",
    ),
    ScoreInfo(
        name="map_effective_rank",
        function=map_pca,
        symbol="Effective rank of a map",
        higher_is_better=True,
        range=(1.0, math.inf),
        inputs="latent",
        per="sample",
        source="spectrum of Fig. 3 of Spectral Collapse, read per map; Roy & Vetterli, 2007",
        field="effective_rank",
        notes=_map_notes,
    ),
)
