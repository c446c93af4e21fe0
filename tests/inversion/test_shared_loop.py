"""What every method promises, whatever it does inside."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_collapse.denoisers import NetworkDenoiser, Prediction
from spectral_collapse.errors import InvalidParameterError, NotFiniteError
from spectral_collapse.inversion import METHODS, InversionMethod, create
from spectral_collapse.processes import Level, VarianceExploding, VariancePreserving
from tests.gaussian import draw, flat
from tests.test_denoisers import tiny_unet

EXAMPLES = [
    create("standard"),
    create("taba", fraction=0.3),
    create("ovg", eta_hf=10.0, eta_lf=1e-3),
    create("ovg", eta_hf=10.0, eta_lf=1e-3, forward_fraction=0.3),
]


@pytest.mark.parametrize("method", EXAMPLES, ids=str)
@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(2, 5),
    split=st.integers(1, 4),
    channels=st.integers(1, 3),
    size=st.sampled_from([3, 5, 8]),
    steps=st.integers(1, 6),
    double=st.booleans(),
)
def test_a_batch_split_changes_nothing(
    method: InversionMethod, count: int, split: int, channels: int, size: int, steps: int, double: bool
) -> None:
    denoiser = flat(VariancePreserving(), 0.5, size)
    x = draw(0.5, count, channels, size).to(torch.float64 if double else torch.float32)
    whole = method.invert(denoiser, x, 0, steps, torch.Generator().manual_seed(1)).latent
    generator = torch.Generator().manual_seed(1)
    parts = [method.invert(denoiser, part, 0, steps, generator).latent for part in x.split(split)]
    # Sums over one sample are the same sums; FFTs of other batch sizes may differ in the last bits.
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-4, atol=1e-4 if not double else 1e-10)


@pytest.mark.parametrize("method", EXAMPLES, ids=str)
@pytest.mark.parametrize("process", [VariancePreserving(), VarianceExploding()])
def test_record_calls_and_determinism(method: InversionMethod, process: VariancePreserving | VarianceExploding) -> None:
    denoiser, x, steps = flat(process, 0.5), draw(0.5, 2), 10
    seen: list[int] = []
    runs = [
        method.invert(denoiser, x, 0, steps, torch.Generator().manual_seed(3), True, lambda s: seen.append(s.index))
        for _ in range(2)
    ]
    assert torch.equal(runs[0].latent, runs[1].latent)
    assert runs[0].network_calls == steps - method.replaced_steps(steps)
    assert runs[0].trajectory.shape == (steps + 1, *x.shape)
    assert torch.equal(runs[0].trajectory[0], x)
    assert torch.equal(runs[0].trajectory[-1] / process.levels(steps)[-1].norm, runs[0].latent)
    assert seen == [*range(steps)] * 2
    assert method.invert(denoiser, x, 0, steps, torch.Generator().manual_seed(3)).trajectory is None
    other = method.invert(denoiser, x, 0, steps, torch.Generator().manual_seed(4)).latent
    assert torch.equal(other, runs[0].latent) != method.stochastic


@pytest.mark.parametrize("method", EXAMPLES, ids=str)
def test_the_denoiser_and_the_input_are_left_as_they_were(method: InversionMethod) -> None:
    network = tiny_unet()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    x = torch.randn(2, 4, 16, 16)
    original = x.clone()
    latent = method.invert(NetworkDenoiser(network, VariancePreserving()), x, 0, 3).latent
    assert torch.equal(x, original)
    assert not x.requires_grad
    assert not latent.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(weight.requires_grad and weight.grad is None for weight in network.parameters())


class _Poisoned:
    """Answers with NaN for the second sample above some level."""

    process = VariancePreserving()

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        noise = torch.zeros_like(x)
        if level.time > 300:
            noise[1] = float("nan")
        return Prediction(noise, x)


def test_nan_names_the_method_the_step_and_the_sample() -> None:
    with pytest.raises(NotFiniteError, match=r"standard inversion: .* step 5 of 10 \(samples \[1\]"):
        create("standard").invert(_Poisoned(), torch.zeros(2, 1, 4, 4), 0, 10)


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidParameterError, match="unknown inversion method 'ddim'; known are: standard, taba, ovg"):
        create("ddim")
    with pytest.raises(InvalidParameterError, match="known are: fraction"):
        create("taba", share=0.1)
    with pytest.raises(InvalidParameterError, match="has no parameters"):
        create("standard", eta=1)
    assert set(METHODS) >= {"standard", "taba", "ovg"}


@pytest.mark.parametrize("value", [-0.1, 1.1, "0.1", True, float("nan")])
def test_fractions_out_of_range_are_refused(value: object) -> None:
    with pytest.raises(InvalidParameterError, match="fraction must be"):
        create("taba", fraction=value)


@pytest.mark.parametrize(
    "params",
    [
        {"eta_hf": -1},
        {"eta_lf": float("inf")},
        {"clip": 0},
        {"project": 1},
        {"scale": "dt"},
        {"scale": "none", "clip": 2.0},
    ],
)
def test_impossible_ovg_parameters_are_refused(params: dict[str, object]) -> None:
    with pytest.raises(InvalidParameterError):
        create("ovg", **params)
