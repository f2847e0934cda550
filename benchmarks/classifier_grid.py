"""The classifiers of bao2019's table 2 on one fold of IEMOCAP: tfsergan's, five seeds side by side, beside a
`keras.Model.fit` on NumPy arrays for each seed, interleaved.

python benchmarks/classifier_grid.py                     # a tenth of the published epochs, 2620 source vectors
python benchmarks/classifier_grid.py --share 1 --source 92973      # as published: hours

A DNN's units, batches and epochs are those of sec. 4.3: real vectors, synthetic ones (four for each source vector),
both. Each time is that of training all seeds from the start, graphs and all, as a run does it for a cell.
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import peers
import race

REAL, FEATURES, EMOTIONS, SEEDS = (
    4425,
    1582,
    4,
    5,
)  # IEMOCAP's 5531 utterances without a session, IS10, sec. 4.3
CELLS = {
    "Real": {"units": 100, "batch_size": 64, "dropout": 0.2, "learning_rate": 1e-5, "epochs": 70},
    "Syn.": {"units": 200, "batch_size": 256, "dropout": 0.5, "learning_rate": 1e-5, "epochs": 5},
    "Real+Syn.": {"units": 1000, "batch_size": 256, "dropout": 0.5, "learning_rate": 5e-6, "epochs": 30},
}
PLAIN = "plain Keras"


@dataclass(frozen=True)
class Setup:
    """One column of table 2."""

    column: str
    share: float = 0.1
    source: int = 2620
    width: float = 1.0
    threads: int = 1
    precision: str = "float32"
    dtype: str = "float32"

    @property
    def options(self) -> dict:
        """Of `tfsergan.classifiers.DNN`."""
        own = CELLS[self.column]
        units, epochs = (
            max(1, round(own[name] * by)) for name, by in (("units", self.width), ("epochs", self.share))
        )
        return own | {"units": units, "epochs": epochs}

    @property
    def vectors(self) -> int:
        """In the training set."""
        return REAL * ("Real" in self.column) + EMOTIONS * self.source * ("Syn." in self.column)

    @property
    def multiply_adds(self) -> int:
        """Of the matrix products that nothing can spare: the gradient of vectors that are data is none of them."""
        units, epochs = self.options["units"], self.options["epochs"]
        a_vector = 2 * FEATURES * units + 3 * (units * units + units * EMOTIONS)
        return SEEDS * epochs * self.vectors * a_vector

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Vectors (n, D) as z-normed ones, and emotions (n,)."""
        rng, n = np.random.default_rng(0), self.vectors
        return rng.standard_normal((n, FEATURES), np.float32), (np.arange(n) % EMOTIONS).astype(np.int32)


def tfsergan_cell(setup: Setup, precision: str = "float32") -> tuple[Callable, Callable]:
    """As a run trains a cell."""
    peers.prepare_tensorflow(setup)
    from tfsergan.classifiers import DNN

    x, y = setup.data()
    options = setup.options | {"precision": precision}
    DNN(seeds=range(SEEDS), **options | {"epochs": 1}).fit(x[:EMOTIONS], y[:EMOTIONS])  # starts TensorFlow
    return lambda: DNN(seeds=range(SEEDS), **options).fit(x, y), dict


def plain_keras_cell(setup: Setup) -> tuple[Callable, Callable]:
    """What one writes first: a model a seed, `fit` on NumPy arrays."""
    peers.prepare_tensorflow(setup)
    import keras

    x, y = setup.data()
    own = setup.options

    def train(seed: int, x: np.ndarray, y: np.ndarray, epochs: int) -> None:
        keras.utils.set_random_seed(seed)
        hidden = []
        for _ in range(2):
            hidden += [
                keras.layers.Dense(own["units"]),
                keras.layers.LeakyReLU(0.2),
                keras.layers.Dropout(own["dropout"]),
            ]
        model = keras.Sequential([keras.Input((FEATURES,)), *hidden, keras.layers.Dense(EMOTIONS)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(own["learning_rate"]), loss)
        model.fit(x, y, batch_size=own["batch_size"], epochs=epochs, verbose=0)

    def cell() -> None:
        for seed in range(SEEDS):
            train(seed, x, y, own["epochs"])

    train(0, x[:EMOTIONS], y[:EMOTIONS], 1)  # starts TensorFlow
    return cell, dict


CONTESTANTS = {
    race.OURS: tfsergan_cell,
    "tfsergan, mixed_bfloat16": partial(tfsergan_cell, precision="mixed_bfloat16"),
    PLAIN: plain_keras_cell,
    peers.PRODUCTS: peers.products_alone,
}


def whole_grid(cells: dict[str, race.Figures], rounds: int) -> race.Figures:
    """The sum of the columns, round by round; Real is trained once, the others for each of two lambda_cls."""
    weight = {"Real": 1, "Syn.": 2, "Real+Syn.": 2}
    figures = {}
    for name in CONTESTANTS:
        failed = next((row[name]["failed"] for row in cells.values() if "failed" in row[name]), None)
        if failed:
            figures[name] = {"failed": failed}
            continue
        figures[name] = {
            key: [
                sum(weight[column] * cells[column][name][key][i] for column in cells) for i in range(rounds)
            ]
            for key in ("seconds", "processor_seconds")
        }
        figures[name]["peak_memory_mib"] = max(row[name]["peak_memory_mib"] for row in cells.values())
    ours = figures[race.OURS].get("seconds", [])
    for row in figures.values():
        if "failed" not in row:
            row["ratios"] = [a / b for a, b in zip(ours, row["seconds"], strict=False)]
    return figures


def arguments() -> argparse.Namespace:
    parser = race.parser(__doc__, rounds=3)
    parser.add_argument("--share", type=float, default=0.1, help="of the published epochs (default 0.1)")
    parser.add_argument("--source", type=race.positive, default=2620, help="source vectors (default 2620)")
    parser.add_argument("--width", type=float, default=1.0, help="of the published units (default 1)")
    chosen = parser.parse_args()
    if not (chosen.share > 0 and chosen.width > 0):
        parser.error("--share and --width are above 0")
    return chosen


def main() -> None:
    args = arguments()
    race.prepare(torch=False)
    sizes = {name: getattr(args, name) for name in ("share", "source", "width", "threads")}
    record, cells = race.Record("classifier_grid"), {}
    race.introduce(sizes | {"seeds": SEEDS})
    for column in CELLS:
        setup = Setup(column, **sizes)
        cells[column] = race.measure(CONTESTANTS, setup, args.rounds, 1, warm_up=0)
        print(f"\n{column}: {setup.options}\n\n{race.table(cells[column], 'a cell')}", flush=True)
        print(peers.share_of_rate(cells[column], setup.multiply_adds), flush=True)
        record.add(column, cells[column], asdict(setup))
    grid = whole_grid(cells, args.rounds)
    print(f"\nThe grid of one fold, with two lambda_cls\n\n{race.table(grid, 'a fold')}")
    if ratios := grid[PLAIN].get("ratios"):
        print(f"\n{race.OURS} is {1 / statistics.median(ratios):.1f} times as fast as {PLAIN}.", flush=True)
    record.add("grid", grid, sizes)
    record.write(args.json)


if __name__ == "__main__":
    main()
