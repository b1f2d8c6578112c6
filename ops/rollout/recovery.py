"""How every operation begins: take the lock, and settle what an interrupted operation left.

Each operation has one decision, which is one rename. An operation that was cut off before it is undone, after it
completed. Then what is on disk, what is served, where the gateways send requests and what a restart would serve agree.

    switch   redeploy, rollback, promote: the rename of `yolo.mar`
    join     a canary, experiment or shadow starts: the `routing.json` that names its versions
    leave    it ends: the intent itself; from then on it is only completed
    server   a server of blue/green starts or stops: the `bluegreen.json` that lists it, or lists it no more
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ops.paths import kept_archive
from ops.store import audit, bluegreen, intent, inventory, lock, routing
from ops.store.intent import Intent
from ops.store.inventory import Releases
from ops.store.routing import Routing
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve.client import RefusedError, UnreachableError
from ops.torchserve.host import Host
from ops.torchserve.standby import Standby


@dataclass(frozen=True)
class Operation:
    """An operation that may begin: its steps, and the releases as recovery left them. A dry run changes nothing."""

    host: Host
    steps: Steps
    state: Releases
    dry_run: bool


@contextlib.contextmanager
def operation(
    host: Host, name: str, *, wait_s: float = 0.0, dry_run: bool = False, steps: Steps | None = None
) -> Iterator[Operation]:
    """Hold the lock and recover; a dry run only looks. Raises OpsError.

    `wait_s`: how long to wait for another operation, in seconds.
    """
    steps = steps or Steps()
    if dry_run:
        lock.require_free(host.store)
        yield Operation(host, steps, inventory.look(host.store)[0], dry_run)
        return
    with lock.held(host.store, name, wait_s):
        yield Operation(host, steps, recover(host), dry_run)


def recover(host: Host) -> Releases:
    """Settle what an interrupted operation left, and note what others changed. Needs the lock. Returns the releases."""
    state, noticed = inventory.look(host.store)
    _replace_damaged_routing(host, state)
    found = intent.read(host.store)
    if found is None:
        intent.clear(host.store)
        for line in noticed:
            audit.write(host.store, "store", "noticed", detail=line)
    else:
        say(f"  {_settle(host, state, found)}")
        state, _ = inventory.look(host.store)
    _fit_routing(host, state)
    routing.forget_autopilot(host.store)
    inventory.save(host.store, state)
    return state


def unload(host: Host, steps: Steps, versions: Iterable[str], playing: Iterable[str]) -> None:
    """Drain and remove those of `versions` that are loaded, not served, and not `playing` a part.

    Raises RefusedError, and UnreachableError when the server does not answer: then it has nothing loaded.
    """
    default = host.server.default()
    loaded = {version.version for version in host.server.versions()}
    for version in (set(versions) & loaded) - {default.version, *playing}:
        Standby(host, steps, default).unload(version)


def _settle(host: Host, state: Releases, found: Intent) -> str:
    """Complete or undo an operation. Returns what was done, as a sentence."""
    decided = _is_decided(host, state, found)
    outcome = "had been decided: completed" if decided else "had not been decided: undone"
    done = f"the {found.action} of {found.to} {outcome}"
    if found.kind == "server":
        if not decided:
            _stop_server(host, found.to)
    else:
        present = _settle_routing(host, found, decided)
        _settle_releases(host, state, found, decided)
        with contextlib.suppress(UnreachableError):  # such a server has nothing loaded, and will load what is on disk
            done += _settle_server(host, found, decided)
            unload(host, Steps(), {found.to, found.before, *found.beside}, present.playing)
        inventory.save(host.store, state)
    audit.write(host.store, found.action, "mended", **{"from": found.before, "to": found.to, "detail": done})
    intent.clear(host.store)
    return done


def _is_decided(host: Host, state: Releases, found: Intent) -> bool:
    match found.kind:
        case "join":
            return routing.read(host.store).versions(found.part) == found.beside
        case "leave":
            return True
        case "server":
            return bluegreen.read(host.store).there(found.to)
        case _:
            return state.current == found.to


def _settle_routing(host: Host, found: Intent, decided: bool) -> Routing:
    """Bring the gateways to where the operation ends; wait for them when that is news to them."""
    store = host.store
    present = routing.read(store)
    news = False
    if found.kind == "leave" and set(present.versions(found.part)) & set(found.beside):
        routing.write(store, present.without(found.part))
        news = True
    elif found.kind == "switch" and decided:
        news = routing.set_stable(store, found.to)
    elif found.kind == "switch" and found.routing is not None:
        before = routing.parse(found.routing)
        news = before.canary != present.canary
        if news:
            routing.write(store, before)
    if news:
        routing.await_notice()
    return routing.read(store)


def _settle_releases(host: Host, state: Releases, found: Intent, decided: bool) -> None:
    record = state.releases.get(found.to)
    if found.kind == "switch" and decided:
        state.set_current(found.to, found.before)
    elif found.kind == "join" and decided and record is not None:
        record.made_for = found.part if found.fresh else record.made_for
    elif found.fresh and record is not None and not record.served:
        kept_archive(found.to, host.store).unlink(missing_ok=True)
        state.forget(found.to, "aborted" if found.kind == "leave" else "interrupted")


def _settle_server(host: Host, found: Intent, decided: bool) -> str:
    """Let the server serve what a switch decided, with all its workers. Returns a remark when it needs a restart."""
    if found.kind != "switch":
        return ""
    server, remark = host.server, ""
    loaded = {version.version: version for version in server.versions()}
    default = server.default().version
    if decided and default != found.to:
        if found.to in loaded and loaded[found.to].ready:
            server.set_default(found.to)
            default = found.to
        else:
            remark = f"; TorchServe still serves {default}: restart it to serve {found.to}"
    # A rollback that was interrupted may have given the version that answers only the first of its workers.
    workers = max(version.min_workers for version in loaded.values())
    if loaded[default].min_workers < workers:
        server.scale(default, workers)
    return remark


def _stop_server(host: Host, side: str) -> None:
    """Stop a server that was not brought up, or not taken down, whole. No request is sent to it."""
    if not host.compose:  # there the container stays until `bluegreen.sh down`, and does no harm
        from ops.native import green

        green.stop(side)
    bluegreen.write(host.store, bluegreen.without(bluegreen.read(host.store), side))


def _replace_damaged_routing(host: Host, state: Releases) -> None:
    """Replace a damaged routing.json by one without a split, to the server that answers.

    Gateways keep to the last good one until then.
    """
    try:
        routing.read(host.store)
    except routing.DamagedError as error:
        server = bluegreen.named(bluegreen.in_force(host.store))
        routing.write(host.store, Routing(stable=state.current, server=server))
        _report_routing(host, f"{error}: replaced by one without a split")
        _unload_unused(host, set(state.releases) - {state.current}, ())


def _fit_routing(host: Host, state: Releases) -> None:
    """Take out of the routing what cannot be: a part of the version that is served, or of one that is not kept."""
    present = routing.read(host.store)
    if not present.revision:
        return
    stable = present.stable
    with contextlib.suppress(UnreachableError, RefusedError):
        stable = host.server.default().version
    fitting = replace(present, stable=stable)
    for part in routing.PARTS:
        versions = set(present.versions(part))
        if versions - set(state.releases) or (part != "experiment" and stable in versions):
            fitting = fitting.without(part)
    if fitting == present:
        return
    routing.write(host.store, fitting)
    if fitting.summary != present.summary:
        _report_routing(host, f"routing was: {present.summary}; is now: {fitting.summary}")
        _unload_unused(host, present.playing, fitting.playing)


def _report_routing(host: Host, line: str) -> None:
    say(f"  {line}")
    audit.write(host.store, "routing", "mended", detail=line)


def _unload_unused(host: Host, versions: Iterable[str], playing: Iterable[str]) -> None:
    routing.await_notice()
    with contextlib.suppress(UnreachableError, RefusedError):
        unload(host, Steps(), versions, playing)
