"""Arrays of different lengths as one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsergan.ragged import Ragged

ARRAYS = [np.arange(4 * i, 4 * i + 2 * n).reshape(n, 2) for i, n in enumerate((3, 1, 5))]


@pytest.fixture
def ragged() -> Ragged:
    return Ragged.of(ARRAYS)


def test_arrays_lie_below_each_other(ragged):
    assert ragged.shape == (3, None, 2)
    assert len(ragged) == 3
    assert ragged.starts.tolist() == [0, 3, 4]
    assert ragged.owners.tolist() == [0, 0, 0, 1, 2, 2, 2, 2, 2]
    np.testing.assert_array_equal(ragged.values, np.concatenate(ARRAYS))


@pytest.mark.parametrize("rows", [[2, 0], [1], [], [False, True, True], slice(1, 3)])
def test_chosen_arrays_keep_their_values(ragged, rows):
    rows = rows if isinstance(rows, slice) else np.array(rows, bool if len(rows) == 3 else int)
    chosen = ragged[rows]
    expected = [ARRAYS[i] for i in np.arange(3)[rows]]
    assert chosen.lengths.tolist() == [len(array) for array in expected]
    for start, array in zip(chosen.starts, expected, strict=True):
        np.testing.assert_array_equal(chosen.values[start : start + len(array)], array)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 12))
def test_fixed_takes_the_middle_or_repeats(lengths, length):
    arrays = [100 * i + np.arange(n)[:, None] for i, n in enumerate(lengths)]
    fixed = Ragged.of(arrays).fixed(length)
    assert fixed.shape == (len(lengths), length, 1)
    for found, array in zip(fixed, arrays, strict=True):
        spare = len(array) - length
        if spare >= 0:
            np.testing.assert_array_equal(found, array[spare // 2 : spare // 2 + length])
        else:
            np.testing.assert_array_equal(found, np.tile(array, (length, 1))[:length])
