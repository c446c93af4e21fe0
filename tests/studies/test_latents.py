from __future__ import annotations

import pytest
import torch

from spectral_collapse import metrics
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.studies import latents
from spectral_collapse.studies.collapse import STUDY
from spectral_collapse.studies.request import Request
from tests.studies.test_collapse import thumbnails

Parameters = latents.LatentParameters


@pytest.mark.usefixtures("home")
def test_the_closed_form_loses_the_high_band_that_the_sources_lack() -> None:
    request = Request(Parameters.checked(profile="smoke", checkpoint=thumbnails()))
    found = {name: latents.latents(request, name) for name in latents.series(request)}
    assert list(found) == ["white noise", "standard", "taba", "closed form"]
    assert {x.shape for x in found.values()} == {request.encoded.shape}
    power = {name: float(metrics.radial_spectrum(x)[1][:, -4:].mean()) for name, x in found.items()}
    # 16 latents x 3 channels x some 80 coefficients in conjugate pairs: a standard error of 0.03
    assert power["white noise"] == pytest.approx(1, abs=0.15)
    assert power["closed form"] < 0.8
    assert torch.equal(found["white noise"], latents.white_noise(request))


def test_several_data_sets_have_a_result_each(monkeypatch: pytest.MonkeyPatch) -> None:
    for datasets in ([], ["photos_x8", "photos_x8"]):
        with pytest.raises(InvalidParameterError, match="datasets must name at least one data set, each of them once"):
            STUDY.each(datasets)
    monkeypatch.setattr(type(STUDY), "run", lambda self, **given: given)
    assert STUDY.each(["photos_x8", "photos_x16"], profile="smoke") == {
        name: {"dataset": name, "profile": "smoke"} for name in ("photos_x8", "photos_x16")
    }
    assert STUDY.each("photos_x8") == {"photos_x8": {"dataset": "photos_x8"}}
