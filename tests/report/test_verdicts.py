"""verdicts.py: the rule on cells, tables and claims, at its borders."""

import math
from collections import defaultdict

import pytest

from tfsergan import papers
from tfsergan.papers import Claim
from tfsergan.report import assemble, verdicts
from tfsergan.report.pooling import by_cell
from tfsergan.report.tables import Cell, Measured, Score

OWN = {"labelled": "iemocap", "source": "tedlium", "cross": "msp_improv"}
GOOD, BAD = [[9, 1], [1, 9]], [[6, 4], [4, 6]]  # recalls 90 % and 60 %
HOLDING = Claim("More is better.", 2, ("lambda_cls=2", "Real+Syn."), (("lambda_cls=2", "Real"),))


@pytest.fixture(scope="module")
def paper() -> papers.Paper:
    return papers.load("bao2019")


def run_of(corpora=OWN, schedule: str = "paper", missing=(), **overrides) -> dict:
    chosen = {
        "paper": "bao2019",
        "schedule": schedule,
        "protocol": "strict",
        "seed": 0,
        "overrides": overrides,
    }
    entries = {role: {"name": name, "utterances": 10, "features": "is10"} for role, name in corpora.items()}
    return {"run": chosen, "corpora": entries, "missing": dict.fromkeys(missing, "not here")}


def results(row: str, column: str, by_fold: dict, table: int = 2, repeats: int = 2, **metrics) -> list[dict]:
    """Results of a cell: fold -> confusion matrix by speaker, the same in every repeat."""
    shared = {"table": table, "row": row, "column": column, "repeats": repeats, "n": 40}
    return [
        {
            **shared,
            "fold": fold,
            "repeat": i,
            "confusion": matrices,
            "metrics": {"uar": 0.0, "wa": 0.0, **metrics},
        }
        for fold, matrices in by_fold.items()
        for i in range(repeats)
    ]


def speakers(matrix, n: int = 4) -> dict:
    return {f"s{i}": matrix for i in range(n)}


def cell(ours: float, reported: float, std=1.0, reported_std=1.0, interval=None) -> Cell:
    return Cell(Score(reported, reported_std), Measured(ours, std, 100, 5, 5, interval))


def verdict_of(paper, rows, run, number: int = 2) -> verdicts.Verdict:
    table = {table.number: table for table in assemble.tables_of(paper, rows, run)}[number]
    return verdicts.of_table(paper, paper.table(number), table, run)


# ---- cells ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("std", "reported_std", "expected"),
    [
        (3.0, 4.0, 10.0),  # twice the root of 9 + 16
        (1.0, None, 2 * math.sqrt(2)),  # the known one stands for both
        (None, 1.0, 2 * math.sqrt(2)),
        (None, None, 0.005),  # half a unit of the second decimal
        (0.0, None, 0.005),
    ],
)
def test_tolerance(std, reported_std, expected):
    assert verdicts.tolerance(cell(50, 50, std, reported_std), 2) == pytest.approx(expected)


def test_a_wide_interval_over_speakers_is_no_agreement():
    spread = 2 * math.sqrt(2)
    assert verdicts.judge(cell(50, 50 + spread, interval=(30, 70)), 2) == verdicts.AGREES
    assert verdicts.judge(cell(50, 50 + spread + 0.01, interval=(30, 70)), 2) == verdicts.IN_INTERVAL
    assert verdicts.judge(cell(50, 70.01, interval=(30, 70)), 2) == verdicts.DIFFERS
    assert verdicts.judge(cell(50, 60), 2) == verdicts.DIFFERS  # one speaker has no interval


def test_a_wide_spread_over_repeats_is_no_agreement_either():
    assert verdicts.judge(cell(77.01, 82.06, 2.13, None, (71.78, 82.01)), 2) == verdicts.DIFFERS
    assert verdicts.judge(cell(77.01, 82.00, 2.13, None, (71.78, 82.01)), 2) == verdicts.AGREES
    assert verdicts.judge(cell(80.557, 80.56, None, None, (80.557, 80.557)), 2) == verdicts.AGREES


def test_what_is_printed_alike_agrees():
    assert verdicts.judge(cell(80.557, 80.56, None, None), 2) == verdicts.AGREES
    assert verdicts.judge(cell(80.55, 80.56, None, None), 2) == verdicts.DIFFERS


# ---- tables -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("standings", "measured", "kind"),
    [
        ((), False, verdicts.NOT_RUN),
        ((), True, verdicts.OURS_ALONE),
        ((verdicts.AGREES,) * 2, True, verdicts.REPRODUCED),
        ((verdicts.AGREES, verdicts.IN_INTERVAL), True, verdicts.PARTLY),
        ((verdicts.AGREES, verdicts.OTHER_CORPUS), True, verdicts.PARTLY),
        ((verdicts.AGREES, verdicts.NOT_RUN), True, verdicts.PARTLY),
        ((verdicts.IN_INTERVAL, verdicts.DIFFERS), True, verdicts.NOT),
        ((verdicts.DIFFERS, verdicts.OTHER_CORPUS), True, verdicts.NOT),
        ((verdicts.OTHER_CORPUS, verdicts.NOT_RUN), True, verdicts.OTHER_CORPUS),
        ((verdicts.TRIAL, verdicts.NOT_RUN), True, verdicts.TRIAL),
        ((verdicts.NOT_RUN,), False, verdicts.NOT_RUN),
        ((verdicts.NOT_RUN,), True, verdicts.OURS_ALONE),
    ],
)
def test_the_verdict_on_cells(standings, measured, kind):
    assert verdicts.kind_of(standings, measured) == kind


def test_a_shared_cell_counts_once_and_a_quoted_one_never(paper):
    folds = {"1": {"a": [[7, 3], [3, 7]]}, "2": {"b": [[5, 5], [5, 5]]}}
    rows = results("", "Real", folds)  # UAR 60 [50, 70]; the paper: 59.48 +- 0.71
    found = verdict_of(paper, rows, run_of())
    assert found.kind == verdicts.PARTLY
    assert found.text == "1 of 1 comparable cell agrees; 4 not run (paper schedule, strict protocol)"
    assert {row for row, _ in found.cells} == {"lambda_cls=0", "lambda_cls=2"}


def test_a_stand_in_is_judged_only_where_it_has_no_part(paper):
    rows = results("", "Real", {"1": speakers(GOOD)}) + results("lambda_cls=0", "Syn.", {"1": speakers(BAD)})
    found = verdict_of(
        paper, rows, run_of(OWN | {"source": "librispeech_test_clean"}, "compact", gan_epochs="3")
    )
    assert found.cells["lambda_cls=0", "Real"] == verdicts.DIFFERS
    assert found.cells["lambda_cls=0", "Syn."] == verdicts.OTHER_CORPUS
    assert found.kind == verdicts.NOT
    assert "compact schedule with `gan_epochs=3`" in found.text
    assert "librispeech_test_clean for tedlium" in found.text


def test_the_demo_corpus_and_the_quick_schedule_never_reproduce(paper):
    rows = results("", "Real", {"1": speakers(BAD)})
    demo = dict.fromkeys(OWN, "demo/labelled")
    assert verdict_of(paper, rows, run_of(demo, "quick")).kind == verdicts.OTHER_CORPUS
    assert verdict_of(paper, rows, run_of(OWN, "quick")).kind == verdicts.TRIAL


def test_a_part_of_a_corpus_is_another_corpus():
    paper = papers.load("li2020")
    run = run_of({"labelled": "iemocap"})
    assert verdicts.foreign(paper, ["labelled"], run) == ["10 of 5531 utterances of iemocap"]
    run["corpora"]["labelled"]["utterances"] = 5531
    assert verdicts.foreign(paper, ["labelled"], run) == []


def test_columns_of_ours_stand_alone_and_say_what_was_not_run():
    paper = papers.load("su2021")
    run = run_of({"source/activation": "iemocap", "stand_in/activation": "emodb"}, missing=["msp/activation"])
    rows = results("DNN*", "Act. stand-in", {"1": speakers(GOOD)}, table=1)
    found = verdict_of(paper, rows, run, 1)
    assert found.kind == verdicts.OURS_ALONE
    reported = len(verdicts.counted(paper.table(1), found.cells))
    assert found.text == (
        f"the paper reports no such scores; {reported} that it reports are not run (needs msp_improv)"
    )
    assert verdicts.of_run(paper, [(paper.table(1), found)], run).kind == verdicts.OURS_ALONE


def test_what_was_not_run_says_what_it_needs(paper):
    here = {"labelled": "iemocap", "source": "tedlium"}
    assert verdict_of(paper, [], run_of(here, missing=["cross"]), 3).text == "needs msp_improv"
    assert verdict_of(paper, [], run_of(), 3).text == "`tfsergan reproduce bao2019 --table 3`"


# ---- claims -----------------------------------------------------------------------------------------------------


def checked(paper, one, other, run=None, claim=HOLDING) -> verdicts.Checked:
    rows = results("lambda_cls=2", "Real+Syn.", one) + results("", "Real", other)
    return verdicts.check(claim, paper, by_cell(rows), run or run_of())


def test_a_claim_holds_fails_or_stays_undecided(paper):
    good, bad = {"1": speakers(GOOD)}, {"1": speakers(BAD)}
    found = checked(paper, good, bad)
    assert (found.status, found.caveat) == (verdicts.HOLDS, "")
    assert found.differences == (("Real+Syn. over Real", "+0.89", "+30.00 [30.00, 30.00]"),)
    assert checked(paper, bad, good).status == verdicts.FAILS
    mixed = {"1": {**speakers(GOOD), "s0": [[0, 10], [10, 0]], "s1": [[2, 8], [8, 2]]}}
    assert checked(paper, mixed, bad).status == verdicts.UNDECIDED


def test_claims_compare_the_folds_that_both_cells_have(paper):
    one = {"1": speakers(GOOD), "2": {"far": BAD}}
    assert checked(paper, one, {"1": speakers(BAD)}).status == verdicts.HOLDS
    assert checked(paper, {"2": {"far": BAD}}, {"1": speakers(BAD)}).status == verdicts.NOT_MEASURED


def test_claims_on_other_corpora_say_so_and_trials_are_not_judged(paper):
    good, bad = {"1": speakers(GOOD)}, {"1": speakers(BAD)}
    other = run_of(OWN | {"source": "librispeech_test_clean"})
    assert checked(paper, good, bad, other).caveat == "librispeech_test_clean for tedlium"
    assert checked(paper, good, bad, run_of(schedule="quick")).status == verdicts.TRIAL


def test_of_several_comparisons_all_must_hold(paper):
    lesser = (("lambda_cls=2", "Real"), ("lambda_cls=0", "Real+Syn."))
    claim = Claim("Best of all.", 2, ("lambda_cls=2", "Real+Syn."), lesser)
    good, bad = {"1": speakers(GOOD)}, {"1": speakers(BAD)}
    assert checked(paper, good, bad, claim=claim).status == verdicts.NOT_MEASURED
    rows = results("lambda_cls=2", "Real+Syn.", bad) + results("", "Real", {"1": speakers([[1, 9], [9, 1]])})
    rows += results("lambda_cls=0", "Real+Syn.", good)
    assert verdicts.check(claim, paper, by_cell(rows), run_of()).status == verdicts.FAILS


def test_scores_without_counts_are_paired_over_folds_or_by_their_intervals():
    def rows(values, **extra):
        return [
            {"fold": str(i), "repeat": 0, "repeats": 1, "metrics": {"nearest": value}, **extra}
            for i, value in enumerate(values)
        ]

    found = verdicts.paired(rows([3.0, 4.0, 5.0]), rows([1.0, 2.0, 3.1]), "nearest")
    assert found.mean == pytest.approx(1.9667, abs=1e-4)
    assert found.interval == pytest.approx(
        (1.9667 - 0.1434, 1.9667 + 0.1434), abs=1e-3
    )  # t(2) = 4.303, s = 0.0577
    assert verdicts.paired(rows([3.0, 4.0]), rows([1.0, 2.0]), "nearest") is None
    same = verdicts.paired(rows([3.0, 4.0, 5.0]), rows([1.0, 2.0, 3.0]), "nearest")
    assert (same.mean, same.interval) == (2.0, (2.0, 2.0))
    assert verdicts.status(same) == verdicts.HOLDS
    high, low = rows([3.0], interval=[2.5, 3.5]), rows([1.0], interval=[0.5, 1.5])
    assert verdicts.paired(high, low, "nearest").interval == (1.0, 3.0)


def test_claims_of_every_paper_name_cells_in_the_order_that_it_prints():
    counted = defaultdict(int)
    for name in papers.names():
        paper = papers.load(name)
        for claim in paper.claims:
            reported = paper.table(claim.table).reported
            scores = [reported.get(at, (None,))[0] for at in (claim.greater, *claim.lesser)]
            if None not in scores:
                assert scores[0] > max(scores[1:]), claim.text
            counted[name] += 1
    assert set(counted) == set(papers.names())
