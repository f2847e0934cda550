"""Sahu et al. 2017 on a tiny corpus: every cell, no leak from a test fold, exact resume, export."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from tfsergan import export, training
from tfsergan.evaluation import read_run
from tfsergan.report import assemble
from tfsergan.reproductions import sahu2017
from tfsergan.training import WEIGHTS

ROWS = {
    1: ("features", "AAE codes", "autoencoder codes", "LDA", "PCA"),
    2: ("synthetic", "real + synthetic"),
    3: ("AAE",),
}


def test_every_cell_is_measured_once(finished_sahu2017):
    rows = finished_sahu2017.results.rows
    found = {(row["table"], row["row"]) for row in rows}
    assert found == {(table, row) for table, names in ROWS.items() for row in names}
    for row in rows:
        assert row["repeats"] == (1 if row["row"] in ("features", "LDA", "PCA") else 2)
        assert row["n"] == (48 if row["table"] == 3 else 24)
        trained = row["table"] == 2 or row["row"] == "AAE codes"
        assert row["metrics"].get("epochs") == (3 if trained else None)


def test_the_report_fills_every_cell_and_draws_the_figures(finished_sahu2017, tmp_path):
    run = finished_sahu2017
    shutil.copytree(run.folder / "figures", tmp_path / "figures")
    made = assemble.write_report(run.paper, run.results.rows, read_run(run.folder), tmp_path)
    for table in made:
        assert all(cell.ours is not None for cell in table.cells.values()), table.number
    assert made[1].cells["real", "UAR"].ours == made[0].cells["features", "UAR"].ours
    assert made[1].cells["real + synthetic", "UAR"].reported.mean == 58.38
    for number in (1, 2):
        assert (tmp_path / "figures" / f"figure{number}.png").stat().st_size > 5000


def test_nothing_is_left_to_do_after_a_run(finished_sahu2017, tmp_path, tiny_run):
    assert sahu2017.work(finished_sahu2017, (1, 2, 3)) == 0
    fresh = tiny_run(tmp_path, paper="sahu2017")
    alone = [sahu2017.work(fresh, (table,)) for table in (1, 2, 3)]
    assert all(alone)
    assert sahu2017.work(fresh, (1, 2, 3)) > max(alone)


def test_a_poisoned_test_fold_changes_no_weight(
    tmp_path, finished_sahu2017, tiny_run, alter, measure_tables, weights_in, classifiers
):
    """Strict: autoencoders, the decoder map and what SVMs are trained on stay the same."""
    rng, corpus = np.random.default_rng(9), finished_sahu2017.corpus("labelled")
    test = np.flatnonzero(corpus.session == "session1")
    x, emotion = corpus.x.copy(), corpus.emotion.copy()
    x[test] = 1e6 * rng.normal(size=x[test].shape)
    emotion[test] = rng.permutation(emotion[test])
    altered = {"labelled": alter(corpus, x=x, emotion=emotion)}
    run = measure_tables(tiny_run(tmp_path / "poisoned", altered, paper="sahu2017"))
    poisoned = [svm["x"] for svm in classifiers.svms]
    classifiers.svms.clear()
    measure_tables(tiny_run(tmp_path / "clean", paper="sahu2017"))
    assert len(poisoned) == len(classifiers.svms) == 3 + 2 * 4
    for one, other in zip(poisoned, classifiers.svms, strict=True):
        np.testing.assert_array_equal(one, other["x"])
    for r in (0, 1):
        for stage in (f"aae-{r}", f"autoencoder-{r}"):
            paths = [
                folder / "models" / "session1" / stage / WEIGHTS
                for folder in (run.folder, finished_sahu2017.folder)
            ]
            assert weights_in(paths[0]) == weights_in(paths[1])
    maps = [
        (folder / "models" / "session1" / export.DECODER_MAP).read_bytes()
        for folder in (run.folder, finished_sahu2017.folder)
    ]
    assert maps[0] == maps[1]


def test_codes_are_normed_by_training_utterances(finished_sahu2017):
    vectors = sahu2017.FoldVectors(finished_sahu2017, sahu2017.chosen_folds(finished_sahu2017)[0])
    for setting in (vectors.codes, vectors.plain_codes):
        x, y, test = setting(0)
        assert (x.shape, test.shape) == ((48, 2), (24, 2))
        np.testing.assert_allclose([x.mean(axis=0), x.std(axis=0)], [[0, 0], [1, 1]], atol=1e-5)
        np.testing.assert_array_equal(y, vectors.emotion)
    synthetic, labels, _ = vectors.a_few(4, 1)
    assert synthetic.shape == (16, 11)
    assert np.bincount(labels).tolist() == [4, 4, 4, 4]
    both, every, _ = sahu2017.both(vectors.real, lambda repeat: vectors.a_few(4, repeat), 1)
    np.testing.assert_array_equal(both, np.concatenate([vectors.x, synthetic]))
    np.testing.assert_array_equal(every, np.concatenate([vectors.emotion, labels]))


class Killed(Exception):
    pass


def test_a_killed_run_ends_with_the_same_results(
    tmp_path, finished_sahu2017, tiny_run, measure_tables, monkeypatch
):
    monkeypatch.setitem(training.train.__kwdefaults__, "checkpoint_epochs", 1)

    def kill(task: str, done: int, total: int) -> None:
        if (task, done) == ("session1: aae-1", total):
            raise Killed

    with pytest.raises(Killed):
        measure_tables(tiny_run(tmp_path, paper="sahu2017", report=kill))
    run = measure_tables(tiny_run(tmp_path, paper="sahu2017"))
    assert run.results.rows == finished_sahu2017.results.rows


def test_an_exported_autoencoder_samples_raw_features(finished_sahu2017, tmp_path):
    run = finished_sahu2017
    sahu2017.export_generators(run.folder, read_run(run.folder), tmp_path / "to", None, None)
    sample = tf.saved_model.load(str(tmp_path / "to")).signatures["sample"]
    made = sample(emotion=tf.constant("sad"), n=tf.constant(3), seed=tf.constant(0))["features"].numpy()
    np.testing.assert_array_equal(made[:, 3], 7.0)  # the feature that does not vary
    sampler = sahu2017.FoldVectors(run, sahu2017.chosen_folds(run)[0]).sampler(0)
    noise = tf.random.stateless_normal((3, 2), (0, 3))
    scaled = np.asarray(sampler.model_.features_of(tf.fill((3,), 3), noise))
    vectors = sahu2017.FoldVectors(run, sahu2017.chosen_folds(run)[0])
    expected = vectors.scaler.inverse_transform(scaled)
    kept = vectors.scaler[0].get_support()
    np.testing.assert_allclose(made[:, kept], expected[:, kept], rtol=1e-3, atol=1e-4)
