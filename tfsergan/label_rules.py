"""Named rules that turn a corpus's own emotion labels into classes; the rules are `label_rules.toml`."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np

from tfsergan import _toml
from tfsergan.errors import TfserganError, UsageError


@dataclass(frozen=True)
class LabelRule:
    """One rule of `label_rules.toml`."""

    name: str  # "iemocap.four_class"
    classes: tuple[str, ...]  # in the order of the class indices
    labels: Mapping[str, int]  # a corpus's label -> class index; -1 where the rule drops it
    counts: Mapping[str, int]  # published utterances by class; empty if none are published
    any_case: bool
    source: str

    def apply(
        self, emotion: Sequence[str], ids: Sequence[str], where: str, *, allow_partial: bool = False
    ) -> np.ndarray:
        """The class index (n,) int32 of each utterance, -1 for those that the rule drops.

        Args:
            emotion: the corpus's labels (n,).
            ids: the utterances (n,), for messages.
            where: the corpus's file or folder, for messages.
            allow_partial: accept counts that differ from the published ones.

        Raises:
            TfserganError: a label that the rule does not know, a class without utterances, or counts that
                differ from the published ones.
        """
        labels = [label.casefold() for label in emotion] if self.any_case else emotion
        unknown = [i for i, label in enumerate(labels) if label not in self.labels]
        if unknown:
            first = unknown[0]
            known = ", ".join(map(repr, self.labels))
            raise TfserganError(
                f"{where}, utterance {str(ids[first])!r}, column 'emotion': the label "
                f"{str(emotion[first])!r} ({len(unknown)} utterances have an unknown one) is not in the "
                f"rule {self.name}, which knows {known}. "
                "Rename the label in the table, remove those rows, or choose another rule."
            )
        indices = np.array([self.labels[label] for label in labels], np.int32)
        self._check_counts(indices, where, allow_partial)
        return indices

    def _check_counts(self, indices: np.ndarray, where: str, allow_partial: bool) -> None:
        found = np.bincount(indices[indices >= 0], minlength=len(self.classes))
        empty = [name for name, n in zip(self.classes, found, strict=True) if not n]
        if empty:
            raise TfserganError(
                f"{where}: the rule {self.name} finds no utterance of {', '.join(empty)}. Check the column "
                "'emotion', or choose a rule that has only the classes of this corpus."
            )
        expected = [self.counts.get(name, n) for name, n in zip(self.classes, found, strict=True)]
        if any(found != expected) and not allow_partial:
            table = "\n".join(
                f"  {name:<10} expected {m:>6}  found {n:>6}"
                for name, m, n in zip(self.classes, expected, found, strict=True)
            )
            raise TfserganError(
                f"{where} is not the whole corpus that {self.source} describes:\n{table}\n"
                "Complete the corpus, or load a part of it with `tfsergan.corpora.load(..., allow_partial=True)`."
            )


@functools.cache
def _rules() -> dict[str, dict[str, dict]]:
    text = (resources.files("tfsergan") / "label_rules.toml").read_text(encoding="utf-8")
    return _toml.loads(text)


def rule_names(corpus: str) -> list[str]:
    """The rules that can be asked for with a corpus."""
    rules = _rules()
    return sorted(rules.get(corpus, rules["default"]))


def label_rule(corpus: str, name: str) -> LabelRule:
    """The rule `name` of a corpus; a corpus with no rules of its own has the default ones.

    Raises:
        UsageError: there is no such rule.
    """
    section = corpus if corpus in _rules() else "default"
    names = rule_names(corpus)
    if name not in names:
        raise UsageError(
            f"There is no label rule {name!r} for the corpus {corpus}: it has {', '.join(names)}."
        )
    data = _rules()[section][name]
    labels = {label: i for i, members in enumerate(data["classes"].values()) for label in members}
    return LabelRule(
        name=f"{section}.{name}",
        classes=tuple(data["classes"]),
        labels=labels | dict.fromkeys(data.get("drop", ()), -1),
        counts=data.get("counts", {}),
        any_case=data.get("any_case", False),
        source=data["source"],
    )
