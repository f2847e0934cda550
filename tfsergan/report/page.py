"""One HTML page a run: a single file that asks nothing of the network and runs no script."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from tfsergan.files import write_atomically
from tfsergan.report.tables import (
    RERUN,
    Cell,
    Measured,
    Table,
    difference_text,
    interval_text,
    score_text,
    sizes,
    split_code,
)

if TYPE_CHECKING:
    from jinja2 import Template


@dataclass(frozen=True)
class _Strip:
    """A cell's scores on the table's common scale, in percent of its width."""

    low: float
    high: float
    ours: float
    reported: float | None


@dataclass(frozen=True)
class _CellView:
    ours: str = ""
    interval: str = ""
    reported: str = ""
    difference: str = ""
    size: str = ""
    rerun: str = ""
    footnote: int = 0  # 0: none
    strip: _Strip | None = None


@dataclass(frozen=True)
class _TableView:
    table: Table
    size: str
    columns: list[tuple[str, str]]  # label, what to say of n
    rows: list[tuple[str, str, list[_CellView]]]  # label, what to say of n, cells


def write_page(
    path: Path,
    *,
    title: str,
    citation: str,
    summary: Sequence[tuple[str, str]],
    warnings: Sequence[str],
    tables: Sequence[Table],
    figures: Sequence[tuple[str, Path]],
    deviations: Sequence[str],
    assumptions: Sequence[tuple[str, str, str]],
    repeat_command: str,
    versions: Mapping[str, str],
) -> None:
    """Write the report of a run as one HTML file, atomically; the same input gives the same bytes.

    Prose (warnings, notes, reasons, deviations, values) may hold `code` in backticks; everything is escaped.

    Args:
        path: the file to write.
        title: the paper's short name and what this is.
        citation: of the paper.
        summary: what was run, as (key, value): protocol, schedule, corpora, seeds, hardware, time.
        warnings: printed in bold at the top.
        tables: in the paper's order.
        figures: (caption, PNG file); the images become part of the page.
        deviations: where the run differs from the paper.
        assumptions: (name, value, source) of every value that the paper does not give.
        repeat_command: the command line that gives these results again.
        versions: package -> version.

    Raises:
        OSError: a figure cannot be read, or the page cannot be written.
    """
    text = _template().render(
        title=title,
        citation=citation,
        summary=list(summary),
        warnings=list(warnings),
        tables=[_table_view(table) for table in tables],
        figures=[(caption, base64.b64encode(Path(png).read_bytes()).decode()) for caption, png in figures],
        deviations=list(deviations),
        assumptions=list(assumptions),
        repeat_command=repeat_command,
        versions=dict(versions),
    )
    write_atomically(Path(path), text.encode())


def _template() -> "Template":
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["split_code"] = split_code
    source = resources.files("tfsergan.report").joinpath("page.html").read_text(encoding="utf-8")
    return environment.from_string(source)


def _table_view(table: Table) -> _TableView:
    said = sizes(table)
    scale = _scale(table)

    def cell_view(row: str, column: str) -> _CellView:
        cell = table.cells.get((row, column), Cell())
        return _cell_view(table, cell, said.cells.get((row, column), ""), scale)

    return _TableView(
        table=table,
        size=said.everywhere,
        columns=[(column, said.columns.get(column, "")) for column in table.columns],
        rows=[
            (row, said.rows.get(row, ""), [cell_view(row, column) for column in table.columns])
            for row in table.rows
        ],
    )


def _cell_view(table: Table, cell: Cell, size: str, scale: tuple[float, float]) -> _CellView:
    return _CellView(
        ours=score_text(cell.ours, table.decimals) if cell.ours else "",
        interval=interval_text(cell.ours, table.decimals) if cell.ours else "",
        reported=score_text(cell.reported, table.decimals) if cell.reported else "",
        difference=difference_text(cell, table.decimals),
        size=size,
        rerun=RERUN if cell.rerun else "",
        footnote=table.reasons.index(cell.missing) + 1 if cell.missing else 0,
        strip=_strip(cell, scale),
    )


def _bounds(ours: Measured) -> tuple[float, float]:
    return ours.interval or (ours.mean, ours.mean)


def _scale(table: Table) -> tuple[float, float]:
    """The range of what the strips show, so that strips of one table can be compared."""
    shown = [cell for cell in table.cells.values() if cell.ours]
    values = [value for cell in shown for value in (cell.ours.mean, *_bounds(cell.ours))]
    values += [cell.reported.mean for cell in shown if cell.reported]
    return (min(values), max(values)) if values else (0.0, 1.0)


def _strip(cell: Cell, scale: tuple[float, float]) -> _Strip | None:
    if cell.ours is None or scale[0] == scale[1]:
        return None

    def place(value: float) -> float:  # 3 % of margin, so that no mark is cut off
        return round(3 + 94 * (value - scale[0]) / (scale[1] - scale[0]), 2)

    low, high = _bounds(cell.ours)
    reported = place(cell.reported.mean) if cell.reported else None
    return _Strip(place(low), place(high), place(cell.ours.mean), reported)
