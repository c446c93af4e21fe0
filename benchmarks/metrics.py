"""All scores of single samples against the usual per-image loop: `python benchmarks/metrics.py [images] [size]`.

`--quick` takes 16 images of 64 x 64. The loops use NumPy, SciPy, PyWavelets, scikit-image, scikit-learn and piq as
one would for a single image; LPIPS is left out, because a network costs the same on both sides. Both sides
run on one thread and are given in seconds of processor time, which other programs do not distort; every
pair of results is compared before it is timed. The aim is a ratio of 5 for all scores together.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
import piq
import pywt
import torch
from scipy import stats
from scipy.ndimage import uniform_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.decomposition import PCA

from spectral_collapse import metrics
from spectral_collapse.metrics.haarpsi import haarpsi
from spectral_collapse.metrics.ms_ssim import WEIGHTS, ms_ssim, scales
from spectral_collapse.metrics.plain_error import THRESHOLD, plain_error
from spectral_collapse.metrics.s_dc import threshold
from spectral_collapse.metrics.shapiro_wilk import LIMIT
from spectral_collapse.metrics.ssim import ssim

CUTOFF = 0.06
SSIM = {"data_range": 1.0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 0}


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


def s_lf_loop(images: np.ndarray, sources: np.ndarray, cutoff: float) -> list[float]:
    size = images.shape[-1]
    keep = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)) <= cutoff / 2

    def low_pass(image: np.ndarray) -> np.ndarray:
        return np.stack([np.fft.ifft2(np.fft.fft2(channel) * keep).real for channel in (image + 1) / 2])

    return [structural_similarity(low_pass(x), low_pass(y), **SSIM) for x, y in zip(images, sources, strict=True)]


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


def ssim_loop(images: np.ndarray, references: np.ndarray) -> list[float]:
    return [structural_similarity((x + 1) / 2, (y + 1) / 2, **SSIM) for x, y in zip(images, references, strict=True)]


def ms_ssim_loop(images: torch.Tensor, references: torch.Tensor) -> list[float]:
    weights = torch.tensor(WEIGHTS[: scales(*images.shape[-2:])])
    return [
        piq.multi_scale_ssim(x[None] / 2 + 0.5, y[None] / 2 + 0.5, scale_weights=weights).item()
        for x, y in zip(images, references, strict=True)
    ]


def haarpsi_loop(images: torch.Tensor, references: torch.Tensor) -> list[float]:
    return [piq.haarpsi(x[None] / 2 + 0.5, y[None] / 2 + 0.5).item() for x, y in zip(images, references, strict=True)]


def plain_error_loop(images: np.ndarray, references: np.ndarray) -> list[list[float]]:
    errors = []
    for x, y in zip(images, references, strict=True):
        inner = y[:, :-1, :-1]
        steps = (np.abs(y[:, :-1, 1:] - inner) + np.abs(y[:, 1:, :-1] - inner)) / 2
        plain = (steps < THRESHOLD).all(0)
        error = np.abs(x - y).mean(0)[:-1, :-1]
        errors.append([error[plain].mean(), error[~plain].mean()])
    return errors


def high_frequency_loop(latents: np.ndarray) -> list[float]:
    size = latents.shape[-1]
    high = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)) > 0.25
    return [1 - np.mean([np.abs(np.fft.fft2(c, norm="ortho"))[high] ** 2 for c in latent]) for latent in latents]


def map_pca_loop(latents: np.ndarray) -> list[float]:
    ranks = []
    for latent in latents:
        shares = PCA().fit(latent.reshape(-1, latent.shape[-1])).explained_variance_ratio_
        ranks.append(np.exp(stats.entropy(shares)))
    return ranks


def shapiro_loop(latents: np.ndarray) -> list[float]:
    count = latents[0].size
    chosen = torch.randperm(count, generator=torch.Generator().manual_seed(0))[:LIMIT].numpy() if count > LIMIT else ...
    return [stats.shapiro(latent.ravel()[chosen]).statistic for latent in latents]


def moments_loop(latents: np.ndarray) -> list[list[float]]:
    return [[stats.skew(latent.ravel()), stats.kurtosis(latent.ravel())] for latent in latents]


def triangle_loop(noises: np.ndarray, images: np.ndarray, latents: np.ndarray) -> list[list[float]]:
    corners = []
    for points in zip(noises, images, latents, strict=True):
        angles = []
        for corner in range(3):
            a, b = (points[(corner + step) % 3].ravel() - points[corner].ravel() for step in (1, 2))
            angles.append(np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))))
        corners.append(angles)
    return corners


def seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def textures(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Images with the spectrum of photos, power ~ frequency^-3, in [-1, 1]."""
    frequency = torch.hypot(torch.fft.fftfreq(shape[-2])[:, None], torch.fft.rfftfreq(shape[-1]))
    frequency[0, 0] = torch.inf
    images = torch.fft.irfft2(torch.fft.rfft2(torch.randn(shape, generator=generator)) * frequency**-1.5)
    return images / images.abs().amax((1, 2, 3), keepdim=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=int, nargs="?", default=256)
    parser.add_argument("size", type=int, nargs="?", default=256)
    parser.add_argument("--quick", action="store_true", help="16 images of 64 x 64")
    options = parser.parse_args()
    count, size = (16, 64) if options.quick else (options.images, options.size)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    sources = textures((count, 3, size, size), generator)
    sources[..., : size // 4] *= 0.05  # a plain area
    images = (sources + 0.1 * torch.randn(sources.shape, generator=generator)).clamp(-1, 1)
    noise = torch.randn(count, 4, size, size, generator=generator)
    white = torch.randn(images.shape, generator=generator)
    x, y, z, w = images.numpy(), sources.numpy(), noise.numpy(), white.numpy()
    cutoff = max(CUTOFF, 4 / size)  # a small image needs a few frequencies to compare, too
    reference = metrics.hf_reference(sources)
    metrics.s_dc(noise[:1])  # calibrated once per process, outside of the comparison

    def angles() -> torch.Tensor:
        found = metrics.triangle(white, images, sources)
        return torch.stack((found.angle_at_noise, found.angle_at_image, found.angle_at_latent), 1)

    pairs: dict[str, tuple[Callable[[], torch.Tensor], Callable[[], list]]] = {
        "s_hf": (lambda: metrics.s_hf(images, reference), lambda: s_hf_loop(x, reference)),
        "s_lf": (lambda: metrics.s_lf(images, sources, cutoff), lambda: s_lf_loop(x, y, cutoff)),
        "psnr": (lambda: metrics.psnr(images, sources), lambda: psnr_loop(x, y)),
        "ssim": (lambda: ssim(images, sources), lambda: ssim_loop(x, y)),
        "ms_ssim": (lambda: ms_ssim(images, sources), lambda: ms_ssim_loop(images, sources)),
        "haarpsi": (lambda: haarpsi(images, sources), lambda: haarpsi_loop(images, sources)),
        "plain_error": (lambda: torch.stack(plain_error(images, sources)[:2], 1), lambda: plain_error_loop(x, y)),
        "radial_spectrum": (lambda: metrics.radial_spectrum(images)[1], lambda: radial_loop(x)),
        "s_dc": (lambda: metrics.s_dc(noise), lambda: s_dc_loop(z)),
        "high_frequency_deficit": (lambda: metrics.high_frequency_deficit(noise), lambda: high_frequency_loop(z)),
        "map_pca": (lambda: metrics.map_pca(noise).effective_rank, lambda: map_pca_loop(z)),
        "shapiro_wilk": (lambda: metrics.shapiro_wilk(noise).statistic, lambda: shapiro_loop(z)),
        "moments": (lambda: torch.stack(metrics.moments(noise), 1), lambda: moments_loop(z)),
        "triangle": (angles, lambda: triangle_loop(w, x, y)),
    }
    print(f"{count} images of 3 x {size} x {size}, latents of 4 channels, one thread")
    print(f"{'score':22} {'loop, s':>8} {'batched, s':>10} {'ratio':>6}")
    totals = [0.0, 0.0]
    for name, (batched, loop) in pairs.items():
        found, expected = batched(), np.array(loop())
        if not np.allclose(found, expected, rtol=1e-3, atol=1e-3):
            sys.exit(f"{name}: the loop gives other values, up to {np.abs(found.numpy() - expected).max():.2g} apart")
        slow, fast = seconds(loop), seconds(batched)
        totals = [totals[0] + slow, totals[1] + fast]
        print(f"{name:22} {slow:8.2f} {fast:10.2f} {slow / fast:6.1f}")
    print(f"{'together':22} {totals[0]:8.2f} {totals[1]:10.2f} {totals[0] / totals[1]:6.1f}")


if __name__ == "__main__":
    main()
