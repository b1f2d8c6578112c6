"""API keys of the gateway: make, list, revoke. Standard library only, so it runs before anything is installed.

The gateway's `auth/key_records.py` says what a line of the file means and why a plain hash suffices. The file has one
reader (mode 0600): natively the user who runs this, in Compose KEYS_OWNER, the uid of the gateway's container
(`deploy/compose/keys.yml`).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from model_names import DEFAULT, fault
from ops.errors import OpsError, UsageError
from ops.paths import shown
from ops.system.files import atomic, is_readable_by_others
from ops.terminal.console import say, say_to_stderr
from ops.terminal.table import table

SCOPES = ("predict", "admin")
#: Begins the scopes that limit a key to models. A gateway that does not know them accepts no such key.
MODEL = "model:"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_AGE = re.compile(r"([1-9]\d{0,4})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def read(path: Path) -> list[str]:
    """Return the lines of the file, comments included; no lines when there is no file. Raises OpsError."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise OpsError(
            f"{shown(path)} belongs to uid {path.stat().st_uid} and you cannot read it. If it was made in Compose, "
            f"add --docker; otherwise: sudo chown {os.getuid()} {shown(path)}"
        ) from error


def entry_of(line: str) -> dict[str, Any] | None:
    """Return the key in a line, or None for a comment or anything else."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("name"), str) else None


def entries(path: Path) -> list[dict[str, Any]]:
    """Return the keys of the file, in its order. Raises OpsError."""
    return [entry for line in read(path) if (entry := entry_of(line)) is not None]


def write(path: Path, lines: list[str]) -> None:
    """Replace the file in one step, for its one reader. Raises OSError; then the old one is untouched."""
    with atomic(path, 0o600) as partial:
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        _give(partial)


def _give(path: Path) -> bool:
    """Give the file to KEYS_OWNER if that is set; return whether that changed anything."""
    owner = os.environ.get("KEYS_OWNER", "")
    if not owner or (path.stat().st_uid == int(owner) and path.stat().st_mode & 0o777 == 0o600):
        return False
    path.chmod(0o600)
    os.chown(path, int(owner), int(owner))
    return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time change the file."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def until(age: str | None, now: datetime) -> str | None:
    """Return the moment `age` (12h, 30d, 52w) after `now`, or None for never."""
    if age is None:
        return None
    match = _AGE.fullmatch(age)
    if match is None:
        raise UsageError(f"--expires {age}: a whole number of hours, days or weeks is needed, such as 12h, 30d or 52w")
    return (now + timedelta(**{_UNITS[match[2]]: int(match[1])})).isoformat(timespec="seconds")


def models_of(entry: dict[str, Any]) -> list[str]:
    """Return the models that a key is limited to, sorted; none for a key that may use all."""
    written, scopes = entry.get("models"), entry.get("scopes")
    listed = written if isinstance(written, list) else []
    named = [word.removeprefix(MODEL) for word in map(str, scopes or []) if word.startswith(MODEL)]
    return sorted({*map(str, listed), *named})


def add(path: Path, name: str, scopes: list[str], expires: str | None, models: Sequence[str] = ()) -> str:
    """Make a key, store its hash, return the key. Without `models` it may use all of them.

    Raises OpsError if the name is taken, UsageError if the name, a model's name or `expires` is invalid.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a valid name for a key: 1 to 64 letters, digits, . _ - and a letter or digit first"
        )
    for model in models:
        if (problem := fault(model)) is not None:
            raise UsageError(f"--model: {problem}")
    now = datetime.now(UTC)
    moment = until(expires, now)
    with locked(path):
        if any(entry["name"] == name for entry in entries(path)):
            raise OpsError(f"there is a key named {name} already. Revoke it first, or choose another name")
        taken = {entry.get("id") for entry in entries(path)}
        while (identifier := secrets.token_hex(4)) in taken:
            pass
        key = f"yolo_{identifier}_{secrets.token_urlsafe(32)}"
        entry = {
            "name": name,
            "id": identifier,
            "hash": "sha256:" + hashlib.sha256(key.encode()).hexdigest(),
            "scopes": [*sorted(set(scopes)), *(f"{MODEL}{model}" for model in sorted(set(models)))],
            "created": now.isoformat(timespec="seconds"),
            "expires": moment,
        }
        write(path, [*read(path), json.dumps(entry)])
    return key


def revoke(path: Path, name: str) -> int:
    """Remove the named key; return how many keys are left. Raises OpsError if there is no such key."""
    with locked(path):
        names = [entry["name"] for entry in entries(path)]
        if name not in names:
            known = ", ".join(sorted(set(names))) or "none"
            raise OpsError(f"there is no key named {name}. There are: {known}")
        write(path, [line for line in read(path) if (entry_of(line) or {}).get("name") != name])
    return len([other for other in names if other != name])


def print_new(path: Path, name: str, scopes: list[str], expires: str | None, models: Sequence[str] = ()) -> None:
    """Make a key and print it; notes go to standard error, so that KEY=$(bash scripts/keys.sh add NAME) works."""
    first = not entries(path)
    say(add(path, name, scopes, expires, models))
    say_to_stderr(f"  This is the only time that the key is shown; {shown(path)} has its hash.")
    address = shlex.quote(f"http://localhost:8001/predict{_query(models)}")  # a shell may take ? for a pattern
    say_to_stderr(f"  curl -H 'X-API-Key: THE_KEY' -F file=@samples/street.jpg {address}")
    if first:
        say_to_stderr("  It is the first key: a gateway that runs without keys requires one after its next start.")
    hand_over(path)


def print_revoked(path: Path, name: str) -> None:
    """Revoke a key and print how many are left. Raises OpsError."""
    left = revoke(path, name)
    say(f"revoked: {name}. A running gateway refuses it within a second or two; {left} key(s) left.")
    if not left:
        say_to_stderr("  No key is accepted now. To start, the gateway needs a key, a JWT issuer or AUTH=off.")
    hand_over(path)


def print_all(path: Path, as_json: bool = False) -> None:
    """Print every key without its hash."""
    known = [_shown(entry) for entry in entries(path)]
    if as_json:
        say(json.dumps(known, indent=1))
    elif not known:
        say("no keys; make one: bash scripts/keys.sh add NAME")
    else:
        limited = ["models"] if any("models" in entry for entry in known) else []
        head = ["name", "id", "scopes", *limited, "created", "expires"]
        for line in table([[_cell(name, entry.get(name)) for name in head] for entry in known], head):
            say(line)
    hand_over(path)


def _query(models: Sequence[str]) -> str:
    return "" if not models or DEFAULT in models else f"?model={models[0]}"


def _shown(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a key as the list shows it: without its hash, and its models apart from its scopes."""
    shown = {name: value for name, value in entry.items() if name not in ("hash", "models")}
    models = models_of(entry)
    if not models:
        return shown
    scopes = [word for word in map(str, entry.get("scopes") or []) if not word.startswith(MODEL)]
    return {**shown, "scopes": scopes, "models": models}


def _cell(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value or ("all" if name == "models" else "never"))


def hand_over(path: Path) -> None:
    """Make KEYS_OWNER the owner of the file, if it is set and the file has another owner; warn of an open file."""
    if path.is_file() and _give(path):
        say_to_stderr(f"  {shown(path)} now belongs to the user that the gateway runs as.")
    if is_readable_by_others(path):
        say_to_stderr(f"  warning: every user of this machine can read it. Fix it: chmod 600 {shown(path)}")
