"""IEMOCAP as it is unpacked: EmoEvaluation files, transcriptions, and one wav file an utterance."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tfsergan.datasets import label_files
from tfsergan.datasets.label_files import Fault
from tfsergan.datasets.layout import MISLABELLED, Problem, Scan, Utterance, unique

LAYOUT = (
    "iemocap/IEMOCAP_full_release/Session*/ with dialog/EmoEvaluation/*.txt and sentences/wav/*/*.wav "
    "(or iemocap/Session*/)"
)

COUNTS = {
    "ang": 1103,
    "hap": 595,
    "exc": 1041,
    "neu": 1708,
    "sad": 1084,
    "fru": 1849,
    "fea": 40,
    "sur": 107,
    "dis": 2,
    "oth": 3,
    "xxx": 2507,
}
"""Utterances of each consensus label in the published corpus; "xxx" is no agreement."""

PUBLISHED = {"utterances": 10039, "speakers": 10, "sessions": 5, **COUNTS}

MEANS = (0.5, 5.5)
"""Bounds of a mean rating. The scale is 1 to 5; seven published means are 0.5 or 5.5, so that some rater must have
given 0 or 6."""

RATINGS = (0.0, 6.0)
"""Bounds of one rater's rating, see `MEANS`."""

_GENDERS = {"F": "female", "M": "male"}
_PARTS = {"impro": "improvised", "script": "scripted"}

_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_TURN = re.compile(
    r"(?P<dialogue>Ses(?P<session>0[1-5])[FM]_(?P<kind>impro|script)[0-9]{2}(?:_[0-9])?[a-z]?)_(?P<gender>[FM])[0-9]{3}"
)
_HEADER = re.compile(
    rf"\[{_NUMBER} - {_NUMBER}\]\s+(\S+)\s+(\S+)\s+\[{_NUMBER}, *{_NUMBER}, *{_NUMBER}\]", re.ASCII
)
_CATEGORIES = re.compile(r"(C-[A-Z]+[0-9]+):((?:[^;()]*;)+)\s*\((.*)\)", re.ASCII)
_ATTRIBUTES = re.compile(
    rf"(A-[A-Z]+[0-9]+):\s*val *{_NUMBER}?; *act *{_NUMBER}?; *dom *{_NUMBER}?;\s*\((.*)\)", re.ASCII
)
_SPOKEN = re.compile(r"(Ses\w+) +\[[0-9. -]+\]: *(.*)", re.ASCII)


def parse_turn(name: str) -> Utterance | None:
    """What an utterance's name says, e.g. Ses01F_impro01_M003; None if it is no such name.

    The speaker is named as in published feature tables, 01F to 05M. The letter after the session, F in the
    example, tells who wore the motion capture markers; who speaks is told by the letter of the turn, M.
    """
    match = _TURN.fullmatch(name)
    if not match:
        return None
    session, gender = match["session"], match["gender"]
    return Utterance(
        id=name,
        speaker=session + gender,
        session=str(int(session)),
        gender=_GENDERS[gender],
        part=_PARTS[match["kind"]],
    )


def parse_evaluation(lines: Sequence[str], where: str) -> tuple[list[Utterance], list[Problem]]:
    """The utterances of an EmoEvaluation file, without their audio, and what is wrong with it.

    Args:
        lines: of the file; a bare list of header lines, with no raters' lines, will do.
        where: the file, for messages.
    """
    return label_files.parse_blocks(lines, where, ("[",), _parse_header, _parse_rater, comment=("%",))


def _parse_header(line: str) -> Utterance:
    """The utterance of a block's first line; Fault if it is wrong."""
    match = _HEADER.fullmatch(line)
    if not match:
        raise Fault.unreadable(line, "`[start - end] utterance emotion [v, a, d]`")
    start, end, name, emotion, *means = match.groups()
    utterance = parse_turn(name)
    if utterance is None:
        raise Fault(MISLABELLED, f"{name!r} is not the name of an utterance, such as Ses01F_impro01_F000")
    if emotion not in COUNTS:
        raise Fault(MISLABELLED, f"{name}: the emotion {emotion!r} is not one of {', '.join(COUNTS)}")
    if float(start) >= float(end):
        raise Fault(MISLABELLED, f"{name}: it starts at {start} s and ends at {end} s")
    outside = [mean for mean in means if not MEANS[0] <= float(mean) <= MEANS[1]]
    if outside:
        raise Fault(MISLABELLED, f"{name}: the rating {outside[0]} is not in {MEANS[0]} to {MEANS[1]}")
    valence, activation, dominance = map(float, means)
    return replace(utterance, emotion=emotion, valence=valence, activation=activation, dominance=dominance)


def _parse_rater(line: str) -> dict:
    """One rater's line as a dictionary; Fault if it is wrong."""
    match = _CATEGORIES.fullmatch(line)
    if match:
        labels = [label.strip() for label in match[2].split(";") if label.strip()]
        return {"rater": match[1], "labels": labels, "comment": match[3]}
    match = _ATTRIBUTES.fullmatch(line)
    if not match:
        raise Fault.unreadable(line, "a rater's line, `C-E1: label; ()` or `A-E1: val 1; act 1; dom 1; ()`")
    rater, *ratings, comment = match.groups()
    values = [None if rating is None else float(rating) for rating in ratings]
    if any(value is not None and not RATINGS[0] <= value <= RATINGS[1] for value in values):
        raise Fault(MISLABELLED, f"a rating is not in {RATINGS[0]} to {RATINGS[1]}: {line[:60]!r}")
    names = ("valence", "activation", "dominance")
    return {"rater": rater, **dict(zip(names, values, strict=True)), "comment": comment}


def parse_transcription(lines: Sequence[str]) -> dict[str, str]:
    """What is said in each utterance of a transcription; "" for one that has two different lines."""
    texts: dict[str, str] = {}
    for line in lines:
        match = _SPOKEN.fullmatch(line.strip())
        if match and _TURN.fullmatch(match[1]):
            name, text = match[1], match[2].strip()
            texts[name] = text if texts.get(name, text) == text else ""
    return texts


def scan(folder: Path) -> Scan:
    """The utterances that have both a label and a recording; what a Mac's archiver adds (`._*`) is left out."""
    root = folder / "IEMOCAP_full_release"
    root = root if root.is_dir() else folder
    problems: list[Problem] = []
    labelled: list[Utterance] = []
    for path in sorted(root.glob("Session[1-5]/dialog/EmoEvaluation/Ses*.txt")):
        utterances, faults = parse_evaluation(label_files.lines_or_problem(path, problems), str(path))
        labelled += utterances
        problems += faults
    texts: dict[str, str] = {}
    for path in sorted(root.glob("Session[1-5]/dialog/transcriptions/Ses*.txt")):
        texts |= parse_transcription(label_files.lines_or_problem(path, problems))
    once = label_files.labelled_once(labelled, root, problems)
    audio = label_files.recordings(root.glob("Session[1-5]/sentences/wav/*/*"))
    ids = {utterance.id for utterance in labelled}
    whole = label_files.with_audio(once, audio, lambda u: _place(root, u), ids, problems)
    spoken = tuple(replace(utterance, text=texts.get(utterance.id, "")) for utterance in whole)
    return Scan("iemocap", folder, unique("iemocap", spoken), tuple(problems), PUBLISHED)


def _place(root: Path, utterance: Utterance) -> Path:
    dialogue = _TURN.fullmatch(utterance.id)["dialogue"]
    return root / f"Session{utterance.session}" / "sentences" / "wav" / dialogue / utterance.id
