"""What a training step costs: the data pipeline against one batch used again and again, and what speeds a step up.

    python benchmarks/training.py [--recipe photos] [--steps 10] [--skip compile ...]
    python benchmarks/training.py --compare one.toml other.toml --minutes 30

The first form prints two tables. The first is of the trainer's own loop on made-up latents: with a pipeline that keeps
up, a step takes as long as one on a batch that is already there. The second is of one step of the recipe's network,
plain and with one thing changed at a time, interleaved so that a busy machine slows all of them alike. Both print
medians and ratios, and how long the first call took: torch.compile needs minutes for it on a CPU, so it is left out
unless `--skip` says otherwise (`--skip` alone leaves out nothing).

The second form trains recipes for the same time, one after the other, and prints what each has learned: images seen and
the held-out loss by noise.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable

import torch

from spectral_collapse.training import Recipe, recipes, tasks, trainer
from spectral_collapse.training.pool import Pool
from spectral_collapse.training.relay import Training

IMAGES = 20_000
VARIANTS = ("plain", "channels_last", "bf16", "channels_last + bf16", "compile", "compile + bf16")


def made_up(recipe: Recipe) -> Pool:
    """As many latents, or images, as the photographs give."""
    shape = (IMAGES, 4, recipe.size // 4, recipe.size // 4) if recipe.autoencoder else (IMAGES, 3, 64, 64)
    items = torch.randn(shape) if recipe.autoencoder else torch.randint(0, 256, shape, dtype=torch.uint8)
    return Pool(items, torch.arange(IMAGES) % 2, "random numbers", "rendered", "")


def task_of(recipe: Recipe) -> tasks.Task:
    """The recipe's task on made-up data."""
    tasks.load_pool = lambda *_: made_up(recipe)
    return tasks.prepare(recipe, None, torch.device("cuda" if torch.cuda.is_available() else "cpu"))


def pipeline(recipe: Recipe, steps: int) -> None:
    """Prints steps per second with batches drawn as training draws them, and with one batch."""
    accelerator = trainer._accelerator(recipe)
    task = task_of(recipe)
    optimizer = torch.optim.AdamW(task.model.parameters(), lr=1e-4)
    model, optimizer = accelerator.prepare(task.model, optimizer)
    drawn = trainer._batches(recipe, task, accelerator, 0)
    _, reused = next(drawn)

    def step(parts: list[tasks.Batch]) -> None:
        trainer._step(recipe, task, accelerator, model, optimizer, parts)
        optimizer.zero_grad()

    functions = {"one batch": lambda: step(reused), "drawn batches": lambda: step(next(drawn)[1])}
    report(recipe.name, recipe, measure(functions, steps))


def speed(recipe: Recipe, steps: int, skip: list[str]) -> None:
    """Prints the time of a step with each variant of memory layout, precision and compilation."""
    functions = {name: variant(recipe, name) for name in VARIANTS if not set(skip) & set(name.split(" + "))}
    report(f"{recipe.network} of {recipe.name}", recipe, measure(functions, steps))


def variant(recipe: Recipe, name: str) -> Callable[[], None]:
    """A step of the recipe's network on one batch, as the variant's name says."""
    task = task_of(recipe)
    parts = task.take(task.draw(torch.Generator().manual_seed(0)))
    device = task.network.device
    batch = [tensor.to(device) for tensor in parts]
    layout = torch.channels_last if "channels_last" in name else torch.contiguous_format
    network = task.network.train().to(memory_format=layout)
    batch[0] = batch[0].to(memory_format=layout)
    called = torch.compile(network) if "compile" in name else network
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled="bf16" in name):
            loss = task.loss(called, *batch).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def measure(functions: dict[str, Callable[[], None]], steps: int) -> dict[str, list[float]]:
    """Seconds of each function, called in turn; the first two of each are a warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(steps + 2):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def report(title: str, recipe: Recipe, seconds: dict[str, list[float]]) -> None:
    """Prints medians after the warm-up, the median of the ratios to the first within each turn, and the first call."""
    device = "cuda" if torch.cuda.is_available() else f"cpu, {torch.get_num_threads()} threads"
    print(f"{title}, batch {recipe.batch_size}, {recipe.precision}; {device}")
    settled = {name: times[2:] for name, times in seconds.items()}
    base = next(iter(settled.values()))
    for name, times in settled.items():
        ratio = statistics.median(first / other for first, other in zip(base, times, strict=True))
        median = statistics.median(times)
        print(
            f"{name:22} {median * 1e3:9.1f} ms  {recipe.batch_size / median:7.1f} images/s  {ratio:5.2f} x the speed  "
            f"(first call {seconds[name][0]:.1f} s)"
        )
    print()


def compare(names: list[str], profile: str, minutes: float) -> None:
    """Trains each recipe for so many minutes and prints a line on each.

    The learning rate is constant, since the time ends the training; the averaged weights are what is judged.
    """
    for name in names:
        recipe = recipes.get(name, profile).replace(schedule="constant", validate_every=10**6)
        with tempfile.TemporaryDirectory() as folder:
            os.environ["SPECTRAL_COLLAPSE_RUNS"] = folder
            output = trainer.train(recipe, minutes=minutes)
            print(Training(name, recipe, output).told(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", nargs="+", default=["photos", "photos-dit", "photos-pixel"])
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--skip", nargs="*", default=["compile"], choices=["channels_last", "bf16", "compile"])
    parser.add_argument("--batch", type=int, nargs="+", help="batch sizes (default: the recipe's)")
    parser.add_argument("--compare", nargs="+", default=[], metavar="RECIPE", help="names or TOML files")
    parser.add_argument("--minutes", type=float, default=30.0)
    arguments = parser.parse_args()
    if arguments.compare:
        return compare(arguments.compare, arguments.profile, arguments.minutes)
    for name in arguments.recipe:
        for batch in arguments.batch or [recipes.get(name, arguments.profile).batch_size]:
            recipe = recipes.get(name, arguments.profile).replace(batch_size=batch, device_batch=0)
            pipeline(recipe, arguments.steps)
            speed(recipe, arguments.steps, arguments.skip)


if __name__ == "__main__":
    main()
