import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsergan.datasets.dummy_audio import write_wav
from tfsergan.datasets.ravdess import dummy_data, layout


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "corpora" / "ravdess"
    dummy_data.write(folder, rate=16_000)
    return folder


def numbers(n):
    return st.integers(1, n).map("{:02d}".format)


@given(st.tuples(*map(numbers, (3, 2, 8, 2, 2, 2, 24))))
def test_names_are_parsed_into_their_parts(parts):
    name = layout.parse_name("-".join(parts))
    assert name == (None if parts[2:4] == ("01", "02") else parts)


@given(st.text("0123-", max_size=20) | st.from_regex(r"\d\d(-\d\d){6}", fullmatch=True))
def test_a_name_is_parsed_or_refused(stem):
    name = layout.parse_name(stem)
    assert name is None or "-".join(name) == stem


def test_published_facts_are_consistent(tmp_path):
    names = [
        "-".join(["03", "01", *map("{:02d}".format, numbers)])
        for numbers in itertools.product(range(1, 9), (1, 2), (1, 2), (1, 2), range(1, 25))
    ]
    for name in filter(layout.parse_name, names):
        path = tmp_path / f"Actor_{name[-2:]}" / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    scan = layout.scan(tmp_path)
    scan.require_whole()
    assert scan.counts["utterances"] == 1440
    assert {n for name, n in scan.counts.items() if name in layout.EMOTIONS} == {96, 192}
    assert len({u.speaker for u in scan.utterances if u.gender == "female"}) == 12


def test_songs_are_left_out(folder):
    scan = layout.scan(folder)
    assert scan.problems == ()
    assert [(u.id, u.emotion, u.gender) for u in scan.utterances] == [
        ("03-01-01-01-01-01-01", "neutral", "male"),
        ("03-01-04-02-02-02-24", "sad", "female"),
        ("03-01-05-02-02-01-01", "angry", "male"),
        ("03-01-08-01-01-02-24", "surprised", "female"),
    ]


def test_the_folder_of_the_archive_may_be_there(folder):
    found = [u.id for u in layout.scan(folder).utterances]
    archive = folder / "Audio_Speech_Actors_01-24"
    archive.mkdir()
    for path in list(folder.glob("Actor_*")):
        path.rename(archive / path.name)
    write_wav(archive / "Actor_01" / "._03-01-01-01-01-01-01.wav")
    assert [u.id for u in layout.scan(folder).utterances] == found


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("Actor_01/03-01-01-02-01-01-01.wav", "mislabelled"),  # strongly neutral
        ("Actor_01/03-01-05-01-01-01-02.wav", "mislabelled"),  # of another actor
        ("Actor_25/03-01-05-01-01-01-25.wav", "mislabelled"),
        ("Actor_01/noise.wav", "mislabelled"),
        ("Actor_01/01-01-05-01-01-01-01.wav", "extra"),
    ],
)
def test_foreign_files_are_refused(folder, file, kind):
    write_wav(folder / file)
    (problem,) = layout.scan(folder).problems
    assert (problem.kind, problem.where) == (kind, str(folder / file))


def test_audio_examples(folder, build_audio):
    found = build_audio("ravdess", folder.parent)
    assert len(found) == 4
    example = found["03-01-04-02-02-02-24"]
    assert example["speaker"] == example["session"] == b"24"
    assert example["text"] == b"Dogs are sitting by the door."
    assert (example["intensity"], example["repetition"]) == (b"strong", 2)
    assert len(example["audio"]) == 4800
