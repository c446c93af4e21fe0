from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
import torch

from spectral_collapse import inversion
from spectral_collapse.denoisers import NetworkDenoiser, from_pipeline
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.sampling import sample
from tests.pipelines_tiny import Kind, tiny_pipeline

pytest.importorskip("transformers")
from diffusers import (
    CogVideoXDDIMScheduler,
    ControlNetModel,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DiffusionPipeline,
    EDMEulerScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    StableDiffusionControlNetPipeline,
    UNet2DConditionModel,
    UNet2DModel,
    UniPCMultistepScheduler,
)

from tests.each import each

DOMAINS: dict[Kind, dict[str, str | int]] = {
    "stable-diffusion": {"source": "ink", "target": "oil", "prompt": "a cat"},
    "stable-diffusion-xl": {"source": "ink", "target": "oil", "prompt": "a {} cat"},
    "stable-diffusion-3": {"source": "ink", "target": "oil", "prompt": "a cat"},
    "flux": {"source": "ink", "target": "oil", "prompt": "a cat"},
    "dit": {"source": "drawing", "target": 5},
}


def wrap(pipe: DiffusionPipeline, kind: Kind) -> NetworkDenoiser:
    return from_pipeline(pipe, **DOMAINS[kind])  # type: ignore[arg-type]


@torch.no_grad()
def by_hand(pipe: DiffusionPipeline, kind: Kind, x: torch.Tensor, time: float) -> torch.Tensor:
    """The network's answers under source, target and null, as the pipelines themselves would ask it."""
    if kind == "dit":
        return pipe.transformer(x, torch.full((3,), time), class_labels=torch.tensor([3, 5, 10])).sample[:, :4]
    prompts = {"stable-diffusion-xl": ["a ink cat", "a oil cat"]}
    if kind == "flux":
        states, pooled, ids = pipe.encode_prompt(["a cat, ink", "a cat, oil", ""], None, max_sequence_length=16)
        velocity = pipe.transformer(
            pipe._pack_latents(x, 3, 4, 16, 16),
            encoder_hidden_states=states,
            pooled_projections=pooled,
            timestep=torch.full((3,), time / 1000),
            img_ids=pipe._prepare_latent_image_ids(3, 8, 8, torch.device("cpu"), torch.float32),
            txt_ids=ids,
            guidance=torch.full((3,), 1.0),
        ).sample
        return x + (1 - time / 1000) * pipe._unpack_latents(velocity, 64, 64, pipe.vae_scale_factor)
    encoded = pipe.encode_prompt(
        prompts.get(kind, ["a cat, ink", "a cat, oil"]),
        **({"prompt_2": None, "prompt_3": None} if kind == "stable-diffusion-3" else {}),
        device=torch.device("cpu"),
        num_images_per_prompt=1,
        do_classifier_free_guidance=True,
    )
    states = torch.cat([encoded[0], encoded[1][:1]])
    if kind == "stable-diffusion":
        return pipe.unet(x, time, encoder_hidden_states=states).sample
    if kind == "stable-diffusion-3":
        pooled = torch.cat([encoded[2], encoded[3][:1]])
        velocity = pipe.transformer(x, states, pooled, torch.full((3,), time)).sample
        return x + (1 - time / 1000) * velocity
    [ids] = pipe._get_add_time_ids((64, 64), (0, 0), (64, 64), torch.float32, pipe.text_encoder_2.config.projection_dim)
    added = {"text_embeds": torch.cat([encoded[2], encoded[3][:1]]), "time_ids": ids.expand(3, -1)}
    return pipe.unet(x, time, encoder_hidden_states=states, added_cond_kwargs=added).sample


@each("kind", DOMAINS)
def test_a_pipelines_denoiser_answers_as_its_network_does(kind: Kind) -> None:
    pipe = tiny_pipeline(kind)
    denoiser = wrap(pipe, kind)
    x, level = torch.randn(1, 4, 16, 16).expand(3, -1, -1, -1), denoiser.process.levels(10)[6]
    noise, clean = denoiser(x, level, torch.tensor([0, 1, 2]))
    # The same network on the same numbers; batches of rows may be encoded in another order of sums.
    torch.testing.assert_close(noise, by_hand(pipe, kind, x, level.time), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(level.alpha * clean + level.sigma * noise, x, rtol=1e-4, atol=1e-5)
    assert not any(torch.allclose(noise[i], noise[j]) for i, j in ((0, 1), (1, 2), (0, 2)))
    label = torch.tensor([2, 0, 1])
    expected = denoiser(x, level, label)
    torch.testing.assert_close(denoiser.conditioned(x, level, denoiser.embed(label)), expected)
    part = "unet" if hasattr(pipe, "unet") else "transformer"  # which may be wrapped
    setattr(pipe, part, torch.nn.DataParallel(getattr(pipe, part)))
    torch.testing.assert_close(wrap(pipe, kind)(x, level, label), expected, rtol=0, atol=0)


@each("kind", DOMAINS)
def test_an_image_goes_up_and_down_a_pipeline(kind: Kind) -> None:
    denoiser = wrap(tiny_pipeline(kind), kind)
    latent = inversion.create("ovg").invert(denoiser, torch.randn(2, 4, 16, 16), 0, 3).latent
    image = sample(denoiser, latent, 1, 3, guidance=2.0)
    assert image.shape == (2, 4, 16, 16)
    assert torch.isfinite(image).all()


def test_the_null_label_is_the_empty_prompt() -> None:
    pipe = tiny_pipeline()
    denoiser = from_pipeline(pipe, source="", target="oil", prompt="")
    torch.testing.assert_close(*denoiser.embed(torch.tensor([0, 2])), rtol=0, atol=0)
    xl = tiny_pipeline("stable-diffusion-xl")
    # Configured as the released SDXL: zeros in place of the empty prompt.
    assert not from_pipeline(xl, source="ink", target="oil").embed(torch.tensor([2])).any()
    xl.register_to_config(force_zeros_for_empty_prompt=False)
    torch.testing.assert_close(*from_pipeline(xl, source="", target="oil").embed(torch.tensor([0, 2])), rtol=0, atol=0)


@each(
    ("prompt", "words", "read"),
    [("", "ink", "ink"), ("a cat", "ink", "a cat, ink"), ("a {} cat", "ink", "a ink cat"), ("a cat", "", "a cat")],
)
def test_prompts_are_templates(prompt: str, words: str, read: str) -> None:
    pipe = tiny_pipeline()
    filled = from_pipeline(pipe, source=words, target="pen", prompt=prompt).embed(torch.tensor([0]))
    torch.testing.assert_close(filled, from_pipeline(pipe, source=read, target="pen").embed(torch.tensor([0])))


@each("kind", ["stable-diffusion", "dit"])
def test_the_levels_are_those_of_the_scheduler(kind: Kind) -> None:
    pipe = tiny_pipeline(kind)
    levels = wrap(pipe, kind).process.levels(20)
    pipe.scheduler.set_timesteps(20)
    times = pipe.scheduler.timesteps.flip(0)
    assert [level.time for level in levels] == [0, *times.tolist()]
    signal = torch.tensor([level.alpha**2 for level in levels[1:]])
    # diffusers multiplies up to 1000 factors in float32.
    torch.testing.assert_close(signal, pipe.scheduler.alphas_cumprod[times], rtol=1000 * 2**-24, atol=0)


@each("kind", ["stable-diffusion-3", "flux"])
def test_sampling_a_flow_pipeline_is_what_diffusers_does(kind: Kind) -> None:
    """The same latents as the pipeline's own call, up to the last 0.001 of the path, shifted, that are not walked."""
    pipe, steps = tiny_pipeline(kind), 6
    denoiser = wrap(pipe, kind)
    noise = torch.randn(2, 4, 16, 16)
    latents = pipe._pack_latents(noise, 2, 4, 16, 16) if kind == "flux" else noise
    own = pipe(
        ["a cat, oil"] * 2,
        height=64,
        width=64,
        latents=latents,
        num_inference_steps=steps,
        sigmas=np.linspace(1, 1 / steps, steps).tolist(),
        guidance_scale=1.0,
        max_sequence_length=16 if kind == "flux" else 256,
        output_type="latent",
    ).images
    own = pipe._unpack_latents(own, 64, 64, pipe.vae_scale_factor) if kind == "flux" else own
    torch.testing.assert_close(sample(denoiser, noise, 1, steps), own, rtol=0, atol=0.02)
    assert not torch.allclose(sample(denoiser, noise, 0, steps), own, rtol=0, atol=0.02)


def test_the_shift_of_flux_is_that_of_its_usual_size() -> None:
    pipe = tiny_pipeline("flux")
    # 64 tokens of a 16 x 16 latent, on the line from 0.5 at 256 tokens to 1.15 at 4096
    expected = math.exp(0.5 + (64 - 256) / (4096 - 256) * (1.15 - 0.5))
    assert wrap(pipe, "flux").process.shift == pytest.approx(expected, rel=1e-12)
    assert wrap(tiny_pipeline("stable-diffusion-3"), "stable-diffusion-3").process.shift == 3.0


@each("given", ["epsilon", "v_prediction", "sample"])
def test_a_step_is_that_of_the_scheduler(given: str) -> None:
    """DDIM's own step from the same network output ends where ours ends."""
    pipe = tiny_pipeline()
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, prediction_type=given)
    denoiser = wrap(pipe, "stable-diffusion")
    level, following = (denoiser.process.levels(10)[i] for i in (6, 5))
    x = torch.randn(3, 4, 16, 16)
    pipe.scheduler.set_timesteps(10)
    output = by_hand(pipe, "stable-diffusion", x, level.time)
    expected = pipe.scheduler.step(output, int(level.time), x).prev_sample
    noise, clean = denoiser(x, level, torch.tensor([0, 1, 2]))
    torch.testing.assert_close(following.alpha * clean + following.sigma * noise, expected, rtol=1e-4, atol=1e-4)


@each("kind", DOMAINS)
def test_a_pipeline_in_half_precision_works(kind: Kind) -> None:
    denoiser = wrap(tiny_pipeline(kind).to(dtype=torch.bfloat16), kind)
    x, label = torch.randn(2, 4, 16, 16), torch.tensor([0, 1])
    level = denoiser.process.levels(10)[6]
    noise = denoiser(x, level, label).noise
    assert noise.dtype == torch.float32
    full = wrap(tiny_pipeline(kind), kind)(x, level, label).noise
    # Weights and activations of 8 bits.
    assert (noise - full).norm() < 0.05 * full.norm()
    torch.testing.assert_close(denoiser.conditioned(x, level, denoiser.embed(label)).noise, noise)


@each(
    ("scheduler", "config", "sentence"),
    [
        (FlowMatchEulerDiscreteScheduler, {}, "FlowMatchEulerDiscreteScheduler is not supported, for it has no betas"),
        (EDMEulerScheduler, {}, "EDMEulerScheduler is not supported, for it has no betas"),
        (DDPMScheduler, {"beta_schedule": "squaredcos_cap_v2"}, "its beta_schedule is 'squaredcos_cap_v2'"),
        (DDPMScheduler, {"trained_betas": [0.1, 0.2]}, "it has trained_betas"),
        (DDIMScheduler, {"rescale_betas_zero_snr": True}, "no signal at the last level"),
        (CogVideoXDDIMScheduler, {"rescale_betas_zero_snr": False}, "not that of its betas, as with snr_shift_scale"),
        (DDPMScheduler, {"prediction_type": "flow_prediction"}, "'flow_prediction' was given"),
    ],
)
def test_other_processes_are_refused(scheduler: type, config: Mapping[str, object], sentence: str) -> None:
    pipe = tiny_pipeline()
    pipe.scheduler = scheduler(**config)
    with pytest.raises(InvalidParameterError, match=sentence):
        wrap(pipe, "stable-diffusion")


@each(
    ("config", "sentence"),
    [
        ({"in_channels": 9}, "takes 9 channels and gives 4, as for inpainting"),
        ({"time_cond_proj_dim": 8}, "guidance-distilled"),
        ({"num_class_embeds": 5}, "needs class labels"),
        ({"addition_embed_type": "image", "encoder_hid_dim": 4}, "addition_embed_type 'image'"),
        ({"encoder_hid_dim_type": "image_proj", "encoder_hid_dim": 4}, "encoder_hid_dim_type 'image_proj'"),
        (
            {"addition_embed_type": "text_time", "addition_time_embed_dim": 7},
            "added embedding of 64 numbers, and size and text make 58",
        ),
    ],
)
def test_networks_that_need_more_are_refused(config: dict[str, object], sentence: str) -> None:
    pipe = tiny_pipeline("stable-diffusion-xl")
    settings = {name: value for name, value in pipe.unet.config.items() if not name.startswith("_")}
    pipe.unet = UNet2DConditionModel(**settings | {"addition_embed_type": None} | config)
    with pytest.raises(InvalidParameterError, match=sentence):
        wrap(pipe, "stable-diffusion-xl")


def test_other_pipelines_and_domains_are_refused() -> None:
    unconditional = DDPMPipeline(UNet2DModel(sample_size=8, block_out_channels=(32,) * 4), DDPMScheduler())
    with pytest.raises(
        InvalidParameterError, match="a DDPMPipeline was given; for another network use NetworkDenoiser"
    ):
        from_pipeline(unconditional, source="ink", target="oil")
    with pytest.raises(InvalidParameterError, match="takes words"):
        from_pipeline(tiny_pipeline(), source=3, target="oil")
    dit = tiny_pipeline("dit")
    with pytest.raises(InvalidParameterError, match="takes no prompt; 'a cat' was given"):
        from_pipeline(dit, source=1, target=2, prompt="a cat")
    with pytest.raises(InvalidParameterError, match="'oil' is none of the 3 names"):
        from_pipeline(dit, source="oil", target=2)
    with pytest.raises(InvalidParameterError, match="from 0 to 9; 10 was given"):
        from_pipeline(dit, source=10, target=2)
    denoiser = from_pipeline(dit, source=1, target=2)
    with pytest.raises(InvalidParameterError, match=r"domain labels \[3\] .* 0 to 2"):
        denoiser(torch.randn(1, 4, 16, 16), denoiser.process.levels(5)[1], torch.tensor([3]))


def test_the_shift_is_that_which_the_scheduler_uses() -> None:
    pipe = tiny_pipeline("stable-diffusion-3")
    flow = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
    pipe.scheduler.set_shift(7.0)
    assert wrap(pipe, "stable-diffusion-3").process.shift == 7.0
    # the shift 3.0 of the scheduler before stays in the configuration, and is not read
    pipe.scheduler = UniPCMultistepScheduler.from_config(pipe.scheduler.config, flow_shift=5.0, **flow)
    assert wrap(pipe, "stable-diffusion-3").process.shift == 5.0
    pipe.scheduler = DDIMScheduler()
    with pytest.raises(InvalidParameterError, match="predicts a flow, and its DDIMScheduler is of another process"):
        wrap(pipe, "stable-diffusion-3")


def test_another_scheduler_of_the_same_betas_will_do_and_what_one_left_in_the_configuration_is_not_read() -> None:
    pipe = tiny_pipeline()
    process = wrap(pipe, "stable-diffusion").process
    pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    assert wrap(pipe, "stable-diffusion").process == process
    pipe.scheduler = UniPCMultistepScheduler.from_config(pipe.scheduler.config, use_flow_sigmas=True)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    assert wrap(pipe, "stable-diffusion").process == process
    pipe.scheduler = FlowMatchEulerDiscreteScheduler.from_config(pipe.scheduler.config)
    with pytest.raises(InvalidParameterError, match="it has no betas"):
        wrap(pipe, "stable-diffusion")


@each("kind", ["stable-diffusion", "stable-diffusion-3", "flux", "dit"])
def test_domains_that_the_network_is_told_alike_are_refused(kind: Kind) -> None:
    pipe = tiny_pipeline(kind)
    with pytest.raises(InvalidParameterError, match="source and target are both"):
        from_pipeline(pipe, **dict.fromkeys(("source", "target"), 3 if kind == "dit" else "ink"))
    if kind != "dit":
        with pytest.raises(InvalidParameterError, match="text encoder reads 16 tokens, and no later ones"):
            from_pipeline(pipe, source="ink", target="oil", prompt=" ".join("abcdefghijklmnopqrs"))


def test_parts_beside_the_network_are_refused() -> None:
    plain = tiny_pipeline()
    parts = {name: part for name, part in plain.components.items() if name != "image_encoder"}
    control = ControlNetModel.from_unet(plain.unet)
    guided = StableDiffusionControlNetPipeline(**parts, controlnet=control, requires_safety_checker=False)
    with pytest.raises(InvalidParameterError, match="for its controlnet changes what it makes"):
        wrap(guided, "stable-diffusion")
    flux = tiny_pipeline("flux")
    flux.transformer.register_to_config(in_channels=96, out_channels=16)  # as FLUX Fill, in little
    with pytest.raises(InvalidParameterError, match="takes 96 channels and gives 16, as for inpainting"):
        wrap(flux, "flux")
    adapted = tiny_pipeline("flux")
    adapted.transformer.encoder_hid_proj = torch.nn.Linear(2, 2)
    with pytest.raises(InvalidParameterError, match="has an image adapter"):
        wrap(adapted, "flux")


def test_sizes_that_are_pairs_are_read_and_missing_ones_are_named() -> None:
    pipe = tiny_pipeline("stable-diffusion-xl")
    pipe.unet.register_to_config(sample_size=(16, 24))
    assert wrap(pipe, "stable-diffusion-xl").told()["time_ids"].tolist() == [[64, 96, 0, 0, 64, 96]]
    for kind in ("stable-diffusion-xl", "stable-diffusion-3"):
        pipe = tiny_pipeline(kind)
        (pipe.transformer if kind.endswith("3") else pipe.unet).register_to_config(sample_size=None)
        with pytest.raises(InvalidParameterError, match="has no sample_size"):
            wrap(pipe, kind)
    denoiser = wrap(tiny_pipeline("stable-diffusion-3"), "stable-diffusion-3")
    with pytest.raises(InvalidParameterError, match="latents of up to 32 x 32"):
        denoiser(torch.zeros(1, 4, 48, 48), denoiser.process.levels(4)[1], torch.tensor([0]))
