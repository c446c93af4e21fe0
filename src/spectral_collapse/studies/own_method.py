"""A first look at a method of one's own: its latents on the photos, beside other methods'.

Nothing is stored: the store's keys name the code that computed a result, and they cannot name a class
that is written in a notebook.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr

from spectral_collapse import datasets, inversion, metrics
from spectral_collapse.networks.checkpoints import load_model
from spectral_collapse.studies import common, front
from spectral_collapse.studies.profiles import profile as profile_named

DATASET = "photos_x8"
WHITE = "white noise"


def compare(methods: Sequence[str], profile: str = "quick") -> xr.Dataset:
    """Latents of the photos' test sources, inverted with the shipped network, and white noise as it should be.

    Args:
        methods: names of `inversion.METHODS`, at their defaults; stochastic ones draw from the seed 0.
        profile: 'smoke' or 'quick'; there is no shipped network for the size of 'paper'.

    Returns:
        `power` (series, sample, frequency), 1 everywhere for white noise, and `s_dc` (series, sample);
        the first series is 'white noise', the others the methods.

    Raises InvalidParameterError and NotFiniteError as `create` and `invert` do, CheckpointError at another size.
    """
    info, size = datasets.info(DATASET), profile_named(profile)
    model, test = load_model(info.family), datasets.load(DATASET, "test", size.size)
    common.check_model(model, info, size.size)
    chosen = common.spread(len(test), min(size.images, len(test)))
    encoded = model.encode(test.stack(chosen).source)

    def latents(name: str) -> torch.Tensor:
        method, generator = inversion.create(name), torch.Generator().manual_seed(0)
        return method.invert(model.denoiser, encoded, info.source_label, size.num_steps, generator).latent

    series = {WHITE: torch.randn(encoded.shape, generator=torch.Generator().manual_seed(0))}
    series |= {name: latents(name) for name in methods}
    frequency, power = common.spectra(series)
    s_dc = np.stack([metrics.s_dc(one).numpy() for one in series.values()])
    return xr.Dataset(
        {
            "power": (("series", "sample", "frequency"), power, {"long_name": "power per coefficient", "units": "1"}),
            "s_dc": (("series", "sample"), s_dc, {"long_name": "decorrelation of the latent S_DC", "units": "1"}),
        },
        {
            "series": list(series),
            "sample": [test.ids[index] for index in chosen],
            "frequency": ("frequency", frequency, {"long_name": "spatial frequency", "units": "cycles per pixel"}),
        },
        {"title": info.title, "data_source": test.kind, "origin": test.origin, "checkpoint_hash": model.hash},
    )


def verdict(study: xr.Dataset) -> str:
    """Power above half the Nyquist frequency and S_DC of each method, with 95 % bootstrap intervals over images."""
    high = study["power"].where(study["frequency"] > 0.25, drop=True).mean("frequency")
    lines = [
        f"- **{name}**: power at high frequencies "
        f"{common.text(front.bootstrap_mean(high.sel(series=name).to_numpy()))}, $S_{{DC}}$ "
        f"{common.text(front.bootstrap_mean(study['s_dc'].sel(series=name).to_numpy()))}"
        for name in study["series"].to_numpy()
    ]
    images = f"{study.sizes['sample']} {study.attrs['data_source']} test images"
    return "\n".join([*lines, "", f"Means over {images} with 95 % bootstrap intervals; one draw."])
