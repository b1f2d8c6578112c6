"""Which servers run, which one answers, and the way back, for people and for programs."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict

from ops.bluegreen.pair import Pair
from ops.errors import OpsError
from ops.paths import MODEL
from ops.store import bluegreen, intent, models
from ops.terminal.console import say
from ops.torchserve.client import RefusedError, UnreachableError
from ops.torchserve.host import Host


def print_status(pair: Pair, as_json: bool = False) -> None:
    """Print the state of both servers. Changes nothing. Raises OpsError."""
    present, answering = bluegreen.read(pair.store), pair.serving.side
    found = None
    with contextlib.suppress(OpsError):  # one that is not understood here
        found = intent.read(pair.store)
    hosts = (pair.blue, pair.green)
    states = {host.side: describe(host) for host in hosts}
    others = [model for model in models.with_archive(pair.store) if model != MODEL]
    further = {host.side: {model: describe(host.of_model(model)) for model in others} for host in hosts}
    if as_json:
        pending = found.to if found and found.kind == "server" else ""
        known = {"answers": answering, **asdict(present), "pending": pending}
        known["servers"] = {
            side: {"there": present.has(side), "state": state, **({"models": further[side]} if others else {})}
            for side, state in states.items()
        }
        say(json.dumps(known, indent=1, ensure_ascii=False))
        return
    say(bluegreen.describe(pair.store))
    for side, state in states.items():
        say(f"  {side:<6} {state}")
        for model, described in further[side].items() if state != "not there" else ():
            say(f"  {'':<6} {model} {described}")
        if not present.has(side) and state != "not there":
            say("  note: it runs although no operation has started it: bash scripts/bluegreen.sh down")
    if not states[answering].endswith("READY"):
        say(f"  note: {answering} should answer; the gateways ask blue in its place as long as it does not")
    if present.back == pair.idle.side:
        say("  the way back: bash scripts/bluegreen.sh back")


def describe(host: Host) -> str:
    """Return the version that a server serves and the states of its workers, or why that is not known."""
    try:
        loaded = host.server.default()
    except UnreachableError:
        return "not there"
    except RefusedError as error:
        return str(error)
    workers = ", ".join(state for state, _ in loaded.workers)
    return f"{loaded.version}: {workers or ('unloaded' if loaded.unloaded else 'no worker')}"
