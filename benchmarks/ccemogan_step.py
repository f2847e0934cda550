"""How long one training iteration of Su & Lee 2021 takes: tfsergan beside PyTorch, in one interleaved run.

pip install ".[bench]"
python benchmarks/ccemogan_step.py            # a table of times, ratios and memory
python benchmarks/ccemogan_step.py --check    # do all of them compute the same?
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import peers
import race

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
        """As of `peers.initial_weights`."""
        h, D = self.hyperparameters, self.features
        widths = {
            "gen_ST": (D, *h["generator_units"], D),
            "gen_TS": (D + EMOTIONS, *h["generator_units"], D),
            "disc_S": (D, *h["discriminator_units"], 1),
            "disc_T": (D, *h["discriminator_units"], 1),
            "classifier_F": (D, *self.classifier["units"], EMOTIONS),
        }
        return peers.initial_weights({name: (self.repeats, w) for name, w in widths.items()}, self.dtype)


# --- The contestants: each gives one iteration to call, and its networks' weights as they are then ---------


def tfsergan_step(setup: Setup) -> tuple[Callable, Callable]:
    """The very function that `fit` calls for each batch."""
    peers.prepare_tensorflow(setup)
    import keras
    import tensorflow as tf

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
    return peers.keras_step(gan, dict(setup.weights()), setup.batches())


def torch_step(setup: Setup, compiled: bool = False) -> tuple[Callable, Callable]:
    """The same in PyTorch, eager or with its generators' and discriminators' losses through `torch.compile`."""
    import torch
    from torch_ccemogan import CCEmoGAN

    torch.set_num_threads(setup.threads)
    gan = CCEmoGAN(setup, compiled=compiled)
    return gan.step, gan.weights


CONTESTANTS = {
    race.OURS: tfsergan_step,
    "PyTorch eager": torch_step,
    "torch.compile": partial(torch_step, compiled=True),
}


def arguments() -> argparse.Namespace:
    parser = race.parser(__doc__)
    sizes = {
        "iterations": (2, "iterations each time"),
        "width": (1000, "widest hidden layer"),
        "batch": (64, "vectors of each corpus"),
        "repeats": (1, "repeats side by side"),
    }
    for name, (value, about) in sizes.items():
        parser.add_argument(f"--{name}", type=race.positive, default=value, help=f"{about} (default {value})")
    parser.add_argument("--check", action="store_true", help="compare one iteration's weights, time nothing")
    chosen = parser.parse_args()
    if chosen.width < 2:
        parser.error("--width is too small")
    return chosen


def main() -> None:
    args = arguments()
    race.prepare()
    sizes = {name: getattr(args, name) for name in ("width", "batch", "repeats", "threads")}
    if args.check:
        raise SystemExit(not peers.check(CONTESTANTS, Setup(**sizes, dtype="float64")))
    race.run(CONTESTANTS, Setup(**sizes), args, args.iterations, sizes)


if __name__ == "__main__":
    main()
