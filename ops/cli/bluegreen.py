"""The command line of blue/green, and what it prints."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ops.bluegreen import status, switch
from ops.bluegreen.pair import Pair, here
from ops.errors import UsageError
from ops.store.bluegreen import GREEN, Made
from ops.terminal.console import say

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
            begin = switch.deploy if arguments.what == "deploy" else switch.up
            begin(pair, made_of(pair, arguments), accept_drift=arguments.accept_drift, dry_run=dry_run)
        case "switch":
            switch.switch(pair, accept_drift=arguments.accept_drift, dry_run=dry_run)
        case "back":
            switch.back(pair, dry_run=dry_run)
        case "down":
            switch.down(pair, dry_run=dry_run)
        case "idle":
            say(pair.idle.side)
        case _:
            status.print_status(pair, arguments.json)


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
