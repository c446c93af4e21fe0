"""Diffusers pipelines as models: images in, images out."""

from __future__ import annotations

import copy
import enum
import hashlib
import json
import types
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils.modeling import get_state_dict_offloaded_model
from diffusers import AutoencoderKL

from spectral_collapse.denoisers import NetworkDenoiser, from_pipeline, sides, unwrapped
from spectral_collapse.denoisers.network import device_of
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks.checkpoints import Model, downsampling, process_card
from spectral_collapse.store.identity import UnidentifiedError, identity

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline


class PipelineModel(Model):
    """A `Model` whose hash is computed at each access, since a pipeline's adapters and settings may change.

    It covers all that denoiser and autoencoder compute with: weights, settings of all layers, adapters and their
    strengths, attention processors, and the input that the network receives for each label. All weights are read for
    it, about a second for each gigabyte. If it cannot be known (hooks, offloading, weights of 8 bits, a patched layer),
    it is '', a warning says so, and nothing that the model makes is stored.
    """

    @property
    def hash(self) -> str:
        """Twelve hex digits, or '' if they could not identify what the model computes."""
        try:
            return _digest(self.denoiser, self.autoencoder)
        except UnidentifiedError as error:
            warnings.warn(
                f"what this {self.card['pipeline']} makes is computed and not kept, since it depends on {error}",
                stacklevel=1,  # wherever it is asked for, it is said once
            )
            return ""

    @hash.setter
    def hash(self, given: str) -> None:
        """Nothing: a dataclass sets all its fields."""


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

    family: of the data sets that it translates, as `datasets.info` has it; a study accepts the model only with these.
    The other arguments are those of `from_pipeline`. Images are N x 3 x H x W in [-1, 1], at best of the `image_size`
    in the model's card, which is a study's `size`. The autoencoder is used in float32, in a copy where the pipeline is
    in half precision or offloaded: SDXL's overflows in half. The hash is that of a `PipelineModel`.

    Raises InvalidParameterError as `from_pipeline` does, and for an autoencoder of another kind than
    AutoencoderKL.
    """
    denoiser = from_pipeline(pipe, source=source, target=target, prompt=prompt, distilled_guidance=distilled_guidance)
    autoencoder = unwrapped(getattr(pipe, "vae", None))
    if not isinstance(autoencoder, AutoencoderKL):
        raise InvalidParameterError(
            f"the pipeline's vae must be an AutoencoderKL; {type(autoencoder).__name__} was given"
        )
    autoencoder = _own_autoencoder(autoencoder, device_of(denoiser.network))
    pixels = [side * downsampling(autoencoder.config) for side in sides(denoiser.network)]
    card = {
        "family": family,
        "image_size": pixels[0] if pixels[0] == pixels[1] else tuple(pixels),
        "prediction": denoiser.prediction,
        "process": process_card(denoiser.process),
        "autoencoder": type(autoencoder).__name__,
        "pipeline": type(pipe).__name__,
        "prompt": prompt,
        "source": source,
        "target": target,
    }
    return PipelineModel(denoiser, autoencoder, card, "")


def _own_autoencoder(autoencoder: AutoencoderKL, device: torch.device) -> AutoencoderKL:
    """The autoencoder itself where it is in float32, else a copy that is; what is offloaded is copied to `device`."""
    if any("forward" in vars(module) for module in autoencoder.modules()):  # hooks bring its weights, or cast them
        weights = get_state_dict_offloaded_model(autoencoder)
        with torch.random.fork_rng(devices=[]):
            copied = AutoencoderKL.from_config(autoencoder.config)
        copied.load_state_dict(weights)
        return copied.eval().to(device)
    return autoencoder if autoencoder.dtype == torch.float32 else copy.deepcopy(autoencoder).float()


def _digest(denoiser: NetworkDenoiser, autoencoder: AutoencoderKL) -> str:
    """Twelve hex digits of all that both compute with. Raises UnidentifiedError where that cannot be known."""
    digest = hashlib.sha256(repr((denoiser.process, denoiser.prediction)).encode())
    for name, tensor in denoiser.told().items():
        _add_tensor(digest, name, tensor)
    for network in (denoiser.network, autoencoder):
        # a network in training mode is put into evaluation mode as a whole
        training = [] if network.training else [name for name, one in network.named_modules() if one.training]
        digest.update(repr(training).encode())
        for name, module in network.named_modules(remove_duplicate=False):
            _add_module(digest, name, module)
    return digest.hexdigest()[:12]


_OF_ALL_MODULES = {*vars(torch.nn.Module()), "_compiled_call_impl", "_is_torch_compile", "peft_config"}
"""Attributes that change no value, or that are looked at by name. An adapter's layers hold what its config says."""


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _add_module(digest: hashlib._Hash, name: str, module: torch.nn.Module) -> None:
    """Adds a module without those inside it: its class, its settings, its weights."""
    state = vars(module)
    if "_orig_mod" in module._modules:  # torch.compile's wrapper computes what is inside
        return
    if "forward" in state or any(state[hooks] for hooks in _HOOKS):
        raise UnidentifiedError(
            f"hooks, or another forward, of its {type(module).__name__} {name!r}, as offloading has"
        )
    for key, tensor in (module._parameters | module._buffers).items():
        if tensor is not None:
            _add_tensor(digest, f"{name}.{key}", tensor)
    settings = {key: value for key, value in state.items() if key not in _OF_ALL_MODULES and value is not None}
    digest.update(json.dumps([name, identity(type(module)), _plain(settings)], sort_keys=True).encode())


def _add_tensor(digest: hashlib._Hash, name: str, tensor: torch.Tensor) -> None:
    if type(tensor) not in (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer) or tensor.is_meta:
        kind = "offloaded" if tensor.is_meta else f"kept as {type(tensor).__name__}"
        raise UnidentifiedError(f"weights ({name!r}) that are {kind}")
    digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
    digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())


def _plain(value: Any) -> Any:
    """A setting as `identity` describes it. Of diffusers' configurations, without who wrote them and from where."""
    if isinstance(value, Mapping):
        kept = value.items() if type(value) is dict else ((k, v) for k, v in value.items() if not k.startswith("_"))
        return sorted([str(key), _plain(one)] for key, one in kept)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, enum.Enum):
        return [type(value).__name__, value.name]
    if isinstance(value, types.BuiltinFunctionType):
        return [value.__module__, value.__qualname__]
    return identity(value)
