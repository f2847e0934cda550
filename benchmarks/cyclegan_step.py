"""How long one training iteration of Bao 2019 takes: tfsergan beside PyTorch, in one interleaved run.

pip install ".[bench]"
python benchmarks/cyclegan_step.py            # a table of times, ratios and memory
python benchmarks/cyclegan_step.py --check    # do all of them compute the same?
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import race

TOLERANCE = 1e-8  # of an updated weight in float64; Adam moves one by some 2e-4 an update


@dataclass(frozen=True)
class Setup:
    """Sizes and weights of the model; the defaults are the paper's (sec. 4.1 and 4.2)."""

    width: int = 1000
    batch: int = 64
    features: int = 1582
    emotions: int = 4
    lambda_cls: float = 2.0
    lambda_cyc: float = 5.0
    learning_rate: float = 2e-4
    generator_updates: int = 2
    real_label: float = 0.9
    leaky_relu_slope: float = 0.2
    dropout: float = 0.2
    classifier_dropout: float = 0.5
    threads: int = 1
    dtype: str = "float32"

    @property
    def hyperparameters(self) -> dict:
        """As `tfsergan.methods.bao2019` takes them."""
        return {
            "generator_units": [self.width, self.width // 2, self.width],
            "discriminator_units": [self.width, self.width],
            "domain_classifier_units": [100, 100],
            "leaky_relu_slope": self.leaky_relu_slope,
            "dropout": self.dropout,
            "domain_classifier_dropout": self.classifier_dropout,
        }

    def batches(self) -> tuple[np.ndarray, np.ndarray]:
        """Source (B, D) and target vectors (E, B, D), in [0, 1) as the scaled ones of training."""
        rng = np.random.default_rng(0)
        shape = (self.emotions, self.batch, self.features)
        return rng.random(shape[1:]).astype(self.dtype), rng.random(shape).astype(self.dtype)

    def weights(self) -> Iterator[tuple[str, list[np.ndarray]]]:
        """Each network's name and initial weights: a kernel (E, inputs, outputs) and a bias (E, 1, outputs) a
        layer; the E of the classifier is 1.
        """
        rng, h, E = np.random.default_rng(1), self.hyperparameters, self.emotions
        generator, discriminator = (*h["generator_units"], self.features), (*h["discriminator_units"], 1)
        networks = {"gen_G": (E, generator), "gen_F": (E, generator)}
        networks |= {"disc_T": (E, discriminator), "disc_S": (E, discriminator)}
        networks |= {"classifier_C": (1, (*h["domain_classifier_units"], E))}
        for name, (copies, units) in networks.items():
            weights = []
            for i, o in zip((self.features, *units), units, strict=False):
                limit = (6 / (i + o)) ** 0.5  # Glorot-uniform
                kernel = rng.random((copies, i, o), np.float32).astype(self.dtype)
                weights += [kernel * (2 * limit) - limit, np.zeros((copies, 1, o), self.dtype)]
            yield name, weights


# --- The contestants: each gives one iteration to call, and its networks' weights as they are then ---------


def tfsergan_step(setup: Setup) -> tuple[Callable, Callable]:
    """The very function that `fit` calls for each batch."""
    import keras
    import tensorflow as tf

    from tfsergan.methods.bao2019 import emotion_cycle_gan
    from tfsergan.optimizers import FusedAdam, step_decay

    keras.config.set_floatx(setup.dtype)
    tf.config.threading.set_intra_op_parallelism_threads(setup.threads)
    tf.config.threading.set_inter_op_parallelism_threads(setup.threads)
    gan = emotion_cycle_gan(setup.hyperparameters, setup.features, setup.emotions, seed=0)
    gan.compile(
        *(FusedAdam(step_decay(setup.learning_rate, 0.8, every=1_000_000)) for _ in range(2)),
        lambda_cyc=setup.lambda_cyc,
        lambda_cls=setup.lambda_cls,
        generator_updates=setup.generator_updates,
        real_label=setup.real_label,
    )
    layers = {}
    for name, weights in setup.weights():
        layers[name] = [layer for layer in getattr(gan, name).layers if layer.weights]
        for layer, kernel, bias in zip(layers[name], weights[::2], weights[1::2], strict=True):
            kernel = np.einsum(f"eio->{kernel_axes(layer)}", kernel)
            layer.set_weights([kernel, bias.reshape(layer.bias.shape)])
    gan.make_train_function()
    batches = iter(tf.data.Dataset.from_tensors(setup.batches()).repeat())
    return (
        lambda: gan.train_function(batches),
        lambda: {name: [w for layer in part for w in weights_of(layer)] for name, part in layers.items()},
    )


def kernel_axes(layer) -> str:
    """The axes of a Keras layer's kernel in their order: e copies, i inputs, o outputs; "io" of a Dense layer."""
    return getattr(layer, "equation", ",io->").split("->")[0].split(",")[1]


def weights_of(layer) -> list[np.ndarray]:
    """A Keras layer's kernel, its axes in the order e, i, o, and its bias."""
    kernel, bias = layer.get_weights()
    axes = kernel_axes(layer)
    return [np.einsum(f"{axes}->{''.join(sorted(axes))}", kernel), bias]


def torch_step(setup: Setup, compiled: bool = False) -> tuple[Callable, Callable]:
    """The same in PyTorch, eager or through `torch.compile`."""
    import torch
    from torch_cyclegan import EmotionCycleGAN

    torch.set_num_threads(setup.threads)
    gan = EmotionCycleGAN(setup, *setup.batches(), compiled=compiled)
    return gan.step, gan.weights


def compiled_torch_step(setup: Setup) -> tuple[Callable, Callable]:
    return torch_step(setup, compiled=True)


CONTESTANTS = {race.OURS: tfsergan_step, "PyTorch eager": torch_step, "torch.compile": compiled_torch_step}


# --- The two uses ------------------------------------------------------------------------------------------


def check(setup: Setup) -> bool:
    """Whether one iteration from the same weights, without dropout, ends with the same weights everywhere.

    In float64: in float32, one pre-activation that rounds to the other side of zero turns a leaky ReLU's slope
    around, and Adam makes a full step of every small gradient that changes its sign with it.
    """
    before = dict(setup.weights())
    after = {}
    for name in CONTESTANTS:
        race.say(f"{name}: one iteration")
        contestant = race.Contestant(name, CONTESTANTS[name], setup)
        contestant.ask("time", 1)
        after[name] = contestant.ask("weights")
        contestant.close()
    moved = max(largest_difference(before[network], after[race.OURS][network]) for network in before)
    print(f"Largest change of a weight in one iteration: {moved:.1e}; largest difference after it:")
    differences = {}
    for name in list(CONTESTANTS)[1:]:
        each = {
            network: largest_difference(after[race.OURS][network], after[name][network]) for network in before
        }
        differences[name] = max(each.values())
        parts = ", ".join(f"{network} {difference:.1e}" for network, difference in each.items())
        print(f"  {race.OURS} - {name}: {differences[name]:.1e} ({parts})")
    same = max(differences.values()) <= TOLERANCE
    print(f"{'The same' if same else 'NOT the same'} within {TOLERANCE:g}.")
    return same


def largest_difference(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    return max(float(np.abs(x.reshape(y.shape) - y).max()) for x, y in zip(a, b, strict=True))


def arguments() -> argparse.Namespace:
    parser = race.parser(__doc__)
    parser.add_argument("--iterations", type=int, default=2, help="iterations each time (default 2)")
    parser.add_argument("--width", type=int, default=1000, help="widest hidden layer (default 1000)")
    parser.add_argument("--batch", type=int, default=64, help="vectors of each emotion (default 64)")
    parser.add_argument("--features", type=int, default=1582, help="of a vector (default 1582)")
    parser.add_argument("--lambda-cls", type=float, default=2.0, help="0 leaves C out (default 2)")
    parser.add_argument("--check", action="store_true", help="compare one iteration's weights, time nothing")
    chosen = parser.parse_args()
    for name in ("rounds", "iterations", "width", "batch", "features", "threads"):
        if getattr(chosen, name) < (2 if name == "width" else 1):
            parser.error(f"--{name} is too small")
    return chosen


def main() -> None:
    args = arguments()
    race.prepare()
    sizes = {name: getattr(args, name) for name in ("width", "batch", "features", "lambda_cls", "threads")}
    if args.check:
        raise SystemExit(not check(Setup(**sizes, dropout=0.0, classifier_dropout=0.0, dtype="float64")))
    race.run(CONTESTANTS, Setup(**sizes), args, args.iterations, sizes)


if __name__ == "__main__":
    main()
