"""Rows of large arrays, and statistics without copies of the whole: the same numbers as with them."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.preprocessing import StandardScaler

from tfsergan import rows, training
from tfsergan.classifiers import DNN


@pytest.fixture
def everything_is_large(monkeypatch):
    monkeypatch.setattr(rows, "LARGE", 0)


def vectors(n: int, features: int, *axes: int) -> np.ndarray:
    x = np.random.default_rng(n).normal(3, 2, (*axes, n, features)).astype(np.float32)
    x[..., 2] = 1.5  # a constant feature
    return x


@pytest.mark.parametrize("features", [12, 65, 129, 200])
def test_standardize_is_scikit_learns_to_the_last_bit_and_in_place(features):
    x = vectors(300, features)
    expected, before = StandardScaler().fit_transform(x), x
    assert rows.standardize(x) is before
    np.testing.assert_array_equal(x, expected)


def test_statistics_by_columns_are_those_of_the_whole_to_the_last_bit():
    x = vectors(500, 129, 4)
    np.testing.assert_array_equal(rows.by_columns(lambda part: part.std(axis=1), x), x.std(axis=1))


def test_every_column_is_in_one_block_and_none_is_alone():
    for features in (1, 2, 64, 65, 128, 129, 1582):
        blocks = rows.blocks(features)
        assert [i for block in blocks for i in range(features)[block]] == list(range(features))
        assert features == 1 or all(block.stop - block.start > 1 for block in blocks)


@pytest.mark.parametrize("number", [np.array([2, 0, 2]), np.array([[1], [4]])])
def test_gathered_rows(everything_is_large, number):
    x = vectors(5, 3)
    lent = rows.lend(x)
    assert isinstance(lent, rows.Rows)
    found = tf.function(rows.gather)(lent, tf.constant(number))
    np.testing.assert_array_equal(found, x[number])


def test_small_arrays_and_arrays_with_an_axis_before_the_rows_are_tensorflows():
    assert isinstance(rows.lend(vectors(5, 3)), tf.Tensor)
    x = vectors(5, 3, 2)
    found = rows.gather(rows.lend(x), tf.constant([[4, 0], [1, 1]]))
    np.testing.assert_array_equal(found, [x[0][[4, 0]], x[1][[1, 1]]])


def test_batches_of_a_large_source_are_those_of_a_small_one(monkeypatch, tmp_path):
    source, targets = vectors(20, 3), [vectors(9, 3), vectors(8, 3)]
    np.save(tmp_path / "source.npy", source)
    mapped = np.load(tmp_path / "source.npy", mmap_mode="r")
    batches = [list(training.Unpaired(source, targets, 4, seed=1).dataset(0, 2).as_numpy_iterator())]
    monkeypatch.setattr(rows, "LARGE", 0)
    batches.append(list(training.Unpaired(mapped, targets, 4, seed=1).dataset(0, 2).as_numpy_iterator()))
    for one, other in zip(*batches, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_classifier_of_many_vectors_learns_what_one_of_few_learns(monkeypatch):
    x, y = vectors(30, 4), np.arange(30) % 3
    options = {"units": 5, "seeds": (1, 2), "epochs": 3, "batch_size": 8, "learning_rate": 0.01}
    trained = [DNN(**options).fit(x, y).network.get_weights()]
    monkeypatch.setattr(rows, "LARGE", 0)
    trained.append(DNN(**options).fit(x, y).network.get_weights())
    for one, other in zip(*trained, strict=True):
        np.testing.assert_array_equal(one, other)


def test_rows_that_were_released_are_gone():
    lent = rows.Rows(vectors(5, 3))
    lent.release()
    assert lent.x is None
