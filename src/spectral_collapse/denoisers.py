"""Denoisers: what turns a noisy image into a noise and a clean image, whatever it predicts inside.

A denoiser is any callable `(x, level, label) -> Prediction` with a `.process`. Its Prediction always
satisfies x = alpha * clean + sigma * noise, so nothing downstream asks what kind of network it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol, TypeVar

import torch

from spectral_collapse.errors import InvalidParameterError, unknown
from spectral_collapse.processes import Level, Process

PredictionType = Literal["epsilon", "sample", "velocity", "edm"]
PREDICTION_TYPES: tuple[PredictionType, ...] = ("epsilon", "sample", "velocity", "edm")
_Number = TypeVar("_Number", float, torch.Tensor)


class Prediction(NamedTuple):
    """The two halves of a noisy image, both N x C x H x W: x = alpha * clean + sigma * noise."""

    noise: torch.Tensor
    clean: torch.Tensor


class Denoiser(Protocol):
    """What inversion and sampling need of a model.

    x is N x C x H x W, label a LongTensor of N domain labels, level a `processes.Level`.
    """

    process: Process

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction: ...


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

    alpha and sigma are floats, or tensors that broadcast against x. Raises InvalidParameterError for
    an unknown prediction type.
    """
    if prediction == "epsilon":
        return Coefficients(1.0, 0.0, 1.0, 1 / alpha, -sigma / alpha)
    if prediction == "sample":
        return Coefficients(1.0, 1 / sigma, -alpha / sigma, 0.0, 1.0)
    if prediction == "velocity":
        power = alpha**2 + sigma**2
        return Coefficients(1.0, sigma / power, alpha / power, alpha / power, -sigma / power)
    if prediction == "edm":
        ratio = sigma / alpha
        power = ratio**2 + sigma_data**2
        skip, out = sigma_data**2 / power, ratio * sigma_data / power**0.5
        # 1 - skip is written as ratio^2 / power: at small sigma the difference would cancel.
        return Coefficients(
            1 / (alpha * power**0.5), (ratio / power) / alpha, -sigma_data / power**0.5, skip / alpha, out
        )
    raise unknown("prediction type", prediction, PREDICTION_TYPES)


class NetworkDenoiser:
    """A diffusers network as a denoiser.

    Args:
        network: UNet2DModel, UNet2DConditionModel or DiTTransformer2DModel, or any module that takes
            `(x, time, class_labels=...)` and answers with a tensor or with `.sample`. A network whose
            output has twice the channels of x (a learned variance) is read by its first half.
        process: the noise process it was trained on.
        prediction: what it predicts: 'epsilon', 'sample', 'velocity' or 'edm'.
        sigma_data: standard deviation of the data, for 'edm' only.
        context: for UNet2DConditionModel, the cross-attention states of each domain label, a tensor
            (labels, tokens, channels).

    The network is used as it is: it is put into evaluation mode for the call where it is not, and its
    weights never receive a gradient through a denoiser; x does.

    Raises:
        InvalidParameterError: an unknown prediction type, sigma_data <= 0, a label that the network
            does not have, or a UNet2DConditionModel without any conditioning on the label.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        process: Process,
        prediction: PredictionType = "epsilon",
        sigma_data: float = 0.5,
        context: torch.Tensor | None = None,
    ) -> None:
        if prediction not in PREDICTION_TYPES:
            raise unknown("prediction type", prediction, PREDICTION_TYPES)
        if sigma_data <= 0:
            raise InvalidParameterError(f"sigma_data must be positive; {sigma_data} was given")
        self.network, self.process, self.prediction, self.sigma_data = network, process, prediction, sigma_data
        self.context = context
        self._takes_class = _takes_class_labels(network)
        config = getattr(network, "config", {})
        self._cross_attention = config.get("cross_attention_dim") if hasattr(network, "encoder_hid_proj") else None
        tables = [len(table) for table in (context, _class_table(network)) if table is not None]
        self.num_labels = min(tables, default=None)
        if self._cross_attention and not tables:
            raise InvalidParameterError(
                "this UNet2DConditionModel has no class embedding, so the domain label must reach it through "
                "context=, a tensor (labels, tokens, channels) of cross-attention states"
            )

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        """Both halves of x (N x C x H x W) at `level` under `label` (LongTensor of N)."""
        c = coefficients(self.prediction, level.alpha, level.sigma, self.sigma_data)
        output = self._output(c.input_scale * x, level.time, label)
        return Prediction(c.noise_skip * x + c.noise_out * output, c.clean_skip * x + c.clean_out * output)

    def _output(self, x: torch.Tensor, time: float, label: torch.Tensor) -> torch.Tensor:
        label = label.to(x.device)
        times = torch.full((len(x),), time, device=x.device, dtype=x.dtype)
        known = self.num_labels
        if known is not None and not 0 <= int(label.min()) <= int(label.max()) < known:
            raise InvalidParameterError(
                f"domain labels {sorted(set(label.tolist()))} were given to a network that has 0 to {known - 1}"
            )
        conditioning: dict[str, torch.Tensor] = {"class_labels": label} if self._takes_class else {}
        if self.context is not None:
            conditioning["encoder_hidden_states"] = self.context.to(x)[label]
        elif self._cross_attention:  # the label arrives through the class embedding; the text is empty
            conditioning["encoder_hidden_states"] = x.new_zeros(len(x), 1, self._cross_attention)
        training = self.network.training
        if training:  # dropout, and DiT's own label dropout, belong to training alone
            self.network.eval()
        try:
            output = _call_without_weight_gradients(self.network, x, times, conditioning)
        finally:
            if training:
                self.network.train()
        output = output if isinstance(output, torch.Tensor) else output.sample
        return output[:, : x.shape[1]].to(x.dtype)


def _call_without_weight_gradients(
    network: torch.nn.Module, x: torch.Tensor, times: torch.Tensor, conditioning: dict[str, torch.Tensor]
) -> object:
    """Calls the network; under autograd only x is differentiated, at no cost for the weights' gradients."""
    if not torch.is_grad_enabled():
        return network(x, times, **conditioning)
    frozen = {name: weight.detach() for name, weight in network.named_parameters()}
    return torch.func.functional_call(network, frozen, (x, times), conditioning)


def _takes_class_labels(network: torch.nn.Module) -> bool:
    """Whether the network is called with class_labels: diffusers' U-Nets refuse them without an embedding."""
    parameters = inspect.signature(network.forward).parameters.values()
    accepts = any(p.name == "class_labels" or p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    return accepts and getattr(network, "class_embedding", True) is not None


def _class_table(network: torch.nn.Module) -> torch.Tensor | None:
    """The embedding of the class labels (U-Net: class_embedding, DiT: class_embedder), if there is one."""
    for name, module in network.named_modules():
        if "class_embed" in name and isinstance(module, torch.nn.Embedding):
            return module.weight
    return None


class GaussianDenoiser:
    """The optimal denoiser of stationary Gaussian data, in closed form: a perfect network.

    Data of label y has, for each coefficient f of its orthonormal 2-D FFT, the variance
    spectra[y][f] around the FFT of means[y]. Then (Wiener filter, per frequency)

        noise = sigma * (x - alpha * mean) / (alpha^2 S + sigma^2),
        clean = mean + alpha * S * (x - alpha * mean) / (alpha^2 S + sigma^2).

    Args:
        process: a noise process.
        spectra: label -> H x W tensor of variances >= 0 in `torch.fft.fft2`'s order; it must be
            symmetric under f -> -f, as the spectrum of real images is.
        means: label -> image that broadcasts to C x H x W; zero without it.

    Raises InvalidParameterError for spectra of differing shapes, negative or asymmetric ones, and,
    when called, for a label without a spectrum or an image of another size.
    """

    def __init__(
        self,
        process: Process,
        spectra: Mapping[int, torch.Tensor],
        means: Mapping[int, torch.Tensor] | None = None,
    ) -> None:
        shapes = {tuple(spectrum.shape) for spectrum in spectra.values()}
        if len(shapes) != 1 or len(next(iter(shapes))) != 2:
            raise InvalidParameterError(f"spectra must be H x W tensors of one shape; {sorted(shapes)} were given")
        for label, spectrum in spectra.items():
            mirrored = torch.roll(spectrum.flip(0, 1), (1, 1), (0, 1))
            if not bool((spectrum >= 0).all()) or not torch.allclose(spectrum, mirrored):
                raise InvalidParameterError(
                    f"the spectrum of label {label} must be non-negative and symmetric under f -> -f"
                )
        self.process = process
        self._labels = sorted(spectra)
        self._shape = next(iter(shapes))
        half = self._shape[1] // 2 + 1
        self._spectra = torch.stack([spectra[label][:, :half].double() for label in self._labels])
        means = means or {}
        if stray := set(means) - set(spectra):
            raise InvalidParameterError(f"means were given for the labels {sorted(stray)}, which have no spectrum")
        zero = torch.zeros(1, 1, 1)
        shared = torch.broadcast_tensors(*(means.get(label, zero).double() for label in self._labels))
        self._means = torch.stack(shared)

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        """Both halves of x (N x C x H x W) at `level` under `label` (LongTensor of N)."""
        if tuple(x.shape[-2:]) != self._shape:
            raise InvalidParameterError(
                f"this denoiser is for images of {self._shape}; images of {tuple(x.shape[-2:])} were given"
            )
        if missing := set(label.tolist()) - set(self._labels):
            raise InvalidParameterError(
                f"no spectrum for the domain labels {sorted(missing)}; there are spectra for {self._labels}"
            )
        rows = torch.searchsorted(torch.tensor(self._labels), label.cpu().contiguous())
        spectrum = self._spectra[rows].unsqueeze(1)
        gain = (1 / (level.alpha**2 * spectrum + level.sigma**2)).to(x)
        spectrum, mean = spectrum.to(x), self._means[rows].to(x)
        # gain * residual is computed once; both halves are multiples of it.
        whitened = gain * torch.fft.rfft2(x - level.alpha * mean, norm="ortho")
        halves = torch.stack([level.sigma * whitened, level.alpha * spectrum * whitened])
        noise, detail = torch.fft.irfft2(halves, s=self._shape, norm="ortho")
        return Prediction(noise, mean + detail)
