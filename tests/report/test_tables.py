"""tables.py: what each format says of each kind of cell, and that nothing is lost on the way."""

import csv
import dataclasses
import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tfsergan.errors import TfserganError
from tfsergan.report import tables
from tfsergan.report.tables import TIMES, Cell, Measured, Score, Table

numbers = st.floats(-1e6, 1e6)
counts = st.integers(1, 10**6)
scores = st.builds(Score, numbers, st.none() | numbers)
measurements = st.builds(
    Measured, numbers, st.none() | numbers, counts, counts, counts,
    st.none() | st.tuples(numbers, numbers).map(sorted).map(tuple),
)  # fmt: skip
cells = st.one_of(
    st.builds(Cell, st.none() | scores, measurements, rerun=st.text()),
    st.builds(Cell, st.none() | scores, missing=st.text()),
)
labels = st.lists(st.text(max_size=12), min_size=1, max_size=3, unique=True).map(tuple)


@st.composite
def any_table(draw) -> Table:
    rows, columns = draw(labels), draw(labels)
    places = st.tuples(st.sampled_from(rows), st.sampled_from(columns))
    prose = st.lists(st.text(max_size=30), max_size=2).map(tuple)
    return Table(
        number=draw(st.integers(1, 99)),
        title=draw(st.text()),
        unit=draw(st.text()),
        decimals=draw(st.integers(0, 5)),
        rows=rows,
        columns=columns,
        cells=draw(st.dictionaries(places, cells)),
        warnings=draw(prose),
        notes=draw(prose),
        counted=draw(st.text()),
        resampled=draw(st.text()),
    )


def printed(table: Table, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(tables.terminal(table))
    return console.file.getvalue()


def with_cells(table: Table, **sizes: int) -> Table:
    """The table with two measured cells of n = left and n = right utterances in each row."""
    places = {
        (row, column): Measured(50, 1, n, 5, 5, (49, 51)) for row in table.rows for column, n in sizes.items()
    }
    measured = {place: Cell(ours=ours) for place, ours in places.items()}
    return dataclasses.replace(table, columns=tuple(sizes), cells=measured)


@given(any_table())
@settings(deadline=None)
def test_json_round_trip(table):
    assert tables.from_json(tables.to_json(table)) == table


@given(any_table())
@settings(deadline=None, max_examples=40)
def test_every_format_takes_every_table(table):
    assert tables.to_markdown(table).endswith("\n")
    assert len(tables.to_csv(table).splitlines()) == len(table.cells) + 1
    assert printed(table)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"cells": []}', '{"cells": [{"row": "a"}]}', "null", "3"])
def test_from_json_refuses_other_text(text):
    with pytest.raises(TfserganError, match="not a table"):
        tables.from_json(text)


def test_json_holds_the_difference_for_other_readers(table):
    cells = json.loads(tables.to_json(table))["cells"]
    assert [cell["difference"] for cell in cells] == [None, pytest.approx(0.82), pytest.approx(-2.57),
                                                      pytest.approx(0.82), None]  # fmt: skip


def test_numpy_numbers_become_plain_ones():
    ours = Measured(np.float32(0.5), np.float64(0.25), np.int64(7), 1, 1, tuple(np.array([0.25, 0.75])))
    assert ours == Measured(0.5, 0.25, 7, 1, 1, (0.25, 0.75))
    assert {type(ours.mean), type(ours.std), type(ours.interval[0])} == {float}
    assert type(ours.n) is int


@pytest.mark.parametrize(
    "build",
    [
        lambda: Score(float("nan")),
        lambda: Score(1.0, float("inf")),
        lambda: Measured(1.0, None, 0, 1, 1, None),
        lambda: Measured(1.0, None, 1, 1, 1, (2.0, 1.0)),
        lambda: Measured(1.0, None, 1, 1, 1, (0.0, float("nan"))),
        lambda: Cell(ours=Measured(1.0, None, 1, 1, 1, None), missing="why"),
        lambda: Cell(rerun="elsewhere"),
        lambda: Table(1, "", "", 1, ("a", "a"), ("b",), {}),
        lambda: Table(1, "", "", 1, ("a",), ("b",), {("b", "a"): Cell()}),
    ],
)
def test_impossible_values_are_refused(build):
    with pytest.raises(ValueError, match=r"finite|least|interval|missing|twice|place|re-run"):
        build()


@pytest.mark.parametrize(
    ("value", "plus", "text"),
    [(0.816, "+", "+0.82"), (-0.5, "+", "\N{MINUS SIGN}0.50"), (-0.001, "+", "0.00"), (0.0, "+", "0.00"),
     (10.0, "", "10.00"), (-1, "", "\N{MINUS SIGN}1.00")],
)  # fmt: skip
def test_signed(value, plus, text):
    assert tables.signed(value, 2, plus) == text


def test_markdown_lines(table, reason):
    lines = tables.to_markdown(table).splitlines()
    assert lines[0] == "### Table 2. Cross-validation on a corpus"
    assert "**Demo corpus: these numbers are not the paper's.**" in lines
    rows = [
        [field.strip() for field in line.strip("|").split(" | ")] for line in lines if line.startswith("|")
    ]
    assert rows[0] == ["", "", "Reported", "Ours", "95 % interval", "Difference"]
    assert rows[2] == ["Other \\[11]", "Real", "59.42", "\N{EN DASH}", "", ""]
    assert rows[3] == ["lambda = 0", "Real", "59.48 ± 0.71", "**60.30 ± 0.42**", "[56.90, 63.80]", "+0.82"]
    assert rows[4] == ["lambda = 0", "Syn.", "51.57 ± 0.60", "**49.00**", "", "\N{MINUS SIGN}2.57"]
    assert rows[6][:4] == ["lambda = 2", "Syn.", "46.59 ± 0.75", "not run (1)"]
    assert f"(1) Not run: {reason}" in lines
    assert lines[-2:] == ["- Protocol strict.", "- Schedule quick."]
    assert sum("n = 5531 utterances (5 folds" in line for line in lines) == 1


def test_markdown_escapes_what_would_be_markup(table):
    hostile = dataclasses.replace(
        table, title="a | b <script>*x*_y_`", notes=("<b> `--dir <dir>`\nsnake_case",)
    )
    text = tables.to_markdown(hostile)
    assert r"a \| b \<script>\*x\*\_y\_\`" in text
    assert r"- \<b> `--dir <dir>` snake_case" in text


def test_markdown_leaves_out_what_a_small_table_does_not_need(table):
    one = with_cells(table, only=10)
    assert "only" not in tables.to_markdown(one)
    unmeasured = dataclasses.replace(table, cells={("Other [11]", "Real"): Cell(Score(1.0))})
    assert "Ours:" not in tables.to_markdown(unmeasured)
    assert "ours" not in printed(unmeasured)


def test_csv_is_full_precision(table, reason):
    rows = list(csv.DictReader(io.StringIO(tables.to_csv(table))))
    assert tables.to_csv(table).startswith(
        "table,row,column,reported_mean,reported_std,ours_mean,ours_std,n,repeats,folds,"
        "interval_low,interval_high,difference,missing,rerun\n"
    )
    assert list(rows[1].values()) == ["2", "lambda = 0", "Real", "59.48", "0.71", "60.3", "0.42", "5531", "5",
                                      "5", "56.9", "63.8", repr(60.3 - 59.48), "", ""]  # fmt: skip
    assert list(rows[0].values())[3:] == ["59.42"] + [""] * 11
    assert rows[4]["missing"] == reason


def test_terminal_fits_100_columns_and_says_all(table, reason):
    text = printed(table)
    assert max(map(len, text.splitlines())) <= 100
    assert "60.30 ± 0.42 [56.90, 63.80]" in text
    assert "paper 59.48 ± 0.71 (+0.82)" in text
    assert "not run (1)" in text
    assert f"(1) not run: {reason}" in " ".join(text.split())
    for line in (*table.warnings, *table.notes, "Other [11]"):
        assert line in text
    assert text.count("n = 5531") == 1


@pytest.mark.parametrize("columns", [1, 3, 4, 6, 9])
def test_terminal_changes_its_layout_with_the_width(table, columns):
    wide = with_cells(table, **{f"classifier {i}": 100 for i in range(columns)})
    text = printed(wide)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    assert text.count("50.00 ± 1.00") == text.count("[49.00, 51.00]") == 3 * columns


def test_table_says_what_is_counted_and_resampled(table):
    features = dataclasses.replace(table, counted="features", resampled="feature_names")
    for text in (tables.to_markdown(features), printed(features)):
        assert "n = 5531 features (" in text
        assert "feature_names" in text
        assert "speakers" not in text
        assert "utterances" not in text


def test_reasons_are_numbered_once_each(table):
    cells = {(row, "Real"): Cell(missing=why) for row, why in zip(table.rows, ("b", "a", "b"), strict=True)}
    several = dataclasses.replace(table, cells=cells)
    assert several.reasons == ("b", "a")
    text = tables.to_markdown(several)
    assert (text.count("not run (1)"), text.count("not run (2)")) == (2, 1)
    assert "(1) Not run: b" in text
    assert "(2) Not run: a" in text


def test_sizes_are_said_at_the_coarsest_place(table):
    assert tables.sizes(table).everywhere == f"n = 5531 utterances (5 folds {TIMES} 5 repeats)"
    by_column = tables.sizes(with_cells(table, left=10, right=1))
    assert by_column.columns["right"].startswith("n = 1 utterances (")
    assert not by_column.everywhere
    assert not by_column.cells
    turned = {("lambda = 0", "Real"): 3, ("lambda = 2", "Real"): 4}
    ours = {place: Cell(ours=Measured(1, None, n, 1, 1, None)) for place, n in turned.items()}
    corner = {**ours, ("lambda = 0", "Syn."): ours["lambda = 0", "Real"]}
    by_row = tables.sizes(dataclasses.replace(table, cells=corner))
    assert by_row.rows == {
        "lambda = 0": f"n = 3 utterances (1 fold {TIMES} 1 repeat)",
        "lambda = 2": f"n = 4 utterances (1 fold {TIMES} 1 repeat)",
    }
    mixed = {**corner, ("lambda = 2", "Syn."): Cell(ours=Measured(1, None, 5, 1, 1, None))}
    by_cell = dataclasses.replace(table, cells=mixed)
    assert len(tables.sizes(by_cell).cells) == 4
    assert f"5 (1 {TIMES} 1)" in tables.to_markdown(by_cell)
    assert f"n = 5 utterances (1 fold {TIMES} 1 repeat)" in printed(by_cell)


def test_write_makes_the_three_files_and_leaves_nothing_else(table, tmp_path):
    folder = tmp_path / "new" / "tables"
    paths = tables.write(table, folder)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(first) == ["table2.csv", "table2.json", "table2.md"] == sorted(path.name for path in paths)
    tables.write(table, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert tables.from_json(first["table2.json"].decode()) == table


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    from tfsergan import files

    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        files.write_atomically(path, b"new")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("file", b"old")]
