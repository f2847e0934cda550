"""Sound for the dummy corpora that tests, and people who try a layout, are served with."""

import wave
from pathlib import Path

import numpy as np

RATE = 16_000  # Hz


def buzz(pitch: float = 150.0, seconds: float = 0.3, rate: int = RATE) -> np.ndarray:
    """A tone of `pitch` Hz with five harmonics: (seconds * rate,) int16; silence, if the pitch is 0."""
    time = np.arange(round(seconds * rate)) / rate
    samples = sum(np.sin(2 * np.pi * k * pitch * time) / k for k in range(1, 6))
    return (8000 * samples).astype(np.int16)


def write_wav(path: Path, pitch: float = 150.0, seconds: float = 0.3, rate: int = RATE) -> None:
    """Writes a buzz, mono, 16 bit; makes the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(buzz(pitch, seconds, rate).astype("<i2").tobytes())
