"""New weights go live without a dropped request."""

from __future__ import annotations

from pathlib import Path

from ops.errors import OpsError
from ops.paths import kept_archive
from ops.rollout import candidate
from ops.rollout.candidate import Packaging
from ops.rollout.preconditions import opened, preflight, unsplit
from ops.rollout.promotion import Transaction
from ops.samples import pictures
from ops.store import audit, inventory, lock
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve.host import Host
from ops.traffic import canary


def redeploy(
    host: Host, weights: Path, how: Packaging | None = None, *, accept_drift: bool = False, abort_canary: bool = False
) -> None:
    """Package weights as a new version and put it live. Raises OpsError; then the old version goes on answering."""
    how = how or Packaging()
    target = str(weights.absolute())  # never taken for the name of a kept version
    with candidate.guarded(host, target, how, "redeploy") as guard:
        preflight(host)
        unsplit(host, but_canary=abort_canary)
        candidate.check(host, target, how)
        steps = Steps()
        made = guard.made = candidate.obtain(host, steps, target, how)
        with lock.held(host.store, f"redeploy of {made.version}"):
            state = opened(host)
            unsplit(host, but_canary=abort_canary)
            candidate.verify(host, state, made, "redeploy")
            if abort_canary:
                canary.end_any(host, state, steps, f"redeploy of {made.version}")
            try:
                transaction = Transaction(host, state, steps, "redeploy", made.version, fresh=made.fresh, note=how.note)
            except OpsError as error:
                audit.write(host.store, "redeploy", "failed", to=made.version, detail=str(error))
                raise
            guard.begun = True
            transaction.run(compare=True, accept_drift=accept_drift)
    steps.report(
        f"{made.version} is live, {transaction.before.version} is kept. The way back: bash scripts/rollback.sh"
    )


def plan(host: Host, weights: Path, how: Packaging, *, accept_drift: bool = False, abort_canary: bool = False) -> None:
    """Say what redeploying would do; change nothing. Raises OpsError where it could not even begin."""
    now = preflight(host)
    unsplit(host, but_canary=abort_canary)
    to = candidate.check(host, str(weights.absolute()), how)
    state, _ = inventory.look(host.store)
    compared = "say how its answers differ" if accept_drift else "stop if its answers drift"
    say(f"""Dry run, nothing is changed. It would:
  package      {weights} as version {to}, keep it as {kept_archive(to, host.store).name}
  back up      {now.version} is {"kept" if now.version in state.releases else "not kept yet: it would be"}
  register     {to} beside {now.version}, {max(now.min_workers, 1)} worker(s), batch {now.batch_size}; wait until READY
  check        {len(pictures())} sample(s) against {now.version}; {compared}
  switch       yolo.mar and the default to {to}
  drain        {now.version}, then unregister it""")
