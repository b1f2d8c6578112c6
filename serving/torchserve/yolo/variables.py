"""Environment variables as dataclass fields: name, default, bounds and help are declared once.

    @dataclass(frozen=True)
    class Batches:
        batch_size: int = variable(1, "Maximum number of images per inference.", low=1, high=256)

    read(Batches, os.environ)    # reads BATCH_SIZE

`scripts/settings.sh` writes the documentation and the Compose files from the same declarations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, field, fields
from typing import Any, TypeVar

from yolo.errors import ArchiveError

T = TypeVar("T")


def variable(
    default: Any, text: str = "", *, low: int | None = None, high: int | None = None, choices: tuple[str, ...] = ()
) -> Any:
    """Declare a variable and its `text` of help, which is empty if another process's settings have it.

    It is one of `choices`, true or false (by the type of `default`), a whole number (with `low`), or any text.
    """
    return field(default=default, metadata={"help": text, "low": low, "high": high, "choices": choices})


def read(declared: type[T], environ: Mapping[str, str]) -> T:
    """Read the variables of a dataclass; an empty one means the default. Raises ArchiveError naming a wrong one."""
    items = fields(declared)  # type: ignore[arg-type] # a dataclass, which typing cannot say
    texts = {item: environ.get(item.name.upper(), "").strip() for item in items}
    return declared(**{item.name: _value(item, text) for item, text in texts.items() if text})


def _value(item: Field[Any], text: str) -> Any:
    name = item.name.upper()
    if choices := item.metadata["choices"] or (("false", "true") if isinstance(item.default, bool) else ()):
        chosen = {choice.lower(): choice for choice in choices}.get(text.lower())
        if chosen is None:
            raise ArchiveError(f"{name}={text!r} is not one of {', '.join(choices)}")
        return chosen == "true" if isinstance(item.default, bool) else chosen
    return text if item.metadata["low"] is None else _number(name, text, item.metadata["low"], item.metadata["high"])


def _number(name: str, text: str, low: int, high: int | None) -> int:
    accepted = f"use {low} or more" if high is None else f"use {low} to {high}"
    try:
        value = int(text)
    except ValueError:
        raise ArchiveError(f"{name}={text!r} is not a whole number; {accepted}") from None
    if value < low or (high is not None and value > high):
        raise ArchiveError(f"{name}={value} is out of range; {accepted}")
    return value
