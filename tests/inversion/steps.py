"""Single steps of a method, and a denoiser with label embeddings in closed form."""

from __future__ import annotations

import torch

from spectral_collapse.denoisers import Denoiser, GaussianDenoiser, Prediction
from spectral_collapse.inversion import InversionMethod, InversionState
from spectral_collapse.inversion.base import CountingDenoiser, ForwardNoise
from spectral_collapse.processes import Level, Process


def one_step(
    method: InversionMethod,
    denoiser: Denoiser,
    clean: torch.Tensor,
    num_steps: int,
    position: int,
    x: torch.Tensor | None = None,
) -> torch.Tensor:
    """The state after the method's step from `position`, at x (or clean), under label 0."""
    labels = torch.zeros(len(clean), dtype=torch.long)
    levels = denoiser.process.levels(num_steps)
    noise = ForwardNoise(clean, method.draws(num_steps), None)
    run = InversionState(CountingDenoiser(denoiser, len(clean)), labels, levels, clean, noise, position=position)
    with torch.no_grad():
        return method.step(run, clean if x is None else x)[0]


class EmbeddedGaussian:
    """The perfect denoiser of white Gaussian data whose mean is a stripe pattern times an embedding."""

    table = torch.tensor([[0.5, 0.0], [0.0, 0.5], [-0.5, -0.5]], dtype=torch.float64)

    def __init__(self, process: Process, variance: float, size: int = 8) -> None:
        self.process = process
        self.inner = GaussianDenoiser(process, {0: torch.full((size, size), variance)})
        stripes = torch.arange(size) % 2 * 2.0 - 1
        self.patterns = torch.stack([stripes[:, None].expand(size, size), stripes.expand(size, size)])

    def embed(self, label: torch.Tensor) -> torch.Tensor:
        return self.table[label]

    def conditioned(self, x: torch.Tensor, level: Level, embedding: torch.Tensor) -> Prediction:
        mean = torch.einsum("ne,ehw->nhw", embedding.to(x), self.patterns.to(x))[:, None]
        centred = self.inner(x - level.alpha * mean, level, torch.zeros(len(x), dtype=torch.long))
        return Prediction(centred.noise, centred.clean + mean)

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        return self.conditioned(x, level, self.embed(label))
