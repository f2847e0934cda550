"""overview.py: which runs are found, told apart and shown, and what the page of several says of them."""

import dataclasses
import json

import pytest

from tfsergan import papers, results
from tfsergan.errors import TfserganError
from tfsergan.report import committed, figures, overview
from tfsergan.report.overview import Source


@pytest.fixture
def sources(several_runs):
    return several_runs


@pytest.fixture(scope="module")
def html(several_runs, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("overview") / "out" / "papers.html"
    size = overview.write_overview(path, several_runs)
    assert [file.name for file in path.parent.iterdir()] == ["papers.html"]
    assert size == path.stat().st_size
    return path.read_text(encoding="utf-8")


def test_every_table_of_every_paper_is_there(html):
    for name in papers.names():
        for spec in papers.load(name).tables:
            assert f"Table {spec.number}. {spec.title}".replace("&", "&amp;").replace("'", "&#39;") in html


def test_runs_of_one_paper_are_entries_of_their_own(html):
    assert html.count('<article class="run" data-paper="bao2019"') == 3  # two runs, and what neither measured
    assert 'data-corpus="iemocap|tedlium|msp_improv" data-protocol="strict" data-schedule="compact"' in html
    assert 'data-corpus="demo/labelled" data-protocol="paper" data-schedule="quick"' in html
    assert "`" not in html.split("<script>")[0]


def test_the_page_is_the_same_every_time(html, sources, tmp_path):
    overview.write_overview(tmp_path / "again.html", sources)
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == html


def test_what_a_run_said_is_not_said_again_below_its_tables(html):
    assert html.count("Demo corpus (synthesised speech)") == 1
    assert "Schedule quick, protocol paper" not in html


def test_results_of_one_run_are_shown_once(sources, tmp_path):
    twice = [*sources, dataclasses.replace(sources[0], where="elsewhere", folder=None)]
    overview.write_overview(tmp_path / "page.html", twice)
    assert "elsewhere" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_figures_are_part_of_the_page(sources, tmp_path):
    folder = tmp_path / "run"
    figures.save(figures.training_curves({"run": {"loss": [1.0, 2.0]}}), folder / "figures" / "figure2.png")
    overview.write_overview(tmp_path / "page.html", [dataclasses.replace(sources[1], folder=folder)])
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count('src="data:image/png;base64,') == 1
    assert "1 figures" not in text


def test_committed_results_are_told_apart_by_run():
    found = overview.committed_runs()
    assert {source.paper for source in found} <= set(papers.names())
    assert len({source.key for source in found}) == len(found) > 3
    for source in found:
        assert {committed.key_of(row) for row in source.rows} == {source.key}


def test_every_table_with_committed_results_is_shown_with_them(tmp_path):
    for source in overview.committed_runs():
        shown = overview.run_view(papers.load(source.paper), source, "run")
        assert {row["table"] for row in source.rows} <= {*shown["numbers"]}, source.paper
        assert shown["cells"]


def test_results_of_one_run_in_two_places_are_put_together(several_runs):
    source = several_runs[0]
    first, second = source.rows[:1], [{**source.rows[0], "n": -1}, *source.rows[1:]]
    (one,) = overview.merged(
        [dataclasses.replace(source, rows=first), dataclasses.replace(source, rows=second)]
    )
    assert len(one.rows) == len(source.rows)
    assert first[0] in one.rows
    assert overview.merged(several_runs) == [*several_runs]


def test_what_a_result_tells_of_its_run(several_runs):
    paper, row = papers.load("bao2019"), dict(several_runs[0].rows[0])
    row |= {"corpora": {"labelled": "iemocap", "source": "a b"}, "overrides": {"folds": "2"}, "seed": 3}
    settings = paper.settings("compact", {"folds": "2"})
    plain = paper.written(settings)
    told = committed.told_by(row | {"settings": results.digest(plain)}, paper)
    assert told["settings"] == plain
    assert committed.told_by(row | {"settings": "other"}, paper)["settings"] == {}
    assert committed.told_by(row | {"overrides": {"gone": "1"}}, paper)["settings"] == {}
    assert told["missing"] == {"cross": "This run had no msp_improv."}
    assert told["command"] == (
        "tfsergan reproduce bao2019 --schedule compact --protocol strict --manual-dir CORPORA "
        "--corpus 'source=a b' --set folds=2 --seed 3"
    )


def test_a_link_to_the_documentation_only_beside_it(tmp_path):
    assert overview.docs("bao2019", tmp_path / "page.html") == ("docs/papers/bao2019.md", "")
    root = overview.Path(overview.__file__).resolve().parents[2]
    assert overview.docs("bao2019", root / "runs" / "page.html")[1] == "../docs/papers/bao2019.md"
    assert overview.docs("nobody", root / "page.html") == ("", "")


# ---- the command ------------------------------------------------------------------------------------------------


@pytest.fixture
def report(monkeypatch, tmp_path):
    """`tfsergan report ...` in an empty folder: its exit code and output."""
    from click.testing import CliRunner

    from tfsergan import cli

    monkeypatch.chdir(tmp_path)

    def call(*words: str):
        return CliRunner().invoke(cli.main, ["report", *words])

    return call


@pytest.fixture
def folders(several_runs, tmp_path):
    """The runs as folders below runs/, and one that has no results yet."""
    import tomli_w

    for name, source in zip(("own", "demo", "yi"), several_runs, strict=True):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "run.toml").write_text(tomli_w.dumps(source.run))
        (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in source.rows))
    (tmp_path / "runs" / "new").mkdir()
    (tmp_path / "runs" / "new" / "run.toml").write_text((folder / "run.toml").read_text())


def test_one_run_alone_is_reported_in_its_folder(report, folders, tmp_path):
    done = report("runs/own")
    assert done.exit_code == 0, done.output
    assert "Table 2" in done.output
    assert (tmp_path / "runs" / "own" / "report.html").exists()
    assert not (tmp_path / "report.html").exists()


def test_several_runs_make_one_page(report, folders, tmp_path):
    done = report("runs/own", "runs/yi", "--to", "papers.html")
    assert done.exit_code == 0, done.output
    assert "papers.html: 2 runs" in done.output
    assert not (tmp_path / "runs" / "own" / "report.html").exists()


def test_all_runs_make_one_page_without_those_that_have_no_results(report, folders, tmp_path):
    done = report("--all")
    assert done.exit_code == 0, done.output
    assert "runs/new: no results yet, left out" in done.output
    assert "report.html: 3 runs" in done.output


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "--committed"),
        (("--all", "nowhere"), 1, "nowhere: no such folder"),
        (("a", "b", "--collect", "c.jsonl"), 2, "--collect takes one RUN"),
        (("nowhere", "--to", "x.html"), 1, "no run here"),
    ],
)
def test_what_cannot_be_reported_says_why(report, words, code, said):
    done = report(*words)
    assert done.exit_code == code
    assert said in done.output


def test_sources_know_their_run():
    source = Source({"run": {"paper": "bao2019"}}, [{"paper": "bao2019"}], "here")
    assert source.paper == "bao2019"
    with pytest.raises(TfserganError):
        papers.load(source.paper + "x")
