"""Findings: what the numbers of a study say, as tidy tables with intervals and computed sentences."""
