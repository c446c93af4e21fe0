from __future__ import annotations

import torch

from spectral_collapse.inversion import create
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.sampling import sample
from tests.gaussian import draw
from tests.inversion.steps import EmbeddedGaussian


def test_guidance_does_nothing_under_the_source_label_and_leads_away_from_it_under_another() -> None:
    denoiser, x = EmbeddedGaussian(VariancePreserving(), 0.05), draw(0.05, 3, 1, 8)
    method = create("negative_prompt")
    inverted = method.invert(denoiser, x, 0, 6)
    plain = sample(denoiser, inverted.latent, 0, 6)
    torch.testing.assert_close(method.sample(denoiser, inverted, 0, guidance=7.5), plain)
    guided = sample(denoiser, inverted.latent, 1, 6, guidance=7.5, null_label=0)
    assert torch.equal(method.sample(denoiser, inverted, 1, guidance=7.5), guided)
    assert not torch.allclose(guided, sample(denoiser, inverted.latent, 1, 6, guidance=7.5))
