"""The adversarial autoencoder of Sahu et al. 2017: its losses against numpy, what an update moves, exact resume."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfsergan import training
from tfsergan.methods.sahu2017 import AAE, aae, autoencoder, multiply_adds_a_vector
from tfsergan.methods.sahu2018 import ConditionalAAE
from tfsergan.optimizers import FusedAdam

B, D, K, N = 6, 5, 3, 2
SETTINGS = {
    **{"latent": N, "units": (7, 6), "dropout": 0.0, "activation": "tanh", "leaky_relu_slope": 0.2},
    **{"code_discriminator_units": (6,), "radius": 2.0, "deviation": 0.5, "precision": "float32"},
    "encoder_updates": 1,
}


def make(seed: int = 1, kind: type[AAE] = AAE, settings: dict = SETTINGS, **options) -> AAE:
    model = aae(settings, D, K, seed, kind, given=K if kind is ConditionalAAE else 0)
    model.compile(*(FusedAdam(0.01) for _ in range(3)), **options)
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


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def fixed_prior(model: AAE, monkeypatch) -> np.ndarray:
    """From now on every draw of this model's prior is the one that is returned, for the emotions of `data`."""
    z = np.random.default_rng(8).normal(size=(B, N))
    monkeypatch.setattr(type(model.prior), "call", lambda self, y, noise=None: tf.constant(z, tf.float32))
    return z


# ---- losses ------------------------------------------------------------------------------------------------


def test_losses_by_hand(data, monkeypatch):
    x, y = np.array(data[0], np.float64), np.array(data[1])
    one_hot = np.eye(K)[y]
    model = make()
    z = fixed_prior(model, monkeypatch)
    code = forward(model.encoder_E, x)
    judged = [
        sigmoid(forward(model.discriminator_D, np.concatenate([v, one_hot], axis=1))) for v in (z, code)
    ]
    back = forward(model.decoder_R, code)
    np.testing.assert_allclose(
        make().update_autoencoder(*data)["reconstruction_loss"], np.mean((back - x) ** 2), rtol=1e-5
    )
    np.testing.assert_allclose(
        make().update_encoder(*data)["adversarial_loss"], -np.log(judged[1]).mean(), rtol=1e-5
    )
    measured = model.update_discriminator(*data)
    expected = np.mean(-np.log(judged[0]) - np.log(1 - judged[1]))
    np.testing.assert_allclose(measured["discriminator_loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(measured["D_prior"], judged[0], rtol=1e-5)
    np.testing.assert_allclose(measured["D_code"], judged[1], rtol=1e-5)


def test_the_conditional_decoder_sees_the_emotion(data):
    model = make(kind=ConditionalAAE)
    x, y = np.array(data[0], np.float64), np.array(data[1])
    code = np.concatenate([forward(model.encoder_E, x), np.eye(K)[y]], axis=1)
    expected = np.mean((forward(model.decoder_R, code) - x) ** 2)
    np.testing.assert_allclose(model.update_autoencoder(*data)["reconstruction_loss"], expected, rtol=1e-5)


# ---- what an update moves ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("update", "moving"),
    [
        ("update_autoencoder", ("encoder_E", "decoder_R")),
        ("update_discriminator", ("discriminator_D",)),
        ("update_encoder", ("encoder_E",)),
    ],
)
def test_an_update_moves_its_networks_alone(data, update, moving):
    model = make()
    names = ("encoder_E", "decoder_R", "discriminator_D")
    before = {name: weights_of(getattr(model, name)) for name in names}
    getattr(model, update)(*data)
    for name in names:
        after = weights_of(getattr(model, name))
        assert (moved if name in moving else same)(before[name], after), name


@pytest.mark.parametrize("updates", [1, 3])
def test_a_step_is_reconstruction_then_discriminator_then_encoder(data, updates):
    model, by_hand = (make(encoder_updates=updates) for _ in range(2))
    logs = model.train_step(data)
    by_hand.update_autoencoder(*data)
    by_hand.update_discriminator(*data)
    for _ in range(updates):
        by_hand.update_encoder(*data)
    assert same(model.get_weights(), by_hand.get_weights())
    counts = {role: int(optimizer.iterations) for role, optimizer in model.optimizers.items()}
    assert counts == {"autoencoder": 1, "discriminator": 1, "encoder": updates}
    assert set(logs) == {
        *("reconstruction_loss", "discriminator_loss", "adversarial_loss", "D_prior", "D_code")
    }


def test_a_plain_autoencoder_reconstructs_alone(data):
    model = autoencoder(SETTINGS, D, seed=1)
    model.compile(FusedAdam(0.01))
    before = weights_of(*model.networks)
    assert set(model.train_step(data)) == {"reconstruction_loss"}
    assert moved(before, weights_of(*model.networks))
    assert model.encode(np.array(data[0])).shape == (B, N)


# ---- synthetic vectors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [AAE, ConditionalAAE])
def test_synthetic_vectors_are_decoded_draws_of_the_prior(kind):
    model, y = make(kind=kind), np.array([2, 0, 1, 1])
    noise = np.random.default_rng(3).standard_normal((len(y), N))
    angles = 2 * np.pi * y / K
    z = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1) + 0.5 * noise
    z = np.concatenate([z, np.eye(K)[y]], axis=1) if kind is ConditionalAAE else z
    made = model.synthesize(y, seed=3)
    np.testing.assert_allclose(made, forward(model.decoder_R, z), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(made, model.synthesize(y, seed=3))
    assert (made != model.synthesize(y, seed=4)).all()


# ---- training -----------------------------------------------------------------------------------------------


def batches() -> training.Labelled:
    rng = np.random.default_rng(0)
    return training.Labelled(rng.normal(size=(14, D)), np.arange(14) % K, 4, seed=4)


def state_of(model: AAE) -> list[np.ndarray]:
    """Weights, random states, optimizer slots and counters."""
    optimizers = [v for optimizer in model.optimizers.values() for v in optimizer.variables]
    metrics = {id(v) for metric in model.metrics for v in metric.variables}
    return [np.array(v) for v in [*model.variables, *optimizers] if id(v) not in metrics]


class Killed(Exception):
    pass


def test_a_killed_stage_goes_on_to_the_same_numbers(tmp_path):
    """With dropout and draws of the prior: their random states are part of a checkpoint."""

    def kill(task: str, done: int, epochs: int) -> None:
        if done == epochs:
            raise Killed

    settings = SETTINGS | {"dropout": 0.3}
    whole = make(settings=settings)
    training.train(whole, batches(), 4, tmp_path / "whole")
    with pytest.raises(Killed):
        training.train(
            make(settings=settings), batches(), 4, tmp_path / "cut", checkpoint_epochs=3, report=kill
        )
    resumed = make(settings=settings)
    assert training.train(resumed, batches(), 4, tmp_path / "cut") == 4
    assert same(state_of(whole), state_of(resumed))


def test_codes_come_to_follow_the_prior(tmp_path):
    """Three clusters far apart: after a short training each emotion's codes lie around its own mean."""
    rng = np.random.default_rng(0)
    y = np.arange(240) % K
    x = rng.normal(size=(240, D)) + 4 * np.eye(K, D)[y]
    wide = {"units": (32,), "code_discriminator_units": (32,), "activation": "leaky_relu"}
    model = aae(SETTINGS | wide, D, K, seed=1)
    model.compile(*(FusedAdam(0.01) for _ in range(3)), encoder_updates=2)
    training.train(model, training.Labelled(x, y, 80, seed=1), 200, tmp_path)
    codes = model.encode(x)
    nearest = np.argmin(((codes[:, None] - model.prior.means[None]) ** 2).sum(axis=2), axis=1)
    assert np.mean(nearest == y) > 0.9


def test_multiply_adds():
    coding = 5 * 7 + 7 * 6 + 6 * 2
    judging = 5 * 6 + 6
    assert multiply_adds_a_vector(SETTINGS, D, K) == 7 * coding + 6 * judging + 3 * (coding + judging)
