"""The command line: the only place that prints or exits."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfsergan.commands import runs, synthesize, train
from tfsergan.commands.options import FILE, FOLDER, command_line, corpus_options, parse_pairs, tell_warnings
from tfsergan.errors import CorpusNotFound, TfserganError, UsageError
from tfsergan.progress import duration

if TYPE_CHECKING:
    from rich.console import Console

    from tfsergan.evaluation import Run
    from tfsergan.papers import Paper, Settings
    from tfsergan.progress import Report
    from tfsergan.report.tables import Table
    from tfsergan.stages import Stages

DEMO = "demo"


class Interrupted(TfserganError):
    """Ctrl-C, which click would otherwise answer with a bare "Aborted!"."""

    exit_code = 130

    def __str__(self) -> str:
        return "Interrupted. The same command goes on from the last checkpoint."


class Failing(click.Group):
    """A group whose known failures are one message: exit code 2 for usage, 1 for the rest."""

    def make_context(
        self, info_name: str | None, args: list[str], *others: Any, **extra: Any
    ) -> click.Context:
        words = list(args)  # click empties the list as it parses
        context = super().make_context(info_name, args, *others, **extra)
        context.meta["arguments"] = words
        return context

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except TfserganError as error:
            stop(str(error), error.exit_code)
        except OSError as error:
            what = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else error
            stop(f"{what}. The same command goes on once that is mended.", 1)
        except MemoryError:
            stop("Out of memory. Close other programs, or take a narrower network or smaller corpus.", 1)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted from None
        except Exception as error:
            if ctx.params.get("debug") or isinstance(error, TfserganError | OSError | MemoryError):
                raise
            if isinstance(error, click.exceptions.Exit | click.ClickException | click.Abort):
                raise
            raise TfserganError(
                f"{type(error).__name__}: {error}\n"
                "This should not happen. `tfsergan --debug ...` shows the traceback."
            ) from error


def stop(message: str, code: int) -> None:
    """Prints an error and exits; with --debug the traceback comes first."""
    context = click.get_current_context(silent=True)
    if "--debug" in sys.argv or (context and context.params.get("debug")):
        import traceback

        traceback.print_exc()
    click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(message, err=True)
    sys.exit(code)


@click.group(cls=Failing, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tfsergan")
@click.option("--debug", is_flag=True, help="Show a traceback when something fails.")
def main(debug: bool) -> None:
    """Adversarial methods for speech emotion recognition, reproduced paper by paper.

    \b
      tfsergan papers                      what can be reproduced
      tfsergan reproduce bao2019           a paper's tables, on the embedded demo corpus
      tfsergan data list                   which corpora there are, and where to ask for them
      tfsergan reproduce bao2019 --manual-dir CORPORA     the same on real corpora
      tfsergan export runs/bao2019 --to generators        the trained generators as a SavedModel
      tfsergan train ADAN --corpus emodb                  one generator on a corpus of your own
      tfsergan synthesize runs/ADAN/generator --samples 100 --to synthetic.csv
      tfsergan runs                        what has been run here, how far, how large
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")


@main.command("papers")
def list_papers() -> None:
    """List the papers that can be reproduced, with their tables."""
    from tfsergan import papers

    for name in papers.names():
        paper = papers.load(name)
        click.secho(name, bold=True)
        click.echo(f"  {paper.citation}")
        for table in paper.tables:
            click.echo(f"  table {table.number}: {table.title} ({table.unit})")
        for schedule, about in paper.schedule_notes.items():
            click.echo(f"  schedule {schedule}: {about}")


@main.group()
def data() -> None:
    """List, check and prepare corpora."""


@data.command("list", short_help="List corpora: where to ask for them, what is here.")
@click.option("--rules", is_flag=True, help="List the label rules instead.")
@corpus_options
def data_list(rules: bool, manual_dir: Path | None, data_dir: Path | None) -> None:
    """List every corpus: its licence, where to ask for it, what is here and which features are prepared."""
    from tfsergan import catalogue
    from tfsergan.report import corpora

    if rules:
        wide_console().print(corpora.rules())
    else:
        wide_console().print(corpora.status(catalogue.status(manual_dir, data_dir)))
        folder = manual_dir or "none given (--manual-dir or TFSERGAN_MANUAL_DIR)"
        click.echo(f"\nFolder of corpora: {folder}")


def wide_console() -> "Console":
    """A console for tables with paths in them, as wide as the terminal, or as a log likes it."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 140, highlight=False)


@data.command("check", short_help="Tell what is wrong with the files of corpora.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--listen", is_flag=True, help="Read all samples, not headers alone: finds silent recordings.")
@click.option("--jobs", type=click.IntRange(1), help="Files read at a time.  [default: four a core]")
@click.option("--json", "json_file", type=FILE, help="Also write all of it to this file.")
@click.option("--allow-partial", is_flag=True, help="A corpus that is not whole is no fault.")
@click.option("--quiet", is_flag=True, help="No progress.")
@corpus_options
def data_check(
    names: tuple[str, ...],
    listen: bool,
    jobs: int | None,
    json_file: Path | None,
    allow_partial: bool,
    quiet: bool,
    manual_dir: Path | None,
    data_dir: Path | None,
) -> None:
    """Walk the files of each corpus NAME (all that are here, if none is given) and tell what is wrong.

    Missing, unreadable, mislabelled, too short recordings, with the first examples of each, and counts beside the
    published ones. Exit code 1 if anything is wrong.
    """
    import json

    from tfsergan import catalogue, checks, display, files
    from tfsergan.report import corpora

    names = names or tuple(
        row.name for row in catalogue.status(manual_dir, data_dir) if row.path and row.forms
    )
    if not names:
        raise UsageError(
            f"There is no corpus to check in {manual_dir}."
            if manual_dir
            else "No folder of corpora was given: name one with --manual-dir or TFSERGAN_MANUAL_DIR."
        )
    done = []
    for name in names:
        with display.shown(quiet) as report:
            found = checks.check(name, manual_dir, listen=listen, jobs=jobs, report=report)
        for check in found:
            wide_console().print(corpora.check(check, allow_partial))
        done += found
    if json_file:
        content = json.dumps([check.as_dict(allow_partial) for check in done], indent=1, ensure_ascii=False)
        files.write_atomically(json_file, content.encode())
    if not all(check.is_right(allow_partial) for check in done):
        click.echo(
            "Complete or mend what is red, or take what is there: `tfsergan data prepare NAME --allow-partial`."
        )
        sys.exit(1)


@data.command("prepare", short_help="Check a corpus, extract its features, build its data set.")
@click.argument("name")
@click.option(
    "--features", multiple=True, default=("is10",), show_default=True, help="Feature set; repeatable."
)
@click.option(
    "--jobs", type=click.IntRange(1), help="Processes that extract features.  [default: one a core]"
)
@click.option(
    "--beam",
    metavar="OPTIONS",
    help="Extract as an Apache Beam pipeline with these options; needs the extra `distributed`.",
)
@click.option("--allow-partial", is_flag=True, help="Take a corpus that is not whole as it is.")
@click.option("--quiet", is_flag=True, help="No progress.")
@corpus_options
def data_prepare(name: str, features: tuple[str, ...], quiet: bool, **options: Any) -> None:
    """Check a corpus, extract its features and build its TFDS data set; done once.

    NAME is a folder of --manual-dir, or demo/labelled, demo/source, demo/cross. Killed half-way, the same command
    goes on: what was extracted is kept, by content, in feature_cache in --data-dir.

    \b
      tfsergan data prepare emodb --manual-dir CORPORA --features is10 --features logmel

    --beam gives the same features. Its workers, here or (with --runner=... among OPTIONS) on other machines, need
    tfsergan with its extractors, and see --manual-dir and --data-dir under the same paths:

    \b
      tfsergan data prepare tedlium --beam "--direct_num_workers=4 --direct_running_mode=multi_processing"
    """
    import time

    from tfsergan import display
    from tfsergan.features import beam

    if options["beam"] is not None:
        beam.require()
    for feature_set in features:
        began = time.monotonic()
        with display.shown(quiet) as report:
            anything = prepare(name, feature_set, report=report, **options)
        seconds = time.monotonic() - began
        took = f"{seconds:.1f} s" if seconds < 60 else duration(seconds)
        click.echo(f"{name}, {feature_set}: {'prepared' if anything else 'up to date'} ({took})")


def prepare(
    name: str,
    features: str,
    *,
    manual_dir: Path | None,
    data_dir: Path | None,
    allow_partial: bool,
    jobs: int | None,
    beam: str | None,
    report: "Report",
) -> bool:
    """Prepares one feature set of a corpus, and tells whether there was anything to do.

    Raises:
        TfserganError: its files are not right; they have been shown.
    """
    from tfsergan import catalogue, checks, corpora, engine
    from tfsergan.report import corpora as report_corpora

    folders = {"manual_dir": manual_dir, "data_dir": data_dir}
    if not corpora.is_prepared(name, features, **folders):
        found = catalogue.find(name, features, catalogue.manual_folder(manual_dir))
        if found.folder and not found.table:
            check = checks.check_audio(found, jobs=jobs, report=report)
            wide_console().print(report_corpora.check(check, allow_partial))
            if not (allow_partial or check.is_right()):
                raise TfserganError(
                    f"{found.where} is not the whole corpus, or has files that cannot be used: see above. Mend "
                    "that, or prepare what is there with --allow-partial."
                )
        engine.import_tensorflow()
    return corpora.prepare(
        name, features, **folders, allow_partial=allow_partial, jobs=jobs, beam=beam, report=report
    )


@main.command()
@click.argument("paper")
@click.option(
    "--table", "tables", type=int, multiple=True, help="Only this table; repeatable.  [default: all]"
)
@click.option(
    "--schedule",
    default="quick",
    show_default=True,
    help="quick: minutes; compact: an hour or two; paper: as published.",
)
@click.option(
    "--protocol",
    default="strict",
    show_default=True,
    help="strict: no test statistic reaches training; paper: as published.",
)
@click.option(
    "--corpus",
    "swaps",
    multiple=True,
    metavar="ROLE=NAME",
    help="Another corpus for a role; repeatable. `demo` is the demo corpus's part.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Another value of a hyper-parameter; repeatable.",
)
@click.option("--seed", default=0, show_default=True, help="Base of all seeds.")
@click.option("--out", type=FOLDER, help="Folder of the run.  [default: runs/PAPER]")
@click.option(
    "--jobs", type=click.IntRange(1), help="Processes at a time.  [default: one a core; 1 on a GPU]"
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Threads of each process. Another number gives other last digits.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="A Dask cluster's, such as tcp://host:8786, to do it there instead.",
)
@click.option("--allow-partial", is_flag=True, help="Take corpora that are not whole as they are.")
@click.option(
    "--stages",
    type=FOLDER,
    envvar="TFSERGAN_STAGES",
    metavar="FOLDER|none",
    help="Where runs share what they train, each stage once.  [default: `stages` beside --out; or TFSERGAN_STAGES]",
)
@click.option("--quiet", is_flag=True, help="No progress.")
@corpus_options
def reproduce(paper: str, tables: tuple[int, ...], out: Path | None, quiet: bool, **options: Any) -> None:
    """Rebuild a paper's tables: measured beside reported.

    PAPER is one of those that `tfsergan papers` lists, with their tables and schedules. The run's folder holds results, tables, figures, report.html, TensorBoard logs and model weights. Killed
    or interrupted, the same command goes on where it was.

    \b
      tfsergan reproduce bao2019                                  demo corpus, minutes
      tfsergan reproduce bao2019 --table 2 --schedule paper --manual-dir CORPORA
      tfsergan reproduce bao2019 --manual-dir CORPORA --corpus source=librispeech_test_clean \\
          --corpus cross=emodb --set gan_epochs=100
    """
    from tfsergan import display, engine, papers

    if options["jobs"] and options["scheduler"]:
        raise UsageError("--jobs is about this machine, --scheduler about a cluster: give one of them.")
    spec = papers.load(paper)
    numbers = [spec.table(number).number for number in tables] or [table.number for table in spec.tables]
    overrides, swaps = parse_pairs(options["overrides"], "--set"), parse_pairs(options["swaps"], "--corpus")
    settings = spec.settings(options["schedule"], overrides)
    if options["protocol"] not in spec.protocols:
        raise UsageError(papers.unknown("protocol", options["protocol"], spec.protocols))
    names = corpus_names(spec, swaps, options["manual_dir"])
    folder = out or Path("runs") / paper
    with display.shown(quiet) as report:
        engine.set_up(options["threads"])
        from tfsergan.evaluation import Run

        needed = {role: names[role] for role in spec.needed(numbers)}
        corpora = load_corpora(
            spec,
            needed,
            options["manual_dir"],
            options["data_dir"],
            report,
            options["allow_partial"],
            settings,
        )
        run = Run(
            folder=folder,
            paper=spec,
            settings=settings,
            schedule=options["schedule"],
            protocol=options["protocol"],
            corpora=corpora,
            overrides=overrides,
            seed=options["seed"],
            report=report,
            engine=engine.choose(options["jobs"], options["threads"], options["scheduler"]),
            stages=store_of(options["stages"], folder),
        )
        measure(run, numbers, command_line(options["manual_dir"]), quiet)
    show(run, numbers)


def store_of(chosen: Path | None, run: Path) -> "Stages | None":
    """Where a run shares its stages; None for nowhere, which is told if nobody asked for it."""
    from tfsergan import stages

    if str(chosen) == "none":
        return None
    store = stages.open_store(chosen, run)
    if store is None:
        click.echo(
            f"{run.parent / stages.FOLDER}: can't be used, so no stages are shared (--stages).", err=True
        )
    return store


def corpus_names(paper: "Paper", swaps: Mapping[str, str], manual_dir: Path | None) -> dict[str, str]:
    """The corpus of each role: swapped, else the paper's own, else (no folder of corpora) the demo's part.

    Raises:
        UsageError: a role that the paper does not have.
    """
    from tfsergan.papers import unknown

    known = {spec.name: spec for spec in paper.roles.values()}
    for role in swaps:
        if role not in known:
            raise UsageError(unknown(f"role of {paper.name}", role, known))
    names: dict[str, str] = {}
    for role, spec in known.items():
        name = swaps.get(role) or (spec.corpus if manual_dir or swaps else DEMO)
        names[role] = spec.demo if name == DEMO else name
    for role, name in names.items():
        others = [other for other in names if other != role and names[other] == name]
        if others:
            raise UsageError(
                f"{name} is both {role} and {others[0]}: test utterances would be trained on. Take another corpus."
            )
    return {role: names[spec.name] for role, spec in paper.roles.items()}


def load_corpora(
    paper: "Paper",
    names: Mapping[str, str],
    manual_dir: Path | None,
    data_dir: Path | None,
    report: "Report",
    allow_partial: bool = False,
    settings: "Settings | None" = None,
) -> dict[str, Any]:
    """The corpus of each role, or the error that says that it is not there.

    Args:
        settings: say which further feature sets a role has; None for the paper's own.

    Raises:
        CorpusNotFound: one that every column of every table needs, or all of them.
        TfserganError: one feature set has other columns in another corpus.
    """
    from tfsergan import corpora

    loaded: dict[str, Any] = {}
    for role, name in names.items():
        rule = paper.roles[role].rule(name)
        try:
            loaded[role] = corpora.load(
                name,
                paper.features_of(role, name),
                rule,
                variants=paper.roles[role].variants_of(settings or paper.settings()),
                manual_dir=manual_dir,
                data_dir=data_dir,
                allow_partial=allow_partial,
                report=report,
            )
        except CorpusNotFound as error:
            if all(role in table.needs_of(column) for table in paper.tables for column in table.columns):
                raise
            loaded[role] = error
    found = [(role, corpus) for role, corpus in loaded.items() if not isinstance(corpus, CorpusNotFound)]
    if not found:
        raise next(iter(loaded.values()))
    for i, (role, corpus) in enumerate(found):
        for _, other in found[:i]:
            alike = corpus.features == other.features
            if alike and corpus.feature_names != other.feature_names:
                raise TfserganError(
                    f"{corpus.name} ({role}) has other features than {other.name}; "
                    "prepare both with one feature set."
                )
    return loaded


def measure(run: "Run", numbers: list[int], command: str, quiet: bool) -> None:
    """Runs what is not measured yet, and writes the report even if it is stopped half-way."""
    import importlib

    from tfsergan import engine, stages

    script = importlib.import_module(f"tfsergan.reproductions.{run.paper.name}")
    with run.opened(command):
        tell_warnings(run)
        left = script.work(run, numbers)
        if not quiet:
            announce(run, left)
        if not left:  # processes would take longer to start than this takes
            run.engine = engine.InProcess(run.engine.threads)
        run.report = WholeRun(run.report, left, lambda: script.work(run, numbers))
        before = stages.finished(run.folder)
        try:
            script.reproduce(run, numbers)
            run.finish(numbers)
        except BaseException:
            with suppress(Exception):  # what stopped the run is what the user must hear of
                write_report(run.folder)
            raise
        finally:
            if reused := stages.reuse_text(before, stages.finished(run.folder)):
                click.echo(f"{run.paper.name}: {reused}.", err=True)
            tell_warnings(run)
    write_report(run.folder)


class WholeRun:
    """Tells, after each finished task, how far the whole run is."""

    def __init__(self, report: "Report", total: float, work: Callable[[], float]):
        self.report, self.total, self.work = report, total, work

    def __call__(self, task: str, done: int, total: int) -> None:
        self.report(task, done, total)
        if done >= total and self.total:
            self.report("whole run, per cent", round(100 * (1 - self.work() / self.total)), 100)


def announce(run: "Run", multiply_adds: float) -> None:
    """Says what is about to run, and for about how long."""
    from tfsergan import engine, training

    corpora = ", ".join(f"{role} {getattr(c, 'name', 'not here')}" for role, c in run.corpora.items())
    done = f", {len(run.results.rows)} results there" if run.results.rows else ""
    jobs, where = run.engine.jobs, "on this machine"
    if isinstance(run.engine, engine.Cluster):
        there = run.engine.workers
        where = f"with {there} worker{'s' * (there > 1)}" if there else "once there is a worker: none so far"
    seconds = multiply_adds / training.matrix_rate() * training.OVERHEAD / jobs
    about = f"about {duration(seconds)} {where}" if multiply_adds else "nothing left to measure"
    click.echo(
        f"{run.paper.name}: schedule {run.schedule}, protocol {run.protocol}, {corpora}{done}; {about}.",
        err=True,
    )


def write_report(folder: Path) -> list["Table"]:
    """Tables, figures and page of a run's folder, from its results."""
    from tfsergan import evaluation, papers
    from tfsergan.report import assemble
    from tfsergan.results import Results

    run = evaluation.read_run(folder)
    paper = papers.load(run["run"]["paper"])
    return assemble.write_report(paper, Results(folder / "results.jsonl").rows, run, folder)


def show(run: "Run", numbers: list[int]) -> None:
    """Prints the tables of a finished run, and where the rest is."""
    from rich.console import Console

    from tfsergan.evaluation import read_run
    from tfsergan.report import assemble, tables

    console = Console(width=None if sys.stdout.isatty() else 100)
    for table in assemble.tables_of(run.paper, run.results.rows, read_run(run.folder), run.folder):
        if table.number in numbers:
            console.print(tables.terminal(table))
            console.print()
    click.echo(f"{run.folder}/report.html     tables, figures, what was run, how to repeat it")
    click.echo(f"{run.folder}/results.jsonl   {len(run.results.rows)} measurements")
    click.echo(
        f"tensorboard --logdir {run.folder}/tensorboard     curves, figures, vectors, settings beside scores"
    )


@main.command(short_help="Write a run's tables and page again, or one page of several.")
@click.argument("runs", nargs=-1, type=FOLDER, metavar="[RUN]...")
@click.option("--collect", type=FILE, help="Also put the RUN's results into this .jsonl of several runs.")
@click.option(
    "--all",
    "under",
    type=FOLDER,
    is_flag=False,
    flag_value=Path("runs"),
    metavar="[FOLDER]",
    help="Every run under this folder, on one page.  [without a FOLDER: runs]",
)
@click.option("--committed", is_flag=True, help="The results that come with tfsergan, on the same page.")
@click.option("--to", type=FILE, help="File of the page of several runs.  [default: report.html]")
def report(
    runs: tuple[Path, ...], collect: Path | None, under: Path | None, committed: bool, to: Path | None
) -> None:
    """Write a RUN's tables, figures and page again, or one page of several runs.

    The page of several has every table of every paper, with a verdict on each: reproduced, partly, not, not run.

    \b
      tfsergan report runs/bao2019                         that run's own report again
      tfsergan report runs/bao2019 runs/yi2019             one page of both
      tfsergan report --all runs --committed --to papers.html
    """
    if len(runs) == 1 and not (under or committed or to):
        report_one(runs[0], collect)
    elif collect:
        raise UsageError("--collect takes one RUN: `tfsergan report RUN --collect FILE`.")
    elif not (runs or under or committed):
        raise UsageError("Nothing to report: name a RUN, or --all FOLDER, or --committed.")
    else:
        report_several(runs, under, committed, to or Path("report.html"))


def report_one(run: Path, collect: Path | None) -> None:
    """Writes the report of one run again and prints its tables."""
    from rich.console import Console

    from tfsergan import results
    from tfsergan import runs as found
    from tfsergan.report import tables

    if not (run / "run.toml").exists() and any(run.glob("*/run.toml")):
        raise UsageError(f"{run}: no run, but a folder of runs: `tfsergan report --all {run}`.")
    found.require_tables(run)
    console = Console(width=None if sys.stdout.isatty() else 100)
    for table in write_report(run):
        console.print(tables.terminal(table))
        console.print()
    click.echo(f"{run}/report.html")
    if collect:
        results.merge(collect, results.Results(run / "results.jsonl").rows)
        click.echo(f"{collect}")


def report_several(runs: tuple[Path, ...], under: Path | None, committed: bool, to: Path) -> None:
    """Writes one page of several runs, and tells which of them have no results yet.

    Raises:
        TfserganError: a run that can't be read, or no results at all.
    """
    from tfsergan import evaluation
    from tfsergan import runs as found
    from tfsergan.report import overview
    from tfsergan.results import Results

    folders = list(dict.fromkeys([*runs, *(found.find(under) if under else [])]))
    sources = []
    for folder in folders:
        run, rows = evaluation.read_run(folder), Results(folder / "results.jsonl").rows
        if rows:
            sources.append(overview.Source(run, rows, f"`{folder}`", folder))
        else:
            click.echo(f"{folder}: no results yet, left out", err=True)
    if committed:
        sources += overview.committed_runs()
    if not sources:
        where = f"under {under}" if under else "here"
        raise TfserganError(f"There is no run with results {where}. `tfsergan reproduce PAPER` makes one.")
    size = overview.write_overview(to, sources)
    what = f"{len(sources)} run{'' if len(sources) == 1 else 's'}"
    click.echo(f"{to}: {what}, {size / 1e6:.1f} MB")


@main.command(short_help="Write the generators of a run as a TensorFlow SavedModel.")
@click.argument("run", type=FOLDER)
@click.option("--to", type=FOLDER, required=True, help="Folder to make.")
@click.option(
    "--fold", default=None, help="Whose generators.  [default: the one of the whole corpus, else the first]"
)
@click.option(
    "--setting", default=None, help="Which GAN, such as lambda_cls=2 or adan-0.  [default: the first]"
)
def export(run: Path, to: Path, fold: str | None, setting: str | None) -> None:
    """Write a RUN's generators as a TensorFlow SavedModel, and a card that says how to call it.

    \b
      tfsergan export runs/bao2019 --to generators --setting lambda_cls=2 --fold all
      tfsergan export runs/yi2019 --to sampler --setting adan-0 --fold acted-03
    """
    from tfsergan import engine

    engine.import_tensorflow()
    from tfsergan import synthesis

    folder = synthesis.export_run(run, to, fold, setting)
    click.echo(f"{folder}: SavedModel; {folder}/README.md says how to use it")


main.add_command(runs.runs)
main.add_command(synthesize.synthesize)
main.add_command(train.train)

if __name__ == "__main__":
    main()
