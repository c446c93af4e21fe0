"""Where a latent is not white: its smooth patches, its correlations, and the distance that they reach.

After Fig. 8 of Spectral Collapse in Diffusion Inversion (S_DC and S_G) and Figs. 2 and 5 of There and Back Again
(correlations inside 8 x 8 patches, patterns of the image in the latent). Each series of `studies.latents` is one job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pydantic
import xarray as xr
from pydantic import Field

from spectral_collapse import metrics, statistics
from spectral_collapse.executors import Arrays
from spectral_collapse.later import F, torch
from spectral_collapse.metrics.autocorrelation import autocorrelation
from spectral_collapse.metrics.plain_error import plain_places
from spectral_collapse.studies import common, latents
from spectral_collapse.studies.latents import LatentParameters
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.parameters import Count
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

PATCH = 5
"""Side of S_DC's window where no other is named."""
PATCHES = (3, 5, 7, 9)
CHANNELS = (1, 2, 3, 4, 5, 6)
"""What S_DC is calibrated for; with more, white noise is hardly ever flagged."""
SMALLEST = 3
"""Latents that a correlation over latents needs."""
AREAS = ("none", "up to half", "more than half", "all")
"""How much of a window lies over plain areas of the source."""
LAYOUT = Layout(
    s_dc=("series patch sample", "decorrelation S_DC"),
    s_g=("series", "Gaussianity S_G"),
    s_g_left_out=("series block", "S_G without a block"),
    patch_correlation=("series", "mean of the 20 largest |r| inside patches of 8 x 8"),
    patch_correlation_left_out=("series block", "mean of the 20 largest |r| without a block"),
    autocorrelation=("series sample distance", "autocorrelation", "1", 12),
    flagged_share=("series window_row window_col", "share of latents in which a window is flagged"),
    flagged_over=("series area sample", "share of windows that are flagged"),
    latent=("series shown latent_row latent_col", "first channel of the latent", "1", 8),
    flagged=("series shown window_row window_col", "whether the window is flagged"),
    source_image=("shown row col rgb", "source"),
    plain_place=("shown place_row place_col", "plain area"),
    windows=("area sample", "share of windows"),
    white_s_dc=("channels patch sample", "S_DC of white noise"),
)


class DecorrelationParameters(LatentParameters):
    """Test images of one data set, a network, the methods that invert them, and pictures of a few."""

    images: Count | None = Field(None, ge=SMALLEST, description="test images, from as many pictures as possible")
    shown: Count = Field(2, ge=1, description="how many of the images are stored as pictures")
    _with_standard = pydantic.field_validator("methods")(latents.with_standard)


Given = Request[DecorrelationParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per series of latents, one for the sources, and one for white noise of several numbers of channels."""
    return {
        **{name: partial(measured, request, name) for name in latents.series(request)},
        "sources": partial(sources, request),
        "calibration": partial(calibration, request),
    }


def measured(request: Given, name: str) -> Arrays:
    """What the latents of a series are like; `combine` says what each array is."""
    found, clusters = latents.latents(request, name), request.images.clusters
    flagged = metrics.s_dc_mask(found, patch=PATCH)
    areas = [(over & flagged).sum((1, 2)) / over.sum((1, 2)) for over in windows_over_plain(request)]
    return {
        "s_dc": torch.stack([metrics.s_dc(found, patch=patch) for patch in PATCHES]).numpy(),
        "autocorrelation": autocorrelation(found).numpy(),
        "flagged_share": flagged.double().mean(0).numpy(),
        "flagged_over": torch.stack(areas).numpy(),
        "latent": found[request.shown, 0].numpy(),
        "flagged": flagged[request.shown].numpy(),
        **_with_left_out("s_g", lambda x: metrics.s_g(x).score, found, clusters),
        **_with_left_out("patch_correlation", metrics.patch_correlation, found, clusters),
    }


def windows_over_plain(request: Given) -> torch.Tensor:
    """Which of S_DC's windows have this much of `AREAS` over plain areas of the source: (4, N, H - 4, W - 4)."""
    places = plain_places(request.pair.source, request.encoded.shape[-1])
    share = F.avg_pool2d(places[:, None].double(), PATCH - 1, 1)[:, 0]
    # a window of 5 x 5 holds 16 places: their shares are exact
    return torch.stack([share == 0, (share > 0) & (share <= 0.5), (share > 0.5) & (share < 1), share == 1])


def sources(request: Given) -> Arrays:
    """Pictures of the sources, and how the windows lie over their plain areas."""
    over = windows_over_plain(request)
    return {
        "source_image": common.pictures(request.pair.source[request.shown]),
        "plain_place": plain_places(request.pair.source, request.encoded.shape[-1])[request.shown].numpy(),
        "windows": over.double().mean((2, 3)).numpy(),
    }


def calibration(request: Given) -> Arrays:
    """S_DC of white noise of each number of channels, as many as there are images, (channels, patches, N)."""
    count, _, height, width = request.encoded.shape
    generator = torch.Generator().manual_seed(1)
    noise = (torch.randn((count, channels, height, width), generator=generator) for channels in CHANNELS)
    values = [torch.stack([metrics.s_dc(x, patch=patch) for patch in PATCHES]) for x in noise]
    return {"white_s_dc": torch.stack(values).numpy()}


def _with_left_out(
    name: str, score: Callable[[torch.Tensor], float], found: torch.Tensor, clusters: list[str]
) -> Arrays:
    """A score of the set, and of the sets without a block of what is independent; of none where too few are left."""
    kept = statistics.without_blocks(clusters)
    kept = kept if all(len(rows) >= SMALLEST for rows in kept) else []
    return {name: np.array(score(found)), f"{name}_left_out": np.array([score(found[rows]) for rows in kept])}


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """The variables of a result.

    `_left_out`: a score of what is left without a block of independent images. `flagged_over`: the flagged share of an
    image's windows that lie over plain areas of the source with this much of themselves, NaN where there are none;
    `windows`: the share of such windows. `latent`: its first channel. `white_s_dc`: random white noise in place of each
    image.
    """
    names, ids = latents.series(request), request.images.names
    arrays = LAYOUT.stacked("series", [parts[name] for name in names]) | parts["sources"] | parts["calibration"]
    reach = np.arange(1, arrays["autocorrelation"].shape[-1] + 1)
    coordinates = {
        "series": names,
        "sample": ids,
        "shown": [ids[index] for index in request.shown],
        "patch": common.variable("patch", list(PATCHES), "side of the window", "latent pixel"),
        "distance": common.variable("distance", reach, "distance", "latent pixel"),
        "area": list(AREAS),
        "channels": common.variable("channels", list(CHANNELS), "channels"),
    }
    return LAYOUT.dataset(arrays, coordinates, {"latent_channels": request.encoded.shape[1]})


STUDY = Study(
    "decorrelation",
    "Where is a latent not white?",
    DecorrelationParameters,
    jobs,
    combine,
    uses=latents.uses,
    made={"latent": {}, "flagged": {}, "flagged_share": {}},
)
