import importlib.util
import os
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsergan.errors import CorpusNotFound, TfserganError

tfds = pytest.importorskip("tensorflow_datasets")

from tfsergan.datasets.dummy_audio import write_wav  # noqa: E402
from tfsergan.datasets.emodb import dummy_data, layout  # noqa: E402
from tfsergan.datasets.emodb import emodb_dataset_builder as emodb  # noqa: E402  (needs TFDS)
from tfsergan.datasets.emodb.dummy_data import NAMES  # noqa: E402


@pytest.fixture
def manual_dir(tmp_path):
    dummy_data.write(tmp_path / "corpora" / "emodb")
    return tmp_path / "corpora"


def build(tmp_path, manual_dir, features="audio", allow_partial=True):
    builder = emodb.Builder(data_dir=tmp_path / "data", config=features)
    builder.jobs = 1
    builder.allow_partial = allow_partial
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    builder.download_and_prepare(download_config=config)
    return builder


def examples(builder):
    found = list(tfds.as_numpy(builder.as_dataset(split="labelled")))
    return {example["utterance"].decode(): example for example in found}


# Not importorskip: openSMILE must not be loaded into a process that has TensorFlow.
needs_extra = pytest.mark.skipif(
    not importlib.util.find_spec("opensmile"), reason="openSMILE and soundfile are an optional extra"
)


@given(
    st.sampled_from(sorted(layout.GENDERS)),
    st.sampled_from(sorted(layout.TEXTS)),
    st.sampled_from(sorted(layout.COUNTS)),
    st.sampled_from("abcdef"),
)
def test_names_are_parsed_into_their_parts(speaker, text, emotion, version):
    name = layout.parse_name(f"{speaker}{text}{emotion}{version}")
    assert name == (speaker, text, emotion, version)


@given(st.text("0123456789abcLEWNFTA", max_size=9))
def test_a_name_is_parsed_or_refused(stem):
    name = layout.parse_name(stem)
    assert name is None or "".join(name) == stem


def test_published_facts_are_consistent():
    assert sum(layout.COUNTS.values()) == 535
    assert sorted(layout.GENDERS.values()) == ["female"] * 5 + ["male"] * 5
    assert len(layout.TEXTS) == 10


@needs_extra
def test_audio_examples(tmp_path, manual_dir):
    found = examples(build(tmp_path, manual_dir))
    assert sorted(found) == sorted(NAMES)
    example = found["08b10Fb"]
    assert example["speaker"] == example["session"] == b"08"
    assert example["gender"] == b"female"
    assert example["emotion"] == b"F"
    assert example["text"].decode().startswith("Die wird auf dem Platz sein")
    with wave.open(str(manual_dir / "emodb" / "wav" / "08b10Fb.wav")) as file:
        stored = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    np.testing.assert_array_equal(example["audio"], stored)


@needs_extra
def test_functionals_and_their_names(tmp_path, manual_dir):
    builder = build(tmp_path, manual_dir, "is09")
    found = examples(builder)
    assert found["03a01Wa"]["features"].shape == (384,)
    assert len({example["features"].tobytes() for example in found.values()}) == len(NAMES)
    assert len(builder.feature_names) == 384
    again = emodb.Builder(data_dir=tmp_path / "data", config="is09")
    assert again.feature_names == builder.feature_names


@needs_extra
def test_wavs_right_in_the_corpus_folder_and_a_macs_leftovers(tmp_path, manual_dir):
    folder = manual_dir / "emodb"
    for path in list((folder / "wav").iterdir()):
        path.rename(folder / path.name)
    (folder / "wav").rmdir()
    (folder / "._03a01Wa.wav").write_bytes(b"\0\5\26\7")
    assert sorted(examples(build(tmp_path, manual_dir))) == sorted(NAMES)


def test_missing_recordings_are_counted_by_emotion(tmp_path, manual_dir):
    with pytest.raises(TfserganError) as caught:
        build(tmp_path, manual_dir, allow_partial=False)
    message = str(caught.value)
    assert "utterances: 5 of 535" in message
    assert "W: 1 of 127" in message
    assert "E: 0 of 46" in message
    assert "--allow-partial" in message


def test_a_foreign_name_is_refused(tmp_path, manual_dir):
    write_wav(manual_dir / "emodb" / "wav" / "99a01Wa.wav")
    with pytest.raises(TfserganError, match=r"99a01Wa\.wav: does not have the name"):
        build(tmp_path, manual_dir, allow_partial=False)


@needs_extra
@pytest.mark.parametrize("features", ["audio", "is09"])
@pytest.mark.parametrize("content", [b"RIFF", b""])
def test_a_damaged_file_is_named(tmp_path, manual_dir, features, content):
    (manual_dir / "emodb" / "wav" / "10a01Na.wav").write_bytes(content)
    with pytest.raises(TfserganError, match=r"10a01Na\.wav cannot be read as audio"):
        build(tmp_path, manual_dir, features)


@needs_extra
def test_another_sample_rate_is_resampled(tmp_path, manual_dir):
    write_wav(manual_dir / "emodb" / "wav" / "10a01Na.wav", seconds=0.5, rate=44_100)
    assert examples(build(tmp_path, manual_dir))["10a01Na"]["audio"].shape == (8000,)


@needs_extra
@pytest.mark.parametrize("features", ["audio", "is09", "logmel"])
def test_silence_is_refused_by_name(tmp_path, manual_dir, features):
    if features == "logmel":
        pytest.importorskip("kaldi_native_fbank")
    write_wav(manual_dir / "emodb" / "wav" / "10a01Na.wav", pitch=0)
    with pytest.raises(TfserganError, match=r"1 of 6 recordings.*\n.*10a01Na\.wav: is silent"):
        build(tmp_path, manual_dir, features)


def test_log_mel_frames(tmp_path, manual_dir):
    frames = pytest.importorskip("kaldi_native_fbank") and importlib.import_module("tfsergan.features.frames")
    builder = build(tmp_path, manual_dir, "logmel")
    assert builder.feature_names == frames.NAMES
    for name, example in examples(builder).items():
        assert example["features"].shape == (1 + (4800 - 640) // 160, 43)
        assert example["features"].dtype == np.float32
        f0 = np.median(example["features"][:, frames.NAMES.index("f0")])
        assert f0 == pytest.approx(110 + 20 * NAMES.index(name), rel=0.01)


@needs_extra
def test_a_corpus_that_has_grown_is_extracted_in_part(tmp_path, manual_dir):
    cache = tmp_path / "data" / "feature_cache" / "is09"
    first = examples(build(tmp_path, manual_dir, "is09"))
    kept = {path: path.stat().st_mtime_ns for path in cache.rglob("*.npy")}
    assert len(kept) == len(NAMES)
    shutil.rmtree(tmp_path / "data" / "emodb")
    write_wav(manual_dir / "emodb" / "wav" / "10a01Na.wav", pitch=300)
    again = examples(build(tmp_path, manual_dir, "is09"))
    now = {path: path.stat().st_mtime_ns for path in cache.rglob("*.npy")}
    assert len(again) == len(now) == len(NAMES) + 1
    assert kept.items() <= now.items()
    for name in NAMES:
        np.testing.assert_array_equal(again[name]["features"], first[name]["features"])


def test_a_missing_corpus_is_explained(tmp_path):
    manual_dir = tmp_path / "corpora"
    with pytest.raises(CorpusNotFound, match="is not there or is empty"):
        build(tmp_path, manual_dir)
    (manual_dir / "iemocap").mkdir(parents=True)
    with pytest.raises(CorpusNotFound, match="there is no folder"):
        build(tmp_path, manual_dir)
    (manual_dir / "emodb").mkdir()
    with pytest.raises(CorpusNotFound, match="holds none of"):
        build(tmp_path, manual_dir)


@pytest.mark.slow
@needs_extra
def test_the_published_corpus(tmp_path):
    manual_dir = os.environ.get("TFSERGAN_MANUAL_DIR")
    if not manual_dir or not Path(manual_dir, "emodb").is_dir():
        pytest.skip("TFSERGAN_MANUAL_DIR has no emodb")
    builder = emodb.Builder(data_dir=tmp_path, config="is09")
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    builder.download_and_prepare(download_config=config)
    found = examples(builder)
    assert len(found) == 535
    assert sum(example["emotion"] == b"W" for example in found.values()) == 127
    assert np.isfinite([example["features"] for example in found.values()]).all()
