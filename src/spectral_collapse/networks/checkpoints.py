"""Checkpoints: a folder with config.json and safetensors as diffusers writes them, and a card.json.

    data/checkpoints/photos/
        config.json                             the network's class and architecture
        diffusion_pytorch_model.safetensors     its weights, float16
        card.json                               process, prediction, data, recipe, seed, seconds, hash, scores
        samples.png, training.nc                what it makes, and its curves, where training watched them

The card of a denoiser names its autoencoder: a checkpoint that lies beside it, the folder of another
one, or a name on the Hugging Face hub. `latents_mean` and `latents_std` in the card are per channel and
replace the autoencoder's own scale.

Nothing in a checkpoint is ever unpickled, and only the weights that its hash covers are read: other weight files in the
folder, and indices that name them, are ignored. A variant, such as diffusion_pytorch_model.fp16.safetensors, is read
where it alone is there.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import inspect
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import core_schema
from safetensors import SafetensorError

from spectral_collapse import disk, paths, processes
from spectral_collapse.checks import check_batch, check_count, check_device, check_is, check_text, described
from spectral_collapse.denoisers import NetworkDenoiser, size_multiple, unwrapped
from spectral_collapse.denoisers.base import check_denoiser
from spectral_collapse.denoisers.network import device_of, offloaded_to
from spectral_collapse.errors import CheckpointError, InvalidParameterError, first_line, problems, shown
from spectral_collapse.later import Later, accelerate, diffusers, safetensors, torch
from spectral_collapse.processes import Process
from spectral_collapse.store.identity import Named

if TYPE_CHECKING:
    from spectral_collapse.networks import autoencoder as autoencoders
    from spectral_collapse.networks import unet
else:
    autoencoders, unet = Later(f"{__package__}.autoencoder"), Later(f"{__package__}.unet")

_WEIGHTS = "diffusion_pytorch_model.safetensors"
_NETWORK = {"config.json", _WEIGHTS, "card.json"}
_FILES = _NETWORK | {"samples.png", "training.nc"}
_JSON = {"float": (int, float), "int": (int, float, list), "str": str, "bool": bool}
"""Annotation of a network's parameter -> what config.json may have there, beside null; sizes may be lists."""
_PROCESSES = {
    "variance_preserving": processes.VariancePreserving,
    "variance_exploding": processes.VarianceExploding,
    "flow_matching": processes.FlowMatching,
}
_OWN_CLASSES = {
    "GainedDiT": "dit",
    "PatchedUNet": "patched",
    "PatchedAutoencoder": "autoencoder",
    "SpectralUNet": "spectral",
}
"""Networks of this package -> the modules that they are in."""
MODEL_HASH = "model_hash"
"""The key in a record's card: the hash of the `Model` whose weights are not included."""
_MOST_STEPS = 1_000_000
_READING = ("prediction", "process", "sigma_data", "latents_mean", "latents_std")
_SLACK = 1e-3  # how far an image may leave [-1, 1], as the scores have it: rounding, not 0..255
_OLD_NAMES = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
"""Of an attention's layers in weights from before diffusers 0.17, such as Stable Diffusion's autoencoder."""


class _Card(BaseModel):
    """What `load_model` reads of a denoiser's card; it may hold more."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)

    family: str
    image_size: Annotated[int, Field(gt=0)]
    prediction: str
    process: dict[str, Any]
    autoencoder: str | None
    sigma_data: Annotated[float, Field(gt=0)] = 0.5
    latents_mean: list[float] | None = None
    latents_std: list[Annotated[float, Field(gt=0)]] | None = None


@dataclass(frozen=True)
class Model:
    """A trained denoiser with its autoencoder: images in [-1, 1] on one side, latents on the other.

    autoencoder is None for a model in pixel space. hash identifies the weights and the configuration of both,
    and what the card says of how they are read.
    """

    denoiser: NetworkDenoiser
    autoencoder: autoencoders.Autoencoder | None
    card: dict[str, Any]
    hash: str

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: object) -> core_schema.CoreSchema:
        return core_schema.is_instance_schema(cls)  # else pydantic looks at the fields' types, which loads diffusers

    @property
    def device(self) -> torch.device:
        """The device of the networks; a closed form without networks computes on its input's, and has the CPU here."""
        found = (device_of(network) for network in self._networks())
        return next((device for device in found if device is not None), torch.device("cpu"))

    def to(self, device: str | torch.device) -> Model:
        """This model, its networks moved to a device as torch moves modules: in place.

        device: 'auto' (the accelerator that torch finds, else the CPU), 'cpu', 'cuda', 'cuda:1', ...
        Raises InvalidParameterError for a device that is not here, and for networks that are offloaded to another.
        """
        device = check_device(device)
        for network in self._networks():
            there = offloaded_to(network)
            if there is None:
                network.to(device)
            elif (there.type, there.index or 0) != (device.type, device.index or 0):
                raise InvalidParameterError(
                    f"this model's {type(network).__name__} is offloaded, computes on {shown(there)} and cannot be "
                    f"moved to {shown(device)}; name the former, or take the pipeline without offloading"
                )
        return self

    def __post_init__(self) -> None:
        check_denoiser(self.denoiser)
        if self.autoencoder is not None:
            check_is("autoencoder", self.autoencoder, torch.nn.Module, "an autoencoder of diffusers, or None")
            if type(self) is Model and not hasattr(self.autoencoder, "config"):  # others may code images themselves
                raise InvalidParameterError(
                    f"autoencoder must be an autoencoder of diffusers, which has a config; a "
                    f"{type(self.autoencoder).__name__} was given"
                )
        check_is("card", self.card, Mapping, "a dict")
        check_text("hash", self.hash)
        vars(self)["changes_then"] = self.changes()

    def __getstate__(self) -> dict[str, Any]:
        from spectral_collapse.networks import own  # which imports this module

        known = {"hash": own.current_hash(self)} if "hash" in vars(self) else {}
        return vars(self) | known

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        vars(self)["changes_then"] = self.changes()  # copies of weights count theirs anew

    def changes(self) -> int:
        """How often weights were written to, by torch's count, which moving them to a device leaves as it is."""
        count = 0
        for network in self._networks():
            for weight in network.parameters():
                count += 0 if weight.is_inference() else weight._version
        return count

    @property
    def downsampling(self) -> int:
        """How many pixels, along each axis, one latent pixel stands for."""
        return 1 if self.autoencoder is None else downsampling(self.autoencoder.config)

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Images N x 3 x H x W in [-1, 1], wherever they are -> latents of unit variance, N x c x h x w, on `device`.

        Images of any floating-point precision are taken, and computed with in that of the autoencoder.

        Raises InvalidParameterError for anything but a floating-point tensor, for images of a size that the networks
        cannot take, and for values beyond [-1, 1], NaN among them.
        """
        step = self._size_multiple()
        check_batch(images, "images")
        if images.shape[1] != 3 or any(side % step or not side for side in images.shape[2:]):
            raise InvalidParameterError(
                f"this model takes images N x 3 x H x W with H and W multiples of {step}; "
                f"{tuple(images.shape)} was given"
            )
        if not len(images):
            raise InvalidParameterError("no images were given; N must be at least 1")
        low, high = images.aminmax()
        if not (low >= -1 - _SLACK and high <= 1 + _SLACK):  # nor is NaN
            raise InvalidParameterError(
                f"images span [{low:.4g}, {high:.4g}], but must lie in [-1, 1]; rescale or clamp them first"
            )
        images = images.to(self.device) if self._networks() else images
        return images if self.autoencoder is None else autoencoders.encode(self.autoencoder, images)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents N x c x h x w -> images N x 3 x H x W in [-1, 1].

        Raises InvalidParameterError for anything but a floating-point tensor, for another number of channels and for
        NaN or infinity.
        """
        channels = 3 if self.autoencoder is None else self.autoencoder.config.latent_channels
        check_batch(latents, "latents")
        if latents.shape[1] != channels or not latents.numel():
            raise InvalidParameterError(
                f"this model takes latents N x {channels} x h x w; {tuple(latents.shape)} was given"
            )
        if not bool(torch.isfinite(latents).all()):
            raise InvalidParameterError("latents hold NaN or infinity, which no image comes from")
        return latents.clamp(-1, 1) if self.autoencoder is None else autoencoders.decode(self.autoencoder, latents)

    def _networks(self) -> list[torch.nn.Module]:
        found = (getattr(self.denoiser, "network", None), self.autoencoder)
        return [network for network in found if isinstance(network, torch.nn.Module)]

    def _size_multiple(self) -> int:
        """What the height and width of an image must be a multiple of."""
        network = getattr(self.denoiser, "network", None)  # a closed form has none
        return self.downsampling * (1 if network is None else size_multiple(network))


def load_model(name: str | Path, device: str | torch.device = "cpu") -> Model:
    """A model by its name (a shipped checkpoint or a training run) or by the path of its folder.

    Raises CheckpointError, one sentence, where the folder, a file in it or a key of its card is
    missing or impossible, and where weights are truncated, hold NaN, or don't fit the architecture beside them;
    InvalidParameterError for a device that is not here.
    """
    device = check_device(device)
    folder, card, known, process, beside = _opened(name)
    file = folder / "card.json"
    network, digest = _load_network(folder, device)
    autoencoder, other = None, ""
    if beside:
        autoencoder, other = load_autoencoder_and_hash(beside, device)
        if known.latents_mean is not None:
            _check_statistics(autoencoder, known, file)
            autoencoder.register_to_config(latents_mean=known.latents_mean, latents_std=known.latents_std)
    states = unet.take_label_states(network)
    try:
        denoiser = NetworkDenoiser(network, process, known.prediction, known.sigma_data, states)
    except (TypeError, InvalidParameterError) as error:
        raise CheckpointError(f"the card {shown(file)} does not fit its network: {error}") from error
    return Model(denoiser, autoencoder, card, _hash(digest, other, card))


def check_made_for(card: Mapping[str, Any], dataset: str, family: str, image_size: int) -> None:
    """Raises CheckpointError unless a model is made for this family of data sets and this image size, by its card."""
    check_text("dataset", dataset)
    check_text("family", family)
    check_count("image_size", image_size, 1)
    for name, needed, advice in (
        ("family", family, "a data set of that family; the card of a network of your own has the family"),
        ("image_size", image_size, "give the size that it is for, as size="),
    ):
        if card.get(name) != needed:
            raise CheckpointError(
                f"the checkpoint is for {name} {card.get(name)!r}, but {dataset!r} at this profile needs {needed!r}; "
                f"name another checkpoint, or {advice}"
            )


class Facts(NamedTuple):
    """What the files of a model say of it.

    card, hash and downsampling of the `Model`, its noise process, and the classes whose code it runs.
    """

    card: dict[str, Any]
    hash: str
    process: Process
    classes: set[type | Named]
    downsampling: int


def facts(name: str | Path) -> Facts:
    """What identifies a model by name or folder, without building its networks.

    A network whose weights are not included is known by the name of its record (`recording`), whose card has its hash.

    Raises CheckpointError where a file is missing or cannot be read, and for an impossible card.
    """
    record = recorded(name)
    folder, card, _, process, beside = _opened(record or name)
    config, digest = (_read_json(record / "config.json"), "") if record else _read_network(folder)
    other, pixels = "", 1
    if isinstance(beside, Path):
        encoding, other = _read_network(beside)
        pixels = downsampling(encoding)
    elif beside:
        autoencoder, other = load_autoencoder_and_hash(beside)
        pixels = downsampling(autoencoder.config)
    named = str(config.get("_class_name"))
    own = _OWN_CLASSES.get(named)
    kind = Named(f"{__package__}.{own}", named) if own else _network_class(named, folder)
    known = card[MODEL_HASH] if record else _hash(digest, other, card)
    return Facts(card, known, process, {NetworkDenoiser, type(process), kind}, pixels)


def downsampling(config: Mapping[str, Any]) -> int:
    """How many pixels, along each axis, one latent pixel stands for, by an autoencoder's configuration."""
    try:
        return config["patch"] if "patch" in config else 2 ** (len(config["block_out_channels"]) - 1)
    except (KeyError, TypeError) as error:
        raise CheckpointError(
            "the autoencoder's config.json lacks 'patch' or 'block_out_channels'; copy it again or train it"
        ) from error


def _read_network(folder: Path) -> tuple[dict[str, Any], str]:
    """A network's configuration, and the SHA-256 of that and of the bytes of its weights, as of `_load_network`."""
    config = _read_json(folder / "config.json")
    return config, hashlib.sha256(_configuration(config) + _read(_weights_of(folder))).hexdigest()


def _hash(network: str, autoencoder: str, card: Mapping[str, Any]) -> str:
    """The hash of a model, by those of its network and its autoencoder ('' without one)."""
    if autoencoder:
        network = hashlib.sha256(f"{network}{autoencoder}".encode()).hexdigest()
    reading = {key: card[key] for key in _READING if key in card}
    return hashlib.sha256(f"{network}{json.dumps(reading, sort_keys=True)}".encode()).hexdigest()[:12]


def _opened(name: str | Path) -> tuple[Path, dict[str, Any], _Card, Process, Path | str | None]:
    """A model's folder, its card, what of it is read, its noise process, and its autoencoder: a folder, a name on the
    hub, or None. Raises CheckpointError."""
    folder = find(name)
    for pipeline in (folder, folder.parent):
        if (pipeline / "model_index.json").is_file() and not (folder / "card.json").exists():
            raise CheckpointError(
                f"{shown(pipeline)} is a whole pipeline of diffusers; load it by DiffusionPipeline.from_pretrained and "
                "give it to networks.model_from_pipeline"
            )
    file = folder / "card.json"
    card = read_card(folder)
    if "process" in card and card["process"] is None:
        raise CheckpointError(f"the checkpoint {shown(folder)} is of an autoencoder, not of a denoiser; name another")
    try:
        known = _Card.model_validate(card)
    except ValidationError as error:
        raise CheckpointError(
            f"the card {shown(file)} cannot be used: {problems(error)}; train the model again"
        ) from error
    beside = _beside(folder, known.autoencoder) if known.autoencoder else None
    try:
        beside = find(beside) if beside and not _on_hub(beside) else beside
    except InvalidParameterError as error:
        raise CheckpointError(f"the autoencoder in the card {shown(file)} cannot be found: {error}") from error
    return folder, card, known, _process(file, known.process), beside


def load_autoencoder(name: str | Path = "autoencoder", device: str | torch.device = "cpu") -> autoencoders.Autoencoder:
    """An autoencoder: a checkpoint by name or path, the folder of a Stable Diffusion (its vae), or a hub id.

    A hub id, such as 'stabilityai/sd-vae-ft-mse', is downloaded once, by diffusers, into its own cache.
    Raises CheckpointError and InvalidParameterError as `load_model` does.
    """
    return load_autoencoder_and_hash(name, device)[0]


def load_autoencoder_and_hash(
    name: str | Path, device: str | torch.device = "cpu"
) -> tuple[autoencoders.Autoencoder, str]:
    """`load_autoencoder`, and the SHA-256 of its weights and configuration."""
    device = check_device(device)
    if _on_hub(name):
        return _from_hub(str(name), device)
    folder = find(name)
    autoencoder, digest = _load_network(folder, device)
    if not isinstance(autoencoder, autoencoders.Autoencoder):
        raise CheckpointError(f"{shown(name)} holds a {type(autoencoder).__name__}, not an autoencoder; name another")
    return autoencoder, digest


def _on_hub(name: str | Path) -> bool:
    return bool(re.fullmatch(r"[\w.-]{1,100}/[\w.-]{1,100}", str(name))) and not Path(name).is_dir()


def find(name: str | Path) -> Path:
    """The folder of a checkpoint: a path as it is (or its vae), else an included checkpoint, else a training run's."""
    given = paths.expanded(name, "a checkpoint")
    candidates = [given, given / "vae", *(folder / name for folder in _shelves()), paths.runs() / name / "model"]
    try:
        for folder in candidates:
            if (folder / "config.json").is_file():
                return folder
        for folder in candidates:
            if folder.is_dir() and folder != Path(name):
                raise CheckpointError(
                    f"the checkpoint folder {str(folder)!r} has no config.json; train or copy it again"
                )
    except OSError as error:
        raise CheckpointError(
            f"the checkpoint {shown(name)} cannot be read ({error.strerror}); fix it, or name another folder"
        ) from error
    if recorded(name):
        raise CheckpointError(
            f"the weights of {shown(name)} are not included, only what was measured with them; "
            f"'spectral-collapse train {name}' makes a network like it"
        )
    if given.is_dir():
        raise CheckpointError(
            f"the folder {shown(name)} has no config.json, so there is no network in it; name another"
        )
    there = available()
    more = "" if paths.in_checkout() else "name the folder 'data' of a checkout by SPECTRAL_COLLAPSE_HOME for more, "
    raise CheckpointError(
        f"no checkpoint {shown(name)}; shipped are: {', '.join(there) or 'none'}; "
        f"{more}'spectral-collapse train' makes one, and a path to a folder with config.json works too"
    )


def recorded(name: str | Path) -> Path | None:
    """The record of a network of this name whose weights are not on this machine; None if there is none."""
    if str(name) != Path(name).name or any((folder / name).is_dir() for folder in _shelves()):
        return None
    folder = paths.records() / name
    trained = (paths.runs() / name / "model" / "config.json").is_file()
    return folder if (folder / "config.json").is_file() and not trained else None


def read_card(folder: Path) -> dict[str, Any]:
    """What the card of a checkpoint says, unchecked. Raises CheckpointError where it is missing or no JSON object."""
    return _read_json(folder / "card.json")


def available(file: str = "config.json") -> dict[str, Path]:
    """The folders of the included checkpoints that have this file, by name, in the order of names."""
    found = {one.parent.name: one.parent for shelf in reversed(_shelves()) for one in shelf.glob(f"[!.]*/{file}")}
    return dict(sorted(found.items()))


def _shelves() -> list[Path]:
    """The folders of shipped checkpoints, the one that counts first where both have a name."""
    return [paths.checkpoints(), paths.packaged_checkpoints()]


def process_card(process: Process) -> dict[str, Any]:
    """What a card says of a noise process: its kind and its parameters."""
    kind = next(kind for kind, known in _PROCESSES.items() if type(process) is known)
    return {"kind": kind, **dataclasses.asdict(process)}


def usual(family: str, kind: str) -> str:
    """The name of the default network for a family's images. kind: 'real' or 'rendered'.

    `FAMILY` was trained on real images and `FAMILY-rendered` on their rendered twins. If one of the two is missing, the
    other one is the default; if both are, `FAMILY`.
    """
    names = [family, f"{family}-rendered"]
    there = available()
    return next((name for name in (names[::-1] if kind == "rendered" else names) if name in there), family)


def ordinary(family: str) -> str:
    """The name of the network of a family that networks with one other choice (flow matching, a transformer, another
    training) are compared with: `FAMILY-rendered`, else `FAMILY-plain`, which may be a record, else `FAMILY`."""
    names = (f"{family}-rendered", f"{family}-plain")
    return next((name for name in names if name in available() or recorded(name)), family)


def shipped(family: str, image_size: int, kind: str | None = None) -> list[str]:
    """The names of the networks that are included for a family of data sets and an image size, its `usual` one first.

    kind: 'real' or 'rendered', for networks that were trained on such images alone, if there are any. Raises
    CheckpointError for a card that cannot be read.
    """
    cards = {name: read_card(folder) for name, folder in available("card.json").items()}
    wanted = {"family": family, "image_size": image_size}
    found = [name for name, card in cards.items() if all(card.get(key) == value for key, value in wanted.items())]
    alike = [name for name in found if kind is not None and cards[name].get("data_source") == kind]
    first = usual(family, kind or "real")
    return sorted(alike or found, key=lambda name: name != first)


def called(checkpoint: str | Path | Model) -> str:
    """The name of a network: that of its folder or, if this is the 'model' of a training run, that of the run.

    A loaded network without a folder is called by its hash, if it has one.
    """
    if isinstance(checkpoint, Model):
        return checkpoint.hash or "model"
    folder = Path(checkpoint)
    return folder.resolve().parent.name if folder.name == "model" else folder.name


def save_network(
    network: diffusers.ModelMixin, folder: Path, card: dict[str, Any], files: Mapping[str, bytes] | None = None
) -> None:
    """Writes a network (weights in float16), its card and further files as one folder, whole or not at all.

    The card gets the hash of the weights. Raises CheckpointError when it cannot be written (a full disk,
    say), and where `check_free` does; what was there before is then untouched. Raises InvalidParameterError for what is
    no network of diffusers, or has adapters (wrappers of torch.compile and the like are left out), and where a further
    file's name is that of a file of the network, or none in this folder.
    """
    folder = paths.expanded(folder, "folder")
    check_is("card", card, Mapping, "a dict")
    check_is("files", files, Mapping | None, "a dict, name -> bytes")
    for name, content in (files or {}).items():
        check_text("the name of a file", name)
        check_is(f"the file {shown(name)}", content, bytes, "bytes")
        if name in _NETWORK or not re.fullmatch(r"[^./\\:\0][^/\\:\0]*", name):
            raise InvalidParameterError(
                f"files must have names of their own, without separators, beside {', '.join(sorted(_NETWORK))}; "
                f"{shown(name)} was given"
            )
    try:
        json.dumps(card)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidParameterError(f"card must be what JSON knows; it says: {str(error)[:200]}") from error
    network = unwrapped(network)
    if not isinstance(network, diffusers.ModelMixin) or hasattr(network, "peft_config"):
        given = f"a {type(network).__name__}{' with adapters' if hasattr(network, 'peft_config') else ''}"
        raise InvalidParameterError(
            f"save_network takes a network of diffusers (ModelMixin) whose adapters are merged into it; {given} was "
            "given"
        )
    check_free(folder, files or ())
    try:
        with disk.replacing(folder) as temporary:
            # A copy, so that the network itself stays as it is; safetensors knows no channels-last weights.
            half = copy.deepcopy(network).half().to(memory_format=torch.contiguous_format)
            half.save_pretrained(temporary, max_shard_size="1TB")
            digest = hashlib.sha256((temporary / _WEIGHTS).read_bytes()).hexdigest()
            (temporary / "card.json").write_text(json.dumps({**card, "hash": digest[:12]}, indent=2) + "\n")
            for name, content in (files or {}).items():
                (temporary / name).write_bytes(content)
            (temporary / _WEIGHTS).chmod(0o644)  # safetensors' files are private
            check_free(folder, files or ())  # it may have been filled since
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"the checkpoint {str(folder)!r} could not be written ({getattr(error, 'strerror', None) or error}); "
            "make room or name another folder"
        ) from error


def check_free(folder: Path, files: Iterable[str] = (), recipe: Mapping[str, Any] | None = None) -> None:
    """Raises CheckpointError where a checkpoint, written to `folder`, would destroy something else.

    It may be missing, empty, or hold a checkpoint and nothing else: of this recipe, where one is given, at its
    profile. files: names of further files of a checkpoint.
    """
    try:
        if not os.path.lexists(folder):
            return
        if not folder.is_dir():
            raise CheckpointError(f"{shown(folder)} is a file; name a folder for the checkpoint")
        there = sorted(folder.iterdir())
    except OSError as error:
        raise CheckpointError(
            f"no checkpoint can be written to {shown(folder)} ({error.strerror}); name another folder"
        ) from error
    others = [file.name for file in there if not file.is_file() or file.name not in _FILES | set(files)]
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise CheckpointError(
            f"the folder {shown(folder)} holds {others[0]!r}{more}, which a checkpoint written there would delete; "
            "name a new folder, or an empty one"
        )
    if there and recipe is not None:
        trained = _read_json(folder / "card.json").get("recipe")
        trained = trained if isinstance(trained, dict) else {}
        # cards without a profile are of the first autoencoder
        found, wanted = ((one.get("name"), one.get("profile", "quick")) for one in (trained, recipe))
        if found != wanted:
            raise CheckpointError(
                f"the folder {shown(folder)} holds a checkpoint of the recipe {found[0]!r} at {found[1]!r}, "
                f"not of {wanted[0]!r} at {wanted[1]!r}; name another folder, or delete it"
            )


def _beside(folder: Path, autoencoder: str) -> str | Path:
    """Where the autoencoder that a card names is: beside its checkpoint, if it is there."""
    try:
        beside = folder.parent / autoencoder
        return beside if beside.is_dir() else autoencoder
    except OSError:  # no file has such a name; what looks for it elsewhere says so
        return autoencoder


def _process(card: Path, settings: Mapping[str, Any]) -> Process:
    """The noise process that a card names. Raises CheckpointError for settings that no process has."""
    given = dict(settings)
    kind = given.pop("kind", None)
    if not isinstance(kind, str) or kind not in _PROCESSES:
        raise CheckpointError(
            f"the card {shown(card)} names the process {shown(kind)}; known kinds are {', '.join(_PROCESSES)}"
        )
    hints = get_type_hints(_PROCESSES[kind])
    fields = {
        field.name: (
            Annotated[int, Field(le=_MOST_STEPS)] if hints[field.name] is int else hints[field.name],
            field.default,
        )
        for field in dataclasses.fields(_PROCESSES[kind])
    }
    strict = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    try:
        return _PROCESSES[kind](**dict(create_model(kind, __config__=strict, **fields).model_validate(given)))
    except (ValidationError, InvalidParameterError) as error:
        reason = problems(error, fields) if isinstance(error, ValidationError) else error
        raise CheckpointError(f"the card {shown(card)} has an impossible process: {reason}") from error


def _from_hub(name: str, device: torch.device) -> tuple[diffusers.AutoencoderKL, str]:
    try:
        autoencoder = diffusers.AutoencoderKL.from_pretrained(name, torch_dtype=torch.float32, use_safetensors=True)
    except Exception as error:  # what the hub's client raises depends on its version and on what went wrong
        raise CheckpointError(
            f"the autoencoder {name!r} could not be had from the Hugging Face hub ({first_line(error)}); "
            "download it elsewhere and name its folder"
        ) from error
    digest = hashlib.sha256()
    digest.update(_configuration(autoencoder.config))
    for key, weight in autoencoder.state_dict().items():
        digest.update(key.encode() + weight.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return autoencoder.eval().requires_grad_(False).to(device), digest.hexdigest()


def _load_network(folder: Path, device: torch.device) -> tuple[diffusers.ModelMixin, str]:
    """The network of a folder, and the SHA-256 of its configuration and of the very bytes that it was made of."""
    config = _read_json(folder / "config.json")
    network_class = _network_class(config.get("_class_name"), folder)
    for name, parameter in inspect.signature(network_class.__init__).parameters.items():
        given, kind = config.get(name), getattr(parameter.annotation, "__name__", parameter.annotation)
        fits = isinstance(given, _JSON.get(kind, object)) and (kind in ("bool", "str") or not isinstance(given, bool))
        if kind in _JSON and given is not None and not fits:
            raise CheckpointError(
                f"{name!r} in {shown(folder / 'config.json')} must be of type {kind}; {described(given)} was read; "
                "copy the checkpoint again or train it"
            )
    file = _weights_of(folder)
    content = _read(file)
    if not content:
        raise CheckpointError(f"{shown(file)} is empty; copy the checkpoint again or train it")
    if content.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"{shown(file)} is a pointer of Git LFS and no weights; run 'git lfs pull' where it is from"
        )
    unfit = f"{shown(file)} does not hold the weights that config.json describes"
    try:
        # no memory for weights that the file will bring, and no draws for them
        with _quiet(), accelerate.init_empty_weights(include_buffers=False), torch.random.fork_rng(devices=[]):
            network = network_class.from_config(config)
        tensors = safetensors.torch.load(content)
    except Exception as error:  # diffusers and safetensors raise many types for one cause: these are not the weights
        raise CheckpointError(f"{unfit} ({first_line(error)}); copy the checkpoint again or train it") from error
    expected = network.state_dict()
    tensors = {_current_name(key, expected): tensor for key, tensor in tensors.items()}
    for keys, what in (
        ([key for key in expected if key not in tensors], "lacks"),
        ([key for key in tensors if key not in expected], "has"),
        (
            [key for key in expected if key in tensors and tensors[key].shape != expected[key].shape],
            "has other shapes of",
        ),
    ):
        if keys:
            others = " and others" if len(keys) > 1 else ""
            raise CheckpointError(f"{unfit} (it {what} {keys[0]!r}{others}); copy the checkpoint again or train it")
    # copies: what safetensors gives lies in the bytes of the file
    tensors = {key: tensor.to(expected[key].dtype, copy=True) for key, tensor in tensors.items()}
    bad = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    if bad:
        raise CheckpointError(f"{shown(file)} holds NaN or infinity in {bad[0]!r}; train the model again")
    network.load_state_dict(tensors, assign=True)
    digest = hashlib.sha256(_configuration(config) + content).hexdigest()
    return network.eval().requires_grad_(False).to(device), digest


def _weights_of(folder: Path) -> Path:
    """The file of a network's weights: the usual one, else its only variant. Raises CheckpointError for other forms."""
    usual = folder / _WEIGHTS
    found = sorted(file for file in folder.glob(f"{usual.stem}*") if file.suffix in (".safetensors", ".bin"))
    if usual.exists() or not found:
        return usual
    variants = [file for file in found if re.fullmatch(rf"{usual.stem}\.\w+\.safetensors", file.name)]
    if len(variants) == 1:
        return variants[0]
    what = "shards" if "-of-" in found[0].name else "pickled weights"
    advice = (
        "load the network by diffusers' from_pretrained, and write it here by "
        "save_pretrained(folder, safe_serialization=True, max_shard_size='100GB')"
    )
    if variants:
        what, advice = f"{len(variants)} variants of it", "leave one of them there"
    raise CheckpointError(f"{shown(folder)} has no {_WEIGHTS}, but {what} ({found[0].name}, ...); {advice}")


def _network_class(name: object, folder: Path) -> type[diffusers.ModelMixin]:
    """The class that a config.json names: ours, or one of diffusers. Raises CheckpointError for anything else."""
    own = _OWN_CLASSES.get(name) if isinstance(name, str) else None
    module = import_module(f"{__package__}.{own}") if own else diffusers
    found = getattr(module, name, None) if isinstance(name, str) else None
    if not isinstance(found, type) or not issubclass(found, diffusers.ModelMixin):
        raise CheckpointError(
            f"{shown(folder / 'config.json')} names no network class of diffusers ({shown(name)} was read)"
        )
    return found


def _current_name(key: str, expected: Mapping[str, Any]) -> str:
    """A weight's name as diffusers has it today."""
    for old, new in _OLD_NAMES.items():
        if old in key and key not in expected:
            return key.replace(old, new)
    return key


def _configuration(config: Mapping[str, Any]) -> bytes:
    """A configuration without what does not change the network: who wrote it, and from where."""
    kept = {key: value for key, value in config.items() if not key.startswith("_") or key == "_class_name"}
    return json.dumps(kept, sort_keys=True, default=str).encode()


def _check_statistics(autoencoder: autoencoders.Autoencoder, card: _Card, file: Path) -> None:
    """Raises CheckpointError unless the card's statistics are a number per latent channel each."""
    channels = autoencoder.config.latent_channels
    for name in ("latents_mean", "latents_std"):
        values = getattr(card, name)
        if values is None or len(values) != channels:
            raise CheckpointError(
                f"the card {shown(file)} has {name} = {values!r}; its autoencoder needs {channels} numbers there"
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without diffusers' own report of weights that do not fit: one sentence says it."""
    log = diffusers.utils.logging
    before = log.get_verbosity()
    log.set_verbosity(log.CRITICAL)
    try:
        yield
    finally:
        log.set_verbosity(before)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(_read(file))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{shown(file)} is not JSON ({error}); copy the checkpoint again") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{shown(file)} holds no JSON object; copy the checkpoint again")
    return content


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"{shown(file)} is missing; copy the checkpoint again or train it") from None
    except OSError as error:
        raise CheckpointError(f"{shown(file)} cannot be read ({error.strerror}); fix it, or copy it again") from error
