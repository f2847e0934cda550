import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsergan.datasets.label_files import read_lines, recordings
from tfsergan.errors import TfserganError

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n\ufeff"), max_size=20)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("labels") / "labels.txt"


@given(
    st.lists(TEXT, min_size=1, max_size=5),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
@settings(max_examples=40)
def test_lines_are_the_same_in_every_encoding_and_with_every_line_end(path, lines, encoding, end):
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
    assert read_lines(path, whole=True) == lines


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(path, content):
    path.write_bytes(content)
    try:
        lines = read_lines(path)
    except TfserganError as error:
        assert "is not plain text" in str(error)
    else:
        assert not any(end in line for line in lines for end in "\0\r\n")


def test_bytes_that_are_not_utf8_are_shown(path):
    path.write_bytes(b"caf\xe9\tA\n")
    assert read_lines(path) == ["caf\\xe9\tA"]


def test_utf16_without_its_mark_is_refused(path):
    path.write_bytes("Ses01F".encode("utf-16-le"))
    with pytest.raises(TfserganError, match=r"labels\.txt: is not plain text"):
        read_lines(path)


@pytest.mark.parametrize("content", [b"", b"0.1 0.25\n0.2 0.", b"a\n\xff"])
def test_a_file_without_a_last_line_end_is_cut_off(path, content):
    path.write_bytes(content)
    with pytest.raises(TfserganError, match="was cut off"):
        read_lines(path, whole=True)


def test_characters_that_are_no_line_ends_split_nothing(path):
    path.write_text("a\x0bb\x1cc\x85d\u2028e\nf", encoding="utf-8")
    assert read_lines(path) == ["a\x0bb\x1cc\x85d\u2028e", "f"]


def test_files_that_cannot_be_read_are_refused(tmp_path):
    loop = tmp_path / "loop.txt"
    loop.symlink_to(loop)
    with pytest.raises(TfserganError, match=r"nowhere\.txt: is not there"):
        read_lines(tmp_path / "nowhere.txt")
    for name in (loop, tmp_path):
        with pytest.raises(TfserganError, match="cannot be read"):
            read_lines(name)


def test_recordings_are_wav_files_alone(tmp_path):
    for name in ("a.wav", "b.WAV", "._a.wav", "c.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    assert {key.name: path.name for key, path in recordings(tmp_path.iterdir()).items()} == {
        "a": "a.wav",
        "b": "b.WAV",
    }
