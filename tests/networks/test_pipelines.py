from __future__ import annotations

import accelerate
import pytest
import torch

from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.inversion import create
from spectral_collapse.networks import model_from_pipeline
from spectral_collapse.studies import pareto
from spectral_collapse.translation import translate
from tests.pipelines_tiny import tiny_pipeline

pytest.importorskip("transformers")
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor

SMALL = {"dataset": "edges2shoes", "source": "rendered", "images": 2, "num_steps": 2, "size": 64, "seeds": 1}
SMALL |= {"eta_hf": [1000], "eta_lf": [1e-4], "fractions": [0.5], "methods": []}


def test_a_pipeline_in_half_precision_translates_images() -> None:
    """That its denoiser answers in the precision of the latents: tests/denoisers/test_pipelines.py."""
    pipe = tiny_pipeline().to(dtype=torch.bfloat16)
    model = model_from_pipeline(pipe, source="ink", target="oil")
    assert pipe.vae.dtype == torch.bfloat16
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    translation = translate(model, create("standard"), images, 0, num_steps=2, guidance=2.0)
    assert translation.images.shape == images.shape
    assert translation.images.dtype == torch.float32
    assert translation.latents.shape == (2, 4, 16, 16)


def test_latents_are_scaled_as_the_pipeline_scales_them() -> None:
    pipe = tiny_pipeline()
    model = model_from_pipeline(pipe, source="ink", target="oil")
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        expected = pipe.vae.encode(images).latent_dist.mean * pipe.vae.config.scaling_factor
        decoded = pipe.vae.decode(expected / pipe.vae.config.scaling_factor).sample.clamp(-1, 1)
    torch.testing.assert_close(model.encode(images), expected)
    torch.testing.assert_close(model.decode(expected), decoded)


def test_a_study_takes_a_pipeline_that_is_made_for_its_data_and_no_other() -> None:
    model = model_from_pipeline(tiny_pipeline("dit"), source=3, target=7, family="edges2shoes")
    found = pareto.STUDY.run(profile="smoke", checkpoint=model, **SMALL)
    assert found.attrs["checkpoint_hash"] == model.hash
    model = model_from_pipeline(tiny_pipeline("dit"), source=3, target=7)
    assert model.card["image_size"] == 64
    with pytest.raises(CheckpointError, match="family 'pipeline'"):
        pareto.STUDY.run(profile="smoke", checkpoint=model)


def test_the_hash_follows_whatever_changes_what_the_pipeline_computes() -> None:
    pipe = tiny_pipeline()
    model = model_from_pipeline(pipe, source="ink", target="oil")
    seen = [model.hash]
    pipe.enable_freeu(s1=0.2, s2=0.2, b1=2.0, b2=2.0)
    seen.append(model.hash)
    pipe.disable_freeu()
    assert model.hash == seen[0]
    pipe.vae.register_to_config(scaling_factor=0.5)
    seen.append(model.hash)
    pipe.unet.set_attn_processor(AttnProcessor())
    seen.append(model.hash)
    pipe.unet.conv_norm_out.eps = 1e-3
    seen.append(model.hash)
    pipe.unet.conv_act = torch.nn.ReLU()
    seen.append(model.hash)
    pipe.unet.conv_out.bias.data.add_(1)
    seen.append(model.hash)
    model.denoiser.context[0] += 1  # what another tokenizer or text encoder would say
    seen.append(model.hash)
    assert "" not in seen
    assert len(set(seen)) == len(seen)


def test_a_setting_that_changes_no_weight_is_in_the_hash() -> None:
    """Heads of attention, and an adapter's strength, which it keeps as a number per layer."""
    hashes = set()
    for heads in (8, 4):
        pipe = tiny_pipeline()
        settings = {name: value for name, value in pipe.unet.config.items() if not name.startswith("_")}
        other = UNet2DConditionModel(**settings | {"attention_head_dim": heads}).eval()
        other.load_state_dict(pipe.unet.state_dict())
        pipe.unet = other
        model = model_from_pipeline(pipe, source="ink", target="oil")
        hashes.add(model.hash)
        model.denoiser.network.conv_in.scaling = {"style": 0.3}
        hashes.add(model.hash)
    assert len(hashes) == 4


def test_what_cannot_be_known_has_no_hash_and_is_not_kept() -> None:
    pipe = tiny_pipeline("dit")
    model = model_from_pipeline(pipe, source=3, target=7, family="edges2shoes")
    known = model.hash
    hook = pipe.transformer.register_forward_hook(lambda *_: None)
    with pytest.warns(UserWarning, match="computed and not kept, since it depends on hooks"):
        assert model.hash == ""
    with pytest.warns(UserWarning, match="computed and not stored, since it depends on a network without a hash"):
        pareto.STUDY.run(profile="smoke", checkpoint=model, **SMALL)
    hook.remove()
    assert model.hash == known


def test_a_pipeline_that_is_offloaded_works() -> None:
    images, plain, pipe = torch.rand(1, 3, 64, 64) * 2 - 1, tiny_pipeline("dit"), tiny_pipeline("dit")
    for part in (pipe.transformer, pipe.vae):
        accelerate.cpu_offload(part, torch.device("cpu"))
    model, other = (model_from_pipeline(one, source=3, target=7) for one in (pipe, plain))
    found, expected = (translate(one, create("standard"), images, 0, num_steps=2).images for one in (model, other))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert model.to("cpu").device == torch.device("cpu")


def test_the_card_has_the_usual_size_and_what_has_no_autoencoder_is_refused() -> None:
    pipe = tiny_pipeline()
    for size, pixels in (((16, 24), (64, 96)), ([16, 16], 64)):
        pipe.unet.register_to_config(sample_size=size)
        assert model_from_pipeline(pipe, source="ink", target="oil").card["image_size"] == pixels
    pipe.unet.register_to_config(sample_size=None)
    with pytest.raises(InvalidParameterError, match="has no sample_size"):
        model_from_pipeline(pipe, source="ink", target="oil")
    pipe = tiny_pipeline("dit")
    pipe.vae = None
    with pytest.raises(InvalidParameterError, match="must be an AutoencoderKL; NoneType was given"):
        model_from_pipeline(pipe, source=3, target=7)
