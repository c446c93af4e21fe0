from __future__ import annotations

import numpy as np
import pytest
import torch

from spectral_collapse import metrics
from spectral_collapse.metrics.autocorrelation import autocorrelation
from spectral_collapse.studies import correlations as module
from tests.studies.test_collapse import thumbnails


@pytest.fixture
def smooth(generator: torch.Generator) -> torch.Tensor:
    return metrics.low_pass(torch.randn(24, 3, 16, 16, generator=generator), 0.5)


@pytest.fixture
def noise() -> torch.Tensor:
    return torch.randn(24, 3, 16, 16, generator=torch.Generator().manual_seed(7))


def test_a_flat_spectrum_is_flat_and_keeps_the_phases(noise: torch.Tensor) -> None:
    found = module.flat_spectrum(0.1 * noise)
    before, after = (torch.fft.fft2(x, norm="ortho") for x in (noise, found))
    torch.testing.assert_close(after.abs(), torch.ones(24, 3, 16, 16), atol=1e-4, rtol=0)
    torch.testing.assert_close(after, before / before.abs(), atol=1e-4, rtol=0)


def test_patches_of_noise_are_those_of_the_noise_in_the_best_order(noise: torch.Tensor, smooth: torch.Tensor) -> None:
    found = module.patches_of_noise(smooth, noise)
    torch.testing.assert_close(found.flatten(1).sort().values, noise.flatten(1).sort().values)
    assert ((found * smooth).sum((1, 2, 3)) > (noise * smooth).sum((1, 2, 3))).all()
    # S_DC sees the seams only: nothing inside a patch is smooth; 144 windows of 24 latents
    assert float(metrics.s_dc(found).mean()) == pytest.approx(metrics.white_noise_level(3), abs=0.03)
    # noise in another order is put into its own again
    order = torch.randperm(16, generator=torch.Generator().manual_seed(3))
    tiles = torch.stack([module._tiles(x)[order] for x in noise])
    mixed = tiles.unflatten(1, (4, 4)).permute(0, 3, 1, 4, 2, 5).reshape(noise.shape)
    assert not torch.equal(mixed, noise)
    torch.testing.assert_close(module.patches_of_noise(noise, mixed), noise)


def test_shuffled_latents_have_the_norm_of_noise_and_no_arrangement(smooth: torch.Tensor) -> None:
    found = module.shuffled(smooth)
    torch.testing.assert_close(found.square().mean((1, 2, 3)), torch.ones(24))
    scaled = smooth / smooth.square().mean((1, 2, 3), keepdim=True).sqrt()
    torch.testing.assert_close(found.sum(1).flatten(1).sort().values, scaled.sum(1).flatten(1).sort().values)
    assert float(autocorrelation(smooth)[:, 0].mean()) > 0.5
    # what remains is the squared mean of a channel, one of 49 coefficients that the low-pass leaves: 0.02
    assert float(autocorrelation(found)[:, 0].mean()) == pytest.approx(1 / 49, abs=0.02)


def test_coloured_noise_has_the_latents_mean_power_and_nothing_of_an_image(
    noise: torch.Tensor, smooth: torch.Tensor
) -> None:
    found = module.coloured(noise, smooth)
    power = [metrics.radial_spectrum(x)[1].mean(0) for x in (smooth, found)]
    # 24 latents x 3 channels x 12 coefficients, in pairs, in the smallest ring: five standard errors are 0.3
    torch.testing.assert_close(power[1][1:], power[0][1:], rtol=0.35, atol=1e-3)
    assert abs(float((found * smooth).mean() / (found.square().mean() * smooth.square().mean()).sqrt())) < 0.1


@pytest.mark.usefixtures("home")
def test_methods_and_made_latents_are_scored_alike() -> None:
    study = module.STUDY.run(profile="smoke", checkpoint=thumbnails())
    assert study["point"].to_numpy().tolist() == ["standard", "taba", "white_norm", *module.MADE]
    assert study["made"].to_numpy().tolist() == [False] * 3 + [True] * 6
    for name in module.SCORES:
        assert study[name].dims == ("point", "sample")
        assert np.isfinite(study[name]).all(), name
    white = study["s_dc"].sel(point="white noise").mean()
    assert float(white) == pytest.approx(metrics.white_noise_level(3), abs=0.03)
    assert float(study["s_dc"].sel(point="standard").mean()) < float(white) - 0.1
    assert study["image"].dtype == np.uint8
    # white noise knows nothing of the source
    assert float((study["s_lf"].sel(point="taba") - study["s_lf"].sel(point="white noise")).mean()) > 0.1
