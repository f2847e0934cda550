"""The method of Bao et al. 2019: its equations against numpy, and what an update moves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfsergan import training
from tfsergan.methods.bao2019 import CyclePair, EmotionCycleGAN, emotion_cycle_gan, generators
from tfsergan.optimizers import FusedAdam, step_decay

E, B, D = 3, 4, 5
SETTINGS = {
    "generator_units": (6, 4),
    "discriminator_units": (6,),
    "domain_classifier_units": (4,),
    "leaky_relu_slope": 0.2,
    "dropout": 0.2,
    "domain_classifier_dropout": 0.5,
}
PLAIN = SETTINGS | {"dropout": 0.0, "domain_classifier_dropout": 0.0}


def make_gan(
    settings=PLAIN, emotions: int = E, seed: int = 1, learning_rate=0.01, **options
) -> EmotionCycleGAN:
    gan = emotion_cycle_gan(settings, D, emotions, seed)
    gan.compile(FusedAdam(learning_rate), FusedAdam(learning_rate), **options)
    return gan


@pytest.fixture
def data() -> tuple[tf.Tensor, tf.Tensor]:
    """Source vectors (B, D) and target vectors (E, B, D)."""
    rng = np.random.default_rng(5)
    return tf.constant(rng.normal(size=(B, D)), tf.float32), tf.constant(
        rng.normal(size=(E, B, D)), tf.float32
    )


def weights_of(*models: keras.Model) -> list[np.ndarray]:
    return [np.array(weight) for model in models for weight in model.get_weights()]


def same(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


# ---- the equations, in numpy ------------------------------------------------------------------------------


def forward(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """A network without dropout, from its weights."""
    weights = [np.asarray(weight, np.float64) for weight in model.get_weights()]
    for i in range(0, len(weights), 2):
        kernel = weights[i].swapaxes(1, 2) if weights[i].ndim == 3 else weights[i]  # copies: output by input
        x = x @ kernel + weights[i + 1]
        if i + 2 < len(weights):
            x = np.where(x > 0, x, 0.2 * x)
    return x


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def log_likelihood(z: np.ndarray, label: float) -> np.ndarray:
    """label log D + (1 - label) log(1 - D), averaged for each emotion."""
    p = sigmoid(z)
    return (label * np.log(p) + (1 - label) * np.log(1 - p)).mean(axis=(1, 2))


def squared(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return ((x - y) ** 2).mean(axis=(1, 2))


def test_equations_3_to_5(data):
    gan = make_gan(lambda_cyc=5.0, lambda_cls=2.0, real_label=0.9)
    s, t = gan.every_emotion(data[0]), data[1]
    loss, parts = gan.generator_loss(s, t, *gan.translate(s, t))

    s, t = np.broadcast_to(data[0], (E, B, D)).astype(float), np.array(data[1], float)
    fake_t, fake_s = forward(gan.gen_G, s), forward(gan.gen_F, t)
    adversarial = -log_likelihood(forward(gan.disc_T, fake_t), 0.9) - log_likelihood(
        forward(gan.disc_S, fake_s), 0.9
    )
    cycle = squared(forward(gan.gen_F, fake_t), s) + squared(forward(gan.gen_G, fake_s), t)
    logits = np.stack([forward(gan.classifier_C, vectors) for vectors in fake_t])
    log_softmax = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    classification = np.array([-log_softmax[i, :, i].mean() for i in range(E)])

    np.testing.assert_allclose(parts["adversarial_loss"], adversarial, rtol=1e-5)
    np.testing.assert_allclose(parts["cycle_loss"], cycle, rtol=1e-5)
    np.testing.assert_allclose(parts["classification_loss"], classification, rtol=1e-5)
    total = adversarial.sum() + 5 * cycle.sum() + 2 * classification.sum()
    np.testing.assert_allclose(loss, total, rtol=1e-5)


def test_equations_1_and_2(data):
    gan = make_gan(real_label=0.9)
    s, t = gan.every_emotion(data[0]), data[1]
    fake_t, fake_s = gan.translate(s, t)
    logits = [
        forward(disc, np.array(x, float))
        for disc, x in ((gan.disc_T, t), (gan.disc_T, fake_t), (gan.disc_S, s), (gan.disc_S, fake_s))
    ]
    measured = gan.update_discriminators(s, t, fake_t, fake_s)
    T_real, T_fake, S_real, S_fake = (
        log_likelihood(z, label) for z, label in zip(logits, (0.9, 0.0, 0.9, 0.0), strict=True)
    )
    np.testing.assert_allclose(
        measured["discriminator_loss"], -0.5 * (T_real + T_fake + S_real + S_fake), rtol=1e-5
    )
    for name, z in zip(("D_T_real", "D_T_fake", "D_S_real", "D_S_fake"), logits, strict=True):
        np.testing.assert_allclose(measured[name], sigmoid(z), rtol=1e-5)


def test_pretraining_minimises_the_cycle_loss_alone(data):
    pair = CyclePair(*generators(PLAIN, D, E, seed=1))
    pair.compile(FusedAdam(0.05))
    s, t = np.broadcast_to(data[0], (E, B, D)).astype(float), np.array(data[1], float)
    expected = squared(forward(pair.gen_F, forward(pair.gen_G, s)), s) + squared(
        forward(pair.gen_G, forward(pair.gen_F, t)), t
    )
    logs = [pair.train_step(data) for _ in range(10)]
    np.testing.assert_allclose(logs[0]["cycle_loss"], expected.mean(), rtol=1e-5)
    pair.trackers["cycle_loss"].reset_state()
    assert float(pair.train_step(data)["cycle_loss"]) < 0.7 * expected.mean()
    assert set(logs[0]) == {"cycle_loss"}


def test_the_discriminators_are_updated_first_on_the_same_fakes(data):
    """One iteration is: fakes, D on them, G against that D, and G again on new fakes."""
    gan, by_hand = make_gan(lambda_cls=2.0), make_gan(lambda_cls=2.0)
    gan.train_step(data)
    s, t = by_hand.every_emotion(data[0]), data[1]
    by_hand.update_discriminators(s, t, *by_hand.translate(s, t))
    for _ in range(2):
        with tf.GradientTape() as tape:
            loss, _ = by_hand.generator_loss(s, t, *by_hand.translate(s, t))
        by_hand.update_generators(tape, loss)
    for one, other in zip(gan.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


# ---- what an update moves ---------------------------------------------------------------------------------


@pytest.mark.parametrize("generator_updates", [1, 2, 3])
def test_update_counts(data, generator_updates):
    gan = make_gan(generator_updates=generator_updates)
    k = 3
    for _ in range(k):
        gan.train_step(data)
    assert int(gan.optimizer_D.iterations) == k
    assert int(gan.optimizer_G.iterations) == generator_updates * k


def test_two_generator_updates_an_iteration_unless_said_otherwise(data):
    gan = make_gan()
    gan.train_step(data)
    assert int(gan.optimizer_G.iterations) == 2 * int(gan.optimizer_D.iterations) == 2


def test_a_discriminator_update_moves_the_discriminators_alone(data):
    gan = make_gan(lambda_cls=2.0)
    rest, discs = (gan.gen_G, gan.gen_F, gan.classifier_C), (gan.disc_T, gan.disc_S)
    before, moving = weights_of(*rest), weights_of(*discs)
    s, t = gan.every_emotion(data[0]), data[1]
    gan.update_discriminators(s, t, *gan.translate(s, t))
    assert same(before, weights_of(*rest))
    assert not any(np.array_equal(a, b) for a, b in zip(moving, weights_of(*discs), strict=True))


def test_a_generator_update_leaves_the_discriminators(data):
    gan = make_gan(lambda_cls=2.0)
    rest, discs = (gan.gen_G, gan.gen_F, gan.classifier_C), (gan.disc_T, gan.disc_S)
    moving, before = weights_of(*rest), weights_of(*discs)
    s, t = gan.every_emotion(data[0]), data[1]
    with tf.GradientTape() as tape:
        loss, _ = gan.generator_loss(s, t, *gan.translate(s, t))
    gan.update_generators(tape, loss)
    assert same(before, weights_of(*discs))
    assert not any(np.array_equal(a, b) for a, b in zip(moving, weights_of(*rest), strict=True))


def test_without_its_weight_the_classifier_stays_and_is_not_asked(data):
    gan = make_gan(lambda_cls=0.0)
    before = weights_of(gan.classifier_C)
    logs = gan.train_step(data)
    assert same(before, weights_of(gan.classifier_C))
    assert float(logs["classification_loss"]) == 0


def test_pretraining_has_no_optimizer_but_the_generators(data):
    pair = CyclePair(*generators(SETTINGS, D, E, seed=1))
    optimizer = FusedAdam(0.01)
    pair.compile(optimizer)
    before = weights_of(pair.gen_G, pair.gen_F)
    pair.train_step(data)
    assert pair.optimizers == {"generators": optimizer}
    assert len(pair.trainable_variables) == len(before)
    assert not any(np.array_equal(a, b) for a, b in zip(before, weights_of(pair), strict=True))


def test_start_from_takes_the_generators_over(data):
    pair = CyclePair(*generators(PLAIN, D, E, seed=8))
    gan = make_gan(seed=9)
    rest = weights_of(gan.disc_T, gan.disc_S, gan.classifier_C)
    gan.start_from(pair)
    assert same(weights_of(pair.gen_G, pair.gen_F), weights_of(gan.gen_G, gan.gen_F))
    assert same(rest, weights_of(gan.disc_T, gan.disc_S, gan.classifier_C))
    gan.train_step(data)
    assert not same(weights_of(pair.gen_G), weights_of(gan.gen_G))  # copies, not the same variables


def test_an_emotions_data_moves_no_other_emotions_networks(data):
    s, t = data
    other = tf.concat([t[:1] + 1, t[1:]], axis=0)
    one, two = make_gan(SETTINGS), make_gan(SETTINGS)
    for _ in range(2):
        one.train_step((s, t))
        two.train_step((s, other))
    networks = ("gen_G", "gen_F", "disc_T", "disc_S")
    for name in networks:
        for a, b in zip(weights_of(getattr(one, name)), weights_of(getattr(two, name)), strict=True):
            assert (a[0] != b[0]).any()
            np.testing.assert_array_equal(a[1:], b[1:])


def test_emotions_as_an_axis_equal_separate_cycle_gans(data):
    s, t = data
    together = make_gan()
    networks = ("gen_G", "gen_F", "disc_T", "disc_S")
    apart = []
    for i in range(E):
        gan = make_gan(emotions=1)
        for name in networks:
            getattr(gan, name).set_weights([w[i : i + 1] for w in getattr(together, name).get_weights()])
        apart.append(gan)
    for _ in range(2):
        together.train_step((s, t))
        for i, gan in enumerate(apart):
            gan.train_step((s, t[i : i + 1]))
    for name in networks:
        for i, gan in enumerate(apart):
            for a, b in zip(weights_of(getattr(together, name)), weights_of(getattr(gan, name)), strict=True):
                np.testing.assert_allclose(a[i], b[0], rtol=1e-4, atol=1e-5)


def test_with_the_classifier_emotions_do_meet(data):
    s, t = data
    one, two = make_gan(lambda_cls=2.0), make_gan(lambda_cls=2.0)
    two.gen_G.set_weights([np.concatenate([w[:1] + 0.1, w[1:]]) for w in two.gen_G.get_weights()])
    one.train_step((s, t))
    two.train_step((s, t))
    assert any(
        (a[1:] != b[1:]).any() for a, b in zip(weights_of(one.gen_G), weights_of(two.gen_G), strict=True)
    )


def test_the_learning_rates_decay_after_the_same_iteration(data):
    iterations, updates = 3, 2
    gan = emotion_cycle_gan(PLAIN, D, E, seed=1)
    gan.compile(
        FusedAdam(step_decay(2e-4, 0.8, iterations * updates)),
        FusedAdam(step_decay(2e-4, 0.8, iterations)),
        generator_updates=updates,
    )
    rates = []
    for _ in range(2 * iterations):
        gan.train_step(data)
        rates.append([float(optimizer.learning_rate) for optimizer in gan.optimizers.values()])
    expected = [2e-4, 2e-4, 1.6e-4, 1.6e-4, 1.6e-4, 1.28e-4]
    np.testing.assert_allclose(rates, np.transpose([expected, expected]), rtol=1e-6)


# ---- transfer, weights, numbers ---------------------------------------------------------------------------


def test_transfer_is_gen_G_without_dropout():
    gan = make_gan(SETTINGS)
    source = np.random.default_rng(0).normal(size=(11, D)).astype(np.float32)
    vectors = gan.transfer(source, batch_size=4)
    assert vectors.shape == (E, 11, D)
    expected = forward(gan.gen_G, np.broadcast_to(source, (E, 11, D)).astype(float))
    np.testing.assert_allclose(vectors, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gan.transfer(source), vectors, rtol=1e-5, atol=1e-6)


def test_weights_saved_and_loaded_give_the_same_vectors(tmp_path, data):
    gan = make_gan(SETTINGS, lambda_cls=2.0)
    gan.train_step(data)
    training.save_weights(gan, tmp_path)
    source = np.asarray(data[0])
    for other in (make_gan(SETTINGS, seed=77), emotion_cycle_gan(SETTINGS, D, E, seed=77)):
        assert not np.allclose(other.transfer(source), gan.transfer(source))
        training.load_weights(other, tmp_path)
        assert same(weights_of(gan), weights_of(other))
        np.testing.assert_array_equal(other.transfer(source), gan.transfer(source))


def test_the_seed_decides_every_network():
    one, again, other = (emotion_cycle_gan(SETTINGS, D, E, seed) for seed in (1, 1, 2))
    assert same(weights_of(one), weights_of(again))
    kernels = zip(weights_of(one)[::2], weights_of(other)[::2], strict=True)
    assert not any(np.array_equal(a, b) for a, b in kernels)


def test_networks_of_the_paper_have_its_sizes():
    """Sec. 4.1: three hidden layers in a generator, two in a discriminator and in the classifier."""
    gan = emotion_cycle_gan(
        SETTINGS
        | {"generator_units": (10, 5, 10), "discriminator_units": (9, 9), "domain_classifier_units": (3, 3)},
        D,
        E,
        seed=0,
    )
    widths = {
        name: [bias.shape[-1] for bias in getattr(gan, name).get_weights()[1::2]]
        for name in ("gen_G", "gen_F", "disc_T", "disc_S", "classifier_C")
    }
    assert widths == {
        **{name: [10, 5, 10, D] for name in ("gen_G", "gen_F")},
        **{name: [9, 9, 1] for name in ("disc_T", "disc_S")},
        "classifier_C": [3, 3, E],
    }


def test_frozen_numbers(data):
    """Three iterations with dropout from fixed seeds: a change here changes everybody's results."""
    gan = make_gan(SETTINGS, seed=3, lambda_cls=2.0)
    for _ in range(3):
        logs = gan.train_step(data)
    assert {name: float(value) for name, value in logs.items()} == pytest.approx(
        {
            "discriminator_loss": 1.3088861,
            "adversarial_loss": 1.3211048,
            "cycle_loss": 1.6400390,
            "classification_loss": 1.1794360,
            "D_T_real": 0.6592523,
            "D_T_fake": 0.5099334,
            "D_S_real": 0.6622829,
            "D_S_fake": 0.5580200,
        },
        rel=1e-4,
    )
    magnitudes = {
        name: float(sum(np.abs(w).sum() for w in weights_of(getattr(gan, name))))
        for name in ("gen_G", "gen_F", "disc_T", "disc_S", "classifier_C")
    }
    assert magnitudes == pytest.approx(
        {
            "gen_G": 84.354263,
            "gen_F": 89.132194,
            "disc_T": 43.388737,
            "disc_S": 45.370514,
            "classifier_C": 13.202627,
        },
        rel=1e-4,
    )
    vectors = gan.transfer(np.asarray(data[0]))
    np.testing.assert_allclose(vectors[:, 0, 0], [-0.3779319, 0.0986510, -0.3960587], rtol=1e-3)


def test_bfloat16_products_keep_float32_weights_and_come_near_float32s_losses(data):
    logs = {}
    for precision in ("float32", "mixed_bfloat16"):
        gan = make_gan(PLAIN | {"precision": precision}, lambda_cls=2.0)
        logs[precision] = {name: float(value) for name, value in gan.train_step(data).items()}
        assert {weight.dtype for weight in weights_of(*gan.networks)} == {np.dtype(np.float32)}
        assert gan.transfer(np.asarray(data[0])).dtype == np.float32
    assert logs["mixed_bfloat16"] == pytest.approx(logs["float32"], rel=0.05)
    assert logs["mixed_bfloat16"] != logs["float32"]


def test_transfer_writes_into_an_array_of_ones_own(data):
    gan, source = make_gan(SETTINGS), np.asarray(data[0])
    out = np.zeros((E, B, D), np.float32)
    assert gan.transfer(source, batch_size=3, out=out) is out
    np.testing.assert_array_equal(out, gan.transfer(source, batch_size=3))
