"""A split of the requests starts or ends: canary, experiment and shadow, all in the same way.

Start: load the versions next to the running one, READY and checked; then `routing.json` names them (the decision).
Until that rename no request is sent to them, and what fails leaves nothing. End: `routing.json` names them no more, the
gateways are given time to notice, what they had sent is answered, the versions are removed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ops.errors import NotNowError
from ops.paths import kept_archive, script
from ops.rollout.change import Change, Loading
from ops.rollout.failure import describe_answering
from ops.rollout.preconditions import served
from ops.rollout.recovery import Operation
from ops.store import intent, inventory, releases, routing
from ops.store.intent import Intent
from ops.store.releases import Releases
from ops.store.routing import Routing
from ops.torchserve.client import RefusedError, UnreachableError
from ops.torchserve.standby import unload

COMMANDS = {
    "canary": "canary.sh start NEW.pt --percent 10",
    "experiment": "experiment.sh start NAME --share 1.1=50",
    "shadow": "shadow.sh start NEW.pt --percent 20",
}


def start(
    operation: Operation,
    part: str,
    to: str,
    route: Callable[[Routing], Routing],
    *,
    note: str = "",
    fresh: bool = False,
    accept_drift: bool = False,
) -> Change:
    """Return the change that starts a part: `to` is its version, or the experiment's name. Raises OpsError.

    `route` adds it to a routing. `fresh`: the archive of `to` was packaged for this, and goes when the start fails.
    """
    host, state, action = operation.host, operation.state, f"{part} start"
    loading = Loading(operation, to, fresh=fresh, accept_drift=accept_drift)
    stable = loading.running.version
    routed = route(replace(routing.read(host.store), stable=stable))
    playing = routed.versions(part)
    joining = [version for version in playing if version != stable]
    rest = "every answer still comes from" if part == "shadow" else "the rest of the requests to"

    def prepare() -> None:
        intent.write(host.store, Intent(action, to, stable, fresh, "join", part, playing))
        for version in joining:
            loading.load(version)

    def decide() -> str:
        return routing.write(host.store, routed).summary

    def finish() -> None:
        if fresh:
            state.releases[to].made_for = part
        releases.save(host.store, state)
        routing.await_notice()  # done means in force

    return Change(
        operation, action, to, note=note, detail=routed.summary, host=host,
        plan=[*loading.plan(joining), ("route", f"{routed.summary}; {rest} {stable}")],
        prepare=prepare, decide=decide, finish=finish, undo=loading.undo, in_force=f"{routed.summary} is in force",
        answering=lambda: describe_answering(host, f"nothing of {to} is left loaded"),
    )  # fmt: skip


def end(operation: Operation, action: str, part: str, to: str, *, remove: bool = False, detail: str = "") -> Change:
    """Return the change that ends a part: `to` is its version, or the experiment's name.

    `remove`: the archive goes too. Once decided it is only completed, by the next operation when this one is cut off.
    """
    host, state = operation.host, operation.state
    present = routing.read(host.store)
    remaining, leaving = present.without(part), present.versions(part)
    ending = replace(Routing(), **{part: getattr(present, part)}).summary
    archives = ", ".join(kept_archive(version).name for version in leaving)
    option = " (--keep keeps it)" if remove and part == "canary" else ""

    def decide() -> str:
        default = served(host)
        before = default.version if default else ""
        intent.write(host.store, Intent(action, to, before, remove, "leave", part, leaving))
        return routing.write(host.store, remaining).summary

    def finish() -> str | None:
        routing.await_notice()
        routing.forget_autopilot(host.store)
        try:
            unload(host, operation.steps, leaving, remaining.playing)
        except RefusedError as error:
            if error.status != 404:
                return f"a version of it is still loaded ({error}); the next operation tries again"
        except UnreachableError:
            pass  # what was loaded is gone, and it comes back without it
        if remove:
            with operation.steps.step(f"remove the archive of {to}"):
                inventory.remove_archive(host.store, state, to, "aborted")
        return None

    return Change(
        operation, action, to, detail=detail, host=host,
        plan=[
            ("end", f"{ending}{'' if part == 'shadow' else f'; its requests go to {present.stable}'}"),
            ("drain", f"{', '.join(version for version in leaving if version != present.stable)}, then unregister"),
            ("archive", f"{archives}: {'removed' if remove else 'kept'}{option}"),
        ],
        decide=decide, finish=finish, in_force=f"the {part} has ended",
        answering=lambda: describe_answering(host, f"the {part} goes on"),
    )  # fmt: skip


def end_canary(operation: Operation, why: str, *, keep: bool = False) -> str:
    """End the canary, if there is one. Returns what became of its archive. Raises OpsError."""
    found = routing.read(operation.host.store).canary
    if found is None:
        return ""
    remove = is_removable(operation.state, found.version, "canary") and not keep
    end(operation, "canary abort", "canary", found.version, remove=remove, detail=why).run()
    return f"the archive of {found.version} is {'removed' if remove else 'kept'}"


def not_active(part: str, store: Path) -> NotNowError:
    """Return the error that says that a part is not active, and how to start one."""
    return NotNowError(f"no {part} is active. Start one: {script(COMMANDS[part], store)}")


def is_removable(state: Releases, version: str, part: str) -> bool:
    """Tell whether a version was packaged for this part and has never been anything else."""
    record = state.releases.get(version)
    return record is not None and record.made_for == part and not record.served
