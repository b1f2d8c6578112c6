"""Read `.env` as Compose and the scripts do, and say which of its lines mean nothing."""

from __future__ import annotations

import codecs
import difflib
import io
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from ops.errors import OpsError
from ops.paths import ROOT
from ops.terminal.console import say_to_stderr

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
# `NAME: value` is YAML; Compose takes it, bash and Python do not.
_YAML = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*:\s*(\S.*)")
# What Compose replaces in a value, as far as bash and Python do it too.
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::-([^${}]*))?\}")
# How alike a misspelt name is to the setting that was meant.
_ALIKE = 0.88


def read(path: Path) -> dict[str, str]:
    """Return the values of the file, without the empty ones, which mean the default; empty without a file.

    A line that means nothing is named on standard error. Raises OpsError when the file is not UTF-8, or when Compose
    would read a value in another way.
    """
    if not path.is_file():
        return {}
    stat = path.stat()
    values, remarks = _parsed(path, stat.st_mtime_ns, stat.st_size)
    for remark in remarks:
        say_to_stderr(f"note: {path.name}, {remark}")
    remarks.clear()  # said once
    return dict(values)


@lru_cache(maxsize=8)
def _parsed(path: Path, mtime_ns: int, size: int) -> tuple[dict[str, str], list[str]]:
    text = _decode(path)
    values: dict[str, str] = {}
    remarks: list[str] = []
    for binding in parse_stream(io.StringIO(text)):
        if binding.key is not None and binding.value is not None and _NAME.fullmatch(binding.key):
            values[binding.key] = _expand(binding, values)
            if meant := _misspelt(binding.key):
                remarks.append(f"line {_line(binding)}: {binding.key} is not a setting; did you mean {meant}?")
        else:
            remarks += _odd(binding)
    return {name: value for name, value in values.items() if value}, remarks


def _decode(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        name = "UTF-16" if content.startswith(marks) or b"\0" in content[:200] else "ISO-8859-1"
        line = content[: error.start].count(b"\n") + 1
        raise OpsError(
            f"{path.name} is not UTF-8 (line {line}); it looks like {name}. Save it as UTF-8: "
            f"iconv -f {name} -t UTF-8 {path.name} >{path.name}.new && mv {path.name}.new {path.name}"
        ) from error


def _expand(binding: Binding, before: Mapping[str, str]) -> str:
    """Return the value with ${NAME} and ${NAME:-default} replaced; within single quotes it stays as it is.

    Raises OpsError for another use of the dollar sign, which Compose would take for something else.
    """
    value = binding.value or ""
    if re.match(r"[^=]*=[^\S\r\n]*'", binding.original.string.lstrip()):
        return value
    if "$" in _VARIABLE.sub("", value):
        raise OpsError(
            f".env, line {_line(binding)}: {binding.key} has a $ in its value that Compose takes for a variable. Write "
            f"${{NAME}} for the value of a variable; for the sign itself use single quotes: {binding.key}='…'"
        )
    known = {**before, **os.environ}
    return _VARIABLE.sub(lambda found: known.get(found[1]) or found[2] or "", value)


def _odd(binding: Binding) -> Iterator[str]:
    """Yield what is odd about a line that sets nothing, unless it is empty or a comment."""
    text = binding.original.string.strip()
    if not text or (binding.key is None and not binding.error):
        return
    first = text.splitlines()[0]
    yaml = _YAML.fullmatch(first)
    # Not the value, which may be a secret.
    shown = f"{yaml[1]}: …" if yaml else re.split(r"[=:\s]", first)[0][:40]
    fix = f"Write {yaml[1]}=…" if yaml else "A line is NAME=value, or a comment after #; check the quotes"
    yield f"line {_line(binding)} means nothing: {shown} ({fix})"


def _line(binding: Binding) -> int:
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _misspelt(name: str) -> str | None:
    """Return the setting that a name is nearly that of, None for a setting and for a name of something else."""
    settings = _settings()
    if name in settings or len(name) < 5:
        return None
    return next(iter(difflib.get_close_matches(name, settings, 1, _ALIKE)), None)


@lru_cache(maxsize=1)
def _settings() -> frozenset[str]:
    example = ROOT / ".env.example"
    text = example.read_text(encoding="utf-8") if example.is_file() else ""
    return frozenset(re.findall(r"^#?\s?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))
