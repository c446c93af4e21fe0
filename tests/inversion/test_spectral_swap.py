from __future__ import annotations

import pytest
import torch

from spectral_collapse.inversion import HighPass, SpectralSwap, create
from spectral_collapse.processes import FlowMatching, Process, VarianceExploding, VariancePreserving
from tests.gaussian import draw, flat


@pytest.mark.parametrize("process", [VariancePreserving(), VarianceExploding(), FlowMatching()])
def test_each_band_comes_from_where_it_should(process: Process) -> None:
    denoiser, x, high_pass = flat(process, 1e-4), draw(1e-4), HighPass(0.2)
    latent = SpectralSwap(0.2).invert(denoiser, x, 0, 10, torch.Generator().manual_seed(7)).latent
    standard = create("standard").invert(denoiser, x, 0, 10).latent
    noise = SpectralSwap(0.0).draws(10)
    assert noise == 1
    torch.testing.assert_close(latent - high_pass(latent), standard - high_pass(standard), rtol=0, atol=1e-12)
    # The band above the cutoff is white noise projected; at cutoff 0.5 nothing is let in.
    drawn = SpectralSwap(0.2).invert(denoiser, 0 * x, 0, 10, torch.Generator().manual_seed(7)).latent
    torch.testing.assert_close(high_pass(latent), high_pass(drawn), rtol=0, atol=1e-12)
    kept = (torch.fft.fft2(drawn, norm="ortho").abs() > 1e-9).double().mean().item()
    assert drawn.square().mean().item() / kept == pytest.approx(1, abs=5 * (2 / drawn.numel()) ** 0.5)
    nothing = SpectralSwap(0.5).invert(denoiser, x, 0, 10, torch.Generator().manual_seed(7)).latent
    torch.testing.assert_close(nothing, standard, rtol=0, atol=1e-12)
