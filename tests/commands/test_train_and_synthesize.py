"""`tfsergan train` and `tfsergan synthesize`: a generator of one's own corpus, from the first command to a table."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from tfsergan import _toml, cli, synthesis, training
from tfsergan.papers import generator

ADAN = [f"--set={text}" for text in ("autoencoder_units=5", "other_units=4", "latent=3", "updates=8")]
CYCLE = [
    *("--set=generator_units=5", "--set=discriminator_units=4", "--set=domain_classifier_units=4"),
    *("--set=pretrain_iterations=2", "--set=gan_iterations=2", "--set=lambda_cls=2", "--set=batch_size=8"),
]


@pytest.fixture(scope="module")
def manual_dir(tmp_path_factory) -> Path:
    """Feature tables of one's own: `mine`, of labels that no rule knows, and `talks`, without labels."""
    folder, rng = tmp_path_factory.mktemp("corpora"), np.random.default_rng(0)
    labels = np.array(["elated", "bleak", "odd"])[np.arange(36) % 3]
    x = rng.normal(size=(36, 4)) + 3 * (np.arange(36) % 3)[:, None]
    frame = pd.DataFrame(x.astype("f4"), columns=["F0", "jitter", "loudness", "shimmer"])
    frame.insert(0, "utterance", [f"u{i:02d}" for i in range(36)])
    frame.insert(1, "speaker", [f"s{i // 9}" for i in range(36)])
    (folder / "mine").mkdir()
    frame.assign(emotion=labels).to_csv(folder / "mine" / "toy.csv", index=False)
    others = {
        "talks": frame,
        "talks_labelled": frame.assign(emotion=np.roll(labels, 5)),
        "rated": frame.assign(valence=np.arange(36) % 3 * 2.0),
        "reordered": frame[[*frame.columns[:2], *frame.columns[:1:-1]]],
        "single": frame[:1],
    }
    for name, table in others.items():
        (folder / name).mkdir()
        table.to_parquet(folder / name / "toy.parquet", index=False)
    (folder / "rated" / "label_rules.toml").write_text(
        '[valence3]\nof = "valence"\nclasses = { low = "[0, 1]", mid = "(1, 3)", high = "[3, 4]" }\nsource = "a test"\n'
    )
    return folder


@pytest.fixture
def tfsergan(monkeypatch, tmp_path, manual_dir):
    """`tfsergan("train", ...)` in a folder of its own, on these corpora."""
    monkeypatch.setenv("TFSERGAN_MANUAL_DIR", str(manual_dir))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def told(result, code: int) -> str:
    """The message of a command that failed as it should."""
    assert result.exit_code == code, result.output
    (line,) = re.findall(r"^Error: .*", result.output, re.M)
    return line


OWN = ("--corpus", "mine", "--features", "toy", "--labels", "own", "--quiet")


def test_from_a_corpus_of_ones_own_to_a_table(tfsergan, tmp_path):
    done = tfsergan("train", "adan", *OWN, "--held-out", "s3", *ADAN)
    assert done.exit_code == 0, done.output
    run = _toml.loads(Path("runs/ADAN/run.toml").read_text(encoding="utf-8"))
    assert run["run"]["method"] == "ADAN"
    assert run["corpora"]["acted"]["name"] == "mine without s3"
    assert run["corpora"]["acted"]["utterances"] == 27
    assert "train adan --corpus mine" in run["command"]
    assert training.curves(Path("runs/ADAN/tensorboard/training/fold acted-all/adan-0"))
    measures = json.loads(Path("runs/ADAN/quality.json").read_text())
    for name in ("elated", "bleak", "odd"):
        assert f"{measures[f'coverage/{name}']:.3f}" in re.search(rf"^{name} .*", done.output, re.M)[0]
    (following,) = re.findall(r"^tfsergan (synthesize .*)", done.output, re.M)

    result = tfsergan(*following.split())
    assert result.exit_code == 0, result.output
    assert result.output == (
        "synthetic.csv: 300 synthetic vectors of 4 features (bleak 100, elated 100, odd 100)\n"
    )
    frame = pd.read_csv("synthetic.csv")
    assert frame["made_by_paper"].unique().tolist() == ["yi2019"]
    assert "is there already" in told(tfsergan(*following.split()), 2)
    of_run = tfsergan("synthesize", "runs/ADAN", "--samples", 100, "--to", "again.csv")
    assert of_run.exit_code == 0, of_run.output
    again = pd.read_csv("again.csv")
    assert again["made_by"].unique().tolist() == ["ADAN"]
    pd.testing.assert_frame_equal(again, frame)

    weights = Path("runs/ADAN/generator/variables/variables.data-00000-of-00001")
    before = weights.stat().st_mtime_ns
    repeated = tfsergan("train", "adan", *OWN, "--held-out", "s3", *ADAN)
    assert repeated.output == done.output
    assert weights.stat().st_mtime_ns == before
    elsewhere = Path("runs/ADAN/run.toml")
    elsewhere.write_text(re.sub(r"(?m)^cpu = .*", 'cpu = "another"', elsewhere.read_text()))
    moved = tfsergan("train", "adan", *OWN, "--held-out", "s3", *ADAN)
    assert "Warning: runs/ADAN was begun under other conditions" in moved.output
    assert "this folder holds another run" in told(tfsergan("train", "adan", *OWN, *ADAN), 1)


def test_the_folder_of_a_papers_other_method_is_refused(tfsergan):
    settings = [f"--set={name}=4" for name in ("units", "updates", "pretrain_updates")]
    done = tfsergan("train", "VanillaGAN", *OWN, *settings, "--out", "gan")
    assert done.exit_code == 0, done.output
    result = tfsergan("synthesize", "gan", "--samples", 3, "--to", "a.csv")
    assert result.exit_code == 0, result.output
    message = told(tfsergan("train", "ConditionalGAN", *OWN, *settings, "--out", "gan"), 1)
    assert "gan/run.toml: this folder holds another run" in message


def test_style_transfer_from_a_source(tfsergan, manual_dir):
    arguments = ("--corpus", "mine", "--features", "toy", "--labels", "up=elated,down=bleak+odd", "--quiet")
    done = tfsergan("train", "bao2019", *arguments, "--source", "talks", *CYCLE)
    assert done.exit_code == 0, done.output
    assert re.search(r"^down .*\nup|^up .*\ndown", done.output, re.M)
    to = ("--to", "made/toy.parquet", "--emotion", "down")
    table = manual_dir / "talks" / "toy.parquet"
    result = tfsergan("synthesize", "runs/EmotionCycleGAN/generator", "--features", table, *to)
    assert result.exit_code == 0, result.output
    frame = pd.read_parquet("made/toy.parquet")
    assert len(frame) == 36
    assert frame["emotion"].unique().tolist() == ["down"]
    assert frame["speaker"].tolist() == [f"s{i // 9}" for i in range(36)]


CARRY = [
    *(f"--set={name}=4" for name in ("generator_units", "discriminator_units", "classifier.units")),
    *(f"--set={name}=4" for name in ("pretrain_updates", "gan_updates", "classifier.activation_updates")),
    *("--set=classifier.valence_updates=4", "--set=batch_size=8"),
]


def test_labelled_vectors_carried_to_a_corpus_without_labels(tfsergan, manual_dir):
    done = tfsergan("train", "su2021", *OWN, "--held-out", "s3", "--target", "talks", *CARRY)
    assert done.exit_code == 0, done.output
    assert "Real vectors are those of the target" in done.output
    assert "tfsergan synthesize runs/CCEmoGAN/generator --features toy.csv" in done.output
    labelled = ("--target", "talks_labelled", "--out", "runs/labelled")
    again = tfsergan("train", "su2021", *OWN, "--held-out", "s3", *labelled, *CARRY)
    assert again.exit_code == 0, again.output
    weights = [synthesis.weights_digest(Path(f"runs/{name}/generator")) for name in ("CCEmoGAN", "labelled")]
    assert weights[0] == weights[1]
    run = _toml.loads(Path("runs/CCEmoGAN/run.toml").read_text(encoding="utf-8"))
    assert [run["corpora"][f"{role}/activation"]["utterances"] for role in ("source", "stand_in")] == [27, 36]
    table = manual_dir / "mine" / "toy.csv"
    result = tfsergan(
        "synthesize", "runs/CCEmoGAN", "--features", table, "--emotion", "odd", "--to", "odd.csv"
    )
    assert result.exit_code == 0, result.output
    frame = pd.read_csv("odd.csv")
    assert frame["source_utterance"].tolist() == [f"u{i:02d}" for i in range(2, 36, 3)]
    assert frame["emotion"].unique().tolist() == ["odd"]
    unlabelled = ("--features", manual_dir / "talks" / "toy.parquet", "--to", "talks.csv")
    assert "has no label" in told(tfsergan("synthesize", "runs/CCEmoGAN", *unlabelled), 2)


def test_the_label_rule_chooses_the_task_and_the_next_step(tfsergan, tmp_path):
    labels = ("--labels", "valence3", "--features", "toy", "--quiet")
    done = tfsergan("train", "CCEmoGAN", "--corpus", "rated", *labels, "--target", "talks", *CARRY)
    assert done.exit_code == 0, done.output
    run = _toml.loads(Path("runs/CCEmoGAN/run.toml").read_text(encoding="utf-8"))
    assert [*run["corpora"]] == ["source/valence", "stand_in/valence"]
    (following,) = re.findall(r"^in Python: (.*)", done.output, re.M)
    assert 'load_corpus("rated", "toy", labels="valence3")' in following
    exec(f"import tfsergan\n{following}", {})
    assert sorted({*pd.read_csv("synthetic.csv")["emotion"]}) == ["high", "low", "mid"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("ADAM", *OWN), 2, r"unknown method 'ADAM'; did you mean ADAN"),
        (("MEnAN", *OWN), 2, r"Those of li2020 are trained by `tfsergan reproduce` alone"),
        (("li2020", *OWN), 2, r"li2020 has no generator .* `tfsergan reproduce li2020 --corpus ROLE=NAME`"),
        (("su2021", *OWN), 2, r"carries labelled vectors to another corpus: .* with --target NAME"),
        (
            ("su2021", *OWN, "--source=talks"),
            2,
            r"--source talks: CCEmoGAN takes none. It takes --target NAME",
        ),
        (("su2021", *OWN, "--target", "mine"), 2, r"--target mine is the labelled corpus too"),
        (("su2021", *OWN, "--target", "single"), 1, r"single has one utterance"),
        (("su2021", *OWN, "--target", "reordered"), 1, r"reordered has .* in another order"),
        (("bao2019", *OWN), 2, r"carries unlabelled speech to the emotions: .* with --source NAME"),
        (("bao2019", *OWN, "--source", "mine"), 2, r"--source mine is the labelled corpus too"),
        (("bao2019", "--corpus=demo", "--source=demo/labelled"), 2, r"is the labelled corpus too"),
        (
            ("ADAN", *OWN, "--source", "talks"),
            2,
            r"ADAN takes none. It learns from the labelled corpus alone",
        ),
        (("ADAN", *OWN, "--held-out", "s9"), 2, r"--held-out s9: mine has no such session; it has s0, s1"),
        (("ADAN", *OWN[:4], "--labels", "angry=W"), 2, r"labelled 'W'; there are bleak, elated, odd"),
        (("ADAN", *OWN[:4], "--labels", "sad=bleak"), 1, r"the class sad alone; a generator needs two"),
        (
            ("ADAN", *OWN[:4], "--labels", "four_class"),
            1,
            r"'elated'.* is not in the rule default/four_class",
        ),
        (("ADAN", *OWN, "--schedule", "quik"), 2, r"unknown schedule 'quik'"),
        (("ADAN", *OWN, "--set", "latent=0"), 2, r"--set latent=0: must be at least 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_trained_is_told(tfsergan, tmp_path, arguments, code, message):
    assert re.search(message, told(tfsergan("train", *arguments), code))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("name", "paper", "method"),
    [
        ("yi2019", "yi2019", "ADAN"),
        ("emotioncyclegan", "bao2019", "EmotionCycleGAN"),
        ("sahu2018", "sahu2018", "ConditionalGAN"),
        ("VanillaGAN", "sahu2018", "VanillaGAN"),
        ("AAE", "sahu2017", "AAE"),
        ("MixupGAN", "latif2020", "MixupGAN"),
        ("su2021", "su2021", "CCEmoGAN"),
    ],
)
def test_methods_by_either_name(name, paper, method):
    found, its = generator(name)
    assert (found.name, its) == (paper, method)
    assert {*found.generators[its]} <= {*found.roles}


@pytest.mark.parametrize("method", ["MixupGAN", "AAE", "VanillaGAN", "ConditionalGAN"])
@pytest.mark.slow
def test_every_other_method_trains(tfsergan, manual_dir, method):
    few = {"MixupGAN": ("encoder_units", "decoder_units", "discriminator_units")}.get(method, ("units",))
    settings = [f"--set={name}=4" for name in few] + ["--set=updates=4"]
    settings += ["--set=pretrain_updates=4"] if method != "AAE" else []
    done = tfsergan("train", method, *OWN, *settings)
    assert done.exit_code == 0, done.output
    remakes = ("--features", manual_dir / "mine" / "toy.csv")
    given = remakes if method == "MixupGAN" else ("--samples", 3)
    result = tfsergan("synthesize", f"runs/{method}", *given, "--to", "a.csv")
    assert result.exit_code == 0, result.output
    assert np.isfinite(pd.read_csv("a.csv")[["F0", "shimmer"]]).all(axis=None)
