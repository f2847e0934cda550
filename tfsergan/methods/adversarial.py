"""What the methods share: averages of what training steps measure, networks to save, optimizers to keep."""

from collections.abc import Sequence

import keras
import tensorflow as tf


class Adversarial(keras.Model):
    """Base of the methods: subclasses give `networks`, `optimizers`, `compile` and `train_step`.

    Args:
        tracked: names of what `train_step` measures; those that begin with "D_" are outputs of discriminators.
    """

    def __init__(self, tracked: Sequence[str], **kwargs):
        super().__init__(**kwargs)
        self.trackers = {name: keras.metrics.Mean(name=name) for name in tracked}
        self.built = True  # train_step calls the networks, never self(x)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self.trackers.values())

    @property
    def networks(self) -> list[keras.Model]:
        """Every network, for saving."""
        raise NotImplementedError

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """Every optimizer by its role, for checkpoints and logs."""
        raise NotImplementedError

    def compile(self) -> None:
        """Without Keras's own optimizer and loss; subclasses set and build theirs."""
        super().compile(optimizer=None, jit_compile=False)

    def track(self, **values) -> dict:
        """Averages of what this epoch's steps measured."""
        for name, value in values.items():
            self.trackers[name].update_state(value)
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    @staticmethod
    def step(optimizer: keras.optimizers.Optimizer, tape: tf.GradientTape, loss, variables) -> None:
        """One step of these variables down a loss."""
        optimizer.apply(tape.gradient(loss, variables), variables)


def variables_of(*networks: keras.Model) -> list[keras.Variable]:
    """The trainable variables of several networks, in their order."""
    return [variable for network in networks for variable in network.trainable_variables]
