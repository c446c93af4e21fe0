from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from spectral_collapse.denoisers import GaussianDenoiser, NetworkDenoiser
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion import create
from spectral_collapse.networks import Model
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.translation import inverted, translate, translated
from tests.gaussian import draw, two_means

SIZE = 8


@pytest.fixture
def model() -> Model:
    return two_means(SIZE)


def test_translation_moves_an_image_from_one_mean_to_the_other(model: Model) -> None:
    """With equal spectra the exact translation adds the difference of the means."""
    images = draw(0.01, 4, 3, SIZE) - 0.5
    translated = translate(model, create("standard"), images, 0, num_steps=500).images
    # Euler's contraction of deviations at S = 0.01 (0.87 twice); the mean itself is exact to 1e-2.
    assert translated.mean().item() == pytest.approx(0.5, abs=0.01)
    correlation = torch.corrcoef(torch.stack([images.flatten(), translated.flatten()]))[0, 1]
    assert correlation > 0.999


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_batch_size_changes_nothing_and_calls_are_counted(model: Model, guidance: float) -> None:
    images = draw(0.01, 5, 3, SIZE)
    results = [
        translate(
            model, create("taba", fraction=0.2), images, 0, num_steps=10, guidance=guidance,
            generator=torch.Generator().manual_seed(0), batch_size=batch_size,
        )
        for batch_size in (2, 5)
    ]  # fmt: skip
    torch.testing.assert_close(results[0].images, results[1].images)
    torch.testing.assert_close(results[0].latents, results[1].latents)
    assert results[0].network_calls == 8 + (10 if guidance == 1 else 20)


def test_diagnostics_cover_all_images(model: Model) -> None:
    images = draw(0.01, 5, 3, SIZE)
    diagnostics = translate(model, create("ovg"), images, 0, num_steps=3, batch_size=2).diagnostics
    assert diagnostics["conflict"].shape == (3, 5)


def test_latents_alone_are_those_of_the_translation_and_computed_once(
    model: Model, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, images = dataclasses.replace(model, hash="0" * 12), draw(0.01, 5, 3, SIZE)
    method = create("taba", fraction=0.2)
    whole = translated(known, method, images, 0, num_steps=10, seed=3)
    first = inverted(known, method, images, 0, num_steps=10, seed=3, batch_size=2)
    assert torch.equal(first, whole.latents)
    monkeypatch.setattr(type(method), "invert", None)  # a second inversion would fail
    assert torch.equal(inverted(known, method, images, 0, num_steps=10, seed=3), first)


def test_guidance_needs_labels() -> None:
    network, images = torch.nn.Conv2d(3, 3, 1), torch.zeros(1, 3, SIZE, SIZE)
    model = Model(NetworkDenoiser(network, VariancePreserving()), None, {}, "")
    network.forward = lambda x, time: x
    for guidance in (1.0, 2.0):
        if guidance == 1:
            assert translate(model, create("standard"), images, 0, num_steps=2, guidance=guidance).network_calls == 4
            continue
        with pytest.raises(InvalidParameterError, match="guidance 2 needs a null label"):
            translate(model, create("standard"), images, 0, num_steps=2, guidance=guidance)
    network.forward = lambda x, time, class_labels: x  # which does not say how many it has
    model = Model(NetworkDenoiser(network, VariancePreserving()), None, {}, "")
    assert translate(model, create("standard"), images, 0, num_steps=2, guidance=2.0).network_calls == 6


def test_a_network_changed_in_place_gets_latents_of_its_own(home: Path) -> None:
    network = torch.nn.Conv2d(3, 3, 1)
    network.forward = lambda x, time: torch.nn.Conv2d.forward(network, x)
    known = Model(NetworkDenoiser(network, VariancePreserving()), None, {}, "0" * 12)
    images = draw(0.01, 2, 3, SIZE)
    before = translated(known, create("standard"), images, 0, num_steps=3).latents
    with torch.no_grad():
        network.weight.zero_()
    after = translated(known, create("standard"), images, 0, num_steps=3).latents
    assert torch.equal(after, translate(known, create("standard"), images, 0, num_steps=3).latents.half().float())
    assert not torch.equal(before, after)


def test_images_are_rebuilt_from_the_latents_of_their_translation(
    model: Model, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a second inversion would give, with one: 10 calls up, 10 down to the targets and 10 to the sources."""
    known, images, calls = dataclasses.replace(model, hash="0" * 12), draw(0.01, 5, 3, SIZE) - 0.5, []
    for name, given in {"taba": {"fraction": 0.2}, "edict": {}, "direct": {}}.items():
        method = create(name, **given)
        again = translated(known, method, images, 0, 0, num_steps=10, seed=3)
        plain = translated(known, method, images, 0, num_steps=10, seed=3, guidance=2.0)
        both = translated(known, method, images, 0, num_steps=10, seed=3, guidance=2.0, rebuild=True)
        assert both.rebuilt is not None
        assert plain.rebuilt is None
        assert torch.equal(both.rebuilt, again.images)
        assert torch.equal(both.images, plain.images)
        assert both.network_calls == plain.network_calls
    forward = GaussianDenoiser.__call__
    monkeypatch.setattr(GaussianDenoiser, "__call__", lambda *given: calls.append(1) or forward(*given))
    translate(known, create("standard"), images, 0, num_steps=10, rebuild=True)
    assert len(calls) == 30
