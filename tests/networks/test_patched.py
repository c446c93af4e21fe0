"""The U-Net on patches: nothing is lost in its input."""

from __future__ import annotations

import pytest
import torch

from spectral_collapse import networks, sampling
from spectral_collapse.denoisers import NetworkDenoiser, size_multiple
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks import PatchedUNet
from spectral_collapse.processes import VariancePreserving
from tests.each import each


def small(**changed: object) -> PatchedUNet:
    return PatchedUNet(**{"sample_size": 32, "widths": (16, 32), "attention": 0, **changed}).eval()


@each("patch", [1, 2, 4])
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


def test_it_is_saved_and_loaded_and_a_denoiser_like_any_other(tmp_path: object) -> None:
    network = networks.create("patched_unet", 32, 3, 5, widths=[16, 32], attention=0)
    again = PatchedUNet.from_config(network.config)
    again.load_state_dict(network.state_dict())
    x, time, label = torch.randn(1, 3, 32, 32), torch.zeros(1), torch.zeros(1, dtype=torch.long)
    torch.testing.assert_close(again.eval()(x, time, label).sample, network.eval()(x, time, label).sample)
    denoiser = NetworkDenoiser(small(), VariancePreserving())
    assert denoiser.num_labels == 5
    assert size_multiple(denoiser.network) == 4
    image = sampling.sample(denoiser, torch.randn(2, 3, 32, 32), 1, num_steps=2)
    assert image.shape == (2, 3, 32, 32)
    with pytest.raises(InvalidParameterError, match=r"patch must be a divisor of the image's 32 pixels; 3 was given"):
        small(patch=3)
