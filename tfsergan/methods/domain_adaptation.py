"""What Su & Lee 2021 compare with (sec. 3.1): DANN, CyCADA and CycleEmotionGAN, and the source's classifier F_s.

Traditional CycleGAN, from which the last two are made, is `tfsergan.methods.cycle_gan.CycleGAN`. Shapes are as there:
source vectors s (R, B, D), their emotions y (R, B), target vectors t (R, B, D), repeats R with weights of their own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfsergan import losses
from tfsergan.methods.adversarial import Adversarial, variables_of
from tfsergan.methods.cycle_gan import CycleGAN, apply, in_parts, split_seeds
from tfsergan.networks import GradientReversal, averages_at_rest, multiply_adds, parallel_mlp


class EmotionClassifier(Adversarial):
    """F_s, trained on source vectors alone (sec. 3).

    Args:
        classifier_F: vectors (R, B, D) to logits (R, B, K).
    """

    def __init__(self, classifier_F: keras.Model, **kwargs):
        super().__init__(("classification_loss",), **kwargs)
        self.classifier_F = classifier_F

    @property
    def networks(self) -> list[keras.Model]:
        return [self.classifier_F]

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {"classifier": self.optimizer_F}

    def compile(self, optimizer_F: keras.optimizers.Optimizer) -> None:
        super().compile()
        self.optimizer_F = optimizer_F
        optimizer_F.build(self.classifier_F.trainable_variables)

    def train_step(self, data) -> dict:
        """One update on source vectors and their emotions."""
        s, y, _ = data
        with tf.GradientTape() as tape:
            classification_loss = losses.classification(self.classifier_F(s, training=True), y)
            loss = ops.sum(classification_loss)
        self.step(self.optimizer_F, tape, loss, self.classifier_F.trainable_variables)
        return self.track(classification_loss=classification_loss)


class DANN(Adversarial):
    """Domain-adversarial network (Ganin et al. 2016; Abdelwahab & Busso 2018).

    Args:
        encoder: vectors (R, B, D) to what emotions are told from and domains must not be, (R, B, N).
        classifier: that to logits of the emotion (R, B, K).
        domain: that to the logit of the source (R, B, 1).
    """

    def __init__(self, encoder: keras.Model, classifier: keras.Model, domain: keras.Model, **kwargs):
        super().__init__(("classification_loss", "domain_loss", "D_source", "D_target"), **kwargs)
        self.encoder, self.classifier, self.domain = encoder, classifier, domain
        self.reversal = GradientReversal(0.0)

    @property
    def networks(self) -> list[keras.Model]:
        return [self.encoder, self.classifier, self.domain]

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {"all": self.optimizer_all}

    def compile(self, optimizer: keras.optimizers.Optimizer, ramp_updates: int) -> None:
        """Sets the optimizer of everything, and over how many updates the reversal grows to its full weight."""
        super().compile()
        self.optimizer_all = optimizer
        self.ramp_updates = ramp_updates
        optimizer.build(variables_of(*self.networks))

    def train_step(self, data) -> dict:
        """One update of all: emotions told apart, domains told apart, and the encoder against the latter."""
        s, y, t = data
        self.reversal.weight.assign(self.reversal_weight())
        with tf.GradientTape() as tape:
            h_s, h_t = apply(self.encoder, (s, t), training=True)
            classification_loss = losses.classification(self.classifier(h_s, training=True), y)
            on_s, on_t = apply(self.domain, (self.reversal(h_s), self.reversal(h_t)), training=True)
            domain_loss = losses.adversarial(on_s, 1.0) + losses.adversarial(on_t, 0.0)
            loss = ops.sum(classification_loss + domain_loss)
        self.step(self.optimizer_all, tape, loss, variables_of(*self.networks))
        return self.track(
            classification_loss=classification_loss,
            domain_loss=domain_loss,
            D_source=ops.sigmoid(on_s),
            D_target=ops.sigmoid(on_t),
        )

    def reversal_weight(self):
        """Ganin et al. 2016, sec. 5.2.2: 2 / (1 + exp(-10 p)) - 1 at the share p of the training."""
        p = ops.minimum(ops.cast(self.optimizer_all.iterations, "float32") / self.ramp_updates, 1.0)
        return 2.0 / (1.0 + ops.exp(-10.0 * p)) - 1.0

    def predict_emotion(self, x: np.ndarray) -> np.ndarray:
        """Emotions (R, n) of vectors (n, D)."""
        every = np.broadcast_to(x, (self.encoder.input_shape[0], *x.shape))
        logits = in_parts(lambda x: self.classifier(self.encoder(x, training=False), training=False), every)
        return logits.argmax(axis=-1)


class AdaptedClassifier(CycleGAN):
    """A cycle GAN with a classifier of the target, trained on source vectors as G_{S->T} carries them over.

    Args:
        gen_ST, gen_TS, disc_S, disc_T, seed: as of `CycleGAN`.
        classifier: vectors (R, B, D) to logits (R, B, K).
    """

    def __init__(self, gen_ST, gen_TS, disc_S, disc_T, classifier: keras.Model, *, seed: int):
        tracked = ("semantic_loss", "classification_loss")
        super().__init__(gen_ST, gen_TS, disc_S, disc_T, seed=seed, tracked=tracked)
        self.classifier = classifier

    @property
    def networks(self) -> list[keras.Model]:
        return [*super().networks, self.classifier]

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {**super().optimizers, "classifier": self.optimizer_F}

    def compile(
        self, optimizer_G, optimizer_D, optimizer_F: keras.optimizers.Optimizer, **weights: float
    ) -> None:
        """Sets what `CycleGAN` sets, and the optimizer of the classifier."""
        super().compile(optimizer_G, optimizer_D, **weights)
        self.optimizer_F = optimizer_F
        optimizer_F.build(self.classifier.trainable_variables)

    def train_step(self, data) -> dict:
        """The cycle GAN's step, then the classifier's on G_{S->T}(S)."""
        super().train_step(data)
        return self.track(**self.update_classifier(*data[:2]))

    def update_classifier(self, s, y) -> dict:
        """One step of the classifier alone down L_task(F, G_{S->T}(S), y)."""
        (fake_t,) = self.to_target(s, training=False)  # as it is given to the target's users
        with tf.GradientTape() as tape:
            classification_loss = losses.classification(self.classifier(fake_t, training=True), y)
            loss = ops.sum(classification_loss)
        self.step(self.optimizer_F, tape, loss, self.classifier.trainable_variables)
        return {"classification_loss": classification_loss}

    def predict_emotion(self, x: np.ndarray) -> np.ndarray:
        """Emotions (R, n) of target vectors (n, D)."""
        return in_parts(lambda x: self.classifier(x, training=False), self.every_repeat(x)).argmax(axis=-1)


class CyCADA(AdaptedClassifier):
    """Cycle-consistent adversarial domain adaptation (Hoffman et al. 2018), in feature space.

    Args:
        gen_ST, gen_TS, disc_S, disc_T, seed: as of `CycleGAN`.
        classifier: of the target, f_T, as of `AdaptedClassifier`.
        classifier_F: f_S, trained on the source. It does not move.
    """

    def __init__(self, gen_ST, gen_TS, disc_S, disc_T, classifier, classifier_F: keras.Model, *, seed: int):
        super().__init__(gen_ST, gen_TS, disc_S, disc_T, classifier, seed=seed)
        self.classifier_F = classifier_F

    def emotion_losses(self, s, y, t, made: Mapping) -> dict:
        """Semantic consistency, equation 4 there: f_S finds in a vector that was carried over what it found before."""
        semantic_loss = 0.0
        for x, carried in ((s, made["fake_t"]), (t, made["fake_s"])):
            found = ops.argmax(self.classifier_F(x, training=False), axis=-1)
            semantic_loss += losses.classification(self.classifier_F(carried, training=False), found)
        return {"semantic_loss": semantic_loss}


class CycleEmotionGAN(AdaptedClassifier):
    """CycleEmotionGAN (Zhao et al. 2019): one classifier, which moves with the GAN, also measures semantics."""

    def emotion_losses(self, s, y, t, made: Mapping) -> dict:
        """Emotional semantic consistency: the symmetrised divergence between F(S) and F(G_{S->T}(S)).

        F is in training, and its moving averages are those of G_{S->T}(S): each batch is normalised by itself.
        """
        with averages_at_rest(self.classifier):
            before, after = (self.classifier(x, training=True) for x in (s, made["fake_t"]))
        return {"semantic_loss": losses.divergence(before, after)}


def emotion_classifier(
    s: Mapping[str, Any], features: int, emotions: int, seeds: Sequence[int]
) -> keras.Model:
    """F_s: two hidden layers with ReLU and batch normalisation, and the emotions (sec. 3)."""
    return parallel_mlp(
        features,
        s["units"],
        emotions,
        seeds=seeds,
        hidden="relu",
        batch_norm=s["batch_norm"],
        batch_norm_momentum=s["batch_norm_momentum"],
        precision=s["precision"],
        name="classifier_F",
    )


def dann(s: Mapping[str, Any], features: int, emotions: int, seeds: Sequence[int]) -> DANN:
    """The networks of sec. 3.1: an encoder of two layers, and two hidden layers for emotion and for domain.

    Args:
        s: `encoder_units`, `units`, `precision`.
        features: D.
        emotions: K.
        seeds: one a repeat.
    """
    *hidden, latent = s["encoder_units"]
    shared = {"hidden": "relu", "precision": s["precision"]}
    own = split_seeds(seeds, 3)
    return DANN(
        parallel_mlp(features, hidden, latent, seeds=own[0], final="relu", name="encoder", **shared),
        parallel_mlp(latent, s["units"], emotions, seeds=own[1], name="classifier", **shared),
        parallel_mlp(latent, s["units"], 1, seeds=own[2], name="domain", **shared),
    )


def multiply_adds_of_dann(s: Mapping[str, Any], features: int) -> float:
    """Multiply-adds of an update of one repeat, for estimates of time."""
    *hidden, latent = s["encoder_units"]
    return (
        3.0
        * s["batch_size"]
        * (2 * multiply_adds(features, hidden, latent) + 3 * multiply_adds(latent, s["units"], 1))
    )
