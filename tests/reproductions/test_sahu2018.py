"""Sahu et al. 2018 on tiny corpora: every cell, no leak from test utterances, exact resume, export."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from tfsergan import export, papers, training
from tfsergan.errors import CorpusNotFound, TfserganError, UsageError
from tfsergan.evaluation import read_run
from tfsergan.report import assemble, reruns
from tfsergan.reproductions import sahu2018
from tfsergan.synthesis import read_card
from tfsergan.training import WEIGHTS

STAGES = ("conditional-0", "conditional-1", "vanilla-0", "vanilla-1", "codes-0", "codes-1")


def test_every_cell_is_measured_once(finished_sahu2018):
    rows = finished_sahu2018.results.rows
    expected = {(4, row, "training", "session1") for row in sahu2018.FEATURE_ROWS}
    for table, fold in ((1, "session1"), (2, "all")):
        expected |= {(table, "", "Real", fold), (table, "vanilla GAN, codes", "Real", fold)}
        expected |= {(table, row, column, fold) for row in sahu2018.ROWS for column in ("Syn.", "Real+Syn.")}
    expected |= {(3, row, "training", "session1") for row in papers.load("sahu2018").table(3).rows}
    assert {(row["table"], row["row"], row["column"], row["fold"]) for row in rows} == expected
    for row in rows:
        assert row["repeats"] == (1 if row["row"] == "" else 2)
        assert row["n"] == {1: 24, 2: 34, 3: 48, 4: 48}[row["table"]]
        made = row["column"] in ("Syn.", "Real+Syn.")
        assert ("epochs" in row["metrics"]) == made
        if made:  # nine updates in batches of 16 of 48 or 72 vectors
            assert row["metrics"]["epochs"] == {1: 3, 2: 2}[row["table"]]


def test_the_report_fills_every_cell_and_draws_the_figure(finished_sahu2018, tmp_path):
    run = finished_sahu2018
    shutil.copytree(run.folder / "figures", tmp_path / "figures")
    made = assemble.write_report(run.paper, run.results.rows, read_run(run.folder), tmp_path)
    for table in made:
        assert all(cell.ours is not None for cell in table.cells.values()), table.number
    first = made[0].cells
    assert first["conditional GAN", "Real"].ours == first["vanilla GAN", "Real"].ours
    assert first["conditional GAN", "Syn."].reported.mean == 34.09
    assert first["vanilla GAN", "Syn."].reported is None
    for number in (1, 2):
        assert (tmp_path / "figures" / f"figure{number}.png").stat().st_size > 5000


def test_a_run_of_bao2019_beside_it_quotes_it(finished_sahu2018, monkeypatch, tiny_run):
    monkeypatch.setattr(reruns, "committed", lambda paper: ((), ""))
    bao = tiny_run(finished_sahu2018.folder.parent / "bao2019")
    entry = {**bao.identity(), "missing": {}}
    made = assemble.tables_of(bao.paper, [], entry, bao.folder)
    for number in (2, 3):
        spec = assemble.tables_of(finished_sahu2018.paper, finished_sahu2018.results.rows, entry)[number - 2]
        for column in spec.columns:
            cell = made[number - 1].cells["Sahu et al. 2018", column]
            assert cell.ours == spec.cells["conditional GAN", column].ours
            assert cell.rerun


def test_nothing_is_left_to_do_after_a_run(finished_sahu2018, tmp_path, tiny_run):
    tables = (1, 2, 3, 4)
    assert sahu2018.work(finished_sahu2018, tables) == 0
    fresh = tiny_run(tmp_path, paper="sahu2018")
    alone = [sahu2018.work(fresh, (table,)) for table in tables]
    assert all(alone)
    assert sahu2018.work(fresh, tables) > max(alone)


@pytest.fixture
def svms_of(finished_sahu2018, tiny_run, measure_tables, classifiers):
    """`svms_of(folder, corpora, tables)`: a run and its SVMs; without corpora on the finished run's, with its models."""

    def measured(folder, corpora, tables):
        if corpora is None:
            corpora = finished_sahu2018.corpora
            shutil.copytree(finished_sahu2018.folder / "models", folder / "models")
        classifiers.svms.clear()
        run = measure_tables(tiny_run(folder, corpora, paper="sahu2018"), tables)
        return run, list(classifiers.svms)

    return measured


def assert_same_svms(some, others):
    """Trained on the same, to the same."""
    assert len(some) == len(others) == 1 + 2 * 7
    for one, other in zip(some, others, strict=True):
        for name in ("x", "y"):
            np.testing.assert_array_equal(one[name], other[name])
        for weight, same in zip(one["weights"], other["weights"], strict=True):
            np.testing.assert_array_equal(weight, same)


def metrics_of(run, *tables: int) -> list[dict]:
    return [row["metrics"] for row in run.results.rows if row["table"] in tables]


def test_a_poisoned_test_fold_changes_scores_alone(tmp_path, finished_sahu2018, alter, svms_of, weights_in):
    """Strict: garbage in the test fold, permuted labels of it; every autoencoder, GAN and SVM is the same."""
    corpora = dict(finished_sahu2018.corpora)
    rng, labelled = np.random.default_rng(9), corpora["labelled"]
    test = np.flatnonzero(labelled.session == "session1")
    x, emotion = labelled.x.copy(), labelled.emotion.copy()
    x[test] = 1e6 * rng.normal(size=x[test].shape)
    emotion[test] = rng.permutation(emotion[test])
    corpora["labelled"] = alter(labelled, x=x, emotion=emotion)
    run, svms = svms_of(tmp_path / "poisoned", corpora, (1, 3, 4))
    for stage in STAGES:
        for part in (f"{stage}/{WEIGHTS}", f"{stage}/autoencoder/{WEIGHTS}"):
            here, there = (r.folder / "models" / "session1" / part for r in (run, finished_sahu2018))
            assert weights_in(here) == weights_in(there), part
    name = f"session1/{export.DECODER_MAP}"
    maps = [(r.folder / "models" / name).read_bytes() for r in (run, finished_sahu2018)]
    assert maps[0] == maps[1]
    assert_same_svms(svms, svms_of(tmp_path / "clean", None, (1,))[1])
    assert metrics_of(run, 3, 4) == metrics_of(finished_sahu2018, 3, 4)
    assert metrics_of(run, 1) != metrics_of(finished_sahu2018, 1)


def test_a_poisoned_cross_corpus_changes_scores_alone(
    tmp_path, finished_sahu2018, alter, svms_of, weights_in
):
    corpora, rng = dict(finished_sahu2018.corpora), np.random.default_rng(9)
    cross = corpora["cross"]
    dirty = alter(cross, x=1e3 * rng.normal(size=cross.x.shape), emotion=rng.permutation(cross.emotion))
    run, svms = svms_of(tmp_path / "poisoned", corpora | {"cross": dirty}, (2,))
    for stage in STAGES:
        here, there = (r.folder / "models" / "all" / stage / WEIGHTS for r in (run, finished_sahu2018))
        assert weights_in(here) == weights_in(there), stage
    assert_same_svms(svms, svms_of(tmp_path / "clean", None, (2,))[1])
    assert metrics_of(run, 2) != metrics_of(finished_sahu2018, 2)


def test_test_statistics_of_the_cross_corpus_stay_out_under_strict(finished_sahu2018, tiny_run, tmp_path):
    for protocol in ("strict", "paper"):
        run = tiny_run(tmp_path, finished_sahu2018.corpora, protocol=protocol, paper="sahu2018")
        vectors = sahu2018.CrossVectors(run, sahu2018.folds.whole(run.corpus("labelled")))
        development = vectors.scaler[0].transform(run.corpus("cross").x[vectors.parts[0]])
        basis = development if protocol == "strict" else vectors.scaler[0].transform(run.corpus("cross").x)
        raw = vectors.scaler[0].transform(vectors.test.x)
        expected = (raw - basis.mean(axis=0)) / basis.std(axis=0)
        np.testing.assert_allclose(vectors.test_x, expected, rtol=1e-3, atol=1e-3)


def test_without_the_cross_corpus_the_rest_is_measured(tmp_path, finished_sahu2018, tiny_run, monkeypatch):
    asked = set()
    monkeypatch.setattr(sahu2018, "measure", lambda run, vectors, table, *_, **__: asked.add(table))
    monkeypatch.setattr(sahu2018, "measure_quality", lambda run, vectors, table, *_: asked.add(table))
    monkeypatch.setattr(sahu2018, "measure_convergence", lambda *_: asked.add(4))
    corpora = {**finished_sahu2018.corpora, "cross": CorpusNotFound("not here")}
    run = tiny_run(tmp_path, corpora, paper="sahu2018")
    sahu2018.reproduce(run, (1, 2, 3, 4))
    assert asked == {1, 3, 4}
    assert sahu2018.work(run, (2,)) == 0


class Killed(Exception):
    pass


def test_a_killed_run_ends_with_the_same_results(
    tmp_path, finished_sahu2018, tiny_run, measure_tables, monkeypatch
):
    """Killed at the end of a GAN, from a checkpoint on; what table 2 measures is the same in any order."""
    monkeypatch.setitem(training.train.__kwdefaults__, "checkpoint_epochs", 1)

    def kill(task: str, done: int, total: int) -> None:
        if (task, done) == ("all: vanilla-1", total):
            raise Killed

    with pytest.raises(Killed):
        measure_tables(tiny_run(tmp_path, paper="sahu2018", report=kill), (2,))
    run = measure_tables(tiny_run(tmp_path, paper="sahu2018"), (2,))
    kept = [row for row in finished_sahu2018.results.rows if row["table"] == 2]
    assert run.results.rows == kept


LOADED = """
import sys, numpy as np, tensorflow as tf
sample = tf.saved_model.load(sys.argv[1]).signatures["sample"]
made = sample(emotion=tf.constant("sad"), n=tf.constant(3), seed=tf.constant(0))["features"].numpy()
np.save(sys.argv[2], made)
"""


def test_a_run_without_conditional_gans_exports_its_vanilla_one(finished_sahu2018, tmp_path):
    run = finished_sahu2018
    shutil.copytree(run.folder / "models" / "session1", tmp_path / "run" / "models" / "session1")
    for stage in (tmp_path / "run" / "models" / "session1").glob("conditional-*"):
        shutil.rmtree(stage)
    entry = read_run(run.folder)
    folder = sahu2018.export_generators(tmp_path / "run", entry, tmp_path / "first", None, None)
    assert read_card(folder)["setting"] == "vanilla-0"
    with pytest.raises(TfserganError, match="no finished generators here"):
        sahu2018.export_generators(tmp_path / "none", entry, tmp_path / "second", None, None)


def test_an_exported_gan_samples_raw_features_in_a_fresh_process(finished_sahu2018, tmp_path):
    run = finished_sahu2018
    entry = read_run(run.folder)
    sahu2018.export_generators(run.folder, entry, tmp_path / "conditional", "session1", None)
    sahu2018.export_generators(run.folder, entry, tmp_path / "vanilla", "session1", "vanilla-1")
    with pytest.raises(UsageError, match="codes-0"):
        sahu2018.export_generators(run.folder, entry, tmp_path / "codes", "session1", "codes-0")
    subprocess.run(
        [sys.executable, "-c", LOADED, str(tmp_path / "conditional"), str(tmp_path / "made.npy")],
        check=True,
        timeout=120,
    )
    made = np.load(tmp_path / "made.npy")
    corpus = run.corpus("labelled")
    assert made.shape == (3, len(corpus.feature_names))
    np.testing.assert_array_equal(made[:, 3], 7.0)  # the feature that does not vary
    train = corpus.x[corpus.session != "session1"]
    assert (np.abs(made - train.mean(axis=0)) <= 20 * train.std(axis=0) + 1e-6).all()
