"""Tasks: their order, what a failure leaves, and that other processes give the same results as this one."""

import functools
import operator
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tfsergan import engine, evaluation
from tfsergan.engine import InProcess, Processes, Ready, Task
from tfsergan.errors import TfserganError

call_work = operator.methodcaller("work")


def task(name: str, *after: str, work=None) -> Task:
    return Task(name, work or list, (), frozenset(after))


def names(tasks) -> list[str]:
    return [task.name for task in tasks]


def nothing(*_) -> None:
    pass


# ---- order ------------------------------------------------------------------------------------------------------


def test_a_task_comes_after_those_it_waits_for():
    tasks = [task("classify", "a", "b"), task("b", "pretrain"), task("a"), task("pretrain")]
    order = names(engine.in_order(tasks))
    assert sorted(order) == ["a", "b", "classify", "pretrain"]
    assert order.index("pretrain") < order.index("b") < order.index("classify") > order.index("a")


def test_waiting_for_what_is_no_task_is_no_waiting():
    assert names(engine.in_order([task("b", "done before")])) == ["b"]


def test_circles_and_doubles_are_refused():
    with pytest.raises(ValueError, match="wait for each other"):
        engine.in_order([task("a", "b"), task("b", "a")])
    with pytest.raises(ValueError, match="two tasks of one name"):
        engine.in_order([task("a"), task("a")])


def test_tasks_are_handed_out_when_those_before_them_are_finished():
    finished, started = [], []
    tasks = [task("last", "left", "right"), task("left", "first"), task("right", "first"), task("first")]

    def call(task: Task) -> str:
        started.append((task.name, set(finished)))
        return task.name.upper()

    def finish(task: Task, result: str) -> None:
        assert result == task.name.upper()
        finished.append(task.name)

    with ThreadPoolExecutor(2) as pool:
        Ready(tasks).run(pool.submit, call, nothing, finish)
    before = dict(started)
    assert before["first"] == set()
    assert before["left"] >= {"first"} <= before["right"]
    assert before["last"] == {"first", "left", "right"}


def test_the_first_failure_ends_it_and_tells_what_was_under_way():
    def call(task: Task) -> None:
        if task.name == "bad":
            raise TfserganError("no")

    left = Ready([task("bad"), task("after", "bad")])
    with ThreadPoolExecutor(2) as pool, pytest.raises(TfserganError, match="no"):
        left.run(pool.submit, call, nothing, nothing)
    assert names(left.waiting.values()) == ["after"]
    assert left.lost == ["bad"]


# ---- where ------------------------------------------------------------------------------------------------------


def test_engines_by_what_is_asked_for(monkeypatch):
    assert engine.choose(1) == InProcess(1)
    assert engine.choose(3, 2) == Processes(3, 2)
    assert engine.choose(scheduler="tcp://here:1") == engine.Cluster("tcp://here:1", 1)
    monkeypatch.setattr(engine.joblib, "cpu_count", lambda: 8)
    monkeypatch.setattr(engine, "memory", lambda: 2**40)
    assert engine.choose(None, 2) == Processes(4, 2)
    monkeypatch.setattr(engine, "memory", lambda: 3 * engine.MEMORY_A_JOB)
    assert engine.choose() == Processes(3, 1)
    monkeypatch.setattr(engine, "memory", lambda: 0)
    assert engine.choose() == InProcess(1)


def test_a_process_that_dies_again_and_again_is_an_error_that_names_the_task(monkeypatch):
    monkeypatch.setattr(engine, "set_up", nothing)  # not in the process; TensorFlow takes seconds
    fatal = task("a-fold", work=functools.partial(os._exit, 3))
    with pytest.raises(TfserganError, match=r"worked on a-fold died 3 times.*--jobs"):
        Processes(1).run([fatal], call_work, nothing, nothing)


def lines(run) -> list[dict]:
    return sorted(map(str, run.results.rows))


def test_other_processes_give_the_same_results(tmp_path, tiny_run):
    from tfsergan.reproductions import bao2019

    told = []
    with tiny_run(tmp_path / "here", folds="2").opened() as here:
        bao2019.reproduce(here, [2])
    with tiny_run(tmp_path / "there", folds="2", report=lambda *words: told.append(words)).opened() as there:
        there.engine = Processes(2)
        bao2019.reproduce(there, [2])
    assert lines(there) == lines(here)
    assert not (there.folder / evaluation.ELSEWHERE).exists()
    assert any("lambda_cls=2" in word for word, *_ in told)
    weights = [sorted((run.folder / "models").rglob("*.h5")) for run in (here, there)]
    assert [p.relative_to(here.folder) for p in weights[0]] == [
        p.relative_to(there.folder) for p in weights[1]
    ]
    assert any(done == total for _, done, total in told)


def test_results_of_a_killed_run_are_taken_over(tmp_path, tiny_run):
    row = {"table": 2, "row": "", "column": "Real", "fold": "s1", "repeat": 0, "repeats": 1, "metrics": {}}
    run = tiny_run(tmp_path)
    piece = evaluation.Piece({"folder": tmp_path}, {})
    evaluation.write_atomically(piece.results_of(task("fold s1")), evaluation.results.line(row).encode())
    with run.opened():
        assert run.results.rows == [row]
        assert not (tmp_path / evaluation.ELSEWHERE).exists()
    assert evaluation.results.read(tmp_path / "results.jsonl") == [row]
