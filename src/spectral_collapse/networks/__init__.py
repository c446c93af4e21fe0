"""Networks built from diffusers classes, and the checkpoints that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectral_collapse.later import members
from spectral_collapse.networks.checkpoints import Model, load_autoencoder, load_model, save_network

if TYPE_CHECKING:
    from spectral_collapse.networks.autoencoder import PatchedAutoencoder, patched_autoencoder, small_autoencoder
    from spectral_collapse.networks.build import NETWORKS, create
    from spectral_collapse.networks.dit import GainedDiT, gained_dit, paper_dit, small_dit
    from spectral_collapse.networks.own import GreyModel, TwoModels, open_model, two_models
    from spectral_collapse.networks.patched import PatchedUNet, patched_unet
    from spectral_collapse.networks.pipelines import model_from_pipeline
    from spectral_collapse.networks.spectral import SpectralUNet, spectral_unet
    from spectral_collapse.networks.unet import paper_unet, small_unet

__all__ = [
    "NETWORKS",
    "GainedDiT",
    "GreyModel",
    "Model",
    "PatchedAutoencoder",
    "PatchedUNet",
    "SpectralUNet",
    "TwoModels",
    "create",
    "gained_dit",
    "load_autoencoder",
    "load_model",
    "model_from_pipeline",
    "open_model",
    "paper_dit",
    "paper_unet",
    "patched_autoencoder",
    "patched_unet",
    "save_network",
    "small_autoencoder",
    "small_dit",
    "small_unet",
    "spectral_unet",
    "two_models",
]

__getattr__ = members(
    __name__, __all__, ["autoencoder", "build", "dit", "own", "patched", "pipelines", "spectral", "unet"]
)
