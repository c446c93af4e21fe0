from __future__ import annotations

import numpy as np
import xarray as xr

from spectral_collapse.findings import own_method as findings


def test_numbers_of_a_method_beside_the_standard_inversion_and_white_noise() -> None:
    series, frequency = ["white noise", "standard", "mine", "taba"], [0.1, 0.3, 0.4]
    power = np.array([1.0, 0.5, 1.25, 0.9])[:, None, None] * np.ones((4, 3, 5))
    power[:, 0] = 7.0  # at a low frequency, which does not count
    s_dc = np.array([1.0, 0.125, 0.75, 0.9])[:, None] * np.ones((4, 5))
    study = xr.Dataset(
        {"power": (("series", "frequency", "sample"), power), "s_dc": (("series", "sample"), s_dc)},
        {"series": series, "frequency": frequency, "sample": range(5)},
    )
    listed = findings.listed(study).splitlines()
    assert listed[1] == "- **standard**: power at high frequencies 0.500 [0.500, 0.500], $S_{DC}$ 0.125 [0.125, 0.125]"
    assert listed[2] == "- **mine**: power at high frequencies 1.250 [1.250, 1.250], $S_{DC}$ 0.750 [0.750, 0.750]"
