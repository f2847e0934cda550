"""SMACOF on landmarks, and vectors placed among them."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import euclidean_distances

from tfsergan.reductions import LandmarkMDS


@pytest.fixture
def plane() -> np.ndarray:
    """Vectors (80, 6) that lie on a plane."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(80, 2)) @ np.linalg.qr(rng.normal(size=(6, 2)))[0].T + 3


def test_distances_on_a_plane_are_kept(plane):
    mds = LandmarkMDS(2, landmarks=30, random_state=0).fit(plane)
    assert mds.landmarks_.shape == (30, 6)
    assert mds.stress_ < 1e-6
    found = euclidean_distances(mds.transform(plane))
    np.testing.assert_allclose(found, euclidean_distances(plane), atol=1e-3)


def test_a_vector_is_placed_where_its_distances_differ_least():
    """No plane holds these; a placed vector moved a little in any direction is worse off."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 5))
    mds = LandmarkMDS(2, landmarks=20, placing_steps=300, random_state=0).fit(x)
    placed, wanted = mds.transform(x), euclidean_distances(x, mds.landmarks_)

    def badness(where: np.ndarray) -> np.ndarray:
        return np.square(euclidean_distances(where, mds.embedding_) - wanted).sum(axis=1)

    for direction in ([0.05, 0], [-0.05, 0], [0, 0.05], [0, -0.05]):
        assert (badness(placed) <= badness(placed + direction) + 1e-3).all()


def test_vectors_are_placed_by_themselves(plane):
    mds = LandmarkMDS(2, landmarks=20, random_state=0).fit(plane)
    np.testing.assert_allclose(mds.transform(plane)[7:9], mds.transform(plane[7:9]), atol=1e-9)


def test_random_state_draws_the_landmarks(plane):
    one, again, other = (LandmarkMDS(2, landmarks=9, random_state=s).fit(plane).landmarks_ for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    assert len(LandmarkMDS(2, landmarks=500).fit(plane).landmarks_) == len(plane)


def test_clone_and_fit_transform(plane):
    mds = LandmarkMDS(2, landmarks=20, max_iter=7, placing_steps=3, random_state=5)
    assert clone(mds).get_params() == mds.get_params()
    np.testing.assert_array_equal(mds.fit_transform(plane), clone(mds).fit(plane).transform(plane))
