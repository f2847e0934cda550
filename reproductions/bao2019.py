"""Bao, Neumann & Vu 2019, from corpora to tables: `tfsergan reproduce bao2019`.

For each fold: pre-train the generators, train a GAN for each lambda_cls, transfer the source corpus to every
emotion, and train classifiers on real, synthetic and both.
"""

from collections.abc import Callable, Collection
from functools import cached_property, lru_cache, partial

import keras
import numpy as np
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from tfsergan import evaluation, export, folds, training
from tfsergan.classifiers import DNN
from tfsergan.evaluation import Run
from tfsergan.methods.bao2019 import CyclePair, EmotionCycleGAN
from tfsergan.networks import mlp, parallel_mlp
from tfsergan.optimizers import FusedAdam, step_decay
from tfsergan.papers import Settings
from tfsergan.report import figures


def reproduce(run: Run, tables: Collection[int]) -> None:
    """Measures the cells of these tables that are not measured yet."""
    if 2 in tables:
        for fold in chosen_folds(run):
            table_2(run, StyleTransfer(run, fold))
    whole = StyleTransfer(run, folds.whole(run.corpus("labelled")))
    if 1 in tables and run.has("source"):
        table_1(run, whole)
    if 3 in tables and run.has("cross"):
        table_3(run, whole)


def table_1(run: Run, transfer: "StyleTransfer") -> None:
    """Mean absolute differences between the means of target, source and synthetic features (sec. 4.2)."""
    name, mean = transfer.fold.name, evaluation.mean_over_features
    run.measure(1, "target - source", "distance", name, lambda: mean(transfer.differences(transfer.source[None])))
    for lambda_cls in run.settings.lambda_cls:
        difference = partial(lambda value: mean(transfer.differences(transfer.synthetic(value))), lambda_cls)
        run.measure(1, f"target - syn ({label(lambda_cls)})", "distance", name, difference)
    path = run.folder / "figures" / "figure2.png"
    if not path.exists():
        figures.save(figure_2(run, transfer), path)


def figure_2(run: Run, transfer: "StyleTransfer"):
    """Means and deviations of 12 features in source, synthetic and target vectors."""
    groups = {"source": transfer.source, "target": np.concatenate(transfer.targets)}
    groups |= {f"syn. {label(value)}": np.concatenate(transfer.synthetic(value)) for value in run.settings.lambda_cls}
    columns = [transfer.feature_names.index(name) for name in run.paper.figures["2"]["features"]]
    chosen = {name: vectors[:, columns] for name, vectors in groups.items()}
    return figures.feature_statistics(chosen, run.paper.figures["2"]["features"], run.paper.figures["2"]["title"])


def table_2(run: Run, transfer: "StyleTransfer") -> None:
    """Leave one session out (sec. 4.3)."""
    corpus, fold = run.corpus("labelled"), transfer.fold
    z = StandardScaler().fit(corpus.x[fold.train] if run.protocol == "strict" else corpus.x)
    test = corpus.select(fold.test)
    classify(run, 2, "within", transfer, z.transform(transfer.x), z.transform(test.x), test)


def table_3(run: Run, transfer: "StyleTransfer") -> None:
    """Train on all of the labelled corpus, test on 70 % of another (sec. 4.4)."""
    cross = run.corpus("cross")
    development, rest = folds.stratified_split(cross, 0.3, run.seed_of("development split"))
    z = StandardScaler().fit(cross.x[development] if run.protocol == "strict" else cross.x)
    test = cross.select(rest)
    real = StandardScaler().fit_transform(transfer.x)
    classify(run, 3, "cross", transfer, real, z.transform(test.x), test)


def classify(run: Run, table: int, task: str, transfer: "StyleTransfer", real, test_x, test) -> None:
    """The cells of one fold: DNNs trained on z-normed real vectors, synthetic ones or both, and tested."""

    def cell(row: str, column: str, key: str, training_set: Callable[[], tuple], extra: Callable[[], dict]) -> None:
        name = (table, row, column, transfer.fold.name)
        seeds = [run.seed_of(*name, repeat) for repeat in range(run.settings.repeats)]
        dnn = DNN(seeds=seeds, leaky_relu_slope=run.settings.leaky_relu_slope, **run.settings.group(key))

        def compute() -> list[dict]:
            dnn.fit(*training_set(), task=f"{transfer.fold.name}: {column} {row}", report=run.report)
            predicted = dnn.predict(test_x)
            return evaluation.score(test.emotion, predicted, test.speaker, len(test.classes), **extra())

        run.measure(*name, compute)

    cell("", "Real", f"{task}.real", lambda: (real, transfer.emotion), dict)
    for lambda_cls in run.settings.lambda_cls if run.has("source") else ():
        synthetic = partial(transfer.labelled_synthetic, lambda_cls)
        both = partial(with_real, real, transfer.emotion, synthetic)
        distance = partial(transfer.distance_of, lambda_cls)
        cell(label(lambda_cls), "Syn.", f"{task}.syn", synthetic, distance)
        cell(label(lambda_cls), "Real+Syn.", f"{task}.both", both, distance)


def with_real(real: np.ndarray, emotion: np.ndarray, synthetic: Callable[[], tuple]) -> tuple:
    """Real vectors and labels, and below them the synthetic ones."""
    return tuple(np.concatenate(pair) for pair in zip((real, emotion), synthetic(), strict=True))


class StyleTransfer:
    """The CycleGANs of one fold, each trained when first asked for (sec. 2 and 4.1)."""

    def __init__(self, run: Run, fold: folds.Fold):
        corpus = run.corpus("labelled")
        self.run, self.fold, self.settings = run, fold, run.settings
        self.x, self.emotion, self.classes = corpus.x[fold.train], corpus.emotion[fold.train], corpus.classes
        self.feature_names = corpus.feature_names
        self.scaler = MinMaxScaler().fit(self.x)
        self.folder = run.folder / "models" / fold.name

    @cached_property
    def source(self) -> np.ndarray:
        """Source vectors (n, D), scaled by the training utterances."""
        return self.scaler.transform(self.run.corpus("source").x)

    @cached_property
    def targets(self) -> list[np.ndarray]:
        """Training vectors of each emotion, scaled."""
        return [self.scaler.transform(self.x[self.emotion == i]) for i in range(len(self.classes))]

    def train(self, model: CyclePair, batches: training.Unpaired, stage: str, epochs: int) -> None:
        training.train(
            model,
            batches,
            epochs,
            self.folder / stage,
            task=f"{self.fold.name}: {stage}",
            log_dir=self.run.folder / "tensorboard" / self.fold.name / stage,
            checkpoint_epochs=self.settings.checkpoint_epochs,
            report=self.run.report,
        )

    def batches(self, stage: str) -> training.Unpaired:
        seed = self.run.seed_of(self.fold.name, stage, "order")
        return training.Unpaired(self.source, self.targets, self.settings.batch_size, seed)

    def pretrained(self) -> CyclePair:
        """Generators that undo each other: once a fold, for every lambda_cls."""
        seed = self.run.seed_of(self.fold.name, "pretraining")
        pair = CyclePair(*generators(self.settings, self.x.shape[1], len(self.classes), seed))
        pair.compile(FusedAdam(self.settings.pretrain_learning_rate))
        self.train(pair, self.batches("pretraining"), "pretraining", self.settings.pretrain_epochs)
        return pair

    def gan(self, lambda_cls: float) -> EmotionCycleGAN:
        """The trained GAN of one lambda_cls, its generators pre-trained."""
        s, stage = self.settings, label(lambda_cls)
        gan = emotion_cycle_gan(s, self.x.shape[1], len(self.classes), self.run.seed_of(self.fold.name, stage))
        if not training.finished(self.folder / stage):
            export.save_scaler(self.folder, self.scaler, self.feature_names, self.classes)
            gan.start_from(self.pretrained())
        batches = self.batches(stage)
        every = s.decay_epochs * batches.steps
        gan.compile(
            FusedAdam(step_decay(s.learning_rate, s.decay, every * s.generator_updates)),
            FusedAdam(step_decay(s.learning_rate, s.decay, every)),
            lambda_cyc=s.lambda_cyc,
            lambda_cls=lambda_cls,
            generator_updates=s.generator_updates,
            real_label=s.real_label,
        )
        self.train(gan, batches, stage, s.gan_epochs)
        return gan

    @lru_cache(1)  # noqa: B019  one set of vectors at a time, and few folds
    def synthetic(self, lambda_cls: float) -> np.ndarray:
        """The whole source corpus in each emotion: (E, n, D), scaled."""
        return self.gan(lambda_cls).transfer(self.source)

    def labelled_synthetic(self, lambda_cls: float) -> tuple[np.ndarray, np.ndarray]:
        """Synthetic vectors (E n, D), z-normed by themselves, and their emotions (E n,)."""
        vectors = self.synthetic(lambda_cls)
        emotion = np.repeat(np.arange(len(vectors)), vectors.shape[1])
        return StandardScaler().fit_transform(np.concatenate(vectors)), emotion

    def differences(self, vectors: np.ndarray) -> np.ndarray:
        """Absolute differences (E, D) of the means of targets and of vectors (E or 1, n, D)."""
        return np.abs(np.stack([target.mean(axis=0) for target in self.targets]) - vectors.mean(axis=1))

    def distance_of(self, lambda_cls: float) -> dict[str, float]:
        """How far synthetic vectors are from the training ones, and how far the source is, beside every score."""
        distances = {"distance": self.synthetic(lambda_cls), "source_distance": self.source[None]}
        return {name: float(self.differences(vectors).mean()) for name, vectors in distances.items()}


def generators(s: Settings, features: int, emotions: int, seed: int) -> tuple[keras.Model, keras.Model]:
    """G and F of every emotion: feed-forward, three hidden layers (sec. 4.1)."""
    shared = {"dropout": s.dropout, "leaky_relu_slope": s.leaky_relu_slope}
    seeds = np.random.SeedSequence(seed).generate_state(2 * emotions).reshape(2, emotions)
    gen_G = parallel_mlp(features, s.generator_units, features, seeds=seeds[0], name="gen_G", **shared)
    return gen_G, parallel_mlp(features, s.generator_units, features, seeds=seeds[1], name="gen_F", **shared)


def emotion_cycle_gan(s: Settings, features: int, emotions: int, seed: int) -> EmotionCycleGAN:
    """The networks of figure 1 (sec. 4.1)."""
    seeds = np.random.SeedSequence([seed, 1]).generate_state(2 * emotions + 1)
    shared = {"dropout": s.dropout, "leaky_relu_slope": s.leaky_relu_slope}
    disc_T, disc_S = (
        parallel_mlp(features, s.discriminator_units, 1, seeds=part, name=name, **shared)
        for name, part in (("disc_T", seeds[:emotions]), ("disc_S", seeds[emotions:-1]))
    )
    shared["dropout"] = s.domain_classifier_dropout
    classifier_C = mlp(features, s.domain_classifier_units, emotions, seed=seeds[-1], name="classifier_C", **shared)
    return EmotionCycleGAN(*generators(s, features, emotions, seed), disc_T, disc_S, classifier_C)


def label(lambda_cls: float) -> str:
    """The row of a lambda_cls, and the name of its GAN."""
    return f"lambda_cls={lambda_cls:g}"


def chosen_folds(run: Run) -> list[folds.Fold]:
    """All folds, or the first so many."""
    every = folds.leave_one_session_out(run.corpus("labelled"))
    return every[: run.settings.folds or None]
