"""Results survive a kill at any byte, and a damaged file is refused by line."""

import json
import math

import pytest

from tfsergan import results
from tfsergan.errors import TfserganError
from tfsergan.results import Results


def cell_rows(column: str, repeats: int = 2, fold: str = "s1", speaker: str = "Jörg") -> list[dict]:
    key = {"table": 2, "row": "lambda_cls=0", "column": column, "fold": fold}
    return [
        {**key, "repeat": i, "repeats": repeats, "metrics": {"uar": i / 3}, "confusion": {speaker: [[1]]}}
        for i in range(repeats)
    ]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.jsonl"


def test_what_is_appended_is_read_back(path):
    written = Results(path)
    assert written.rows == []
    written.append(cell_rows("Real"))
    written.append(cell_rows("Syn."))
    assert Results(path).rows == written.rows == results.read(path) == cell_rows("Real") + cell_rows("Syn.")
    assert len(path.read_text(encoding="utf-8").splitlines()) == 4


def test_of_selects_by_key(path):
    written = Results(path)
    written.append(cell_rows("Real"))
    written.append(cell_rows("Real", fold="s2"))
    assert written.of(column="Real", fold="s2") == cell_rows("Real", fold="s2")
    assert written.of(column="Syn.") == []


def test_the_order_does_not_depend_on_what_was_measured_first(tmp_path):
    cells = [cell_rows("Real"), cell_rows("Syn."), cell_rows("Real", fold="s0")]
    contents = []
    for name, order in (("a", cells), ("b", cells[::-1])):
        written = Results(tmp_path / name)
        for rows in order:
            written.append(rows)
        written.write()
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]
    assert not list(tmp_path.glob("*unfinished*"))
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_kill_at_any_byte_loses_the_last_cell_at_most(path):
    written = Results(path)
    written.append(cell_rows("Real"))
    whole = path.read_bytes()
    written.append(cell_rows("Syn."))
    both = path.read_bytes()
    for cut in range(len(whole), len(both)):  # also within a character of two bytes
        path.write_bytes(both[:cut])
        found = Results(path)
        assert found.rows == cell_rows("Real"), f"cut after byte {cut}"
        assert path.read_bytes() == both[:cut]  # whoever looks changes nothing
        found.write()
        assert path.read_bytes() == whole
    path.write_bytes(both)
    assert len(Results(path).rows) == 4


def test_a_cell_that_lacks_a_repeat_is_dropped(path):
    path.write_text("".join(map(results.line, cell_rows("Real") + cell_rows("Syn.")[:1])), encoding="utf-8")
    assert Results(path).rows == cell_rows("Real")


@pytest.mark.parametrize(
    "damaged", [b"{", b"[1, 2]", b'"text"', b"5", b'{"table": 2}', b"\xff\xfe", b"null"], ids=str
)
def test_a_damaged_line_is_refused_by_number(path, damaged):
    lines = [results.line(row).encode() for row in cell_rows("Real")]
    path.write_bytes(lines[0] + damaged + b"\n" + lines[1])
    with pytest.raises(TfserganError, match=r"results\.jsonl:2: .*Delete this line"):
        Results(path)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_refused_and_nothing_written(path, value):
    written = Results(path)
    written.append(cell_rows("Real"))
    before = path.read_bytes()
    rows = cell_rows("Syn.")
    rows[1]["metrics"]["uar"] = value
    with pytest.raises(ValueError, match="JSON"):
        written.append(rows)
    assert path.read_bytes() == before
    assert written.rows == cell_rows("Real")


def test_reading_alone_changes_no_file(path):
    path.write_text(results.line(cell_rows("Real")[0]) + '{"cut', encoding="utf-8")
    before = path.read_bytes()
    assert len(results.read(path, drop_cut_line=True)) == 1
    assert path.read_bytes() == before


def committed(column: str, uar: float, schedule: str = "paper") -> list[dict]:
    rows = cell_rows(column)
    for row in rows:
        row |= {
            "metrics": {"uar": uar},
            "schedule": schedule,
            "protocol": "strict",
            "corpora": {"labelled": "iemocap"},
            "overrides": {},
            "seed": 0,
        }
    return rows


def test_merge_replaces_the_same_cell_of_the_same_run_and_keeps_the_rest(path):
    results.merge(path, committed("Real", 0.1) + committed("Syn.", 0.2))
    first = path.read_bytes()
    results.merge(path, committed("Real", 0.3) + committed("Real", 0.4, schedule="quick"))
    found = sorted(
        (row["column"], row["schedule"], row["metrics"]["uar"], row["repeat"]) for row in results.read(path)
    )
    assert found == [
        *[("Real", "paper", 0.3, 0), ("Real", "paper", 0.3, 1)],
        *[("Real", "quick", 0.4, 0), ("Real", "quick", 0.4, 1)],
        *[("Syn.", "paper", 0.2, 0), ("Syn.", "paper", 0.2, 1)],
    ]
    results.merge(path, committed("Real", 0.1))
    path.write_text(
        "".join(line for line in path.open(encoding="utf-8") if json.loads(line)["schedule"] == "paper"),
        encoding="utf-8",
    )
    assert path.read_bytes() == first


def test_runs_are_found_below_a_folder(tmp_path):
    for name in ("b", "a/deep", "a/deep/models"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "run.toml").write_text("")
    assert results.runs_under(tmp_path) == [tmp_path / "a" / "deep", tmp_path / "b"]
    assert results.runs_under(tmp_path / "b") == [tmp_path / "b"]
    assert results.runs_under(tmp_path / "nowhere") == []
