"""Autocorrelation of latents by distance."""

from __future__ import annotations

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.metrics.ranges import check_latents, pieces


def autocorrelation(latents: torch.Tensor) -> torch.Tensor:
    """Mean correlation of two values of a channel by their distance, (N, K) float64, of latents (N, C, H, W).

    Column k - 1 holds the pairs whose distance in pixels, in any direction, rounds to k, up to K = min(H, W) // 2: the
    mean of their products, over all pairs and channels, divided by the latent's mean square. White noise has 0 at
    every distance, up to 1 / sqrt(number of pairs). Pairs do not reach across the border. Values are taken about 0,
    the mean of white noise, so that a constant offset counts as correlation at all distances; scale does not count. A
    latent of zeros has no correlation: NaN.

    Raises InvalidParameterError (under 2 x 2, not a batch), DataError (empty), NotFiniteError.
    """
    latents = check_latents("autocorrelation", latents)
    height, width = latents.shape[-2:]
    reach = min(height, width) // 2
    if not reach:
        raise InvalidParameterError(f"autocorrelation: latents {height} x {width} are too small; use 2 x 2 or more")
    # Padded to twice the size, so that a shift meets zeros and not the other side.
    down, across = (torch.fft.fftfreq(2 * side, 1 / (2 * side), dtype=torch.float64).abs() for side in (height, width))
    ring = torch.hypot(down[:, None], across).round().long().clamp_max(reach + 1).flatten()
    pairs = ((height - down)[:, None] * (width - across)).flatten()
    count = torch.zeros(reach + 2, dtype=torch.float64).index_add(0, ring, pairs).to(latents.device)
    ring, found = ring.to(latents.device), []
    for (piece,) in pieces(latents):
        power = torch.fft.rfft2(piece.double(), s=(2 * height, 2 * width)).abs().square().mean(1)
        products = torch.fft.irfft2(power, s=(2 * height, 2 * width)).flatten(1)
        means = products.new_zeros(len(piece), reach + 2).index_add(1, ring, products) / count
        found.append(means[:, 1:-1] / piece.double().square().mean((1, 2, 3))[:, None])
    return torch.cat(found)
