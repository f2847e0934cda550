"""Yi & Mak 2019 on tiny corpora: every cell, no leak from a test fold, improvised utterances alone, exact resume."""

import json
import shutil

import numpy as np
import pytest

from tfsergan import export, training
from tfsergan.errors import CorpusNotFound, TfserganError
from tfsergan.report import assemble
from tfsergan.reproductions import yi2019
from tfsergan.reproductions.yi2019 import FoldVectors, chosen_folds
from tfsergan.training import WEIGHTS

NOT_THERE = CorpusNotFound("The corpus is not here.")
FOLDS = ("acted-session1", "dialogue-session1")
METHODS = ("Duplication", "Noise", "SMOTE", "ADAN")


def vectors_of(run, role: str, part: str = "test") -> FoldVectors:
    """The first fold of a corpus."""
    return FoldVectors(run, role, chosen_folds(run, role)[0], part)


def poisoned(corpus, alter, rows: np.ndarray, x: bool = True, labels: bool = True):
    """The corpus with garbage features and permuted labels in some rows."""
    rng = np.random.default_rng(9)
    arrays = {"x": corpus.x.copy(), "emotion": corpus.emotion.copy()}
    if x:
        arrays["x"][rows] = 1e6 * rng.normal(size=corpus.x[rows].shape)
    if labels:
        arrays["emotion"][rows] = rng.permutation(corpus.emotion[rows])
    return alter(corpus, **arrays)


# ---- a whole run ------------------------------------------------------------------------------------------


def test_every_cell_is_measured_once(finished_yi2019):
    rows = finished_yi2019[0].results.rows
    acted, dialogue = FOLDS
    expected = {
        (1, row, "test", acted)
        for row in ("SVM", "DNN", "Duplication", "Noise", "SMOTE", "ADAN + SVM", "ADAN + DNN")
    }
    for column in ("improvised", "all"):
        expected |= {
            (2, row, column, dialogue) for row in ("real only", "synthetic only", "real + synthetic")
        }
    expected |= {(3, row, "all", dialogue) for row in METHODS[:3]}
    expected |= {(4, row, "improvised", dialogue) for row in ("DNN", "ADAN + DNN")}
    expected |= {(5, row, fold.partition("-")[0], fold) for row in METHODS for fold in FOLDS}
    assert {(row["table"], row["row"], row["column"], row["fold"]) for row in rows} == expected
    once = {"SVM", "real only"}  # nothing is drawn
    for row in rows:
        quick = row["row"] in once or (row["row"] == "Duplication" and row["table"] != 1)
        assert row["repeats"] == (1 if quick else 2)
    tested = {"test": 24, "improvised": 16, "all": 32}
    for row in rows:
        if row["table"] == 5:
            assert (
                row["n"] == {"acted": 48, "dialogue": 32}[row["column"]]
            )  # real vectors ADAN was trained on
        else:
            assert row["n"] == tested[row["column"]] == np.sum(list(row["confusion"].values()))


def test_cells_of_adan_say_how_long_it_was_trained(finished_yi2019):
    for row in finished_yi2019[0].results.rows:
        generative = row["table"] != 5 and ("ADAN" in row["row"] or "synthetic" in row["row"])
        assert ("epochs" in row["metrics"]) == generative
        if generative:  # nine updates in batches of 16: of 48 acted, of 32 improvised vectors
            assert row["metrics"]["epochs"] == {1: 3, 2: 4, 4: 4}[row["table"]]


def test_measured_again_nothing_changes(finished_yi2019, tiny_run, measure_tables, classifiers):
    run, _ = finished_yi2019
    before = (run.folder / "results.jsonl").read_bytes()
    measure_tables(tiny_run(run.folder, paper="yi2019"))
    assert (classifiers.trained, classifiers.svms) == ({}, [])
    assert (run.folder / "results.jsonl").read_bytes() == before


def test_nothing_is_left_to_do_after_a_run(finished_yi2019, tmp_path, tiny_run):
    assert yi2019.work(finished_yi2019[0], (1, 2, 3, 4, 5)) == 0
    fresh = tiny_run(tmp_path, paper="yi2019")
    every, first = yi2019.work(fresh, (1, 2, 3, 4, 5)), yi2019.work(fresh, (1,))
    assert every > first > 0


def test_each_table_alone_is_estimated_once_adans_are_trained(finished_yi2019, tmp_path, tiny_run):
    """Table 5 by itself, and with tables 3 and 4 the SVMs that they take from table 2."""
    done = finished_yi2019[0]
    shutil.copytree(done.folder / "models", tmp_path / "models")
    run = tiny_run(tmp_path, paper="yi2019")
    for table in (1, 2, 3, 4, 5):
        run.results.own = [row for row in done.results.rows if row["table"] != table]
        assert yi2019.work(run, (table,)) > 0, table
    for table, column in ((3, "all"), (4, "improvised")):
        shared = {"table": 2, "row": "real + synthetic", "column": column}
        run.results.own = [
            row for row in done.results.rows if any(row[name] != value for name, value in shared.items())
        ]
        assert yi2019.work(run, (table,)) == yi2019.work(run, (2,)) > 0
        assert yi2019.work(run, (7 - table, 1, 5)) == 0


def test_the_report_has_every_table_and_figure(finished_yi2019, tmp_path):
    from tfsergan.evaluation import read_run

    run, _ = finished_yi2019
    shutil.copytree(run.folder / "figures", tmp_path / "figures")
    made = assemble.write_report(run.paper, run.results.rows, read_run(run.folder), tmp_path)
    for table in made:
        for (row, column), cell in table.cells.items():
            measured = row not in run.paper.table(table.number).quoted
            assert (cell.ours is not None) == measured, (table.number, row, column)
    second, third, fourth = made[1], made[2], made[3]
    assert (
        third.cells["ADAN + SVM", "WA"].ours
        == second.cells["real + synthetic", "WA, improvised & scripted"].ours
    )
    assert fourth.cells["ADAN + SVM", "UAR"].ours == second.cells["real + synthetic", "UAR, improvised"].ours
    assert any("trained for 3 epochs" in note for note in made[0].notes)
    for number in (2, 3):
        assert (tmp_path / "figures" / f"figure{number}.png").stat().st_size > 5000
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for text in ("Yi, L.", "83.74", "act (72, is11)", "dia (96, is10)", "discriminator_updates"):
        assert text in page


# ---- no test statistic reaches training -------------------------------------------------------------------


def test_a_poisoned_test_fold_changes_scores_alone(
    tmp_path, finished_yi2019, tiny_run, yi2019_corpora, alter, measure_tables, classifiers, weights_in
):
    """Strict: every scaler, ADAN, synthetic vector and classifier is the same."""
    clean, recorded = finished_yi2019
    for role, corpus in yi2019_corpora.items():
        test = np.flatnonzero(corpus.session == "session1")
        yi2019_corpora[role] = poisoned(corpus, alter, test)
    run = measure_tables(tiny_run(tmp_path, yi2019_corpora, paper="yi2019"))

    for fold in FOLDS:
        here, there = (r.folder / "models" / fold for r in (run, clean))
        assert {path.name for path in here.iterdir()} == {"adan-0", "adan-1", "decoder.json"}
        assert (here / export.DECODER_MAP).read_bytes() == (there / export.DECODER_MAP).read_bytes()
        for stage in ("adan-0", "adan-1"):
            assert weights_in(here / stage / WEIGHTS) == weights_in(there / stage / WEIGHTS)

    # What classifiers are trained on has the synthetic vectors in it.
    assert set(classifiers.trained) == set(recorded.trained)
    assert len(classifiers.trained) == 7
    assert len(classifiers.svms) == len(recorded.svms) == 1 + 2 + 2 + 2 * (1 + 2) + 1 + 2 + 2
    pairs = [(found, recorded.trained[task]) for task, found in classifiers.trained.items()]
    for found, before in [*pairs, *zip(classifiers.svms, recorded.svms, strict=True)]:
        np.testing.assert_array_equal(found["x"], before["x"])
        np.testing.assert_array_equal(found["y"], before["y"])
        for one, other in zip(found["weights"], before["weights"], strict=True):
            np.testing.assert_array_equal(one, other)

    quality, scores = (
        [[row["metrics"] for row in r.results.rows if (row["table"] == 5) == about] for r in (run, clean)]
        for about in (True, False)
    )
    assert quality[0] == quality[1]
    assert scores[0] != scores[1]


@pytest.mark.parametrize("role", ["acted", "dialogue"])
def test_the_protocol_decides_whether_test_utterances_reach_the_scaler(
    tmp_path, tiny_run, yi2019_corpora, alter, role
):
    corpus = yi2019_corpora[role]
    test = corpus.session == "session1"
    dirty = yi2019_corpora | {role: poisoned(corpus, alter, np.flatnonzero(test), labels=False)}
    for protocol, basis in (("strict", corpus.x[~test]), ("paper", corpus.x)):
        clean, other = (
            vectors_of(tiny_run(tmp_path, c, protocol=protocol, paper="yi2019"), role).scaler
            for c in (yi2019_corpora, dirty)
        )
        kept = np.ptp(basis, axis=0) > 0
        np.testing.assert_array_equal(clean[0].get_support(), kept)
        np.testing.assert_allclose(clean[1].mean_, basis[:, kept].mean(axis=0, dtype=float), rtol=1e-5)
        np.testing.assert_allclose(clean[1].scale_, basis[:, kept].std(axis=0, dtype=float), rtol=1e-4)
        same = clean[1].mean_.shape == other[1].mean_.shape and (clean[1].mean_ == other[1].mean_).all()
        assert same == (protocol == "strict")


# ---- what ADAN learns from ----------------------------------------------------------------------------------


def test_adan_of_dialogue_sees_improvised_training_utterances_alone(
    tmp_path, tiny_run, yi2019_corpora, monkeypatch
):
    seen = []
    monkeypatch.setattr(training, "train", lambda model, batches, *_, **__: seen.append(batches))
    corpus = yi2019_corpora["dialogue"]
    vectors = vectors_of(tiny_run(tmp_path, yi2019_corpora, paper="yi2019"), "dialogue", "improvised")
    vectors.sampler("ADAN", "improvised", 0).fit_model(*vectors.real("improvised"))
    rows = (corpus.session != "session1") & (corpus.part == "improvised")
    train = corpus.x[corpus.session != "session1"].astype(float)  # z-normed with the scripted ones
    expected = (corpus.x[rows] - train.mean(axis=0)) / train.std(axis=0)
    np.testing.assert_allclose(seen[0].x, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(seen[0].y, corpus.emotion[rows])


def test_labels_of_scripted_utterances_do_not_reach_adan_and_their_features_the_scaler_alone(
    tmp_path, tiny_run, yi2019_corpora, alter, weights_in
):
    corpus = yi2019_corpora["dialogue"]
    rows = np.flatnonzero((corpus.session != "session1") & (corpus.part == "scripted"))

    def trained(name: str, other=corpus):
        run = tiny_run(tmp_path / name, yi2019_corpora | {"dialogue": other}, paper="yi2019")
        vectors = vectors_of(run, "dialogue", "improvised")
        vectors.trained_sampler(0)
        return vectors, weights_in(vectors.folder / "adan-0" / WEIGHTS)

    clean, weights = trained("clean")
    labels, same = trained("labels", poisoned(corpus, alter, rows, x=False))
    assert same == weights
    np.testing.assert_array_equal(labels.real("improvised")[0], clean.real("improvised")[0])
    features, others = trained("features", poisoned(corpus, alter, rows, labels=False))
    assert others != weights
    assert (features.scaler[1].scale_ > 1e4).all()
    np.testing.assert_array_equal(features.real("improvised")[1], clean.real("improvised")[1])


def test_augmented_sets_are_as_large_and_as_proportioned_as_their_basis(finished_yi2019):
    run, _ = finished_yi2019
    for role, part, column in (("acted", "test", "test"), ("dialogue", "improvised", "all")):
        vectors = vectors_of(run, role, part)
        x, emotion = vectors.real(column)
        for method in METHODS:
            synthetic, labels = vectors.synthetic(method, column, 1)
            basis, copies = (vectors.real(part)[1], 2) if method == "ADAN" else (emotion, 1)
            assert len(synthetic) == len(labels) == copies * len(basis)
            np.testing.assert_array_equal(np.bincount(labels), copies * np.bincount(basis))
            both, every = vectors.both(method, column, 1)
            np.testing.assert_array_equal(both, np.concatenate([x, synthetic]))
            np.testing.assert_array_equal(every, np.concatenate([emotion, labels]))
        assert (vectors.synthetic("ADAN", column, 0)[0] != vectors.synthetic("ADAN", column, 1)[0]).any()


def test_dnns_keep_the_epoch_that_is_best_on_real_training_vectors(tmp_path, finished_yi2019, monkeypatch):
    kept = []
    monkeypatch.setattr(
        yi2019.DNN, "fit", lambda dnn, x, y, keep_best_on, task, report: kept.append((x.shape, keep_best_on))
    )
    monkeypatch.setattr(yi2019.DNN, "predict", lambda dnn, x: np.zeros((2, len(x)), int))
    vectors = vectors_of(finished_yi2019[0], "acted")
    sets = [vectors.both("SMOTE", "test", repeat) for repeat in range(2)]
    yi2019.dnn(finished_yi2019[0], vectors, sets, [1, 2], np.zeros((3, 11)), "task")
    ((shape, (x, y)),) = kept
    assert shape == (2, 96, 11)
    np.testing.assert_array_equal(x, vectors.real("test")[0])
    np.testing.assert_array_equal(y, vectors.real("test")[1])


# ---- parts of it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tables", "shared"),
    [((3,), {("real + synthetic", "all")}), ((4,), {("real + synthetic", "improvised")})],
)
def test_a_table_measures_the_row_that_it_takes_from_table_2(tmp_path, tiny_run, monkeypatch, tables, shared):
    asked = []
    monkeypatch.setattr(
        yi2019,
        "measure",
        lambda run, vectors, row, *_, table, columns, **__: asked.extend((table, row, c) for c in columns),
    )
    yi2019.reproduce(tiny_run(tmp_path, paper="yi2019"), tables)
    assert {(row, column) for table, row, column in asked if table == 2} == shared
    assert {table for table, _, _ in asked} == {2, *tables}


def test_without_one_corpus_the_other_is_measured(tmp_path, tiny_run, yi2019_corpora, monkeypatch):
    asked = set()
    monkeypatch.setattr(
        yi2019, "measure", lambda run, vectors, *_, table, **__: asked.add((vectors.role, table))
    )
    monkeypatch.setattr(yi2019, "table_5", lambda run, vectors: asked.add((vectors.role, 5)))
    for role, tables in (("acted", {1, 5}), ("dialogue", {2, 3, 4, 5})):
        asked.clear()
        run = tiny_run(
            tmp_path / role,
            dict.fromkeys(yi2019_corpora, NOT_THERE) | {role: yi2019_corpora[role]},
            paper="yi2019",
        )
        yi2019.reproduce(run, (1, 2, 3, 4, 5))
        assert asked == {(role, table) for table in tables}
        assert yi2019.work(run, (1, 2, 3, 4, 5)) > 0


def test_a_corpus_without_improvised_utterances_is_told(tmp_path, tiny_run, yi2019_corpora, alter):
    corpus = yi2019_corpora["dialogue"]
    yi2019_corpora["dialogue"] = alter(corpus, part=np.full(len(corpus), "scripted"))
    with pytest.raises(
        TfserganError, match=r"dia, fold session1: the training utterances are none of them improvised"
    ):
        yi2019.work(tiny_run(tmp_path, yi2019_corpora, paper="yi2019"), (2,))


# ---- resume -----------------------------------------------------------------------------------------------


class Killed(Exception):
    pass


@pytest.mark.slow
def test_a_run_that_was_killed_twice_ends_with_the_same_results(
    tmp_path, finished_yi2019, tiny_run, measure_tables, weights_in, monkeypatch
):
    """Once in the last epoch of an ADAN, from a checkpoint on, and once in a classifier, with cells before it kept."""
    monkeypatch.setitem(training.train.__kwdefaults__, "checkpoint_epochs", 1)

    def kill_at(task: str, done: int):
        def report(name: str, now: int, total: int) -> None:
            if (name, now) == (task, done):
                raise Killed

        return report

    for task, done in (("acted-session1: ADAN 2 of 2", 3), ("acted-session1: ADAN + DNN, test", 1)):
        with pytest.raises(Killed):
            measure_tables(tiny_run(tmp_path, paper="yi2019", report=kill_at(task, done)), (1,))
        kept = [path.name for path in tmp_path.glob("models/acted-session1/*/checkpoint/*.index")]
        assert kept == (["epoch-000002.index"] if "of 2" in task else [])
    (
        tmp_path / "models" / "acted-session1" / export.DECODER_MAP
    ).unlink()  # as if killed before it was written
    run = measure_tables(tiny_run(tmp_path, paper="yi2019"), (1,))

    whole = finished_yi2019[0].folder
    lines = (whole / "results.jsonl").read_text(encoding="utf-8").splitlines()
    assert (run.folder / "results.jsonl").read_text(encoding="utf-8").splitlines() == [
        line for line in lines if json.loads(line)["table"] == 1
    ]
    for stage in ("adan-0", "adan-1"):
        path = f"models/acted-session1/{stage}/{WEIGHTS}"
        assert weights_in(run.folder / path) == weights_in(whole / path)
    path = f"models/acted-session1/{export.DECODER_MAP}"
    assert (run.folder / path).read_bytes() == (whole / path).read_bytes()
