"""Bao, Neumann & Vu 2019, from corpora to tables: `tfsergan reproduce bao2019`.

For each fold: pre-train the generators, train a GAN for each lambda_cls, transfer the source corpus to every
emotion, and train classifiers on real, synthetic and both.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from tfsergan import evaluation, export, folds, training
from tfsergan.classifiers import DNN
from tfsergan.corpora import Corpus
from tfsergan.engine import Task
from tfsergan.evaluation import Run, chosen_folds
from tfsergan.methods.bao2019 import (
    CyclePair,
    EmotionCycleGAN,
    compile_as_printed,
    emotion_cycle_gan,
    generators,
    multiply_adds_an_iteration,
)
from tfsergan.optimizers import FusedAdam
from tfsergan.report import board, figures
from tfsergan.rows import by_columns, standardize


def reproduce(run: Run, tables: Collection[int]) -> None:
    """Measures the cells of these tables that are not measured yet."""
    tasks = run.tasks(table_2, chosen_folds(run) if 2 in tables else [], ahead=gans)
    if (1 in tables and run.has("source")) or (3 in tables and run.has("cross")):
        tasks += run.tasks(tables_1_and_3, [folds.whole(run.corpus("labelled"))], tables, ahead=gans)
    run.do(tasks)


def gans(run: Run, fold: folds.Fold) -> list[Task]:
    """The trainings of a fold that are not finished."""
    folder, values = StyleTransfer(run, fold).folder, run.settings.lambda_cls if run.has("source") else ()
    left = [value for value in values if not training.finished(folder / label(value))]
    first = Task(f"{fold.name} pretraining", pretrain, (fold,))
    after = frozenset([first.name])
    trainings = [Task(f"{fold.name} {label(value)}", train_gan, (fold, value), after) for value in left]
    return [first, *trainings] if left else []


def pretrain(run: Run, fold: folds.Fold) -> None:
    """The first of them."""
    StyleTransfer(run, fold).pretrained()


def train_gan(run: Run, fold: folds.Fold, lambda_cls: float) -> None:
    """One of the others."""
    StyleTransfer(run, fold).gan(lambda_cls)


def tables_1_and_3(run: Run, fold: folds.Fold, tables: Collection[int]) -> None:
    """What is trained on all of the labelled corpus."""
    transfer = StyleTransfer(run, fold)
    if 1 in tables and run.has("source"):
        table_1(run, transfer)
    if 3 in tables and run.has("cross"):
        table_3(run, transfer)


def table_1(run: Run, transfer: "StyleTransfer") -> None:
    """Mean absolute differences between the means of target, source and synthetic features (sec. 4.2)."""

    def distance(lambda_cls: float | None) -> list[dict]:
        if lambda_cls is None:
            return evaluation.mean_over_features(transfer.differences(transfer.source[None]))
        made = transfer.synthetic(lambda_cls)
        return evaluation.mean_over_features(made.differences, **made.closeness)

    rows = {"target - source": None}
    rows |= {f"target - syn ({label(value)})": value for value in run.settings.lambda_cls}
    for row, lambda_cls in rows.items():
        run.measure(1, row, "distance", transfer.fold.name, partial(distance, lambda_cls))
    path = run.folder / "figures" / "figure2.png"
    if not path.exists():
        # Backwards: the last one is still there from table 1, and the first is what table 3 begins with.
        made = {label(value): transfer.synthetic(value).shown for value in reversed(run.settings.lambda_cls)}
        made = dict(reversed(made.items()))
        figures.save(figure_2(run, transfer, {name: shown[0] for name, shown in made.items()}), path)
        project(run, transfer, {name: shown[1] for name, shown in made.items()})


def figure_2(run: Run, transfer: "StyleTransfer", made: Mapping[str, np.ndarray]):
    """Means and deviations of 12 features in source, synthetic (k, 12) and target vectors."""
    columns = transfer.shown
    groups = {"source": transfer.source[:, columns]}
    groups |= {"target": np.concatenate([target[:, columns] for target in transfer.targets])}
    groups |= {f"syn. {name}": vectors for name, vectors in made.items()}
    names = [transfer.feature_names[column] for column in columns]
    return figures.feature_statistics(groups, names, run.paper.figures["2"]["title"])


def project(run: Run, transfer: "StyleTransfer", made: Mapping[str, np.ndarray]) -> None:
    """The same sets in TensorBoard's projector, synthetic ones (E, k, D); some vectors of each emotion."""
    sets = {"source": [transfer.source], "target": transfer.targets}
    sets |= {f"syn. {name}": list(vectors) for name, vectors in made.items()}
    vectors, named = [], []
    for name, parts in sets.items():
        emotions = transfer.classes if len(parts) > 1 else ("unlabelled",)
        for emotion, part in zip(emotions, parts, strict=True):
            vectors.append(some(part))
            named += [(name, emotion)] * len(vectors[-1])
    of_set, of_emotion = zip(*named, strict=True)
    board.project(run.folder, "figure 2", np.concatenate(vectors), {"set": of_set, "emotion": of_emotion})


def table_2(run: Run, fold: folds.Fold) -> None:
    """Leave one session out (sec. 4.3)."""
    transfer = StyleTransfer(run, fold)
    test = run.corpus("labelled").select(transfer.fold.test)
    z = StandardScaler().fit(transfer.x if run.protocol == "strict" else test.x)
    classify(run, 2, "within", transfer, z.transform(test.x), test)


def table_3(run: Run, transfer: "StyleTransfer") -> None:
    """Train on all of the labelled corpus, test on 70 % of another (sec. 4.4)."""
    cross = run.corpus("cross")
    development, rest = folds.stratified_split(cross, 0.3, run.seed_of("development split"))
    z = StandardScaler().fit(cross.x[development] if run.protocol == "strict" else cross.x)
    test = cross.select(rest)
    classify(run, 3, "cross", transfer, z.transform(test.x), test)


def classify(
    run: Run, table: int, task: str, transfer: "StyleTransfer", test_x: np.ndarray, test: Corpus
) -> None:
    """The cells of one fold: DNNs trained on real vectors, synthetic ones or both, each z-normed by itself.

    Args:
        test_x: vectors (n, D) of the test utterances, z-normed.
        test: the test utterances.
    """
    shared = {option: run.settings[option] for option in ("leaky_relu_slope", "precision")}

    def cell(
        row: str, column: str, key: str, training_set: Callable[[], tuple], extra: Callable[[], dict]
    ) -> None:
        name = (table, row, column, transfer.fold.name)
        seeds = [run.seed_of(*name, repeat) for repeat in range(run.settings.repeats)]
        dnn = DNN(seeds=seeds, **shared, **run.settings.group(key))

        def compute() -> list[dict]:
            dnn.fit(*training_set(), task=f"{transfer.fold.name}: {column} {row}", report=run.report)
            predicted = dnn.predict(test_x)
            return evaluation.score(test.emotion, predicted, test.speaker, test.classes, **extra())

        run.measure(*name, compute)

    cell("", "Real", f"{task}.real", lambda: (transfer.real, transfer.emotion), dict)
    for value in run.settings.lambda_cls if run.has("source") else ():
        for column, key in (("Syn.", "syn"), ("Real+Syn.", "both")):
            training_set = partial(transfer.training_set, value, column)
            cell(label(value), column, f"{task}.{key}", training_set, partial(transfer.told, value))


@dataclass(frozen=True, eq=False)
class Synthetic:
    """The whole source corpus in each emotion, E n vectors, as training set and beside the real vectors.

    Attributes:
        x: (m + E n, D): m real vectors and below them the synthetic ones, each set z-normed by itself.
        emotion: (m + E n,).
        real: m.
        differences: absolute differences (E, D) of the means of targets and synthetic vectors.
        closeness: how near the synthetic vectors are to the real ones, to print beside every score: the distance of
            the means, that of the source's mean, and the ratio of mean standard deviations: below 1, the synthetic
            vectors vary less than real ones.
        shown: the features of figure 2, (E n, features), and some vectors (E, k, D); min-max scaled.
    """

    x: np.ndarray
    emotion: np.ndarray
    real: int
    differences: np.ndarray
    closeness: Mapping[str, float]
    shown: tuple[np.ndarray, np.ndarray]


class StyleTransfer:
    """The CycleGANs of one fold, each trained when first asked for (sec. 2 and 4.1)."""

    def __init__(self, run: Run, fold: folds.Fold):
        corpus = run.corpus("labelled")
        self.run, self.fold, self.settings = run, fold, run.settings
        self.x, self.emotion, self.classes = corpus.x[fold.train], corpus.emotion[fold.train], corpus.classes
        self.feature_names = corpus.feature_names
        self.folder = run.folder / "models" / fold.name
        self.made: dict[float, Synthetic] = {}

    @cached_property
    def scaler(self) -> MinMaxScaler:
        """Of the target domain; the source has its own."""
        return MinMaxScaler().fit(self.x)

    @cached_property
    def source_scaler(self) -> MinMaxScaler:
        return MinMaxScaler().fit(self.run.corpus("source").x)

    @cached_property
    def source(self) -> np.ndarray:
        """Source vectors (n, D), scaled by their own range."""
        return self.source_scaler.transform(self.run.corpus("source").x)

    @cached_property
    def targets(self) -> list[np.ndarray]:
        """Training vectors of each emotion, scaled."""
        return [self.scaler.transform(self.x[self.emotion == i]) for i in range(len(self.classes))]

    def train(self, model: CyclePair, batches: training.Unpaired, stage: str, iterations: int) -> None:
        training.train(
            model,
            batches,
            math.ceil(iterations / batches.steps),
            self.folder / stage,
            task=f"{self.fold.name}: {stage}",
            log_dir=self.run.log_dir(self.fold.name, stage),
            stages=self.run.stages,
            checkpoint_epochs=self.settings.checkpoint_epochs,
            report=self.run.report,
        )

    def batches(self, stage: str) -> training.Unpaired:
        seed = self.run.seed_of(self.fold.name, stage, "order")
        return training.Unpaired(self.source, self.targets, self.settings.batch_size, seed)

    def iterations(self, phase: str) -> int:
        """How long a phase is: as set in iterations, else in epochs of the smallest set."""
        smallest = min(len(self.run.corpus("source")), *np.bincount(self.emotion))
        epoch = training.steps_an_epoch(smallest, self.settings.batch_size)
        return int(self.settings[f"{phase}_iterations"] or self.settings[f"{phase}_epochs"] * epoch)

    def pretrained(self) -> CyclePair:
        """Generators that undo each other: once a fold, for every lambda_cls."""
        seed = self.run.seed_of(self.fold.name, "pretraining")
        pair = CyclePair(*generators(self.settings, self.x.shape[1], len(self.classes), seed))
        pair.compile(FusedAdam(self.settings.pretrain_learning_rate))
        self.train(pair, self.batches("pretraining"), "pretraining", self.iterations("pretrain"))
        return pair

    def gan(self, lambda_cls: float) -> EmotionCycleGAN:
        """The trained GAN of one lambda_cls, its generators pre-trained."""
        s, stage = self.settings, label(lambda_cls)
        gan = emotion_cycle_gan(
            s, self.x.shape[1], len(self.classes), self.run.seed_of(self.fold.name, stage)
        )
        if not training.finished(self.folder / stage):
            export.save_scalers(
                self.folder, self.source_scaler, self.scaler, self.feature_names, self.classes
            )
            gan.start_from(self.pretrained())
        compile_as_printed(gan, s, lambda_cls, self.iterations("decay"))
        self.train(gan, self.batches(stage), stage, self.iterations("gan"))
        return gan

    @cached_property
    def shown(self) -> list[int]:
        """The columns of figure 2: those of its features that this feature set has."""
        wanted = self.run.paper.figures["2"]["features"]
        return [self.feature_names.index(name) for name in wanted if name in self.feature_names]

    @cached_property
    def real(self) -> np.ndarray:
        """Training vectors (m, D), z-normed by themselves."""
        return StandardScaler().fit_transform(self.x)

    def synthetic(self, lambda_cls: float) -> Synthetic:
        """What the GAN of one lambda_cls makes; the last one asked for is kept."""
        if lambda_cls not in self.made:
            self.made.clear()  # first: with a large source, they are most of the memory of a run
            self.made[lambda_cls] = self.make(lambda_cls)
        return self.made[lambda_cls]

    def make(self, lambda_cls: float) -> Synthetic:
        """Trains the GAN and transfers, into one array with the real vectors: no second copy is needed."""
        E, m, (n, D) = len(self.classes), len(self.x), self.source.shape
        x = np.empty((m + E * n, D), np.float32)
        x[:m] = self.real
        vectors = x[m:].reshape(E, n, D)
        self.gan(lambda_cls).transfer(self.source, out=vectors)
        made = Synthetic(
            x=x,
            emotion=np.concatenate([self.emotion, np.repeat(np.arange(E), n)]),
            real=m,
            differences=self.differences(vectors),
            closeness=self.closeness(vectors),
            shown=(x[m:, self.shown], np.stack([some(part) for part in vectors])),
        )
        standardize(x[m:])
        return made

    def training_set(self, lambda_cls: float, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Vectors (k, D) and emotions (k,) of a column of tables 2 and 3."""
        made = self.synthetic(lambda_cls)
        first = made.real if column == "Syn." else 0
        return made.x[first:], made.emotion[first:]

    def told(self, lambda_cls: float) -> Mapping[str, float]:
        """What is printed beside the scores of synthetic vectors."""
        return self.synthetic(lambda_cls).closeness

    def differences(self, vectors: np.ndarray) -> np.ndarray:
        """Absolute differences (E, D) of the means of targets and of vectors (E or 1, n, D)."""
        return np.abs(np.stack([target.mean(axis=0) for target in self.targets]) - vectors.mean(axis=1))

    def closeness(self, vectors: np.ndarray) -> dict[str, float]:
        """See `Synthetic`; of vectors (E, n, D), min-max scaled."""
        spread = np.mean([target.std(axis=0).mean() for target in self.targets])
        deviations = by_columns(partial(np.std, axis=1), vectors)  # (E, D)
        return {
            "distance": float(self.differences(vectors).mean()),
            "source_distance": float(self.differences(self.source[None]).mean()),
            "spread_ratio": float(deviations.mean() / spread),
        }


def some(vectors: np.ndarray, most: int = 100) -> np.ndarray:
    """At most so many of the vectors (n, D), evenly spread over them."""
    return vectors[:: math.ceil(len(vectors) / most)]


def label(lambda_cls: float) -> str:
    """The row of a lambda_cls, and the name of its GAN."""
    return f"lambda_cls={int(lambda_cls) if lambda_cls == int(lambda_cls) else lambda_cls}"


def work(run: Run, tables: Collection[int]) -> float:
    """Multiply-adds of what these tables still need, for an estimate of the time."""
    chosen = chosen_folds(run) if 2 in tables else []
    if (1 in tables and run.has("source")) or (3 in tables and run.has("cross")):
        chosen.append(folds.whole(run.corpus("labelled")))
    return sum(gan_work(run, fold) + classifier_work(run, fold, tables) for fold in chosen)


def gan_work(run: Run, fold: folds.Fold) -> float:
    """Multiply-adds of a fold's training that is not finished."""
    if not run.has("source"):
        return 0.0
    transfer = StyleTransfer(run, fold)
    pretraining, gan = multiply_adds_an_iteration(run.settings, transfer.x.shape[1], len(transfer.classes))
    work = {"pretraining": transfer.iterations("pretrain") * pretraining}
    work |= {label(value): transfer.iterations("gan") * gan for value in run.settings.lambda_cls}
    return sum(cost for stage, cost in work.items() if not training.finished(transfer.folder / stage))


def classifier_work(run: Run, fold: folds.Fold, tables: Collection[int]) -> float:
    """Multiply-adds of a fold's classifiers that are not measured yet."""
    labelled, s = run.corpus("labelled"), run.settings
    table, task = (2, "within") if len(fold.test) else (3, "cross")
    synthetic = len(run.corpus("source")) * len(labelled.classes) if run.has("source") else 0
    work = 0.0
    for column, key, vectors in (
        ("Real", "real", len(fold.train)),
        ("Syn.", "syn", synthetic),
        ("Real+Syn.", "both", len(fold.train) + synthetic),
    ):
        rows = [""] if column == "Real" else [label(value) for value in s.lambda_cls if synthetic]
        left = [
            row for row in rows if not run.results.of(table=table, row=row, column=column, fold=fold.name)
        ]
        dnn = DNN(seeds=range(s.repeats), **s.group(f"{task}.{key}"))
        work += len(left) * dnn.multiply_adds(vectors, labelled.x.shape[1], len(labelled.classes))
    return work if table in tables and (table == 2 or run.has("cross")) else 0.0


def train_generator(run: Run, fold: folds.Fold, method: str) -> str:
    """Trains the GAN of the first lambda_cls alone, as `export_generators` finds it; gives its stage."""
    first = run.settings.lambda_cls[0]
    StyleTransfer(run, fold).gan(first)
    return label(first)


def export_generators(folder: Path, run: dict, to: Path, fold: str | None, setting: str | None) -> Path:
    """Writes the generators G of a fold and a lambda_cls as a SavedModel.

    Args:
        folder: of the run.
        run: its `run.toml`.
        to: folder to make.
        fold: a folder of the run's `models/`; None takes the whole corpus's, else the first.
        setting: such as "lambda_cls=2"; None takes the first.

    Raises:
        TfserganError: no such fold or setting in this run.
    """
    found = export.trained(folder, run, fold, setting, prefix="lambda_cls=")
    scalers = export.load_scalers(found.models)
    gan = emotion_cycle_gan(found.settings, len(scalers["features"]), len(scalers["classes"]), seed=0)
    found.load_weights(gan)
    return export.export_generators(gan.gen_G, found.models, to, found.card)


if __name__ == "__main__":
    import sys

    from tfsergan.cli import main

    main(["reproduce", "bao2019", *sys.argv[1:]])
