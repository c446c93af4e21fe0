"""Whether the images' fine detail depends on the network, the space or the factor: sentences of that chapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spectral_collapse.findings import fine_detail, selections
from spectral_collapse.findings.latents import Found
from spectral_collapse.findings.measured import title_of
from spectral_collapse.findings.tidy import enumerated
from spectral_collapse.statistics import text

CURES = {"taba": "TABA", "ovg": "OVG"}


def helped(found: Mapping[str, Found], methods: Sequence[str] = tuple(CURES)) -> str:
    """With which networks the cures bring fine detail significantly nearer to the targets' than the standard inversion,
    and on how many data sets. found: what a sentence says of a network -> its results."""
    sets, said = len({name for studies in found.values() for name in studies}), []
    for method in methods:
        near, far = zip(*(fine_detail.nearer(studies, method) for studies in found.values()), strict=True)
        where = enumerated(f"on {number} {who}" for number, who in zip(near, found, strict=True))
        said.append(
            f"Of {sets} data sets, {CURES[method]} brings fine detail significantly nearer to that of the targets "
            f"{where}, and takes it farther away on {enumerated(map(str, far))}."
        )
    return " ".join(said)


def compared(found: selections.Networks, network: str, baseline: str) -> str:
    """On how many data sets the standard inversion's fine detail is nearer to the targets' with one network than with
    another, on the same images."""
    both = [one for one in selections.per_data_set(found).values() if {network, baseline} <= set(one)]
    held = [fine_detail.closer(one[network], "standard", "standard", one[baseline]) for one in both]
    return f"on {held.count(True)} of {len(held)} data sets and farther on {held.count(False)}"


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
    """How much of the targets' fine detail the standard inversion leaves at each factor."""
    kept = {title_of(one): fine_detail.energy(one, "standard") for one in found.values()}
    shares = ", ".join(f"{text(one, 2)} on {title}" for title, one in kept.items())
    means = [one.mean for one in kept.values()]
    trend = "more" if means == sorted(means) else "less" if means == sorted(means, reverse=True) else ""
    told = f" On these data images keep {trend} of it as the factor grows." * bool(trend and len(means) > 1)
    return f"Images of the standard inversion have this many times the fine detail of their targets: {shares}.{told}"
