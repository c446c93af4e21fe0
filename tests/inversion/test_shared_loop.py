"""What every method promises, whatever it does inside."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_collapse.denoisers import Denoiser, NetworkDenoiser, Prediction
from spectral_collapse.errors import InvalidParameterError, NotFiniteError
from spectral_collapse.inversion import METHODS, DownsamplingNullSpace, InversionMethod, InversionState, create
from spectral_collapse.inversion.base import ForwardNoise
from spectral_collapse.processes import FlowMatching, Level, Process, VarianceExploding, VariancePreserving
from spectral_collapse.sampling import sample
from tests.each import each
from tests.gaussian import PROCESSES, draw, flat
from tests.inversion.steps import EmbeddedGaussian
from tests.networks_tiny import tiny_unet

EXAMPLES: dict[InversionMethod, int | None] = {
    create("standard"): 10,
    create("edm", heun=True): 20,
    create("null_class", iterations=4): None,
    create("negative_prompt"): 10,
    create("direct"): 10,
    create("renoise", iterations=2, averaged=2): 40,
    create("renoise", iterations=2, lambda_pair=0.0, lambda_patch=0.0): 30,
    create("fixed_point", tolerance=1e-12, iterations=20): None,
    create("taba", fraction=0.3): 7,
    create("taba", fraction=0.3, fresh=False): 7,
    create("edict"): 20,
    create("bdia"): 10,
    create("sdedit", strength=0.6): 0,
    create("cycle_diffusion"): 10,
    create("ddpm_friendly", skip=0.36): 6,
    create("ovg", eta_hf=10.0, eta_lf=1e-3): 10,
    create("ovg", eta_hf=10.0, eta_lf=1e-3, forward_fraction=0.3): 7,
    create("ovg", eta_hf=10.0, eta_lf=1e-3, entry_noise=True): 10,
    create("noise_floor"): 10,
    create("nullspace", k=1, projector=0.1): 9,
    create("wiener", k=1): 9,
    create("spectral_swap"): 10,
    create("white_norm"): 10,
    create("rf_inversion"): 10,
    create("rf_inversion", gamma=1.0): 0,
    create("midpoint"): 20,
    create("fireflow"): 11,
    create("uni_inv"): 11,
    create("easy_inv", stop=1.0): 10,
    create("pix2pix_zero", iterations=2, shifts=2, lambda_pair=1.0, lambda_kl=0.5): 10,
    create("o_belm"): 10,
    create("dpm_solver"): 10,
    create("gnri"): 20,
    create("ilvr"): 0,
}
"""Methods, and their network calls per image in 10 steps; None where it stops on a tolerance."""
EXAMPLES |= {create(name): None for name in METHODS if name not in {method.name for method in EXAMPLES}}


def denoiser_for(method: InversionMethod, process: Process, size: int = 16) -> Denoiser:
    return EmbeddedGaussian(process, 0.5, size) if method.name == "null_class" else flat(process, 0.5, size)


@each("method", EXAMPLES)
@settings(max_examples=6, deadline=None)
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
    size = max(size, 8) if method.name in ("renoise", "pix2pix_zero") else size  # their losses need 8 pixels
    # the latents of two are pairs of states, and the shares of the others round to none of a single step
    two = ("bdia", "o_belm", "taba", "ovg", "ddpm_friendly", "easy_inv")
    steps = max(steps, 2) if method.name in two else steps
    denoiser = denoiser_for(method, VariancePreserving(), size)
    x = draw(0.5, count, channels, size).to(torch.float64 if double else torch.float32)
    whole = method.invert(denoiser, x, 0, steps, torch.Generator().manual_seed(1)).latent
    generator = torch.Generator().manual_seed(1)
    parts = [method.invert(denoiser, part, 0, steps, generator).latent for part in x.split(split)]
    # Sums over one sample are the same sums; FFTs of other batch sizes may differ in the last bits.
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-4, atol=1e-4 if not double else 1e-10)


@each("shape", [(3, 5, 5), (1, 3, 3), (4, 8, 8)])
def test_the_noise_of_an_image_is_one_draw_from_the_generator(shape: tuple[int, ...]) -> None:
    """The promise behind it, for any number of values: one call per image, whatever torch does within a call."""
    one_by_one = torch.Generator().manual_seed(1)
    expected = torch.stack([torch.randn(2, *shape, generator=one_by_one) for _ in range(5)])
    noise = ForwardNoise(torch.zeros(5, *shape), 2, torch.Generator().manual_seed(1))
    assert torch.equal(torch.stack([noise[0], noise[1]], 1), expected)


@each("method", EXAMPLES)
@each("process", PROCESSES)
def test_record_calls_and_determinism(method: InversionMethod, process: VariancePreserving | VarianceExploding) -> None:
    if method.name == "o_belm" and isinstance(process, FlowMatching):
        process = FlowMatching(last=0.999)  # it divides by alpha
    denoiser, x, steps = denoiser_for(method, process), draw(0.5, 2), 10
    seen: list[int] = []
    runs = [
        method.invert(denoiser, x, 0, steps, torch.Generator().manual_seed(3), True, lambda s: seen.append(s.index))
        for _ in range(2)
    ]
    walked = method.walked_steps(steps)
    assert torch.equal(runs[0].latent, runs[1].latent)
    assert EXAMPLES[method] in (runs[0].network_calls, None)
    assert runs[0].levels == process.levels(steps)[: walked + 1]
    assert runs[0].trajectory.shape == (walked + 1, *x.shape)
    assert torch.equal(runs[0].trajectory[0], x) != method.entry_noise
    assert torch.equal(runs[0].trajectory[-1] / runs[0].levels[-1].norm, runs[0].latent)
    assert seen == [*range(walked)] * 2
    assert all(values.shape == (walked, 2) for values in runs[0].diagnostics.values())
    assert method.invert(denoiser, x, 0, steps, torch.Generator().manual_seed(3)).trajectory is None
    other = method.invert(denoiser, x, 0, steps, torch.Generator().manual_seed(4)).latent
    assert torch.equal(other, runs[0].latent) != method.stochastic


@each("method", EXAMPLES)
def test_the_way_back_is_counted_watched_and_repeatable_and_inference_mode_changes_nothing(
    method: InversionMethod,
) -> None:
    """What steps alone need is dropped. SDEdit keeps the noise that its way back draws, which knows no image."""
    denoiser, x = denoiser_for(method, VariancePreserving()), draw(0.5, 2)
    inverted = method.invert(denoiser, x, 0, 5, torch.Generator().manual_seed(3))
    assert bool(inverted.memory.keys() - {"noise"}) == method.remembers
    with torch.inference_mode():
        inside = method.invert(denoiser, x + 0, torch.tensor([0, 0]), 5, torch.Generator().manual_seed(3)).latent
    torch.testing.assert_close(inside, inverted.latent, rtol=0, atol=0)
    seen: list[int] = []
    images = [method.sample(denoiser, inverted, 1, 3.0, callback=lambda s: seen.append(s.index)) for _ in range(2)]
    assert torch.equal(*images)
    assert seen == [*range(len(inverted.levels) - 1)] * 2
    with pytest.raises(InvalidParameterError, match="guidance"):
        method.sample(denoiser, inverted, 1, -1.0)


@each("method", EXAMPLES)
def test_the_denoiser_and_the_input_are_left_as_they_were(method: InversionMethod) -> None:
    network = tiny_unet()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    x = torch.randn(2, 4, 16, 16)
    original = x.clone()
    denoiser = NetworkDenoiser(network, VariancePreserving())
    inverted = method.invert(denoiser, x, 0, 4)
    latent = inverted.latent
    method.sample(denoiser, inverted, 1, 2.0)
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


class _Answers:
    """Gives one answer whatever it is asked."""

    process = VariancePreserving()

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> object:
        return self.answer


@each("name", ["standard", "edict", "renoise", "ovg", "dpm_solver", "cycle_diffusion"])
def test_an_answer_that_is_no_prediction_of_the_states_shape_is_one_sentence(name: str) -> None:
    x, y = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 8, 8)
    shape = r"noise and clean as floating-point tensors of the shape of x, \(2, 3, 8, 8\); "
    wrong = {
        r"must return a Prediction\(noise, clean\); None was returned": None,
        r"must return a Prediction\(noise, clean\); a tensor of shape": x,
        r"must return a Prediction\(noise, clean\); \(": (x, y),
        shape + r"noise is torch.float32 of shape \(2, 1, 8, 8\)": Prediction(x[:, :1], y[:, :1]),
        shape + r"noise is torch.float32 of shape \(1, 3, 8, 8\)": Prediction(x[:1], y[:1]),
        shape + r"clean is torch.float32 of shape \(1, 2, 3, 8, 8\)": Prediction(x, y[None]),
        shape + r"noise is torch.int64": Prediction(x.long(), y),
        shape + r"clean is 0.0": Prediction(x, 0.0),
    }
    latent = create("standard").invert(flat(VariancePreserving(), 0.5, 8), x, 0, 4).latent
    method = create(name)
    for sentence, answer in wrong.items():
        with pytest.raises(InvalidParameterError, match=sentence):
            method.invert(_Answers(answer), x, 0, 4)
        with pytest.raises(InvalidParameterError, match=sentence):
            sample(_Answers(answer), latent, 0, 4)
    poisoned = _Answers(Prediction(x, torch.full_like(y, float("nan"))))
    for call in (lambda: method.invert(poisoned, x, 0, 4), lambda: sample(poisoned, latent, 0, 4)):
        with pytest.raises(
            NotFiniteError, match=r"the denoiser's first answer: NaN or infinity in clean \(samples \[0, 1"
        ):
            call()


def test_a_step_that_returns_another_shape_is_named() -> None:
    class Halving(InversionMethod):
        name = "halving"

        def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, None]:
            return x[..., ::2], None

    sentence = r"halving inversion: step 1 of 4 turned the shape \(2, 1, 8, 8\) into \(2, 1, 8, 4\)"
    with pytest.raises(InvalidParameterError, match=sentence):
        Halving().invert(flat(VariancePreserving(), 0.5, 8), torch.randn(2, 1, 8, 8), 0, 4)


@each("method", EXAMPLES)
def test_a_callback_that_writes_into_a_state_does_not_write_into_the_callers_images(method: InversionMethod) -> None:
    x = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    denoiser, before = EmbeddedGaussian(VariancePreserving(), 0.5, 16), x.clone()
    found = method.invert(denoiser, x, 0, 5, callback=lambda step: step.x.mul_(0.9))
    latent = found.latent.clone()
    method.sample(denoiser, found, 1, callback=lambda step: step.x.mul_(0.9))
    assert torch.equal(x, before)
    assert torch.equal(found.latent, latent)


class _Mine(InversionMethod):
    """A method of a user's, of whatever is given."""

    name = "mine"

    def __init__(self, **given: object) -> None:
        vars(self).update({name: functools.partial(one, self) for name, one in given.items()})


def _seen(value: Callable[[torch.Tensor], object]) -> Callable[..., object]:
    def step(method: InversionMethod, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, None]:
        run.seen["mine"] = value(x)
        return x, None

    return step


@each(
    ("given", "sentence"),
    [
        ({"step": lambda self, run, x: (x.mul_(2), None)}, r"step 1 of 3 wrote into the state"),
        (
            {"finish": lambda self, run, states: states[-1][:1]},
            r"finish must return .* \(2, 1, 4, 4\); a tensor of shape",
        ),
        ({"finish": lambda self, run, states: None}, "finish must return the terminal state, .*; None was returned"),
        ({"finish": lambda self, run, states: run.noise[0]}, r"run\.noise\[0\] was asked for, .* 0 noise maps"),
        ({"draws": lambda self, num_steps: 1}, "mine draws random noise and says that it is not stochastic"),
        ({"draws": lambda self, num_steps: -1}, r"mine: draws\(3\) must be a whole number of at least 0; -1 was given"),
        ({"step": _seen(lambda x: x.mean())}, r"run\.seen\['mine'\] must be a tensor of one value for each of 2"),
        ({"step": _seen(lambda x: 1.0)}, r"run\.seen\['mine'\] must be .*; 1\.0 was given"),
    ],
)
def test_a_method_of_ones_own_that_does_not_keep_to_the_loop_is_told_so(
    given: dict[str, Callable[..., object]], sentence: str
) -> None:
    x = torch.randn(2, 1, 4, 4)
    before = x.clone()
    with pytest.raises(InvalidParameterError, match=sentence):
        _Mine(**given).invert(flat(VariancePreserving(), 0.5, 4), x, 0, 3)
    assert torch.equal(x, before)


@each(
    ("levels", "sentence"),
    [
        (lambda found: found[::-1], "from the cleanest to the noisiest, by sigma / alpha; those of Mine go from"),
        (lambda found: found[:-1], r"levels\(3\) of a process must be a list of 4 levels; Mine gives 3 levels"),
        (lambda found: None, "must be a list of 4 levels; Mine gives None"),
        (lambda found: [(one.alpha, one.sigma) for one in found], r"a level must be a processes\.Level"),
    ],
)
def test_levels_of_ones_own_process_are_looked_at(levels: Callable[[list[Level]], object], sentence: str) -> None:
    class Mine(VariancePreserving):
        def levels(self, num_steps: int) -> object:
            return levels(super().levels(num_steps))

    denoiser, x = flat(VariancePreserving(), 0.5, 4), torch.randn(2, 1, 4, 4)
    denoiser.process = Mine()
    for call in (lambda: create("standard").invert(denoiser, x, 0, 3), lambda: sample(denoiser, x, 0, 3)):
        with pytest.raises(InvalidParameterError, match=sentence):
            call()


def test_a_denoiser_without_a_gradient_is_refused_where_a_method_needs_one() -> None:
    exact = flat(VariancePreserving(), 0.5, 8)

    class Silent:
        process = exact.process

        @torch.no_grad()
        def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
            return exact(x, level, label)

    for name in ("ovg", "gnri"):
        with pytest.raises(InvalidParameterError, match="and the denoiser's answer has none"):
            create(name).invert(Silent(), torch.randn(2, 1, 8, 8), 0, 4)


def test_halves_in_the_wrong_order_are_refused() -> None:
    exact = flat(VariancePreserving(), 0.5, 8)

    class Exchanged:
        process = exact.process

        def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
            noise, clean = exact(x, level, label)
            return Prediction(clean, noise)

    x = torch.randn(2, 1, 8, 8)
    for call in (
        lambda: create("standard").invert(Exchanged(), x, 0, 4),
        lambda: sample(Exchanged(), x, 0, 4),
    ):
        with pytest.raises(InvalidParameterError, match="only if its halves are exchanged; return Prediction"):
            call()


def test_a_registered_class_has_its_own_name_and_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Half(METHODS["standard"]):
        pass

    @dataclass(frozen=True)
    class Strong(InversionMethod):
        strength: float
        name = "strong"

    monkeypatch.setitem(METHODS, "half", Half)
    monkeypatch.setitem(METHODS, "strong", Strong)
    with pytest.raises(
        InvalidParameterError, match="registered as 'half' calls itself 'standard'; write name = 'half'"
    ):
        create("half")
    with pytest.raises(InvalidParameterError, match="method 'strong' needs strength, which has no default"):
        create("strong")
    assert create("strong", strength=2.0).params == {"strength": 2.0}


def test_rf_inversion_remembers_the_image_where_sampling_is_led_to_it() -> None:
    denoiser, x = flat(VariancePreserving(), 0.5), draw(0.5, 2)
    for params, remembers in (({}, False), ({"eta": 0.5}, True), ({"eta": 0.5, "until": 0.0}, False)):
        method = create("rf_inversion", **params)
        assert method.remembers == bool(method.invert(denoiser, x, 0, 8).memory) == remembers


@each(
    ("name", "parameter", "values"),
    [
        ("taba", "fraction", {4: 0.13, 12: 0.042, 1: 0.51, 50: 0.011}),
        ("ovg", "forward_fraction", {25: 0.021, 3: 0.17}),
        ("cycle_diffusion", "skip", {10: 0.051}),
        ("ddpm_friendly", "skip", {7: 0.072}),
        ("sdedit", "strength", {10: 0.051}),
        ("rf_inversion", "until", {3: 0.34, 2: 0.5, 7: 0.15}),
        ("easy_inv", "stop", {4: 0.26, 3: 0.34}),
    ],
)
def test_a_share_that_rounds_to_no_step_is_refused_with_the_least_that_helps(
    name: str, parameter: str, values: dict[int, float]
) -> None:
    """The number that the sentence gives works, and no smaller one of two digits does."""
    denoiser, x = flat(VariancePreserving(), 0.5, 8), draw(0.5, 2, 3, 8)
    others = {"eta": 0.5} if name == "rf_inversion" else {}

    def inverted(value: float, steps: int) -> torch.Tensor:
        return create(name, **{parameter: value}, **others).invert(denoiser, x, 0, steps).latent

    for steps, least in values.items():
        for share in (max(least / 1000, 0.051 if name == "easy_inv" else 0), least - (0.01 if least > 0.1 else 0.001)):
            with pytest.raises(InvalidParameterError, match=f"none of {steps} .*{least:g} or more"):
                inverted(share, steps)
        if name in ("cycle_diffusion", "ddpm_friendly", "taba") and steps == 1:
            continue  # the least share is the whole
        inverted(least, steps)
    if name not in ("sdedit", "easy_inv"):
        inverted(0.0, 4)  # on purpose


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(
        InvalidParameterError, match="unknown inversion method 'ddim'; known are: standard, bdia, cycle_diffusion"
    ):
        create("ddim")
    with pytest.raises(InvalidParameterError, match="known are: told, fraction, fresh"):
        create("taba", share=0.1)
    with pytest.raises(InvalidParameterError, match="has no parameters"):
        create("midpoint", eta=1)


REFUSED: list[tuple[str, dict[str, object], str]] = [
    *(("taba", {"fraction": value}, "fraction must be") for value in (-0.1, 1.1, "0.1", True, float("nan"))),
    ("ovg", {"eta_hf": -1}, "eta_hf must be"),
    ("ovg", {"eta_lf": float("inf")}, "eta_lf must be"),
    ("ovg", {"clip": 0}, "clip must be"),
    ("ovg", {"project": 1}, "project must be"),
    ("ovg", {"scale": "dt"}, "unknown scale 'dt'"),
    ("ovg", {"scale": "none", "clip": 2.0}, "clip"),
    ("ovg", {"gradient": "exakt"}, "gradient"),
    ("ovg", {"every": 0}, "every must be a whole number of at least 1; 0 was given"),
    ("ovg", {"gradient": "combined", "every": 2}, "leave gradient_lf and every alone"),
    ("rf_inversion", {"gamma": 1.5}, "gamma must be from 0 to 1; 1.5 was given"),
    ("easy_inv", {"start": 0.5, "stop": 0.2}, "start must not be above stop; 0.5 and 0.2 were given"),
    ("easy_inv", {"start": 0.8}, r"start must not be above stop|none of 4 steps"),
    ("ilvr", {"consistent": "noise"}, "consistent"),
    ("pix2pix_zero", {}, r"in images of at least 10 x 10; \(6, 6\) was given"),
    ("cycle_diffusion", {"eta": 0}, "eta must be above 0"),
    ("ddpm_friendly", {"skip": 0.97}, r"ddpm_friendly with skip 0\.97 leaves none of 4 steps"),
    ("nullspace", {"k": 5}, "can't enter at level 5 of 4"),
    ("nullspace", {"projector": 0.7}, "cutoff must be"),
    ("nullspace", {"order": 3}, "order must be a whole number from 1 to 2; 3 was given"),
    ("nullspace", {"eta_lf": -1.0}, "eta_lf must be"),
    ("nullspace", {"projector": DownsamplingNullSpace(4)}, "must divide height and width"),
    ("wiener", {"k": 5}, "wiener can't enter at level 5 of 4"),
    ("wiener", {"k": -1}, "k must be"),
    ("renoise", {"iterations": 2, "averaged": 3}, "can't average 3 predictions of 2"),
    ("renoise", {}, "images of at least 8 x 8"),
    ("sdedit", {"strength": 0.0}, "strength must be above 0"),
    ("sdedit", {"strength": 0.01}, "none of 4 steps"),
    ("null_class", {}, "GaussianDenoiser does not have"),
    *(
        (name, {"told": "upper"}, "unknown told 'upper'; known are: own, next")
        for name in ("standard", "taba", "ovg", "nullspace", "null_class", "wiener", "renoise", "spectral_swap")
    ),
]


def test_what_a_method_cannot_do_is_refused() -> None:
    denoiser, x = flat(VariancePreserving(), 0.1, 6), draw(0.1, 2, 3, 6)
    for name, params, sentence in REFUSED:
        with pytest.raises(InvalidParameterError, match=sentence):
            create(name, **params).invert(denoiser, x, 0, 4)
    for name, step, sentence in (
        ("bdia", 1, "bdia needs num_steps of at least 2; with the 1 that was given"),
        ("o_belm", 1, "o_belm needs num_steps of at least 2; with the 1 that was given"),
        ("easy_inv", 1, r"none of 1 steps .*use more steps, or a lower start"),
        ("o_belm", 4, "o_belm divides by alpha, which is 0 at this process's last level"),
    ):
        with pytest.raises(InvalidParameterError, match=sentence):
            create(name).invert(flat(FlowMatching() if step == 4 else VariancePreserving(), 0.1, 6), x, 0, step)


def test_without_its_options_a_method_is_the_standard_inversion_bit_for_bit() -> None:
    x = torch.randn(2, 4, 16, 16)
    for process, prediction in ((VariancePreserving(), "epsilon"), (FlowMatching(), "flow")):
        denoiser = NetworkDenoiser(tiny_unet(), process, prediction)
        for name, params in (
            ("edm", {"entry_noise": False}),
            ("ovg", {"eta_hf": 0, "eta_lf": 0}),
            ("renoise", {"iterations": 0}),
            ("taba", {"fraction": 0.0}),
            ("rf_inversion", {"gamma": 0.0}),
            ("easy_inv", {"eta": 1.0}),
            ("easy_inv", {"start": 0.0, "stop": 0.0}),
        ):
            found = create(name, **params).invert(denoiser, x, 0, 5)
            plain = create("standard", told=create(name).told).invert(denoiser, x, 0, 5)
            assert torch.equal(found.latent, plain.latent), name
            assert found.network_calls == 5
            assert name != "ovg" or not found.diagnostics
    assert {name for name in METHODS if create(name).told == "next"} == {"renoise"}
