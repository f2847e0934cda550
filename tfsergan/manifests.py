"""The published utterances of a corpus under a label rule, by id and in the groups that folds leave out.

A manifest is `manifests/<corpus>.<rule>.txt`, UTF-8: lines that begin with # are comments, `[name]` begins a group
(a session, or a speaker where the corpus has no sessions), every other line is an utterance's id; groups and the ids
in one are sorted. tfsergan.manifests.text writes it from a corpus that is known to be whole:

    corpus = corpora.load("emodb", labels="seven_class")
    print(manifests.text("emodb", "seven_class", corpus.ids, corpus.session), end="")
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from tfsergan.errors import TfserganError

SHOWN = 5  # ids in one line of a message


@dataclass(frozen=True)
class Manifest:
    """Utterance ids by group.

    Attributes:
        name: "iemocap.four_class".
        groups: session or speaker -> ids.
    """

    name: str
    groups: Mapping[str, frozenset[str]]

    @property
    def ids(self) -> frozenset[str]:
        """All of them."""
        return frozenset().union(*self.groups.values())

    def other_ids(self, ids: Iterable[str]) -> list[str]:
        """A line about the ids that are missing, and one about those that are not in the manifest."""
        found = {str(name) for name in ids}
        missing, extra = self.ids - found, found - self.ids
        return [_line(what, names) for what, names in (("missing", missing), ("extra", extra)) if names]

    def misplaced(self, ids: Collection[str], sessions: Collection[str]) -> list[str]:
        """A line about the ids that are not in one session with their group, and with no other group.

        Groups are compared, not their names: a corpus may call session 1 "Ses01". A corpus without sessions has
        nothing to compare.
        """
        session = {str(name): str(where) for name, where in zip(ids, sessions, strict=True)}
        if not any(session.values()):
            return []
        usual = {
            group: Counter(session[name] for name in sorted(members) if name in session).most_common(1)
            for group, members in self.groups.items()
        }
        odd = {
            name
            for group, members in self.groups.items()
            for name in members
            if name in session and session[name] != usual[group][0][0]
        }
        lines = [_line("in another session than published", odd)] if odd else []
        groups = Counter(most[0][0] for most in usual.values() if most)
        joined = [name for name, n in groups.items() if n > 1]
        return lines + [f"session {name!r} joins {groups[name]} published ones" for name in sorted(joined)]

    def require(self, ids: Collection[str], sessions: Collection[str], where: str) -> None:
        """Refuses other utterances than these, or another division into sessions.

        Raises:
            TfserganError: names the first of them.
        """
        lines = self.other_ids(ids) + self.misplaced(ids, sessions)
        if lines:
            raise TfserganError(
                f"{where} has as many utterances as published, but not the same ones (manifest {self.name}):\n"
                + "".join(f"  {line}\n" for line in lines)
                + "Its folds would not be the published ones. Correct the columns 'utterance' and 'session', or take "
                "the corpus as it is with --allow-partial (in Python, allow_partial=True)."
            )


def load(corpus: str, rule: str) -> Manifest | None:
    """The manifest of a corpus under a rule; None where there is none."""
    name = f"{corpus}.{rule}"
    file = resources.files("tfsergan") / "manifests" / f"{name}.txt"
    return parse(name, file.read_text(encoding="utf-8")) if file.is_file() else None


def parse(name: str, text: str) -> Manifest:
    """Reads a manifest.

    Raises:
        TfserganError: an id outside a group, in two places, or a group twice.
    """
    groups: dict[str, set[str]] = {}
    members: set[str] | None = None
    seen: set[str] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#") or not line.strip():
            continue
        heading = line.startswith("[") and line.endswith("]")
        if (line[1:-1] in groups) if heading else (members is None or line in seen):
            raise TfserganError(
                f"manifest {name}, line {number}: {line!r} is in no group, or is there twice. Write it "
                "again with tfsergan.manifests.text."
            )
        if heading:
            members = groups.setdefault(line[1:-1], set())
        elif members is not None:  # as just made sure of
            members.add(line)
            seen.add(line)
    return Manifest(name, {group: frozenset(ids) for group, ids in groups.items()})


def text(corpus: str, rule: str, ids: Sequence[str], groups: Sequence[str]) -> str:
    """A manifest of utterances (n,) in their groups (n,), as `parse` reads it."""
    by_group: dict[str, list[str]] = {}
    for name, group in zip(ids, groups, strict=True):
        by_group.setdefault(str(group), []).append(str(name))
    lines = [f"# Utterances of {corpus} under {corpus}/{rule}: {len(ids)} in {len(by_group)} groups."]
    for group in sorted(by_group):
        lines += [f"[{group}]", *sorted(by_group[group])]
    return "\n".join(lines) + "\n"


def _line(what: str, names: Iterable[str]) -> str:
    names = sorted(names)
    return f"{what}: {', '.join(names[:SHOWN])}" + (f", ... ({len(names)})" if len(names) > SHOWN else "")
