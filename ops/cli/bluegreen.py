"""The command line of blue/green."""

from __future__ import annotations

import argparse
import re
import shlex
from typing import TYPE_CHECKING

from ops.cli.parser import OPERATION, Parser, path
from ops.errors import UsageError
from ops.store.bluegreen import GREEN, Made

if TYPE_CHECKING:
    from ops.bluegreen.pair import Pair

# A tag of an image, or none.
TAG = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?")
TEXT = """\
Blue is the checkout's own TorchServe, green the other one; either may answer. Both load the same
model store. Only green can be made from something else: blue is always the checkout.
"""


def add(root: Parser) -> None:
    """Add the command."""
    actions = root.add_command(
        "bluegreen",
        "bluegreen.sh",
        "switch to a second server (image, handler, libraries) and back",
        TEXT,
        tuple(code for code in OPERATION if code != 7),
    )
    up = actions.add_action(
        "up",
        _up,
        "Start the server that does not answer, and check it. Waits until its workers are READY, sends the samples to "
        "both servers and compares. It gets no requests yet; if it fails or its answers drift, it is stopped again.",
    )
    deploy = actions.add_action("deploy", _up, "Do what up does, then switch.")
    for command in (up, deploy):
        command.set_defaults(check=_check_up)
        command.add_argument(
            "--image",
            metavar="TAG",
            default="",
            help="Compose: an existing image, yolo-serving/torchserve:TAG (default: GREEN_IMAGE_TAG, built if missing)",
        )
        command.add_flag("--build", "Compose: build it from the checkout; also for blue")
        command.add_argument(
            "--serving",
            type=path,
            metavar="DIR",
            help="native: the folder with its entrypoint.py, handler and yolo/ (default: the checkout's)",
        )
        command.add_argument(
            "--venv",
            type=path,
            metavar="DIR",
            help="native: the virtual environment with its libraries (default: the checkout's)",
        )
        command.add_argument(
            "--handler",
            choices=["image", "archive"],
            help="the handler it runs: its own (image, the default) or the one packaged with the weights",
        )
        command.add_argument("--note", metavar="TEXT", default="", help="a line for the audit trail")
    switch = actions.add_action(
        "switch",
        _switch,
        "Send every request to it, after another check. The other server finishes its requests and keeps running.",
    )
    back = actions.add_action(
        "back", _back, "Return to the server that answered before. Takes seconds, as it was kept running."
    )
    down = actions.add_action("down", _down, "Stop the server that does not answer.")
    for command in (up, deploy, switch):
        command.add_accept_drift()
    for command in (up, deploy, switch, back, down):
        command.add_dry_run()
    actions.add_action("status", _status, "Show which server answers and which stands by.").add_argument(
        "--json", action="store_true", help="print JSON"
    )
    # For the scripts: which server does not answer, and what green is made of.
    actions.add_action("idle", _idle)
    actions.add_action("green", _green)


def _check_up(arguments: argparse.Namespace) -> None:
    if arguments.image and arguments.build:
        raise UsageError("--image names an existing image, --build makes one: use one of them")
    if not TAG.fullmatch(arguments.image):
        raise UsageError(f"--image {arguments.image} is not a valid tag")


def _up(arguments: argparse.Namespace) -> None:
    from ops.bluegreen import pair, switch

    here = pair.here()
    start = switch.deploy if arguments.action == "deploy" else switch.up
    start(here, made_from(here, arguments), accept_drift=arguments.accept_drift, dry_run=arguments.dry_run)


def made_from(pair: Pair, arguments: argparse.Namespace) -> Made:
    """Return what the server that comes up is to be made from. Raises UsageError."""
    serving, venv = arguments.serving, arguments.venv
    if pair.blue.compose and (serving or venv):
        raise UsageError("--serving and --venv are for native operation; in Compose: --image TAG or --build")
    if not pair.blue.compose and (arguments.image or arguments.build):
        raise UsageError("--image and --build are for Compose; natively: --serving DIR and --venv DIR")
    if pair.idle.side != GREEN and (serving or venv or arguments.image):
        raise UsageError(
            "green answers, so blue comes up, and blue is always made from the checkout. Change the checkout, then: "
            "bash scripts/bluegreen.sh up (in Compose: --build)"
        )
    python = str(venv.absolute() / "bin" / "python") if venv else ""
    folder = str(serving.absolute()) if serving else ""
    return Made(arguments.image, folder, python, arguments.handler or "image", arguments.note)


def _switch(arguments: argparse.Namespace) -> None:
    from ops.bluegreen import pair, switch

    switch.switch(pair.here(), accept_drift=arguments.accept_drift, dry_run=arguments.dry_run)


def _back(arguments: argparse.Namespace) -> None:
    from ops.bluegreen import pair, switch

    switch.back(pair.here(), dry_run=arguments.dry_run)


def _down(arguments: argparse.Namespace) -> None:
    from ops.bluegreen import pair, switch

    switch.down(pair.here(), dry_run=arguments.dry_run)


def _status(arguments: argparse.Namespace) -> None:
    from ops.bluegreen import pair, status

    status.print_status(pair.here(), arguments.json)


def _idle(arguments: argparse.Namespace) -> None:
    from ops.bluegreen import pair

    print(pair.here().idle.side)


def _green(arguments: argparse.Namespace) -> None:
    from ops.bluegreen import pair
    from ops.store import bluegreen

    made = bluegreen.read(pair.here().store).green or Made()
    print(f"image={shlex.quote(made.image)}\nhandler={shlex.quote(made.handler)}")
