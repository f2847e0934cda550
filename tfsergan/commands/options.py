"""What several commands share: options, how they are read, and the words they were called with."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfsergan.errors import UsageError

if TYPE_CHECKING:
    from tfsergan.evaluation import Run

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)


def corpus_options(command: Callable) -> Callable:
    """--manual-dir and --data-dir."""
    command = click.option(
        "--data-dir",
        type=FOLDER,
        envvar="TFDS_DATA_DIR",
        help="Where prepared corpora are kept  [default: ~/tensorflow_datasets; or TFDS_DATA_DIR].",
    )(command)
    return click.option(
        "--manual-dir",
        type=FOLDER,
        envvar="TFSERGAN_MANUAL_DIR",
        help="Folder of corpora, one folder each  [or TFSERGAN_MANUAL_DIR]. Without it and --corpus: the demo corpus.",
    )(command)


def parse_pairs(values: tuple[str, ...], option: str) -> dict[str, str]:
    """`key=value` options as a dict.

    Raises:
        UsageError: an option without "=", or a key twice.
    """
    pairs = {}
    for text in values:
        key, equals, value = text.partition("=")
        if not equals or not key or not value:
            raise UsageError(f"{option} {text}: expected KEY=VALUE.")
        if key in pairs:
            raise UsageError(f"{option} {key} is given twice.")
        pairs[key] = value
    return pairs


def command_line(manual_dir: Path | None) -> str:
    """The command that made this run, to be repeated; a folder of corpora from the environment is named in it."""
    words = click.get_current_context().find_root().meta["arguments"]
    named = any(word.startswith("--manual-dir") for word in words)
    return shlex.join(
        ["tfsergan", *words, *(["--manual-dir", str(manual_dir)] if manual_dir and not named else [])]
    )


def tell_warnings(run: "Run") -> None:
    """Prints what the user should know of a run and has not been told yet."""
    while run.warnings:
        text = run.warnings.pop(0)
        click.secho("Warning: ", fg="yellow", bold=True, nl=False, err=True)
        click.echo(text, err=True)
