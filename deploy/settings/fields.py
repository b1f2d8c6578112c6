"""The settings that a class of the gateway or of the model server declares, in one form."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from ops.system.variables import Variable


def of_gateway(declared: type[BaseSettings]) -> list[Variable]:
    """Return the settings that this class of the gateway declares itself, without those of its bases."""
    fields = ((name, declared.model_fields[name]) for name in declared.__annotations__)
    return [
        Variable(name.upper(), _text(field.default), field.description or "", _gateway_bounds(field))
        for name, field in fields
    ]


def of_model_server(declared: type) -> list[Variable]:
    """Return the settings that this dataclass of the model server declares."""
    return [
        Variable(
            field.name.upper(),
            _text(field.default),
            field.metadata["help"],
            _bounds(field.default, field.metadata["choices"], field.metadata["low"], field.metadata["high"]),
        )
        for field in dataclasses.fields(declared)
    ]


def _text(default: Any) -> str:
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def _bounds(default: Any, choices: Sequence[str], low: Any, high: Any) -> str:
    if isinstance(default, bool):
        return "true, false"
    if choices:
        return ", ".join(choices)
    if low is None:
        return ""
    return f"{low} or more" if high is None else f"{low} to {high}"


def _gateway_bounds(field: FieldInfo) -> str:
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    limits = {
        name: getattr(item, name) for item in field.metadata for name in ("ge", "gt", "le") if hasattr(item, name)
    }
    if "gt" in limits:
        return f"above {limits['gt']}, up to {limits['le']}"
    return _bounds(field.default, choices, limits.get("ge"), limits.get("le"))
