"""The method of Yi & Mak 2019: its equations against numpy, what an update moves, and exact resume."""

import itertools
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfsergan import training
from tfsergan.methods.yi2019 import ADAN, INVERTED, SATURATING, adan, multiply_adds_a_vector
from tfsergan.optimizers import FusedAdam

B, D, K, N = 6, 5, 3, 4
SETTINGS = {
    **{"latent": N, "autoencoder_units": (7, 6), "other_units": (6, 5)},
    **{"activation": "tanh", "leaky_relu_slope": 0.2, "precision": "float32"},
}
EPOCHS = 4


def make_gan(seed: int = 1, learning_rate: float = 0.01, settings: dict = SETTINGS, **options) -> ADAN:
    gan = adan(settings, D, K, seed)
    gan.compile(*(FusedAdam(learning_rate) for _ in range(3)), **options)
    return gan


@pytest.fixture
def data() -> tuple[tf.Tensor, tf.Tensor]:
    """Vectors (B, D) and their emotions (B,)."""
    rng = np.random.default_rng(5)
    return tf.constant(rng.normal(size=(B, D)), tf.float32), tf.constant(rng.integers(0, K, B), tf.int32)


def weights_of(*models: keras.Model) -> list[np.ndarray]:
    return [np.array(weight) for model in models for weight in model.get_weights()]


def same(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def moved(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    """Whether every array has changed."""
    return not any(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


# ---- the equations, in numpy ------------------------------------------------------------------------------


def forward(model: keras.Model, x: np.ndarray, final=lambda x: x, hidden=np.tanh) -> np.ndarray:
    """A network from its weights, in double precision."""
    weights = [np.asarray(weight, np.float64) for weight in model.get_weights()]
    for i in range(0, len(weights), 2):
        x = x @ weights[i] + weights[i + 1]
        x = hidden(x) if i + 2 < len(weights) else final(x)
    return x


class ByHand:
    """Every network of an ADAN as a function of numpy arrays."""

    def __init__(self, gan: ADAN, **options):
        self.E = lambda x: forward(gan.encoder_E, x, np.tanh, **options)
        self.R = lambda h: forward(gan.decoder_R, h, **options)
        self.D = lambda h: 1 / (1 + np.exp(-forward(gan.discriminator_D, h, **options)))
        self.G = lambda z, y: forward(
            gan.generator_G, np.concatenate([z, np.eye(K)[y]], axis=1), np.tanh, **options
        )
        self.cross_entropy = lambda h, y: (
            -np.log(softmax(forward(gan.classifier_C, h, **options))[np.arange(len(y)), y]).mean()
        )


def softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def fixed_noise(gan: ADAN, monkeypatch) -> np.ndarray:
    """From now on every z of this ADAN is the one that is returned."""
    z = np.random.default_rng(8).normal(size=(B, N))
    drawn = gan.generate
    monkeypatch.setattr(
        gan, "generate", lambda y, training=False: drawn(y, tf.constant(z, tf.float32), training)
    )
    return z


def test_equation_1(data, monkeypatch):
    gan = make_gan()
    x, y = (np.array(part) for part in data)
    z, by_hand = fixed_noise(gan, monkeypatch), ByHand(gan)
    real, fake = by_hand.D(by_hand.E(x)), by_hand.D(by_hand.G(z, y))
    measured = gan.update_discriminator(gan.encoder_E(x), data[1])
    expected = np.mean(-np.log(real) - np.log(1 - fake))
    np.testing.assert_allclose(measured["discriminator_loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(measured["D_real"], real, rtol=1e-5)
    np.testing.assert_allclose(measured["D_fake"], fake, rtol=1e-5)


def test_equations_2_to_4(data):
    gan = make_gan()
    x, y = (np.array(part) for part in data)
    by_hand = ByHand(gan)
    h = by_hand.E(x)
    reconstruction = np.mean((x - by_hand.R(h)) ** 2)  # a mean over features, see the paper's deviations
    classification = by_hand.cross_entropy(h, y)
    loss, parts = gan.autoencoder_loss(data[0], gan.encoder_E(x), data[1])
    np.testing.assert_allclose(parts["reconstruction_loss"], reconstruction, rtol=1e-5)
    np.testing.assert_allclose(parts["classification_loss"], classification, rtol=1e-5)
    np.testing.assert_allclose(loss, reconstruction + classification, rtol=1e-5)


@pytest.mark.parametrize("equation", [SATURATING, INVERTED])
def test_equations_5_and_6(data, monkeypatch, equation):
    gan = make_gan(generator_loss=equation)
    y = np.array(data[1])
    z, by_hand = fixed_noise(gan, monkeypatch), ByHand(gan)
    h = by_hand.G(z, y)
    classification = by_hand.cross_entropy(h, y)
    p = by_hand.D(h)
    expected = {SATURATING: np.mean(np.log(1 - p)), INVERTED: np.mean(-np.log(p))}[equation]
    measured = gan.update_generator(data[1])
    np.testing.assert_allclose(measured["adversarial_loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(measured["generated_classification_loss"], classification, rtol=1e-5)


def test_both_generator_losses_push_the_generator_the_same_way():
    """Equation 6 has equation 5's fixed point; what differs is how steep it is."""
    logits = tf.Variable([[-3.0], [0.0], [3.0]])
    gradients = []
    for equation in (SATURATING, INVERTED):
        with tf.GradientTape() as tape:
            loss = make_gan(generator_loss=equation).adversarial_loss(logits)
        gradients.append(tape.gradient(loss, logits).numpy().ravel())
    p = 1 / (1 + np.exp(-logits.numpy().ravel()))
    np.testing.assert_allclose(gradients[0], -p / 3, rtol=1e-5)
    np.testing.assert_allclose(gradients[1], -(1 - p) / 3, rtol=1e-5)


def test_an_unknown_generator_loss_is_refused():
    with pytest.raises(ValueError, match="'equation 6' or 'equation 5', not 'equation 7'"):
        make_gan(generator_loss="equation 7")


def test_leaky_relu_is_the_variants_activation(data):
    gan = make_gan(settings=SETTINGS | {"activation": "leaky_relu", "leaky_relu_slope": 0.3})
    by_hand = ByHand(gan, hidden=lambda x: np.where(x > 0, x, 0.3 * x))
    h = by_hand.E(np.array(data[0], np.float64))
    np.testing.assert_allclose(gan.encode(np.array(data[0])), h, rtol=1e-5, atol=1e-6)
    assert np.abs(h).max() < 1  # latent vectors come out of a tanh all the same


# ---- what an update moves ---------------------------------------------------------------------------------


def test_a_discriminator_update_moves_the_discriminator_alone(data):
    gan = make_gan()
    rest = (gan.encoder_E, gan.decoder_R, gan.classifier_C, gan.generator_G)
    before, moving = weights_of(*rest), weights_of(gan.discriminator_D)
    with tf.GradientTape() as tape:  # as in train_step, where the encoder's pass is recorded
        h = gan.encoder_E(data[0], training=True)
        with tape.stop_recording():
            gan.update_discriminator(h, data[1])
    assert same(before, weights_of(*rest))
    assert moved(moving, weights_of(gan.discriminator_D))


def test_an_autoencoder_update_moves_encoder_decoder_and_classifier_alone(data):
    gan = make_gan()
    still, moving = (gan.generator_G, gan.discriminator_D), (gan.encoder_E, gan.decoder_R, gan.classifier_C)
    before, were = weights_of(*still), weights_of(*moving)
    with tf.GradientTape() as tape:
        loss, _ = gan.autoencoder_loss(data[0], gan.encoder_E(data[0]), data[1])
    gan.step(gan.optimizer_A, tape, loss, gan.autoencoder_variables)
    assert same(before, weights_of(*still))
    assert moved(were, weights_of(*moving))


def test_a_generator_update_moves_the_generator_alone(data):
    gan = make_gan()
    rest = (gan.encoder_E, gan.decoder_R, gan.classifier_C, gan.discriminator_D)
    before, were = weights_of(*rest), weights_of(gan.generator_G)
    gan.update_generator(data[1])
    assert same(before, weights_of(*rest))
    # An emotion that is not in the batch has no gradient, but Adam's kernel as a whole has moved.
    assert moved(were, weights_of(gan.generator_G))


def test_one_step_down_equation_4_is_one_down_equations_2_and_3(data):
    """R is in equation 3 alone and C in equation 2 alone, so that the sum has their gradients."""
    gan = make_gan()
    parts = {"reconstruction_loss": gan.decoder_R, "classification_loss": gan.classifier_C}
    with tf.GradientTape(persistent=True) as tape:
        loss, terms = gan.autoencoder_loss(data[0], gan.encoder_E(data[0]), data[1])
    for name, network in parts.items():
        variables = [v.value for v in network.trainable_variables]
        for of_sum, of_term in zip(
            tape.gradient(loss, variables), tape.gradient(terms[name], variables), strict=True
        ):
            np.testing.assert_array_equal(of_sum, of_term)
    encoder = [v.value for v in gan.encoder_E.trainable_variables]
    gradients = [tape.gradient(term, encoder) for term in (loss, *terms.values())]
    for whole, one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(whole, one + other, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("updates", [1, 2])
def test_update_counts(data, updates):
    gan = make_gan(discriminator_updates=updates)
    steps = 3
    for _ in range(steps):
        gan.train_step(data)
    assert int(gan.optimizer_D.iterations) == updates * steps
    assert int(gan.optimizer_A.iterations) == int(gan.optimizer_G.iterations) == steps


def test_one_discriminator_update_by_default_with_inverted_labels(data):
    gan = make_gan()
    gan.train_step(data)
    assert int(gan.optimizer_D.iterations) == 1
    assert gan.inverted_labels


@pytest.mark.parametrize("updates", [1, 2])
def test_a_step_is_discriminator_then_autoencoder_then_generator(data, updates):
    """Sec. III-D; D sees latent vectors of the encoder before its update, G the classifier after its own."""
    gan, by_hand = (make_gan(discriminator_updates=updates) for _ in range(2))
    gan.train_step(data)
    x, y = data
    h = by_hand.encoder_E(x)
    for _ in range(updates):
        by_hand.update_discriminator(h, y)
    with tf.GradientTape() as tape:
        loss, _ = by_hand.autoencoder_loss(x, by_hand.encoder_E(x), y)
    by_hand.step(by_hand.optimizer_A, tape, loss, by_hand.autoencoder_variables)
    by_hand.update_generator(y)
    for one, other in zip(gan.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_step_tells_its_losses_and_the_discriminators_outputs(data):
    logs = make_gan().train_step(data)
    assert set(logs) == {
        *("discriminator_loss", "reconstruction_loss", "classification_loss", "adversarial_loss"),
        *("generated_classification_loss", "D_real", "D_fake"),
    }
    assert all(np.isfinite(value) for value in logs.values())
    assert 0 < float(logs["D_real"]) < 1


# ---- synthetic vectors ------------------------------------------------------------------------------------


def test_synthetic_vectors_come_through_generator_and_decoder():
    gan, y = make_gan(), np.array([2, 0, 1, 1, 0, 2, 2])
    z = np.random.default_rng(3).standard_normal((len(y), N))
    by_hand = ByHand(gan)
    latent, vectors = gan.latent_of(y, seed=3), gan.synthesize(y, seed=3)
    assert (latent.shape, vectors.shape) == ((7, N), (7, D))
    assert latent.dtype == vectors.dtype == np.float32
    np.testing.assert_allclose(latent, by_hand.G(z, y), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(vectors, by_hand.R(by_hand.G(z, y)), rtol=1e-4, atol=1e-6)


def test_the_seed_decides_synthetic_vectors():
    gan, y = make_gan(), np.arange(K)
    first, again, other = (gan.synthesize(y, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
    gan.generate(tf.constant(y))  # what was drawn in training does not matter
    np.testing.assert_array_equal(first, gan.synthesize(y, seed=1))


def test_the_emotion_decides_synthetic_vectors():
    gan = make_gan()
    one, other = (gan.synthesize(np.full(4, y), seed=1) for y in (0, 1))
    assert (one != other).all()


def test_encode_gives_latent_vectors(data):
    gan = make_gan()
    x = np.array(data[0])
    np.testing.assert_allclose(gan.encode(x), ByHand(gan).E(x), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [1, 3])
def test_noise_is_standard_normal_and_new_for_every_batch(size):
    gan = make_gan()
    drawn = []
    gan.generator_G = lambda vectors, training: drawn.append(np.array(vectors)) or vectors
    y = tf.constant(np.arange(3000 * size) % K)
    gan.generate(y)
    gan.generate(y)
    z = [vectors[:, :N] for vectors in drawn]
    np.testing.assert_array_equal(drawn[0][:, N:], np.eye(K)[np.array(y)])
    assert (z[0] != z[1]).mean() > 0.99
    np.testing.assert_allclose([z[0].mean(), z[0].std()], [0, 1], atol=0.05)


# ---- training ---------------------------------------------------------------------------------------------


def make_batches(n: int = 14, batch_size: int = 4) -> training.Labelled:
    rng = np.random.default_rng(0)
    return training.Labelled(rng.normal(size=(n, D)), np.arange(n) % K, batch_size, seed=4)


def fitted(folder, seed: int = 1, epochs: int = 2, **options) -> ADAN:
    gan = make_gan(seed)
    training.train(gan, make_batches(), epochs, folder, **options)
    return gan


def state_of(gan: ADAN) -> list[np.ndarray]:
    """Weights, the noise's random state, optimizer slots and counters."""
    optimizers = [v for optimizer in gan.optimizers.values() for v in optimizer.variables]
    metrics = {id(v) for metric in gan.metrics for v in metric.variables}
    return [np.array(v) for v in [*gan.variables, *optimizers] if id(v) not in metrics]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> ADAN:
    """Trained in one go; the last batch of each epoch is smaller."""
    return fitted(tmp_path_factory.mktemp("undisturbed"), epochs=EPOCHS)


def test_same_seed_same_numbers_and_another_seed_others(tmp_path, undisturbed):
    again, other = fitted(tmp_path / "again", epochs=EPOCHS), fitted(tmp_path / "other", seed=2, epochs=1)
    assert same(state_of(undisturbed), state_of(again))
    assert not same(weights_of(*undisturbed.networks), weights_of(*other.networks))
    y = np.arange(K)
    np.testing.assert_array_equal(undisturbed.synthesize(y, 1), again.synthesize(y, 1))
    assert (undisturbed.synthesize(y, 1) != other.synthesize(y, 1)).all()


def test_eager_and_graph_give_the_same(undisturbed):
    """A loop over train_step, without graph or Keras's fit, draws the same noise and makes the same updates."""
    gan = make_gan()
    for batch in make_batches().dataset(0, EPOCHS):
        gan.train_step(batch)
    np.testing.assert_array_equal(gan.noise.state, undisturbed.noise.state)
    for one, other in zip(weights_of(*gan.networks), weights_of(*undisturbed.networks), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_every_batch_counts_the_smaller_last_one_too(undisturbed):
    assert int(undisturbed.optimizer_A.iterations) == EPOCHS * 4  # 14 vectors in batches of 4


class Interrupted(Exception):
    pass


@pytest.mark.parametrize(("epoch", "checkpoint_epochs"), [(3, 1), (4, 3)])
def test_an_interrupted_training_ends_bit_for_bit_as_an_undisturbed_one(
    tmp_path, undisturbed, monkeypatch, epoch, checkpoint_epochs
):
    def interrupt(task: str, done: int, total: int) -> None:
        if done == epoch:
            raise Interrupted

    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=itertools.count(1).__next__))
    with pytest.raises(Interrupted):
        fitted(tmp_path, epochs=EPOCHS, checkpoint_epochs=checkpoint_epochs, report=interrupt)
    kept = epoch - 1
    assert (tmp_path / "checkpoint" / f"epoch-{kept:06d}.index").exists()
    told = []
    gan = fitted(tmp_path, epochs=EPOCHS, report=lambda task, done, total: told.append(done))
    assert told == list(range(kept, EPOCHS + 1))
    assert same(state_of(gan), state_of(undisturbed))
    assert gan.noise.state.numpy().tolist() == undisturbed.noise.state.numpy().tolist()
    y = np.arange(K)
    np.testing.assert_array_equal(gan.synthesize(y, 1), undisturbed.synthesize(y, 1))


def test_finished_weights_are_read_into_other_networks(tmp_path, undisturbed):
    training.save_weights(undisturbed, tmp_path)
    gan = make_gan(seed=9)
    training.load_weights(gan, tmp_path)
    assert same(weights_of(*gan.networks), weights_of(*undisturbed.networks))


def test_it_learns(tmp_path):
    """Two classes far apart: the autoencoder reconstructs, and synthetic vectors lie where their class does."""
    rng = np.random.default_rng(0)
    y = np.arange(64) % 2
    x = (np.where(y == 1, 1.0, -1.0)[:, None] + 0.1 * rng.normal(size=(64, D))).astype(np.float32)
    gan = adan(SETTINGS, D, 2, 1)
    gan.compile(*(FusedAdam(0.01) for _ in range(3)))
    logs = []
    training.train(
        gan,
        training.Labelled(x, y, 16, seed=0),
        40,
        tmp_path,
        stop=lambda epoch, measured: logs.append(dict(measured)),
    )
    assert logs[-1]["reconstruction_loss"] < 0.1 * logs[0]["reconstruction_loss"]
    assert logs[-1]["generated_classification_loss"] < 0.1 * logs[0]["generated_classification_loss"]
    made = gan.synthesize(np.repeat([0, 1], 20), seed=0)
    assert (made[:20].mean(axis=1) < -0.5).all()
    assert (made[20:].mean(axis=1) > 0.5).all()


def test_multiply_adds_of_the_printed_networks():
    """A vector of EmoDB: forward and two backward passes; an update of D is next to nothing."""
    s = {"latent": 100, "autoencoder_units": (800, 800), "other_units": (100, 100)}
    coder = 4368 * 800 + 800 * 800 + 800 * 100
    one, two = (multiply_adds_a_vector(s | {"discriminator_updates": m}, 4368, 7) for m in (1, 2))
    assert 6 * coder < one < 6.2 * coder
    assert one < two < 1.02 * one
