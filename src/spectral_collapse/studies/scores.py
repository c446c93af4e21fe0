"""What each score sees: every score on images and latents that are damaged in a known way.

The figures that 'Spectral Collapse in Diffusion Inversion' explains its scores with (Figs. 7, 8 and 11 to 13; those
of spectra and wavelets are in `studies.domains`), on the images at hand; the response of every per-sample score to
every graded corruption; and the readings that its definitions allow, side by side (`studies.readings`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
from pydantic import Field

from spectral_collapse import inversion, metrics
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.executors import Arrays
from spectral_collapse.later import torch
from spectral_collapse.metrics import corruptions
from spectral_collapse.metrics.corruptions import GRADES, Corruption
from spectral_collapse.metrics.evaluate import evaluate
from spectral_collapse.metrics.s_lf import Structure, filled, grey, mask
from spectral_collapse.studies import common, readings
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.parameters import Count, NetworkParameters
from spectral_collapse.studies.request import Images, Request
from spectral_collapse.studies.study import Job, Study

CUTOFFS = (0.125, 0.25, 0.375, 0.5, 0.75, 1.0)
"""Cutoffs of the Fourier filters, as fractions of the Nyquist frequency."""
FILTERS = ("low-pass", "high-pass")
FILTERED = ("image", *(f"{name} {cutoff:g}" for name in FILTERS for cutoff in (0.125, 0.25, 0.5)))
"""What there are pictures of."""
STAGES = ("image", "grey", "mask", "silhouette", "compared", "difference")
"""The stages of S_LF's pipeline; colours have the first and the last two."""
WHITE, STANDARD, TABA = "white noise", "standard inversion", "TABA"
LOUD = "white noise, 1 % too strong"
CORRUPTIONS: dict[str, dict[str, Corruption]] = {"image": corruptions.IMAGES, "latent": corruptions.LATENTS}

LAYOUT = Layout(
    filtered=("filter_score filter filter_cutoff sample", "score of a filtered image"),
    filtered_image=("filtered_picture shown row col rgb", "picture"),
    pipeline_image=("pipeline view stage row col rgb", "picture"),
    pipeline_s_lf=("pipeline view", "S_LF to the source"),
    latent_image=("latent_series shown latent_row latent_col rgb", "picture"),
    flag_image=("latent_series shown latent_row latent_col rgb", "picture"),
    latent_s_dc=("latent_series latent_sample", "decorrelation of the latent S_DC"),
    norm=("latent_series latent_sample", "squared norm / d"),
    ks_distance=("ks_series count", "KS distance"),
    ks_pvalue=("ks_series count", "p-value"),
)
"""What belongs to one figure each."""


class ScoreParameters(NetworkParameters):
    """Images, latents, and the weights that some scores are computed with."""

    latents: Count = Field(4, ge=1, description="latents per test image whose norms are shown, at most")
    draws: Count = Field(1024, ge=4, description="latents of white noise for the Kolmogorov-Smirnov test")
    beside: list[str] | None = Field(
        None, description="data sets that S_LF is shown on beside this one (default: one of each other family)"
    )
    weights: str | Path | None = Field(
        None, description="folder with weights of LPIPS and Inception (default: SPECTRAL_COLLAPSE_WEIGHTS)"
    )


Given = Request[ScoreParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per kind of latent, data set of S_LF's pipeline, corruption, and score with several readings."""
    compared = {images.info.name: images for images in (request.images, *request.beside.values())}
    pair, drawings = _first(compared.values(), "color"), _first(compared.values(), "silhouette", "edges")

    def white() -> torch.Tensor:
        return white_noise(request, len(request.images.chosen))

    def inverted() -> torch.Tensor:
        return request.translated(inversion.Standard()).latents

    return {
        **{f"latents, {name}": partial(measured_latents, request, name) for name in (WHITE, STANDARD, TABA)},
        "loud noise": partial(loud_noise, request),
        "scores of images": partial(scores_of_images, request),
        "scores of latents": lambda: _packed(evaluate("all", latents=inverted(), device=request.device)),
        "filters": lambda: filters(
            request.pair.target, request.hf_reference, request.parameters.shown, **structure_of(request)
        ),
        **{f"pipeline, {name}": partial(pipeline, images) for name, images in compared.items()},
        **{
            f"{kind}, {name}": partial(responses, request, kind, name)
            for kind, kinds in CORRUPTIONS.items()
            for name in ("intact", *kinds)
        },
        "readings, s_dc": lambda: readings.decorrelation(white(), inverted(), request.images.clusters),
        "readings, s_hf": lambda: readings.texture(request.pair.target, _real(request), request.images.clusters),
        "readings, s_lf": lambda: readings.structure(pair.pair, _cutoff(pair), pair.clusters),
        "readings, s_lf of drawings": lambda: readings.silhouettes(drawings.pair, _cutoff(drawings), drawings.clusters),
        "readings, ssim": lambda: readings.similarities(request.pair.target, request.images.clusters),
    }


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """Per-sample values run along `sample`, test images, or `latent_sample`, these and more, for the laws of norms.

    - A variable per score, as `metrics.evaluate` gives it, for targets blurred at the middle grade and for latents
      of the standard inversion.
    - `filtered`: S_HF and S_LF (against the images themselves) of images without their high or their low frequencies;
      their pictures, high-passed ones about mid-grey.
    - `pipeline_image`: what S_LF compares, of a source, its own target and the least similar other one, black where
      there is no such stage. `latent_image`: the first channel from -3 (black) to 3 (white); `flag_image`: the patches
      that S_DC flags (black).
    - `ks_*`: of the first latents, NaN where there are fewer.
    - `image_response`, `latent_response`: every per-sample score of damaged targets and of damaged white noise, NaN
      where the coordinate `image_missing` says why.
    """
    images, given, scores = request.images, request.parameters, parts["scores of images"]
    compared = {images.info.name: images, **request.beside}
    latents = {name: parts[f"latents, {name}"] for name in (WHITE, STANDARD, TABA)}
    tests = {WHITE: parts["loud noise"]["white"], LOUD: parts["loud noise"]["loud"]}
    tests |= {name: latents[name]["ks"] for name in (STANDARD, TABA)}
    ks, ids = np.stack(list(tests.values())), latent_indices(request)
    arrays = {
        **parts["filters"],
        **LAYOUT.stacked("pipeline", [parts[f"pipeline, {name}"] for name in compared]),
        **LAYOUT.stacked("latent_series", list(latents.values())),
        "ks_distance": ks[..., 0],
        "ks_pvalue": ks[..., 1],
    }
    coordinates = {
        "sample": images.names,
        "shown": images.names[: given.shown],
        "filter_score": ["s_hf", "s_lf"],
        "filter": list(FILTERS),
        "filter_cutoff": common.variable("filter_cutoff", list(CUTOFFS), "cutoff / Nyquist"),
        "filtered_picture": list(FILTERED),
        "pipeline": list(compared),
        "pipeline_title": ("pipeline", [one.info.title for one in compared.values()]),
        "pipeline_source": ("pipeline", [one.test.kind for one in compared.values()]),
        "structure": ("pipeline", [one.info.structure for one in compared.values()]),
        "view": ["source", "own target", "another target"],
        "stage": list(STAGES),
        "latent_series": list(latents),
        "latent_sample": [images.test.ids[index] for index in ids],
        "latent_sample_group": ("latent_sample", [images.test.clusters[index] for index in ids]),
        "ks_series": list(tests),
        "count": common.variable("count", counts(given.draws), "latents"),
        "grade": common.variable("grade", list(GRADES), "grade of the corruption"),
    }
    found = [_unpacked(scores), _unpacked(parts["scores of latents"]), LAYOUT.dataset(arrays, coordinates)]
    found += [_responses(kind, parts) for kind in CORRUPTIONS]
    found.append(readings.combine([part for name, part in parts.items() if name.startswith("readings,")]))
    result = xr.merge(found, combine_attrs="override")
    result.attrs = {
        **structure_of(request),
        "wavelet": str(scores["wavelet"]),
        "mean_log_energy": float(scores["mean_log_energy"]),
        "references": int(scores["references"]),
        "white_s_dc": metrics.white_noise_level(int(latents[WHITE]["shape"][0])),
        "dimension": int(latents[WHITE]["shape"].prod()),
    }
    return result


def structure_of(request: Given) -> dict[str, float | str]:
    """The settings of S_LF for the study's data set."""
    return {"cutoff": _cutoff(request.images), "structure": request.info.structure}


def latent_indices(request: Given) -> list[int]:
    """The test images whose sources are inverted: those of the study first, then more."""
    chosen, available = request.images.chosen, len(request.images.test)
    more = common.spread(available, min(request.parameters.latents * len(chosen), available))
    return list(dict.fromkeys((*chosen, *more)))


def white_noise(request: Given, count: int, seed: int = 0) -> torch.Tensor:
    """White noise in the shape of the latents."""
    return torch.randn((count, *request.encoded.shape[1:]), generator=torch.Generator().manual_seed(seed))


def latents_of(request: Given, series: str) -> torch.Tensor:
    """White noise, or the sources of `latent_indices` inverted by the standard method or by TABA.

    TABA replaces one step at least. The latents of the study's own images are those of the other studies.
    """
    steps, indices = request.parameters.num_steps, latent_indices(request)
    if series == WHITE:
        return white_noise(request, len(indices))
    method = inversion.Standard() if series == STANDARD else inversion.TABA(fraction=max(0.04, 1 / steps))
    latents = request.translated(method).latents
    further = indices[len(latents) :]
    if not further:
        return latents
    generator = torch.Generator().manual_seed(0)
    for latent in latents:  # the noise of all images is that of one batch
        torch.randn(method.draws(steps), *latent.shape, generator=generator)
    encoded = request.model.encode(request.images.test.stack(further).source)
    inverted = method.invert(request.model.denoiser, encoded, request.info.source_label, steps, generator)
    return torch.cat([latents, inverted.latent.float().cpu()])


def measured_latents(request: Given, series: str) -> Arrays:
    """Norms, S_DC and the Kolmogorov-Smirnov test of latents, and pictures of the first ones and of their flags."""
    latents, given = latents_of(request, series), request.parameters
    return flags(latents[: given.shown]) | {
        "latent_s_dc": metrics.s_dc(latents).numpy(),
        "norm": latents.double().square().mean((1, 2, 3)).numpy(),
        "ks": ks_tests(latents, counts(given.draws)),
        "shape": np.array(latents.shape[1:]),
    }


def loud_noise(request: Given) -> Arrays:
    """The test on many samples of white noise, and on the same ones 1 % too strong."""
    draws = request.parameters.draws
    noise = white_noise(request, draws, seed=2)
    return {"white": ks_tests(noise, counts(draws)), "loud": ks_tests(1.01 * noise, counts(draws))}


def counts(draws: int) -> list[int]:
    """How many latents the test is made with: powers of 2."""
    return [2**power for power in range(2, draws.bit_length())]


def ks_tests(latents: torch.Tensor, counts: Iterable[int]) -> np.ndarray:
    """Distance and p-value of the first latents, (counts, 2); NaN where there are fewer."""
    tests = [metrics.s_g(latents[:count])[1:] if count <= len(latents) else (np.nan, np.nan) for count in counts]
    return np.array(tests)


def flags(latents: torch.Tensor) -> Arrays:
    """Pictures of the first channel and of the flags, which have a grey border where no window fits."""
    channel = common.pictures((latents[:, :1] / 3).expand(-1, 3, -1, -1))
    masks, white = np.full_like(channel, 160), ~metrics.s_dc_mask(latents).numpy()
    border = (masks.shape[1] - white.shape[1]) // 2
    masks[:, border : border + white.shape[1], border : border + white.shape[2]] = 255 * white[..., None]
    return {"latent_image": channel, "flag_image": masks}


def scores_of_images(request: Given) -> Arrays:
    """All scores of images, of blurred targets, and what S_HF takes from training targets."""
    target, reference = request.pair.target, request.hf_reference
    scores = evaluate(
        "all",
        images=corruptions.IMAGES["blur"](target, 0.5),
        references=target,
        sources=request.pair.source,
        reference_set=_real(request),
        hf_reference=reference,
        weights=request.parameters.weights,
        device=request.device,
        **structure_of(request),
    )
    return _packed(scores) | {
        "wavelet": np.array(reference.wavelet),
        "mean_log_energy": np.float64(reference.mean_log_energy),
        "references": np.int64(reference.count),
    }


def filters(
    images: torch.Tensor, reference: metrics.HFReference, shown: int, cutoff: float, structure: Structure
) -> Arrays:
    """Figs. 11 and 12: images without their high or their low frequencies, and S_HF and S_LF of these."""
    low = {kappa: metrics.low_pass(images, kappa) for kappa in CUTOFFS}
    passed = {f"low-pass {kappa:g}": part.clamp(-1, 1) for kappa, part in low.items()}
    passed |= {f"high-pass {kappa:g}": (images - part).clamp(-1, 1) for kappa, part in low.items()}
    scores = [
        [metrics.s_hf(x, reference) for x in passed.values()],
        [metrics.s_lf(x, images, cutoff, structure) for x in passed.values()],
    ]
    values = np.array([[one.numpy() for one in row] for row in scores])
    columns = {"image": images} | passed
    return {
        "filtered": values.reshape(2, len(FILTERS), len(CUTOFFS), len(images)),
        "filtered_image": np.stack([common.pictures(columns[name][:shown]) for name in FILTERED]),
    }


def pipeline(images: Images) -> Arrays:
    """Fig. 13: what S_LF compares, step by step, of a source, its own target and the least similar other one."""
    pair, cutoff, structure = images.pair, _cutoff(images), images.info.structure
    similar = metrics.s_lf(pair.target, pair.source[:1].expand_as(pair.target), cutoff, structure)
    other = int(similar[1:].argmin()) + 1
    stages = structure_stages(torch.stack([pair.source[0], pair.target[0], pair.target[other]]), cutoff, structure)
    drawn = {name: common.pictures((2 * stage - 1).expand(-1, 3, -1, -1)) for name, stage in stages.items()}
    blank = np.zeros_like(drawn["image"])
    return {
        "pipeline_image": np.stack([drawn.get(stage, blank) for stage in STAGES], 1),
        "pipeline_s_lf": np.array([np.nan, float(similar[0]), float(similar[other])]),
    }


def structure_stages(images: torch.Tensor, cutoff: float, structure: Structure) -> dict[str, torch.Tensor]:
    """The stages of what S_LF compares, of a source and its counterparts, each (N, C or 1, H, W) in [0, 1].

    The last stage is the absolute difference from what is compared of the source.
    """
    views = [metrics.structure_view(x, cutoff, structure, fill=fill) for x, fill in _source_first(images)]
    compared, stages = torch.cat(views), {"image": (images + 1) / 2}
    if structure != "color":
        stages |= {"grey": grey(images), "mask": mask(images)}
    if structure == "silhouette":
        stages["silhouette"] = torch.cat([filled(x) if fill else x for x, fill in _source_first(stages["mask"])])
    return stages | {"compared": compared, "difference": (compared - compared[:1]).abs()}


def _source_first(images: torch.Tensor) -> list[tuple[torch.Tensor, bool]]:
    """The first image, a source, whose outlines are filled, and the others."""
    return [(images[:1], True), (images[1:], False)]


def responses(request: Given, kind: str, name: str) -> Arrays:
    """Every per-sample score at the grades of a corruption above 0, or of intact images and latents.

    `values` (score, grade, sample), why some are `missing`, and the `strength` at all grades.
    """
    target = request.pair.target
    batch = target if kind == "image" else white_noise(request, len(target))
    corruption = CORRUPTIONS[kind].get(name)
    damaged = [corruption(batch, grade) for grade in GRADES[1:]] if corruption else [batch]
    shared = {"device": request.device, "weights": request.parameters.weights}
    if kind == "image":
        given = {"references": target, "sources": target, "hf_reference": request.hf_reference, **structure_of(request)}
        found = [evaluate("all", images=x, **given, **shared) for x in damaged]
    else:
        found = [evaluate("all", latents=x, **shared) for x in damaged]
    scores = [str(score) for score, variable in found[0].items() if variable.dims == ("sample",)]
    strengths = [corruption.strength(grade, batch.shape[-2]) for grade in GRADES] if corruption else []
    return {
        "scores": np.array(scores),
        "missing": np.array([found[0][score].attrs.get("missing", "") for score in scores]),
        "values": np.array([[one[score].to_numpy() for one in found] for score in scores]),
        "strength": np.array(strengths),
    }


def _responses(kind: str, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """The parts of `responses`; what is intact is grade 0 of every corruption."""
    intact, found = parts[f"{kind}, intact"], [parts[f"{kind}, {name}"] for name in CORRUPTIONS[kind]]
    score, corruption = f"{kind}_score", f"{kind}_corruption"
    rows = {
        f"{kind}_response": (f"{score} {corruption} grade sample", "score of a corrupted sample", "of the score"),
        f"{kind}_strength": (f"{corruption} grade", "strength of the corruption", "of the corruption"),
    }
    arrays = {
        f"{kind}_response": np.stack([np.concatenate([intact["values"], part["values"]], 1) for part in found], 1),
        f"{kind}_strength": np.stack([part["strength"] for part in found]),
    }
    coordinates = {
        score: intact["scores"],
        f"{kind}_missing": (score, intact["missing"]),
        corruption: list(CORRUPTIONS[kind]),
    }
    return Layout(**rows).dataset(arrays, coordinates)


def _first(compared: Iterable[Images], *structures: Structure) -> Images:
    for images in compared:
        if images.info.structure in structures:
            return images
    raise InvalidParameterError(
        "beside must name data sets such that S_LF compares the colours of one and drawings of another, as it does by "
        "default"
    )


def _cutoff(images: Images) -> float:
    return images.info.structure_cutoff(images.test.size)


def _real(request: Given) -> torch.Tensor:
    return common.real_targets(request.images.train, request.parameters.reference)


def _packed(scores: xr.Dataset) -> Arrays:
    """Scores with all that `evaluate` says of them, as an array."""
    return {"scores": np.array(json.dumps(scores.drop_vars("sample").to_dict()))}


def _unpacked(part: Arrays) -> xr.Dataset:
    return xr.Dataset.from_dict(json.loads(str(part["scores"])))


STUDY = Study(
    "scores",
    "Which damage does each score see, which does it miss, and which scores say the same?",
    ScoreParameters,
    jobs,
    combine,
    uses=lambda request: metrics.SCORES.values(),
    made={"latent_image": {}, "flag_image": {}},
)
