"""Diffusers pipelines as denoisers: domain labels become prompts, or classes."""

from __future__ import annotations

import copy
import inspect
import math
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from spectral_collapse.checks import check_count, check_number
from spectral_collapse.denoisers.flow_transformers import PACKED, FlowTransformer, Flux, StableDiffusion3
from spectral_collapse.denoisers.network import NetworkDenoiser, PredictionType, called, device_of, unwrapped
from spectral_collapse.errors import InvalidParameterError, described, shown
from spectral_collapse.later import torch
from spectral_collapse.processes import BetaSchedule, FlowMatching, VariancePreserving

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline, DiTPipeline, DiTTransformer2DModel, UNet2DConditionModel

_PREDICTIONS: dict[str, PredictionType] = {"epsilon": "epsilon", "v_prediction": "velocity", "sample": "sample"}
"""Diffusers' prediction types."""

_FLUX_TOKENS = 512
"""Of a prompt, as in diffusers' FluxPipeline."""

_PARTS = {"unet", "transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3", "safety_checker"}
"""Of pipelines that are no more than a network that is told a text. An image encoder counts with its adapter."""


def from_pipeline(
    pipe: DiffusionPipeline, *, source: str | int, target: str | int, prompt: str = "", distilled_guidance: float = 1.0
) -> NetworkDenoiser:
    """The network of a diffusers pipeline as a denoiser of the domain labels 0 source, 1 target and 2 null.

    Args:
        pipe: a text-conditional pipeline with a UNet2DConditionModel (the Stable Diffusion 1.5, 2.1 and
            XL kind), a SD3Transformer2DModel or a FluxTransformer2DModel, or a class-conditional one with a
            DiTTransformer2DModel (DiTPipeline). It is not changed, and shares its weights with the denoiser: one
            that is offloaded, stored in 8 bits or compiled stays so, and other wrappers of its network are left out.
        source, target: the two domains: words for a text-conditional pipeline; a class index, or a name
            in `pipe.labels`, for a class-conditional one.
        prompt: words that both domains share, for a text-conditional pipeline. "{}" in it stands for the
            domain's words; without it they follow after a comma: 'a shoe' and 'a sketch' give
            'a shoe, a sketch'.
        distilled_guidance: the guidance input of a network that was distilled from guided ones (FLUX.1-dev); others
            ignore it. Inversion is usually done at 1.

    The null label is the prompt that the pipeline itself guides away from: '' (an SDXL pipeline may be
    configured to take zeros instead, `force_zeros_for_empty_prompt`); or the class after the last one.
    SDXL's `time_ids` say that images have the pipeline's default size and are not cropped. Process and
    prediction type are those of `pipe.scheduler`; its way of choosing and taking steps is not used. To invert as
    diffusers' DDIMInverseScheduler does, give a method told='next' (`inversion.StandardSteps`).

    A flow-matching pipeline's process is `FlowMatching` with the shift of its scheduler; if that depends on the image
    size, it is that of the pipeline's default size.

    Raises InvalidParameterError, one sentence, for a pipeline of another kind (inpainting, a ControlNet, a U-Net with
    the guidance weight as an input, ...), for a noise schedule that `VariancePreserving` or `FlowMatching` does not
    have, and for domains that are not words or not classes, or that give the network the same input.
    """
    from diffusers import DiTTransformer2DModel, FluxTransformer2DModel, SD3Transformer2DModel, UNet2DConditionModel

    unet, transformer = (unwrapped(getattr(pipe, name, None)) for name in ("unet", "transformer"))
    if isinstance(transformer, SD3Transformer2DModel | FluxTransformer2DModel):
        _check_parts(pipe, transformer)
        check_number("distilled_guidance", distilled_guidance, 0)
        prompts = [_fill(prompt, words) for words in (source, target)]
        flux = isinstance(transformer, FluxTransformer2DModel)
        network = _flux(pipe, prompts, distilled_guidance) if flux else _stable_diffusion_3(pipe, prompts)
        _check_told_apart(pipe, [network.class_embedding.weight], source, target)
        return NetworkDenoiser(network, _flow(pipe, network), "flow")
    kinds = (
        "from_pipeline takes a pipeline whose unet is a UNet2DConditionModel (Stable Diffusion) or whose transformer "
        "is a DiTTransformer2DModel, a SD3Transformer2DModel or a FluxTransformer2DModel; "
        f"a {type(pipe).__name__} was given; for another network use NetworkDenoiser"
    )
    if getattr(pipe, "scheduler", None) is None:
        raise InvalidParameterError(kinds)
    # The scheduler is looked at first: whatever the network, flow matching is refused as such.
    process, prediction = _process(pipe), _prediction(pipe)
    if isinstance(unet, UNet2DConditionModel):
        _check_parts(pipe, unet)
        _check_unet(unet)
        context, added = _encode(pipe, unet, [_fill(prompt, words) for words in (source, target)])
        _check_told_apart(pipe, [context, *(rows for rows in added.values() if len(rows) > 1)], source, target)
        return NetworkDenoiser(called(pipe.unet), process, prediction, context=context, added=added)
    if isinstance(transformer, DiTTransformer2DModel):
        _check_parts(pipe, transformer)
        if prompt:
            raise InvalidParameterError(f"a class-conditional pipeline takes no prompt; {prompt!r} was given")
        known = _num_classes(transformer)
        classes = [_class_index(pipe, domain, known) for domain in (source, target)]
        if classes[0] == classes[1]:
            raise InvalidParameterError(f"source and target are both class {classes[0]}; give two classes")
        return NetworkDenoiser(called(pipe.transformer), process, prediction, classes=[*classes, known])
    raise InvalidParameterError(kinds)


def sides(network: torch.nn.Module) -> tuple[int, int]:
    """The height and width of a network's default latents. Raises InvalidParameterError if it does not state them."""
    if not isinstance(network, torch.nn.Module) or not hasattr(network, "config"):
        raise InvalidParameterError(f"network must be a network of diffusers; {described(network)} was given")
    size = network.config.get("sample_size")
    if size is None:
        raise InvalidParameterError(
            f"the {type(network).__name__} of this pipeline has no sample_size, the height and width of its latents; "
            "say it by register_to_config(sample_size=64), say"
        )
    height, width = (size, size) if isinstance(size, int) else size
    return height, width


def _settings(pipe: DiffusionPipeline) -> dict[str, Any]:
    """The scheduler's configuration, without what another class left there (`from_config` keeps all)."""
    known = inspect.signature(type(pipe.scheduler).__init__).parameters
    return {name: value for name, value in pipe.scheduler.config.items() if name in known}


def _flow(pipe: DiffusionPipeline, network: FlowTransformer) -> FlowMatching:
    """The process of a flow-matching pipeline: its scheduler's shift, fixed or of the usual size of a latent."""
    config, given = pipe.scheduler.config, _settings(pipe)
    general = given.get("use_flow_sigmas") and given.get("prediction_type") == "flow_prediction"
    if "shift" not in given and not general:
        raise InvalidParameterError(
            f"the transformer of this {type(pipe).__name__} predicts a flow, and its {type(pipe.scheduler).__name__} "
            "is of another process; give it a FlowMatchEulerDiscreteScheduler, or a scheduler with "
            "use_flow_sigmas=True and prediction_type='flow_prediction'"
        )
    if not given.get("use_dynamic_shifting"):
        shift = given["flow_shift"] if "flow_shift" in given else getattr(pipe.scheduler, "shift", given.get("shift"))
        return FlowMatching(shift=1.0 if shift is None else float(shift))
    tokens = math.prod(side // PACKED for side in network.config.sample_size)
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
    transformer = unwrapped(pipe.transformer)
    config, size = transformer.config, sides(transformer)
    bare = copy.copy(pipe)
    vars(bare)["transformer"] = transformer  # which encode_prompt asks for its configuration
    found, null, pooled, null_pooled = bare.encode_prompt(
        prompt=prompts,
        prompt_2=None,
        prompt_3=None,
        device=device_of(transformer),
        do_classifier_free_guidance=True,
    )
    context, pooled = torch.cat([found, null[:1]]), torch.cat([pooled, null_pooled[:1]])
    patch = config.patch_size
    largest = patch * config.pos_embed_max_size
    return StableDiffusion3(called(pipe.transformer), context, pooled, config.in_channels, size, patch, largest)


@torch.no_grad()
def _flux(pipe: DiffusionPipeline, prompts: list[str], guidance: float) -> Flux:
    transformer = unwrapped(pipe.transformer)
    config = transformer.config
    length = min(_FLUX_TOKENS, pipe.tokenizer_2.model_max_length)
    context, pooled, _ = pipe.encode_prompt(
        prompt=[*prompts, ""], prompt_2=None, device=device_of(transformer), max_sequence_length=length
    )
    size = (pipe.default_sample_size,) * 2
    network = Flux(called(pipe.transformer), context, pooled, config.in_channels // PACKED**2, size, PACKED)
    network.guidance = guidance if config.guidance_embeds else None
    return network


def _process(pipe: DiffusionPipeline) -> VariancePreserving:
    """The noise process that the pipeline's network was trained on."""
    kind, config = type(pipe.scheduler).__name__, _settings(pipe)
    reason = None
    if config.get("beta_start") is None or config.get("use_flow_sigmas"):
        reason = "it has no betas"
    elif config.get("trained_betas") is not None:
        reason = "it has trained_betas"
    elif config.get("rescale_betas_zero_snr"):
        reason = "rescale_betas_zero_snr leaves no signal at the last level"
    elif config["beta_schedule"] not in get_args(BetaSchedule):
        reason = f"its beta_schedule is {config['beta_schedule']!r}"
    if reason is None:
        process = VariancePreserving(
            config["num_train_timesteps"], config["beta_start"], config["beta_end"], config["beta_schedule"]
        )
        signal = getattr(pipe.scheduler, "alphas_cumprod", None)
        # in single precision, of a product of a thousand factors
        if signal is None or np.allclose(signal.cpu().numpy(), process.alpha_bars, rtol=1e-3, atol=1e-6):
            return process
        reason = "its alphas_cumprod is not that of its betas, as with snr_shift_scale"
    raise InvalidParameterError(
        f"the noise process of {kind} is not supported, for {reason}; "
        f"supported are the beta schedules {' and '.join(get_args(BetaSchedule))}; for flow matching, write a function "
        "that returns NetworkDenoiser(network, FlowMatching(), 'flow') (--model package.module:function)"
    )


def process_and_prediction(pipe: Any) -> tuple[VariancePreserving, PredictionType]:
    """The noise process and the prediction type of a pipeline's network, from its scheduler.

    Raises InvalidParameterError for a schedule that `VariancePreserving` does not have.
    """
    return _process(pipe), _prediction(pipe)


def _prediction(pipe: DiffusionPipeline) -> PredictionType:
    given = _settings(pipe).get("prediction_type", "epsilon")
    if given not in _PREDICTIONS:
        raise InvalidParameterError(
            f"the scheduler's prediction_type must be one of {', '.join(_PREDICTIONS)}; {given!r} was given"
        )
    return _PREDICTIONS[given]


def _check_parts(pipe: DiffusionPipeline, network: torch.nn.Module) -> None:
    """Refuses pipelines of which the network is told more than an image, a time and a text or class."""
    kind, config = "unet" if hasattr(pipe, "unet") else "transformer", network.config
    others = [name for name, part in vars(pipe).items() if isinstance(part, torch.nn.Module) and name not in _PARTS]
    reason = None
    taken = config.in_channels
    given = getattr(config, "out_channels", None) or taken
    adapter = kind == "transformer" and any(
        getattr(network, name, None) is not None for name in ("encoder_hid_proj", "image_proj")
    )
    if given not in (taken, 2 * taken):
        reason = (
            f"{kind} takes {taken} channels and gives {given}, as for inpainting or control by an image, where the "
            "others hold a second image"
        )
    elif adapter:
        reason = f"{kind} has an image adapter; call unload_ip_adapter() first"
    elif others := [name for name in others if name != "image_encoder"]:
        reason = f"{others[0]} changes what it makes and would be left out; give the pipeline without it"
    if reason is not None:
        raise InvalidParameterError(f"from_pipeline cannot use this {type(pipe).__name__}, for its {reason}")


def _check_told_apart(pipe: DiffusionPipeline, told: list[torch.Tensor], source: str | int, target: str | int) -> None:
    """Refuses domains whose rows, the first and the second, are the same but for rounding."""
    if source == target:
        raise InvalidParameterError(f"source and target are both {shown(source)}; give two domains")
    if all(torch.allclose(rows[0].float(), rows[1].float(), rtol=1e-5, atol=1e-6) for rows in told):
        length = pipe.tokenizer.model_max_length
        raise InvalidParameterError(
            f"the network would be told the same for {shown(source)[:80]} and {shown(target)[:80]}: its first text "
            f"encoder reads {length} tokens, and no later ones and mostly no capitals; shorten the prompt, put {{}} "
            "first, or choose other words"
        )


def _check_unet(unet: UNet2DConditionModel) -> None:
    """Refuses U-Nets that need more than an image, a time and a text."""
    config = unet.config
    reason = None
    if config.get("time_cond_proj_dim") is not None:
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
def _encode(
    pipe: DiffusionPipeline, unet: UNet2DConditionModel, prompts: list[str]
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Cross-attention states of source, target and null, and what SDXL takes beside them."""
    device = device_of(unet)
    encoded = pipe.encode_prompt(
        prompt=prompts, device=device, num_images_per_prompt=1, do_classifier_free_guidance=True
    )
    context = torch.cat([encoded[0], encoded[1][:1]])
    if unet.config.get("addition_embed_type") != "text_time":
        return context, {}
    pooled = torch.cat([encoded[2], encoded[3][:1]])
    size = [side * pipe.vae_scale_factor for side in sides(unet)]
    # Original size, corner of the crop, target size: what StableDiffusionXLPipeline says by default.
    time_ids = torch.tensor([[*size, 0, 0, *size]], dtype=torch.float32, device=device)
    width = pooled.shape[1] + unet.config.addition_time_embed_dim * time_ids.shape[1]
    if width != (needed := unet.add_embedding.linear_1.in_features):
        raise InvalidParameterError(
            f"the unet of this pipeline takes an added embedding of {needed} numbers, and size and text make {width}, "
            "as for a refiner; give the base pipeline"
        )
    return context, {"text_embeds": pooled, "time_ids": time_ids}


def _num_classes(transformer: DiTTransformer2DModel) -> int:
    """The classes of a DiT, which is also the index of its null class."""
    return int(transformer.config.num_embeds_ada_norm)


def _class_index(pipe: DiTPipeline, domain: str | int, known: int) -> int:
    """The class index of a domain, given as one or by its name."""
    if isinstance(domain, str):
        if domain not in (pipe.labels or {}):
            raise InvalidParameterError(
                f"{domain!r} is none of the {len(pipe.labels or {})} names in pipe.labels; give one or a class index"
            )
        return int(pipe.labels[domain])
    return check_count("a class", domain, 0, known - 1)
