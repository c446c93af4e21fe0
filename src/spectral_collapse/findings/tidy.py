"""What pages share: sentences that stand in notebooks, with numbers put in by name; lists and tables of results."""

from __future__ import annotations

import functools
import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd
import xarray as xr

from spectral_collapse.findings.latents import as_rows, called
from spectral_collapse.findings.measured import images, said, title_of
from spectral_collapse.statistics import Interval, interval, percentiles, text

T = TypeVar("T")
_OVER = ("sample", "draw")
"""Dimensions along which values are drawn."""


class _Place:
    """Values of which a template names a place: '{power[source][high]}', or 'first' and 'last' along a dimension."""

    def __init__(self, values: xr.DataArray) -> None:
        self._values = values

    def __getitem__(self, name: str | int) -> _Place:
        dim = next(str(dim) for dim in self._values.dims if dim not in _OVER)
        if name in ("first", "last"):
            return _Place(self._values.isel({dim: 0 if name == "first" else -1}))
        return _Place(self._values.sel({dim: name}))

    def __format__(self, spec: str) -> str:
        if not spec or spec.isdigit():
            return format(_Numbers().format_field(interval(self._values, str(self._values.dims[-1])), spec))
        return format(float(self._values.mean()), spec)


class _Numbers(string.Formatter):
    def get_value(self, key: str | int, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        value = super().get_value(key, args, kwargs)
        return _Place(value) if isinstance(value, xr.DataArray) else value

    def format_field(self, value: Any, format_spec: str) -> str:
        if "|" in format_spec:
            words = format_spec.split("|")
            return words[0] if value else words[2] if value is None and len(words) == 3 else words[1]
        if value is None:
            return ""
        if isinstance(value, list):
            return enumerated(map(str, value), format_spec or "and")
        return text(value, int(format_spec or 3)) if isinstance(value, Interval) else format(value, format_spec)


def tell(template: str, study: xr.Dataset | None = None, /, **numbers: Any) -> str:
    """Markdown from a template with places as of `str.format`: names of `numbers`, of variables, coordinates and attrs
    of a result; `images`, of which it is, and `sizes`, along its dimensions.

    Of an `Interval` the digits alone are given, as in '{gain:2}'. Of values '{loss[pixels][last]:2}' is the mean with
    its interval at a place, by coordinates, and '{loss[pixels][last]:.2f}' the mean. A list is `enumerated`, as
    '{titles}' or '{titles:or}'. Of alternatives, as in '{held:holds|fails|is open}', the first is for what is true or
    not empty, the third, where there is one, for None, and the second for all else. They may have places themselves;
    None is written as nothing there.
    Lines of a paragraph, or of an item of a list, become one.
    """
    if study is not None:
        attrs = {name: said(one) if isinstance(one, str) else one for name, one in study.attrs.items()}
        of_images = "sample" in study.sizes and "data_source" in attrs
        attrs |= {"title": title_of(study)} if "title" in attrs else {}
        about = {"sizes": study.sizes} | ({"images": images(study)} if of_images else {})
        numbers = {**attrs, **about, **{str(name): study[name] for name in study.variables}, **numbers}
    return _Numbers().vformat(re.sub(r"(?<!\n)\n(?!\n|- |\d\. )", " ", template.strip()), (), numbers)


def once(function: Callable[..., T]) -> Callable[..., T]:
    """Keeps what a function says of a result and of further arguments that can be compared, for pages, which ask for
    the same again and again. A result is taken not to change from call to call."""
    kept: dict[tuple[Any, ...], tuple[xr.Dataset, T]] = {}

    @functools.wraps(function)
    def known(study: xr.Dataset, *given: Any) -> T:
        key = (id(study), *given)
        if key not in kept:
            kept[key] = study, function(study, *given)  # the result too, so that no other one gets its id
        return kept[key][1]

    return known


def enumerated(words: Iterable[str], last: str = "and") -> str:
    """'a, b and c'. last: the word before the last one."""
    *others, end = list(words) or [""]
    return f"{', '.join(others)} {last} {end}" if others else end


def span(numbers: Iterable[float]) -> str:
    """'0.38 to 0.62', or one number where the ends agree; '' of no numbers."""
    found = list(numbers)
    return " to ".join(dict.fromkeys(f"{end(found):.2f}" for end in (min, max) if found))


def does(count: int, verb: str) -> str:
    """'none holds', '1 holds', '2 hold'. verb: as of several."""
    return f"{count or 'none'} {verb}{'s' * (count < 2)}"


def often(count: int, of: int) -> str:
    """'no', 'some', 'most' or 'all'."""
    return "no" if not count else "all" if count == of else "most" if 2 * count > of else "some"


def each(gather: Callable[..., Any], *given: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates a function of one result: it is called with those of several data sets, data set -> result, and what it
    answers to each is put together by `gather`, as `items` or `intervals.stacked` do. given: to `gather`."""

    def decorate(of_one: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(of_one)
        def of_each(found: Mapping[str, xr.Dataset], *args: Any, **named: Any) -> Any:
            return gather(found, lambda *one: of_one(*one, *args, **named), *given)

        return of_each

    return decorate


def items(
    found: Mapping[str, xr.Dataset], told: Callable[[xr.Dataset], str], title: Callable[..., str] = title_of
) -> str:
    """A list in Markdown: what is told of each result, behind the titles of the data sets of which it is told."""
    titles: dict[str, list[str]] = {}
    for study in found.values():
        titles.setdefault(told(study), []).append(f"**{title(study)}**")
    return "\n".join(f"- {enumerated(names)}{text}" for text, names in titles.items())


def by_data(found: Mapping[str, xr.Dataset], columns: Callable[[xr.Dataset], Mapping[str, str]]) -> pd.DataFrame:
    """A table for a page, a row per data set: the texts of `columns`, '-' where a result has not one."""
    rows = {title_of(study): columns(study) for study in found.values()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("Data").fillna("-")


def by_series(found: Mapping[str, xr.Dataset], columns: Callable[[xr.Dataset, str], Mapping[str, str]]) -> pd.DataFrame:
    """A table for a page, a row per data set and series of latents: the texts of `columns`."""
    rows = [
        {"Data": title_of(study), "Latents": called(name), **columns(study, name)}
        for study in found.values()
        for name in map(str, study["series"].to_numpy())
    ]
    return pd.DataFrame(rows).set_index(["Data", "Latents"])


def of_draws(values: xr.DataArray) -> pd.DataFrame:
    """A row per place along all dimensions but `draw`: mean; low and high, the range of 95 % of the draws."""
    low, high = percentiles(values.transpose(..., "draw").to_numpy())
    mean = values.mean("draw")
    return as_rows(mean, mean=mean.to_numpy(), low=low, high=high)
