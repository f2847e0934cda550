"""Su & Lee 2021, from corpora to tables: `tfsergan reproduce su2021`.

For each task, target corpus and group of its speakers: train F_s on the labelled source, cycle GANs between it and
the other speakers' unlabelled utterances, and a recogniser on source vectors, balanced, with what a GAN makes of
them; test it on the group. Target labels count in the scores alone.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path

import keras
import numpy as np
from sklearn.manifold import TSNE
from sklearn.preprocessing import MinMaxScaler

from tfsergan import evaluation, export, folds, papers, training
from tfsergan.classifiers import DNN, SVM, balanced_rows
from tfsergan.corpora import Corpus
from tfsergan.errors import TfserganError
from tfsergan.evaluation import Run
from tfsergan.methods import cycle_gan
from tfsergan.methods.adversarial import Adversarial
from tfsergan.methods.cycle_gan import CycleGAN, Translators
from tfsergan.methods.domain_adaptation import (
    DANN,
    AdaptedClassifier,
    CyCADA,
    CycleEmotionGAN,
    EmotionClassifier,
    dann,
    emotion_classifier,
    multiply_adds_of_dann,
)
from tfsergan.methods.su2021 import CCEmoGAN
from tfsergan.networks import multiply_adds, one_copy
from tfsergan.optimizers import FusedAdam, step_decay
from tfsergan.report import board, figures

TASKS = {"activation": "Act.", "valence": "Val."}
TARGETS = {
    "cit": ("I2C", "CreativeIT"),
    "msp": ("I2M", "MSP-IMPROV"),
    "stand_in": ("stand-in", "stand-in"),
}
"""Names of the target roles in the columns across corpora and within them."""

AUGMENTED = {
    "TC": (2, "TC_", ("A", "OA", "B", "OB")),
    "CCEmoGAN": (2, "CCEmoGAN ", ("A", "B", "C", "OA", "OB", "OC")),
    "CyCADA": (3, "CyCADA ", ("A", "B", "OA", "OB")),
    "CyEmoGAN": (3, "CyEmoGAN ", ("A", "B", "OA", "OB")),
}
"""Each cycle GAN's table, the beginning of its rows, and what its recognisers are trained on."""

Vectors = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Vectors (R, n, D), their labels (n,), and the rows (R, m) that are an epoch of each repeat."""


@dataclass(frozen=True)
class Piece:
    """A task, a target's role, and a group of its speakers, tested, and the others, adapted to."""

    task: str
    target: str
    fold: folds.Fold

    @property
    def name(self) -> str:
        return f"{self.task}-{self.target}-{self.fold.name}"


def reproduce(run: Run, tables: Collection[int]) -> None:
    """Measures the cells of these tables that are not measured yet."""
    if 1 in tables:
        run.each(table_1, within(run))
    if {2, 3} & set(tables):
        run.each(tables_2_and_3, across(run), tables)
    path = run.folder / "figures" / "figure2.png"
    if not path.exists() and (shown := shown_pieces(run)):
        figures.save(figure_2(run, shown), path)


def table_1(run: Run, piece: Piece) -> None:
    """Within a corpus, one person left out (sec. 3.2.1): DNN on balanced classes, SVM."""
    corpus = run.corpus(f"{piece.target}/{piece.task}")
    train, test = (corpus.select(rows) for rows in (piece.fold.train, piece.fold.test))
    scaler = MinMaxScaler().fit(train.x if run.protocol == "strict" else corpus.x)
    x, x_test = (scaler.transform(part.x) for part in (train, test))
    column = f"{TASKS[piece.task]} {TARGETS[piece.target][1]}"

    def by_dnn() -> np.ndarray:
        seeds = [run.seed_of(1, piece.name, repeat) for repeat in range(run.settings.repeats)]
        rows = np.stack([balanced_rows(train.emotion, seed) for seed in seeds])
        dnn = recogniser(run, piece.task, seeds)
        return dnn.fit(x, train.emotion, rows=rows, task=f"{piece.name}: DNN", report=run.report).predict(
            x_test
        )

    def by_svm() -> np.ndarray:
        return SVM(**run.settings.group("svm")).fit(x, train.emotion).predict(x_test)[None]

    for row, predicted in (("DNN*", by_dnn), ("SVM", by_svm)):
        run.measure(1, row, column, piece.name, partial(scores, test, predicted))


def tables_2_and_3(run: Run, piece: Piece, tables: Collection[int]) -> None:
    """From the source to one group of a target's speakers (sec. 3.2): every method."""
    transfer = Transfer(run, piece)
    column = f"{TASKS[piece.task]} {TARGETS[piece.target][0]}"

    def cell(
        table: int, row: str, predicted: Callable[[], np.ndarray], extra: Callable[[], dict] = dict
    ) -> None:
        compute = partial(scores, transfer.test, predicted, extra)
        if table in tables:
            run.measure(table, row, column, piece.name, compute)

    cell(2, "O", partial(transfer.recognised, "", "O"))
    cell(2, "DANN*", lambda: transfer.dann().predict_emotion(transfer.test_x))
    for method, (table, beginning, kinds) in AUGMENTED.items():
        if table == 3:
            cell(2, method, partial(transfer.adapted, method), partial(transfer.epochs, method))
        for kinds_ in kinds:
            extra = partial(transfer.closeness if kinds_ == "B" else transfer.epochs, method)
            cell(table, beginning + kinds_, partial(transfer.recognised, method, kinds_), extra)


def scores(test: Corpus, predicted: Callable[[], np.ndarray], extra: Callable[[], dict] = dict) -> list[dict]:
    """A result a repeat."""
    return evaluation.score(test.emotion, predicted(), test.speaker, test.classes, **extra())


def recogniser(run: Run, task: str, seeds: Sequence[int]) -> DNN:
    """Three dense layers (sec. 2.2.3), untrained."""
    s = run.settings
    own = {name: s[f"recogniser.{name}"] for name in ("units", "batch_norm", "learning_rate", "batch_size")}
    own |= {name: s[f"recogniser.{task}_{name}"] for name in ("epochs", "updates")}
    own |= {name: s[name] for name in ("batch_norm_momentum", "precision")}
    return DNN(seeds=seeds, activation="relu", dropout=0.0, **own)


class Transfer:
    """What one piece trains: F_s, DANN and the cycle GANs, each when first asked for; every repeat side by side."""

    def __init__(self, run: Run, piece: Piece):
        self.run, self.settings, self.task, self.name = run, run.settings, piece.task, piece.name
        self.source = run.corpus(f"source/{piece.task}")
        target = run.corpus(f"{piece.target}/{piece.task}")
        if target.classes and target.classes != self.source.classes:
            raise TfserganError(
                f"{target.name} has the classes {', '.join(target.classes)}, {self.source.name} has "
                f"{', '.join(self.source.classes)}. Take a corpus with the same ones."
            )
        self.adapted_to, self.test = (target.select(rows) for rows in (piece.fold.train, piece.fold.test))
        self.y, self.K = self.source.emotion, len(self.source.classes)
        self.folder = run.folder / "models" / piece.name

    @cached_property
    def scalers(self) -> tuple[MinMaxScaler, MinMaxScaler]:
        """Each domain by its own range (sec. 2.1.1): of the source, and of the target's other speakers."""
        return MinMaxScaler().fit(self.source.x), MinMaxScaler().fit(self.adapted_to.x)

    @cached_property
    def s(self) -> np.ndarray:
        """Source vectors (n, D), scaled."""
        return self.scalers[0].transform(self.source.x)

    @cached_property
    def t(self) -> np.ndarray:
        """Target vectors (m, D) to adapt to, scaled; their labels stay where they are."""
        return self.scalers[1].transform(self.adapted_to.x)

    @property
    def test_x(self) -> np.ndarray:
        return self.scalers[1].transform(self.test.x)

    @cached_property
    def rows(self) -> np.ndarray:
        """The balanced source of each repeat: row numbers (R, k)."""
        return np.stack([balanced_rows(self.y, seed) for seed in self.seeds("balance")])

    def seeds(self, *names: object) -> list[int]:
        """One seed a repeat."""
        return [self.run.seed_of(self.name, *names, repeat) for repeat in range(self.settings.repeats)]

    def train(self, model: Adversarial, stage: str, epochs: int, updates: int, stop: bool = False) -> None:
        """Trains a stage on balanced batches, or reads what an earlier run trained."""
        s = self.settings
        batches = training.SourceAndTarget(
            self.s, self.y, self.t, self.rows, s.batch_size, self.seeds(stage, "order")
        )
        least = s.patience_least
        patience = (
            training.Patience(model, "generator_loss", s.patience, least) if stop and s.patience else None
        )
        training.train(
            model,
            batches,
            training.epochs_of(batches.steps, epochs, updates),
            self.folder / stage,
            task=f"{self.name}: {stage}",
            log_dir=self.run.log_dir(self.name, stage),
            stages=self.run.stages,
            checkpoint_epochs=s.checkpoint_epochs,
            stop=patience,
            report=self.run.report,
        )

    def adam(self, learning_rate: float | keras.optimizers.schedules.LearningRateSchedule) -> FusedAdam:
        return FusedAdam(learning_rate, beta_1=self.settings.beta_1)

    # --- The stages -------------------------------------------------------------------------------------------

    def new_classifier(self, stage: str) -> keras.Model:
        s = self.settings
        options = s.group("classifier") | {name: s[name] for name in ("batch_norm_momentum", "precision")}
        return emotion_classifier(options, self.s.shape[1], self.K, self.seeds(stage))

    @lru_cache(1)  # noqa: B019  one a piece, which goes when the piece is done
    def source_classifier(self) -> keras.Model:
        """F_s, trained on the balanced source (sec. 3)."""
        s, stage = self.settings.group("classifier"), "classifier"
        model = EmotionClassifier(self.new_classifier(stage))
        model.compile(self.adam(s["learning_rate"]))
        self.train(model, stage, s[f"{self.task}_epochs"], s[f"{self.task}_updates"])
        return model.classifier_F

    def dann(self) -> DANN:
        s = self.settings.group("dann")
        model = dann(s | {"precision": self.settings.precision}, self.s.shape[1], self.K, self.seeds("DANN"))
        steps = training.steps_an_epoch(self.rows.shape[1], self.settings.batch_size)
        model.compile(
            self.adam(s["learning_rate"]), steps * training.epochs_of(steps, s["epochs"], s["updates"])
        )
        self.train(model, "DANN", s["epochs"], s["updates"])
        return model

    def pretrained(self, method: str, condition: int) -> Translators:
        """Generators trained on the identity loss (sec. 3): once for CCEmoGAN, once for the others."""
        s, stage = self.settings, pretraining_of(method)
        model = Translators(*cycle_gan.generators(s, self.s.shape[1], condition, self.seeds(stage)))
        model.compile(self.adam(s.pretrain_learning_rate))
        self.train(model, stage, s.pretrain_epochs, s.pretrain_updates)
        return model

    @lru_cache(1)  # noqa: B019
    def gan(self, method: str) -> CycleGAN:
        """A trained cycle GAN."""
        s, condition = self.settings, self.K * (method == "CCEmoGAN")
        model = self.new_gan(method, condition)
        if not training.finished(self.folder / method):
            names = self.source.feature_names, self.source.classes
            export.save_scalers(self.folder, *self.scalers, *names)
            model.start_from(self.pretrained(method, condition))
        weights = {name: s[name] for name in ("lambda_1", "lambda_2", "lambda_3", "penalty")}
        count = 3 if isinstance(model, AdaptedClassifier) else 2
        rate = step_decay(s.learning_rate, s.decay, s.decay_updates)
        rates = (rate, rate, s["classifier.learning_rate"])[:count]
        model.compile(*map(self.adam, rates), **weights)
        self.train(model, method, s.gan_epochs, s.gan_updates, stop=True)
        return model

    def new_gan(self, method: str, condition: int) -> CycleGAN:
        s, D = self.settings, self.s.shape[1]
        seeds, seed = self.seeds(method), self.run.seed_of(self.name, method, "draws")
        networks = *cycle_gan.generators(s, D, condition, seeds), *cycle_gan.discriminators(s, D, seeds)
        if method == "TC":
            return CycleGAN(*networks, seed=seed)
        F_s = self.source_classifier()
        if method == "CCEmoGAN":
            return CCEmoGAN(*networks, F_s, seed=seed)
        classifier = self.new_classifier(method)
        classifier.set_weights(F_s.get_weights())
        if method == "CyCADA":
            return CyCADA(*networks, classifier, F_s, seed=seed)
        return CycleEmotionGAN(*networks, classifier, seed=seed)

    # --- What they are scored by ------------------------------------------------------------------------------

    def adapted(self, method: str) -> np.ndarray:
        """Labels (R, n) of the test utterances by a cycle GAN's own classifier."""
        return self.gan(method).predict_emotion(self.test_x)

    def recognised(self, method: str, kinds: str) -> np.ndarray:
        """Labels (R, n) by recognisers trained on these kinds of vectors, such as "OB"."""
        parts = [self.vectors(method if kind != "O" else "", kind) for kind in kinds]
        starts = np.cumsum([0, *(len(y) for _, y, _ in parts)])
        rows = [rows + start for (_, _, rows), start in zip(parts, starts[:-1], strict=True)]
        model = recogniser(self.run, self.task, self.seeds(method, kinds))
        model.fit(
            np.concatenate([x for x, _, _ in parts], axis=1),
            np.concatenate([y for _, y, _ in parts]),
            rows=np.concatenate(rows, axis=1),
            task=f"{self.name}: {method} {kinds}".replace(":  ", ": "),
            report=self.run.report,
        )
        return model.predict(self.test_x)

    @lru_cache(3)  # noqa: B019  of the method at work
    def vectors(self, method: str, kind: str) -> Vectors:
        """The source itself (O), or one type of a cycle GAN's samples (sec. 2.2.3)."""
        if kind == "O":
            return np.broadcast_to(self.s, (self.settings.repeats, *self.s.shape)), self.y, self.rows
        gan = self.gan(method)
        if kind == "C":
            x, y = gan.type_c(self.t)
            return x, y, np.broadcast_to(np.arange(len(y)), (len(x), len(y)))
        return gan.type_a(self.s, self.y) if kind == "A" else gan.type_b(self.s), self.y, self.rows

    def epochs(self, stage: str) -> dict[str, float]:
        """How long a stage was trained."""
        return {"epochs": float(training.epochs_trained(self.folder / stage))}

    def closeness(self, method: str) -> dict[str, float]:
        """How near vectors of type B are to the target, beside the source: distance of means, ratio of deviations."""
        made = self.vectors(method, "B")[0]
        return {
            **self.epochs(method),
            "distance": float(np.abs(made.mean(axis=1) - self.t.mean(axis=0)).mean()),
            "source_distance": float(np.abs(self.s.mean(axis=0) - self.t.mean(axis=0)).mean()),
            "spread_ratio": float(made.std(axis=1).mean() / self.t.std(axis=0).mean()),
        }


def across(run: Run) -> list[Piece]:
    """Pieces of tables 2 and 3: every group of target speakers, or (protocol paper) the whole target at once."""
    pieces = []
    for task in TASKS:
        for target in TARGETS:
            if run.has(f"source/{task}", f"{target}/{task}"):
                corpus = run.corpus(f"{target}/{task}")
                every = np.arange(len(corpus))
                groups = [folds.Fold(folds.WHOLE, every, every)]
                if run.protocol == "strict":
                    groups = folds.speaker_groups(corpus, run.settings.target_groups)
                pieces += [Piece(task, target, fold) for fold in groups[: run.settings.folds or None]]
    return pieces


def within(run: Run) -> list[Piece]:
    """Pieces of table 1: each speaker of each target."""
    return [
        Piece(task, target, fold)
        for task in TASKS
        for target in TARGETS
        if run.has(f"{target}/{task}")
        for fold in folds.leave_one_speaker_out(run.corpus(f"{target}/{task}"))[: run.settings.folds or None]
    ]


def shown_pieces(run: Run) -> list[Piece]:
    """Those of figure 2: the first target's first group in both tasks, once its CCEmoGANs are trained."""
    pieces = across(run)
    first = [
        piece
        for piece in pieces
        if (piece.target, piece.fold.name) == (pieces[0].target, pieces[0].fold.name)
    ]
    stages = [run.folder / "models" / piece.name / "CCEmoGAN" for piece in first]
    return first if all(map(training.finished, stages)) else []


def figure_2(run: Run, pieces: Sequence[Piece]):
    """Source, A, B, C and target vectors of each class on a plane; target labels choose the panel alone."""
    panels = {}
    for piece in pieces:
        transfer = Transfer(run, piece)
        kinds = {kind: transfer.vectors("CCEmoGAN" * (kind != "O"), kind)[:2] for kind in "OABC"}
        sets = {"source": kinds["O"], **{f"type {kind}": kinds[kind] for kind in "ABC"}}
        sets["target"] = (transfer.t[None], transfer.adapted_to.emotion)
        for k, name in enumerate(transfer.source.classes):
            chosen = {
                of: some(x[0][y == k], run.paper.figures["2"]["vectors"]) for of, (x, y) in sets.items()
            }
            x = np.concatenate([*chosen.values()])
            labels = {"set": np.repeat([*chosen], [len(part) for part in chosen.values()])}
            board.project(run.folder, f"figure 2, {piece.task}, {name}", x, labels)
            points = TSNE(random_state=0, init="pca", perplexity=min(30, len(x) - 1)).fit_transform(x)
            ends = np.cumsum([len(part) for part in chosen.values()])[:-1]
            panels[f"{piece.task}: {name}"] = dict(zip(chosen, np.split(points, ends), strict=True))
    corpora = f"{transfer.source.name} to {transfer.adapted_to.name}"
    return figures.clouds(panels, transfer.K, f"{run.paper.figures['2']['title']}; {corpora}")


def some(x: np.ndarray, number: int) -> np.ndarray:
    """At most so many of the vectors, drawn."""
    return x[np.random.default_rng(0).permutation(len(x))[:number]]


def work(run: Run, tables: Collection[int]) -> float:
    """Multiply-adds of what these tables still need, for an estimate of the time."""
    total = sum(within_work(run, piece) for piece in within(run)) if 1 in tables else 0.0
    if {2, 3} & set(tables):
        total += sum(across_work(run, piece, tables) for piece in across(run))
    return total


def within_work(run: Run, piece: Piece) -> float:
    """Multiply-adds of a person's DNN that is not measured yet."""
    corpus = run.corpus(f"{piece.target}/{piece.task}")
    if run.results.of(table=1, row="DNN*", fold=piece.name):
        return 0.0
    vectors = len(balanced_rows(corpus.emotion[piece.fold.train], 0))
    dnn = recogniser(run, piece.task, range(run.settings.repeats))
    return dnn.multiply_adds(vectors, corpus.x.shape[1], len(corpus.classes))


def across_work(run: Run, piece: Piece, tables: Collection[int]) -> float:
    """Multiply-adds of a piece's recognisers that are not measured and of the stages that unmeasured cells need."""
    transfer, s = Transfer(run, piece), run.settings
    D, K = transfer.source.x.shape[1], transfer.K

    def left(table: int, row: str) -> bool:
        return table in tables and not run.results.of(table=table, row=row, fold=piece.name)

    def recognising(kinds: str) -> float:
        sizes = {"C": K * len(transfer.adapted_to)}
        vectors = sum(sizes.get(kind, transfer.rows.shape[1]) for kind in kinds)
        return recogniser(run, piece.task, range(s.repeats)).multiply_adds(vectors, D, K)

    total = recognising("O") if left(2, "O") else 0.0
    needed = {"DANN"} if left(2, "DANN*") else set()
    for method, (table, beginning, every) in AUGMENTED.items():
        kinds = [kinds for kinds in every if left(table, beginning + kinds)]
        total += sum(map(recognising, kinds))
        if kinds or (table == 3 and left(2, method)):
            needed |= {method, pretraining_of(method)} | ({"classifier"} if method != "TC" else set())
    unfinished = (stage for stage in needed if not training.finished(transfer.folder / stage))
    costs = stage_work(transfer)
    return total + s.repeats * sum(costs[stage] for stage in unfinished)


def pretraining_of(method: str) -> str:
    """The stage that a cycle GAN's generators come from."""
    return "pretraining-conditional" if method == "CCEmoGAN" else "pretraining"


def stage_work(transfer: Transfer) -> dict[str, float]:
    """Multiply-adds of one repeat of each stage."""
    s, task = transfer.settings, transfer.task
    D, K, steps = transfer.source.x.shape[1], transfer.K, transfer.rows.shape[1] // s.batch_size or 1

    def updates(prefix: str) -> int:
        return steps * training.epochs_of(steps, s[f"{prefix}epochs"], s[f"{prefix}updates"])

    classifier = 3.0 * s.batch_size * multiply_adds(D, s["classifier.units"], K)
    dann_update = multiply_adds_of_dann(s.group("dann") | {"batch_size": s.batch_size}, D)
    costs = {
        "classifier": updates(f"classifier.{task}_") * classifier,
        "DANN": updates("dann.") * dann_update,
    }
    for method in AUGMENTED:
        pretraining, gan = cycle_gan.multiply_adds_an_update(s, D, conditional=method == "CCEmoGAN")
        costs[pretraining_of(method)] = updates("pretrain_") * pretraining
        costs[method] = updates("gan_") * gan
    return costs


def train_generator(run: Run, fold: folds.Fold, method: str) -> str:
    """Trains CCEmoGAN from the labelled corpus to the whole of the other one, which may be unlabelled; gives its stage."""
    _, role = run.corpora
    target, _, task = role.partition("/")
    Transfer(run, Piece(task, target, folds.whole(run.corpus(role)))).gan(method)
    return method


def export_generators(folder: Path, run: dict, to: Path, fold: str | None, setting: str | None) -> Path:
    """Writes the generators of a CCEmoGAN's first repeat as a SavedModel that makes samples of types A, B and C.

    Args:
        folder: of the run.
        run: its `run.toml`.
        to: folder to make.
        fold: a folder of the run's `models/`, such as "valence-stand_in-1"; None takes the first.
        setting: "CCEmoGAN", which None takes too.

    Raises:
        TfserganError: no such fold or setting in this run.
    """
    found = export.trained(folder, run, fold, setting, prefix="CCEmoGAN")
    scalers = export.load_scalers(found.models)
    s, D, K = found.settings, len(scalers["features"]), len(scalers["classes"])
    seeds = range(s.repeats)
    trained = CycleGAN(*cycle_gan.generators(s, D, K, seeds), *cycle_gan.discriminators(s, D, seeds), seed=0)
    found.load_weights(trained)
    first = cycle_gan.generators(s, D, K, [0])
    generators = [one_copy(one, every) for one, every in zip(first, trained.networks, strict=False)]
    task, target, _ = found.models.name.split("-")
    used = {role: run["corpora"][role] for role in (f"source/{task}", f"{target}/{task}")}
    card = export.card(papers.load("su2021"), {**run, "corpora": used}, found.models.name, found.stage)
    return export.export_translators(*generators, found.models, to, card)


if __name__ == "__main__":
    import sys

    from tfsergan.cli import main

    main(["reproduce", "su2021", *sys.argv[1:]])
