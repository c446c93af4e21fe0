"""What `studies.tuning` says: every setting that was tried, and which one each method got."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.findings.intervals import means
from spectral_collapse.statistics import text

Found = Mapping[str, xr.Dataset]
"""Data set -> its result."""

_SCORES = {"s_hf": "S_HF", "s_lf": "S_LF", "psnr": "PSNR (dB)"}


def table(study: xr.Dataset) -> pd.DataFrame:
    """A row per try, to show: method, setting, scores with intervals, SWD, the area, and whether it was chosen."""
    kept = np.minimum(study["s_lf"].mean("sample"), study["target_s_lf"].mean("sample"))
    columns = {
        "Method": study["method"].to_numpy(),
        "Setting": [named(str(row)) for row in study["settings"].to_numpy()],
        **{
            title: [text(row) for row in means(study[name])[["mean", "low", "high"]].itertuples(index=False)]
            for name, title in _SCORES.items()
        },
        "SWD": study["sliced_wasserstein"].to_numpy().round(3),
        "Area": (study["s_hf"].mean("sample") * kept).to_numpy().round(3),
        "Published": np.where(study["published"].to_numpy(), "yes", ""),
        "Chosen": np.where(study["chosen"].to_numpy(), "yes", ""),
    }
    return pd.DataFrame(columns)


def answer(found: Found) -> str:
    """In two sentences: how settings were chosen, and whether the papers' own were."""
    first = next(iter(found.values()))
    methods = dict.fromkeys(first["method"].to_numpy())
    images = "; ".join(f"{study.sizes['sample']} of {study.attrs['title']}" for study in found.values())
    kept = sum(int((study["chosen"] & study["published"]).sum()) for study in found.values())
    return (
        f"Each of {len(methods)} methods had {first.sizes['try'] // len(methods)} tries on validation images "
        f"({images}), and the largest mean S_HF times mean S_LF won, the latter counted up to the true targets' own. "
        f"Its published or default setting was a method's best in {kept} of {len(methods) * len(found)} cases."
    )


def named(settings: str) -> str:
    """A setting in words: its JSON object as 'name value, ...'."""
    values = json.loads(settings).items()
    return ", ".join(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in values)
