"""Reductions of dimension that scikit-learn lacks, in its manner."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.manifold import smacof
from sklearn.metrics import euclidean_distances
from sklearn.utils import check_random_state


class LandmarkMDS(TransformerMixin, BaseEstimator):
    """Metric multidimensional scaling of landmarks by SMACOF; other vectors are placed among them.

    SMACOF (de Leeuw 1977) has no map for vectors that it was not fitted on, and its time and memory grow with the
    square of their number. Here it is fitted on some vectors, the landmarks. Any vector, a landmark too, is then
    moved by SMACOF's own step, the landmarks held where they are, to where its distances to them differ least in
    squares from those in the original space.

    Args:
        n_components: dimensions.
        landmarks: how many vectors are drawn, all of a smaller set.
        max_iter: steps of SMACOF at most.
        placing_steps: steps that place a vector.
        random_state: of the draw.

    Attributes:
        pca_: of the landmarks: where every vector starts.
        landmarks_: (l, d).
        embedding_: (l, n_components), where SMACOF has put them.
        stress_: sum of squared differences of their distances.
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        landmarks: int = 500,
        max_iter: int = 100,
        placing_steps: int = 20,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_components = n_components
        self.landmarks = landmarks
        self.max_iter = max_iter
        self.placing_steps = placing_steps
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: object = None) -> "LandmarkMDS":
        """Draws landmarks of vectors (n, d) and lays them out."""
        X = np.asarray(X, np.float64)
        rng = check_random_state(self.random_state)
        self.landmarks_ = X[rng.permutation(len(X))[: self.landmarks]]
        self.pca_ = PCA(self.n_components, svd_solver="full").fit(self.landmarks_)
        self.embedding_, self.stress_ = smacof(
            euclidean_distances(self.landmarks_),
            n_components=self.n_components,
            init=self.pca_.transform(self.landmarks_),
            n_init=1,
            max_iter=self.max_iter,
            normalized_stress=False,
        )
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Where vectors (n, d) lie, (n, n_components); each by itself."""
        X = np.asarray(X, np.float64)
        wanted = euclidean_distances(X, self.landmarks_)  # (n, l)
        placed = self.pca_.transform(X)
        centre, number = self.embedding_.mean(axis=0), len(self.embedding_)
        for _ in range(self.placing_steps):
            ratio = wanted / np.maximum(euclidean_distances(placed, self.embedding_), 1e-12)
            pull = ratio.sum(axis=1, keepdims=True) * placed - ratio @ self.embedding_
            placed = centre + pull / number
        return placed
