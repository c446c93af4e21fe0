"""The U-Net on patches: nothing is lost in its input."""

from __future__ import annotations

import pytest
import torch

from spectral_collapse import memory, networks
from spectral_collapse.denoisers import size_multiple
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks import PatchedUNet
from tests.each import each


def _parameters(network: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_the_papers_networks_have_the_published_sizes() -> None:
    with torch.device("meta"):
        unet, dit = networks.paper_unet(), networks.paper_dit()
    # Stable Diffusion v1.5's U-Net has 859.52 million; the table of labels comes on top.
    assert _parameters(unet) - 6 * 768 == 859_520_964
    # DiT-L/2 has 458 million (Peebles and Xie 2023, Table 1), in which the time is embedded once and there are
    # 1000 classes and a learned variance; diffusers has an embedding of 256 -> 1024 -> 1024 in each of 24 blocks.
    repeated = 23 * (256 * 1024 + 1024 + 1024 * 1024 + 1024) + 24 * 5 * 1024
    published = _parameters(dit) - repeated + 1001 * 1024 + 16 * 1025
    assert published == pytest.approx(458e6, rel=0.003)


def test_a_fresh_dit_answers_with_zero_each_block_is_the_identity_and_drops_no_labels() -> None:
    """adaLN-zero (Peebles and Xie 2023, Sec. 3.2)."""
    network = networks.small_dit(8, width=16, depth=2, heads=2)
    x, label = torch.randn(3, 4, 8, 8), torch.tensor([0, 1, 2])
    assert not network(x, torch.full((3,), 500.0), class_labels=label).sample.any()
    tokens = torch.randn(3, 16, 16)
    out = network.transformer_blocks[0](tokens, timestep=torch.full((3,), 500.0), class_labels=label)
    assert torch.equal(out, tokens)
    # diffusers would replace every tenth label by its last class, in each block another.
    network = networks.small_dit(8, width=16, depth=1, heads=2).train()
    embedder = network.transformer_blocks[0].norm1.emb.class_embedder
    label = torch.arange(5).repeat(200)
    assert len(embedder.embedding_table.weight) == 5
    assert torch.equal(embedder(label), embedder.embedding_table.weight[label])


def test_a_network_that_cannot_be_built_is_refused_in_one_sentence() -> None:
    cases = [
        (
            ("resnet", 16, {}),
            "unknown network 'resnet'; known are: patched_unet, spectral_unet, small_unet",
        ),
        (("small_unet", 16, {"width": 3}), "unknown argument 'width' .* known are: widths, attention"),
        (("paper_dit", 16, {"width": 3}), "unknown argument 'width' .* known are: none"),
        (("small_unet", 16, {"widths": [15, 20]}), "'small_unet' .* cannot be built: num_channels"),
        (("small_unet", 16, {"widths": []}), "widths must be a list of whole numbers"),
        (("small_unet", 16, {"widths": 3}), "widths must be a list of whole numbers"),
        (("small_unet", 16, {"widths": "abc"}), "widths must be a list of whole numbers"),
        (("small_unet", 16, {"widths": [[16]]}), "each of widths must be a whole number"),
        (("small_unet", 16, {"widths": [-16, 16]}), "each of widths must be a whole number"),
        (("small_unet", 16, {"widths": [float("nan")]}), "each of widths must be a whole number"),
        (("small_unet", 16, {"widths": [0, 0]}), "each of widths must be a whole number"),
        (("small_unet", 16, {"widths": [16, 32], "attention": 9}), "cannot be built: "),
        (("small_unet", 16, {"widths": [10**9]}), "each of widths must be a whole number"),
        (("small_dit", 16, {"depth": 10**9}), "depth must be a whole number from 0 to 8192"),
        (("small_dit", 16, {"heads": 0}), "cannot be built: heads must be"),
        (("small_unet", 18, {"widths": [16, 16, 16]}), "multiples of 4; 18 was given"),
        (("small_dit", 15, {}), "multiples of 2; 15 was given"),
        (("small_dit", 16, {"width": 15, "heads": 4}), "cannot be built: "),
        (("patched_unet", 16, {"widths": [8, 8]}), "widths must be multiples of 16"),
        (("patched_unet", 32, {"patch": 3}), "patch must be a divisor of the image's 32 pixels; 3 was given"),
        (("gained_dit", 8192, {"width": 8192, "patch": 1}), "needs at least"),
    ]
    for (name, size, architecture), message in cases:
        with pytest.raises(InvalidParameterError, match=message):
            networks.create(name, size, 4, 5, **architecture)


def test_what_cannot_fit_is_refused_before_it_is_tried_and_the_look_ahead_draws_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The weights of a seed are those that the builder alone would give."""
    torch.manual_seed(3)
    plain = networks.small_unet(16, 4, 5, (16, 32))
    torch.manual_seed(3)
    created = networks.create("small_unet", 16, 4, 5, widths=[16, 32])
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), created.parameters(), strict=True))
    monkeypatch.setattr(memory, "total", lambda: 16e9)
    with pytest.raises(
        InvalidParameterError, match=r"needs at least 73.6 GB, and this machine has 16 GB; make it smaller"
    ):
        networks.create("small_unet", 16, 4, 5, widths=[8192, 8192])


def test_attention_is_where_it_is_asked_for() -> None:
    network = networks.small_unet(32, 3, 5, (16, 16, 32, 32), attention=1)
    assert network.config.down_block_types == ("DownBlock2D", "DownBlock2D", "DownBlock2D", "AttnDownBlock2D")
    assert network.config.up_block_types == ("AttnUpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D")
    out = network(torch.randn(2, 3, 32, 32), torch.zeros(2), class_labels=torch.tensor([0, 4])).sample
    assert out.shape == (2, 3, 32, 32)


@each("patch", [1, 2, 4])
def test_the_unet_sees_an_orthonormal_view_of_the_image(patch: int) -> None:
    """Space-to-depth sorts the numbers of an image: what comes back is the image itself, so nothing is lost and
    white noise stays white."""
    network, x = PatchedUNet(32, widths=(16, 32), attention=0, patch=patch).eval(), torch.randn(2, 3, 32, 32)
    seen = []
    network.unet.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    network(x, torch.zeros(2), torch.zeros(2, dtype=torch.long))
    assert seen[0].shape == (2, 3 * patch**2, 32 // patch, 32 // patch)
    torch.testing.assert_close(seen[0].square().sum((1, 2, 3)), x.square().sum((1, 2, 3)))
    assert torch.equal(torch.nn.functional.pixel_shuffle(seen[0], patch), x)
    assert size_multiple(network) == 2 * patch
