"""A part beside the stable version begins or ends: canary, experiment, shadow, all in the same way.

Begin: load the versions beside the running one, READY, checked; then `routing.json` names them (the decision). Until
that rename no client has been sent to them, and what fails leaves nothing. End: `routing.json` names them no more, the
gateways are given time to notice, what they had sent is answered, the versions are removed.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from ops.errors import DriftError, NotNowError, OpsError
from ops.rollout import failure
from ops.store import audit, intent, inventory, routing
from ops.system.signals import uninterrupted
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve.client import Loaded, RefusedError, UnreachableError
from ops.torchserve.host import Host
from ops.torchserve.standby import Standby

STARTS = {
    "canary": "canary.sh start NEW.pt --percent 10",
    "experiment": "experiment.sh start NAME --share 1.1=50",
    "shadow": "shadow.sh start NEW.pt --percent 20",
}


@dataclass
class Beginning:
    """What begins. `to` names it; `versions` are loaded; `fresh`: the archive of `to` was made for this.

    `routed`: the routing that puts it in force. `compare`: against the running version's answers.
    """

    action: str
    part: str
    to: str
    versions: list[str]
    routed: routing.Routing
    fresh: bool = False
    compare: bool = True
    accept_drift: bool = False
    note: str = ""
    loaded: list[str] = field(default_factory=list)


def begin(host: Host, state: inventory.Releases, steps: Steps, what: Beginning) -> None:
    """Put a part in force. Needs the lock; `state` is saved. Raises OpsError; then nothing of it is left."""
    before: Loaded | None = None
    routed: routing.Routing | None = None
    try:
        before = host.server.default()
        beside = Standby(host, steps, before)
        host.mark_log()
        intent.write(
            host.store,
            intent.Intent(
                what.action,
                what.to,
                before.version,
                what.fresh,
                kind="join",
                part=what.part,
                beside=what.routed.versions(what.part),
            ),
        )
        for version in what.versions:
            what.loaded.append(version)
            beside.load(version)
            beside.check(version, compare=what.compare, accept_drift=what.accept_drift)
        with steps.step("tell the gateways") as remarks, uninterrupted():
            routed = routing.write(host.store, what.routed)
            remarks.append(routed.split)
    except BaseException as error:
        if routed is None:
            _undo(host, state, steps, what, before, error)
        else:  # the interruption waited for the decision
            say(f"  interrupted, but it is in force already: {routed.split}")
            _complete(host, state, steps, what, routed)
        raise
    _complete(host, state, steps, what, routed)
    routing.await_notice()  # done means in force


def _complete(host: Host, state: inventory.Releases, steps: Steps, what: Beginning, routed: routing.Routing) -> None:
    """Make what is known of the releases agree with what is in force."""
    with uninterrupted():
        if what.fresh:
            state.releases[what.to].made_for = what.part
        inventory.save(host.store, state)
        intent.clear(host.store)
        audit.write(
            host.store, what.action, "done", to=what.to, note=what.note, detail=routed.split,
            seconds=round(steps.seconds, 1), steps=steps.took,
        )  # fmt: skip


def _undo(
    host: Host, state: inventory.Releases, steps: Steps, what: Beginning, before: Loaded | None, error: BaseException
) -> None:
    for version in what.loaded:
        with contextlib.suppress(OpsError):
            host.server.unregister(version)
    with uninterrupted():
        if what.fresh:
            refused = "refused" if isinstance(error, DriftError) else "failed"
            inventory.remove_archive(host.store, state, what.to, refused)
        intent.clear(host.store)
    fields = {"from": before.version if before else None, "to": what.to, "detail": str(error) or type(error).__name__}
    audit.write(host.store, what.action, "failed", **fields)
    for row in steps.table():
        say(row)
    failure.tell(host, error, f"{what.action} of {what.to}", f"nothing of {what.to} is left loaded")


def end(
    host: Host,
    state: inventory.Releases,
    steps: Steps,
    action: str,
    part: str,
    *,
    to: str,
    remove: bool = False,
    detail: str = "",
) -> None:
    """Take a part out of force. Needs the lock; `state` is saved. `remove`: the archive of `to` goes too.

    Cut off at any moment, it is completed by the next operation. Raises OpsError.
    """
    present = routing.read(host.store)
    versions = present.versions(part)
    served = default_version(host)
    doing = intent.Intent(action, to, served or "", fresh=remove, kind="leave", part=part, beside=versions)
    intent.write(host.store, doing)
    with steps.step("tell the gateways") as remarks:
        remaining = routing.write(host.store, present.without(part))
        remarks.append(remaining.split)
        routing.await_notice()
    warning = ""
    try:
        running = host.server.default()
        loaded = {version.version for version in host.server.versions()}
        for version in versions:
            if version in loaded - {running.version} - remaining.playing:
                Standby(host, steps, running).unload(version)
    except RefusedError as error:
        if error.status != 404:
            warning = f"a version of it is still loaded ({error}); the next operation tries again"
    except UnreachableError:
        pass  # what was loaded is gone, and it comes back without it
    if remove and not warning:
        with steps.step(f"remove the archive of {to}"):
            inventory.remove_archive(host.store, state, to, "aborted")
    inventory.save(host.store, state)
    if not warning:  # else the intent stays
        intent.clear(host.store)
    audit.write(
        host.store, action, "done", to=to, detail="; ".join(filter(None, [detail, warning])),
        seconds=round(steps.seconds, 1), steps=steps.took,
    )  # fmt: skip
    if warning:
        say(f"  warning: {warning}")


def default_version(host: Host) -> str | None:
    """Return the version that answers by default, None when the server does not say."""
    try:
        return host.server.default().version
    except (UnreachableError, RefusedError):
        return None


def absent(part: str) -> NotNowError:
    """Return the error that says that a part is not active, and how one is."""
    return NotNowError(f"no {part} is active. Start one: bash scripts/{STARTS[part]}")


def removable(state: inventory.Releases, version: str, part: str) -> bool:
    """Tell whether a version was packaged for this part and has never been anything else."""
    record = state.releases.get(version)
    return record is not None and record.made_for == part and not record.served
