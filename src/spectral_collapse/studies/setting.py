"""What a study of inverted test sources runs on: a checked request with its data, its network and its key."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
import xarray as xr
from tqdm.auto import tqdm

from spectral_collapse import datasets, results
from spectral_collapse.datasets import DatasetInfo, DomainDataset, Pair
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks.checkpoints import Model, load_model
from spectral_collapse.studies import common
from spectral_collapse.studies.profiles import Profile
from spectral_collapse.studies.profiles import profile as profile_named

CODE = (
    "compat",
    "datasets.base",
    "denoisers",
    "inversion",
    "labels",
    "networks",
    "processes",
    "sampling",
    "studies.common",
    "studies.setting",
)
"""The modules that every such study computes with."""


@dataclass(frozen=True)
class Setting:
    """A checked request: model, data and size, the chosen test images, and in `parameters` all that decides
    a study's values."""

    info: DatasetInfo
    model: Model
    test: DomainDataset
    train: DomainDataset
    size: Profile
    chosen: list[int]
    parameters: dict[str, Any]

    @classmethod
    def load(
        cls,
        dataset: str,
        profile: str,
        checkpoint: str | Path | Model | None,
        source: Literal["auto", "real", "rendered"],
        root: str | Path | None,
        code: tuple[str, ...],
        images: int | None = None,
    ) -> Self:
        """Loads and checks what was asked for.

        Args:
            dataset, profile, source, root: as every study takes them.
            checkpoint: name or folder of a network, or a loaded Model; without it the one shipped for
                this family of data sets.
            code: the modules, beside `CODE`, that compute the study's values.
            images: how many test images, spread evenly over the test split; the profile's number
                shrinks to the split's size, a number given here does not.

        Raises InvalidParameterError, DataError, CheckpointError: one sentence each.
        """
        info, size = datasets.info(dataset), profile_named(profile)
        test = datasets.load(dataset, "test", size.size, source, root)
        train = datasets.load(dataset, "train", size.size, source, root)
        if images is not None and images > len(test):
            raise InvalidParameterError(
                f"images must be at most {len(test)}, all that {dataset!r} has; {images} was given"
            )
        model = checkpoint if isinstance(checkpoint, Model) else load_model(checkpoint or info.family)
        common.check_model(model, info, size.size)
        chosen = common.spread(len(test), images or min(size.images, len(test)))
        parameters = {
            "dataset": dataset,
            "profile": profile,
            "size": size.size,
            "images": len(chosen),
            "num_steps": size.num_steps,
            "reference": size.reference,
            "shown": size.shown,
            "source": test.kind,
            "data": [test.fingerprint, train.fingerprint],
            "checkpoint": model.hash,
            "code": results.code_hash({*CODE, *code}),
        }
        return cls(info, model, test, train, size, chosen, parameters)

    @property
    def names(self) -> list[str]:
        return [self.test.ids[index] for index in self.chosen]

    @property
    def clusters(self) -> list[str]:
        """What each of the images was taken from: intervals resample these."""
        return [self.test.clusters[index] for index in self.chosen]

    @cached_property
    def pair(self) -> Pair:
        """The chosen test images, sources and targets, N x 3 x H x W."""
        return self.test.stack(self.chosen)

    @cached_property
    def encoded(self) -> torch.Tensor:
        """The encoded sources."""
        return self.model.encode(self.pair.source)

    def training_sources(self, count: int) -> torch.Tensor:
        """At most `count` encoded images that training shows as sources."""
        images = common.training_sources(self.train, count)
        return torch.cat([self.model.encode(batch) for batch in images.split(64)])

    def stored(self, study: str) -> xr.Dataset | None:
        """The result of exactly these parameters, or None where there is none yet; killed runs are cleared up after."""
        results.sweep()
        return results.get(study, self.parameters)

    def parts(self, study: str) -> results.Parts:
        """Where the finished parts of a run under way are kept."""
        return results.parts(study, results.key(study, self.parameters))

    def save(self, study: str, result: xr.Dataset, seconds: float, **further: str | float) -> xr.Dataset:
        """Stores a result as `described` gives it, and returns it."""
        result = self.described(study, result, seconds, **further)
        results.save(result)
        return result

    def described(self, study: str, result: xr.Dataset, seconds: float, **further: str | float) -> xr.Dataset:
        """A result with its coordinates and its provenance; `further` attrs are the study's own.

        Dimensions without a coordinate get their numbers, those of pictures the names of their colours. The
        test images, along `sample`, get their `clusters` as `sample_group`.
        """
        result = result.assign_coords(sample_group=("sample", self.clusters))
        colours = {"rgb": ["red", "green", "blue"]}
        bare = {
            dim: colours.get(str(dim), range(size)) for dim, size in result.sizes.items() if dim not in result.coords
        }
        result = result.assign_coords(bare)
        result.attrs |= results.provenance(
            study=study,
            parameters=results.canonical(self.parameters),
            title=self.info.title,
            data_source=self.test.kind,
            origin=self.test.origin,
            checkpoint_hash=self.model.hash,
            device=str(self.encoded.device),
            seconds=round(seconds, 1),
            **further,
        )
        return result


def finish(
    parts: results.Parts | None, jobs: Mapping[str, Callable[[], dict[str, np.ndarray]]], title: str, progress: bool
) -> dict[str, dict[str, np.ndarray]]:
    """The arrays of every job by its name: from the parts where an earlier run got that far, else computed now.

    parts: where they are kept; None keeps none. Each has its `seconds` of computing beside what the job returned.
    """
    done = {}
    hidden = {} if progress else {"disable": True}  # TQDM_DISABLE counts only where nothing is said here
    with tqdm(jobs.items(), desc=title, leave=False, **hidden) as bar:
        for name, compute in bar:
            bar.set_postfix_str(name)
            stored = None if parts is None else parts.get(name)
            if stored is None:
                started = time.perf_counter()
                stored = compute() | {"seconds": np.float64(time.perf_counter() - started)}
                if parts is not None:
                    parts.put(name, stored)
            done[name] = stored
    return done


def total_seconds(done: Mapping[object, Mapping[str, np.ndarray]]) -> float:
    """The seconds of computing of all parts, whichever run they come from."""
    return float(sum(part["seconds"] for part in done.values()))
