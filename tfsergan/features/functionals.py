"""openSMILE functionals: one fixed-length vector of statistics an utterance, from audio."""

import functools
import importlib.util
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import joblib
import numpy as np
from joblib.externals.loky import BrokenProcessPool, ProcessPoolExecutor
from joblib.externals.loky.backend import get_context

from tfsergan.errors import TfserganError, UsageError
from tfsergan.progress import Report, silent

FEATURE_SETS = {"is09": 384, "is10": 1582, "is11": 4368, "is13": 6373}
"""The INTERSPEECH challenges' feature sets by name, with their number of functionals."""

SHORTEST = 0.025  # s; openSMILE's frame: a signal with no whole frame after it has no functionals
IDLE = 60  # s after which a process without work ends
CHUNK = 4  # signals sent to a process at a time
SHOWN = 10  # problems listed in one error message

Item = TypeVar("Item")
Result = TypeVar("Result")


class Recording(NamedTuple):
    """Audio in memory.

    Attributes:
        id: the utterance's name, for messages.
        samples: (t,) float32 in [-1, 1), mono.
        sample_rate: Hz.
    """

    id: str
    samples: np.ndarray
    sample_rate: int

    def __str__(self) -> str:
        return self.id


Signal = Path | Recording
"""What `extract` reads by default: an audio file, or audio in memory."""


def read_signal(signal: Signal, start: float = 0.0, end: float = math.inf) -> Recording:
    """The audio of a file (channels averaged) from `start` to `end` in seconds, or a recording as it is.

    Raises:
        TfserganError: the file is not there, or is not audio that libsndfile reads.
    """
    if isinstance(signal, Recording):
        return signal
    try:
        import soundfile
    except ImportError as error:
        raise _not_installed("soundfile") from error
    try:
        with soundfile.SoundFile(str(signal)) as file:
            sample_rate, first = file.samplerate, round(start * file.samplerate)
            file.seek(min(first, file.frames))
            frames = -1 if end == math.inf else max(0, round(end * sample_rate) - first)
            samples = file.read(frames, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise TfserganError(
            f"{signal} cannot be read as audio ({error}): copy or download it again, or remove it."
        ) from error
    return Recording(signal.stem, samples.mean(axis=1), sample_rate)


def feature_names(feature_set: str) -> tuple[str, ...]:
    """openSMILE's names of a set's functionals, in the order of `extract`'s columns.

    Raises:
        UsageError: there is no such set.
        TfserganError: the package `opensmile` is not installed.
    """
    if feature_set not in FEATURE_SETS:
        raise UsageError(f"There is no feature set {feature_set!r}; there are {', '.join(FEATURE_SETS)}.")
    if not importlib.util.find_spec("opensmile"):
        raise _not_installed("opensmile")
    return _names(feature_set)


def extract(
    signals: Sequence[Item],
    feature_set: str,
    *,
    jobs: int | None = None,
    report: Report = silent,
    describe: Callable[[Item], str] = str,
    read: Callable[[Item], Recording] = read_signal,
    task: str | None = None,
) -> np.ndarray:
    """Functionals of each signal, at the sample rate it has.

    Args:
        signals: n audio files or recordings, or whatever `read` takes.
        feature_set: a name in `FEATURE_SETS`.
        jobs: processes; all cores if None. openSMILE gains nothing from threads.
        report: told after each signal.
        describe: names a signal in an error message.
        read: gives a signal's audio, in the process that analyses it; picklable.
        task: what `report` calls this work; "<feature_set> functionals" if None.

    Returns:
        (n, d) float32, rows in the order of `signals`; raw values, finite.

    Raises:
        UsageError: there is no such set.
        TfserganError: `opensmile` is not installed, or some signals cannot be analysed: it names them, and
            says what each one's matter is.
    """
    names = feature_names(feature_set)
    analyse = functools.partial(_vector_or_problem, feature_set=feature_set, read=read)
    features = np.empty((len(signals), len(names)), np.float32)
    problems = []
    results = map_processes(
        analyse, signals, jobs=jobs, report=report, task=task or f"{feature_set} functionals"
    )
    for row, (signal, result) in enumerate(zip(signals, results, strict=True)):
        if isinstance(result, str):
            name = describe(signal)
            problems.append(result if result.startswith(name) else f"{name}: {result}")
        else:
            features[row] = result
    if problems:
        raise TfserganError(_summary(problems, len(signals)))
    return features


def map_processes(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    jobs: int | None = None,
    report: Report = silent,
    task: str,
) -> Iterator[Result]:
    """`function` of each item, in order, computed in `jobs` processes (all cores if None).

    It is another process even for one job, because openSMILE must not share one with TensorFlow: both
    libraries export an FFT called `rdft`, of float in one and of double in the other, and the one loaded
    second calls the other's and crashes. The processes live on for a while, for the next call.

    Raises:
        TfserganError: a process died.
    """
    report(task, 0, len(items))
    workers = max(1, min(jobs or joblib.cpu_count(), len(items)))
    try:
        results = _processes(workers).map(function, items, chunksize=CHUNK)
        for done, result in enumerate(results, start=1):
            report(task, done, len(items))
            yield result
    except BrokenProcessPool as error:
        _processes.cache_clear()
        raise TfserganError(
            f"A process of '{task}' died ({str(error).splitlines()[0]}). If memory ran short, close other "
            "programs and try again."
        ) from error


@functools.cache
def _processes(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, timeout=IDLE, context=get_context("loky"))


def _vector_or_problem(item: Item, feature_set: str, read: Callable[[Item], Recording]) -> np.ndarray | str:
    """The functionals (d,) of one signal, or what is wrong with it in words."""
    try:
        recording = read(item)
    except TfserganError as error:
        return str(error)
    samples, rate = recording.samples, recording.sample_rate
    if not len(samples):
        return "holds no samples: copy or download it again, or remove it."
    if len(samples) <= SHORTEST * rate:
        return (
            f"lasts {1000 * len(samples) / rate:.0f} ms; openSMILE needs more than "
            f"{1000 * SHORTEST:.0f} ms: remove it or record it again."
        )
    if not np.isfinite(samples).all():
        return "holds samples that are not finite numbers: export it again as PCM, or remove it."
    vector = _functionals(samples, rate, feature_set)
    return _not_finite(vector, _smile(feature_set).feature_names) or vector


def _not_finite(vector: np.ndarray, names: Sequence[str]) -> str | None:
    """What is wrong with a vector (d,) that has values which are not finite numbers; None if it has none."""
    broken = np.flatnonzero(~np.isfinite(vector))
    if not broken.size:
        return None
    return (
        f"gives {broken.size} of {vector.size} functionals that are not finite numbers (first: "
        f"{names[broken[0]]}); it is probably too short or damaged: listen to it, copy it again or remove it."
    )


def _functionals(samples: np.ndarray, rate: int, feature_set: str) -> np.ndarray:
    # opensmile multiplies by 32768 and casts to int16, so that a full-scale +1.0 would wrap to -32768.
    samples = np.clip(samples, -1, 32767 / 32768).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "too short, filling with NaN": reported with the file's name
        return _smile(feature_set)(samples, rate)[0, :, 0].astype(np.float32)


@functools.cache
def _names(feature_set: str) -> tuple[str, ...]:
    """The names, asked of openSMILE in a process of its own."""
    (names,) = map_processes(_own_names, [feature_set], jobs=1, task=f"names of {feature_set}")
    return names


def _own_names(feature_set: str) -> tuple[str, ...]:
    return tuple(_smile(feature_set).feature_names)


@functools.cache
def _smile(feature_set: str) -> Any:
    """The extractor, set up once a process; never in one that has TensorFlow, see `map_processes`."""
    import opensmile

    return opensmile.Smile(
        getattr(opensmile.FeatureSet, feature_set.upper()), opensmile.FeatureLevel.Functionals, loglevel=0
    )


def _not_installed(package: str) -> TfserganError:
    return TfserganError(
        f"The package {package!r} is needed to analyse audio and is not installed here. Install it with: "
        'pip install "tfsergan[demo]" (openSMILE\'s licence is for research and education).'
    )


def _summary(problems: list[str], total: int) -> str:
    lines = [f"{len(problems)} of {total} recordings cannot be analysed:"]
    lines += [f"  {problem}" for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"  and {len(problems) - SHOWN} more.")
    return "\n".join(lines)
