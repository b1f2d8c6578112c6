"""Back to a kept version: the previous one, or the one that is named."""

from __future__ import annotations

import time
from pathlib import Path

from ops.errors import NoSuchVersionError, NotServingError, OpsError
from ops.paths import MODEL, current_archive, kept_archive, script
from ops.rollout import split
from ops.rollout.change import show_plan
from ops.rollout.failure import COME_BACK_S
from ops.rollout.preconditions import require_no_split, require_service, served
from ops.rollout.promotion import Promotion
from ops.rollout.recovery import Operation, operation
from ops.samples import pictures
from ops.store import archive, audit, intent, inventory, releases, routing
from ops.system.polling import poll
from ops.system.signals import uninterrupted
from ops.terminal.console import say
from ops.torchserve.client import UNAVAILABLE
from ops.torchserve.host import Host

# A server that does not answer at once may just be starting again: so long it is given before it counts as down.
DOWN_AFTER_S = 5.0


def rollback(host: Host, version: str | None = None, *, abort_canary: bool = False, dry_run: bool = False) -> None:
    """Put a kept version live. Raises OpsError; then what answered before goes on answering."""
    require_no_split(host, except_canary=abort_canary)
    with operation(host, f"rollback to {version or 'the previous version'}", dry_run=dry_run) as begun:
        require_no_split(host, except_canary=abort_canary)
        to = version or previous(begun.state, host.store)
        with begun.steps.step(f"verify the archive of {to}"):
            inventory.require_intact(host.store, begun.state, to)
        if abort_canary:
            is_wanted = to in routing.read(host.store).versions("canary")
            split.end_canary(begun, f"rollback to {to}", keep=is_wanted)
        if not is_answering(host):
            if host.model != MODEL and is_answering(host.of_model(MODEL)):
                require_service(host)  # says what to do: no restart, as the other models answer
            restart_on(begun, to)
            return
        promotion = Promotion(begun, "rollback", to)
        if promotion.before == to == begun.state.current:
            say(f"{to} is current and served already: nothing is changed")
            return
        promotion.change.run(f"{to} is live again, {promotion.before} is kept.")


def previous(state: releases.Releases, store: Path) -> str:
    """Return the previous version. Raises NoSuchVersionError naming what there is."""
    if state.previous is None:
        there = ", ".join(state.releases) or "none"
        listing = script("releases.sh", store)
        raise NoSuchVersionError(f"no previous version is known; name one of: {there} ({listing})")
    return state.previous


def is_answering(host: Host) -> bool:
    """Tell whether TorchServe answers, so that no restart is needed."""

    return bool(poll(lambda: served(host), DOWN_AFTER_S if host.is_supervised() else 0.0))


def restart_on(operation: Operation, to: str) -> None:
    """TorchServe is down: make the version current on disk and start it. Raises OpsError, RestartNeededError."""
    host, state, steps = operation.host, operation.state, operation.steps
    if operation.dry_run:
        show_plan([("restart", f"TorchServe, which is down, on {to} as {current_archive(host.store).name}")])
        return
    before = state.current
    host.mark_log()
    with steps.step("make it current (TorchServe is down)"), uninterrupted():
        archive.make_current(kept_archive(to, host.store), host.store)
        state.set_current(to, before)
        routing.set_stable(host.store, to)
        releases.save(host.store, state)
        intent.clear(host.store)
    details = {"from": before, "to": to, "detail": "TorchServe was down"}
    audit.record(host.store, "rollback", "done", **details, seconds=round(steps.seconds, 1))
    if not host.is_supervised():
        steps.report(f"{to} is current. Nothing runs here; start it: bash scripts/up.sh")
        return
    with steps.step("restart TorchServe"):
        host.restart()
    with steps.step(f"wait until {to} answers"):
        await_answer(host, to)
        host.await_gateway()
    host.record_served_archive()
    steps.report(f"{to} is live again.")


def await_answer(host: Host, version: str) -> None:
    """Wait until a picture is answered by this version. Raises NotServingError with the log lines that matter."""
    picture = next(iter(pictures().values()))
    start = time.monotonic()

    def is_answered() -> bool:
        try:
            answers = [server.predict(picture, timeout_s=30) for server in host.server.each()]
            return all(answer[0]["model"]["version"] == version for answer in answers)
        except UNAVAILABLE:
            return False

    try:
        if poll(is_answered, COME_BACK_S):
            return
    except (LookupError, TypeError, OpsError) as error:
        raise NotServingError(f"version {version} does not answer: {error}") from error
    reasons = "\n".join(f"    {line}" for line in host.reasons())
    raise NotServingError(f"version {version} did not answer within {time.monotonic() - start:.0f} s\n{reasons}")
