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


def parallel_mlp(
    inputs: int,
    units: Sequence[int],
    outputs: int,
    *,
    seeds: Sequence[int],
    dropout: float = 0.0,
    leaky_relu_slope: float = 0.2,
    name: str | None = None,
) -> keras.Model:
    """Independent multilayer perceptrons of one shape, computed together along a leading axis.

    Maps (copies, batch, inputs) to (copies, batch, outputs): hidden layers with leaky ReLU and dropout, a
    linear output layer. No copy sees another's values; one step costs one batched matrix product a layer.

    Args:
        inputs: features of an input vector.
        units: neurons of each hidden layer.
        outputs: neurons of the output layer.
        seeds: one integer a copy, for its initial weights; the first also seeds dropout.
        dropout: share of hidden activations dropped in training, in [0, 1).
        leaky_relu_slope: slope of the activation for negative inputs.
        name: name of the model.
    """
    copies = len(seeds)
    layer_seeds = [np.random.SeedSequence(int(seed)).generate_state(len(units) + 1) for seed in seeds]
    x = vectors = keras.Input(batch_shape=(copies, None, inputs))  # (E, B, D)
    for i, width in enumerate((*units, outputs)):
        x = keras.layers.EinsumDense(
            "ebi,eoi->ebo",  # kernels output by input: a third off a training step on CPUs
            output_shape=(None, width),
            bias_axes="eo",
            kernel_initializer=GlorotPerCopy([states[i] for states in layer_seeds]),
            name=f"dense_{i + 1}" if i < len(units) else "output",
        )(x)
        if i < len(units):
            x = keras.layers.LeakyReLU(leaky_relu_slope, name=f"leaky_relu_{i + 1}")(x)
            if dropout:
                x = keras.layers.Dropout(dropout, seed=int(layer_seeds[0][i]), name=f"dropout_{i + 1}")(x)
    return keras.Model(vectors, x, name=name)


def mlp(
    inputs: int,
    units: Sequence[int],
    outputs: int,
    *,
    seed: int,
    dropout: float = 0.0,
    leaky_relu_slope: float = 0.2,
    name: str | None = None,
) -> keras.Model:
    """One multilayer perceptron: (batch, inputs) to (batch, outputs), leaky ReLU, dropout, linear output.

    Args: as of `parallel_mlp`, with one seed.
    """
    layer_seeds = np.random.SeedSequence(int(seed)).generate_state(2 * len(units) + 1)
    x = vectors = keras.Input((inputs,))  # (B, D)
    for i, width in enumerate(units):
        glorot = keras.initializers.GlorotUniform(int(layer_seeds[2 * i]))
        x = keras.layers.Dense(width, kernel_initializer=glorot, name=f"dense_{i + 1}")(x)
        x = keras.layers.LeakyReLU(leaky_relu_slope, name=f"leaky_relu_{i + 1}")(x)
        if dropout:
            x = keras.layers.Dropout(dropout, seed=int(layer_seeds[2 * i + 1]), name=f"dropout_{i + 1}")(x)
    glorot = keras.initializers.GlorotUniform(int(layer_seeds[-1]))
    return keras.Model(
        vectors, keras.layers.Dense(outputs, kernel_initializer=glorot, name="output")(x), name=name
    )


def multiply_adds(inputs: int, units: Sequence[int], outputs: int) -> int:
    """Multiply-adds of one vector's pass through one multilayer perceptron."""
    widths = [inputs, *units, outputs]
    return sum(a * b for a, b in pairwise(widths))
