"""Over-samplers with imbalanced-learn's interface: duplication, additive noise, SMOTE, mixup, and the base of our own.

An augmenter adds synthetic vectors to a training set. With `copies` it adds that many sets, each as large as the
training set and with its class proportions, as the papers do; without, it balances the classes as
`sampling_strategy` says, as imbalanced-learn's over-samplers do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple

import imblearn.over_sampling
import numpy as np
from imblearn.over_sampling.base import BaseOverSampler
from scipy.sparse import issparse
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from tfsergan.errors import TfserganError


@dataclass(kw_only=True, eq=False, repr=False)
class Augmenter(BaseOverSampler):
    """Base of the augmenters: subclasses give `synthesize`, and are dataclasses too, so that parameters are fields.

    `fit_resample(X, y)` gives the training set as it is and, below it, the synthetic vectors. Data frames and series
    come back as such, with the names of X; `get_feature_names_out()` has them, too.

    Args:
        sampling_strategy: as of imbalanced-learn's over-samplers; not used where `copies` is given.
        copies: synthetic sets to add, each as large as the training set; None to balance instead.
        random_state: seed, generator or None.

    Attributes:
        synthetic_: (n + m,) bool: whether a row that was given back is synthetic; the n of X come first. As
            imbalanced-learn's SMOTE there are no `sample_indices_`: a synthetic vector is no row of X.
        feature_names_in_: the columns of X, where it is a data frame.
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseOverSampler._parameter_constraints,
        "copies": [None, Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    sampling_strategy: float | str | Mapping[Any, int] | Callable = "auto"
    copies: int | None = None
    random_state: int | np.random.RandomState | None = None

    def _fit_resample(self, X: Any, y: np.ndarray) -> tuple[Any, np.ndarray]:
        wanted = self.sampling_strategy_
        if self.copies:
            wanted = {label: self.copies * count for label, count in counted(y).items()}
        labels = np.repeat(list(wanted), list(wanted.values())).astype(y.dtype)
        self.synthetic_ = np.repeat([False, True], [len(y), len(labels)])
        if not len(labels):
            return X.copy(), y.copy()
        dense = X.toarray() if issparse(X) else X
        grown = np.concatenate([dense, self.synthesize(dense, y, labels).astype(X.dtype)])
        return type(X)(grown) if issparse(X) else grown, np.concatenate([y, labels])

    def synthesize(self, X: np.ndarray, y: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Synthetic vectors (m, d) of the classes `labels` (m,), from training vectors X (n, d) of classes y (n,)."""
        raise NotImplementedError


class Duplication(Augmenter):
    """Copies of the training vectors: each class's vectors over and over, in their order.

    Args: as of `Augmenter`.
    """

    def synthesize(self, X: np.ndarray, y: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return X[rows_over_and_over(y, labels)]


@dataclass(kw_only=True, eq=False, repr=False)
class AdditiveNoise(Augmenter):
    """Copies with Gaussian noise, in each feature of `noise` times its standard deviation in the training set.

    Args:
        noise: standard deviation of the noise, as a share of the feature's.
        sampling_strategy, copies, random_state: as of `Augmenter`.
    """

    _parameter_constraints: ClassVar[dict] = {
        **Augmenter._parameter_constraints,
        "noise": [Interval(Real, 0, None, closed="left")],
    }

    noise: float = 0.1

    def synthesize(self, X: np.ndarray, y: np.ndarray, labels: np.ndarray) -> np.ndarray:
        copies = X[rows_over_and_over(y, labels)]
        noise = check_random_state(self.random_state).standard_normal(copies.shape)
        return copies + noise * (self.noise * X.std(axis=0))


@dataclass(kw_only=True, eq=False, repr=False)
class SMOTE(Augmenter):
    """Points between neighbours of a class (Chawla et al. 2002), through imbalanced-learn's own SMOTE.

    Args:
        k_neighbors: neighbours to choose from; fewer, for every class, where one has fewer.
        sampling_strategy, copies, random_state: as of `Augmenter`.
    """

    _parameter_constraints: ClassVar[dict] = {
        **Augmenter._parameter_constraints,
        "k_neighbors": [Interval(Integral, 1, None, closed="left")],
    }

    k_neighbors: int = 5

    def synthesize(self, X: np.ndarray, y: np.ndarray, labels: np.ndarray) -> np.ndarray:
        wanted, counts = counted(labels), counted(y)
        smallest = min(counts[label] for label in wanted)
        if smallest < 2:
            raise TfserganError("SMOTE needs at least two vectors of each class that it adds to.")
        sampler = imblearn.over_sampling.SMOTE(
            sampling_strategy={label: counts[label] + n for label, n in wanted.items()},
            k_neighbors=min(self.k_neighbors, smallest - 1),
            random_state=self.random_state,
        )
        vectors, classes = sampler.fit_resample(X, y)
        vectors, classes = vectors[len(X) :], classes[len(X) :]
        order = np.argsort(labels, kind="stable")
        arranged = np.empty_like(vectors)
        arranged[order] = vectors[np.argsort(classes, kind="stable")]
        return arranged


class Mixed(NamedTuple):
    """A training set extended by mixup.

    Args:
        x: (m, d) vectors.
        y: (m, k) share of each class.
        share: (m,) lambda of equation 1; 1 for the vectors of the training set themselves.
    """

    x: np.ndarray
    y: np.ndarray
    share: np.ndarray

    @property
    def unmixed(self) -> np.ndarray:
        """(m,) bool: lambda is 0 or 1."""
        return np.isin(self.share, (0, 1))


def mixup(x: np.ndarray, y: np.ndarray, copies: int, alpha: float, seed: int) -> Mixed:
    """A training set and, below it, sets of mixtures of two of its vectors and of their labels.

    Zhang et al. 2017, "mixup: beyond empirical risk minimization"; Latif et al. 2020, equations 1 and 2:
    lambda a_i + (1 - lambda) a_j, where a is x or y, i and j are drawn at random and lambda from a beta distribution.

    Args:
        x: (n, d) training vectors.
        y: (n, k) share of each class, one-hot as a rule.
        copies: sets of n mixtures.
        alpha: of the distribution of lambda, Beta(alpha, alpha): the smaller, the nearer to one of the two.
        seed: of all that is drawn.
    """
    rng, n = np.random.default_rng(seed), len(x)
    i, j = (np.concatenate([np.arange(n), rng.integers(n, size=copies * n)]) for _ in range(2))
    share = np.concatenate([np.ones(n), rng.beta(alpha, alpha, copies * n)]).astype(x.dtype)
    return Mixed(mixture(x, i, j, share), mixture(y, i, j, share), share)


def mixture(a: np.ndarray, i: np.ndarray, j: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Rows share a_i + (1 - share) a_j (m, d) of an array (n, d), for rows i and j (m,)."""
    return share[:, None] * a[i] + (1 - share[:, None]) * a[j]


@dataclass(kw_only=True, eq=False, repr=False)
class Mixup(Augmenter):
    """Mixtures of a vector of the class and any other, the class's own with the larger share (see `mixup`).

    Args:
        alpha: of the distribution of the share, Beta(alpha, alpha).
        sampling_strategy, copies, random_state: as of `Augmenter`.
    """

    _parameter_constraints: ClassVar[dict] = {
        **Augmenter._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="neither")],
    }

    alpha: float = 0.2

    def synthesize(self, X: np.ndarray, y: np.ndarray, labels: np.ndarray) -> np.ndarray:
        rng = check_random_state(self.random_state)
        share = rng.beta(self.alpha, self.alpha, len(labels))
        others = rng.randint(len(X), size=len(labels))
        return mixture(X, rows_over_and_over(y, labels), others, np.maximum(share, 1 - share))


def counted(labels: np.ndarray) -> dict:
    """How often each label occurs, in their order."""
    return dict(zip(*np.unique(labels, return_counts=True), strict=True))


def rows_over_and_over(y: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """For each of `labels` (m,) the row of a vector of that class: first all of a class's rows, then again."""
    rows = np.empty(len(labels), int)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        rows[places] = np.resize(np.flatnonzero(y == label), len(places))
    return rows
