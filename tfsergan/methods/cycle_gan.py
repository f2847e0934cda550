"""Cycle-consistent GAN between a labelled and an unlabelled corpus (Zhu et al. 2017; Su & Lee 2021, sec. 2.2.1).

What the paper calls TC, and what its CCEmoGAN and its other baselines are made from. Repeats R with weights of their
own are the leading axis of every tensor. The paper's letters: G_{S->T}, G_{T->S}, D_S, D_T; Z, the emotion that
G_{T->S} may be told, one of K.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfsergan import losses
from tfsergan.methods.adversarial import Adversarial, variables_of
from tfsergan.networks import multiply_adds, parallel_mlp


class Translators(Adversarial):
    """G_{S->T} and G_{T->S}, trained on the identity loss: how the generators start (sec. 3).

    Args:
        gen_ST: source vectors (R, B, D) to target vectors (R, B, D).
        gen_TS: target vectors, with the emotion beside them where it is conditional, (R, B, D or D + K), to source
            vectors (R, B, D).
        tracked: as of `Adversarial`.
    """

    def __init__(
        self, gen_ST: keras.Model, gen_TS: keras.Model, tracked: Sequence[str] = ("identity_loss",), **kwargs
    ):
        super().__init__(tracked, **kwargs)
        self.gen_ST, self.gen_TS = gen_ST, gen_TS
        self.emotions = gen_TS.input_shape[-1] - gen_TS.output_shape[-1]  # K, or 0 without a condition

    @property
    def networks(self) -> list[keras.Model]:
        return [self.gen_ST, self.gen_TS]

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {"generators": self.optimizer_G}

    def compile(self, optimizer_G: keras.optimizers.Optimizer) -> None:
        super().compile()
        self.optimizer_G = optimizer_G
        optimizer_G.build(variables_of(self.gen_ST, self.gen_TS))

    def to_target(self, *vectors, training: bool = True):
        """G_{S->T} of several sets of vectors, as one batch: batch normalisation sees them alike."""
        return apply(self.gen_ST, vectors, training)

    def to_source(self, *pairs, training: bool = True):
        """G_{T->S} of several sets of (vectors (R, B, D), emotions (R, B)), as one batch."""
        return apply(self.gen_TS, [self.with_condition(x, z) for x, z in pairs], training)

    def with_condition(self, x, z):
        """Vectors with Z, the one-hot emotion, beside them."""
        return ops.concatenate([x, ops.one_hot(z, self.emotions, dtype=x.dtype)], -1) if self.emotions else x

    def identity_loss(self, s, t, same_s, same_t):
        """Equation 3: |G_{T->S}(S) - S|^2 + |G_{S->T}(T) - T|^2, (R,)."""
        return losses.reconstruction(s, same_s) + losses.reconstruction(t, same_t)

    def train_step(self, data) -> dict:
        """One update on source vectors s (R, B, D), their emotions y (R, B) and target vectors t (R, B, D)."""
        s, y, t = data
        with tf.GradientTape() as tape:
            (same_s,), (same_t,) = self.to_source((s, y)), self.to_target(t)
            identity_loss = self.identity_loss(s, t, same_s, same_t)
            loss = ops.sum(identity_loss)
        self.step(self.optimizer_G, tape, loss, variables_of(self.gen_ST, self.gen_TS))
        return self.track(identity_loss=identity_loss)

    def start_from(self, pretrained: "Translators") -> None:
        """Takes over pre-trained generators."""
        self.gen_ST.set_weights(pretrained.gen_ST.get_weights())
        self.gen_TS.set_weights(pretrained.gen_TS.get_weights())

    # --- The samples of sec. 2.2.3, from vectors scaled as in training ----------------------------------------

    def type_a(self, s: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Variational source instances (R, n, D) of vectors (n, D) and emotions (n,): to the target and back."""

        def there_and_back(s, y):
            return self.to_source((self.to_target(s, training=False)[0], y), training=False)[0]

        return in_parts(there_and_back, self.every_repeat(s), self.every_repeat(y))

    def type_b(self, s: np.ndarray) -> np.ndarray:
        """Source vectors (n, D) carried to the target (R, n, D)."""
        return in_parts(lambda s: self.to_target(s, training=False)[0], self.every_repeat(s))

    def every_repeat(self, x: np.ndarray) -> np.ndarray:
        return np.broadcast_to(x, (self.gen_ST.input_shape[0], *x.shape))


class CycleGAN(Translators):
    """The traditional cycle GAN (sec. 2.2.1, equations 1-4), which the paper calls TC, with a gradient penalty.

    Args:
        gen_ST, gen_TS: as of `Translators`, pre-trained.
        disc_S, disc_T: logits (R, B, 1) that vectors (R, B, D) are real ones of source or target.
        seed: of the penalty's points and of random emotions.
        tracked: what a subclass measures beyond this.
    """

    def __init__(self, gen_ST, gen_TS, disc_S: keras.Model, disc_T: keras.Model, *, seed: int, tracked=()):
        own = (
            "discriminator_loss",
            "gradient_penalty",
            "generator_loss",
            "adversarial_loss",
            "identity_loss",
        )
        super().__init__(
            gen_ST, gen_TS, (*own, "cycle_loss", *tracked, "D_S_real", "D_S_fake", "D_T_real", "D_T_fake")
        )
        self.disc_S, self.disc_T = disc_S, disc_T
        self.random = keras.random.SeedGenerator(seed)

    @property
    def networks(self) -> list[keras.Model]:
        return [*super().networks, self.disc_S, self.disc_T]

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {**super().optimizers, "discriminators": self.optimizer_D}

    def compile(
        self,
        optimizer_G: keras.optimizers.Optimizer,
        optimizer_D: keras.optimizers.Optimizer,
        lambda_1: float = 5.0,
        lambda_2: float = 10.0,
        lambda_3: float = 10.0,
        penalty: float = 10.0,
    ) -> None:
        """Sets what sec. 2.2.2 and 3 set.

        Args:
            optimizer_G: moves both generators.
            optimizer_D: moves both discriminators.
            lambda_1, lambda_2, lambda_3: weights of equation 7: identity, cycle, emotion.
            penalty: weight of the gradient penalty.
        """
        super().compile(optimizer_G)
        self.optimizer_D, self.penalty = optimizer_D, penalty
        self.lambda_1, self.lambda_2, self.lambda_3 = lambda_1, lambda_2, lambda_3
        optimizer_D.build(variables_of(self.disc_S, self.disc_T))

    def train_step(self, data) -> dict:
        """Equation 8: D_S and D_T up, then both generators down, on s (R, B, D), y (R, B) and t (R, B, D)."""
        s, y, t = data
        with tf.GradientTape() as tape:
            made = self.translate(s, y, t)  # the discriminators judge the very vectors that are then improved
            with tape.stop_recording():
                measured = self.update_discriminators(s, t, made)
            loss, parts = self.generator_loss(s, y, t, made)
        self.step(self.optimizer_G, tape, loss, variables_of(self.gen_ST, self.gen_TS))
        return self.track(**measured, **parts)

    def translate(self, s, y, t) -> dict:
        """All that the losses look at: each (R, B, D); a target vector is paired with the emotion of its source."""
        fake_t, same_t = self.to_target(s, t)
        fake_s, same_s = self.to_source((t, y), (s, y))
        return {**self.there_and_back(y, fake_s, fake_t), "same_s": same_s, "same_t": same_t}

    def there_and_back(self, y, fake_s, fake_t) -> dict:
        (back_s,), (back_t,) = self.to_source((fake_t, y)), self.to_target(fake_s)
        return {"fake_s": fake_s, "fake_t": fake_t, "back_s": back_s, "back_t": back_t}

    def update_discriminators(self, s, t, made: Mapping) -> dict:
        """One step up equation 2 for D_S and D_T, with the gradient penalty; their loss (R,) and outputs."""
        with tf.GradientTape() as tape:
            d_loss, penalty = 0.0, 0.0
            outputs: dict[str, Any] = {}
            for name, disc, real, fake in (
                ("D_S", self.disc_S, s, made["fake_s"]),
                ("D_T", self.disc_T, t, made["fake_t"]),
            ):
                on_real, on_fake = apply(disc, (real, fake), training=True)
                d_loss += self.discriminator_loss(on_real, on_fake)
                penalty += self.gradient_penalty(disc, real, fake)
                outputs |= {f"{name}_real": ops.sigmoid(on_real), f"{name}_fake": ops.sigmoid(on_fake)}
            loss = ops.sum(d_loss + self.penalty * penalty)
        self.step(self.optimizer_D, tape, loss, variables_of(self.disc_S, self.disc_T))
        return {"discriminator_loss": d_loss, "gradient_penalty": penalty, **outputs}

    def discriminator_loss(self, on_real, on_fake):
        """Equation 1, negated: -E[log D(real)] - E[log(1 - D(fake))], (R,)."""
        return losses.adversarial(on_real, 1.0) + losses.adversarial(on_fake, 0.0)

    def gradient_penalty(self, disc: keras.Model, real, fake):
        """max(0, |grad D(x)| - 1)^2 at points x between real and generated vectors, (R,)."""
        share = keras.random.uniform((*real.shape[:2], 1), seed=self.random)
        x = share * real + (1.0 - share) * fake
        with tf.GradientTape() as tape:
            tape.watch(x)
            logits = ops.sum(disc(x, training=True))
        return losses.gradient_penalty(tape.gradient(logits, x))

    def generator_loss(self, s, y, t, made: Mapping):
        """Equation 7, summed over repeats, and its parts, each (R,)."""
        parts = {
            "adversarial_loss": self.adversarial_loss(made["fake_s"], made["fake_t"]),
            "identity_loss": self.identity_loss(s, t, made["same_s"], made["same_t"]),
            "cycle_loss": self.cycle_loss(s, t, made["back_s"], made["back_t"]),
        }
        emotion = self.emotion_losses(s, y, t, made)
        loss = parts["adversarial_loss"] + self.lambda_1 * parts["identity_loss"]
        loss += self.lambda_2 * parts["cycle_loss"] + self.lambda_3 * sum(emotion.values())
        return ops.sum(loss), {"generator_loss": loss, **parts, **emotion}

    def adversarial_loss(self, fake_s, fake_t):
        """Equation 2 as generators see it (non-saturating): -E[log D_S(G(T))] - E[log D_T(G(S))], (R,)."""
        on_source, on_target = self.disc_S(fake_s, training=True), self.disc_T(fake_t, training=True)
        return losses.adversarial(on_source, 1.0) + losses.adversarial(on_target, 1.0)

    def cycle_loss(self, s, t, back_s, back_t):
        """Equation 4: |G_{T->S}(G_{S->T}(S)) - S|^2 + |G_{S->T}(G_{T->S}(T)) - T|^2, (R,)."""
        return losses.reconstruction(s, back_s) + losses.reconstruction(t, back_t)

    def emotion_losses(self, s, y, t, made: Mapping) -> dict:
        """What keeps emotions, each (R,): nothing here."""
        return {}


def apply(network: keras.Model, sets: Sequence, training: bool) -> list:
    """A network of several sets of one shape (R, B, D), in one pass over its weights."""
    return ops.split(network(ops.concatenate(sets, axis=1), training=training), len(sets), axis=1)


def in_parts(function: Callable, *arrays: np.ndarray, size: int = 512) -> np.ndarray:
    """A function of arrays (R, n, ...) whose vectors do not see each other, so many of them at a time."""
    parts = []
    for i in range(0, arrays[0].shape[1], size):
        part = [ops.convert_to_tensor(np.ascontiguousarray(array[:, i : i + size])) for array in arrays]
        parts.append(np.asarray(function(*part)))
    return np.concatenate(parts, axis=1)


def generators(
    s: Mapping[str, Any], features: int, condition: int, seeds: Sequence[int]
) -> tuple[keras.Model, keras.Model]:
    """G_{S->T} and G_{T->S}: three hidden layers with leaky ReLU and batch normalisation (sec. 3).

    Args:
        s: `generator_units`, `leaky_relu_slope`, `generator_batch_norm`, `batch_norm_momentum`, `precision`.
        features: D.
        condition: K, or 0 for generators that are told no emotion.
        seeds: one a repeat.
    """
    shared = {"leaky_relu_slope": s["leaky_relu_slope"], "precision": s["precision"]}
    shared |= {"batch_norm": s["generator_batch_norm"], "batch_norm_momentum": s["batch_norm_momentum"]}
    of_ST, of_TS = split_seeds(seeds, 2)
    return tuple(
        parallel_mlp(features + more, s["generator_units"], features, seeds=part, name=name, **shared)
        for name, more, part in (("gen_ST", 0, of_ST), ("gen_TS", condition, of_TS))
    )


def discriminators(
    s: Mapping[str, Any], features: int, seeds: Sequence[int]
) -> tuple[keras.Model, keras.Model]:
    """D_S and D_T, without batch normalisation, which a penalty of each vector's gradient forbids."""
    shared = {"leaky_relu_slope": s["leaky_relu_slope"], "precision": s["precision"]}
    return tuple(
        parallel_mlp(features, s["discriminator_units"], 1, seeds=part, name=name, **shared)
        for name, part in zip(("disc_S", "disc_T"), split_seeds(seeds, 2), strict=True)
    )


def split_seeds(seeds: Sequence[int], networks: int) -> np.ndarray:
    """A seed for each of so many networks of each repeat: (networks, repeats)."""
    return np.array([np.random.SeedSequence(int(seed)).generate_state(networks) for seed in seeds]).T


def multiply_adds_an_update(s: Mapping[str, Any], features: int, conditional: bool) -> tuple[float, float]:
    """Multiply-adds of an update of the pre-training and of one of the GAN, of one repeat, for estimates of time."""
    passes = 3  # one forward, two backward
    generator = multiply_adds(features, s["generator_units"], features)
    discriminator = multiply_adds(features, s["discriminator_units"], 1)
    translating = passes * generator * (7 if conditional else 6)
    judging = (
        2 * discriminator * (2 * passes + 2 * passes + passes)
    )  # real and fake, the penalty, for the generators
    return s["batch_size"] * 2.0 * passes * generator, s["batch_size"] * float(translating + judging)
