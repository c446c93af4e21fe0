"""Translation: encode, invert under the source label, sample under the target label, decode."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from spectral_collapse import results
from spectral_collapse.cache import Cache
from spectral_collapse.checks import (
    FEW,
    LARGEST_COUNT,
    check_count,
    check_flag,
    check_generator,
    check_images,
    check_number,
    described,
    warn_of_unit_range,
)
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.identity import UnidentifiedError, identity
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.inversion.base import CountingDenoiser
from spectral_collapse.keys import code_hash
from spectral_collapse.labels import NULL, TARGET
from spectral_collapse.later import torch
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.sampling import as_labels


@dataclass(frozen=True)
class Translation:
    """images: N x 3 x H x W in [-1, 1]; latents: N x c x h x w, unit variance if the inversion is
    perfect; network_calls per image, both ways, the most of any batch; diagnostics: name ->
    (num_steps, N) of the inversion; seconds of computing, 0 where nobody measured them.
    """

    images: torch.Tensor
    latents: torch.Tensor
    network_calls: int
    diagnostics: dict[str, torch.Tensor]
    seconds: float = 0.0


def translate(
    model: Model,
    method: InversionMethod,
    images: torch.Tensor,
    source_label: torch.Tensor | int,
    target_label: torch.Tensor | int = TARGET,
    num_steps: int = 50,
    guidance: float = 1.0,
    generator: torch.Generator | None = None,
    null_label: int = NULL,
    batch_size: int = 64,
    progress: bool = False,
    device: str | torch.device | None = None,
) -> Translation:
    """Translates images from the source domain to the target domain.

    Args:
        model: a trained model (`networks.load_model`).
        method: an inversion method (`inversion.create`).
        images: N x 3 x H x W in [-1, 1], H and W those the model was made for. A warning says where all of them
            look as if they were in [0, 1] (`checks.warn_of_unit_range`).
        source_label, target_label: domain labels, N or one for all. null_label: the label that training
            dropped labels to.
        num_steps: steps of the inversion and of the sampling.
        guidance: classifier-free guidance, in sampling only, as both papers use it.
        generator: for stochastic methods, as `invert` takes it; the result does not depend on batch_size.
        batch_size: images at a time.
        progress: show a bar over the batches.
        device: where the model is moved to before, as `Model.to` takes it; None leaves it where it is. What is
            returned is on the model's device.

    Raises InvalidParameterError and NotFiniteError as `invert` and `sample` do; all parameters are looked
    at before anything is computed.
    """
    _check(model, method, images)
    low, high = torch.aminmax(images.detach())
    warn_of_unit_range("translate", {"images": (float(low), float(high))} if images.numel() > FEW else {})
    if device is not None:
        model.to(device)
    sources, targets = as_labels(source_label, images), as_labels(target_label, images)
    check_number("guidance", guidance, 0)
    check_generator(generator)
    check_count("null_label", null_label, 0)
    batch_size = check_count("batch_size", batch_size, 1)
    check_flag("progress", progress)
    outputs, latents, diagnostics, calls = [], [], [], 0
    batches = zip(*(rows.split(batch_size) for rows in (images, sources, targets)), strict=True)
    total = -(-len(images) // batch_size)
    for batch, source, target in tqdm(batches, desc=method.name, total=total, disable=not progress):
        inverted = method.invert(model.denoiser, model.encode(batch), source, num_steps, generator)
        counting = CountingDenoiser(model.denoiser, len(batch))
        outputs.append(model.decode(method.sample(counting, inverted, target, guidance, null_label)))
        latents.append(inverted.latent)
        diagnostics.append(inverted.diagnostics)
        calls = max(calls, inverted.network_calls + counting.calls)
    return Translation(
        images=torch.cat(outputs),
        latents=torch.cat(latents),
        network_calls=calls,
        diagnostics={name: torch.cat([d[name] for d in diagnostics], dim=1) for name in diagnostics[0]},
    )


def translated(
    model: Model,
    method: InversionMethod,
    images: torch.Tensor,
    source_label: int,
    target_label: int = TARGET,
    num_steps: int = 50,
    guidance: float = 1.0,
    seed: int = 0,
) -> Translation:
    """`translate`, computed once and kept (`cache`): the unit that studies share.

    Latents are rounded to half precision and images to 256 levels, whether they come from the cache or not; both
    are on the CPU. Another network, method, image, parameter or code is another entry. seed: of the generator of a
    stochastic method, of no effect on others.

    Raises as `translate` does.
    """
    _check(model, method, images)
    source_label, target_label = _label("source_label", source_label), _label("target_label", target_label)
    num_steps, seed = check_count("num_steps", num_steps, 1), _seed(seed)
    guidance = check_number("guidance", guidance, 0)
    key = _key(model, method, images, [source_label, target_label, num_steps, guidance], seed)
    kept = _CACHE.get(key) if key else None
    if kept is None:
        generator = torch.Generator().manual_seed(seed)
        started = time.perf_counter()
        found = translate(model, method, images, source_label, target_label, num_steps, guidance, generator)
        kept = {
            "images": ((found.images.cpu() + 1) * 127.5).round().to(torch.uint8).numpy(),
            "latents": found.latents.half().cpu().numpy(),
            "network_calls": np.int64(found.network_calls),
            "seconds": np.float64(time.perf_counter() - started),
            **{f"diagnostic {name}": values.cpu().numpy() for name, values in found.diagnostics.items()},
        }
        if key:
            _CACHE.put(key, kept)
    diagnostics = {name.removeprefix("diagnostic "): kept[name] for name in kept if name.startswith("diagnostic ")}
    return Translation(
        images=torch.from_numpy(kept["images"]).float() / 127.5 - 1,
        latents=torch.from_numpy(kept["latents"]).float(),
        network_calls=int(kept["network_calls"]),
        diagnostics={name: torch.from_numpy(values) for name, values in diagnostics.items()},
        seconds=float(kept["seconds"]),
    )


def inverted(
    model: Model,
    method: InversionMethod,
    images: torch.Tensor,
    label: int,
    num_steps: int = 50,
    seed: int = 0,
    batch_size: int = 64,
) -> torch.Tensor:
    """The latents of images, N x c x h x w, without the way back: computed once and kept, for scores of large sets.

    They are rounded to half precision and are on the CPU, as those of `translated`. label: of the domain that all
    images are inverted under. seed: as in `translated`. batch_size: images at a time, of no effect on what comes out.

    Raises as `InversionMethod.invert` does.
    """
    _check(model, method, images)
    label, num_steps, seed = _label("label", label), check_count("num_steps", num_steps, 1), _seed(seed)
    batch_size = check_count("batch_size", batch_size, 1)
    key = _key(model, method, images, [label, num_steps], seed, inverted)
    kept = _CACHE.get(key) if key else None
    if kept is None:
        generator = torch.Generator().manual_seed(seed)
        batches = images.split(batch_size)
        latents = [method.invert(model.denoiser, model.encode(x), label, num_steps, generator).latent for x in batches]
        kept = {"latents": torch.cat(latents).half().cpu().numpy()}
        if key:
            _CACHE.put(key, kept)
    return torch.from_numpy(kept["latents"]).float()


def _check(model: object, method: object, images: torch.Tensor) -> None:
    if not isinstance(model, Model):
        raise InvalidParameterError(
            f"model must be a Model, as networks.load_model gives it; {described(model)} was given"
        )
    if not isinstance(method, InversionMethod):
        raise InvalidParameterError(
            f"method must be an inversion method, as inversion.create('taba') makes it; {described(method)} was given"
        )
    check_images(images, "images")


def _label(name: str, value: object) -> int:
    return check_count(name, value, -LARGEST_COUNT)


def _seed(value: object) -> int:
    """A seed as torch takes them."""
    return check_count("seed", value, -LARGEST_COUNT, 2**64 - 1)


_CACHE = Cache("translations")


def _key(
    model: Model,
    method: InversionMethod,
    images: torch.Tensor,
    parameters: list[float],
    seed: int,
    function: Callable[..., object] = translate,
) -> str:
    """What identifies what `function` makes; '' for a model or method that cannot be told from another."""
    if not model.hash:
        return ""
    denoiser = model.denoiser
    try:
        found = {
            "model": model.hash,
            "method": identity(method),
            "images": hashlib.sha256(images.contiguous().cpu().numpy().tobytes()).hexdigest(),
            "shape": list(images.shape),
            "parameters": parameters,
            "seed": seed if method.stochastic else 0,
            "versions": results.computing_versions(),
            "code": code_hash(
                function,
                type(model),
                type(method),
                type(denoiser),
                type(denoiser.process),
                type(getattr(denoiser, "network", denoiser)),
            ),
        }
    except UnidentifiedError:
        return ""
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
