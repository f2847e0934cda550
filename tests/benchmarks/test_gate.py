"""The gate lets nothing through that it should stop."""

import importlib
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def gate(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield importlib.import_module("gate")
    for name in ("gate", "race", "peers", "startup", "classifier_grid", "cyclegan_step"):
        sys.modules.pop(name, None)


def frozen(uar: float = 0.6, **changes) -> dict:
    scores = {f"2 |  | Real | {fold} | {repeat}": {"uar": uar} for fold in "ab" for repeat in range(3)}
    identity = {"run": {"seed": 0}, "settings": {"epochs": 3}, "machine": {"features": "x"}}
    return {**identity, "corpora": {"labelled": "f"}, "scores": scores, **changes}


def row(**changes) -> dict:
    identity = {"corpora": {}, "protocol": "strict", "schedule": "quick", "overrides": {}, "seed": 0}
    cell = {"table": 2, "row": "", "column": "Real", "fold": "a", "repeat": 0, "repeats": 1}
    return {**identity, **cell, "settings": "abc", "paper": "bao2019", "metrics": {"uar": 0.5}, **changes}


def test_on_the_same_machine_the_last_bit_counts(gate):
    assert gate.compared(frozen(), frozen()) == ([], "6 scores to the last bit")
    wrong, _ = gate.compared(frozen(), frozen(uar=0.6 + 1e-15))
    assert len(wrong) == 6 and "instead of 0.6" in wrong[0]


@pytest.mark.parametrize(("uar", "wrong"), [(0.62, 0), (0.58, 0), (0.63, 1), (0.57, 1)])
def test_on_another_machine_means_have_bounds(gate, uar, wrong):
    found, how = gate.compared(frozen(), frozen(uar, machine={"features": "y"}))
    assert len(found) == wrong
    assert "bounds" in how


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"settings": {"epochs": 4}}, "epochs 4 instead of 3"),
        ({"run": {"seed": 1}}, "seed 1 instead of 0"),
        ({"scores": {}}, "not measured"),
    ],
)
def test_another_run_is_refused(gate, changes, told):
    wrong, _ = gate.compared(frozen(), frozen(**changes))
    assert told in wrong[0]


def test_a_setting_that_is_new_is_no_other_run(gate):
    assert gate.compared(frozen(), frozen(settings={"epochs": 3, "precision": "float32"}))[0] == []


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([row(), row()], "each once"),
        ([row(repeats=2)], "instead of 0 to 1"),
        ([row(), row(fold="b", settings="abd")], "settings"),
        ([row(table=99)], "table 99"),
        ([row(paper="yi2019")], "of paper yi2019"),
        ([{"table": 2}], "lacks"),
    ],
)
def test_committed_rows_that_are_not_whole(gate, tmp_path, rows, told):
    text = "".join(json.dumps(one) + "\n" for one in rows)
    (tmp_path / "bao2019.jsonl").write_text(text, encoding="utf-8")
    assert any(told in fault for fault in gate.faults_of_results(tmp_path))


def test_committed_rows_that_are_whole(gate, tmp_path):
    text = "".join(json.dumps(row(repeat=i, repeats=2)) + "\n" for i in range(2))
    (tmp_path / "bao2019.jsonl").write_text(text, encoding="utf-8")
    assert list(gate.faults_of_results(tmp_path)) == []


def test_a_page_that_says_something_else(gate, tmp_path):
    committed = BENCHMARKS.parent / "reproductions" / "results"
    pages = BENCHMARKS.parent / "docs" / "papers"
    assert list(gate.faults_of_pages(committed, pages)) == []
    for page in pages.glob("*.md"):
        text = page.read_text(encoding="utf-8").replace("55.88 ± 0.53", "65.88 ± 0.53")
        (tmp_path / page.name).write_text(text, encoding="utf-8")
    (fault,) = gate.faults_of_pages(committed, tmp_path)
    assert "the rows give 55.88 ± 0.53" in fault


def test_a_slower_ratio_is_told_and_fails_nothing(gate):
    assert list(gate.beside({"a": 0.1}, {"a": 0.2, "b": 1.0})) == [
        "a: 0.2000, frozen 0.1000: 100 % slower than frozen",
        "b: 1.0000",
    ]
