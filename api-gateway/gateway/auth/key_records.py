"""API keys as they lie on disk: a JSON object per line, and of the key itself only a hash.

::

    {"name": "camera-7", "id": "1f0c9a52", "hash": "sha256:…", "scopes": ["predict"], "created": "…", "expires": null}

Scopes ``model:NAME`` limit the key to models. They are scopes because gateways that do not know them leave the line
out; a field of its own would be ignored there, and the key would open every model. A field ``models``, a list of names,
is accepted as well.

A key is ``yolo_<id>_<secret>``: the id finds the line, the secret is 256 random bits. Such a key needs no slow hash,
which is for passwords that people choose: nobody tries 2^256 keys, however fast each try, and the check stays at a
microsecond. The id is random as well and is hashed along, so it is the salt of its own line.
``ops/keys.py`` writes these lines.
"""

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.auth.grants import MODEL, models_in, scopes_in
from gateway.http.policy import SCOPES
from model_names import fault

logger = logging.getLogger("gateway.auth")

PREFIX = "yolo_"
KEY = re.compile(r"yolo_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")
#: What the hash of no key is compared with: never equal, and as long as a real one.
NO_HASH = "sha256:" + "-" * 64
MAX_KEYS = 10_000
_ID, _NAME = re.compile(r"[0-9a-f]{8}"), re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HASH = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One line. ``expires`` in seconds since 1970, or None; ``models`` that it may use, or None for all."""

    name: str
    hash: str = field(repr=False)
    scopes: frozenset[str]
    expires: float | None
    models: frozenset[str] | None = None


def hashed(key: str) -> str:
    """Return what is kept of a key."""
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def parse_keys(text: str) -> Mapping[str, KeyRecord]:
    """Return the records by id. A line that is wrong opens nothing: it is left out, and its number logged."""
    records: dict[str, KeyRecord] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            id_, record = _parse_line(line)
            if id_ in records or len(records) >= MAX_KEYS:
                raise ValueError("its id stands there twice" if id_ in records else f"more than {MAX_KEYS} keys")
            records[id_] = record
        except ValueError as error:
            logger.warning("a line of the key file is left out", extra={"line": number, "problem": str(error)})
    return records


def _parse_line(line: str) -> tuple[str, KeyRecord]:
    try:
        entry: Any = json.loads(line)
    except ValueError:
        raise ValueError("no JSON") from None  # json's own message would quote the line
    if not isinstance(entry, dict):
        raise ValueError("no JSON object")
    for name, form in (("id", _ID), ("name", _NAME), ("hash", _HASH)):
        if not isinstance(entry.get(name), str) or not form.fullmatch(entry[name]):
            raise ValueError(f"no valid '{name}'")
    words = [*_texts(entry, "scopes"), *(f"{MODEL}{name}" for name in _texts(entry, "models"))]
    scopes, models = scopes_in(words), models_in(words)
    if not scopes or not all(word in SCOPES or word.startswith(MODEL) for word in words):
        raise ValueError(f"'scopes' must be a list out of {', '.join(sorted(SCOPES))} and {MODEL}NAME")
    for problem in filter(None, map(fault, models or ())):
        raise ValueError(problem)
    return entry["id"], KeyRecord(entry["name"], entry["hash"], scopes, _moment(entry.get("expires")), models)


def _texts(entry: Mapping[str, Any], name: str) -> list[str]:
    """Return the texts of a list, which must not be empty if it is there."""
    texts = entry.get(name)
    if texts is None:
        return []
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"'{name}' must be a list of texts")
    return texts


def _moment(value: object) -> float | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        if moment.tzinfo is not None:
            return moment.timestamp()
    except (ValueError, OverflowError):
        pass
    raise ValueError("'expires' must be null or a moment with its zone, such as 2027-01-31T00:00:00+00:00")
