"""`models.toml`: settings of each model, a table for each. The file is optional, and so is every key.

    [helmets]
    conf = 0.4
    workers = 2

The bounds are those of the request parameters and variables of the same meaning. The model server and the gateway each
use their part.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import model_names

FILE = "models.toml"
#: Shorter, a model would be unloaded between two requests of one client; the longest is 30 days.
IDLE_BOUNDS = (5, 2_592_000)
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_RATE = re.compile(r"([1-9][0-9]{0,8}) ?(?:/|per) ?([1-9][0-9]{0,4})? ?(second|minute|hour|day)s?")


class ModelSettingsError(ValueError):
    """The file cannot be used; the message says what is wrong, a line for each mistake, and how to fix it."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The settings of one model; None means the default."""

    #: The defaults of a request that does not say otherwise.
    conf: float | None = None
    iou: float | None = None
    max_det: int | None = None
    imgsz: int | None = None
    #: Worker processes, the largest number of images per inference, and the precision: `f32` or `auto`.
    workers: int | None = None
    batch: int | None = None
    precision: str | None = None
    #: Seconds without a request after which the model is unloaded.
    idle_unload_s: int | None = None
    #: Requests per caller, such as `60/minute` or `10/second;600/hour`.
    rate_limit: str | None = None


KEYS = tuple(field.name for field in fields(ModelSettings))
NONE = ModelSettings()


def read(path: Path) -> dict[str, ModelSettings]:
    """Return the settings of each model that the file has a table for; empty without a file.

    Raises ModelSettingsError.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ModelSettingsError(f"{path} cannot be read ({error.strerror}); make it readable or remove it") from error
    except UnicodeDecodeError as error:
        raise ModelSettingsError(f"{path} is not in UTF-8; save it in that encoding") from error
    return parse(text, str(path))


def parse(text: str, source: str = FILE) -> dict[str, ModelSettings]:
    """Return the settings of each model. `source` names the file in errors. Raises ModelSettingsError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelSettingsError(f"{source} is not valid TOML: {error}") from error
    found: dict[str, ModelSettings] = {}
    problems: list[str] = []
    for name, table in document.items():
        if not isinstance(table, dict):
            problems.append(_no_table(name))
        elif fault := model_names.fault(name):
            problems.append(f"[{name[:70]}]: {fault}")
        else:
            given = dict(_without_faults(name, table, problems))
            found[name] = ModelSettings(**given)
    if problems:
        raise ModelSettingsError("\n".join(f"{source}: {problem}" for problem in problems))
    return found


def unknown(settings: Collection[str], models: Collection[str]) -> Iterator[str]:
    """Say, a line each, which tables are of no model. That is no error: a model may be added later."""
    for name in sorted(set(settings) - set(models)):
        near = _nearest(name, models)
        yield f"[{name}] is of no model that is served" + (f"; did you mean [{near}]?" if near else "")


def _no_table(key: str) -> str:
    if key in KEYS:
        return f"{key} is in no table; put it below the name of a model, such as [{model_names.DEFAULT}]"
    return f"{key[:70]!r} is not a table; write [{key[:70]}], with its settings below"


def _without_faults(model: str, table: Mapping[str, Any], problems: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield the keys that are right, with their values, and append what is wrong."""
    for key, value in table.items():
        if key not in KEYS:
            near = _nearest(key, KEYS)
            fix = f"did you mean {near}?" if near else f"use {', '.join(KEYS)}"
            problems.append(f"[{model}] has the unknown key {key[:70]!r}; {fix}")
        elif key == "idle_unload_s" and model == model_names.DEFAULT:
            problems.append(f"[{model}] {key}: {model} always stays loaded; remove the line")
        else:
            try:
                yield key, _CHECKS[key](value)
            except ValueError as error:
                problems.append(f"[{model}] {key} = {_shown(value)}: {error}")


def _nearest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that a mistyped one is most like."""
    by_letters = {one.lower().replace("-", "_"): one for one in sorted(known)}
    wanted = name.lower().replace("-", "_")
    near = difflib.get_close_matches(wanted, by_letters, n=1)
    if not near:  # confidence, max_detections, image_size: longer words for the same
        near = [one for one in by_letters if wanted.startswith(one) or one.startswith(wanted)][:1]
    return by_letters[near[0]] if near else None


def _shown(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return ascii(text)[1:-1] if len(text) <= 40 else f"{ascii(text[:40])[1:-1]}..."


def _fraction(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError("use a number from 0 to 1")
    return float(value)


def _whole(low: int, high: int | None) -> Callable[[object], int]:
    accepted = f"use a whole number, {low} or more" if high is None else f"use a whole number from {low} to {high}"

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
            raise ValueError(accepted)
        return value

    return check


def _precision(value: object) -> str:
    if not isinstance(value, str) or value.lower() not in ("f32", "auto"):
        raise ValueError('use "f32" or "auto"')
    return value.lower()


def _rates(value: object) -> str:
    """Check a rate as the variable RATE_LIMIT is checked. An empty one means no limit of the model's own."""
    if not isinstance(value, str):
        raise ValueError('write a rate in quotes, as "60/minute"')
    for rate in value.split(";") if value.strip() else ():
        found = _RATE.fullmatch(rate.strip())
        if found is None:
            raise ValueError('write a rate as "60/minute", or several as "10/second;600/hour"')
        if int(found[2] or 1) * _UNITS[found[3]] > _UNITS["day"]:
            raise ValueError("a rate has a window from one second to one day")
    return value.strip()


_CHECKS: Mapping[str, Callable[[object], Any]] = {
    "conf": _fraction,
    "iou": _fraction,
    "max_det": _whole(1, 3000),
    "imgsz": _whole(32, 2048),
    "workers": _whole(1, None),
    "batch": _whole(1, 256),
    "precision": _precision,
    "idle_unload_s": _whole(*IDLE_BOUNDS),
    "rate_limit": _rates,
}
