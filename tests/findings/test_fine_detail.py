from __future__ import annotations

import numpy as np
import pytest

from spectral_collapse.findings import fine_detail
from spectral_collapse.findings.registered import margin
from tests.benchmark_study import made


@pytest.mark.parametrize(("times", "held"), [(1.5, False), (1.1, None), (0.9, None), (0.5, True)])
def test_nearer_means_by_more_than_the_registered_margin(times: float, held: bool | None) -> None:
    study = made({"standard": {}, "other": {}})
    target = study["reference_hf_excess"].sel(reference="target", drop=True)
    for name, by in (("standard", 2.0), ("other", 2.0 * times)):
        study["hf_excess"].loc[{"point": name}] = target + np.log(by)
    assert abs(np.log(1.1)) < margin("hf_ratio") < np.log(1.5)
    assert fine_detail.closer(study, "other") is held
    assert fine_detail.nearer({"one": study}, "other") == (held is True, held is False)
