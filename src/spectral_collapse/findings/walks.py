"""What each inversion method does on its way, level by level: when it asks the network, and where noise enters.

Measured by running the methods, on Gaussian data that is empty at high frequencies as an enlarged image is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from spectral_collapse import inversion
from spectral_collapse.denoisers import GaussianDenoiser, Prediction
from spectral_collapse.findings.benchmark import called
from spectral_collapse.labels import NULL, SOURCE, TARGET
from spectral_collapse.later import torch
from spectral_collapse.processes import Level, VariancePreserving

UP, DOWN = "inversion: from image to noise", "sampling: from noise to image"
WITHOUT = ("null_class",)
"""Methods that optimise what a network is told of the label; the closed form is told a number."""
STEPS = 25
_SIDE, _KEPT = 16, 3
"""Height and width of the data, and the frequencies in each direction, from 0, that it has power at."""
_ELSEWHERE = 1e-5
"""Its power at the others; the noise of the first level has ten times as much."""


class _Watched:
    """A denoiser that writes down at which level it was asked, by how many images, and whether for a gradient."""

    def __init__(self, denoiser: GaussianDenoiser) -> None:
        self.denoiser, self.process = denoiser, denoiser.process
        self.asked: list[tuple[Level, int, bool]] = []

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        self.asked.append((level, len(x), x.requires_grad))
        return self.denoiser(x, level, label)

    def calls(self, levels: list[Level], images: int) -> dict[float, tuple[int, bool]]:
        """Place of a level, to the half -> network calls per image, and whether one was for a gradient; then anew."""
        found: dict[float, tuple[int, bool]] = {}
        times = [level.time for level in levels]
        for level, rows, gradient in self.asked:
            place = round(2 * float(np.interp(level.time, times, range(len(times))))) / 2
            count, before = found.get(place, (0, False))
            found[place] = (count + rows, before or gradient)
        self.asked = []
        return {place: (round(rows / images), gradient) for place, (rows, gradient) in found.items()}


def walks(methods: Iterable[str] | None = None, num_steps: int = STEPS) -> pd.DataFrame:
    """A row per method, direction and level, with default settings. methods: names in `inversion.METHODS`; all but
    `WITHOUT` without it. Raises what `inversion.create` raises.

    Columns method, direction (`UP` or `DOWN`), level (0 the cleanest; half levels where a method asks between two);
    calls, network calls per image; gradient, whether one through them was taken; drawn, the share of the level's noise
    that was drawn and not inverted, NaN on the way back; remembers, whether the way back uses more than the latent.
    """
    names = [name for name in inversion.METHODS if name not in WITHOUT] if methods is None else methods
    return pd.DataFrame([row for name in names for row in _walk(name, num_steps)])


def _walk(name: str, num_steps: int) -> Iterator[dict[str, object]]:
    near = torch.fft.fftfreq(_SIDE).abs() * _SIDE < _KEPT
    spectrum = torch.outer(near, near).float().clamp_min(_ELSEWHERE)
    process = VariancePreserving(beta_start=1e-4, beta_end=0.02, schedule="linear")
    # perfect for data with nearly all its power at low frequencies, under every label; two draws of that data
    denoiser = _Watched(GaussianDenoiser(process, dict.fromkeys((SOURCE, TARGET, NULL), spectrum)))
    white = torch.randn(2, 1, _SIDE, _SIDE, generator=torch.Generator().manual_seed(0))
    clean = torch.fft.ifft2(torch.fft.fft2(white) * spectrum.sqrt()).real
    levels, states, method = process.levels(num_steps), [], inversion.create(name)
    for seed in (0, 1):
        generator = torch.Generator().manual_seed(seed)
        inverted = method.invert(denoiser, clean, SOURCE, num_steps, generator, record=True)
        states.append(inverted.trajectory)
        up = denoiser.calls(levels, len(clean))
    # two draws of white noise differ by sqrt(2) times its standard deviation
    apart = (states[0] - states[1]).square().flatten(1).mean(1).sqrt() / 2**0.5
    drawn = {place: float(apart[place]) / level.sigma for place, level in enumerate(inverted.levels)}
    method.sample(denoiser, inverted, TARGET)
    for direction, calls, shares in ((UP, up, drawn), (DOWN, denoiser.calls(levels, len(clean)), {})):
        for place in sorted({*calls, *shares}):
            count, gradient = calls.get(place, (0, False))
            row = {"method": called(name), "remembers": method.remembers, "direction": direction, "level": place}
            yield row | {"calls": count, "gradient": gradient, "drawn": min(shares.get(place, np.nan), 1.0)}
