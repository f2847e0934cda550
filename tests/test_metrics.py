"""metrics.py: values worked out by hand, scikit-learn as the second opinion, and the bootstrap's promises."""

import doctest
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix

from tfsergan import metrics

CLASSES = 4
labels = st.lists(
    st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=1, max_size=60
).map(lambda pairs: np.array(pairs).T)


def test_docstring_examples():
    assert doctest.testmod(metrics).failed == 0


def test_confusion_by_hand():
    counts = metrics.confusion([0, 0, 1, 2, 2, 2], [0, 1, 1, 0, 2, 2], classes=3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]
    assert metrics.uar(counts) == pytest.approx((1 / 2 + 1 + 2 / 3) / 3)
    assert metrics.wa(counts) == pytest.approx(4 / 6)


def test_empty_class_is_left_out_of_uar():
    counts = metrics.confusion([0, 0, 2], [0, 2, 1], classes=3)
    assert metrics.uar(counts) == pytest.approx((1 / 2 + 0) / 2)


def test_confusion_of_nothing_is_zero():
    assert metrics.confusion([], [], classes=2).tolist() == [[0, 0], [0, 0]]


@given(labels)
@settings(deadline=None)
def test_agrees_with_scikit_learn(pair):
    truth, predicted = pair
    counts = metrics.confusion(truth, predicted, CLASSES)
    np.testing.assert_array_equal(counts, confusion_matrix(truth, predicted, labels=range(CLASSES)))
    present = np.unique(truth)  # scikit-learn warns of a single class, and of predictions of one never true
    assert metrics.wa(counts) == pytest.approx(accuracy_score(truth, predicted))
    if len(present) > 1 and np.isin(predicted, present).all():
        assert metrics.uar(counts) == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert 0 <= metrics.uar(counts) <= 1


@given(st.lists(labels, min_size=1, max_size=4))
@settings(deadline=None)
def test_stack_is_the_same_as_one_by_one(pairs):
    stack = np.stack([metrics.confusion(truth, predicted, CLASSES) for truth, predicted in pairs])
    np.testing.assert_allclose(metrics.uar(stack), [metrics.uar(one) for one in stack])
    np.testing.assert_allclose(metrics.wa(stack), [metrics.wa(one) for one in stack])


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [([0, 1], [0]), ([0, 4], [0, 0]), ([0, 0], [-1, 0]), ([0.0, 1.0], [0, 1]), ([[0, 1]], [[0, 1]])],
)
def test_confusion_refuses(truth, predicted):
    with pytest.raises(ValueError, match=r"truth|predicted"):
        metrics.confusion(truth, predicted, classes=4)


@pytest.mark.parametrize("counts", [[[0, 0], [0, 0]], [[1, 2]], [1, 2], [[1, -1], [0, 2]]])
@pytest.mark.parametrize("measure", [metrics.uar, metrics.wa])
def test_measures_refuse(measure, counts):
    with pytest.raises(ValueError, match="confusion matrix"):
        measure(counts)


def _speakers(repeats=5, speakers=10, seed=0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    skill = rng.uniform(10, 30, size=(1, speakers, 1, 1)) * np.eye(4)  # speakers differ in how well they go
    return rng.poisson(10 + skill, size=(repeats, speakers, 4, 4))


def test_interval_holds_the_score_and_is_deterministic():
    counts = _speakers()
    low, high = metrics.bootstrap_interval(counts, seed=3)
    score = np.mean(metrics.uar(counts.sum(axis=1)))
    assert 0 < low < score < high < 1
    assert metrics.bootstrap_interval(counts, seed=3) == (low, high)
    assert metrics.bootstrap_interval(counts, seed=4) != (low, high)


def test_interval_widens_with_level_and_shrinks_with_speakers():
    few, many = _speakers(speakers=5), _speakers(speakers=80)
    width = [np.ptp(metrics.bootstrap_interval(few, level=level, seed=0)) for level in (0.5, 0.95)]
    assert width[0] < width[1]
    assert np.ptp(metrics.bootstrap_interval(many, seed=0)) < width[1]


def test_interval_against_a_loop_over_draws():
    counts = _speakers(repeats=2, speakers=4)
    draws = np.random.default_rng(7).multinomial(4, np.full(4, 1 / 4), size=50)
    values = []
    for draw in draws:
        chosen = np.repeat(np.arange(4), draw)
        values.append(np.mean([metrics.wa(repeat[chosen].sum(axis=0)) for repeat in counts]))
    expected = np.percentile(values, [5, 95])
    actual = metrics.bootstrap_interval(counts, statistic=metrics.wa, samples=50, level=0.9, seed=7)
    np.testing.assert_allclose(actual, expected)


def test_equal_speakers_give_no_width():
    counts = np.tile([[3, 1], [1, 1]], (2, 6, 1, 1))
    assert metrics.bootstrap_interval(counts) == pytest.approx((0.625, 0.625))


def test_speakers_without_utterances_do_not_count():
    counts = _speakers(repeats=3, speakers=6)
    padded = np.concatenate([counts, np.zeros_like(counts)], axis=1)
    assert metrics.bootstrap_interval(padded, seed=1) == metrics.bootstrap_interval(counts, seed=1)
    assert metrics.bootstrap_interval(counts[:, :1]) is None
    assert metrics.bootstrap_interval(np.zeros((2, 3, 4, 4), int)) is None


def test_classes_and_repeats_that_a_draw_lacks():
    counts = np.zeros((2, 2, 2, 2), int)
    counts[0, 0, 0, 0] = counts[0, 1, 1, 1] = counts[1, 1, 1, 0] = 5  # speaker 0 is only in repeat 0
    assert metrics.bootstrap_interval(counts) == pytest.approx((0.5, 1.0))


@given(st.integers(1, 3), st.integers(2, 5), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=25)
def test_interval_is_ordered_and_in_range(repeats, speakers, seed):
    counts = np.random.default_rng(seed).integers(0, 3, size=(repeats, speakers, 3, 3))
    counts[:, :, 0, 0] += 1
    low, high = metrics.bootstrap_interval(counts, samples=50, seed=seed)
    assert 0 <= low <= high <= 1


@pytest.mark.parametrize(
    ("shape", "options"),
    [((2, 2, 2), {}), ((1, 2, 2, 3), {}), ((0, 2, 2, 2), {}), ((1, 2, 2, 2), {"samples": 0}),
     ((1, 2, 2, 2), {"level": 1.0})],
)  # fmt: skip
def test_interval_refuses(shape, options):
    with pytest.raises(ValueError, match=r"confusions|positive"):
        metrics.bootstrap_interval(np.ones(shape, int), **options)


# ---- paired differences ---------------------------------------------------------------------------------------


def speakers_with(right: list[list[int]]) -> np.ndarray:
    """Confusion matrices (repeats, speakers, 2, 2) with so many right of ten in each class."""
    return np.array([[[[n, 10 - n], [10 - n, n]] for n in row] for row in right])


def test_a_clear_difference_is_no_chance_and_a_recogniser_does_not_differ_from_itself():
    good, bad = speakers_with([[9, 8, 9, 8], [8, 9, 9, 9]]), speakers_with([[5, 6, 5, 4], [5, 5, 6, 5]])
    found = metrics.paired_difference(good, bad)
    assert found.mean == pytest.approx(np.mean([8.5, 8.75]) / 10 - np.mean([5.0, 5.25]) / 10)
    assert 0 < found.interval[0] < found.mean < found.interval[1]
    assert found.p < 0.005
    back = metrics.paired_difference(bad, good)
    assert (back.mean, back.interval[0]) == pytest.approx((-found.mean, -found.interval[1]))
    itself = metrics.paired_difference(good, good)
    assert itself == (0.0, (0.0, 0.0), 1.0)


def test_pairing_by_speaker_sees_through_the_spread_between_speakers():
    hard_and_easy = [[2, 9, 3, 8, 5, 7]]
    one, other = speakers_with(hard_and_easy), speakers_with([[n - 1 for n in hard_and_easy[0]]])
    found = metrics.paired_difference(one, other)
    assert found.interval == pytest.approx((0.1, 0.1))
    low, high = metrics.bootstrap_interval(one)
    assert high - low > 0.3


def test_a_difference_of_one_speaker_alone_is_not_known():
    assert metrics.paired_difference(speakers_with([[9]]), speakers_with([[5]])) is None
    with pytest.raises(ValueError, match="shape"):
        metrics.paired_difference(speakers_with([[9, 9]]), speakers_with([[5]]))


# ---- scores of labels -------------------------------------------------------------------------------------------


def test_a_score_is_scikit_learns_and_its_interval_that_of_the_speakers():
    rng = np.random.default_rng(0)
    truth = rng.choice(["anger", "joy", "sadness"], 60)
    predicted = np.where(rng.random(60) < 0.6, truth, rng.choice(["anger", "joy", "fear"], 60))
    speakers = np.repeat(list("abcdef"), 10)
    found = metrics.score(truth, predicted, speakers, seed=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of predicted labels that nobody has
        assert found.uar == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert found.wa == pytest.approx(np.mean(truth == predicted))
    assert found.classes == ("anger", "fear", "joy", "sadness")
    assert found.n == found.confusion.sum() == 60
    by_speaker = [
        metrics.confusion(
            np.searchsorted(found.classes, truth[speakers == s]),
            np.searchsorted(found.classes, predicted[speakers == s]),
            4,
        )
        for s in "abcdef"
    ]
    assert found.interval == metrics.bootstrap_interval([by_speaker], seed=3)
    assert metrics.score(truth, predicted).interval is None
    assert metrics.score(truth, predicted, np.full(60, "a")).interval is None


@pytest.mark.parametrize("columns", [([], []), ([0, 1], [0]), ([0, 1], [0, 1], ["a"]), ([[0, 1]], [[0, 1]])])
def test_a_score_needs_a_label_and_a_speaker_each(columns):
    with pytest.raises(ValueError, match="labels and speakers are"):
        metrics.score(*columns)
