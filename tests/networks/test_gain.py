"""The gain that carries the noise of an input to the output, in the networks that have one."""

from __future__ import annotations

import pytest
import torch
from diffusers import ModelMixin

from spectral_collapse import networks
from spectral_collapse.networks.gain import gain, with_gain

KINDS = {"patched_unet": {"widths": (16, 32), "attention": 0}, "gained_dit": {"width": 16, "depth": 2, "heads": 2}}


@pytest.fixture(params=KINDS)
def network(request: pytest.FixtureRequest) -> ModelMixin:
    return networks.create(request.param, 16, 3, 5, **KINDS[request.param]).eval()


def output(network: ModelMixin, x: torch.Tensor, times: list[float]) -> torch.Tensor:
    with torch.no_grad():
        return network(x, torch.tensor(times), class_labels=torch.zeros(len(times), dtype=torch.long)).sample


def test_the_gain_starts_at_zero_and_is_told_the_time_alone(network: ModelMixin) -> None:
    x, times = torch.randn(3, 3, 16, 16), [0.0, 500.0, 999.0]
    assert not network.gain[-1].weight.any()
    plain = output(network, x, times)
    with torch.no_grad():
        network.gain[-1].bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(output(network, x, times) - plain, x * torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1))
    with torch.no_grad():
        network.gain[-1].weight.normal_()
    lifted = output(network, x, times)
    assert not torch.allclose(lifted[0], output(network, x[:1], [500.0])[0], atol=0.1)


def test_the_gain_lets_the_output_follow_the_norm_of_the_input(network: ModelMixin) -> None:
    """Without it the last normalisation makes the output the same for any norm."""
    x, times = torch.randn(4, 3, 16, 16) * 10, [999.0] * 4
    with torch.no_grad():
        network.gain[-1].bias.fill_(1.0)
        ratio = output(network, 1.1 * x, times).norm() / output(network, x, times).norm()
    assert abs(ratio - 1.1) < 0.01


def test_half_precision_does_not_round_the_gain() -> None:
    layers, x = gain(3), torch.randn(2, 3, 8, 8)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        layers[-1].bias.fill_(1.001)  # bfloat16 knows 1 and 1.0078
        added = with_gain(layers, torch.zeros_like(x), x, torch.full((2,), 999.0))
    torch.testing.assert_close(added, 1.001 * x)


def test_a_dit_with_a_gain_of_zero_is_the_plain_one() -> None:
    torch.manual_seed(0)
    plain, gained = (
        networks.create(name, 16, 3, 5, width=16, depth=2, heads=2) for name in ("small_dit", "gained_dit")
    )
    with torch.no_grad():
        for weight in plain.parameters():
            weight.normal_(std=0.1)
    left = gained.load_state_dict(plain.state_dict(), strict=False)
    assert {name.partition(".")[0] for name in left.missing_keys} == {"gain"}
    assert not left.unexpected_keys
    x = torch.randn(2, 3, 16, 16)
    assert torch.equal(output(gained.eval(), x, [10.0, 900.0]), output(plain.eval(), x, [10.0, 900.0]))
