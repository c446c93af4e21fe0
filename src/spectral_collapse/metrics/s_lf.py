"""S_LF: whether an image keeps the coarse structure of its source."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from scipy import ndimage

from spectral_collapse.checks import check_name, check_number
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.ranges import check_images, check_latents, check_pair, pieces, rescale
from spectral_collapse.metrics.ssim import check_window, ssim

Structure = Literal["color", "silhouette", "edges"]

WHITE = 0.95
"""Grey level, on 0..1, from which a pixel is background: photos on white are white up to JPEG noise."""

LUMA = (0.299, 0.587, 0.114)
"""Rec. 601 weights of red, green and blue."""


def s_lf(images: torch.Tensor, sources: torch.Tensor, cutoff: float, structure: Structure = "color") -> torch.Tensor:
    r"""Low-frequency fidelity per sample, (N,) float64, of images to their sources, both (N, C, H, W) in [-1, 1].

    With the Fourier transform F and the disc of the frequencies f up to kappa times the Nyquist frequency 1/2,

    .. math::

        L_\kappa(x) = F^{-1}\big(1_{\lvert f \rvert \le \kappa / 2} \, F x\big), \qquad
        S_{LF}(x, s) = \operatorname{SSIM}\big(L_\kappa(x), L_\kappa(s)\big).

    SSIM of the two `structure_view`s, averaged over channels, Eq. (41)-(44) of 'Spectral Collapse';
    an image against itself scores 1, but for a drawing with structure 'silhouette': there the source's
    outlines are filled and the image's are not. See `structure_view` for cutoff and structure.

    Raises InvalidParameterError (range, shapes, cutoff, structure, under 11 px), DataError (no
    images), NotFiniteError.
    """
    images, sources = check_pair("S_LF", images, sources, "sources")
    check_window("S_LF", images)
    views = (
        (structure_view(x, cutoff, structure), structure_view(s, cutoff, structure, fill=True))
        for x, s in pieces(images, sources)
    )
    return torch.cat([ssim(2 * x - 1, 2 * s - 1) for x, s in views])


def structure_view(
    images: torch.Tensor, cutoff: float, structure: Structure = "color", *, fill: bool = False
) -> torch.Tensor:
    """What S_LF compares: images (N, C, H, W) in [-1, 1] -> (N, C, H, W), or (N, 1, H, W) for drawings, in [0, 1].

    cutoff: kappa of Eq. (41), as a fraction of the Nyquist frequency; it has no default, because the
    paper's 0.06 means 7.7 cycles per image at 256 px and something else at any other size.

    structure 'color': the low-passed channels, the overshoots of an ideal filter clipped.

    structure 'silhouette', for drawings: the low-passed mask of what is not white. With fill, as S_LF
    has it for sources, also what outlines enclose, with gaps of a 32nd of the height closed. A drawing
    says where the object is, and a photo has the object there. On 100 real drawings and photos of shoes
    at 64 px, S_LF is 0.84 for a drawing's own photo and 0.39 for the drawing itself, and finds the own
    photo among ten in 100 of 100 cases (at 128 px 0.91, 0.37 and 99).

    structure 'edges', the paper's rule for drawings: outlines. Appendix B.5 has grey conversion, 'mask on
    the non-white pixels', low-pass, and further down 'thresholded low-passed images', without levels.
    Read here: (1) grey; (2) the mask of what is not white, grey < WHITE; (3) low-pass; (4) 1 where the
    result exceeds cutoff / 2, half of what a straight line one pixel wide reaches, so that every line
    stays at every size and cutoff. It compares a filled photo with an outline: on the same 100 pairs it
    gives the own photo 0.39, the drawing itself 1, and finds the photo in 62 cases.

    Raises as `s_lf` does.
    """
    images = check_images("S_LF", images)
    check_name("structure", structure, get_args(Structure))
    if structure == "color":
        return low_pass(rescale(images, 1.0), cutoff).clamp(0, 1)
    found = mask(images)
    if structure == "edges":
        return (low_pass(found, cutoff) > cutoff / 2).to(images.dtype)
    return low_pass(filled(found) if fill else found, cutoff).clamp(0, 1)


def filled(masks: torch.Tensor) -> torch.Tensor:
    """Masks (N, 1, H, W) of 0 and 1 with what their lines enclose, gaps of up to a 32nd of the height closed."""
    across = max(1, masks.shape[-2] // 64)
    square = np.ones((2 * across + 1, 2 * across + 1), bool)
    found = []
    for lines in masks[:, 0].cpu().numpy() > 0:
        wide = ndimage.binary_dilation(np.pad(lines, 2 * across), square)
        closed = ndimage.binary_erosion(ndimage.binary_fill_holes(wide), square)
        found.append(closed[2 * across : -2 * across, 2 * across : -2 * across] | lines)
    return torch.from_numpy(np.stack(found)[:, None]).to(masks)


def mask(images: torch.Tensor) -> torch.Tensor:
    """1 where images (N, 1 or 3, H, W) in [-1, 1] are not white, else 0, (N, 1, H, W)."""
    return (grey(images) < WHITE).to(images.dtype)


def low_pass(images: torch.Tensor, cutoff: float) -> torch.Tensor:
    """Images (N, C, H, W) of any range without the frequencies above `cutoff` x Nyquist, Eq. (41)-(42).

    Raises InvalidParameterError for a cutoff outside (0, 1], or one so low that only the mean is left, and
    as `check_latents` does.
    """
    images = check_latents("low-pass filter", images, "images")
    check_cutoff(cutoff)
    height, width = images.shape[-2:]
    if cutoff * max(height, width) < 2:
        raise InvalidParameterError(
            f"cutoff {cutoff:g} leaves only the mean of a {height} x {width} image; "
            f"use {2 / max(height, width):g} or more"
        )
    down = torch.fft.fftfreq(height, dtype=torch.float64, device=images.device)
    across = torch.fft.rfftfreq(width, dtype=torch.float64, device=images.device)
    keep = torch.hypot(down[:, None], across) <= cutoff / 2 + 1e-9  # a frequency on the circle is kept on any device
    return torch.fft.irfft2(torch.fft.rfft2(images) * keep.to(images.dtype), s=(height, width))


def check_cutoff(cutoff: object) -> None:
    """Raises InvalidParameterError unless cutoff is a number above 0, at most 1."""
    check_number("cutoff (a fraction of the Nyquist frequency)", cutoff, 0, 1, exclude=(0,))


def grey(images: torch.Tensor) -> torch.Tensor:
    """Grey levels (N, 1, H, W) in [0, 1] of images (N, 1 or 3, H, W) in [-1, 1]."""
    values = rescale(check_images("S_LF", images), 1.0)
    channels = values.shape[1]
    if channels == 1:
        return values
    if channels != 3:
        raise InvalidParameterError(f"S_LF: a drawing has 1 or 3 channels, got {channels}")
    return torch.einsum("nchw,c->nhw", values, values.new_tensor(LUMA)).unsqueeze(1)


SCORE = ScoreInfo(
    name="s_lf",
    function=s_lf,
    symbol="S_LF",
    higher_is_better=True,
    range=(-1.0, 1.0),
    inputs="image and source",
    per="sample",
    source="Spectral Collapse, Appendix B.5, Eq. (41)-(44)",
)
