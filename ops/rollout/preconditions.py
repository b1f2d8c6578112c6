"""What must hold before an operation begins. Each check raises an error that says what to do first."""

from __future__ import annotations

from ops.errors import NotNowError, NotRunningError
from ops.paths import MODEL, script
from ops.store import bluegreen, lock, routing
from ops.system.polling import poll
from ops.terminal.console import say
from ops.torchserve.client import Loaded, RefusedError, UnreachableError
from ops.torchserve.host import Host

# How long `up` may take to start the servers, which is what an operation waits for at most.
UP_S = 240.0


def await_up(host: Host) -> None:
    """Wait while `up` starts the servers: it changes no version, and ends soon."""
    if _starting(host):
        say(f"  waiting for another operation: {lock.holder(host.store)}")
        poll(lambda: not _starting(host), UP_S)


def _starting(host: Host) -> bool:
    found = lock.holder(host.store)
    return found is not None and found.what == lock.UP


def preflight(host: Host) -> Loaded:
    """Check what can be checked before minutes of packaging. Returns the version that is served. Raises OpsError."""
    await_up(host)
    lock.require_free(host.store)
    require_single_server(host)
    return require_service(host)


def require_service(host: Host) -> Loaded:
    """Return the version that is served. Raises NotRunningError."""
    try:
        return host.server.default()
    except UnreachableError as error:
        raise NotRunningError(
            f"no service runs here yet ({error}). Start it first: bash scripts/up.sh. Nothing changed"
        ) from error
    except RefusedError as error:
        if host.model != MODEL and error.status == 404:
            raise NotRunningError(
                f"TorchServe runs and does not serve {host.model}; bash scripts/models.sh list says why. To bring it "
                f"back: bash scripts/models.sh add NEW.pt --name {host.model} (or a kept version in the place of "
                "NEW.pt). Nothing changed"
            ) from error
        raise NotRunningError(
            f"TorchServe runs but holds no model ({error}). Restart it: bash scripts/up.sh"
        ) from error


def served(host: Host) -> Loaded | None:
    """Return the version that is served, None when the server does not answer or holds no model."""
    try:
        return host.server.default()
    except (UnreachableError, RefusedError):
        return None


def require_single_server(host: Host) -> None:
    """Raise NotNowError while both servers run: a release on one of them would make the other useless as a way back."""
    if bluegreen.read(host.store).has_both:
        raise NotNowError(
            f"a second server stands by next to {host.side}, which answers. First: bash scripts/bluegreen.sh down "
            "(keeps the one that answers), or back. Nothing changed"
        )


def require_no_split(host: Host, *, except_canary: bool = False) -> None:
    """Raise NotNowError while requests are split between versions, or both servers run.

    `except_canary`: the caller ends a canary.
    """
    require_single_server(host)
    _require_unsplit_routing(host, except_canary=except_canary)


def require_one_version(host: Host) -> None:
    """Raise NotNowError while any request goes to a second version: the other server may not hold it."""
    _require_unsplit_routing(host)
    shadow = routing.read_or_empty(host.store).shadow
    if shadow:
        command = script("shadow.sh stop", host.store)
        raise NotNowError(f"{shadow.version} is a shadow. End it first: {command}. Nothing changed")


def _require_unsplit_routing(host: Host, *, except_canary: bool = False) -> None:
    present = routing.read_or_empty(host.store)
    if present.canary and not except_canary:
        raise NotNowError(
            f"a canary is active: {present.canary.version} at {present.canary.percent:g} %. End it first: "
            f"{script('canary.sh promote', host.store)} (or: abort). Redeploy and rollback do that with "
            "--abort-canary. Nothing changed"
        )
    if present.experiment:
        raise NotNowError(
            f"an experiment is active: {present.experiment.name}. End it first: "
            f"{script('experiment.sh stop', host.store)}. Nothing changed"
        )


def require_no_role(host: Host, version: str) -> None:
    """Raise NotNowError when a version is served already or plays a part."""
    present = routing.read(host.store)
    if version == require_service(host).version:
        raise NotNowError(f"{version} is the version that serves already. Nothing changed")
    for part in routing.PARTS:
        if version in present.versions(part):
            command = "canary.sh abort" if part == "canary" else f"{part}.sh stop"
            raise NotNowError(f"{version} is in the {part} already. End that first: {script(command, host.store)}")
