"""MSP-IMPROV as it is unpacked: one evaluation file for all clips, and folders of sessions, scenes and parts."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tfsergan.datasets import label_files
from tfsergan.datasets.label_files import Fault
from tfsergan.datasets.layout import MISLABELLED, Problem, Scan, Utterance, unique

LAYOUT = "msp_improv/Evalution.txt (or Evaluation.txt) and msp_improv/Audio/session*/S*/[PRST]/*.wav (or msp_improv/session*/...)"

COUNTS = {"A": 792, "H": 2644, "N": 3477, "S": 885, "O": 85, "X": 555}
"""Clips of each consensus label in the published corpus: angry, happy, neutral, sad, other, no agreement."""

PUBLISHED = {"utterances": 8438, "speakers": 12, "sessions": 6, **COUNTS}

PARTS = {"P": "natural", "R": "target-read", "S": "other-improvised", "T": "target-improvised"}
"""The four data sets of Busso et al. 2017, table 3, by the letter in a clip's name. Nothing published says which letter
is which; the published numbers of clips (2785, 620, 4381, 652) and of each emotion in them (table 4) leave no doubt."""

PART_COUNTS = {"natural": 2785, "target-read": 620, "other-improvised": 4381, "target-improvised": 652}
"""Clips of each part in the published corpus."""

RATINGS = (1.0, 5.0)
"""Bounds of a rating and of a mean. Activation seems to run from 1, very active, to 5, very calm; see README.md."""

LABELS = "avi_cat.labels"
"""A list of clips and consensus labels that is read where there is no evaluation file."""

_EVALUATIONS = ("Evalution.txt", "Evaluation.txt")  # the first is how the release spells it
_TEXTS = ("All_human_transcriptions", "Text")
_GENDERS = {"F": "female", "M": "male"}

_NAME = re.compile(
    r"(?:MSP|UTD)-(?P<rest>IMPROV-(?P<scene>S(?:0[1-9]|1[0-9]|20)[AHNS])-(?P<target>[FM]0(?P<session>[1-6]))-"
    r"(?P<part>[PRST])-(?P<speaker>[FM])(?P<partner>[FM])[0-9]{2})"
)
_RATING = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?|NaN)", re.ASCII)


def parse_name(stem: str) -> Utterance | None:
    """What a clip's name says, e.g. MSP-IMPROV-S01A-F02-S-MF03; None if it is no such name.

    S01A is the scene: sentence 01, meant to be angry. F02 is whom the scene was written for, the woman of session 2. S
    is the part. M is who speaks, F whom to, 03 counts that speaker's turns; in the part R both letters are the reader's.
    Labels name the video, UTD-...avi, and the audio is MSP-...wav; the utterance is named like the audio.
    """
    match = _NAME.fullmatch(stem)
    if not match or (match["speaker"] == match["partner"]) != (match["part"] == "R"):
        return None
    if match["part"] in "RT" and match["speaker"] != match["target"][0]:
        return None  # the target sentence is said by whom the scene was written for
    return Utterance(
        id=f"MSP-{match['rest']}",
        speaker=f"{match['speaker']}0{match['session']}",
        session=match["session"],
        gender=_GENDERS[match["speaker"]],
        part=PARTS[match["part"]],
        extra={"scenario": match["scene"], "target_speaker": match["target"], "raters": "[]"},
    )


def parse_evaluation(lines: Sequence[str], where: str) -> tuple[list[Utterance], list[Problem]]:
    """The clips of Evalution.txt, without their audio, and what is wrong with it.

    Args:
        lines: of the file: blocks of a clip's line and its raters' lines, blank lines between them.
        where: the file, for messages.
    """
    return label_files.parse_blocks(lines, where, ("UTD-", "MSP-"), _parse_clip, _parse_rater)


def _parse_clip(line: str) -> Utterance:
    """The clip of a block's first line; Fault if it is wrong."""
    video, *fields = (field.strip() for field in line.split(";"))
    if len(fields) not in (5, 6) or fields[-1]:
        raise Fault.unreadable(line, "`clip.avi; label; A:1; V:1; D:1; N:1;`")
    ratings = _parse_ratings(fields[1:-1], line)
    means = {name: ratings[name] for name in ("valence", "activation", "dominance")}
    means = {name: math.nan if mean is None else mean for name, mean in means.items()}
    return replace(_labelled(video, fields[0]), **means)


def _labelled(video: str, emotion: str) -> Utterance:
    utterance = parse_name(video.removesuffix(".avi"))
    if utterance is None:
        example = "UTD-IMPROV-S01A-F01-P-FM01.avi"
        raise Fault(
            MISLABELLED, f"{video[: label_files.SHOWN]!r} is not the name of a clip, such as {example}"
        )
    if emotion not in COUNTS:
        raise Fault(MISLABELLED, f"{video}: the emotion {emotion!r} is not one of {', '.join(COUNTS)}")
    return replace(utterance, emotion=emotion)


def _parse_rater(line: str) -> dict:
    """One rater's line as a dictionary; Fault if it is wrong."""
    fields = [field.strip() for field in line.split(";")]
    if len(fields) < 8 or fields[-1]:
        raise Fault.unreadable(line, "a rater's line, `rater; label; labels; A:1; V:1; D:1; N:1;`")
    ratings = _parse_ratings(fields[-5:-1], line)
    secondary = "; ".join(fields[2:-5])  # free text, which may hold a semicolon
    return {"rater": fields[0], "label": fields[1], "secondary": secondary, **ratings}


def _parse_ratings(fields: Sequence[str], line: str) -> dict[str, float | None]:
    """What `A:1`, `V:1`, `D:1` and perhaps `N:1` say, None for NaN; Fault if it is wrong."""
    names = {"A": "activation", "V": "valence", "D": "dominance", "N": "naturalness"}
    ratings: dict[str, float | None] = {}
    for letter, field in zip(names, fields, strict=False):
        value = field.removeprefix(f"{letter}:").strip()
        if not field.startswith(f"{letter}:") or not _RATING.fullmatch(value):
            raise Fault.unreadable(
                line, f"a line with {letter}:1 to {letter}:5 or NaN where it has {field[:20]!r}"
            )
        if value != "NaN" and not RATINGS[0] <= float(value) <= RATINGS[1]:
            raise Fault(MISLABELLED, f"the rating {field} is not in {RATINGS[0]} to {RATINGS[1]}")
        ratings[names[letter]] = None if value == "NaN" else float(value)
    return ratings


def parse_labels(lines: Sequence[str], where: str) -> tuple[list[Utterance], list[Problem]]:
    """The clips of a list of names and labels, `UTD-IMPROV-S01A-F02-R-FF01.avi  A`; they have no ratings.

    Args:
        lines: of the file.
        where: the file, for messages.
    """
    return label_files.parse_lines(lines, where, _parse_label)


def _parse_label(line: str) -> Utterance:
    fields = line.split()
    if len(fields) != 2:
        raise Fault.unreadable(line, "a clip and its label")
    return _labelled(*fields)


def scan(folder: Path) -> Scan:
    """The clips that have both a label and a recording; what a Mac's archiver adds (`._*`) is left out."""
    problems: list[Problem] = []
    path, parse = _label_file(folder)
    labelled, faults = parse(label_files.lines_or_problem(path, problems), str(path))
    problems += faults
    once = label_files.labelled_once(labelled, path, problems)
    root = folder / "Audio" if (folder / "Audio").is_dir() else folder
    audio = label_files.recordings(root.glob("session[1-6]/S*/[PRST]/*"))
    ids = {utterance.id for utterance in labelled}
    whole = list(label_files.with_audio(once, audio, lambda u: _place(root, u), ids, problems))
    texts = _texts(folder, problems)
    spoken = tuple(replace(utterance, text=texts.get(utterance.id, "")) for utterance in whole)
    return Scan("msp_improv", folder, unique("msp_improv", spoken), tuple(problems), PUBLISHED)


def _place(root: Path, utterance: Utterance) -> Path:
    _, _, scene, _, part, _ = utterance.id.split("-")
    return root / f"session{utterance.session}" / scene / part / utterance.id


def _label_file(folder: Path) -> tuple[Path, Callable]:
    """The file with the labels, and what reads it; the release's own, missing, if there is none."""
    for name in _EVALUATIONS:
        if (folder / name).is_file():
            return folder / name, parse_evaluation
    if (folder / LABELS).is_file():
        return folder / LABELS, parse_labels
    return folder / _EVALUATIONS[0], parse_evaluation


def _texts(folder: Path, problems: list[Problem]) -> dict[str, str]:
    """What is said in each clip, from the transcriptions if they are there: one file a clip, of its name."""
    texts = {}
    for name in _TEXTS:
        for pattern in ("*.txt", "*/*.txt"):
            for path in sorted((folder / name).glob(pattern)):
                if _NAME.fullmatch(path.stem):
                    texts[path.stem] = " ".join(
                        " ".join(label_files.lines_or_problem(path, problems)).split()
                    )
    return texts
