"""The command lines of experiment and shadow, and the options that they share with canary."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ops.cli import packaging
from ops.cli.parser import OPERATION, Parser
from ops.errors import UsageError
from ops.store import routing

if TYPE_CHECKING:
    from ops.gateways.counters import Gateways
    from ops.torchserve.host import Host


def add(root: Parser) -> None:
    """Add the commands."""
    actions = root.add_command(
        "experiment",
        "experiment.sh",
        "serve kept versions side by side, each with its share of the requests",
        codes=OPERATION,
    )
    start = actions.add_operation(
        "start",
        _start_experiment,
        "Load kept versions, check them, and send each its share. The stable version gets the rest, or a share that is "
        "given as well. Every answer names the version that made it.",
    )
    start.set_defaults(check=_check_experiment)
    start.add_argument("name", metavar="NAME", help="name of the experiment")
    start.add_argument(
        "--share", action="append", default=[], metavar="VERSION=PERCENT", help="repeat it for each version"
    )
    add_salt(start)
    start.add_argument("--note", metavar="TEXT", default="", help="a line for the audit trail")
    start.add_accept_drift()
    stop = actions.add_operation(
        "stop",
        _stop_experiment,
        "Send every request to the stable version. The others are drained and unregistered, and stay kept.",
    )
    for command in (start, stop):
        command.add_dry_run()
    add_status(actions)

    actions = root.add_command(
        "shadow", "shadow.sh", "send a version copies of the requests and count how its answers differ", codes=OPERATION
    )
    start = actions.add_operation(
        "start",
        _start_shadow,
        "Package weights, or take a kept version, and mirror requests to it. It is loaded next to the running version "
        "and checked. Clients never get its answers and never wait for them.",
    )
    add_target(start)
    start.add_argument(
        "--percent", type=routing.percent, metavar="P", required=True, help="percent of the requests that are copied"
    )
    stop = actions.add_operation("stop", _stop_shadow, "Stop mirroring and unregister the version.")
    stop.add_flag("--remove", "remove its archive if it was packaged for this shadow")
    stop.add_dry_run()
    add_status(actions)


def add_target(command: Parser) -> None:
    """Add what joins the stable version, and how it is packaged."""
    packaging.add_target(command, "weights (a name that ends in .pt, or a path with a slash) or a kept version")
    packaging.add_options(command)


def add_salt(command: Parser) -> None:
    """Add --key-salt."""
    command.add_argument(
        "--key-salt", metavar="TEXT", help="the same salt assigns the same clients (X-Client-Key) (default: random)"
    )


def add_gateway(command: Parser) -> None:
    """Add --gateway."""
    command.add_argument(
        "--gateway", action="append", metavar="URL", help="a gateway whose numbers count; repeat it for several"
    )


def add_status(actions: Parser) -> None:
    """Add the action status."""
    status = actions.add_operation("status", _status, "Show what each version did, at each gateway.")
    status.add_flag("--json", "print JSON")
    add_gateway(status)


def report_notice(host: Host, arguments: argparse.Namespace) -> None:
    """Print which gateways have taken over a change; nothing after a dry run."""
    if host.gateway and not arguments.dry_run:
        from ops.traffic import status

        status.report_gateways_behind(host, gateways(host, arguments))


def gateways(host: Host, arguments: argparse.Namespace) -> Gateways:
    """Return the gateways that were named, or the deployment's own. Raises UsageError."""
    from ops.gateways.counters import Gateways

    urls = getattr(arguments, "gateway", None) or [host.gateway]
    if not all(urls):
        raise UsageError("name the gateway: --gateway URL")
    return Gateways(urls, model=host.model)


def _check_experiment(arguments: argparse.Namespace) -> None:
    if not arguments.share:
        raise UsageError("start needs --share VERSION=PERCENT, once for each version")


def _start_experiment(host: Host, arguments: argparse.Namespace) -> None:
    from ops.traffic import experiment

    experiment.start(
        host,
        arguments.name,
        experiment.shares(arguments.share),
        accept_drift=arguments.accept_drift,
        salt=arguments.key_salt,
        note=arguments.note,
        dry_run=arguments.dry_run,
    )
    report_notice(host, arguments)


def _stop_experiment(host: Host, arguments: argparse.Namespace) -> None:
    from ops.traffic import experiment

    experiment.stop(host, dry_run=arguments.dry_run)


def _start_shadow(host: Host, arguments: argparse.Namespace) -> None:
    from ops.traffic import shadow

    how, drift, dry_run = packaging.how(arguments), arguments.accept_drift, arguments.dry_run
    shadow.start(host, arguments.weights, arguments.percent, how, accept_drift=drift, dry_run=dry_run)
    report_notice(host, arguments)


def _stop_shadow(host: Host, arguments: argparse.Namespace) -> None:
    from ops.traffic import shadow

    shadow.stop(host, remove=arguments.remove, dry_run=arguments.dry_run)


def _status(host: Host, arguments: argparse.Namespace) -> None:
    from ops.traffic import status

    status.print_status(host, gateways(host, arguments), arguments.command, arguments.json)
