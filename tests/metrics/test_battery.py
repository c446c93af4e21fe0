"""The same checks for every score; the test of each says in `CASES` how it takes part."""

from __future__ import annotations

import importlib
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from spectral_collapse import metrics
from spectral_collapse.errors import DataError, InvalidParameterError, NotFiniteError
from tests.each import each

from .case import Case
from .images import textures

CASES: dict[str, Case] = {
    name: case
    for path in sorted(Path(__file__).parent.glob("test_*.py"))
    if path != Path(__file__)
    for name, case in getattr(importlib.import_module(f".{path.stem}", __package__), "CASES", {}).items()
}


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


def test_every_score_has_a_card_a_function_and_a_case_and_its_values_lie_in_its_range() -> None:
    for name, card in metrics.SCORES.items():
        function = card.function.__name__
        assert card.name == name
        assert getattr(metrics, function) is card.function
        assert function in metrics.__all__
        assert card.range[0] < card.range[1]
        target = "" if card.target is None else f"→ {card.target:g}"
        assert card.arrow == {True: "↑", False: "↓", None: target}[card.higher_is_better]
        cases = [case for key, case in CASES.items() if key.split()[0] == function]
        assert cases, name
        for case in cases:
            result = case.evaluate(batch(case))
            found = torch.as_tensor(getattr(result, card.field) if card.field else result)
            assert found.ndim == (1 if card.per == "sample" else 0), name
            assert ((found >= card.range[0]) & (found <= card.range[1])).all(), name


@each("name", [name for name, case in CASES.items() if case.per_sample])
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
@each("name", CASES)
def test_the_device_makes_no_difference(name: str) -> None:
    case = CASES[name]
    there = values(case.evaluate(batch(case).cuda()))
    torch.testing.assert_close(there.cpu(), values(case.evaluate(batch(case))), rtol=1e-4, atol=case.tolerance)


LAYOUTS = {
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "every second column of a wider batch": lambda x: x.repeat_interleave(2, -1)[..., ::2],
}


@each("name", CASES)
def test_layout_and_precision_make_no_difference_and_the_input_is_left_alone(name: str) -> None:
    case = CASES[name]
    within = {"rtol": case.tolerance, "atol": case.tolerance, "equal_nan": True}
    double = batch(case).double()
    exact = values(case.evaluate(double))
    assert torch.equal(double, batch(case).double())
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        before = batch(case).to(dtype)
        images = before.clone()
        found = values(case.evaluate(images))
        assert torch.equal(images, before), dtype
        if dtype.itemsize == 2:
            # What a case makes of the images itself may be rounded; half precision carries 5e-4, and bfloat16 4e-3.
            single = values(case.evaluate(before.float()))
            torch.testing.assert_close(found, single, rtol=1e-5, atol=1e-5, equal_nan=True)
            continue
        # It carries 6e-8; SSIM divides differences of squares by C2 = 9e-4, which may cost a factor 1e3.
        torch.testing.assert_close(found, exact, rtol=case.tolerance, atol=case.tolerance)
        for layout, arranged in LAYOUTS.items():
            torch.testing.assert_close(
                values(case.evaluate(arranged(before))), found, msg=lambda m, at=layout: f"{at}: {m}", **within
            )


CALIBRATED = [sys.modules[function.__module__]._calibrated for function in (metrics.s_dc, metrics.patch_correlation)]


@each("name", CASES)
def test_gradients_and_the_random_state_play_no_part(name: str) -> None:
    for calibrated in CALIBRATED:
        calibrated.cache_clear()
    images, before = batch(CASES[name]), torch.get_rng_state()
    expected = values(CASES[name].evaluate(images))
    with torch.enable_grad():
        found = values(CASES[name].evaluate(images.clone().requires_grad_(True)))
    assert not found.requires_grad
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(torch.get_rng_state(), before)


@each("name", CASES)
def test_what_a_score_cannot_take_is_refused_by_its_name(name: str) -> None:
    case = CASES[name]
    images, label = batch(case), f"(?i)^{case.label}"
    with pytest.raises(DataError, match="empty"):
        case.evaluate(images[:0])
    for wrong in (images[0], (images * 100).to(torch.uint8)):
        with pytest.raises(InvalidParameterError, match="floating-point tensor"):
            case.evaluate(wrong)
    if case.fewest > 1:
        with pytest.raises(DataError, match=f"{label}.*at least {case.fewest}"):
            case.evaluate(images[: case.fewest - 1])
    if case.least:
        case.evaluate(images[..., : case.least, : case.least])
    if case.least and case.least > 1:
        with pytest.raises(InvalidParameterError, match=label):
            case.evaluate(images[..., : case.least - 1, :])
    for value, refused in ((1.0005, False), (1.1, True)) if case.images else ():  # rounding, and too much
        for side in (-1, 1):
            images[1, 2, 3, 4] = side * value
            with pytest.raises(InvalidParameterError, match=r"\[-1, 1\]") if refused else nullcontext():
                case.evaluate(images)
            images[1, 2, 3, 4] = 0
    for value in (torch.nan, torch.inf, -torch.inf):
        images[3, 1, 4, 5] = value
        with pytest.raises(NotFiniteError, match=f"{label}.*sample 3"):
            case.evaluate(images)


@each("name", CASES)
def test_constant_batches(name: str) -> None:
    case = CASES[name]
    for level in (0.0, 0.3):
        constant = torch.full_like(batch(case), level)
        if isinstance(case.constant, type):
            with pytest.raises(case.constant):
                case.evaluate(constant)
        else:
            assert values(case.evaluate(constant)).isnan().any() == (case.constant == "undefined")


@each("name", [name for name, case in CASES.items() if case.compare])
def test_comparisons(name: str) -> None:
    case = CASES[name]
    images, other = batch(case), batch(case).flip(-1)
    if case.matched:
        with pytest.raises(InvalidParameterError, match="same shape"):
            case.compare(images, images[:3])
    if case.identity is not None:
        flat = [torch.full_like(images, level) for level in (-1.0, 0.0, 0.3, 1.0) if case.images]
        for one in (images, *flat):
            found = values(case.compare(one, one.clone()))
            # Sums of float32 rounding; an infinite identity must be met exactly.
            torch.testing.assert_close(found, torch.full_like(found, case.identity), rtol=0, atol=case.tolerance)
    if case.symmetric:
        there, back = values(case.compare(images, other)), values(case.compare(other, images))
        torch.testing.assert_close(there, back, rtol=1e-5, atol=1e-6)
