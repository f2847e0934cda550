"""The README's examples run, in their order and one namespace, on tiny corpora and with one epoch of training."""

import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

import tfsergan
from tfsergan import cli, corpora, training

pytestmark = pytest.mark.filterwarnings("ignore:Even though the .*run_functions_eagerly")

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"^<!-- test -->\n```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture
def demo(monkeypatch, tmp_path, tiny_corpora):
    """A folder of one's own, where the demo corpus is a tiny one, and trainings take an epoch of narrow networks."""
    parts = {"demo/labelled": tiny_corpora["labelled"], "demo/source": tiny_corpora["source"]}

    def load(name, features="is10", labels="four_class", **options):
        assert (name == "demo/source") == (labels is None)
        return parts[name]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(corpora, "load", load)
    monkeypatch.setitem(vars(tfsergan), "load_corpus", load)
    monkeypatch.setattr(training, "epochs_of", lambda steps, epochs, updates: 1)
    for units in ("generator_units", "discriminator_units"):
        monkeypatch.setitem(tfsergan.EmotionCycleGANSampler.__init__.__kwdefaults__, units, (6,))
    monkeypatch.setitem(tfsergan.ADANSampler.__init__.__kwdefaults__, "autoencoder_units", (6,))
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def test_examples_are_short():
    assert len(BLOCKS) == 5
    for block in BLOCKS:
        lines = [line for line in block.splitlines() if line and not re.match(r"import |from ", line)]
        assert 3 <= len(lines) <= 5, block


def test_the_examples_run(demo):
    arguments = ["train", "ADAN", "--corpus", "demo", "--features", "is10", "--quiet"]
    done = CliRunner().invoke(cli.main, [*arguments, "--set", "autoencoder_units=6"])
    assert done.exit_code == 0, done.output
    names: dict = {}
    for block in BLOCKS:
        exec(compile(block, str(README), "exec"), names)
    train, test = names["train"], names["test"]
    assert not {*train.speaker} & {*test.speaker}
    assert 0 <= names["found"].interval[0] <= names["found"].interval[1] <= 1
    assert names["found"].n == len(test)
    assert len(names["x"]) == 2 * len(train)
    assert np.isfinite(names["x"]).all()
    assert names["vectors"].shape == train.x.shape
    assert names["made"].x.shape == (200, 12)
    assert Path("corpora/synthetic/is10.parquet").is_file()
