from __future__ import annotations

import pytest
import torch

from spectral_collapse.inversion import create
from spectral_collapse.processes import FlowMatching, Process, VarianceExploding, VariancePreserving
from tests.gaussian import draw, flat


@pytest.mark.parametrize("process", [VariancePreserving(), VarianceExploding(), FlowMatching()])
def test_only_the_norm_differs_from_the_standard_latent(process: Process) -> None:
    denoiser, x = flat(process, 1e-4), draw(1e-4)
    latent = create("white_norm").invert(denoiser, x, 0, 10).latent
    standard = create("standard").invert(denoiser, x, 0, 10).latent
    size = standard.square().mean((1, 2, 3), keepdim=True).sqrt()
    assert (size < 0.9).all()
    torch.testing.assert_close(latent, standard / size, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(latent.square().mean((1, 2, 3)), torch.ones(len(x)).double(), rtol=1e-12, atol=0)


def test_a_latent_without_anything_stays_so() -> None:
    process = VariancePreserving()
    denoiser = flat(process, 1e-4)
    assert not create("white_norm").invert(denoiser, 0 * draw(1e-4), 0, 10).latent.any()
