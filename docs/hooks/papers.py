"""MkDocs hook: one page a paper, from its TOML and its committed results, by the code that writes the reports.

What somebody wrote about a paper, `docs/papers/<paper>.md`, comes first on its page, without its title.
"""

import re
from collections.abc import Iterable, Mapping

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from tfsergan import papers
from tfsergan.papers import Paper, Value
from tfsergan.report import assemble, committed, tables


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Puts the page of each paper in the place of what was written about it."""
    for name in papers.names():
        written = files.get_file_from_path(f"papers/{name}.md")
        if written:
            files.remove(written)
        paper, text = papers.load(name), written.content_string if written else ""
        files.append(File.generated(config, f"papers/{name}.md", content=page(paper, text)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Fills in the list of the papers."""
    return markdown.replace("<!-- papers -->", listing()) if "<!-- papers -->" in markdown else markdown


def listing() -> str:
    """The papers there are, with what is reproduced of each and where."""
    lines = ["| paper | tables | measured on |", "|---|---|---|"]
    for paper in map(papers.load, papers.names()):
        numbers = ", ".join(str(table.number) for table in paper.tables)
        corpora = {tuple(c["name"] for c in run["corpora"].values()) for run, _ in committed.runs(paper)}
        where = "; ".join(", ".join(dict.fromkeys(names)) for names in sorted(corpora))
        about = f"[`{paper.name}`]({paper.name}.md): {paper.citation}"
        lines.append(f"| {about} | {numbers} | {where or 'not committed yet'} |")
    return "\n".join(lines)


def page(paper: Paper, written: str) -> str:
    """One paper's page as Markdown."""
    written = re.sub(r"\A# .*\n", "", written).strip()
    parts = [f"# {paper.name}", f"**{paper.title}**", paper.citation, written]
    parts += [*what_came_out(paper), *what_it_says(paper), *what_we_do(paper)]
    return unbroken("\n\n".join(part for part in parts if part)) + "\n"


def unbroken(text: str) -> str:
    """Scores and intervals in tables that no line break divides."""

    def row(found: re.Match[str]) -> str:
        return re.sub(
            r"(?<=[\]\d]) (?=[±\[(])|(?<=[±,]) (?=.?\d)|(?<=not) (?=run)", "\N{NO-BREAK SPACE}", found[0]
        )

    return re.sub(r"^\|.*$", row, text, flags=re.MULTILINE)


def what_came_out(paper: Paper) -> Iterable[str]:
    """The tables of each committed run."""
    yield "## What came out"
    runs = committed.runs(paper)
    if not runs:
        yield f"No results are committed yet. `tfsergan reproduce {paper.name}` measures."
        return
    yield (
        f"Each run below is of the lines of `reproductions/results/{paper.name}.jsonl` that share corpora, protocol, "
        "schedule, settings, seed and versions; the tables are those that `tfsergan report` writes."
    )
    for run, rows in runs:
        yield f"### {committed.title(run)}"
        yield "Versions: " + ", ".join(f"{name} {version}" for name, version in run["versions"].items()) + "."
        for table in assemble.tables_of(paper, rows, run):
            if table.measured:
                yield demoted(tables.to_markdown(table), 1)
            else:
                yield f"{table.heading}: not measured in this run."


def what_it_says(paper: Paper) -> Iterable[str]:
    """Citation, corpora and reported tables."""
    yield "## What the paper says"
    yield f"```bibtex\n{paper.bibtex.strip()}\n```"
    yield "\n".join(f"- `{role.name}`: {role.about}" for role in paper.roles.values())
    for spec in paper.tables:
        if spec.reported:
            yield collapsed(f"Table {spec.number}. {spec.title}", tables.to_markdown(assemble.reported(spec)))


def what_we_do(paper: Paper) -> Iterable[str]:
    """Protocols, schedules, hyper-parameters, deviations."""
    yield "## What we do"
    yield "### Protocols"
    yield "\n".join(f"- `{name}`: {about}" for name, about in paper.protocols.items())
    yield "### Schedules"
    for name, about in paper.schedule_notes.items():
        yield f"**`{name}`**: {about}"
        if paper.schedules[name]:
            yield collapsed(f"What `{name}` sets", values(paper.schedules[name]))
    yield "### Hyper-parameters"
    assumed = sum(value.source == "assumed" for value in paper.hyperparameters.values())
    yield f"{len(paper.hyperparameters)} values, {assumed} of them assumed where the paper is silent (in bold)."
    yield values(paper.hyperparameters)
    yield "### Deviations"
    yield "\n".join(f"- {d.text} (protocol {', '.join(d.protocols)})" for d in paper.deviations)
    if paper.scan_notes:
        yield "### Errors in print"
        yield "\n".join(f"- {note}" for note in paper.scan_notes)


def values(by_name: Mapping[str, Value]) -> str:
    """Hyper-parameters as a table, those that are assumed in bold."""
    lines = ["| name | value | source |", "|---|---|---|"]
    for name, value, source in assemble.described(by_name):
        strong = "**" if by_name[name].source == "assumed" else ""
        lines.append(f"| `{name}` | {value} | {strong}{source.replace('|', chr(92) + '|')}{strong} |")
    return "\n".join(lines)


def collapsed(title: str, text: str) -> str:
    """Text behind a title that opens it."""
    text = re.sub(r"\A###? .*\n+", "", text.strip())
    quoted = title.replace('"', "'")
    return f'??? note "{quoted}"\n\n' + "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def demoted(text: str, levels: int) -> str:
    """Markdown with its headings so many levels lower."""
    return re.sub(r"^(#+ )", "#" * levels + r"\1", text, flags=re.MULTILINE)
