"""Sound for the dummy corpora that tests, and people who try a layout, are served with."""

import wave
from pathlib import Path

import numpy as np

RATE = 16_000  # Hz


def write_wav(path: Path, pitch: float = 150.0, seconds: float = 0.3) -> None:
    """Writes a buzz of `pitch` Hz with five harmonics, 16 kHz, mono, 16 bit; makes the folders it needs."""
    time = np.arange(round(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * k * pitch * time) / k for k in range(1, 6))
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((8000 * buzz).astype("<i2").tobytes())
