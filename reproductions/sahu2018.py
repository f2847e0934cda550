"""Sahu, Gupta & Espy-Wilson 2018, from corpora to tables: `tfsergan reproduce sahu2018`.

For each fold and repeat: train an adversarial autoencoder, start a GAN from its decoder, and train SVMs on real
vectors, the GAN's and both; once with a conditional GAN, once with a vanilla one, and once with one of codes.
"""

from collections.abc import Collection
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from sklearn.preprocessing import StandardScaler

from tfsergan import export, folds, training
from tfsergan.corpora import Corpus
from tfsergan.evaluation import Run, chosen_folds
from tfsergan.methods import sahu2017 as aae_method
from tfsergan.methods.sahu2018 import ConditionalGAN, VanillaGAN, gan, multiply_adds_a_vector
from tfsergan.quality import quality_multiply_adds
from tfsergan.report import figures
from tfsergan.reproductions import sahu2017
from tfsergan.reproductions.sahu2017 import both, measure, measure_quality, svm_work
from tfsergan.samplers import ConditionalGANSampler, VanillaGANSampler

SAMPLERS = {"conditional": ConditionalGANSampler, "vanilla": VanillaGANSampler, "codes": VanillaGANSampler}
"""Each GAN by its group of settings, the prefix of its stages."""

ROWS = {"conditional GAN": "conditional", "vanilla GAN": "vanilla", "vanilla GAN, codes": "codes"}
FEATURE_ROWS = {row: kind for row, kind in ROWS.items() if kind != "codes"}


def reproduce(run: Run, tables: Collection[int]) -> None:
    """Measures the cells of these tables that are not measured yet."""
    if {1, 3, 4} & set(tables):
        run.each(one_fold, chosen_folds(run), tables)
    if 2 in tables and run.has("cross"):
        run.each(across, [folds.whole(run.corpus("labelled"))])
    draw(run)


def across(run: Run, fold: folds.Fold) -> None:
    """Table 2: train on all of the labelled corpus, test on another."""
    classify(run, CrossVectors(run, fold), 2)


def one_fold(run: Run, fold: folds.Fold, tables: Collection[int]) -> None:
    """Tables 1, 3 and 4 for one test session."""
    vectors = FoldVectors(run, fold)
    if 1 in tables:
        classify(run, vectors, 1)
    for row, kind in FEATURE_ROWS.items():
        if 3 in tables:
            before = partial(vectors.autoencoder, kind)
            measure_quality(run, vectors, 3, f"autoencoder, {kind}", before)
            measure_quality(run, vectors, 3, row, partial(vectors.gan, kind))
        if 4 in tables:
            measure_convergence(run, vectors, row, kind)


def classify(run: Run, vectors: "FoldVectors", table: int) -> None:
    """SVMs on real vectors, synthetic ones, and both."""
    measure(run, vectors, table, "", "Real", vectors.real, repeats=1)
    for row, kind in ROWS.items():
        real = vectors.real_codes if kind == "codes" else vectors.real
        synthetic = partial(vectors.synthetic, kind)
        if kind == "codes":
            measure(run, vectors, table, row, "Real", real)
        extra = partial(vectors.trained_for, kind)
        measure(run, vectors, table, row, "Syn.", synthetic, extra=extra)
        measure(run, vectors, table, row, "Real+Syn.", partial(both, real, synthetic), extra=extra)


def measure_convergence(run: Run, vectors: "FoldVectors", row: str, kind: str) -> None:
    """What a trained discriminator says of real training vectors and of as many synthetic ones."""

    def compute() -> list[dict]:
        found = []
        for repeat in range(run.settings.repeats):
            made, labels = vectors.made(kind, repeat)
            model = vectors.gan(kind, repeat).model_
            n = len(vectors.x)
            outputs = {
                "d_real": model.outputs_of(vectors.x, vectors.emotion),
                "d_fake": model.outputs_of(made[:n], labels[:n]),
            }
            found.append({"metrics": {name: float(np.mean(p)) for name, p in outputs.items()}, "n": n})
        return found

    run.measure(4, row, "training", vectors.name, compute)


class FoldVectors(sahu2017.FoldVectors):
    """One fold's vectors and the GANs that are trained on its training part."""

    def __init__(self, run: Run, fold: folds.Fold):
        super().__init__(run, fold)
        self.synthesized: dict[tuple[str, int], np.ndarray] = {}
        self.coded: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}  # of each repeat
        self.epochs: dict[tuple[str, int], int] = {}  # of each GAN

    def gan(self, kind: str, repeat: int) -> VanillaGANSampler:
        """One of `SAMPLERS` of a repeat, trained when first asked for: on features, or on codes of them."""
        settings = {**self.run.settings, **self.run.settings.group(kind)}
        x = self.real_codes(repeat)[0] if kind == "codes" else self.x
        sampler = SAMPLERS[kind].of(settings, **self.options(f"{kind}-{repeat}")).fit_model(x, self.emotion)
        self.epochs[kind, repeat] = sampler.epochs_
        if kind != "codes":
            self.save_decoder_map()
        return sampler

    def autoencoder(self, kind: str, repeat: int) -> VanillaGANSampler:
        """The same sampler before its GAN: sampling is the autoencoder's."""
        sampler = self.gan(kind, repeat)
        sampler.model_ = sampler.autoencoder_
        return sampler

    def real_codes(self, repeat: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Codes by the autoencoder that a repeat's vanilla GAN starts from, z-normed by training codes."""
        if repeat not in self.coded:
            self.coded[repeat] = self.encoded(self.gan("vanilla", repeat).autoencoder_)
        return self.coded[repeat]

    def made(self, kind: str, repeat: int) -> tuple[np.ndarray, np.ndarray]:
        """`copies` synthetic sets of the training set's emotions, (n, D) or (n, N), and these (n,)."""
        labels = np.tile(self.emotion, self.run.settings.copies)
        if (kind, repeat) not in self.synthesized:
            seed = self.run.seed_of(self.name, kind, "sample", repeat)
            self.synthesized[kind, repeat] = self.gan(kind, repeat).sample(labels, seed)
        return self.synthesized[kind, repeat], labels

    def synthetic(self, kind: str, repeat: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The synthetic sets of one of `SAMPLERS`, and the test vectors."""
        test = self.real_codes(repeat)[2] if kind == "codes" else self.test_x
        return *self.made(kind, repeat), test

    def trained_for(self, kind: str, repeat: int) -> dict[str, float]:
        """How long a GAN was trained."""
        return {"epochs": float(self.epochs[kind, repeat])}


class CrossVectors(FoldVectors):
    """All of the labelled corpus to train on, and 70 % of the cross corpus to test."""

    @cached_property
    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers of the cross corpus's development and test utterances."""
        return folds.stratified_split(self.run.corpus("cross"), 0.3, self.run.seed_of("development split"))

    @property
    def test(self) -> Corpus:
        return self.run.corpus("cross").select(self.parts[1])

    @cached_property
    def test_x(self) -> np.ndarray:
        """Test vectors, z-normed by the development utterances, or (protocol paper) the whole cross corpus."""
        kept, x = self.scaler[0], self.run.corpus("cross").x
        basis = x[self.parts[0]] if self.run.protocol == "strict" else x
        return StandardScaler().fit(kept.transform(basis)).transform(kept.transform(self.test.x))


def draw(run: Run) -> None:
    """Figure 1, from the first fold's first GANs once they are trained; figure 2, from what is measured; always anew."""
    if not run.corpus("labelled").session.any():  # only what needs no folds was measured
        return
    vectors = FoldVectors(run, chosen_folds(run)[0])
    curves = {}
    for row, kind in FEATURE_ROWS.items():
        if training.finished(vectors.folder / f"{kind}-0"):
            logged = training.curves(vectors.log_dir(f"{kind}-0"))
            tags = {tag.partition("/")[2]: v for tag, v in logged.items() if not tag.startswith("schedule/")}
            curves |= {row: tags} if tags else {}
    if curves:
        figure = figures.training_curves(curves, title=run.paper.figures["1"]["title"])
        figures.save(figure, run.folder / "figures" / "figure1.png")
    ends = {
        "D on real": measured(run, 4, "d_real"),
        "D on synthetic": measured(run, 4, "d_fake"),
        "coverage": measured(run, 3, "coverage"),
    }
    if any(ends.values()):
        figures.save(
            figures.spread(ends, run.paper.figures["2"]["title"]), run.folder / "figures" / "figure2.png"
        )


def measured(run: Run, table: int, metric: str) -> dict[str, list[float]]:
    """The values of a metric by row of a table, of all folds and repeats."""
    found: dict[str, list[float]] = {}
    for result in run.results.of(table=table):
        found.setdefault(result["row"], []).append(result["metrics"][metric])
    return dict(sorted(found.items(), reverse=True))  # GANs before the autoencoders that they start from


def work(run: Run, tables: Collection[int]) -> float:
    """Multiply-adds of what these tables still need, for an estimate of the time."""
    total = 0.0
    if {1, 3, 4} & set(tables):
        total += sum(fold_work(run, fold, set(tables) - {2}) for fold in chosen_folds(run))
    if 2 in tables and run.has("cross"):
        total += fold_work(run, folds.whole(run.corpus("labelled")), {2})
    return total


def fold_work(run: Run, fold: folds.Fold, tables: Collection[int]) -> float:
    """Multiply-adds of a fold's GANs that are not trained and of its cells that are not measured."""
    s, corpus = run.settings, run.corpus("labelled")
    n, features, classes = len(fold.train), corpus.x.shape[1], len(corpus.classes)
    grown = (1 + s.copies) * n
    costs: dict[tuple[int, str, str], float] = {}
    for table in {1, 2} & set(tables):
        costs[table, "", "Real"] = svm_work(n, features)
        for row, kind in ROWS.items():
            size = s.latent if kind == "codes" else features
            costs[table, row, "Syn."] = s.repeats * svm_work(s.copies * n, size)
            costs[table, row, "Real+Syn."] = s.repeats * svm_work(grown, size)
    if 3 in tables:
        own = s.quality_repeats * quality_multiply_adds(n, features, classes)
        rows = [*FEATURE_ROWS, *(f"autoencoder, {kind}" for kind in FEATURE_ROWS.values())]
        costs |= {(3, row, "training"): own for row in rows}
    if 4 in tables:
        costs |= {(4, row, "training"): s.repeats * 2.0 * n * features for row in FEATURE_ROWS}
    left = {
        key: cost
        for key, cost in costs.items()
        if not run.results.of(table=key[0], row=key[1], column=key[2], fold=fold.name)
    }
    gans = gan_work(run, fold) if any(row for _, row, _ in left) else 0.0
    return gans + sum(left.values())


def gan_work(run: Run, fold: folds.Fold) -> float:
    """Multiply-adds of a fold's GANs, and of their autoencoders, that are not trained."""
    corpus, total = run.corpus("labelled"), 0.0
    n, classes = len(fold.train), len(corpus.classes)
    for kind in SAMPLERS:
        s = {**run.settings, **run.settings.group(kind)}
        features = s["latent"] if kind == "codes" else corpus.x.shape[1]
        stages = {
            "autoencoder": ("pretrain_", aae_method.multiply_adds_a_vector(s, features, classes)),
            "": ("", multiply_adds_a_vector(s, features)),
        }
        for repeat in range(run.settings.repeats):
            for stage, (prefix, cost) in stages.items():
                seen = s[f"{prefix}updates"] * s["batch_size"] or s[f"{prefix}epochs"] * n
                folder = run.folder / "models" / fold.name / f"{kind}-{repeat}" / stage
                total += 0.0 if training.finished(folder) else seen * cost
    return total


def train_generator(run: Run, fold: folds.Fold, method: str) -> str:
    """Trains the first GAN of a kind alone, as `export_generators` finds it; gives its stage."""
    kind = {"ConditionalGAN": "conditional", "VanillaGAN": "vanilla"}[method]
    FoldVectors(run, fold).gan(kind, 0)
    return f"{kind}-0"


def export_generators(folder: Path, run: dict, to: Path, fold: str | None, setting: str | None) -> Path:
    """Writes prior and generator of one GAN of features as a SavedModel that samples raw features.

    Args:
        folder: of the run.
        run: its `run.toml`.
        to: folder to make.
        fold: a folder of the run's `models/`; None takes the whole corpus's, else the first.
        setting: such as "conditional-0" or "vanilla-0"; None takes the first conditional one, else the first vanilla one.

    Raises:
        TfserganError: no such fold or setting in this run.
    """
    conditional = any((folder / "models").glob(f"*/conditional-*/{training.WEIGHTS}"))
    vanilla = setting.startswith("vanilla-") if setting else not conditional
    kind = "vanilla" if vanilla else "conditional"
    found = export.trained(folder, run, fold, setting, prefix=f"{kind}-")
    decoder_map = export.load_decoder_map(found.models)
    method: type[VanillaGAN] = ConditionalGAN if kind == "conditional" else VanillaGAN
    size = (len(decoder_map["kept"]), len(decoder_map["classes"]))
    model = gan({**found.settings, **found.settings.group(kind)}, *size, seed=0, kind=method)
    found.load_weights(model)
    return export.export_sampler(model, decoder_map, to, found.card)


if __name__ == "__main__":
    import sys

    from tfsergan.cli import main

    main(["reproduce", "sahu2018", *sys.argv[1:]])
