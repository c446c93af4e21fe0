from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics import low_pass, s_lf, structure_view
from tests.each import each

from .case import Case
from .images import textures, wave

CASES = {
    name: Case(
        "S_LF",
        lambda x, structure=structure: s_lf(x, x.flip(-1), 0.25, structure),
        images=True,
        compare=lambda x, y, structure=structure: s_lf(x, y, 0.25, structure),
        identity=1.0,
        symmetric=True,
        least=11,
    )
    for name, structure in (("s_lf", "color"), ("s_lf silhouette", "silhouette"), ("s_lf edges", "edges"))
}


def disc(size: int = 64, radius: float = 0.3, tone: float = 0.0, shift: int = 0) -> torch.Tensor:
    """A disc of one tone on white, (1, 3, size, size) in [-1, 1]."""
    axis = torch.linspace(-1, 1, size)
    inside = torch.hypot(axis[:, None], axis).roll(shift, 1) < 2 * radius
    return torch.where(inside, 2 * tone - 1, 1.0).expand(1, 3, size, size)


def test_follows_eq_41_to_44(generator: torch.Generator) -> None:
    images, sources = textures(3, generator, slope=-2), textures(3, generator, slope=-2)
    radius = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64))

    def filtered(image: torch.Tensor) -> np.ndarray:
        low = np.fft.ifft2(np.fft.fft2((image.double().numpy() + 1) / 2) * (radius <= 0.3 / 2)).real
        return low.clip(0, 1)

    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = [
        structural_similarity(filtered(x), filtered(y), data_range=1.0, channel_axis=0, **options)
        for x, y in zip(images, sources, strict=True)
    ]
    # float32 FFT and squares: see test_similarity.
    np.testing.assert_allclose(s_lf(images, sources, 0.3), expected, atol=1e-4)


@each("shape", [(64, 64), (63, 63), (48, 64)])
def test_low_pass_keeps_below_and_drops_above(shape: tuple[int, int], generator: torch.Generator) -> None:
    images = torch.rand(2, 3, *shape, generator=generator, dtype=torch.float64)
    spectrum = torch.fft.fft2(images)
    radius = torch.hypot(torch.fft.fftfreq(shape[0])[:, None], torch.fft.fftfreq(shape[1]))
    kept = torch.fft.fft2(low_pass(images, 0.25))
    inside, outside = radius <= 0.12, radius > 0.13
    torch.testing.assert_close(kept[..., inside], spectrum[..., inside])
    assert kept[..., outside].abs().max() < 1e-10


def test_the_cutoff_itself_is_kept_and_texture_above_does_not_count(generator: torch.Generator) -> None:
    on, above = wave(64, 4), wave(64, 5)
    torch.testing.assert_close(low_pass(on, 4 / 32), on)
    assert low_pass(above, 4 / 32).abs().max() < 1e-12
    sources = 0.5 * textures(3, generator)
    texture = torch.randn(sources.shape, generator=generator) * 0.05
    texture = texture - low_pass(texture, 0.25)
    # Equal up to float32 in the FFT.
    torch.testing.assert_close(s_lf(sources + texture, sources, 0.25), torch.ones(3).double(), rtol=0, atol=1e-5)
    assert s_lf(sources + texture, sources, 0.8).max() < 0.9


def test_edges_see_the_shape_and_not_its_tone() -> None:
    dark, light = disc(tone=0.0), disc(tone=0.4)
    tone = {structure: s_lf(light, dark, 0.25, structure).item() for structure in ("color", "edges")}
    assert tone["edges"] > tone["color"] + 0.1
    assert tone["edges"] > s_lf(disc(shift=4), dark, 0.25, "edges").item() + 0.4
    # Almost white is background.
    faint = disc(tone=0.96)
    assert structure_view(faint, 0.25, "edges").max() == 0
    red = dark.clone()
    red[:, 0] = 1
    view = structure_view(red, 0.25, "edges")
    assert view.shape == (1, 1, 64, 64)
    assert set(view.unique().tolist()) == {0, 1}
    assert view[0, 0, 32, 32] == 1
    assert view[0, 0, 2, 2] == 0


def ring(size: int = 64, gap: int = 0) -> torch.Tensor:
    """The outline of `disc`, two pixels wide, with a gap of so many pixels, (1, 3, size, size)."""
    outline = torch.where(disc(size, radius=0.3 - 2 / size) < 1, 1.0, disc(size))
    outline[..., size // 2 : size // 2 + gap, : size // 2] = 1
    return outline


def test_what_an_outline_encloses_is_the_object() -> None:
    for gap in (0, 2):
        view = structure_view(ring(gap=gap), 1.0, "silhouette", fill=True)
        torch.testing.assert_close(view, structure_view(disc(), 1.0, "silhouette"), rtol=0, atol=1e-5)
    wide = structure_view(ring(gap=8), 1.0, "silhouette", fill=True)
    assert wide.mean() < 0.5 * structure_view(disc(), 1.0, "silhouette").mean()  # no outline: nothing is enclosed
    # The object is worth more than a copy of its drawing, which is what the paper's rule prefers.
    score = {
        name: s_lf(torch.cat([disc(), ring()]), ring().repeat(2, 1, 1, 1), 0.24, name)
        for name in ("silhouette", "edges")
    }
    assert score["silhouette"][0] > 0.99 > 0.6 > score["silhouette"][1]
    assert score["edges"][0] < 0.6 < score["edges"][1] == pytest.approx(1)


@each(("size", "cutoff"), [(64, 0.24), (256, 0.06)])
def test_a_line_of_one_pixel_survives_as_shape(size: int, cutoff: float) -> None:
    """An ideal low-pass leaves it the height `cutoff`: the share of the frequencies across it that stay."""
    page = torch.ones(1, 1, size, size)
    page[..., size // 2] = -1
    assert structure_view(page, cutoff, "edges")[..., size // 2].min() == 1
    # The frequencies on the circle are kept on both sides, one more than cutoff * size.
    assert low_pass((1 - page) / 2, cutoff).max() == pytest.approx(cutoff, abs=1 / size)


def test_bad_parameters_are_named() -> None:
    wrong = [(0.0, "color", "cutoff"), (1.2, "color", "cutoff"), (0.06, "color", "mean"), (0.3, "colour", "structure")]
    for cutoff, structure, named in wrong:
        with pytest.raises(InvalidParameterError, match=named):
            s_lf(*[torch.zeros(1, 3, 32, 32)] * 2, cutoff, structure)
    with pytest.raises(InvalidParameterError, match="channels"):
        s_lf(*[torch.zeros(1, 4, 32, 32)] * 2, 0.3, "edges")
