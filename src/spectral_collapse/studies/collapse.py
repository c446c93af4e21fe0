"""Spectral collapse itself: spectra of images and latents before, in and after standard inversion.

Three answers, all of them averages over test images: the radial power spectra of the source, the
target and what standard inversion and sampling make of the source (Spectral Collapse in Diffusion
Inversion, Sec. 4 and Fig. 1); the spectra of the latents beside white noise's; and what a perfect
network would give, by the closed form for Gaussian data.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import xarray as xr

from spectral_collapse import inversion, metrics
from spectral_collapse.datasets import TARGET
from spectral_collapse.denoisers import GaussianDenoiser
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.processes import Process, VariancePreserving
from spectral_collapse.studies import common, front
from spectral_collapse.studies.setting import Setting
from spectral_collapse.translation import translate

STUDY = "collapse"

_CODE = ("metrics.radial_spectrum", "metrics.s_dc", "studies.collapse", "translation")


def run(
    dataset: str = "photos_x8",
    profile: str = "quick",
    checkpoint: str | Path | Model | None = None,
    source: Literal["auto", "real", "rendered"] = "auto",
    root: str | Path | None = None,
) -> xr.Dataset:
    """Spectra and pictures of standard inversion; from the store where these parameters were run before.

    Args:
        dataset: a name of `datasets.DATASETS`.
        profile: 'smoke', 'quick' or 'paper'.
        checkpoint: name or folder of a network, or a loaded Model; without it the one shipped for
            this family of data sets.
        source, root: as in `datasets.load`.

    Returns:
        The result, also stored (`results`). `image_power` (image_series, sample, image_frequency):
        source, target and output. `latent_power` (latent_series, sample, latent_frequency), white
        noise has 1 everywhere: drawn white noise, the inverted sources, the sources inverted with
        the optimal denoiser of Gaussian data that has the mean and the spectrum of this data set's
        encoded training sources, and the inverted targets (under their own label). `latent_variance`
        (latent_series, sample): mean square of a latent, `latent_s_dc` its S_DC. Pictures of the first `shown` samples.

    Raises:
        InvalidParameterError, DataError, CheckpointError, NotFiniteError: one sentence each.
    """
    given = Setting.load(dataset, profile, checkpoint, source, root, _CODE)
    given.parameters["guidance"] = given.info.guidance
    stored = given.stored(STUDY)
    if stored is not None:
        return stored

    started = time.perf_counter()
    model, info, size, encoded = given.model, given.info, given.size, given.encoded
    standard = inversion.create("standard")
    translation = translate(
        model, standard, given.pair.source, info.source_label, num_steps=size.num_steps, guidance=info.guidance
    )
    perfect = gaussian_denoiser(model.denoiser.process, given.training_sources(size.reference), info.source_label)
    encoded_target = model.encode(given.pair.target)
    latents = {
        "white noise": torch.randn(encoded.shape, generator=torch.Generator().manual_seed(0)),
        "source, network": translation.latents,
        "source, closed form": standard.invert(perfect, encoded, info.source_label, size.num_steps).latent,
        "target, network": standard.invert(model.denoiser, encoded_target, TARGET, size.num_steps).latent,
    }
    images = {"source": given.pair.source, "target": given.pair.target, "output": translation.images}
    result = _dataset(images, latents, given.names, size.shown)
    return given.save(STUDY, result, time.perf_counter() - started)


def verdict(study: xr.Dataset) -> str:
    """What the numbers say, as a Markdown list, with 95 % bootstrap intervals over images.

    'High' frequencies are those above half the Nyquist frequency, of latents and of images alike.
    """
    latents = _high(study["latent_power"], "latent_frequency")
    network, perfect, target = (
        front.bootstrap_mean(latents.sel(latent_series=series).to_numpy())
        for series in ("source, network", "source, closed form", "target, network")
    )
    images = np.log(_high(study["image_power"], "image_frequency"))
    missing = images.sel(image_series="output") - images.sel(image_series="target")
    decorrelated = {
        series: common.text(front.bootstrap_mean(study["latent_s_dc"].sel(latent_series=series).to_numpy()))
        for series in study["latent_series"].to_numpy()
    }
    ratio = front.Interval(*np.exp(front.bootstrap_mean(missing.to_numpy())))
    return (
        f"- **Is the latent white?** The mean power of the latents at high frequencies, 1 for white noise, is "
        f"{common.text(network)} for sources inverted with our network and {common.text(target)} for targets. A "
        f"perfect network would give {common.text(perfect)} for Gaussian data with the spectrum of these sources.\n"
        f"- **Are its places independent?** S_DC, the share of places whose neighbours differ as in white noise, is "
        f"{decorrelated['white noise']} for drawn noise, {decorrelated['source, network']} for sources inverted with "
        f"our network, {decorrelated['source, closed form']} for the same with the perfect network of their spectrum, "
        f"and {decorrelated['target, network']} for targets.\n"
        f"- **Is texture missing in the output?** At high frequencies the outputs have {common.text(ratio)} times the "
        f"power of the true targets (geometric mean)."
    )


def _high(power: xr.DataArray, frequency: str) -> xr.DataArray:
    return power.where(power[frequency] > 0.25, drop=True).mean(frequency)


def gaussian_denoiser(process: Process, encoded: torch.Tensor, label: int) -> GaussianDenoiser:
    """The optimal denoiser of Gaussian data with the mean and the spectrum of encoded images, N x C x H x W.

    One spectrum for all channels (their average) and one mean per channel. It knows one domain, `label`.
    """
    mean = encoded.mean((0, 2, 3), keepdim=True)[0]
    spectrum = torch.fft.fft2((encoded - mean).double(), norm="ortho").abs().square().mean((0, 1))
    return GaussianDenoiser(process, {label: spectrum}, {label: mean})


def closed_form(num_steps: tuple[int, ...] = (50, 500), size: int = 64) -> xr.Dataset:
    """The variance of an inverted latent against the variance S of the data, per frequency.

    DDIM inversion with the optimal noise predictor of Gaussian data is linear in each frequency. Its
    limit of many steps is S / (S + s_0^2), s_0 = sigma / alpha at the level where the image enters;
    beside it stands what the inversion gives in `num_steps` steps, measured on one image whose
    coefficients have exactly the variances S, so that nothing is random here.

    Returns:
        Dims num_steps and variance (S from 1e-6 to 10, one per distinct frequency of the diagonal of
        a size x size image): `measured` (num_steps, variance), `limit` (variance); attr `entry`, s_0^2.
    """
    process = VariancePreserving()
    axis = torch.fft.fftfreq(size, dtype=torch.float64).abs() * 2
    # sum of both axes: symmetric under f -> -f, and every value of it appears on the diagonal
    position = (axis[:, None] + axis[None, :]) / 2
    spectrum = 10 ** (1 - 7 * position)
    image = torch.fft.ifft2(spectrum.sqrt(), norm="ortho").real[None, None]
    denoiser = GaussianDenoiser(process, {0: spectrum})
    standard = inversion.create("standard")
    diagonal = torch.arange(size // 2, -1, -1)
    measured = []
    for steps in num_steps:
        latent = standard.invert(denoiser, image, 0, steps).latent[0, 0]
        power = torch.fft.fft2(latent, norm="ortho").abs().square()
        measured.append(power[diagonal, diagonal].numpy())
    variance = spectrum[diagonal, diagonal].numpy()
    entry_level = process.levels(1)[0]
    entry = (entry_level.sigma / entry_level.alpha) ** 2
    one = {"units": "1"}
    return xr.Dataset(
        {
            "measured": (("num_steps", "variance"), np.stack(measured), {"long_name": "variance of the latent", **one}),
            "limit": ("variance", variance / (variance + entry), {"long_name": "S / (S + s_0^2)", **one}),
        },
        {
            "num_steps": ("num_steps", list(num_steps), {"long_name": "inversion steps", **one}),
            "variance": ("variance", variance, {"long_name": "variance S of the data at a frequency", **one}),
        },
        {"entry": entry},
    )


def _dataset(
    images: dict[str, torch.Tensor], latents: dict[str, torch.Tensor], names: list[str], shown: int
) -> xr.Dataset:
    image_frequency, image_power = common.spectra(images)
    latent_frequency, latent_power = common.spectra(latents)
    power = {"long_name": "power per coefficient", "units": "1"}
    frequency = {"long_name": "spatial frequency", "units": "cycles per pixel"}
    decorrelation = np.stack([metrics.s_dc(series).numpy() for series in latents.values()])
    variance = np.stack([series.square().mean((1, 2, 3)).numpy() for series in latents.values()])
    pictures = np.stack([common.pictures(series[:shown]) for series in images.values()])
    return xr.Dataset(
        {
            "image_power": (("image_series", "sample", "image_frequency"), image_power, power),
            "latent_power": (("latent_series", "sample", "latent_frequency"), latent_power, power),
            "latent_variance": (
                ("latent_series", "sample"),
                variance,
                {"long_name": "mean square of a latent", "units": "1"},
            ),
            "latent_s_dc": (
                ("latent_series", "sample"),
                decorrelation,
                {"long_name": "decorrelation of a latent S_DC", "units": "1"},
            ),
            "image": (
                ("image_series", "shown", *common.PIXELS),
                pictures,
                {"long_name": "picture", "units": "1"},
            ),
        },
        {
            "image_series": list(images),
            "latent_series": list(latents),
            "sample": names,
            "shown": names[:shown],
            "image_frequency": ("image_frequency", image_frequency, frequency),
            "latent_frequency": ("latent_frequency", latent_frequency, frequency),
        },
    )
