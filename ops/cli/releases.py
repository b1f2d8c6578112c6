"""The command line of the release operations."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from ops.cli import bluegreen, traffic, traffic_parser
from ops.errors import UsageError
from ops.torchserve.host import here
from ops.torchserve.logs import telling

NAMES = ("redeploy", "rollback", "releases", "loglines", *traffic.NAMES, *bluegreen.NAMES)


def add(commands: Any) -> None:
    """Add the commands to the parser's."""
    redeploy = commands.add_parser("redeploy", help="package weights and put them live without a dropped request")
    redeploy.add_argument("weights", type=Path, help="the .pt that is to be served")
    traffic_parser.add_packaging(redeploy)
    redeploy.add_argument("--abort-canary", action="store_true", help="end a canary that is active")
    redeploy.add_argument("--dry-run", action="store_true", help="say what would be done; change nothing")

    rollback = commands.add_parser("rollback", help="put a kept version live again")
    rollback.add_argument("version", nargs="?", help="the kept version (default: the previous one)")
    rollback.add_argument("--abort-canary", action="store_true", help="end a canary that is active")
    rollback.add_argument("--dry-run", action="store_true", help="say what would be done; change nothing")

    releases = commands.add_parser("releases", help="kept versions, audit trail, prune, unlock")
    releases.add_argument("what", nargs="?", default="list", choices=["list", "audit", "prune", "unlock"])
    releases.add_argument("--keep", type=int, help="prune: how many of the newest versions stay")
    releases.add_argument("--json", action="store_true", help="list and audit: for programs")
    releases.add_argument("--force", action="store_true", help="unlock: has no effect any more")
    releases.add_argument("--dry-run", action="store_true", help="prune: say what would be removed")

    traffic_parser.add(commands)
    bluegreen.add(commands)
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
    if arguments.command in bluegreen.NAMES:
        bluegreen.run(arguments)
        return
    host = here()
    match arguments.command:
        case "redeploy":
            from ops.releases import redeploy

            how = traffic.packaging(arguments)
            drift, abort, dry_run = arguments.accept_drift, arguments.abort_canary, arguments.dry_run
            redeploy.redeploy(host, arguments.weights, how, accept_drift=drift, abort_canary=abort, dry_run=dry_run)
        case "rollback":
            from ops.releases import rollback

            abort, dry_run = arguments.abort_canary, arguments.dry_run
            rollback.rollback(host, arguments.version, abort_canary=abort, dry_run=dry_run)
        case command if command in traffic.NAMES:
            traffic.run(host, arguments)
        case "releases":
            from ops.releases import history, prune

            match arguments.what:
                case "audit":
                    history.print_audit(host, arguments.json)
                case "prune":
                    prune.prune(host, arguments.keep, arguments.dry_run)
                case "unlock":
                    history.unlock(host)
                case _:
                    history.print_releases(host, arguments.json)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """A polite kill ends an operation as Ctrl-C does: with everything put back."""
    raise KeyboardInterrupt
