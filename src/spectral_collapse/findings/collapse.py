"""What the spectra of the standard inversion say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.findings import fine_detail
from spectral_collapse.findings.claims import Claim, Rule, is_below, is_higher, is_lower, is_restored, judge
from spectral_collapse.findings.decomposition import ordinary_network
from spectral_collapse.findings.intervals import ENDS, gap, means
from spectral_collapse.findings.measured import above, below, title_of
from spectral_collapse.findings.tidy import by_data, each, enumerated
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.statistics import POSITIVE, SHARE, Bounds, Interval, bootstrap_mean, text
from spectral_collapse.studies import collapse
from spectral_collapse.studies.collapse import LATENTS, OUTPUTS

PAGE = "introduction"
"""The notebook that shows this study."""

PICTURED = "textures_x8"
"""The data set whose pictures that notebook shows: unlike those of the papers' data they may be published."""

TITLES = {
    "white noise": "white noise",
    "source, network": "sources, our network",
    "source, DPM-Solver++": "sources, our network, DPM-Solver++",
    "source, TABA": "sources, our network, TABA",
    "source, OVG": "sources, our network, OVG",
    "source, closed form": "sources, ideal denoiser (Gaussian data)",
    "target, network": "targets, our network",
}
"""What pages call the series of latents."""


def with_ordinary_network(profile: str) -> xr.Dataset | None:
    """The stored result of `PICTURED` with an ordinary network (`decomposition.ordinary_network`), if there is one."""
    name = ordinary_network(PICTURED)
    return collapse.STUDY.stored(dataset=PICTURED, checkpoint=name, profile=profile) if name else None


def image_spectra(study: xr.Dataset) -> pd.DataFrame:
    """Power of sources, targets and outputs over the targets' mean power at the same frequency: columns series,
    frequency, and those of `intervals.means`."""
    table = _spectra(study, "image")
    targets = table[table["series"] == "target"].set_index("frequency")["mean"]
    table[ENDS] = table[ENDS].div(table["frequency"].map(targets), axis="index")
    return table


def latent_spectra(study: xr.Dataset) -> pd.DataFrame:
    """Power of white noise and of the latents: columns series, frequency, and those of `intervals.means`; below, where
    all images come from a few fixed pictures, the mean of each of these, which the column picture names."""
    if "sample_stratum" not in study.coords:
        return _spectra(study, "latent").assign(picture=None)
    power = study["latent_power"].assign_coords(picture=("sample", study["sample_stratum"].to_numpy()))
    single = power.groupby("picture").mean().rename("mean").to_dataframe().reset_index()
    names = {"latent_series": "series", "latent_frequency": "frequency"}
    return pd.concat([_spectra(study, "latent"), single.rename(columns=names)], ignore_index=True)


def energy(study: xr.Dataset, series: str = "standard", over: str = "target") -> Interval:
    """The high-frequency energy of a series of images as a multiple of another's: geometric mean over images."""
    return Interval(*np.exp(gap(study["image_excess"], image_series=(series, over))))


def loss(study: xr.Dataset) -> str:
    """`energy` of the standard inversion, as `fine_detail.told` has it."""
    excess = study["image_excess"]
    return fine_detail.told(excess.sel(image_series="standard") - excess.sel(image_series="target"))


def powers(study: xr.Dataset) -> dict[str, Interval]:
    """The `_power` of each kind of latent."""
    return _of_latents(_power(study), POSITIVE)


@each(by_data)
def energies(study: xr.Dataset) -> dict[str, str]:
    """A row per data set: high-frequency energy of outputs divided by that of the true targets."""
    return {name: text(energy(study, name), 2) for name in OUTPUTS}


@each(by_data)
def collapsed(study: xr.Dataset) -> dict[str, str]:
    """A row per data set: power and S_DC of latents of sources by the standard inversion, power of latents of
    targets."""
    latents = latents_table(study)
    power, s_dc, _ = latents.loc[TITLES["source, network"]]
    return {"Power": power, "S_DC": s_dc, "Power, targets": latents.loc[TITLES["target, network"]].iloc[0]}


def answer(study: xr.Dataset) -> dict[str, Any]:
    """How much texture the standard inversion loses, and whether latents collapse with an ideal denoiser too."""
    even = {
        True: "latents collapse too, so the network is not the only cause",
        False: "latents do not collapse",
        None: "latents do not collapse significantly",
    }[below(powers(study)["source, closed form"], 1)]
    return {"energy": energy(study), "even": f"With an ideal denoiser for Gaussian data of this spectrum, {even}"}


def targets_too(study: xr.Dataset) -> str:
    """Whether latents of true targets lack power as well, as a sentence; '' where they do not."""
    found = powers(study)
    target, source = found["target, network"], found["source, network"]
    if not below(target, 1):
        return ""
    return (
        "Latents of the dense targets lack power too: at high frequencies they have "
        f"{target.mean:.2f} times the power of white noise, latents of the sources {source.mean:.2f} times."
    )


def no_denser(found: Mapping[str, xr.Dataset]) -> str:
    """On which data sets latents of targets do not have significantly more power than those of sources, as a sentence;
    '' where on none."""
    alike = []
    for study in found.values():
        power = _power(study)
        if not above(gap(power, latent_series=("target, network", "source, network")), 0):
            target, source = (power.sel(latent_series=f"{one}, network").mean() for one in ("target", "source"))
            alike.append(f"on {title_of(study)} ({target:.2f} and {source:.2f})")
    if not alike:
        return ""
    return (
        f"Latents of targets do not have significantly more power than those of sources {enumerated(alike)}: there, it "
        "is not shown that a denser image collapses less."
    )


def latents_table(study: xr.Dataset) -> pd.DataFrame:
    """A row per kind of latent: power above half the Nyquist frequency, S_DC, and power of the mean colour, with
    intervals."""
    columns = {
        "Power at high frequencies": powers(study),
        "S_DC": _of_latents(study["latent_s_dc"], SHARE),
        "Mean colour": _of_latents(study["latent_colour"], POSITIVE),
    }
    texts = {name: {TITLES[one]: text(by[one], 2) for one in LATENTS} for name, by in columns.items()}
    return pd.DataFrame(texts).rename_axis("Latents of")


def coloured(found: Mapping[str, xr.Dataset]) -> str:
    """On which data sets the mean colour of OVG's latents is stronger than that of white noise and of the standard
    inversion's latents, as sentences; '' where on none. S_DC and the power at high frequencies cannot see it."""
    strong = []
    for study in found.values():
        colour, both = study["latent_colour"], ("source, OVG", "source, network")
        ours, usual = (bootstrap_mean(colour.sel(latent_series=one), bounds=POSITIVE) for one in both)
        more = gap(colour, latent_series=both)
        if above(ours, 1) and above(more, 0):
            strong.append(f"{ours.mean:.0f} on {title_of(study)} (standard inversion: {usual.mean:.1f})")
    if not strong:
        return ""
    return (
        f"OVG makes the mean colour of latents stronger: its power, 1 in white noise, is {enumerated(strong)}. Images "
        "sampled from such latents change colour as a whole, which neither S_DC nor fine detail can see."
    )


def _power(study: xr.Dataset) -> xr.DataArray:
    """The power of each latent above half the Nyquist frequency, 1 for white noise, the geometric mean over
    frequencies. In an arithmetic mean a few peaks, at the frequencies of block edges, hide that the rest is empty."""
    power = study["latent_power"].where(study["latent_frequency"] > BANDS["high"][0], drop=True)
    return np.exp(np.log(power).mean("latent_frequency"))


def _of_latents(values: xr.DataArray, bounds: Bounds) -> dict[str, Interval]:
    return {one: bootstrap_mean(values.sel(latent_series=one), bounds=bounds) for one in LATENTS}


def claims(found: Mapping[str, xr.Dataset]) -> list[Claim]:
    """The paper's first claims: on power, on S_DC minus white noise's, on log high-frequency energy."""

    def power(study: xr.Dataset) -> Interval:
        return powers(study)["source, network"]

    def independence(study: xr.Dataset) -> Interval:
        return gap(study["latent_s_dc"], latent_series=("source, OVG", "white noise"))

    def energy_over(series: str, other: str) -> Callable[[xr.Dataset], Interval]:
        return lambda study: Interval(*np.log(energy(study, series, other)))

    paper, figure, log = "Spectral Collapse", "fig-image-spectra", "log HF energy"
    rows = [
        Rule("Inverted noise maps have less high-frequency energy than white noise", f"{paper}, abstract and Fig. 1",
             "power at high frequencies, geometric mean over rings, over that of white noise", power, is_below(1),
             "fig-latent-spectra"),
        Rule("OVG makes the values of latents independent (S_DC)", f"{paper}, Tables 8 to 11",
             "S_DC of OVG minus that of white noise", independence, is_restored("s_dc")),
        Rule("The standard inversion gives oversmoothed images (log energy)", f"{paper}, abstract and Fig. 2",
             f"{log} minus the true targets'", energy_over("standard", "target"), is_lower("hf_ratio"), figure),
        *(
            Rule(f"{name} raises high-frequency energy, possibly too far (log energy)", f"{paper}, {where}",
                 f"{log} minus the standard inversion's", energy_over(name, "standard"), is_higher("hf_ratio"), figure)
            for name, where in (("TABA", "Sec. 6.2"), ("OVG", "abstract and Sec. 6.2"))
        ),
    ]  # fmt: skip
    return judge(rows, found)


def _spectra(study: xr.Dataset, kind: str) -> pd.DataFrame:
    power = study[f"{kind}_power"].rename({f"{kind}_series": "series", f"{kind}_frequency": "frequency"})
    return means(power, bounds=POSITIVE, title=title_of(study))
