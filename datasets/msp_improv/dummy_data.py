"""A small tree in MSP-IMPROV's layout, with made-up labels: `python -m tfsergan.datasets.msp_improv.dummy_data FOLDER`."""

import sys
from pathlib import Path

from tfsergan.datasets.dummy_audio import write_wav

CLIPS = {
    "S01A-F01-S-FM01": "A",
    "S01A-F01-S-MF01": "N",
    "S01A-F01-T-FM01": "A",
    "S01A-F01-R-FF01": "A",
    "S07H-M01-P-FM01": "H",
    "S20S-M04-S-MF12": "S",
    "S20S-M04-T-MF01": "X",
}
"""The label of each clip."""

WORDS = {"A": "Angry", "H": "Happy", "N": "Neutral", "S": "Sad"}


def write(folder: Path) -> None:
    """Writes `Evalution.txt`, `Audio` and `All_human_transcriptions` into `folder`: 7 clips of 3 speakers in 2 sessions."""
    texts = folder / "All_human_transcriptions"
    texts.mkdir(parents=True, exist_ok=True)
    for i, clip in enumerate(CLIPS):
        scene, target, part, turn = clip.split("-")
        place = folder / "Audio" / f"session{target[2]}" / scene / part
        write_wav(place / f"MSP-IMPROV-{clip}.wav", (220 if turn[0] == "F" else 120) + 10 * i)
        (texts / f"MSP-IMPROV-{clip}.txt").write_text(f"Made-up sentence {i}.\n", encoding="utf-8")
    blocks = "\n".join(_block(clip, emotion) for clip, emotion in CLIPS.items())
    (folder / "Evalution.txt").write_text(blocks, encoding="utf-8")


def _block(clip: str, emotion: str) -> str:
    word = WORDS.get(emotion, "Other")
    return (
        f"UTD-IMPROV-{clip}.avi; {emotion}; A:2.500000; V:3.000000; D:3.500000 ; N:4.000000;\n"
        f"rater_1-p; {word}; {word},Other (made up; twice); A:2.000000; V:3.000000; D:4.000000; N:4.000000;\n"
        f"rater_2-p; {word}; {word}; A:3.000000; V:3.000000; D:3.000000; N:NaN;\n"
    )


if __name__ == "__main__":
    write(Path(sys.argv[1]))
