"""How long one epoch of Yi & Mak's ADAN takes: tfsergan beside a plain Keras loop and PyTorch, interleaved.

pip install ".[bench]"
python benchmarks/adan_epoch.py               # a table of times, ratios and memory
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import race


@dataclass(frozen=True)
class Setup:
    """One EmoDB fold at the paper's sizes (sec. III): 480 training vectors of 4368 features, seven emotions."""

    vectors: int = 480
    features: int = 4368
    emotions: int = 7
    latent: int = 100
    wide: int = 800
    narrow: int = 100
    batch: int = 128
    learning_rate: float = 1e-4
    threads: int = 1

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Vectors (n, D) as z-normed ones, and emotions (n,)."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.vectors, self.features)).astype(np.float32)
        return x, (np.arange(self.vectors) % self.emotions).astype(np.int32)

    def hyperparameters(self, precision: str) -> dict:
        """As `tfsergan.methods.yi2019` takes them."""
        return {
            "latent": self.latent,
            "autoencoder_units": (self.wide, self.wide),
            "other_units": (self.narrow, self.narrow),
            "activation": "tanh",
            "leaky_relu_slope": 0.2,
            "precision": precision,
        }


def threads(setup: Setup) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(setup.threads)
    tf.config.threading.set_inter_op_parallelism_threads(setup.threads)


def tfsergan_epoch(setup: Setup, precision: str = "float32") -> tuple[Callable, Callable]:
    """An epoch as a run trains it: `fit` on `training.Labelled`."""
    threads(setup)
    from tfsergan import training
    from tfsergan.methods.yi2019 import adan
    from tfsergan.optimizers import FusedAdam

    model = adan(setup.hyperparameters(precision), setup.features, setup.emotions, seed=0)
    model.compile(*(FusedAdam(setup.learning_rate) for _ in range(3)))
    batches = training.Labelled(*setup.data(), setup.batch, seed=0)
    steps = iter(batches.dataset(0, 1_000_000))
    model.make_train_function()

    def epoch() -> None:
        for _ in range(batches.steps):
            model.train_function(steps)

    return epoch, model.get_weights


def plain_keras_epoch(setup: Setup) -> tuple[Callable, Callable]:
    """What one writes first: `fit` on NumPy arrays, a tape and a Keras Adam for every one of the five networks."""
    threads(setup)
    import keras
    import tensorflow as tf

    def network(inputs: int, hidden: int, outputs: int, final: str | None = None) -> keras.Model:
        layers = [keras.layers.Dense(hidden, "tanh"), keras.layers.Dense(hidden, "tanh")]
        return keras.Sequential([keras.Input((inputs,)), *layers, keras.layers.Dense(outputs, final)])

    class PlainADAN(keras.Model):
        def __init__(self):
            super().__init__()
            s = setup
            self.E = network(s.features, s.wide, s.latent, "tanh")
            self.R = network(s.latent, s.wide, s.features)
            self.C = network(s.latent, s.narrow, s.emotions)
            self.G = network(s.latent + s.emotions, s.narrow, s.latent, "tanh")
            self.D = network(s.latent, s.narrow, 1)
            self.optimizer_of = {net: keras.optimizers.Adam(s.learning_rate) for net in "ERCGD"}
            self.bce = keras.losses.BinaryCrossentropy(from_logits=True)
            self.ce = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

        def update(self, name: str, loss: Callable) -> None:
            variables = getattr(self, name).trainable_variables
            with tf.GradientTape() as tape:
                value = loss()
            self.optimizer_of[name].apply(tape.gradient(value, variables), variables)

        def fake(self, y):
            z = tf.random.normal((tf.shape(y)[0], setup.latent))
            return self.G(tf.concat([z, tf.one_hot(y, setup.emotions)], axis=1))

        def discriminator_loss(self, x, y):
            real, fake = self.D(self.E(x)), self.D(self.fake(y))
            return self.bce(tf.ones_like(real), real) + self.bce(tf.zeros_like(fake), fake)

        def generator_loss(self, y):
            h = self.fake(y)
            judged = self.D(h)
            return self.bce(tf.ones_like(judged), judged) + self.ce(y, self.C(h))

        def train_step(self, data):
            x, y = data
            square, ce = (
                (lambda: tf.reduce_mean((x - self.R(self.E(x))) ** 2)),
                lambda: self.ce(y, self.C(self.E(x))),
            )
            self.update("D", lambda: self.discriminator_loss(x, y))
            self.update("C", ce)
            self.update("R", square)
            self.update("E", lambda: square() + ce())
            self.update("G", lambda: self.generator_loss(y))
            return {"loss": tf.constant(0.0)}

    model = PlainADAN()
    for name, optimizer in model.optimizer_of.items():
        optimizer.build(getattr(model, name).trainable_variables)
    model.built = True
    model.compile()
    x, y = setup.data()
    return lambda: model.fit(x, y, batch_size=setup.batch, epochs=1, verbose=0), model.get_weights


def torch_epoch(setup: Setup, compiled: bool = False) -> tuple[Callable, Callable]:
    """The same in PyTorch with fused Adam: E's pass shared by D's update and the autoencoder's."""
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(setup.threads)
    torch.manual_seed(0)

    def network(inputs: int, hidden: int, outputs: int, *final: torch.nn.Module) -> torch.nn.Sequential:
        linear = torch.nn.Linear
        layers = (linear(inputs, hidden), torch.nn.Tanh(), linear(hidden, hidden), torch.nn.Tanh())
        return torch.nn.Sequential(*layers, linear(hidden, outputs), *final)

    s = setup
    E = network(s.features, s.wide, s.latent, torch.nn.Tanh())
    R, C = network(s.latent, s.wide, s.features), network(s.latent, s.narrow, s.emotions)
    G, D = network(s.latent + s.emotions, s.narrow, s.latent, torch.nn.Tanh()), network(s.latent, s.narrow, 1)
    movers = {"D": [D], "A": [E, R, C], "G": [G]}
    adam = {
        name: torch.optim.Adam(torch.nn.ModuleList(nets).parameters(), s.learning_rate, fused=True)
        for name, nets in movers.items()
    }

    def fake(y):
        z = torch.randn(len(y), s.latent)
        return G(torch.cat([z, F.one_hot(y, s.emotions).float()], dim=1))

    def discriminator_loss(h, h_fake):
        return F.softplus(-D(h)).mean() + F.softplus(D(h_fake)).mean()

    def autoencoder_loss(x, h, y):
        return (R(h) - x).square().mean() + F.cross_entropy(C(h), y)

    def generator_loss(h, y):
        return F.softplus(-D(h)).mean() + F.cross_entropy(C(h), y)

    losses = [discriminator_loss, autoencoder_loss, generator_loss]
    if compiled:
        losses = [torch.compile(loss, dynamic=True) for loss in losses]
        E, R, C, G, D = (torch.compile(net, dynamic=True) for net in (E, R, C, G, D))

    def update(name: str, loss) -> None:
        adam[name].zero_grad()
        loss.backward()
        adam[name].step()

    x_all, y_all = (torch.from_numpy(part) for part in s.data())
    y_all = y_all.long()

    def epoch() -> None:
        order = torch.randperm(s.vectors)
        for rows in order.split(s.batch):
            x, y = x_all[rows], y_all[rows]
            h = E(x)
            with torch.no_grad():
                h_fake = fake(y)
            update("D", losses[0](h.detach(), h_fake))
            update("A", losses[1](x, h, y))
            update("G", losses[2](fake(y), y))

    return epoch, list


CONTESTANTS = {
    race.OURS: tfsergan_epoch,
    "tfsergan, mixed_bfloat16": partial(tfsergan_epoch, precision="mixed_bfloat16"),
    "plain Keras": plain_keras_epoch,
    "PyTorch eager": torch_epoch,
    "torch.compile": partial(torch_epoch, compiled=True),
}


def main() -> None:
    parser = race.parser(__doc__)
    parser.add_argument("--epochs", type=int, default=3, help="epochs each time (default 3)")
    args = parser.parse_args()
    race.prepare()
    setup = Setup(threads=args.threads)
    race.run(CONTESTANTS, setup, args, args.epochs, asdict(setup), "an epoch")


if __name__ == "__main__":
    main()
