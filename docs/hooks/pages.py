"""MkDocs hook: the navigation, and pages made of what the repository holds elsewhere.

A line `<!-- include: README.md#Speed -->` in a page stands for that section of that file, without its heading;
`<!-- include: CHANGELOG.md -->` for the whole file, without its title. Links in what is included lead to the page that
a file has here, or become plain text where it has none.
"""

import importlib.util
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tfsergan import catalogue, cli, label_rules, papers

ROOT = Path(__file__).parents[2]
INCLUDE = re.compile(r"^<!-- include: (?P<path>[^#\s]+)(?:#(?P<heading>.+?))? -->$", re.MULTILINE)
LINK = re.compile(r"(?P<label>\[[^\]\n]*(?:\n[^\]\n]*)?\])\((?P<target>[^)\s]+)\)")
FENCED = re.compile(r"(^ *```.*?^ *```[^\n]*$)", re.MULTILINE | re.DOTALL)
PARTS = {  # public modules by what they are for
    "Corpora": ("corpora", "label_rules", "catalogue", "checks", "ragged"),
    "Features": ("features.audio", "features.extraction", "features.functionals", "features.frames"),
    "Augmentation": ("augmentation", "samplers", "synthesis", "quality", "reductions"),
    "Training": ("training", "classifiers", "networks", "losses", "optimizers"),
    "Evaluation": ("folds", "metrics", "evaluation", "results"),
    "Papers and reports": ("papers", "report.tables", "report.assemble", "report.page", "export"),
    "Errors": ("errors",),
}
SOURCES = {  # pages of files elsewhere, for links to these
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "CITATION.cff": "citation.md",
    "benchmarks/README.md": "speed.md",
    "tfsergan/label_rules.toml": "label_rules.md",
}


def corpus_pages() -> dict[str, str]:
    """The page of each folder of `datasets/` that has a README, in the catalogue's order, then the others."""
    found = sorted(path.parent.name for path in ROOT.glob("datasets/*/README.md"))
    order = [*catalogue.KNOWN, *found]
    return {name: f"corpora/{name}.md" for name in sorted(found, key=order.index)}


def methods() -> list[str]:
    """The modules of the methods."""
    files = sorted((ROOT / "tfsergan/methods").glob("*.py"))
    return [f"methods.{path.stem}" for path in files if path.stem != "__init__"]


def modules() -> dict[str, list[str]]:
    """The public modules there are, by part."""
    parts = {"Methods": methods(), **PARTS}
    found = {part: [f"tfsergan.{name}" for name in names] for part, names in parts.items()}
    return {part: [name for name in names if importlib.util.find_spec(name)] for part, names in found.items()}


def page_of(source: str) -> str:
    """The page that a file of the repository has here; "" where it has none."""
    folder, _, name = source.rpartition("/")
    if folder.startswith("datasets/") and name == "README.md":
        return corpus_pages().get(folder.removeprefix("datasets/"), "")
    if source.startswith("docs/"):
        return source.removeprefix("docs/")
    return SOURCES.get(source, "")


# ---- navigation -----------------------------------------------------------------------------------------


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Builds the navigation; a page in `docs/` that it does not name comes at the end of the guides."""
    config.nav = navigation()
    listed = set(names_in(config.nav))
    docs = Path(config.docs_dir)
    others = sorted(path.name for path in docs.glob("*.md") if path.name not in listed)
    next(entry["Guides"] for entry in config.nav if "Guides" in entry).extend(others)
    return config


def navigation() -> list[dict[str, Any]]:
    """The entries that are always there."""
    api = [{part: [f"api/{name}.md" for name in names]} for part, names in modules().items()]
    return [
        {"Home": "index.md"},
        {"Papers": ["papers/index.md", *(f"papers/{name}.md" for name in papers.names())]},
        {"Corpora": ["corpora/index.md", "label_rules.md", *corpus_pages().values()]},
        {"Tutorials": ["tutorials/add_your_own_corpus.md", "tutorials/add_your_own_method.md"]},
        {"Guides": ["cluster.md", "speed.md"]},
        {"Reference": ["cli.md", "api/index.md", *api]},
        {"Project": ["contributing.md", "changelog.md", "citation.md"]},
    ]


def names_in(entries: Any) -> Iterator[str]:
    """Every page of a navigation."""
    if isinstance(entries, str):
        yield entries
    else:
        for entry in entries.values() if isinstance(entries, Mapping) else entries:
            yield from names_in(entry)


# ---- pages ----------------------------------------------------------------------------------------------


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages of corpora, of label rules and of public modules."""
    pages = {page: f"<!-- include: datasets/{name}/README.md -->" for name, page in corpus_pages().items()}
    for name, page in corpus_pages().items():
        pages[page] = f"# {title_of(f'datasets/{name}/README.md', name)}\n\n{pages[page]}\n"
    for names in modules().values():
        pages |= {f"api/{name}.md": f"# {name.removeprefix('tfsergan.')}\n\n::: {name}\n" for name in names}
    for page, content in pages.items():
        files.append(File.generated(config, page, content=content))
    return files


def title_of(source: str, otherwise: str) -> str:
    """The title of a file, or another where it has none."""
    first = (ROOT / source).read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("# ") if first.startswith("# ") else otherwise


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fills in what a page includes, the tables of the catalogue and the label rules, and the commands."""
    here = page.file.src_uri
    markdown = INCLUDE.sub(lambda found: included(found["path"], found["heading"], here), markdown)
    made = (("catalogue", catalogue_table), ("label rules", rules_table), ("commands", commands))
    for mark, make in made:
        if f"<!-- {mark} -->" in markdown:
            markdown = markdown.replace(f"<!-- {mark} -->", make())
    return markdown


def included(source: str, heading: str | None, page: str) -> str:
    """A file, or one section of it, as part of a page.

    Raises:
        PluginError: there is no such file or section.
    """
    try:
        text = (ROOT / source).read_text(encoding="utf-8")
    except OSError as error:
        raise PluginError(f"{page} includes {source}: {error}") from error
    if heading is None:
        text = re.sub(r"\A# .*\n", "", text)
    else:
        found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        if not found:
            raise PluginError(f"{page} includes the section {heading!r} of {source}, which it does not have")
        text = found[1]
    return relinked(text.strip(), source, page)


def relinked(text: str, source: str, page: str) -> str:
    """Text of a file with its links as they are from a page; code is left alone."""

    def link(found: re.Match[str]) -> str:
        target, hash_sign, anchor = found["target"].partition("#")
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        to = (
            page_of(posixpath.normpath(posixpath.join(posixpath.dirname(source), target))) if target else page
        )
        if not to:
            return found["label"][1:-1]
        return f"{found['label']}({posixpath.relpath(to, posixpath.dirname(page) or '.')}{hash_sign}{anchor})"

    pieces = FENCED.split(text)
    return "".join(piece if i % 2 else LINK.sub(link, piece) for i, piece in enumerate(pieces))


def catalogue_table() -> str:
    """Every known corpus: what it is, its licence, where to ask, its page."""
    pages = corpus_pages()
    known = {**catalogue.KNOWN, "demo_speech": catalogue.DEMO}
    lines = ["| corpus | what | licence | where to ask |", "|---|---|---|---|"]
    for name, corpus in known.items():
        label = f"[`{name}`]({posixpath.basename(pages[name])})" if name in pages else f"`{name}`"
        where = f"<{corpus.url}>" if "://" in corpus.url else f"`{corpus.url}`"
        lines.append(f"| {label} | {corpus.description} | {corpus.licence} | {where} |")
    return "\n".join(lines)


def rules_table() -> str:
    """Every label rule: its classes, the published number of utterances, its source."""
    lines = ["| rule | classes | utterances | source |", "|---|---|---:|---|"]
    for corpus in label_rules.corpora_with_rules():
        for name in label_rules.rule_names(corpus):
            lines.append(rule_row(label_rules.label_rule(corpus, name)))
    return "\n".join(lines)


def rule_row(rule: label_rules.LabelRule) -> str:
    if rule.intervals:
        classes = f"of {rule.of}: {rule.bounds}"
    else:
        members = {
            kind: [label for label, i in rule.labels.items() if i == index]
            for index, kind in enumerate(rule.classes)
        }
        classes = "; ".join(
            f"{kind}: {', '.join(f'`{one}`' for one in labels)}" for kind, labels in members.items()
        )
    return f"| `{rule.name}` | {classes} | {rule.published or ''} | {rule.source} |"


def commands() -> str:
    """What `--help` says of every command."""
    return "\n\n".join(helps(cli.main, None, "tfsergan"))


def helps(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
    """A section a command, its own subcommands after it."""
    context = click.Context(command, parent=parent, info_name=name, max_content_width=80)
    yield f"## {context.command_path}\n\n```text\n{context.get_help()}\n```"
    for below in command.list_commands(context) if isinstance(command, click.Group) else []:
        yield from helps(command.get_command(context, below), context, below)
