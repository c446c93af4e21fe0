"""One training loop for every recipe: AdamW, warm-up, EMA, on any number of devices, resumable at any step."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import shutil
import signal
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import accelerate
import torch
from accelerate.state import AcceleratorState, GradientState
from accelerate.utils import InitProcessGroupKwargs, set_seed
from safetensors import SafetensorError
from tqdm.auto import tqdm

from spectral_collapse import paths, results
from spectral_collapse.compat import ensure_torchvision
from spectral_collapse.errors import CheckpointError, InvalidParameterError, NotFiniteError
from spectral_collapse.networks import save_network
from spectral_collapse.training import recipes, tasks
from spectral_collapse.training.history import History
from spectral_collapse.training.recipes import Recipe
from spectral_collapse.training.tasks import Batch, Task

ensure_torchvision()
from diffusers.optimization import get_scheduler  # noqa: E402
from diffusers.training_utils import EMAModel  # noqa: E402

_KEEP = 2
_EARLY_LOOKS = 6
_PROGRESS = "progress.json"
_FREE_TO_CHANGE = {"steps", "save_every", "validate_every", "device_batch", "gradient_checkpointing", "compile"}
"""What may differ between a saved state and the recipe that goes on from it."""


def train(
    recipe: str | Path | Recipe,
    resume: bool = False,
    steps: int | None = None,
    source: str | None = None,
    root: str | Path | None = None,
    name: str | None = None,
    output: str | Path | None = None,
    profile: str = "quick",
) -> Path:
    """Trains a recipe and writes its checkpoint; returns the checkpoint's folder.

    Args:
        recipe: a name in `recipes.names()`, the path of a TOML file, or a `Recipe`.
        resume: go on from the last saved state of this run instead of starting anew.
        steps: another number of optimizer steps.
        source, root: data source and folder, as in `datasets.load`; the recipe's source without them.
        name: name of the run's folder under data/runs; without it the recipe's, and its profile unless quick.
        output: the checkpoint's folder; data/runs/NAME/model without it.
        profile: smoke, quick or paper; of no effect on a `Recipe`.

    Run it under `accelerate launch` for several devices: a batch is the same whatever their number, and is
    shared out among them. The state is saved every `save_every` steps and when the run is interrupted
    (Ctrl-C, SIGTERM), after the step under way; all random numbers of a step depend on the seed and the
    step alone, so a resumed run draws what an uninterrupted one would have drawn. A state that cannot be
    read is passed over for the one before it, with a warning. The folder of the run also has the
    `History`, in training.nc.

    Raises:
        InvalidParameterError: a recipe that is unknown or impossible, or a batch that cannot be shared out.
        DataError: images are missing or too few.
        CheckpointError: resume without a saved state or with another recipe's, a saved state without resume,
            a missing autoencoder, or a state or checkpoint that cannot be written.
        NotFiniteError: the loss or its gradient became NaN or infinite; the saved states are kept.
        KeyboardInterrupt: after the state was saved.
    """
    if not isinstance(recipe, Recipe):
        recipe = recipes.get(recipe, profile)
    recipe = dataclasses.replace(recipe, steps=recipe.steps if steps is None else steps, source=source or recipe.source)
    run = paths.runs() / (name or (recipe.name if recipe.profile == "quick" else f"{recipe.name}-{recipe.profile}"))
    states = _states(run)
    if states and not resume:
        raise CheckpointError(
            f"an unfinished run is in {str(run)!r}, saved at {states[-1].name}; go on with resume, or delete the folder"
        )
    accelerator = _accelerator(recipe)
    set_seed(recipe.seed)
    with accelerator.main_process_first():  # what the first one caches, the others read
        task = tasks.prepare(recipe, root, accelerator.device)
    history = History(task.levels)
    seconds = _optimise(recipe, task, accelerator, run, resume, history)
    folder = Path(output) if output is not None else run / "model"
    if accelerator.is_main_process:
        task.finish()
        attrs = _attrs(recipe, task, seconds)
        history.save(run, attrs)
        save_network(task.network, folder, _card(recipe, task, seconds, history), history.files(attrs))
        for state in _states(run):  # of use to an unfinished run only
            shutil.rmtree(state)
    accelerator.wait_for_everyone()
    return folder


def _accelerator(recipe: Recipe) -> accelerate.Accelerator:
    """An accelerator for this recipe, whatever an earlier run in this process asked for."""
    AcceleratorState._reset_state()
    GradientState._reset_state()
    accelerator = accelerate.Accelerator(
        mixed_precision=recipe.precision,
        dynamo_backend="inductor" if recipe.compile else "no",
        step_scheduler_with_optimizer=False,  # else it takes a step per device
        kwargs_handlers=[InitProcessGroupKwargs(timeout=datetime.timedelta(hours=6))],  # encoding takes its time
    )
    share, rest = divmod(recipe.batch_size, accelerator.num_processes)
    parts = -(-share // (recipe.device_batch or share)) if share else 1
    if rest or share % parts:
        raise InvalidParameterError(
            f"a batch of {recipe.batch_size} in the recipe {recipe.name!r} cannot be shared out evenly among "
            f"{accelerator.num_processes} devices, at most {recipe.device_batch or recipe.batch_size} at once; "
            "change batch_size or device_batch"
        )
    accelerator.gradient_accumulation_steps = parts
    return accelerator


def _optimise(
    recipe: Recipe, task: Task, accelerator: accelerate.Accelerator, run: Path, resume: bool, history: History
) -> float:
    """Runs the loop and leaves the averaged weights in the network; returns its seconds, with those before a resume."""
    network = task.network.train()
    if recipe.gradient_checkpointing:
        network.enable_gradient_checkpointing()
    if recipe.channels_last:
        network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(task.model.parameters(), lr=recipe.learning_rate)
    schedule = get_scheduler(
        {"cosine": "cosine", "constant": "constant_with_warmup"}[recipe.schedule],
        optimizer,
        num_warmup_steps=recipe.warmup,
        num_training_steps=recipe.steps,
    )
    average = EMAModel(network.parameters(), decay=recipe.ema_decay, update_after_step=recipe.ema_start)
    model, optimizer, schedule = accelerator.prepare(task.model, optimizer, schedule)
    accelerator.register_for_checkpointing(average)
    average.to(accelerator.device)
    saver = _Saver(accelerator, run, recipe, task, history)
    first, seconds = saver.restore() if resume else (0, 0.0)
    started = time.monotonic() - seconds
    bar = tqdm(
        desc=recipe.name, initial=first, total=recipe.steps, disable=not accelerator.is_local_main_process, unit="step"
    )
    with _interruptible(accelerator), bar:
        for step, parts in _batches(recipe, task, accelerator, first):
            loss = _step(task, accelerator, model, optimizer, parts)
            if loss is None:
                raise NotFiniteError(
                    f"training {recipe.name!r}: the loss or its gradient is NaN or infinite at step {step}; "
                    f"{saver.last()}"
                )
            schedule.step()
            optimizer.zero_grad()
            average.step(network.parameters())
            history.losses.append(loss)
            bar.update()
            if step % 25 == 0:
                bar.set_postfix(loss=f"{loss:.4f}")
            done = step + 1
            stopped = accelerator.check_trigger()
            if task.validate is not None and _is_looked_at(done, recipe):
                if accelerator.is_main_process:
                    average.store(network.parameters())
                    average.copy_to(network.parameters())
                    history.add(done, task.validate())
                    average.restore(network.parameters())
                accelerator.wait_for_everyone()
            if (done % recipe.save_every == 0 and done < recipe.steps) or stopped:
                saver.save(done, time.monotonic() - started)
            if stopped:
                raise KeyboardInterrupt
    average.copy_to(network.parameters())
    accelerator.unwrap_model(model, keep_fp32_wrapper=False)
    return time.monotonic() - started


def _step(
    task: Task,
    accelerator: accelerate.Accelerator,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    parts: list[Batch],
) -> float | None:
    """One optimizer step on this device's share of the batch; the mean loss of all, None where it is not finite."""
    total = torch.zeros((), device=accelerator.device)
    for part in parts:
        with accelerator.accumulate(model):
            loss = task.loss(model, *(tensor.to(accelerator.device) for tensor in part)).mean()
            accelerator.backward(loss)
            total += loss.detach() / len(parts)
            if accelerator.sync_gradients:
                norm = accelerator.clip_grad_norm_(model.parameters(), 1.0)
                mean = accelerator.reduce(total, "mean")
                if not torch.isfinite(norm + mean):
                    return None
            optimizer.step()
    return mean.item()


def _batches(
    recipe: Recipe, task: Task, accelerator: accelerate.Accelerator, first: int
) -> Iterator[tuple[int, list[Batch]]]:
    """Each step with this device's share of its batch, in parts; the next one is made while the step runs."""
    share = recipe.batch_size // accelerator.num_processes
    start = share * accelerator.process_index
    size = share // accelerator.gradient_accumulation_steps

    def make(step: int) -> list[Batch]:
        drawn = task.draw(_step_generator(recipe.seed, step))
        bounds = range(start, start + share, size)
        return [task.take(tuple(tensor[low : low + size] for tensor in drawn)) for low in bounds]

    with ThreadPoolExecutor(1) as ahead:
        following = ahead.submit(make, first)
        for step in range(first, recipe.steps):
            parts = following.result()
            if step + 1 < recipe.steps:
                following = ahead.submit(make, step + 1)
            yield step, parts


def _step_generator(seed: int, step: int) -> torch.Generator:
    """The randomness of one step: nothing carries over, so nothing has to be saved."""
    return torch.Generator().manual_seed((seed << 32) + step + 1)


def _is_looked_at(done: int, recipe: Recipe) -> bool:
    """Whether there is a validation after so many steps: most is learnt early, so it begins with small intervals."""
    early = [recipe.validate_every >> halvings for halvings in range(1, _EARLY_LOOKS + 1)]
    return done % recipe.validate_every == 0 or done == recipe.steps or done in early


class _Saver:
    """The saved states of a run: folders step-NNNNNNN, each whole or not there."""

    def __init__(
        self, accelerator: accelerate.Accelerator, run: Path, recipe: Recipe, task: Task, history: History
    ) -> None:
        self.accelerator, self.run, self.recipe, self.task, self.history = accelerator, run, recipe, task, history
        self.content = json.loads(results.canonical({**dataclasses.asdict(recipe), "data": task.pool.fingerprint}))

    def save(self, step: int, seconds: float) -> None:
        """Writes the state and the history, and drops the oldest. Raises CheckpointError when that fails."""
        if self.accelerator.is_main_process:
            folder = self.run / f"step-{step:07d}"
            temporary = self.run / f".{folder.name}"
            try:
                shutil.rmtree(temporary, ignore_errors=True)
                self.accelerator.save_state(str(temporary))
                digests = {file.name: _digest(file) for file in sorted(temporary.iterdir())}
                progress = {"step": step, "seconds": seconds, "recipe": self.content, "files": digests}
                (temporary / _PROGRESS).write_text(json.dumps(progress))
                shutil.rmtree(folder, ignore_errors=True)
                temporary.rename(folder)
            # torch and safetensors have errors of their own for a disk that is full
            except (OSError, RuntimeError, SafetensorError) as error:
                shutil.rmtree(temporary, ignore_errors=True)
                raise CheckpointError(
                    f"training {self.recipe.name!r}: the state of step {step} could not be written "
                    f"({_reason(error)}); {self.last()}"
                ) from error
            for old in _states(self.run)[:-_KEEP]:
                shutil.rmtree(old)
            self.history.save(self.run, _attrs(self.recipe, self.task, seconds))
        self.accelerator.wait_for_everyone()

    def restore(self) -> tuple[int, float]:
        """Loads the newest state that can be read; returns its step and the seconds spent until then."""
        for state in reversed(_states(self.run)):
            try:
                progress = json.loads((state / _PROGRESS).read_text())
                damaged = [name for name, digest in progress["files"].items() if _digest(state / name) != digest]
                if damaged:
                    raise ValueError(f"{damaged[0]} is damaged")
            except (OSError, ValueError, KeyError) as error:
                warnings.warn(
                    f"the saved state {str(state)!r} cannot be read ({_reason(error)}); trying the one before it",
                    stacklevel=4,
                )
                continue
            self._check(state, progress["recipe"])
            self.accelerator.load_state(str(state))
            self.history.load(self.run, progress["step"])
            return progress["step"], progress["seconds"]
        raise CheckpointError(
            f"there is no readable saved state in {str(self.run)!r} to resume from; train without resume"
        )

    def last(self) -> str:
        """Where to go on from, for messages."""
        states = _states(self.run)
        return f"the last saved state is {str(states[-1])!r}" if states else f"no state was saved in {str(self.run)!r}"

    def _check(self, state: Path, saved: dict[str, Any]) -> None:
        for key, value in self.content.items():
            if key not in _FREE_TO_CHANGE and saved.get(key) != value:
                raise CheckpointError(
                    f"the saved state {str(state)!r} was trained with {key} {saved.get(key)!r}, "
                    f"but the recipe now has {value!r}; name another run, or delete the folder"
                )


def _states(run: Path) -> list[Path]:
    """The saved states of a run, oldest first."""
    return sorted(run.glob("step-*"))


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _reason(error: Exception) -> str:
    """The first line of what went wrong."""
    text = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return text.splitlines()[0]


@contextmanager
def _interruptible(accelerator: accelerate.Accelerator) -> Iterator[None]:
    """Ctrl-C and SIGTERM set the accelerator's trigger while the loop runs, once: the second time they interrupt."""

    def request(signum: int, frame: FrameType | None) -> None:
        accelerator.set_trigger()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.default_int_handler)

    previous = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _card(recipe: Recipe, task: Task, seconds: float, history: History) -> dict[str, Any]:
    return {
        "family": recipe.family,
        "image_size": recipe.size,
        **task.card,
        "data": task.pool.origin,
        "data_source": task.pool.data_source,
        "training_images": len(task.pool.labels),
        "recipe": dataclasses.asdict(recipe),
        "parameters": sum(weight.numel() for weight in task.network.parameters()),
        "scores": history.scores(),
        "seconds": round(seconds),
        "torch": torch.__version__,
        "device": str(accelerate.PartialState().device),
    }


def _attrs(recipe: Recipe, task: Task, seconds: float) -> dict[str, Any]:
    parameters = {**dataclasses.asdict(recipe), "recipe": recipe.name, "data": task.pool.fingerprint}
    return results.provenance(
        study="training",
        parameters=results.canonical(parameters),
        data_source=task.pool.data_source,
        origin=task.pool.origin,
        device=str(accelerate.PartialState().device),
        seconds=round(seconds, 1),
    )
