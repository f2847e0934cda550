"""Adversarial autoencoder of emotional vectors (Sahu et al., Interspeech 2017).

An encoder E and a decoder R reproduce feature vectors; a discriminator D keeps the codes E(x) to a mixture prior, a
Gaussian an emotion (Makhzani et al. 2016, "Adversarial autoencoders": sec. 2, and sec. 2.3 for the labels that D
sees). Synthetic vectors are R(z), z from the Gaussian of their emotion. Letters: x a feature vector, y its emotion,
z a code.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfsergan import losses
from tfsergan.methods.adversarial import Adversarial, variables_of
from tfsergan.networks import GaussianMixture, mlp, multiply_adds


class Autoencoder(Adversarial):
    """Encoder and decoder alone: what the adversarial one is compared with.

    Args:
        encoder_E: feature vectors (B, D) to codes (B, N).
        decoder_R: codes (B, N) to feature vectors (B, D).
        tracked: as of `Adversarial`.
    """

    def __init__(
        self,
        encoder_E: keras.Model,
        decoder_R: keras.Model,
        tracked: tuple[str, ...] = ("reconstruction_loss",),
        **kwargs,
    ):
        super().__init__(tracked, **kwargs)
        self.encoder_E = encoder_E
        self.decoder_R = decoder_R

    @property
    def networks(self) -> list[keras.Model]:
        return [self.encoder_E, self.decoder_R]

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {"autoencoder": self.optimizer_A}

    @property
    def autoencoder_variables(self) -> list[keras.Variable]:
        """Of E and R."""
        return variables_of(self.encoder_E, self.decoder_R)

    def compile(self, optimizer_A: keras.optimizers.Optimizer) -> None:
        super().compile()
        self.optimizer_A = optimizer_A
        optimizer_A.build(self.autoencoder_variables)

    def train_step(self, data) -> dict:
        """One step of E and R on vectors x (B, D) of emotions y (B,)."""
        return self.track(**self.update_autoencoder(*data))

    def decode(self, z, y, training: bool = False):
        """Feature vectors R(z) (B, D) of codes z (B, N); their emotions y (B,) take no part here."""
        return self.decoder_R(z, training=training)

    def update_autoencoder(self, x, y) -> dict:
        """One step of E and R down |x - R(E(x))|^2, a mean over features."""
        with tf.GradientTape() as tape:
            z = self.encoder_E(x, training=True)
            loss = losses.reconstruction(x, self.decode(z, y, training=True))
        self.step(self.optimizer_A, tape, loss, self.autoencoder_variables)
        return {"reconstruction_loss": loss}

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Codes E(x) (n, N)."""
        return np.asarray(self.encoder_E(ops.convert_to_tensor(x, "float32"), training=False))


class AAE(Autoencoder):
    """The autoencoder and the discriminator that holds its codes to the prior.

    Args:
        encoder_E, decoder_R: as of `Autoencoder`.
        discriminator_D: a code and its one-hot emotion side by side (B, N + K) to the logit that the code comes
            from the prior (B, 1).
        prior: emotions (B,) to codes (B, N).
    """

    def __init__(
        self,
        encoder_E: keras.Model,
        decoder_R: keras.Model,
        discriminator_D: keras.Model,
        prior: GaussianMixture,
        **kwargs,
    ):
        tracked = ("reconstruction_loss", "discriminator_loss", "adversarial_loss", "D_prior", "D_code")
        super().__init__(encoder_E, decoder_R, tracked, **kwargs)
        self.discriminator_D = discriminator_D
        self.prior = prior

    @property
    def networks(self) -> list[keras.Model]:
        return [*super().networks, self.discriminator_D]

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        others = {"discriminator": self.optimizer_D, "encoder": self.optimizer_E}
        return {**super().optimizers, **others}

    def compile(
        self,
        optimizer_A: keras.optimizers.Optimizer,
        optimizer_D: keras.optimizers.Optimizer,
        optimizer_E: keras.optimizers.Optimizer,
        encoder_updates: int = 1,
    ) -> None:
        """Sets the optimizers.

        Args:
            optimizer_A: moves E and R down the reconstruction loss.
            optimizer_D: moves D.
            optimizer_E: moves E against D.
            encoder_updates: of E against D for one of D.
        """
        super().compile(optimizer_A)
        self.optimizer_D, self.optimizer_E = optimizer_D, optimizer_E
        self.encoder_updates = encoder_updates
        optimizer_D.build(self.discriminator_D.trainable_variables)
        optimizer_E.build(self.encoder_E.trainable_variables)

    def train_step(self, data) -> dict:
        """Reconstruction first, then regularisation: D once, E against it (Makhzani et al. 2016, sec. 2)."""
        x, y = data
        measured = self.update_autoencoder(x, y) | self.update_discriminator(x, y)
        for _ in range(self.encoder_updates):
            measured |= self.update_encoder(x, y)
        return self.track(**measured)

    def judge(self, z, y):
        """Logits of D on codes z (B, N) beside their emotions y (B,)."""
        return self.discriminator_D(beside_emotion(z, y, self.prior.classes), training=True)

    def update_discriminator(self, x, y) -> dict:
        """One step of D: codes drawn from the prior are real, those of the encoder are not."""
        z = self.encoder_E(x, training=True)
        with tf.GradientTape() as tape:
            prior, code = self.judge(self.prior(y), y), self.judge(z, y)
            loss = losses.adversarial(prior, 1.0) + losses.adversarial(code, 0.0)
        self.step(self.optimizer_D, tape, loss, self.discriminator_D.trainable_variables)
        return {"discriminator_loss": loss, "D_prior": ops.sigmoid(prior), "D_code": ops.sigmoid(code)}

    def update_encoder(self, x, y) -> dict:
        """One step of E alone down -log D(E(x), y)."""
        with tf.GradientTape() as tape:
            loss = losses.adversarial(self.judge(self.encoder_E(x, training=True), y), 1.0)
        self.step(self.optimizer_E, tape, loss, self.encoder_E.trainable_variables)
        return {"adversarial_loss": loss}

    @property
    def latent(self) -> int:
        """N."""
        return self.prior.dimensions

    def features_of(self, y, noise):
        """Synthetic vectors (B, D) of emotions y (B,), from standard normal noise (B, N)."""
        return self.decode(self.prior(y, noise), y)

    def synthesize(self, y: np.ndarray, seed: int) -> np.ndarray:
        """Synthetic feature vectors (n, D) of emotions y (n,), the codes drawn from a seed."""
        noise = np.random.default_rng(seed).standard_normal((len(y), self.latent)).astype(np.float32)
        return np.asarray(self.features_of(ops.convert_to_tensor(y), ops.convert_to_tensor(noise)))


def beside_emotion(vectors, y, emotions: int):
    """Vectors (B, M) and the one-hot of their emotions y (B,), side by side: (B, M + K)."""
    return ops.concatenate([vectors, ops.one_hot(y, emotions, dtype=vectors.dtype)], axis=1)


def coder(s: Mapping[str, Any], inputs: int, outputs: int, name: str, seed: int) -> keras.Model:
    """An encoder or a decoder: hidden layers `units`, dropout, a linear output."""
    shared = {name: s[name] for name in ("dropout", "leaky_relu_slope", "precision")}
    return mlp(inputs, s["units"], outputs, seed=seed, hidden=s["activation"], name=name, **shared)


def autoencoder(s: Mapping[str, Any], features: int, seed: int) -> Autoencoder:
    """A plain autoencoder of the same networks; `s` as of `aae`."""
    seeds = [int(state) for state in np.random.SeedSequence(seed).generate_state(2)]
    E = coder(s, features, s["latent"], "encoder_E", seeds[0])
    return Autoencoder(E, coder(s, s["latent"], features, "decoder_R", seeds[1]))


def aae(
    s: Mapping[str, Any], features: int, emotions: int, seed: int, kind: type[AAE] = AAE, given: int = 0
) -> AAE:
    """The adversarial autoencoder.

    Args:
        s: `latent`, `units`, `dropout`, `activation`, `leaky_relu_slope`, `code_discriminator_units`, `radius`,
            `deviation`, `precision`.
        features: D.
        emotions: K.
        seed: of all initial weights, of dropout and of the prior.
        kind: a subclass.
        given: values that its decoder sees beside a code.
    """
    seeds = [int(state) for state in np.random.SeedSequence(seed).generate_state(4)]
    latent = s["latent"]
    return kind(
        coder(s, features, latent, "encoder_E", seeds[0]),
        coder(s, latent + given, features, "decoder_R", seeds[1]),
        mlp(
            latent + emotions,
            s["code_discriminator_units"],
            1,
            seed=seeds[2],
            hidden=s["activation"],
            leaky_relu_slope=s["leaky_relu_slope"],
            name="discriminator_D",
        ),
        prior=GaussianMixture(emotions, latent, s["radius"], s["deviation"], seed=seeds[3]),
    )


def multiply_adds_a_vector(s: Mapping[str, Any], features: int, emotions: int) -> float:
    """Multiply-adds of one training vector in one epoch of an AAE, for estimates of time."""
    coding = multiply_adds(features, s["units"], s["latent"])
    judging = multiply_adds(s["latent"] + emotions, s["code_discriminator_units"], 1)
    return 6 * coding + coding + 6 * judging + s["encoder_updates"] * 3 * (coding + judging)
