import json
import os
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsergan.datasets.iemocap import layout
from tfsergan.datasets.label_files import read_lines
from tfsergan.errors import TfserganError

WITHIN_RANGE = st.decimals(0.5, 5.5, places=4).map(str)
NAMES = st.builds(
    "Ses0{}{}_{}_{}{:03d}".format,
    st.integers(1, 5),
    st.sampled_from("FM"),
    st.sampled_from(["impro01", "impro05a", "script01_1", "script01_1b"]),
    st.sampled_from("FM"),
    st.integers(0, 99),
)
COMMENTS = st.text(st.characters(codec="utf-8", categories=("L", "P", "Zs")), max_size=12).map(str.strip)
RATERS = st.one_of(
    st.builds(
        "C-E{}:\t{};\t({})".format,
        st.integers(1, 6),
        st.sampled_from(["Anger", "Sadness; Other", ""]),
        COMMENTS,
    ),
    st.builds("A-F{}:\tval {}; act 3; dom  ;\t({})".format, st.integers(1, 5), st.integers(1, 5), COMMENTS),
)
BLOCKS = st.lists(
    st.tuples(NAMES, st.sampled_from(sorted(layout.COUNTS)), WITHIN_RANGE, st.lists(RATERS, max_size=3)),
    max_size=5,
)


def text_of(blocks):
    text = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
    for i, (name, emotion, rating, raters) in enumerate(blocks):
        text += f"[{i}.5000 - {i + 1}.2500]\t{name}\t{emotion}\t[{rating}, 2.5000, 3.0000]\n"
        text += "".join(f"{line}\n" for line in raters) + "\n"
    return text


def parse(text):
    return layout.parse_evaluation(text.split("\n"), "Ses01F_impro01.txt")


def facts(utterance):
    return utterance.id, utterance.emotion, utterance.valence, utterance.activation, utterance.dominance


@given(NAMES)
def test_who_speaks_is_told_by_the_turn(name):
    utterance = layout.parse_turn(name)
    letter = name.split("_")[-1][0]
    assert utterance.speaker == name[3:5] + letter
    assert utterance.session == name[4]
    assert utterance.gender == {"F": "female", "M": "male"}[letter]
    assert utterance.part == ("improvised" if "impro" in name else "scripted")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Ses06F_impro01_F000",
        "Ses01F_impro01",
        "../Ses01F_impro01_F000",
        "Ses01F_impro01_F000/..",
        "Ses\u06601F_impro01_F000",
    ],
)
def test_other_names_are_refused(name):
    assert layout.parse_turn(name) is None
    utterances, problems = parse(f"[1.0 - 2.0]\t{name}\tneu\t[2.5, 2.5, 2.5]")
    assert (utterances, len(problems)) == ([], 1)


@given(BLOCKS)
@settings(max_examples=50)
def test_what_is_written_is_read(blocks):
    utterances, problems = parse(text_of(blocks))
    assert problems == []
    assert [facts(u) for u in utterances] == [(n, e, float(r), 2.5, 3.0) for n, e, r, _ in blocks]
    read = [json.loads(utterance.extra["raters"]) for utterance in utterances]
    assert [len(raters) for raters in read] == [len(raters) for *_, raters in blocks]


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
    path = tmp_path_factory.getbasetemp() / "evaluation.txt"
    path.write_bytes(text_of(blocks).replace("\n", end).encode(encoding, errors="ignore"))
    utterances, problems = layout.parse_evaluation(read_lines(path), str(path))
    assert problems == []
    assert [facts(u) for u in utterances] == [facts(u) for u in parse(text_of(blocks))[0]]


@given(
    st.lists(
        st.one_of(st.text(max_size=40), RATERS, st.text("[]0123456789.- \tSes_F", max_size=40)), max_size=8
    )
)
def test_no_line_is_lost_without_a_word(lines):
    utterances, problems = layout.parse_evaluation(lines, "evaluation.txt")
    assert utterances == []
    said = [line for line in map(str.strip, lines) if line and not line.startswith("%")]
    headers = sum(line.startswith("[") for line in said)
    assert headers <= len(problems) <= len(said)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "[1.0 - 2.0]\tSes01F_impro01_F000\tmad\t[2.5, 2.5, 2.5]",
            "the emotion 'mad' is not one of ang, hap",
        ),
        ("[2.0 - 2.0]\tSes01F_impro01_F000\tneu\t[2.5, 2.5, 2.5]", "starts at 2.0 s and ends at 2.0 s"),
        ("[1.0 - 2.0]\tSes01F_impro01_F000\tneu\t[2.5, 5.6, 2.5]", "the rating 5.6 is not in 0.5 to 5.5"),
        ("[1.0 - 2.0]\tSes01F_impro01_F000\tneu\t[0.0, 2.5, 2.5]", "the rating 0.0 is not in"),
        ("[1.0 - 2.0]\tSes01F_impro01_F000\tneu\t[nan, 2.5, 2.5]", r"is not `\[start - end\]"),
        ("[1.0 - 2.0]\tSes01F_impro01_F000\tneu\t[2.5, 2.5, 2.", r"is not `\[start - end\]"),
        ("[1.0 - 2.0]\tSes01F_impro01_F000\tneu\t[2.5, 2.5]", r"is not `\[start - end\]"),
        ("C-E1:\tAnger;\t()", "is not in the block of an utterance"),
    ],
)
def test_a_line_with_a_fault_is_named(line, message):
    utterances, problems = layout.parse_evaluation(["", line], "evaluation.txt")
    assert utterances == []
    with pytest.raises(TfserganError, match=rf"evaluation\.txt, line 2: .*{message}"):
        layout.Scan("iemocap", Path(), (), tuple(problems)).require_whole()


@pytest.mark.parametrize(
    "line",
    [
        "C-E1:\tAng",
        "C-E1:\tAnger;\t(",
        "A-E1:\tval 9; act 1; dom 1;\t()",
        "A-E1:\tval 1; act",
        "E1",
        "C-E1:\t()",
    ],
)
def test_a_raters_line_with_a_fault_is_named_and_the_label_kept(line):
    lines = ["[1.0 - 2.0]\tSes01F_impro01_F000\tneu\t[2.5, 2.5, 2.5]", "C-E4:\tNeutral;\t()", line]
    (utterance,), (problem,) = layout.parse_evaluation(lines, "evaluation.txt")
    assert [rater["rater"] for rater in json.loads(utterance.extra["raters"])] == ["C-E4"]
    assert problem.where == "evaluation.txt, line 3"


@pytest.mark.parametrize(
    "n", [pytest.param(30_000, id="fast"), pytest.param(1_000_000, id="slow", marks=pytest.mark.slow)]
)
def test_time_is_linear_in_the_length_of_file_and_line(n):
    block = ["[1.0 - 2.0]\tSes01F_impro01_F000\tneu\t[2.5, 2.5, 2.5]", *["C-E4:\tNeutral;\t()"] * 8, ""]
    long = [
        "[" + "1" * n,
        "[1.0 - " + " " * n + "x",
        "C-E1:" + " " * n + "x",
        "C-E1:" + ";" * n,
        "A-E1: val " + " " * n + "x",
    ]
    start = time.process_time()
    utterances, problems = layout.parse_evaluation(block * (n // len(block)) + long, "evaluation.txt")
    assert time.process_time() - start < n * 1e-4
    assert len(utterances) == n // len(block)
    assert len(problems) == len(long)


def test_transcriptions():
    lines = [
        "Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.",
        "Ses01F_impro01_FXX0 [008.2-008.3]: Um",
        "M: Hm.",
        "Ses01F_impro01_M000 [007.5-010.4]: Do you have: forms?",
        "Ses01F_impro01_F001 [011.0-012.0]: Yes.",
        "Ses01F_impro01_F001 [011.0-012.0]: No.",
    ]
    assert layout.parse_transcription(lines) == {
        "Ses01F_impro01_F000": "Excuse me.",
        "Ses01F_impro01_M000": "Do you have: forms?",
        "Ses01F_impro01_F001": "",
    }


@given(st.lists(st.text(max_size=60), max_size=5))
def test_any_transcription_is_read(lines):
    assert all(map(layout.parse_turn, layout.parse_transcription(lines)))


# ---- the folder -----------------------------------------------------------------------------------------


@pytest.fixture
def release(corpus):
    return corpus / "IEMOCAP_full_release"


def kinds(scan):
    return Counter(problem.kind for problem in scan.problems)


def test_the_dummy_tree_is_whole(corpus):
    scan = layout.scan(corpus)
    assert scan.problems == ()
    assert scan.counts["utterances"] == 7
    assert scan.counts["speakers"] == 4
    assert all(u.text.startswith("Made-up sentence") and u.audio.is_file() for u in scan.utterances)


def test_the_release_may_be_the_folder_itself_or_a_link(corpus, release):
    for session in list(release.iterdir()):
        session.rename(corpus / session.name)
    release.rmdir()
    (corpus / "Session3").rename(corpus / "elsewhere")
    (corpus / "Session3").symlink_to(corpus / "elsewhere", target_is_directory=True)
    assert layout.scan(corpus).counts["utterances"] == 7


def test_other_files_of_the_release_are_ignored(release):
    evaluation = release / "Session1" / "dialog" / "EmoEvaluation"
    (evaluation / "._Ses01F_impro01.txt").write_bytes(b"\0\5\26\7")
    for folder in ("Attribute", "Categorical", "Self-evaluation"):
        (evaluation / folder).mkdir()
        (evaluation / folder / "Ses01F_impro01_e1.txt").write_text("Ses01F_impro01_F000 :act 2;")
    wavs = release / "Session1" / "sentences" / "wav" / "Ses01F_impro01"
    (wavs / "._Ses01F_impro01_F000.wav").write_bytes(b"\0\5\26\7")
    (wavs / "Ses01F_impro01.txt").touch()
    assert layout.scan(release).problems == ()


def test_recordings_and_labels_are_compared(release):
    wavs = release / "Session1" / "sentences" / "wav" / "Ses01F_impro01"
    (wavs / "Ses01F_impro01_M000.wav").rename(wavs / "Ses01F_impro01_M099.wav")
    scan = layout.scan(release)
    assert len(scan.utterances) == 6
    missing, extra = scan.problems
    assert (missing.kind, Path(missing.where).name) == ("missing", "Ses01F_impro01_M000.wav")
    assert (extra.kind, Path(extra.where).name) == ("extra", "Ses01F_impro01_M099.wav")


def test_what_is_labelled_twice_is_left_out(release):
    evaluation = release / "Session1" / "dialog" / "EmoEvaluation"
    text = (evaluation / "Ses01F_impro01.txt").read_text()
    (evaluation / "Ses01F_impro01 copy.txt").write_text(text.replace("\tneu\t", "\tang\t"))
    scan = layout.scan(release)
    assert not [u for u in scan.utterances if u.id.startswith("Ses01F_impro01")]
    assert kinds(scan) == {"mislabelled": 3}
    assert "Ses01F_impro01_F000 is labelled 2 times" in scan.problems[0].what


def test_damaged_files_and_loops_are_named(release):
    evaluation = release / "Session3" / "dialog" / "EmoEvaluation" / "Ses03M_impro05a.txt"
    evaluation.unlink()
    evaluation.symlink_to(evaluation)
    transcription = release / "Session3" / "dialog" / "transcriptions" / "Ses03M_impro05a.txt"
    transcription.write_bytes(b"Ses03\0")
    wavs = release / "Session1" / "sentences" / "wav"
    (wavs / "loop").symlink_to(release, target_is_directory=True)
    recording = wavs / "Ses01F_impro01" / "Ses01F_impro01_F000.wav"
    recording.unlink()
    recording.symlink_to(recording)
    scan = layout.scan(release)
    assert kinds(scan) == {"missing": 2, "unreadable": 1, "extra": 2}
    assert len(scan.utterances) == 4


# ---- building -------------------------------------------------------------------------------------------


def test_audio_examples(corpus, build_audio):
    found = build_audio("iemocap", corpus.parent)
    assert len(found) == 7
    example = found["Ses01M_script01_1b_F000"]
    expected = {
        "speaker": b"01F",
        "session": b"1",
        "gender": b"female",
        "emotion": b"hap",
        "part": b"scripted",
    }
    assert {name: example[name] for name in expected} == expected
    assert (example["valence"], example["activation"], example["dominance"]) == (2.5, 3.0, 3.5)
    assert example["text"] == b"Made-up sentence 1."
    assert json.loads(example["raters"])[3] == {
        "rater": "A-E1", "valence": 2.0, "activation": 3.0, "dominance": 4.0, "comment": "",
    }  # fmt: skip
    assert len(example["audio"]) == 4800


# ---- the published corpus -------------------------------------------------------------------------------


def published(name):
    path = Path(os.environ.get("TFSERGAN_MANUAL_DIR", ""), "iemocap", name)
    if not os.environ.get("TFSERGAN_MANUAL_DIR") or not path.is_file():
        pytest.skip(f"TFSERGAN_MANUAL_DIR has no iemocap/{name}")
    return layout.parse_evaluation(read_lines(path), name)


def test_the_published_labels():
    utterances, problems = published("emo_labels.txt")
    scan = layout.Scan("iemocap", Path(), tuple(utterances), tuple(problems), layout.PUBLISHED)
    scan.require_whole()
    assert Counter(u.part for u in utterances) == {"scripted": 5255, "improvised": 4784}


def test_published_blocks():
    utterances, problems = published("EmoEvaluation_sample.txt")
    assert problems == []
    assert len(utterances) == 19
    raters = json.loads(utterances[0].extra["raters"])
    assert raters[0] == {"rater": "C-E1", "labels": ["Excited"], "comment": ""}
    assert [rater["rater"] for rater in raters] == ["C-E1", "C-E2", "C-E6", "C-M1", "A-E1", "A-E3", "A-M1"]


def test_folds_agree_with_the_feature_table():
    parquet = pytest.importorskip("pyarrow.parquet")
    known = {utterance.id: utterance for utterance in published("emo_labels.txt")[0]}
    path = Path(os.environ["TFSERGAN_MANUAL_DIR"], "iemocap", "is10.parquet")
    if not path.is_file():
        pytest.skip("TFSERGAN_MANUAL_DIR has no iemocap/is10.parquet")
    columns = parquet.read_table(path, columns=["utterance", "session", "speaker"]).to_pylist()
    for row in columns:
        utterance = known[row["utterance"]]
        assert (utterance.session, utterance.speaker) == (str(row["session"]), row["speaker"])
