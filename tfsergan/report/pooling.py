"""Results of a run, grouped as its tables need them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Cells = Mapping[tuple[int, str, str], Sequence[Mapping[str, Any]]]
"""Results by table, row and column."""


def by_cell(rows: Sequence[Mapping[str, Any]]) -> Cells:
    """Results by table, row and column."""
    cells = defaultdict(list)
    for row in rows:
        cells[row["table"], row["row"], row["column"]].append(row)
    return cells


def by_repeat(rows: Sequence[Mapping[str, Any]], repeats: int) -> np.ndarray:
    """Confusion matrices (repeats, speakers, k, k) of a cell's folds, speakers in the order of their names."""
    matrices = []
    for repeat in range(repeats):
        folds = [(row["fold"], row["confusion"]) for row in rows if row["repeat"] == repeat]
        named = [(name, fold, matrix) for fold, speakers in folds for name, matrix in speakers.items()]
        matrices.append([np.array(matrix) for _, _, matrix in sorted(named)])
    return np.array(matrices)
