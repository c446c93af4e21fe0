"""Checkpoints: a folder with config.json and safetensors as diffusers writes them, and a card.json.

    data/checkpoints/photos/
        config.json                             the network's class and architecture
        diffusion_pytorch_model.safetensors     its weights, float16
        card.json                               process, prediction, data, recipe, seed, seconds, hash, scores
        samples.png, training.nc                what it makes, and its curves, where training watched them

The card of a denoiser names its autoencoder: a checkpoint that lies beside it, the folder of another
one, or a name on the Hugging Face hub. `latents_mean` and `latents_std` in the card are per channel and
replace the autoencoder's own scale.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from spectral_collapse import paths, processes
from spectral_collapse.compat import ensure_torchvision
from spectral_collapse.denoisers import NetworkDenoiser, granularity
from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.networks import autoencoder as autoencoders
from spectral_collapse.networks.unet import take_label_states

ensure_torchvision()
import diffusers  # noqa: E402

_WEIGHTS = "diffusion_pytorch_model.safetensors"
_PROCESSES = {"variance_preserving": processes.VariancePreserving, "variance_exploding": processes.VarianceExploding}
_READING = ("prediction", "process", "sigma_data", "latents_mean", "latents_std")
_SLACK = 1e-3  # how far an image may leave [-1, 1], as the scores have it: rounding, not 0..255
_CARD_KEYS = ("family", "image_size", "prediction", "process", "autoencoder")


@dataclass(frozen=True)
class Model:
    """A trained denoiser with its autoencoder: images in [-1, 1] on one side, latents on the other.

    autoencoder is None for a model in pixel space. hash identifies the weights and the configuration of both,
    and what the card says of how they are read.
    """

    denoiser: NetworkDenoiser
    autoencoder: diffusers.AutoencoderKL | None
    card: dict[str, Any]
    hash: str

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Images N x 3 x H x W in [-1, 1] -> latents of unit variance, N x c x h x w.

        Images of any floating-point precision are taken, and computed with in that of the autoencoder.

        Raises InvalidParameterError for what is no floating-point tensor, for images of a size that the
        networks cannot take, and for values beyond [-1, 1].
        """
        step = self._granularity()
        if not isinstance(images, torch.Tensor) or not images.is_floating_point():
            given = images.dtype if isinstance(images, torch.Tensor) else type(images).__name__
            raise InvalidParameterError(f"images must be a floating-point tensor in [-1, 1]; {given} was given")
        if images.ndim != 4 or images.shape[1] != 3 or any(side % step or not side for side in images.shape[2:]):
            raise InvalidParameterError(
                f"this model takes images N x 3 x H x W with H and W multiples of {step}; "
                f"{tuple(images.shape)} was given"
            )
        low, high = images.aminmax()
        if low < -1 - _SLACK or high > 1 + _SLACK:
            raise InvalidParameterError(
                f"images span [{low:.4g}, {high:.4g}], but must lie in [-1, 1]; rescale or clamp them first"
            )
        return images if self.autoencoder is None else autoencoders.encode(self.autoencoder, images)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents -> images N x 3 x H x W in [-1, 1]."""
        return latents.clamp(-1, 1) if self.autoencoder is None else autoencoders.decode(self.autoencoder, latents)

    def _granularity(self) -> int:
        """What the height and width of an image must be a multiple of."""
        pixels = 1 if self.autoencoder is None else autoencoders.downsampling(self.autoencoder)
        network = getattr(self.denoiser, "network", None)  # a closed form has none
        return pixels * (1 if network is None else granularity(network))


def load_model(name: str | Path, device: str | torch.device = "cpu") -> Model:
    """A model by its name (a shipped checkpoint or a training run) or by the path of its folder.

    Raises CheckpointError, one sentence, where the folder, a file in it or a key of its card is
    missing or impossible, and where weights are truncated, hold NaN, or don't fit the architecture beside them.
    """
    folder = find(name)
    card = _read_json(folder / "card.json")
    if missing := [key for key in _CARD_KEYS if key not in card]:
        raise CheckpointError(f"{str(folder / 'card.json')!r} lacks {', '.join(missing)}; train the model again")
    try:
        settings = dict(card["process"])
        process = _PROCESSES[settings.pop("kind")](**settings)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{str(folder / 'card.json')!r} names the process {card['process']!r}; "
            f"known kinds are {', '.join(_PROCESSES)}"
        ) from error
    network, digest = _load_network(folder, device)
    autoencoder = None
    if not isinstance(card["autoencoder"], str | None):
        raise CheckpointError(
            f"{str(folder / 'card.json')!r} names the autoencoder {card['autoencoder']!r}; a name or null is allowed"
        )
    if card["autoencoder"]:
        beside = folder.parent / card["autoencoder"]
        autoencoder, other = _load_autoencoder(beside if beside.is_dir() else card["autoencoder"], device)
        digest = hashlib.sha256(f"{digest}{other}".encode()).hexdigest()
        if "latents_mean" in card:
            autoencoder.register_to_config(latents_mean=card["latents_mean"], latents_std=card.get("latents_std"))
            _check_statistics(autoencoder, folder)
    reading = {key: card[key] for key in _READING if key in card}
    digest = hashlib.sha256(f"{digest}{json.dumps(reading, sort_keys=True)}".encode()).hexdigest()
    states = take_label_states(network)
    try:
        denoiser = NetworkDenoiser(network, process, card["prediction"], card.get("sigma_data", 0.5), states)
    except (TypeError, InvalidParameterError) as error:
        raise CheckpointError(f"{str(folder / 'card.json')!r} does not fit its network: {error}") from error
    return Model(denoiser, autoencoder, card, digest[:12])


def load_autoencoder(name: str | Path = "autoencoder", device: str | torch.device = "cpu") -> diffusers.AutoencoderKL:
    """An autoencoder: a checkpoint by name or path, the folder of a Stable Diffusion (its vae), or a hub id.

    A hub id, such as 'stabilityai/sd-vae-ft-mse', is downloaded once, by diffusers, into its own cache.
    Raises CheckpointError as `load_model` does.
    """
    return _load_autoencoder(name, device)[0]


def autoencoder_hash(name: str | Path) -> str:
    """The twelve hex digits that identify the weights of `load_autoencoder(name)`."""
    return _load_autoencoder(name, "cpu")[1][:12]


def find(name: str | Path) -> Path:
    """The folder of a checkpoint: a path as it is, else a shipped one, else a training run's."""
    candidates = [Path(name).expanduser(), paths.checkpoints() / name, paths.runs() / name / "model"]
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
            f"the checkpoint {str(name)[:200]!r} cannot be read ({error.strerror}); mend it, or name another folder"
        ) from error
    there = sorted(p.parent.name for p in paths.checkpoints().glob("*/config.json"))
    raise CheckpointError(
        f"no checkpoint {str(name)!r}; shipped are: {', '.join(there) or 'none'}; "
        f"'spectral-collapse train' makes one, and a path to a folder with config.json works too"
    )


def save_network(
    network: diffusers.ModelMixin, folder: Path, card: dict[str, Any], files: Mapping[str, bytes] | None = None
) -> None:
    """Writes a network (weights in float16), its card and further files as one folder, whole or not at all.

    The card gets the hash of the weights. Raises CheckpointError when it cannot be written (a full disk,
    say); what was there before is then untouched.
    """
    temporary = folder.with_name(f".{folder.name}.new")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        # A copy, so that the network itself stays as it is; safetensors knows no channels-last weights.
        half = copy.deepcopy(network).half().to(memory_format=torch.contiguous_format)
        half.save_pretrained(temporary)
        digest = hashlib.sha256((temporary / _WEIGHTS).read_bytes()).hexdigest()
        (temporary / "card.json").write_text(json.dumps({**card, "hash": digest[:12]}, indent=2) + "\n")
        for name, content in (files or {}).items():
            (temporary / name).write_bytes(content)
        temporary.chmod(0o755)  # mkdtemp's folders are private
        (temporary / _WEIGHTS).chmod(0o644)  # and so are safetensors' files
        if folder.exists():
            former = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
            os.replace(folder, former)
            os.replace(temporary, folder)
            shutil.rmtree(former)
        else:
            os.replace(temporary, folder)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"the checkpoint {str(folder)!r} could not be written ({getattr(error, 'strerror', None) or error}); "
            "make room or name another folder"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _load_autoencoder(name: str | Path, device: str | torch.device) -> tuple[diffusers.AutoencoderKL, str]:
    """An autoencoder and the SHA-256 of its weights."""
    inside = Path(name).expanduser() / "vae"
    if (inside / "config.json").is_file():
        name = inside
    elif re.fullmatch(r"[\w.-]+/[\w.-]+", str(name)) and not Path(name).is_dir():
        return _from_hub(str(name), device)
    autoencoder, digest = _load_network(find(name), device)
    if not isinstance(autoencoder, diffusers.AutoencoderKL):
        raise CheckpointError(f"{str(name)!r} holds a {type(autoencoder).__name__}, not an autoencoder; name another")
    return autoencoder, digest


def _from_hub(name: str, device: str | torch.device) -> tuple[diffusers.AutoencoderKL, str]:
    try:
        autoencoder = diffusers.AutoencoderKL.from_pretrained(name, torch_dtype=torch.float32)
    except Exception as error:  # what the hub's client raises depends on its version and on what went wrong
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"the autoencoder {name!r} could not be had from the Hugging Face hub ({reason[:200]}); "
            "download it elsewhere and name its folder"
        ) from error
    digest = hashlib.sha256()
    digest.update(_configuration(autoencoder.config))
    for key, weight in autoencoder.state_dict().items():
        digest.update(key.encode() + weight.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return autoencoder.eval().requires_grad_(False).to(device), digest.hexdigest()


def _load_network(folder: Path, device: str | torch.device) -> tuple[diffusers.ModelMixin, str]:
    weights = folder / _WEIGHTS
    config = _read_json(folder / "config.json")
    if not weights.is_file() or weights.stat().st_size == 0:
        state = "is empty" if weights.is_file() else "is missing"
        raise CheckpointError(f"{str(weights)!r} {state}; copy the checkpoint again or train it")
    network_class = getattr(diffusers, str(config.get("_class_name")), None)
    if network_class is None:
        raise CheckpointError(
            f"{str(folder / 'config.json')!r} names no diffusers class ({config.get('_class_name')!r} was read)"
        )
    try:
        with _quiet():
            network, found = network_class.from_pretrained(
                folder,
                torch_dtype=torch.float32,
                local_files_only=True,
                low_cpu_mem_usage=False,
                output_loading_info=True,
            )
    except Exception as error:  # diffusers and safetensors raise many types for one cause: these are not the weights
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{str(weights)!r} does not hold the weights that config.json describes ({reason[:200]}); "
            "copy the checkpoint again or train it"
        ) from error
    # What the file lacks would be whatever lay in memory.
    for keys, what in (
        ("missing_keys", "lacks"),
        ("unexpected_keys", "has"),
        ("mismatched_keys", "has other shapes of"),
    ):
        if found[keys]:
            others = " and others" if len(found[keys]) > 1 else ""
            raise CheckpointError(
                f"{str(weights)!r} does not hold the weights that config.json describes (it {what} "
                f"{found[keys][0]!r}{others}); copy the checkpoint again or train it"
            )
    bad = [name for name, weight in network.named_parameters() if not bool(torch.isfinite(weight).all())]
    if bad:
        raise CheckpointError(f"{str(weights)!r} holds NaN or infinity in {bad[0]!r}; train the model again")
    digest = hashlib.sha256(_configuration(config) + weights.read_bytes()).hexdigest()
    return network.eval().requires_grad_(False).to(device), digest


def _configuration(config: Mapping[str, Any]) -> bytes:
    """A configuration without what does not change the network: who wrote it, and from where."""
    kept = {key: value for key, value in config.items() if not key.startswith("_") or key == "_class_name"}
    return json.dumps(kept, sort_keys=True, default=str).encode()


def _check_statistics(autoencoder: diffusers.AutoencoderKL, folder: Path) -> None:
    """Raises CheckpointError unless the card's statistics are a number per latent channel each."""
    channels = autoencoder.config.latent_channels
    for name in ("latents_mean", "latents_std"):
        values = autoencoder.config[name]
        numbers = isinstance(values, list) and all(isinstance(value, int | float) for value in values)
        if not numbers or len(values) != channels:
            raise CheckpointError(
                f"{str(folder / 'card.json')!r} has {name} = {values!r}; its autoencoder needs {channels} numbers there"
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
        content = json.loads(file.read_text())
    except FileNotFoundError:
        raise CheckpointError(f"{str(file)!r} is missing; copy the checkpoint again or train it") from None
    except OSError as error:
        raise CheckpointError(f"{str(file)!r} cannot be read ({error.strerror}); mend it, or copy it again") from error
    except ValueError as error:
        raise CheckpointError(f"{str(file)!r} is not JSON ({error}); copy the checkpoint again") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{str(file)!r} holds no JSON object; copy the checkpoint again")
    return content
