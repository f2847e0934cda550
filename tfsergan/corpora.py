"""Corpora as arrays: `load(name)` finds a corpus, builds its TFDS data set once, and reads it."""

import difflib
import functools
import hashlib
import importlib
import importlib.util
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tfsergan import prepared
from tfsergan.datasets.feature_table import tables
from tfsergan.errors import CorpusNotFound, TfserganError, UsageError
from tfsergan.features.functionals import FEATURE_SETS
from tfsergan.label_rules import LabelRule, label_rule
from tfsergan.progress import Report, silent

COLUMNS = ("x", "ids", "speaker", "session", "gender", "part", *prepared.RATINGS)
"""The arrays of a corpus that come from its examples as they are, one entry an utterance."""

DEMO_PARTS = ("labelled", "source", "cross")

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, eq=False)
class Corpus:
    """Utterances with their features, emotions and speakers.

    Attributes:
        name: e.g. "iemocap", "demo/labelled".
        features: the feature set, e.g. "is10".
        x: (n, d) float32, raw and finite.
        feature_names: d names.
        ids: (n,) str, unique; sorted as `load` gives them.
        speaker: (n,) str, "" where unknown.
        session: (n,) str, "" where unknown.
        gender: (n,) str, "female", "male" or "".
        part: (n,) str, how an utterance came about, such as "improvised" or "scripted"; "" where unknown.
        valence, activation, dominance: (n,) float32, means over raters on the corpus's scale; NaN where unknown.
        classes: the emotions' names; () when unlabelled.
        emotion: (n,) int32, index into `classes`; -1 everywhere when unlabelled.
        fingerprint: 16 hex digits of the SHA-256 of all of the above but the names of corpus and set.
    """

    name: str
    features: str
    x: np.ndarray
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
        return replace(self, **part, fingerprint=_fingerprint(self.classes, self.feature_names, **part))


def load(
    name: str,
    features: str = "is10",
    labels: str | None = "four_class",
    *,
    manual_dir: str | Path | None = None,
    data_dir: str | Path | None = None,
    allow_partial: bool = False,
    report: Report = silent,
) -> Corpus:
    """Load a corpus, preparing it first where that has not been done or its source has changed.

    Args:
        name: "demo/labelled", "demo/source", "demo/cross", or a folder's name in the manual dir. There, a
            feature table `<features>.{parquet,csv,arff}` is read; without one, audio in the layout of a
            corpus that has a builder, e.g. emodb.
        features: feature set, e.g. "is10".
        labels: rule in `label_rules.toml`; None leaves the corpus unlabelled.
        manual_dir: folder of corpora; TFSERGAN_MANUAL_DIR if None.
        data_dir: folder of prepared data; TFDS_DATA_DIR if None, else TFDS's default.
        allow_partial: accept fewer or more utterances than the rule's published counts.

    Raises:
        UsageError: no such corpus, feature set or rule, or no such manual dir.
        CorpusNotFound: a known corpus that is not in the manual dir.
        TfserganError: the corpus has a fault; the message names file, utterance, column and remedy.
    """
    rule = label_rule(name.partition("/")[0], labels) if labels is not None else None
    source = _find(name, features, _manual_dir(manual_dir))
    root = Path(data_dir).expanduser() if data_dir else prepared.default_data_dir()
    make_builder, folder = _builder(source, root, allow_partial)
    examples = prepared.read(
        make_builder, folder, source.digest(), source.split, manual_dir=source.manual_dir, report=report
    )
    _check(examples, source)
    emotion = _emotion(examples, rule, source, allow_partial)
    rows = emotion >= 0 if rule else slice(None)
    classes = rule.classes if rule else ()
    arrays = {name: getattr(examples, name)[rows] for name in COLUMNS} | {"emotion": emotion[rows]}
    return Corpus(
        name=name,
        features=features,
        feature_names=examples.feature_names,
        classes=classes,
        fingerprint=_fingerprint(classes, examples.feature_names, **arrays),
        **arrays,
    )


def _emotion(
    examples: prepared.Examples, rule: LabelRule | None, source: "_Source", allow_partial: bool
) -> np.ndarray:
    """The class index (n,) of each example, -1 where the rule drops it or there is no rule."""
    if rule is None:
        return np.full(len(examples.ids), -1, np.int32)
    if not any(examples.emotion):
        raise TfserganError(
            f"{source.where} has no emotions: add a column 'emotion', or use the corpus as an unlabelled "
            "source (labels=None)."
        )
    return rule.apply(examples.emotion, examples.ids, source.where, allow_partial=allow_partial)


def _fingerprint(classes: Sequence[str], feature_names: Sequence[str], **arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    labels = [*classes, ""]  # -1, unlabelled, is the last
    text = [arrays["ids"], [labels[i] for i in arrays["emotion"]]]
    text += [arrays[name] for name in ("speaker", "session", "gender", "part")]
    for column in (*text, classes, feature_names):
        digest.update("\0".join(column).encode() + b"\1")
    for name in ("x", *prepared.RATINGS):
        digest.update(np.ascontiguousarray(arrays[name], "<f4"))
    return digest.hexdigest()[:16]


def _check(examples: prepared.Examples, source: "_Source") -> None:
    """What every builder promises; a builder of audio learns it only by extraction."""
    again = "Mend or remove its source file and run again."
    bad = np.argwhere(~np.isfinite(examples.x))
    if len(bad):
        i, j = bad[0]
        raise TfserganError(
            f"{source.where}, utterance {str(examples.ids[i])!r}, column {examples.feature_names[j]!r}: "
            f"{len(bad)} values of {len(np.unique(bad[:, 0]))} utterances are not finite. {again}"
        )
    repeated = examples.ids[1:][examples.ids[1:] == examples.ids[:-1]]
    if len(repeated):
        raise TfserganError(f"{source.where}: the utterance {str(repeated[0])!r} is there twice. {again}")


# ---- where a corpus is ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Source:
    """A corpus that was found."""

    corpus: str
    features: str
    builder: str  # the builder's folder in tfsergan.datasets
    config: str
    split: str | None
    where: str  # file or folder, for messages
    digest: Callable[[], str]  # of the source files
    manual_dir: Path | None = None
    table: Path | None = None


def _manual_dir(manual_dir: str | Path | None) -> Path | None:
    given = manual_dir or os.environ.get("TFSERGAN_MANUAL_DIR")
    if not given:
        return None
    path = Path(given).expanduser()
    if not path.is_dir():
        origin = "--manual-dir" if manual_dir else "TFSERGAN_MANUAL_DIR"
        raise UsageError(
            f"The folder of corpora {path} ({origin}) does not exist. Create it, or name another."
        )
    return path.resolve()


def _find(name: str, features: str, manual_dir: Path | None) -> _Source:
    if name == "demo" or name.startswith("demo/"):
        return _demo_source(name, features)
    folder = manual_dir / name if manual_dir else None
    present = bool(_NAME.fullmatch(name) and folder and folder.is_dir())
    if not present and name not in KNOWN:
        _refuse_unknown(name, manual_dir)
    if not _NAME.fullmatch(features):
        raise UsageError(f"{features!r} is no name of a feature set: is10, for example, is one.")
    if present:
        table = tables.find_table(folder, features)
        if table:
            return _Source(
                corpus=name,
                features=features,
                builder="feature_table",
                config=f"{name}-{features}",
                split=None,
                where=str(table),
                digest=functools.partial(prepared.contents_digest, table),
                table=table,
            )
        if _has_builder(name) and _has_audio(folder):
            return _Source(
                corpus=name,
                features=features,
                builder=name,
                config=features,
                split=None,
                where=str(folder),
                digest=functools.partial(prepared.folder_digest, folder),
                manual_dir=manual_dir,
            )
    raise CorpusNotFound(_not_found(name, features, folder))


def _demo_source(name: str, features: str) -> _Source:
    part = name.partition("/")[2]
    if part not in DEMO_PARTS:
        parts = ", ".join(f"demo/{known}" for known in DEMO_PARTS)
        raise UsageError(f"There is no corpus {name!r}: the demo has the parts {parts}.")
    return _Source("demo", features, "demo_speech", features, part, name, digest=lambda: "synthesised")


def _has_builder(name: str) -> bool:
    return name in KNOWN and bool(importlib.util.find_spec(f"tfsergan.datasets.{name}"))


def _has_audio(folder: Path) -> bool:
    return any(path.suffix.lower() in (".wav", ".flac", ".sph") for path in folder.rglob("*"))


def _refuse_unknown(name: str, manual_dir: Path | None) -> None:
    names = [*KNOWN, *(f"demo/{part}" for part in DEMO_PARTS)]
    names += [status.name for status in _generic(manual_dir, None)] if manual_dir else []
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    looked = f"no folder in {manual_dir}" if manual_dir else "no folder of corpora was given (--manual-dir)"
    raise UsageError(
        f"There is no corpus {name!r}: it is not a known corpus, and there is {looked} of that name. "
        + (f"Did you mean {' or '.join(close)}? " if close else f"Known are {', '.join(sorted(names))}. ")
        + "`tfsergan data list` lists them all."
    )


def _not_found(name: str, features: str, folder: Path | None) -> str:
    """The message of CorpusNotFound: where it was looked for, what was expected, what to do."""
    known = KNOWN.get(name)
    layouts = [f"{name}/{features}.parquet (or .csv, .arff)"]
    if known and _has_builder(name):
        layouts.append(known.layout)
    if folder is None:
        looked = "no folder of corpora was given: name one with --manual-dir or TFSERGAN_MANUAL_DIR"
    elif not folder.is_dir():
        looked = f"there is no folder {folder}"
    else:
        found = sorted(path.name for path in folder.iterdir())
        shown = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
        looked = f"{folder} holds {shown or 'nothing'}"
    return (
        f"The corpus {name} with the features {features} was not found: {looked}. Expected in the folder of "
        f"corpora: {' or '.join(layouts)}."
        + (f" Ask for the corpus at {known.url} ({known.licence})." if known else "")
        + " Next: `tfsergan data list`."
    )


def _builder(source: _Source, root: Path, allow_partial: bool) -> tuple[Callable, Path]:
    """Make the builder of a source, and tell the folder that it builds in."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    module = importlib.import_module(f"tfsergan.datasets.{source.builder}.{source.builder}_dataset_builder")
    cls = module.Builder
    if source.table:
        config = module.FeatureTableConfig(name=source.config, table=str(source.table))
    else:
        config = source.config
        configs = [known.name for known in cls.BUILDER_CONFIGS if known.name != "audio"]
        if config not in configs:
            raise UsageError(
                f"{source.corpus} has no features {source.features!r}: it has {', '.join(sorted(configs))}."
            )
    folder = root / cls.name / source.config / str(cls.VERSION)

    def make():
        builder = cls(config=config, data_dir=root)
        builder.allow_partial = allow_partial
        return builder

    return make, folder


# ---- what there is --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KnownCorpus:
    """A corpus that papers use, and how to come by it."""

    description: str
    licence: str
    url: str
    layout: str = ""  # of its audio, where a builder reads that


KNOWN = {
    "iemocap": KnownCorpus(
        "labelled: English dyads, 10 actors in 5 sessions, 12 h",
        "research licence, signed form",
        "https://sail.usc.edu/iemocap/iemocap_release.htm",
    ),
    "msp_improv": KnownCorpus(
        "labelled, cross-corpus: English improvised dyads, 12 actors in 6 sessions",
        "research licence, signed form",
        "https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Improv.html",
    ),
    "emodb": KnownCorpus(
        "labelled: German acted sentences, 10 speakers, 535 utterances",
        "free for research",
        "http://emodb.bilderbar.info/",
        "emodb/wav/*.wav",
    ),
    "tedlium": KnownCorpus(
        "source, unlabelled: English TED talks, release 2",
        "CC BY-NC-ND 3.0",
        "https://www.openslr.org/19/",
    ),
    "librispeech_test_clean": KnownCorpus(
        "source, unlabelled: English read speech, 40 speakers, 5.4 h",
        "CC BY 4.0",
        "https://www.openslr.org/12/",
    ),
}
DEMO = KnownCorpus(
    "labelled, source, cross: speech synthesised on the spot; needs no files",
    "Apache-2.0",
    "pip install 'tfsergan[demo]'",
)


@dataclass(frozen=True)
class CorpusStatus:
    """One row of `tfsergan data list`."""

    name: str
    description: str  # begins with the roles that it can play, for the known corpora
    licence: str
    url: str  # where to get it
    present: bool  # its files are in the manual dir; of the demo: it is built, or can be
    prepared: bool  # a feature set of it is built and up to date
    features: tuple[str, ...]  # the sets that it has tables of
    path: Path | None  # its folder, None where no manual dir was given


def status(manual_dir: str | Path | None = None, data_dir: str | Path | None = None) -> list[CorpusStatus]:
    """The demo, the known corpora, and every other folder of the manual dir that holds a feature table.

    Args:
        manual_dir: folder of corpora; TFSERGAN_MANUAL_DIR if None.
        data_dir: folder of prepared data; TFDS_DATA_DIR if None, else TFDS's default.
    """
    manual = _manual_dir(manual_dir)
    data = Path(data_dir).expanduser() if data_dir else prepared.default_data_dir()
    built = any((data / "demo_speech").glob(f"*/*/{prepared.SOURCES}"))
    can_build = all(importlib.util.find_spec(module) for module in ("espeakng_loader", "opensmile"))
    rows = [
        CorpusStatus("demo", DEMO.description, DEMO.licence, DEMO.url, built or can_build, built, (), None)
    ]
    rows += [_status(name, known, manual, data) for name, known in KNOWN.items()]
    return rows + (_generic(manual, data) if manual else [])


def _generic(manual_dir: Path, data_dir: Path | None) -> list[CorpusStatus]:
    unknown = KnownCorpus("a corpus of your own", "", "")
    names = sorted(path.name for path in manual_dir.iterdir() if _NAME.fullmatch(path.name))
    rows = [_status(name, unknown, manual_dir, data_dir) for name in names if name not in (*KNOWN, "demo")]
    return [row for row in rows if row.present]


def _is_table(path: Path) -> bool:
    """Whether a file is a feature table by its name, or else by its header."""
    if path.suffix not in tables.SUFFIXES:
        return False
    try:
        return path.stem in FEATURE_SETS or bool(tables.feature_names(path))
    except TfserganError:
        return False


def _status(name: str, known: KnownCorpus, manual_dir: Path | None, data_dir: Path | None) -> CorpusStatus:
    folder = manual_dir / name if manual_dir else None
    files = sorted(folder.iterdir()) if folder and folder.is_dir() else []
    found = [path for path in files if _is_table(path)]
    digests = [
        (f"feature_table/{name}-{path.stem}", lambda path=path: prepared.contents_digest(path))
        for path in found
    ]
    audio = bool(folder) and _has_builder(name) and _has_audio(folder)
    if audio:
        digests.append((f"{name}/*", functools.partial(prepared.folder_digest, folder)))
    is_prepared = data_dir is not None and any(
        prepared.is_current(built.parent, digest())
        for pattern, digest in digests
        for built in data_dir.glob(f"{pattern}/*/{prepared.SOURCES}")
    )
    return CorpusStatus(
        name=name,
        description=known.description,
        licence=known.licence,
        url=known.url,
        present=bool(found) or audio,
        prepared=is_prepared,
        features=tuple(path.stem for path in found),
        path=folder,
    )
