"""Which corpora there are and where to ask for them; where each one is, and which builder reads it."""

import difflib
import functools
import importlib
import importlib.util
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tfsergan import prepared
from tfsergan.datasets.feature_table import tables
from tfsergan.datasets.layout import Scan
from tfsergan.datasets.metadata import AUDIO_SUFFIXES
from tfsergan.datasets.metadata import NAMES as METADATA
from tfsergan.errors import CorpusNotFound, TfserganError, UsageError
from tfsergan.features import extraction

DEMO_PARTS = ("labelled", "source", "cross")

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_VERSION = re.compile(r'^    VERSION = tfds\.core\.Version\("([^"]+)"\)', re.MULTILINE)


@dataclass(frozen=True)
class KnownCorpus:
    """A corpus that papers use, and how to come by it."""

    description: str
    licence: str
    url: str


KNOWN = {
    "iemocap": KnownCorpus(
        "labelled: English dyads, 10 actors in 5 sessions, 12 h",
        "research licence, signed form",
        "https://sail.usc.edu/iemocap/iemocap_release.htm",
    ),
    "msp_improv": KnownCorpus(
        "labelled, cross: English improvised dyads, 12 actors in 6 sessions",
        "research licence, signed form",
        "https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Improv.html",
    ),
    "creative_it": KnownCorpus(
        "labelled, cross: English theatrical improvisation, 16 actors, rated continuously",
        "research licence, signed form",
        "https://sail.usc.edu/CreativeIT/",
    ),
    "emodb": KnownCorpus(
        "labelled, cross: German acted sentences, 10 speakers, 535 utterances",
        "free for research",
        "http://emodb.bilderbar.info/",
    ),
    "ravdess": KnownCorpus(
        "labelled, cross: English acted sentences, 24 actors, 1440 utterances",
        "CC BY-NC-SA 4.0",
        "https://zenodo.org/record/1188976",
    ),
    "cmu_mosei": KnownCorpus(
        "cross: English video monologues, six emotion ratings, 23 259 segments",
        "research use",
        "http://multicomp.cs.cmu.edu/resources/cmu-mosei-dataset/",
    ),
    "tedlium": KnownCorpus(
        "source, unlabelled: English TED talks, release 2, 207 h",
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
OWN = KnownCorpus("a corpus of your own", "", "")


# ---- finding one ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """A corpus that was found, in one of the forms that there are.

    Attributes:
        corpus, features: names.
        builder: the builder's folder in tfsergan.datasets.
        config: the builder's config.
        where: file or folder, for messages.
        digest: gives the digest of the source files.
        folder: the corpus's; None of the demo.
        split: the set's; None for the only one.
        table: the feature table, where it is one.
    """

    corpus: str
    features: str
    builder: str
    config: str
    where: str
    digest: Callable[[], str]
    folder: Path | None = None
    split: str | None = None
    table: Path | None = None

    @property
    def manual_dir(self) -> Path | None:
        """The folder of corpora, where the builder reads it itself."""
        return self.folder.parent if self.folder and not self.table else None

    def scan(self) -> Scan | None:
        """What the corpus's own files say; None of a feature table and of the demo.

        Raises:
            TfserganError: a file that all depends on is wrong.
        """
        return layout_of(self.builder).scan(self.folder) if self.manual_dir else None

    def built_in(self, root: Path) -> Path:
        """The folder that its data set is built in, below that of all prepared data."""
        return root / self.builder / self.config / version(self.builder)

    def is_built(self, root: Path) -> bool:
        """Whether that is done, and its source has not changed since."""
        folder = self.built_in(root)
        return (folder / prepared.SOURCES).is_file() and prepared.is_current(folder, self.digest())

    def make_builder(
        self, root: Path, allow_partial: bool = False, jobs: int | None = None, beam: str | None = None
    ) -> Any:
        """Its TFDS builder; the arguments are those of `corpora.prepare`.

        Raises:
            TfserganError: the feature table's header is wrong.
        """
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        module = importlib.import_module(f"tfsergan.datasets.{self.builder}.{self.builder}_dataset_builder")
        builder = module.Builder(config=self._config(module), data_dir=root)
        builder.allow_partial = allow_partial
        builder.beam = beam
        if jobs:
            builder.jobs = jobs
        return builder

    def _config(self, module: ModuleType) -> Any:
        if self.builder == "feature_table":
            return module.FeatureTableConfig(name=self.config, table=str(self.table))
        if self.builder == "folder":
            return module.FolderConfig(name=self.config, corpus=self.corpus, features=self.features)
        if self.config not in module.Builder.builder_configs:  # frames at another speed
            return module.Builder.config_of(self.features)
        return self.config


def manual_folder(manual_dir: str | Path | None) -> Path | None:
    """The folder of corpora: as given, else TFSERGAN_MANUAL_DIR; None where neither is.

    Raises:
        UsageError: it does not exist.
    """
    given = manual_dir or os.environ.get("TFSERGAN_MANUAL_DIR")
    if not given:
        return None
    path = Path(given).expanduser()
    if not path.is_dir():
        raise UsageError(
            f"The folder of corpora {path} does not exist: create it, or name another with --manual-dir or "
            "TFSERGAN_MANUAL_DIR."
        )
    return path.resolve()


def data_folder(data_dir: str | Path | None) -> Path:
    """The folder of prepared data: as given, else TFDS_DATA_DIR, else TFDS's default."""
    return Path(data_dir).expanduser() if data_dir else prepared.default_data_dir()


def find(name: str, features: str, manual_dir: Path | None) -> Found:
    """A corpus by its name, in the form that has these features.

    In its folder, a feature table of that set comes first, then the corpus's own layout where there is a builder
    for it, then audio described by `METADATA`.

    Raises:
        UsageError: no such corpus, or no name of a feature set.
        CorpusNotFound: a known corpus that is not there, or a folder that holds none of these.
        TfserganError: the set is there in two formats.
    """
    if name == "demo" or name.startswith("demo/"):
        return _demo(name, features)
    folder = corpus_folder(name, manual_dir)
    if not _NAME.fullmatch(features):
        raise UsageError(f"{features!r} is no name of a feature set: is10, for example, is one.")
    if folder and folder.is_dir():
        if table := tables.find_table(folder, features):
            return in_table(name, table)
        if in_audio := of_audio(name, folder, features):
            _require_features(name, features)
            return in_audio
    raise CorpusNotFound(not_found(name, features, folder))


def read_features(path: Path) -> tables.FeatureTable:
    """One feature table by its file, wherever it lies.

    Raises:
        UsageError: no such file, or no name of a feature table.
        TfserganError: anything is wrong with it; the message names row, utterance, column and remedy.
    """
    if not path.is_file() or path.suffix not in tables.SUFFIXES:
        what = "there is no such file" if not path.is_file() else "this is no feature table"
        raise UsageError(f"{path}: {what}; expected one of {', '.join(tables.SUFFIXES)}.")
    return tables.read_table(path)


def corpus_folder(name: str, manual_dir: Path | None) -> Path | None:
    """The folder of a corpus, there or not; None where no folder of corpora was given.

    Raises:
        UsageError: neither a known corpus nor a folder there.
    """
    folder = manual_dir / name if manual_dir and _NAME.fullmatch(name) else None
    if name not in KNOWN and not (folder and folder.is_dir()):
        _refuse_unknown(name, manual_dir)
    return folder


def in_table(name: str, table: Path) -> Found:
    """A corpus in a feature table."""
    return Found(
        corpus=name,
        features=table.stem,
        builder="feature_table",
        config=f"{name}-{table.stem}",
        where=str(table),
        digest=functools.cache(functools.partial(_table_digest, table)),
        folder=table.parent,
        table=table,
    )


def _table_digest(table: Path) -> str:
    """Of a feature table and of the metadata beside it that it needs."""
    digests = [prepared.contents_digest(path) for path in tables.sources(table)]
    return digests[0] if len(digests) == 1 else "-".join(digests)


def of_audio(name: str, folder: Path, features: str) -> Found | None:
    """A corpus of audio: in its own layout, or described by a metadata table; None where it is neither."""
    own = has_builder(name)
    described = any((folder / metadata).is_file() for metadata in METADATA)
    if not (own or described) or not has_audio(folder):
        return None
    return Found(
        corpus=name,
        features=features,
        builder=name if own else "folder",
        config=features if own else f"{name}-{features}",
        where=str(folder),
        digest=functools.cache(functools.partial(prepared.folder_digest, folder)),
        folder=folder,
    )


def _demo(name: str, features: str) -> Found:
    part = name.partition("/")[2]
    if part not in DEMO_PARTS:
        parts = ", ".join(f"demo/{known}" for known in DEMO_PARTS)
        raise UsageError(f"There is no corpus {name!r}: the demo has the parts {parts}.")
    _require_features("demo", features)
    return Found("demo", features, "demo_speech", features, name, digest=lambda: "synthesised", split=part)


def _require_features(name: str, features: str) -> None:
    """Refuses features that cannot be extracted from audio."""
    if not extraction.is_known(features):
        known = ", ".join(sorted(extraction.FEATURES))
        raise UsageError(f"{name} has no features {features!r}: it has {known}.")


def has_builder(name: str) -> bool:
    """Whether a builder reads this corpus's own layout."""
    return name in KNOWN and bool(importlib.util.find_spec(f"tfsergan.datasets.{name}"))


def layout_of(builder: str) -> ModuleType:
    """The module that reads a builder's layout; it needs no TensorFlow."""
    return importlib.import_module(f"tfsergan.datasets.{builder}.layout")


def readme(builder: str) -> Path:
    """The file that leads from an archive to a prepared corpus."""
    return _source(f"{builder}.layout").with_name("README.md")


def _source(module: str) -> Path:
    """The file of a module of the builders, which is not imported."""
    spec = importlib.util.find_spec(f"tfsergan.datasets.{module}")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"tfsergan.datasets.{module}")
    return Path(spec.origin)


@functools.cache
def version(builder: str) -> str:
    """A builder's version, read from its source, because importing it may bring in TensorFlow."""
    return _VERSION.findall(_source(f"{builder}.{builder}_dataset_builder").read_text(encoding="utf-8"))[0]


def has_audio(folder: Path) -> bool:
    """Whether there is an audio file anywhere under a folder; links are followed, but in no circle."""
    return any(Path(name).suffix.lower() in AUDIO_SUFFIXES for name in _file_names(folder))


def _file_names(folder: Path) -> Iterator[str]:
    seen = set()
    for path, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(path)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from files


def _refuse_unknown(name: str, manual_dir: Path | None) -> None:
    names = [*KNOWN, *(f"demo/{part}" for part in DEMO_PARTS)]
    names += own_names(manual_dir) if manual_dir else []
    close = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    given = f"there is no folder of that name in {manual_dir}"
    looked = given if manual_dir else "no folder of corpora was given (--manual-dir) that might have it"
    raise UsageError(
        f"There is no corpus {name!r}: it is not a known corpus, and {looked}. "
        + (f"Did you mean {' or '.join(close)}? " if close else f"Known are {', '.join(sorted(names))}. ")
        + "`tfsergan data list` lists them all."
    )


def not_found(name: str, features: str, folder: Path | None) -> str:
    """The message of CorpusNotFound: where it was looked for, what was expected, what to do."""
    known = KNOWN.get(name, OWN)
    expected = [f"{name}/{features}.parquet (or .csv, .arff)"]
    expected.append(layout_of(name).LAYOUT if has_builder(name) else f"{name}/{METADATA[0]} beside audio")
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
        f"corpora: {' or '.join(expected)}."
        + (f" Ask for the corpus at {known.url} ({known.licence})." if known.url else "")
        + (f" Step by step: {readme(name)}." if has_builder(name) else "")
        + f" Next: `tfsergan data {f'check {name}' if folder and any(forms(name, folder)) else 'list'}`."
    )


# ---- what there is --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CorpusStatus:
    """One row of `tfsergan data list`."""

    name: str
    description: str  # begins with the roles that it can play, for the known corpora
    licence: str
    url: str  # where to get it
    forms: tuple[
        str, ...
    ]  # what is in the folder of corpora: "audio", "is10.parquet"; of the demo "built in"
    prepared: tuple[str, ...]  # the feature sets that are built and up to date
    path: Path | None  # its folder, None where no manual dir was given

    @property
    def present(self) -> bool:
        """Whether it can be loaded."""
        return bool(self.forms)


def status(manual_dir: str | Path | None = None, data_dir: str | Path | None = None) -> list[CorpusStatus]:
    """The demo, the known corpora, and every other folder of the manual dir that holds a corpus.

    Args:
        manual_dir: folder of corpora; TFSERGAN_MANUAL_DIR if None.
        data_dir: folder of prepared data; TFDS_DATA_DIR if None, else TFDS's default.

    Raises:
        UsageError: there is no such manual dir.
    """
    manual, data = manual_folder(manual_dir), data_folder(data_dir)
    names = [*KNOWN, *(own_names(manual) if manual else [])]
    return [_demo_status(data), *(_status(name, manual, data) for name in names)]


def own_names(manual_dir: Path) -> list[str]:
    """The folders of the manual dir that are not of a known corpus and hold one all the same."""
    names = sorted(path.name for path in manual_dir.iterdir() if path.is_dir() and _NAME.fullmatch(path.name))
    return [name for name in names if name not in (*KNOWN, "demo") and any(forms(name, manual_dir / name))]


def forms(name: str, folder: Path) -> Iterator[Found]:
    """Every form that a corpus is in: its feature tables, its audio (of which the features may be any)."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if _is_table(path):
            yield in_table(name, path)
    if folder.is_dir() and (audio := of_audio(name, folder, "audio")):
        yield audio


def _is_table(path: Path) -> bool:
    """Whether a file is a feature table by its name, or else by its header."""
    if path.suffix not in tables.SUFFIXES or path.name in METADATA:
        return False
    try:
        return path.stem in tables.SIZES or bool(tables.feature_names(path))
    except TfserganError:
        return False


def _demo_status(data: Path) -> CorpusStatus:
    sets = tuple(sorted(_built_sets(_demo("demo/labelled", "is10"), data)))
    can_build = all(importlib.util.find_spec(module) for module in ("espeakng_loader", "opensmile"))
    here = ("built in",) if sets or can_build else ()
    return CorpusStatus("demo", DEMO.description, DEMO.licence, DEMO.url, here, sets, None)


def _status(name: str, manual_dir: Path | None, data: Path) -> CorpusStatus:
    known = KNOWN.get(name, OWN)
    folder = manual_dir / name if manual_dir else None
    found = list(forms(name, folder)) if folder else []
    sets = {features for form in found for features in _built_sets(form, data)}
    return CorpusStatus(
        name=name,
        description=known.description,
        licence=known.licence,
        url=known.url,
        forms=tuple(form.table.name if form.table else "audio" for form in found),
        prepared=tuple(sorted(sets)),
        path=folder,
    )


def _built_sets(form: Found, data: Path) -> set[str]:
    """The feature sets of a form that are built and up to date."""
    prefix = f"{form.corpus}-" if form.builder in ("feature_table", "folder") else ""
    pattern = form.config if form.table else f"{prefix}*"
    marks = data.glob(f"{form.builder}/{pattern}/{version(form.builder)}/{prepared.SOURCES}")
    return {mark.parent.parent.name.removeprefix(prefix) for mark in marks if _is_current(form, mark.parent)}


def _is_current(form: Found, built: Path) -> bool:
    """Whether a set was built from what is there now; a source that cannot be read is not that."""
    try:
        return prepared.is_current(built, form.digest())
    except TfserganError:
        return False
