"""How long one training iteration of Su & Lee 2021 takes: tfsergan beside PyTorch, in one interleaved run.

pip install ".[bench]"
python benchmarks/ccemogan_step.py            # a table of times, ratios and memory
python benchmarks/ccemogan_step.py --check    # do all of them compute the same?
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import race
from cyclegan_step import largest_difference, weights_of

TOLERANCE = 1e-8  # of an updated weight in float64; Adam moves one by some 2e-5 an update
EMOTIONS = 3


@dataclass(frozen=True)
class Setup:
    """Sizes and weights of the model; the defaults are the paper's (sec. 2.2 and 3), or ours where it is silent.

    Batch normalisation is left out, and random emotions and the penalty's points are given, so that all compute the
    same.
    """

    width: int = 1000
    batch: int = 64
    features: int = 1582
    repeats: int = 1
    lambda_1: float = 5.0
    lambda_2: float = 10.0
    lambda_3: float = 10.0
    penalty: float = 10.0
    learning_rate: float = 2e-5
    leaky_relu_slope: float = 0.2
    threads: int = 1
    dtype: str = "float32"

    @property
    def hyperparameters(self) -> dict:
        """As `tfsergan.methods.cycle_gan` takes them."""
        return {
            "generator_units": [self.width, self.width // 2, self.width],
            "discriminator_units": [self.width, self.width // 2],
            "leaky_relu_slope": self.leaky_relu_slope,
            "generator_batch_norm": False,
            "batch_norm_momentum": 0.99,
            "precision": "float32",
        }

    @property
    def classifier(self) -> dict:
        return {"units": [500, 100], "batch_norm": False, "batch_norm_momentum": 0.99, "precision": "float32"}

    def batches(self) -> tuple[np.ndarray, ...]:
        """Source vectors (R, B, D), their emotions (R, B) and target vectors (R, B, D)."""
        rng, shape = np.random.default_rng(0), (self.repeats, self.batch, self.features)
        s, t = (rng.random(shape).astype(self.dtype) for _ in range(2))
        return s, rng.integers(0, EMOTIONS, shape[:2]).astype(np.int32), t

    def draws(self) -> tuple[np.ndarray, np.ndarray]:
        """Random emotions r (R, B), and where between real and generated vectors the penalty is taken (R, B, 1)."""
        rng, shape = np.random.default_rng(2), (self.repeats, self.batch)
        return rng.integers(0, EMOTIONS, shape).astype(np.int32), rng.random((*shape, 1)).astype(self.dtype)

    def weights(self) -> Iterator[tuple[str, list[np.ndarray]]]:
        """Each network's name and initial weights: a kernel (R, inputs, outputs) and a bias (R, 1, outputs) a layer."""
        rng, h, D = np.random.default_rng(1), self.hyperparameters, self.features
        networks = {
            "gen_ST": (D, *h["generator_units"], D),
            "gen_TS": (D + EMOTIONS, *h["generator_units"], D),
            "disc_S": (D, *h["discriminator_units"], 1),
            "disc_T": (D, *h["discriminator_units"], 1),
            "classifier_F": (D, *self.classifier["units"], EMOTIONS),
        }
        for name, units in networks.items():
            weights = []
            for i, o in pairwise(units):
                limit = (6 / (i + o)) ** 0.5  # Glorot-uniform
                kernel = rng.random((self.repeats, i, o), np.float32).astype(self.dtype)
                weights += [kernel * (2 * limit) - limit, np.zeros((self.repeats, 1, o), self.dtype)]
            yield name, weights


# --- The contestants: each gives one iteration to call, and its networks' weights as they are then ---------


def tfsergan_step(setup: Setup) -> tuple[Callable, Callable]:
    """The very function that `fit` calls for each batch."""
    import keras
    import tensorflow as tf

    keras.config.set_floatx(setup.dtype)
    tf.config.threading.set_intra_op_parallelism_threads(setup.threads)
    tf.config.threading.set_inter_op_parallelism_threads(setup.threads)
    from tfsergan.methods import cycle_gan
    from tfsergan.methods.domain_adaptation import emotion_classifier
    from tfsergan.methods.su2021 import CCEmoGAN
    from tfsergan.optimizers import FusedAdam

    seeds, D = range(setup.repeats), setup.features
    gan = CCEmoGAN(
        *cycle_gan.generators(setup.hyperparameters, D, EMOTIONS, seeds),
        *cycle_gan.discriminators(setup.hyperparameters, D, seeds),
        emotion_classifier(setup.classifier, D, EMOTIONS, seeds),
        seed=0,
    )
    weights = {name: getattr(setup, name) for name in ("lambda_1", "lambda_2", "lambda_3", "penalty")}
    gan.compile(*(FusedAdam(setup.learning_rate) for _ in range(2)), **weights)
    r, share = setup.draws()
    keras.random.randint = lambda *_, **__: tf.constant(r)
    keras.random.uniform = lambda *_, **__: tf.constant(share)
    layers = {}
    for name, weights in setup.weights():
        layers[name] = [layer for layer in getattr(gan, name).layers if layer.weights]
        for layer, kernel, bias in zip(layers[name], weights[::2], weights[1::2], strict=True):
            layer.set_weights([np.einsum("eio->eoi", kernel), bias.reshape(layer.bias.shape)])
    gan.make_train_function()
    batches = iter(tf.data.Dataset.from_tensors(setup.batches()).repeat())
    return (
        lambda: gan.train_function(batches),
        lambda: {name: [w for layer in part for w in weights_of(layer)] for name, part in layers.items()},
    )


def torch_step(setup: Setup, compiled: bool = False) -> tuple[Callable, Callable]:
    """The same in PyTorch, eager or with its generators' and discriminators' losses through `torch.compile`."""
    import torch
    from torch_ccemogan import CCEmoGAN

    torch.set_num_threads(setup.threads)
    gan = CCEmoGAN(setup, compiled=compiled)
    return gan.step, gan.weights


def compiled_torch_step(setup: Setup) -> tuple[Callable, Callable]:
    return torch_step(setup, compiled=True)


CONTESTANTS = {race.OURS: tfsergan_step, "PyTorch eager": torch_step, "torch.compile": compiled_torch_step}


# --- The two uses ------------------------------------------------------------------------------------------


def check(setup: Setup) -> bool:
    """Whether one iteration from the same weights ends with the same weights everywhere, in float64."""
    before, after = dict(setup.weights()), {}
    for name in CONTESTANTS:
        race.say(f"{name}: one iteration")
        contestant = race.Contestant(name, CONTESTANTS[name], setup)
        contestant.ask("time", 1)
        after[name] = contestant.ask("weights")
        contestant.close()
    moved = max(largest_difference(before[network], after[race.OURS][network]) for network in before)
    print(f"Largest change of a weight in one iteration: {moved:.1e}; largest difference after it:")
    differences = {
        name: max(largest_difference(after[race.OURS][network], after[name][network]) for network in before)
        for name in list(CONTESTANTS)[1:]
    }
    for name, difference in differences.items():
        print(f"  {race.OURS} - {name}: {difference:.1e}")
    same = max(differences.values()) <= TOLERANCE
    print(f"{'The same' if same else 'NOT the same'} within {TOLERANCE:g}.")
    return same


def arguments() -> argparse.Namespace:
    parser = race.parser(__doc__)
    parser.add_argument("--iterations", type=int, default=2, help="iterations each time (default 2)")
    parser.add_argument("--width", type=int, default=1000, help="widest hidden layer (default 1000)")
    parser.add_argument("--batch", type=int, default=64, help="vectors of each corpus (default 64)")
    parser.add_argument("--repeats", type=int, default=1, help="repeats side by side (default 1)")
    parser.add_argument("--check", action="store_true", help="compare one iteration's weights, time nothing")
    chosen = parser.parse_args()
    for name in ("rounds", "iterations", "width", "batch", "repeats", "threads"):
        if getattr(chosen, name) < (2 if name == "width" else 1):
            parser.error(f"--{name} is too small")
    return chosen


def main() -> None:
    args = arguments()
    race.prepare()
    sizes = {name: getattr(args, name) for name in ("width", "batch", "repeats", "threads")}
    if args.check:
        raise SystemExit(not check(Setup(**sizes, dtype="float64")))
    race.run(CONTESTANTS, Setup(**sizes), args, args.iterations, sizes)


if __name__ == "__main__":
    main()
