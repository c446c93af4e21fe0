"""U-Nets."""

from __future__ import annotations

from spectral_collapse.compat import ensure_torchvision

ensure_torchvision()
from diffusers import UNet2DModel  # noqa: E402


def small_unet(
    size: int = 16, channels: int = 4, num_labels: int = 5, widths: tuple[int, ...] = (48, 96, 112)
) -> UNet2DModel:
    """A class-conditional U-Net of 3.1 million parameters for latents of 16 x 16 x 4.

    size and channels are those of its input; num_labels counts the domain labels with the null one;
    widths are the channels per resolution, each half the one before. All but the finest resolution
    have self-attention.
    """
    deeper = len(widths) - 1
    return UNet2DModel(
        sample_size=size,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=widths,
        layers_per_block=1,
        down_block_types=("DownBlock2D", *["AttnDownBlock2D"] * deeper),
        up_block_types=(*["AttnUpBlock2D"] * deeper, "UpBlock2D"),
        attention_head_dim=16,
        norm_num_groups=16,
        num_class_embeds=num_labels,
    )
