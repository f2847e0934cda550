"""Rows that one paper quotes from another, filled from the reproduction of that other paper here."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from tfsergan import papers, results
from tfsergan.papers import Rerun

SCHEDULES = ("paper", "compact", "quick")
"""Which committed run is preferred, after one of this run's own schedule."""


SAME = ("corpora", "settings", "versions")
"""What results of one run have in common, beside schedule, overrides and seed."""


@dataclass(frozen=True)
class Found:
    """What fills a quoted row.

    Args:
        rows: results of one run; none where there is no such run.
        where: which run that was, or how to make one.
    """

    rows: Sequence[Mapping[str, Any]]
    where: str


def find(rerun: Rerun, run: Mapping[str, Any], folder: Path | None) -> Found:
    """Results of the quoted paper on the same corpora, by name, and under the same protocol.

    A run in a folder beside this one's comes first, then the results that are committed with that paper.

    Args:
        rerun: what the quoting table says.
        run: `run.toml` of the run whose table quotes.
        folder: of that run; None to look at committed results alone.
    """
    spec = papers.load(rerun.paper).table(rerun.table)
    places = [spec.place(rerun.row, rerun.columns.get(column, column)) for column in spec.columns]
    own = {(place.table, place.row, place.column) for place in places if place.row}
    for rows, place in (beside(rerun.paper, folder), committed(rerun.paper)):
        fitting = [row for row in rows if fits(row, rerun, spec, run)]
        if any((row["table"], row["row"], row["column"]) in own for row in fitting):
            chosen = one_run(fitting, run["run"]["schedule"])
            others = [role for role in spec.needs if role not in corpora_of(rerun, spec, run)]
            return Found(chosen, provenance(rerun, chosen[0], place, others))
    return Found((), how_to(rerun, spec, run, folder))


def beside(paper: str, folder: Path | None) -> tuple[Sequence[Mapping[str, Any]], str]:
    """Results of a paper's run in a folder of its name beside a run's, and the folder."""
    if folder is None:
        return (), ""
    other = folder.resolve().parent / paper
    path = other / "results.jsonl"
    return (results.Results(path).rows if path.exists() else ()), f"{other.parent.name}/{other.name}"


def committed(paper: str) -> tuple[Sequence[Mapping[str, Any]], str]:
    """The results that come with a paper's reproduction, and their name."""
    path = files("tfsergan.reproductions").joinpath("results").joinpath(f"{paper}.jsonl")
    return (results.read(Path(str(path))) if path.is_file() else ()), "the committed results"


def fits(row: Mapping[str, Any], rerun: Rerun, spec: papers.TableSpec, run: Mapping[str, Any]) -> bool:
    """Whether a result is of the same corpora and protocol as a run; of roles that the run's paper lacks, of any."""
    names = corpora_of(rerun, spec, run)
    same = all(name and row["corpora"].get(role) == name for role, name in names.items())
    return same and row["protocol"] == run["run"]["protocol"] and row["table"] in tables_of(spec)


def corpora_of(rerun: Rerun, spec: papers.TableSpec, run: Mapping[str, Any]) -> dict[str, str]:
    """The corpus that a run has for those roles of the quoted paper's table that its paper has; "" where it has none."""
    used, own = run["corpora"], papers.load(run["run"]["paper"]).roles
    ours = {role: rerun.roles.get(role, role) for role in spec.needs}
    return {role: used.get(name, {}).get("name", "") for role, name in ours.items() if name in own}


def tables_of(spec: papers.TableSpec) -> set[int]:
    """The tables under which a table's rows are measured."""
    return {spec.place(row, column).table for row in spec.rows for column in spec.columns}


def one_run(rows: Sequence[Mapping[str, Any]], schedule: str) -> list[Mapping[str, Any]]:
    """The results of one run among those of several.

    One of the given schedule comes first, then in the order of `SCHEDULES`; one without settings changed by hand
    before others; then the lower seed.
    """

    def rank(row: Mapping[str, Any]) -> tuple:
        order = [schedule, *SCHEDULES]
        place = order.index(row["schedule"]) if row["schedule"] in order else len(order)
        changed, rest = sorted(row["overrides"].items()), {name: row.get(name) for name in SAME}
        return place, bool(changed), row["seed"], changed, row["schedule"], json.dumps(rest, sort_keys=True)

    best = min(map(rank, rows))
    return [row for row in rows if rank(row) == best]


def provenance(rerun: Rerun, row: Mapping[str, Any], place: str, roles: Sequence[str]) -> str:
    """Which run a result is of, with its corpora of some roles."""
    changed = ", ".join(f"`{name}={value}`" for name, value in row["overrides"].items())
    how = f"schedule {row['schedule']}{f' with {changed}' if changed else ''}, protocol {row['protocol']}"
    corpora = "".join(f", {role} {row['corpora'].get(role, 'none')}" for role in roles)
    return (
        f"{rerun.paper}, table {rerun.table}, {rerun.row}: {how}, seed {row['seed']}{corpora}, from {place}"
    )


def how_to(rerun: Rerun, spec: papers.TableSpec, run: Mapping[str, Any], folder: Path | None) -> str:
    """The command that makes the missing run."""
    paper = papers.load(rerun.paper)
    words = [f"tfsergan reproduce {rerun.paper} --table {rerun.table}"]
    if run["run"]["schedule"] in paper.schedules:
        words.append(f"--schedule {run['run']['schedule']}")
    words.append(f"--protocol {run['run']['protocol']}")
    for role, name in corpora_of(rerun, spec, run).items():
        if name and name != paper.roles[role].corpus and not name.startswith("demo/"):
            words.append(f"--corpus {role}={name}")
    if folder is not None:
        words.append(
            f"--out {shlex.quote(str((folder if folder.name else folder.resolve()).parent / rerun.paper))}"
        )
    return f"`{' '.join(words)}` re-runs the quoted row; it is filled when this report is written again."
