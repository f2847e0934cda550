import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsergan.datasets import sums
from tfsergan.datasets.layout import MISLABELLED, MISSING, UNREADABLE

CONTENT = b"sound"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "wav").mkdir()
    (tmp_path / "wav" / "a b.wav").write_bytes(CONTENT)
    return tmp_path


def listed(folder, text):
    (folder / sums.NAME).write_text(text, encoding="utf-8")
    return sums.read(folder)


def test_files_are_compared_with_their_digests(folder):
    files, problems = listed(folder, f"{DIGEST}  wav/a b.wav\r\n{DIGEST.upper()} *wav/gone.wav\n\n")
    assert problems == []
    assert files == [(folder / "wav" / "a b.wav", DIGEST), (folder / "wav" / "gone.wav", DIGEST)]
    assert sums.problem(*files[0]) is None
    assert sums.problem(*files[1]).kind == MISSING
    files[0][0].write_bytes(b"other")
    problem = sums.problem(*files[0])
    assert (problem.kind, problem.where) == (sums.CHANGED, str(files[0][0]))


def test_what_cannot_be_read_is_a_problem(folder):
    assert sums.problem(folder / "wav", DIGEST).kind == UNREADABLE


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("wav/a.wav", UNREADABLE),
        (f"{DIGEST[1:]}  wav/a.wav", UNREADABLE),
        (f"SHA256 (wav/a.wav) = {DIGEST}", UNREADABLE),
        (f"{DIGEST}  ../a.wav", MISLABELLED),
        (f"{DIGEST}  /etc/a.wav", MISLABELLED),
    ],
)
def test_lines_that_make_no_sense_are_named(folder, line, kind):
    files, (problem,) = listed(folder, f"{DIGEST}  wav/a b.wav\n{line}\n")
    assert len(files) == 1
    assert (problem.kind, problem.where) == (kind, f"{folder / sums.NAME}, line 2")


def test_no_list_is_no_problem(tmp_path):
    assert sums.read(tmp_path) == ([], [])


@given(st.binary(max_size=100))
def test_any_list_is_read_or_refused(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("sums")
    (folder / sums.NAME).write_bytes(content)
    files, problems = sums.read(folder)
    assert all(path.is_relative_to(folder) for path, _ in files)
    assert files or problems or not content.decode(errors="replace").strip()
