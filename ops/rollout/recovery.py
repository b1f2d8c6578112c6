"""How every operation begins: take the lock, and settle what an interrupted operation left.

Each operation has one decision, which is one rename. An operation that was cut off before it is undone, after it
completed. Then what is on disk, what is served, where the gateways send requests and what a restart would serve agree.

    switch   redeploy, rollback, promote: the rename of `yolo.mar`
    join     a canary, experiment or shadow starts: the `routing.json` that names its versions
    leave    it ends: the intent itself; from then on it is only completed
    server   a server of blue/green starts or stops: the `bluegreen.json` that lists it, or lists it no more
    add      a model comes: the rename that makes `NAME.mar`
    remove   a model leaves: the intent itself
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ops.paths import MODEL, folder_of, kept_archive, model_of
from ops.rollout import membership
from ops.rollout.agreement import agree
from ops.rollout.preconditions import await_up
from ops.store import audit, bluegreen, intent, inventory, lock, models, releases, routing
from ops.store.intent import Intent
from ops.store.releases import Releases
from ops.store.routing import Routing
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve import host as hosts
from ops.torchserve.client import RefusedError, UnreachableError, unless_absent
from ops.torchserve.host import Host
from ops.torchserve.standby import unload


@dataclass(frozen=True)
class Operation:
    """An operation that may begin: its steps, and the releases as recovery left them. A dry run changes nothing."""

    host: Host
    steps: Steps
    state: Releases
    dry_run: bool


@contextlib.contextmanager
def operation(
    host: Host,
    name: str,
    *,
    wait_s: float = 0.0,
    dry_run: bool = False,
    steps: Steps | None = None,
    every_model: bool = False,
) -> Iterator[Operation]:
    """Hold the lock and recover; a dry run only looks. Raises OpsError.

    `wait_s`: how long to wait for another operation, in seconds. `every_model`: the operation changes the whole server,
    so that it holds the lock of every model, and recovers each.
    """
    steps = steps or Steps()
    stores = models.stores(folder_of(host.store)) if every_model else [host.store]
    for store in stores:
        await_up(host.of_model(model_of(store)))
        if dry_run:
            lock.require_free(store)
    with contextlib.nullcontext() if dry_run else lock.held_together(stores, name, wait_s):
        if not dry_run:
            for store in stores:
                if store != host.store:
                    recover(host.of_model(model_of(store)))
        state = inventory.look(host.store)[0] if dry_run else recover(host)
        yield Operation(host, steps, state, dry_run)


def recover(host: Host) -> Releases:
    """Settle what an interrupted operation left, and note what others changed. Needs the lock. Returns the releases."""
    found = intent.read(host.store)
    state, noticed = inventory.look(host.store)
    _replace_damaged_routing(host, state)
    if found is None:
        intent.clear(host.store)
        for line in noticed:
            audit.record(host.store, "store", "noticed", detail=line)
    else:
        settle = _settle_membership if found.kind in ("add", "remove") else _settle
        say(f"  {settle(host, state, found)}")
        state, _ = inventory.look(host.store)
    agree(host, state)
    _fit_routing(host, state)
    routing.forget_autopilot(host.store)
    releases.save(host.store, state)
    return state


def settle_switch(store: Path) -> None:
    """Settle what was cut off and is told by the current archive, before something else than an operation replaces it.

    Needs the lock. Raises OpsError.
    """
    found = intent.read(store)
    if found is not None and found.kind in intent.BY_ARCHIVE:
        recover(hosts.here(store))


def _settle(host: Host, state: Releases, found: Intent) -> str:
    """Complete or undo an operation. Returns what was done, as a sentence."""
    store, present, record = host.store, routing.read(host.store), state.releases.get(found.to)
    routed, removed, remark = present, found.fresh, ""
    match found.kind:
        case "switch":
            decided = state.current == found.to
            removed = found.fresh and not decided
            if decided:
                state.set_current(found.to, found.before)
                routed = present.with_stable(found.to)
            elif found.routing and routing.parse(found.routing).canary != present.canary:
                routed = routing.parse(found.routing)
        case "join":
            decided = present.versions(found.part) == found.beside
            removed = found.fresh and not decided
            if found.fresh and decided and record:
                record.made_for = found.part
        case "leave":
            decided = True
            if set(present.versions(found.part)) & set(found.beside):
                routed = present.without(found.part)
        case "server":
            decided = bluegreen.read(store).has(found.to)
            if not decided:
                _stop_server(host, found.to)
    if routed != present:
        routing.write(store, routed)
        if present.playing or routed.playing:
            routing.await_notice()
    if removed and record and not record.served and not _may_serve(host, found.to):
        kept_archive(found.to, store).unlink(missing_ok=True)
        state.forget(found.to, "aborted" if found.kind == "leave" else "interrupted")
    for one in host.reachable():
        with unless_absent():
            if found.kind == "switch":
                remark = _settle_server(one, found.to if decided else None) or remark
            if found.kind != "server":
                unload(one, Steps(), {found.to, found.before, *found.beside}, routed.playing)
    releases.save(store, state)
    outcome = "had been decided: completed" if decided else "had not been decided: undone"
    done = f"the {found.action} of {found.to} {outcome}{remark}"
    audit.record(store, found.action, "mended", **{"from": found.before, "to": found.to, "detail": done})
    intent.clear(store)
    return done


def _settle_membership(host: Host, state: Releases, found: Intent) -> str:
    """Complete or undo the coming or leaving of a model. Returns what was done, as a sentence."""
    store, remark = host.store, ""
    decided = found.kind == "remove" or state.current == found.to
    if found.kind == "remove":
        remark = membership.complete_removal(host, Steps(), state, purge=found.fresh) or ""
    elif decided:
        membership.record_added(host, state, found.to)
    else:
        membership.withdraw_added(host, found.to)
        record = state.releases.get(found.to)
        if found.fresh and not (record and record.served):
            inventory.remove_archive(store, state, found.to, "interrupted")
    outcome = "had been decided: completed" if decided else "had not been decided: undone"
    done = f"the {found.action} of {found.to} {outcome}{f'; {remark}' if remark else ''}"
    audit.record(store, found.action, "mended", to=found.to, detail=done)
    if not remark:
        intent.clear(store)
    return done


def _may_serve(host: Host, version: str) -> bool:
    """Tell whether a server answers with this version, as far as is known: one that is not reached may."""
    try:
        return any(one.server.serves(version) for one in host.each())
    except UnreachableError:
        return True
    except RefusedError:  # it has no model
        return False


def _settle_server(host: Host, decided: str | None) -> str:
    """Let the server serve the version that was decided, and that with all workers. Returns a remark, or ""."""
    server, remark = host.server, ""
    loaded = {version.version: version for version in server.versions()}
    default = server.default().version
    if decided and default != decided:
        if decided in loaded and (loaded[decided].ready or loaded[decided].unloaded):
            server.set_default(decided)
            default = decided
        else:
            remark = f"; TorchServe still serves {default}: restart it to serve {decided}"
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
        server = bluegreen.server_name(bluegreen.answering_side(host.store))
        whole = Routing(stable=state.current, server=server if host.model == MODEL else None)
        _reroute(host, whole, f"{error}: replaced by one without a split", set(state.releases) - {state.current})


def _fit_routing(host: Host, state: Releases) -> None:
    """Take out of the routing what cannot be: a part of the version that is served, or of one that is not kept."""
    present = routing.read(host.store)
    if not present.revision:
        return
    stable = present.stable
    with contextlib.suppress(UnreachableError, RefusedError):
        stable = host.server.default().version
    fitting = present.with_stable(stable)
    for part in routing.PARTS:
        if set(present.versions(part)) - set(state.releases):
            fitting = fitting.without(part)
    if fitting.summary != present.summary:
        _reroute(host, fitting, f"routing was: {present.summary}; is now: {fitting.summary}", present.playing)
    elif fitting != present:
        routing.write(host.store, fitting)


def _reroute(host: Host, to: Routing, line: str, versions: Iterable[str]) -> None:
    """Replace the routing, report that, and remove those of `versions` that then play no part."""
    routing.write(host.store, to)
    say(f"  {line}")
    audit.record(host.store, "routing", "mended", detail=line)
    routing.await_notice()
    with contextlib.suppress(UnreachableError, RefusedError):
        unload(host, Steps(), versions, to.playing)
