from __future__ import annotations

import numpy as np
import pytest

from spectral_collapse import studies


@pytest.mark.usefixtures("linked")
def test_it_says_of_each_network_whether_its_samples_are_told() -> None:
    given = {"dataset": "textures_x8", "checkpoints": ["textures", "textures-flow"], "images": 8, "num_steps": 1}
    found = studies.STUDIES["fidelity"].run(profile="smoke", size=64, progress=False, **given)
    assert found["model"].values.tolist() == ["textures", "textures-flow"]
    assert ((found["c2st"] >= 0) & (found["c2st"] <= 1)).all()
    # one step makes a blur, which nobody takes for a texture
    assert (found["c2st"] > found["c2st_training"]).all()
    assert (found["memorised"] < 0.5).all()
    assert found["image"].shape == (2, 2, 64, 64, 3)
    assert np.isfinite(found["c2st_error"]).all()
