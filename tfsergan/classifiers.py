"""The papers' classifiers behind one fit and predict."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf
from imblearn.over_sampling import RandomOverSampler
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV, GroupShuffleSplit
from sklearn.svm import SVC

from tfsergan import losses
from tfsergan.errors import TfserganError
from tfsergan.networks import multiply_adds, parallel_mlp
from tfsergan.optimizers import FusedAdam
from tfsergan.progress import Report, silent
from tfsergan.rows import Rows, gather, lend

GRAM_LIMIT = 6 * 2**30  # bytes of a kernel matrix: some 28 000 vectors


def balanced_rows(y: np.ndarray, seed: int) -> np.ndarray:
    """Row numbers of labels y (n,): all of them, and more of the smaller classes at random, for classes of one size."""
    rows = np.arange(len(y))[:, None]
    return RandomOverSampler(random_state=seed).fit_resample(rows, y)[0][:, 0]


@dataclass
class DNN:
    """A feed-forward classifier, repeated from several seeds that train side by side along a leading axis.

    Dropout, Adam on softmax cross-entropy, every repeat with its own initial weights and its own order of the data.
    No repeat sees another; they share one seed of dropout, the first.

    Args:
        units: neurons of each hidden layer, or one number a layer, which then overrules `hidden_layers`.
        seeds: one integer a repeat.
        hidden_layers, dropout, learning_rate, batch_size, epochs: as named.
        updates: train for the epochs that come nearest to so many updates instead; 0 for `epochs`.
        activation, leaky_relu_slope, batch_norm, batch_norm_momentum, precision: as of `networks.parallel_mlp`.
        l2: weight of the squared kernels in the loss, those of the first layer left out (Yi & Mak 2019, authors' code).
    """

    units: int | Sequence[int]
    seeds: Sequence[int]
    hidden_layers: int = 2
    dropout: float = 0.2
    learning_rate: float = 1e-5
    batch_size: int = 64
    epochs: int = 70
    updates: int = 0
    activation: str = "leaky_relu"
    leaky_relu_slope: float = 0.2
    batch_norm: bool = False
    batch_norm_momentum: float = 0.99
    precision: str = "float32"
    l2: float = 0.0
    network: keras.Model = field(default=None, init=False, repr=False)  # None before `fit`

    def fit(
        self,
        x: np.ndarray,
        y: np.ndarray,
        *,
        rows: np.ndarray | None = None,
        keep_best_on: tuple[np.ndarray, np.ndarray] | None = None,
        task: str = "classifier",
        report: Report = silent,
    ) -> "DNN":
        """Trains on vectors with labels in 0 .. classes - 1, or with shares of classes.

        Args:
            x: (n, D), or (repeats, n, D) where every repeat has vectors of its own.
            y: (n,), or (repeats, n) where x has repeats; or, floating, (n, classes) or (repeats, n, classes) shares.
            rows: (repeats, m) row numbers, some of them several times, that make an epoch of each repeat, such as
                `balanced_rows`; all of them once by default.
            keep_best_on: vectors (m, D) and labels (m,); of each repeat the weights after the epoch with the best
                accuracy on these are kept, the first of equals. None keeps the last epoch's.
            task: name in progress and errors.
            report: told after each epoch.
        """
        soft = np.issubdtype(y.dtype, np.floating)
        self.network = parallel_mlp(
            x.shape[-1],
            self.widths,
            y.shape[-1] if soft else int(np.max(y)) + 1,
            seeds=self.seeds,
            dropout=self.dropout,
            hidden=self.activation,
            leaky_relu_slope=self.leaky_relu_slope,
            batch_norm=self.batch_norm,
            batch_norm_momentum=self.batch_norm_momentum,
            precision=self.precision,
        )
        optimizer = FusedAdam(self.learning_rate)
        optimizer.build(self.network.trainable_variables)
        y = np.broadcast_to(y, x.shape[:-1] + y.shape[-1:] * soft)
        if rows is None:
            rows = np.broadcast_to(np.arange(x.shape[-2]), (len(self.seeds), x.shape[-2]))
        vectors, y = lend(x), tf.constant(y, tf.float32 if soft else tf.int32)
        del x  # what is lent is TensorFlow's copy, or these vectors until they are released
        rows = tf.constant(rows, tf.int32)
        run_epoch = self._epoch_function(optimizer)
        epochs = self.epochs_of(rows.shape[1])
        best = Best(self, *keep_best_on) if keep_best_on else None
        for epoch in range(epochs):
            run_epoch(tf.constant(epoch), vectors, y, rows)
            if best:
                best.update()
            report(task, epoch + 1, epochs)
        if isinstance(vectors, Rows):
            vectors.release()
        if best:
            self.network.set_weights(best.weights)
        if not all(np.isfinite(weight).all() for weight in self.network.get_weights()):
            raise TfserganError(
                f"{task}: the classifier's weights are no longer finite. Try a lower learning rate (--set)."
            )
        return self

    @property
    def widths(self) -> list[int]:
        """Neurons of each hidden layer."""
        return [self.units] * self.hidden_layers if isinstance(self.units, int) else list(self.units)

    def epochs_of(self, vectors: int) -> int:
        """Passes over so many vectors."""
        updates_an_epoch = math.ceil(vectors / self.batch_size)
        return max(1, round(self.updates / updates_an_epoch)) if self.updates else self.epochs

    def multiply_adds(self, vectors: int, features: int, classes: int) -> float:
        """Work of training all repeats on so many vectors: a forward and two backward passes."""
        if not vectors:
            return 0.0
        weights = multiply_adds(features, self.widths, classes)
        return 3.0 * vectors * self.epochs_of(vectors) * len(self.seeds) * weights

    def _epoch_function(self, optimizer: keras.optimizers.Optimizer) -> Callable:
        """One pass over the data as one graph, since a step of a small network costs less than its launch.

        The data are arguments: what a graph with a loop captures, TensorFlow never frees.
        """
        _, *kernels = (v for v in self.network.trainable_variables if v.path.endswith("kernel"))

        def step(x: tf.Tensor | Rows, y: tf.Tensor, rows: tf.Tensor) -> None:
            labels = tf.gather(y, rows, batch_dims=len(x.shape) - 2)  # 1: each repeat has its own
            with tf.GradientTape() as tape:
                logits = self.network(gather(x, rows), training=True)  # (R, B, classes)
                loss = tf.reduce_sum(losses.classification(logits, labels))
                if self.l2:
                    loss += self.l2 * tf.add_n([tf.reduce_sum(tf.square(kernel)) for kernel in kernels])
            variables = self.network.trainable_variables
            optimizer.apply(tape.gradient(loss, variables), variables)

        @tf.function
        def epoch_graph(epoch: tf.Tensor, x: tf.Tensor | Rows, y: tf.Tensor, rows: tf.Tensor) -> None:
            shuffle = tf.random.experimental.stateless_shuffle
            orders = tf.stack([shuffle(rows[i], tf.stack([s, epoch])) for i, s in enumerate(self.seeds)])
            for start in tf.range(0, rows.shape[1], self.batch_size):
                step(x, y, orders[:, start : start + self.batch_size])

        return epoch_graph

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Labels (repeats, n) of vectors (n, D)."""
        if self.network is None:
            raise ValueError("fit the classifier first")
        vectors = np.broadcast_to(x.astype(np.float32), (len(self.seeds), *x.shape))
        return np.argmax(self.network(vectors, training=False), axis=-1)


class Best:
    """The weights of each repeat of a `DNN` after its best epoch.

    Args:
        dnn: in training.
        x: (m, D) vectors to be judged on.
        y: (m,) their labels.
    """

    def __init__(self, dnn: DNN, x: np.ndarray, y: np.ndarray):
        self.dnn, self.x, self.y = dnn, x, y
        self.accuracy = np.full(len(dnn.seeds), -1.0)
        self.weights = dnn.network.get_weights()

    def update(self) -> None:
        """Takes over the weights of the repeats that have become better."""
        accuracy = np.mean(self.dnn.predict(self.x) == self.y, axis=1)
        better = accuracy > self.accuracy
        self.accuracy[better] = accuracy[better]
        for kept, now in zip(self.weights, self.dnn.network.get_weights(), strict=True):
            kept[better] = now[better]


@dataclass
class SVM:
    """scikit-learn's support vector classifier with a radial basis function kernel.

    The kernel matrix is computed at once as a matrix product, tens of times faster than libsvm's own, where it fits
    into `GRAM_LIMIT` bytes; its values differ from libsvm's in the last bits.

    Args:
        C: weight of the errors.
        gamma: of the kernel exp(-gamma |a - b|^2); 0 for 1 / D.
    """

    C: float = 10.0
    gamma: float = 0.0

    def fit(self, x: np.ndarray, y: np.ndarray) -> "SVM":
        """Trains on vectors (n, D) with labels (n,)."""
        self.width = self.gamma or 1 / x.shape[1]
        self.vectors = x if 8 * len(x) ** 2 <= GRAM_LIMIT else None
        if self.vectors is None:
            self.model = SVC(C=self.C, gamma=self.width, cache_size=2000).fit(x, y)
        else:
            self.model = SVC(C=self.C, kernel="precomputed").fit(rbf_kernel(x, gamma=self.width), y)
            self.vectors = x[self.model.support_]  # all that a prediction needs
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Labels (n,) of vectors (n, D)."""
        if self.vectors is None:
            return self.model.predict(x)
        gram = np.zeros((len(x), self.model.shape_fit_[0]))
        gram[:, self.model.support_] = rbf_kernel(x, self.vectors, gamma=self.width)
        return self.model.predict(gram)


def searched_svm(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray, C: Sequence[float], gamma: Sequence[float], seed: int
) -> SVM:
    """An SVM, not trained yet, with the C and gamma that are best by UAR on a quarter of the groups.

    Args:
        x: (n, D) training vectors.
        y: (n,) their labels.
        groups: (n,) such as their speakers: those of the quarter train none of the SVMs that are compared.
        C, gamma: what is tried, every pair; gamma in units of 1 / D.
        seed: of the choice of groups.

    Raises:
        TfserganError: a single group, which leaves nothing to validate on.
    """
    if len(set(groups.tolist())) < 2:
        raise TfserganError(
            "The training utterances are of one speaker, and validation needs another: take a larger corpus."
        )
    grid = {"C": [float(c) for c in C], "gamma": [float(g) / x.shape[1] for g in gamma]}
    split = GroupShuffleSplit(1, test_size=0.25, random_state=seed)
    search = GridSearchCV(SVC(cache_size=1000), grid, scoring="balanced_accuracy", cv=split, refit=False)
    return SVM(**search.fit(x, y, groups=groups).best_params_)
