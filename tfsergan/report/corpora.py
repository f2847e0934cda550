"""Corpora on a terminal: which there are, how labels become classes, and what a check found."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tfsergan import label_rules
from tfsergan.catalogue import CorpusStatus
from tfsergan.checks import Check, Count
from tfsergan.progress import duration

SHOWN = 3  # problems of each kind
WRONG = "red"


def status(rows: Iterable[CorpusStatus]) -> Table:
    """What there is: one row a corpus."""
    table = Table("corpus", "here", "prepared", "what, licence, where to ask", box=None, pad_edge=False)
    for row in rows:
        about = f"{row.description}\n{row.licence}: {row.url}" if row.url else row.description
        here, prepared = "\n".join(row.forms) or "no", "\n".join(row.prepared) or "no"
        table.add_row(*map(_plain, (row.name, here, prepared, about)))
    return table


def rules() -> Table:
    """Every label rule: its classes, the published number of utterances, its source."""
    table = Table("rule", "classes", "utterances", "source", box=None, pad_edge=False)
    for corpus in label_rules.corpora_with_rules():
        for name in label_rules.rule_names(corpus):
            rule = label_rules.label_rule(corpus, name)
            classes = f"{rule.of}: {rule.bounds}" if rule.intervals else ", ".join(rule.classes)
            table.add_row(*map(_plain, (rule.name, classes, str(rule.published or ""), rule.source)))
    return table


def check(found: Check, allow_partial: bool = False) -> Group:
    """What a check found: counts beside the published ones, rules, audio, and the first of all problems."""
    if found.is_right():
        verdict = _plain("all right", "green")
    elif found.is_right(allow_partial):
        verdict = _plain("a part, taken as it is", "yellow")
    else:
        verdict = _plain("not as published", WRONG)
    lines: list[RenderableType] = [
        Text.assemble((f"{found.corpus}, {found.form}: ", "bold"), verdict),
        _plain(f"  {found.where}"),
    ]
    if found.counts:
        lines.append(_counts(found))
    if found.rules:
        lines.append(_rules(found))
    if found.audio:
        formats = "; ".join(f"{name} ({n})" for name, n in found.audio.items())
        lines.append(_plain(f"  {duration(found.seconds)} of audio: {formats}"))
    lines += [_plain(f"  {note}", "yellow") for note in found.notes]
    for kind, problems in found.by_kind().items():
        lines.append(_plain(f"  {kind}: {len(problems)}", WRONG))
        lines += [_plain(f"    {problem}") for problem in problems[:SHOWN]]
        if len(problems) > SHOWN:
            lines.append(_plain(f"    and {len(problems) - SHOWN} more"))
    return Group(*lines, _plain(""))


def _counts(found: Check) -> Table:
    """Counts across, found above published."""
    table = Table(box=None)
    table.add_column("")
    for count in found.counts:
        table.add_column(_plain(count.name), justify="right")
    table.add_row("found", *(_plain(str(c.found), WRONG if c.differs else "") for c in found.counts))
    if any(count.published is not None for count in found.counts):
        published = ("" if count.published is None else str(count.published) for count in found.counts)
        table.add_row("published", *published)
    return table


def _rules(found: Check) -> Table:
    """A line a label rule, and a line for each of its faults."""
    table = Table("label rule", "utterances", "classes", box=None)
    for rule in found.rules:
        classes = _joined(rule.classes)
        for fault in rule.faults:
            classes.append(f"\n{fault}", "yellow")
        table.add_row(_plain(rule.name), _joined([rule.total], named=False), classes)
    return table


def _joined(counts: Iterable[Count], named: bool = True) -> Text:
    """Counts one after another, beside the published ones where they differ."""
    texts = []
    for count in counts:
        text = f"{count.name} {count.found}" if named else str(count.found)
        texts.append(_plain(f"{text} of {count.published}", "yellow") if count.differs else _plain(text))
    return Text(", ").join(texts)


def _plain(text: str, style: str = "") -> Text:
    """Text that is printed as it is: rich would take [demo] for a style."""
    return Text(text, style, overflow="fold")
