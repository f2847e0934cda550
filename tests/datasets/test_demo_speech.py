import collections
import functools
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from tfsergan.datasets.demo_speech import script, synthesis
from tfsergan.datasets.demo_speech.synthesis import synthesize
from tfsergan.errors import TfserganError
from tfsergan.features import extraction, functionals
from tfsergan.features.audio import SAMPLE_RATE, Recording

tfds = pytest.importorskip("tensorflow_datasets")
# Not importorskip: openSMILE must not be loaded into a process that has TensorFlow.
needs_demo = pytest.mark.skipif(
    not (importlib.util.find_spec("opensmile") and importlib.util.find_spec("espeakng_loader")),
    reason="espeak-ng and openSMILE are an optional extra",
)


def build(folder, config, jobs=1, report=None):
    from tfsergan.datasets.demo_speech.demo_speech_dataset_builder import Builder

    builder = Builder(data_dir=folder, config=config)
    builder.jobs = jobs
    if report:
        builder.report = report
    builder.download_and_prepare()
    return builder


def tiny(features, **arguments):
    from tfsergan.datasets.demo_speech.demo_speech_dataset_builder import DemoSpeechConfig

    return DemoSpeechConfig(name=f"{features}_tiny", features=features, **{"takes": 1} | arguments)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A tiny corpus, its folder, and what was reported while it was built, by one process."""
    folder, told = tmp_path_factory.mktemp("tfds"), []
    return build(folder, tiny("is09"), jobs=1, report=lambda *call: told.append(call)), folder, told


def examples(builder, split):
    found = list(tfds.as_numpy(builder.as_dataset(split=split)))
    return sorted(found, key=lambda example: example["utterance"])


def column(found, key):
    return np.array([example[key] for example in found])


# ---- the script -----------------------------------------------------------------------------------------


def test_labelled_part_is_balanced_over_emotions_speakers_and_sessions():
    lines = script.labelled()
    assert len(lines) == 480
    cells = collections.Counter((line.session, line.voice.speaker, line.emotion) for line in lines)
    assert len(cells) == 10 * 4
    assert set(cells.values()) == {12}
    sessions = {session: {s for t, s, _ in cells if t == session} for session, _, _ in cells}
    assert len(sessions) == 5
    assert all(len(speakers) == 2 for speakers in sessions.values())
    genders = [voice.gender for voice in script.LABELLED_VOICES]
    assert genders == ["female", "male"] * 5


def test_source_part_is_unlabelled_and_large():
    lines = script.source()
    assert len(lines) == 800
    assert {(line.emotion, line.session) for line in lines} == {("", "")}


def test_cross_part_is_balanced():
    lines = script.cross()
    assert collections.Counter(line.emotion for line in lines) == dict.fromkeys(script.EMOTIONS, 60)
    assert len({line.session for line in lines}) == 3


def test_parts_share_neither_utterances_nor_speakers_nor_voices_nor_sentences():
    parts = [make() for make in script.PARTS.values()]
    for what in (
        lambda line: line.id,
        lambda line: line.voice.speaker,
        lambda line: line.voice.name.partition("+")[2],
        lambda line: line.text,
    ):
        values = [{what(line) for line in part} for part in parts]
        assert len(set.union(*values)) == sum(map(len, values))
    ids = [line.id for part in parts for line in part]
    assert len(ids) == len(set(ids))


# ---- synthesis ------------------------------------------------------------------------------------------


@needs_demo
def test_samples_do_not_depend_on_what_was_spoken_before():
    first, other = script.labelled()[0], script.cross()[-1]
    once = synthesize(first, seed=0).samples
    synthesize(other, seed=0)
    np.testing.assert_array_equal(synthesize(first, seed=0).samples, once)
    assert synthesize(first, seed=1).samples.tobytes() != once.tobytes()


@needs_demo
def test_samples_are_speech_like_16_bit_audio():
    for line in (script.labelled()[0], script.source()[-1], script.cross()[0]):
        recording = synthesize(line, seed=0)
        assert recording.sample_rate == SAMPLE_RATE
        assert recording.samples.dtype == np.float32
        assert 0.8 < len(recording.samples) / SAMPLE_RATE < 4
        assert 0.005 < np.sqrt(np.mean(recording.samples**2)) < 0.3
        steps = recording.samples * 32768
        np.testing.assert_array_equal(steps, np.rint(steps))


@needs_demo
def test_every_voice_of_the_script_can_speak():
    for voice in {line.voice for make in script.PARTS.values() for line in make(1)}:
        samples = synthesis.speak("The door is open.", voice, script.Prosody(), seed=1)
        assert np.abs(samples).max() > 0.05, voice


@needs_demo
def test_no_voice_draws_on_the_c_librarys_random_numbers():
    import espeakng_loader

    folder = Path(espeakng_loader.get_data_path(), "voices", "!v")
    for voice in (*script.LABELLED_VOICES, *script.SOURCE_VOICES, *script.CROSS_VOICES):
        assert "klatt" not in (folder / voice.name.partition("+")[2]).read_text(encoding="utf-8")


@needs_demo
def test_prosody_changes_the_voice_in_the_direction_it_says():
    voice = script.LABELLED_VOICES[0]
    speak = functools.partial(synthesis.speak, "They are coming over on Wednesday.", voice, seed=1)
    plain, fast = speak(script.Prosody()), speak(script.Prosody(rate=0.3))
    assert len(fast) < 0.85 * len(plain)
    sounds = [plain, speak(script.Prosody(pitch=25))]
    column = functionals.feature_names("is10").index("F0final_sma_quartile2")
    recordings = [Recording(str(i), s.astype(np.float32), SAMPLE_RATE) for i, s in enumerate(sounds)]
    low, high = (vector[column] for vector in extraction.extract(recordings, "is10", jobs=1))
    assert high > 1.1 * low
    tense, breathy = (synthesis._voice_quality(plain, t, np.random.default_rng(0)) for t in (1.0, -1.0))
    assert _high_share(tense) > _high_share(plain)
    assert _high_share(tense) > _high_share(breathy)


def _high_share(samples):
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    return power[frequency > 2 * synthesis.TILT_CORNER].sum() / power.sum()


def test_without_espeak_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(TfserganError, match=r'pip install "tfsergan\[demo\]"'):
        synthesize(script.labelled(1)[0], seed=0)


@needs_demo
def test_an_unknown_voice_and_a_long_path_are_explained(monkeypatch):
    nobody = script.Voice("x", "male", "en-us+nobody-has-this")
    with pytest.raises(TfserganError, match="no voice 'en-us\\+nobody"):
        synthesis.speak("Hello.", nobody, script.Prosody(), seed=1)
    monkeypatch.setattr(synthesis, "MAX_DATA_PATH", 3)
    with pytest.raises(TfserganError, match="over 3 characters"):
        synthesis.speak("Hello.", script.LABELLED_VOICES[0], script.Prosody(), seed=1)


# ---- the builder ----------------------------------------------------------------------------------------


@needs_demo
def test_two_builds_are_identical_whatever_the_jobs(built, tmp_path, capfd):
    one, _, told = built
    two = build(tmp_path, tiny("is09"), jobs=2)
    for split, n in {"labelled": 40, "source": 20, "cross": 24}.items():
        first, second = examples(one, split), examples(two, split)
        assert len(first) == n
        assert column(first, "utterance").tolist() == column(second, "utterance").tolist()
        assert column(first, "features").tobytes() == column(second, "features").tobytes()
        assert (f"demo/{split}: is09", n, n) in told
    assert capfd.readouterr().out == ""


@needs_demo
def test_examples_carry_the_metadata_of_the_script(tmp_path):
    builder = build(tmp_path, tiny("audio"))
    lines = {line.id: line for line in script.labelled(1)}
    found = examples(builder, "labelled")
    assert {example["utterance"].decode() for example in found} == set(lines)
    for example in found[:5]:
        line = lines[example["utterance"].decode()]
        assert example["speaker"].decode() == line.voice.speaker
        assert example["session"].decode() == line.session
        assert example["gender"].decode() == line.voice.gender
        assert example["emotion"].decode() == line.emotion
        assert example["text"].decode() == line.text
        assert example["audio"].dtype == np.int16
        np.testing.assert_array_equal(example["audio"] / 32768, synthesize(line, seed=0).samples)
    assert builder.feature_names == ()
    assert {example["emotion"] for example in examples(builder, "source")} == {b""}


@needs_demo
def test_a_built_corpus_is_reused_and_needs_no_opensmile(built, monkeypatch):
    builder, folder, _ = built
    names = builder.feature_names
    assert names == functionals.feature_names("is09")
    monkeypatch.setattr(functionals, "feature_names", None)
    monkeypatch.setattr(extraction, "extract", None)
    again = build(folder, tiny("is09"))
    assert again.feature_names == names
    assert len(examples(again, "cross")) == 24


@pytest.mark.slow
@needs_demo
def test_the_whole_corpus_is_about_as_hard_as_acted_speech(tmp_path):
    from sklearn.metrics import recall_score
    from sklearn.svm import SVC

    found = examples(build(tmp_path, "is10", jobs=None), "labelled")
    x = column(found, "features")
    y, session = (column(found, key).astype(str) for key in ("emotion", "session"))
    scores = []
    for held_out in np.unique(session):
        train, test = session != held_out, session == held_out
        mean, std = x[train].mean(axis=0), x[train].std(axis=0)
        z = (x - mean) / np.where(std > 0, std, 1)
        predicted = SVC(C=10, gamma="auto").fit(z[train], y[train]).predict(z[test])
        scores.append(recall_score(y[test], predicted, average="macro"))
    assert 0.58 < np.mean(scores) < 0.72
