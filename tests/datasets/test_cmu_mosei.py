import json
import math
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfsergan.datasets.cmu_mosei import dummy_data, layout
from tfsergan.datasets.dummy_audio import write_wav
from tfsergan.errors import TfserganError

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def labels(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return layout.read_labels(path)


# ---- one label of many ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratings", "emotion"),
    [
        ((0, 0, 0, 0, 0, 0), "neutral"),
        ((1, 0, 0, 0, 0, 0), "happiness"),
        ((1, 2, 0, 0, 0, 0), "sadness"),
        ((1, 1, 1, 0, 0, 0), "happiness"),
        ((0, 1, 1, 0, 0, 0), "sadness"),
        ((0, 0, 0.3, 3, 3, 3), "anger"),  # positive, so Li et al. keep it
        ((0, 0, 0, 1, 0, 2), "fear"),  # none of theirs: a rule drops it
    ],
)
def test_single_labels(ratings, emotion):
    assert layout.single_label(ratings) == emotion


@given(st.lists(st.integers(0, 9), min_size=6, max_size=6))
def test_the_single_label_is_rated_positive_unless_all_are_zero(thirds):
    emotion = layout.single_label([n / 3 for n in thirds])
    if emotion == "neutral":
        assert not any(thirds)
    else:
        assert thirds[layout.EMOTIONS.index(emotion)] > 0
        assert (emotion in layout.SINGLE) == any(thirds[:3])


# ---- labels ---------------------------------------------------------------------------------------------


def test_the_sdks_labels_and_a_table_of_them_say_the_same(tmp_path):
    dummy_data.write_csd(tmp_path / "CMU_MOSEI_Labels.csd", dummy_data.VIDEOS)
    dummy_data.write_rated_csv(tmp_path / "CMU_MOSEI_Labels.csv", dummy_data.VIDEOS)
    sdk, problems = layout.read_labels(tmp_path / "CMU_MOSEI_Labels.csd")
    table, _ = layout.read_labels(tmp_path / "CMU_MOSEI_Labels.csv")
    assert not problems
    assert sdk == table
    assert {s.id: s.emotion for s in sdk} == {
        "-dummy_One11_0": "happiness",
        "-dummy_One11_1": "sadness",
        "-dummy_One11_2": "neutral",
        "123456_0": "anger",
        "123456_1": "surprise",
    }
    first = next(s for s in sdk if s.id == "-dummy_One11_0")
    assert (first.start, first.end) == (0.0, 0.5)  # published as -0.25
    assert first.ratings == (1.0, 2.0, 0, 0, 0, 0, 0)


def test_s3prls_labels_do_not_tell_happy_from_neutral(tmp_path):
    dummy_data.write_csv(tmp_path / "CMU_MOSEI_Labels.csv", dummy_data.VIDEOS)
    segments, problems = layout.read_labels(tmp_path / "CMU_MOSEI_Labels.csv")
    assert not problems
    assert [s.emotion for s in segments] == [
        *("happiness or neutral", "fear", "happiness or neutral"),
        *("anger", "surprise"),
    ]
    assert all(math.isnan(rating) for segment in segments for rating in segment.ratings)


HEAD = "file,index,start,end,sentiment,happiness,sadness,anger,surprise,disgust,fear\n"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("v,0,0,1,0,3.5,0,0,0,0,0", "happiness is rated 3.5, off its scale from 0 to 3"),
        ("v,0,0,1,0,0,0,0,0,0,-1", "fear is rated -1"),
        ("v,0,0,1,-4,0,0,0,0,0,0", "sentiment is rated -4, off its scale from -3"),
        ("v,0,0,1,0,,0,0,0,0,0", "happiness is rated nan"),
        ("v,0,0,1,0,one,0,0,0,0,0", "happiness is rated nan"),
        ("v,0,0,1,0,inf,0,0,0,0,0", "happiness is rated nan"),
        ("v,0,2,1,0,0,0,0,0,0,0", "lasts from 2 to 1 s"),
        ("v,0,-2,1,0,0,0,0,0,0,0", "lasts from -2"),
        ("v,0,-0.5,-0.1,0,0,0,0,0,0,0", "to -0.1 s"),
        ("v,0,nan,1,0,0,0,0,0,0,0", "lasts from 'nan'"),
        ("v,1.0,0,1,0,0,0,0,0,0,0", "'1.0' is no number of a segment"),
        ("../v,0,0,1,0,0,0,0,0,0,0", "'../v' is no name of a video"),
        ("a/b,0,0,1,0,0,0,0,0,0,0", "'a/b' is no name of a video"),
    ],
)
def test_rows_that_make_no_sense_are_problems(tmp_path, row, message):
    segments, (problem,) = labels(tmp_path / "l.csv", f"{HEAD}w,0,0,1,0,1,0,0,0,0,0\n{row}\n")
    assert [segment.id for segment in segments] == ["w_0"]
    assert (problem.kind, problem.where) == ("mislabelled", f"{tmp_path / 'l.csv'}, row 2")
    assert message in problem.what


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (HEAD + "v,0,0,1,0,1,0,0,0,0,0", "no line end"),
        (HEAD + "v,0,0,1\n", "4 cells where the header has 11"),
        ("file,index,start,end\n", "no column 'label6'"),
        ("file,index,start,end,happy\n", "no column 'sadness', 'anger', 'surprise', 'disgust', 'fear'"),
        ("index,start,end,label6\n", "no column 'file'"),
        ("file,index,start,end,label6\nv,0,0,1,6\n", "label6 is '6', not 0 to 5"),
        ("file,index,start,end,label6\nv,0,0,1,\n", "label6 is ''"),
        (HEAD + "v\0,0,0,1,0,1,0,0,0,0,0\n", "NUL"),
    ],
)
def test_tables_that_are_no_labels_are_refused(tmp_path, text, message):
    with pytest.raises(TfserganError, match=message):
        labels(tmp_path / "l.csv", text)


def test_encodings_and_line_ends(tmp_path):
    text = HEAD + "v,0,0,1,0,1,0,0,0,0,0\n"
    assert labels(tmp_path / "l.csv", text) == labels(
        tmp_path / "l.csv", text.replace("\n", "\r\n"), "utf-8-sig"
    )
    with pytest.raises(TfserganError, match="UTF-8"):
        labels(tmp_path / "l.csv", text, "utf-16")


RATING = st.one_of(st.sampled_from([0.0, 1 / 3, 1.0, 3.0]), st.floats(0, 3, width=32))
SEGMENT = st.tuples(
    st.tuples(st.floats(-0.5, 300), st.floats(0.01, 100)).map(lambda t: (t[0], max(t[0], 0) + t[1])),
    st.tuples(st.floats(-3, 3, width=32), *[RATING] * 6),
)
VIDEO = st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True)


@QUICK
@given(
    st.dictionaries(VIDEO, st.lists(SEGMENT, min_size=1, max_size=3), min_size=1, max_size=3), st.booleans()
)
def test_what_was_written_is_read(tmp_path, videos, is_table):
    path = tmp_path / ("l.csv" if is_table else "l.csd")
    (dummy_data.write_rated_csv if is_table else dummy_data.write_csd)(path, videos)
    segments, problems = layout.read_labels(path)
    assert not problems
    found = {(s.video, int(s.index)): s for s in segments}
    assert len(found) == sum(map(len, videos.values()))
    for video, cut in videos.items():
        for index, ((start, end), ratings) in enumerate(cut):
            segment = found[video, index]
            assert (segment.start, segment.end) == (max(start, 0), end)
            np.testing.assert_allclose(segment.ratings, ratings, rtol=1e-6)


@QUICK
@given(st.lists(st.lists(st.text(max_size=6), min_size=1, max_size=6), max_size=4), st.booleans())
def test_any_table_is_read_or_refused(tmp_path, rows, with_head):
    text = HEAD * with_head + "".join(",".join(row) + "\n" for row in rows)
    try:
        segments, _ = labels(tmp_path / "l.csv", text)
    except TfserganError:
        return
    assert all(0 <= s.start < s.end and "/" not in s.video for s in segments)


@pytest.mark.parametrize("kept", [0, 8, 100, 0.5, 0.9])
def test_a_cut_file_of_the_sdk_is_refused(tmp_path, kept):
    path = tmp_path / "l.csd"
    dummy_data.write_csd(path, dummy_data.VIDEOS)
    whole = path.read_bytes()
    path.write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    with pytest.raises(TfserganError, match=r"no labels file of the SDK.*download CMU_MOSEI_Labels\.csd"):
        layout.read_labels(path)


def test_another_hdf5_file_is_refused(tmp_path):
    import h5py

    path = tmp_path / "l.csd"
    for names, shape in [
        (["sentiment", "joy", *layout.EMOTIONS[1:]], (1, 7)),
        (layout.RATINGS, (1, 6)),
        (layout.RATINGS, (7,)),
        (None, (1, 7)),
    ]:
        with h5py.File(path, "w") as file:
            if names:
                text = [json.dumps(names)]
                file.create_dataset("x/metadata/dimension names", data=text, dtype=h5py.string_dtype())
            file["x/data/v/features"] = np.zeros(shape)
            file["x/data/v/intervals"] = np.array([[0.0, 1.0]])
        with pytest.raises(TfserganError, match="no labels file of the SDK"):
            layout.read_labels(path)


def test_time_grows_with_the_number_of_rows(tmp_path):
    path = tmp_path / "l.csv"
    path.write_text(HEAD + "".join(f"v{i},0,0.5,1.5,0,1,0,0,0.33,0,0\n" for i in range(30_000)))
    start = time.process_time()
    assert len(layout.read_labels(path)[0]) == 30_000
    assert time.process_time() - start < 5


def test_the_published_labels():
    manual_dir = os.environ.get("TFSERGAN_MANUAL_DIR")
    path = layout.find_labels(Path(manual_dir or ".", "cmu_mosei"))
    if path is None:
        pytest.skip("TFSERGAN_MANUAL_DIR has no labels of cmu_mosei")
    segments, problems = layout.read_labels(path)
    assert not problems
    assert len({segment.id for segment in segments}) == layout.PUBLISHED["utterances"] == 23_259
    assert len({segment.video for segment in segments}) == layout.PUBLISHED["speakers"] == 3_293


# ---- the folder -----------------------------------------------------------------------------------------


def test_the_dummy_tree_has_five_segments_of_two_videos(corpus):
    scan = layout.scan(corpus)
    assert scan.problems == ()
    assert scan.counts == {
        **{"utterances": 5, "speakers": 2, "sessions": 2},
        **{"anger": 1, "happiness": 1, "neutral": 1, "sadness": 1, "surprise": 1},
    }
    assert scan.differences() == {"utterances": (5, 23_259), "speakers": (2, 3_293)}


def test_other_places_of_the_audio(corpus):
    found = layout.scan(corpus).utterances
    (corpus / "Raw" / "Audio").rename(corpus / "Audio")
    assert [u.id for u in layout.scan(corpus).utterances] == [u.id for u in found]
    (corpus / "Audio" / "Full" / "WAV_16000").rename(corpus / "WAV_16000")
    assert [u.id for u in layout.scan(corpus).utterances] == [u.id for u in found]


def test_segments_that_were_cut_are_read_whole(corpus):
    wavs = corpus / "Raw" / "Audio" / "Full" / "WAV_16000"
    for path in wavs.iterdir():
        path.unlink()
    wavs.rmdir()
    cut = corpus / "Raw" / "Audio" / "Segmented_Audio"
    write_wav(cut / "train" / "123456_0.wav")
    write_wav(cut / "-dummy_One11_2.wav")
    scan = layout.scan(corpus)
    assert [(u.id, u.start, u.end) for u in scan.utterances] == [
        ("-dummy_One11_2", 0.0, math.inf),
        ("123456_0", 0.0, math.inf),
    ]
    assert [p.kind for p in scan.problems] == ["missing"] * 3


def test_what_is_missing_is_said(corpus):
    wav = corpus / "Raw" / "Audio" / "Full" / "WAV_16000" / "123456.wav"
    wav.unlink()
    scan = layout.scan(corpus)
    assert len(scan.utterances) == 3
    assert [str(p) for p in scan.problems] == [
        f"{wav}: is not there, and 2 labelled segments are in it: unpack it again"
    ]
    (wav.parent.parent / "WAV_16000").rename(corpus / "elsewhere")
    assert "has 5 segments; get the audio" in layout.scan(corpus).problems[0].what
    (corpus / "CMU_MOSEI_Labels.csd").unlink()
    assert layout.scan(corpus).problems[0].where.endswith("CMU_MOSEI_Labels.csd")


# ---- the builder ----------------------------------------------------------------------------------------


def test_audio_examples(corpus, build_audio):
    found = build_audio("cmu_mosei", corpus.parent)
    example = found["-dummy_One11_1"]
    assert example["speaker"] == example["session"] == b"-dummy_One11"
    assert example["emotion"] == b"sadness"
    ratings = [example[name] for name in layout.RATINGS]
    np.testing.assert_array_equal(ratings, np.float32([-1.5, 0.5, 0.75, 0, 0, 0, 1]))
    assert {name: len(e["audio"]) for name, e in found.items()} == {
        **{"-dummy_One11_0": 8000, "-dummy_One11_1": 9600, "-dummy_One11_2": 10_400},
        **{"123456_0": 12_800, "123456_1": 12_000},
    }
