"""Files are written whole or not at all, and what a kill left is cleared away."""

import errno
import os

import pytest

from tfsergan.files import sweep, write_atomically
from tfsergan.results import Results

ROW = {"table": 2, "row": "", "column": "Real", "fold": "s1", "repeat": 0, "repeats": 1, "metrics": {}}


@pytest.fixture
def full_disk(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)


def test_a_full_disk_leaves_the_old_file_and_is_told_by_name(tmp_path, full_disk):
    path = tmp_path / "scalers.json"
    path.write_text("old")
    with pytest.raises(OSError, match=r"No space left on device: .*/scalers\.json"):
        write_atomically(path, b"new")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def test_the_file_that_was_meant_is_told_not_the_one_beside_it(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(IsADirectoryError, match=r"Is a directory: '[^']*/there'$"):
        write_atomically(tmp_path / "there", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_results_that_cannot_be_written_are_told_by_name(tmp_path, full_disk):
    with pytest.raises(OSError, match=r"No space left on device: .*/results\.jsonl"):
        Results(tmp_path / "results.jsonl").append([ROW])


def test_what_kills_left_is_swept_and_nothing_else(tmp_path, monkeypatch):
    kept = [".lock", "results.jsonl", ".notes.tmp", "figure.tmp"]
    (tmp_path / "tables").mkdir()
    for name in kept:
        (tmp_path / "tables" / name).touch()
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.unlink", lambda *_, **__: None)  # a kill has no time for it
        patch.setattr("pathlib.Path.replace", lambda *_: None)
        write_atomically(tmp_path / "tables" / "table2.json", b"{}")
    assert len(list(tmp_path.rglob("*.tmp"))) == 3
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == sorted(kept)
