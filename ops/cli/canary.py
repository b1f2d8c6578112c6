"""The command line of canary."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ops.cli import packaging
from ops.cli.parser import OPERATION, Parser
from ops.cli.traffic import add_gateway, add_salt, add_status, add_target, gateways, report_notice
from ops.errors import UsageError
from ops.paths import script
from ops.store import routing
from ops.terminal.console import say
from ops.traffic import analysis

if TYPE_CHECKING:
    from ops.torchserve.host import Host

# Option, field of `analysis.Bounds`, unit, meaning.
BOUNDS = (
    ("--max-errors", "errors", "POINTS", "percentage points of failed requests more than the stable version"),
    ("--max-p95", "p95", "TIMES", "times the 95th percentile of the stable version"),
    ("--max-detections", "detections", "PERCENT", "percent more or fewer detections on average"),
    ("--min-requests", "requests", "N", "requests to each version before a step is judged"),
    ("--hold", "hold_s", "SECONDS", "a step lasts at least this long"),
    ("--deadline", "deadline_s", "SECONDS", "a step that cannot be judged after this time ends in an abort"),
)


def add(root: Parser) -> None:
    """Add the command."""
    actions = root.add_command(
        "canary",
        "canary.sh",
        "send a share of the requests to a new version, up to all of them or back to none",
        codes=(*OPERATION[:-1], 9, 130),
    )
    start = actions.add_operation(
        "start",
        _start,
        "Package weights, or take a kept version, and send it a share. It is loaded next to the running version and "
        "checked as redeploy.sh does. A client that sends X-Client-Key stays with one version.",
    )
    add_target(start)
    start.set_defaults(check=_check_start)
    start.add_argument(
        "--percent", type=routing.percent, metavar="P", help="its share (default with --auto: the first step)"
    )
    start.add_flag("--auto", "then go on as the action auto does")
    add_salt(start)
    add_gateway(start)
    _add_bounds(start)
    share = actions.add_operation("set", _set, "Send the canary another share.")
    share.add_argument("percent", type=routing.percent, metavar="P", help="percent of the requests")
    promote = actions.add_operation(
        "promote",
        _promote,
        "Send the canary every request. It becomes current and the default; the old version is drained and "
        "unregistered.",
    )
    abort = actions.add_operation(
        "abort",
        _abort,
        "Send every request to the stable version. The canary is drained and unregistered, and its archive removed if "
        "it was packaged for this canary.",
    )
    abort.add_flag("--keep", "keep its archive")
    for command in (share, promote, abort):
        command.add_dry_run()
    auto = actions.add_operation(
        "auto",
        _auto,
        "Raise the share step by step while the canary is as good as the stable version. Otherwise abort it. After an "
        "interruption, the same command goes on where it was.",
    )
    auto.set_defaults(check=_check_bounds)
    add_gateway(auto)
    _add_bounds(auto)
    add_status(actions)


def _add_bounds(command: Parser) -> None:
    bounds = command.add_argument_group("bounds of auto")
    steps = ",".join(f"{step:g}" for step in analysis.STEPS)
    bounds.add_argument("--steps", type=analysis.steps, help=f"rising percentages; 100 promotes (default: {steps})")
    defaults = analysis.Bounds()
    for option, field, metavar, text in BOUNDS:
        default = getattr(defaults, field)
        bounds.add_argument(
            option, dest=field, type=type(default), metavar=metavar, help=f"{text} (default: {default:g})"
        )


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the bounds that the command line names."""
    named = {field.name: getattr(arguments, field.name) for field in fields(analysis.Bounds)}
    return {name: value for name, value in named.items() if value is not None}


def _check_bounds(arguments: argparse.Namespace) -> None:
    analysis.Bounds(**given(arguments)).check()


def _check_start(arguments: argparse.Namespace) -> None:
    """Report mistakes before minutes of packaging. Raises UsageError."""
    packaging.check(arguments)
    _check_bounds(arguments)
    if arguments.percent is None and not arguments.auto:
        raise UsageError("start needs --percent P, the canary's share, or --auto")


def _start(host: Host, arguments: argparse.Namespace) -> None:
    from ops.traffic import canary

    share = arguments.percent
    if share is None:
        share = (arguments.steps or analysis.STEPS)[0]
    options = {"accept_drift": arguments.accept_drift, "salt": arguments.key_salt, "dry_run": arguments.dry_run}
    canary.start(host, arguments.weights, share, packaging.how(arguments), **options)
    if arguments.auto and not arguments.dry_run:
        _auto(host, arguments)
    else:
        report_notice(host, arguments)


def _set(host: Host, arguments: argparse.Namespace) -> None:
    from ops.traffic import canary

    canary.set_percent(host, arguments.percent, dry_run=arguments.dry_run)
    report_notice(host, arguments)


def _promote(host: Host, arguments: argparse.Namespace) -> None:
    from ops.traffic import canary

    canary.promote(host, dry_run=arguments.dry_run)


def _abort(host: Host, arguments: argparse.Namespace) -> None:
    from ops.traffic import canary

    canary.abort(host, keep=arguments.keep, dry_run=arguments.dry_run)


def _auto(host: Host, arguments: argparse.Namespace) -> None:
    from ops.traffic import autopilot

    try:
        autopilot.run(host, gateways(host, arguments), arguments.steps, given(arguments))
    except KeyboardInterrupt:
        if routing.read_or_empty(host.store).canary:  # otherwise it was promoted or aborted before the interruption
            say(f"\nThe canary keeps its share. To go on from here: {script('canary.sh auto', host.store)}")
        raise
