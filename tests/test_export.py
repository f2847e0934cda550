"""Exported generators: the same vectors in a process that knows only TensorFlow, raw in and raw out."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler

from tfsergan import _toml, export, papers, training
from tfsergan.errors import TfserganError, UsageError
from tfsergan.evaluation import read_run
from tfsergan.methods.bao2019 import emotion_cycle_gan

LOAD = """
import sys
import numpy as np, tensorflow as tf
transfer = tf.saved_model.load(sys.argv[1]).signatures["transfer"]
vectors = transfer(features=tf.constant(np.load(sys.argv[2])))
np.savez(sys.argv[3], **{name: value.numpy() for name, value in vectors.items()})
assert "tfsergan" not in sys.modules
"""


def export_run(run, to, fold=None, setting=None):
    from tfsergan.reproductions import bao2019

    return bao2019.export_generators(run.folder, read_run(run.folder), to, fold, setting)


@pytest.fixture(scope="module")
def exported(finished, tmp_path_factory):
    """The SavedModel of one fold and setting; the run is that of the whole session."""
    return export_run(
        finished[0], tmp_path_factory.mktemp("export") / "my.generators", "session1", "lambda_cls=2"
    )


def test_a_fresh_process_with_tensorflow_alone_gives_the_same_raw_vectors(
    tmp_path, exported, finished_run, tiny_corpora
):
    source, labelled = tiny_corpora["source"], tiny_corpora["labelled"]
    np.save(tmp_path / "x.npy", source.x)
    arguments = [str(exported), str(tmp_path / "x.npy"), str(tmp_path / "out.npz")]
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = np.load(tmp_path / "out.npz")
    assert set(found) == {"angry", "happy", "neutral", "sad"}

    source_scaler = MinMaxScaler().fit(source.x)
    scaler = MinMaxScaler().fit(labelled.x[labelled.session != "session1"].astype(np.float64))
    gan = emotion_cycle_gan(finished_run.settings, source.x.shape[1], 4, seed=99)
    training.load_weights(gan, finished_run.folder / "models" / "session1" / "lambda_cls=2")
    vectors = gan.transfer(source_scaler.transform(source.x))
    for name, expected in zip(("angry", "happy", "neutral", "sad"), vectors, strict=True):
        raw = scaler.inverse_transform(expected.astype(np.float64))
        scale = np.ptp(labelled.x, axis=0)
        np.testing.assert_allclose(found[name] / scale, raw / scale, rtol=1e-5, atol=1e-5)


def test_the_card_says_what_a_reader_needs(exported, tiny_corpora):
    card = _toml.loads((exported / "card.toml").read_text(encoding="utf-8"))
    assert tuple(card["features"]) == tiny_corpora["labelled"].feature_names
    assert card["classes"] == ["angry", "happy", "neutral", "sad"]
    assert (card["fold"], card["setting"], card["protocol"]) == ("session1", "lambda_cls=2", "strict")
    assert card["corpora"] == {"labelled": "lab, 72 utterances", "source": "src, 48 utterances"}
    assert "Bao" in card["paper"]
    assert card["intended_use"]
    assert card["versions"]["keras"]


def test_the_readme_shows_its_use(exported):
    text = (exported / "README.md").read_text(encoding="utf-8")
    assert 'tf.saved_model.load("' in text
    assert 'signatures["transfer"]' in text
    assert 'synthetic["angry"]' in text
    assert "(n, 12) float32, raw" in text
    assert str(exported.parent) not in text


def test_nothing_unfinished_is_left(exported):
    assert [path.name for path in exported.parent.iterdir()] == ["my.generators"]
    assert {path.name for path in exported.iterdir()} >= {
        "saved_model.pb",
        "variables",
        "card.toml",
        "README.md",
    }


def test_a_folder_in_use_is_refused_and_kept(tmp_path, finished_run):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(TfserganError, match="is there already"):
        export_run(finished_run, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(TfserganError, match="is there already"):
        export_run(finished_run, tmp_path / "mine.txt")


def test_what_was_not_trained_is_a_usage_error(tmp_path, finished_run):
    with pytest.raises(UsageError, match=r"--fold session9: .*all, session1"):
        export_run(finished_run, tmp_path / "out", fold="session9")
    with pytest.raises(UsageError, match=r"--setting lambda_cls=3: .*lambda_cls=0, lambda_cls=2"):
        export_run(finished_run, tmp_path / "out", setting="lambda_cls=3")
    with pytest.raises(UsageError, match="--setting pretraining"):
        export_run(finished_run, tmp_path / "out", setting="pretraining")
    assert not list(tmp_path.iterdir())


def test_choose_takes_the_whole_corpus_first(finished_run, tmp_path):
    models = finished_run.folder / "models"
    assert export.choose(models, None, None, prefix="lambda_cls=") == (models / "all", "lambda_cls=0")
    with pytest.raises(TfserganError, match="no finished generators"):
        export.choose(tmp_path, None, None, prefix="lambda_cls=")


def test_an_old_runs_settings_count_not_todays(tmp_path, finished_run, monkeypatch):
    """A schedule that has since been changed must not keep a run's generators from being exported."""
    load = papers.load

    def changed(name):
        paper = load(name)
        width = papers.Value((9, 9), "quick schedule")
        paper.schedules["quick"]["generator_units"] = width
        return paper

    shutil.copytree(finished_run.folder, tmp_path / "run")
    run = read_run(tmp_path / "run")
    del run["run"]["overrides"]["generator_units"]  # then the schedule had it
    monkeypatch.setattr(papers, "load", changed)
    from tfsergan.reproductions import bao2019

    folder = bao2019.export_generators(tmp_path / "run", run, tmp_path / "out", None, None)
    assert (folder / "saved_model.pb").exists()


def test_scalers_survive_their_file(tmp_path):
    x = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32) * [1e-3, 1, 1e4] + [0, 5, 0]
    x[:, 1] = 5  # a feature that does not vary
    scalers = {"source": MinMaxScaler().fit(x), "target": MinMaxScaler().fit(2 * x)}
    export.save_scalers(tmp_path, scalers["source"], scalers["target"], ["a", "b", "c"], ["angry", "sad"])
    found = export.load_scalers(tmp_path)
    assert (found["features"], found["classes"]) == (["a", "b", "c"], ["angry", "sad"])
    for name, scaler in scalers.items():
        scaled = x * found[name]["scale"] + found[name]["offset"]
        np.testing.assert_allclose(scaled, scaler.transform(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("content", [None, b"{", b"{}", b"\xff"])
def test_missing_or_damaged_scalers_are_told(tmp_path, content):
    if content is not None:
        (tmp_path / export.SCALERS).write_bytes(content)
    with pytest.raises(TfserganError, match=r"scalers\.json: can't be read"):
        export.load_scalers(tmp_path)
