"""Folds share no speaker, and a corpus that can't be split says why."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsergan import folds
from tfsergan.errors import TfserganError


class Labelled:
    """What the splits look at."""

    def __init__(self, session: list[str], speaker: list[str], emotion: list[int], classes=("angry", "sad")):
        self.name = "toy"
        self.session, self.speaker, self.emotion = map(np.array, (session, speaker, emotion))
        self.classes = classes

    def __len__(self) -> int:
        return len(self.session)


@pytest.fixture
def toy() -> Labelled:
    """Three sessions of two speakers, each with both classes; the rows are not in order of session."""
    rows = [(f"s{i}", f"s{i}{voice}", emotion) for voice in "fm" for emotion in (0, 1) for i in (2, 1, 3)]
    return Labelled(*zip(*rows, strict=True))


def test_one_fold_a_session_in_order(toy):
    splits = folds.leave_one_session_out(toy)
    assert [fold.name for fold in splits] == ["s1", "s2", "s3"]
    for fold in splits:
        assert set(toy.session[fold.test]) == {fold.name}
        assert sorted([*fold.train, *fold.test]) == list(range(len(toy)))
        assert not set(toy.speaker[fold.train]) & set(toy.speaker[fold.test])


def test_whole_trains_on_everything(toy):
    fold = folds.whole(toy)
    assert fold.name == "all"
    assert fold.train.tolist() == list(range(12))
    assert fold.test.size == 0


def test_a_speaker_in_two_sessions_is_refused_by_name(toy):
    toy.speaker[toy.speaker == "s2f"] = "s1f"
    with pytest.raises(TfserganError, match="toy: speaker s1f is in session s1 and in another"):
        folds.leave_one_session_out(toy)


@pytest.mark.parametrize(("sessions", "found"), [({"s1": "s", "s2": "s", "s3": "s"}, 1), ({"s1": ""}, 2)])
def test_sessions_must_be_known_and_several(toy, sessions, found):
    for old, new in sessions.items():
        toy.session[toy.session == old] = new
    with pytest.raises(TfserganError, match=f"toy: .*session.*found {found}"):
        folds.leave_one_session_out(toy)


def test_a_class_that_a_training_part_lacks_is_named(toy):
    toy.emotion = np.where(toy.session == "s2", 1, 0)
    with pytest.raises(TfserganError, match=r"training part of fold s2.* fewer than 1 utterances of sad"):
        folds.leave_one_session_out(toy)


def test_fold_names_are_names_of_folders(toy):
    toy.session = np.array([name.replace("s", "dyad/ ") for name in toy.session.tolist()])
    assert [fold.name for fold in folds.leave_one_session_out(toy)] == ["dyad__1", "dyad__2", "dyad__3"]


@pytest.mark.parametrize(
    ("one", "other"), [("s 1", "s_1"), ("all", "s2"), ("..", "s2"), (".", "s2")], ids=repr
)
def test_fold_names_never_meet_another_folds_folder(toy, one, other):
    """A folder's models are taken for the fold's own, so two folds must not share it, nor one with the whole."""
    toy.session = np.where(toy.session == "s1", one, np.where(toy.session == "s2", other, toy.session))
    try:
        names = [fold.name for fold in folds.leave_one_session_out(toy)]
    except TfserganError:
        return
    assert len({*names, folds.whole(toy).name}) == 4
    assert not {".", ".."} & set(names)


def balanced(counts: dict[int, int]) -> Labelled:
    emotion = [label for label, n in counts.items() for _ in range(n)]
    names = [str(i) for i in range(len(emotion))]
    return Labelled(names, names, emotion, classes=tuple(f"class{i}" for i in counts))


def test_stratified_split_keeps_class_proportions():
    corpus = balanced({0: 100, 1: 40, 2: 60})
    first, second = folds.stratified_split(corpus, 0.3, seed=1)
    assert np.bincount(corpus.emotion[first]).tolist() == [30, 12, 18]
    assert np.bincount(corpus.emotion[second]).tolist() == [70, 28, 42]
    assert sorted([*first, *second]) == list(range(200))
    assert (np.diff(first) > 0).all()
    assert (np.diff(second) > 0).all()


def test_stratified_split_is_decided_by_its_seed():
    corpus = balanced({0: 20, 1: 20})
    one, again, other = (folds.stratified_split(corpus, 0.5, seed)[0].tolist() for seed in (1, 1, 2))
    assert one == again != other


@pytest.mark.parametrize("counts", [{0: 20, 1: 1}, {0: 20, 1: 0}, {0: 2, 1: 2}], ids=str)
def test_stratified_split_of_too_few_utterances_is_refused(counts):
    with pytest.raises(TfserganError, match=re.escape("toy: ")):
        folds.stratified_split(balanced(counts), 0.3, seed=1)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=40
    )
)
@settings(deadline=None)
def test_folds_part_every_corpus_or_refuse_it(rows):
    session, voice, emotion = zip(*rows, strict=True)
    corpus = Labelled(list(session), [f"{s}{v}" for s, v in zip(session, voice, strict=True)], list(emotion))
    try:
        splits = folds.leave_one_session_out(corpus)
    except TfserganError:
        one_session = len(set(session)) < 2
        assert one_session or any(
            len({e for s, e in zip(session, emotion, strict=True) if s != left_out}) < 2
            for left_out in session
        )
        return
    assert sorted(np.concatenate([fold.test for fold in splits])) == list(range(len(corpus)))
    for fold in splits:
        assert len(fold.train)
        assert not set(corpus.speaker[fold.train]) & set(corpus.speaker[fold.test])
        assert not set(fold.train) & set(fold.test)


# ---- speakers in turn -------------------------------------------------------------------------------------


def test_speakers_of_a_session_take_turns(toy):
    found = folds.speakers_in_turn(toy)
    assert [turns.name for turns in found] == ["s1", "s2", "s3"]
    for turns in found:
        assert turns.speakers == (f"{turns.name}f", f"{turns.name}m")
        assert [turns.validation(i) for i in (0, 1)] == [1, 0]
        for speaker, rows in zip(turns.speakers, turns.rows, strict=True):
            assert set(toy.speaker[rows]) == {speaker}
        assert sorted([*turns.train, *np.concatenate(turns.rows)]) == list(range(len(toy)))


@pytest.mark.parametrize(
    ("speakers", "expected"),
    [(4, [(0, 1), (2, 3)]), (5, [(0, 1), (2, 3, 4)]), (7, [(0, 1), (2, 3), (4, 5, 6)])],
)
def test_without_sessions_of_two_speakers_go_by_twos(speakers, expected):
    names = [f"v{i}" for i in range(speakers)]
    toy = Labelled(names * 2, names * 2, [0] * speakers + [1] * speakers)
    found = folds.speakers_in_turn(toy)
    assert [turns.speakers for turns in found] == [tuple(f"v{i}" for i in group) for group in expected]
    assert found[0].name == "v0-v1"
    last = found[-1]
    assert sorted(last.validation(i) for i in range(len(last.speakers))) == list(range(len(last.speakers)))


@pytest.mark.parametrize(
    "speakers",
    [["a", "b", "c"], ["a", "b", "c", ""], ["a", "b", "c", "d", "a"]],
    ids=["few", "unknown", "twice"],
)
def test_speakers_that_cannot_take_turns_are_refused(speakers):
    toy = Labelled([f"s{i}" for i in range(len(speakers))], speakers, [i % 2 for i in range(len(speakers))])
    with pytest.raises(TfserganError, match=r"at least four speakers|several sessions"):
        folds.speakers_in_turn(toy)


def test_one_fold_a_speaker_in_order(toy):
    splits = folds.leave_one_speaker_out(toy)
    assert [fold.name for fold in splits] == ["s1f", "s1m", "s2f", "s2m", "s3f", "s3m"]
    for fold in splits:
        assert set(toy.speaker[fold.test]) == {fold.name}
        assert sorted([*fold.train, *fold.test]) == list(range(len(toy)))


def test_speaker_groups_share_no_speaker_and_look_at_no_label(toy):
    splits = folds.speaker_groups(toy, 3)
    assert [fold.name for fold in splits] == ["1", "2", "3"]
    assert sorted(np.concatenate([fold.test for fold in splits])) == list(range(len(toy)))
    for fold in splits:
        assert not set(toy.speaker[fold.train]) & set(toy.speaker[fold.test])
        assert len(fold.test) == 4
    toy.emotion = toy.emotion[::-1]
    for fold, again in zip(splits, folds.speaker_groups(toy, 3), strict=True):
        np.testing.assert_array_equal(fold.test, again.test)


def test_speakers_that_are_missing_or_too_few_are_told(toy):
    with pytest.raises(TfserganError, match="toy: too few speakers for 7 groups"):
        folds.speaker_groups(toy, 7)
    toy.speaker[0] = ""
    for split in (folds.leave_one_speaker_out, lambda corpus: folds.speaker_groups(corpus, 2)):
        with pytest.raises(TfserganError, match="toy: this needs a speaker for every utterance"):
            split(toy)


@pytest.mark.parametrize("split", [folds.leave_one_speaker_out, folds.speakers_in_turn])
def test_speakers_that_would_share_a_folder_are_refused(split):
    speakers = ["a.1", "a_1", "b", "c"] * 2
    toy = Labelled([f"s{i % 2}{name}" for i, name in enumerate(speakers)], speakers, [0, 0, 0, 0, 1, 1, 1, 1])
    toy.session[:] = ["one", "one", "two", "two"] * 2
    with pytest.raises(TfserganError, match=r"speakers a\.1, a_1.* Rename them in the `speaker` column"):
        split(toy)
