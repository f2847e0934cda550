"""Committed results as runs."""

import pytest

from tfsergan import papers, results
from tfsergan.report import assemble, committed, reruns, tables


@pytest.mark.parametrize("name", papers.names())
def test_every_committed_result_is_of_one_run(name):
    paper = papers.load(name)
    runs = committed.runs(paper)
    assert sum(len(rows) for _, rows in runs) == len(reruns.committed(name)[0])
    assert len({committed.title(run) for run, _ in runs}) == len(runs)
    for run, rows in runs:
        assert len({(*results.cell(row), row["repeat"]) for row in rows}) == len(rows), "no cell twice"
        assert set(run["corpora"]) | set(run["missing"]) == set(paper.roles)
        assert run["versions"]["tfsergan"]


def test_their_tables_are_those_of_a_report():
    paper = papers.load("bao2019")
    ((run, rows),) = committed.runs(paper)
    first = assemble.table_of(paper, paper.table(1), cells_of(rows), run)
    assert first.measured
    assert first.warnings == ("source: librispeech_test_clean stands in for tedlium.",)
    assert "Corpora (features): cross emodb (is10), labelled iemocap (is10)" in first.notes[-1]


def test_a_corpus_that_was_not_there_is_the_reason():
    paper = papers.load("li2020")
    ((run, rows),) = committed.runs(paper)
    third = assemble.table_of(paper, paper.table(3), cells_of(rows), run)
    assert not third.measured
    assert third.reasons[0].startswith("This run had no cmu_mosei.")


def test_what_a_paper_reports_stands_alone():
    spec = papers.load("bao2019").table(2)
    table = assemble.reported(spec)
    assert {place: cell.reported.mean for place, cell in table.cells.items()} == {
        place: mean for place, (mean, _) in spec.reported.items()
    }
    assert "Ours" not in tables.to_markdown(table)


def cells_of(rows):
    found = {}
    for row in rows:
        found.setdefault((row["table"], row["row"], row["column"]), []).append(row)
    return found
