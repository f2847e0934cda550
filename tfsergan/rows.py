"""Rows of large arrays for TensorFlow, and column-wise statistics, without copies of the whole."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from sklearn.preprocessing import StandardScaler

LARGE = 2**28  # bytes of an array from which on TensorFlow gets no copy of it
COLUMNS = 64  # at a time


class Rows:
    """Vectors (n, D) whose rows a graph gathers from where NumPy has them, in memory or mapped from a file."""

    def __init__(self, x: np.ndarray):
        self.x: np.ndarray | None = x
        self.shape = x.shape

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The vectors (..., D) float32 at these row numbers.

        Raises:
            ValueError: they were released.
        """
        if self.x is None:
            raise ValueError("these vectors were released")
        return np.asarray(self.x[rows], np.float32)

    def release(self) -> None:
        """Lets go of the vectors: a graph with a loop is never freed, nor is what it holds."""
        self.x = None


def lend(x: np.ndarray) -> "tf.Tensor | Rows":
    """Vectors (..., n, D) for `gather`: a small array as TensorFlow's copy, a `LARGE` one of (n, D) as it is.

    TensorFlow's own gather is a fraction of a millisecond faster.
    """
    return Rows(x) if x.ndim == 2 and x.nbytes >= LARGE else tf.constant(x, tf.float32)


def gather(lent: "tf.Tensor | Rows", rows: tf.Tensor) -> tf.Tensor:
    """The vectors (..., D) at these row numbers; where there is an axis before the rows, of each of it its own."""
    if isinstance(lent, Rows):
        vectors = tf.numpy_function(lent.take, [rows], tf.float32)
        return tf.ensure_shape(vectors, (*rows.shape, lent.shape[1]))
    return tf.gather(lent, rows, batch_dims=len(lent.shape) - 2)


def standardize(x: np.ndarray) -> np.ndarray:
    """Gives vectors (n, D) the mean 0 and the variance 1 in each feature, in place; returns them.

    The numbers of `StandardScaler().fit_transform`, which takes several times their memory at once. Features don't
    depend on each other, so here some are done after the others.
    """
    for columns in blocks(x.shape[1]):
        x[:, columns] = StandardScaler().fit_transform(x[:, columns])
    return x


def by_columns(statistic: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """What a statistic of each feature by itself gives for vectors (..., D), some features after the others."""
    return np.concatenate([statistic(x[..., columns]) for columns in blocks(x.shape[-1])], axis=-1)


def blocks(features: int) -> list[slice]:
    """All columns, `COLUMNS` at a time; no block has a single one, which NumPy would sum in another order."""
    starts = list(range(0, features, COLUMNS))
    if len(starts) > 1 and features - starts[-1] == 1:
        del starts[-1]
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], features], strict=True)]
