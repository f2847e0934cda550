"""Writes a small made-up tree in the layout of TED-LIUM: python -m tfsergan.datasets.tedlium.dummy_data FOLDER"""

import itertools
import sys
from pathlib import Path

import numpy as np

from tfsergan.datasets.dummy_audio import RATE, buzz

TALKS = {
    "AdaExample_2009": ("male", (0.3, 0.9, 1.25), "the first talk of nobody {NOISE} about nothing"),
    "BobExample_2010": ("female", (0.0, 0.5, 1.1, 1.75), "it 's the second one(2) <sil>"),
}
"""Speaker's gender, borders of the segments in s, and what is said in each."""


def write(folder: Path) -> None:
    """Two talks of 2 s with five segments, one of them left out of scoring, and a development talk."""
    train = folder / "TEDLIUM_release2" / "train"
    for pitch, (talk, (gender, borders, text)) in enumerate(TALKS.items()):
        lines = [
            f"{talk} 1 {talk} {start} {end} <o,f0,{gender}> {text}"
            for start, end in itertools.pairwise(borders)
        ]
        lines.append(f"{talk} 1 {talk} {borders[-1]} 1.9 <o,,unknown> ignore_time_segment_in_scoring")
        _write_talk(train, talk, lines, 120 + 60 * pitch)
    lines = [
        "CatExample_2011 1 inter_segment_gap 0 0.4 <o,,unknown>",
        "CatExample_2011 1 CatExample_2011 0.4 1.5 <F0_F> this one is for development",
    ]
    _write_talk(folder / "TEDLIUM_release2" / "dev", "CatExample_2011", lines, 200)


def _write_talk(part: Path, talk: str, lines: list[str], pitch: float) -> None:
    for kind in ("sph", "stm"):
        (part / kind).mkdir(parents=True, exist_ok=True)
    (part / "stm" / f"{talk}.stm").write_text("\n".join([*lines, ""]), encoding="utf-8")
    (part / "sph" / f"{talk}.sph").write_bytes(sphere(buzz(pitch, seconds=2)))


def sphere(samples: np.ndarray) -> bytes:
    """A NIST SPHERE file of int16 samples (t,), mono."""
    fields = (
        "channel_count -i 1",
        f"sample_rate -i {RATE}",
        "sample_n_bytes -i 2",
        "sample_sig_bits -i 16",
        "sample_coding -s3 pcm",
        "sample_byte_format -s2 01",
        f"sample_count -i {len(samples)}",
    )
    header = "\n".join(["NIST_1A", "   1024", *fields, "end_head", ""])
    return header.encode("ascii").ljust(1024, b"\0") + samples.astype("<i2").tobytes()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
