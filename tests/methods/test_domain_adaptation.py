"""DANN, CyCADA, CycleEmotionGAN and F_s: their losses, what an update moves, what they predict."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfsergan import losses
from tfsergan.methods import cycle_gan
from tfsergan.methods.domain_adaptation import (
    DANN,
    CyCADA,
    CycleEmotionGAN,
    EmotionClassifier,
    dann,
    emotion_classifier,
)
from tfsergan.optimizers import FusedAdam

R, B, D, K = 2, 6, 5, 3
GENERATORS = {
    **{"generator_units": (7, 6, 7), "discriminator_units": (6, 4), "leaky_relu_slope": 0.2},
    **{"generator_batch_norm": False, "precision": "float32", "batch_norm_momentum": 0.9},
}
CLASSIFIER = {"units": (6, 4), "batch_norm": True, "precision": "float32", "batch_norm_momentum": 0.9}
SEEDS = (1, 2)


@pytest.fixture
def data() -> tuple[tf.Tensor, ...]:
    """Source vectors (R, B, D), their emotions (R, B) and target vectors (R, B, D)."""
    rng = np.random.default_rng(5)
    s, t = (tf.constant(rng.random((R, B, D)), tf.float32) for _ in range(2))
    return s, tf.constant(rng.integers(0, K, (R, B)), tf.int32), t


def make_classifier(seeds=SEEDS) -> keras.Model:
    return emotion_classifier(CLASSIFIER, D, K, seeds)


def make(kind: type) -> CyCADA | CycleEmotionGAN:
    networks = *cycle_gan.generators(GENERATORS, D, 0, SEEDS), *cycle_gan.discriminators(GENERATORS, D, SEEDS)
    fixed = [make_classifier((7, 8))] if kind is CyCADA else []
    gan = kind(*networks, make_classifier(), *fixed, seed=3)
    gan.compile(*(FusedAdam(0.01) for _ in range(3)))
    return gan


def make_dann(ramp_updates: int = 10) -> DANN:
    model = dann({"encoder_units": (7, 4), "units": (5, 4), "precision": "float32"}, D, K, SEEDS)
    model.compile(FusedAdam(0.01), ramp_updates)
    return model


def weights_of(*models: keras.Model) -> list[np.ndarray]:
    return [np.array(weight) for model in models for weight in model.trainable_variables]


def same(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def test_the_divergence_is_symmetric_and_by_hand():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, R, B, K))
    p, q = (np.exp(x) / np.exp(x).sum(-1, keepdims=True) for x in (a, b))
    expected = (np.sum(p * np.log(p / q), -1) + np.sum(q * np.log(q / p), -1)).mean(-1)
    np.testing.assert_allclose(losses.divergence(a, b), expected, rtol=1e-5)
    np.testing.assert_allclose(losses.divergence(b, a), expected, rtol=1e-5)
    np.testing.assert_allclose(losses.divergence(a, a), np.zeros(R), atol=1e-7)


def test_f_s_learns_the_source(data):
    model = EmotionClassifier(make_classifier())
    model.compile(FusedAdam(0.01))
    first = float(model.train_step(data)["classification_loss"])
    for _ in range(80):
        model.reset_metrics()
        last = float(model.train_step(data)["classification_loss"])
    assert last < 0.3 * first


# ---- DANN ---------------------------------------------------------------------------------------------------


def test_the_encoder_of_dann_goes_against_the_domain_classifier(data):
    """Its gradient is that of emotion minus lambda times that of the domain; the domain classifier's is its own."""
    model = make_dann()
    s, y, t = data
    found = {}
    for weight in (0.0, 0.7):
        model.reversal.weight.assign(weight)
        with tf.GradientTape(persistent=True) as tape:
            h_s, h_t = (model.encoder(x, training=True) for x in (s, t))
            turned = [model.domain(model.reversal(h), training=True) for h in (h_s, h_t)]
            straight = [model.domain(h, training=True) for h in (h_s, h_t)]
            emotion = tf.reduce_sum(losses.classification(model.classifier(h_s, training=True), y))
            reversed_, plain = (
                tf.reduce_sum(losses.adversarial(a, 1.0) + losses.adversarial(b, 0.0))
                for a, b in (turned, straight)
            )
            whole = emotion + reversed_
        encoder, domain = (
            [v.value for v in part.trainable_variables] for part in (model.encoder, model.domain)
        )
        for of_whole, of_emotion, of_plain in zip(
            *(tape.gradient(x, encoder) for x in (whole, emotion, plain)), strict=True
        ):
            np.testing.assert_allclose(of_whole, of_emotion - weight * of_plain, rtol=1e-3, atol=1e-6)
        for one, other in zip(tape.gradient(whole, domain), tape.gradient(plain, domain), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-7)
        found[weight] = whole
    np.testing.assert_allclose(found[0.0], found[0.7], rtol=1e-6)


def test_the_reversal_grows_with_the_updates(data):
    model = make_dann(ramp_updates=4)
    weights = []
    for _ in range(6):
        model.train_step(data)
        weights.append(float(model.reversal.weight))
    p = np.minimum(np.arange(6) / 4, 1)
    np.testing.assert_allclose(weights, 2 / (1 + np.exp(-10 * p)) - 1, rtol=1e-5)


def test_a_step_of_dann_moves_all_three_and_it_predicts_with_two(data):
    model = make_dann()
    before = [weights_of(part) for part in model.networks]
    for _ in range(2):
        logs = model.train_step(data)
    assert not any(same(old, weights_of(part)) for old, part in zip(before, model.networks, strict=True))
    assert set(logs) == {"classification_loss", "domain_loss", "D_source", "D_target"}
    x = np.random.default_rng(0).random((700, D), np.float32)
    every = np.broadcast_to(x, (R, *x.shape))
    expected = np.argmax(model.classifier(model.encoder(every)), -1)
    np.testing.assert_array_equal(model.predict_emotion(x), expected)


# ---- cycle GANs with a classifier of the target ----------------------------------------------------------------


def test_semantic_consistency_of_cycada(data):
    """f_S must find in a carried vector what it found before; both ways, labels of neither corpus."""
    gan = make(CyCADA)
    made = gan.translate(*data)
    expected = np.zeros(R)
    for x, carried in ((data[0], made["fake_t"]), (data[2], made["fake_s"])):
        before, after = (np.array(gan.classifier_F(v, training=False), np.float64) for v in (x, carried))
        log_p = after - np.log(np.exp(after).sum(-1, keepdims=True))
        expected -= np.take_along_axis(log_p, before.argmax(-1)[..., None], -1)[..., 0].mean(1)
    found = gan.emotion_losses(*data, made)
    np.testing.assert_allclose(found["semantic_loss"], expected, rtol=1e-4)


def test_semantic_consistency_of_cycle_emotion_gan(data):
    gan = make(CycleEmotionGAN)
    made = gan.translate(*data)
    averages = gan.classifier.get_weights()
    found = gan.emotion_losses(*data, made)
    assert same(averages, gan.classifier.get_weights())
    before, after = (gan.classifier(x, training=True) for x in (data[0], made["fake_t"]))
    np.testing.assert_allclose(found["semantic_loss"], losses.divergence(before, after), rtol=1e-5)


def test_semantic_consistency_of_cycle_emotion_gan_is_blind_to_where_a_batch_lies(data):
    """A moved and stretched batch is the same to a classifier in training: what the GAN is there to change costs nothing."""
    gan = make(CycleEmotionGAN)
    first = gan.classifier.get_layer("dense_1")
    first.bias.assign(
        first.bias + 10.0
    )  # above 0, so that the ReLU lets pass what batch normalisation takes away
    moved = gan.emotion_losses(*data, {"fake_t": data[0] * 1.5 + 0.2})
    np.testing.assert_allclose(moved["semantic_loss"], np.zeros(R), atol=1e-4)


@pytest.mark.parametrize("kind", [CyCADA, CycleEmotionGAN])
def test_a_classifier_update_moves_the_classifier_alone(data, kind):
    gan = make(kind)
    rest = (gan.gen_ST, gan.gen_TS, gan.disc_S, gan.disc_T, *([gan.classifier_F] if kind is CyCADA else []))
    before, moving = weights_of(*rest), weights_of(gan.classifier)
    fake_t = gan.gen_ST(data[0], training=False)
    expected = losses.classification(gan.classifier(fake_t, training=True), data[1])
    measured = gan.update_classifier(*data[:2])
    np.testing.assert_allclose(measured["classification_loss"], expected, rtol=1e-4)
    assert same(before, weights_of(*rest))
    assert not same(moving, weights_of(gan.classifier))


@pytest.mark.parametrize("kind", [CyCADA, CycleEmotionGAN])
def test_a_step_is_the_cycle_gans_and_then_the_classifiers(data, kind):
    gan, by_hand = make(kind), make(kind)
    logs = gan.train_step(data)
    assert {"semantic_loss", "classification_loss", "cycle_loss"} <= set(logs)
    cycle_gan.CycleGAN.train_step(by_hand, data)
    by_hand.update_classifier(*data[:2])
    for one, other in zip(weights_of(*gan.networks), weights_of(*by_hand.networks), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    counts = [int(optimizer.iterations) for optimizer in gan.optimizers.values()]
    assert counts == [1, 1, 1]


def test_predictions_are_the_classifiers(data):
    gan = make(CyCADA)
    x = np.random.default_rng(0).random((9, D), np.float32)
    expected = np.argmax(gan.classifier(np.broadcast_to(x, (R, *x.shape)), training=False), -1)
    np.testing.assert_array_equal(gan.predict_emotion(x), expected)
