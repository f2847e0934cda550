"""What a corpus's files hold, before anything is extracted: counts beside published ones, and every problem."""

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import joblib
import numpy as np

from tfsergan import catalogue, manifests
from tfsergan.catalogue import Found
from tfsergan.datasets import sums
from tfsergan.datasets.feature_table import tables
from tfsergan.datasets.layout import MISLABELLED, MISSING, UNREADABLE, Problem, Scan, Utterance
from tfsergan.errors import CorpusNotFound, TfserganError, UsageError
from tfsergan.features.audio import OVERHANG, SAMPLE_RATE
from tfsergan.features.functionals import SHORTEST
from tfsergan.label_rules import Column, LabelRule, label_rule, rule_names
from tfsergan.progress import Report, silent

TOO_SHORT, SILENT = "too short", "silent"
"""Kinds of problems beside those of a layout."""

AUDIO = "audio"  # the form of a corpus that is no feature table

BLOCK = 1 << 16  # frames read at a time

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Count:
    """How many of something there are, and how many the published corpus has (None if that is not known)."""

    name: str
    found: int
    published: int | None = None

    @property
    def differs(self) -> bool:
        """Whether it is not the published count."""
        return self.published not in (None, self.found)


@dataclass(frozen=True)
class RuleCount:
    """What a label rule makes of a corpus.

    Attributes:
        name: "iemocap/four_class".
        classes: utterances of each class.
        total: in all classes.
        faults: labels that it does not know, and utterances that are not the published ones, in words.
    """

    name: str
    classes: tuple[Count, ...]
    total: Count
    faults: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether all is as published."""
        return not (self.faults or any(count.differs for count in (self.total, *self.classes)))


@dataclass(frozen=True)
class Check:
    """One form of a corpus, read and compared with what is published.

    Attributes:
        corpus: its name.
        where: folder or file.
        form: `AUDIO`, or the file name of a feature table.
        counts: utterances, speakers, sessions, and utterances of each label.
        rules: of the corpus's labels.
        audio: files by format, such as "16000 Hz, mono, 16 bit WAV".
        notes: what is unusual about the audio and how it is treated.
        seconds: of all utterances together.
        problems: everything that is wrong with single files and lines.
    """

    corpus: str
    where: str
    form: str
    counts: tuple[Count, ...] = ()
    rules: tuple[RuleCount, ...] = ()
    audio: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    problems: tuple[Problem, ...] = ()

    def is_right(self, allow_partial: bool = False) -> bool:
        """Whether it can be used as the papers use it: with no problems, and the published counts.

        A feature table may hold what one paper uses of a corpus: it is right if it is for one of the rules.

        Args:
            allow_partial: missing utterances and other counts are no fault, as long as there is one utterance.
        """
        if allow_partial:
            empty = bool(self.counts) and not self.counts[0].found  # the first counts utterances
            return not empty and all(problem.kind == MISSING for problem in self.problems)
        if self.problems or any(count.differs for count in self.counts):
            return False
        published = [rule for rule in self.rules if rule.total.published is not None]
        return self.form == AUDIO or not published or any(rule.whole for rule in published)

    def by_kind(self) -> dict[str, list[Problem]]:
        """The problems of each kind, in the order they were found."""
        kinds: dict[str, list[Problem]] = {}
        for problem in self.problems:
            kinds.setdefault(problem.kind, []).append(problem)
        return kinds

    def as_dict(self, allow_partial: bool = False) -> dict[str, Any]:
        """All of it as plain data."""
        return {"right": self.is_right(allow_partial), **dataclasses.asdict(self)}


def check(
    name: str,
    manual_dir: str | Path | None = None,
    *,
    listen: bool = False,
    jobs: int | None = None,
    report: Report = silent,
) -> list[Check]:
    """Every form that a corpus is there in: its feature tables, its audio.

    Args:
        name: a folder of the manual dir.
        manual_dir: folder of corpora; TFSERGAN_MANUAL_DIR if None.
        listen: read all samples, and not the headers alone, to find silent and broken recordings.
        jobs: threads that read audio; four a core if None, because they wait for disks.
        report: told after each file.

    Raises:
        UsageError: no such corpus, or no such manual dir.
        CorpusNotFound: a known corpus that is not there.
        TfserganError: there is audio, and the package `soundfile` is not installed.
    """
    if name.partition("/")[0] == "demo":
        raise UsageError("The demo corpus is synthesised: there are no files to check.")
    folder = catalogue.corpus_folder(name, catalogue.manual_folder(manual_dir))
    found = list(catalogue.forms(name, folder)) if folder else []
    if not found:
        raise CorpusNotFound(catalogue.not_found(name, "is10", folder))
    return [
        check_table(form, report) if form.table else check_audio(form, listen, jobs, report) for form in found
    ]


# ---- feature tables -------------------------------------------------------------------------------------


def check_table(found: Found, report: Report = silent) -> Check:
    """A feature table: all of it is read."""
    assert found.table, "a corpus in a table"
    task = f"{found.corpus}: reading {found.table.name}"
    report(task, 0, 1)
    try:
        tables.find_table(found.table.parent, found.features)  # refuses the same set in two formats
        table = tables.read_table(found.table)
    except TfserganError as error:
        return Check(found.corpus, found.where, found.table.name, problems=(_unreadable(found, error),))
    finally:
        report(task, 1, 1)
    counts = [Count("utterances", len(table.ids))]
    counts += [
        Count(f"{column}s", len({*getattr(table, column)} - {""})) for column in ("speaker", "session")
    ]
    counts += [Count("features", len(table.feature_names)), *_labels(table.emotion)]
    columns = {"ids": table.ids, "session": table.session, "emotion": table.emotion, **table.ratings}
    rules = count_rules(found, columns)
    return Check(found.corpus, found.where, found.table.name, tuple(counts), rules)


def _labels(emotion: Sequence[str]) -> list[Count]:
    return [Count(str(label), n) for label, n in sorted(Counter(emotion).items()) if label]


def _unreadable(found: Found, error: TfserganError) -> Problem:
    """The one problem of something that cannot be read at all."""
    return Problem(UNREADABLE, found.where, str(error).removeprefix(f"{found.where}: "))


# ---- rules ----------------------------------------------------------------------------------------------


def count_rules(found: Found, columns: Mapping[str, Column]) -> tuple[RuleCount, ...]:
    """What each rule of a corpus makes of its labels and ratings; rules with nothing to read are left out.

    Args:
        columns: "ids", "session", "emotion" and the ratings, each (n,).
    """
    corpus, folder = found.corpus, found.folder
    rules = [label_rule(corpus, name, folder) for name in rule_names(corpus, folder)]
    return tuple(_count(rule, columns, found.where) for rule in rules if _can_read(rule, columns[rule.of]))


def _can_read(rule: LabelRule, values: Column) -> bool:
    return any(values) if rule.of == "emotion" else not np.isnan(np.asarray(values, float)).all()


def _count(rule: LabelRule, columns: Mapping[str, Column], where: str) -> RuleCount:
    classes = rule.count(columns)
    faults = []
    try:
        kept = rule.classify(columns, where) >= 0
        if manifest := manifests.load(*rule.name.split("/")):
            ids, sessions = np.asarray(columns["ids"])[kept], np.asarray(columns["session"])[kept]
            faults = manifest.other_ids(ids) + manifest.misplaced(ids, sessions)
    except TfserganError as error:
        faults.append(str(error).removeprefix(f"{where}, "))
    return RuleCount(
        name=rule.name,
        classes=tuple(Count(name, n, rule.counts.get(name)) for name, n in classes.items()),
        total=Count("in all", sum(classes.values()), rule.published),
        faults=tuple(faults),
    )


# ---- audio ----------------------------------------------------------------------------------------------


class Sound(NamedTuple):
    """An audio file, as its header or all of it says."""

    seconds: float = 0.0
    rate: int = 0  # Hz
    channels: int = 0
    coding: str = ""  # "16 bit WAV"
    kind: str = ""  # of the problem, "" if there is none
    what: str = ""


def check_audio(
    found: Found, listen: bool = False, jobs: int | None = None, report: Report = silent
) -> Check:
    """A corpus of audio: its layout is walked, and every file opened."""
    _require_soundfile()
    task = f"{found.corpus}: reading its layout"
    report(task, 0, 1)
    try:
        scan = found.scan()
    except TfserganError as error:
        return Check(found.corpus, found.where, AUDIO, problems=(_unreadable(found, error),))
    finally:
        report(task, 1, 1)
    assert scan, "audio has a layout"
    files = sorted({utterance.audio for utterance in scan.utterances if utterance.audio})
    sounds = _open_all(files, listen, jobs, report, f"{found.corpus}: opening audio")
    listed, of_sums = _compare_sums(found, jobs, report)
    columns = {
        name: np.array([getattr(utterance, name) for utterance in scan.utterances])
        for name in ("session", "emotion", "valence", "activation", "dominance")
    } | {"ids": np.array([utterance.id for utterance in scan.utterances])}
    known = [*_nothing(found, scan), *scan.problems, *of_sums]
    told = {problem.where for problem in known}
    bad = [problem for problem in _of_files(scan, sounds) if problem.where not in told]
    formats = Counter(_format(sound) for sound in sounds.values() if sound.rate)
    return Check(
        corpus=found.corpus,
        where=found.where,
        form=AUDIO,
        counts=_counts(scan),
        rules=count_rules(found, columns),
        audio=dict(formats.most_common()),
        notes=(*_notes(sounds), *listed),
        seconds=sum(_length(utterance, sounds) for utterance in scan.utterances),
        problems=(*known, *bad),
    )


def _nothing(found: Found, scan: Scan) -> list[Problem]:
    """What to say of a folder with audio in which not one utterance was found."""
    if scan.utterances:
        return []
    expected = catalogue.layout_of(found.builder).LAYOUT
    what = f"has not one utterance of the expected layout, {expected}; see {catalogue.readme(found.builder)}"
    return [Problem(MISSING, found.where, what)]


def _compare_sums(found: Found, jobs: int | None, report: Report) -> tuple[tuple[str, ...], list[Problem]]:
    """A note on the files that the folder's list of digests has, and those that are other ones."""
    files, problems = sums.read(found.folder)
    if not files:
        return (), problems
    compared = _in_threads(
        lambda item: sums.problem(*item), files, jobs, report, f"{found.corpus}: {sums.NAME}"
    )
    other = [problem for problem in compared if problem]
    note = f"{len(files) - len(other)} of {len(files)} files are those that {sums.NAME} lists"
    return (note,), problems + other


def _counts(scan: Scan) -> tuple[Count, ...]:
    names = dict.fromkeys([*scan.counts, *scan.published])
    return tuple(Count(name, scan.counts.get(name, 0), scan.published.get(name)) for name in names)


def _require_soundfile() -> None:
    try:
        import soundfile  # noqa: F401
    except (ImportError, OSError) as error:
        raise TfserganError(
            "The package 'soundfile' is needed to open audio and is not installed here. Install it with: "
            'pip install "tfsergan[demo]".'
        ) from error


def _open_all(
    files: Sequence[Path], listen: bool, jobs: int | None, report: Report, task: str
) -> dict[Path, Sound]:
    sounds = _in_threads(lambda path: open_sound(path, listen), files, jobs, report, task)
    return dict(zip(files, sounds, strict=True))


def _in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], jobs: int | None, report: Report, task: str
) -> list[Result]:
    """`function` of every item, in threads: libsndfile, OpenSSL and the disk do the work."""
    report(task, 0, max(len(items), 1))
    results = []
    with ThreadPoolExecutor(jobs or 4 * joblib.cpu_count()) as threads:
        for result in threads.map(function, items):
            results.append(result)
            report(task, len(results), len(items))
    if not items:
        report(task, 1, 1)
    return results


def open_sound(path: Path, listen: bool = False) -> Sound:
    """An audio file's header, and what is wrong with the file; with `listen`, all its samples are read."""
    import soundfile

    if not path.is_file():
        return Sound(kind=MISSING, what="is not there: copy it again")
    try:
        with soundfile.SoundFile(str(path)) as file:
            sound = Sound(
                file.frames / file.samplerate,
                file.samplerate,
                file.channels,
                f"{_CODINGS.get(file.subtype, file.subtype)} {file.format}",
            )
            if not listen:
                return sound
            kind, what = _listen(file)
            return sound._replace(kind=kind, what=what)
    except (OSError, soundfile.SoundFileError) as error:
        what = f"cannot be read as audio ({error}): copy or download it again, or remove it"
        return Sound(kind=UNREADABLE, what=what)


_CODINGS = {"PCM_U8": "8 bit", "PCM_S8": "8 bit", "PCM_16": "16 bit", "PCM_24": "24 bit", "PCM_32": "32 bit"}


def _listen(file: Any) -> tuple[str, str]:
    """The kind of problem that an open file's samples have, and what it is; "" if there is none."""
    lowest, highest, frames = math.inf, -math.inf, 0
    for block in file.blocks(BLOCK, dtype="float32", always_2d=True):
        if not np.isfinite(block).all():
            return (
                UNREADABLE,
                "holds samples that are not finite numbers: export it again as PCM, or remove it",
            )
        mono = block.mean(axis=1)
        lowest, highest, frames = min(lowest, mono.min()), max(highest, mono.max()), frames + len(block)
    if frames < file.frames:
        return UNREADABLE, f"ends after {frames} of {file.frames} samples: copy or download it again"
    if frames and lowest == highest:
        return SILENT, f"is silent: all its samples are {lowest:g}. Copy or download it again, or remove it"
    return "", ""


def _of_files(scan: Scan, sounds: Mapping[Path, Sound]) -> list[Problem]:
    """The problems of files, and of utterances that do not fit into theirs."""
    problems = [Problem(sound.kind, str(path), sound.what) for path, sound in sounds.items() if sound.kind]
    for utterance in scan.utterances:
        sound = sounds.get(utterance.audio)
        if not sound or not sound.rate:
            continue
        end = utterance.start if utterance.end == math.inf else utterance.end
        if end > sound.seconds + OVERHANG or 0 < sound.seconds <= utterance.start:
            what = (
                f"goes from {utterance.start:.2f} to {end:.2f} s, and its file ends at {sound.seconds:.2f} s: copy "
                "or download the file again"
            )
            problems.append(Problem(MISLABELLED, str(utterance), what))
        elif (length := _length(utterance, sounds)) <= SHORTEST:
            what = (
                f"lasts {1000 * length:.0f} ms, and features need more than {1000 * SHORTEST:.0f} ms: remove it "
                "or record it again"
            )
            problems.append(Problem(TOO_SHORT, str(utterance), what))
    return problems


def _length(utterance: Utterance, sounds: Mapping[Path, Sound]) -> float:
    """The seconds that an utterance lasts in its file."""
    sound = sounds.get(utterance.audio, Sound())
    return max(0.0, min(utterance.end, sound.seconds) - utterance.start)


def _format(sound: Sound) -> str:
    channels = {1: "mono", 2: "stereo"}.get(sound.channels, f"{sound.channels} channels")
    return f"{sound.rate} Hz, {channels}, {sound.coding}"


def _notes(sounds: Mapping[Path, Sound]) -> tuple[str, ...]:
    """What is unusual about files that can be read, and what is done with them."""
    readable = {path: sound for path, sound in sounds.items() if sound.rate}
    unusual = {
        f"not at {SAMPLE_RATE} Hz, and resampled": [
            path for path, s in readable.items() if s.rate != SAMPLE_RATE
        ],
        "of several channels, which are averaged": [p for p, s in readable.items() if s.channels > 1],
        "not of 16 bits, and analysed as they are": [
            path for path, s in readable.items() if not s.coding.startswith("16 bit")
        ],
    }
    return tuple(
        f"{len(paths)} of {len(readable)} files are {what}, such as {paths[0]}"
        for what, paths in unusual.items()
        if paths
    )
