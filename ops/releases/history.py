"""The kept versions and the audit trail, for people and for programs."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict

from ops.paths import current_archive, script
from ops.rollout.recovery import operation
from ops.store import audit, intent, inventory, lock, releases, routing
from ops.terminal.console import say, size
from ops.terminal.table import table
from ops.torchserve.client import UNAVAILABLE
from ops.torchserve.host import Host


def print_releases(host: Host, as_json: bool = False) -> None:
    """Print every kept version and what it is used for. Changes nothing."""
    state, noticed = inventory.look(host.store)
    try:
        present = routing.read(host.store)
    except routing.DamagedError as error:
        noticed.append(str(error))
        present = routing.Routing()
    served, loaded = find_loaded(host)
    roles = {version: state.roles(version) + present.parts(version) for version in state.releases}
    if as_json:
        versions = [
            {**asdict(record), "roles": roles[version], "served_now": version == served}
            for version, record in state.releases.items()
        ]
        known = {"current": state.current, "previous": state.previous, "served": served, "loaded": loaded}
        say(json.dumps({"schema": releases.SCHEMA, **known, "releases": versions}, indent=1, ensure_ascii=False))
        return
    rows = []
    for version, record in state.releases.items():
        parts = ", ".join(roles[version] + (["served"] if version == served else []))
        packaged = record.packaged.replace("+00:00", "Z")
        described = [parts, size(record.size), record.sha256[:12], record.task, packaged, record.by, record.note]
        rows.append([version, *described])
    for line in table(rows, ["version", "part", "size", "sha256", "task", "packaged", "by", "note"]):
        say(line)
    for line in [*noticed, *_notes(host, state, present, served, loaded)]:
        say(f"  note: {line}")


def _why_not_served(host: Host) -> str:
    try:
        host.server.models()
    except UNAVAILABLE as error:
        return str(error) if _has_several(host) else "TorchServe does not answer: nothing is served"
    return f"TorchServe does not serve {host.model}. See: bash scripts/models.sh list"


def _has_several(host: Host) -> bool:
    with contextlib.suppress(*UNAVAILABLE):
        return len(host.each()) > 1
    return False


def _differences(host: Host) -> list[str]:
    """Return a line that says which of several TorchServes serves what, where they differ."""
    served: dict[str, str] = {}
    with contextlib.suppress(*UNAVAILABLE):
        served = {one.server.management: one.server.default().version for one in host.each()}
    if len(set(served.values())) < 2:
        return []
    each = ", ".join(f"{address} serves {version}" for address, version in served.items())
    return [f"{each}. To bring all to the current version: {script('releases.sh recover', host.store)}"]


def _notes(
    host: Host, state: releases.Releases, present: routing.Routing, served: str | None, loaded: list[str]
) -> list[str]:
    lines = []
    live = current_archive(host.store).name
    if state.current is None:
        lines.append(f"{live} is not a kept version" if state.current_sha256 else f"there is no {live}")
    if served is None:
        lines.append(_why_not_served(host))
    elif served != state.current:
        lines.append(f"TorchServe serves {served}; a restart would serve {state.current or f'what {live} is'}")
    lines += _differences(host)
    unused = [version for version in loaded if version != served and version not in present.playing]
    if unused:
        lines.append(f"also loaded: {', '.join(unused)}")
    missing = sorted(present.playing - set(loaded)) if served else []
    if missing:
        lines.append(
            f"{', '.join(missing)} should be loaded too and is not; its requests go to {served}. "
            f"Load it again: {script('canary.sh set PERCENT', host.store)}; or end it"
        )
    if present.playing:
        lines.append(f"requests: {present.summary}")
    found = lock.holder(host.store)
    if found is not None:
        lines.append(f"the lock is held by {found}")
    elif (host.store / intent.NAME).exists():
        lines.append("an operation was cut off; the next one (or releases.sh recover) completes or undoes it")
    return lines


def find_loaded(host: Host) -> tuple[str | None, list[str]]:
    """Return the version that is served, and all that are loaded; None and [] when the server does not answer."""
    try:
        return host.server.default().version, [loaded.version for loaded in host.server.versions()]
    except UNAVAILABLE:
        return None, []


def print_audit(host: Host, as_json: bool = False) -> None:
    """Print the audit trail, oldest first."""
    entries = audit.entries(host.store)
    if as_json:
        say(json.dumps(entries, indent=1, ensure_ascii=False))
        return
    for line in table(audit.rows(entries), ["when", "by", "what", "versions", "outcome", "took", ""]):
        say(line)


def finish_interrupted(host: Host) -> None:
    """Complete or undo an operation that was cut off. Raises OpsError."""
    found = (host.store / intent.NAME).exists()
    with operation(host, "recovery"):  # which recovers first
        if not found:
            say("Nothing to recover: no operation was cut off.")


def unlock(host: Host) -> None:
    """Say that there is nothing to unlock. Raises LockedError, naming the holder, while an operation is at work."""
    lock.require_free(host.store)
    say(
        "Nothing to unlock: no operation is at work. The lock is released when its holder ends, also when it is killed."
    )
