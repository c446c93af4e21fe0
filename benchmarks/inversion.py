"""What a step of each inversion method costs: seconds over a standard step's, and peak memory.

    python benchmarks/inversion.py [--batch 16] [--steps 10] [--repeats 5]

Each method runs in a process of its own, so that its peak memory is its own. The floor of OVG is one
forward pass and two vector-Jacobian products, about three forward passes. The network is the shipped
latent U-Net with random weights: the cost does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

METHODS = {
    "standard": ("standard", {}),
    "ovg, HF only": ("ovg", {"eta_lf": 0.0}),
    "ovg, LF only": ("ovg", {"eta_hf": 0.0}),
    "ovg": ("ovg", {}),
}


def measure(name: str, batch: int, steps: int, repeats: int) -> None:
    """Prints the median seconds per step and image, and the megabytes added by inverting."""
    import torch

    from spectral_collapse.denoisers import NetworkDenoiser
    from spectral_collapse.inversion import create
    from spectral_collapse.networks import small_unet
    from spectral_collapse.processes import VariancePreserving

    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    denoiser = NetworkDenoiser(small_unet().eval().to(device), VariancePreserving())
    latents = torch.randn(batch, 4, 16, 16, device=device)
    method, params = METHODS[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        # Reading a number back waits for the device.
        create(method, **params).invert(denoiser, latents, 0, steps).latent.sum().item()
        seconds.append((time.perf_counter() - start) / steps / batch)
    peak = (
        torch.cuda.max_memory_allocated() / 2**20
        if device == "cuda"
        else (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
    )
    print(json.dumps({"seconds": statistics.median(seconds[1:]), "megabytes": peak, "device": device}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=METHODS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        measure(arguments.only, arguments.batch, arguments.steps, arguments.repeats)
        return
    rows = {}
    for name in METHODS:
        command = [sys.executable, __file__, "--only", name]
        for option in ("batch", "steps", "repeats"):
            command += [f"--{option}", str(getattr(arguments, option))]
        rows[name] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    base = rows["standard"]["seconds"]
    print(f"batch {arguments.batch}, {arguments.steps} steps, device {rows['standard']['device']}")
    print(f"{'method':16} {'ms per step and image':>22} {'over standard':>14} {'peak memory, MB':>16}")
    for name, row in rows.items():
        print(f"{name:16} {row['seconds'] * 1e3:22.2f} {row['seconds'] / base:14.2f} {row['megabytes']:16.0f}")


if __name__ == "__main__":
    main()
