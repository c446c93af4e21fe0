"""A user's own model and images: does it collapse, and what mends it? `diagnose`, its report, and tables of scores."""

from __future__ import annotations

from spectral_collapse.diagnosis.scores import score_table

__all__ = ["score_table"]
