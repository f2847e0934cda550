"""The results that are committed with a paper, as the runs that they are of."""

import json
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from tfsergan import results
from tfsergan.errors import UsageError
from tfsergan.papers import Paper
from tfsergan.report.reruns import committed

OF_A_RUN = ("corpora", "protocol", "schedule", "overrides", "seed", "settings", "versions")
"""What all results of one run have in common, beside their paper."""

Rows = Sequence[Mapping[str, Any]]


def runs(paper: Paper) -> list[tuple[dict[str, Any], Rows]]:
    """The committed runs of a paper: of each what its results tell of `run.toml`, and the results."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in committed(paper.name)[0]:
        found[key_of(row)].append(row)
    return [(told_by(found[key][0], paper), found[key]) for key in sorted(found)]


def key_of(row: Mapping[str, Any]) -> str:
    """What tells the run of a result from others."""
    return json.dumps([row["paper"], *(row.get(name) for name in OF_A_RUN)], sort_keys=True)


def told_by(row: Mapping[str, Any], paper: Paper) -> dict[str, Any]:
    """As much of its `run.toml` as a result tells; its settings are known if this version still has them."""
    try:
        plain = paper.written(paper.settings(row["schedule"], row["overrides"]))
    except UsageError:  # a schedule or a setting that there is no longer
        plain = {}
    run = {name: row[name] for name in ("paper", "schedule", "protocol", "seed", "overrides")}
    absent = [role for role in paper.roles if role not in row["corpora"]]
    return {
        "run": run,
        "corpora": {
            role: {"name": name, "features": paper.features_of(role, name)}
            for role, name in row["corpora"].items()
        },
        "missing": {role: f"This run had no {paper.roles[role].corpus}." for role in absent},
        "settings": plain if results.digest(plain) == row["settings"] else {},
        "versions": row["versions"],
        "hardware": {},
        "command": command(row, paper),
    }


def command(row: Mapping[str, Any], paper: Paper) -> str:
    """The command that makes the run of a result."""
    words = ["tfsergan", "reproduce", row["paper"], "--schedule", row["schedule"]]
    words += ["--protocol", row["protocol"], "--manual-dir", "CORPORA"]
    swaps = {
        paper.roles[role].name: name
        for role, name in row["corpora"].items()
        if name != paper.roles[role].corpus
    }
    words += [word for role, name in swaps.items() for word in ("--corpus", f"{role}={name}")]
    words += [word for name, value in row["overrides"].items() for word in ("--set", f"{name}={value}")]
    return shlex.join(words + (["--seed", str(row["seed"])] if row["seed"] else []))


def title(run: Mapping[str, Any]) -> str:
    """What tells a run from others, in one line: "emodb, schedule compact, protocol strict"."""
    r = run["run"]
    names = ", ".join(dict.fromkeys(corpus["name"] for corpus in run["corpora"].values()))
    seed = f", seed {r['seed']}" if r["seed"] else ""
    changed = "".join(f", {name}={value}" for name, value in r["overrides"].items())
    return f"{names}, schedule {r['schedule']}, protocol {r['protocol']}{seed}{changed}"
