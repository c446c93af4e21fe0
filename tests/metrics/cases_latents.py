"""Scores of latents, for the battery."""

from __future__ import annotations

from spectral_collapse import metrics
from spectral_collapse.errors import DataError

from .case import Case

CASES: dict[str, Case] = {
    "s_dc": Case("S_DC", metrics.s_dc, least=5),
    "s_g": Case("S_G", metrics.s_g, per_sample=False),
    "radial_spectrum": Case("radial spectrum", lambda x: metrics.radial_spectrum(x)[1]),
    "high_frequency_deficit": Case("high-frequency deficit", metrics.high_frequency_deficit, least=4),
    "pca": Case("PCA", metrics.pca, per_sample=False, constant=DataError),
    "map_pca": Case("PCA", metrics.map_pca, constant="undefined"),
    "patch_correlation": Case("patch correlation", metrics.patch_correlation, per_sample=False, least=8),
    "shapiro_wilk": Case("Shapiro-Wilk", metrics.shapiro_wilk),
    "kl_divergence": Case("KL", metrics.kl_divergence, per_sample=False),
    "moments": Case("moments", metrics.moments, constant="undefined"),
    "triangle": Case(
        "triangle",
        lambda x: metrics.triangle(x, x.flip(-1), x.roll(3, -1)),
        compare=lambda x, y: metrics.triangle(x, y, x.roll(3, -1)),
        constant="undefined",
    ),
    "nearest_noise": Case(
        "nearest noise",
        lambda x: metrics.nearest_noise(x, x.flip(-1)),
        per_sample=False,
        compare=metrics.nearest_noise,
        identity=1.0,
    ),
}
