"""What the command lines of canary, experiment and shadow do; their words are in `ops.cli.traffic_parser`."""

from __future__ import annotations

import argparse
from typing import Any

from ops.errors import UsageError
from ops.rollout.candidate import Packaging
from ops.store import routing
from ops.terminal.console import say
from ops.torchserve.host import Host

NAMES = ("canary", "experiment", "shadow")
# What the command line calls the bounds of `ops.traffic.analysis.Bounds`.
BOUNDS = {
    "max_errors": "errors",
    "max_p95": "p95",
    "max_detections": "detections",
    "min_requests": "requests",
    "hold": "hold_s",
    "deadline": "deadline_s",
}


def packaging(arguments: argparse.Namespace) -> Packaging:
    """Return what the options of packaging say. Raises OpsError."""
    from ops.cli.packaging import check_int8

    check_int8(arguments)
    return Packaging(arguments.version, arguments.note, arguments.calibration, arguments.force, arguments.packaged)


def run(host: Host, arguments: argparse.Namespace) -> None:
    """Do what the command line says. Raises OpsError."""
    if arguments.what == "status":
        from ops.traffic import status

        status.print_status(host, _gateways(host, arguments), arguments.command, arguments.json)
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
        from ops.traffic import status

        status.report_gateways_behind(host, _gateways(host, arguments))


def _experiment(host: Host, arguments: argparse.Namespace) -> None:
    from ops.traffic import experiment

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
    from ops.traffic import shadow

    if arguments.what == "stop":
        shadow.stop(host, remove=arguments.remove, dry_run=arguments.dry_run)
        return
    share, how = routing.percent(arguments.percent), packaging(arguments)
    drift, dry_run = arguments.accept_drift, arguments.dry_run
    shadow.start(host, arguments.target, share, how, accept_drift=drift, dry_run=dry_run)


def _canary(host: Host, arguments: argparse.Namespace) -> None:
    from ops.traffic import canary

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
    from ops.traffic import analysis, canary

    steps = analysis.steps(arguments.steps) if arguments.steps else list(analysis.STEPS)
    analysis.Bounds(**given(arguments)).check()  # a mistake in them is told before minutes of packaging
    if arguments.percent is None and not arguments.auto:
        raise UsageError("start needs --percent P: the canary's share (or --auto)")
    share = steps[0] if arguments.percent is None else routing.percent(arguments.percent)
    how = packaging(arguments)
    options = {"accept_drift": arguments.accept_drift, "salt": arguments.key_salt, "dry_run": arguments.dry_run}
    canary.start(host, arguments.target, share, how, **options)
    if arguments.auto and not arguments.dry_run:
        _auto(host, arguments)


def _auto(host: Host, arguments: argparse.Namespace) -> None:
    from ops.traffic import analysis, autopilot

    steps = analysis.steps(arguments.steps) if arguments.steps else None
    try:
        autopilot.run(host, _gateways(host, arguments), steps, given(arguments))
    except KeyboardInterrupt:
        if routing.read_or_empty(host.store).canary:  # else it was promoted, or taken back, before the interruption
            say("\nThe canary keeps the share it has. To go on from here: bash scripts/canary.sh auto")
        raise


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the bounds that the command line names."""
    named = {field: getattr(arguments, option) for option, field in BOUNDS.items()}
    return {field: value for field, value in named.items() if value is not None}


def _gateways(host: Host, arguments: argparse.Namespace) -> Any:
    from ops.gateways.counters import Gateways

    urls = getattr(arguments, "gateway", None) or [host.gateway]
    if not all(urls):
        raise UsageError("name the gateway: --gateway URL")
    return Gateways(urls)
