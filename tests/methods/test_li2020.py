"""The method of Li et al. 2020: table 1's sizes, its equations against numpy, what an update moves, exact resume."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfsergan import papers, training
from tfsergan.methods.li2020 import (
    DAT,
    MODELS,
    EmotionOnly,
    MEnAN,
    MultiTask,
    build,
    multiply_adds_an_utterance,
    recurrent_steps,
)
from tfsergan.optimizers import FusedAdam
from tfsergan.ragged import Ragged

B, T, D, E, K = 6, 30, 5, 3, 4
SETTINGS = {
    **{"filters": (4, 3), "kernels": (10, 5), "strides": (2, 2)},
    **{"recurrent_units": 3, "classifier_units": (5, 4)},
}
EPOCHS = 4


def make(model: str, seed: int = 1, lambda_: float = 0.5):
    made = build(model, SETTINGS, T, D, E, K, seed)
    optimizers = [FusedAdam(0.01) for _ in made_optimizers(made)]
    made.compile(*optimizers, *([lambda_] if type(made) is not EmotionOnly else []))
    return made


def made_optimizers(model) -> range:
    return range(2 if isinstance(model, MEnAN) else 1)


@pytest.fixture
def data() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Frames (B, T, D), their emotions and speakers (B,)."""
    rng = np.random.default_rng(5)
    x = tf.constant(rng.normal(size=(B, T, D)), tf.float32)
    return x, tf.constant(rng.integers(0, E, B), tf.int32), tf.constant(rng.integers(0, K, B), tf.int32)


def weights_of(*models: keras.Model) -> list[np.ndarray]:
    return [np.array(weight) for model in models for weight in model.get_weights()]


def same(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


# ---- table 1 ----------------------------------------------------------------------------------------------


def test_parameters_of_table_1():
    """Convolution: kernel x in x out + out; PReLU 1; GRU: 3 gates x (in + hidden + two biases) x hidden."""
    menan = build("Proposed MEnAN", papers.load("li2020").settings(), 1397, 43, 4, 8, seed=0)
    convolutions = (10 * 43 * 32 + 32) + 1 + (5 * 32 * 32 + 32) + 1
    gru = 3 * (32 + 32 + 2) * 32
    assert menan.ENC.count_params() == convolutions + gru + (32 * 32 + 32) + 1 == 26_339
    head = (3 * 32 * 32 + 32) + 1 + (32 * 10 + 10) + 1
    assert menan.EC.count_params() == head + 10 * 4 + 4 == 3_480
    assert menan.SC.count_params() == head + 10 * 8 + 8 == 3_524
    assert menan.ENC.output_shape == (None, 96)


def test_steps_and_work_of_fourteen_seconds():
    s = papers.load("li2020").settings()
    assert recurrent_steps(s, 1397) == 345  # (1397 - 10) // 2 + 1 = 694, (694 - 5) // 2 + 1
    convolutions = 694 * 10 * 43 * 32 + 345 * 5 * 32 * 32
    assert multiply_adds_an_utterance(s, 1397, 43) == convolutions + 345 * (3 * 32 * 64 + 32 * 32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def encoder_by_hand(ENC: keras.Model, x: np.ndarray) -> np.ndarray:
    """ENC in numpy: convolutions, GRU step by step, dense layer, statistics."""
    weights = {layer.name: [np.asarray(w, float) for w in layer.get_weights()] for layer in ENC.layers}

    def prelu(x, slope):
        return np.where(x > 0, x, slope * x)

    for i in (1, 2):
        kernel, bias = weights[f"conv_{i}"]
        size = len(kernel)
        windows = [x[:, t : t + size] for t in range(0, x.shape[1] - size + 1, 2)]
        x = np.stack([np.einsum("btc,tco->bo", window, kernel) for window in windows], axis=1) + bias
        x = prelu(x, weights[f"prelu_{i}"][0].item())
    kernel, recurrent, (bias_in, bias_hidden) = weights["gru"]
    h, states = np.zeros((len(x), len(recurrent))), []
    for t in range(x.shape[1]):
        z_in, r_in, n_in = np.split(x[:, t] @ kernel + bias_in, 3, axis=1)
        z_h, r_h, n_h = np.split(h @ recurrent + bias_hidden, 3, axis=1)
        z = sigmoid(z_in + z_h)
        h = z * h + (1 - z) * np.tanh(n_in + sigmoid(r_in + r_h) * n_h)
        states.append(h)
    kernel, bias = weights["dense"]
    x = prelu(np.stack(states, axis=1) @ kernel + bias, weights["prelu_dense"][0].item())
    return np.concatenate([x.mean(axis=1), np.sqrt(x.var(axis=1) + 1e-6), x.max(axis=1)], axis=1)


def head_by_hand(network: keras.Model, v: np.ndarray) -> np.ndarray:
    w = weights_of(network)
    for i in (0, 3):
        v = v @ w[i] + w[i + 1]
        v = np.where(v > 0, v, w[i + 2].item() * v)
    return v @ w[6] + w[7]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def test_encoder_and_classifiers_by_hand(data):
    menan = make("Proposed MEnAN")
    v = encoder_by_hand(menan.ENC, np.array(data[0], float))
    np.testing.assert_allclose(menan.embed(data[0]), v, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(
        menan.predict_emotion(data[0]), np.argmax(head_by_hand(menan.EC, v), axis=1)
    )


def test_slopes_start_at_a_quarter():
    menan = make("Proposed MEnAN")
    slopes = [w for network in menan.networks for w in network.weights if "prelu" in w.path]
    assert len(slopes) == 3 + 2 + 2
    assert all(np.size(slope) == 1 and np.array(slope).item() == 0.25 for slope in slopes)


# ---- the equations, in numpy ------------------------------------------------------------------------------


def test_equations_1_2_and_4(data):
    menan = make("Proposed MEnAN")
    x, e, k = (np.array(part) for part in data)
    v = encoder_by_hand(menan.ENC, x.astype(float))
    log_speaker, log_emotion = (log_softmax(head_by_hand(net, v)) for net in (menan.SC, menan.EC))
    rows = np.arange(B)
    loss, told = menan.speaker_loss(menan.ENC(x), data[2])
    np.testing.assert_allclose(loss, -log_speaker[rows, k].mean(), rtol=1e-4)
    np.testing.assert_allclose(told["speaker_accuracy"], (log_speaker.argmax(axis=1) == k).mean())
    entropy = -(np.exp(log_speaker) * log_speaker).sum(axis=1).mean()
    np.testing.assert_allclose(menan.speaker_entropy(menan.ENC(x)), entropy, rtol=1e-4)
    np.testing.assert_allclose(
        menan.emotion_loss(menan.ENC(x), data[1])[0], -log_emotion[rows, e].mean(), rtol=1e-4
    )


@pytest.mark.parametrize("lambda_", [0.5, 0.8])
def test_a_step_of_menan_is_sc_then_enc_and_ec_down_equation_5(data, lambda_):
    menan, other = make("Proposed MEnAN", lambda_=lambda_), make("Proposed MEnAN")
    x, e, k = data
    other.update_SC(other.ENC(x), k)
    with tf.GradientTape() as tape:
        v = other.ENC(x)
        loss = lambda_ * other.emotion_loss(v, e)[0] - (1 - lambda_) * other.speaker_entropy(v)
    other.step(other.optimizer_E, tape, loss, other.emotion_variables)
    told = menan.train_step(data)
    for one, by_hand in zip(weights_of(*menan.networks), weights_of(*other.networks), strict=True):
        np.testing.assert_allclose(one, by_hand, rtol=1e-4, atol=1e-5)
    assert set(told) == {
        *("emotion_loss", "emotion_accuracy", "speaker_loss", "speaker_accuracy", "speaker_entropy")
    }


def gradients_of(model, data) -> dict[str, list[np.ndarray]]:
    """What a step goes down, by network."""
    seen = {}
    model.step = lambda optimizer, tape, loss, variables: seen.update(
        zip([id(v) for v in variables], tape.gradient(loss, variables), strict=True)
    )
    model.train_step(data)
    return {net.name: [np.array(seen[id(v)]) for v in net.trainable_variables] for net in model.networks}


def test_dat_goes_up_in_enc_what_multi_task_goes_down(data):
    """SC and EC have the same gradients in both; that of ENC's speaker term is turned."""
    multi, dat = make("Multi-task model", lambda_=0.3), make("DAT model", lambda_=0.3)
    down, turned = gradients_of(multi, data), gradients_of(dat, data)
    for name in ("EC", "SC"):
        for one, other in zip(down[name], turned[name], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    only = gradients_of(make("EC only model"), data)["ENC"]
    for one, other, emotion in zip(down["ENC"], turned["ENC"], only, strict=True):
        np.testing.assert_allclose((one + other) / 2, 0.3 * emotion, rtol=1e-3, atol=1e-5)
    assert any(
        np.abs(one - other).max() > 1e-4 for one, other in zip(down["ENC"], turned["ENC"], strict=True)
    )


# ---- what an update moves ---------------------------------------------------------------------------------


def test_an_update_of_sc_moves_sc_alone(data):
    menan = make("Proposed MEnAN")
    rest, were = weights_of(menan.ENC, menan.EC), weights_of(menan.SC)
    menan.update_SC(menan.ENC(data[0]), data[2])
    assert same(rest, weights_of(menan.ENC, menan.EC))
    assert not same(were, weights_of(menan.SC))


def test_the_step_of_enc_and_ec_leaves_sc(data):
    menan = make("Proposed MEnAN")
    update, kept = menan.update_SC, []
    menan.update_SC = lambda v, k: (update(v, k), kept.append(weights_of(menan.SC)))[0]
    were = weights_of(menan.ENC, menan.EC)
    menan.train_step(data)
    assert same(kept[0], weights_of(menan.SC))
    now = weights_of(menan.ENC, menan.EC)
    assert not any(np.array_equal(a, b) for a, b in zip(were, now, strict=True) if a.size > 4)


@pytest.mark.parametrize("name", MODELS)
def test_update_counts(data, name):
    model = make(name)
    for _ in range(3):
        model.train_step(data)
    assert [int(o.iterations) for o in model.optimizers.values()] == [3] * len(model.optimizers)
    assert len(model.optimizers) == (2 if name == "Proposed MEnAN" else 1)


def test_speakers_have_no_part_in_ec_only(data):
    one, other = make("EC only model"), make("EC only model")
    one.train_step(data)
    other.train_step((*data[:2], (data[2] + 1) % K))
    assert same(weights_of(*one.networks), weights_of(*other.networks))


def test_rows_of_table_2_are_their_classes():
    assert [type(make(name)) for name in MODELS] == [EmotionOnly, MultiTask, DAT, MEnAN]
    start = [weights_of(make(name).ENC, make(name).EC) for name in MODELS]
    assert all(same(start[0], other) for other in start)


# ---- training ---------------------------------------------------------------------------------------------


def make_batches(n: int = 14) -> training.Utterances:
    rng = np.random.default_rng(0)
    lengths = rng.integers(20, 45, n)
    x = Ragged(rng.normal(size=(lengths.sum(), D)).astype(np.float32), lengths)
    return training.Utterances(x, (np.arange(n) % E, np.arange(n) % K), T, batch_size=4, seed=4)


class Interrupted(Exception):
    pass


def fitted(folder, model="Proposed MEnAN", report=lambda *_: None):
    """Trained with a score that is best in the middle, the same for the same weights."""
    made = make(model)
    (x, _, _), *_ = make_batches().dataset(0, 1)

    def score() -> float:
        return float(np.sin(1e3 * np.abs(made.embed(x)).sum()))

    training.train(
        made, make_batches(), EPOCHS, folder, checkpoint_epochs=2, keep_best={"a": score}, report=report
    )
    return made


@pytest.mark.parametrize("model", ["Proposed MEnAN", pytest.param("DAT model", marks=pytest.mark.slow)])
def test_an_interrupted_training_ends_bit_for_bit_as_an_undisturbed_one(tmp_path, model, monkeypatch):
    whole = fitted(tmp_path / "whole", model)
    best = training.load_best(made := make(model), tmp_path / "whole", "a")

    def interrupt(task: str, done: int, total: int) -> None:
        if done == 3:
            raise Interrupted

    monkeypatch.setattr(training.time, "monotonic", iter(range(10**6)).__next__)
    with pytest.raises(Interrupted):
        fitted(tmp_path / "broken", model, interrupt)
    assert (tmp_path / "broken" / "checkpoint" / "epoch-000002.index").exists()
    again = fitted(tmp_path / "broken", model)
    assert same(weights_of(*whole.networks), weights_of(*again.networks))
    assert training.load_best(again, tmp_path / "broken", "a") == best
    assert same(weights_of(*made.networks), weights_of(*again.networks))


def test_it_learns_the_emotion_and_forgets_the_speaker(tmp_path):
    """Two channels, one of emotion, one of speaker: MEnAN's SC is left near chance, multi-task's is not."""
    rng = np.random.default_rng(0)
    e, k = np.arange(64) % 2, np.arange(64) // 2 % 2
    x = rng.normal(0, 0.3, (64, T, D)).astype(np.float32)
    x[:, :, 0] += 2 * e[:, None] - 1
    x[:, :, 1] += 2 * k[:, None] - 1
    told = {}
    for name in ("Multi-task model", "Proposed MEnAN"):
        model = build(name, SETTINGS | {"recurrent_units": 6}, T, D, 2, 2, 0)
        model.compile(*(FusedAdam(0.01) for _ in made_optimizers(model)))
        batches = training.Utterances(Ragged(x.reshape(-1, D), np.full(64, T)), (e, k), T, 16, seed=0)
        logs = []
        training.train(
            model, batches, 25, tmp_path / name, stop=lambda epoch, m, logs=logs: logs.append(dict(m))
        )
        told[name] = logs[-1]
    assert all(logs["emotion_accuracy"] > 0.95 for logs in told.values())
    assert told["Multi-task model"]["speaker_accuracy"] > 0.95
    assert told["Proposed MEnAN"]["speaker_entropy"] > 0.8 * np.log(2)
