"""Networks small enough for tests: 4 x 16 x 16 in and out, randomly initialised."""

from __future__ import annotations

from diffusers import DiTTransformer2DModel, UNet2DModel


def tiny_unet(**config: object) -> UNet2DModel:
    """A U-Net with three class labels, unless the config says otherwise."""
    settings: dict[str, object] = {
        "sample_size": 16,
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": 8,
        "norm_num_groups": 4,
        "num_class_embeds": 3,
    }
    return UNet2DModel(**settings | config)


def tiny_dit(num_embeds_ada_norm: int = 2, num_layers: int = 1) -> DiTTransformer2DModel:
    """A DiT with a learned variance, as DiT-L/2 has it; its null class comes after the others."""
    return DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=4,
        out_channels=8,
        num_layers=num_layers,
        sample_size=16,
        patch_size=2,
        num_embeds_ada_norm=num_embeds_ada_norm,
    )
