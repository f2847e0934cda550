"""Li et al. 2020, from corpora to tables: `tfsergan reproduce li2020`.

For each pair of speakers: train the four models on the utterances of all others, at several speeds; keep the epoch
that is best on the one speaker, test on the other, and the other way round; ask each embedding for its speaker.
"""

import math
from collections.abc import Callable, Collection
from functools import cached_property, partial
from pathlib import Path

import keras
import numpy as np
from sklearn.manifold import TSNE

from tfsergan import evaluation, export, folds, metrics, papers, training
from tfsergan.corpora import Corpus
from tfsergan.errors import TfserganError
from tfsergan.evaluation import Run
from tfsergan.features.frames import frames_in
from tfsergan.methods.li2020 import (
    MODELS,
    EmotionOnly,
    MEnAN,
    WithSpeakers,
    build,
    multiply_adds_an_utterance,
    recurrent_steps,
)
from tfsergan.optimizers import FusedAdam, polynomial_decay
from tfsergan.quality import probe
from tfsergan.ragged import Ragged
from tfsergan.report import board, figures

STAGES = {
    "EC only model": "ec",
    "Multi-task model": "multitask",
    "DAT model": "dat",
    "Proposed MEnAN": "menan",
}
"""What the folder of a model's training is called, before the number of its repeat."""

DRAWN = ("Multi-task model", "Proposed MEnAN")  # in figure 2

RATED = {"angry": "anger", "happy": "happiness", "sad": "sadness"}
"""Of the classes, the emotion that CMU-MOSEI rates; neutral is where all six ratings are 0."""

BATCH = 256  # utterances at a time, where nothing is trained
STEP = 6e6  # multiply-adds of a matrix product in the time that a step of a recurrent layer needs to start


def reproduce(run: Run, tables: Collection[int]) -> None:
    """Measures the cells of these tables that are not measured yet."""
    run.each(pair, chosen(run), tables)
    draw(run)


def pair(run: Run, turns: folds.Turns, tables: Collection[int]) -> None:
    """Two speakers, each tested while the other one validates (sec. 5)."""
    models = Models(run, turns)
    if 2 in tables:
        table_2(run, models)
    if 3 in tables and run.has("cross"):
        table_3(run, models)
    if 4 in tables:
        table_4(run, models)


def table_2(run: Run, models: "Models") -> None:
    """Accuracy on the validation and on the test speaker, by the weights that validation chose."""
    for row in MODELS:
        for test in range(len(models.turns.speakers)):
            speakers = {"val": models.turns.validation(test), "test": test}
            for column, speaker in speakers.items():
                compute = partial(table_2_cell, run, models, row, test, speaker)
                run.measure(2, row, column, models.fold(test), compute)


def table_2_cell(run: Run, models: "Models", row: str, test: int, speaker: int) -> list[dict]:
    """The scores on a speaker of the model that is tested on a speaker."""
    part, found = models.corpus.select(models.turns.rows[speaker]), []
    for repeat in range(run.settings.repeats):
        model, best = models.best(row, repeat, test)
        predicted = models.judged(model.predict_emotion, part.x)[None]
        found += evaluation.score(part.emotion, predicted, part.speaker, part.classes, epoch=best["epoch"])
    return found


def table_3(run: Run, models: "Models") -> None:
    """Accuracy on another corpus, where any emotion with a positive rating is right (sec. 6)."""
    cross = run.corpus("cross")
    if cross.classes != models.corpus.classes:
        raise TfserganError(
            f"{cross.name} has the classes {', '.join(cross.classes)}, {models.corpus.name} "
            f"{', '.join(models.corpus.classes)}: take another corpus for one of them (--corpus)."
        )
    right = present(cross)

    def compute(row: str, test: int) -> list[dict]:
        found = []
        for repeat in range(run.settings.repeats):
            predicted = models.judged(models.best(row, repeat, test)[0].predict_emotion, cross.x)
            share = float(np.mean(right[np.arange(len(right)), predicted]))
            found.append({"metrics": {"accuracy": share}, "n": len(right)})
        return found

    for row in run.paper.table(3).rows:
        for test in range(len(models.turns.speakers)):
            run.measure(3, row, "cross", models.fold(test), partial(compute, row, test))


def present(corpus: Corpus) -> np.ndarray:
    """(n, classes): the emotions that are there; where there are no ratings, the label alone."""
    there = np.eye(len(corpus.classes), dtype=bool)[corpus.emotion]
    for i, name in enumerate(corpus.classes):
        if RATED.get(name) in corpus.ratings:
            there[:, i] |= corpus.ratings[RATED[name]] > 0
    return there


def table_4(run: Run, models: "Models") -> None:
    """How well a fresh classifier finds the speaker from an embedding."""
    unseen = np.concatenate(models.turns.rows)
    parts = {"training speakers": models.turns.train, "unseen speakers": unseen}

    def compute(row: str, column: str, test: int) -> list[dict]:
        part, found = models.corpus.select(parts[column]), []
        for repeat in range(run.settings.repeats):
            v = models.judged(models.best(row, repeat, test)[0].embed, part.x)
            accuracy = probe(v, part.speaker, run.seed_of("probe", models.turns.name, repeat))
            found.append({"metrics": {"accuracy": accuracy}, "n": len(part)})
        return found

    for row in MODELS:
        for column in parts:
            for test in range(len(models.turns.speakers)):
                run.measure(4, row, column, models.fold(test), partial(compute, row, column, test))


class Models:
    """The four models of one training part, each trained when first asked for (sec. 3.3 and table 1)."""

    def __init__(self, run: Run, turns: folds.Turns):
        self.run, self.turns = run, turns
        self.corpus = run.corpus("labelled")
        self.length = frames_in(run.settings.seconds)
        self.folder = run.folder / "models" / turns.name
        self.speakers = sorted({*self.corpus.speaker[turns.train].tolist()})
        self.ready: dict[tuple[str, int], EmotionOnly] = {}  # trained, by row and repeat

    def fold(self, test: int) -> str:
        """The name of the fold that tests this speaker."""
        return folds.fold_name(self.turns.speakers[test])

    @cached_property
    def scaler(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and scale (D,) of frames: of the training speakers' at their own speed, or 0 and 1."""
        frames = self.corpus.x[self.turns.train].values
        if self.run.settings.scaling == "none":
            return np.zeros(frames.shape[1], np.float32), np.ones(frames.shape[1], np.float32)
        deviation = frames.std(axis=0, dtype=np.float64).astype(np.float32)
        return frames.mean(axis=0, dtype=np.float64).astype(np.float32), np.where(deviation, deviation, 1)

    def scaled(self, x: Ragged) -> Ragged:
        mean, scale = self.scaler
        return Ragged((x.values - mean) / scale, x.lengths)

    def fixed(self, x: Ragged) -> np.ndarray:
        """Frames (n, T, D) of utterances as a model sees them."""
        return self.scaled(x).fixed(self.length)

    def judged(self, function: Callable[[np.ndarray], np.ndarray], x: Ragged) -> np.ndarray:
        """What a model's function of frames (n, T, D) gives for utterances, some at a time."""
        return np.concatenate([function(self.fixed(x[i : i + BATCH])) for i in range(0, len(x), BATCH)])

    def training_set(self) -> tuple[Ragged, np.ndarray, np.ndarray]:
        """Utterances at every speed (sec. 4), their emotions, and their speakers as numbers."""
        rows = self.turns.train
        versions = [self.corpus.x, *self.corpus.variants.values()]
        parts = [self.scaled(version[rows]) for version in versions]
        x = Ragged(np.concatenate([p.values for p in parts]), np.concatenate([p.lengths for p in parts]))
        speaker = np.searchsorted(self.speakers, self.corpus.speaker[rows])
        return x, np.tile(self.corpus.emotion[rows], len(parts)), np.tile(speaker, len(parts))

    def batches(self, stage: str) -> training.Utterances:
        x, *labels = self.training_set()
        seed = self.run.seed_of(self.turns.name, stage, "order")
        return training.Utterances(x, labels, self.length, self.run.settings.batch_size, seed)

    def stage(self, row: str, repeat: int) -> str:
        return f"{STAGES[row]}-{repeat}"

    def build(self, row: str, repeat: int) -> EmotionOnly:
        sizes = self.corpus.x.shape[2], len(self.corpus.classes), len(self.speakers)
        seed = self.run.seed_of(self.turns.name, self.stage(row, repeat))
        return build(row, self.run.settings, self.length, *sizes, seed)

    def trained(self, row: str, repeat: int) -> EmotionOnly:
        """A model after its last epoch; the best epoch for each left-out speaker is kept beside it."""
        model, stage, s = self.build(row, repeat), self.stage(row, repeat), self.run.settings
        if training.finished(self.folder / stage):
            return model
        names = self.corpus.feature_names, self.corpus.classes, self.speakers, self.turns.speakers
        export.save_frame_map(self.folder, *self.scaler, self.length, *names)
        batches = self.batches(stage)
        compiled(model, s, batches.steps * s.epochs)
        training.train(
            model,
            batches,
            s.epochs,
            self.folder / stage,
            task=f"{self.turns.name}: {row}, {repeat + 1} of {s.repeats}",
            log_dir=self.run.log_dir(self.turns.name, stage),
            stages=self.run.stages,
            checkpoint_epochs=s.checkpoint_epochs,
            keep_best=self.judges(model),
            report=self.run.report,
        )
        return model

    def judges(self, model: EmotionOnly) -> dict:
        """UA on each of the left-out speakers, by the fold that it validates."""
        found = {}
        for test in range(len(self.turns.speakers)):
            rows = self.turns.rows[self.turns.validation(test)]
            x, emotion = self.fixed(self.corpus.x[rows]), self.corpus.emotion[rows]
            found[self.fold(test)] = partial(unweighted_accuracy, model, x, emotion, len(self.corpus.classes))
        return found

    def best(self, row: str, repeat: int, test: int) -> tuple[EmotionOnly, dict[str, float]]:
        """The model that is tested on a speaker: after the epoch that was best on the validation speaker."""
        if (row, repeat) not in self.ready:
            self.ready[row, repeat] = self.trained(row, repeat)
        model = self.ready[row, repeat]
        return model, training.load_best(model, self.folder / self.stage(row, repeat), self.fold(test))


def compiled(model: EmotionOnly, s: papers.Settings, updates: int) -> None:
    """Sets optimizers and lambda (table 1)."""

    def adam() -> keras.optimizers.Optimizer:
        return FusedAdam(polynomial_decay(s.learning_rate, updates, s.decay_power))

    if isinstance(model, MEnAN):
        model.compile(adam(), adam(), s["lambda"])
    elif isinstance(model, WithSpeakers):
        model.compile(adam(), s["lambda"])
    else:
        model.compile(adam())


def unweighted_accuracy(model: EmotionOnly, x: np.ndarray, emotion: np.ndarray, classes: int) -> float:
    return metrics.uar(metrics.confusion(emotion, model.predict_emotion(x), classes))


def draw(run: Run) -> None:
    """Figure 2, of the first two speakers that are left out, once both of its models are trained."""
    models, path = Models(run, chosen(run)[0]), run.folder / "figures" / "figure2.png"
    if path.exists() or not all(training.finished(models.folder / models.stage(row, 0)) for row in DRAWN):
        return
    rows = np.concatenate(models.turns.rows)
    x, part = models.fixed(models.corpus.x[rows]), models.corpus.select(rows)
    panels = {}
    for row in DRAWN:
        v = models.best(row, 0, 0)[0].embed(x)
        labels = {"emotion": np.array(part.classes)[part.emotion], "speaker": part.speaker}
        board.project(run.folder, f"figure 2, {row}", v, labels)
        tsne = TSNE(random_state=0, init="pca", perplexity=min(30, len(v) - 1))
        panels[row] = tsne.fit_transform(v)
    names, speaker = np.unique(part.speaker, return_inverse=True)
    labels = {"emotion": (part.emotion, part.classes), "speaker": (speaker, names.tolist())}
    figures.save(figures.labelled_points(panels, labels, run.paper.figures["2"]["title"]), path)


def chosen(run: Run) -> list[folds.Turns]:
    """All pairs of speakers, or the first so many."""
    return folds.speakers_in_turn(run.corpus("labelled"))[: run.settings.pairs or None]


def work(run: Run, tables: Collection[int]) -> float:
    """Multiply-adds of the models that these tables still need, for an estimate of the time."""
    s, total = run.settings, 0.0
    for turns in chosen(run):
        models = Models(run, turns)
        left = [
            row
            for row in MODELS
            for repeat in range(s.repeats)
            if not training.finished(models.folder / models.stage(row, repeat))
        ]
        n = len(turns.train) * (1 + len(models.corpus.variants))
        channels = models.corpus.x.shape[2]
        utterances = n + sum(map(len, turns.rows)) / 3  # those are judged on, forward alone
        arithmetic = 3 * utterances * multiply_adds_an_utterance(s, models.length, channels)
        starts = math.ceil(n / s.batch_size) * recurrent_steps(s, models.length) * STEP
        total += len(left) * s.epochs * (arithmetic + starts)
    return total


def export_generators(folder: Path, run: dict, to: Path, fold: str | None, setting: str | None) -> Path:
    """Writes encoder and emotion classifier of one model as a SavedModel that embeds raw frames.

    Args:
        folder: of the run.
        run: its `run.toml`.
        to: folder to make.
        fold: a folder of the run's `models/`; None takes the first.
        setting: such as "dat-0"; None takes "menan-0".

    Raises:
        TfserganError: no such fold or setting in this run.
    """
    found = export.trained(folder, run, fold, setting or "menan-0", prefix="")
    frame_map = export.load_frame_map(found.models)
    row = next(row for row, name in STAGES.items() if name == found.stage.rpartition("-")[0])
    sizes = len(frame_map["features"]), len(frame_map["classes"])
    speakers = len(frame_map["trained_on"])
    model = build(row, found.settings, frame_map["length"], *sizes, speakers, seed=0)
    tested = frame_map["left_out"][0]
    best = training.load_best(model, found.models / found.stage, folds.fold_name(tested))
    card = found.card | {
        "title": f"Embeddings of {found.card['reproduction']}: {row}",
        "intended_use": export.EMBEDDING_USE,
        "epoch": f"{best['epoch']:.0f}, the best on a left-out speaker other than {tested}",
    }
    return export.export_embedding(model, frame_map, to, card)


if __name__ == "__main__":
    import sys

    from tfsergan.cli import main

    main(["reproduce", "li2020", *sys.argv[1:]])
