"""The optimal denoiser of Gaussian data with any covariance, and its fit to images."""

from __future__ import annotations

from collections.abc import Sequence

from spectral_collapse.checks import check_images, check_number, described
from spectral_collapse.denoisers.base import Prediction, check_asked, check_process, check_values
from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.processes import Level, Process


class CovarianceDenoiser:
    """The optimal denoiser of Gaussian data with a mean and any covariance.

    The covariance has `variances` (r,) along the orthonormal `directions` (d, r) and `rest` in all directions
    orthogonal to them; d = C H W. As in `GaussianDenoiser`, along a direction of variance S
    noise = sigma * (x - alpha * mean) / (alpha^2 S + sigma^2), and the clean image likewise. It knows one domain and
    ignores labels.

    Raises InvalidParameterError for a process without levels, unless all else are finite real tensors of these shapes,
    and for negative variances.
    """

    def __init__(
        self, process: Process, mean: torch.Tensor, directions: torch.Tensor, variances: torch.Tensor, rest: float
    ) -> None:
        check_process(process)
        check_values("mean", mean, "an image C x H x W", (3,))
        check_values("directions", directions, f"{mean.numel()} x r", (2,))
        check_values("variances", variances, "r numbers >= 0", (1,))
        check_number("rest", rest, 0)
        if directions.shape != (mean.numel(), len(variances)) or not mean.numel() or bool((variances < 0).any()):
            raise InvalidParameterError(
                f"directions must be {mean.numel()} x r, the size of the mean, and variances r numbers >= 0; "
                f"{tuple(directions.shape)} and {tuple(variances.shape)} were given"
            )
        self.process, self.mean = process, mean.double()
        self.directions, self.variances, self.rest = directions.double(), variances.double(), rest

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        """Both halves of x (N x C x H x W) at `level`."""
        check_asked(x, level, label)
        outer = 1 / (level.alpha**2 * self.rest + level.sigma**2)
        inner = 1 / (level.alpha**2 * self.variances + level.sigma**2)
        residual = (x.double() - level.alpha * self.mean).flatten(1)
        along = residual @ self.directions

        def scaled(inside: torch.Tensor, outside: float) -> torch.Tensor:
            return (outside * residual + ((inside - outside) * along) @ self.directions.T).view(x.shape)

        clean = self.mean + level.alpha * scaled(self.variances * inner, self.rest * outer)
        return Prediction((level.sigma * scaled(inner, outer)).to(x), clean.to(x))

    @property
    def empty_share(self) -> float:
        """Share of all directions with less variance than the noise of the first level, (sigma / alpha)^2."""
        entry = self.process.levels(1)[0].ratio ** 2
        dimensions, known = self.directions.shape
        empty = int((self.variances < entry).sum()) + (dimensions - known) * (self.rest < entry)
        return empty / dimensions


def covariance_denoiser(
    process: Process, encoded: torch.Tensor, groups: Sequence[str] | None = None
) -> CovarianceDenoiser:
    """The optimal denoiser of Gaussian data with the mean and covariance of encoded images N x C x H x W.

    Directions are the principal ones of two thirds of the groups. The variances along them, and the mean variance in
    all other directions, are measured on the remaining third, since few images always have too much or too little
    variance along directions that were fitted to them.

    groups: of each image, as in `DomainImages`, so that no held-out image shares pixels with a fitted one; without them
    each image is its own. Raises DataError for fewer than three, InvalidParameterError and NotFiniteError for an
    invalid process, for anything but a batch of finite images, or for another number of groups.
    """
    check_process(process)
    check_images(encoded, "encoded")
    groups = range(len(encoded)) if groups is None else groups
    if not isinstance(groups, Sequence) or isinstance(groups, str) or len(groups) != len(encoded):
        raise InvalidParameterError(
            f"groups must be a list with the group of each of the {len(encoded)} images; {described(groups)} was given"
        )
    number = {group: index for index, group in enumerate(dict.fromkeys(groups))}
    if len(number) < 3:
        raise DataError(f"a covariance needs images of 3 groups at least, to hold a third out; got {len(number)}")
    held = torch.tensor([number[group] % 3 == 2 for group in groups])
    fitted, others = encoded[~held].double().flatten(1), encoded[held].double().flatten(1)
    mean = fitted.mean(0)
    # the last direction of centred data has no variance: one fewer than there are images
    directions = torch.linalg.svd(fitted - mean, full_matrices=False).Vh[: len(fitted) - 1].T
    residual = others - mean
    along = residual @ directions
    variances = along.square().mean(0)
    beyond = directions.shape[0] - directions.shape[1]
    rest = (residual.square().sum() - along.square().sum()).item() / max(beyond * len(others), 1)
    return CovarianceDenoiser(process, mean.view(encoded.shape[1:]), directions, variances, max(rest, 0.0))
