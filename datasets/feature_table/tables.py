"""Reads one feature table, `<features>.{parquet,csv,arff}`: one row an utterance, one column a feature.

A table is read whole or refused: every fault names the file, the data row (from 1) with its utterance, the
column, and what to do about it.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from tfsergan.datasets import metadata, parquet_tables
from tfsergan.datasets.faults import fault
from tfsergan.datasets.metadata import RATINGS
from tfsergan.datasets.text_tables import text_table
from tfsergan.errors import TfserganError
from tfsergan.features.functionals import FEATURE_SETS

SUFFIXES = (".parquet", ".csv", ".arff")

PROVENANCE = (
    "made_by", "made_by_weights", "made_by_paper", "made_by_setting", "made_by_fold", "made_by_seed",
    "made_by_version", "sample_seed", "source_utterance", "source_emotion", "target_emotion",
)  # fmt: skip
"""Columns that tell how a synthetic row came about; `tfsergan synthesize` writes them."""

METADATA = (
    "utterance", "speaker", "session", "gender", "emotion", "part", "improvised", "valence", "activation",
    "dominance", "text", "start", "end", "id_certain", "file", "name", "frameTime", "frameIndex", "class",
    *PROVENANCE,
)  # fmt: skip
"""Columns that describe an utterance; every other column is a feature."""

SIZES = {**FEATURE_SETS, "emobase2010": 1582}
"""Feature sets known by name, with their number of features; emobase2010 comes from SMILExtract alone."""

_KEPT = ("utterance", "speaker", "session", "gender", "emotion", "part", "improvised", *RATINGS)
_FRAMES = ("frameTime", "frameIndex")
_NUMBERED = re.compile(r"(f|x|v|feat|feature|col|column|var|att|attribute|unnamed:)?[ _]?\d+", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """One table; the arrays of text have one entry a row, "" where the table has no such column."""

    ids: np.ndarray  # (n,) str, unique
    speaker: np.ndarray  # (n,) str
    session: np.ndarray  # (n,) str; the speaker where the table has no session
    gender: np.ndarray  # (n,) str
    part: np.ndarray  # (n,) str: "improvised", "scripted" or what the column `part` says
    ratings: dict[str, np.ndarray]  # of `RATINGS`, each (n,) float32; NaN where there is none
    emotion: np.ndarray  # (n,) str, as the table writes it; "" everywhere in an unlabelled table
    feature_names: tuple[str, ...]  # d names
    x: np.ndarray  # (n, d) float32, finite


def find_table(folder: Path, features: str) -> Path | None:
    """The table of a feature set in a corpus folder, None where there is none.

    Raises:
        TfserganError: the folder holds the set in two formats, which may disagree.
    """
    found = [path for suffix in SUFFIXES if (path := folder / f"{features}{suffix}").is_file()]
    if len(found) > 1:
        raise TfserganError(
            f"{folder} holds {' and '.join(path.name for path in found)}: which one counts is unclear. "
            "Keep one and move the other out of the folder."
        )
    return found[0] if found else None


def feature_names(path: Path) -> tuple[str, ...]:
    """The names of a table's features, in the order `read_table` gives them; reads the header alone."""
    return _plan(path, _columns(path)).feature_names


def read_table(path: Path) -> FeatureTable:
    """Read a table and check all of it.

    Args:
        path: a file `<features>.{parquet,csv,arff}`. For a set in `FEATURE_SETS` the columns must
            be that set's; they may come in any order where the set's names are known.

    Raises:
        TfserganError: anything is wrong with the file.
    """
    plan = _plan(path, _columns(path))
    read = _read_parquet if path.suffix == ".parquet" else _read_text
    text, x = read(path, plan)
    if not len(x):
        raise fault(path, "the table has no rows", "write the table again, or remove the file")
    text = _complete(path, plan, text)
    _check_finite(path, plan, text["utterance"], x)
    ratings = {name: metadata.ratings(path, name, text[name], text["utterance"]) for name in metadata.RATINGS}
    columns = {name: np.array(values) for name, values in text.items()}
    return FeatureTable(
        ids=columns["utterance"],
        speaker=columns["speaker"],
        session=columns["session"],
        gender=columns["gender"],
        part=np.array(_parts(path, text)),
        ratings=ratings,
        emotion=columns["emotion"],
        feature_names=plan.feature_names,
        x=x,
    )


def sources(path: Path) -> tuple[Path, ...]:
    """The files that `read_table` reads: the table, and the metadata beside it if it needs them.

    Raises:
        TfserganError: the table's header is wrong.
    """
    other = _plan(path, _columns(path)).metadata
    return (path, other) if other else (path,)


@dataclass(frozen=True)
class _Plan:
    """Which column of the file holds what."""

    columns: tuple[str, ...]
    text: dict[str, int]  # kept metadata -> index of its column
    feature_names: tuple[str, ...]
    features: tuple[int, ...]  # index of each feature's column
    metadata: Path | None  # the table beside it that knows the speakers

    @property
    def label(self) -> int:
        """Index of the column that names a row."""
        return self.text.get("utterance", self.text.get("file", 0))

    @property
    def titles(self) -> dict[str, str]:
        """What the file calls each kept column."""
        return {name: self.columns[index] for name, index in self.text.items()}


# ---- the header -----------------------------------------------------------------------------------------


def _columns(path: Path) -> tuple[str, ...]:
    """The names of all columns, in the file's order."""
    if path.suffix == ".parquet":
        return parquet_tables.column_names(path)
    if path.suffix not in SUFFIXES:
        raise fault(path, "this is no feature table", f"give it as one of {', '.join(SUFFIXES)}")
    with text_table(path) as (columns, _):
        return columns


def _plan(path: Path, columns: tuple[str, ...]) -> _Plan:
    """Tell metadata from features and check both against what the table must have."""
    if path.name in metadata.NAMES:
        raise fault(path, "it tells of utterances, not of features", "give the feature table another name")
    _check_titles(path, columns)
    kept = {name: name for name in (*_KEPT, "class")}
    if "utterance" not in columns:  # openSMILE's index names the rows
        kept |= {name: name for name in (*metadata.TIMES, *_FRAMES)}
        kept["file"] = "file" if "file" in columns else "name"
    text = {name: columns.index(title) for name, title in kept.items() if title in columns}
    other = metadata.find(path.parent) if "speaker" not in text else None
    missing = None if other or "speaker" in text else "speaker"
    if "utterance" not in text and "file" not in text:
        missing = "utterance"
    if missing:
        raise fault(
            path,
            f"there is no column {missing!r}; the first columns are {', '.join(map(repr, columns[:6]))}",
            f"add a column {missing!r}"
            + (", or tell of the speakers in a metadata.csv beside the table" if missing == "speaker" else "")
            + ": the README of tfsergan/datasets/feature_table shows a whole table",
        )
    names = _expected_names(path, tuple(name for name in columns if name not in METADATA))
    index = {name: position for position, name in enumerate(columns)}
    return _Plan(columns, text, names, tuple(index[name] for name in names), other)


def _check_titles(path: Path, columns: tuple[str, ...]) -> None:
    seen: set[str] = set()
    for number, name in enumerate(columns, start=1):
        if not name or name == "__index_level_0__":
            raise fault(
                path,
                f"column {number} has no name",
                "write the table without its row numbers (pandas: index=False)",
            )
        if name in seen:
            raise fault(path, "the column is there twice", "remove one of them", column=name)
        seen.add(name)


def known_names(features: str) -> tuple[str, ...] | None:
    """The names of a feature set in openSMILE's order, None where they are not on record."""
    file = resources.files("tfsergan.features") / f"{features}_names.txt"
    return tuple(file.read_text(encoding="utf-8").split()) if file.is_file() else None


def _expected_names(path: Path, found: tuple[str, ...]) -> tuple[str, ...]:
    """Check the feature columns against the set that the file's name promises; return their order."""
    size = SIZES.get(path.stem)
    remedy = f"export the set again with openSMILE's own names, or rename the file if it is not {path.stem}"
    if not found:
        raise fault(path, "there is no feature column", "add one numeric column a feature")
    if size is None:
        return found
    if all(_NUMBERED.fullmatch(name) for name in found):
        raise fault(
            path,
            f"the feature columns are numbered ({found[0]!r}, ...), so their order cannot be checked",
            f"name the {size} columns as openSMILE names {path.stem}",
        )
    known = known_names(path.stem)
    if known is None:
        if len(found) != size:
            raise fault(path, f"{path.stem} has {size} features, the table {len(found)}", remedy)
        return found
    of_set, in_table = set(known), set(found)
    missing = [name for name in known if name not in in_table]
    extra = [name for name in found if name not in of_set]
    problems = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
        for names, what in (
            (missing, f"of the {size} {path.stem} columns missing"),
            (extra, f"columns that are neither {path.stem} features nor metadata"),
        )
        if names
    ]
    if problems:
        raise fault(path, " and ".join(problems), remedy)
    return known


# ---- Parquet --------------------------------------------------------------------------------------------


def _read_parquet(path: Path, plan: _Plan) -> tuple[dict[str, list[str]], np.ndarray]:
    table = parquet_tables.read_columns(
        path, [plan.columns[i] for i in (*plan.text.values(), *plan.features)]
    )
    text = {
        name: parquet_tables.text_column(path, table, plan.columns[index])
        for name, index in plan.text.items()
    }
    x = np.empty((table.num_rows, len(plan.features)), np.float32)
    with np.errstate(over="ignore"):  # reported as not finite, with its row
        for j, name in enumerate(plan.feature_names):
            x[:, j] = parquet_tables.number_column(path, table, name)
    return text, x


# ---- CSV and ARFF ---------------------------------------------------------------------------------------


def _read_text(path: Path, plan: _Plan) -> tuple[dict[str, list[str]], np.ndarray]:
    """The kept text columns and the features (n, d) of a CSV or ARFF file."""
    text: dict[str, list[str]] = {name: [] for name in plan.text}
    x: list[np.ndarray] = []
    with text_table(path) as (_, rows):
        for row, cells in enumerate(rows):
            if len(cells) != len(plan.columns):
                raise fault(
                    path,
                    f"{len(cells)} cells where the header has {len(plan.columns)} columns",
                    "write the row again; a separator or quote inside a cell needs quotes around the cell",
                    row=row,
                    utterance=(cells + [""] * len(plan.columns))[plan.label],
                )
            for name, index in plan.text.items():
                text[name].append("" if cells[index] == "?" else cells[index].strip())
            x.append(_numbers(path, plan, cells, row))
    return text, np.stack(x) if x else np.empty((0, len(plan.features)), np.float32)


def _numbers(path: Path, plan: _Plan, cells: Sequence[str], row: int) -> np.ndarray:
    """One row's features (d,) as float32."""
    values = [cells[index] for index in plan.features]
    if "_" not in ",".join(values):  # float() would read "1_0" as 10
        try:
            with np.errstate(over="ignore"):  # reported as not finite, with its row
                return np.array(list(map(float, values)), np.float64).astype(np.float32)
        except ValueError:
            pass
    name, value = next(
        pair for pair in zip(plan.feature_names, values, strict=True) if not _is_number(pair[1])
    )
    raise fault(
        path,
        "the value is missing" if value.strip() in ("", "?") else f"{value[:40]!r} is not a number",
        "extract the features of this utterance again, or remove its row",
        row=row,
        utterance=cells[plan.label],
        column=name,
    )


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return "_" not in value


# ---- utterances -----------------------------------------------------------------------------------------


def _complete(path: Path, plan: _Plan, text: dict[str, list[str]]) -> dict[str, list[str]]:
    """Every column of `_KEPT`: named, joined with the metadata table, checked; "" where nothing is known."""
    text = dict(text)
    classes = text.pop("class", [])
    if "emotion" not in text and classes and not _is_placeholder(classes):
        text["emotion"] = classes
    labels = text.get("utterance") or text["file"]
    for name in metadata.TIMES:
        text[name] = _seconds(path, name, text.get(name, [""] * len(labels)), labels)
    if "utterance" not in text:
        _check_functionals(path, text)
        names = metadata.Names(text["file"])
        text["utterance"] = [
            names(*segment) for segment in zip(text["file"], text["start"], text["end"], strict=True)
        ]
    metadata.check_text(path, {plan.titles.get(name, name): values for name, values in text.items()}, labels)
    metadata.check_unique(path, text["utterance"])
    if plan.metadata:
        text = _joined(path, plan.metadata, text)
    complete = {name: text.get(name, [""] * len(labels)) for name in _KEPT}
    return complete if "session" in text else complete | {"session": text["speaker"]}


def _is_placeholder(classes: list[str]) -> bool:
    """Whether openSMILE wrote an ARFF file's class by itself: nothing, "unknown", or one number throughout."""
    return len({*classes}) == 1 and (classes[0] in ("", "unknown") or _is_number(classes[0]))


def _seconds(path: Path, column: str, cells: list[str], labels: list[str]) -> list[str]:
    """The times of a column in seconds; "" where there are none, as at the end of a whole file."""
    times = []
    for row, cell in enumerate(cells):
        number = metadata.seconds(cell) if cell not in ("", "NaT") else math.nan
        if number is None:
            problem = f"{cell[:40]!r} is no time"
            remedy = "write seconds, or times as opensmile and audformat do"
            raise fault(path, problem, remedy, row=row, utterance=labels[row], column=column)
        times.append("" if math.isnan(number) else repr(number))
    return times


def _check_functionals(path: Path, text: dict[str, list[str]]) -> None:
    """Refuse a table of openSMILE that names no files, or that has several rows of frames a file."""
    files = text["file"]
    if len(files) > 1 and {*files} <= {"'unknown'", "unknown", "'noname'", "noname"}:
        raise fault(
            path,
            f"every row is named {files[0]!r}, as SMILExtract does by default",
            "give SMILExtract the file's name: -instname a.wav",
        )
    frames = next((text[name] for name in _FRAMES if name in text), None)
    if not frames:
        return
    first: dict[str, int] = {}
    for row, name in enumerate(files):
        if name in first and frames[row] != frames[first[name]]:
            raise fault(
                path,
                f"row {first[name] + 1} is of the same file at another time: these are features of frames, "
                "not of utterances",
                "let SMILExtract write functionals (-csvoutput or -O, not -lldcsvoutput) of the whole file",
                row=row,
                utterance=name,
            )
        first.setdefault(name, row)


def _joined(path: Path, other: Path, text: dict[str, list[str]]) -> dict[str, list[str]]:
    """The columns of a table and of the metadata table beside it; each must have every utterance."""
    columns = metadata.read(other)
    if "speaker" not in columns:
        raise fault(other, "there is no column 'speaker'", "add one, here or in the feature table")
    key, keys = _join_keys(other, columns, text)
    index = {name: row for row, name in enumerate(keys)}
    rows = [index.get(name) for name in key]
    for row, found in enumerate(rows):
        if found is None:
            problem = f"there is no row about it in {other.name} (looked for {key[row]!r})"
            remedy = f"add it to {other.name}, or remove it here"
            raise fault(path, problem, remedy, row=row, utterance=text["utterance"][row])
    unused = sorted({*range(len(keys))} - {*rows})
    if unused:
        problem = f"it has no features, like {len(unused)} of {len(keys)} rows"
        remedy = f"extract them into {path.name}, or remove the row"
        raise fault(other, problem, remedy, row=unused[0], utterance=keys[unused[0]])
    for name in {*columns} - {"file", "utterance", *metadata.TIMES}:
        joined = [columns[name][row] for row in rows]
        known = text.get(name, joined)
        for row, (own, value) in enumerate(zip(known, joined, strict=True)):
            if own and value and own != value:
                problem = f"it is {own!r} here and {value!r} in {other.name}"
                remedy = "correct one of them, or remove one of the two columns"
                raise fault(path, problem, remedy, row=row, utterance=text["utterance"][row], column=name)
        text[name] = [own or value for own, value in zip(known, joined, strict=True)]
    return text


def _join_keys(
    other: Path, columns: dict[str, list[str]], text: dict[str, list[str]]
) -> tuple[list[str], list[str]]:
    """What to find each row of the feature table by, and the metadata table's rows: utterances or files."""
    if "utterance" in columns:
        keys, key = columns["utterance"], text["utterance"]
    elif "file" in columns:
        names = metadata.Names(columns["file"])
        times = [columns.get(name, [""] * len(columns["file"])) for name in metadata.TIMES]
        keys = [names(*segment) for segment in zip(columns["file"], *times, strict=True)]
        files = text.get("file", text["utterance"])
        _check_apart(other, files, names)
        key = [names(*segment) for segment in zip(files, text["start"], text["end"], strict=True)]
    else:
        remedy = "add the column 'utterance' or 'file', to say what each row is about"
        raise fault(other, "there is no column 'utterance' or 'file'", remedy)
    metadata.check_unique(other, keys)
    return key, keys


def _check_apart(other: Path, files: list[str], names: metadata.Names) -> None:
    """Refuse two files of the feature table that the metadata table would take for one."""
    first: dict[str, str] = {}
    for file in files:
        known = first.setdefault(names(file), file)
        if metadata.parts(known) != metadata.parts(file):
            problem = (
                f"the feature table has the files {known} and {file}, and this table does not tell them apart"
            )
            raise fault(other, problem, "write the folders of its files, too", column="file")


_PARTS = {"true": "improvised", "1": "improvised", "false": "scripted", "0": "scripted", "": ""}


def _parts(path: Path, text: dict[str, list[str]]) -> list[str]:
    """The column `part`, else what a column `improvised` of true and false says."""
    if any(text["part"]):
        return text["part"]
    for row, value in enumerate(text["improvised"]):
        if value.lower() not in _PARTS:
            raise fault(
                path,
                f"{value[:40]!r} is neither true nor false",
                "write True for improvised and False for scripted speech",
                row=row,
                utterance=text["utterance"][row],
                column="improvised",
            )
    return [_PARTS[value.lower()] for value in text["improvised"]]


def _check_finite(path: Path, plan: _Plan, ids: list[str], x: np.ndarray) -> None:
    bad = np.argwhere(~np.isfinite(x))
    if not len(bad):
        return
    row, j = map(int, bad[0])
    value = {"nan": "the value is missing or NaN"}.get(str(x[row, j]), "the value is infinite in float32")
    raise fault(
        path,
        f"{value}, as {len(bad)} values in {len(np.unique(bad[:, 0]))} rows are not finite",
        "extract the features again (audio of 25 ms or less has none), or remove the rows",
        row=row,
        utterance=ids[row],
        column=plan.feature_names[j],
    )
