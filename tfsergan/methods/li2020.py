"""Max-entropy adversarial network, MEnAN (Li, Tu, Huang, Narayanan & Georgiou, ICASSP 2020), and what it is compared with.

An encoder maps frames of an utterance to an embedding v = enc(x), from which EC tells the emotion and SC the
speaker. MEnAN trains ENC and EC so that SC, trained by itself, is left with no idea of the speaker. The paper's
letters: x frames, e emotion, k speaker, v embedding; ENC, EC, SC the three modules of figure 1.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfsergan import losses
from tfsergan.methods.adversarial import Adversarial, variables_of
from tfsergan.networks import GradientReversal, frame_encoder, mlp, multiply_adds, steps_after


class EmotionOnly(Adversarial):
    """The EC only model of table 2: equation 4 alone.

    Args:
        ENC: frames (B, T, D) to embeddings v (B, V).
        EC: embeddings (B, V) to logits of the emotion (B, E).
        tracked: as of `Adversarial`.
    """

    def __init__(
        self, ENC: keras.Model, EC: keras.Model, tracked=("emotion_loss", "emotion_accuracy"), **kwargs
    ):
        super().__init__(tracked, **kwargs)
        self.ENC = ENC
        self.EC = EC
        frames = tf.TensorSpec(ENC.input_shape, tf.float32)
        self.judge = tf.function(self.forward, input_signature=[frames])  # as a graph: its GRU has many steps

    @property
    def networks(self) -> list[keras.Model]:
        return [self.ENC, self.EC]

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {"emotion": self.optimizer_E}

    @property
    def emotion_variables(self) -> list[keras.Variable]:
        """What `optimizer_E` moves: all networks."""
        return variables_of(*self.networks)

    def compile(self, optimizer_E: keras.optimizers.Optimizer) -> None:
        super().compile()
        self.optimizer_E = optimizer_E
        optimizer_E.build(self.emotion_variables)

    def train_step(self, data) -> dict:
        """One step on frames x (B, T, D) of emotions e (B,); the speakers k (B,) have no part in it."""
        x, e, _ = data
        with tf.GradientTape() as tape:
            loss, measured = self.emotion_loss(self.ENC(x, training=True), e)
        self.step(self.optimizer_E, tape, loss, self.emotion_variables)
        return self.track(**measured)

    def emotion_loss(self, v, e):
        """Equation 4, and what is told of it."""
        logits = self.EC(v, training=True)
        loss = losses.classification(logits, e)
        return loss, {"emotion_loss": loss, "emotion_accuracy": accuracy(logits, e)}

    def forward(self, x):
        """Embeddings (B, V) and logits of the emotion (B, E) of frames x (B, T, D), nothing being trained."""
        v = self.ENC(x, training=False)
        return v, self.EC(v, training=False)

    def embed(self, x: np.ndarray) -> np.ndarray:
        """Embeddings (n, V) of frames (n, T, D)."""
        return np.asarray(self.judge(ops.convert_to_tensor(x, "float32"))[0])

    def predict_emotion(self, x: np.ndarray) -> np.ndarray:
        """Emotions (n,) of frames (n, T, D)."""
        return np.argmax(self.judge(ops.convert_to_tensor(x, "float32"))[1], axis=-1)


class WithSpeakers(EmotionOnly):
    """The emotion model with a classifier of speakers on the same embedding.

    Args:
        ENC, EC: as of `EmotionOnly`.
        SC: embeddings (B, V) to logits of the speaker (B, K).
        tracked: beyond those of the speakers' loss and accuracy.
    """

    def __init__(self, ENC: keras.Model, EC: keras.Model, SC: keras.Model, tracked=(), **kwargs):
        shared = ("emotion_loss", "emotion_accuracy", "speaker_loss", "speaker_accuracy")
        super().__init__(ENC, EC, tracked=(*shared, *tracked), **kwargs)
        self.SC = SC

    @property
    def networks(self) -> list[keras.Model]:
        return [self.ENC, self.EC, self.SC]

    def compile(self, optimizer_E: keras.optimizers.Optimizer, lambda_: float = 0.5) -> None:
        """Sets what table 1 sets.

        Args:
            optimizer_E: moves all that is not moved by another one.
            lambda_: weight of the emotion's loss, in (0, 1); the speaker's is 1 - lambda_.
        """
        super().compile(optimizer_E)
        self.lambda_ = lambda_

    def speaker_loss(self, v, k):
        """Equation 1, and what is told of it."""
        logits = self.SC(v, training=True)
        loss = losses.classification(logits, k)
        return loss, {"speaker_loss": loss, "speaker_accuracy": accuracy(logits, k)}


class MultiTask(WithSpeakers):
    """The multi-task model of table 2: one step of everything down lambda (equation 4) + (1 - lambda) (equation 1)."""

    def train_step(self, data) -> dict:
        x, e, k = data
        with tf.GradientTape() as tape:
            v = self.ENC(x, training=True)
            emotion, of_emotion = self.emotion_loss(v, e)
            speaker, of_speaker = self.speaker_loss(self.seen_by_SC(v), k)
            loss = self.lambda_ * emotion + (1 - self.lambda_) * speaker
        self.step(self.optimizer_E, tape, loss, self.emotion_variables)
        return self.track(**of_emotion, **of_speaker)

    def seen_by_SC(self, v):
        """The embeddings as SC gets them."""
        return v


class DAT(MultiTask):
    """Domain adversarial training (Ganin et al. 2016) of speakers: ENC goes up what SC goes down."""

    def __init__(self, *networks: keras.Model, **kwargs):
        super().__init__(*networks, **kwargs)
        self.reversal = GradientReversal()

    def seen_by_SC(self, v):
        return self.reversal(v)


class MEnAN(WithSpeakers):
    """The proposed network: SC by itself, then ENC and EC towards the greatest entropy of SC's output (sec. 3.3)."""

    def __init__(self, *networks: keras.Model, **kwargs):
        ENC, EC, SC = networks
        super().__init__(ENC, EC, SC, tracked=("speaker_entropy",), **kwargs)

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {"speaker": self.optimizer_S, "emotion": self.optimizer_E}

    @property
    def emotion_variables(self) -> list[keras.Variable]:
        """Of ENC and EC (sec. 3.3.2)."""
        return variables_of(self.ENC, self.EC)

    def compile(
        self,
        optimizer_S: keras.optimizers.Optimizer,
        optimizer_E: keras.optimizers.Optimizer,
        lambda_: float = 0.5,
    ) -> None:
        """As `WithSpeakers`, and `optimizer_S` moves SC (sec. 3.3.1)."""
        super().compile(optimizer_E, lambda_)
        self.optimizer_S = optimizer_S
        optimizer_S.build(self.SC.trainable_variables)

    def train_step(self, data) -> dict:
        """SC, then ENC and EC (sec. 3.3), on frames x (B, T, D) of emotions e (B,) and speakers k (B,)."""
        x, e, k = data
        with tf.GradientTape() as tape:
            v = self.ENC(x, training=True)  # SC's step does not move ENC: one pass serves both
            with tape.stop_recording():
                of_speaker = self.update_SC(v, k)
            emotion, of_emotion = self.emotion_loss(v, e)
            entropy = self.speaker_entropy(v)
            loss = self.lambda_ * emotion - (1 - self.lambda_) * entropy  # equation 5
        self.step(self.optimizer_E, tape, loss, self.emotion_variables)
        return self.track(**of_speaker, **of_emotion, speaker_entropy=entropy)

    def update_SC(self, v, k) -> dict:
        """One step of SC alone down equation 1."""
        with tf.GradientTape() as tape:
            loss, measured = self.speaker_loss(v, k)
        self.step(self.optimizer_S, tape, loss, self.SC.trainable_variables)
        return measured

    def speaker_entropy(self, v):
        """Equation 2: the entropy of SC's output, greatest where all speakers are as likely (equation 3)."""
        return losses.entropy(self.SC(v, training=True))


MODELS = {
    "EC only model": EmotionOnly,
    "Multi-task model": MultiTask,
    "DAT model": DAT,
    "Proposed MEnAN": MEnAN,
}
"""The rows of table 2."""


def accuracy(logits, labels):
    """The share of logits (B, classes) whose largest is that of the label (B,)."""
    return ops.mean(ops.cast(ops.equal(ops.argmax(logits, axis=-1), labels), "float32"))


def build(
    model: str, s: Mapping[str, Any], length: int, channels: int, emotions: int, speakers: int, seed: int
) -> EmotionOnly:
    """One of `MODELS` with the networks of table 1.

    Args:
        model: its name.
        s: `filters`, `kernels`, `strides`, `recurrent_units`, `classifier_units`.
        length: T, frames of an utterance.
        channels: D.
        emotions, speakers: how many.
        seed: of all initial weights.
    """
    seeds = [int(state) for state in np.random.SeedSequence(seed).generate_state(3)]
    convolutions = {name: s[name] for name in ("filters", "kernels", "strides")}
    units = s["recurrent_units"]
    ENC = frame_encoder(length, channels, **convolutions, units=units, seed=seeds[0], name="ENC")
    head: dict[str, Any] = {"hidden": "prelu"}
    EC = mlp(3 * units, s["classifier_units"], emotions, seed=seeds[1], name="EC", **head)
    if MODELS[model] is EmotionOnly:
        return EmotionOnly(ENC, EC)
    SC = mlp(3 * units, s["classifier_units"], speakers, seed=seeds[2], name="SC", **head)
    return MODELS[model](ENC, EC, SC)


def multiply_adds_an_utterance(s: Mapping[str, Any], length: int, channels: int) -> float:
    """Multiply-adds of one utterance's pass through ENC, for estimates of time."""
    total, inputs = 0.0, channels
    for filters, kernel, stride in zip(s["filters"], s["kernels"], s["strides"], strict=True):
        length = steps_after(length, [kernel], [stride])
        total += length * kernel * inputs * filters
        inputs = filters
    units = s["recurrent_units"]
    return total + length * (3 * units * (inputs + units) + multiply_adds(units, (), units))


def recurrent_steps(s: Mapping[str, Any], length: int) -> int:
    """Time steps of the GRU."""
    return steps_after(length, s["kernels"], s["strides"])
