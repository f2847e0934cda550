"""How good synthetic vectors and embeddings are, apart from what a classifier of emotions makes of them.

All measures of synthetic vectors compare vectors of one class on one scale, such as z-normed ones: distances are Euclidean.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tfsergan.errors import TfserganError


def nearest_ratio(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Median distance of a synthetic vector to its nearest real one, over that of a real one to its nearest other.

    0 where synthetic vectors are copies; about 1 where they lie among real ones as those do; above where they keep
    away.

    Args:
        real: (n >= 2, d).
        synthetic: (m >= 1, d).

    >>> nearest_ratio(np.array([[0.0], [1.0], [2.0]]), np.array([[0.5], [1.5]]))
    0.5
    """
    index = NearestNeighbors(n_neighbors=1).fit(real)
    between = index.kneighbors()[0]  # without the vector itself
    return float(np.median(index.kneighbors(synthetic)[0]) / max(np.median(between), np.finfo(float).tiny))


def coverage(real: np.ndarray, synthetic: np.ndarray, k: int = 5) -> float:
    """Share of real vectors that have a synthetic one no farther than their k-th nearest real neighbour.

    Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", equation 4. In [0, 1];
    near 0 where the synthetic vectors keep to few modes.

    Args:
        real: (n > 1, d); k is at most n - 1.
        synthetic: (m >= 1, d).

    >>> coverage(np.array([[0.0], [1.0], [2.0], [9.0]]), np.array([[0.1], [1.9]]), k=1)
    0.75
    """
    radius = NearestNeighbors(n_neighbors=min(k, len(real) - 1)).fit(real).kneighbors()[0][:, -1]
    nearest = NearestNeighbors(n_neighbors=1).fit(synthetic).kneighbors(real)[0][:, 0]
    return float(np.mean(nearest <= radius))


def two_sample_accuracy(real: np.ndarray, synthetic: np.ndarray, seed: int, folds: int = 5) -> float:
    """Balanced accuracy of a linear classifier (ridge) that tells real from synthetic vectors, cross-validated.

    Lopez-Paz & Oquab 2017, "Revisiting classifier two-sample tests": 0.5 where it can't, 1 where it always can.
    As many vectors of each kind are taken. Copies of real vectors fall below 0.5: a vector's copy is among those
    that the classifier learns from, under the other name.

    Args:
        real: (n >= 2, d).
        synthetic: (m >= 2, d).
        seed: of the draw and of the folds.
        folds: of the cross-validation; fewer where there are fewer vectors of a kind.
    """
    rng, size = np.random.default_rng(seed), min(len(real), len(synthetic))
    parts = [vectors[rng.permutation(len(vectors))[:size]] for vectors in (real, synthetic)]
    x, y = np.concatenate(parts), np.repeat([0, 1], size)
    model = make_pipeline(StandardScaler(), RidgeClassifier(alpha=x.shape[1]))
    split = StratifiedKFold(min(folds, size), shuffle=True, random_state=seed)
    return float(np.mean(cross_val_predict(model, x, y, cv=split) == y))


def probe(vectors: np.ndarray, labels: np.ndarray, seed: int, folds: int = 5) -> float:
    """Balanced accuracy of a fresh linear classifier that finds a label from vectors, cross-validated over them.

    Logistic regression on z-normed vectors. 1 / number of labels where the vectors know nothing of it; 1 where they
    give it away.

    Args:
        vectors: (n, d).
        labels: (n,), such as speakers; at least two, each at least twice.
        seed: of the folds.
        folds: fewer where a label is rarer.

    Raises:
        TfserganError: fewer labels, or one that is there once.
    """
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < 2 or counts.min() < 2:
        rare = f"{names[counts.argmin()]} has {counts.min()}" if len(names) else "there are none"
        raise TfserganError(
            f"finding one of {len(names)} labels from a vector needs two labels and two vectors of each: {rare}."
        )
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    split = StratifiedKFold(min(folds, counts.min()), shuffle=True, random_state=seed)
    return float(balanced_accuracy_score(labels, cross_val_predict(model, vectors, labels, cv=split)))


def quality(
    real: np.ndarray,
    emotion: np.ndarray,
    synthetic: np.ndarray,
    synthetic_emotion: np.ndarray,
    classes: tuple[str, ...],
    seed: int,
) -> dict[str, float]:
    """All measures, each the mean over classes, and for each class by itself as "measure/class".

    Args:
        real: (n, d) training vectors.
        emotion: (n,) their classes.
        synthetic: (m, d).
        synthetic_emotion: (m,).
        classes: names.
        seed: of the two-sample classifier, and of the choice of as many synthetic vectors as there are real ones.

    Raises:
        TfserganError: a class has fewer than two vectors of a kind.
    """
    found: dict[str, float] = {}
    for i, name in enumerate(classes):
        ours, theirs = real[emotion == i], synthetic[synthetic_emotion == i]
        if min(len(ours), len(theirs)) < 2:
            raise TfserganError(
                f"{name}: {len(ours)} real and {len(theirs)} synthetic vectors; distances need two of each class. "
                "Leave this class out, or take a larger corpus."
            )
        theirs = theirs[np.random.default_rng(seed).permutation(len(theirs))[: len(ours)]]
        found[f"nearest/{name}"] = nearest_ratio(ours, theirs)
        found[f"coverage/{name}"] = coverage(ours, theirs)
        found[f"two_sample/{name}"] = two_sample_accuracy(ours, theirs, seed)
    measures = ("nearest", "coverage", "two_sample")
    means = {m: float(np.mean([found[f"{m}/{name}"] for name in classes])) for m in measures}
    return means | found


def quality_multiply_adds(n: int, features: int, classes: int, folds: int = 5) -> float:
    """Multiply-adds of `quality` on so many real vectors, for estimates of time: distances and ridge classifiers."""
    one = n / classes
    distances = 5 * one**2 * features
    ridge = folds * 2 * one * features * min(features, 2 * one)
    return classes * (distances + ridge)
