"""Stages that runs share: reused bit for bit, linked, never mixed, one trainer at a time, whole after a kill."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tfsergan import fingerprint, stages, training
from tfsergan.errors import UsageError
from tfsergan.fingerprint import Fingerprint
from tfsergan.methods.yi2019 import Undecided, adan
from tfsergan.optimizers import FusedAdam
from tfsergan.stages import STAGE, WEIGHTS
from tfsergan.training import EPOCHS, Labelled, train

D = 4
SETTINGS = {"latent": 2, "autoencoder_units": (3,), "other_units": (3,), "activation": "tanh"}
SETTINGS |= {"leaky_relu_slope": 0.2, "precision": "float32"}


class Interrupted(Exception):
    pass


def stage(
    run: Path, epochs: int = 3, store: Path | None = None, seed: int = 1, **options: Any
) -> SimpleNamespace:
    """Trains a small ADAN in a run, or reads or reuses it: its weights, epochs, and what was told."""
    model = adan(SETTINGS, D, 2, seed)
    model.compile(*(FusedAdam(0.01) for _ in range(3)))
    x = np.random.default_rng(0).normal(size=(7, D))
    told = []
    options = {"report": lambda *words: told.append(words), "log_dir": run / "log"} | options
    shared = stages.open_store(store, run)
    trained = train(
        model, Labelled(x, np.arange(7) % 2, 3, 4), epochs, run / "models", stages=shared, **options
    )
    return SimpleNamespace(weights=model.get_weights(), epochs=trained, told=told, model=model)


def entries(runs: Path) -> list[Path]:
    return sorted(
        path for path in (runs / "stages").iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def same_weights(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> SimpleNamespace:
    """A run whose stage is in the store beside it; to be read, not changed."""
    runs = tmp_path_factory.mktemp("runs")
    trained = stage(runs / "a", stop=Undecided(2, 0.5), keep_best={"one": lambda: 1.0})
    return SimpleNamespace(runs=runs, run=runs / "a", **vars(trained))


@pytest.fixture
def copied(first, tmp_path) -> Path:
    """A copy of its folder of runs, links and all."""
    shutil.copytree(first.runs, tmp_path / "runs", copy_function=os.link)
    return tmp_path / "runs"


def again(runs: Path, name: str = "b", **options: Any) -> SimpleNamespace:
    return stage(runs / name, **{"stop": Undecided(2, 0.5), "keep_best": {"one": lambda: 1.0}} | options)


def test_a_stage_is_put_into_the_store_as_links(first):
    (entry,) = entries(first.runs)
    told = json.loads((entry / STAGE).read_text())
    assert told["digest"] == entry.name == stages.read(first.run / "models")["digest"]
    assert {name for name in told["files"] if not name.startswith("log/")} == {
        *(WEIGHTS, EPOCHS, "best-one.json", "best-one.weights.h5"),
    }
    for name in told["files"]:
        in_run = first.run / name if name.startswith("log/") else first.run / "models" / name
        assert in_run.samefile(entry / name)
    assert (
        (first.runs / "stages" / stages.TAG)
        .read_text()
        .startswith("Signature: 8a477f597d28d172789f06886806bc55")
    )


def test_a_reused_stage_is_the_same_bit_for_bit(first, copied):
    reused = again(copied, checkpoint_epochs=1, task="another name")
    assert same_weights(reused.weights, first.weights)
    assert reused.epochs == first.epochs == 2
    assert [words[1:] for words in reused.told] == [(3, 3)]
    curves = training.curves(copied / "b" / "log")
    assert curves.keys() == training.curves(first.run / "log").keys() != set()
    assert training.load_best(reused.model, copied / "b" / "models", "one") == {"score": 1.0, "epoch": 1.0}
    told = stages.read(copied / "b" / "models")
    assert told["reused"]
    assert told["trained_by"] == str(first.run)
    assert len(entries(copied)) == 1


def test_without_the_store_and_the_other_run_a_run_is_whole(first, copied):
    again(copied)
    shutil.rmtree(copied / "stages")
    shutil.rmtree(copied / "a")
    reused = again(copied, epochs=99, seed=5)
    assert same_weights(reused.weights, first.weights)
    assert reused.told == []


def test_another_stage_is_trained(copied):
    assert len(again(copied, seed=2).told) > 1
    assert len(entries(copied)) == 2


def test_where_links_are_impossible_files_are_copied(first, copied, monkeypatch):
    def refused(*_):
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "link", refused)
    assert same_weights(again(copied).weights, first.weights)
    (entry,) = entries(copied)
    assert not (entry / WEIGHTS).samefile(copied / "b" / "models" / WEIGHTS)
    assert not list(copied.rglob("*.tmp"))


@pytest.mark.parametrize("damage", [None, b"", b"damaged"])
def test_a_damaged_entry_is_trained_again(first, copied, damage):
    (entry,) = entries(copied)
    (entry / WEIGHTS).unlink()
    if damage is not None:
        (entry / WEIGHTS).write_bytes(damage)
    trained = again(copied)
    assert len(trained.told) > 1
    assert same_weights(trained.weights, first.weights)
    assert (entry / WEIGHTS).samefile(copied / "b" / "models" / WEIGHTS)


def test_a_store_that_cannot_be_used_is_no_reason_not_to_train(tmp_path):
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "of_something_else").write_text("")
    stage(tmp_path / "a")
    assert training.finished(tmp_path / "a" / "models")
    assert [path.name for path in (tmp_path / "stages").iterdir()] == ["of_something_else"]
    with pytest.raises(UsageError, match=r"--stages .*stages: can't be used.*not empty.*--stages none"):
        stages.open_store(tmp_path / "stages", tmp_path / "a")


def test_the_store_of_another_user_is_not_used(tmp_path, monkeypatch):
    locks = stages.open_store(None, tmp_path / "a").folder / stages.LOCKS
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != locks)
    assert stages.open_store(None, tmp_path / "a") is None
    with pytest.raises(UsageError, match="not yours to write"):
        stages.open_store(locks.parent, tmp_path / "a")


def test_no_run_lies_in_its_store(tmp_path):
    for store, run in ((None, "stages"), (tmp_path / "store", "store/a"), (tmp_path / "store", "store")):
        with pytest.raises(UsageError, match=r"the run would lie in .* --out"):
            stages.open_store(store, tmp_path / run)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_no_half_entry(tmp_path, monkeypatch):
    calls, link = [], stages.link

    def full(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "no space")
        link(source, target)

    monkeypatch.setattr(stages, "link", full)
    monkeypatch.setattr(stages.Stages, "take", lambda *_: False)
    (tmp_path / "stages").mkdir()
    stage(tmp_path / "a")
    assert len(calls) == 2
    assert {path.name for path in (tmp_path / "stages").iterdir()} == {stages.TAG, stages.LOCKS}


# ---- kills and checkpoints ----------------------------------------------------------------------------------------


def interrupt(run: Path, **options: Any) -> None:
    def report(task: str, done: int, total: int) -> None:
        if done == 2:
            raise Interrupted

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(training, "time", SimpleNamespace(monotonic=iter(range(99)).__next__))
        stage(run, report=report, checkpoint_epochs=1, epochs=4, **options)
    assert (run / "models" / "checkpoint").is_dir()


def test_an_interrupted_stage_goes_on_and_is_shared(tmp_path):
    whole = stage(tmp_path / "whole" / "a", epochs=4)
    interrupt(tmp_path / "a")
    assert not entries(tmp_path)
    resumed = stage(tmp_path / "a", epochs=4)
    assert resumed.told[0][1] == 1
    assert same_weights(resumed.weights, whole.weights)
    assert [entry.name for entry in entries(tmp_path)] == [
        entry.name for entry in entries(tmp_path / "whole")
    ]


def test_a_stage_whose_run_was_killed_before_it_was_shared_is_shared_later(first, copied):
    """Nothing is trained, and what another run trained is not put there in this run's name."""
    again(copied)
    (entry,) = entries(copied)
    shutil.rmtree(entry)
    again(copied)
    assert entries(copied) == []
    assert again(copied, "a").told == []
    assert entries(copied) == [entry]
    assert stages.whole(entry, stages.read(entry))
    assert stages.read(entry)["trained_by"] == str(copied / "a")
    stages.write(copied / "a" / "models", {"parts": {"machine": "two"}, "mixed": True})
    shutil.rmtree(entry)
    again(copied, "a")
    assert entries(copied) == []


def test_a_checkpoint_of_another_stage_is_dropped(tmp_path):
    interrupt(tmp_path / "a", seed=2)
    fresh = stage(tmp_path / "a", epochs=4)
    assert fresh.told[0][1] == 0
    assert same_weights(fresh.weights, stage(tmp_path / "whole" / "a", epochs=4).weights)
    assert {len(values) for values in training.curves(tmp_path / "a" / "log").values()} == {4}


@pytest.mark.parametrize("unknown", [False, True])
def test_a_checkpoint_of_another_machine_goes_on_and_is_not_shared(tmp_path, monkeypatch, unknown):
    interrupt(tmp_path / "a")
    if unknown:  # begun without a store
        (tmp_path / "a" / "models" / STAGE).unlink()
    else:
        monkeypatch.setattr(fingerprint, "machine", lambda: "another")
    resumed = stage(tmp_path / "a", epochs=4)
    assert resumed.told[0][1] == 1
    assert entries(tmp_path) == []
    told = stages.read(tmp_path / "a" / "models")
    assert told.keys() == {"parts", "mixed"}
    assert (told["parts"]["machine"] == "another", told["mixed"]) == (not unknown, True)


def begun(run: Path, **told: Any) -> Path:
    """A checkpoint, and what is known of it; its file."""
    checkpoint = run / "models" / "checkpoint" / "epoch-000001.index"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.touch()
    stages.write(run / "models", told)
    return checkpoint


def test_a_checkpoint_goes_on_elsewhere_with_the_same_code_and_data_alone(tmp_path):
    here, there = ({"code": "1", "data": "d", "machine": name} for name in ("here", "there"))
    old = Fingerprint(there)
    for changes, goes_on in (({}, True), ({"code": "2"}, False), ({"data": "e"}, False)):
        checkpoint = begun(tmp_path, digest=old.digest, parts=there)
        now = Fingerprint(here | changes)
        assert stages.begin(now, tmp_path / "models", None, "run") is not goes_on
        assert checkpoint.exists() is goes_on
    checkpoint = begun(tmp_path, digest=old.digest, parts=there)
    for _ in range(2):  # once mixed, it stays so, and goes on still
        assert not stages.begin(Fingerprint(here), tmp_path / "models", None, "run")
        assert stages.read(tmp_path / "models") == {"parts": here, "mixed": True}
        assert checkpoint.exists()
    assert stages.begin(Fingerprint(here | {"code": "2"}), tmp_path / "models", None, "run")
    assert not checkpoint.exists()


def test_a_stage_of_which_something_is_unknown_is_not_shared(tmp_path):
    stage(tmp_path / "a", keep_best={"generator": iter([1.0, 2.0, 3.0]).__next__})
    assert entries(tmp_path) == []
    assert training.finished(tmp_path / "a" / "models")


KILLED = """
import os, runpy, sys
from pathlib import Path
from tfsergan import fingerprint, stages
fingerprint.machine = lambda: "this one"
link, left = stages.link, [int(sys.argv[3])]
def killed(source, target):
    left[0] -= 1
    if left[0] < 0:
        os._exit(9)
    link(source, target)
stages.link = killed
test = runpy.run_path(sys.argv[1])
test["stage"](Path(sys.argv[2]) / "a")
test["stage"](Path(sys.argv[2]) / "b")
"""


@pytest.mark.slow
@pytest.mark.parametrize("links", range(6))
def test_a_kill_between_any_two_links_leaves_store_and_runs_whole(tmp_path, links, monkeypatch):
    """Three links put a stage into the store, three take it."""
    monkeypatch.setattr(fingerprint, "machine", lambda: "this one")  # other tests may have set switches
    arguments = [sys.executable, "-c", KILLED, __file__, str(tmp_path), str(links)]
    assert subprocess.run(arguments, timeout=300, check=False).returncode == 9
    for entry in entries(tmp_path):
        assert stages.whole(entry, stages.read(entry))
    whole = stage(tmp_path / "whole" / "a")
    for name in "ab":
        assert same_weights(stage(tmp_path / name).weights, whole.weights)
    assert len(entries(tmp_path)) <= 1


def test_one_trains_the_others_wait(tmp_path):
    """The second process finds the lock held, tells that it waits, and reuses what the first has put there."""
    store = stages.open_store(None, tmp_path / "a")
    found = Fingerprint({"machine": "m"})
    waiting, told = threading.Event(), []

    def wait(done: int) -> None:
        told.append(done)
        waiting.set()

    def second() -> None:
        with store.claimed(found, tmp_path / "b", None, wait) as reused:
            told.append(reused)

    with store.claimed(found, tmp_path / "a", None, told.append) as reused:
        assert not reused
        other = threading.Thread(target=second)
        other.start()
        assert waiting.wait(60)
        (tmp_path / "a" / WEIGHTS).write_bytes(b"weights")
    other.join(60)
    assert told == [0, 1, True]
    assert (tmp_path / "b" / WEIGHTS).read_bytes() == b"weights"


# ---- what is said ----------------------------------------------------------------------------------------------------


def test_what_was_reused_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    owner = str(tmp_path / "runs" / "other")
    own, taken = {"trained_by": str(tmp_path / "runs" / "own")}, {"trained_by": owner, "reused": True}
    before = {Path("0"): taken}
    assert stages.reuse_text(before, before | {Path("1"): own, Path("2"): {}}) == ""
    after = before | {Path("1"): own, Path("2"): taken, Path("3"): taken}
    assert stages.reuse_text(before, after) == "reused 2 of 3 training stages of runs/other"
    after |= {Path("4"): {"trained_by": "elsewhere", "reused": True}}
    assert (
        stages.reuse_text(before, after) == "reused 3 of 4 training stages: 2 of runs/other, 1 of elsewhere"
    )


def test_a_run_that_trains_nothing_measures_the_same(finished_run, tiny_run, measure_tables):
    """Another frequency of checkpoints is another run, of the same stages."""
    folder = finished_run.folder.with_name("again")
    run = measure_tables(tiny_run(folder, shared=True, checkpoint_epochs="7"), [2])
    told = stages.reuse_text({}, stages.finished(folder))
    assert told == f"reused 3 of 3 training stages of {finished_run.folder}"
    same = ("row", "column", "fold", "repeat", "metrics", "confusion")
    scores = [
        [{name: row[name] for name in same} for row in r.results.of(table=2)] for r in (run, finished_run)
    ]
    assert scores[0] == scores[1] != []
