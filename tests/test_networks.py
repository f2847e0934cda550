"""Networks: copies along an axis stay strangers, start as Glorot says, and repeat with their seeds."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfsergan import networks
from tfsergan.networks import (
    BatchNormPerCopy,
    GaussianMixture,
    GlorotPerCopy,
    GradientReversal,
    averages_at_rest,
    mlp,
    multiply_adds,
    parallel_mlp,
)

SEEDS = (11, 22, 33)


@pytest.fixture
def vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 7, 5)).astype(np.float32)


def one_copy(model: keras.Model, copy: int) -> list[np.ndarray]:
    return [np.asarray(weight)[copy] for weight in model.get_weights()]


def test_shapes_and_names(vectors):
    model = parallel_mlp(5, (6, 4), 2, seeds=SEEDS, dropout=0.1, name="gen_G")
    assert model.name == "gen_G"
    assert model(vectors).shape == (3, 7, 2)
    shapes = [weight.shape for weight in model.get_weights()]
    assert shapes == [(3, 6, 5), (3, 1, 6), (3, 4, 6), (3, 1, 4), (3, 2, 4), (3, 1, 2)]
    assert mlp(5, (6, 4), 2, seed=1)(vectors[0]).shape == (7, 2)


def test_a_copy_sees_only_its_own_input(vectors):
    model = parallel_mlp(5, (6,), 2, seeds=SEEDS)
    other = vectors.copy()
    other[0] += 1
    before, after = np.asarray(model(vectors)), np.asarray(model(other))
    assert (before[0] != after[0]).any()
    np.testing.assert_array_equal(before[1:], after[1:])


def test_a_copy_sees_only_its_own_weights(vectors):
    model = parallel_mlp(5, (6,), 2, seeds=SEEDS)
    before = np.asarray(model(vectors))
    for variable in model.trainable_variables:
        value = np.array(variable)
        value[0] += 1
        variable.assign(value)
    after = np.asarray(model(vectors))
    assert (before[0] != after[0]).any()
    np.testing.assert_array_equal(before[1:], after[1:])


def test_a_copys_loss_has_gradients_for_its_weights_alone(vectors):
    model = parallel_mlp(5, (6,), 2, seeds=SEEDS)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(vectors)[0] ** 2)
    for gradient in tape.gradient(loss, model.trainable_variables):
        assert np.abs(gradient[0]).max() > 0
        assert not np.abs(gradient[1:]).any()


def test_each_copy_starts_within_glorots_limit():
    kernel = np.asarray(GlorotPerCopy(SEEDS)((3, 60, 40)))
    limit = np.sqrt(6 / (60 + 40))
    for matrix in kernel:
        assert 0.98 * limit < np.abs(matrix).max() <= limit
        assert matrix.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)  # of a uniform distribution
    assert (kernel[0] != kernel[1]).mean() > 0.99


def test_biases_start_at_zero():
    assert not any(np.any(bias) for bias in parallel_mlp(5, (6, 4), 2, seeds=SEEDS).get_weights()[1::2])


def test_a_copys_weights_depend_on_its_seed_alone():
    alone = parallel_mlp(5, (6, 4), 2, seeds=(22,))
    among = parallel_mlp(5, (6, 4), 2, seeds=SEEDS)
    for one, other in zip(one_copy(alone, 0), one_copy(among, 1), strict=True):
        np.testing.assert_array_equal(one, other)


def test_initializer_survives_its_configuration():
    again = GlorotPerCopy.from_config(GlorotPerCopy(SEEDS).get_config())
    np.testing.assert_array_equal(again((3, 4, 2)), GlorotPerCopy(SEEDS)((3, 4, 2)))


def test_one_copy_equals_mlp_with_the_same_weights(vectors):
    together = parallel_mlp(5, (6, 4), 2, seeds=(7,), leaky_relu_slope=0.3)
    single = mlp(5, (6, 4), 2, seed=8, leaky_relu_slope=0.3)
    single.set_weights(
        [
            np.asarray(w)[0].T if i % 2 == 0 else np.asarray(w)[0, 0]
            for i, w in enumerate(together.get_weights())
        ]
    )
    np.testing.assert_allclose(together(vectors[:1])[0], single(vectors[0]), rtol=1e-5, atol=1e-6)


def test_hidden_layers_leak_and_the_output_is_linear():
    model = mlp(1, (1,), 1, seed=0, leaky_relu_slope=0.2)
    model.set_weights([np.array([[1.0]]), np.array([0.0]), np.array([[3.0]]), np.array([-1.0])])
    np.testing.assert_allclose(model(np.array([[2.0], [-2.0]])), [[5.0], [-2.2]], rtol=1e-6)


@pytest.mark.parametrize(
    "build",
    [
        lambda seed: parallel_mlp(5, (6,), 2, seeds=(seed, seed + 1), dropout=0.5),
        lambda seed: mlp(5, (6,), 2, seed=seed, dropout=0.5),
    ],
)
def test_the_seed_decides_weights_and_dropout(build, vectors):
    first, again, other = build(3), build(3), build(4)
    x = vectors[:2] if len(first.input_shape) == 3 else vectors[0]
    for _ in range(3):
        np.testing.assert_array_equal(first(x, training=True), again(x, training=True))
    assert (np.asarray(first(x)) != np.asarray(other(x))).any()
    assert (np.asarray(first(x, training=True)) != np.asarray(first(x, training=True))).any()
    np.testing.assert_array_equal(first(x, training=False), again(x, training=False))


@pytest.mark.parametrize(
    ("hidden", "expected"),
    [("tanh", [np.tanh(2.0), np.tanh(-2.0)]), ("relu", [2.0, 0.0]), ("leaky_relu", [2.0, -0.4])],
)
@pytest.mark.parametrize("final", ["linear", "tanh"])
def test_activations(hidden, expected, final):
    weights = [np.array([[1.0]]), np.array([0.0]), np.array([[3.0]]), np.array([-1.0])]
    last = {"linear": lambda z: z, "tanh": np.tanh}[final](3 * np.array(expected) - 1)
    model = mlp(1, (1,), 1, seed=0, hidden=hidden, final=final)
    model.set_weights(weights)
    np.testing.assert_allclose(model(np.array([[2.0], [-2.0]]))[:, 0], last, rtol=1e-6)
    together = parallel_mlp(1, (1,), 1, seeds=(0,), hidden=hidden)
    together.set_weights([w.reshape(1, 1, 1) for w in weights])
    np.testing.assert_allclose(
        together(np.array([[[2.0], [-2.0]]]))[0, :, 0], 3 * np.array(expected) - 1, rtol=1e-6
    )


@pytest.mark.parametrize("final", ["linear", "tanh"])
def test_bfloat16_is_of_the_matrix_products_alone(vectors, final):
    options = {"seed": 3, "hidden": "tanh", "final": final, "dropout": 0.1}
    half, whole = (mlp(5, (6, 4), 2, precision=p, **options) for p in ("mixed_bfloat16", "float32"))
    out = half(vectors[0])
    assert out.dtype == "float32"
    assert {w.dtype for w in half.trainable_variables} == {"float32"}
    assert {layer.compute_dtype for layer in half.layers if layer.weights} == {"bfloat16"}
    for one, other in zip(half.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(out, whole(vectors[0]), atol=0.03)
    assert (np.asarray(out) != np.asarray(whole(vectors[0]))).any()


def test_batch_norm_per_copy_is_keras_batch_norm_of_each_copy(vectors):
    together = BatchNormPerCopy()
    together.build(vectors.shape)
    alone = [keras.layers.BatchNormalization() for _ in vectors]
    rng = np.random.default_rng(1)
    gamma, beta = rng.normal(size=(2, 3, 1, 5))
    together.gamma.assign(gamma)
    together.beta.assign(beta)
    for i, layer in enumerate(alone):
        layer.build(vectors[i].shape)
        layer.gamma.assign(gamma[i, 0])
        layer.beta.assign(beta[i, 0])
    for training in (False, True, True, False):
        x = vectors * rng.uniform(0.5, 2) + rng.normal()
        expected = np.stack([layer(part, training=training) for layer, part in zip(alone, x, strict=True)])
        np.testing.assert_allclose(together(x, training=training), expected, rtol=1e-4, atol=1e-5)
    for name in ("moving_mean", "moving_variance"):
        expected = np.stack([getattr(layer, name) for layer in alone])[:, None]
        np.testing.assert_allclose(getattr(together, name), expected, rtol=1e-5)
    assert len(together.trainable_variables) == len(together.non_trainable_variables) == 2


def test_averages_at_rest_normalise_by_the_batch_and_stay(vectors):
    model, other = (parallel_mlp(5, (6, 4), 2, seeds=SEEDS, batch_norm=True) for _ in range(2))
    before = model.get_weights()
    with averages_at_rest(model):
        found = model(vectors, training=True)
    for one, two in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(found, other(vectors, training=True))
    model(vectors, training=True)  # and then they move again
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_batch_norm_of_a_copy_sees_no_other(vectors):
    model = parallel_mlp(5, (6,), 2, seeds=SEEDS, batch_norm=True)
    other = vectors.copy()
    other[0] = 100
    before, after = (np.asarray(model(x, training=True)) for x in (vectors, other))
    assert (before[0] != after[0]).any()
    np.testing.assert_array_equal(before[1:], after[1:])


def test_batch_norm_comes_after_the_activation_and_before_dropout():
    model = parallel_mlp(5, (6,), 2, seeds=SEEDS, batch_norm=True, dropout=0.5, hidden="relu")
    assert [layer.name for layer in model.layers[1:]] == [
        "dense_1",
        "relu_1",
        "batch_norm_1",
        "dropout_1",
        "output",
    ]


def test_gradient_reversal_is_the_identity_and_turns_the_gradient(vectors):
    layer = GradientReversal(0.5)
    x = tf.Variable(vectors)
    with tf.GradientTape(persistent=True) as tape:
        same = layer(x)
        loss = tf.reduce_sum(same * vectors)
    np.testing.assert_array_equal(same, vectors)
    np.testing.assert_allclose(tape.gradient(loss, x), -0.5 * vectors, rtol=1e-6)
    assert not layer.trainable_variables
    assert GradientReversal.from_config(layer.get_config()).get_config() == layer.get_config()


def test_multiply_adds():
    assert multiply_adds(1582, (1000, 500, 1000), 1582) == 2 * (1582 * 1000 + 1000 * 500)
    assert multiply_adds(3, (), 2) == 6


# ---- the prior of Sahu et al. ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dimensions", [2, 5])
def test_a_gaussian_mixture_draws_around_its_means(dimensions):
    mixture = GaussianMixture(4, dimensions, radius=3, deviation=0.5, seed=1)
    y = np.repeat(np.arange(4), 2000)
    first, second = (np.asarray(mixture(y)) for _ in range(2))
    assert (first != second).all()
    means = np.zeros((4, dimensions))
    means[:, :2] = [[3, 0], [0, 3], [-3, 0], [0, -3]]
    for i in range(4):
        np.testing.assert_allclose(first[y == i].mean(axis=0), means[i], atol=0.06)
        np.testing.assert_allclose(first[y == i].std(axis=0), 0.5, atol=0.05)
    noise = np.ones((2, dimensions), np.float32)
    np.testing.assert_allclose(mixture(np.array([1, 3]), noise), means[[1, 3]] + 0.5, atol=1e-6)
    again = GaussianMixture.from_config(mixture.get_config())
    np.testing.assert_array_equal(again(y), first)


def test_a_share_of_dropout_for_each_hidden_layer():
    model = mlp(5, (6, 7), 2, seed=1, dropout=(0.5, 0.0))
    assert [layer.name for layer in model.layers[1:4]] == ["dense_1", "leaky_relu_1", "dropout_1"]
    assert "dropout_2" not in [layer.name for layer in model.layers]
    same, alike = mlp(5, (6, 7), 2, seed=1, dropout=0.5), mlp(5, (6, 7), 2, seed=1, dropout=(0.5, 0.5))
    x = np.ones((3, 5), np.float32)
    np.testing.assert_array_equal(same(x, training=True), alike(x, training=True))


def test_a_copy_of_several_is_a_network_of_its_own():
    def make(seeds):
        return networks.parallel_mlp(4, [6], 3, seeds=seeds, batch_norm=True, batch_norm_momentum=0.5)

    every, x = make((1, 2)), np.random.default_rng(0).normal(size=(2, 9, 4)).astype(np.float32)
    every(x, training=True)  # moves the moving averages
    second = networks.one_copy(make((7,)), every, 1)
    np.testing.assert_allclose(second(x[1:]), every(x)[1:], rtol=1e-5, atol=1e-6)


def test_parallel_networks_multiply_in_bfloat16_and_answer_in_float32():
    x = np.random.default_rng(0).normal(size=(2, 9, 4)).astype(np.float32)
    plain, mixed = (
        networks.parallel_mlp(4, [6], 3, seeds=(1, 2), precision=precision, final="relu")
        for precision in ("float32", "mixed_bfloat16")
    )
    mixed.set_weights(plain.get_weights())
    assert all(weight.dtype == np.float32 for weight in mixed.get_weights())
    found, expected = np.asarray(mixed(x)), np.asarray(plain(x))
    assert found.dtype == np.float32
    assert (found >= 0).all()
    assert (found != expected).any()
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_momentum_of_batch_normalisation_is_kept():
    layer = networks.BatchNormPerCopy(0.5)
    x = np.random.default_rng(0).normal(3.0, 1.0, (2, 50, 4)).astype(np.float32)
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_mean, 0.5 * x.mean(axis=1, keepdims=True), rtol=1e-4)
    assert networks.BatchNormPerCopy.from_config(layer.get_config()).momentum == 0.5
