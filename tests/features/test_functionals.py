import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfsergan.errors import TfserganError, UsageError
from tfsergan.features import functionals
from tfsergan.features.functionals import FEATURE_SETS, Recording, extract, feature_names, read_signal

# Not importorskip: openSMILE must not be loaded into the process of the tests, which may have TensorFlow.
needs_opensmile = pytest.mark.skipif(
    not importlib.util.find_spec("opensmile"), reason="openSMILE is an optional extra"
)
RATE = 16_000


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


OPENSMILE_ALONE = """
import sys
import opensmile, soundfile
smile = opensmile.Smile(opensmile.FeatureSet.IS10, opensmile.FeatureLevel.Functionals)
frame = smile.process_signal(*soundfile.read(sys.argv[1], dtype="float32"))
frame.astype("float64").to_csv(sys.argv[2], index=False, float_format="%.17g")
"""


@needs_opensmile
def test_values_and_names_are_opensmiles_own(tmp_path):
    path, table = write(tmp_path / "hum.wav", hum()), tmp_path / "expected.csv"
    subprocess.run([sys.executable, "-c", OPENSMILE_ALONE, path, table], check=True, capture_output=True)
    names, values = table.read_text().splitlines()
    assert tuple(names.split(",")) == feature_names("is10")
    expected = np.array([float(value) for value in values.split(",")], np.float32)
    np.testing.assert_array_equal(extract([path], "is10", jobs=1)[0], expected)


@needs_opensmile
def test_opensmile_stays_out_of_a_process_that_has_tensorflow():
    pytest.importorskip("tensorflow")
    assert extract([Recording("a", hum(), RATE)], "is10", jobs=1).shape == (1, 1582)
    assert "opensmile" not in sys.modules


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
def test_samples_must_be_finite():
    holes = hum()
    holes[100] = np.nan
    with pytest.raises(TfserganError, match="utterance 7: holds samples that are not finite"):
        extract([Recording("7", holes, RATE)], "is10", jobs=1, describe=lambda r: f"utterance {r.id}")


def test_functionals_must_be_finite():
    assert functionals._not_finite(np.zeros(3), ("a", "b", "c")) is None
    message = functionals._not_finite(np.array([0, np.nan, np.inf]), ("a", "b", "c"))
    assert message.startswith("gives 2 of 3 functionals that are not finite numbers (first: b)")


def test_a_process_that_dies_is_explained_and_replaced():
    with pytest.raises(TfserganError, match=r"process of 'fatal' died.*close other programs"):
        list(functionals.map_processes(os._exit, [3], jobs=1, task="fatal"))
    assert list(functionals.map_processes(abs, [-1, 2], jobs=1, task="next")) == [1, 2]


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
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(TfserganError, match=r'pip install "tfsergan\[demo\]"'):
        extract([Recording("a", hum(), RATE)], "is10")


@needs_opensmile
def test_columns_are_those_of_the_corpora_feature_tables():
    folder = os.environ.get("TFSERGAN_MANUAL_DIR")
    table = Path(folder or "", "iemocap", "is10.parquet")
    if not folder or not table.is_file():
        pytest.skip("TFSERGAN_MANUAL_DIR has no iemocap/is10.parquet")
    columns = pytest.importorskip("pyarrow.parquet").read_schema(table).names
    names = feature_names("is10")
    assert tuple(name for name in columns if name in set(names)) == names
