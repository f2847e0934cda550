"""The reader of feature tables: what it reads, and how it refuses what it cannot."""

import csv
import io
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfsergan.datasets.feature_table import tables
from tfsergan.errors import TfserganError

QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def small_table(n: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    columns = {
        "utterance": [f"u{i}" for i in range(n)],
        "speaker": [f"s{i % 2}" for i in range(n)],
        "session": [i % 2 + 1 for i in range(n)],
        "emotion": [("ang", "neu")[i % 2] for i in range(n)],
    }
    return pd.DataFrame(columns | {f"mfcc_{c}": rng.normal(size=n).astype(np.float32) for c in "abc"})


def write(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    elif path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        path.write_text(arff_text(list(table.columns), table.astype(str).values.tolist()), encoding="utf-8")
    return path


def arff_text(columns: list[str], rows: list[list[str]]) -> str:
    kinds = {name: "numeric" if name.startswith("mfcc") else "string" for name in columns}
    lines = ["% openSMILE", "@relation 'a b'", ""]
    lines += [f"@attribute {name} {kinds[name]}" for name in columns] + ["", "@data", ""]
    return "\n".join(lines + [",".join(arff_cell(cell) for cell in row) for row in rows]) + "\n"


def arff_cell(cell: str) -> str:
    if re.fullmatch(r"[\w.+-]+", cell, re.ASCII):
        return cell
    escapes = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return "'" + "".join(escapes.get(character, character) for character in cell) + "'"


@pytest.mark.parametrize("suffix", tables.SUFFIXES)
def test_reads_every_format(tmp_path, suffix):
    table = small_table()
    read = tables.read_table(write(table, tmp_path / f"toy{suffix}"))
    assert read.ids.tolist() == ["u0", "u1", "u2", "u3"]
    assert read.speaker.tolist() == ["s0", "s1", "s0", "s1"]
    assert read.session.tolist() == ["1", "2", "1", "2"]
    assert read.emotion.tolist() == ["ang", "neu", "ang", "neu"]
    assert read.gender.tolist() == [""] * 4
    assert read.feature_names == ("mfcc_a", "mfcc_b", "mfcc_c")
    assert read.x.dtype == np.float32
    np.testing.assert_array_equal(read.x, table.iloc[:, 4:].to_numpy())
    assert tables.feature_names(tmp_path / f"toy{suffix}") == read.feature_names


@pytest.mark.parametrize("suffix", tables.SUFFIXES)
def test_a_missing_session_is_the_speaker_and_emotion_may_be_absent(tmp_path, suffix):
    table = small_table().drop(columns=["session", "emotion"])
    read = tables.read_table(write(table, tmp_path / f"toy{suffix}"))
    assert read.session.tolist() == read.speaker.tolist()
    assert read.emotion.tolist() == [""] * 4


def test_numbers_as_names_keep_their_zeros_in_text(tmp_path):
    table = small_table()
    table["speaker"] = ["01", "02", "01", "02"]
    assert tables.read_table(write(table, tmp_path / "toy.csv")).speaker.tolist() == ["01", "02", "01", "02"]


def test_parquet_categories_and_whole_floats_read_as_text(tmp_path):
    table = small_table()
    table["emotion"] = table["emotion"].astype("category")
    table["session"] = table["session"].astype(float)
    read = tables.read_table(write(table, tmp_path / "toy.parquet"))
    assert read.session.tolist() == ["1", "2", "1", "2"]
    assert read.emotion.tolist() == ["ang", "neu", "ang", "neu"]


def test_crlf_bom_semicolons_and_blank_lines(tmp_path):
    text = small_table().to_csv(index=False, sep=";").replace("\n", "\r\n")
    path = tmp_path / "toy.csv"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n")
    assert tables.read_table(path).ids.tolist() == ["u0", "u1", "u2", "u3"]


def test_smilextract_csv_names_utterances_by_file(tmp_path):
    path = tmp_path / "toy.csv"
    path.write_text("name;frameTime;speaker;f0_mean\n'wav/a.wav';0.0;s;1.5\n'wav/b.wav';0.0;s;2.5\n")
    read = tables.read_table(path)
    assert read.ids.tolist() == ["a", "b"]
    assert read.feature_names == ("f0_mean",)


def test_opensmile_python_index_columns_are_metadata(tmp_path):
    table = small_table().drop(columns="utterance").assign(start="0 days", end="0 days 00:00:01")
    table.insert(0, "file", [f"/data/wav/{i}.flac" for i in range(4)])
    read = tables.read_table(write(table, tmp_path / "toy.csv"))
    assert read.ids.tolist() == ["0", "1", "2", "3"]
    assert read.feature_names == ("mfcc_a", "mfcc_b", "mfcc_c")


def test_arff_quotes_types_and_comments(tmp_path):
    path = tmp_path / "toy.arff"
    path.write_text(
        "@RELATION x\n@ATTRIBUTE 'utterance' STRING\n@attribute speaker {a, b}\n@attribute \"f 1\" real\n"
        "@attribute emotion {ang,neu}\n@DATA\n% a comment\n'it\\'s, 1' , a, 1e-3, ang\n\"u 2\",b,2,neu\n"
    )
    read = tables.read_table(path)
    assert read.ids.tolist() == ["it's, 1", "u 2"]
    assert read.feature_names == ("f 1",)
    np.testing.assert_array_equal(read.x, np.float32([[1e-3], [2]]))


def is10_table(names: list[str]) -> pd.DataFrame:
    x = pd.DataFrame(np.arange(2 * len(names), dtype=np.float32).reshape(2, -1), columns=names)
    return pd.concat([small_table(2).iloc[:, :4], x], axis=1)


def test_a_permuted_known_set_is_put_in_order(tmp_path):
    known = tables.known_names("is10")
    assert len(known) == len(set(known)) == 1582
    assert (known[0], known[-1]) == ("pcm_loudness_sma_maxPos", "F0final__Turn_duration")
    read = tables.read_table(write(is10_table(list(known[::-1])), tmp_path / "is10.parquet"))
    assert read.feature_names == known
    np.testing.assert_array_equal(read.x[0], np.arange(1581, -1, -1))


@pytest.mark.parametrize(
    ("rename", "message"),
    [
        (lambda known: known[:-3], r"3 of the 1582 is10 columns missing \(shimmer\w+, F0final"),
        (lambda known: [*known, "age"], r"1 columns that are neither is10 features nor metadata \(age\)"),
        (lambda known: [f"f{i}" for i in range(1582)], "numbered .* cannot be checked"),
        (lambda known: [str(i) for i in range(1582)], "numbered"),
    ],
)
def test_a_known_set_with_other_columns_is_refused(tmp_path, rename, message):
    path = write(is10_table(rename(list(tables.known_names("is10")))), tmp_path / "is10.parquet")
    with pytest.raises(TfserganError, match=message):
        tables.read_table(path)


def test_a_set_without_names_on_record_is_counted(tmp_path):
    path = write(is10_table([f"mfcc_{c}" for c in "abc"]), tmp_path / "is09.csv")
    with pytest.raises(TfserganError, match="is09 has 384 features, the table 3"):
        tables.read_table(path)


def changed(column: str, row: int, value: object) -> pd.DataFrame:
    table = small_table().astype(object)
    table.loc[row, column] = value
    return table


TEXT_FAULTS = [
    (changed("mfcc_b", 2, "loud"), r"row 3 \(utterance 'u2'\), column 'mfcc_b': 'loud' is not a number"),
    (changed("mfcc_b", 2, "1_0"), r"row 3 \(utterance 'u2'\), column 'mfcc_b': '1_0' is not a number"),
    (changed("mfcc_b", 1, ""), r"row 2 \(utterance 'u1'\), column 'mfcc_b': the value is missing"),
    (changed("mfcc_c", 3, "nan"), r"row 4 \(utterance 'u3'\), column 'mfcc_c': the value is missing or NaN"),
    (changed("mfcc_c", 3, "-inf"), r"row 4 \(utterance 'u3'\), column 'mfcc_c': the value is infinite"),
    (changed("mfcc_c", 3, "1e300"), r"column 'mfcc_c': the value is infinite in float32"),
    (changed("utterance", 3, "u1"), r"row 4 \(utterance 'u1'\).*the same utterance is in row 2.*remove one"),
    (changed("utterance", 3, ""), r"row 4, column 'utterance': the cell is empty.*1 of 4.*fill in"),
    (changed("utterance", 3, "x" * 2000), "row 4, column 'utterance'.* longer than"),
    (changed("speaker", 0, ""), r"row 1 \(utterance 'u0'\), column 'speaker': the cell is empty"),
    (changed("emotion", 1, ""), r"row 2 \(utterance 'u1'\), column 'emotion': the cell is empty"),
    (small_table().drop(columns="utterance"), "no column 'utterance'.*add a column"),
    (small_table().drop(columns="speaker"), "no column 'speaker'.*add a column"),
    (small_table().iloc[:, :4], "no feature column"),
    (small_table(0), "no rows"),
]


@pytest.mark.parametrize(("table", "message"), TEXT_FAULTS, ids=range(len(TEXT_FAULTS)))
@pytest.mark.parametrize("suffix", [".csv", ".arff"])
def test_faults_in_text_name_the_place(tmp_path, table, message, suffix):
    path = write(table, tmp_path / f"toy{suffix}")
    if suffix == ".arff":  # an empty cell is written as a missing value there
        path.write_text(path.read_text().replace("''", "?"))
    with pytest.raises(TfserganError, match=message) as caught:
        tables.read_table(path)
    assert str(path) in str(caught.value)
    assert "To mend it: " in str(caught.value)


PARQUET_FAULTS = [
    (changed("mfcc_b", 2, None).astype({"mfcc_b": float}), r"row 3 \(utterance 'u2'\), column 'mfcc_b'.*NaN"),
    (
        changed("mfcc_b", 0, np.inf).astype({"mfcc_b": float}),
        r"row 1 \(utterance 'u0'\), column 'mfcc_b'.*inf",
    ),
    (small_table().astype({"mfcc_a": str}), "column 'mfcc_a': a feature must be a number, and .*string"),
    (small_table().assign(mfcc_a=True), "column 'mfcc_a': a feature must be a number, and .*bool"),
    (changed("utterance", 1, "u0"), r"row 2 \(utterance 'u0'\).*the same utterance is in row 1"),
    (changed("emotion", 1, None), r"row 2 \(utterance 'u1'\), column 'emotion': the cell is empty"),
    (small_table().assign(speaker=[["a"]] * 4), "column 'speaker': text is expected"),
    (small_table(0), "no rows"),
]


@pytest.mark.parametrize(("table", "message"), PARQUET_FAULTS, ids=range(len(PARQUET_FAULTS)))
def test_faults_in_parquet_name_the_place(tmp_path, table, message):
    typed = {c: table[c].astype(float) for c in table if c.startswith("mfcc") and table[c].dtype == object}
    path = write(table.assign(**typed), tmp_path / "toy.parquet")
    with pytest.raises(TfserganError, match=message):
        tables.read_table(path)


@pytest.mark.parametrize("kept", [0, 1, 4, 100, 0.5, 0.99])
def test_a_cut_parquet_file_is_refused(tmp_path, kept):
    path = write(small_table(), tmp_path / "toy.parquet")
    whole = path.read_bytes()
    path.write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    with pytest.raises(TfserganError, match=r"not a readable Parquet file.*copy or write the file again"):
        tables.read_table(path)


CSV_FAULTS = [
    (b"utterance,speaker,f\na,s,1,2\n", r"row 1 \(utterance 'a'\): 4 cells where the header has 3"),
    (b"utterance,speaker,f\na,s,1\nb,s\n", r"row 2 \(utterance 'b'\): 2 cells where the header has 3"),
    (b"utterance,speaker,f\na,s,1", "the last line has no line end"),
    (b"utterance,speaker,f,f\na,s,1,1\n", "column 'f': the column is there twice"),
    (b",utterance,speaker,f\n0,a,s,1\n", "column 1 has no name.*index=False"),
    (b"utterance,speaker,f\na,s,\x001\n", "line 2 holds a NUL"),
    (b"utterance,speaker,f\na,\xe9,1\n", "line 2 is not UTF-8"),
    ("utterance,speaker,f\na,s,1\n".encode("utf-16"), "line 1 is not UTF-8"),
    (b'utterance,speaker,f\na,"s,1\n', r"row 1 is broken \(unexpected end of data\)"),
    (b"", "the file is empty"),
    (b"\n", "no column 'utterance'"),
]


@pytest.mark.parametrize(("data", "message"), CSV_FAULTS, ids=range(len(CSV_FAULTS)))
def test_broken_csv(tmp_path, data, message):
    path = tmp_path / "toy.csv"
    path.write_bytes(data)
    with pytest.raises(TfserganError, match=message):
        tables.read_table(path)


ARFF_HEAD = "@relation x\n@attribute utterance string\n@attribute speaker string\n@attribute f numeric\n"
ARFF_FAULTS = [
    (ARFF_HEAD, "no @data line"),
    (ARFF_HEAD + "@data\n{0 a, 1 s, 2 1}\n", "row 1: the row is sparse"),
    (ARFF_HEAD + "@data\na,'s,1\n", "row 1: cell 2 has an open or misplaced quote"),
    (ARFF_HEAD + "@data\na,s,1,2\n", r"row 1 \(utterance 'a'\): 4 cells"),
    (ARFF_HEAD + "@attribute g relational\n@data\n", "cannot read '@attribute g relational'"),
    ("utterance,speaker,f\na,s,1\n", "cannot read .* before @data"),
]


@pytest.mark.parametrize(("text", "message"), ARFF_FAULTS, ids=range(len(ARFF_FAULTS)))
def test_broken_arff(tmp_path, text, message):
    path = tmp_path / "toy.arff"
    path.write_text(text)
    with pytest.raises(TfserganError, match=message):
        tables.read_table(path)


def test_a_file_that_is_gone_or_a_folder_is_refused(tmp_path):
    (tmp_path / "toy.csv").mkdir()
    for name in ("toy.csv", "gone.csv", "gone.parquet", "gone.arff", "toy.txt"):
        with pytest.raises(TfserganError):
            tables.read_table(tmp_path / name)


def test_find_table_refuses_two_formats(tmp_path):
    assert tables.find_table(tmp_path, "toy") is None
    path = write(small_table(), tmp_path / "toy.csv")
    assert tables.find_table(tmp_path, "toy") == path
    write(small_table(), tmp_path / "toy.parquet")
    with pytest.raises(TfserganError, match=r"toy.parquet and toy.csv.*Keep one"):
        tables.find_table(tmp_path, "toy")


# ---- tables of other tools ------------------------------------------------------------------------------

SPEAKERS = "file,speaker,emotion\na.wav,s1,sad\nb.wav,s2,happy\n"


def metadata(folder: Path, text: str = SPEAKERS) -> None:
    (folder / "metadata.csv").write_text(text)


def segments() -> pd.DataFrame:
    """A table as opensmile and audformat index it: two segments of one file, and a whole one."""
    audformat = pytest.importorskip("audformat")
    index = audformat.segmented_index(
        ["w/a.wav", "w/a.wav", "w/b.wav"], ["0s", "0.5s", "0s"], ["0.5s", "1.25s", pd.NaT]
    )
    return pd.DataFrame({"mfcc_a": np.float32([1, 2, 3])}, index=index)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_segments_of_audformat_are_named_by_their_times(tmp_path, suffix):
    table, path = segments(), tmp_path / f"toy{suffix}"
    (table.to_csv if suffix == ".csv" else table.to_parquet)(path)
    metadata(tmp_path)
    read = tables.read_table(path)
    assert read.ids.tolist() == ["a_0_500", "a_500_1250", "b"]
    assert read.speaker.tolist() == ["s1", "s1", "s2"]
    assert read.session.tolist() == ["s1", "s1", "s2"]
    assert read.emotion.tolist() == ["sad", "sad", "happy"]
    assert read.feature_names == ("mfcc_a",)
    np.testing.assert_array_equal(read.x, [[1], [2], [3]])


def test_a_table_of_audformat_as_its_database_keeps_it(tmp_path):
    audformat = pytest.importorskip("audformat")
    pytest.importorskip("audformat.testing")
    database = audformat.testing.create_db(minimal=True)
    database["toy"] = audformat.Table(segments().index)
    database["toy"]["mfcc_a"] = audformat.Column()
    database["toy"]["mfcc_a"].set([1.0, 2.0, 3.0])
    database["toy"].save(str(tmp_path / "toy"), storage_format="csv")
    metadata(tmp_path)
    assert tables.read_table(tmp_path / "toy.csv").ids.tolist() == ["a_0_500", "a_500_1250", "b"]


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path):
    table = small_table(3).drop(columns="utterance")
    table.insert(0, "file", ["/data/x/1.wav", "/data/y/1.wav", "/data/y/2.WAV"])
    assert tables.read_table(write(table, tmp_path / "toy.csv")).ids.tolist() == ["x/1", "y/1", "y/2"]


def smilextract(rows: list[str], header: str = "name;frameTime;f0_mean") -> str:
    return "\n".join([header, *rows, ""])


def test_smilextract_and_a_list_of_labels(tmp_path):
    path = tmp_path / "toy.csv"
    path.write_text(smilextract(["'wav/b.wav';0.000000;1.5", "'wav/a.wav';0.000000;2.5"]))
    metadata(tmp_path)
    read = tables.read_table(path)
    assert read.ids.tolist() == ["b", "a"]
    assert read.emotion.tolist() == ["happy", "sad"]
    assert tables.sources(path) == (path, tmp_path / "metadata.csv")
    assert tables.sources(write(small_table(), tmp_path / "own.csv")) == (tmp_path / "own.csv",)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["'a.wav';0;1", "'a.wav';0.01;2"], r"row 2 .*row 1 is of the same file at another time.*of frames"),
        (["'a.wav';0;1", "'a.wav';0;2"], r"row 2 \(utterance 'a'\).*the same utterance is in row 1"),
        (["'unknown';0;1", "'unknown';0;2"], "every row is named \"'unknown'\".*-instname"),
    ],
)
def test_what_smilextract_should_not_have_written(tmp_path, rows, message):
    path = tmp_path / "toy.csv"
    path.write_text(smilextract(rows))
    metadata(tmp_path)
    with pytest.raises(TfserganError, match=message):
        tables.read_table(path)


@pytest.mark.parametrize(
    ("kind", "classes", "emotion"),
    [
        ("numeric", ("?", "?"), ["", ""]),  # -class was not given
        ("numeric", ("0.0", "0.0"), ["", ""]),  # emobase2010.conf's default
        ("{0,1,2,3}", ("?", "?"), ["", ""]),
        ("{sad,happy}", ("sad", "happy"), ["sad", "happy"]),
        ("{0,1}", ("0", "1"), ["0", "1"]),
    ],
)
def test_the_class_of_an_arff_file_is_the_emotion(tmp_path, kind, classes, emotion):
    path = tmp_path / "toy.arff"
    rows = [f"'wav/{name}.wav',{i},{c}" for i, (name, c) in enumerate(zip("ab", classes, strict=True))]
    head = ["@relation x", "", "@attribute name string", "@attribute f0[1]_mean numeric"]
    path.write_text("\n".join([*head, f"@attribute class {kind}", "", "@data", "", *rows, ""]))
    metadata(tmp_path, "utterance,speaker\na,s\nb,s\n")
    read = tables.read_table(path)
    assert read.emotion.tolist() == emotion
    assert read.feature_names == ("f0[1]_mean",)


def test_emobase2010_is_a_set_by_its_name(tmp_path):
    names = list(tables.known_names("is10"))
    assert tables.read_table(write(is10_table(names), tmp_path / "emobase2010.csv")).x.shape == (2, 1582)
    for wrong, message in [(names[1:], "emobase2010 has 1582 features, the table 1581"), (None, "numbered")]:
        path = write(is10_table(wrong or [f"f{i}" for i in range(1582)]), tmp_path / "emobase2010.csv")
        with pytest.raises(TfserganError, match=message):
            tables.read_table(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "utterance,speaker\na,s\n",
            r"toy.csv, row 2 \(utterance 'b'\): there is no row about it in metadata",
        ),
        ("file,speaker\na.wav,s\n", r"toy.csv, row 2 \(utterance 'b'\): .*looked for 'b'"),
        (
            SPEAKERS + "c.wav,s3,sad\n",
            r"metadata.csv, row 3 \(utterance 'c'\): it has no features, like 1 of 3",
        ),
        (SPEAKERS + "c/a.wav,s3,sad\n", r"metadata.csv, row 3 \(utterance 'c/a'\): it has no features"),
        (SPEAKERS + "a.wav,s3,sad\n", "there is no row about it|same utterance"),
        (SPEAKERS.replace("speaker", "who"), "metadata.csv: there is no column 'speaker'"),
        (SPEAKERS.replace("file", "where"), "metadata.csv: there is no column 'utterance' or 'file'"),
        (SPEAKERS.replace("sad", ""), "metadata.csv, row 1 .*column 'emotion': the cell is empty"),
        (SPEAKERS.replace("\nb", "\n../b"), ""),  # only compared: nothing is opened
    ],
)
def test_metadata_that_does_not_fit_is_refused(tmp_path, text, message):
    path = tmp_path / "toy.csv"
    path.write_text(smilextract(["'a.wav';0;1.5", "'b.wav';0;2.5"]))
    metadata(tmp_path, text)
    if message:
        with pytest.raises(TfserganError, match=message):
            tables.read_table(path)
    else:
        assert tables.read_table(path).speaker.tolist() == ["s1", "s2"]


def test_two_files_are_not_taken_for_one_that_the_metadata_knows(tmp_path):
    path = tmp_path / "toy.csv"
    path.write_text(smilextract(["'x/a.wav';0;1", "'y/a.wav';0;2", "'y/b.wav';0;3"]))
    metadata(tmp_path)
    with pytest.raises(TfserganError, match=r"'?x/a.wav'? and '?y/a.wav'?, and this table does not tell"):
        tables.read_table(path)
    metadata(tmp_path, "file,speaker\nx/a.wav,1\ny/a.wav,2\nb.wav,3\n")
    with pytest.raises(TfserganError, match=r"utterance 'y/b'.*looked for 'y/b'"):
        tables.read_table(path)
    metadata(tmp_path, "file,speaker\nx/a.wav,1\ny/a.wav,2\ny/b.wav,3\n")
    assert tables.read_table(path).speaker.tolist() == ["1", "2", "3"]


def test_two_tables_must_not_contradict_each_other(tmp_path):
    path = tmp_path / "toy.csv"
    path.write_text("file,emotion,f0\na.wav,sad,1\nb.wav,angry,2\n")
    metadata(tmp_path)
    with pytest.raises(
        TfserganError, match=r"row 2 \(utterance 'b'\).*it is 'angry' here and 'happy' in metadata"
    ):
        tables.read_table(path)
    path.write_text("file,emotion,gender,f0\na.wav,sad,female,1\nb.wav,angry,,2\n")
    metadata(tmp_path, "file,speaker,emotion,gender\na.wav,s1,sad,\nb.wav,s2,angry,m\n")
    assert tables.read_table(path).gender.tolist() == ["female", "male"]
    assert tables.read_table(path).emotion.tolist() == ["sad", "angry"]


def test_metadata_is_no_feature_table_and_is_not_asked_where_speakers_are_known(tmp_path):
    metadata(tmp_path, "utterance,speaker,age\nnobody,s,30\n")
    with pytest.raises(TfserganError, match="tells of utterances, not of features"):
        tables.feature_names(tmp_path / "metadata.csv")
    assert len(tables.read_table(write(small_table(), tmp_path / "toy.csv")).ids) == 4


@pytest.mark.parametrize("suffix", [".csv", ".arff"])
def test_time_grows_with_the_number_of_rows(tmp_path, suffix):
    columns = ["utterance", "speaker", "mfcc_a"]
    rows = [[f"u{i}", f"s{i % 9}", str(i / 7)] for i in range(30_000)]
    path = tmp_path / f"toy{suffix}"
    path.write_text(WRITERS[suffix](columns, rows))
    start = time.process_time()
    assert len(tables.read_table(path).ids) == 30_000
    assert time.process_time() - start < 3


# ---- properties -----------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).map(str.strip)
NAMES = TEXT.filter(lambda text: text not in ("", "?"))
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def random_tables(draw) -> tuple[list[str], list[list[str]], np.ndarray]:
    """Columns, rows of text, and the features (n, d) that they hold."""
    n, d = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    x = np.array(draw(st.lists(FLOATS, min_size=n * d, max_size=n * d)), np.float32).reshape(n, d)
    ids = draw(st.lists(NAMES, min_size=n, max_size=n, unique=True))
    speakers = draw(st.lists(NAMES, min_size=n, max_size=n))
    rows = [[i, s, *map(repr, map(float, row))] for i, s, row in zip(ids, speakers, x, strict=True)]
    return ["utterance", "speaker", *(f"mfcc_{i}" for i in range(d))], rows, x


def csv_text(columns: list[str], rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    return text.getvalue()


WRITERS = {".csv": csv_text, ".arff": arff_text}


@pytest.mark.parametrize("suffix", WRITERS)
@QUICK
@given(table=random_tables())
def test_what_is_written_is_read(tmp_path, suffix, table):
    columns, rows, x = table
    path = tmp_path / f"toy{suffix}"
    path.write_text(WRITERS[suffix](columns, rows), encoding="utf-8", newline="")
    read = tables.read_table(path)
    assert read.ids.tolist() == [row[0] for row in rows]
    assert read.speaker.tolist() == [row[1] for row in rows]
    np.testing.assert_array_equal(read.x, x)


@pytest.mark.parametrize("suffix", WRITERS)
@QUICK
@given(table=random_tables(), cut=st.floats(0, 1))
def test_a_cut_text_file_gives_whole_rows_or_an_error(tmp_path, suffix, table, cut):
    columns, rows, x = table
    path = tmp_path / f"toy{suffix}"
    data = WRITERS[suffix](columns, rows).encode()
    path.write_bytes(data[: int(cut * len(data))])
    try:
        read = tables.read_table(path)
    except TfserganError:
        return
    n = len(read.ids)
    assert read.ids.tolist() == [row[0] for row in rows[:n]]
    assert read.speaker.tolist() == [row[1] for row in rows[:n]]
    np.testing.assert_array_equal(read.x, x[:n])


@pytest.mark.parametrize("suffix", tables.SUFFIXES)
@QUICK
@given(junk=st.binary(max_size=200), cut=st.integers(0, 300))
def test_junk_is_an_error_and_nothing_else(tmp_path, suffix, junk, cut):
    whole = write(small_table(), tmp_path / f"whole{suffix}").read_bytes()
    path = tmp_path / f"toy{suffix}"
    for data in (junk, whole[:cut] + junk):
        path.write_bytes(data)
        try:
            read = tables.read_table(path)
        except TfserganError:
            continue
        assert np.isfinite(read.x).all()
        assert len(set(read.ids.tolist())) == len(read.x) > 0
