"""U-Nets."""

from __future__ import annotations

import torch
from diffusers import UNet2DConditionModel, UNet2DModel

from spectral_collapse.networks.sketch import sketched


@sketched
def small_unet(
    size: int = 16,
    channels: int = 4,
    num_labels: int = 5,
    widths: tuple[int, ...] = (48, 96, 112),
    attention: int | None = None,
) -> UNet2DModel:
    """A class-conditional U-Net, of 3.1 million parameters for latents of 16 x 16 x 4 by default.

    size and channels are those of its input (64 and 3 in pixel space); num_labels counts the domain labels with the
    null one; widths are the channels per resolution, each half the one before; attention is how many of the coarsest
    resolutions have self-attention, by default all but the finest.
    """
    attention = len(widths) - 1 if attention is None else attention
    plain = len(widths) - attention
    return UNet2DModel(
        sample_size=size,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=widths,
        layers_per_block=1,
        down_block_types=(*["DownBlock2D"] * plain, *["AttnDownBlock2D"] * attention),
        up_block_types=(*["AttnUpBlock2D"] * attention, *["UpBlock2D"] * plain),
        attention_head_dim=16,
        norm_num_groups=16,
        num_class_embeds=num_labels,
    )


@sketched
def paper_unet(
    size: int = 32,
    channels: int = 4,
    num_labels: int = 5,
    widths: tuple[int, ...] = (320, 640, 1280, 1280),
    layers: int = 2,
    states: int = 768,
) -> UNet2DConditionModel:
    """Stable Diffusion v1.5's U-Net, 860 million parameters, which receives the domain label through cross-attention.

    Where Stable Diffusion has the states of a text, this has one learned state per label: diffusers' own projection of
    the text states takes the label as a one-hot vector, so that its columns are the table of labels and are trained and
    saved with everything else. See `label_arguments`.
    """
    deeper = len(widths) - 1
    return UNet2DConditionModel(
        sample_size=size,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=widths,
        layers_per_block=layers,
        down_block_types=(*["CrossAttnDownBlock2D"] * deeper, "DownBlock2D"),
        up_block_types=("UpBlock2D", *["CrossAttnUpBlock2D"] * deeper),
        attention_head_dim=8,
        cross_attention_dim=states,
        encoder_hid_dim=num_labels,
        encoder_hid_dim_type="text_proj",
    )


def label_arguments(network: torch.nn.Module, label: torch.Tensor) -> dict[str, torch.Tensor]:
    """The keyword arguments that give a network in training N domain labels: one-hot states, or class labels."""
    if isinstance(network, UNet2DConditionModel):
        one_hot = torch.nn.functional.one_hot(label, network.config.encoder_hid_dim)
        return {"encoder_hidden_states": one_hot[:, None].to(network.dtype)}
    return {"class_labels": label}


def take_label_states(network: torch.nn.Module) -> torch.Tensor | None:
    """The cross-attention states of each label, (labels, 1, channels), taken out of a `paper_unet`.

    The network is then called with such states, as any other UNet2DConditionModel is, and a method that searches for
    better states (null-class inversion) has all their channels. None for a network that takes class labels.
    """
    if not isinstance(network, UNet2DConditionModel) or network.config.encoder_hid_dim_type != "text_proj":
        return None
    projection = network.encoder_hid_proj
    network.encoder_hid_proj = None
    return (projection.weight.T + projection.bias).detach()[:, None]
