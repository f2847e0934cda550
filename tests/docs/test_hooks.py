"""The hooks that make pages of the documentation; the whole site is built, strictly, by `.ci/run`."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

from tfsergan import papers

pytest.importorskip("mkdocs", reason="MkDocs (extra docs) is not installed")
HOOKS = Path(__file__).parents[2] / "docs" / "hooks"


def hook(name: str):
    """A hook as MkDocs loads it."""
    spec = importlib.util.spec_from_file_location(f"docs_hooks_{name}", HOOKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages():
    return hook("pages")


@pytest.fixture(scope="module")
def of_papers():
    return hook("papers")


@pytest.mark.parametrize(
    ("text", "source", "page", "expected"),
    [
        ("[a](datasets/emodb/README.md)", "README.md", "index.md", "[a](corpora/emodb.md)"),
        ("[a](CONTRIBUTING.md)", "README.md", "papers/index.md", "[a](../contributing.md)"),
        ("[a](../folder/README.md#the-table)", "datasets/feature_table/README.md", "corpora/feature_table.md",
         "[a](folder.md#the-table)"),
        ("[a](docs/papers/yi2019.md)", "README.md", "papers/index.md", "[a](yi2019.md)"),
        ("[a](https://example.org/b)", "README.md", "index.md", "[a](https://example.org/b)"),
        ("[the licence](LICENSE)", "README.md", "index.md", "the licence"),
        ("```\n[a](LICENSE)\n```", "README.md", "index.md", "```\n[a](LICENSE)\n```"),
    ],
)  # fmt: skip
def test_links_lead_to_the_page_of_a_file(pages, text, source, page, expected):
    assert pages.relinked(text, source, page) == expected


def test_a_section_is_included_without_its_heading(pages):
    text = pages.included("README.md", "Citation", "citation.md")
    assert "Cite the paper" in text
    assert "## " not in text


@pytest.mark.parametrize(("source", "heading"), [("README.md", "No such section"), ("NOTHING.md", None)])
def test_what_is_not_there_is_no_page(pages, source, heading):
    from mkdocs.exceptions import PluginError

    with pytest.raises(PluginError, match=source):
        pages.included(source, heading, "index.md")


def test_every_public_module_corpus_and_paper_has_a_page(pages):
    listed = set(pages.names_in(pages.navigation()))
    assert {"api/tfsergan.corpora.md", "api/tfsergan.methods.yi2019.md", "corpora/emodb.md"} <= listed
    assert {f"papers/{name}.md" for name in papers.names()} <= listed
    for name in ("tfsergan", "tfsergan data prepare", "tfsergan reproduce"):
        assert f"## {name}\n" in pages.commands()


def test_a_page_that_nothing_lists_is_a_guide(pages, tmp_path):
    for name in ("runs.md", "cluster.md"):
        (tmp_path / name).write_text("# A page\n", encoding="utf-8")
    config = pages.on_config(SimpleNamespace(docs_dir=str(tmp_path), nav=None))
    (guides,) = (entry["Guides"] for entry in config.nav if "Guides" in entry)
    assert guides == ["cluster.md", "speed.md", "runs.md"]


@pytest.mark.parametrize("name", ["bao2019", "su2021"])
def test_a_paper_s_page_says_all_of_its_data(of_papers, name):
    paper = papers.load(name)
    text = of_papers.page(paper, "# Title\n\nWhat somebody wrote.\n")
    assert text.startswith(f"# {name}\n\n**{paper.title}**")
    assert "\n\nWhat somebody wrote.\n\n## What came out\n" in text
    assert "# Title" not in text
    for key, value in paper.hyperparameters.items():
        strong = "**" if value.source == "assumed" else ""
        assert any(
            line.startswith(f"| `{key}` |") and f"| {strong}{value.source}" in line
            for line in text.split("\n")
        )
    for said in (*paper.scan_notes, *(deviation.text for deviation in paper.deviations)):
        assert said in text
    assert "No results are committed yet." not in text


def test_a_paper_without_results_says_so(of_papers, monkeypatch):
    monkeypatch.setattr(of_papers.committed, "runs", lambda paper: [])
    assert "No results are committed yet." in of_papers.page(papers.load("su2021"), "")


def test_scores_are_not_divided(of_papers):
    row = "| a, b | 59.48 ± 0.71 | [55.10, 62.30] | 535 (10) |"
    assert of_papers.unbroken(row) == "| a, b | 59.48\xa0±\xa00.71 | [55.10,\xa062.30] | 535\xa0(10) |"
    assert of_papers.unbroken("prose, 3 ± 1") == "prose, 3 ± 1"
