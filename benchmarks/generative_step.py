"""How long one training iteration of the methods that make vectors by themselves takes, beside PyTorch, interleaved:
Latif et al. 2020's mixup GAN, Sahu et al. 2017's adversarial autoencoder, Sahu et al. 2018's GANs.

pip install ".[bench]"
python benchmarks/generative_step.py                                # a table a method
python benchmarks/generative_step.py --method latif2020 --check     # do all of them compute the same?
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
import peers
import race

EMOTIONS = 4
METHODS = ("latif2020", "sahu2017", "sahu2018-vanilla", "sahu2018-conditional")


@dataclass(frozen=True)
class Setup:
    """Sizes of the models; the defaults are those of the `paper` schedules in `reproductions/`.

    The points that are drawn from the prior are given, so that all compute the same.
    """

    method: str
    width: int = 1000
    features: int = 1582
    latent: int = 2
    dropout: float = 0.5
    learning_rate: float = 1e-4
    leaky_relu_slope: float = 0.2
    radius: float = 2.0
    deviation: float = 0.5
    threads: int = 1
    dtype: str = "float32"

    @property
    def batch(self) -> int:
        return 128 if self.method == "latif2020" else 64

    @property
    def conditional(self) -> bool:
        return self.method == "sahu2018-conditional"

    @property
    def generator_updates(self) -> int:
        """Of sahu2018's generators."""
        return 2 if self.conditional else 1

    @property
    def hyperparameters(self) -> dict:
        """As `tfsergan.methods` take them."""
        wide = [self.width, self.width]
        return {
            "encoder_units": [self.width, self.width // 2],
            "decoder_units": [self.width // 2, self.width],
            "units": wide,
            "discriminator_units": wide,
            "code_discriminator_units": wide,
            "discriminator_dropout": self.dropout if self.conditional else 0.0,
            "activation": "leaky_relu",
            "precision": "float32",
            **{
                name: getattr(self, name)
                for name in ("latent", "dropout", "leaky_relu_slope", "radius", "deviation")
            },
        }

    def batches(self) -> tuple[np.ndarray, np.ndarray]:
        """Vectors (B, D) and, of latif2020, which are unmixed (B,), else their emotions (B,)."""
        rng = np.random.default_rng(0)
        x = rng.random((self.batch, self.features)).astype(self.dtype)
        return x, (np.arange(self.batch) % (2 if self.method == "latif2020" else EMOTIONS)).astype(np.int32)

    def noise(self) -> np.ndarray:
        """Standard normal (B, N), of every draw from the prior."""
        return np.random.default_rng(2).standard_normal((self.batch, self.latent)).astype(np.float32)

    def points(self) -> np.ndarray:
        """The points of the prior (B, N) that this noise makes, see `tfsergan.networks.GaussianMixture`."""
        angles = 2 * np.pi * np.arange(EMOTIONS) / EMOTIONS
        means = np.zeros((EMOTIONS, self.latent), np.float32)
        means[:, :2] = self.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        return (means[self.batches()[1]] + np.float32(self.deviation) * self.noise()).astype(self.dtype)

    def weights(self) -> Iterator[tuple[str, list[np.ndarray]]]:
        """As of `peers.initial_weights`, one copy of each network."""
        D, N, h, given = self.features, self.latent, self.hyperparameters, EMOTIONS * self.conditional
        widths = {
            "latif2020": {
                "encoder_E": (D, *h["encoder_units"], N),
                "generator_G": (N, *h["decoder_units"], D),
                "discriminator_D": (D, *h["discriminator_units"], 1),
            },
            "sahu2017": {
                "encoder_E": (D, *h["units"], N),
                "decoder_R": (N, *h["units"], D),
                "discriminator_D": (N + EMOTIONS, *h["code_discriminator_units"], 1),
            },
        }
        gan = {
            "generator_G": (N + given, *h["units"], D),
            "discriminator_D": (D + given, *h["discriminator_units"], 1),
        }
        chosen = widths.get(self.method, gan)
        return peers.initial_weights({name: (1, sizes) for name, sizes in chosen.items()}, self.dtype)


# --- The contestants: each gives one iteration to call, and its networks' weights as they are then ---------


def tfsergan_step(setup: Setup) -> tuple[Callable, Callable]:
    """The very function that `fit` calls for each batch."""
    peers.prepare_tensorflow(setup)
    import keras
    import tensorflow as tf

    from tfsergan.methods import latif2020, sahu2017, sahu2018
    from tfsergan.optimizers import FusedAdam

    adams = [FusedAdam(setup.learning_rate) for _ in range(3)]
    h, D, N = setup.hyperparameters, setup.features, setup.latent
    if setup.method == "latif2020":
        model = latif2020.mixup_gan(h, D, N, seed=0)
        model.compile(*adams)
    elif setup.method == "sahu2017":
        model = sahu2017.aae(h, D, EMOTIONS, seed=0)
        model.compile(*adams)
    else:
        kind = sahu2018.ConditionalGAN if setup.conditional else sahu2018.VanillaGAN
        model = sahu2018.gan(h, D, EMOTIONS, 0, kind)
        model.compile(*adams[:2], generator_updates=setup.generator_updates)
    noise = setup.noise()
    keras.random.normal = lambda *_, **__: tf.constant(noise)
    return peers.keras_step(model, dict(setup.weights()), setup.batches())


def torch_step(setup: Setup, compiled: bool = False) -> tuple[Callable, Callable]:
    """The same in PyTorch, eager or with its losses, and so their backward passes, through `torch.compile`."""
    import torch
    import torch_generative

    torch.set_num_threads(setup.threads)
    models = {"latif2020": torch_generative.MixupGAN, "sahu2017": torch_generative.AAE}
    model = models.get(setup.method, torch_generative.GAN)(setup, compiled)
    return model.step, model.weights


CONTESTANTS = {
    race.OURS: tfsergan_step,
    "PyTorch eager": torch_step,
    "torch.compile": partial(torch_step, compiled=True),
}


def arguments() -> argparse.Namespace:
    parser = race.parser(__doc__)
    parser.add_argument("--method", choices=METHODS, action="append", help="may be repeated (default: all)")
    parser.add_argument("--iterations", type=race.positive, default=10, help="each time (default 10)")
    parser.add_argument(
        "--width", type=race.positive, default=1000, help="widest hidden layer (default 1000)"
    )
    parser.add_argument("--check", action="store_true", help="compare one iteration's weights, time nothing")
    chosen = parser.parse_args()
    if chosen.width < 2:
        parser.error("--width is too small")
    return chosen


def main() -> None:
    args = arguments()
    race.prepare()
    record, same = race.Record("generative_step"), True
    for method in args.method or METHODS:
        setup = Setup(method, args.width, threads=args.threads)
        print(f"\n{method}", flush=True)
        if args.check:
            same &= peers.check(CONTESTANTS, replace(setup, dropout=0.0, dtype="float64"))
            continue
        figures = race.measure(CONTESTANTS, setup, args.rounds, args.iterations)
        race.introduce({"width": args.width, "batch": setup.batch, "threads": args.threads})
        print(race.table(figures), flush=True)
        record.add(method, figures, asdict(setup))
    record.write(args.json)
    raise SystemExit(not same)


if __name__ == "__main__":
    main()
