"""Label rules: the published ones as data, and how they are applied."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsergan import label_rules
from tfsergan.errors import TfserganError, UsageError
from tfsergan.manifests import Manifest

RULES = [(corpus, name) for corpus, section in label_rules._rules().items() for name in section]


@pytest.mark.parametrize(("corpus", "name"), RULES)
def test_every_rule_is_sound(corpus, name):
    rule = label_rules.label_rule(corpus, name)
    data = label_rules._rules()[corpus][name]
    assert rule.name == f"{corpus}/{name}"
    assert set(rule.counts) in (set(), set(rule.classes))
    assert not (rule.counts and rule.total)
    assert rule.source
    if rule.of == "emotion":
        members = [label for labels in data["classes"].values() for label in labels] + data.get("drop", [])
        assert len(members) == len(set(members)) == len(rule.labels)
        assert set(rule.labels.values()) - {-1} == set(range(len(rule.classes)))
        assert rule.classes in (("low", "mid", "high"), tuple(sorted(rule.classes)))
        assert rule.any_case <= all(label == label.casefold() for label in rule.labels)
    else:
        assert rule.of in ("valence", "activation", "dominance")
        assert rule.classes == ("low", "mid", "high")
        assert not rule.labels


@pytest.mark.parametrize(
    "rule", [label_rules.label_rule(*rule) for rule in RULES], ids=lambda rule: rule.name
)
def test_intervals_meet_without_gap_or_overlap(rule):
    intervals = sorted(rule.intervals)  # a scale may count down
    for below, above in itertools.pairwise(intervals):
        assert below.high == above.low
        assert below.with_high != above.with_low
        for rating in (below.high - 0.01, below.high, below.high + 0.01):
            assert (rating in below) != (rating in above)
    if intervals:
        assert intervals[0].with_low
        assert intervals[-1].with_high


@pytest.mark.parametrize(
    ("corpus", "name", "counts"),
    [
        ("iemocap", "four_class_merged", {"angry": 1103, "happy": 1636, "neutral": 1708, "sad": 1084}),
        ("iemocap", "four_class", {"angry": 1103, "happy": 595, "neutral": 1708, "sad": 1084}),
        ("emodb", "four_class", {"angry": 127, "happy": 71, "neutral": 79, "sad": 62}),
        ("emodb", "activation3", {"low": 81 + 46 + 62, "mid": 79, "high": 127 + 69 + 71}),
        ("emodb", "valence3", {"low": 127 + 81 + 46 + 69 + 62, "mid": 79, "high": 71}),
        ("msp_improv", "four_class", {"angry": 792, "happy": 2644, "neutral": 3477, "sad": 885}),
        ("ravdess", "four_class", {"angry": 192, "happy": 192, "neutral": 96, "sad": 192}),
    ],
)
def test_published_counts(corpus, name, counts):
    assert dict(label_rules.label_rule(corpus, name).counts) == counts


def test_the_counts_add_up_to_the_papers():
    totals = {
        ("iemocap", "four_class_merged"): 5531,  # bao2019 sec. 3.1
        ("iemocap", "four_class"): 4490,  # yi2019 sec. IV-A
        ("msp_improv", "four_class"): 7798,  # bao2019 sec. 3.1
        ("emodb", "seven_class"): 535,  # yi2019 sec. IV-A
        ("iemocap", "valence3"): 10039,  # su2021 sec. 2.1, as are the next five
        ("iemocap", "activation3"): 10039,
        ("msp_improv", "valence3"): 8438,
        ("msp_improv", "activation3"): 8438,
        ("creative_it", "valence3"): 2163,
        ("creative_it", "activation3"): 2163,
        ("cmu_mosei", "four_class"): None,  # li2020 sec. 6 counts segments that the SDK no longer has
        ("demo", "four_class"): None,
    }
    for (corpus, name), total in totals.items():
        assert label_rules.label_rule(corpus, name).published == total


def test_excited_is_happy_only_when_merged():
    merged = label_rules.label_rule("iemocap", "four_class_merged")
    alone = label_rules.label_rule("iemocap", "four_class")
    assert merged.labels["exc"] == merged.classes.index("happy")
    assert alone.labels["exc"] == -1


def apply(values, corpus="own", name="four_class", **options):
    rule = label_rules.label_rule(corpus, name)
    columns = {"ids": np.array([f"u{i}" for i in range(len(values))]), rule.of: np.array(values)}
    return rule.apply(columns, "own/toy.csv", **options)


def test_the_default_rule_takes_common_labels_in_any_case():
    indices = apply(["Anger", "HAPPY", "neu", "Sadness", "ang", "fear"])
    assert indices.dtype == np.int32
    assert indices.tolist() == [0, 1, 2, 3, 0, -1]


def test_a_corpus_own_rule_is_exact_about_case():
    with pytest.raises(TfserganError, match="'ANG'"):
        apply(["ANG"], "iemocap", allow_partial=True)


def test_an_unknown_label_is_named_with_its_place():
    with pytest.raises(
        TfserganError, match=r"own/toy.csv, utterance 'u2', column 'emotion': the label 'wut' \(2 .*Rename"
    ):
        apply(["angry", "sad", "wut", "wut"])


def test_a_class_without_utterances_is_refused():
    with pytest.raises(TfserganError, match="no utterance of happy, sad"):
        apply(["angry", "neutral"], allow_partial=True)


def test_nothing_to_read_is_refused():
    with pytest.raises(TfserganError, match=r"has no emotions.*labels=None"):
        apply(["", ""])
    with pytest.raises(
        TfserganError, match="has no ratings of valence, which the rule iemocap/valence3 needs"
    ):
        apply([np.nan, np.nan], "iemocap", "valence3")


def test_other_counts_than_the_published_are_listed_by_class():
    emotion = ["ang", "hap", "neu", "neu", "sad", "fru"]
    with pytest.raises(TfserganError) as caught:
        apply(emotion, "iemocap")
    first, *rows, last = str(caught.value).splitlines()
    assert "iemocap/four_class" in first
    assert [row.split() for row in rows] == [
        ["angry", "1", "of", "1103", "1102", "missing"],
        ["happy", "1", "of", "595", "594", "missing"],
        ["neutral", "2", "of", "1708", "1706", "missing"],
        ["sad", "1", "of", "1084", "1083", "missing"],
    ]
    assert "`tfsergan data check iemocap`" in last
    assert "--allow-partial" in last
    assert apply(emotion, "iemocap", allow_partial=True).tolist() == [0, 1, 2, 2, 3, -1]


def test_too_many_are_told_and_a_class_that_is_whole_is_too():
    emotion = ["W"] * 127 + ["F"] * 71 + ["N"] * 80 + ["T"] * 62
    with pytest.raises(TfserganError) as caught:
        apply(emotion, "emodb")
    rows = [row.split() for row in str(caught.value).splitlines()[1:5]]
    assert rows[0] == ["angry", "127", "of", "127"]
    assert rows[2] == ["neutral", "80", "of", "79", "1", "too", "many"]
    assert len(apply(emotion[:-63] + emotion[-62:], "emodb")) == 339


def test_the_first_missing_and_extra_utterances_are_named_where_they_are_known():
    manifest = Manifest("emodb.four_class", {"03": frozenset({"u0", "x1", "x2"}), "08": frozenset({"u1"})})
    with pytest.raises(TfserganError) as caught:
        apply(["W", "F", "N", "T", "L"], "emodb", manifest=manifest)
    assert "  missing: x1, x2\n  extra: u2, u3\n" in str(caught.value)


# ---- ratings --------------------------------------------------------------------------------------------


def test_the_bounds_of_su_and_lee():
    ratings = [1, 2, 2.0001, 3, 3.9999, 4, 5, np.nan]
    for rule in ("iemocap/valence3", "iemocap/activation3", "msp_improv/valence3"):
        assert apply(ratings, *rule.split("/"), allow_partial=True).tolist() == [0, 0, 1, 1, 1, 2, 2, -1], (
            rule
        )
    ratings = [-1, -0.33, -0.3299, 0, 0.3299, 0.33, 1]
    for dtype in (np.float32, np.float64):
        values = np.array(ratings, dtype)
        assert apply(values, "creative_it", "valence3", allow_partial=True).tolist() == [0, 0, 1, 1, 1, 2, 2]


def test_activation_of_msp_improv_counts_down():
    ratings = np.array([1, 2, 2.0001, 3, 3.9999, 4, 5, np.nan])
    indices = apply(ratings, "msp_improv", "activation3", allow_partial=True)
    assert indices.tolist() == apply(6 - ratings, "iemocap", "activation3", allow_partial=True).tolist()


def test_iemocap_has_valences_of_five_and_a_half():
    assert apply([1, 3, 5.5], "iemocap", "valence3", allow_partial=True).tolist() == [0, 1, 2]
    with pytest.raises(TfserganError, match=r"utterance 'u2', column 'activation': the rating 5.5 \(1 .*low"):
        apply([1, 3, 5.5], "iemocap", "activation3", allow_partial=True)


def test_the_total_is_asserted_where_classes_are_not_published():
    ratings = np.resize([1.0, 3.0, 4.5], 10039)
    assert np.bincount(apply(ratings, "iemocap", "activation3")).sum() == 10039
    with pytest.raises(TfserganError, match=r"in all +10038 of +10039  1 missing"):
        apply(np.append(ratings[:-1], np.nan), "iemocap", "activation3")


def test_a_corpus_with_no_rules_has_classes_of_ratings_too():
    assert apply([1, 2.5, 5], "own", "valence3").tolist() == [0, 1, 2]
    with pytest.raises(TfserganError, match="the rating 70"):
        apply([1, 2.5, 70], "own", "valence3")


@given(st.integers(-99, 99), st.integers(1, 99), st.booleans(), st.booleans())
def test_intervals_are_read_as_written(low, width, with_low, with_high):
    low, high = low / 10, (low + width) / 10
    interval = label_rules.parse_interval(f"{'(['[with_low]}{low}, {high}{')]'[with_high]}")
    assert interval == (low, high, with_low, with_high)
    assert (low in interval) == with_low
    assert (high in interval) == with_high
    assert (low + high) / 2 in interval
    assert low - 0.1 not in interval
    assert high + 0.1 not in interval


@given(st.text("[]() ,.-0123456789ae", max_size=12))
def test_an_interval_is_read_or_refused(text):
    try:
        assert label_rules.parse_interval(text).low < label_rules.parse_interval(text).high
    except ValueError as error:
        assert "is no interval" in str(error)


@pytest.mark.parametrize("text", ["[2, 0]", "(1, 1)", "0, 2", "[nan, 2]", "[0; 2]", ""])
def test_what_is_no_interval(text):
    with pytest.raises(ValueError, match="is no interval"):
        label_rules.parse_interval(text)


# ---- names ----------------------------------------------------------------------------------------------


def test_another_corpus_rule_can_be_named():
    assert label_rules.label_rule("my_copy", "iemocap/four_class").name == "iemocap/four_class"
    with pytest.raises(UsageError, match="corpus iemocup: it has none"):
        label_rules.label_rule("own", "iemocup/four_class")


def test_rules_are_counted_without_being_applied():
    rule = label_rules.label_rule("emodb", "four_class")
    counted = rule.count({"emotion": ["W", "W", "T", "L", "?"]})
    assert counted == {"angry": 2, "happy": 0, "neutral": 0, "sad": 1}


def test_an_unknown_rule_lists_those_that_exist():
    with pytest.raises(UsageError, match="it has activation3, four_class, four_class_merged, valence3"):
        label_rules.label_rule("iemocap", "six_class")
    with pytest.raises(UsageError, match="corpus own: it has activation3, four_class, valence3"):
        label_rules.label_rule("own", "four_class_merged")


# ---- labels of one's own ------------------------------------------------------------------------------------------

LABELS = np.array(["W", "L", "", "W", "E", "L"])


def classified(text: str) -> tuple[tuple[str, ...], list[int]]:
    rule = label_rules.own_rule(text, "mine", LABELS, "mine/is10.csv")
    indices = rule.apply({"ids": list("abcdef"), "emotion": LABELS}, "mine/is10.csv")
    return rule.classes, indices.tolist()


def test_every_label_a_class():
    assert classified("own") == (("E", "L", "W"), [2, 1, -1, 2, 0, 1])


def test_classes_as_they_are_typed():
    assert classified("angry=W, calm=L+E") == (("angry", "calm"), [0, 1, -1, 0, 1, 1])
    assert classified("angry=W,bored=L") == (("angry", "bored"), [0, 1, -1, 0, -1, 1])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("angry=W,bored=B", r"no utterance of mine/is10.csv is labelled 'B'; there are E, L, W"),
        ("angry=W,bored", r"expected CLASS=LABEL\+LABEL"),
        ("angry=W,angry=L", r"each class once"),
        ("angry=", r"expected CLASS=LABEL"),
        ("angry=W,bored=L+W", r"a label is in two classes"),
    ],
)
def test_other_texts_are_refused(text, told):
    assert label_rules.is_own(text)
    with pytest.raises(UsageError, match=told):
        classified(text)


def test_a_corpus_without_labels_has_no_classes():
    with pytest.raises(TfserganError, match="has no emotions"):
        label_rules.own_rule("own", "mine", np.array(["", ""]), "mine/is10.csv")


@pytest.fixture
def own(tmp_path):
    """Writes a corpus's own rules, and gives its folder."""

    def write(text: str):
        (tmp_path / label_rules.FILE).write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_rules_in_a_corpus_s_folder_come_before_the_default_ones(own):
    folder = own('[four_class]\nclasses = { loud = ["shout"], soft = ["whisper"] }\ndrop = ["song"]\n')
    rule = label_rules.label_rule("mine", "four_class", folder)
    assert (rule.name, rule.classes, rule.published) == ("mine/four_class", ("loud", "soft"), None)
    assert list(rule.apply({"ids": "abc", "emotion": ["whisper", "song", "shout"]}, "here")) == [1, -1, 0]
    assert label_rules.label_rule("mine", "default/four_class", folder).classes[0] == "angry"
    assert label_rules.rule_names("mine", folder) == ["activation3", "four_class", "valence3"]
    assert label_rules.label_rule("mine", "valence3", folder).name == "default/valence3"


def test_a_known_corpus_keeps_its_published_rules(own):
    folder = own('[two]\nclasses = { calm = ["neu"], not_calm = ["ang"] }\ndrop = ["hap"]\n')
    assert "two" in label_rules.rule_names("iemocap", folder)
    assert label_rules.label_rule("iemocap", "two", folder).classes == ("calm", "not_calm")
    own('[four_class]\nclasses = { angry = ["ang"] }\n')
    with pytest.raises(TfserganError, match="iemocap has a rule 'four_class' already"):
        label_rules.label_rule("iemocap", "four_class", folder)


@pytest.mark.parametrize(
    "text",
    [
        "no toml",
        "four_class = 3",
        '[four_class]\ndrop = ["a"]',
        '[four_class]\nclass = { a = ["b"] }\nclasses = { a = ["b"] }',
        '[low_high]\nof = "valence"\nclasses = { low = "0 to 1" }',
    ],
)
def test_a_faulty_file_of_rules_is_named(own, text):
    with pytest.raises(TfserganError, match=r"label_rules\.toml: not label rules"):
        label_rules.rule_names("mine", own(text))
