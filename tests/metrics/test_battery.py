"""The same checks for every score; the test of each says in `CASES` how it takes part."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from spectral_collapse import metrics
from spectral_collapse.errors import DataError, InvalidParameterError, NotFiniteError, SpectralCollapseError

from .case import Case
from .images import textures

CASES: dict[str, Case] = {
    name: case
    for path in sorted(Path(__file__).parent.glob("test_*.py"))
    if path != Path(__file__)
    for name, case in getattr(importlib.import_module(f".{path.stem}", __package__), "CASES", {}).items()
}
PER_SAMPLE = [name for name, case in CASES.items() if case.per_sample]
IMAGES = [name for name, case in CASES.items() if case.images]
COMPARED = [name for name, case in CASES.items() if case.compare]


def batch(case: Case) -> torch.Tensor:
    return textures(5, torch.Generator().manual_seed(0), size=case.size)


def values(result: object) -> torch.Tensor:
    """A score's numbers as one tensor: it may be a tensor, a number or a tuple of them; words are left out."""
    if isinstance(result, tuple):
        return torch.cat([values(part).flatten() for part in result])
    if result is None or isinstance(result, str):
        return torch.zeros(0, dtype=torch.float64)
    return torch.as_tensor(result, dtype=None if isinstance(result, torch.Tensor) else torch.float64)


def per_sample(case: Case, images: torch.Tensor) -> torch.Tensor:
    """(N, ...), the fields of a named tuple side by side."""
    result = case.evaluate(images)
    if not isinstance(result, tuple):
        return result
    return torch.cat([field.reshape(len(field), -1) for field in result], 1)


@pytest.mark.parametrize("name", metrics.SCORES)
def test_every_score_has_a_card_a_function_and_a_case(name: str) -> None:
    card = metrics.SCORES[name]
    function = card.function.__name__
    assert card.name == name
    assert getattr(metrics, function) is card.function
    assert function in metrics.__all__
    assert card.range[0] < card.range[1]
    assert (
        card.arrow
        == {True: "↑", False: "↓", None: "" if card.target is None else f"→ {card.target:g}"}[card.higher_is_better]
    )
    assert function in {case.split()[0] for case in CASES}


@pytest.mark.parametrize("name", metrics.SCORES)
def test_values_lie_in_their_range(name: str) -> None:
    card = metrics.SCORES[name]
    for case in (case for key, case in CASES.items() if key.split()[0] == card.function.__name__):
        result = case.evaluate(batch(case))
        found = torch.as_tensor(getattr(result, card.field) if card.field else result)
        assert found.ndim == (1 if card.per == "sample" else 0)
        assert ((found >= card.range[0]) & (found <= card.range[1])).all()


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_a_sample_does_not_see_its_batch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    images = batch(case)
    whole = per_sample(case, images)
    assert whole.shape[0] == len(images)
    assert whole.dtype == torch.float64
    alone = torch.cat([per_sample(case, image[None]) for image in images])
    # Only the order of float32 sums may differ between batch sizes.
    torch.testing.assert_close(whole, alone, rtol=1e-5, atol=1e-6)
    monkeypatch.setattr("spectral_collapse.metrics.ranges.CHUNK", 2 * images[0].numel())
    torch.testing.assert_close(per_sample(case, images), alone, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", CASES)
def test_the_device_makes_no_difference(name: str) -> None:
    case = CASES[name]
    there = values(case.evaluate(batch(case).cuda()))
    torch.testing.assert_close(there.cpu(), values(case.evaluate(batch(case))), rtol=1e-4, atol=case.tolerance)


@pytest.mark.parametrize("name", CASES)
def test_single_precision_is_enough(name: str) -> None:
    # float32 carries 6e-8; SSIM divides differences of squares by C2 = 9e-4, which may cost a factor 1e3.
    case = CASES[name]
    found, exact = (values(case.evaluate(batch(case).to(dtype))) for dtype in (torch.float32, torch.float64))
    torch.testing.assert_close(found, exact, rtol=case.tolerance, atol=case.tolerance)


LAYOUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "contiguous": lambda x: x.clone(),
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "every second column of a wider batch": lambda x: x.repeat_interleave(2, -1)[..., ::2],
}
PRECISIONS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
def test_the_input_is_left_alone_and_its_layout_makes_no_difference(name: str, layout: str, dtype: torch.dtype) -> None:
    images = LAYOUTS[layout](batch(CASES[name]).to(dtype))
    before = images.clone(memory_format=torch.contiguous_format)
    found = values(CASES[name].evaluate(images))
    assert torch.equal(images, before)
    expected = values(CASES[name].evaluate(before))
    torch.testing.assert_close(found, expected, rtol=CASES[name].tolerance, atol=CASES[name].tolerance, equal_nan=True)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_computed_in_single(name: str, dtype: torch.dtype) -> None:
    images = batch(CASES[name]).to(dtype)
    found, expected = values(CASES[name].evaluate(images)), values(CASES[name].evaluate(images.float()))
    # What a case makes of the images itself may be rounded; half precision carries 5e-4, and bfloat16 4e-3.
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("name", CASES)
def test_tensors_that_require_a_gradient_are_measured_like_others(name: str) -> None:
    images = batch(CASES[name])
    expected = values(CASES[name].evaluate(images))
    with torch.enable_grad():
        found = values(CASES[name].evaluate(images.clone().requires_grad_(True)))
    assert not found.requires_grad
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", CASES)
def test_the_random_state_is_left_alone(name: str) -> None:
    images, before = batch(CASES[name]), torch.get_rng_state()
    first, second = (values(CASES[name].evaluate(images)) for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_is_refused(name: str, value: float) -> None:
    images = batch(CASES[name])
    images[3, 1, 4, 5] = value
    with pytest.raises(NotFiniteError, match="sample 3"):
        CASES[name].evaluate(images)


@pytest.mark.parametrize("name", CASES)
def test_no_samples_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="empty"):
        CASES[name].evaluate(batch(CASES[name])[:0])


@pytest.mark.parametrize("name", CASES)
def test_only_batches_of_floats_are_taken(name: str) -> None:
    images = batch(CASES[name])
    for wrong in (images[0], (images * 100).to(torch.uint8)):
        with pytest.raises(InvalidParameterError, match="floating-point tensor"):
            CASES[name].evaluate(wrong)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.least])
def test_the_smallest_size(name: str) -> None:
    case = CASES[name]
    case.evaluate(batch(case)[..., : case.least, : case.least])
    if case.least > 1:
        with pytest.raises(InvalidParameterError) as caught:
            case.evaluate(batch(case)[..., : case.least - 1, :])
        assert str(caught.value).lower().startswith(case.label.lower())


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("level", [0.0, 0.3])
def test_constant_batches(name: str, level: float) -> None:
    case = CASES[name]
    constant = torch.full_like(batch(case), level)
    if isinstance(case.constant, type):
        with pytest.raises(case.constant):
            case.evaluate(constant)
    else:
        assert values(case.evaluate(constant)).isnan().any() == (case.constant == "undefined")


@pytest.mark.parametrize("name", IMAGES)
def test_images_must_lie_in_their_range(name: str) -> None:
    evaluate, images = CASES[name].evaluate, batch(CASES[name])
    for side in (-1, 1):
        images[1, 2, 3, 4] = side * 1.0005  # rounding
        evaluate(images)
        images[1, 2, 3, 4] = side * 1.1
        with pytest.raises(InvalidParameterError, match=r"\[-1, 1\]"):
            evaluate(images)
        images[1, 2, 3, 4] = 0


@pytest.mark.parametrize("name", [name for name in COMPARED if CASES[name].matched])
def test_compared_batches_must_match(name: str) -> None:
    images = batch(CASES[name])
    with pytest.raises(InvalidParameterError, match="same shape"):
        CASES[name].compare(images, images[:3])


@pytest.mark.parametrize("name", [name for name in COMPARED if CASES[name].identity is not None])
def test_a_batch_against_itself(name: str) -> None:
    case = CASES[name]
    found = values(case.compare(batch(case), batch(case).clone()))
    # Sums of float32 rounding; an infinite identity must be met exactly.
    torch.testing.assert_close(found, torch.full_like(found, case.identity), rtol=0, atol=case.tolerance)


@pytest.mark.parametrize("name", [name for name in COMPARED if CASES[name].symmetric])
def test_the_order_does_not_matter(name: str) -> None:
    case = CASES[name]
    x, y = batch(case), batch(case).flip(-1)
    torch.testing.assert_close(values(case.compare(x, y)), values(case.compare(y, x)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_errors_name_the_score(name: str) -> None:
    with pytest.raises(SpectralCollapseError) as caught:
        CASES[name].evaluate(batch(CASES[name]) * torch.nan)
    assert str(caught.value).lower().startswith(CASES[name].label.lower())
