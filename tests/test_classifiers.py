"""The DNN behind fit and predict: it learns, and its repeats are strangers that can be repeated."""

import numpy as np
import pytest

from tfsergan.classifiers import DNN


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
