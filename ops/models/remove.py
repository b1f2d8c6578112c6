"""A model is removed while the service runs. The other models notice nothing."""

from __future__ import annotations

from collections.abc import Collection

from ops.errors import UsageError
from ops.paths import MODEL, current_archive, folder_of, shown
from ops.rollout import membership
from ops.rollout.change import Change, Plan
from ops.rollout.failure import describe_answering
from ops.rollout.preconditions import require_no_split, require_one_version, served
from ops.rollout.recovery import Operation, operation
from ops.store import intent, inventory, models
from ops.store.intent import Intent
from ops.terminal.console import say
from ops.torchserve.host import Host

ACTION = "models remove"


def remove(host: Host, *, purge: bool = False, dry_run: bool = False) -> None:
    """Remove the model of `host`; with `purge` also its kept versions and its history. Raises OpsError."""
    name = host.model
    if name == MODEL:
        raise UsageError(f"{MODEL} is always there, and cannot be removed. Nothing changed")
    models.require_known(name, folder_of(host.store))
    with operation(host, f"removal of {name}", dry_run=dry_run) as begun:
        kept = ", ".join(begun.state.releases)
        if not current_archive(host.store).is_file() and served(host) is None and not (purge and kept):
            say(f"{name} is removed already{f'; kept: {kept}' if kept else ''}")
            return
        require_no_split(host)
        require_one_version(host)
        _change(begun, purge=purge).run(f"{name} is removed. {_way_back(host, kept, purge=purge)}")


def _way_back(host: Host, kept: str, *, purge: bool) -> str:
    if purge or not kept:
        return "Nothing of it is kept"
    version = kept.rpartition(", ")[2]
    return f"Kept: {kept}. To bring it back: bash scripts/models.sh add {version} --name {host.model}"


def _change(operation: Operation, *, purge: bool) -> Change:
    host, state, name = operation.host, operation.state, operation.host.model
    current = state.current or ""

    def prepare() -> None:
        if not purge:  # an archive that was copied there by hand may be the only one
            inventory.back_up_current(host.store, state)

    def decide() -> None:
        intent.write(host.store, Intent(ACTION, name, current, purge, kind="remove"))

    def finish() -> str | None:
        return membership.complete_removal(host, operation.steps, state, purge=purge)

    default = host.of_model(MODEL)
    return Change(
        operation, ACTION, name, before=current, host=host, plan=_plan(host, state.releases, purge=purge),
        prepare=prepare, decide=decide, finish=finish, in_force=f"{name} is removed", decision="decide that it goes",
        answering=lambda: describe_answering(default, f"{name} stays"),
    )  # fmt: skip


def _plan(host: Host, kept: Collection[str], *, purge: bool) -> Plan:
    there = ", ".join(kept) or "none"
    return [
        ("remove", f"{current_archive(host.store).name}, so that no start serves it"),
        ("drain", "every version, then unregister it"),
        ("versions", f"{there}: {f'removed, with {shown(host.store)}' if purge else 'kept'}"),
    ]
