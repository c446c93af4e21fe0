from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import accelerate
import pytest
import torch

from spectral_collapse import inversion
from spectral_collapse.denoisers import PREDICTION_TYPES, NetworkDenoiser, PredictionType, coefficients
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks.tiny import tiny_text_unet
from spectral_collapse.processes import FlowMatching, Level, VarianceExploding, VariancePreserving
from tests.each import each
from tests.networks_tiny import tiny_dit, tiny_unet

tiny_conditional_unet = functools.partial(tiny_text_unet, cross_attention_dim=6)

PROCESSES = (VariancePreserving(), VarianceExploding(), FlowMatching(last=0.98))
LEVELS = [process.levels(50)[i] for process in PROCESSES for i in (0, 25, 50)]


@each("prediction", PREDICTION_TYPES)
@each("level", LEVELS)
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
        "flow": noise - clean,
        "edm": (clean - skip * x / level.alpha) / out,  # paper, Eq. 26, solved for the network
    }[prediction]
    c = coefficients(prediction, level.alpha, level.sigma, data)
    # Dividing by sigma = 0.002 or multiplying by sigma / alpha = 80 loses three of float64's sixteen digits.
    torch.testing.assert_close(c.noise_skip * x + c.noise_out * output, noise, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(c.clean_skip * x + c.clean_out * output, clean, rtol=1e-9, atol=1e-9)
    if prediction == "edm":  # whose input has unit variance, for data of sigma_data
        assert c.input_scale * (level.alpha**2 * data**2 + level.sigma**2) ** 0.5 == pytest.approx(1)


def test_a_network_without_a_gradient_is_refused_where_a_method_needs_one() -> None:
    """Its skip connections alone would have one, and a method that uses it another latent, unsaid."""
    for silent in (torch.no_grad, torch.inference_mode):
        denoiser = NetworkDenoiser(_Other(silent()(lambda x: x.tanh())), VariancePreserving(), "velocity")
        x = torch.rand(1, 3, 16, 16)
        assert inversion.create("standard").invert(denoiser, x, 0, 3).latent.isfinite().all()
        for method in ("ovg", "gnri"):
            with pytest.raises(InvalidParameterError, match="this _Other answered without a gradient, as under torch"):
                inversion.create(method).invert(denoiser, x, 0, 3)


def _conditioned_kinds() -> dict[str, NetworkDenoiser]:
    """Every way in which a label reaches a network, three labels each."""
    process = VariancePreserving()
    sdxl = tiny_conditional_unet(
        addition_embed_type="text_time", addition_time_embed_dim=2, projection_class_embeddings_input_dim=2 * 2 + 3
    )
    added = {"text_embeds": torch.randn(3, 3), "time_ids": torch.tensor([[16.0, 0.0]])}
    return {
        "unet": NetworkDenoiser(tiny_unet(), process, "velocity"),
        "class embedding": NetworkDenoiser(tiny_conditional_unet(num_class_embeds=3), process),
        "context": NetworkDenoiser(tiny_conditional_unet(), process, context=torch.randn(3, 5, 6)),
        "context and class": NetworkDenoiser(
            tiny_conditional_unet(num_class_embeds=7), process, context=torch.randn(3, 5, 6), classes=[5, 0, 6]
        ),
        "sdxl": NetworkDenoiser(sdxl, process, context=torch.randn(3, 5, 6), added=added),
        "dit": NetworkDenoiser(tiny_dit(num_layers=2), process),
        "dit classes": NetworkDenoiser(tiny_dit(num_embeds_ada_norm=9), process, classes=[7, 3, 9]),
    }


KINDS = list(_conditioned_kinds())


@each("kind", KINDS)
def test_the_embedding_of_a_label_stands_for_the_label_and_reaches_no_other_image(kind: str) -> None:
    denoiser = _conditioned_kinds()[kind]
    before = {name: weight.clone() for name, weight in denoiser.network.state_dict().items()}
    x, label, level = torch.randn(4, 4, 16, 16), torch.tensor([2, 0, 1, 0]), denoiser.process.levels(10)[4]
    embedding = denoiser.embed(label)
    assert embedding.shape[0] == 4
    assert not torch.allclose(embedding[0], embedding[1])
    torch.testing.assert_close(embedding[1], embedding[3], rtol=0, atol=0)
    # The same arithmetic on the same numbers, whichever table they are read from.
    torch.testing.assert_close(denoiser.conditioned(x, level, embedding), denoiser(x, level, label))
    # Labels make a difference, and conditioning under another's embedding is being the other.
    swapped = denoiser.conditioned(x, level, embedding.flip(0))
    assert not torch.allclose(swapped.noise, denoiser(x, level, label).noise)
    torch.testing.assert_close(swapped, denoiser(x, level, label.flip(0)))
    # Batches of four and of one may be summed in another order: a few float32 roundings.
    embedding += 0.1 * torch.randn_like(embedding)
    whole = denoiser.conditioned(x, level, embedding)
    parts = [denoiser.conditioned(x[i : i + 1], level, embedding[i : i + 1]).noise for i in range(4)]
    torch.testing.assert_close(whole.noise, torch.cat(parts), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(level.alpha * whole.clean + level.sigma * whole.noise, x, rtol=1e-4, atol=1e-5)
    for name, weight in denoiser.network.state_dict().items():
        torch.testing.assert_close(weight, before[name], rtol=0, atol=0)


@each("kind", KINDS)
def test_the_gradient_with_respect_to_the_embedding(kind: str) -> None:
    """Against a central difference in float64, along one random direction per image."""
    denoiser = _conditioned_kinds()[kind]
    denoiser.network.double()
    x, level = torch.randn(2, 4, 16, 16, dtype=torch.float64), denoiser.process.levels(10)[4]
    embedding = denoiser.embed(torch.tensor([0, 2])).double().requires_grad_()

    def loss(at: torch.Tensor) -> torch.Tensor:
        return denoiser.conditioned(x, level, at).noise.square().sum((1, 2, 3))

    loss(embedding).sum().backward()
    assert torch.isfinite(embedding.grad).all()
    assert all(weight.grad is None for weight in denoiser.network.parameters())
    direction, step = torch.randn_like(embedding), 1e-5
    with torch.no_grad():
        slope = (loss(embedding + step * direction) - loss(embedding - step * direction)) / (2 * step)
    # The central difference errs by step^2 times a third derivative, and by 1e-16 / step of the loss.
    torch.testing.assert_close((embedding.grad * direction).sum(1), slope, rtol=1e-5, atol=1e-7)


def test_an_embedding_is_a_copy_that_does_not_share_what_labels_share() -> None:
    denoiser = _conditioned_kinds()["sdxl"]
    label = torch.tensor([0])
    embedding = denoiser.embed(label)
    assert embedding.shape == (1, 5 * 6 + 3)  # tokens and pooled text; time_ids belong to no label
    embedding.zero_()
    assert denoiser.embed(label).abs().sum() > 0


def test_a_network_in_half_precision_answers_in_the_precision_of_x() -> None:
    network = tiny_unet()
    denoiser = NetworkDenoiser(network, VariancePreserving())
    x, label, level = torch.randn(2, 4, 16, 16), torch.tensor([0, 1]), denoiser.process.levels(10)[9]
    full = denoiser(x, level, label).noise
    network.to(torch.bfloat16)
    half = denoiser(x, level, label)
    assert half.noise.dtype == half.clean.dtype == denoiser.embed(label).dtype == torch.float32
    # bfloat16 keeps 8 bits, and a network of some twenty layers loses a few of them; a timestep
    # rounded to 8 bits (801 -> 800) or a wrong label would not.
    assert (half.noise - full).norm() < 0.03 * full.norm()
    torch.testing.assert_close(level.alpha * half.clean + level.sigma * half.noise, x)


def test_what_has_no_table_of_embeddings_cannot_be_conditioned() -> None:
    process, x, label = VariancePreserving(), torch.randn(1, 4, 16, 16), torch.tensor([0])
    with pytest.raises(InvalidParameterError, match=r"do not pass through an nn\.Embedding"):
        NetworkDenoiser(tiny_unet(class_embed_type="timestep"), process).embed(label)
    unlabelled = NetworkDenoiser(tiny_unet(num_class_embeds=None), process)
    assert unlabelled(x, process.levels(5)[1], label).noise.shape == x.shape
    with pytest.raises(InvalidParameterError, match="takes no domain labels"):
        unlabelled.embed(label)
    denoiser = NetworkDenoiser(tiny_unet(), process)
    with pytest.raises(InvalidParameterError, match=r"shape \(1, 32\); \(1, 31\) was given"):
        denoiser.conditioned(x, process.levels(5)[1], denoiser.embed(label)[:, :31])
    denoiser.network.enable_gradient_checkpointing()
    with pytest.raises(InvalidParameterError, match="gradient checkpointing"):
        denoiser.conditioned(x, process.levels(5)[1], denoiser.embed(label))


def test_threads_that_share_a_network_get_what_one_thread_gets() -> None:
    """null_class puts another table of classes into the network for a call; a second thread must not meet it."""
    network = tiny_unet()  # in training mode, with weights that ask for gradients
    denoiser, before = NetworkDenoiser(network, VariancePreserving()), [*map(torch.clone, network.parameters())]
    x = torch.randn(2, 4, 16, 16)

    def latent(method: str) -> torch.Tensor:
        return inversion.create(method).invert(denoiser, x, 0, 4).latent

    methods = ("null_class", "standard", "ovg", "standard") * 2
    with torch.no_grad():
        alone = [latent(method) for method in methods[:4]] * 2
        with ThreadPoolExecutor(2) as threads:
            together = list(threads.map(latent, methods))
    assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))
    assert network.training
    assert all(torch.equal(one, other) for one, other in zip(before, network.parameters(), strict=True))
    assert all(weight.requires_grad and weight.grad is None for weight in network.parameters())


def test_a_network_is_unharmed_by_an_error_inside() -> None:
    network = tiny_unet()
    denoiser, level = NetworkDenoiser(network, VariancePreserving()), VariancePreserving().levels(5)[3]
    table, x = network.class_embedding.weight, torch.randn(1, 4, 16, 16)
    embedding = denoiser.embed(torch.tensor([0]))
    hook = network.conv_out.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        denoiser.conditioned(x, level, embedding)
    hook.remove()
    assert network.class_embedding.weight is table
    assert network.training
    assert table.requires_grad
    denoiser(x, level, torch.tensor([0]))


def test_wrapped_and_offloaded_networks_answer_as_they_do_themselves() -> None:
    network = tiny_unet().eval()
    denoiser, process = NetworkDenoiser(network, VariancePreserving()), VariancePreserving()
    x = torch.randn(2, 4, 16, 16)
    expected = {method: inversion.create(method).invert(denoiser, x, 0, 3).latent for method in ("standard", "ovg")}
    # the network itself is offloaded last, for it stays so
    for wrap in (torch.nn.DataParallel, lambda one: accelerate.cpu_offload(one, torch.device("cpu"))):
        same = NetworkDenoiser(wrap(network), process)
        for method, latent in expected.items():
            found = inversion.create(method).invert(same, x, 0, 3).latent
            torch.testing.assert_close(found, latent, rtol=0, atol=0)
    with pytest.raises(InvalidParameterError, match="class embeddings of this UNet2DModel are offloaded"):
        same.embed(torch.tensor([0]))


def test_weights_that_are_stored_in_eight_bits_are_computed_with_in_more() -> None:
    network = tiny_unet(norm_num_groups=4).eval()
    network.enable_layerwise_casting(torch.float8_e4m3fn, torch.float32)
    denoiser, x = NetworkDenoiser(network, VariancePreserving()), torch.randn(1, 4, 16, 16)
    assert inversion.create("standard").invert(denoiser, x, 0, 3).latent.dtype == torch.float32
    with pytest.raises(InvalidParameterError, match="cannot be differentiated through"):
        inversion.create("ovg").invert(denoiser, x, 0, 3)
    with pytest.raises(InvalidParameterError, match="float8_e4m3fn, which nothing computes in"):
        inversion.create("standard").invert(
            NetworkDenoiser(tiny_unet().to(torch.float8_e4m3fn), VariancePreserving()), x, 0, 3
        )


class _Other(torch.nn.Module):
    def __init__(self, answer: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> object:
        return self.answer(x)


class _ByY(torch.nn.Module):
    def forward(self, x: torch.Tensor, time: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x


UNET, CONDITIONAL = tiny_unet(), tiny_conditional_unet()
XL = tiny_conditional_unet(
    addition_embed_type="text_time", addition_time_embed_dim=2, projection_class_embeddings_input_dim=7
)
CLASSES, CONTEXT = "classes must be a whole number for each domain label", "context must be a floating-point tensor"
ASKED = "takes 4 channels and sides of multiples of .*"
REFUSED: list[tuple[dict[str, object], str]] = [
    ({"prediction": "eps"}, "unknown prediction type 'eps'; known are: epsilon"),
    ({"prediction": "edm", "sigma_data": 0}, "sigma_data"),
    *(
        ({"process": FlowMatching(), "prediction": kind}, f"predicts '{kind}' says nothing of the image at the last")
        for kind in ("epsilon", "edm")
    ),
    ({"network": CONDITIONAL}, "context="),
    ({"network": XL, "context": torch.randn(3, 5, 6)}, "needs added="),
    ({"added": {"text_embeds": torch.zeros(3, 4)}}, "takes no added="),
    ({"classes": [0, 1, 3]}, r"classes \[0, 1, 3\] .* 0 to 2"),
    ({"network": tiny_unet(num_class_embeds=None), "classes": [0]}, "takes no class labels"),
    *(({"classes": wrong}, CLASSES) for wrong in ([0.5], [[0], [1]], "012", [None], [], [True])),
    *(
        ({"network": CONDITIONAL, "context": wrong}, CONTEXT)
        for wrong in (torch.zeros(3, 5, 6, dtype=torch.int64), torch.zeros(3, 6), [[1.0]])
    ),
    ({"network": "net"}, r"network must be a torch\.nn\.Module; 'net' was given"),
    *(({"process": wrong}, "process must be a noise process") for wrong in (None, VariancePreserving, "flow")),
    *(
        ({"network": _Other(answer)}, "this _Other answered .* floating-point tensor")
        for answer in (
            lambda x: (x, x),
            lambda x: torch.cat([x, x[:, :1]], 1),  # which of the channels count?
            lambda x: x.round().long(),
            lambda x: x.flatten(1),
        )
    ),
    ({"context": torch.randn(3, 5, 6)}, "takes no encoder_hidden_states, so it takes no context="),
    ({"network": _ByY()}, "takes its labels as 'y', and would not get them; call the argument class_labels"),
    ({"label": 3}, r"domain labels \[3\] .* 0 to 2"),
    ({"shape": (3, 16, 16)}, f"{ASKED}: are these images, and not yet latents\\?"),
    ({"shape": (4, 16, 17)}, rf"{ASKED}; \(4, 16, 17\) was given$"),
    *(
        ({"network": tiny_dit(), "shape": shape}, "takes 4 channels and squares of multiples of 2")
        for shape in ((4, 7, 7), (4, 8, 16))
    ),
]


@each(("given", "words"), REFUSED)
def test_what_cannot_be_is_refused_in_one_sentence(given: dict[str, object], words: str) -> None:
    given = {"network": UNET, "process": VariancePreserving(), "shape": (4, 16, 16), "label": 0} | given
    x, label, level = torch.randn(1, *given.pop("shape")), given.pop("label"), VariancePreserving().levels(5)[1]
    with pytest.raises(InvalidParameterError, match=words):
        NetworkDenoiser(**given)(x, level, torch.tensor([label]))
