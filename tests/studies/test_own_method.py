from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from spectral_collapse import inversion
from spectral_collapse.charts import spectra
from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.findings.intervals import means
from spectral_collapse.studies import own_method
from spectral_collapse.studies.parameters import PROFILES
from tests import fresh

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("linked")]


@dataclass(frozen=True)
class Doubled(inversion.InversionMethod):
    """Standard inversion whose latent is twice as large."""

    name = "doubled"

    def finish(self, run: inversion.InversionState, states: list[torch.Tensor]) -> torch.Tensor:
        return 2 * states[-1]


def test_a_registered_method_is_compared_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(inversion.METHODS, "doubled", Doubled)
    study = own_method.STUDY.run(profile="smoke", num_steps=2, methods=["standard", "doubled"])
    assert list(study["series"].to_numpy()) == ["white noise", "standard", "doubled"]
    # Twice the latent has four times the power.
    np.testing.assert_allclose(
        study["power"].sel(series="doubled"), 4 * study["power"].sel(series="standard"), rtol=1e-2
    )
    # 4 images x 4 channels x 255 coefficients, in conjugate pairs: standard error 0.02; five of them.
    assert float(study["power"].sel(series="white noise").mean()) == pytest.approx(1, abs=0.15)
    chart = spectra.method_spectra(means(study["power"], title=study.attrs["title"])).to_dict()
    drawn = {row["series"] for rows in chart["datasets"].values() for row in rows}
    assert drawn == set(study["series"].to_numpy())


def test_usual_methods_are_compared_at_every_profile_and_what_cannot_be_compared_is_refused() -> None:
    for profile in PROFILES:
        assert own_method.STUDY.parameters.checked(profile=profile).methods == ("standard", "taba")
    with pytest.raises(InvalidParameterError, match="unknown inversion method 'doubled'"):
        own_method.STUDY.run(profile="smoke", methods=["doubled"])
    with pytest.raises(CheckpointError, match="image_size 64"):
        own_method.STUDY.run(profile="smoke", size=96)


SCRIPT = """
import numpy as np
from spectral_collapse import inversion
from spectral_collapse.studies import own_method

class Mine(inversion.Standard):
    name = "mine"

cell = {"Standard": inversion.Standard, "__name__": "__main__"}
exec("class Cell(Standard):\\n    name = 'cell'", cell)  # as a notebook defines it
inversion.METHODS.update(mine=Mine, cell=cell["Cell"])
given = {"profile": "smoke", "num_steps": 2, "images": 2, "methods": ["standard", "mine", "cell"]}
study = own_method.STUDY.run(executor="processes:1", **given)
for name in ("mine", "cell"):
    np.testing.assert_array_equal(study["power"].sel(series=name), study["power"].sel(series="standard"))
print("compared", study.sizes["series"] - 1, "in", __file__.rpartition("/")[2])
"""


def test_methods_of_a_script_reach_other_processes_which_do_not_run_it(tmp_path: Path) -> None:
    ended = fresh.run(SCRIPT, tmp_path, os.environ)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "compared 3 in script.py\n"
