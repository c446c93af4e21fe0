"""What a diagnosis says: three sentences, and the bounds behind them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.findings.measured import Held, above, all_of, below, said
from spectral_collapse.statistics import POSITIVE, SHARE, Bounds, Interval, text

HALF, ENERGY = 0.5, 1.25
"""The bounds: latents collapse below half of white noise's power at high frequencies, or half of its S_DC; the loss
from steps of finite length is smaller. Images lose detail below 1 / 1.25 of the references' energy at high frequencies,
and have too much above 1.25 times it. A bound is crossed if the whole 95 % interval is beyond it."""


@dataclass(frozen=True)
class Verdict:
    """A judged diagnosis. study: the result of `diagnose`."""

    study: xr.Dataset

    @property
    def first(self) -> str:
        """The method that is judged."""
        return str(self.study["method"].values[0])

    def power(self, name: str) -> Interval:
        """The latents' power at high frequencies; white noise has 1."""
        return self._mean("hf_power", name, POSITIVE)

    def s_dc(self, name: str) -> Interval:
        return self._mean("s_dc", name, SHARE)

    def norm(self, name: str) -> Interval:
        return self._mean("norm", name, POSITIVE)

    def _mean(self, what: str, name: str, bounds: Bounds) -> Interval:
        return statistics.bootstrap_mean(self.study[what].sel(series=name), bounds=bounds)

    def energy(self, name: str) -> Interval:
        """The images' energy at high frequencies over the references': geometric mean, for pairs each over its own."""
        own, reference = self.study["excess"].sel(output=name, drop=True), self.study["reference_excess"].values
        if self.study.attrs["paired"]:
            return statistics.geometric_mean(own - reference)
        ends, usual = statistics.bootstrap_mean(own), statistics.bootstrap_mean(reference)
        down = math.hypot(ends.mean - ends.low, usual.high - usual.mean)  # the ratio of two independent means
        up = math.hypot(ends.high - ends.mean, usual.mean - usual.low)
        return Interval(*(float(np.exp(end)) for end in (ends.mean, ends.mean - down, ends.mean + up)))

    def distance(self, name: str) -> float:
        """How far a method's energy is from the references', as a logarithm.

        For pairs it is the mean of each image's own distance, so that too much in one does not make up for too little
        in another. Without energies it is that of the latents' power.
        """
        gaps = self.study["excess"].sel(output=name).values
        if self.study.attrs["paired"]:
            gaps = np.abs(gaps - self.study["reference_excess"].values)
        found = abs(float(gaps.mean()))
        return found if math.isfinite(found) else abs(math.log(max(self.power(name).mean, 1e-9)))

    def white(self, name: str) -> Held:
        """Whether latents do not collapse; None if these images leave it open."""
        return all_of(above(self.power(name), HALF), above(self.s_dc(name), HALF * self.study.attrs["white_s_dc"]))

    @property
    def collapses(self) -> Held:
        """Whether the latents of the first method collapse."""
        held = self.white(self.first)
        return None if held is None else not held

    @property
    def loses(self) -> Held:
        """Whether its images have too little detail."""
        return below(self.energy(self.first), 1 / ENERGY)

    @property
    def recommended(self) -> str:
        """The first method if nothing has to be mended, else the best of the others; '' if none is good enough.

        A method is good enough if its power at high frequencies is within a quarter of white noise's, or off by at most
        half as much as the first one's, and if its energy is a quarter nearer to the references' than the first one's.
        Of those within the bounds the best one keeps most of the source's structure; if none is within them, it is the
        nearest.
        """
        if self.collapses is False and not self.loses:
            return self.first

        others = [str(name) for name in self.study["method"].values[1:]]
        lacks = {name: abs(1 - self.power(name).mean) for name in (self.first, *others)}
        whiter = [name for name in others if lacks[name] <= max(0.25, lacks[self.first] / 2)]
        near = [name for name in whiter if self.distance(name) <= 0.75 * self.distance(self.first)]
        inside = [name for name in near if self.distance(name) <= math.log(ENERGY)]
        structure = self.study["s_lf"].mean("sample")
        if inside:
            return max(inside, key=lambda name: float(structure.sel({"method": name})))
        return min(near, key=self.distance, default="")

    def cost(self, name: str) -> str:
        seconds, calls = (self.study[what].sel({"method": name}) for what in ("seconds", "network_calls"))
        return f"{float(seconds):.2g} s and {int(calls)} network calls an image"

    def sentences(self) -> list[str]:
        """Whether latents collapse, whether that reaches the images, and what mends it."""
        name, white = self.first, self.study.attrs["white_s_dc"]
        says = {True: "The latents collapse", False: "The latents do not collapse", None: "These images leave it open"}
        low = {"power": below(self.power(name), HALF), "S_DC": below(self.s_dc(name), HALF * white)}
        alone = [what for what, held in low.items() if held]
        why = f", by their {alone[0]} alone" if len(alone) == 1 else ""
        why += ", but have too much power" * bool(self.collapses is False and above(self.power(name), 1 / HALF))
        latents = (
            f"{says[self.collapses]}{why}: those of the {name} inversion have {text(self.power(name), 2)} times the "
            f"power of white noise at high frequencies (a collapse is below {HALF:g}), and S_DC "
            f"{text(self.s_dc(name), 2)} where white noise has {white:.2f} (below {HALF * white:.2f})."
        )
        energy, reference = self.energy(name), said(self.study.attrs["reference"])
        if math.isnan(energy.mean):
            return [latents, "Whether it reaches the images was not measured.", self._third()]
        much = above(energy, ENERGY)
        reaches = {
            True: "It reaches the images" if self.collapses else "The images lack detail",
            False: "It does not reach the images",
            None: "These images leave open whether it reaches them",
        }
        state = "The images have too much detail" if much else reaches[self.loses]
        images = (
            f"{state}: translated, they have {text(energy, 2)} times the energy of the {reference} at high frequencies "
            f"(bounds {1 / ENERGY:g} and {ENERGY:g})."
        )
        return [latents, images, self._third()]

    def _third(self) -> str:
        name = self.recommended
        if not name:
            return (
                "None of the methods that were tried brings the right amount of detail; with more steps, or with all "
                "methods, one may."
            )
        if name == self.first:
            return f"Nothing has to be mended; the {name} inversion takes {self.cost(name)}."
        off = self.distance(name)
        mends = "mends it on average" if off <= math.log(ENERGY) else "comes nearest, and does not mend all of it"
        pairs = f" (image by image off by a factor of {math.exp(off):.2g})" if self.study.attrs["paired"] else ""
        return (
            f"{name} {mends}: power {text(self.power(name), 2)}, energy {text(self.energy(name), 2)}{pairs}, for "
            f"{self.cost(name)}, where the {self.first} one takes {self.cost(self.first)}."
        )
