"""The tutorials do what they say: every block is executed, in order, in one empty folder."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

TUTORIALS = Path(__file__).parents[1] / "docs" / "tutorials"
BLOCK = re.compile(
    r'(?:^<!-- not run: (?P<reason>.+) -->\n)?^```(?P<kind>\w+)(?: title="(?P<file>[^"]+)")?\n(?P<text>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A fenced block: bash or python, or a file where it has a name; `reason`: why it is left out."""

    kind: str
    file: str
    text: str
    reason: str
    line: int


def blocks(path: Path) -> list[Block]:
    """Every fenced block of a page."""
    page = path.read_text(encoding="utf-8")
    found = [
        Block(m["kind"], m["file"] or "", m["text"], m["reason"] or "", page.count("\n", 0, m.start("text")))
        for m in BLOCK.finditer(page)
    ]
    assert len(found) == page.count("\n```") / 2, f"{path.name}: a block that is not understood"
    return found


class Reader:
    """Does what a page says.

    Args:
        folder: where it is done.
        environ: of shell blocks and Python blocks alike; what they export stays.
    """

    def __init__(self, folder: Path):
        self.folder, self.printed = folder, ""

    def read(self, path: Path) -> dict:
        """Executes all blocks; gives what the Python blocks defined."""
        names: dict = {"__name__": path.stem}
        for block in blocks(path):
            if block.reason:
                continue
            if block.file:
                (self.folder / block.file).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / block.file).write_text(block.text, encoding="utf-8")
            elif block.kind == "bash":
                self.shell(block.text)
            else:
                assert block.kind == "python", f"{path.name}:{block.line}: neither run nor written"
                exec(compile("\n" * block.line + block.text, str(path), "exec"), names)
        return names

    def shell(self, text: str) -> None:
        """Runs commands, and keeps what they export."""
        exported = self.folder / "exported"
        command = ["bash", "-euo", "pipefail", "-c", f"{text}\nenv -0 > {exported}"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        self.printed += done.stdout
        pairs = (entry.partition("=") for entry in exported.read_text().split("\0") if entry)
        os.environ.update({key: value for key, _, value in pairs if key.startswith(("TFSERGAN_", "TFDS_"))})
        exported.unlink()


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """A reader in an empty folder, with the command line of this environment."""
    programs = str(Path(sys.executable).parent)
    for name, value in {
        "PATH": os.pathsep.join([programs, os.environ["PATH"]]),
        "TFDS_DATA_DIR": str(tmp_path / "prepared"),
        "TFSERGAN_MANUAL_DIR": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield Reader(tmp_path)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("opensmile"), reason="openSMILE (extra demo) is not installed")
def test_tutorials_run_as_they_are(reader):
    corpus = reader.read(TUTORIALS / "add_your_own_corpus.md")
    assert repr(corpus["corpus"]).startswith("Corpus('my_corpus', is11 (48, 4368), angry 12, happy 12")
    assert corpus["uar"] > 0.5, "emotions that differ in pitch and loudness are told apart"
    assert "my_corpus/four_class" in reader.printed
    assert "acted: my_corpus stands in for emodb." in reader.printed
    assert (reader.folder / "runs/mine/report.html").stat().st_size > 10_000
    method = reader.read(TUTORIALS / "add_your_own_method.md")
    assert 0 <= method["uar"] <= 1
    table = method["table"]
    assert [cell.ours.repeats for _, _, cell in table.items()] == [1, 2]
    assert {cell.ours.n for _, _, cell in table.items()} == {32}


@pytest.mark.parametrize("path", sorted(TUTORIALS.glob("*.md")), ids=lambda path: path.stem)
def test_every_block_is_run_or_says_why_not(path):
    found = blocks(path)
    assert any(block.kind == "python" for block in found)
    for block in found:
        runs = block.kind in ("bash", "python") or block.file
        assert runs != bool(block.reason), f"{path.name}:{block.line}"
