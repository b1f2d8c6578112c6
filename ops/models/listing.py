"""The models of the service: which there are, whether they are served, and what they take."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from ops.errors import OpsError
from ops.paths import folder_of, script
from ops.store import intent, inventory, lock, models, removal
from ops.store.releases import Release
from ops.system.polling import poll
from ops.terminal.console import progress, say, size
from ops.terminal.table import table
from ops.torchserve import memory
from ops.torchserve.client import Loaded, RefusedError, UnreachableError
from ops.torchserve.host import Host

SCHEMA = 1
# How long `up` waits for models other than `yolo`, which answers meanwhile.
LOAD_S = 120.0


@dataclass(frozen=True)
class Listed:
    """One model. `version` is the one that answers, or that a start would serve; `kept` are all that are kept.

    `state`: served, loading, failing, unloaded (until the next request), not loaded, removed, or unknown where no
    server answers. `memory_bytes` is what its workers take and do not share, 0 where that cannot be seen;
    `expected_bytes` is the estimate by which `add` and a start decide.
    """

    name: str
    state: str
    version: str | None = None
    task: str = ""
    workers: int = 0
    memory_bytes: int = 0
    expected_bytes: int = 0
    kept: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def print_models(host: Host, as_json: bool = False) -> None:
    """Print all models. Changes nothing. Raises OpsError."""
    found = list_models(host)
    if as_json:
        say(json.dumps({"schema": SCHEMA, "models": [asdict(one) for one in found]}, indent=1, ensure_ascii=False))
        return
    rows = [[one.name, one.task, one.version or "", _shown(one), _memory(one)] for one in found]
    for line in table(rows, ["model", "task", "version", "state", "memory"]):
        say(line)
    for one in found:
        for note in one.notes:
            say(f"  note: {one.name}: {note}")
    if any(one.state == "unknown" for one in found):
        say("  note: TorchServe does not answer: nothing is served. Start it: bash scripts/up.sh")


def print_when_loaded(host: Host) -> None:
    """Wait until no model is loading any more, and print all of them; nothing where `yolo` is the only one."""
    if len(models.with_archive(folder_of(host.store))) < 2:
        return
    loading: list[str] = []

    def is_settled() -> bool:
        nonlocal loading
        loading = [one.name for one in list_models(host) if one.state in ("loading", "unknown")]
        return not loading

    with progress("waiting for the other models", lambda: ", ".join(loading)):
        poll(is_settled, LOAD_S, 1.0)
    print_models(host)


def list_models(host: Host) -> list[Listed]:
    """Return all models, those that were removed and have kept versions last. Raises OpsError."""
    folder = folder_of(host.store)
    loaded = _registered(host)
    names = models.names(folder)
    strangers = [name for name in loaded or [] if name not in names]
    found = [_describe(host.of_model(name), is_up=loaded is not None) for name in [*names, *strangers]]
    return sorted((one for one in found if one), key=lambda one: one.state == "removed")


def _registered(host: Host) -> list[str] | None:
    """Return the models that the server has, None where none answers."""
    try:
        return host.server.models()
    except UnreachableError:
        return None


def _describe(host: Host, *, is_up: bool) -> Listed | None:
    """Return what is known of a model; None where it was removed with all that was kept of it."""
    state, _ = inventory.look(host.store)
    served = _served(host) if is_up else None
    has_archive = models.is_served(host.model, folder_of(host.store))
    kept, notes = list(state.releases), _notes(host)
    version = served.version if served else state.current
    record = state.releases.get(version or "")
    if record:
        notes = [*([record.note] if record.note else []), *notes]
    if served is None and not has_archive:
        if not kept:
            return None
        gone = removal.read(host.store)
        last = kept[-1]
        when = f"removed {gone.at[:10]} by {gone.by}" if gone else "there is no archive to serve"
        notes = [f"{when}. To bring it back: bash scripts/models.sh add {last} --name {host.model}", *notes]
        return Listed(host.model, "removed", None, state.releases[last].task, kept=kept, notes=notes)
    if served is None:
        wanted = "not loaded" if is_up else "unknown"
        if is_up:
            notes.append(
                "TorchServe does not serve it: its log says why, unless the archive is newer than its start. A restart "
                f"tries again: {_restart(host)}"
            )
        return Listed(host.model, wanted, version, _task(record), kept=kept, notes=notes)
    if not has_archive:
        notes.append("it is loaded, but no start serves it: it has no archive of its name in the model store")
    elif state.current and served.version != state.current:
        notes.append(f"a restart would serve {state.current}")
    ready = sum(worker == "READY" for worker, _ in served.workers)
    return Listed(
        host.model, _state(served, ready), version, _task(record),
        workers=ready, memory_bytes=memory.measured(host, served), expected_bytes=memory.estimated(host, served),
        kept=kept, notes=notes,
    )  # fmt: skip


def _restart(host: Host) -> str:
    return f"docker compose restart {host.program}" if host.compose else "bash scripts/down.sh && bash scripts/up.sh"


def _served(host: Host) -> Loaded | None:
    try:
        return host.server.default()
    except RefusedError:
        return None


def _state(served: Loaded, ready: int) -> str:
    if served.unloaded:
        return "unloaded"
    if ready:
        return "served"
    return "loading" if any(pid <= 0 or state == "UNLOADING" for state, pid in served.workers) else "failing"


def _task(record: Release | None) -> str:
    return record.task if record else ""


def _notes(host: Host) -> list[str]:
    try:
        holder = lock.holder(host.store)
        unfinished = intent.read(host.store)
    except OpsError as error:
        return [str(error)]
    if holder is not None:
        return [f"an operation is at work: {holder}"]
    if unfinished is not None:
        recover = script("releases.sh recover", host.store)
        return [f"the {unfinished.action} was cut off; the next operation completes or undoes it, or: {recover}"]
    return []


def _memory(one: Listed) -> str:
    if one.memory_bytes:
        return size(one.memory_bytes)
    return f"about {size(one.expected_bytes)}" if one.workers else ""


def _shown(one: Listed) -> str:
    if one.state == "served":
        return f"served, {one.workers} worker{'' if one.workers == 1 else 's'}"
    return {"unloaded": "unloaded until the next request", "unknown": "not running"}.get(one.state, one.state)
