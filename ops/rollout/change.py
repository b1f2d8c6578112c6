"""One change to what is served: the same course for a version that goes live, a split of the requests, another server.

    prepare   all that can fail; no client notices. What fails is undone
    decide    one rename, and what has to happen at the same moment; signals wait for it
    finish    bring everything else into agreement; what cannot be done now is left to the next operation
    undo      leave nothing behind

Cut off at any moment, the next operation undoes or completes it: see `ops.rollout.recovery`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass

from ops.errors import DriftError, OpsError
from ops.paths import script
from ops.rollout import failure
from ops.rollout.recovery import Operation
from ops.samples import pictures
from ops.store import audit, intent, inventory
from ops.system.signals import PATIENCE_S, uninterrupted
from ops.terminal.console import say
from ops.torchserve.host import Host
from ops.torchserve.standby import Standby

#: The steps of a dry run: a title, and what it would do.
Plan = list[tuple[str, str]]


@dataclass
class Change:
    """A change of `to`. `action`, `before`, `to`, `note` and `detail` go to the audit trail.

    `decide` takes back what it raises, and may return a remark for the table. `finish` returns a warning about what is
    left to the next operation, if any. `answering` says who answers after a failure, None for nobody; then `hint` says
    what to do (by default: roll back). `in_force`: what holds after the decision. `host`: whose log explains a failure.
    """

    operation: Operation
    action: str
    to: str
    _: KW_ONLY
    plan: Plan
    prepare: Callable[[], None] = lambda: None
    decide: Callable[[], str | None]
    finish: Callable[[], str | None] = lambda: None
    undo: Callable[[BaseException], None] = lambda error: None
    answering: Callable[[], str | None]
    in_force: str
    host: Host
    before: str | None = None
    note: str = ""
    detail: str = ""
    decision: str = "tell the gateways"
    hint: str = ""

    def run(self, report: str = "") -> None:
        """Make the change and print the report; in a dry run, say what it would do.

        Raises OpsError; then what was served before is still served. An interruption is raised again: before the
        decision after everything is undone, after it once everything is complete.
        """
        if self.operation.dry_run:
            show_plan(self.plan)
            return
        self.host.mark_log()
        decided = False
        try:
            self.prepare()
            doing = f"{self.decision} is completed, or taken back if that takes more than {PATIENCE_S:.0f} s"
            with self.operation.steps.step(self.decision) as remarks, uninterrupted(doing):
                remarks.append(self.decide() or "")
                decided = True
        except BaseException as error:
            if decided:  # the interruption waited for the decision
                say(f"  interrupted, but {self.in_force} already; again, to leave the rest to the next operation")
                self._finish()
            else:
                self._undo(error)
            raise
        self._finish()
        if report:
            self.operation.steps.report(report)

    def _finish(self) -> None:
        interrupted = False
        try:
            warning = self.finish()
        except KeyboardInterrupt:
            warning, interrupted = f"interrupted: {self.in_force}; the next operation does the rest", True
        if not warning:  # else the intent stays
            intent.clear(self.host.store)
        self._audit("done", "; ".join(filter(None, [self.detail, warning])))
        if warning:
            say(f"  warning: {warning}")
        if interrupted:
            raise KeyboardInterrupt

    def _undo(self, error: BaseException) -> None:
        with uninterrupted("what was begun is undone"):
            try:
                self.undo(error)
                intent.clear(self.host.store)
            except OpsError as failed:  # the intent stays, and the next operation undoes the rest
                say(f"  warning: {failed}")
            self._audit("failed", str(error) or type(error).__name__)
        for row in self.operation.steps.table():
            say(row)
        if isinstance(error, OpsError):  # nobody waits for an explanation after Ctrl-C
            way_back = script("rollback.sh VERSION", self.host.store)
            hint = self.hint or f"Nothing answers now. See: bash scripts/status.sh, and {way_back}"
            failure.explain(self.host, error, f"{self.action} of {self.to}", self.answering, hint)

    def _audit(self, outcome: str, detail: str) -> None:
        steps = self.operation.steps
        audit.record(
            self.host.store, self.action, outcome, **{"from": self.before, "to": self.to},
            seconds=round(steps.seconds, 1), steps=steps.took, note=self.note, detail=detail,
        )  # fmt: skip


class Loading:
    """Versions that are loaded next to the running one for a change of `to`, and removed when it fails.

    `fresh`: the archive of `to` was packaged for this, and goes too. `accept_drift`: other answers are meant.
    """

    def __init__(self, operation: Operation, to: str, *, fresh: bool, accept_drift: bool) -> None:
        self.operation, self.to, self.fresh, self.accept_drift = operation, to, fresh, accept_drift
        self.running = operation.host.server.default()
        self.standby = Standby(operation.host, operation.steps, self.running)
        self.loaded: list[str] = []

    def plan(self, versions: Sequence[str]) -> Plan:
        """Return what loading them would do."""
        now = self.running
        workers, many = max(now.min_workers, 1), f"batch {now.batch_size}; wait until READY"
        compared = "say how its answers differ" if self.accept_drift else "stop if its answers drift"
        return [
            ("register", f"{', '.join(versions) or 'nothing'} next to {now.version}, {workers} worker(s), {many}"),
            ("check", f"{len(pictures())} sample(s) against {now.version}; {compared}"),
        ]

    def load(self, version: str, *, compare: bool = True) -> None:
        """Load a version and check it. Raises OpsError.

        `compare`: against the answers of the running one. A version that has served before is READY with one worker, as
        seconds count on the way back; the others are loaded when it serves.
        """
        if compare:
            self.standby.wake_running()
        self.loaded.append(version)
        self.standby.load(version, None if compare else 1)
        self.standby.check(version, compare=compare, accept_drift=self.accept_drift)

    def undo(self, error: BaseException) -> None:
        """Unload what was loaded, and remove the archive if it is fresh."""
        host = self.operation.host
        for version in self.loaded:
            with contextlib.suppress(OpsError):
                host.server.unregister(version)
        if self.fresh:
            outcome = "refused" if isinstance(error, DriftError) else "failed"
            inventory.remove_archive(host.store, self.operation.state, self.to, outcome)


def show_plan(plan: Plan) -> None:
    """Print what a dry run would do."""
    say("Dry run, nothing is changed. It would:")
    show_rows(plan)


def show_rows(plan: Plan) -> None:
    """Print further steps."""
    for title, what in plan:
        say(f"  {title:<12} {what}")
