"""Blue/green: a whole second TorchServe beside the one that answers, checked, switched to, and the way back.

    up       the side that does not answer is started, READY, checked against the one that does; nobody is sent to it
    switch   checked again; then `routing.json` names it (the decision), and what the other side has is answered
    back     `routing.json` names the side of before, which was kept running: a rename
    down     the side that does not answer finishes what it still has, and is stopped

Killed at any moment, one side answers, whole: `routing.json` is replaced in one step, and the side that it names is
never stopped. What a killed `up` or `down` leaves of the other side is stopped by the next operation (`Sides.pending`).
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

from ops.bluegreen.pair import Pair, begins, beside, same_archive, unshared, way_back
from ops.errors import NotServingError, OpsError
from ops.rollout.preconditions import opened
from ops.samples import pictures
from ops.store import audit, bluegreen, lock, routing
from ops.store.bluegreen import GREEN, Made
from ops.system.signals import uninterrupted
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve import drain, standby
from ops.torchserve.client import RefusedError, UnreachableError
from ops.torchserve.host import Host

# A side that is kept for the way back is READY, unless it is just being restarted.
BACK_S = 10.0


def up(pair: Pair, made: Made, *, accept_drift: bool = False) -> None:
    """Start the side that does not answer, and check it. Raises OpsError; then it is stopped again."""
    begins(pair, made)
    steps = Steps()
    with lock.held(pair.store, "bluegreen up"):
        opened(pair.serving)
        idle, serving = pair.idle, pair.serving
        unshared(serving)
        present = bluegreen.read(pair.store)
        idle.mark_log()
        try:
            wanted = replace(present, green=made) if idle.side == GREEN else replace(present, blue=True)
            bluegreen.write(pair.store, replace(wanted, pending=idle.side, back="", accepted=accept_drift))
            with steps.step(f"start {idle.side} beside {serving.side}") as remarks:
                pair.start(idle.side, made)
                remarks.append(str(made) if idle.side == GREEN else "")
            with steps.step("wait until its workers are READY") as remarks:
                loaded = standby.await_server(idle, standby.START_S, lambda: pair.alive(idle.side))
                remarks.append(f"{len(loaded.workers)} worker(s), version {loaded.version}")
            same_archive(pair, loaded.version)
            standby.check_server(steps, idle, serving, accept_drift=accept_drift)
            with uninterrupted():
                bluegreen.write(pair.store, replace(wanted, pending="", back="", accepted=accept_drift))
        except BaseException as error:
            _took_down(pair, idle.side)
            _failed(pair, idle, steps, "bluegreen up", error)
            raise
        audit.write(
            pair.store, "bluegreen up", "done", to=idle.side, note=made.note, detail=str(made),
            seconds=round(steps.seconds, 1), steps=steps.took,
        )  # fmt: skip
    steps.report(
        f"{idle.side} stands beside {serving.side}, checked; nobody is sent to it yet. "
        "Next: bash scripts/bluegreen.sh switch (or: down)"
    )


def switch(pair: Pair, *, accept_drift: bool = False) -> None:
    """Let the side that stands beside answer from now on, after another check. Raises OpsError; nothing changed."""
    steps = Steps()
    with lock.held(pair.store, "bluegreen switch"):
        opened(pair.serving)
        idle, serving = pair.idle, pair.serving
        unshared(serving)
        present = beside(pair)
        try:
            with steps.step(f"see that {idle.side} is READY"):
                loaded = standby.await_server(idle, BACK_S)
            same_archive(pair, loaded.version)
            standby.check_server(steps, idle, serving, accept_drift=accept_drift or present.accepted)
            bluegreen.write(pair.store, replace(present, back=serving.side))
            _decide(pair, steps, idle, loaded.version)
        except BaseException as error:
            _failed(pair, idle, steps, "bluegreen switch", error)
            raise
        _drain(steps, serving)
        _done(pair, steps, "bluegreen switch", serving, idle)
    steps.report(
        f"{idle.side} answers, {serving.side} is kept. The way back: bash scripts/bluegreen.sh back; "
        f"when all is well: bash scripts/bluegreen.sh down (stops {serving.side})"
    )


def back(pair: Pair) -> None:
    """Let the side of before answer again. Raises OpsError; nothing changed then."""
    steps = Steps()
    with lock.held(pair.store, "bluegreen back"):
        opened(pair.serving)
        idle, serving = pair.idle, pair.serving
        way_back(pair)
        try:
            with steps.step(f"see that {idle.side} answers") as remarks:
                standby.await_server(idle, BACK_S)
                remarks.append(standby.ask_server(idle))
            _decide(pair, steps, idle, remarks[0])
        except BaseException as error:
            _failed(pair, idle, steps, "bluegreen back", error)
            raise
        bluegreen.write(pair.store, replace(bluegreen.read(pair.store), back=""))
        _done(pair, steps, "bluegreen back", serving, idle)
    steps.report(f"{idle.side} answers again; {serving.side} still stands beside it: switch, or down.")


def down(pair: Pair) -> None:
    """Stop the side that does not answer. Raises OpsError."""
    steps = Steps()
    with lock.held(pair.store, "bluegreen down"):
        opened(pair.serving)
        idle, serving = pair.idle, pair.serving
        present = bluegreen.read(pair.store)
        if not present.there(idle.side):
            say(f"{idle.side} is not there; {serving.side} answers. Nothing changed")
            return
        if not _answering(serving):
            raise NotServingError(
                f"{serving.side} does not answer, so {idle.side} is what answers in its place. "
                "First: bash scripts/bluegreen.sh back (or mend it). Nothing changed"
            )
        _drain(steps, idle)
        with steps.step(f"stop {idle.side}"):
            _took_down(pair, idle.side)
        audit.write(pair.store, "bluegreen down", "done", to=idle.side, seconds=round(steps.seconds, 1))
    steps.report(f"{serving.side} alone is there and answers.")


def _decide(pair: Pair, steps: Steps, idle: Host, version: str) -> None:
    with steps.step(f"tell the gateways: {idle.side}") as remarks, uninterrupted():
        present = routing.read(pair.store)
        routing.write(pair.store, replace(present, server=bluegreen.named(idle.side), stable=version))
        routing.await_notice()  # done means in force
        remarks.append(f"{idle.side} answers, {steps.seconds:.1f} s after the start")


def _done(pair: Pair, steps: Steps, action: str, old: Host, new: Host) -> None:
    audit.write(
        pair.store, action, "done", **{"from": old.side, "to": new.side},
        seconds=round(steps.seconds, 1), steps=steps.took,
    )  # fmt: skip


def _drain(steps: Steps, old: Host) -> None:
    """Wait until what a side had is answered: nobody is sent to it any more. One that is gone has nothing."""
    with steps.step(f"drain {old.side}") as remarks:
        try:
            picture = next(iter(pictures().values()))
            remarks.append(drain.drain(old.server, old.server.default().version, picture))
        except (UnreachableError, RefusedError) as error:
            remarks.append(f"it does not answer: {error}")


def _took_down(pair: Pair, side: str) -> None:
    """Stop a side that does not answer. Killed in between, the next operation stops it (`opening`)."""
    present = bluegreen.read(pair.store)
    bluegreen.write(pair.store, replace(present, pending=side))
    with uninterrupted():
        pair.stop(side)
        bluegreen.write(pair.store, bluegreen.without(present, side))


def _answering(host: Host) -> bool:
    with contextlib.suppress(UnreachableError, RefusedError):
        return host.server.default().answers
    return False


def _failed(pair: Pair, idle: Host, steps: Steps, action: str, error: BaseException) -> None:
    """Say what failed, in the server's own words where it has some, and who answers. Raises NotServingError."""
    if pair.serving is idle:  # an interruption that came while the gateways were told waited for that
        audit.write(pair.store, action, "done", to=idle.side, detail="interrupted before the other side was drained")
        return
    audit.write(pair.store, action, "failed", to=idle.side, detail=str(error) or type(error).__name__)
    for row in steps.table():
        say(row)
    if not isinstance(error, OpsError):
        return
    lines = [f"{action}: {error}", *(f"    {line}" for line in idle.reasons())]
    if not _answering(pair.serving):
        lines.append("  Neither side answers. See: bash scripts/status.sh, and: bash scripts/up.sh")
        raise NotServingError("\n".join(lines)) from error
    error.args = ("\n".join([*lines, f"  {pair.serving.side} answers as before"]),)
