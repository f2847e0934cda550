"""What runs are told to be, and what is freed: nothing that a result needs, nothing of a run at work."""

import json
import os
from pathlib import Path
from typing import Any

import filelock
import pytest
import tomli_w
from click.testing import CliRunner

from tfsergan import cli, runs, stages
from tfsergan.files import write_atomically
from tfsergan.results import line
from tfsergan.runs import AT_WORK, COMPLETE, INCOMPLETE

DIGEST, UNUSED = "a" * 32, "b" * 32


def write(path: Path, size: int = 0, content: bytes = b"") -> Path:
    write_atomically(path, content or b"x" * size)
    return path


def make_run(
    folder: Path, corpora: tuple[str, ...] = ("labelled", "source"), finished=(), rows=(), **more: str
) -> Path:
    entry = {
        "run": {"paper": "bao2019", "schedule": "compact", "protocol": "strict", "overrides": {}, **more},
        "corpora": {role: {"name": f"{role}_corpus"} for role in corpora},
        "settings": {},
        "versions": {},
        "finished": list(finished),
    }
    write(folder / "run.toml", content=tomli_w.dumps(entry).encode())
    shared = {"repeat": 0, "repeats": 1, "metrics": {}}
    text = "".join(
        line({**shared, "table": 2, "row": row, "column": column, "fold": fold}) for row, column, fold in rows
    )
    write(folder / "results.jsonl", content=text.encode() or b"\n")
    return folder


def add_stage(run: Path, name: str = "s1/pretraining", digest: str = DIGEST, entry: bool = True) -> Path:
    """A finished stage of 1000 bytes, in the store beside the run too."""
    folder = run / "models" / name
    write(folder / stages.WEIGHTS, 1000)
    write(folder / stages.STAGE, content=json.dumps({"digest": digest}).encode())
    if entry:
        store = run.parent / stages.FOLDER
        stages.prepare(store)
        stages.link(folder / stages.WEIGHTS, store / digest / stages.WEIGHTS)
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("runs")


def command(*arguments: Any, **options: Any):
    return CliRunner().invoke(cli.main, ["runs", *map(str, arguments)], **options)


def listed(*arguments: Any) -> dict:
    done = command(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


# ---- the list ---------------------------------------------------------------------------------------------------


def test_cells_are_counted_by_the_tables_whose_corpora_are_here(folder):
    rows = [("", "Real", "s1"), ("", "Real", "s2"), ("lambda_cls=0", "Syn.", "s1")]
    make_run(folder / "a", rows=rows)
    make_run(folder / "b", corpora=("labelled",))
    one, other = listed()["runs"]
    # Table 1 has three cells, table 2 one Real and two each of Syn. and Real+Syn.; table 3 needs another corpus.
    assert (one["measured"], one["planned"]) == (1, 8)  # the Syn. lacks a fold
    assert (other["measured"], other["planned"]) == (0, 1)  # Real needs no source
    assert one["corpora"] == {"labelled": "labelled_corpus", "source": "source_corpus"}
    assert (one["paper"], one["schedule"], one["protocol"]) == ("bao2019", "compact", "strict")


def test_states(folder):
    rows = [("", "Real", "s1")]
    make_run(folder / "complete", finished=[1, 2, 3], rows=rows)
    make_run(folder / "one_table", finished=[2], rows=rows)
    make_run(folder / "stopped", rows=rows)
    make_run(folder / "worked_on", finished=[1, 2, 3], rows=rows)
    stage = add_stage(make_run(folder / "outlived", finished=[1, 2, 3], rows=rows))
    with filelock.FileLock(folder / "worked_on" / ".lock"), filelock.FileLock(stage / ".lock"):
        states = {Path(row["folder"]).name: row["state"] for row in listed()["runs"]}
    assert states == {
        **{"complete": COMPLETE, "one_table": INCOMPLETE, "stopped": INCOMPLETE},
        **{"worked_on": AT_WORK, "outlived": AT_WORK},
    }


def test_runs_of_one_method_are_complete_with_their_generator(folder):
    for name in ("done", "stopped"):
        make_run(folder / name, method="EmotionCycleGAN")
    write(folder / "done" / "generator" / "card.toml", 10)
    done, stopped = listed()["runs"]
    assert (done["state"], stopped["state"]) == (COMPLETE, INCOMPLETE)
    assert (done["method"], done["paper"], done["planned"]) == ("EmotionCycleGAN", "bao2019", 0)
    assert "EmotionCycleGAN" in command().output
    told = CliRunner().invoke(cli.main, ["report", "runs/done"])
    assert told.exit_code == 1
    assert "trained EmotionCycleGAN here, and a trained generator has no tables" in told.output
    assert "tfsergan export runs/done --to FOLDER" in told.output


def test_sizes_count_hard_links_once(folder):
    stage = add_stage(make_run(folder / "a"))
    stages.link(stage / stages.WEIGHTS, make_run(folder / "b") / "models" / "s1" / stages.WEIGHTS)
    write(folder / "b" / "tensorboard" / "log", 30)
    told = listed(folder)
    small = sum(
        path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.stat().st_size < 1000
    )
    assert told["size"] == 1000 + small
    assert [row["logs"] for row in told["runs"]] == [0, 30]
    assert told["runs"][1]["models"] == 1000
    assert told["stages"]["stages"] == 1
    assert told["stages"]["unused"] == 0


def test_the_table_is_for_people(folder):
    make_run(folder / "a", rows=[("", "Real", "s1")])
    write(folder / "b" / "run.toml", content=b"[run")
    shown = command().output
    for text in ("bao2019", "compact", "labelled_corpus", "1/8", "incomplete", "On disk: "):
        assert text in shown
    assert "runs/b: " in shown
    assert "list" in command("--help").output


def test_a_run_toml_of_another_shape_is_a_problem(folder):
    write(folder / "a" / "run.toml", content=b"run = 3")
    (run,) = listed()["runs"]
    assert "run.toml: damaged (no table [run]" in run["problem"]
    entry = b"[run]\n[corpora.labelled]\n[settings]\n[versions]"
    write(folder / "a" / "run.toml", content=entry)
    (run,) = listed()["runs"]
    assert "lack 'paper'" in run["problem"]


def test_runs_are_found_at_any_depth_and_behind_links(folder, tmp_path):
    deep, elsewhere = make_run(folder / "group" / "a"), make_run(tmp_path / "scratch" / "b")
    (folder / "b").symlink_to(elsewhere)
    make_run(deep / "models" / "no_run")
    assert runs.find(folder) == [folder / "b", deep]
    assert runs.find(deep) == [deep]


def test_no_runs(folder):
    done = command()
    assert done.exit_code == 1
    assert "runs: no such folder" in done.output
    folder.mkdir()
    assert "no runs here. `tfsergan reproduce PAPER --out runs/NAME`" in command().output


# ---- what is freed ----------------------------------------------------------------------------------------------


@pytest.fixture
def littered(folder) -> dict[str, Path]:
    """A run with everything that can be freed, by what it is; and what must stay."""
    run = make_run(folder / "a", finished=[1, 2], rows=[("", "Real", "s1")])
    stage, unfinished = add_stage(run), run / "models" / "s1" / "lambda_cls=0"
    stages.prepare(folder / "stages")
    return {
        "checkpoint": write(stage / "checkpoint" / "epoch-000001.index", 50),
        "half": write(stage / "best-a.weights.h5", 60),
        "unfinished": write(unfinished / "unfinished.7.weights.h5", 70),
        "tmp": write(run / ".results.jsonl.x.tmp", 80),
        "lent": write(run / ".elsewhere" / "corpora-1" / "x.npy", 90),
        "unused": write(folder / "stages" / UNUSED / stages.WEIGHTS, 100),
        "half entry": write(folder / "stages" / f".unfinished-{UNUSED}-1" / stages.WEIGHTS, 110),
    }


def kept(folder: Path) -> list[Path]:
    found = [
        "results.jsonl",
        "run.toml",
        ".elsewhere/results/t.jsonl",
        "models/s1/lambda_cls=0/best-a.weights.h5",
    ]
    found += [
        "models/s1/lambda_cls=0/checkpoint/epoch-000002.index",
        f"models/s1/pretraining/{stages.WEIGHTS}",
    ]
    paths = [folder / "a" / name for name in found]
    for path in paths:
        if not path.exists():
            write(path, 10)
    return [*paths, folder / "stages" / DIGEST / stages.WEIGHTS]


def test_what_no_result_needs_is_freed_and_nothing_else(folder, littered):
    needed = kept(folder)
    dry = command("clean", "--dry-run")
    assert "560 B could be freed" in dry.output
    assert all(path.exists() for path in littered.values())
    assert command("clean", input="n\n").exit_code == 1
    assert all(path.exists() for path in littered.values())
    asked = command("clean", input="y\n")
    assert "Free 560 B?" in asked.output
    assert "560 B freed." in asked.output
    assert not [name for name, path in littered.items() if path.exists()]
    assert (folder / "stages" / stages.LOCKS / UNUSED).exists()  # somebody may wait for it
    assert all(path.exists() for path in needed)
    assert "Nothing to free." in command("clean", "--yes").output


def test_a_run_at_work_is_left_alone(folder, littered):
    lock = filelock.FileLock(folder / "a" / ".lock")
    with lock:
        done = command("clean", "--yes")
    assert "runs/a: at work, left alone." in done.output
    assert {name for name, path in littered.items() if path.exists()} == {
        *("checkpoint", "half", "unfinished", "tmp", "lent"),
    }
    left = runs.leftovers([runs.status(folder / "a")], None, models=False)
    with lock:  # taken up after it was shown
        assert runs.remove(left) == 0
    assert littered["checkpoint"].exists()


def test_weights_go_only_with_complete_runs_and_only_if_asked(folder):
    rows = [("", "Real", "s1")]
    add_stage(make_run(folder / "a", finished=[1, 2], rows=rows))
    add_stage(make_run(folder / "b", rows=rows), digest=UNUSED)
    assert "Nothing to free." in command("clean", "--yes").output
    done = command("clean", "--models", "--yes")
    assert "export" in done.output
    assert "1.0 kB freed" in done.output  # the run's and the store's are one file
    assert not (folder / "stages" / DIGEST).exists()
    assert not list((folder / "a").rglob(stages.WEIGHTS))
    assert (folder / "b" / "models" / "s1" / "pretraining" / stages.WEIGHTS).exists()
    assert (folder / "stages" / UNUSED).exists()


def test_a_stage_that_a_run_elsewhere_links_to_stays(folder, tmp_path):
    stage = add_stage(make_run(folder / "a", finished=[1, 2], rows=[("", "Real", "s1")]))
    os.link(stage / stages.WEIGHTS, tmp_path / "elsewhere.h5")
    done = command("clean", folder / "a", "--models", "--yes")
    assert "1.0 kB" in done.output
    assert "46 B freed" in done.output  # stage.json alone
    assert "Nothing to free." in command("clean", "--yes").output
    assert (folder / "stages" / DIGEST / stages.WEIGHTS).exists()


def test_a_copied_stage_is_needed_by_the_account_of_its_run(folder):
    stage = add_stage(make_run(folder / "a"))
    content = (stage / stages.WEIGHTS).read_bytes()
    write(stage / stages.WEIGHTS, content=content)  # no longer a link
    assert "Nothing to free." in command("clean", "--yes").output


def test_the_store_may_be_elsewhere(folder, tmp_path, monkeypatch):
    run, store = make_run(folder / "a"), tmp_path / "store"
    other = add_stage(make_run(tmp_path / "others" / "c"), digest="c" * 32, entry=False)
    add_stage(run, entry=False)
    stages.prepare(store)
    for digest, trained_by in ((DIGEST, run), (UNUSED, tmp_path / "gone"), ("c" * 32, other.parents[2])):
        write(store / digest / stages.WEIGHTS, 100)  # copies
        stages.write(store / digest, {"trained_by": str(trained_by.absolute())})
    assert listed()["stages"] is None
    assert listed("--stages", store)["stages"]["stages"] == 3
    monkeypatch.setenv("TFSERGAN_STAGES", str(store))
    assert listed()["stages"]["folder"] == str(store)
    assert listed("--stages", "none")["stages"] is None
    assert "Nothing to free." in command("clean", "--stages", "none", "--yes").output
    assert f"{store}: {runs.UNUSED}: 1" in command("clean", "--yes").output
    assert [entry.name for entry in runs.entries(store)] == [DIGEST, "c" * 32]


def test_a_stage_that_is_being_taken_stays(folder):
    make_run(folder / "a")
    stages.prepare(folder / "stages")
    entry = write(folder / "stages" / UNUSED / stages.WEIGHTS, 10)
    (folder / "stages" / stages.LOCKS).mkdir()
    with filelock.FileLock(folder / "stages" / stages.LOCKS / UNUSED):
        assert "Nothing to free." in command("clean", "--yes").output
    assert entry.exists()
