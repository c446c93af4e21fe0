"""Scores of two sets, for the battery."""

from __future__ import annotations

from spectral_collapse.errors import DataError
from spectral_collapse.metrics.frechet import fid, kid
from spectral_collapse.metrics.precision_recall import precision, recall
from spectral_collapse.metrics.sliced_wasserstein import sliced_wasserstein

from .case import Case
from .made_weights import made_weights

CASES: dict[str, Case] = {
    "sliced_wasserstein": Case(
        "sliced Wasserstein",
        lambda x: sliced_wasserstein(x, 0.5 * x.flip(-1)),
        per_sample=False,
        images=True,
        compare=sliced_wasserstein,
        matched=False,
        least=16,
        constant=DataError,
    ),
    **{
        score.__name__: Case(
            score.__name__,
            lambda x, score=score: score(x, 0.5 * x.flip(-1), made_weights("inception")),
            per_sample=False,
            images=True,
            compare=lambda x, y, score=score: score(x, y, made_weights("inception")),
            matched=False,
            # Rounded to 8 bits a pixel may fall to either side: 1/255 of the range in a few pixels.
            tolerance=1e-3,
        )
        for score in (fid, kid, precision, recall)
    },
}
