"""Duplication, noise, SMOTE and mixup behind imbalanced-learn's interface."""

import numpy as np
import pandas as pd
import pytest
from imblearn.utils.estimator_checks import parametrize_with_checks
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

from tfsergan.augmentation import SMOTE, AdditiveNoise, Duplication, Mixup, mixture, mixup, rows_over_and_over
from tfsergan.errors import TfserganError

AUGMENTERS = (Duplication(), AdditiveNoise(random_state=0), SMOTE(random_state=0), Mixup(random_state=0))
every = pytest.mark.parametrize("augmenter", AUGMENTERS, ids=lambda augmenter: type(augmenter).__name__)


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    """Vectors (12, 3) of classes with 6, 4 and 2 of them, mixed."""
    y = np.array([2, 0, 1, 0, 0, 1, 0, 1, 0, 2, 1, 0])
    return np.random.default_rng(0).normal(size=(12, 3)) + 10 * y[:, None], y


@parametrize_with_checks(list(AUGMENTERS))
def test_imbalanced_learns_own_checks(estimator, check):
    check(estimator)


# ---- what is added ----------------------------------------------------------------------------------------


@every
def test_classes_are_balanced(augmenter, data):
    x, y = clone(augmenter).fit_resample(*data)
    assert np.bincount(y).tolist() == [6, 6, 6]
    assert x.shape == (18, 3)


@every
def test_copies_are_sets_of_the_training_sets_proportions(augmenter, data):
    x, y = clone(augmenter).set_params(copies=3).fit_resample(*data)
    assert len(x) == 4 * 12
    assert np.bincount(y).tolist() == [24, 16, 8]


@every
@pytest.mark.parametrize("copies", [None, 2])
def test_real_vectors_come_first_and_untouched(augmenter, data, copies):
    before = data[0].copy()
    x, y = clone(augmenter).set_params(copies=copies).fit_resample(*data)
    np.testing.assert_array_equal(x[:12], before)
    np.testing.assert_array_equal(y[:12], data[1])
    np.testing.assert_array_equal(data[0], before)


@every
@pytest.mark.parametrize("copies", [None, 2])
def test_synthetic_vectors_are_near_their_class(augmenter, data, copies):
    x, y = clone(augmenter).set_params(copies=copies).fit_resample(*data)
    if not isinstance(augmenter, Mixup):  # whose vectors lie on the way to any other class's
        np.testing.assert_array_equal(np.rint(x.mean(axis=1) / 10).clip(0, 2), y)


@every
def test_a_strategy_says_how_many(augmenter, data):
    chosen = clone(augmenter).set_params(sampling_strategy={2: 5})
    assert np.bincount(chosen.fit_resample(*data)[1]).tolist() == [6, 4, 5]
    nothing = chosen.set_params(sampling_strategy={0: 6})
    x, y = nothing.fit_resample(*data)
    np.testing.assert_array_equal(x, data[0])
    np.testing.assert_array_equal(y, data[1])


def test_duplicates_are_the_vectors_over_and_over(data):
    x, y = Duplication(copies=2).fit_resample(*data)
    for label in range(3):
        own = data[0][data[1] == label]
        np.testing.assert_array_equal(x[12:][y[12:] == label], np.concatenate([own, own]))


def test_rows_over_and_over():
    rows = rows_over_and_over(np.array(list("abaab")), np.array(list("bbbaaaa")))
    assert rows.tolist() == [1, 4, 1, 0, 2, 3, 0]


def test_noise_is_a_share_of_each_features_deviation():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 3)) * [1, 100, 0] + [0, 5, 7]  # the last does not vary
    y = np.repeat([0, 1], [1000, 3000])
    vectors, labels = AdditiveNoise(noise=0.2, copies=1, random_state=1).fit_resample(x, y)
    noise = vectors[4000:] - x[rows_over_and_over(y, labels[4000:])]
    np.testing.assert_allclose(noise.std(axis=0), [0.2, 20, 0], rtol=0.05)
    np.testing.assert_allclose(noise.mean(axis=0), [0, 0, 0], atol=1)
    none, _ = AdditiveNoise(noise=0, copies=1).fit_resample(x, y)
    duplicates, _ = Duplication(copies=1).fit_resample(x, y)
    np.testing.assert_array_equal(none, duplicates)


def test_smote_lies_between_two_vectors_of_the_class(data):
    x, y = SMOTE(copies=4, random_state=0).fit_resample(*data)
    one, other = data[0][data[1] == 2]  # the class with two vectors: all on the line between them
    share = (x[12:][y[12:] == 2] - one) / (other - one)
    np.testing.assert_allclose(share, share[:, :1] * np.ones(3), atol=1e-9)
    assert ((share >= 0) & (share <= 1)).all()


def test_mixup_by_hand():
    """Equations 1 and 2."""
    x, y = np.array([[1.0, 2.0], [5.0, -2.0], [0.0, 9.0]]), np.eye(3)
    i, j, share = np.array([0, 2]), np.array([1, 2]), np.array([0.25, 0.6])
    np.testing.assert_allclose(mixture(x, i, j, share), [[4.0, -1.0], [0.0, 9.0]])
    np.testing.assert_allclose(mixture(y, i, j, share), [[0.25, 0.75, 0], [0, 0, 1]])


def test_a_mixed_set_has_the_training_set_above_its_mixtures(data):
    x, one_hot = data[0], np.eye(3)[data[1]]
    mixed = mixup(x, one_hot, copies=50, alpha=0.5, seed=1)
    assert (mixed.x.shape, mixed.y.shape, mixed.share.shape) == ((612, 3), (612, 3), (612,))
    for found, expected in ((mixed.x[:12], x), (mixed.y[:12], one_hot), (mixed.share[:12], np.ones(12))):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(mixed.y.sum(axis=1), 1)
    assert ((mixed.share >= 0) & (mixed.share <= 1)).all()
    assert mixed.unmixed[:12].all() and not mixed.unmixed[12:].any()
    # Vectors are three features about 10 times their class: a mixture's mean says what its label says.
    np.testing.assert_allclose(mixed.x.mean(axis=1) / 10, mixed.y @ [0, 1, 2], atol=0.3)
    assert mixed.share[12:].mean() == pytest.approx(0.5, abs=0.05)
    assert mixed.share[12:].std() == pytest.approx(np.sqrt(0.125), abs=0.03)  # of Beta(0.5, 0.5)
    for a, b in zip(mixed, mixup(x, one_hot, 50, 0.5, 1), strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(mixup(x, one_hot, 0, 0.5, 1).x) == 12


def test_the_smaller_alpha_the_nearer_to_one_of_the_two(data):
    x, one_hot = data[0].astype(np.float32), np.eye(3, dtype=np.float32)[data[1]]
    near, far = (mixup(x, one_hot, 50, alpha, 0) for alpha in (0.1, 10.0))
    assert np.abs(near.share[12:] - 0.5).mean() > 0.4
    assert np.abs(far.share[12:] - 0.5).mean() < 0.15
    assert near.x.dtype == near.y.dtype == np.float32


def test_mixtures_have_the_larger_share_of_their_label(data):
    x, y = Mixup(copies=20, alpha=1.0, random_state=0).fit_resample(*data)
    own = 10 * y[12:]
    distance = np.abs(x[12:].mean(axis=1) - own)
    assert (distance <= 0.5 * np.abs(own[:, None] - [0, 10, 20]).max(axis=1) + 2).all()
    assert (distance > 3).any()


def test_smote_is_imbalanced_learns(data):
    import imblearn.over_sampling

    ours = SMOTE(k_neighbors=1, random_state=3).fit_resample(*data)
    theirs = imblearn.over_sampling.SMOTE(k_neighbors=1, random_state=3).fit_resample(*data)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


@every
def test_a_class_of_one_vector(augmenter, data):
    x, y = np.vstack([data[0], [30.0] * 3]), np.append(data[1], 3)
    if isinstance(augmenter, SMOTE):
        with pytest.raises(TfserganError, match="two vectors of each class"):
            clone(augmenter).fit_resample(x, y)
        return
    vectors, labels = clone(augmenter).fit_resample(x, y)
    assert np.bincount(labels).tolist() == [6, 6, 6, 6]
    if isinstance(augmenter, Duplication):
        np.testing.assert_array_equal(vectors[labels == 3], np.full((6, 3), 30.0))


# ---- scikit-learn's ways ------------------------------------------------------------------------------------


@pytest.mark.parametrize("augmenter", AUGMENTERS[1:], ids=lambda augmenter: type(augmenter).__name__)
def test_random_state_decides(augmenter, data):
    def vectors(state) -> np.ndarray:
        return clone(augmenter).set_params(random_state=state, copies=1).fit_resample(*data)[0][12:]

    np.testing.assert_array_equal(vectors(1), vectors(1))
    generators = [np.random.RandomState(1) for _ in range(2)]
    np.testing.assert_array_equal(*map(vectors, generators))
    assert (vectors(generators[0]) != vectors(np.random.RandomState(1))).any()  # a generator goes on
    assert (vectors(1) != vectors(2)).any()
    assert (vectors(None) != vectors(None)).any()


@every
def test_clones_have_the_same_parameters(augmenter):
    changed = clone(augmenter).set_params(copies=4, sampling_strategy="all")
    assert (
        clone(changed).get_params()
        == changed.get_params()
        == augmenter.get_params()
        | {
            "copies": 4,
            "sampling_strategy": "all",
        }
    )


@every
@pytest.mark.parametrize(
    "labels", [np.array(["joy", "anger", "fear"]), np.array(["joy", "anger", "fear"], object)]
)
@pytest.mark.parametrize("copies", [None, 1])
def test_labels_may_be_texts(augmenter, data, labels, copies):
    by_number = clone(augmenter).set_params(copies=copies).fit_resample(data[0], data[1])[1]
    y = clone(augmenter).set_params(copies=copies).fit_resample(data[0], labels[data[1]])[1]
    assert y.dtype == labels.dtype
    assert sorted(y) == sorted(labels[by_number])


@every
def test_data_frames_keep_their_names(augmenter, data):
    x = pd.DataFrame(data[0].astype(np.float32), columns=["F0", "jitter", "loudness"])
    y = pd.Series(data[1], name="emotion")
    sampler = clone(augmenter).set_params(copies=1)
    vectors, labels = sampler.fit_resample(x, y)
    assert isinstance(vectors, pd.DataFrame)
    assert list(vectors.columns) == list(sampler.feature_names_in_) == list(sampler.get_feature_names_out())
    assert (vectors.dtypes == np.float32).all()
    assert (labels.name, labels.index.tolist()) == ("emotion", vectors.index.tolist())
    pd.testing.assert_frame_equal(vectors[:12], x)


@every
@pytest.mark.parametrize(
    ("parameter", "value"),
    [("copies", 0), ("copies", 1.5), ("sampling_strategy", "some"), ("random_state", "x"), ("noise", -1)],
)
def test_impossible_parameters_are_refused(augmenter, data, parameter, value):
    if parameter in augmenter.get_params():
        with pytest.raises(
            InvalidParameterError, match=f"'{parameter}' parameter of {type(augmenter).__name__}"
        ):
            clone(augmenter).set_params(**{parameter: value}).fit_resample(*data)


def test_no_neighbours_are_refused(data):
    with pytest.raises(InvalidParameterError, match="'k_neighbors' parameter of SMOTE"):
        SMOTE(k_neighbors=0).fit_resample(*data)


@every
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(augmenter, data, bad):
    data[0][3, 1] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        clone(augmenter).fit_resample(*data)
