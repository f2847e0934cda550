"""A small tree in the layout that README.md gives for CreativeIT: `python -m tfsergan.datasets.creative_it.dummy_data FOLDER`."""

import math
import sys
from pathlib import Path

from tfsergan.datasets.creative_it.layout import DIMENSIONS, HEADER
from tfsergan.datasets.dummy_audio import write_wav

RECORDINGS = {
    "s1_p1_A": ("1", "1A", "female", "paraphrase"),
    "s1_p1_B": ("1", "1B", "male", "paraphrase"),
    "s2_p1_A": ("2", "2A", "female", "two-sentence"),
}
"""Session, speaker, gender and part of each recording."""

UTTERANCES = ((0.2, 0.9), (1.1, 1.8))
"""Start and end of each recording's utterances in s."""

STEP = 0.1  # s between two ratings
LENGTH = 2.0  # s of a recording


def write(folder: Path) -> None:
    """Writes three recordings of three speakers, two utterances each, rated by two annotators, into `folder`."""
    rows = [HEADER, *((name, *cells) for name, cells in RECORDINGS.items())]
    _write_text(folder / "recordings.csv", "".join(",".join(row) + "\n" for row in rows))
    for i, name in enumerate(RECORDINGS):
        write_wav(folder / "audio" / f"{name}.wav", 120 + 40 * i, LENGTH)
        spoken = [f"{start}\t{end}\tMade-up sentence {j}.\n" for j, (start, end) in enumerate(UTTERANCES)]
        _write_text(folder / "utterances" / f"{name}.txt", "".join(spoken))
        for j, dimension in enumerate(DIMENSIONS):
            for k, rater in enumerate(("a", "b")):
                path = folder / "annotations" / name / f"{dimension}_{rater}.txt"
                _write_text(path, _trace(offset=0.2 * k - 0.1, phase=i + j))


def _trace(offset: float, phase: int) -> str:
    times = [STEP * n for n in range(round(LENGTH / STEP))]
    return "".join(f"{time:.2f} {0.5 * math.sin(time + phase) + offset:.4f}\n" for time in times)


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
