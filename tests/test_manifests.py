"""Manifests: the committed ones, their text form, and what is told about a corpus that differs."""

from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsergan import label_rules, manifests
from tfsergan.errors import TfserganError

NAMES = st.text("abcXYZ0189_-", min_size=1, max_size=6)
COMMITTED = sorted(
    file.name.removesuffix(".txt") for file in (resources.files("tfsergan") / "manifests").iterdir()
)


def test_there_are_manifests():
    assert COMMITTED == [
        "emodb.four_class", "emodb.seven_class", "iemocap.four_class", "iemocap.four_class_merged"
    ]  # fmt: skip


@pytest.mark.parametrize("name", COMMITTED)
def test_a_committed_manifest_is_as_published(name):
    manifest = manifests.load(*name.split("."))
    assert len(manifest.ids) == label_rules.label_rule(*name.split(".")).published
    file = resources.files("tfsergan") / "manifests" / f"{name}.txt"
    pairs = [(utterance, group) for group, members in manifest.groups.items() for utterance in members]
    assert manifests.text(*name.split("."), *zip(*pairs, strict=True)) == file.read_text(encoding="utf-8")


def test_emodb_is_by_speaker_and_iemocap_by_session():
    emodb = manifests.load("emodb", "seven_class")
    assert len(emodb.groups) == 10
    assert all(name[:2] == speaker for speaker, names in emodb.groups.items() for name in names)
    iemocap = manifests.load("iemocap", "four_class_merged")
    assert {s: len(names) for s, names in iemocap.groups.items()} == {
        "1": 1085, "2": 1023, "3": 1151, "4": 1031, "5": 1241
    }  # fmt: skip
    assert all(name[4] == session for session, names in iemocap.groups.items() for name in names)
    assert manifests.load("iemocap", "four_class").ids < iemocap.ids


def test_most_corpora_have_none():
    assert manifests.load("own", "four_class") is None


# ---- the text form --------------------------------------------------------------------------------------


@given(st.dictionaries(NAMES, NAMES, max_size=12))
def test_what_is_written_is_read(group_of):
    text = manifests.text("own", "four_class", list(group_of), list(group_of.values()))
    manifest = manifests.parse("own.four_class", text)
    assert {name: group for group, names in manifest.groups.items() for name in names} == group_of
    assert manifest.ids == set(group_of)
    assert text.endswith("\n")


@pytest.mark.parametrize(
    ("text", "line"), [("u1\n", 1), ("[1]\nu1\nu1\n", 3), ("[1]\nu1\n[2]\nu1\n", 4), ("[1]\nu1\n[1]\n", 3)]
)
def test_a_broken_manifest_is_refused(text, line):
    with pytest.raises(TfserganError, match=rf"manifest own.rule, line {line}: "):
        manifests.parse("own.rule", text)


def test_comments_and_blank_lines_are_left_out():
    manifest = manifests.parse("own.rule", "# from a corpus\r\n\r\n[1]\r\nu1\r\n# more\r\nu2\r\n")
    assert manifest.groups == {"1": {"u1", "u2"}}


# ---- what differs ---------------------------------------------------------------------------------------

MANIFEST = manifests.parse("own.rule", "[1]\na1\na2\na3\n[2]\nb1\nb2\nb3\n")
IDS = ["a1", "a2", "a3", "b1", "b2", "b3"]


@pytest.mark.parametrize("sessions", ["111222", "222111", ["Ses01"] * 3 + ["Ses02"] * 3, [""] * 6])
def test_the_same_groups_under_any_name_are_the_same(sessions):
    MANIFEST.require(IDS, list(sessions), "own")


@pytest.mark.parametrize(
    ("ids", "sessions", "told"),
    [
        ([*IDS[:-1], "c1"], "111222", "missing: b3\n  extra: c1"),
        (IDS, "112222", "in another session than published: a3"),
        (IDS, "111111", "session '1' joins 2 published ones"),
        (IDS, "123456", "in another session than published: a2, a3, b2, b3"),
    ],
)
def test_other_utterances_or_sessions_are_refused(ids, sessions, told):
    with pytest.raises(TfserganError) as caught:
        MANIFEST.require(ids, list(sessions), "own/is10.csv")
    assert told in str(caught.value)
    assert "own/is10.csv" in str(caught.value)
    assert "--allow-partial" in str(caught.value)


def test_only_the_first_are_named():
    lines = MANIFEST.other_ids([f"c{i}" for i in range(9)])
    assert lines == ["missing: a1, a2, a3, b1, b2, ... (6)", "extra: c0, c1, c2, c3, c4, ... (9)"]
