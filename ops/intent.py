"""What an operation on the releases is about to do, written down before it does it, and mended after when it could not.

The rule: the rename of `yolo.mar` is the decision. An operation that was cut off before it is undone, one that was cut
off after it is completed; so what is on disk, what is served and what is served after a restart agree again.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from pathlib import Path

from ops import audit, drain, releases
from ops.errors import OpsError
from ops.files import read_json, write_json
from ops.management import Server, UnreachableError
from ops.paths import current_archive, kept_archive
from ops.probes import pictures

NAME = ".release-intent.json"


@dataclass(frozen=True)
class Intent:
    """`before`: the version that served. `fresh`: the archive of `to` was made for this and has never served."""

    action: str
    to: str
    before: str
    fresh: bool


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
    for leftover in (*store.glob(f".{current_archive(store).name}.*"), store / NAME):
        leftover.unlink(missing_ok=True)


def mend(server: Server, store: Path, state: releases.Releases) -> str | None:
    """Complete or undo what an interrupted operation left. Needs the lock. Returns what was done, None for nothing.

    `state` must be fresh from `releases.look`; it is changed and saved. Raises OpsError.
    """
    found = read(store)
    if found is None:
        clear(store)
        return None
    committed = state.current == found.to
    if committed:
        state.became_current(found.to, found.before)
        done = f"the {found.action} of {found.to} had been decided: completed"
    else:
        done = f"the {found.action} of {found.to} had not been decided: undone"
        record = state.releases.get(found.to)
        if found.fresh and record is not None and not record.served:
            kept_archive(found.to, store).unlink(missing_ok=True)
            state.forget(found.to, "interrupted")
    # A server that does not answer has nothing loaded, and will load what is on disk.
    with contextlib.suppress(UnreachableError):
        loaded = {version.version for version in server.versions()}
        default = server.default().version
        if committed and default != found.to:
            if found.to in loaded and server.version(found.to).ready:
                server.set_default(found.to)
                default = found.to
            else:
                done += f"; TorchServe still serves {default}: restart it to serve {found.to}"
        playing = {state.roles["canary"], state.roles["shadow"]}
        picture = next(iter(pictures().values()))
        for version in ({found.to, found.before} & loaded) - {default} - playing:
            drain.drain(server, version, picture)
            server.unregister(version)
    releases.save(store, state)
    audit.write(store, found.action, "mended", **{"from": found.before, "to": found.to, "detail": done})
    clear(store)
    return done


def remove_archive(store: Path, state: releases.Releases, version: str, outcome: str) -> None:
    """Remove a kept archive, and remember its weights. Raises OpsError."""
    try:
        kept_archive(version, store).unlink(missing_ok=True)
    except OSError as error:
        raise OpsError(f"{kept_archive(version, store).name} cannot be removed: {error.strerror}") from error
    if version in state.releases:
        state.forget(version, outcome)
    releases.save(store, state)
