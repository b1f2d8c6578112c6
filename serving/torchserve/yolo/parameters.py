"""The parameters of one request, from the query string or form fields."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from yolo.errors import InvalidParameter
from yolo.metadata import Metadata

_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_LONGEST = 4096  # a form field can be as long as the body


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one request. `classes` holds class ids, None for all; `imgsz` is (height, width) in pixels."""

    conf: float
    iou: float
    max_det: int
    classes: tuple[int, ...] | None
    agnostic_nms: bool
    imgsz: tuple[int, int]
    multi_label: bool = False


def parse(fields: Mapping[str, object], metadata: Metadata) -> Parameters:
    """Read the parameters of a request; a missing or empty one takes the archive's default.

    Values are str, bytes or bytearray (or numbers and lists, when TorchServe has parsed JSON). Other fields are
    ignored. Raises InvalidParameter with the bounds in the message.
    """
    defaults = metadata.thresholds
    given = {name: text for name in Parameters.__slots__ if (text := _text(fields.get(name), name))}
    size = _integer(given, "imgsz", 32, 2048)
    side = None if size is None else math.ceil(size / metadata.stride) * metadata.stride
    max_det = _integer(given, "max_det", 1, 3000)
    return Parameters(
        conf=_fraction(given, "conf", defaults.conf),
        iou=_fraction(given, "iou", defaults.iou),
        max_det=defaults.max_det if max_det is None else max_det,
        classes=_classes(given["classes"], metadata.names) if "classes" in given else None,
        agnostic_nms=_boolean(given, "agnostic_nms"),
        imgsz=metadata.imgsz if side is None else (side, side),
        multi_label=_boolean(given, "multi_label"),
    )


def _text(value: object, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray)):
        try:
            value = bytes(value[: _LONGEST + 1]).decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidParameter(f"{name} is not text") from error
    text = json.dumps(value) if isinstance(value, list) else str(value)
    if len(text) > _LONGEST:
        raise InvalidParameter(f"{name} is longer than {_LONGEST} characters")
    return text.strip()


def _fraction(given: Mapping[str, str], name: str, default: float) -> float:
    if name not in given:
        return default
    try:
        number = float(given[name])
    except ValueError:
        number = math.nan
    if not 0.0 <= number <= 1.0:
        raise InvalidParameter(f"{name} must be a number from 0 to 1, not {_quoted(given[name])}")
    return number


def _integer(given: Mapping[str, str], name: str, low: int, high: int) -> int | None:
    if name not in given:
        return None
    text = given[name]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    if not low <= number <= high:
        raise InvalidParameter(f"{name} must be a whole number from {low} to {high}, not {_quoted(text)}")
    return number


def _boolean(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name, "false").lower()
    if text not in _YES + _NO:
        raise InvalidParameter(f"{name} must be true or false, not {_quoted(given[name])}")
    return text in _YES


def _classes(text: str, names: Mapping[int, str]) -> tuple[int, ...]:
    """Read "0,5" or "person,bus", in any combination, or a JSON list, whose entries may have commas of their own.

    An entry that is the name of a class in whole means that class; any other is divided at its commas. A part means the
    class with this id, else the classes with exactly this name, else those with this name in any case of letters. The
    gateway does the same for other model servers (gateway/detection/classes.py).
    """
    exact: dict[str, set[int]] = {}
    folded: dict[str, set[int]] = {}
    for index, name in names.items():
        exact.setdefault(_spelled(name), set()).add(index)
        folded.setdefault(_spelled(name).casefold(), set()).add(index)

    def find(part: str) -> set[int]:
        if part.isascii() and part.isdigit() and len(part) < 10 and int(part) in names:
            return {int(part)}
        return exact.get(part) or folded.get(part.casefold()) or set()

    chosen: set[int] = set()
    for entry in map(_spelled, _entries(text)):
        # Whole numbers are ids, even where a class is named "1,2".
        whole = set() if entry.isascii() and entry.replace(",", "").isdigit() else find(entry)
        for part in filter(None, () if whole else entry.split(",")):
            if not find(part):
                raise InvalidParameter(
                    f"classes names {_quoted(part)}, which is not a class of this model: use ids or names"
                )
            chosen |= find(part)
        chosen |= whole
    if not chosen:
        raise InvalidParameter("classes is empty: give ids or names, separated by commas")
    return tuple(sorted(chosen))


def _entries(text: str) -> list[str]:
    """Return the entries of a JSON list of texts and numbers, or the text itself."""
    if text.startswith("["):
        try:
            entries = json.loads(text)
        except (ValueError, RecursionError):
            return [text]
        if all(isinstance(entry, (str, int)) for entry in entries):
            return [str(entry) for entry in entries]
    return [text]


def _spelled(name: str) -> str:
    """Return a name without blanks at its ends and around its commas."""
    return ",".join(part.strip() for part in name.split(","))


def _quoted(text: str) -> str:
    """Quote a caller's value for a message, shortened and without control characters."""
    return ascii(text if len(text) <= 40 else f"{text[:40]}...")
