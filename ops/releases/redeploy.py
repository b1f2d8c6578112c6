"""New weights go live without a dropped request."""

from __future__ import annotations

from pathlib import Path

from ops.rollout.candidate import Packaging, Request, roll_out
from ops.rollout.preconditions import require_no_split
from ops.rollout.promotion import Promotion
from ops.store.inventory import Releases
from ops.terminal.steps import Steps
from ops.torchserve.client import Loaded
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
    how, steps = how or Packaging(), Steps()

    def require(host: Host) -> None:
        require_no_split(host, except_canary=abort_canary)

    def change(state: Releases, running: Loaded, version: str, fresh: bool) -> Promotion:
        return Promotion(
            host=host, steps=steps, action="redeploy", to=version, detail=how.note, state=state, running=running,
            fresh=fresh, compare=True, accept_drift=accept_drift, abort_canary=abort_canary,
        )  # fmt: skip

    target = str(weights.absolute())  # never taken for the name of a kept version
    done = roll_out(host, steps, Request("redeploy", target, how, require, change), dry_run=dry_run)
    if done:
        steps.report(f"{done.to} is live, {done.before} is kept. The way back: bash scripts/rollback.sh")
