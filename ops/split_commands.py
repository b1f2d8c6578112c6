"""The command lines of canary, experiment and shadow."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ops import routing
from ops.candidate import Packaging
from ops.console import say
from ops.errors import UsageError
from ops.host import Host

NAMES = ("canary", "experiment", "shadow")
# What the command line calls the bounds of `ops.bounds.Bounds`.
BOUNDS = {
    "max_errors": "errors",
    "max_p95": "p95",
    "max_detections": "detections",
    "min_requests": "requests",
    "hold": "hold_s",
    "deadline": "deadline_s",
}


def add_packaging(command: argparse.ArgumentParser) -> None:
    """Add the options of weights that become a version."""
    command.add_argument("--version", help="the version to give it (default: the next one)")
    command.add_argument("--note", default="", help="a line kept with the version")
    command.add_argument("--packaged", metavar="VERSION", help="this kept version was made of the weights just now")
    command.add_argument("--int8", action="store_true", help="quantise to int8: faster, slightly other detections")
    command.add_argument("--calibration", type=Path, metavar="DIR", help="with --int8: a folder of pictures")
    command.add_argument("--force", action="store_true", help="with --int8: also when it agrees too little with fp32")
    command.add_argument("--accept-drift", action="store_true", help="other classes or empty answers are meant")


def packaging(arguments: argparse.Namespace) -> Packaging:
    """Return what the options of `add_packaging` say. Raises OpsError."""
    from ops.int8_options import check_int8

    check_int8(arguments)
    return Packaging(arguments.version, arguments.note, arguments.calibration, arguments.force, arguments.packaged)


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


def run(host: Host, arguments: argparse.Namespace) -> None:
    """Do what the command line says. Raises OpsError."""
    if arguments.what == "status":
        from ops import split_status

        split_status.status(host, _gateways(host, arguments), arguments.command, arguments.json)
        return
    match arguments.command:
        case "canary":
            _canary(host, arguments)
        case "experiment":
            _experiment(host, arguments)
        case _:
            _shadow(host, arguments)
    if arguments.what in ("start", "set") and host.gateway and not arguments.dry_run:
        if getattr(arguments, "auto", False):  # has looked all the time
            return
        from ops import split_status

        split_status.heard(host, _gateways(host, arguments))


def _experiment(host: Host, arguments: argparse.Namespace) -> None:
    from ops import experiment

    if arguments.what == "stop":
        experiment.stop(host, dry_run=arguments.dry_run)
        return
    experiment.start(
        host,
        arguments.name,
        experiment.shares(arguments.share),
        accept_drift=arguments.accept_drift,
        salt=arguments.key_salt,
        note=arguments.note,
        dry_run=arguments.dry_run,
    )


def _shadow(host: Host, arguments: argparse.Namespace) -> None:
    from ops import shadow

    if arguments.what == "stop":
        shadow.stop(host, remove=arguments.remove, dry_run=arguments.dry_run)
        return
    share, how = routing.percent(arguments.percent), packaging(arguments)
    if arguments.dry_run:
        shadow.plan_start(host, arguments.target, share, how)
    else:
        shadow.start(host, arguments.target, share, how, accept_drift=arguments.accept_drift)


def _canary(host: Host, arguments: argparse.Namespace) -> None:
    from ops import canary

    match arguments.what:
        case "start":
            _start(host, arguments)
        case "set":
            canary.set_percent(host, routing.percent(arguments.percent), dry_run=arguments.dry_run)
        case "promote":
            canary.promote(host, dry_run=arguments.dry_run)
        case "abort":
            canary.abort(host, keep=arguments.keep, dry_run=arguments.dry_run)
        case _:
            _auto(host, arguments)


def _start(host: Host, arguments: argparse.Namespace) -> None:
    from ops import autopilot, bounds, canary

    steps = bounds.steps(arguments.steps) if arguments.steps else list(autopilot.STEPS)
    bounds.Bounds(**given(arguments)).check()  # a mistake in them is told before minutes of packaging
    if arguments.percent is None and not arguments.auto:
        raise UsageError("start needs --percent P: the canary's share (or --auto)")
    share = steps[0] if arguments.percent is None else routing.percent(arguments.percent)
    how = packaging(arguments)
    if arguments.dry_run:
        canary.plan_start(host, arguments.target, share, how, accept_drift=arguments.accept_drift)
        return
    canary.start(host, arguments.target, share, how, accept_drift=arguments.accept_drift, salt=arguments.key_salt)
    if arguments.auto:
        _auto(host, arguments)


def _auto(host: Host, arguments: argparse.Namespace) -> None:
    from ops import autopilot, bounds

    steps = bounds.steps(arguments.steps) if arguments.steps else None
    try:
        autopilot.run(host, _gateways(host, arguments), steps, given(arguments))
    except KeyboardInterrupt:
        say("\nThe canary keeps the share it has. To go on from here: bash scripts/canary.sh auto")
        raise


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the bounds that the command line names."""
    named = {field: getattr(arguments, option) for option, field in BOUNDS.items()}
    return {field: value for field, value in named.items() if value is not None}


def _gateways(host: Host, arguments: argparse.Namespace) -> Any:
    from ops.traffic import Gateways

    urls = getattr(arguments, "gateway", None) or [host.gateway]
    if not all(urls):
        raise UsageError("name the gateway: --gateway URL")
    return Gateways(urls, key=host.gateway_key.strip())
