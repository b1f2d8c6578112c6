import pytest

from ops.torchserve import drift
from ops.torchserve.drift import Answer

BOX = {"xyxy": [1, 2, 3, 4], "conf": 0.5, "name": "person"}


def body(*boxes, version="1.1", task="detect", **more):
    return [{"boxes": list(boxes), "task": task, "model": {"version": version}, **more}]


def test_an_answer_is_summed_up():
    assert drift.read(body(BOX, BOX), "1.1") == Answer("detect", 2, frozenset({"person"}))
    assert drift.read(body(), "1.1") == Answer("detect", 0, frozenset())


def test_a_classifier_finds_what_it_gives_probabilities_for():
    answer = drift.read(body(task="classify", probs=[{"name": "cat", "conf": 0.9}]), "1.1")
    assert answer == Answer("classify", 1, frozenset({"cat"}))


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"code": 503},
        None,
        body(BOX) * 2,
        body({**BOX, "conf": 1.5}),
        body({**BOX, "conf": float("nan")}),
        body({**BOX, "xyxy": [1, 2, 3]}),
        body({**BOX, "xyxy": [1, 2, 3, float("inf")]}),
        body(BOX, version="1.0"),
    ],
)
def test_what_could_not_be_given_to_a_client_is_refused(wrong):
    with pytest.raises(drift.NoAnswerError, match=r"1\.1"):
        drift.read(wrong, "1.1")


def some(found, task="detect"):
    return Answer(task, found, frozenset())


@pytest.mark.parametrize(
    ("before", "after", "names_before", "names_after", "problem"),
    [
        ({"a": some(4)}, {"a": some(1)}, {"0": "x"}, {"0": "x"}, None),
        ({"a": some(0)}, {"a": some(0)}, {"0": "x"}, {"0": "x"}, None),
        ({"a": some(0)}, {"a": some(3)}, {"0": "x"}, {"0": "x", "1": "y"}, None),
        ({}, {"a": some(0)}, {}, {"0": "x"}, None),
        ({"a": some(1)}, {"a": some(0)}, {}, {}, "a: nothing found"),
        ({"a": some(1), "b": some(1)}, {"a": some(1), "b": some(0)}, {}, {}, "b: nothing found"),
        ({"a": some(1)}, {"a": some(1, "segment")}, {}, {}, "another task: segment, not detect"),
        ({"a": some(1)}, {"a": some(1)}, {"0": "x", "1": "y"}, {"0": "x"}, "other classes: y"),
        ({"a": some(1)}, {"a": some(1)}, {"0": "x"}, {"0": "z"}, "other classes: x"),
        ({"a": some(1)}, {"a": some(1)}, {"0": "x\r", "1": ' "y"'}, {"0": "x", "1": "y"}, None),
    ],
)
def test_only_what_somebody_should_have_meant_is_drift(before, after, names_before, names_after, problem):
    problems = drift.compare(before, after, names_before, names_after)
    if problem is None:
        assert problems == []
    else:
        assert len(problems) == 1
        assert problem in problems[0]
