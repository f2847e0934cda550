"""emodb: the Berlin database of emotional speech, from its own wav files."""

import collections
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow_datasets as tfds
from etils import epath

from tfsergan.datasets.common import SpeechBuilder, corpus_folder, feature_config
from tfsergan.errors import CorpusNotFound, TfserganError
from tfsergan.features.functionals import read_signal

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


class Name(NamedTuple):
    """What an EmoDB file name says, e.g. 03a01Fa: speaker 03, text a01, emotion F, version a."""

    speaker: str
    text: str
    emotion: str
    version: str


def parse_name(path: Path) -> Name:
    """The parts of a recording's name.

    Raises:
        TfserganError: it is not a name of an EmoDB recording.
    """
    match = _NAME.fullmatch(path.stem)
    if not match:
        raise TfserganError(
            f"{path} does not have the name of an EmoDB recording, such as 03a01Fa.wav (speaker, text, "
            "emotion, version): remove it, or give it back its original name."
        )
    return Name(**match.groupdict())


class Builder(SpeechBuilder):
    """Prepares EmoDB from `<manual_dir>/emodb`; the label is the letter in the file's name.

    Attributes:
        allow_partial: take a folder that lacks some of the 535 recordings.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}  # noqa: RUF012  (TFDS reads a plain dict)
    BUILDER_CONFIGS = [feature_config(name) for name in ("is10", "is09", "is11", "is13", "audio")]  # noqa: RUF012
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Unpack the archive of http://emodb.bilderbar.info as {LAYOUT}; see README.md."
    )
    homepage = "http://emodb.bilderbar.info"
    code_path = epath.Path(__file__)
    pkg_dir_path = code_path.parent
    allow_partial = False

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        paths = _recordings(corpus_folder(dl_manager, "emodb", LAYOUT))
        names = [parse_name(path) for path in paths]
        if not self.allow_partial:
            _check_counts([name.emotion for name in names], paths[0].parent)
        return {"labelled": self._generate_examples(paths)}

    def _generate_examples(self, paths: Sequence[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
        return self._examples(paths, _metadata, read_signal, "emodb")


def _recordings(folder: Path) -> list[Path]:
    """The wav files, sorted; those that a Mac's archiver adds (`._*`) left out."""
    for place in (folder / "wav", folder):
        paths = [path for path in sorted(place.glob("*")) if path.suffix.lower() == ".wav"]
        paths = [path for path in paths if not path.name.startswith(".")]
        if paths:
            return paths
    raise CorpusNotFound(f"The corpus emodb was not found: {folder} holds no wav files. Expected: {LAYOUT}.")


def _check_counts(emotions: Sequence[str], folder: Path) -> None:
    found = collections.Counter(emotions)
    if found == COUNTS:
        return
    table = ", ".join(f"{letter} {found[letter]} of {count}" for letter, count in COUNTS.items())
    raise TfserganError(
        f"{folder} holds {len(emotions)} of EmoDB's {sum(COUNTS.values())} recordings ({table}): unpack the "
        "archive again, or load it with `tfsergan.corpora.load(..., allow_partial=True)`."
    )


def _metadata(path: Path) -> dict[str, str]:
    name = parse_name(path)
    return {
        "utterance": path.stem,
        "speaker": name.speaker,
        "session": name.speaker,  # EmoDB has no sessions: every speaker was recorded alone
        "gender": GENDERS[name.speaker],
        "emotion": name.emotion,
        "text": TEXTS[name.text],
    }
