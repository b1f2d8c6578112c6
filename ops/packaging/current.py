"""Package weights as the version that is served from the next start on: its archive becomes NAME.mar of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from ops.packaging.package import Package, package
from ops.paths import STORE, WEIGHTS, script
from ops.store import archive, intent, lock

# A redeploy or rollback holds the lock for seconds.
LOCK_WAIT_S = 300.0


def require_settled(store: Path) -> None:
    """Raise OpsError when an operation was cut off of which the current archive tells what it did."""
    found = intent.read(store)
    if found is not None and found.kind in intent.BY_ARCHIVE:
        raise OpsError(
            f"the {found.action} of {found.to} was cut off. Finish it first: {script('releases.sh recover', store)}. "
            "Nothing changed"
        )


def package_current(
    weights: Path = WEIGHTS,
    store: Path = STORE,
    settle: Callable[[Path], None] = require_settled,
    **how: Any,
) -> Package:
    """Package weights as a new version and make it current. Raises OpsError; then nothing has changed.

    `settle` is called with the store before its current archive is replaced, to finish a release that was cut off.
    `how`: see `ops.packaging.package.package`.
    """
    intent.read(store)  # refuses one that is not understood, before minutes of work
    made = package(weights, store=store, **how)
    try:
        # A redeploy or rollback may not change the current archive at the same time.
        with lock.held(store, f"package of {made.version}", wait_s=LOCK_WAIT_S):
            settle(store)
            return replace(made, path=archive.make_current(made.path, store))
    except OpsError:
        made.path.unlink()  # it has never served, so nobody needs to roll back to it
        raise
