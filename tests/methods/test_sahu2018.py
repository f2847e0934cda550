"""The GANs of Sahu et al. 2018: their losses against numpy, what an update moves, the start, exact resume."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfsergan import training
from tfsergan.methods.sahu2017 import aae
from tfsergan.methods.sahu2018 import (
    ConditionalAAE,
    ConditionalGAN,
    VanillaGAN,
    gan,
    multiply_adds_a_vector,
    pretrained,
)
from tfsergan.networks import GaussianMixture
from tfsergan.optimizers import FusedAdam

B, D, K, N = 6, 5, 3, 2
SETTINGS = {
    **{"latent": N, "units": (7, 6), "dropout": 0.0, "activation": "tanh", "leaky_relu_slope": 0.2},
    **{"code_discriminator_units": (6,), "radius": 2.0, "deviation": 0.5, "precision": "float32"},
    **{"discriminator_units": (6, 4), "discriminator_dropout": 0.0, "generator_updates": 2},
}
KINDS = (VanillaGAN, ConditionalGAN)


def make(kind: type[VanillaGAN], seed: int = 1, settings: dict = SETTINGS, **options) -> VanillaGAN:
    model = gan(settings, D, K, seed, kind)
    model.compile(FusedAdam(0.01), FusedAdam(0.01), **options)
    return model


@pytest.fixture
def data() -> tuple[tf.Tensor, tf.Tensor]:
    """Vectors (B, D) and their emotions (B,), each of them there."""
    x = np.random.default_rng(5).normal(size=(B, D))
    return tf.constant(x, tf.float32), tf.constant([0, 1, 2, 2, 1, 0], tf.int32)


def weights_of(*models: keras.Model) -> list[np.ndarray]:
    return [np.array(weight) for model in models for weight in model.get_weights()]


def same(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def moved(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    """Whether every array has changed."""
    return not any(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def forward(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """A network of tanh layers with a linear output, from its weights, in double precision."""
    weights = [np.asarray(weight, np.float64) for weight in model.get_weights()]
    for i in range(0, len(weights), 2):
        x = x @ weights[i] + weights[i + 1]
        x = np.tanh(x) if i + 2 < len(weights) else x
    return x


def beside(kind: type[VanillaGAN], vectors: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What a network of this kind sees."""
    return np.concatenate([vectors, np.eye(K)[y]], axis=1) if kind is ConditionalGAN else vectors


@pytest.mark.parametrize("kind", KINDS)
def test_losses_by_hand(data, kind, monkeypatch):
    x, y = np.array(data[0], np.float64), np.array(data[1])
    z = np.random.default_rng(8).normal(size=(B, N))
    monkeypatch.setattr(GaussianMixture, "call", lambda self, y, noise=None: tf.constant(z, tf.float32))
    model = make(kind)
    made = forward(model.generator_G, beside(kind, z, y))
    real, fake = (1 / (1 + np.exp(-forward(model.discriminator_D, beside(kind, v, y)))) for v in (x, made))
    np.testing.assert_allclose(model.outputs_of(x, y), real[:, 0], rtol=1e-5)
    loss = make(kind).update_generator(data[1])["adversarial_loss"]
    np.testing.assert_allclose(loss, -np.log(fake).mean(), rtol=1e-5)
    measured = model.update_discriminator(*data)
    expected = np.mean(-np.log(real) - np.log(1 - fake))
    np.testing.assert_allclose(measured["discriminator_loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(measured["D_real"], real, rtol=1e-5)
    np.testing.assert_allclose(measured["D_fake"], fake, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_an_update_moves_its_network_alone(data, kind):
    model = make(kind)
    G, D_ = weights_of(model.generator_G), weights_of(model.discriminator_D)
    model.update_discriminator(*data)
    assert same(G, weights_of(model.generator_G))
    assert moved(D_, weights_of(model.discriminator_D))
    D_ = weights_of(model.discriminator_D)
    model.update_generator(data[1])
    assert moved(G, weights_of(model.generator_G))
    assert same(D_, weights_of(model.discriminator_D))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("updates", [1, 3])
def test_a_step_is_discriminator_then_generator(data, kind, updates):
    model, by_hand = (make(kind, generator_updates=updates) for _ in range(2))
    logs = model.train_step(data)
    by_hand.update_discriminator(*data)
    for _ in range(updates):
        by_hand.update_generator(data[1])
    assert same(model.get_weights(), by_hand.get_weights())
    assert (int(model.optimizer_D.iterations), int(model.optimizer_G.iterations)) == (1, updates)
    assert set(logs) == {"discriminator_loss", "adversarial_loss", "D_real", "D_fake"}


@pytest.mark.parametrize("kind", KINDS)
def test_it_starts_from_an_autoencoders_decoder(kind):
    start, model = pretrained(SETTINGS, D, K, 7, kind), make(kind)
    assert isinstance(start, ConditionalAAE) == (kind is ConditionalGAN)
    y = np.array([2, 0, 1, 1])
    assert (start.synthesize(y, 3) != model.synthesize(y, 3)).any()
    model.start_from(start)
    np.testing.assert_allclose(start.synthesize(y, 3), model.synthesize(y, 3), rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_and_the_emotion_decide_synthetic_vectors(kind):
    model, y = make(kind), np.arange(K)
    np.testing.assert_array_equal(model.synthesize(y, 1), model.synthesize(y, 1))
    assert (model.synthesize(y, 1) != model.synthesize(y, 2)).all()
    assert (model.synthesize(y, 1) != model.synthesize((y + 1) % K, 1)).all()


def test_a_vanilla_gan_is_smaller_by_the_labels():
    vanilla, conditional = (gan(SETTINGS, D, K, 1, kind) for kind in KINDS)
    assert (vanilla.generator_G.input_shape[1], vanilla.discriminator_D.input_shape[1]) == (N, D)
    assert (conditional.generator_G.input_shape[1], conditional.discriminator_D.input_shape[1]) == (
        N + K,
        D + K,
    )
    assert aae(SETTINGS, D, K, 1).decoder_R.input_shape[1] == N


class Killed(Exception):
    pass


def test_a_killed_stage_goes_on_to_the_same_numbers(tmp_path):
    def kill(task: str, done: int, epochs: int) -> None:
        if done == epochs:
            raise Killed

    rng = np.random.default_rng(0)
    batches = training.Labelled(rng.normal(size=(14, D)), np.arange(14) % K, 4, seed=4)
    settings = SETTINGS | {"dropout": 0.2, "discriminator_dropout": 0.5}
    whole, cut, resumed = (make(ConditionalGAN, settings=settings) for _ in range(3))
    training.train(whole, batches, 4, tmp_path / "whole")
    with pytest.raises(Killed):
        training.train(cut, batches, 4, tmp_path / "cut", checkpoint_epochs=3, report=kill)
    training.train(resumed, batches, 4, tmp_path / "cut")
    assert same(weights_of(*whole.networks), weights_of(*resumed.networks))


def test_multiply_adds():
    making, judging = 2 * 7 + 7 * 6 + 6 * 5, 5 * 6 + 6 * 4 + 4
    assert multiply_adds_a_vector(SETTINGS, D) == making + 6 * judging + 2 * (3 * making + 2 * judging)
