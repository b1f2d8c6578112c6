"""What is loaded next to what clients are sent to: a version on the same server, or a whole standby server."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

from ops.errors import OpsError
from ops.paths import MODEL, kept_archive
from ops.samples import pictures
from ops.system.polling import poll
from ops.terminal.steps import Steps
from ops.torchserve import drain, drift, smoke_test
from ops.torchserve.client import UNAVAILABLE, Loaded, UnreachableError
from ops.torchserve.host import Host
from ops.torchserve.smoke_test import Subject

# Beyond TorchServe's own limit for a worker that loads: the time of the server itself.
READY_GRACE_S = 15.0
# For a server whose Java, Python and model have to start; as long as the health check in Compose gives it.
START_S = 180.0
# In a row: supervisord starts a program that ends at once again and again.
FAILING_AT_MOST = 3


class Standby:
    """Versions that clients are not sent to, on the server whose default version is `running`."""

    def __init__(self, host: Host, steps: Steps, running: Loaded) -> None:
        self.host, self.server, self.store = host, host.server, host.store
        self.steps, self.running = steps, running
        self._wanted: dict[str, int] = {}

    @property
    def picture(self) -> bytes:
        """One sample picture."""
        return next(iter(pictures().values()))

    @property
    def workers(self) -> int:
        """How many workers a version gets: as many as the running one."""
        return max(self.running.min_workers, 1)

    def load(self, version: str, workers: int | None = None) -> None:
        """Register a kept version in place of one of the same name, and wait until it is READY.

        `workers` fewer than the running version has are READY sooner; `complete` brings up the others.
        """
        with self.steps.step(f"register {version} next to {self.running.version}"):
            self.server.unregister(version)  # what an operation that was killed may have left
            self.register(version, workers)
        self.wait_ready(version)

    def complete(self, version: str) -> None:
        """Bring up the workers that `load` left out, while the version answers already."""
        if self.server.version(version).min_workers < self.workers:
            with self.steps.step(f"bring up the other workers of {version}"):
                self.server.scale(version, self.workers)
                self.await_ready(version)

    def ensure(self, version: str) -> None:
        """Load a version unless it is loaded: a server that was restarted may have come back without it."""
        if self.server.has(version):
            self.wait_ready(version)
        elif len(self.server.each()) > 1:  # some of them may have it, and answer with it
            with self.steps.step(f"register {version} where it is missing"):
                self.register(version)
            self.wait_ready(version)
        else:
            self.load(version)

    def is_ready(self, version: str) -> bool:
        """Tell whether a version is loaded and all its workers are READY."""
        return any(loaded.version == version and loaded.ready for loaded in self.server.versions())

    def register(self, version: str, workers: int | None = None) -> None:
        """Register a kept version with the workers, or fewer, and the settings of the running one."""
        self.server.register(kept_archive(version, self.store).name, self.running)
        self._wanted[version] = workers or self.workers
        self.server.scale(version, self._wanted[version])

    def wake_running(self) -> None:
        """Load the running version if it was unloaded: the answers of another one are compared with its own."""
        with contextlib.suppress(OpsError):  # one that fails is no reason to keep it
            wake(self.host, self.steps, self.running)

    def wait_ready(self, version: str) -> None:
        """Wait for its workers, as a step."""
        with self.steps.step("wait until its workers are READY") as remarks:
            remarks.append(f"{len(self.await_ready(version).workers)} worker(s)")

    def await_ready(self, version: str) -> Loaded:
        """Return the version when its workers are READY. Raises OpsError when one dies, or at the deadline."""

        def ask() -> Loaded:
            loaded = self.server.version(version)
            if not loaded.is_everywhere and version in self._wanted:  # one of several was started meanwhile
                self.register(version, self._wanted[version])
            if loaded.unloaded and version in self._wanted:  # the model is idle; this version is wanted all the same
                self.server.scale(version, self._wanted[version])
            return loaded

        return _await_ready(ask, f"version {version}", self.running.startup_timeout_s + READY_GRACE_S)

    def check(self, version: str, *, compare: bool, accept_drift: bool) -> None:
        """Run the smoke test; with `compare`, against the running version. Raises OpsError, DriftError."""
        new = Subject(self.server, version, f"version {version}")
        running = Subject(self.server, self.running.version, self.running.version) if compare else None
        smoke_test.check(self.steps, new, running, accept_drift=accept_drift)

    def unload(self, version: str) -> None:
        """Let a version that gets no new requests answer those it has, then remove it.

        Raises RefusedError, UnreachableError.
        """
        with self.steps.step(f"drain {version}") as remarks:
            remarks.append(drain.drain_each(self.server, version, self.picture))
        with self.steps.step(f"unregister {version}"):
            self.server.unregister(version)


def unload(host: Host, steps: Steps, versions: Iterable[str], playing: Iterable[str]) -> None:
    """Drain and remove those of `versions` that are loaded, not served, and not `playing` a part.

    Raises RefusedError, and UnreachableError when the server does not answer: then it has nothing loaded.
    """
    for one in host.each():
        default = one.server.default()
        loaded = {version.version for version in one.server.versions()}
        for version in (set(versions) & loaded) - {default.version, *playing}:
            Standby(one, steps, default).unload(version)


def await_server(host: Host, deadline_s: float, is_alive: Callable[[], bool] = lambda: True) -> Loaded:
    """Return the default version of a model on a standby server when its workers are READY, or it is unloaded.

    Raises OpsError at the deadline, with what was seen last, or when the server ends again and again (`is_alive`).
    """
    failures = 0

    def ask() -> Loaded:
        nonlocal failures
        failures = 0 if is_alive() else failures + 1
        if failures > FAILING_AT_MOST:
            raise OpsError(f"{host.side} ends as soon as it is started ({host.program})")
        return host.server.default()

    return _await_ready(ask, host.name, deadline_s, retried=UNAVAILABLE, accept_unloaded=host.model != MODEL)


def wake(host: Host, steps: Steps, loaded: Loaded) -> None:
    """Load a version that was unloaded because nobody asked for it. Raises OpsError."""
    if not loaded.unloaded:
        return
    version = loaded.version
    with steps.step(f"load {version}, which was unloaded"):
        host.server.scale(version, 1)
        deadline_s = loaded.startup_timeout_s + READY_GRACE_S
        _await_ready(lambda: host.server.version(version), f"version {version}", deadline_s)


def check_server(steps: Steps, idle: Host, serving: Host, *, accept_drift: bool) -> None:
    """Run the smoke test on a standby server, against the one that serves unless that is gone.

    Raises OpsError, DriftError.
    """
    version = ""  # the default one
    with contextlib.suppress(*UNAVAILABLE):
        running = serving.server.default()
        version = running.version
        wake(serving, steps, running)
    new = idle.server.default()
    wake(idle, steps, new)
    smoke_test.check(
        steps,
        Subject(idle.server, new.version, idle.name),
        Subject(serving.server, version, serving.name),
        accept_drift=accept_drift,
        tolerated=(*smoke_test.FAILURES, UnreachableError),
    )


def ask_server(idle: Host) -> str:
    """Have a standby server answer one picture. Returns its default version. Raises OpsError."""
    version = idle.server.default().version
    drift.read(idle.server.predict(next(iter(pictures().values()))), version)
    return version


def _await_ready(
    ask: Callable[[], Loaded],
    name: str,
    deadline_s: float,
    retried: tuple[type[OpsError], ...] = (),
    *,
    accept_unloaded: bool = False,
) -> Loaded:
    """Return what `ask` returns when all its workers are READY; an error in `retried` counts as not READY.

    Raises OpsError when a worker dies while it loads, or at the deadline, with what was seen last.
    """
    seen = ""
    pids: set[int] = set()

    def ready() -> Loaded | None:
        nonlocal seen
        try:
            loaded = ask()
        except retried as error:
            seen = str(error)
            return None
        if loaded.ready or (accept_unloaded and loaded.unloaded):
            return loaded
        pids.update(pid for state, pid in loaded.workers if pid > 0 and state != "READY")
        if len(pids) > max(len(loaded.workers), 1):  # TorchServe starts it again and again, with a new pid
            raise OpsError(f"a worker of {name} died while it loaded")
        seen = f"workers: {', '.join(state for state, _ in loaded.workers) or 'none'}"
        return None

    loaded = poll(ready, deadline_s)
    if loaded is None:
        raise OpsError(f"{name} was not READY within {deadline_s:.0f} s: {seen}")
    return loaded
