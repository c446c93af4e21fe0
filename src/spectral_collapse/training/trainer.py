"""One training loop for every recipe: AdamW, warm-up, cosine, EMA, resumable at any step."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import accelerate
import torch
from accelerate.utils import set_seed
from tqdm.auto import tqdm

from spectral_collapse import paths
from spectral_collapse.compat import ensure_torchvision
from spectral_collapse.errors import CheckpointError, InvalidParameterError, NotFiniteError
from spectral_collapse.networks import autoencoder as autoencoders
from spectral_collapse.networks import load_autoencoder, save_network, small_autoencoder, small_unet
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.training import recipes
from spectral_collapse.training.objectives import autoencoding_loss, denoising_loss
from spectral_collapse.training.pool import Pool, drop_labels, encode_pool, flip_randomly, load_pool
from spectral_collapse.training.recipes import Recipe

ensure_torchvision()
from diffusers.optimization import get_scheduler  # noqa: E402
from diffusers.training_utils import EMAModel  # noqa: E402

_NUM_LABELS = 5  # x8, target, null, x16, x32
_SAVE_EVERY = 250
_KEEP = 2


def train(
    recipe: str | Recipe,
    resume: bool = False,
    steps: int | None = None,
    source: str | None = None,
    root: str | Path | None = None,
    name: str | None = None,
    output: str | Path | None = None,
) -> Path:
    """Trains a recipe and writes its checkpoint; returns the checkpoint's folder.

    Args:
        recipe: a name in `RECIPES`, or a `Recipe`.
        resume: go on from the last saved state of this run instead of starting anew.
        steps: another number of optimizer steps.
        source, root: data source and folder, as in `datasets.load`; the recipe's source without them.
        name: name of the run's folder under data/runs; the recipe's name without it.
        output: the checkpoint's folder; data/runs/NAME/model without it.

    The state is saved every 250 steps and when the run is interrupted (Ctrl-C, SIGTERM); all random
    numbers of a step depend on the seed and the step alone, so a resumed run draws what an
    uninterrupted one would have drawn.

    Raises:
        InvalidParameterError: an unknown recipe, or steps < 1.
        CheckpointError: resume without a saved state, a saved state without resume, or a missing autoencoder.
        NotFiniteError: the loss became NaN or infinite; the last saved state is kept.
        KeyboardInterrupt: after the state was saved.
    """
    recipe = recipes.get(recipe) if isinstance(recipe, str) else recipe
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
        raise InvalidParameterError(f"steps must be an integer of at least 1; {steps!r} was given")
    recipe = dataclasses.replace(recipe, steps=steps or recipe.steps, source=source or recipe.source)
    run = paths.runs() / (name or recipe.name)
    states = sorted(run.glob("step-*"))
    if states and not resume:
        raise CheckpointError(
            f"an unfinished run is in {str(run)!r}, saved at {states[-1].name}; go on with resume, or delete the folder"
        )
    set_seed(recipe.seed)
    accelerator = accelerate.Accelerator(mixed_precision=recipe.precision)
    pool = load_pool(recipe, recipe.source, None if root is None else str(root))
    network, loss_of, pool = _task(recipe, pool, accelerator.device)
    seconds = _optimise(recipe, network, loss_of, pool, accelerator, run, resume)
    if recipe.kind == "autoencoder":
        sample = pool.draw(2048, _step_generator(recipe.seed, -1))[0]
        autoencoders.measure_latents(network, sample.to(accelerator.device))
    folder = Path(output) if output is not None else run / "model"
    save_network(network, folder, _card(recipe, pool, seconds))
    return folder


_Loss = Callable[[torch.nn.Module, torch.Tensor, torch.Tensor, torch.Generator], torch.Tensor]


def _task(recipe: Recipe, pool: Pool, device: torch.device) -> tuple[torch.nn.Module, _Loss, Pool]:
    """The network, its loss on (network, items, labels, generator), and the pool that it draws from."""
    if recipe.kind == "autoencoder":

        def reconstruct(
            network: torch.nn.Module, items: torch.Tensor, _: torch.Tensor, generator: torch.Generator
        ) -> torch.Tensor:
            items = flip_randomly(items, recipe.flips, generator)
            return autoencoding_loss(network, items, generator, recipe.kl_weight)

        return small_autoencoder(), reconstruct, pool
    autoencoder = load_autoencoder(recipe.autoencoder, device)
    latents = encode_pool(pool, lambda images: autoencoders.encode(autoencoder, images.to(device)).cpu(), recipe.flips)
    process = VariancePreserving()

    def denoise(
        network: torch.nn.Module, items: torch.Tensor, labels: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        labels = drop_labels(labels, recipe.label_dropout, generator)
        return denoising_loss(network, process, recipe.prediction, items, labels, generator)

    return small_unet(latents.items.shape[-1], latents.items.shape[1], _NUM_LABELS), denoise, latents


def _optimise(
    recipe: Recipe,
    network: torch.nn.Module,
    loss_of: _Loss,
    pool: Pool,
    accelerator: accelerate.Accelerator,
    run: Path,
    resume: bool,
) -> float:
    """Runs the loop and leaves the averaged weights in the network; returns its seconds, with those before a resume."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate)
    schedule = get_scheduler("cosine", optimizer, num_warmup_steps=recipe.warmup, num_training_steps=recipe.steps)
    average = EMAModel(network.parameters(), decay=recipe.ema_decay)
    model, optimizer, schedule = accelerator.prepare(network, optimizer, schedule)
    accelerator.register_for_checkpointing(average)
    average.to(accelerator.device)
    first, seconds = _restore(accelerator, run) if resume else (0, 0.0)
    started = time.monotonic() - seconds
    bar = tqdm(range(first, recipe.steps), desc=recipe.name, initial=first, total=recipe.steps)
    with _sigterm_interrupts():
        step = first
        try:
            for step in bar:
                generator = _step_generator(recipe.seed, step)
                items, labels = pool.draw(recipe.batch_size, generator)
                with accelerator.autocast():
                    loss = loss_of(model, items.to(accelerator.device), labels, generator)
                if not torch.isfinite(loss):
                    raise NotFiniteError(
                        f"training {recipe.name!r}: the loss is {loss.item()} at step {step}; "
                        f"the last saved state is in {str(run)!r}"
                    )
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                average.step(model.parameters())
                if step % 25 == 0:
                    bar.set_postfix(loss=f"{loss.item():.4f}")
                if (step + 1) % _SAVE_EVERY == 0:
                    _save(accelerator, run, step + 1, time.monotonic() - started)
        except KeyboardInterrupt:
            # The interrupted step is not counted: it is done again on resuming.
            _save(accelerator, run, step, time.monotonic() - started)
            raise
    average.copy_to(network.parameters())
    for state in run.glob("step-*"):  # of use to an unfinished run only
        shutil.rmtree(state)
    return time.monotonic() - started


def _step_generator(seed: int, step: int) -> torch.Generator:
    """The randomness of one step: nothing carries over, so nothing has to be saved."""
    return torch.Generator().manual_seed((seed << 32) + step + 1)


def _save(accelerator: accelerate.Accelerator, run: Path, step: int, seconds: float) -> None:
    """Writes the state of a run, whole or not at all, and drops the oldest."""
    folder = run / f"step-{step:07d}"
    temporary = run / f".{folder.name}"
    shutil.rmtree(temporary, ignore_errors=True)
    accelerator.save_state(str(temporary))
    (temporary / "progress.json").write_text(json.dumps({"step": step, "seconds": seconds}))
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)
    for old in sorted(run.glob("step-*"))[:-_KEEP]:
        shutil.rmtree(old)


def _restore(accelerator: accelerate.Accelerator, run: Path) -> tuple[int, float]:
    """Loads the newest saved state; returns its step and the seconds spent until then."""
    states = sorted(run.glob("step-*"))
    if not states:
        raise CheckpointError(f"there is no saved state in {str(run)!r} to resume from; train without resume")
    accelerator.load_state(str(states[-1]))
    progress = json.loads((states[-1] / "progress.json").read_text())
    return progress["step"], progress["seconds"]


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Treats SIGTERM as Ctrl-C while the loop runs."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _card(recipe: Recipe, pool: Pool, seconds: float) -> dict[str, Any]:
    process = {"kind": "variance_preserving", **dataclasses.asdict(VariancePreserving())}
    return {
        "family": recipe.family,
        "image_size": recipe.size,
        "prediction": recipe.prediction if recipe.kind == "denoiser" else None,
        "process": process if recipe.kind == "denoiser" else None,
        "autoencoder": recipe.autoencoder,
        "data": pool.origin,
        "data_source": pool.data_source,
        "training_images": len(pool.labels),
        "recipe": dataclasses.asdict(recipe),
        "seconds": round(seconds),
        "torch": torch.__version__,
        "device": str(accelerate.PartialState().device),
    }
