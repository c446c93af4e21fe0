from __future__ import annotations

import numpy as np
import xarray as xr

from spectral_collapse.findings import space
from spectral_collapse.studies.benchmark import AUTOENCODER, TARGET
from tests.benchmark_study import made


def test_the_answer_says_what_the_autoencoder_keeps_of_true_targets() -> None:
    pixel = made({"standard": {}})
    target = pixel["reference_hf_excess"].sel(reference=[TARGET])
    coded = (target + np.log(0.5)).assign_coords(reference=[AUTOENCODER])
    others = pixel.drop_vars([name for name in pixel if "reference" in pixel[name].dims]).drop_vars("reference")
    kept = {name: pixel[name] for name in pixel if "reference" in pixel[name].dims and name != "reference_hf_excess"}
    filled = {name: one.reindex(reference=[*one["reference"].data, AUTOENCODER]) for name, one in kept.items()}
    latent = others.assign(
        filled | {"reference_hf_excess": xr.concat([pixel["reference_hf_excess"], coded], "reference")}
    )
    said = space.answer({"latent": {"one": latent}, "pixel": {"one": pixel}})
    assert said.endswith(f"keep this share of their fine detail: 0.50 on {pixel.attrs['title']}.")
    assert "Encoded" not in space.answer({"latent": {"one": pixel}, "pixel": {}})
