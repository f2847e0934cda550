"""Synthetic vectors from trained generators: exported ones, or those of a run.

An exported generator says in its `card.toml` which features it takes and gives, and which signature it has:
`transfer` carries vectors to every emotion, `recode` remakes them, `augment` carries labelled ones to another corpus,
`sample` makes vectors from nothing but noise.
"""

import csv
import hashlib
import importlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.preprocessing import StandardScaler

from tfsergan import _toml, catalogue, evaluation, files
from tfsergan.corpora import Corpus
from tfsergan.errors import TfserganError, UsageError
from tfsergan.quality import quality

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow

BATCH = 512  # vectors that a generator is given at a time
ROWS = 1000  # written at a time
SUFFIXES = (".parquet", ".csv", ".arff")
CARD = "card.toml"
MADE = ("transfer", "recode", "augment", "sample")
"""The signatures whose vectors can be written as a table."""

OTHERS = {"embed": "it embeds frames of speech and makes no vectors"}
TEXT = ("utterance", "speaker", "session", "gender", "part", "emotion")


@dataclass(frozen=True, eq=False)
class Utterances:
    """Vectors that a generator is to work on, with what is known of them.

    Attributes:
        x: (n, d) float32, raw and finite.
        feature_names: d names.
        text: (n,) str by the names of `TEXT`; "" where unknown.
        where: the file or corpus, for messages.
    """

    x: np.ndarray
    feature_names: tuple[str, ...]
    text: Mapping[str, np.ndarray]
    where: str


@dataclass(frozen=True, eq=False)
class Synthetic:
    """Synthetic vectors, and where each comes from.

    Attributes:
        x: (m, d) float32, raw.
        feature_names: d names, in the order that the generator was trained on.
        columns: (m,) str each: `utterance`, `speaker`, `session` and so on, as of what a vector was made from, or
            "synthetic" where it was made from noise; then `made_by`, its weights, paper, setting, fold, seed and
            version, `sample_seed`, `source_utterance`, `source_emotion` and `target_emotion`.

    >>> made = synthesize("generators", n=100)  # doctest: +SKIP
    >>> made.write("corpora/synthetic/is10.parquet")  # doctest: +SKIP
    """

    x: np.ndarray
    feature_names: tuple[str, ...]
    columns: Mapping[str, np.ndarray]

    @property
    def emotion(self) -> np.ndarray:
        return self.columns["emotion"]

    def __len__(self) -> int:
        return len(self.x)

    def write(self, path: str | Path, *, force: bool = False) -> Path:
        """Writes a feature table that `load_corpus` and `tfsergan data` read: Parquet, CSV or ARFF, by its ending.

        Raises:
            UsageError: another ending, or the file is there and `force` is not given.
            TfserganError: it can't be written; what was there is left.
        """
        path = Path(path)
        require_writable(path, force)
        try:
            with files.replacing(path) as temporary:
                WRITERS[path.suffix](self, temporary)
        except OSError as error:
            raise TfserganError(
                f"{path}: can't be written ({error}). Free disk space, or choose another file."
            ) from error
        return path

    def rows(self) -> Iterator[tuple[list[str], list[str]]]:
        """Each row's text, and its features as the shortest texts that are these float32 values."""
        for start in range(0, len(self), ROWS):
            part = slice(start, start + ROWS)
            text = zip(*(self.columns[name][part].tolist() for name in self.known), strict=True)
            yield from zip(map(list, text), self.x[part].astype(str).tolist(), strict=True)

    @property
    def known(self) -> list[str]:
        """The names of the columns beside the features that are written; those with nothing in them are left out."""
        return [name for name, values in self.columns.items() if (values != "").any()]

    @property
    def titles(self) -> list[str]:
        """The names of all columns that are written."""
        return [*self.known, *self.feature_names]


def counted(made: Synthetic) -> tuple[list[str], list[int]]:
    """The emotions of synthetic vectors, in their order, and how many there are of each."""
    names, counts = np.unique(made.emotion, return_counts=True)
    return [name or "unlabelled" for name in names.tolist()], counts.tolist()


def require_writable(path: Path, force: bool) -> None:
    """Refuses what `Synthetic.write` would refuse, before any work is done."""
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: expected a name that ends in {', '.join(SUFFIXES)}.")
    if path.exists() and not force:
        raise UsageError(f"{path}: is there already. Choose another name, or overwrite it with --force.")


# ---- what is written --------------------------------------------------------------------------------------------


def write_csv(made: Synthetic, path: Path) -> None:
    with path.open("x", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(made.titles)
        writer.writerows(text + numbers for text, numbers in made.rows())


def write_arff(made: Synthetic, path: Path) -> None:
    count = len(made.known)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write("@relation synthetic\n\n")
        for i, name in enumerate(made.titles):
            file.write(f"@attribute {quoted(name)} {'string' if i < count else 'numeric'}\n")
        file.write("\n@data\n")
        for text, numbers in made.rows():
            file.write(",".join([*map(quoted, text), *numbers]) + "\n")


def quoted(text: str) -> str:
    """A text as a cell of an ARFF file."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return "'" + escaped.replace("\t", "\\t") + "'"


def write_parquet(made: Synthetic, path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    def table(part: slice) -> "pyarrow.Table":
        text = [made.columns[name][part].tolist() for name in made.known]
        arrays = [pyarrow.array(values, pyarrow.string()) for values in text]
        arrays += [pyarrow.array(column) for column in np.ascontiguousarray(made.x[part].T)]
        return pyarrow.table(dict(zip(made.titles, arrays, strict=True)))

    with pyarrow.parquet.ParquetWriter(
        path, table(slice(0)).schema, compression="zstd", write_page_checksum=True
    ) as writer:
        for start in range(0, len(made), 50 * ROWS):
            writer.write_table(table(slice(start, start + 50 * ROWS)))


WRITERS = {".csv": write_csv, ".arff": write_arff, ".parquet": write_parquet}


# ---- generators -------------------------------------------------------------------------------------------------


class Generator:
    """An exported generator.

    Args:
        folder: a SavedModel with its card.
        name: what provenance calls it; if empty that of its run, where it lies in one, else the folder's.

    Raises:
        TfserganError: no such folder, or one without a readable card.
        UsageError: its signature makes no vectors that can be written.
    """

    def __init__(self, folder: Path, name: str = ""):
        whole = folder.resolve()
        in_run = (whole.parent / "run.toml").is_file()
        self.folder, self.name = folder, name or (whole.parent if in_run else whole).name
        self.card = read_card(folder)
        self.signature: str = self.card["signature"]
        self.classes, self.features = tuple(self.card["classes"]), tuple(self.card["features"])
        if self.signature not in MADE:
            why = OTHERS.get(self.signature, "it is of another version of tfsergan")
            raise UsageError(
                f"{self.name}: the signature {self.signature!r} gives no table of vectors: {why}. Signatures that do: "
                f"{', '.join(MADE)}. The README.md that `tfsergan export` writes beside a SavedModel shows how to call "
                "this one from Python."
            )
        self.function = self._load()

    def _load(self) -> Any:
        import tensorflow as tf

        try:
            self.model = tf.saved_model.load(str(self.folder))  # its variables go when it goes
            return self.model.signatures[self.signature]
        except (OSError, tf.errors.OpError, KeyError, ValueError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise TfserganError(
                f"{self.folder}: the SavedModel can't be read ({reason}). Export it again: tfsergan export RUN --to FOLDER."
            ) from error

    @cached_property
    def provenance(self) -> dict[str, str]:
        """What each of its vectors carries."""
        return {
            "made_by": self.name,
            "made_by_weights": weights_digest(self.folder),
            "made_by_paper": str(self.card.get("reproduction", self.card["paper"])),
            **{f"made_by_{name}": str(self.card[name]) for name in ("setting", "fold", "seed")},
            "made_by_version": f"tfsergan {self.card['versions']['tfsergan']}",
        }

    def require_features(self, names: Sequence[str], where: str) -> None:
        """Refuses vectors of other features, or in another order.

        Raises:
            UsageError: they are; the message says which.
        """
        if tuple(names) == self.features:
            return
        missing = [name for name in self.features if name not in {*names}]
        extra = [name for name in names if name not in {*self.features}]
        if missing or extra:
            told = [f"{len(group)} {what} ({shown(group)})" for group, what in
                    ((missing, "missing"), (extra, "that it does not know")) if group]  # fmt: skip
            raise UsageError(
                f"{where}: not the {len(self.features)} features ({self.card['feature_set']}) that {self.name} was "
                f"trained on: {' and '.join(told)}. Extract the same feature set: `tfsergan data prepare NAME --features "
                f"{self.card['feature_set']}`, or take a generator that was trained on this one."
            )
        place = next(i for i, pair in enumerate(zip(names, self.features, strict=True)) if pair[0] != pair[1])
        raise UsageError(
            f"{where}: the features are in another order than {self.name} was trained on: column {place + 1} is "
            f"{names[place]!r} and should be {self.features[place]!r}. Put them in the order of `features` in "
            f"{CARD} of the generator."
        )

    def require_emotions(self, emotions: Sequence[str]) -> tuple[str, ...]:
        """These emotions, or all if there are none.

        Raises:
            UsageError: one that the generator does not know.
        """
        for emotion in emotions:
            if emotion not in self.classes:
                raise UsageError(
                    f"--emotion {emotion}: {self.name} knows {', '.join(self.classes)}, and no other."
                )
        return tuple(name for name in self.classes if name in emotions) if emotions else self.classes

    # ---- what it makes ----

    def transfer(self, x: np.ndarray, emotions: Sequence[str]) -> dict[str, np.ndarray]:
        """Vectors (n, d) carried to each of these emotions: (n, d) by emotion."""
        parts = [self.call(x[i : i + BATCH]) for i in range(0, len(x), BATCH)]
        return {name: np.concatenate([part[name] for part in parts]) for name in emotions}

    def recode(self, x: np.ndarray) -> np.ndarray:
        """Vectors (n, d), remade."""
        return np.concatenate([self.call(x[i : i + BATCH])["features"] for i in range(0, len(x), BATCH)])

    def carry(self, x: np.ndarray, emotion: np.ndarray) -> np.ndarray:
        """Vectors (n, d) of the source corpus with their emotions (n,), carried to the target corpus: samples of type B."""
        import tensorflow as tf

        number = {name: i for i, name in enumerate(self.classes)}
        labels = np.array([number[name] for name in emotion.tolist()], np.int32)
        nothing = tf.zeros(x[:0].shape)
        batches = [slice(i, i + BATCH) for i in range(0, len(x), BATCH)]
        made = [
            self.function(
                source=tf.constant(x[rows], tf.float32), emotion=tf.constant(labels[rows]), target=nothing
            )
            for rows in batches
        ]
        return np.concatenate([part["B"].numpy() for part in made])

    def call(self, x: np.ndarray) -> dict[str, np.ndarray]:
        import tensorflow as tf

        found = self.function(features=tf.constant(x, tf.float32))
        return {name: value.numpy() for name, value in found.items()}

    def sample(self, emotion: str, n: int, seed: int) -> np.ndarray:
        """Vectors (n, d) of an emotion from noise; a seed gives the same ones."""
        import tensorflow as tf

        arguments = {"emotion": tf.constant(emotion), "n": tf.constant(n), "seed": tf.constant(seed)}
        return self.function(**arguments)["features"].numpy()


def shown(names: Sequence[str]) -> str:
    """The first of some names."""
    return ", ".join(map(repr, names[:3])) + (", ..." if len(names) > 3 else "")


def read_card(folder: Path) -> dict[str, Any]:
    """What `export` wrote beside a SavedModel.

    Raises:
        TfserganError: no card, or a damaged one.
    """
    path = folder / CARD
    try:
        card = _toml.loads(path.read_text(encoding="utf-8"))
        missing = {"signature", "classes", "features", "setting", "fold", "seed", "versions"} - card.keys()
        if missing:
            raise ValueError(f"lacks {', '.join(sorted(missing))}")
        return card
    except FileNotFoundError:
        raise TfserganError(
            f"{folder}: neither an exported generator (no {CARD}) nor a run (no run.toml). `tfsergan train` and "
            "`tfsergan reproduce` make runs, `tfsergan export RUN --to FOLDER` exports a run's generators."
        ) from None
    except (OSError, ValueError) as error:
        raise TfserganError(f"{path}: can't be read ({error}). Export the generator again.") from error


def weights_digest(folder: Path) -> str:
    """16 hex digits of the SHA-256 of a SavedModel's weights, whatever their names: exported again, they are the same."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    tensors = [reader.get_tensor(name) for name in reader.get_variable_to_shape_map()]
    numbers = [tensor for tensor in map(np.asarray, tensors) if tensor.dtype.kind in "fiu"]
    digests = sorted(hashlib.sha256(tensor.tobytes()).hexdigest() for tensor in numbers)
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def export_run(run: Path, to: Path, fold: str | None = None, setting: str | None = None) -> Path:
    """Writes a run's generators as a SavedModel, as the reproduction of its paper does.

    Args:
        run: folder of the run.
        to: folder to make.
        fold, setting: which of its generators; None for the default of the paper.

    Raises:
        TfserganError: no run there, nothing trained, no such fold or setting, or the folder is in use.
    """
    entry = evaluation.read_run(run)
    script = importlib.import_module(f"tfsergan.reproductions.{entry['run']['paper']}")
    return script.export_generators(run, entry, to, fold, setting)


def quality_of(generator: Generator, corpus: Corpus, other: Corpus | None, seed: int) -> dict[str, float]:
    """How the vectors of a generator lie among those it was trained on, z-normed: see `tfsergan.quality.quality`.

    Args:
        generator: its classes are the corpus's.
        corpus: labelled, that it was trained on.
        other: the unlabelled corpus that it was trained on: of a generator that transfers, the one that vectors to carry
            are drawn from; of one that carries the corpus's to it, the one that they should lie among.
        seed: of what is drawn.

    Raises:
        UsageError: a corpus of frames, or no other corpus where one is needed.
    """
    if generator.signature == "augment":
        return quality_of_carried(generator, corpus, required(generator, other), seed)
    real, counts = vectors_of(corpus), np.bincount(corpus.emotion)
    z = StandardScaler().fit(real)
    labels = np.repeat(np.arange(len(counts)), counts)
    if generator.signature == "sample":
        made = [
            generator.sample(name, n, seed) for name, n in zip(corpus.classes, counts.tolist(), strict=True)
        ]
    elif generator.signature == "recode":
        made = [generator.recode(real[corpus.emotion == i]) for i in range(len(counts))]
    else:
        other = required(generator, other)
        rows = np.random.default_rng(seed).permutation(len(other))[: counts.max()]
        made = list(generator.transfer(vectors_of(other)[np.sort(rows)], corpus.classes).values())
        labels = np.repeat(np.arange(len(counts)), len(rows))
    vectors = z.transform(np.concatenate(made))
    return quality(z.transform(real), corpus.emotion, vectors, labels, corpus.classes, seed)


def required(generator: Generator, other: Corpus | None) -> Corpus:
    """The unlabelled corpus that a generator was trained on, if it was given."""
    if other is None:
        raise UsageError(f"{generator.name} was trained on an unlabelled corpus too: give that as well.")
    return other


def quality_of_carried(generator: Generator, corpus: Corpus, target: Corpus, seed: int) -> dict[str, float]:
    """The same of a corpus's vectors that are carried to a target, all together: nobody knows the target's classes.

    At most as many target vectors are drawn as the corpus has.
    """
    rows = np.random.default_rng(seed).permutation(len(target))[: len(corpus)]
    real = vectors_of(target)[np.sort(rows)]
    made = generator.carry(vectors_of(corpus), np.array(corpus.classes)[corpus.emotion])
    z = StandardScaler().fit(real)
    whole = [np.zeros(len(vectors), int) for vectors in (real, made)]
    found = quality(z.transform(real), whole[0], z.transform(made), whole[1], ("all",), seed)
    return {name: value for name, value in found.items() if "/" not in name}


# ---- from vectors, or from noise --------------------------------------------------------------------------------


def synthesize(
    model: str | Path,
    features: "str | Path | Corpus | pd.DataFrame | None" = None,
    n: int | None = None,
    *,
    emotion: str | Sequence[str] = (),
    seed: int = 0,
    fold: str | None = None,
    setting: str | None = None,
) -> Synthetic:
    """Synthetic vectors from a trained generator.

    Args:
        model: folder of an exported generator, or of a run, whose generator is then exported for the purpose.
        features: of generators that transform vectors: a feature table's file (Parquet, CSV, ARFF), a corpus, or a
            data frame with a column a feature, its index the utterances' names; its columns `emotion`, `speaker`,
            `session`, `gender` and `part`, if it has them, are text. Raw, as of the corpus trained on.
        n: of generators that sample: vectors of each emotion.
        emotion: one emotion or several; all if empty.
        seed: of the noise; the same seed gives the same vectors.
        fold, setting: of a run, which of its generators; None for the first.

    Returns: of transfer, every vector in each emotion, emotion by emotion; of recode and augment, a vector of each that
        has one of these emotions; of sampling, n of each emotion, emotion by emotion.

    Raises:
        UsageError: the generator needs `features` and got `n`, or the other way round; other features than it was
            trained on, or in another order; an emotion that it does not know.
        TfserganError: no generator there, a file with a fault, or a value that is not finite.

    >>> made = synthesize("runs/mine", n=200, emotion="angry")  # doctest: +SKIP
    >>> made.x.shape, made.emotion[0]  # doctest: +SKIP
    ((200, 1582), 'angry')
    """
    emotions = (emotion,) if isinstance(emotion, str) else tuple(emotion)
    with tempfile.TemporaryDirectory() as temporary:
        generator = open_generator(Path(model), Path(temporary), fold, setting)
        emotions = generator.require_emotions(emotions)
        if generator.signature == "sample":
            return sampled(generator, features, n, emotions, seed)
        if features is None or n is not None:
            raise UsageError(
                f"{generator.name} transforms vectors and samples none: give it features (--features FILE), "
                "no number of samples."
            )
        return transformed(generator, utterances_of(features), emotions)


def open_generator(model: Path, temporary: Path, fold: str | None, setting: str | None) -> Generator:
    """An exported generator, or one of a run, exported to a temporary folder.

    Raises:
        UsageError: a fold or setting of what has only one.
    """
    if (model / "run.toml").is_file():
        return Generator(export_run(model, temporary / "generator", fold, setting), name=model.resolve().name)
    if fold or setting:
        raise UsageError(
            f"{model}: --fold and --setting choose among a run's generators; this is one already."
        )
    return Generator(model)


def sampled(
    generator: Generator, features: object, n: int | None, emotions: Sequence[str], seed: int
) -> Synthetic:
    """Vectors from noise."""
    if features is not None or n is None:
        raise UsageError(
            f"{generator.name} samples vectors and transforms none: give it a number (--samples N), no features."
        )
    if n < 1:
        raise UsageError(f"--samples {n}: at least 1.")
    labels = np.repeat(emotions, n)
    stem = (
        f"{generator.provenance['made_by_paper']}-{generator.card['setting']}-{generator.card['fold']}-{seed}"
    )
    names = [f"{stem}-{label}-{i % n:06d}" for i, label in enumerate(labels)]
    text = {"utterance": np.array(names)}
    text |= {name: np.full(len(labels), "synthetic") for name in ("speaker", "session")}
    x = np.concatenate([generator.sample(label, n, seed) for label in emotions])
    return synthetic(generator, x, text, labels, sample_seed=np.full(len(labels), str(seed)))


def transformed(generator: Generator, given: Utterances, emotions: Sequence[str]) -> Synthetic:
    """Vectors made of others."""
    generator.require_features(given.feature_names, given.where)
    if generator.signature in ("recode", "augment"):
        return remade(generator, given, emotions)
    made = generator.transfer(given.x, emotions)
    labels = np.repeat(emotions, len(given.x))
    text = {name: np.tile(values, len(emotions)) for name, values in given.text.items()}
    sources = text["utterance"]
    text["utterance"] = np.array([f"{name}_{label}" for name, label in zip(sources, labels, strict=True)])
    came_from = {"source_utterance": sources, "source_emotion": text.pop("emotion")}
    return synthetic(generator, np.concatenate([made[name] for name in emotions]), text, labels, **came_from)


def remade(generator: Generator, given: Utterances, emotions: Sequence[str]) -> Synthetic:
    """Vectors remade or carried, each of the emotion that it was of; those of other emotions than these are left out."""
    conditioned = generator.signature == "augment"
    labels = given.text["emotion"]
    if conditioned:
        require_classes(generator, given)
    every = len(emotions) == len(generator.classes)
    rows = slice(None) if every else np.flatnonzero(np.isin(labels, emotions))
    text = {name: values[rows] for name, values in given.text.items()}
    if not len(text["utterance"]):
        raise UsageError(f"{given.where}: no utterance is labelled {' or '.join(emotions)}.")
    sources, labels = text["utterance"], text.pop("emotion")
    x = generator.carry(given.x[rows], labels) if conditioned else generator.recode(given.x[rows])
    ending = "carried" if conditioned else "remade"
    text["utterance"] = np.array([f"{name}_{ending}" for name in sources])
    came_from = {"source_utterance": sources, "source_emotion": labels}
    return synthetic(generator, x, text, labels, **came_from)


def require_classes(generator: Generator, given: Utterances) -> None:
    """Refuses utterances without a label, or with one that the generator does not know.

    Raises:
        UsageError: there are some; the message names the first.
    """
    for name, label in zip(given.text["utterance"].tolist(), given.text["emotion"].tolist(), strict=True):
        if label not in generator.classes:
            fault = f"is labelled {label!r}" if label else "has no label"
            raise UsageError(
                f"{given.where}: utterance {name} {fault}; {generator.name} carries vectors of known emotions to its "
                f"target and needs a column `emotion` with {', '.join(generator.classes)}, or a corpus with the label rule "
                "it was trained with: tfsergan.synthesize(MODEL, tfsergan.load_corpus(NAME, FEATURES, labels=RULE))."
            )


def synthetic(
    generator: Generator,
    x: np.ndarray,
    text: Mapping[str, np.ndarray],
    labels: np.ndarray,
    **came_from: np.ndarray,
) -> Synthetic:
    """Vectors with all their columns."""
    if not np.isfinite(x).all():
        raise TfserganError(
            f"{generator.name}: {np.count_nonzero(~np.isfinite(x).all(axis=1))} of {len(x)} synthetic vectors are not "
            "finite: the vectors given are far from those trained on, or the training diverged."
        )
    constant = {name: np.full(len(x), value) for name, value in generator.provenance.items()}
    columns = {**text, "emotion": labels, **constant, **came_from, "target_emotion": labels}
    return Synthetic(x.astype(np.float32), generator.features, columns)


def utterances_of(features: "str | Path | Corpus | pd.DataFrame") -> Utterances:
    """Vectors as they were given.

    Raises:
        TfserganError: a file with a fault, frames instead of vectors, or a value that is not finite.
    """
    if isinstance(features, str | Path):
        table = catalogue.read_features(Path(features))
        text = {name: getattr(table, name) for name in TEXT[1:]} | {"utterance": table.ids}
        return Utterances(table.x, table.feature_names, in_order(text), str(features))
    if isinstance(features, Corpus):
        x = vectors_of(features)
        names = np.array([*features.classes, ""])
        text = {name: getattr(features, name) for name in TEXT[1:-1]}
        text |= {"utterance": features.ids, "emotion": names[features.emotion]}
        return Utterances(x, features.feature_names, in_order(text), features.name)
    return of_frame(features)


def vectors_of(corpus: Corpus) -> np.ndarray:
    """The vectors (n, d) of a corpus.

    Raises:
        UsageError: it has frames.
    """
    if not isinstance(corpus.x, np.ndarray):
        raise UsageError(f"{corpus.name} as {corpus.features} has frames, and generators take vectors.")
    return corpus.x


def in_order(text: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: text[name] for name in TEXT}


def of_frame(frame: "pd.DataFrame") -> Utterances:
    """The vectors of a data frame."""
    known = [name for name in TEXT[1:] if name in frame.columns]
    given, frame = frame[known], frame.drop(columns=known)
    x = np.asarray(frame, np.float32)
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        row, column = map(int, bad[0])
        raise TfserganError(
            f"the data frame, row {frame.index[row]!r}, column {frame.columns[column]!r}: the value is missing or not "
            "finite. Extract it again, or leave the row out."
        )
    text = {name: np.full(len(x), "") for name in TEXT}
    text["utterance"] = np.array([str(name) for name in frame.index])
    text |= {name: given[name].fillna("").astype(str).to_numpy(str) for name in known}
    return Utterances(x, tuple(map(str, frame.columns)), text, "the data frame")
