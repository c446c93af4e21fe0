"""Diffusion transformers (Peebles and Xie 2023)."""

from __future__ import annotations

from diffusers import DiTTransformer2DModel
from torch import nn


def small_dit(
    size: int = 16,
    channels: int = 4,
    num_labels: int = 5,
    width: int = 96,
    depth: int = 4,
    heads: int = 4,
    patch: int = 2,
) -> DiTTransformer2DModel:
    """A class-conditional DiT with adaLN-zero, of 0.8 million parameters unless told otherwise.

    size and channels are those of its input; num_labels counts the domain labels with the null one,
    which is a class like the others; width is a multiple of 4 and of heads.

    Its first output is zero, as adaLN-zero asks: diffusers leaves out that initialisation. diffusers
    also drops class labels by itself, in each block another; that is switched off, since training
    drops labels for the whole network at once.
    """
    network = DiTTransformer2DModel(
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


def paper_dit(size: int = 32, channels: int = 4, num_labels: int = 5) -> DiTTransformer2DModel:
    """DiT-L/2: 24 blocks of width 1024, patches of 2 x 2.

    Here 487 million parameters rather than 458: diffusers gives each block an embedding of the time of its own.
    """
    return small_dit(size, channels, num_labels, width=1024, depth=24, heads=16)
