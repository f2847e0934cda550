"""From results and a paper's TOML to its tables and to the run's report."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tfsergan import metrics
from tfsergan.papers import Paper, TableSpec, Value, load
from tfsergan.report import board, figures, page, reruns
from tfsergan.report.pooling import Cells, by_cell, by_repeat
from tfsergan.report.tables import MINUS, Cell, Measured, Score, Table, signed, write

UNKNOWN = "this version of tfsergan no longer knows it"
CONVERGED = 0.5  # of the source's distance: beyond it, synthetic vectors have not reached the target


def tables_of(
    paper: Paper, rows: Sequence[Mapping[str, Any]], run: Mapping[str, Any], folder: Path | None = None
) -> list[Table]:
    """The paper's tables with what was measured.

    Args:
        paper: says what is reported.
        rows: results of one run.
        run: its `run.toml`.
        folder: of the run; runs of quoted papers are looked for beside it.
    """
    cells = by_cell(rows)
    return [table_of(paper, spec, cells, run, folder) for spec in paper.tables]


def table_of(
    paper: Paper, spec: TableSpec, cells: Cells, run: Mapping[str, Any], folder: Path | None = None
) -> Table:
    """One table: each cell reported beside measured, or why it was not."""
    own = [row for (table, _, _), found in cells.items() if table == spec.number for row in found]
    extra = sorted({row["row"] for row in own} - {*spec.rows, *shown_elsewhere(paper, spec), ""})
    filled, averages = {}, {}
    for row in (*spec.rows, *extra):
        for column in spec.columns:
            quoted, place = row in spec.quoted, spec.place(row, column)
            found = [] if quoted else cells.get((place.table, place.row, place.column), [])
            found = [result for result in found if place.metric in result["metrics"]]
            reported = Score(*spec.reported[row, column]) if (row, column) in spec.reported else None
            ours = measured(found, place.metric, spec.scale, place.over_folds) if found else None
            if place.minus and ours:
                other = cells.get((place.table, place.row, place.minus), [])
                ours = difference(found, other, place.metric, spec.scale) if other else None
            reason = "" if quoted or ours else why_missing(paper, spec, run, row, column)
            filled[row, column] = Cell(reported, ours, reason)
            several = spec.fold_averages and not place.minus and "confusion" in (found or [{}])[0]
            if several and len({result["fold"] for result in found}) > 1:
                mean = np.mean([result["metrics"][place.metric] for result in found]) * spec.scale
                averages[f"{column} {row if place.row else ''}".strip()] = f"{mean:.{spec.decimals}f}"
    return Table(
        number=spec.number,
        title=spec.title,
        unit=spec.unit,
        decimals=spec.decimals,
        rows=(*spec.rows, *extra),
        columns=spec.columns,
        cells=filled | rerun_cells(spec, run, folder),
        warnings=(*stand_ins(paper, spec, run), *incomplete(paper, spec, run), *unconverged(own)),
        notes=(
            *spec.notes,
            *comparisons(spec, cells),
            *averaged_over_folds(averages),
            *distances(own),
            *training_lengths(own),
            *how(paper, run),
        ),
        **({"counted": "features", "resampled": "features"} if spec.metric == "distance" else {}),
    )


def reported(spec: TableSpec) -> Table:
    """What the paper prints in a table, and nothing beside it."""
    return Table(
        **{name: getattr(spec, name) for name in ("number", "title", "unit", "decimals", "rows", "columns")},
        cells={place: Cell(Score(*score)) for place, score in spec.reported.items()},
    )


def rerun_cells(spec: TableSpec, run: Mapping[str, Any], folder: Path | None) -> dict[tuple[str, str], Cell]:
    """The cells of quoted rows that the reproductions of the quoted papers measure."""
    filled = {}
    for row, rerun in spec.reruns.items():
        found, quoted = reruns.find(rerun, run, folder), load(rerun.paper).table(rerun.table)
        for column in spec.columns:
            place = quoted.place(rerun.row, rerun.columns.get(column, column))
            results = [
                result
                for result in found.rows
                if (result["table"], result["row"], result["column"])
                == (place.table, place.row, place.column)
                and place.metric in result["metrics"]
            ]
            reported = Score(*spec.reported[row, column]) if (row, column) in spec.reported else None
            ours = measured(results, place.metric, spec.scale) if results else None
            filled[row, column] = (
                Cell(reported, ours, rerun=found.where)
                if ours
                else Cell(reported, missing="" if found.rows else found.where)
            )
    return filled


def shown_elsewhere(paper: Paper, spec: TableSpec) -> set[str]:
    """Rows measured under this table's number that only other tables print."""
    sources = (source for other in paper.tables for source in other.row_sources.values())
    return {source["row"] for source in sources if source.get("table") == spec.number and "row" in source}


def measured(
    rows: Sequence[Mapping[str, Any]], metric: str, scale: float, over_folds: str = "mean"
) -> Measured:
    """Mean and deviation over repeats of a cell's results, its folds pooled, or averaged where nothing is counted.

    Args:
        over_folds: "min" or "max" instead of that average.
    """
    folds = sorted({row["fold"] for row in rows})
    repeats = min(row["repeats"] for row in rows)
    if "confusion" in rows[0]:
        confusions, statistic = by_repeat(rows, repeats), getattr(metrics, metric)
        values = np.array([statistic(matrix.sum(axis=0)) for matrix in confusions])
        interval = metrics.bootstrap_interval(confusions, statistic=statistic)
    else:
        values = np.array(
            [
                getattr(np, over_folds)([row["metrics"][metric] for row in rows if row["repeat"] == repeat])
                for repeat in range(repeats)
            ]
        )
        interval = rows[0].get("interval")
    scaled = values * scale
    return Measured(
        mean=float(scaled.mean()),
        std=float(scaled.std(ddof=1)) if len(scaled) > 1 else None,
        n=sum(row["n"] for row in rows if row["repeat"] == 0),
        repeats=repeats,
        folds=len(folds),
        interval=(interval[0] * scale, interval[1] * scale) if interval else None,
    )


def difference(
    rows: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]], metric: str, scale: float
) -> Measured:
    """How much one cell's results are above another's of the same speakers and repeats."""
    repeats, statistic = min(row["repeats"] for row in (*rows, *other)), getattr(metrics, metric)
    counts = [by_repeat(cell, repeats) for cell in (rows, other)]
    one, two = (np.array([statistic(matrix.sum(axis=0)) for matrix in cell]) * scale for cell in counts)
    found = metrics.paired_difference(*counts, statistic=statistic)
    return replace(
        measured(rows, metric, scale),
        mean=float((one - two).mean()),
        std=float((one - two).std(ddof=1)) if repeats > 1 else None,
        interval=(found.interval[0] * scale, found.interval[1] * scale) if found else None,
    )


def averaged_over_folds(averages: Mapping[str, str]) -> list[str]:
    """One line: the same cells as a mean of the folds' scores, for papers that average so."""
    shown = "; ".join(f"{name} {value}" for name, value in averages.items())
    return [f"Averaged over folds instead of pooled: {shown}."] if shown else []


def training_lengths(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line: for how many epochs the generative models of these cells were trained."""
    epochs = sorted({int(row["metrics"]["epochs"]) for row in rows if "epochs" in row["metrics"]})
    if not epochs:
        return []
    shown = str(epochs[0]) if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]}"
    return [f"Generative models were trained for {shown} epochs."]


def why_missing(paper: Paper, spec: TableSpec, run: Mapping[str, Any], row: str, column: str) -> str:
    """The reason that a cell has no measurement, and the command that would make one."""
    absent = run.get("missing", {})
    needs = spec.needs_of(column)
    reasons = [absent[role] for role in needs if role in absent]
    if reasons:
        role = paper.roles[first_absent(needs, absent)].name
        return " ".join(reasons) + f" Or choose another: `--corpus {role}=NAME`."
    command = f"`tfsergan reproduce {paper.name} --table {spec.number}`"
    return f"{command} with this run's options measures it."


def first_absent(needs: Sequence[str], absent: Mapping[str, str]) -> str:
    """The first role that has no corpus."""
    return next(role for role in needs if role in absent)


def stand_ins(paper: Paper, spec: TableSpec, run: Mapping[str, Any]) -> list[str]:
    """In bold: which corpora are not the paper's."""
    used = {role: run["corpora"][role]["name"] for role in spec.needs if role in run["corpora"]}
    specs = {paper.roles[role].name: (paper.roles[role].corpus, name) for role, name in used.items()}
    if used and all(name.startswith("demo/") for name in used.values()):
        return ["Demo corpus (synthesised speech): these numbers are not the paper's."]
    return [f"{role}: {name} stands in for {own}." for role, (own, name) in specs.items() if name != own]


def incomplete(paper: Paper, spec: TableSpec, run: Mapping[str, Any]) -> list[str]:
    """In bold: which of the paper's corpora have another number of utterances here."""
    here = [(paper.roles[role], run["corpora"][role]) for role in spec.needs if role in run["corpora"]]
    lines = [
        f"{c['name']}: {c['utterances']} utterances here, {role.utterances} in the paper."
        for role, c in here
        if c["name"] == role.corpus and role.utterances not in (0, c.get("utterances", role.utterances))
    ]
    return list(dict.fromkeys(lines))


def comparisons(spec: TableSpec, cells: Cells) -> list[str]:
    """A line a pair of rows: their difference in each column, its interval, and whether it may be chance."""
    lines = []
    for one, other in spec.compared:
        parts = []
        for column in spec.columns:
            first, second = (
                cells.get((p.table, p.row, p.column)) for p in (spec.place(r, column) for r in (one, other))
            )
            if first and second:
                parts.append(f"{column} {difference_text(spec, first, second)}")
        if parts:
            lines.append(f"{one} {MINUS} {other}: {'; '.join(parts)}.")
    if lines:
        lines.append(
            "Differences: 95 % interval and two-sided p from 2000 paired draws of speakers and seeds; a p of one "
            "comparison, not corrected for their number."
        )
    return lines


def difference_text(spec: TableSpec, one: Sequence[Mapping], other: Sequence[Mapping]) -> str:
    """One column of `comparisons`: "+1.20 [-0.30, 2.70], p 0.12"."""
    repeats = min(row["repeats"] for row in (*one, *other))
    counts = [by_repeat(rows, repeats) for rows in (one, other)]
    found = metrics.paired_difference(*counts, statistic=getattr(metrics, spec.metric))
    if found is None:
        return "one speaker alone"
    numbers = [signed(value * spec.scale, spec.decimals) for value in (found.mean, *found.interval)]
    return f"{numbers[0]} [{numbers[1]}, {numbers[2]}], p {found.p:.3f}"


def unconverged(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """In bold: the distance of synthetic vectors to their target where it stayed large."""
    far = {}
    for row in rows:
        distance, source = (row["metrics"].get(name) for name in ("distance", "source_distance"))
        if source and distance > CONVERGED * source:
            far[row["row"], row["fold"]] = (
                f"{row['row']} in fold {row['fold']} ({distance:.3f}; source {source:.3f})"
            )
    if not far:
        return []
    return [
        "Not converged: synthetic means are still far from the target's for " + ", ".join(far.values()) + "."
    ]


def distances(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line: how close synthetic vectors came, a row each."""
    by_row = defaultdict(set)
    for row in rows:
        if "source_distance" in row["metrics"]:
            values = tuple(row["metrics"][name] for name in ("distance", "source_distance", "spread_ratio"))
            by_row[row["row"]].add(values)
    parts = []
    for name, found in sorted(by_row.items()):
        distance, source, spread = np.mean(list(found), axis=0)
        parts.append(f"{name} {distance:.3f} (source {source:.3f}), deviations {spread:.2f} of real ones")
    if not parts:
        return []
    return [f"Synthetic means differ from training means, averaged over folds, by: {'; '.join(parts)}."]


def how(paper: Paper, run: Mapping[str, Any]) -> list[str]:
    """Protocol, schedule, seed and corpora of a run, a line each."""
    r = run["run"]
    overrides = ", ".join(f"`{name}={value}`" for name, value in r["overrides"].items())
    with_overrides = f" with {overrides}" if overrides else ""
    known = [name for name in ("utterances", "features") if all(name in c for c in run["corpora"].values())]
    corpora = ", ".join(
        f"{role} {c['name']} ({', '.join(str(c[name]) for name in known)})"
        for role, c in sorted(run["corpora"].items())
    )
    return [
        f"Schedule {r['schedule']}{with_overrides}, protocol {r['protocol']}, seed {r['seed']}.",
        *([f"Corpora ({', '.join(known)}): {corpora}."] if corpora else []),
    ]


def write_report(
    paper: Paper, rows: Sequence[Mapping[str, Any]], run: Mapping[str, Any], folder: Path
) -> list[Table]:
    """Writes tables, the confusion figure, `report.html` and what TensorBoard shows; returns the tables."""
    made = tables_of(paper, rows, run, folder)
    for table in made:
        write(table, folder / "tables")
    write_confusions(paper, rows, folder)
    board.write(folder, run, made, drawn(paper, folder))
    protocol = run["run"]["protocol"]
    deviations = [d.text for d in paper.deviations if protocol in d.protocols]
    page.write_page(
        folder / "report.html",
        title=f"{paper.name}: {paper.title}",
        citation=paper.citation,
        summary=summary(paper, rows, run),
        warnings=list(dict.fromkeys(warning for table in made for warning in table.warnings)),
        tables=made,
        figures=drawn(paper, folder),
        deviations=[*deviations, *paper.scan_notes],
        assumptions=hyperparameters(paper, run),
        repeat_command=run.get("command", ""),
        versions=run["versions"],
    )
    return made


def drawn(paper: Paper, folder: Path) -> list[tuple[str, Path]]:
    """The figures of a run that are there: (caption, PNG file)."""
    return [
        (f"Figure {number}. {spec['title']}.", path)
        for number, spec in sorted(paper.figures.items())
        if (path := folder / "figures" / f"figure{number}.png").exists()
    ]


def write_confusions(paper: Paper, rows: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """The figures of confusion matrices, one panel a cell of their table, in its order."""
    for number, figure in paper.figures.items():
        found = [row for row in rows if row["table"] == figure.get("table") and "confusion" in row]
        if found:
            shares = shares_of(paper.table(figure["table"]), found)
            drawn = figures.confusion_matrices(shares, found[0]["classes"], figure["title"])
            figures.save(drawn, folder / "figures" / f"figure{number}.png")


def shares_of(spec: TableSpec, rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Confusion matrices (k, k) of a table's cells as shares of the true class, folds and repeats pooled, by name."""
    cells, shares = defaultdict(list), dict[str, np.ndarray]()
    own = [row for row in spec.rows if row not in spec.quoted]
    for row in rows:
        cells[row["row"], row["column"]].append(row)
    order = {name: place for names in (spec.rows, spec.columns) for place, name in enumerate(names)}
    for row, column in sorted(cells, key=lambda cell: [order.get(name, -1) for name in cell]):
        found = cells[row, column]
        matrix = by_repeat(found, found[0]["repeats"]).sum(axis=(0, 1))
        name = f"{column} {row}".strip() if len(own) > 1 else column
        shares[name] = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    return shares


def summary(paper: Paper, rows: Sequence[Mapping[str, Any]], run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was run, as (key, value)."""
    r = run["run"]
    pairs = [
        ("Protocol", f"{r['protocol']}: {paper.protocols.get(r['protocol'], UNKNOWN)}"),
        ("Schedule", f"{r['schedule']}: {paper.schedule_notes.get(r['schedule'], UNKNOWN)}"),
        ("Seed", str(r["seed"])),
        ("Results", f"{len(rows)} measurements"),
    ]
    for role, c in sorted(run["corpora"].items()):
        size = f"{c['utterances']} utterances, " if "utterances" in c else ""
        print_of = f", fingerprint `{c['fingerprint']}`" if "fingerprint" in c else ""
        pairs.append((role, f"{c['name']}: {size}{c['features']}{print_of}"))
    pairs += [("Convergence", text) for text in distances(rows)]
    pairs += [
        (key.replace("_", " "), str(value)) for key, value in run.get("hardware", {}).items() if value != ""
    ]
    others = {"earlier on": "hardware_before", "workers on": "hardware_of_workers"}
    return pairs + [
        (text, ", ".join(str(h[key]) for key in ("cpu", "instructions") if key in h))
        for text, name in others.items()
        for h in run.get(name, [])
    ]


def hyperparameters(paper: Paper, run: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Every hyper-parameter of the run with its source."""
    return described(paper.recorded(run).values_by_name)


def described(values: Mapping[str, Value]) -> list[tuple[str, str, str]]:
    """Hyper-parameters as (name, value, source and reason)."""
    shown = []
    for name, value in values.items():
        text = ", ".join(map(str, value.value)) if isinstance(value.value, tuple) else str(value.value)
        shown.append((name, text, f"{value.source}: {value.reason}" if value.reason else value.source))
    return shown
