"""Networks built from diffusers classes, and the checkpoints that hold them."""

from __future__ import annotations

from spectral_collapse.networks.autoencoder import small_autoencoder
from spectral_collapse.networks.checkpoints import Model, load_autoencoder, load_model, save_network
from spectral_collapse.networks.pipelines import model_from_pipeline
from spectral_collapse.networks.unet import small_unet

__all__ = [
    "Model",
    "load_autoencoder",
    "load_model",
    "model_from_pipeline",
    "save_network",
    "small_autoencoder",
    "small_unet",
]
