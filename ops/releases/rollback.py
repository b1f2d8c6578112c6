"""Back to a kept version: the previous one, or the one that is named."""

from __future__ import annotations

import contextlib
import time

from ops.errors import NoSuchVersionError, NotServingError, OpsError
from ops.paths import kept_archive
from ops.rollout.failure import COME_BACK_S
from ops.rollout.preconditions import opened, unsplit
from ops.rollout.promotion import Transaction
from ops.samples import pictures
from ops.store import audit, intent, inventory, lock, routing
from ops.system.polling import poll
from ops.system.signals import uninterrupted
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve.client import UNAVAILABLE
from ops.torchserve.host import Host
from ops.traffic import canary

# A server that does not answer at once may just be starting again: so long it is given before it counts as down.
DOWN_AFTER_S = 5.0


def rollback(host: Host, version: str | None = None, *, abort_canary: bool = False) -> None:
    """Put a kept version live. Raises OpsError; then what answered before goes on answering."""
    unsplit(host, but_canary=abort_canary)
    steps = Steps()
    with lock.held(host.store, f"rollback to {version or 'the previous version'}"):
        state = opened(host)
        unsplit(host, but_canary=abort_canary)
        to = target(state, version)
        with steps.step(f"verify the archive of {to}"):
            inventory.verified(host.store, state, to)
        if abort_canary:
            wanted = to in routing.read(host.store).versions("canary")
            canary.end_any(host, state, steps, f"rollback to {to}", keep=wanted)
        if not answering(host):
            on_disk(host, state, steps, to)
            return
        served = host.server.default().version
        if served == to == state.current:
            say(f"{to} is current and served already; nothing changed")
            return
        Transaction(host, state, steps, "rollback", to, fresh=False).run(compare=False, accept_drift=True)
    steps.report(f"{to} is live again, {served} is kept.")


def plan(host: Host, version: str | None, *, abort_canary: bool = False) -> None:
    """Say what rolling back would do; change nothing. Raises OpsError where it could not."""
    lock.require_free(host.store)
    unsplit(host, but_canary=abort_canary)
    state, _ = inventory.look(host.store)
    to = target(state, version)
    inventory.verified(host.store, state, to)
    how = "beside the running one, check it, switch, drain" if answering(host) else "by a restart: TorchServe is down"
    say(f"Dry run, nothing is changed. It would verify {to} (sha256 is right) and put it live {how}.")


def target(state: inventory.Releases, version: str | None) -> str:
    """Return the version to go back to. Raises NoSuchVersionError naming what there is."""
    if version is not None:
        return version
    if state.previous is None:
        there = ", ".join(state.releases) or "none"
        raise NoSuchVersionError(f"no previous version is known; name one of: {there} (bash scripts/releases.sh)")
    return state.previous


def answering(host: Host) -> bool:
    """Tell whether there is a TorchServe to do it on without a restart."""

    def is_running() -> bool:
        with contextlib.suppress(*UNAVAILABLE):
            return bool(host.server.default())
        return False

    return poll(is_running, DOWN_AFTER_S if host.comes_back() else 0.0)


def on_disk(host: Host, state: inventory.Releases, steps: Steps, to: str) -> None:
    """TorchServe is down: make the version current on disk and start it. Raises OpsError, RestartNeededError."""
    from ops.store import archive

    before = state.current
    host.mark_log()
    with steps.step("make it current (TorchServe is down)"), uninterrupted():
        archive.make_current(kept_archive(to, host.store), host.store)
        state.became_current(to, before)
        routing.settle(host.store, to)
        inventory.save(host.store, state)
        intent.clear(host.store)
    details = {"from": before, "to": to, "detail": "TorchServe was down"}
    audit.write(host.store, "rollback", "done", **details, seconds=round(steps.seconds, 1))
    if not host.comes_back():
        steps.report(f"{to} is current. Nothing runs here; start it: bash scripts/up.sh")
        return
    with steps.step("restart TorchServe"):
        host.restart()
    with steps.step(f"wait until {to} answers"):
        await_answer(host, to)
        host.clients_are_answered()
    host.served_is_on_disk()
    steps.report(f"{to} is live again.")


def await_answer(host: Host, version: str) -> None:
    """Wait until a picture is answered by this version. Raises NotServingError with the log lines that matter."""
    picture = next(iter(pictures().values()))
    start = time.monotonic()

    def is_answering() -> bool:
        try:
            return bool(host.server.predict(picture, timeout_s=30)[0]["model"]["version"] == version)
        except UNAVAILABLE:
            return False

    try:
        if poll(is_answering, COME_BACK_S):
            return
    except (LookupError, TypeError, OpsError) as error:
        raise NotServingError(f"version {version} does not answer: {error}") from error
    reasons = "\n".join(f"    {line}" for line in host.reasons())
    raise NotServingError(f"version {version} did not answer within {time.monotonic() - start:.0f} s\n{reasons}")
