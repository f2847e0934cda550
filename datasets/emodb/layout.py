"""EmoDB as it is unpacked: wav files whose names say who, what and how."""

import re
from pathlib import Path
from typing import NamedTuple

from tfsergan.datasets.layout import MISLABELLED, Problem, Scan, Utterance, unique

LAYOUT = "emodb/wav/*.wav (or emodb/*.wav)"

COUNTS = {"W": 127, "L": 81, "E": 46, "A": 69, "F": 71, "T": 62, "N": 79}
"""Recordings of each emotion in the published corpus, 535 in all: Wut (anger), Langeweile (boredom), Ekel
(disgust), Angst (fear), Freude (happiness), Trauer (sadness), neutral."""

GENDERS = {
    "03": "male",
    "08": "female",
    "09": "female",
    "10": "male",
    "11": "male",
    "12": "male",
    "13": "female",
    "14": "female",
    "15": "male",
    "16": "female",
}
"""The ten speakers."""

TEXTS = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
"""The ten sentences."""

_NAME = re.compile(
    f"(?P<speaker>{'|'.join(GENDERS)})(?P<text>{'|'.join(TEXTS)})(?P<emotion>[{''.join(COUNTS)}])(?P<version>[a-z])"
)


PUBLISHED = {"utterances": 535, "speakers": 10, **COUNTS}


class Name(NamedTuple):
    """What an EmoDB file name says, e.g. 03a01Fa: speaker 03, text a01, emotion F, version a."""

    speaker: str
    text: str
    emotion: str
    version: str


def parse_name(stem: str) -> Name | None:
    """The parts of a recording's name, None if it is not a name of an EmoDB recording."""
    match = _NAME.fullmatch(stem)
    return Name(**match.groupdict()) if match else None


def scan(folder: Path) -> Scan:
    """The recordings in `folder` or `folder/wav`; what a Mac's archiver adds (`._*`) is left out."""
    utterances, problems = [], []
    for path in recordings(folder):
        name = parse_name(path.stem)
        if name is None:
            what = "does not have the name of an EmoDB recording, such as 03a01Fa.wav (speaker, text, emotion, version): remove it, or give it back its original name"
            problems.append(Problem(MISLABELLED, str(path), what))
            continue
        utterances.append(
            Utterance(
                id=path.stem,
                speaker=name.speaker,
                session=name.speaker,  # EmoDB has no sessions: every speaker was recorded alone
                gender=GENDERS[name.speaker],
                emotion=name.emotion,
                text=TEXTS[name.text],
                audio=path,
            )
        )
    return Scan("emodb", folder, unique("emodb", utterances), tuple(problems), PUBLISHED)


def recordings(folder: Path) -> list[Path]:
    """The wav files, sorted."""
    for place in (folder / "wav", folder):
        paths = [path for path in sorted(place.glob("*")) if path.suffix.lower() == ".wav"]
        paths = [path for path in paths if not path.name.startswith(".")]
        if paths:
            return paths
    return []
