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
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from ops import archive, audit, drain, drift, intent, releases
from ops.console import say
from ops.errors import DriftError, NotServingError, OpsError, from_os_error
from ops.files import sync_folder
from ops.host import Host
from ops.management import Loaded, RefusedError, UnreachableError, wait
from ops.paths import current_archive, kept_archive
from ops.probes import pictures
from ops.steps import Steps

# Beyond TorchServe's own limit for a worker that loads: the time of the server itself.
READY_GRACE_S = 15.0
# A killed server is started again, loads and compiles: seconds, more on a small machine.
COME_BACK_S = 180.0
# Statuses of a server that has just started, or whose queue is full at this moment.
NOT_JUST_NOW = frozenset({404, 503, 507})
NOT_JUST_NOW_S = 30.0
LOG_LAG_S = 2.0
POLL_S = 0.2


class Transaction:
    """One version going live. `state` is fresh from `releases.look` and saved by this; the caller holds the lock."""

    def __init__(
        self, host: Host, state: releases.Releases, steps: Steps, action: str, to: str, *, fresh: bool, note: str = ""
    ) -> None:
        self.host, self.server, self.store = host, host.server, host.store
        self.state, self.steps = state, steps
        self.action, self.to, self.fresh, self.note = action, to, fresh, note
        self.before: Loaded = self.server.default()
        self.pictures = pictures()
        self.registered = False
        self.live = current_archive(self.store)
        self.undo = self.store / f".{self.live.name}.before"

    def run(self, *, compare: bool, accept_drift: bool) -> None:
        """Do it. Raises OpsError (or the interruption) when the old version goes on answering."""
        self.host.mark_log()
        try:
            staged = self._back_up()
            self._load()
            self._check(compare, accept_drift)
            self._decide(staged)
        except BaseException as error:
            self._abort(error)
            raise
        self._finish()

    # -- before the decision ------------------------------------------------------------------------------------

    def _back_up(self) -> Path:
        with self.steps.step("back up") as remarks:
            kept = releases.keep_current(self.store, self.state)
            intent.write(self.store, intent.Intent(self.action, self.to, self.before.version, self.fresh))
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

    def _load(self) -> None:
        if self.to == self.before.version:
            return
        with self.steps.step(f"register {self.to} beside {self.before.version}"):
            self.server.unregister(self.to)  # what an operation that was killed may have left
            self.registered = True
            self.server.register(kept_archive(self.to, self.store).name, self.before)
            self.server.scale(self.to, max(self.before.min_workers, 1))
        with self.steps.step("wait until its workers are READY") as remarks:
            remarks.append(f"{len(self._await_ready().workers)} worker(s)")

    def _await_ready(self) -> Loaded:
        deadline_s = self.before.startup_timeout_s + READY_GRACE_S
        end = time.monotonic() + deadline_s
        pids: set[int] = set()
        while True:
            seen = self.server.version(self.to)
            if seen.ready:
                return seen
            pids |= {pid for state, pid in seen.workers if pid > 0 and state != "READY"}
            if len(pids) > max(len(seen.workers), 1):
                raise OpsError(f"a worker of version {self.to} died while it loaded")
            if time.monotonic() > end:
                raise OpsError(f"version {self.to} was not READY within {deadline_s:.0f} s")
            time.sleep(POLL_S)

    def _check(self, compare: bool, accept_drift: bool) -> None:
        if self.to == self.before.version:
            return
        if compare:  # a version that has served before need not be waited for twice: its first answers are the check
            with self.steps.step("warm up"):
                for picture in self.pictures.values():
                    self.server.predict(picture, self.to)
        with self.steps.step(f"check it on {len(self.pictures)} sample(s)") as remarks:
            after = {
                name: drift.read(self.server.predict(picture, self.to), self.to)
                for name, picture in self.pictures.items()
            }
            remarks.append(f"found {sum(answer.found for answer in after.values())}")
            if not compare:
                return
            before = {}
            for name, picture in self.pictures.items():
                # A running version that fails on a picture is no reason to keep it.
                with contextlib.suppress(RefusedError, drift.NoAnswerError):
                    before[name] = drift.read(self.server.predict(picture, self.before.version), self.before.version)
            names: dict[str, str] = {}
            with contextlib.suppress(RefusedError):
                names = self.server.names(self.before.version)
            remarks.append(f"{self.before.version} finds {sum(answer.found for answer in before.values())}")
            problems = drift.compare(before, after, names, self.server.names(self.to))
            if problems and accept_drift:
                remarks.append("accepted: " + "; ".join(problems))
            elif problems:
                raise DriftError(
                    "\n    ".join([f"version {self.to} answers otherwise than {self.before.version}:", *problems])
                    + "\n  If this is meant: --accept-drift"
                )

    # -- the decision -------------------------------------------------------------------------------------------

    def _decide(self, staged: Path) -> None:
        with self.steps.step("make it current and the default") as remarks, uninterrupted():
            try:
                staged.replace(self.live)
                sync_folder(self.store)
            except OSError as error:
                raise from_os_error(error, f"replacing {self.live.name}") from error
            try:
                self._move_default()
            except BaseException:
                self.undo.replace(self.live)
                with contextlib.suppress(OpsError):
                    self.server.set_default(self.before.version)
                raise
            remarks.append(f"{self.to} answers, {self.steps.seconds:.1f} s after the start")

    def _move_default(self) -> None:
        """Move the default and see it answer; a server that dies meanwhile is waited for: it comes back on yolo.mar."""
        picture = next(iter(self.pictures.values()))
        start = time.monotonic()
        while True:
            try:
                if self.server.default().version != self.to:
                    if self.to not in {loaded.version for loaded in self.server.versions()}:
                        # It came back before the rename: with the old version, and without what was registered.
                        self.server.register(kept_archive(self.to, self.store).name, self.before)
                        self.server.scale(self.to, max(self.before.min_workers, 1))
                        self._await_ready()
                    self.server.set_default(self.to)
                drift.read(self.server.predict(picture), self.to)
                return
            except RefusedError as error:
                if error.status not in NOT_JUST_NOW or time.monotonic() - start > NOT_JUST_NOW_S:
                    raise
            except UnreachableError as error:
                if time.monotonic() - start > COME_BACK_S or not self.host.comes_back():
                    raise NotServingError(f"TorchServe went away and did not come back: {error}") from error
            time.sleep(POLL_S)

    # -- after it -----------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        old = self.before.version
        self.state.became_current(self.to, old)
        releases.save(self.store, self.state)
        self.host.served_is_on_disk()
        warning = ""
        if old != self.to:
            try:
                with self.steps.step(f"drain {old}") as remarks:
                    remarks.append(drain.drain(self.server, old, next(iter(self.pictures.values()))))
                with self.steps.step(f"unregister {old}"):
                    self.server.unregister(old)
            except RefusedError as error:
                if error.status != 404:  # a server that came back has only the new one
                    warning = f"{old} is still loaded beside it ({error}); the next operation tries again"
            except UnreachableError as error:
                warning = f"TorchServe stopped answering after the switch ({error}); it comes back on {self.to}"
        self.undo.unlink(missing_ok=True)
        if not warning:  # else the intent stays, and the next operation removes what is still loaded
            intent.clear(self.store)
        self._audit("done", self.note if not warning else f"{self.note} ({warning})".strip())
        if warning:
            say(f"  warning: {warning}")

    def _abort(self, error: BaseException) -> None:
        """Leave nothing behind and say who answers; `error` goes on to the caller, with what matters added to it."""
        if self.registered:
            with contextlib.suppress(OpsError):
                self.server.unregister(self.to)
        reasons = self._reasons() if not isinstance(error, DriftError) else []
        with uninterrupted():
            if self.fresh:
                refused = "refused" if isinstance(error, DriftError) else "failed"
                intent.remove_archive(self.store, self.state, self.to, refused)
            intent.clear(self.store)
        text = str(error) or type(error).__name__
        self._audit("failed", text)
        for row in self.steps.table():
            say(row)
        answering = self._who_answers()
        if isinstance(error, OpsError):
            lines = [f"{self.action} of {self.to}: {text}", *(f"    {line}" for line in reasons)]
            if answering:
                lines.append(f"  Version {answering} answers as before; nothing of {self.to} is left loaded")
                error.args = ("\n".join(lines),)
                return
            lines.append("  Nothing answers now. See: bash scripts/status.sh, and bash scripts/rollback.sh VERSION")
            raise NotServingError("\n".join(lines)) from error

    def _reasons(self) -> list[str]:
        """Return the log lines that matter; the server writes them a moment after it has answered."""
        end = time.monotonic() + LOG_LAG_S
        while not (found := self.host.reasons()) and time.monotonic() < end and not self.host.compose:
            time.sleep(POLL_S)
        return found

    def _who_answers(self) -> str | None:
        """Return the version that answers, waiting for a server that is coming back."""
        picture = next(iter(self.pictures.values()))
        answered: list[str] = []

        def asked() -> bool:
            answered.append(self.server.predict(picture, timeout_s=30)[0]["model"]["version"])
            return True

        with contextlib.suppress(LookupError, TypeError):
            wait(asked, COME_BACK_S if self.host.comes_back() else 5.0)
        if answered:
            self.host.clients_are_answered()
        return answered[-1] if answered else None

    def _audit(self, outcome: str, detail: str) -> None:
        fields = {"from": self.before.version, "to": self.to, "seconds": round(self.steps.seconds, 1)}
        audit.write(self.store, self.action, outcome, **fields, steps=self.steps.took, detail=detail)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C and a polite kill wait until this is over. (A signal mask would not do: it is one thread's.)"""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt
