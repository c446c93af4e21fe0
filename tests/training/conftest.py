from __future__ import annotations

from pathlib import Path

import pytest

from spectral_collapse import networks
from spectral_collapse.training import tasks
from tests.training.tiny import tiny_held_out, tiny_pool


@pytest.fixture
def home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with an untrained autoencoder, and tiny images instead of the data sets'."""
    monkeypatch.setattr(tasks, "load_pool", tiny_pool)
    monkeypatch.setattr(tasks, "held_out", tiny_held_out)
    autoencoder = networks.small_autoencoder((16, 16, 16))
    autoencoder.register_to_config(latents_mean=[0.0] * 4, latents_std=[1.0] * 4)
    networks.save_network(autoencoder, home / "checkpoints" / "autoencoder", {})
    return home
