"""Features of many recordings, in processes, each only once: what builders of corpora call."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from tfsergan.errors import TfserganError, UsageError
from tfsergan.features import audio, beam, frames, functionals
from tfsergan.features.audio import Recording, read_signal
from tfsergan.features.cache import FeatureCache
from tfsergan.processes import map_processes
from tfsergan.progress import Report, silent

FEATURES = (*functionals.FEATURE_SETS, "logmel", "audio")
"""Functionals (d,) float32, frames (f, 43) float32, and the samples (t,) int16 themselves.

"logmel-0.9" names the frames of the audio at 0.9 times its speed, for any of `SPEEDS`.
"""

SPEEDS = (0.5, 2.0)  # the least and the greatest

_AT_SPEED = re.compile(r"logmel(?:-([0-9]+(?:\.[0-9]{1,2})?))?")
SHOWN = 10  # problems listed in one error message

Item = TypeVar("Item")


def speed_of(features: str) -> float | None:
    """How fast the audio is played for these frames: 1 of "logmel", 0.9 of "logmel-0.9"; None of anything else."""
    match = _AT_SPEED.fullmatch(features)
    if not match:
        return None
    speed = float(match[1] or 1)
    return speed if SPEEDS[0] <= speed <= SPEEDS[1] else None


def is_known(features: str) -> bool:
    """Whether there are such features."""
    return features in FEATURES or speed_of(features) is not None


def column_names(features: str) -> tuple[str, ...]:
    """The names of the columns of functionals or frames, () for audio.

    Raises:
        UsageError: there are no such features.
        TfserganError: the package that extracts them is not installed.
    """
    if not is_known(features):
        raise UsageError(f"There are no features {features!r}; there are {', '.join(FEATURES)}.")
    if features == "audio":
        return ()
    if speed_of(features):
        frames.require()
        return frames.NAMES
    return functionals.feature_names(features)


def version(features: str) -> str | None:
    """What extracts these features, with its version; None for audio, and where it is not installed."""
    if features == "audio":
        return None
    return frames.version() if speed_of(features) else functionals.version()


def extract(
    items: Sequence[Item],
    features: str,
    *,
    cache: Path | None = None,
    beam_options: str | None = None,
    jobs: int | None = None,
    report: Report = silent,
    describe: Callable[[Item], str] = str,
    read: Callable[[Any], Recording] = read_signal,
    task: str | None = None,
) -> Iterator[np.ndarray]:
    """The features of each item at 16 kHz, in order; memory does not grow with their number.

    Args:
        items: n audio files or recordings, or whatever `read` takes.
        features: see `FEATURES`.
        cache: folder of what was extracted before, read and added to; audio is never kept there.
        beam_options: pipeline options of Apache Beam, which fills `cache` first; None: processes here.
        jobs: processes; all cores if None. The extractors gain nothing from threads.
        report: told after each item.
        describe: names an item in an error message.
        read: gives an item's audio, in the process that analyses it; picklable.
        task: what `report` calls this work; "<features> features" if None.

    Raises:
        UsageError: there are no such features.
        TfserganError: the extractor is not installed; or, after all items, some cannot be analysed: it names
            the first ones, and says what each one's matter is.
        OSError: the cache cannot be written.
    """
    column_names(features)
    known = version(features)
    kept = FeatureCache(cache, features, known) if cache and known else None
    analysis = Analysis(features, read, kept)
    task = task or f"{features} features"
    if beam_options is not None and kept:
        beam.run(analysis, items, beam_options, report=report, task=f"{task}: Beam")
    problems = []
    results = map_processes(analysis, items, jobs=jobs, report=report, task=task)
    for item, result in zip(items, results, strict=True):
        if isinstance(result, str):
            name = describe(item)
            problems.append(result if result.startswith(name) else f"{name}: {result}")
        elif not problems:  # after one, the rest is only extracted and kept
            yield result
    if problems:
        raise TfserganError(_summary(problems, len(items)))


@dataclass(frozen=True)
class Analysis(Generic[Item]):
    """What a process does with an item; picklable.

    Attributes:
        features: see `FEATURES`.
        read: gives an item's audio.
        cache: of what was extracted before, None for none.
    """

    features: str
    read: Callable[[Item], Recording]
    cache: FeatureCache | None = None

    def __call__(self, item: Item) -> np.ndarray | str:
        """The features of an item, or what is wrong with it in words."""
        try:
            recording = self.read(item)
        except TfserganError as error:
            return str(error)
        fault = audio.fault(recording)
        if fault:
            return fault
        recording = audio.resampled(recording)
        if not self.cache:
            return self.analyse(recording)
        path = self.cache.path(recording)
        result: np.ndarray | str | None = self.cache.read(path)
        if result is None:
            result = self.analyse(recording)
            if not isinstance(result, str):
                self.cache.write(path, result)
        return result

    def analyse(self, recording: Recording) -> np.ndarray | str:
        """The features of a recording at 16 kHz, or what is wrong with it in words."""
        if self.features == "audio":
            return audio.sixteen_bit(recording)
        if speed := speed_of(self.features):
            return frames.analyse(audio.at_speed(recording, speed))
        return functionals.analyse(recording, self.features)


def _summary(problems: list[str], total: int) -> str:
    lines = [f"{len(problems)} of {total} recordings cannot be analysed:"]
    lines += [f"  {problem}" for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"  and {len(problems) - SHOWN} more.")
    return "\n".join(lines)
