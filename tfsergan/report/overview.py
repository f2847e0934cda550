"""One page of several runs and papers: what reproduces, what does not, what was not run."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfsergan import papers, results
from tfsergan.papers import Paper, TableSpec
from tfsergan.report import assemble, committed, page, verdicts
from tfsergan.report.pooling import by_cell
from tfsergan.report.tables import Table
from tfsergan.report.verdicts import NOT_RUN, Checked, Verdict

COMMITTED = "committed results"


@dataclass(frozen=True)
class Source:
    """Results of one run.

    Args:
        run: its `run.toml`, or as much of it as its results tell.
        rows: its results, at least one.
        where: it is, for the reader.
        folder: of the run; None for committed results.
    """

    run: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    where: str
    folder: Path | None = None

    @property
    def paper(self) -> str:
        return self.run["run"]["paper"]

    @property
    def key(self) -> str:
        """The same for the same run, wherever its results lie."""
        return committed.key_of(self.rows[0])


def committed_runs() -> list[Source]:
    """The runs whose results come with tfsergan."""
    return [
        Source(run, rows, COMMITTED)
        for name in papers.names()
        for run, rows in committed.runs(papers.load(name))
    ]


def write_overview(path: Path, sources: Sequence[Source]) -> int:
    """Writes the page, atomically; gives its size in bytes.

    Every paper is on it with every table. Of results that several sources have, the first one's are shown.

    Raises:
        OSError: a figure can't be read, or the page can't be written.
    """
    shown = [paper_view(papers.load(name), merged(sources), path) for name in papers.names()]
    return page.write_overview(
        path,
        papers=shown,
        filters=filters([entry for paper in shown for entry in (*paper["runs"], paper["rest"]) if entry]),
    )


def merged(sources: Sequence[Source]) -> list[Source]:
    """A source a run, with the results of all that are of it; of a result that several have, the first one's."""
    groups: dict[str, list[Source]] = {}
    for source in sources:
        groups.setdefault(source.key, []).append(source)
    found = []
    for group in groups.values():
        rows = {(*results.cell(row), row["repeat"]): row for s in reversed(group) for row in s.rows}
        found.append(replace(group[0], rows=list(rows.values())))
    return found


def filters(entries: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """What one may choose from, in order of name."""
    return {
        "paper": list(dict.fromkeys(entry["paper"] for entry in entries)),
        "corpus": sorted({name for entry in entries for name in entry["corpora"]}),
        "protocol": sorted({entry["protocol"] for entry in entries} - {""}),
        "schedule": sorted({entry["schedule"] for entry in entries} - {""}),
    }


def paper_view(paper: Paper, sources: Sequence[Source], path: Path) -> dict[str, Any]:
    """A paper with its runs, and the tables that none of them measured."""
    own = [source for source in sources if source.paper == paper.name]
    runs = [run_view(paper, source, f"{paper.name}-{i}") for i, source in enumerate(own, 1)]
    there = {number for run in runs for number in run["numbers"]}
    return {
        "name": paper.name,
        "title": paper.title,
        "citation": paper.citation,
        "docs": docs(paper.name, path),
        "runs": runs,
        "rest": rest_view(paper, [spec for spec in paper.tables if spec.number not in there]),
        "deviations": [
            d.text
            if set(d.protocols) == {*paper.protocols}
            else f"Protocol {', '.join(d.protocols)}: {d.text}"
            for d in paper.deviations
        ],
        "scan_notes": paper.scan_notes,
    }


def docs(name: str, path: Path) -> tuple[str, str]:
    """The paper's page in the documentation, and a link to it if the page is written beside that; "" for none."""
    root = Path(__file__).resolve().parents[2]
    document = root / "docs" / "papers" / f"{name}.md"
    if not document.exists():
        return "", ""
    inside = path.resolve().is_relative_to(root)
    return f"docs/papers/{name}.md", Path(
        os.path.relpath(document, path.resolve().parent)
    ).as_posix() * inside


def run_view(paper: Paper, source: Source, anchor: str) -> dict[str, Any]:
    """A run as the template takes it."""
    run, cells = source.run, by_cell(source.rows)
    made = assemble.tables_of(paper, source.rows, run, source.folder)
    told = [
        (spec, table, verdicts.of_table(paper, spec, table, run))
        for spec, table in zip(paper.tables, made, strict=True)
    ]
    shown = [(spec, table, verdict) for spec, table, verdict in told if verdict.kind != NOT_RUN]
    everywhere = [line for spec in paper.tables for line in run_warnings(paper, spec, run)]
    once = [standing for spec, _, verdict in told for standing in verdicts.counted(spec, verdict.cells)]
    claims = [verdicts.check(claim, paper, cells, run) for claim in paper.claims]
    return {
        "anchor": anchor,
        "paper": paper.name,
        "corpora": names_of(run["corpora"][role]["name"] for role in paper.roles if role in run["corpora"]),
        "protocol": run["run"]["protocol"],
        "schedule": run["run"]["schedule"],
        "overrides": run["run"]["overrides"],
        "where": source.where,
        "warnings": list(dict.fromkeys(everywhere)),
        "verdict": verdicts.of_run(paper, [(spec, verdict) for spec, _, verdict in told], run),
        "claims": claims,
        "cells": verdicts.agreeing(once)
        or ", ".join(verdicts.foreign(paper, list(paper.roles), run))
        or "nothing to compare",
        "tally": tally(claims),
        "numbers": [spec.number for spec, _, _ in shown],
        "tables": [
            page.table_view(without(table, paper, run, everywhere), f"{anchor}-t{spec.number}", verdict)
            for spec, table, verdict in shown
        ],
        "left_out": [(spec.number, verdict.text) for spec, _, verdict in told if verdict.kind == NOT_RUN],
        "figures": figures(paper, source),
        "summary": assemble.summary(paper, source.rows, run),
        "values": assemble.hyperparameters(paper, run),
        "command": run.get("command", ""),
        "versions": run["versions"],
    }


def names_of(corpora: Iterable[str]) -> list[str]:
    """Corpora, each once, in the order of their roles."""
    return list(dict.fromkeys(corpora))


def run_warnings(paper: Paper, spec: TableSpec, run: Mapping[str, Any]) -> list[str]:
    """What is to be warned of all over a run, not of one table."""
    return [*assemble.stand_ins(paper, spec, run), *assemble.incomplete(paper, spec, run)]


def without(table: Table, paper: Paper, run: Mapping[str, Any], said: Sequence[str]) -> Table:
    """A table without the warnings and notes that its run has said already."""
    how = assemble.how(paper, run)
    return replace(
        table,
        warnings=tuple(warning for warning in table.warnings if warning not in said),
        notes=tuple(note for note in table.notes if note not in how),
    )


def tally(claims: Sequence[Checked]) -> str:
    """ "2 hold, 1 undecided": how many claims have which status."""
    counts = Counter(claim.status for claim in claims)
    words = {
        verdicts.HOLDS: ("holds", "hold"),
        verdicts.FAILS: ("does not hold", "do not hold"),
        verdicts.TRIAL: ("only tried", "only tried"),
    }
    parts = []
    for status in (verdicts.HOLDS, verdicts.FAILS, verdicts.UNDECIDED, verdicts.TRIAL, verdicts.NOT_MEASURED):
        if counts[status]:
            one, several = words.get(status, (status, status))
            parts.append(f"{counts[status]} {one if counts[status] == 1 else several}")
    return ", ".join(parts)


def figures(paper: Paper, source: Source) -> list[dict[str, Any]]:
    """The figures of a run; of committed results those that results alone make."""
    if source.folder:
        return [page.figure_view(caption, png) for caption, png in assemble.drawn(paper, source.folder)]
    with tempfile.TemporaryDirectory() as folder:
        assemble.write_confusions(paper, source.rows, Path(folder))
        return [page.figure_view(caption, png) for caption, png in assemble.drawn(paper, Path(folder))]


def rest_view(paper: Paper, specs: Sequence[TableSpec]) -> dict[str, Any] | None:
    """The tables that no run measured, as the paper reports them; None where there are none."""
    if not specs:
        return None
    roles = {role for spec in specs for role in spec.needs}
    return {
        "anchor": f"{paper.name}-rest",
        "paper": paper.name,
        "corpora": names_of(paper.roles[role].corpus for role in paper.roles if role in roles),
        "protocol": "",
        "schedule": "",
        "tables": [rest_table(paper, spec) for spec in specs],
    }


def rest_table(paper: Paper, spec: TableSpec) -> page.TableView:
    """A table with what the paper reports, and how to measure it."""
    needs = dict.fromkeys(paper.roles[role].corpus for role in spec.needs)
    how = f"needs {', '.join(needs)}; `tfsergan reproduce {paper.name} --table {spec.number} --manual-dir CORPORA`"
    table = replace(assemble.reported(spec), notes=spec.notes)
    return page.table_view(table, f"{paper.name}-rest-t{spec.number}", Verdict(NOT_RUN, how, {}))
