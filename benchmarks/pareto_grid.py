"""Which step sizes of OVG the Pareto study's default grid has, measured on validation images.

    python benchmarks/pareto_grid.py [--datasets textures_x8 edges2shoes] [--images 8]

The grid lies between 0, which leaves a correction away, and the published step size, and has one between them where
something changes. At large ones the clip decides how long a correction is; at small ones there is none to speak of. For
texture it is the middle of the powers of ten between which mean S_HF goes from the one to the other. For structure
the grid has multiples of the published step size.
"""

from __future__ import annotations

import argparse

from spectral_collapse import inversion
from spectral_collapse.studies.image_scores import image_scores
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.tuning import TuningParameters

TEXTURE = tuple(10.0**-power for power in range(6, 13))
"""Step sizes; most lie below where the clip decides."""
STRUCTURE = (0.0, 0.1, 0.3, 1.0)
"""Multiples of the published step size."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="+", default=["textures_x8", "edges2shoes"])
    parser.add_argument("--images", type=int, default=8, help="validation images (default: %(default)s)")
    options = parser.parse_args()
    for dataset in options.datasets:
        request = Request(TuningParameters.checked(dataset=dataset, profile="quick", images=options.images))
        published = request.info.published
        print(f"{request.info.title}, {options.images} validation images, published {published.eta_hf:g} and ", end="")
        print(f"{published.eta_lf:g}\n  {'eta_HF':>8}  clipped  S_HF")
        for eta_hf in (published.eta_hf, *TEXTURE, 0.0):
            report(request, eta_hf, 0.0, "clipped_hf", "s_hf")
        print(f"  {'eta_LF':>8}  clipped  S_LF")
        for factor in STRUCTURE:
            report(request, 0.0, published.eta_lf * factor, "clipped_lf", "s_lf")


def report(request: Request[TuningParameters], eta_hf: float, eta_lf: float, clipped: str, score: str) -> None:
    """Prints the share of clipped corrections and the mean of a score, with one of the step sizes at 0."""
    if eta_hf or eta_lf:
        translation = request.translated(inversion.create("ovg", eta_hf=eta_hf, eta_lf=eta_lf))
        share = float(translation.diagnostics[clipped].nanmean())
    else:
        translation, share = request.translated(inversion.create("standard")), 0.0
    mean = image_scores(request, translation.images, request.pair)[score].mean()
    print(f"  {max(eta_hf, eta_lf):>8.2g}  {share:>7.2f}  {mean:.3f}", flush=True)


if __name__ == "__main__":
    main()
