"""New weights go live without a dropped request."""

from __future__ import annotations

from pathlib import Path

from ops import audit, identity, intent, lock, releases, versions
from ops.console import say, size
from ops.errors import LockedError, NoSuchVersionError, NotRunningError, OpsError
from ops.host import Host
from ops.management import Loaded, RefusedError, UnreachableError
from ops.paths import kept_archive
from ops.probes import pictures
from ops.steps import Steps
from ops.transaction import Transaction


def redeploy(
    host: Host,
    weights: Path,
    version: str | None = None,
    note: str = "",
    *,
    accept_drift: bool = False,
    packaged: str | None = None,
) -> None:
    """Package weights as a new version and put it live. Raises OpsError; then the old version goes on answering.

    `packaged`: the version is kept already (made by the caller just now, in a container without a network).
    """
    preflight(host)
    steps = Steps()
    if packaged is None:
        from ops import package  # ultralytics is there where packaging is done

        with steps.step("package") as remarks:
            made = package.package(weights, version, note, host.store, current=False)
            remarks.append(f"version {made.version}, {size(made.size)}")
        packaged = made.version
    begun = False
    try:
        with lock.held(host.store, f"redeploy of {packaged}") as left_by:
            state = opened(host, left_by)
            try:
                releases.verified(host.store, state, packaged)
                state.releases[packaged].by = identity.name()
                transaction = Transaction(host, state, steps, "redeploy", packaged, fresh=True, note=note)
            except OpsError as error:
                audit.write(host.store, "redeploy", "failed", to=packaged, detail=str(error))
                raise
            begun = True
            transaction.run(compare=True, accept_drift=accept_drift)
    except NoSuchVersionError as error:
        raise OpsError(f"redeploy of {packaged}: the archive is cut short or damaged. {error}") from error
    finally:
        if not begun:  # a version that could not even begin is no way back
            kept_archive(packaged, host.store).unlink(missing_ok=True)
    report(steps, f"{packaged} is live, {transaction.before.version} is kept. The way back: bash scripts/rollback.sh")


def plan(host: Host, weights: Path, version: str | None, *, accept_drift: bool = False) -> None:
    """Say what redeploying would do; change nothing. Raises OpsError where it could not even begin."""
    if not host.compose and not weights.is_file():
        raise OpsError(f"there are no weights at {weights}")
    if version is not None and kept_archive(versions.check(version), host.store).exists():
        raise OpsError(f"version {version} is already there. Choose another, or leave --version out for the next one")
    now = preflight(host)
    state, _ = releases.look(host.store)
    to = version or versions.following(state.releases)
    compared = "say how its answers differ" if accept_drift else "stop if its answers drift"
    say(f"""Dry run, nothing is changed. It would:
  package      {weights} as version {to}, keep it as {kept_archive(to, host.store).name}
  back up      {now.version} is {"kept" if now.version in state.releases else "not kept yet: it would be"}
  register     {to} beside {now.version}, {max(now.min_workers, 1)} worker(s), batch {now.batch_size}; wait until READY
  check        {len(pictures())} sample(s) against {now.version}; {compared}
  switch       yolo.mar and the default to {to}
  drain        {now.version}, then unregister it""")


def preflight(host: Host) -> Loaded:
    """Check what can be checked before minutes of packaging; return what runs. Raises OpsError."""
    found = lock.holder(host.store)
    if found is not None and lock.stale(host.store, found) is None:
        raise LockedError(f"another operation is at work: {found}. Nothing changed; try again when it is done")
    return running(host)


def running(host: Host) -> Loaded:
    """Return the version that answers by default. Raises NotRunningError."""
    try:
        return host.server.default()
    except UnreachableError as error:
        raise NotRunningError(
            f"no service runs here yet ({error}). Start it first: bash scripts/up.sh. Nothing changed"
        ) from error
    except RefusedError as error:
        raise NotRunningError(
            f"TorchServe runs but holds no model ({error}). Restart it: bash scripts/up.sh"
        ) from error


def opened(host: Host, left_by: str | None) -> releases.Releases:
    """Look at the store, note what changed, mend what was left half done. Needs the lock. Returns the state."""
    if left_by:
        say(f"  a lock was left behind by {left_by}; taken over")
        audit.write(host.store, "lock", "mended", detail=f"left behind by {left_by}")
    state, noticed = releases.look(host.store)
    done = intent.mend(host.server, host.store, state)
    if done:
        say(f"  {done}")
        state, _ = releases.look(host.store)
    else:
        for line in noticed:
            audit.write(host.store, "store", "noticed", detail=line)
    releases.save(host.store, state)
    return state


def report(steps: Steps, last: str) -> None:
    """Print the table and how it ended."""
    say()
    for row in steps.table():
        say(row)
    say(last)
