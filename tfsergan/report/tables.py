"""Tables of measured beside reported scores: what a cell is, and how it reads in each format."""

import csv
import io
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfsergan.errors import TfserganError
from tfsergan.files import write_atomically

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

MINUS, DASH, TIMES = "\N{MINUS SIGN}", "\N{EN DASH}", "\N{MULTIPLICATION SIGN}"
SHORT_SIZE = f"n (folds {TIMES} repeats)"  # what `short_size_text` prints
RERUN = "re-run"  # the mark of a cell that the reproduction of the quoted paper measured
TERMINAL_WIDTH = 100  # columns
CSV_HEADER = (
    *("table", "row", "column", "reported_mean", "reported_std", "ours_mean", "ours_std", "n", "repeats"),
    *("folds", "interval_low", "interval_high", "difference", "missing", "rerun"),
)


@dataclass(frozen=True)
class Score:
    """A score as the paper prints it, in the table's unit.

    Raises:
        ValueError: a number is not finite.
    """

    mean: float
    std: float | None = None

    def __post_init__(self) -> None:
        _finite(self, "mean", "std")


@dataclass(frozen=True)
class Measured:
    """A score that we measured, in the table's unit.

    Attributes:
        mean: over repeats.
        std: over repeats; None when there was one.
        n: utterances scored in one repeat (or what the table's `counted` says).
        repeats: runs with different seeds.
        folds: test folds that make up the n.
        interval: 95 % interval, e.g. from resampling speakers (`tfsergan.metrics.bootstrap_interval`).

    Raises:
        ValueError: a number is not finite, a count below 1, or the interval is upside down.
    """

    mean: float
    std: float | None
    n: int
    repeats: int
    folds: int
    interval: tuple[float, float] | None

    def __post_init__(self) -> None:
        _finite(self, "mean", "std")
        for name in ("n", "repeats", "folds"):
            object.__setattr__(self, name, int(getattr(self, name)))
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.interval is not None:
            low, high = (float(bound) for bound in self.interval)
            if not (math.isfinite(low) and math.isfinite(high) and low <= high):
                raise ValueError(f"not an interval: {self.interval}")
            object.__setattr__(self, "interval", (low, high))


@dataclass(frozen=True)
class Cell:
    """One place in a table.

    Attributes:
        reported: what the paper prints, if anything.
        ours: what was measured, if it was.
        missing: why it was not measured and the command that would; `code` in backticks.
        rerun: where it was measured, if by the reproduction of another paper, from which this one quotes it.

    Raises:
        ValueError: both `ours` and `missing` are given, or `rerun` without `ours`.
    """

    reported: Score | None = None
    ours: Measured | None = None
    missing: str = ""
    rerun: str = ""

    def __post_init__(self) -> None:
        if self.ours is not None and self.missing:
            raise ValueError(f"a measured cell is not missing: {self.missing!r}")
        if self.rerun and self.ours is None:
            raise ValueError(f"a re-run cell is measured: {self.rerun!r}")

    @property
    def difference(self) -> float | None:
        """Ours minus reported, in the table's unit; None unless both are there."""
        if self.ours is None or self.reported is None:
            return None
        return self.ours.mean - self.reported.mean


@dataclass(frozen=True)
class Table:
    """One table of a paper.

    Attributes:
        number: the paper's.
        title: the caption, without the number.
        unit: of every score, e.g. "UAR, %" or "mean absolute difference".
        decimals: digits after the point, as the paper prints them.
        rows, columns: labels, top to bottom and left to right, each unique.
        cells: by (row, column); a pair that is not there is an empty place.
        warnings: printed in bold above, e.g. "Demo corpus: these numbers are not the paper's."
        notes: printed below: protocol, schedule, corpora, deviations.
        counted: what n counts.
        resampled: what the intervals come from resampling.

    Raises:
        ValueError: a label twice, or a cell outside the rows and columns.
    """

    number: int
    title: str
    unit: str
    decimals: int
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    counted: str = "utterances"
    resampled: str = "speakers"

    def __post_init__(self) -> None:
        for name in ("rows", "columns", "warnings", "notes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "cells", dict(self.cells))
        for labels in (self.rows, self.columns):
            if len(set(labels)) != len(labels):
                raise ValueError(f"table {self.number}: a label occurs twice in {labels}")
        for row, column in self.cells:
            if row not in self.rows or column not in self.columns:
                raise ValueError(f"table {self.number} has no place for {(row, column)}")

    def items(self) -> list[tuple[str, str, Cell]]:
        """The (row, column, cell) that are there, row by row."""
        return [(r, c, self.cells[r, c]) for r in self.rows for c in self.columns if (r, c) in self.cells]

    @property
    def measured(self) -> bool:
        """Whether any cell was."""
        return any(cell.ours is not None for cell in self.cells.values())

    @property
    def heading(self) -> str:
        return f"Table {self.number}. {self.title}"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why cells were not run, each reason once; footnote i is reasons[i - 1]."""
        return tuple(dict.fromkeys(cell.missing for _, _, cell in self.items() if cell.missing))

    @property
    def rerun_rows(self) -> tuple[str, ...]:
        """For each row that other reproductions measured, a sentence that says which."""
        rows = dict.fromkeys((row, cell.rerun) for row, _, cell in self.items() if cell.rerun)
        return tuple(f"{row}: {RERUN}, {where}." for row, where in rows)


def _finite(record: Any, *names: str) -> None:
    """Turn numpy scalars into floats; JSON has no NaN, and a table should have none."""
    for name in names:
        value = getattr(record, name)
        if value is not None:
            object.__setattr__(record, name, float(value))
            if not math.isfinite(value):
                raise ValueError(f"{name} is {value}: a score must be finite")


# How numbers read, the same in every format.


def signed(value: float, decimals: int, plus: str = "") -> str:
    """A number with a typographic minus, never "-0.00": signed(-0.5, 2, "+") is "\N{MINUS SIGN}0.50"."""
    text = f"{abs(value):.{decimals}f}"
    if not text.strip("0."):
        return text
    return (MINUS if value < 0 else plus) + text


def score_text(score: Score | Measured, decimals: int) -> str:
    """ "59.48 ± 0.71", or "59.48" where no deviation is known."""
    mean = signed(score.mean, decimals)
    return mean if score.std is None else f"{mean} ± {signed(score.std, decimals)}"


def interval_text(ours: Measured, decimals: int) -> str:
    """ "[55.10, 62.30]", or nothing where there is no interval."""
    if ours.interval is None:
        return ""
    return f"[{signed(ours.interval[0], decimals)}, {signed(ours.interval[1], decimals)}]"


def difference_text(cell: Cell, decimals: int) -> str:
    """ "+0.60", or nothing where one side is missing."""
    return "" if cell.difference is None else signed(cell.difference, decimals, plus="+")


def size_text(ours: Measured, counted: str) -> str:
    """ "n = 5531 utterances (5 folds \N{MULTIPLICATION SIGN} 5 repeats)"."""

    def several(count: int, word: str) -> str:
        return f"{count} {word}{'' if count == 1 else 's'}"

    return f"n = {ours.n} {counted} ({several(ours.folds, 'fold')} {TIMES} {several(ours.repeats, 'repeat')})"


def short_size_text(ours: Measured) -> str:
    """ "5531 (5 \N{MULTIPLICATION SIGN} 5)"; its meaning is `SHORT_SIZE`."""
    return f"{ours.n} ({ours.folds} {TIMES} {ours.repeats})"


@dataclass(frozen=True)
class Sizes:
    """What to say of n where it is said once; at most one of the four is filled.

    `everywhere` holds for the whole table, `columns` and `rows` by label, `cells` by (row, column).
    """

    everywhere: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, str] = field(default_factory=dict)
    cells: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def vary(self) -> bool:
        return bool(self.columns or self.rows or self.cells)


def sizes(table: Table) -> Sizes:
    """Find the coarsest place at which n, folds and repeats are constant."""
    cells = {
        (r, c): size_text(cell.ours, table.counted) for r, c, cell in table.items() if cell.ours is not None
    }
    if len(set(cells.values())) <= 1:
        return Sizes(everywhere=next(iter(cells.values()), ""))
    for axis in (1, 0):
        labels = {place[axis]: text for place, text in cells.items()}
        if all(labels[place[axis]] == text for place, text in cells.items()):
            return Sizes(columns=labels) if axis else Sizes(rows=labels)
    return Sizes(cells=cells)


def split_code(text: str) -> list[tuple[bool, str]]:
    """Split prose at its `code spans`: (is code, text without backticks), empty pieces left out."""
    pieces = re.split(r"`([^`]*)`", text)
    return [(i % 2 == 1, piece) for i, piece in enumerate(pieces) if piece]


def _mark(table: Table, cell: Cell) -> str:
    return f"not run ({table.reasons.index(cell.missing) + 1})"


# Markdown


def to_markdown(table: Table) -> str:
    """The table as GitHub Markdown: one line a cell, reported and measured side by side."""
    lines = [f"### {_escape(table.heading)}", "", _escape(table.unit), ""]
    for warning in table.warnings:
        lines += [f"**{_prose(warning)}**", ""]
    lines += _grid(_markdown_rows(table))
    if table.measured:
        legend = "Ours: mean ± standard deviation over repeats, 95 % interval from resampling "
        said = sizes(table).everywhere
        lines += ["", legend + _escape(f"{table.resampled}; {said}." if said else f"{table.resampled}.")]
    for number, reason in enumerate(table.reasons, start=1):
        lines += ["", f"({number}) Not run: {_prose(reason)}"]
    if table.rerun_rows or table.notes:
        lines += ["", *(f"- {_prose(note)}" for note in (*table.rerun_rows, *table.notes))]
    return "\n".join(lines) + "\n"


def _markdown_rows(table: Table) -> list[list[str]]:
    one_column, n_varies = len(table.columns) == 1, sizes(table).vary
    header = ["", "", "Reported", "Ours", "95 % interval", "Difference", SHORT_SIZE]
    rows = [header, *(_markdown_row(table, row, column, cell) for row, column, cell in table.items())]
    left_out = ({1} if one_column else set()) | (set() if n_varies else {6})
    left_out |= set() if table.measured or table.reasons else {3, 4, 5}  # as the paper prints it
    return [[text for i, text in enumerate(row) if i not in left_out] for row in rows]


def _markdown_row(table: Table, row: str, column: str, cell: Cell) -> list[str]:
    d, ours = table.decimals, cell.ours
    labels = [_escape(row), _escape(column), score_text(cell.reported, d) if cell.reported else DASH]
    if ours is None:
        return [*labels, _mark(table, cell) if cell.missing else DASH, "", "", ""]
    score = f"**{score_text(ours, d)}**" + (f" {RERUN}" if cell.rerun else "")
    measured = [score, interval_text(ours, d), difference_text(cell, d)]
    return [*labels, *measured, short_size_text(ours)]


def _grid(rows: list[list[str]]) -> list[str]:
    widths = [max(3, *(len(row[i]) for row in rows)) for i in range(len(rows[0]))]
    lines = [f"| {' | '.join(text.ljust(w) for text, w in zip(row, widths, strict=True))} |" for row in rows]
    rule = f"| {' | '.join('-' * width for width in widths)} |"
    return [lines[0], rule, *lines[1:]]


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _escape(text: str) -> str:
    """Text that Markdown shows as it is, also inside a table; an underscore inside a word is harmless."""
    return re.sub(r"([\\`*\[<|~&]|(?<!\w)_|_(?!\w))", r"\\\1", _one_line(text))


def _prose(text: str) -> str:
    pieces = split_code(_one_line(text))
    return "".join(f"`{piece}`" if code else _escape(piece) for code, piece in pieces)


# CSV and JSON


def to_csv(table: Table) -> str:
    """The table as CSV, one line a cell, numbers in full; an empty field is something not known.

    Runs of white space in labels and reasons become one blank, so that a line is a cell.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for row, column, cell in table.items():
        reported, ours = cell.reported, cell.ours
        writer.writerow(
            [table.number, _one_line(row), _one_line(column)]
            + ([reported.mean, reported.std] if reported else [None] * 2)
            + ([ours.mean, ours.std, ours.n, ours.repeats, ours.folds] if ours else [None] * 5)
            + list((ours.interval if ours else None) or [None] * 2)
            + [cell.difference, _one_line(cell.missing), _one_line(cell.rerun)]
        )
    return text.getvalue()


def to_json(table: Table) -> str:
    """The table as JSON without loss: from_json(to_json(table)) == table. Cells are a list, row by row."""
    record = {f.name: getattr(table, f.name) for f in fields(table)}
    record["cells"] = [
        {"row": row, "column": column, **asdict(cell), "difference": cell.difference}
        for row, column, cell in table.items()
    ]
    return json.dumps(record, ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def from_json(text: str) -> Table:
    """Read what `to_json` wrote.

    Raises:
        TfserganError: the text is something else.
    """
    try:
        record = json.loads(text)
        record["cells"] = {(cell["row"], cell["column"]): _cell(cell) for cell in record["cells"]}
        return Table(**record)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TfserganError(
            f"this is not a table that tfsergan wrote ({type(error).__name__}: {error}); run the report again"
        ) from error


def _cell(record: Mapping[str, Any]) -> Cell:
    reported, ours = record["reported"], record["ours"]
    return Cell(
        reported=None if reported is None else Score(**reported),
        ours=None if ours is None else Measured(**ours),
        missing=record["missing"],
        rerun=record.get("rerun", ""),
    )


def write(table: Table, folder: Path) -> tuple[Path, Path, Path]:
    """Write table<number>.md, .csv and .json into a folder and return their paths.

    Raises:
        OSError: the folder cannot be made or written.
    """
    stem = Path(folder) / f"table{table.number}"
    texts = {".md": to_markdown(table), ".csv": to_csv(table), ".json": to_json(table)}
    for suffix, text in texts.items():
        write_atomically(stem.with_suffix(suffix), text.encode())
    markdown, csv_file, json_file = (stem.with_suffix(suffix) for suffix in texts)
    return markdown, csv_file, json_file


# Terminal


def terminal(table: Table) -> "RenderableType":
    """The table for rich's `Console.print`, in the paper's own grid, readable in 100 columns.

    A cell shows ours and its interval over the paper's and the difference. Where that is too wide the
    interval gets a line of its own, and where that still is, each cell gets one.
    """
    from rich.console import Console, Group
    from rich.text import Text

    ruler = Console(width=10_000, file=io.StringIO())
    layouts = (_terminal_grid(table, 1), _terminal_grid(table, 2), _terminal_list(table))
    fitting = (layout for layout in layouts if ruler.measure(layout).maximum <= TERMINAL_WIDTH)
    ours = f"ours: mean ± std over repeats [95 % interval over {table.resampled}]; "
    legend = f"{ours}paper: reported (ours minus reported)" if table.measured else "paper: reported"
    said = sizes(table).everywhere
    below = (
        Text(f"{legend}; {said}" if said else legend, style="dim"),
        *(Text(f"({i}) not run: {reason}") for i, reason in enumerate(table.reasons, start=1)),
        *(Text(f"- {note}", style="dim") for note in (*table.rerun_rows, *table.notes)),
    )
    above = (Text(f"{table.heading} ({table.unit})", style="bold"),)
    warnings = (Text(warning, style="bold yellow") for warning in table.warnings)
    return Group(*above, *warnings, "", next(fitting, layouts[-1]), "", *below)


def _terminal_grid(table: Table, lines_ours: int) -> "RenderableType":
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    said = sizes(table)
    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1), pad_edge=False)
    grid.add_column()
    for column in table.columns:
        size = said.columns.get(column)
        grid.add_column(Text(f"{column}\n{size}" if size else column), no_wrap=True)
    for row in table.rows:
        size = said.rows.get(row)
        places = [(row, column) for column in table.columns]
        texts = [_terminal_cell(table, place, lines_ours, said.cells.get(place, "")) for place in places]
        grid.add_row(Text(f"{row}\n{size}" if size else row), *texts)
    return grid


def _terminal_cell(table: Table, place: tuple[str, str], lines_ours: int, size: str) -> "Text":
    from rich.text import Text

    cell, d = table.cells.get(place, Cell()), table.decimals
    lines: list[Text] = []
    if cell.ours is not None:
        mean = Text(score_text(cell.ours, d), style="bold")
        mean.append(f" {RERUN}" if cell.rerun else "", style="not bold")
        interval = Text(interval_text(cell.ours, d))
        lines += [Text(" ").join([mean, interval])] if lines_ours == 1 else [mean, interval]
    elif cell.missing:
        lines.append(Text(_mark(table, cell), style="yellow"))
    if cell.reported is not None:
        difference = difference_text(cell, d)
        paper = f"paper {score_text(cell.reported, d)}"
        lines.append(Text(f"{paper} ({difference})" if difference else paper, style="dim"))
    if size:
        lines.append(Text(size, style="dim"))
    return Text("\n").join(lines or [Text(DASH)])


def _terminal_list(table: Table) -> "RenderableType":
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1), pad_edge=False)
    n_varies = sizes(table).vary
    headers = ["", "", "ours", "interval", "paper", "difference"]
    for header in [*headers, SHORT_SIZE] if n_varies else headers:
        grid.add_column(header)
    d = table.decimals
    for row, column, cell in table.items():
        ours, interval, size = (_mark(table, cell) if cell.missing else DASH), "", ""
        if cell.ours is not None:
            ours = score_text(cell.ours, d) + (f" {RERUN}" if cell.rerun else "")
            interval = interval_text(cell.ours, d)
            size = short_size_text(cell.ours)
        paper = score_text(cell.reported, d) if cell.reported else DASH
        texts = [row, column, ours, interval, paper, difference_text(cell, d)]
        grid.add_row(*(Text(text) for text in ([*texts, size] if n_varies else texts)))
    return grid
