"""Orthogonal Variance Guidance: the inversion step corrected by two gradients that don't fight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from spectral_collapse.checks import check_flag, check_name, check_number
from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionMethod, InversionState
from spectral_collapse.processes import Level
from spectral_collapse.sampling import ode_step

_EPSILON = 1e-6  # added to the squared norms that the projection divides by (authors' code)


@dataclass(frozen=True)
class OVG(InversionMethod):
    """Orthogonal Variance Guidance (Spectral Collapse, Sec. 5.1, Eq. 7-14).

    Each step adds u_HF + u_LF to the standard one. g_HF is the gradient of (||noise||^2 - d)^2 and
    g_LF that of ||clean - x0||^2 with respect to the state, per sample (d elements), where x0 is the
    encoded input. Where they conflict (negative inner product) each loses its component along the
    other; where they agree both stay whole.

    Args:
        eta_hf: step size of the variance gradient, >= 0. At 0 it does not move the state, and the other
            gradient still loses its component along it (authors' code).
        eta_lf: step size of the structure gradient, likewise. With both at 0 this is the standard
            inversion, and no gradient is computed.
        clip: each correction is shrunk to at most clip times the norm of the standard step's change,
            > 0; infinity never shrinks.
        project: whether conflicting gradients are projected. Without it a gradient whose step size is 0
            is not computed: OVG(eta_hf, 0, project=False) is the variance gradient alone.
        forward_fraction: share of the steps, at the start, that forward diffusion replaces (OVG + TABA).
        entry_noise: whether the image enters with the entry level's noise (OVG + EDM in the paper, on a
            variance-exploding process).
        scale: 'step' is the rule behind the published numbers (authors' code): the correction is
            -eta * g * dt, dt being `process.interval`, and then clipped. 'none' is the literal
            Eq. (14): -eta * g, neither scaled nor clipped; `clip` must then keep its default.

    A step costs one forward pass and two vector-Jacobian products with respect to the state; without
    projection, one for each eta that is not 0. Diagnostics: 'conflict', whether the gradients conflicted,
    where both were computed; 'clipped_hf' and 'clipped_lf', whether the clip was active, where its eta is not 0.
    """

    eta_hf: float = 1000.0
    eta_lf: float = 1e-4
    clip: float = 1.0
    project: bool = True
    forward_fraction: float = 0.0
    scale: Literal["step", "none"] = "step"
    entry_noise: bool = False

    name = "ovg"

    def __post_init__(self) -> None:
        check_number("eta_hf", self.eta_hf, 0)
        check_number("eta_lf", self.eta_lf, 0)
        check_number("forward_fraction", self.forward_fraction, 0, 1)
        if not (isinstance(self.clip, float) and self.clip == math.inf):
            check_number("clip", self.clip, 0, exclude=(0,))
        check_flag("project", self.project)
        check_flag("entry_noise", self.entry_noise)
        check_name("scale", self.scale, ("step", "none"))
        if self.scale == "none" and self.clip not in (OVG.clip, math.inf):
            raise InvalidParameterError(
                f"scale='none' is the literal Eq. (14), which has no clip; leave clip at {OVG.clip}, not {self.clip!r}"
            )

    @property
    def replaced_share(self) -> float:
        return self.forward_fraction

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        if not self.eta_hf and not self.eta_lf:
            return super().step(run, x)
        level, following = run.level, run.following
        prediction, g_hf, g_lf = self._gradients(run.denoiser, x, level, run.labels, run.clean)
        base = ode_step(prediction, following)
        if g_hf is not None and g_lf is not None:
            conflict = _inner(g_hf, g_lf) < 0
            run.seen["conflict"] = conflict.flatten()
            if self.project:
                g_hf, g_lf = project_conflicting(g_hf, g_lf)
        dt = run.denoiser.process.interval(level, following) if self.scale == "step" else 1.0
        limit = self.clip * _norm(base - x)
        following_x = base
        for name, eta, gradient in (("clipped_lf", self.eta_lf, g_lf), ("clipped_hf", self.eta_hf, g_hf)):
            if gradient is None or not eta:
                continue
            length = eta * dt * _norm(gradient)
            # The factor is formed in float64 before it meets the gradient: eta * g can leave float32.
            factor = torch.full_like(length, eta * dt)
            if self.scale == "step":
                run.seen[name] = (length > limit).flatten()
                factor = torch.where(length > limit, limit / _norm(gradient), factor)
            following_x = following_x - (factor * gradient.double()).to(x.dtype)
        return following_x, prediction

    def _gradients(
        self, denoiser: Denoiser, x: torch.Tensor, level: Level, label: torch.Tensor, clean: torch.Tensor
    ) -> tuple[Prediction, torch.Tensor | None, torch.Tensor | None]:
        """The prediction at x and the gradients that play a part, from one forward pass."""
        wants_hf, wants_lf = (self.project or eta > 0 for eta in (self.eta_hf, self.eta_lf))
        with torch.enable_grad():
            state = x.detach().requires_grad_(True)
            noise, estimate = denoiser(state, level, label)
        prediction = Prediction(noise.detach(), estimate.detach())
        g_hf = g_lf = None
        if wants_hf:
            excess = prediction.noise.double().square().sum((1, 2, 3), keepdim=True) - noise[0].numel()
            outer = (4 * excess * prediction.noise.double()).to(noise.dtype)
            (g_hf,) = torch.autograd.grad(noise, state, outer, retain_graph=wants_lf)
        if wants_lf:
            (g_lf,) = torch.autograd.grad(estimate, state, 2 * (prediction.clean - clean))
        return prediction, g_hf, g_lf


def project_conflicting(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each of two gradients (N x ...) without its component along the other, where they conflict.

    Samples whose inner product is not negative keep both (paper, Eq. 11, 12; PCGrad, Yu et al. 2020).
    """
    inner = _inner(first, second).clamp(max=0)  # 0 where there is no conflict: nothing is taken away
    along_second = inner / (_norm(second) ** 2 + _EPSILON)
    along_first = inner / (_norm(first) ** 2 + _EPSILON)
    return (
        (first.double() - along_second * second.double()).to(first.dtype),
        (second.double() - along_first * first.double()).to(second.dtype),
    )


def _inner(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Inner products per sample, N x 1 x 1 x 1, in float64: sums of squares leave float32 at large eta."""
    return (a.double() * b.double()).sum((1, 2, 3), keepdim=True)


def _norm(a: torch.Tensor) -> torch.Tensor:
    return _inner(a, a).sqrt()
