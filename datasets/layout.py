"""What a corpus's own files say, before anything is extracted: utterances, and what is wrong with them.

Each `datasets/<corpus>/layout.py` reads one corpus's published layout into a `Scan`; its builder, and
`tfsergan data check`, start from that. Nothing here needs TensorFlow.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tfsergan.errors import TfserganError
from tfsergan.features.audio import Recording, read_signal

SHOWN = 5  # examples of a problem in one message

MISSING, UNREADABLE, MISLABELLED, EXTRA = "missing", "unreadable", "mislabelled", "extra"
"""Kinds of problems: a file or line that should be there, that can't be read, whose label makes no sense, or
that doesn't belong there."""


@dataclass(frozen=True)
class Utterance:
    """One utterance as the corpus's files describe it.

    Attributes:
        id: unique in the corpus.
        speaker, session: names; "" where unknown.
        gender: "female", "male" or "".
        emotion: the corpus's own label; "" where it is unlabelled.
        part: how it came about, such as "improvised" or "scripted"; "" where the corpus knows no parts.
        text: what is said; "" where unknown.
        valence, activation, dominance: means over raters on the corpus's scale; NaN where there are none.
        audio: its file.
        start, end: s in that file; the whole file by default.
        extra: further features of this corpus's examples, by name.
    """

    id: str
    speaker: str = ""
    session: str = ""
    gender: str = ""
    emotion: str = ""
    part: str = ""
    text: str = ""
    valence: float = math.nan
    activation: float = math.nan
    dominance: float = math.nan
    audio: Path | None = None
    start: float = 0.0
    end: float = math.inf
    extra: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.audio is None:
            return self.id
        return str(self.audio) if self.end == math.inf else f"{self.audio}, utterance {self.id}"


@dataclass(frozen=True)
class Problem:
    """Something in a corpus folder that is not as published.

    Attributes:
        kind: `MISSING`, `UNREADABLE`, `MISLABELLED` or `EXTRA`.
        where: file, and line where there is one.
        what: the fault and its remedy.
    """

    kind: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Scan:
    """A corpus folder, read.

    Attributes:
        corpus: its name.
        folder: where it is.
        utterances: sorted by id.
        problems: in the order they were found.
        published: counts of the whole corpus: "utterances", "speakers", "sessions", and emotions by label.
    """

    corpus: str
    folder: Path
    utterances: tuple[Utterance, ...]
    problems: tuple[Problem, ...] = ()
    published: Mapping[str, int] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """What is there: utterances, speakers, sessions, and utterances of each emotion."""
        counts = {"utterances": len(self.utterances)}
        for name in ("speaker", "session"):
            counts[f"{name}s"] = len({getattr(u, name) for u in self.utterances} - {""})
        emotions = Counter(u.emotion for u in self.utterances if u.emotion)
        return counts | dict(sorted(emotions.items()))

    def differences(self) -> dict[str, tuple[int, int]]:
        """(found, published) of every published count that is not met."""
        counts = self.counts
        return {
            name: (counts.get(name, 0), n) for name, n in self.published.items() if counts.get(name, 0) != n
        }

    def require_whole(self) -> None:
        """Refuses a corpus with problems or with counts that are not the published ones.

        Raises:
            TfserganError: says which, with the first examples.
        """
        different = self.differences()
        if not self.problems and not different:
            return
        lines = [f"{self.folder} is not the whole corpus {self.corpus}:"]
        lines += [f"  {name}: {found} of {n}" for name, (found, n) in different.items()]
        lines += [f"  {problem}" for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            lines.append(f"  and {len(self.problems) - SHOWN} more problems")
        otherwise = (
            ", or take it as it is with --allow-partial (in Python, allow_partial=True)"
            if self.utterances
            else ""
        )
        lines.append(f"`tfsergan data check {self.corpus}` shows all of it. Complete the corpus{otherwise}.")
        raise TfserganError("\n".join(lines))


def read(utterance: Utterance) -> Recording:
    """The audio of an utterance, at the sample rate of its file; called in the processes that analyse it.

    Raises:
        TfserganError: the file is not there, or is not audio.
    """
    return read_signal(utterance.audio, utterance.start, utterance.end)._replace(id=utterance.id)


def unique(corpus: str, utterances: Sequence[Utterance]) -> tuple[Utterance, ...]:
    """Utterances sorted by id.

    Raises:
        TfserganError: an id is there twice.
    """
    counted = Counter(u.id for u in utterances)
    twice = [u for u in utterances if counted[u.id] > 1]
    if twice:
        where = ", ".join(str(u.audio) for u in twice if u.id == twice[0].id)
        raise TfserganError(f"{corpus}: the utterance {twice[0].id!r} is there twice ({where}): remove one.")
    return tuple(sorted(utterances, key=lambda u: u.id))
