"""The method of Latif et al. 2020: its equations against numpy, what an update moves, and exact resume."""

import itertools
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfsergan import training
from tfsergan.methods.latif2020 import MixupGAN, autoencoder, mixup_gan, multiply_adds_a_vector
from tfsergan.optimizers import FusedAdam

B, D, N = 6, 5, 2
SETTINGS = {
    **{"encoder_units": (7, 6), "decoder_units": (6, 7), "discriminator_units": (8, 4)},
    **{"dropout": 0.0, "leaky_relu_slope": 0.2, "precision": "float32"},
}
EPOCHS = 4


def make_gan(seed: int = 1, learning_rate: float = 0.01, **options) -> MixupGAN:
    gan = mixup_gan(SETTINGS | options, D, N, seed)
    gan.compile(*(FusedAdam(learning_rate) for _ in range(3)))
    return gan


@pytest.fixture
def data() -> tuple[tf.Tensor, tf.Tensor]:
    """Vectors (B, D), and which of them are unmixed (B,)."""
    rng = np.random.default_rng(5)
    return tf.constant(rng.normal(size=(B, D)), tf.float32), tf.constant([1, 0, 0, 1, 1, 0], tf.int32)


def weights_of(*models: keras.Model) -> list[np.ndarray]:
    return [np.array(weight) for model in models for weight in model.get_weights()]


def same(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def moved(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    """Whether every array has changed."""
    return not any(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


# ---- the equations, in numpy ------------------------------------------------------------------------------


def forward(model: keras.Model, x) -> np.ndarray:
    """A network from its weights, in double precision."""
    x, weights = np.asarray(x, np.float64), [np.asarray(weight, np.float64) for weight in model.get_weights()]
    for i in range(0, len(weights), 2):
        x = x @ weights[i] + weights[i + 1]
        x = np.where(x > 0, x, 0.2 * x) if i + 2 < len(weights) else x
    return x


def remade(gan: MixupGAN, x) -> np.ndarray:
    return forward(gan.generator_G, forward(gan.encoder_E, x))


def judged(gan: MixupGAN, x) -> np.ndarray:
    return 1 / (1 + np.exp(-forward(gan.discriminator_D, x)))


def test_equation_3(data):
    gan = make_gan()
    expected = np.mean(
        (np.array(data[0]) - remade(gan, data[0])) ** 2
    )  # a mean over features, see the deviations
    np.testing.assert_allclose(gan.update_autoencoder(data[0])["reconstruction_loss"], expected, rtol=1e-5)


def test_equation_4_as_the_generator_sees_it(data):
    """All vectors count, mixed ones too."""
    gan = make_gan()
    expected = -np.log(judged(gan, remade(gan, data[0]))).mean()
    np.testing.assert_allclose(gan.update_generator(data[0])["adversarial_loss"], expected, rtol=1e-5)


def test_equation_4_as_the_discriminator_sees_it(data):
    """Unmixed vectors alone count, real and remade ones."""
    gan = make_gan()
    chosen = np.array(data[0])[np.array(data[1]) == 1]
    real, fake = judged(gan, chosen), judged(gan, remade(gan, chosen))
    measured = gan.update_discriminator(*data)
    expected = np.mean(-np.log(real) - np.log(1 - fake))
    np.testing.assert_allclose(measured["discriminator_loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(measured["D_real"], real.mean(), rtol=1e-5)
    np.testing.assert_allclose(measured["D_fake"], fake.mean(), rtol=1e-5)


def test_mixed_vectors_do_not_reach_the_discriminator(data):
    one, other = make_gan(), make_gan()
    x, unmixed = (np.array(part) for part in data)
    altered = np.where(unmixed[:, None] == 1, x, 100.0).astype(np.float32)
    one.update_discriminator(*data)
    other.update_discriminator(altered, unmixed)
    assert same(weights_of(one.discriminator_D), weights_of(other.discriminator_D))
    one.update_generator(x)
    other.update_generator(altered)
    assert not same(weights_of(one.generator_G), weights_of(other.generator_G))


def test_a_batch_without_unmixed_vectors_leaves_a_finite_discriminator_where_it_is(data):
    gan = make_gan()
    before = weights_of(gan.discriminator_D)
    logs = gan.train_step((data[0], tf.zeros(B, tf.int32)))
    assert same(before, weights_of(gan.discriminator_D))
    assert all(np.isfinite(value) for value in logs.values())


# ---- what an update moves ---------------------------------------------------------------------------------


@pytest.mark.parametrize("update", ["autoencoder", "generator", "discriminator"])
def test_an_update_moves_its_own_networks_alone(data, update):
    gan = make_gan()
    moving = {
        "autoencoder": (gan.encoder_E, gan.generator_G),
        "generator": (gan.generator_G,),
        "discriminator": (gan.discriminator_D,),
    }[update]
    still = [network for network in gan.networks if network not in moving]
    before, were = weights_of(*still), weights_of(*moving)
    getattr(gan, f"update_{update}")(*(data if update == "discriminator" else data[:1]))
    assert same(before, weights_of(*still))
    assert moved(were, weights_of(*moving))


def test_a_step_is_autoencoder_then_generator_then_discriminator(data):
    """Sec. 3.3; each sees what the ones before it have moved."""
    gan, by_hand = make_gan(), make_gan()
    logs = gan.train_step(data)
    by_hand.update_autoencoder(data[0])
    by_hand.update_generator(data[0])
    by_hand.update_discriminator(*data)
    assert same(weights_of(*gan.networks), weights_of(*by_hand.networks))
    assert {int(optimizer.iterations) for optimizer in gan.optimizers.values()} == {1}
    assert set(logs) == {"reconstruction_loss", "adversarial_loss", "discriminator_loss", "D_real", "D_fake"}


def test_pre_training_moves_encoder_and_decoder_and_is_taken_over(data):
    pretrained, gan = autoencoder(SETTINGS, D, N, seed=3), make_gan()
    pretrained.compile(FusedAdam(0.01))
    before = weights_of(*pretrained.networks)
    assert set(pretrained.train_step(data)) == {"reconstruction_loss"}
    assert moved(before, weights_of(*pretrained.networks))
    judge = weights_of(gan.discriminator_D)
    gan.start_from(pretrained)
    assert same(weights_of(gan.encoder_E, gan.generator_G), weights_of(*pretrained.networks))
    assert same(judge, weights_of(gan.discriminator_D))


# ---- the networks -----------------------------------------------------------------------------------------


def layers_of(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers[1:]]


def test_one_dropout_layer_between_the_hidden_layers():
    gan = make_gan(dropout=0.5)
    hidden = ["dense_1", "leaky_relu_1", "dropout_1", "dense_2", "leaky_relu_2", "output"]
    assert layers_of(gan.encoder_E) == layers_of(gan.generator_G) == hidden
    assert "dropout_1" not in layers_of(gan.discriminator_D)
    assert gan.encoder_E.get_layer("dropout_1").rate == 0.5


def test_the_standard_autoencoder_has_relu():
    own = {"encoder_units": (7, 6, 5), "decoder_units": (5, 6, 7), "activation": "relu"}
    model = autoencoder(SETTINGS | own, D, N, seed=1)
    expected = [name for i in (1, 2, 3) for name in (f"dense_{i}", f"relu_{i}")] + ["output"]
    assert [layers_of(network) for network in model.networks] == [expected] * 2


def test_encode_and_synthesize_without_dropout(data):
    gan, x = make_gan(dropout=0.5), np.array(data[0])
    encoded, made = gan.encode(x), gan.synthesize(x)
    assert (encoded.shape, made.shape) == ((B, N), (B, D))
    np.testing.assert_allclose(encoded, forward(gan.encoder_E, x), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(made, remade(gan, x), rtol=1e-4, atol=1e-6)


def test_multiply_adds_of_the_printed_networks():
    s = {"encoder_units": (1000, 500), "decoder_units": (500, 1000), "discriminator_units": (1000, 1000)}
    coder, judge = 1582 * 1000 + 1000 * 500 + 500 * 2, 1582 * 1000 + 1000 * 1000 + 1000
    pretraining, gan = multiply_adds_a_vector(s, 1582, 2)
    assert pretraining == 6 * coder
    assert gan == 12 * coder + 8 * judge


# ---- training ---------------------------------------------------------------------------------------------


def make_batches() -> training.Labelled:
    x = np.random.default_rng(0).normal(size=(14, D))
    return training.Labelled(x, np.arange(14) % 2, 4, seed=4)


def fitted(folder, seed: int = 1, **options) -> MixupGAN:
    gan = make_gan(seed, dropout=0.5)
    training.train(gan, make_batches(), EPOCHS, folder, **options)
    return gan


def state_of(gan: MixupGAN) -> list[np.ndarray]:
    """Weights, random states of dropout, optimizer slots and counters."""
    optimizers = [v for optimizer in gan.optimizers.values() for v in optimizer.variables]
    metrics = {id(v) for metric in gan.metrics for v in metric.variables}
    return [np.array(v) for v in [*gan.variables, *optimizers] if id(v) not in metrics]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> MixupGAN:
    return fitted(tmp_path_factory.mktemp("undisturbed"))


def test_eager_and_graph_give_the_same(undisturbed):
    gan = make_gan(dropout=0.5)
    for batch in make_batches().dataset(0, EPOCHS):
        gan.train_step(batch)
    for one, other in zip(weights_of(*gan.networks), weights_of(*undisturbed.networks), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


class Interrupted(Exception):
    pass


def test_an_interrupted_training_ends_bit_for_bit_as_an_undisturbed_one(tmp_path, undisturbed, monkeypatch):
    def interrupt(task: str, done: int, total: int) -> None:
        if done == 3:
            raise Interrupted

    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=itertools.count(1).__next__))
    with pytest.raises(Interrupted):
        fitted(tmp_path, checkpoint_epochs=1, report=interrupt)
    assert (tmp_path / "checkpoint" / "epoch-000002.index").exists()
    assert same(state_of(fitted(tmp_path)), state_of(undisturbed))


def test_it_learns(tmp_path):
    """Vectors on a plane come back, and what is made of a class lies where the class does."""
    rng = np.random.default_rng(0)
    y = np.arange(64) % 2
    x = np.where(y == 1, 0.8, 0.2)[:, None] + 0.1 * rng.normal(size=(64, 2)) @ rng.normal(size=(2, D))
    gan, logs = make_gan(), []
    training.train(
        gan,
        training.Labelled(x, np.ones(64, int), 16, seed=0),
        60,
        tmp_path,
        stop=lambda epoch, measured: logs.append(dict(measured)),
    )
    assert logs[-1]["reconstruction_loss"] < 0.1 * logs[0]["reconstruction_loss"]
    made = gan.synthesize(x)
    np.testing.assert_array_equal(made.mean(axis=1) > 0.5, y == 1)
