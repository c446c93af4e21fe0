from __future__ import annotations

import pytest
import torch

from spectral_collapse.denoisers import NetworkDenoiser
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion import NullClass, create
from spectral_collapse.processes import VariancePreserving
from tests.gaussian import FineVariancePreserving, draw, flat
from tests.inversion.steps import EmbeddedGaussian
from tests.networks_tiny import tiny_unet


def test_guided_sampling_retraces_the_inversion_better_than_plain_guidance() -> None:
    torch.manual_seed(0)
    denoiser, x = NetworkDenoiser(tiny_unet(), VariancePreserving()), torch.randn(2, 4, 16, 16)
    errors = {}
    for method in (create("standard"), NullClass(guidance=2.0, iterations=30, learning_rate=0.1, tolerance=1e-9)):
        inverted = method.invert(denoiser, x, 0, 5)
        errors[method.name] = (method.sample(denoiser, inverted, 0, guidance=2.0) - x).flatten(1).norm(dim=1)
    assert (errors["null_class"] < 0.7 * errors["standard"]).all(), errors


def test_the_embedding_found_is_that_of_the_source() -> None:
    """What can be retraced exactly is so by null = source alone (negative-prompt inversion's closed form).

    With many steps the inversion nearly can; the pull of guidance, 3 times the difference of the
    embeddings, then leaves only the discretisation to be fitted.
    """
    denoiser = EmbeddedGaussian(FineVariancePreserving(), 0.05)
    x = draw(0.05, 3, 1, 8) + 0.5 * denoiser.patterns[0]
    method = NullClass(guidance=4.0, iterations=30, learning_rate=0.05, tolerance=0)
    inverted = method.invert(denoiser, x, 0, 60)
    found = torch.stack(inverted.memory["null"])
    source, null = denoiser.table[0], denoiser.table[2]
    # The lowest levels hardly depend on the embedding (sigma is small), so only the upper half must arrive.
    distance = (found[30:] - source).norm(dim=-1).mean()
    assert distance < 0.1 * (null - source).norm()
    back = method.sample(denoiser, inverted, 0, guidance=4.0)
    standard = create("standard")
    plain = standard.sample(denoiser, standard.invert(denoiser, x, 0, 60), 0, guidance=4.0)
    assert (back - x).norm() < 0.05 * (plain - x).norm()


def test_without_iterations_from_the_source_label_it_is_negative_prompt() -> None:
    denoiser, x = EmbeddedGaussian(VariancePreserving(), 0.05), draw(0.05, 3, 1, 8)
    results = []
    for method in (NullClass(iterations=0, null_label=0), create("negative_prompt")):
        inverted = method.invert(denoiser, x, 0, 6)
        results.append(method.sample(denoiser, inverted, 1, guidance=7.5))
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-12)


def test_each_image_stops_at_the_tolerance_and_says_so() -> None:
    denoiser, x = EmbeddedGaussian(VariancePreserving(), 0.05), draw(0.05, 3, 1, 8)
    x[0] += denoiser.patterns[0].double()
    seen = NullClass(guidance=3.0, iterations=30, learning_rate=0.1, tolerance=1e-3).invert(denoiser, x, 0, 6)
    residual, iterations = seen.diagnostics["residual"], seen.diagnostics["iterations"]
    # From level to level the tolerance grows. It is looked at after a step, which may have overshot by a little.
    tolerance = 1e-3 * (1 + 2 * torch.arange(5, -1, -1))[:, None]
    assert ((residual <= 2 * tolerance) | (iterations == 30)).all()
    assert (iterations < 30).any()
    assert (iterations >= 1).all()


def test_a_denoiser_without_embeddings_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="GaussianDenoiser does not have"):
        NullClass().invert(flat(VariancePreserving(), 0.1), draw(0.1), 0, 3)
