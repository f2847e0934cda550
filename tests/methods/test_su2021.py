"""Cycle GANs of Su & Lee 2021: equations 1-7 against numpy, what an update moves, repeats apart, exact resume."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfsergan import training
from tfsergan.methods import cycle_gan
from tfsergan.methods.cycle_gan import CycleGAN, Translators
from tfsergan.methods.domain_adaptation import emotion_classifier
from tfsergan.methods.su2021 import CCEmoGAN
from tfsergan.optimizers import FusedAdam

R, B, D, K = 2, 6, 5, 3
SETTINGS = {
    **{"generator_units": (7, 6, 7), "discriminator_units": (6, 4), "leaky_relu_slope": 0.2},
    **{"generator_batch_norm": False, "precision": "float32", "batch_size": B, "batch_norm_momentum": 0.9},
}
CLASSIFIER = {"units": (6, 4), "batch_norm": True, "precision": "float32", "batch_norm_momentum": 0.9}


def make(kind: str = "CCEmoGAN", seeds=(1, 2), batch_norm: bool = False, **weights) -> CycleGAN:
    settings = SETTINGS | {"generator_batch_norm": batch_norm}
    condition = K * (kind == "CCEmoGAN")
    networks = (
        *cycle_gan.generators(settings, D, condition, seeds),
        *cycle_gan.discriminators(settings, D, seeds),
    )
    if kind == "CCEmoGAN":
        gan = CCEmoGAN(*networks, emotion_classifier(CLASSIFIER, D, K, seeds), seed=3)
    else:
        gan = CycleGAN(*networks, seed=3)
    gan.compile(FusedAdam(0.01), FusedAdam(0.01), **weights)
    return gan


@pytest.fixture(autouse=True, scope="module")
def deterministic():
    training.deterministic()


@pytest.fixture
def data() -> tuple[tf.Tensor, ...]:
    """Source vectors (R, B, D), their emotions (R, B) and target vectors (R, B, D)."""
    rng = np.random.default_rng(5)
    s, t = (tf.constant(rng.random((R, B, D)), tf.float32) for _ in range(2))
    return s, tf.constant(rng.integers(0, K, (R, B)), tf.int32), t


def weights_of(*models: keras.Model) -> list[np.ndarray]:
    return [np.array(weight) for model in models for weight in model.get_weights()]


def same(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def moved(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    return not any(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


# ---- the equations, in numpy ------------------------------------------------------------------------------


def forward(model: keras.Model, x, slope: float = 0.2) -> np.ndarray:
    """A network without batch normalisation from its weights, in double precision."""
    weights = [np.asarray(weight, np.float64) for weight in model.get_weights()]
    for i in range(0, len(weights), 2):
        x = np.einsum("rbi,roi->rbo", x, weights[i]) + weights[i + 1].reshape(R, 1, -1)
        if i + 2 < len(weights):
            x = np.where(x > 0, x, slope * x)
    return x


def one_hot(z) -> np.ndarray:
    return np.eye(K)[np.asarray(z)]


def squares(a, b) -> np.ndarray:
    return np.mean((np.asarray(a, np.float64) - b) ** 2, axis=(1, 2))


def cross_entropy(logits, y) -> np.ndarray:
    logits = np.asarray(logits, np.float64)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -np.take_along_axis(log_p, np.asarray(y)[..., None], -1)[..., 0].mean(axis=1)


def by_hand(gan: CycleGAN, s, y, t) -> dict:
    """Every vector that the losses look at."""

    def beside(x, z):
        return np.concatenate([x, one_hot(z)], -1) if gan.emotions else x

    def ST(x):
        return forward(gan.gen_ST, x)

    def TS(x, z):
        return forward(gan.gen_TS, beside(x, z))

    fake_t, fake_s = ST(s), TS(t, y)
    made = {"fake_t": fake_t, "fake_s": fake_s, "same_s": TS(s, y), "same_t": ST(t)}
    return {**made, "back_s": TS(fake_t, y), "back_t": ST(fake_s), "TS": TS}


@pytest.mark.parametrize("kind", ["TC", "CCEmoGAN"])
def test_equations_1_to_4_and_7(data, kind):
    gan = make(kind, lambda_1=5.0, lambda_2=10.0, lambda_3=0.5)
    s, y, t = (np.array(part) for part in data)
    expected = by_hand(gan, s, y, t)
    made = gan.translate(*data)
    for name, value in made.items():
        if name in expected:
            np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5)
    loss, parts = gan.generator_loss(*data, made)
    p_s, p_t = (
        1 / (1 + np.exp(-forward(disc, expected[fake])))
        for disc, fake in ((gan.disc_S, "fake_s"), (gan.disc_T, "fake_t"))
    )
    adversarial = -np.log(p_s).mean(axis=(1, 2)) - np.log(p_t).mean(axis=(1, 2))
    identity = squares(s, expected["same_s"]) + squares(t, expected["same_t"])
    cycle = squares(s, expected["back_s"]) + squares(t, expected["back_t"])
    for name, value in (("adversarial", adversarial), ("identity", identity), ("cycle", cycle)):
        np.testing.assert_allclose(parts[f"{name}_loss"], value, rtol=1e-4)
    emotion = sum(np.array(value) for name, value in parts.items() if "emotion" in name)
    whole = adversarial + 5 * identity + 10 * cycle + 0.5 * emotion
    np.testing.assert_allclose(parts["generator_loss"], whole, rtol=1e-4)
    np.testing.assert_allclose(loss, whole.sum(), rtol=1e-4)
    assert (kind == "CCEmoGAN") == ("random_emotion_loss" in parts)


def test_equations_5_and_6(data):
    """F_s must find y after the cycle and after the identity, and r in target vectors given Z_r."""
    gan = make()
    s, y, t = (np.array(part) for part in data)
    expected, made = by_hand(gan, s, y, t), gan.translate(*data)
    r = np.array(made["r"])
    assert r.shape == (R, B)
    assert set(r.ravel()) <= set(range(K))
    random_s = expected["TS"](t, r)
    np.testing.assert_allclose(made["random_s"], random_s, rtol=1e-4, atol=1e-5)

    def found(x):
        return gan.classifier_F(tf.constant(x, tf.float32), training=False)

    parts = gan.emotion_losses(*data, made)
    conditional = cross_entropy(found(expected["back_s"]), y) + cross_entropy(found(expected["same_s"]), y)
    np.testing.assert_allclose(parts["conditional_emotion_loss"], conditional, rtol=1e-4)
    np.testing.assert_allclose(parts["random_emotion_loss"], cross_entropy(found(random_s), r), rtol=1e-4)


def test_the_discriminators_loss_and_penalty(data, monkeypatch):
    """Equations 1 and 2 negated; the penalty by differences at the points that were drawn."""
    gan = make("TC", penalty=10.0)
    made = gan.translate(*data)
    for disc in (gan.disc_S, gan.disc_T):
        disc.set_weights(
            [3 * weight for weight in disc.get_weights()]
        )  # some gradients longer than 1, some shorter
    points, penalised = [], gan.gradient_penalty

    def at(disc, real, fake):
        monkeypatch.setattr(keras.random, "uniform", lambda shape, seed: tf.fill(shape, 0.25))
        points.append((disc, 0.25 * real + 0.75 * fake))
        return penalised(disc, real, fake)

    monkeypatch.setattr(gan, "gradient_penalty", at)
    expected_loss = np.zeros(R)
    for disc, real, fake in ((gan.disc_S, data[0], made["fake_s"]), (gan.disc_T, data[2], made["fake_t"])):
        on_real, on_fake = (1 / (1 + np.exp(-forward(disc, np.array(x)))) for x in (real, fake))
        expected_loss += -np.log(on_real).mean(axis=(1, 2)) - np.log(1 - on_fake).mean(axis=(1, 2))
    before = [(disc, disc.get_weights()) for disc in (gan.disc_S, gan.disc_T)]
    measured = gan.update_discriminators(data[0], data[2], made)
    np.testing.assert_allclose(measured["discriminator_loss"], expected_loss, rtol=1e-4)
    for disc, weights in before:
        disc.set_weights(weights)
    penalty, h = np.zeros(R), 1e-5
    for disc, x in points:
        x = np.array(x, np.float64)
        steps = [(forward(disc, x + h * e) - forward(disc, x - h * e)) / (2 * h) for e in np.eye(D)]
        length = np.sqrt(np.sum(np.concatenate(steps, -1) ** 2, -1))
        penalty += np.mean(np.maximum(length - 1, 0) ** 2, axis=1)
    assert penalty.min() > 0
    np.testing.assert_allclose(measured["gradient_penalty"], penalty, rtol=1e-3)


# ---- what an update moves ---------------------------------------------------------------------------------


def test_each_update_moves_its_own_networks_alone(data):
    gan = make()
    G, discs = (gan.gen_ST, gan.gen_TS), (gan.disc_S, gan.disc_T)
    generators, judges, F_s = weights_of(*G), weights_of(*discs), weights_of(gan.classifier_F)
    with tf.GradientTape() as tape:
        made = gan.translate(*data)
        with tape.stop_recording():
            gan.update_discriminators(data[0], data[2], made)
        assert same(generators, weights_of(*G))
        assert moved(judges, weights_of(*discs))
        judges = weights_of(*discs)
        loss, _ = gan.generator_loss(*data, made)
    gan.step(gan.optimizer_G, tape, loss, [v for g in G for v in g.trainable_variables])
    assert moved(generators, weights_of(*G))
    assert same(judges, weights_of(*discs))
    assert same(F_s, weights_of(gan.classifier_F))


def test_update_counts_and_what_a_step_tells(data):
    gan = make()
    for _ in range(3):
        logs = gan.train_step(data)
    assert int(gan.optimizer_G.iterations) == int(gan.optimizer_D.iterations) == 3
    assert {"conditional_emotion_loss", "random_emotion_loss", "gradient_penalty", "D_T_fake"} <= set(logs)
    assert all(np.isfinite(value) for value in logs.values())


def test_pretraining_lowers_the_identity_loss_and_hands_its_weights_over(data):
    pretrained = Translators(*cycle_gan.generators(SETTINGS, D, K, (1, 2)))
    pretrained.compile(FusedAdam(0.01))
    losses = []
    for _ in range(60):
        pretrained.reset_metrics()
        losses.append(float(pretrained.train_step(data)["identity_loss"]))
    assert losses[-1] < 0.5 * losses[0]
    gan = make(seeds=(8, 9))
    gan.start_from(pretrained)
    assert same(weights_of(*pretrained.networks), weights_of(gan.gen_ST, gan.gen_TS))


def test_repeats_do_not_see_each_other(data):
    """Another second repeat leaves the first where it is, batch normalisation and all."""
    gan, other = make(batch_norm=True), make(batch_norm=True)
    s, y, t = data
    gan.train_step((s, y, t))
    other.train_step((tf.concat([s[:1], s[1:] * 3], 0), y, tf.concat([t[:1], t[1:] + 1], 0)))
    for one, two in zip(weights_of(*gan.networks), weights_of(*other.networks), strict=True):
        np.testing.assert_allclose(one[0], two[0], rtol=1e-5, atol=1e-6)
    assert not same([w[1] for w in weights_of(*gan.networks)], [w[1] for w in weights_of(*other.networks)])


# ---- samples ----------------------------------------------------------------------------------------------


def test_samples_of_types_a_b_and_c():
    gan = make(batch_norm=True)
    rng = np.random.default_rng(0)
    s, t, y = rng.random((700, D), np.float32), rng.random((4, D), np.float32), rng.integers(0, K, 700)
    b = gan.type_b(s)
    every = np.broadcast_to(s, (R, *s.shape))
    np.testing.assert_allclose(b, gan.gen_ST(every, training=False), rtol=1e-4, atol=1e-6)
    beside = np.concatenate([b, np.broadcast_to(one_hot(y), (R, 700, K))], -1).astype(np.float32)
    np.testing.assert_allclose(gan.type_a(s, y), gan.gen_TS(beside, training=False), rtol=1e-4, atol=1e-5)
    c, z = gan.type_c(t)
    assert c.shape == (R, K * 4, D)
    np.testing.assert_array_equal(z, np.repeat(np.arange(K), 4))
    beside = np.concatenate([np.tile(t, (K, 1)), one_hot(z)], -1).astype(np.float32)
    expected = gan.gen_TS(np.broadcast_to(beside, (R, *beside.shape)), training=False)
    np.testing.assert_allclose(c, expected, rtol=1e-4, atol=1e-6)


# ---- training ---------------------------------------------------------------------------------------------


def make_batches() -> training.SourceAndTarget:
    rng = np.random.default_rng(0)
    x, y = rng.random((20, D)), np.arange(20) % K
    rows = np.stack([rng.permutation(24) % 20 for _ in range(R)])
    return training.SourceAndTarget(x, y, rng.random((5, D)), rows, B, seeds=(1, 2))


def test_batches_are_balanced_rows_beside_targets_that_start_over():
    batches = make_batches()
    source, labels, target = (
        np.concatenate(part, axis=1) for part in zip(*batches.dataset(0, 1), strict=True)
    )
    assert source.shape == target.shape == (R, 24, D)
    assert batches.steps == 4
    x = np.array(batches.source)
    for repeat in range(R):
        found = [int(np.flatnonzero((x == vector).all(1))[0]) for vector in source[repeat]]
        assert sorted(found) == sorted(np.array(batches.rows[repeat]))
        np.testing.assert_array_equal(labels[repeat], np.array(batches.labels)[found])
        _, counts = np.unique(target[repeat], axis=0, return_counts=True)
        assert sorted(counts) == [4, 5, 5, 5, 5]
    assert (source[0] != source[1]).any()
    again = next(iter(batches.dataset(1, 2)))[0]
    assert (np.array(again) != source[:, :B]).any()


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("kind", ["TC", "CCEmoGAN"])
def test_an_interrupted_training_ends_bit_for_bit_as_an_undisturbed_one(tmp_path, kind):
    def fitted(folder, report=lambda *_: None) -> tuple[CycleGAN, int]:
        gan = make(kind, batch_norm=True)
        stop = training.Patience(gan, "generator_loss", 3, 0.02)
        options = {"checkpoint_epochs": 1, "stop": stop, "report": report}
        return gan, training.train(gan, make_batches(), 12, folder, **options)

    def interrupt(task: str, done: int, total: int) -> None:
        if done == 3:
            raise Interrupted

    whole, epochs = fitted(tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            training.Progress, "on_epoch_end", lambda self, epoch, logs=None: self.report("", epoch + 1, 12)
        )
        with pytest.raises(Interrupted):
            fitted(tmp_path / "parts", interrupt)
    assert (tmp_path / "parts" / "checkpoint" / "epoch-000002.index").exists()
    again, same_epochs = fitted(tmp_path / "parts")
    assert same_epochs == epochs
    assert same(weights_of(*whole.networks), weights_of(*again.networks))


def test_patience_ends_a_training_whose_loss_no_longer_falls():
    model = make("TC")
    stop = training.Patience(model, "loss", epochs=2, least=0.1)
    values = [1.0, 0.85, 0.8, 0.7, 0.69, 0.68, 0.5]
    ends = [stop(i + 1, {"loss": value}) for i, value in enumerate(values)]
    assert ends == [False, False, False, False, False, True, False]
    assert {id(v) for v in (stop.lowest, stop.waited)} <= {id(v) for v in model.variables}


def test_multiply_adds_of_the_printed_networks():
    s = {"generator_units": (1000, 500, 1000), "discriminator_units": (1000, 500), "batch_size": 1}
    generator = 1582 * 1000 * 2 + 1000 * 500 * 2
    pretraining, gan = cycle_gan.multiply_adds_an_update(s, 1582, conditional=True)
    assert pretraining == 2 * 3 * generator
    assert 7 * 3 * generator < gan < 18 * 3 * generator
