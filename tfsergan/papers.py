"""A paper as data: reads `reproductions/<paper>.toml` into frozen dataclasses.

The TOML holds what the paper says, each value with its source; code reads it and decides nothing.
"""

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

from tfsergan import _toml
from tfsergan.errors import TfserganError, UsageError


@dataclass(frozen=True)
class Value:
    """A hyper-parameter and where it comes from.

    Args:
        value: a number, a text or a tuple of numbers.
        source: "sec. 4.1", "table 1", "authors' code", "assumed", "quick schedule" or "--set".
        reason: why, where the source does not say.
        min, max: what it, or each of its numbers, may be at least and at most.
        choices: the texts that it may be; any where there are none.
        later: whether earlier versions did not have it and did what its value says.
    """

    value: Any
    source: str
    reason: str = ""
    min: float = -math.inf
    max: float = math.inf
    choices: Sequence[str] = ()
    later: bool = False

    def within_bounds(self) -> bool:
        if isinstance(self.value, str):
            return not self.choices or self.value in self.choices
        numbers = self.value if isinstance(self.value, tuple) else (self.value,)
        return all(self.min <= number <= self.max for number in numbers)


class Settings(Mapping[str, Any]):
    """Hyper-parameters by name, as attributes too: `settings.batch_size`, `settings["within.real.units"]`."""

    def __init__(self, values: Mapping[str, Value]):
        self.values_by_name = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self.values_by_name[name].value

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["values_by_name"][name].value
        except KeyError:
            raise AttributeError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def group(self, prefix: str) -> dict[str, Any]:
        """The settings below a prefix: `group("within.real")["units"]`."""
        dotted = prefix + "."
        return {name[len(dotted) :]: self[name] for name in self if name.startswith(dotted)}


@dataclass(frozen=True)
class Role:
    """What a paper uses a corpus for.

    Args:
        name: "labelled", "source" or "cross"; what `--corpus` calls it.
        corpus: the paper's own.
        demo: the part of the demo corpus that stands in.
        about: the paper's words for it, with the section.
        labels: label rule by corpus name, "default" for others; empty for an unlabelled role.
        features: its feature set by corpus name, "default" for others; the paper's where this is empty.
        variants: further feature sets, one a value of the hyper-parameter `each`: {features = "logmel-{}", each =
            "speeds"}; empty for none.
        utterances: how many the paper has of it; 0 where that is no matter.
    """

    name: str
    corpus: str
    demo: str
    about: str
    labels: Mapping[str, str]
    features: Mapping[str, str] = field(default_factory=dict)
    utterances: int = 0
    variants: Mapping[str, str] = field(default_factory=dict)

    def variants_of(self, settings: "Settings") -> tuple[str, ...]:
        """The further feature sets under these settings."""
        if not self.variants:
            return ()
        return tuple(
            self.variants["features"].format(f"{value:g}") for value in settings[self.variants["each"]]
        )

    def rule(self, corpus: str) -> str | None:
        """The label rule that this role applies to a corpus."""
        if not self.labels:
            return None
        return self.labels.get(corpus, self.labels["default"])


@dataclass(frozen=True)
class Place:
    """Where a table's cell is measured: results with this table, row and column, and one of their metrics.

    Args:
        minus: another column, whose measure is taken off; empty for none.
        over_folds: what becomes of the folds of a measure that counts nothing: "mean", "min" or "max".
    """

    table: int
    row: str
    column: str
    metric: str
    minus: str = ""
    over_folds: str = "mean"


@dataclass(frozen=True)
class Rerun:
    """Where the row that a table quotes is measured: in the reproduction of the paper that it is quoted from.

    Args:
        paper: its short name.
        table, row: of that reproduction.
        columns: its column by the quoting table's; the same name where one is left out.
        roles: the quoting paper's role by that paper's, of those whose corpora must be the same; the same name where
            one is left out.
    """

    paper: str
    table: int
    row: str
    columns: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TableSpec:
    """A table of the paper: its axes and what it reports.

    Args:
        number, title, unit, metric, decimals: as named; `metric` is the key of a result's metrics.
        scale: what a metric is multiplied by for print, such as 100 for per cent.
        rows, columns: names, in print order.
        shared: columns whose cells all measured rows share (they do not depend on the row).
        quoted: rows that the paper itself quotes from elsewhere.
        reruns: those of them that another reproduction measures.
        needs: roles without which the table can't be measured.
        column_needs: those of one column, where not all of the table's.
        column_sources: columns that print a metric or a measured column of another name: `{column, metric}`, and
            what else `Place` has.
        row_sources: rows that are measured for another table, row or column: `{table, row, column}`.
        compared: pairs of rows whose difference is tested, column by column.
        fold_averages: whether the notes also give the scores averaged over folds.
        reported: (row, column) -> (mean, standard deviation or None).
        notes: printed below.
    """

    number: int
    title: str
    unit: str
    metric: str
    decimals: int
    scale: float
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    shared: tuple[str, ...]
    quoted: tuple[str, ...]
    reruns: Mapping[str, Rerun]
    needs: tuple[str, ...]
    column_needs: Mapping[str, Sequence[str]]
    column_sources: Mapping[str, Mapping[str, str]]
    row_sources: Mapping[str, Mapping[str, Any]]
    compared: tuple[Sequence[str], ...]
    fold_averages: bool
    reported: Mapping[tuple[str, str], tuple[float, float | None]]
    notes: tuple[str, ...]

    def needs_of(self, column: str) -> list[str]:
        """The roles without which a column can't be measured: what rows share is about no source."""
        needs = self.column_needs.get(column, self.needs)
        return [role for role in needs if not (column in self.shared and role == "source")]

    def place(self, row: str, column: str) -> Place:
        """Where the cell that is printed at a row and column is measured."""
        shared = {"row": ""} if column in self.shared else {}
        usual: dict[str, Any] = {"table": self.number, "row": row, "column": column, "metric": self.metric}
        return Place(
            **usual | shared | dict(self.column_sources.get(column, {})) | dict(self.row_sources.get(row, {}))
        )


@dataclass(frozen=True)
class Claim:
    """An order of cells that the paper's text asserts, which is worth more than its single scores.

    Args:
        text: what the paper says, with the section.
        table: whose cells it is about.
        greater: (row, column) of the cell that is the higher one.
        lesser: cells that it is higher than, each of them.
    """

    text: str
    table: int
    greater: tuple[str, str]
    lesser: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Deviation:
    """What we do differently from the paper, and under which protocols."""

    text: str
    protocols: tuple[str, ...]


@dataclass(frozen=True)
class Paper:
    """One paper: citation, corpora, hyper-parameters, schedules, tables, claims, deviations.

    `generators` names the methods that can be trained by themselves: the role of the labelled corpus, and, of those
    that learn from an unlabelled one too, its role.
    """

    name: str
    title: str
    authors: str
    venue: str
    year: int
    bibtex: str
    features: str
    roles: Mapping[str, Role]
    protocols: Mapping[str, str]
    hyperparameters: Mapping[str, Value]
    schedules: Mapping[str, Mapping[str, Value]]
    schedule_notes: Mapping[str, str]
    tables: tuple[TableSpec, ...]
    figures: Mapping[str, Mapping[str, Any]]
    generators: Mapping[str, Sequence[str]]
    claims: tuple[Claim, ...]
    deviations: tuple[Deviation, ...]
    scan_notes: tuple[str, ...]

    @property
    def citation(self) -> str:
        return f"{self.authors} ({self.year}). {self.title}. {self.venue}."

    def settings(self, schedule: str = "paper", overrides: Mapping[str, str] | None = None) -> Settings:
        """The hyper-parameters under a schedule, with values set on the command line.

        Raises:
            UsageError: an unknown schedule or name, or a text that is no value of the parameter's type.
        """
        if schedule not in self.schedules:
            raise UsageError(unknown("schedule", schedule, self.schedules))
        values = {**self.hyperparameters, **self.schedules[schedule]}
        overrides = overrides or {}
        for name, text in overrides.items():
            if name not in values:
                raise UsageError(unknown(f"hyper-parameter of {self.name}", name, values))
            base = self.hyperparameters[name]
            value = replace(base, value=parse_like(base.value, text, name), source="--set", reason="")
            if not value.within_bounds():
                raise UsageError(f"--set {name}={text}: must be {bounds(base)}")
            values[name] = value
            for other in overruling(name):
                if other in values and other not in overrides and values[other].value:
                    values[other] = Value(0, "--set", f"{name} is set")
        return Settings(values)

    def recorded(self, run: Mapping[str, Any]) -> Settings:
        """The hyper-parameters that a run's `run.toml` records, with their sources where they are still ours."""
        try:
            now = self.settings(run["run"]["schedule"], run["run"]["overrides"]).values_by_name
        except UsageError:
            now = {}
        values = {}
        for name, entry in run["settings"].items():
            value = tuple(entry) if isinstance(entry, list) else entry
            same = name in now and now[name].value == value
            values[name] = now[name] if same else Value(value, "this run")
        later = {name: value for name, value in self.hyperparameters.items() if value.later}
        return Settings(later | values)

    def written(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Hyper-parameters as `run.toml` records them: without those that came later and have their first value."""
        known = self.hyperparameters
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in settings.items()
            if not (name in known and known[name].later and known[name].value == value)
        }

    def features_of(self, role: str, corpus: str) -> str:
        """The feature set that a role takes of a corpus."""
        own = self.roles[role].features
        return own.get(corpus, own.get("default", self.features))

    def needed(self, numbers: Sequence[int]) -> list[str]:
        """The roles that these tables need, in the paper's order."""
        wanted = {role for number in numbers for role in self.table(number).needs}
        return [role for role in self.roles if role in wanted]

    def table(self, number: int) -> TableSpec:
        """One of the paper's tables.

        Raises:
            UsageError: the paper has no such table.
        """
        for table in self.tables:
            if table.number == number:
                return table
        numbers = ", ".join(str(table.number) for table in self.tables)
        raise UsageError(f"{self.name} has no table {number} here; it has tables {numbers}.")


def names() -> list[str]:
    """The papers there are, in order of year."""
    folder = files("tfsergan.reproductions")
    found = [entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")]
    return sorted(found, key=lambda name: (name.lstrip("abcdefghijklmnopqrstuvwxyz"), name))


def load(name: str) -> Paper:
    """A paper by its short name, such as "bao2019".

    Raises:
        UsageError: no such paper.
    """
    if name not in names():
        raise UsageError(unknown("paper", name, names()) + " `tfsergan papers` lists them.")
    text = files("tfsergan.reproductions").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return parse(name, text)


def generator(name: str) -> tuple[Paper, str]:
    """The paper and the method that can be trained by itself, by the name of either; the paper's first of several.

    Raises:
        UsageError: no such method, or a paper of which none can be trained by itself.
    """
    known = {paper.name: paper for paper in map(load, names())}
    by_method = {
        method.casefold(): (paper, method) for paper in known.values() for method in paper.generators
    }
    if name in known and known[name].generators:
        return known[name], next(iter(known[name].generators))
    if name.casefold() in by_method:
        return by_method[name.casefold()]
    methods = [method for _, method in by_method.values()]
    if name in known:
        raise UsageError(
            f"{name} has no generator that is trained by itself on one labelled corpus; methods that have: "
            f"{', '.join(methods)}. `tfsergan reproduce {name} --corpus ROLE=NAME` trains it on other corpora."
        )
    others = " and ".join(paper.name for paper in known.values() if not paper.generators)
    raise UsageError(
        f"{unknown('method', name, methods)} Those of {others} are trained by `tfsergan reproduce` alone."
    )


@lru_cache(maxsize=32)  # a report reads some papers again and again
def parse(name: str, text: str) -> Paper:
    """A paper from its TOML.

    Raises:
        TfserganError: text that is no TOML, or lacks a field.
    """
    try:
        data = _toml.loads(text)
        hyperparameters = read_values(data["hyperparameters"])
        schedules = {key: read_values(data["schedules"][key].get("set", {})) for key in data["schedules"]}
        for schedule, values in schedules.items():
            for key in values:
                if key not in hyperparameters:
                    raise TfserganError(
                        f"{name}.toml: schedule {schedule} sets {key}, which is no hyper-parameter"
                    )
        tables = tuple(read_table(table) for table in data["tables"])
        return Paper(
            name=name,
            **{
                key: data[key]
                for key in ("title", "authors", "venue", "year", "bibtex", "features", "protocols")
            },
            roles=read_roles(data["roles"]),
            hyperparameters=hyperparameters,
            schedules=schedules,
            schedule_notes={key: schedule["about"] for key, schedule in data["schedules"].items()},
            tables=tables,
            figures=data.get("figures", {}),
            generators=data.get("generators", {}),
            claims=tuple(read_claim(claim, tables) for claim in data.get("claims", [])),
            deviations=tuple(
                Deviation(entry["text"], tuple(entry.get("protocols", data["protocols"])))
                for entry in data.get("deviation", [])
            ),
            scan_notes=tuple(entry["text"] for entry in data.get("scan_note", [])),
        )
    except (_toml.TOMLDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise TfserganError(f"{name}.toml: {type(error).__name__}: {error}") from error


def read_roles(table: Mapping[str, Mapping[str, Any]]) -> dict[str, Role]:
    """The roles; one with `tasks`, a label rule each, becomes a role a task, such as "source/valence" of "source"."""
    roles = {}
    for name, entry in table.items():
        shared = {key: value for key, value in entry.items() if key != "tasks"}
        if "tasks" not in entry:
            roles[name] = Role(name, **shared)
        for task, rule in entry.get("tasks", {}).items():
            roles[f"{name}/{task}"] = Role(name, **shared, labels={"default": rule})
    return roles


def read_values(table: Mapping[str, Any], prefix: str = "") -> dict[str, Value]:
    """Nested tables of `{ value, source, reason }` as one flat, dotted mapping."""
    values = {}
    for key, entry in table.items():
        if "value" in entry:
            entry = dict(entry)
            value = entry.pop("value")
            values[prefix + key] = Value(tuple(value) if isinstance(value, list) else value, **entry)
        else:
            values.update(read_values(entry, f"{prefix}{key}."))
    return values


def read_table(entry: Mapping[str, Any]) -> TableSpec:
    """One `[[tables]]` entry with its `reported` rows: a cell is a mean, a mean and a deviation, or "-"."""
    reported = {}
    for row, cells in entry.get("reported", {}).items():
        for column, cell in zip(entry["columns"], cells, strict=True):
            if cell == "-":
                continue
            mean, std = (
                (cell[0], cell[1] if len(cell) > 1 else None) if isinstance(cell, list) else (cell, None)
            )
            reported[row, column] = (float(mean), std)
    reruns = {row: Rerun(**rerun) for row, rerun in entry.get("rerun", {}).items()}
    if not set(reruns) <= set(entry.get("quoted", ())):
        raise ValueError(f"table {entry['number']}: only quoted rows are re-run, not {', '.join(reruns)}")
    lists: dict[str, Any] = {key: tuple(entry[key]) for key in ("rows", "columns")}
    lists |= {key: tuple(entry.get(key, ())) for key in ("shared", "quoted", "needs", "compared", "notes")}
    return TableSpec(
        **{key: entry[key] for key in ("number", "title", "unit", "metric", "decimals")},
        scale=entry.get("scale", 1.0),
        **lists,
        **{key: entry.get(key, {}) for key in ("column_needs", "column_sources", "row_sources")},
        fold_averages=entry.get("fold_averages", True),
        reruns=reruns,
        reported=reported,
    )


def read_claim(entry: Mapping[str, Any], tables: Sequence[TableSpec]) -> Claim:
    """One `[[claims]]` entry; its cells must be of its table, and be no differences themselves."""
    claim = Claim(entry["text"], entry["table"], tuple(entry["greater"]), tuple(map(tuple, entry["lesser"])))
    cells = {
        (row, column)
        for t in tables
        if t.number == claim.table
        for row in t.rows
        for column in t.columns
        if not t.place(row, column).minus
    }
    unknown_cells = [cell for cell in (claim.greater, *claim.lesser) if cell not in cells]
    if unknown_cells or not claim.lesser:
        raise ValueError(f"a claim names no cell of table {claim.table}: {unknown_cells or claim.text}")
    return claim


def parse_like(example: Any, text: str, name: str) -> Any:
    """A text from the command line as a value of an example's type.

    Raises:
        UsageError: the text is no such value.
    """
    try:
        if isinstance(example, tuple):
            parts = [part.strip() for part in text.strip("[]() ").split(",") if part.strip()]
            if not parts:
                raise ValueError("no value")
            return tuple(parse_one(example[0], part) for part in parts)
        return parse_one(example, text)
    except (ValueError, KeyError):
        shown = ",".join(map(str, example)) if isinstance(example, tuple) else example
        raise UsageError(f"--set {name}={text}: expected a value like {shown}") from None


def parse_one(example: Any, text: str) -> Any:
    """A text as a boolean, a finite number or a text, as the example is one.

    Raises:
        ValueError, KeyError: the text is no such value.
    """
    if isinstance(example, bool):
        return {"true": True, "false": False}[text.lower()]
    value = type(example)(text)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not finite")
    return value


def overruling(name: str) -> list[str]:
    """The settings that, unless 0, count instead of this one: iterations and updates before epochs."""
    if not name.endswith("epochs"):
        return []
    stem = name.removesuffix("epochs")
    return [stem + "iterations", stem + "updates"]


def bounds(value: Value) -> str:
    """A value's bounds in words."""
    if value.choices:
        return " or ".join(value.choices)
    words = [f"at least {value.min:g}"] if value.min > -math.inf else []
    return " and ".join(words + ([f"at most {value.max:g}"] if value.max < math.inf else []))


def unknown(kind: str, name: str, known: Mapping[str, Any] | list[str]) -> str:
    """A message for a name that does not exist, with the nearest that do."""
    near = difflib.get_close_matches(name, list(known), n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}."
    return f"unknown {kind} '{name}'; {hint}"
