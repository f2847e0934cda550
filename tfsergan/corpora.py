"""Corpora as arrays: `load(name)` finds a corpus, builds its TFDS data set once, and reads it."""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from tfsergan import catalogue, manifests, prepared
from tfsergan.catalogue import Found
from tfsergan.errors import TfserganError, UsageError
from tfsergan.files import naming
from tfsergan.label_rules import LabelRule, is_own, label_rule, own_rule
from tfsergan.progress import Report, silent
from tfsergan.ragged import Ragged

COLUMNS = ("x", "ids", "speaker", "session", "gender", "part", *prepared.RATINGS)
"""The arrays of a corpus that come from its examples as they are, one entry an utterance."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """Utterances with their features, emotions and speakers.

    Attributes:
        name: e.g. "iemocap", "demo/labelled".
        features: the feature set, e.g. "is10".
        x: (n, d) float32, raw and finite; of frames, `Ragged`: n arrays (f_i, d).
        feature_names: d names.
        ids: (n,) str, unique; sorted as `load` gives them.
        speaker: (n,) str, "" where unknown.
        session: (n,) str, "" where unknown.
        gender: (n,) str, "female", "male" or "".
        part: (n,) str, how an utterance came about, such as "improvised" or "scripted"; "" where unknown.
        valence, activation, dominance: (n,) float32, means over raters on the corpus's scale; NaN where unknown.
        classes: the emotions' names; () when unlabelled.
        emotion: (n,) int32, index into `classes`; -1 everywhere when unlabelled.
        fingerprint: 16 hex digits of the SHA-256 of all of this but the names of corpus and set.
        variants: the same utterances as other feature sets, such as frames at other speeds, by its name.
        ratings: (n,) float32 each, the corpus's own ratings by their name, such as CMU-MOSEI's of six emotions.
    """

    name: str
    features: str
    x: np.ndarray | Ragged
    feature_names: tuple[str, ...]
    ids: np.ndarray
    speaker: np.ndarray
    session: np.ndarray
    gender: np.ndarray
    part: np.ndarray
    valence: np.ndarray
    activation: np.ndarray
    dominance: np.ndarray
    classes: tuple[str, ...]
    emotion: np.ndarray
    fingerprint: str
    variants: Mapping[str, np.ndarray | Ragged] = field(default_factory=dict)
    ratings: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        counts = np.bincount(self.emotion, minlength=len(self.classes)) if self.classes else ()
        classes = ", ".join(f"{name} {n}" for name, n in zip(self.classes, counts, strict=True))
        return (
            f"Corpus({self.name!r}, {self.features} {self.x.shape}, {classes or 'unlabelled'}; "
            f"{len({*self.speaker} - {''})} speakers, {len({*self.session} - {''})} sessions; "
            f"{self.fingerprint})"
        )

    def select(self, which: np.ndarray | list[int] | slice) -> "Corpus":
        """The utterances at these row numbers, in their order, or where this mask is true.

        Raises:
            IndexError: a row number is out of range, or the mask has another length.
            ValueError: a row number is there twice.
        """
        rows = np.arange(len(self))[which]
        if len(np.unique(rows)) != len(rows):
            raise ValueError(f"{self.name}: a row is selected twice; utterances are unique")
        part = {name: getattr(self, name)[rows] for name in ("emotion", *COLUMNS)}
        for name in ("variants", "ratings"):
            part[name] = {key: values[rows] for key, values in getattr(self, name).items()}
        return replace(self, **part, fingerprint=_fingerprint(self.classes, self.feature_names, **part))


def load(
    name: str,
    features: str = "is10",
    labels: str | None = "four_class",
    *,
    variants: Sequence[str] = (),
    manual_dir: str | Path | None = None,
    data_dir: str | Path | None = None,
    allow_partial: bool = False,
    jobs: int | None = None,
    report: Report = silent,
) -> Corpus:
    """Load a corpus, preparing it first where that has not been done or its source has changed.

    Args:
        name: "demo/labelled", "demo/source", "demo/cross", or a folder's name in the manual dir. There, a
            feature table `<features>.{parquet,csv,arff}` is read; without one, audio in the layout of a
            corpus that has a builder, e.g. emodb, or audio with a table `metadata.{csv,parquet}`.
        features: feature set, e.g. "is10".
        labels: rule in `label_rules.toml`, the package's or one in the corpus's folder; "own": each of the corpus's
            own labels is a class; "angry=W,bored=L+E": these classes of its labels, and no others; None leaves the
            corpus unlabelled.
        variants: further feature sets of the same utterances, e.g. "logmel-0.9".
        manual_dir: folder of corpora; TFSERGAN_MANUAL_DIR if None.
        data_dir: folder of prepared data; TFDS_DATA_DIR if None, else TFDS's default.
        allow_partial: accept a corpus that is not whole, and other utterances than the published ones.
        jobs: processes that extract features; all cores if None.
        report: told about preparation as it goes on.

    Raises:
        UsageError: no such corpus, feature set or rule, or no such manual dir.
        CorpusNotFound: a known corpus that is not in the manual dir.
        TfserganError: the corpus has a fault; the message names file, utterance, column and remedy.

    >>> load("demo/labelled")  # doctest: +SKIP
    Corpus('demo/labelled', is10 (480, 1582), angry 120, happy 120, neutral 120, sad 120; 10 speakers, 5 sessions; ...)
    """
    own = labels if labels and is_own(labels) else ""
    found = catalogue.find(name, features, catalogue.manual_folder(manual_dir))
    rule = None if labels is None or own else label_rule(name.partition("/")[0], labels, found.folder)
    root = catalogue.data_folder(data_dir)
    _require_whole(found, allow_partial)
    examples = _read(found, root, allow_partial, jobs, report)
    if own:
        rule = own_rule(own, name, examples.emotion, found.where)
    emotion = _classes(examples, rule, found.where, allow_partial)
    rows = emotion >= 0 if rule else slice(None)
    classes = rule.classes if rule else ()
    arrays = {name: getattr(examples, name)[rows] for name in COLUMNS} | {"emotion": emotion[rows]}
    arrays["ratings"] = {name: values[rows] for name, values in examples.ratings.items()}
    arrays["variants"] = {}
    for variant in variants:
        other = catalogue.find(name, variant, catalogue.manual_folder(manual_dir))
        again = _read(other, root, allow_partial, jobs, report)
        if not np.array_equal(again.ids, examples.ids):
            raise TfserganError(
                f"{found.where} as {variant} has other utterances than as {features}. Remove "
                f"{other.built_in(root)} and {found.built_in(root)}; the next run builds them again."
            )
        arrays["variants"][variant] = again.x[rows]
    return Corpus(
        name=name,
        features=features,
        feature_names=examples.feature_names,
        classes=classes,
        fingerprint=_fingerprint(classes, examples.feature_names, **arrays),
        **arrays,
    )


def _read(
    found: Found, root: Path, allow_partial: bool, jobs: int | None, report: Report
) -> prepared.Examples:
    """The examples of a corpus's data set, which is built where that has not been done."""
    examples = prepared.read(
        lambda: found.make_builder(root, allow_partial, jobs),
        found.built_in(root),
        found.digest(),
        found.split,
        manual_dir=found.manual_dir,
        report=report,
    )
    _check(examples, found.where)
    return examples


def prepare(
    name: str,
    features: str = "is10",
    *,
    manual_dir: str | Path | None = None,
    data_dir: str | Path | None = None,
    allow_partial: bool = False,
    jobs: int | None = None,
    beam: str | None = None,
    report: Report = silent,
) -> bool:
    """Build a corpus's data set, as `load` would, without reading it; `audio` can be built, too.

    Args and errors are those of `load`, and beyond them:

    Args:
        beam: pipeline options of Apache Beam, which then extracts the features.

    Raises:
        UsageError: `beam` is given, and nothing is to be extracted.

    Returns:
        Whether there was anything to do.
    """
    found = catalogue.find(name, features, catalogue.manual_folder(manual_dir))
    if beam is not None and (found.table or features == "audio"):
        raise UsageError(f"{found.where} as {features} needs no extraction: leave out the options of Beam.")
    root = catalogue.data_folder(data_dir)
    _require_whole(found, allow_partial)
    return prepared.build(
        lambda: found.make_builder(root, allow_partial, jobs, beam),
        found.built_in(root),
        found.digest(),
        manual_dir=found.manual_dir,
        report=report,
    )


def save(corpus: Corpus, file: Path) -> None:
    """Writes a loaded corpus as it is, for other processes of a run.

    Raises:
        OSError: the file cannot be written; names it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with naming(file):
        joblib.dump(corpus, file)


@functools.lru_cache(maxsize=16)
def restore(file: Path) -> Corpus:
    """What `save` wrote; arrays stay on disk, so that processes of one machine share them in memory."""
    return joblib.load(file, mmap_mode="r")


def is_prepared(
    name: str,
    features: str = "is10",
    *,
    manual_dir: str | Path | None = None,
    data_dir: str | Path | None = None,
) -> bool:
    """Whether a corpus's data set is built and up to date; needs no TensorFlow. Errors are those of `load`."""
    found = catalogue.find(name, features, catalogue.manual_folder(manual_dir))
    return found.is_built(catalogue.data_folder(data_dir))


def _require_whole(found: Found, allow_partial: bool) -> None:
    """Refuses a corpus whose own files are not all there, even if a part of it was once prepared on purpose."""
    if not allow_partial and (scan := found.scan()) and scan.utterances:
        scan.require_whole()


def _classes(
    examples: prepared.Examples, rule: LabelRule | None, where: str, allow_partial: bool
) -> np.ndarray:
    """The class index (n,) of each example, -1 where the rule drops it or there is no rule."""
    if rule is None:
        return np.full(len(examples.ids), -1, np.int32)
    manifest = manifests.load(*rule.name.split("/"))
    columns = {name: getattr(examples, name) for name in ("ids", rule.of)}
    indices = rule.apply(columns, where, allow_partial=allow_partial, manifest=manifest)
    if manifest and not allow_partial:
        kept = indices >= 0
        manifest.require(examples.ids[kept], examples.session[kept], where)
    return indices


def _fingerprint(classes: Sequence[str], feature_names: Sequence[str], **arrays: Any) -> str:
    digest = hashlib.sha256()
    labels = [*classes, ""]  # -1, unlabelled, is the last
    text = [arrays["ids"], [labels[i] for i in arrays["emotion"]]]
    text += [arrays[name] for name in ("speaker", "session", "gender", "part")]
    for column in (*text, classes, feature_names):
        digest.update("\0".join(column).encode() + b"\1")
    own = [*arrays["variants"].values(), *arrays["ratings"].values()]
    for values in (arrays["x"], *(arrays[name] for name in prepared.RATINGS), *own):
        if isinstance(values, Ragged):
            digest.update(np.ascontiguousarray(values.lengths, "<i8").data)
            values = values.values
        digest.update(np.ascontiguousarray(values, "<f4").data)
    return digest.hexdigest()[:16]


def _check(examples: prepared.Examples, where: str) -> None:
    """What every builder promises; a builder of audio learns it only by extraction."""
    again = "Mend or remove its source file and run again."
    x = examples.x
    bad = not_finite(x.values if isinstance(x, Ragged) else x)
    if isinstance(x, Ragged):
        bad[:, 0] = x.owners[bad[:, 0]]
    if len(bad):
        i, j = bad[0]
        raise TfserganError(
            f"{where}, utterance {str(examples.ids[i])!r}, column {examples.feature_names[j]!r}: "
            f"{len(bad)} values of {len(np.unique(bad[:, 0]))} utterances are not finite. {again}"
        )
    repeated = examples.ids[1:][examples.ids[1:] == examples.ids[:-1]]
    if len(repeated):
        raise TfserganError(f"{where}: the utterance {str(repeated[0])!r} is there twice. {again}")


def not_finite(values: np.ndarray, rows: int = 8192) -> np.ndarray:
    """Where in an array (n, d) there is NaN or infinity: (k, 2) rows and columns. So many rows at a time."""
    parts = [
        np.argwhere(~np.isfinite(values[i : i + rows])) + np.array([i, 0])
        for i in range(0, len(values), rows)
    ]
    return np.concatenate([np.empty((0, 2), int), *parts])
