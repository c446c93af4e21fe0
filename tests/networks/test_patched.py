"""The U-Net on patches: nothing is lost in its input, and the norm of the input reaches its output."""

from __future__ import annotations

import pytest
import torch

from spectral_collapse import networks, sampling
from spectral_collapse.denoisers import NetworkDenoiser, size_multiple
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks import PatchedUNet
from spectral_collapse.processes import VariancePreserving


def small(**changed: object) -> PatchedUNet:
    return PatchedUNet(**{"sample_size": 32, "widths": (16, 32), "attention": 0, **changed}).eval()


@pytest.mark.parametrize("patch", [1, 2, 4])
def test_the_unet_sees_an_orthonormal_view_of_the_image(patch: int) -> None:
    """Space-to-depth sorts the numbers of an image: what comes back is the image itself, so nothing is lost and
    white noise stays white."""
    network, x = small(patch=patch), torch.randn(2, 3, 32, 32)
    seen = []
    network.unet.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    network(x, torch.zeros(2), torch.zeros(2, dtype=torch.long))
    assert seen[0].shape == (2, 3 * patch**2, 32 // patch, 32 // patch)
    torch.testing.assert_close(seen[0].square().sum((1, 2, 3)), x.square().sum((1, 2, 3)))
    assert torch.equal(torch.nn.functional.pixel_shuffle(seen[0], patch), x)


def test_the_gain_starts_at_zero_and_is_told_the_time_alone() -> None:
    network, x = small(), torch.randn(3, 3, 32, 32)
    time, label = torch.tensor([0.0, 500.0, 999.0]), torch.zeros(3, dtype=torch.long)
    with torch.no_grad():
        plain = network(x, time, label).sample
        network.gain[-1].bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
        lifted = network(x, time, label).sample
    torch.testing.assert_close(lifted - plain, x * torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1))


def test_the_gain_lets_the_output_follow_the_norm_of_the_input() -> None:
    """Without it the last group normalisation makes the output the same for any norm."""
    network = small()
    x, time, label = torch.randn(4, 3, 32, 32) * 10, torch.full((4,), 999.0), torch.zeros(4, dtype=torch.long)
    with torch.no_grad():
        fixed = network(1.1 * x, time, label).sample.norm() / network(x, time, label).sample.norm()
        network.gain[-1].bias.fill_(1.0)
        free = network(1.1 * x, time, label).sample.norm() / network(x, time, label).sample.norm()
    assert abs(fixed - 1) < 0.05
    assert abs(free - 1.1) < 0.01


def test_half_precision_does_not_round_the_gain() -> None:
    network, x = small(), torch.randn(2, 3, 32, 32)
    time, label = torch.full((2,), 999.0), torch.zeros(2, dtype=torch.long)
    with torch.no_grad():
        network.gain[-1].bias.fill_(1.001)  # bfloat16 knows 1 and 1.0078
        for weight in (network.unet.conv_out.weight, network.unet.conv_out.bias):
            weight.zero_()
        with torch.autocast("cpu", torch.bfloat16):
            output = network(x, time, label).sample
    torch.testing.assert_close(output, 1.001 * x)


def test_it_is_a_denoiser_like_any_other() -> None:
    denoiser = NetworkDenoiser(small(), VariancePreserving())
    assert denoiser.num_labels == 5
    assert size_multiple(denoiser.network) == 4
    image = sampling.sample(denoiser, torch.randn(2, 3, 32, 32), 1, num_steps=2)
    assert image.shape == (2, 3, 32, 32)


def test_it_is_saved_and_loaded(tmp_path: object) -> None:
    network = networks.create("patched_unet", 32, 3, 5, widths=[16, 32], attention=0)
    again = PatchedUNet.from_config(network.config)
    again.load_state_dict(network.state_dict())
    x, time, label = torch.randn(1, 3, 32, 32), torch.zeros(1), torch.zeros(1, dtype=torch.long)
    torch.testing.assert_close(again.eval()(x, time, label).sample, network.eval()(x, time, label).sample)


def test_a_patch_that_does_not_divide_the_image_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match=r"patch must be a divisor of the image's 32 pixels; 3 was given"):
        small(patch=3)
