from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from spectral_collapse import inversion
from spectral_collapse.denoisers import GaussianDenoiser
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import CountingDenoiser, ForwardNoise, InversionState
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.sampling import as_labels, ode_step
from spectral_collapse.studies import cheap_guidance as guidance
from spectral_collapse.studies.request import Request
from tests.each import each
from tests.studies.test_collapse import thumbnails

STEPS = 6
PRODUCTS = {"standard": 0.0, "exact": 2.0, "combined": 1.2, "every 5": 0.4, "free HF": 1.0, "free LF": 1.0, "free": 0.0}


def arguments(**more: object) -> dict[str, object]:
    chosen = [name for name in PRODUCTS if name != "standard"]
    return {"profile": "smoke", "checkpoint": thumbnails(), "num_steps": STEPS, "variants": chosen} | more


def given(**more: object) -> guidance.CheapGuidanceParameters:
    return guidance.CheapGuidanceParameters.checked(**arguments(**more))


def computed() -> xr.Dataset:
    return guidance.STUDY.run(**arguments())


@each("smooth", [0.0, 3.0])
def test_gradients_are_those_that_ovg_steps_along(smooth: float) -> None:
    """With scale='none', unit step sizes and no projection a step is the standard one minus the gradient."""
    axis = torch.fft.fftfreq(8, dtype=torch.float64) * 8
    spectrum = 4 / torch.hypot(axis[:, None], axis[None, :]).clamp_min(1) ** smooth
    denoiser = GaussianDenoiser(VariancePreserving(), {0: spectrum})
    clean = torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    levels, labels = denoiser.process.levels(STEPS), as_labels(0, clean)
    x = levels[3].alpha * clean + levels[3].sigma * torch.randn_like(clean)
    said, found = guidance.gradients_at(denoiser, x, levels[3], labels, clean, None)
    for origin, kinds in {"exact": {}, "spectral": {"gradient": "spectral"}, "free": {"gradient": "free"}}.items():
        for index, etas in enumerate([(1.0, 0.0), (0.0, 1.0)]):
            method = inversion.create("ovg", eta_hf=etas[0], eta_lf=etas[1], scale="none", project=False, **kinds)
            run = InversionState(
                CountingDenoiser(denoiser, 3), labels, levels, clean, ForwardNoise(clean, 0, None), position=3
            )
            stepped, _ = method.step(run, x)
            expected = ode_step(said, levels[4]) - stepped
            # float64 throughout; a gradient is up to 1e5 and the step of order 1
            torch.testing.assert_close(found[origin][index], expected, rtol=1e-6, atol=1e-6)
    if smooth == 0:  # white data: the Jacobian is a number, so every origin has the direction of the exact gradient
        for kind in ("spectral", "free"):
            for exact, cheap in zip(found["exact"], found[kind], strict=True):
                cosine = torch.nn.functional.cosine_similarity(exact.flatten(1), cheap.flatten(1))
                floor = 1 - 1e-9 if kind == "free" else 0.8  # an image's own spectrum is that of 2 draws per ring
                assert (cosine > floor).all()


def test_the_result_has_every_part_and_the_counts_of_the_methods(study: xr.Dataset) -> None:
    assert dict(zip(study["variant"].data, study["products"].data, strict=True)) == pytest.approx(PRODUCTS)
    np.testing.assert_allclose(study["calls"], 1)
    np.testing.assert_allclose(study["seconds"].sel(variant="standard"), 1)
    assert study["cosine"].dims == ("gradient", "kind", "step", "followed")
    assert study.sizes["step"] == STEPS
    assert (abs(study["cosine"].sel(gradient="g_HF")) <= 1 + 1e-12).all()
    assert study["cosine"].sel(gradient="g_LF", kind="secant").isnull().all()
    np.testing.assert_allclose(study["share"].sum("band"), 1)
    # at the first step the secant has no step before and is free
    first = study["cosine"].sel(gradient="g_HF").isel(step=0)
    np.testing.assert_allclose(first.sel(kind="secant"), first.sel(kind="free"))
    assert study.attrs["space"] == "pixels"
    assert {"sample_group", "followed_group", "validated_group"} <= set(study.coords)
    s_lf = study["s_lf"].sel(start="plain")
    assert s_lf.sel(variant="exact").notnull().all()
    assert not np.allclose(s_lf.sel(variant="standard"), s_lf.sel(variant="exact"))


def test_variants_are_chosen_on_validation_images_alone(home: Path) -> None:
    request = Request(given(validation=6))
    held = request.validation(6)
    assert held.test.split == "validation"
    assert len(held.pair.source) == 6
    assert not set(held.names) & set(request.images.test.ids)
    assert len(set(held.clusters)) > 1
    with pytest.raises(InvalidParameterError, match=r"images must be at most \d+, all validation images of"):
        request.validation(10**6)
