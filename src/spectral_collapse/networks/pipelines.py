"""Diffusers pipelines as models: images in, images out."""

from __future__ import annotations

import copy
import hashlib
from typing import TYPE_CHECKING

import torch
from diffusers import AutoencoderKL

from spectral_collapse.denoisers import from_pipeline
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks.checkpoints import Model, process_card

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline


def model_from_pipeline(
    pipe: DiffusionPipeline,
    *,
    source: str | int,
    target: str | int,
    prompt: str = "",
    distilled_guidance: float = 1.0,
    family: str = "pipeline",
) -> Model:
    """A model from a pipeline: its network as a denoiser (`denoisers.from_pipeline`) with its autoencoder.

    family: of the data sets that it translates, as `datasets.info` has it; a study takes the model with these alone.
    The other arguments are those of `from_pipeline`. Images are N x 3 x H x W in [-1, 1], at best of the `image_size`
    in the model's card, which is a study's `size`. The autoencoder is used in float32, in a copy where the pipeline is
    in half precision: SDXL's overflows there. The hash is of all weights and of what the labels mean.

    Raises InvalidParameterError as `from_pipeline` does, and for an autoencoder of another kind than
    AutoencoderKL.
    """
    denoiser = from_pipeline(pipe, source=source, target=target, prompt=prompt, distilled_guidance=distilled_guidance)
    autoencoder = getattr(pipe, "vae", None)
    if not isinstance(autoencoder, AutoencoderKL):
        raise InvalidParameterError(
            f"the pipeline's vae must be an AutoencoderKL; {type(autoencoder).__name__} was given"
        )
    digest = _digest(pipe, denoiser.process, denoiser.prediction, prompt, source, target, distilled_guidance)
    if autoencoder.dtype != torch.float32:
        autoencoder = copy.deepcopy(autoencoder).float()
    halvings = len(autoencoder.config.block_out_channels) - 1
    card = {
        "family": family,
        "image_size": denoiser.network.config.sample_size * 2**halvings,
        "prediction": denoiser.prediction,
        "process": process_card(denoiser.process),
        "autoencoder": type(autoencoder).__name__,
        "pipeline": type(pipe).__name__,
        "prompt": prompt,
        "source": source,
        "target": target,
    }
    return Model(denoiser, autoencoder, card, digest)


def _digest(pipe: DiffusionPipeline, *settings: object) -> str:
    """Twelve hex digits of the weights of all parts that are used, and of the settings."""
    digest = hashlib.sha256(repr(settings).encode())
    for part in ("unet", "transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3"):
        module = getattr(pipe, part, None)
        for name, tensor in (module.state_dict() if module is not None else {}).items():
            digest.update(f"{part}.{name}".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:12]
