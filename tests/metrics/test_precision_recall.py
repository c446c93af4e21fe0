from __future__ import annotations

import torch
from sklearn.neighbors import NearestNeighbors

from spectral_collapse.metrics.precision_recall import NEIGHBOURS, coverage, precision, recall

from .case import Case
from .images import textures
from .made_weights import made_weights

CASES = {
    score.__name__: Case(
        score.__name__,
        lambda x, score=score: score(x, 0.5 * x.flip(-1), made_weights("inception")),
        per_sample=False,
        images=True,
        compare=lambda x, y, score=score: score(x, y, made_weights("inception")),
        matched=False,
        fewest=4,
        # Rounded to 8 bits a pixel may fall to either side: 1/255 of the range in a few pixels.
        tolerance=1e-3,
    )
    for score in (precision, recall)
}


def points(count: int, generator: torch.Generator, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, 5, generator=generator, dtype=torch.float64) + shift


def test_agrees_with_scikit_learn(generator: torch.Generator) -> None:
    x, y = points(80, generator, 1.0), points(60, generator)
    radii = NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(y).kneighbors(y)[0][:, -1]
    distances, indices = NearestNeighbors(n_neighbors=len(y)).fit(y).kneighbors(x)
    assert coverage(x, y).item() == (distances <= radii[indices]).any(1).mean()


def test_closed_forms(generator: torch.Generator) -> None:
    x = points(50, generator)
    assert coverage(x, x) == 1
    assert coverage(x + 100, x) == 0
    line = torch.arange(4.0).double()[:, None]  # radii 3, 2, 2, 3: together [-3, 6]
    assert coverage(torch.tensor([[-3.0], [-3.1], [6.0], [6.1]]).double(), line) == 0.5


def test_a_narrow_set_has_precision_but_no_recall(generator: torch.Generator) -> None:
    folder, references = made_weights("inception"), textures(24, generator, size=32)
    narrow = (references[:1] + 0.02 * torch.randn(24, 3, 32, 32, generator=generator)).clamp(-1, 1)
    inside, covered = precision(narrow, references, folder), recall(narrow, references, folder)
    assert inside.score == 1
    assert covered.score <= 2 / 24  # the image itself is all that is covered
    assert covered.chance > 0.3
    assert recall(narrow, references, folder).score == precision(references, narrow, folder).score
    assert (inside.n_images, inside.n_references) == (24, 24)
