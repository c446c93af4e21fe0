"""The closed form: the optimal denoiser of Gaussian data."""

from __future__ import annotations

from collections.abc import Mapping

from spectral_collapse.checks import check_count, check_images, described
from spectral_collapse.denoisers.base import Prediction, check_asked, check_process, check_values
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.processes import Level, Process


class GaussianDenoiser:
    """The optimal denoiser of stationary Gaussian data, in closed form.

    Data of label y has, for each coefficient f of its orthonormal 2-D FFT, the variance
    spectra[y][f] around the FFT of means[y]. Then (Wiener filter, per frequency)

        noise = sigma * (x - alpha * mean) / (alpha^2 S + sigma^2),
        clean = mean + alpha * S * (x - alpha * mean) / (alpha^2 S + sigma^2).

    Args:
        process: a noise process.
        spectra: label -> H x W tensor of variances >= 0 in `torch.fft.fft2`'s order; it must be
            symmetric under f -> -f, as the spectrum of real images is.
        means: label -> image that broadcasts to C x H x W, a number or H x W for one; zero without it.

    Raises InvalidParameterError for an invalid process, for spectra and means that are not finite real tensors, for
    spectra of differing shapes, empty, negative or asymmetric ones, means that do not broadcast, and, when called, for
    a label without a spectrum or an image of another size.
    """

    def __init__(
        self,
        process: Process,
        spectra: Mapping[int, torch.Tensor],
        means: Mapping[int, torch.Tensor] | None = None,
    ) -> None:
        check_process(process)
        if not isinstance(spectra, Mapping) or not spectra or not isinstance(means, Mapping | None):
            raise InvalidParameterError(
                f"spectra and means must be dicts, label -> tensor, and spectra not empty; {described(spectra)} and "
                f"{described(means)} were given"
            )
        for label, spectrum in spectra.items():
            check_count("a label", label, 0)
            check_values(f"the spectrum of label {label}", spectrum, "H x W", (2,))
        shapes = {tuple(spectrum.shape) for spectrum in spectra.values()}
        if len(shapes) != 1 or 0 in next(iter(shapes)):
            raise InvalidParameterError(
                f"spectra must be H x W tensors of one shape, not empty; {sorted(shapes)} were given"
            )
        for label, spectrum in spectra.items():
            mirrored = torch.roll(spectrum.flip(0, 1), (1, 1), (0, 1))
            if not bool((spectrum >= 0).all()) or not torch.allclose(spectrum.double(), mirrored.double()):
                raise InvalidParameterError(
                    f"the spectrum of label {label} must be non-negative and symmetric under f -> -f"
                )
        self.process = process
        self._labels = sorted(spectra)
        self._shape = next(iter(shapes))
        half = self._shape[1] // 2 + 1
        self._spectra = torch.stack([spectra[label][:, :half].double() for label in self._labels])
        means = means or {}
        if stray := set(means) - set(spectra):
            raise InvalidParameterError(f"means were given for the labels {sorted(stray)}, which have no spectrum")
        for label, mean in means.items():
            check_values(f"the mean of label {label}", mean, "what broadcasts to C x H x W", (0, 1, 2, 3))
            if any(side not in (1, whole) for side, whole in zip(mean.shape[::-1], self._shape[::-1], strict=False)):
                raise InvalidParameterError(
                    f"the mean of label {label} must broadcast to C x {self._shape[0]} x {self._shape[1]}; "
                    f"{tuple(mean.shape)} was given"
                )
        given = (torch.as_tensor(means.get(label, torch.zeros(()))).double() for label in self._labels)
        shared = torch.broadcast_tensors(*(mean.reshape((1,) * (3 - mean.ndim) + mean.shape) for mean in given))
        self._means = torch.stack(shared)

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        """Both halves of x (N x C x H x W) at `level` under `label` (LongTensor of N)."""
        check_asked(x, level, label)
        if tuple(x.shape[-2:]) != self._shape:
            raise InvalidParameterError(
                f"this denoiser is for images of {self._shape}; images of {tuple(x.shape[-2:])} were given"
            )
        if missing := set(label.tolist()) - set(self._labels):
            raise InvalidParameterError(
                f"no spectrum for the domain labels {sorted(missing)}; there are spectra for {self._labels}"
            )
        rows = torch.searchsorted(torch.tensor(self._labels), label.cpu().contiguous())
        spectrum = self._spectra[rows].unsqueeze(1)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # the FFT knows no half precision
        gain = (1 / (level.alpha**2 * spectrum + level.sigma**2)).to(wide)
        spectrum, mean = spectrum.to(wide), self._means[rows].to(wide)
        # gain * residual is computed once; both halves are multiples of it.
        whitened = gain * torch.fft.rfft2(wide - level.alpha * mean, norm="ortho")
        halves = torch.stack([level.sigma * whitened, level.alpha * spectrum * whitened])
        noise, detail = torch.fft.irfft2(halves, s=self._shape, norm="ortho")
        return Prediction(noise.to(x.dtype), (mean + detail).to(x.dtype))


def gaussian_denoiser(process: Process, encoded: torch.Tensor, label: int) -> GaussianDenoiser:
    """The optimal denoiser of Gaussian data with the mean and the spectrum of encoded images, N x C x H x W.

    One spectrum for all channels (their average) and one mean per channel. It knows one domain, `label`.

    Raises InvalidParameterError and NotFiniteError unless it gets a process, a batch of finite images and a label.
    """
    check_process(process)
    check_images(encoded, "encoded")
    check_count("label", label, 0)
    mean = encoded.mean((0, 2, 3), keepdim=True)[0]
    spectrum = torch.fft.fft2((encoded - mean).double(), norm="ortho").abs().square().mean((0, 1))
    return GaussianDenoiser(process, {label: spectrum}, {label: mean})
