from __future__ import annotations

import pytest
import torch

from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.inversion import create
from spectral_collapse.networks import model_from_pipeline
from spectral_collapse.networks.tiny import Kind, tiny_pipeline
from spectral_collapse.studies import pareto
from spectral_collapse.translation import translate

pytest.importorskip("transformers")

DOMAINS: dict[Kind, dict[str, str | int]] = {
    "stable-diffusion": {"source": "ink", "target": "oil"},
    "stable-diffusion-xl": {"source": "ink", "target": "oil"},
    "dit": {"source": 3, "target": 7},
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", DOMAINS)
def test_a_pipeline_translates_images(kind: Kind, dtype: torch.dtype) -> None:
    model = model_from_pipeline(tiny_pipeline(kind).to(dtype=dtype), **DOMAINS[kind])  # type: ignore[arg-type]
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


def test_the_hash_tells_weights_and_domains_apart_and_leaves_the_pipeline_alone() -> None:
    pipe = tiny_pipeline().to(dtype=torch.bfloat16)
    first = model_from_pipeline(pipe, source="ink", target="oil")
    assert pipe.vae.dtype == torch.bfloat16
    assert first.hash == model_from_pipeline(pipe, source="ink", target="oil").hash
    assert first.hash != model_from_pipeline(pipe, source="ink", target="pen").hash
    other = tiny_pipeline(seed=1).to(dtype=torch.bfloat16)
    assert first.hash != model_from_pipeline(other, source="ink", target="oil").hash


def test_a_study_says_that_a_pipeline_is_not_made_for_its_data() -> None:
    model = model_from_pipeline(tiny_pipeline("dit"), source=3, target=7)
    assert model.card["image_size"] == 64
    with pytest.raises(CheckpointError, match="family 'pipeline'"):
        pareto.STUDY.run(profile="smoke", checkpoint=model)


def test_a_study_takes_a_pipeline_that_is_made_for_its_data() -> None:
    model = model_from_pipeline(tiny_pipeline("dit"), source=3, target=7, family="edges2shoes")
    given = {"dataset": "edges2shoes", "source": "rendered", "images": 2, "num_steps": 2, "size": 64, "seeds": 1}
    found = pareto.STUDY.run(profile="smoke", checkpoint=model, **given)
    assert found.attrs["checkpoint_hash"] == model.hash


def test_what_has_no_autoencoder_is_refused() -> None:
    pipe = tiny_pipeline("dit")
    pipe.vae = None
    with pytest.raises(InvalidParameterError, match="must be an AutoencoderKL; NoneType was given"):
        model_from_pipeline(pipe, source=3, target=7)
    with pytest.raises(InvalidParameterError, match="unknown kind of pipeline 'sora'"):
        tiny_pipeline("sora")  # type: ignore[arg-type]
