from __future__ import annotations

import pytest
import torch

from spectral_collapse.compat import ensure_torchvision
from spectral_collapse.denoisers import (
    PREDICTION_TYPES,
    GaussianDenoiser,
    NetworkDenoiser,
    Prediction,
    PredictionType,
    coefficients,
)
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.processes import Level, VarianceExploding, VariancePreserving

ensure_torchvision()
from diffusers import DiTTransformer2DModel, UNet2DConditionModel, UNet2DModel  # noqa: E402

LEVELS = [process.levels(50)[i] for process in (VariancePreserving(), VarianceExploding()) for i in (0, 25, 50)]


def tiny_unet(num_labels: int | None = 3) -> UNet2DModel:
    return UNet2DModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=8,
        norm_num_groups=4,
        num_class_embeds=num_labels,
    )


def tiny_conditional_unet(**config: object) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=6,
        attention_head_dim=4,
        norm_num_groups=4,
        **config,
    )


def tiny_dit() -> DiTTransformer2DModel:
    return DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=4,
        out_channels=8,  # a learned variance, as DiT-L/2 has it
        num_layers=1,
        sample_size=16,
        patch_size=2,
        num_embeds_ada_norm=2,
    )


@pytest.mark.parametrize("prediction", PREDICTION_TYPES)
@pytest.mark.parametrize("level", LEVELS)
def test_an_exact_network_output_gives_both_halves_back(prediction: PredictionType, level: Level) -> None:
    """With the output that the definition of each type demands, noise and clean are recovered."""
    clean, noise = torch.randn(2, 4, 3, 8, 8, dtype=torch.float64)
    x = level.alpha * clean + level.sigma * noise
    data = 0.7
    ratio = level.sigma / level.alpha
    skip, out = data**2 / (ratio**2 + data**2), ratio * data / (ratio**2 + data**2) ** 0.5
    output = {
        "epsilon": noise,
        "sample": clean,
        "velocity": level.alpha * noise - level.sigma * clean,
        "edm": (clean - skip * x / level.alpha) / out,  # paper, Eq. 26, solved for the network
    }[prediction]
    c = coefficients(prediction, level.alpha, level.sigma, data)
    # Dividing by sigma = 0.002 or multiplying by sigma / alpha = 80 loses three of float64's sixteen digits.
    torch.testing.assert_close(c.noise_skip * x + c.noise_out * output, noise, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(c.clean_skip * x + c.clean_out * output, clean, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("prediction", PREDICTION_TYPES)
@pytest.mark.parametrize("level", LEVELS)
def test_any_network_output_splits_x_exactly(prediction: PredictionType, level: Level) -> None:
    x, output = torch.randn(2, 4, 3, 8, 8, dtype=torch.float64)
    c = coefficients(prediction, level.alpha, level.sigma)
    noise, clean = c.noise_skip * x + c.noise_out * output, c.clean_skip * x + c.clean_out * output
    torch.testing.assert_close(level.alpha * clean + level.sigma * noise, x, rtol=1e-9, atol=1e-9)


def test_edm_input_has_unit_variance_for_data_of_sigma_data() -> None:
    for level in LEVELS:
        c = coefficients("edm", level.alpha, level.sigma, 0.7)
        variance = level.alpha**2 * 0.7**2 + level.sigma**2
        assert c.input_scale * variance**0.5 == pytest.approx(1)


@pytest.mark.parametrize(
    "network",
    [tiny_unet(), tiny_unet(None), tiny_conditional_unet(num_class_embeds=3), tiny_dit()],
    ids=["unet", "unet without labels", "conditional unet", "dit"],
)
@pytest.mark.parametrize("prediction", PREDICTION_TYPES)
def test_diffusers_networks_become_denoisers(network: torch.nn.Module, prediction: PredictionType) -> None:
    denoiser = NetworkDenoiser(network, VariancePreserving(), prediction)
    level = denoiser.process.levels(10)[4]
    x, label = torch.randn(3, 4, 16, 16), torch.tensor([0, 1, 2])
    noise, clean = denoiser(x, level, label)
    assert noise.shape == clean.shape == x.shape
    # The sum of two float32 terms of the size of x: a few rounding errors.
    torch.testing.assert_close(level.alpha * clean + level.sigma * noise, x, rtol=1e-4, atol=1e-5)


def test_labels_reach_a_conditional_unet_through_its_context() -> None:
    network = tiny_conditional_unet()
    denoiser = NetworkDenoiser(network, VariancePreserving(), context=torch.randn(3, 5, 6))
    x, level = torch.randn(1, 4, 16, 16), denoiser.process.levels(10)[4]
    zero, one = (denoiser(x, level, torch.tensor([label])).noise for label in (0, 1))
    assert not torch.allclose(zero, one)
    expected = network(x, level.time, encoder_hidden_states=denoiser.context[:1]).sample
    torch.testing.assert_close(zero, expected)


def test_only_x_receives_a_gradient_and_the_network_stays_as_it_was() -> None:
    network = tiny_unet().train()
    denoiser = NetworkDenoiser(network, VariancePreserving())
    x = torch.randn(2, 4, 16, 16, requires_grad=True)
    denoiser(x, denoiser.process.levels(10)[4], torch.tensor([0, 1])).noise.square().sum().backward()
    assert x.grad.abs().sum() > 0
    assert all(weight.grad is None and weight.requires_grad for weight in network.parameters())
    assert network.training


def test_bad_arguments_are_refused_in_one_sentence() -> None:
    process = VariancePreserving()
    with pytest.raises(InvalidParameterError, match="unknown prediction type 'eps'; known are: epsilon"):
        NetworkDenoiser(tiny_unet(), process, "eps")  # type: ignore[arg-type]
    with pytest.raises(InvalidParameterError, match="sigma_data"):
        NetworkDenoiser(tiny_unet(), process, "edm", sigma_data=0)
    with pytest.raises(InvalidParameterError, match="context="):
        NetworkDenoiser(tiny_conditional_unet(), process)
    with pytest.raises(InvalidParameterError, match=r"domain labels \[3\] .* 0 to 2"):
        NetworkDenoiser(tiny_unet(), process)(torch.randn(1, 4, 16, 16), process.levels(5)[1], torch.tensor([3]))


def test_gaussian_denoiser_is_the_conditional_mean() -> None:
    """E[x0 | x] of jointly Gaussian x0 and x by the covariance matrices themselves."""
    size, level = 4, Level(0.8, 0.6, 0)
    spectrum = torch.rand(size, size, dtype=torch.float64)
    spectrum = spectrum + torch.roll(spectrum.flip(0, 1), (1, 1), (0, 1))
    mean = torch.randn(1, size, size, dtype=torch.float64)
    basis = torch.fft.fft2(torch.eye(size**2, dtype=torch.complex128).reshape(-1, size, size), norm="ortho")
    basis = basis.reshape(size**2, -1)
    covariance = (basis @ torch.diag(spectrum.flatten()).to(basis) @ basis.conj().T).real
    x = torch.randn(1, 1, size, size, dtype=torch.float64)
    total = level.alpha**2 * covariance + level.sigma**2 * torch.eye(size**2)
    residual = (x - level.alpha * mean).flatten()
    expected = mean.flatten() + level.alpha * covariance @ torch.linalg.solve(total, residual)
    got = GaussianDenoiser(VariancePreserving(), {5: spectrum}, {5: mean})(x, level, torch.tensor([5]))
    torch.testing.assert_close(got.clean.flatten(), expected)
    torch.testing.assert_close(level.alpha * got.clean + level.sigma * got.noise, x)


def test_gaussian_denoiser_refuses_what_it_cannot_do() -> None:
    process = VariancePreserving()
    with pytest.raises(InvalidParameterError, match="one shape"):
        GaussianDenoiser(process, {0: torch.ones(4, 4), 1: torch.ones(8, 8)})
    asymmetric = torch.ones(4, 4)
    asymmetric[0, 1] = 2
    with pytest.raises(InvalidParameterError, match="symmetric"):
        GaussianDenoiser(process, {0: asymmetric})
    with pytest.raises(InvalidParameterError, match="no spectrum"):
        GaussianDenoiser(process, {0: torch.ones(4, 4)}, {1: torch.zeros(1)})
    denoiser = GaussianDenoiser(process, {0: torch.ones(4, 4)})
    with pytest.raises(InvalidParameterError, match="no spectrum for the domain labels"):
        denoiser(torch.zeros(1, 1, 4, 4), process.levels(5)[0], torch.tensor([1]))
    with pytest.raises(InvalidParameterError, match="images of"):
        denoiser(torch.zeros(1, 1, 8, 8), process.levels(5)[0], torch.tensor([0]))


def test_a_prediction_unpacks_as_noise_then_clean() -> None:
    assert Prediction._fields == ("noise", "clean")
