"""Latif et al. 2020 on tiny corpora: every cell, soft labels, no leak from a test set, exact resume."""

import json
import shutil

import numpy as np
import pytest

from tfsergan import export, training
from tfsergan.errors import CorpusNotFound
from tfsergan.report import assemble
from tfsergan.reproductions import latif2020
from tfsergan.reproductions.latif2020 import REDUCTIONS, ROW, FoldVectors, chosen_folds
from tfsergan.training import WEIGHTS

COLUMNS = ("Real", "Syn.", "Real+Syn.")
ROWS = (*REDUCTIONS, *(f"{name}, mixup" for name in REDUCTIONS), ROW)
FOLD = "session1"


def vectors_of(run) -> FoldVectors:
    """The first fold."""
    return FoldVectors(run, chosen_folds(run)[0])


def poisoned(corpus, alter, rows: np.ndarray):
    """The corpus with garbage features and permuted labels in some rows."""
    rng = np.random.default_rng(9)
    x, emotion = corpus.x.copy(), corpus.emotion.copy()
    x[rows] = 1e6 * rng.normal(size=x[rows].shape)
    emotion[rows] = rng.permutation(emotion[rows])
    return alter(corpus, x=x, emotion=emotion)


# ---- a whole run ------------------------------------------------------------------------------------------


def test_every_cell_is_measured_once(finished_latif2020):
    rows = finished_latif2020[0].results.rows
    expected = {(table, ROW, column, FOLD) for table in (1, 4) for column in COLUMNS}
    expected |= {(2, row, "UAR", FOLD) for row in ROWS}
    expected |= {(3, ROW, column, "all") for column in COLUMNS}
    expected |= {(5, row, "within", FOLD) for row in ("Noise", "SMOTE", "Mixup", ROW)}
    assert {(row["table"], row["row"], row["column"], row["fold"]) for row in rows} == expected
    for row in rows:
        assert row["repeats"] == (1 if row["table"] == 5 or row["row"] == "PCA" else 2)
        assert row["n"] == {3: 34, 5: 48}.get(row["table"], 24)
        assert ("epochs" in row["metrics"]) == (row["table"] in (1, 3, 4))
        if (
            "epochs" in row["metrics"]
        ):  # nine updates; 96 or 144 vectors, mixed ones counted in, in batches of 32
            assert row["metrics"]["epochs"] == (2 if row["table"] == 3 else 3)


def test_measured_again_nothing_changes(finished_latif2020, tiny_run, measure_tables, classifiers):
    run, _ = finished_latif2020
    before = (run.folder / "results.jsonl").read_bytes()
    measure_tables(tiny_run(run.folder, paper="latif2020"))
    assert (classifiers.trained, classifiers.svms) == ({}, [])
    assert (run.folder / "results.jsonl").read_bytes() == before


def test_nothing_is_left_to_do_after_a_run(finished_latif2020, tmp_path, tiny_run):
    assert latif2020.work(finished_latif2020[0], (1, 2, 3, 4, 5)) == 0
    fresh = tiny_run(tmp_path, paper="latif2020")
    every = latif2020.work(fresh, (1, 2, 3, 4, 5))
    assert every > latif2020.work(fresh, (1, 2)) > latif2020.work(fresh, (1,)) > 0
    assert latif2020.work(fresh, (3,)) > 0


def test_the_report_has_every_table_and_figure(finished_latif2020, tmp_path):
    from tfsergan.evaluation import read_run

    run, _ = finished_latif2020
    shutil.copytree(run.folder / "figures", tmp_path / "figures")
    for table in assemble.write_report(run.paper, run.results.rows, read_run(run.folder), tmp_path):
        for (row, column), cell in table.cells.items():
            measured = row not in run.paper.table(table.number).quoted
            assert (cell.ours is not None) == measured, (table.number, row, column)
    for number in (2, 3):
        assert (tmp_path / "figures" / f"figure{number}.png").stat().st_size > 5000
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for text in ("Latif, S.", "60.51", "lab (72, is10)", "generator_learning_rate"):
        assert text in page


# ---- what is learnt from ------------------------------------------------------------------------------------


def test_training_sets(finished_latif2020, latif2020_corpora):
    """Real and mixed vectors in [0, 1], what the GAN makes of them, and the same shares for both."""
    vectors, corpus = vectors_of(finished_latif2020[0]), latif2020_corpora["labelled"]
    train = corpus.session != FOLD
    x = corpus.x[train].astype(np.float64)
    scaled = (x - x.min(axis=0)) / np.ptp(x, axis=0)
    real, y = vectors.training_set("real", 1, z_norm=False)
    np.testing.assert_allclose(real[:48], scaled, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(y[:48], np.eye(4)[corpus.emotion[train]])
    assert real.shape == (96, 12)
    assert ((real >= -1e-6) & (real <= 1 + 1e-6)).all()
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-6)
    assert ((y > 0) & (y < 1)).any()
    synthetic, of_synthetic = vectors.training_set("syn", 1, z_norm=False)
    np.testing.assert_allclose(synthetic, vectors.sampler(1).model_.synthesize(real))
    np.testing.assert_array_equal(of_synthetic, y)
    both, every = vectors.training_set("both", 1, z_norm=False)
    np.testing.assert_array_equal(both, np.concatenate([real, synthetic]))
    np.testing.assert_array_equal(every, np.concatenate([y, y]))
    z_real, z_synthetic = (vectors.training_set(key, 1, z_norm=True)[0] for key in ("real", "syn"))
    for z in (z_real[:48], z_synthetic):
        np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(z_real[:48].std(axis=0), 1, rtol=1e-3)
    assert (vectors.training_set("real", 0, z_norm=False)[0] != real).any()


def test_classifiers_are_trained_on_these(finished_latif2020):
    run, recorded = finished_latif2020
    assert len(recorded.trained) == 6
    vectors = vectors_of(run)
    for column, key in latif2020.COLUMNS.items():
        found = recorded.trained[f"{FOLD}: within corpus, {column}"]
        for repeat in range(2):
            x, y = vectors.training_set(key, repeat, z_norm=False)
            np.testing.assert_array_equal(found["x"][repeat], x)
            np.testing.assert_array_equal(found["y"][repeat], y)
    assert len(recorded.svms) == 6 * 2 + 1  # of PCA there is one
    for svm in recorded.svms:
        assert svm["x"].shape == (48, 3)  # unmixed
        np.testing.assert_allclose(svm["x"].mean(axis=0), 0, atol=1e-4)
        np.testing.assert_array_equal(svm["y"], vectors.emotion)


def test_reductions_with_mixup_learn_from_mixtures(finished_latif2020, monkeypatch):
    vectors, seen = vectors_of(finished_latif2020[0]), []
    fit = latif2020.PCA.fit
    monkeypatch.setattr(latif2020.PCA, "fit", lambda pca, x: seen.append(x) or fit(pca, x))
    for row in ("PCA", "PCA, mixup"):
        assert vectors.reduction(row, 0)(vectors.x).shape == (48, 3)
    assert [len(x) for x in seen] == [48, 96]
    np.testing.assert_array_equal(seen[0], vectors.x)


@pytest.mark.parametrize("protocol", ["strict", "paper"])
def test_the_protocol_decides_what_scales_the_cross_corpus(
    tmp_path, tiny_run, latif2020_corpora, monkeypatch, protocol
):
    seen = []
    monkeypatch.setattr(latif2020, "classify", lambda *arguments: seen.append(arguments[-2:]))
    run = tiny_run(tmp_path, latif2020_corpora, protocol=protocol, paper="latif2020")
    latif2020.reproduce(run, (3,))
    cross = latif2020_corpora["cross"]
    test, tested = seen[0]
    chosen = np.isin(cross.ids, test.ids)
    assert (len(test), len(seen)) == (34, 3)
    basis = (cross.x[~chosen] if protocol == "strict" else cross.x).astype(np.float64)
    expected = (test.x - basis.mean(axis=0)) / basis.std(axis=0)
    np.testing.assert_allclose(tested[3](0), expected, rtol=1e-3, atol=1e-4)


def test_a_poisoned_test_set_changes_scores_alone(
    tmp_path, finished_latif2020, tiny_run, latif2020_corpora, alter, measure_tables, classifiers, weights_in
):
    """Strict: no scaler, mixture, GAN, reduction or classifier of the fold knows of its test session."""
    clean, recorded = finished_latif2020
    corpus = latif2020_corpora["labelled"]
    rows = np.flatnonzero(corpus.session == FOLD)
    dirty = latif2020_corpora | {"labelled": poisoned(corpus, alter, rows)}
    run = measure_tables(tiny_run(tmp_path, dirty, paper="latif2020"), (1, 2, 4, 5))
    here, there = (r.folder / "models" / FOLD for r in (run, clean))
    assert (here / export.SCALERS).read_bytes() == (there / export.SCALERS).read_bytes()
    stages = sorted(path.parent.relative_to(here) for path in here.rglob(WEIGHTS))
    assert len(stages) == 2 * (
        2 + 2 + 2
    )  # GANs of two sizes with their pre-training, two kinds of autoencoder
    for stage in stages:
        assert weights_in(here / stage / WEIGHTS) == weights_in(there / stage / WEIGHTS), stage

    within = {task: found for task, found in recorded.trained.items() if FOLD in task}
    assert set(classifiers.trained) == set(within)
    assert len(classifiers.svms) == len(recorded.svms)
    pairs = [(found, within[task]) for task, found in classifiers.trained.items()]
    for found, before in [*pairs, *zip(classifiers.svms, recorded.svms, strict=True)]:
        np.testing.assert_array_equal(found["x"], before["x"])
        np.testing.assert_array_equal(found["y"], before["y"])
        for one, other in zip(found["weights"], before["weights"], strict=True):
            np.testing.assert_array_equal(one, other)

    def scores(r, tables):
        return [row["metrics"] for row in r.results.rows if row["table"] in tables]

    assert scores(run, (5,)) == scores(clean, (5,))
    assert scores(run, (1, 2, 4)) != scores(clean, (1, 2, 4))


def test_a_poisoned_cross_corpus_changes_scores_alone(
    tmp_path, finished_latif2020, tiny_run, latif2020_corpora, alter, measure_tables, classifiers, weights_in
):
    clean, recorded = finished_latif2020
    cross = latif2020_corpora["cross"]
    dirty = latif2020_corpora | {"cross": poisoned(cross, alter, np.arange(len(cross)))}
    run = measure_tables(tiny_run(tmp_path, dirty, paper="latif2020"), (3,))
    for stage in sorted((clean.folder / "models" / "all").glob("latent*")):
        here, there = (r.folder / "models" / "all" / stage.name / WEIGHTS for r in (run, clean))
        assert weights_in(here) == weights_in(there), stage.name
    for task, found in classifiers.trained.items():
        for one, other in zip(found["weights"], recorded.trained[task]["weights"], strict=True):
            np.testing.assert_array_equal(one, other)
    assert len(classifiers.trained) == 3
    metrics = [[row["metrics"] for row in r.results.rows if row["table"] == 3] for r in (run, clean)]
    assert metrics[0] != metrics[1]


# ---- parts of it, resume ------------------------------------------------------------------------------------


def test_without_the_cross_corpus_the_rest_is_measured(tmp_path, tiny_run, latif2020_corpora, monkeypatch):
    asked = []
    monkeypatch.setattr(latif2020, "within", lambda run, fold, tables: asked.append(fold.name))
    monkeypatch.setattr(latif2020, "table_3", lambda run, fold: asked.append(fold.name))
    for corpora, expected in (
        (latif2020_corpora, [FOLD, "all"]),
        (latif2020_corpora | {"cross": CorpusNotFound("The corpus is not here.")}, [FOLD]),
    ):
        asked.clear()
        run = tiny_run(tmp_path / str(len(expected)), corpora, paper="latif2020")
        latif2020.reproduce(run, (1, 2, 3, 4, 5))
        assert asked == expected
        assert (latif2020.work(run, (3,)) > 0) == ("all" in expected)


class Killed(Exception):
    pass


def test_a_run_that_was_killed_twice_ends_with_the_same_results(
    tmp_path, finished_latif2020, tiny_run, measure_tables, weights_in, monkeypatch
):
    """Once in the last epoch of a GAN, from a checkpoint on, and once in a classifier, with cells before it kept."""
    monkeypatch.setitem(training.train.__kwdefaults__, "checkpoint_epochs", 1)

    def kill_at(task: str, done: int):
        def report(name: str, now: int, total: int) -> None:
            if (name, now) == (task, done):
                raise Killed

        return report

    for task, done in ((f"{FOLD}: GAN 2 of 2, latent 2", 3), (f"{FOLD}: within corpus, Syn.", 1)):
        with pytest.raises(Killed):
            measure_tables(tiny_run(tmp_path, paper="latif2020", report=kill_at(task, done)), (1,))
    run = measure_tables(tiny_run(tmp_path, paper="latif2020"), (1,))
    whole = finished_latif2020[0]
    lines = (whole.folder / "results.jsonl").read_text(encoding="utf-8").splitlines()
    expected = [line for line in lines if json.loads(line)["table"] == 1]
    assert (run.folder / "results.jsonl").read_text(encoding="utf-8").splitlines() == expected
    for path in (f"models/{FOLD}/latent2-{repeat}/{WEIGHTS}" for repeat in range(2)):
        assert weights_in(run.folder / path) == weights_in(whole.folder / path)
