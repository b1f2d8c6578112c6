"""How each operation begins: is a service there, is it allowed now, and what did others leave."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from ops.errors import NotNowError, NotRunningError
from ops.store import audit, bluegreen, intent, inventory, lock, routing
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve.client import Loaded, RefusedError, UnreachableError
from ops.torchserve.host import Host
from ops.torchserve.standby import Standby


def preflight(host: Host) -> Loaded:
    """Check what can be checked before minutes of packaging; return what runs. Raises OpsError."""
    lock.require_free(host.store)
    alone(host)
    return running(host)


def running(host: Host) -> Loaded:
    """Return the version that answers by default. Raises NotRunningError."""
    try:
        return host.server.default()
    except UnreachableError as error:
        raise NotRunningError(
            f"no service runs here yet ({error}). Start it first: bash scripts/up.sh. Nothing changed"
        ) from error
    except RefusedError as error:
        raise NotRunningError(
            f"TorchServe runs but holds no model ({error}). Restart it: bash scripts/up.sh"
        ) from error


def alone(host: Host) -> None:
    """Raise NotNowError while another server stands beside: what is done to one would make the other no way back."""
    if bluegreen.read(host.store).both:
        raise NotNowError(
            f"another server stands beside {host.side}, which answers. First: bash scripts/bluegreen.sh down "
            "(keeps the one that answers), or back. Nothing changed"
        )


def unsplit(host: Host, *, but_canary: bool = False) -> None:
    """Raise NotNowError while requests are split between versions, or could go to two servers.

    `but_canary`: the caller deals with a canary.
    """
    alone(host)
    whole(host, but_canary=but_canary)


def whole(host: Host, *, but_canary: bool = False) -> None:
    """Raise NotNowError while requests are split between versions."""
    present = routing.glance(host.store)
    if present.canary and not but_canary:
        raise NotNowError(
            f"a canary is active: {present.canary.version} at {present.canary.percent:g} %. End it first: "
            "bash scripts/canary.sh promote (or: abort). Redeploy and rollback do that with --abort-canary. "
            "Nothing changed"
        )
    if present.experiment:
        raise NotNowError(
            f"an experiment is active: {present.experiment.name}. End it first: bash scripts/experiment.sh stop. "
            "Nothing changed"
        )


def opened(host: Host) -> inventory.Releases:
    """Look at the store, note what changed, mend what was left half done. Needs the lock. Returns the state."""
    _settle_sides(host)
    state, noticed = inventory.look(host.store)
    _replace_damaged(host, state)
    done = intent.mend(host.server, host.store, state)
    if done:
        say(f"  {done}")
        state, _ = inventory.look(host.store)
    else:
        for line in noticed:
            audit.write(host.store, "store", "noticed", detail=line)
    _fit_routing(host, state)
    routing.forget_auto(host.store)
    inventory.save(host.store, state)
    return state


def _settle_sides(host: Host) -> None:
    """Stop the side that a killed operation was about to start or stop. Nobody is sent to it."""
    present = bluegreen.read(host.store)
    if not present.pending:
        return
    if not host.compose:  # there the container stays until `bluegreen.sh down`, and does no harm
        from ops.native import green

        green.stop(present.pending)
    bluegreen.write(host.store, bluegreen.without(present, present.pending))
    line = f"{present.pending} had been neither started nor stopped whole: it is taken down"
    say(f"  {line}")
    audit.write(host.store, "bluegreen", "mended", detail=line)


def _replace_damaged(host: Host, state: inventory.Releases) -> None:
    """A routing.json that is none becomes one without a split, to the server that answers.

    Gateways keep to the last good one until then.
    """
    try:
        routing.read(host.store)
    except routing.DamagedError as error:
        server = bluegreen.named(bluegreen.in_force(host.store))
        routing.write(host.store, routing.Routing(stable=state.current, server=server))
        _tell(host, f"{error}: replaced by one without a split")
        _unload(host, set(state.releases) - {state.current})


def _fit_routing(host: Host, state: inventory.Releases) -> None:
    """Take out of the routing what cannot be: a part of the version that is the default, or of one that is not kept."""
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
    if fitting.split != present.split:
        _tell(host, f"routing was: {present.split}; is now: {fitting.split}")
        _unload(host, present.playing - fitting.playing)


def _tell(host: Host, line: str) -> None:
    say(f"  {line}")
    audit.write(host.store, "routing", "mended", detail=line)


def _unload(host: Host, versions: set[str]) -> None:
    """Remove versions that nobody is sent to any more. A server that does not answer has nothing loaded."""
    routing.await_notice()
    with contextlib.suppress(UnreachableError, RefusedError):
        default = host.server.default()
        loaded = {version.version for version in host.server.versions()}
        for version in (versions & loaded) - {default.version}:
            Standby(host, Steps(), default).unload(version)
