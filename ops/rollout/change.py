"""One change to what is served: the same course for a version that goes live, a split of the requests, another server.

    prepare   all that can fail; no client notices. What fails is undone
    decide    one rename, and what has to happen at the same moment; signals wait for it
    finish    bring everything else into agreement; what cannot be done now is left to the next operation
    undo      leave nothing behind

Cut off at any moment, the next operation undoes or completes it: see `ops.rollout.recovery`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from ops.errors import DriftError, OpsError
from ops.rollout import failure
from ops.samples import pictures
from ops.store import audit, intent, inventory
from ops.store.inventory import Releases
from ops.system.signals import uninterrupted
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve.client import Loaded
from ops.torchserve.host import Host
from ops.torchserve.standby import Standby

#: The steps of a dry run: a title, and what it would do.
Plan = list[tuple[str, str]]


@dataclass(kw_only=True)
class Change:
    """A change of `to` on a host; the caller holds the lock, and recovery is done. Subclasses fill in the course.

    `action`, `before`, `to`, `note` and `detail` go to the audit trail.
    """

    #: What to do when nothing answers after a failure.
    hint: ClassVar[str] = "Nothing answers now. See: bash scripts/status.sh, and bash scripts/rollback.sh VERSION"

    host: Host
    steps: Steps
    action: str
    to: str
    before: str | None = None
    note: str = ""
    detail: str = ""
    #: Title of the step that decides.
    decision: str = "tell the gateways"

    def plan(self) -> Plan:
        """Return the steps for a dry run."""
        raise NotImplementedError

    def _prepare(self) -> None:
        """Do all that can fail. Raises OpsError."""

    def _decide(self) -> str:
        """Decide; return a remark for the table. What it raises, it has taken back."""
        raise NotImplementedError

    def _in_force(self) -> str:
        """Return what holds after the decision, as a clause."""
        raise NotImplementedError

    def _finish(self) -> str:
        """Bring everything else into agreement. Returns a warning about what is left to the next operation, or ""."""
        return ""

    def _undo(self, error: BaseException) -> None:
        """Take back what `_prepare` did."""

    def _answering(self) -> str | None:
        """Return who answers after a failure, as a sentence; None when nobody does."""
        raise NotImplementedError

    def run(self, *, dry_run: bool = False) -> bool:
        """Make the change, or say what it would do. Returns whether it was made.

        Raises OpsError; then what was served before is still served. An interruption is raised again: before the
        decision after everything is undone, after it once everything is complete.
        """
        if dry_run:
            show_plan(self.plan())
            return False
        self.host.mark_log()
        decided = False
        try:
            self._prepare()
            with self.steps.step(self.decision) as remarks, uninterrupted():
                remarks.append(self._decide())
                decided = True
        except BaseException as error:
            if decided:  # the interruption waited for the decision
                say(f"  interrupted, but {self._in_force()} already; again, to leave the rest to the next operation")
                self._complete()
            else:
                self._fail(error)
            raise
        self._complete()
        return True

    def _complete(self) -> None:
        interrupted = False
        try:
            warning = self._finish()
        except KeyboardInterrupt:
            warning, interrupted = f"interrupted: {self._in_force()}; the next operation does the rest", True
        if not warning:  # else the intent stays
            intent.clear(self.host.store)
        self._audit("done", "; ".join(filter(None, [self.detail, warning])))
        if warning:
            say(f"  warning: {warning}")
        if interrupted:
            raise KeyboardInterrupt

    def _fail(self, error: BaseException) -> None:
        with uninterrupted():
            try:
                self._undo(error)
                intent.clear(self.host.store)
            except OpsError as failed:  # the intent stays, and the next operation undoes the rest
                say(f"  warning: {failed}")
            self._audit("failed", str(error) or type(error).__name__)
        for row in self.steps.table():
            say(row)
        if isinstance(error, OpsError):  # nobody waits for an explanation after Ctrl-C
            failure.explain(self.host, error, f"{self.action} of {self.to}", self._answering, self.hint)

    def _audit(self, outcome: str, detail: str) -> None:
        audit.write(
            self.host.store, self.action, outcome, **{"from": self.before, "to": self.to},
            seconds=round(self.steps.seconds, 1), steps=self.steps.took, note=self.note, detail=detail,
        )  # fmt: skip


@dataclass(kw_only=True)
class VersionChange(Change):
    """A change of versions on one server. `state` is fresh from recovery, and saved; `running` is what serves.

    `fresh`: the archive of `to` was packaged for this, and goes when it fails. `accept_drift`: other answers are meant.
    """

    state: Releases
    running: Loaded
    fresh: bool = False
    accept_drift: bool = False
    #: Versions that were loaded for this.
    loaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.standby = Standby(self.host, self.steps, self.running)

    def _plan_load(self, versions: Sequence[str]) -> Plan:
        now = self.running
        workers, many = max(now.min_workers, 1), f"batch {now.batch_size}; wait until READY"
        compared = "say how its answers differ" if self.accept_drift else "stop if its answers drift"
        return [
            ("register", f"{', '.join(versions) or 'nothing'} next to {now.version}, {workers} worker(s), {many}"),
            ("check", f"{len(pictures())} sample(s) against {now.version}; {compared}"),
        ]

    def _load(self, version: str, *, compare: bool = True) -> None:
        """Load a version next to the running one and check it. Raises OpsError.

        `compare`: against the answers of the running one. A version that has served before is READY with one worker, as
        seconds count on the way back; the others are loaded when it serves.
        """
        self.loaded.append(version)
        self.standby.load(version, None if compare else 1)
        self.standby.check(version, compare=compare, accept_drift=self.accept_drift)

    def _undo(self, error: BaseException) -> None:
        for version in self.loaded:
            with contextlib.suppress(OpsError):
                self.host.server.unregister(version)
        if self.fresh:
            outcome = "refused" if isinstance(error, DriftError) else "failed"
            inventory.remove_archive(self.host.store, self.state, self.to, outcome)

    def _left(self) -> str:
        """Return what is left after a failure, as a clause."""
        return f"nothing of {self.to} is left loaded"

    def _answering(self) -> str | None:
        version = failure.answering_version(self.host)
        return version and f"Version {version} answers as before; {self._left()}"


def show_plan(plan: Plan, head: str = "Dry run, nothing is changed. It would:") -> None:
    """Print what a dry run would do."""
    say(head)
    for title, what in plan:
        say(f"  {title:<12} {what}")
