"""Domain labels as both papers use them."""

from __future__ import annotations

SOURCE, TARGET, NULL = 0, 1, 2
"""Source domain, target domain, no domain; further sources of one network count on from 3."""
