"""What measured tables say of a paper: whether a cell agrees, a table is reproduced, a claim holds.

A reported score was measured on the same utterances as ours, so that the interval over speakers, which is wide where
speakers are few, is no excuse for a difference: only the spread over repeats is. Where that is wide, the interval still
has to hold the reported score. `docs/reading.md` explains the rule.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfsergan import metrics
from tfsergan.papers import Claim, Paper, Place, TableSpec
from tfsergan.report.pooling import Cells, by_repeat
from tfsergan.report.tables import Cell, Table, signed

AGREES, IN_INTERVAL, DIFFERS = "agrees", "in the interval", "differs"
OTHER_CORPUS, TRIAL, NOT_RUN = "other corpus", "trial", "not run"
REPRODUCED, PARTLY, NOT, OURS_ALONE = "reproduced", "partly", "not reproduced", "ours alone"
HOLDS, FAILS, UNDECIDED, NOT_MEASURED = "holds", "does not hold", "undecided", "not measured"
JUDGED = (AGREES, IN_INTERVAL, DIFFERS)
TRIAL_SCHEDULE = "quick"  # some of the folds and narrow networks: made for trying out


@dataclass(frozen=True)
class Verdict:
    """What became of a table, or of all tables of a run.

    Args:
        kind: `REPRODUCED`, `PARTLY`, `NOT`, `OTHER_CORPUS`, `TRIAL`, `NOT_RUN` or `OURS_ALONE`.
        text: what it comes from: how many cells agree, what the others are, or what is needed.
        cells: the standing of each (row, column) that the paper reports as its own.
    """

    kind: str
    text: str
    cells: Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Checked:
    """What became of a claim.

    Args:
        claim: of the paper.
        status: `HOLDS`, `FAILS`, `UNDECIDED`, `NOT_MEASURED` or, whatever a quick schedule says, `TRIAL`.
        differences: for each lesser cell its name, the paper's difference and ours with its interval; "" for none.
        caveat: corpora that are not the paper's; "" for none.
    """

    claim: Claim
    status: str
    differences: tuple[tuple[str, str, str], ...]
    caveat: str


def tolerance(cell: Cell, decimals: int) -> float:
    """How far ours may be from a reported score, if both are draws over repeats: twice their combined deviation.

    Where one of both deviations is not known, the other one stands for it; half a unit of the last printed digit is
    always allowed.
    """
    known = [score.std for score in (cell.ours, cell.reported) if score and score.std is not None]
    combined = math.sqrt(sum(std**2 for std in known) * 2 / len(known)) if known else 0.0
    return max(2 * combined, half_a_digit(decimals))


def half_a_digit(decimals: int) -> float:
    """What rounding may change: half a unit of the last digit."""
    return 0.5 * 10**-decimals


def judge(cell: Cell, decimals: int) -> str:
    """Whether a measured cell agrees with the reported one: `AGREES`, `IN_INTERVAL` or `DIFFERS`.

    Raises:
        ValueError: nothing is measured or nothing reported.
    """
    if cell.ours is None or cell.reported is None:
        raise ValueError("a cell is judged that is not both measured and reported")
    apart, interval = abs(cell.ours.mean - cell.reported.mean) - 1e-9, cell.ours.interval
    inside = interval is not None and interval[0] <= cell.reported.mean <= interval[1]
    if apart <= half_a_digit(decimals) or (apart <= tolerance(cell, decimals) and (inside or not interval)):
        return AGREES
    return IN_INTERVAL if inside else DIFFERS


def kind_of(standings: Sequence[str], measured: bool) -> str:
    """The verdict on cells: reproduced only if all that are reported agree, on the paper's own corpora.

    Args:
        standings: one a reported cell.
        measured: whether there is any measurement, also where nothing is reported.
    """
    if all(standing == NOT_RUN for standing in standings):
        return OURS_ALONE if measured else NOT_RUN
    agreeing = standings.count(AGREES)
    if any(standing in JUDGED for standing in standings):
        return REPRODUCED if agreeing == len(standings) else PARTLY if agreeing else NOT
    return OTHER_CORPUS if OTHER_CORPUS in standings else TRIAL


def foreign(paper: Paper, roles: Sequence[str], run: Mapping[str, Any]) -> list[str]:
    """Which of these roles have not the paper's corpus, or not all of it: "emodb for msp_improv"."""
    found = []
    for role in roles:
        spec, here = paper.roles[role], run["corpora"].get(role)
        if here and here["name"] != spec.corpus:
            found.append(f"{here['name']} for {spec.corpus}")
        elif here and spec.utterances and here.get("utterances", spec.utterances) != spec.utterances:
            found.append(f"{here['utterances']} of {spec.utterances} utterances of {spec.corpus}")
    return list(dict.fromkeys(found))


def standings(
    paper: Paper, spec: TableSpec, table: Table, run: Mapping[str, Any]
) -> dict[tuple[str, str], str]:
    """How each cell that the paper reports as its own stands; what it quotes from others is not judged."""
    found = {}
    for row, column in spec.reported:
        if row in spec.quoted:
            continue
        cell = table.cells[row, column]
        if cell.ours is None:
            found[row, column] = NOT_RUN
        elif foreign(paper, spec.needs_of(column), run):
            found[row, column] = OTHER_CORPUS
        elif run["run"]["schedule"] == TRIAL_SCHEDULE:
            found[row, column] = TRIAL
        else:
            found[row, column] = judge(cell, table.decimals)
    return found


def counted(spec: TableSpec, cells: Mapping[tuple[str, str], str]) -> list[str]:
    """Standings, with cells that show one and the same measurement counted once."""
    return list({(spec.place(*at), spec.reported[at]): standing for at, standing in cells.items()}.values())


def of_table(paper: Paper, spec: TableSpec, table: Table, run: Mapping[str, Any]) -> Verdict:
    """The verdict on one table of a run."""
    cells = standings(paper, spec, table, run)
    once = counted(spec, cells)
    kind = kind_of(once, any(cell.ours and not cell.rerun for cell in table.cells.values()))
    if kind == NOT_RUN:
        return Verdict(kind, what_it_needs(paper, spec, run), cells)
    if kind == OURS_ALONE:
        return Verdict(kind, beside_nothing(once, what_it_needs(paper, spec, run)), cells)
    return Verdict(kind, reasons(once, conditions(paper, spec.needs, run)), cells)


def of_run(paper: Paper, tables: Sequence[tuple[TableSpec, Verdict]], run: Mapping[str, Any]) -> Verdict:
    """The verdict on all tables of a run."""
    once = [standing for spec, verdict in tables for standing in counted(spec, verdict.cells)]
    kind = kind_of(once, any(verdict.kind != NOT_RUN for _, verdict in tables))
    if kind == OURS_ALONE:
        return Verdict(kind, beside_nothing(once, conditions(paper, [], run)), {})
    return Verdict(kind, reasons(once, conditions(paper, [], run)), {})


def reasons(once: Sequence[str], under: str) -> str:
    """How many cells agree, what the others are, and under which conditions."""
    n = Counter(once)
    others = {
        IN_INTERVAL: "more in the interval over speakers",
        OTHER_CORPUS: "on other corpora",
        TRIAL: "of a trial",
        NOT_RUN: "not run",
    }
    parts = [f"{n[standing]} {words}" for standing, words in others.items() if n[standing]]
    return "; ".join([text for text in (agreeing(once), *parts) if text]) + f" ({under})"


def beside_nothing(once: Sequence[str], more: str) -> str:
    """Why scores of ours stand alone: "the paper reports no such scores; 92 that it reports are not run (...)"."""
    text = "the paper reports no such scores"
    return f"{text}; {len(once)} that it reports are not run ({more})" if once else text


def agreeing(once: Sequence[str]) -> str:
    """ "3 of 7 comparable cells agree"; nothing where none was judged."""
    judged = [standing for standing in once if standing in JUDGED]
    words = "cell agrees" if len(judged) == 1 else "cells agree"
    return f"{judged.count(AGREES)} of {len(judged)} comparable {words}" if judged else ""


def conditions(paper: Paper, roles: Sequence[str], run: Mapping[str, Any]) -> str:
    """How a run differs: "compact schedule with `repeats=1`, strict protocol; emodb for msp_improv"."""
    r = run["run"]
    changed = [f"`{name}={value}`" for name, value in r["overrides"].items()]
    schedule = f"{r['schedule']} schedule" + (f" with {', '.join(changed)}" if changed else "")
    return "; ".join([f"{schedule}, {r['protocol']} protocol", *foreign(paper, roles, run)])


def what_it_needs(paper: Paper, spec: TableSpec, run: Mapping[str, Any]) -> str:
    """Why a table was not run: a corpus that was not there, or nobody asked for it."""
    absent = [paper.roles[role].corpus for role in spec.needs if role in run.get("missing", {})]
    if absent:
        return f"needs {', '.join(dict.fromkeys(absent))}"
    return f"`tfsergan reproduce {paper.name} --table {spec.number}`"


# Claims


def check(claim: Claim, paper: Paper, cells: Cells, run: Mapping[str, Any]) -> Checked:
    """Whether the order that a claim asserts is there: against each lesser cell, in a paired comparison."""
    spec = paper.table(claim.table)
    found, statuses = [], []
    for lesser in claim.lesser:
        first, second = spec.place(*claim.greater), spec.place(*lesser)
        ours = paired(rows_at(cells, first), rows_at(cells, second), first.metric)
        statuses.append(status(ours))
        scores = [spec.reported[cell][0] for cell in (claim.greater, lesser) if cell in spec.reported]
        printed = signed(scores[0] - scores[1], spec.decimals, "+") if len(scores) == 2 else ""
        found.append((named(claim.greater, lesser), printed, difference_words(ours, spec)))
    overall = next((s for s in (FAILS, NOT_MEASURED, UNDECIDED) if s in statuses), HOLDS)
    if overall != NOT_MEASURED and run["run"]["schedule"] == TRIAL_SCHEDULE:
        overall = TRIAL
    roles = {role for _, column in (claim.greater, *claim.lesser) for role in spec.needs_of(column)}
    others = [role for role in paper.roles if role in roles]
    caveat = ", ".join(foreign(paper, others, run))
    return Checked(claim, overall, tuple(found), caveat if overall != NOT_MEASURED else "")


def named(greater: tuple[str, str], lesser: tuple[str, str]) -> str:
    """The two cells, without what they share: "Real+Syn. over Real"."""
    rows, columns = zip(greater, lesser, strict=True)
    if rows[0] == rows[1]:
        return " over ".join(columns)
    if columns[0] == columns[1]:
        return " over ".join(rows)
    return " over ".join(f"{row} {column}" for row, column in (greater, lesser))


def status(ours: metrics.Difference | None) -> str:
    """What the interval of a difference says of its sign."""
    if ours is None:
        return NOT_MEASURED
    low, high = ours.interval
    return HOLDS if low > 0 else FAILS if high < 0 else UNDECIDED


def difference_words(ours: metrics.Difference | None, spec: TableSpec) -> str:
    """ "+1.20 [-0.30, 2.70]" """
    if ours is None:
        return ""
    mean, low, high = (value * spec.scale for value in (ours.mean, *ours.interval))
    digits = spec.decimals
    return f"{signed(mean, digits, '+')} [{signed(low, digits)}, {signed(high, digits)}]"


def rows_at(cells: Cells, place: Place) -> list[Mapping[str, Any]]:
    """The results at a place that have its metric."""
    found = cells.get((place.table, place.row, place.column), [])
    return [row for row in found if place.metric in row["metrics"]]


def paired(
    one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]], metric: str
) -> metrics.Difference | None:
    """The difference of two cells on the folds that both have, with a 95 % interval.

    Confusion matrices: a paired bootstrap over speakers and repeats. Else, of three folds on: Student's interval of
    the folds' differences. Else, where each has an interval of its own: their outermost difference.

    Returns: None where nothing can be compared.
    """
    common = {row["fold"] for row in one} & {row["fold"] for row in other}
    one, other = ([row for row in rows if row["fold"] in common] for rows in (one, other))
    if not common:
        return None
    if all("confusion" in row for row in (*one, *other)):
        repeats = min(row["repeats"] for row in (*one, *other))
        counts = [by_repeat(rows, repeats) for rows in (one, other)]
        if counts[0].shape != counts[1].shape:
            return None
        return metrics.paired_difference(*counts, statistic=getattr(metrics, metric))
    if len(common) >= 3:
        ours, others = by_fold(one, metric), by_fold(other, metric)
        return over_folds([ours[fold] - others[fold] for fold in sorted(common)])
    if all(len(rows) == 1 and rows[0].get("interval") for rows in (one, other)):
        (low, high), (other_low, other_high) = one[0]["interval"], other[0]["interval"]
        mean = one[0]["metrics"][metric] - other[0]["metrics"][metric]
        return metrics.Difference(mean, (low - other_high, high - other_low), math.nan)
    return None


def by_fold(rows: Sequence[Mapping[str, Any]], metric: str) -> dict[str, float]:
    """A metric's mean over repeats, by fold."""
    folds = {row["fold"] for row in rows}
    return {f: float(np.mean([row["metrics"][metric] for row in rows if row["fold"] == f])) for f in folds}


def over_folds(differences: Sequence[float]) -> metrics.Difference:
    """The mean of paired differences, with Student's 95 % interval and two-sided p.

    Differences that are all the same have no spread: the interval is their mean alone, and p is not known.
    """
    from scipy import stats

    mean = float(np.mean(differences))
    if np.ptp(differences) == 0:
        return metrics.Difference(mean, (mean, mean), math.nan)
    found = stats.ttest_1samp(differences, 0.0)
    low, high = found.confidence_interval(0.95)
    return metrics.Difference(mean, (float(low), float(high)), float(found.pvalue))
