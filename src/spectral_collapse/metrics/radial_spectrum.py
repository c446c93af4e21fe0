"""Radially averaged power spectra and the slope of their decay."""

from __future__ import annotations

import math
from typing import NamedTuple

from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.metrics.ranges import check_latents, pieces

BAND = (0.005, 0.4)
"""Frequencies of the slope's fit in cycles per pixel (Appendix B.4 of 'Spectral Collapse')."""

BANDS = {"low": (0.0, 0.125), "middle": (0.125, 0.25), "high": (0.25, 0.5)}
"""Bands in cycles per pixel, each including its lower end; the last includes the Nyquist frequency, none the mean."""


ENERGY_BANDS = ("mean", *BANDS, "corners")
"""All of the Fourier plane: the means of the channels, `BANDS`, and what lies beyond the Nyquist frequency."""


class BandEnergy(NamedTuple):
    """energy: (N, 5) float64, of each of `ENERGY_BANDS`; freedom: (5,), its degrees of freedom."""

    energy: torch.Tensor
    freedom: torch.Tensor


def radial_spectrum(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Frequencies (F,) in cycles per pixel and power (N, F), both float64, of images or latents (N, C, H, W).

    Power is the squared magnitude of the orthonormal FFT (white noise of variance v has v at every
    frequency), averaged over each ring of width 1 / min(H, W) and over channels. Ring 0 is the mean;
    rings run to the Nyquist frequency, 0.5, and the corners beyond it, where rings are incomplete,
    are left out. A ring's frequency is the mean radius of its coefficients.

    Raises InvalidParameterError (not a batch), DataError (empty), NotFiniteError.
    """
    frequencies, power = _channel_spectrum(check_latents("radial spectrum", images))
    return frequencies, power.mean(1)


def band_power(images: torch.Tensor) -> torch.Tensor:
    """Mean power per ring in each of `BANDS`, (N, 3) float64, of images or latents (N, C, H, W).

    Ring k belongs to the band of k / min(H, W), at every size; the mean radius of its coefficients lies a little to one
    side of that or the other. All rings have the same weight, whatever their number of coefficients. A band without a
    ring is NaN, as in images under 8 x 8. Raises as `radial_spectrum` does.
    """
    _, power = radial_spectrum(images)
    rings = torch.arange(1, power.shape[1], dtype=torch.float64, device=power.device) / min(images.shape[-2:])
    lower = rings.new_tensor([low for low, _ in BANDS.values()])
    band = torch.bucketize(rings, lower[1:], right=True)
    return torch.stack([power[:, 1:][:, band == index].mean(1) for index in range(len(BANDS))], 1)


def band_energy(latents: torch.Tensor) -> BandEnergy:
    """Energy in each of `ENERGY_BANDS` of latents (N, C, H, W); the five add up to the squared norm.

    For white noise of variance 1 the energy of a band is chi-square with as many degrees of freedom as the band has
    coefficients of the orthonormal FFT, all channels together: two conjugate coefficients are two real numbers
    (real and imaginary part, of variance 1/2, each of them counted twice), one that is its own conjugate is one.

    Raises InvalidParameterError (not a batch, under 8 x 8, where a band is empty), DataError (empty), NotFiniteError.
    """
    latents = check_latents("band energy", latents)
    height, width = latents.shape[-2:]
    if min(height, width) < 8:
        raise InvalidParameterError(f"band energy: latents must be 8 x 8 at least, got {height} x {width}")
    options = {"dtype": torch.float64, "device": latents.device}
    radius = torch.hypot(torch.fft.fftfreq(height, **options)[:, None], torch.fft.fftfreq(width, **options))
    upper = [math.nextafter(0, 1), *(low for low, _ in list(BANDS.values())[1:]), math.nextafter(0.5, 1)]
    band = torch.bucketize(radius, radius.new_tensor(upper), right=True)
    member = torch.nn.functional.one_hot(band.flatten(), len(ENERGY_BANDS)).double()
    power = (torch.fft.fft2(piece.double(), norm="ortho").abs().square().sum(1) for (piece,) in pieces(latents))
    energy = torch.cat([one.flatten(1) @ member for one in power])
    return BandEnergy(energy, (latents.shape[1] * member.sum(0)).long())


def spectral_slope(images: torch.Tensor) -> float:
    """Exponent of the power law that the spectrum of images (N, C, H, W) follows, about -2 to -4 for photos.

    Least-squares line through log power against log frequency over BAND, the log power averaged
    over images and channels; since the fit is linear in log power this is also the mean of the
    channels' slopes (Appendix B.4). Constant channels have no spectrum and are left out.

    Raises DataError where every channel is constant, InvalidParameterError for images too small to
    have three rings in BAND.
    """
    pixels = check_latents("spectral slope", images).double()
    # Without its first pixel's value a constant channel is 0 to the last bit; only ring 0, outside BAND, changes.
    frequencies, power = _channel_spectrum(pixels - pixels[..., :1, :1])
    band = (frequencies >= BAND[0]) & (frequencies <= BAND[1])
    if band.sum() < 3:
        raise InvalidParameterError(
            f"spectral slope: images {tuple(images.shape[2:])} are too small for a fit; use 8 x 8 pixels or more"
        )
    power = power[..., band].flatten(0, 1)
    strongest = power.amax(1, keepdim=True)
    if not strongest.any():
        raise DataError("spectral slope: every channel of every image is constant, so there is no spectrum to fit")
    # A ring without any power (a drawn pattern can have one) counts as the FFT's rounding error, not as log 0.
    power = power.clamp_min(strongest * torch.finfo(power.dtype).eps)[strongest[:, 0] > 0]
    distance = frequencies[band].log()
    distance = distance - distance.mean()
    return float((distance @ power.log().mean(0)) / (distance @ distance))


def _channel_spectrum(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Frequencies (F,) and power (N, C, F), not yet averaged over channels."""
    height, width = images.shape[-2:]
    side = min(height, width)
    options = {"dtype": torch.float64, "device": images.device}
    down, across = torch.fft.fftfreq(height, **options), torch.fft.rfftfreq(width, **options)
    radius = torch.hypot(down[:, None], across)
    # rfft2 gives half of the plane: every column but the first (and the last of an even width) counts twice.
    weight = torch.full_like(radius, 2)
    weight[:, 0] = 1
    if width % 2 == 0:
        weight[:, -1] = 1
    ring = (radius * side).round().long()
    inside = ring <= side // 2
    members, weights = ring[inside], weight[inside]

    def ring_means(values: torch.Tensor) -> torch.Tensor:
        """(M, number of coefficients inside) -> (M, F)."""
        sums = values.new_zeros(len(values), side // 2 + 1)
        sums.scatter_add_(1, members.expand(len(values), -1), values * weights)
        return sums / weights.new_zeros(side // 2 + 1).scatter_add_(0, members, weights)

    power = [
        ring_means(torch.fft.rfft2(piece.double(), norm="ortho").abs().square()[..., inside].flatten(0, 1))
        for (piece,) in pieces(images)
    ]
    frequencies = ring_means(radius[inside][None])[0]
    return frequencies, torch.cat(power).unflatten(0, images.shape[:2])
