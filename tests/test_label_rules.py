"""Label rules: the published ones as data, and how they are applied."""

import numpy as np
import pytest

from tfsergan import label_rules
from tfsergan.errors import TfserganError, UsageError

RULES = [(corpus, name) for corpus, section in label_rules._rules().items() for name in section]


@pytest.mark.parametrize(("corpus", "name"), RULES)
def test_every_rule_is_sound(corpus, name):
    rule = label_rules.label_rule(corpus, name)
    members = [label for labels in label_rules._rules()[corpus][name]["classes"].values() for label in labels]
    members += label_rules._rules()[corpus][name].get("drop", [])
    assert len(members) == len(set(members)) == len(rule.labels)
    assert set(rule.labels.values()) - {-1} == set(range(len(rule.classes)))
    assert list(rule.classes) == sorted(rule.classes)
    assert set(rule.counts) in (set(), set(rule.classes))
    assert rule.source
    if rule.any_case:
        assert all(label == label.casefold() for label in rule.labels)


@pytest.mark.parametrize(
    ("corpus", "name", "counts"),
    [
        ("iemocap", "four_class_merged", {"angry": 1103, "happy": 1636, "neutral": 1708, "sad": 1084}),
        ("iemocap", "four_class", {"angry": 1103, "happy": 595, "neutral": 1708, "sad": 1084}),
        ("emodb", "four_class", {"angry": 127, "happy": 71, "neutral": 79, "sad": 62}),
        ("msp_improv", "four_class", {"angry": 792, "happy": 2644, "neutral": 3477, "sad": 885}),
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
    }
    for (corpus, name), total in totals.items():
        assert sum(label_rules.label_rule(corpus, name).counts.values()) == total


def test_excited_is_happy_only_when_merged():
    merged = label_rules.label_rule("iemocap", "four_class_merged")
    alone = label_rules.label_rule("iemocap", "four_class")
    assert merged.labels["exc"] == merged.classes.index("happy")
    assert alone.labels["exc"] == -1


def apply(emotion, corpus="own", name="four_class", **options):
    ids = np.array([f"u{i}" for i in range(len(emotion))])
    return label_rules.label_rule(corpus, name).apply(np.array(emotion), ids, "own/toy.csv", **options)


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


def test_other_counts_than_the_published_are_listed_by_class():
    emotion = ["ang", "hap", "neu", "neu", "sad", "fru"]
    with pytest.raises(TfserganError) as caught:
        apply(emotion, "iemocap")
    lines = [line.split() for line in str(caught.value).splitlines()[1:5]]
    assert lines == [
        ["angry", "expected", "1103", "found", "1"],
        ["happy", "expected", "595", "found", "1"],
        ["neutral", "expected", "1708", "found", "2"],
        ["sad", "expected", "1084", "found", "1"],
    ]
    assert apply(emotion, "iemocap", allow_partial=True).tolist() == [0, 1, 2, 2, 3, -1]


def test_an_unknown_rule_lists_those_that_exist():
    with pytest.raises(UsageError, match="it has four_class, four_class_merged"):
        label_rules.label_rule("iemocap", "six_class")
    with pytest.raises(UsageError, match="corpus own: it has four_class"):
        label_rules.label_rule("own", "four_class_merged")
