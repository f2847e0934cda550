"""CSV and ARFF files as a header and rows of text cells."""

import csv
import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfsergan.datasets.faults import fault

Rows = Iterator[list[str]]

_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_ATTRIBUTE = re.compile(rf"@attribute\s+({_QUOTED}|[^\s'\"]\S*)\s+(\S.*)", re.IGNORECASE)
_CELL = re.compile(rf"\s*({_QUOTED}|[^,'\"]*?)\s*(,|$)")
_ARFF_TYPES = ("numeric", "real", "integer", "string", "date", "{")


@contextmanager
def text_table(path: Path) -> Iterator[tuple[tuple[str, ...], Rows]]:
    """Open a .csv or .arff file: the names of its columns, and its rows as they are read.

    Raises:
        TfserganError: the file is cut off, not UTF-8, or breaks its format.
    """
    try:
        _check_whole(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _lines(path, file)
            yield (_csv_table if path.suffix == ".csv" else _arff_table)(path, lines)
    except UnicodeDecodeError as error:
        problem = f"line {_undecodable_line(path)} is not UTF-8 text"
        raise fault(path, problem, "save the file in the encoding UTF-8") from error
    except OSError as error:
        raise fault(path, f"it cannot be read ({error})", "check the file and its permissions") from error


def _check_whole(path: Path) -> None:
    """Refuse a file whose last line has no end: a number cut short would still be a number."""
    with path.open("rb") as file:
        if not file.seek(0, 2):
            raise fault(path, "the file is empty", "write the table again, or remove the file")
        file.seek(-1, 2)
        if file.read() not in (b"\n", b"\r", b"\0"):  # a NUL, as UTF-16 ends, is refused for what it is
            raise fault(
                path,
                "the last line has no line end, as in a file that was cut off",
                "copy the file again; if it is whole, add a line end",
            )


def _lines(path: Path, file: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        if "\0" in line:
            raise fault(path, f"line {number} holds a NUL character", "save the table as UTF-8 text")
        yield line


def _undecodable_line(path: Path) -> int:
    valid = path.read_bytes().decode("utf-8", errors="surrogateescape")
    first = next(i for i, character in enumerate(valid) if "\udc80" <= character <= "\udcff")
    return valid.count("\n", 0, first) + 1


def _csv_table(path: Path, lines: Iterator[str]) -> tuple[tuple[str, ...], Rows]:
    """A CSV file, separated by commas, by semicolons (as SMILExtract writes) or by tabs."""
    first = next((line for line in lines if line.strip()), "")
    separator = max(",;\t", key=first.count)
    reader = csv.reader(itertools.chain([first], lines), delimiter=separator, strict=True)
    rows = _csv_rows(path, reader)
    return tuple(name.strip() for name in next(rows, [])), rows


def _csv_rows(path: Path, reader: Iterator[list[str]]) -> Rows:
    for number in itertools.count():  # row 0 is the header
        cells: list[str] = []
        try:
            while not cells:  # a blank line is no row
                cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            place = f"row {number}" if number else "the header"
            raise fault(path, f"{place} is broken ({error})", "write the table again") from error
        yield cells


def _arff_table(path: Path, lines: Iterator[str]) -> tuple[tuple[str, ...], Rows]:
    """An ARFF file as openSMILE and Weka write them; sparse rows are refused."""
    names: list[str] = []
    for line in map(str.strip, lines):
        keyword = line.split(maxsplit=1)[0].lower() if line else ""
        if keyword == "@data":
            return tuple(names), _arff_rows(path, lines)
        if keyword == "@attribute":
            match = _ATTRIBUTE.fullmatch(line)
            if not match or not match[2].lower().startswith(_ARFF_TYPES):
                raise fault(path, f"cannot read {line[:80]!r}", "write it as `@attribute name numeric`")
            names.append(_unquoted(match[1]).strip())
        elif keyword and keyword != "@relation" and not keyword.startswith("%"):
            raise fault(path, f"cannot read {line[:80]!r} before @data", "write the file again as ARFF")
    raise fault(path, "there is no @data line, as in a file that was cut off", "write the file again as ARFF")


def _arff_rows(path: Path, lines: Iterator[str]) -> Rows:
    number = 0
    for line in map(str.strip, lines):
        if not line or line.startswith("%"):
            continue
        if line.startswith("{"):
            raise fault(path, "the row is sparse", "write the table with dense rows", row=number)
        yield line.split(",") if "'" not in line and '"' not in line else _arff_cells(path, line, number)
        number += 1


def _arff_cells(path: Path, line: str, number: int) -> list[str]:
    """The cells of a row with quotes."""
    cells, position = [], 0
    while True:
        match = _CELL.match(line, position)
        if not match:
            place = f"cell {len(cells) + 1} has an open or misplaced quote"
            raise fault(path, place, "quote the whole cell, and write a quote inside it as \\'", row=number)
        cells.append(_unquoted(match[1]))
        if not match[2]:
            return cells
        position = match.end()


def _unquoted(cell: str) -> str:
    if cell[:1] not in ("'", '"'):
        return cell
    escapes = {"n": "\n", "t": "\t", "r": "\r"}
    return re.sub(r"\\(.)", lambda match: escapes.get(match[1], match[1]), cell[1:-1])
