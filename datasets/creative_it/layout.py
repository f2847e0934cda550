"""USC CreativeIT, arranged as this package's README.md says: the tree of its archive is not published.

One recording is one actor in one performance. Annotators rated it continuously in time; an utterance gets the mean of
that over the time it lasts.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tfsergan.datasets import label_files
from tfsergan.datasets.label_files import Fault
from tfsergan.datasets.layout import (
    EXTRA,
    MISLABELLED,
    MISSING,
    Problem,
    Scan,
    Utterance,
    unique,
)

LAYOUT = "creative_it/recordings.csv, creative_it/audio/*.wav, creative_it/utterances/*.txt and creative_it/annotations/*/*.txt"

PUBLISHED = {"utterances": 2163, "speakers": 16, "sessions": 8}
"""Su & Lee 2021, sec. 2.1.4: 2163 utterances, 16 actors, 8 pairs. There are no emotion categories."""

RATINGS = (-1.0, 1.0)
"""Bounds of a rating. Examples hold the values as they are; label rules cut them into classes."""

DIMENSIONS = ("valence", "activation", "dominance")
PARTS = ("paraphrase", "two-sentence")
"""The two kinds of performances: an improvisation on a play's scene, and on a pair of sentences."""

HEADER = ("recording", "session", "speaker", "gender", "part")
"""The columns of recordings.csv."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_TIME = r"([0-9]{1,8}(?:\.[0-9]+)?)"
_SPOKEN = re.compile(rf"{_TIME}\s+{_TIME}(?:\s+(.*))?", re.ASCII)
_SAMPLE = re.compile(rf"{_TIME}(?:\s*,\s*|\s+)([+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)", re.ASCII)
_TRACE = re.compile(rf"({'|'.join(DIMENSIONS)})_([A-Za-z0-9-]+)")


@dataclass(frozen=True, eq=False)
class Trace:
    """One annotator's ratings of one dimension of a recording.

    Attributes:
        times: (t,) s, increasing.
        values: (t,) in `RATINGS`.
    """

    times: np.ndarray
    values: np.ndarray

    def mean(self, start: float, end: float) -> float | None:
        """The mean of the values from `start` to before `end`, None if there are none."""
        first, last = np.searchsorted(self.times, [start, end])
        return float(self.values[first:last].mean()) if last > first else None


def parse_recordings(lines: Sequence[str], where: str) -> tuple[list[Utterance], list[Problem]]:
    """What recordings.csv says of each recording, whose name is the `id`, and what is wrong with it."""
    header = ",".join(HEADER)
    if not lines or lines[0].strip() != header:
        found = lines[0][: label_files.SHOWN] if lines else ""
        return [], [Problem(MISLABELLED, f"{where}, line 1", f"is {found!r}, not {header!r}")]
    # The blank line in the header's place keeps the numbers of the lines.
    return label_files.parse_lines(["", *lines[1:]], where, _parse_recording)


def _parse_recording(line: str) -> Utterance:
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != len(HEADER):
        raise Fault.unreadable(line, f"{len(HEADER)} cells, {','.join(HEADER)}")
    recording, session, speaker, gender, part = cells
    for cell in (recording, session, speaker):
        if not _PLAIN.fullmatch(cell):
            raise Fault(MISLABELLED, f"{cell[:40]!r} is not a name of letters, digits, - and _")
    if gender not in ("female", "male"):
        raise Fault(MISLABELLED, f"{recording}: the gender {gender[:40]!r} is not female or male")
    if part and part not in PARTS:
        raise Fault(MISLABELLED, f"{recording}: the part {part[:40]!r} is not one of {', '.join(PARTS)}")
    return Utterance(recording, speaker=speaker, session=session, gender=gender, part=part)


def parse_utterances(
    recording: Utterance, lines: Sequence[str], where: str
) -> tuple[list[Utterance], list[Problem]]:
    """The utterances of a recording, one a line, `start end text` in s; the n-th is named `<recording>_<n>`."""
    number = 0

    def parse(line: str) -> Utterance:
        nonlocal number
        number += 1  # of a line with a fault too, so that names do not depend on faults
        match = _SPOKEN.fullmatch(line)
        if not match:
            raise Fault.unreadable(line, "`start end text`, times in s")
        start, end = float(match[1]), float(match[2])
        if start >= end:
            raise Fault(MISLABELLED, f"an utterance starts at {match[1]} s and ends at {match[2]} s")
        name = f"{recording.id}_{number:03d}"
        return replace(recording, id=name, start=start, end=end, text=match[3] or "")

    return label_files.parse_lines(lines, where, parse)


def parse_trace(lines: Sequence[str], where: str) -> tuple[Trace | None, list[Problem]]:
    """The ratings of an annotation, a line `time value` each; None, with the first fault, if it has one."""
    times, values = np.empty(len(lines)), np.empty(len(lines))
    n = 0
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line:
            continue
        try:
            times[n], values[n] = _parse_sample(line)
            if n and times[n] <= times[n - 1]:
                raise Fault(MISLABELLED, f"the time {times[n]:g} s is not after {times[n - 1]:g} s")
        except Fault as fault:
            return None, [
                Problem(fault.kind, f"{where}, line {number}", f"{fault.what}; the file is left out")
            ]
        n += 1
    if not n:
        return None, [Problem(MISSING, where, "holds no ratings: copy it again from the archive")]
    return Trace(times[:n], values[:n]), []


def _parse_sample(line: str) -> tuple[float, float]:
    match = _SAMPLE.fullmatch(line)
    if not match:
        raise Fault.unreadable(line, "`time value`, such as `12.35 -0.4`")
    value = float(match[2])
    if not RATINGS[0] <= value <= RATINGS[1]:
        raise Fault(MISLABELLED, f"the rating {match[2]} is not in {RATINGS[0]} to {RATINGS[1]}")
    return float(match[1]), value


def scan(folder: Path) -> Scan:
    """The utterances of all recordings that are listed and there."""
    problems: list[Problem] = []
    table = folder / "recordings.csv"
    lines = label_files.lines_or_problem(table, problems, whole=True)
    listed, faults = parse_recordings(lines, str(table)) if lines else ([], [])
    problems += faults
    problems += _contradictions(listed, str(table))
    once = label_files.labelled_once(listed, table, problems)
    audio = label_files.recordings((folder / "audio").glob("*"))
    ids = {recording.id for recording in listed}
    there = label_files.with_audio(once, audio, lambda u: folder / "audio" / u.id, ids, problems)
    utterances = [u for recording in there for u in _utterances(recording, folder, problems)]
    return Scan("creative_it", folder, unique("creative_it", utterances), tuple(problems), PUBLISHED)


def _contradictions(listed: Sequence[Utterance], where: str) -> Iterator[Problem]:
    """Speakers of two genders or in two sessions: left-out sessions would share speakers with the others."""
    for name in ("gender", "session"):
        found = defaultdict(set)
        for recording in listed:
            found[recording.speaker].add(getattr(recording, name))
        for speaker, values in found.items():
            if len(values) > 1:
                what = f"the speaker {speaker} has more than one {name}: {', '.join(sorted(values))}"
                yield Problem(MISLABELLED, where, what)


def _utterances(recording: Utterance, folder: Path, problems: list[Problem]) -> Iterator[Utterance]:
    path = folder / "utterances" / f"{recording.id}.txt"
    lines = label_files.lines_or_problem(path, problems, whole=True)
    utterances, faults = parse_utterances(recording, lines, str(path))
    problems += faults
    traces = _traces(folder / "annotations" / recording.id, problems)
    for utterance in utterances:
        yield _rated(utterance, traces, problems)


def _traces(folder: Path, problems: list[Problem]) -> dict[str, dict[str, Trace]]:
    """The annotations of a recording by dimension and annotator."""
    traces: dict[str, dict[str, Trace]] = {dimension: {} for dimension in DIMENSIONS}
    for path in sorted(folder.glob("*.txt")):
        match = _TRACE.fullmatch(path.stem)
        if path.name.startswith("."):
            continue
        if not match:
            what = f"is not named <dimension>_<annotator>.txt, with a dimension {', '.join(DIMENSIONS)}"
            problems.append(Problem(EXTRA, str(path), what))
            continue
        trace, faults = parse_trace(label_files.lines_or_problem(path, problems, whole=True), str(path))
        problems += faults
        if trace:
            traces[match[1]][match[2]] = trace
    return traces


def _rated(
    utterance: Utterance, traces: Mapping[str, Mapping[str, Trace]], problems: list[Problem]
) -> Utterance:
    """The utterance with its ratings: of each annotator the mean over time, of these the mean."""
    raters = {
        dimension: {
            name: mean
            for name, trace in traces[dimension].items()
            if (mean := trace.mean(utterance.start, utterance.end)) is not None
        }
        for dimension in DIMENSIONS
    }
    missing = [dimension for dimension in DIMENSIONS if not raters[dimension]]
    if missing:
        what = f"nobody rated its {' and '.join(missing)} from {utterance.start:g} to {utterance.end:g} s"
        problems.append(Problem(MISSING, str(utterance), what))
    means = {name: float(np.mean(list(values.values()))) for name, values in raters.items() if values}
    return replace(utterance, extra={"raters": json.dumps(raters)}, **means)
