import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsergan.datasets.dummy_audio import buzz
from tfsergan.datasets.label_files import Fault
from tfsergan.datasets.tedlium import dummy_data, layout
from tfsergan.errors import TfserganError

LINE = "Ada_2009 1 Ada_2009 0.3 0.9 <o,f0,male> the first talk"


def stm(corpus):
    return corpus / "TEDLIUM_release2" / "train" / "stm" / "AdaExample_2009.stm"


# ---- lines ----------------------------------------------------------------------------------------------


def test_a_line_is_parsed():
    segment = layout.parse_line(LINE + " {NOISE} <sil>\n")
    assert segment == ("Ada_2009", "Ada_2009", 0.3, 0.9, "male", "the first talk {NOISE} <sil>")
    assert segment.id == "Ada_2009-0000300-0000900"


@pytest.mark.parametrize(
    ("label", "gender"),
    [("<o,f0,female>", "female"), ("<F0_M>", "male"), ("<o,,unknown>", ""), ("<NA>", ""), ("<>", "")],
)
def test_labels_of_all_releases_tell_the_gender(label, gender):
    assert layout.parse_line(LINE.replace("<o,f0,male>", label)).gender == gender


@pytest.mark.parametrize(
    "line",
    [
        "",
        " \r\n",
        ";; CATEGORY 0",
        "a 1 inter_segment_gap 0 1 <o,,unknown>",
        "a 1 a 0 1 <o,,unknown> ignore_time_segment_in_scoring",
        "a 1 a 0 1 <o,,unknown> IGNORE_TIME_SEGMENT_IN_SCORING",
    ],
)
def test_what_is_no_speech_is_left_out(line):
    assert layout.parse_line(line) is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Ada_2009 1 Ada_2009 0.3", "is not `file channel"),
        ("Ada_2009 1 Ada_2009 0.3 0.9 the first talk", "is not `file channel"),
        (LINE.replace("0.9", "0.2"), "lasts from '0.3' to '0.2'"),
        (LINE.replace("0.3", "-0.3"), "lasts from '-0.3'"),
        (LINE.replace("0.9", "nan"), "to 'nan'"),
        (LINE.replace("0.9", "9" * 400), "to '9999"),
        (LINE.replace("0.9", "1_0"), "to '1_0'"),
        (LINE.replace(" 1 ", " 2 "), "channel '2'"),
        (LINE.replace("Ada_2009 1", "../../Ada_2009 1"), "no name of a talk"),
        (LINE.replace("Ada_2009 1", ".. 1"), "no name of a talk"),
    ],
)
def test_lines_that_make_no_sense_are_refused(line, message):
    with pytest.raises(Fault, match=message):
        layout.parse_line(line)


WORDS = st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=8)


@given(
    st.from_regex(r"[A-Za-z0-9_]{1,20}", fullmatch=True),
    st.integers(0, 9_999_000),
    st.integers(1, 30_000),
    st.sampled_from(["male", "female"]),
    st.lists(WORDS, min_size=1, max_size=5),
    st.sampled_from(["", "\r", "\n", "\r\n"]),
)
def test_what_was_written_is_read(talk, start, length, gender, words, end):
    times = f"{start / 1000} {(start + length) / 1000}"
    segment = layout.parse_line(f"{talk} 1 {talk} {times} <o,f0,{gender}> {' '.join(words)}{end}")
    assert segment.id == f"{talk}-{start:07d}-{start + length:07d}"
    assert (segment.gender, segment.text) == (gender, " ".join(words))


@given(st.text(max_size=60) | st.text("0123456789. <>,;ae-/\\\0", max_size=60))
def test_any_line_is_read_left_out_or_refused(line):
    try:
        segment = layout.parse_line(line)
    except Fault:
        return
    assert segment is None or (0 <= segment.start < segment.end and "/" not in segment.file)


# ---- SPHERE headers -------------------------------------------------------------------------------------

SPHERE = dummy_data.sphere(buzz(seconds=0.1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (SPHERE, ""),
        (SPHERE + b"\0", ""),  # some have a byte too many
        (SPHERE[:-2], "cut off: 4222 bytes for 1600 samples"),
        (SPHERE[:500], "no NIST SPHERE"),
        (b"", "no NIST SPHERE"),
        (b"RIFF" + SPHERE[4:], "no NIST SPHERE"),
        (SPHERE.replace(b"-s3 pcm", b"-s26 pcm,embedded-shorten-v2.00"), "coded as pcm,embedded"),
        (SPHERE.replace(b"sample_rate -i 16000", b"sample_rate -i 8000"), "says sample_rate 8000"),
        (SPHERE.replace(b"sample_count -i 1600", b"sample_count -i -600"), "cut off"),
    ],
)
def test_headers(content, message):
    fault = layout.header_fault(content[: layout.HEADER], len(content))
    assert message in fault if message else not fault


@given(st.binary(max_size=100), st.integers(0, layout.HEADER))
def test_any_header_is_judged(junk, place):
    header = (SPHERE[:place] + junk + SPHERE[place:])[: layout.HEADER]
    assert isinstance(layout.header_fault(header, 10_000), str)


# ---- the folder -----------------------------------------------------------------------------------------


def test_the_dummy_tree_has_five_segments_of_two_talks(corpus):
    scan = layout.scan(corpus)
    assert scan.counts == {"utterances": 5, "speakers": 2, "sessions": 2}
    assert scan.problems == ()
    assert scan.differences() == {"utterances": (5, 92_973)}
    assert {u.gender for u in scan.utterances} == {"female", "male"}
    assert {u.emotion for u in scan.utterances} == {""}


def test_the_parts_may_lie_right_in_the_folder(corpus):
    found = [u.id for u in layout.scan(corpus).utterances]
    release = corpus / "TEDLIUM_release2"
    (release / "train").rename(corpus / "train")
    assert [u.id for u in layout.scan(corpus).utterances] == found
    assert [u.id for u in layout.scan(corpus / "train").utterances] == found


def test_crlf_is_read_alike(corpus):
    found = [(u.id, u.text) for u in layout.scan(corpus).utterances]
    stm(corpus).write_bytes(b"\xef\xbb\xbf" + stm(corpus).read_bytes().replace(b"\n", b"\r\n"))
    assert [(u.id, u.text) for u in layout.scan(corpus).utterances] == found


def test_faults_are_problems_with_their_place(corpus):
    text = stm(corpus).read_text()
    stm(corpus).write_text("\n" + text + "Ada 1\n")
    (corpus / "TEDLIUM_release2/train/sph/BobExample_2010.sph").unlink()
    scan = layout.scan(corpus)
    assert len(scan.utterances) == 2
    assert [(p.kind, p.where.rpartition("/")[2]) for p in scan.problems] == [
        ("unreadable", "AdaExample_2009.stm, line 5"),
        ("missing", "BobExample_2010.sph"),
    ]
    assert "3 segments are cut from it" in scan.problems[1].what


@pytest.mark.parametrize("content", [b"\0", LINE.encode("utf-16-le")])
def test_a_file_that_is_no_text_is_a_problem(corpus, content):
    stm(corpus).write_bytes(content)
    (problem,) = layout.scan(corpus).problems
    assert (problem.kind, problem.where) == ("unreadable", str(stm(corpus)))


def test_links_in_a_circle_are_problems(corpus):
    sph = corpus / "TEDLIUM_release2/train/sph/AdaExample_2009.sph"
    for path in (stm(corpus), sph):
        path.unlink()
        path.symlink_to(path)
    assert {p.where for p in layout.scan(corpus).problems} == {str(stm(corpus))}


def test_a_segment_that_is_there_twice_is_refused(corpus):
    stm(corpus).write_text(stm(corpus).read_text() * 2)
    with pytest.raises(TfserganError, match="AdaExample_2009-0000300-0000900' is there twice"):
        layout.scan(corpus)


def test_time_grows_with_the_number_of_lines(tmp_path):
    def lines(n):
        return "".join(f"T 1 T {i} {i}.5 <o,f0,male> some words of a talk\n" for i in range(n))

    path = tmp_path / "T.stm"
    path.write_text(lines(100_000))
    start = time.process_time()
    assert len(layout.read_stm(path, [])) == 100_000
    assert time.process_time() - start < 10


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 400))
def test_a_cut_file_gives_whole_segments_or_a_problem(tmp_path_factory, kept):
    path = tmp_path_factory.mktemp("stm") / "Ada_2009.stm"
    path.write_text(f"{LINE}\n{LINE.replace('0.3 0.9', '0.9 1.4')}\n")
    whole = {segment[:5] for segment in layout.read_stm(path, [])}
    path.write_bytes(path.read_bytes()[:kept])
    assert {segment[:5] for segment in layout.read_stm(path, [])} <= whole


# ---- the builder ----------------------------------------------------------------------------------------


def test_audio_examples(corpus, build_audio):
    found = build_audio("tedlium", corpus.parent)
    example = found["BobExample_2010-0000500-0001100"]
    assert example["speaker"] == example["session"] == b"BobExample_2010"
    assert example["gender"] == b"female"
    assert example["text"] == b"it 's the second one(2) <sil>"
    np.testing.assert_array_equal(example["audio"], buzz(pitch=180, seconds=2)[8000:17600])
    assert {len(e["audio"]) for e in found.values()} == {5600, 8000, 9600, 10_400}
