"""Mixup-augmented generative adversarial network (Latif et al., Interspeech 2020).

Vectors x_in are training vectors and mixtures of two (equations 1 and 2, see `tfsergan.augmentation.mixup`). An
encoder E compresses them to z = E(x_in); the generator G is also the decoder: synthetic vectors are G(z). The
discriminator D judges by unmixed vectors alone, those with lambda 0 or 1. The paper's letters, without their
index e.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfsergan import losses
from tfsergan.methods.adversarial import Adversarial, variables_of
from tfsergan.networks import mlp, multiply_adds


class Autoencoder(Adversarial):
    """Encoder and decoder that give back what they are shown: the paper's pre-training (sec. 4.3).

    Args:
        encoder_E: feature vectors (B, D) to encoded vectors (B, N).
        generator_G: encoded vectors (B, N) to feature vectors (B, D).
        tracked: as of `Adversarial`.
    """

    def __init__(
        self,
        encoder_E: keras.Model,
        generator_G: keras.Model,
        tracked: Sequence[str] = ("reconstruction_loss",),
        **kwargs,
    ):
        super().__init__(tracked, **kwargs)
        self.encoder_E = encoder_E
        self.generator_G = generator_G

    @property
    def networks(self) -> list[keras.Model]:
        return [self.encoder_E, self.generator_G]

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {"autoencoder": self.optimizer_A}

    @property
    def autoencoder_variables(self) -> list[keras.Variable]:
        return variables_of(self.encoder_E, self.generator_G)

    def compile(self, optimizer_A: keras.optimizers.Optimizer) -> None:
        super().compile()
        self.optimizer_A = optimizer_A
        optimizer_A.build(self.autoencoder_variables)

    def train_step(self, data) -> dict:
        """One update of E and G on vectors x_in (B, D); which of them are unmixed does not matter."""
        return self.track(**self.update_autoencoder(data[0]))

    def update_autoencoder(self, x_in) -> dict:
        """One step of E and G down equation 3: |x_in - G(E(x_in))|^2."""
        with tf.GradientTape() as tape:
            loss = losses.reconstruction(x_in, self.reconstructed(x_in))
        self.step(self.optimizer_A, tape, loss, self.autoencoder_variables)
        return {"reconstruction_loss": loss}

    def reconstructed(self, x_in):
        """G(E(x_in)) (B, D), with dropout."""
        return self.generator_G(self.encoder_E(x_in, training=True), training=True)

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Encoded vectors E(x) (n, N)."""
        return np.asarray(self.encoder_E(ops.convert_to_tensor(x, "float32"), training=False))

    def synthesize(self, x: np.ndarray) -> np.ndarray:
        """Synthetic vectors G(E(x)) (n, D), one of each vector (n, D)."""
        return np.asarray(self.generator_G(self.encode(x), training=False))


class MixupGAN(Autoencoder):
    """Encoder, generator and discriminator of figure 1, trained in turn (equations 3 and 4).

    Args:
        encoder_E, generator_G: as of `Autoencoder`, pre-trained.
        discriminator_D: feature vectors (B, D) to the logit that they are real (B, 1).
    """

    def __init__(
        self, encoder_E: keras.Model, generator_G: keras.Model, discriminator_D: keras.Model, **kwargs
    ):
        tracked = ("reconstruction_loss", "adversarial_loss", "discriminator_loss", "D_real", "D_fake")
        super().__init__(encoder_E, generator_G, tracked, **kwargs)
        self.discriminator_D = discriminator_D

    def start_from(self, autoencoder: Autoencoder) -> None:
        """Takes over a pre-trained encoder and decoder."""
        self.encoder_E.set_weights(autoencoder.encoder_E.get_weights())
        self.generator_G.set_weights(autoencoder.generator_G.get_weights())

    @property
    def networks(self) -> list[keras.Model]:
        return [*super().networks, self.discriminator_D]

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {
            **super().optimizers,
            "generator": self.optimizer_G,
            "discriminator": self.optimizer_D,
        }

    def compile(
        self,
        optimizer_A: keras.optimizers.Optimizer,
        optimizer_G: keras.optimizers.Optimizer,
        optimizer_D: keras.optimizers.Optimizer,
    ) -> None:
        """Sets an optimizer for each of the three updates.

        Args:
            optimizer_A: moves E and G down equation 3.
            optimizer_G: moves G alone down its part of equation 4.
            optimizer_D: moves D up equation 4.
        """
        super().compile(optimizer_A)
        self.optimizer_G, self.optimizer_D = optimizer_G, optimizer_D
        optimizer_G.build(self.generator_G.trainable_variables)
        optimizer_D.build(self.discriminator_D.trainable_variables)

    def train_step(self, data) -> dict:
        """The autoencoder, then the generator, then the discriminator (sec. 3.3).

        Args:
            data: vectors x_in (B, D), and (B,) 1 where they are unmixed (lambda 0 or 1), else 0.
        """
        x_in, unmixed = data
        measured = self.update_autoencoder(x_in) | self.update_generator(x_in)
        return self.track(**measured, **self.update_discriminator(x_in, unmixed))

    def update_generator(self, x_in) -> dict:
        """One step of G alone down its part of equation 4, for all vectors (non-saturating): -log D(G(E(x_in)))."""
        z = self.encoder_E(x_in, training=True)
        with tf.GradientTape() as tape:
            fake = self.generator_G(z, training=True)
            loss = losses.adversarial(self.discriminator_D(fake, training=True), 1.0)
        self.step(self.optimizer_G, tape, loss, self.generator_G.trainable_variables)
        return {"adversarial_loss": loss}

    def update_discriminator(self, x_in, unmixed) -> dict:
        """One step of D up equation 4, for unmixed vectors alone: -log D(x) - log(1 - D(G(E(x))))."""
        weights = ops.cast(unmixed, x_in.dtype)[:, None]
        fake = self.reconstructed(x_in)
        with tf.GradientTape() as tape:
            logits = {"D_real": self.discriminator_D(x_in, training=True)}
            logits["D_fake"] = self.discriminator_D(fake, training=True)
            loss = losses.adversarial(logits["D_real"], 1.0, weights)
            loss += losses.adversarial(logits["D_fake"], 0.0, weights)
        self.step(self.optimizer_D, tape, loss, self.discriminator_D.trainable_variables)
        outputs = {name: losses.weighted_mean(ops.sigmoid(z), weights) for name, z in logits.items()}
        return {"discriminator_loss": loss, **outputs}


def autoencoder(s: Mapping[str, Any], features: int, latent: int, seed: int) -> Autoencoder:
    """An autoencoder of one's own layers, with one dropout layer a network: after its first hidden layer.

    Args:
        s: `encoder_units`, `decoder_units`, `dropout`, `leaky_relu_slope`, `precision`, and perhaps `activation`.
        features: D.
        latent: N.
        seed: of the initial weights and of dropout.
    """
    seeds = np.random.SeedSequence(seed).generate_state(2)
    shared = {name: s[name] for name in ("leaky_relu_slope", "precision")}
    shared["hidden"] = s.get("activation", "leaky_relu")
    encoder_E, generator_G = (
        mlp(
            inputs,
            units,
            outputs,
            seed=int(own),
            dropout=[s["dropout"], *[0.0] * (len(units) - 1)],
            name=name,
            **shared,
        )
        for inputs, units, outputs, own, name in (
            (features, s["encoder_units"], latent, seeds[0], "encoder_E"),
            (latent, s["decoder_units"], features, seeds[1], "generator_G"),
        )
    )
    return Autoencoder(encoder_E, generator_G)


def mixup_gan(s: Mapping[str, Any], features: int, latent: int, seed: int) -> MixupGAN:
    """The networks of sec. 4.3, outputs linear.

    Args:
        s: as of `autoencoder`, and `discriminator_units`.
        features, latent, seed: as of `autoencoder`.
    """
    own = int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])
    shared = {name: s[name] for name in ("leaky_relu_slope", "precision")}
    discriminator_D = mlp(features, s["discriminator_units"], 1, seed=own, name="discriminator_D", **shared)
    encoder_E, generator_G = autoencoder(s, features, latent, seed).networks
    return MixupGAN(encoder_E, generator_G, discriminator_D)


def multiply_adds_a_vector(s: Mapping[str, Any], features: int, latent: int) -> tuple[float, float]:
    """Multiply-adds of a vector in one update of the pre-training and of the GAN, for estimates of time."""
    E = multiply_adds(features, s["encoder_units"], latent)
    G = multiply_adds(latent, s["decoder_units"], features)
    D = multiply_adds(features, s.get("discriminator_units", ()), 1)
    pretraining = 3.0 * (E + G)  # one forward, two backward
    return pretraining, pretraining + (E + 3 * G + 2 * D) + (E + G + 6 * D)
