"""Find the lines of TorchServe's log that say why something failed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ops.system import log_lines

# A line of former versions: "2026-11-23T12:42:38,705 INFO  MODEL_LOG - text". Times are left out: they differ at each
# retry.
HEAD = re.compile(r"^\S+[T ][\d:,.]+ +(?P<level>[A-Z]+) +(?P<logger>\S+) - (?P<text>.*)$")
# The logger of the lines about single requests to TorchServe's ports.
ACCESS = "torchserve.access"
TELLING = re.compile(r"\b(\w*Error|\w*Exception|Failed|failed|cannot|died|No space|Killed|Traceback)\b")
FRAME = re.compile(r'^\s+File "(?P<path>[^"]+)", line (?P<line>\d+)')
# Lines of every failure, of requests for a version that is not registered, and of every traceback.
NOISE = re.compile(
    r"Traceback \(most recent|RuntimeError: 500 - |Backend worker process died|Auto recovery failed|"
    r"version \S+ not found|Model \S+ not found"
)


def find_reasons(log: str, most: int = 8) -> list[str]:
    """Return the last `most` lines that give a reason, each once, oldest first, without stack frames.

    The innermost frame of a Python traceback is put before its error.
    """
    kept: list[str] = []
    where = ""
    for level, text in _texts(log):
        frame = FRAME.match(text)
        if frame:
            where = f"{frame['path'].rsplit('/', 1)[-1]}:{frame['line']}: "
            continue
        if text.startswith("{") or text.lstrip().startswith("at ") or NOISE.search(text):
            continue
        if level in ("ERROR", "WARN", "WARNING") or (TELLING.search(text) and not text.startswith(" ")):
            told = (where if re.match(r"\w+(Error|Exception)\b", text) else "") + text.strip()
            where = ""
            if told in kept:
                kept.remove(told)
            kept.append(told)
    return kept[-most:]


def _texts(log: str) -> Iterator[tuple[str, str]]:
    """Yield each line's level and text, those of a traceback without a level. Lines about requests are left out."""
    for line in log.splitlines():
        found = log_lines.fields(line)
        if found is None:
            match = HEAD.match(line)
            yield (match["level"], match["text"]) if match else ("", line)
        elif "event" not in found and found.get("logger") != ACCESS:
            first, *others = str(found.get("message", "")).splitlines() or [""]
            yield str(found.get("level", "")).upper(), first
            for text in (*others, *str(found.get("exception", "")).splitlines()):
                yield "", text
