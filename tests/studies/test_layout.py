from __future__ import annotations

import numpy as np
import pytest

from spectral_collapse.studies.layout import Layout

LAYOUT = Layout(
    score=("point seed sample", "a score", "dB", 7),
    mean=("point", "its mean"),
    bound=("", "a number"),
    other=("seed", ""),
)


def part(value: float) -> dict[str, np.ndarray]:
    return {"score": np.full(3, value), "seconds": np.float64(1)}


def test_parts_are_stacked_along_the_dimensions_that_their_variables_begin_with() -> None:
    found = LAYOUT.stacked("point seed", [[part(10 * point + seed) for seed in range(2)] for point in range(4)])
    assert list(found) == ["score"]  # what the parts lack and what begins otherwise is left out
    np.testing.assert_array_equal(found["score"][..., 0], [[0, 1], [10, 11], [20, 21], [30, 31]])
    assert list(LAYOUT.stacked("point", [{"mean": np.float64(1), "bound": 2}])) == ["mean"]


def test_a_result_has_each_variable_with_its_attributes() -> None:
    arrays = {"score": np.zeros((1, 2, 3)), "mean": [1.0], "bound": 0.5, "other": [1, 2], "surplus": 3}
    study = LAYOUT.dataset(arrays, {"point": ["a"]}, {"dataset": "x"})
    assert list(study) == list(LAYOUT)
    assert study["score"].attrs == {"long_name": "a score", "units": "dB", "significant_bits": 7}
    assert (study["bound"].dims, study["mean"].attrs["units"], study.attrs) == ((), "1", {"dataset": "x"})
    with pytest.raises(KeyError, match="mean"):
        LAYOUT.dataset({"score": arrays["score"]}, {})
