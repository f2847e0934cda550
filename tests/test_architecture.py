"""Imports point one way, only the command line prints, and starting up is light."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {"tfsergan": "tfsergan", "reproductions": "tfsergan.reproductions", "datasets": "tfsergan.datasets"}
OUTSIDE = ("display", "cli", "commands")

# What a module may import of ours: itself aside, the names (a package stands for all in it).
LIGHT = {"errors", "progress", "_toml", "files"}
MAY_IMPORT = {
    "errors": set(),
    "progress": set(),
    "_toml": set(),
    "files": set(),
    "losses": LIGHT,
    "networks": LIGHT,
    "optimizers": LIGHT,
    "machine": set(),
    "metrics": LIGHT,
    "folds": LIGHT,
    "ragged": set(),
    "rows": set(),
    "results": LIGHT,
    "label_rules": LIGHT | {"manifests"},
    "papers": LIGHT,
    "prepared": LIGHT | {"features", "ragged"},
    "processes": LIGHT,
    "engine": LIGHT | {"processes", "training"},
    "features": LIGHT | {"processes"},
    "stages": LIGHT | {"fingerprint"},
    "fingerprint": set(),
    "training": LIGHT | {"fingerprint", "losses", "networks", "optimizers", "ragged", "rows", "stages"},
    "classifiers": LIGHT | {"losses", "networks", "optimizers", "rows"},
    "methods": {"losses", "networks", "optimizers"},
    "datasets": LIGHT | {"features"},
    "manifests": LIGHT,
    "catalogue": LIGHT | {"datasets", "features", "prepared"},
    "corpora": LIGHT | {"catalogue", "label_rules", "manifests", "prepared", "ragged"},
    "checks": LIGHT | {"catalogue", "datasets", "features", "label_rules", "manifests"},
    "report": LIGHT | {"catalogue", "checks", "label_rules", "metrics", "papers", "results"},
    "augmentation": LIGHT,
    "samplers": LIGHT | {"augmentation", "classifiers", "methods", "optimizers", "stages", "training"},
    "quality": LIGHT,
    "reductions": LIGHT,
    "export": LIGHT | {"training", "papers", "results", "folds"},
    "evaluation": LIGHT
    | {
        "classifiers",
        "corpora",
        "engine",
        "folds",
        "machine",
        "metrics",
        "papers",
        "results",
        "stages",
        "training",
    },
    "synthesis": LIGHT | {"catalogue", "corpora", "evaluation", "quality"},
    "display": LIGHT,
    "runs": LIGHT | {"papers", "results", "stages"},
    "commands": LIGHT | {"runs"},
}


def modules() -> Iterator[tuple[str, Path]]:
    """Name and file of every module that installs."""
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            yield ".".join([package, *(part for part in parts if part != "__init__")]), path


MODULES = dict(modules())


def imports(name: str, path: Path) -> set[str]:
    """Every module that a file imports anywhere, in full names; `from a import b` counts as a.b if that is one."""
    found = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    # Run as a script, a reproduction starts the command line; imported, it knows nothing of it.
    tree.body = [node for node in tree.body if not ast.unparse(node).startswith("if __name__ == ")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: a relative import"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {other if other in MODULES else node.module for other in full}
    return found


def part(module: str) -> str:
    """The part of tfsergan that a module belongs to: "methods" of tfsergan.methods.bao2019."""
    return module.split(".")[1] if "." in module else ""


def ours(name: str) -> set[str]:
    """The parts of tfsergan that a module imports, its own left out."""
    found = {part(other) for other in imports(name, MODULES[name]) if other.split(".")[0] == "tfsergan"}
    return found - {part(name), ""}


def test_there_is_something_to_look_at():
    assert {"tfsergan.cli", "tfsergan.methods.bao2019", "tfsergan.reproductions.bao2019"} <= set(MODULES)
    assert "corpora" in ours("tfsergan.evaluation")


@pytest.mark.parametrize(
    "name", [name for name in MODULES if part(name) not in ("cli", "commands", "reproductions", "")]
)
def test_no_arrow_points_back(name):
    assert part(name) in MAY_IMPORT, f"{part(name)}: say here what it may import"
    assert ours(name) <= MAY_IMPORT[part(name)]


@pytest.mark.parametrize("name", [name for name in MODULES if part(name) == "reproductions"])
def test_reproductions_know_nothing_of_the_command_line(name):
    assert not ours(name) & {"cli", "commands", "display", "datasets", "prepared"}


def test_only_the_catalogue_and_the_checks_import_data_sets():
    found = {name for name in MODULES if "datasets" in ours(name)}
    assert found <= {"tfsergan.catalogue", "tfsergan.checks"}


def test_methods_know_only_layers_and_losses():
    outside = {"keras", "numpy", "tensorflow", "collections", "typing", "dataclasses", "functools", "math"}
    for name in MODULES:
        if name.startswith("tfsergan.methods."):
            roots = {other.split(".")[0] for other in imports(name, MODULES[name])}
            assert roots - {"tfsergan"} <= outside, name


def test_papers_need_the_standard_library_alone():
    roots = {other.split(".")[0] for other in imports("tfsergan.papers", MODULES["tfsergan.papers"])}
    assert roots - {"tfsergan"} <= sys.stdlib_module_names


def test_metrics_and_folds_need_no_tensorflow():
    for name in ("metrics", "folds", "results", "papers", "corpora", "catalogue", "checks", "manifests"):
        roots = {other.split(".")[0] for other in imports(f"tfsergan.{name}", MODULES[f"tfsergan.{name}"])}
        assert not roots & {"tensorflow", "keras"}, name


@pytest.mark.parametrize("name", [name for name in MODULES if part(name) not in OUTSIDE])
def test_only_the_command_line_prints_or_exits(name):
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"print", "exit", "quit", "sys.exit", "os._exit", "click.echo"}, (
                f"{name}:{node.lineno}"
            )
        if isinstance(node, ast.Name):
            assert node.id not in {"SystemExit", "breakpoint"}, f"{name}:{node.lineno}"
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in {"sys.stdout", "sys.stderr"}, f"{name}:{node.lineno}"


def test_no_path_of_a_machine_in_any_file():
    suffixes = {".py", ".toml", ".cfg", ".md", ".html"}
    for folder in (*FOLDERS, "tests", "benchmarks"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in suffixes and path != Path(__file__):
                assert not re.search(r"/(work|home|root|tmp)/", path.read_text(encoding="utf-8")), path


HEAVY = ("tensorflow", "keras", "pandas", "matplotlib", "opensmile", "sklearn", "pyarrow", "scipy", "numpy")


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import tfsergan.cli", ()),
        ("import tfsergan; dir(tfsergan)", ()),
        ("import tfsergan.papers; tfsergan.papers.load('bao2019')", ()),
        ("from tfsergan.cli import main; main(['reproduce', '--help'], standalone_mode=False)", ()),
        ("from tfsergan.cli import main; main(['papers'], standalone_mode=False)", ()),
        ("import tfsergan.corpora", ("numpy",)),
        ("import tfsergan.checks", ("numpy",)),
        ("import tfsergan.metrics", ("numpy",)),
        ("import tfsergan.report.tables", ("numpy",)),
    ],
)
def test_start_up_is_light(code, allowed):
    heavy = [name for name in HEAVY if name not in allowed]
    check = f"{code}\nimport sys\nprint('LOADED', *[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["LOADED"]
