"""Reads one feature table, `<features>.{parquet,csv,arff}`: one row an utterance, one column a feature.

A table is read whole or refused: every fault names the file, the data row (from 1) with its utterance, the
column, and what to do about it.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import NoReturn

import numpy as np

from tfsergan.datasets.feature_table.faults import fault
from tfsergan.datasets.feature_table.text_tables import text_table
from tfsergan.errors import TfserganError
from tfsergan.features.functionals import FEATURE_SETS

SUFFIXES = (".parquet", ".csv", ".arff")

METADATA = (
    "utterance", "speaker", "session", "gender", "emotion", "part", "improvised", "valence", "activation",
    "dominance", "start", "end", "id_certain", "file", "name", "frameTime",
)  # fmt: skip
"""Columns that describe an utterance; every other column is a feature."""

RATINGS = ("valence", "activation", "dominance")
"""Columns of numbers about an utterance; an empty cell is no rating."""

LONGEST_TEXT = 1000  # characters in a metadata cell; more means that the wrong column was read

_KEPT = ("utterance", "speaker", "session", "gender", "emotion", "part", "improvised", *RATINGS)
_MAY_HAVE_GAPS = ("gender", "part", "improvised", *RATINGS)
_NUMBERED = re.compile(r"(f|x|v|feat|feature|col|column|var|att|attribute|unnamed:)?[ _]?\d+", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """One table; the arrays of text have one entry a row, "" where the table has no such column."""

    ids: np.ndarray  # (n,) str, unique
    speaker: np.ndarray  # (n,) str
    session: np.ndarray  # (n,) str; the speaker where the table has no session
    gender: np.ndarray  # (n,) str
    part: np.ndarray  # (n,) str: "improvised", "scripted" or what the column `part` says
    ratings: dict[str, np.ndarray]  # of `RATINGS`, each (n,) float32; NaN where there is none
    emotion: np.ndarray  # (n,) str, as the table writes it; "" everywhere in an unlabelled table
    feature_names: tuple[str, ...]  # d names
    x: np.ndarray  # (n, d) float32, finite


def find_table(folder: Path, features: str) -> Path | None:
    """The table of a feature set in a corpus folder, None where there is none.

    Raises:
        TfserganError: the folder holds the set in two formats, which may disagree.
    """
    found = [path for suffix in SUFFIXES if (path := folder / f"{features}{suffix}").is_file()]
    if len(found) > 1:
        raise TfserganError(
            f"{folder} holds {' and '.join(path.name for path in found)}: which one counts is unclear. "
            "Keep one and move the other out of the folder."
        )
    return found[0] if found else None


def feature_names(path: Path) -> tuple[str, ...]:
    """The names of a table's features, in the order `read_table` gives them; reads the header alone."""
    return _plan(path, _columns(path)).feature_names


def read_table(path: Path) -> FeatureTable:
    """Read a table and check all of it.

    Args:
        path: a file `<features>.{parquet,csv,arff}`. For a set in `FEATURE_SETS` the columns must
            be that set's; they may come in any order where the set's names are known.

    Raises:
        TfserganError: anything is wrong with the file.
    """
    plan = _plan(path, _columns(path))
    read = _read_parquet if path.suffix == ".parquet" else _read_text
    text, x = read(path, plan)
    if not len(x):
        raise fault(path, "the table has no rows", "write the table again, or remove the file")
    text = _complete(plan, text)
    _check_text(path, plan, text)
    _check_finite(path, plan, text["utterance"], x)
    ratings = {name: _ratings(path, plan, text, name) for name in RATINGS}
    columns = {name: np.array(values) for name, values in text.items()}
    return FeatureTable(
        ids=columns["utterance"],
        speaker=columns["speaker"],
        session=columns["session"],
        gender=columns["gender"],
        part=np.array(_parts(path, plan, text)),
        ratings=ratings,
        emotion=columns["emotion"],
        feature_names=plan.feature_names,
        x=x,
    )


@dataclass(frozen=True)
class _Plan:
    """Which column of the file holds what."""

    columns: tuple[str, ...]
    text: dict[str, int]  # kept metadata -> index of its column
    feature_names: tuple[str, ...]
    features: tuple[int, ...]  # index of each feature's column


# ---- the header -----------------------------------------------------------------------------------------


def _columns(path: Path) -> tuple[str, ...]:
    """The names of all columns, in the file's order."""
    if path.suffix == ".parquet":
        return tuple(_parquet_file(path).schema_arrow.names)
    if path.suffix not in SUFFIXES:
        raise fault(path, "this is no feature table", f"give it as one of {', '.join(SUFFIXES)}")
    with text_table(path) as (columns, _):
        return columns


def _plan(path: Path, columns: tuple[str, ...]) -> _Plan:
    """Tell metadata from features and check both against what the table must have."""
    seen: set[str] = set()
    for number, name in enumerate(columns, start=1):
        if not name or name == "__index_level_0__":
            raise fault(
                path,
                f"column {number} has no name",
                "write the table without its row numbers (pandas: index=False)",
            )
        if name in seen:
            raise fault(path, "the column is there twice", "remove one of them", column=name)
        seen.add(name)
    text = {name: columns.index(name) for name in _KEPT if name in seen}
    for alias in ("file", "name"):  # openSMILE's own names of an utterance
        if "utterance" not in text and alias in seen:
            text["utterance"] = columns.index(alias)
    for name in ("utterance", "speaker"):
        if name not in text:
            raise fault(
                path,
                f"there is no column {name!r}; the first columns are {', '.join(map(repr, columns[:6]))}",
                f"add a column {name!r}: the README of tfsergan/datasets/feature_table shows a whole table",
            )
    found = tuple(name for name in columns if name not in METADATA)
    names = _expected_names(path, found)
    index = {name: position for position, name in enumerate(columns)}
    return _Plan(columns, text, names, tuple(index[name] for name in names))


def known_names(features: str) -> tuple[str, ...] | None:
    """The names of a feature set in openSMILE's order, None where they are not on record."""
    file = resources.files("tfsergan.features") / f"{features}_names.txt"
    return tuple(file.read_text(encoding="utf-8").split()) if file.is_file() else None


def _expected_names(path: Path, found: tuple[str, ...]) -> tuple[str, ...]:
    """Check the feature columns against the set that the file's name promises; return their order."""
    size = FEATURE_SETS.get(path.stem)
    remedy = f"export the set again with openSMILE's own names, or rename the file if it is not {path.stem}"
    if not found:
        raise fault(path, "there is no feature column", "add one numeric column a feature")
    if size is None:
        return found
    if all(_NUMBERED.fullmatch(name) for name in found):
        raise fault(
            path,
            f"the feature columns are numbered ({found[0]!r}, ...), so their order cannot be checked",
            f"name the {size} columns as openSMILE names {path.stem}",
        )
    known = known_names(path.stem)
    if known is None:
        if len(found) != size:
            raise fault(path, f"{path.stem} has {size} features, the table {len(found)}", remedy)
        return found
    missing = [name for name in known if name not in set(found)]
    extra = [name for name in found if name not in set(known)]
    problems = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
        for names, what in (
            (missing, f"of the {size} {path.stem} columns missing"),
            (extra, f"columns that are neither {path.stem} features nor metadata"),
        )
        if names
    ]
    if problems:
        raise fault(path, " and ".join(problems), remedy)
    return known


# ---- Parquet --------------------------------------------------------------------------------------------


def _parquet_file(path: Path):  # -> pyarrow.parquet.ParquetFile
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(path, page_checksum_verification=True)
    except (pyarrow.ArrowException, OSError) as error:
        _refuse_parquet(path, error)


def _refuse_parquet(path: Path, error: Exception) -> NoReturn:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    remedy = "copy or write the file again; it may have been cut off"
    raise fault(path, f"not a readable Parquet file ({reason})", remedy) from error


def _read_parquet(path: Path, plan: _Plan) -> tuple[dict[str, list[str]], np.ndarray]:
    import pyarrow

    try:
        table = _parquet_file(path).read(
            columns=[plan.columns[i] for i in (*plan.text.values(), *plan.features)]
        )
    except (pyarrow.ArrowException, OSError) as error:
        _refuse_parquet(path, error)
    text = {name: _parquet_text(path, table, plan.columns[index]) for name, index in plan.text.items()}
    x = np.empty((table.num_rows, len(plan.features)), np.float32)
    for j, name in enumerate(plan.feature_names):
        kind = table.schema.field(name).type
        if not (pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind)):
            raise fault(
                path,
                f"a feature must be a number, and this column holds {kind}",
                "convert the column to numbers, or remove it",
                column=name,
            )
        with np.errstate(over="ignore"):  # reported as not finite, with its row
            x[:, j] = table.column(name).to_numpy()
    return text, x


def _parquet_text(path: Path, table, column: str) -> list[str]:
    """A metadata column as text: whole numbers without a decimal point, missing values as ""."""
    import pyarrow

    kind = table.schema.field(column).type
    if pyarrow.types.is_nested(kind) or pyarrow.types.is_binary(kind):
        raise fault(
            path, f"text is expected, and this column holds {kind}", "write it as text", column=column
        )
    values = table.column(column).to_pylist()
    return [_plain(value) for value in values]


def _plain(value: object) -> str:
    if value is None or value != value:  # NaN, pandas' missing value
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


# ---- CSV and ARFF ---------------------------------------------------------------------------------------


def _read_text(path: Path, plan: _Plan) -> tuple[dict[str, list[str]], np.ndarray]:
    """The kept text columns and the features (n, d) of a CSV or ARFF file."""
    text: dict[str, list[str]] = {name: [] for name in plan.text}
    x: list[np.ndarray] = []
    with text_table(path) as (_, rows):
        for row, cells in enumerate(rows):
            if len(cells) != len(plan.columns):
                raise fault(
                    path,
                    f"{len(cells)} cells where the header has {len(plan.columns)} columns",
                    "write the row again; a separator or quote inside a cell needs quotes around the cell",
                    row=row,
                    utterance=(cells + [""] * len(plan.columns))[plan.text["utterance"]],
                )
            for name, index in plan.text.items():
                text[name].append("" if cells[index] == "?" else cells[index].strip())
            x.append(_numbers(path, plan, cells, row))
    return text, np.stack(x) if x else np.empty((0, len(plan.features)), np.float32)


def _numbers(path: Path, plan: _Plan, cells: Sequence[str], row: int) -> np.ndarray:
    """One row's features (d,) as float32."""
    values = [cells[index] for index in plan.features]
    if "_" not in ",".join(values):  # float() would read "1_0" as 10
        try:
            with np.errstate(over="ignore"):  # reported as not finite, with its row
                return np.array(list(map(float, values)), np.float64).astype(np.float32)
        except ValueError:
            pass
    name, value = next(
        pair for pair in zip(plan.feature_names, values, strict=True) if not _is_number(pair[1])
    )
    raise fault(
        path,
        "the value is missing" if value.strip() in ("", "?") else f"{value[:40]!r} is not a number",
        "extract the features of this utterance again, or remove its row",
        row=row,
        utterance=cells[plan.text["utterance"]],
        column=name,
    )


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return "_" not in value


# ---- checks of the whole table --------------------------------------------------------------------------


def _complete(plan: _Plan, text: dict[str, list[str]]) -> dict[str, list[str]]:
    """Every kept column: a missing session is the speaker, any other missing column is empty."""
    ids = text["utterance"]
    if plan.columns[plan.text["utterance"]] != "utterance":  # 'wav/03a01Fa.wav', quoted by SMILExtract
        ids = [re.split(r"[/\\]", name.strip("'"))[-1] for name in ids]
        ids = [re.sub(r"\.(wav|flac|mp3|ogg|sph)$", "", name, flags=re.IGNORECASE) for name in ids]
    complete = {name: text.get(name, [""] * len(ids)) for name in _KEPT} | {"utterance": ids}
    return complete if "session" in text else complete | {"session": text["speaker"]}


def _check_text(path: Path, plan: _Plan, text: dict[str, list[str]]) -> None:
    """Refuse empty and repeated utterances, and columns filled in some rows only."""
    ids = text["utterance"]
    for name, values in text.items():
        column = plan.columns[plan.text[name]] if name in plan.text else name
        for row, value in enumerate(values):
            if len(value) > LONGEST_TEXT or "\0" in value:
                problem = f"{value[:20]!r}... is longer than {LONGEST_TEXT} characters or holds a NUL"
                raise fault(path, problem, "check that the columns are in place", row=row, column=column)
        # A column that is empty throughout says "unknown"; an utterance can never be that.
        gaps = [row for row, value in enumerate(values) if not value]
        if gaps and name not in _MAY_HAVE_GAPS and (name == "utterance" or len(gaps) < len(values)):
            raise fault(
                path,
                f"the cell is empty, as in {len(gaps)} of {len(values)} rows",
                f"fill in the {name}, or remove the row",
                row=gaps[0],
                utterance=ids[gaps[0]],
                column=column,
            )
    first: dict[str, int] = {}
    for row, name in enumerate(ids):
        if name in first:
            problem = f"the same utterance is in row {first[name] + 1}"
            raise fault(
                path, problem, "remove one of the two rows", row=row, utterance=name, column="utterance"
            )
        first[name] = row


_PARTS = {"true": "improvised", "1": "improvised", "false": "scripted", "0": "scripted", "": ""}


def _parts(path: Path, plan: _Plan, text: dict[str, list[str]]) -> list[str]:
    """The column `part`, else what a column `improvised` of true and false says."""
    if "part" in plan.text:
        return text["part"]
    for row, value in enumerate(text["improvised"]):
        if value.lower() not in _PARTS:
            raise fault(
                path,
                f"{value[:40]!r} is neither true nor false",
                "write True for improvised and False for scripted speech",
                row=row,
                utterance=text["utterance"][row],
                column="improvised",
            )
    return [_PARTS[value.lower()] for value in text["improvised"]]


def _ratings(path: Path, plan: _Plan, text: dict[str, list[str]], name: str) -> np.ndarray:
    """A column of numbers (n,) float32, NaN where the cell is empty."""
    numbers = np.full(len(text[name]), np.nan, np.float32)
    for row, value in enumerate(text[name]):
        if value:
            if not _is_number(value) or not math.isfinite(float(value)):
                raise fault(
                    path,
                    f"{value[:40]!r} is no rating",
                    "write the mean over raters as a number, or leave the cell empty",
                    row=row,
                    utterance=text["utterance"][row],
                    column=name,
                )
            numbers[row] = float(value)
    return numbers


def _check_finite(path: Path, plan: _Plan, ids: list[str], x: np.ndarray) -> None:
    bad = np.argwhere(~np.isfinite(x))
    if not len(bad):
        return
    row, j = map(int, bad[0])
    value = {"nan": "the value is missing or NaN"}.get(str(x[row, j]), "the value is infinite in float32")
    raise fault(
        path,
        f"{value}, as {len(bad)} values in {len(np.unique(bad[:, 0]))} rows are not finite",
        "extract the features again (audio of 25 ms or less has none), or remove the rows",
        row=row,
        utterance=ids[row],
        column=plan.feature_names[j],
    )
