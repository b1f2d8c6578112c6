"""Put a kept version live beside the running one, or leave everything as it was.

The order, and why a crash at any point is consistent:

    back up      the present yolo.mar is a kept version; the new one is copied beside it, so that the disk is full now
    register     the new version loads beside the running one, from its own file; nobody is sent to it
    READY        with a deadline; a worker that dies while it loads ends it at once
    check        real inferences pinned to the new version, compared with the running one's
    decide       rename the copy to yolo.mar (cannot fail for space), then move TorchServe's default
    drain        the old version answers what it has; then it is unregistered

Up to the rename a crash of anything comes back with the old version: it is what yolo.mar holds. After it, with the new
one, which has passed its check. Between rename and default lies a millisecond: a server that dies there comes back on
the new version, a default that is refused takes the rename back (also a rename), and an operator who dies there leaves
an intent that the next operation completes.

A canary that is promoted is loaded already: in the place of registering, the gateways send it everything; what fails
before the decision gives it back the share it had.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

from ops.errors import DriftError, NotServingError, OpsError, from_os_error
from ops.paths import current_archive, kept_archive
from ops.rollout import failure
from ops.store import archive, audit, intent, inventory, routing
from ops.system.files import sync
from ops.system.signals import uninterrupted
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve import drift
from ops.torchserve.client import Loaded, RefusedError, UnreachableError
from ops.torchserve.host import Host
from ops.torchserve.standby import Standby

# Statuses of a server that has just started, or whose queue is full at this moment.
NOT_JUST_NOW = frozenset({404, 503, 507})
NOT_JUST_NOW_S = 30.0
POLL_S = 0.2


class Transaction:
    """One version going live. `state` is fresh from `releases.look` and saved by this; the caller holds the lock.

    `canary_of`: the routing in which the version is the canary, when that is what goes live.
    """

    def __init__(
        self,
        host: Host,
        state: inventory.Releases,
        steps: Steps,
        action: str,
        to: str,
        *,
        fresh: bool,
        note: str = "",
        canary_of: routing.Routing | None = None,
    ) -> None:
        self.host, self.server, self.store = host, host.server, host.store
        self.state, self.steps = state, steps
        self.action, self.to, self.fresh, self.note = action, to, fresh, note
        self.canary_of = canary_of
        self.before: Loaded = self.server.default()
        self.beside = Standby(host, steps, self.before)
        self.registered = False
        self.decided = False
        self.live = current_archive(self.store)
        self.undo = self.store / f".{self.live.name}.before"

    def run(self, *, compare: bool, accept_drift: bool) -> None:
        """Do it. Raises OpsError when the old version goes on answering; the interruption, if one came.

        An interruption that comes after the decision does not undo it: it is completed first.
        """
        try:
            self.host.mark_log()
            staged = self._back_up()
            self._load(quickly=not compare)
            if self.to != self.before.version:
                self.beside.check(self.to, compare=compare, accept_drift=accept_drift)
            self._decide(staged)
        except BaseException as error:
            if self.decided:  # the interruption waited for that
                say(f"  interrupted, but {self.to} is live already; again, to leave the rest to the next operation")
                self._finish()
            else:
                self._abort(error)
            raise
        self._finish()

    # -- before the decision ------------------------------------------------------------------------------------

    def _back_up(self) -> Path:
        with self.steps.step("back up") as remarks:
            kept = inventory.keep_current(self.store, self.state)
            shares = routing.document(self.canary_of) if self.canary_of else None
            doing = intent.Intent(self.action, self.to, self.before.version, self.fresh, routing=shares)
            intent.write(self.store, doing)
            staged = archive.stage(kept_archive(self.to, self.store), self.live)
            self.undo.unlink(missing_ok=True)
            try:
                os.link(self.live, self.undo)
            except FileNotFoundError:  # somebody removed yolo.mar; what runs is a kept version
                shutil.copyfile(kept_archive(self.before.version, self.store), self.undo)
            except OSError:  # a file system without hard links
                shutil.copyfile(self.live, self.undo)
            remarks.append(f"{kept or self.before.version} is kept")
        return staged

    def _load(self, *, quickly: bool) -> None:
        if self.to == self.before.version:
            return
        if self.canary_of is None or self.canary_of.canary is None:
            self.registered = True
            # On the way back seconds count: one worker answers while the others load.
            self.beside.load(self.to, 1 if quickly else None)
            return
        self.beside.ensure(self.to)
        with self.steps.step(f"send everything to {self.to}"):
            everything = replace(self.canary_of.canary, percent=100)
            routing.write(self.store, replace(self.canary_of, canary=everything))
            routing.await_notice()

    # -- the decision -------------------------------------------------------------------------------------------

    def _decide(self, staged: Path) -> None:
        with self.steps.step("make it current and the default") as remarks, uninterrupted():
            try:
                staged.replace(self.live)
                self.decided = True
                sync(self.store)
                self._move_default()
            except BaseException as error:
                if self.decided:
                    self.undo.replace(self.live)
                    self.decided = False
                    with contextlib.suppress(OpsError):
                        self.server.set_default(self.before.version)
                if isinstance(error, OSError):
                    raise from_os_error(error, f"replacing {self.live.name}") from error
                raise
            remarks.append(f"{self.to} answers, {self.steps.seconds:.1f} s after the start")

    def _move_default(self) -> None:
        """Move the default and see it answer; a server that dies meanwhile is waited for: it comes back on yolo.mar."""
        start = time.monotonic()
        while True:
            try:
                if self.server.default().version != self.to:
                    if self.to not in {loaded.version for loaded in self.server.versions()}:
                        # It came back before the rename: with the old version, and without what was registered.
                        self.beside.register(self.to)
                        self.beside.await_ready(self.to)
                    self.server.set_default(self.to)
                drift.read(self.server.predict(self.beside.picture), self.to)
                return
            except RefusedError as error:
                if error.status not in NOT_JUST_NOW or time.monotonic() - start > NOT_JUST_NOW_S:
                    raise
            except UnreachableError as error:
                if time.monotonic() - start > failure.COME_BACK_S or not self.host.comes_back():
                    raise NotServingError(f"TorchServe went away and did not come back: {error}") from error
            time.sleep(POLL_S)

    # -- after it -----------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Make everything else agree. Interrupted, it says that the new version answers, and the intent stays."""
        warning, interrupted = "", False
        try:
            self.state.became_current(self.to, self.before.version)
            inventory.save(self.store, self.state)
            self.host.served_is_on_disk()
            warning = "; ".join(filter(None, [self._settle_routing(), self._retire()]))
        except KeyboardInterrupt:
            warning = (
                f"interrupted: {self.to} is live; the next operation removes what is left of {self.before.version}"
            )
            interrupted = True
        self.undo.unlink(missing_ok=True)
        if not warning:  # else the intent stays, and the next operation removes what is still loaded
            intent.clear(self.store)
        self._audit("done", self.note if not warning else f"{self.note} ({warning})".strip())
        if warning:
            say(f"  warning: {warning}")
        if interrupted:
            raise KeyboardInterrupt

    def _retire(self) -> str:
        """Let the old version answer what it has, and remove it. Returns a warning when it could not be removed."""
        old = self.before.version
        if old == self.to:
            return ""
        try:
            self.beside.complete(self.to)
            self.beside.unload(old)
        except RefusedError as error:
            if error.status != 404:  # a server that came back has only the new one
                return f"{old} is still loaded beside it ({error}); the next operation tries again"
        except UnreachableError as error:
            return f"TorchServe stopped answering after the switch ({error}); it comes back on {self.to}"
        except OpsError as error:
            return f"{self.to} answers, but: {error}. {old} stays loaded until the next operation"
        return ""

    def _settle_routing(self) -> str:
        """Tell the gateways what is stable now. Returns a warning when that cannot be written."""
        try:
            if routing.settle(self.store, self.to):
                with self.steps.step("let the gateways notice"):
                    routing.await_notice()
        except OpsError as error:
            return f"{self.to} serves, but {error}; the next operation tries again"
        return ""

    def _abort(self, error: BaseException) -> None:
        """Leave nothing behind and say who answers; `error` goes on to the caller, with what matters added to it."""
        if self.registered:
            with contextlib.suppress(OpsError):
                self.server.unregister(self.to)
        with uninterrupted():
            if self.fresh:
                refused = "refused" if isinstance(error, DriftError) else "failed"
                inventory.remove_archive(self.store, self.state, self.to, refused)
            try:
                if self.canary_of:
                    routing.write(self.store, self.canary_of)
                intent.clear(self.store)
            except OpsError as failed:  # the intent stays, and the next operation gives the canary its share back
                say(f"  warning: {failed}")
        self._audit("failed", str(error) or type(error).__name__)
        for row in self.steps.table():
            say(row)
        left = f"the {self.canary_of.split} goes on" if self.canary_of else f"nothing of {self.to} is left loaded"
        failure.tell(self.host, error, f"{self.action} of {self.to}", left)

    def _audit(self, outcome: str, detail: str) -> None:
        fields = {"from": self.before.version, "to": self.to, "seconds": round(self.steps.seconds, 1)}
        audit.write(self.store, self.action, outcome, **fields, steps=self.steps.took, detail=detail)
