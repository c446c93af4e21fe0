from __future__ import annotations

import pytest
import torch

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics.plain_error import (
    PlainError,
    area_error,
    area_means,
    plain_error,
    plain_mask,
    plain_places,
)

from .case import Case


def _half_plain(images: torch.Tensor) -> PlainError:
    """Against references that are plain on the left and striped on the right."""
    columns = torch.arange(images.shape[-1], device=images.device)
    stripes = (columns % 2 - 0.5).to(images.dtype)
    return plain_error(images, torch.where(columns < len(columns) // 2, images / 1000, stripes))


CASES = {"plain_error": Case("plain error", _half_plain, images=True, compare=plain_error, least=2)}


def striped(height: int = 12, width: int = 16) -> torch.Tensor:
    """Flat on the left half, alternating columns on the right: (1, 3, height, width)."""
    image = torch.zeros(1, 3, height, width)
    image[..., width // 2 :: 2] = 0.5
    return image


def test_the_mask_is_where_neighbours_agree_in_every_channel_on_average() -> None:
    expected = torch.zeros(1, 11, 15, dtype=torch.bool)
    expected[..., :7] = True  # column 7 has the first stripe as its right neighbour
    assert torch.equal(plain_mask(striped()), expected)
    image = torch.zeros(1, 3, 3, 3)
    image[0, 1, 0, 1] = 0.049  # differs from pixel (0, 0) to the right only: a mean of 0.0245
    image[0, 2, 2, 0] = 0.051  # differs from pixel (1, 0) downwards only: a mean of 0.0255
    assert plain_mask(image)[0].tolist() == [[True, False], [False, True]]


def test_errors_are_told_apart_by_area() -> None:
    references = striped()
    images = references.clone()
    images[..., :7] += 0.1
    images[..., 7:] += 0.4
    found = plain_error(images, references)
    assert [float(value) for value in found] == pytest.approx([0.1, 0.4, 0.25], rel=1e-6)
    noise = torch.zeros(1, 5, 12, 16)
    assert [
        float(v) for v in area_error(references, noise + images[:, :1] - references[:, :1], noise)
    ] == pytest.approx([0.1, 0.4, 0.25], rel=1e-6)


def test_a_missing_area_is_nan() -> None:
    flat, checks = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    checks[..., ::2, ::2] = checks[..., 1::2, 1::2] = 1.0
    plain, other, ratio = plain_error(torch.cat((flat, checks)) * 0.5, torch.cat((flat, checks)))
    assert plain.isnan().tolist() == [False, True]
    assert other.isnan().tolist() == [True, False]
    assert ratio.isnan().all()


def test_plain_places_are_those_whose_neighbours_differ_little() -> None:
    images = torch.zeros(1, 3, 32, 32)
    images[..., 0, 16:] = 0.1  # columns 16 on, of one row and channel: steps at (0, 15) and below the row
    images[:, 1, 20:] += 0.02 * torch.arange(12)[:, None]  # a ramp: 0.01 on average over both neighbours
    plain = plain_places(images, 8)
    expected = torch.ones(7, 7, dtype=torch.bool)
    expected[0, 2 + 1 :] = False  # windows of rows 0 to 7 that hold a pixel of columns 15 to 31
    expected[0, 2] = False
    torch.testing.assert_close(plain[0], expected)


def test_bad_input() -> None:
    with pytest.raises(InvalidParameterError, match="2 x 2"):
        plain_mask(torch.zeros(1, 3, 1, 8))
    with pytest.raises(InvalidParameterError, match="number, height and width"):
        area_error(striped(), torch.zeros(1, 3, 6, 8), torch.zeros(1, 3, 6, 8))
    with pytest.raises(InvalidParameterError, match="the same shape"):
        area_error(striped(), torch.zeros(1, 3, 12, 16), torch.zeros(1, 2, 12, 16))
    with pytest.raises(InvalidParameterError, match="use square ones"):
        plain_places(torch.zeros(1, 3, 30, 32), 8)


def test_means_are_of_either_area_and_of_none_that_is_too_small() -> None:
    plain = torch.zeros(2, 4, 5, dtype=torch.bool)
    plain[0, :, :2] = True
    plain[1, 0, 0] = True  # 1 of 20 places
    values = torch.where(plain, 1.0, 3.0)[:, None] * torch.tensor([1.0, -2.0]).reshape(1, 2, 1, 1)
    expected = torch.tensor([[[1, -2], [1, -2]], [[3, -6], [3, -6]]], dtype=torch.float64)
    torch.testing.assert_close(area_means(values, plain), expected)
    assert area_means(values, plain, 0.1)[0, 1].isnan().all()
    assert area_means(values[:, 0], plain).shape == (2, 2)
    assert area_means(values, torch.zeros_like(plain))[0].isnan().all()
    with pytest.raises(InvalidParameterError, match="must have the number, height and width"):
        area_means(values, plain[..., :-1])
