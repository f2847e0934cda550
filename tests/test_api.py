"""The names at the top: each is there, documented, typed, and imported when it is first used."""

import ast
import inspect
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import tfsergan


def test_every_name_is_there_and_documented():
    assert set(tfsergan._PLACES) == {*tfsergan.__all__} - {"__version__"}
    assert {*tfsergan.__all__} <= {*dir(tfsergan)}
    for name in tfsergan._PLACES:
        assert inspect.getdoc(getattr(tfsergan, name)), name
    assert tfsergan.__version__ == version("tfsergan")


def test_what_type_checkers_see_is_what_is_imported():
    """The imports under TYPE_CHECKING name the same objects as `__getattr__` gives."""
    tree = ast.parse(Path(tfsergan.__file__).read_text(encoding="utf-8"))
    (guarded,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.asname or alias.name: f"{node.module}.{alias.name}".removeprefix("tfsergan.")
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == tfsergan._PLACES


@pytest.mark.parametrize("name", ["load_corpus", "synthesize", "score"])
def test_functions_are_typed(name):
    function = getattr(tfsergan, name)
    annotated = inspect.signature(function)
    assert annotated.return_annotation is not inspect.Signature.empty
    for parameter in annotated.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter.name


def test_other_names_are_refused_and_modules_are_found():
    with pytest.raises(AttributeError, match="no attribute 'train_everything'"):
        tfsergan.train_everything  # noqa: B018
    from tfsergan import folds

    assert folds.WHOLE == "all"


def test_scores_need_no_tensorflow():
    code = "import sys, tfsergan; tfsergan.score([0, 1], [0, 1]); print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "False", done.stderr
