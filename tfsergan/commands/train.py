"""`tfsergan train`: one generative method on a corpus of one's own, without any paper's table."""

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfsergan.commands.options import FOLDER, command_line, corpus_options, parse_pairs, tell_warnings
from tfsergan.errors import TfserganError, UsageError

if TYPE_CHECKING:
    from tfsergan.corpora import Corpus
    from tfsergan.evaluation import Run
    from tfsergan.papers import Paper
    from tfsergan.progress import Report

MEASURES = {
    "nearest": "distance to the nearest real vector, over that between real ones: 0 copies, about 1 among them",
    "coverage": "share of real vectors with a synthetic one nearby: near 0 where few kinds are made",
    "two_sample": "accuracy of a linear classifier that tells them from real ones: 0.5 it can't, 1 it always can",
}

DEMO_PARTS = {"corpus": "demo/labelled", "source": "demo/source", "target": "demo/cross"}


@click.command(short_help="Train one generative method on a corpus of your own.")
@click.argument("method")
@click.option("--corpus", "name", required=True, help="Labelled corpus: a folder of --manual-dir, or demo.")
@click.option(
    "--source", help="Unlabelled corpus, which EmotionCycleGAN carries to the emotions; demo is the demo's."
)
@click.option("--target", help="Unlabelled corpus, which CCEmoGAN carries the labelled one to; or demo.")
@click.option(
    "--labels",
    metavar="RULE",
    help="A rule of `tfsergan data list --rules`; own: each label a class; or angry=W,bored=L+E.  "
    "[default: the paper's]",
)
@click.option("--features", help="Feature set, such as is09.  [default: the paper's]")
@click.option(
    "--held-out", multiple=True, metavar="SESSION", help="Leave this session of --corpus out; repeatable."
)
@click.option(
    "--schedule",
    default="quick",
    show_default=True,
    help="quick: minutes; compact: longer, wider; paper: as published.",
)
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Another value of a hyper-parameter."
)
@click.option("--seed", default=0, show_default=True, help="Base of all seeds.")
@click.option("--out", type=FOLDER, help="Folder of the run.  [default: runs/METHOD]")
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads that it takes."
)
@click.option("--allow-partial", is_flag=True, help="Take corpora that are not whole as they are.")
@click.option("--quiet", is_flag=True, help="No progress.")
@corpus_options
def train(method: str, out: Path | None, quiet: bool, **options: Any) -> None:
    """Train one generative METHOD on all utterances of a corpus, and export its generator.

    METHOD is a method or its paper: EmotionCycleGAN (bao2019), ADAN (yi2019), MixupGAN (latif2020), AAE (sahu2017),
    ConditionalGAN, VanillaGAN (sahu2018), CCEmoGAN (su2021). The run's folder gets `generator/`, a SavedModel, and `quality.json`.
    Killed or interrupted, the same command goes on where it was.

    \b
      tfsergan train ADAN --corpus emodb --manual-dir CORPORA
      tfsergan train ADAN --corpus my_corpus --labels own --held-out 5 --schedule compact
      tfsergan train EmotionCycleGAN --corpus emodb --source librispeech_test_clean --set lambda_cls=2
      tfsergan train CCEmoGAN --corpus emodb --labels activation3 --target my_corpus
    """
    from tfsergan import display, engine, papers

    paper, method = papers.generator(method)
    overrides = parse_pairs(options["overrides"], "--set")
    if "repeats" in paper.hyperparameters:
        overrides.setdefault("repeats", "1")
    settings = paper.settings(options["schedule"], overrides)
    require_other(method, other_option(paper.generators[method]), options)
    with display.shown(quiet) as report:
        engine.set_up(options["threads"])
        from tfsergan.evaluation import Run

        run = Run(
            folder=out or Path("runs") / method,
            paper=paper,
            settings=settings,
            schedule=options["schedule"],
            protocol="strict",
            corpora=load_corpora(paper, method, report, options),
            overrides=overrides,
            seed=options["seed"],
            report=report,
            engine=engine.InProcess(options["threads"]),
            method=method,
        )
        with run.opened(command_line(options["manual_dir"])):
            tell_warnings(run)
            generator, measures = trained(run, method)
    show(run, generator, measures, options)


def other_option(roles: Sequence[str]) -> str:
    """The option that names the unlabelled corpus of a method, if it has one: "source", "target" or ""."""
    return "" if len(roles) == 1 else "source" if roles[1] == "source" else "target"


def require_other(method: str, needed: str, options: Mapping[str, Any]) -> None:
    """Refuses a method without the unlabelled corpus that it needs, with one that it does not, or with the labelled one.

    Args:
        needed: as of `other_option`.

    Raises:
        UsageError: so it is.
    """
    for option in ("source", "target"):
        if options[option] and option != needed:
            instead = f"It takes --{needed} NAME." if needed else "It learns from the labelled corpus alone."
            raise UsageError(f"--{option} {options[option]}: {method} takes none. {instead}")
    if not needed:
        return
    if not options[needed]:
        why = {
            "source": "carries unlabelled speech to the emotions",
            "target": "carries labelled vectors to another corpus",
        }
        raise UsageError(
            f"{method} {why[needed]}: name a corpus of speech, whose labels it does not look at, with "
            f"--{needed} NAME."
        )
    if part(options["name"], "corpus") == part(options[needed], needed):
        raise UsageError(
            f"--{needed} {options[needed]} is the labelled corpus too, whose held-out utterances would be learnt from. "
            "Name another corpus of speech."
        )


def part(name: str, option: str) -> str:
    """The name of a corpus; `demo` is the part of the demo that an option means."""
    return DEMO_PARTS[option] if name == "demo" else name


def load_corpora(
    paper: "Paper", method: str, report: "Report", options: Mapping[str, Any]
) -> dict[str, "Corpus"]:
    """The corpus of each role that a method needs, without the sessions held out.

    Raises:
        UsageError: frames instead of vectors, or no such session.
        TfserganError: fewer than two classes, a class or an unlabelled corpus of fewer than two utterances, or other
            features in the unlabelled corpus.
    """
    from tfsergan import corpora

    roles = roles_for(paper, method, options["labels"])
    shared = {name: options[name] for name in ("manual_dir", "data_dir", "allow_partial")}
    other = other_option(roles)
    named = [part(options["name"], "corpus"), *([part(options[other], other)] if other else [])]
    found: dict[str, Corpus] = {}
    for role, name in zip(roles, named, strict=True):
        spec = paper.roles[role]
        rule = None if found else options["labels"] or spec.rule(name)
        features = options["features"] or paper.features_of(role, name)
        found[role] = corpora.load(name, features, rule, report=report, **shared)
    labelled = found[roles[0]]
    found[roles[0]] = checked(held_out(labelled, options["held_out"]))
    for corpus in found.values():
        if corpus.feature_names != labelled.feature_names:
            raise TfserganError(
                f"{corpus.name} has other features than {labelled.name}, or has them in another order; prepare both with "
                "one feature set."
            )
        if len(corpus) < 2:
            raise TfserganError(f"{corpus.name} has one utterance; a generator needs two at least.")
    return found


def roles_for(paper: "Paper", method: str, labels: str | None) -> list[str]:
    """The roles whose corpora a method learns from; where a paper has tasks, of the one with this label rule, or the first."""
    roles, base = list(paper.generators[method]), paper.generators[method][0].partition("/")[0]
    rules = {name: role.labels.values() for name, role in paper.roles.items() if name.startswith(f"{base}/")}
    task = next((name.partition("/")[2] for name, known in rules.items() if labels in known), None)
    return [f"{role.partition('/')[0]}/{task}" for role in roles] if task else roles


def checked(corpus: "Corpus") -> "Corpus":
    """The corpus, if a generator can be trained on it."""
    from tfsergan import folds
    from tfsergan.ragged import Ragged

    if isinstance(corpus.x, Ragged):
        raise UsageError(f"--features {corpus.features} are frames: take functionals, such as is10.")
    if len(corpus.classes) < 2:
        raise TfserganError(
            f"{corpus.name} has the class {', '.join(corpus.classes)} alone; a generator needs two emotions. "
            "`--labels own` takes every label as a class."
        )
    folds.require_every_class(corpus, folds.whole(corpus).train, "part to train on", at_least=2)
    return corpus


def held_out(corpus: "Corpus", sessions: Sequence[str]) -> "Corpus":
    """The corpus without some sessions, and named so.

    Raises:
        UsageError: there is no such session.
        TfserganError: a speaker is in one of them and in another.
    """
    import numpy as np

    there = sorted({*corpus.session.tolist()} - {""})
    for session in sessions:
        if session not in there:
            raise UsageError(
                f"--held-out {session}: {corpus.name} has no such session; it has {', '.join(there) or 'none'}."
            )
    if not sessions:
        return corpus
    out = np.isin(corpus.session, sessions)
    shared = sorted(({*corpus.speaker[out]} & {*corpus.speaker[~out]}) - {""})
    if shared:
        raise TfserganError(
            f"{corpus.name}: speaker {shared[0]} is in a session that is held out and in another, so that the "
            "generator would know that voice. Correct the `speaker` or `session` column, or hold out both."
        )
    return replace(corpus.select(~out), name=f"{corpus.name} without {', '.join(sessions)}")


def trained(run: "Run", method: str) -> tuple[Path, dict[str, float]]:
    """The folder of the exported generator, trained where that is not done, and its quality.

    Raises:
        TfserganError: the training diverged, or the folder can't be written.
    """
    from tfsergan import evaluation, files, folds, synthesis

    script = importlib.import_module(f"tfsergan.reproductions.{run.paper.name}")
    labelled, *others = map(run.corpus, run.corpora)
    stage = script.train_generator(run, folds.whole(labelled), method)
    folder = run.folder / "generator"
    if not (folder / synthesis.CARD).exists():
        script.export_generators(run.folder, evaluation.read_run(run.folder), folder, None, stage)
    generator = synthesis.Generator(folder)
    run.report("quality", 0, 1)
    other = others[0] if others else None
    measures = synthesis.quality_of(generator, labelled, other, seed=run.seed_of("quality"))
    run.report("quality", 1, 1)
    files.write_atomically(run.folder / "quality.json", json.dumps(measures, indent=1).encode())
    return folder, measures


def show(run: "Run", generator: Path, measures: Mapping[str, float], options: Mapping[str, Any]) -> None:
    """Prints the quality of what the generator makes, what is where, and what to do next."""
    from tfsergan import synthesis

    card = synthesis.read_card(generator)
    width = max(len(name) for name in (*card["classes"], "mean"))
    click.echo(f"{'':{width}}  " + "  ".join(f"{name:>10}" for name in MEASURES))
    by_class = [name for name in card["classes"] if f"nearest/{name}" in measures]
    for name in (*by_class, ""):
        keys = [f"{measure}/{name}" if name else measure for measure in MEASURES]
        click.echo(f"{name or 'mean':{width}}  " + "  ".join(f"{measures[key]:>10.3f}" for key in keys))
    for measure, meaning in MEASURES.items():
        click.echo(f"{measure}: {meaning}")
    if card["signature"] == "augment":
        click.echo("Real vectors are those of the target, all together: its labels are not looked at.")
    click.echo(f"\n{generator}     SavedModel; README.md there says how to use it")
    click.echo(f"tensorboard --logdir {run.folder}/tensorboard")
    if card["signature"] == "augment" and options["labels"] != "own":
        # A table of features has the corpus's own labels, not the classes of a rule.
        role = next(iter(run.corpora))
        name, features = part(options["name"], "corpus"), run.corpus(role).features
        rule = options["labels"] or run.paper.roles[role].rule(name)
        partial = ", allow_partial=True" if options["allow_partial"] else ""
        load = f'tfsergan.load_corpus("{name}", "{features}", labels="{rule}"{partial})'
        click.echo(f'in Python: tfsergan.synthesize("{generator}", {load}).write("synthetic.csv")')
        return
    given = "--samples 100" if card["signature"] == "sample" else f"--features {card['feature_set']}.csv"
    click.echo(f"tfsergan synthesize {generator} {given} --to synthetic.csv")
