"""The papers' classifiers behind one fit and predict."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from tfsergan import losses
from tfsergan.errors import TfserganError
from tfsergan.networks import multiply_adds, parallel_mlp
from tfsergan.optimizers import FusedAdam
from tfsergan.progress import Report, silent


@dataclass
class DNN:
    """A feed-forward classifier, repeated from several seeds that train side by side along a leading axis.

    Leaky ReLU, dropout, Adam on softmax cross-entropy, every repeat with its own initial weights and its own
    order of the data. No repeat sees another; they share one seed of dropout, the first.

    Args:
        units: neurons of each hidden layer.
        seeds: one integer a repeat.
        hidden_layers, dropout, learning_rate, batch_size, epochs: as named.
        updates: train for the epochs that come nearest to so many updates instead; 0 for `epochs`.
    """

    units: int
    seeds: Sequence[int]
    hidden_layers: int = 2
    dropout: float = 0.2
    learning_rate: float = 1e-5
    batch_size: int = 64
    epochs: int = 70
    updates: int = 0
    leaky_relu_slope: float = 0.2
    network: keras.Model | None = field(default=None, init=False, repr=False)

    def fit(
        self, x: np.ndarray, y: np.ndarray, *, task: str = "classifier", report: Report = silent
    ) -> "DNN":
        """Trains on vectors (n, D) with labels (n,) in 0 .. classes - 1."""
        classes = int(np.max(y)) + 1
        hidden = [self.units] * self.hidden_layers
        self.network = parallel_mlp(
            x.shape[1],
            hidden,
            classes,
            seeds=self.seeds,
            dropout=self.dropout,
            leaky_relu_slope=self.leaky_relu_slope,
        )
        optimizer = FusedAdam(self.learning_rate)
        optimizer.build(self.network.trainable_variables)
        run_epoch = self._epoch_function(optimizer, tf.constant(x, tf.float32), tf.constant(y, tf.int32))
        epochs = self.epochs_of(len(x))
        for epoch in range(epochs):
            run_epoch(tf.constant(epoch))
            report(task, epoch + 1, epochs)
        if not all(np.isfinite(weight).all() for weight in self.network.get_weights()):
            raise TfserganError(
                f"{task}: the classifier's weights are no longer finite. Try a lower learning rate (--set)."
            )
        return self

    def epochs_of(self, vectors: int) -> int:
        """Passes over so many vectors."""
        updates_an_epoch = math.ceil(vectors / self.batch_size)
        return max(1, round(self.updates / updates_an_epoch)) if self.updates else self.epochs

    def multiply_adds(self, vectors: int, features: int, classes: int) -> float:
        """Work of training all repeats on so many vectors: a forward and two backward passes."""
        if not vectors:
            return 0.0
        weights = multiply_adds(features, [self.units] * self.hidden_layers, classes)
        return 3.0 * vectors * self.epochs_of(vectors) * len(self.seeds) * weights

    def _epoch_function(self, optimizer: keras.optimizers.Optimizer, x: tf.Tensor, y: tf.Tensor):
        """One pass over the data as one graph, since a step of a small network costs less than its launch."""
        n, batch_size = x.shape[0], self.batch_size

        def step(rows: tf.Tensor) -> None:
            with tf.GradientTape() as tape:
                logits = self.network(tf.gather(x, rows), training=True)  # (R, B, classes)
                loss = tf.reduce_sum(losses.classification(logits, tf.gather(y, rows)))
            variables = self.network.trainable_variables
            optimizer.apply(tape.gradient(loss, variables), variables)

        @tf.function
        def epoch_graph(epoch: tf.Tensor) -> None:
            shuffle = tf.random.experimental.stateless_shuffle
            orders = tf.stack([shuffle(tf.range(n), tf.stack([seed, epoch])) for seed in self.seeds])
            for start in tf.range(0, n, batch_size):
                step(orders[:, start : start + batch_size])

        return epoch_graph

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Labels (repeats, n) of vectors (n, D)."""
        if self.network is None:
            raise ValueError("fit the classifier first")
        vectors = np.broadcast_to(x.astype(np.float32), (len(self.seeds), *x.shape))
        return np.argmax(self.network(vectors, training=False), axis=-1)
