"""Denoisers made of others, for experiments: with true answers, with half of an answer, or on other levels."""

from __future__ import annotations

from spectral_collapse.checks import check_is, described
from spectral_collapse.denoisers.base import Denoiser, Prediction, check_asked, check_denoiser, check_process
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.processes import Level, Process


class TrueBelow:
    """An oracle: it returns the true image and noise below a noise ratio sigma / alpha, and calls another one above."""

    def __init__(self, denoiser: Denoiser, truth: Prediction, ratio: float) -> None:
        check_denoiser(denoiser)
        check_is("truth", truth, Prediction, "a Prediction")
        if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not ratio >= 0:  # nor is NaN
            raise InvalidParameterError(f"ratio must be a number of at least 0; {described(ratio)} was given")
        self.denoiser, self.truth, self.ratio, self.process = denoiser, truth, ratio, denoiser.process

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        """The truth, whatever x is, or what the other denoiser says of x."""
        check_asked(x, level, label)
        # a level that walks of different steps share may differ in its last bits
        known = level.ratio < self.ratio * (1 - 1e-9)
        return self.truth if known else self.denoiser(x, level, label)


class FromClean:
    """Uses only the clean image of a denoiser's answer; the noise follows from it (Spectral Collapse, Eq. 53)."""

    def __init__(self, denoiser: Denoiser) -> None:
        check_denoiser(denoiser)
        self.denoiser, self.process = denoiser, denoiser.process

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        """The other denoiser's clean image, and what it leaves of x as noise."""
        check_asked(x, level, label)
        clean = self.denoiser(x, level, label).clean
        return Prediction((x - level.alpha * clean) / level.sigma, clean)


class OnProcess:
    """A denoiser used on another process, at whose levels it was trained too."""

    def __init__(self, denoiser: Denoiser, process: Process) -> None:
        check_denoiser(denoiser)
        check_process(process)
        self.denoiser, self.process = denoiser, process

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        """What the other denoiser says."""
        return self.denoiser(x, level, label)
