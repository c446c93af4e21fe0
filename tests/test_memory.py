"""The memory that counts is the container's, and what cannot fit is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from spectral_collapse import memory
from spectral_collapse.errors import InvalidParameterError


def test_a_container_has_what_its_limit_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "_LIMITS", [str(file)])
    machine = memory.total()
    assert machine > 1e8
    for text, expected in (("1000000\n", 1e6), ("max\n", machine), (str(2**63), machine)):
        file.write_text(text)
        assert memory.total() == expected
    file.write_text("2000000000\n")
    memory.check(2e9, "this", "ask for less")
    with pytest.raises(InvalidParameterError, match="needs at least 3 GB, and this machine has 2 GB; ask for less"):
        memory.check(3e9, "this", "ask for less")
