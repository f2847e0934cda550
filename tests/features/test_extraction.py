import numpy as np
import pytest

from tfsergan.errors import TfserganError, UsageError
from tfsergan.features import extraction, frames, functionals
from tfsergan.features.audio import Recording
from tfsergan.features.extraction import extract


def arrays(items, features, **options):
    return list(extract(items, features, **{"jobs": 1} | options))


def stored(folder):
    return sorted(folder.rglob("*.npy"))


def test_files_recordings_and_processes_agree(opensmile, hum, write_audio, tmp_path):
    sounds = [np.rint(hum(0.4, pitch) * 32767) / 32768 for pitch in (110.0, 150.0, 210.0)]
    files = [write_audio(tmp_path / f"{i}.wav", sound) for i, sound in enumerate(sounds)]
    memory = [Recording(str(i), sound.astype(np.float32), 16_000) for i, sound in enumerate(sounds)]
    alone = arrays(memory, "is09")
    np.testing.assert_array_equal(arrays(files, "is09"), alone)
    np.testing.assert_array_equal(arrays(files, "is09", jobs=2), alone)


def test_every_bad_recording_is_named_with_its_matter(opensmile, hum, write_audio, tmp_path):
    good = write_audio(tmp_path / "good.wav", hum())
    empty = write_audio(tmp_path / "empty.wav", np.zeros(0))
    silent = write_audio(tmp_path / "silent.wav", np.zeros(8000))
    short = write_audio(tmp_path / "short.wav", hum(0.025))
    holes = write_audio(tmp_path / "holes.wav", np.where(hum() > 0.2, np.nan, hum()), subtype="FLOAT")
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF is not enough")
    absent = tmp_path / "absent.wav"
    with pytest.raises(TfserganError) as caught:
        arrays([good, empty, silent, short, holes, broken, absent, good], "is10")
    message = str(caught.value)
    assert "6 of 8 recordings" in message
    assert "good.wav" not in message
    for path, words in (
        (empty, "no samples"),
        (silent, "is silent"),
        (short, "25 ms"),
        (holes, "not finite"),
        (broken, "read as audio"),
        (absent, "remove it"),
    ):
        (line,) = [line for line in message.splitlines() if path.name in line]
        assert line.count(str(path)) == 1 or path in (broken, absent)
        assert words in line


def test_items_are_named_as_the_caller_says():
    nothing = Recording("7", np.zeros(0, np.float32), 16_000)
    with pytest.raises(TfserganError, match="utterance 7: holds no samples"):
        arrays([nothing], "audio", describe=lambda item: f"utterance {item.id}")


def test_long_lists_of_problems_are_cut():
    nothing = [Recording(f"u{i:02d}", np.zeros(0, np.float32), 16_000) for i in range(25)]
    with pytest.raises(TfserganError) as caught:
        arrays(nothing, "audio")
    assert "u09" in str(caught.value)
    assert "u10" not in str(caught.value)
    assert str(caught.value).endswith("and 15 more.")


def test_arrays_stay_with_their_items_when_one_is_bad(recording):
    nothing = Recording("b", np.zeros(0, np.float32), 16_000)
    found = []
    with pytest.raises(TfserganError, match="b: holds no samples"):
        found.extend(extract([recording("a"), nothing, recording("c", pitch=200)], "audio", jobs=1))
    assert len(found) == 1  # what a caller pairs with an item is always that item's


def test_progress_counts_every_item(recording):
    told = []
    items = [recording(str(i), 0.1) for i in range(3)]
    arrays(items, "audio", report=lambda *call: told.append(call), task="three")
    assert told == [("three", done, 3) for done in range(4)]


def test_nothing_gives_nothing():
    assert arrays([], "audio") == []


def test_unknown_features_are_a_usage_error():
    with pytest.raises(UsageError, match=r"'mfcc'; there are is09, is10, is11, is13, logmel, audio"):
        arrays([], "mfcc")
    assert extraction.column_names("audio") == ()
    assert extraction.version("audio") is None


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_other_rates_are_brought_to_16_khz(opensmile, recording, rate):
    names = functionals.feature_names("is10")
    pitch = names.index("F0final_sma_quartile2")
    there, here = arrays([recording("a", 1.0, 150.0, rate), recording("b", 1.0, 150.0)], "is10")
    assert there[pitch] == pytest.approx(here[pitch], rel=0.01)
    (samples,) = arrays([recording("a", 1.0, 150.0, rate)], "audio")
    assert (samples.shape, samples.dtype) == ((16_000,), np.int16)


def test_frames(recording):
    pytest.importorskip("kaldi_native_fbank")
    assert extraction.column_names("logmel") == frames.NAMES
    one, two = arrays([recording("a", 1.0), recording("b", 0.5)], "logmel")
    assert (one.shape, two.shape) == ((97, 43), (47, 43))


@pytest.mark.parametrize("speed", ["0.8", "0.9", "1.1", "1.2"])
def test_frames_at_another_speed(recording, speed):
    """Shorter and higher by this factor."""
    pytest.importorskip("kaldi_native_fbank")
    usual, changed = (arrays([recording("a", 1.0, 150.0)], name)[0] for name in ("logmel", f"logmel-{speed}"))
    assert extraction.column_names(f"logmel-{speed}") == frames.NAMES
    assert extraction.version(f"logmel-{speed}") == frames.version()
    assert len(changed) == pytest.approx(100 / float(speed) - 3, abs=1)
    f0 = frames.NAMES.index("f0")
    np.testing.assert_allclose(np.median(changed[:, f0]), 150 * float(speed), rtol=0.01)
    energy = frames.NAMES.index("log_energy")
    np.testing.assert_allclose(np.median(changed[:, energy]), np.median(usual[:, energy]), atol=0.05)


@pytest.mark.parametrize(
    "name", ["logmel-", "logmel-0.49", "logmel-2.01", "logmel-0.905", "is10-0.9", "logmel-x"]
)
def test_speeds_that_there_are_not(name):
    assert extraction.speed_of(name) is None
    assert not extraction.is_known(name)


def test_the_speed_of_frames():
    assert [extraction.speed_of(n) for n in ("logmel", "logmel-0.9", "logmel-2", "audio")] == [
        1,
        0.9,
        2,
        None,
    ]


# ---- the cache ------------------------------------------------------------------------------------------


@pytest.fixture
def counted(monkeypatch, tmp_path):
    """Extracts in this process and tells which recordings were analysed: `counted(items)`."""
    monkeypatch.setattr(extraction, "map_processes", lambda function, items, **_: map(function, items))
    monkeypatch.setattr(extraction, "column_names", lambda features: ())
    monkeypatch.setattr(functionals, "version", lambda: "opensmile 0")
    analysed = []

    def analyse(recording, feature_set):
        analysed.append(recording.id)
        return "is not for me." if recording.id == "bad" else recording.samples[:5].copy()

    monkeypatch.setattr(functionals, "analyse", analyse)

    def run(items, **options):
        analysed.clear()
        found = list(extract(items, "is09", cache=tmp_path / "cache", **options))
        return found, list(analysed)

    return run


def test_only_what_is_new_is_extracted(counted, recording):
    items = [recording(str(i), 0.1, 100 + 10 * i) for i in range(6)]
    first, analysed = counted(items[:4])
    assert analysed == ["0", "1", "2", "3"]
    again, analysed = counted(items[::-1])
    assert analysed == ["5", "4"]
    np.testing.assert_array_equal(again[:1:-1], first)
    assert counted([items[0]._replace(id="renamed")])[1] == []


def test_another_extractor_starts_anew(counted, recording, monkeypatch):
    assert counted([recording()])[1] == ["a"]
    monkeypatch.setattr(functionals, "version", lambda: "opensmile 1")
    assert counted([recording()])[1] == ["a"]


def test_a_damaged_file_is_extracted_again(counted, recording, tmp_path):
    (first,), _ = counted([recording()])
    (path,) = stored(tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    (again,), analysed = counted([recording()])
    assert analysed == ["a"]
    np.testing.assert_array_equal(again, first)
    assert counted([recording()])[1] == []


def test_what_could_be_extracted_is_kept_beside_what_could_not(counted, recording):
    items = [recording("a"), recording("bad", pitch=200), recording("c", pitch=300)]
    with pytest.raises(TfserganError, match="1 of 3 recordings cannot be analysed:\n  bad: is not for me"):
        counted(items)
    assert counted([items[0], items[2]])[1] == []


def test_interruption_keeps_what_was_done(counted, recording, tmp_path):
    items = [recording(str(i), 0.1, 100 + 10 * i) for i in range(6)]

    def interrupt(item):
        if item.id == "3":
            raise KeyboardInterrupt
        return item

    with pytest.raises(KeyboardInterrupt):
        counted(items, read=interrupt)
    assert len(stored(tmp_path)) == 3
    assert counted(items)[1] == ["3", "4", "5"]


def test_real_functionals_are_the_same_from_the_cache(opensmile, recording, tmp_path):
    items = [recording(str(i), 0.3, 120 + 30 * i) for i in range(3)]
    plain = arrays(items, "is09")
    first, second = (arrays(items, "is09", cache=tmp_path, jobs=jobs) for jobs in (2, 1))
    np.testing.assert_array_equal(first, plain)
    np.testing.assert_array_equal(second, plain)
    assert len(stored(tmp_path)) == 3


def test_audio_is_not_kept(recording, tmp_path):
    arrays([recording()], "audio", cache=tmp_path)
    assert not any(tmp_path.iterdir())
