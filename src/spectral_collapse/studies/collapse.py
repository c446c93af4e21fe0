"""Spectral collapse itself: images, latents and their spectra before, in and after inversion.

Three answers: pictures of the source, of what the standard inversion and the papers' cures make of it, and of the
target, with the high-frequency energy of each; their radial power spectra, averages over test images (Spectral
Collapse in Diffusion Inversion, Sec. 4 and Fig. 1); and the spectra of the latents beside white noise's.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import xarray as xr

from spectral_collapse import metrics
from spectral_collapse.executors import Arrays
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.labels import TARGET
from spectral_collapse.later import torch
from spectral_collapse.studies import common, latents, published
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.parameters import NetworkParameters
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

OUTPUTS = {
    "standard": "standard",
    "DPM-Solver++": "dpm_solver",
    "cycle diffusion": "cycle_diffusion",
    "TABA": "taba",
    "OVG": "ovg",
}
"""Series of sources inverted and sampled as targets, and their methods: the standard one and those that may mend it."""
IMAGES = ("source", *OUTPUTS, "target")
"""Series of pictures."""
LATENTS = {
    "white noise": "white noise",
    "source, network": "standard",
    "source, DPM-Solver++": "DPM-Solver++",
    "source, TABA": "TABA",
    "source, OVG": "OVG",
    "source, closed form": "closed form",
    "target, network": "inverted target",
}
"""Series of latents and the jobs that make them: random noise; the sources inverted with the network by each method,
and with the optimal denoiser of Gaussian data that has the mean and the spectrum of encoded training sources; and the
targets under their own label."""


class CollapseParameters(NetworkParameters):
    """Test images of one data set and a network to invert them with."""


Given = Request[CollapseParameters]

LAYOUT = Layout(
    image_power=("image_series sample image_frequency", "power per coefficient"),
    image_excess=("image_series sample", "log high-frequency energy over the usual of training targets"),
    image=("image_series shown row col rgb", "picture"),
    latent_power=("latent_series sample latent_frequency", "power per coefficient"),
    latent_colour=("latent_series sample", "power of a latent's mean colour, 1 in white noise"),
    latent_s_dc=("latent_series sample", "decorrelation of a latent S_DC"),
)


def methods(request: Given) -> dict[str, InversionMethod]:
    """The methods of `OUTPUTS`, TABA and OVG with the papers' settings."""
    return {name: published.method(request, method) for name, method in OUTPUTS.items()}


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per inversion and per set of images."""
    given, known = request.parameters, methods(request)

    def output(name: str) -> Arrays:
        found = request.translated(known[name])
        return _latents(found.latents) | _images(request, found.images)

    def target() -> Arrays:
        encoded = request.model.encode(request.pair.target)
        return _latents(known["standard"].invert(request.model.denoiser, encoded, TARGET, given.num_steps).latent)

    return {
        "white noise": lambda: _latents(latents.white_noise(request)),
        "source": lambda: _images(request, request.pair.source),
        "target": lambda: _images(request, request.pair.target),
        **{name: functools.partial(output, name) for name in OUTPUTS},
        "closed form": lambda: _latents(latents.closed_form(request)),
        "inverted target": target,
    }


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """Pictures and their spectra along `image_series`, latents and theirs along `latent_series`, 1 everywhere for white
    noise."""
    names, images = request.images.names, [parts[name] for name in IMAGES]
    latents = [parts[job] for job in LATENTS.values()]
    coordinates = {
        "image_series": list(IMAGES),
        "latent_series": list(LATENTS),
        "sample": names,
        "shown": [names[index] for index in request.shown],
        **{
            name: common.frequencies(made[0][name], name)
            for name, made in (("image_frequency", images), ("latent_frequency", latents))
        },
    }
    arrays = LAYOUT.stacked("image_series", images) | LAYOUT.stacked("latent_series", latents)
    return LAYOUT.dataset(arrays | {"image": np.stack([part["image_pictures"] for part in images])}, coordinates)


def _images(request: Given, images: torch.Tensor) -> Arrays:
    frequency, power = common.spectra({"": images})
    return {
        "image_frequency": frequency,
        "image_power": power[0],
        "image_excess": metrics.hf_excess(images, request.hf_reference).numpy(),
        "image_pictures": common.pictures(images[request.shown]),
    }


def _latents(found: torch.Tensor) -> Arrays:
    found = found.cpu()
    frequency, power = common.spectra({"": found})
    return {
        "latent_frequency": frequency,
        "latent_power": power[0],
        "latent_colour": (found.mean((2, 3)).square().mean(1) * found[0, 0].numel()).numpy(),
        "latent_s_dc": metrics.s_dc(found).numpy(),
    }


STUDY = Study(
    "collapse",
    "What does standard inversion do to the spectrum?",
    CollapseParameters,
    jobs,
    combine,
    uses=lambda request: methods(request).values(),
    made={"image": {"image_series": list(OUTPUTS)}},
)
