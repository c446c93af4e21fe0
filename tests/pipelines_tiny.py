"""Pipelines of random weights, a few thousand parameters each, of every kind that `from_pipeline` takes."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Literal

import torch
from diffusers import (
    DiffusionPipeline,
    DiTPipeline,
    DiTTransformer2DModel,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionXLPipeline,
)

from spectral_collapse.networks import tiny
from spectral_collapse.networks.autoencoder import small_autoencoder
from spectral_collapse.networks.tiny import TEXT, tiny_scheduler, tiny_text_config, tiny_text_unet, tiny_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Kind = Literal["stable-diffusion", "stable-diffusion-xl", "stable-diffusion-3", "flux", "dit"]


def tiny_pipeline(kind: Kind = "stable-diffusion", seed: int = 0) -> DiffusionPipeline:
    """A pipeline built as Stable Diffusion, SDXL, SD3, FLUX or DiT is: images 3 x 64 x 64, latents 4 x 16 x 16.

    All but 'dit' read prompts letter by letter, at most 14 of them; 'dit' has 10 classes, of which it can name two.
    """
    if kind == "stable-diffusion":
        return tiny.tiny_pipeline(seed)
    make = {
        "stable-diffusion-xl": _stable_diffusion_xl,
        "stable-diffusion-3": _stable_diffusion_3,
        "flux": _flux,
        "dit": _dit,
    }[kind]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipe = make()
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _stable_diffusion_xl() -> StableDiffusionXLPipeline:
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    tokenizer, time_channels = tiny_tokenizer(), 8
    config = tiny_text_config(tokenizer)
    return StableDiffusionXLPipeline(
        vae=small_autoencoder((16, 16, 16)),
        text_encoder=CLIPTextModel(config).eval(),
        text_encoder_2=CLIPTextModelWithProjection(config).eval(),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=tiny_text_unet(
            cross_attention_dim=2 * TEXT,
            addition_embed_type="text_time",
            addition_time_embed_dim=time_channels,
            projection_class_embeddings_input_dim=TEXT + 6 * time_channels,
        ),
        scheduler=tiny_scheduler("scaled_linear", 0.00085, 0.012),
        add_watermarker=False,
    )


def _stable_diffusion_3() -> StableDiffusion3Pipeline:
    from transformers import CLIPTextModelWithProjection

    tokenizer = tiny_tokenizer()
    config = tiny_text_config(tokenizer)
    transformer = SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=2 * TEXT,
        caption_projection_dim=16,
        pooled_projection_dim=2 * TEXT,
        pos_embed_max_size=16,
    )
    return StableDiffusion3Pipeline(
        transformer=transformer.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=small_autoencoder((16, 16, 16)),
        text_encoder=CLIPTextModelWithProjection(config).eval(),
        tokenizer=tokenizer,
        text_encoder_2=CLIPTextModelWithProjection(config).eval(),
        tokenizer_2=tokenizer,
        text_encoder_3=None,  # zeros in its place, as where memory is short
        tokenizer_3=None,
    )


def _flux() -> FluxPipeline:
    from transformers import CLIPTextModel, T5Config, T5EncoderModel

    tokenizer = tiny_tokenizer()
    pieces = ["<pad>", "</s>", "<unk>", "\u2581", *string.ascii_lowercase, *string.digits, *",.-"]
    encoder = T5Config(vocab_size=len(pieces), d_model=TEXT, d_kv=8, d_ff=2 * TEXT, num_layers=1, num_heads=2)
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=TEXT,
        pooled_projection_dim=TEXT,
        guidance_embeds=True,
        axes_dims_rope=(4, 4, 8),
    )
    pipe = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15),
        vae=small_autoencoder((16, 16, 16)),
        text_encoder=CLIPTextModel(tiny_text_config(tokenizer)).eval(),
        tokenizer=tokenizer,
        text_encoder_2=T5EncoderModel(encoder).eval(),
        tokenizer_2=_pieces_tokenizer(pieces),
        transformer=transformer.eval(),
    )
    pipe.default_sample_size = 16
    return pipe


def _dit() -> DiTPipeline:
    transformer = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=4,
        out_channels=8,  # noise and variance
        num_layers=2,
        sample_size=16,
        patch_size=2,
        num_embeds_ada_norm=10,
    )
    return DiTPipeline(
        transformer=transformer.eval(),
        vae=small_autoencoder((16, 16, 16)),
        scheduler=tiny_scheduler("linear", 1e-4, 0.02),
        id2label={3: "sketch, drawing", 7: "shoe"},
    )


def _pieces_tokenizer(pieces: list[str]) -> PreTrainedTokenizerFast:
    """A tokenizer as T5's, with these pieces; the class of T5's own takes them in no way that all versions know."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.Unigram([(piece, -1.0) for piece in pieces], unk_id=pieces.index("<unk>")))
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    made.post_processor = processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", pieces.index("</s>"))])
    marks = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=16, **marks)
