"""A Stable Diffusion of random weights, a few thousand parameters: for trying code out without a download."""

from __future__ import annotations

import json
import string
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel

from spectral_collapse.networks.autoencoder import small_autoencoder

if TYPE_CHECKING:
    from transformers import CLIPTextConfig, CLIPTokenizer

TEXT = 16
"""Channels of a tiny text encoder."""


def tiny_pipeline(seed: int = 0) -> StableDiffusionPipeline:
    """A pipeline built as Stable Diffusion is, small and with random weights.

    Images are 3 x 64 x 64, latents 4 x 16 x 16. What it makes means nothing: it shows that code runs. It reads
    prompts letter by letter, at most 14 of them. Needs the package transformers.
    """
    from transformers import CLIPTextModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = tiny_tokenizer()
        pipe = StableDiffusionPipeline(
            vae=small_autoencoder((16, 16, 16)),
            text_encoder=CLIPTextModel(tiny_text_config(tokenizer)).eval(),
            tokenizer=tokenizer,
            unet=tiny_text_unet(cross_attention_dim=TEXT),
            scheduler=tiny_scheduler("scaled_linear", 0.00085, 0.012),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def tiny_text_unet(**config: Any) -> UNet2DConditionModel:
    """A U-Net on 4 x 16 x 16."""
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=8,
        norm_num_groups=8,
        **config,
    ).eval()


def tiny_scheduler(schedule: str, start: float, end: float) -> DDIMScheduler:
    """DDIM as Stable Diffusion has it, with these betas."""
    return DDIMScheduler(
        beta_schedule=schedule,
        beta_start=start,
        beta_end=end,
        steps_offset=1,
        clip_sample=False,
        set_alpha_to_one=False,
    )


def tiny_tokenizer() -> CLIPTokenizer:
    """A CLIP tokenizer whose words are single letters, digits and marks."""
    from transformers import CLIPTokenizer

    letters = string.ascii_lowercase + string.digits + ",.-"
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
        (Path(folder) / "merges.txt").write_text("#version: 0.2\n")
        return CLIPTokenizer.from_pretrained(folder, model_max_length=16, local_files_only=True)


def tiny_text_config(tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    """The configuration of a CLIP text encoder for this tokenizer."""
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT,
        intermediate_size=2 * TEXT,
        projection_dim=TEXT,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=tokenizer.model_max_length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
