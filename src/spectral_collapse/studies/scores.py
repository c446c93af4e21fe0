"""What each score sees: every score on images and latents that are damaged in a known way.

The figures that 'Spectral Collapse in Diffusion Inversion' explains its scores with (Figs. 7 to 13),
on the images at hand; the response of every per-sample score to every graded corruption; and the
readings that its definitions allow, side by side (`studies.readings`). `studies.score_findings` puts
the numbers into words.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pywt
import torch
import xarray as xr

from spectral_collapse import datasets, inversion, metrics
from spectral_collapse.datasets import DatasetInfo, Pair
from spectral_collapse.metrics.evaluate import evaluate
from spectral_collapse.metrics.s_hf import MODE
from spectral_collapse.metrics.s_lf import Structure, grey, mask
from spectral_collapse.metrics.weights import SOURCES
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.studies import common, corruptions, domains, readings
from spectral_collapse.studies.corruptions import Corruption
from spectral_collapse.studies.setting import Setting

STUDY = "scores"

COMPANIONS = ("photos_x8", "bbbc021_x8", "edges2shoes")
"""Of the families to which the data set does not belong, these stand beside it."""

CUTOFFS = (0.125, 0.25, 0.375, 0.5, 0.75, 1.0)
"""Of the Fourier filters, as fractions of the Nyquist frequency."""

SHOWN_CUTOFFS = (0.125, 0.25, 0.5)
"""Those of which there are pictures."""

STAGES = ("image", "grey", "mask", "low-passed", "silhouette", "difference")
"""Of S_LF's pipeline; colours have the first, the fourth and the last."""

BANDS = ("horizontal", "vertical", "diagonal")
"""pywt's order: edges that run horizontally, vertically, diagonally."""

WHITE, STANDARD, TABA = "white noise", "standard inversion", "TABA"
LOUD = "white noise, 1 % too strong"

LATENTS = 4
"""Latents per test image whose norms are shown: a law needs more of them than a mean does."""

DRAWS = 1024
"""Latents of white noise that the Kolmogorov-Smirnov test is shown on."""

_CODE = ("metrics", "studies.corruptions", "studies.domains", "studies.readings", "studies.scores")


def run(
    dataset: str = "photos_x8",
    profile: str = "quick",
    checkpoint: str | Path | Model | None = None,
    source: Literal["auto", "real", "rendered"] = "auto",
    root: str | Path | None = None,
) -> xr.Dataset:
    """The whole chapter's numbers and pictures; from the store where these parameters were run before.

    Args:
        dataset: a name of `datasets.DATASETS`; one of each other family stands beside it (`COMPANIONS`).
        profile: 'smoke', 'quick' or 'paper'.
        checkpoint: name or folder of a network, or a loaded Model; without it the one shipped for
            this family of data sets.
        source, root: as in `datasets.load`.

    Returns:
        The result, also stored (`results`). Per-sample values run along `sample`, test images, or
        `latent_sample`, these and more, for the laws of norms. A variable per score, as
        `metrics.evaluate` gives it, for targets blurred at the middle grade and for latents of the
        standard inversion. `image_response` and `latent_response` hold every per-sample score of damaged
        targets and of damaged white noise, NaN where its weights are missing. The others belong to one
        figure each. The functions below describe them.

    Raises:
        InvalidParameterError, DataError, CheckpointError, NotFiniteError: one sentence each.
    """
    given = Setting.load(dataset, profile, checkpoint, source, root, _CODE)
    info, size, model, test, chosen = given.info, given.size, given.model, given.test, given.chosen
    beside = [name for name in COMPANIONS if datasets.info(name).family != info.family]
    companions = {name: datasets.load(name, "test", size.size, "auto", root) for name in beside}
    given.parameters["companions"] = [other.fingerprint for other in companions.values()]
    given.parameters["weights"] = {name: common.checksum(name) for name in SOURCES}
    stored = given.stored(STUDY)
    if stored is not None:
        return stored

    started = time.perf_counter()
    pairs = {
        name: other.stack(common.spread(len(other), min(len(chosen), len(other)))) for name, other in companions.items()
    }
    pairs = {dataset: given.pair, **pairs}
    pair = pairs[dataset]
    real = common.real_targets(given.train, size.reference)
    reference = metrics.hf_reference(real)
    settings = {"cutoff": info.structure_cutoff(size.size), "structure": info.structure}
    compared = [next(n for n in pairs if datasets.info(n).structure == kind) for kind in ("color", "edges")]
    more = common.spread(len(test), min(LATENTS * len(chosen), len(test)))
    inverted_ids = list(dict.fromkeys((*chosen, *more)))
    latents = inverted(model, test.stack(inverted_ids).source, info.source_label, size.num_steps)
    first = {name: x[: len(chosen)] for name, x in latents.items()}
    scores = evaluate(
        "all",
        images=corruptions.IMAGES["blur"](pair.target, 0.5),
        references=pair.target,
        sources=pair.source,
        reference_set=real,
        hf_reference=reference,
        latents=first[STANDARD],
        **settings,
    ).drop_vars("sample")
    parts = [
        scores,
        filters(pair.target, reference, size.shown, **settings),
        pipelines({name: (datasets.info(name), pairs[name]) for name in pairs}, size.size),
        textures([domains.run(name, profile, source if name == dataset else "auto", root) for name in pairs], pairs),
        flags(latents, size.shown),
        norms(latents),
        responses(
            "image",
            corruptions.IMAGES,
            pair.target,
            lambda x: evaluate(
                "all", images=x, references=pair.target, sources=pair.target, hf_reference=reference, **settings
            ),
        ),
        responses("latent", corruptions.LATENTS, first[WHITE], lambda x: evaluate("all", latents=x)),
        readings.compare(
            pair.target,
            real,
            *(pairs[name] for name in compared),
            first[WHITE],
            first[STANDARD],
            *(datasets.info(name).structure_cutoff(size.size) for name in compared),
        ),
    ]
    result = xr.merge(parts, combine_attrs="override")
    ids = [test.ids[index] for index in inverted_ids]
    result = result.assign_coords(sample=given.names, latent_sample=ids, shown=given.names[: result.sizes["shown"]])
    result.attrs = {}
    return given.save(
        STUDY,
        result,
        time.perf_counter() - started,
        **settings,
        wavelet=reference.wavelet,
        mean_log_energy=reference.mean_log_energy,
        references=reference.count,
        white_s_dc=metrics.white_noise_level(latents[WHITE].shape[1]),
        dimension=latents[WHITE][0].numel(),
    )


def inverted(model: Model, sources: torch.Tensor, label: int, num_steps: int) -> dict[str, torch.Tensor]:
    """White noise, and latents of the sources by standard inversion and by TABA, which replaces one step at least."""
    encoded = model.encode(sources)
    methods = {
        STANDARD: inversion.create("standard"),
        TABA: inversion.create("taba", fraction=max(0.04, 1 / num_steps)),
    }
    noise = torch.randn(encoded.shape, generator=torch.Generator().manual_seed(0))
    return {WHITE: noise} | {
        name: method.invert(model.denoiser, encoded, label, num_steps, torch.Generator().manual_seed(0)).latent
        for name, method in methods.items()
    }


def filters(
    images: torch.Tensor, reference: metrics.HFReference, shown: int, cutoff: float, structure: Structure
) -> xr.Dataset:
    """Figs. 11 and 12: images without their high or their low frequencies, and S_HF and S_LF of these.

    Returns `filtered` (filter_score, filter, filter_cutoff, sample), S_LF against the images themselves,
    and `filtered_image` (filtered, shown, row, col, rgb). A high-passed image is drawn about mid-grey; values
    beyond [-1, 1] are clipped.
    """
    low = {kappa: metrics.low_pass(images, kappa) for kappa in CUTOFFS}
    passed = {
        "low-pass": {kappa: part.clamp(-1, 1) for kappa, part in low.items()},
        "high-pass": {kappa: (images - part).clamp(-1, 1) for kappa, part in low.items()},
    }
    values = [
        [[score(part) for part in parts.values()] for parts in passed.values()]
        for score in (
            lambda x: metrics.s_hf(x, reference).numpy(),
            lambda x: metrics.s_lf(x, images, cutoff, structure).numpy(),
        )
    ]
    columns = {"image": images[:shown]} | {
        f"{name} {kappa:g}": parts[kappa][:shown] for name, parts in passed.items() for kappa in SHOWN_CUTOFFS
    }
    return xr.Dataset(
        {
            "filtered": (
                ("filter_score", "filter", "filter_cutoff", "sample"),
                np.array(values),
                {"long_name": "score of a filtered image", "units": "1"},
            ),
            "filtered_image": (
                ("filtered_picture", "shown", *common.PIXELS),
                np.stack([common.pictures(column) for column in columns.values()]),
                {"long_name": "picture", "units": "1"},
            ),
        },
        {
            "filter_score": ["s_hf", "s_lf"],
            "filter": list(passed),
            "filter_cutoff": ("filter_cutoff", list(CUTOFFS), {"long_name": "cutoff / Nyquist", "units": "1"}),
            "filtered_picture": list(columns),
        },
    )


def pipelines(pairs: Mapping[str, tuple[DatasetInfo, Pair]], size: int) -> xr.Dataset:
    """Fig. 13: what S_LF compares, step by step, of a source, its own target and the least similar other one.

    Returns `pipeline_image` (pipeline, view, stage, row, col, rgb), black where a data set's pipeline
    has no such stage, and `pipeline_s_lf` (pipeline, view), NaN for the source.
    """
    pictures, values = [], []
    for info, pair in pairs.values():
        cutoff = info.structure_cutoff(size)
        first = pair.source[:1].expand_as(pair.target)
        similar = metrics.s_lf(pair.target, first, cutoff, info.structure)
        other = int(similar[1:].argmin()) + 1
        stages = structure_stages(
            torch.stack([pair.source[0], pair.target[0], pair.target[other]]), cutoff, info.structure
        )
        drawn = {name: common.pictures((2 * stage - 1).expand(-1, 3, -1, -1)) for name, stage in stages.items()}
        blank = np.zeros_like(next(iter(drawn.values())))
        pictures.append(np.stack([drawn.get(stage, blank) for stage in STAGES], 1))
        values.append([np.nan, float(similar[0]), float(similar[other])])
    return xr.Dataset(
        {
            "pipeline_image": (
                ("pipeline", "view", "stage", *common.PIXELS),
                np.stack(pictures),
                {"long_name": "picture", "units": "1"},
            ),
            "pipeline_s_lf": (
                ("pipeline", "view"),
                np.array(values),
                {"long_name": "S_LF to the source", "units": "1"},
            ),
        },
        {
            "pipeline": list(pairs),
            "view": ["source", "own target", "another target"],
            "stage": list(STAGES),
            "structure": ("pipeline", [info.structure for info, _ in pairs.values()]),
        },
    )


def structure_stages(images: torch.Tensor, cutoff: float, structure: Structure) -> dict[str, torch.Tensor]:
    """The stages of `metrics.structure_view`, each (N, C or 1, H, W) in [0, 1], and how far its result is from
    that of the first image (absolute difference)."""
    values = (images + 1) / 2
    stages = {"image": values}
    if structure == "edges":
        stages |= {"grey": grey(images), "mask": mask(images)}
        # drawn twice as bright: a low-passed line is faint
        stages["low-passed"] = (2 * metrics.low_pass(stages["mask"], cutoff)).clamp(0, 1)
        stages["silhouette"] = result = metrics.structure_view(images, cutoff, structure)
    else:
        stages["low-passed"] = result = metrics.structure_view(images, cutoff, structure)
    return stages | {"difference": (result - result[:1]).abs()}


def textures(found: list[xr.Dataset], pairs: Mapping[str, Pair]) -> xr.Dataset:
    """Figs. 9 and 10: of each data set the targets' spectra, their slope and wavelet, and the finest details.

    found: results of `studies.domains.run`, in the order of `pairs`. Returns `spectrum` (family, member,
    spectrum_frequency), `slope` (family, member), `wavelet` and `family_source` (family), `detail`
    (family, band, row, col, rgb): magnitudes of the first target's wavelet coefficients, mean over
    channels, white at the band's 99.5th percentile or above.
    """
    count = max(one.sizes["sample"] for one in found)
    spectra = [_padded(one["power"].sel(domain="target").to_numpy(), count) for one in found]
    slopes = [_padded(one["slope"].to_numpy(), count) for one in found]
    wavelets = [metrics.hf_reference(pair.target).wavelet for pair in pairs.values()]
    details = [
        np.concatenate([common.pictures(pair.target[:1]), detail_pictures(pair.target[:1], wavelet)])
        for pair, wavelet in zip(pairs.values(), wavelets, strict=True)
    ]
    return xr.Dataset(
        {
            "spectrum": (
                ("family", "member", "spectrum_frequency"),
                np.stack(spectra),
                {"long_name": "power per coefficient", "units": "1"},
            ),
            "slope": (("family", "member"), np.stack(slopes), {"long_name": "exponent of the spectrum", "units": "1"}),
            "detail": (("family", "band", *common.PIXELS), np.stack(details), {"long_name": "picture", "units": "1"}),
        },
        {
            "family": list(pairs),
            "member": np.arange(count),
            "spectrum_frequency": (
                "spectrum_frequency",
                found[0]["frequency"].to_numpy(),
                {"long_name": "spatial frequency", "units": "cycles per pixel"},
            ),
            "band": ["image", *BANDS],
            "wavelet": ("family", wavelets),
            "family_source": ("family", [one.attrs["data_source"] for one in found]),
            "family_title": ("family", [one.attrs["title"] for one in found]),
        },
    )


def detail_pictures(images: torch.Tensor, wavelet: str) -> np.ndarray:
    """The finest wavelet details of one image (1, 3, H, W) as pictures of its own size, (3, H, W, 3) bytes."""
    height, width = images.shape[-2:]
    _, bands = pywt.dwt2(images.numpy(), wavelet, mode=MODE, axes=(-2, -1))
    magnitude = np.abs(np.concatenate(bands)).mean(1)  # (3, h, w): the filter's length adds a border
    top, left = (magnitude.shape[1] - height // 2) // 2, (magnitude.shape[2] - width // 2) // 2
    inner = magnitude[:, top : top + height // 2, left : left + width // 2]
    scaled = torch.from_numpy(inner / np.quantile(inner, 0.995)).clamp(0, 1) * 2 - 1
    return common.pictures(scaled.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, None].expand(-1, 3, -1, -1))


def flags(latents: Mapping[str, torch.Tensor], shown: int) -> xr.Dataset:
    """Fig. 8: latents, first channel, from -3 (black) to 3 (white), and which patches S_DC flags (black).

    Returns `latent_image` and `flag_image` (latent_series, shown, row, col, rgb), the latter with a grey
    border where no window fits, and `latent_s_dc` (latent_series, latent_sample).
    """
    channel = np.stack([common.pictures((x[:shown, :1] / 3).expand(-1, 3, -1, -1)) for x in latents.values()])
    masks = np.full_like(channel, 160)
    white = np.stack([~metrics.s_dc_mask(x[:shown]).numpy() for x in latents.values()])
    border = (masks.shape[2] - white.shape[2]) // 2
    masks[:, :, border : border + white.shape[2], border : border + white.shape[3]] = 255 * white[..., None]
    pictures = {"long_name": "picture", "units": "1"}
    dims = ("latent_series", "shown", "latent_row", "latent_col", "rgb")
    return xr.Dataset(
        {
            "latent_image": (dims, channel, pictures),
            "flag_image": (dims, masks, pictures),
            "latent_s_dc": (
                ("latent_series", "latent_sample"),
                np.stack([metrics.s_dc(x).numpy() for x in latents.values()]),
                {"long_name": "decorrelation of the latent S_DC", "units": "1"},
            ),
        },
        {"latent_series": list(latents)},
    )


def norms(latents: Mapping[str, torch.Tensor]) -> xr.Dataset:
    """Fig. 7: squared norms of latents, and the Kolmogorov-Smirnov test on ever more of them.

    Returns `norm` (latent_series, latent_sample), ||x||^2 / d; `ks_distance` and `ks_pvalue` (ks_series, count) for
    the latents, in their order, and for DRAWS of white noise and of white noise that is 1 % too strong; NaN
    where there are fewer. Both simulated series use the same draws.
    """
    shape = next(iter(latents.values())).shape[1:]
    noise = torch.randn((DRAWS, *shape), generator=torch.Generator().manual_seed(2))
    series = {WHITE: noise, LOUD: 1.01 * noise} | {name: x for name, x in latents.items() if name != WHITE}
    counts = [2**power for power in range(2, DRAWS.bit_length())]
    tests = [
        [metrics.s_g(x[:count]) if count <= len(x) else metrics.SG(np.nan, np.nan, np.nan) for count in counts]
        for x in series.values()
    ]
    found = np.array(tests)
    return xr.Dataset(
        {
            "norm": (
                ("latent_series", "latent_sample"),
                np.stack([x.double().square().mean((1, 2, 3)).numpy() for x in latents.values()]),
                {"long_name": "squared norm / d", "units": "1"},
            ),
            "ks_distance": (("ks_series", "count"), found[..., 1], {"long_name": "KS distance", "units": "1"}),
            "ks_pvalue": (("ks_series", "count"), found[..., 2], {"long_name": "p-value", "units": "1"}),
        },
        {
            "latent_series": list(latents),
            "ks_series": list(series),
            "count": ("count", counts, {"long_name": "latents", "units": "1"}),
        },
    )


def responses(
    kind: Literal["image", "latent"],
    kinds: Mapping[str, Corruption],
    batch: torch.Tensor,
    score: Callable[[torch.Tensor], xr.Dataset],
) -> xr.Dataset:
    """Every per-sample score of a batch under every corruption at every grade.

    kind: names the variable and its dims. score: a batch -> the Dataset of `metrics.evaluate`.

    Returns `{kind}_response` ({kind}_score, {kind}_corruption, grade, sample), with `{kind}_missing`
    ({kind}_score), the reason where a score has no value, else ''; `{kind}_strength` ({kind}_corruption, grade).
    """
    found = [[score(corruption(batch, grade)) for grade in corruptions.GRADES] for corruption in kinds.values()]
    cards = [name for name, variable in found[0][0].items() if variable.dims == ("sample",)]
    values = [[[one[name].to_numpy() for one in row] for row in found] for name in cards]
    strengths = [
        [corruption.strength(grade, batch.shape[-2]) for grade in corruptions.GRADES] for corruption in kinds.values()
    ]
    return xr.Dataset(
        {
            f"{kind}_response": (
                (f"{kind}_score", f"{kind}_corruption", "grade", "sample"),
                np.array(values),
                {"long_name": "score of a corrupted sample", "units": "of the score"},
            ),
            f"{kind}_strength": (
                (f"{kind}_corruption", "grade"),
                np.array(strengths),
                {"long_name": "strength of the corruption", "units": "of the corruption"},
            ),
        },
        {
            f"{kind}_score": cards,
            f"{kind}_missing": (f"{kind}_score", [found[0][0][name].attrs.get("missing", "") for name in cards]),
            f"{kind}_corruption": list(kinds),
            "grade": ("grade", list(corruptions.GRADES), {"long_name": "grade of the corruption", "units": "1"}),
        },
    )


def _padded(values: np.ndarray, count: int) -> np.ndarray:
    """With NaN rows up to `count`, for a data set that has fewer images than another."""
    return np.pad(values, [(0, count - len(values))] + [(0, 0)] * (values.ndim - 1), constant_values=np.nan)
