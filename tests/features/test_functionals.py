import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfsergan.errors import TfserganError, UsageError
from tfsergan.features import functionals
from tfsergan.features.audio import Recording
from tfsergan.features.extraction import extract
from tfsergan.features.functionals import FEATURE_SETS, feature_names


def matrix(signals, feature_set):
    """(n, d), by one process."""
    return np.stack(list(extract(signals, feature_set, jobs=1)))


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_every_set_has_its_published_size_and_distinct_names(opensmile, recording, feature_set):
    names = feature_names(feature_set)
    assert len(names) == len(set(names)) == FEATURE_SETS[feature_set]
    features = matrix([recording()], feature_set)
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


def test_values_and_names_are_opensmiles_own(opensmile, hum, write_audio, tmp_path):
    path, table = write_audio(tmp_path / "hum.wav", hum()), tmp_path / "expected.csv"
    subprocess.run([sys.executable, "-c", OPENSMILE_ALONE, path, table], check=True, capture_output=True)
    names, values = table.read_text().splitlines()
    assert tuple(names.split(",")) == feature_names("is10")
    expected = np.array([float(value) for value in values.split(",")], np.float32)
    np.testing.assert_array_equal(matrix([path], "is10")[0], expected)


def test_opensmile_stays_out_of_a_process_that_has_tensorflow(opensmile, recording):
    pytest.importorskip("tensorflow")
    assert matrix([recording()], "is10").shape == (1, 1582)
    assert "opensmile" not in sys.modules
    functionals._smile.cache_clear()
    with pytest.raises(RuntimeError, match="must not be loaded into a process that has TensorFlow"):
        functionals._smile("is10")


def test_pitch_level_is_found(opensmile, recording):
    low, high = matrix([recording(str(p), 1.0, p) for p in (120.0, 240.0)], "is10")[
        :, feature_names("is10").index("F0final_sma_quartile2")
    ]
    assert low == pytest.approx(120, rel=0.03)
    assert high == pytest.approx(240, rel=0.03)


def test_full_scale_does_not_wrap_around(opensmile, hum):
    square = np.where(hum() > 0, 1.0, -1.0).astype(np.float32)
    almost = np.where(hum() > 0, 32767 / 32768, -1.0).astype(np.float32)
    loud, expected = matrix([Recording("a", square, 16_000), Recording("b", almost, 16_000)], "is09")
    np.testing.assert_array_equal(loud, expected)


def test_functionals_must_be_finite():
    assert functionals._not_finite(np.zeros(3), ("a", "b", "c")) is None
    message = functionals._not_finite(np.array([0, np.nan, np.inf]), ("a", "b", "c"))
    assert message.startswith("gives 2 of 3 functionals that are not finite numbers (first: b)")


def test_unknown_set_is_a_usage_error():
    with pytest.raises(UsageError, match=r"'is12'.*is09, is10, is11, is13"):
        feature_names("is12")


def test_without_opensmile_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(TfserganError, match=r'pip install "tfsergan\[demo\]"'):
        feature_names("is10")


def test_version(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: {"opensmile": "9.9"}[name])
    assert functionals.version() == "opensmile 9.9"

    def absent(name):
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "version", absent)
    assert functionals.version() is None


def test_columns_are_those_of_the_corpora_feature_tables(opensmile):
    folder = os.environ.get("TFSERGAN_MANUAL_DIR")
    table = Path(folder or "", "iemocap", "is10.parquet")
    if not folder or not table.is_file():
        pytest.skip("TFSERGAN_MANUAL_DIR has no iemocap/is10.parquet")
    columns = pytest.importorskip("pyarrow.parquet").read_schema(table).names
    names = feature_names("is10")
    assert tuple(name for name in columns if name in set(names)) == names
