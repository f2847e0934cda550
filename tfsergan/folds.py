"""Splits of a corpus into training and test utterances that share no speaker."""

import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from sklearn.model_selection import GroupKFold, train_test_split

from tfsergan.errors import TfserganError


class Utterances(Protocol):
    """What splits look at; `tfsergan.corpora.Corpus` is one."""

    @property
    def name(self) -> str: ...
    @property
    def speaker(self) -> np.ndarray: ...
    @property
    def session(self) -> np.ndarray: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def emotion(self) -> np.ndarray: ...
    def __len__(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Fold:
    """One split: its name and the row numbers of its parts."""

    name: str
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True, eq=False)
class Turns:
    """Speakers that are left out together and take turns: each is tested once, while the next one validates.

    Attributes:
        name: of the training part that they share.
        train: its row numbers.
        speakers: those left out.
        rows: the row numbers of each.
    """

    name: str
    train: np.ndarray
    speakers: tuple[str, ...]
    rows: tuple[np.ndarray, ...]

    def validation(self, test: int) -> int:
        """The number of the speaker that validates while the one of this number is tested."""
        return (test + 1) % len(self.speakers)


WHOLE = "all"


def whole(corpus: Utterances) -> Fold:
    """The fold that trains on everything and tests nothing."""
    return Fold(WHOLE, np.arange(len(corpus)), np.arange(0))


def leave_one_speaker_out(corpus: Utterances) -> list[Fold]:
    """One fold a speaker, in order of their names.

    Raises:
        TfserganError: fewer than two speakers, or a class that a training part lacks.
    """
    splits, speakers = [], speakers_of(corpus)
    require_distinct(corpus, "speaker", speakers)
    for speaker in speakers:
        test = corpus.speaker == speaker
        fold = Fold(fold_name(speaker), np.flatnonzero(~test), np.flatnonzero(test))
        require_every_class(corpus, fold.train, f"training part of fold {fold.name}")
        splits.append(fold)
    return splits


def speaker_groups(corpus: Utterances, groups: int) -> list[Fold]:
    """Folds that each test one of so many groups of speakers, of about as many utterances; labels play no part.

    Raises:
        TfserganError: fewer speakers than groups.
    """
    if len(speakers_of(corpus)) < groups:
        raise TfserganError(
            f"{corpus.name}: too few speakers for {groups} groups of them. Take a larger corpus."
        )
    splits = GroupKFold(groups).split(corpus.speaker, groups=corpus.speaker)
    return [Fold(str(i), train, test) for i, (train, test) in enumerate(splits, start=1)]


def speakers_of(corpus: Utterances) -> list[str]:
    """The speakers' names in order.

    Raises:
        TfserganError: fewer than two, or an utterance without one.
    """
    speakers = sorted(set(corpus.speaker.tolist()))
    if len(speakers) < 2 or "" in speakers:
        raise TfserganError(
            f"{corpus.name}: this needs a speaker for every utterance and at least two speakers; found "
            f"{len(set(speakers) - {''})}. Add a `speaker` column to its feature table."
        )
    return speakers


def leave_one_session_out(corpus: Utterances) -> list[Fold]:
    """One fold a session, in order of their names; a session's speakers are in no other.

    Raises:
        TfserganError: fewer than two sessions, a speaker in several, or a class that a training part lacks.
    """
    sessions = sorted(set(corpus.session.tolist()) - {""})
    if len(sessions) < 2 or "" in corpus.session:
        raise TfserganError(
            f"{corpus.name}: leave-one-session-out needs a session for every utterance and at least two "
            f"sessions; found {len(sessions)}. Add a `session` column to its feature table."
        )
    require_distinct(corpus, "session", sessions)
    splits = []
    for session in sessions:
        test = corpus.session == session
        shared = sorted(set(corpus.speaker[test].tolist()) & set(corpus.speaker[~test].tolist()))
        if shared:
            raise TfserganError(
                f"{corpus.name}: speaker {shared[0]} is in session {session} and in another; a fold would test "
                "on a speaker it was trained on. Correct the `speaker` or `session` column."
            )
        fold = Fold(fold_name(session), np.flatnonzero(~test), np.flatnonzero(test))
        require_every_class(corpus, fold.train, f"training part of fold {fold.name}")
        splits.append(fold)
    return splits


def speakers_in_turn(corpus: Utterances) -> list[Turns]:
    """Two speakers at a time, such as those of a session, trained on all others (Li et al. 2020, sec. 5).

    Where every session has two speakers or more, these are left out together; otherwise speakers go in pairs in the
    order of session and name, the last three together if their number is odd.

    Raises:
        TfserganError: fewer than four speakers, one of them unknown or in two sessions, or a class that a training
            part lacks.
    """
    pairs = sorted({*zip(corpus.session.tolist(), corpus.speaker.tolist(), strict=True)})
    speakers = [speaker for _, speaker in pairs]
    if len(speakers) < 4 or "" in speakers:
        raise TfserganError(
            f"{corpus.name}: leaving out a test and a validation speaker needs at least four speakers, known for "
            f"every utterance; found {len({*speakers} - {''})}. Mend the `speaker` column."
        )
    twice = sorted({speaker for speaker in speakers if speakers.count(speaker) > 1})
    if twice:
        raise TfserganError(
            f"{corpus.name}: speaker {twice[0]} is in several sessions. Correct the `speaker` or `session` column."
        )
    require_distinct(corpus, "speaker", speakers)
    require_distinct(corpus, "session", sorted({session for session, _ in pairs}))
    sessions = {session: [s for its, s in pairs if its == session] for session, _ in pairs}
    if "" not in sessions and len(sessions) > 1 and min(map(len, sessions.values())) > 1:
        groups = {fold_name(session): group for session, group in sessions.items()}
    else:
        cuts = list(range(0, len(speakers) - 1, 2))
        ends = [*cuts[1:], len(speakers)]
        chosen = [speakers[a:b] for a, b in zip(cuts, ends, strict=True)]
        groups = {"-".join(map(fold_name, group)): group for group in chosen}
    found = []
    for name, group in groups.items():
        train = np.flatnonzero(~np.isin(corpus.speaker, group))
        require_every_class(corpus, train, f"training part without {name}")
        rows = tuple(np.flatnonzero(corpus.speaker == speaker) for speaker in group)
        found.append(Turns(name, train, tuple(group), rows))
    return found


def require_distinct(corpus: Utterances, column: str, names: list[str]) -> None:
    """Refuses names of speakers or sessions that would share a folder."""
    if len({*map(fold_name, names)}) < len(names):
        raise TfserganError(
            f"{corpus.name}: {column}s {', '.join(names)} differ only in signs that a folder's name can't have. "
            f"Rename them in the `{column}` column."
        )


def fold_name(session: str) -> str:
    """A session's or speaker's name as that of a folder, never that of `whole`."""
    name = re.sub(r"[^\w-]", "_", session)
    return f"session_{name}" if name == WHOLE else name


def stratified_split(corpus: Utterances, first: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of two parts with equal class proportions, the first with this share of the utterances.

    Raises:
        TfserganError: a class with fewer than two utterances.
    """
    require_every_class(corpus, np.arange(len(corpus)), "corpus", at_least=2)
    rows, classes = np.arange(len(corpus)), len(corpus.classes)
    if not classes <= round(first * len(rows)) <= len(rows) - classes:
        raise TfserganError(
            f"{corpus.name}: {len(rows)} utterances are too few to split {classes} classes {first:.0%} to "
            f"{1 - first:.0%}. Take a larger corpus."
        )
    one, other = train_test_split(rows, train_size=first, stratify=corpus.emotion, random_state=seed)
    return np.sort(one), np.sort(other)


def require_every_class(corpus: Utterances, rows: np.ndarray, part: str, at_least: int = 1) -> None:
    """Refuses a part that lacks an emotion, by name."""
    counts = np.bincount(corpus.emotion[rows], minlength=len(corpus.classes))
    few = [name for name, count in zip(corpus.classes, counts, strict=True) if count < at_least]
    if few:
        raise TfserganError(
            f"{corpus.name}: the {part} has fewer than {at_least} utterances of {', '.join(few)}. "
            "Check its labels, or take another corpus."
        )
