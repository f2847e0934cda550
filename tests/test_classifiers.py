"""DNN and SVM behind fit and predict: they learn, and repeats are strangers that can be repeated."""

from typing import ClassVar

import numpy as np
import pytest
from sklearn.svm import SVC

from tfsergan import classifiers
from tfsergan.classifiers import DNN, SVM, searched_svm
from tfsergan.errors import TfserganError


def blobs(n: int = 90, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three classes far apart in five dimensions."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return (rng.normal(size=(n, 5)) + 4 * np.eye(3, 5)[y]).astype(np.float32), y


def fitted(seeds, dropout: float = 0.2, epochs: int = 2) -> DNN:
    dnn = DNN(units=8, seeds=seeds, dropout=dropout, learning_rate=0.02, batch_size=32, epochs=epochs)
    return dnn.fit(*blobs())


def repeat_of(dnn: DNN, repeat: int) -> list[np.ndarray]:
    return [weight[repeat] for weight in dnn.network.get_weights()]


@pytest.fixture(scope="module")
def two() -> DNN:
    """Two repeats, trained to the end."""
    return fitted((1, 2), epochs=25)


def test_learns_separable_classes_it_has_not_seen(two):
    x, y = blobs(seed=7)
    predicted = two.predict(x)
    assert predicted.shape == (2, len(x))
    assert ((predicted == y).mean(axis=1) > 0.95).all()


def test_has_the_layers_asked_for(two):
    shapes = [weight.shape for weight in two.network.get_weights()[::2]]
    assert shapes == [(2, 8, 5), (2, 8, 8), (2, 3, 8)]


def test_prediction_of_an_utterance_does_not_depend_on_the_others(two):
    x, _ = blobs(seed=7)
    np.testing.assert_array_equal(two.predict(x[5:9]), two.predict(x)[:, 5:9])


def test_prediction_uses_no_dropout(two):
    noise = np.random.default_rng(0).normal(size=(200, 5)) * 3
    np.testing.assert_array_equal(two.predict(noise), two.predict(noise))


def test_repeats_differ_and_can_be_repeated():
    one, again = fitted((1, 2)), fitted((1, 2))
    for a, b in zip(one.network.get_weights(), again.network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a[0] != a[1]).any()


def test_a_repeat_does_not_depend_on_the_seeds_beside_it():
    together = fitted((1, 2), dropout=0.0)
    for repeat, seed in enumerate((1, 2)):
        alone = fitted((seed,), dropout=0.0)
        for a, b in zip(repeat_of(together, repeat), repeat_of(alone, 0), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_updates_instead_of_epochs():
    dnn = DNN(units=8, seeds=(1,), batch_size=32, epochs=70, updates=10)
    assert dnn.epochs_of(90) == 3  # three updates an epoch
    assert dnn.epochs_of(10_000) == 1
    assert DNN(units=8, seeds=(1,), batch_size=32, epochs=70).epochs_of(90) == 70


def test_tells_its_progress():
    told = []
    dnn = DNN(units=4, seeds=(1,), epochs=3)
    dnn.fit(*blobs(), task="fold 1", report=lambda *message: told.append(message))
    assert told == [("fold 1", 1, 3), ("fold 1", 2, 3), ("fold 1", 3, 3)]


def test_predict_before_fit_is_refused():
    with pytest.raises(ValueError, match="fit"):
        DNN(units=4, seeds=(1,)).predict(blobs()[0])


# ---- a set for each repeat, weights, the best epoch -----------------------------------------------------------


def own_sets() -> tuple[np.ndarray, np.ndarray]:
    """Two sets of the blobs, other vectors in another order."""
    sets = [blobs(seed=1), blobs(seed=2)]
    sets[1] = tuple(part[::-1] for part in sets[1])
    return tuple(np.stack(part) for part in zip(*sets, strict=True))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_set_for_each_repeat_is_a_dnn_for_each_set(batch_norm):
    options = {"units": 6, "dropout": 0.0, "learning_rate": 0.02, "batch_size": 40, "epochs": 2}
    options |= {"activation": "tanh", "batch_norm": batch_norm, "l2": 0.01}
    x, y = own_sets()
    together = DNN(seeds=(1, 2), **options).fit(x, y)
    for repeat, seed in enumerate((1, 2)):
        alone = DNN(seeds=(seed,), **options).fit(x[repeat], y[repeat])
        for a, b in zip(repeat_of(together, repeat), repeat_of(alone, 0), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
        np.testing.assert_array_equal(together.predict(x[0])[repeat], alone.predict(x[0])[0])


def test_labels_that_all_repeats_share():
    options = {"units": 6, "seeds": (1, 2), "epochs": 1}
    x, _ = own_sets()
    y = blobs()[1]
    one, other = DNN(**options).fit(x, y), DNN(**options).fit(x, np.stack([y, y]))
    for a, b in zip(one.network.get_weights(), other.network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_l2_by_hand():
    """Adam's first step is g / (|g| + epsilon), and zeros leave kernels no gradient but that of l2."""
    x, y = np.zeros((4, 5), np.float32), np.zeros(4, int)  # nothing else moves the kernels
    options = {"units": 6, "seeds": (1,), "dropout": 0.0, "learning_rate": 1e-3, "batch_size": 4, "epochs": 1}
    free, held = DNN(**options).fit(x, y), DNN(l2=0.1, **options).fit(x, y)
    before = DNN(**options | {"learning_rate": 0.0}).fit(x, y).network.get_weights()
    for kernel in (0, 2, 4):
        np.testing.assert_array_equal(free.network.get_weights()[kernel], before[kernel])
    np.testing.assert_array_equal(held.network.get_weights()[0], before[0])  # the first kernel is free
    for kernel in (2, 4):
        g = 2 * 0.1 * before[kernel]
        expected = before[kernel] - 1e-3 * g / (np.abs(g) + 1e-7 / np.sqrt(1 - 0.999))
        np.testing.assert_allclose(held.network.get_weights()[kernel], expected, rtol=1e-5, atol=1e-7)
    assert (held.network.get_weights()[1] == free.network.get_weights()[1]).all()  # biases are free


def test_l2_keeps_kernels_small():
    options = {"units": 8, "seeds": (1,), "learning_rate": 0.02, "epochs": 20}
    free, held = DNN(**options).fit(*blobs()), DNN(l2=0.1, **options).fit(*blobs())
    assert (
        np.square(held.network.get_weights()[2]).sum() < 0.5 * np.square(free.network.get_weights()[2]).sum()
    )


def test_the_best_epoch_of_each_repeat_is_kept(monkeypatch):
    """The first of equals; which epoch it is differs between repeats."""
    scripted = iter(np.array([[0.5, 0.2], [0.9, 0.2], [0.9, 0.1], [0.3, 0.8]]))  # an epoch, two repeats
    seen = []
    x, y = blobs()

    def predict(dnn, vectors):
        seen.append([w.copy() for w in dnn.network.get_weights()])
        right = np.arange(100)[None] < 100 * next(scripted)[:, None]
        return np.where(right, 0, 1)

    monkeypatch.setattr(DNN, "predict", predict)
    dnn = DNN(units=8, seeds=(1, 2), learning_rate=0.02, batch_size=32, epochs=4)
    dnn.fit(x, y, keep_best_on=(np.zeros((100, 5)), np.zeros(100, int)))
    for kept, second, fourth in zip(dnn.network.get_weights(), seen[1], seen[3], strict=True):
        np.testing.assert_array_equal(kept[0], second[0])
        np.testing.assert_array_equal(kept[1], fourth[1])
    assert (seen[1][0][0] != seen[2][0][0]).any()


def test_keeping_the_best_changes_no_training():
    x, y = blobs()
    options = {"units": 8, "seeds": (1,), "learning_rate": 0.02, "epochs": 1, "batch_norm": True}
    plain, kept = DNN(**options).fit(x, y), DNN(**options).fit(x, y, keep_best_on=(x, y))
    for a, b in zip(plain.network.get_weights(), kept.network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# ---- SVM --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, classifiers.GRAM_LIMIT])
@pytest.mark.parametrize("gamma", [0.0, 0.05])
def test_svm_is_scikit_learns(monkeypatch, limit, gamma):
    monkeypatch.setattr(classifiers, "GRAM_LIMIT", limit)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(120, 5)), rng.integers(0, 3, 120)
    x += y[:, None]
    unseen = rng.normal(size=(80, 5)) + 1
    ours = SVM(C=2.0, gamma=gamma).fit(x, y)
    theirs = SVC(C=2.0, gamma=gamma or 1 / 5).fit(x, y)
    assert len(set(ours.predict(unseen))) == 3
    np.testing.assert_array_equal(ours.predict(unseen), theirs.predict(unseen))
    assert (ours.vectors is None) == (limit == 0)


def test_svm_keeps_its_support_vectors_alone():
    x, y = blobs()
    svm = SVM().fit(x, y)
    assert len(svm.vectors) == len(svm.model.support_) < len(x)
    np.testing.assert_array_equal(svm.predict(x), y)


# ---- soft labels, a search ------------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [False, True])
def test_one_hot_shares_are_labels(own):
    options = {"units": 6, "seeds": (1, 2), "epochs": 2, "learning_rate": 0.02}
    x, y = own_sets() if own else blobs()
    one, other = (DNN(**options).fit(x, labels) for labels in (y, np.eye(3, dtype=np.float32)[y]))
    for a, b in zip(one.network.get_weights(), other.network.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_shares_are_learnt():
    """Where a vector is of two classes by half, the outputs are even."""
    x = np.ones((64, 3), np.float32)
    dnn = DNN(units=8, seeds=(1,), dropout=0.0, learning_rate=0.02, batch_size=32, epochs=60)
    dnn.fit(x, np.tile(np.float32([0.25, 0.75, 0.0]), (64, 1)))
    logits = np.asarray(dnn.network(x[None, :1], training=False))[0, 0]
    np.testing.assert_allclose(np.exp(logits) / np.exp(logits).sum(), [0.25, 0.75, 0], atol=0.02)


def test_a_search_finds_the_gamma_that_generalises():
    """Rings: with gamma too small an SVM draws a line; C too small makes one class of all."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    y = (np.linalg.norm(x, axis=1) > 1.2).astype(int)
    svm = searched_svm(x, y, np.arange(400) % 8, (1e-4, 10.0), (1e-6, 1.0), seed=0)
    assert (svm.C, svm.gamma) == (10.0, 0.5)  # gamma is in units of 1 / D
    assert np.mean(svm.fit(x[:300], y[:300]).predict(x[300:]) == y[300:]) > 0.95


def test_a_search_needs_a_second_group():
    x, y = blobs()
    with pytest.raises(TfserganError, match="one speaker"):
        searched_svm(x, y, np.zeros(len(x), int), (1.0,), (1.0,), seed=0)


def test_speakers_of_the_validation_train_no_compared_svm(monkeypatch):
    seen = []
    monkeypatch.setattr(classifiers, "GridSearchCV", lambda model, grid, cv, **_: Search(cv, seen))
    x, y = blobs()
    groups = np.repeat(np.arange(9), 10)
    searched_svm(x, y, groups, (1.0,), (1.0,), seed=3)
    ((train, validation),) = seen
    assert not set(groups[train]) & set(groups[validation])
    assert len(set(groups[validation])) == 3


class Search:
    """Stands in for GridSearchCV and notes the split."""

    best_params_: ClassVar[dict] = {}

    def __init__(self, cv, seen):
        self.cv, self.seen = cv, seen

    def fit(self, x, y, groups):
        self.seen.extend(self.cv.split(x, y, groups))
        return self


def test_balanced_rows_have_every_vector_and_classes_of_one_size():
    y = np.array([0] * 5 + [1] * 2 + [2] * 9)
    rows = classifiers.balanced_rows(y, seed=1)
    assert set(rows) == set(range(16))
    assert np.bincount(y[rows]).tolist() == [9, 9, 9]
    np.testing.assert_array_equal(rows, classifiers.balanced_rows(y, seed=1))
    assert (rows != classifiers.balanced_rows(y, seed=2)).any()


def test_rows_say_what_an_epoch_is():
    """All rows once is the default; rows of one class alone teach that class alone, each repeat its own."""
    x, y = blobs()
    every = np.broadcast_to(np.arange(len(x)), (2, len(x)))
    options = {"units": (8, 6), "dropout": 0.0, "learning_rate": 0.02, "batch_size": 32, "epochs": 3}
    plain, rowed = DNN(seeds=(1, 2), **options).fit(x, y), DNN(seeds=(1, 2), **options).fit(x, y, rows=every)
    for one, other in zip(plain.network.get_weights(), rowed.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    shapes = [weight.shape for weight in plain.network.get_weights()[::2]]
    assert shapes == [(2, 8, 5), (2, 6, 8), (2, 3, 6)]
    alone = np.stack([np.tile(np.flatnonzero(y == k), 20) for k in (0, 2)])
    predicted = DNN(seeds=(1, 2), **options).fit(x, y, rows=alone).predict(x)
    assert np.mean(predicted[0] == 0) > 0.9
    assert np.mean(predicted[1] == 2) > 0.8
