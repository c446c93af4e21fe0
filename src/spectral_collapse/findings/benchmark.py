"""What the benchmark says: tables, ranks, fronts, the paper's numbers beside ours, verdicts.

The unit of every mean is the image, seeds averaged within it first; intervals are over independent pictures.
Differences are tested by `statistics.sign_flip` over pictures, with Benjamini and Hochberg's correction for the number
of methods. A method that is another one on these data by another name counts once.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import metrics, statistics
from spectral_collapse.findings import cells, comparison, paper_tables
from spectral_collapse.findings.cells import Cell, Cells
from spectral_collapse.findings.claims import Claim, Rule, is_higher, is_lower, is_restored, judge
from spectral_collapse.findings.intervals import ENDS, beside, bounds_of
from spectral_collapse.findings.latents import Found, counted, stacked
from spectral_collapse.findings.latents import called as series_called
from spectral_collapse.findings.measured import UNKNOWN, title_of
from spectral_collapse.findings.tidy import by_data, each, items, once
from spectral_collapse.inversion import METHODS
from spectral_collapse.statistics import Interval, groups_of, interval, text
from spectral_collapse.studies.benchmark import AUTOENCODER, CHEAP, TARGET
from spectral_collapse.studies.latents import WHITE
from spectral_collapse.studies.published import CHOSEN

COLUMNS = {
    "psnr": 2,
    "ssim": 3,
    "ms_ssim": 3,
    "lpips_alex": 3,
    "sliced_wasserstein": 3,
    "fid": 1,
    "kid": 4,
    "s_hf": 3,
    "hf_excess": 2,
    "s_lf": 3,
    "s_dc": 3,
    "s_g": 3,
    "norm": 3,
    "reconstruction": 2,
    "inversion_cost": 2,
    "network_calls": 0,
    "seconds": 1,
}
"""What the table has, and with how many digits."""

COMPARED = ("psnr", "ms_ssim", "s_hf", "s_lf", "s_dc")
"""Scores by which methods are compared with each other and ranked."""

_YARDSTICKS = {TARGET: "true target", AUTOENCODER: "target after the autoencoder"}

_TITLES = {
    "hf_excess": "log HF energy / training mean",
    "detail": "nearness in fine detail ↑",
    "norm": "norm / √d",
    "reconstruction": "PSNR of reconstruction (dB) ↑",
    "inversion_cost": "cost of inversion",
    "network_calls": "network calls",
    "seconds": "seconds",
}

_PAPER_SCORES = [paper_tables.OURS.get(name, name) for name in paper_tables.SCORES]


def called(method: str) -> str:
    """A method or a reference as pages write it: OVG + TABA for 'ovg+taba', TABA, chosen for 'taba*'."""
    if method in _YARDSTICKS:
        return _YARDSTICKS[method]
    plain = method.removesuffix(CHOSEN)
    return " + ".join(series_called(part.strip()) for part in plain.split("+")) + ", chosen" * (plain != method)


def title(score: str, arrow: bool = True) -> str:
    """A score as pages write it, with its unit and its direction."""
    card = metrics.SCORES.get(score)
    if card is None:
        return _TITLES[score]
    unit = f" ({card.units})" if card.units != "1" else ""
    return f"{card.symbol}{unit}{' ' * bool(arrow and card.arrow)}{card.arrow if arrow else ''}"


def value(study: xr.Dataset, score: str, point: str) -> Interval:
    """The mean of a score at a point or a reference, with its interval where it is of single images."""
    return _means(study, score).get(point, UNKNOWN)


@once
def _means(study: xr.Dataset, score: str) -> dict[str, Interval]:
    """The means of a score of all methods and references, and of what is known."""
    found = {}
    for dim, name in (("known", f"known_{score}"), ("reference", f"reference_{score}"), ("point", score)):
        if name in study:
            values = seeds_averaged(study[name])
            unknown = np.full((2, values.sizes[dim]), np.nan)
            ends = interval(values, bounds=bounds_of(score)) if "sample" in values.dims else (values.data, *unknown)
            found |= {str(one): Interval(*map(float, each)) for one, *each in zip(study[dim].data, *ends, strict=True)}
    return found


def seeds_averaged(values: xr.DataArray) -> xr.DataArray:
    return values.mean("seed", skipna=False) if "seed" in values.dims else values


def per_image(study: xr.Dataset, name: str, score: str) -> xr.DataArray:
    """A score of each image or set, seeds averaged, of a method, a reference or what is known."""
    if name in study["point"]:
        return seeds_averaged(study[score].sel(point=name, drop=True))
    kind = "reference" if name in study["reference"] else "known"
    return study[f"{kind}_{score}"].sel({kind: name}, drop=True)


def points(study: xr.Dataset) -> list[str]:
    """The methods of a result."""
    return [str(name) for name in study["point"].to_numpy()]


def table(found: Found) -> Cells:
    """All scores of all methods, and of what they stand beside, on every data set."""
    rows = []
    for study in found.values():
        best = {score: comparison.leaders(study, score) for score in COLUMNS if score in comparison.scores_of(study)}
        for name in map(str, (*study["point"].data, *study["reference"].data, *study["known"].data)):
            about = {"Method": called(name), "Data": title_of(study), "Kind": _draws(study, name)}
            marks = {score: found.get(name, "") for score, found in best.items()}
            rows.append(cells.row(about | scores_at(study, name, marks)))
    return pd.DataFrame(rows)


def scores_at(study: xr.Dataset, point: str, marks: Mapping[str, str] | None = None) -> dict[str, tuple]:
    """The columns of scores at a point or a reference, for `cells.row`. marks: score -> mark of its cell."""
    return {
        title(score): (value(study, score, point), digits, (marks or {}).get(score, ""))
        for score, digits in COLUMNS.items()
    }


OTHERS = ("standard", *(name for name in METHODS if name not in (*CHEAP, "null_class")))
"""Methods that the table of the profile quick leaves out, as too slow or too many, beside the standard inversion.
Null-text inversion is not among them: without guidance it equals that one, and `networks.SpectralUNet` refuses it."""


def missing(found: Found) -> str:
    """Which scores have no values, and why."""
    study = next(iter(found.values()))
    why = {title(name, False): study[name].attrs["missing"] for name in COLUMNS if "missing" in study[name].attrs}
    return "\n".join(f"- **{name} is missing**: {reason}." for name, reason in why.items())


def differences(study: xr.Dataset) -> xr.Dataset:
    """Each method minus the standard inversion on the same images: `comparison.corrected`."""
    study = comparison.distinct(study, COMPARED)
    found = comparison.corrected(study, comparison.paired(study, scores=COMPARED))
    return found.assign_coords(point=[called(str(name)) for name in found["point"].to_numpy()])


def all_differences(found: Found) -> dict[str, xr.Dataset]:
    """`differences` on each data set, by its title."""
    return {title_of(study): differences(study) for study in found.values()}


@each(items, counted)
def significant(study: xr.Dataset) -> str:
    """How many methods differ significantly from the standard inversion, per data set and score."""
    pairs, parts = differences(study), []
    for score in COMPARED:
        one = pairs.sel(score=score)
        told = one["adjusted"] < comparison.LEVEL
        up, down = (int((told & (sign * one["difference"] > 0)).sum()) for sign in (1, -1))
        parts.append(f"{title(score, False)} {up} ({down})")
    unable = (
        f" With {len(set(groups_of(study)))} independent pictures no p-value is below {_least(study):.3g}, so the test "
        "cannot find a difference on this data set."
    )
    return (
        f". Of {pairs.sizes['point']} methods, significantly above the standard inversion (in brackets: below it): "
        f"{'; '.join(parts)}.{unable * (not _enough(study))}"
    )


@once
def capped(study: xr.Dataset) -> xr.Dataset:
    """The study with S_LF of each image capped at that of its own true target: above it a method copies the source."""
    most = study["reference_s_lf"].sel(reference=TARGET, drop=True)
    return study.assign(s_lf=np.minimum(study["s_lf"], most).assign_attrs(study["s_lf"].attrs))


@each(stacked)
def ranks(study: xr.Dataset) -> pd.DataFrame:
    """Mean ranks over `COMPARED`, 1 is best, capped: columns panel, method, kind (draws or not), mean, low, high."""
    study = comparison.distinct(study, COMPARED)
    placed = comparison.ranks(capped(study), COMPARED).to_dataframe().set_axis(ENDS, axis=1).reset_index()
    return placed.assign(method=placed["point"].map(called), kind=[_draws(study, name) for name in placed["point"]])


@each(stacked)
def front(study: xr.Dataset) -> pd.DataFrame:
    """Structure and texture of methods and true targets: s_lf (capped) and s_hf with ends, other scores, on_front."""
    names, limited = [*points(study), TARGET], capped(study)
    about = pd.DataFrame({"method": map(called, names), "kind": [_draws(study, name) for name in names]})
    placed = [beside(pd.DataFrame([value(limited, of, name) for name in names]), of) for of in ("s_lf", "s_hf")]
    result = with_front(pd.concat([about, *placed], axis=1), about["kind"] != called(TARGET))
    for score in ("psnr", "sliced_wasserstein", "network_calls"):
        result[score] = [value(study, score, name).mean for name in names]
    return result


def set_distances(found: Found, methods: Sequence[str]) -> pd.DataFrame:
    """Sliced Wasserstein distance to real targets of all images of a method together, and of as many true targets:
    means over seeds, a row per data set."""

    def row(study: xr.Dataset) -> dict[str, str]:
        names = [*(name for name in methods if name in study["point"]), TARGET]
        return {called(name): f"{value(study, 'sliced_wasserstein', name).mean:.2f}" for name in names}

    return by_data(found, row)


def with_front(table: pd.DataFrame, among: pd.Series, column: str = "on_front", texture: str = "s_hf") -> pd.DataFrame:
    """A table with a column for whether no other row of those `among` it is better in both s_lf and texture."""
    table[column] = False
    table.loc[among, column] = statistics.pareto_front(table.loc[among, ["s_lf", texture]].to_numpy())
    return table


@each(items, counted)
def copying(study: xr.Dataset) -> str:
    """Who has a higher S_LF than the true targets, and what is on the front once that is capped."""
    above = [called(name) for name in points(study) if difference(study, name, TARGET, "s_lf").low > 0]
    placed = front({"": study})
    return (
        f": true targets have an S_LF of {text(value(study, 's_lf', TARGET))}. Methods significantly above it: "
        f"{', '.join(above) or 'none'}. Methods on the front with S_LF capped: "
        f"{', '.join(placed.loc[placed['on_front'], 'method'])}."
    )


def answer(found: Found) -> str:
    """Who differs from the standard inversion where the pictures suffice for the test, and who leads on the first of
    these data sets. Where none suffices, differences count whose own interval leaves 0 out."""
    able = [study for study in found.values() if _enough(study)]
    told_by = able or list(found.values())[:1]
    study = told_by[0]
    first, second, *_ = ranks({"": study}).sort_values("mean").itertuples()
    counts = {score: sorted(_higher(one, score) for one in told_by) for score in ("s_hf", "s_lf", "s_dc")}
    listed = ", ".join(
        f"{' to '.join(map(str, dict.fromkeys([each[0], each[-1]])))} in {title(score, False)}"
        for score, each in counts.items()
    )
    rule = "corrected for the number of methods" if able else "by their own 95 % intervals, uncorrected"
    unable = [title_of(one) for one in found.values() if not _enough(one)]
    too_few = (
        f" With too few pictures, no corrected difference can be significant: {'; '.join(unable)}." if unable else ""
    )
    apart = "is" if first.high < second.low else "is not"
    return (
        f"**Answer.** It depends on the score. Of {differences(study).sizes['point']} methods, so many are "
        f"significantly above the standard inversion, depending on the data set: {listed} ({rule}).{too_few} On "
        f"{counted(study)}, "
        f"{first.method} has the best mean rank over {len(COMPARED)} scores; it {apart} significantly better than that "
        f"of {second.method}. This rank does not count fine detail over its true target's, by which [we advise]"
        f"(choose.ipynb)."
    )


def _higher(study: xr.Dataset, score: str) -> int:
    """How many methods are significantly above the standard inversion."""
    pairs = differences(study).sel(score=score)
    told = pairs["adjusted"] < comparison.LEVEL if _enough(study) else pairs["difference_low"] > 0
    return int((told & (pairs["difference"] > 0)).sum())


def beside_paper(found: Found) -> Cells:
    """Ours / paper in Tables 8 to 11; the paper's EDM is another network, so its rows have no numbers of ours."""
    printed, rows = paper_tables.benchmark(), []
    for name, study in found.items():
        for _, line in printed[printed["dataset"] == name].iterrows():
            method, note = line["method"], paper_tables.note(line["table"], name, line["method"])
            if other := method in ("edm", "ovg+edm"):
                absent = "Not measured here: it needs another network, see the page on prediction targets."
                note = f"{note} {absent}".strip()
            row = {"Method": Cell(called(method), called(method), note=note), "Data": title_of(study)}
            row |= {"Table": str(line["table"])} | paper_cells(study, "" if other else method, line)
            rows.append(cells.row(row))
    return pd.DataFrame(rows, columns=["Method", "Data", "Table", *map(title, _PAPER_SCORES)])


def paper_cells(study: xr.Dataset, point: str, printed: pd.Series) -> dict[str, Cell]:
    """Ours / paper of each score of a printed row; '-' for what was not measured."""
    row = {}
    for theirs, score in zip(paper_tables.SCORES, _PAPER_SCORES, strict=True):
        mean = float(value(study, score, point).mean)
        mine = cells.number(mean, COLUMNS[score]).text
        note = paper_tables.DECORRELATION if score == "s_dc" else ""
        row[title(score)] = Cell(f"{mine} / {printed[theirs]:g}", mean, note=note)
    return row


def agreement(found: Found) -> str:
    """In how many cells of Tables 8 to 11 a method lies on the same side of the standard inversion here and there."""
    printed, same, other, unclear = paper_tables.benchmark(), [], [], []
    for name, study in found.items():
        for method in printed.loc[printed["dataset"] == name, "method"]:
            if method == "standard" or "edm" in method or method not in study["point"]:
                continue
            for score in COMPARED:
                theirs = [paper_tables.value(printed, score, dataset=name, method=one) for one in (method, "standard")]
                gap = difference(study, method, "standard", score)
                clear = theirs[0] != theirs[1] and (gap.low > 0 or gap.high < 0)
                side = unclear if not clear else same if (theirs[0] > theirs[1]) == (gap.low > 0) else other
                side.append(f"{title(score, False)} of {called(method)}, {title_of(study)}")
    if not (same or other or unclear):
        return "None of these data sets and methods is in the paper's tables."
    against = f" On the opposite side: {'; '.join(other)}." if other else ""
    return (
        f"In {len(same)} cells a method is on the same side of the standard inversion as in the paper, in {len(other)} "
        f"on the opposite side. {len(unclear)} cells are undecided, since our interval contains 0 or the paper's "
        f"numbers are equal.{against}"
    )


def difference(study: xr.Dataset, point: str, baseline: str, score: str) -> Interval:
    """A point or a reference minus another on the same images, with its bootstrap interval."""
    return interval(per_image(study, point, score) - per_image(study, baseline, score))


def structure(study: xr.Dataset, point: str, baseline: str = "standard") -> Interval:
    """S_LF of a point minus another's on the same images, `capped`."""
    return difference(capped(study), point, baseline, "s_lf")


def claims(found: Found) -> list[Claim]:
    """Claims of Sec. 6.2 and Table 2, on differences of two methods or references on the same images."""
    paper = "Spectral Collapse"
    tables, abstract = f"{paper}, Sec. 6.2 and Tables 2, 8 to 11", f"{paper}, abstract and Sec. 6.2"
    differences, front = "fig-benchmark-differences", "fig-benchmark-front"
    rows = [
        ("Latents of the standard inversion are not white: S_DC, which falls with correlation and with missing power, "
         "is below white noise's",
         tables, "standard", WHITE, "s_dc", is_lower, differences),
        ("The standard inversion has less texture than true targets: S_HF is lower",
         tables, "standard", TARGET, "s_hf", is_lower, front),
        ("TABA restores latent independence: S_DC is that of white noise",
         tables, "taba", WHITE, "s_dc", is_restored, differences),
        ("TABA restores texture: S_HF is above the standard inversion's",
         tables, "taba", "standard", "s_hf", is_higher, differences),
        ("Adding noise costs structure: S_LF of TABA is below the standard inversion's",
         f"{paper}, abstract and Fig. 4", "taba", "standard", "s_lf", is_lower, front),
        ("OVG restores texture: S_HF is above the standard inversion's",
         abstract, "ovg", "standard", "s_hf", is_higher, differences),
        ("OVG keeps more structure than TABA: S_LF is higher", abstract, "ovg", "taba", "s_lf", is_higher, front),
        ("OVG keeps more of the image than TABA: PSNR is higher",
         f"{paper}, Tables 8 and 9 (not 10 and 11)", "ovg", "taba", "psnr", is_higher, differences),
        ("OVG + TABA has a higher S_LF than TABA",
         f"{paper}, Tables 2, 8, 9 and 11 (not 10)", "ovg+taba", "taba", "s_lf", is_higher, front),
        ("Direct inversion has a lower S_HF than TABA", tables, "direct", "taba", "s_hf", is_lower, front),
    ]  # fmt: skip

    def gap(study: xr.Dataset, point: str, other: str, score: str) -> Interval | None:
        run = {point, other} <= {*points(study), WHITE, TARGET}
        return difference(capped(study), point, other, score) if run else None

    rules = []
    for words, where, point, other, score, side, figure in rows:
        said = " (capped at its true target's)" * (score == "s_lf")
        what = f"{title(score, False)}{said} of {called(point)} minus that of {called(other)}"
        measured = functools.partial(gap, point=point, other=other, score=score)
        rules.append(Rule(words, where, what, measured, side(score), figure))
    return judge(rules, found, counted)


def kinds(study: xr.Dataset) -> dict[str, list[str]]:
    """The methods that draw noise, and those that draw nothing."""
    draws = study["stochastic"].to_series()
    return {"stochastic": [*draws.index[draws]], "deterministic": [*draws.index[~draws]]}


def _least(study: xr.Dataset) -> float:
    """The smallest p-value that `statistics.sign_flip` can give with so many independent pictures."""
    return max(2.0 ** (1 - len(set(groups_of(study)))), 1 / (statistics.FLIPS + 1))


def _enough(study: xr.Dataset) -> bool:
    """Whether the smallest p-value is significant; the correction leaves it as it is where all methods have it."""
    return _least(study) < comparison.LEVEL


def _draws(study: xr.Dataset, name: str) -> str:
    if name in study["point"]:
        return "stochastic" if study["stochastic"].sel(point=name).item() else "deterministic"
    return called(TARGET) if name == TARGET else "reference"
