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
    Here the output is, at each frequency, a * x + b * U-Net(x / min(total, 1)^(1/4)), with P the power of training
    images at that frequency and

        total = alpha^2 P + sigma^2         the power of x
        a = sigma / total                   the linear prediction of the noise with the least squared error (Wiener)
        b = sqrt(alpha^2 P / total)         the root of that error

    so that the U-Net's output has unit power at every frequency and level. This is the preconditioning of Karras et al.
    2022 (Table 1; paper, Eq. 26 and 27) with a spectrum in place of one sigma_data, but for the input: fine detail is
    raised by half of what would make it as strong as the noise, and coarse structure is left as it is, since a U-Net
    that saw it weakened would not see the noise that is on it. The linear part alone is the exact denoiser of a
    stationary Gaussian process.

    Mean colour, principal colours and P are those of each label. Without the mean, the mean brightness would count as
    power; in red, green and blue, the linear part would not know that a bright image is bright in all of them, and
    samples would have a cast.

    Args:
        sample_size, in_channels, num_labels, patch, widths, layers, attention, dropout: as in `PatchedUNet`.
        betas, mean, colours: from `fit`; of the process beta_start, beta_end, schedule and number of timesteps.

    Call `fit` before training: until then P is 1 everywhere.
    """

    label_mean: torch.Tensor
    label_colours: torch.Tensor
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
        mean: list[list[float]] | None = None,
        colours: list[list[list[float]]] | None = None,
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
        known = {
            "label_mean": torch.zeros(num_labels, in_channels) if mean is None else torch.tensor(mean),
            "label_colours": torch.eye(in_channels).repeat(num_labels, 1, 1)
            if colours is None
            else torch.tensor(colours),
        }
        for name, value in known.items():  # not among the weights, in whose half precision colours are not orthogonal
            self.register_buffer(name, value, persistent=False)
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
        """Measures images N x C x H x W of each label; of a label without images, all of them.

        Raises InvalidParameterError for a process that is not variance preserving.
        """
        check_is("process", process, VariancePreserving, "variance preserving")
        rings = _rings(*images.shape[-2:], images.device)
        there = rings.unique()  # few rings are empty, and none at 64 pixels
        for label in range(len(self.log_power)):
            own = labels.to(images.device) == label
            chosen = (images[own] if own.any() else images).float()
            mean = chosen.mean((0, 2, 3))
            _, vectors = torch.linalg.eigh((chosen - mean[:, None, None]).transpose(0, 1).flatten(1).double().cov())
            self.label_mean[label], self.label_colours[label] = mean, vectors.T
            power = (
                _spectrum(self._turned(chosen - mean[:, None, None], self.label_colours[label])).abs().square().mean(0)
            )
            means = torch.stack([power[:, rings == ring].mean(-1) for ring in there], -1)
            known = means.clamp(min=_LEAST).log().cpu().numpy()
            filled = np.stack([np.interp(range(RINGS), there.cpu(), row) for row in known])
            self.log_power[label] = torch.from_numpy(filled)
        self.register_to_config(
            betas=(process.beta_start, process.beta_end, process.schedule, process.num_train_steps),
            mean=self.label_mean.tolist(),
            colours=self.label_colours.tolist(),
        )

    def forward(self, sample: torch.Tensor, timestep: torch.Tensor, class_labels: torch.Tensor) -> UNet2DOutput:
        """sample: N x C x H x W; timestep: N numbers, whole or not; class_labels: LongTensor of N."""
        signal, noise = self._levels(timestep)
        colours, total, linear, error = self._filters(sample, signal, noise, class_labels)
        spectrum = _spectrum(
            self._turned(sample - signal.sqrt() * self.label_mean[class_labels][..., None, None], colours)
        )
        inside = self._turned(_images(spectrum / total.clamp(max=1).sqrt().sqrt(), sample), colours.mT)
        output = self._turned(self.inner(inside, timestep, class_labels).sample, colours)
        found = _images(linear * spectrum + error * _spectrum(output), sample)
        return UNet2DOutput(sample=self._turned(found, colours.mT))

    def weighted(self, errors: torch.Tensor, timestep: torch.Tensor, class_labels: torch.Tensor) -> torch.Tensor:
        """Errors of the output N x C x H x W, in principal colours, with their power over b and over the number of
        frequencies in their ring.

        Without b, the root of what the linear part leaves, frequencies where images have little power would have no
        part in the loss; over b^2, all of the part that cannot be predicted. Without the number, the few frequencies
        that make the colour and brightness of a whole image would have no part either.
        """
        colours, *_, error = self._filters(errors, *self._levels(timestep), class_labels)
        rings = _rings(*errors.shape[-2:], errors.device)
        counts = torch.bincount(rings.flatten(), minlength=RINGS)
        weights = (counts.max() / counts[rings]).sqrt() / error.sqrt()
        return _images(_spectrum(self._turned(errors, colours)) * weights, errors)

    def _levels(self, timestep: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """alpha^2 and sigma^2, N x 1 x 1 x 1; between timesteps as `VariancePreserving.between` has them."""
        log_alpha_bars = _log_alpha_bars(*self.config.betas, timestep.device)
        time = timestep.float().clamp(0, len(log_alpha_bars) - 1)
        before = time.long().clamp(max=len(log_alpha_bars) - 2)
        found = torch.lerp(log_alpha_bars[before], log_alpha_bars[before + 1], time - before).view(-1, 1, 1, 1)
        return found.exp(), -torch.expm1(found)

    def _filters(
        self, sample: torch.Tensor, signal: torch.Tensor, noise: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """The principal colours, N x C x C, and total, a and b at N x C x H x W / 2 + 1 frequencies, in float32."""
        power = self.log_power.float().exp()[labels][:, :, _rings(*sample.shape[-2:], sample.device)]
        total = signal * power + noise
        return self.label_colours[labels].float(), total, noise.sqrt() / total, (signal * power / total).sqrt()

    @staticmethod
    def _turned(images: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
        """Images N x C x H x W in other colours, C x C or N x C x C: each row is one of them."""
        with torch.autocast(images.device.type, enabled=False):  # half precision would round the noise
            return torch.einsum("...ij,...jhw->...ihw", colours, images.to(colours.dtype)).to(images.dtype)


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
    """A `SpectralUNet`, of 2.7 million parameters for images of 64 x 64 x 3 by default."""
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
