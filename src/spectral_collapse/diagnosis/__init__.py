"""A user's own model and images: does it collapse, and what mends it? `diagnose`, its report, and tables of scores."""

from __future__ import annotations

from spectral_collapse.diagnosis.diagnose import cheap_methods, diagnose
from spectral_collapse.diagnosis.scores import score_table
from spectral_collapse.diagnosis.verdict import Verdict

__all__ = ["Verdict", "cheap_methods", "diagnose", "score_table"]
