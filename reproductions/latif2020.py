"""Latif et al. 2020, from corpora to tables: `tfsergan reproduce latif2020`.

For each fold and repeat: extend the training utterances by mixup, train a GAN on them, and let it encode and
synthesize vectors; train DNNs on real vectors, synthetic ones and both, and SVMs on encoded ones beside those of
other reductions of dimension.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache, cached_property, partial
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from tfsergan import evaluation, export, folds, training
from tfsergan.augmentation import SMOTE, AdditiveNoise, Augmenter, Mixed, Mixup, mixup
from tfsergan.classifiers import DNN, searched_svm
from tfsergan.corpora import Corpus
from tfsergan.evaluation import Run, chosen_folds
from tfsergan.methods.latif2020 import Autoencoder, autoencoder, mixup_gan, multiply_adds_a_vector
from tfsergan.optimizers import FusedAdam
from tfsergan.quality import quality
from tfsergan.reductions import LandmarkMDS
from tfsergan.report import figures
from tfsergan.samplers import MixupGANSampler

ROW = "Mixup GAN"
COLUMNS = {"Real": "real", "Syn.": "syn", "Real+Syn.": "both"}
REDUCTIONS = ("SMACOF MDS", "PCA", "Autoencoder")


def reproduce(run: Run, tables: Collection[int]) -> None:
    """Measures the cells of these tables that are not measured yet."""
    if {1, 2, 4, 5} & set(tables):
        run.each(within, chosen_folds(run), tables)
    if 3 in tables and run.has("cross"):
        run.each(table_3, [folds.whole(run.corpus("labelled"))])
    draw(run)


def within(run: Run, fold: folds.Fold, tables: Collection[int]) -> None:
    """Tables 1, 2, 4 and 5 for one test session."""
    vectors = FoldVectors(run, fold)
    if {1, 4} & set(tables):
        table_1(run, vectors, [number for number in (1, 4) if number in tables])
    if 2 in tables:
        table_2(run, vectors)
    if 5 in tables:
        table_5(run, vectors)


def table_1(run: Run, vectors: "FoldVectors", numbers: Collection[int]) -> None:
    """DNNs tested on real vectors (sec. 5.1.1), and (table 4) on what their GAN makes of these."""
    test = vectors.corpus.select(vectors.fold.test)
    x = vectors.scaled(test.x)
    tested = {1: lambda repeat: x, 4: lambda repeat: vectors.sampler(repeat).model_.synthesize(x)}
    for column in COLUMNS:
        classify(run, vectors, "within", column, test, {number: tested[number] for number in numbers})


def table_3(run: Run, fold: folds.Fold) -> None:
    """Train on all of the labelled corpus, test on 70 % of another (sec. 5.2)."""
    vectors, cross = FoldVectors(run, fold), run.corpus("cross")
    development, rest = folds.stratified_split(cross, 0.3, run.seed_of("development split"))
    z = StandardScaler().fit(cross.x[development] if run.protocol == "strict" else cross.x)
    test = cross.select(rest)
    x = z.transform(test.x)
    for column in COLUMNS:
        classify(run, vectors, "cross", column, test, {3: lambda repeat: x})


def classify(
    run: Run,
    vectors: "FoldVectors",
    task: str,
    column: str,
    test: Corpus,
    tested: Mapping[int, Callable[[int], np.ndarray]],
) -> None:
    """The cells of one column and fold: a DNN a repeat, trained on soft labels.

    Args:
        task: "within", or "cross", where each set is z-normed by itself.
        test: the test utterances.
        tested: table -> vectors (n, D) of the test utterances for a repeat.
    """
    repeats, key = range(run.settings.repeats), COLUMNS[column]

    @cache
    def dnn() -> DNN:
        seeds = [run.seed_of(task, column, vectors.name, repeat) for repeat in repeats]
        sets = (vectors.training_set(key, repeat, z_norm=task == "cross") for repeat in repeats)
        x, y = (np.stack(part) for part in zip(*sets, strict=True))
        model = DNN(
            seeds=seeds, leaky_relu_slope=run.settings.leaky_relu_slope, **run.settings.group(f"{task}.{key}")
        )
        return model.fit(x, y, task=f"{vectors.name}: {task} corpus, {column}", report=run.report)

    def compute(table: int) -> list[dict]:
        predicted = np.stack([dnn().predict(tested[table](repeat))[repeat] for repeat in repeats])
        scored = evaluation.score(test.emotion, predicted, test.speaker, test.classes)
        return [
            {**result, "metrics": result["metrics"] | vectors.trained(i)} for i, result in enumerate(scored)
        ]

    for table in tested:
        run.measure(table, ROW, column, vectors.name, partial(compute, table))


def table_2(run: Run, vectors: "FoldVectors") -> None:
    """SVMs on vectors of few dimensions (sec. 5.1.2): of unmixed training utterances, whatever the reduction saw."""
    test = vectors.corpus.select(vectors.fold.test)

    def compute(row: str, repeats: int) -> list[dict]:
        predicted = []
        for repeat in range(repeats):
            run.report(f"{vectors.name}: {row}", repeat, repeats)
            reduce = vectors.reduction(row, repeat)
            z = StandardScaler().fit(reduce(vectors.x))
            train_z, test_z = (z.transform(reduce(x)) for x in (vectors.x, vectors.scaled(test.x)))
            if not repeat:  # the first repeat's search serves all
                seed = run.seed_of("validation", vectors.name)
                speakers = vectors.corpus.speaker[vectors.fold.train]
                svm = searched_svm(train_z, vectors.emotion, speakers, **run.settings.group("svm"), seed=seed)
            predicted.append(svm.fit(train_z, vectors.emotion).predict(test_z))
        run.report(f"{vectors.name}: {row}", repeats, repeats)
        return evaluation.score(test.emotion, np.stack(predicted), test.speaker, test.classes)

    rows = [*REDUCTIONS, *(f"{name}, mixup" for name in REDUCTIONS), ROW]
    for row in rows:
        repeats = 1 if row == "PCA" else run.settings.repeats  # nothing is drawn
        run.measure(2, row, "UAR", vectors.name, partial(compute, row, repeats))


def table_5(run: Run, vectors: "FoldVectors") -> None:
    """How synthetic vectors lie among real ones of their class, a row a method; one set as large as the real one."""
    z = StandardScaler().fit(vectors.x)
    seed = run.seed_of("quality", vectors.name)

    def compute(method: str) -> list[dict]:
        run.report(f"{vectors.name}: quality of {method}", 0, 1)
        made = vectors.augmented(method, seed)
        real, synthetic = z.transform(vectors.x), z.transform(made)
        measures = quality(real, vectors.emotion, synthetic, vectors.emotion, vectors.corpus.classes, seed)
        run.report(f"{vectors.name}: quality of {method}", 1, 1)
        return [{"metrics": measures, "n": len(real)}]

    for method in ("Noise", "SMOTE", "Mixup", ROW):
        run.measure(5, method, "within", vectors.name, partial(compute, method))


class FoldVectors:
    """One fold's training vectors in [0, 1], what mixup makes of them, and the networks trained on that."""

    def __init__(self, run: Run, fold: folds.Fold):
        self.run, self.fold, self.name, self.corpus = run, fold, fold.name, run.corpus("labelled")
        self.emotion = self.corpus.emotion[fold.train]
        self.folder = run.folder / "models" / self.name
        self.samplers: dict[tuple[int, int], MixupGANSampler] = {}

    @cached_property
    def scaler(self) -> MinMaxScaler:
        return MinMaxScaler().fit(self.corpus.x[self.fold.train])

    @cached_property
    def x(self) -> np.ndarray:
        """Training vectors (n, D), scaled."""
        return self.scaled(self.corpus.x[self.fold.train])

    def scaled(self, x: np.ndarray) -> np.ndarray:
        """Vectors (n, D) by the range of the training vectors."""
        return self.scaler.transform(x).astype(np.float32)

    def sampler(self, repeat: int, latent: int | None = None) -> MixupGANSampler:
        """The GAN of a repeat, trained when first asked for; of the latent size of tables 1 and 3 by default."""
        latent = latent or self.run.settings.latent
        if (repeat, latent) not in self.samplers:
            self.samplers[repeat, latent] = self.trained_sampler(repeat, latent)
        return self.samplers[repeat, latent]

    def trained_sampler(self, repeat: int, latent: int) -> MixupGANSampler:
        s, stage = self.run.settings, f"latent{latent}-{repeat}"
        if not (self.folder / export.SCALERS).exists():
            names, classes = self.corpus.feature_names, self.corpus.classes
            export.save_scalers(self.folder, self.scaler, self.scaler, names, classes)
        return MixupGANSampler.of(
            s,
            latent=latent,
            scaling="none",
            random_state=self.run.seed_of(self.name, stage),
            folder=self.folder / stage,
            log_dir=self.log_dir(stage),
            stages=self.run.stages,
            task=f"{self.name}: GAN {repeat + 1} of {s.repeats}, latent {latent}",
            report=self.run.report,
        ).fit_model(self.x, self.emotion)

    def log_dir(self, stage: str) -> Path:
        return self.run.log_dir(self.name, stage)

    def trained(self, repeat: int) -> dict[str, float]:
        """How long a GAN was trained."""
        return {"epochs": float(self.sampler(repeat).epochs_)}

    def training_set(self, key: str, repeat: int, z_norm: bool) -> tuple[np.ndarray, np.ndarray]:
        """Vectors (m, D) and shares of the classes (m, k): "real" ones with mixup, "syn"thetic ones or "both".

        A synthetic vector is made of each real or mixed one, and has its shares. z-normed, each kind is by itself:
        the real and mixed ones by the training utterances.
        """
        sampler = self.sampler(repeat)
        real, y = sampler.mixed_.x, sampler.mixed_.y
        synthetic = sampler.model_.synthesize(real)
        norm = StandardScaler if z_norm else FunctionTransformer
        real, synthetic = norm().fit(self.x).transform(real), norm().fit_transform(synthetic)
        return {
            "real": (real, y),
            "syn": (synthetic, y),
            "both": (np.concatenate([real, synthetic]), np.concatenate([y, y])),
        }[key]

    def augmented(self, method: str, seed: int) -> np.ndarray:
        """Synthetic vectors (n, D) of the training utterances' classes."""
        s = self.run.settings
        if method == ROW:
            return self.sampler(0).sample(self.emotion, seed)
        augmenters: dict[str, Augmenter] = {
            "Noise": AdditiveNoise(noise=s.noise, random_state=seed),
            "SMOTE": SMOTE(k_neighbors=s.neighbours, random_state=seed),
            "Mixup": Mixup(alpha=s.alpha, random_state=seed),
        }
        return augmenters[method].synthesize(self.x, self.emotion, self.emotion).astype(np.float32)

    def reduction(self, row: str, repeat: int) -> Callable[[np.ndarray], np.ndarray]:
        """From vectors (n, D) to fewer dimensions, as a row of table 2 learns it."""
        s, seed = self.run.settings, self.run.seed_of(self.name, row, repeat)
        if row == ROW:
            return self.sampler(repeat, s.encoded).model_.encode
        name, _, with_mixup = row.partition(", ")
        one_hot = np.eye(len(self.corpus.classes), dtype=np.float32)[self.emotion]
        basis = mixup(self.x, one_hot, s.mixed_copies if with_mixup else 0, s.alpha, seed)
        if name == "Autoencoder":
            return self.plain_autoencoder(basis, f"{row}-{repeat}", seed).encode
        reducer = PCA(s.encoded, svd_solver="full")
        if name == "SMACOF MDS":
            reducer = LandmarkMDS(s.encoded, **s.group("mds"), random_state=seed)
        return reducer.fit(basis.x).transform

    def plain_autoencoder(self, basis: Mixed, stage: str, seed: int) -> Autoencoder:
        """The standard autoencoder of sec. 5.1.2, with ReLU."""
        s, stage = self.run.settings, stage.lower().replace(", ", "-")
        shared = {"leaky_relu_slope": s.leaky_relu_slope, "precision": s.precision, "activation": "relu"}
        own = s.group("autoencoder")
        model = autoencoder(shared | own, self.x.shape[1], s.encoded, seed)
        model.compile(FusedAdam(s.learning_rate))
        batches = training.Labelled(basis.x, basis.unmixed, s.batch_size, seed)
        training.train(
            model,
            batches,
            training.epochs_of(batches.steps, own["epochs"], own["updates"]),
            self.folder / stage,
            task=f"{self.name}: {stage}",
            log_dir=self.log_dir(stage),
            stages=self.run.stages,
            report=self.run.report,
        )
        return model


def draw(run: Run) -> None:
    """Figure 3: losses and outputs of the first fold's first GAN."""
    if not run.corpus("labelled").session.any():  # only what needs no folds was measured
        return
    stage = f"latent{run.settings.latent}-0"
    logged = training.curves(FoldVectors(run, chosen_folds(run)[0]).log_dir(stage))
    shown = {tag.partition("/")[2]: v for tag, v in logged.items() if not tag.startswith("schedule/")}
    if shown:
        title = run.paper.figures["3"]["title"]
        figures.save(
            figures.training_curves({ROW: shown}, title=title), run.folder / "figures" / "figure3.png"
        )


def work(run: Run, tables: Collection[int]) -> float:
    """Multiply-adds of what these tables still need, for an estimate of the time."""
    every = chosen_folds(run) if {1, 2, 4, 5} & set(tables) else []
    if 3 in tables and run.has("cross"):
        every = [*every, folds.whole(run.corpus("labelled"))]
    return sum(network_work(run, fold, tables) + classifier_work(run, fold, tables) for fold in every)


def network_work(run: Run, fold: folds.Fold, tables: Collection[int]) -> float:
    """Multiply-adds of a fold's GANs and autoencoders that are not trained."""
    s, features, n = run.settings, run.corpus("labelled").x.shape[1], len(fold.train)
    mixed = n * (1 + s.mixed_copies)

    def vectors(updates: int, epochs: int, of: int) -> float:
        return updates * s.batch_size if updates else epochs * of

    wanted = set(tables) & ({1, 2, 4, 5} if len(fold.test) else {3})
    latents = [s.latent] if wanted - {2} else []
    latents += [s.encoded] if 2 in wanted else []
    costs = {}
    for latent in latents:
        pretraining, gan = multiply_adds_a_vector(s, features, latent)
        cost = vectors(s.pretrain_updates, s.pretrain_epochs, mixed) * pretraining
        costs[f"latent{latent}"] = cost + vectors(s.updates, s.epochs, mixed) * gan
    if 2 in wanted:
        own = s.group("autoencoder")
        pretraining, _ = multiply_adds_a_vector(own, features, s.encoded)
        for stage, of in (("autoencoder", n), ("autoencoder-mixup", mixed)):
            costs[stage] = vectors(own["updates"], own["epochs"], of) * pretraining
    folder = run.folder / "models" / fold.name
    repeats = {f"latent{s.latent}": 1} if wanted == {5} else {}  # its quality is the first one's
    left = ((stage, r) for stage in costs for r in range(repeats.get(stage, s.repeats)))
    return sum(costs[stage] for stage, r in left if not training.finished(folder / f"{stage}-{r}"))


def classifier_work(run: Run, fold: folds.Fold, tables: Collection[int]) -> float:
    """Multiply-adds of a fold's classifiers that are not measured yet; those of SVMs are a guess."""
    s, corpus, n = run.settings, run.corpus("labelled"), len(fold.train)
    task, numbers = ("within", {1, 4}) if len(fold.test) else ("cross", {3})

    def left(table: int, **cell: str) -> bool:
        return table in tables and not run.results.of(table=table, fold=fold.name, **cell)

    total = 0.0
    for column, key in COLUMNS.items():
        size = n * (1 + s.mixed_copies) * (2 if key == "both" else 1)
        dnn = DNN(seeds=range(s.repeats), **s.group(f"{task}.{key}"))
        if any(left(table, column=column) for table in numbers):
            total += dnn.multiply_adds(size, corpus.x.shape[1], len(corpus.classes))
    if len(fold.test):
        grid = len(s["svm.C"]) * len(s["svm.gamma"])
        rows = [*REDUCTIONS, *(f"{name}, mixup" for name in REDUCTIONS), ROW]
        total += sum(left(2, row=row) for row in rows) * (grid + s.repeats) * 50.0 * n**2
        total += left(5, row=ROW) * 20.0 * n**2 * corpus.x.shape[1] / len(corpus.classes)
    return total


def train_generator(run: Run, fold: folds.Fold, method: str) -> str:
    """Trains the first GAN alone, as `export_generators` finds it; gives its stage."""
    FoldVectors(run, fold).sampler(0)
    return f"latent{run.settings.latent}-0"


def export_generators(folder: Path, run: dict, to: Path, fold: str | None, setting: str | None) -> Path:
    """Writes encoder and generator of one GAN as a SavedModel that encodes and remakes raw features.

    Args:
        folder: of the run.
        run: its `run.toml`.
        to: folder to make.
        fold: a folder of the run's `models/`; None takes the whole corpus's, else the first.
        setting: such as "latent2-0"; None takes the first.

    Raises:
        TfserganError: no such fold or setting in this run.
    """
    found = export.trained(folder, run, fold, setting, prefix="latent")
    scalers = export.load_scalers(found.models)
    latent = int(found.stage.removeprefix("latent").partition("-")[0])
    gan = mixup_gan(found.settings, len(scalers["features"]), latent, seed=0)
    found.load_weights(gan)
    return export.export_autoencoder(gan, scalers, to, found.card)


if __name__ == "__main__":
    import sys

    from tfsergan.cli import main

    main(["reproduce", "latif2020", *sys.argv[1:]])
