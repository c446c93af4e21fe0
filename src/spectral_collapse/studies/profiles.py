"""Profiles: how much compute a study may use, and the checks of the counts that override one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spectral_collapse.checks import check_count, check_number
from spectral_collapse.errors import InvalidParameterError, unknown


@dataclass(frozen=True)
class Profile:
    """The size of a study.

    size: height and width of the images in pixels. images: test images. seeds: draws of the
    stochastic methods. num_steps: steps of inversion and of sampling. reference: target images
    of the training split from which the reference of S_HF is made. shown: how many of the images are
    stored as pictures.
    """

    size: int
    images: int
    seeds: int
    num_steps: int
    reference: int
    shown: int


PROFILES: dict[str, Profile] = {
    "smoke": Profile(size=64, images=4, seeds=2, num_steps=5, reference=32, shown=2),
    "quick": Profile(size=64, images=16, seeds=3, num_steps=50, reference=512, shown=6),
    "paper": Profile(size=256, images=32, seeds=3, num_steps=50, reference=2048, shown=2),
}
"""smoke: seconds, shows that everything runs; quick: minutes on two cores, for the book; paper: the
papers' 256 px, 32 images and 3 seeds, for networks that you train."""


def profile(name: str) -> Profile:
    """A profile by name. Raises InvalidParameterError for an unknown one."""
    if name not in list(PROFILES):
        raise unknown("profile", name, PROFILES)
    return PROFILES[name]


def count(name: str, given: int | None, default: int, least: int = 1) -> int:
    """A count that may override the profile's. Raises InvalidParameterError unless it is a whole number >= least."""
    if given is None:
        return default
    return check_count(name, given, least)


def numbers(
    name: str, given: Sequence[float] | None, default: Sequence[float], high: float = float("inf")
) -> tuple[float, ...]:
    """Numbers from 0 to `high` that may override the defaults, in order, each once, to six digits.

    Raises InvalidParameterError for anything else.
    """
    if given is None:
        given = default
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InvalidParameterError(f"{name} must be a list of numbers; {given!r} was given")
    for value in given:
        check_number(name, value, 0, high)
    return tuple(sorted({float(f"{value:g}") for value in given}))
