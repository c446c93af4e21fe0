"""There and Back Again: forward diffusion in place of the first inversion steps."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.checks import check_flag, check_number
from spectral_collapse.inversion.base import StandardSteps


@dataclass(frozen=True)
class TABA(StandardSteps):
    """Replaces the first steps by x = alpha * x0 + sigma * noise (Staniszewski et al. 2025, Sec. 5).

    fraction: the share of the steps that is replaced, 0 to 1; the papers use 0.02 to 0.04. With 0 this is standard
    inversion; with 1 the latent is the forward diffusion of the image and the network is never called. fresh: True
    gives each replaced step new noise, as the OVG authors' version of TABA does; False uses one noise map for all, as
    TABA's own code does. The latent has the same distribution either way, the trajectory does not. told: TABA's code
    for latent diffusion models, DiT and IF gives the network the next timestep, its code for ADM the state's own, as
    here.
    """

    fraction: float = 0.04
    fresh: bool = True

    name = "taba"
    replaced_by = "fraction"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("fraction", self.fraction, 0, 1)
        check_flag("fresh", self.fresh)
