"""Check the answers of a new version, and compare them with those of the running one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.errors import DriftError, OpsError
from ops.packaging.export import class_name


class NoAnswerError(OpsError):
    """The answer for a picture is not valid."""


@dataclass(frozen=True)
class Answer:
    """The answer of a version for a picture: the task, the number of objects found, and their classes."""

    task: str
    found: int
    classes: frozenset[str]


def read(body: Any, version: str) -> Answer:
    """Check the handler's answer for a picture and summarise it. Raises NoAnswerError when it is not valid."""
    try:
        (entry,) = body
        named = str(entry["model"]["version"])
        task = str(entry["task"])
        boxes = list(entry["boxes"])
        classes = []
        for box in boxes:
            corners = [float(value) for value in box["xyxy"]]
            conf = float(box["conf"])
            if len(corners) != 4 or not all(map(math.isfinite, corners)) or not 0 <= conf <= 1:
                raise ValueError(f"the box {corners} with confidence {conf} is not valid")
            classes.append(str(box["name"]))
        classes += [str(probability["name"]) for probability in entry.get("probs") or []]
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise NoAnswerError(f"version {version} gave an invalid answer: {type(error).__name__}: {error}") from None
    if named != version:
        raise NoAnswerError(f"version {version} gives its version as {named} in its answers")
    return Answer(task, len(classes), frozenset(classes))


def compare(
    before: Mapping[str, Answer],
    after: Mapping[str, Answer],
    names_before: Mapping[str, str],
    names_after: Mapping[str, str],
) -> Sequence[str]:
    """Return the differences that an operator should confirm, between answers by picture.

    They are: another task, removed or renamed classes, and pictures on which nothing is found any more. New classes,
    other boxes and other confidences are expected of new weights.
    """
    problems = []
    tasks = {answer.task for answer in before.values()}, {answer.task for answer in after.values()}
    if all(tasks) and tasks[0] != tasks[1]:
        problems.append(f"another task: {', '.join(sorted(tasks[1]))}, not {', '.join(sorted(tasks[0]))}")
    # An archive of an older packager may have blanks and quotes at the ends of its names.
    gone = [name for key, name in names_before.items() if class_name(names_after.get(key, "")) != class_name(name)]
    if gone and names_after:
        problems.append(f"other classes: {_some(gone)} of the running version; now {_some(list(names_after.values()))}")
    problems += [
        f"{picture}: nothing found, the running version finds {before[picture].found}"
        for picture, answer in after.items()
        if answer.found == 0 and picture in before and before[picture].found > 0
    ]
    return problems


def judge(problems: Sequence[str], accepted: bool, new: str, running: str) -> str | None:
    """Return a remark on accepted problems, None without problems. Raises DriftError when they are not accepted."""
    if not problems:
        return None
    if accepted:
        return "accepted: " + "; ".join(problems)
    head = f"{new} answers differently from {running}:"
    raise DriftError("\n    ".join([head, *problems]) + "\n  If this is intended: --accept-drift")


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
