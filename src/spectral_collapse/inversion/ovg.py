"""Orthogonal Variance Guidance: the inversion step corrected by two gradients that don't fight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from spectral_collapse.checks import check_count, check_flag, check_name, check_number
from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion import jacobians
from spectral_collapse.inversion.base import InversionState, StandardSteps
from spectral_collapse.later import torch
from spectral_collapse.processes import Level
from spectral_collapse.sampling import ode_step

Gradient = Literal["exact", "combined", "spectral", "secant", "free"]

_EXACT_EVERY = 5  # steps, after which 'combined' measures lengths and angles anew
_EPSILON = 1e-6  # added to the squared norms that the projection divides by (authors' code)


@dataclass(frozen=True)
class OVG(StandardSteps):
    r"""Orthogonal Variance Guidance (Spectral Collapse, Sec. 5.1, Eq. 7-14).

    With the predicted noise n and clean image c of the state x, d elements each, and the encoded input x0,

    .. math::

        g_{HF} = \nabla_x \big(\lVert n(x) \rVert^2 - d\big)^2, \qquad g_{LF} = \nabla_x \lVert c(x) - x_0 \rVert^2,
        \qquad
        x' = x'_{standard} - \eta_{HF}\, dt\, \tilde g_{HF} - \eta_{LF}\, dt\, \tilde g_{LF}.

    Where the gradients conflict (negative inner product) each loses its component along the other; where they agree
    both stay whole:

    .. math::

        \tilde g_{HF} = g_{HF} - \frac{\min(0, \langle g_{HF}, g_{LF} \rangle)}{\lVert g_{LF} \rVert^2}\, g_{LF}
        \quad\text{and likewise}\quad \tilde g_{LF}.

    Args:
        eta_hf: step size of the variance gradient, >= 0. At 0 this gradient does not move the state, but the other one
            still loses its component along it (authors' code).
        eta_lf: step size of the structure gradient, likewise. With both at 0 this is the standard
            inversion, and no gradient is computed.
        clip: each correction is shrunk to at most clip times the norm of the standard step's change,
            > 0; infinity never shrinks.
        project: whether conflicting gradients are projected. Without it a gradient whose step size is 0
            is not computed: OVG(eta_hf, 0, project=False) is the variance gradient alone.
        forward_fraction: share of the steps, at the start, that forward diffusion replaces (OVG + TABA).
        entry_noise: whether the image enters with the entry level's noise (OVG + EDM in the paper, on a
            variance-exploding process).
        gradient: how g_HF = 4 J^T v, v = (||noise||^2 - d) noise, and g_LF = (2 / alpha) (r - sigma J^T r),
            r = clean - x0, are computed; J is the Jacobian of the predicted noise. 'exact': two vector-Jacobian
            products. 'combined': one product with both, each weighted by its step size and clip; their lengths and
            their angle, which decide on clip and conflict, are measured at every fifth step and scaled in between. The
            others need no product (ours): 'spectral', the Jacobian of Gaussian data with the image's own radial
            spectrum; 'secant', J v from the change of the noise along the trajectory; 'free', J = I / sigma for g_HF.
            With the last two J = 0 for g_LF.
        gradient_lf: the same for g_LF alone, if it is to be computed differently.
        every: gradients are computed at every k-th step and used for k steps, with each one's dt and clip.
        scale: 'step' is the rule behind the published numbers (authors' code): the correction is
            -eta * g * dt, dt being `process.interval`, and then clipped. 'none' is the literal
            Eq. (14): -eta * g, neither scaled nor clipped; `clip` must then keep its default.

    An exact step costs one forward pass and two vector-Jacobian products with respect to the state; without
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
    gradient: Gradient = "exact"
    gradient_lf: Gradient | None = None
    every: int = 1

    name = "ovg"
    replaced_by = "forward_fraction"

    def __post_init__(self) -> None:
        super().__post_init__()
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
        check_name("gradient", self.gradient, get_args(Gradient))
        if self.gradient_lf is not None:
            check_name("gradient_lf", self.gradient_lf, get_args(Gradient))
        check_count("every", self.every, 1)
        if "combined" in (self.gradient, self.gradient_lf) and (self.gradient_lf is not None or self.every > 1):
            raise InvalidParameterError(
                "gradient='combined' is one product for both gradients at every step; leave gradient_lf and every alone"
            )

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        if not self.eta_hf and not self.eta_lf:
            return super().step(run, x)
        kept = run.scratch
        lagged = self.gradient == "combined" and kept.get("lengths")
        if lagged and run.position - kept["position"] < _EXACT_EVERY:
            return self._combined_step(run, x, lagged)
        if "gradients" in kept and run.position - kept["position"] < self.every:
            prediction, (g_hf, g_lf) = run.ask(x), kept["gradients"]
        else:
            prediction, g_hf, g_lf = self._gradients(run, x)
            kept.update(position=run.position, gradients=(g_hf, g_lf))
            if self.gradient == "combined":
                kept["lengths"] = _Lengths.of(g_hf, g_lf, *_vectors(run, prediction))
        base = ode_step(prediction, run.following)
        if g_hf is not None and g_lf is not None:
            run.seen["conflict"] = (_inner(g_hf, g_lf) < 0).flatten()
            if self.project:
                g_hf, g_lf = project_conflicting(g_hf, g_lf)
        return self.corrected(run, x, base, g_hf, g_lf), prediction

    def corrected(
        self,
        run: InversionState,
        x: torch.Tensor,
        base: torch.Tensor,
        g_hf: torch.Tensor | None,
        g_lf: torch.Tensor | None,
    ) -> torch.Tensor:
        """The end of a step from x to `base`, corrected by the gradients that there are; N x C x H x W each."""
        following_x = base
        for name, eta, gradient in (("lf", self.eta_lf, g_lf), ("hf", self.eta_hf, g_hf)):
            if gradient is not None and eta:
                factor = self._factor(run, name, eta, _norm(gradient), _norm(base - x))
                following_x = following_x - (factor * gradient.double()).to(x.dtype)
        return following_x

    def _factor(
        self, run: InversionState, name: str, eta: float, length: torch.Tensor, moved: torch.Tensor
    ) -> torch.Tensor:
        """What a gradient of this length is multiplied by, in float64: eta * g can leave float32."""
        dt = run.denoiser.process.interval(run.level, run.following) if self.scale == "step" else 1.0
        factor = torch.full_like(length, eta * dt)
        if self.scale == "step":
            clipped = eta * dt * length > self.clip * moved
            run.seen[f"clipped_{name}"] = clipped.flatten()
            factor = torch.where(clipped, self.clip * moved / length, factor)
        return factor

    def _gradients(
        self, run: InversionState, x: torch.Tensor
    ) -> tuple[Prediction, torch.Tensor | None, torch.Tensor | None]:
        """The prediction at x and the gradients that play a part, from one forward pass."""
        kinds = self.gradient, self.gradient_lf or self.gradient
        wanted = [self.project or eta > 0 for eta in (self.eta_hf, self.eta_lf)]
        exact = [want and kind in ("exact", "combined") for want, kind in zip(wanted, kinds, strict=True)]
        with torch.set_grad_enabled(any(exact)):
            state = x.detach().requires_grad_(any(exact))
            noise, estimate = run.ask(state)
        prediction = Prediction(noise.detach(), estimate.detach())
        v, residual = _vectors(run, prediction)
        found: list[torch.Tensor | None] = [None, None]
        if exact[0]:
            found[0] = _pulled_back([noise], state, [4 * v], retain_graph=exact[1])
        if exact[1]:
            found[1] = _pulled_back([estimate], state, [2 * residual])
        level, kept = run.level, run.scratch
        if wanted[0] and not exact[0]:
            found[0] = 4 * jacobians.product(kinds[0], v, run.clean, level, prediction.noise, kept.get("before"))
        if wanted[1] and not exact[1]:
            # of what the residual says of the noise nothing is known but by the spectrum
            by_noise = jacobians.spectral(residual, run.clean, level) if kinds[1] == "spectral" else 0.0
            found[1] = free_structure(residual - level.sigma * by_noise, level)
        kept["before"] = level, prediction.noise
        return prediction, *found

    def _combined_step(self, run: InversionState, x: torch.Tensor, lagged: _Lengths) -> tuple[torch.Tensor, Prediction]:
        """A step with one vector-Jacobian product, whose weights follow from lengths that were measured before."""
        with torch.enable_grad():
            state = x.detach().requires_grad_(True)
            noise, estimate = run.ask(state)
        prediction = Prediction(noise.detach(), estimate.detach())
        base = ode_step(prediction, run.following)
        v, residual = _vectors(run, prediction)
        length_hf, length_lf = lagged.hf * _norm(v), lagged.lf * _norm(residual)
        inner = (lagged.cosine * length_hf * length_lf).clamp(max=0) if self.project else torch.zeros_like(length_hf)
        run.seen["conflict"] = (lagged.cosine < 0).flatten()
        along_lf, along_hf = inner / (length_lf**2 + _EPSILON), inner / (length_hf**2 + _EPSILON)
        kept = (1 - (inner / (length_hf * length_lf).clamp_min(_EPSILON)) ** 2).clamp_min(0).sqrt()
        moved = _norm(base - x)
        hf = self._factor(run, "hf", self.eta_hf, kept * length_hf, moved) if self.eta_hf else torch.zeros_like(moved)
        lf = self._factor(run, "lf", self.eta_lf, kept * length_lf, moved) if self.eta_lf else torch.zeros_like(moved)
        outer = [
            4 * ((hf - lf * along_hf) * v.double()).to(v.dtype),
            2 * ((lf - hf * along_lf) * residual.double()).to(v.dtype),
        ]
        correction = _pulled_back([noise, estimate], state, outer)
        if self.scale == "step":  # whatever was measured before, both together move at most what each may
            most = ((self.eta_hf > 0) + (self.eta_lf > 0)) * self.clip * moved
            correction = correction * (most / _norm(correction).clamp_min(_EPSILON)).clamp(max=1).to(correction.dtype)
        return base - correction.to(x.dtype), prediction


def free_structure(residual: torch.Tensor, level: Level) -> torch.Tensor:
    """The gradient of ||residual||^2, residual = clean - x0, N x C x H x W, if the noise does not change with x."""
    return 2 / level.alpha * residual


class _Lengths(NamedTuple):
    """Of g_HF over that of v, of g_LF over that of r, N x 1 x 1 x 1 each, and the cosine of both gradients."""

    hf: torch.Tensor
    lf: torch.Tensor
    cosine: torch.Tensor

    @classmethod
    def of(cls, g_hf: torch.Tensor, g_lf: torch.Tensor, v: torch.Tensor, residual: torch.Tensor) -> _Lengths:
        length_hf, length_lf = _norm(g_hf), _norm(g_lf)
        cosine = _inner(g_hf, g_lf) / (length_hf * length_lf)
        return cls(length_hf / _norm(v), length_lf / _norm(residual), cosine)


def _vectors(run: InversionState, prediction: Prediction) -> tuple[torch.Tensor, torch.Tensor]:
    """v = (||noise||^2 - d) noise and r = clean - x0, which both gradients are made of, in float32 at least."""
    noise = prediction.noise.double()
    excess = noise.square().sum((1, 2, 3), keepdim=True) - noise[0].numel()
    wide = torch.promote_types(prediction.noise.dtype, torch.float32)
    return (excess * noise).to(wide), (prediction.clean - run.clean).to(wide)


def _pulled_back(
    outputs: list[torch.Tensor], state: torch.Tensor, vectors: list[torch.Tensor], retain_graph: bool = False
) -> torch.Tensor:
    """Sum of J^T v over outputs and vectors v, N x C x H x W, J the Jacobian of an output with respect to the state.

    On their way through the network vectors have at most 16 in each sample: at 512 pixels v has 10^6, where float16
    ends at 65504. The factor is a power of two, so that nothing else changes.
    """
    largest = torch.stack([v.abs().amax((1, 2, 3), keepdim=True) for v in vectors]).amax(0)
    scale = torch.ldexp(torch.ones_like(largest), torch.frexp(largest).exponent - 4)
    scaled = [(v / scale).to(output.dtype) for output, v in zip(outputs, vectors, strict=True)]
    (found,) = torch.autograd.grad(outputs, state, scaled, retain_graph=retain_graph)
    return found.to(scale.dtype) * scale


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
