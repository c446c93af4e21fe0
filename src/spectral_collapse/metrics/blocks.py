"""Sums over the elements of many large latents: float64, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

from spectral_collapse.later import torch

BLOCK = 1 << 24
"""Values per block of `element_blocks`, 128 MB in float64: large enough for matrix products at full speed."""


def element_blocks(*batches: torch.Tensor) -> Iterator[tuple[torch.Tensor, ...]]:
    """Batches (N, ...) of equal shape, flattened and cut alike along elements: float64 blocks (N, about BLOCK / N).

    Blocks of float64 batches are views and must not be written into.
    """
    rows = [batch.flatten(1) for batch in batches]
    width = max(1, BLOCK // len(rows[0]))
    for start in range(0, rows[0].shape[1], width):
        yield tuple(part[:, start : start + width].double() for part in rows)
