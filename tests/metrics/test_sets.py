"""Distances of two sets of images, by the features of a network."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from cleanfid import fid as clean
from sklearn.neighbors import NearestNeighbors

from spectral_collapse.errors import CheckpointError, DataError, InvalidParameterError
from spectral_collapse.metrics import inception
from spectral_collapse.metrics.frechet import fid, frechet_distance, kernel_distance, kid
from spectral_collapse.metrics.precision_recall import NEIGHBOURS, coverage, precision, recall
from spectral_collapse.metrics.st_distances import st_frechet, st_kernel
from spectral_collapse.metrics.st_lpips import st_lpips_features
from spectral_collapse.metrics.two_sample import c2st, classified, memorised
from spectral_collapse.metrics.weights import SOURCES
from tests.each import each

from .case import Case
from .images import textures
from .made_weights import made_weights

CASES = {
    score.__name__: Case(
        score.__name__,
        lambda x, score=score: score(x, 0.5 * x.flip(-1), made_weights("inception")),
        per_sample=False,
        images=True,
        compare=lambda x, y, score=score: score(x, y, made_weights("inception")),
        matched=False,
        fewest=fewest,
        # Rounded to 8 bits a pixel may fall to either side: 1/255 of the range in a few pixels.
        tolerance=1e-3,
    )
    for score, fewest in ((fid, 2), (kid, 3), (precision, 4), (recall, 4))
}
CASES |= {
    score.__name__: Case(
        "ST-LPIPS",
        lambda x, score=score: score(x, 0.5 * x.flip(-1)),
        per_sample=False,
        images=True,
        compare=score,
        matched=False,
        least=32,
        fewest=fewest,
        tolerance=1e-3,  # differences of sums of some thousand products in single precision
    )
    for score, fewest in ((st_frechet, 2), (st_kernel, 3))
}
CASES["c2st"] = Case(
    "C2ST",
    lambda x: c2st(torch.cat([x, x.flip(-1)]), torch.cat([x.flip(-2), 0.5 * x])),
    per_sample=False,
    images=True,
    least=None,
)


def gaussian(count: int, generator: torch.Generator, dims: int = 8, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(count, dims, generator=generator, dtype=torch.float64)


def with_moments(count: int, mean: float, deviations: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Samples whose empirical mean and covariance are these, to the last digits."""
    raw = gaussian(count, generator, len(deviations))
    white, _ = torch.linalg.qr(raw - raw.mean(0))
    return white * (count - 1) ** 0.5 * deviations + mean


@each("count", [12, 200])
def test_closed_form_of_commuting_covariances(count: int, generator: torch.Generator) -> None:
    a, b = torch.linspace(0.5, 2, 8, dtype=torch.float64), torch.linspace(3, 1, 8, dtype=torch.float64)
    x, y = with_moments(count, 0.0, a, generator), with_moments(count + 5, 0.5, b, generator)
    expected = 8 * 0.5**2 + (a - b).square().sum()
    torch.testing.assert_close(frechet_distance(x, y), expected, rtol=1e-9, atol=0)


def test_agrees_with_clean_fid_where_covariances_have_full_rank(generator: torch.Generator) -> None:
    mix = gaussian(8, generator)
    x, y = gaussian(100, generator) @ mix, gaussian(60, generator, scale=0.7) + 0.3
    moments = [part for z in (x.numpy(), y.numpy()) for part in (z.mean(0), np.cov(z, rowvar=False))]
    expected = clean.frechet_distance(*moments)
    assert frechet_distance(x, y).item() == pytest.approx(expected, rel=1e-6)


def test_low_rank_does_not_matter(generator: torch.Generator) -> None:
    """Fewer samples than dimensions, as FID always has under 2048 images: dimensions without variance add nothing."""
    x, y = gaussian(10, generator, 4), gaussian(12, generator, 4)
    expected = frechet_distance(x, y)
    rotation, _ = torch.linalg.qr(gaussian(64, generator, 64))
    wide = [torch.nn.functional.pad(z, (0, 60)) @ rotation for z in (x, y)]
    torch.testing.assert_close(frechet_distance(*wide), expected, rtol=1e-9, atol=0)


def test_kernel_distance_agrees_with_clean_fid(generator: torch.Generator) -> None:
    x, y = gaussian(40, generator), gaussian(40, generator, scale=1.3)
    # With sets of equal size under 1000 each of clean-fid's random subsets is the whole set.
    expected = clean.kernel_distance(x.numpy(), y.numpy(), num_subsets=2)
    assert kernel_distance(x, y)[0].item() == pytest.approx(expected, rel=1e-9)


def test_kernel_distance_is_the_mean_over_subsets(generator: torch.Generator) -> None:
    x, y = gaussian(30, generator), gaussian(50, generator, scale=1.3)
    np.random.seed(0)
    subsets = [clean.kernel_distance(x.numpy(), y.numpy(), num_subsets=1, max_subset_size=10) for _ in range(400)]
    value, _ = kernel_distance(x, y)
    assert abs(np.mean(subsets) - value.item()) < 4 * np.std(subsets) / 20


@each(("shift", "excess"), [(1.0, 1.0), (0.0, 2**0.5)])
def test_the_standard_error_is_the_spread_over_samples(shift: float, excess: float, generator: torch.Generator) -> None:
    """For sets that do not differ the linear part vanishes, and the jackknife is too large by root 2."""
    pairs = [(gaussian(150, generator), gaussian(100, generator) + shift) for _ in range(200)]
    values, errors = torch.stack([torch.stack(kernel_distance(x, y)) for x, y in pairs]).T
    # The spread of 200 values is known to 5 %, and less well for the heavy tails of a cubic kernel.
    assert errors.square().mean().sqrt().item() == pytest.approx(excess * values.std().item(), rel=0.15)
    expected = kernel_distance(gaussian(2000, generator), gaussian(2000, generator) + shift)[0]
    assert abs(values.mean() - expected) < 4 * values.std() / 200**0.5 + 0.03 * expected


def test_two_sets_that_do_not_differ_score_by_chance(generator: torch.Generator) -> None:
    folder, images = made_weights("inception"), textures(48, generator, size=32)
    small, large = (fid(images[:n], images[24 : 24 + n], folder) for n in (8, 24))
    assert (small.n_images, small.n_references) == (8, 8)
    assert small.score > large.score  # the bias of small sets, which `chance` shows too
    assert small.score == pytest.approx(small.chance, rel=0.3)
    assert large.score == pytest.approx(large.chance, rel=0.3)
    unbiased = kid(images[:24], images[24:], folder)
    assert abs(unbiased.score) < 4 * unbiased.standard_error


def test_different_sets_are_told_apart(generator: torch.Generator) -> None:
    folder, images = made_weights("inception"), textures(24, generator, size=32)
    shifted = (images + 0.4).clamp(-1, 1)
    frechet, kernel = fid(images[:12], shifted[12:], folder), kid(images[:12], shifted[12:], folder)
    assert frechet.score > 1.5 * frechet.chance
    assert kernel.score > 4 * kernel.standard_error
    assert fid(images, images, folder).score == pytest.approx(0, abs=1e-6)


def points(count: int, generator: torch.Generator, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, 5, generator=generator, dtype=torch.float64) + shift


def test_coverage_agrees_with_scikit_learn(generator: torch.Generator) -> None:
    x, y = points(80, generator, 1.0), points(60, generator)
    radii = NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(y).kneighbors(y)[0][:, -1]
    distances, indices = NearestNeighbors(n_neighbors=len(y)).fit(y).kneighbors(x)
    assert coverage(x, y).item() == (distances <= radii[indices]).any(1).mean()


def test_coverage_has_its_closed_forms(generator: torch.Generator) -> None:
    x = points(50, generator)
    assert coverage(x, x) == 1
    assert coverage(x + 100, x) == 0
    line = torch.arange(4.0).double()[:, None]  # radii 3, 2, 2, 3: together [-3, 6]
    assert coverage(torch.tensor([[-3.0], [-3.1], [6.0], [6.1]]).double(), line) == 0.5


def test_a_narrow_set_has_precision_but_no_recall(generator: torch.Generator) -> None:
    folder, references = made_weights("inception"), textures(24, generator, size=32)
    narrow = (references[:1] + 0.02 * torch.randn(24, 3, 32, 32, generator=generator)).clamp(-1, 1)
    inside, covered = precision(narrow, references, folder), recall(narrow, references, folder)
    assert inside.score == 1
    assert covered.score <= 2 / 24  # the image itself is all that is covered
    assert covered.chance > 0.3
    assert recall(narrow, references, folder).score == precision(references, narrow, folder).score
    assert (inside.n_images, inside.n_references) == (24, 24)


def test_of_two_gaussians_it_is_the_area_in_closed_form(generator: torch.Generator) -> None:
    """One informative feature, shifted by d standard deviations: the area is Phi(d / sqrt 2)."""
    for shift in (0.0, 0.5, 1.5, 6.0):
        x, y = (torch.randn(1000, 1, generator=generator, dtype=torch.float64) for _ in range(2))
        found = classified(x, y + shift)
        expected = 0.5 * (1 + math.erf(shift / 2))
        # 0 by rounding at the largest shift; cross-validation of no difference scatters more than one classifier
        assert abs(found.score - expected) < 4 * found.standard_error + 1e-3, shift
        assert (found.n_images, found.n_references) == (1000, 1000)


def test_its_standard_error_is_that_of_ranks_where_nothing_differs() -> None:
    """At an area of 1/2, Hanley and McNeil's variance is that of the Mann-Whitney statistic, (n + m + 1) / (12 n m)."""
    from spectral_collapse.metrics.two_sample import _standard_error

    for n, m in ((16, 16), (64, 256)):
        assert _standard_error(0.5, n, m) == pytest.approx(math.sqrt((n + m + 1) / (12 * n * m)), rel=1e-12)
    assert _standard_error(1.0, 16, 16) == 0


def test_copies_are_memorised_and_other_images_of_the_same_kind_are_not(generator: torch.Generator) -> None:
    training, held_out, samples = torch.randn(3, 400, 6, generator=generator, dtype=torch.float64)
    assert memorised(training[:50], training, held_out) == 1
    assert memorised(held_out, training, held_out) == 0.5
    # a share of pairs: its standard error is at most that of ranks, 0.02
    assert memorised(samples, training, held_out) == pytest.approx(0.5, abs=0.06)
    assert memorised(samples + 20, training, held_out) == 0
    # the unit of a feature does not matter
    scale = torch.tensor([1e-3, 1, 1, 1, 1, 1e3], dtype=torch.float64)
    assert memorised(samples * scale, training * scale, held_out * scale) == memorised(samples, training, held_out)


def test_images_are_told_apart_by_what_they_show(generator: torch.Generator) -> None:
    noise = torch.rand(24, 3, 32, 32, generator=generator) * 2 - 1
    smooth = torch.nn.functional.avg_pool2d(noise, 5, 1, 2)
    assert c2st(noise[:12], smooth[12:]).score == 1
    with pytest.raises(DataError, match="at least 8 images, got 7 images"):
        c2st(noise[:7], smooth)
    with pytest.raises(InvalidParameterError, match="at least 32 x 32 pixels; 16 x 16 was given"):
        c2st(noise[..., :16, :16], smooth[..., :16, :16])


def test_they_are_the_distances_of_the_features(generator: torch.Generator) -> None:
    x, y = textures(6, generator, size=32), textures(5, generator, slope=-1.0, size=32)
    first, second = st_lpips_features(x), st_lpips_features(y)
    found = st_frechet(x, y)
    assert found.score == pytest.approx(float(frechet_distance(first, second)))
    assert (found.n_images, found.n_references) == (6, 5)
    assert found.score > 2 * found.chance
    distance, error = kernel_distance(first, second)
    assert st_kernel(x, y)[:2] == pytest.approx((float(distance), float(error)))
    assert distance > 4 * error


def test_they_grow_with_damage_and_chance_is_what_no_difference_gives(generator: torch.Generator) -> None:
    x, y = textures(48, generator, size=32).split(24)
    noise = torch.randn(y.shape, generator=generator)
    damaged = [(y + size * noise).clamp(-1, 1) for size in (0.0, 0.1, 0.3)]
    for score in (st_frechet, st_kernel):
        values = [score(x, one).score for one in damaged]
        assert values == sorted(values)
    same = st_frechet(x, y)
    # the mean of eight divisions of the same images; one division scatters by some percent
    assert same.score == pytest.approx(same.chance, rel=0.2)
    kernel = st_kernel(x, y)
    assert abs(kernel.score) < 4 * kernel.standard_error


def test_features_agree_with_clean_fid(tmp_path: Path, generator: torch.Generator) -> None:
    from cleanfid.inception_torchscript import InceptionV3W
    from PIL import Image

    images, folder = textures(3, generator, size=48), made_weights("inception")
    for index, image in enumerate(((images + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()):
        Image.fromarray(image).save(tmp_path / f"{index}.png")
    network = InceptionV3W(str(folder), download=False)
    expected = clean.get_folder_features(
        str(tmp_path), network, num_workers=0, device=torch.device("cpu"), verbose=False
    )
    found, again = inception.features("FID", images, images, folder)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert again is found  # one pass for the same pixels


def test_a_batch_does_not_matter(generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    images, folder = textures(5, generator, size=20), made_weights("inception")
    whole, _ = inception.features("FID", images, images, folder)
    monkeypatch.setattr(inception, "BATCH", 2)
    inception._features.cache_clear()
    torch.testing.assert_close(inception.features("FID", images, images, folder)[0], whole, rtol=0, atol=1e-5)


def test_grey_and_other_sizes_are_taken_and_other_channels_and_files_refused(
    generator: torch.Generator, tmp_path: Path
) -> None:
    grey, folder = textures(2, generator, channels=1, size=20), made_weights("inception")
    x, y = inception.features("FID", grey, textures(3, generator, channels=1, size=33), folder)
    assert (x.shape, y.shape) == ((2, 2048), (3, 2048))
    assert torch.equal(x, inception.features("FID", *[grey.expand(-1, 3, -1, -1)] * 2, folder)[0])
    folder, images = made_weights("inception"), torch.zeros(2, 3, 20, 20)
    with pytest.raises(InvalidParameterError, match="FID takes images of 1 or 3 channels, got 4"):
        inception.features("FID", torch.zeros(2, 4, 20, 20), torch.zeros(2, 4, 20, 20), folder)
    with pytest.raises(InvalidParameterError, match="images have 3 channels and references 1"):
        inception.features("FID", images, images[:, :1], folder)
    (tmp_path / SOURCES["inception"].filename).write_bytes(b"<html>404</html>")
    with pytest.raises(CheckpointError, match="TorchScript"):
        inception.features("FID", images, images, tmp_path)
