"""Inputs that the library refuses, and the sentence that each gets.

What is left as Python's own error is met by a programmer and not by a user: arguments that a function does not have or
that are missing (TypeError), and a denoiser without `.process` or that is not callable (AttributeError, TypeError).
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_collapse import checks, inversion, metrics, studies, translation
from spectral_collapse.denoisers import GaussianDenoiser, NetworkDenoiser
from spectral_collapse.errors import InvalidParameterError, SpectralCollapseError
from spectral_collapse.networks import Model
from spectral_collapse.processes import FlowMatching, VarianceExploding, VariancePreserving
from spectral_collapse.sampling import sample
from spectral_collapse.translation import translate
from tests.gaussian import flat, two_means
from tests.networks_tiny import tiny_unet

HUGE = 10**400
SIZE = 8
DENOISER: GaussianDenoiser = flat(VariancePreserving(), 0.5, SIZE)
X = torch.zeros(2, 3, SIZE, SIZE)
IMAGES = torch.linspace(-1, 1, 2 * 3 * 32 * 32).reshape(2, 3, 32, 32)
LATENTS = torch.linspace(-1, 1, 3 * 4 * 16 * 16).reshape(3, 4, 16, 16)


def translated(**changed: Any) -> object:
    usual = {
        "model": Model(DENOISER, None, {}, ""),
        "method": inversion.create("standard"),
        "images": X,
        "source_label": 0,
        "num_steps": 2,
    }
    return translate(**usual | changed)


def inverted(**changed: Any) -> object:
    usual = {"denoiser": DENOISER, "clean": X, "label": 0, "num_steps": 2}
    return inversion.create("taba", fraction=0.5).invert(**usual | changed)


def sampled(**changed: Any) -> object:
    return sample(**{"denoiser": DENOISER, "latent": X, "label": 0, "num_steps": 2} | changed)


def evaluated(*names: object, **changed: Any) -> object:
    return metrics.evaluate(list(names) or "all", **{"latents": LATENTS} | changed)


Call = Callable[[], object]

NUMBERS: list[tuple[Call, str]] = [
    # the weight of guidance, wherever it is given; translate looks before it inverts
    (lambda: translated(guidance="7.5"), "guidance must be a number; '7.5' was given"),
    (lambda: translated(guidance=torch.ones(2)), "guidance must be a number; a tensor of shape (2,) was given"),
    (lambda: sampled(guidance=True), "guidance must be a number; True was given"),
    (
        lambda: sampled(guidance=1e308),
        "guidance must be at least 0 and finite, and at most 3.4e+38 in size, which single precision holds; 1e+308",
    ),
    (lambda: sampled(guidance=HUGE), "which single precision holds; a whole number of about 401 digits was given"),
    (lambda: sampled(guidance=2**70), "guidance must be written as a float beyond 64 bits"),
    (lambda: sampled(num_steps=np.ones(3)), "num_steps must be a whole number from 1 to 999; an"),
    (lambda: sampled(guidance=-1), "guidance must be at least 0 and finite; -1 was given"),
    (lambda: sampled(num_steps=0), "num_steps must be a whole number from 1 to 999; 0 was given"),
    # parameters of methods
    (lambda: inversion.create("null_class", guidance=1e308), "guidance must be at least 0 and f"),
    (lambda: inversion.create("null_class", tolerance=HUGE), "tolerance must be at least 0"),
    (
        lambda: inversion.create("null_class", null_label=HUGE),
        "null_label must be a whole number from 0 to 9223372036854775807; a whole number of about 401 digits was given",
    ),
    (lambda: inversion.create("renoise", lambda_pair=HUGE), "lambda_pair must be at least 0"),
    (lambda: inversion.create("renoise", lambda_patch=HUGE), "lambda_patch must be at least 0"),
    (lambda: inversion.create("fixed_point", tolerance=HUGE), "tolerance must be at least 0"),
    (lambda: inversion.create("ovg", clip=HUGE), "clip must be above 0 and finite, and at most 3.4e+38"),
    (lambda: inversion.create("ovg", scale=["step"]), "scale must be a name, one of step, none; ['step']"),
    (lambda: inversion.create("nullspace", projector="0.1"), "cutoff must be a number; '0.1' was given"),
    (lambda: inversion.DownsamplingNullSpace(1), "factor must be a whole number of at least 2; 1 was given"),
    (lambda: inversion.create("ddpm_friendly", skip=1), "skip must be from 0 to below 1; 1 was given"),
    # processes
    (lambda: VariancePreserving(beta_start="0.1"), "beta_start must be a number; '0.1' was given"),
    (lambda: VariancePreserving(1000, 0.9, 0.99), "leave no noise at the first level or no signal at the last"),
    (lambda: VariancePreserving(schedule=[]), "beta schedule must be a name, one of scaled_linear, "),
    (lambda: VariancePreserving(10**12), "num_train_steps must be a whole number from 2 to 1000000; 1000000000000"),
    (lambda: VariancePreserving(num_train_steps=1), "num_train_steps must be a whole number from 2 to 1000000; 1 was"),
    (lambda: VariancePreserving(schedule="cosine"), "unknown beta schedule 'cosine'; known are: scaled_linear"),
    (lambda: VariancePreserving(beta_start=0.02, beta_end=0.01), "0 < beta_start <= beta_end < 1; 0.02 and 0.01 were"),
    *(
        (lambda n=n: VariancePreserving().levels(n), f"num_steps must be a whole number from 1 to 999; {n!r} was given")
        for n in (0, -3, 1000, 2.5, True, "50")
    ),
    (lambda: FlowMatching().levels(1000), "num_steps must be a whole number from 1 to 999; 1000 was given"),
    (lambda: FlowMatching(first=0.5, last=0.2), "0 < first < last <= 1; 0.5 and 0.2 were given"),
    (lambda: VariancePreserving().level(1000), "time must be a whole number from 0 to 999; 1000 was given"),
    (lambda: VarianceExploding(sigma_min="1"), "sigma_min must be a number; '1' was given"),
    (lambda: VarianceExploding(sigma_min=0), "sigmas must satisfy 0 < sigma_min < sigma_max; 0 and 80.0 were given"),
    (lambda: VarianceExploding(rho=0), "rho must be above 0 and at most 1e+06; 0 was given"),
    (lambda: VarianceExploding(rho=float("nan")), "rho must be above 0 and at most 1e+06; nan was given"),
    (lambda: VarianceExploding(rho=1e-9), "rho must be at least 0.0089 for sigmas from 0.002 to 80.0"),
    (lambda: VarianceExploding(log_mean="x"), "log_mean must be a number; 'x' was given"),
    (lambda: VarianceExploding(log_std=0), "log_std must be above 0 and finite; 0 was given"),
    (lambda: VarianceExploding().levels(10**10), "num_steps must be a whole number from 1 to 1000000; 10000000000"),
    (lambda: VarianceExploding().level(0), "sigma must be above 0 and finite; 0 was given"),
    (lambda: VarianceExploding().draw("3"), "count must be a whole number of at least 0; '3' was given"),
    (
        lambda: NetworkDenoiser(tiny_unet(), VariancePreserving(), "edm", sigma_data="0.5"),
        "sigma_data must be a number; '0.5' was given",
    ),
    # scores
    (lambda: metrics.s_lf(IMAGES, IMAGES, cutoff="0.06"), "cutoff (a fraction of the Nyquist frequency) must be a"),
    (lambda: metrics.s_dc(LATENTS, fpr=1), "S_DC: fpr must be above 0 and below 1; 1 was given"),
    (lambda: metrics.s_dc(LATENTS, patch=[5]), "S_DC: patch must be a whole number of at least 2; [5]"),
    (lambda: metrics.s_dc(LATENTS, fraction="all"), "S_DC: fraction must be a number; 'all' was given"),
    (lambda: metrics.white_noise_level(0), "S_DC: channels must be a whole number of at least 1"),
    (lambda: metrics.shapiro_wilk(LATENTS, level=None), "Shapiro-Wilk: level must be a number; None was given"),
    (
        lambda: metrics.white_noise_correlation(1000, [4]),
        "patch correlation: channels must be a whole number of at least 1; [4] was given",
    ),
    (lambda: metrics.white_noise_kl(1), "count must be a whole number of at least 2; 1 was given"),
]

OBJECTS: list[tuple[Call, str]] = [
    (lambda: translated(generator=5), "generator must be a torch.Generator, such as torch.Gen"),
    (lambda: inverted(generator=5), "manual_seed(0); 5 was given"),
    (lambda: translated(method="taba"), "method must be an inversion method, as inversion.create('taba') makes it"),
    (lambda: translated(model="photos"), "model must be a Model, as networks.load_model gives it; 'photos' was given"),
    (lambda: translated(batch_size=1.5), "batch_size must be a whole number of at least 1; 1.5"),
    (lambda: translated(progress="no"), "progress must be True or False; 'no' was given"),
    (lambda: translated(target_label=[1, 1, 1]), "2 images need 2 domain labels; labels of shape (3,)"),
    (lambda: translated(null_label=None), "null_label must be a whole number of at least 0; None"),
    (lambda: inverted(label=HUGE), "domain labels must be integers; a whole number of about 401"),
    (lambda: inverted(record=1), "record must be True or False; 1 was given"),
    (lambda: inverted(callback=1), "callback must be a function; 1 was given"),
    (lambda: sampled(callback="print"), "callback must be a function; 'print'"),
    (lambda: sampled(label=torch.tensor([0, 1, 0])), "2 images need 2 domain labels; labels of shape (3,) were given"),
    (lambda: sampled(label=range(10**9)), "2 images need 2 domain labels; labels of shape (1000000000,) were given"),
    (lambda: sampled(label=torch.tensor([0.0, 1.0])), "domain labels must be integers; torch.float32 was given"),
    (lambda: sampled(latent=X[:0]), "latent must not be empty; a tensor of shape (0, 3, 8, 8) was given"),
    (
        lambda: translated(images=torch.stack([X[0], X[1] * torch.nan])),
        "images: NaN or infinity was given (samples [1] of the batch)",
    ),
    (
        lambda: sampled(latent=torch.stack([X[0], X[1] * torch.nan])),
        "latent: NaN or infinity was given (samples [1] of the batch)",
    ),
    (lambda: sampled(latent=X.to_sparse()), "latent must be a floating-point tensor N x C x H x W"),
    (lambda: inversion.create(["taba"]), "inversion method must be a name, one of standard, bdia, "),
    (lambda: metrics.s_hf(IMAGES, None), "S_HF: reference must be what metrics.hf_reference gives, or a batch"),
    (
        lambda: metrics.s_lf(IMAGES, IMAGES, 0.5, structure=None),
        "structure must be a name, one of color, silhouette, edges; None was given",
    ),
    (
        lambda: metrics.s_g(LATENTS.to_sparse()),
        "S_G: latents must be a floating-point tensor N x C x H x W; torch.sparse_coo of shape (3, 4, 16, 16)",
    ),
    (lambda: metrics.evaluate(5, latents=LATENTS), "names must be a list of scores or 'all'; 5 was given"),
    (lambda: evaluated(5), "score must be a name, one of s_hf, "),
    (lambda: evaluated(""), "unknown score ''; known are: s_hf, "),
    (lambda: evaluated(hf_reference=1), "S_HF: reference must be what metrics.hf_reference gives"),
    (lambda: evaluated(structure="lines"), "unknown structure 'lines'; known are: color, silhouette, edges"),
    (lambda: evaluated(device=1.5), "device must be a name, such as 'cpu' or 'cuda:1'; 1.5 was"),
    (lambda: evaluated(weights=5), "weights must be a path; 5 was given"),
    (
        lambda: metrics.lpips_alex(IMAGES, IMAGES, weights="~nobody-of-this-name/w"),
        "weights is '~nobody-of-this-name/w', and there is no such home folder",
    ),
    (lambda: metrics.fid(IMAGES, IMAGES, weights="x" * 5000), "which is too long for a path here; give a shorter one"),
    (lambda: studies.run("nothing"), "unknown study 'nothing'; known are: appendix_c, "),
    (lambda: studies.run("gaussian", stepps=5), "unknown parameter 'stepps'; known are: "),
]


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPECTRAL_COLLAPSE_WEIGHTS", raising=False)
    monkeypatch.setattr("spectral_collapse.metrics.weights._caches", tuple)


@pytest.mark.parametrize(("call", "sentence"), NUMBERS + OBJECTS, ids=[sentence for _, sentence in NUMBERS + OBJECTS])
def test_bad_input_gets_one_sentence(call: Call, sentence: str) -> None:
    with pytest.raises(SpectralCollapseError, match=re.escape(sentence)):
        call()


def test_translate_refuses_before_it_computes() -> None:
    def never(*_: object) -> object:
        raise AssertionError("the denoiser was asked")

    denoiser = type("Denoiser", (), {"process": VariancePreserving(), "__call__": never})()
    for wrong in ({"guidance": -1}, {"target_label": "1"}, {"null_label": -1}, {"generator": 1}, {"batch_size": 0}):
        with pytest.raises(InvalidParameterError):
            translated(model=Model(denoiser, None, {}, ""), **wrong)


def test_what_is_possible_is_taken() -> None:
    for call in (
        lambda: sampled(guidance=np.float32(2), num_steps=np.int64(2)),
        lambda: inversion.create("fixed_point", tolerance=np.float32(1e-3), iterations=np.int64(3)),
        lambda: inversion.create("ovg", clip=float("inf")),
        lambda: inversion.create("ovg", eta_hf=10**18, eta_lf=1e30),
        lambda: evaluated("pca"),
        lambda: evaluated("s_dc", device="cpu"),
        lambda: metrics.evaluate([], latents=LATENTS),
    ):
        call()


def test_labels_of_each_image_stay_with_their_image() -> None:
    images, targets = torch.zeros(4, 3, SIZE, SIZE) - 0.5, [0, 1, 2, 1]
    model = two_means(SIZE)
    found = translated(model=model, images=images, target_label=targets, num_steps=20, batch_size=3).images
    expected = torch.tensor([(-0.5, 0.5, 0.0)[target] for target in targets])
    torch.testing.assert_close(found.mean((1, 2, 3)), expected, rtol=0, atol=0.02)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", ["standard", "nullspace", "spectral_swap", "ovg"])
def test_inversions_take_any_precision_and_leave_no_graph(name: str, dtype: torch.dtype) -> None:
    x = torch.randn(2, 3, SIZE, SIZE).to(dtype).requires_grad_(True)
    found = inversion.create(name).invert(DENOISER, x, 0, 3, record=True)
    back = inversion.create(name).sample(DENOISER, found, 1)
    for values in (found.latent, found.trajectory, back):
        assert values.dtype == dtype
        assert not values.requires_grad


NO_BATCHES: dict[str, torch.Tensor] = {
    "no values": IMAGES.to("meta"),
    "8 bits": IMAGES.to(torch.float8_e4m3fn),
    "nested": torch.nested.nested_tensor([IMAGES[0], IMAGES[1]]),
    "more than memory": torch.zeros(1).expand(1, 3, 2_000_000, 2_000_000),
    "whole numbers": IMAGES.int(),
    "three dimensions": IMAGES[0],
}


@pytest.mark.parametrize("name", NO_BATCHES)
def test_no_door_takes_what_is_no_batch(name: str) -> None:
    images, model = NO_BATCHES[name], Model(DENOISER, None, {}, "0" * 64)
    standard = inversion.create("standard")
    doors: list[Call] = [
        lambda: metrics.psnr(images, IMAGES),
        lambda: metrics.psnr(IMAGES, images),
        lambda: metrics.s_dc(images),
        lambda: metrics.s_hf(IMAGES, images),
        lambda: metrics.evaluate("all", images=images),
        lambda: metrics.evaluate(["nearest_noise"], noise=images, clean=images),
        lambda: metrics.plain_places(images, 2),
        lambda: metrics.laplacian_pyramid(images, 2),
        lambda: sampled(latent=images),
        lambda: inverted(clean=images),
        lambda: translated(images=images),
        lambda: translation.translated(model, standard, images, 0),
        lambda: translation.inverted(model, standard, images, 0),
    ]
    for door in doors:
        with pytest.raises(
            InvalidParameterError, match=r"floating-point tensor N x C x H x W|needs at least 4.8e\+04 GB"
        ):
            door()


def test_what_fits_into_no_memory_is_refused_before_it_is_made() -> None:
    reference = metrics.hf_reference(IMAGES)
    wrong: list[Call] = [
        lambda: VariancePreserving().draw(10**12),
        lambda: VarianceExploding().draw(3, generator=5),
        lambda: metrics.threshold(10**9),
        lambda: metrics.white_noise_correlation(1000, 4, 10**9),
        lambda: metrics.nearest_noise(*2 * [torch.zeros(10**6, 1, 1, 1)]),
        lambda: metrics.frechet_distance(torch.zeros(3), torch.zeros(3)),
        lambda: replace(reference, mean_log_energy=math.nan),
        lambda: replace(reference, wavelet="mexh"),
        lambda: replace(reference, shape=(3, 32)),
        lambda: studies.run([]),
        lambda: translation.translated(Model(DENOISER, None, {}, "0" * 64), inversion.create("taba"), X, 0, seed="1"),
        lambda: translation.inverted(Model(DENOISER, None, {}, ""), inversion.create("taba"), X, 0, batch_size=0),
    ]
    for call in wrong:
        with pytest.raises(InvalidParameterError):
            call()


def test_images_in_0_to_1_get_one_warning() -> None:
    """ToTensor's images are, and all scores of them differ; bright images are not, nor is one side that is dark."""
    unit, model = (IMAGES + 1) / 2, Model(flat(VariancePreserving(), 0.5, 32), None, {}, "")
    for images, references, said in (
        (unit, unit, "evaluate: images and references have no value below 0; "),
        (unit, IMAGES, "evaluate: images have no value below 0, while references go down to -1; "),
        (IMAGES, 0.8 * unit + 0.2, "evaluate: references have no value below 0, while images go down to -1; "),
    ):
        with pytest.warns(UserWarning, match=said) as warned:
            metrics.evaluate(["psnr", "ssim"], images=images, references=references)
        assert len(warned) == 1
        assert warned[0].filename == __file__
    with pytest.warns(UserWarning, match="translate: images have no value below 0") as warned:
        translated(model=model, images=unit)
    assert warned[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for images in (IMAGES, 0.6 * unit + 0.3, torch.ones_like(unit), torch.zeros_like(unit), 0.4 * unit):
            metrics.evaluate(["psnr"], images=images, references=images)
            translated(model=model, images=images)
        metrics.evaluate(["s_dc"], latents=LATENTS.abs())


ANYTHING = st.one_of(
    st.floats(), st.integers(-(2**200), 2**200), st.text(), st.none(), st.booleans(), st.lists(st.integers())
)


def checked(check: Callable[[], float]) -> float | str:
    """What passed, or the sentence."""
    try:
        return check()
    except InvalidParameterError as error:
        return str(error)


@settings(max_examples=200, deadline=None)
@given(ANYTHING)
def test_a_number_that_passes_is_a_float_that_single_precision_holds(value: object) -> None:
    found = checked(lambda: checks.check_number("x", value, 0, exclude=(0,)))
    if isinstance(found, str):
        assert re.fullmatch(r"x must be [^\n]+ was given", found)
    else:
        assert found == float(value)
        assert found > 0
        assert torch.isfinite(torch.tensor(found, dtype=torch.float32))


@settings(max_examples=200, deadline=None)
@given(ANYTHING)
def test_a_count_that_passes_is_a_whole_number_of_64_bits(value: object) -> None:
    found = checked(lambda: checks.check_count("n", value, 1))
    if isinstance(found, str):
        assert re.fullmatch(
            r"n must be a whole number (of at least 1|from 1 to 9223372036854775807); [^\n]+ was given", found
        )
    else:
        assert torch.tensor(found).item() == value
