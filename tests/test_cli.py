"""The command line: clear errors with their exit codes, and a whole run from tables of features to tables of scores."""

import csv
import importlib.util
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from tfsergan import _toml, cli, results
from tfsergan.datasets.dummy_audio import write_wav
from tfsergan.errors import CorpusNotFound, TfserganError

IS10 = (resources.files("tfsergan.features") / "is10_names.txt").read_text(encoding="utf-8").split()
TINY = [
    *("generator_units=6", "discriminator_units=6", "domain_classifier_units=5", "batch_size=8"),
    *("pretrain_iterations=3", "gan_iterations=3", "decay_iterations=2", "checkpoint_epochs=1"),
    *("folds=1", "repeats=2", "lambda_cls=2"),
    *(
        f"{task}.{column}.{value}"
        for task in ("within", "cross")
        for column in ("real", "syn", "both")
        for value in ("units=6", "updates=4", "batch_size=32", "learning_rate=0.01")
    ),
]


needs_soundfile = pytest.mark.skipif(
    not importlib.util.find_spec("soundfile"), reason="soundfile is an optional extra"
)


@pytest.fixture
def tfsergan(monkeypatch, tmp_path) -> Callable:
    """`tfsergan("papers")`: what a command says and exits with, in a folder of its own."""
    monkeypatch.delenv("TFSERGAN_MANUAL_DIR", raising=False)
    monkeypatch.delenv("TFSERGAN_STAGES", raising=False)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def one_line(result, code: int) -> str:
    """The message of a command that failed as it should: no traceback, nothing written."""
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    lines = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    return lines[0]


# ---- help, papers, versions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ()])
def test_help_lists_the_commands(tfsergan, arguments):
    output = tfsergan(*arguments).output
    for command in ("papers", "data", "reproduce", "report", "export", "runs"):
        assert re.search(rf"^  {command}\s", output, re.MULTILINE), command


@pytest.mark.parametrize(
    "command",
    [
        "papers",
        "data",
        "data list",
        "data check",
        "data prepare",
        "reproduce",
        "report",
        "export",
        "runs",
        "runs clean",
    ],
)
def test_every_command_has_help(tfsergan, command):
    result = tfsergan(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Usage: " in result.output


def test_papers(tfsergan):
    result = tfsergan("papers")
    assert result.exit_code == 0
    for text in ("bao2019", "Neumann", "table 2: ", "UAR", "schedule quick: ", "schedule paper: "):
        assert text in result.output


# ---- what is wrong with a command -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("bao2091",), r"unknown paper 'bao2091'; did you mean bao2019\?"),
        (("bao2019", "--table", "9"), r"no table 9 here; it has tables 1, 2, 3"),
        (("bao2019", "--schedule", "quik"), r"unknown schedule 'quik'; did you mean quick\?"),
        (("bao2019", "--corpus", "sorce=emodb"), r"unknown role of bao2019 'sorce'; did you mean source\?"),
        (("bao2019", "--corpus", "labelled=iemocup"), r"no corpus 'iemocup'.*iemocap"),
        (("bao2019", "--corpus", "labelled=demo/sauce"), r"no corpus 'demo/sauce'.*demo/source"),
        (("bao2019", "--corpus", "source"), r"--corpus source: expected KEY=VALUE"),
        (("bao2019", "--set", "batchsize=3"), r"'batchsize'; did you mean batch_size"),
        (("bao2019", "--set", "batch_size=many"), r"--set batch_size=many: expected a value like 64"),
        (("bao2019", "--set", "batch_size"), r"--set batch_size: expected KEY=VALUE"),
        (("bao2019", "--set", "folds=1", "--set", "folds=2"), r"--set folds is given twice"),
        (("bao2019", "--manual-dir", "nowhere"), r"nowhere does not exist: create it"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_command_is_told_in_one_line(tfsergan, tmp_path, arguments, told):
    assert re.search(told, one_line(tfsergan("reproduce", *arguments, "--quiet"), 2))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "value",
    [
        *("batch_size=0", "repeats=0", "decay_epochs=0", "folds=-1", "dropout=1.5", "dropout=-0.1"),
        *("generator_units=0", "generator_units=6,-6", "within.real.units=0", "learning_rate=-1"),
        *("learning_rate=nan", "generator_updates=0", "real_label=2"),
    ],
)
def test_a_value_out_of_range_is_refused_before_anything_runs(tfsergan, tmp_path, value, monkeypatch):
    from tfsergan import corpora

    def nothing_loaded(*arguments, **options):
        raise TfserganError("went on to load corpora")

    monkeypatch.setattr(corpora, "load", nothing_loaded)
    message = one_line(tfsergan("reproduce", "bao2019", "--quiet", "--set", value), 2)
    assert value.partition("=")[0] in message
    assert not (tmp_path / "runs").exists()


def test_a_wrong_protocol_is_told_before_corpora_are_loaded(tfsergan, monkeypatch):
    from tfsergan import corpora

    monkeypatch.setattr(corpora, "load", lambda *arguments, **options: pytest.fail("loaded"))
    assert "unknown protocol" in one_line(tfsergan("reproduce", "bao2019", "--quiet", "--protocol", "lax"), 2)


def test_a_set_value_that_another_setting_would_ignore_counts_or_is_refused():
    """A schedule that counts in iterations must not swallow --set gan_epochs=100."""
    from tfsergan import papers

    paper = papers.load("bao2019")
    for schedule in paper.schedules:
        for epochs, instead in (
            *((f"{phase}_epochs", f"{phase}_iterations") for phase in ("pretrain", "gan", "decay")),
            *(
                (f"{task}.{column}.epochs", f"{task}.{column}.updates")
                for task in ("within",)
                for column in ("real", "syn")
            ),
        ):
            try:
                settings = paper.settings(schedule, {epochs: "3"})
            except TfserganError:
                continue
            assert not settings.get(instead), f"{schedule}: {epochs}=3 is ignored"


def test_the_labelled_corpus_must_be_there(tfsergan, tmp_path):
    (tmp_path / "corpora").mkdir()
    message = one_line(tfsergan("reproduce", "bao2019", "--manual-dir", "corpora", "--quiet"), 1)
    assert "iemocap" in message
    assert "is10.parquet" in message


@pytest.mark.parametrize("command", [("report", "nowhere"), ("export", "nowhere", "--to", "out")])
def test_a_folder_without_a_run_is_told(tfsergan, tmp_path, command):
    assert "no run here" in one_line(tfsergan(*command), 1)
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "out").exists()


def test_files_and_folders_are_told_apart(tfsergan, tmp_path):
    (tmp_path / "some.csv").write_text("a")
    (tmp_path / "runs" / "one").mkdir(parents=True)
    (tmp_path / "runs" / "one" / "run.toml").touch()
    for command, said in {
        ("report", "some.csv"): "'some.csv' is a file",
        ("synthesize", "some.csv", "--samples", 2, "--to", "a.csv"): "'some.csv' is a file",
        ("report", "--committed", "--to", "runs"): "'runs' is a directory",
        ("train", "ADAN", "--corpus", "demo", "--out", "some.csv"): "'some.csv' is a file",
        ("report", "runs"): "`tfsergan report --all runs`",
    }.items():
        result = tfsergan(*command)
        assert result.exit_code == 2, command
        assert said in result.output, command
    assert "no such folder" in one_line(tfsergan("report", "--all", "nowhere"), 1)


def test_every_command_says_in_one_line_what_it_does(tfsergan):
    for group in ((), ("data",), ("runs",)):
        assert "..." not in tfsergan(*group, "--help").output.partition("Commands:")[2]


def test_an_unfinished_run_has_nothing_to_export(tfsergan, tmp_path, tiny_run):
    with tiny_run(tmp_path / "run").opened():
        pass
    assert "no finished generators" in one_line(tfsergan("export", "run", "--to", "out"), 1)


def test_an_unforeseen_error_has_no_traceback_unless_asked_for(tfsergan, monkeypatch):
    from tfsergan import papers

    def broken():
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(papers, "names", broken)
    message = one_line(tfsergan("papers"), 1)
    assert "ZeroDivisionError: by nought" in message
    result = tfsergan("--debug", "papers")
    assert isinstance(result.exception, ZeroDivisionError)


def test_messages_name_only_commands_that_exist():
    """A hint such as `tfsergan data list` in any module leads somewhere."""
    known = {"data": set(cli.data.commands)} | {name: None for name in cli.main.commands if name != "data"}
    root = Path(__file__).parents[1]
    for folder in ("tfsergan", "reproductions", "datasets"):
        for path in (root / folder).rglob("*.py"):
            for command, below in re.findall(
                r"`tfsergan ([a-z]+)(?: ([a-z]+))?", path.read_text(encoding="utf-8")
            ):
                assert command in known, f"{path.name}: tfsergan {command}"
                if command == "data" and below:
                    assert below in known["data"], f"{path.name}: tfsergan data {below}"


def test_exit_codes_of_the_real_command():
    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "tfsergan.cli", *arguments], capture_output=True, text=True, timeout=60
        )

    wrong = run("reproduce", "bao2091")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("Error: unknown paper")
    assert run("report", "/nowhere/at/all").returncode == 1
    assert run("reproduce", "bao2019", "--seed", "x").returncode == 2
    assert run("papers").returncode == 0
    debugged = run("--debug", "reproduce", "bao2091")
    assert debugged.returncode == 2
    assert "Traceback" in debugged.stderr


def test_an_interrupt_says_how_to_go_on():
    code = "import signal, time, tfsergan.cli as c, tfsergan.papers as p\nsignal.signal(signal.SIGINT, signal.default_int_handler)\np.names = lambda: (print(flush=True), time.sleep(60))\nc.main(['papers'])"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "The same command goes on" in told


# ---- a whole run --------------------------------------------------------------------------------------------------


def write_table(path: Path, seed: int, per_cell: int, labelled: bool = True) -> int:
    """A feature table of random vectors; returns its rows."""
    path.parent.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(4, len(IS10)))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["utterance", "speaker", "session", *(["emotion"] if labelled else []), *IS10])
        rows = [(s, e) for s in range(6) for e in range(4) for _ in range(per_cell)]
        for i, (s, e) in enumerate(rows):
            label = [("anger", "joy", "neutral", "sad")[e]] if labelled else []
            values = (rng.normal(size=len(IS10)) + centres[e]).round(3).tolist()
            writer.writerow(
                [f"{path.parent.name}{i:03d}", f"speaker {s}", f"Sess. {s // 2 + 1}", *label, *values]
            )
    return len(rows)


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    """`tfsergan reproduce bao2019` on three corpora of one's own: folder, command and what it said."""
    root = tmp_path_factory.mktemp("cli")
    write_table(root / "corpora" / "lab" / "is10.csv", 1, 3)
    write_table(root / "corpora" / "talks" / "is10.csv", 2, 2, labelled=False)
    write_table(root / "corpora" / "far" / "is10.csv", 3, 2)
    command = ["reproduce", "bao2019", "--manual-dir", root / "corpora", "--data-dir", root / "data"]
    command += ["--out", root / "run"]
    command += [part for pair in ("labelled=lab", "source=talks", "cross=far") for part in ("--corpus", pair)]
    command += [part for value in TINY for part in ("--set", value)]
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TFSERGAN_MANUAL_DIR", raising=False)
        patch.delenv("TFSERGAN_STAGES", raising=False)
        patch.setattr(sys, "argv", ["tfsergan", *map(str, command)])
        result = CliRunner().invoke(cli.main, [str(part) for part in command])
    assert result.exit_code == 0, result.output
    return SimpleNamespace(folder=root / "run", command=command, output=result.output)


def test_a_run_leaves_what_the_readme_promises(reproduced):
    folder = reproduced.folder
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {
        *("run.toml", "results.jsonl", "report.html", "figures/figure2.png", "figures/figure3.png"),
        *(f"tables/table{number}.{suffix}" for number in (1, 2, 3) for suffix in ("md", "csv", "json")),
        *("models/all/scalers.json", "models/Sess__1/scalers.json"),
        *(f"models/{fold}/lambda_cls=2/weights.weights.h5" for fold in ("all", "Sess__1")),
    } <= files
    assert any(name.startswith("tensorboard/training/fold Sess__1/lambda_cls=2/events.") for name in files)
    assert {
        "tensorboard/figures/events.out.tfevents.0.report",
        "tensorboard/results/table 2, lambda_cls=2/events.out.tfevents.0.report",
    } <= files
    assert not [
        name for name in files if "unfinished" in name or "checkpoint" in name or name.endswith(".tmp")
    ]


def test_a_run_prints_its_tables_and_where_the_rest_is(reproduced):
    output = reproduced.output
    for text in (
        "Table 1",
        "Table 2",
        "Table 3",
        "59.48",
        "Real+Syn.",
        "report.html",
        "results.jsonl",
        "tensorboard",
    ):
        assert text in output
    assert "lab stands in for iemocap" in output
    assert "about" in output  # the estimate of the time
    assert "retracing" not in output


def test_a_run_measures_every_cell(reproduced):
    rows = results.read(reproduced.folder / "results.jsonl")
    found = {(row["table"], row["row"], row["column"], row["fold"]) for row in rows}
    assert found == {
        *((1, row, "distance", "all") for row in ("target - source", "target - syn (lambda_cls=2)")),
        *((table, "", "Real", fold) for table, fold in ((2, "Sess__1"), (3, "all"))),
        *((t, "lambda_cls=2", c, f) for t, f in ((2, "Sess__1"), (3, "all")) for c in ("Syn.", "Real+Syn.")),
    }
    assert {row["n"] for row in rows if row["table"] == 2} == {24}


def test_run_toml_repeats_the_run(reproduced):
    entry = _toml.loads((reproduced.folder / "run.toml").read_text(encoding="utf-8"))
    assert entry["command"].startswith("tfsergan reproduce bao2019 --manual-dir ")
    assert entry["corpora"]["labelled"]["name"] == "lab"
    assert entry["corpora"]["labelled"]["utterances"] == 72
    assert entry["run"]["overrides"]["gan_iterations"] == "3"


def test_the_same_command_again_does_nothing_new(reproduced, tfsergan, monkeypatch):
    from tfsergan.classifiers import DNN

    monkeypatch.setattr(DNN, "fit", lambda *arguments, **options: pytest.fail("trained"))
    before = (reproduced.folder / "results.jsonl").read_bytes()
    result = tfsergan(*reproduced.command)
    assert result.exit_code == 0, result.output
    assert "nothing left to measure" in result.output
    assert "Table 2" in result.output
    assert (reproduced.folder / "results.jsonl").read_bytes() == before


def test_going_on_on_another_machine_is_one_warning(reproduced, tfsergan, monkeypatch):
    from tfsergan import machine

    facts = machine.facts
    monkeypatch.setattr(machine, "facts", lambda: facts() | {"cpu": "Zuse Z3"})
    result = tfsergan(*reproduced.command, "--quiet")
    assert result.exit_code == 0, result.output
    (warning,) = (line for line in result.output.splitlines() if line.startswith("Warning: "))
    assert "Zuse Z3 now" in warning
    assert "earlier on" in (reproduced.folder / "report.html").read_text(encoding="utf-8")


def test_another_setting_in_the_same_folder_is_refused(reproduced, tfsergan):
    result = tfsergan(*reproduced.command, "--seed", "1", "--quiet")
    assert result.exit_code == 1
    assert "run.seed: 0 there, 1 now" in result.output
    assert "--out FOLDER" in result.output


def test_report_writes_tables_again_from_results(reproduced, tfsergan):
    table = reproduced.folder / "tables" / "table2.md"
    before = table.read_bytes()
    table.unlink()
    result = tfsergan("report", reproduced.folder)
    assert result.exit_code == 0, result.output
    assert table.read_bytes() == before


def test_export_makes_a_saved_model(reproduced, tfsergan, tmp_path):
    result = tfsergan("export", reproduced.folder, "--to", "generators", "--setting", "lambda_cls=2")
    assert result.exit_code == 0, result.output
    card = _toml.loads((tmp_path / "generators" / "card.toml").read_text(encoding="utf-8"))
    assert card["features"] == IS10
    assert card["fold"] == "all"
    assert (tmp_path / "generators" / "saved_model.pb").exists()
    assert "generators" in one_line(tfsergan("export", reproduced.folder, "--to", "generators"), 1)


def test_export_into_the_folder_one_stands_in(reproduced, tfsergan, tmp_path):
    result = tfsergan("export", reproduced.folder, "--to", ".")
    assert "This should not happen" not in result.output
    assert "Traceback" not in result.output


def test_another_run_says_what_it_reused(reproduced, tfsergan):
    runs = reproduced.folder.parent
    other = (*reproduced.command, "--out", runs / "other", "--table", "2", "--set", "decay_epochs=7")
    result = tfsergan(*other, "--quiet", "--jobs", "1")
    assert result.exit_code == 0, result.output
    assert f"bao2019: reused 2 of 2 training stages of {reproduced.folder}." in result.output
    told = json.loads(tfsergan("runs", runs, "--json").stdout)
    rows = {Path(row["folder"]).name: (row["measured"], row["planned"], row["state"]) for row in told["runs"]}
    # Cells of lambda_cls=0 are in the paper's tables, but not among the settings; the second has no other corpus.
    assert rows == {"run": (8, 13, "complete"), "other": (3, 8, "incomplete")}
    assert told["stages"]["stages"] == 4
    refused = tfsergan(*other, "--quiet", "--stages", runs / "corpora")
    assert re.search(r"--stages .*corpora: can't be used .*not empty", one_line(refused, 2))


def test_a_missing_source_leaves_its_cells_open_with_the_command(reproduced, tfsergan, tmp_path):
    swap = reproduced.command.index("source=talks")
    command = reproduced.command[: swap - 1] + reproduced.command[swap + 1 :]
    result = tfsergan(*command, "--out", tmp_path / "other", "--table", "2", "--quiet", "--jobs", "1")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "other" / "tables" / "table2.md").read_text(encoding="utf-8")
    assert "not run (1)" in text
    assert "tedlium" in text
    assert "--corpus source=NAME" in text
    rows = results.read(tmp_path / "other" / "results.jsonl")
    assert {row["column"] for row in rows} == {"Real"}


def test_a_run_whose_report_cannot_be_written_says_so(reproduced, tfsergan):
    page = reproduced.folder / "report.html"
    kept = page.read_bytes()
    page.unlink()
    page.mkdir()
    (page / "in the way").touch()
    try:
        result = tfsergan(*reproduced.command, "--quiet")
        assert result.exit_code == 1, result.output
        assert "report.html" in result.output
    finally:
        (page / "in the way").unlink()
        page.rmdir()
        page.write_bytes(kept)


# ---- data ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def corpora_dir(tmp_path) -> Path:
    """A labelled table of one's own, a broken one, and a recording of EmoDB."""
    write_table(tmp_path / "corpora" / "lab" / "is10.csv", 1, 1)
    write_wav(tmp_path / "corpora" / "emodb" / "03a01Wa.wav", pitch=0)
    return tmp_path / "corpora"


def test_data_list(tfsergan, corpora_dir, tmp_path):
    result = tfsergan("data", "list", "--manual-dir", corpora_dir, "--data-dir", tmp_path / "data")
    assert result.exit_code == 0, result.output
    rows = {line.split()[0]: line for line in result.output.splitlines() if line[:1].strip()}
    assert {"demo", "iemocap", "msp_improv", "creative_it", "emodb", "ravdess", "cmu_mosei", "tedlium"} < set(
        rows
    )
    assert re.match(r"lab +is10\.csv +no +a corpus of your own", rows["lab"])
    assert re.match(r"emodb +audio +no", rows["emodb"])
    assert "pip install 'tfsergan[demo]'" in result.output
    for url in ("https://sail.usc.edu/CreativeIT/", "https://zenodo.org/record/1188976"):
        assert url in result.output
    assert str(corpora_dir) in result.output


def test_data_list_rules(tfsergan):
    output = tfsergan("data", "list", "--rules").output
    assert re.search(r"iemocap/four_class_merged +angry, happy, neutral, sad +5531 +Bao", output)
    assert re.search(
        r"iemocap/activation3 +activation: low \[0, 2\], mid \(2, 4\), high \[4, 5\] +10039", output
    )


def test_data_check_of_what_is_right(tfsergan, corpora_dir):
    result = tfsergan("data", "check", "lab", "--manual-dir", corpora_dir)
    assert result.exit_code == 0, result.output
    assert "lab, is10.csv: all right" in result.output
    assert re.search(r"default/four_class +24 +angry 6, happy 6, neutral 6, sad 6", result.output)


@needs_soundfile
def test_data_check_of_all_that_is_here(tfsergan, corpora_dir, tmp_path):
    command = ("data", "check", "--quiet", "--manual-dir", corpora_dir, "--json", tmp_path / "check.json")
    result = tfsergan(*command, "--listen")
    assert result.exit_code == 1, result.output
    assert "Error" not in result.output
    assert "lab, is10.csv: all right" in result.output
    assert "emodb, audio: not as published" in result.output
    assert re.search(r"silent: 1\n +.*03a01Wa\.wav: is silent", result.output)
    found = {check["corpus"]: check for check in json.loads((tmp_path / "check.json").read_text())}
    assert {name: check["right"] for name, check in found.items()} == {"emodb": False, "lab": True}
    assert "`tfsergan data prepare NAME --allow-partial`" in result.output
    part = tfsergan(*command, "--allow-partial")
    assert part.exit_code == 0
    assert "emodb, audio: a part, taken as it is" in part.output


def test_data_check_of_a_broken_table(tfsergan, corpora_dir):
    table = corpora_dir / "lab" / "is10.csv"
    table.write_text(table.read_text()[:-50], encoding="utf-8")
    result = tfsergan("data", "check", "lab", "--manual-dir", corpora_dir)
    assert result.exit_code == 1
    assert re.search(r"unreadable: 1\n +.*is10\.csv: ", result.output)


def test_data_check_of_nothing(tfsergan, tmp_path):
    assert "--manual-dir or TFSERGAN_MANUAL_DIR" in one_line(tfsergan("data", "check"), 2)
    assert "no corpus to check" in one_line(tfsergan("data", "check", "--manual-dir", tmp_path), 2)
    assert "there is no folder" in one_line(tfsergan("data", "check", "iemocap", "--manual-dir", tmp_path), 1)


def test_data_prepare_and_again(tfsergan, corpora_dir, tmp_path):
    command = (
        "data",
        "prepare",
        "lab",
        "--manual-dir",
        corpora_dir,
        "--data-dir",
        tmp_path / "data",
        "--quiet",
    )
    assert re.fullmatch(r"lab, is10: prepared \(\d+\.\d s\)\n", tfsergan(*command).output)
    assert re.fullmatch(r"lab, is10: up to date \(\d+\.\d s\)\n", tfsergan(*command).output)
    listed = tfsergan("data", "list", *command[3:-1])
    assert re.search(r"^lab +is10\.csv +is10 ", listed.output, re.MULTILINE)
    missing = tfsergan(*command, "--features", "is10", "--features", "is11")
    assert "up to date" in missing.output
    assert "lab/is11.parquet" in one_line(missing, 1)


@needs_soundfile
def test_data_prepare_refuses_a_part_and_shows_what_is_there(tfsergan, corpora_dir, tmp_path):
    command = ("data", "prepare", "emodb", "--manual-dir", corpora_dir, "--data-dir", tmp_path / "data")
    result = tfsergan(*command, "--quiet")
    assert "see above" in one_line(result, 1)
    assert "--allow-partial" in result.output
    assert re.search(r"found +1 +1 ", result.output)
    assert not (tmp_path / "data").exists()


def test_data_prepare_with_beam_says_what_is_missing_or_not_needed(tfsergan, corpora_dir, monkeypatch):
    from tfsergan.features import beam

    command = ("data", "prepare", "lab", "--manual-dir", corpora_dir, "--quiet", "--beam", "--runner=None")
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        assert 'pip install "tfsergan[distributed]"' in one_line(tfsergan(*command), 1)
    monkeypatch.setattr(beam, "require", lambda: None)
    assert "needs no extraction" in one_line(tfsergan(*command), 2)


def test_the_options_of_beam_reach_the_builder(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    from tfsergan import catalogue

    found = catalogue.find("demo/labelled", "audio", None)
    assert found.make_builder(tmp_path, beam="--runner=X").beam == "--runner=X"
    assert found.make_builder(tmp_path).beam is None


def test_a_part_of_a_corpus_is_taken_when_asked_for(tfsergan, monkeypatch):
    from tfsergan import corpora

    asked = []

    def load(*arguments, **options):
        asked.append(options["allow_partial"])
        raise TfserganError("loaded")

    monkeypatch.setattr(corpora, "load", load)
    for option in ((), ("--allow-partial",)):
        one_line(tfsergan("reproduce", "bao2019", "--quiet", *option), 1)
    assert asked == [False, True]


def load_yi2019(there: dict, tmp_path, monkeypatch) -> dict:
    """What `load_corpora` makes of yi2019's corpora where only these are there."""
    from tfsergan import corpora, papers
    from tfsergan.progress import silent

    def load(name, *arguments, **options):
        if name not in there:
            raise CorpusNotFound(f"no {name}")
        return there[name]

    monkeypatch.setattr(corpora, "load", load)
    names = {"acted": "emodb", "dialogue": "iemocap"}
    return cli.load_corpora(papers.load("yi2019"), names, tmp_path, tmp_path, silent)


def test_either_corpus_of_yi2019_will_do(tmp_path, yi2019_corpora, monkeypatch):
    acted, dialogue = yi2019_corpora["acted"], yi2019_corpora["dialogue"]
    both = {"emodb": acted, "iemocap": dialogue}
    assert load_yi2019(both, tmp_path, monkeypatch) == {"acted": acted, "dialogue": dialogue}
    for name, role in (("emodb", "acted"), ("iemocap", "dialogue")):
        loaded = load_yi2019({name: both[name]}, tmp_path, monkeypatch)
        assert loaded[role] is both[name]
        (other,) = (loaded[r] for r in loaded if r != role)
        assert isinstance(other, TfserganError)
    with pytest.raises(TfserganError, match="no emodb"):
        load_yi2019({}, tmp_path, monkeypatch)


def test_corpora_of_other_feature_sets_need_not_agree(tmp_path, yi2019_corpora, monkeypatch):
    from dataclasses import replace

    acted, dialogue = yi2019_corpora["acted"], yi2019_corpora["dialogue"]
    other = replace(acted, feature_names=acted.feature_names[::-1])
    load_yi2019({"emodb": other, "iemocap": dialogue}, tmp_path, monkeypatch)  # is11 and is10
    alike = replace(other, features="is10")
    with pytest.raises(TfserganError, match=r"dia \(dialogue\) has other features than act"):
        load_yi2019({"emodb": alike, "iemocap": dialogue}, tmp_path, monkeypatch)


def test_each_role_is_loaded_with_its_features_and_labels(tmp_path, monkeypatch):
    from tfsergan import corpora, papers
    from tfsergan.progress import silent

    asked = {}

    def load(name, features, rule, **options):
        asked[name] = (features, rule)
        raise TfserganError("enough") if len(asked) == 2 else CorpusNotFound("not here")

    monkeypatch.setattr(corpora, "load", load)
    names = {"acted": "emodb", "dialogue": "iemocap"}
    with pytest.raises(TfserganError, match="enough"):
        cli.load_corpora(papers.load("yi2019"), names, tmp_path, tmp_path, silent)
    assert asked == {"emodb": ("is11", "seven_class"), "iemocap": ("is10", "four_class")}


def test_features_must_agree(tmp_path, tiny_corpora, monkeypatch):
    from dataclasses import replace

    from tfsergan import corpora, papers
    from tfsergan.progress import silent

    names = {"labelled": "lab", "source": "src"}
    other = replace(tiny_corpora["source"], feature_names=tiny_corpora["source"].feature_names[::-1])
    there = {"lab": tiny_corpora["labelled"], "src": other}
    monkeypatch.setattr(corpora, "load", lambda name, *arguments, **options: there[name])
    with pytest.raises(TfserganError, match=r"src \(source\) has other features than lab"):
        cli.load_corpora(papers.load("bao2019"), names, tmp_path, tmp_path, silent)


def test_pairs_keep_what_follows_the_first_equals_sign():
    assert cli.parse_pairs(("a=1", "b=c=d"), "--set") == {"a": "1", "b": "c=d"}


def test_one_swap_takes_a_corpus_for_every_task_of_a_role(tmp_path):
    from tfsergan import papers

    su2021 = papers.load("su2021")
    names = cli.corpus_names(su2021, {"stand_in": "mine"}, tmp_path)
    assert {names[f"stand_in/{task}"] for task in ("activation", "valence")} == {"mine"}
    assert {names[f"source/{task}"] for task in ("activation", "valence")} == {"iemocap"}
    assert cli.corpus_names(su2021, {}, None)["stand_in/valence"] == "demo/cross"
    with pytest.raises(TfserganError, match="mine is both source and stand_in"):
        cli.corpus_names(su2021, {"stand_in": "mine", "source": "mine"}, tmp_path)
    with pytest.raises(TfserganError, match="unknown role of su2021 'target'"):
        cli.corpus_names(su2021, {"target": "mine"}, tmp_path)
