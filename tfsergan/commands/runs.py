"""`tfsergan runs`: what has been run, how far and how large; `tfsergan runs clean` frees what no result needs."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfsergan.commands.options import FOLDER

if TYPE_CHECKING:
    from rich.table import Table

    from tfsergan.runs import Leftover, RunStatus, StoreStatus


class Listing(click.Group):
    """A group that lists where no command of its own is named: `runs FOLDER` is `runs list FOLDER`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {*self.commands, *ctx.help_option_names}
        return super().parse_args(ctx, args if args and args[0] in known else ["list", *args])


@click.group(cls=Listing, short_help="List runs, how far and how large; free what no result needs.")
def runs() -> None:
    """List runs, how far they are and how large; free what no result needs.

    \b
      tfsergan runs                     those in the folder `runs`
      tfsergan runs FOLDER --json       another folder's, for machines
      tfsergan runs clean --dry-run     what could be freed
    """


STAGES = click.option(
    "--stages",
    type=FOLDER,
    envvar="TFSERGAN_STAGES",
    metavar="FOLDER|none",
    help="Where these runs share their stages.  [default: `stages` beside them; or TFSERGAN_STAGES]",
)


@runs.command("list", short_help="List runs, and the stages that they share.")
@click.argument("folder", type=FOLDER, default=Path("runs"))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@STAGES
def list_runs(folder: Path, as_json: bool, stages: Path | None) -> None:
    """List the runs in FOLDER (default `runs`) and below, and the stages that they share."""
    from rich.console import Console

    from tfsergan import runs as found

    folders = found.find(folder)
    rows = [found.status(path) for path in folders]
    shared = found.store_status(found.store_of(folder, stages), folder)
    whole = found.size([*folders, *([shared.folder] if shared else [])])
    if as_json:
        told = {
            "runs": [asdict(row) for row in rows],
            "stages": asdict(shared) if shared else None,
            "size": whole,
        }
        click.echo(json.dumps(told, indent=1, default=str, ensure_ascii=False))
        return
    if not rows:
        click.echo(f"{folder}: no runs here. `tfsergan reproduce PAPER --out {folder}/NAME` makes one.")
    else:
        console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
        console.print(table(rows))
    for line in (*(f"{row.folder}: {row.problem}" for row in rows if row.problem), *totals(shared, whole)):
        click.echo(line)


def table(rows: "Sequence[RunStatus]") -> "Table":
    """One line a run."""
    from rich import box
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column("run", no_wrap=True)
    for name in ("paper", "schedule", "protocol", "corpora"):
        shown.add_column(name, overflow="fold")
    shown.add_column("cells", justify="right")
    for name in ("state", "changed"):
        shown.add_column(name)
    for name in ("results", "models", "logs"):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        corpora = ", ".join(dict.fromkeys((row.corpora or {}).values()))
        cells = "?" if row.problem else "-" if row.method else f"{row.measured}/{row.planned}"
        what = f"{row.method} ({row.paper})" if row.method else row.paper
        changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.changed))
        sizes = [human(part) for part in (row.results, row.models, row.logs)]
        shown.add_row(
            str(row.folder), what, row.schedule, row.protocol, corpora, cells, row.state, changed, *sizes
        )
    return shown


def totals(shared: "StoreStatus | None", whole: int) -> list[str]:
    """What is shared, and what all of it takes."""
    lines = []
    if shared:
        unused = (
            f", {human(shared.unused)} of it linked by no run (`tfsergan runs clean`)"
            if shared.unused
            else ""
        )
        lines.append(f"{shared.folder}: {shared.stages} shared stages, {human(shared.size)}{unused}")
    return [*lines, f"On disk: {human(whole)}, hard links counted once."]


@runs.command(short_help="Free what no result needs.")
@click.argument("folder", type=FOLDER, default=Path("runs"))
@STAGES
@click.option("--models", is_flag=True, help="Also the weights of complete runs: export needs them.")
@click.option("--dry-run", is_flag=True, help="Show it alone.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def clean(folder: Path, stages: Path | None, models: bool, dry_run: bool, yes: bool) -> None:
    """Free what no result needs, in the runs of FOLDER (default `runs`) that nobody is at work in.

    Checkpoints of finished stages, files that were never written whole, what dead processes were lent, and shared
    stages that no run links to any more. Shows it and asks. With `--stages none`, the store is left alone.
    """
    from tfsergan import runs as found

    rows = [found.status(path) for path in found.find(folder)]
    one = (folder / "run.toml").exists()  # its store may be full of others' stages
    left = found.leftovers(rows, None if one else found.store_of(folder, stages), models)
    for row in rows:
        if row.state == found.AT_WORK:
            click.echo(f"{row.folder}: at work, left alone.")
    if not left:
        click.echo("Nothing to free.")
        return
    show(left)
    if models:
        click.echo(
            "Without weights, `tfsergan export` has nothing to export, and `reproduce` trains these stages again."
        )
    size = found.freed(left)
    if dry_run:
        click.echo(f"{human(size)} could be freed.")
        return
    if not yes:
        click.confirm(f"Free {human(size)}?", abort=True)
    click.echo(f"{human(found.remove(left))} freed.")


def show(left: "Sequence[Leftover]") -> None:
    """What would be freed: a line for each kind and owner."""
    from tfsergan import runs as found

    groups: dict[tuple[str, str], list[Leftover]] = {}
    for item in left:
        groups.setdefault((str(item.owner), item.kind), []).append(item)
    for (owner, kind), items in groups.items():
        click.echo(f"{owner}: {kind}: {len(items)}, {human(sum(found.size_of(item.path) for item in items))}")


def human(size: int) -> str:
    """Bytes as people say them: "0 B", "12 kB", "3.4 GB"."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.1f} {unit}" if value < 10 and unit != "B" else f"{value:.0f} {unit}"
