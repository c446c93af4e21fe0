"""A user's own model, in any supported form: a checkpoint, a folder of diffusers, two of them, or a function."""

from __future__ import annotations

import hashlib
import importlib
import math
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import torch
from diffusers import AutoencoderKL, DiffusionPipeline, VQModel

from spectral_collapse import paths
from spectral_collapse.checks import check_count, check_is, check_name, described
from spectral_collapse.denoisers import Denoiser, NetworkDenoiser, Prediction
from spectral_collapse.denoisers.pipelines import process_and_prediction, sides
from spectral_collapse.errors import CheckpointError, InvalidParameterError, SpectralCollapseError, first_line, shown
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.labels import NULL, SOURCE
from spectral_collapse.networks.checkpoints import (
    Model,
    _quiet,
    _read_json,
    downsampling,
    find,
    load_model,
    process_card,
)
from spectral_collapse.networks.pipelines import PipelineModel, model_from_pipeline
from spectral_collapse.processes import Level
from spectral_collapse.store.identity import UnidentifiedError, identity

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_FUNCTION = "a function that is named as package.module:function"
Domain = str | int | None
"""Words for a text-conditional model, a class for another one, or neither."""


class GreyModel(Model):
    """A `Model` of one channel in pixel space: it averages an image's channels and repeats its output in all."""

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        return super().encode(images).mean(1, keepdim=True)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return super().decode(latents.expand(-1, 3, -1, -1))


class ByDomain:
    """A denoiser that asks one of two: for images of the source domain the first, for all others the second."""

    def __init__(self, source: Denoiser, target: Denoiser) -> None:
        self.source, self.target, self.process = source, target, source.process

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        """What the network of the domain says; all images of a batch are of one."""
        return (self.source if bool((label == SOURCE).all()) else self.target)(x, level, label)


@dataclass(frozen=True)
class TwoModels(Model):
    """Dual diffusion bridges (Su et al. 2023): inversion asks the source's model, sampling the target's."""

    source: Model
    target: Model

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        return self.source.encode(images)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return self.target.decode(latents)

    def _networks(self) -> list[torch.nn.Module]:
        return [*self.source._networks(), *self.target._networks()]


def two_models(source: Model, target: Model) -> TwoModels:
    """Two models as one: images are inverted with the first, latents sampled with the second.

    Raises InvalidParameterError if their processes, their image sizes or their channels differ.
    """
    check_is("source", source, Model, "a Model, as networks.open_model gives it")
    check_is("target", target, Model, "a Model, as networks.open_model gives it")
    if source.denoiser.process != target.denoiser.process:
        raise InvalidParameterError(
            f"the two models have different noise processes ({source.denoiser.process} and "
            f"{target.denoiser.process}), so latents of one mean nothing to the other; give two of one process"
        )
    sizes = [model.card.get("image_size") for model in (source, target)]
    if sizes[0] != sizes[1]:
        raise InvalidParameterError(
            f"the two models are for images of {sizes[0]} and {sizes[1]} pixels; give two alike"
        )
    networks = [getattr(model.denoiser, "network", None) for model in (source, target)]
    channels = [getattr(network, "config", {}).get("in_channels") for network in networks]
    if channels[0] != channels[1]:
        raise InvalidParameterError(
            f"the networks of the two models take {channels[0]} and {channels[1]} channels; give two alike"
        )
    digest = f"{source.hash}-{target.hash}" if source.hash and target.hash else ""
    card = {**source.card, "source_model": source.card, "target_model": target.card}
    return TwoModels(ByDomain(source.denoiser, target.denoiser), source.autoencoder, card, digest, source, target)


def open_model(
    model: str | Path | Model | None = None,
    *,
    source: Domain = None,
    target: Domain = None,
    source_model: str | Path | Model | None = None,
    target_model: str | Path | Model | None = None,
    dtype: str = "float32",
    device: str | torch.device = "cpu",
) -> Model:
    """Opens a user's model, in any supported form, on a device.

    Args:
        model: a `Model`; a checkpoint of this library, by name or folder (`load_model`); a folder of diffusers: a
            pipeline (`model_index.json`) of the Stable Diffusion, FLUX or DiT kind or with a UNet2DModel, in pixels or
            with an autoencoder (AutoencoderKL, VQModel), or a UNet2DModel (`config.json`) whose
            `scheduler_config.json` lies in the folder, or in `scheduler` there; the name of such a pipeline on the
            Hugging Face Hub, 'owner/name', which diffusers fetches unless it is in its cache; or
            'package.module:function', which is imported and called, and returns a Model, a pipeline or a
            `NetworkDenoiser` of images.
        source, target: the two domains, words for a model that reads prompts, classes for another. A UNet2DModel of
            three classes has 0 source, 1 target, 2 null without them; the class after them is null in others.
        source_model, target_model: in place of `model`, two of them (`two_models`).
        dtype: 'float32', 'bfloat16' or 'float16', of the network; states stay in single precision.

    Raises InvalidParameterError and CheckpointError, one sentence each.
    """
    check_name("dtype", dtype, DTYPES)
    if (source_model is None) != (target_model is None) or (source_model is None) == (model is None):
        raise InvalidParameterError("give one model, or source_model and target_model together")
    if model is None:
        opened = two_models(*(_opened(one, source, target, dtype) for one in (source_model, target_model)))
    else:
        opened = _opened(model, source, target, dtype)
    for part in (opened.source, opened.target) if isinstance(opened, TwoModels) else (opened,):
        network = getattr(part.denoiser, "network", None)
        if isinstance(network, torch.nn.Module) and dtype != "float32":
            network.to(DTYPES[dtype])
    return opened.to(device)


def shapes(model: Model, size: int | None = None) -> tuple[tuple[int, int], torch.Size]:
    """Height and width of the images that a model takes, its own or `size` each, and the shape of their latents.

    Raises InvalidParameterError for a model that does not say its own, and for a size that it cannot take.
    """
    wanted = model.card.get("image_size") if size is None else check_count("size", size, 1)
    if wanted is None:
        raise InvalidParameterError("this model does not say the size of its images; give size, in pixels")
    height, width = (wanted, wanted) if isinstance(wanted, int) else wanted
    return (height, width), model.encode(torch.zeros(1, 3, height, width)).shape[1:]


def precision(model: Model) -> torch.dtype:
    """The precision of the weights of a model's network."""
    found = (weights.dtype for network in model._networks() for weights in network.parameters())
    return next(found, torch.float32)


def fingerprint(model: Model) -> str:
    """The model's hash; without one, a digest of its weights, or '' if it has no weights either."""
    if model.hash:
        return model.hash
    digest, seen = hashlib.sha256(), False
    parts = (model.source, model.target) if isinstance(model, TwoModels) else ()
    for part in parts or (model,):
        for network in part._networks():
            for name, tensor in network.state_dict().items():
                seen = True
                digest.update(f"{name} {tensor.dtype}".encode())
                digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:12] if seen else ""


def current_hash(model: Model) -> str:
    """The model's hash; if its weights were changed in place since it was made, another one, of these weights."""
    if not model.hash or model.changes() <= vars(model).get("changes_then", math.inf):
        return model.hash
    return hashlib.sha256(f"{model.hash}{fingerprint(replace(model, hash=''))}".encode()).hexdigest()[:12]


def computation(model: Model, method: InversionMethod, num_steps: int) -> dict[str, Any]:
    """What outputs depend on besides weights, as JSON: process, prediction, conditioning, and code of one's own."""
    parts = (model.source, model.target) if isinstance(model, TwoModels) else (model,)
    denoisers = [part.denoiser for part in parts]
    processes = [one.process for one in denoisers]
    return {
        "process": [repr(one) if is_dataclass(one) else _identity(one.levels(num_steps)) for one in processes],
        "prediction": [getattr(one, "prediction", None) for one in denoisers],
        "conditioning": [_identity(one.told()) for one in denoisers if isinstance(one, NetworkDenoiser)],
        "model_code": [_identity(type(one)) for part in parts for one in (part, part.denoiser, *part._networks())],
        "method_code": _identity(method),
    }


def _identity(value: object) -> Any:
    """`identity`; of what has none the name of the class."""
    try:
        return identity(value)
    except UnidentifiedError:
        return getattr(value, "__qualname__", type(value).__qualname__)


def check_guidance(model: Model, guidance: float, null_label: int = NULL) -> None:
    """Raises InvalidParameterError where a model has no null label to be guided away from."""
    known = getattr(model.denoiser, "num_labels", None)
    if known is None and getattr(model.denoiser, "takes_class", False):  # it has labels, and does not say how many
        return
    if guidance != 1 and isinstance(model.denoiser, NetworkDenoiser | ByDomain) and (known or 0) <= null_label:
        raise InvalidParameterError(
            f"guidance {guidance:g} needs a null label, and this model has "
            f"{'no known number of labels' if known is None else f'{known} labels and none for null'}; leave guidance "
            "at 1"
        )


def _opened(given: str | Path | Model, source: Domain, target: Domain, dtype: str) -> Model:
    if isinstance(given, Model):
        return given
    if not isinstance(given, str | os.PathLike):
        raise InvalidParameterError(
            f"model must be a Model, a name or a folder; {described(given)} was given{_made_of(given)}"
        )
    folder = paths.expanded(given, "model")
    if not folder.exists() and ":" in str(given) and os.sep not in str(given):
        return _from_function(str(given), source, target)
    if (folder / "model_index.json").is_file():
        return _identified(_from_pipeline(_pipeline(folder, dtype), source, target))
    if (folder / "config.json").is_file() and not (folder / "card.json").exists():
        return _identified(_from_unet_folder(folder, source, target))
    if folder.is_dir() and (folder / "unet" / "config.json").is_file() and not (folder / "card.json").exists():
        return _identified(_from_unet_folder(folder / "unet", source, target))
    if not folder.exists() and isinstance(given, str) and _HUB_NAME.fullmatch(given):
        return _identified(_from_pipeline(_pipeline(_fetched(given), dtype), source, target))
    _check_place(given, folder)
    model = load_model(given)
    if (source, target) != (None, None):
        raise InvalidParameterError(
            f"{shown(find(given))} is a checkpoint whose domains its training has fixed; leave out prompts and classes"
        )
    return model


def _made_of(given: object) -> str:
    """How a Model is made of something that is none."""
    if isinstance(given, DiffusionPipeline):
        return ": give networks.model_from_pipeline(pipe, source=..., target=...), or the folder where it is saved"
    if isinstance(given, NetworkDenoiser):
        return ": give networks.Model(denoiser, None, {'image_size': 64}, '')"
    return ""


def _check_place(given: str | Path, folder: Path) -> None:
    """Raises CheckpointError for a folder or a file that is there, where no model can be read from it."""
    try:
        find(given)
    except CheckpointError as error:
        if not folder.exists() or isinstance(error.__cause__, OSError):
            raise
        lacks = "holds no model_index.json and no config.json" if folder.is_dir() else "is a file, and no folder"
        raise CheckpointError(
            f"{shown(given)} {lacks}; name the folder that save_pretrained has written, of a pipeline of diffusers or "
            "of a UNet2DModel with its scheduler"
        ) from error


def _identified(model: Model) -> Model:
    """A model that was read from files, with a hash of its weights and of what else it computes with.

    A model that a function returns gets none: its code may have changed what the weights do not show.
    """
    if isinstance(model, PipelineModel):  # whose hash is taken whenever it is asked for
        return model
    denoiser = model.denoiser
    parts = [fingerprint(model), repr(denoiser.process), denoiser.prediction, type(model).__name__]
    parts += [repr(sorted(network.config.items(), key=str)) for network in model._networks()]
    parts += [f"{name} {rows.tolist()}" for name, rows in denoiser.told().items()]
    return replace(model, hash=hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12])


def _from_function(name: str, source: Domain, target: Domain) -> Model:
    """What a function of the user's returns. The folder where the command runs is looked in first."""
    module, _, function = name.partition(":")
    if module.endswith(".py"):
        raise InvalidParameterError(f"{name!r} names a file; name its module: {module.removesuffix('.py')}:{function}")
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module), function)()
    except SpectralCollapseError:
        raise
    except Exception as error:  # code of the user's own
        raise InvalidParameterError(
            f"{name!r}, {_FUNCTION}, failed: {type(error).__name__}: {error}; correct it, or give a folder"
        ) from error
    finally:
        sys.path.remove(here)
    if isinstance(found, DiffusionPipeline):
        return _from_pipeline(found, source, target)
    if isinstance(found, NetworkDenoiser | Model) and (source, target) != (None, None):
        raise InvalidParameterError(
            f"{name!r}, {_FUNCTION}, returns a {type(found).__name__}, whose domains it has fixed; leave out prompts "
            "and classes, and give classes=[source, target] to its NetworkDenoiser"
        )
    if isinstance(found, NetworkDenoiser):
        return _of_denoiser(found)
    if isinstance(found, Model):
        return found
    raise InvalidParameterError(
        f"{name!r} returned {described(found)}; it must return a Model, a pipeline of diffusers or a NetworkDenoiser"
    )


@contextmanager
def _loading(what: str, advice: str) -> Iterator[None]:
    """CheckpointError for whatever diffusers raises: many types, by what is missing or damaged."""
    try:
        with _quiet():
            yield
    except Exception as error:
        raise CheckpointError(f"{what} cannot be loaded ({first_line(error)}); {advice}") from error


def _variant(files: Iterable[Path]) -> str | None:
    """'fp16' where there are no weights but those of half precision."""
    names = [file.name for file in files]
    return "fp16" if names and all(".fp16." in name for name in names) else None


def _fetched(name: str) -> Path:
    """The folder in diffusers' cache of a pipeline on the Hub, fetched if it is not there."""
    try:
        with _quiet():
            return Path(DiffusionPipeline.download(name, use_safetensors=True))
    except Exception as error:  # of many types, by what is missing or fails
        raise CheckpointError(
            f"no folder {name!r} is here, and the Hugging Face Hub did not give a pipeline of this name "
            f"({first_line(error)}); check the name and the network, or name a folder"
        ) from error


def _pipeline(folder: Path, dtype: str) -> DiffusionPipeline:
    """A pipeline from its folder; nothing is fetched and nothing unpickled."""
    given = {"variant": _variant(folder.glob("*/*.safetensors")), "local_files_only": True}
    given |= {} if dtype == "float32" else {"torch_dtype": DTYPES[dtype]}
    advice = "it must be whole, with safetensors: write it by pipe.save_pretrained(folder)"
    with _loading(f"the pipeline in {shown(folder)}", advice):
        pipe = DiffusionPipeline.from_pretrained(str(folder), use_safetensors=True, **given)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _from_pipeline(pipe: DiffusionPipeline, source: Domain, target: Domain) -> Model:
    unet = getattr(pipe, "unet", None)
    if isinstance(unet, diffusers.UNet2DModel):
        autoencoder = getattr(pipe, "vae", None) or getattr(pipe, "vqvae", None)
        if not isinstance(autoencoder, AutoencoderKL | VQModel | None):
            raise InvalidParameterError(
                f"the autoencoder of a {type(pipe).__name__} with a UNet2DModel must be an AutoencoderKL or a VQModel, "
                f"and is a {type(autoencoder).__name__}; give {_FUNCTION} and returns a networks.Model"
            )
        return _from_unet(unet, pipe.scheduler, source, target, autoencoder)
    if source is None or target is None:
        words = "classes" if hasattr(pipe, "labels") else "prompts"
        raise InvalidParameterError(
            f"this {type(pipe).__name__} is told what to make: give {words} for the source and for the target domain "
            "(--source-prompt and --target-prompt, or --source-class and --target-class)"
        )
    return model_from_pipeline(pipe, source=source, target=target)


def _from_unet_folder(folder: Path, source: Domain, target: Domain) -> Model:
    name = _read_json(folder / "config.json").get("_class_name")
    if name != "UNet2DModel":
        raise CheckpointError(
            f"{shown(folder / 'config.json')} is of {described(name)}, and alone only a UNet2DModel can be used; give "
            "the folder of the whole pipeline (model_index.json)"
        )
    places = [folder, folder / "scheduler", folder.parent / "scheduler"]
    file = next((one for place in places if (one := place / "scheduler_config.json").exists()), None)
    if file is None:
        raise CheckpointError(
            f"{shown(folder)} has no scheduler_config.json, which says the noise process; write it there by "
            "scheduler.save_pretrained(folder)"
        )
    settings = _read_json(file)
    kind = getattr(diffusers, str(settings.get("_class_name")), None)
    given = {"variant": _variant(folder.glob("*.safetensors")), "local_files_only": True}
    with _loading(f"the U-Net in {shown(folder)}", "write it by save_pretrained(folder), with safetensors"):
        network = diffusers.UNet2DModel.from_pretrained(str(folder), use_safetensors=True, **given)
        scheduler = kind.from_config(settings)
    return _from_unet(network, scheduler, source, target)


def _from_unet(
    network: diffusers.UNet2DModel,
    scheduler: Any,
    source: Domain,
    target: Domain,
    autoencoder: AutoencoderKL | VQModel | None = None,
) -> Model:
    """A UNet2DModel with its scheduler, of pixels or of an autoencoder's latents."""
    process, prediction = process_and_prediction(SimpleNamespace(scheduler=scheduler))
    known, classes = network.config.num_class_embeds, None
    if isinstance(source, str) or isinstance(target, str):
        raise InvalidParameterError("a UNet2DModel reads no prompts; give classes, if it has any (--source-class)")
    if (source, target) != (None, None):
        if not known or None in (source, target) or not all(0 <= one < known for one in (source, target)):
            raise InvalidParameterError(
                f"this UNet2DModel has {known or 'no'} classes, and two of them are needed; {source} and {target} were "
                "given"
            )
        if source == target:
            raise InvalidParameterError(f"source and target are both class {source}; a translation needs two classes")
        null = [max(source, target) + 1] if max(source, target) + 1 < known else []
        classes = [source, target, *null]
    elif known and known not in (2, 3):
        raise InvalidParameterError(
            f"this UNet2DModel has {known} classes; say which are source and target (--source-class, --target-class)"
        )
    elif not known:
        warnings.warn("this model has no classes, so images are reconstructed and not translated", stacklevel=2)
    autoencoder = None if autoencoder is None else autoencoder.float().eval()
    return _of_denoiser(NetworkDenoiser(network.eval(), process, prediction, classes=classes), autoencoder)


def _of_denoiser(denoiser: NetworkDenoiser, autoencoder: AutoencoderKL | VQModel | None = None) -> Model:
    """A denoiser of images, or of an autoencoder's latents, as a model."""
    network = denoiser.network
    if not hasattr(network, "config"):
        raise InvalidParameterError(
            f"a {type(network).__name__} does not say the size of its images; return a networks.Model whose card has "
            "image_size, or a networks.GreyModel if it takes one channel"
        )
    channels = network.config.get("in_channels", 3)
    if autoencoder is not None and channels != autoencoder.config.latent_channels:
        raise InvalidParameterError(
            f"the network takes {channels} channels, and its autoencoder makes {autoencoder.config.latent_channels}; "
            "give a pipeline whose parts belong together"
        )
    if autoencoder is None and channels not in (1, 3):
        raise InvalidParameterError(
            f"a {type(network).__name__} of {channels} channels takes no images; return a networks.Model with its "
            "autoencoder"
        )
    pixels = 1 if autoencoder is None else downsampling(autoencoder.config)
    height, width = (side * pixels for side in sides(network))
    card = {
        "family": "own",
        "image_size": height if height == width else (height, width),
        "prediction": denoiser.prediction,
        "process": process_card(denoiser.process),
        "autoencoder": None if autoencoder is None else type(autoencoder).__name__,
    }
    kind = GreyModel if channels == 1 and autoencoder is None else Model
    return kind(denoiser, autoencoder, card, "")
