"""What a user writes: only type-checked, `mypy --strict --follow-imports=silent tests/typing/program.py`; each value names the type it must have."""

from pathlib import Path
from typing import Any

import numpy as np

import tfsergan
from tfsergan import corpora, export, folds, metrics, papers, quality, results, samplers, training
from tfsergan.augmentation import SMOTE, AdditiveNoise, Augmenter, Duplication, Mixup
from tfsergan.classifiers import DNN, SVM
from tfsergan.corpora import Corpus
from tfsergan.errors import CorpusNotFound, TfserganError
from tfsergan.folds import Fold
from tfsergan.label_rules import LabelRule, label_rule
from tfsergan.papers import Paper, Settings
from tfsergan.ragged import Ragged
from tfsergan.report import assemble, tables


def load(name: str, manual_dir: Path) -> Corpus | None:
    try:
        return corpora.load(name, "is10", labels="four_class", manual_dir=manual_dir)
    except CorpusNotFound:
        return None
    except TfserganError as error:
        raise SystemExit(error.exit_code) from error


def vectors(corpus: Corpus) -> np.ndarray:
    x: np.ndarray | Ragged = corpus.x
    return x.fixed(200) if isinstance(x, Ragged) else x


def uar(corpus: Corpus) -> float:
    x, confusions = vectors(corpus), []
    split: list[Fold] = folds.leave_one_session_out(corpus)
    for fold in split:
        adan = samplers.ADANSampler(copies=10, learning_rate=5e-4, updates=800, random_state=0)
        grown, labels = adan.fit_resample(x[fold.train], corpus.emotion[fold.train])
        svm = SVM(C=10.0).fit(grown, labels)
        predicted: np.ndarray = svm.predict(x[fold.test])
        counts: np.ndarray = metrics.confusion(corpus.emotion[fold.test], predicted, len(corpus.classes))
        confusions.append(counts)
    pooled: float | np.ndarray = metrics.uar(np.sum(confusions, axis=0))
    return float(pooled)


def classifier(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    dnn: DNN = DNN(units=100, seeds=range(5), learning_rate=1e-4).fit(x, y)
    return dnn.predict(x)


def augmenters() -> list[Augmenter]:
    return [Duplication(copies=2), AdditiveNoise(noise=0.1), SMOTE(k_neighbors=3), Mixup(alpha=0.2)]


def judged(real: np.ndarray, synthetic: np.ndarray) -> tuple[float, float, float]:
    two_sample = quality.two_sample_accuracy(real, synthetic, seed=0)
    return quality.nearest_ratio(real, synthetic), quality.coverage(real, synthetic), two_sample


def batches(x: np.ndarray, y: np.ndarray) -> training.Batches:
    return training.Labelled(x, y, batch_size=64, seed=0)


def reported(name: str) -> dict[tuple[str, str], tuple[float, float | None]]:
    paper: Paper = papers.load(name)
    settings: Settings = paper.settings("compact", {"repeats": "3"})
    rule: LabelRule = label_rule("iemocap", "four_class")
    print(paper.citation, dict(settings), rule.classes)
    for spec in paper.tables:
        text: str = tables.to_markdown(assemble.reported(spec))
        print(text)
    return dict(paper.table(2).reported)


def measured(folder: Path) -> int:
    rows: list[dict[str, Any]] = results.read(folder / "results.jsonl")
    models, stage = export.choose(folder / "models", None, None, prefix="adan-")
    print(models.name, stage)
    return len(rows)


def short(generator: Path, manual_dir: Path) -> tfsergan.Score:
    corpus: tfsergan.Corpus = tfsergan.load_corpus("emodb", "is10", labels="own", manual_dir=manual_dir)
    sampler: tfsergan.ADANSampler = tfsergan.ADANSampler(copies=2, random_state=0)
    x, y = sampler.fit_resample(vectors(corpus), corpus.emotion)
    predicted: np.ndarray = SVM().fit(x, y).predict(vectors(corpus))
    made: tfsergan.Synthetic = tfsergan.synthesize(generator, corpus, emotion=["angry", "sad"], seed=1)
    written: Path = made.write("synthetic.parquet", force=True)
    print(written, len(made), made.x.shape, made.columns["speaker"])
    found: tfsergan.Score = tfsergan.score(corpus.emotion, predicted, corpus.speaker)
    interval: tuple[float, float] | None = found.interval
    print(found.uar, interval)
    return found
