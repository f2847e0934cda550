"""page.py: one file that is whole, escaped, accessible and the same every time."""

import base64
import dataclasses
import io
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from tfsergan.report.page import write_page
from tfsergan.report.tables import Cell, Measured, Score, Table

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
VOID = {"meta", "img", "line", "circle", "br"}


class Page(HTMLParser):
    """Collects elements and text, and fails on tags that do not nest."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "title"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    def all(self, tag: str) -> list[dict]:
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture
def content(table, tmp_path):
    png = tmp_path / "figure.png"
    png.write_bytes(PNG)
    return {
        "title": "paper2019, reproduced",
        "citation": "A. Author, 2019, https://doi.org/10.1/x",
        "summary": [("Protocol", "strict"), ("Schedule", "quick")],
        "warnings": ["Demo corpus: `demo` is not the paper's."],
        "tables": [table],
        "figures": [("Figure 2. Features.", png)],
        "deviations": ["The discriminator goes first."],
        "assumptions": [("dropout", "0.2", "authors' code")],
        "repeat_command": "tfsergan reproduce paper2019 --set 'a=1' && echo <done>",
        "versions": {"keras": "3.15"},
    }


def written(content, tmp_path) -> str:
    path = tmp_path / "out" / "report.html"
    write_page(path, **content)
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    return path.read_text(encoding="utf-8")


def test_page_says_everything(content, tmp_path, reason):
    text = Page(written(content, tmp_path)).text
    for part in (
        *(
            "paper2019, reproduced",
            "https://doi.org/10.1/x",
            "Protocol strict",
            "Demo corpus: demo is not the paper's.",
        ),
        *(
            "Table 2. Cross-validation on a corpus (UAR, %)",
            "60.30 ± 0.42 [56.90, 63.80]",
            "paper 59.48 ± 0.71 +0.82",
        ),
        *(
            "49.00",
            "paper 51.57 ± 0.60 \N{MINUS SIGN}2.57",
            "5 repeats); intervals from resampling speakers.",
            "n = 5531 utterances (5 folds",
            "not run 1",
            "Protocol strict.",
        ),
        *(
            "Figure 2. Features.",
            "The discriminator goes first.",
            "dropout",
            "0.2",
            "authors' code",
            "keras 3.15",
        ),
        *(content["repeat_command"], "Not run: " + reason.replace("`", "")),
    ):
        assert part in text, part


def test_page_loads_nothing_and_runs_nothing(content, tmp_path):
    html = written(content, tmp_path)
    page = Page(html)
    assert {tag for tag, _ in page.elements}.isdisjoint(
        {"script", "link", "iframe", "object", "base", "form"}
    )
    loads = [
        value
        for _, attrs in page.elements
        for key, value in attrs.items()
        if key in ("src", "href", "action")
    ]
    assert all(load.startswith(("data:image/png;base64,", "#")) for load in loads)
    assert "url(" not in html
    assert "@import" not in html
    (image,) = page.all("img")
    with Image.open(io.BytesIO(base64.b64decode(image["src"].split(",")[1]))) as shown:
        assert shown.size == (int(image["width"]), int(image["height"])) == (1, 1)
    policy = [attrs["content"] for attrs in page.all("meta") if attrs.get("http-equiv")]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_page_is_accessible(content, tmp_path):
    html = written(content, tmp_path)
    page = Page(html)
    assert page.all("html") == [{"lang": "en"}]
    assert {attrs.get("scope") for attrs in page.all("th")} == {"row", "col"}
    assert len(page.all("h1")) == 1
    assert all(image["alt"] for image in page.all("img"))
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    wanted = [attrs["href"][1:] for attrs in page.all("a")]
    wanted += [attrs["aria-labelledby"] for _, attrs in page.elements if "aria-labelledby" in attrs]
    assert set(wanted) <= set(ids)
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_everything_is_escaped(content, tmp_path):
    bad = "<script>alert('x')</script>\"&"
    cells = {
        (bad, "a"): Cell(Score(1.0), missing=bad),
        (bad, bad): Cell(Score(1), Measured(2, 1, 3, 1, 1, (1, 3))),
    }
    hostile = Table(1, bad, bad, 1, (bad,), ("a", bad), cells, warnings=(bad,), notes=(bad, f"`{bad}`"))
    content |= dict.fromkeys(("title", "citation", "repeat_command"), bad)
    content |= {name: [bad] for name in ("warnings", "deviations")}
    content |= {
        "summary": [(bad, bad)],
        "assumptions": [(bad,) * 3],
        "versions": {bad: bad},
        "tables": [hostile],
    }
    content["figures"] = [(bad, content["figures"][0][1])]
    html = written(content, tmp_path)
    assert "<script" not in html
    page = Page(html)
    assert not page.all("script")
    assert page.text.count(bad) == 21
    assert page.all("img")[0]["alt"] == bad


def test_same_input_same_bytes(content, tmp_path):
    assert written(content, tmp_path) == written(content, tmp_path)


def test_strips_share_the_scale_of_their_table(content, tmp_path):
    circles = [float(attrs["cx"].rstrip("%")) for attrs in Page(written(content, tmp_path)).all("circle")]
    # The legend's own, then 60.30, 49.00 and 60.30 on the range from 49.00 to 63.80.
    assert circles == [50.0, pytest.approx(3 + 94 * 11.3 / 14.8, abs=0.01), 3.0, circles[1]]


def test_sections_without_content_are_left_out(content, tmp_path, table):
    empty = dataclasses.replace(table, cells={}, warnings=(), notes=())
    content |= {"tables": [empty], "figures": [], "deviations": [], "assumptions": [], "versions": {}}
    page = Page(written(content, tmp_path))
    assert "Figures" not in page.text
    assert "Deviations" not in page.text
    assert page.text.count("\N{EN DASH}") == 6
    content["tables"] = []
    assert "Tables" not in Page(written(content, tmp_path)).text


def test_sizes_that_differ_are_said_where_they_do(content, tmp_path, table):
    cells = {
        ("lambda = 0", column): Cell(ours=Measured(5, None, n, 1, 1, None))
        for column, n in (("Real", 3), ("Syn.", 4))
    }
    content["tables"] = [dataclasses.replace(table, cells=cells)]
    text = Page(written(content, tmp_path)).text
    assert "Real n = 3 utterances (1 fold" in text.replace("Realn", "Real n")
    assert "n = 4 utterances (1 fold" in text
    assert "<circle" not in text


def test_a_figure_that_is_not_there_is_an_error(content, tmp_path):
    content["figures"] = [("Figure", tmp_path / "none.png")]
    with pytest.raises(FileNotFoundError, match=r"none\.png"):
        write_page(tmp_path / "report.html", **content)
    assert not (tmp_path / "report.html").exists()
