"""Conditional cycle emotion GAN, CCEmoGAN (Su & Lee, SLT 2021).

Two generators carry vectors between a labelled source corpus S and an unlabelled target corpus T; G_{T->S} is told
an emotion Z, and a classifier F_s of the source holds it to that emotion. Equations 1-4 and the update of equation 8
are `tfsergan.methods.cycle_gan.CycleGAN`'s; here are equations 5-7 and the condition.
"""

from collections.abc import Mapping

import keras
import numpy as np
from keras import ops

from tfsergan import losses
from tfsergan.methods.cycle_gan import CycleGAN, in_parts


class CCEmoGAN(CycleGAN):
    """The conditional cycle emotion GAN (sec. 2.2.2, equations 5-8).

    Args:
        gen_ST, gen_TS, disc_S, disc_T, seed: as of `CycleGAN`; G_{T->S} conditional.
        classifier_F: F_s, trained on the source: vectors (R, B, D) to logits (R, B, K). It does not move.
    """

    def __init__(self, gen_ST, gen_TS, disc_S, disc_T, classifier_F: keras.Model, *, seed: int):
        tracked = ("conditional_emotion_loss", "random_emotion_loss")
        super().__init__(gen_ST, gen_TS, disc_S, disc_T, seed=seed, tracked=tracked)
        self.classifier_F = classifier_F

    def translate(self, s, y, t) -> dict:
        """As of `CycleGAN`, and G_{T->S}(T, Z_r) for random emotions r."""
        r = keras.random.randint(ops.shape(y), 0, self.emotions, seed=self.random)
        fake_t, same_t = self.to_target(s, t)
        fake_s, same_s, random_s = self.to_source((t, y), (s, y), (t, r))
        made = {"same_s": same_s, "same_t": same_t, "random_s": random_s, "r": r}
        return {**made, **self.there_and_back(y, fake_s, fake_t)}

    def emotion_losses(self, s, y, t, made: Mapping) -> dict:
        back, same, random = (
            self.classifier_F(made[name], training=False) for name in ("back_s", "same_s", "random_s")
        )
        # Equation 5: F_s must find y in G_{T->S}(G_{S->T}(S), Z) and in G_{T->S}(S, Z).
        conditional = losses.classification(back, y) + losses.classification(same, y)
        # Equation 6: and r in G_{T->S}(T, Z_r).
        return {
            "conditional_emotion_loss": conditional,
            "random_emotion_loss": losses.classification(random, made["r"]),
        }

    def type_c(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Target vectors (m, D) carried to the source under each emotion: (R, K m, D), and the emotions (K m,)."""
        t, z = np.tile(t, (self.emotions, 1)), np.repeat(np.arange(self.emotions), len(t))
        made = in_parts(
            lambda t, z: self.to_source((t, z), training=False)[0], self.every_repeat(t), self.every_repeat(z)
        )
        return made, z
