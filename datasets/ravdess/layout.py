"""RAVDESS as it is unpacked: a folder an actor, wav files whose names say what, how and who."""

import re
from pathlib import Path
from typing import NamedTuple

from tfsergan.datasets.layout import EXTRA, MISLABELLED, Problem, Scan, Utterance, unique

LAYOUT = "ravdess/Actor_<01 to 24>/03-01-*.wav (or ravdess/Audio_Speech_Actors_01-24/Actor_...)"

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
"""The third number of a name, from 01."""

COUNTS = {emotion: 96 if emotion == "neutral" else 192 for emotion in EMOTIONS}
"""Spoken recordings of each emotion: 24 actors, two sentences twice, and all but neutral at two intensities."""

PUBLISHED = {"utterances": 1440, "speakers": 24, **COUNTS}

INTENSITIES = ("normal", "strong")
"""The fourth number of a name, from 01."""

TEXTS = ("Kids are talking by the door.", "Dogs are sitting by the door.")
"""The fifth number of a name, from 01."""

SPEECH = "01"
"""The vocal channel, a name's second number; 02 is song, which is left out."""

_NAME = re.compile(
    r"(?P<modality>0[1-3])-(?P<channel>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<text>0[12])"
    r"-(?P<repetition>0[12])-(?P<actor>0[1-9]|1\d|2[0-4])",
    re.ASCII,
)


class Name(NamedTuple):
    """The numbers of a recording's name, e.g. 03-01-05-02-01-01-12: audio, speech, angry, strong, text, take, actor."""

    modality: str
    channel: str
    emotion: str
    intensity: str
    text: str
    repetition: str
    actor: str


def parse_name(stem: str) -> Name | None:
    """The parts of a recording's name, None if it is not a name of a RAVDESS recording."""
    match = _NAME.fullmatch(stem)
    if not match or (match["emotion"] == "01" and match["intensity"] == "02"):  # nothing is strongly neutral
        return None
    return Name(**match.groupdict())


def scan(folder: Path) -> Scan:
    """The spoken recordings; songs, and what a Mac's archiver adds (`._*`), are left out."""
    utterances, problems = [], []
    for path in recordings(folder):
        name = parse_name(path.stem)
        if name is None or path.parent.name != f"Actor_{name.actor}":
            what = "does not have the name of a RAVDESS recording of this actor, such as Actor_01/03-01-01-01-01-01-01.wav (audio, speech, emotion, intensity, text, repetition, actor): remove it, or give it back its original name"
            problems.append(Problem(MISLABELLED, str(path), what))
        elif name.channel == SPEECH and name.modality == "03":
            utterances.append(_utterance(path, name))
        elif name.modality != "03":
            problems.append(Problem(EXTRA, str(path), "is the sound of a video: remove it"))
    return Scan("ravdess", folder, unique("ravdess", utterances), tuple(problems), PUBLISHED)


def recordings(folder: Path) -> list[Path]:
    """The wav files of all actors, sorted."""
    for place in (folder, folder / "Audio_Speech_Actors_01-24"):
        paths = [path for path in sorted(place.glob("Actor_*/*")) if path.suffix.lower() == ".wav"]
        paths = [path for path in paths if not path.name.startswith(".")]
        if paths:
            return paths
    return []


def _utterance(path: Path, name: Name) -> Utterance:
    return Utterance(
        id=path.stem,
        speaker=name.actor,
        session=name.actor,  # RAVDESS has no sessions: every actor was recorded alone
        gender="male" if int(name.actor) % 2 else "female",
        emotion=EMOTIONS[int(name.emotion) - 1],
        text=TEXTS[int(name.text) - 1],
        audio=path,
        extra={
            "intensity": INTENSITIES[int(name.intensity) - 1],
            "repetition": int(name.repetition),
        },
    )
