"""A table with every kind of cell: only reported, measured, one repeat, not run, empty."""

import pytest

from tfsergan.report.overview import Source
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


def matrices(right: int, wrong: int, speakers: int = 4) -> dict:
    """Confusion matrices of two classes by speaker; the UAR goes up with the speaker's number."""
    return {f"s{i}": [[right + i, wrong], [wrong, right + i]] for i in range(speakers)}


def rows_of(run: dict, table: int, cells: dict, fold: str = "1") -> list[dict]:
    """Results of a run: (row, column) -> confusion matrices by speaker, in two repeats."""
    told = {name: run["run"][name] for name in ("paper", "protocol", "schedule", "overrides", "seed")}
    told |= {"corpora": {role: entry["name"] for role, entry in run["corpora"].items()}}
    told |= {"settings": "00ff00ff", "versions": run["versions"], "table": table, "fold": fold, "repeats": 2}
    classes = {"classes": ["angry", "sad"], "n": 40}
    return [
        {**told, **classes, "row": row, "column": column, "repeat": i, "confusion": found}
        | {"metrics": {"uar": 0.5, "wa": 0.5}}
        for (row, column), found in cells.items()
        for i in range(2)
    ]


def run_toml(paper: str, corpora: dict[str, str], schedule: str, protocol: str) -> dict:
    entry = {"utterances": 40, "features": "is10", "fingerprint": "00ff"}
    return {
        "command": f"tfsergan reproduce {paper}",
        "run": {"paper": paper, "schedule": schedule, "protocol": protocol, "seed": 0, "overrides": {}},
        "corpora": {role: {"name": name, **entry} for role, name in corpora.items()},
        "missing": {},
        "settings": {"batch_size": 64, "classifier_units": [100, 100]},
        "versions": {"tfsergan": "0"},
        "hardware": {"cores": 2},
    }


@pytest.fixture(scope="session")
def several_runs() -> list[Source]:
    """A run of bao2019 on the paper's corpora, one on the demo corpus, and one of yi2019."""
    good, bad = matrices(9, 1), matrices(6, 4)
    own = {"labelled": "iemocap", "source": "tedlium", "cross": "msp_improv"}
    one = run_toml("bao2019", own, "compact", "strict")
    cells = {("", "Real"): bad, ("lambda_cls=2", "Real+Syn."): good, ("lambda_cls=0", "Real+Syn."): bad}
    two = run_toml("bao2019", {"labelled": "demo/labelled"}, "quick", "paper")
    three = run_toml("yi2019", {"acted": "emodb"}, "paper", "paper")
    return [
        Source(one, rows_of(one, 2, cells), "`runs/own`"),
        Source(two, rows_of(two, 2, {("", "Real"): bad}), "`runs/demo`"),
        Source(three, rows_of(three, 1, {("SVM", "test"): good, ("DNN", "test"): bad}), "`runs/yi`"),
    ]
