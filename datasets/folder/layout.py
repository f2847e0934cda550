"""A corpus of one's own: audio files below a folder, and a table that says who speaks in each."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from tfsergan.datasets import metadata
from tfsergan.datasets.faults import fault
from tfsergan.datasets.layout import EXTRA, MISLABELLED, MISSING, UNREADABLE, Problem, Scan, Utterance

LAYOUT = (
    "<corpus>/metadata.csv (or .parquet; columns file and speaker, and more), with the audio below <corpus>"
)

SHOWN = 3  # files named in one message


def scan(folder: Path) -> Scan:
    """The utterances of `folder/metadata.{csv,parquet}` whose audio is there.

    Raises:
        TfserganError: the table cannot be read, lacks a column, or has a cell that makes no sense.
    """
    table = metadata.find(folder)
    if table is None:
        problem = Problem(MISSING, str(folder / metadata.NAMES[0]), "is not there: write it")
        return Scan(folder.name, folder, (), (problem,))
    columns = metadata.read(table)
    for name in ("file", "speaker"):
        if not any(columns.get(name, ())):
            known = ", ".join(metadata.COLUMNS)
            raise fault(table, f"there is no column {name!r}", f"add it; known are {known}")
    ids = _ids(columns)
    metadata.check_unique(table, ids)
    audio = AudioFiles(folder)
    problems, utterances = [], []
    for row, (utterance, file) in enumerate(
        zip(_utterances(table, columns, ids), columns["file"], strict=True)
    ):
        where = f"{table}, row {row + 1} (utterance {utterance.id!r})"
        try:
            utterances.append(replace(utterance, audio=audio.find(file)))
        except Refusal as refusal:
            problems.append(Problem(refusal.kind, where, str(refusal)))
    unused = sorted(audio.paths - audio.asked_for)
    if unused:
        shown = ", ".join(unused[:SHOWN]) + (", ..." if len(unused) > SHOWN else "")
        what = f"{len(unused)} audio files have no row in {table.name} ({shown}): add rows, or move the files away"
        problems.append(Problem(EXTRA, str(folder), what))
    return Scan(folder.name, folder, tuple(sorted(utterances, key=lambda u: u.id)), tuple(problems))


def _ids(columns: dict[str, list[str]]) -> list[str]:
    if "utterance" in columns:
        return columns["utterance"]
    names = metadata.Names(columns["file"])
    times = [columns.get(name, [""] * len(columns["file"])) for name in metadata.TIMES]
    return [names(*segment) for segment in zip(columns["file"], *times, strict=True)]


def _utterances(table: Path, columns: dict[str, list[str]], ids: Sequence[str]) -> list[Utterance]:
    """Every row as an utterance, its audio not yet found."""
    text = {
        name: columns[name] for name in ("speaker", "gender", "emotion", "part", "text") if name in columns
    }
    text["session"] = columns.get("session", columns["speaker"])
    ratings = {
        name: metadata.ratings(table, name, columns[name], ids)
        for name in metadata.RATINGS
        if name in columns
    }
    times = {name: columns[name] for name in metadata.TIMES if name in columns}
    utterances = []
    for row, name in enumerate(ids):
        utterance = Utterance(
            id=name,
            **{column: cells[row] for column, cells in text.items()},
            **{column: float(cells[row]) for column, cells in ratings.items()},
            **{column: float(cells[row]) for column, cells in times.items() if cells[row]},
        )
        if not utterance.start < utterance.end:
            problem = f"it lasts from {utterance.start:g} to {utterance.end:g} s"
            raise fault(table, problem, "correct the times", row=row, utterance=name, column="end")
        utterances.append(utterance)
    return utterances


# ---- the audio ------------------------------------------------------------------------------------------


class Refusal(Exception):
    """Why a file of a table cannot be read; `kind` is that of a `Problem`."""

    def __init__(self, kind: str, what: str):
        super().__init__(what)
        self.kind = kind


class AudioFiles:
    """The audio files below a folder, each looked up once on disk.

    Attributes:
        paths: every one there is, relative to the folder; what lies behind links to folders is not counted.
        asked_for: those that were found.
    """

    def __init__(self, folder: Path):
        self._folder = folder.resolve()
        self._folders: dict[str, Path] = {}
        self.paths = {
            Path(place, name).relative_to(folder).as_posix()
            for place, _, names in os.walk(folder)  # does not follow links, so that it ends
            for name in names
            if name.lower().endswith(metadata.AUDIO_SUFFIXES) and not name.startswith(".")
        }
        self.asked_for: set[str] = set()

    def find(self, file: str) -> Path:
        """The file of a cell, which must lie below the folder.

        Raises:
            Refusal: it is not there, lies elsewhere, or is no file.
        """
        relative = PurePosixPath(file.replace("\\", "/"))
        if relative.is_absolute() or PureWindowsPath(file).drive or ".." in relative.parts:
            what = f"{file[:200]!r} leads out of the corpus: write paths from the folder of the table on"
            raise Refusal(MISLABELLED, what)
        try:
            path = self._resolved(relative)
            if not path.is_relative_to(self._folder):
                raise Refusal(
                    MISLABELLED, f"{file[:200]!r} is a link out of the corpus: copy the file to there"
                )
            if relative.as_posix() not in self.paths and not path.is_file():
                raise self._missing(relative)
        except (OSError, RuntimeError, ValueError) as error:  # links in a circle; names too long
            raise Refusal(UNREADABLE, f"{file[:200]!r} cannot be looked up ({error})") from error
        self.asked_for.add(relative.as_posix())
        return path

    def _resolved(self, relative: PurePosixPath) -> Path:
        """Where a path leads; a folder's links are followed once."""
        parent = relative.parent.as_posix()
        if parent not in self._folders:
            self._folders[parent] = (self._folder / parent).resolve()
        path = self._folders[parent] / relative.name
        return path.resolve(strict=True) if path.is_symlink() else path

    def _missing(self, relative: PurePosixPath) -> Refusal:
        """A file that is not there; it may be written in other letters."""
        if (self._folder / relative).is_dir():
            return Refusal(MISLABELLED, f"{relative.as_posix()!r} is a folder: name a file in it")
        wanted = relative.as_posix().lower()
        like = sorted(path for path in self.paths if path.lower() == wanted)
        if like:
            return Refusal(
                MISLABELLED, f"{relative.as_posix()!r} is not there, but {like[0]!r} is: correct it"
            )
        return Refusal(MISSING, f"{relative.as_posix()!r} is not there: copy it, or remove the row")
