"""The command lines of up, down and status."""

from __future__ import annotations

import argparse

from ops.cli.parser import Parser
from ops.cli.values import number, whole
from ops.errors import UsageError


def add(root: Parser) -> None:
    """Add the commands."""
    up = root.add_command(
        "up",
        "up.sh",
        "set up everything and start the service: with Docker if an engine answers, else natively",
        """\
Sets up what is missing (weights, archive, sample pictures; natively also .venv and Java), starts
TorchServe and the gateway, waits until a worker is READY and shows the detections of
samples/street.jpg. It is safe to run again.

Settings come from the environment or .env, see .env.example. To use your own weights, copy them to
models/weights/best.pt, or set WEIGHTS to a path or URL.
""",
    )
    up.set_defaults(run=_up)
    up.add_where("do not use Docker, even if an engine answers", "use Docker, or fail")
    down = root.add_command(
        "down",
        "down.sh",
        "stop the service, however it was started",
        """\
Stops what up.sh started, natively and in Docker. Requests in flight are finished first. Weights,
archives, images and .venv stay.
""",
    )
    down.set_defaults(run=_down)
    status = root.add_command(
        "status",
        "status.sh",
        "show what runs and whether it is ready; exit code 0 means ready",
        """\
--watch shows models, versions, workers, rates, p95, queues, memory and the last operations, again and
again until Ctrl-C; then the exit code is that of the last look. If the gateway requires keys, rates need
one with the scope admin: YOLO_API_KEY_FILE (a file) or YOLO_API_KEY.
""",
    )
    status.set_defaults(run=_status, check=_check_status)
    status.add_flag("--watch", "a live view; without a terminal a block of text each time")
    status.add_argument("--interval", type=number(0.2, 3600), metavar="S", help="with --watch: seconds (default: 1)")
    status.add_argument("--count", type=whole(1, 10**9), metavar="N", help="with --watch: how often (default: forever)")
    observe = root.add_command(
        "observe",
        "observe.sh",
        "start Prometheus and Alertmanager next to the native service; stop them; show whether they run",
        """\
Uses the programs of the distribution (Debian: prometheus, prometheus-alertmanager and, for the
machine's disk and CPU, prometheus-node-exporter). They listen on 127.0.0.1. What they keep is in
.run/observability/. In Compose: docker compose --profile observability up -d
""",
    )
    observe.add_argument("do", choices=("start", "stop", "status"), nargs="?", default="start", help="default: start")
    observe.set_defaults(run=_observe)


def _up(arguments: argparse.Namespace) -> None:
    from ops.models import listing
    from ops.native import service
    from ops.rollout.recovery import settle_switch
    from ops.torchserve import host

    service.up(settle=settle_switch)
    listing.print_when_loaded(host.here())


def _down(arguments: argparse.Namespace) -> None:
    from ops.native import service

    service.down()


def _check_status(arguments: argparse.Namespace) -> None:
    """Raise UsageError for an option that needs --watch."""
    for name in ("interval", "count"):
        if getattr(arguments, name) is not None and not arguments.watch:
            raise UsageError(f"--{name} needs --watch")


def _status(arguments: argparse.Namespace) -> int:
    if arguments.watch:
        from ops.watch import run

        return 0 if run.watch(arguments.interval or 1.0, arguments.count) else 1
    from ops.native import service

    return 0 if service.status() else 1


def _observe(arguments: argparse.Namespace) -> int:
    from ops.native import observe

    if arguments.do == "status":
        return 0 if observe.status() else 1
    if arguments.do == "start":
        observe.start()
    else:
        observe.stop()
    return 0
