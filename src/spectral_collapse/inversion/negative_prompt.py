"""Negative-prompt inversion: the source's own label in place of the null label."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.inversion.base import InversionState, StandardSteps


@dataclass(frozen=True)
class NegativePrompt(StandardSteps):
    """Standard inversion; sampling is guided away from the source label, not from the null label.

    This is what `null_class` would find without optimising if the inversion could be retraced exactly (Miyake et al.
    2023, Sec. 3.2). Under the source label guidance has no effect. The authors' inversion is prompt-to-prompt's, which
    gives the network the next timestep: told='next'.
    """

    name = "negative_prompt"
    remembers = True

    def prepare(self, run: InversionState) -> None:
        run.memory["null_label"] = run.labels
