"""Spectral collapse itself: spectra of images and latents before, in and after standard inversion.

Three answers, all of them averages over test images: the radial power spectra of the source, the
target and what standard inversion and sampling make of the source (Spectral Collapse in Diffusion
Inversion, Sec. 4 and Fig. 1); the spectra of the latents beside white noise's; and what a perfect
network would give, by the closed form for Gaussian data.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import xarray as xr

from spectral_collapse import inversion, metrics
from spectral_collapse.denoisers import GaussianDenoiser, gaussian_denoiser
from spectral_collapse.executors import Arrays
from spectral_collapse.labels import TARGET
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.studies import common
from spectral_collapse.studies.parameters import NetworkParameters
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

IMAGES = ("source", "target", "output")
"""Series of pictures; the output is the source inverted by the standard method and sampled as a target."""
LATENTS = ("white noise", "source, network", "source, closed form", "target, network")
"""Series of latents: drawn noise, the sources inverted with the network and with the optimal denoiser of Gaussian
data that has the mean and the spectrum of encoded training sources, and the targets under their own label."""


def jobs(request: Request[NetworkParameters]) -> Mapping[str, Job]:
    """A job per inversion; each measures its latents and what it shows."""
    given, standard = request.parameters, inversion.create("standard")

    def noise() -> Arrays:
        return _latents(torch.randn(request.encoded.shape, generator=torch.Generator().manual_seed(0)))

    def network() -> Arrays:
        found = request.translated(standard)
        images = {"source": request.pair.source, "target": request.pair.target, "output": found.images}
        frequency, power = common.spectra(images)
        pictures = np.stack([common.pictures(images[name][: given.shown]) for name in IMAGES])
        return _latents(found.latents) | {"image_power": power, "image_frequency": frequency, "image": pictures}

    def closed() -> Arrays:
        label, sources = request.info.source_label, request.training_sources(given.reference)
        perfect = gaussian_denoiser(request.model.denoiser.process, sources, label)
        return _latents(standard.invert(perfect, request.encoded, label, given.num_steps).latent)

    def target() -> Arrays:
        encoded = request.model.encode(request.pair.target)
        return _latents(standard.invert(request.model.denoiser, encoded, TARGET, given.num_steps).latent)

    return dict(zip(LATENTS, (noise, network, closed, target), strict=True))


def combine(request: Request[NetworkParameters], parts: Mapping[str, Arrays]) -> xr.Dataset:
    """`image_power` (image_series, sample, image_frequency); `latent_power` (latent_series, sample,
    latent_frequency), 1 everywhere for white noise; `latent_variance` (latent_series, sample), the mean square of
    a latent, and `latent_s_dc`, its S_DC; `image` (image_series, shown, row, col, rgb), bytes."""
    latents, images = [parts[name] for name in LATENTS], parts["source, network"]
    names = request.images.names
    power = {"long_name": "power per coefficient", "units": "1"}
    frequency = {"long_name": "spatial frequency", "units": "cycles per pixel"}
    along = ("latent_series", "sample")

    def gathered(
        name: str, dims: tuple[str, ...], long_name: str
    ) -> tuple[tuple[str, ...], np.ndarray, dict[str, str]]:
        return dims, np.stack([part[name] for part in latents]), {"long_name": long_name, "units": "1"}

    return xr.Dataset(
        {
            "image_power": (("image_series", "sample", "image_frequency"), images["image_power"], power),
            "latent_power": gathered("power", (*along, "latent_frequency"), "power per coefficient"),
            "latent_variance": gathered("variance", along, "mean square of a latent"),
            "latent_s_dc": gathered("s_dc", along, "decorrelation of a latent S_DC"),
            "image": (
                ("image_series", "shown", *common.PIXELS),
                images["image"],
                {"long_name": "picture", "units": "1"},
            ),
        },
        {
            "image_series": list(IMAGES),
            "latent_series": list(LATENTS),
            "sample": names,
            "shown": names[: request.parameters.shown],
            "image_frequency": ("image_frequency", images["image_frequency"], frequency),
            "latent_frequency": ("latent_frequency", latents[0]["frequency"], frequency),
        },
    )


def _latents(latents: torch.Tensor) -> Arrays:
    frequency, power = common.spectra({"": latents})
    return {
        "frequency": frequency,
        "power": power[0],
        "variance": latents.square().mean((1, 2, 3)).numpy(),
        "s_dc": metrics.s_dc(latents).numpy(),
    }


STUDY = Study(
    "collapse",
    "What does standard inversion do to the spectrum?",
    NetworkParameters,
    jobs,
    combine,
    uses=lambda request: [inversion.create("standard")],
)


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
    entry = process.levels(1)[0].ratio ** 2
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
