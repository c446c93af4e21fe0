from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_collapse.denoisers import NetworkDenoiser
from spectral_collapse.inversion import BDIA, EDICT, OBELM, InversionMethod
from spectral_collapse.processes import Level, VarianceExploding, VariancePreserving
from tests.each import each
from tests.gaussian import draw, flat
from tests.networks_tiny import tiny_unet

NETWORK = tiny_unet().double().requires_grad_(False)


@each("method", [EDICT(), EDICT(0.8), BDIA(), BDIA(0.9), OBELM()])
@settings(max_examples=5, deadline=None)
@given(steps=st.integers(1, 8), exploding=st.booleans(), seed=st.integers(0, 9))
def test_the_round_trip_is_exact(method: InversionMethod, steps: int, exploding: bool, seed: int) -> None:
    steps = max(steps, 2) if method.name in ("bdia", "o_belm") else steps
    process = VarianceExploding() if exploding else VariancePreserving()
    denoiser = NetworkDenoiser(NETWORK, process)
    x = torch.randn(2, 4, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    inverted = method.invert(denoiser, x, 0, steps)
    back = method.sample(denoiser, inverted, 0)
    # float64's 2e-16, times the largest state, times what solving for the way up amplifies rounding by.
    scale = inverted.latent.abs().max() * inverted.levels[-1].norm
    torch.testing.assert_close(back, x, rtol=0, atol=1e-10 * max(1, scale.item()))
    if steps > 1:
        assert not torch.allclose(method.sample(denoiser, inverted, 1), x)


def test_o_belm_with_equal_steps_is_bdia() -> None:
    """With equal steps in sigma / alpha both are the leapfrog rule."""

    class Even(VarianceExploding):
        def levels(self, num_steps: int) -> list[Level]:
            return [self.level(0.5 + i) for i in range(num_steps + 1)]

    denoiser, x = flat(Even(), 0.1), draw(0.1)
    pair = [method.invert(denoiser, x, 0, 7).latent for method in (OBELM(), BDIA())]
    torch.testing.assert_close(*pair, rtol=1e-10, atol=1e-10)
