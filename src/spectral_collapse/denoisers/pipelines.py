"""Diffusers pipelines as denoisers: domain labels become prompts, or classes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, get_args

import torch

from spectral_collapse.checks import check_count, check_number
from spectral_collapse.denoisers.flow_transformers import PACKED, FlowTransformer, Flux, StableDiffusion3
from spectral_collapse.denoisers.network import NetworkDenoiser, PredictionType
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.processes import BetaSchedule, FlowMatching, VariancePreserving

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline, DiTPipeline, DiTTransformer2DModel, UNet2DConditionModel

_PREDICTIONS: dict[str, PredictionType] = {"epsilon": "epsilon", "v_prediction": "velocity", "sample": "sample"}
"""Diffusers' prediction types."""

_FLUX_TOKENS = 512
"""Of a prompt, as in diffusers' FluxPipeline."""


def from_pipeline(
    pipe: DiffusionPipeline, *, source: str | int, target: str | int, prompt: str = "", distilled_guidance: float = 1.0
) -> NetworkDenoiser:
    """The network of a diffusers pipeline as a denoiser of the domain labels 0 source, 1 target and 2 null.

    Args:
        pipe: a text-conditional pipeline with a UNet2DConditionModel (the Stable Diffusion 1.5, 2.1 and
            XL kind), a SD3Transformer2DModel or a FluxTransformer2DModel, or a class-conditional one with a
            DiTTransformer2DModel (DiTPipeline). It is not changed, and shares its weights with the denoiser.
        source, target: the two domains: words for a text-conditional pipeline; a class index, or a name
            in `pipe.labels`, for a class-conditional one.
        prompt: words that both domains share, for a text-conditional pipeline. "{}" in it stands for the
            domain's words; without it they follow after a comma: 'a shoe' and 'a sketch' give
            'a shoe, a sketch'.
        distilled_guidance: what a network that was distilled from guided ones (FLUX.1-dev) is told; of no effect
            on others. Inversion is usually done at 1.

    The null label is the prompt that the pipeline itself guides away from: '' (an SDXL pipeline may be
    configured to take zeros instead, `force_zeros_for_empty_prompt`); or the class after the last one.
    SDXL's `time_ids` say that images have the pipeline's default size and are not cropped. Process and
    prediction type are those of `pipe.scheduler`; its way of choosing and taking steps is not used. To invert as
    diffusers' DDIMInverseScheduler does, give a method told='next' (`inversion.StandardSteps`).

    A flow-matching pipeline's process is `FlowMatching` with the shift of its scheduler, where that depends on the
    size of the image the one of the pipeline's usual size.

    Raises InvalidParameterError, one sentence, for a pipeline of another kind (inpainting, a U-Net that is told the
    guidance weight, ...), for a noise schedule that `VariancePreserving` does not have, and for domains that are
    not words or not classes.
    """
    from diffusers import DiTTransformer2DModel, FluxTransformer2DModel, SD3Transformer2DModel, UNet2DConditionModel

    unet, transformer = getattr(pipe, "unet", None), getattr(pipe, "transformer", None)
    if isinstance(transformer, SD3Transformer2DModel | FluxTransformer2DModel):
        check_number("distilled_guidance", distilled_guidance, 0)
        prompts = [_fill(prompt, words) for words in (source, target)]
        flux = isinstance(transformer, FluxTransformer2DModel)
        network = _flux(pipe, prompts, distilled_guidance) if flux else _stable_diffusion_3(pipe, prompts)
        return NetworkDenoiser(network, _flow(pipe, network), "flow")
    # The scheduler is looked at first: whatever the network, flow matching is refused as such.
    process, prediction = _process(pipe), _prediction(pipe)
    if isinstance(unet, UNet2DConditionModel):
        _check_unet(unet)
        context, added = _encode(pipe, [_fill(prompt, words) for words in (source, target)])
        return NetworkDenoiser(unet, process, prediction, context=context, added=added)
    if isinstance(transformer, DiTTransformer2DModel):
        if prompt:
            raise InvalidParameterError(f"a class-conditional pipeline takes no prompt; {prompt!r} was given")
        classes = [_class_index(pipe, domain) for domain in (source, target)]
        return NetworkDenoiser(transformer, process, prediction, classes=[*classes, _num_classes(transformer)])
    raise InvalidParameterError(
        "from_pipeline takes a pipeline whose unet is a UNet2DConditionModel (Stable Diffusion) or whose transformer "
        "is a DiTTransformer2DModel, a SD3Transformer2DModel or a FluxTransformer2DModel; "
        f"a {type(pipe).__name__} was given; for another network use NetworkDenoiser"
    )


def _flow(pipe: DiffusionPipeline, network: FlowTransformer) -> FlowMatching:
    """The process of a flow-matching pipeline: its scheduler's shift, fixed or of the usual size of a latent."""
    config = pipe.scheduler.config
    if not config.get("use_dynamic_shifting"):
        return FlowMatching(shift=float(config.get("shift", 1.0)))
    tokens = (network.config.sample_size // PACKED) ** 2
    sizes, shifts = [
        [float(config.get(f"{end}_{name}", other)) for end, other in (("base", low), ("max", high))]
        for name, low, high in (("image_seq_len", 256, 4096), ("shift", 0.5, 1.15))
    ]
    # a straight line through both ends, as diffusers' pipelines have it
    share = (tokens - sizes[0]) / (sizes[1] - sizes[0])
    mu = shifts[0] + share * (shifts[1] - shifts[0])
    return FlowMatching(shift=math.exp(mu) if config.get("time_shift_type", "exponential") == "exponential" else mu)


@torch.no_grad()
def _stable_diffusion_3(pipe: DiffusionPipeline, prompts: list[str]) -> StableDiffusion3:
    config, device = pipe.transformer.config, pipe.transformer.device
    found, null, pooled, null_pooled = pipe.encode_prompt(
        prompt=prompts, prompt_2=None, prompt_3=None, device=device, do_classifier_free_guidance=True
    )
    context, pooled = torch.cat([found, null[:1]]), torch.cat([pooled, null_pooled[:1]])
    return StableDiffusion3(
        pipe.transformer, context, pooled, config.in_channels, config.sample_size, config.patch_size
    )


@torch.no_grad()
def _flux(pipe: DiffusionPipeline, prompts: list[str], guidance: float) -> Flux:
    config, device = pipe.transformer.config, pipe.transformer.device
    length = min(_FLUX_TOKENS, pipe.tokenizer_2.model_max_length)
    context, pooled, _ = pipe.encode_prompt(
        prompt=[*prompts, ""], prompt_2=None, device=device, max_sequence_length=length
    )
    size = pipe.default_sample_size
    network = Flux(pipe.transformer, context, pooled, config.in_channels // PACKED**2, size, PACKED)
    network.guidance = guidance if config.guidance_embeds else None
    return network


def _process(pipe: DiffusionPipeline) -> VariancePreserving:
    """The noise process that the pipeline's network was trained on."""
    kind, config = type(pipe.scheduler).__name__, pipe.scheduler.config
    reason = None
    if config.get("beta_start") is None or config.get("use_flow_sigmas"):
        reason = "it has no betas"
    elif config.get("trained_betas") is not None:
        reason = "it has trained_betas"
    elif config.get("rescale_betas_zero_snr"):
        reason = "rescale_betas_zero_snr leaves no signal at the last level"
    elif config["beta_schedule"] not in get_args(BetaSchedule):
        reason = f"its beta_schedule is {config['beta_schedule']!r}"
    if reason is not None:
        raise InvalidParameterError(
            f"the noise process of {kind} is not supported, for {reason}; "
            f"supported are the beta schedules {' and '.join(get_args(BetaSchedule))}"
        )
    return VariancePreserving(
        config["num_train_timesteps"], config["beta_start"], config["beta_end"], config["beta_schedule"]
    )


def _prediction(pipe: DiffusionPipeline) -> PredictionType:
    given = pipe.scheduler.config.get("prediction_type", "epsilon")
    if given not in _PREDICTIONS:
        raise InvalidParameterError(
            f"the scheduler's prediction_type must be one of {', '.join(_PREDICTIONS)}; {given!r} was given"
        )
    return _PREDICTIONS[given]


def _check_unet(unet: UNet2DConditionModel) -> None:
    """Refuses U-Nets that need more than an image, a time and a text."""
    config = unet.config
    reason = None
    if config.out_channels not in (config.in_channels, 2 * config.in_channels):
        reason = (
            f"takes {config.in_channels} channels and gives {config.out_channels}, as for inpainting, where the "
            "others hold a second image"
        )
    elif config.get("time_cond_proj_dim") is not None:
        reason = "is told the guidance weight (time_cond_proj_dim), as guidance-distilled networks are"
    elif unet.class_embedding is not None:
        reason = "needs class labels beside its text"
    elif config.get("addition_embed_type") not in (None, "text", "text_time"):
        reason = f"needs more than a text (addition_embed_type {config.addition_embed_type!r})"
    elif config.get("encoder_hid_dim_type") not in (None, "text_proj"):
        reason = f"needs more than a text (encoder_hid_dim_type {config.encoder_hid_dim_type!r})"
    if reason is not None:
        raise InvalidParameterError(f"from_pipeline cannot use this pipeline, for its unet {reason}")


def _fill(prompt: str, words: str | int) -> str:
    """The prompt of a domain."""
    if not isinstance(words, str) or not isinstance(prompt, str):
        raise InvalidParameterError(
            f"a text-conditional pipeline takes words for prompt, source and target; {words!r} was given to {prompt!r}"
        )
    return prompt.replace("{}", words) if "{}" in prompt else ", ".join(part for part in (prompt, words) if part)


@torch.no_grad()
def _encode(pipe: DiffusionPipeline, prompts: list[str]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Cross-attention states of source, target and null, and what SDXL takes beside them."""
    device = pipe.unet.device
    encoded = pipe.encode_prompt(
        prompt=prompts, device=device, num_images_per_prompt=1, do_classifier_free_guidance=True
    )
    context = torch.cat([encoded[0], encoded[1][:1]])
    if pipe.unet.config.get("addition_embed_type") != "text_time":
        return context, {}
    pooled = torch.cat([encoded[2], encoded[3][:1]])
    side = pipe.unet.config.sample_size * pipe.vae_scale_factor
    # Original size, corner of the crop, target size: what StableDiffusionXLPipeline says by default.
    time_ids = torch.tensor([[side, side, 0, 0, side, side]], dtype=torch.float32, device=device)
    width = pooled.shape[1] + pipe.unet.config.addition_time_embed_dim * time_ids.shape[1]
    if width != (needed := pipe.unet.add_embedding.linear_1.in_features):
        raise InvalidParameterError(
            f"the unet of this pipeline takes an added embedding of {needed} numbers, and size and text make {width}, "
            "as for a refiner; give the base pipeline"
        )
    return context, {"text_embeds": pooled, "time_ids": time_ids}


def _num_classes(transformer: DiTTransformer2DModel) -> int:
    """The classes of a DiT, which is also the index of its null class."""
    return int(transformer.config.num_embeds_ada_norm)


def _class_index(pipe: DiTPipeline, domain: str | int) -> int:
    """The class index of a domain, given as one or by its name."""
    if isinstance(domain, str):
        if domain not in (pipe.labels or {}):
            raise InvalidParameterError(
                f"{domain!r} is none of the {len(pipe.labels or {})} names in pipe.labels; give one or a class index"
            )
        return int(pipe.labels[domain])
    known = _num_classes(pipe.transformer)
    return check_count("a class", domain, 0, known - 1)
