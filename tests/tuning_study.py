"""A made-up result of the study `tuning`."""

from __future__ import annotations

import numpy as np
import xarray as xr


def tuning(title: str = "Made up") -> xr.Dataset:
    """Two methods of two tries; the published one is the best of the first method alone."""
    values = np.array([[0.8], [0.7], [0.6], [0.9]]) + np.array([0.0, 0.02])
    return xr.Dataset(
        {
            "s_hf": (("try", "sample"), values),
            "s_lf": (("try", "sample"), np.full((4, 2), 0.9)),
            "psnr": (("try", "sample"), np.full((4, 2), 20.0)),
            "sliced_wasserstein": ("try", np.arange(4) / 10),
            "target_s_lf": ("sample", [0.5, 0.7]),
        },
        {
            "try": np.arange(4),
            "method": ("try", ["taba", "taba", "ovg", "ovg"]),
            "settings": ("try", ['{"fraction":0.04}', '{"fraction":0.1}', '{"eta_hf":1000.0}', '{"eta_hf":1e-07}']),
            "published": ("try", [True, False, True, False]),
            "chosen": ("try", [True, False, False, True]),
            "sample": ["a", "b"],
        },
        {"title": title, "data_source": "real"},
    )
