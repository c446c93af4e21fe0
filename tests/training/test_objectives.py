from __future__ import annotations

import numpy as np
import pytest
import torch

from spectral_collapse import networks
from spectral_collapse.denoisers import PREDICTION_TYPES, PredictionType, coefficients
from spectral_collapse.processes import FlowMatching, Process, VarianceExploding, VariancePreserving
from spectral_collapse.training.objectives import (
    Corruption,
    Reconstruction,
    autoencoding_loss,
    denoising_loss,
    draw_corruption,
)

PROCESSES = [VariancePreserving(), VarianceExploding(log_mean=-0.4), FlowMatching()]


class Function(torch.nn.Module):
    """A network that answers with f(its input)."""

    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> object:
        return type("Output", (), {"sample": self.answer(x)})


def _corruption(process: Process, count: int, seed: int = 0) -> Corruption:
    drawn = draw_corruption(process, (count, 4, 4, 4), torch.Generator().manual_seed(seed))
    return Corruption(*(part.double() for part in drawn))


def _wide(values: torch.Tensor) -> torch.Tensor:
    return values.view(-1, 1, 1, 1)


@pytest.mark.parametrize("prediction", PREDICTION_TYPES)
@pytest.mark.parametrize("process", PROCESSES)
def test_the_loss_is_the_error_of_the_clean_image_over_clean_out_squared(
    prediction: PredictionType, process: Process
) -> None:
    """A numerical reference for the weight of each prediction type: the denoiser's error, not its formula."""
    clean, drawn = torch.randn(16, 4, 4, 4, dtype=torch.float64), _corruption(process, 16)
    alpha, sigma = _wide(drawn.alpha), _wide(drawn.sigma)
    c = coefficients(prediction, alpha, sigma)
    x = alpha * clean + sigma * drawn.noise
    # the output from which the denoiser gets the true noise and the true clean image costs nothing
    needed = (drawn.noise - c.noise_skip * x) / c.noise_out
    # it passes through float32: relative 2^-24, of targets of up to order 10; squared
    assert denoising_loss(Function(lambda _: needed), prediction, clean, drawn, {}).max().item() < 1e-11

    def clean_from(output: torch.Tensor) -> torch.Tensor:
        return c.clean_skip * x + c.clean_out * output

    output = torch.zeros_like(clean)
    slope = clean_from(output + 1) - clean_from(output)  # d clean / d output, numerically
    error = (clean_from(output) - clean).square().mean((1, 2, 3))
    loss = denoising_loss(Function(torch.zeros_like), prediction, clean, drawn, {})
    expected = ((clean_from(output) - clean) / slope).square().mean((1, 2, 3))
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-9)
    if prediction == "edm":  # the weight of Eq. (29), for x / alpha = x0 + ratio * eps and sigma_data 0.5
        ratio = drawn.sigma / drawn.alpha
        torch.testing.assert_close(loss, (ratio**2 + 0.25) / (ratio * 0.5) ** 2 * error, rtol=1e-6, atol=0)
    # min(SNR, gamma) times the clean image's error (Hang et al. 2023), by each type's own clean image
    loss = denoising_loss(Function(torch.zeros_like), prediction, clean, drawn, {}, min_snr_gamma=5.0)
    snr = (drawn.alpha / drawn.sigma) ** 2
    torch.testing.assert_close(loss, torch.minimum(snr, torch.tensor(5.0)) * error, rtol=1e-5, atol=1e-9)


def test_edm_preconditioning_has_unit_variance_inputs_and_targets() -> None:
    """For data of standard deviation sigma_data, whatever the noise level (Karras et al. 2022, Appendix B.6)."""
    seen: list[torch.Tensor] = []
    for sigma in (0.01, 0.3, 1.14, 10.0):
        generator = torch.Generator().manual_seed(0)
        clean = 1.14 * torch.randn(200, 4, 16, 16, generator=generator)
        level = torch.full((200,), sigma)
        drawn = Corruption(torch.randn(clean.shape, generator=generator), torch.ones(200), level, level.log() / 4)
        network = Function(lambda x: seen.append(x) or torch.zeros_like(x))
        target_power = denoising_loss(network, "edm", clean, drawn, {}, sigma_data=1.14).mean()
        # The relative standard error of a variance over 204800 numbers is sqrt(2 / 204800) = 0.3 %.
        assert seen[-1].square().mean().item() == pytest.approx(1, abs=0.016)
        assert target_power.item() == pytest.approx(1, abs=0.016)


@pytest.mark.parametrize("prediction", PREDICTION_TYPES)
@pytest.mark.parametrize("process", PROCESSES)
def test_the_optimal_gaussian_denoiser_attains_the_closed_form_minimum(
    prediction: PredictionType, process: Process
) -> None:
    """For white data of variance S the posterior variance of x0 is S sigma^2 / (alpha^2 S + sigma^2)."""
    power, count = 0.6, 64
    drawn = draw_corruption(process, (count, 4, 24, 24), torch.Generator().manual_seed(3))
    drawn = Corruption(*(part.double() for part in drawn))
    clean = power**0.5 * torch.randn((count, 4, 24, 24), generator=torch.Generator().manual_seed(4)).double()
    alpha, sigma = _wide(drawn.alpha), _wide(drawn.sigma)
    c = coefficients(prediction, alpha, sigma)

    def optimal(scaled: torch.Tensor) -> torch.Tensor:
        x = scaled / c.input_scale
        posterior = alpha * power / (alpha**2 * power + sigma**2) * x
        noise = (x - alpha * posterior) / sigma
        return (noise - c.noise_skip * x) / c.noise_out

    loss = denoising_loss(Function(optimal), prediction, clean, drawn, {})
    variance = power * sigma**2 / (alpha**2 * power + sigma**2)
    minimum = (variance / torch.as_tensor(c.clean_out) ** 2).flatten()
    # A mean of 2304 squares per image: relative standard error sqrt(2 / 2304) = 2.9 %; of 64 images, 0.4 %.
    torch.testing.assert_close((loss / minimum).mean(), torch.tensor(1.0, dtype=torch.float64), rtol=0, atol=0.018)


def test_autoencoder_kl_term_is_the_closed_form() -> None:
    """KL(N(m, s^2) || N(0, 1)) summed over an image; the difference of two weights isolates it."""
    autoencoder, images = networks.small_autoencoder((16, 16)), torch.rand(2, 3, 32, 32) * 2 - 1
    noise = torch.randn(2, 4, 16, 16)
    losses = [autoencoding_loss(Reconstruction(autoencoder), images, noise, weight) for weight in (0.0, 1.0)]
    posterior = autoencoder.encode(images).latent_dist
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(posterior.mean, posterior.std), torch.distributions.Normal(0.0, 1.0)
    )
    torch.testing.assert_close(losses[1] - losses[0], expected.sum((1, 2, 3)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("contrast", [0.25, 0.5])
def test_texture_term_is_how_far_the_logarithm_of_the_detail_is_from_the_images(contrast: float) -> None:
    """Twice the contrast is log 4 of the energy; what is alike over blocks of 2 x 2 pixels is no detail."""

    def fainter(images: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return noise, noise, contrast * images + 0.1

    images, noise = torch.rand(2, 3, 32, 32) * 2 - 1, torch.zeros(2, 4, 16, 16)
    losses = [autoencoding_loss(fainter, images, noise, 0.0, weight) for weight in (0.0, 1.0)]
    # Detail of a mean square above 0.01 beside _NO_DETAIL = 1e-6: 1e-4 of the energy.
    torch.testing.assert_close(
        losses[1] - losses[0], torch.full((2,), 2 * abs(np.log(contrast)), dtype=torch.float32), rtol=0, atol=1e-3
    )
