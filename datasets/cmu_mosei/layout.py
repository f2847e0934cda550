"""CMU-MOSEI as it is unpacked: the SDK's labels, and the audio of whole videos or of segments.

The labels are ratings of six emotions and of sentiment; a segment may have several emotions or none.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfsergan.datasets.faults import fault
from tfsergan.datasets.layout import MISLABELLED, MISSING, Problem, Scan, Utterance, unique
from tfsergan.datasets.text_tables import text_table

LAYOUT = (
    "cmu_mosei/CMU_MOSEI_Labels.csd (or .csv) and cmu_mosei/Raw/Audio/Full/WAV_16000/<video>.wav "
    "(or .../Segmented_Audio/<video>_<n>.wav)"
)

PUBLISHED = {"utterances": 23_259, "speakers": 3_293}
"""Segments and videos of the SDK's CMU_MOSEI_Labels.csd; the paper of the corpus counts 23 453 segments."""

EMOTIONS = ("happiness", "sadness", "anger", "surprise", "disgust", "fear")
"""The rated emotions, 0 to 3, in the order of the SDK's files."""

RATINGS = ("sentiment", *EMOTIONS)
"""What every segment is rated for; sentiment goes from -3 to 3."""

SINGLE = ("happiness", "sadness", "anger")
"""The emotions that Li et al. 2020 keep, beside segments of no emotion."""

STRONGEST = ("happiness or neutral", *EMOTIONS[1:])
"""What 0 to 5 in the column `label6` of s3prl's CSV stand for: the strongest emotion, or the first if all are 0."""

EARLIEST = -1.0  # s; some published segments start up to half a second before their video does

_ALIASES = {"happy": "happiness", "sad": "sadness"}
_VIDEO = re.compile(r"[A-Za-z0-9_-]{1,100}")
_NUMBER = re.compile(r"[+-]?\d+\.?\d*(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


class Segment(NamedTuple):
    """What the labels say of one segment.

    Attributes:
        video: its name.
        index: of the segment in its video, as text.
        start, end: s in the video.
        ratings: as `RATINGS`; all NaN where the labels have no ratings.
        emotion: one label, see `single_label` and `STRONGEST`.
    """

    video: str
    index: str
    start: float
    end: float
    ratings: tuple[float, ...]
    emotion: str

    @property
    def id(self) -> str:
        return f"{self.video}_{self.index}"


def single_label(emotions: Sequence[float]) -> str:
    """The one emotion of a segment that is rated as `EMOTIONS`.

    Li et al. 2020, sec. 6, keep segments with a positive rating of happiness, sadness or anger, and those
    with six zeros as neutral. Which of several positive ones is the label they do not say, because they score
    by ratings; here it is the strongest, in a tie the first. A segment with other emotions alone is named after
    the strongest of them.

    >>> single_label((1, 2, 0, 3, 0, 0)), single_label((0,) * 6), single_label((0, 0, 0, 0.5, 0, 1))
    ('sadness', 'neutral', 'fear')
    """
    if not any(emotions):
        return "neutral"
    kept = emotions[: len(SINGLE)]  # `SINGLE` are the first of `EMOTIONS`
    return EMOTIONS[int(np.argmax(kept if any(kept) else emotions))]


def parse_segment(video: str, index: str, start: str, end: str) -> tuple[float, float]:
    """The start and end of a segment in s, the start not before the video's.

    Raises:
        ValueError: these are no name, number and times of a segment; says why.
    """
    if not _VIDEO.fullmatch(video):
        raise ValueError(f"{video[:40]!r} is no name of a video")
    if not (index.isascii() and index.isdecimal() and len(index) < 10):
        raise ValueError(f"{index[:40]!r} is no number of a segment")
    if not (_NUMBER.fullmatch(start) and _NUMBER.fullmatch(end)):
        raise ValueError(f"it lasts from {start[:20]!r} to {end[:20]!r} s")
    first, last = float(start), float(end)
    if not EARLIEST <= first < last < math.inf or last <= 0:
        raise ValueError(f"it lasts from {start[:20]} to {end[:20]} s")
    return max(0.0, first), last


def check_ratings(ratings: Sequence[float]) -> None:
    """Refuse ratings (as `RATINGS`) that are off their scales; only the sentiment may be unknown, NaN.

    Raises:
        ValueError: names the first.
    """
    for name, value in zip(RATINGS, ratings, strict=True):
        low = -3 if name == "sentiment" else 0
        unknown = name == "sentiment" and math.isnan(value)
        if not (unknown or low <= value <= 3):
            raise ValueError(f"{name} is rated {value:g}, off its scale from {low} to 3")


# ---- the labels -----------------------------------------------------------------------------------------


def find_labels(folder: Path) -> Path | None:
    """The file of labels, the SDK's before a CSV; None if there is none."""
    names = [f"CMU_MOSEI_Labels{suffix}" for suffix in (".csd", ".csv")]
    paths = [place / name for name in names for place in (folder, folder / "Raw")]
    return next((path for path in paths if path.is_file()), None)


def read_labels(path: Path) -> tuple[list[Segment], list[Problem]]:
    """The segments of a file of labels, and the rows that make no sense.

    Raises:
        TfserganError: the file is no such file.
    """
    segments, problems = [], []
    read = _read_csd if path.suffix == ".csd" else _read_csv
    for place, cells, ratings, emotion in read(path):
        try:
            times = parse_segment(*cells)
            if emotion is None:
                check_ratings(ratings)
                emotion = single_label(ratings[1:])
        except ValueError as error:
            problems.append(Problem(MISLABELLED, f"{path}, {place}", f"{error}: download the labels again"))
            continue
        segments.append(Segment(cells[0], cells[1], *times, tuple(ratings), emotion))
    return segments, problems


Row = tuple[str, tuple[str, str, str, str], Sequence[float], str | None]
"""Place, (video, index, start, end), ratings, and the emotion where there are no ratings to take it from."""


def _read_csv(path: Path) -> Iterator[Row]:
    """A CSV `file, index, start, end` with the ratings, or with s3prl's `label6` in their place."""
    with text_table(path) as (header, rows):
        names = [_ALIASES.get(name.lower(), name.lower()) for name in header]
        rated = [name for name in RATINGS if name in names]
        expected = ["file", "index", "start", "end", *(EMOTIONS if rated else ["label6"])]
        missing = [name for name in expected if name not in names]
        if missing:
            problem = f"there is no column {', '.join(map(repr, missing))}"
            raise fault(path, problem, "take CMU_MOSEI_Labels.csd of the CMU-MultimodalSDK")
        place = {name: names.index(name) for name in names}
        for number, cells in enumerate(rows, start=1):
            if len(cells) != len(names):
                problem = f"{len(cells)} cells where the header has {len(names)} columns"
                raise fault(path, problem, "download the labels again", row=number - 1)
            cell = {name: cells[i].strip() for name, i in place.items()}
            segment = tuple(cell[name] for name in ("file", "index", "start", "end"))
            if rated:
                ratings = [_rating(cell.get(name, "nan" if name == "sentiment" else "")) for name in RATINGS]
                yield f"row {number}", segment, ratings, None
            else:
                yield (
                    f"row {number}",
                    segment,
                    [math.nan] * len(RATINGS),
                    _strongest(path, number, cell["label6"]),
                )


def _rating(cell: str) -> float:
    return float(cell) if _NUMBER.fullmatch(cell) else math.nan


def _strongest(path: Path, number: int, cell: str) -> str:
    if cell not in [str(i) for i in range(len(STRONGEST))]:
        raise fault(path, f"label6 is {cell[:20]!r}, not 0 to 5", "download the labels again", row=number - 1)
    return STRONGEST[int(cell)]


def _read_csd(path: Path) -> Iterator[Row]:
    """The SDK's HDF5 file: of each video, features (n, 7) and intervals (n, 2) in s."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            (root,) = file.values()
            order = _order(path, root)
            for video, group in root["data"].items():
                features, intervals = (np.asarray(group[name], float) for name in ("features", "intervals"))
                if features.shape != (len(intervals), len(RATINGS)) or intervals.shape[1:] != (2,):
                    raise ValueError(f"{video}: {features.shape} ratings and {intervals.shape} times")
                for index, (ratings, times) in enumerate(zip(features[:, order], intervals, strict=True)):
                    start, end = (repr(float(time)) for time in times)
                    yield f"{video}[{index}]", (video, str(index), start, end), ratings.tolist(), None
    except (OSError, KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
        problem = f"this is no labels file of the SDK ({(str(error).splitlines() or ['?'])[0]})"
        raise fault(path, problem, "download CMU_MOSEI_Labels.csd again") from error


def _order(path: Path, root) -> list[int]:  # root: h5py.Group
    """Where each of `RATINGS` is among the columns, by the names the file gives them."""
    titles = json.loads(root["metadata"]["dimension names"][0])
    names = [_ALIASES.get(title.lower(), title.lower()) for title in titles]
    return [names.index(name) for name in RATINGS]


# ---- the audio ------------------------------------------------------------------------------------------


def find_audio(folder: Path) -> tuple[Path | None, bool]:
    """The folder of the audio, None if there is none, and whether it holds segments rather than videos."""
    above = [folder / "Raw" / "Audio", folder / "Audio", folder]
    for name in ("Full/WAV_16000", "WAV_16000", "Segmented_Audio"):
        for place in above:
            if (place / name).is_dir():
                return place / name, name == "Segmented_Audio"
    return None, False


def scan(folder: Path) -> Scan:
    """The labelled segments whose audio is there."""
    labels = find_labels(folder)
    if labels is None:
        problem = Problem(MISSING, str(folder / "CMU_MOSEI_Labels.csd"), "is not there: download it")
        return Scan("cmu_mosei", folder, (), (problem,), PUBLISHED)
    segments, problems = read_labels(labels)
    place, is_cut = find_audio(folder)
    if place is None:
        what = f"is not there: {labels.name} has {len(segments)} segments; get the audio of the corpus"
        problems.append(Problem(MISSING, str(folder / "Raw" / "Audio" / "Full" / "WAV_16000"), what))
        return Scan("cmu_mosei", folder, (), tuple(problems), PUBLISHED)
    files = _files(place, subfolders=("", "train", "dev", "test") if is_cut else ("",))
    wanted = [segment.id if is_cut else segment.video for segment in segments]
    for name, n in sorted(Counter(name for name in wanted if name not in files).items()):
        what = f"is not there, and {n} labelled segments are in it: unpack it again"
        problems.append(Problem(MISSING, str(place / f"{name}.wav"), what))
    utterances = [
        _utterance(segment, files[name], is_cut)
        for segment, name in zip(segments, wanted, strict=True)
        if name in files
    ]
    return Scan("cmu_mosei", folder, unique("cmu_mosei", utterances), tuple(problems), PUBLISHED)


def _files(place: Path, subfolders: Sequence[str]) -> dict[str, Path]:
    """The wav files by stem."""
    paths = [path for name in subfolders for path in sorted((place / name).glob("*.wav"))]
    return {path.stem: path for path in paths if not path.name.startswith("._")}


def _utterance(segment: Segment, audio: Path, is_cut: bool) -> Utterance:
    times = {} if is_cut else {"start": segment.start, "end": segment.end}
    return Utterance(
        id=segment.id,
        speaker=segment.video,  # the corpus names no speakers
        session=segment.video,
        emotion=segment.emotion,
        audio=audio,
        extra=dict(zip(RATINGS, segment.ratings, strict=True)),
        **times,
    )
