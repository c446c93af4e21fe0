from __future__ import annotations

import torch

from spectral_collapse.denoisers import NetworkDenoiser
from spectral_collapse.inversion import FixedPoint, ReNoise
from spectral_collapse.inversion.fixed_point import anderson
from spectral_collapse.processes import Process, VariancePreserving
from spectral_collapse.sampling import sample
from tests.each import each
from tests.gaussian import PROCESSES, draw, flat
from tests.networks_tiny import tiny_unet


@each("process", PROCESSES)
@each("num_steps", [3, 50])
@each("variance", [1e-6, 1.0])
def test_plain_sampling_returns_the_image(process: Process, num_steps: int, variance: float) -> None:
    denoiser, x = flat(process, variance), draw(variance)
    inverted = FixedPoint(tolerance=1e-13).invert(denoiser, x, 0, num_steps)
    assert inverted.diagnostics["residual"].max() <= 1e-13
    back = sample(denoiser, inverted.latent, 0, num_steps)
    # float64's 2e-16 at the noisiest level, where the states are norm times as large as the data or more.
    torch.testing.assert_close(back, x, rtol=0, atol=1e-11 * max(1.0, inverted.levels[-1].norm))


@each("prediction", ["epsilon", "sample", "velocity"])
def test_networks_of_any_prediction_type_come_back(prediction: str) -> None:
    torch.manual_seed(0)
    network = tiny_unet().double()
    denoiser = NetworkDenoiser(network, VariancePreserving(), prediction)
    x = torch.randn(2, 4, 16, 16, dtype=torch.float64)
    inverted = FixedPoint(tolerance=1e-12, iterations=200).invert(denoiser, x, 0, 20)
    reached = inverted.diagnostics["residual"]
    assert reached.max() <= 1e-12
    back = sample(denoiser, inverted.latent, 0, 20)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-8)


def test_anderson_solves_a_linear_system_in_as_many_calls_as_it_has_directions(generator: torch.Generator) -> None:
    """Like GMRES: three eigenvalues other than zero need four calls and one to see it, however slowly
    plain iteration converges (0.99 here)."""
    factors = torch.tensor([0.99, -0.9, 0.5, 0.0], dtype=torch.float64)
    offset = torch.randn(2, 4, generator=generator, dtype=torch.float64)
    start = torch.zeros(2, 4, dtype=torch.float64)
    solution, residual, used = anderson(lambda y, rows: factors * y + offset[rows], start, 1e-9, 50)
    torch.testing.assert_close(solution, offset / (1 - factors), rtol=1e-6, atol=1e-6)
    assert (residual <= 1e-9).all()
    assert used.max() <= 8


def test_converged_images_are_not_asked_again_and_others_report_what_they_reached() -> None:
    asked = []

    def g(y: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        asked.append(rows.tolist())
        return torch.where(rows[:, None] == 0, torch.ones_like(y), 2 * y.roll(1, 1) + 1)

    _, residual, used = anderson(g, torch.ones(2, 3, dtype=torch.float64).cumsum(1), 1e-6, 3)
    assert asked[0] == [0, 1]
    assert asked[-1] == [1]
    assert residual[0] <= 1e-6 < residual[1]
    assert used.tolist() == [2, 3]


def test_iterations_of_renoise_contract_to_the_fixed_point() -> None:
    """On Gaussian data one contracts by 1 - s / s', 0.8 or less in each of the 50 steps; 0.8^60 = 2e-6."""
    denoiser, x, plain = flat(VariancePreserving(), 1e-3), draw(1e-3), {"lambda_pair": 0.0, "lambda_patch": 0.0}
    runs = [ReNoise(iterations=n, **plain).invert(denoiser, x, 0) for n in (1, 4, 16, 60)]
    residuals = torch.stack([run.diagnostics["residual"].amax() for run in runs])
    assert (residuals[1:] < 0.8**3 * residuals[:-1]).all(), residuals
    exact = FixedPoint(tolerance=1e-13).invert(denoiser, x, 0).latent
    torch.testing.assert_close(runs[-1].latent, exact, rtol=1e-4, atol=1e-4)
