"""New weights go live without a dropped request."""

from __future__ import annotations

from pathlib import Path

from ops.paths import script
from ops.rollout.candidate import Packaging, Request, roll_out
from ops.rollout.change import Change
from ops.rollout.preconditions import require_no_split
from ops.rollout.promotion import Promotion
from ops.rollout.recovery import Operation
from ops.torchserve.host import Host


def redeploy(
    host: Host,
    weights: Path,
    how: Packaging | None = None,
    *,
    accept_drift: bool = False,
    abort_canary: bool = False,
    dry_run: bool = False,
) -> None:
    """Package weights as a new version and put it live. Raises OpsError; then the old version goes on answering."""
    how = how or Packaging()

    def require(host: Host) -> None:
        require_no_split(host, except_canary=abort_canary)

    def change(begun: Operation, version: str, fresh: bool) -> Change:
        return Promotion(
            begun, "redeploy", version, note=how.note, fresh=fresh,
            compare=True, accept_drift=accept_drift, abort_canary=abort_canary,
        ).change  # fmt: skip

    def report(change: Change) -> str:
        way_back = script("rollback.sh", host.store)
        return f"{change.to} is live, {change.before} is kept. The way back: {way_back}"

    target = str(weights.absolute())  # never taken for the name of a kept version
    roll_out(host, Request("redeploy", target, how, require, change, report), dry_run=dry_run)
