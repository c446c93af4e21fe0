"""S_HF: whether an image has the high-frequency energy that is typical of its data set."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pywt

from spectral_collapse.checks import check_count, check_name, check_number, described
from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.radial_spectrum import spectral_slope
from spectral_collapse.metrics.ranges import check_images, pieces, rescale

TOP = 255.0
"""White on the scale of the energies. Eq. (40) divides by |mu|, so the score depends on the scale:
on 0..1 a mean log-energy can come near 0 and the score breaks down; on 0..255 it is 10 to 17."""

MODE = "symmetric"
"""Border of the wavelet transform. A mirrored border adds no edge; a periodic one joins opposite
sides, and that jump would count as texture just in the smooth images that the score must catch."""


@dataclass(frozen=True)
class HFReference:
    """Statistics of a data set's real images, for S_HF.

    mean_log_energy: mu of Eq. (39), natural logarithm, on 0..255; wavelet: pywt's name; slope: of the radial spectrum,
    which chose the wavelet; count: number of images; shape: (C, H, W) of each, since the energy is a sum over pixels
    and channels.

    Raises InvalidParameterError for an energy that is not positive, an unknown wavelet and an invalid shape.
    """

    mean_log_energy: float
    wavelet: str
    slope: float
    count: int
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        check_number("HFReference: mean_log_energy", self.mean_log_energy, 0, exclude=(0,))
        check_name("wavelet", self.wavelet, pywt.wavelist(kind="discrete"))
        check_number("HFReference: slope", self.slope)
        check_count("HFReference: count", self.count, 1)
        if not isinstance(self.shape, tuple) or len(self.shape) != 3:
            raise InvalidParameterError(f"HFReference: shape must be (C, H, W); {described(self.shape)} was given")
        for side in self.shape:
            check_count("HFReference: a side of shape", side, 1)


def hf_reference(images: torch.Tensor) -> HFReference:
    """Reference statistics of real images (N, C, H, W) in [-1, 1], Eq. (37)-(39) of 'Spectral Collapse'.

    The wavelet is sym{ceil |slope|}, within pywt's sym2 to sym20.

    Raises DataError (no images, or images without high frequencies), InvalidParameterError (range,
    shape), NotFiniteError.
    """
    images = check_images("S_HF", images, "real images")
    slope = spectral_slope(images)
    wavelet = f"sym{min(max(math.ceil(abs(slope)), 2), 20)}"
    mean = float(log_energy(images, wavelet).mean())
    if not mean > 0:  # includes the -inf of a constant image
        raise DataError(
            f"S_HF: the real images' mean log-energy is {mean:.3g}, but must be positive; "
            "leave out images that are constant or nearly so"
        )
    return HFReference(mean, wavelet, slope, len(images), tuple(images.shape[1:]))


def check_reference(reference: object) -> None:
    """Raises InvalidParameterError unless reference is an HFReference."""
    if not isinstance(reference, HFReference):
        raise InvalidParameterError(
            f"S_HF: reference must be what metrics.hf_reference gives, or a batch of real images; "
            f"{described(reference)} was given"
        )


def hf_excess(images: torch.Tensor, reference: HFReference) -> torch.Tensor:
    """Logarithm of an image's high-frequency energy over the reference's geometric mean, per sample, (N,) float64.

    S_HF with its sign: 0 is the reference's energy, log(1/2) half of it, -inf no detail at all. images: (N, C, H, W) in
    [-1, 1]. Raises as `s_hf` does.
    """
    images = check_images("S_HF", images)
    check_reference(reference)
    if tuple(images.shape[1:]) != reference.shape:
        raise InvalidParameterError(
            f"S_HF: images of shape {tuple(images.shape[1:])} cannot be scored against a reference "
            f"of shape {reference.shape}; compute the reference at the same size"
        )
    return log_energy(images, reference.wavelet) - reference.mean_log_energy


def s_hf(images: torch.Tensor, reference: HFReference | torch.Tensor) -> torch.Tensor:
    r"""High-frequency realism per sample, (N,) float64, of images (N, C, H, W) in [-1, 1], Eq. (40).

    With the energy of the finest wavelet details, and its mean over M real images y,

    .. math::

        E(x) = \sum_{b \in \{LH, HL, HH\}} \lVert W_b x \rVert^2, \qquad
        \mu = \frac{1}{M} \sum_{m=1}^{M} \log E(y_m), \qquad
        S_{HF}(x) = 1 - \min\Big(1, \frac{\lvert \log E(x) - \mu \rvert}{\lvert \mu \rvert}\Big).

    reference: from `hf_reference`, or the real images themselves, (M, C, H, W). Too much energy lowers the score as
    too little does; an image without any detail, a constant one, scores 0.

    Raises InvalidParameterError (range, or another shape than the reference's), DataError, NotFiniteError.
    """
    if isinstance(reference, torch.Tensor):
        check_images("S_HF", images)
        reference = hf_reference(reference)
    return 1 - (hf_excess(images, reference).abs() / abs(reference.mean_log_energy)).clip(0, 1)


def log_energy(images: torch.Tensor, wavelet: str) -> torch.Tensor:
    """log E_HF of Eq. (38), (N,) float64: the finest details of all channels; -inf for a constant image."""
    energies = []
    for (piece,) in pieces(images):
        pixels = rescale(piece, TOP)
        # Detail filters sum to 0, so a constant may go; taken away beforehand it leaves no rounding error behind.
        pixels = (pixels - pixels[..., :1, :1]).cpu().numpy()
        _, details = pywt.dwt2(pixels, wavelet, mode=MODE, axes=(-2, -1))
        energies.append(sum(np.einsum("nchw,nchw->n", band, band, dtype=np.float64) for band in details))
    return torch.from_numpy(np.concatenate(energies)).log().to(images.device)


SCORE = ScoreInfo(
    name="s_hf",
    function=s_hf,
    symbol="S_HF",
    higher_is_better=True,
    range=(0.0, 1.0),
    inputs="image and set",
    per="sample",
    source="Spectral Collapse, Appendix B.4, Eq. (37)-(40)",
)
