"""Named rules that turn a corpus's own labels or ratings into classes.

The rules are `label_rules.toml`, and in a file of that name in a corpus's folder that corpus's own.
"""

import functools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfsergan import _toml
from tfsergan.errors import TfserganError, UsageError
from tfsergan.manifests import Manifest

FILE = "label_rules.toml"
OWN = "own"
"""Asks for a class a label, as the corpus writes it."""

Column = Sequence | np.ndarray
"""A value an utterance."""

_INTERVAL = re.compile(r"([\[(])\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*([\])])")


class Interval(NamedTuple):
    """An interval of ratings: its bounds, and whether each belongs to it."""

    low: float
    high: float
    with_low: bool
    with_high: bool

    def __contains__(self, rating: float) -> bool:  # type: ignore[override]  # ratings, not the tuple's fields
        rating, low, high = np.float32(rating), np.float32(self.low), np.float32(self.high)
        above = rating >= low if self.with_low else rating > low
        return bool(above and (rating <= high if self.with_high else rating < high))


def parse_interval(text: str) -> Interval:
    """An interval as papers print it: "[0, 2]" with its bounds, "(2, 4)" without.

    Raises:
        ValueError: the text is no interval, or holds nothing.
    """
    match = _INTERVAL.fullmatch(text.strip())
    if not match or float(match[2]) >= float(match[3]):
        raise ValueError(f"{text!r} is no interval such as [0, 2] or (2, 4)")
    return Interval(float(match[2]), float(match[3]), match[1] == "[", match[4] == "]")


@dataclass(frozen=True)
class LabelRule:
    """One rule of `label_rules.toml`: classes of labels, or classes of intervals of a rating."""

    name: str  # "iemocap/four_class"
    of: str  # the column that it reads: "emotion" or a rating
    classes: tuple[str, ...]  # in the order of the class indices
    labels: Mapping[str, int]  # a corpus's label -> class index; -1 where the rule drops it
    intervals: tuple[Interval, ...]  # of a rating, one a class
    counts: Mapping[str, int]  # published utterances by class; empty if none are published
    total: int | None  # published utterances in all classes; None if it is not
    any_case: bool
    source: str

    def apply(
        self,
        columns: Mapping[str, Column],
        where: str,
        *,
        allow_partial: bool = False,
        manifest: Manifest | None = None,
    ) -> np.ndarray:
        """The class index (n,) int32 of each utterance, -1 for those that the rule drops.

        Args:
            columns: "ids" and the column `of`, each (n,): labels are text, ratings numbers, NaN for none.
            where: the corpus's file or folder, for messages.
            allow_partial: accept other utterances than the published ones.
            manifest: the published utterances, where they are known.

        Raises:
            TfserganError: there is nothing in the column; a label or rating that the rule does not know; a
                class without utterances; counts that differ from the published ones.
        """
        self._require_column(columns[self.of], where)
        indices = self.classify(columns, where)
        self._check_classes(indices, where)
        if not allow_partial:
            self._check_counts(indices, columns["ids"], where, manifest)
        return indices

    def classify(self, columns: Mapping[str, Column], where: str) -> np.ndarray:
        """As `apply`, whatever the counts are.

        Raises:
            TfserganError: a label or rating that the rule does not know.
        """
        return self._of_labels(columns, where) if self.of == "emotion" else self._of_ratings(columns, where)

    def count(self, columns: Mapping[str, Column]) -> dict[str, int]:
        """Utterances of each class among those whose label or rating the rule knows."""
        class_of = self._class_of_label if self.of == "emotion" else self._class_of_rating
        found = Counter(class_of(value) for value in columns[self.of])
        return {name: found[i] for i, name in enumerate(self.classes)}

    def _require_column(self, values: Column, where: str) -> None:
        if self.of == "emotion" and not any(values):
            raise TfserganError(
                f"{where} has no emotions: add a column 'emotion', or use the corpus as an unlabelled "
                "source (labels=None)."
            )
        if self.of != "emotion" and np.isnan(np.asarray(values, float)).all():
            raise TfserganError(
                f"{where} has no ratings of {self.of}, which the rule {self.name} needs: add a column "
                f"{self.of!r}, or choose a rule of emotions."
            )

    def _class_of_label(self, label: str) -> int | None:
        return self.labels.get(label.casefold() if self.any_case else label)

    def _class_of_rating(self, rating: float) -> int | None:
        if np.isnan(rating):
            return -1
        return next((i for i, interval in enumerate(self.intervals) if rating in interval), None)

    def _of_labels(self, columns: Mapping[str, Column], where: str) -> np.ndarray:
        labels = columns["emotion"]
        indices = [self._class_of_label(label) for label in labels]
        if None in indices:
            first = indices.index(None)
            known = ", ".join(repr(label) for label in self.labels)
            raise TfserganError(
                f"{where}, utterance {str(columns['ids'][first])!r}, column 'emotion': the label "
                f"{str(labels[first])!r} ({indices.count(None)} utterances have an unknown one) is not in the "
                f"rule {self.name}, which knows {known}. "
                f"Rename the label in the table, remove those rows, or write a rule of your own: {FILE} in the "
                "corpus's folder. The rule `own` makes a class of each label."
            )
        return np.array(indices, np.int32)

    def _of_ratings(self, columns: Mapping[str, Column], where: str) -> np.ndarray:
        ratings = columns[self.of]
        indices = [self._class_of_rating(rating) for rating in ratings]
        if None in indices:
            first = indices.index(None)
            raise TfserganError(
                f"{where}, utterance {str(columns['ids'][first])!r}, column {self.of!r}: the rating "
                f"{float(ratings[first]):g} ({indices.count(None)} utterances have such a one) is in no class of "
                f"the rule {self.name}: {self.bounds}. Correct the rating, or rescale the column."
            )
        return np.array(indices, np.int32)

    @property
    def bounds(self) -> str:
        """The intervals in words: "low [0, 2], mid (2, 4), high [4, 5]"."""
        return ", ".join(
            f"{name} {'(['[i.with_low]}{i.low:g}, {i.high:g}{')]'[i.with_high]}"
            for name, i in zip(self.classes, self.intervals, strict=True)
        )

    @property
    def published(self) -> int | None:
        """The published number of utterances in all classes; None if it is not published."""
        return sum(self.counts.values()) if self.counts else self.total

    def _check_classes(self, indices: np.ndarray, where: str) -> None:
        empty = [name for i, name in enumerate(self.classes) if i not in indices]
        if empty:
            raise TfserganError(
                f"{where}: the rule {self.name} finds no utterance of {', '.join(empty)}. Check the column "
                f"{self.of!r}, or choose a rule that has only the classes of this corpus."
            )

    def _check_counts(self, indices: np.ndarray, ids: Column, where: str, manifest: Manifest | None) -> None:
        kept = indices >= 0
        found = np.bincount(indices[kept], minlength=len(self.classes))
        rows = [(name, int(n), self.counts[name]) for name, n in zip(self.classes, found, strict=True)
                if name in self.counts]  # fmt: skip
        if self.total is not None:
            rows.append(("in all", int(kept.sum()), self.total))
        if all(n == m for _, n, m in rows):
            return
        lines = [f"{where} is not the whole corpus that the rule {self.name} is for ({self.source}):"]
        lines += [f"  {name:<10} {n:>6} of {m:>6}{_difference(n, m)}" for name, n, m in rows]
        if manifest:
            lines += [f"  {line}" for line in manifest.other_ids(np.asarray(ids)[kept])]
        corpus = self.name.partition("/")[0]
        lines.append(
            f"`tfsergan data check {corpus}` shows what is there. Complete the corpus, or take it as it is with "
            "--allow-partial (in Python, allow_partial=True)."
        )
        raise TfserganError("\n".join(lines))


def _difference(found: int, published: int) -> str:
    if found == published:
        return ""
    return f"  {published - found} missing" if found < published else f"  {found - published} too many"


@functools.cache
def _rules() -> dict[str, dict[str, dict]]:
    text = (resources.files("tfsergan") / "label_rules.toml").read_text(encoding="utf-8")
    return _toml.loads(text)


def corpora_with_rules() -> list[str]:
    """The corpora that have rules of their own, and "default"."""
    return list(_rules())


def own_rules(corpus: str, folder: Path | None) -> dict[str, dict]:
    """The rules in `label_rules.toml` in a corpus's folder; none where there is no such file.

    It has a table a rule, `[four_class]`, whose keys are those of the package's file; `source` may be left out.

    Raises:
        TfserganError: the file holds something else, or a rule that the corpus has already.
    """
    file = folder / FILE if folder else None
    if file is None or not file.is_file():
        return {}
    try:
        rules = _toml.loads(file.read_text(encoding="utf-8"))
        for name, data in rules.items():
            make_rule(f"{corpus}/{name}", data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TfserganError(
            f"{file}: not label rules ({type(error).__name__}: {error}). Expected, a table a rule: "
            '[four_class], below it classes = { happy = ["glad", "joy"], ... } and drop = ["bored"].'
        ) from error
    taken = sorted(set(rules) & set(_rules().get(corpus, ())))
    if taken:
        raise TfserganError(f"{file}: {corpus} has a rule {taken[0]!r} already; give this one another name.")
    return rules


def rule_names(corpus: str, folder: Path | None = None) -> list[str]:
    """The rules that can be asked for with a corpus, its own in its folder among them."""
    rules = _rules()
    return sorted({**rules.get(corpus, rules["default"]), **own_rules(corpus, folder)})


def label_rule(corpus: str, name: str, folder: Path | None = None) -> LabelRule:
    """The rule `name` of a corpus; a corpus with no rules of its own has the default ones.

    Args:
        corpus: its name; of the demo, "demo".
        name: such as "four_class"; or with the corpus that it is of, such as "iemocap/four_class", for a
            corpus that is under another name here.
        folder: the corpus's, whose own rules come before the default ones.

    Raises:
        UsageError: there is no such rule.
        TfserganError: the folder's file of rules has a fault.
    """
    named, slash, short = name.rpartition("/")
    own = {} if slash else own_rules(corpus, folder)
    if name in own:
        return make_rule(f"{corpus}/{name}", own[name])
    section = named if slash else corpus if corpus in _rules() else "default"
    names = rule_names(section) if section in _rules() else []
    if short not in names:
        whose = f"the corpus {named if slash else corpus}"
        raise UsageError(
            f"There is no label rule {name!r} for {whose}: it has {', '.join(dict.fromkeys([*own, *names])) or 'none'}. "
            "`tfsergan data list --rules` lists all."
        )
    return make_rule(f"{section}/{short}", _rules()[section][short])


def make_rule(name: str, data: Mapping[str, Any]) -> LabelRule:
    """A rule from its table.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: the table is none of a rule.
    """
    unknown = set(data) - {"of", "classes", "drop", "counts", "total", "any_case", "source"}
    if unknown:
        raise ValueError(f"{name} has unknown keys: {', '.join(sorted(unknown))}")
    classes, of_labels = data["classes"], data.get("of", "emotion") == "emotion"
    labels = (
        {label: i for i, members in enumerate(classes.values()) for label in members} if of_labels else {}
    )
    return LabelRule(
        name=name,
        of=data.get("of", "emotion"),
        classes=tuple(classes),
        labels=labels | dict.fromkeys(data.get("drop", ()), -1),
        intervals=() if of_labels else tuple(parse_interval(text) for text in classes.values()),
        counts=data.get("counts", {}),
        total=data.get("total"),
        any_case=data.get("any_case", False),
        source=data.get("source", f"{FILE} in the corpus's folder"),
    )


def is_own(name: str) -> bool:
    """Whether a text asks for no rule of the file: `OWN`, or classes as they are typed, such as "angry=W,happy=F"."""
    return name == OWN or "=" in name


def own_rule(text: str, corpus: str, found: Column, where: str) -> LabelRule:
    """The rule that a text of `is_own` asks for.

    Args:
        text: "own": every label is a class of its own; "angry=W,bored=L+E": these classes, each of one label or
            several, and no others.
        corpus: its name.
        found: the corpus's own label of each utterance; those without one are left out.
        where: its file or folder, for messages.

    Raises:
        UsageError: the text is no such thing, or names a label that the corpus does not have.
        TfserganError: the corpus has no labels.
    """
    there = sorted({*map(str, found)} - {""})
    if not there:
        raise TfserganError(f"{where} has no emotions: add a column 'emotion'.")
    classes = {label: [label] for label in there} if text == OWN else _typed_classes(text)
    members = [label for labels in classes.values() for label in labels]
    unknown = [label for label in members if label not in there]
    if unknown:
        raise UsageError(
            f"labels {text}: no utterance of {where} is labelled {unknown[0]!r}; there are {', '.join(there)}."
        )
    labels = {label: i for i, members in enumerate(classes.values()) for label in members}
    return LabelRule(
        name=f"{corpus.partition('/')[0]}/{OWN}",
        of="emotion",
        classes=tuple(classes),
        labels={**dict.fromkeys(("", *there), -1), **labels},
        intervals=(),
        counts={},
        total=None,
        any_case=False,
        source="the corpus's own labels",
    )


def _typed_classes(text: str) -> dict[str, list[str]]:
    """The labels of each class of a text such as "angry=W,bored=L+E"."""
    classes: dict[str, list[str]] = {}
    for entry in text.split(","):
        name, equals, labels = (part.strip() for part in entry.partition("="))
        members = [label.strip() for label in labels.split("+")]
        if not (name and equals and all(members)) or name in classes:
            raise UsageError(f"labels {text}: expected CLASS=LABEL+LABEL,CLASS=LABEL, each class once.")
        classes[name] = members
    named = [label for members in classes.values() for label in members]
    if len({*named}) < len(named):
        raise UsageError(f"labels {text}: a label is in two classes.")
    return classes
