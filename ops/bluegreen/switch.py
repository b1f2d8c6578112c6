"""Blue/green: a second TorchServe is started next to the one that answers, checked, switched to, and back.

    up       the idle server is started, READY, and checked against the one that answers; no request is sent to it
    switch   checked again; then `routing.json` names it (the decision), and what the other server has is answered
    back     `routing.json` names the server of before, which was kept running: a rename
    down     the idle server finishes what it still has, and is stopped

Cut off at any moment, one server answers, whole: `routing.json` is replaced in one step, and the server that it names
is never stopped. `bluegreen.json` lists the idle server from when it was checked until it is to stop (the decisions of
up and down); what an intent names and that file does not list is stopped by the next operation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ops.bluegreen.pair import Pair
from ops.errors import NotServingError, OpsError
from ops.rollout.change import Change, Plan, show_plan
from ops.rollout.preconditions import require_one_version, served
from ops.rollout.recovery import operation
from ops.samples import pictures
from ops.store import bluegreen, intent, inventory, lock, routing
from ops.store.bluegreen import GREEN, Made, Sides
from ops.store.intent import Intent
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve import drain, standby
from ops.torchserve.client import RefusedError, UnreachableError
from ops.torchserve.host import Host

# A server that is kept for the way back is READY, unless it is just being restarted.
BACK_S = 10.0


@dataclass(kw_only=True)
class ServerChange(Change):
    """A change of the idle server, which is `host`; `serving` answers. `present`: which servers run."""

    hint = "Neither server answers. See: bash scripts/status.sh, and: bash scripts/up.sh"

    pair: Pair
    serving: Host
    present: Sides

    def _answering(self) -> str | None:
        return f"{self.serving.side} answers as before" if _is_answering(self.serving) else None

    def _intend(self) -> None:
        """Write down that the idle server starts or stops. Raises OpsError."""
        intent.write(self.host.store, Intent(self.action, self.to, self.serving.side, kind="server"))

    def _check(self, version: str, accept_drift: bool) -> None:
        """Compare the idle server's answers with the other's. Raises OpsError, also if it holds an older yolo.mar."""
        current = inventory.look(self.host.store)[0].current
        if current is not None and version != current:
            raise OpsError(
                f"{self.to} holds version {version}, and yolo.mar is {current} by now. "
                "Start it again: bash scripts/bluegreen.sh up"
            )
        standby.check_server(self.steps, self.host, self.serving, accept_drift=accept_drift)

    def _drain(self, host: Host) -> None:
        """Wait until a server that gets no new requests has answered those it has. One that is down has none."""
        with self.steps.step(f"drain {host.side}") as remarks:
            try:
                picture = next(iter(pictures().values()))
                remarks.append(drain.drain(host.server, host.server.default().version, picture))
            except (UnreachableError, RefusedError) as error:
                remarks.append(f"it does not answer: {error}")


@dataclass(kw_only=True)
class Up(ServerChange):
    """The idle server is started and checked; undone, it is stopped again."""

    decision: str = "list it as the standby server"

    made: Made
    accept_drift: bool
    may_stop: bool = False

    def plan(self) -> Plan:
        """Return the steps for a dry run."""
        made = f", of {self.made}" if self.to == GREEN else ""
        return [
            ("start", f"{self.to} next to {self.serving.side}{made}; wait until its workers are READY"),
            ("check", f"the samples on both; stop {self.to} again if its answers drift"),
        ]

    def _prepare(self) -> None:
        self._intend()
        bluegreen.write(self.host.store, bluegreen.without(self.present, self.to))
        self.may_stop = True  # until here one that was started earlier may stand by
        with self.steps.step(f"start {self.to} next to {self.serving.side}") as remarks:
            self.pair.start(self.to, self.made)
            remarks.append(str(self.made) if self.to == GREEN else "")
        with self.steps.step("wait until its workers are READY") as remarks:
            loaded = standby.await_server(self.host, standby.START_S, lambda: self.pair.alive(self.to))
            remarks.append(f"{len(loaded.workers)} worker(s), version {loaded.version}")
        self._check(loaded.version, self.accept_drift)

    def _decide(self) -> str:
        listed = bluegreen.with_side(self.present, self.to, self.made)
        bluegreen.write(self.host.store, replace(listed, back="", accepted=self.accept_drift))
        return ""

    def _in_force(self) -> str:
        return f"{self.to} stands by"

    def _undo(self, error: BaseException) -> None:
        if self.may_stop:
            self.pair.stop(self.to)


@dataclass(kw_only=True)
class Switch(ServerChange):
    """The idle server answers from now on."""

    accept_drift: bool

    def __post_init__(self) -> None:
        self.decision = f"tell the gateways: {self.to}"

    def plan(self) -> Plan:
        """Return the steps for a dry run."""
        return [
            ("check", f"{self.to} again, on the samples"),
            ("switch", f"every request to {self.to}"),
            ("drain", f"{self.before}, and keep it for the way back"),
        ]

    def _prepare(self) -> None:
        with self.steps.step(f"see that {self.to} is READY"):
            self.version = standby.await_server(self.host, BACK_S).version
        self._check(self.version, self.accept_drift or self.present.accepted)
        bluegreen.write(self.host.store, replace(self.present, back=self.serving.side))

    def _decide(self) -> str:
        present = routing.read(self.host.store)
        server = bluegreen.named(self.to)
        routing.write(self.host.store, replace(present, server=server, stable=self.version))
        routing.await_notice()  # done means in force
        return f"{self.to} answers, {self.steps.seconds:.1f} s after the start"

    def _in_force(self) -> str:
        return f"{self.to} answers"

    def _finish(self) -> str:
        self._drain(self.serving)
        return ""


@dataclass(kw_only=True)
class Back(Switch):
    """The idle server, which answered before, answers again: at once, whatever the other one says."""

    accept_drift: bool = True

    def plan(self) -> Plan:
        """Return the steps for a dry run."""
        return [("switch", f"every request to {self.to} again; {self.before} stands by")]

    def _prepare(self) -> None:
        with self.steps.step(f"see that {self.to} answers") as remarks:
            standby.await_server(self.host, BACK_S)
            self.version = standby.ask_server(self.host)
            remarks.append(self.version)

    def _finish(self) -> str:
        bluegreen.write(self.host.store, replace(self.present, back=""))
        return ""


@dataclass(kw_only=True)
class Down(ServerChange):
    """The idle server is stopped."""

    decision: str = "list it no more"

    def plan(self) -> Plan:
        """Return the steps for a dry run."""
        return [("drain", self.to), ("stop", self.to)]

    def _prepare(self) -> None:
        self._drain(self.host)
        self._intend()

    def _decide(self) -> str:
        bluegreen.write(self.host.store, bluegreen.without(self.present, self.to))
        return ""

    def _in_force(self) -> str:
        return f"{self.to} is about to stop"

    def _finish(self) -> str:
        with self.steps.step(f"stop {self.to}"):
            self.pair.stop(self.to)
        return ""


def up(pair: Pair, made: Made, *, accept_drift: bool = False, dry_run: bool = False) -> None:
    """Start the idle server, and check it. Raises OpsError; then it is stopped again."""
    lock.require_free(pair.store)
    pair.check(pair.idle.side, made)
    steps = Steps()
    with operation(pair.serving, "bluegreen up", dry_run=dry_run):
        require_one_version(pair.serving)
        idle, serving, present = pair.idle, pair.serving, bluegreen.read(pair.store)
        change = Up(
            host=idle, steps=steps, action="bluegreen up", to=idle.side, note=made.note, detail=str(made),
            pair=pair, serving=serving, present=present, made=made, accept_drift=accept_drift,
        )  # fmt: skip
        if change.run(dry_run=dry_run):
            steps.report(
                f"{idle.side} stands by next to {serving.side}, checked; no request is sent to it yet. "
                "Next: bash scripts/bluegreen.sh switch (or: down)"
            )


def deploy(pair: Pair, made: Made, *, accept_drift: bool = False, dry_run: bool = False) -> None:
    """Start the idle server and switch to it. Raises OpsError."""
    up(pair, made, accept_drift=accept_drift, dry_run=dry_run)
    if dry_run:
        serving = pair.serving.side
        show_plan([("switch", f"every request to {pair.idle.side}; drain {serving} and keep it for the way back")], "")
    else:
        switch(pair)


def switch(pair: Pair, *, accept_drift: bool = False, dry_run: bool = False) -> None:
    """Let the standby server answer from now on, after another check. Raises OpsError; nothing changed then."""
    steps = Steps()
    with operation(pair.serving, "bluegreen switch", dry_run=dry_run):
        require_one_version(pair.serving)
        idle, serving, present = pair.idle, pair.serving, pair.require_standby()
        change = Switch(
            host=idle, steps=steps, action="bluegreen switch", to=idle.side, before=serving.side,
            pair=pair, serving=serving, present=present, accept_drift=accept_drift,
        )  # fmt: skip
        if change.run(dry_run=dry_run):
            steps.report(
                f"{idle.side} answers, {serving.side} is kept. The way back: bash scripts/bluegreen.sh back; "
                f"when all is well: bash scripts/bluegreen.sh down (stops {serving.side})"
            )


def back(pair: Pair, *, dry_run: bool = False) -> None:
    """Let the server of before answer again. Raises OpsError; nothing changed then."""
    steps = Steps()
    with operation(pair.serving, "bluegreen back", dry_run=dry_run):
        idle, serving, present = pair.idle, pair.serving, pair.require_way_back()
        change = Back(
            host=idle, steps=steps, action="bluegreen back", to=idle.side, before=serving.side,
            pair=pair, serving=serving, present=present,
        )  # fmt: skip
        if change.run(dry_run=dry_run):
            steps.report(f"{idle.side} answers again; {serving.side} still stands by: switch, or down.")


def down(pair: Pair, *, dry_run: bool = False) -> None:
    """Stop the idle server. Raises OpsError."""
    steps = Steps()
    with operation(pair.serving, "bluegreen down", dry_run=dry_run):
        idle, serving, present = pair.idle, pair.serving, bluegreen.read(pair.store)
        if not present.both:
            say(f"{idle.side} is not there; {serving.side} answers. Nothing changed")
            return
        if not _is_answering(serving):
            raise NotServingError(
                f"{serving.side} does not answer, so {idle.side} is what answers in its place. "
                "First: bash scripts/bluegreen.sh back (or fix it). Nothing changed"
            )
        change = Down(
            host=idle, steps=steps, action="bluegreen down", to=idle.side, pair=pair, serving=serving, present=present
        )
        if change.run(dry_run=dry_run):
            steps.report(f"{serving.side} alone is there and answers.")


def _is_answering(host: Host) -> bool:
    default = served(host)
    return default is not None and default.answers
