"""Checks of corpora: counts beside published ones, and every kind of problem by name."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfsergan import checks, manifests
from tfsergan.datasets import sums
from tfsergan.datasets.layout import MISLABELLED, MISSING, UNREADABLE, Problem, Scan, Utterance
from tfsergan.errors import CorpusNotFound, UsageError

soundfile = pytest.importorskip("soundfile", reason="soundfile is an optional extra")


def write_sound(path: Path, seconds: float = 0.3, rate: int = 16_000, channels: int = 1, **form) -> None:
    time = np.arange(round(seconds * rate)) / rate
    sound = 0.3 * np.sin(2 * np.pi * 200 * time)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.stack([sound] * channels, axis=1), rate, **form)


@pytest.fixture
def manual_dir(tmp_path) -> Path:
    """EmoDB with one recording of each kind of fault."""
    wav = tmp_path / "emodb" / "wav"
    for name in ("03a01Wa", "03a02Nc", "08b10Fd"):
        write_sound(wav / f"{name}.wav")
    write_sound(wav / "08a01Na.wav", channels=2)
    write_sound(wav / "08a02Tb.wav", rate=44_100, subtype="PCM_24")
    write_sound(wav / "09a01Wa.wav", seconds=0.025)
    write_sound(wav / "anger.wav")
    (wav / "09a02Wb.wav").symlink_to("gone.wav")
    (wav / "10a01Nb.wav").write_bytes((wav / "03a01Wa.wav").read_bytes()[:20])
    soundfile.write(wav / "10b01Wa.wav", np.zeros(8000), 16_000)
    return tmp_path


def only(manual_dir: Path, name: str = "emodb", **options) -> checks.Check:
    (check,) = checks.check(name, manual_dir, jobs=1, **options)
    return check


def names(problems: list[Problem]) -> list[str]:
    return [Path(problem.where).name for problem in problems]


def test_every_kind_of_fault_is_found(manual_dir):
    check = only(manual_dir)
    assert {kind: names(problems) for kind, problems in check.by_kind().items()} == {
        MISLABELLED: ["anger.wav"],
        MISSING: ["09a02Wb.wav"],
        UNREADABLE: ["10a01Nb.wav"],
        checks.TOO_SHORT: ["09a01Wa.wav"],
    }
    (short,) = check.by_kind()[checks.TOO_SHORT]
    assert "lasts 25 ms, and features need more than 25 ms" in str(short)
    assert not check.is_right()
    assert not check.is_right(allow_partial=True)


def test_silence_is_heard(manual_dir):
    check = only(manual_dir, listen=True)
    assert names(check.by_kind()[checks.SILENT]) == ["10b01Wa.wav"]
    assert names(check.by_kind()[UNREADABLE]) == ["10a01Nb.wav"]


def test_formats_are_counted_and_what_is_done_with_them_is_told(manual_dir):
    check = only(manual_dir)
    assert check.audio == {
        "16000 Hz, mono, 16 bit WAV": 5,
        "16000 Hz, stereo, 16 bit WAV": 1,
        "44100 Hz, mono, 24 bit WAV": 1,
    }
    assert [note.split(", such as")[0] for note in check.notes] == [
        "1 of 7 files are not at 16000 Hz, and resampled",
        "1 of 7 files are of several channels, which are averaged",
        "1 of 7 files are not of 16 bits, and analysed as they are",
    ]
    assert check.seconds == pytest.approx(5 * 0.3 + 0.025 + 0.5)


def test_counts_stand_beside_the_published_ones(manual_dir):
    check = only(manual_dir)
    counts = {count.name: (count.found, count.published) for count in check.counts}
    assert counts["utterances"] == (9, 535)
    assert counts["speakers"] == (4, 10)
    assert counts["sessions"] == (4, None)
    assert (counts["W"], counts["E"]) == ((4, 127), (0, 46))
    (four,) = (rule for rule in check.rules if rule.name == "emodb/four_class")
    assert (four.name, four.total.found, four.total.published) == ("emodb/four_class", 9, 339)
    assert [(c.name, c.found, c.published) for c in four.classes] == [
        ("angry", 4, 127), ("happy", 1, 71), ("neutral", 3, 79), ("sad", 1, 62)
    ]  # fmt: skip
    assert not four.whole
    assert four.faults[0].startswith("missing: 03a01Fa, 03a01Nc, ")


def test_a_corpus_without_faults_is_right_in_part_only(manual_dir):
    for name in ("09a01Wa", "anger", "09a02Wb", "10a01Nb"):
        (manual_dir / "emodb" / "wav" / f"{name}.wav").unlink()
    check = only(manual_dir)
    assert not check.problems
    assert not check.is_right()
    assert check.is_right(allow_partial=True)


def test_all_of_it_is_plain_data(manual_dir):
    plain = json.loads(json.dumps(only(manual_dir).as_dict()))
    assert plain["right"] is False
    assert plain["counts"][0] == {"name": "utterances", "found": 9, "published": 535}
    assert {problem["kind"] for problem in plain["problems"]} == {
        MISLABELLED, MISSING, UNREADABLE, checks.TOO_SHORT
    }  # fmt: skip


def test_progress_is_told_for_every_file(manual_dir):
    told = []
    only(manual_dir, report=lambda task, done, total: told.append((task, done, total)))
    assert told[-1] == ("emodb: opening audio", 9, 9)


def test_a_layout_that_cannot_be_read_is_one_problem(manual_dir):
    (manual_dir / "emodb" / "03a01Wa.wav").touch()
    twice = manual_dir / "emodb" / "wav" / "03a01Wa.WAV"
    twice.write_bytes(b"")
    (problem,) = only(manual_dir).problems
    assert "the utterance '03a01Wa' is there twice" in problem.what


def test_segments_must_lie_in_their_file(tmp_path):
    write_sound(tmp_path / "talk.flac", seconds=2)
    talk = tmp_path / "talk.flac"
    times = {
        "whole": (0, 1.9),
        "rounded": (1, 2.4),
        "late": (1.5, 9),
        "tiny": (0.5, 0.51),
        "after": (2.1, 2.3),
    }
    utterances = [Utterance(id=name, audio=talk, start=s, end=e) for name, (s, e) in times.items()]
    scan = Scan("own", tmp_path, tuple(utterances))
    sounds = {talk: checks.open_sound(talk)}
    problems = {p.where.rpartition(" ")[2]: p.kind for p in checks._of_files(scan, sounds)}
    assert problems == {"late": MISLABELLED, "tiny": checks.TOO_SHORT, "after": MISLABELLED}


@pytest.mark.parametrize("listen", [False, True])
def test_a_sound_file(tmp_path, listen):
    write_sound(tmp_path / "a.flac", rate=8_000, subtype="PCM_24")
    sound = checks.open_sound(tmp_path / "a.flac", listen)
    assert (sound.rate, sound.channels, sound.coding, sound.kind) == (8_000, 1, "24 bit FLAC", "")
    soundfile.write(tmp_path / "nan.wav", np.full(100, np.nan), 16_000, subtype="FLOAT")
    assert (checks.open_sound(tmp_path / "nan.wav", listen).kind == UNREADABLE) == listen
    (tmp_path / "a.wav").mkdir()
    assert checks.open_sound(tmp_path / "a.wav", listen).kind == MISSING


# ---- feature tables -----------------------------------------------------------------------------------------


def emodb_table(**changes) -> pd.DataFrame:
    ids = sorted(manifests.load("emodb", "four_class").ids)
    columns = {"utterance": ids, "speaker": [name[:2] for name in ids], "emotion": [name[5] for name in ids]}
    return pd.DataFrame(columns | {"mfcc_a": np.arange(len(ids), dtype=np.float32)} | changes)


def in_table(tmp_path: Path, table: pd.DataFrame, name: str = "emodb") -> checks.Check:
    (tmp_path / name).mkdir()
    table.to_csv(tmp_path / name / "toy.csv", index=False)
    return only(tmp_path, name)


def test_a_table_of_one_paper_utterances_is_right(tmp_path):
    check = in_table(tmp_path, emodb_table())
    assert check.form == "toy.csv"
    assert check.is_right()
    assert [count.found for count in check.counts][:4] == [339, 10, 10, 1]
    assert {rule.name: rule.whole for rule in check.rules} == {
        "emodb/four_class": True,
        **dict.fromkeys(("emodb/seven_class", "emodb/activation3", "emodb/valence3"), False),
    }  # fmt: skip


def test_a_table_with_other_utterances_or_sessions_is_not(tmp_path):
    check = in_table(tmp_path, emodb_table(session=["x"] * 339))
    assert not check.is_right()
    (four,) = (rule for rule in check.rules if rule.name == "emodb/four_class")
    assert four.faults == ("session 'x' joins 10 published ones",)


def test_a_table_that_cannot_be_read_is_one_problem(tmp_path):
    check = in_table(tmp_path, emodb_table(mfcc_a=[np.nan] * 339))
    (problem,) = check.problems
    assert problem.kind == UNREADABLE
    assert "column 'mfcc_a'" in problem.what
    assert not check.is_right()


def test_own_tables_have_no_published_counts_and_their_labels_are_told(tmp_path):
    table = emodb_table().replace({"emotion": {"W": "anger", "F": "joy", "N": "neutral", "T": "wut"}})
    check = in_table(tmp_path, table.assign(valence=3.0), "own")
    assert check.is_right()
    rules = {rule.name: rule for rule in check.rules}
    assert set(rules) == {"default/four_class", "default/valence3"}
    assert [count.found for count in rules["default/four_class"].classes] == [127, 71, 79, 0]
    (fault,) = rules["default/four_class"].faults
    assert "the label 'wut' (62 utterances" in fault
    assert [count.found for count in rules["default/valence3"].classes] == [0, 339, 0]


def test_an_unlabelled_table_has_no_rules(tmp_path):
    check = in_table(tmp_path, emodb_table().drop(columns="emotion"), "own")
    assert check.rules == ()
    assert check.is_right()


def test_one_set_in_two_formats_is_told(tmp_path):
    in_table(tmp_path, emodb_table())
    emodb_table().to_parquet(tmp_path / "emodb" / "toy.parquet", index=False)
    found = checks.check("emodb", tmp_path)
    assert [check.form for check in found] == ["toy.csv", "toy.parquet"]
    assert all("toy.parquet and toy.csv" in check.problems[0].what for check in found)


# ---- real corpora -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("emodb", {"emodb/four_class", "emodb/seven_class"}),
        ("iemocap", {"iemocap/four_class", "iemocap/four_class_merged"}),
        ("librispeech_test_clean", set()),
    ],
)
def test_a_real_corpus_is_right(name, whole):
    manual_dir = os.environ.get("TFSERGAN_MANUAL_DIR", "")
    if not (manual_dir and Path(manual_dir, name).is_dir()):
        pytest.skip(f"needs {name} in TFSERGAN_MANUAL_DIR")
    found = checks.check(name, manual_dir)
    assert all(check.is_right() for check in found)
    assert {rule.name for check in found for rule in check.rules if rule.whole} >= whole


# ---- names --------------------------------------------------------------------------------------------------


def test_what_cannot_be_checked(tmp_path):
    with pytest.raises(CorpusNotFound, match=r"there is no folder.*`tfsergan data list`"):
        checks.check("iemocap", tmp_path)
    with pytest.raises(UsageError, match="Did you mean iemocap"):
        checks.check("iemocop", tmp_path)
    with pytest.raises(UsageError, match="The demo corpus is synthesised"):
        checks.check("demo/labelled", tmp_path)


def test_recordings_are_compared_with_the_digests_that_came_with_them(tmp_path):
    wav = tmp_path / "emodb" / "wav"
    for name in ("03a01Wa", "03a02Nc"):
        write_sound(wav / f"{name}.wav")
    digests = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  wav/{path.name}\n" for path in wav.iterdir()
    ]
    (tmp_path / "emodb" / "SHA256SUMS").write_text("".join(digests))
    assert only(tmp_path).notes == ("2 of 2 files are those that SHA256SUMS lists",)
    write_sound(wav / "03a02Nc.wav", seconds=0.4)
    check = only(tmp_path)
    assert names(check.by_kind()[sums.CHANGED]) == ["03a02Nc.wav"]
    assert "1 of 2 files" in check.notes[0]
    assert not check.is_right(allow_partial=True)


def test_audio_in_other_places_is_told_with_the_layout(tmp_path):
    write_sound(tmp_path / "iemocap" / "Session1" / "Ses01F_impro01_F000.wav")
    check = only(tmp_path, "iemocap")
    (problem,) = check.problems
    assert "iemocap/IEMOCAP_full_release/Session*/ with dialog/EmoEvaluation/*.txt" in problem.what
    assert not check.is_right(allow_partial=True)
