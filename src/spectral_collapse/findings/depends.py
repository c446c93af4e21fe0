"""Whether the images' fine detail depends on the network, the space or the factor: sentences of that chapter."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from spectral_collapse import statistics
from spectral_collapse.findings import fine_detail, selections
from spectral_collapse.findings.latents import Found
from spectral_collapse.findings.measured import title_of
from spectral_collapse.findings.tidy import enumerated
from spectral_collapse.statistics import text

CURES = {"taba": "TABA", "ovg": "OVG"}


def helped(found: Mapping[str, Found], method: str) -> str:
    """On how many data sets a cure brings fine detail significantly nearer to the targets' than the standard inversion
    with each network, as a sentence. found: what the sentence says of a network -> its results."""
    counts = {who: fine_detail.nearer(studies, method) for who, studies in found.items()}
    of = f" of {_sets(found)} data sets"
    where = [
        f"on {near or 'none'}{of * (not number)} {who}{f' (farther away on {far})' * bool(far)}"
        for number, (who, (near, far)) in enumerate(counts.items())
    ]
    return f"{CURES[method]} brings fine detail nearer to the targets {enumerated(where)}."


def counts(found: Mapping[str, Found]) -> pd.DataFrame:
    """On how many data sets the cures are significantly nearer to the targets than the standard inversion (in brackets:
    farther), a column per network; `helped` as a table."""
    rows = {
        title: {who: "{} ({})".format(*fine_detail.nearer(studies, method)) for who, studies in found.items()}
        for method, title in CURES.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(f"Of {_sets(found)} data sets")


def _sets(found: Mapping[str, Found]) -> int:
    return len({name for studies in found.values() for name in studies})


def compared(found: selections.Networks, network: str, baseline: str) -> str:
    """On how many data sets the standard inversion's fine detail is nearer to the targets' with one network than with
    another, and on how many its PSNR to them is significantly lower, on the same images."""
    both = [one for one in selections.per_data_set(found).values() if {network, baseline} <= set(one)]
    held = [fine_detail.closer(one[network], "standard", "standard", one[baseline]) for one in both]
    psnr = ([one[name]["psnr"].sel(point="standard").mean("seed") for name in (network, baseline)] for one in both)
    lower = sum(statistics.interval(first - second).high < 0 for first, second in psnr)
    where = f"on {held.count(True)} of {len(held)} data sets and farther on {held.count(False)}"
    return f"{where}; PSNR to the targets is lower on {lower}"


def conclusion(found: Mapping[str, selections.Networks]) -> str:
    """What two networks make of one cure on the same images; '' where it nowhere mends with one what it worsens with
    another. found: by title of a section."""
    held = (
        {fine_detail.closer(study, method) for study in studies.values()}
        for networks in found.values()
        for studies in selections.per_data_set(networks).values()
        for method in CURES
    )
    if not any({True, False} <= one for one in held):
        return ""
    return (
        "Images depend on the network: on the same data, a cure brings fine detail nearer to that of the targets with "
        "one network and takes it farther away with another. So judge a method with the network that you will use."
    )


def by_factor(found: Found) -> str:
    """How much of the targets' fine detail the standard inversion leaves at each factor, the smallest first, and how
    the largest compares with it where their intervals do not touch."""
    kept = {title_of(one): fine_detail.energy(one, "standard") for one in found.values()}
    shares = ", ".join(f"{text(one, 2)} on {title}" for title, one in kept.items())
    first, last = next(iter(kept.values())), next(reversed(kept.values()))
    trend = "less" if last.high < first.low else "more" if last.low > first.high else ""
    told = f" At the largest factor they keep {trend} of it than at the smallest." * bool(trend)
    return f"Images of the standard inversion have this many times the fine detail of their targets: {shares}.{told}"
