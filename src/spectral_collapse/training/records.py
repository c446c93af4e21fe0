"""Reads what trainings recorded: curves of runs side by side, and when a run had learnt half of it all."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xarray as xr

from spectral_collapse import datasets, results
from spectral_collapse.networks.checkpoints import Model, called, find
from spectral_collapse.training.history import FILE
from spectral_collapse.training.validation import held_out_indices

BIN = 50
"""Optimizer steps whose training losses are plotted as one point."""


def read(folder: Path) -> xr.Dataset | None:
    """What a training recorded beside its checkpoint, with `pair_group`: what its validation pairs were taken from.

    None if there is no such file. The file does not store what pairs were taken from, but which test images they are is
    known. For real images without a twin, which are always the same, that is enough. Other pairs are treated as
    independent, which rendered ones are.
    """
    if not (folder / FILE).is_file():
        return None
    run = results.read(folder / FILE)
    if "pair" not in run.dims:
        return run
    recipe = json.loads(run.attrs["parameters"])
    name = next(iter(recipe.get("datasets", [])), None)
    if name not in datasets.DATASETS or datasets.info(name).render is not None:
        return run
    test = datasets.load(name, "test", recipe["size"])
    chosen = held_out_indices(len(test))[: run.sizes["pair"]]
    return run.assign_coords(pair_group=("pair", [test.clusters[index] for index in chosen]))


def curves(checkpoints: Iterable[str | Path | Model]) -> xr.Dataset:
    """The curves of the training runs of networks, from the training.nc beside each checkpoint.

    Returns `train_loss` (model, train_step), the mean over `BIN` optimizer steps, in the units of the
    network's own objective, and of the validations along `step` `s_hf` (model, step, sample) and
    `noise_error` (model, step, level, band, domain, pair) at levels of `ratio` (model, level) = sigma / alpha;
    NaN where a run has no such step. Runs without the file, and networks without a folder, are left out.
    """
    found = {}
    for one in checkpoints:
        run = None if isinstance(one, Model) else read(find(one))
        if run is None:
            continue
        binned = run["train_loss"].coarsen(iteration=min(BIN, run.sizes["iteration"]), boundary="trim").mean()
        looks = run[[name for name in ("s_hf", "noise_error") if name in run]].reset_coords(drop=True)
        looks = looks.assign(train_loss=binned.rename(iteration="train_step"))
        if "noise_error" in looks:
            looks["ratio"] = "level", run["sigma_over_alpha"].data, run["sigma_over_alpha"].attrs
            if "pair_group" in run.coords:
                looks = looks.assign_coords(pair_group=run["pair_group"].variable)
        found[called(one)] = looks
    if not found:
        return xr.Dataset(coords={"model": np.array([], str)})
    names = xr.Variable("model", list(found))
    return xr.concat(list(found.values()), names, join="outer", coords="minimal", compat="override")


def has_bands(runs: xr.Dataset, name: str) -> bool:
    """Whether a run, of those in `curves`, kept its errors per frequency band."""
    there = name in runs["model"] and "noise_error" in runs
    return there and bool(runs["noise_error"].sel(model=name).notnull().any())


def half_learnt(errors: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Steps (...) after which a run has learnt half of all that it learns, from its errors (step, ...).

    That is half of the way from an error of 1, that of predicting no noise at all, to the run's last error. Between
    validations the error is interpolated linearly in the logarithm of the step. If the first validation is already
    below, its step is the result.
    """
    half = (1 + errors[-1]) / 2
    after = (errors <= half).argmax(0)
    before = np.maximum(after - 1, 0)
    high, low = (np.take_along_axis(errors, at[None], 0)[0] for at in (before, after))
    share = np.divide(high - half, high - low, out=np.zeros_like(half), where=after > 0)
    return np.exp(np.log(steps[before]) + share * (np.log(steps[after]) - np.log(steps[before])))


def alike(*folders: Path) -> list[xr.Dataset] | None:
    """What several trainings recorded; None if that is missing or if more than their data differs."""
    runs = [read(folder) for folder in folders]
    if any(run is None or "noise_error" not in run for run in runs):
        return None
    recipes = [json.loads(run.attrs["parameters"]) for run in runs]
    of_data = ("name", "recipe", "datasets", "data")
    settings = [{key: value for key, value in recipe.items() if key not in of_data} for recipe in recipes]
    return runs if all(setting == settings[0] for setting in settings) else None
