"""A U-Net that begins, at each frequency, with the best linear prediction of the noise."""

from __future__ import annotations

import functools

import numpy as np
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.unets.unet_2d import UNet2DOutput

from spectral_collapse.checks import check_is
from spectral_collapse.networks.patched import PatchedUNet
from spectral_collapse.networks.sketch import sketched
from spectral_collapse.processes import BetaSchedule, Process, VariancePreserving

RINGS = 46
"""Rings of frequencies from 0 to the highest one along a diagonal, each with one power per colour and label."""
_LEAST = 1e-6  # of the power of pixels in [-1, 1]: a hundredth of that of rounding to 256 values


class SpectralUNet(ModelMixin, ConfigMixin):
    """A `PatchedUNet` whose output is preconditioned frequency by frequency.

    A network that predicts noise is trained to an error of a few thousandths of the noise's power. Where images have
    less power than that, as at high frequencies, its error is larger than the image, and stays in samples as grain.
    Here the output is, at each frequency, a * x + b * U-Net(x / total^(1/4)), with P the power of training images at
    that frequency, colour and label, and

        total = alpha^2 P + sigma^2         the power of x
        a = sigma / total                   the linear prediction of the noise with the least squared error (Wiener)
        b = sqrt(alpha^2 P / total)         the root of that error

    so that the U-Net's output has unit power at every frequency and level. This is the preconditioning of Karras et al.
    2022 (Table 1; paper, Eq. 26 and 27) with a spectrum in place of one sigma_data, but that the input keeps a part of
    its contrast between frequencies. The linear part alone is the exact denoiser of a stationary Gaussian process.

    Args:
        sample_size, in_channels, num_labels, patch, widths, layers, attention, dropout: as in `PatchedUNet`.
        betas: beta_start, beta_end and schedule of the process that `fit` was given, and its number of timesteps.

    Call `fit` before training: until then P is 1 everywhere.
    """

    log_power: torch.Tensor

    @register_to_config
    def __init__(
        self,
        sample_size: int = 64,
        in_channels: int = 3,
        num_labels: int = 5,
        patch: int = 2,
        widths: tuple[int, ...] = (32, 64, 96, 96),
        layers: int = 1,
        attention: int = 1,
        dropout: float = 0.0,
        betas: tuple[float, float, BetaSchedule, int] = (1e-4, 0.02, "linear", 1000),
    ) -> None:
        super().__init__()
        self.inner = PatchedUNet(
            sample_size=sample_size,
            in_channels=in_channels,
            num_labels=num_labels,
            patch=patch,
            widths=widths,
            layers=layers,
            attention=attention,
            dropout=dropout,
        )
        self.register_buffer("log_power", torch.zeros(num_labels, in_channels, RINGS))

    @property
    def size_multiple(self) -> int:
        """What the height and width of an image must be a multiple of."""
        return self.inner.size_multiple

    @property
    def class_embedding(self) -> torch.nn.Module:
        """The table of the domain labels."""
        return self.inner.class_embedding

    def fit(self, images: torch.Tensor, labels: torch.Tensor, process: Process) -> None:
        """Measures the power of images N x C x H x W of each label; of a label without images, their mean.

        Raises InvalidParameterError for a process that is not variance preserving.
        """
        check_is("process", process, VariancePreserving, "of a network that predicts noise")
        spectra = _spectrum(images).abs().square()
        spectra = torch.stack([spectra[labels.to(images.device) == label].mean(0) for label in labels.unique()])
        rings = _rings(*images.shape[-2:], images.device)
        there = rings.unique()  # few rings are empty, and none at 64 pixels
        means = torch.stack([spectra[..., rings == ring].mean(-1) for ring in there], -1)
        known = means.clamp(min=_LEAST).log().cpu().numpy()
        filled = np.apply_along_axis(lambda row: np.interp(range(RINGS), there.cpu(), row), -1, known)
        powers = torch.from_numpy(filled).to(self.log_power)
        self.log_power.copy_(powers.exp().mean(0).log())
        self.log_power[labels.unique()] = powers
        self.register_to_config(betas=(process.beta_start, process.beta_end, process.schedule, process.num_train_steps))

    def forward(self, sample: torch.Tensor, timestep: torch.Tensor, class_labels: torch.Tensor) -> UNet2DOutput:
        """sample: N x C x H x W; timestep: N numbers, whole or not; class_labels: LongTensor of N."""
        total, linear, error = self._filters(sample, timestep, class_labels)
        spectrum = _spectrum(sample)
        output = self.inner(_images(spectrum / total.sqrt().sqrt(), sample), timestep, class_labels).sample
        spectrum = linear * spectrum + error * _spectrum(output)
        return UNet2DOutput(sample=_images(spectrum, sample))

    def weighted(self, errors: torch.Tensor, timestep: torch.Tensor, class_labels: torch.Tensor) -> torch.Tensor:
        """Errors of the output N x C x H x W with their power over b, the root of what the linear part leaves.

        Unweighted, frequencies where images have little power would have no part in the loss; over b^2, all of the part
        that cannot be predicted.
        """
        *_, error = self._filters(errors, timestep, class_labels)
        return _images(_spectrum(errors) / error.sqrt(), errors)

    def _filters(
        self, sample: torch.Tensor, timestep: torch.Tensor, class_labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """total, a and b at N x C x H x W / 2 + 1 frequencies, in float32."""
        log_alpha_bars = _log_alpha_bars(*self.config.betas, sample.device)
        time = timestep.float().clamp(0, len(log_alpha_bars) - 1)
        before = time.long().clamp(max=len(log_alpha_bars) - 2)
        # between timesteps as `VariancePreserving.between` has it
        log_alpha_bar = torch.lerp(log_alpha_bars[before], log_alpha_bars[before + 1], time - before)
        signal, noise = (part.view(-1, 1, 1, 1) for part in (log_alpha_bar.exp(), -torch.expm1(log_alpha_bar)))
        power = self.log_power.float().exp()[class_labels][:, :, _rings(*sample.shape[-2:], sample.device)]
        total = signal * power + noise
        return total, noise.sqrt() / total, (signal * power / total).sqrt()


def _spectrum(images: torch.Tensor) -> torch.Tensor:
    with torch.autocast(images.device.type, enabled=False):  # there is no Fourier transform in half precision
        return torch.fft.rfft2(images.float(), norm="ortho")


def _images(spectrum: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return torch.fft.irfft2(spectrum, like.shape[-2:], norm="ortho").to(like.dtype)


@functools.lru_cache(maxsize=16)
def _rings(height: int, width: int, device: torch.device) -> torch.Tensor:
    """The ring of each frequency of real images of this size, H x W / 2 + 1."""
    radius = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None])
    return (radius * 2**0.5 * (RINGS - 1)).round().long().to(device)


@functools.lru_cache(maxsize=16)
def _log_alpha_bars(start: float, end: float, schedule: BetaSchedule, steps: int, device: torch.device) -> torch.Tensor:
    process = VariancePreserving(steps, start, end, schedule)
    return torch.from_numpy(np.log(process.alpha_bars)).float().to(device)


@sketched
def spectral_unet(
    size: int = 64,
    channels: int = 3,
    num_labels: int = 5,
    patch: int = 2,
    widths: tuple[int, ...] = (32, 64, 96, 96),
    layers: int = 1,
    attention: int = 1,
    dropout: float = 0.0,
) -> SpectralUNet:
    """A `SpectralUNet`, of 2.7 million parameters for images of 64 x 64 x 3 unless told otherwise."""
    return SpectralUNet(
        sample_size=size,
        in_channels=channels,
        num_labels=num_labels,
        patch=patch,
        widths=widths,
        layers=layers,
        attention=attention,
        dropout=dropout,
    )
