"""From result rows to tables: what is pooled, shared, quoted, missing, and warned of."""

import math

import numpy as np
import pytest

from tfsergan import metrics, papers
from tfsergan.report import assemble, board, reruns, tables
from tfsergan.report.tables import Score

RIGHT, WRONG = [[4, 0], [0, 4]], [[0, 4], [4, 0]]
HALF = [[3, 1], [3, 1]]  # recalls 3/4 and 1/4
CORPORA = {"labelled": "iemocap", "source": "tedlium", "cross": "msp_improv"}
REASON = "The corpus tedlium was not found."


@pytest.fixture(autouse=True)
def nothing_committed(monkeypatch):
    """Quoted rows are not filled from the committed results, which grow."""
    monkeypatch.setattr(reruns, "committed", lambda paper: ((), ""))


@pytest.fixture(scope="module")
def paper() -> papers.Paper:
    return papers.load("bao2019")


def run_of(corpora: dict[str, str] = CORPORA, missing: dict[str, str] | None = None, **options) -> dict:
    """A run.toml."""
    return {
        "run": {"paper": "bao2019", "schedule": "quick", "protocol": "strict", "seed": 0, "overrides": {}}
        | options,
        "corpora": {
            role: {"name": name, "utterances": 100, "features": "is10", "fingerprint": "00ff"}
            for role, name in corpora.items()
        },
        "missing": missing or {},
        "settings": {"batch_size": 64},
        "hardware": {"cores": 2},
        "versions": {"tfsergan": "0"},
        "command": "tfsergan reproduce bao2019",
    }


def cell(row: str, column: str, fold: str, *repeats: dict, table: int = 2, **extra: float) -> list[dict]:
    """Results of a cell: a confusion matrix by speaker for each repeat."""
    shared = {"table": table, "row": row, "column": column, "fold": fold, "repeats": len(repeats)}
    return [
        {
            **shared,
            "repeat": i,
            "confusion": by_speaker,
            "classes": ["angry", "sad"],
            "n": int(np.sum(list(by_speaker.values()))),
            "metrics": {"uar": 0.0, "wa": 0.0, **extra},
        }
        for i, by_speaker in enumerate(repeats)
    ]


def table_of(paper, rows, run=None, number: int = 2) -> tables.Table:
    run = run or run_of()
    return next(table for table in assemble.tables_of(paper, rows, run) if table.number == number)


# ---- values -----------------------------------------------------------------------------------------------------


def test_folds_are_pooled_and_repeats_averaged(paper):
    rows = cell("lambda_cls=0", "Syn.", "s1", {"f": RIGHT}, {"f": WRONG})
    rows += cell("lambda_cls=0", "Syn.", "s2", {"m": HALF}, {"m": HALF})
    ours = table_of(paper, rows).cells["lambda_cls=0", "Syn."].ours
    first, second = (7 / 8 + 5 / 8) / 2, (3 / 8 + 1 / 8) / 2  # pooled [[7,1],[3,5]] and [[3,5],[7,1]]
    assert ours.mean == pytest.approx(100 * (first + second) / 2)
    assert ours.std == pytest.approx(100 * (first - second) / math.sqrt(2))
    assert (ours.n, ours.repeats, ours.folds) == (16, 2, 2)
    confusions = [[RIGHT, HALF], [WRONG, HALF]]
    low, high = metrics.bootstrap_interval(confusions)
    assert ours.interval == pytest.approx((100 * low, 100 * high))


def test_pooling_is_not_averaging_of_folds(paper):
    """UAR of the pooled matrix, as the table's note says; the mean of the folds' UARs would be 0.75."""
    rows = cell("lambda_cls=0", "Syn.", "s1", {"f": [[1, 0], [0, 1]]}) + cell(
        "lambda_cls=0", "Syn.", "s2", {"m": [[3, 0], [5, 0]]}
    )
    ours = table_of(paper, rows).cells["lambda_cls=0", "Syn."].ours
    assert ours.mean == pytest.approx(100 * (1 + 1 / 6) / 2)
    assert ours.std is None


def test_one_speaker_has_no_interval(paper):
    ours = table_of(paper, cell("lambda_cls=0", "Syn.", "s1", {"f": HALF})).cells["lambda_cls=0", "Syn."].ours
    assert ours.interval is None


def test_real_is_shared_by_the_measured_rows_and_not_by_the_quoted(paper):
    found = table_of(paper, cell("", "Real", "s1", {"f": HALF, "m": HALF})).cells
    for row in ("lambda_cls=0", "lambda_cls=2"):
        assert found[row, "Real"].ours.mean == pytest.approx(50)
        assert found[row, "Real"].reported == Score(59.48, 0.71)
        assert found[row, "Real"].difference == pytest.approx(50 - 59.48)
    quoted = found["Sahu et al. 2018", "Real"]
    assert (quoted.reported, quoted.ours) == (Score(59.42), None)


def test_a_quoted_row_that_nobody_re_ran_is_reported_beside_the_command_that_would(paper):
    found = table_of(paper, []).cells
    for column, mean in (("Real", 59.42), ("Syn.", 34.09), ("Real+Syn.", 60.29)):
        cell = found["Sahu et al. 2018", column]
        assert (cell.reported, cell.ours) == (Score(mean), None)
        assert "`tfsergan reproduce sahu2018 --table 1 --schedule quick --protocol strict`" in cell.missing


def test_a_lambda_of_ones_own_is_a_row_below(paper):
    rows = cell("", "Real", "s1", {"f": HALF}) + cell("lambda_cls=1", "Syn.", "s1", {"f": RIGHT})
    table = table_of(paper, rows)
    assert table.rows == ("Sahu et al. 2018", "lambda_cls=0", "lambda_cls=2", "lambda_cls=1")
    assert table.cells["lambda_cls=1", "Syn."].ours.mean == 100
    assert table.cells["lambda_cls=1", "Syn."].reported is None
    assert table.cells["lambda_cls=1", "Real"].ours.mean == pytest.approx(50)


def test_distances_keep_their_unit_and_interval(paper):
    row = {
        **{
            "table": 1,
            "row": "target - source",
            "column": "distance",
            "fold": "all",
            "repeat": 0,
            "repeats": 1,
        },
        **{"n": 1582, "metrics": {"distance": 0.08}, "interval": [0.07, 0.09]},
    }
    table = table_of(paper, [row], number=1)
    found = table.cells["target - source", "distance"]
    assert (found.ours.mean, found.ours.interval, found.ours.n) == (0.08, (0.07, 0.09), 1582)
    assert found.reported == Score(0.084)
    assert (table.counted, table.resampled, table.decimals) == ("features", "features", 3)


def test_tables_do_not_mix(paper):
    rows = cell("lambda_cls=0", "Syn.", "s1", {"f": RIGHT}) + cell(
        "lambda_cls=0", "Syn.", "all", {"f": WRONG}, table=3
    )
    assert table_of(paper, rows).cells["lambda_cls=0", "Syn."].ours.mean == 100
    assert table_of(paper, rows, number=3).cells["lambda_cls=0", "Syn."].ours.mean == 0


# ---- what is missing ----------------------------------------------------------------------------------------------


def test_a_missing_role_is_the_reason_of_the_cells_that_need_it(paper):
    run = run_of({"labelled": "iemocap", "cross": "msp_improv"}, {"source": REASON})
    found = table_of(paper, cell("", "Real", "s1", {"f": HALF}), run).cells
    missing = found["lambda_cls=0", "Syn."].missing
    assert REASON in missing
    assert "--corpus source=NAME" in missing
    assert not found["lambda_cls=0", "Real"].missing
    assert REASON not in table_of(paper, [], run).cells["lambda_cls=0", "Real"].missing


def test_a_cross_corpus_that_is_missing_empties_its_table_alone(paper):
    run = run_of(
        {"labelled": "iemocap", "source": "tedlium"}, {"cross": "The corpus msp_improv was not found."}
    )
    assert "msp_improv" in table_of(paper, [], run, number=3).cells["lambda_cls=2", "Real"].missing
    assert "--corpus cross=NAME" in table_of(paper, [], run, number=3).cells["lambda_cls=2", "Real"].missing
    assert "msp_improv" not in table_of(paper, [], run).cells["lambda_cls=2", "Real"].missing


def test_what_was_not_asked_for_names_the_command(paper):
    missing = table_of(paper, []).cells["lambda_cls=0", "Syn."].missing
    assert "`tfsergan reproduce bao2019 --table 2`" in missing


def test_reasons_do_not_say_not_run_twice(paper):
    """The table's formats put "Not run:" before each reason."""
    run = run_of({"labelled": "iemocap", "cross": "msp_improv"}, {"source": REASON})
    for found in (table_of(paper, []), table_of(paper, [], run)):
        for reason in found.reasons:
            assert not reason.lower().startswith("not run")
        assert "not run: not run" not in tables.to_markdown(found).lower()


# ---- warnings and notes -------------------------------------------------------------------------------------------


def test_the_papers_own_corpora_need_no_warning(paper):
    assert table_of(paper, []).warnings == ()


def test_stand_ins_are_named_in_the_tables_that_use_them(paper):
    run = run_of(CORPORA | {"source": "librispeech_test_clean", "cross": "emodb"})
    source = "source: librispeech_test_clean stands in for tedlium."
    assert table_of(paper, [], run).warnings == (source,)
    assert table_of(paper, [], run, number=3).warnings == (source, "cross: emodb stands in for msp_improv.")


def test_the_demo_corpus_says_that_its_numbers_are_not_the_papers(paper):
    run = run_of({"labelled": "demo/labelled", "source": "demo/source", "cross": "demo/cross"})
    for table in assemble.tables_of(paper, [], run):
        assert len(table.warnings) == 1
        assert "not the paper's" in table.warnings[0]


def test_a_demo_part_beside_real_corpora_is_a_stand_in(paper):
    warnings = table_of(paper, [], run_of(CORPORA | {"source": "demo/source"})).warnings
    assert warnings == ("source: demo/source stands in for tedlium.",)


def test_generators_that_have_not_converged_are_named(paper):
    far = cell(
        "lambda_cls=0", "Syn.", "s1", {"f": HALF}, distance=0.1, source_distance=0.16, spread_ratio=0.5
    )
    near = cell(
        "lambda_cls=2", "Syn.", "s1", {"f": HALF}, distance=0.02, source_distance=0.16, spread_ratio=0.5
    )
    (warning,) = table_of(paper, far + near).warnings
    assert warning.startswith("Not converged")
    assert "lambda_cls=0 in fold s1 (0.100; source 0.160)" in warning
    assert "lambda_cls=2" not in warning
    assert table_of(paper, near).warnings == ()


def test_notes_say_how_it_was_run(paper):
    notes = " ".join(table_of(paper, [], run_of(overrides={"gan_epochs": "7"}, seed=5)).notes)
    for text in ("quick", "strict", "`gan_epochs=7`", "seed 5", "iemocap (100, is10)", "tedlium (100, is10)"):
        assert text in notes


def test_summary_averages_distances_over_folds(paper):
    rows = cell(
        "lambda_cls=0", "Syn.", "s1", {"f": HALF}, distance=0.1, source_distance=0.2, spread_ratio=0.5
    )
    rows += cell(
        "lambda_cls=0", "Real+Syn.", "s1", {"f": HALF}, distance=0.1, source_distance=0.2, spread_ratio=0.5
    )
    rows += cell(
        "lambda_cls=0", "Syn.", "s2", {"f": HALF}, distance=0.3, source_distance=0.4, spread_ratio=0.5
    )
    pairs = dict(assemble.summary(paper, rows, run_of()))
    assert "lambda_cls=0 0.200 (source 0.300), deviations 0.50 of real ones" in pairs["Convergence"]
    assert pairs["Results"] == "3 measurements"
    assert pairs["Protocol"].startswith("strict: ")


def test_a_run_of_a_schedule_and_protocol_of_another_version_has_a_summary(paper):
    run = run_of(schedule="tiny", protocol="loose")
    del run["hardware"]
    pairs = dict(assemble.summary(paper, [], run))
    assert pairs["Schedule"] == f"tiny: {assemble.UNKNOWN}"
    assert pairs["Protocol"] == f"loose: {assemble.UNKNOWN}"


# ---- cells that are measured under other names --------------------------------------------------------------------


@pytest.fixture(scope="module")
def yi2019() -> papers.Paper:
    return papers.load("yi2019")


YI2019 = {"acted": "emodb", "dialogue": "iemocap"}


def table_of_yi2019(yi2019, rows, number: int, **options) -> tables.Table:
    return table_of(yi2019, rows, run_of(YI2019, paper="yi2019", schedule="paper", **options), number)


def test_two_metrics_of_one_measured_cell(yi2019):
    """Columns WA and UAR, both from the pooled confusion matrices."""
    rows = cell("SVM", "test", "acted-s1", {"f": [[3, 1], [0, 0]]}, table=1)
    rows += cell("SVM", "test", "acted-s2", {"m": [[0, 0], [3, 1]]}, table=1)
    rows += cell("SVM", "test", "acted-s3", {"k": [[4, 0], [0, 0]]}, table=1)
    found = table_of_yi2019(yi2019, rows, 1).cells
    wa, uar = (found["SVM", column] for column in ("WA", "UAR"))
    assert wa.ours.mean == pytest.approx(100 * 8 / 12)
    assert uar.ours.mean == pytest.approx(100 * (7 / 8 + 1 / 4) / 2)
    assert wa.reported == Score(80.56)
    assert uar.reported is None
    confusions = [[[[3, 1], [0, 0]], [[0, 0], [3, 1]], [[4, 0], [0, 0]]]]
    low, high = metrics.bootstrap_interval(confusions, statistic=metrics.wa)
    assert wa.ours.interval == pytest.approx((100 * low, 100 * high))


def test_columns_and_rows_from_elsewhere(yi2019):
    """Tables 3 and 4 show cells of table 2, each of another column."""
    rows = cell("real + synthetic", "all", "dialogue-s1", {"f": RIGHT}, table=2)
    rows += cell("real + synthetic", "improvised", "dialogue-s1", {"f": HALF}, table=2)
    second, third, fourth = (table_of_yi2019(yi2019, rows, number).cells for number in (2, 3, 4))
    assert second["real + synthetic", "UAR, improvised & scripted"].ours.mean == 100
    assert second["real + synthetic", "WA, improvised"].ours.mean == 50
    assert third["ADAN + SVM", "WA"].ours == second["real + synthetic", "WA, improvised & scripted"].ours
    assert fourth["ADAN + SVM", "UAR"].ours == second["real + synthetic", "UAR, improvised"].ours
    assert third["ADAN + SVM", "WA"].reported == Score(65.01)
    assert "--table 3" in third["Duplication", "WA"].missing
    assert second["real only", "WA, improvised"].ours is None


def test_rows_that_other_tables_show_are_no_rows_of_ones_own(yi2019):
    rows = cell("real + synthetic", "all", "dialogue-s1", {"f": RIGHT}, table=2)
    rows += cell("another", "all", "dialogue-s1", {"f": RIGHT}, table=2)
    assert table_of_yi2019(yi2019, rows, 2).rows == (
        "real only",
        "synthetic only",
        "real + synthetic",
        "another",
    )
    assert table_of_yi2019(yi2019, rows, 3).rows == yi2019.table(3).rows


def test_quoted_rows_of_yi2019_are_reported_only(yi2019):
    found = table_of_yi2019(yi2019, [], 4).cells
    assert found["2-D ACRNN (Chen et al.)", "WA"] == tables.Cell()
    assert found["2-D ACRNN (Chen et al.)", "UAR"] == tables.Cell(Score(62.40))


def quality_of(fold: str, column: str, *values: dict, row: str = "ADAN") -> list[dict]:
    """Results without a confusion matrix: metrics of each repeat."""
    shared = {"table": 5, "row": row, "column": column, "fold": fold, "repeats": len(values)}
    return [{**shared, "repeat": i, "n": 40, "metrics": metrics} for i, metrics in enumerate(values)]


def test_cells_without_confusion_are_averaged_over_folds_in_each_repeat(yi2019):
    rows = quality_of(
        "acted-s1", "acted", {"nearest": 0.4, "coverage": 1.0}, {"nearest": 0.6, "coverage": 0.5}
    )
    rows += quality_of(
        "acted-s2", "acted", {"nearest": 0.8, "coverage": 0.0}, {"nearest": 1.0, "coverage": 0.5}
    )
    table = table_of_yi2019(yi2019, rows, 5)
    nearest, coverage = (table.cells["ADAN", f"{metric}, acted"].ours for metric in ("nearest", "coverage"))
    assert nearest.mean == pytest.approx((0.6 + 0.8) / 2)  # of the repeats' means
    assert nearest.std == pytest.approx(0.2 / math.sqrt(2))
    assert (coverage.mean, coverage.std) == (0.5, 0.0)
    assert (nearest.n, nearest.repeats, nearest.folds, nearest.interval) == (80, 2, 2, None)
    assert table.cells["ADAN", "nearest, dialogue"].ours is None
    assert table.cells["ADAN", "two-sample, acted"].ours is None  # this metric is not there
    assert not any("Averaged over folds" in note for note in table.notes)


def test_scores_averaged_over_folds_stand_below(yi2019):
    rows = cell("SVM", "test", "acted-s1", {"f": RIGHT}, table=1, wa=1.0, uar=1.0)
    rows += cell("SVM", "test", "acted-s2", {"m": HALF}, table=1, wa=0.5, uar=0.25)
    notes = table_of_yi2019(yi2019, rows, 1).notes
    (note,) = [note for note in notes if "Averaged over folds" in note]
    assert "WA SVM 75.00" in note
    assert "UAR SVM 62.50" in note
    (alone,) = [cell("SVM", "test", "acted-s1", {"f": RIGHT}, table=1)]
    assert not any("Averaged over" in note for note in table_of_yi2019(yi2019, alone, 1).notes)


@pytest.mark.parametrize(
    ("epochs", "told"), [([200, 200], "for 200 epochs"), ([340, 200], "for 200 to 340 epochs")]
)
def test_how_long_generative_models_were_trained(yi2019, epochs, told):
    rows = [
        row
        for i, value in enumerate(epochs)
        for row in cell("ADAN + SVM", "test", f"acted-s{i}", {"f": RIGHT}, table=1, epochs=float(value))
    ]
    notes = table_of_yi2019(yi2019, rows, 1).notes
    assert f"Generative models were trained {told}." in notes


def test_a_missing_corpus_is_missed_where_it_is_needed_alone(yi2019):
    run = run_of({"acted": "emodb"}, {"dialogue": REASON}, paper="yi2019", schedule="paper")
    first, second, fifth = (table_of(yi2019, [], run, number).cells for number in (1, 2, 5))
    assert "--table 1" in first["SVM", "WA"].missing
    assert second["real only", "WA, improvised"].missing.startswith(REASON)
    assert "--corpus dialogue=NAME" in second["real only", "WA, improvised"].missing
    assert fifth["ADAN", "nearest, acted"].missing.startswith(REASON)


# ---- the whole report ---------------------------------------------------------------------------------------------


def test_write_report_of_a_whole_run(tmp_path, finished_run):
    from tfsergan.evaluation import read_run

    run = read_run(finished_run.folder)
    made = assemble.write_report(finished_run.paper, finished_run.results.rows, run, tmp_path)
    assert [table.number for table in made] == [1, 2, 3]
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {
        *(f"tables/table{number}.{suffix}" for number in (1, 2, 3) for suffix in ("md", "csv", "json")),
        *("figures/figure3.png", "report.html", f"tensorboard/figures/{board.EVENTS}"),
        *(
            f"tensorboard/results/table {table.number}, {row}/{board.EVENTS}"
            for table in made
            for row in table.rows
            if not row.startswith("Sahu")
        ),
    }
    assert (finished_run.folder / "tensorboard" / "figures" / "figure 2.vectors.tsv").exists()
    for table in made:
        text = (tmp_path / "tables" / f"table{table.number}.json").read_text(encoding="utf-8")
        assert tables.from_json(text) == table
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for text in ("bao2019", "59.48", "lambda_cls", "generator_units", "assumed", "scan", "lab (72, is10)"):
        assert text in page


def test_confusions_stand_in_the_order_of_their_table(paper):
    """A shared cell first; with a single row of the paper's own, panels are named by their columns."""
    places = [(row, column) for row in ("lambda_cls=2", "lambda_cls=0") for column in ("Real+Syn.", "Syn.")]
    rows = [r for place in [*places, ("", "Real")] for r in cell(*place, "s1", {"f": HALF}, {"f": RIGHT})]
    shares = assemble.shares_of(paper.table(2), rows)
    assert list(shares) == [
        *("Real", "Syn. lambda_cls=0", "Real+Syn. lambda_cls=0"),
        *("Syn. lambda_cls=2", "Real+Syn. lambda_cls=2"),
    ]
    np.testing.assert_allclose(shares["Real"], [[7 / 8, 1 / 8], [3 / 8, 5 / 8]])
    rows = [
        r
        for column in ("Syn.", "Real+Syn.", "Real")
        for r in cell("Mixup GAN", column, "s1", {"f": RIGHT}, table=1)
    ]
    assert list(assemble.shares_of(papers.load("latif2020").table(1), rows)) == ["Real", "Syn.", "Real+Syn."]


def test_the_report_shows_the_runs_own_settings(paper):
    """Hyper-parameters come from run.toml: the paper's TOML may have changed since."""
    run = run_of() | {"settings": {"generator_units": [7, 7], "batch_size": 13}}
    shown = {name: text for name, text, _ in assemble.hyperparameters(paper, run)}
    assert shown["generator_units"] == "7, 7"
    assert shown["batch_size"] == "13"


def test_a_report_of_nothing_measured(tmp_path, paper):
    made = assemble.write_report(paper, [], run_of(), tmp_path)
    assert not any(table.measured for table in made)
    assert (tmp_path / "report.html").exists()
