"""How long one training iteration of Bao 2019 takes: tfsergan beside PyTorch, in one interleaved run.

    pip install ".[bench]"
    python benchmarks/cyclegan_step.py            # a table of times, ratios and memory
    python benchmarks/cyclegan_step.py --check    # do all of them compute the same?

Each contestant lives in a process of its own and waits there until it is asked for a few iterations, so that
thread pools don't fight and all of them meet the same weather on a busy machine.
"""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

OURS = "tfsergan"
TOLERANCE = 1e-8  # of an updated weight in float64; Adam moves one by some 2e-4 an update
WARM_UP = 2  # iterations: the first one traces and compiles


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


CONTESTANTS = {OURS: tfsergan_step, "PyTorch eager": torch_step, "torch.compile": compiled_torch_step}


# --- Processes ---------------------------------------------------------------------------------------------


def serve(name: str, setup: Setup, pipe) -> None:
    """A contestant's process: builds its model, then answers requests until the parent ends it."""
    try:
        step, weights = CONTESTANTS[name](setup)
        answers = {
            "time": lambda iterations: time_iterations(step, iterations),
            "weights": weights,
            "memory": peak_memory,
        }
        while True:
            what, *arguments = pipe.recv()
            pipe.send(answers[what](*arguments))
    except EOFError:  # the parent is gone
        pass
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        pipe.send(RuntimeError(f"{type(error).__name__}: {lines[0]}"))


def time_iterations(step: Callable, iterations: int) -> tuple[float, float]:
    """Seconds an iteration on the clock, and of processor time summed over threads."""
    clock, processor = time.perf_counter(), time.process_time()
    for _ in range(iterations):
        step()
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    return clock / iterations, processor / iterations


def peak_memory() -> float:
    """The most memory that this process ever held, in MiB."""
    import resource

    unit = 1 if platform.system() == "Darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


class Contestant:
    """The parent's end of a contestant's process."""

    def __init__(self, name: str, setup: Setup):
        context = multiprocessing.get_context("spawn")
        self.name = name
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(name, setup, other), daemon=True)
        self.process.start()
        other.close()

    def ask(self, *request):
        """What its process answers.

        Raises:
            SystemExit: it failed, with its reason.
        """
        try:
            self.pipe.send(request)
            answer = self.pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise SystemExit(f"{self.name}: its process was ended from outside; is memory short?") from None
        if isinstance(answer, RuntimeError):
            hint = " (it needs a C++ compiler)" if self.name == "torch.compile" else ""
            raise SystemExit(f"{self.name}{hint}: {answer}")
        return answer

    def close(self) -> None:
        self.pipe.close()  # its process reads the end of the pipe and stops
        self.process.join(timeout=10)


# --- The two uses ------------------------------------------------------------------------------------------


def measure(setup: Setup, rounds: int, iterations: int) -> dict:
    """Times every contestant in turn, `rounds` times; all figures, each contestant's by its name."""
    contestants = []
    for name in CONTESTANTS:
        say(f"{name}: starting")
        contestants.append(Contestant(name, setup))
        contestants[-1].ask("time", WARM_UP)
    times = {name: [] for name in CONTESTANTS}
    for i in range(rounds):
        say(f"round {i + 1} of {rounds}")
        for contestant in contestants:
            times[contestant.name].append(contestant.ask("time", iterations))
    figures = {}
    for contestant in contestants:
        clock, processor = (list(column) for column in zip(*times[contestant.name], strict=True))
        ratios = [ours[0] / theirs for ours, theirs in zip(times[OURS], clock, strict=True)]
        figures[contestant.name] = {
            "seconds": clock,
            "processor_seconds": processor,
            "ratios": ratios,
            "peak_memory_mib": contestant.ask("memory"),
        }
        contestant.close()
    return figures


def check(setup: Setup) -> bool:
    """Whether one iteration from the same weights, without dropout, ends with the same weights everywhere.

    In float64: in float32, one pre-activation that rounds to the other side of zero turns a leaky ReLU's slope
    around, and Adam makes a full step of every small gradient that changes its sign with it.
    """
    before = dict(setup.weights())
    after = {}
    for name in CONTESTANTS:
        say(f"{name}: one iteration")
        contestant = Contestant(name, setup)
        contestant.ask("time", 1)
        after[name] = contestant.ask("weights")
        contestant.close()
    moved = max(largest_difference(before[network], after[OURS][network]) for network in before)
    print(f"Largest change of a weight in one iteration: {moved:.1e}; largest difference after it:")
    differences = {}
    for name in list(CONTESTANTS)[1:]:
        each = {network: largest_difference(after[OURS][network], after[name][network]) for network in before}
        differences[name] = max(each.values())
        parts = ", ".join(f"{network} {difference:.1e}" for network, difference in each.items())
        print(f"  {OURS} - {name}: {differences[name]:.1e} ({parts})")
    same = max(differences.values()) <= TOLERANCE
    print(f"{'The same' if same else 'NOT the same'} within {TOLERANCE:g}.")
    return same


def largest_difference(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    return max(float(np.abs(x.reshape(y.shape) - y).max()) for x, y in zip(a, b, strict=True))


def table(figures: dict) -> str:
    """A Markdown table, a row a contestant."""
    lines = [
        "| | s an iteration, median | min-max | ours / this, median of rounds | processor s | peak MiB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, row in figures.items():
        seconds = row["seconds"]
        lines.append(
            f"| {name} | {statistics.median(seconds):.3f} | {min(seconds):.3f}-{max(seconds):.3f} "
            f"| {statistics.median(row['ratios']):.2f} | {statistics.median(row['processor_seconds']):.3f} "
            f"| {row['peak_memory_mib']:.0f} |"
        )
    return "\n".join(lines)


def machine() -> dict:
    """What a reader needs to judge the figures."""
    packages = {name: version(name) for name in ("tensorflow", "keras", "torch", "numpy")}
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"cores": cores(), "load": load, "python": platform.python_version(), **packages}


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def say(message: str) -> None:
    print(message, file=sys.stderr)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--rounds", type=int, default=10, help="times that each is asked (default 10)")
    parser.add_argument("--iterations", type=int, default=2, help="iterations each time (default 2)")
    parser.add_argument("--width", type=int, default=1000, help="widest hidden layer (default 1000)")
    parser.add_argument("--batch", type=int, default=64, help="vectors of each emotion (default 64)")
    parser.add_argument("--features", type=int, default=1582, help="of a vector (default 1582)")
    parser.add_argument("--lambda-cls", type=float, default=2.0, help="0 leaves C out (default 2)")
    parser.add_argument("--threads", type=int, default=cores(), help="of each process (default: all cores)")
    parser.add_argument("--check", action="store_true", help="compare one iteration's weights, time nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measured figure there")
    chosen = parser.parse_args()
    for name in ("rounds", "iterations", "width", "batch", "features", "threads"):
        if getattr(chosen, name) < (2 if name == "width" else 1):
            parser.error(f"--{name} is too small")
    return chosen


def main() -> None:
    args = arguments()
    if find_spec("torch") is None:
        raise SystemExit('PyTorch is not installed. Install it with: pip install ".[bench]"')
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sizes = {name: getattr(args, name) for name in ("width", "batch", "features", "lambda_cls", "threads")}
    if args.check:
        raise SystemExit(not check(Setup(**sizes, dropout=0.0, classifier_dropout=0.0, dtype="float64")))
    setup = Setup(**sizes)
    figures, about = measure(setup, args.rounds, args.iterations), machine()
    print(", ".join(f"{name} {value}" for name, value in sizes.items()))
    print(", ".join(f"{name} {value}" for name, value in about.items()), end="\n\n")
    print(table(figures))
    if args.json:
        record = {"setup": asdict(setup), "machine": about, "contestants": figures}
        args.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
