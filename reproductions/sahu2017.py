"""Sahu et al. 2017, from a corpus to tables: `tfsergan reproduce sahu2017`.

For each fold and repeat: train an adversarial autoencoder on the training utterances; train SVMs on features, on its
codes and on those of other compressions, and on synthetic vectors that it decodes from the prior.
"""

from collections.abc import Callable, Collection
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import VarianceThreshold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from tfsergan import evaluation, export, folds, training
from tfsergan.classifiers import SVM
from tfsergan.corpora import Corpus
from tfsergan.evaluation import Run, chosen_folds
from tfsergan.methods.sahu2017 import Autoencoder, aae, autoencoder, multiply_adds_a_vector
from tfsergan.networks import multiply_adds
from tfsergan.optimizers import FusedAdam
from tfsergan.quality import quality, quality_multiply_adds
from tfsergan.report import board, figures
from tfsergan.samplers import AAESampler

Setting = Callable[[int], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""Of a repeat: training vectors (n, d) and emotions (n,) of its SVM, and test vectors (m, d)."""


def reproduce(run: Run, tables: Collection[int]) -> None:
    """Measures the cells of these tables that are not measured yet."""
    run.each(one_fold, chosen_folds(run), tables)
    draw(run)


def one_fold(run: Run, fold: folds.Fold, tables: Collection[int]) -> None:
    """Tables 1 to 3 for one test session."""
    vectors = FoldVectors(run, fold)
    cell = partial(measure, run, vectors)
    if {1, 2} & set(tables):
        cell(1, "features", "test", vectors.real, repeats=1)
    if 1 in tables:
        cell(1, "AAE codes", "test", vectors.codes, extra=vectors.trained_for)
        cell(1, "autoencoder codes", "test", vectors.plain_codes)
        components = min(run.settings.latent, len(vectors.corpus.classes) - 1)
        cell(
            1, "LDA", "test", vectors.reduced(LinearDiscriminantAnalysis(n_components=components)), repeats=1
        )
        cell(1, "PCA", "test", vectors.reduced(PCA(run.settings.latent, svd_solver="full")), repeats=1)
    if 2 in tables:
        few = partial(vectors.a_few, run.settings.samples)
        cell(2, "synthetic", "test", few, extra=vectors.trained_for)
        cell(2, "real + synthetic", "test", partial(both, vectors.real, few), extra=vectors.trained_for)
    if 3 in tables:
        measure_quality(run, vectors, 3, "AAE", lambda repeat: vectors.sampler(repeat))


def measure(
    run: Run,
    vectors: "FoldVectors",
    table: int,
    row: str,
    column: str,
    setting: Setting,
    *,
    repeats: int | None = None,
    extra: Callable[[int], dict[str, float]] = lambda repeat: {},
) -> None:
    """One cell of a fold: an SVM a repeat.

    Args:
        setting: what each is trained and tested on.
        repeats: None for the usual number; 1 where nothing is drawn.
        extra: further metrics of a repeat.
    """
    count, task = repeats or run.settings.repeats, f"{vectors.name}: {column} {row}".rstrip()

    def compute() -> list[dict]:
        predicted = []
        for repeat in range(count):
            run.report(task, repeat, count)
            x, y, test = setting(repeat)
            predicted.append(SVM(**run.settings.group("svm")).fit(x, y).predict(test))
        run.report(task, count, count)
        truth = vectors.test
        scored = evaluation.score(truth.emotion, np.stack(predicted), truth.speaker, truth.classes)
        return [{**result, "metrics": result["metrics"] | extra(i)} for i, result in enumerate(scored)]

    run.measure(table, row, column, vectors.name, compute)


def measure_quality(
    run: Run, vectors: "FoldVectors", table: int, row: str, made_by: Callable[[int], AAESampler]
) -> None:
    """How the synthetic vectors of a repeat's sampler lie among real training vectors."""

    count = min(run.settings.quality_repeats, run.settings.repeats)

    def compute() -> list[dict]:
        found = []
        for repeat in range(count):
            run.report(f"{vectors.name}: quality, {row}", repeat, count)
            made = made_by(repeat).sample(vectors.emotion, run.seed_of(vectors.name, "quality", repeat))
            seed = run.seed_of("two-sample", vectors.name, repeat)
            classes = vectors.corpus.classes
            measures = quality(vectors.x, vectors.emotion, made, vectors.emotion, classes, seed)
            found.append({"metrics": measures, "n": len(vectors.x)})
        run.report(f"{vectors.name}: quality, {row}", count, count)
        return found

    run.measure(table, row, "training", vectors.name, compute)


def both(one: Setting, other: Setting, repeat: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two settings' training vectors, one below the other."""
    (x, y, test), (more, labels, _) = one(repeat), other(repeat)
    return np.concatenate([x, more]), np.concatenate([y, labels]), test


class FoldVectors:
    """One fold's vectors, z-normed, and the autoencoders that are trained on its training part.

    Args:
        run: names settings, protocol and seeds.
        fold: its split of the labelled corpus.
    """

    def __init__(self, run: Run, fold: folds.Fold):
        self.run, self.fold, self.name = run, fold, fold.name
        self.corpus = run.corpus("labelled")
        self.emotion = self.corpus.emotion[fold.train]
        self.folder = run.folder / "models" / fold.name
        self.epochs: dict[int, int] = {}  # of the AAE of each repeat

    @cached_property
    def scaler(self) -> Pipeline:
        """Without constant features, z-normed: by training utterances, or (protocol paper) the whole corpus."""
        basis = self.corpus.x[self.fold.train] if self.run.protocol == "strict" else self.corpus.x
        return make_pipeline(VarianceThreshold(), StandardScaler()).fit(basis)

    @cached_property
    def x(self) -> np.ndarray:
        """Training vectors (n, D)."""
        return self.scaler.transform(self.corpus.x[self.fold.train])

    @property
    def test(self) -> Corpus:
        """The utterances that are tested."""
        return self.corpus.select(self.fold.test)

    @cached_property
    def test_x(self) -> np.ndarray:
        """Their vectors (m, D), scaled as the training vectors."""
        return self.scaler.transform(self.test.x)

    def real(self, repeat: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features, the same for every repeat."""
        return self.x, self.emotion, self.test_x

    def codes(self, repeat: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Codes of a repeat's AAE, z-normed by those of training utterances."""
        sampler = self.sampler(repeat)
        self.epochs[repeat] = sampler.epochs_
        return self.encoded(sampler.model_)

    def plain_codes(self, repeat: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Codes of a repeat's plain autoencoder, z-normed by those of training utterances."""
        return self.encoded(self.plain_autoencoder(repeat))

    def encoded(self, model: Autoencoder) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x, test = model.encode(self.x), model.encode(self.test_x)
        z = StandardScaler().fit(x)
        return z.transform(x), self.emotion, z.transform(test)

    def reduced(self, reduction: TransformerMixin) -> Setting:
        """A linear reduction of scikit-learn's, fitted on training utterances, then z-normed."""

        def setting(repeat: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            pipeline = make_pipeline(reduction, StandardScaler())
            return pipeline.fit_transform(self.x, self.emotion), self.emotion, pipeline.transform(self.test_x)

        return setting

    def a_few(self, samples: int, repeat: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """So many synthetic vectors of each emotion by a repeat's AAE."""
        sampler = self.sampler(repeat)
        self.epochs[repeat] = sampler.epochs_
        labels = np.repeat(np.arange(len(self.corpus.classes)), samples)
        return sampler.sample(labels, self.run.seed_of(self.name, "sample", repeat)), labels, self.test_x

    def trained_for(self, repeat: int) -> dict[str, float]:
        """How long an AAE was trained."""
        return {"epochs": float(self.epochs[repeat])}

    def sampler(self, repeat: int) -> AAESampler:
        """The AAE of a repeat, trained when first asked for."""
        sampler = AAESampler.of(self.run.settings, **self.options(f"aae-{repeat}"))
        sampler.fit_model(self.x, self.emotion)
        self.save_decoder_map()
        return sampler

    def options(self, stage: str) -> dict[str, Any]:
        """Parameters of a sampler whose stages are kept under a name; vectors are scaled already."""
        return {
            "scaling": "none",
            "random_state": self.run.seed_of(self.name, stage),
            "folder": self.folder / stage,
            "log_dir": self.log_dir(stage),
            "stages": self.run.stages,
            "task": f"{self.name}: {stage}",
            "report": self.run.report,
        }

    def plain_autoencoder(self, repeat: int) -> Autoencoder:
        """The same networks without prior and discriminator, trained as long."""
        s, stage = self.run.settings, f"autoencoder-{repeat}"
        model = autoencoder(s, self.x.shape[1], self.run.seed_of(self.name, stage))
        model.compile(FusedAdam(s.learning_rate, beta_1=s.beta_1, epsilon=s.epsilon))
        order = self.run.seed_of(self.name, stage, "order")
        batches = training.Labelled(self.x, self.emotion, s.batch_size, order)
        epochs = training.epochs_of(batches.steps, s.epochs, s.updates)
        told = {"task": f"{self.name}: {stage}", "log_dir": self.log_dir(stage), "report": self.run.report}
        told["stages"] = self.run.stages
        training.train(model, batches, epochs, self.folder / stage, **told)
        return model

    def log_dir(self, stage: str) -> Path:
        return self.run.log_dir(self.name, stage)

    def save_decoder_map(self) -> None:
        """For `export`: the same for every method of this fold."""
        if not (self.folder / export.DECODER_MAP).exists():
            kept, first = self.scaler[0].get_support(), self.corpus.x[self.fold.train[0]]
            maps = export.raw_map(self.scaler.inverse_transform, kept, first, self.corpus.feature_names)
            names = (self.corpus.feature_names, self.corpus.classes)
            export.save_decoder_map(self.folder, *maps, *names)


def draw(run: Run) -> None:
    """Figures 1 and 2, from the first fold's first AAE once it is trained."""
    vectors = FoldVectors(run, chosen_folds(run)[0])
    if not training.finished(vectors.folder / "aae-0"):
        return
    titles = {number: run.paper.figures[number]["title"] for number in ("1", "2")}
    paths = {number: run.folder / "figures" / f"figure{number}.png" for number in titles}
    if not paths["1"].exists():
        figures.save(figure_1(vectors, titles["1"]), paths["1"])
    logged = training.curves(vectors.log_dir("aae-0"))
    curves = {
        tag.partition("/")[2]: values for tag, values in logged.items() if not tag.startswith("schedule/")
    }
    if curves and not paths["2"].exists():
        figures.save(figures.training_curves({"AAE": curves}, title=titles["2"]), paths["2"])


def figure_1(vectors: FoldVectors, title: str):
    """Codes of test utterances beside as many draws from the prior, in the plane of the Gaussians' means."""
    model, emotion = vectors.sampler(0).model_, vectors.test.emotion
    noise = np.random.default_rng(0).standard_normal((len(emotion), model.latent)).astype(np.float32)
    points = np.concatenate([model.encode(vectors.test_x), np.asarray(model.prior(emotion, noise))])
    synthetic = np.repeat([False, True], len(emotion))
    classes = vectors.corpus.classes
    named = {"emotion": np.tile(np.array(classes)[emotion], 2), "is": np.where(synthetic, "prior", "code")}
    board.project(vectors.run.folder, "figure 1, codes", points, named)
    shown = {"codes": points[:, :2]}
    return figures.embedding(shown, np.tile(emotion, 2), synthetic, classes, title, ("code", "prior"))


def work(run: Run, tables: Collection[int]) -> float:
    """Multiply-adds of what these tables still need, for an estimate of the time."""
    return sum(fold_work(run, FoldVectors(run, fold), tables) for fold in chosen_folds(run))


def fold_work(run: Run, vectors: FoldVectors, tables: Collection[int]) -> float:
    """Multiply-adds of a fold's autoencoders that are not trained and of its cells that are not measured."""
    s, features, classes = run.settings, vectors.corpus.x.shape[1], len(vectors.corpus.classes)
    n, repeats = len(vectors.fold.train), s.repeats
    seen = s.updates * s.batch_size if s.updates else s.epochs * n
    adversarial = multiply_adds_a_vector(s, features, classes)
    plain = 6 * multiply_adds(features, s.units, s.latent)
    costs = {(1, "features"): svm_work(n, features), (1, "AAE codes"): repeats * svm_work(n, s.latent)}
    costs |= {(1, "autoencoder codes"): repeats * svm_work(n, s.latent)}
    costs |= {(1, name): svm_work(n, s.latent) + n * features**2 for name in ("LDA", "PCA")}
    few = classes * s.samples
    costs |= {(2, "synthetic"): repeats * svm_work(few, features)}
    costs |= {(2, "real + synthetic"): repeats * svm_work(n + few, features)}
    costs |= {(3, "AAE"): s.quality_repeats * quality_multiply_adds(n, features, classes)}
    left = {
        (table, row): cost
        for (table, row), cost in costs.items()
        if (table in tables or (row == "features" and 2 in tables))
        and not run.results.of(table=table, row=row, fold=vectors.name)
    }
    stages = {"aae": adversarial} if set(left) - {(1, "features"), (1, "LDA"), (1, "PCA")} else {}
    stages |= {"autoencoder": plain} if (1, "autoencoder codes") in left else {}
    waiting = [
        cost
        for stage, cost in stages.items()
        for repeat in range(repeats)
        if not training.finished(vectors.folder / f"{stage}-{repeat}")
    ]
    return seen * sum(waiting) + sum(left.values())


def svm_work(n: int, features: int) -> float:
    """Multiply-adds of an SVM's kernel matrix, and about as much again for the rest."""
    return 2.0 * n**2 * max(features, 500)  # libsvm's own time counts where vectors are short


def train_generator(run: Run, fold: folds.Fold, method: str) -> str:
    """Trains the first AAE alone, as `export_generators` finds it; gives its stage."""
    FoldVectors(run, fold).sampler(0)
    return "aae-0"


def export_generators(folder: Path, run: dict, to: Path, fold: str | None, setting: str | None) -> Path:
    """Writes prior and decoder of one AAE as a SavedModel that samples raw features.

    Args:
        folder: of the run.
        run: its `run.toml`.
        to: folder to make.
        fold: a folder of the run's `models/`; None takes the first.
        setting: such as "aae-0"; None takes the first.

    Raises:
        TfserganError: no such fold or setting in this run.
    """
    found = export.trained(folder, run, fold, setting, prefix="aae-")
    decoder_map = export.load_decoder_map(found.models)
    model = aae(found.settings, len(decoder_map["kept"]), len(decoder_map["classes"]), seed=0)
    found.load_weights(model)
    return export.export_sampler(model, decoder_map, to, found.card)


if __name__ == "__main__":
    import sys

    from tfsergan.cli import main

    main(["reproduce", "sahu2017", *sys.argv[1:]])
