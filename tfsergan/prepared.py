"""TFDS data sets that are built once, whole, by one process, and again when their source files change."""

import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import numpy as np

from tfsergan.errors import TfserganError, UsageError
from tfsergan.features import extraction
from tfsergan.files import checksum
from tfsergan.progress import Report, silent
from tfsergan.ragged import Ragged

if TYPE_CHECKING:
    import tensorflow_datasets as tfds  # otherwise late: it takes seconds

SOURCES = "sources.json"  # written last into a built set; what it was built from, and by which extractor
WAIT = 0.5  # s between two tries for the lock
BATCH = 512  # examples
TEXT = ("utterance", "speaker", "session", "gender", "emotion", "part")
RATINGS = ("valence", "activation", "dominance")


@dataclass(frozen=True, eq=False)
class Examples:
    """A split as it was built, sorted by utterance."""

    ids: np.ndarray  # (n,) str
    speaker: np.ndarray  # (n,) str
    session: np.ndarray  # (n,) str
    gender: np.ndarray  # (n,) str
    emotion: np.ndarray  # (n,) str, the corpus's own labels
    part: np.ndarray  # (n,) str
    valence: np.ndarray  # (n,) float32; NaN where there is no rating, as below
    activation: np.ndarray  # (n,) float32
    dominance: np.ndarray  # (n,) float32
    x: np.ndarray | Ragged  # (n, d) float32; of frames, n arrays (f_i, d)
    feature_names: tuple[str, ...]
    ratings: Mapping[str, np.ndarray]  # the corpus's own numbers, (n,) float32 each; empty of most corpora


def default_data_dir() -> Path:
    """Where built sets are kept: TFDS_DATA_DIR, else TFDS's own default."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def contents_digest(path: Path) -> str:
    """A digest of a file's contents.

    Raises:
        TfserganError: the file cannot be read.
    """
    try:
        return checksum(path)
    except OSError as error:
        raise TfserganError(
            f"{path} cannot be read ({error}): check the file and its permissions."
        ) from error


def folder_digest(folder: Path) -> str:
    """A digest of the names, sizes and times of change of all files under a folder."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        status = path.stat()
        digest.update(f"{path.relative_to(folder)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def is_current(folder: Path, digest: str) -> bool:
    """Whether a whole data set is in `folder`, built from these sources by the extractor that is here.

    Where the extractor is not installed, what another one extracted will do.
    """
    try:
        built = json.loads((folder / SOURCES).read_text(encoding="utf-8"))
        if built["sha256"] != digest:
            return False
        extractor = built.get("extractor")
        return extractor is None or extraction.version(built["features"]) in (extractor, None)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False


def build(
    make_builder: Callable[[], "tfds.core.DatasetBuilder"],
    folder: Path,
    digest: str,
    *,
    manual_dir: Path | None = None,
    report: Report = silent,
) -> bool:
    """Build a data set if it is not there or was built from other sources; arguments as of `read`.

    Returns:
        Whether there was anything to do.

    Raises:
        TfserganError: the sources are wrong, or the folder cannot be written.
    """
    if is_current(folder, digest):
        return False
    with _quiet_tfds(), _lock(folder, digest, report):
        if is_current(folder, digest):  # another process has built it meanwhile
            return False
        _build(make_builder, folder, digest, manual_dir, report)
        return True


def read(
    make_builder: Callable[[], "tfds.core.DatasetBuilder"],
    folder: Path,
    digest: str,
    split: str | None,
    *,
    manual_dir: Path | None = None,
    report: Report = silent,
) -> Examples:
    """Read a split, after building its data set if it is not there or was built from other sources.

    Args:
        make_builder: gives the TFDS builder of the set.
        folder: the folder that the builder keeps the set in.
        digest: of the source files, see `contents_digest` and `folder_digest`.
        split: the split's name; None for the set's only one.
        manual_dir: given to the builder.

    Raises:
        UsageError: the set holds audio, not features.
        TfserganError: the sources are wrong, or the folder cannot be written or read.
    """
    with _quiet_tfds():  # it warns of features that the builder does not list
        _require_features(make_builder())
    with _quiet_tfds(), _lock(folder, digest, report):
        if not is_current(folder, digest):
            _build(make_builder, folder, digest, manual_dir, report)
        builder = make_builder()
        try:
            return _read_split(builder, split or next(iter(builder.info.splits)), report)
        except _tf_errors() as error:
            raise TfserganError(
                f"The prepared data in {folder} is damaged ({str(error).splitlines()[0]}). "
                "Remove that folder; the next run builds it again."
            ) from error


def _build(
    make_builder: Callable,
    folder: Path,
    digest: str,
    manual_dir: Path | None,
    report: Report,
) -> None:
    """Build a data set; called under its lock."""
    import tensorflow_datasets as tfds

    try:
        if folder.exists():
            report(f"The source or extractor of {folder.parent.name} has changed: preparing it again", 1, 1)
            (folder / SOURCES).unlink(missing_ok=True)  # first, so that a set half removed is never used
            shutil.rmtree(folder)
        for rest in folder.parent.glob(f"incomplete.*_{folder.name}"):  # of a build that was killed
            shutil.rmtree(rest)
        builder = make_builder()
        builder.report = report
        arguments = {"manual_dir": manual_dir} if manual_dir else {}
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(**arguments))
        temporary = folder / f"{SOURCES}.new"
        temporary.write_text(json.dumps(_origin(builder, digest)), encoding="utf-8")
        temporary.replace(folder / SOURCES)
    except _failures(RuntimeError) as error:
        if not _of_writing(error):
            raise
        raise TfserganError(
            f"Preparing {folder} failed ({str(error).splitlines()[0]}): check the space and permissions there, "
            "or choose another folder with --data-dir."
        ) from error


def _of_writing(error: BaseException | None) -> bool:
    """Whether an error is one of files, or TFDS's RuntimeError around one."""
    if error is None or isinstance(error, _failures()):
        return error is not None
    return _of_writing(error.__cause__ or error.__context__)


def _origin(builder: "tfds.core.DatasetBuilder", digest: str) -> dict[str, Any]:
    """What a data set was built from; of a speech corpus, also by what."""
    features = getattr(builder.builder_config, "features", None)
    extractor = extraction.version(features) if features else None
    return {"sha256": digest} | ({"features": features, "extractor": extractor} if extractor else {})


def _require_features(builder: "tfds.core.DatasetBuilder") -> None:
    """Refuses a set of audio."""
    if "features" not in builder.info.features:
        raise UsageError(
            f"{builder.builder_config.name} of {builder.name} has samples, and what was asked for needs features: "
            "take functionals, such as is10, or frames, logmel. TensorFlow Datasets reads it as it is: "
            "builder.as_dataset()."
        )


def _read_split(builder: "tfds.core.DatasetBuilder", split: str, report: Report) -> Examples:
    """Everything in a split: TFDS's own order is shuffled by hash. Vectors come in batches, frames one by one."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    options = tf.data.Options()
    options.autotune.enabled = False  # its thread would hold up the end of the iteration
    shape = builder.info.features["features"].shape
    of_frames = None in shape
    size = 1 if of_frames else BATCH
    data = builder.as_dataset(
        split=split,
        batch_size=size,
        shuffle_files=False,
        read_config=tfds.ReadConfig(options=options, try_autocache=False),
    )
    n = builder.info.splits[split].num_examples
    task = f"Reading {builder.info.full_name}"
    batches: list[dict] = []
    frames: list[np.ndarray] = []
    x = np.empty(0 if of_frames else (n, *shape), np.float32)
    for i, batch in enumerate(data.as_numpy_iterator()):
        vectors = batch.pop("features")
        if of_frames:
            frames.append(vectors[0])
        else:
            x[i * size : i * size + len(vectors)] = vectors
        batches.append(batch)
        report(task, min((i + 1) * size, n), n)
    own = [name for name, kind in getattr(builder, "extra", {}).items() if kind is np.float32]
    columns: dict[str, Any] = {
        name: np.concatenate([batch[name] for batch in batches]) for name in (*RATINGS, *own)
    }
    for name in TEXT:
        columns[name] = np.array([value.decode() for batch in batches for value in batch[name]], dtype=str)
    order = np.argsort(columns["utterance"], kind="stable")
    columns = {name: values[order] for name, values in columns.items()}
    ids, ratings = columns.pop("utterance"), {name: columns.pop(name) for name in own}
    if not of_frames:
        reorder(x, order)
    return Examples(
        ids=ids,
        x=Ragged.of(frames)[order] if of_frames else x,
        **columns,
        ratings=ratings,
        feature_names=builder.feature_names,
    )


def reorder(x: np.ndarray, order: np.ndarray) -> None:
    """Sorts the rows of an array (n, d) in place: row i becomes what row `order[i]` was."""
    done = np.zeros(len(order), bool)
    for first in range(len(order)):
        if done[first]:
            continue
        row, kept = first, x[first].copy()
        while order[row] != first:
            x[row], done[row] = x[order[row]], True
            row = order[row]
        x[row], done[row] = kept, True


def _failures(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """What is raised when a disk is full or may not be written, and others."""
    return *others, OSError, *_tf_errors()


def _tf_errors() -> tuple[type[Exception], ...]:
    import tensorflow as tf

    return (tf.errors.OpError,)


@contextlib.contextmanager
def _lock(folder: Path, digest: str, report: Report) -> Iterator[None]:
    """One process at a time in this data set; a set that cannot be written needs no lock."""
    lock = filelock.FileLock(folder.parent.parent / f"{folder.parent.name}.lock")
    try:
        folder.parent.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                lock.acquire(timeout=WAIT)
                break
            except filelock.Timeout:
                report(f"Waiting for another process that prepares {folder.parent.name}", 0, 1)
    except OSError as error:
        if not is_current(folder, digest):
            raise TfserganError(
                f"{folder.parent.parent} cannot be written ({error}): choose another folder with --data-dir."
            ) from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _quiet_tfds() -> Iterator[None]:
    """No progress bars, prints or warnings of TFDS: `report` is told instead."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
