from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from spectral_collapse import inversion, metrics
from spectral_collapse.denoisers import Prediction
from spectral_collapse.findings import solvers as findings
from spectral_collapse.processes import FlowMatching, Level, Process, VarianceExploding, VariancePreserving
from spectral_collapse.studies import solvers
from spectral_collapse.studies.request import Request
from tests.each import each
from tests.studies.test_collapse import thumbnails

SMALL = {"profile": "smoke", "reference": 16}
PROCESSES = [VariancePreserving(), VariancePreserving(1000, 1e-4, 0.02, "linear"), VarianceExploding(), FlowMatching()]


def computed() -> xr.Dataset:
    return solvers.STUDY.run(**SMALL, solvers=solvers.SOLVERS, checkpoint=thumbnails())


def asked() -> Request[solvers.SolversParameters]:
    return Request(solvers.SolversParameters.checked(**SMALL, solvers=solvers.SOLVERS, checkpoint=thumbnails()))


@each("process", PROCESSES)
def test_halved_twice_every_fourth_level_is_one_of_before(process: Process) -> None:
    levels = solvers.Halved(process).levels(20)
    assert levels[::4] == process.levels(5)
    assert all(low.ratio < high.ratio for low, high in pairwise(levels))


def test_images_enter_at_the_same_level_whatever_the_solver() -> None:
    request = asked()
    for entry, level in ((solvers.FLOOR, 0), (solvers.TABA, 1)):
        ratio = request.model.denoiser.process.levels(5)[level].ratio
        for solver in (solvers.EULER, solvers.SECOND, solvers.FINE):
            levels = solvers.walk(request, solver).levels
            assert levels[solvers.entering(request, entry, solver).k].ratio == ratio


class Empty:
    """The perfect denoiser of black images: all that it sees is noise, as much as the timestep says that it is told."""

    def __init__(self, process: VariancePreserving) -> None:
        self.process = process

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        noise = x / self.process.level(int(level.time)).sigma
        return Prediction(noise, (x - level.sigma * noise) / level.alpha)


@each("entered", [0, 1, 2, 10])
def test_an_empty_frequency_loses_what_the_closed_form_says(entered: int) -> None:
    process = VariancePreserving(1000, 1e-4, 0.02, "linear")
    black, generator = torch.zeros(1, 3, 8, 8, dtype=torch.float64), torch.Generator
    powers = {}
    for told in ("own", "next"):
        method = inversion.create("nullspace", k=entered, projector=solvers.everywhere, told=told)
        latent = method.invert(Empty(process), black, 0, 50, generator().manual_seed(0)).latent
        powers[told] = float(latent.square().mean())
    # rounding of 50 steps in double precision
    assert math.isclose(powers["next"] / powers["own"], findings.left(process, 50, entered), rel_tol=1e-9)


def test_scores_are_those_of_the_methods_by_themselves(study: xr.Dataset, home: Path) -> None:
    request = asked()
    for solver, method in ((solvers.EULER, "standard"), (solvers.SECOND, "dpm_solver")):
        images = request.translated(inversion.create(method)).images
        one = study.sel(entry=solvers.NOTHING, up=solver, down=solver)
        # latents are kept in half precision there, so that some pixels are rounded to another of 256 levels
        np.testing.assert_allclose(one["hf_ratio"], metrics.hf_ratio(images, request.pair.target), atol=0.02)
        np.testing.assert_allclose(one["psnr"], metrics.psnr(images, request.pair.target), atol=0.02)
    told = request.translated(inversion.create("taba", fraction=0.2, told="next"))
    one = study.sel(told="next", start="TABA, 20%")
    np.testing.assert_allclose(one["told_s_dc"], metrics.s_dc(told.latents))
    np.testing.assert_allclose(one["told_hf_ratio"], metrics.hf_ratio(told.images, request.pair.target))


def test_calls_are_those_of_the_steps(study: xr.Dataset) -> None:
    assert study["calls_down"].to_numpy().tolist() == [5, 5, 20, 5]
    assert study["calls_up"].sel(entry=solvers.NOTHING).to_numpy().tolist() == [5, 5, 20, 5]
    assert study["calls_up"].sel(entry=solvers.TABA).to_numpy().tolist()[:3] == [4, 4, 16]
