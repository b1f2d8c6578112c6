"""What an operation on the releases is about to do, written down before it does it, and mended after when it could not.

The rule: each operation has one rename that is its decision. Cut off before it, the operation is undone; cut off after
it, completed; so what is on disk, what is served, what the gateways send where and what is served after a restart agree
again. The decisions:

    switch   redeploy, rollback, promote: the rename of `yolo.mar`
    join     a canary, experiment or shadow begins: the `routing.json` that names its versions
    leave    it ends: this intent itself; from then on it is only completed
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ops.paths import MODEL, current_archive, kept_archive
from ops.samples import pictures
from ops.store import audit, inventory, routing
from ops.system.files import read_json, write_json
from ops.torchserve import drain
from ops.torchserve.client import Server, UnreachableError

NAME = ".release-intent.json"


@dataclass(frozen=True)
class Intent:
    """`to`: the version, or the experiment's name. `before`: the version that served.

    `fresh`: the archive of `to` has never served and goes when this is undone (switch, join) or done (leave).
    `beside`: the versions that join or leave. `routing`: what is in force again when a switch is undone.
    """

    action: str
    to: str
    before: str
    fresh: bool
    kind: str = "switch"
    part: str = ""
    beside: list[str] = field(default_factory=list)
    routing: dict[str, Any] | None = None


def write(store: Path, intent: Intent) -> None:
    """Write down what is about to be done. Raises OpsError."""
    write_json(store / NAME, asdict(intent))


def read(store: Path) -> Intent | None:
    """Return what an operation that did not come to its end was about to do."""
    try:
        return Intent(**(read_json(store / NAME) or {}))
    except TypeError:
        return None


def clear(store: Path) -> None:
    """The operation came to its end: nothing of it is left to mend."""
    patterns = (
        f".{current_archive(store).name}.*",
        f".{MODEL}-*.mar.*.part",
        ".*.json.*.part",
        f"{routing.FOLDER}/.*.part",
    )
    leftovers = [*(path for pattern in patterns for path in store.glob(pattern)), store / NAME]
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)


def mend(server: Server, store: Path, state: inventory.Releases) -> str | None:
    """Complete or undo what an interrupted operation left. Needs the lock. Returns what was done, None for nothing.

    `state` must be fresh from `releases.look`; it is changed and saved. Raises OpsError.
    """
    found = read(store)
    if found is None:
        clear(store)
        return None
    committed = _committed(found, store, state)
    done = f"the {found.action} of {found.to} had {'' if committed else 'not '}been decided: "
    done += "completed" if committed else "undone"
    _mend_routing(found, store, committed)
    record = state.releases.get(found.to)
    if found.kind == "switch" and committed:
        state.became_current(found.to, found.before)
    elif found.kind == "join" and committed and record is not None:
        record.made_for = found.part if found.fresh else record.made_for
    elif found.fresh and record is not None and not record.served:
        kept_archive(found.to, store).unlink(missing_ok=True)
        state.forget(found.to, "aborted" if found.kind == "leave" else "interrupted")
    present = routing.read(store)
    # A server that does not answer has nothing loaded, and will load what is on disk.
    with contextlib.suppress(UnreachableError):
        present_workers = {version.version: version.min_workers for version in server.versions()}
        loaded = set(present_workers)
        default = server.default().version
        if found.kind == "switch" and committed and default != found.to:
            if found.to in loaded and server.version(found.to).ready:
                server.set_default(found.to)
                default = found.to
            else:
                done += f"; TorchServe still serves {default}: restart it to serve {found.to}"
        # A rollback that was interrupted may have given the version that answers only the first of its workers.
        if found.kind == "switch" and present_workers[default] < max(present_workers.values()):
            server.scale(default, max(present_workers.values()))
        picture = next(iter(pictures().values()))
        for version in ({found.to, found.before, *found.beside} & loaded) - {default} - present.playing:
            drain.drain(server, version, picture)
            server.unregister(version)
    inventory.save(store, state)
    audit.write(store, found.action, "mended", **{"from": found.before, "to": found.to, "detail": done})
    clear(store)
    return done


def _committed(found: Intent, store: Path, state: inventory.Releases) -> bool:
    match found.kind:
        case "join":
            return routing.read(store).versions(found.part) == found.beside
        case "leave":
            return True
        case _:
            return state.current == found.to


def _mend_routing(found: Intent, store: Path, committed: bool) -> None:
    """Bring the gateways to where the operation ends; wait for them when that is news to them."""
    present = routing.read(store)
    if found.kind == "leave" and set(present.versions(found.part)) & set(found.beside):
        routing.write(store, present.without(found.part))
        routing.await_notice()
    elif found.kind == "switch" and committed:
        if routing.settle(store, found.to):
            routing.await_notice()
    elif found.kind == "switch" and found.routing is not None:
        before = routing.parse(found.routing)
        if before.canary != present.canary:
            routing.write(store, before)
            routing.await_notice()
