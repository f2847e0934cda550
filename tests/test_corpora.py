"""Corpora are found, built once, rebuilt when their source changes, and read back whole."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfsergan import catalogue, corpora, manifests, prepared
from tfsergan.datasets.feature_table import tables
from tfsergan.errors import CorpusNotFound, TfserganError, UsageError

REAL = os.environ.get("TFSERGAN_MANUAL_DIR", "")


def toy_table(n: int = 24, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    columns = {
        "utterance": [f"u{i:02d}" for i in rng.permutation(n)],
        "speaker": [f"s{i % 4}" for i in range(n)],
        "session": [i % 4 // 2 + 1 for i in range(n)],
        "emotion": [("anger", "Happy", "neutral", "sad", "fear", "sad")[i % 6] for i in range(n)],
    }
    return pd.DataFrame(columns | {f"mfcc_{c}": rng.normal(size=n).astype(np.float32) for c in "abc"})


class Toy:
    """A manual dir with one generic corpus, and a data dir."""

    def __init__(self, root: Path):
        self.manual_dir, self.data_dir = root / "manual", root / "data"
        self.table = self.manual_dir / "own" / "toy.csv"
        self.table.parent.mkdir(parents=True)
        self.told: list[str] = []

    def write(self, table: pd.DataFrame) -> None:
        table.to_csv(self.table, index=False)

    def load(self, name: str = "own", features: str = "toy", **options) -> corpora.Corpus:
        options = {"manual_dir": self.manual_dir, "data_dir": self.data_dir} | options
        return corpora.load(name, features, report=lambda task, *_: self.told.append(task), **options)

    def built(self) -> bool:
        return any(task.startswith("Preparing") for task in self.told)


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Toy:
    monkeypatch.delenv("TFSERGAN_MANUAL_DIR", raising=False)
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    toy = Toy(tmp_path)
    toy.write(toy_table())
    return toy


def test_load_gives_the_table_sorted_with_its_classes(toy):
    corpus = toy.load()
    table = toy_table().sort_values("utterance")
    table = table[table["emotion"] != "fear"]
    assert corpus.ids.tolist() == table["utterance"].tolist()
    assert corpus.speaker.tolist() == table["speaker"].tolist()
    assert corpus.session.tolist() == table["session"].astype(str).tolist()
    assert corpus.classes == ("angry", "happy", "neutral", "sad")
    names = {"anger": 0, "Happy": 1, "neutral": 2, "sad": 3}
    assert corpus.emotion.tolist() == [names[label] for label in table["emotion"]]
    assert corpus.x.dtype == np.float32
    np.testing.assert_array_equal(corpus.x, table[["mfcc_a", "mfcc_b", "mfcc_c"]].to_numpy())
    assert corpus.feature_names == ("mfcc_a", "mfcc_b", "mfcc_c")
    assert len(corpus) == 20
    assert "angry 4, happy 4, neutral 4, sad 8; 4 speakers, 2 sessions" in repr(corpus)


def test_unlabelled(toy):
    corpus = toy.load(labels=None)
    assert (corpus.classes, len(corpus), set(corpus.emotion.tolist())) == ((), 24, {-1})
    assert corpus.emotion.dtype == np.int32
    toy.write(toy_table().drop(columns="emotion"))
    assert len(toy.load(labels=None)) == 24
    with pytest.raises(TfserganError, match=r"has no emotions.*labels=None"):
        toy.load()


def test_a_second_load_reads_what_was_built(toy):
    first = toy.load()
    assert toy.built()
    toy.told.clear()
    assert toy.load().fingerprint == first.fingerprint
    assert not toy.built()


def test_a_touched_source_is_not_rebuilt_and_a_changed_one_is(toy):
    first = toy.load()
    os.utime(toy.table, (1, 1))
    toy.told.clear()
    assert toy.load().fingerprint == first.fingerprint
    assert not toy.built()
    stamp = toy.table.stat()
    changed = toy.table.read_text().replace("neutral", "Neutral", 1)  # as long as before
    toy.table.write_text(changed.replace("s0", "s9"))
    os.utime(toy.table, (stamp.st_atime, stamp.st_mtime))
    second = toy.load()
    assert "s9" in second.speaker
    assert second.fingerprint != first.fingerprint
    assert any("has changed" in task for task in toy.told)


def test_another_number_of_features_is_rebuilt(toy):
    toy.load()
    toy.write(toy_table().assign(mfcc_d=0.5))
    assert toy.load().x.shape == (20, 4)


@pytest.mark.parametrize("damage", ["unmarked", "halved", "emptied"])
def test_a_set_that_is_not_whole_is_built_again(toy, damage):
    first = toy.load()
    (folder,) = (toy.data_dir / "feature_table" / "own-toy").glob("1*")
    if damage == "unmarked":
        (folder / prepared.SOURCES).unlink()
    elif damage == "halved":
        (folder / prepared.SOURCES).write_text('{"sha')
    else:
        for path in folder.iterdir():
            path.unlink()
    assert toy.load().fingerprint == first.fingerprint


@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_damaged_prepared_data_is_an_error_with_its_folder(toy, harm):
    toy.load()
    (folder,) = (toy.data_dir / "feature_table" / "own-toy").glob("1*")
    (record,) = folder.glob("*.tfrecord*")
    if harm == "cut":
        record.write_bytes(record.read_bytes()[:-7])
    else:
        record.unlink()
    with pytest.raises(TfserganError, match=r"is damaged.*Remove that folder"):
        toy.load()


def test_a_faulty_table_leaves_nothing_behind(toy):
    table = toy_table()
    table.loc[3, "mfcc_b"] = np.nan
    toy.write(table)
    with pytest.raises(TfserganError, match=r"toy.csv, row 4 .*column 'mfcc_b': the value is missing"):
        toy.load()
    assert not any((toy.data_dir / "feature_table" / "own-toy").glob("*"))
    toy.write(toy_table())
    assert len(toy.load()) == 20


SLOW_BUILD = """
import sys
from tfsergan import corpora
def report(task, done, total):
    if task.startswith("Preparing") and not done:
        print("building", flush=True)
        sys.stdin.readline()
print(corpora.load("own", "toy", manual_dir=sys.argv[1], data_dir=sys.argv[2], report=report).fingerprint)
"""


def slow_build(toy: Toy) -> subprocess.Popen:
    """Another process, in the middle of its build until it is sent a line."""
    command = [sys.executable, "-c", SLOW_BUILD, str(toy.manual_dir), str(toy.data_dir)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, **pipes, text=True)
    assert process.stdout.readline() == "building\n"
    return process


def test_a_killed_build_is_not_used_and_is_cleared_away(toy):
    process = slow_build(toy)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    folder = toy.data_dir / "feature_table" / "own-toy"
    assert list(folder.glob("incomplete.*"))
    assert len(toy.load()) == 20
    assert [path.name for path in folder.iterdir()] == ["1.1.0"]


def test_a_second_process_waits_for_the_first_to_build(toy):
    process, told = slow_build(toy), []

    def report(task: str, *_: int) -> None:
        told.append(task)
        if task.startswith("Waiting for another process") and process.stdin:
            process.stdin.close()
            process.stdin = None

    folders = {"manual_dir": toy.manual_dir, "data_dir": toy.data_dir}
    fingerprint = corpora.load("own", "toy", report=report, **folders).fingerprint
    assert process.stdin is None
    assert not any(task.startswith("Preparing") for task in told)
    assert process.communicate(timeout=300)[0] == f"{fingerprint}\n"


def test_a_data_dir_that_is_only_read_needs_no_lock(toy):
    fingerprint = toy.load().fingerprint
    lock = toy.data_dir / "feature_table" / "own-toy.lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()  # so that it cannot be locked, by root either
    assert toy.load().fingerprint == fingerprint
    toy.write(toy_table(seed=1))
    with pytest.raises(TfserganError, match=r"cannot be written.*--data-dir"):
        toy.load()


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_full_disk_is_told_with_what_to_do(toy, monkeypatch, wrapped):
    import tensorflow as tf
    import tensorflow_datasets as tfds

    def fill(*arguments, **options):
        full = tf.errors.ResourceExhaustedError(None, None, "x.tfrecord; No space left on device")
        if wrapped:  # as TFDS raises it
            raise RuntimeError(f"ResourceExhaustedError: {full.message}") from full
        raise full

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fill)
    with pytest.raises(TfserganError, match=r"own-toy.*No space left on device.*--data-dir"):
        toy.load()


def test_another_runtime_error_is_not_called_a_full_disk(toy, monkeypatch):
    import tensorflow_datasets as tfds

    def fail(*arguments, **options):
        raise RuntimeError("a bug")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        toy.load()


@pytest.mark.parametrize(
    ("ids", "x", "message"),
    [
        (["a", "b"], [[0, 1], [np.nan, np.inf]], "utterance 'b', column 'f': 2 values of 1 utterances"),
        (["a", "a"], [[0, 1], [2, 3]], "the utterance 'a' is there twice"),
    ],
)
def test_what_any_builder_must_keep_is_checked(toy, monkeypatch, ids, x, message):
    text = np.array(["", ""])
    texts = dict.fromkeys(("speaker", "session", "gender", "emotion", "part"), text)
    ratings = dict.fromkeys(prepared.RATINGS, np.full(2, np.nan, np.float32))
    examples = prepared.Examples(
        np.array(ids),
        **texts,
        **ratings,
        x=np.array(x, np.float32),
        feature_names=("f", "g"),
        ratings={},
    )
    monkeypatch.setattr(prepared, "read", lambda *_, **__: examples)
    with pytest.raises(TfserganError, match=f"toy.csv.*{message}"):
        toy.load(labels=None)


def test_loading_prints_nothing(toy, capfd):
    toy.load()
    toy.load()
    assert capfd.readouterr().out == ""


# ---- Corpus ---------------------------------------------------------------------------------------------


def test_select_by_rows_and_by_mask(toy):
    corpus = toy.load()
    part = corpus.select(np.array([5, 2]))
    assert part.ids.tolist() == corpus.ids[[5, 2]].tolist()
    np.testing.assert_array_equal(part.x, corpus.x[[5, 2]])
    assert part.classes == corpus.classes
    assert part.fingerprint != corpus.fingerprint
    sad = corpus.select(corpus.emotion == 3)
    assert (len(sad), set(sad.emotion.tolist())) == (8, {3})
    assert corpus.select(slice(None)).fingerprint == corpus.fingerprint
    assert len(corpus.select([])) == 0
    with pytest.raises(IndexError):
        corpus.select([20])
    with pytest.raises(IndexError):
        corpus.select(np.ones(3, bool))
    with pytest.raises(ValueError, match="twice"):
        corpus.select([1, 1])


def test_fingerprint_depends_on_all_content(toy):
    base = toy.load().fingerprint
    assert len(base) == 16
    assert int(base, 16) >= 0
    seen = {base}
    for column, value in (("utterance", "zz"), ("speaker", "zz"), ("session", "9"), ("mfcc_a", 9.0)):
        table = toy_table().astype({"session": str})
        table.loc[0, column] = value
        toy.write(table)
        seen.add(toy.load().fingerprint)
    toy.write(toy_table().rename(columns={"mfcc_a": "mfcc_z"}))
    seen.add(toy.load().fingerprint)
    toy.write(toy_table().replace({"emotion": {"sad": "anger", "anger": "sad"}}))
    seen.add(toy.load().fingerprint)
    assert len(seen) == 7


# ---- finding --------------------------------------------------------------------------------------------


def test_the_environment_names_the_folders(toy, monkeypatch):
    monkeypatch.setenv("TFSERGAN_MANUAL_DIR", str(toy.manual_dir))
    monkeypatch.setenv("TFDS_DATA_DIR", str(toy.data_dir))
    assert len(corpora.load("own", "toy")) == 20
    assert (toy.data_dir / "feature_table").is_dir()


def test_an_absent_known_corpus_is_not_found(toy):
    with pytest.raises(CorpusNotFound) as caught:
        toy.load("iemocap", "is10")
    message = str(caught.value)
    for part in (
        str(toy.manual_dir / "iemocap"),
        "iemocap/is10.parquet",
        "sail.usc.edu",
        "tfsergan data list",
    ):
        assert part in message
    with pytest.raises(CorpusNotFound, match=r"no folder of corpora was given.*TFSERGAN_MANUAL_DIR"):
        corpora.load("iemocap")


def test_a_corpus_without_the_set_says_what_it_holds(toy):
    with pytest.raises(CorpusNotFound, match=r"own holds toy.csv.*own/is10.parquet"):
        toy.load(features="is10")


def test_an_empty_folder_of_an_audio_corpus_is_not_found(toy):
    (toy.manual_dir / "emodb").mkdir()
    with pytest.raises(CorpusNotFound, match=r"holds nothing.*emodb/wav/\*\.wav"):
        toy.load("emodb", "is10")


@pytest.mark.parametrize("name", ["iemocop", "owm", "demo", "demo/other", "../own", "", "/etc"])
def test_unknown_names_are_usage_errors(toy, name):
    with pytest.raises(UsageError):
        toy.load(name)


def test_close_names_are_offered(toy):
    with pytest.raises(UsageError, match="Did you mean iemocap"):
        toy.load("iemocop")
    with pytest.raises(UsageError, match="Did you mean own"):
        toy.load("owm")


def test_a_manual_dir_that_is_not_there_is_a_usage_error(toy, monkeypatch):
    with pytest.raises(UsageError, match=r"nowhere does not exist.*--manual-dir"):
        toy.load(manual_dir=toy.manual_dir / "nowhere")
    monkeypatch.setenv("TFSERGAN_MANUAL_DIR", "/nowhere")
    with pytest.raises(UsageError, match="TFSERGAN_MANUAL_DIR"):
        corpora.load("own", "toy")


def test_an_unknown_rule_or_set_is_a_usage_error(toy):
    with pytest.raises(UsageError, match="four_class"):
        toy.load(labels="six_class")
    with pytest.raises(UsageError, match="no name of a feature set"):
        toy.load(features="../own/toy")
    with pytest.raises(UsageError, match=r"demo has no features 'toy'.*is10"):
        toy.load("demo/labelled")


def test_a_table_beats_audio(toy):
    folder = toy.manual_dir / "emodb"
    (folder / "wav").mkdir(parents=True)
    (folder / "wav" / "03a01Wa.wav").write_bytes(b"no audio")
    letters = {"anger": "W", "Happy": "F", "fear": "A", "neutral": "N", "sad": "T"}
    toy_table().replace({"emotion": letters}).to_csv(folder / "toy.csv", index=False)
    assert len(toy.load("emodb", allow_partial=True)) == 20
    with pytest.raises(TfserganError, match=r"angry +4 of +127  123 missing"):
        toy.load("emodb")


def test_an_unwritable_data_dir_is_an_error(toy):
    toy.data_dir.write_text("a file")
    with pytest.raises(TfserganError, match=r"cannot be written.*--data-dir"):
        toy.load()


def test_jobs_and_a_partial_corpus_reach_the_builder(toy, monkeypatch):
    made = []
    make = catalogue.Found.make_builder
    monkeypatch.setattr(catalogue.Found, "make_builder", lambda *a: made.append(make(*a)) or made[-1])
    toy.load(jobs=3, allow_partial=True)
    assert {(builder.jobs, builder.allow_partial) for builder in made} == {(3, True)}


def test_prepare_builds_and_says_whether_it_did(toy):
    options = {"manual_dir": toy.manual_dir, "data_dir": toy.data_dir}
    assert not corpora.is_prepared("own", "toy", **options)
    assert corpora.prepare("own", "toy", **options)
    assert corpora.is_prepared("own", "toy", **options)
    assert not corpora.prepare("own", "toy", **options)
    toy.load()
    assert not toy.built()
    toy.write(toy_table(seed=1))
    assert not corpora.is_prepared("own", "toy", **options)


def test_what_is_up_to_date_is_told_without_tensorflow(toy):
    code = (
        "import sys\nfrom tfsergan import corpora\n"
        "print(corpora.prepare('own', 'toy', manual_dir=sys.argv[1], data_dir=sys.argv[2]))\n"
        "print([name for name in ('tensorflow', 'tensorflow_datasets', 'keras') if name in sys.modules])"
    )
    toy.load()
    command = [sys.executable, "-c", code, str(toy.manual_dir), str(toy.data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n[]\n", done.stderr


def emodb_names() -> list[str]:
    return sorted(manifests.load("emodb", "four_class").ids)


def emodb_table(names: list[str]) -> pd.DataFrame:
    columns = {"utterance": names, "speaker": [name[:2] for name in names], "emotion": [n[5] for n in names]}
    return pd.DataFrame(columns | {"mfcc_a": np.arange(len(names), dtype=np.float32)})


def test_the_published_utterances_are_asserted(toy):
    folder = toy.manual_dir / "emodb"
    folder.mkdir()
    table = emodb_table(emodb_names())
    table.to_csv(folder / "toy.csv", index=False)
    assert len(toy.load("emodb")) == 339
    other = table.replace({"utterance": {"03a01Fa": "03a01Fz"}})
    other.to_csv(folder / "toy.csv", index=False)
    with pytest.raises(TfserganError) as caught:
        toy.load("emodb")
    for told in ("toy.csv has as many", "missing: 03a01Fa\n", "extra: 03a01Fz\n", "--allow-partial"):
        assert told in str(caught.value)
    assert len(toy.load("emodb", allow_partial=True)) == 339
    table.assign(speaker=["08", *table["speaker"][1:]]).to_csv(folder / "toy.csv", index=False)
    with pytest.raises(TfserganError, match="in another session than published: 03a01Fa"):
        toy.load("emodb")


def test_a_layout_that_is_not_whole_is_refused_even_if_a_part_was_prepared(toy, monkeypatch):
    folder = toy.manual_dir / "emodb" / "wav"
    folder.mkdir(parents=True)
    (folder / "03a01Wa.wav").write_bytes(b"never opened")
    monkeypatch.setattr(prepared, "is_current", lambda *_: True)
    with pytest.raises(TfserganError, match=r"utterances: 1 of 535(.|\n)*`tfsergan data check emodb`"):
        toy.load("emodb", "is10")
    with pytest.raises(TfserganError, match="utterances: 1 of 535"):
        corpora.prepare("emodb", "is10", manual_dir=toy.manual_dir, data_dir=toy.data_dir)


def test_ratings_become_classes(toy):
    table = toy_table().assign(valence=np.resize([1.5, 3.0, 4.0], 24))
    table.loc[0, "valence"] = np.nan
    toy.write(table)
    corpus = toy.load(labels="valence3")
    assert corpus.classes == ("low", "mid", "high")
    assert np.bincount(corpus.emotion).tolist() == [7, 8, 8]
    with pytest.raises(TfserganError, match="no ratings of activation"):
        toy.load(labels="activation3")


# ---- real corpora ---------------------------------------------------------------------------------------


def real(name: str) -> None:
    if not (REAL and (Path(REAL) / name / "is10.parquet").is_file()):
        pytest.skip(f"needs {name}/is10.parquet in TFSERGAN_MANUAL_DIR")


def test_real_iemocap(tmp_path):
    real("iemocap")
    options = {"manual_dir": REAL, "data_dir": tmp_path}
    merged = corpora.load("iemocap", labels="four_class_merged", **options)
    assert np.bincount(merged.emotion).tolist() == [1103, 1636, 1708, 1084]
    assert merged.x.shape == (5531, 1582)
    assert merged.feature_names == tables.known_names("is10")
    assert sorted(set(merged.session.tolist())) == ["1", "2", "3", "4", "5"]
    assert len(set(merged.speaker.tolist())) == 10
    assert np.bincount(corpora.load("iemocap", **options).emotion).tolist() == [1103, 595, 1708, 1084]


def test_real_librispeech(tmp_path):
    real("librispeech_test_clean")
    corpus = corpora.load("librispeech_test_clean", labels=None, manual_dir=REAL, data_dir=tmp_path)
    assert corpus.x.shape == (2620, 1582)
    assert len(set(corpus.speaker.tolist())) == 40
    marks = list(tmp_path.glob(f"feature_table/librispeech_test_clean-is10/*/{prepared.SOURCES}"))
    assert [list(json.loads(mark.read_text())) for mark in marks] == [["sha256"]]
