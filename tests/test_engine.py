"""Tasks: their order, what a failure leaves, and that other processes give the same results as this one."""

import functools
import operator
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from tfsergan import engine, evaluation, results
from tfsergan.engine import InProcess, Processes, Ready, Task
from tfsergan.errors import TfserganError, UsageError

TWO_FOLDS = {"folds": "2", "lambda_cls": "2"}  # of a tiny run

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


def test_a_job_may_have_less_memory_than_the_machine(tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("4:memory:/one\n1:cpu:/\n0::/slurm/job/step\n")
    limits = {
        "memory/one/memory.limit_in_bytes": "5",
        "slurm/job/memory.max": "3",
        "slurm/job/step/memory.max": "max",
    }
    for name, limit in limits.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{limit}\n")
    assert list(engine.memory_limits(tmp_path)) == [5, 3]
    assert list(engine.memory_limits(tmp_path / "none")) == []


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


@pytest.fixture(scope="module")
def here(tmp_path_factory, tiny_run):
    """Table 2 of two folds, measured in this process."""
    from tfsergan.reproductions import bao2019

    with tiny_run(tmp_path_factory.mktemp("engine") / "here", **TWO_FOLDS).opened() as run:
        bao2019.reproduce(run, [2])
    return run


@pytest.mark.slow
def test_other_processes_give_the_same_results(tmp_path, tiny_run, here, weights_in):
    from tfsergan.reproductions import bao2019

    told = []
    with tiny_run(
        tmp_path / "there", report=lambda *words: told.append(words), **TWO_FOLDS
    ).opened() as there:
        there.engine = Processes(2)
        bao2019.reproduce(there, [2])
    assert lines(there) == lines(here)
    assert not (there.folder / evaluation.ELSEWHERE).exists()
    assert any("lambda_cls=2" in word for word, *_ in told)
    weights = [sorted((run.folder / "models").rglob("*.h5")) for run in (here, there)]
    assert [p.relative_to(here.folder) for p in weights[0]] == [
        p.relative_to(there.folder) for p in weights[1]
    ]
    for one, other in zip(*weights, strict=True):
        assert weights_in(one) == weights_in(other)
    assert any(done == total for _, done, total in told)


@dataclass
class Backwards(InProcess):
    """Does tasks here, as if in another process, in another order."""

    elsewhere = True
    done: list[str] = field(default_factory=list)

    def run(self, tasks, call, watch, finish) -> None:
        for task in engine.in_order(tasks[::-1]):
            self.done.append(task.name)
            finish(task, call(task))


def test_another_order_gives_the_same_results(tmp_path, tiny_run, here, weights_in):
    from tfsergan.reproductions import bao2019

    with tiny_run(tmp_path, **TWO_FOLDS).opened() as run:
        run.engine = Backwards()
        bao2019.reproduce(run, [2])
    first, *_, last = run.engine.done
    assert (first, last) == ("session2 pretraining", "table_2 session1")
    assert lines(run) == lines(here)
    for path in here.folder.rglob("weights.weights.h5"):
        assert weights_in(path) == weights_in(tmp_path / path.relative_to(here.folder))


def test_results_of_a_killed_run_are_taken_over(tmp_path, tiny_run):
    row = {"table": 2, "row": "", "column": "Real", "fold": "s1", "repeat": 0, "repeats": 1, "metrics": {}}
    run = tiny_run(tmp_path)
    piece = evaluation.Piece({"folder": tmp_path}, {}, {})
    evaluation.write_atomically(piece.results_of(task("fold s1")), evaluation.results.line(row).encode())
    with run.opened():
        assert run.results.rows == [row]
        assert not (tmp_path / evaluation.ELSEWHERE).exists()
    assert evaluation.results.read(tmp_path / "results.jsonl") == [row]


def test_a_single_task_is_done_here_but_with_a_cluster(tmp_path, tiny_run, monkeypatch):
    sent = []
    for name, chosen in {"two": Processes(2), "cluster": engine.Cluster("tcp://127.0.0.1:9")}.items():
        monkeypatch.setattr(type(chosen), "run", lambda self, tasks, *_: sent.append((self, tasks)))
        with tiny_run(tmp_path / name).opened() as run:
            run.engine = chosen
            run.do([task("a-fold", work=nothing)])
    ((to, tasks),) = sent
    assert isinstance(to, engine.Cluster)
    assert [one.name for one in tasks] == ["a-fold"]


def test_a_worker_with_other_versions_is_refused(tmp_path):
    piece = evaluation.Piece({"folder": tmp_path}, {}, evaluation.package_versions() | {"keras": "2.0"})
    with pytest.raises(TfserganError, match=r"other versions.*keras: 2\.0 there"):
        piece(task("a-fold"))


def test_a_worker_of_another_kind_is_told_once_and_recorded(tmp_path, tiny_run):
    with tiny_run(tmp_path).opened() as run:
        facts = results.read_run(tmp_path)["hardware"]
        run.note_worker(facts | {"cores": 99})  # no digit depends on it
        assert run.warnings == []
        for _ in range(2):
            run.note_worker(facts | {"cpu": "Zuse Z3"})
        (warning,) = run.warnings
    assert f"cpu Zuse Z3 there, {facts['cpu']} now" in warning
    with tiny_run(tmp_path).opened():
        assert results.read_run(tmp_path)["hardware_of_workers"] == [facts | {"cpu": "Zuse Z3"}]


# ---- a Dask cluster -----------------------------------------------------------------------------------------------


@pytest.fixture
def cluster(monkeypatch):
    """Starts a Dask cluster in this process: `cluster(workers, threads)`, and gives its engine."""
    distributed = pytest.importorskip("distributed", reason="needs the extra `distributed`")
    with ExitStack() as running:

        def start(workers: int = 1, threads: int = 1, **options) -> engine.Cluster:
            options = {"processes": False, "dashboard_address": None, "protocol": "tcp"} | options
            started = distributed.LocalCluster(n_workers=workers, threads_per_worker=threads, **options)
            return engine.Cluster(running.enter_context(started).scheduler_address)

        yield start


def test_a_cluster_does_tasks_after_those_they_wait_for(cluster, monkeypatch):
    monkeypatch.setattr(engine, "set_up", nothing)
    finished, looks = [], []
    dask = cluster(2)
    assert dask.jobs == 2
    tasks = [task("last", "left", "right"), task("left", "first"), task("right", "first"), task("first")]
    dask.run(tasks, operator.attrgetter("name"), lambda: looks.append(1), lambda *done: finished.append(done))
    assert [given.name for given, _ in finished] == [returned for _, returned in finished]
    assert (finished[0][1], finished[-1][1], len(finished)) == ("first", "last", 4)
    assert looks


def test_a_worker_of_several_threads_is_refused(cluster):
    with pytest.raises(TfserganError, match="--nthreads 1"):
        cluster(threads=2).run([task("a-fold")], call_work, nothing, nothing)


def test_a_failure_in_a_worker_is_what_the_caller_sees(cluster, monkeypatch):
    monkeypatch.setattr(engine, "set_up", nothing)
    with pytest.raises(ZeroDivisionError):
        cluster().run([task("a-fold", work=functools.partial(divmod, 1, 0))], call_work, nothing, nothing)


def test_workers_that_die_again_and_again_are_an_error_that_names_the_task(cluster, monkeypatch):
    import dask

    monkeypatch.setattr(engine, "in_worker", lambda *_: os._exit(3))
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        dying = cluster(processes=True)
        with pytest.raises(TfserganError, match="Workers died again and again at a-fold"):
            dying.run([task("a-fold")], call_work, nothing, nothing)


def test_no_scheduler_at_the_address(monkeypatch):
    pytest.importorskip("distributed", reason="needs the extra `distributed`")
    monkeypatch.setattr(engine, "ANSWER", 0.2)
    with pytest.raises(UsageError, match=r"tcp://127\.0\.0\.1:9: no Dask scheduler answers"):
        engine.Cluster("tcp://127.0.0.1:9").run([task("a-fold")], call_work, nothing, nothing)


def test_without_dask_its_extra_is_named(monkeypatch):
    monkeypatch.setattr(engine.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install \"tfsergan\[distributed\]\""):
        engine.Cluster("tcp://127.0.0.1:9").client()


@pytest.mark.slow
def test_a_cluster_gives_the_same_results(cluster, tmp_path, tiny_run, here):
    from tfsergan.reproductions import bao2019

    with tiny_run(tmp_path, **TWO_FOLDS).opened() as run:
        run.engine = cluster(1)
        bao2019.reproduce(run, [2])
    assert lines(run) == lines(here)
    assert not (run.folder / evaluation.ELSEWHERE).exists()
