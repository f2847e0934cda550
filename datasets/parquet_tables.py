"""Parquet files as columns of text and of numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from tfsergan.datasets.faults import fault

if TYPE_CHECKING:
    import pyarrow

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Ticks a second of Parquet's durations."""


def column_names(path: Path) -> tuple[str, ...]:
    """The names of all columns, in the file's order.

    Raises:
        TfserganError: this is no Parquet file.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        return tuple(pyarrow.parquet.read_schema(path).names)
    except (pyarrow.ArrowException, OSError) as error:
        _refuse(path, error)


def read_columns(path: Path, columns: list[str]) -> "pyarrow.Table":
    """Some columns of a file, with their checksums verified.

    Raises:
        TfserganError: the file is damaged.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read(columns=columns)
    except (pyarrow.ArrowException, OSError) as error:
        _refuse(path, error)


def _refuse(path: Path, error: Exception) -> NoReturn:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    remedy = "copy or write the file again; it may have been cut off"
    raise fault(path, f"not a readable Parquet file ({reason})", remedy) from error


def text_column(path: Path, table: "pyarrow.Table", column: str) -> list[str]:
    """A column as text: whole numbers without a decimal point, durations in seconds, missing values as "".

    Raises:
        TfserganError: the column holds something else than text, numbers, times or categories.
    """
    import pyarrow

    kind = table.schema.field(column).type
    if pyarrow.types.is_nested(kind) or pyarrow.types.is_binary(kind):
        raise fault(
            path, f"text is expected, and this column holds {kind}", "write it as text", column=column
        )
    if pyarrow.types.is_duration(kind):  # pandas' index of opensmile and audformat
        ticks = table.column(column).cast(pyarrow.int64()).to_pylist()
        return ["" if tick is None else repr(tick / UNITS[kind.unit]) for tick in ticks]
    return [_plain(value) for value in table.column(column).to_pylist()]


def _plain(value: object) -> str:
    if value is None or value != value:  # NaN, pandas' missing value
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def number_column(path: Path, table: "pyarrow.Table", column: str) -> np.ndarray:
    """A column of integers or floats (n,), NaN where a value is missing.

    Raises:
        TfserganError: the column holds something else.
    """
    import pyarrow

    kind = table.schema.field(column).type
    if not (pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind)):
        raise fault(
            path,
            f"a feature must be a number, and this column holds {kind}",
            "convert the column to numbers, or remove it",
            column=column,
        )
    return table.column(column).to_numpy()
