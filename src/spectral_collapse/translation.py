"""Translation: encode, invert under the source label, sample under the target label, decode."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from tqdm.auto import tqdm

from spectral_collapse.datasets.base import NULL, TARGET
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.inversion.base import CountingDenoiser
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.sampling import check_images


@dataclass(frozen=True)
class Translation:
    """images: N x 3 x H x W in [-1, 1]; latents: N x c x h x w, unit variance if the inversion is
    perfect; network_calls per image, both ways, the most of any batch; diagnostics: name ->
    (num_steps, N) of the inversion.
    """

    images: torch.Tensor
    latents: torch.Tensor
    network_calls: int
    diagnostics: dict[str, torch.Tensor]


def translate(
    model: Model,
    method: InversionMethod,
    images: torch.Tensor,
    source_label: int,
    target_label: int = TARGET,
    num_steps: int = 50,
    guidance: float = 1.0,
    generator: torch.Generator | None = None,
    null_label: int = NULL,
    batch_size: int = 64,
    progress: bool = False,
) -> Translation:
    """Translates images from the source domain to the target domain.

    Args:
        model: a trained model (`networks.load_model`).
        method: an inversion method (`inversion.create`).
        images: N x 3 x H x W in [-1, 1], H and W those the model was made for.
        source_label, target_label, null_label: domain labels.
        num_steps: steps of the inversion and of the sampling.
        guidance: classifier-free guidance, in sampling only, as both papers use it.
        generator: for stochastic methods; with a CPU generator the result does not depend on batch_size.
        batch_size: images at a time.
        progress: show a bar over the batches.

    Raises InvalidParameterError and NotFiniteError as `invert` and `sample` do.
    """
    check_images(images, "images")
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise InvalidParameterError(f"batch_size must be an integer of at least 1; {batch_size!r} was given")
    outputs, latents, diagnostics, calls = [], [], [], 0
    for batch in tqdm(images.split(batch_size), desc=method.name, disable=not progress):
        inverted = method.invert(model.denoiser, model.encode(batch), source_label, num_steps, generator)
        counting = CountingDenoiser(model.denoiser, len(batch))
        outputs.append(model.decode(method.sample(counting, inverted, target_label, guidance, null_label)))
        latents.append(inverted.latent)
        diagnostics.append(inverted.diagnostics)
        calls = max(calls, inverted.network_calls + counting.calls)
    return Translation(
        images=torch.cat(outputs),
        latents=torch.cat(latents),
        network_calls=calls,
        diagnostics={name: torch.cat([d[name] for d in diagnostics], dim=1) for name in diagnostics[0]},
    )
