"""One training loop for every recipe: AdamW, warm-up, EMA, on any number of devices, resumable at any step."""

from __future__ import annotations

import contextlib
import datetime
import functools
import glob
import itertools
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import accelerate
import torch
from accelerate.utils import InitProcessGroupKwargs, patch_environment, set_seed
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from tqdm.auto import tqdm

from spectral_collapse import disk, paths, results
from spectral_collapse.checks import check_device, check_flag, check_is, check_name, check_number
from spectral_collapse.errors import (
    CheckpointError,
    InvalidParameterError,
    NotFiniteError,
    first_line,
    out_of_memory,
    shown,
)
from spectral_collapse.networks import save_network
from spectral_collapse.networks.checkpoints import check_free
from spectral_collapse.training import precision, recipes, states, tasks
from spectral_collapse.training.history import History
from spectral_collapse.training.recipes import Recipe
from spectral_collapse.training.states import Progress, Trained
from spectral_collapse.training.tasks import Batch, Task

_EARLY_LOOKS = 6
_FREE_TO_CHANGE = {"steps", "save_every", "validate_every", "device_batch", "gradient_checkpointing", "compile"}
"""What may differ between a saved state and the recipe that goes on from it."""
_SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}
"""A recipe's schedules by diffusers' names; all of them begin with the warm-up."""


def train(
    recipe: str | Path | Recipe,
    resume: bool = False,
    steps: int | None = None,
    source: str | None = None,
    root: str | Path | None = None,
    name: str | None = None,
    output: str | Path | None = None,
    profile: str = "quick",
    device: str | torch.device = "auto",
    minutes: float | None = None,
) -> Path:
    """Trains a recipe and writes its checkpoint; returns the checkpoint's folder.

    Args:
        recipe: a name in `recipes.names()`, the path of a TOML file, or a `Recipe`.
        resume: go on from the last saved state of this run instead of starting anew.
        steps: another number of optimizer steps.
        source, root: data source and folder, as in `datasets.load`; the recipe's source without them.
        name: name of the run's folder under data/runs; without it the recipe's, and its profile unless quick.
        output: the checkpoint's folder; data/runs/NAME/model without it.
        profile: smoke, quick, gpu or paper; of no effect on a `Recipe`.
        device: where to train, such as cpu or cuda:1; 'auto' is what accelerate finds, or was launched with.
        minutes: train until so many minutes have passed since the call, if `steps` are not over by then; what comes
            before the first step counts, and one step is made in any case. The schedule must be constant: another
            one would be cut off at a high rate.

    Run it under `accelerate launch` for several devices: a batch is the same whatever their number, and is
    shared out among them. The state is saved every `save_every` steps and when the run is interrupted
    (Ctrl-C, SIGTERM; where train runs in the main thread), after the step under way; all random numbers of a
    step depend on the seed and the step alone, so a resumed run draws what an uninterrupted one would have drawn,
    and leaves the same weights and curves, whenever it was killed. A state that cannot be read is passed over for
    the one before it, with a warning. The folder of the run also has the `History`, in training.nc.

    The learning rate of a step depends on the step and on `steps` alone: a run that is resumed with other `steps`
    goes on at the rate that a run of so many steps would have there, with a warning that names both rates.
    Precision 'auto' becomes 'bf16' or 'no' for good when the run begins; the card says which. Where `minutes` end a
    run, the recipe in its card has the steps that were made: a training of so many leaves the same weights.

    Raises:
        InvalidParameterError: a recipe that is unknown or impossible, a batch that cannot be shared out or does
            not fit into memory, or minutes that are not above 0 or not for this schedule.
        DataError: images are missing or too few.
        CheckpointError: resume without a saved state, with another recipe's or with one beyond `steps`, a saved
            state without resume, another training in the same folder, an output folder that holds anything but
            this recipe's checkpoint, a missing autoencoder, or a state or checkpoint that cannot be written.
        NotFiniteError: the loss or its gradient became NaN or infinite; the saved states are kept.
        KeyboardInterrupt: after the state was saved.
    """
    check_flag("resume", resume)
    check_name("profile", profile, recipes.PROFILES)
    check_is("source", source, str | None, "'auto', 'real' or 'rendered'")
    if root is not None:
        paths.expanded(root, "root")
    deadline = None if minutes is None else time.monotonic() + 60 * check_number("minutes", minutes, 0, exclude=(0,))
    if not isinstance(recipe, Recipe):
        recipe = recipes.get(recipe, profile)
    if deadline is not None and recipe.schedule != "constant":
        raise InvalidParameterError(
            f"the recipe {recipe.name!r} lets its learning rate fall until its last step (schedule "
            f"{recipe.schedule!r}), which minutes would cut off; set schedule to 'constant', or leave minutes out"
        )
    recipe = recipe.replace(steps=recipe.steps if steps is None else steps, source=source or recipe.source)
    default = recipe.name if recipe.profile == "quick" else f"{recipe.name}-{recipe.profile}"
    run = paths.runs() / recipes.check_name(default if name is None else name)
    try:
        folder = run / "model" if output is None else paths.expanded(output, "output").resolve()
    except (OSError, RuntimeError) as error:  # links that lead to each other
        raise CheckpointError(f"the output {shown(output)} cannot be used: {error}; name another folder") from error
    if folder == run.resolve() or folder in run.resolve().parents:
        raise CheckpointError(f"the output {shown(folder)} is where the run itself is kept; name another folder")
    accelerator = _accelerator(recipe, device)
    with contextlib.ExitStack() as stack:
        _on_main(accelerator, lambda: _claim(run, folder, recipe, resume, stack))
        saved = states.readable(run) if resume else iter(())
        newest = next(saved, None)
        if resume and newest is None:
            raise _nothing_to_resume(run)
        chosen = precision.choose(recipe.precision, accelerator.device, newest and newest[1].recipe.get("precision"))
        recipe = recipe.replace(precision=chosen)
        if newest is not None:
            _check_same(*newest, _content(recipe))
        set_seed(recipe.seed)
        with _out_of_memory(recipe):
            with accelerator.main_process_first():  # what the first one caches, the others read
                task = tasks.prepare(recipe, root, accelerator.device)
            history = History(task.levels)
            done, seconds = _optimise(
                recipe, task, accelerator, run, history, itertools.chain([newest], saved) if newest else None, deadline
            )
        recipe = recipe.replace(steps=done)
        _on_main(accelerator, lambda: _finish(run, folder, recipe, task, seconds, history))
    return folder


def _claim(run: Path, folder: Path, recipe: Recipe, resume: bool, stack: contextlib.ExitStack) -> None:
    """Takes the run's folder until the stack ends, tidies up what a kill left, and checks that it can be written to.

    Raises CheckpointError where another training is under way there, or something would be lost.
    """
    check_free(folder, recipe=recipe.model_dump())
    try:
        run.mkdir(parents=True, exist_ok=True)
        stack.enter_context(FileLock(run / ".lock", timeout=1))  # a relay takes it for a moment to look
        states.sweep(run)
        disk.recover(folder.parent, glob.escape(folder.name))
    except Timeout:
        raise CheckpointError(
            f"another training is under way in {str(run)!r}; wait for it, or give this one another name"
        ) from None
    except OSError as error:
        raise CheckpointError(
            f"the run cannot be kept in {shown(run)} ({error.strerror or error}); make room or give it another name"
        ) from error
    check_free(folder, recipe=recipe.model_dump())  # once more: the kill may have left what is there now
    if (there := states.saved(run)) and not resume:
        raise CheckpointError(
            f"an unfinished run is in {str(run)!r}, saved at {there[-1].name}; go on with resume, or delete the folder"
        )


def _finish(run: Path, folder: Path, recipe: Recipe, task: Task, seconds: float, history: History) -> None:
    """Writes the checkpoint, after which the states are of no use."""
    task.finish()
    attrs = _attrs(recipe, task, seconds)
    history.save(run, attrs)
    save_network(task.network, folder, _card(recipe, task, seconds, history), history.files(attrs))
    for state in states.saved(run):
        disk.discard(state)


def _on_main(accelerator: accelerate.Accelerator, work: Callable[[], None]) -> None:
    """Has the main process do something while the others wait; where it fails, they stop too."""
    failure = None
    if accelerator.is_main_process:
        try:
            work()
        except Exception as error:
            failure = error
    failed = _anywhere(accelerator, failure is not None)
    if failure is not None:
        raise failure
    if failed:
        raise CheckpointError("the first process of this training has stopped, and says why")


def _anywhere(accelerator: accelerate.Accelerator, here: bool) -> bool:
    """Whether something is so in any of the processes; all of them learn it."""
    return bool(accelerator.reduce(torch.tensor(float(here), device=accelerator.device)))


def _accelerator(recipe: Recipe, device: str | torch.device = "auto") -> accelerate.Accelerator:
    """An accelerator for this recipe: devices and accumulation.

    Precision and compilation are the trainer's own: accelerate keeps those of the first accelerator in a process
    for all later ones.
    """
    wanted = None if isinstance(device, str) and device == "auto" else check_device(device)
    try:
        with patch_environment(**({} if wanted is None else {"ACCELERATE_TORCH_DEVICE": wanted})):
            accelerator = accelerate.Accelerator(
                mixed_precision="no",
                dynamo_backend="no",
                step_scheduler_with_optimizer=False,  # else it takes a step per device
                kwargs_handlers=[InitProcessGroupKwargs(timeout=datetime.timedelta(hours=6))],  # encoding takes time
            )
    except ValueError as error:
        raise InvalidParameterError(
            "this process has an accelerate.Accelerator of mixed precision already, which would also rule this "
            f"training; train in a process of its own ({first_line(error)})"
        ) from error
    if wanted not in (None, accelerator.device):
        raise InvalidParameterError(
            f"this process has an accelerate.Accelerator on {str(accelerator.device)!r} already, so {str(wanted)!r} "
            "cannot be had; train in a process of its own"
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
    recipe: Recipe,
    task: Task,
    accelerator: accelerate.Accelerator,
    run: Path,
    history: History,
    saved: Iterator[tuple[Path, Progress]] | None,
    deadline: float | None,
) -> tuple[int, float]:
    """Runs the loop and leaves the averaged weights in the network; returns its steps and its seconds, with those
    before a resume.

    saved: the states to go on from, the best one first; None to begin anew. deadline: after which no step begins.
    """
    network = task.network.train()
    if recipe.gradient_checkpointing:
        network.enable_gradient_checkpointing()
    if recipe.channels_last:
        network.to(memory_format=torch.channels_last)
    on_gpu = accelerator.device.type == "cuda"
    optimizer = torch.optim.AdamW(task.model.parameters(), lr=recipe.learning_rate, fused=on_gpu)
    average = EMAModel(network.parameters(), decay=recipe.ema_decay, update_after_step=recipe.ema_start, foreach=on_gpu)
    average.to(accelerator.device)
    trained = Trained(network, optimizer, average, history)
    content = _content(recipe, task)
    before = None if saved is None else states.resume(saved, trained, functools.partial(_check_same, content=content))
    if saved is not None and before is None:
        raise _nothing_to_resume(run)
    first, seconds = (0, 0.0) if before is None else (before.step, before.seconds)
    done = first
    schedule = _schedule(recipe, optimizer, first)
    rate = schedule.get_last_lr()[0]
    if before is not None and rate != before.learning_rate:
        warnings.warn(
            f"training {recipe.name!r}: with {recipe.steps} steps in place of {before.recipe.get('steps')}, the "
            f"learning rate goes on from step {first} at {rate:.3g} in place of {before.learning_rate:.3g}",
            stacklevel=3,
        )
    model, prepared = accelerator.prepare(task.model, optimizer)
    if recipe.compile and on_gpu:
        model = torch.compile(model)
    started = time.monotonic() - seconds

    def save(step: int) -> None:
        seconds = time.monotonic() - started
        try:
            states.save(
                run,
                trained,
                step=step,
                seconds=seconds,
                learning_rate=schedule.get_last_lr()[0],
                averaged=average.optimization_step,
                recipe=content,
            )
        except (OSError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(
                f"training {recipe.name!r}: the state of step {step} could not be written "
                f"({states.reason(error)}); {_last(run)}"
            ) from error
        history.save(run, _attrs(recipe, task, seconds))

    def validate(step: int) -> None:
        average.store(network.parameters())
        average.copy_to(network.parameters())
        history.add(step, task.validate())
        average.restore(network.parameters())

    bar = tqdm(
        desc=f"{recipe.name}, {precision.NAMES[recipe.precision]}",
        initial=first,
        total=recipe.steps,
        disable=not accelerator.is_local_main_process,
        unit="step",
    )
    with _interruptible(accelerator), bar:
        for step, parts in _batches(recipe, task, accelerator, first):
            # for dropout, on each device its own; what a batch is drawn with is another generator
            torch.manual_seed(_step_seed(recipe.seed, step) + (accelerator.process_index << 48))
            loss = _step(recipe, task, accelerator, model, prepared, parts)
            if loss is None:
                raise NotFiniteError(
                    f"training {recipe.name!r}: the loss or its gradient is NaN or infinite at step {step}; "
                    f"{_last(run)}"
                )
            schedule.step()
            prepared.zero_grad()
            average.step(network.parameters())
            history.losses.append(loss)
            bar.update()
            if step % 25 == 0:
                bar.set_postfix(loss=f"{loss:.4f}")
            done = step + 1
            stopped = accelerator.check_trigger()
            late = deadline is not None and _anywhere(accelerator, time.monotonic() >= deadline)
            if task.validate is not None and (late or _validates_after(done, recipe)):
                _on_main(accelerator, functools.partial(validate, done))
            if (done % recipe.save_every == 0 and done < recipe.steps and not late) or stopped:
                _on_main(accelerator, functools.partial(save, done))
            if stopped:
                raise KeyboardInterrupt
            if late:
                break
    average.copy_to(network.parameters())
    return done, time.monotonic() - started


def _schedule(recipe: Recipe, optimizer: torch.optim.Optimizer, first: int) -> torch.optim.lr_scheduler.LambdaLR:
    """The learning rate of every step from `first` on, a function of the step and the recipe alone."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] = recipe.learning_rate
    return get_scheduler(
        _SCHEDULES[recipe.schedule],
        optimizer,
        num_warmup_steps=recipe.warmup,
        num_training_steps=recipe.steps,
        last_epoch=first - 1,
    )


def _content(recipe: Recipe, task: Task | None = None) -> dict[str, Any]:
    """What a state says that it was trained by; with the images, where they are known."""
    data = {} if task is None else {"data": task.pool.fingerprint}
    return recipe.model_dump(mode="json") | data


def _check_same(folder: Path, progress: Progress, content: dict[str, Any]) -> None:
    """Raises CheckpointError for a state that the recipe cannot go on from."""
    for key, value in content.items():
        if key not in _FREE_TO_CHANGE and progress.recipe.get(key) != value:
            raise CheckpointError(
                f"the saved state {str(folder)!r} was trained with {key} {progress.recipe.get(key)!r}, "
                f"but the recipe now has {value!r}; name another run, or delete the folder"
            )
    if progress.step > content["steps"]:
        raise CheckpointError(
            f"the saved state {str(folder)!r} is of step {progress.step}, beyond the {content['steps']} steps asked "
            "for; ask for more, or name another run"
        )


def _nothing_to_resume(run: Path) -> CheckpointError:
    return CheckpointError(f"there is no readable saved state in {str(run)!r} to resume from; train without resume")


def _last(run: Path) -> str:
    """Where to go on from, for messages."""
    there = states.saved(run)
    return f"the last saved state is {str(there[-1])!r}" if there else f"no state was saved in {str(run)!r}"


@contextlib.contextmanager
def _out_of_memory(recipe: Recipe) -> Iterator[None]:
    """One sentence where torch finds no memory."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise InvalidParameterError(
            f"the memory does not suffice for the recipe {recipe.name!r}; make device_batch smaller (it is "
            f"{recipe.device_batch or recipe.batch_size} now) or set gradient_checkpointing"
        ) from error


def _step(
    recipe: Recipe,
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
            with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
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
        drawn = task.draw(torch.Generator().manual_seed(_step_seed(recipe.seed, step)))
        bounds = range(start, start + share, size)
        return [task.take(tuple(tensor[low : low + size] for tensor in drawn)) for low in bounds]

    with ThreadPoolExecutor(1) as ahead:
        following = ahead.submit(make, first)
        for step in range(first, recipe.steps):
            parts = following.result()
            if step + 1 < recipe.steps:
                following = ahead.submit(make, step + 1)
            yield step, parts


def _step_seed(seed: int, step: int) -> int:
    """The seed of one step: nothing carries over, so nothing has to be saved."""
    return (seed << 32) + step + 1


def _validates_after(done: int, recipe: Recipe) -> bool:
    """Whether there is a validation after so many steps. Validation is denser early in training."""
    early = [recipe.validate_every >> halvings for halvings in range(1, _EARLY_LOOKS + 1)]
    return done % recipe.validate_every == 0 or done == recipe.steps or done in early


@contextlib.contextmanager
def _interruptible(accelerator: accelerate.Accelerator) -> Iterator[None]:
    """Ctrl-C and SIGTERM set the accelerator's trigger while the loop runs, once: the second time they interrupt.

    Only the main thread can receive signals; in another one they are left as they are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

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
        "training_images": task.pool.num_images,
        "recipe": recipe.model_dump(mode="json"),
        "parameters": sum(weight.numel() for weight in task.network.parameters()),
        "scores": history.scores(),
        "seconds": round(seconds),
        "torch": torch.__version__,
        "device": str(accelerate.PartialState().device),
    }


def _attrs(recipe: Recipe, task: Task, seconds: float) -> dict[str, Any]:
    parameters = {**recipe.model_dump(mode="json"), "recipe": recipe.name, "data": task.pool.fingerprint}
    return results.provenance(
        study="training",
        parameters=results.canonical(parameters),
        data_source=task.pool.data_source,
        origin=task.pool.origin,
        device=str(accelerate.PartialState().device),
        seconds=round(seconds, 1),
    )
