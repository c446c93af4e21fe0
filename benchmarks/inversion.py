"""What each inversion method costs over the standard one: time, network calls, vector-Jacobian products, peak memory.

    python benchmarks/inversion.py [--batch 16] [--steps 10] [--repeats 5] [--methods standard ovg ...]

With all methods, which is the default, it writes the table of the book's page on methods, book/costs.csv.

Each method runs in a process of its own, so that its peak memory is its own. The floor of OVG is one
forward pass and two vector-Jacobian products, about three forward passes; the methods that stop on a
tolerance take as many calls as this network, with random weights, needs. The network is the shipped
latent U-Net; a call's cost does not depend on its weights.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[1] / "book" / "costs.csv"

VARIANTS = {
    "edm, Heun": ("edm", {"heun": True}),
    "renoise, no losses": ("renoise", {"lambda_pair": 0.0, "lambda_patch": 0.0}),
    "ovg, HF alone": ("ovg", {"eta_lf": 0.0, "project": False}),
    "ovg, LF alone": ("ovg", {"eta_hf": 0.0, "project": False}),
    **{f"ovg, {kind}": ("ovg", {"gradient": kind}) for kind in ("combined", "spectral", "secant", "free")},
    "ovg, every 4": ("ovg", {"every": 4}),
    "nullspace, order 2": ("nullspace", {"order": 2}),
}
"""Beside every method with its defaults."""


def methods() -> dict[str, tuple[str, dict[str, Any]]]:
    from spectral_collapse.inversion import METHODS

    return {name: (name, {}) for name in METHODS} | {"taba": ("taba", {"fraction": 0.1})} | VARIANTS  # of 10 steps


def measure(name: str, batch: int, steps: int, repeats: int) -> None:
    """Prints the median seconds per step and image, and the megabytes added by inverting."""
    import torch

    from spectral_collapse.denoisers import NetworkDenoiser
    from spectral_collapse.inversion import create
    from spectral_collapse.networks import small_unet
    from spectral_collapse.processes import VariancePreserving
    from spectral_collapse.studies.common import CountedProducts

    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    clock = time.perf_counter if device == "cuda" else time.process_time  # what other processes take does not count
    torch.set_num_threads(1)
    denoiser = NetworkDenoiser(small_unet().eval().to(device), VariancePreserving())
    latents = torch.randn(batch, 4, 16, 16, device=device)
    method, params = methods()[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, calls = [], 0
    for _ in range(repeats + 1):
        start = clock()
        # Reading a number back waits for the device.
        inverted = create(method, **params).invert(denoiser, latents, 0, steps)
        inverted.latent.sum().item()
        calls = inverted.network_calls
        seconds.append((clock() - start) / steps / batch)
    peak = (
        torch.cuda.max_memory_allocated() / 2**20
        if device == "cuda"
        else (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
    )
    counted = CountedProducts(denoiser)
    create(method, **params).invert(counted, latents, 0, steps)
    found = {"seconds": statistics.median(seconds[1:]), "megabytes": peak, "device": device}
    print(json.dumps(found | {"calls": calls, "products": len(counted.seen)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--methods", nargs="+", choices=methods(), default=list(methods()))
    parser.add_argument("--only", choices=methods(), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        measure(arguments.only, arguments.batch, arguments.steps, arguments.repeats)
        return
    rows = {}
    for name in dict.fromkeys(["standard", *arguments.methods]):
        command = [sys.executable, __file__, "--only", name]
        for option in ("batch", "steps", "repeats"):
            command += [f"--{option}", str(getattr(arguments, option))]
        rows[name] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    base = rows["standard"]
    print(f"batch {arguments.batch}, {arguments.steps} steps, device {base['device']}")
    table = [("method", "calls per step", "products per step", "time / standard's", "peak memory, MB")]
    for name, row in rows.items():
        per_step = (f"{row[count] / arguments.steps:.1f}" for count in ("calls", "products"))
        table.append((name, *per_step, f"{row['seconds'] / base['seconds']:.2f}", f"{row['megabytes']:.0f}"))
    for line in table:
        print(f"{line[0]:20}" + "".join(f"{cell:>20}" for cell in line[1:]))
    if set(rows) == set(methods()):
        with TABLE.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(table)
        print(f"written to {TABLE}")


if __name__ == "__main__":
    main()
