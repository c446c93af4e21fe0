"""Diffusion transformers (Peebles and Xie 2023)."""

from __future__ import annotations

import functools
from typing import Any, TypeVar

import torch
from diffusers import DiTTransformer2DModel
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from torch import nn

from spectral_collapse import memory
from spectral_collapse.checks import check_counts
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks.gain import gain, with_gain
from spectral_collapse.networks.sketch import sketched

D = TypeVar("D", bound=DiTTransformer2DModel)


class GainedDiT(DiTTransformer2DModel):
    """A DiT whose output is that of diffusers plus gain(time) * input, one learned gain per channel (`networks.gain`).

    In the papers' networks a token is a few times as wide as the part of the input that it holds; in a small network on
    latents of many channels it is hardly wider. Without a gain such a network loses part of the noise that it has to
    predict.
    """

    @functools.wraps(DiTTransformer2DModel.__init__)  # diffusers reads the signature
    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.gain = gain(self.config.in_channels)

    def forward(
        self,
        hidden_states: torch.Tensor,
        timestep: torch.Tensor | None = None,
        class_labels: torch.Tensor | None = None,
        return_dict: bool = True,
        **options: Any,
    ) -> Transformer2DModelOutput | tuple[torch.Tensor]:
        """hidden_states: N x C x H x W; timestep: N numbers; class_labels: LongTensor of N; all else as diffusers'."""
        (output,) = super().forward(hidden_states, timestep, class_labels, return_dict=False, **options)
        sample = with_gain(self.gain, output, hidden_states, timestep)
        return Transformer2DModelOutput(sample=sample) if return_dict else (sample,)


@sketched
def small_dit(
    size: int = 16,
    channels: int = 4,
    num_labels: int = 5,
    width: int = 96,
    depth: int = 4,
    heads: int = 4,
    patch: int = 2,
) -> DiTTransformer2DModel:
    """A class-conditional DiT with adaLN-zero, of 0.8 million parameters by default.

    size and channels are those of its input; num_labels counts the domain labels with the null one,
    which is a class like the others; width is a multiple of 4 and of heads.

    Its first output is zero, as adaLN-zero asks: diffusers leaves out that initialisation. diffusers also drops class
    labels by itself, differently in each block; that is switched off, since training drops labels for the whole network
    at once.
    """
    return _zeroed(DiTTransformer2DModel, size, channels, num_labels, width, depth, heads, patch)


@sketched
def gained_dit(
    size: int = 16,
    channels: int = 4,
    num_labels: int = 5,
    width: int = 96,
    depth: int = 4,
    heads: int = 4,
    patch: int = 2,
) -> GainedDiT:
    """A `GainedDiT`; arguments and initialisation are those of `small_dit`."""
    return _zeroed(GainedDiT, size, channels, num_labels, width, depth, heads, patch)


@sketched
def paper_dit(size: int = 32, channels: int = 4, num_labels: int = 5) -> DiTTransformer2DModel:
    """DiT-L/2: 24 blocks of width 1024, patches of 2 x 2.

    Here 487 million parameters rather than 458: diffusers gives each block an embedding of the time of its own.
    """
    return small_dit(size, channels, num_labels, width=1024, depth=24, heads=16)


def _zeroed(
    kind: type[D], size: int, channels: int, num_labels: int, width: int, depth: int, heads: int, patch: int
) -> D:
    """A DiT whose first output is zero."""
    check_counts(1, patch=patch, heads=heads)
    if width % heads or width % 4:
        raise InvalidParameterError(f"width must be a multiple of 4 and of heads; {width} and {heads} were given")
    memory.check(16 * (size // patch) ** 2 * width, f"the places of {size} x {size} latents", "lower size or width")
    network = kind(
        num_attention_heads=heads,
        attention_head_dim=width // heads,
        in_channels=channels,
        num_layers=depth,
        sample_size=size,
        patch_size=patch,
        num_embeds_ada_norm=num_labels - 1,  # diffusers adds one
    )
    modulations = [block.norm1.linear for block in network.transformer_blocks]
    for linear in (*modulations, network.proj_out_1, network.proj_out_2):
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
    for block in network.transformer_blocks:
        embedder = block.norm1.emb.class_embedder
        embedder.dropout_prob = 0.0
        nn.init.normal_(embedder.embedding_table.weight, std=0.02)
    return network
