"""The part of a network's output that follows the size of its input: gain(time) * input, one gain per channel.

A network that ends in a normalisation gives an output whose size does not follow the size of its input, and one whose
layers are not much wider than its input loses part of the noise in it. At high noise the input is very nearly the noise
itself, and the part of it that is not predicted stays in the sample. The gain, which is learned and starts at 0,
carries it through.
"""

from __future__ import annotations

import torch
from diffusers.models.embeddings import get_timestep_embedding

_TIME_CHANNELS = 32


def gain(channels: int) -> torch.nn.Sequential:
    """A small network from the embedding of a time to one gain per channel."""
    layers = torch.nn.Sequential(torch.nn.Linear(_TIME_CHANNELS, 64), torch.nn.SiLU(), torch.nn.Linear(64, channels))
    torch.nn.init.zeros_(layers[-1].weight)
    torch.nn.init.zeros_(layers[-1].bias)
    return layers


def with_gain(
    layers: torch.nn.Sequential, output: torch.Tensor, sample: torch.Tensor, timestep: torch.Tensor
) -> torch.Tensor:
    """An output plus the gain times its input sample, both N x C x H x W, at N timesteps."""
    with torch.autocast(sample.device.type, enabled=False):  # half precision would round the gain to 0.4 %
        time = get_timestep_embedding(timestep, _TIME_CHANNELS, flip_sin_to_cos=True, downscale_freq_shift=0)
        gains = layers(time.to(layers[0].weight)).to(sample.dtype)
        return output.to(sample.dtype) + gains[:, :, None, None] * sample
