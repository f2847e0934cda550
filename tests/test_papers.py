"""A paper as data: what it says, where each value is from, and what may be typed over it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsergan import papers
from tfsergan.errors import TfserganError, UsageError

MINIMAL = """
title = "T"
authors = "A"
venue = "V"
year = 2000
bibtex = "B"
features = "is10"
[roles.labelled]
corpus = "iemocap"
demo = "demo/labelled"
about = "labelled"
labels = { iemocap = "four_class_merged", default = "four_class" }
[protocols]
strict = "as it should be"
paper = "as it was"
[hyperparameters]
epochs = { value = 3, source = "sec. 1" }
[hyperparameters.dnn]
units = { value = [4, 2], source = "assumed", reason = "silent" }
[schedules.paper]
about = "as published"
[schedules.quick]
about = "minutes"
[schedules.quick.set]
epochs = { value = 1, source = "quick schedule" }
[schedules.quick.set.dnn]
units = { value = [2], source = "quick schedule" }
[[tables]]
number = 2
title = "t"
unit = "UAR, %"
metric = "uar"
decimals = 2
rows = ["a", "b"]
columns = ["x", "y"]
[tables.reported]
a = [1.5, [2.5, 0.5]]
[[deviation]]
text = "always"
[[deviation]]
text = "at times"
protocols = ["strict"]
[[scan_note]]
text = "a stain"
"""


@pytest.fixture(scope="module")
def paper() -> papers.Paper:
    return papers.load("bao2019")


# ---- bao2019 says what the paper says -------------------------------------------------------------------------

SOURCES = re.compile(r"sec\. \d(\.\d)?|table \d|authors' code|assumed|(quick|compact) schedule")


def test_every_hyperparameter_names_its_source(paper):
    every = dict(paper.hyperparameters)
    for schedule, values in paper.schedules.items():
        every |= {f"{schedule}: {name}": value for name, value in values.items()}
    assert len(every) > 40
    for name, value in every.items():
        assert SOURCES.fullmatch(value.source), name
        if value.source == "assumed":
            assert value.reason, f"{name} is assumed: why?"


def test_the_paper_schedule_is_the_published_one(paper):
    """Sec. 4.1 to 4.4, typed from the paper."""
    s = paper.settings("paper")
    assert (s.generator_units, s.discriminator_units) == ((1000, 500, 1000), (1000, 1000))
    assert s.domain_classifier_units == (100, 100)
    assert (s.pretrain_epochs, s.pretrain_learning_rate, s.dropout) == (10_000, 0.0002, 0.2)
    assert (s.gan_epochs, s.learning_rate, s.decay, s.decay_epochs) == (2000, 0.0002, 0.8, 50)
    assert (s.generator_updates, s.batch_size, s.repeats) == (2, 64, 5)
    assert (s.lambda_cyc, s.lambda_cls) == (5, (0, 2))
    names = ("units", "batch_size", "dropout", "learning_rate", "epochs")
    published = {
        "within.real": (100, 64, 0.2, 1e-5, 70),
        "within.syn": (200, 256, 0.5, 1e-5, 5),
        "within.both": (1000, 256, 0.5, 5e-6, 30),
        "cross.real": (100, 64, 0.2, 1e-5, 70),
        "cross.syn": (200, 256, 0.8, 1e-5, 20),
        "cross.both": (200, 256, 0.8, 1e-5, 20),
    }
    for group, values in published.items():
        assert tuple(s.group(group)[name] for name in names) == values, group


def test_the_paper_schedule_shortens_nothing(paper):
    s = paper.settings("paper")
    assert s.folds == 0
    shortened = [name for name in s if name.endswith(("_iterations", "updates")) and "generator" not in name]
    assert not any(s[name] for name in shortened)


def test_reported_scores_are_the_papers(paper):
    """Tables 1 to 3, typed from the paper; Real does not depend on lambda_cls (the scan garbles its second row)."""
    rows = ("Sahu et al. 2018", "lambda_cls=0", "lambda_cls=2")
    columns = ("Real", "Syn.", "Real+Syn.")
    within = [
        [(59.42, None), (34.09, None), (60.29, None)],
        [(59.48, 0.71), (51.57, 0.60), (58.79, 0.77)],
        [(59.48, 0.71), (46.59, 0.75), (60.37, 0.70)],
    ]
    cross = [
        [(45.14, None), (33.96, None), (45.40, None)],
        [(45.58, 0.40), (39.35, 0.33), (42.61, 0.34)],
        [(45.58, 0.40), (41.58, 1.29), (46.52, 0.43)],
    ]
    for number, scores in ((2, within), (3, cross)):
        table = paper.table(number)
        assert (table.rows, table.columns, table.quoted) == (rows, columns, rows[:1])
        assert table.reported == {
            (row, column): score
            for row, line in zip(rows, scores, strict=True)
            for column, score in zip(columns, line, strict=True)
        }
        assert (table.metric, table.scale, table.decimals) == ("uar", 100, 2)
    assert list(paper.table(1).reported.values()) == [(0.084, None), (0.013, None), (0.049, None)]
    assert paper.table(1).decimals == 3


def test_what_the_paper_used(paper):
    assert paper.features == "is10"
    assert {name: role.corpus for name, role in paper.roles.items()} == {
        "labelled": "iemocap",
        "source": "tedlium",
        "cross": "msp_improv",
    }
    assert paper.roles["labelled"].rule("iemocap") == "four_class_merged"
    assert paper.roles["labelled"].rule("emodb") == "four_class"
    assert paper.roles["source"].rule("tedlium") is None
    assert set(paper.protocols) == {"strict", "paper"}
    assert "Bao" in paper.citation
    assert "2019" in paper.citation


def test_papers_are_listed_by_year():
    assert "bao2019" in papers.names()
    years = [papers.load(name).year for name in papers.names()]
    assert years == sorted(years)


# ---- reading --------------------------------------------------------------------------------------------------


def test_parse():
    paper = papers.parse("toy", MINIMAL)
    assert dict(paper.settings("paper")) == {"epochs": 3, "dnn.units": (4, 2)}
    assert dict(paper.settings("quick")) == {"epochs": 1, "dnn.units": (2,)}
    assert paper.hyperparameters["dnn.units"].reason == "silent"
    assert paper.table(2).reported == {("a", "x"): (1.5, None), ("a", "y"): (2.5, 0.5)}
    assert (paper.table(2).scale, paper.table(2).shared) == (1.0, ())
    assert [d.protocols for d in paper.deviations] == [("strict", "paper"), ("strict",)]
    assert paper.scan_notes == ("a stain",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('title = "T"', 'title = "T'),
        ('title = "T"\n', ""),
        ('epochs = { value = 3, source = "sec. 1" }', "epochs = { value = 3 }"),
        ('epochs = { value = 3, source = "sec. 1" }', "epochs = 3"),
        ('epochs = { value = 3, source = "sec. 1" }', 'epochs = "three"'),
        ('source = "sec. 1"', 'source = "sec. 1", sauce = "?"'),
        ("a = [1.5, [2.5, 0.5]]", "a = [1.5]"),
        ("a = [1.5, [2.5, 0.5]]", 'a = ["high", 2]'),
        ("[schedules.quick.set]\nepochs", "[schedules.quick.set]\nepoch"),
        ('corpus = "iemocap"', 'corpse = "iemocap"'),
        ("decimals = 2\n", ""),
    ],
    ids=lambda text: text[:24] or "left out",
)
def test_a_malformed_paper_is_refused_by_name(old, new):
    assert old in MINIMAL
    with pytest.raises(TfserganError, match=r"toy\.toml: "):
        papers.parse("toy", MINIMAL.replace(old, new, 1))


# ---- settings -------------------------------------------------------------------------------------------------


def test_settings_read_as_mapping_attributes_and_groups():
    s = papers.parse("toy", MINIMAL).settings("quick")
    assert s["epochs"] == s.epochs == 1
    assert s.group("dnn") == {"units": (2,)}
    assert "dnn.units" in s
    with pytest.raises(AttributeError, match="epoch"):
        _ = s.epoch


def test_overrides_win_over_the_schedule_and_say_so():
    s = papers.parse("toy", MINIMAL).settings("quick", {"epochs": "7", "dnn.units": "[8, 9]"})
    assert dict(s) == {"epochs": 7, "dnn.units": (8, 9)}
    assert s.values_by_name["epochs"].source == "--set"
    assert papers.parse("toy", MINIMAL).settings("quick").values_by_name["epochs"].source == "quick schedule"


@pytest.mark.parametrize(
    ("example", "text", "value"),
    [
        (3, "12", 12),
        (3, "-1", -1),
        (0.5, "1e-5", 1e-5),
        (0.5, "2", 2.0),
        ((1, 2), "3", (3,)),
        ((1, 2), "[3, 4,5]", (3, 4, 5)),
        ((1, 2), "(3,)", (3,)),
        ((0.0, 2.0), "0,2", (0.0, 2.0)),
        (True, "false", False),
        (False, "True", True),
        ("text", "other", "other"),
    ],
)
def test_parse_like(example, text, value):
    found = papers.parse_like(example, text, "name")
    assert found == value
    assert type(found) is type(example)
    if isinstance(example, tuple):
        assert {type(part) for part in found} == {type(example[0])}


@pytest.mark.parametrize(
    ("example", "text"),
    [
        (3, "2.5"),
        (3, "many"),
        (0.5, "half"),
        (0.5, "nan"),
        (0.5, "inf"),
        ((1, 2), "3;4"),
        ((1, 2), "3,x"),
        ((1, 2), ","),
        ((1, 2), "[]"),
        (True, "maybe"),
    ],
)
def test_what_is_no_such_value_is_refused(example, text):
    with pytest.raises(UsageError, match=rf"--set name={re.escape(text)}: expected a value like "):
        papers.parse_like(example, text, "name")


finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.one_of(
    st.integers(),
    finite,
    st.booleans(),
    st.lists(st.integers(), min_size=1).map(tuple),
    st.lists(finite, min_size=1).map(tuple),
)


@given(values)
def test_parse_like_reads_what_python_prints(value):
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    assert papers.parse_like(value, text, "name") == value
    assert papers.parse_like(value, str(value), "name") == value


@given(values, st.text())
def test_parse_like_refuses_in_one_way_or_gives_the_type(example, text):
    try:
        found = papers.parse_like(example, text, "name")
    except UsageError:
        return
    assert type(found) is type(example)


# ---- names that do not exist ------------------------------------------------------------------------------------


def test_unknown_names_suggest_the_nearest(paper):
    with pytest.raises(UsageError, match=r"unknown paper 'bao2091'; did you mean bao2019\?"):
        papers.load("bao2091")
    with pytest.raises(UsageError, match=r"unknown schedule 'quik'; did you mean quick\?"):
        paper.settings("quik")
    with pytest.raises(UsageError, match=r"bao2019 'batchsize'; did you mean batch_size"):
        paper.settings("quick", {"batchsize": "3"})
    with pytest.raises(UsageError, match=r"no table 7 here; it has tables 1, 2, 3"):
        paper.table(7)


def test_unknown_names_without_a_near_one_list_what_is_known(paper):
    with pytest.raises(UsageError, match=r"unknown schedule 'zzz'; known: .*paper.*"):
        paper.settings("zzz")


def test_a_path_is_no_paper():
    with pytest.raises(UsageError, match="unknown paper"):
        papers.load("../setup")
