"""Methods whose sampling retraces the inversion under guidance."""

from __future__ import annotations

import torch

from spectral_collapse.denoisers import NetworkDenoiser, PredictionType
from spectral_collapse.inversion import NullClass, create
from spectral_collapse.processes import FlowMatching, Process, VarianceExploding, VariancePreserving
from spectral_collapse.sampling import ode_step, sample
from tests.each import each
from tests.gaussian import FineVariancePreserving, draw
from tests.inversion.steps import EmbeddedGaussian
from tests.networks_tiny import tiny_unet


def test_guidance_does_nothing_under_the_source_label_and_leads_away_from_it_under_another() -> None:
    denoiser, x = EmbeddedGaussian(VariancePreserving(), 0.05), draw(0.05, 3, 1, 8)
    method = create("negative_prompt")
    inverted = method.invert(denoiser, x, 0, 6)
    plain = sample(denoiser, inverted.latent, 0, 6)
    torch.testing.assert_close(method.sample(denoiser, inverted, 0, guidance=7.5), plain)
    guided = sample(denoiser, inverted.latent, 1, 6, guidance=7.5, null_label=0)
    assert torch.equal(method.sample(denoiser, inverted, 1, guidance=7.5), guided)
    assert not torch.allclose(guided, sample(denoiser, inverted.latent, 1, 6, guidance=7.5))


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


@each(
    ("process", "prediction"),
    [(VariancePreserving(), "epsilon"), (VarianceExploding(), "epsilon"), (FlowMatching(), "flow")],
)
def test_the_source_branch_comes_back_at_any_guidance(process: Process, prediction: PredictionType) -> None:
    denoiser = NetworkDenoiser(tiny_unet().double(), process, prediction)
    x = torch.randn(2, 4, 16, 16, dtype=torch.float64)
    method = create("direct")
    inverted = method.invert(denoiser, x, 0, 5)
    back = method.sample(denoiser, inverted, 0, guidance=7.5)
    # float64's 2e-16 in the two branches, which the guided network amplifies from step to step.
    torch.testing.assert_close(back, x, rtol=0, atol=1e-11 * inverted.levels[-1].norm)
    other = method.sample(denoiser, inverted, 1, guidance=7.5)
    assert (other - x).abs().max() > 1e-2


def test_the_target_branch_keeps_its_difference_to_the_source_branch() -> None:
    """Two steps by hand: target + (recorded - source), the source branch starting from the recorded state."""
    process, x = VariancePreserving(), torch.randn(2, 4, 16, 16)
    denoiser, direct = NetworkDenoiser(tiny_unet(), process), create("direct")
    inverted = direct.invert(denoiser, x, 0, 2, record=True)
    levels, recorded, target = inverted.levels, inverted.trajectory, inverted.trajectory[2]
    label = torch.ones(2, dtype=torch.long)
    with torch.no_grad():
        for upper in (2, 1):
            level, following = levels[upper], levels[upper - 1]
            source = ode_step(denoiser(recorded[upper], level, 0 * label), following)
            target = ode_step(denoiser(target, level, label), following) + recorded[upper - 1] - source
    torch.testing.assert_close(direct.sample(denoiser, inverted, 1), target, rtol=1e-4, atol=1e-4)
