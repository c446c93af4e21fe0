"""Translation: encode, invert under the source label, sample under the target label, decode."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from spectral_collapse import disk, inversion, paths, results
from spectral_collapse.checks import (
    FEW,
    LARGEST_COUNT,
    check_count,
    check_flag,
    check_generator,
    check_images,
    check_is,
    check_number,
    described,
    warn_of_unit_range,
)
from spectral_collapse.datasets import folders
from spectral_collapse.errors import DataError, InvalidParameterError, NotFiniteError, listed, shown
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.inversion.base import CountingDenoiser
from spectral_collapse.labels import NULL, SOURCE, TARGET
from spectral_collapse.later import Later, torch
from spectral_collapse.manifests import Manifest
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.sampling import as_labels
from spectral_collapse.store.cache import Cache
from spectral_collapse.store.identity import UnidentifiedError, identity
from spectral_collapse.store.keys import code_hash

if TYPE_CHECKING:
    from spectral_collapse.networks import own
else:
    own = Later("spectral_collapse.networks.own")


@dataclass(frozen=True)
class Translation:
    """The result of a translation of N images.

    images: N x 3 x H x W in [-1, 1]; latents: N x c x h x w, unit variance if the inversion is perfect; network_calls:
    per image, both ways, the most of any batch; diagnostics: name -> (num_steps, N) of the inversion; seconds: of
    inverting and sampling; rebuilt: images sampled from the same latents under their own label, without guidance, if
    they were requested.
    """

    images: torch.Tensor
    latents: torch.Tensor
    network_calls: int
    diagnostics: dict[str, torch.Tensor]
    seconds: float = 0.0
    rebuilt: torch.Tensor | None = None


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
    rebuild: bool = False,
) -> Translation:
    """Translates images from the source domain to the target domain.

    Args:
        model: a trained model (`networks.load_model`).
        method: an inversion method (`inversion.create`).
        images: N x 3 x H x W in [-1, 1], with the H and W that the model was made for. If all of them look as if they
            were in [0, 1], a warning says so (`checks.warn_of_unit_range`).
        source_label, target_label: domain labels, N or one for all. null_label: the label that training dropped labels
            to.
        num_steps: steps of the inversion and of the sampling.
        guidance: classifier-free guidance, in sampling only, as both papers use it.
        generator: for stochastic methods, as `invert` takes it; the result does not depend on batch_size.
        batch_size: images at a time.
        progress: show a bar over the batches.
        device: the model is moved there first, as by `Model.to`; None leaves it where it is. The result is on the
            model's device.
        rebuild: also sample each latent under its source label (`Translation.rebuilt`), without inverting again;
            network_calls and seconds do not include it.

    Raises InvalidParameterError and NotFiniteError as `invert` and `sample` do; all parameters are checked before
    anything is computed.
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
    own.check_guidance(model, guidance, null_label)
    batch_size = check_count("batch_size", batch_size, 1)
    check_flag("progress", progress)
    check_flag("rebuild", rebuild)
    outputs, rebuilt, latents, diagnostics, calls, seconds = [], [], [], [], 0, 0.0
    batches = zip(*(rows.split(batch_size) for rows in (images, sources, targets)), strict=True)
    total = -(-len(images) // batch_size)
    for batch, source, target in tqdm(batches, desc=method.name, total=total, disable=not progress):
        started = time.perf_counter()
        inverted = method.invert(model.denoiser, model.encode(batch), source, num_steps, generator)
        counting = CountingDenoiser(model.denoiser, len(batch))
        outputs.append(model.decode(method.sample(counting, inverted, target, guidance, null_label)))
        latents.append(inverted.latent)
        diagnostics.append(inverted.diagnostics)
        calls = max(calls, inverted.network_calls + counting.calls)
        seconds += time.perf_counter() - started
        if rebuild:
            rebuilt.append(model.decode(method.sample(model.denoiser, inverted, source, null_label=null_label)))
    return Translation(
        images=torch.cat(outputs),
        rebuilt=torch.cat(rebuilt) if rebuild else None,
        latents=torch.cat(latents),
        network_calls=calls,
        diagnostics={name: torch.cat([d[name] for d in diagnostics], dim=1) for name in diagnostics[0]},
        seconds=seconds,
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
    rebuild: bool = False,
) -> Translation:
    """`translate` with a cache (`cache`), whose results all studies share.

    Latents are rounded to half precision and images to 256 levels, whether they come from the cache or not; both are on
    the CPU. A different network, method, image, parameter or code makes a different entry. seed: of the generator of a
    stochastic method; other methods ignore it. rebuild: as in `translate`; a cached entry without these images is
    replaced.

    Raises as `translate` does.
    """
    _check(model, method, images)
    source_label, target_label = _label("source_label", source_label), _label("target_label", target_label)
    num_steps, seed = check_count("num_steps", num_steps, 1), _seed(seed)
    guidance = check_number("guidance", guidance, 0)
    key = _key(model, method, images, [source_label, target_label, num_steps, guidance], seed)
    kept = _CACHE.get(key) if key else None
    if kept is None or (rebuild and "rebuilt" not in kept):
        generator = torch.Generator().manual_seed(seed)
        found = translate(
            model, method, images, source_label, target_label, num_steps, guidance, generator, rebuild=rebuild
        )
        kept = {
            "images": _levels(found.images),
            **({"rebuilt": _levels(found.rebuilt)} if found.rebuilt is not None else {}),
            "latents": found.latents.half().cpu().numpy(),
            "network_calls": np.int64(found.network_calls),
            "seconds": np.float64(found.seconds),
            **{f"diagnostic {name}": values.cpu().numpy() for name, values in found.diagnostics.items()},
        }
        if key:
            _CACHE.put(key, kept)
    diagnostics = {name.removeprefix("diagnostic "): kept[name] for name in kept if name.startswith("diagnostic ")}
    return Translation(
        images=torch.from_numpy(kept["images"]).float() / 127.5 - 1,
        rebuilt=torch.from_numpy(kept["rebuilt"]).float() / 127.5 - 1 if rebuild else None,
        latents=torch.from_numpy(kept["latents"]).float(),
        network_calls=int(kept["network_calls"]),
        diagnostics={name: torch.from_numpy(values) for name, values in diagnostics.items()},
        seconds=float(kept["seconds"]),
    )


def _levels(images: torch.Tensor) -> np.ndarray:
    return ((images.cpu() + 1) * 127.5).round().to(torch.uint8).numpy()


def inverted(
    model: Model,
    method: InversionMethod,
    images: torch.Tensor,
    label: int,
    num_steps: int = 50,
    seed: int = 0,
    batch_size: int = 64,
) -> torch.Tensor:
    """The latents of images, N x c x h x w, without sampling; computed once and cached, for scores of large sets.

    They are rounded to half precision and are on the CPU, as those of `translated`. label: the domain that all images
    are inverted under. seed: as in `translated`. batch_size: images at a time; it does not change the result.

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


COLUMNS = ("file", "output", "bytes", "modified", "width", "height", "made_of", "network_calls", "seconds", "problem")
"""The manifest of `translate_folder`: bytes and modified show whether an image has changed since; seconds are of
computing, its share of a batch; problem is why there is no output."""


@dataclass(frozen=True)
class FolderTranslation:
    """How many images this run translated, how many it kept from earlier runs, and why files could not be read.

    changed: how many of those translated now were resized or cut into tiles. problems: file -> reason.
    """

    translated: int
    kept: int
    changed: int
    problems: dict[str, str]


def translate_folder(
    model: Model | str | Path,
    images: str | Path,
    output: str | Path,
    method: InversionMethod | str = "standard",
    *,
    num_steps: int = 50,
    guidance: float = 1.0,
    size: int | None = None,
    tiles: bool = False,
    batch_size: int = 16,
    seed: int = 0,
    source_label: int = SOURCE,
    target_label: int = TARGET,
    null_label: int = NULL,
    keep_latents: bool = False,
    strict: bool = False,
    progress: bool = False,
    device: str | torch.device | None = None,
) -> FolderTranslation:
    """Translates every image of a folder and its sub-folders into a PNG of the same name in the same sub-folder.

    A second run continues where the first one stopped: it skips images that `manifest.csv` lists and that have not
    changed since. A file is written as a whole or not at all. The noise of a stochastic method depends on the seed and
    on an image's position in the sorted names alone, not on batches or interruptions.

    Args:
        model: a `Model`, or what `networks.open_model` takes.
        images: a folder of images of any size and of the formats in `datasets.folders.FORMATS`, 8 or 16 bits.
        output: a new or empty folder, or one that was made with the same settings (`settings.json`).
        method: a method of `inversion.METHODS`, by its name or made by `inversion.create`.
        num_steps, guidance, source_label, target_label, null_label, device: as in `translate`.
        size: height and width that images are resized to; by default the model's own.
        tiles: cut larger images into tiles of that size instead of resizing them. Tiles overlap by a quarter and fade
            into each other, which averages the textures of both tiles there.
        batch_size: images or tiles at a time.
        keep_latents: also write the latents, N x c x h x w (N tiles, or 1) in single precision, as NAME.npy.
        strict: stop at an image that cannot be read; otherwise it is left out, with the reason in the manifest.
        progress: show a bar over the images.

    Raises InvalidParameterError if the output folder was made with other settings or holds somebody's files, DataError
    if no image can be read, NotFiniteError with the names of the images, and as `translate` does.
    """
    model = model if isinstance(model, Model) else own.open_model(model)
    method = inversion.create(method) if isinstance(method, str) else method
    num_steps, batch_size = check_count("num_steps", num_steps, 1), check_count("batch_size", batch_size, 1)
    guidance, seed = check_number("guidance", guidance, 0), _seed(seed)
    for name, value in {"tiles": tiles, "keep_latents": keep_latents, "strict": strict, "progress": progress}.items():
        check_flag(name, value)
    if device is not None:
        model.to(device)
    shape, latent = own.shapes(model, size)
    _check(model, method, torch.zeros(1, 3, *shape))
    own.check_guidance(model, guidance, null_label)
    draws = method.draws(num_steps) if method.stochastic else 0
    source, output = paths.expanded(images, "images"), paths.expanded(output, "output")
    if output.resolve() == source.resolve():
        raise InvalidParameterError(f"output is the folder of the images, {shown(output)}; name another one")
    found = folders.find(source, "images", without=output)
    manifest = Manifest(
        output,
        {
            "model": own.current_hash(model) or own.fingerprint(model),
            "precision": str(own.precision(model)),
            "method": method.name,
            "parameters": {name: described(value) for name, value in method.params.items()},
            **{"num_steps": num_steps, "guidance": guidance, "size": shape, "tiles": tiles, "seed": seed},
            "labels": [source_label, target_label, null_label],
            "latents": keep_latents,
            **own.computation(model, method, num_steps),
        },
        COLUMNS,
    )
    names, generator = folders.renamed(found, ".png"), torch.Generator().manual_seed(seed)
    waiting: list[_Waiting] = []
    made: list[str] = []
    problems: dict[str, str] = {}
    kept, seen = 0, list[np.ndarray]()

    def finish() -> None:
        """Translates what waits and writes it, file by file."""
        if not waiting:
            return
        started, parts = time.perf_counter(), torch.cat([one.parts for one in waiting])
        labels = source_label, target_label, num_steps, guidance, generator, null_label, batch_size
        try:
            result = translate(model, method, parts, *labels)
        except NotFiniteError as error:
            raise NotFiniteError(f"{error}; it is among {listed([one.row['file'] for one in waiting], 3)}") from error
        took = {
            "network_calls": str(result.network_calls),
            "seconds": f"{(time.perf_counter() - started) / len(waiting):.3f}",
        }
        manifest.begin()
        counts = [len(one.parts) for one in waiting]
        both = zip(
            waiting, *(rows.float().cpu().split(counts) for rows in (result.images, result.latents)), strict=True
        )
        for one, pictures, latents in both:
            _write(output / one.row["output"], one, pictures, latents if keep_latents else None)
            manifest.add(one.row | took)
            made.append(one.row["made_of"])
            bar.update()
        waiting.clear()

    def pass_over(number: int) -> None:
        """Draws the noise of so many images that are not translated, behind that of what comes before them."""
        finish()
        for _ in range(number if draws else 0):
            torch.randn(draws, *latent, generator=generator)

    with tqdm(total=len(found), desc=method.name, unit="image", disable=not progress) as bar:
        for name, path in found.items():
            row = {"file": name, "output": names[name], **folders.state(path)}
            known = manifest.rows.get(name, {})
            if row.items() <= known.items() and (output / names[name]).is_file():
                pass_over(int(known["made_of"].split()[0]) if known["made_of"].endswith("tiles") else 1)
                kept += 1
                bar.update()
                continue
            try:
                pixels = folders.read(path)
            except DataError as error:
                if strict:
                    raise
                problems[name] = str(error)
                manifest.add(row | {"problem": str(error)})
                (output / names[name]).unlink(missing_ok=True)  # of the image as it was
                tqdm.write(f"left out: {error}", file=sys.stderr)
                pass_over(1)
                bar.update()
                continue
            seen += [pixels] * (len(seen) < 8)
            parts, made_of = folders.fitted(pixels, shape, tiles)
            whole = pixels.shape[:2]
            waiting.append(_Waiting(row | {"height": str(whole[0]), "width": str(whole[1]), "made_of": made_of}, parts))
            if sum(len(one.parts) for one in waiting) >= batch_size:
                finish()
        finish()
    folders.warn_of_labels(seen, "images")
    absent = sorted(manifest.rows.keys() - found.keys())
    if gone := [name for name in absent if (output / manifest.rows[name]["output"]).is_file()]:
        warnings.warn(
            f"{output} has translations of images that are no longer there ({len(gone)}), such as {gone[0]}",
            stacklevel=2,
        )
    if not made and not kept:
        raise DataError(f"none of {len(found)} images can be read; of the first: {next(iter(problems.values()))}")
    return FolderTranslation(len(made), kept, sum(one != "as it is" for one in made), problems)


class _Waiting(NamedTuple):
    """An image that a batch will translate: its row of the manifest, and it or its tiles."""

    row: dict[str, str]
    parts: torch.Tensor


def _write(target: Path, one: _Waiting, pictures: torch.Tensor, latents: torch.Tensor | None) -> None:
    """The file of a translation and, before it, that of its latents; grey where all channels are alike."""
    tiled = one.row["made_of"].endswith("tiles")
    image = folders.joined(pictures, (int(one.row["height"]), int(one.row["width"]))) if tiled else pictures[0]
    pixels = ((image.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    content = io.BytesIO()
    if latents is not None:
        np.save(content, latents.numpy())
        disk.write(target.with_suffix(".npy"), content.getvalue())
        content = io.BytesIO()
    Image.fromarray(pixels[..., 0] if (pixels == pixels[..., :1]).all() else pixels).save(content, "png")
    disk.write(target, content.getvalue())


def _check(model: object, method: object, images: torch.Tensor) -> None:
    check_is("model", model, Model, "a Model, as networks.load_model gives it")
    check_is("method", method, InversionMethod, "an inversion method, as inversion.create('taba') makes it")
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
            "model": own.current_hash(model),
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
