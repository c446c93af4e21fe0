"""What a training run records for inspection: its loss at every step and its validations, as one xarray file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spectral_collapse import disk, results
from spectral_collapse.later import torch
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.processes import Level
from spectral_collapse.training.validation import Record

FILE = "training.nc"
_ABOUT = {
    "train_loss": (("iteration",), "training loss", "1"),
    "sigma_over_alpha": (("level",), "noise-to-signal ratio", "1"),
    "loss": (("step", "level"), "validation loss", "1"),
    "noise_error": (("step", "level", "band", "domain", "pair"), "squared error of the predicted noise", "1"),
    "s_hf": (("step", "sample"), "S_HF of samples", "1"),
    "s_hf_reconstructed": (("step", "test_image"), "S_HF of the autoencoder's reconstructions", "1"),
    "psnr": (("step", "test_image"), "PSNR of the autoencoder's reconstructions", "dB"),
    "image": (("step", "sample", "row", "col", "rgb"), "sample", "1"),
}
"""Name of a variable -> its dimensions, its long name, its units. What validations measure is over `step`."""


class History:
    """Losses and validations of one run.

    The dataset has `train_loss` (iteration), the mean over the batch at every optimizer step, and over `step`, the
    number of optimizer steps before each validation: `loss` (step, level) at levels of noise-to-signal ratio
    `sigma_over_alpha`, `noise_error` (step, level, band, domain, pair) of held-out images at the same levels, `s_hf`
    (step, sample), `psnr` and `s_hf_reconstructed` (step, test_image), and `image` (step, sample, row, col, rgb),
    bytes. Measures that a run does not make are missing.
    """

    def __init__(self, levels: list[Level] | None = None) -> None:
        self.losses: list[float] = []
        self.steps: list[int] = []
        self.levels = levels
        self._series: dict[str, list[np.ndarray]] = {}

    def add(self, step: int, record: Record) -> None:
        """One validation, made after `step` optimizer steps."""
        self.steps.append(step)
        arrays = {
            "loss": record.loss,
            # to 0.4 %, finer than its interval by far: thousands of numbers go with every checkpoint
            "noise_error": None if record.noise_error is None else record.noise_error.bfloat16().float(),
            "s_hf": record.s_hf,
            "s_hf_reconstructed": record.s_hf_reconstructed,
            "psnr": record.psnr,
            "image": ((record.images + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1),
        }
        for name, values in arrays.items():
            if values is not None:
                self._series.setdefault(name, []).append(values.numpy())

    def dataset(self, attrs: dict[str, Any] | None = None) -> xr.Dataset:
        """All of it, with the schema of `results`."""
        losses = np.array(self.losses, np.float32)  # what they were computed in
        arrays = {"train_loss": losses} | {name: np.stack(values) for name, values in self._series.items()}
        found = xr.Dataset({name: _variable(name, values) for name, values in arrays.items()}, attrs=attrs)
        coordinates = {dim: np.arange(size) for dim, size in found.sizes.items()}
        known = {"step": np.array(self.steps), "band": list(BANDS), "domain": ["source", "target"]}
        coordinates |= {dim: values for dim, values in known.items() if dim in coordinates}
        found = found.assign_coords(coordinates)
        if self.levels is not None and "level" in found.dims:
            ratios = np.array([level.ratio for level in self.levels])
            found = found.assign_coords(sigma_over_alpha=_variable("sigma_over_alpha", ratios))
        return found

    def scores(self) -> dict[str, float]:
        """Means of the last validation, for the model card."""
        scored = {name: values[-1] for name, values in self._series.items() if name not in ("image", "noise_error")}
        return {name: round(float(last.mean()), 4) for name, last in scored.items()}

    def files(self, attrs: dict[str, Any]) -> dict[str, bytes]:
        """Files that go with a checkpoint: the curves without pictures, and the last samples as one PNG."""
        found = {FILE: results.encode(self.dataset(attrs).drop_vars(["image", "row", "col", "rgb"], errors="ignore"))}
        if "image" in self._series:
            found["samples.png"] = _png(self._series["image"][-1][:8])
        return found

    def save(self, folder: Path, attrs: dict[str, Any]) -> None:
        """Writes training.nc, whole or not at all. Raises DataError when it cannot be written."""
        disk.save(folder / FILE, results.encode(self.dataset(attrs)))

    def tensors(self) -> dict[str, torch.Tensor]:
        """All of it, bit by bit, for a saved state; `restore` takes it."""
        series = {name: torch.from_numpy(np.stack(values)) for name, values in self._series.items()}
        losses = torch.tensor(self.losses, dtype=torch.float64)
        return {"train_loss": losses, "step": torch.tensor(self.steps, dtype=torch.int64), **series}

    def restore(self, tensors: Mapping[str, torch.Tensor], step: int) -> None:
        """Takes over what `tensors` gave after `step` optimizer steps. Raises ValueError for anything else."""
        dims = {name: dims for name, (dims, *_) in _ABOUT.items() if "step" in dims}
        series = {name: tensor for name, tensor in tensors.items() if name in dims}
        losses, steps = tensors.get("train_loss"), tensors.get("step")
        if losses is None or steps is None or len(tensors) != len(series) + 2 or losses.shape != (step,):
            raise ValueError("it holds no history of its steps")
        if any(len(tensor) != len(steps) or tensor.ndim != len(dims[name]) for name, tensor in series.items()):
            raise ValueError("its history is not of its validations")
        self.losses, self.steps = losses.tolist(), steps.tolist()
        self._series = {name: list(tensor.numpy()) for name, tensor in series.items()}


def _variable(name: str, values: np.ndarray) -> xr.Variable:
    dims, long_name, units = _ABOUT[name]
    return xr.Variable(dims, values, {"long_name": long_name, "units": units})


def _png(images: np.ndarray) -> bytes:
    """Images N x H x W x 3, bytes, as a picture with four of them to a row."""
    from PIL import Image

    count, height, width, _ = images.shape
    columns = min(4, count)
    rows = images[: count // columns * columns].reshape(-1, columns, height, width, 3)
    picture = Image.fromarray(rows.transpose(0, 2, 1, 3, 4).reshape(-1, columns * width, 3))
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()
