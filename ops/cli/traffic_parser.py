"""The words of the command lines of canary, experiment and shadow; what they do is in `ops.cli.traffic`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_packaging(command: argparse.ArgumentParser) -> None:
    """Add the options of weights that become a version."""
    command.add_argument("--version", help="the version to give it (default: the next one)")
    command.add_argument("--note", default="", help="a line kept with the version")
    command.add_argument("--packaged", metavar="VERSION", help="this kept version was made of the weights just now")
    command.add_argument("--int8", action="store_true", help="quantise to int8: faster, slightly other detections")
    command.add_argument("--calibration", type=Path, metavar="DIR", help="with --int8: a folder of pictures")
    command.add_argument("--force", action="store_true", help="with --int8: also when it agrees too little with fp32")
    command.add_argument("--accept-drift", action="store_true", help="other classes or empty answers are meant")


def add(commands: Any) -> None:
    """Add the commands to the parser's."""
    canary = commands.add_parser("canary", help="send a share of the requests to a new version").add_subparsers(
        dest="what", required=True, metavar="WHAT"
    )
    start = canary.add_parser("start", help="load it beside the running version and send it a share")
    _target(start)
    start.add_argument("--percent", help="its share (default with --auto: the first step)")
    start.add_argument("--key-salt", help="the same salt puts the same clients into it (default: random)")
    start.add_argument("--auto", action="store_true", help="then go up step by step, or take it back")
    _bounds(start)
    share = canary.add_parser("set", help="send it another share")
    share.add_argument("percent")
    promote = canary.add_parser("promote", help="make it the version that serves")
    abort = canary.add_parser("abort", help="send everything to the stable version again")
    abort.add_argument("--keep", action="store_true", help="keep its archive")
    auto = canary.add_parser("auto", help="go up step by step, or take it back; goes on where it was")
    _bounds(auto)
    for command in (start, share, promote, abort):
        _dry_run(command)

    experiment = commands.add_parser("experiment", help="kept versions side by side").add_subparsers(
        dest="what", required=True, metavar="WHAT"
    )
    begin = experiment.add_parser("start", help="load kept versions and give each its share")
    begin.add_argument("name")
    begin.add_argument("--share", action="append", default=[], metavar="VERSION=PERCENT")
    begin.add_argument("--key-salt", help="the same salt puts the same clients into the same shares (default: random)")
    begin.add_argument("--note", default="", help="a line for the trail")
    begin.add_argument("--accept-drift", action="store_true", help="other classes or empty answers are meant")
    end = experiment.add_parser("stop", help="send everything to the stable version again")

    shadow = commands.add_parser("shadow", help="ask a version what clients ask, and count differences").add_subparsers(
        dest="what", required=True, metavar="WHAT"
    )
    mirror = shadow.add_parser("start", help="load it beside the running version and mirror a share to it")
    _target(mirror)
    mirror.add_argument("--percent", required=True, help="the share of the requests that it is asked as well")
    stop = shadow.add_parser("stop", help="mirror nothing any more")
    stop.add_argument("--remove", action="store_true", help="remove its archive, when it was packaged for this")
    for command in (begin, end, mirror, stop):
        _dry_run(command)
    for parts, others in ((canary, (start, auto)), (experiment, ()), (shadow, ())):
        status = parts.add_parser("status", help="how it is doing, by version")
        status.add_argument("--json", action="store_true", help="for programs")
        for command in (status, *others):
            command.add_argument("--gateway", action="append", metavar="URL", help="repeat it where there are several")


def _target(command: argparse.ArgumentParser) -> None:
    command.add_argument("target", metavar="NEW.pt", help="weights, or a kept version")
    add_packaging(command)


def _dry_run(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dry-run", action="store_true", help="say what would be done; change nothing")


def _bounds(command: argparse.ArgumentParser) -> None:
    command.add_argument("--steps", help="rising percentages; 100 promotes (default: 5,25,50,100)")
    command.add_argument("--max-errors", type=float, metavar="POINTS", help="more failed requests than stable's (1)")
    command.add_argument("--max-p95", type=float, metavar="TIMES", help="p95 beside stable's (1.5)")
    command.add_argument("--max-detections", type=float, metavar="PERCENT", help="other mean of detections (25)")
    command.add_argument("--min-requests", type=int, metavar="N", help="of each version in a step (100)")
    command.add_argument("--hold", type=float, metavar="S", help="a step lasts at least (60)")
    command.add_argument(
        "--deadline", type=float, metavar="S", help="a step that cannot be judged ends in abort (3600)"
    )
