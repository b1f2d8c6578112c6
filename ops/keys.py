"""API keys of the gateway: make, list, revoke. Standard library only, so it runs before anything is installed.

    python3 -m ops.keys add NAME [--scope predict] [--scope admin] [--expires 30d] | list [--json] | revoke NAME

The gateway's `auth/key_records.py` says what a line of the file is and why a plain hash does. The file has one reader
(mode 0600): whoever runs this, natively, or KEYS_OWNER, the uid of the gateway's container (`deploy/compose/keys.yml`).
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ops.errors import OpsError, UsageError
from ops.paths import API_KEYS, shown
from ops.system.files import atomic
from ops.terminal.console import complain, say
from ops.terminal.exit import ending

SCOPES = ("predict", "admin")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_AGE = re.compile(r"([1-9]\d{0,4})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the three commands."""
    root = argparse.ArgumentParser(prog="keys.sh", description="API keys of the gateway.")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    adding = commands.add_parser("add", help="make a key and print it, once")
    adding.add_argument("name", help="who it is for: letters, digits, . _ -")
    adding.add_argument("--scope", action="append", choices=SCOPES, help="what it may do (default: predict)")
    adding.add_argument("--expires", help="after this long: 12h, 30d, 52w (default: never)")
    commands.add_parser("list", help="names, scopes, dates").add_argument("--json", action="store_true")
    commands.add_parser("revoke", help="take a key back").add_argument("name")
    return root


def read(path: Path) -> list[str]:
    """Return the file's lines as they are, comments too; none when there is no file."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise OpsError(
            f"{shown(path)} belongs to uid {path.stat().st_uid} and is closed to you. Made in Compose? Add --docker; "
            f"else: sudo chown {os.getuid()} {shown(path)}"
        ) from error


def entry_of(line: str) -> dict[str, Any] | None:
    """Return what a line says, or None for a comment or anything that is no key."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("name"), str) else None


def entries(path: Path) -> list[dict[str, Any]]:
    """Return the keys of the file, in its order."""
    return [entry for line in read(path) if (entry := entry_of(line)) is not None]


def write(path: Path, lines: list[str]) -> None:
    """Replace the file in one step, for its one reader. Raises OSError; then the old one is untouched."""
    with atomic(path, 0o600) as partial:
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        _give(partial)


def _give(path: Path) -> bool:
    """Give the file to KEYS_OWNER where that is set; tell whether that changed anything."""
    owner = os.environ.get("KEYS_OWNER", "")
    if not owner or (path.stat().st_uid == int(owner) and path.stat().st_mode & 0o777 == 0o600):
        return False
    path.chmod(0o600)
    os.chown(path, int(owner), int(owner))
    return True


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Let one change of the file happen at a time."""
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


def add(path: Path, name: str, scopes: list[str], expires: str | None) -> str:
    """Make a key, keep its hash, return the key. Raises OpsError for a name that is taken or is none."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a key: 1 to 64 letters, digits, . _ - and a letter or digit first")
    now = datetime.now(UTC)
    moment = until(expires, now)
    with alone(path):
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
            "scopes": sorted(set(scopes)),
            "created": now.isoformat(timespec="seconds"),
            "expires": moment,
        }
        write(path, [*read(path), json.dumps(entry)])
    return key


def revoke(path: Path, name: str) -> int:
    """Take the named key out; return how many keys are left. Raises OpsError when there is none of that name."""
    with alone(path):
        names = [entry["name"] for entry in entries(path)]
        if name not in names:
            known = ", ".join(sorted(set(names))) or "none"
            raise OpsError(f"there is no key named {name}. There are: {known}")
        write(path, [line for line in read(path) if (entry_of(line) or {}).get("name") != name])
    return len([other for other in names if other != name])


def table(keys: list[dict[str, Any]]) -> list[str]:
    """Return the keys as aligned lines."""
    head = ("name", "id", "scopes", "created", "expires")
    rows = [
        tuple(
            ",".join(map(str, value)) if isinstance(value := key.get(name), list) else str(value or "never")
            for name in head
        )
        for key in keys
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]
    ]


def note(text: str) -> None:
    """Tell the person something that a script which takes the output must not get."""
    complain(f"  {text}")


def run(arguments: argparse.Namespace, path: Path) -> int:
    """Do what the command line says; return 0. Raises OpsError."""
    match arguments.command:
        case "add":
            first = not entries(path)
            say(add(path, arguments.name, arguments.scope or ["predict"], arguments.expires))
            note(f"This is the only time that the key is shown; {shown(path)} has its hash.")
            note("curl -H 'X-API-Key: THE_KEY' -F file=@samples/street.jpg http://localhost:8001/predict")
            if first:
                note("It is the first key: a gateway that runs without any asks for keys after its next start.")
        case "revoke":
            left = revoke(path, arguments.name)
            say(f"revoked: {arguments.name}. A running gateway refuses it within a second or two; {left} key(s) left.")
            if not left:
                note("Nobody gets in with a key now; the gateway starts again with a key, a JWT issuer or AUTH=off.")
        case _:
            known = entries(path)
            if arguments.json:
                say(json.dumps([{name: key[name] for name in key if name != "hash"} for key in known], indent=1))
            else:
                for line in table(known) if known else ["no keys; make one: bash scripts/keys.sh add NAME"]:
                    say(line)
    if path.is_file() and _give(path):
        note(f"{shown(path)} now belongs to the user that the gateway runs as.")
    return 0


def main() -> int:
    """Run; every failure is one message and the exit code of its kind, see `ops.errors`."""
    arguments = parser().parse_args()
    return ending(lambda: run(arguments, API_KEYS), "writing the keys")


if __name__ == "__main__":
    raise SystemExit(main())
