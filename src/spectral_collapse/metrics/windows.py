"""Sliding windows that are products of a column and a row, in two passes instead of one large one."""

from __future__ import annotations

from collections.abc import Sequence

from spectral_collapse.later import torch


def slide(images: torch.Tensor, down: Sequence[float], across: Sequence[float]) -> torch.Tensor:
    """Weighted sums (..., H - len(down) + 1, W - len(across) + 1) over all windows that lie inside (..., H, W)."""
    for dim, weights in ((-1, across), (-2, down)):
        length = images.shape[dim] - len(weights) + 1
        total = images.narrow(dim, 0, length) * weights[0]
        for start, weight in enumerate(weights[1:], start=1):
            total.add_(images.narrow(dim, start, length), alpha=weight)
        images = total
    return images
