"""What the decomposition of the collapse says: parts of the deficit, true first predictions, errors per level."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import xarray as xr

from spectral_collapse import datasets
from spectral_collapse.findings import fine_detail
from spectral_collapse.findings.claims import Claim, above, from_cases
from spectral_collapse.findings.entry_noise import PUBLISHED
from spectral_collapse.findings.intervals import BAND_TITLES, ENDS, means, titled
from spectral_collapse.findings.latents import Found
from spectral_collapse.findings.measured import title_of
from spectral_collapse.findings.tidy import by_data, each, enumerated, tell
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.networks.checkpoints import available, recorded
from spectral_collapse.statistics import POSITIVE, interval, ratio, text
from spectral_collapse.studies.study import Study

DENOISERS = {
    "network": "our network",
    "covariance": "ideal denoiser, given the covariance",
    "spectrum": "ideal denoiser, given the spectrum only",
}
MEASURE_TITLES = {
    "high_power": "High frequencies",
    "s_dc": "Neighbouring values, S_DC",
    "plain": "Plain areas",
    "other": "Other areas",
}
PARTS = {
    "total": "standard inversion: total",
    "entry": "start without noise",
    "discretisation": "coarse steps",
    "own error": "errors of the denoiser",
}
CAUSES = {
    "entry": "the noise missing at the start",
    "discretisation": "the length of the steps",
    "own error": "the network's error",
}
AREAS = {"plain": "plain areas", "other": "other areas"}
ENTRIES = {"none": "start without noise", "noise": "start with the first level's noise"}
"""What tables call the places of a result, in the order in which they are shown."""


def split(study: xr.Dataset) -> xr.DataArray:
    """The deficit of each latent and its parts: (part, denoiser, measure, sample); the first three add up to 'total'.

    With D the deficit of an inversion, `ideal` minus its value: 'own error' is D with the noise and fine
    steps. 'entry' and 'discretisation' share the rest; what each gains is averaged over both orders of
    putting them right (Shapley's value), and 'interaction' is what the entry noise gains more in coarse
    steps than in fine ones. 'total' is the deficit of the standard inversion.
    """
    deficit = study["ideal"] - study["value"]
    standard, refined, entered, both = (
        deficit.sel(entry=entry, resolution=resolution, drop=True)
        for entry in ("none", "noise")
        for resolution in ("coarse", "fine")
    )
    gains = {
        "entry": (standard - entered + refined - both) / 2,
        "discretisation": (standard - refined + entered - both) / 2,
        "own error": both,
        "total": standard,
        "interaction": standard - entered - refined + both,
    }
    return xr.Dataset(gains).to_dataarray("part")


def parts(study: xr.Dataset, titles: dict[str, str] = PARTS) -> pd.DataFrame:
    """The deficit of a standard inversion and its parts, per measure that has places, part and denoiser."""
    found = means(split(study), title=title_of(study))
    return titled(found, denoiser=DENOISERS, part=titles, measure=MEASURE_TITLES)


def parts_table(study: xr.Dataset) -> pd.DataFrame:
    """`parts` as a table to show, with their interaction: a row per measure and denoiser, a column per part."""
    found = parts(study, PARTS | {"interaction": "interaction of start and steps"})
    shown = found.assign(text=list(map(text, found.itertuples()))).pivot_table(
        "text", ["measure", "denoiser"], "part", aggfunc="first", sort=False
    )
    return shown.rename_axis(index=["Measure", "Denoiser"], columns=None)


def other_levels(study: xr.Dataset) -> pd.DataFrame | None:
    """The network's deficit on levels even in time, on as many even in log SNR and on the fine ones, with either entry:
    part is the levels, denoiser the entry. None where a process has no other levels."""
    if "spaced" not in study:
        return None
    value = study["value"].sel(denoiser="network", drop=True)
    coarse, fine = (f"{count} steps, even in time" for count in study["num_steps"].to_numpy())
    walks = {
        coarse: value.sel(resolution="coarse", drop=True),
        coarse.replace("time", "log SNR"): study["spaced"],
        fine: value.sel(resolution="fine", drop=True),
    }
    deficit = study["ideal"].sel(resolution="coarse", drop=True) - xr.Dataset(walks).to_dataarray("part")
    found = means(deficit.rename(entry="denoiser"), title=title_of(study))
    return titled(found, denoiser=ENTRIES, measure=MEASURE_TITLES)


def lacking(study: xr.Dataset) -> xr.DataArray:
    """The variance that the network's latents lack in plain areas of the source, and its parts: (part, sample). Power
    at high frequencies, a mean over the whole image, would count peaks at block edges against empty areas."""
    return split(study).sel(measure="plain", denoiser="network")


def with_plain_areas(found: Found) -> Found:
    """The results on data sets of which one source at least has plain areas."""
    return {name: study for name, study in found.items() if lacking(study).notnull().any()}


@each(by_data)
def causes(study: xr.Dataset) -> dict[str, str]:
    """A row per data set: the variance that the network's latents lack in plain areas, and what each cause takes."""
    return {title: _text(lacking(study).sel(part=part)) for part, title in PARTS.items()}


def stacks(found: Found) -> pd.DataFrame:
    """`causes` for a chart: columns data, cause, mean, low, high, and share of what the latents lack, a text."""
    rows = []
    for study in with_plain_areas(found).values():
        lacks = lacking(study)
        for part in CAUSES:
            one = interval(lacks.sel(part=part))
            cause, share = PARTS[part].replace("denoiser", "network"), one.mean / float(lacks.sel(part="total").mean())
            data = f"{title_of(study)} ({int(lacks.sel(part=part).notnull().sum())} images)"
            rows.append({"data": data, "cause": cause, **one._asdict(), "share": f"{share:.0%}"})
    return pd.DataFrame(rows, columns=["data", "cause", *ENDS, "share"])


def largest(study: xr.Dataset) -> str:
    """The cause that takes most of the variance from the network's latents in plain areas."""
    return str(lacking(study).sel(part=list(CAUSES)).mean("sample").idxmax("part").item())


def _by_cause(found: Found) -> dict[str, dict[str, str]]:
    """The largest cause -> the data sets on which it is that, and its share of what the latents lack there."""
    shares: dict[str, dict[str, str]] = {}
    for study in with_plain_areas(found).values():
        cause, parts = largest(study), lacking(study).mean("sample")
        share = f"{float(parts.sel(part=cause) / parts.sel(part='total')):.0%}"
        shares.setdefault(CAUSES[cause], {})[title_of(study)] = share
    return shares


def accounts(found: Found, others: Found) -> str:
    """Which cause accounts for the largest part of what latents lack in plain areas, on which data sets, with either
    kind of network, as sentences. found, others: as of `by_network`."""
    said: list[str] = []
    subject = "the largest cause of what latents lack in plain areas"
    for kind, some in by_network(found, others).items():
        parts = []
        for cause, one in _by_cause(some).items():
            where = enumerated(one) if len(one) < max(3, len(some)) else f"all {len(one)} data sets"
            parts.append(f"{cause} on {where} ({enumerated(one.values())})")
        if parts:
            said.append(f"With {kind} networks, {subject} is {enumerated(parts)}.")
            subject = "it"
    return " ".join(said)


IMAGES = {
    "methods": ("standard", "noise_floor", "dpm_solver", "taba", "cycle_diffusion", "ovg", "ovg+taba", "nullspace+dpm"),
    "shown": 1,
}
"""What the benchmark is asked for on ordinary networks."""


def ordinary(study: Study, names: Sequence[str], **given: Any) -> dict[str, xr.Dataset]:
    """A study with the ordinary network of each data set, where there is one beside a network that is preconditioned by
    the spectrum of its images (`networks.SpectralUNet`). given: further parameters."""
    there = {name: network for name in names if (network := ordinary_network(name))}
    return {name: study.run(dataset=name, checkpoint=network, **given) for name, network in there.items()}


def ordinary_network(dataset: str) -> str:
    """The name of the ordinary network of a data set whose own is preconditioned; '' where there is none."""
    name = f"{datasets.DATASETS[dataset].family}-plain" if dataset in datasets.DATASETS else ""
    return name if name and (recorded(name) or name in available()) else ""


def by_network(found: Found, others: Found) -> dict[str, Found]:
    """Results with preconditioned networks and with ordinary ones. found: with each data set's own network; others: of
    `ordinary`, which has a network for every data set whose own is preconditioned."""
    own = {name: one for name, one in found.items() if ordinary_network(name)}
    rest = {name: one for name, one in found.items() if name not in own}
    return {"preconditioned": own, "ordinary": {**rest, **others}}


def stacks_with_either(before: Found, after: Found) -> pd.DataFrame:
    """`stacks` of results with the ordinary network and with the preconditioned one, one below the other."""
    both = {
        (name, network): found[name].assign_attrs(title=f"{title_of(found[name])}: {network}")
        for name in before
        for network, found in (("ordinary", before), ("preconditioned", after))
    }
    return stacks(both)


def with_either(before: Found, after: Found, table: Callable[[Found], pd.DataFrame]) -> pd.DataFrame:
    """A table of results with the ordinary network and of those with the preconditioned one: two rows per data set."""
    tables = {"ordinary": table(before), "preconditioned": table({name: after[name] for name in before})}
    return pd.concat(tables, names=["Network"]).swaplevel().sort_index(level="Data", sort_remaining=False)


def objective(before: Found, after: Found) -> str:
    """How much less errors of the preconditioned network take than those of the ordinary one, as sentences."""
    words, told = {True: "less", False: "more", None: "not significantly more or less"}, []
    for name, study in with_plain_areas(before).items():
        first, second = (lacking(one).sel(part="own error") for one in (study, after[name]))
        less = above(interval(first - second), 0)
        told.append(
            f"On {title_of(after[name])}, errors of the ordinary network cost latents {float(first.mean()):.2f} of "
            f"white noise's variance in plain areas. Those of the preconditioned network cost "
            f"{float(second.mean()):.2f}, which is {words[less]}."
        )
    return " ".join(told)


def detail_with_either(before: Found, after: Found) -> dict[str, Any]:
    """Fine detail of the standard inversion's images over their targets', with the preconditioned network and with the
    ordinary one. before, after: of the benchmark.

    more: on how many data sets the first has less; pairs: of how many; detail: both numbers, and the data set.
    """
    pairs = [
        (title_of(after[name]), *(fine_detail.energy(one, "standard").mean for one in (after[name], study)))
        for name, study in before.items()
    ]
    detail = [f"{first:.2f} and {second:.2f} on {title}" for title, first, second in pairs]
    return {"more": sum(first < second for _, first, second in pairs), "pairs": len(pairs), "detail": detail}


def levels_matter(study: xr.Dataset) -> str:
    """What levels even in log SNR change, with entry noise and without, as Markdown."""
    if "spaced" not in study:
        return "This network's process has no other levels to compare."
    coarse = study["value"].sel(denoiser="network", resolution="coarse", measure="s_dc", drop=True)
    return tell(
        "If the same number of steps is evenly spaced in log SNR instead of time, S_DC changes by {gain[none]} "
        "({entries[none]}) and by {gain[noise]} ({entries[noise]}). With steps evenly spaced in time, entry noise "
        "changes it by {entry}.",
        gain=study["spaced"].sel(measure="s_dc") - coarse,
        entries=ENTRIES,
        entry=coarse.sel(entry="noise") - coarse.sel(entry="none"),
    )


def left_after_true_steps(study: xr.Dataset) -> pd.DataFrame:
    """The network's deficit after true predictions up to a level, per measure, steps and number of true ones."""
    steps = dict(zip(study["resolution"].data, (f"{count} steps" for count in study["num_steps"].data), strict=True))
    counted = zip(study["replaced"].data, study["replaced_ratio"].data, strict=True)
    true = {count: f"{count} ({ratio:.2f})" if count else "none" for count, ratio in counted}
    measured = {name: MEASURE_TITLES[name] for name in ("high_power", "s_dc", "plain")}
    found = means(left(study, list(measured)), title=title_of(study))
    return titled(found, replaced=true, resolution=steps, measure=measured)


_LEVELS = {"error": ("band", BAND_TITLES), "area_error": ("area", AREAS), "noise_norm": ("entry", ENTRIES)}


def by_level(study: xr.Dataset, name: str) -> pd.DataFrame:
    """Squared error of the noise predicted for noised sources, per band ('error') or area ('area_error'), and mean
    square of the noise predicted in the coarse inversions, per entry ('noise_norm'): by panel, denoiser and level."""
    panel, titles = _LEVELS[name]
    values = study[name].swap_dims(step="level").rename({panel: "panel"})
    return titled(means(values, bounds=POSITIVE, title=title_of(study)), denoiser=DENOISERS, panel=titles)


def summary(study: xr.Dataset) -> str:
    """What was measured, as one line of Markdown."""
    return tell(
        "**{title}**, {images}: {origin}. We invert {space} in {num_steps[first]:.0f} and in {num_steps[last]:.0f} "
        "steps with a network whose prediction type is {prediction}, for one random seed. At the first level, "
        "$\\sigma_0^2/\\alpha_0^2$ = {entry:.2g}.",
        study,
        entry=float(study["level"][0]) ** 2,
    )


def error_ratios(study: xr.Dataset) -> dict[str, Any]:
    """The network's error of the predicted noise over the closed form's by band; grows: with frequency or not."""
    network, closed = (study["error"].sum("step").sel(denoiser=name) for name in ("network", "covariance"))
    errors = {band: ratio(network.sel(band=band), closed.sel(band=band)) for band in BANDS}
    grows = all(lower.mean < higher.mean for lower, higher in itertools.pairwise(errors.values()))
    return {"error": errors, "grows": "grows" if grows else "does not grow"}


def claims(found: Found) -> list[Claim]:
    """What a trained network says to the first steps' part in its own error: the share of its deficit of S_DC, entered
    with the right noise, that true predictions in TABA's published share of the steps remove. It holds where these
    remove more than they leave, with the whole interval of the difference, and fails where they leave more."""
    cases = {}
    for study in found.values():
        coarse = study["num_steps"].isel(resolution=0).item()
        count = round(PUBLISHED * coarse)
        if not count or count not in study["replaced"]:
            continue
        lacks = left(study).sel(resolution="coarse")
        before, after = lacks.sel(replaced=0, drop=True), lacks.sel(replaced=count, drop=True)
        share = 1 - float(after.mean() / before.mean())
        measured = f"{share:.2f} in the first {count} of {coarse} steps, from {_text(before)} to {_text(after)}"
        cases[title_of(study)] = measured, above(interval(before - 2 * after), 0)
    words = "With entry noise, the remaining errors of the network occur in the first steps"
    what = "share of the missing S_DC that true predictions in the first steps restore"
    return [from_cases(words, "our reading of There and Back Again", cases, what, "fig-true-first-steps")]


def of_network(study: xr.Dataset) -> str:
    """The parts of each measure of the network's latents that has places, as a Markdown list."""
    found, ideal = split(study).sel(denoiser="network"), study["ideal"].sel(resolution="coarse").mean("sample")
    titles = {"high_power": "High frequencies.", "s_dc": "Neighbouring values (S_DC).", "plain": "Plain areas."}
    template = (
        "- **{title}** Latents of the standard inversion lack {part[total]:.2f} of the ideal {ideal:.2f}: "
        "{part[entry]:.2f} for lack of noise at the start, {part[discretisation]:.2f} by coarse steps, "
        "{part[own error]:.2f} by errors of the network."
    )
    measured = [name for name in titles if found.sel(measure=name, part="total").notnull().sum() > 1]
    return "\n".join(
        tell(template, title=titles[name], part=found.sel(measure=name), ideal=ideal.sel(measure=name))
        for name in measured
    )


def untrained(study: xr.Dataset) -> xr.DataArray:
    """What the entry noise is worth to the network beyond what it is worth to the perfect denoiser, in S_DC."""
    entry = split(study).sel(part="entry", measure="s_dc")
    return entry.sel(denoiser="network") - entry.sel(denoiser="covariance")


def left(study: xr.Dataset, measure: str | list[str] = "s_dc") -> xr.DataArray:
    """The network's deficit with entry noise, and with true predictions up to a level: (..., sample)."""
    return (study["ideal"] - study["corrected"]).sel(denoiser="network", measure=measure, drop=True)


def first_steps(study: xr.Dataset) -> str:
    """What true predictions in the first steps leave of it, as a Markdown list."""
    lacks, (coarse, fine) = left(study), study["num_steps"].to_numpy()
    template = (
        "- With true predictions up to step {count} of {coarse} (sigma / alpha = {ratio:.2f}), it lacks "
        "{left[coarse]}. With {fine} steps and true predictions up to the same level, it lacks {left[fine]}."
    )
    return "\n".join(
        tell(template, count=count, coarse=coarse, ratio=ratio, left=lacks.sel(replaced=count), fine=fine)
        for count, ratio in study["replaced_ratio"].to_series().items()
        if count
    )


def early_errors(study: xr.Dataset) -> str:
    """What is left of the network's deficit of S_DC with entry noise, and with true predictions in the first two steps
    as well, or in as many as were tried, as sentences."""
    lacks = left(study).sel(resolution="coarse")
    tried = lacks["replaced"].to_numpy()
    count = next((number for number in tried if number >= 2), tried[-1])
    all_errors, later = (interval(lacks.sel(replaced=number)) for number in (0, count))
    return (
        f"With the noise missing at the start added, S_DC is {all_errors.mean:.2f} below that of white noise. With the "
        f"true noise also in place of the network's in the first {count} of {study['num_steps'].to_numpy()[0]} steps, "
        f"it is {round(later.mean, 2) + 0:.2f} below."
    )


def _text(values: xr.DataArray) -> str:
    return text(interval(values))
