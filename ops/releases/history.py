"""The kept versions and the audit trail, for people and for programs."""

from __future__ import annotations

import json
from dataclasses import asdict

from ops.store import audit, intent, inventory, lock, routing
from ops.terminal.console import say, size
from ops.terminal.table import table
from ops.torchserve.client import RefusedError, UnreachableError
from ops.torchserve.host import Host


def listing(host: Host, as_json: bool = False) -> None:
    """Print every kept version and the part it plays. Changes nothing."""
    state, noticed = inventory.look(host.store)
    try:
        present = routing.read(host.store)
    except routing.DamagedError as error:
        noticed.append(str(error))
        present = routing.Routing()
    served, loaded = serving(host)
    if as_json:
        versions = [
            {
                **asdict(record),
                "roles": [*state.roles(record.version), *present.parts(record.version)],
                "served_now": record.version == served,
            }
            for record in state.releases.values()
        ]
        known = {"current": state.current, "previous": state.previous, "served": served, "loaded": loaded}
        say(json.dumps({"schema": inventory.SCHEMA, **known, "releases": versions}, indent=1, ensure_ascii=False))
        return
    rows = []
    for record in state.releases.values():
        parts = state.roles(record.version) + present.parts(record.version)
        parts += ["served"] if record.version == served else []
        rows.append(
            [
                record.version,
                ", ".join(parts),
                size(record.size),
                record.sha256[:12],
                record.task,
                record.packaged.replace("+00:00", "Z"),
                record.by,
                record.note,
            ]
        )
    for line in table(rows, ["version", "part", "size", "sha256", "task", "packaged", "by", "note"]):
        say(line)
    for line in [*noticed, *remarks(host, state, present, served, loaded)]:
        say(f"  note: {line}")


def remarks(
    host: Host, state: inventory.Releases, present: routing.Routing, served: str | None, loaded: list[str]
) -> list[str]:
    """Return what an operator should know besides the table."""
    lines = []
    if state.current is None:
        lines.append("yolo.mar is no kept version, or missing" if state.current_sha256 else "there is no yolo.mar")
    if served is None:
        lines.append("TorchServe does not answer: nothing is served")
    elif served != state.current:
        lines.append(f"TorchServe serves {served}; a restart would serve {state.current or 'what yolo.mar is'}")
    beside = [version for version in loaded if version != served and version not in present.playing]
    if beside:
        lines.append(f"also loaded: {', '.join(beside)}")
    missing = sorted(present.playing - set(loaded)) if served else []
    if missing:
        lines.append(
            f"{', '.join(missing)} should be loaded beside it and is not; what is meant for it goes to {served}. "
            "Load it again: bash scripts/canary.sh set PERCENT; or end it"
        )
    if present.playing:
        lines.append(f"requests: {present.summary}")
    found = lock.holder(host.store)
    if found is not None:
        lines.append(f"the lock is held by {found}")
    elif intent.read(host.store) is not None:
        lines.append("an operation was cut off; the next one completes or undoes it")
    return lines


def serving(host: Host) -> tuple[str | None, list[str]]:
    """Return the version that answers by default, and all that are loaded."""
    try:
        return host.server.default().version, [loaded.version for loaded in host.server.versions()]
    except (UnreachableError, RefusedError):
        return None, []


def trail(host: Host, as_json: bool = False) -> None:
    """Print the audit trail, oldest first."""
    entries = audit.read(host.store)
    if as_json:
        say(json.dumps(entries, indent=1, ensure_ascii=False))
        return
    for line in table(audit.rows(entries), ["when", "by", "what", "versions", "outcome", "took", ""]):
        say(line)


def unlock(host: Host) -> None:
    """Say that there is nothing to unlock. Raises LockedError, naming the holder, while an operation is at work."""
    lock.require_free(host.store)
    say(
        "Nothing to unlock: no operation is at work. The lock is released when its holder ends, also when it is killed."
    )
