"""The nearest-neighbour resampling that makes sparse sources out of sharp images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from spectral_collapse.checks import check_count
from spectral_collapse.datasets.base import DatasetInfo
from spectral_collapse.errors import InvalidParameterError

if TYPE_CHECKING:
    from torch import Tensor


def sparsify(images: Tensor, factor: int) -> Tensor:
    """Reduces images by nearest neighbour and repeats the pixels back to the old size.

    The paper's x8, x16 and x32 sources are made in this way (Appendix B.2). Of each `factor` x `factor` block the pixel
    at row and column `factor // 2` is kept: the centre, and for an even factor, which has none, the one below and to
    the right of it. This is PyTorch's 'nearest-exact'. Frequencies above 1 / (2 factor) cycles per pixel fold back;
    nothing is averaged.

    Args:
        images: any float or integer tensor (..., C, H, W); H and W are multiples of `factor`.
        factor: side of a block in pixels, at least 1.

    Returns:
        A new tensor of the same shape and type, constant in every block.

    Raises:
        InvalidParameterError: a factor that is no whole number of at least 1, or does not divide H and W.
    """
    factor = check_count("factor", factor, 1)
    height, width = images.shape[-2:]
    if height % factor or width % factor:
        raise InvalidParameterError(
            f"factor {factor} does not divide images of {height} x {width} pixels; use a size that is a multiple of it"
        )
    kept = images[..., factor // 2 :: factor, factor // 2 :: factor]
    return kept.repeat_interleave(factor, dim=-2).repeat_interleave(factor, dim=-1)


def nyquist_limit(factor: int, size: int) -> float:
    """The frequency, in cycles per pixel, up to which a source made by `sparsify` keeps the target, at any size."""
    return 1 / (2 * factor)


def source_cutoff(factor: int, size: int) -> float:
    """Where S_LF cuts a source made by `sparsify`: its Nyquist limit as a fraction of the image's.

    It is the same at every size; at factor 16 it is about the paper's 0.06.
    """
    return 1 / factor


def entries(
    family: str,
    title: str,
    open_real: Callable[..., Any],
    render: Callable[..., Any] | None = None,
    companion: bool = False,
    **further: Any,
) -> list[DatasetInfo]:
    """The data sets x8, x16 and x32 of a family, whose sources `sparsify` makes and which share a network.

    open_real, render: as in `DatasetInfo`, after the factor. companion: whether x8 stands beside data sets of other
    families. further: of `DatasetInfo`.
    """
    return [
        DatasetInfo(
            name=f"{family}_x{factor}",
            family=family,
            title=f"{title}, x{factor}",
            source_label=label,
            guidance=1.0,
            source_band=partial(nyquist_limit, factor),
            structure="color",
            structure_cutoff=partial(source_cutoff, factor),
            open_real=partial(open_real, factor),
            render=render and partial(render, factor),
            companion=companion and factor == 8,
            **further,
        )
        for factor, label in ((8, 0), (16, 3), (32, 4))
    ]
