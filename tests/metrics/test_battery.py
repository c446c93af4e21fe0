"""The same checks for every score."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from spectral_collapse import metrics
from spectral_collapse.errors import DataError, InvalidParameterError, NotFiniteError, SpectralCollapseError

from .images import textures

Evaluate = Callable[[torch.Tensor], torch.Tensor]

IMAGE_SCORES: dict[str, Evaluate] = {
    "s_hf": lambda x: metrics.s_hf(x, metrics.HFReference(12.0, "sym3", -3.0, 1, (3, 32, 32))),
    "s_lf": lambda x: metrics.s_lf(x, x.flip(-1), cutoff=0.25),
    "s_lf edges": lambda x: metrics.s_lf(x, x.flip(-1), cutoff=0.25, structure="edges"),
    "psnr": lambda x: metrics.psnr(x, x.flip(-1)),
}
PER_SAMPLE: dict[str, Evaluate] = {
    **IMAGE_SCORES,
    "s_dc": metrics.s_dc,
    "radial_spectrum": lambda x: metrics.radial_spectrum(x)[1],
}
ALL: dict[str, Callable[[torch.Tensor], object]] = {**PER_SAMPLE, "s_g": metrics.s_g}


@pytest.fixture
def images(generator: torch.Generator) -> torch.Tensor:
    return textures(5, generator, size=32)


def test_every_score_has_a_card() -> None:
    assert set(metrics.SCORES) == {"s_hf", "s_lf", "s_dc", "s_g", "psnr"}
    for name, card in metrics.SCORES.items():
        assert card.name == name
        assert callable(getattr(metrics, name))
        assert card.range[0] < card.range[1]
        assert card.arrow == "↑"


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_a_sample_does_not_see_its_batch(name: str, images: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = PER_SAMPLE[name](images)
    assert whole.shape[0] == len(images)
    assert whole.dtype == torch.float64
    alone = torch.cat([PER_SAMPLE[name](image[None]) for image in images])
    # Only the order of float32 sums may differ between batch sizes.
    torch.testing.assert_close(whole, alone, rtol=1e-5, atol=1e-6)
    monkeypatch.setattr("spectral_collapse.metrics.ranges.CHUNK", 2 * images[0].numel())
    torch.testing.assert_close(PER_SAMPLE[name](images), alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_single_precision_is_enough(name: str, images: torch.Tensor) -> None:
    # float32 carries 6e-8; SSIM divides differences of squares by C2 = 9e-4, which may cost a factor 1e3.
    torch.testing.assert_close(PER_SAMPLE[name](images), PER_SAMPLE[name](images.double()), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_the_input_is_left_alone(name: str, images: torch.Tensor) -> None:
    before = images.clone()
    PER_SAMPLE[name](images)
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_is_refused(name: str, value: float, images: torch.Tensor) -> None:
    images[3, 1, 4, 5] = value
    with pytest.raises(NotFiniteError, match="sample 3"):
        ALL[name](images)


@pytest.mark.parametrize("name", ALL)
def test_no_samples_are_refused(name: str, images: torch.Tensor) -> None:
    with pytest.raises(DataError, match="empty"):
        ALL[name](images[:0])


@pytest.mark.parametrize("name", ALL)
def test_only_batches_of_floats_are_taken(name: str, images: torch.Tensor) -> None:
    for wrong in (images[0], (images * 100).to(torch.uint8)):
        with pytest.raises(InvalidParameterError, match="floating-point tensor"):
            ALL[name](wrong)


@pytest.mark.parametrize("name", IMAGE_SCORES)
def test_images_must_lie_in_their_range(name: str, images: torch.Tensor) -> None:
    for side in (-1, 1):
        images[1, 2, 3, 4] = side * 1.0005  # rounding
        IMAGE_SCORES[name](images)
        images[1, 2, 3, 4] = side * 1.1
        with pytest.raises(InvalidParameterError, match=r"\[-1, 1\]"):
            IMAGE_SCORES[name](images)
        images[1, 2, 3, 4] = 0


@pytest.mark.parametrize("compare", [metrics.psnr, lambda x, y: metrics.s_lf(x, y, 0.25)])
def test_compared_images_must_match(
    compare: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], images: torch.Tensor
) -> None:
    with pytest.raises(InvalidParameterError, match="same shape"):
        compare(images, images[:3])


@pytest.mark.parametrize("name", ALL)
def test_errors_name_the_score(name: str, images: torch.Tensor) -> None:
    with pytest.raises(SpectralCollapseError) as caught:
        ALL[name](images * torch.nan)
    assert str(caught.value).lower().startswith(name.split()[0].replace("_spectrum", ""))
