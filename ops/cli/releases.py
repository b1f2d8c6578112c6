"""The command lines of redeploy, rollback and releases."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ops.cli import packaging
from ops.cli.parser import OPERATION, Parser, on_host, path
from ops.cli.registry import archives
from ops.errors import UsageError

if TYPE_CHECKING:
    from ops.torchserve.host import Host


def add(root: Parser) -> None:
    """Add the commands."""
    redeploy = root.add_command(
        "redeploy",
        "redeploy.sh",
        "put new weights live without a dropped request",
        """\
Packages the weights as a new version, loads it next to the running one, waits until its workers are
READY, tests it on the samples, compares its answers with the running version's, makes it current and
the default, lets the old version finish its requests, and unregisters it. A failure at any step
leaves the old version answering and nothing behind. The way back: bash scripts/rollback.sh
""",
        OPERATION,
    )
    redeploy.set_defaults(run=on_host(_redeploy))
    redeploy.add_argument("weights", type=path, metavar="NEW_BEST.pt", help="the weights to serve")
    packaging.add_options(redeploy)
    _add_abort_canary(redeploy)
    redeploy.add_model()
    redeploy.add_where()

    rollback = root.add_command(
        "rollback",
        "rollback.sh",
        "put a kept version live again",
        """\
Checks the sha256 of the kept archive, then puts it live as redeploy.sh does, without a dropped
request. If TorchServe is down, it makes the version current on disk and restarts TorchServe.
""",
        tuple(code for code in OPERATION if code != 4),
    )
    rollback.set_defaults(run=on_host(_rollback))
    rollback.add_argument(
        "version", nargs="?", metavar="VERSION", help="a kept version (default: the one that was current before)"
    )
    _add_abort_canary(rollback)
    rollback.add_dry_run()
    rollback.add_model()
    rollback.add_where()

    releases = root.add_command(
        "releases",
        "releases.sh",
        "show the kept versions and what was done to them; prune; push to a registry and pull from it",
        """\
  list     every kept version: size, sha256, when, by whom, note, and its role (the default)
  audit    what was done, by whom, when, and how it ended
  prune    remove all but the newest N versions; never the current or previous one, a canary, a
           shadow, one of an experiment, or one that is loaded
  push     upload a kept version to the registry that is set as REGISTRY, and sign it if there is a key
  pull     download a released version, verify its digest and, with a key, its signature, and keep it
  recover  complete or undo an operation that was cut off, as every other operation does first
  unlock   show who holds the lock (exit code 3), or that there is nothing to unlock: the lock of an
           operation that was killed is released at once
""",
        (0, 1, 2, 3, 5, 7),
    )
    releases.set_defaults(run=_releases, check=_check_releases)
    releases.add_argument(
        "action",
        nargs="?",
        default="list",
        choices=["list", "audit", "prune", *archives.ACTIONS, "recover", "unlock"],
        help="default: list",
    )
    archives.add_arguments(releases)
    releases.add_argument("--keep", type=int, metavar="N", help="prune: how many of the newest versions stay")
    releases.add_flag("--json", "list and audit: print JSON")
    releases.add_argument("--force", action="store_true", help=argparse.SUPPRESS)  # unlock: has no effect any more
    releases.add_dry_run()
    releases.add_model()
    releases.add_where()

    root.add_command(
        "loglines", "ops.sh", "print the lines of TorchServe's log that say why something failed"
    ).set_defaults(run=_loglines)


def _add_abort_canary(command: Parser) -> None:
    command.add_flag("--abort-canary", "end a canary that is active; without this option: exit code 8")


def _redeploy(host: Host, arguments: argparse.Namespace) -> None:
    from ops.releases import redeploy

    redeploy.redeploy(
        host,
        arguments.weights,
        packaging.how(arguments),
        accept_drift=arguments.accept_drift,
        abort_canary=arguments.abort_canary,
        dry_run=arguments.dry_run,
    )


def _rollback(host: Host, arguments: argparse.Namespace) -> None:
    from ops.releases import rollback

    rollback.rollback(host, arguments.version, abort_canary=arguments.abort_canary, dry_run=arguments.dry_run)


def _check_releases(arguments: argparse.Namespace) -> None:
    if arguments.action == "prune" and arguments.keep is None:
        raise UsageError("prune needs --keep N: how many of the newest versions stay")
    archives.check(arguments)


def _releases(arguments: argparse.Namespace) -> None:
    if arguments.action in archives.ACTIONS:
        archives.run(arguments)
    else:
        on_host(_of_host)(arguments)


def _of_host(host: Host, arguments: argparse.Namespace) -> None:
    from ops.releases import history, prune

    match arguments.action:
        case "audit":
            history.print_audit(host, arguments.json)
        case "prune":
            prune.prune(host, arguments.keep, arguments.dry_run)
        case "recover":
            history.finish_interrupted(host)
        case "unlock":
            history.unlock(host)
        case _:
            history.print_releases(host, arguments.json)


def _loglines(arguments: argparse.Namespace) -> None:
    from ops.torchserve.logs import find_reasons

    for line in find_reasons(sys.stdin.read()):
        print(f"    {line}")
