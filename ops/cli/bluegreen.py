"""The command line of blue/green, and what it prints."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ops.bluegreen import switch
from ops.bluegreen.pair import Pair, begins, beside, here, unshared, way_back
from ops.errors import UsageError
from ops.store import bluegreen, lock
from ops.store.bluegreen import GREEN, Made
from ops.terminal.console import say
from ops.torchserve.client import RefusedError, UnreachableError
from ops.torchserve.host import Host

NAMES = ("bluegreen",)


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    words = commands.add_parser("bluegreen", help="a whole second server: up, switch, back, down").add_subparsers(
        dest="what", required=True, metavar="WHAT"
    )
    for name, text in (("up", "start it beside, READY and checked"), ("deploy", "up, then switch")):
        up = words.add_parser(name, help=text)
        up.add_argument("--image", default="", help="in Compose: the tag of its image")
        up.add_argument("--serving", type=Path, metavar="DIR", help="natively: the folder of its code")
        up.add_argument("--venv", type=Path, metavar="DIR", help="natively: the virtual environment of its libraries")
        up.add_argument("--handler", choices=["image", "archive"], default="image", help="whose handler it runs")
        up.add_argument("--note", default="", help="a line for the trail")
        up.add_argument("--accept-drift", action="store_true", help="other classes or empty answers are meant")
        up.add_argument("--dry-run", action="store_true", help="say what would be done; change nothing")
    switching = words.add_parser("switch", help="let it answer, after another check")
    switching.add_argument("--accept-drift", action="store_true", help="other classes or empty answers are meant")
    back = words.add_parser("back", help="let the one of before answer again")
    down = words.add_parser("down", help="stop the one that does not answer")
    for command in (switching, back, down):
        command.add_argument("--dry-run", action="store_true", help="say what would be done; change nothing")
    words.add_parser("status", help="what stands where").add_argument("--json", action="store_true")
    words.add_parser("idle", help="the side that does not answer, for scripts")


def run(arguments: argparse.Namespace) -> None:
    """Do what the command line says. Raises OpsError."""
    pair = here()
    dry_run = getattr(arguments, "dry_run", False)
    match arguments.what:
        case "up" | "deploy":
            made = made_of(pair, arguments)
            if dry_run:
                plan_up(pair, made, and_switch=arguments.what == "deploy")
                return
            switch.up(pair, made, accept_drift=arguments.accept_drift)
            if arguments.what == "deploy":
                switch.switch(pair)
        case "switch" | "back" | "down" if dry_run:
            plan(pair, arguments.what)
        case "switch":
            switch.switch(pair, accept_drift=arguments.accept_drift)
        case "back":
            switch.back(pair)
        case "down":
            switch.down(pair)
        case "idle":
            say(pair.idle.side)
        case _:
            status(pair, arguments.json)


def made_of(pair: Pair, arguments: argparse.Namespace) -> Made:
    """Return what the side that comes up is to be made of. Raises UsageError."""
    serving, venv = arguments.serving, arguments.venv
    if pair.blue.compose and (serving or venv):
        raise UsageError("--serving and --venv are for native operation; in Compose: --image TAG or --build")
    if not pair.blue.compose and arguments.image:
        raise UsageError("--image is for Compose; natively: --serving DIR and --venv DIR")
    if pair.idle.side != GREEN and (serving or venv or arguments.image):
        raise UsageError(
            "green answers, so blue is what comes up, and blue is always made of the checkout. Bring that to what it "
            "should be, then: bash scripts/bluegreen.sh up (in Compose: --build)"
        )
    python = str(venv.absolute() / "bin" / "python") if venv else ""
    folder = str(serving.absolute()) if serving else ""
    return Made(arguments.image, folder, python, arguments.handler, arguments.note)


def plan_up(pair: Pair, made: Made, *, and_switch: bool) -> None:
    """Say what coming up would do. Raises OpsError where it could not even begin."""
    begins(pair, made)
    idle, serving = pair.idle.side, pair.serving.side
    say(f"""Dry run, nothing is changed. It would:
  start        {idle} beside {serving}{f", of {made}" if idle == GREEN else ""}; wait until its workers are READY
  check        the samples on both; stop {idle} again if its answers drift""")
    if and_switch:
        say(f"  switch       every request to {idle}; drain {serving} and keep it for the way back")


def plan(pair: Pair, what: str) -> None:
    """Say what would be done; change nothing. Raises OpsError where it could not even begin."""
    lock.require_free(pair.serving.store)
    idle, serving = pair.idle.side, pair.serving.side
    if what == "switch":
        unshared(pair.serving)
        beside(pair)
        does = f"check {idle} again, send every request to it, drain {serving} and keep it for the way back"
    elif what == "back":
        way_back(pair)
        does = f"send every request to {idle} again, drain {serving} and leave it beside"
    elif bluegreen.read(pair.store).there(idle):
        does = f"stop {idle}"
    else:
        does = f"do nothing: {serving} is alone"
    say(f"Dry run, nothing is changed. It would {does}.")


def status(pair: Pair, as_json: bool = False) -> None:
    """Print what stands where. Changes nothing. Raises OpsError."""
    present, answering = bluegreen.read(pair.store), pair.serving.side
    if as_json:
        known = {"answers": answering, **asdict(present)}
        known["servers"] = {host.side: {"there": present.there(host.side), "state": state(host)} for host in both(pair)}
        say(json.dumps(known, indent=1, ensure_ascii=False))
        return
    say(bluegreen.told(pair.store))
    for host in both(pair):
        say(f"  {host.side:<6} {state(host)}")
        if not present.there(host.side) and host.side != answering and not state(host).startswith("not there"):
            say("  note: it runs and nobody knows of it: bash scripts/bluegreen.sh down")
    if not state(pair.serving).endswith("READY"):
        say(f"  note: {answering} should answer; the gateways ask blue in its place as long as it does not")
    if present.back == pair.idle.side:
        say("  the way back: bash scripts/bluegreen.sh back")


def both(pair: Pair) -> tuple[Host, Host]:
    """Return the hosts of both sides."""
    return pair.blue, pair.green


def state(host: Host) -> str:
    """Return the version that a side answers by default, and its workers."""
    try:
        loaded = host.server.default()
    except UnreachableError:
        return "not there"
    except RefusedError as error:
        return str(error)
    return f"{loaded.version}: {', '.join(worker for worker, _ in loaded.workers) or 'no worker'}"
