"""Newton-Raphson inversion, kept near the noise that the image would have."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.checks import check_count, check_number
from spectral_collapse.inversion.base import InversionMethod, InversionState
from spectral_collapse.later import torch
from spectral_collapse.sampling import step_with


@dataclass(frozen=True)
class GNRI(InversionMethod):
    """Guided Newton-Raphson inversion (Samuel et al. 2025).

    Solves the step that sampling will take for its starting state, by Newton-Raphson on the scalar r(z) = mean of
    |z - f(z)| + weight / 2 * ((f(z) - alpha x0) / sigma)^2, f one implicit step (`sampling.step_with`). The first z is
    the state that the step starts from. The second term pulls z to where the noised image would be. The result is the
    f(z) of the iterate with the smallest r.

    iterations: per step, one network call and one vector-Jacobian product each. weight: of the pull. floor: gradients
    smaller than this, relative to their mean, are raised to it, since r is divided by each. The authors use 2
    iterations and 0.1; their published code leaves the network out of the gradient, the paper and this code do not.
    Diagnostics: 'residual', the mean |z - f(z)| of the iterate taken.
    """

    iterations: int = 2
    weight: float = 0.1
    floor: float = 0.1

    name = "gnri"

    def __post_init__(self) -> None:
        check_count("iterations", self.iterations, 1)
        check_number("weight", self.weight, 0)
        check_number("floor", self.floor, 0, exclude=(0,))

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, None]:
        z = x
        best = least = residual = None
        for _ in range(self.iterations):
            with torch.enable_grad():
                free = z.detach().requires_grad_(True)
                found = step_with(run.denoiser(free, run.following, run.labels), x, run.level, run.following)
                distance = (free - found).abs()
                pull = ((found - run.following.alpha * run.clean) / run.following.sigma).square()
                score = (distance + self.weight / 2 * pull).mean((1, 2, 3))
                (gradient,) = torch.autograd.grad(score.sum(), free)
            score, moved = score.detach(), distance.detach().mean((1, 2, 3))
            better = torch.ones_like(score, dtype=torch.bool) if best is None else score < least
            wide = better.view(-1, 1, 1, 1)
            best = found.detach() if best is None else torch.where(wide, found.detach(), best)
            least = score if least is None else torch.where(better, score, least)
            residual = moved if residual is None else torch.where(better, moved, residual)
            z = z - _newton(score, gradient, self.floor)
        run.seen["residual"] = residual
        return best, None


def _newton(score: torch.Tensor, gradient: torch.Tensor, floor: float) -> torch.Tensor:
    """r / (d * dr/dz), element by element."""
    size = gradient.abs()
    least = floor * size.mean((1, 2, 3), keepdim=True) + torch.finfo(size.dtype).tiny
    divisor = torch.where(gradient < 0, -1.0, 1.0) * torch.maximum(size, least)
    return score.view(-1, 1, 1, 1) / (gradient[0].numel() * divisor)
