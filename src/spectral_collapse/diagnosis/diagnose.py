"""Does a user's own model collapse? A few images through a few methods, beside white noise and real targets."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from tqdm.auto import tqdm

from spectral_collapse import inversion, metrics, paths, sampling
from spectral_collapse.checks import check_count, check_flag, check_images, check_is, check_number, described
from spectral_collapse.datasets import folders
from spectral_collapse.errors import DataError, InvalidParameterError, SpectralCollapseError, shown
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.labels import NULL, SOURCE, TARGET
from spectral_collapse.later import torch
from spectral_collapse.metrics.s_dc import white_noise_level
from spectral_collapse.networks import Model, own
from spectral_collapse.studies import common
from spectral_collapse.translation import translate

STANDARD, WHITE, DRAWN, TRUE, GIVEN = "standard", "white noise", "white noise, sampled", "target", "source"
"""Names of series: the method that collapses, random latents, images that the model makes of them, real targets, images
as they were given."""
SHARES = {"taba": 0.04, "taba, stronger": 0.2, "nullspace": 0.1, "nullspace, second order": 0.2}
"""Shares of the steps that noise replaces, at least one step: TABA's published share, and for each method a share that
was chosen on validation images of one of our data sets (`studies.chosen`)."""
SHOWN, LARGEST = 4, 128
"""Images that are kept as pictures, and the most pixels of their sides; of larger ones the middle is kept."""
FLOOR = -20.0
"""Logarithm of the energy of an image without any detail, over the reference's."""


def cheap_methods(num_steps: int) -> dict[str, InversionMethod]:
    """The methods that `diagnose` tries: none takes more network calls than the standard one, which is the first."""
    steps = {name: max(1, round(share * num_steps)) for name, share in SHARES.items()}
    found = {name: inversion.create(name) for name in (STANDARD, "noise_floor", "dpm_solver", "cycle_diffusion")}
    for name in ("taba", "taba, stronger"):
        found[name] = inversion.create("taba", fraction=steps[name] / num_steps)
    for order, name in enumerate(("nullspace", "nullspace, second order"), 1):
        found[name] = inversion.create("nullspace", k=steps[name], order=order)
    return found


def diagnose(
    model: Model | str | Path,
    images: str | Path | torch.Tensor,
    target: str | Path | torch.Tensor | None = None,
    *,
    count: int = 16,
    num_steps: int = 16,
    guidance: float = 1.0,
    size: int | None = None,
    methods: Mapping[str, InversionMethod] | Sequence[str] | None = None,
    all_methods: bool = False,
    batch_size: int = 16,
    seed: int = 0,
    source_label: int = SOURCE,
    target_label: int = TARGET,
    null_label: int = NULL,
    progress: bool = False,
    device: str | torch.device | None = None,
) -> xr.Dataset:
    """What several inversions make of a sample of images, for `verdict.Verdict` to judge and `report.page` to show.

    Args:
        model: a `Model`, or what `networks.open_model` takes.
        images: a folder, or N x 3 x H x W in [-1, 1]: source images. Of a folder `count` are taken, spread evenly.
        target: real images of the target domain, a folder or a batch: true targets if they have the same names or are a
            batch of the same number; else a set. Without it outputs are compared with the model's samples from white
            noise.
        size: height and width that images of folders are resized to; without it the model's own.
        methods: names of `inversion.METHODS`, or name -> method, the first of which is judged; without it
            `cheap_methods`, with all_methods every other of `inversion.METHODS` too, at its defaults. One that cannot
            work with this model is noted, not raised.
        num_steps, guidance, batch_size, source_label, target_label, null_label, device: as of `translate`.
        seed: of all noise. progress: show a bar over the methods.

    Returns, along series (white noise, then the methods), output (source, the methods, white noise sampled), method,
    sample, frequency: `latent_power`, `hf_power`, `s_dc`, `norm`; `image_power`; `excess`, the log of the energy at
    high frequencies over the reference's, and `reference_excess` of the references themselves; `s_lf` to the source,
    `seconds` an image, `network_calls`; and pictures. attrs say what was compared with what.

    Raises DataError and InvalidParameterError for what cannot be diagnosed, and what the first method raises.
    """
    model = model if isinstance(model, Model) else own.open_model(model)
    count, num_steps = check_count("count", count, 2), check_count("num_steps", num_steps, 1)
    guidance, seed = check_number("guidance", guidance, 0), check_count("seed", seed, 0)
    check_flag("all_methods", all_methods)
    own.check_guidance(model, guidance, null_label)
    if device is not None:
        model.to(device)
    shape, latent_shape = own.shapes(model, size)
    _check_apart(images, target)
    sources = _batch(images, "images", shape, count)
    targets = None if target is None else _batch(target, "target", shape, 4 * count, sources)
    x = torch.stack(list(sources.values()))
    tried = cheap_methods(num_steps) if methods is None else _named(methods)
    latents, outputs, calls, seconds, notes = {}, {GIVEN: x}, {}, {}, []
    for name in inversion.METHODS if all_methods else ():
        try:
            tried.setdefault(name, inversion.create(name))
        except InvalidParameterError as error:  # one that needs parameters
            notes.append(f"{name} was left out: {error}")
    labels = source_label, target_label, num_steps, guidance
    for name, method in tqdm(tried.items(), desc="diagnosing", unit="method", disable=not progress):
        started = time.perf_counter()
        try:
            made = translate(model, method, x, *labels, torch.Generator().manual_seed(seed), null_label, batch_size)
        except SpectralCollapseError as error:
            if not latents:
                raise
            notes.append(f"{name} was left out: {error}")
            continue
        seconds[name] = (time.perf_counter() - started) / len(x)
        latents[name], outputs[name] = made.latents.float().cpu(), made.images.float().cpu()
        calls[name] = made.network_calls
    white = torch.randn(len(x), *latent_shape, generator=torch.Generator().manual_seed(seed + 1))
    parts = [part.to(model.device) for part in white.split(batch_size)]
    drawn = [model.decode(sampling.sample(model.denoiser, part, *labels[1:], null_label)) for part in parts]
    outputs[DRAWN] = torch.cat(drawn).float().cpu()
    outputs = {name: batch.clamp(-1, 1) for name, batch in outputs.items()}
    paired = targets is not None and list(targets) == list(sources)
    reference = outputs[DRAWN] if targets is None else torch.stack(list(targets.values()))
    excess, own_excess, note = _excess(outputs, reference)
    latents = {WHITE: white, **latents}
    frequency, power = common.spectra(latents)
    image_frequency, image_power = common.spectra(outputs)
    names, shown = list(latents)[1:], slice(min(SHOWN, len(x)))
    cutoff = min(2 * folders.CYCLES / shape[1], 1.0)
    variable = common.variable
    each = ("series", "sample")
    found = xr.Dataset(
        {
            "latent_power": variable((*each, "frequency"), power, "power per coefficient"),
            "hf_power": variable(each, _of(latents, lambda z: 1 - metrics.high_frequency_deficit(z)), "power"),
            "s_dc": variable(each, _of(latents, metrics.s_dc), "decorrelation S_DC"),
            "norm": variable(each, _of(latents, lambda z: torch.from_numpy(common.norms(z))), "norm over root d"),
            "image_power": variable(("output", "sample", "image_frequency"), image_power, "power per coefficient"),
            "excess": variable(("output", "sample"), excess, "log high-frequency energy over the references'"),
            "reference_excess": variable("reference", own_excess, "log high-frequency energy over the mean"),
            "s_lf": variable(
                ("method", "sample"),
                _of({name: outputs[name] for name in names}, lambda made: metrics.s_lf(made, x, cutoff)),
                "structure of the source S_LF",
            ),
            "seconds": variable("method", [seconds[name] for name in names], "time per image", "s"),
            "network_calls": variable("method", [calls[name] for name in names], "network calls per image"),
            "picture": variable(
                ("output", "shown", *common.PIXELS), [_pictures(b[shown]) for b in outputs.values()], ""
            ),
            "latent_picture": variable(
                ("series", "shown", "y", "x", "rgb"), [_pictures(_seen(z[shown])) for z in latents.values()], ""
            ),
        },
        {
            **{"series": list(latents), "output": list(outputs), "method": names, "sample": list(sources)},
            "shown": list(sources)[shown],
            "frequency": common.frequencies(frequency),
            "image_frequency": common.frequencies(image_frequency, "image_frequency"),
        },
    )
    if targets is not None:
        found["target_power"] = variable(
            ("reference", "image_frequency"), common.spectra({"": reference})[1][0], "power"
        )
        if paired:
            found["target_picture"] = variable(("shown", *common.PIXELS), _pictures(reference[shown]), "")
    return found.assign_attrs(
        title=f"Diagnosis of {described(model.card.get('name', model.hash or type(model.denoiser).__name__))}",
        options=json.dumps({name: _options(tried[name]) for name in names}),
        white_s_dc=white_noise_level(latent_shape[0]),
        reference=("true targets" if paired else "targets") if targets is not None else "samples of white noise",
        paired=int(paired),
        num_steps=num_steps,
        guidance=guidance,
        size=f"{shape[1]} x {shape[0]}",
        latent=" x ".join(map(str, latent_shape)),
        notes="; ".join([*notes, *([note] if note else [])]),
    )


def _named(methods: Mapping[str, InversionMethod] | Sequence[str]) -> dict[str, InversionMethod]:
    """Methods by name. Raises InvalidParameterError for none, and for names of other series."""
    if isinstance(methods, str) or not isinstance(methods, Mapping | Sequence) or not methods:
        raise InvalidParameterError(
            "methods must be names, such as ['standard', 'taba'], or a dict, name -> method, of one method at least; "
            f"{described(methods)} was given"
        )
    found = dict(methods) if isinstance(methods, Mapping) else {name: inversion.create(name) for name in methods}
    if taken := [name for name in found if name in (WHITE, DRAWN, TRUE, GIVEN)]:
        raise InvalidParameterError(f"{taken[0]!r} is the name of another series; call the method something else")
    return found


def _check_apart(images: object, target: object) -> None:
    if isinstance(images, str | Path) and isinstance(target, str | Path):
        sides = [paths.expanded(one, what).resolve() for one, what in ((images, "images"), (target, "target"))]
        if sides[0] == sides[1]:
            raise InvalidParameterError(
                f"target is the folder of the images, {shown(target)}; name real images of the target domain, or none"
            )


def _batch(
    given: object, what: str, shape: tuple[int, int], count: int, wanted: Collection[str] = ()
) -> dict[str, torch.Tensor]:
    """Images by their names: all of a batch; of a folder, by their place in it without the ending, those that are
    wanted, if it has them all, else `count` of them."""
    if isinstance(given, torch.Tensor):
        check_images(given, what)
        if tuple(given.shape[1:]) != (3, *shape):
            raise InvalidParameterError(
                f"{what} must be N x 3 x {shape[0]} x {shape[1]}, as this model takes; {tuple(given.shape)} was given"
            )
        found = {str(number): image for number, image in enumerate(given.float().cpu())}
    else:
        check_is(what, given, str | Path, "a folder, or a floating-point tensor N x 3 x H x W (torch.from_numpy)")
        files = {name[: -len(path.suffix)]: path for name, path in folders.find(given, what).items()}
        names = [list(files)[index] for index in common.spread(len(files), min(count, len(files)))]
        names = list(wanted) if wanted and files.keys() >= set(wanted) else names
        batch = folders.stack({name: files[name] for name in names}, what, shape)
        found = dict(zip(names, batch, strict=True))
    if len(found) < 2:
        raise DataError(f"{what}: one image alone tells nothing of the others; give two at least")
    return found


def _excess(outputs: Mapping[str, torch.Tensor], reference: torch.Tensor) -> tuple[np.ndarray, np.ndarray, str]:
    """The log energy of outputs (series, N) and references, over the references' mean, and why there is none."""
    try:
        usual = metrics.hf_reference(reference)
    except DataError as error:
        sizes = len(outputs), len(next(iter(outputs.values())))
        return np.full(sizes, np.nan), np.full(len(reference), np.nan), f"energies were not measured: {error}"
    excess = [metrics.hf_excess(batch, usual).numpy() for batch in (*outputs.values(), reference)]
    return np.stack(excess[:-1]).clip(FLOOR), excess[-1].clip(FLOOR), ""


def _of(series: Mapping[str, torch.Tensor], score: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
    return np.stack([score(batch).double().numpy() for batch in series.values()])


def _pictures(images: torch.Tensor) -> np.ndarray:
    """The middle of images as bytes."""
    top, left = (max(0, (side - LARGEST) // 2) for side in images.shape[-2:])
    return common.pictures(images[..., top : top + LARGEST, left : left + LARGEST])


def _seen(latents: torch.Tensor) -> torch.Tensor:
    """The first three channels of latents as colours, or one as grey; black to white is from -3 to 3."""
    return (latents[:, :3] if latents.shape[1] >= 3 else latents[:, :1].expand(-1, 3, -1, -1)) / 3


def _options(method: InversionMethod) -> str:
    """A method as the command line takes it."""
    fields = {one.name: one.default for one in dataclasses.fields(method)}
    given = {name: value for name, value in method.params.items() if value != fields[name]}
    texts = {name: f"{value:.6g}" if isinstance(value, float) else str(value) for name, value in given.items()}
    return " ".join([f"--method {method.name}", *(f"--set {name}={text}" for name, text in texts.items())])
