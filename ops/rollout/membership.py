"""A model comes to the service or leaves it: what the operation does after its decision, or the next one in its place.

add      decided by the rename that makes NAME.mar; before it, nobody knows the model
remove   decided by the intent itself; from then on it is only completed
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress

from ops.errors import OpsError, from_os_error
from ops.paths import current_archive, kept_archive
from ops.store import archive, baseline, intent, lock, releases, removal, routing
from ops.store.releases import Releases
from ops.store.routing import Routing
from ops.system.files import sync
from ops.terminal.steps import Steps
from ops.torchserve.client import RefusedError, UnreachableError
from ops.torchserve.host import Host
from ops.torchserve.standby import Standby

NOT_FOUND = 404
#: What of a model's state stays when everything else is removed: the lock, which another process may have open, and
#: that the model was removed.
STAYING = (lock.GUARD, lock.HOLDER.parts[0], removal.NAME, intent.NAME)


#: Gateways list the models once a second, and read the routing more often.
NOTICE_S = 1.3


def await_notice() -> None:
    """Wait until every gateway knows which models there are."""
    time.sleep(NOTICE_S)


def record_added(host: Host, state: Releases, version: str) -> None:
    """Record that the model is there, and is served with this version. Raises OpsError."""
    state.set_current(version, None)
    releases.save(host.store, state)
    removal.clear(host.store)
    host.record_served_archive()


def withdraw_added(host: Host, version: str) -> None:
    """Unload a version that nobody was to know yet; a server that does not answer has nothing loaded."""
    with suppress(UnreachableError):
        host.server.unregister(version)


def complete_removal(host: Host, steps: Steps, state: Releases, *, purge: bool) -> str | None:
    """Remove a model from what a start serves, from the server, and with `purge` from the disk.

    Returns a warning about what is left to the next operation, None when all is done. Raises OpsError.
    """
    store = host.store
    with steps.step(f"remove {current_archive(store).name}"):
        _forget_current(host, state)
    try:
        if host.server.versions():
            with steps.step("let the gateways notice"):
                routing.write(store, Routing(removed=True))
                await_notice()
        _unload(host, steps)
    except RefusedError as error:
        if error.status != NOT_FOUND:  # else the server was restarted meanwhile
            return f"a version of {host.model} is still loaded ({error}); the next operation tries again"
    except UnreachableError:
        pass  # such a server has nothing loaded, and comes back without the model
    routing.path(store).unlink(missing_ok=True)
    if purge:
        with steps.step("remove the kept versions and the history"):
            _purge(host, state)
    return None


def _forget_current(host: Host, state: Releases) -> None:
    store, current = host.store, current_archive(host.store)
    removal.write(store, state)
    try:
        if current.is_file() and archive.owner(current) in (None, host.model):
            current.unlink()
            sync(current.parent)
    except OSError as error:
        raise from_os_error(error, f"removing {current.name}") from error
    state.previous, state.current = state.current or state.previous, None
    state.current_sha256, state.current_stat = "", []
    releases.save(store, state)
    host.record_served_archive()


def _unload(host: Host, steps: Steps) -> None:
    """Drain and remove every version, the default one last: a server refuses to remove it before."""
    default = host.server.default()
    loaded = [version.version for version in host.server.versions()]
    standby = Standby(host, steps, default)
    for version in sorted(loaded, key=lambda version: version == default.version):
        standby.unload(version)


def _purge(host: Host, state: Releases) -> None:
    store = host.store
    try:
        baseline.remove_all(store)
        for version in state.releases:
            kept_archive(version, store).unlink(missing_ok=True)
        for path in store.iterdir():
            if path.name in STAYING:
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError as error:
        raise OpsError(f"{error.filename} cannot be removed: {error.strerror}") from error
