"""Adversarial data augmentation network, ADAN (Yi & Mak, APSIPA 2019).

An autoencoder R(E(x)) with an auxiliary classifier C(E(x)) makes a latent space that tells emotions apart; a
generator G(z, y) and a discriminator D(h) play a GAN in that space. Synthetic vectors are R(G(z, y)). The paper's
letters: x a feature vector, y its emotion, z Gaussian noise, h = E(x) a latent vector.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfsergan import losses
from tfsergan.methods.adversarial import Adversarial, variables_of
from tfsergan.networks import mlp, multiply_adds

INVERTED, SATURATING = "equation 6", "equation 5"
"""The generator's loss: with inverted labels, or as the minimax game has it."""


class ADAN(Adversarial):
    """The five networks of figure 1, trained side by side (equations 1-6).

    Args:
        encoder_E: feature vectors (B, D) to latent vectors (B, N).
        decoder_R: latent vectors (B, N) to feature vectors (B, D).
        classifier_C: latent vectors (B, N) to logits of the emotion (B, K).
        generator_G: noise and one-hot emotion side by side (B, N + K) to latent vectors (B, N).
        discriminator_D: latent vectors (B, N) to the logit that they come from the encoder (B, 1).
        seed: of the noise.
    """

    def __init__(
        self,
        encoder_E: keras.Model,
        decoder_R: keras.Model,
        classifier_C: keras.Model,
        generator_G: keras.Model,
        discriminator_D: keras.Model,
        *,
        seed: int,
        **kwargs,
    ):
        tracked = ("discriminator_loss", "reconstruction_loss", "classification_loss", "adversarial_loss")
        super().__init__((*tracked, "generated_classification_loss", "D_real", "D_fake"), **kwargs)
        self.encoder_E = encoder_E
        self.decoder_R = decoder_R
        self.classifier_C = classifier_C
        self.generator_G = generator_G
        self.discriminator_D = discriminator_D
        self.noise = keras.random.SeedGenerator(seed)
        self.latent = decoder_R.input_shape[-1]
        self.emotions = classifier_C.output_shape[-1]

    @property
    def networks(self) -> list[keras.Model]:
        return [
            *(self.encoder_E, self.decoder_R, self.classifier_C),
            *(self.generator_G, self.discriminator_D),
        ]

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {
            "discriminator": self.optimizer_D,
            "autoencoder": self.optimizer_A,
            "generator": self.optimizer_G,
        }

    @property
    def autoencoder_variables(self) -> list[keras.Variable]:
        """Of E, R and C."""
        return variables_of(self.encoder_E, self.decoder_R, self.classifier_C)

    def compile(
        self,
        optimizer_D: keras.optimizers.Optimizer,
        optimizer_A: keras.optimizers.Optimizer,
        optimizer_G: keras.optimizers.Optimizer,
        discriminator_updates: int = 1,
        generator_loss: str = INVERTED,
    ) -> None:
        """Sets what sec. III-D sets.

        Args:
            optimizer_D: moves D.
            optimizer_A: moves E, R and C.
            optimizer_G: moves G.
            discriminator_updates: M, updates of D for one of the others.
            generator_loss: `INVERTED` or `SATURATING`.
        """
        super().compile()
        if generator_loss not in (INVERTED, SATURATING):
            raise ValueError(f"generator_loss is {INVERTED!r} or {SATURATING!r}, not {generator_loss!r}")
        self.optimizer_D, self.optimizer_A, self.optimizer_G = optimizer_D, optimizer_A, optimizer_G
        self.discriminator_updates = discriminator_updates
        self.inverted_labels = generator_loss == INVERTED
        optimizer_D.build(self.discriminator_D.trainable_variables)
        optimizer_A.build(self.autoencoder_variables)
        optimizer_G.build(self.generator_G.trainable_variables)

    def train_step(self, data) -> dict:
        """D M times, then E, R and C, then G (sec. III-D), on vectors x (B, D) of emotions y (B,)."""
        x, y = data
        with tf.GradientTape() as tape:
            h = self.encoder_E(x, training=True)  # D does not move E: one pass serves both
            with tape.stop_recording():
                for _ in range(self.discriminator_updates):
                    measured = self.update_discriminator(h, y)
            loss, parts = self.autoencoder_loss(x, h, y)
        self.step(self.optimizer_A, tape, loss, self.autoencoder_variables)
        return self.track(**measured, **parts, **self.update_generator(y))

    def generate(self, y, z=None, training: bool = False):
        """Latent vectors G(z, y) (B, N) for emotions y (B,), with a new z ~ N(0, I) by default."""
        if z is None:
            z = keras.random.normal((ops.shape(y)[0], self.latent), seed=self.noise)
        return self.generator_G(
            ops.concatenate([z, ops.one_hot(y, self.emotions)], axis=1), training=training
        )

    def update_discriminator(self, h_real, y) -> dict:
        """One step down equation 1: -log D(E(x)) - log(1 - D(G(z, y)))."""
        h_fake = self.generate(y, training=True)
        with tf.GradientTape() as tape:
            real, fake = (self.discriminator_D(h, training=True) for h in (h_real, h_fake))
            loss = losses.adversarial(real, 1.0) + losses.adversarial(fake, 0.0)
        self.step(self.optimizer_D, tape, loss, self.discriminator_D.trainable_variables)
        return {"discriminator_loss": loss, "D_real": ops.sigmoid(real), "D_fake": ops.sigmoid(fake)}

    def autoencoder_loss(self, x, h, y):
        """Equation 4, E's loss, and its two terms: equation 3, R's loss, and equation 2, C's.

        R is in the one term alone and C in the other, so that a step down equation 4 is one down all three.
        """
        reconstruction = losses.reconstruction(x, self.decoder_R(h, training=True))
        classification = losses.classification(self.classifier_C(h, training=True), y)
        parts = {"reconstruction_loss": reconstruction, "classification_loss": classification}
        return reconstruction + classification, parts

    def update_generator(self, y) -> dict:
        """One step of G alone down equation 6, or 5."""
        with tf.GradientTape() as tape:
            h = self.generate(y, training=True)
            adversarial = self.adversarial_loss(self.discriminator_D(h, training=True))
            classification = losses.classification(self.classifier_C(h, training=True), y)
            loss = adversarial + classification
        self.step(self.optimizer_G, tape, loss, self.generator_G.trainable_variables)
        return {"adversarial_loss": adversarial, "generated_classification_loss": classification}

    def adversarial_loss(self, logits):
        """First term of equation 6, -log D(G(z, y)), or of equation 5, log(1 - D(G(z, y)))."""
        return losses.adversarial(logits, 1.0) if self.inverted_labels else -losses.adversarial(logits, 0.0)

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Latent vectors E(x) (n, N)."""
        return np.asarray(self.encoder_E(ops.convert_to_tensor(x, "float32"), training=False))

    def latent_of(self, y: np.ndarray, seed: int) -> np.ndarray:
        """Synthetic latent vectors G(z, y) (n, N), the z drawn from a seed."""
        z = np.random.default_rng(seed).standard_normal((len(y), self.latent)).astype(np.float32)
        return np.asarray(self.generate(ops.convert_to_tensor(y), ops.convert_to_tensor(z)))

    def features_of(self, y, noise):
        """Synthetic feature vectors R(G(z, y)) (B, D) of emotions y (B,), with z the noise (B, N)."""
        return self.decoder_R(self.generate(y, noise), training=False)

    def synthesize(self, y: np.ndarray, seed: int) -> np.ndarray:
        """Synthetic feature vectors R(G(z, y)) (n, D) of emotions y (n,): the dotted line of figure 1."""
        return np.asarray(self.decoder_R(self.latent_of(y, seed), training=False))


@dataclass(frozen=True)
class Undecided:
    """A rule that ends the training: the discriminator tells real from synthetic no more (the authors' code).

    Args:
        after: epochs, at least.
        within: its mean outputs on real and on synthetic vectors are both 0.5 plus or minus this.
    """

    after: int
    within: float

    def __call__(self, epoch: int, logs: Mapping[str, float]) -> bool:
        # Both: one that tells all of them apart has a mean of one half, too.
        farthest = max(abs(logs[name] - 0.5) for name in ("D_real", "D_fake"))
        return epoch >= self.after and farthest <= self.within


def adan(s: Mapping[str, Any], features: int, emotions: int, seed: int) -> ADAN:
    """The networks of sec. III-D: two hidden layers each, linear outputs but for the latent vectors.

    Latent vectors of encoder and generator come out of a tanh, so that both start spread over the same range
    (sec. II-B).

    Args:
        s: `latent`, `autoencoder_units`, `other_units`, `activation`, `leaky_relu_slope`, `precision`.
        features: D.
        emotions: K.
        seed: of all initial weights and of the noise.
    """
    seeds = [int(state) for state in np.random.SeedSequence(seed).generate_state(6)]
    shared = {name: s[name] for name in ("leaky_relu_slope", "precision")} | {"hidden": s["activation"]}
    wide, narrow, latent = s["autoencoder_units"], s["other_units"], s["latent"]
    return ADAN(
        mlp(features, wide, latent, seed=seeds[0], final="tanh", name="encoder_E", **shared),
        mlp(latent, wide, features, seed=seeds[1], name="decoder_R", **shared),
        mlp(latent, narrow, emotions, seed=seeds[2], name="classifier_C", **shared),
        mlp(latent + emotions, narrow, latent, seed=seeds[3], final="tanh", name="generator_G", **shared),
        mlp(latent, narrow, 1, seed=seeds[4], name="discriminator_D", **shared),
        seed=seeds[5],
    )


def multiply_adds_a_vector(s: Mapping[str, Any], features: int, emotions: int) -> float:
    """Multiply-adds of one training vector in one epoch, for estimates of time."""
    latent, wide, narrow = s["latent"], s["autoencoder_units"], s["other_units"]
    coder = multiply_adds(features, wide, latent)
    small = multiply_adds(latent, narrow, latent)
    return s["discriminator_updates"] * 7 * small + 3 * (2 * coder + 4 * small)
