"""Feed-forward networks of the papers; nothing else builds layers."""

from collections.abc import Sequence
from itertools import pairwise

import keras
import numpy as np


@keras.saving.register_keras_serializable(package="tfsergan")
class GlorotPerCopy(keras.initializers.Initializer):
    """Glorot-uniform matrices along a leading axis, each drawn from a seed of its own.

    Keras would take the leading axis of a three-dimensional kernel for part of the fan and start every copy
    too small.

    Args:
        seeds: one integer a copy.
    """

    def __init__(self, seeds: Sequence[int]):
        self.seeds = tuple(int(seed) for seed in seeds)

    def __call__(self, shape: Sequence[int], dtype: str | None = None):
        matrices = [keras.initializers.GlorotUniform(seed)(shape[1:], dtype) for seed in self.seeds]
        return keras.ops.stack(matrices)  # (copies, outputs, inputs)

    def get_config(self) -> dict:
        return {"seeds": list(self.seeds)}


@keras.saving.register_keras_serializable(package="tfsergan")
class BatchNormPerCopy(keras.layers.Layer):
    """Batch normalisation of (copies, batch, features) over the batch alone, so that no copy sees another.

    Ioffe & Szegedy 2015, algorithms 1 and 2, with Keras's epsilon; `keras.layers.BatchNormalization` would average
    over copies too.

    Args:
        momentum: of the moving averages; Keras's by default. They start at 0 and 1 and take some 5 / (1 - momentum)
            updates to be the vectors' own.
    """

    epsilon = 1e-3

    def __init__(self, momentum: float = 0.99, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum

    def build(self, shape):
        size = (shape[0], 1, shape[2])
        self.gamma = self.add_weight(shape=size, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=size, initializer="zeros", name="beta")
        self.moving_mean = self.add_weight(
            shape=size, initializer="zeros", trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            shape=size, initializer="ones", trainable=False, name="moving_variance"
        )

    def call(self, x, training: bool = False):
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = keras.ops.moments(x, axes=1, keepdims=True)
            for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + now * (1 - self.momentum))
        return (x - mean) * keras.ops.rsqrt(variance + self.epsilon) * self.gamma + self.beta

    def get_config(self) -> dict:
        return {**super().get_config(), "momentum": self.momentum}


@keras.saving.register_keras_serializable(package="tfsergan")
class GradientReversal(keras.layers.Layer):
    """The identity, whose gradient is multiplied by -`weight` (Ganin et al. 2016, sec. 4.1).

    Args:
        weight: lambda of that paper; a variable, so that a schedule may `assign` it.
    """

    def __init__(self, weight: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.initial = float(weight)
        self.weight = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(self.initial), trainable=False, name="weight"
        )

    def call(self, x):
        turned = -self.weight * x
        return keras.ops.stop_gradient(x) + (turned - keras.ops.stop_gradient(turned))  # x + 0

    def get_config(self) -> dict:
        return {**super().get_config(), "weight": self.initial}


def activation(
    name: str, leaky_relu_slope: float, number: int, dtype: str | None = None
) -> keras.layers.Layer:
    """The activation after a hidden layer: "leaky_relu", "relu" or "tanh"."""
    if name == "leaky_relu":
        return keras.layers.LeakyReLU(leaky_relu_slope, dtype=dtype, name=f"leaky_relu_{number}")
    return keras.layers.Activation(name, dtype=dtype, name=f"{name}_{number}")


def parallel_mlp(
    inputs: int,
    units: Sequence[int],
    outputs: int,
    *,
    seeds: Sequence[int],
    dropout: float = 0.0,
    hidden: str = "leaky_relu",
    leaky_relu_slope: float = 0.2,
    batch_norm: bool = False,
    batch_norm_momentum: float = 0.99,
    final: str = "linear",
    precision: str = "float32",
    name: str | None = None,
) -> keras.Model:
    """Independent multilayer perceptrons of one shape, computed together along a leading axis.

    Maps (copies, batch, inputs) to (copies, batch, outputs): hidden layers with an activation and dropout, a
    linear output layer. No copy sees another's values; one step costs one batched matrix product a layer.

    Args:
        inputs: features of an input vector.
        units: neurons of each hidden layer.
        outputs: neurons of the output layer.
        seeds: one integer a copy, for its initial weights; the first also seeds dropout.
        dropout: share of hidden activations dropped in training, in [0, 1).
        hidden: the activation, see `activation`.
        leaky_relu_slope: slope of a leaky ReLU for negative inputs.
        batch_norm: normalise each hidden layer's activations over the batch, before dropout.
        batch_norm_momentum: of its moving averages.
        final: the activation of the output layer.
        precision: "float32", or "mixed_bfloat16" for matrix products in that type; weights stay float32.
        name: name of the model.
    """
    copies, dtype = len(seeds), None if precision == "float32" else precision  # None: Keras's default
    layer_seeds = [np.random.SeedSequence(int(seed)).generate_state(len(units) + 1) for seed in seeds]
    x = vectors = keras.Input(batch_shape=(copies, None, inputs))  # (E, B, D)
    for i, width in enumerate((*units, outputs)):
        x = keras.layers.EinsumDense(
            "ebi,eoi->ebo",  # kernels output by input: a third off a training step on CPUs
            output_shape=(None, width),
            bias_axes="eo",
            kernel_initializer=GlorotPerCopy([states[i] for states in layer_seeds]),
            dtype=dtype,
            name=f"dense_{i + 1}" if i < len(units) else "output",
        )(x)
        if i < len(units):
            x = activation(hidden, leaky_relu_slope, i + 1, dtype=dtype)(x)
            if batch_norm:
                x = BatchNormPerCopy(batch_norm_momentum, name=f"batch_norm_{i + 1}")(x)
            if dropout:
                rate = {"rate": dropout, "seed": int(layer_seeds[0][i])}
                x = keras.layers.Dropout(**rate, dtype=dtype, name=f"dropout_{i + 1}")(x)
    if final != "linear" or precision != "float32":
        # Losses are taken in float32.
        x = keras.layers.Activation(final, dtype=dtype and "float32", name="final")(x)
    return keras.Model(vectors, x, name=name)


def one_copy(network: keras.Model, of: keras.Model, copy: int = 0) -> keras.Model:
    """A network of one copy with the weights of a copy of another of the same shape; returns it."""
    network.set_weights([weight[copy : copy + 1] for weight in of.get_weights()])
    return network


def mlp(
    inputs: int,
    units: Sequence[int],
    outputs: int,
    *,
    seed: int,
    dropout: float = 0.0,
    hidden: str = "leaky_relu",
    leaky_relu_slope: float = 0.2,
    final: str = "linear",
    precision: str = "float32",
    name: str | None = None,
) -> keras.Model:
    """One multilayer perceptron: (batch, inputs) to (batch, outputs) float32, with dropout.

    Args:
        inputs, units, outputs, seed, dropout, hidden, leaky_relu_slope, final, precision, name: as of
            `parallel_mlp`, with one seed.
    """
    layer_seeds = np.random.SeedSequence(int(seed)).generate_state(2 * len(units) + 1)
    x = vectors = keras.Input((int(inputs),))  # (B, D)
    for i, width in enumerate(map(int, units)):  # Keras refuses numpy's integers
        glorot = keras.initializers.GlorotUniform(int(layer_seeds[2 * i]))
        x = keras.layers.Dense(width, kernel_initializer=glorot, dtype=precision, name=f"dense_{i + 1}")(x)
        x = activation(hidden, leaky_relu_slope, i + 1, dtype=precision)(x)
        if dropout:
            rate = {"rate": dropout, "seed": int(layer_seeds[2 * i + 1])}
            x = keras.layers.Dropout(**rate, dtype=precision, name=f"dropout_{i + 1}")(x)
    glorot = keras.initializers.GlorotUniform(int(layer_seeds[-1]))
    x = keras.layers.Dense(int(outputs), kernel_initializer=glorot, dtype=precision, name="output")(x)
    if final != "linear" or precision != "float32":
        x = keras.layers.Activation(final, dtype="float32", name="final")(x)  # losses are taken in float32
    return keras.Model(vectors, x, name=name)


def multiply_adds(inputs: int, units: Sequence[int], outputs: int) -> int:
    """Multiply-adds of one vector's pass through one multilayer perceptron."""
    widths = [inputs, *units, outputs]
    return sum(a * b for a, b in pairwise(widths))
