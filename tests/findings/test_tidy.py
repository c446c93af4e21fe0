from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.findings import tidy
from spectral_collapse.statistics import Interval, interval, text

LOSS = xr.DataArray(
    np.arange(12.0).reshape(2, 2, 3), {"space": ["pixels", "latents"], "level": [0, 7]}, ("space", "level", "sample")
)


def test_numbers_of_a_sentence_have_their_names_and_places() -> None:
    study = xr.Dataset({"loss": LOSS}, attrs={"title": "<b>Made up</b>", "steps": 50})
    gain = Interval(0.5, 0.25, 0.75)
    told = tidy.tell("{gain:2} of {steps}; {loss[latents][last]:.1f} of {share:.0%}", study, gain=gain, share=0.5)
    assert told == "0.50 [0.25, 0.75] of 50; 10.0 of 50%"
    whole = text(interval(LOSS.sel(space="pixels", level=0)), 1)
    assert tidy.tell("{loss[pixels][first]:1}", study) == whole
    assert "<b>" not in tidy.tell("{title}", study)
    with pytest.raises(KeyError):
        tidy.tell("{nothing}", study)


def test_lines_of_a_paragraph_become_one_and_lists_and_paragraphs_stay() -> None:
    assert tidy.tell("\none\ntwo\n\n- three\nfour\n- {five}\n", five="a\nb") == "one two\n\n- three four\n- a\nb"
