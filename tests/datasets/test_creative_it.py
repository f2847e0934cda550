import json
import math
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsergan.datasets.creative_it import layout
from tfsergan.datasets.label_files import read_lines
from tfsergan.datasets.layout import Scan, Utterance
from tfsergan.errors import TfserganError

RECORDING = Utterance("s1_p1_A", speaker="1A", session="1", gender="female")
SAMPLES = st.lists(
    st.tuples(st.integers(0, 500), st.decimals(-1, 1, places=4)),
    min_size=1,
    max_size=30,
    unique_by=lambda row: row[0],
).map(sorted)
ENDS = st.sampled_from(["\n", "\r\n"])
ENCODINGS = st.sampled_from(["utf-8-sig", "utf-16", "latin-1"])


def text_of(samples, separator=" "):
    return "".join(f"{time / 10}{separator}{value}\n" for time, value in samples)


@given(SAMPLES, st.sampled_from([" ", "\t", ",", ", "]), ENCODINGS, ENDS)
@settings(max_examples=50)
def test_an_annotation_is_read_however_it_is_written(tmp_path_factory, samples, separator, encoding, end):
    path = tmp_path_factory.getbasetemp() / "valence_a.txt"
    path.write_bytes(text_of(samples, separator).replace("\n", end).encode(encoding))
    trace, problems = layout.parse_trace(read_lines(path, whole=True), str(path))
    assert problems == []
    np.testing.assert_array_equal(trace.times, [time / 10 for time, _ in samples])
    np.testing.assert_array_equal(trace.values, [float(value) for _, value in samples])


@given(SAMPLES, st.integers(0, 600), st.integers(0, 600))
def test_the_mean_is_that_of_the_samples_from_start_to_before_end(samples, start, end):
    trace, _ = layout.parse_trace(text_of(samples).split("\n"), "valence_a.txt")
    values = [float(value) for time, value in samples if start <= time < end]
    expected = pytest.approx(sum(values) / len(values)) if values else None
    assert trace.mean(start / 10, end / 10) == expected


@given(SAMPLES, st.integers(0, 400))
def test_an_annotation_that_is_cut_off_is_refused_or_ends_at_a_line(tmp_path_factory, samples, length):
    path = tmp_path_factory.getbasetemp() / "activation_a.txt"
    path.write_text(text_of(samples)[:length])
    try:
        trace, _ = layout.parse_trace(read_lines(path, whole=True), str(path))
    except TfserganError as error:
        assert "was cut off" in str(error)
    else:
        np.testing.assert_array_equal(
            trace.values, [float(value) for _, value in samples][: len(trace.values)]
        )


@given(st.lists(st.one_of(st.text(max_size=20), st.text("0123456789.-+e, ", max_size=12)), max_size=6))
def test_any_annotation_is_read_or_refused(lines):
    trace, problems = layout.parse_trace(lines, "valence_a.txt")
    assert (trace is None) == (len(problems) == 1)
    if trace:
        assert len(trace.times) == sum(bool(line.strip()) for line in lines)
        assert (np.abs(trace.values) <= 1).all()
        assert (np.diff(trace.times) > 0).all()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["0.1 0.2", "0.2 1.01"], "line 2: the rating 1.01 is not in -1.0 to 1.0"),
        (["0.1 -7"], "line 1: the rating -7 is not in"),
        (["0.1 0.2", "", "0.1 0.3"], "line 3: the time 0.1 s is not after 0.1 s"),
        (["0.1 nan"], "line 1: is not `time value`"),
        (["0.1;0.2"], "line 1: is not `time value`"),
        (["-0.1 0.2"], "line 1: is not `time value`"),
        (["", ""], "holds no ratings"),
    ],
)
def test_an_annotation_with_a_fault_is_left_out(lines, message):
    trace, problems = layout.parse_trace(lines, "valence_a.txt")
    assert trace is None
    with pytest.raises(TfserganError, match=rf"valence_a\.txt.*{message}"):
        Scan("creative_it", Path(), (), tuple(problems)).require_whole()


@pytest.mark.parametrize(
    "n", [pytest.param(30_000, id="fast"), pytest.param(1_000_000, id="slow", marks=pytest.mark.slow)]
)
def test_time_is_linear_in_the_length_of_file_and_line(n):
    start = time.process_time()
    trace, _ = layout.parse_trace([f"{i / 60:.4f} 0.5" for i in range(n)], "valence_a.txt")
    utterances, _ = layout.parse_utterances(RECORDING, [f"{i} {i + 1} yes" for i in range(n)], "s1_p1_A.txt")
    for line in ("1" + " " * n + "x", "1," + "1" * n + "x", "1 1" + "e" * n):
        assert layout.parse_trace([line], "valence_a.txt")[0] is None
    assert time.process_time() - start < n * 1e-4
    assert len(trace.times) == len(utterances) == n


@given(
    st.lists(
        st.tuples(st.integers(0, 99), st.integers(0, 99), st.text("ab .'", max_size=9).map(str.strip)),
        max_size=5,
    )
)
def test_utterances_are_named_by_their_line(rows):
    lines = [f"{start}.5\t{end}.25\t{text}" for start, end, text in rows]
    utterances, problems = layout.parse_utterances(RECORDING, lines, "s1_p1_A.txt")
    expected = [
        (f"s1_p1_A_{i:03d}", start + 0.5, end + 0.25, text)
        for i, (start, end, text) in enumerate(rows, start=1)
        if start < end
    ]
    assert [(u.id, u.start, u.end, u.text) for u in utterances] == expected
    assert len(problems) == len(rows) - len(expected)


@given(st.lists(st.text(max_size=30), max_size=5))
def test_any_utterances_are_read_or_refused(lines):
    utterances, problems = layout.parse_utterances(RECORDING, lines, "s1_p1_A.txt")
    assert len(utterances) + len(problems) == sum(bool(line.strip()) for line in lines)
    assert all(0 <= u.start < u.end < math.inf for u in utterances)


@given(
    st.lists(
        st.one_of(st.text(max_size=30), st.just("a,1,1A,female,"), st.text("a1,./", max_size=12)), max_size=5
    )
)
def test_any_table_is_read_or_refused(lines):
    listed, problems = layout.parse_recordings([",".join(layout.HEADER), *lines], "recordings.csv")
    assert len(listed) + len(problems) == sum(bool(line.strip()) for line in lines)
    assert not any("/" in u.id or "." in u.id for u in listed)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("../../a,1,1A,female,", "'../../a' is not a name of letters"),
        ("/etc/a,1,1A,female,", "'/etc/a' is not a name of letters"),
        ("a,1,,female,", "'' is not a name of letters"),
        ("a,1,1A,F,", "the gender 'F' is not female or male"),
        ("a,1,1A,female,film", "the part 'film' is not one of paraphrase, two-sentence"),
        ("a,1,1A", "is not 5 cells"),
    ],
)
def test_a_row_with_a_fault_is_named(row, message):
    listed, (problem,) = layout.parse_recordings([",".join(layout.HEADER), "", row], "recordings.csv")
    assert listed == []
    assert problem.where == "recordings.csv, line 3"
    assert problem.what.startswith((message, f"a: {message}"))


@pytest.mark.parametrize("lines", [[], [""], ["recording,speaker"], ["a,1,1A,female,"]])
def test_a_table_needs_its_columns(lines):
    listed, (problem,) = layout.parse_recordings(lines, "recordings.csv")
    assert listed == []
    assert "not 'recording,session,speaker,gender,part'" in problem.what


# ---- the folder -----------------------------------------------------------------------------------------


def kinds(scan):
    return Counter(problem.kind for problem in scan.problems)


def test_the_dummy_tree_is_whole(corpus):
    scan = layout.scan(corpus)
    assert scan.problems == ()
    assert scan.counts == {"utterances": 6, "speakers": 3, "sessions": 2}
    first = scan.utterances[0]
    # 0.5 sin t over 0.2 <= t < 0.9; the annotators' offsets of -0.1 and 0.1 cancel.
    samples = [0.5 * math.sin(n / 10) for n in range(2, 9)]
    assert first.valence == pytest.approx(sum(samples) / len(samples), abs=1e-4)
    raters = json.loads(first.extra["raters"])["valence"]
    assert raters["b"] - raters["a"] == pytest.approx(0.2)


def test_an_utterance_that_nobody_rated_is_named(corpus):
    (corpus / "utterances" / "s1_p1_A.txt").write_text("0.2 0.9 Yes.\n50.0 51.0 No.\n")
    for path in (corpus / "annotations" / "s2_p1_A").glob("dominance_*"):
        path.unlink()
    scan = layout.scan(corpus)
    assert [problem.what for problem in scan.problems] == [
        "nobody rated its valence and activation and dominance from 50 to 51 s",
        "nobody rated its dominance from 0.2 to 0.9 s",
        "nobody rated its dominance from 1.1 to 1.8 s",
    ]
    late = next(u for u in scan.utterances if u.id == "s1_p1_A_002")
    assert math.isnan(late.valence)


def test_a_bad_annotation_is_left_out(corpus):
    folder = corpus / "annotations" / "s1_p1_B"
    (folder / "valence_a.txt").write_text("0.1 0.2\n0.2 1.2\n")
    (folder / "activation_a.txt").write_text("0.1 0.2\n0.2 0.")
    (folder / "arousal_a.txt").write_text("0.1 0.2\n")
    (folder / "._valence_a.txt").write_bytes(b"\0\5")
    scan = layout.scan(corpus)
    assert kinds(scan) == {"mislabelled": 1, "unreadable": 1, "extra": 1, "missing": 1}
    raters = json.loads(next(u for u in scan.utterances if u.id == "s1_p1_B_001").extra["raters"])
    assert {name: list(means) for name, means in raters.items()} == {
        "valence": ["b"], "activation": ["b"], "dominance": ["a", "b"],
    }  # fmt: skip


def test_recordings_and_the_table_are_compared(corpus):
    (corpus / "audio" / "s1_p1_A.wav").rename(corpus / "audio" / "s9_p9_A.wav")
    (corpus / "utterances" / "s1_p1_B.txt").unlink()
    scan = layout.scan(corpus)
    assert kinds(scan) == {"missing": 2, "extra": 1}
    assert {u.id for u in scan.utterances} == {"s2_p1_A_001", "s2_p1_A_002"}


def test_a_table_that_contradicts_itself_is_refused(corpus):
    with (corpus / "recordings.csv").open("a") as file:
        file.write("s2_p2_B,2,1B,female,\ns1_p1_A,1,1A,female,\n")
    scan = layout.scan(corpus)
    said = " ".join(problem.what for problem in scan.problems)
    assert "the speaker 1B has more than one gender: female, male" in said
    assert "the speaker 1B has more than one session: 1, 2" in said
    assert "s1_p1_A is labelled 2 times" in said


def test_a_table_that_is_cut_off_or_not_there(corpus):
    (corpus / "recordings.csv").write_text(",".join(layout.HEADER) + "\ns1_p1_A,1,1A,female,para")
    assert "was cut off" in layout.scan(corpus).problems[0].what
    (corpus / "recordings.csv").unlink()
    scan = layout.scan(corpus)
    assert scan.utterances == ()
    assert kinds(scan) == {"missing": 1, "extra": 3}


def test_loops_are_named(corpus):
    for path in (corpus / "annotations" / "s1_p1_A" / "valence_a.txt", corpus / "audio" / "s2_p1_A.wav"):
        path.unlink()
        path.symlink_to(path)
    (corpus / "annotations" / "s1_p1_B" / "loop").symlink_to(corpus, target_is_directory=True)
    scan = layout.scan(corpus)
    assert len(scan.utterances) == 4
    assert kinds(scan) == {"missing": 3}


# ---- building -------------------------------------------------------------------------------------------


def test_audio_examples(corpus, build_audio):
    found = build_audio("creative_it", corpus.parent)
    assert len(found) == 6
    example = found["s1_p1_B_002"]
    expected = {"speaker": b"1B", "session": b"1", "gender": b"male", "emotion": b"", "part": b"paraphrase"}
    assert {name: example[name] for name in expected} == expected
    assert example["text"] == b"Made-up sentence 1."
    assert set(json.loads(example["raters"])) == set(layout.DIMENSIONS)
    assert len(example["audio"]) == round(0.7 * 16_000)
