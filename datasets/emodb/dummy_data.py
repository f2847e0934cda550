"""Writes a small made-up tree in the layout of EmoDB: python -m tfsergan.datasets.emodb.dummy_data FOLDER"""

import sys
from pathlib import Path

from tfsergan.datasets.dummy_audio import write_wav

NAMES = ("03a01Wa", "03a02Nc", "08b10Fb", "16a07Td", "11b03Lc")


def write(folder: Path) -> None:
    """Five recordings of four speakers, 0.3 s each, the n-th (from 0) with a pitch of 110 + 20 n Hz."""
    for i, name in enumerate(NAMES):
        write_wav(folder / "wav" / f"{name}.wav", pitch=110 + 20 * i)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
