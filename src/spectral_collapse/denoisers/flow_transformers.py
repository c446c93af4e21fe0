"""The transformers of Stable Diffusion 3 and FLUX, called with a latent, a time and a domain label."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from diffusers import FluxTransformer2DModel, SD3Transformer2DModel

PACKED = 2
"""Side of the blocks of a latent that are one token of FLUX."""
_MODEL_TIME = 1000
"""FLUX multiplies the time that it is told by this."""


class FlowTransformer(torch.nn.Module):
    """A text-conditional flow transformer with a text per domain label; it predicts noise - clean.

    The encodings of a label's text are one row of `class_embedding`, so that a label's conditioning can be replaced, as
    in every other network here.

    Args:
        transformer: shared, not copied; compiled by torch.compile or not.
        context: labels x tokens x channels. pooled: labels x channels.
        channels, sample_size: of the latents, sample_size the default height and width. size_multiple: of their sides.
        largest: the largest side of the latents; None for no limit.
    """

    def __init__(
        self,
        transformer: SD3Transformer2DModel | FluxTransformer2DModel,
        context: torch.Tensor,
        pooled: torch.Tensor,
        channels: int,
        sample_size: tuple[int, int],
        size_multiple: int,
        largest: int | None = None,
    ) -> None:
        from diffusers.configuration_utils import FrozenDict  # takes seconds, and is there already with a transformer

        super().__init__()
        self.transformer = transformer
        self.config = FrozenDict(in_channels=channels, sample_size=sample_size)
        self.size_multiple, self.largest = size_multiple, largest
        self._tokens = tuple(context.shape[1:])
        rows = torch.cat([context.flatten(1), pooled], dim=1)
        self.class_embedding = torch.nn.Embedding(*rows.shape, device=rows.device, dtype=rows.dtype)
        self.class_embedding.requires_grad_(False).weight.copy_(rows)

    def forward(self, x: torch.Tensor, time: torch.Tensor, class_labels: torch.Tensor) -> torch.Tensor:
        """x: N x C x H x W; time: N numbers, 0 to 1000; class_labels: LongTensor of N."""
        rows = self.class_embedding(class_labels)
        count = self._tokens[0] * self._tokens[1]
        context, pooled = rows[:, :count].unflatten(1, self._tokens), rows[:, count:]
        return self._velocity(x, time, context, pooled)

    @abstractmethod
    def _velocity(
        self, x: torch.Tensor, time: torch.Tensor, context: torch.Tensor, pooled: torch.Tensor
    ) -> torch.Tensor:
        """The network's answer, in the shape of x."""


class StableDiffusion3(FlowTransformer):
    """SD3Transformer2DModel: takes latents as they are (Esser et al. 2024)."""

    def _velocity(
        self, x: torch.Tensor, time: torch.Tensor, context: torch.Tensor, pooled: torch.Tensor
    ) -> torch.Tensor:
        return self.transformer(x, encoder_hidden_states=context, pooled_projections=pooled, timestep=time).sample


class Flux(FlowTransformer):
    """FluxTransformer2DModel: 2 x 2 blocks of the latent are its tokens, and each receives its position.

    guidance: the guidance input of a guidance-distilled network; None for other networks.
    """

    guidance: float | None = None

    def _velocity(
        self, x: torch.Tensor, time: torch.Tensor, context: torch.Tensor, pooled: torch.Tensor
    ) -> torch.Tensor:
        height, width = (side // PACKED for side in x.shape[2:])
        tokens = F.pixel_unshuffle(x, PACKED).flatten(2).mT
        places = torch.zeros(height, width, 3, device=x.device, dtype=x.dtype)
        places[..., 1] += torch.arange(height, device=x.device)[:, None]
        places[..., 2] += torch.arange(width, device=x.device)
        told = None if self.guidance is None else time.new_full((len(x),), self.guidance)
        found = self.transformer(
            tokens,
            encoder_hidden_states=context,
            pooled_projections=pooled,
            timestep=time / _MODEL_TIME,
            img_ids=places.flatten(0, 1),
            txt_ids=places.new_zeros(context.shape[1], 3),
            guidance=told,
        ).sample
        return F.pixel_shuffle(found.mT.unflatten(2, (height, width)), PACKED)
