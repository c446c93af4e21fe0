"""Everything runs where it is asked to run: on every device at hand, and on torch's meta device for placement."""

from __future__ import annotations

import copy
import sys
from types import FunctionType

import pytest
import torch

from spectral_collapse import inversion
from spectral_collapse.checks import check_device
from spectral_collapse.denoisers import NetworkDenoiser
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks import patched_unet, small_unet
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.translation import translate

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else []), *(["mps"] if torch.mps.is_available() else [])]

LOOKS_AT_VALUES = {"null_class", "fixed_point"}
"""Methods that stop when something is small enough, which a tensor without values cannot tell."""


def _created(name: str) -> inversion.InversionMethod:
    """For 5 steps, of which TABA's usual share is none."""
    return inversion.create(name, **({"fraction": 0.2} if name == "taba" else {}))


def model() -> Model:
    network = patched_unet(32, widths=(16, 32), attention=0).eval()
    return Model(NetworkDenoiser(network, VariancePreserving()), None, {}, "")


@pytest.mark.parametrize("name", sorted(set(inversion.METHODS) - LOOKS_AT_VALUES))
def test_methods_make_no_tensor_on_another_device(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The meta device has shapes and places but no values: a tensor on the CPU that meets one there is an error."""
    for module in [one for name, one in sys.modules.items() if name.startswith("spectral_collapse.")]:
        for check in {
            "check_finite",
            "check_images",
            "check_states",
            "check_asked",
            "check_label",
            "check_labels",
            "_check_maps",
            "_check_halves",
            "_check_no_bytes",
        }:
            if isinstance(vars(module).get(check), FunctionType):
                monkeypatch.setattr(module, check, lambda *args, **named: None)
    denoiser = NetworkDenoiser(small_unet(widths=(16, 32)).eval().to("meta"), VariancePreserving())
    denoiser.num_labels = None  # whose check looks at values, too
    method = _created(name)
    inverted = method.invert(denoiser, torch.empty(2, 4, 16, 16, device="meta"), 0, num_steps=5)
    assert inverted.latent.device.type == "meta"
    assert method.sample(denoiser, inverted, 1).device.type == "meta"


@pytest.mark.parametrize("device", DEVICES)
def test_a_model_moves_and_images_follow_it(device: str) -> None:
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    here = translate(model_on_cpu := model(), inversion.create("taba", fraction=0.5), images, 0, num_steps=2)
    there = translate(model_on_cpu, inversion.create("taba", fraction=0.5), images, 0, num_steps=2, device=device)
    assert model_on_cpu.device.type == there.images.device.type == there.latents.device.type == device
    assert here.images.device.type == "cpu"


@pytest.mark.skipif(len(DEVICES) < 2, reason="no accelerator here")
def test_an_accelerator_agrees_with_the_cpu() -> None:
    images, one = torch.rand(2, 3, 32, 32) * 2 - 1, model()
    here = translate(one, inversion.create("standard"), images, 0, num_steps=3)
    there = translate(one, inversion.create("standard"), images, 0, num_steps=3, device=DEVICES[1])
    torch.testing.assert_close(there.latents.cpu(), here.latents, rtol=1e-3, atol=1e-3)


def test_auto_is_a_device_that_is_here_and_others_get_one_sentence() -> None:
    torch.empty(1, device=check_device("auto"))
    said, one = r"'cpu' (always is|is always there)|must be a name, such as 'cpu'", model()
    for device in ("cuda:99", "gpu", "", 1.5, "meta"):
        with pytest.raises(InvalidParameterError, match=said):
            one.to(device)


ITERATES = {"fixed_point", "renoise", "ovg", "o_belm"}
"""Methods that go back and forth, or multiply what was missed, and so the rounding of an untrained network."""


@pytest.mark.parametrize("name", sorted(inversion.METHODS))
def test_a_network_in_half_precision_keeps_states_in_float32(name: str) -> None:
    """bfloat16 rounds to 2^-9; five steps through an untrained network make some ten times that of it, or more where
    a method uses a step twice."""
    torch.manual_seed(0)
    network = patched_unet(16, widths=(16, 32), attention=0).eval()
    images, found = torch.randn(2, 3, 16, 16) / 2, []
    for one in (network, copy.deepcopy(network).bfloat16()):
        denoiser, generator = NetworkDenoiser(one, VariancePreserving()), torch.Generator().manual_seed(0)
        inverted = (method := _created(name)).invert(denoiser, images, 0, 5, generator=generator)
        found.append((inverted.latent, method.sample(denoiser, inverted, 1)))
    for full, half in zip(*found, strict=True):
        assert half.dtype == torch.float32
        assert half.isfinite().all()
        assert name in ITERATES or (half - full).norm() < 0.2 * full.norm()
