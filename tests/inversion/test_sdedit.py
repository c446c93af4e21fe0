from __future__ import annotations

import pytest
import torch

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion import SDEdit
from spectral_collapse.processes import FlowMatching, Process, VarianceExploding, VariancePreserving
from tests.gaussian import draw, flat


@pytest.mark.parametrize("process", [VariancePreserving(), VarianceExploding(), FlowMatching()])
def test_at_full_strength_nothing_is_left_of_the_image(process: Process) -> None:
    denoiser = flat(process, 0.1, 32)
    first, second = (
        SDEdit(1.0).invert(denoiser, image, 0, 10, torch.Generator().manual_seed(7)).latent
        for image in (draw(0.1, 4, 3, 32), draw(0.1, 4, 3, 32) + 5)
    )
    assert torch.equal(first, second)
    assert first.var().item() == pytest.approx(1, abs=5 * (2 / first.numel()) ** 0.5)


@pytest.mark.parametrize("strength", [0.3, 0.7])
def test_it_is_forward_diffusion_to_its_level_and_sampling_from_there(strength: float) -> None:
    process, x = VariancePreserving(), draw(1.0, 4, 3, 32)
    denoiser, steps = flat(process, 1.0, 32), round(10 * strength)
    inverted = SDEdit(strength).invert(denoiser, x, 0, 10, torch.Generator().manual_seed(7))
    level = process.levels(10)[steps]
    assert inverted.levels[-1] == level
    assert inverted.network_calls == 0
    assert (SDEdit(strength).draws(10), SDEdit(strength, eta=0.0).draws(10)) == (1 + steps, 1)
    noise = (inverted.latent * level.norm - level.alpha * x) / level.sigma
    assert noise.var().item() == pytest.approx(1, abs=5 * (2 / x.numel()) ** 0.5)
    seen = []
    SDEdit(strength).sample(denoiser, inverted, 1, callback=lambda step: seen.append(step.level))
    assert seen == process.levels(10)[steps:0:-1]


def test_a_strength_that_adds_no_noise_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="strength must be above 0"):
        SDEdit(0.0)
    with pytest.raises(InvalidParameterError, match="none of 10 steps"):
        SDEdit(0.01).invert(flat(VariancePreserving(), 0.1), draw(0.1), 0, 10)
