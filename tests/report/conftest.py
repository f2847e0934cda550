"""A table with every kind of cell: only reported, measured, one repeat, not run, empty."""

import pytest

from tfsergan.report.tables import Cell, Measured, Score, Table

REASON = "corpus far_away is not there; put it into `corpora/far_away`, then `tfsergan reproduce <paper>`"


@pytest.fixture
def reason() -> str:
    return REASON


@pytest.fixture
def table() -> Table:
    real = Cell(Score(59.48, 0.71), Measured(60.30, 0.42, 5531, 5, 5, (56.9, 63.8)))
    return Table(
        number=2,
        title="Cross-validation on a corpus",
        unit="UAR, %",
        decimals=2,
        rows=("Other [11]", "lambda = 0", "lambda = 2"),
        columns=("Real", "Syn."),
        cells={
            ("Other [11]", "Real"): Cell(Score(59.42)),
            ("lambda = 0", "Real"): real,
            ("lambda = 0", "Syn."): Cell(Score(51.57, 0.60), Measured(49.0, None, 5531, 5, 5, None)),
            ("lambda = 2", "Real"): real,
            ("lambda = 2", "Syn."): Cell(Score(46.59, 0.75), missing=REASON),
        },
        warnings=("Demo corpus: these numbers are not the paper's.",),
        notes=("Protocol strict.", "Schedule quick."),
    )
