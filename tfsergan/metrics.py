"""Measures of emotion recognition from confusion matrices: UAR, WA and their uncertainty; numpy only.

A confusion matrix counts utterances: row i is the true class, column j the predicted one. `uar` and `wa`
also take a stack of matrices `(..., k, k)` and then return an array `(...)`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike


def confusion(truth: ArrayLike, predicted: ArrayLike, classes: int) -> np.ndarray:
    """Count the utterances of each true class (row) that were predicted as each class (column).

    Args:
        truth: (n,) integers in [0, classes).
        predicted: (n,) integers in [0, classes).
        classes: k, the number of classes.

    Returns:
        (k, k) int64 whose sum is n.

    Raises:
        ValueError: the lengths differ, or a label is not an integer in [0, classes).

    >>> confusion([0, 0, 1, 1], [0, 1, 1, 1], classes=2).tolist()
    [[1, 1], [0, 2]]
    """
    truth, predicted = _labels(truth, classes, "truth"), _labels(predicted, classes, "predicted")
    if truth.shape != predicted.shape:
        raise ValueError(f"truth has {truth.size} labels, predicted has {predicted.size}")
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _labels(labels: ArrayLike, classes: int, name: str) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(f"{name} must have one axis, not shape {labels.shape}")
    if not labels.size:
        return labels.astype(np.int64)
    if labels.dtype.kind not in "iu":
        raise ValueError(f"{name} must hold integers, not {labels.dtype}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"{name} must lie in [0, {classes}), not [{labels.min()}, {labels.max()}]")
    return labels.astype(np.int64)


def uar(confusion: ArrayLike) -> float | np.ndarray:
    """Unweighted average recall: the mean over classes of the share that was recognised.

    UAR = 1/|K| * sum over i in K of c[i, i] / sum_j c[i, j], where K holds the classes with at least one
    utterance. Range [0, 1]; chance is 1/|K|; also called balanced accuracy or unweighted accuracy (UA).
    Source: Schuller, Steidl and Batliner, "The Interspeech 2009 Emotion Challenge".

    Args:
        confusion: (k, k) counts, or a stack (..., k, k).

    Raises:
        ValueError: not square matrices of counts, or a matrix without an utterance.

    >>> uar([[3, 1], [0, 2]])  # recalls 3/4 and 2/2
    0.875
    """
    counts = _counts(confusion)
    totals = counts.sum(axis=-1)
    recalls = np.diagonal(counts, axis1=-2, axis2=-1) / np.maximum(totals, 1)  # 0 where a class is empty
    return _plain(recalls.sum(axis=-1) / (totals > 0).sum(axis=-1))


def wa(confusion: ArrayLike) -> float | np.ndarray:
    """Weighted accuracy: the share of utterances that were recognised.

    WA = sum_i c[i, i] / sum_ij c[i, j]. Range [0, 1]. "Weighted" because it is the recall of the classes
    weighted by their size, i.e. plain accuracy (weighted average recall, WAR).

    Args:
        confusion: (k, k) counts, or a stack (..., k, k).

    Raises:
        ValueError: not square matrices of counts, or a matrix without an utterance.

    >>> wa([[3, 1], [0, 1]])  # 4 of 5
    0.8
    """
    counts = _counts(confusion)
    return _plain(np.trace(counts, axis1=-2, axis2=-1) / counts.sum(axis=(-2, -1)))


def _counts(confusion: ArrayLike) -> np.ndarray:
    counts = np.asarray(confusion)
    if counts.ndim < 2 or counts.shape[-1] != counts.shape[-2]:
        raise ValueError(f"a confusion matrix is square, not {counts.shape}")
    if not counts.size or (counts < 0).any() or not counts.any(axis=(-2, -1)).all():
        raise ValueError("a confusion matrix counts at least one utterance and nothing below zero")
    return counts


def _plain(values: np.ndarray) -> float | np.ndarray:
    return float(values) if np.ndim(values) == 0 else values


def bootstrap_interval(
    confusions: ArrayLike,
    *,
    statistic: Callable[[np.ndarray], float | np.ndarray] = uar,
    samples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Percentile interval of a statistic under resampling of speakers.

    Utterances of one speaker are not independent, so whole speakers are drawn with replacement, as many
    as there are. For each draw and repeat their confusion matrices are summed and the statistic taken;
    the mean over repeats is the draw's value. The interval is the central `level` of these values. It says
    how far the score depends on who was recorded; the standard deviation over repeats says how far it
    depends on the initialisation. A class that no drawn speaker has is left out of that draw's UAR.
    Source: Field and Welsh, "Bootstrapping clustered data", 2007 (cluster bootstrap); Efron and
    Tibshirani, "An Introduction to the Bootstrap", ch. 13 (percentile interval).

    Args:
        confusions: (repeats, speakers, k, k) counts. Speakers without an utterance are ignored.
        statistic: takes a stack (m, k, k), none of them empty, and returns (m,).
        samples: number of draws.
        level: share of the draws inside the interval, in (0, 1).
        seed: the same seed gives the same interval.

    Returns:
        (low, high) in the statistic's unit, or None when fewer than two speakers have utterances: then
        nothing is known about the spread between speakers.

    Raises:
        ValueError: wrong shape, a negative count, or `samples` or `level` out of range.

    >>> per_speaker = [[[[3, 1], [0, 4]], [[2, 2], [2, 2]]]]  # one repeat; two speakers, UAR 0.875 and 0.5
    >>> bootstrap_interval(per_speaker, seed=1)
    (0.5, 0.875)
    """
    counts = np.asarray(confusions)
    if counts.ndim != 4 or counts.shape[2] != counts.shape[3] or not counts.shape[0]:
        raise ValueError(f"confusions must be (repeats, speakers, k, k), not {counts.shape}")
    if (counts < 0).any() or samples < 1 or not 0 < level < 1:
        raise ValueError("counts and samples must be positive, level between 0 and 1")
    counts = counts[:, counts.any(axis=(0, 2, 3))]
    speakers = counts.shape[1]
    if speakers < 2:
        return None
    draws = np.random.default_rng(seed).multinomial(speakers, np.full(speakers, 1 / speakers), size=samples)
    drawn = np.einsum("bs,rsij->brij", draws, counts)
    filled = drawn.any(axis=(2, 3))  # a repeat may lack the drawn speakers when test sets differ by repeat
    values = np.full(filled.shape, np.nan)
    values[filled] = statistic(drawn[filled])
    tail = 50 * (1 - level)
    low, high = np.percentile(np.nanmean(values, axis=1), [tail, 100 - tail])
    return float(low), float(high)


class Score(NamedTuple):
    """What `score` finds.

    Attributes:
        uar: unweighted average recall, in [0, 1].
        wa: weighted accuracy, in [0, 1].
        interval: 95 % interval of the UAR over speakers; None where speakers are unknown, or there is one.
        n: utterances.
        classes: k labels, in their order.
        confusion: (k, k) counts, rows true, columns predicted.
    """

    uar: float
    wa: float
    interval: tuple[float, float] | None
    n: int
    classes: tuple[Any, ...]
    confusion: np.ndarray


def score(
    truth: ArrayLike, predicted: ArrayLike, speakers: ArrayLike | None = None, *, seed: int = 0
) -> Score:
    """UAR, WA and the interval over speakers of predicted labels.

    Args:
        truth, predicted: (n,) labels, texts or integers.
        speakers: (n,) who speaks; None leaves the interval out.
        seed: of the bootstrap, see `bootstrap_interval`.

    Raises:
        ValueError: no utterances, or as many of one as not of another.

    >>> found = score(["sad", "sad", "joy", "joy"], ["sad", "joy", "joy", "joy"], ["a", "a", "b", "b"])
    >>> found.uar, found.wa, found.interval
    (0.75, 0.75, (0.5, 1.0))
    """
    columns = [np.asarray(column) for column in (truth, predicted, *([] if speakers is None else [speakers]))]
    if any(column.shape != columns[0].shape or column.ndim != 1 for column in columns) or not columns[0].size:
        raise ValueError(f"labels and speakers are (n,) each, not {[column.shape for column in columns]}")
    classes, indices = np.unique(np.concatenate(columns[:2]), return_inverse=True)
    true, found = np.split(indices, 2)
    whole, interval = confusion(true, found, len(classes)), None
    if speakers is not None:
        groups = [columns[2] == speaker for speaker in np.unique(columns[2])]
        by_speaker = [confusion(true[group], found[group], len(classes)) for group in groups]
        interval = bootstrap_interval(np.stack(by_speaker)[None], seed=seed)
    return Score(float(uar(whole)), float(wa(whole)), interval, len(true), tuple(classes.tolist()), whole)


class Difference(NamedTuple):
    """A difference of two scores: its mean over repeats, its interval, and its two-sided p."""

    mean: float
    interval: tuple[float, float]
    p: float


def paired_difference(
    one: ArrayLike,
    other: ArrayLike,
    *,
    statistic: Callable[[np.ndarray], float | np.ndarray] = uar,
    samples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Difference | None:
    """Difference of a statistic between two recognisers of the same utterances, by a paired bootstrap.

    Each draw takes as many speakers and as many repeats as there are, with replacement, the same ones of both
    recognisers, and is the mean over its repeats of the difference. p is twice the smaller share of draws on
    either side of 0, themselves counted in: (1 + draws) / (1 + samples).
    Source: as of `bootstrap_interval`; Davison and Hinkley, "Bootstrap Methods and their Application", 1997, sec. 4.2.

    Args:
        one, other: (repeats, speakers, k, k) counts of the same speakers.
        statistic, samples, level, seed: as of `bootstrap_interval`.

    Returns: None when fewer than two speakers have utterances.

    Raises:
        ValueError: the shapes differ.

    >>> good, bad = [[[[4, 0], [0, 4]], [[3, 1], [0, 4]]]], [[[[2, 2], [2, 2]], [[2, 2], [1, 3]]]]
    >>> paired_difference(good, bad).mean
    0.375
    """
    counts = np.stack([np.asarray(one), np.asarray(other)])  # (2, repeats, speakers, k, k)
    counts = counts[:, :, counts.any(axis=(0, 1, 3, 4))]
    repeats, speakers = counts.shape[1:3]
    if speakers < 2:
        return None
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(speakers, np.full(speakers, 1 / speakers), size=samples)
    first, second = (statistic(np.einsum("bs,rsij->brij", weights, side)) for side in counts)
    drawn = rng.integers(repeats, size=(samples, repeats))
    values = np.take_along_axis(first - second, drawn, axis=1).mean(axis=1)
    whole = [np.mean(statistic(side.sum(axis=1))) for side in counts]
    tail = 50 * (1 - level)
    low, high = np.percentile(values, [tail, 100 - tail])
    beyond = min(np.count_nonzero(values <= 0), np.count_nonzero(values >= 0))
    p = min(1.0, 2 * (1 + beyond) / (1 + samples))
    return Difference(float(whole[0] - whole[1]), (float(low), float(high)), float(p))
