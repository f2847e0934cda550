import json
import math
import os
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsergan.datasets.label_files import read_lines
from tfsergan.datasets.layout import Scan
from tfsergan.datasets.msp_improv import dummy_data, layout
from tfsergan.errors import TfserganError


def make_name(sentence, meant, target, session, part, own, turn):
    """A clip's rest of a name; `own`: whether the one for whom the scene was written speaks."""
    other = {"F": "M", "M": "F"}[target]
    letters = {"R": target * 2, "T": target + other}.get(part, target + other if own else other + target)
    return f"IMPROV-S{sentence:02d}{meant}-{target}0{session}-{part}-{letters}{turn:02d}"


NAMES = st.builds(
    make_name,
    st.integers(1, 20),
    st.sampled_from("AHNS"),
    st.sampled_from("FM"),
    st.integers(1, 6),
    st.sampled_from("PRST"),
    st.booleans(),
    st.integers(1, 99),
)
RATINGS = st.one_of(st.just("NaN"), st.decimals(1, 5, places=6).map(str))
SECONDARY = st.text("abc ,;/|()?.", max_size=12)
RATERS = st.builds(
    "rater-{}; {}; {}; A:{}; V:3.0; D:NaN; N:1.0;".format,
    st.integers(1, 9),
    st.sampled_from(["Angry", "Other"]),
    SECONDARY,
    RATINGS,
)
BLOCKS = st.lists(
    st.tuples(NAMES, st.sampled_from(sorted(layout.COUNTS)), RATINGS, st.lists(RATERS, max_size=3)),
    max_size=5,
)


def text_of(blocks):
    text = ""
    for name, emotion, rating, raters in blocks:
        text += f"UTD-{name}.avi; {emotion}; A:{rating}; V:3.000000; D:2.833333 ; N:NaN;\n"
        text += "".join(f"{line}\n" for line in raters) + "\n"
    return text


def parse(text):
    return layout.parse_evaluation(text.split("\n"), "Evalution.txt")


def facts(utterance):
    ratings = (utterance.activation, utterance.valence, utterance.dominance)
    return utterance.id, utterance.emotion, *(None if math.isnan(rating) else rating for rating in ratings)


@given(NAMES, st.sampled_from(["MSP", "UTD"]))
def test_who_speaks_is_told_by_the_last_group(name, prefix):
    utterance = layout.parse_name(f"{prefix}-{name}")
    _, scene, target, part, turn = name.split("-")
    assert utterance.id == f"MSP-{name}"
    assert utterance.speaker == turn[0] + target[1:]
    assert utterance.session == target[2]
    assert utterance.gender == {"F": "female", "M": "male"}[turn[0]]
    assert utterance.part == layout.PARTS[part]
    assert (utterance.extra["scenario"], utterance.extra["target_speaker"]) == (scene, target)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "MSP-IMPROV-S01A-F01-P-FF01",
        "MSP-IMPROV-S01A-F01-R-FM01",
        "MSP-IMPROV-S01A-F01-R-MM01",
        "MSP-IMPROV-S01A-F01-T-MF01",
        "MSP-IMPROV-S21A-F01-P-FM01",
        "MSP-IMPROV-S01A-F07-P-FM01",
        "../MSP-IMPROV-S01A-F01-P-FM01",
        "MSP-IMPROV-S01A-F01-P-FM01/..",
    ],
)
def test_other_names_are_refused(name):
    assert layout.parse_name(name) is None
    for found, problems in (
        parse(f"{name}.avi; A; A:1.0; V:1.0; D:1.0; N:1.0;"),
        layout.parse_labels([f"{name}.avi  A"], "avi_cat.labels"),
    ):
        assert (found, len(problems)) == ([], 1)


@given(BLOCKS)
@settings(max_examples=50)
def test_what_is_written_is_read(blocks):
    utterances, problems = parse(text_of(blocks))
    assert problems == []
    expected = [(f"MSP-{n}", e, None if r == "NaN" else float(r), 3.0, 2.833333) for n, e, r, _ in blocks]
    assert [facts(u) for u in utterances] == expected
    raters = [json.loads(utterance.extra["raters"]) for utterance in utterances]
    assert [len(rater) for rater in raters] == [len(rater) for *_, rater in blocks]


@given(BLOCKS, st.integers(0, 1000))
@settings(max_examples=100)
def test_of_a_file_that_is_cut_off_the_beginning_is_read(blocks, length):
    whole, _ = parse(text_of(blocks))
    part, problems = parse(text_of(blocks)[:length])
    assert len(problems) <= 1
    assert [facts(u) for u in part] == [facts(u) for u in whole][: len(part)]
    for cut, utterance in zip(part, whole, strict=False):
        raters = json.loads(cut.extra["raters"])
        assert raters == json.loads(utterance.extra["raters"])[: len(raters)]


@given(BLOCKS, st.sampled_from(["utf-8-sig", "utf-16", "latin-1"]), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=30)
def test_encodings_and_line_ends_do_not_matter(tmp_path_factory, blocks, encoding, end):
    path = tmp_path_factory.getbasetemp() / "Evalution.txt"
    path.write_bytes(text_of(blocks).replace("\n", end).encode(encoding))
    utterances, problems = layout.parse_evaluation(read_lines(path), str(path))
    assert problems == []
    assert [facts(u) for u in utterances] == [facts(u) for u in parse(text_of(blocks))[0]]


@given(st.lists(st.one_of(st.text(max_size=40), RATERS, st.text("UTD-;. AVN:1", max_size=40)), max_size=8))
def test_no_line_is_lost_without_a_word(lines):
    for read in (layout.parse_evaluation, layout.parse_labels):
        utterances, problems = read(lines, "Evalution.txt")
        assert utterances == []
        assert bool(problems) >= any(line.strip().startswith(("UTD-", "MSP-")) for line in lines)
        assert len(problems) <= len(lines)
    assert len(problems) == sum(bool(line.strip()) for line in lines)


@given(st.lists(st.tuples(NAMES, st.sampled_from(sorted(layout.COUNTS))), max_size=5), st.integers(0, 300))
def test_a_list_of_labels_is_read_as_far_as_it_goes(rows, length):
    text = "".join(f"UTD-{name}.avi  {emotion}\n" for name, emotion in rows)
    utterances, problems = layout.parse_labels(text[:length].split("\n"), "avi_cat.labels")
    assert [(u.id, u.emotion) for u in utterances] == [(f"MSP-{n}", e) for n, e in rows][: len(utterances)]
    assert all(math.isnan(u.valence) for u in utterances)
    assert len(problems) <= 1


CLIP = "UTD-IMPROV-S01A-F01-P-FM01.avi"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{CLIP}; B; A:1.0; V:1.0; D:1.0; N:1.0;", "the emotion 'B' is not one of A, H"),
        (f"{CLIP}; A; A:5.1; V:1.0; D:1.0; N:1.0;", "the rating A:5.1 is not in 1.0 to 5.0"),
        (f"{CLIP}; A; A:1.0; V:0.9; D:1.0; N:1.0;", "the rating V:0.9 is not in"),
        (f"{CLIP}; A; V:1.0; A:1.0; D:1.0; N:1.0;", "is not a line with A:1"),
        (f"{CLIP}; A; A:1.0; V:1.0; D:-1.0; N:1.0;", "is not a line with D:1"),
        (f"{CLIP}; A; A:1.0; V:1.0; D:1.0; N:1.", "is not `clip.avi; label"),
        (f"{CLIP}; A; A:1.0; V:1.0;", "is not `clip.avi; label"),
        (f"{CLIP}; A; A:1.0; V:1.0; D:1.0; N:1.0; X:1;", "is not `clip.avi; label"),
        ("rater; Angry; Angry; A:1.0; V:1.0; D:1.0; N:1.0;", "is not in the block of an utterance"),
    ],
)
def test_a_line_with_a_fault_is_named(line, message):
    utterances, problems = layout.parse_evaluation(["", line], "Evalution.txt")
    assert utterances == []
    with pytest.raises(TfserganError, match=rf"Evalution\.txt, line 2: .*{message}"):
        Scan("msp_improv", Path(), (), tuple(problems)).require_whole()


@pytest.mark.parametrize(
    "line",
    ["rater", "rater; Angry; Angry; A:1.0; V:1.0;", "rater; Angry; Angry; A:1.0; V:1.0; D:6.0; N:1.0;"],
)
def test_a_raters_line_with_a_fault_is_named_and_the_label_kept(line):
    lines = [f"{CLIP}; A; A:1.0; V:1.0; D:1.0 ;", "r-p; Angry; a; b, c; A:1.0; V:2.0; D:NaN; N:1.0;", line]
    (utterance,), (problem,) = layout.parse_evaluation(lines, "Evalution.txt")
    (rater,) = json.loads(utterance.extra["raters"])
    assert rater == {
        **{"rater": "r-p", "label": "Angry", "secondary": "a; b, c"},
        **{"activation": 1.0, "valence": 2.0, "dominance": None, "naturalness": 1.0},
    }
    assert problem.where == "Evalution.txt, line 3"


@pytest.mark.parametrize(
    "n", [pytest.param(30_000, id="fast"), pytest.param(1_000_000, id="slow", marks=pytest.mark.slow)]
)
def test_time_is_linear_in_the_length_of_file_and_line(n):
    rater = "r-p; Angry; Angry; A:1.0; V:2.0; D:NaN; N:1.0;"
    block = [f"{CLIP}; A; A:1.0; V:1.0; D:1.0 ; N:1.0;", *[rater] * 8, ""]
    long = [
        "UTD-" + "1" * n,
        "UTD-" + ";" * n,
        f"{CLIP}; A; A:" + "1" * n + "; V:1.0; D:1.0; N:1.0;",
        " ;" * n + "x",
    ]
    start = time.process_time()
    utterances, problems = layout.parse_evaluation(block * (n // len(block)) + long, "Evalution.txt")
    labelled, _ = layout.parse_labels([f"{CLIP}  A"] * n, "avi_cat.labels")
    assert time.process_time() - start < n * 1e-4
    assert len(utterances) == n // len(block)
    assert len(labelled) == n
    assert len(problems) == len(long)


# ---- the folder -----------------------------------------------------------------------------------------


def kinds(scan):
    return Counter(problem.kind for problem in scan.problems)


def test_the_dummy_tree_is_whole(corpus):
    scan = layout.scan(corpus)
    assert scan.problems == ()
    assert scan.counts == {
        "utterances": 7,
        "speakers": 3,
        "sessions": 2,
        "A": 3,
        "H": 1,
        "N": 1,
        "S": 1,
        "X": 1,
    }
    assert all(u.text.startswith("Made-up sentence") and u.audio.is_file() for u in scan.utterances)


def test_other_ways_to_unpack_it(corpus):
    (corpus / "Evalution.txt").rename(corpus / "Evaluation.txt")
    for session in list((corpus / "Audio").iterdir()):
        session.rename(corpus / session.name)
    (corpus / "Audio").rmdir()
    (corpus / "All_human_transcriptions").rename(corpus / "Text")
    (corpus / "session1" / "S01A" / "R" / "._MSP-IMPROV-S01A-F01-R-FF01.wav").write_bytes(b"\0\5")
    scan = layout.scan(corpus)
    assert scan.problems == ()
    assert all(u.text and u.audio.is_file() for u in scan.utterances)


def test_a_list_of_labels_will_do_without_ratings(corpus):
    (corpus / "Evalution.txt").unlink()
    rows = [f"UTD-IMPROV-{clip}.avi  {emotion}\n" for clip, emotion in dummy_data.CLIPS.items()]
    (corpus / "avi_cat.labels").write_text("".join(rows))
    scan = layout.scan(corpus)
    assert scan.problems == ()
    assert scan.counts["utterances"] == 7
    assert all(math.isnan(u.valence) and u.extra["raters"] == "[]" for u in scan.utterances)


def test_without_labels_nothing_is_read(corpus):
    (corpus / "Evalution.txt").unlink()
    scan = layout.scan(corpus)
    assert scan.utterances == ()
    assert kinds(scan) == {"missing": 1, "extra": 7}
    assert scan.problems[0].where.endswith("Evalution.txt")


def test_recordings_and_labels_are_compared(corpus):
    place = corpus / "Audio" / "session1" / "S01A" / "S"
    (place / "MSP-IMPROV-S01A-F01-S-FM01.wav").rename(place / "MSP-IMPROV-S01A-F01-S-FM09.wav")
    scan = layout.scan(corpus)
    assert len(scan.utterances) == 6
    missing, extra = scan.problems
    assert (missing.kind, Path(missing.where).name) == ("missing", "MSP-IMPROV-S01A-F01-S-FM01.wav")
    assert (extra.kind, Path(extra.where).name) == ("extra", "MSP-IMPROV-S01A-F01-S-FM09.wav")


def test_what_is_labelled_twice_is_left_out(corpus):
    path = corpus / "Evalution.txt"
    text = path.read_text()
    path.write_text(text + "\n" + text.split("\n\n")[0].replace("; A; ", "; H; "))
    scan = layout.scan(corpus)
    assert "MSP-IMPROV-S01A-F01-S-FM01" not in {u.id for u in scan.utterances}
    assert kinds(scan) == {"mislabelled": 1}


def test_damaged_files_and_loops_are_named(corpus):
    session = corpus / "Audio" / "session4"
    (session / "S99").symlink_to(corpus, target_is_directory=True)
    recording = session / "S20S" / "S" / "MSP-IMPROV-S20S-M04-S-MF12.wav"
    recording.unlink()
    recording.symlink_to(recording)
    (corpus / "All_human_transcriptions" / "MSP-IMPROV-S20S-M04-T-MF01.txt").write_bytes(b"\0")
    (corpus / "All_human_transcriptions" / "loop").symlink_to(corpus, target_is_directory=True)
    scan = layout.scan(corpus)
    assert kinds(scan) == {"missing": 1, "unreadable": 1}
    assert len(scan.utterances) == 6


# ---- building -------------------------------------------------------------------------------------------


def test_audio_examples(corpus, build_audio):
    found = build_audio("msp_improv", corpus.parent)
    assert len(found) == 7
    example = found["MSP-IMPROV-S01A-F01-S-MF01"]
    expected = {
        **{
            "speaker": b"M01",
            "session": b"1",
            "gender": b"male",
            "emotion": b"N",
            "part": b"other-improvised",
        },
        **{"scenario": b"S01A", "target_speaker": b"F01", "text": b"Made-up sentence 1."},
    }
    assert {name: example[name] for name in expected} == expected
    assert (example["activation"], example["valence"], example["dominance"]) == (2.5, 3.0, 3.5)
    assert [rater["rater"] for rater in json.loads(example["raters"])] == ["rater_1-p", "rater_2-p"]
    assert len(example["audio"]) == 4800


# ---- the published corpus -------------------------------------------------------------------------------

TABLE_4 = {  # Busso et al. 2017, table 4
    "target-improvised": {"A": 115, "S": 106, "H": 136, "N": 283, "O": 1, "X": 11},
    "target-read": {"A": 169, "S": 80, "H": 88, "N": 241, "O": 3, "X": 39},
    "other-improvised": {"A": 470, "S": 633, "H": 1048, "N": 1789, "O": 70, "X": 371},
    "natural": {"A": 38, "S": 66, "H": 1372, "N": 1164, "O": 11, "X": 134},
}


def test_published_facts_are_consistent():
    assert {part: sum(counts.values()) for part, counts in TABLE_4.items()} == layout.PART_COUNTS
    assert sum(layout.COUNTS.values()) == sum(layout.PART_COUNTS.values()) == 8438
    assert sum(layout.COUNTS[letter] for letter in "AHNS") == 7798


def test_the_published_labels():
    path = Path(os.environ.get("TFSERGAN_MANUAL_DIR", ""), "msp_improv", "avi_cat.labels")
    if not os.environ.get("TFSERGAN_MANUAL_DIR") or not path.is_file():
        pytest.skip("TFSERGAN_MANUAL_DIR has no msp_improv/avi_cat.labels")
    utterances, problems = layout.parse_labels(read_lines(path), path.name)
    Scan("msp_improv", path.parent, tuple(utterances), tuple(problems), layout.PUBLISHED).require_whole()
    assert sum(u.emotion in "AHNS" for u in utterances) == 7798
    for part, counts in TABLE_4.items():
        assert Counter(u.emotion for u in utterances if u.part == part) == counts
