"""Writes a small made-up corpus for the builder `folder`: python -m tfsergan.datasets.folder.dummy_data FOLDER"""

import sys
from pathlib import Path

from tfsergan.datasets.dummy_audio import write_wav

METADATA = """\
file,speaker,session,gender,emotion,part,text,valence,start,end
audio/one.wav,s1,1,female,angry,scripted,Leave me alone.,1.5,,
audio/one_more.wav,s2,1,male,neutral,scripted,It is Tuesday.,3,,
audio/long.wav,s3,2,,happy,improvised,We won!,4.25,0.1,0.5
audio/long.wav,s4,2,male,sad,improvised,They did.,,0.5,0.95
"""


def write(folder: Path) -> None:
    """Three files of four speakers, one of them with two segments, and the table about them."""
    for pitch, (name, seconds) in enumerate({"one": 0.3, "one_more": 0.4, "long": 1.0}.items()):
        write_wav(folder / "audio" / f"{name}.wav", pitch=110 + 30 * pitch, seconds=seconds)
    (folder / "metadata.csv").write_text(METADATA, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
