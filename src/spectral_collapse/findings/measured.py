"""A quantity on each data set, with its interval: what sentences, tables and claims say of it, each in one place.

`above`, `below`, `at_least` and `equal` are what an interval says to a bound. Each is True where the whole interval is
on the claim's side, False where the whole interval is on the other, and else None: open. An interval without ends
decides nothing. That a difference is not shown is no support for there being none: equality has a margin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr

from spectral_collapse import datasets, statistics
from spectral_collapse.checks import check_is
from spectral_collapse.errors import InvalidParameterError, described
from spectral_collapse.statistics import Interval
from spectral_collapse.store import results
from spectral_collapse.studies import common

UNKNOWN = Interval(np.nan, np.nan, np.nan)


def exact(value: float) -> Interval:
    """A number that was calculated and not sampled, as an interval without width."""
    return Interval(value, value, value)


def number(found: Interval, digits: int = 3) -> str:
    """`statistics.text`, of an `exact` number the number alone."""
    check_is("found", found, Interval, "an Interval")
    return f"{found.mean:.{digits}f}" if found.low == found.high else statistics.text(found, digits)


Held = bool | None
"""Whether a claim holds on a data set; None where the numbers leave it open."""

_PLAIN = str.maketrans(
    {"<": "\u2039", ">": "\u203a", "`": "'", "[": "(", "]": ")", "{": "(", "}": ")", "$": "\uff04", "\\": "/"}
    | {chr(code): " " for code in range(32)}
)


def said(text: object) -> str:
    """A text of a result for a sentence: on one line, with look-alikes of the characters that begin HTML or markup."""
    return str(text).translate(_PLAIN)


def attr(study: xr.Dataset, name: str) -> str:
    """A text among what is stored with a result, as `said`."""
    try:
        return said(study.attrs[name])
    except (AttributeError, KeyError, TypeError):
        raise InvalidParameterError(
            f"a result with the attribute {described(name)} is needed; {described(study)} has none"
        ) from None


_TWINS = {
    "BBBC021": "Rendered cells",
    "Edges2Shoes": "Rendered shoes",
    "Face masks to photographs": "Rendered faces",
}
"""What pages call rendered images of these data sets; of others, 'Rendered' and the title."""


def title_of(study: xr.Dataset) -> str:
    """What pages call a result's data: the title of the real images or of their rendered twin."""
    return data_title(attr(study, "title"), study.attrs.get("data_source", "real"))


def data_title(title: str, source: str) -> str:
    """The title of a data set, behind which more may stand; where its images are rendered, that of the twin."""
    title = title.replace("Edges to shoes", "Edges2Shoes")  # as results of older code call it
    title = title.replace(", x", " x")  # in a list of data sets 'BBBC021, x8' would read as two
    if source == "real" or title.startswith("Rendered "):
        return title
    known = next(filter(title.startswith, _TWINS), "")
    return title.replace(known, _TWINS.get(known, "Rendered "), 1)


def outlined(study: xr.Dataset) -> bool:
    """Whether S_LF compares the outlines of drawings, as the paper does and older results do: a copy of the drawing is
    right by it, and its own photograph is not (`findings.scores`)."""
    info = datasets.DATASETS.get(results.parameters(study.attrs).get("dataset", ""))
    drawings = info is not None and info.structure == "silhouette"
    return drawings and study.attrs.get("structure") != "silhouette"


def judged(found: Mapping[str, xr.Dataset]) -> tuple[dict[str, xr.Dataset], str]:
    """The results whose S_LF can support a claim, and a note, behind what was measured, of those that are left out."""
    kept = {name: study for name, study in found.items() if not outlined(study)}
    left = _outlined(found)
    return kept, f" (without {left}, where S_LF compares outlines)" if left else ""


def warning(found: Mapping[str, xr.Dataset]) -> str:
    """A sentence, as Markdown, where S_LF of some results compares outlines; '' where it is of none."""
    left = _outlined(found)
    return (
        f"**{left}:** $S_{{LF}}$ compares outlines here, which is the paper's rule for drawings. By "
        "this rule a copy of the drawing scores higher than its own photograph ([the scores](scores.ipynb)). So no "
        "claim on $S_{LF}$ or areas uses these results."
    ) * bool(left)


def _outlined(found: Mapping[str, xr.Dataset]) -> str:
    """The titles of the results whose S_LF compares outlines; '' without any."""
    return " and ".join(dict.fromkeys(title_of(study) for study in found.values() if outlined(study)))


def images(study: xr.Dataset) -> str:
    """`common.images`, as `said`."""
    return said(common.images(study))


def above(found: Interval, bound: float) -> Held:
    """Whether a number lies above a bound."""
    check_is("found", found, Interval, "an Interval")
    check_is("bound", bound, int | float | np.number, "a number")
    return True if found.low > bound else False if found.high < bound else None


def below(found: Interval, bound: float) -> Held:
    """Whether a number lies below a bound."""
    return above(Interval(-found.mean, -found.high, -found.low), -bound)


def at_least(found: Interval, value: float, within: float) -> Held:
    """Whether a number reaches a value, but for a margin."""
    return above(found, value - within)


def equal(found: Interval, value: float, margin: float) -> Held:
    """Whether a number is a value, but for a margin: False where all of the interval is beyond it, on one side."""
    return all_of(above(found, value - margin), below(found, value + margin))


def all_of(*held: Held) -> Held:
    """Of the parts of one claim: False where one fails, else None where one is open, else True."""
    return False if False in held else None if None in held else True


def alike(*held: Held) -> Held:
    """Of several readings of one claim: what all of them say, and None where they differ."""
    return held[0] if len(set(held)) == 1 else None


class Measured(dict[str, Interval]):
    """A quantity on each data set: title -> value with its 95 % interval; what has no value is left out. pooled:
    whether each value is of several data sets."""

    def __init__(self, values: Mapping[str, Interval], pooled: bool = False) -> None:
        super().__init__({name: one for name, one in values.items() if not np.isnan(one.mean)})
        self.pooled = pooled

    @classmethod
    def of(
        cls,
        found: Mapping[str, xr.Dataset],
        quantity: Callable[[xr.Dataset], Interval | None],
        title: Callable[[xr.Dataset], str] = title_of,
    ) -> Measured:
        """quantity: of a result; None where it has not what it takes. title: how a result is called."""
        values = {title(one): quantity(one) for one in found.values()}
        return cls({name: value for name, value in values.items() if value is not None})

    def above(self, bound: float = 0.0) -> list[str]:
        """The data sets whose whole interval lies above a bound."""
        return [name for name, one in self.items() if above(one, bound)]

    def below(self, bound: float = 0.0) -> list[str]:
        """The data sets whose whole interval lies below a bound."""
        return [name for name, one in self.items() if below(one, bound)]

    def span(self, digits: int = 3) -> str:
        """'0.41 (Textures) to 0.93 (Cells)', of means; the value alone where both read the same."""
        if not self:
            return "not measured"
        ordered = sorted(self, key=lambda name: float(self[name].mean))
        first, last = (f"{self[name].mean:.{digits}f}" for name in (ordered[0], ordered[-1]))
        return first if first == last else f"{first} ({ordered[0]}) to {last} ({ordered[-1]})"
