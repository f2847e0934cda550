"""What the benchmarks of a training iteration share: initial weights for all contestants, ours with these weights,
and the proof that all compute the same.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import race

PRODUCT = 512, 1024, 1024  # the matrix product whose rate is the machine's, as in `training.matrix_rate`
PRODUCTS = "its matrix products alone"
TOLERANCE = 1e-8  # of an updated weight in float64; Adam moves one by its learning rate, 2e-5 and more

Weights = Mapping[str, Sequence[np.ndarray]]
"""By network: a kernel (E, inputs, outputs) and a bias (E, 1, outputs) a layer, E copies side by side."""


def initial_weights(
    networks: Mapping[str, tuple[int, Sequence[int]]], dtype: str
) -> Iterator[tuple[str, list]]:
    """Each network's name and weights, Glorot-uniform: of copies and widths, from inputs to outputs."""
    rng = np.random.default_rng(1)
    for name, (copies, widths) in networks.items():
        weights = []
        for i, o in pairwise(widths):
            limit = (6 / (i + o)) ** 0.5
            kernel = rng.random((copies, i, o), np.float32).astype(dtype)
            weights += [kernel * (2 * limit) - limit, np.zeros((copies, 1, o), dtype)]
        yield name, weights


def prepare_tensorflow(setup) -> None:
    """Threads and the float type of a setup; before anything else of TensorFlow."""
    import keras
    import tensorflow as tf

    keras.config.set_floatx(setup.dtype)
    tf.config.threading.set_intra_op_parallelism_threads(setup.threads)
    tf.config.threading.set_inter_op_parallelism_threads(setup.threads)


def keras_step(model, weights: Weights, batch: Sequence[np.ndarray]) -> tuple[Callable, Callable]:
    """The very function that `fit` calls for each batch of a compiled model, and its networks' weights.

    Args:
        model: has the networks that `weights` names.
        weights: to start from.
        batch: the same one each time.
    """
    import tensorflow as tf

    layers = {}
    for name, values in weights.items():
        layers[name] = [layer for layer in getattr(model, name).layers if layer.weights]
        for layer, kernel, bias in zip(layers[name], values[::2], values[1::2], strict=True):
            kernel = np.einsum(f"eio->{kernel_axes(layer)}", kernel)
            layer.set_weights([kernel.reshape(layer.kernel.shape), bias.reshape(layer.bias.shape)])
    model.make_train_function()
    batches = iter(tf.data.Dataset.from_tensors(tuple(batch)).repeat())
    return (
        lambda: model.train_function(batches),
        lambda: {name: [w for layer in part for w in weights_of(layer)] for name, part in layers.items()},
    )


def kernel_axes(layer) -> str:
    """The axes of a Keras layer's kernel in their order: e copies, i inputs, o outputs; of a Dense layer e is 1."""
    return getattr(layer, "equation", ",eio->").split("->")[0].split(",")[1]


def weights_of(layer) -> list[np.ndarray]:
    """A Keras layer's kernel (E, inputs, outputs) and its bias."""
    kernel, bias = layer.get_weights()
    axes = kernel_axes(layer)
    kernel = kernel.reshape(kernel.shape if kernel.ndim == 3 else (1, *kernel.shape))
    return [np.einsum(f"{axes}->eio", kernel), bias]


def products_alone(setup) -> tuple[Callable, Callable]:
    """As many multiply-adds as an iteration has, in TensorFlow's matrix products of one favourable shape."""
    prepare_tensorflow(setup)
    import tensorflow as tf

    dtype = "bfloat16" if setup.precision == "mixed_bfloat16" else setup.dtype
    n, i, o = PRODUCT
    a, b = tf.ones((n, i), dtype), tf.ones((i, o), dtype)
    products = max(1, round(setup.multiply_adds / (n * i * o)))

    def step() -> None:
        for _ in range(products):
            c = tf.linalg.matmul(a, b)
        c.numpy()

    return step, dict


def share_of_rate(figures: Mapping[str, Mapping], multiply_adds: int, what: str = race.OURS) -> str:
    """At what share of the rate of the matrix products alone all of it runs; empty where they failed."""
    if not (ratios := figures[PRODUCTS].get("ratios")):
        return ""
    rate = multiply_adds / statistics.median(figures[PRODUCTS]["seconds"])
    return (
        f"\n{PRODUCTS}: {multiply_adds / 1e9:.1f} billion multiply-adds, {rate / 1e9:.0f} billion a second;\n"
        f"{what} runs at {1 / statistics.median(ratios):.0%} of that rate."
    )


def check(contestants: Mapping[str, race.Build], setup) -> bool:
    """Whether one iteration from the same weights, without dropout, ends with the same weights everywhere.

    In float64: in float32, one pre-activation that rounds to the other side of zero turns a leaky ReLU's slope
    around, and Adam makes a full step of every small gradient that changes its sign with it.
    """
    before, after = dict(setup.weights()), {}
    for name, build in contestants.items():
        race.say(f"{name}: one iteration")
        contestant = race.Contestant(name, build, setup)
        try:
            contestant.ask("time", 1)
            after[name] = contestant.ask("weights")
        except race.Failed as error:
            raise SystemExit(f"{name}: {error}") from None
        contestant.close()
    moved = max(largest_difference(before[network], after[race.OURS][network]) for network in before)
    print(f"Largest change of a weight in one iteration: {moved:.1e}; largest difference after it:")
    worst = 0.0
    for name in list(contestants)[1:]:
        each = {
            network: largest_difference(after[race.OURS][network], after[name][network]) for network in before
        }
        worst = max(worst, *each.values())
        parts = ", ".join(f"{network} {difference:.1e}" for network, difference in each.items())
        print(f"  {race.OURS} - {name}: {max(each.values()):.1e} ({parts})")
    print(f"{'The same' if worst <= TOLERANCE else 'NOT the same'} within {TOLERANCE:g}.", flush=True)
    return worst <= TOLERANCE


def largest_difference(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    return max(float(np.abs(x.reshape(y.shape) - y).max()) for x, y in zip(a, b, strict=True))
