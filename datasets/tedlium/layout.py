"""TED-LIUM release 2 as it is unpacked: talks as NIST SPHERE files, and STM files that cut them into segments.

Only the training part is read: its 92 973 segments are the unlabelled source of Bao et al. 2019, sec. 3.1.
"""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tfsergan.datasets import label_files
from tfsergan.datasets.label_files import Fault
from tfsergan.datasets.layout import MISLABELLED, MISSING, UNREADABLE, Problem, Scan, Utterance, unique

LAYOUT = "tedlium/TEDLIUM_release2/train/{sph/*.sph,stm/*.stm} (or tedlium/train/...)"

PUBLISHED = {"utterances": 92_973}
"""Segments of the training part: Bao et al. 2019, sec. 3.1; the same in TFDS's catalogue of tedlium/release2."""

SAMPLE_RATE = 16_000  # Hz
HEADER = 1024  # bytes, of every SPHERE file of this corpus

_TIME = re.compile(r"\d{1,7}(\.\d*)?", re.ASCII)
_GENDERS = {"female": "female", "f": "female", "male": "male", "m": "male"}
_IGNORED = "ignore_time_segment_in_scoring"
_GAP = "inter_segment_gap"


class Segment(NamedTuple):
    """One line of an STM file.

    Attributes:
        file: the talk, without suffix.
        speaker: as the line writes it.
        start, end: s in the talk.
        gender: "female", "male" or "".
        text: the transcript as the line writes it.
    """

    file: str
    speaker: str
    start: float
    end: float
    gender: str
    text: str

    @property
    def id(self) -> str:
        """Talk, start and end in milliseconds, which sort as the talk goes on."""
        return f"{self.file}-{1000 * self.start:07.0f}-{1000 * self.end:07.0f}"


def parse_line(line: str) -> Segment | None:
    """A line `<file> <channel> <speaker> <start> <end> <label> <text>`; None where it is no speech to use.

    Comments, gaps between segments and segments left out of scoring are no speech to use.

    Raises:
        Fault: the line is not of this form; says why.
    """
    fields = line.split(maxsplit=6)
    if not fields or fields[0].startswith(";;"):
        return None
    if len(fields) < 6 or not (fields[5].startswith("<") and fields[5].endswith(">")):
        raise Fault.unreadable(line, "`file channel speaker start end <label> text`")
    file, channel, speaker, start, end, label = fields[:6]
    text = fields[6].strip() if len(fields) > 6 else ""
    if speaker.lower() == _GAP or text.lower() == _IGNORED:
        return None
    if not (_TIME.fullmatch(start) and _TIME.fullmatch(end) and float(start) < float(end)):
        raise Fault(MISLABELLED, f"a segment lasts from {start[:20]!r} to {end[:20]!r} s")
    if channel not in ("1", "A"):
        raise Fault(MISLABELLED, f"a segment is of channel {channel[:20]!r}, and the talks have one")
    if re.search(r"[/\\\0]", file) or file.startswith("."):
        raise Fault(MISLABELLED, f"{file[:40]!r} is no name of a talk")
    gender = _GENDERS.get(re.split("[,_]", label[1:-1])[-1].lower(), "")
    return Segment(file, speaker, float(start), float(end), gender, text)


def header_fault(header: bytes, size: int) -> str:
    """What is wrong with a SPHERE file of this corpus, "" if nothing is.

    Args:
        header: the file's first 1024 bytes.
        size: of the file, in bytes.
    """
    if len(header) < HEADER or not header.startswith(b"NIST_1A"):
        return "this is no NIST SPHERE file"
    fields = {}
    for line in header.split(b"end_head")[0].decode("ascii", errors="replace").splitlines():
        name, _, value = line.strip().partition(" ")
        fields[name] = value.partition(" ")[2]
    if fields.get("sample_coding", "pcm") != "pcm":
        return f"its samples are coded as {fields['sample_coding']}: unpack it with sph2pipe or sox"
    expected = {"sample_rate": str(SAMPLE_RATE), "channel_count": "1", "sample_n_bytes": "2"}
    for name, value in expected.items():
        if fields.get(name) != value:
            return f"its header says {name} {fields.get(name, 'nothing')}, and the corpus has {value}"
    count = fields.get("sample_count", "0")
    if not count.isdecimal() or size < HEADER + 2 * int(count):
        return f"it is cut off: {size} bytes for {count} samples"
    return ""


def scan(folder: Path) -> Scan:
    """The segments of the training part under `folder`, `folder/TEDLIUM_release2` or the part itself."""
    part = next((p for p in (folder / "TEDLIUM_release2" / "train", folder / "train") if p.is_dir()), folder)
    problems: list[Problem] = []
    segments = [
        segment for path in _files(part / "stm", ".stm").values() for segment in read_stm(path, problems)
    ]
    talks = _files(part / "sph", ".sph")
    heard = Counter(segment.file for segment in segments)
    silent = {name for name in sorted(heard) if not _is_readable(name, heard[name], part, talks, problems)}
    utterances = [
        Utterance(
            id=segment.id,
            speaker=segment.speaker,
            session=segment.file,
            gender=segment.gender,
            text=segment.text,
            audio=talks[segment.file],
            start=segment.start,
            end=segment.end,
        )
        for segment in segments
        if segment.file not in silent
    ]
    return Scan("tedlium", folder, unique("tedlium", utterances), tuple(problems), PUBLISHED)


def read_stm(path: Path, problems: list[Problem]) -> list[Segment]:
    """The segments of an STM file; lines that make no sense are added to `problems`."""
    lines = label_files.lines_or_problem(path, problems)
    segments, faults = label_files.parse_lines(lines, str(path), parse_line)
    problems += faults
    return segments


def _files(folder: Path, suffix: str) -> dict[str, Path]:
    """The files of a folder by stem, sorted; what a Mac's archiver adds (`._*`) is left out."""
    paths = sorted(folder.glob(f"*{suffix}"))
    return {path.stem: path for path in paths if not path.name.startswith(".")}


def _is_readable(name: str, n: int, part: Path, talks: dict[str, Path], problems: list[Problem]) -> bool:
    """Whether a talk is there and whole; if not, `problems` says so."""
    path = talks.get(name)
    if path is None:
        what = f"is not there, and {n} segments are cut from it: unpack it again"
        problems.append(Problem(MISSING, str(part / "sph" / f"{name}.sph"), what))
        return False
    try:
        with path.open("rb") as file:
            fault = header_fault(file.read(HEADER), path.stat().st_size)
    except OSError as error:
        fault = f"cannot be read ({error})"
    if fault:
        problems.append(Problem(UNREADABLE, str(path), f"{fault}; {n} segments are cut from it"))
    return not fault
