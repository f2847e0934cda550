"""Rows that a paper quotes, filled from the reproduction of the quoted paper: what fits, what is preferred, how it reads."""

import io
import json

import pytest
from rich.console import Console

from tfsergan import papers
from tfsergan.report import assemble, page, reruns, tables
from tfsergan.report.tables import Score

CORPORA = {"labelled": "iemocap", "source": "tedlium", "cross": "msp_improv"}
QUOTED = "Sahu et al. 2018"
HALF = [[3, 1], [3, 1]]


@pytest.fixture(autouse=True)
def committed(monkeypatch) -> list[dict]:
    """Stands for the committed results, empty at first."""
    rows: list[dict] = []
    monkeypatch.setattr(reruns, "committed", lambda paper: (rows, "the committed results"))
    return rows


@pytest.fixture(scope="module")
def paper() -> papers.Paper:
    return papers.load("bao2019")


def run_of(corpora: dict[str, str] = CORPORA, **options) -> dict:
    """A run.toml."""
    usual = {"paper": "bao2019", "schedule": "quick", "protocol": "strict", "seed": 0, "overrides": {}}
    entries = {
        role: {"name": name, "utterances": 9, "features": "is10", "fingerprint": "00"}
        for role, name in corpora.items()
    }
    return {"run": usual | options, "corpora": entries, "missing": {}}


def result(
    confusion=HALF, row: str = "conditional GAN", column: str = "Syn.", table: int = 1, **options
) -> dict:
    """A result of sahu2018."""
    usual = {
        **{"paper": "sahu2018", "corpora": {"labelled": "iemocap"}, "protocol": "strict", "seed": 0},
        **{"schedule": "quick", "overrides": {}, "fold": "s1", "repeat": 0, "repeats": 1},
        **{"table": table, "row": row, "column": column, "n": 8, "classes": ["angry", "sad"]},
        **{"metrics": {"uar": 0.5, "wa": 0.5}, "confusion": {"f": confusion}},
    }
    return usual | options


def quoted_cells(paper, run=None, folder=None, number: int = 2) -> dict:
    made = assemble.tables_of(paper, [], run or run_of(), folder)
    return {column: made[number - 1].cells[QUOTED, column] for column in ("Real", "Syn.", "Real+Syn.")}


def beside(folder, *rows: dict):
    """The folder of a run that has one of sahu2018 beside it."""
    (folder / "sahu2018").mkdir()
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "sahu2018" / "results.jsonl").write_text(text, encoding="utf-8")
    return folder / "bao2019"


def test_a_run_beside_this_one_fills_the_row(paper, tmp_path):
    rows = [result(), result(row="", column="Real", confusion=[[4, 0], [0, 4]]), result(row="vanilla GAN")]
    cells = quoted_cells(paper, folder=beside(tmp_path, *rows))
    assert cells["Syn."].ours.mean == 50
    assert cells["Syn."].reported == Score(34.09)
    assert cells["Syn."].difference == pytest.approx(50 - 34.09)
    assert (cells["Syn."].ours.n, cells["Syn."].ours.folds, cells["Syn."].ours.repeats) == (8, 1, 1)
    assert cells["Real"].ours.mean == 100  # shared by the rows of the quoted paper
    where = cells["Syn."].rerun
    assert where.startswith(
        "sahu2018, table 1, conditional GAN: schedule quick, protocol strict, seed 0, from "
    )
    assert where.endswith(f"{tmp_path.name}/sahu2018")
    assert cells["Real+Syn."].reported == Score(60.29)
    assert (cells["Real+Syn."].ours, cells["Real+Syn."].missing) == (None, "")  # not measured in that run


def test_without_one_the_committed_results_do(paper, tmp_path, committed):
    committed += [result(), result(table=2)]
    cells = quoted_cells(paper, folder=tmp_path / "bao2019")
    assert cells["Syn."].ours.mean == 50
    assert cells["Syn."].rerun.endswith("from the committed results")
    folder = beside(tmp_path, result(confusion=[[4, 0], [0, 4]]))
    assert quoted_cells(paper, folder=folder)["Syn."].ours.mean == 100  # the run beside it comes first


@pytest.mark.parametrize(
    "other",
    [{"protocol": "paper"}, {"corpora": {"labelled": "demo/labelled"}}, {"corpora": {"cross": "iemocap"}}],
)
def test_other_corpora_or_another_protocol_do_not_fit(paper, committed, other):
    committed.append(result(**other))
    assert quoted_cells(paper)["Syn."].ours is None


def test_a_table_across_corpora_needs_both(paper, committed):
    both = {"labelled": "iemocap", "cross": "msp_improv"}
    committed.append(result(table=2, corpora=both | {"cross": "emodb"}))
    assert quoted_cells(paper, number=3)["Syn."].ours is None
    assert quoted_cells(paper, run_of(CORPORA | {"cross": "emodb"}), number=3)["Syn."].ours.mean == 50
    committed.append(result(table=2, corpora=both))
    assert quoted_cells(paper, number=3)["Syn."].ours.mean == 50


def test_one_run_of_several_is_chosen(committed):
    kinds = [
        {"schedule": "compact", "overrides": {"updates": "3"}},
        {"schedule": "compact", "seed": 1},
        {"schedule": "compact"},
        {"schedule": "quick"},
    ]
    rows = [result(**kind) for kind in kinds]
    assert reruns.one_run(rows, "quick") == [rows[3]]
    assert reruns.one_run(rows, "code") == [rows[2]]
    assert reruns.one_run(rows[:2], "quick") == [rows[1]]
    assert reruns.one_run(rows[:1], "quick") == [rows[0]]


def test_the_command_that_makes_a_missing_run(paper, tmp_path):
    run = run_of(CORPORA | {"cross": "emodb"}, schedule="compact", protocol="paper")
    missing = quoted_cells(paper, run, tmp_path / "bao2019", number=3)["Syn."].missing
    expected = (
        "tfsergan reproduce sahu2018 --table 2 --schedule compact --protocol paper --corpus cross=emodb"
    )
    assert missing.startswith(f"`{expected} --out {tmp_path / 'sahu2018'}`")
    demo = {role: f"demo/{role}" for role in CORPORA}
    assert "--corpus" not in quoted_cells(paper, run_of(demo))["Syn."].missing


def test_roles_and_columns_of_yi2019(committed):
    yi2019 = papers.load("yi2019")
    run = run_of({"acted": "emodb", "dialogue": "iemocap"}, paper="yi2019")
    committed.append(
        result(paper="sahu2017", table=2, row="real + synthetic", column="test", confusion=[[6, 0], [1, 1]])
    )
    third = assemble.tables_of(yi2019, [], run)[2].cells
    name = "AAE + SVM (Sahu et al.)"
    assert third[name, "UAR"].ours.mean == pytest.approx(75)
    assert third[name, "UAR"].reported == Score(58.38)
    assert third[name, "WA"].ours.mean == pytest.approx(100 * 7 / 8)
    assert third[name, "WA"].reported is None
    assert third["RNN (Mirsamadi et al.)", "WA"] == tables.Cell(Score(63.50))  # quoted, and nobody's here


def test_a_role_that_the_quoting_paper_lacks_may_be_any_and_is_told(committed):
    """Latif et al. quote Bao et al., who have a source of unlabelled speech."""
    run = run_of({"labelled": "iemocap", "cross": "emodb"}, paper="latif2020")
    bao = {"paper": "bao2019", "table": 2, "row": "lambda_cls=2"}
    corpora = {"labelled": "iemocap", "source": "ted", "cross": "msp_improv"}
    committed.append(result(**bao, corpora=corpora))
    within, _, across, *_ = (table.cells for table in assemble.tables_of(papers.load("latif2020"), [], run))
    name = "Bao et al. 2019"
    assert within[name, "Syn."].ours.mean == 50
    assert within[name, "Syn."].rerun.endswith("seed 0, source ted, from the committed results")
    assert across[name, "Syn."].ours is None  # of another cross corpus
    command = "`tfsergan reproduce bao2019 --table 3 --schedule quick --protocol strict --corpus cross=emodb`"
    assert across[name, "Syn."].missing.startswith(command)


@pytest.mark.parametrize("name", papers.names())
def test_what_is_re_run_is_there(name):
    for table in papers.load(name).tables:
        for row, rerun in table.reruns.items():
            other = papers.load(rerun.paper)
            spec = other.table(rerun.table)
            assert row in table.quoted
            assert rerun.row in spec.rows
            for column in table.columns:
                assert rerun.columns.get(column, column) in spec.columns
            own = papers.load(name).roles
            for role in set(spec.needs) & set(own | rerun.roles):
                ours = own[rerun.roles.get(role, role)]
                assert ours.corpus == other.roles[role].corpus
                assert ours.demo == other.roles[role].demo


def test_every_format_marks_a_re_run_and_says_where_it_is_from(paper, committed, tmp_path):
    committed.append(result())
    table = assemble.tables_of(paper, [], run_of())[1]
    where = "Sahu et al. 2018: re-run, sahu2018, table 1, conditional GAN: schedule quick"
    markdown = tables.to_markdown(table)
    assert "**50.00** re-run" in markdown
    assert where in markdown
    assert where.partition("re-run, ")[2] in tables.to_csv(table)
    assert tables.from_json(tables.to_json(table)) == table
    console = Console(width=200, file=io.StringIO(), color_system=None)
    console.print(tables.terminal(table))
    assert "50.00 re-run" in console.file.getvalue()
    assert where in console.file.getvalue()
    page.write_page(
        tmp_path / "report.html",
        **dict.fromkeys(("title", "citation", "repeat_command"), "x"),
        **{key: [] for key in ("summary", "warnings", "figures", "deviations", "assumptions")},
        tables=[table],
        versions={},
    )
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<span class="size">re-run</span>' in html
    assert where in html
