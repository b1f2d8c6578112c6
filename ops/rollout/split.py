"""A split of the requests starts or ends: canary, experiment and shadow, all in the same way.

Start: load the versions next to the running one, READY and checked; then `routing.json` names them (the decision).
Until that rename no request is sent to them, and what fails leaves nothing. End: `routing.json` names them no more, the
gateways are given time to notice, what they had sent is answered, the versions are removed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ops.errors import NotNowError
from ops.paths import kept_archive
from ops.rollout import recovery
from ops.rollout.change import Change, Plan, VersionChange
from ops.rollout.failure import answering_version
from ops.rollout.preconditions import served
from ops.store import intent, inventory, routing
from ops.store.intent import Intent
from ops.store.inventory import Releases
from ops.store.routing import Routing
from ops.terminal.steps import Steps
from ops.torchserve.client import RefusedError, UnreachableError
from ops.torchserve.host import Host

COMMANDS = {
    "canary": "canary.sh start NEW.pt --percent 10",
    "experiment": "experiment.sh start NAME --share 1.1=50",
    "shadow": "shadow.sh start NEW.pt --percent 20",
}


@dataclass(kw_only=True)
class Start(VersionChange):
    """A part (canary, experiment or shadow) starts. `to` is its version, or the experiment's name.

    `routed`: the routing to put in force. `effect`: what that does, for a dry run.
    """

    part: str
    routed: Routing
    effect: tuple[str, str]

    @property
    def versions(self) -> list[str]:
        """The versions to load."""
        return [version for version in self.routed.versions(self.part) if version != self.running.version]

    def plan(self) -> Plan:
        """Return the steps for a dry run."""
        return [*self._plan_load(self.versions), self.effect]

    def _prepare(self) -> None:
        self.detail, playing = self.routed.summary, self.routed.versions(self.part)
        doing = Intent(self.action, self.to, self.running.version, self.fresh, "join", self.part, playing)
        intent.write(self.host.store, doing)
        for version in self.versions:
            self._load(version)

    def _decide(self) -> str:
        self.routed = routing.write(self.host.store, self.routed)
        return self.routed.summary

    def _in_force(self) -> str:
        return f"{self.routed.summary} is in force"

    def _finish(self) -> str:
        if self.fresh:
            self.state.releases[self.to].made_for = self.part
        inventory.save(self.host.store, self.state)
        routing.await_notice()  # done means in force
        return ""


@dataclass(kw_only=True)
class End(Change):
    """A part ends. `to` is its version, or the experiment's name; `remove`: the archive goes too.

    Once it is decided it can only be completed, by the next operation when this one is cut off.
    """

    state: Releases
    part: str
    remove: bool = False

    def __post_init__(self) -> None:
        self.present = routing.read(self.host.store)
        self.remaining = self.present.without(self.part)

    def plan(self) -> Plan:
        """Return the steps for a dry run."""
        ending = replace(Routing(), **{self.part: getattr(self.present, self.part)}).summary
        leaving = [version for version in self.present.versions(self.part) if version != self.present.stable]
        removed = f"removed{' (--keep keeps it)' if self.part == 'canary' else ''}"
        return [
            ("end", f"{ending}; its requests go to {self.present.stable}"),
            ("drain", f"{', '.join(leaving)}, then unregister"),
            *(("archive", f"{kept_archive(v).name} is {removed if self.remove else 'kept'}") for v in leaving),
        ]

    def _decide(self) -> str:
        default, versions = served(self.host), self.present.versions(self.part)
        before = default.version if default else ""
        intent.write(self.host.store, Intent(self.action, self.to, before, self.remove, "leave", self.part, versions))
        return routing.write(self.host.store, self.remaining).summary

    def _in_force(self) -> str:
        return f"the {self.part} has ended"

    def _finish(self) -> str:
        store = self.host.store
        routing.await_notice()
        routing.forget_autopilot(store)
        warning = ""
        try:
            recovery.unload(self.host, self.steps, self.present.versions(self.part), self.remaining.playing)
        except RefusedError as error:
            if error.status != 404:
                warning = f"a version of it is still loaded ({error}); the next operation tries again"
        except UnreachableError:
            pass  # what was loaded is gone, and it comes back without it
        if self.remove and not warning:
            with self.steps.step(f"remove the archive of {self.to}"):
                inventory.remove_archive(store, self.state, self.to, "aborted")
        inventory.save(store, self.state)
        return warning

    def _answering(self) -> str | None:
        version = answering_version(self.host)
        return version and f"Version {version} answers as before; the {self.part} goes on"


def end_canary(
    host: Host, state: Releases, steps: Steps, why: str, *, keep: bool = False, dry_run: bool = False
) -> str:
    """End the canary, if there is one. Needs the lock. Returns what became of its archive. Raises OpsError."""
    found = routing.read(host.store).canary
    if found is None:
        return ""
    remove = is_removable(state, found.version, "canary") and not keep
    End(
        host=host, steps=steps, action="canary abort", to=found.version, detail=why,
        state=state, part="canary", remove=remove,
    ).run(dry_run=dry_run)  # fmt: skip
    return f"the archive of {found.version} is {'removed' if remove else 'kept'}"


def not_active(part: str) -> NotNowError:
    """Return the error that says that a part is not active, and how to start one."""
    return NotNowError(f"no {part} is active. Start one: bash scripts/{COMMANDS[part]}")


def is_removable(state: Releases, version: str, part: str) -> bool:
    """Tell whether a version was packaged for this part and has never been anything else."""
    record = state.releases.get(version)
    return record is not None and record.made_for == part and not record.served
