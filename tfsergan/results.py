"""Measured results: one JSON line each, appended whole, read back strictly; and what their runs tell of themselves."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfsergan import _toml
from tfsergan.errors import TfserganError
from tfsergan.files import naming, write_atomically

KEY = ("table", "row", "column", "fold")
IDENTITY = ("corpora", "protocol", "schedule", "overrides", "seed", *KEY, "repeat")

OF_A_RUN = ("run", "corpora", "settings", "versions")  # the tables that every `run.toml` has


class Results:
    """The lines of a results file, grouped into cells of one line a repeat.

    A line that a kill cut short is left out, and so is a cell with fewer lines than repeats: both are measured
    again. Nothing is written before `append` or `write`, so that anyone may look at a run at work.

    Args:
        path: a `.jsonl` file; need not exist.
        others: results that are there already, and stay where they are.
    """

    def __init__(self, path: Path, others: Sequence[dict] = ()):
        self.path = path
        rows = read(path, drop_cut_line=True) if path.exists() else []
        self.own = complete(rows)
        self.others = list(others)

    @property
    def rows(self) -> list[dict]:
        """All rows, its own first."""
        return self.own + self.others

    def of(self, **key: object) -> list[dict]:
        """The rows that agree with the key."""
        return [row for row in self.rows if all(row[name] == value for name, value in key.items())]

    def append(self, rows: Sequence[dict]) -> None:
        """Adds the rows of a finished cell and forces them to disk.

        Raises:
            OSError: the file cannot be written; names it.
        """
        text = "".join(line(row) for row in rows)
        with naming(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        self.own += rows

    def write(self) -> None:
        """Writes its own rows in the order of their keys, whole or not at all."""
        self.own.sort(key=lambda row: (cell(row), row["repeat"]))
        write_atomically(self.path, "".join(map(line, self.own)).encode())


def complete(rows: Iterable[dict]) -> list[dict]:
    """The rows of cells that have all their repeats, each once."""
    once = {(cell(row), row["repeat"]): row for row in rows}
    lines_of = Counter(cell(row) for row in once.values())
    return [row for row in once.values() if lines_of[cell(row)] == row["repeats"]]


def cell(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What tells a row's cell from others."""
    return tuple(str(row[name]) for name in KEY)


def line(row: dict) -> str:
    """One row as a line of JSON; NaN is refused."""
    return json.dumps(row, allow_nan=False, ensure_ascii=False, separators=(",", ":")) + "\n"


def read(path: Path, *, drop_cut_line: bool = False) -> list[dict]:
    """The rows of a results file.

    Raises:
        TfserganError: a line that is no result, by number.
    """
    lines = path.read_bytes().split(b"\n")
    if drop_cut_line:
        lines[-1] = b""
    rows = []
    for number, text in enumerate(lines, 1):
        if not text:
            continue
        try:
            row = json.loads(text.decode("utf-8"))
            missing = [name for name in (*KEY, "repeat", "repeats", "metrics") if name not in row]
        except (ValueError, TypeError) as error:
            raise TfserganError(
                f"{path}:{number}: not a result ({error}). Delete this line; it is measured again."
            ) from error
        if missing:
            raise TfserganError(
                f"{path}:{number}: lacks {', '.join(missing)}. Delete this line; it is measured again."
            )
        rows.append(row)
    return rows


def merge(path: Path, rows: Iterable[dict]) -> None:
    """Puts rows into a file of several runs' results, in place of those of the same run and cell."""
    there = read(path) if path.exists() else []
    kept = {json.dumps([row[name] for name in IDENTITY]): row for row in (*there, *rows)}
    write_atomically(path, "".join(line(kept[key]) for key in sorted(kept)).encode())


def runs_under(folder: Path) -> list[Path]:
    """The folders of all runs below a folder, itself included, in order; runs are not searched for more."""
    found = []
    for place, below, names in os.walk(folder):
        if "run.toml" in names:
            found.append(Path(place))
            below.clear()
        links = [Path(place, name) for name in below if Path(place, name).is_symlink()]
        found += [path for path in links if (path / "run.toml").exists()]
    return sorted(found)


def read_run(folder: Path) -> dict[str, Any]:
    """The `run.toml` of a run's folder.

    Raises:
        TfserganError: there is none, or it is damaged or not of a run.
    """
    path = folder / "run.toml"
    try:
        entry = _toml.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TfserganError(
            f"{folder}: no run here (no run.toml). `tfsergan reproduce PAPER --out {folder}` makes one."
        ) from None
    except (_toml.TOMLDecodeError, UnicodeDecodeError) as error:
        raise damaged(path, error) from error
    if lacking := [name for name in OF_A_RUN if not isinstance(entry.get(name), dict)]:
        raise damaged(path, f"no table {', '.join(f'[{name}]' for name in lacking)}")
    if not all(isinstance(corpus, dict) for corpus in entry["corpora"].values()):
        raise damaged(path, "a corpus that is no table")
    return entry


def damaged(path: Path, why: object) -> TfserganError:
    return TfserganError(f"{path}: damaged ({why}). Take another --out, or delete the folder.")


def digest(value: Any) -> str:
    """Eight hex digits of a JSON value, such as a run's settings."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]
