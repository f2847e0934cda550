import json

import pytest

from tfsergan import prepared
from tfsergan.errors import UsageError
from tfsergan.features import extraction


@pytest.fixture
def built(tmp_path):
    """A folder that says what it was built from: `built(**origin)`."""

    def make(**origin):
        (tmp_path / prepared.SOURCES).write_text(json.dumps(origin), encoding="utf-8")
        return tmp_path

    return make


def test_sources_decide_whether_a_set_is_current(built, tmp_path):
    assert not prepared.is_current(tmp_path, "a")
    assert prepared.is_current(built(sha256="a"), "a")
    assert not prepared.is_current(built(sha256="b"), "a")


def test_so_does_the_extractor_where_it_is_installed(built, monkeypatch):
    folder = built(sha256="a", features="is10", extractor="opensmile 2.6.0")
    installed = {"is10": "opensmile 2.6.0"}
    monkeypatch.setattr(extraction, "version", installed.get)
    assert prepared.is_current(folder, "a")
    installed["is10"] = "opensmile 2.7.0"
    assert not prepared.is_current(folder, "a")
    del installed["is10"]
    assert prepared.is_current(folder, "a")


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"a"', "{}", '{"sha256": "a", "extractor": "x"}'])
def test_a_damaged_record_is_not_current(tmp_path, content):
    (tmp_path / prepared.SOURCES).write_text(content, encoding="utf-8")
    assert not prepared.is_current(tmp_path, "a")


def test_a_current_set_is_not_built_again(built):
    assert prepared.build(pytest.fail, built(sha256="a"), "a") is False


def test_audio_is_refused_before_it_is_built(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    from tfsergan.datasets.emodb.emodb_dataset_builder import Builder

    def make():
        return Builder(config="audio", data_dir=tmp_path)

    with pytest.raises(UsageError, match=r"audio of emodb has samples.*such as is10"):
        prepared.read(make, tmp_path / "emodb" / "audio" / "1.1.0", "a", None)
    assert not any(tmp_path.iterdir())
