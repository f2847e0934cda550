"""Networks of the papers; nothing else builds layers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

    def __init__(self, seeds: Sequence[int] | np.ndarray):
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


@contextmanager
def averages_at_rest(network: keras.Model) -> Iterator[None]:
    """Calls in training mode inside it normalise by their batch and leave the moving averages where they are."""
    layers = [layer for layer in network.layers if isinstance(layer, BatchNormPerCopy)]
    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = 1.0
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


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


@keras.saving.register_keras_serializable(package="tfsergan")
class StatisticsPooling(keras.layers.Layer):
    """Mean, standard deviation and maximum over time: (B, T, D) to (B, 3 D)."""

    floor = 1e-6  # added to the variance: a root has no slope at 0

    def call(self, x):
        mean, variance = keras.ops.moments(x, axes=1)
        deviation = keras.ops.sqrt(variance + self.floor)
        return keras.ops.concatenate([mean, deviation, keras.ops.max(x, axis=1)], axis=-1)

    def compute_output_shape(self, shape):
        return shape[0], 3 * shape[2]


@keras.saving.register_keras_serializable(package="tfsergan")
class GaussianMixture(keras.layers.Layer):
    """Draws points of classes, each class from a Gaussian of its own; the means lie on a circle.

    Maps classes (B,) to points (B, `dimensions`). The circle is in the plane of the first two dimensions, around 0,
    the means at equal angles from the first axis on.

    Args:
        classes: number of Gaussians.
        dimensions: at least 2.
        radius: of the circle.
        deviation: standard deviation, the same in every direction.
        seed: of the draws.
    """

    def __init__(self, classes: int, dimensions: int, radius: float, deviation: float, seed: int, **kwargs):
        super().__init__(**kwargs)
        self.classes, self.dimensions = int(classes), int(dimensions)
        self.radius, self.deviation, self.seed = float(radius), float(deviation), int(seed)
        angles = 2 * np.pi * np.arange(self.classes) / self.classes
        self.means = np.zeros((self.classes, self.dimensions), np.float32)  # (K, N)
        self.means[:, :2] = self.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        self.noise = keras.random.SeedGenerator(self.seed)

    def call(self, y, noise=None):
        """Points of the classes y (B,), from standard normal noise (B, `dimensions`), newly drawn by default."""
        if noise is None:
            noise = keras.random.normal((keras.ops.shape(y)[0], self.dimensions), seed=self.noise)
        return keras.ops.take(self.means, y, axis=0) + self.deviation * noise

    def get_config(self) -> dict:
        names = ("classes", "dimensions", "radius", "deviation", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def activation(
    name: str, leaky_relu_slope: float, number: int, dtype: str | None = None
) -> keras.layers.Layer:
    """The activation after a hidden layer: "leaky_relu", "relu", "tanh" or "prelu"."""
    if name == "leaky_relu":
        return keras.layers.LeakyReLU(leaky_relu_slope, dtype=dtype, name=f"leaky_relu_{number}")
    if name == "prelu":
        return prelu((1,), name=f"prelu_{number}")
    return keras.layers.Activation(name, dtype=dtype, name=f"{name}_{number}")


def prelu(axes: Sequence[int], name: str) -> keras.layers.Layer:
    """A ReLU with one learnt slope for negative inputs, 0.25 at first (He et al. 2015).

    Args:
        axes: all of its input's, without the batch's.
        name: of the layer.
    """
    return keras.layers.PReLU(keras.initializers.Constant(0.25), shared_axes=list(axes), name=name)


def frame_encoder(
    length: int,
    channels: int,
    *,
    filters: Sequence[int],
    kernels: Sequence[int],
    strides: Sequence[int],
    units: int,
    seed: int,
    name: str | None = None,
) -> keras.Model:
    """ENC of Li et al. 2020, table 1: frames (B, length, channels) to embeddings (B, 3 units).

    Convolutions over time without padding, a GRU, a dense layer, statistics pooling; a PReLU after each
    convolution and the dense layer. The GRU is the form that cuDNN computes (`reset_after`, two biases).

    Args:
        length: frames of an input.
        channels: features of a frame.
        filters, kernels, strides: of each convolution.
        units: of the GRU and of the dense layer.
        seed: of the initial weights: Glorot uniform, orthogonal from step to step of the GRU.
        name: name of the model.
    """
    seeds = [int(state) for state in np.random.SeedSequence(int(seed)).generate_state(len(filters) + 3)]
    glorot = keras.initializers.GlorotUniform
    x = frames = keras.Input((int(length), int(channels)))  # (B, T, C)
    for i, shape in enumerate(zip(filters, kernels, strides, strict=True), start=1):
        convolution = dict(zip(("filters", "kernel_size", "strides"), map(int, shape), strict=True))
        x = keras.layers.Conv1D(**convolution, kernel_initializer=glorot(seeds[i]), name=f"conv_{i}")(x)
        x = prelu((1, 2), f"prelu_{i}")(x)
    x = keras.layers.GRU(
        int(units),
        return_sequences=True,
        kernel_initializer=glorot(seeds[0]),
        recurrent_initializer=keras.initializers.Orthogonal(seed=seeds[-1]),
        reset_after=True,
        name="gru",
    )(x)
    x = keras.layers.Dense(int(units), kernel_initializer=glorot(seeds[-2]), name="dense")(x)
    x = prelu((1, 2), "prelu_dense")(x)
    return keras.Model(frames, StatisticsPooling(name="pooling")(x), name=name)


def steps_after(length: int, kernels: Sequence[int], strides: Sequence[int]) -> int:
    """Time steps that convolutions without padding leave of so many."""
    for kernel, stride in zip(kernels, strides, strict=True):
        length = (length - kernel) // stride + 1
    return length


def parallel_mlp(
    inputs: int,
    units: Sequence[int],
    outputs: int,
    *,
    seeds: Sequence[int] | np.ndarray,
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
    copies, dtype = len(seeds), layers_dtype(precision)
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
    dropout: float | Sequence[float] = 0.0,
    hidden: str = "leaky_relu",
    leaky_relu_slope: float = 0.2,
    final: str = "linear",
    precision: str = "float32",
    name: str | None = None,
) -> keras.Model:
    """One multilayer perceptron: (batch, inputs) to (batch, outputs) float32, with dropout.

    Args:
        dropout: as of `parallel_mlp`, or a share for each hidden layer.
        inputs, units, outputs, seed, hidden, leaky_relu_slope, final, precision, name: as of `parallel_mlp`,
            with one seed.
    """
    rates, dtype = np.broadcast_to(dropout, len(units)).tolist(), layers_dtype(precision)
    layer_seeds = np.random.SeedSequence(int(seed)).generate_state(2 * len(units) + 1)
    x = vectors = keras.Input((int(inputs),))  # (B, D)
    for i, width in enumerate(map(int, units)):  # Keras refuses numpy's integers
        glorot = keras.initializers.GlorotUniform(int(layer_seeds[2 * i]))
        x = keras.layers.Dense(width, kernel_initializer=glorot, dtype=dtype, name=f"dense_{i + 1}")(x)
        x = activation(hidden, leaky_relu_slope, i + 1, dtype=dtype)(x)
        if rates[i]:
            rate = {"rate": rates[i], "seed": int(layer_seeds[2 * i + 1])}
            x = keras.layers.Dropout(**rate, dtype=dtype, name=f"dropout_{i + 1}")(x)
    glorot = keras.initializers.GlorotUniform(int(layer_seeds[-1]))
    x = keras.layers.Dense(int(outputs), kernel_initializer=glorot, dtype=dtype, name="output")(x)
    if final != "linear" or precision != "float32":
        x = keras.layers.Activation(final, dtype=dtype and "float32", name="final")(
            x
        )  # losses are taken in float32
    return keras.Model(vectors, x, name=name)


def layers_dtype(precision: str) -> str | None:
    """What Keras calls a precision; None, its default, for float32."""
    return None if precision == "float32" else precision


def multiply_adds(inputs: int, units: Sequence[int], outputs: int) -> int:
    """Multiply-adds of one vector's pass through one multilayer perceptron."""
    widths = [inputs, *units, outputs]
    return sum(a * b for a, b in pairwise(widths))
