"""What a recipe trains: its network, its pool, how a batch is made and how its loss is computed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from spectral_collapse import memory, networks
from spectral_collapse.denoisers import NetworkDenoiser
from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.networks import Model
from spectral_collapse.networks import autoencoder as autoencoders
from spectral_collapse.networks.build import create_autoencoder
from spectral_collapse.networks.checkpoints import downsampling, load_autoencoder_and_hash, process_card
from spectral_collapse.networks.patched import PatchedUNet
from spectral_collapse.networks.spectral import SpectralUNet
from spectral_collapse.networks.unet import label_arguments
from spectral_collapse.processes import FlowMatching, Level, Process, VarianceExploding
from spectral_collapse.training.objectives import (
    Corruption,
    Reconstruction,
    autoencoding_loss,
    denoising_loss,
    draw_corruption,
)
from spectral_collapse.training.pool import Encoder, Pool, draw_flips, drop_labels, flip, load_pool
from spectral_collapse.training.recipes import Recipe
from spectral_collapse.training.validation import Record, held_out, levels_of, validate_autoencoder, validate_denoiser

if TYPE_CHECKING:
    from diffusers import ModelMixin

NUM_LABELS = 5
"""The domain labels: x8 or the only source, target, null, x16, x32."""
_MEASURED = 2048
"""Images on which latents, and sigma_data, are measured."""

Batch = tuple[torch.Tensor, ...]


@dataclasses.dataclass(frozen=True)
class Task:
    """One training run without its optimisation.

    network: what is saved; model: what is called in training, the network or a module around it. draw: the random
    tensors of one optimizer step, with a row per image, from its generator. take: a part of those rows with the images
    that they name. loss: per image, from what `take` gave. validate: makes a validation; None for none. levels: of the
    loss in a `Record`. finish: what remains to be done to the trained network. card: what the checkpoint's card says
    besides the recipe.
    """

    network: ModelMixin
    model: torch.nn.Module
    pool: Pool
    draw: Callable[[torch.Generator], Batch]
    take: Callable[[Batch], Batch]
    loss: Callable[..., torch.Tensor]
    validate: Callable[[], Record] | None
    levels: list[Level] | None
    finish: Callable[[], None]
    card: dict[str, Any]


def prepare(recipe: Recipe, root: str | Path | None, device: torch.device) -> Task:
    """The task of a recipe. Raises DataError, CheckpointError or InvalidParameterError as its parts do."""
    return (_autoencoding if recipe.kind == "autoencoder" else _denoising)(recipe, root, device)


def _autoencoding(recipe: Recipe, root: str | Path | None, device: torch.device) -> Task:
    # before the images are prepared, which takes minutes: an impossible network is noticed here
    network = create_autoencoder(recipe.network, **recipe.architecture)
    side = _latent_side(recipe, network)
    _check_memory(recipe, network, 3 * recipe.size**2, device)
    network = network.to(device)
    pool = load_pool(recipe, recipe.source, root)
    if isinstance(network, autoencoders.PatchedAutoencoder):
        network.fit(pool.take(_some(pool, recipe)).to(device))
    model = Reconstruction(network)

    def draw(generator: torch.Generator) -> Batch:
        chosen = pool.choose(recipe.batch_size, generator)
        flips = draw_flips(len(chosen), recipe.flips, generator)
        return chosen, flips, torch.randn(len(chosen), network.config.latent_channels, side, side, generator=generator)

    def take(drawn: Batch) -> Batch:
        chosen, flips, noise = drawn
        return flip(pool.take(chosen), recipe.flips, flips), noise

    def loss(called: torch.nn.Module, images: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return autoencoding_loss(called, images, noise, recipe.kl_weight, recipe.texture_weight)

    def finish() -> None:
        autoencoders.measure(network, pool.take(_some(pool, recipe)).to(device))

    images = held_out(recipe, recipe.source, root) if recipe.validate_every else None
    validate = None if images is None else lambda: validate_autoencoder(network, images)
    card = {"prediction": None, "process": None, "autoencoder": None}
    return Task(network, model, pool, draw, take, loss, validate, None, finish, card)


def _denoising(recipe: Recipe, root: str | Path | None, device: torch.device) -> Task:
    autoencoder, digest = None, ""
    channels, side = 3, recipe.size
    if recipe.autoencoder:
        autoencoder, digest = load_autoencoder_and_hash(recipe.autoencoder, device)
        channels, side = autoencoder.config.latent_channels, _latent_side(recipe, autoencoder)
    # before the images are prepared, which takes minutes: an impossible network is noticed here
    network = networks.create(recipe.network, side, channels, NUM_LABELS, **recipe.architecture)
    _check_memory(recipe, network, channels * side**2, device)
    started = _begin_with(recipe, network)
    network = network.to(device)
    statistics: dict[str, Any] = {}
    if autoencoder is None:
        pool = load_pool(recipe, recipe.source, root)
    else:
        if recipe.measure_latents and autoencoder.config.get("latents_mean") is None:
            pixels = load_pool(recipe, recipe.source, root)
            autoencoders.measure(autoencoder, pixels.take(_some(pixels, recipe)).to(device))
            statistics = {key: autoencoder.config[key] for key in ("latents_mean", "latents_std")}
        encoder = Encoder(
            lambda images: autoencoders.encode(autoencoder, images.to(device)).cpu(), f"{digest[:12]} {statistics}"
        )
        pool = load_pool(recipe, recipe.source, root, encoder)
    process = _process(recipe)
    if isinstance(network, SpectralUNet):
        chosen = _some(pool, recipe)
        network.fit(pool.take(chosen, device), pool.labels[chosen], process)
    sigma_data = _sigma_data(recipe, pool)
    flips = () if recipe.autoencoder else recipe.flips  # a pool of latents holds the mirrored ones

    def draw(generator: torch.Generator) -> Batch:
        chosen = pool.choose(recipe.batch_size, generator)
        labels = drop_labels(pool.labels[chosen], recipe.label_dropout, generator)
        mirrored = draw_flips(len(chosen), flips, generator)
        shape = len(chosen), channels, side, side
        return chosen, labels, mirrored, *draw_corruption(process, shape, generator, device)

    def take(drawn: Batch) -> Batch:
        chosen, labels, mirrored, *corruption = drawn
        return flip(pool.take(chosen, device), flips, mirrored.to(device)), labels, *corruption

    settings = sigma_data, recipe.min_snr_gamma, getattr(network, "weighted", None)

    def loss(
        called: torch.nn.Module, clean: torch.Tensor, labels: torch.Tensor, *corruption: torch.Tensor
    ) -> torch.Tensor:
        told = label_arguments(network, labels)
        return denoising_loss(called, recipe.prediction, clean, Corruption(*corruption), told, *settings)

    states = label_arguments(network, torch.arange(NUM_LABELS, device=device)).get("encoder_hidden_states")
    denoiser = NetworkDenoiser(network, process, recipe.prediction, sigma_data, states)
    images = held_out(recipe, recipe.source, root) if recipe.validate_every else None
    validate = None if images is None else lambda: validate_denoiser(Model(denoiser, autoencoder, {}, ""), images)
    card = {
        "prediction": recipe.prediction,
        "process": process_card(process),
        "autoencoder": recipe.autoencoder or None,
        **({"sigma_data": sigma_data} if recipe.prediction == "edm" else {}),
        **statistics,
        **started,
    }
    return Task(network, network, pool, draw, take, loss, validate, levels_of(denoiser), lambda: None, card)


def _begin_with(recipe: Recipe, network: ModelMixin) -> dict[str, str]:
    """Gives the network the weights of the recipe's `start`, if it has one; what the card says of that.

    Raises CheckpointError where there is no such checkpoint, or its network is another one.
    A `SpectralUNet` may start from the `PatchedUNet` that it holds.
    """
    if not recipe.start:
        return {}
    start = networks.load_model(recipe.start)
    weights = start.denoiser.network.state_dict()
    if isinstance(network, SpectralUNet) and isinstance(start.denoiser.network, PatchedUNet):
        network = network.inner
    shapes = {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
    if {name: tuple(weight.shape) for name, weight in weights.items()} != shapes:
        raise CheckpointError(
            f"the recipe {recipe.name!r} starts from {recipe.start!r}, whose network has other weights than its own; "
            "give both the same network and architecture, or leave start out"
        )
    network.load_state_dict(weights)
    return {"start_hash": start.hash}


def _process(recipe: Recipe) -> Process:
    """The noise process that a prediction type is trained on."""
    match recipe.prediction:
        case "edm":
            return VarianceExploding(log_mean=recipe.log_mean, log_std=recipe.log_std)
        case "flow":
            return FlowMatching()
    return recipe.variance_preserving


def _sigma_data(recipe: Recipe, pool: Pool) -> float:
    """Standard deviation of what the network is trained on, unless the recipe gives one."""
    if recipe.sigma_data != "measured":
        return float(recipe.sigma_data)
    return round(float(pool.take(_some(pool, recipe)).std()), 4)


def _some(pool: Pool, recipe: Recipe) -> torch.Tensor:
    """The items on which something is measured, always the same ones."""
    return pool.choose(_MEASURED, torch.Generator().manual_seed(recipe.seed))


def _latent_side(recipe: Recipe, autoencoder: autoencoders.Autoencoder) -> int:
    """Height and width of the latents. Raises InvalidParameterError for a size that does not halve evenly."""
    step = downsampling(autoencoder.config)
    if recipe.size % step:
        raise InvalidParameterError(
            f"size in the recipe {recipe.name!r} must be a multiple of {step}, which is what its autoencoder "
            f"divides it by; {recipe.size} was given"
        )
    return recipe.size // step


def _check_memory(recipe: Recipe, network: ModelMixin, numbers: int, device: torch.device) -> None:
    """Raises InvalidParameterError for a run that cannot fit; numbers: in one item of a batch."""
    weights = sum(weight.numel() for weight in network.parameters())
    # the weights, their gradients, two moments and the average; float32
    memory.check(
        5 * 4 * weights,
        f"training the {weights:.3g} weights of the recipe {recipe.name!r}",
        "make its architecture smaller",
        device,
    )
    # the noise of a whole batch is drawn at once, so that it is the same on any number of devices
    memory.check(
        4 * numbers * recipe.batch_size,
        f"a batch of {recipe.batch_size} in the recipe {recipe.name!r}",
        "make batch_size smaller",
    )
