"""Writes a small made-up tree in the layout of RAVDESS: python -m tfsergan.datasets.ravdess.dummy_data FOLDER"""

import sys
from pathlib import Path

from tfsergan.datasets.dummy_audio import write_wav

SAMPLE_RATE = 48_000  # Hz

NAMES = (
    *("03-01-01-01-01-01-01", "03-01-05-02-02-01-01", "03-02-03-01-01-02-01"),
    *("03-01-08-01-01-02-24", "03-01-04-02-02-02-24"),
)
"""Four spoken recordings and a song."""


def write(folder: Path, rate: int = SAMPLE_RATE) -> None:
    """Five recordings of two actors, 0.3 s each."""
    for i, name in enumerate(NAMES):
        path = folder / f"Actor_{name[-2:]}" / f"{name}.wav"
        write_wav(path, pitch=120 + 20 * i, rate=rate)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
