"""Remove the oldest kept versions."""

from __future__ import annotations

from ops.errors import OpsError
from ops.releases.history import find_loaded
from ops.rollout.recovery import operation
from ops.store import audit, inventory, releases, routing
from ops.terminal.console import say, size
from ops.torchserve.host import Host


def prune(host: Host, keep: int, dry_run: bool = False) -> None:
    """Remove all kept versions but the newest `keep` and those that play a part or are loaded. Raises OpsError."""
    if keep < 1:
        raise OpsError(f"--keep {keep}: at least one version has to stay")
    with operation(host, f"prune --keep {keep}", dry_run=dry_run) as begun:
        state = begun.state
        removed = removable(state, routing.read_or_empty(host.store), keep, find_loaded(host)[1])
        if dry_run:
            say(f"Dry run, nothing is changed. It would remove: {', '.join(removed) or 'nothing'}")
            return
        for version in removed:
            freed = state.releases[version].size
            inventory.remove_archive(host.store, state, version, "pruned")
            audit.record(host.store, "prune", "done", to=version)
            say(f"  removed {version} ({size(freed)})")
    say(f"{len(state.releases)} version(s) kept: {', '.join(state.releases)}")


def removable(state: releases.Releases, present: routing.Routing, keep: int, loaded: list[str]) -> list[str]:
    """Return the versions that may be removed, oldest first."""
    ordered = sorted(state.releases.values(), key=lambda record: (record.packaged, record.mtime_ns))
    return [
        record.version
        for record in ordered[: max(len(ordered) - keep, 0)]
        if record.version not in {state.current, state.previous, *present.playing, *loaded}
    ]
