import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsergan.errors import TfserganError
from tfsergan.features import audio
from tfsergan.features.audio import SAMPLE_RATE, Recording, fault, read_signal, resampled


@pytest.mark.parametrize(
    ("name", "subtype", "format", "steps"),
    [
        ("a.wav", "PCM_16", None, 2**15),
        ("a.wav", "PCM_24", None, 2**23),
        ("a.wav", "PCM_U8", None, 2**7),
        ("a.flac", "PCM_24", None, 2**23),
        ("a.sph", "PCM_16", "NIST", 2**15),
    ],
)
def test_formats_and_depths(tmp_path, hum, write_audio, name, subtype, format, steps):
    path = write_audio(tmp_path / name, hum(), subtype=subtype, format=format)
    recording = read_signal(path)
    assert (recording.id, recording.sample_rate, recording.samples.dtype) == ("a", SAMPLE_RATE, np.float32)
    np.testing.assert_allclose(recording.samples, hum(), atol=1.1 / steps)


def test_stereo_is_averaged(tmp_path, hum, write_audio):
    path = write_audio(tmp_path / "stereo.wav", np.stack([hum(), 0.5 * hum()], axis=1))
    np.testing.assert_allclose(read_signal(path).samples, 0.75 * hum(), atol=1e-4)


def test_a_part_of_a_file(tmp_path, hum, write_audio):
    path = write_audio(tmp_path / "talk.wav", hum(2.0))
    whole = read_signal(path).samples
    np.testing.assert_array_equal(read_signal(path, 0.5, 1.25).samples, whole[8000:20000])
    np.testing.assert_array_equal(read_signal(path, 1.5).samples, whole[24000:])
    np.testing.assert_array_equal(read_signal(path, 1.5, 2.3).samples, whole[24000:])  # a rounded end


@pytest.mark.parametrize(("start", "end"), [(2.0, math.inf), (1.0, 2.6), (5.0, 6.0)])
def test_a_file_that_ends_before_the_utterance(tmp_path, hum, write_audio, start, end):
    path = write_audio(tmp_path / "talk.wav", hum(2.0))
    with pytest.raises(TfserganError, match=r"talk\.wav lasts 2\.00 s.*download it again"):
        read_signal(path, start, end)


@pytest.mark.parametrize("content", [None, b"", b"RIFF is not enough", b"<html>404</html>"])
def test_what_is_not_audio(tmp_path, content):
    pytest.importorskip("soundfile")
    path = tmp_path / "broken.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TfserganError, match=r"broken\.wav cannot be read as audio"):
        read_signal(path)


def test_without_soundfile_the_message_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    with pytest.raises(TfserganError, match=r'soundfile.*pip install "tfsergan\[frames\]"'):
        read_signal(tmp_path / "a.wav")


def test_a_recording_passes_unchanged(recording):
    given = recording()
    assert read_signal(given) is given
    assert resampled(given) is given


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_resampling_keeps_level_pitch_and_duration(rate):
    time = np.arange(rate) / rate
    tone = Recording("tone", (0.5 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32), rate)
    samples = resampled(tone).samples
    assert samples.shape == (SAMPLE_RATE,)
    assert samples.dtype == np.float32
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    np.testing.assert_allclose(samples[200:-200], expected[200:-200], atol=2e-3)


def test_resampling_leaves_nothing_that_folds_over():
    time = np.arange(48_000) / 48_000
    tone = Recording("tone", np.sin(2 * np.pi * 11_000 * time).astype(np.float32), 48_000)
    assert np.abs(resampled(tone).samples[200:-200]).max() < 2e-3


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (np.zeros(0), SAMPLE_RATE, "no samples"),
        (np.array([0, np.nan]), SAMPLE_RATE, "not finite"),
        (np.zeros(1000), SAMPLE_RATE, "is silent"),
        (np.full(1000, 0.25), SAMPLE_RATE, "is silent"),
        (np.array([0, 0.5]), 1, "sample rate of 1 Hz"),
        (np.array([0, 0.5]), 10**9, "sample rate of"),
    ],
)
def test_faults(samples, rate, words):
    assert words in fault(Recording("a", samples.astype(np.float32), rate))


@given(st.lists(st.integers(-32768, 32767), min_size=2, max_size=50).filter(lambda s: len(set(s)) > 1))
def test_sixteen_bits_survive(steps):
    recording = Recording("a", (np.array(steps) / 32768).astype(np.float32), SAMPLE_RATE)
    assert fault(recording) is None
    assert audio.sixteen_bit(recording).tolist() == steps


def test_full_scale_is_clipped():
    recording = Recording("a", np.array([1.0, -1.0, 1.5], np.float32), SAMPLE_RATE)
    assert audio.sixteen_bit(recording).tolist() == [32767, -32768, 32767]
