"""SHA256SUMS: the digests of a corpus's files, where they come with it, as `sha256sum` writes them."""

import re
from pathlib import Path

from tfsergan.datasets import label_files
from tfsergan.datasets.label_files import Fault
from tfsergan.datasets.layout import MISLABELLED, MISSING, UNREADABLE, Problem
from tfsergan.files import checksum

NAME = "SHA256SUMS"
CHANGED = "changed"
"""Kind of problem: a file that is another one than the corpus's makers had."""


_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)", re.ASCII | re.IGNORECASE)


def read(folder: Path) -> tuple[list[tuple[Path, str]], list[Problem]]:
    """The files that a folder's `NAME` lists, each with its digest, and what is wrong with the list.

    Nothing, where the folder has no such list.
    """
    problems: list[Problem] = []
    path = folder / NAME
    if not path.is_file():
        return [], problems

    def parse(line: str) -> tuple[Path, str]:
        match = _LINE.fullmatch(line)
        if not match:
            raise Fault.unreadable(line, "a digest and a file, as sha256sum writes them")
        if Path(match[2]).is_absolute() or ".." in Path(match[2]).parts:
            raise Fault(MISLABELLED, f"{match[2][: label_files.SHOWN]!r} leads out of the corpus")
        return folder / match[2], match[1].lower()

    listed, faults = label_files.parse_lines(label_files.lines_or_problem(path, problems), str(path), parse)
    return listed, problems + faults


def problem(path: Path, digest: str) -> Problem | None:
    """What is wrong with a file that is listed with a digest; None if it is the one."""
    try:
        found = checksum(path)
    except FileNotFoundError:
        return Problem(MISSING, str(path), f"is not there, and {NAME} lists it: copy it again")
    except OSError as error:
        return Problem(UNREADABLE, str(path), f"cannot be read ({error.strerror}): copy it again")
    if found != digest:
        return Problem(CHANGED, str(path), f"is not the file that {NAME} lists: copy or download it again")
    return None
