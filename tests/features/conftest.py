"""Sounds that the tests of features share."""

import importlib.util

import numpy as np
import pytest

from tfsergan.features.audio import SAMPLE_RATE, Recording


@pytest.fixture
def hum():
    """`hum(seconds, pitch, rate)`: a voiced sound, (t,) float32: 8 harmonics that fall by 6 dB an octave."""

    def make(seconds=0.5, pitch=150.0, rate=SAMPLE_RATE):
        time = np.arange(int(seconds * rate)) / rate
        return sum(0.15 / k * np.sin(2 * np.pi * k * pitch * time) for k in range(1, 9)).astype(np.float32)

    return make


@pytest.fixture
def recording(hum):
    """`recording(id, seconds, pitch, rate)`: a hum under a name."""
    return lambda name="a", seconds=0.5, pitch=150.0, rate=SAMPLE_RATE: Recording(
        name, hum(seconds, pitch, rate), rate
    )


@pytest.fixture
def write_audio():
    """`write_audio(path, samples, rate, subtype)`: writes what libsndfile takes the suffix for."""
    soundfile = pytest.importorskip("soundfile")

    def write(path, samples, rate=SAMPLE_RATE, subtype="PCM_16", format=None):
        soundfile.write(path, samples, rate, subtype=subtype, format=format)
        return path

    return write


@pytest.fixture
def opensmile():
    """Skips where openSMILE is not installed; never imports it: it must not share a process with TensorFlow."""
    if not importlib.util.find_spec("opensmile"):
        pytest.skip("openSMILE is an optional extra")
