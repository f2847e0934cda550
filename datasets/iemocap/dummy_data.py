"""A small tree in IEMOCAP's layout, with made-up sentences and labels: `python -m tfsergan.datasets.iemocap.dummy_data FOLDER`."""

import sys
from pathlib import Path

from tfsergan.datasets.dummy_audio import write_wav

DIALOGUES = {
    "Ses01F_impro01": (("F000", "neu"), ("M000", "exc"), ("F001", "xxx")),
    "Ses01M_script01_1b": (("M000", "ang"), ("F000", "hap")),
    "Ses03M_impro05a": (("F000", "sad"), ("M000", "fru")),
}
"""Turns of each dialogue, with their emotion."""

WORDS = {
    "neu": "Neutral",
    "exc": "Excited",
    "xxx": "Other",
    "ang": "Anger",
    "hap": "Happiness",
    "sad": "Sadness",
}

TURN = 1.5  # s


def write(folder: Path) -> None:
    """Writes the tree `IEMOCAP_full_release` into `folder`: 7 utterances of 4 speakers in 2 sessions."""
    for i, (dialogue, turns) in enumerate(DIALOGUES.items()):
        session = folder / "IEMOCAP_full_release" / f"Session{dialogue[4]}"
        blocks, spoken = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n"], []
        for j, (turn, emotion) in enumerate(turns):
            name, start, end = f"{dialogue}_{turn}", TURN * j, TURN * j + 1
            blocks.append(_block(name, emotion, start, end))
            spoken.append(f"{name} [{start:08.4f}-{end:08.4f}]: Made-up sentence {j}.\n")
            pitch = (220 if turn[0] == "F" else 120) + 10 * i + j
            write_wav(session / "sentences" / "wav" / dialogue / f"{name}.wav", pitch)
        _write_text(session / "dialog" / "EmoEvaluation" / f"{dialogue}.txt", "\n".join(blocks))
        _write_text(session / "dialog" / "transcriptions" / f"{dialogue}.txt", "".join(spoken))


def _block(name: str, emotion: str, start: float, end: float) -> str:
    word = WORDS.get(emotion, "Frustration")
    return (
        f"[{start:.4f} - {end:.4f}]\t{name}\t{emotion}\t[2.5000, 3.0000, 3.5000]\n"
        f"C-E1:\t{word};\t()\n"
        f"C-E2:\t{word}; Other;\t(made up)\n"
        "C-F1:\t;\t()\n"
        "A-E1:\tval 2; act 3; dom  4;\t()\n"
        "A-E2:\tval 3; act 3; dom  3;\t(made up, too)\n"
    )


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
