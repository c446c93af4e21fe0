"""What is public says in one sentence what is wrong with an argument, whatever that is.

A door is a call with one argument left open. What is left as Python's own error are arguments that a function does not
have, or that are missing (TypeError).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from spectral_collapse import datasets, inversion, metrics, networks, sampling, statistics, training
from spectral_collapse.denoisers import (
    FromClean,
    GaussianDenoiser,
    NetworkDenoiser,
    OnProcess,
    Prediction,
    TrueBelow,
    coefficients,
    sides,
)
from spectral_collapse.errors import InvalidParameterError, SpectralCollapseError
from spectral_collapse.findings import measured
from spectral_collapse.networks import Model
from spectral_collapse.networks.checkpoints import check_made_for
from spectral_collapse.processes import FlowMatching, VarianceExploding, VariancePreserving
from spectral_collapse.store import results
from spectral_collapse.store.parts import Parts, encode_arrays, parts_of
from spectral_collapse.studies import STUDIES, notebook
from spectral_collapse.studies import parameters as study_parameters
from spectral_collapse.studies.study import Study
from tests.gaussian import flat
from tests.networks_tiny import tiny_unet

VP = VariancePreserving()
LOW, HIGH = VP.levels(1)
DENOISER = flat(VP, 0.5, 8)
X = torch.zeros(2, 3, 8, 8)
LABEL = torch.tensor([0, 1])
SAID = Prediction(X, X)
RESULT = xr.Dataset({"a": ("q", [1.0])}, {"q": [0]}, {"study": "mine", "parameters": "{}"})
STANDARD = inversion.create("standard")

FILE = Path(__file__)
"""Where no folder can be."""

WRONG = {
    "None": None,
    "a flag": True,
    "a fraction": -1.5,
    "NaN": float("nan"),
    "huge": 10**400,
    "no name": "nope\n",
    "no text": "\ud800",
    "bytes": b"x",
    "a list": [None],
    "a dict": {0: "a"},
    "an array": np.array([1, 2]),
    "an array of objects": np.array([None, "a"]),
    "a tensor": torch.full((2, 3), torch.nan),
    "no values": torch.zeros(2, 3, 8, 8, device="meta"),
    "a class": int,
    "an object": object(),
}
TEXTS = {"no name", "no text"}

Door = Callable[[object], object]


@functools.cache
def data(split: str) -> datasets.DomainDataset:
    return datasets.load("photos_x8", split, 32)


@functools.cache
def network() -> NetworkDenoiser:
    return NetworkDenoiser(tiny_unet(), VP)


@functools.cache
def autoencoder() -> networks.PatchedAutoencoder:
    return networks.patched_autoencoder(4, 16, 8)


def walked(diagnostics: object) -> object:
    watch = metrics.Trajectory()
    STANDARD.invert(DENOISER, X, 0, 1, callback=watch)
    return watch.dataset(diagnostics)


def study(**changed: object) -> object:
    usual = {"parameters": study_parameters.Parameters, "jobs": dict, "combine": dict, "uses": dict}
    return Study(
        "mine", "?", **{name: (lambda *given: {}) if kind is dict else kind for name, kind in usual.items()} | changed
    )


DOORS: dict[str, tuple[Door, set[str]]] = {
    # the store; a path may be any text but one that no file system takes
    "get, study": (lambda v: results.get(v, {}), set()),
    "get, parameters": (lambda v: results.get("mine", v), set()),
    "load, study": (lambda v: results.load(v), set()),
    "read": (results.read, set()),
    "attributes": (results.attributes, set()),
    "result": (results.result, set()),
    "counts": (results.counts, {"no name"}),
    "describe": (results.describe, {"no name"}),
    "checked": (lambda v: results.checked(Path("x"), v), set()),
    "parameters of attrs": (results.parameters, set()),
    "versions of attrs": (results.other_versions, set()),
    "save": (results.save, set()),
    "ship": (lambda v: results.ship(RESULT, v), {"None", "no name"}),
    "encode": (results.encode, set()),
    "arrays": (encode_arrays, set()),
    "an array": (
        lambda v: encode_arrays({"a": v}),
        WRONG.keys() - {"None", "huge", "a list", "a dict", "an array of objects", "no values", "a class", "an object"},
    ),
    "parts, key": (lambda v: parts_of("mine", v), set()),
    "parts, folder": (Parts, {"no name"}),
    "a part": (lambda v: Parts(Path("x")).get(v), TEXTS),
    # data sets
    "item": (lambda v: data("test")[v], set()),
    "training item": (lambda v: data("train")[v], set()),
    "stack": (lambda v: data("test").stack(v), {"None", "an array"}),
    "stack, an item": (lambda v: data("test").stack([0, v]), set()),
    "is_target": (lambda v: data("train").is_target(v), set()),
    "a data set's images": (lambda v: datasets.DomainDataset(datasets.info("photos_x8"), "test", 32, v), set()),
    "a data set's facts": (lambda v: datasets.DomainDataset(v, "test", 32, data("test").images), set()),
    "root": (lambda v: datasets.load("photos_x8", "test", 32, root=v), {"None"}),
    # processes and denoisers
    **{
        f"{type(process).__name__}.{name}": (functools.partial(getattr(process, name), HIGH), set())
        for process in (VP, VarianceExploding(), FlowMatching())
        for name in ("interval", "between")
    },
    "coefficients, alpha": (lambda v: coefficients("edm", v, 0.5), {"a tensor"}),
    "coefficients, prediction": (lambda v: coefficients(v, 0.5, 0.5), set()),
    "gaussian means": (lambda v: GaussianDenoiser(VP, {0: torch.ones(4, 4)}, v), {"None"}),
    "sides": (sides, set()),
    **{
        f"{name}, {what}": (door, set())
        for name, asked, x in (
            ("gaussian", DENOISER, X),
            ("on process", OnProcess(DENOISER, VP), X),
            ("from clean", FromClean(DENOISER), X),
            ("true below", TrueBelow(DENOISER, SAID, 0.1), X),
            ("guided", sampling.GuidedDenoiser(DENOISER, 2.0), X),
            ("network", lambda *given: network()(*given), torch.zeros(2, 3, 16, 16)),
        )
        for what, door in {
            "x": lambda v, asked=asked: asked(v, HIGH, LABEL),
            "level": lambda v, asked=asked, x=x: asked(x, v, LABEL),
            "label": lambda v, asked=asked, x=x: asked(x, HIGH, v),
        }.items()
    },
    "embed": (lambda v: network().embed(v), set()),
    "conditioned": (lambda v: network().conditioned(torch.zeros(2, 3, 16, 16), HIGH, v), set()),
    # steps, walks, methods
    "from clean of": (FromClean, set()),
    "on process of": (lambda v: OnProcess(DENOISER, v), set()),
    "ode_step, prediction": (lambda v: sampling.ode_step(v, HIGH), set()),
    "ode_step, level": (lambda v: sampling.ode_step(SAID, v), set()),
    "noise_step": (lambda v: sampling.noise_step(X, v, LOW, HIGH), set()),
    "step_with": (lambda v: sampling.step_with(SAID, v, LOW, HIGH), set()),
    "increment": (lambda v: sampling.increment(SAID, LOW, v), set()),
    "guide": (lambda v: sampling.guide(SAID, v, 1.0), set()),
    "as_labels": (lambda v: sampling.as_labels(0, v), WRONG.keys() & {"a tensor", "no values"}),
    "sample, denoiser": (lambda v: sampling.sample(v, X, 0, 2), set()),
    "invert, denoiser": (lambda v: STANDARD.invert(v, X, 0, 2), set()),
    "invert, callback": (lambda v: STANDARD.invert(DENOISER, X, 0, 2, callback=v), {"None"}),
    "sample, inversion": (lambda v: STANDARD.sample(DENOISER, v, 0), set()),
    "replaced steps": (inversion.create("taba").replaced_steps, set()),
    "entered at": (lambda v: STANDARD.entered_at(v, 5), set()),
    "enter": (lambda v: STANDARD.enter(X, v, HIGH), set()),
    "order": (lambda v: inversion.create("nullspace", order=v), set()),
    "projector of": (inversion.HighPass(0.1), {"a tensor"}),
    "watched step": (metrics.Trajectory(), set()),
    "diagnostics": (walked, {"None"}),
    # networks
    "width": (lambda v: networks.small_dit(16, 3, 5, width=v), set()),
    "widths": (lambda v: networks.small_unet(16, 3, 5, v), set()),
    "layers": (lambda v: networks.create("patched_unet", 16, 3, 5, widths=(16, 16), layers=v), set()),
    "channels": (lambda v: networks.paper_unet(16, v), set()),
    "a class of a network": (lambda v: networks.PatchedUNet(sample_size=16, patch=v), set()),
    "encode images": (lambda v: autoencoder().encode(v), set()),
    "decode": (lambda v: autoencoder().decode(v), set()),
    "model": (lambda v: Model(DENOISER, v, {}, ""), {"None"}),
    "made for": (lambda v: check_made_for({}, "d", "f", v), set()),
    "save_network, card": (lambda v: networks.save_network(tiny_unet(), FILE, v), set()),
    "save_network, file": (lambda v: networks.save_network(tiny_unet(), FILE, {}, {"a": v}), {"bytes"}),
    # training, studies, statistics
    "train, resume": (lambda v: training.train("photos", v, profile="smoke", minutes="stop"), set()),
    "train, source": (lambda v: training.train("photos", source=v, profile="smoke", minutes="stop"), set()),
    "study, parameters": (lambda v: study(parameters=v), set()),
    "study, uses": (lambda v: study(uses=v), set()),
    "parameters of a study": (lambda v: study_parameters.NetworkParameters(num_steps=v), {"None", "huge"}),
    "help of": (study_parameters.describe, set()),
    "notebook": (lambda v: notebook.parameters(v, {}, []), set()),
    "run": (lambda v: STUDIES["domains"].run(executor=v, profile="smoke"), set()),
    "attribute of a result": (lambda v: measured.attr(RESULT, v), set()),
    "result of an attribute": (lambda v: measured.attr(v, "title"), set()),
    "mean of an array without dimensions": (
        lambda v: statistics.bootstrap_mean(xr.DataArray(1.0), v),
        set(),
    ),
}


@pytest.mark.parametrize("name", DOORS)
def test_whatever_comes_to_a_door_is_taken_or_gets_one_sentence(name: str) -> None:
    door, taken = DOORS[name]
    for kind, value in WRONG.items():
        if kind in taken:
            continue
        with pytest.raises(SpectralCollapseError, match=r"."):
            door(value)


def test_an_index_beyond_the_last_ends_a_loop_and_is_said() -> None:
    """Python loops over items by their numbers until an IndexError."""
    few = datasets.DomainDataset(datasets.info("photos_x8"), "test", 32, data("test").images)
    count = len(few)
    for index in (count, -count - 1, 10**9):
        with pytest.raises(InvalidParameterError, match=rf"has {count} items; the index {index} was given"):
            few[index]
    assert sum(1 for _ in few) == count
    torch.testing.assert_close(few[-1].source, few[np.int64(count - 1)].source)


def test_white_noise_of_more_than_an_hour_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match=r"takes hours|needs at least"):
        metrics.white_noise_correlation(10**9, 2, 1, 1)
