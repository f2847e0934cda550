"""A paper as data: what it says, where each value is from, and what may be typed over it."""

import re
from dataclasses import replace

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

SOURCES = re.compile(
    r"(as quoted by \w+ \d{4}, )?sec\. (\d(\.\d){0,2}|[IV]+(-[A-D])?)|table \d|authors' code|assumed|"
    r"(quick|compact) schedule"
)


@pytest.mark.parametrize("name", papers.names())
def test_every_hyperparameter_names_its_source(name):
    paper = papers.load(name)
    every = dict(paper.hyperparameters)
    for schedule, values in paper.schedules.items():
        every |= {f"{schedule}: {name}": value for name, value in values.items()}
    assert len(every) > 20
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


# ---- li2020 says what the paper says --------------------------------------------------------------------------


def test_the_paper_schedule_of_li2020_is_table_1():
    s = papers.load("li2020").settings("paper")
    assert (s.seconds, s.speeds, s.epochs, s.batch_size) == (14, (0.8, 0.9, 1.1, 1.2), 300, 16)
    assert (s.filters, s.kernels, s.strides) == ((32, 32), (10, 5), (2, 2))
    assert (s.recurrent_units, s.classifier_units, s["lambda"], s.learning_rate) == (32, (32, 10), 0.5, 1e-3)


def test_further_feature_sets_follow_a_hyperparameter():
    paper = papers.load("li2020")
    names = ("logmel-0.8", "logmel-0.9", "logmel-1.1", "logmel-1.2")
    assert paper.roles["labelled"].variants_of(paper.settings("paper")) == names
    assert paper.roles["cross"].variants_of(paper.settings("paper")) == ()
    place = paper.table(2).place("DAT model", "WA, Δ")
    assert (place.column, place.metric, place.minus) == ("test", "wa", "val")
    assert paper.table(3).place("DAT model", "min").over_folds == "min"


# ---- latif2020 says what the paper says -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def latif2020() -> papers.Paper:
    return papers.load("latif2020")


def test_the_paper_schedule_of_latif2020_is_the_printed_one(latif2020):
    """Sec. 4.3, 5.1 and 5.2, typed from the paper."""
    s = latif2020.settings("paper")
    assert (s.encoder_units, s.decoder_units, s.discriminator_units) == (
        (1000, 500),
        (500, 1000),
        (1000, 1000),
    )
    assert (s.dropout, s.latent, s.encoded, s.repeats, s.folds) == (0.5, 2, 25, 5, 0)
    names = ("units", "hidden_layers", "dropout", "learning_rate")
    published = {
        "within.real": (400, 2, 0.5, 1e-5),
        "within.syn": (400, 2, 0.5, 1e-5),
        "within.both": (1000, 2, 0.5, 1e-5),
        **{f"cross.{key}": (400, 2, 0.8, 1e-5) for key in ("real", "syn", "both")},
    }
    for group, values in published.items():
        assert tuple(s.group(group)[name] for name in names) == values, group
    assert len(s["autoencoder.encoder_units"]) == len(s["autoencoder.decoder_units"]) == 3
    assert not any(s[name] for name in s if name.endswith("updates"))


def test_reported_scores_of_latif2020_are_the_papers(latif2020):
    """Tables 1 to 3, typed from the paper; what it quotes from Bao et al. is what they print."""
    columns = ("Real", "Syn.", "Real+Syn.")
    ours = {
        1: [(60.51, 0.57), (45.75, 0.81), (61.05, 0.68)],
        3: [(46.0, 0.57), (42.15, 1.12), (46.60, 0.45)],
    }
    bao = papers.load("bao2019")
    for number, scores in ours.items():
        table, theirs = latif2020.table(number), bao.table({1: 2, 3: 3}[number])
        assert table.quoted == ("Sahu et al. 2018", "Bao et al. 2019")
        for column, score in zip(columns, scores, strict=True):
            assert table.reported["Mixup GAN", column] == score
            for row, other in (("Sahu et al. 2018", "Sahu et al. 2018"), ("Bao et al. 2019", "lambda_cls=2")):
                assert table.reported[row, column] == theirs.reported[other, column]
    second = latif2020.table(2)
    assert [second.reported[row, "UAR"][0] for row in second.rows] == [
        58.5,
        57.7,
        57.8,
        58.9,
        58.3,
        58.5,
        59.6,
    ]
    assert not latif2020.table(4).reported and not latif2020.table(5).reported


def test_tables_of_latif2020_need_their_corpora_alone(latif2020):
    assert [latif2020.needed([number]) for number in (1, 2, 3, 4, 5)] == [
        *[["labelled"]] * 2,
        ["labelled", "cross"],
        *[["labelled"]] * 2,
    ]
    assert latif2020.roles["labelled"].rule("iemocap") == "four_class_merged"  # 5531
    assert latif2020.roles["cross"].rule("emodb") == "four_class"


# ---- yi2019 says what the paper says --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def yi2019() -> papers.Paper:
    return papers.load("yi2019")


def test_the_paper_schedule_of_yi2019_is_the_printed_one(yi2019):
    """Sec. II-A, III-B and III-D, typed from the paper."""
    s = yi2019.settings("paper")
    assert (s.latent, s.autoencoder_units, s.other_units) == (100, (800, 800), (100, 100))
    assert (s.activation, s.discriminator_updates, s.learning_rate) == ("tanh", 1, 1e-4)
    assert (s.generator_loss, s.scaling, s.stop_after) == ("equation 6", "none", 0)
    assert s["acted.copies"] == s["dialogue.copies"] == 10
    assert (s["acted.dnn.activation"], s["dialogue.dnn.activation"]) == ("relu", "tanh")
    assert (s.folds, s.updates) == (0, 0)


def test_the_code_schedule_of_yi2019_is_the_authors(yi2019):
    s, printed = yi2019.settings("code"), yi2019.settings("paper")
    differ = {name: s[name] for name in s if s[name] != printed[name]}
    assert differ == {
        **{"activation": "leaky_relu", "scaling": "largest magnitude", "discriminator_updates": 2},
        **{"beta_1": 0.5, "epsilon": 1e-5, "stop_after": 200, "generator_loss": "equation 5"},
    }
    assert (s.leaky_relu_slope, s.stop_within, s.batch_size, s.epochs) == (0.2, 0.01, 128, 1500)
    assert s.group("svm") == {"C": 10, "gamma": 0}
    for role in ("acted", "dialogue"):
        dnn = s.group(f"{role}.dnn")
        assert (dnn["units"], dnn["hidden_layers"], dnn["batch_norm"], dnn["dropout"]) == (100, 2, True, 0.5)
        assert (dnn["l2"], dnn["batch_size"], dnn["epochs"]) == (0.1, 50, 20)


REPORTED = {  # typed from the paper's tables I to IV; None is a dash, or a score that the paper does not print
    1: {
        "Perception by human": (87.50, None),
        "GMM/SVM (Luengo et al.)": (78.30, None),
        "SVM": (80.56, None),
        "DNN": (80.19, None),
        "Duplication": (82.06, None),
        "Noise": (82.06, None),
        "SMOTE": (82.43, None),
        "ADAN + SVM": (80.93, None),
        "ADAN + DNN": (83.74, None),
    },
    2: {
        "real only": (67.94, 60.06, 64.74, 58.25),
        "synthetic only": (67.76, 58.10, 59.00, 52.52),
        "real + synthetic": (67.89, 61.32, 65.01, 59.01),
    },
    3: {
        "RNN (Mirsamadi et al.)": (63.50, 58.80),
        "AAE + SVM (Sahu et al.)": (None, 58.38),
        "Duplication": (64.37, 58.34),
        "Noise": (64.30, 58.40),
        "SMOTE": (62.47, 58.52),
        "ADAN + SVM": (65.01, 59.01),
    },
    4: {
        "2-D ACRNN (Chen et al.)": (None, 62.40),
        "3-D ACRNN (Chen et al.)": (None, 64.74),
        "Variable-length DNN (Ma et al.)": (71.45, 64.22),
        "ADAN + SVM": (67.89, 61.32),
        "ADAN + DNN": (66.80, 62.83),
    },
}


@pytest.mark.parametrize("number", REPORTED)
def test_reported_scores_of_yi2019_are_the_papers(yi2019, number):
    table = yi2019.table(number)
    expected = {
        (row, column): (score, None)
        for row, scores in REPORTED[number].items()
        for column, score in zip(table.columns, scores, strict=True)
        if score is not None
    }
    assert table.reported == expected
    assert set(table.rows) - set(REPORTED[number]) == ({"DNN"} if number == 4 else set())  # ours beside it
    assert (table.scale, table.decimals) == (100, 2)
    assert all("et al." in row or row == "Perception by human" for row in table.quoted)
    assert {row for row in table.rows if "et al." in row} <= set(table.quoted)


def test_corpora_of_yi2019(yi2019):
    assert {name: role.corpus for name, role in yi2019.roles.items()} == {
        "acted": "emodb",
        "dialogue": "iemocap",
    }
    assert yi2019.roles["acted"].rule("emodb") == "seven_class"
    assert yi2019.roles["dialogue"].rule("iemocap") == "four_class"  # happy without excited: 4490
    assert yi2019.features_of("acted", "emodb") == yi2019.features_of("acted", "my_corpus") == "is11"
    assert yi2019.features_of("acted", "demo/cross") == "is10"
    assert yi2019.features_of("dialogue", "iemocap") == "is10"


def test_tables_need_their_corpora_alone(yi2019, paper):
    assert [yi2019.needed([number]) for number in (1, 2, 3, 4, 5)] == [
        ["acted"],
        ["dialogue"],
        ["dialogue"],
        ["dialogue"],
        ["acted", "dialogue"],
    ]
    assert yi2019.needed([4, 1]) == ["acted", "dialogue"]  # in the paper's order
    assert paper.needed([1, 2, 3]) == ["labelled", "source", "cross"]
    with pytest.raises(UsageError, match="no table 6"):
        yi2019.needed([6])


def test_what_rows_share_needs_no_source(paper):
    table = paper.table(3)
    assert table.needs_of("Real") == ["labelled", "cross"]
    assert table.needs_of("Syn.") == ["labelled", "source", "cross"]


def test_where_cells_of_yi2019_are_measured(yi2019):
    place = papers.Place
    assert yi2019.table(1).place("SVM", "UAR") == place(1, "SVM", "test", "uar")
    assert yi2019.table(2).place("real only", "WA, improvised") == place(2, "real only", "improvised", "wa")
    assert yi2019.table(3).place("ADAN + SVM", "WA") == place(2, "real + synthetic", "all", "wa")
    assert yi2019.table(4).place("ADAN + SVM", "UAR") == place(2, "real + synthetic", "improvised", "uar")
    assert yi2019.table(4).place("DNN", "WA") == place(4, "DNN", "improvised", "wa")
    assert yi2019.table(5).place("ADAN", "coverage, acted") == place(5, "ADAN", "acted", "coverage")


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


def test_a_dash_is_no_score():
    paper = papers.parse("toy", MINIMAL.replace("a = [1.5, [2.5, 0.5]]", 'a = ["-", [2.5]]\nb = ["-", "-"]'))
    assert paper.table(2).reported == {("a", "y"): (2.5, None)}


def test_a_table_may_report_nothing():
    paper = papers.parse("toy", MINIMAL.replace("[tables.reported]\na = [1.5, [2.5, 0.5]]\n", ""))
    assert paper.table(2).reported == {}


def test_a_role_takes_the_papers_features_unless_it_says_otherwise():
    def features(extra: str, corpus: str) -> str:
        text = MINIMAL.replace('about = "labelled"', f'about = "labelled"\n{extra}')
        return papers.parse("toy", text).features_of("labelled", corpus)

    assert features("", "emodb") == "is10"
    assert features('features = { default = "is11" }', "emodb") == "is11"
    assert features('features = { emodb = "is09", default = "is11" }', "emodb") == "is09"
    assert features('features = { emodb = "is09" }', "iemocap") == "is10"


def test_places_of_cells():
    sources = """
shared = ["x"]
[tables.column_sources]
y = { column = "z", metric = "wa" }
[tables.row_sources]
b = { table = 1, row = "c", column = "w" }
[tables.reported]"""
    table = papers.parse("toy", MINIMAL.replace("\n[tables.reported]", sources)).table(2)
    assert table.place("a", "x") == papers.Place(2, "", "x", "uar")
    assert table.place("a", "y") == papers.Place(2, "a", "z", "wa")
    assert table.place("b", "y") == papers.Place(1, "c", "w", "wa")  # a row's own column counts


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


def test_texts_are_chosen_among_those_there_are(yi2019):
    chosen = {"activation": "leaky_relu", "scaling": "largest magnitude", "generator_loss": "equation 5"}
    s = yi2019.settings("paper", chosen | {"precision": "mixed_bfloat16", "acted.dnn.activation": "tanh"})
    assert {name: s[name] for name in chosen} == chosen
    with pytest.raises(UsageError, match=r"--set activation=softsign: must be tanh or leaky_relu"):
        yi2019.settings("paper", {"activation": "softsign"})


@pytest.mark.parametrize("name", papers.names())
def test_values_of_the_paper_are_within_their_bounds(name):
    paper = papers.load(name)
    for key, value in paper.hyperparameters.items():
        assert value.within_bounds(), key
        if isinstance(value.value, str):
            assert value.choices, f"{key}: which texts may it be?"
        for schedule, values in paper.schedules.items():
            if key in values:
                assert replace(value, value=values[key].value).within_bounds(), (schedule, key)


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


def test_only_quoted_rows_are_re_run():
    rerun = """
quoted = ["b"]
[tables.rerun]
ROW = { paper = "sahu2017", table = 2, row = "real", columns = { x = "UAR" }, roles = { labelled = "mine" } }
[tables.reported]"""
    text = MINIMAL.replace("\n[tables.reported]", rerun)
    found = papers.parse("toy", text.replace("ROW", "b")).table(2).reruns
    assert found == {"b": papers.Rerun("sahu2017", 2, "real", {"x": "UAR"}, {"labelled": "mine"})}
    with pytest.raises(TfserganError, match="only quoted rows are re-run, not a"):
        papers.parse("toy", text.replace("ROW", "a"))


# ---- su2021 says what the paper says ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def su2021() -> papers.Paper:
    return papers.load("su2021")


def test_the_paper_schedule_of_su2021_is_the_printed_one(su2021):
    """Sec. 2.2.2, 3 and 3.1."""
    s = su2021.settings("paper")
    assert (s.generator_units, s["classifier.units"]) == ((1000, 500, 1000), (500, 100))
    assert (s.lambda_1, s.lambda_2, s.lambda_3) == (5, 10, 10)
    assert (s.learning_rate, s["classifier.learning_rate"], s.decay) == (2e-5, 2e-4, 1)
    assert (s["classifier.activation_epochs"], s["classifier.valence_epochs"]) == (15, 20)
    assert (s.pretrain_epochs, s["dann.encoder_units"], s["dann.units"]) == (50, (512, 128), (128, 32))
    assert s.generator_batch_norm
    assert not any(s[name] for name in s if name.endswith("_updates") and not name.startswith("decay"))


def test_reported_scores_of_su2021_are_the_papers(su2021):
    """Rows of the print are columns here: I2C, I2M and no stand-in, activation before valence."""
    columns = [f"{task} {target}" for task in ("Act.", "Val.") for target in ("I2C", "I2M")]
    second = {
        "DANN*": (44.1, 60.9, 42.71, 47.17),
        "CyCADA": (42.17, 61.46, 31.67, 41.75),
        "CyEmoGAN": (40.63, 60.74, 40.97, 43.36),
        "TC_A": (41.4, 62.92, 36.2, 42.49),
        "TC_OA": (39.45, 62.87, 36.35, 48.46),
        "TC_B": (45.78, 65.46, 43.52, 43.45),
        "TC_OB": (43.72, 65.11, 44.51, 48.54),
        "CCEmoGAN A": (46.55, 63.38, 44.24, 44.51),
        "CCEmoGAN B": (51.4, 62.73, 47.75, 39.43),
        "CCEmoGAN C": (40.25, 64.74, 45.5, 37.03),
        "CCEmoGAN OA": (40.95, 62.2, 43.38, 48.59),
        "CCEmoGAN OB": (51.13, 65.7, 47.56, 50.11),
        "CCEmoGAN OC": (40.46, 62.89, 43.32, 49.4),
    }
    third = {
        "CyCADA A": (47.42, 59.63, 31.77, 45.64),
        "CyCADA B": (45.79, 60.02, 32.54, 48.08),
        "CyCADA OA": (41.04, 64.05, 37.71, 50.17),
        "CyCADA OB": (44.54, 63.01, 35.83, 48.19),
        "CyEmoGAN A": (42.37, 61.35, 40.38, 33.39),
        "CyEmoGAN B": (41.02, 61.83, 43.15, 32.7),
        "CyEmoGAN OA": (38.85, 58.24, 36.73, 35.23),
        "CyEmoGAN OB": (42.52, 57.91, 40.01, 33.57),
    }
    for number, scores in ((2, second), (3, third)):
        assert su2021.table(number).reported == {
            (row, column): (score, None)
            for row, line in scores.items()
            for column, score in zip(columns, line, strict=True)
        }
    within = {
        ("DNN*", "MSP-IMPROV"): (66.42, 53.12),
        ("DNN*", "CreativeIT"): (48.56, 49.79),
        ("SVM", "MSP-IMPROV"): (61.38, 52.24),
        ("SVM", "CreativeIT"): (43.54, 38.84),
    }
    assert su2021.table(1).reported == {
        (row, f"{task} {corpus}"): (score, None)
        for (row, corpus), line in within.items()
        for task, score in zip(("Act.", "Val."), line, strict=True)
    }


def test_roles_of_su2021_are_loaded_once_a_task(su2021):
    assert list(su2021.roles) == [
        f"{role}/{task}"
        for role in ("source", "msp", "cit", "stand_in")
        for task in ("activation", "valence")
    ]
    role = su2021.roles["source/valence"]
    assert (role.name, role.corpus, role.rule("iemocap"), role.utterances) == (
        "source",
        "iemocap",
        "valence3",
        10039,
    )
    assert su2021.table(2).needs_of("Val. I2M") == ["source/valence", "msp/valence"]
    assert su2021.table(1).needs_of("Act. stand-in") == ["stand_in/activation"]


def test_a_setting_that_came_later_is_written_once_it_is_changed():
    paper = papers.load("bao2019")
    before, now = paper.settings("compact"), paper.settings("compact", {"precision": "mixed_bfloat16"})
    assert "precision" not in paper.written(before)
    assert paper.written(now)["precision"] == "mixed_bfloat16"
    run = {"run": {"schedule": "compact", "overrides": {}}, "settings": paper.written(before)}
    assert paper.recorded(run).precision == "float32"
