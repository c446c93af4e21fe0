"""How many hours the tables take at 256 px, on one device and on several, from the calls per second of this one.

    python benchmarks/hours.py [--profile paper] [--batch 8] [--steps 4] [--devices 1 8]

Three things are put together. What the pages of the tables ask for, read from their notebooks, with the methods, seeds,
images and steps of the profile. What a method costs in calls of a network, up and down, gradients included: measured on
the small U-Net against the standard inversion. How many calls per second the networks of the recipes answer: measured
at the profile's size with random weights, on which a call's cost does not depend.

A result that two pages show counts on the first. A job is a method at a seed and is not split, so no table takes less
than its longest job. Loading data and networks, and scores, come on top.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import torch

from spectral_collapse import datasets, inversion, networks, pages
from spectral_collapse.checks import check_device
from spectral_collapse.denoisers import NetworkDenoiser
from spectral_collapse.findings.benchmark import OTHERS
from spectral_collapse.labels import SOURCE, TARGET
from spectral_collapse.networks.checkpoints import usual
from spectral_collapse.networks.unet import take_label_states
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.studies import published
from spectral_collapse.studies.benchmark import BenchmarkParameters
from spectral_collapse.training import recipes

PAGES = ("benchmark", "deterministic_stochastic", "backbone", "space", "scale_factor", "prediction_target")
LABELS = 5


@dataclass(frozen=True)
class Job:
    """A method at a seed, on one data set with one network. calls: of the network, for one image, up and down."""

    page: str
    network: str
    images: int
    calls: float


def asked_for(profile: str) -> Iterator[tuple[str, BenchmarkParameters]]:
    """Each result of the tables once, with its page, at the profile; a notebook's own settings stay."""
    found: dict[BenchmarkParameters, str] = {}
    for page, study, given in pages.asked():
        if page not in PAGES or study.name != "benchmark" or (given["methods"] == OTHERS and profile != "quick"):
            continue  # the first table has those at the other profiles
        network = given.get("checkpoint") or usual(datasets.info(given["dataset"]).family, "real")
        found.setdefault(BenchmarkParameters.checked(**given | {"checkpoint": network, "profile": profile}), page)
    return ((page, parameters) for parameters, page in found.items())


def jobs(profile: str, cost: Callable[[str], tuple[float, float]]) -> list[Job]:
    """cost: of a method, in calls of a network per step, up and down; without guidance."""
    found = []
    for page, given in asked_for(profile):
        info = datasets.info(given.dataset)
        guided = 1 if info.guidance == 1 else 2  # with guidance each step down asks for two labels
        for name in given.methods:
            up, down = cost(name)
            seeds = given.seeds if method(name).stochastic else 1
            calls = given.num_steps * (up + guided * down)
            images = given.images or given.default_images[profile]
            found += [Job(page, given.checkpoint, images, calls)] * seeds
    return found


def hours(found: list[Job], rate: Callable[[str], float], devices: int) -> float:
    """Of jobs on so many devices. rate: of a network, in images per second that get an answer."""
    seconds = [job.calls * job.images / rate(job.network) for job in found]
    return max(sum(seconds) / devices, max(seconds, default=0)) / 3600


def method(name: str) -> inversion.InversionMethod:
    """With its defaults, which cost what the papers' settings do."""
    return inversion.create(published.COMBINED.get(name, name))


def measured_cost(device: torch.device, batch: int, steps: int) -> Callable[[str], tuple[float, float]]:
    """Seconds per step over those of a call of the standard inversion, both ways."""
    denoiser = NetworkDenoiser(networks.small_unet().eval().to(device), VariancePreserving())
    latents = torch.randn(batch, 4, 16, 16, device=device)

    @cache
    def seconds(name: str) -> tuple[float, float]:
        one, best = method(name), (float("inf"), float("inf"))
        for _ in range(3):
            started = time.perf_counter()
            inverted = one.invert(denoiser, latents, SOURCE, steps)
            inverted.latent.sum().item()  # waits for the device
            between = time.perf_counter()
            one.sample(denoiser, inverted, TARGET).sum().item()
            best = min(best[0], between - started), min(best[1], time.perf_counter() - between)
        return best

    def cost(name: str) -> tuple[float, float]:
        call = seconds("standard")[0]
        return tuple(one / call for one in seconds(name))

    return cost


def measured_rate(profile: str, device: torch.device, batch: int) -> Callable[[str], float]:
    """Images per second that a recipe's network answers."""
    known: dict[str, float] = {}

    def rate(name: str) -> float:
        recipe = recipes.get(name, profile)
        code = recipes.get("autoencoder", profile).architecture
        # Stable Diffusion's has 4 channels and divides by 8
        channels, step = (code.get("latent_channels", 4), code.get("patch", 8)) if recipe.autoencoder else (3, 1)
        shape = (batch, channels, recipe.size // step, recipe.size // step)
        alike = f"{recipe.network} {shape} {recipe.architecture}"
        if alike not in known:
            network = networks.create(recipe.network, shape[-1], shape[1], LABELS, **recipe.architecture).eval()
            states = take_label_states(network)
            denoiser = NetworkDenoiser(network.to(device), VariancePreserving(), context=states)
            known[alike] = batch / min(_seconds_of_a_call(denoiser, torch.randn(shape, device=device)))
            print(f"{alike}: {known[alike]:.3g} images per second")
        return known[alike]

    return rate


def _seconds_of_a_call(denoiser: NetworkDenoiser, x: torch.Tensor) -> Iterator[float]:
    labels, level = torch.zeros(len(x), dtype=torch.long, device=x.device), denoiser.process.levels(4)[2]
    for _ in range(3):
        started = time.perf_counter()
        with torch.no_grad():
            denoiser(x, level, labels).noise.sum().item()  # waits for the device
        yield time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="paper")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 8])
    options = parser.parse_args()
    device = check_device("auto")
    found = jobs(options.profile, measured_cost(device, options.batch, options.steps))
    rate = measured_rate(options.profile, device, options.batch)
    print(f"profile {options.profile}, {device}, batch {options.batch}")
    for page in [*dict.fromkeys(job.page for job in found), ""]:
        own = [job for job in found if page in ("", job.page)]
        calls = sum(job.calls * job.images for job in own)
        took = ", ".join(f"{hours(own, rate, number):.3g} h on {number}" for number in options.devices)
        print(f"{page or 'all':26} {len(own):5} jobs  {calls:10.3g} calls  {took}")


if __name__ == "__main__":
    main()
