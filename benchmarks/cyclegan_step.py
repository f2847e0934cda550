"""How long one training iteration of Bao 2019 takes: tfsergan beside PyTorch, in one interleaved run.

pip install ".[bench]"
python benchmarks/cyclegan_step.py                               # a table of times, ratios and memory
python benchmarks/cyclegan_step.py --precision mixed_bfloat16    # matrix products in bfloat16, PyTorch's by autocast
python benchmarks/cyclegan_step.py --check                       # do all of them compute the same?
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import peers
import race


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
    precision: str = "float32"

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
            "precision": self.precision,
        }

    def batches(self) -> tuple[np.ndarray, np.ndarray]:
        """Source (B, D) and target vectors (E, B, D), in [0, 1) as the scaled ones of training."""
        rng = np.random.default_rng(0)
        shape = (self.emotions, self.batch, self.features)
        return rng.random(shape[1:]).astype(self.dtype), rng.random(shape).astype(self.dtype)

    def weights(self) -> Iterator[tuple[str, list[np.ndarray]]]:
        """As of `peers.initial_weights`."""
        h, E, D = self.hyperparameters, self.emotions, self.features
        generator, discriminator = (D, *h["generator_units"], D), (D, *h["discriminator_units"], 1)
        networks = {"gen_G": (E, generator), "gen_F": (E, generator)}
        networks |= {"disc_T": (E, discriminator), "disc_S": (E, discriminator)}
        return peers.initial_weights(
            networks | {"classifier_C": (1, (D, *h["domain_classifier_units"], E))}, self.dtype
        )

    @property
    def multiply_adds(self) -> int:
        """Of the matrix products of an iteration that nothing can spare.

        A layer costs one product forward and two backward, but the first layer of a network none for the gradient of
        vectors that are data, and the discriminators none for their weights while they judge for the generators.
        """
        h, D = self.hyperparameters, self.features
        wide, narrow, _ = h["generator_units"]
        first, second = h["discriminator_units"]
        hidden = h["domain_classifier_units"]
        G = 2 * (D * wide + wide * narrow)
        disc = D * first + first * second + second
        C = D * hidden[0] + hidden[0] * hidden[1] + hidden[1] * self.emotions if self.lambda_cls else 0
        generators = 12 * G - 2 * D * wide + 4 * disc + 3 * C
        discriminators = 4 * (3 * disc - D * first)
        return self.emotions * self.batch * (self.generator_updates * generators + discriminators)


# --- The contestants: each gives one iteration to call, and its networks' weights as they are then ---------


def tfsergan_step(setup: Setup) -> tuple[Callable, Callable]:
    """The very function that `fit` calls for each batch."""
    peers.prepare_tensorflow(setup)
    from tfsergan.methods.bao2019 import emotion_cycle_gan
    from tfsergan.optimizers import FusedAdam, step_decay

    gan = emotion_cycle_gan(setup.hyperparameters, setup.features, setup.emotions, seed=0)
    gan.compile(
        *(FusedAdam(step_decay(setup.learning_rate, 0.8, every=1_000_000)) for _ in range(2)),
        lambda_cyc=setup.lambda_cyc,
        lambda_cls=setup.lambda_cls,
        generator_updates=setup.generator_updates,
        real_label=setup.real_label,
    )
    return peers.keras_step(gan, dict(setup.weights()), setup.batches())


def torch_step(setup: Setup, compiled: bool = False) -> tuple[Callable, Callable]:
    """The same in PyTorch, eager or through `torch.compile`."""
    import torch
    from torch_cyclegan import EmotionCycleGAN

    torch.set_num_threads(setup.threads)
    gan = EmotionCycleGAN(setup, *setup.batches(), compiled=compiled)
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
        "batch": (64, "vectors of each emotion"),
        "features": (1582, "of a vector"),
    }
    for name, (value, about) in sizes.items():
        parser.add_argument(f"--{name}", type=race.positive, default=value, help=f"{about} (default {value})")
    parser.add_argument("--lambda-cls", type=float, default=2.0, help="0 leaves C out (default 2)")
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"), default="float32")
    parser.add_argument("--check", action="store_true", help="compare one iteration's weights, time nothing")
    chosen = parser.parse_args()
    if chosen.width < 2:
        parser.error("--width is too small")
    if chosen.check and chosen.precision != "float32":
        parser.error("--check computes in float64: leave out --precision")
    return chosen


def main() -> None:
    args = arguments()
    race.prepare()
    names = ("width", "batch", "features", "lambda_cls", "threads", "precision")
    sizes = {name: getattr(args, name) for name in names}
    if args.check:
        plain = Setup(**sizes, dropout=0.0, classifier_dropout=0.0, dtype="float64")
        raise SystemExit(not peers.check(CONTESTANTS, plain))
    setup = Setup(**sizes)
    figures = race.run(
        CONTESTANTS | {peers.PRODUCTS: peers.products_alone}, setup, args, args.iterations, sizes
    )
    print(peers.share_of_rate(figures, setup.multiply_adds))


if __name__ == "__main__":
    main()
