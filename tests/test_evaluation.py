"""A run: seeds, cells measured once, a folder for one run and one process, and no leak from a test fold."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tfsergan import evaluation
from tfsergan.errors import CorpusNotFound, TfserganError
from tfsergan.evaluation import differences, read_run
from tfsergan.training import WEIGHTS

NOT_THERE = CorpusNotFound("The corpus far is not here.")


def one_result(uar: float = 0.5) -> list[dict]:
    return [{"metrics": {"uar": uar}, "n": 4}]


# ---- seeds ------------------------------------------------------------------------------------------------------


def test_seeds_differ_by_name_and_not_by_order(tmp_path, tiny_run):
    run = tiny_run(tmp_path)
    names = [
        (table, row, fold, repeat) for table in (2, 3) for row in "ab" for fold in "xy" for repeat in (0, 1)
    ]
    seeds = {name: run.seed_of(*name) for name in names}
    assert len(set(seeds.values())) == len(names)
    for name in reversed(names):
        assert tiny_run(tmp_path / "other").seed_of(*name) == seeds[name]
    assert all(0 <= seed < 2**31 for seed in seeds.values())


def test_seeds_depend_on_the_base_seed_and_the_paper(tmp_path, tiny_run):
    run = tiny_run(tmp_path)
    assert run.seed_of("a") != tiny_run(tmp_path, seed=1).seed_of("a")
    assert run.seed_of("a", "b") != run.seed_of("ab")
    assert run.seed_of("a", "b") != run.seed_of("b", "a")


# ---- cells ------------------------------------------------------------------------------------------------------


def test_a_finished_cell_is_not_computed_again(tmp_path, tiny_run):
    with tiny_run(tmp_path).opened() as run:
        run.measure(2, "a", "Real", "s1", lambda: one_result(0.25))
    with tiny_run(tmp_path).opened() as run:
        run.measure(2, "a", "Real", "s1", pytest.fail)
        run.measure(2, "a", "Real", "s2", lambda: one_result(0.75))
        assert [row["metrics"]["uar"] for row in run.results.rows] == [0.25, 0.75]


def test_a_cell_that_fails_leaves_no_result_and_keeps_those_before(tmp_path, tiny_run):
    def fail():
        raise TfserganError("no")

    with pytest.raises(TfserganError, match="no"), tiny_run(tmp_path).opened() as run:
        run.measure(2, "a", "Real", "s1", one_result)
        run.measure(2, "a", "Syn.", "s1", fail)
    assert [row["column"] for row in tiny_run(tmp_path).results.rows] == ["Real"]


def test_a_result_says_what_made_it(tmp_path, tiny_run):
    with tiny_run(tmp_path, protocol="paper", seed=3).opened() as run:
        run.measure(2, "a", "Real", "s1", lambda: one_result() * 2)
    first, second = run.results.rows
    assert (first["repeat"], second["repeat"], first["repeats"]) == (0, 1, 2)
    assert first["corpora"] == {"labelled": "lab", "source": "src", "cross": "far"}
    assert (first["protocol"], first["schedule"], first["seed"]) == ("paper", "quick", 3)
    assert first["overrides"]["lambda_cls"] == "0,2"
    assert first["versions"]["tensorflow"]


def test_score_by_hand():
    truth = np.array([0, 0, 0, 0, 1, 1])
    predicted = np.array([[0, 0, 0, 1, 1, 0], truth])
    speakers = np.array(["f", "f", "m", "m", "m", "m"])
    first, second = evaluation.score(truth, predicted, speakers, ("angry", "sad"), distance=0.1)
    assert first["metrics"] == {
        "uar": pytest.approx((3 / 4 + 1 / 2) / 2),
        "wa": pytest.approx(4 / 6),
        "distance": 0.1,
    }
    assert first["confusion"] == {"f": [[2, 0], [0, 0]], "m": [[1, 1], [1, 1]]}
    assert (first["n"], first["classes"]) == (6, ["angry", "sad"])
    assert second["metrics"]["uar"] == second["metrics"]["wa"] == 1


def test_mean_over_features_by_hand():
    (result,) = evaluation.mean_over_features(np.array([[0.1, 0.3, 0.2], [0.3, 0.5, 0.4]]))
    assert result["metrics"]["distance"] == pytest.approx(0.3)
    assert result["n"] == 3
    low, high = result["interval"]
    assert 0.2 - 1e-9 <= low < 0.3 < high <= 0.4 + 1e-9


# ---- one folder, one run ------------------------------------------------------------------------------------------


def test_run_toml_holds_everything_that_decides_the_numbers(finished_run):
    entry = read_run(finished_run.folder)
    assert entry["run"] == {
        "paper": "bao2019",
        "schedule": "quick",
        "protocol": "strict",
        "seed": 0,
        "threads": 1,
        "overrides": dict(finished_run.overrides),
    }
    assert entry["settings"]["lambda_cls"] == [0.0, 2.0]
    assert set(entry["settings"]) == set(finished_run.settings) - {"precision"}  # it came later
    assert entry["corpora"]["source"]["fingerprint"] == finished_run.corpora["source"].fingerprint
    assert entry["versions"]["keras"]
    assert entry["hardware"]["cores"] >= 1
    assert entry["command"] == "tfsergan reproduce bao2019"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 1}, r"run\.seed: 0 there, 1 now"),
        ({"protocol": "paper"}, r"run\.protocol: strict there, paper now"),
        ({"gan_iterations": "4"}, r"settings\.gan_iterations: 3 there, 4 now"),
    ],
)
def test_the_folder_of_another_run_is_refused_with_what_differs(finished_run, tiny_run, change, told):
    before = (finished_run.folder / "run.toml").read_bytes()
    told = rf"another run:\n[\s\S]*{told}[\s\S]*--out"
    run = tiny_run(finished_run.folder, **change)
    with pytest.raises(TfserganError, match=told), run.opened():
        pytest.fail("opened")
    assert (finished_run.folder / "run.toml").read_bytes() == before


def test_the_folder_of_other_data_under_the_same_name_is_refused(finished_run, tiny_run, tiny_corpora, alter):
    corpus = tiny_corpora["source"]
    tiny_corpora["source"] = alter(corpus, x=corpus.x + 1)
    run = tiny_run(finished_run.folder, tiny_corpora)
    with pytest.raises(TfserganError, match=r"corpora\.source\.fingerprint"), run.opened():
        pytest.fail("opened")


def test_a_corpus_that_comes_later_is_no_other_run(tmp_path, tiny_run, tiny_corpora):
    with tiny_run(tmp_path, tiny_corpora | {"cross": NOT_THERE}).opened() as run:
        run.measure(2, "", "Real", "s1", one_result)
        assert not run.has("cross")
        with pytest.raises(CorpusNotFound, match="not here"):
            run.corpus("cross")
    assert read_run(tmp_path)["missing"] == {"cross": "The corpus far is not here."}
    with tiny_run(tmp_path, tiny_corpora).opened() as run:
        assert len(run.results.rows) == 1
    assert read_run(tmp_path)["missing"] == {}


def test_a_corpus_that_goes_and_comes_back_as_another_is_refused(tmp_path, tiny_run, tiny_corpora, alter):
    """Its rows are still there, and would be shown as those of the other."""
    with tiny_run(tmp_path, tiny_corpora).opened() as run:
        run.measure(3, "", "Real", "all", one_result)
    with tiny_run(tmp_path, tiny_corpora | {"cross": NOT_THERE}).opened():
        pass
    other = alter(tiny_corpora["cross"], x=tiny_corpora["cross"].x * 2)
    run = tiny_run(tmp_path, tiny_corpora | {"cross": other})
    with pytest.raises(TfserganError, match=r"corpora\.cross\.fingerprint"), run.opened():
        pytest.fail("opened")


def test_going_on_on_another_machine_is_told_once_and_recorded(tmp_path, tiny_run):
    with tiny_run(tmp_path).opened() as run:
        assert run.warnings == []
    path = tmp_path / "run.toml"
    ours = read_run(tmp_path)["hardware"]
    path.write_text(
        path.read_text(encoding="utf-8").replace(f'cpu = "{ours["cpu"]}"', 'cpu = "Zuse Z3"'), "utf-8"
    )
    with tiny_run(tmp_path).opened() as run:
        (warning,) = run.warnings
    assert f"cpu Zuse Z3 there, {ours['cpu']} now" in warning
    assert "begun under other conditions" in warning
    assert "last digits" in warning
    assert "\n" not in warning
    for _ in range(2):
        entry = read_run(tmp_path)
        assert entry["hardware"] == ours
        assert entry["hardware_before"] == [ours | {"cpu": "Zuse Z3"}]
        with tiny_run(tmp_path).opened() as run:
            assert run.warnings == []


def test_what_a_kill_left_unfinished_is_cleared_away(tmp_path, tiny_run):
    left = tmp_path / "models" / "session1" / f".scalers.json.{'0' * 32}.tmp"
    left.parent.mkdir(parents=True)
    left.touch()
    with tiny_run(tmp_path).opened():
        assert not left.exists()
        left.touch()  # by a process that died and was replaced
    assert not left.exists()


def test_differences_of_nested_mappings():
    there = {"run": {"overrides": {"a": "1", "b": "2"}}, "settings": {"x": 1}, "hardware": {"cores": 2}}
    here = {"run": {"overrides": {"a": "3"}}, "settings": {"x": 1, "y": 2}}
    assert differences(there, there) == []
    assert differences(there, here) == [
        "run.overrides.a: 1 there, 3 now",
        "run.overrides.b: 2 there, not set now",
        "settings.y: None there, 2 now",
    ]


def test_the_run_of_a_method_is_another_than_that_of_the_tables(tmp_path, tiny_run):
    tables = tiny_run(tmp_path / "tables")
    assert "method" not in tables.identity()["run"]
    for folder, there, now in (("one", "ADAN", ""), ("two", "ADAN", "AAE"), ("three", "", "ADAN")):
        for method in (there, now):
            run = tiny_run(tmp_path / folder)
            run.method = method
            if method == there:
                with run.opened():
                    assert read_run(run.folder)["run"].get("method", "") == method
        with pytest.raises(TfserganError, match=r"run\.method: "), run.opened():
            pass
    assert tables.provenance() == run.provenance()


def test_a_damaged_or_missing_run_toml_is_told(tmp_path):
    with pytest.raises(TfserganError, match="no run here"):
        read_run(tmp_path)
    (tmp_path / "run.toml").write_bytes(b"[run\n\xff")
    with pytest.raises(TfserganError, match=r"run\.toml: damaged"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("run = 3", r"no table \[run\], \[corpora\], \[settings\], \[versions\]"),
        ("[run]\n[corpora]\n[settings]", r"no table \[versions\]"),
        ("[run]\n[corpora]\nlabelled = 3\n[settings]\n[versions]", "a corpus that is no table"),
    ],
)
def test_a_run_toml_of_another_shape_is_told(tmp_path, text, told):
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(TfserganError, match=rf"run\.toml: damaged \({told}\)\. Take another --out"):
        read_run(tmp_path)


def test_logs_of_older_versions_are_moved_to_where_they_are_looked_for(tmp_path, tiny_run):
    def write(folder: Path, text: str) -> None:
        folder.mkdir(parents=True)
        (folder / "events").write_text(text)

    run = tiny_run(tmp_path)
    for fold in ("s1", "s2"):
        (tmp_path / "models" / fold).mkdir(parents=True)
        write(tmp_path / "tensorboard" / fold / "pretraining", "old")
    write(tmp_path / "tensorboard" / "cells" / "s1", "no stage's")
    write(run.log_dir("s2", "pretraining"), "new")
    for _ in range(2):
        with run.opened():
            pass
        assert (run.log_dir("s1", "pretraining") / "events").read_text() == "old"
        assert (run.log_dir("s2", "pretraining") / "events").read_text() == "new"
        assert {path.name for path in (tmp_path / "tensorboard").iterdir()} == {"cells", "s2", "training"}


# ---- one folder, one process ----------------------------------------------------------------------------------------


def test_a_second_process_is_refused(tmp_path, tiny_run):
    hold = "import sys, time, filelock\nwith filelock.FileLock(sys.argv[1]):\n print(flush=True)\n time.sleep(60)"
    run = tiny_run(tmp_path)
    holder = subprocess.Popen([sys.executable, "-c", hold, str(tmp_path / ".lock")], stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        began = time.monotonic()
        with pytest.raises(TfserganError, match=r"another tfsergan process.*--out"), run.opened():
            pytest.fail("opened")
        assert time.monotonic() - began < 30  # the other one has the folder for 60 s
    finally:
        holder.kill()
        holder.wait()
    with run.opened():
        pass


def test_who_looks_at_a_run_at_work_changes_nothing(tmp_path, tiny_run):
    """A run that only reads, or is refused the folder, must not tidy the results of the one at work."""
    with tiny_run(tmp_path).opened() as run:
        run.measure(2, "", "Real", "s1", lambda: one_result() * 2)
        path = tmp_path / "results.jsonl"
        half = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text(half[0], encoding="utf-8")  # what another process may see while this one appends
        with pytest.raises(TfserganError, match="another tfsergan process"), tiny_run(tmp_path).opened():
            pytest.fail("opened")
        assert path.read_text(encoding="utf-8") == half[0]


# ---- what bao2019 measures ------------------------------------------------------------------------------------------


def test_every_cell_is_measured_once(finished_run):
    rows = finished_run.results.rows
    cells = {(row["table"], row["row"], row["column"], row["fold"]) for row in rows}
    lambdas = ("lambda_cls=0", "lambda_cls=2")
    expected = {(1, "target - source", "distance", "all")}
    expected |= {(1, f"target - syn ({name})", "distance", "all") for name in lambdas}
    for table, fold in ((2, "session1"), (3, "all")):
        expected |= {(table, "", "Real", fold)}
        expected |= {(table, name, column, fold) for name in lambdas for column in ("Syn.", "Real+Syn.")}
    assert cells == expected
    assert len(rows) == 3 + 2 * 5 * 2
    tested = {2: 24, 3: 34}  # a session; 70 % of 48
    for row in rows:
        if row["table"] != 1:
            assert row["n"] == tested[row["table"]] == np.sum(list(row["confusion"].values()))
        if row["column"] in ("Syn.", "Real+Syn."):
            assert row["metrics"]["source_distance"] > 0


def test_measured_again_nothing_changes(finished_run, tiny_run, measure_tables, classifiers):
    before = (finished_run.folder / "results.jsonl").read_bytes()
    measure_tables(tiny_run(finished_run.folder))
    assert classifiers.trained == {}
    assert (finished_run.folder / "results.jsonl").read_bytes() == before


def test_nothing_is_left_to_do_after_a_run(finished_run, tmp_path, tiny_run):
    from tfsergan.reproductions import bao2019

    assert bao2019.work(finished_run, (1, 2, 3)) == 0
    assert bao2019.work(tiny_run(tmp_path), (1, 2, 3)) > bao2019.work(tiny_run(tmp_path), (2,)) > 0


def test_without_source_real_alone_is_measured(tmp_path, tiny_run, tiny_corpora, measure_tables):
    from tfsergan.reproductions import bao2019

    run = tiny_run(tmp_path, tiny_corpora | {"source": NOT_THERE, "cross": NOT_THERE})
    measure_tables(run)
    assert {(row["table"], row["row"], row["column"]) for row in run.results.rows} == {(2, "", "Real")}
    assert bao2019.work(run, (1, 2, 3)) == 0


def test_training_sets_are_as_the_protocol_says(finished_classifiers, tiny_corpora):
    """Sec. 4.3: real, synthetic, both; strict: each z-normed by what it was trained on."""
    trained, corpus = finished_classifiers, tiny_corpora["labelled"]
    train = corpus.session != "session1"
    real = trained["session1: Real"]
    x = corpus.x[train].astype(np.float64)
    np.testing.assert_allclose(real["x"], (x - x.mean(axis=0)) / x.std(axis=0), rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(real["y"], corpus.emotion[train])
    for setting in ("lambda_cls=0", "lambda_cls=2"):
        syn, both = trained[f"session1: Syn. {setting}"], trained[f"session1: Real+Syn. {setting}"]
        n = len(tiny_corpora["source"])
        np.testing.assert_array_equal(syn["y"], np.repeat(range(4), n))
        np.testing.assert_allclose(syn["x"].mean(axis=0), np.zeros(12), atol=1e-4)
        np.testing.assert_allclose(syn["x"].std(axis=0), np.ones(12), atol=1e-3)
        np.testing.assert_array_equal(both["x"], np.concatenate([real["x"], syn["x"]]))
        np.testing.assert_array_equal(both["y"], np.concatenate([real["y"], syn["y"]]))
    one, other = (trained[f"session1: Syn. lambda_cls={value}"]["x"] for value in (0, 2))
    assert not np.allclose(one, other)


def poisoned(corpus, alter):
    """The corpus with garbage features and permuted labels in session1, the test part of the first fold."""
    test = np.flatnonzero(corpus.session == "session1")
    rng = np.random.default_rng(9)
    x, emotion = corpus.x.copy(), corpus.emotion.copy()
    x[test] = 1e6 * rng.normal(size=x[test].shape)
    emotion[test] = rng.permutation(emotion[test])
    return alter(corpus, x=x, emotion=emotion)


def test_no_test_statistic_reaches_training(
    tmp_path,
    finished_run,
    finished_classifiers,
    tiny_run,
    tiny_corpora,
    alter,
    measure_tables,
    classifiers,
    weights_in,
):
    """Strict: with a poisoned test fold every scaler, GAN and classifier is the same, and only scores differ."""
    tiny_corpora["labelled"] = poisoned(tiny_corpora["labelled"], alter)
    run = measure_tables(tiny_run(tmp_path, tiny_corpora), (2,))

    clean, dirty = finished_run.folder / "models" / "session1", tmp_path / "models" / "session1"
    stages = ("pretraining", "lambda_cls=0", "lambda_cls=2")
    assert sorted(path.name for path in dirty.iterdir()) == sorted([*stages, "scalers.json"])
    assert (dirty / "scalers.json").read_bytes() == (clean / "scalers.json").read_bytes()
    for stage in stages:
        assert weights_in(dirty / stage / WEIGHTS) == weights_in(clean / stage / WEIGHTS)

    assert len(classifiers.trained) == 5
    for task, there in classifiers.trained.items():
        here = finished_classifiers[task]
        np.testing.assert_array_equal(there["x"], here["x"])
        np.testing.assert_array_equal(there["y"], here["y"])
        for one, other in zip(there["weights"], here["weights"], strict=True):
            np.testing.assert_array_equal(one, other)

    scores = [[row["confusion"] for row in r.results.of(table=2)] for r in (run, finished_run)]
    assert scores[0] != scores[1]


@pytest.mark.parametrize("protocol", ["strict", "paper"])
def test_the_protocol_decides_what_scales_test_utterances(
    tmp_path, tiny_run, tiny_corpora, measure_tables, monkeypatch, protocol
):
    """Strict: the training utterances' statistics; paper: their own, as the paper says of each dataset."""
    seen = []
    monkeypatch.setattr(
        "tfsergan.classifiers.DNN.predict", lambda dnn, x: seen.append(x) or np.zeros((2, len(x)), int)
    )
    tiny_corpora |= {"source": NOT_THERE, "cross": NOT_THERE}
    measure_tables(tiny_run(tmp_path, tiny_corpora, protocol=protocol), (2,))
    corpus = tiny_corpora["labelled"]
    test = corpus.session == "session1"
    x, scaling = corpus.x[test], corpus.x[~test if protocol == "strict" else test].astype(np.float64)
    expected = (x - scaling.mean(axis=0)) / scaling.std(axis=0)
    np.testing.assert_allclose(seen[0], expected, rtol=1e-3, atol=1e-4)


def test_learning_rates_decay_on_schedule(finished_run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    s = finished_run.settings
    events = EventAccumulator(str(finished_run.log_dir("session1", "lambda_cls=2"))).Reload()
    for role in ("generators", "discriminators"):
        rates = [
            np.frombuffer(e.tensor_proto.tensor_content, "<f4")[0]
            for e in events.Tensors(f"schedule/learning_rate_{role}")
        ]
        np.testing.assert_allclose(rates, np.multiply(s.learning_rate, [1, s.decay, s.decay]), rtol=1e-6)
