"""The command line of the release operations."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from ops.errors import UsageError
from ops.host import here
from ops.loglines import telling

NAMES = ("redeploy", "rollback", "releases", "loglines")


def add(commands: Any) -> None:
    """Add the commands to the parser's."""
    redeploy = commands.add_parser("redeploy", help="package weights and put them live without a dropped request")
    redeploy.add_argument("weights", type=Path, help="the .pt that is to be served")
    redeploy.add_argument("--version", help="the version to give it (default: the next one)")
    redeploy.add_argument("--note", default="", help="a line kept with the version")
    redeploy.add_argument("--accept-drift", action="store_true", help="other classes or empty answers are meant")
    redeploy.add_argument("--dry-run", action="store_true", help="say what would be done; change nothing")
    redeploy.add_argument("--packaged", metavar="VERSION", help="this kept version was made of the weights just now")

    rollback = commands.add_parser("rollback", help="put a kept version live again")
    rollback.add_argument("version", nargs="?", help="the kept version (default: the previous one)")
    rollback.add_argument("--dry-run", action="store_true", help="say what would be done; change nothing")

    releases = commands.add_parser("releases", help="kept versions, audit trail, prune, unlock")
    releases.add_argument("what", nargs="?", default="list", choices=["list", "audit", "prune", "unlock"])
    releases.add_argument("--keep", type=int, help="prune: how many of the newest versions stay")
    releases.add_argument("--json", action="store_true", help="list and audit: for programs")
    releases.add_argument("--force", action="store_true", help="unlock: even when its holder seems to be at work")
    releases.add_argument("--dry-run", action="store_true", help="prune: say what would be removed")

    commands.add_parser("loglines", help="of a TorchServe log on stdin, the lines that say why something failed")


def run(arguments: argparse.Namespace) -> None:
    """Do what the command line says. Raises OpsError."""
    if arguments.command == "releases" and arguments.what == "prune" and arguments.keep is None:
        raise UsageError("prune needs --keep N: how many of the newest versions stay")
    if arguments.command == "loglines":
        for line in telling(sys.stdin.read()):
            print(f"    {line}")
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    host = here()
    match arguments.command:
        case "redeploy":
            from ops import redeploy

            if arguments.dry_run:
                redeploy.plan(host, arguments.weights, arguments.version, accept_drift=arguments.accept_drift)
            else:
                redeploy.redeploy(
                    host,
                    arguments.weights,
                    arguments.version,
                    arguments.note,
                    accept_drift=arguments.accept_drift,
                    packaged=arguments.packaged,
                )
        case "rollback":
            from ops import rollback

            if arguments.dry_run:
                rollback.plan(host, arguments.version)
            else:
                rollback.rollback(host, arguments.version)
        case "releases":
            from ops import listing

            match arguments.what:
                case "audit":
                    listing.trail(host, arguments.json)
                case "prune":
                    listing.prune(host, arguments.keep, arguments.dry_run)
                case "unlock":
                    listing.unlock(host, arguments.force)
                case _:
                    listing.listing(host, arguments.json)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """A polite kill ends an operation as Ctrl-C does: with everything put back."""
    raise KeyboardInterrupt
