"""Yi & Mak 2019, from corpora to tables: `tfsergan reproduce yi2019`.

For each fold and repeat: train an ADAN on the training utterances, let it make ten synthetic sets, and train SVMs
and DNNs on real, synthetic and both; beside it the same with duplicated, noisy and SMOTE vectors.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache, cached_property, partial
from pathlib import Path

import numpy as np
from sklearn.feature_selection import VarianceThreshold
from sklearn.manifold import TSNE
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from tfsergan import evaluation, export, folds, training
from tfsergan.augmentation import SMOTE, AdditiveNoise, Augmenter, Duplication
from tfsergan.classifiers import DNN, SVM
from tfsergan.corpora import Corpus
from tfsergan.engine import Task
from tfsergan.errors import TfserganError
from tfsergan.evaluation import Run, chosen_folds
from tfsergan.methods.yi2019 import adan, multiply_adds_a_vector
from tfsergan.quality import quality, quality_multiply_adds
from tfsergan.report import board, figures
from tfsergan.samplers import ADANSampler

PARTS = {"acted": "test", "dialogue": "improvised"}
"""What the ADAN of each role learns from, see `FoldVectors`."""

TrainingSet = Callable[[str, int], tuple[np.ndarray, np.ndarray]]
"""The vectors (n, D) and labels (n,) that a column's classifier of a repeat is trained on."""

Sets = Iterable[tuple[np.ndarray, np.ndarray]]
"""A training set a repeat."""


def reproduce(run: Run, tables: Collection[int]) -> None:
    """Measures the cells of these tables that are not measured yet."""
    tasks: list[Task] = []
    if run.has("acted") and {1, 5} & set(tables):
        tasks += run.tasks(acted, chosen_folds(run, "acted"), tables, ahead=partial(adans, role="acted"))
    if run.has("dialogue") and {2, 3, 4, 5} & set(tables):
        tasks += run.tasks(
            dialogue, chosen_folds(run, "dialogue"), tables, ahead=partial(adans, role="dialogue")
        )
    run.do(tasks)
    draw(run)


def adans(run: Run, fold: folds.Fold, role: str) -> list[Task]:
    """The trainings of a fold that are not finished."""
    vectors = FoldVectors(run, role, fold, PARTS[role])
    left = [r for r in range(run.settings.repeats) if not training.finished(vectors.folder / f"adan-{r}")]
    return [Task(f"{vectors.name} adan-{r}", train_adan, (role, fold, r)) for r in left]


def train_adan(run: Run, role: str, fold: folds.Fold, repeat: int) -> None:
    """One of them."""
    FoldVectors(run, role, fold, PARTS[role]).trained_sampler(repeat)


def acted(run: Run, fold: folds.Fold, tables: Collection[int]) -> None:
    """Table 1 for one test speaker (sec. III-C): SVM and DNN on real vectors, and with synthetic ones beside them."""
    vectors = FoldVectors(run, "acted", fold)
    if 1 in tables:
        cell = partial(measure, run, vectors, table=1, columns=("test",))
        cell("SVM", svm, vectors.real, repeats=1)
        cell("DNN", dnn, vectors.real)
        for method in ("Duplication", "Noise", "SMOTE"):
            cell(method, dnn, partial(vectors.both, method))
        cell("ADAN + SVM", svm, partial(vectors.both, "ADAN"), extra=vectors.trained)
        cell("ADAN + DNN", dnn, partial(vectors.both, "ADAN"), extra=vectors.trained)
    if 5 in tables:
        table_5(run, vectors)


def dialogue(run: Run, fold: folds.Fold, tables: Collection[int]) -> None:
    """Tables 2 to 4 for one test session (sec. III-C and IV)."""
    vectors = FoldVectors(run, "dialogue", fold, PARTS["dialogue"])
    if 2 in tables:
        synthetic = partial(vectors.synthetic, "ADAN")  # one training set for both columns
        columns, extra = ("improvised", "all"), vectors.trained
        measure(run, vectors, "synthetic only", svm, synthetic, table=2, columns=columns, extra=extra)
    for column in ("improvised", "all"):
        cell = partial(measure, run, vectors, columns=(column,))
        if 2 in tables:
            cell("real only", svm, vectors.real, table=2, repeats=1)
        if {2, 3 if column == "all" else 4} & set(tables):
            cell("real + synthetic", svm, partial(vectors.both, "ADAN"), table=2, extra=vectors.trained)
        if 3 in tables and column == "all":
            cell("Duplication", svm, partial(vectors.both, "Duplication"), table=3, repeats=1)
            cell("Noise", svm, partial(vectors.both, "Noise"), table=3)
            cell("SMOTE", svm, partial(vectors.both, "SMOTE"), table=3)
        if 4 in tables and column == "improvised":
            cell("DNN", dnn, vectors.real, table=4)
            cell("ADAN + DNN", dnn, partial(vectors.both, "ADAN"), table=4, extra=vectors.trained)
    if 5 in tables:
        table_5(run, vectors)


def table_5(run: Run, vectors: "FoldVectors") -> None:
    """How synthetic vectors lie among real ones, a row a method."""
    real, emotion = vectors.real(vectors.part)

    def compute(method: str) -> list[dict]:
        found = []
        for repeat in range(1 if method == "Duplication" else run.settings.repeats):
            run.report(f"{vectors.name}: quality of {method}", repeat, run.settings.repeats)
            synthetic, labels = vectors.synthetic(method, vectors.part, repeat)
            seed = run.seed_of("quality", vectors.name, repeat)
            measures = quality(real, emotion, synthetic, labels, vectors.corpus.classes, seed)
            found.append({"metrics": measures, "n": len(real)})
        run.report(f"{vectors.name}: quality of {method}", run.settings.repeats, run.settings.repeats)
        return found

    for method in ("Duplication", "Noise", "SMOTE", "ADAN"):
        run.measure(5, method, vectors.role, vectors.name, partial(compute, method))


def measure(
    run: Run,
    vectors: "FoldVectors",
    row: str,
    classify: Callable[..., np.ndarray],
    training_set: TrainingSet,
    *,
    table: int,
    columns: Sequence[str],
    repeats: int | None = None,
    extra: Callable[[int], dict] = lambda repeat: {},
) -> None:
    """Cells of one row and fold: as many classifiers as repeats, each on a training set of its own.

    Args:
        classify: `svm` or `dnn`.
        columns: the parts that are tested, a cell each; the first also names the real vectors to train on.
        repeats: None for the usual number; 1 where nothing is drawn.
        extra: further metrics of a repeat.
    """
    count = repeats or run.settings.repeats
    test = vectors.test("all")

    @cache
    def predicted() -> np.ndarray:
        seeds = [run.seed_of(table, row, columns[0], vectors.name, repeat) for repeat in range(count)]
        sets = (training_set(columns[0], repeat) for repeat in range(count))
        task = f"{vectors.name}: {row}, {' and '.join(columns)}"
        return classify(run, vectors, sets, seeds, vectors.scaler.transform(test.x), task)

    def compute(column: str) -> list[dict]:
        rows = np.flatnonzero(np.isin(test.ids, vectors.test(column).ids))
        part = test.select(rows)
        scored = evaluation.score(part.emotion, predicted()[:, rows], part.speaker, part.classes)
        return [{**result, "metrics": result["metrics"] | extra(i)} for i, result in enumerate(scored)]

    for column in columns:
        run.measure(table, row, column, vectors.name, partial(compute, column))


def svm(run: Run, vectors: "FoldVectors", sets: Sets, seeds: list[int], x: np.ndarray, task: str):
    """Labels (repeats, n) of test vectors x (n, D) by an SVM a training set."""
    predicted = []
    for repeat, training_set in enumerate(sets):
        run.report(task, repeat, len(seeds))
        predicted.append(SVM(**run.settings.group("svm")).fit(*training_set).predict(x))
    run.report(task, len(seeds), len(seeds))
    return np.stack(predicted)


def dnn(run: Run, vectors: "FoldVectors", sets: Sets, seeds: list[int], x: np.ndarray, task: str):
    """Labels (repeats, n) by a DNN a training set; the epoch that is best on the real training vectors is kept."""
    x_train, y_train = (np.stack(part) for part in zip(*sets, strict=True))
    model = DNN(seeds=seeds, **run.settings.group(f"{vectors.role}.dnn"))
    real = vectors.real(vectors.part)
    model.fit(x_train, y_train, keep_best_on=real, task=task, report=run.report)
    return model.predict(x)


class FoldVectors:
    """One fold's training vectors, z-normed, and what each augmentation makes of them.

    Args:
        run: names settings, protocol and seeds.
        role: of the corpus.
        fold: its split.
        part: what ADAN learns from: "improvised" utterances, or "test", all of the training speakers'.
    """

    def __init__(self, run: Run, role: str, fold: folds.Fold, part: str = "test"):
        self.run, self.role, self.fold, self.part = run, role, fold, part
        self.corpus = run.corpus(role)
        self.name = f"{role}-{fold.name}"
        self.folder = run.folder / "models" / self.name
        self.epochs: dict[int, int] = {}  # of the ADAN of each repeat
        self.synthesized: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # by the ADAN of each repeat
        for rows, which in ((fold.train, "training"), (fold.test, "test")):
            if rows.size and not self.rows(rows, part).size:
                raise TfserganError(
                    f"{self.corpus.name}, fold {fold.name}: the {which} utterances are none of them {part}. Add a "
                    "column `part` (or `improvised`) to its feature table, or take another corpus."
                )

    def rows(self, rows: np.ndarray, column: str) -> np.ndarray:
        """Those of the rows that a column is about."""
        return rows[self.corpus.part[rows] == "improvised"] if column == "improvised" else rows

    @cached_property
    def scaler(self) -> Pipeline:
        """Without constant features, z-normed: by training utterances, or (protocol paper) the whole corpus."""
        basis = self.corpus.x[self.fold.train] if self.run.protocol == "strict" else self.corpus.x
        return make_pipeline(VarianceThreshold(), StandardScaler()).fit(basis)

    def test(self, column: str) -> Corpus:
        return self.corpus.select(self.rows(self.fold.test, column))

    def real(self, column: str, repeat: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Real training vectors (n, D) and emotions (n,), the same for every repeat."""
        rows = self.rows(self.fold.train, column)
        return self.scaler.transform(self.corpus.x[rows]), self.corpus.emotion[rows]

    def synthetic(self, method: str, column: str, repeat: int) -> tuple[np.ndarray, np.ndarray]:
        """`copies` sets as large as the training set, (m, D) and (m,); ADAN's are as large as its own part."""
        if method == "ADAN":
            return self.adan(repeat)
        x, emotion = self.real(column)
        vectors, labels = self.sampler(method, column, repeat).fit_resample(x, emotion)
        return vectors[len(x) :], labels[len(x) :]

    def both(self, method: str, column: str, repeat: int) -> tuple[np.ndarray, np.ndarray]:
        """Real vectors and labels, and below them those of an augmentation."""
        pairs = zip(self.real(column), self.synthetic(method, column, repeat), strict=True)
        return tuple(np.concatenate(pair) for pair in pairs)

    def sampler(self, method: str, column: str, repeat: int) -> Augmenter:
        s, seed = self.run.settings, self.run.seed_of(self.name, method, column, repeat)
        others = {"copies": s[f"{self.role}.other_copies"]}
        return {
            "Duplication": Duplication(**others),
            "Noise": AdditiveNoise(noise=s.noise, random_state=seed, **others),
            "SMOTE": SMOTE(k_neighbors=s.neighbours, random_state=seed, **others),
            "ADAN": ADANSampler.of(
                s,
                random_state=seed,
                folder=self.folder / f"adan-{repeat}",
                log_dir=self.log_dir(repeat),
                stages=self.run.stages,
                task=f"{self.name}: ADAN {repeat + 1} of {s.repeats}",
                report=self.run.report,
            ),
        }[method]

    def adan(self, repeat: int) -> tuple[np.ndarray, np.ndarray]:
        """The synthetic sets of ADAN, trained when first asked for (sec. III-D), and their emotions."""
        if repeat not in self.synthesized:
            sampler = self.trained_sampler(repeat)
            self.epochs[repeat] = sampler.epochs_
            labels = np.tile(self.real(self.part)[1], self.run.settings[f"{self.role}.copies"])
            vectors = sampler.sample(labels, self.run.seed_of(self.name, "sample", repeat))
            self.synthesized[repeat] = vectors, labels
        return self.synthesized[repeat]

    def trained_sampler(self, repeat: int) -> ADANSampler:
        sampler = self.sampler("ADAN", self.part, repeat)
        sampler.fit_model(*self.real(self.part))
        if not (self.folder / export.DECODER_MAP).exists():  # the same for every repeat
            names, classes = self.corpus.feature_names, self.corpus.classes
            export.save_decoder_map(self.folder, *self.raw_map(sampler), names, classes)
        return sampler

    def raw_map(self, sampler: ADANSampler) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
        """From what the decoder gives to raw features: those that are constant, and (scale, offset) of the others."""

        def inverse(outputs: np.ndarray) -> np.ndarray:
            return self.scaler.inverse_transform(sampler.scaler_.inverse_transform(outputs))

        kept, first = self.scaler[0].get_support(), self.corpus.x[self.fold.train[0]]
        return export.raw_map(inverse, kept, first, self.corpus.feature_names)

    def log_dir(self, repeat: int) -> Path:
        return self.run.log_dir(self.name, f"adan-{repeat}")

    def trained(self, repeat: int) -> dict[str, float]:
        """How long an ADAN was trained."""
        return {"epochs": float(self.epochs[repeat])}


def draw(run: Run) -> None:
    """Figures 2 and 3, from the first fold's first ADAN of each corpus, once those are trained."""
    first = {
        role: FoldVectors(run, role, chosen_folds(run, role)[0], part)
        for role, part in PARTS.items()
        if run.has(role)
    }
    first = {role: v for role, v in first.items() if training.finished(v.folder / "adan-0")}
    paths = {number: run.folder / "figures" / f"figure{number}.png" for number in (2, 3)}
    logged = {v.corpus.name: training.curves(v.log_dir(0)) for v in first.values()}
    losses = {
        name: {tag.partition("/")[2]: values for tag, values in tags.items() if tag.startswith("losses/")}
        for name, tags in logged.items()
        if tags
    }
    if losses:  # always drawn anew: the second corpus may have come since
        figures.save(figures.training_curves(losses, title=run.paper.figures["2"]["title"]), paths[2])
    if "dialogue" in first and not paths[3].exists():
        figures.save(figure_3(run, first["dialogue"]), paths[3])


def figure_3(run: Run, vectors: FoldVectors):
    """Real and synthetic vectors on a plane by t-SNE: as the encoder and generator give them, and as features."""
    sampler = vectors.trained_sampler(0)
    x, emotion = vectors.real(vectors.part)
    rows = np.random.default_rng(0).permutation(len(x))[: run.paper.figures["3"]["vectors"]]
    x, emotion = x[rows], emotion[rows]
    spaces = {
        "latent": (sampler.model_.encode(sampler.scaler_.transform(x)), sampler.model_.latent_of(emotion, 0)),
        "original": (x, sampler.sample(emotion, 0)),
    }
    names, made = np.array(vectors.corpus.classes), np.repeat(["real", "synthetic"], len(x))
    labels = {"emotion": np.tile(names[emotion], 2), "made": made}
    for name, both in spaces.items():
        board.project(run.folder, f"figure 3, {name}", np.concatenate(both), labels)
    panels = {
        name: TSNE(random_state=0, init="pca", perplexity=min(30, len(x) - 1)).fit_transform(
            np.concatenate(both)
        )
        for name, both in spaces.items()
    }
    return figures.embedding(
        panels,
        np.tile(emotion, 2),
        np.repeat([False, True], len(x)),
        vectors.corpus.classes,
        run.paper.figures["3"]["title"],
    )


def work(run: Run, tables: Collection[int]) -> float:
    """Multiply-adds of what these tables still need, for an estimate of the time."""
    total = 0.0
    for role, part, own in (("acted", "test", {1, 5}), ("dialogue", "improvised", {2, 3, 4, 5})):
        if run.has(role) and own & set(tables):
            total += sum(
                fold_work(run, FoldVectors(run, role, fold, part), tables) for fold in chosen_folds(run, role)
            )
    return total


def fold_work(run: Run, vectors: FoldVectors, tables: Collection[int]) -> float:
    """Multiply-adds of a fold's ADANs that are not trained and of its cells that are not measured."""
    s, features, classes = run.settings, vectors.corpus.x.shape[1], len(vectors.corpus.classes)
    n = len(vectors.rows(vectors.fold.train, vectors.part))
    left = [r for r in range(s.repeats) if not training.finished(vectors.folder / f"adan-{r}")]
    passes = s.updates * s.batch_size / n if s.updates else s.epochs
    gan = len(left) * passes * n * multiply_adds_a_vector(s, features, classes)
    costs = acted_work(vectors) if vectors.role == "acted" else dialogue_work(vectors, tables)
    one = s.repeats * quality_multiply_adds(n, features, classes)
    costs |= {(5, row, vectors.role): one for row in ("Duplication", "Noise", "SMOTE", "ADAN")}
    return gan + sum(
        cost
        for (table, row, column), cost in costs.items()
        if (table in tables or (table, row) == (2, "real + synthetic"))
        and not run.results.of(table=table, row=row, column=column, fold=vectors.name)
    )


def acted_work(vectors: FoldVectors) -> dict[tuple[int, str, str], float]:
    """Multiply-adds of table 1's cells with synthetic vectors, by table, row and column."""
    s, features, n = vectors.run.settings, vectors.corpus.x.shape[1], len(vectors.fold.train)
    dnn_work = DNN(seeds=range(s.repeats), **s.group("acted.dnn")).multiply_adds
    grown, others = n * (1 + s["acted.copies"]), n * (1 + s["acted.other_copies"])
    classes = len(vectors.corpus.classes)
    costs = {row: dnn_work(others, features, classes) for row in ("Duplication", "Noise", "SMOTE")}
    costs |= {"ADAN + DNN": dnn_work(grown, features, classes)}
    costs |= {"ADAN + SVM": s.repeats * 2.0 * grown**2 * features}
    return {(1, row, "test"): cost for row, cost in costs.items()}


def dialogue_work(vectors: FoldVectors, tables: Collection[int]) -> dict[tuple[int, str, str], float]:
    """Multiply-adds of the cells of tables 2 to 4 with synthetic vectors, those that tables share once."""
    s, features, classes = vectors.run.settings, vectors.corpus.x.shape[1], len(vectors.corpus.classes)
    every, n = len(vectors.fold.train), len(vectors.rows(vectors.fold.train, vectors.part))
    made = n * s["dialogue.copies"]

    def svm_work(size: int) -> float:
        return s.repeats * 2.0 * size**2 * features

    dnn_work = DNN(seeds=range(s.repeats), **s.group("dialogue.dnn")).multiply_adds
    costs = {(2, "synthetic only", "improvised"): svm_work(made)}
    for column, size, shared in (("improvised", n, {2, 4}), ("all", every, {2, 3})):
        if shared & set(tables):
            costs[2, "real + synthetic", column] = svm_work(size + made)
    others = every * (1 + s["dialogue.other_copies"])
    costs |= {(3, row, "all"): svm_work(others) for row in ("Duplication", "Noise", "SMOTE")}
    costs |= {(4, "ADAN + DNN", "improvised"): dnn_work(n + made, features, classes)}
    return costs


def train_generator(run: Run, fold: folds.Fold, method: str) -> str:
    """Trains the first ADAN of the role acted alone, as `export_generators` finds it; gives its stage."""
    FoldVectors(run, "acted", fold).trained_sampler(0)
    return "adan-0"


def export_generators(folder: Path, run: dict, to: Path, fold: str | None, setting: str | None) -> Path:
    """Writes generator and decoder of one ADAN as a SavedModel that samples raw features.

    Args:
        folder: of the run.
        run: its `run.toml`.
        to: folder to make.
        fold: a folder of the run's `models/`; None takes the first.
        setting: such as "adan-0"; None takes the first.

    Raises:
        TfserganError: no such fold or setting in this run.
    """
    found = export.trained(folder, run, fold, setting, prefix="adan-")
    decoder_map = export.load_decoder_map(found.models)
    model = adan(found.settings, len(decoder_map["kept"]), len(decoder_map["classes"]), seed=0)
    found.load_weights(model)
    return export.export_sampler(model, decoder_map, to, found.card)


if __name__ == "__main__":
    import sys

    from tfsergan.cli import main

    main(["reproduce", "yi2019", *sys.argv[1:]])
