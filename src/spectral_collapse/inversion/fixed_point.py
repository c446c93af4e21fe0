"""Fixed-point inversion: the step that sampling will take, solved for its origin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spectral_collapse.checks import check_count, check_number
from spectral_collapse.inversion.base import InversionMethod, InversionState
from spectral_collapse.later import torch
from spectral_collapse.sampling import increment

_HISTORY = 4  # iterates that Anderson's acceleration mixes


@dataclass(frozen=True)
class FixedPoint(InversionMethod):
    """The implicit Euler step x' = x + increment at x', solved by Anderson-accelerated iteration.

    Sampling from the latent takes the same noise at the same states and so returns the image
    (AIDI, Pan et al. 2023; Meiri et al. 2023).

    tolerance: of the relative change ||g(x') - x'|| / ||x'||, at which an image's iteration stops.
    iterations: at most this many network calls per step. Diagnostics: 'residual', the relative change
    that was reached, and 'iterations'; an image whose residual is above the tolerance did not
    converge there, and will not come back exactly.
    """

    tolerance: float = 1e-6
    iterations: int = 50

    name = "fixed_point"

    def __post_init__(self) -> None:
        check_number("tolerance", self.tolerance, 0)
        check_count("iterations", self.iterations, 1)

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, None]:
        level, following = run.level, run.following

        def following_x(guess: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
            return x[rows] + increment(run.denoiser(guess, following, run.labels[rows]), level, following)

        # The first guess, the state as it is, costs no call.
        solution, residual, used = anderson(following_x, x, self.tolerance, self.iterations)
        run.seen.update(residual=residual, iterations=used)
        return solution, None


def anderson(
    g: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], start: torch.Tensor, tolerance: float, iterations: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Solves y = g(y, rows) for each sample of a batch by Anderson's acceleration (Walker and Ni 2011).

    g is called with y (rows x ...) for the samples `rows` (a LongTensor) that have not converged yet.

    Returns:
        g of the last iterate (N x ...), its relative residual (N,), and the calls of g per sample (N,).
    """
    rows = torch.arange(len(start), device=start.device)
    solution, residual = torch.empty_like(start), start.new_full((len(start),), float("inf"))
    used = torch.zeros_like(residual)
    iterates, images = start.flatten(1)[:, None], None
    for _ in range(iterations):
        image = g(iterates[:, -1].view(-1, *start.shape[1:]), rows).flatten(1)
        change = torch.linalg.vector_norm(image - iterates[:, -1], dim=1) / torch.linalg.vector_norm(image, dim=1)
        solution[rows], residual[rows], used[rows] = image.view(-1, *start.shape[1:]), change, used[rows] + 1
        going = ~(change <= tolerance)
        rows, iterates, image = rows[going], iterates[going], image[going]
        if not len(rows):
            break
        images = image[:, None] if images is None else torch.cat([images[going], image[:, None]], 1)
        iterates, images = iterates[:, -_HISTORY:], images[:, -_HISTORY:]
        iterates = torch.cat([iterates, _mixed(iterates, images)[:, None]], 1)
    return solution, residual, used


def _mixed(iterates: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """The next iterate, M x d, from the last ones and their images, M x history x d."""
    residuals = (images - iterates).double()
    # Differences to the last residual: minimising over them keeps the weights' sum at one.
    differences = residuals[:, :-1] - residuals[:, -1:]
    gram = differences @ differences.mT
    # Relative to the diagonal's mean: parallel residuals would make the system singular.
    scale = gram.diagonal(dim1=-2, dim2=-1).mean(-1) if gram.shape[-1] else gram.new_zeros(len(gram))
    ridge = torch.diag_embed((1e-12 * scale + torch.finfo(gram.dtype).tiny)[:, None].expand(gram.shape[:-1]))
    weights = torch.linalg.solve(gram + ridge, -(differences @ residuals[:, -1, :, None]))[..., 0]
    all_weights = torch.cat([weights, 1 - weights.sum(1, keepdim=True)], 1)
    return (all_weights[:, None] @ images.double())[:, 0].to(images.dtype)
