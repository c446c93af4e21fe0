"""What the exact inversion of Gaussian data says: tables for charts, tables to show, and computed sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import inversion
from spectral_collapse.findings.claims import Claim, from_cases
from spectral_collapse.findings.intervals import high_mean, mean_text, means
from spectral_collapse.findings.measured import attr, title_of
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.statistics import POSITIVE
from spectral_collapse.studies.gaussian import (
    EXPLODING,
    FLOW,
    NOISES,
    PRESERVING,
    PROCESSES,
    emptied_rings,
    entry,
    ladder,
)

DDPM = VariancePreserving(beta_start=1e-4, beta_end=0.02, schedule="linear")
"""The noise process of the book's networks that predict noise."""
COLLAPSED = 0.9
"""A variance below this is a collapse."""
LAW = "power law of the targets"
LIMIT = "limit of many steps"
STANDARD = "standard inversion"
ENTRIES = {False: "no noise", True: "entry noise"}
ENTERING = dict(
    zip(NOISES, ("noise everywhere (noise floor, TABA)", "noise in the empty band (nullspace)"), strict=True)
)
"""What tables call series."""


def spectra(study: xr.Dataset) -> pd.DataFrame:
    """Power of sources and targets, and the targets' power law, without a width: columns series, frequency, and those
    of `intervals.means`; attr entry, s_0^2 of either process."""
    law = {"series": LAW, "frequency": study["frequency"], **dict.fromkeys(("mean", "low", "high"), study["power_law"])}
    found = pd.concat(
        [means(study["power"].rename(domain="series"), bounds=POSITIVE), pd.DataFrame(law)], ignore_index=True
    )
    found.attrs = {"title": title_of(study), "entry": study["entry"].to_series().to_dict()}
    return found


def terminal_variance(study: xr.Dataset) -> pd.DataFrame:
    """Variance of the latent against that of the data, of each deterministic method and of the limit of many steps:
    columns panel (the process), series, variance, mean, and entry, its s_0^2."""
    limit = _tidy(study["limit"]).assign(series=LIMIT)
    found = pd.concat([limit, _tidy(study["terminal"], method="series")], ignore_index=True)
    return found.assign(entry=found["process"].map(study["entry"].to_series())).rename(columns={"process": "panel"})


def closed_form(num_steps: Sequence[int] = (50, 500)) -> pd.DataFrame:
    """Variance of the latent of a standard inversion against that of the data, its limit beside it.

    DDIM inversion with the optimal noise predictor of Gaussian data is linear in each frequency. Its limit of many
    steps is S / (S + s_0^2), s_0 = sigma / alpha at the level where the image enters; beside it stands what the
    inversion makes in `num_steps` steps of data of powers S from 10 down to 1e-6.

    Columns series, variance, mean, entry as in `terminal_variance`, of the variance-preserving process.
    """
    (data, powers), process, standard = ladder(-6.0), PROCESSES[PRESERVING], inversion.create("standard")
    gains = {f"{steps} steps, measured": data.mean(data.gain(standard, process, steps)).numpy() for steps in num_steps}
    found = {LIMIT: powers / (powers + entry(process))} | {name: gain**2 * powers for name, gain in gains.items()}
    tables = [pd.DataFrame({"series": name, "variance": powers, "mean": values}) for name, values in found.items()]
    return pd.concat(tables, ignore_index=True).assign(entry=entry(process))


def convergence(study: xr.Dataset) -> pd.DataFrame:
    """Error of the gain against the number of steps, with lines of order 1 and 2 to compare slopes with.

    Columns panel (the process), series, steps, mean, and order, the fitted one; runs that overflowed are left out.
    """
    slopes = xr.DataArray([1.0, 2.0], {"method": ["order 1", "order 2"]}, ["method"])
    slopes = slopes.expand_dims(process=study["process"])
    guides = (float(study["steps"][0]) / study["steps"]) ** slopes
    found = {"mean": [study["error"], guides], "order": [orders(study), slopes]}
    both = xr.Dataset({name: xr.concat(values, "method") for name, values in found.items()})
    table = both.to_dataframe().reset_index().rename(columns={"process": "panel", "method": "series"})
    return table.dropna(subset="mean")


def entry_noise(study: xr.Dataset) -> pd.DataFrame:
    """The expected variance of EDM's latents with and without the noise of the entry level, and the limit without.

    Columns series, variance, mean, entry as in `terminal_variance`, of the variance-exploding process.
    """
    found, exploding = _tidy(study["edm_variance"]), study.sel(process=EXPLODING)
    found["series"] = found["entry_noise"].map(ENTRIES) + found["edm_steps"].map(", {} steps".format)
    limit = _tidy(exploding["limit"]).assign(series=LIMIT)
    return pd.concat([limit, found], ignore_index=True).assign(entry=float(exploding["entry"]))


def entry_noise_drawn(study: xr.Dataset) -> pd.DataFrame:
    """The same of drawn images, in the fewest steps: columns series, variance, and those of `intervals.means`."""
    found = means(study["edm_drawn"], "draw")
    return found.assign(series=found["entry_noise"].map(ENTRIES) + f", {study['edm_steps'].data[0]} steps")


def guided(study: xr.Dataset) -> pd.DataFrame:
    """Power of latents of one image with an emptied band, and that of OVG's over the standard one's where this has any.

    Columns panel, series, frequency, mean.
    """
    power = study["ovg_power"]
    there = power.where(~emptied_rings(study["frequency"]))
    ratio = there.sel(ovg_series=["OVG", "OVG, variance gradient alone"]) / there.sel(ovg_series="standard", drop=True)
    shown = {"power of the latent (white noise = 1)": power, "OVG / standard": ratio}
    return pd.concat([_tidy(values, ovg_series="series").assign(panel=panel) for panel, values in shown.items()])


def noise_at_level(study: xr.Dataset) -> pd.DataFrame:
    """Variance of the latent and its correlation with the source where noise enters at level k.

    Columns quantity, level, series, frequency; mean, the expectation; low and high, the 95 % bootstrap interval of the
    mean over draws, which the standard inversion does not have. Attr cutoff: where the source's own band ends.
    """
    standard = study["standard_variance"].expand_dims(replaced=study["replaced"])
    tables = []
    for quantity, title, reference in (
        ("variance", "power of the latent", standard),
        ("correlation", "correlation with source", xr.ones_like(standard)),
    ):
        drawn = means(study[f"{quantity}_drawn"], "draw")
        expected = _tidy(study[f"{quantity}_expected"])["mean"]
        both = [
            _tidy(reference).assign(series=STANDARD),
            drawn.assign(mean=expected, series=drawn["noise"].map(ENTERING)),
        ]
        tables.append(pd.concat(both).assign(quantity=title))
    found = pd.concat(tables, ignore_index=True)
    found = found.assign(level=found["replaced"].map("k = {}".format))
    found.attrs["cutoff"] = study.attrs["cutoff"]
    return found


def methods_table(study: xr.Dataset) -> pd.DataFrame:
    """A row per method: fitted order, network calls of an inversion, and the error of the round trip, by process."""
    order = orders(study).rename(method="trip").reindex(trip=study["trip"])
    columns = {f"Order, {name}": list(map(_order, order.sel(process=name).data)) for name in study["process"].data}
    for name in study["process"].data:
        columns[f"Round trip, {name}"] = list(map("{:.0e}".format, study["round_trip"].sel(process=name).data))
    columns["Network calls"] = study["calls"].sel(process=PRESERVING).data
    return pd.DataFrame(columns, pd.Index(study["trip"].data, name="Method"))


def noise_table(study: xr.Dataset) -> pd.DataFrame:
    """A row per noise and level k: the latent at high frequencies, and how much of the source it keeps."""
    variance, correlation = study["variance_expected"], study["correlation_expected"]
    columns = {
        "Variance, high frequencies": high_mean(variance),
        "Correlation, source's own band": own_band(study, correlation),
        "Correlation, high frequencies": high_mean(correlation),
        "Less than half from the source, from (cycles per pixel)": half_power(study),
    }
    found = xr.Dataset(columns).to_dataframe().rename_axis(["Noise", "k"])
    return found.map(lambda value: "-" if np.isnan(value) else f"{value:.3f}")


def orders(study: xr.Dataset) -> xr.DataArray:
    """Orders of convergence (process, method): minus the slope of log error against log steps.

    A least-squares line through the three finest runs; NaN where one of them overflowed.
    """
    finest = np.log(study["error"].isel(steps=slice(-3, None)))
    distance = np.log(finest["steps"]) - np.log(finest["steps"]).mean()
    return -(finest * distance).sum("steps", skipna=False) / (distance**2).sum()


def half_power(study: xr.Dataset) -> xr.DataArray:
    """The lowest frequency at which less than half of a latent's power comes from the source (noise, replaced).

    There the correlation with the source falls below 1 / sqrt(2); NaN where it never does.
    """
    lost = study["correlation_expected"] ** 2 < 0.5
    return study["frequency"].where(lost).min("frequency")


def own_band(study: xr.Dataset, values: xr.DataArray) -> xr.DataArray:
    """The mean over the frequencies that the source can hold, up to its own Nyquist frequency."""
    return values.where(values["frequency"] <= study.attrs["cutoff"], drop=True).mean("frequency")


def answer(study: xr.Dataset) -> str:
    """What a perfect network loses, and what brings it back."""
    level = {"process": PRESERVING}
    left, limit = (float(high_mean(one)) for one in (study["standard_variance"], study["data_limit"].sel(level)))
    noised = float(high_mean(study["variance_expected"].sel(noise=NOISES[0], replaced=0)))
    faint = study["terminal"].sel(level).sel(variance=float(study["entry"].sel(level)) / 10, method="nearest")
    inside = emptied_rings(study["frequency"])
    weak = high_mean(study["ovg_power"].where(~inside)).to_series()
    empty = float(study["ovg_power"].sel(ovg_series="OVG").where(inside).max())
    return (
        f"**Answer.** Without noise at the entry no method gives frequencies with a tenth of the power $s_0^2$ more "
        f"than {float(faint.max()):.2f} of white noise's variance. Above half the Nyquist frequency {left:.2f} of it "
        f"is left after {study.attrs['num_steps']} standard steps, {limit:.2f} in the limit of many, and {noised:.2f} "
        f"with noise of the entry level. OVG takes weak frequencies from {weak['standard']:.2f} to {weak['OVG']:.2f}, "
        f"and empty ones to {empty:.0e} at most."
    )


def setting(study: xr.Dataset) -> str:
    """Which images, and whose noise levels, as one line of Markdown."""
    own = float(study["entry"].sel(process=PRESERVING))
    return (
        f"**{title_of(study)}**, {attr(study, 'data_source')} images: {attr(study, 'origin')}. The data are "
        f"pixels of these images; the variance-preserving process has Stable Diffusion's betas ($s_0^2$ = {own:.1e}). "
        f"Those networks of this book that predict noise have DDPM's ({entry(DDPM):.1e}), and that of the photographs "
        "works on an autoencoder's latents."
    )


def verdict(study: xr.Dataset) -> str:
    """What the numbers say, as a Markdown list. Intervals are 95 % bootstrap intervals or draws."""
    preserving = {"process": PRESERVING}
    entry_noise = float(study["entry"].sel(preserving))
    below = study["below_entry"].to_series()
    faint = study.sel(variance=float(study["entry"].sel(process=EXPLODING)) / 10, method="nearest")
    added = mean_text(faint["edm_drawn"].sel(entry_noise=True), 2)
    edm = faint["edm_variance"].isel(edm_steps=0)
    order = orders(study).sel(process=EXPLODING)
    collapsed, limit = map(float, map(high_mean, (study["standard_variance"], study["data_limit"].sel(preserving))))
    inside = emptied_rings(study["frequency"])
    filled = study["ovg_power"].where(inside).max("frequency").to_series()
    guided = high_mean(study["ovg_power"].where(~inside)).to_series()
    most = study["replaced"].to_numpy()[-1]
    everywhere, empty = ({"noise": noise, "replaced": most} for noise in NOISES)
    kept, lowest = own_band(study, study["correlation_expected"]), study["variance_expected"].min("frequency")
    wild = study["error"].max("steps").to_series().unstack("method").max()
    unstable = ", ".join(f"{name} (up to {value:.0e})" for name, value in wild.items() if not value < 1)
    steps = study.attrs["num_steps"]
    at_entry, below_it = (_highest(study, entry_noise * factor) for factor in (1, 0.1))
    return (
        f"- **The data.** The targets' power falls with frequency to the power "
        f"{mean_text(study['slope'], 2)} ({study.sizes['sample']} "
        f"{attr(study, 'data_source')} images). Of the sources' Fourier coefficients {below[PRESERVING]:.0%} have "
        f"less power than the $s_0^2$ = {entry_noise:.1e} of the variance-preserving process, {below[EXPLODING]:.0%} "
        f"less than the {float(study['entry'].sel(process=EXPLODING)):.0e} of the variance-exploding one, "
        f"{below[FLOW]:.0%} less than the {float(study['entry'].sel(process=FLOW)):.0e} of flow matching, and "
        f"{float(study['empty']):.0%} have none.\n"
        f"- **Collapse of a perfect network.** Above half the Nyquist frequency the latents of the Gaussian data have "
        f"the variance {collapsed:.2f} after {steps} steps of the standard inversion, "
        f"and {limit:.2f} in the limit of many steps; white noise has 1. "
        f"Of all methods without noise the highest variance is {at_entry}, and {below_it}.\n"
        f"- **Orders of convergence** (variance exploding): "
        f"{', '.join(f'{name} {value:.2f}' for name, value in order.to_series().items() if value > 0)}. "
        f"With errors above 1 in one of the runs: {unstable or 'none'}.\n"
        f"- **EDM's entry noise.** Where the data has $S$ = {float(faint['variance']):.0e}, the latent's variance is "
        f"{float(edm.sel(entry_noise=False)):.2f} without and {float(edm.sel(entry_noise=True)):.2f} with the noise; "
        f"drawn, {added} ({study.sizes['draw']} draws).\n"
        f"- **OVG** raises the high frequencies from {guided['standard']:.2f} to "
        f"{guided['OVG, variance gradient alone']:.2f} with its variance gradient alone, and to {guided['OVG']:.2f} "
        f"with both gradients (one draw). In the emptied band its latent has at most the power {filled['OVG']:.0e}, "
        f"which is rounding error; with TABA the band has up to {filled['OVG + TABA']:.2f}.\n"
        f"- **Structure.** At k = {most} the latent's correlation with the source, averaged over the source's own "
        f"band, is {float(kept.sel(everywhere)):.3f} with noise everywhere and {float(kept.sel(empty)):.3f} with noise "
        f"in the empty band alone; the lowest power of the latent at any frequency is "
        f"{float(lowest.sel(everywhere)):.2f} and {float(lowest.sel(empty)):.2f}."
    )


def claims(found: Mapping[str, xr.Dataset]) -> list[Claim]:
    """What closed forms say to the paper's explanation; numbers of exact calculations have no interval.

    The network's bias as the cause: open where a perfect network's latents have at least `COLLAPSED` of white noise's
    variance at high frequencies, else it fails: they collapse without any bias. Nearer to white noise: by distance
    to 1. An emptied band counts as filled from half of white noise's power on, and as empty below a hundredth.
    """
    cause, nearer, filled = {}, {}, {}
    for study in found.values():
        title = title_of(study)
        collapsed = float(high_mean(study["standard_variance"]))
        cause[title] = f"{collapsed:.2f}", None if collapsed >= COLLAPSED else False
        inside = emptied_rings(study["frequency"])
        power = high_mean(study["ovg_power"].where(~inside)).to_series()
        closer = abs(power["OVG"] - 1) < abs(power["standard"] - 1)
        nearer[title] = f"{power['standard']:.2f} to {power['OVG']:.2f}", bool(closer)
        most = float(study["ovg_power"].where(inside).max("frequency").sel(ovg_series="OVG"))
        filled[title] = f"{most:.0e}", True if most > 0.5 else False if most < 0.01 else None
    return [
        from_cases(
            "A collapse needs a network that is biased towards low frequencies.",
            "Spectral Collapse, App. C",
            cause,
            "variance at high frequencies of a perfect network's latents, white noise 1",
            "fig-gaussian-terminal",
        ),
        from_cases(
            "OVG brings the high frequencies of a latent nearer to white noise.",
            "Spectral Collapse, Sec. 5.1",
            nearer,
            "power of a perfect network's latent, standard to OVG",
            "fig-gaussian-ovg",
        ),
        from_cases(
            "OVG supplies energy where the source has none.",
            "Spectral Collapse, Sec. 5.1",
            filled,
            "highest power in an emptied band, white noise 1",
            "fig-gaussian-ovg",
        ),
    ]


def _highest(study: xr.Dataset, variance: float) -> str:
    """The most variance that a method without noise reaches where the data has about this one, beside the limit."""
    at = study[["terminal", "limit"]].sel(process=PRESERVING).sel(variance=variance, method="nearest")
    most = at["terminal"].idxmax("method")
    return (
        f"{float(at['terminal'].max('method')):.2f} ({most.item()}) where $S$ = {float(at['variance']):.1e}, with a "
        f"limit of {float(at['limit']):.2f}"
    )


def _tidy(values: xr.DataArray, **names: str) -> pd.DataFrame:
    """A row per value, in the column mean; names: of dimensions, what their columns are called."""
    return values.rename(names).to_dataframe("mean").reset_index()


def _order(value: float) -> str:
    """An order of convergence; '-' where it was not measured."""
    if np.isnan(value):
        return "-"
    return f"{value:.2f}" if value > 0 else "diverges"
