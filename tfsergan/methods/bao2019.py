"""CycleGAN-based emotion style transfer (Bao, Neumann & Vu, Interspeech 2019).

N CycleGANs share a source domain S (unlabelled speech) and differ in the target domain T_i (the utterances
of emotion i); a classifier C keeps the generated emotions apart. Emotions are the leading axis E of every
tensor. The paper's letters: G_i: S -> T_i, F_i: T_i -> S, discriminators D_i^T and D_i^S, classifier C.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfsergan import losses
from tfsergan.methods.adversarial import Adversarial, variables_of
from tfsergan.networks import mlp, multiply_adds, parallel_mlp
from tfsergan.optimizers import FusedAdam, step_decay


class CyclePair(Adversarial):
    """The generators of all emotions, trained to undo each other: the paper's pre-training (sec. 4.1).

    Args:
        gen_G: maps (E, B, D) source vectors to (E, B, D) vectors of each emotion.
        gen_F: maps (E, B, D) vectors of each emotion to (E, B, D) source vectors.
        tracked: as of `Adversarial`.
    """

    def __init__(
        self, gen_G: keras.Model, gen_F: keras.Model, tracked: Sequence[str] = ("cycle_loss",), **kwargs
    ):
        super().__init__(tracked, **kwargs)
        self.gen_G = gen_G
        self.gen_F = gen_F
        self.emotions = gen_G.input_shape[0]

    @property
    def networks(self) -> list[keras.Model]:
        return [self.gen_G, self.gen_F]

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {"generators": self.optimizer_G}

    @property
    def generator_variables(self) -> list[keras.Variable]:
        return variables_of(self.gen_G, self.gen_F)

    def compile(self, optimizer_G: keras.optimizers.Optimizer) -> None:
        super().compile()
        self.optimizer_G = optimizer_G
        optimizer_G.build(self.generator_variables)

    def every_emotion(self, s):
        """One batch of source vectors (B, D), for each emotion: (E, B, D)."""
        return ops.broadcast_to(s[None], (self.emotions, *ops.shape(s)))

    def translate(self, s, t):
        """G_i(s) and F_i(t), both (E, B, D)."""
        return self.gen_G(s, training=True), self.gen_F(t, training=True)

    def cycle_loss(self, s, t, fake_t, fake_s):
        """Equation 3: |F_i(G_i(s)) - s|^2 + |G_i(F_i(t)) - t|^2, (E,)."""
        return losses.reconstruction(s, self.gen_F(fake_t, training=True)) + losses.reconstruction(
            t, self.gen_G(fake_s, training=True)
        )

    def train_step(self, data) -> dict:
        """One update of G and F on source vectors s (B, D) and target vectors t (E, B, D)."""
        s, t = self.every_emotion(data[0]), data[1]
        with tf.GradientTape() as tape:
            cycle_loss = self.cycle_loss(s, t, *self.translate(s, t))
            loss = ops.sum(cycle_loss)
        self.step(self.optimizer_G, tape, loss, self.generator_variables)
        return self.track(cycle_loss=cycle_loss)

    def transfer(
        self, source: np.ndarray, batch_size: int = 512, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Synthetic vectors (E, n, D): G_i(s) without dropout.

        Args:
            source: (n, D), scaled as in training.
            batch_size: vectors at a time.
            out: an array (E, n, D) float32 to write them into; a new one by default.
        """
        if out is None:
            out = np.empty((self.emotions, *source.shape), np.float32)
        for i in range(0, len(source), batch_size):
            s = ops.convert_to_tensor(source[i : i + batch_size])
            out[:, i : i + batch_size] = self.gen_G(self.every_emotion(s), training=False)
        return out


class EmotionCycleGAN(CyclePair):
    """N parallel CycleGANs with a classifier of the generated emotions (figure 1, equations 1-5).

    Args:
        gen_G, gen_F: as of `CyclePair`, pre-trained.
        disc_T: logits (E, B, 1) that a vector (E, B, D) is a real one of each emotion.
        disc_S: logits (E, B, 1) that a vector (E, B, D) is a real source vector.
        classifier_C: logits (B, E) of the emotion of a generated vector (B, D).
    """

    def __init__(
        self, gen_G, gen_F, disc_T: keras.Model, disc_S: keras.Model, classifier_C: keras.Model, **kwargs
    ):
        measured = ("discriminator_loss", "adversarial_loss", "cycle_loss", "classification_loss")
        tracked = (*measured, "D_T_real", "D_T_fake", "D_S_real", "D_S_fake")
        super().__init__(gen_G, gen_F, tracked, **kwargs)
        self.disc_T = disc_T
        self.disc_S = disc_S
        self.classifier_C = classifier_C

    def start_from(self, pair: CyclePair) -> None:
        """Takes over pre-trained generators."""
        self.gen_G.set_weights(pair.gen_G.get_weights())
        self.gen_F.set_weights(pair.gen_F.get_weights())

    @property
    def networks(self) -> list[keras.Model]:
        return [*super().networks, self.disc_T, self.disc_S, self.classifier_C]

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {"generators": self.optimizer_G, "discriminators": self.optimizer_D}

    @property
    def generator_variables(self) -> list[keras.Variable]:
        return super().generator_variables + variables_of(self.classifier_C)

    @property
    def discriminator_variables(self) -> list[keras.Variable]:
        return self.disc_T.trainable_variables + self.disc_S.trainable_variables

    def compile(
        self,
        optimizer_G: keras.optimizers.Optimizer,
        optimizer_D: keras.optimizers.Optimizer,
        lambda_cyc: float = 5.0,
        lambda_cls: float = 0.0,
        generator_updates: int = 2,
        real_label: float = 0.9,
    ) -> None:
        """Sets what sec. 4.1 and 4.2 set.

        Args:
            optimizer_G: moves G, F and C.
            optimizer_D: moves both discriminators.
            lambda_cyc, lambda_cls: weights of equation 5.
            generator_updates: updates of the generators for one of the discriminators.
            real_label: one-sided label smoothing: what D aims at on real vectors, and G on its own.
        """
        super().compile(optimizer_G)
        self.optimizer_D = optimizer_D
        self.lambda_cyc = lambda_cyc
        self.lambda_cls = lambda_cls
        self.generator_updates = generator_updates
        self.real_label = real_label
        optimizer_D.build(self.discriminator_variables)

    def train_step(self, data) -> dict:
        """D once, then G, F and C `generator_updates` times, on source s (B, D) and targets t (E, B, D)."""
        s, t = self.every_emotion(data[0]), data[1]
        with tf.GradientTape() as tape:
            # The discriminators judge the very vectors that the first generator update then improves.
            fake_t, fake_s = self.translate(s, t)
            with tape.stop_recording():
                measured = self.update_discriminators(s, t, fake_t, fake_s)
            loss, parts = self.generator_loss(s, t, fake_t, fake_s)
        self.update_generators(tape, loss)
        for _ in range(self.generator_updates - 1):
            with tf.GradientTape() as tape:
                loss, parts = self.generator_loss(s, t, *self.translate(s, t))
            self.update_generators(tape, loss)
        return self.track(**measured, **parts)

    def update_discriminators(self, s, t, fake_t, fake_s) -> dict:
        """One step up equation 2 for D_i^T and D_i^S; returns their loss (E,) and outputs (E, B, 1)."""
        with tf.GradientTape() as tape:
            T_real, T_fake = self.judge(self.disc_T, t, fake_t)
            S_real, S_fake = self.judge(self.disc_S, s, fake_s)
            d_loss = 0.5 * (self.discriminator_loss(T_real, T_fake) + self.discriminator_loss(S_real, S_fake))
            loss = ops.sum(d_loss)
        self.step(self.optimizer_D, tape, loss, self.discriminator_variables)
        outputs = {"D_T_real": T_real, "D_T_fake": T_fake, "D_S_real": S_real, "D_S_fake": S_fake}
        return {"discriminator_loss": d_loss, **{name: ops.sigmoid(z) for name, z in outputs.items()}}

    @staticmethod
    def judge(disc: keras.Model, real, fake):
        """Logits on real and on fake vectors, in one pass over the weights."""
        return ops.split(disc(ops.concatenate([real, fake], axis=1), training=True), 2, axis=1)

    def discriminator_loss(self, logits_real, logits_fake):
        """Equation 1, negated: -E[log D(real)] - E[log(1 - D(fake))] with smoothed real labels, (E,)."""
        return losses.adversarial(logits_real, self.real_label) + losses.adversarial(logits_fake, 0.0)

    def generator_loss(self, s, t, fake_t, fake_s):
        """Equation 5, summed over emotions, and its parts, each (E,)."""
        parts = {
            "adversarial_loss": self.adversarial_loss(fake_t, fake_s),
            "cycle_loss": self.cycle_loss(s, t, fake_t, fake_s),
            "classification_loss": self.classification_loss(fake_t),
        }
        loss = ops.sum(parts["adversarial_loss"]) + self.lambda_cyc * ops.sum(parts["cycle_loss"])
        return loss + self.lambda_cls * ops.sum(parts["classification_loss"]), parts

    def adversarial_loss(self, fake_t, fake_s):
        """Equation 2 as generators see it (non-saturating): -E[log D_T(G(s))] - E[log D_S(F(t))], (E,)."""
        on_target = losses.adversarial(self.disc_T(fake_t, training=True), self.real_label)
        return on_target + losses.adversarial(self.disc_S(fake_s, training=True), self.real_label)

    def classification_loss(self, fake_t):
        """Equation 4: cross-entropy of C(G_i(s)) against emotion i, (E,); no C where its weight is 0."""
        if not self.lambda_cls:
            return ops.zeros(self.emotions)
        E, B, D = self.emotions, ops.shape(fake_t)[1], fake_t.shape[2]
        logits = self.classifier_C(ops.reshape(fake_t, (E * B, D)), training=True)
        labels = ops.broadcast_to(ops.arange(E)[:, None], (E, B))
        return losses.classification(ops.reshape(logits, (E, B, E)), labels)

    def update_generators(self, tape: tf.GradientTape, loss) -> None:
        """One step of G and F, and of C where it takes part."""
        variables = self.generator_variables if self.lambda_cls else super().generator_variables
        self.step(self.optimizer_G, tape, loss, variables)


def generators(
    s: Mapping[str, Any], features: int, emotions: int, seed: int
) -> tuple[keras.Model, keras.Model]:
    """G and F of every emotion: feed-forward, three hidden layers (sec. 4.1).

    Args:
        s: `generator_units`, `dropout`, `leaky_relu_slope`, and perhaps `precision`, float32 by default.
        features: D.
        emotions: E.
        seed: of the initial weights and of dropout.
    """
    shared = options(s)
    seeds = np.random.SeedSequence(seed).generate_state(2 * emotions).reshape(2, emotions)
    gen_G = parallel_mlp(features, s["generator_units"], features, seeds=seeds[0], name="gen_G", **shared)
    return gen_G, parallel_mlp(
        features, s["generator_units"], features, seeds=seeds[1], name="gen_F", **shared
    )


def emotion_cycle_gan(s: Mapping[str, Any], features: int, emotions: int, seed: int) -> EmotionCycleGAN:
    """The networks of figure 1 (sec. 4.1).

    Args:
        s: as of `generators`, and `discriminator_units`, `domain_classifier_units`, `domain_classifier_dropout`.
        features, emotions, seed: as of `generators`.
    """
    seeds = np.random.SeedSequence([seed, 1]).generate_state(2 * emotions + 1)
    shared = options(s)
    disc_T, disc_S = (
        parallel_mlp(features, s["discriminator_units"], 1, seeds=part, name=name, **shared)
        for name, part in (("disc_T", seeds[:emotions]), ("disc_S", seeds[emotions:-1]))
    )
    shared["dropout"] = s["domain_classifier_dropout"]
    classifier_C = mlp(
        features, s["domain_classifier_units"], emotions, seed=seeds[-1], name="classifier_C", **shared
    )
    return EmotionCycleGAN(*generators(s, features, emotions, seed), disc_T, disc_S, classifier_C)


def options(s: Mapping[str, Any]) -> dict[str, Any]:
    """What all networks share but C's dropout."""
    precision = s.get("precision", "float32")  # runs recorded before there was a choice lack it
    return {"dropout": s["dropout"], "leaky_relu_slope": s["leaky_relu_slope"], "precision": precision}


def compile_as_printed(
    gan: EmotionCycleGAN, s: Mapping[str, Any], lambda_cls: float, decay_every: int
) -> None:
    """Compiles with Adam for both sides, their rates falling every so many iterations (sec. 4.1)."""
    gan.compile(
        FusedAdam(step_decay(s["learning_rate"], s["decay"], decay_every * s["generator_updates"])),
        FusedAdam(step_decay(s["learning_rate"], s["decay"], decay_every)),
        lambda_cyc=s["lambda_cyc"],
        lambda_cls=lambda_cls,
        generator_updates=s["generator_updates"],
        real_label=s["real_label"],
    )


def multiply_adds_an_iteration(s: Mapping[str, Any], features: int, emotions: int) -> tuple[float, float]:
    """Multiply-adds of an iteration of the pre-training and of one of the GAN, for estimates of time."""
    passes = 3  # one forward, two backward
    cycle = 4 * passes * multiply_adds(features, s["generator_units"], features)
    judging = 2 * multiply_adds(features, s["discriminator_units"], 1)
    gan = 2 * passes * judging + s["generator_updates"] * (cycle + 2 * judging)
    vectors = s["batch_size"] * emotions
    return vectors * cycle, vectors * gan
