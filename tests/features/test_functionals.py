import builtins
import os
from pathlib import Path

import numpy as np
import pytest

from tfsergan.errors import TfserganError, UsageError
from tfsergan.features import functionals
from tfsergan.features.functionals import FEATURE_SETS, Recording, extract, feature_names, read_signal

needs_opensmile = pytest.mark.usefixtures("opensmile")
RATE = 16_000


@pytest.fixture
def opensmile():
    return pytest.importorskip("opensmile", reason="openSMILE is an optional extra")


def hum(seconds=0.5, pitch=150.0, rate=RATE):
    """A voiced sound, (t,) float32: 8 harmonics that fall by 6 dB."""
    time = np.arange(int(seconds * rate)) / rate
    return sum(0.3 / k * np.sin(2 * np.pi * k * pitch * time) for k in range(1, 9)).astype(np.float32) / 2


def write(path: Path, samples, rate=RATE) -> Path:
    pytest.importorskip("soundfile").write(path, samples, rate, subtype="PCM_16")
    return path


@needs_opensmile
@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_every_set_has_its_published_size_and_distinct_names(feature_set):
    names = feature_names(feature_set)
    assert len(names) == len(set(names)) == FEATURE_SETS[feature_set]
    features = extract([Recording("a", hum(), RATE)], feature_set, jobs=1)
    assert features.shape == (1, FEATURE_SETS[feature_set])
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


@needs_opensmile
def test_values_are_opensmiles_own(opensmile):
    smile = opensmile.Smile(opensmile.FeatureSet.IS10, opensmile.FeatureLevel.Functionals)
    expected = smile.process_signal(hum(), RATE)
    assert tuple(expected.columns) == feature_names("is10")
    np.testing.assert_array_equal(
        extract([Recording("a", hum(), RATE)], "is10", jobs=1), expected.to_numpy(np.float32)
    )


@needs_opensmile
def test_pitch_level_is_found():
    low, high = extract(
        [Recording(str(p), hum(1.0, p), RATE) for p in (120.0, 240.0)],
        "is10",
        jobs=1,
    )[:, feature_names("is10").index("F0final_sma_quartile2")]
    assert low == pytest.approx(120, rel=0.03)
    assert high == pytest.approx(240, rel=0.03)


@needs_opensmile
def test_files_recordings_and_processes_agree(tmp_path):
    sounds = [np.rint(hum(0.4, pitch) * 32767) / 32768 for pitch in (110.0, 150.0, 210.0)]
    files = [write(tmp_path / f"{i}.wav", sound) for i, sound in enumerate(sounds)]
    memory = [Recording(str(i), sound.astype(np.float32), RATE) for i, sound in enumerate(sounds)]
    alone = extract(memory, "is09", jobs=1)
    np.testing.assert_array_equal(extract(files, "is09", jobs=1), alone)
    np.testing.assert_array_equal(extract(files, "is09", jobs=2), alone)


@needs_opensmile
def test_stereo_files_are_averaged(tmp_path):
    path = write(tmp_path / "stereo.wav", np.stack([hum(), -hum()], axis=1))
    recording = read_signal(path)
    assert recording.samples.shape == (RATE // 2,)
    assert np.abs(recording.samples).max() < 1e-4
    assert (recording.id, recording.sample_rate) == ("stereo", RATE)


@needs_opensmile
def test_full_scale_does_not_wrap_around():
    square = np.where(hum() > 0, 1.0, -1.0).astype(np.float32)
    almost = np.where(hum() > 0, 32767 / 32768, -1.0).astype(np.float32)
    loud, expected = extract([Recording("a", square, RATE), Recording("b", almost, RATE)], "is09", jobs=1)
    np.testing.assert_array_equal(loud, expected)


@needs_opensmile
def test_every_bad_recording_is_named_with_its_matter(tmp_path):
    good = write(tmp_path / "good.wav", hum())
    empty = write(tmp_path / "empty.wav", np.zeros(0))
    short = write(tmp_path / "short.wav", hum(0.025))
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF is not enough")
    absent = tmp_path / "absent.wav"
    with pytest.raises(TfserganError) as caught:
        extract([good, empty, short, broken, absent], "is10", jobs=1)
    message = str(caught.value)
    assert "4 of 5 recordings" in message
    assert "good.wav" not in message
    for path, words in (
        (empty, "no samples"),
        (short, "25 ms"),
        (broken, "read as audio"),
        (absent, "remove it"),
    ):
        (line,) = [line for line in message.splitlines() if path.name in line]
        assert line.count(str(path)) == 1 or path in (broken, absent)
        assert words in line


@needs_opensmile
def test_samples_and_functionals_must_be_finite(monkeypatch):
    holes = hum()
    holes[100] = np.nan
    with pytest.raises(TfserganError, match="utterance 7: holds samples that are not finite"):
        extract([Recording("7", holes, RATE)], "is10", jobs=1, describe=lambda r: f"utterance {r.id}")
    vector = np.zeros(384, np.float32)
    vector[3] = np.nan
    monkeypatch.setattr(functionals, "_functionals", lambda *_: vector)
    with pytest.raises(TfserganError, match=rf"a: gives 1 of 384 .*{feature_names('is09')[3]}"):
        extract([Recording("a", hum(), RATE)], "is09", jobs=1)


@needs_opensmile
def test_long_lists_of_problems_are_cut():
    nothing = [Recording(f"u{i:02d}", np.zeros(0, np.float32), RATE) for i in range(25)]
    with pytest.raises(TfserganError) as caught:
        extract(nothing, "is09", jobs=1)
    assert "u09" in str(caught.value)
    assert "u10" not in str(caught.value)
    assert str(caught.value).endswith("and 15 more.")


@needs_opensmile
def test_progress_counts_every_signal():
    told = []
    signals = [Recording(str(i), hum(0.1), RATE) for i in range(3)]
    extract(signals, "is09", jobs=1, report=lambda *call: told.append(call), task="three")
    assert told == [("three", done, 3) for done in range(4)]


@needs_opensmile
def test_no_signals_give_no_rows():
    assert extract([], "is10").shape == (0, 1582)


def test_unknown_set_is_a_usage_error():
    with pytest.raises(UsageError, match=r"'is12'.*is09, is10, is11, is13"):
        feature_names("is12")


def test_without_opensmile_the_message_says_how_to_install_it(monkeypatch):
    real = builtins.__import__
    monkeypatch.setitem(__import__("sys").modules, "opensmile", None)
    monkeypatch.setattr(builtins, "__import__", real)
    functionals._smile.cache_clear()
    try:
        with pytest.raises(TfserganError, match=r'pip install "tfsergan\[demo\]"'):
            extract([Recording("a", hum(), RATE)], "is10")
    finally:
        functionals._smile.cache_clear()


@needs_opensmile
def test_columns_are_those_of_the_corpora_feature_tables():
    folder = os.environ.get("TFSERGAN_MANUAL_DIR")
    table = Path(folder or "", "iemocap", "is10.parquet")
    if not folder or not table.is_file():
        pytest.skip("TFSERGAN_MANUAL_DIR has no iemocap/is10.parquet")
    columns = pytest.importorskip("pyarrow.parquet").read_schema(table).names
    names = feature_names("is10")
    assert tuple(name for name in columns if name in set(names)) == names
