"""How a split is doing, for people and for programs: the routing in force, what is loaded, what the gateways count."""

from __future__ import annotations

import json
from dataclasses import asdict

from ops.gateways import counters
from ops.gateways.counters import Gateways, Row, Snapshot
from ops.paths import script
from ops.rollout import split
from ops.store import routing
from ops.store.routing import Routing
from ops.terminal.console import say
from ops.terminal.table import table
from ops.torchserve.client import UNAVAILABLE
from ops.torchserve.host import Host
from ops.traffic import autopilot


def print_status(host: Host, gateways: Gateways, name: str, as_json: bool = False) -> None:
    """Print how a part (canary, experiment or shadow) is doing. Changes nothing. Raises DamagedError."""
    present = routing.read(host.store)
    active = bool(present.versions(name))
    states = loaded(host)
    seen, problems = gateways.read() if active else ([], [])
    if as_json:
        known = {**routing.document(present), "active": active, "loaded": states, "problems": problems}
        say(json.dumps({**known, "gateways": [asdict(gateway) for gateway in seen]}, indent=1, ensure_ascii=False))
        return
    if not active:
        say(str(split.not_active(name, host.store)))
        return
    say(f"{present.summary} (revision {present.revision}, {present.updated}); stable: {present.stable}")
    for version in present.versions(name):
        say(f"  {version}: {states.get(version, 'not loaded; its requests go to the default version')}")
    for gateway in seen:
        say(f"{gateway.gateway}:")
        for line in rows(gateway, name, present):
            say(line)
    for line in [*problems, *remarks(host, present, seen, name)]:
        say(f"  note: {line}")


def report_gateways_behind(host: Host, gateways: Gateways) -> None:
    """Print a note for each gateway that does not have the routing just written: it splits nothing."""
    present = routing.read(host.store)
    seen, problems = gateways.read()
    for line in [*problems, *behind(present, seen)]:
        say(f"  note: {line}")


def behind(present: Routing, seen: list[Snapshot]) -> list[str]:
    """Return a line for each gateway whose routing is not the present one."""
    return [
        f"{gateway.gateway} is at revision {gateway.revision or 'none'} of the routing, not {present.revision}: "
        "does it read the file? (ROUTING_FILE)"
        for gateway in seen
        if gateway.revision != present.revision
    ]


def rows(gateway: Snapshot, name: str, present: Routing) -> list[str]:
    """Return the table of one gateway's counts; for a shadow also how its boxes differ."""
    playing = {(present.stable, "stable"), *((version, name) for version in present.versions(name))}
    shown = [row for row in gateway.rows if (row.version, row.role) in playing]
    lines = table(
        [_cells(row) for row in shown], ["version", "part", "requests", "failed", "p50 ms", "p95 ms", "found"]
    )
    differing = [row for row in shown if row.role == "shadow"]
    if differing:
        head = ["version", *counters.DIFFERENCES]
        lines += table(
            [[row.version, *(str(row.counts[key]) for key in counters.DIFFERENCES)] for row in differing], head
        )
    return lines


def _cells(row: Row) -> list[str]:
    answered = row.counts["requests"] - row.counts["errors"] - row.counts["rejected"]
    found = f"{row.counts['detections'] / answered:.2f}" if answered else ""
    times = ["" if value is None else f"{value:.0f}" for value in (row.p50_ms, row.p95_ms)]
    return [row.version, row.role, str(row.counts["requests"]), str(row.counts["errors"]), *times, found]


def remarks(host: Host, present: Routing, seen: list[Snapshot], name: str) -> list[str]:
    """Return notes for the operator."""
    lines = behind(present, seen)
    for gateway in seen:
        for row in gateway.rows:
            if row.role == name and row.counts["fallbacks"]:
                after_error = row.counts["errors_with_fallback"]
                lines.append(
                    f"{row.counts['fallbacks']} requests meant for {row.version} were answered by the stable one, "
                    f"{after_error} of them after {row.version} had failed"
                )
    watch = autopilot.load(host.store)
    if name == "canary" and watch and present.canary and watch.salt == present.canary.salt:
        lines.append(
            f"auto is at {watch.percent:g} %, steps {', '.join(f'{step:g}' for step in watch.steps)}; "
            f"if it no longer runs: {script('canary.sh auto', host.store)}"
        )
    return lines


def loaded(host: Host) -> dict[str, str]:
    """Return the worker states of each loaded version; empty when the server does not answer."""
    try:
        return {
            version.version: ", ".join(state for state, _ in version.workers) or "no worker"
            for version in host.server.versions()
        }
    except UNAVAILABLE:
        return {}
