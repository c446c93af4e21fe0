"""Methods with the papers' settings for a data set, or with those that were chosen on validation images."""

from __future__ import annotations

from typing import Any

from spectral_collapse import inversion
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.studies import chosen
from spectral_collapse.studies.parameters import NetworkParameters
from spectral_collapse.studies.request import Request

COMBINED = {"ovg+taba": "ovg", "ovg+edm": "ovg", "nullspace+dpm": "nullspace"}
"""Combinations with a name of their own, two of the papers' and one of ours: the method that makes each."""


CHOSEN = "*"
"""After a method's name: with the settings of `chosen` in place of the papers'."""


def names() -> list[str]:
    """All names that `method` takes: methods, papers' combinations, and both with chosen settings if there are some."""
    plain = [*inversion.METHODS, *COMBINED]
    return [*plain, *(f"{name}{CHOSEN}" for name in plain if name in chosen.methods())]


def method(request: Request[NetworkParameters], name: str) -> InversionMethod:
    """A method of `inversion.METHODS`, or of `COMBINED`, with `settings`.

    Raises InvalidParameterError for an unknown name, DataError for 'taba*' if nothing was chosen.
    """
    plain = name.removesuffix(CHOSEN)
    return inversion.create(COMBINED.get(plain, plain), **settings(request, name))


def settings(request: Request[NetworkParameters], name: str) -> dict[str, Any]:
    """The settings of a method for this data set and number of steps; empty if its own defaults are meant.

    TABA replaces one step at least. 'nullspace' enters where TABA does, with noise above the source's band: that of the
    data, not S_LF's cutoff, by which the method is judged. 'nullspace+dpm' is the same with steps of second order; only
    chosen settings add a structure gradient.
    """
    given, papers = request.parameters, request.info.published
    if name.endswith(CHOSEN):
        return chosen.settings(request.info.name, name.removesuffix(CHOSEN), given.num_steps)
    match name:
        case "taba":
            return {"fraction": max(papers.fraction, 1 / given.num_steps)}
        case "ovg":
            return {"eta_hf": papers.eta_hf, "eta_lf": papers.eta_lf}
        case "ovg+taba":
            return settings(request, "ovg") | {"forward_fraction": settings(request, "taba")["fraction"]}
        case "ovg+edm":
            return settings(request, "ovg") | {"entry_noise": True}
        case "nullspace":
            # what is inverted may be smaller than the image: its pixels are wider, and hold as many cycles more
            band = min(request.info.source_band(given.size) * request.downsampling, 0.5)
            return {"k": max(1, round(given.num_steps * papers.fraction)), "projector": float(f"{band:g}")}
        case "nullspace+dpm":
            return settings(request, "nullspace") | {"order": 2, "eta_lf": 0.0}
        case "null_class":
            return {"guidance": float(request.guidance)}
    return {}
