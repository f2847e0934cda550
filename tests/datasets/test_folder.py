import functools
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfsergan.datasets import metadata
from tfsergan.datasets.dummy_audio import buzz, write_wav
from tfsergan.datasets.folder import dummy_data, layout
from tfsergan.errors import CorpusNotFound, TfserganError

QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "corpora" / "lab"
    dummy_data.write(folder)
    return folder


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    (folder / "metadata.csv").write_bytes(text.encode(encoding))
    return folder


def ids(folder: Path) -> list[str]:
    return [utterance.id for utterance in layout.scan(folder).utterances]


# ---- the table ------------------------------------------------------------------------------------------


def test_the_dummy_corpus(folder):
    scan = layout.scan(folder)
    assert scan.problems == ()
    assert scan.corpus == "lab"
    found = {u.id: u for u in scan.utterances}
    assert list(found) == ["long_100_500", "long_500_950", "one", "one_more"]
    first = found["long_100_500"]
    assert (first.speaker, first.session, first.gender, first.emotion) == ("s3", "2", "", "happy")
    assert (first.valence, first.start, first.end) == (4.25, 0.1, 0.5)
    assert np.isnan(first.activation)
    assert found["one"].end == float("inf")


def test_parquet_says_the_same(folder):
    expected = layout.scan(folder).utterances
    rows = pd.read_csv(folder / "metadata.csv")
    rows.to_parquet(folder / "metadata.parquet", index=False)
    (folder / "metadata.csv").unlink()
    found = layout.scan(folder)
    assert not found.problems
    assert str(found.utterances) == str(expected)
    rows["start"], rows["end"] = (pd.to_timedelta(rows[name], unit="s") for name in ("start", "end"))
    rows.to_parquet(folder / "metadata.parquet", index=False)
    assert str(layout.scan(folder).utterances) == str(expected)


def test_two_tables_are_refused(folder):
    (folder / "metadata.parquet").touch()
    with pytest.raises(TfserganError, match=r"there are metadata\.csv and metadata\.parquet"):
        layout.scan(folder)


def test_columns_in_other_letters_and_other_columns(folder):
    table(folder, "File;Speaker;Mood;EMOTION\r\naudio\\one.wav;s1;x;sad\r\n")
    (utterance,) = layout.scan(folder).utterances
    assert (utterance.id, utterance.speaker, utterance.session, utterance.emotion) == (
        "one",
        "s1",
        "s1",
        "sad",
    )


def test_names_get_folders_where_stems_are_the_same(folder):
    for place in ("a/x", "b/x", "b/y"):
        write_wav(folder / f"{place}.wav")
    table(folder, "file,speaker\na/x.wav,s\nb/x.wav,s\nb/y.wav,s\n")
    assert ids(folder) == ["a/x", "b/x", "b/y"]


HEAD = "file,speaker,emotion,gender,valence,start,end\n"
ONE = "audio/one.wav,s1,sad,f,1,0,0.2\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speaker\ns1\n", "no column 'file'"),
        ("file\naudio/one.wav\n", "no column 'speaker'"),
        ("file,speaker\naudio/one.wav,\n", "no column 'speaker'"),
        ("file,speaker\n", "no column 'file'|no rows"),
        ("a,b\n1,2\n", "no rows and known columns"),
        ("file,File,speaker\na,b,c\n", "column 'file': the column is there twice"),
        (HEAD + ONE + ONE, r"row 2 \(utterance 'one_0_200'\).*the same utterance is in row 1"),
        (HEAD + ONE + "audio/one.wav\n", "row 2: 1 cells where the header has 7"),
        (HEAD + ONE[:-1], "no line end"),
        (HEAD + ONE.replace("sad", "") + ONE.replace("one", "long"), r"row 1.*'emotion': the cell is empty"),
        (HEAD + ",s1,sad,f,1,0,0.2\n", "row 1.*'file': the cell is empty"),
        (HEAD + ONE.replace(",f,", ",5,"), "column 'gender': '5' is no gender"),
        (HEAD + ONE.replace(",1,", ",high,"), "column 'valence': 'high' is no rating"),
        (HEAD + ONE.replace(",1,", ",1_0,"), "column 'valence': '1_0' is no rating"),
        (HEAD + ONE.replace(",1,", ",1e99,"), "column 'valence': '1e99' is no rating"),
        (HEAD + ONE.replace(",1,", ",nan,"), "column 'valence': 'nan' is no rating"),
        (HEAD + ONE.replace("0.2", "soon"), "column 'end': 'soon' is no time"),
        (HEAD + ONE.replace(",0,", ",-1,"), "column 'start': '-1' is no time"),
        (HEAD + ONE.replace("0.2", "0"), r"row 1 \(utterance 'one'\), column 'end': it lasts from 0 to 0"),
        (HEAD + ONE.replace("s1", "s" * 1001), "column 'speaker'.* longer than 1000"),
        (HEAD + ONE.replace("s1", "s\0"), "NUL"),
        (HEAD + '"audio/one.wav,s1\n', "broken"),
        ("", "the file is empty"),
    ],
)
def test_tables_with_a_fault_are_refused(folder, text, message):
    with pytest.raises(TfserganError, match=message) as caught:
        layout.scan(table(folder, text))
    assert "metadata.csv" in str(caught.value)
    assert "To mend it: " in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_other_encodings_are_refused(folder, encoding):
    with pytest.raises(TfserganError, match="is not UTF-8 text"):
        layout.scan(table(folder, HEAD + ONE.replace("s1", "Jürgen"), encoding))


def test_a_byte_order_mark_and_crlf_change_nothing(folder):
    found = str(layout.scan(table(folder, HEAD + ONE)).utterances)
    assert (
        str(layout.scan(table(folder, (HEAD + ONE).replace("\n", "\r\n"), "utf-8-sig")).utterances) == found
    )


CELL = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=6)


@QUICK
@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=4, unique_by=lambda row: row[0]), st.data())
def test_what_was_written_is_read(tmp_path, rows, data):
    written = pd.DataFrame(rows, columns=["utterance", "speaker", "emotion"])
    written["valence"] = data.draw(st.lists(st.floats(-5, 5), min_size=len(rows), max_size=len(rows)))
    path = tmp_path / f"metadata.{data.draw(st.sampled_from(['csv', 'parquet']))}"
    (written.to_csv if path.suffix == ".csv" else written.to_parquet)(path, index=False)
    columns = metadata.read(path)
    for name in ("utterance", "speaker", "emotion"):
        assert columns[name] == written[name].tolist()
    found = metadata.ratings(path, "valence", columns["valence"], columns["utterance"])
    np.testing.assert_array_equal(found, written["valence"].to_numpy(np.float32))


@QUICK
@given(
    st.lists(st.lists(st.text(max_size=5), min_size=1, max_size=4), max_size=4)
    | st.lists(st.tuples(*[st.sampled_from(["audio/one.wav", "..", "0", "1.5", "", "f", "é", "a\nb"])] * 7)),
    st.booleans(),
)
def test_any_table_is_read_or_refused(tmp_path, rows, with_head):
    if not (tmp_path / "audio").exists():
        dummy_data.write(tmp_path)
    text = HEAD * with_head + "".join(",".join(row) + "\n" for row in rows)
    try:
        scan = layout.scan(table(tmp_path, text))
    except TfserganError:
        return
    for utterance in scan.utterances:
        assert utterance.speaker
        assert 0 <= utterance.start < utterance.end
        assert utterance.audio.is_relative_to(tmp_path.resolve())


@QUICK
@given(st.binary(max_size=300), st.sampled_from(metadata.NAMES))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content, name):
    path = tmp_path_factory.mktemp("lab") / name
    path.write_bytes(content)
    with pytest.raises(TfserganError):
        layout.scan(path.parent)


@given(
    st.lists(
        st.from_regex(r"(\.?[a-c]{1,2}/){0,2}[a-c]{1,2}(\.wav|\.b)?", fullmatch=True), max_size=8, unique=True
    )
)
def test_files_that_differ_have_names_that_differ(files):
    stems = {file.removesuffix(".wav") for file in files}
    assert len({metadata.Names(files)(file) for file in files}) == len(stems)


@given(st.integers(0, 10**7), st.sampled_from(["s", "pandas", "short"]))
def test_times_are_read_in_every_form(ms, form):
    text = {
        "s": str(ms / 1000),
        "pandas": str(pd.Timedelta(milliseconds=ms)),
        "short": f"{ms // 3_600_000}:{ms // 60_000 % 60:02d}:{ms / 1000 % 60:06.3f}",
    }[form]
    assert metadata.seconds(text) == pytest.approx(ms / 1000, abs=1e-6)


@pytest.mark.parametrize(
    "text", ["", "NaT", "-1 days +23:59:59", "1:2:3", "0:61:00", "1s", "inf", "1e999", "\u0661"]
)
def test_what_is_no_time(text):
    assert metadata.seconds(text) is None


# ---- files ----------------------------------------------------------------------------------------------


def problem(folder: Path, file: str) -> tuple[str, str]:
    """Kind and message of the one problem that a row with this file makes."""
    scan = layout.scan(table(folder, f"utterance,file,speaker\nu,{file},s\n"))
    assert not scan.utterances
    found, *rest = scan.problems
    assert "metadata.csv, row 1 (utterance 'u')" in found.where
    assert [p.kind for p in rest] == ["extra"]
    return found.kind, found.what


@pytest.mark.parametrize(
    ("file", "kind", "message"),
    [
        ("../secret.wav", "mislabelled", "leads out of the corpus"),
        ("audio/../../secret.wav", "mislabelled", "leads out of the corpus"),
        ("..\\secret.wav", "mislabelled", "leads out of the corpus"),
        ("{out}/secret.wav", "mislabelled", "leads out of the corpus"),
        ("C:\\secret.wav", "mislabelled", "leads out of the corpus"),
        ("link.wav", "mislabelled", "a link out of the corpus"),
        ("links/secret.wav", "mislabelled", "a link out of the corpus"),
        ("loop.wav", "unreadable", "cannot be looked up"),
        ("circle/a.wav", "unreadable|missing", "cannot be looked up|is not there"),
        ("broken.wav", "unreadable", "cannot be looked up"),
        ("x" * 300 + ".wav", "unreadable|missing", "cannot be looked up|is not there"),
        ("audio/two.wav", "missing", "is not there: copy it"),
        ("Audio/ONE.wav", "mislabelled", "'audio/one.wav' is: correct it"),
        ("audio", "mislabelled", "is a folder"),
        (".", "mislabelled", "is a folder"),
    ],
)
def test_files_that_cannot_be_read_name_their_row(folder, file, kind, message):
    outside = folder.parent
    write_wav(outside / "secret.wav")
    (folder / "link.wav").symlink_to(outside / "secret.wav")
    (folder / "links").symlink_to(outside)
    (folder / "loop.wav").symlink_to(folder / "loop.wav")
    (folder / "circle").symlink_to(folder / "circle")
    (folder / "broken.wav").symlink_to(folder / "nothing.wav")
    found, what = problem(folder, file.format(out=outside))
    assert found in kind.split("|")
    assert any(part in what for part in message.split("|"))


def test_links_within_the_corpus_are_followed(folder):
    (folder / "audio" / "again.wav").symlink_to("one.wav")
    (folder / "same").symlink_to(folder / "audio")
    table(folder, "file,speaker\naudio/again.wav,s\nsame/long.wav,s\n")
    assert ids(folder) == ["again", "long"]


def test_audio_without_a_row_is_not_left_out_in_silence(folder):
    (found,) = layout.scan(table(folder, HEAD + ONE)).problems
    assert found.kind == "extra"
    assert "2 audio files have no row in metadata.csv (audio/long.wav, audio/one_more.wav)" in found.what


def test_time_grows_with_the_number_of_rows(tmp_path):
    (tmp_path / "wav").mkdir()
    for i in range(1000):
        (tmp_path / "wav" / f"{i}.wav").touch()
    rows = "".join(f"wav/{i % 1000}.wav,s{i % 7},sad,f,{i % 5},{i},{i}.5\n" for i in range(10_000))
    table(tmp_path, HEAD + rows)
    start = time.process_time()
    scan = layout.scan(tmp_path)
    assert len(scan.utterances) == 10_000
    assert not scan.problems
    assert time.process_time() - start < 2


# ---- the builder ----------------------------------------------------------------------------------------


@pytest.fixture
def build(build_audio):
    from tfsergan.datasets.folder.folder_dataset_builder import FolderConfig

    config = FolderConfig(name="lab-audio", corpus="lab", features="audio")
    return functools.partial(build_audio, "folder", config=config)


def test_audio_examples(folder, build):
    found = build(folder.parent)
    assert sorted(found) == ["long_100_500", "long_500_950", "one", "one_more"]
    example = found["long_500_950"]
    assert (example["speaker"], example["emotion"], example["part"]) == (b"s4", b"sad", b"improvised")
    assert np.isnan(example["valence"])
    np.testing.assert_array_equal(example["audio"], buzz(pitch=170, seconds=1)[8000:15_200])


def test_a_part_is_taken_on_purpose_only(folder, build):
    (folder / "audio" / "one.wav").unlink()
    with pytest.raises(TfserganError, match=r"not the whole corpus lab:[\s\S]*'audio/one.wav' is not there"):
        build(folder.parent, allow_partial=False)
    assert len(build(folder.parent)) == 3


def test_a_missing_corpus_is_explained(folder, build):
    (folder / "metadata.csv").unlink()
    with pytest.raises(TfserganError, match=r"lab/metadata\.csv: is not there: write it"):
        build(folder.parent)
    folder.rename(folder.parent / "other")
    with pytest.raises(CorpusNotFound, match=r"there is no folder .*lab"):
        build(folder.parent)
