"""Measures of synthetic vectors worked out by hand, and what they say of sets whose quality is known."""

import numpy as np
import pytest

from tfsergan.errors import TfserganError
from tfsergan.quality import coverage, nearest_ratio, probe, quality, two_sample_accuracy

LINE = np.array([[0.0], [1.0], [3.0], [7.0]])  # distances to the nearest other: 1, 1, 2, 4


@pytest.fixture
def vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(100, 6))


# ---- by hand ----------------------------------------------------------------------------------------------


def test_nearest_ratio_by_hand():
    assert nearest_ratio(LINE, np.array([[0.3], [4.0], [10.0]])) == pytest.approx(1 / 1.5)  # 0.3, 1 and 3
    assert nearest_ratio(LINE, np.array([[2.5]])) == pytest.approx(0.5 / 1.5)


@pytest.mark.parametrize(
    ("synthetic", "k", "expected"),
    [
        ([[0.5]], 1, 2 / 4),  # of 0 and of 1
        ([[0.5]], 2, 3 / 4),  # 3 has 0 within its second neighbour, at a distance of 3
        ([[0.5]], 9, 1.0),  # k is at most 3: 7 has all within 7
        ([[100.0]], 3, 0.0),
        ([[2.0]], 1, 2 / 4),  # just on the border counts
    ],
)
def test_coverage_by_hand(synthetic, k, expected):
    assert coverage(LINE, np.array(synthetic), k=k) == expected


# ---- sets whose quality is known --------------------------------------------------------------------------


def test_copies_are_told(vectors):
    assert nearest_ratio(vectors, vectors) == pytest.approx(0, abs=1e-6)
    assert coverage(vectors, vectors) == 1


def test_one_mode_covers_little(vectors):
    modes = np.concatenate([vectors, vectors + 20, vectors - 20])
    rng = np.random.default_rng(1)
    assert coverage(modes, rng.normal(size=(300, 6))) < 0.4
    spread = rng.normal(size=(300, 6)) + np.repeat([0, 20, -20], 100)[:, None]
    assert coverage(modes, spread) > 0.9


def test_what_keeps_away_is_far(vectors):
    assert nearest_ratio(vectors, vectors + 50) > 10
    assert coverage(vectors, vectors + 50) == 0
    assert 0.8 < nearest_ratio(vectors, np.random.default_rng(1).normal(size=(100, 6))) < 1.2


def test_two_samples_of_one_distribution_are_not_told_apart():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 500, 6))
    assert two_sample_accuracy(one, other, seed=0) == pytest.approx(0.5, abs=0.06)


def test_two_distributions_far_apart_are(vectors):
    assert two_sample_accuracy(vectors, vectors + 9, seed=0) == 1
    assert two_sample_accuracy(vectors, np.tile(vectors + 9, (7, 1)), seed=0) == 1


def test_copies_are_taken_for_the_other_kind():
    """In as many dimensions as vectors a copy's original is remembered, so that the accuracy falls below one half."""
    vectors = np.random.default_rng(0).normal(size=(60, 60))
    assert two_sample_accuracy(vectors, vectors, seed=0) < 0.3


def test_as_many_of_each_kind_are_taken(vectors):
    """Else always to say the larger kind would be right more than half the time."""
    more = np.random.default_rng(1).normal(size=(900, 6))
    assert two_sample_accuracy(vectors, more, seed=0) < 0.62


def test_the_seed_decides(vectors):
    other = np.random.default_rng(1).normal(size=(300, 6)) + 0.2
    found = [two_sample_accuracy(vectors, other, seed=seed) for seed in (0, 0, 1, 2)]
    assert found[0] == found[1]
    assert len(set(found)) > 1


# ---- all of them, by class ----------------------------------------------------------------------------------


def test_means_over_classes(vectors):
    """Of the first class copies, of the second vectors far away."""
    emotion = np.repeat([0, 1], 50)
    synthetic = np.where(emotion[:, None] == 0, vectors, vectors + 50)
    found = quality(vectors, emotion, synthetic, emotion, ("angry", "sad"), seed=0)
    assert set(found) == {
        f"{measure}{name}"
        for measure in ("nearest", "coverage", "two_sample")
        for name in ("", "/angry", "/sad")
    }
    assert found["nearest/angry"] == pytest.approx(0, abs=1e-6)
    assert (found["coverage/angry"], found["coverage/sad"], found["coverage"]) == (1, 0, 0.5)
    assert found["two_sample/sad"] == 1
    for measure in ("nearest", "coverage", "two_sample"):
        assert found[measure] == pytest.approx((found[f"{measure}/angry"] + found[f"{measure}/sad"]) / 2)
    assert all(type(value) is float for value in found.values())


def test_ten_times_as_many_synthetic_vectors_gain_nothing(vectors):
    """As many as real ones are looked at, whatever a method was asked for."""
    emotion = np.zeros(100, int)
    thin = np.tile(vectors[:5], (200, 1))
    found = quality(vectors, emotion, thin, np.zeros(1000, int), ("angry",), seed=0)
    few = quality(vectors, emotion, thin[:100], emotion, ("angry",), seed=0)
    assert found["coverage"] == pytest.approx(few["coverage"], abs=0.02)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_classes_of_a_few_vectors(vectors, n):
    """Fewer than neighbours and folds: what can be said is said."""
    emotion = np.repeat([0, 1], [n, 50])
    real = vectors[: n + 50]
    synthetic = np.random.default_rng(1).normal(size=real.shape)
    found = quality(real, emotion, synthetic, emotion, ("angry", "sad"), seed=0)
    assert all(np.isfinite(value) for value in found.values())
    assert 0 <= found["two_sample/angry"] <= 1
    assert found["nearest/angry"] > 0


@pytest.mark.parametrize(("real", "synthetic"), [(1, 5), (5, 1), (0, 5), (5, 0)])
def test_a_class_of_one_vector_is_told(vectors, real, synthetic):
    counts = {"real": np.repeat([0, 1], [20, real]), "synthetic": np.repeat([0, 1], [20, synthetic])}
    with pytest.raises(TfserganError, match=f"sad: {real} real and {synthetic} synthetic vectors"):
        quality(
            vectors[: len(counts["real"])],
            counts["real"],
            vectors[: len(counts["synthetic"])],
            counts["synthetic"],
            ("angry", "sad"),
            seed=0,
        )


def test_a_probe_finds_what_vectors_know_alone():
    rng = np.random.default_rng(0)
    speaker = np.repeat(["f", "g", "m"], (30, 40, 50))
    noise = rng.normal(size=(120, 4))
    known = noise + 5 * (speaker[:, None] == np.array(["f", "g", "m", "x"]))
    assert probe(known, speaker, seed=0) > 0.95
    assert 0.15 < probe(noise, speaker, seed=0) < 0.5
    assert probe(noise, speaker, seed=1) == probe(noise, speaker, seed=1)


@pytest.mark.parametrize("labels", [["a"] * 4, ["a", "a", "b"], []])
def test_a_probe_needs_two_of_two_labels(labels):
    with pytest.raises(TfserganError, match="two labels and two vectors of each"):
        probe(np.zeros((len(labels), 2)), np.array(labels, str), seed=0)
