"""Results as HTML: single files that ask nothing of the network. The page of one run runs no script."""

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from tfsergan.report.verdicts import JUDGED, Verdict, tolerance

if TYPE_CHECKING:
    from jinja2 import Template

FIGURE_WIDTH = 1280  # pixels; wider figures are made smaller
FIGURE_COLOURS = 128  # enough for plots, and a third of the bytes


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
    standing: str = ""
    tolerance: str = ""


@dataclass(frozen=True)
class TableView:
    """A table as the templates take it; `table_view` makes one."""

    anchor: str
    table: Table
    verdict: Verdict | None
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
    text = template("page.html").render(
        title=title,
        citation=citation,
        summary=list(summary),
        warnings=list(warnings),
        tables=[table_view(table, f"t{number}") for number, table in enumerate(tables, 1)],
        figures=[figure_view(caption, png) for caption, png in figures],
        deviations=list(deviations),
        assumptions=list(assumptions),
        repeat_command=repeat_command,
        versions=dict(versions),
    )
    write_atomically(Path(path), text.encode())


def write_overview(
    path: Path, *, papers: Sequence[Mapping[str, Any]], filters: Mapping[str, Sequence[str]]
) -> int:
    """Write the page of several runs as one HTML file, atomically; the same input gives the same bytes.

    Its one script only hides what the reader does not ask for; without it all is shown.

    Args:
        path: the file to write.
        papers: as `tfsergan.report.overview` makes them.
        filters: what may be chosen of each property.

    Returns: the size of the page in bytes.

    Raises:
        OSError: the page cannot be written.
    """
    from markupsafe import Markup

    script = resources.files("tfsergan.report").joinpath("overview.js").read_text(encoding="utf-8")
    figure_count = sum(len(run["figures"]) for paper in papers for run in paper["runs"])

    def render(size: str) -> bytes:
        return (
            template("overview.html")
            .render(
                title="Adversarial methods for speech emotion recognition: what reproduces",
                papers=papers,
                filters=filters,
                script=Markup(script),
                script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
                size=size,
                figure_count=figure_count,
                version=version("tfsergan"),
            )
            .encode()
        )

    content = render(f"{len(render('')) / 1e6:.1f} MB")
    write_atomically(Path(path), content)
    return len(content)


def template(name: str) -> "Template":
    """One of the templates beside this file."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tfsergan.report", ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["split_code"] = split_code
    return environment.get_template(name)


def figure_view(caption: str, png: Path) -> dict[str, Any]:
    """A figure as the templates take it, in few bytes: at most `FIGURE_WIDTH` wide, in `FIGURE_COLOURS` colours.

    Raises:
        OSError: the file cannot be read, or is no image.
    """
    from PIL import Image

    with Image.open(png) as image:
        picture = image.convert("RGB")
    if picture.width > FIGURE_WIDTH:
        height = round(picture.height * FIGURE_WIDTH / picture.width)
        picture = picture.resize((FIGURE_WIDTH, height), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    picture.quantize(FIGURE_COLOURS, dither=Image.Dither.NONE).save(content, "PNG", optimize=True)
    encoded = base64.b64encode(content.getvalue()).decode()
    return {"caption": caption, "png": encoded, "width": picture.width, "height": picture.height}


def table_view(table: Table, anchor: str, verdict: Verdict | None = None) -> TableView:
    """A table as the templates take it.

    Args:
        table: to be shown.
        anchor: its name on the page.
        verdict: on it, with the standing of its cells; None to leave that out.
    """
    said = sizes(table)
    scale = _scale(table)

    def cell_view(row: str, column: str) -> _CellView:
        cell = table.cells.get((row, column), Cell())
        standing = verdict.cells.get((row, column), "") if verdict else ""
        return _cell_view(table, cell, said.cells.get((row, column), ""), scale, standing)

    return TableView(
        anchor=anchor,
        table=table,
        verdict=verdict,
        size=said.everywhere,
        columns=[(column, said.columns.get(column, "")) for column in table.columns],
        rows=[
            (row, said.rows.get(row, ""), [cell_view(row, column) for column in table.columns])
            for row in table.rows
        ],
    )


def _cell_view(table: Table, cell: Cell, size: str, scale: tuple[float, float], standing: str) -> _CellView:
    judged = standing in JUDGED
    return _CellView(
        ours=score_text(cell.ours, table.decimals) if cell.ours else "",
        interval=interval_text(cell.ours, table.decimals) if cell.ours else "",
        reported=score_text(cell.reported, table.decimals) if cell.reported else "",
        difference=difference_text(cell, table.decimals),
        size=size,
        rerun=RERUN if cell.rerun else "",
        footnote=table.reasons.index(cell.missing) + 1 if cell.missing else 0,
        strip=_strip(cell, scale),
        standing=standing if judged else "",
        tolerance=f"{tolerance(cell, table.decimals):.{table.decimals}f}" if judged else "",
    )


def _bounds(ours: Measured) -> tuple[float, float]:
    return ours.interval or (ours.mean, ours.mean)


def _scale(table: Table) -> tuple[float, float]:
    """The range of what the strips show, so that strips of one table can be compared."""
    cells = table.cells.values()
    values = [value for cell in cells if cell.ours for value in (cell.ours.mean, *_bounds(cell.ours))]
    values += [cell.reported.mean for cell in cells if cell.ours and cell.reported]
    return (min(values), max(values)) if values else (0.0, 1.0)


def _strip(cell: Cell, scale: tuple[float, float]) -> _Strip | None:
    if cell.ours is None or scale[0] == scale[1]:
        return None

    def place(value: float) -> float:  # 3 % of margin, so that no mark is cut off
        return round(3 + 94 * (value - scale[0]) / (scale[1] - scale[0]), 2)

    low, high = _bounds(cell.ours)
    reported = place(cell.reported.mean) if cell.reported else None
    return _Strip(place(low), place(high), place(cell.ours.mean), reported)
