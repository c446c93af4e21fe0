"""Networks as denoisers: what a network predicts, and how a domain label reaches it."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, TypeVar, get_args
from weakref import WeakKeyDictionary

from spectral_collapse.checks import check_is, check_name, check_number, check_text, described
from spectral_collapse.denoisers.base import Prediction, check_asked, check_labels, check_process, check_states
from spectral_collapse.errors import InvalidParameterError, unknown
from spectral_collapse.later import torch
from spectral_collapse.processes import Level, Process, check_levels

PredictionType = Literal["epsilon", "sample", "velocity", "edm", "flow"]
PREDICTION_TYPES: tuple[PredictionType, ...] = get_args(PredictionType)
_Number = TypeVar("_Number", float, "torch.Tensor")
_CONTEXT = "encoder_hidden_states"
_LABELS = ("y", "label", "labels", "c", "cls", "classes", "class_label")
"""What networks of others call the argument that is class_labels here."""
_COMPILED = "_orig_mod"
"""Where torch.compile's wrapper has the network."""
_NEED_ADDED = ("text_image", "text_time", "image", "image_hint")
"""The values of a UNet2DConditionModel's addition_embed_type for which it reads added_cond_kwargs."""


class Coefficients(NamedTuple):
    """The linear maps around a network F: both halves of x from F's output.

    output = F(input_scale * x);  noise = noise_skip * x + noise_out * output;
    clean = clean_skip * x + clean_out * output.
    """

    input_scale: float | torch.Tensor
    noise_skip: float | torch.Tensor
    noise_out: float | torch.Tensor
    clean_skip: float | torch.Tensor
    clean_out: float | torch.Tensor


def coefficients(prediction: PredictionType, alpha: _Number, sigma: _Number, sigma_data: float = 0.5) -> Coefficients:
    """The coefficients of a prediction type at a level; the denoiser and the training loss share them.

    'epsilon': the output is the noise (paper, Eq. 17, 22). 'sample': the clean image (Eq. 21).
    'velocity': alpha * noise - sigma * clean (Salimans and Ho 2022), for any alpha and sigma.
    'edm': Karras' preconditioning (paper, Eq. 26, 27) of x / alpha = x0 + (sigma / alpha) * eps.
    'flow': noise - clean (Lipman et al. 2023; Liu et al. 2023), for any alpha and sigma.

    alpha and sigma are floats, or tensors that broadcast against x. Raises InvalidParameterError for
    an unknown prediction type.
    """
    _check_coefficients(prediction, alpha, sigma, sigma_data)
    if prediction == "epsilon":
        return Coefficients(1.0, 0.0, 1.0, 1 / alpha, -sigma / alpha)
    if prediction == "sample":
        return Coefficients(1.0, 1 / sigma, -alpha / sigma, 0.0, 1.0)
    if prediction == "velocity":
        power = alpha**2 + sigma**2
        return Coefficients(1.0, sigma / power, alpha / power, alpha / power, -sigma / power)
    if prediction == "flow":
        total = alpha + sigma
        return Coefficients(1.0, 1 / total, alpha / total, 1 / total, -sigma / total)
    if prediction == "edm":
        ratio = sigma / alpha
        power = ratio**2 + sigma_data**2
        skip, out = sigma_data**2 / power, ratio * sigma_data / power**0.5
        # 1 - skip is written as ratio^2 / power: at small sigma the difference would cancel.
        return Coefficients(
            1 / (alpha * power**0.5), (ratio / power) / alpha, -sigma_data / power**0.5, skip / alpha, out
        )
    raise unknown("prediction type", prediction, PREDICTION_TYPES)


def _check_coefficients(prediction: object, alpha: object, sigma: object, sigma_data: object) -> None:
    check_text("prediction type", prediction)
    check_number("sigma_data", sigma_data, 0, exclude=(0,))
    numbers = {"alpha": alpha, "sigma": sigma}
    for name, value in numbers.items():
        if not isinstance(value, torch.Tensor) or not value.is_floating_point() or value.is_meta:
            check_number(name, value, 0)
    least = {"epsilon": ("alpha",), "edm": ("alpha",), "sample": ("sigma",)}.get(prediction, ("alpha", "sigma"))
    if not any(isinstance(numbers[name], torch.Tensor) or numbers[name] for name in least):
        raise InvalidParameterError(f"{prediction!r} needs {' or '.join(least)} above 0; 0 was given")


def size_multiple(network: torch.nn.Module) -> int:
    """What the height and width of a network's input must be a multiple of.

    This is a DiT's patch, a U-Net's halvings, or the network's own `size_multiple`; 1 for a network of another kind,
    which has to check its input itself.
    """
    check_is("network", network, torch.nn.Module, "a torch.nn.Module")
    if hasattr(network, "size_multiple"):
        return network.size_multiple
    config = getattr(network, "config", {})
    if "patch_size" in config:
        return int(config["patch_size"])
    return 2 ** (len(config.get("block_out_channels", "1")) - 1)


def unwrapped(network: torch.nn.Module) -> torch.nn.Module:
    """The network inside the wrappers of torch.compile, DataParallel, DistributedDataParallel and peft, if any."""
    parallel = torch.nn.DataParallel | torch.nn.parallel.DistributedDataParallel
    while True:
        if isinstance(network, torch.nn.Module) and _COMPILED in network._modules:
            network = network._modules[_COMPILED]
        elif isinstance(network, parallel):
            network = network.module
        elif hasattr(network, "get_base_model"):
            network = network.get_base_model()
        else:
            return network


def called(network: torch.nn.Module) -> torch.nn.Module:
    """`unwrapped`, but keeps torch.compile if it is the outermost wrapper, since it is faster."""
    core = unwrapped(network)
    return network if network._modules.get(_COMPILED) is core else core


class NetworkDenoiser:
    """A diffusers network as a denoiser.

    Args:
        network: UNet2DModel, UNet2DConditionModel or DiTTransformer2DModel, or any module that takes
            `(x, time, class_labels=...)` and answers with a tensor or with `.sample`. A network whose
            output has twice the channels of x (a learned variance) is read by its first half.
        process: the noise process it was trained on.
        prediction: what it predicts: 'epsilon', 'sample', 'velocity', 'edm' or 'flow'.
        sigma_data: standard deviation of the data, for 'edm' only.
        context: for UNet2DConditionModel, the cross-attention states of each domain label, a tensor
            (labels, tokens, channels).
        classes: the network's own class index of each domain label, where the two differ; for an
            ImageNet DiT, say, [207, 360, 1000], whose class 1000 is the null one.
        added: for UNet2DConditionModel of the SDXL kind, the `added_cond_kwargs` by name, each with a
            row per domain label, or with one row that all labels share (`time_ids`).

    The network is used as it is: it is put into evaluation mode for the call where it is not, and its weights never
    receive a gradient through a denoiser; x does. It is called in its own precision, and everything around the call is
    done in that of x. Threads that share a network wait for each other. Wrappers around it (DataParallel, peft, ...)
    are taken off, except torch.compile's.

    Raises:
        InvalidParameterError: an argument of another type, an unknown prediction type, one that says nothing of the
            image at the process's last level ('epsilon' and 'edm' where alpha is 0), sigma_data <= 0, a label or
            classes that the network does not have, labels that it takes under another name than class_labels, or a
            UNet2DConditionModel without any conditioning on the label or without the `added` that it needs.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        process: Process,
        prediction: PredictionType = "epsilon",
        sigma_data: float = 0.5,
        context: torch.Tensor | None = None,
        classes: torch.Tensor | Sequence[int] | None = None,
        added: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        check_is("network", network, torch.nn.Module, "a torch.nn.Module")
        check_process(process)
        check_name("prediction type", prediction, PREDICTION_TYPES)
        check_number("sigma_data", sigma_data, 0, exclude=(0,))
        _check_conditioning(context, added)
        if prediction in ("epsilon", "edm") and not process.levels(1)[-1].alpha:
            raise InvalidParameterError(
                f"a network that predicts {prediction!r} says nothing of the image at the last level of this process, "
                "where alpha is 0; use one that predicts 'flow', 'velocity' or 'sample', or FlowMatching(last=0.999)"
            )
        network, self._called = unwrapped(network), called(network)
        _check_label_argument(network)
        self.network, self.process, self.prediction, self.sigma_data = network, process, prediction, sigma_data
        self.context = context
        self._takes_class = _takes_class_labels(network)
        self._classes = None if classes is None else _whole_numbers(classes)
        config = getattr(network, "config", {})
        self._cross_attention = config.get("cross_attention_dim") if hasattr(network, "encoder_hid_proj") else None
        self._needs_added = config.get("addition_embed_type") in _NEED_ADDED
        # What reaches the network as an argument: per label, and the same for all.
        self._shared = {name: rows for name, rows in (added or {}).items() if len(rows) == 1}
        self._per_label_inputs = {name: rows for name, rows in (added or {}).items() if name not in self._shared}
        if context is not None:
            self._per_label_inputs = {_CONTEXT: context, **self._per_label_inputs}
        with _alone(network):
            tables = list(self._class_tables().values())
        self._check(min(map(len, tables), default=0), takes_added=bool(added))
        rows = [self._classes] if self._classes is not None else tables
        self.num_labels = min(map(len, (*rows, *self._per_label_inputs.values())), default=None)

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        """Both halves of x (N x C x H x W) at `level` under `label` (LongTensor of N)."""
        check_asked(x, level, label)
        label = self._known(label).to(x.device)
        inputs = {name: rows.to(x.device)[label] for name, rows in self._per_label_inputs.items()}
        return self._predict(x, level, self._class_of(label), inputs, {})

    @property
    def takes_class(self) -> bool:
        """Whether the network is called with class_labels."""
        return self._takes_class

    def told(self) -> dict[str, torch.Tensor]:
        """What the network receives besides x and time, by name: a row per label (or one for all), or its class."""
        classes = {} if self._classes is None else {"classes": self._classes}
        return classes | self._shared | self._per_label_inputs

    def embed(self, label: torch.Tensor) -> torch.Tensor:
        """The conditioning vector of N domain labels, N x E: all that depends on the label, concatenated.

        These are the label's rows of the network's class embeddings (each block of a DiT has its own),
        of `context`, and of what in `added` has a row per label, flattened; a copy, at least float32.
        Raises InvalidParameterError for an unknown label, and for a network that takes no labels, or takes them in
        another way than by a table of embeddings.
        """
        check_labels(label)
        classes = self._class_of(self._known(label))
        with _alone(self.network):
            tables = self._conditioning()
            given = {name: label if name in self._per_label_inputs else classes for name in tables}
            rows = [table.detach()[given[name].to(table.device)] for name, table in tables.items()]
        dtype = torch.promote_types(rows[0].dtype, torch.float32)
        return torch.cat([row.flatten(1).to(label.device, dtype) for row in rows], dim=1)

    def conditioned(self, x: torch.Tensor, level: Level, embedding: torch.Tensor) -> Prediction:
        """Both halves of x (N x C x H x W) at `level` under any conditioning, an N x E tensor as `embed` gives.

        conditioned(x, level, embed(label)) is the denoiser's own answer under `label`. It is
        differentiable with respect to x and to the embedding. Raises InvalidParameterError for an
        embedding of another shape, for a network with gradient checkpointing, and as `embed` does.
        """
        check_states(x=x)
        check_levels(level)
        check_is("embedding", embedding, torch.Tensor, "a tensor N x E")
        tables = self._conditioning()
        sizes = [table[0].numel() for table in tables.values()]
        if tuple(embedding.shape) != (len(x), sum(sizes)):
            raise InvalidParameterError(
                f"the embedding of {len(x)} images must have the shape {(len(x), sum(sizes))}; "
                f"{tuple(embedding.shape)} was given"
            )
        if getattr(self.network, "is_gradient_checkpointing", False):
            # Its second forward pass, in backward(), would find the network's own tables again.
            raise InvalidParameterError(
                "conditioned() does not go with gradient checkpointing; call the network's "
                "disable_gradient_checkpointing() first"
            )
        pieces = zip(tables.items(), embedding.split(sizes, dim=1), strict=True)
        rows = {name: piece.reshape(len(x), *table.shape[1:]) for (name, table), piece in pieces}
        inputs = {name: rows.pop(name) for name in self._per_label_inputs}
        return self._predict(x, level, torch.arange(len(x), device=x.device), inputs, rows)

    def _predict(
        self,
        x: torch.Tensor,
        level: Level,
        classes: torch.Tensor,
        inputs: Mapping[str, torch.Tensor],
        tables: Mapping[str, torch.Tensor],
    ) -> Prediction:
        """Both halves of x, given the network's class indices, its other conditioning and tables to use instead."""
        self._check_input(x)
        c = coefficients(self.prediction, level.alpha, level.sigma, self.sigma_data)
        dtype = _precision(self.network, x.dtype)
        # Half precision cannot hold every timestep; networks embed the time before they cast it.
        time = torch.full((len(x),), level.time, device=x.device, dtype=torch.promote_types(x.dtype, torch.float32))
        conditioning: dict[str, Any] = {"class_labels": classes} if self._takes_class else {}
        shared = {name: rows.to(x.device).expand(len(x), *rows.shape[1:]) for name, rows in self._shared.items()}
        added = {name: rows.to(dtype) for name, rows in (shared | inputs).items()}
        if _CONTEXT in added:
            conditioning[_CONTEXT] = added.pop(_CONTEXT)
        elif self._cross_attention:  # the label arrives through the class embedding; the text is empty
            conditioning[_CONTEXT] = x.new_zeros(len(x), 1, self._cross_attention, dtype=dtype)
        if self._needs_added:
            conditioning["added_cond_kwargs"] = added
        given = (x, *inputs.values(), *tables.values())
        differentiated = torch.is_grad_enabled() and any(one.requires_grad for one in given)
        if differentiated:
            _check_differentiable(self.network)
        prefix = "" if self._called is self.network else f"{_COMPILED}."
        weights = {f"{prefix}{name}": table.to(dtype) for name, table in tables.items()}
        arguments = (c.input_scale * x).to(dtype), time
        with _alone(self.network), _evaluating(self.network), _frozen(self.network):
            if weights:
                output = torch.func.functional_call(self._called, weights, arguments, conditioning)
            else:
                output = self._called(*arguments, **conditioning)
        output = output if isinstance(output, torch.Tensor) else getattr(output, "sample", output)
        real = isinstance(output, torch.Tensor) and output.is_floating_point()
        if not real or output.ndim != 4 or output.shape not in (x.shape, (len(x), 2 * x.shape[1], *x.shape[2:])):
            kind = f" of {output.dtype}" if isinstance(output, torch.Tensor) and not real else ""
            raise InvalidParameterError(
                f"this {type(self.network).__name__} answered {tuple(x.shape)} with {described(output)}{kind}; it must "
                "give a floating-point tensor, or an object with .sample, of the shape of x or of twice its channels"
            )
        if differentiated and not output.requires_grad:
            raise InvalidParameterError(
                f"this {type(self.network).__name__} answered without a gradient, as under torch.no_grad() or after "
                ".detach() in its forward, and this method needs one; take that out, or use a method without gradients"
            )
        output = output[:, : x.shape[1]].to(x.dtype)
        return Prediction(c.noise_skip * x + c.noise_out * output, c.clean_skip * x + c.clean_out * output)

    def _check_input(self, x: torch.Tensor) -> None:
        """Raises InvalidParameterError for images of a shape that the network cannot take."""
        config, step = getattr(self.network, "config", {}), size_multiple(self.network)
        if hasattr(self.network, "encoder_hid_proj"):  # a UNet2DConditionModel pads on its own
            step = 1
        channels = config.get("in_channels", x.shape[1])
        square = "patch_size" in config  # diffusers' DiT takes the root of the number of patches
        largest = getattr(self.network, "largest", None)
        if largest and max(x.shape[2:]) > largest:
            raise InvalidParameterError(
                f"this {type(self.network).__name__} knows places in latents of up to {largest} x {largest} "
                f"(its pos_embed_max_size); {tuple(x.shape[1:])} was given"
            )
        if x.shape[1] != channels or any(side % step for side in x.shape[2:]) or (square and x.shape[2] != x.shape[3]):
            raise InvalidParameterError(
                f"this {type(self.network).__name__} takes {channels} channels and "
                f"{'squares' if square else 'sides'} of multiples of {step}; {tuple(x.shape[1:])} was given"
                f"{'' if x.shape[1] == channels else ': are these images, and not yet latents?'}"
            )

    def _known(self, label: torch.Tensor) -> torch.Tensor:
        """The labels as they are, if there are such labels."""
        known = self.num_labels
        if known is not None and not 0 <= int(label.min()) <= int(label.max()) < known:
            raise InvalidParameterError(
                f"domain labels {sorted(set(label.tolist()))} were given to a network that has 0 to {known - 1}"
            )
        return label

    def _class_of(self, label: torch.Tensor) -> torch.Tensor:
        """The network's own class indices of domain labels."""
        return label if self._classes is None else self._classes.to(label.device)[label]

    def _class_tables(self) -> dict[str, torch.Tensor]:
        """The embeddings of the class labels, by parameter name (U-Net: one, DiT: one per block)."""
        return {
            f"{name}.weight": module.weight
            for name, module in self.network.named_modules()
            if self._takes_class and "class_embed" in name and isinstance(module, torch.nn.Embedding)
        }

    def _conditioning(self) -> dict[str, torch.Tensor]:
        """All that has a row per label, or per class of the network, by the parameter's or argument's name."""
        tables, kind = self._class_tables(), type(self.network).__name__
        if hasattr(self.network, "label_mean"):
            raise InvalidParameterError(
                f"{kind} has a mean colour and a spectrum for each label, which an embedding does not hold; use an "
                "ordinary network, or negative_prompt in place of null_class"
            )
        if self._takes_class and not tables:
            raise InvalidParameterError(
                f"the class labels of this {kind} do not pass through an nn.Embedding called class_embedding "
                "or class_embedder, so its conditioning cannot be replaced"
            )
        if not tables and not self._per_label_inputs:
            raise InvalidParameterError(f"this {kind} takes no domain labels, so it has no conditioning")
        if any(table.is_meta for table in tables.values()):
            raise InvalidParameterError(
                f"the class embeddings of this {kind} are offloaded, so its conditioning cannot be replaced; "
                "use it without offloading, or a method that takes labels alone"
            )
        return tables | self._per_label_inputs

    def _check(self, num_classes: int, takes_added: bool) -> None:
        """Raises InvalidParameterError where the label cannot reach the network, or classes are not its own."""
        kind = type(self.network).__name__
        if self._cross_attention and self.context is None and not num_classes:
            raise InvalidParameterError(
                f"this {kind} has no class embedding, so the domain label must reach it through "
                "context=, a tensor (labels, tokens, channels) of cross-attention states"
            )
        if self.context is not None and not _takes(self.network, _CONTEXT):
            raise InvalidParameterError(f"this {kind} takes no {_CONTEXT}, so it takes no context=")
        if self._needs_added != takes_added:
            needs = "needs added=, its added_cond_kwargs by name" if self._needs_added else "takes no added="
            raise InvalidParameterError(f"this {kind} {needs}")
        if self._classes is None:
            return
        if not self._takes_class:
            raise InvalidParameterError(f"this {kind} takes no class labels, so it takes no classes=")
        if num_classes and not 0 <= int(self._classes.min()) <= int(self._classes.max()) < num_classes:
            raise InvalidParameterError(
                f"classes {self._classes.tolist()} were given to a network that has 0 to {num_classes - 1}"
            )


_LOCKS: WeakKeyDictionary[torch.nn.Module, threading.RLock] = WeakKeyDictionary()


def _alone(network: torch.nn.Module) -> threading.RLock:
    """The lock of a network: for a call its mode, its flags and its class tables are not its own."""
    return _LOCKS.setdefault(_core(network), threading.RLock())


def _core(network: torch.nn.Module) -> torch.nn.Module:
    """What networks around a pipeline's transformer share."""
    shared = getattr(network, "transformer", None)
    return unwrapped(shared) if isinstance(shared, torch.nn.Module) else network


@contextmanager
def _frozen(network: torch.nn.Module) -> Iterator[None]:
    """Weights without gradients for a call: only x and the conditioning are differentiated."""
    trained = [weight for weight in network.parameters() if weight.requires_grad] if torch.is_grad_enabled() else []
    try:
        for weight in trained:
            weight.requires_grad_(False)
        yield
    finally:
        for weight in trained:
            weight.requires_grad_(True)


@contextmanager
def _evaluating(network: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode for a call: dropout, and DiT's own label dropout, belong to training alone."""
    training = network.training
    if training:
        network.eval()
    try:
        yield
    finally:
        if training:
            network.train()


def device_of(network: torch.nn.Module) -> torch.device | None:
    """The device on which a network computes: where hooks of accelerate or diffusers bring its weights, or theirs."""
    return offloaded_to(network) or next((weight.device for weight in network.parameters()), None)


def offloaded_to(network: torch.nn.Module) -> torch.device | None:
    """The device to which a network's weights are brought only for a call; None for any other network."""
    for module in network.modules():
        found = getattr(getattr(module, "_hf_hook", None), "execution_device", None)
        if (hooks := getattr(module, "_diffusers_hook", None)) is not None:
            group = getattr(hooks.get_hook("group_offloading"), "group", None)
            found = found if group is None else group.onload_device
        if found is not None:
            return torch.device(found)
    return None


def _precision(network: torch.nn.Module, default: torch.dtype) -> torch.dtype:
    """What a network computes in: the precision of its weights, which may be stored in fewer bits than that."""
    found = next((p.dtype for p in network.parameters() if p.is_floating_point()), default)
    if found.itemsize > 1:
        return found
    says = getattr(_core(network), "dtype", found)  # diffusers knows the precision that it casts weights of 8 bits to
    if isinstance(says, torch.dtype) and says.itemsize > 1:
        return says
    raise InvalidParameterError(
        f"the weights of this {type(network).__name__} are {str(found).removeprefix('torch.')}, which nothing computes "
        "in; store them so by diffusers' enable_layerwise_casting, or take more bits"
    )


def _check_differentiable(network: torch.nn.Module) -> None:
    """Raises InvalidParameterError for weights that are not there any more, or not as numbers, when gradients are."""
    reason = None
    for module in network.modules():
        hooks = getattr(module, "_diffusers_hook", None)
        if hooks is not None and (hooks.get_hook("group_offloading") or hooks.get_hook("layerwise_casting")):
            reason = "weights are there for the call alone (group offloading, layerwise casting)"
        elif type(module).__module__.startswith("torch.ao.nn.quantized"):
            reason = "layers in whole numbers (torch.ao.quantization) have no gradients"
    if reason is not None:
        raise InvalidParameterError(
            f"this {type(network).__name__} cannot be differentiated through, for its {reason}; use a method without "
            "gradients, or the network without that"
        )


def _check_label_argument(network: torch.nn.Module) -> None:
    """Raises InvalidParameterError for a network that takes its labels as an argument of another name."""
    third = list(inspect.signature(network.forward).parameters)[2:3]
    if third and third[0] in _LABELS:
        raise InvalidParameterError(
            f"this {type(network).__name__} takes its labels as {third[0]!r}, and would not get them; call the "
            "argument class_labels, or leave it out if there are no labels"
        )


def _whole_numbers(classes: object) -> torch.Tensor:
    """Class indices as a LongTensor. Raises InvalidParameterError for anything but a row of whole numbers."""
    try:
        found = torch.as_tensor(classes)
    except (TypeError, ValueError, RuntimeError):
        found = torch.zeros(())
    whole = not (found.is_floating_point() or found.is_complex() or found.dtype == torch.bool)
    if not whole or found.ndim != 1 or not len(found):
        raise InvalidParameterError(
            f"classes must be a whole number for each domain label, such as [207, 360, 1000]; {described(classes)} "
            "was given"
        )
    return found.long()


def _check_conditioning(context: object, added: object) -> None:
    """Raises InvalidParameterError for conditioning that is no floating-point tensor of the right dimensions."""
    if context is not None and not (_is_real(context) and context.ndim == 3 and context.numel()):
        raise InvalidParameterError(
            "context must be a floating-point tensor (labels, tokens, channels); "
            f"{described(context)}{f' of {context.dtype}' if isinstance(context, torch.Tensor) else ''} was given"
        )
    if added is not None and not (
        isinstance(added, Mapping) and all(_is_real(rows) and rows.ndim > 1 and len(rows) for rows in added.values())
    ):
        raise InvalidParameterError(
            "added must be a dict of floating-point tensors (labels or 1, numbers), the added_cond_kwargs by name; "
            f"{described(added)} was given"
        )


def _is_real(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point() and value.layout is torch.strided


def _takes(network: torch.nn.Module, name: str) -> bool:
    """Whether a network can be called with an argument of this name."""
    parameters = inspect.signature(network.forward).parameters.values()
    return any(one.name == name or one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters)


def _takes_class_labels(network: torch.nn.Module) -> bool:
    """Whether the network is called with class_labels: diffusers' U-Nets refuse them without an embedding."""
    parameters = inspect.signature(network.forward).parameters.values()
    accepts = any(p.name == "class_labels" or p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    return accepts and getattr(network, "class_embedding", True) is not None
