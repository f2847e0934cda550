"""Short made-up recordings for the dummy trees of the corpora; numpy and the standard library alone."""

import wave
from pathlib import Path

import numpy as np


def tone(seconds: float, rate: int, pitch: float = 150) -> np.ndarray:
    """A buzz of a few harmonics that swells and fades: (seconds * rate,) int16."""
    time = np.arange(round(seconds * rate)) / rate
    sound = sum(np.sin(2 * np.pi * k * pitch * time) / k for k in range(1, 6))
    return (8000 * sound * np.hanning(len(time))).astype(np.int16)


def write_wav(path: Path, samples: np.ndarray, rate: int) -> None:
    """Writes int16 samples (t,) as mono, and the folders that are missing above them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
