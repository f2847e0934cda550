"""Tables about utterances, `metadata.{csv,parquet}`: who speaks in which file, how, and with what emotion.

The builder `folder` reads one beside the audio, the builder `feature_table` one beside features that say nothing
of speakers. Columns are known by name, in upper or lower case; any other column is left alone.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfsergan.datasets import parquet_tables
from tfsergan.datasets.faults import fault
from tfsergan.datasets.text_tables import text_table

NAMES = ("metadata.csv", "metadata.parquet")

TEXT = ("utterance", "file", "speaker", "session", "gender", "emotion", "part", "text")
RATINGS = ("valence", "activation", "dominance")
TIMES = ("start", "end")
COLUMNS = (*TEXT, *RATINGS, *TIMES)

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".sph", ".aif", ".aiff")

LONGEST_TEXT = 1000  # characters in a cell; more means that the wrong column was read

MAY_HAVE_GAPS = ("gender", "part", "improvised", "text", *RATINGS, *TIMES)
"""Columns that may be empty in some rows; any other one is filled in every row or in none."""

_GENDERS = {"": "", **dict.fromkeys(("f", "female"), "female"), **dict.fromkeys(("m", "male"), "male")}
_TIME = re.compile(r"(?:(\d+) days?\s*)?(?:\+?(\d+):([0-5]\d):([0-5]\d(?:\.\d*)?))?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def find(folder: Path) -> Path | None:
    """The metadata table of a folder, None where there is none.

    Raises:
        TfserganError: there are two.
    """
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(found) > 1:
        raise fault(folder, f"there are {' and '.join(NAMES)}", "keep one of them")
    return found[0] if found else None


def read(path: Path) -> dict[str, list[str]]:
    """The known columns of a table, one text a row; times are in seconds, genders "female", "male" or "".

    Raises:
        TfserganError: the table cannot be read, has no row, or has a cell that makes no sense.
    """
    columns = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    if not any(columns.values()):
        raise fault(path, "the table has no rows and known columns", f"give it some of {', '.join(COLUMNS)}")
    labels = columns.get("utterance") or columns.get("file") or []
    check_text(path, columns, labels)
    for name in TIMES:
        if name in columns:
            columns[name] = [_time(path, row, name, cell) for row, cell in enumerate(columns[name])]
    if "gender" in columns:
        columns["gender"] = [_gender(path, row, cell) for row, cell in enumerate(columns["gender"])]
    return columns


def _read_csv(path: Path) -> dict[str, list[str]]:
    with text_table(path) as (header, rows):
        known = _known(path, header)
        columns: dict[str, list[str]] = {name: [] for name in known}
        for row, cells in enumerate(rows):
            if len(cells) != len(header):
                raise fault(
                    path,
                    f"{len(cells)} cells where the header has {len(header)} columns",
                    "write the row again; a separator or quote inside a cell needs quotes around the cell",
                    row=row,
                )
            for name, index in known.items():
                columns[name].append(cells[index].strip())
    return columns


def _read_parquet(path: Path) -> dict[str, list[str]]:
    header = parquet_tables.column_names(path)
    known = {name: header[index] for name, index in _known(path, header).items()}
    table = parquet_tables.read_columns(path, list(known.values()))
    return {name: parquet_tables.text_column(path, table, column) for name, column in known.items()}


def _known(path: Path, header: Sequence[str]) -> dict[str, int]:
    """The index of each known column."""
    names = [name.strip().lower() for name in header]
    for name, n in Counter(names).items():
        if n > 1 and name in COLUMNS:
            raise fault(path, "the column is there twice", "remove one of them", column=name)
    return {name: names.index(name) for name in COLUMNS if name in names}


# ---- cells ----------------------------------------------------------------------------------------------


def check_text(path: Path, columns: Mapping[str, Sequence[str]], labels: Sequence[str]) -> None:
    """Refuse cells that are no text, and columns filled in some rows only.

    Args:
        path: the table, for messages.
        columns: texts by name.
        labels: what to call each row; () if there are no names.

    Raises:
        TfserganError: names the cell.
    """
    for name, values in columns.items():
        for row, value in enumerate(values):
            too_long = len(value) > LONGEST_TEXT and name != "text"
            if too_long or "\0" in value or _has_surrogate(value):
                problem = f"{value[:20]!r}... is longer than {LONGEST_TEXT} characters or is not text"
                raise fault(path, problem, "check that the columns are in place", row=row, column=name)
        # A column that is empty throughout says "unknown"; an utterance or a file can never be that.
        gaps = [row for row, value in enumerate(values) if not value]
        needed = name in ("utterance", "file")
        if gaps and name not in MAY_HAVE_GAPS and (needed or len(gaps) < len(values)):
            raise fault(
                path,
                f"the cell is empty, as in {len(gaps)} of {len(values)} rows",
                f"fill in the {name}, or remove the row",
                row=gaps[0],
                utterance=labels[gaps[0]] if labels else "",
                column=name,
            )


def _has_surrogate(value: str) -> bool:
    return not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value)


def check_unique(path: Path, ids: Sequence[str]) -> None:
    """Refuse an utterance that is there twice.

    Raises:
        TfserganError: names both rows.
    """
    first: dict[str, int] = {}
    for row, name in enumerate(ids):
        if name in first:
            problem = f"the same utterance is in row {first[name] + 1}"
            raise fault(
                path, problem, "remove one of the two rows", row=row, utterance=name, column="utterance"
            )
        first[name] = row


def ratings(path: Path, name: str, values: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """A column of ratings as numbers (n,) float32, NaN where the cell is empty.

    Raises:
        TfserganError: a cell is no finite number; names it.
    """
    numbers = np.full(len(values), np.nan, np.float32)
    for row, value in enumerate(values):
        if value:
            with np.errstate(over="ignore"):
                number = np.float32(value) if _NUMBER.fullmatch(value) else np.float32(np.inf)
            if not np.isfinite(number):
                raise fault(
                    path,
                    f"{value[:40]!r} is no rating",
                    "write the mean over raters as a number, or leave the cell empty",
                    row=row,
                    utterance=labels[row],
                    column=name,
                )
            numbers[row] = number
    return numbers


def seconds(text: str) -> float | None:
    """A time in seconds, from a number of them or from pandas' "0 days 00:00:01.5"; None if it is none.

    >>> seconds("1.25"), seconds("0 days 00:00:01.250000"), seconds("soon")
    (1.25, 1.25, None)
    """
    if _NUMBER.fullmatch(text):
        number = float(text)
        return number if 0 <= number < math.inf else None
    match = _TIME.fullmatch(text)
    if not text or not match:
        return None
    days, hours, minutes, rest = (float(part or 0) for part in match.groups())
    return 86400 * days + 3600 * hours + 60 * minutes + rest


def _time(path: Path, row: int, column: str, cell: str) -> str:
    """A cell as seconds; "" where it is empty."""
    number = seconds(cell) if cell and cell != "NaT" else math.nan
    if number is None:
        raise fault(
            path,
            f"{cell[:40]!r} is no time",
            "write seconds from the beginning of the file, such as 1.25",
            row=row,
            column=column,
        )
    return "" if math.isnan(number) else repr(number)


def _gender(path: Path, row: int, cell: str) -> str:
    gender = _GENDERS.get(cell.lower())
    if gender is None:
        raise fault(
            path,
            f"{cell[:40]!r} is no gender of this corpus format",
            "write female or male, or leave the cell empty",
            row=row,
            column="gender",
        )
    return gender


# ---- names ----------------------------------------------------------------------------------------------


class Names:
    """Names for files and their segments, as short as they can be and still be different.

    A file's name is its stem; where two files share one, every name has as many of its folders before it as
    tell all files apart. A file that is there more than once is cut into segments: their names end in
    `_<start>_<end>`, in milliseconds.

    >>> names = Names(["a/1.wav", "b/1.wav", "b/1.wav"])
    >>> names("a/1.wav"), names("b/1.wav", "0.5", "1.25")
    ('a/1', 'b/1_500_1250')

    Args:
        files: the file of each row, with or without folders.
    """

    def __init__(self, files: Sequence[str]):
        counted = Counter(map(parts, files))
        deepest = max(map(len, counted), default=1)
        self._depth = next(
            (depth for depth in range(1, deepest) if len({p[-depth:] for p in counted}) == len(counted)),
            deepest,
        )
        self._cut = {"/".join(file[-self._depth :]) for file, n in counted.items() if n > 1}

    def __call__(self, file: str, start: str = "", end: str = "") -> str:
        """The name of a file, or of what lies between two times in seconds in it."""
        name = "/".join(parts(file)[-self._depth :])
        if name not in self._cut:
            return name
        return "_".join([name, *(f"{1000 * float(time):.0f}" for time in (start, end) if time)])


def parts(file: str) -> tuple[str, ...]:
    """The folders and the stem of a file, however it is quoted and its separators are written."""
    found = [part for part in re.split(r"[/\\]", file.strip("'")) if part not in ("", ".")]
    *folders, name = found or [""]
    stem, dot, suffix = name.rpartition(".")
    return (*folders, stem if dot + suffix.lower() in AUDIO_SUFFIXES else name)
