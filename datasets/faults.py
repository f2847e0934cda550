"""How a fault in a table reads: file, row, utterance, column, problem, remedy."""

from pathlib import Path

from tfsergan.errors import TfserganError


def fault(
    path: Path,
    problem: str,
    remedy: str,
    *,
    row: int | None = None,
    utterance: str = "",
    column: str | None = None,
) -> TfserganError:
    """The error for one fault; `row` counts data rows from 0 and is printed from 1."""
    where = [str(path)]
    if row is not None:
        where.append(f"row {row + 1}" + (f" (utterance {utterance!r})" if utterance else ""))
    if column is not None:
        where.append(f"column {column!r}")
    return TfserganError(f"{', '.join(where)}: {problem}. To mend it: {remedy}.")
