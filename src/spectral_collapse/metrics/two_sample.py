"""Can a classifier tell two sets of images apart? And are samples nearer to training images than real images are?"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.sets import check_sets
from spectral_collapse.metrics.st_lpips import st_lpips_features
from spectral_collapse.metrics.weights import package

_FOLDS = 8
_STRENGTH = 0.01
"""Inverse of the regularisation: with more features than images, hardly any is needed to separate the two sets of a
fold's training part, and a weaker penalty tells less on the other part."""


class C2ST(NamedTuple):
    """score: area under the ROC curve, 0.5 where the sets cannot be told apart, 1 where they always can;
    standard_error: of Hanley and McNeil (1982); n_images, n_references."""

    score: float
    standard_error: float
    n_images: int
    n_references: int


def c2st(images: torch.Tensor, references: torch.Tensor) -> C2ST:
    """Classifier two-sample test of images (N, 1 or 3, H, W) against references (M, ...), in [-1, 1].

    Logistic regression on standardised features of shift-tolerant LPIPS (`st_lpips_features`), cross-validated in eight
    folds with a fixed seed; the score is the area under the ROC curve of what it says of the images left out (Lopez-Paz
    and Oquab, ICLR 2017, with the area in place of the accuracy). The test is stronger with more images: compare values
    of equal N and M, and with that of two real sets. Images of one picture in both sets make it too small.

    Raises as `st_lpips_features`, and DataError for fewer than eight images in either set, MissingWeightsError where
    scikit-learn is not installed.
    """
    images, references = check_sets("C2ST", images, references, _FOLDS)
    return classified(st_lpips_features(images), st_lpips_features(references))


def classified(x: torch.Tensor, y: torch.Tensor) -> C2ST:
    """`c2st` of features x (N, D) and y (M, D)."""
    linear_model, model_selection = package("sklearn.linear_model"), package("sklearn.model_selection")
    features = torch.cat([x, y]).cpu().numpy()
    kinds = np.repeat([0, 1], [len(x), len(y)])
    classifier = package("sklearn.pipeline").make_pipeline(
        package("sklearn.preprocessing").StandardScaler(),
        linear_model.LogisticRegression(C=_STRENGTH, max_iter=500),
    )
    folds = model_selection.StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    guesses = model_selection.cross_val_predict(classifier, features, kinds, cv=folds, method="predict_proba")[:, 1]
    area = float(package("sklearn.metrics").roc_auc_score(kinds, guesses))
    return C2ST(area, _standard_error(area, len(x), len(y)), len(x), len(y))


def memorised(samples: torch.Tensor, training: torch.Tensor, held_out: torch.Tensor) -> float:
    """How often a sample's nearest training image is nearer than that of a held-out image; 0.5 without memorisation.

    Over all pairs of a sample and a held-out image, the share in which the sample has the smaller distance to its
    nearest training image, pairs of equal distance counted half. All three are features (N, D) of one kind, such as
    `st_lpips_features`; they are standardised by the training images. Towards 1: samples are copies. Towards 0: samples
    are unlike all training images.
    """
    mean, deviation = training.mean(0), training.std(0).clamp_min(1e-12)
    standardised = [(features - mean) / deviation for features in (samples, held_out, training)]
    of_samples, of_held_out = (torch.cdist(one, standardised[2]).amin(1) for one in standardised[:2])
    difference = of_samples[:, None] - of_held_out
    return float((difference < 0).double().mean() + (difference == 0).double().mean() / 2)


def _standard_error(area: float, n: int, m: int) -> float:
    """Of an area under the ROC curve (Hanley and McNeil 1982, Eq. (1))."""
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (m - 1) * (first - area**2) + (n - 1) * (second - area**2)
    return math.sqrt(max(variance, 0) / (n * m))


SCORE = ScoreInfo(
    name="c2st",
    function=c2st,
    symbol="C2ST",
    higher_is_better=False,
    range=(0.0, 1.0),
    inputs="two sets",
    per="set",
    source="Lopez-Paz and Oquab 2017, on features of ST-LPIPS",
    field="score",
)
