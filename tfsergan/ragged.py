"""Arrays of different lengths as one: frames of utterances, one utterance below the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Ragged:
    """Arrays (f_i, d), i = 0 .. n - 1.

    Attributes:
        values: (sum of f_i, d), in their order.
        lengths: (n,) integers, the f_i.
    """

    values: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, arrays: Sequence[np.ndarray]) -> "Ragged":
        """From at least one array."""
        return cls(np.concatenate(arrays), np.array([len(array) for array in arrays], np.int64))

    @property
    def starts(self) -> np.ndarray:
        """(n,): where each array begins in `values`."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def owners(self) -> np.ndarray:
        """(sum of f_i,): the number of the array that each row of `values` is of."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def shape(self) -> tuple[int, None, int]:
        """(n, None, d)."""
        return len(self), None, self.values.shape[1]

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, rows: np.ndarray | slice) -> "Ragged":
        """The arrays at these numbers, in their order, or where this mask is true."""
        rows = np.arange(len(self))[rows]
        starts = self.starts
        chosen = [np.arange(starts[row], starts[row] + self.lengths[row]) for row in rows]
        where = np.concatenate(chosen) if chosen else np.arange(0)
        return Ragged(self.values[where], self.lengths[rows])

    def fixed(self, length: int) -> np.ndarray:
        """(n, length, d): the middle of each longer array, and each shorter one over and over."""
        return self.values[self.starts[:, None] + within(self.lengths, length)]


def within(lengths: np.ndarray, length: int) -> np.ndarray:
    """(n, length): which rows of arrays of these lengths (n,) make arrays of one length, see `Ragged.fixed`."""
    first = np.maximum(lengths - length, 0) // 2
    return (first[:, None] + np.arange(length)) % lengths[:, None]
