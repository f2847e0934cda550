"""FusedAdam is Keras's Adam; a step schedule decays by updates."""

import gc

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfsergan.optimizers import FusedAdam, step_decay

STEPS = 7


def trained(optimizer: keras.optimizers.Optimizer) -> list[np.ndarray]:
    """Variables after gradients that change from step to step."""
    rng = np.random.default_rng(0)
    variables = [keras.Variable(rng.normal(size=shape), dtype="float32") for shape in ((3, 4), (4,))]
    optimizer.build(variables)
    for _ in range(STEPS):
        gradients = [rng.normal(size=v.shape).astype(np.float32) for v in variables]
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
    assert int(optimizer.iterations) == STEPS
    return [np.asarray(v) for v in variables]


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": 0.01},
        {"learning_rate": 0.01, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-5},
        {"learning_rate": lambda: step_decay(0.01, 0.5, 3)},
        {"learning_rate": 0.01, "clipnorm": 0.5},
    ],
    ids=["defaults", "betas", "step decay", "clipped"],
)
def test_fused_adam_equals_keras(options):
    def build(cls):
        return cls(**{name: value() if callable(value) else value for name, value in options.items()})

    for ours, theirs in zip(trained(build(FusedAdam)), trained(build(keras.optimizers.Adam)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_the_first_step_by_hand():
    variable = keras.Variable([1.0, -2.0])
    optimizer = FusedAdam(0.1)
    optimizer.build([variable])
    optimizer.apply([keras.ops.convert_to_tensor([0.5, -0.1])], [variable])
    np.testing.assert_allclose(variable, [0.9, -1.9], rtol=1e-5)  # learning rate times the gradient's sign


def test_step_decay_is_constant_between_its_steps():
    rate = step_decay(2e-4, 0.8, every=3)
    expected = [2e-4] * 3 + [1.6e-4] * 3 + [1.28e-4]
    np.testing.assert_allclose([float(rate(step)) for step in range(7)], expected, rtol=1e-6)


def test_the_optimizer_decays_by_its_own_updates():
    variable = keras.Variable([0.0])
    optimizer = FusedAdam(step_decay(1.0, 0.1, every=2))
    optimizer.build([variable])
    rates = []
    for _ in range(5):
        rates.append(float(optimizer.learning_rate))
        optimizer.apply([keras.ops.convert_to_tensor([1.0])], [variable])
    np.testing.assert_allclose(rates, [1, 1, 0.1, 0.1, 0.01], rtol=1e-6)


def test_what_was_trained_is_freed():
    """Thousands of models are trained in one process; Keras's own Adam keeps the variables of each."""

    def train() -> None:
        variables = [keras.Variable(np.ones(3), dtype="float32")]
        optimizer = FusedAdam(0.1)
        optimizer.build(variables)
        tf.function(lambda: optimizer.apply([tf.ones(3)], variables))()

    def kept() -> int:
        gc.collect()
        return sum(isinstance(thing, tf.Variable | tf.Graph) for thing in gc.get_objects())

    for _ in range(2):  # what the first one in a process makes once stays, and what earlier tests left goes
        train()
        before = kept()
    train()
    assert kept() == before
