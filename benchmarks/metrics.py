"""Batched scores against the usual per-image loop: `python benchmarks/metrics.py [images] [size]`.

The loops use NumPy, PyWavelets, SciPy and scikit-image as one would for a single image. Both sides run
on one thread and are given in seconds of processor time, which other programs do not distort; every pair
of results is compared before it is timed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
import pywt
import torch
from scipy.ndimage import uniform_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from spectral_collapse import metrics
from spectral_collapse.metrics.s_dc import threshold

CUTOFF = 0.06


def s_hf_loop(images: np.ndarray, reference: metrics.HFReference) -> list[float]:
    scores = []
    for image in images:
        energy = 0.0
        for channel in (image + 1) * 127.5:
            _, details = pywt.dwt2(channel, reference.wavelet)
            energy += sum(float((band**2).sum()) for band in details)
        mean = reference.mean_log_energy
        scores.append(1 - min(abs(np.log(energy) - mean) / abs(mean), 1))
    return scores


def s_lf_loop(images: np.ndarray, sources: np.ndarray) -> list[float]:
    size = images.shape[-1]
    keep = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)) <= CUTOFF / 2

    def low_pass(image: np.ndarray) -> np.ndarray:
        return np.stack([np.fft.ifft2(np.fft.fft2(channel) * keep).real for channel in (image + 1) / 2])

    options = {"data_range": 1.0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return [
        structural_similarity(low_pass(x), low_pass(y), channel_axis=0, **options)
        for x, y in zip(images, sources, strict=True)
    ]


def s_dc_loop(latents: np.ndarray) -> list[float]:
    limit, patch = threshold(), 5
    scores = []
    for latent in latents:
        votes = 0
        for channel in latent:
            across = uniform_filter(np.diff(channel, axis=1) ** 2, (patch, patch - 1), origin=(0, -1))
            down = uniform_filter(np.diff(channel, axis=0) ** 2, (patch - 1, patch), origin=(-1, 0))
            # The filters are centred and the borders padded: keep the windows inside the latent.
            votes += (across[2:-2, 1:-2] + down[1:-2, 2:-2]) / 2 <= limit
        scores.append(1 - np.mean(votes >= len(latent) / 2))
    return scores


def psnr_loop(images: np.ndarray, references: np.ndarray) -> list[float]:
    return [peak_signal_noise_ratio(y, x, data_range=2) for x, y in zip(images, references, strict=True)]


def radial_loop(images: np.ndarray) -> list[np.ndarray]:
    size = images.shape[-1]
    axis = np.fft.fftfreq(size) * size
    ring = np.hypot(axis[:, None], axis).round().astype(int).ravel()
    spectra = []
    for image in images:
        power = [np.abs(np.fft.fft2(channel, norm="ortho")).ravel() ** 2 for channel in image]
        spectra.append(np.mean([np.bincount(ring, p) / np.bincount(ring) for p in power], axis=0)[: size // 2 + 1])
    return spectra


def seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=int, nargs="?", default=256)
    parser.add_argument("size", type=int, nargs="?", default=256)
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    shape = (options.images, 3, options.size, options.size)
    sources = metrics.low_pass(torch.randn(shape, generator=generator), 0.2).clamp(-1, 1)
    images = (sources + 0.1 * torch.randn(shape, generator=generator)).clamp(-1, 1)
    noise = torch.randn(options.images, 4, options.size, options.size, generator=generator)
    x, y, z = images.numpy(), sources.numpy(), noise.numpy()
    reference = metrics.hf_reference(sources)
    metrics.s_dc(noise[:1])  # calibrated once per process, outside of the comparison

    pairs: dict[str, tuple[Callable[[], torch.Tensor], Callable[[], list]]] = {
        "s_hf": (lambda: metrics.s_hf(images, reference), lambda: s_hf_loop(x, reference)),
        "s_lf": (lambda: metrics.s_lf(images, sources, CUTOFF), lambda: s_lf_loop(x, y)),
        "s_dc": (lambda: metrics.s_dc(noise), lambda: s_dc_loop(z)),
        "psnr": (lambda: metrics.psnr(images, sources), lambda: psnr_loop(x, y)),
        "radial_spectrum": (lambda: metrics.radial_spectrum(images)[1], lambda: radial_loop(x)),
    }
    print(f"{options.images} images of 3 x {options.size} x {options.size} (s_dc: 4 channels), one thread")
    print(f"{'score':16} {'loop, s':>8} {'batched, s':>10} {'ratio':>6}")
    totals = [0.0, 0.0]
    for name, (batched, loop) in pairs.items():
        found, expected = batched(), np.array(loop())
        if not np.allclose(found, expected, rtol=1e-3, atol=1e-3):
            sys.exit(f"{name}: the loop gives other values, up to {np.abs(found.numpy() - expected).max():.2g} apart")
        slow, fast = seconds(loop), seconds(batched)
        totals = [totals[0] + slow, totals[1] + fast]
        print(f"{name:16} {slow:8.2f} {fast:10.2f} {slow / fast:6.1f}")
    print(f"{'together':16} {totals[0]:8.2f} {totals[1]:10.2f} {totals[0] / totals[1]:6.1f}")


if __name__ == "__main__":
    main()
