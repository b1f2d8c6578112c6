"""Blue/green: a second TorchServe is started next to the one that answers, checked, switched to, and back.

Every model switches with its server.

    up       the idle server is started, READY, and checked against the one that answers; no request is sent to it
    switch   checked again; then `routing.json` names it (the decision), and what the other server has is answered
    back     `routing.json` names the server of before, which was kept running: a rename
    down     the idle server finishes what it still has, and is stopped

Cut off at any moment, one server answers, whole: `routing.json` is replaced in one step, and the server that it names
is never stopped. `bluegreen.json` lists the idle server from when it was checked until it is to stop (the decisions of
up and down); what an intent names and that file does not list is stopped by the next operation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ops.bluegreen.pair import Pair
from ops.errors import NotServingError, OpsError
from ops.paths import MODEL, current_archive
from ops.rollout.change import Change, Plan, show_rows
from ops.rollout.preconditions import require_one_version, served
from ops.rollout.recovery import Operation, operation
from ops.samples import pictures
from ops.store import bluegreen, intent, inventory, lock, models, routing
from ops.store.bluegreen import GREEN, Made
from ops.store.intent import Intent
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve import drain, standby
from ops.torchserve.client import RefusedError, UnreachableError
from ops.torchserve.host import Host

# A server that is kept for the way back is READY, unless it is just being restarted.
BACK_S = 10.0
NEITHER = "Neither server answers. See: bash scripts/status.sh, and: bash scripts/up.sh"


def up(pair: Pair, made: Made, *, accept_drift: bool = False, dry_run: bool = False) -> None:
    """Start the idle server, and check it. Raises OpsError; then it is stopped again."""
    for store in models.stores(pair.store):
        lock.require_free(store)
    pair.check(pair.idle.side, made)
    with operation(pair.serving, "bluegreen up", dry_run=dry_run, every_model=True) as begun:
        _require_one_version(pair)
        idle, serving, steps, present = pair.idle, pair.serving, begun.steps, bluegreen.read(pair.store)
        side, is_listed = idle.side, present.has(idle.side)
        source = str(made) if side == GREEN else "the checkout"

        def prepare() -> None:
            nonlocal is_listed
            intent.write(pair.store, Intent("bluegreen up", side, serving.side, kind="server"))
            bluegreen.write(pair.store, bluegreen.without(present, side))
            is_listed = False
            with steps.step(f"start {side} next to {serving.side}") as remarks:
                pair.start(side, made)
                remarks.append(source)
            hosts = [idle.of_model(model) for model in pair.models]
            with steps.step("wait until its workers are READY") as remarks:
                for host in hosts:
                    loaded = standby.await_server(host, standby.START_S, lambda: pair.alive(side))
                    said = f"{len(loaded.workers)} worker(s), version {loaded.version}"
                    remarks.append(said if host.model == MODEL else f"{host.model}: {said}")
            _check(begun, hosts, accept_drift)

        def decide() -> None:
            listed = bluegreen.with_side(present, side, made)
            bluegreen.write(pair.store, replace(listed, back="", accepted=accept_drift))

        def undo(error: BaseException) -> None:
            if not is_listed:  # else one that was started earlier still stands by
                pair.stop(side)

        _change(
            begun, "bluegreen up", idle, note=made.note, detail=str(made), decision="list it as the standby server",
            plan=[
                ("start", f"{side} next to {serving.side}, from {source}; wait until its workers are READY"),
                ("check", f"the samples on both; stop {side} again if its answers drift"),
            ],
            prepare=prepare, decide=decide, undo=undo, in_force=f"{side} stands by",
        ).run(
            f"{side} stands by next to {serving.side}, checked; no request is sent to it yet. "
            "Next: bash scripts/bluegreen.sh switch (or: down)"
        )  # fmt: skip


def deploy(pair: Pair, made: Made, *, accept_drift: bool = False, dry_run: bool = False) -> None:
    """Start the idle server and switch to it. Raises OpsError."""
    up(pair, made, accept_drift=accept_drift, dry_run=dry_run)
    if dry_run:
        show_rows(_plan_switch(pair))
    else:
        switch(pair)


def switch(pair: Pair, *, accept_drift: bool = False, dry_run: bool = False) -> None:
    """Let the standby server answer from now on, after another check. Raises OpsError; nothing changed then."""
    with operation(pair.serving, "bluegreen switch", dry_run=dry_run, every_model=True) as begun:
        _require_one_version(pair)
        present, idle, serving = pair.require_standby(), pair.idle, pair.serving

        served_models = pair.models

        def prepare() -> None:
            hosts = [idle.of_model(model) for model in served_models]
            with begun.steps.step(f"see that {idle.side} is READY"):
                for host in hosts:
                    standby.await_server(host, BACK_S)
            _check(begun, hosts, accept_drift or present.accepted)
            bluegreen.write(pair.store, replace(present, back=serving.side))

        def finish() -> None:
            for model in served_models:
                _drain(begun.steps, serving.of_model(model))

        plan = [("check", f"{idle.side} again, on the samples"), *_plan_switch(pair)]
        _change_server(begun, "bluegreen switch", idle, plan=plan, prepare=prepare, finish=finish).run(
            f"{idle.side} answers, {serving.side} is kept. The way back: bash scripts/bluegreen.sh back; "
            f"when all is well: bash scripts/bluegreen.sh down (stops {serving.side})"
        )


def back(pair: Pair, *, dry_run: bool = False) -> None:
    """Let the server of before answer again, whatever the other one says. Raises OpsError; nothing changed then."""
    with operation(pair.serving, "bluegreen back", dry_run=dry_run, every_model=True) as begun:
        present, idle, serving = pair.require_way_back(), pair.idle, pair.serving

        def prepare() -> None:
            with begun.steps.step(f"see that {idle.side} answers") as remarks:
                standby.await_server(idle, BACK_S)
                remarks.append(standby.ask_server(idle))
                gone = [model for model in pair.models if served(idle.of_model(model)) is None]
                remarks.extend(f"{model} is not there" for model in gone)

        def finish() -> None:
            bluegreen.write(pair.store, replace(present, back=""))

        plan = [("switch", f"every request to {idle.side} again; {serving.side} stands by")]
        _change_server(begun, "bluegreen back", idle, plan=plan, prepare=prepare, finish=finish).run(
            f"{idle.side} answers again; {serving.side} still stands by: switch, or down."
        )


def down(pair: Pair, *, dry_run: bool = False) -> None:
    """Stop the idle server. Raises OpsError."""
    with operation(pair.serving, "bluegreen down", dry_run=dry_run, every_model=True) as begun:
        present, idle, serving = bluegreen.read(pair.store), pair.idle, pair.serving
        if not present.has_both:
            say(f"{idle.side} is not there; {serving.side} answers. Nothing changed")
            return
        if not _is_answering(serving):
            raise NotServingError(
                f"{serving.side} does not answer, so {idle.side} is what answers in its place. "
                "First: bash scripts/bluegreen.sh back (or fix it). Nothing changed"
            )

        def prepare() -> None:
            for model in pair.models:
                _drain(begun.steps, idle.of_model(model))
            intent.write(pair.store, Intent("bluegreen down", idle.side, serving.side, kind="server"))

        def decide() -> None:
            bluegreen.write(pair.store, bluegreen.without(present, idle.side))

        def finish() -> None:
            with begun.steps.step(f"stop {idle.side}"):
                pair.stop(idle.side)

        _change(
            begun, "bluegreen down", idle, plan=[("drain", idle.side), ("stop", idle.side)], decision="list it no more",
            prepare=prepare, decide=decide, finish=finish, in_force=f"{idle.side} is about to stop",
        ).run(f"{serving.side} alone is there and answers.")  # fmt: skip


def _change(begun: Operation, action: str, idle: Host, **course: Any) -> Change:
    """Return a change that concerns the idle server; the one of the operation answers if it fails."""
    serving = begun.host

    def answering() -> str | None:
        return f"{serving.side} answers as before" if _is_answering(serving) else None

    return Change(begun, action, idle.side, host=idle, answering=answering, hint=NEITHER, **course)


def _change_server(begun: Operation, action: str, idle: Host, **course: Any) -> Change:
    """Return the change that lets the idle server answer."""

    def decide() -> str:
        present, version = routing.read(idle.store), idle.server.default().version
        routing.write(idle.store, replace(present, server=bluegreen.server_name(idle.side), stable=version))
        routing.await_notice()  # done means in force
        return f"{idle.side} answers, {begun.steps.seconds:.1f} s after the start"

    finish = course["finish"]

    def settle_and_finish() -> None:
        _settle_stable(idle)
        finish()

    course |= {
        "finish": settle_and_finish,
        "before": begun.host.side,
        "decision": f"tell the gateways: {idle.side}",
        "decide": decide,
    }
    return _change(begun, action, idle, in_force=f"{idle.side} answers", **course)


def _plan_switch(pair: Pair) -> Plan:
    idle, serving = pair.idle.side, pair.serving.side
    return [("switch", f"every request to {idle}"), ("drain", f"{serving}, and keep it for the way back")]


def _require_one_version(pair: Pair) -> None:
    """Raise NotNowError while any request goes to a second version of a model: the other server may not hold it."""
    for model in models.names(pair.store):
        require_one_version(pair.serving.of_model(model))


def _check(begun: Operation, hosts: list[Host], accept_drift: bool) -> None:
    """Compare the idle server's answers with the other's, for each model. `hosts`: the idle server with each model.

    Raises OpsError, also if it holds an archive that is no longer the current one.
    """
    for host in hosts:
        current, version = inventory.look(host.store)[0].current, host.server.default().version
        if current is not None and version != current:
            raise OpsError(
                f"{host.name} holds version {version}, and {current_archive(host.store).name} is {current} by now. "
                "Start it again: bash scripts/bluegreen.sh up"
            )
        standby.check_server(begun.steps, host, begun.host.of_model(host.model), accept_drift=accept_drift)


def _settle_stable(idle: Host) -> None:
    """Record the stable version of the further models, which the gateways ask for by version while they are split."""
    for model in models.with_archive(idle.store):
        host = idle.of_model(model)
        if model != MODEL and routing.path(host.store).exists() and (default := served(host)):
            routing.set_stable(host.store, default.version)


def _drain(steps: Steps, host: Host) -> None:
    """Wait until a server that gets no new requests has answered those it has. One that is down has none."""
    with steps.step(f"drain {host.name}") as remarks:
        try:
            picture = next(iter(pictures().values()))
            remarks.append(drain.drain_each(host.server, host.server.default().version, picture))
        except (UnreachableError, RefusedError) as error:
            remarks.append(f"it does not answer: {error}")


def _is_answering(host: Host) -> bool:
    default = served(host)
    return default is not None and default.answers
