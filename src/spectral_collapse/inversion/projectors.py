"""Projectors: the parts of an image that a sparse source leaves empty.

A projector is any callable on N x C x H x W; these are linear, idempotent and self-adjoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spectral_collapse.checks import check_count, check_number, described
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.later import F, torch

Projector = Callable[["torch.Tensor"], "torch.Tensor"]


@dataclass(frozen=True)
class HighPass:
    """Keeps the frequencies with |f_x| or |f_y| above `cutoff`, in cycles per pixel, 0 to 0.5.

    It removes the square of frequencies that an image of 2 * cutoff times the resolution can hold.
    """

    cutoff: float

    def __post_init__(self) -> None:
        check_number("cutoff", self.cutoff, 0, 0.5)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        _check_maps(x, 2)
        height, width = x.shape[-2:]
        # The frequencies are compared in float64, so that a cutoff that is one of them stays out.
        down = torch.fft.fftfreq(height, dtype=torch.float64).abs()[:, None] > self.cutoff
        across = torch.fft.rfftfreq(width, dtype=torch.float64) > self.cutoff
        kept = (down | across).to(x.device)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # the FFT knows no half precision
        return torch.fft.irfft2(torch.fft.rfft2(wide) * kept, s=(height, width)).to(x.dtype)


@dataclass(frozen=True)
class DownsamplingNullSpace:
    """Keeps what averages over blocks of factor x factor pixels cannot show: P = I - A^+ A.

    factor: a whole number of at least 2 that divides height and width.
    """

    factor: int

    def __post_init__(self) -> None:
        check_count("factor", self.factor, 2)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        _check_maps(x, 3)
        if x.shape[-2] % self.factor or x.shape[-1] % self.factor:
            raise InvalidParameterError(
                f"the factor {self.factor} must divide height and width; {tuple(x.shape[-2:])} was given"
            )
        means = F.avg_pool2d(x, self.factor)
        return x - means.repeat_interleave(self.factor, -2).repeat_interleave(self.factor, -1)


def _check_maps(x: object, least: int) -> None:
    """Raises InvalidParameterError for what is no floating-point tensor ... x H x W of so many dimensions at least."""
    if not isinstance(x, torch.Tensor) or not x.is_floating_point() or x.is_meta or not least <= x.ndim <= 4:
        raise InvalidParameterError(f"x must be a floating-point tensor N x C x H x W; {described(x)} was given")
