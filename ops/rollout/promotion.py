"""A kept version goes live: redeploy, rollback, and the promotion of a canary.

The order, and why a crash at any point is consistent:

    back up      the present yolo.mar is a kept version; the new one is copied next to it, so that the disk is full now
    register     the new version loads next to the running one, from its own file; no request is sent to it
    READY        with a deadline; a worker that dies while it loads ends it at once
    check        real inferences pinned to the new version, compared with the running one's
    decide       rename the copy to yolo.mar (cannot fail for space), then move TorchServe's default
    drain        the old version answers what it has; then it is unregistered

Up to the rename a crash of anything comes back with the old version: it is what yolo.mar holds. After it, with the new
one, which has passed its check. Between rename and default lies a millisecond: a server that dies there comes back on
the new version, a default that is refused takes the rename back (also a rename), and an operator who dies there leaves
an intent that the next operation completes.

A canary that is promoted is loaded already: instead of registering it, the gateways send it everything; what fails
before the decision gives it back the share it had.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import replace

from ops.errors import NotServingError, OpsError, from_os_error
from ops.paths import current_archive, kept_archive
from ops.rollout import failure, split
from ops.rollout.change import Change, Loading, Plan
from ops.rollout.recovery import Operation
from ops.store import archive, intent, inventory, releases, routing
from ops.store.intent import Intent
from ops.store.routing import Routing
from ops.system.files import sync
from ops.system.signals import bounded_wait
from ops.torchserve import drift
from ops.torchserve.client import RefusedError, UnreachableError

# Statuses of a server that has just started, or whose queue is full at this moment.
TRANSIENT = frozenset({404, 503, 507})
TRANSIENT_S = 30.0
POLL_S = 0.2


class Promotion:
    """One version going live. `change` is what is to be made of it.

    `fresh`: the archive was packaged for this, and goes when it fails. `compare`: hold its answers against the running
    version's. `canary_of`: the routing in which it is the canary. `abort_canary`: end another canary first.
    """

    def __init__(
        self,
        operation: Operation,
        action: str,
        to: str,
        *,
        note: str = "",
        fresh: bool = False,
        compare: bool = False,
        accept_drift: bool = True,
        canary_of: Routing | None = None,
        abort_canary: bool = False,
    ) -> None:
        self.operation, self.host, self.steps = operation, operation.host, operation.steps
        self.server, self.store, self.state = self.host.server, self.host.store, operation.state
        self.action, self.to, self.fresh, self.compare = action, to, fresh, compare
        self.canary_of, self.abort_canary = canary_of, abort_canary
        self.loading = Loading(operation, to, fresh=fresh, accept_drift=accept_drift)
        self.before = self.loading.running.version
        self.live = current_archive(self.store)
        self.previous = self.live.with_name(f".{self.live.name}.before")
        remains = f"the {canary_of.summary} goes on" if canary_of else f"nothing of {to} is left loaded"
        self.change = Change(
            operation, action, to, before=self.before, detail=note, host=self.host, plan=self._plan(),
            prepare=self._prepare, decide=self._decide, finish=self._finish, undo=self._undo,
            answering=lambda: failure.describe_answering(self.host, remains),
            in_force=f"{to} is live", decision="make it current and the default",
        )  # fmt: skip

    def _plan(self) -> Plan:
        switch = ("switch", f"{self.live.name} and the default to {self.to}")
        drain = ("drain", f"{self.before}, then unregister it")
        if self.canary_of and self.canary_of.canary:
            percent = self.canary_of.canary.percent
            return [("route", f"everything to {self.to}, which gets {percent:g} % now"), switch, drain]
        kept = "is kept" if self.before in self.state.releases else "is not kept yet: it would be"
        return [("back up", f"{self.before} {kept}"), *self.loading.plan([self.to]), switch, drain]

    # -- before the decision ------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        if self.abort_canary:
            split.end_canary(self.operation, f"{self.action} of {self.to}")
        self._back_up()
        if self.to == self.before:
            return
        if self.canary_of is None or self.canary_of.canary is None:
            self.loading.load(self.to, compare=self.compare)
            return
        self.loading.standby.ensure(self.to)
        with self.steps.step(f"send everything to {self.to}"):
            everything = replace(self.canary_of.canary, percent=100)
            routing.write(self.store, replace(self.canary_of, canary=everything))
            routing.await_notice()
        self.loading.standby.check(self.to, compare=False, accept_drift=True)

    def _back_up(self) -> None:
        store, before = self.store, self.before
        with self.steps.step("back up") as remarks:
            kept = inventory.back_up_current(store, self.state)
            shares = routing.document(self.canary_of) if self.canary_of else None
            intent.write(store, Intent(self.action, self.to, before, self.fresh, routing=shares))
            self.staged = archive.stage(kept_archive(self.to, store), self.live)
            self.previous.unlink(missing_ok=True)
            try:
                os.link(self.live, self.previous)
            except FileNotFoundError:  # somebody removed yolo.mar; what runs is a kept version
                shutil.copyfile(kept_archive(before, store), self.previous)
            except OSError:  # a file system without hard links
                shutil.copyfile(self.live, self.previous)
            remarks.append(f"{kept or before} is kept")

    def _undo(self, error: BaseException) -> None:
        self.loading.undo(error)
        if self.canary_of:  # it gets its share back
            routing.write(self.store, self.canary_of)

    # -- the decision -------------------------------------------------------------------------------------------

    def _decide(self) -> str:
        try:
            self.staged.replace(self.live)
            try:
                sync(self.store)
                with bounded_wait():
                    self._move_default()
            except BaseException:
                self.previous.replace(self.live)
                with contextlib.suppress(OpsError):
                    for one in self.server.each():
                        with contextlib.suppress(OpsError):
                            one.set_default(self.before)
                raise
        except OSError as error:
            raise from_os_error(error, f"replacing {self.live.name}") from error
        return f"{self.to} answers, {self.steps.seconds:.1f} s after the start"

    def _move_default(self) -> None:
        """Move the default and see it answer. A server that dies meanwhile is waited for: it comes back on yolo.mar."""
        server, start = self.server, time.monotonic()
        while True:
            try:
                if not server.serves(self.to):
                    if not server.has(self.to):
                        # It came back before the rename: with the old version, and without what was registered.
                        self.loading.standby.register(self.to)
                        self.loading.standby.await_ready(self.to)
                    server.set_default(self.to)
                for one in server.each():
                    drift.read(one.predict(self.loading.standby.picture), self.to)
                return
            except drift.NoAnswerError:
                if server.serves(self.to) or time.monotonic() - start > TRANSIENT_S:
                    raise
                # One of several was started just now, from what yolo.mar was before.
            except RefusedError as error:
                if error.status not in TRANSIENT or time.monotonic() - start > TRANSIENT_S:
                    raise
            except UnreachableError as error:
                if time.monotonic() - start > failure.COME_BACK_S or not self.host.is_supervised():
                    raise NotServingError(f"TorchServe went away and did not come back: {error}") from error
            time.sleep(POLL_S)

    # -- after it -----------------------------------------------------------------------------------------------

    def _finish(self) -> str:
        self.state.set_current(self.to, self.before)
        releases.save(self.store, self.state)
        self.host.record_served_archive()
        return "; ".join(filter(None, [self._settle_routing(), self._retire(self.before)]))

    def _settle_routing(self) -> str:
        store = self.store
        try:
            if routing.set_stable(store, self.to):
                with self.steps.step("let the gateways notice"):
                    routing.await_notice()
            routing.forget_autopilot(store)
        except OpsError as error:
            return f"{self.to} serves, but {error}; the next operation tries again"
        return ""

    def _retire(self, old: str) -> str:
        """Let the old version answer what it has, and remove it. Returns a warning when it could not be removed."""
        if old == self.to:
            return ""
        try:
            self.loading.standby.complete(self.to)
            self.loading.standby.unload(old)
        except RefusedError as error:
            if error.status != 404:  # a server that came back has only the new one
                return f"{old} is still loaded ({error}); the next operation tries again"
        except UnreachableError as error:
            return f"TorchServe stopped answering after the switch ({error}); it comes back on {self.to}"
        except OpsError as error:
            return f"{self.to} answers, but: {error}. {old} stays loaded until the next operation"
        return ""
