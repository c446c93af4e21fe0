"""Scores whose definition leaves a choice: the possible readings, each with its values on the same samples.

'Spectral Collapse in Diffusion Inversion' defines S_DC the other way up from its tables, gives no intensity scale for
S_HF and no thresholds for S_LF on drawings, and its cutoff of S_LF means something else at every image size. SSIM and
MS-SSIM have variants of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pywt
import xarray as xr

from spectral_collapse import metrics
from spectral_collapse.datasets import Pair
from spectral_collapse.executors import Arrays
from spectral_collapse.later import F, torch
from spectral_collapse.metrics.corruptions import IMAGES
from spectral_collapse.metrics.ms_ssim import WEIGHTS, ms_ssim, scales
from spectral_collapse.metrics.s_hf import MODE, TOP
from spectral_collapse.metrics.s_lf import WHITE, grey, mask
from spectral_collapse.metrics.ssim import ssim
from spectral_collapse.studies.layout import Layout

PAPERS_CUTOFF = 0.06
"""The cutoff of S_LF in the paper, at 256 px."""


class Reading(NamedTuple):
    """score: name of its card; label: the choice in words; used: whether `metrics` makes it; values: two cases that
    a score should tell apart -> a value per sample, (N,) each; found_own: 1 where a drawing is closer to its own
    photo than to any other, else 0, (N,), for S_LF on drawings only."""

    score: str
    label: str
    used: bool
    values: dict[str, torch.Tensor]
    found_own: torch.Tensor | None = None


LAYOUT = Layout(
    reading_value=("reading case reading_sample", "value of the score"),
    found_own=("reading reading_sample", "drawing closest to its own photo"),
)


def combine(parts: Sequence[Arrays]) -> xr.Dataset:
    """The readings of all scores, from the arrays of the functions below: NaN beyond a case's samples, with coordinates
    that say what a reading and either case are, and what the samples were taken from."""
    most = max(part["values"].shape[-1] for part in parts)

    def padded(name: str, fill: object) -> np.ndarray:
        beyond = [np.full((*part[name].shape[:-1], most - part[name].shape[-1]), fill) for part in parts]
        return np.concatenate(
            [np.concatenate([part[name], empty], -1) for part, empty in zip(parts, beyond, strict=True)]
        )

    gathered = {name: np.concatenate([part[name] for part in parts]) for name in ("score", "label", "used", "case")}
    values = padded("values", np.nan)
    coordinates = {
        "reading": np.arange(len(values)),
        "case": ["first", "second"],
        "reading_sample": np.arange(most),
        "reading_sample_group": (("reading", "reading_sample"), padded("groups", "")),
        **{f"reading_{name}": (("reading", "case")[: array.ndim], array) for name, array in gathered.items()},
    }
    return LAYOUT.dataset({"reading_value": values[:, :2], "found_own": values[:, 2]}, coordinates)


def _arrays(rows: Sequence[Reading], groups: Sequence[str]) -> Arrays:
    """`values` (reading, 3, N) of both cases and of `found_own`; `score`, `label`, `used`, `case`; `groups`."""
    missing = torch.full((len(groups),), math.nan)
    values = [torch.stack([*row.values.values(), missing if row.found_own is None else row.found_own]) for row in rows]
    return {
        "values": torch.stack(values).numpy(),
        "score": np.array([row.score for row in rows]),
        "label": np.array([row.label for row in rows]),
        "used": np.array([row.used for row in rows]),
        "case": np.array([list(row.values) for row in rows]),
        "groups": np.array([list(groups)] * len(rows)),
    }


def decorrelation(white: torch.Tensor, collapsed: torch.Tensor, groups: Sequence[str]) -> Arrays:
    """S_DC of white noise and of latents of the standard inversion."""
    cases = {"white noise": white, "standard inversion": collapsed}
    channels = white.shape[1]

    def reading(label: str, fraction: float = 0.5, patch: int = 5, used: bool = False) -> Reading:
        return Reading("s_dc", label, used, {case: metrics.s_dc(x, 0.05, patch, fraction) for case, x in cases.items()})

    kept = reading("share of patches not flagged, 1 - Eq. (36); half of the channels, 5 x 5", used=True)
    flipped = Reading("s_dc", "share of patches flagged, Eq. (36)", False, {k: 1 - v for k, v in kept.values.items()})
    others = [
        reading("not flagged; any one channel is enough", 1 / channels),
        reading("not flagged; all channels needed", 1.0),
        reading("not flagged; 3 x 3 patches", patch=3),
        reading("not flagged; 7 x 7 patches", patch=7),
    ]
    return _arrays([kept, flipped, *others], groups)


def texture(images: torch.Tensor, real: torch.Tensor, groups: Sequence[str]) -> Arrays:
    """S_HF of targets and of blurred ones; real: images like them, its reference."""
    cases = {"target": images, "target, blurred": IMAGES["blur"](images, 0.5)}
    own = metrics.hf_reference(real).wavelet

    def reading(label: str, wavelet: str, top: float, used: bool = False) -> Reading:
        mean = _log_energy(real, wavelet, top).mean()
        values = {
            case: 1 - ((_log_energy(x, wavelet, top) - mean).abs() / mean.abs()).clip(0, 1) for case, x in cases.items()
        }
        return Reading("s_hf", f"{label} (μ = {mean:.1f})", used, values)

    readings = [
        reading(f"{own} of the spectrum, intensities 0..255", own, TOP, used=True),
        reading(f"{own}, intensities 0..1", own, 1.0),
    ]
    if own != "sym4":
        readings.append(reading("sym4 as in the paper, intensities 0..255", "sym4", TOP))
    return _arrays(readings, groups)


def _log_energy(images: torch.Tensor, wavelet: str, top: float) -> torch.Tensor:
    """log E_HF of Eq. (38), (N,), of images in [-1, 1] taken on the scale [0, top]."""
    _, details = pywt.dwt2((images.numpy() + 1) * (top / 2), wavelet, mode=MODE, axes=(-2, -1))
    return torch.from_numpy(np.square(np.stack(details, 1), dtype=np.float64).sum((1, 2, 3, 4))).log()


def structure(pair: Pair, cutoff: float, groups: Sequence[str]) -> Arrays:
    """S_LF of sources with their own and with other targets, where it compares colours."""
    cases = {"own target": pair.target, "another target": pair.target.roll(1, 0)}
    size = pair.source.shape[-1]

    def reading(label: str, kappa: float, used: bool = False) -> Reading:
        cycles = kappa * size / 2
        values = {case: metrics.s_lf(x, pair.source, kappa) for case, x in cases.items()}
        return Reading("s_lf", f"{label}, κ = {kappa:g}: {cycles:.1f} cycles per image", used, values)

    readings = [
        reading("the source's Nyquist limit", cutoff, used=True),
        reading("the paper's number", max(PAPERS_CUTOFF, 2 / size)),
        reading("the paper's cycles per image", min(1.0, PAPERS_CUTOFF * 256 / size)),
        reading("no low-pass", 1.0),
    ]
    return _arrays(readings, groups)


def silhouettes(drawings: Pair, cutoff: float, groups: Sequence[str]) -> Arrays:
    """S_LF of drawings with the photos, their own and the others."""

    def darkness(images: torch.Tensor) -> torch.Tensor:
        levels = grey(images)
        return torch.where(levels < WHITE, 1 - levels, 0)

    views = {
        "the paper's: mask of what is not white, low-passed, above κ / 2": [
            metrics.structure_view(x, cutoff, "edges") for x in drawings
        ],
        "grey, low-passed": [metrics.low_pass(grey(x), cutoff) for x in drawings],
        "mask of what is not white, low-passed": [metrics.low_pass(mask(x), cutoff) for x in drawings],
        "darkness where not white, low-passed": [metrics.low_pass(darkness(x), cutoff) for x in drawings],
        "darkness where not white, low-passed, above 0.02": [
            (metrics.low_pass(darkness(x), cutoff) > 0.02).float() for x in drawings
        ],
    }
    used = [
        metrics.structure_view(x, cutoff, "silhouette", fill=fill)
        for x, fill in zip(drawings, (True, False), strict=True)
    ]
    readings = [_silhouette("mask of what is not white, outlines of the drawing filled, low-passed", *used, used=True)]
    readings += [_silhouette(label, *(x.clamp(0, 1) for x in pair)) for label, pair in views.items()]
    return _arrays(readings, groups)


def _silhouette(label: str, drawings: torch.Tensor, photos: torch.Tensor, used: bool = False) -> Reading:
    count = len(photos)
    every = (2 * photos.repeat_interleave(count, 0) - 1, 2 * drawings.repeat(count, 1, 1, 1) - 1)
    table = ssim(*every).view(count, count)
    own = table.diagonal()
    others = (table.sum(1) - own) / (count - 1)
    # of each drawing the photos are compared, as S_LF compares outputs of one source
    found = (table.argmax(0) == torch.arange(count)).double()
    return Reading("s_lf", label, used, {"own drawing": own, "mean of the other drawings": others}, found)


def similarities(images: torch.Tensor, groups: Sequence[str]) -> Arrays:
    """SSIM and MS-SSIM of blurred and of noisy images."""
    cases = {"blurred": IMAGES["blur"](images, 0.5), "noisy": IMAGES["noise"](images, 0.5)}
    size = min(images.shape[-2:])
    # the smallest whole factor that makes room for five scales
    factor = next(factor for factor in range(1, size) if scales(factor * size, factor * size) == len(WEIGHTS))

    def enlarged(x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, scale_factor=factor, mode="bilinear")

    readings = {
        ("ssim", "Gaussian window of 11 px, mean over channels"): lambda x: ssim(x, images),
        ("ssim", "Gaussian window of 11 px, grey"): lambda x: ssim(2 * grey(x) - 1, 2 * grey(images) - 1),
        ("ssim", "uniform window of 7 px, scikit-image's default"): lambda x: _uniform_ssim(x, images),
        ("ms_ssim", f"{scales(size, size)} scales, all that {size} px hold"): lambda x: ms_ssim(x, images),
    }
    if factor > 1:
        label = f"{len(WEIGHTS)} scales, on images enlarged {factor} times"
        readings["ms_ssim", label] = lambda x: ms_ssim(enlarged(x), enlarged(images))
    first = {score: next(label for other, label in readings if other == score) for score in ("ssim", "ms_ssim")}
    rows = [
        Reading(score, label, label == first[score], {case: value(x) for case, x in cases.items()})
        for (score, label), value in readings.items()
    ]
    return _arrays(rows, groups)


def _uniform_ssim(images: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """scikit-image's SSIM with its default window, on [-1, 1], per sample (N,): all images as channels of one."""
    from skimage.metrics import structural_similarity

    window = 7
    x, y = (batch.flatten(0, 1).numpy() for batch in (images, references))
    _, similar = structural_similarity(x, y, win_size=window, data_range=2.0, channel_axis=0, full=True)
    inside = similar[:, window // 2 : -(window // 2), window // 2 : -(window // 2)]
    return torch.from_numpy(inside.mean((1, 2), dtype=np.float64)).view(len(images), -1).mean(1)
