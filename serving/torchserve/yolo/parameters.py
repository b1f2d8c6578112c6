"""The parameters of one request, from the query string or form fields."""

from __future__ import annotations

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


def parse(fields: Mapping[str, object], metadata: Metadata) -> Parameters:
    """Read conf, iou, max_det, classes, agnostic_nms and imgsz; a missing or empty one takes the archive's default.

    Values are str, bytes or bytearray (or numbers, when TorchServe has parsed JSON). Other fields are ignored. Raises
    InvalidParameter with the bounds in the message.
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
    )


def _text(value: object, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray)):
        try:
            value = bytes(value[: _LONGEST + 1]).decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidParameter(f"{name} is not text") from error
    text = str(value)
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
    """Read "0,5" or "person,bus", in any combination; names are case-insensitive."""
    by_name = {name.casefold(): index for index, name in names.items()}
    chosen = []
    for part in (part.strip() for part in text.split(",")):
        if part.isascii() and part.isdigit() and len(part) < 10 and int(part) in names:
            chosen.append(int(part))
        elif part.casefold() in by_name:
            chosen.append(by_name[part.casefold()])
        elif part:
            raise InvalidParameter(
                f"classes names {_quoted(part)}, which is not a class of this model: use ids or names"
            )
    if not chosen:
        raise InvalidParameter("classes is empty: give ids or names, separated by commas")
    return tuple(sorted(set(chosen)))


def _quoted(text: str) -> str:
    """Quote a caller's value for a message, shortened and without control characters."""
    return ascii(text if len(text) <= 40 else f"{text[:40]}...")
