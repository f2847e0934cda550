import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsergan.errors import TfserganError
from tfsergan.features import frames
from tfsergan.features.audio import SAMPLE_RATE, Recording

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("kaldi_native_fbank"), reason="kaldi-native-fbank is an optional extra"
)
BANDS = slice(0, frames.BANDS)
NCCF, F0, ENERGY = (frames.NAMES.index(name) for name in ("nccf", "f0", "log_energy"))


def tone(frequency, amplitude=0.3, seconds=1.0):
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return Recording(
        "tone", (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32), SAMPLE_RATE
    )


def test_names():
    assert len(frames.NAMES) == len(set(frames.NAMES)) == 43
    assert frames.NAMES[40:] == ("nccf", "f0", "log_energy")


@settings(deadline=None, max_examples=50)
@given(st.integers(640, 20_000))
def test_number_of_frames(samples):
    noise = np.random.default_rng(samples).normal(0, 0.05, samples).astype(np.float32)
    found = frames.analyse(Recording("noise", noise, SAMPLE_RATE))
    assert found.shape == (1 + (samples - 640) // 160, 43)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_less_than_a_window_is_refused():
    assert "lasts 39.9 ms; one window needs 40 ms" in frames.analyse(tone(100, seconds=639 / SAMPLE_RATE))


@pytest.mark.parametrize("pitch", [70.0, 110.0, 150.0, 220.0, 330.0])
def test_pitch_of_a_voiced_sound(recording, pitch):
    found = frames.analyse(recording(seconds=1.0, pitch=pitch))[10:-10]
    np.testing.assert_allclose(found[:, F0], pitch, rtol=0.01)
    assert (found[:, NCCF] > 0.9).all()


def test_pitch_follows_a_glide():
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    f0 = 120 * 2 ** (time / 2)
    phase = 2 * np.pi * np.cumsum(f0) / SAMPLE_RATE
    samples = sum(0.1 / k * np.sin(k * phase) for k in range(1, 6)).astype(np.float32)
    found = frames.analyse(Recording("glide", samples, SAMPLE_RATE))
    centres = (np.arange(len(found)) * 160 + 320) / SAMPLE_RATE
    np.testing.assert_allclose(found[10:-10, F0], 120 * 2 ** (centres[10:-10] / 2), rtol=0.02)


def test_silence_and_noise_are_unvoiced_and_finite():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, SAMPLE_RATE)
    samples = np.concatenate([np.zeros(SAMPLE_RATE), noise]).astype(np.float32)
    found = frames.analyse(Recording("hush", samples, SAMPLE_RATE))
    assert np.isfinite(found).all()
    silent, noisy = found[:90], found[105:]
    assert (np.abs(silent[:, NCCF]) < 0.01).all()
    assert np.median(noisy[:, NCCF]) < 0.5
    floor = np.log(np.finfo(np.float32).eps)
    np.testing.assert_allclose(silent[:, BANDS], floor, rtol=1e-6)
    np.testing.assert_allclose(silent[:, ENERGY], floor, rtol=1e-6)


@pytest.mark.parametrize("amplitude", [0.001, 0.03, 0.9])
def test_energy_is_the_sum_of_squares_of_sixteen_bit_samples(amplitude):
    found = frames.analyse(tone(400, amplitude))  # 16 periods a window: no mean to take off
    expected = np.log(640 * (amplitude * 32768) ** 2 / 2)
    np.testing.assert_allclose(found[:, ENERGY], expected, atol=1e-3)


def mel(frequency):
    return 1127 * np.log(1 + frequency / 700)


@pytest.mark.parametrize("band", [2, 8, 15, 25, 38])
def test_a_tone_is_strongest_in_its_band(band):
    edges = np.linspace(mel(20), mel(8000), frames.BANDS + 2)
    centre = 700 * (np.exp(edges[band + 1] / 1127) - 1)
    found = frames.analyse(tone(centre))[5:-5, BANDS]
    assert (found.argmax(axis=1) == band).all()
    assert (found.max(axis=1) - np.median(found, axis=1) > 3).all()


def test_level_moves_bands_and_energy_alone(recording):
    loud = recording(seconds=0.8)
    found, quiet = frames.analyse(loud), frames.analyse(loud._replace(samples=loud.samples / 4))
    gain = 2 * np.log(4)
    np.testing.assert_allclose((found - quiet)[:, ENERGY], gain, atol=1e-3)
    np.testing.assert_allclose((found - quiet)[:, BANDS], gain, atol=1e-2)
    np.testing.assert_allclose(found[10:-10, F0], quiet[10:-10, F0], rtol=0.01)


def test_the_same_samples_give_the_same_values(recording):
    first = frames.analyse(recording())
    frames.analyse(recording(pitch=300))
    assert frames.analyse(recording()).tobytes() == first.tobytes()


def test_without_the_package_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TfserganError, match=r'pip install "tfsergan\[frames\]"'):
        frames.require()


@pytest.mark.parametrize("frequency", [80.0, 100.0, 150.0, 220.0, 350.0])
def test_pitch_of_a_pure_tone(frequency):
    found = frames.analyse(tone(frequency))[5:-5]
    np.testing.assert_allclose(found[:, F0], frequency, rtol=0.01)
    assert (found[:, NCCF] > 0.95).all()


@pytest.mark.parametrize(("seconds", "expected"), [(14.0, 1397), (0.04, 1), (0.05, 2), (0.001, 1)])
def test_frames_in_seconds(seconds, expected):
    assert frames.frames_in(seconds) == expected
    if seconds >= 0.04:
        assert len(frames.analyse(tone(200, seconds=seconds))) == expected
