"""A model is added while the service runs: packaged, loaded, tried, and from then on served at each start.

Until the rename that makes NAME.mar nobody knows the model, and what fails leaves nothing. The other models notice
nothing: no request of theirs waits, and no version of theirs changes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import model_names
from ops.errors import NotNowError, UsageError, from_os_error
from ops.models import settings
from ops.paths import MODEL, current_archive, folder_of, kept_archive, script
from ops.rollout import membership
from ops.rollout.candidate import Packaging, Request, is_kept, roll_out
from ops.rollout.change import Change, Plan
from ops.rollout.failure import describe_answering
from ops.rollout.preconditions import await_up, require_single_server, served
from ops.rollout.recovery import Operation
from ops.store import archive, intent, inventory, lock, models
from ops.store.intent import Intent
from ops.system.files import sync
from ops.torchserve import memory
from ops.torchserve.client import Loaded
from ops.torchserve.host import Host
from ops.torchserve.standby import Standby

ACTION = "models add"


def add(host: Host, target: str, how: Packaging | None = None, *, dry_run: bool = False) -> None:
    """Add the model of `host`. `target`: a file of weights, or a version of a removed model that is kept.

    Where TorchServe does not run, the model is served from the next start on. Raises OpsError; then nothing changed.
    """
    how = how or Packaging()

    def preflight(host: Host) -> None:
        for model in (MODEL, host.model):  # `up` holds the locks of the models that there are
            await_up(host.of_model(model))
        lock.require_free(host.store)
        require_single_server(host)

    def change(begun: Operation, version: str, fresh: bool) -> Change:
        return Addition(begun, version, fresh=fresh, note=how.note).change

    def report(change: Change) -> str:
        if served(host.of_model(MODEL)):
            return f"{host.model} {change.to} is served. To ask it, send model={host.model} with the picture"
        return f"{host.model} {change.to} is packaged, and served from the next start on: bash scripts/up.sh"

    if not is_kept(target):
        target = str(Path(target).absolute())
    request = Request(ACTION, target, how, require_new, change, report, preflight)
    roll_out(host, request, dry_run=dry_run)


def require_new(host: Host) -> None:
    """Raise UsageError for a name that cannot be a model's, and NotNowError for one that is there already."""
    name = host.model
    if name == MODEL:
        raise UsageError(
            f"{MODEL} is always there. New weights for it: bash scripts/redeploy.sh NEW.pt. For another model, choose "
            "another name. Nothing changed"
        )
    if why := model_names.fault(name):
        raise UsageError(f"{why}. Nothing changed")
    folder = folder_of(host.store)
    for other in models.taken(folder):
        if other != name and other.casefold() == name.casefold():
            raise UsageError(
                f"{name} differs only in case from the model {other}. Choose another name. Nothing changed"
            )
    if name in models.with_archive(folder):
        raise NotNowError(
            f"the model {name} is there already. New weights for it: {script('redeploy.sh NEW.pt', host.store)}. "
            "Nothing changed"
        )


class Addition:
    """One model that comes, with the version that it is served with. `change` is what is to be made of it."""

    def __init__(self, operation: Operation, to: str, *, fresh: bool, note: str) -> None:
        self.operation, self.host, self.steps = operation, operation.host, operation.steps
        self.store, self.state, self.to, self.fresh = self.host.store, operation.state, to, fresh
        self.live = current_archive(self.store)
        # Whose settings the model gets, but for its own; None where no server runs.
        self.like = self._like()
        remains = f"nothing of {self.host.model} is left loaded"
        default = self.host.of_model(MODEL)
        self.change = Change(
            operation, ACTION, to, host=self.host, note=note, plan=self._plan(), prepare=self._prepare,
            decide=self._decide, finish=self._finish, undo=self._undo, decision=f"make it {self.live.name}",
            in_force=f"{self.host.model} is there",
            answering=lambda: describe_answering(default, remains) if self.like else f"No server runs; {remains}",
        )  # fmt: skip

    def _like(self) -> Loaded | None:
        running = served(self.host.of_model(MODEL))
        if running is None:
            return None
        own = settings.of(self.host)
        return replace(running, min_workers=own.workers or 1, batch_size=own.batch or 1)

    def _plan(self) -> Plan:
        name, file = self.host.model, kept_archive(self.to, self.store).name
        if self.like is None:
            return [("make current", f"{file} as {self.live.name}"), ("serve", "from the next start on: none runs now")]
        return [
            ("memory", f"refuse it if {self.like.min_workers} worker(s) of it do not fit"),
            ("register", f"{file} as the model {name}, {self.like.min_workers} worker(s); wait until READY"),
            ("check", "the samples"),
            ("make current", f"{file} as {self.live.name}"),
        ]

    def _prepare(self) -> None:
        models.require_own_names(self.to, self.store)
        intent.write(self.store, Intent(ACTION, self.to, "", self.fresh, kind="add"))
        self.staged = archive.stage(kept_archive(self.to, self.store), self.live)
        if self.like is None:
            return
        with self.steps.step("look whether it fits into memory") as remarks:
            remarks.append(memory.require_room(self.host, kept_archive(self.to, self.store), self.like.min_workers))
        standby = Standby(self.host, self.steps, self.like)
        with self.steps.step(f"register {self.host.model} {self.to}"):
            self.host.server.unregister(self.to)  # somebody may have registered it by hand
            standby.register(self.to)
        standby.wait_ready(self.to)
        standby.check(self.to, compare=False, accept_drift=True)

    def _decide(self) -> str:
        try:
            self.staged.replace(self.live)
            sync(self.live.parent)
        except OSError as error:
            raise from_os_error(error, f"replacing {self.live.name}") from error
        return f"after {self.steps.seconds:.1f} s"

    def _finish(self) -> None:
        membership.record_added(self.host, self.state, self.to)
        if self.like is not None:
            with self.steps.step("let the gateways notice"):
                membership.await_notice()

    def _undo(self, error: BaseException) -> None:
        membership.withdraw_added(self.host, self.to)
        if self.fresh:
            inventory.remove_archive(self.store, self.state, self.to, "failed")
