"""Label files as the makers of corpora left them, and the recordings that they speak of."""

import codecs
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tfsergan.datasets.layout import EXTRA, MISLABELLED, MISSING, UNREADABLE, Problem, Utterance
from tfsergan.errors import TfserganError

SHOWN = 60  # characters of a line that is complained of

_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


Parsed = TypeVar("Parsed")


class Fault(Exception):
    """What is wrong with a line.

    Attributes:
        kind: as of `layout.Problem`.
        what: the fault.
    """

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(what)
        self.kind, self.what = kind, what

    @classmethod
    def unreadable(cls, line: str, expected: str) -> "Fault":
        """A line that is not in the form that is expected."""
        shown = line if len(line) <= SHOWN else f"{line[:SHOWN]}..."
        return cls(UNREADABLE, f"is not {expected}: {shown!r}")


def read_lines(path: Path, whole: bool = False) -> list[str]:
    r"""The lines of a text file, without their ends; line n is at n - 1. UTF-8, or UTF-16 that says so.

    A byte that is not UTF-8, as in a comment typed on an old computer, is read as the four characters `\xe9`:
    labels and names are ASCII, and guessing an encoding could be wrong without anybody noticing.

    Args:
        path: the file.
        whole: refuse a file whose last line has no end: it may be cut off, and a number cut short is still one.

    Raises:
        TfserganError: the file cannot be read, is not text, or is cut off.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise TfserganError(f"{path}: is not there: copy it from the archive.") from error
    except OSError as error:
        raise TfserganError(
            f"{path}: cannot be read ({error.strerror}): check the file and its permissions."
        ) from error
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    text = content.decode(encoding, errors="backslashreplace")
    if "\0" in text:
        raise TfserganError(
            f"{path}: is not plain text (it holds NUL bytes): copy it again from the archive, or save it as UTF-8."
        )
    # Not splitlines(): it also splits at characters that are no line ends, and line numbers would be wrong.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if whole and not text.endswith("\n"):
        raise TfserganError(
            f"{path}: its last line has no line end, as in a file that was cut off: copy it again; if it is whole, "
            "add a line end."
        )
    return text.removesuffix("\n").split("\n")


def lines_or_problem(path: Path, problems: list[Problem], whole: bool = False) -> list[str]:
    """`read_lines`; a file that cannot be read is added to `problems` and has no lines."""
    try:
        return read_lines(path, whole)
    except TfserganError as error:
        kind = UNREADABLE if path.exists() else MISSING
        problems.append(Problem(kind, str(path), str(error).removeprefix(f"{path}: ")))
        return []


def parse_lines(
    lines: Iterable[str], where: str, parse: Callable[[str], Parsed | None]
) -> tuple[list[Parsed], list[Problem]]:
    """What every line that is not blank says.

    Args:
        lines: of the file.
        where: the file, for messages.
        parse: reads a line; None for one to leave out; raises `Fault` for one that has a fault.
    """
    found, problems = [], []
    for number, line in enumerate(map(str.strip, lines), start=1):
        try:
            parsed = parse(line) if line else None
        except Fault as fault:
            problems.append(Problem(fault.kind, f"{where}, line {number}", fault.what))
        else:
            found += [] if parsed is None else [parsed]
    return found, problems


def parse_blocks(
    lines: Iterable[str],
    where: str,
    opening: tuple[str, ...],
    parse_opening: Callable[[str], Utterance],
    parse_rater: Callable[[str], dict],
    comment: tuple[str, ...] = (),
) -> tuple[list[Utterance], list[Problem]]:
    """The utterances of a file of blocks: a line with the label, the raters' lines, a blank line.

    Args:
        lines: of the file.
        where: the file, for messages.
        opening: how the first line of a block begins.
        parse_opening, parse_rater: read a line; raise `Fault` for one that has a fault.
        comment: how a line begins that says nothing.

    Returns:
        The utterances, with the raters' lines as JSON in `extra["raters"]`, and the problems.
    """
    found: list[tuple[Utterance, list[dict]]] = []
    problems: list[Problem] = []
    raters: list[dict] | None = None  # of the block that is open
    for number, line in enumerate(map(str.strip, lines), start=1):
        try:
            if not line or line.startswith(comment):
                raters = None
            elif line.startswith(opening):
                raters = []  # those of an opening that is refused go with it
                found.append((parse_opening(line), raters))
            elif raters is None:
                raise Fault.unreadable(line, "in the block of an utterance")
            else:
                raters.append(parse_rater(line))
        except Fault as fault:
            problems.append(Problem(fault.kind, f"{where}, line {number}", fault.what))
    return [replace(u, extra={**u.extra, "raters": json.dumps(r)}) for u, r in found], problems


def labelled_once(labelled: Sequence[Utterance], where: Path, problems: list[Problem]) -> list[Utterance]:
    """Those that are there once: which of two labels is right, nobody can tell."""
    counted = Counter(utterance.id for utterance in labelled)
    for name in sorted(name for name, n in counted.items() if n > 1):
        what = f"{name} is labelled {counted[name]} times and left out: remove all but one of its labels"
        problems.append(Problem(MISLABELLED, str(where), what))
    return [utterance for utterance in labelled if counted[utterance.id] == 1]


def recordings(paths: Iterable[Path]) -> dict[Path, Path]:
    """The wav files among `paths`, by their path without `.wav`; not what a Mac's archiver adds (`._*`)."""
    return {
        path.with_suffix(""): path
        for path in sorted(paths)
        if path.suffix.lower() == ".wav" and not path.name.startswith(".") and path.is_file()
    }


def with_audio(
    utterances: Iterable[Utterance],
    audio: Mapping[Path, Path],
    place: Callable[[Utterance], Path],
    labelled: set[str],
    problems: list[Problem],
) -> Iterator[Utterance]:
    """The utterances whose recording is there.

    Args:
        audio: `recordings`.
        place: where an utterance's recording belongs, without `.wav`.
        labelled: ids that have a label, be it a wrong one; a recording of any other name is a problem.
        problems: gets those as well as labels without a recording.
    """
    for utterance in utterances:
        path = audio.get(place(utterance))
        if path:
            yield replace(utterance, audio=path)
        else:
            where = f"{place(utterance)}.wav"
            problems.append(Problem(MISSING, where, "is not there: unpack it again from the archive"))
    for path in audio.values():
        if path.stem not in labelled:
            what = "has no label: unpack the label files again, or remove the recording"
            problems.append(Problem(EXTRA, str(path), what))
