"""Vanilla and conditional GAN of feature vectors (Sahu, Gupta & Espy-Wilson, Interspeech 2018).

A generator G makes feature vectors from points z of a low-dimensional space, drawn from a mixture with a Gaussian an
emotion; a discriminator D tells them from real ones. The vanilla GAN (Goodfellow et al. 2014) sees no emotion but
through z; the conditional one (Mirza & Osindero 2014) shows it to both networks. Both start from the decoder of a
trained adversarial autoencoder. Letters: x a feature vector, y its emotion, z a point of the prior.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfsergan import losses
from tfsergan.methods.adversarial import Adversarial
from tfsergan.methods.sahu2017 import AAE, aae, beside_emotion, coder
from tfsergan.networks import GaussianMixture, mlp, multiply_adds


class ConditionalAAE(AAE):
    """An adversarial autoencoder whose decoder sees the emotion too: what a conditional GAN starts from."""

    def decode(self, z, y, training: bool = False):
        """Feature vectors R(z, y) (B, D)."""
        return self.decoder_R(beside_emotion(z, y, self.prior.classes), training=training)


class VanillaGAN(Adversarial):
    """G and D without labels (Goodfellow et al. 2014, equation 1, with the non-saturating loss of sec. 3).

    Args:
        generator_G: points of the prior (B, N) to feature vectors (B, D).
        discriminator_D: feature vectors (B, D) to the logit that they are real (B, 1).
        prior: emotions (B,) to points (B, N).
    """

    conditional = False

    def __init__(
        self, generator_G: keras.Model, discriminator_D: keras.Model, prior: GaussianMixture, **kwargs
    ):
        super().__init__(("discriminator_loss", "adversarial_loss", "D_real", "D_fake"), **kwargs)
        self.generator_G = generator_G
        self.discriminator_D = discriminator_D
        self.prior = prior

    def start_from(self, pretrained: AAE) -> None:
        """G takes over the decoder of a trained autoencoder."""
        self.generator_G.set_weights(pretrained.decoder_R.get_weights())

    @property
    def networks(self) -> list[keras.Model]:
        return [self.generator_G, self.discriminator_D]

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {"generator": self.optimizer_G, "discriminator": self.optimizer_D}

    def compile(
        self,
        optimizer_G: keras.optimizers.Optimizer,
        optimizer_D: keras.optimizers.Optimizer,
        generator_updates: int = 1,
    ) -> None:
        """Sets the optimizers.

        Args:
            optimizer_G, optimizer_D: move G and D.
            generator_updates: of G for one of D; more of them limit D.
        """
        super().compile()
        self.optimizer_G, self.optimizer_D = optimizer_G, optimizer_D
        self.generator_updates = generator_updates
        optimizer_G.build(self.generator_G.trainable_variables)
        optimizer_D.build(self.discriminator_D.trainable_variables)

    def train_step(self, data) -> dict:
        """D once, then G `generator_updates` times, on vectors x (B, D) of emotions y (B,)."""
        x, y = data
        measured = self.update_discriminator(x, y)
        for _ in range(self.generator_updates):
            measured |= self.update_generator(y)
        return self.track(**measured)

    def given(self, vectors, y):
        """What a network sees: the vectors alone."""
        return vectors

    def generate(self, y, noise=None, training: bool = False):
        """Vectors G(z) (B, D), z from the Gaussians of emotions y (B,)."""
        return self.generator_G(self.given(self.prior(y, noise), y), training=training)

    def judge(self, x, y):
        """Logits of D (B, 1)."""
        return self.discriminator_D(self.given(x, y), training=True)

    def update_discriminator(self, x, y) -> dict:
        """One step of D down -log D(x) - log(1 - D(G(z)))."""
        made = self.generate(y, training=True)
        with tf.GradientTape() as tape:
            real, fake = self.judge(x, y), self.judge(made, y)
            loss = losses.adversarial(real, 1.0) + losses.adversarial(fake, 0.0)
        self.step(self.optimizer_D, tape, loss, self.discriminator_D.trainable_variables)
        return {"discriminator_loss": loss, "D_real": ops.sigmoid(real), "D_fake": ops.sigmoid(fake)}

    def update_generator(self, y) -> dict:
        """One step of G alone down -log D(G(z))."""
        with tf.GradientTape() as tape:
            loss = losses.adversarial(self.judge(self.generate(y, training=True), y), 1.0)
        self.step(self.optimizer_G, tape, loss, self.generator_G.trainable_variables)
        return {"adversarial_loss": loss}

    @property
    def latent(self) -> int:
        """N."""
        return self.prior.dimensions

    def features_of(self, y, noise):
        """Synthetic vectors (B, D) of emotions y (B,), from standard normal noise (B, N)."""
        return self.generate(y, noise)

    def outputs_of(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """D's probability (n,) that vectors (n, D) of emotions y (n,) are real, without dropout."""
        x, y = ops.convert_to_tensor(x, "float32"), ops.convert_to_tensor(y)
        return np.asarray(ops.sigmoid(self.discriminator_D(self.given(x, y), training=False)))[:, 0]

    def synthesize(self, y: np.ndarray, seed: int) -> np.ndarray:
        """Synthetic feature vectors (n, D) of emotions y (n,), the points drawn from a seed."""
        noise = np.random.default_rng(seed).standard_normal((len(y), self.latent)).astype(np.float32)
        return np.asarray(self.features_of(ops.convert_to_tensor(y), ops.convert_to_tensor(noise)))


class ConditionalGAN(VanillaGAN):
    """G(z, y) and D(x, y) see the emotion (Mirza & Osindero 2014, equation 2).

    Args:
        generator_G: points of the prior and one-hot emotions side by side (B, N + K) to feature vectors (B, D).
        discriminator_D: feature vectors and one-hot emotions side by side (B, D + K) to logits (B, 1).
        prior: as of `VanillaGAN`.
    """

    conditional = True

    def given(self, vectors, y):
        """What a network sees: the vectors beside their emotions."""
        return beside_emotion(vectors, y, self.prior.classes)


def gan(
    s: Mapping[str, Any], features: int, emotions: int, seed: int, kind: type[VanillaGAN] = VanillaGAN
) -> VanillaGAN:
    """The GAN whose generator has the shape of the autoencoder's decoder.

    Args:
        s: as of `sahu2017.aae`, and `discriminator_units`, `discriminator_dropout`.
        features: D.
        emotions: K.
        seed: of all initial weights, of dropout and of the prior.
        kind: `VanillaGAN` or `ConditionalGAN`.
    """
    seeds = [int(state) for state in np.random.SeedSequence([seed, 1]).generate_state(3)]
    given = emotions if kind.conditional else 0
    return kind(
        coder(s, s["latent"] + given, features, "generator_G", seeds[0]),
        mlp(
            features + given,
            s["discriminator_units"],
            1,
            seed=seeds[1],
            hidden=s["activation"],
            dropout=s["discriminator_dropout"],
            leaky_relu_slope=s["leaky_relu_slope"],
            precision=s["precision"],
            name="discriminator_D",
        ),
        prior=GaussianMixture(emotions, s["latent"], s["radius"], s["deviation"], seed=seeds[2]),
    )


def pretrained(s: Mapping[str, Any], features: int, emotions: int, seed: int, kind: type[VanillaGAN]) -> AAE:
    """The autoencoder, still to be trained, that a GAN of this kind starts from."""
    if kind.conditional:
        return aae(s, features, emotions, seed, ConditionalAAE, given=emotions)
    return aae(s, features, emotions, seed)


def multiply_adds_a_vector(s: Mapping[str, Any], features: int) -> float:
    """Multiply-adds of one training vector in one epoch of a GAN, for estimates of time."""
    making = multiply_adds(s["latent"], s["units"], features)
    judging = multiply_adds(features, s["discriminator_units"], 1)
    return making + 6 * judging + s["generator_updates"] * (3 * making + 2 * judging)
