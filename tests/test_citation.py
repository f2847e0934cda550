"""CITATION.cff agrees with the version and with the papers."""

import configparser
from pathlib import Path

import pytest

from tfsergan import papers

ROOT = Path(__file__).parents[1]
yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")


@pytest.fixture(scope="module")
def citation() -> dict:
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_it_names_this_version(citation):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert citation["version"] == citation["preferred-citation"]["version"] == setup["metadata"]["version"]
    assert citation["license"] == setup["metadata"]["license"]


def test_it_refers_to_every_paper(citation):
    found = {reference["title"]: reference for reference in citation["references"]}
    assert set(found) == {papers.load(name).title for name in papers.names()}
    for name in papers.names():
        paper = papers.load(name)
        reference = found[paper.title]
        assert reference["year"] == paper.year
        assert f"{reference['start']}-{reference['end']}" in paper.venue
        for author in reference["authors"]:
            assert author["family-names"] in paper.authors
