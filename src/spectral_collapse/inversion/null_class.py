"""Null-text inversion in the space of label embeddings."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.checks import check_count, check_number
from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionState, StandardSteps
from spectral_collapse.labels import NULL
from spectral_collapse.later import torch
from spectral_collapse.sampling import SamplingState, guide, ode_step


@dataclass(frozen=True)
class NullClass(StandardSteps):
    """Standard inversion, then a null embedding per step that makes guided sampling retrace it.

    Mokady et al. 2022, Alg. 1, with the embedding of the null label where they have that of the empty prompt. From the
    noisiest level down, the embedding is optimised by Adam, warm-started from the level before, until guided sampling
    under the source label meets the inversion's state. Rate and tolerance change from level to level as in the authors'
    code, whose inversion gives the network the next timestep: told='next'.

    Args:
        guidance: the weight that sampling will have; the embeddings do not fit any other, and at 1 they have no effect.
        iterations: at most this many steps of Adam per level.
        learning_rate: Adam's at the noisiest level; i levels below it is 1 - i / 100 of that, 0 from the 100th on.
        tolerance: mean squared difference of the two states below which an image's optimisation stops; i levels below
            the noisiest it is 1 + 2 i times that. It is checked after each step of Adam, so there is at least one.
        null_label: whose embedding to start from.

    Needs a denoiser with label embeddings (`NetworkDenoiser.embed` and `conditioned`). Diagnostics,
    per inversion step: 'residual', the mean squared difference that was reached; 'iterations'.
    """

    guidance: float = 7.5
    iterations: int = 10
    learning_rate: float = 0.01
    tolerance: float = 1e-5
    null_label: int = NULL

    name = "null_class"
    keeps_states = True
    remembers = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("guidance", self.guidance, 0)
        check_count("iterations", self.iterations, 0)
        check_number("learning_rate", self.learning_rate, 0)
        check_number("tolerance", self.tolerance, 0)
        check_count("null_label", self.null_label, 0)

    def prepare(self, run: InversionState) -> None:
        if not hasattr(run.denoiser.denoiser, "conditioned"):
            raise InvalidParameterError(
                f"null_class optimises label embeddings, which {type(run.denoiser.denoiser).__name__} does not have; "
                "use a NetworkDenoiser, or negative_prompt"
            )

    def finish(self, run: InversionState, states: list[torch.Tensor]) -> torch.Tensor:
        x = states[-1]
        null = run.denoiser.embed(torch.full_like(run.labels, self.null_label))
        found = []
        for position in range(len(states) - 2, -1, -1):
            run.position = position
            conditional = run.denoiser(x, run.following, run.labels)
            null, x = self._optimise(run, null, x, conditional, states[position])
            found.append(null)
        run.memory["null"] = found[::-1]
        return states[-1]

    def _optimise(
        self, run: InversionState, null: torch.Tensor, x: torch.Tensor, conditional: Prediction, wanted: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The embeddings (N, E) that lead x at the upper level to `wanted` at the lower one, and where they lead."""
        done = len(run.levels) - 2 - run.position  # levels above, each optimised before
        null = null.clone()
        null.grad = torch.zeros_like(null)
        adam = torch.optim.Adam([null], self.learning_rate * max(1 - done / 100, 0))
        going, used = torch.ones(len(x), dtype=torch.bool, device=x.device), torch.zeros(len(x), device=x.device)
        for iteration in range(self.iterations + 1):
            optimised = iteration < self.iterations and bool(going.any())
            with torch.enable_grad():
                embedding = null.detach().requires_grad_(optimised)
                guided = guide(run.denoiser.conditioned(x, run.following, embedding), conditional, self.guidance)
                reached = ode_step(guided, run.level)
                # A mean per image and a sum over them: an image's gradient does not see its batch.
                error = (reached - wanted).square().mean((1, 2, 3))
                total = error.sum()
            if not optimised:
                break
            (gradient,) = torch.autograd.grad(total, embedding)
            null.grad.copy_(gradient)
            before = null.clone()
            adam.step()
            null.copy_(torch.where(going[:, None], null, before))
            used += going
            going &= error.detach() >= self.tolerance * (1 + 2 * done)
        run.seen.update(residual=error.detach(), iterations=used)
        return null.detach(), reached.detach()

    def step_back(self, run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        conditional = run.denoiser(x, run.level, run.labels)
        if run.guidance == 1:
            return ode_step(conditional, run.following), conditional
        null = run.denoiser.conditioned(x, run.level, run.memory["null"][run.position])
        prediction = guide(null, conditional, run.guidance)
        return ode_step(prediction, run.following), prediction
