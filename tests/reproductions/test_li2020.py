"""Li et al. 2020 on tiny corpora of frames: every cell, no leak, turns of speakers, exact resume, figure, export."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tfsergan import _toml, export, folds, metrics, training
from tfsergan.errors import CorpusNotFound, TfserganError, UsageError
from tfsergan.evaluation import read_run
from tfsergan.methods.li2020 import MODELS
from tfsergan.ragged import Ragged
from tfsergan.report import assemble
from tfsergan.reproductions import li2020
from tfsergan.reproductions.li2020 import STAGES, Models, chosen
from tfsergan.training import WEIGHTS

NOT_THERE = CorpusNotFound("The corpus is not here.")
PAIR = ("lab-speaker0", "lab-speaker1")
TABLES = (2, 3, 4)


# ---- a whole run ------------------------------------------------------------------------------------------


def test_every_cell_is_measured_once(finished_li2020):
    rows = finished_li2020.results.rows
    expected = {(2, row, column, fold) for row in MODELS for column in ("val", "test") for fold in PAIR}
    expected |= {(3, row, "cross", fold) for row in MODELS if row != "Multi-task model" for fold in PAIR}
    columns = ("training speakers", "unseen speakers")
    expected |= {(4, row, column, fold) for row in MODELS for column in columns for fold in PAIR}
    assert {(row["table"], row["row"], row["column"], row["fold"]) for row in rows} == expected
    assert len(rows) == len(expected)
    n = {"val": 12, "test": 12, "cross": 48, "training speakers": 48, "unseen speakers": 24}
    assert all(row["n"] == n[row["column"]] for row in rows)


def test_speakers_take_turns(finished_li2020):
    for row in finished_li2020.results.of(table=2):
        (speaker,) = row["confusion"]
        assert (speaker == row["fold"]) == (row["column"] == "test")
        assert speaker in PAIR
        assert 1 <= row["metrics"]["epoch"] <= 3


def test_scores_of_the_best_epoch_are_those_it_was_chosen_by(finished_li2020):
    for row in finished_li2020.results.of(table=2, column="val"):
        stage = finished_li2020.folder / "models" / "session1" / f"{STAGES[row['row']]}-{row['repeat']}"
        best = json.loads((stage / f"best-{row['fold']}.json").read_text())
        assert best["score"] == pytest.approx(row["metrics"]["uar"])


def test_measured_again_nothing_changes(finished_li2020, tiny_run, measure_tables, monkeypatch):
    monkeypatch.setattr(training, "train", pytest.fail)
    before = (finished_li2020.folder / "results.jsonl").read_bytes()
    measure_tables(tiny_run(finished_li2020.folder, paper="li2020"))
    assert (finished_li2020.folder / "results.jsonl").read_bytes() == before


def test_nothing_is_left_to_do_after_a_run(finished_li2020, tmp_path, tiny_run):
    assert li2020.work(finished_li2020, TABLES) == 0
    assert li2020.work(tiny_run(tmp_path, paper="li2020"), TABLES) > 0


def test_the_report_has_every_table_and_the_figure(finished_li2020, tmp_path):
    shutil.copytree(finished_li2020.folder / "figures", tmp_path / "figures")
    made = assemble.write_report(
        finished_li2020.paper, finished_li2020.results.rows, read_run(finished_li2020.folder), tmp_path
    )
    assert all(cell.ours is not None for table in made for cell in table.cells.values())
    cells = made[0].cells
    for row in MODELS:
        for name, metric in (("WA", metrics.wa), ("UA", metrics.uar)):
            val, test, delta = (cells[row, f"{name}, {kind}"].ours for kind in ("val", "test", "Δ"))
            assert delta.mean == pytest.approx(test.mean - val.mean)
            low, high = delta.interval
            assert low <= delta.mean <= high
            pooled = assemble.by_repeat(finished_li2020.results.of(table=2, row=row, column="test"), 1)
            assert test.mean == pytest.approx(100 * metric(pooled.sum(axis=1)).mean())
    for row in made[1].rows:
        low, mean, high = (made[1].cells[row, name].ours.mean for name in ("min", "mean", "max"))
        assert low <= mean <= high
    assert (tmp_path / "figures" / "figure2.png").stat().st_size > 5000
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for text in ("Li, H.", "59.91", "lab (72, logmel)", "recurrent_units"):
        assert text in page


def test_a_small_run_gives_what_it_always_gave(finished_li2020):
    """To be changed on purpose alone; scores come in steps of one utterance, so that last bits do not matter."""
    found = {
        row["row"]: row["metrics"]["wa"]
        for row in finished_li2020.results.of(table=2, column="test", fold=PAIR[0], repeat=0)
    }
    assert found == pytest.approx(FROZEN, abs=1e-6)


FROZEN = {
    "EC only model": 1 / 12,
    "Multi-task model": 4 / 12,
    "DAT model": 5 / 12,
    "Proposed MEnAN": 5 / 12,
}


# ---- no test utterance reaches training -------------------------------------------------------------------


def poisoned(corpus, alter, rows: np.ndarray):
    """The corpus with garbage frames, at every speed, and permuted labels in some rows."""
    rng = np.random.default_rng(9)

    def spoilt(x: Ragged) -> Ragged:
        values = x.values.copy()
        values[np.isin(x.owners, rows)] = 1e6
        return Ragged(values, x.lengths)

    emotion = corpus.emotion.copy()
    emotion[rows] = rng.permutation(emotion[rows])
    variants = {name: spoilt(x) for name, x in corpus.variants.items()}
    return alter(corpus, x=spoilt(corpus.x), emotion=emotion, variants=variants)


def test_a_poisoned_test_speaker_changes_its_scores_alone(
    tmp_path, finished_li2020, tiny_run, li2020_corpora, alter, measure_tables, weights_in, monkeypatch
):
    labelled = li2020_corpora["labelled"]
    dirty = poisoned(labelled, alter, np.flatnonzero(labelled.speaker == PAIR[0]))
    rows = ("DAT model", "Proposed MEnAN")  # the others have no more to learn from
    monkeypatch.setattr(li2020, "MODELS", rows)
    run = tiny_run(tmp_path, {"labelled": dirty, "cross": NOT_THERE}, paper="li2020")
    measure_tables(run, (2,))
    here, there = (r.folder / "models" / "session1" for r in (run, finished_li2020))
    stages = [f"{STAGES[row]}-0" for row in rows]
    assert {path.name for path in here.iterdir()} == {*stages, export.FRAME_MAP}
    assert (here / export.FRAME_MAP).read_bytes() == (there / export.FRAME_MAP).read_bytes()
    for stage in stages:
        for name in (WEIGHTS, f"best-{PAIR[0]}.weights.h5"):  # chosen by the other speaker
            assert weights_in(here / stage / name) == weights_in(there / stage / name)
    for column, same in (("val", True), ("test", False)):
        scores = [
            [r.results.of(table=2, row=row, column=column, fold=PAIR[0])[0]["metrics"] for row in rows]
            for r in (run, finished_li2020)
        ]
        assert (scores[0] == scores[1]) == same


def test_scaling_is_of_the_training_speakers_own_speed(tmp_path, tiny_run, li2020_corpora):
    run = tiny_run(tmp_path, li2020_corpora, paper="li2020")
    models, corpus = Models(run, chosen(run)[0]), li2020_corpora["labelled"]
    frames = corpus.x.values[~np.isin(corpus.speaker, PAIR)[corpus.x.owners]]
    np.testing.assert_allclose(models.scaler[0], frames.mean(axis=0, dtype=float), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(models.scaler[1], frames.std(axis=0, dtype=float), rtol=1e-4)
    none = Models(tiny_run(tmp_path, li2020_corpora, paper="li2020", scaling="none"), chosen(run)[0])
    np.testing.assert_array_equal(none.fixed(corpus.x), corpus.x.fixed(47))


def test_other_speeds_are_of_the_training_set_alone(tmp_path, tiny_run, li2020_corpora):
    run = tiny_run(tmp_path, li2020_corpora, paper="li2020")
    models = Models(run, chosen(run)[0])
    x, emotion, speaker = models.training_set()
    corpus, rows = li2020_corpora["labelled"], models.turns.train
    assert len(x) == len(emotion) == len(speaker) == 2 * 48
    slow = corpus.variants["logmel-0.9"][rows]
    np.testing.assert_array_equal(x.lengths, [*corpus.x.lengths[rows], *slow.lengths])
    np.testing.assert_allclose(x.values[-slow.values.shape[0] :], models.scaled(slow).values)
    np.testing.assert_array_equal(np.array(models.speakers)[speaker[:48]], corpus.speaker[rows])
    np.testing.assert_array_equal(emotion, np.tile(corpus.emotion[rows], 2))


# ---- parts of it ------------------------------------------------------------------------------------------


def test_any_rated_emotion_is_right(li2020_corpora):
    cross = li2020_corpora["cross"]
    there = li2020.present(cross)
    assert there[np.arange(len(cross)), cross.emotion].all()
    np.testing.assert_array_equal(there[:, 1], (cross.ratings["happiness"] > 0) | (cross.emotion == 1))
    assert there.sum() > len(cross)
    assert (there[:, [0, 2, 3]].sum(axis=1) <= 1).all()


def test_other_classes_of_the_cross_corpus_are_refused(tmp_path, tiny_run, li2020_corpora, alter):
    other = alter(li2020_corpora["cross"], classes=("anger", "joy", "neutral", "sadness"))
    run = tiny_run(tmp_path, li2020_corpora | {"cross": other}, paper="li2020")
    with pytest.raises(TfserganError, match=r"far has the classes anger, joy.*take another corpus"):
        li2020.table_3(run, Models(run, chosen(run)[0]))


def test_without_the_cross_corpus_the_others_are_measured(tmp_path, tiny_run, li2020_corpora, monkeypatch):
    asked = []
    for number in TABLES:
        monkeypatch.setattr(
            li2020, f"table_{number}", lambda run, models, number=number: asked.append(number)
        )
    run = tiny_run(tmp_path, li2020_corpora | {"cross": NOT_THERE}, paper="li2020", pairs="0")
    li2020.reproduce(run, TABLES)
    assert asked == [2, 4] * 3
    assert len(folds.speakers_in_turn(li2020_corpora["labelled"])) == 3


# ---- resume -----------------------------------------------------------------------------------------------


class Killed(Exception):
    pass


def test_a_run_that_was_killed_ends_with_the_same_results(
    tmp_path, finished_li2020, tiny_run, measure_tables, weights_in, monkeypatch
):
    def report(name: str, now: int, total: int) -> None:
        if (name, now) == ("session1: Proposed MEnAN, 1 of 1", 2):
            raise Killed

    monkeypatch.setattr(li2020, "MODELS", ("Proposed MEnAN",))
    monkeypatch.setattr(training.Progress, "on_epoch_end", every_epoch)
    with pytest.raises(Killed):
        measure_tables(tiny_run(tmp_path, paper="li2020", report=report), (2,))
    assert list(tmp_path.glob("models/session1/menan-0/checkpoint/*.index"))
    run = measure_tables(tiny_run(tmp_path, paper="li2020"), (2,))
    assert run.results.rows == finished_li2020.results.of(table=2, row="Proposed MEnAN")
    for name in (WEIGHTS, *(f"best-{speaker}.weights.h5" for speaker in PAIR)):
        here, there = (r.folder / "models" / "session1" / "menan-0" / name for r in (run, finished_li2020))
        assert weights_in(here) == weights_in(there)


def every_epoch(progress, epoch: int, logs=None) -> None:
    progress.report(progress.task, epoch + 1, progress.epochs)


# ---- export -----------------------------------------------------------------------------------------------

LOAD = """
import sys
import numpy as np, tensorflow as tf
embed = tf.saved_model.load(sys.argv[1]).signatures["embed"]
inputs = np.load(sys.argv[2])
found = {f"{name}-{key}": value.numpy() for name in inputs for key, value in embed(frames=tf.constant(inputs[name])).items()}
np.savez(sys.argv[3], **found)
assert "tfsergan" not in sys.modules
"""


@pytest.fixture(scope="module")
def exported(finished_li2020, tmp_path_factory):
    to = tmp_path_factory.mktemp("export") / "encoder"
    folder = finished_li2020.folder
    return li2020.export_generators(folder, read_run(folder), to, None, None)


def test_a_fresh_process_embeds_raw_frames_as_the_model_does(tmp_path, exported, finished_li2020):
    corpus = finished_li2020.corpus("labelled")
    rows = [int(np.argmin(corpus.x.lengths)), int(np.argmax(corpus.x.lengths))]  # repeated, and cut
    parts = {name: corpus.x[[row]] for name, row in zip(("short", "long"), rows, strict=True)}
    np.savez(tmp_path / "x.npz", **{name: part.values[None] for name, part in parts.items()})
    arguments = [str(exported), str(tmp_path / "x.npz"), str(tmp_path / "out.npz")]
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found, models = np.load(tmp_path / "out.npz"), Models(finished_li2020, chosen(finished_li2020)[0])
    model, _ = models.best("Proposed MEnAN", 0, 0)
    for name, part in parts.items():
        expected = models.judged(model.embed, part)
        np.testing.assert_allclose(found[f"{name}-embedding"], expected, rtol=1e-4, atol=1e-5)
        assert found[f"{name}-emotion"].sum() == pytest.approx(1, rel=1e-5)
        assert found[f"{name}-emotion"].argmax() == models.judged(model.predict_emotion, part)


def test_the_card_says_what_it_takes(exported):
    card = _toml.loads((exported / "card.toml").read_text(encoding="utf-8"))
    assert (card["signature"], card["fold"], card["setting"]) == ("embed", "session1", "menan-0")
    assert card["left_out"] == list(PAIR)
    assert len(card["trained_on"]) == 4
    assert "not a waveform" in card["takes"]
    assert "frames.analyse" in (exported / "README.md").read_text(encoding="utf-8")


def test_what_was_not_trained_is_a_usage_error(tmp_path, finished_li2020):
    folder = finished_li2020.folder
    with pytest.raises(UsageError, match=r"--setting menan-7: .*dat-0, ec-0, menan-0, multitask-0"):
        li2020.export_generators(folder, read_run(folder), tmp_path / "out", None, "menan-7")


@pytest.mark.parametrize("content", [None, b"{", b"{}", b"[]", b"\xff"])
def test_a_missing_or_damaged_frame_map_is_told(tmp_path, content):
    if content is not None:
        (tmp_path / export.FRAME_MAP).write_bytes(content)
    with pytest.raises(TfserganError, match=r"frames\.json: can't be read"):
        export.load_frame_map(tmp_path)
