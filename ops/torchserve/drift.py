"""Is a new version's answer an answer, and does it still say what the running one says?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.errors import DriftError, OpsError


class NoAnswerError(OpsError):
    """What came back for a picture could not be given to a client."""


@dataclass(frozen=True)
class Answer:
    """What one version made of one picture: its task, how many things it found, the classes of those."""

    task: str
    found: int
    classes: frozenset[str]


def read(body: Any, version: str) -> Answer:
    """Check the handler's answer for one picture and sum it up. Raises NoAnswerError when it is none to serve."""
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
                raise ValueError(f"the box {corners} with confidence {conf} is none")
            classes.append(str(box["name"]))
        classes += [str(probability["name"]) for probability in entry.get("probs") or []]
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise NoAnswerError(
            f"version {version} gave no answer that could be served: {type(error).__name__}: {error}"
        ) from None
    if named != version:
        raise NoAnswerError(f"version {version} calls itself {named} in its answers")
    return Answer(task, len(classes), frozenset(classes))


def compare(
    before: Mapping[str, Answer],
    after: Mapping[str, Answer],
    names_before: Mapping[str, str],
    names_after: Mapping[str, str],
) -> Sequence[str]:
    """Return how the answers of a new version differ so much that somebody should have meant it; pictures by name.

    Another task, classes that are gone or renamed, and a picture on which nothing is found any more. New classes, other
    boxes and other confidences are what new weights are for.
    """
    problems = []
    tasks = {answer.task for answer in before.values()}, {answer.task for answer in after.values()}
    if all(tasks) and tasks[0] != tasks[1]:
        problems.append(f"another task: {', '.join(sorted(tasks[1]))}, not {', '.join(sorted(tasks[0]))}")
    gone = [name for key, name in names_before.items() if names_after.get(key) != name]
    if gone and names_after:
        problems.append(f"other classes: {_some(gone)} of the running version; now {_some(list(names_after.values()))}")
    problems += [
        f"{picture}: nothing found, the running version finds {before[picture].found}"
        for picture, answer in after.items()
        if answer.found == 0 and picture in before and before[picture].found > 0
    ]
    return problems


def judge(problems: Sequence[str], accepted: bool, new: str, running: str) -> str | None:
    """Return a remark on problems that are accepted, None where there are none. Raises DriftError otherwise."""
    if not problems:
        return None
    if accepted:
        return "accepted: " + "; ".join(problems)
    head = f"{new} answers otherwise than {running}:"
    raise DriftError("\n    ".join([head, *problems]) + "\n  If this is meant: --accept-drift")


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
