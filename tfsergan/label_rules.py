"""Named rules that turn a corpus's own labels or ratings into classes; the rules are `label_rules.toml`."""

import functools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple

import numpy as np

from tfsergan import _toml
from tfsergan.errors import TfserganError, UsageError
from tfsergan.manifests import Manifest

_INTERVAL = re.compile(r"([\[(])\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*([\])])")


class Interval(NamedTuple):
    """An interval of ratings: its bounds, and whether each belongs to it."""

    low: float
    high: float
    with_low: bool
    with_high: bool

    def __contains__(self, rating: float) -> bool:
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
        columns: Mapping[str, Sequence],
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

    def classify(self, columns: Mapping[str, Sequence], where: str) -> np.ndarray:
        """As `apply`, whatever the counts are.

        Raises:
            TfserganError: a label or rating that the rule does not know.
        """
        return self._of_labels(columns, where) if self.of == "emotion" else self._of_ratings(columns, where)

    def count(self, columns: Mapping[str, Sequence]) -> dict[str, int]:
        """Utterances of each class among those whose label or rating the rule knows."""
        class_of = self._class_of_label if self.of == "emotion" else self._class_of_rating
        found = Counter(class_of(value) for value in columns[self.of])
        return {name: found[i] for i, name in enumerate(self.classes)}

    def _require_column(self, values: Sequence, where: str) -> None:
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

    def _of_labels(self, columns: Mapping[str, Sequence], where: str) -> np.ndarray:
        labels = columns["emotion"]
        indices = [self._class_of_label(label) for label in labels]
        if None in indices:
            first = indices.index(None)
            known = ", ".join(repr(label) for label in self.labels)
            raise TfserganError(
                f"{where}, utterance {str(columns['ids'][first])!r}, column 'emotion': the label "
                f"{str(labels[first])!r} ({indices.count(None)} utterances have an unknown one) is not in the "
                f"rule {self.name}, which knows {known}. "
                "Rename the label in the table, remove those rows, or choose another rule."
            )
        return np.array(indices, np.int32)

    def _of_ratings(self, columns: Mapping[str, Sequence], where: str) -> np.ndarray:
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

    def _check_counts(
        self, indices: np.ndarray, ids: Sequence[str], where: str, manifest: Manifest | None
    ) -> None:
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


def rule_names(corpus: str) -> list[str]:
    """The rules that can be asked for with a corpus."""
    rules = _rules()
    return sorted(rules.get(corpus, rules["default"]))


def label_rule(corpus: str, name: str) -> LabelRule:
    """The rule `name` of a corpus; a corpus with no rules of its own has the default ones.

    Args:
        corpus: its name; of the demo, "demo".
        name: such as "four_class"; or with the corpus that it is of, such as "iemocap/four_class", for a
            corpus that is under another name here.

    Raises:
        UsageError: there is no such rule.
    """
    named, slash, short = name.rpartition("/")
    section = named if slash else corpus if corpus in _rules() else "default"
    names = rule_names(section) if section in _rules() else []
    if short not in names:
        whose = f"the corpus {named if slash else corpus}"
        raise UsageError(
            f"There is no label rule {name!r} for {whose}: it has {', '.join(names) or 'none'}. "
            "`tfsergan data list --rules` lists all."
        )
    data = _rules()[section][short]
    classes = data["classes"]
    of_labels = data.get("of", "emotion") == "emotion"
    labels = (
        {label: i for i, members in enumerate(classes.values()) for label in members} if of_labels else {}
    )
    return LabelRule(
        name=f"{section}/{short}",
        of=data.get("of", "emotion"),
        classes=tuple(classes),
        labels=labels | dict.fromkeys(data.get("drop", ()), -1),
        intervals=() if of_labels else tuple(parse_interval(text) for text in classes.values()),
        counts=data.get("counts", {}),
        total=data.get("total"),
        any_case=data.get("any_case", False),
        source=data["source"],
    )
