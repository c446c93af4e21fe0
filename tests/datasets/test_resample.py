"""Nearest-neighbour reduction: what it keeps, and that it keeps nothing else."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import interpolate

from spectral_collapse.datasets.resample import sparsify
from spectral_collapse.errors import InvalidParameterError
from tests.each import each


@each("factor", [1, 2, 3, 8, 16])
def test_agrees_with_torch_nearest_exact(factor: int) -> None:
    images = torch.rand(2, 3, 48, 96)
    small = interpolate(images, scale_factor=1 / factor, mode="nearest-exact")
    assert torch.equal(sparsify(images, factor), interpolate(small, scale_factor=factor, mode="nearest-exact"))


@each("shape", [(64, 64), (3, 64, 32), (2, 3, 64, 64), (2, 2, 1, 16, 16)])
def test_blocks_are_constant_and_show_a_pixel_of_their_own(shape: tuple[int, ...]) -> None:
    images = torch.rand(shape)
    blocks = sparsify(images, 8).unfold(-2, 8, 8).unfold(-2, 8, 8).flatten(-2)
    assert torch.equal(blocks.amin(-1), blocks.amax(-1))
    # The one at row and column 4 of 0..7, as documented; averages or the corner would be another value.
    assert torch.equal(blocks[..., 0], images[..., 4::8, 4::8])


def test_is_idempotent_and_new() -> None:
    images = torch.randint(0, 255, (1, 3, 32, 32), dtype=torch.uint8)
    once = sparsify(images, 16)
    assert torch.equal(sparsify(once, 16), once)
    assert once.dtype == images.dtype
    whole = sparsify(images, 1)
    whole.zero_()
    assert images.any()


@each("factor", [5, 64, 0, -2, 2.0, True])
def test_refuses_factors_that_do_not_fit(factor: object) -> None:
    with pytest.raises(InvalidParameterError, match="factor"):
        sparsify(torch.zeros(3, 32, 32), factor)
